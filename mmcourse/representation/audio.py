"""Sound as numbers: STFT, mel bands and MFCCs by hand, the other descriptors through librosa (lesson 04).

Samples are float tensors of shape (..., N), in [-1, 1], the leading axes being the batch; results stay on their device.
Each clip is treated on its own, whatever stands beside it in the batch. Silence is allowed unless a function says
otherwise; NaN, an empty clip or a sampling rate that is not positive raise a ValueError everywhere.
"""

import math

import torch
from torch.nn import functional

FLOOR = 1e-10  # power below which everything counts as silence: -100 dB


def stft(samples, *, n_fft=2048, hop_length=512):
    """Cut the sound into overlapping frames, weigh each with a Hann window, and take its Fourier transform.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    n_fft : int
        Samples in a frame.
    hop_length : int
        Samples from one frame to the next.

    Returns
    -------
    torch.Tensor, shape (..., 1 + n_fft // 2, 1 + N // hop_length), complex
        As ``librosa.stft``: frame t is centred on sample ``t * hop_length``, with zeros around the clip. Row k is the
        frequency ``k * sample_rate / n_fft`` hertz.

    Raises
    ------
    ValueError
        Bad samples, or n_fft or hop_length below 1.

    References
    ----------
    J. B. Allen, "Short term spectral analysis, synthesis, and modification by discrete Fourier transform", 1977.
    """
    samples = check_samples(samples)
    check_positive(n_fft=n_fft, hop_length=hop_length)
    centre = n_fft // 2
    padded = functional.pad(samples, (centre, centre + (n_fft % 2)))
    frames = padded.unfold(-1, n_fft, hop_length)[..., : 1 + samples.shape[-1] // hop_length, :]
    window = torch.hann_window(n_fft, dtype=samples.dtype, device=samples.device)
    return torch.fft.rfft(frames * window).transpose(-1, -2)


def hertz_to_mel(hertz):
    """Return frequencies on Slaney's mel scale: linear below 1 kHz (15 mel), logarithmic above.

    Parameters
    ----------
    hertz : torch.Tensor

    Returns
    -------
    torch.Tensor
    """
    above = 15 + 27 * torch.log(hertz.clamp(min=1000.0) / 1000) / math.log(6.4)
    return torch.where(hertz < 1000, 3 * hertz / 200, above)


def mel_to_hertz(mel):
    """Undo `hertz_to_mel`.

    Parameters
    ----------
    mel : torch.Tensor

    Returns
    -------
    torch.Tensor
    """
    above = 1000 * torch.exp(math.log(6.4) * (mel.clamp(min=15.0) - 15) / 27)
    return torch.where(mel < 15, 200 * mel / 3, above)


def mel_filters(sample_rate, *, n_fft=2048, n_mels=128):
    """Return triangles, evenly spaced on the mel scale from 0 to half the sampling rate, each of area 1.

    Parameters
    ----------
    sample_rate : float
        Hertz.
    n_fft, n_mels : int

    Returns
    -------
    torch.Tensor, shape (n_mels, 1 + n_fft // 2), float64
        As ``librosa.filters.mel``. With many bands and a small n_fft a triangle may hold no frequency and stay empty.

    Raises
    ------
    ValueError
        An argument that is not positive.

    References
    ----------
    M. Slaney, "Auditory Toolbox", Interval Research Technical Report 1998-010.
    """
    check_positive(sample_rate=sample_rate, n_fft=n_fft, n_mels=n_mels)
    frequencies = torch.arange(1 + n_fft // 2, dtype=torch.float64) * sample_rate / n_fft
    highest = hertz_to_mel(torch.tensor(sample_rate / 2, dtype=torch.float64))
    edges = mel_to_hertz(torch.linspace(0, 1, n_mels + 2, dtype=torch.float64) * highest)[:, None]
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - left) / (middle - left), (right - frequencies) / (right - middle)
    return torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)


def mel_spectrogram(samples, sample_rate, *, n_fft=2048, hop_length=512, n_mels=128):
    """Sum the power of the STFT over mel bands.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    sample_rate : float
        Hertz.
    n_fft, hop_length, n_mels : int

    Returns
    -------
    torch.Tensor, shape (..., n_mels, 1 + N // hop_length)
        As ``librosa.feature.melspectrogram``; zeros for silence.

    Raises
    ------
    ValueError
        Bad samples, or an argument that is not positive.
    """
    filters = mel_filters(sample_rate, n_fft=n_fft, n_mels=n_mels)
    power = stft(samples, n_fft=n_fft, hop_length=hop_length).abs().square()
    return _project(filters, power)


def to_decibel(power, *, top_db=80.0):
    """Return 10 log10(power), at least -100 dB, and at most `top_db` below the loudest place of the same clip.

    Parameters
    ----------
    power : torch.Tensor, shape (..., bands, T)
    top_db : float

    Returns
    -------
    torch.Tensor, shape (..., bands, T)
        As ``librosa.power_to_db`` of each clip alone. (On a batch librosa takes the loudest place of all clips.)

    Raises
    ------
    ValueError
        `power` has fewer than two axes or holds negative values.
    """
    power = torch.as_tensor(power)
    if power.ndim < 2 or (power < 0).any():
        raise ValueError(f"power must be at least 0 and of shape (..., bands, T), not {tuple(power.shape)}")
    decibel = 10 * torch.log10(power.clamp(min=FLOOR))
    return decibel.maximum(decibel.amax(dim=(-2, -1), keepdim=True) - top_db)


def mfcc(samples, sample_rate=22050, *, n_mfcc=20, n_fft=2048, hop_length=512, n_mels=128):
    """Return mel-frequency cepstral coefficients: the cosine transform of the mel spectrogram in decibels.

    Parameters
    ----------
    samples : torch.Tensor or array, shape (..., N)
    sample_rate : float
        Hertz.
    n_mfcc : int
        Coefficients to keep, at most n_mels.
    n_fft, hop_length, n_mels : int

    Returns
    -------
    torch.Tensor, shape (..., n_mfcc, 1 + N // hop_length)
        As ``librosa.feature.mfcc`` of each clip. Silence gives -100 sqrt(n_mels) in row 0 and zeros below it.

    Raises
    ------
    ValueError
        Bad samples, an argument that is not positive, or n_mfcc > n_mels.

    References
    ----------
    S. Davis and P. Mermelstein, "Comparison of parametric representations for monosyllabic word recognition", 1980.
    """
    check_positive(n_mfcc=n_mfcc, n_mels=n_mels)
    if n_mfcc > n_mels:
        raise ValueError(f"n_mfcc={n_mfcc} coefficients cannot come from n_mels={n_mels} bands")
    mel = mel_spectrogram(samples, sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels)
    return _project(_cosines(n_mfcc, n_mels), to_decibel(mel))


def spectral_entropy(samples, *, n_fft=2048, hop_length=512):
    """Return how evenly the power of each frame is spread: about 0 for a pure tone, near 1 for white noise.

    The entropy of the power spectrum taken as a distribution, divided by its greatest value, the log of the number of
    frequencies.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    n_fft, hop_length : int

    Returns
    -------
    torch.Tensor, shape (..., 1 + N // hop_length), in [0, 1]
        0 for silent frames, by definition.

    Raises
    ------
    ValueError
        Bad samples, n_fft < 2 or hop_length < 1.

    References
    ----------
    H. Misra et al., "Spectral entropy based feature for robust ASR", ICASSP 2004.
    """
    if n_fft < 2:
        raise ValueError(f"n_fft must be at least 2, not {n_fft}: entropy needs two frequencies")
    power = stft(samples, n_fft=n_fft, hop_length=hop_length).abs().square()
    total = power.sum(dim=-2, keepdim=True)
    shares = power / torch.where(total > FLOOR, total, torch.inf)
    return torch.special.entr(shares).sum(dim=-2) / math.log(power.shape[-2])


def check_samples(samples):
    """Return samples as a float tensor, or raise a ValueError that says what is wrong with them."""
    samples = torch.as_tensor(samples)
    if samples.dtype not in (torch.float32, torch.float64):
        expected = "float32 or float64 in [-1, 1]; divide 16-bit integers by 32768"
        raise ValueError(f"samples must be {expected}, not {samples.dtype}")
    if samples.ndim == 0 or samples.numel() == 0:
        raise ValueError(f"samples must be of shape (..., N) and not empty, not {tuple(samples.shape)}")
    if not samples.isfinite().all():
        raise ValueError("samples hold NaN or infinity")
    return samples


def check_positive(**values):
    """Raise a ValueError that names the first argument that is not a positive finite number."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive, not {value}")


def _cosines(rows, size):
    """Return the first rows of the orthonormal discrete cosine transform of type II."""
    places = torch.arange(size, dtype=torch.float64) + 0.5
    matrix = torch.cos(torch.pi / size * torch.arange(rows, dtype=torch.float64)[:, None] * places)
    matrix[0] /= math.sqrt(2)
    return matrix * math.sqrt(2 / size)


def _project(matrix, values):
    """Multiply in the precision of `values`, under autocast too: decibels do not bear half precision."""
    with torch.autocast(values.device.type, enabled=False):
        return matrix.to(values) @ values
