"""Music with words, built from a handful of scores written here, and the synthesiser against known frequencies."""

import io
import zipfile

import numpy as np
import pytest
from toys import parts

from mmcourse import data
from mmcourse.data import music
from mmcourse.data.splits import grouped_splits

MINOR, MAJOR = ("A B c d e d c B", "A2 E2"), ("A B ^c d e d ^c B", "A2 E2")
PLAIN = {name: sum(bounds) / 2 for name, bounds in music.STYLE.items()} | {"hiss": -120}


def tune(number, title, key, bars):
    """A tune in ABC: its bars and a long scale that the key analysis recognises, over and over."""
    body = " | ".join([bars, *([" ".join(MINOR if "m" in key else MAJOR)] * 4)])
    return f"X:{number}\nT: {title}\nM: 4/4\nL: 1/4\nK: {key}\n{body} |\n\n"


def reviews():
    """1,200 snippets whose text tells their number and feeling."""
    label = np.arange(1200) % 2
    texts = [f"{'good' if one else 'bad'} {number}" for number, one in enumerate(label)]
    return grouped_splits({"text": texts}, label, np.arange(1200))


@pytest.fixture(autouse=True)
def no_download(monkeypatch):
    monkeypatch.setattr(music, "snippets", reviews)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    bars = [" ".join(rng.permutation(list("ABcdefga"))) for _ in range(41)]
    tunes = [
        tune(n, f"song {n}", "Am" if n % 2 else "A", bars[n].replace("c", "^c" * (n % 2 == 0) or "c"))
        for n in range(40)
    ]
    tunes += [tune(40, "SONG 1", "Am", bars[40]), tune(41, "copy", "Am", bars[3])]  # relatives of songs 1 and 3
    tunes += ["X:50\nT: short\nL: 1/4\nK: A\nA B c\n\n", tune(51, "church", "Ador", bars[0]), "X:52\nT: broken\nK: A\n"]
    files = {"corpus/tunes.abc": "".join(tunes).encode()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(music, "snippets", reviews)
        music.build_music([files], tmp_path)
    return tmp_path


def test_what_is_kept_of_a_folder_of_scores(folder):
    table = music.music_table(folder)
    assert set(table["title"]) <= {*(f"Song {n}" for n in range(40)), "Song 1", "Copy"}
    assert (table["mode"] == "minor").sum() == (table["mode"] == "major").sum() >= 15
    assert set(table["source"]) == {"tune"}
    assert set(table["key"]) == {"A"}
    group = dict(zip(table["title"], table["group"], strict=True))
    if {"Copy", "Song 3"} <= group.keys():
        assert group["Copy"] == group["Song 3"]
    assert table.groupby("title")["group"].nunique().max() == 1
    assert len(set(table["group"])) >= 30


def test_items_groups_and_words(folder):
    splits = music.load_music(folder, lines=3)
    groups = [set(split.groups) for split in parts(splits)]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert splits.classes == ("minor", "major")
    halves = [set(split.arrays()[0]["text"]) for split in parts(reviews())]
    for split, half in zip(parts(splits), halves, strict=True):
        inputs, _ = split[0]
        shapes = {key: tuple(value.shape) for key, value in inputs.items() if key != "text"}
        assert shapes == {"timbre": (54,), "harmony": (13,), "audio": (128_000,)}
        verses = [text.split("\n") for text in split.arrays()[0]["text"]]
        for verse, feeling in zip(verses, split.target, strict=True):
            assert [line.split()[0] for line in verse] == [("bad", "good")[feeling]] * 3
        said = [line for verse in verses for line in verse]
        assert set(said) <= half
        assert len(set(said)) == len(said)


def test_features_are_those_of_the_sound(folder):
    from mmcourse.representation import chroma, mfcc, spectral_contrast, tempo

    inputs, _ = music.load_music(folder).valid[0]
    sound = inputs["audio"]
    rows = np.concatenate([f(sound, 16_000, hop_length=1024) for f in (mfcc, spectral_contrast)])
    np.testing.assert_allclose(inputs["timbre"], np.concatenate([rows.mean(1), rows.std(1)]), rtol=1e-3, atol=1e-2)
    tones = chroma(sound, 16_000, n_fft=4096, hop_length=1024).mean(1)
    np.testing.assert_allclose(inputs["harmony"][:12], tones, atol=1e-3)
    assert inputs["harmony"][12] == pytest.approx(float(tempo(sound, 16_000)), rel=1e-3)
    assert sound.square().mean().sqrt() == pytest.approx(0.1, rel=1e-4)


def test_seeds(folder):
    first, same, other = (music.load_music(folder, seed=seed, sound=False) for seed in (0, 0, 1))
    assert first.train.groups.tolist() == same.train.groups.tolist() != other.train.groups.tolist()
    assert first.train.arrays()[0]["text"].tolist() == same.train.arrays()[0]["text"].tolist()
    assert set(first.train.arrays()[0]) == {"timbre", "harmony", "text"}


def test_relatives_stay_together(folder):
    table = music.music_table(folder)
    assert len(set(table["group"])) < len(table)
    for seed in range(20):
        groups = [set(split.groups) for split in parts(music.load_music(folder, seed=seed, sound=False))]
        assert sum(map(len, groups)) == len(set.union(*groups)) == len(set(table["group"]))


@pytest.mark.parametrize("lines", [0, 5, 1.5, "two"])
def test_bad_lines(folder, lines):
    with pytest.raises(ValueError, match="lines must be a whole number from 1 to 4"):
        music.load_music(folder, lines=lines)


def test_the_synthesiser_plays_what_is_written():
    notes = np.array([[0, 1, 69], [2, 1, 81], [2, 1, 76], [7.5, 3, 60]], dtype=float)
    sound = music.play(notes, list(PLAIN.values()))
    assert sound.shape == (128_000,)
    assert sound.dtype == np.float32

    def strongest(first, count):
        power = np.abs(np.fft.rfft(sound[first : first + 8000] * np.hanning(8000)))
        peaks = [k for k in range(1, len(power) - 1) if power[k] == power[max(0, k - 20) : k + 20].max()]
        return sorted(2.0 * k for k in sorted(peaks, key=lambda k: -power[k])[:count])

    np.testing.assert_allclose(strongest(1000, 1), [440], atol=2)
    np.testing.assert_allclose(strongest(33_000, 2), [659.3, 880], atol=2)
    assert np.abs(sound[17_000:31_000]).max() < 1e-3
    np.testing.assert_array_equal(sound, music.play(notes, list(PLAIN.values())))


def test_tempo_transposition_and_style_do_not_depend_on_the_mode():
    notes = np.array([(beat, 1, pitch) for beat in range(60) for pitch in (60, 64)], dtype=float)
    rng = np.random.default_rng(0)
    cut = [music._excerpt(notes, (60, 120), rng) for _ in range(300)]
    lowest = np.array([excerpt.notes[:, 2].min() for excerpt in cut])
    assert set(lowest - 60) == set(range(-6, 6))
    length = np.array([np.diff(np.unique(excerpt.notes[:, 0]))[0] for excerpt in cut])
    assert 0.5 <= length.min() < 0.55
    assert 0.9 < length.max() <= 1
    for excerpt in cut[:20]:
        assert excerpt.notes[0, 0] == 0
        assert excerpt.notes[:, 0].max() < music.SECONDS
        for value, (low, high) in zip(excerpt.style, music.STYLE.values(), strict=True):
            assert low <= value <= high


def test_a_chorale_out_of_a_zipped_file():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("bwv1.xml", "<score-partwise/>")
    assert music._unzipped(content.getvalue()) == "<score-partwise/>"


def test_the_registry_knows_it():
    entry = data.REGISTRY["music"]
    assert "synthesiser" in entry.pairing
    assert entry.folder_name().startswith("music-")
