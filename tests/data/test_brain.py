"""Simulated brains, drawn from a toy template of which every tissue is known, and how tumours show in each contrast."""

import gzip

import nibabel
import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from toys import parts

from mmcourse import data
from mmcourse.data import brain

FEW = {"train": 5, "valid": 1, "test": 2}
CONTRASTS = ("t1", "t1c", "t2", "flair", "ct")


@pytest.fixture(scope="module")
def template():
    """A ball of white matter, fluid in its middle, grey matter around it: 197 x 233 x 140 voxels of 1 mm."""
    x, y, z = np.ogrid[-98:99, -134:99, -50:90]
    radius = np.sqrt(x**2 / 68**2 + (y + 17) ** 2 / 88**2 + (z - 20) ** 2 / 70**2).astype(np.float32)
    fluid = x**2 + (y + 17) ** 2 + (z - 20) ** 2 < 16**2
    grey, white = (radius > 0.85) & (radius < 1), (radius <= 0.85) & ~fluid
    return np.stack([grey, white, 75 * (radius - 1)]).astype(np.float32)


@pytest.fixture(scope="module")
def folder(template, tmp_path_factory):
    path = tmp_path_factory.mktemp("brain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brain, "_template", lambda files: template)
        patch.setattr(brain, "PARTS", FEW)
        brain.build_brain([{}], path)
    return path


@pytest.fixture
def splits(folder, monkeypatch):
    monkeypatch.setattr(brain, "PARTS", FEW)
    return brain.load_brain(folder)


def everything(splits):
    """Return all slices: contrasts (5, n, H, W), labels and subjects."""
    arrays = [split.arrays() for split in parts(splits)]
    scans = np.stack([np.concatenate([inputs[key][:, 0] for inputs, _ in arrays]) for key in CONTRASTS])
    subjects = np.concatenate([split.groups for split in parts(splits)])
    return scans, np.concatenate([target for _, target in arrays]), subjects


def test_items(splits):
    inputs, target = splits.train[0]
    assert tuple(inputs) == CONTRASTS
    assert all(value.shape == (1, 80, 64) and str(value.dtype) == "torch.float32" for value in inputs.values())
    assert target.shape == (80, 64)
    assert str(target.dtype) == "torch.int64"
    assert [len(split) for split in parts(splits)] == [30, 6, 12]
    assert [sorted(set(split.groups)) for split in parts(splits)] == [[0, 1, 2, 3, 4], [5], [6, 7]]
    assert splits.classes == ("background", "necrotic core", "oedema", "enhancing rim")


def test_values(splits):
    scans, labels, _ = everything(splits)
    assert np.isfinite(scans).all()
    assert scans.min() == 0
    assert (scans.max(axis=(1, 2, 3)) == 1).all()
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    edges = [scans[..., 0], scans[..., -1], scans[..., 0, :], scans[..., -1, :]]
    assert max(edge.max() for edge in edges) == 0  # the whole head is in the picture
    assert 0.2 < (scans[0] > 0.1).mean() < 0.7
    assert (scans[:4].min(axis=0)[labels > 0] >= 0).all()
    assert (scans[3][labels > 0] > 0).mean() > 0.99  # tumours lie in the brain


def test_each_tissue_shows_as_it_should(splits):
    scans, labels, subjects = everything(splits)
    healthy = scans[:, subjects < 3].reshape(5, 3, 6, 80, 64)
    assert not labels[subjects < 3].any()
    fluid = healthy[:, :, 2:4, 38:42, 30:34].mean((1, 2, 3, 4))  # slices at 14 and 26 mm: the toy's middle
    white = healthy[:, :, 2:4, 38:42, 46:49].mean((1, 2, 3, 4))
    t1, t1c, t2, flair, ct = fluid - white
    assert max(t1, t1c, flair, ct) < -0.1
    assert t2 > 0.3
    rows = np.abs(healthy[:4, :, 2:4, 38:42] - 0).max(axis=(0, 1, 2, 3))
    assert rows[0] == 0
    bone = healthy[4].max(axis=-1) == 1  # the skull crosses each row of the head twice
    assert bone[:, 2:4, 20:60].all()
    assert (healthy[4] == 1).mean() < 0.15


def test_contrasts_complete_each_other(splits):
    scans, labels, subjects = everything(splits)
    mean = {}
    for label in range(4):
        seen = labels == label
        if not label:  # the same pixels of the healthy, so that places are alike
            seen = (labels == 0) & (subjects >= 3)[:, None, None] & binary_dilation(labels > 0, np.ones((1, 7, 7)))
        mean[label] = scans[:, seen].mean(axis=1)
    t1, t1c, t2, flair, ct = range(5)
    around, core, oedema, rim = (mean[label] for label in range(4))
    assert oedema[flair] > around[flair] + 0.1
    assert oedema[t2] > around[t2] + 0.1
    assert oedema[t1] < around[t1]
    assert oedema[ct] < around[ct] - 0.02
    assert rim[t1c] > oedema[t1c] + 0.15
    assert abs(rim[t1] - oedema[t1]) < 0.1
    assert core[t1] < oedema[t1]
    assert core[t1c] < rim[t1c] - 0.25
    assert core[t2] > around[t2] + 0.1
    assert core[flair] < oedema[flair]


def test_labels_nest(template):
    points, found, shares = brain._points(), 0, []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        plan = brain._plan(rng, template)
        tissues, outside = brain._anatomy(rng, points, template, plan)
        labels = brain._lesions(rng, points, tissues, outside, plan)
        away = np.sqrt((((points - plan[0]) / plan[1]) ** 2).sum(0))
        assert (outside[labels > 0] < 0).all()
        assert (tissues[0][labels == 2] < 0.5).all()
        assert tissues[2][labels == 2].mean() > 0.6
        found += (labels == 3).any()
        if (labels == 3).any() and (labels == 1).any():
            assert away[labels == 1].mean() < away[labels == 3].mean() < away[labels == 2].mean()
            ring = binary_dilation(labels == 1, np.ones((1, 3, 3))) & (labels != 1)
            shares.append((labels[ring] == 3).mean())
    assert found >= 3  # some do not enhance
    assert np.mean(shares) > 0.5  # mostly, the core lies inside the rim


def test_the_table(folder, splits):
    table = brain.brain_table(folder)
    _, labels, subjects = everything(splits)
    assert table["subject"].tolist() == subjects.tolist()
    assert table.groupby("part")["subject"].nunique().to_dict() == FEW
    assert table["height"].tolist() == [-10, 2, 14, 26, 38, 50] * 8
    for label, name in ((1, "necrotic core"), (2, "oedema"), (3, "enhancing rim")):
        assert table[name].tolist() == (labels == label).sum((1, 2)).tolist()
    tumour = (
        table.set_index("subject")[["necrotic core", "oedema", "enhancing rim"]].sum(axis=1).groupby("subject").sum()
    )
    assert ((tumour == 0) == table.groupby("subject")["healthy"].first()).all()
    assert ((labels > 0).any((1, 2)) == 0)[~table["healthy"]].any()  # the ill have slices without tumour, too


def test_subjects_are_the_same_every_time_and_differ(template, splits):
    scans, labels = brain._subject(template, 4)
    found = everything(splits)
    mine = found[2] == 4
    assert (labels == found[1][mine]).all()
    np.testing.assert_array_equal(scans, np.round(255 * found[0][:, mine]))
    heads = found[0][4].reshape(8, -1) > 0.99
    overlap = (heads[:, None] & heads).sum(-1) / (heads[:, None] | heads).sum(-1)
    assert overlap[~np.eye(8, dtype=bool)].max() < 0.9


def test_fields_are_smooth_and_of_spread_one():
    points, rng = brain._points(), np.random.default_rng(0)
    fields = np.stack([brain._field(rng, points, 10) for _ in range(40)])
    assert fields.shape == (40, 6, 160, 128)
    assert abs(fields.mean()) < 0.02
    np.testing.assert_allclose(fields.std(axis=0), 1, atol=0.5)
    assert fields.std() == pytest.approx(1, abs=0.02)
    steps = np.abs(np.diff(fields, axis=-1)).max()
    assert steps < 1  # of 1.4 mm
    far = (fields[..., 64] * fields[..., 64 + 30]).mean()
    assert abs(far) < 0.05


def test_the_template_closes_clefts_and_measures_from_the_surface(monkeypatch):
    monkeypatch.setattr(brain, "SLAB", slice(None))
    away = np.sqrt(((np.indices((81, 81, 81)) - 40.0) ** 2).sum(0))
    ball = away < 25
    ball[39:42, :30] = False  # a cleft
    files = {
        f"data/mni_icbm152_{kind}_tal.nii.gz": gzip.compress(
            nibabel.Nifti1Image((level * ball).astype(np.uint8), np.eye(4)).to_bytes()
        )
        for kind, level in (("t1", 200), ("gm", 51), ("wm", 102))
    }
    grey, white, outside = brain._template(files)
    assert grey.max() == pytest.approx(0.2)
    assert white.max() == pytest.approx(0.4)
    assert outside[40, 25, 40] < -5
    np.testing.assert_allclose(outside[40, 45:75, 40], away[40, 45:75, 40] - 25, atol=1.01)


def test_the_registry_says_that_it_is_generated():
    entry = data.REGISTRY["brain"]
    assert not entry.real
    assert "BraTS" in entry.stands_in_for
    parts_of_recipe = {getattr(part, "__name__", "") for part in entry.helpers}
    assert {name for name, part in vars(brain).items() if name.startswith("_") and callable(part)} <= (
        parts_of_recipe | {"_stored"}
    )
