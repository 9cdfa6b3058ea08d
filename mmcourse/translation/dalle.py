"""A discrete autoencoder of pictures and a transformer that writes its codes after a text (DALL-E 1, lesson 15)."""

import math

import torch
from torch import nn
from torch.nn import functional

from mmcourse.inputs import check_mask, check_pictures, check_tensor, keep


def gumbel_softmax(logits, temperature, *, hard=False, generator=None):
    """Draw a nearly one-hot vector along the last axis of `logits` (..., K) that gradients flow through.

    With `hard` the values are exactly one-hot and the gradients those of the soft draw. ValueError unless
    `temperature` > 0.
    """
    check_tensor("logits", logits, range(1, 9))
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0; got {temperature}")
    soft = ((logits + gumbel(logits, generator)) / temperature).softmax(-1)
    if not hard:
        return soft
    one = functional.one_hot(soft.argmax(-1), logits.shape[-1]).to(soft)
    return one + (soft - soft.detach())


def gumbel(like, generator=None):
    """Draw Gumbel noise, -log(-log(u)) with u uniform in (0, 1), of the shape, dtype and device of `like`."""
    uniform = torch.rand(like.shape, generator=generator).clamp(1e-20).to(like)
    return -(-uniform.log()).clamp(1e-20).log()


class DiscreteVAE(nn.Module):
    """Write a picture as a grid of codes, four times smaller along each side, and read it back.

    Parameters
    ----------
    codes : int
        How many different codes there are (K).
    width : int
        Channels inside.
    channels : int
        Of the pictures.

    References
    ----------
    A. Ramesh et al., "Zero-Shot Text-to-Image Generation", ICML 2021; E. Jang et al., "Categorical Reparameterization
    with Gumbel-Softmax", ICLR 2017.
    """

    def __init__(self, codes=128, width=64, channels=3):
        super().__init__()
        if codes < 2 or width < 1:
            raise ValueError(f"expected codes >= 2 and width >= 1; got codes={codes} and width={width}")
        self.codes, self.channels = codes, channels
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, codes, 1),
        )
        self.book = nn.Linear(codes, width, bias=False)
        self.decoder = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        )

    def logits(self, x):
        """Return (B, H/4 * W/4, K) unnormalised log-probabilities of the codes of `x` (B, channels, H, W)."""
        check_pictures(x, self.channels)
        if x.shape[2] % 4 or x.shape[3] % 4 or x.shape[2] != x.shape[3]:
            raise ValueError(f"x must be square with sides divisible by 4; got shape {tuple(x.shape)}")
        return self.encoder(x).flatten(2).mT

    def encode(self, x):
        """Return the likeliest codes (B, H/4 * W/4), row by row."""
        return self.logits(x).argmax(-1)

    def decode(self, codes):
        """Turn codes (B, L), or weights of codes (B, L, K), into pictures (B, channels, 4 sqrt L, 4 sqrt L)."""
        if codes.ndim == 2:
            if codes.is_floating_point() or not 0 <= int(codes.min()) <= int(codes.max()) < self.codes:
                raise ValueError(f"codes must be whole numbers from 0 to {self.codes - 1}, (B, L); got {codes.dtype}")
            codes = functional.one_hot(codes, self.codes).to(self.book.weight)
        check_tensor("codes", codes, (3,), self.codes)
        side = math.isqrt(codes.shape[1])
        if side * side != codes.shape[1]:
            raise ValueError(f"codes must fill a square; got {codes.shape[1]} places")
        return self.decoder(self.book(codes).mT.unflatten(2, (side, side)))

    def forward(self, x, temperature=1.0, *, hard=False, generator=None):
        """Return the picture read back from drawn codes, like `x`, and the KL (B,) of each picture's codes.

        The KL, in nats, is that of the codes' distribution from the uniform one: summed over the K codes and over the
        places of a picture.
        """
        logits = self.logits(x)
        log_q = logits.float().log_softmax(-1)
        kl = (log_q.exp() * (log_q + math.log(self.codes))).sum((1, 2))
        return self.decode(gumbel_softmax(logits, temperature, hard=hard, generator=generator)), kl


class _Layer(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.first, self.second = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.three, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.deep = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask, past):
        """One layer over `x` (B, T, width), which sees `mask` (B, 1, T, S); `past` gathers keys and values."""
        now = self.three(self.first(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = now
        if past is not None:
            key, value = (torch.cat([old, new], 2) for old, new in zip(past, (key, value), strict=True))
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.drop(self.out(seen.transpose(1, 2).flatten(2)))
        return x + self.drop(self.deep(self.second(x))), (key, value)


class ImageTransformer(nn.Module):
    """Write the codes of a picture one after the other, each given the words and the codes before it.

    Parameters
    ----------
    codes : int
        How many different codes there are (K).
    places : int
        Codes of a picture (L).
    text_dim : int
        Width of a word's vector.
    width, depth, heads : int
    dropout : float
    """

    def __init__(self, codes, places, text_dim, *, width=128, depth=4, heads=4, dropout=0.1):
        super().__init__()
        if width % heads:
            raise ValueError(f"width must be divisible by heads; got {width} and {heads}")
        self.codes, self.places, self.text_dim = codes, places, text_dim
        self.word, self.start = nn.Linear(text_dim, width), nn.Parameter(0.02 * torch.randn(width))
        self.code, self.place = nn.Embedding(codes, width), nn.Parameter(0.02 * torch.randn(places, width))
        self.layers = nn.ModuleList([_Layer(width, heads, dropout) for _ in range(depth)])
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, codes))

    def forward(self, words, mask, codes):
        """Return (B, L', K) logits: place i is predicted from the words and the codes before i.

        `words` (B, T, text_dim), `mask` bool (B, T) or None, `codes` whole numbers (B, L'), L' at most L.
        """
        self._check(words, mask)
        if codes.ndim != 2 or len(codes) != len(words) or codes.is_floating_point() or codes.shape[1] > self.places:
            raise ValueError(f"codes must be whole numbers (B, at most {self.places}); got {tuple(codes.shape)}")
        x = torch.cat([self._prefix(words, mask), self.code(codes[:, :-1])], 1)
        x = torch.cat([x[:, : words.shape[1]], x[:, words.shape[1] :] + self.place[: codes.shape[1]]], 1)
        return self.out(self._run(x, words, mask)[0][:, words.shape[1] :])

    @torch.no_grad()
    def generate(self, words, mask=None, *, temperature=1.0, generator=None):
        """Draw codes (B, L) for `words` (B, T, text_dim); at temperature 0 take the likeliest. Each step costs one column."""
        self._check(words, mask)
        if temperature < 0:
            raise ValueError(f"temperature must be at least 0; got {temperature}")
        x, past, codes = self._prefix(words, mask), None, []
        x[:, -1] += self.place[0]
        for place in range(self.places):
            x, past = self._run(x, words, mask, past)
            logits = self.out(x[:, -1]).float()
            codes.append((logits + temperature * gumbel(logits, generator)).argmax(-1))
            x = (self.code(codes[-1]) + self.place[(place + 1) % self.places])[:, None]
        return torch.stack(codes, 1)

    def _prefix(self, words, mask):
        words = self.word(keep(mask, words))
        return torch.cat([words, self.start.to(words).expand(len(words), 1, -1)], 1)

    def _run(self, x, words, mask, past=None):
        """Run the layers over new columns `x`; every column sees kept words, and codes up to its own."""
        total = x.shape[1] + (past[0][0].shape[2] if past else 0)
        seen = torch.ones(len(x), 1, total, total, dtype=torch.bool, device=x.device).tril()
        if mask is not None:
            seen[..., : words.shape[1]] &= mask[:, None, None]
            seen |= torch.eye(total, dtype=torch.bool, device=x.device)  # a masked word sees itself: no empty softmax
        kept = []
        for layer, old in zip(self.layers, past or [None] * len(self.layers), strict=True):
            x, now = layer(x, seen[:, :, -x.shape[1] :], old)
            kept.append(now)
        return x, kept

    def _check(self, words, mask):
        check_tensor("words", words, (3,), self.text_dim)
        check_mask("mask", mask, words.shape[:2])
