"""Strings of digits in miniature: what is dealt, how it is joined, what is kept apart."""

import io

import numpy as np
import pytest
from toys import parts

from mmcourse.data.speech import build_spoken_digits
from mmcourse.data.strings import deal, join, load_digit_strings, padded


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """400 recordings of 3 to 5 frames; before standardising, every number of recording i is i."""
    folder, stream, rng = tmp_path_factory.mktemp("digits"), io.BytesIO(), np.random.default_rng(0)
    lengths = rng.integers(3, 6, 400)
    frames = np.repeat(np.arange(400), lengths)[:, None] * np.ones(13)
    np.savez(stream, X=frames.astype(np.float32), lengths=lengths, y=np.arange(400) % 10)
    build_spoken_digits([{"digits.npz": stream.getvalue()}], folder)
    return folder


def test_labels_are_the_digits_of_the_recordings_in_order(folder):
    splits = load_digit_strings(folder, count=50)
    assert splits.classes == ("", *map(str, range(10)))
    single = load_digit_strings(folder, length=(1, 1), count=280)
    values = {round(float(x["audio"][0, 0]), 4): int(y[0]) for part in parts(single) for x, y in part}
    assert len(values) == 400  # one value a recording, each with its digit
    assert sorted(values.values()) == sorted([*range(1, 11)] * 40)
    for x, y in splits.train:
        spoken = y[y > 0].tolist()
        runs = x["audio"][:, 0].double()
        starts = [k for k in range(len(runs)) if k == 0 or runs[k] != runs[k - 1]]
        lasting = [round(float(runs[k]), 4) for k in starts if (runs[k : k + 3] == runs[k]).sum() == 3]
        assert [values[v] for v in lasting if v in values] == spoken


def test_recordings_are_kept_apart_and_dealt_once(folder):
    single = load_digit_strings(folder, length=(1, 1), count=280)
    seen = [{round(float(x["audio"][0, 0]), 4) for x, _ in part} for part in parts(single)]
    assert [len(part) for part in parts(single)] == [280, 40, 80]
    assert seen[0].isdisjoint(seen[1] | seen[2])
    assert seen[1].isdisjoint(seen[2])
    longer = load_digit_strings(folder, length=(2, 5), count=10)
    assert [(part.target > 0).sum() for part in parts(longer)[1:]] == [40, 80]


def test_noise_changes_nothing_else(folder):
    clean, noisy = (load_digit_strings(folder, noise=noise, count=40, seed=3) for noise in (0, 0.5))
    again = load_digit_strings(folder, count=40, seed=3)
    other = load_digit_strings(folder, count=40, seed=4)
    assert not np.array_equal(clean.train.target, other.train.target)
    for part, same, disturbed in zip(parts(clean), parts(again), parts(noisy), strict=True):
        assert np.array_equal(part.target, disturbed.target)
        assert all(x["audio"].equal(y["audio"]) for (x, _), (y, _) in zip(part, same, strict=True))
        added = np.concatenate(
            [(y["audio"] - x["audio"]).numpy() for (x, _), (y, _) in zip(part, disturbed, strict=True)]
        )
        assert added.std() == pytest.approx(0.5, rel=0.05)


def test_the_deck_is_dealt_to_the_last_card():
    for cards in (7, 8, 100):
        hands = deal(cards, 2, 5, None, np.random.default_rng(cards))
        assert sorted(np.concatenate(hands)) == list(range(cards))
        assert all(2 <= len(hand) <= 5 for hand in hands)
    hands = deal(10, 3, 3, 30, np.random.default_rng(0))
    assert np.bincount(np.concatenate(hands)).tolist() == [9] * 10


def test_join_draws_a_straight_line():
    joined = join([np.zeros((2, 1)), np.full((1, 1), 4.0), np.ones((1, 1))], [3, 2])
    assert joined[:, 0].tolist() == [0, 0, 1, 2, 3, 4, 3, 2, 1]
    assert padded([[1, 2], [], [3]], 2).tolist() == [[1, 2], [0, 0], [3, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": (0, 3)}, "1 <= least"),
        ({"length": (4, 3)}, "1 <= least"),
        ({"length": (1, 21)}, "20"),
        ({"count": 0}, "count"),
        ({"noise": -1}, "noise"),
        ({"noise": float("nan")}, "noise"),
    ],
)
def test_bad_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        load_digit_strings(folder, **options)
