"""RWTH-PHOENIX-Weather 2014 T in miniature, field by field as its publisher describes it, and every bad file."""

import numpy as np
import pytest
from PIL import Image
from toys import change, parts

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.phoenix import load_phoenix2014t, phoenix_table

HEADER = "name|video|start|end|speaker|orth|translation"
# name, frames, signer, glosses, translation; a quotation mark and letters beyond ASCII are part of the text.
ROWS = {
    "train": [
        ("01April_2010_Thursday_heute-6696", 5, "Signer04", "JETZT WETTER MORGEN", "und nun die wettervorhersage"),
        ("01April_2010_Thursday_heute-6697", 3, "Signer04", "ORT REGEN DURCH", '" mancherorts regent es auch länger'),
        ("30May_2011_Monday_heute-57", 4, "Signer01", "SONNE  SCHEINEN ", " schwacher wind , örtlich böig "),
    ],
    "dev": [("11August_2010_Wednesday_tagesschau-2", 4, "Signer08", "DRUCK TIEF KOMMEN", "tiefer luftdruck bestimmt")],
    "test": [("25October_2010_Monday_tagesschau-17", 12, "Signer01", "REGEN SCHNEE", "regen und schnee lassen nach")],
}


def table(part):
    return "annotations/manual/PHOENIX-2014-T." + part + ".corpus.csv"


def frames(part, name=""):
    return f"features/fullFrame-210x260px/{part}/{name}"


@pytest.fixture
def folder(tmp_path):
    """Frame n of a video is grey, 10 n bright, red at its foot."""
    for part, rows in ROWS.items():
        path = tmp_path / table(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{name}|{name}/1/*.png|-1|-1|{who}|{orth}|{text}" for name, _, who, orth, text in rows]
        path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
        for name, count, *_ in rows:
            home = tmp_path / frames(part, name)
            home.mkdir(parents=True)
            for number in range(1, count + 1):
                pixels = np.full((260, 210, 3), 10 * number, np.uint8)
                pixels[195:] = (200, 0, 0)
                Image.fromarray(pixels).save(home / f"images{number:04}.png")
    return tmp_path


def test_videos_with_glosses_and_translations(folder):
    splits = load_phoenix2014t(folder=folder)
    assert [len(split) for split in parts(splits)] == [3, 1, 1]
    assert splits.train.groups.tolist() == ["Signer04", "Signer04", "Signer01"]
    for split, rows in zip(parts(splits), ROWS.values(), strict=True):
        for number, (_, count, _, orth, text) in enumerate(rows):
            inputs, target = split[number]
            assert target == " ".join(orth.split())
            assert inputs["text"] == " ".join(text.split())
            assert inputs["video"].shape == (count, 3, 130, 105)
            shades = inputs["video"][:, :, :90].mean(dim=(1, 2, 3)) * 255
            np.testing.assert_allclose(shades, 10 * np.arange(1, count + 1), atol=0.1)
            np.testing.assert_allclose(inputs["video"][:, :, 105:].mean(dim=(0, 2, 3)) * 255, (200, 0, 0), atol=0.1)
    batch, masks, target = data.collate([splits.train[0], splits.train[1]])
    assert masks["video"].tolist() == [[True] * 5, [True] * 3 + [False] * 2]
    assert batch["text"][1] == '" mancherorts regent es auch länger'
    assert target == ["JETZT WETTER MORGEN", "ORT REGEN DURCH"]
    arrays, _ = splits.train.arrays()
    assert [len(video) for video in arrays["video"]] == [5, 3, 4]


def test_stride_size_and_limit(folder):
    splits = load_phoenix2014t(folder=folder, size=(26, 21), stride=5, limit=2)
    assert [len(split) for split in parts(splits)] == [2, 1, 1]
    video = splits.test[0][0]["video"]
    assert video.shape == (3, 3, 26, 21)
    np.testing.assert_allclose(video[:, :, :18].mean(dim=(1, 2, 3)) * 255, (10, 60, 110), atol=0.1)


def test_the_table_and_the_variable(folder, monkeypatch):
    assert not data.ready("phoenix2014t")
    monkeypatch.setenv("MMCOURSE_FOLDER_PHOENIX2014T", str(folder))
    assert data.ready("phoenix2014t")
    rows = data.table("phoenix2014t")
    assert rows["part"].tolist() == ["train"] * 3 + ["dev", "test"]
    assert rows["orth"].iloc[2] == "SONNE SCHEINEN"
    assert list(rows)[:7] == HEADER.split("|")
    assert len(data.load("phoenix2014t").train) == 3


@pytest.mark.parametrize(
    ("part", "old", "new", "message"),
    [
        ("dev", "|orth|", "|gloss|", r"T.dev.corpus.csv has no column 'orth'; its first line names: name, video"),
        ("dev", "|orth|", ",orth,", r"dev.corpus.csv has no column 'speaker'"),
        (
            "train",
            "heute-6697|",
            "heute-6696|",
            r"train.corpus.csv, line 3: '01April_2010_Thursday_heute-6696' is ther",
        ),
        ("train", "heute-57|", "heute-58|", r"line 4: features/fullFrame-210x260px/train/ holds no folder '30May_2011"),
        (
            "dev",
            "11August_2010_Wednesday_tagesschau-2|",
            "30May_2011_Monday_heute-57|",
            r"dev.corpus.csv, line 2: '30Ma",
        ),
        ("train", "|ORT REGEN DURCH|", "||", r"line 3: '01April_2010_Thursday_heute-6697' has no orth"),
        ("train", "|Signer01|", "| |", r"line 4: '30May_2011_Monday_heute-57' has no speaker"),
        (
            "test",
            "|regen und schnee lassen nach",
            "",
            r"line 2: '25October_2010_Monday_tagesschau-17' has no translation",
        ),
        ("train", "30May", "\n30May", r"train.corpus.csv, line 4: .* holds no folder ''"),
    ],
)
def test_bad_tables(folder, part, old, new, message):
    change(folder, table(part), old, new)
    with pytest.raises(DataError, match=message):
        load_phoenix2014t(folder=folder)


def test_a_sentence_in_two_parts(folder):
    name = ROWS["train"][2][0]
    change(folder, table("test"), "25October_2010_Monday_tagesschau-17|", f"{name}|")
    (folder / frames("test", name)).mkdir()
    with pytest.raises(DataError, match=rf"test.corpus.csv, line 2: '{name}' is in the part train too"):
        load_phoenix2014t(folder=folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"cannot be read \(No columns to parse"),
        (HEADER.encode(), r"dev.corpus.csv holds no rows"),
        (b"\xff\xfe", r"is not a UTF-8 text file"),
        (f"{HEADER}\na|b|1|1|c|d|e\na|b|1|1|c|d|e|f|g|h\n".encode(), r"cannot be read \(.*line 3"),
    ],
)
def test_bad_files(folder, content, message):
    (folder / table("dev")).write_bytes(content)
    with pytest.raises(DataError, match=message):
        phoenix_table(folder=folder)


def test_damaged_and_missing_pictures(folder):
    splits = load_phoenix2014t(folder=folder)
    home = folder / frames("test", ROWS["test"][0][0])
    path = home / "images0007.png"
    for content in (path.read_bytes()[:100], b"", b"no picture"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"images0007.png is missing or damaged \("):
            _ = splits.test[0]
    for path in home.iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"tagesschau-17 holds no pictures; unpack it again"):
        _ = splits.test[0]
    home.rmdir()
    with pytest.raises(DataError, match=r"holds no pictures"):
        _ = splits.test[0]


def test_missing_files_and_folders(folder):
    with pytest.raises(DataError, match=r"phoenix-2014-T.v3.tar.gz .* MMCOURSE_FOLDER_PHOENIX2014T or as load"):
        data.load("phoenix2014t")
    (folder / frames("dev")).rename(folder / "elsewhere")
    with pytest.raises(DataError, match=r"holds no features/fullFrame-210x260px/dev/\. Download"):
        load_phoenix2014t(folder=folder)
    (folder / table("test")).unlink()
    with pytest.raises(DataError, match=r"holds no annotations/manual/PHOENIX-2014-T.test.corpus.csv"):
        load_phoenix2014t(folder=folder)


@pytest.mark.parametrize("options", [{"size": 100}, {"size": (1, 2, 3)}, {"stride": 0}, {"limit": 0}, {"stride": 1.5}])
def test_bad_options(folder, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be a "):
        load_phoenix2014t(folder=folder, **options)
