"""STFT, mel bands and MFCCs against librosa, and bad input."""

import librosa
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcourse.representation.audio import (
    hertz_to_mel,
    mel_filters,
    mel_spectrogram,
    mel_to_hertz,
    mfcc,
    spectral_entropy,
    stft,
    to_decibel,
)

SIZES = st.sampled_from([(2048, 512, 128), (512, 160, 40), (401, 133, 23), (1023, 511, 80), (64, 100, 7)])


def noise(length, seed=0, clips=2):
    return np.random.default_rng(seed).standard_normal((clips, length)) * 0.1


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(1000, 6000), st.sampled_from([8000, 11025.5, 22050]), SIZES)
def test_equal_to_librosa(seed, length, sample_rate, sizes):
    n_fft, hop_length, n_mels = sizes
    samples, cut = noise(length, seed), {"n_fft": n_fft, "hop_length": hop_length}
    ours = stft(torch.tensor(samples), **cut)
    np.testing.assert_allclose(ours, librosa.stft(samples, **cut), atol=1e-12)
    filters = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    np.testing.assert_allclose(mel_filters(sample_rate, n_fft=n_fft, n_mels=n_mels), filters, atol=1e-12)
    ours = mel_spectrogram(torch.tensor(samples), sample_rate, n_mels=n_mels, **cut)
    options = {"sr": sample_rate, "n_mels": n_mels, **cut}
    np.testing.assert_allclose(ours, librosa.feature.melspectrogram(y=samples, **options), atol=1e-6)
    ours = mfcc(torch.tensor(samples), sample_rate, n_mfcc=min(13, n_mels), n_mels=n_mels, **cut)
    theirs = [librosa.feature.mfcc(y=clip, n_mfcc=min(13, n_mels), **options) for clip in samples]
    np.testing.assert_allclose(ours, np.stack(theirs), atol=1e-5)


def test_defaults_equal_librosas_in_float32():
    samples = noise(22050).astype(np.float32)
    ours = mfcc(samples)
    assert ours.dtype == torch.float32
    theirs = np.stack([librosa.feature.mfcc(y=clip) for clip in samples])
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")
@pytest.mark.parametrize("length", [1, 2, 511, 513])
def test_clips_shorter_than_a_frame(length):
    samples = noise(length, clips=1)[0]
    np.testing.assert_allclose(mfcc(samples), librosa.feature.mfcc(y=samples), atol=1e-5)


def test_clips_of_a_batch_do_not_touch_each_other():
    quiet, loud = noise(4000) * [[1e-4], [1.0]]
    batch = mfcc(np.stack([quiet, loud])[:, None])
    assert batch.shape == (2, 1, 20, 8)
    torch.testing.assert_close(batch[0, 0], mfcc(quiet))
    torch.testing.assert_close(batch[1, 0], mfcc(loud))


def test_gradients():
    samples = torch.tensor(noise(300, clips=1)[0], requires_grad=True)
    torch.autograd.gradcheck(lambda x: mfcc(x, 8000, n_fft=64, hop_length=50, n_mels=8, n_mfcc=5), samples)


def test_autocast_keeps_the_precision():
    samples = torch.tensor(noise(4000), dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = mfcc(samples)
    torch.testing.assert_close(cast, mfcc(samples))


def test_the_mel_scale_there_and_back():
    hertz = torch.tensor([0.0, 500.0, 1000.0, 6400.0, 11025.0], dtype=torch.float64)
    np.testing.assert_allclose(hertz_to_mel(hertz), librosa.hz_to_mel(hertz.numpy()))
    torch.testing.assert_close(mel_to_hertz(hertz_to_mel(hertz)), hertz)


def test_decibels():
    power = np.random.default_rng(0).random((2, 5, 7)) ** 30
    theirs = np.stack([librosa.power_to_db(clip) for clip in power])
    np.testing.assert_allclose(to_decibel(torch.tensor(power)), theirs)


def test_silence_has_documented_values():
    silence = torch.zeros(3000)
    coefficients = mfcc(silence)
    torch.testing.assert_close(coefficients[0], torch.full((6,), -100 * 128**0.5))
    torch.testing.assert_close(coefficients[1:], torch.zeros(19, 6), atol=1e-3, rtol=0)
    assert not mel_spectrogram(silence, 22050).any()
    assert not spectral_entropy(silence).any()


def test_entropy_tells_tone_from_noise():
    time = torch.arange(8192) / 8192
    click = torch.zeros(8192)
    click[4096] = 1.0
    inner = slice(4, -4)
    tone = spectral_entropy(torch.sin(2 * torch.pi * 512 * time))[inner]
    hiss = spectral_entropy(torch.tensor(noise(8192, clips=1)[0]))[inner]
    assert tone.max() < 0.16 < 0.9 < hiss.min()
    assert spectral_entropy(click, hop_length=4096)[1] == pytest.approx(1, abs=1e-6)  # all frequencies alike
    shares = np.abs(librosa.stft(noise(8192)[0])) ** 2
    shares /= shares.sum(axis=0)
    expected = -(shares * np.log(shares)).sum(axis=0) / np.log(1025)
    np.testing.assert_allclose(spectral_entropy(noise(8192)[0]), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mfcc(np.array([0.1, np.nan])), "NaN or infinity"),
        (lambda: mfcc(np.array([0.1, np.inf])), "NaN or infinity"),
        (lambda: mfcc(np.zeros(0)), "not empty"),
        (lambda: mfcc(torch.zeros(2, 0)), "not empty"),
        (lambda: mfcc(torch.tensor(0.5)), r"shape \(\.\.\., N\)"),
        (lambda: mfcc(np.zeros(9, np.int16)), "divide 16-bit integers by 32768"),
        (lambda: mfcc(np.zeros(9), 0), "sample_rate must be positive, not 0"),
        (lambda: mfcc(np.zeros(9), float("nan")), "sample_rate must be positive"),
        (lambda: mfcc(np.zeros(9), hop_length=0), "hop_length must be positive"),
        (lambda: mfcc(np.zeros(9), n_mfcc=0), "n_mfcc must be positive"),
        (lambda: mfcc(np.zeros(9), n_mfcc=41, n_mels=40), "cannot come from n_mels=40"),
        (lambda: mel_filters(-1), "sample_rate must be positive"),
        (lambda: spectral_entropy(np.zeros(9), n_fft=1), "n_fft must be at least 2"),
        (lambda: to_decibel(torch.tensor([[-1.0]])), "power must be at least 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_same_on_a_gpu():
    samples = torch.tensor(noise(4001))
    torch.testing.assert_close(mfcc(samples.cuda()).cpu(), mfcc(samples), atol=1e-6, rtol=0)
