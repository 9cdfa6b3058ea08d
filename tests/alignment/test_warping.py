"""DTW against librosa and brute force; soft-DTW against a sum over every alignment and numerical gradients."""

import itertools

import librosa
import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from mmcourse.alignment import dtw, dtw_costs, soft_dtw, soft_dtw_divergence, warping

METRICS = ("euclidean", "sqeuclidean", "cityblock", "cosine")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def alignments(rows, columns):
    """Every path from (0, 0) to (rows - 1, columns - 1)."""
    if (rows, columns) == (1, 1):
        return [[(0, 0)]]
    before = [(rows - 1, columns - 1), (rows - 1, columns), (rows, columns - 1)]
    return [[*p, (rows - 1, columns - 1)] for r, c in before if r and c for p in alignments(r, c)]


def inside(rows, columns, window):
    """The band, cell by cell, as real positions on the longer sequence's clock."""
    longest = max(rows, columns) - 1
    clock = [np.arange(n) * (longest / (n - 1)) for n in (rows, columns)]
    return np.abs(clock[0][:, None] - clock[1]) <= window + 1e-9


def check_ends(path, rows, columns):
    """The path leads from the first frames to the last ones, by steps of at most one."""
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [rows - 1, columns - 1]
    assert {tuple(step) for step in np.diff(path, axis=0)} <= {(1, 1), (1, 0), (0, 1)}


@pytest.mark.parametrize("metric", METRICS)
def test_cost_and_path_equal_librosa(rng, metric):
    for rows, columns in [(1, 1), (1, 7), (30, 1), (300, 40), (9, 200), *rng.integers(2, 40, (8, 2))]:
        x, y = (rng.normal(size=(n, rng.integers(2, 6))) for n in (rows, columns))
        x, y = x[:, : y.shape[1]], y[:, : x.shape[1]]
        table, path = librosa.sequence.dtw(x.T, y.T, metric=metric)
        found = dtw(x, y, metric=metric)
        check_ends(found.path, rows, columns)
        assert found.cost == pytest.approx(table[-1, -1], abs=1e-9)
        assert metric == "cityblock" or (found.path == path[::-1]).all()  # city blocks tie: several paths are best
        assert found.cost == pytest.approx(cdist(x, y, metric)[tuple(found.path.T)].sum(), abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", [(20, 20), (31, 12), (12, 31), (2, 9)])
def test_window_equals_librosa_on_a_banded_table(rng, metric, shape):
    x, y = rng.normal(size=(shape[0], 3)), rng.normal(size=(shape[1], 3))
    for window in (4, 7):
        allowed = inside(*shape, window)
        table, path = librosa.sequence.dtw(C=np.where(allowed, cdist(x, y, metric), np.inf))
        found = dtw(x, y, metric=metric, window=window)
        assert found.cost == pytest.approx(table[-1, -1], abs=1e-9)
        assert metric == "cityblock" or (found.path == path[::-1]).all()
        assert allowed[tuple(found.path.T)].all()
        check_ends(found.path, *shape)
        assert dtw(y, x, metric=metric, window=window).cost == pytest.approx(found.cost, abs=1e-9)
    assert dtw(x, y, metric=metric, window=100).cost == dtw(x, y, metric=metric).cost


@pytest.mark.parametrize("window", [0, 1, 3, 10])
def test_window_equals_librosas_own_for_equal_lengths(rng, window):
    x, y = rng.normal(size=(2, 25, 3))
    band = (window + 1) / len(x)  # librosa keeps |i - j| below this share of the length
    table, path = librosa.sequence.dtw(x.T, y.T, global_constraints=True, band_rad=band)
    found = dtw(x, y, window=window)
    check_ends(found.path, 25, 25)
    assert found.cost == pytest.approx(table[-1, -1], abs=1e-9)
    assert (found.path == path[::-1]).all()


def test_least_of_all_alignments_and_both_ends(rng):
    for rows, columns in itertools.product((1, 2, 4, 5), repeat=2):
        x, y = rng.normal(size=(rows, 2)), rng.normal(size=(columns, 2))
        distances, found = cdist(x, y), dtw(x, y)
        assert found.cost == pytest.approx(min(sum(distances[c] for c in p) for p in alignments(rows, columns)))
        check_ends(found.path, rows, columns)


def test_convention_and_equal_sequences(rng):
    assert dtw([[1.0], [2.0], [3.0]], torch.tensor([[2.0], [3.0], [4.0]])).cost == 2
    x = rng.normal(size=(30, 4)) + 1e6
    for metric in METRICS:
        assert dtw(x, x, metric=metric).cost == 0
    zeros = np.zeros((3, 2))
    assert dtw(zeros, np.ones((3, 2)), metric="cosine").cost == pytest.approx(1.5)
    assert dtw(x, x, window=0).path.tolist() == [[i, i] for i in range(30)]
    assert dtw(x[:1], x[:5], window=0).path.tolist() == [[0, j] for j in range(5)]  # one frame meets all


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("metric", METRICS)
def test_batch_equals_one_by_one(rng, metric, device):
    lengths = rng.integers(3, 12, size=(2, 5))
    x, y = (torch.tensor(rng.normal(size=(5, n, 3)), device=device) for n in (12, 14))
    for i in range(5):
        x[i, lengths[0, i] :], y[i, lengths[1, i] :] = torch.nan, torch.inf
    for window in (None, 5):
        costs = dtw_costs(x, y, metric=metric, window=window, x_lengths=lengths[0], y_lengths=lengths[1])
        for i, (r, c) in enumerate(lengths.T):
            assert costs[i].item() == pytest.approx(
                dtw(x[i, :r], y[i, :c], metric=metric, window=window).cost, abs=1e-9
            )
    single = dtw_costs(x[:, :3].float(), y[:, :3].float(), metric=metric)
    assert single.dtype == torch.float32
    with torch.autocast(device, torch.bfloat16):
        torch.testing.assert_close(
            dtw_costs(x[:, :3].float(), y[:, :3].float(), metric=metric), single, rtol=2e-2, atol=2e-2
        )


def test_batch_gradient_follows_the_path(rng):
    x, y = torch.tensor(rng.normal(size=(1, 9, 3)), requires_grad=True), torch.tensor(rng.normal(size=(1, 7, 3)))
    dtw_costs(x, y, metric="sqeuclidean").sum().backward()
    expected = torch.zeros_like(x)
    for i, j in dtw(x[0], y[0], metric="sqeuclidean").path:
        expected[0, i] += 2 * (x[0, i] - y[0, j]).detach()
    torch.testing.assert_close(x.grad, expected)


@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_soft_cost_is_the_soft_minimum_over_all_alignments(rng, gamma):
    for rows, columns in ((1, 1), (1, 4), (4, 1), (5, 4), (4, 6)):
        x, y = rng.normal(size=(rows, 2)), rng.normal(size=(columns, 2))
        distances = cdist(x, y, "sqeuclidean")
        costs = np.array([sum(distances[c] for c in p) for p in alignments(rows, columns)])
        found = soft_dtw(torch.tensor(x)[None], torch.tensor(y)[None], gamma)
        assert found.item() == pytest.approx(-gamma * logsumexp(-costs / gamma), abs=1e-10)


def test_soft_cost_tends_to_the_hard_one(rng):
    x, y = rng.normal(size=(2, 30, 3)), rng.normal(size=(2, 25, 3))
    soft = soft_dtw(torch.tensor(x), torch.tensor(y), 1e-4)
    hard = [dtw(a, b, metric="sqeuclidean").cost for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(soft, hard, atol=0.01)
    far = torch.tensor([[[0.0], [1e4]]])  # exponents of -1e8
    assert soft_dtw(far, far + 1e4, 1.0).item() == pytest.approx(2e8)  # 1e8 at each end, nothing for 1e4 with 1e4


def test_soft_gradients_are_right():
    torch.manual_seed(0)
    x, y = (torch.randn(2, n, 3, dtype=torch.double, requires_grad=True) for n in (4, 5))
    lengths = {"x_lengths": [4, 2], "y_lengths": [3, 5]}
    for function in (soft_dtw, soft_dtw_divergence):
        assert torch.autograd.gradcheck(lambda a, b, f=function: f(a, b, 0.5), (x, y))
        assert torch.autograd.gradcheck(lambda a, b, f=function: f(a, b, 2.0, **lengths), (x, y))
    shared = torch.autograd.grad(soft_dtw(x, x).sum(), x)[0]
    copy = x.detach().clone().requires_grad_()
    by_each = torch.autograd.grad(soft_dtw(x, copy).sum(), (x, copy))
    torch.testing.assert_close(shared, sum(by_each))


def test_the_version_for_gpus_equals_the_compiled_one(rng):
    distances = torch.tensor(rng.random((4, 9, 12))) * 20
    lengths = torch.tensor([9, 1, 5, 9]), torch.tensor([12, 4, 1, 3])
    for gamma in (0.01, 1.0):
        compiled, by_torch = (
            run(distances.clone(), *lengths, gamma, True) for run in (warping._soft_compiled, warping._soft_torch)
        )
        for ours, theirs in zip(by_torch, compiled, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("device", DEVICES)
def test_soft_lengths_dtypes_and_devices(device):
    torch.manual_seed(1)
    x, y = torch.randn(3, 8, 4), torch.randn(3, 6, 4)
    expected = torch.stack([soft_dtw(x[i : i + 1, : 3 + i], y[i : i + 1, : 6 - i])[0] for i in range(3)])
    spoilt = x.clone().to(device)
    for i in range(3):
        spoilt[i, 3 + i :] = torch.nan
    spoilt.requires_grad_()
    found = soft_dtw(spoilt, y.to(device), x_lengths=[3, 4, 5], y_lengths=[6, 5, 4])
    found.sum().backward()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-4)
    assert spoilt.grad.isfinite().all()
    assert soft_dtw(x.bfloat16(), y.bfloat16()).dtype == torch.float32
    with torch.autocast(device, torch.bfloat16):
        torch.testing.assert_close(soft_dtw(x.to(device), y.to(device)).cpu(), soft_dtw(x, y), rtol=1e-5, atol=1e-4)


def test_divergence():
    torch.manual_seed(2)
    x = torch.randn(4, 20, 2, dtype=torch.double)
    y = x + 0.1 * torch.randn_like(x)
    assert (soft_dtw(x, x) < 0).all()
    torch.testing.assert_close(soft_dtw_divergence(x, x), torch.zeros(4, dtype=torch.double))
    assert (soft_dtw_divergence(x, y) > 0).all()
    expected = soft_dtw(x, y, 0.3) - 0.5 * soft_dtw(x, x, 0.3) - 0.5 * soft_dtw(y, y, 0.3)
    torch.testing.assert_close(soft_dtw_divergence(x, y, 0.3), expected)


def test_nan_stays_in_its_own_item():
    torch.manual_seed(3)
    x, y = torch.randn(2, 5, 2), torch.randn(2, 4, 2)
    x[0, 2, 1] = torch.nan
    for function in (soft_dtw, dtw_costs):
        values = function(x, y)
        assert values.isnan().tolist() == [True, False]
        torch.testing.assert_close(values[1:], function(x[1:], y[1:]))


def test_bad_input(rng):
    x = rng.normal(size=(6, 2))
    spoilt = x.copy()
    spoilt[3, 1] = np.nan
    for a, b, options, message in (
        (x[:0], x, {}, r"x must be \(T, d\)"),
        (x, x[:, 0], {}, r"y must be \(T, d\)"),
        (x, "abc", {}, "y must be an array of numbers"),
        (spoilt, x, {}, "x must hold finite"),
        (x, np.full_like(x, np.inf), {}, "y must hold finite"),
        (x, x[:, :1], {}, "one width"),
        (x, x, {"metric": "chebyshev"}, "metric must be one of"),
        (x, x, {"window": -1}, "window must be None or"),
        (x, x, {"window": 1.5}, "window must be None or"),
        (np.repeat(x, 5, 0), x, {"window": 1}, "window is too narrow"),
    ):
        with pytest.raises(ValueError, match=message):
            dtw(a, b, **options)
    t = torch.tensor(x)[None]
    for a, b, options, message in (
        (t[0], t, {}, "x must have 3 axes"),
        (t, t[:, :0], {}, "y must not be empty"),
        (t, t[..., :1], {}, "y must have 2 numbers"),
        (t, t.long(), {}, "y must be a floating"),
        (t, t.repeat(2, 1, 1), {}, "x and y must have one row"),
        (t, t, {"x_lengths": [7]}, "x_lengths must be from 1 to 6"),
        (t, t, {"y_lengths": [0]}, "y_lengths must be from 1 to 6"),
        (t, t, {"y_lengths": [2, 2]}, "y_lengths must be 1 whole"),
        (t, t, {"y_lengths": [2.0]}, "y_lengths must be 1 whole"),
    ):
        for function in (soft_dtw, dtw_costs, soft_dtw_divergence):
            with pytest.raises(ValueError, match=message):
                function(a, b, **options)
    with pytest.raises(ValueError, match="window is too narrow"):
        dtw_costs(t.repeat_interleave(5, 1), t, window=1)
    for gamma in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="gamma must be"):
            soft_dtw(t, t, gamma)
