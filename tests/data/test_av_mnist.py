"""AV-MNIST in miniature, as the reader of MultiBench expects it, and every bad file."""

import pickle

import numpy as np
import pytest

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.av_mnist import load_av_mnist

SIZES = {"train": 60, "test": 20}


def write(folder, image=np.float64, audio=np.float64, flat=True):
    """Write every file: pictures as flat rows, sounds as squares, labels as bytes; pixel 0 holds the row's number."""
    rng = np.random.default_rng(0)
    for part, size in SIZES.items():
        for key, side, dtype in (("image", 28, image), ("audio", 112, audio)):
            values = rng.integers(0, 256, (size, side, side)).astype(dtype)
            values[:, 0, 0] = np.arange(size)
            (folder / key).mkdir(parents=True, exist_ok=True)
            np.save(folder / key / f"{part}_data.npy", values.reshape(size, -1) if flat and key == "image" else values)
        np.save(folder / f"{part}_labels.npy", rng.permutation(np.arange(size, dtype=np.uint8) % 10))
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "avmnist")


def test_the_last_twelfth_of_train_is_for_validation(folder):
    splits = load_av_mnist(folder=folder)
    parts = splits.train, splits.valid, splits.test
    assert [len(part) for part in parts] == [55, 5, 20]
    for key in ("image", "audio"):
        rows = [part.arrays()[0][key][:, 0, 0, 0] * 255 for part in parts]
        np.testing.assert_allclose(np.concatenate(rows), [*range(60), *range(20)], atol=1e-4)
    labels = np.load(folder / "train_labels.npy")
    assert [*splits.train.target, *splits.valid.target] == labels.tolist()
    assert splits.classes == tuple("0123456789")


@pytest.mark.parametrize(
    ("dtype", "flat"), [(np.uint8, True), (np.float32, False), (np.float64, True), (np.int64, False)]
)
def test_items_are_divided_by_255_whatever_the_type(tmp_path, dtype, flat):
    folder = write(tmp_path / "avmnist", dtype, dtype, flat)
    inputs, digit = load_av_mnist(folder=folder).test[7]
    assert digit == np.load(folder / "test_labels.npy")[7]
    for key, shape in (("image", (1, 28, 28)), ("audio", (1, 112, 112))):
        expected = np.load(folder / key / "test_data.npy")[7].reshape(shape).astype(float) / 255
        assert str(inputs[key].dtype) == "torch.float32"
        np.testing.assert_allclose(inputs[key], expected, rtol=1e-6)


def test_rows_are_read_when_they_are_asked_for_and_travel_without_the_file(folder):
    splits = load_av_mnist(folder=folder)
    sent = pickle.dumps(splits.train)
    assert len(sent) < (folder / "audio" / "train_data.npy").stat().st_size / 100
    again, ours = pickle.loads(sent)[9][0]["audio"], splits.train[9][0]["audio"]
    assert np.array_equal(again, ours)


def test_the_folder_from_the_variable_and_a_limit(folder, monkeypatch):
    assert not data.ready("av_mnist")
    monkeypatch.setenv("MMCOURSE_FOLDER_AV_MNIST", str(folder))
    assert data.ready("av_mnist")
    splits = data.load("av_mnist", limit=24)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [22, 2, 20]
    with pytest.raises(ValueError, match="limit must be a whole number of at least 12, not 11"):
        load_av_mnist(folder=folder, limit=11)


def test_no_folder_says_what_to_download(folder):
    with pytest.raises(DataError, match=r"Download AV-MNIST .*image/train_data.npy.*MMCOURSE_FOLDER_AV_MNIST"):
        data.load("av_mnist")
    (folder / "audio" / "test_data.npy").unlink()
    with pytest.raises(DataError, match=r"holds no audio/test_data.npy. Download AV-MNIST"):
        data.load("av_mnist", folder=folder)


def changed(change):
    """Return a function that rewrites a file with its changed array."""
    return lambda path: np.save(path, change(np.load(path)))


BAD = [
    (
        "image/train_data.npy",
        changed(lambda x: x[:, :700]),
        r"has the shape \(60, 700\), not \(n, 28, 28\) or \(n, 784\)",
    ),
    ("audio/test_data.npy", changed(lambda x: x[:, :, :100]), r"shape \(20, 112, 100\), not \(n, 112, 112\)"),
    ("audio/train_data.npy", changed(lambda x: x[0, 0, 0]), r"shape \(\), not"),
    ("image/test_data.npy", changed(lambda x: x[:19]), r"has 19 rows, but test_labels.npy has 20"),
    ("train_labels.npy", changed(lambda x: x + 1), r"row \d+: the label is 10, not a digit from 0 to 9"),
    ("train_labels.npy", changed(lambda x: x - 0.5), r"the label is -?\d\.5, not a digit"),
    ("test_labels.npy", changed(lambda x: x[:, None]), r"has the shape \(20, 1\), not one label each"),
    ("train_labels.npy", changed(lambda x: x[:11]), r"has the shape \(11,\), not one label each of at least 12 pairs"),
    ("test_labels.npy", changed(lambda x: x.astype(str)), "does not hold one array of numbers"),
    ("audio/train_data.npy", lambda path: path.write_bytes(path.read_bytes()[:-8]), "not the whole of one"),
    ("audio/train_data.npy", lambda path: path.write_bytes(b""), "is no .npy file"),
    ("image/train_data.npy", lambda path: path.write_text("<html>not found</html>"), "is no .npy file"),
    ("image/train_data.npy", lambda path: path.write_bytes(pickle.dumps([1, 2])), "is no .npy file"),
    ("test_labels.npy", lambda path: np.save(path, np.array([1, None]), allow_pickle=True), "is no .npy file"),
    ("test_labels.npy", lambda path: np.savez(path.open("wb"), a=np.arange(20)), "does not hold one array of numbers"),
]


@pytest.mark.parametrize(("name", "spoil", "message"), BAD)
def test_bad_files(folder, name, spoil, message):
    load_av_mnist(folder=folder)  # what was seen before does not hide the damage
    spoil(folder / name)
    with pytest.raises(DataError, match=f"{name}.*{message}") as error:
        load_av_mnist(folder=folder)
    assert "\n" not in str(error.value)


def test_numbers_that_are_not_finite(folder):
    changed(lambda x: np.where(np.arange(20)[:, None] == 3, np.nan, x))(folder / "image" / "test_data.npy")
    test = load_av_mnist(folder=folder).test
    _ = test[2]
    with pytest.raises(DataError, match=r"image/test_data.npy, row 3 holds numbers that are not finite"):
        _ = test[3]
