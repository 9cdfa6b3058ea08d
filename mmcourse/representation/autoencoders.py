"""Autoencoders: one code for an item, of one modality or of several (lesson 06)."""

from torch import nn
from torch.nn import functional

from mmcourse.inputs import check_features, check_tensor, check_widths, keep
from mmcourse.representation.encoders import MLPEncoder


class Autoencoder(nn.Module):
    """Squeeze an item through a narrow code and rebuild it (Hinton and Salakhutdinov 2006).

    Parameters
    ----------
    in_dim : numbers in an item
    code_dim : width of the code
    hidden : widths of the layers between; the decoder mirrors them
    """

    def __init__(self, in_dim, code_dim, hidden=(128,)):
        super().__init__()
        self.encoder = MLPEncoder(in_dim, code_dim, hidden)
        self.decoder = MLPEncoder(code_dim, in_dim, tuple(reversed(hidden)))

    def encode(self, x):
        """(B, in_dim) -> code (B, code_dim)."""
        check_tensor("x", x, (2,), self.encoder.in_dim)
        return self.encoder(x)[0]

    def decode(self, code):
        """(B, code_dim) -> (B, in_dim)."""
        check_tensor("code", code, (2,), self.decoder.in_dim)
        return self.decoder(code)[0]

    def forward(self, x):
        """Rebuild x: (B, in_dim) -> (B, in_dim). ValueError on a wrong shape or dtype."""
        return self.decode(self.encode(x))

    def loss(self, x):
        """Mean squared error of the reconstruction, a scalar."""
        return functional.mse_loss(self(x), x)


class MultimodalAutoencoder(nn.Module):
    """One code from any subset of the modalities; from it all of them are rebuilt (after Ngiam et al. 2011).

    Each present modality gives a vector; the code is a linear map of their mean. Where everything is absent the code
    is that map's bias.

    Parameters
    ----------
    dims : numbers in an item of each modality, such as {"image": 64, "audio": 32}
    code_dim : width of the shared code
    hidden : width of the hidden layer of each encoder and decoder
    """

    def __init__(self, dims, code_dim, hidden=128):
        super().__init__()
        check_widths(dims, code_dim)
        self.dims = {name: dims[name] for name in sorted(dims)}
        self.code_dim = code_dim
        self.encoders = nn.ModuleDict({name: MLPEncoder(d, hidden, (hidden,)) for name, d in self.dims.items()})
        self.join = nn.Linear(hidden, code_dim)
        self.decoders = nn.ModuleDict({name: MLPEncoder(code_dim, d, (hidden,)) for name, d in self.dims.items()})

    def encode(self, features, present=None):
        """Code of each item, from what is present.

        Parameters
        ----------
        features : dict of float tensors (B, d_m); an absent row may hold anything, NaN included
        present : dict of bool tensors (B,), or None when everything is there

        Returns
        -------
        tensor (B, code_dim)

        Raises
        ------
        ValueError
            On a missing or unknown modality, or a wrong shape or dtype.
        """
        present = check_features(features, present, self.dims)
        total = sum(self.encoders[name](features[name], present[name])[0] for name in self.dims)
        count = sum(present[name].to(total.dtype) for name in self.dims)
        return self.join(total / count.clamp(min=1)[:, None])

    def forward(self, features, present=None):
        """Rebuild every modality, the absent ones too; arguments as in `encode`. Returns a dict of (B, d_m)."""
        code = self.encode(features, present)
        return {name: self.decoders[name](code)[0] for name in self.dims}

    def loss(self, features, present=None, seen=None):
        """Squared error of all that is present, rebuilt from what is `seen`, averaged over numbers and modalities.

        Training on random subsets `seen` teaches the code to do with what there is.

        Parameters
        ----------
        features, present : as in `encode`
        seen : dict of bool tensors (B,): what the encoders may look at, of what is present; None for all of it

        Returns
        -------
        scalar tensor; 0 if nothing is present
        """
        present = check_features(features, present, self.dims)
        seen = present if seen is None else check_features(features, seen, self.dims)
        rebuilt = self(features, {name: present[name] & seen[name] for name in self.dims})
        losses = []
        for name, d in self.dims.items():
            error = keep(present[name], rebuilt[name] - features[name]).square().sum()
            losses.append(error / (d * present[name].sum().clamp(min=1)))
        return sum(losses) / len(losses)
