"""What augmentations change, what they keep, and that a seed fixes them."""

import numpy as np
import pytest
import torch

from mmcourse.representation import text_vectors
from mmcourse.representation.augment import (
    add_noise,
    change_pitch,
    change_speed,
    flip,
    jitter_colour,
    random_crop,
    reorder,
    replace_words,
)

PICTURES = torch.rand(12, 3, 9, 7, generator=torch.manual_seed(0))
WORDS = " ".join(f"word{place}" for place in range(40))
RATE = 16000
TONE = 0.3 * torch.sin(2 * torch.pi * 440 * torch.arange(RATE) / RATE)
SEEDED = [
    lambda seed: flip(PICTURES, seed=seed),
    lambda seed: random_crop(PICTURES, seed=seed),
    lambda seed: jitter_colour(PICTURES, seed=seed),
    lambda seed: add_noise(TONE, seed=seed),
    lambda seed: reorder(WORDS, seed=seed),
    lambda seed: replace_words(WORDS, {word: ["a", "b"] for word in WORDS.split()}, seed=seed),
]


def equal(left, right):
    return left == right if isinstance(left, str) else torch.equal(left, right)


@pytest.mark.parametrize("call", SEEDED)
def test_a_seed_fixes_the_result_and_leaves_the_global_generators_alone(call):
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    state, other = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first = call(1)
    torch.rand(5)
    assert equal(first, call(1))
    assert not equal(first, call(2))
    torch.manual_seed(3)
    call(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == other).all()  # noqa: NPY002


def peak(samples):
    power = torch.fft.rfft(samples * torch.hann_window(len(samples))).abs()
    return power.argmax().item() * RATE / len(samples)


def test_flip_mirrors_some_pictures_and_not_others():
    flipped = flip(PICTURES)
    mirrored = (flipped == PICTURES.flip(-1)).flatten(1).all(dim=1)
    same = (flipped == PICTURES).flatten(1).all(dim=1)
    assert (mirrored ^ same).all()
    assert 0 < mirrored.sum() < 12
    assert torch.equal(flip(PICTURES[0], probability=1.0), PICTURES[0].flip(-1))
    assert torch.equal(flip(PICTURES, probability=0.0), PICTURES)


def test_crop_shifts_by_at_most_the_padding():
    padded = torch.nn.functional.pad(PICTURES, (2, 2, 2, 2), mode="replicate")
    shifts = set()
    for picture, source in zip(random_crop(PICTURES, padding=2), padded, strict=True):
        found = [(r, c) for r in range(5) for c in range(5) if torch.equal(source[:, r : r + 9, c : c + 7], picture)]
        assert len(found) == 1
        shifts.add(found[0])
    assert len(shifts) > 4
    assert torch.equal(random_crop(PICTURES, padding=0), PICTURES)


def test_colours_stay_colours():
    changed = jitter_colour(PICTURES, strength=0.9)
    assert changed.shape == PICTURES.shape
    assert 0 <= changed.min() < changed.max() <= 1
    torch.testing.assert_close(jitter_colour(PICTURES, strength=0.0), PICTURES, atol=1e-6, rtol=0)
    grey = torch.full((1, 4, 4), 0.5)
    assert jitter_colour(grey).unique().numel() == 1


@pytest.mark.parametrize("distance", [0, 1, 3])
def test_no_word_moves_further_than_allowed(distance):
    words = WORDS.split()
    moved = reorder(WORDS, distance=distance).split()
    assert sorted(moved) == sorted(words)
    steps = [abs(moved.index(word) - place) for place, word in enumerate(words)]
    assert max(steps) <= distance
    assert (max(steps) > 0) == (distance > 0)


def test_synonyms():
    synonyms = {"good": ["fine", "great"], "film": []}
    assert replace_words("a good film", synonyms, rate=1.0) in ("a fine film", "a great film")
    assert replace_words("a good film", synonyms, rate=0.0) == "a good film"
    text = " ".join(["good"] * 1000)
    share = replace_words(text, synonyms, rate=0.3).split()
    assert share.count("good") == pytest.approx(700, abs=60)
    assert share.count("fine") == pytest.approx(150, abs=50)


def test_synonyms_are_neighbours_by_default(monkeypatch):
    monkeypatch.setattr(text_vectors, "nearest_words", lambda word, k: [(word + "s", 0.9)])
    assert replace_words("two film 1999", rate=1.0) == "twos films 1999"


def test_noise_has_the_ratio_asked_for():
    clips = torch.stack([TONE, 0.01 * TONE, torch.zeros(RATE)])
    noise = add_noise(clips, ratio=6.0) - clips
    ratio = 10 * torch.log10(clips[:2].square().mean(dim=1) / noise[:2].square().mean(dim=1))
    torch.testing.assert_close(ratio, torch.full((2,), 6.0), atol=1e-2, rtol=0)
    assert not noise[2].any()
    assert noise[0].mean().abs() < 0.01


def test_pitch_moves_and_length_stays():
    shifted = change_pitch(TONE[None], RATE, 12)
    assert shifted.shape == (1, RATE)
    assert peak(shifted[0]) == pytest.approx(880, abs=6)
    assert peak(change_pitch(TONE, RATE, -12)) == pytest.approx(220, abs=6)


def test_length_moves_and_pitch_stays():
    faster = change_speed(TONE, 2.0)
    assert len(faster) == RATE // 2
    assert peak(faster) == pytest.approx(440, abs=6)
    assert change_speed(torch.stack([TONE, TONE]), 0.5).shape == (2, 2 * RATE)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("length", [1, 2, 7, 300, 2049])
def test_short_and_silent_clips(length):
    for clip in (torch.zeros(length), torch.linspace(-0.5, 0.5, length)):
        assert change_pitch(clip, RATE, 3).shape == (length,)
        assert change_pitch(clip, RATE, 3).isfinite().all()
        assert change_speed(clip, 0.8).shape == (round(length / 0.8),)
        assert add_noise(clip).isfinite().all()


def test_empty_text_stays_empty():
    assert reorder("") == replace_words("", {}) == ""


def test_one_pixel():
    pixel = torch.rand(3, 1, 1)
    assert torch.equal(flip(pixel), pixel)
    assert torch.equal(random_crop(pixel), pixel)
    assert jitter_colour(pixel).shape == pixel.shape


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flip(PICTURES, probability=1.5), "probability must lie between 0 and 1"),
        (lambda: flip(PICTURES * float("nan")), "NaN"),
        (lambda: random_crop(PICTURES, padding=-1), "padding must be at least 0"),
        (lambda: random_crop(torch.ones(3)), "of shape"),
        (lambda: jitter_colour(PICTURES, strength=2), "strength must lie between 0 and 1"),
        (lambda: replace_words(None), "must be a string"),
        (lambda: replace_words("a", {}, rate=-1), "rate must lie"),
        (lambda: reorder("a", distance=-1), "distance must be at least 0"),
        (lambda: reorder(3), "must be a string"),
        (lambda: add_noise(torch.tensor([float("nan")])), "NaN"),
        (lambda: add_noise(TONE, ratio=float("nan")), "ratio must be"),
        (lambda: change_pitch(TONE, 0, 1), "sample_rate must be positive"),
        (lambda: change_pitch(TONE, RATE, 99), "semitones must lie"),
        (lambda: change_speed(TONE, 0), "factor must lie"),
        (lambda: change_speed(torch.zeros(0), 1), "not empty"),
        (lambda: change_speed(torch.zeros(1), 3), "leave at least one sample"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
