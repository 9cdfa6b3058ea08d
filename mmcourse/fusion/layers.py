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
        weight, bias = self.weight[:, None, None], self.bias[:, None, None]
        return torch.addcmul(bias, functional.layer_norm(x, x.shape[-1:]), weight)


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
    mask : bool (G, B, S), True = keep, or None for all

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
        tensors = ((self.query, x), (self.key, source), (self.value, source))
        heads = [layer(y).unflatten(-1, (self.num_heads, -1)).transpose(2, 3) for layer, y in tensors]
        some = None if mask is None else mask.any(-1)
        allowed = None if mask is None else (mask | ~some[..., None])[:, :, None, None]  # (G, B, 1, 1, S)
        attended = self.weigh(*heads, allowed).transpose(2, 3).flatten(3)
        return self.output(keep(some, attended))

    def weigh(self, query, key, value, allowed):
        """Attention of (G, B, heads, T, d) to the keys (G, B, heads, S, d) that are allowed."""
        if self.reach is None:
            allowed = allowed if allowed is None else allowed.flatten(0, 1)
            flat = (y.flatten(0, 1) for y in (query, key, value))
            return functional.scaled_dot_product_attention(*flat, attn_mask=allowed).unflatten(0, query.shape[:2])
        # torch's own would want the bias of a group copied for each item, since it has to learn
        steps = torch.arange(key.shape[3], device=key.device) - torch.arange(query.shape[3], device=key.device)[:, None]
        bias = self.distances[..., steps.clamp(-self.reach, self.reach) + self.reach].to(query.dtype)
        scores = (query / math.sqrt(query.shape[-1])) @ key.mT + bias[:, None]
        scores = scores if allowed is None else scores.masked_fill(~allowed, -torch.inf)
        return scores.softmax(-1) @ value


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
