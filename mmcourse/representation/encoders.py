"""Encoders with one contract: `encoder(x, mask=None) -> (features, mask)` (lesson 05).

They return (B, d) with None, or (B, T, d) with its mask. Masks are bool and True means keep. What the mask leaves out
may hold anything, NaN included: it changes no output and no gradient. An item with nothing kept gets zeros. Each
encoder has `out_dim`, the width d.
"""

import torch
from torch import nn
from torch.nn import functional

from mmcourse.inputs import check_mask, check_pictures, check_tensor, keep, masked_mean, positions


def scaled_dot_product_attention(query, key, value, mask=None):
    """Attention softmax(Q K' / sqrt(d)) V (Vaswani et al. 2017, eq. 1): torch's, with our masks.

    Parameters
    ----------
    query, key, value : float tensors (..., T, d), (..., S, d), (..., S, e)
    mask : bool tensor that broadcasts to (..., T, S), True = keep, or None for all

    Returns
    -------
    tensor (..., T, e); zeros for a query whose mask is all False

    Raises
    ------
    ValueError
        On a mask that is not bool, or widths or lengths that do not fit.
    """
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        shapes = [tuple(t.shape) for t in (query, key, value)]
        raise ValueError(f"query, key and value must have shapes (..., T, d), (..., S, d), (..., S, e); got {shapes}")
    if mask is None:
        return functional.scaled_dot_product_attention(query, key, value)
    if mask.dtype != torch.bool:
        raise ValueError(f"mask must be bool, True = keep; got {mask.dtype}")
    some = mask.any(-1, keepdim=True)
    attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask | ~some)
    return torch.where(some, attended, torch.zeros((), dtype=attended.dtype, device=attended.device))


class MLPEncoder(nn.Module):
    """Fully connected layers with ReLU between them.

    Parameters
    ----------
    in_dim : numbers in one item, or in one step of a sequence
    out_dim : width of the features
    hidden : widths of the layers between
    dropout : share of hidden units dropped in training

    Inputs
    ------
    x : (B, in_dim), or (B, T, in_dim) for a sequence, or (B, ...) with in_dim numbers an item, which is flattened
    mask : (B,), or (B, T) for a sequence

    Returns (B, out_dim) and None, or (B, T, out_dim) and its mask; zeros where the mask is False. ValueError on a
    wrong shape, dtype or mask.
    """

    def __init__(self, in_dim, out_dim, hidden=(128,), *, dropout=0.0):
        super().__init__()
        self.in_dim, self.out_dim = in_dim, out_dim
        layers, width = [], in_dim
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, out_dim))

    def forward(self, x, mask=None):
        check_tensor("x", x, range(2, 6))
        sequence = x.ndim == 3 and x.shape[-1] == self.in_dim
        if not sequence:
            x = x.flatten(1)
        check_tensor("x", x, (2, 3), self.in_dim)
        check_mask("mask", mask, x.shape[:-1])
        if sequence and mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        return keep(mask, self.layers(keep(mask, x))), (mask if sequence else None)


class CNNEncoder(nn.Module):
    """Convolutions 3 x 3 with GroupNorm, ReLU and halving, for pictures of any size from 1 x 1 pixel.

    GroupNorm (Wu and He 2018) rather than BatchNorm, so that a picture's features never depend on its batch.

    Parameters
    ----------
    in_channels : 1 for grey, 3 for colour
    out_dim : width of the features
    channels : channels of each block, multiples of 8
    pool : True averages over the picture; False keeps the grid as a sequence, row by row
    dropout : share of feature maps dropped before the last layer in training

    Inputs
    ------
    x : (B, in_channels, H, W)
    mask : (B,)

    Returns (B, out_dim) and None, or without pooling (B, H' W', out_dim) and its mask; zeros where the mask is False.
    ValueError on a wrong shape, dtype or mask.
    """

    def __init__(self, in_channels, out_dim, channels=(32, 64), *, pool=True, dropout=0.0):
        super().__init__()
        if not channels or any(size % 8 for size in channels):
            raise ValueError(f"channels must be multiples of 8, at least one; got {channels}")
        self.in_channels, self.out_dim, self.pool = in_channels, out_dim, pool
        blocks, width = [], in_channels
        for size in channels:
            blocks += [nn.Conv2d(width, size, 3, padding=1, bias=False), nn.GroupNorm(4, size), nn.ReLU()]
            blocks += [nn.MaxPool2d(2, ceil_mode=True)]
            width = size
        self.blocks = nn.Sequential(*blocks, nn.Dropout2d(dropout))
        self.output = nn.Linear(width, out_dim)

    def forward(self, x, mask=None):
        check_pictures(x, self.in_channels)
        check_mask("mask", mask, x.shape[:1])
        steps = self.blocks(keep(mask, x)).flatten(2).transpose(1, 2)
        if self.pool:
            return keep(mask, self.output(steps.mean(1))), None
        some = torch.ones(len(x), dtype=torch.bool, device=x.device) if mask is None else mask
        return keep(mask, self.output(steps)), some[:, None].expand(steps.shape[:2])


def _sequence(x, mask, in_dim):
    """Check a sequence; return it with zeros where the mask is False, and the mask, all True where there was none."""
    check_tensor("x", x, (3,), in_dim)
    check_mask("mask", mask, x.shape[:2])
    mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if mask is None else mask
    return keep(mask, x), mask


class LSTMEncoder(nn.Module):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), torch's cell, which reads the kept steps only.

    Parameters
    ----------
    in_dim : numbers in one step
    out_dim : width of the features; even if bidirectional (half for each direction)
    num_layers : layers on top of each other
    bidirectional : read the sequence backwards too
    pool : True averages over the kept steps; False returns every step
    dropout : share of units dropped between layers in training

    Inputs
    ------
    x : (B, T, in_dim)
    mask : (B, T); gaps are allowed, and the state skips them

    Returns (B, out_dim) and None, or without pooling (B, T, out_dim) and its mask; zeros where nothing is kept.
    ValueError on a wrong shape, dtype or mask.
    """

    def __init__(self, in_dim, out_dim, num_layers=1, *, bidirectional=False, pool=True, dropout=0.0):
        super().__init__()
        if bidirectional and out_dim % 2:
            raise ValueError(f"out_dim must be even for a bidirectional encoder; got {out_dim}")
        self.in_dim, self.out_dim, self.pool = in_dim, out_dim, pool
        options = {"batch_first": True, "bidirectional": bidirectional, "dropout": dropout}
        self.lstm = nn.LSTM(in_dim, out_dim // 2 if bidirectional else out_dim, num_layers, **options)

    def forward(self, x, mask=None):
        x, mask = _sequence(x, mask, self.in_dim)
        order = mask.logical_not().to(torch.uint8).argsort(dim=1, stable=True)[..., None]
        lengths = mask.sum(1).clamp(min=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            x.gather(1, order.expand_as(x)), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = self.lstm(packed)
        states, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=x.shape[1])
        states = keep(mask, torch.zeros_like(states).scatter(1, order.expand_as(states), states))
        return (masked_mean(states, mask), None) if self.pool else (states, mask)


class AttentionEncoder(nn.Module):
    """Transformer encoder (Vaswani et al. 2017) with normalisation first and sinusoidal positions.

    Parameters
    ----------
    in_dim : numbers in one step
    out_dim : width of the features, a multiple of `num_heads`
    num_layers, num_heads : layers, and attention heads in each
    pool : True averages over the kept steps; False returns every step
    dropout : share of units dropped in training

    Inputs
    ------
    x : (B, T, in_dim)
    mask : (B, T); gaps are allowed, and the steps after one keep their position

    Returns (B, out_dim) and None, or without pooling (B, T, out_dim) and its mask; zeros where nothing is kept.
    ValueError on a wrong shape, dtype or mask.
    """

    def __init__(self, in_dim, out_dim, num_layers=2, num_heads=4, *, pool=True, dropout=0.0):
        super().__init__()
        if out_dim % num_heads:
            raise ValueError(f"out_dim must be a multiple of num_heads; got {out_dim} and {num_heads}")
        self.in_dim, self.out_dim, self.pool = in_dim, out_dim, pool
        self.input = nn.Linear(in_dim, out_dim)
        layer = nn.TransformerEncoderLayer(out_dim, num_heads, 4 * out_dim, dropout, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, num_layers, nn.LayerNorm(out_dim), enable_nested_tensor=False)

    def forward(self, x, mask=None):
        x, mask = _sequence(x, mask, self.in_dim)
        x = self.input(x)
        x = x + positions(x.shape[1], self.out_dim, x)
        hidden = ~(mask | ~mask.any(1, keepdim=True))  # a row that hides every key would attend to nothing: NaN
        steps = keep(mask, self.layers(x, src_key_padding_mask=hidden))
        return (masked_mean(steps, mask), None) if self.pool else (steps, mask)


class TextEncoder(nn.Module):
    """A learned vector for each token, then any sequence encoder.

    Parameters
    ----------
    vocab_size : number of tokens
    encoder : takes (B, T, encoder.in_dim); its `in_dim` is the width of the vectors

    Inputs
    ------
    x : integer tensor (B, T), token numbers in 0 .. vocab_size - 1; anything where the mask is False
    mask : (B, T)

    Returns what the encoder returns. ValueError on a wrong shape, dtype or mask; a kept number outside the vocabulary
    raises torch's own IndexError (on a GPU, its assertion).
    """

    def __init__(self, vocab_size, encoder):
        super().__init__()
        self.embedding, self.encoder, self.out_dim = nn.Embedding(vocab_size, encoder.in_dim), encoder, encoder.out_dim

    def forward(self, x, mask=None):
        check_tensor("x", x, (2,), floating=False)
        if x.dtype not in (torch.int64, torch.int32):
            raise ValueError(f"x must hold token numbers, int64 or int32; got {x.dtype}")
        check_mask("mask", mask, x.shape)
        return self.encoder(self.embedding(keep(mask, x)), mask)
