"""Several transformer layers side by side, each with weights of its own, computed as one.

The groups are pairs of modalities or modalities; axis 0 of every tensor is the group.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from mmcourse.inputs import keep


class GroupedLinear(nn.Module):
    """One linear layer a group: (G, B, T, in) -> (G, B, T, out). `weight` is (G, in, out), `bias` (G, out)."""

    def __init__(self, groups, in_dim, out_dim, *, bias=True):
        super().__init__()
        bound = 1 / math.sqrt(in_dim)
        self.weight = nn.Parameter(torch.empty(groups, in_dim, out_dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(groups, out_dim)) if bias else None

    def forward(self, x):
        flat = x.flatten(1, 2)
        flat = (
            torch.bmm(flat, self.weight) if self.bias is None else torch.baddbmm(self.bias[:, None], flat, self.weight)
        )
        return flat.unflatten(1, x.shape[1:3])


class GroupedNorm(nn.Module):
    """One layer normalisation a group over the last axis of (G, B, T, width)."""

    def __init__(self, groups, width):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(groups, width)), nn.Parameter(torch.zeros(groups, width))

    def forward(self, x):
        return functional.layer_norm(x, x.shape[-1:]) * self.weight[:, None, None] + self.bias[:, None, None]


class GroupedAttention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017, section 3.2.2) of each group, with a mask of the keys.

    Parameters
    ----------
    groups, width, num_heads : int
    reach : int, optional
        Adds a learned bias for each head and each distance from -reach to reach between key and query (larger ones
        count as reach), so that a lag between two streams can be learned (Shaw et al. 2018; Raffel et al. 2020).

    Inputs
    ------
    x : (G, B, T, width), the queries
    source : (G, B, S, width), the keys and values
    mask : bool (G, B, S), True = keep

    Returns (G, B, T, width); where no key is kept, what attention to nothing gives: the bias of the output layer.
    """

    def __init__(self, groups, width, num_heads, *, reach=None):
        super().__init__()
        if width % num_heads:
            raise ValueError(f"width must be a multiple of num_heads; got {width} and {num_heads}")
        self.num_heads, self.reach = num_heads, reach
        self.query = GroupedLinear(groups, width, width)
        self.key = GroupedLinear(groups, width, width, bias=False)  # softmax would cancel it
        self.value = GroupedLinear(groups, width, width)
        self.output = GroupedLinear(groups, width, width)
        if reach is not None:
            self.distances = nn.Parameter(torch.zeros(groups, num_heads, 2 * reach + 1))

    def forward(self, x, source, mask):
        heads = [
            layer(y).unflatten(-1, (self.num_heads, -1)).transpose(2, 3).flatten(0, 1)
            for layer, y in ((self.query, x), (self.key, source), (self.value, source))
        ]
        some = mask.any(-1)
        allowed = (mask | ~some[..., None]).flatten(0, 1)[:, None, None]  # (G B, 1, 1, S)
        if self.reach is not None:
            steps = torch.arange(source.shape[2], device=x.device) - torch.arange(x.shape[2], device=x.device)[:, None]
            bias = self.distances[..., steps.clamp(-self.reach, self.reach) + self.reach].to(heads[0].dtype)
            bias = bias[:, None].expand(-1, x.shape[1], -1, -1, -1).flatten(0, 1)
            allowed = torch.where(allowed, bias, -torch.inf)
        attended = functional.scaled_dot_product_attention(*heads, attn_mask=allowed)
        attended = attended.transpose(1, 2).flatten(2).unflatten(0, x.shape[:2])
        return self.output(keep(some, attended))


class GroupedLayer(nn.Module):
    """A transformer layer with normalisation first: attention to a source, then two linear layers with a GELU.

    Parameters, inputs: see `GroupedAttention`; `source` None makes it self-attention over `x`.
    """

    def __init__(self, groups, width, num_heads, *, reach=None, dropout=0.0):
        super().__init__()
        self.norm_attention, self.norm_feed = GroupedNorm(groups, width), GroupedNorm(groups, width)
        self.attention = GroupedAttention(groups, width, num_heads, reach=reach)
        self.widen, self.narrow = GroupedLinear(groups, width, 4 * width), GroupedLinear(groups, 4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, source, mask):
        query = self.norm_attention(x)
        keys = query if source is None else self.norm_attention(source)
        x = x + self.dropout(self.attention(query, keys, mask))
        return x + self.dropout(self.narrow(functional.gelu(self.widen(self.norm_feed(x)))))
