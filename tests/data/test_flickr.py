"""Flickr30k and Flickr8k in miniature, line by line as their publisher describes them, and every bad file."""

import itertools
import json

import numpy as np
import pytest
from PIL import Image
from toys import change, parts

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.flickr import load_flickr8k, load_flickr30k

NUMBERS = range(40)
TURNS = range(5)


def lines(names):
    """Captions in blocks of five, not sorted within one; white space is untidy."""
    order = (2, 0, 1, 4, 3)
    return "".join(f"{name}#{turn}\tPicture {name[:4]}  seen by person {turn} .\n" for name in names for turn in order)


def pictures(folder, names):
    """Plain grey, as bright as twice the place of the name."""
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        Image.new("RGB", (50, 37), (2 * number,) * 3).save(folder / name, quality=95)


def karpathy(names):
    """Karpathy's file: 24 photographs to train, 6 and 6; the last four are not in it."""
    images = [
        {
            "sentids": [5 * number + turn for turn in TURNS],
            "imgid": number,
            "sentences": [
                {"tokens": ["a"], "raw": f"a{turn}", "imgid": number, "sentid": 5 * number + turn} for turn in TURNS
            ],
            "split": "test" if number % 6 == 5 else "val" if number % 6 == 2 else "train",
            "filename": name,
        }
        for number, name in enumerate(names[:36])
    ]
    return {"images": images, "dataset": "flickr30k"}


NAMES30 = [f"{1000092795 + 17 * number}.jpg" for number in NUMBERS]
NAMES8 = [f"{1000268201 + number}_693b08cb0e.jpg" for number in NUMBERS]
PARTS8 = {"train": NAMES8[:20], "dev": NAMES8[20:30], "test": NAMES8[39:29:-1]}


@pytest.fixture
def thirty(tmp_path):
    pictures(tmp_path / "flickr30k-images", NAMES30)
    (tmp_path / "results_20130124.token").write_text(lines(NAMES30), encoding="utf-8")
    return tmp_path


@pytest.fixture
def eight(tmp_path):
    pictures(tmp_path / "Flicker8k_Dataset", NAMES8)
    text = lines(NAMES8) + "2258277193_586949ec62.jpg.1#0\tPeople waiting for the subway\n"  # there is no such picture
    (tmp_path / "Flickr8k.token.txt").write_text(text, encoding="utf-8")
    for part, names in PARTS8.items():
        (tmp_path / f"Flickr_8k.{part}Images.txt").write_text("\n".join(names) + "\n")
    return tmp_path


def check_items(splits, names):
    for split in parts(splits):
        assert split.groups.tolist() == split.target.tolist()
        for inputs, number in (split[row] for row in range(len(split))):
            assert inputs["text"] == f"Picture {names[number][:4]} seen by person 0 ."
            np.testing.assert_allclose(inputs["image"] * 255, 2 * number, atol=1)
    for left, right in itertools.combinations(parts(splits), 2):
        assert not set(left.groups) & set(right.groups)


def test_flickr30k_without_karpathys_parts(thirty):
    splits = load_flickr30k(folder=thirty, size=16)
    assert [len(split) for split in parts(splits)] == [36, 2, 2]
    check_items(splits, NAMES30)
    assert splits.train[0][0]["image"].shape == (3, 16, 16)
    again = load_flickr30k(folder=thirty)
    assert again.test.target.tolist() == splits.test.target.tolist()
    assert again.test[0][0]["image"].shape == (3, 96, 96)


def test_flickr30k_with_karpathys_parts(thirty):
    (thirty / "dataset_flickr30k.json").write_text(json.dumps(karpathy(NAMES30)))
    splits = load_flickr30k(folder=thirty, size=8)
    assert [len(split) for split in parts(splits)] == [24, 6, 6]
    assert splits.valid.target.tolist() == [2, 8, 14, 20, 26, 32]
    assert splits.test.target.tolist() == [5, 11, 17, 23, 29, 35]
    check_items(splits, NAMES30)
    limited = load_flickr30k(folder=thirty, limit=10)
    assert [len(split) for split in parts(limited)] == [10, 6, 6]


def test_all_captions(thirty):
    splits = load_flickr30k(folder=thirty, size=8, captions="all")
    assert [len(split) for split in parts(splits)] == [180, 10, 10]
    inputs, target = splits.test.arrays()
    expected = [f"Picture {NAMES30[number][:4]} seen by person {turn} ." for number in target[::5] for turn in TURNS]
    assert inputs["text"].tolist() == expected


def test_flickr8k_in_its_official_parts(eight):
    splits = load_flickr8k(folder=eight, size=8)
    assert [len(split) for split in parts(splits)] == [20, 10, 10]
    assert splits.test.target.tolist() == list(range(39, 29, -1))
    check_items(splits, NAMES8)
    assert len(load_flickr8k(folder=eight, captions="all").test) == 50


def test_the_folders_from_the_variables(thirty, monkeypatch):
    for name in ("flickr30k", "flickr8k"):
        assert not data.ready(name)
    monkeypatch.setenv("MMCOURSE_FOLDER_FLICKR30K", str(thirty))
    assert data.ready("flickr30k")
    assert len(data.load("flickr30k", limit=10).train) == 10


TOKEN = "results_20130124.token"
FIRST = NAMES30[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"{FIRST}#2\t", f"{FIRST}\t", rf"{TOKEN}, line 1: '{FIRST}.*' is not a file name, #, a number, a tab and"),
        (f"{FIRST}#2\t", f"{FIRST}#2 ", r"line 1: .* is not a file name"),
        (f"{FIRST}#2\t", f"{FIRST}#two\t", r"line 1: .* is not a file name"),
        (f"{FIRST}#2\t", "#2\t", r"line 1: .* is not a file name"),
        (f"{FIRST}#0\t", f"\n{FIRST}#0\t", r"line 2: .* is not a file name"),
        (f"{FIRST}#0\t", f"{FIRST}#2\t", rf"line 2: '{FIRST}#2.*' is there twice"),
        (f"{NAMES30[1]}#2\t", "0.jpg#2\t", r"flickr30k-images holds no 0.jpg; unpack the pictures again"),
    ],
)
def test_bad_captions(thirty, old, new, message):
    change(thirty, TOKEN, old, new)
    with pytest.raises(DataError, match=message):
        load_flickr30k(folder=thirty)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"One of the parts train, val, test of the pictures in .*flickr30k-images is empty"),
        (b"\xff\xfe", rf"{TOKEN} is not a UTF-8 text file"),
        (lines(NAMES30[:5]).encode(), r"One of the parts .* is empty"),
    ],
)
def test_bad_caption_files(thirty, content, message):
    (thirty / TOKEN).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_flickr30k(folder=thirty)


def test_a_photograph_with_empty_captions_is_left_out(thirty):
    text = (thirty / TOKEN).read_text()
    for turn in TURNS:
        text = text.replace(f"{FIRST}#{turn}\tPicture 1000  seen by person {turn} .", f"{FIRST}#{turn}\t ")
    (thirty / TOKEN).write_text(text)
    splits = load_flickr30k(folder=thirty)
    assert sum(len(split) for split in parts(splits)) == 39
    (thirty / "dataset_flickr30k.json").write_text(json.dumps(karpathy(NAMES30)))
    with pytest.raises(DataError, match=rf"The picture {FIRST} of .*flickr30k-images has no caption"):
        load_flickr30k(folder=thirty)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"dataset_flickr30k.json is not Karpathy's file of parts \(JSONDecodeError"),
        ("[]", r"is not Karpathy's file of parts \(TypeError"),
        ('{"images": [{"filename": "1.jpg"}]}', r"is not Karpathy's file of parts \(KeyError\('split'\)\)"),
        ('{"images": []}', r"One of the parts train, val, test of the pictures in .* is empty"),
        (json.dumps(karpathy([NAMES30[0], *NAMES30])), rf"The picture {FIRST} is listed twice in the parts of"),
        (json.dumps(karpathy(["5.jpg", *NAMES30])), r"The picture 5.jpg of .* has no caption"),
    ],
)
def test_bad_parts(thirty, content, message):
    (thirty / "dataset_flickr30k.json").write_text(content)
    with pytest.raises(DataError, match=message):
        load_flickr30k(folder=thirty)


def test_flickr8k_parts_that_share_a_picture(eight):
    (eight / "Flickr_8k.testImages.txt").write_text("\n".join([*PARTS8["test"], NAMES8[3]]))
    with pytest.raises(
        DataError, match=rf"The picture {NAMES8[3]} is listed twice in the parts of .*Flicker8k_Dataset"
    ):
        load_flickr8k(folder=eight)
    (eight / "Flickr_8k.testImages.txt").write_text("")
    with pytest.raises(DataError, match=r"One of the parts .* is empty"):
        load_flickr8k(folder=eight)


def test_missing_and_damaged_pictures(thirty):
    splits = load_flickr30k(folder=thirty)
    path = thirty / "flickr30k-images" / NAMES30[splits.test.target[0]]
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=rf"{path.name} is missing or damaged \("):
        _ = splits.test[0]
    path.unlink()
    with pytest.raises(DataError, match=rf"flickr30k-images holds no {path.name}; unpack the pictures again"):
        load_flickr30k(folder=thirty)


def test_missing_files_and_folders(thirty, eight):
    with pytest.raises(DataError, match=r"results_20130124.token and flickr30k-images/ in MMCOURSE_FOLDER_FLICKR30K"):
        data.load("flickr30k")
    (eight / "Flickr_8k.devImages.txt").unlink()
    with pytest.raises(DataError, match=r"holds no Flickr_8k.devImages.txt. Unpack Flickr8k_Dataset.zip"):
        load_flickr8k(folder=eight)
    (thirty / "flickr30k-images").rename(thirty / "elsewhere")
    with pytest.raises(DataError, match=r"holds no flickr30k-images/\. Ask the publisher"):
        load_flickr30k(folder=thirty)


@pytest.mark.parametrize("load", [load_flickr30k, load_flickr8k])
@pytest.mark.parametrize("options", [{"captions": "some"}, {"size": 0}, {"limit": 9}])
def test_bad_options(load, options, tmp_path):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be "):
        load(folder=tmp_path, **options)
