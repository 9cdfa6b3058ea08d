"""The talking mouth: sentences of the grammar, lips that follow the phonemes, and offsets that are what the truth says."""

import numpy as np
import pytest
from toys import parts

from mmcourse import data
from mmcourse.data import mouth
from mmcourse.data.voice import speak_phonemes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("mouth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mouth, "SENTENCES", 20)
        mouth.build_talking_mouth([], path)
    return path


def test_sentences_follow_the_grammar_and_differ(folder):
    table = mouth.talking_mouth_table(folder)
    kinds = [words.split() for words in mouth.GRAMMAR]
    for text in table["text"]:
        assert all(word in kind for word, kind in zip(text.split(" "), kinds, strict=True))
    assert len(set(table["text"])) == len(table) == 20
    assert set(table["voice"]) <= set(mouth.VOICES)


def test_the_sound_is_that_of_the_synthesiser(folder):
    row = mouth.talking_mouth_table(folder).iloc[3]
    sound, rate, phonemes = speak_phonemes(row["text"], row["voice"], row["rate"])
    assert rate == mouth.RATE
    starts = [second for _, second in row["phonemes"]]
    np.testing.assert_allclose(starts, [0.4 + sample / rate for _, sample in phonemes], atol=1e-3)
    with np.load(folder / "audio.npz") as stored:
        frames = np.split(stored["frames"], np.cumsum(stored["lengths"])[:-1])[3]
    assert len(frames) == 1 + int((len(sound) / rate + 0.8) * rate) // mouth.HOP
    loud = np.flatnonzero(frames[:, 0] > (frames[:, 0].min() + frames[:, 0].max()) / 2) / 50
    assert 0.35 <= loud.min() <= starts[0] + 0.15
    assert starts[-1] - 0.4 <= loud.max() <= starts[-1] + 0.1


def test_every_sound_of_every_voice_has_a_look(folder):
    known = set("".join(mouth.VISEMES)) | set("ːˈˌ")
    texts = [word for words in mouth.GRAMMAR for word in words.split()]
    for voice in mouth.VOICES:
        said = [name for text in texts for name, _ in speak_phonemes(text, voice)[2]]
        assert set("".join(said)) <= known


def test_lips_close_for_closed_consonants_and_open_for_wide_vowels():
    phonemes = [("", 0.0), ("b", 0.2), ("a", 0.4), ("m", 0.7), ("uː", 0.9), ("", 1.2)]
    shapes = mouth.mouth_shapes(phonemes, 1.4)
    assert shapes.shape == (140, 4)
    opening, _, rounding, _ = shapes.T
    assert opening[30] < 0.2 < 0.8 < opening[55]
    assert opening[80] < 0.2
    assert rounding[105] > 0.9 > 0.2 > rounding[55]
    np.testing.assert_allclose(shapes[[0, -1]], [mouth.REST] * 2, atol=0.05)
    assert np.abs(np.diff(shapes, axis=0)).max() < 0.12  # blended: no jumps


def test_drawn_mouths_show_their_shape():
    shapes = [[0, 0.5, 0, 0], [0.4, 0.5, 0, 0], [0.9, 0.5, 0, 0], [0.9, 0.5, 0, 0.8], [0.9, 0.1, 1, 0]]
    pictures = mouth.draw_mouth(shapes, np.random.default_rng(0))
    assert pictures.shape == (5, 1, 24, 32)
    assert pictures.dtype == np.float32
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    dark = (pictures < 0.25).sum((1, 2, 3))
    assert dark[0] == 0 < dark[1] < dark[2] > dark[3]
    wide = [(picture[0] < 0.6).any(0).sum() for picture in pictures]
    assert wide[4] < wide[2]


@pytest.mark.parametrize("shift", mouth.SHIFTS)
def test_offsets_are_what_they_claim(shift):
    for seed in range(30):
        when = mouth.shifted_times(60, shift, 6, np.random.default_rng(seed))
        offset = when - np.arange(60)
        assert (np.diff(when) > 0.1).all()
        assert np.abs(offset).max() <= 6 + 1e-9
        if shift == "none":
            assert not offset.any()
        elif shift == "lag":
            assert np.ptp(offset) < 1e-9
            assert 3 <= abs(offset[0])
        else:
            assert np.abs(np.diff(offset, n=2)).max() < 0.5
            assert np.ptp(offset) > 1
    assert not (mouth.shifted_times(9, shift, 0, np.random.default_rng(0)) - np.arange(9)).any()


def test_items_and_their_truth(folder):
    still, moved = (mouth.load_talking_mouth(folder, shift=shift) for shift in ("none", "warp"))
    for one, other in zip(parts(still), parts(moved), strict=True):
        assert one.target.tolist() == other.target.tolist()
        for (item, _), (late, _) in zip(one, other, strict=True):
            count = len(item["image"])
            shapes = {key: tuple(value.shape) for key, value in item.items()}
            audio = shapes.pop("audio")
            assert audio[1] == 13
            assert 2 * count <= audio[0] <= 2 * count + 2
            assert shapes == {
                "image": (count, 1, 24, 32),
                "shape": (count, 4),
                "when": (count,),
                "spoken": (count,),
            }
            assert (item["audio"] == late["audio"]).all()
            assert item["when"].tolist() == list(range(count))
            back = np.stack([np.interp(late["when"], np.arange(count), column) for column in item["shape"].T], 1)
            assert np.abs(back - late["shape"].numpy()).mean() < 0.06  # but for the noise on the lips
    in_step = [(item["when"] == np.arange(len(item["when"]))).all() for split in parts(moved) for item, _ in split]
    assert in_step == [True] * len(moved.train) + [False] * (20 - len(moved.train))
    assert 0.4 < np.mean([item["spoken"].float().mean() for item, _ in still.train]) < 0.9


def test_seeds_and_parts(folder):
    first, same, other = (mouth.load_talking_mouth(folder, shift="lag", seed=seed) for seed in (1, 1, 2))
    assert (first.train[0][0]["image"] == same.train[0][0]["image"]).all()
    assert first.train.target.tolist() != other.train.target.tolist()
    rows = [row for split in parts(first) for row in split.target]
    assert sorted(rows) == list(range(20))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": "late"}, "shift must be one of none, lag, warp"),
        ({"frames": 11}, "frames must be a number from 0 to 10"),
        ({"frames": "two"}, "frames must be a number"),
        ({"frames": np.nan}, "frames must be a number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 0.5}, "seed must be a whole number"),
    ],
)
def test_bad_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        mouth.load_talking_mouth(folder, **options)


def test_the_registry_says_that_it_is_generated():
    entry = data.REGISTRY["talking_mouth"]
    assert not entry.real
    assert "GRID" in entry.stands_in_for
