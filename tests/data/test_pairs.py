"""The audio-visual digits over a spoken half in miniature, in which every recording can be told from every other."""

import numpy as np
import pytest

from mmcourse import data
from mmcourse.data.images import load_digits
from mmcourse.data.pairs import load_audio_visual_digits, matches
from mmcourse.data.speech import load_spoken_digits

LOUD_TEST = 50.0  # added to every test recording: leaks if the scaling looks at them


@pytest.fixture(scope="module")
def recordings():
    """300 recordings a digit of 1 to 30 frames, and the part that each is in."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(3000) % 10)
    sequences = [rng.normal(3, 2, (length, 13)).astype(np.float32) for length in rng.integers(1, 31, 3000)]
    return sequences, labels


@pytest.fixture(scope="module")
def folder(recordings, tmp_path_factory):
    sequences, labels = recordings
    folder = tmp_path_factory.mktemp("spoken")

    def save():
        np.savez(folder / "digits.npz", X=np.concatenate(sequences), lengths=[*map(len, sequences)], y=labels)

    save()
    for row in load_spoken_digits(folder).test.groups:  # the parts depend on the labels alone
        sequences[row] += LOUD_TEST
    save()
    return folder


@pytest.fixture(scope="module")
def clean(folder):
    return load_audio_visual_digits(folder)


def parts(splits):
    return {"train": splits.train, "valid": splits.valid, "test": splits.test}


def inputs(split):
    return split.arrays()[0]


def resampled(sequence):
    """Resample the slow way."""
    times = np.linspace(0, len(sequence) - 1, 20)
    return np.stack([np.interp(times, np.arange(len(sequence)), column) for column in sequence.T], axis=1)


def expected_sound(split, training):
    """Return the sound of a spoken part as it should come out, by row."""
    values = np.concatenate([resampled(sequence) for sequence in inputs(training)["audio"]])
    mean, std = values.mean(axis=0), values.std(axis=0)
    return np.stack([(resampled(sequence) - mean) / std for sequence in inputs(split)["audio"]])


def nearest(sounds, known):
    """Return the row of `known` that each sound is, and how far away it is."""
    square = (known.reshape(len(known), -1) ** 2).sum(axis=1)
    distance = square - 2 * sounds.reshape(len(sounds), -1) @ known.reshape(len(known), -1).T
    rows = distance.argmin(axis=1)
    return rows, np.abs(sounds - known[rows]).max()


def test_shapes_types_and_sizes(clean):
    assert [len(split) for split in parts(clean).values()] == [1258, 180, 359]
    assert clean.classes == tuple("0123456789")
    item, target = clean.valid[0]
    assert {key: (tuple(value.shape), str(value.dtype)) for key, value in item.items()} == {
        "image": ((1, 8, 8), "torch.float32"),
        "audio": ((20, 13), "torch.float32"),
    }
    assert int(target) in range(10)
    batch, masks, _ = data.collate([clean.train[row] for row in range(5)])
    assert batch["audio"].shape == (5, 20, 13)
    assert not masks


def test_each_half_stays_in_its_part_and_is_used_once(clean, folder):
    written, spoken = load_digits(), load_spoken_digits(folder)
    for name, split in parts(clean).items():
        pictures, sounds = getattr(written, name), getattr(spoken, name)
        np.testing.assert_array_equal(inputs(split)["image"], inputs(pictures)["image"])
        np.testing.assert_array_equal(split.target, pictures.target)
        np.testing.assert_array_equal(split.groups, pictures.groups)
        rows, error = nearest(inputs(split)["audio"], expected_sound(sounds, spoken.train))
        assert error < 1e-3, f"{name}: a recording of another part, or scaled by other statistics"
        assert len(set(rows)) == len(rows)
        np.testing.assert_array_equal(sounds.target[rows], split.target)


def test_another_seed_gives_other_partners_and_other_noise(clean, folder):
    other = load_audio_visual_digits(folder, seed=1)
    for name, split in parts(other).items():
        same = (inputs(split)["audio"] == inputs(parts(clean)[name])["audio"]).all(axis=(1, 2))
        assert same.mean() < 0.2
        np.testing.assert_array_equal(split.target, parts(clean)[name].target)
    patterns = [
        inputs(load_audio_visual_digits(folder, image_noise=1, seed=seed).test)["image"] - inputs(clean.test)["image"]
        for seed in (0, 1)
    ]
    assert abs(np.corrcoef(patterns[0].ravel(), patterns[1].ravel())[0, 1]) < 0.03


def test_noise_is_gaussian_in_units_of_the_training_spread(clean, folder):
    noisy = load_audio_visual_digits(folder, image_noise=0.5, audio_noise=2)
    spread = {"image": inputs(load_digits().train)["image"].std(), "audio": 1.0}
    patterns = {}
    for name, split in parts(noisy).items():
        for key, level in (("image", 0.5), ("audio", 2)):
            pattern = (inputs(split)[key] - inputs(parts(clean)[name])[key]) / (level * spread[key])
            size = pattern.size**-0.5
            assert inputs(split)[key].dtype == np.float32
            assert abs(pattern.mean()) < 4 * size
            assert abs(pattern.std() - 1) < 4 * size
            assert abs((np.abs(pattern) < 1).mean() - 0.6827) < 4 * size
            patterns[name, key] = pattern.ravel()[:4000]
    names = list(patterns)
    for number, name in enumerate(names):
        for other in names[:number]:
            length = min(len(patterns[name]), len(patterns[other]))
            assert abs(np.corrcoef(patterns[name][:length], patterns[other][:length])[0, 1]) < 0.06, (name, other)


def test_the_levels_do_not_touch_each_other(clean, folder):
    """Same seed: same pairs at all levels, and each modality sees its own level only."""
    sound = load_audio_visual_digits(folder, audio_noise=1)
    both = load_audio_visual_digits(folder, image_noise=1, audio_noise=1)
    louder = load_audio_visual_digits(folder, audio_noise=3)
    picture = load_audio_visual_digits(folder, image_noise=1)
    for name in ("train", "valid", "test"):
        plain, heard, mixed, loud, seen = (
            inputs(getattr(splits, name)) for splits in (clean, sound, both, louder, picture)
        )
        np.testing.assert_array_equal(heard["image"], plain["image"])
        np.testing.assert_array_equal(mixed["image"], seen["image"])
        np.testing.assert_array_equal(mixed["audio"], heard["audio"])
        np.testing.assert_array_equal(seen["audio"], plain["audio"])
        np.testing.assert_allclose(loud["audio"] - plain["audio"], 3 * (heard["audio"] - plain["audio"]), atol=1e-4)


@pytest.mark.parametrize("option", ["image_noise", "audio_noise"])
@pytest.mark.parametrize("level", [-0.1, float("nan"), float("inf"), "loud", None])
def test_noise_that_is_none(folder, option, level):
    with pytest.raises(ValueError, match=f"{option} must be a finite number that is not negative, not {level!r}"):
        load_audio_visual_digits(folder, **{option: level})


@pytest.mark.parametrize(("seed", "error"), [(-1, ValueError), (None, TypeError), (0.5, TypeError)])
def test_a_seed_is_a_natural_number(folder, seed, error):
    with pytest.raises(error):
        load_audio_visual_digits(folder, seed=seed)


def test_matches_draws_each_partner_alike():
    labels, others = np.array([0, 1, 0]), np.array([1, 0, 0, 0, 1])
    rng = np.random.default_rng(0)
    drawn = np.array([matches(labels, others, rng) for _ in range(3000)])
    assert (others[drawn] == labels).all()
    assert (drawn[:, 0] != drawn[:, 2]).all()
    for column, choices in ((0, (1, 2, 3)), (1, (0, 4)), (2, (1, 2, 3))):
        shares = [(drawn[:, column] == row).mean() for row in choices]
        np.testing.assert_allclose(shares, 1 / len(choices), atol=0.04)
