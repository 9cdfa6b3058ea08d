"""Dice and the Hausdorff distance against brute force, empty masks included."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from mmcourse.metrics import dice_score, hausdorff95


def outline(mask):
    """Pixels with a direct neighbour outside, found one by one."""
    padded = np.pad(mask, 1)
    found = []
    for place in np.argwhere(mask):
        near = [place + 1 + sign * step for step in np.eye(mask.ndim, dtype=int) for sign in (-1, 1)]
        if not all(padded[tuple(one)] for one in near):
            found.append(place)
    return np.array(found)


def brute(a, b, spacing):
    a, b = (outline(mask) * np.asarray(spacing) for mask in (a, b))
    distances = cdist(a, b)
    return max(np.percentile(distances.min(1), 95), np.percentile(distances.min(0), 95))


@pytest.mark.parametrize("shape", [(40,), (13, 17), (6, 7, 8)])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.95])
def test_both_equal_brute_force(shape, share):
    rng = np.random.default_rng(int(100 * share) + len(shape))
    spacing = rng.uniform(0.5, 2, len(shape))
    for _ in range(5):
        a, b = rng.random((2, *shape)) < share
        a.flat[0] = b.flat[-1] = True  # at a border, and never empty
        shared = sum(bool(p and q) for p, q in zip(a.flat, b.flat, strict=True))
        assert dice_score(a, b) == pytest.approx(2 * shared / (np.count_nonzero(a) + np.count_nonzero(b)))
        assert hausdorff95(a, b, spacing=spacing) == pytest.approx(brute(a, b, spacing))
        assert hausdorff95(a, b, spacing=3) == pytest.approx(3 * hausdorff95(b, a))


def test_stray_pixels_are_forgiven_and_the_worse_direction_counts():
    target = np.zeros((60, 60), bool)
    target[10:30, 10:30] = True
    stray = target.copy()
    stray[55, 55] = True
    assert hausdorff95(stray, target) == 0.0
    part = np.zeros_like(target)
    part[10:12, 10:12] = True  # near the target, but most of the target is far from it
    assert hausdorff95(part, target) == hausdorff95(target, part) > 15


def test_empty_masks():
    nothing, something = np.zeros((4, 5), bool), np.eye(4, 5, dtype=bool)
    assert dice_score(nothing, nothing) == 1.0
    assert math.isnan(dice_score(nothing, nothing, empty=math.nan))
    assert hausdorff95(nothing, nothing) == 0.0
    for a, b in ((nothing, something), (something, nothing)):
        assert dice_score(a, b) == dice_score(a, b, empty=math.nan) == 0.0
        assert hausdorff95(a, b) == math.inf
    assert dice_score(something, something) == 1.0
    assert hausdorff95(something, something) == 0.0


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.long, torch.float32, torch.bfloat16])
def test_tensors_and_inputs_stay(kind):
    a, b = (torch.rand(2, 9, 8) < 0.4).to(kind)
    kept = a.clone(), b.clone()
    assert dice_score(a, b) == dice_score(a.float().numpy(), b.float().numpy())
    assert hausdorff95(a, b) == hausdorff95(a.float().numpy(), b.float().numpy())
    assert torch.equal(a, kept[0])
    assert torch.equal(b, kept[1])


@pytest.mark.parametrize("metric", [dice_score, hausdorff95])
def test_bad_input(metric):
    mask = np.eye(3, dtype=bool)
    for a, b, message in (
        (mask, mask[:2], "one shape"),
        (mask, 2 * mask.astype(int), "target must hold bools"),
        (mask * np.nan, mask, "prediction must hold bools"),
        (mask * 0.5, mask, "prediction must hold bools"),
        (mask[:0], mask[:0], "at least one axis"),
        (True, True, "at least one axis"),
    ):
        with pytest.raises(ValueError, match=message):
            metric(a, b)


@pytest.mark.parametrize("spacing", [0, -1.0, math.nan, math.inf, (1.0,), (1, 1, 1), (1, 0)])
def test_bad_spacing(spacing):
    with pytest.raises(ValueError, match="spacing must be a positive number, or 2"):
        hausdorff95(np.eye(3), np.eye(3), spacing=spacing)
