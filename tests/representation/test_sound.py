"""Silence, loudness, contrast, chroma, tempo and pitch on sounds whose answer is known."""

import librosa
import numpy as np
import pytest
import torch

from mmcourse.representation.sound import chroma, normalise_loudness, pitch, spectral_contrast, tempo, trim

RATE = 22050
TIME = torch.arange(RATE) / RATE


def tone(hertz):
    return 0.5 * torch.sin(2 * torch.pi * hertz * TIME)


def clicks(beats_a_minute, seconds=12):
    samples = torch.zeros(seconds * RATE)
    for start in range(0, len(samples), int(60 / beats_a_minute * RATE)):
        samples[start : start + 500] = torch.hann_window(500)[: len(samples) - start]
    return samples


def test_trim_keeps_the_sound():
    sound = tone(440)[:8001]
    trimmed = trim(torch.cat([torch.zeros(9000), sound, torch.zeros(7000)]))
    assert len(sound) <= len(trimmed) <= len(sound) + 4096
    assert trimmed.square().sum() == pytest.approx(sound.square().sum())


def test_short_frames_trim_closer():
    sound = 0.5 * torch.sin(torch.arange(4000) * 0.5)
    clip = torch.cat([torch.zeros(3000), sound, torch.zeros(3000)])
    trimmed = trim(clip, frame_length=256, hop_length=64)
    assert 4000 <= len(trimmed) <= 4000 + 512 < len(trim(clip))
    np.testing.assert_array_equal(trimmed, librosa.effects.trim(clip.numpy(), frame_length=256, hop_length=64)[0])


def test_loudness():
    clips = torch.stack([tone(440), 0.01 * tone(100), torch.zeros(RATE)])
    rms = normalise_loudness(clips, level=-26).square().mean(dim=1).sqrt()
    torch.testing.assert_close(rms, torch.tensor([10**-1.3, 10**-1.3, 0.0]))


@pytest.mark.filterwarnings("ignore:Trying to estimate tuning")
def test_chroma_and_contrast_equal_librosas_clip_by_clip():
    clips = torch.stack([tone(443), tone(100) + 0.1 * torch.randn(RATE, generator=torch.manual_seed(0))]).double()
    for ours, theirs in (
        (chroma, librosa.feature.chroma_stft),
        (spectral_contrast, librosa.feature.spectral_contrast),
    ):
        expected = np.stack([theirs(y=clip, sr=RATE) for clip in clips.numpy()])
        np.testing.assert_allclose(ours(clips, RATE), expected, atol=1e-6)
    assert (chroma(tone(440), RATE).mean(dim=1).argmax()) == 9  # A


def test_tempo():
    both = tempo(torch.stack([clicks(120), clicks(90)]), RATE)
    torch.testing.assert_close(both, torch.tensor([120.0, 90.0]), atol=4, rtol=0)
    onset = librosa.onset.onset_strength(y=clicks(90).numpy(), sr=RATE)
    assert both[1] == pytest.approx(librosa.feature.tempo(onset_envelope=onset, sr=RATE)[0])


def test_pitch():
    found = pitch(torch.stack([tone(220), torch.zeros(RATE)]), RATE, hop_length=2048)
    torch.testing.assert_close(found[0, 1:-1], torch.full((9,), 220.0), atol=2, rtol=0)
    assert not found[1].any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("length", [1, 700, 5000])
def test_silence_and_short_clips_have_documented_values(length):
    silence = torch.zeros(2, length)
    frames = 1 + length // 512
    torch.testing.assert_close(chroma(silence, RATE), torch.zeros(2, 12, frames))
    torch.testing.assert_close(spectral_contrast(silence, RATE), torch.zeros(2, 7, frames))
    torch.testing.assert_close(tempo(silence, RATE), torch.zeros(2))
    torch.testing.assert_close(normalise_loudness(silence), silence)
    assert chroma(torch.full((length,), 0.1), RATE).isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trim(torch.zeros(5000)), "silent throughout"),
        (lambda: trim(torch.ones(2, 5000)), r"one clip of shape \(N,\)"),
        (lambda: trim(torch.ones(5000), top_db=0), "top_db must be positive"),
        (lambda: trim(torch.ones(5000), hop_length=0), "hop_length must be positive"),
        (lambda: normalise_loudness(torch.tensor([float("nan")])), "NaN"),
        (lambda: chroma(tone(440), 0), "sample_rate must be positive"),
        (lambda: chroma(torch.zeros(0), RATE), "not empty"),
        (lambda: spectral_contrast(tone(440), 8000), "must exceed 12800"),
        (lambda: tempo(tone(440), 0), "sample_rate must be positive"),
        (lambda: tempo(torch.tensor([float("inf")]), RATE), "infinity"),
        (lambda: pitch(tone(440), 0), "sample_rate must be positive"),
        (lambda: pitch(tone(440), 4000), "between 4 and 2000 Hz"),
        (lambda: pitch(tone(440), RATE, lowest=10), "between 22 and 11025 Hz"),
        (lambda: pitch(torch.zeros(0), RATE), "not empty"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
