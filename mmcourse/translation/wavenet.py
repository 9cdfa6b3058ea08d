"""WaveNet: a sound, one sample after another, as a mel spectrogram says (lesson 17)."""

import math
from numbers import Real

import torch
from torch import nn
from torch.nn import functional

from mmcourse.inputs import check_mask, check_tensor, keep

LEVELS = 256
_MU = LEVELS - 1


def mu_law_encode(audio):
    """Round samples to 256 levels that lie closer together near silence.

    Parameters
    ----------
    audio : float tensor, any shape
        In [-1, 1]; what lies outside is cut off.

    Returns
    -------
    int64 tensor of the same shape
        0 to 255: the whole number nearest to 127.5 (1 + sign(x) log(1 + 255 |x|) / log 256).

    Raises
    ------
    ValueError
        `audio` is no floating-point tensor.

    References
    ----------
    ITU-T Recommendation G.711, 1988, has a piecewise linear form of it.
    """
    if not isinstance(audio, torch.Tensor) or not audio.is_floating_point():
        raise ValueError(f"audio must be a floating-point tensor; got {getattr(audio, 'dtype', type(audio).__name__)}")
    audio = audio.clamp(-1, 1)
    squeezed = audio.sign() * (_MU * audio.abs()).log1p() / math.log(LEVELS)
    return ((squeezed + 1) / 2 * _MU).round().long()


def mu_law_decode(levels):
    """Return the samples, float32 in [-1, 1], that levels 0 to 255 stand for; the inverse of `mu_law_encode`."""
    if not isinstance(levels, torch.Tensor) or levels.is_floating_point() or ((levels < 0) | (levels > _MU)).any():
        raise ValueError(f"levels must be a tensor of whole numbers from 0 to {_MU}")
    squeezed = 2 * levels.float() / _MU - 1
    return squeezed.sign() * (squeezed.abs() * math.log(LEVELS)).expm1() / _MU


def receptive_field(dilations):
    """Return how many earlier samples a stack of causal convolutions of two taps sees: 1 + the sum of its dilations."""
    return 1 + sum(dilations)


class WaveNet(nn.Module):
    """Dilated causal convolutions with gates, which predict the level of each sample from those before it and the mel.

    Every layer adds tanh(a) * sigmoid(b), projected, to what it was given; a and b come from two samples that lie its
    dilation apart, and from the mel frame (a convolution over three frames). The result goes through two layers to the
    256 levels of the mu-law.

    Parameters
    ----------
    bands : int
        Of the mel spectrogram.
    hop : int
        Samples a mel frame stands for.
    width : int
        Numbers that layers hand on for each sample.
    dilations : sequence of int
        One a layer.

    References
    ----------
    A. van den Oord et al., "WaveNet: a generative model for raw audio", arXiv:1609.03499, 2016, eq. 3. The sum of the
    skip connections is here what the last layer hands on.
    """

    def __init__(self, bands, *, hop=80, width=32, dilations=(1, 2, 4, 8, 16, 32, 64, 128, 256)):
        super().__init__()
        self.bands, self.hop, self.width, self.dilations = bands, hop, width, tuple(dilations)
        self.first = nn.Conv1d(1, width, 1)
        self.listen = nn.Conv1d(bands, 2 * width, 3, padding=1)
        self.condition = nn.Conv1d(2 * width, 2 * width * len(self.dilations), 1, bias=False)
        self.pairs = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=d) for d in self.dilations)
        self.outs = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in self.dilations)
        self.head = nn.Sequential(nn.ReLU(), nn.Conv1d(width, 2 * width, 1), nn.ReLU(), nn.Conv1d(2 * width, LEVELS, 1))

    def forward(self, audio, mel, mask=None):
        """Predict every sample from those before it.

        Parameters
        ----------
        audio : float tensor (B, T * hop), in [-1, 1]
        mel : float tensor (B, T, bands)
            Frame t stands for samples t * hop to (t + 1) * hop - 1.
        mask : bool tensor (B, T), optional
            True = keep. What stands beyond may be anything.

        Returns
        -------
        logits : float tensor (B, 256, T * hop)
            Of the level of sample n, from ``audio[:, :n]`` and the mel.

        Raises
        ------
        ValueError
            For shapes or dtypes that do not fit.
        """
        conditions = self._conditions(mel, mask)
        check_tensor("audio", audio, (2,))
        if audio.shape != (len(mel), mel.shape[1] * self.hop):
            expected = f"({len(mel)}, {mel.shape[1] * self.hop}), {self.hop} samples a frame"
            raise ValueError(f"audio must have shape {expected}; got {tuple(audio.shape)}")
        x = self.first(functional.pad(_squeezed(mu_law_encode(audio)), (1, -1))[:, None])
        for pair, out, condition in zip(self.pairs, self.outs, conditions, strict=True):
            both = pair(functional.pad(x, (pair.dilation[0], 0)))
            both = (both.unflatten(2, (-1, self.hop)) + condition[..., None]).flatten(2)
            x = x + out(_gate(both))
        return self.head(x)

    @torch.no_grad()
    def generate(self, mel, mask=None, *, temperature=1.0, generator=None):
        """Speak: draw each sample, and predict the next one from it.

        Each layer remembers what it was given for as long as its dilation, so a sample costs the same however many lie
        before it. `forward` on the sounds made so far gives the same logits.

        Parameters
        ----------
        mel, mask : see `forward`
        temperature : float above 0
            Logits are divided by it; below 1 the probable levels become more probable.
        generator : torch.Generator, optional
            For the draws.

        Returns
        -------
        audio : float tensor (B, T * hop)
            Zeros beyond the mask.

        Raises
        ------
        ValueError
            As `forward`, and for a temperature that is not above 0.
        """
        if not isinstance(temperature, Real) or not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be a number above 0, not {temperature!r}")
        conditions = torch.stack(self._conditions(mel, mask)).permute(3, 0, 1, 2).contiguous()
        audio, state = [], self.start(len(mel))
        x = mel.new_zeros(len(mel))
        for n in range(mel.shape[1] * self.hop):
            logits = self.step(x, conditions[n // self.hop], state)
            levels = (logits.float() / temperature).softmax(1).multinomial(1, generator=generator)[:, 0]
            audio.append(levels)
            x = _squeezed(levels).to(mel.dtype)
        audio = mu_law_decode(torch.stack(audio, 1))
        return audio if mask is None else keep(mask.repeat_interleave(self.hop, 1), audio)

    def start(self, items):
        """Return an empty memory for `items` sounds: each layer's last inputs, and its weights as matrices."""
        like = self.first.weight
        layers = [
            (like.new_zeros(d, items, self.width), pair.weight.permute(2, 1, 0).flatten(0, 1), out.weight[..., 0].T)
            for d, pair, out in zip(self.dilations, self.pairs, self.outs, strict=True)
        ]
        return {"time": 0, "layers": layers}

    def step(self, x, conditions, state):
        """Predict one sample from the one before it and what the layers remember.

        Parameters
        ----------
        x : float tensor (B,)
            The sample before, squeezed by the mu-law to [-1, 1]; 0 before the first.
        conditions : float tensor (layers, B, 2 * width)
        state : dict
            From `start`; changed in place.

        Returns
        -------
        float tensor (B, 256)
            Logits.
        """
        x = torch.addmm(self.first.bias, x[:, None], self.first.weight[..., 0].T)
        for (memory, taps, weight), pair, out, condition in zip(
            state["layers"], self.pairs, self.outs, conditions, strict=True
        ):
            before = memory[state["time"] % len(memory)]
            both = torch.addmm(condition + pair.bias, torch.cat([before, x], 1), taps)
            before.copy_(x)
            x = x + torch.addmm(out.bias, _gate(both), weight)
        state["time"] += 1
        for layer in self.head:
            x = functional.linear(x, layer.weight[..., 0], layer.bias) if isinstance(layer, nn.Conv1d) else layer(x)
        return x

    def _conditions(self, mel, mask):
        """Check the mel, and return what it says to each layer: a tuple of tensors (B, 2 * width, T)."""
        check_tensor("mel", mel, (3,), self.bands)
        check_mask("mask", mask, mel.shape[:2])
        heard = self.listen(keep(mask, mel).mT).relu()
        return self.condition(heard).chunk(len(self.dilations), 1)


def _gate(both):
    """tanh of one half, times sigmoid of the other."""
    a, b = both.chunk(2, 1)
    return a.tanh() * b.sigmoid()


def _squeezed(levels):
    """Levels 0 to 255 as numbers from -1 to 1."""
    return 2 * levels.float() / _MU - 1
