"""What every fusion block of feature vectors shares: its contract, its checks and its projections."""

import torch
from torch import nn

from mmcourse.inputs import check_features, check_widths, keep


class FusionBlock(nn.Module):
    """Several feature vectors an item in, one out.

    What an absent modality holds, NaN included, changes neither the output nor a gradient. Item *i* of the output
    depends on item *i* of the input only, and the order of the keys does not matter.

    Parameters
    ----------
    dims : dict of str to int
        Width of each modality's features.
    out_dim : int
        Width of the result.

    Inputs
    ------
    features : dict of str to float tensor (B, d_m)
        One tensor for each key of `dims`.
    present : dict of str to bool tensor (B,), optional
        True where the item has the modality; all of them by default.

    Returns (B, out_dim). ValueError for a missing or unknown key, a wrong width, rank or dtype, or an empty batch.
    """

    def __init__(self, dims, out_dim):
        super().__init__()
        check_widths(dims, out_dim)
        self.dims = {name: dims[name] for name in sorted(dims)}
        self.out_dim = out_dim

    def forward(self, features, present=None):
        """Check the input, put zeros where a modality is absent, and fuse."""
        present = check_features(features, present, self.dims)
        check_dtype(features, self)
        here = torch.stack([present[name] for name in self.dims])[..., None]
        return self.fuse([keep(present[name], features[name]) for name in self.dims], here)

    def fuse(self, features, here):
        """Fuse a list of (B, d_m), zeros where absent, in the order of `self.dims`; `here` is bool (M, B, 1)."""
        raise NotImplementedError


class Projections(nn.ModuleDict):
    """One linear layer a modality, all to one width."""

    def __init__(self, dims, width):
        super().__init__({name: nn.Linear(d, width) for name, d in dims.items()})

    def forward(self, features):
        """Map a list of (B, d_m) to (M, B, width)."""
        return torch.stack([layer(x) for layer, x in zip(self.values(), features, strict=True)])


def check_dtype(tensors, module):
    """Raise unless all tensors of a dict have the dtype of the module's parameters, or autocast takes care of it."""
    expected = next(module.parameters()).dtype
    for name, x in tensors.items():
        if x.dtype != expected and not torch.is_autocast_enabled(x.device.type):
            raise ValueError(f"{name!r} must have the dtype of the block, {expected}; got {x.dtype}")
