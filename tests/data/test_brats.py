"""BraTS in miniature, written with nibabel in the layouts and label conventions of its releases, and every bad file."""

import gzip
import itertools
import pickle
import re
import shutil

import nibabel
import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from toys import parts

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.brats import load_brats
from mmcourse.data.volumes import OFFSETS

LPS = np.diag([-1.0, -1, 1, 1])  # how the organisers' files lie: right to left, back to front, upwards
SHAPE = (24, 24, 8)
ENDINGS = {"t1": "_t1", "t1c": "_t1ce", "t2": "_t2", "flair": "_flair", "seg": "_seg"}
NEWER = {"t1": "-t1n", "t1c": "-t1c", "t2": "-t2w", "flair": "-t2f", "seg": "-seg"}
LABELS = {"_seg": [0, 1, 2, 4], "-seg": [0, 1, 2, 3]}


def volumes(number, shape=SHAPE, labels=(0, 1, 2, 4)):
    """Return smooth positive contrasts and a segmentation of one case."""
    rng = np.random.default_rng(number)
    x, y, z = np.indices(shape) / np.array(shape)[:, None, None, None]
    made = {
        key: (200 + 600 * (rng.random() * x + rng.random() * y) + 100 * z).astype(np.int16)
        for key in ("t1", "t1c", "t2", "flair")
    }
    return made | {
        "seg": np.array(labels, np.uint8)[rng.integers(0, 4, [6, 6, 2]).repeat(4, 0).repeat(4, 1).repeat(4, 2)]
    }


def save(path, volume, zooms=(10.0, 10.0, 10.0), affine=LPS):
    nibabel.save(nibabel.Nifti1Image(volume, affine @ np.diag([*zooms, 1])), path)


def write(folder, names, endings=ENDINGS, **options):
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for key, volume in volumes(number, labels=LABELS[endings["seg"]]).items():
            save(folder / name / f"{name}{endings[key]}.nii.gz", volume, **options)
    return folder


NAMES = [f"BraTS20_Training_{number:03}" for number in range(1, 11)]
BAD = "BraTS20_Training_004"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("written") / "brats", NAMES)


@pytest.fixture
def folder(written, tmp_path):
    return shutil.copytree(written, tmp_path / "brats")


def expected(volume, order):
    """Return slices of a miniature by interpolating in the world's millimetres, independent of any turning of axes."""
    heights = 10 * (SHAPE[2] - 1) / 2 + np.array(OFFSETS)
    middle = -10 * (SHAPE[0] - 1) / 2  # of both other axes in the world
    right = middle - 3 * (np.arange(64) - 31.5)
    front = middle - 3 * (np.arange(80) - 39.5)
    z, y, x = np.meshgrid(heights, front, right, indexing="ij")
    voxels = [x / -10, y / -10, np.round(z / 10)]
    return map_coordinates(volume.astype(float), voxels, order=order, mode="nearest")


def test_items_lie_as_the_world_does(folder):
    splits = load_brats(folder=folder)
    assert splits.classes[3] == "enhancing rim"
    for split in parts(splits):
        for first in range(0, len(split), 6):
            name = split.groups[first]
            made = volumes(NAMES.index(name))
            for key, volume in made.items():
                if key == "seg":
                    found = np.stack([split[row][1] for row in range(first, first + 6)])
                    wanted = expected(np.where(volume == 4, 3, volume), 0)
                    assert found.dtype == np.int64
                    assert (found == wanted).mean() > 0.999
                    continue
                found = np.stack([split[row][0][key][0] for row in range(first, first + 6)])
                wanted = expected(volume, 1)
                inner = np.s_[:, 2:-2, 2:-2]
                ratio = found[inner] / wanted[inner]
                assert ratio.std() / ratio.mean() < 0.03, (name, key)
                assert np.percentile(found, 99.5) == pytest.approx(1, abs=0.01)


def test_a_scan_in_another_orientation_gives_the_same_item(written, tmp_path):
    first, second = written, tmp_path / "ras"
    for path in sorted(first.glob("*/*.nii.gz")):
        turned = nibabel.as_closest_canonical(nibabel.load(path))
        target = second / path.relative_to(first)
        target.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(turned, target)
    for left, right in zip(parts(load_brats(folder=first)), parts(load_brats(folder=second)), strict=True):
        for (a, seg_a), (b, seg_b) in zip((left[0], left[5]), (right[0], right[5]), strict=True):
            assert (seg_a == seg_b).all()
            assert all((a[key] == b[key]).all() for key in a)


def test_shapes_arrays_and_batches(folder):
    splits = load_brats(folder=folder, limit=10)
    assert sum(len(split) for split in parts(splits)) == 60
    inputs, target = splits.test.arrays()
    assert set(inputs) == {"t1", "t1c", "t2", "flair"}  # BraTS has no CT
    for array in inputs.values():
        assert array.shape == (len(splits.test), 1, 80, 64)
        assert array.dtype == np.float32
        assert 0 <= array.min() < array.max() == 1
    assert target.shape == (len(splits.test), 80, 64)
    assert set(np.unique(target)) == {0, 1, 2, 3}
    batch, masks, labels = data.collate([splits.test[row] for row in range(3)])
    assert batch["flair"].shape == (3, 1, 80, 64)
    assert not masks
    assert (labels.numpy() == target[:3]).all()
    assert (pickle.loads(pickle.dumps(splits.test))[1][1] == splits.test[1][1]).all()


def test_newer_names_labels_and_patients_with_several_cases(tmp_path):
    names = [f"BraTS-GLI-{patient:05}-{visit:03}" for patient in range(11) for visit in range(1 + patient % 3)]
    splits = load_brats(folder=write(tmp_path / "brats", names, NEWER))
    assert sum(map(len, parts(splits))) == 6 * len(names)
    for left, right in itertools.combinations(parts(splits), 2):
        assert not set(left.groups) & set(right.groups)
    assert {group for split in parts(splits) for group in split.groups} == {name[:-4] for name in names}
    assert (splits.train.target == 3).any()


def test_names_of_2021_and_files_that_are_not_compressed(tmp_path):
    names = [f"BraTS2021_{number:05}" for number in range(10)]
    folder = write(tmp_path / "brats", names)
    for path in folder.glob("*/*.nii.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    (folder / "name_mapping.csv").write_text("")
    (folder / "BraTS20_Validation_001").mkdir()
    assert sum(map(len, parts(load_brats(folder=folder)))) == 60


def test_a_black_scan_stays_black(folder):
    save(folder / BAD / f"{BAD}_t1.nii.gz", np.zeros(SHAPE, np.int16))
    black = [not split[row][0]["t1"].any() for split in parts(load_brats(folder=folder)) for row in range(len(split))]
    assert sum(black) == 6


def test_no_folder_says_what_to_download_and_where_to_put_it(tmp_path, folder, monkeypatch):
    with pytest.raises(DataError) as error:
        data.load("brats")
    for part in (
        "training data of BraTS 2020, 2021 or 2023",
        "BraTS-GLI-00000-000",
        "folder=",
        "MMCOURSE_FOLDER_BRATS",
    ):
        assert part in str(error.value)
    (tmp_path / "empty").mkdir()
    for wrong in ("empty", "nowhere"):
        with pytest.raises(DataError, match=r"holds no BraTS20_Training_001/\. Download"):
            data.load("brats", folder=tmp_path / wrong)
    assert not data.ready("brats")
    monkeypatch.setenv("MMCOURSE_FOLDER_BRATS", str(folder))
    assert data.ready("brats")
    assert len(data.load("brats").train)


@pytest.mark.parametrize(("ending", "why"), [("_t1ce", "unpack the case again"), ("_seg", "only training cases have")])
def test_a_file_that_is_missing(folder, ending, why):
    (folder / BAD / f"{BAD}{ending}.nii.gz").unlink()
    with pytest.raises(DataError, match=f"The case {BAD} has no file {BAD}{ending}.nii.gz; {why}"):
        load_brats(folder=folder)


@pytest.mark.parametrize("key", ["_t2", "_seg"])
def test_a_file_of_another_shape(folder, key):
    save(folder / BAD / f"{BAD}{key}.nii.gz", np.ones((24, 20, 8), np.uint8))
    message = f"{BAD}{key}.nii.gz is 24 x 20 x 8 voxels, the other files of its case 24 x 24 x 8"
    with pytest.raises(DataError, match=message):
        load_brats(folder=folder)


def read_all(folder):
    for split in parts(load_brats(folder=folder)):
        for row in range(len(split)):
            _ = split[row]


@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.99])
@pytest.mark.parametrize("key", ["_flair", "_seg"])
def test_a_file_cut_short(folder, key, share):
    path = folder / BAD / f"{BAD}{key}.nii.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=rf"The scan .*{BAD}{key}.nii.gz is damaged \(.*unpack or download it again"):
        read_all(folder)


def test_bytes_that_were_changed(folder):
    path = folder / BAD / f"{BAD}_t1.nii.gz"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 255
    path.write_bytes(whole)
    with pytest.raises(DataError, match=f"{BAD}_t1.nii.gz is damaged"):
        read_all(folder)


def test_labels_of_another_release(folder, tmp_path):
    save(folder / BAD / f"{BAD}_seg.nii.gz", np.full(SHAPE, 3, np.uint8))
    with pytest.raises(DataError, match=rf"{BAD}_seg.nii.gz has the label 3; this release has 0, 1, 2, 4\."):
        read_all(folder)
    names = [f"BraTS-GLI-{patient:05}-100" for patient in range(10)]
    newer = write(tmp_path / "2024", names, NEWER)
    save(newer / names[0] / f"{names[0]}-seg.nii.gz", np.full(SHAPE, 4, np.uint8))
    with pytest.raises(DataError, match=r"has the label 4; this release has 0, 1, 2, 3\."):
        read_all(newer)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: save(path, np.full(SHAPE, np.nan, np.float32)), "not all of its values are finite"),
        (lambda path: save(path, np.ones(SHAPE, np.int16), zooms=(10, 10, 5)), "it is only 40 mm high"),
        (lambda path: save(path, np.ones(SHAPE, np.int16), affine=LPS[[0, 2, 1, 3]]), "no volume of axial slices"),
        (lambda path: save(path, np.ones((*SHAPE, 2), np.int16)), "no volume of axial slices"),
        (lambda path: path.write_text("<html>"), "damaged"),
    ],
)
def test_files_that_are_no_scans(folder, change, why):
    change(folder / BAD / f"{BAD}_t2.nii.gz")
    with pytest.raises(DataError, match=f"{BAD}_t2.nii.gz is damaged .*{re.escape(why)}" if why != "damaged" else why):
        read_all(folder)


def test_too_few_patients(tmp_path):
    names = [f"BraTS-GLI-00000-{visit:03}" for visit in range(12)]
    with pytest.raises(DataError, match="holds only 1 patients of at least 10"):
        load_brats(folder=write(tmp_path / "brats", names, NEWER))


@pytest.mark.parametrize("limit", [9, 0, 10.5])
def test_bad_options(folder, limit):
    with pytest.raises(ValueError, match="limit must be a whole number of at least 10"):
        load_brats(folder=folder, limit=limit)
