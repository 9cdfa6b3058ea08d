"""Fusion of sequences of different lengths that need not be in step (lesson 08)."""

import torch
from torch import nn
from torch.nn import functional

from mmcourse.fusion.base import check_dtype
from mmcourse.fusion.layers import GroupedLayer
from mmcourse.inputs import check_keys, check_mask, check_rows, check_tensor, check_widths, keep, masked_mean, positions


class SequenceFusion(nn.Module):
    """Several sequences an item in, one vector out.

    What a mask leaves out, NaN included, changes neither the output nor a gradient; a row whose mask is all False
    means that the modality is absent. Item *i* of the output depends on item *i* of the input only.

    Parameters
    ----------
    dims : dict of str to int
        Width of each modality's steps.
    out_dim : int
        Width of the result.
    width : int
        Width inside, a multiple of `num_heads`.
    num_layers, num_heads : int
    dropout : float

    Inputs
    ------
    sequences : dict of str to float tensor (B, T_m, d_m)
    masks : dict of str to bool tensor (B, T_m), optional
        True = keep; everything by default.

    Returns (B, out_dim). ValueError for a missing or unknown key, a wrong width, rank or dtype, an empty batch or an
    empty sequence.
    """

    def __init__(self, dims, out_dim, *, width=64):
        super().__init__()
        check_widths(dims, out_dim)
        self.dims = {name: dims[name] for name in sorted(dims)}
        self.out_dim, self.width = out_dim, width
        self.inputs = nn.ModuleDict({name: nn.Linear(d, width) for name, d in self.dims.items()})

    def embed(self, sequences, masks):
        """Check, project, pad to one length and stack: (M, B, T, width) and the mask (M, B, T)."""
        check_keys("sequences", sequences, self.dims)
        if masks is not None:
            check_keys("masks", masks, self.dims)
        for name, d in self.dims.items():
            check_tensor(f"sequences[{name!r}]", sequences[name], (3,), d)
            check_mask(f"masks[{name!r}]", None if masks is None else masks[name], sequences[name].shape[:2])
        check_dtype(sequences, self)
        check_rows("sequences", sequences)
        longest = max(x.shape[1] for x in sequences.values())
        steps, kept = [], []
        for name, layer in self.inputs.items():
            x = sequences[name]
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if masks is None else masks[name]
            missing = longest - x.shape[1]
            steps.append(functional.pad(layer(keep(mask, x)), (0, 0, 0, missing)))
            kept.append(functional.pad(mask, (0, missing)))
        return torch.stack(steps), torch.stack(kept)


class CrossModalTransformer(SequenceFusion):
    """Each modality reads each other one: a stack of cross-modal layers for every ordered pair, all pairs at once.

    Steps of the reader attend to all steps of the source, by content and by distance (a learned bias for distances up
    to `reach` steps), so the streams need not be in step. The results are averaged over the reader's kept steps, set
    side by side and mapped to `out_dim`. With everything absent, the bias of that last layer.

    Parameters
    ----------
    reach : int
        Distances beyond it share one bias.
    dims, out_dim, width, num_layers, num_heads, dropout : see `SequenceFusion`

    Inputs and errors: see `SequenceFusion`; ValueError also for fewer than two modalities.

    References
    ----------
    Y.-H. Tsai et al., "Multimodal transformer for unaligned multimodal language sequences", ACL 2019, section 3.2,
    without its convolutions and its last self-attention; P. Shaw et al., "Self-attention with relative position
    representations", NAACL 2018.
    """

    def __init__(self, dims, out_dim, *, width=64, num_layers=2, num_heads=4, reach=16, dropout=0.0):
        super().__init__(dims, out_dim, width=width)
        if len(self.dims) < 2:
            raise ValueError(f"dims must hold at least two modalities, one to read the other; got {dims}")
        count = len(self.dims)
        self.pairs = [(m, n) for m in range(count) for n in range(count) if m != n]
        self.layers = nn.ModuleList(
            GroupedLayer(len(self.pairs), width, num_heads, reach=reach, dropout=dropout) for _ in range(num_layers)
        )
        self.output = nn.Linear(len(self.pairs) * width, out_dim)

    def forward(self, sequences, masks=None):
        x, mask = self.embed(sequences, masks)
        readers, sources = (list(side) for side in zip(*self.pairs, strict=True))
        whole = masks is None and len({steps.shape[1] for steps in sequences.values()}) == 1
        read, source, source_mask = x[readers], x[sources], None if whole else mask[sources]
        for layer in self.layers:
            read = layer(read, source, source_mask)
        pooled = masked_mean(read.flatten(0, 1), mask[readers].flatten(0, 1))
        return self.output(pooled.unflatten(0, (len(self.pairs), -1)).transpose(0, 1).flatten(1))


class BottleneckTransformer(SequenceFusion):
    """Modalities exchange what they know through a few shared tokens only.

    In each layer every modality attends to its own steps and the shared tokens; each makes its own version of the
    tokens, and the mean over the present modalities goes on. The output is a linear layer of the mean token, so with
    everything absent it is learned. Positions are sines and cosines.

    Parameters
    ----------
    bottleneck : int
        Number of shared tokens.
    dims, out_dim, width, num_layers, num_heads, dropout : see `SequenceFusion`

    Inputs and errors: see `SequenceFusion`; ValueError also for fewer than one token.

    References
    ----------
    A. Nagrani et al., "Attention bottlenecks for multimodal fusion", NeurIPS 2021, eq. 8 and 9.
    """

    def __init__(self, dims, out_dim, *, bottleneck=4, width=64, num_layers=2, num_heads=4, dropout=0.0):
        super().__init__(dims, out_dim, width=width)
        if bottleneck < 1:
            raise ValueError(f"bottleneck must be at least 1 token; got {bottleneck}")
        self.tokens = nn.Parameter(torch.randn(bottleneck, width) * 0.02)
        self.layers = nn.ModuleList(
            GroupedLayer(len(self.dims), width, num_heads, dropout=dropout) for _ in range(num_layers)
        )
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, out_dim)

    def forward(self, sequences, masks=None):
        x, mask = self.embed(sequences, masks)
        x = x + positions(x.shape[2], self.width, x)
        tokens = self.tokens.to(x.dtype).expand(x.shape[1], -1, -1)
        for layer in self.layers:
            x, tokens = exchange(layer, x, mask, tokens)
        return self.output(self.norm(tokens).mean(1))


def exchange(layer, x, mask, tokens):
    """One layer: steps (M, B, T, w) and tokens (B, K, w) in, both out; absent modalities leave the tokens alone."""
    here = mask.any(-1)[..., None, None]  # (M, B, 1, 1)
    shared = tokens.expand(len(x), *tokens.shape)
    kept = torch.cat([mask, mask.new_ones(shared.shape[:3])], 2)
    x, versions = layer(torch.cat([x, shared], 2), None, kept).split([x.shape[2], tokens.shape[1]], 2)
    mean = keep(here[..., 0, 0], versions).sum(0) / here.sum(0).clamp(min=1)
    return x, torch.where(here.any(0), mean, tokens)
