"""MS COCO in miniature, field by field as its publisher describes it, and every bad file."""

import copy
import itertools
import json
import pickle
import warnings

import numpy as np
import pytest
from PIL import Image
from toys import parts

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.coco import load_coco_captions
from mmcourse.data.media import Picture

INFO = {
    "description": "COCO 2017 Dataset",
    "url": "",
    "version": "1.0",
    "year": 2017,
    "contributor": "COCO Consortium",
    "date_created": "2017/09/01",
}
LICENSES = [{"url": "", "id": 4, "name": "Attribution License"}]
NUMBERS = {"train2017": range(100, 130), "val2017": range(500, 506)}
CAPTIONS = 5


def caption_file(numbers):
    """Return the content of a caption file; the captions of a picture do not stand together."""
    images = [
        {
            "license": 4,
            "file_name": f"{number:012}.jpg",
            "coco_url": "",
            "height": 48,
            "width": 64,
            "date_captured": "2013-11-14 17:02:52",
            "flickr_url": "",
            "id": number,
        }
        for number in numbers
    ]
    annotations = [
        {"image_id": number, "id": 10 * number + turn, "caption": f"Picture {number} seen by  person {turn}.\n"}
        for turn in range(CAPTIONS)
        for number in reversed(numbers)
    ]
    return {"info": INFO, "licenses": LICENSES, "images": images, "annotations": annotations}


def write(folder, contents=None):
    """Write the official layout; each picture is plain grey, as bright as the last two digits of its number."""
    (folder / "annotations").mkdir(parents=True)
    for part, numbers in NUMBERS.items():
        content = (contents or {}).get(part, caption_file(numbers))
        (folder / "annotations" / f"captions_{part}.json").write_text(json.dumps(content), encoding="utf-8")
        (folder / part).mkdir()
        for number in numbers:
            Image.new("RGB", (64, 48), (number % 100,) * 3).save(folder / part / f"{number:012}.jpg", quality=95)
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "coco")


def test_each_picture_with_its_first_caption(folder):
    splits = load_coco_captions(folder=folder, size=16)
    assert [len(split) for split in parts(splits)] == [27, 3, 6]
    assert sorted([*splits.train.target, *splits.valid.target]) == list(NUMBERS["train2017"])
    assert splits.test.target.tolist() == list(NUMBERS["val2017"])
    for split in parts(splits):
        assert split.groups.tolist() == split.target.tolist()
        for inputs, number in (split[row] for row in range(len(split))):
            assert inputs["text"] == f"Picture {number} seen by person 0."
            assert inputs["image"].shape == (3, 16, 16)
            assert str(inputs["image"].dtype) == "torch.float32"
            np.testing.assert_allclose(inputs["image"] * 255, number % 100, atol=1)


def test_each_picture_with_all_its_captions(folder):
    splits = load_coco_captions(folder=folder, captions="all", size=8)
    assert [len(split) for split in parts(splits)] == [27 * CAPTIONS, 3 * CAPTIONS, 6 * CAPTIONS]
    for left, right in itertools.combinations(parts(splits), 2):
        assert not set(left.groups) & set(right.groups)
    inputs, target = splits.valid.arrays()
    assert inputs["image"].shape == (15, 3, 8, 8)
    assert inputs["image"].dtype == np.float32
    np.testing.assert_allclose(inputs["image"].mean(axis=(1, 2, 3)) * 255, target % 100, atol=1)
    expected = [f"Picture {number} seen by person {turn}." for number in target[::CAPTIONS] for turn in range(CAPTIONS)]
    assert inputs["text"].tolist() == expected
    batch, masks, target = data.collate([splits.test[row] for row in range(4)])
    assert batch["image"].shape == (4, 3, 8, 8)
    assert batch["text"][3] == "Picture 500 seen by person 3."
    assert not masks
    assert target.tolist() == [500] * 4


def test_limit_takes_the_first_pictures(folder):
    splits = load_coco_captions(folder=folder, limit=10)
    assert sorted([*splits.train.target, *splits.valid.target]) == list(range(100, 110))
    assert [len(split) for split in parts(splits)] == [9, 1, 6]
    assert splits.train[0][0]["image"].shape == (3, 96, 96)


def test_pictures_are_read_when_they_are_asked_for(folder):
    splits = load_coco_captions(folder=folder, size=8)
    path = folder / "val2017" / "000000000502.jpg"
    path.unlink()
    _ = splits.test[1]
    with pytest.raises(DataError, match=r"000000000502.jpg is missing or damaged .*unpack or save it again"):
        _ = splits.test[2]
    with pytest.raises(DataError, match=r"000000000502.jpg is missing"):
        splits.test.arrays()
    assert pickle.loads(pickle.dumps(splits.test))[1][0]["text"] == splits.test[1][0]["text"]


def test_the_folder_from_the_variable(folder, monkeypatch):
    assert not data.ready("coco_captions")
    monkeypatch.setenv("MMCOURSE_FOLDER_COCO_CAPTIONS", str(folder))
    assert data.ready("coco_captions")
    assert data.prepare("coco_captions") == folder
    assert len(data.load("coco_captions").test) == 6


def test_a_picture_without_captions_is_left_out(tmp_path):
    content = caption_file(NUMBERS["val2017"])
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] != 501]
    for row in content["annotations"]:
        if row["image_id"] == 503:
            row["caption"] = " \n" if row["id"] % 10 < 2 else f"\tlate  caption\n{row['id']} "
    splits = load_coco_captions(folder=write(tmp_path / "coco", {"val2017": content}), size=8)
    assert splits.test.target.tolist() == [500, 502, 503, 504, 505]
    assert splits.test[2][0]["text"] == "late caption 5032"


# Pictures of which the middle is known: a square of one colour with bars of another on both sides.
def striped(width, height, mode="RGB", bars=(0, 0, 255), middle=(200, 100, 50)):
    pixels = np.full((height, width, 3), bars, dtype=np.uint8)
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    pixels[top : top + side, left : left + side] = middle
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize(("width", "height"), [(64, 32), (32, 96), (40, 40), (1200, 600), (1, 1)])
def test_the_middle_is_cut_out(tmp_path, width, height):
    striped(width, height).save(tmp_path / "picture.png")
    decoded = Picture(tmp_path / "picture.png", (32, 32)).decode()
    assert decoded.shape == (3, 32, 32)
    assert decoded.dtype == np.uint8
    np.testing.assert_allclose(decoded.mean(axis=(1, 2)), (200, 100, 50), atol=1)


def test_nothing_is_turned_or_mirrored(tmp_path):
    ramp = np.zeros((64, 64, 3), np.uint8)
    ramp[..., 0] = np.arange(0, 256, 4)[:, None]  # brighter downwards
    ramp[..., 1] = np.arange(0, 256, 4)  # brighter to the right
    Image.fromarray(ramp).save(tmp_path / "ramp.jpg", quality=95)
    decoded = Picture(tmp_path / "ramp.jpg", (16, 16)).decode().astype(float)
    np.testing.assert_allclose(decoded, ramp.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)).transpose(2, 0, 1), atol=8)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("L", "jpg"), ("CMYK", "jpg"), ("RGB", "jpg"), ("P", "png"), ("RGBA", "png"), ("1", "png")]
)
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode, suffix):
    saved = striped(64, 32, mode)
    saved.save(tmp_path / f"picture.{suffix}")
    decoded = Picture(tmp_path / f"picture.{suffix}", (32, 32)).decode()
    expected = np.asarray(saved.convert("RGB"))[:, 16:48].mean(axis=(0, 1))
    np.testing.assert_allclose(decoded.mean(axis=(1, 2)), expected, atol=6)


def test_a_transparent_palette_gives_no_warning(tmp_path):
    picture = striped(64, 32, "P")
    picture.save(tmp_path / "picture.png", transparency=bytes(range(256)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Picture(tmp_path / "picture.png", (32, 32)).decode().shape == (3, 32, 32)


def test_a_large_picture_keeps_its_fine_lines(tmp_path):
    board = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((4, 4))).astype(np.uint8)
    Image.fromarray(255 * board).save(tmp_path / "board.jpg", quality=95)
    decoded = Picture(tmp_path / "board.jpg", (16, 16)).decode()
    assert ((decoded > 127) == board[::4, ::4]).all()


def test_a_picture_cut_short_at_any_place(folder):
    path = folder / "val2017" / "000000000500.jpg"
    whole = path.read_bytes()
    splits = load_coco_captions(folder=folder, size=8)
    for length in range(0, len(whole) - 2, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"000000000500.jpg is missing or damaged \("):
            _ = splits.test[0]


def changed(change):
    """Return captions of val2017 after a change of a copy."""
    content = copy.deepcopy(caption_file(NUMBERS["val2017"]))
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"captions_val2017.json is not JSON \(Expecting value"),
        (json.dumps(caption_file(NUMBERS["val2017"]))[:-200], r"is not JSON \("),
        (b"\xff\xfe{}", r"captions_val2017.json is not a UTF-8 text file"),
        ("[]", r"has no list of images; it is not the file that its name says"),
        ('{"images": {}}', r"has no list of images"),
        (changed(lambda content: content.pop("annotations")), r"has no list of annotations"),
        (
            changed(lambda content: content["images"].insert(1, 5)),
            r"entry 1 of images has no id that is a whole number",
        ),
        (changed(lambda content: content["images"][2].pop("file_name")), r"entry 2 of images has no file_name that is"),
        (
            changed(lambda content: content["images"][0].update(id="500")),
            r"entry 0 of images has no id that is a whole",
        ),
        (
            changed(lambda content: content["annotations"][3].update(caption=None)),
            r"entry 3 of annotations has no caption that is a text",
        ),
        (
            changed(lambda content: content["annotations"][4].update(image_id=9)),
            r"entry 4 of annotations describes picture 9, not in images",
        ),
        (changed(lambda content: content["annotations"].clear()), r"captions_val2017.json describes no picture"),
        (changed(lambda content: content["images"].pop(0)), r"entry 5 of annotations describes picture 500"),
        (
            changed(lambda content: content["images"][1].update(file_name="../train2017/000000000100.jpg")),
            r"val2017 holds no ../train2017/000000000100.jpg; unpack",
        ),
        (json.dumps(caption_file(range(101, 107))), r"val2017 holds no 000000000101.jpg and 5 more; unpack"),
    ],
)
def test_bad_caption_files(folder, text, message):
    path = folder / "annotations" / "captions_val2017.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=message):
        load_coco_captions(folder=folder)


def test_parts_that_share_pictures(folder):
    (folder / "annotations" / "captions_val2017.json").write_text(json.dumps(caption_file(range(110, 112))))
    for number in (110, 111):
        Image.new("RGB", (8, 8)).save(folder / "val2017" / f"{number:012}.jpg")
    with pytest.raises(DataError, match="Picture 110 is in the captions of train2017 and of val2017"):
        load_coco_captions(folder=folder)


def test_too_few_pictures_to_train(tmp_path):
    folder = write(tmp_path / "coco", {"train2017": caption_file(range(100, 109))})
    with pytest.raises(DataError, match=r"captions_train2017.json describes only 9 pictures"):
        load_coco_captions(folder=folder)


def test_missing_pictures_are_found_at_once(folder):
    (folder / "train2017" / "000000000104.jpg").unlink()
    with pytest.raises(DataError, match=r"train2017 holds no 000000000104.jpg; unpack the pictures again"):
        load_coco_captions(folder=folder)
    (folder / "train2017" / "000000000104.jpg").mkdir()
    assert len(load_coco_captions(folder=folder).train) == 27


def test_no_folder_says_what_to_download_and_where_to_put_it(folder, tmp_path):
    with pytest.raises(DataError) as error:
        data.load("coco_captions")
    wanted = ("2017 Train images", "2017 Val images", "2017 Train/Val annotations", "into one folder", "folder=")
    for part in (*wanted, "annotations/captions_val2017.json", "val2017/", "MMCOURSE_FOLDER_COCO_CAPTIONS"):
        assert part in str(error.value)
    with pytest.raises(DataError, match=r"holds no annotations/captions_train2017.json. Download"):
        data.load("coco_captions", folder=tmp_path)
    (folder / "val2017").rename(folder / "elsewhere")
    with pytest.raises(DataError, match=r"holds no val2017/. Download"):
        data.load("coco_captions", folder=folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"captions": "some"}, "captions must be 'first' or 'all', not 'some'"),
        ({"size": 0}, "size must be a whole number of at least 1, not 0"),
        ({"size": 9.5}, "size must be a whole number of at least 1, not 9.5"),
        ({"limit": 9}, "limit must be a whole number of at least 10, not 9"),
        ({"limit": -1}, "limit must be a whole number of at least 10, not -1"),
    ],
)
def test_bad_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        load_coco_captions(folder=folder, **options)
