"""More descriptors of sound, through librosa on the CPU: silence, loudness, contrast, chroma, tempo, pitch (lesson 04).

The same samples as in `mmcourse.representation.audio`, with the same checks; results return to the device and dtype of
the samples. Each clip goes to librosa on its own, since its estimates of tuning would mix the clips of a batch.
"""

import warnings

import numpy as np
import torch

from mmcourse.representation.audio import check_positive, check_samples, mel_spectrogram, stft, to_decibel

SILENCE = 1e-5  # root mean square, -100 dB


def trim(samples, *, top_db=60.0, frame_length=2048, hop_length=512):
    """Cut silence off both ends.

    Parameters
    ----------
    samples : torch.Tensor, shape (N,)
        One clip: trimmed clips differ in length.
    top_db : float
        What is this many decibels below the loudest frame counts as silence.
    frame_length, hop_length : int
        Samples in a frame, and from one frame to the next.

    Returns
    -------
    torch.Tensor, shape (M,)

    Raises
    ------
    ValueError
        Bad samples, more than one clip, a clip that is silent throughout, or an argument that is not positive.
    """
    import librosa

    samples = check_samples(samples)
    check_positive(top_db=top_db, frame_length=frame_length, hop_length=hop_length)
    if samples.ndim != 1:
        raise ValueError(f"trim takes one clip of shape (N,), not {tuple(samples.shape)}")
    if _rms(samples) < SILENCE:
        raise ValueError("the clip is silent throughout: nothing would be left of it")
    _, (start, end) = librosa.effects.trim(
        samples.detach().cpu().numpy(), top_db=top_db, frame_length=frame_length, hop_length=hop_length
    )
    return samples[start:end]


def normalise_loudness(samples, *, level=-20.0):
    """Scale each clip so that its root mean square has a given level.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    level : float
        Decibels relative to full scale (1.0). Loud peaks of a clip may then exceed 1: nothing is cut off.

    Returns
    -------
    torch.Tensor, shape (..., N)
        A silent clip (below -100 dB) is returned as it is.

    Raises
    ------
    ValueError
        Bad samples.
    """
    samples = check_samples(samples)
    loudness = _rms(samples)
    return samples * torch.where(loudness < SILENCE, 1.0, 10 ** (level / 20) / loudness.clamp(min=SILENCE))


def spectral_contrast(samples, sample_rate, *, n_fft=2048, hop_length=512):
    """Return the distance between peaks and valleys of the spectrum in six octaves and what lies below them.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    sample_rate : float
        Hertz; more than 12,800, so that all octaves fit.
    n_fft, hop_length : int

    Returns
    -------
    torch.Tensor, shape (..., 7, 1 + N // hop_length)
        Decibels; zeros for silence.

    Raises
    ------
    ValueError
        Bad samples, an argument that is not positive, or a sampling rate that is too low.

    References
    ----------
    D.-N. Jiang et al., "Music type classification by spectral contrast feature", ICME 2002.
    """
    from librosa.feature import spectral_contrast as contrast

    check_positive(sample_rate=sample_rate, n_fft=n_fft, hop_length=hop_length)
    if sample_rate <= 12800:
        raise ValueError(f"sample_rate must exceed 12800 for six octaves from 200 Hz up, not {sample_rate}")
    magnitude = stft(samples, n_fft=n_fft, hop_length=hop_length).abs()
    return _each(magnitude, 2, lambda clip: contrast(S=clip, sr=sample_rate))


def chroma(samples, sample_rate, *, n_fft=2048, hop_length=512):
    """Return the power of the twelve pitch classes C, C sharp, ... B, the strongest of each frame scaled to 1.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    sample_rate : float
        Hertz.
    n_fft, hop_length : int

    Returns
    -------
    torch.Tensor, shape (..., 12, 1 + N // hop_length)
        Zeros for silence.

    Raises
    ------
    ValueError
        Bad samples, or an argument that is not positive.
    """
    from librosa.feature import chroma_stft

    check_positive(sample_rate=sample_rate, n_fft=n_fft, hop_length=hop_length)
    power = stft(samples, n_fft=n_fft, hop_length=hop_length).abs().square()

    with warnings.catch_warnings():  # silence has no tuning: librosa then takes 0, which is right
        warnings.filterwarnings("ignore", "Trying to estimate tuning from empty frequency set")
        return _each(power, 2, lambda clip: chroma_stft(S=clip, sr=sample_rate))


def tempo(samples, sample_rate):
    """Estimate the tempo.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    sample_rate : float
        Hertz.

    Returns
    -------
    torch.Tensor, shape (...)
        Beats a minute; 0 for a silent clip. Half or twice the tempo that a listener taps is a common mistake.

    Raises
    ------
    ValueError
        Bad samples, or a sampling rate that is not positive.
    """
    from librosa.feature import tempo as estimate
    from librosa.onset import onset_strength

    samples = check_samples(samples)
    loudness = to_decibel(mel_spectrogram(samples, sample_rate))

    def describe(clip):
        return estimate(onset_envelope=onset_strength(S=clip, sr=sample_rate), sr=sample_rate)[0]

    return torch.where(_rms(samples)[..., 0] < SILENCE, 0.0, _each(loudness, 2, describe))


def pitch(samples, sample_rate, *, lowest=65.0, highest=2093.0, frame_length=2048, hop_length=512):
    """Estimate the fundamental frequency of each frame with pYIN.

    Parameters
    ----------
    samples : torch.Tensor, shape (..., N)
    sample_rate : float
        Hertz.
    lowest, highest : float
        Hertz; from C2 to C7 by default.
    frame_length, hop_length : int

    Returns
    -------
    torch.Tensor, shape (..., 1 + N // hop_length)
        Hertz; 0 where no pitch is heard.

    Raises
    ------
    ValueError
        Bad samples, an argument that is not positive, or a range outside of what frame and sampling rate allow.

    References
    ----------
    M. Mauch and S. Dixon, "pYIN", ICASSP 2014.
    """
    import librosa

    check_positive(sample_rate=sample_rate, lowest=lowest, frame_length=frame_length, hop_length=hop_length)
    if not 2 * sample_rate / frame_length < lowest < highest <= sample_rate / 2:
        limits = f"{2 * sample_rate / frame_length:.0f} and {sample_rate / 2:.0f} Hz"
        raise ValueError(f"lowest={lowest} and highest={highest} must lie in this order between {limits}")
    options = dict(fmin=lowest, fmax=highest, sr=sample_rate, frame_length=frame_length, hop_length=hop_length)
    return _each(check_samples(samples), 1, lambda clip: librosa.pyin(clip, **options, fill_na=0.0)[0])


def _rms(samples):
    return samples.square().mean(dim=-1, keepdim=True).sqrt()


def _each(values, axes, describe):
    """Describe each clip, its last `axes` axes, on the CPU, and stack the results as the clips were stacked."""
    batch, clip_shape = values.shape[:-axes], values.shape[-axes:]
    clips = values.detach().cpu().numpy().reshape(-1, *clip_shape)
    described = torch.as_tensor(np.stack([describe(clip) for clip in clips]))
    return described.reshape(batch + described.shape[1:]).to(values)
