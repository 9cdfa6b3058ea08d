"""Dynamic time warping, hard and soft (lesson 11)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

from mmcourse.alignment import kernels
from mmcourse.alignment.checks import check_frames, check_lengths, check_pair
from mmcourse.inputs import keep

FAR = 1e30  # stands for infinity where a gradient must not become infinity minus infinity


@dataclass(frozen=True)
class Alignment:
    """What `dtw` found.

    Attributes
    ----------
    cost : float
        The sum of the distances along the path.
    path : integer array (L, 2)
        Pairs of frames (i, j), from (0, 0) to (T - 1, S - 1); each step adds 1 to i, to j, or to both.
    """

    cost: float
    path: np.ndarray


def dtw(x, y, *, metric="euclidean", window=None):
    """Align two sequences at the least sum of distances.

    ``D(i, j) = d(x_i, y_j) + min(D(i-1, j-1), D(i-1, j), D(i, j-1))``. The cost is this sum of distances, as in librosa;
    tslearn and dtaidistance give the square root of the cost under "sqeuclidean". The first call compiles for some
    seconds; after that the compiled code is kept on disk.

    Parameters
    ----------
    x, y : arrays or tensors (T, d), (S, d)
        Computed in float64.
    metric : "euclidean", "sqeuclidean", "cityblock" or "cosine"
        Cosine: 1 - the cosine of the angle; a frame of zeros, which has none, is at distance 1/2 from all others.
    window : int, optional
        How far, in frames of the longer sequence, the path may stray from the straight line between its ends:
        ``|i (S - 1) - j (T - 1)| <= window (min(T, S) - 1)``, so that unequal lengths do not push the end outside.

    Returns
    -------
    Alignment

    Raises
    ------
    ValueError
        For a wrong shape, an empty sequence, NaN or infinity, widths that differ, an unknown metric, or a window that
        is negative or too narrow to connect the ends.

    References
    ----------
    H. Sakoe and S. Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE TASSP 1978,
    eq. 9 with equal weights.

    Examples
    --------
    >>> dtw([[1.0], [2.0], [3.0]], [[2.0], [3.0], [4.0]]).cost
    2.0
    """
    x, y = check_frames("x", x), check_frames("y", y)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"x and y must have frames of one width; got {x.shape[1]} and {y.shape[1]}")
    _check_options(metric, window)
    low, high = _band(len(x), len(y), window)
    if metric == "cosine":
        x, y = (z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-300) / 2**0.5 for z in (x, y))
        metric = "sqeuclidean"
    x_rows, y_rows = np.ascontiguousarray(x.T), np.ascontiguousarray(y[::-1].T)
    cost, path = kernels.dtw_sweep(x_rows, y_rows, kernels.METRICS.index(metric), low, high)
    if window is not None and cost == np.inf:
        raise ValueError(f"window is too narrow to connect the ends of {len(x)} and {len(y)} frames; got {window}")
    return Alignment(float(cost), path)


def _check_options(metric, window):
    if metric not in (allowed := (*kernels.METRICS, "cosine")):
        raise ValueError(f"metric must be one of {', '.join(allowed)}; got {metric!r}")
    if window is not None and (isinstance(window, bool) or not isinstance(window, (int, np.integer)) or window < 0):
        raise ValueError(f"window must be None or a whole number of frames, at least 0; got {window!r}")


def _band(rows, columns, window):
    """First and last i of each antidiagonal i + j = k inside the window: two arrays (rows + columns - 1,)."""
    k = np.arange(rows + columns - 1)
    low, high = np.maximum(0, k - columns + 1), np.minimum(k, rows - 1)
    if window is not None:  # |i (columns - 1) - (k - i) (rows - 1)| <= reach, solved for i
        reach, length = int(window) * (min(rows, columns) - 1), max(rows + columns - 2, 1)
        low = np.maximum(low, -((reach - k * (rows - 1)) // length))
        high = np.minimum(high, (k * (rows - 1) + reach) // length)
    return low, high


def dtw_costs(x, y, *, metric="euclidean", window=None, x_lengths=None, y_lengths=None):
    """The costs of `dtw` for a batch of pairs, in torch, all cells of an antidiagonal at once: made for a GPU.

    Memory grows with B T S. What lies beyond a length, NaN included, changes nothing. NaN within it gives NaN.

    Parameters
    ----------
    x, y : float tensors (B, T, d), (B, S, d)
    metric, window : see `dtw`
    x_lengths, y_lengths : whole numbers (B,), optional
        Frames of each sequence, from 1 to T or S; all of them by default.

    Returns
    -------
    tensor (B,), differentiable, in the dtype of x, at least float32

    Raises
    ------
    ValueError
        As `dtw`, but for NaN, and for lengths that do not fit.
    """
    x, y, rows, columns = _batch(x, y, x_lengths, y_lengths)
    _check_options(metric, window)
    if metric == "cosine":
        x, y = (functional.normalize(z, dim=-1) / 2**0.5 for z in (x, y))
    distances = _distances(x, y, 1.0 if metric == "cityblock" else 2.0)
    distances = distances if metric in ("euclidean", "cityblock") else distances.square()
    if window is not None:
        i, j = (torch.arange(n, device=x.device) for n in distances.shape[1:])
        r, c = (rows - 1)[:, None, None], (columns - 1)[:, None, None]
        near = (i[:, None] * c - j * r).abs() <= int(window) * torch.minimum(r, c)
        distances = torch.where(near, distances, torch.inf)
    costs = _sweep(distances, rows, columns, lambda moves: moves.amin(0), torch.inf)
    if window is not None and costs.isposinf().any():
        raise ValueError(f"window is too narrow to connect the ends of every pair; got {window}")
    return costs


def _batch(x, y, x_lengths, y_lengths):
    """Check a batch of pairs; put zeros beyond the lengths and return the lengths with it."""
    x, y = check_pair("xy", x, y, 3)
    rows = check_lengths("x_lengths", x_lengths, x, x.shape[1])
    columns = check_lengths("y_lengths", y_lengths, y, y.shape[1])
    x, y = (keep(torch.arange(z.shape[1], device=z.device) < n[:, None], z) for z, n in ((x, rows), (y, columns)))
    return x, y, rows, columns


def _distances(x, y, p=2.0):
    """Distances (B, T, S) from differences: products would lose the digits of small ones."""
    return torch.cdist(x, y, p=p, compute_mode="donot_use_mm_for_euclid_dist")


def _sweep(distances, rows, columns, minimum, far):
    """Antidiagonal by antidiagonal over (B, T, S); `minimum` takes the three moves (3, B, T). Returns costs (B,)."""
    batch, length, width = distances.shape
    # entry [b, i, k] is distance [b, i, k - i]: pad each row, then read the same numbers in rows one shorter
    skewed = functional.pad(distances, (0, length), value=far).flatten(1)[:, :-length]
    skewed = skewed.unflatten(1, (length, length + width - 1)).permute(2, 0, 1)
    old = distances.new_full((batch, length + 1), far)
    older, table = functional.pad(old[:, 1:], (1, 0)), []
    for step in skewed:
        new = step + minimum(torch.stack([older[:, :-1], old[:, :-1], old[:, 1:]]))
        table.append(new)
        older, old = old, functional.pad(new, (1, 0), value=far)
    return torch.stack(table)[rows + columns - 2, torch.arange(batch, device=rows.device), rows - 1]


def _soft_compiled(distances, rows, columns, gamma, with_gradient):
    """Soft costs (B,) and their derivative by each distance (B, T, S), compiled, in float64."""
    gradient = torch.zeros_like(distances)
    tables = zip(distances.numpy(), gradient.numpy(), rows.tolist(), columns.tolist(), strict=True)
    values = [kernels.soft_dtw_sweep(d[:r, :c], gamma, g[: r * with_gradient, :c]) for d, g, r, c in tables]
    return distances.new_tensor(values), gradient


def _soft_torch(distances, rows, columns, gamma, with_gradient):
    """What `_soft_compiled` returns, for any device; autograd through the sweep is the same recursion."""
    with torch.enable_grad():
        distances = distances.requires_grad_(with_gradient)
        values = _sweep(distances, rows, columns, lambda moves: -gamma * (-moves / gamma).logsumexp(0), FAR)
        gradient = torch.autograd.grad(values.sum(), distances)[0] if with_gradient else distances[:0]
    return values.detach(), gradient


class _SoftDTW(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, rows, columns, gamma):
        run, working = (_soft_torch, x.dtype) if x.is_cuda else (_soft_compiled, torch.float64)
        distances = _distances(x.to(working), y.to(working)).square()
        values, gradient = run(distances, rows, columns, gamma, any(ctx.needs_input_grad))
        ctx.save_for_backward(x, y, gradient.to(x.dtype))
        return values.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, outer):
        x, y, gradient = ctx.saved_tensors
        gradient = 2 * outer[:, None, None] * gradient
        by_x = gradient.sum(2)[..., None] * x - gradient @ y
        return by_x, gradient.sum(1)[..., None] * y - gradient.mT @ x, None, None, None


def soft_dtw(x, y, gamma=1.0, *, x_lengths=None, y_lengths=None):
    """Soft dynamic time warping of squared distances: the soft minimum of the costs of all alignments.

    ``-gamma log sum_A exp(-cost(A) / gamma)``, smooth in x and y, with its own backward pass, which costs one more
    sweep. It is negative for sequences that are alike: as a loss take `soft_dtw_divergence`. Computed in float64 on the
    CPU, in the dtype of x on a GPU. What lies beyond a length changes nothing; NaN within it gives NaN.

    Parameters
    ----------
    x, y : float tensors (B, T, d), (B, S, d)
    gamma : float above 0, in units of the squared distance
        Towards 0 the value tends to the cost of `dtw` under "sqeuclidean".
    x_lengths, y_lengths : whole numbers (B,), optional
        Frames of each sequence, from 1 to T or S; all of them by default.

    Returns
    -------
    tensor (B,) in the dtype of x, at least float32; differentiable once

    Raises
    ------
    ValueError
        For a wrong shape or dtype, an empty sequence, widths or numbers of items that differ, gamma not above 0, or
        lengths that do not fit.

    References
    ----------
    M. Cuturi and M. Blondel, "Soft-DTW: a differentiable loss function for time-series", ICML 2017, algorithms 1, 2.
    """
    if not 0 < gamma < float("inf"):
        raise ValueError(f"gamma must be a number above 0; got {gamma!r}")
    return _SoftDTW.apply(*_batch(x, y, x_lengths, y_lengths), float(gamma))


def soft_dtw_divergence(x, y, gamma=1.0, *, x_lengths=None, y_lengths=None):
    """Soft-DTW that is 0 for equal sequences and positive otherwise: ``s(x, y) - (s(x, x) + s(y, y)) / 2``.

    Parameters, result and errors: see `soft_dtw`.

    References
    ----------
    M. Blondel, A. Mensch and J.-P. Vert, "Differentiable divergences between time series", AISTATS 2021, eq. 10.
    """
    across = soft_dtw(x, y, gamma, x_lengths=x_lengths, y_lengths=y_lengths)
    own_x = soft_dtw(x, x, gamma, x_lengths=x_lengths, y_lengths=x_lengths)
    own_y = soft_dtw(y, y, gamma, x_lengths=y_lengths, y_lengths=y_lengths)
    return across - (own_x + own_y) / 2
