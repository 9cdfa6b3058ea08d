"""Numbers with their uncertainty: an estimate never travels without its interval."""

import math
from dataclasses import dataclass

import numpy as np

from mmcourse.metrics.segmentation import dice_score, hausdorff95
from mmcourse.metrics.text import bleu, cider, document_frequencies, word_error_rate

__all__ = [
    "Interval",
    "as_numpy",
    "bleu",
    "bootstrap_interval",
    "cider",
    "dice_score",
    "document_frequencies",
    "hausdorff95",
    "interval",
    "recall_at_k",
    "word_error_rate",
]


@dataclass(frozen=True)
class Interval:
    """An estimate with the two ends of its confidence interval.

    Printed with as many digits as its width makes meaningful; ``f"{interval:+}"`` shows the sign.

    Examples
    --------
    >>> print(Interval(0.871, 0.849, 0.893))
    0.87 [0.85, 0.89]
    >>> f"{Interval(0.031, 0.028, 0.034):+}"
    '+0.031 [0.028, 0.034]'
    """

    estimate: float
    low: float
    high: float

    def __str__(self):
        return format(self, "")

    def __format__(self, sign):
        if sign not in ("", "+"):
            raise ValueError(f"an Interval is formatted with '' or '+', not {sign!r}")
        digits = self._digits()
        return f"{self.estimate:{sign}{digits}} [{self.low:{digits}}, {self.high:{digits}}]"

    def _digits(self):
        """Return the format of the numbers: the half-width keeps one digit, or two if it begins with a 1 or is below 10."""
        half = float(f"{(self.high - self.low) / 2:.6g}")
        if not math.isfinite(half) or half <= 0:
            return ".4g"
        decimals = max(-math.floor(math.log10(half / 2)), 1 if half < 10 else 0)
        return ".3g" if decimals > 6 else f".{decimals}f"


def interval(values, *, confidence=0.95):
    """Compute the mean of some runs or items and its Student t interval.

    Parameters
    ----------
    values : array_like, shape (n,)
        One finite number a run (seed) or a test item, n >= 2, independent of each other.
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Interval
        mean ± t · s / √n, with s the sample standard deviation and t the quantile at n - 1 degrees of freedom.

    Raises
    ------
    ValueError
        When `values` is not one-dimensional, too short, or holds NaN or infinity.
    """
    from scipy.stats import t

    values = _finite(values, "values")
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must hold at least two numbers in one dimension, got shape {values.shape}")
    mean = values.mean()
    half = t.ppf((1 + _share(confidence)) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return Interval(float(mean), float(mean - half), float(mean + half))


def bootstrap_interval(statistic, *arrays, confidence=0.95, seed=0):
    """Compute a statistic of some items and its percentile bootstrap interval (Efron and Tibshirani, 1993).

    Parameters
    ----------
    statistic : callable
        ``statistic(*arrays) -> float``.
    *arrays : array_like, shape (n, ...)
        What belongs to each item, such as targets and predictions. Items are drawn jointly from all arrays.
    confidence : float
        Between 0 and 1.
    seed : int
        Decides which items are drawn.

    Returns
    -------
    Interval
        The statistic of all items, and the ends of its interval over 2,000 resamples.

    Raises
    ------
    ValueError
        When the arrays differ in length, are too short or hold NaN, or the statistic is not a finite number.
    """
    from scipy.stats import bootstrap

    arrays = [_finite(array, "arrays", numeric=False) for array in arrays]
    lengths = {array.shape[0] if array.ndim else 0 for array in arrays}
    if len(lengths) != 1 or min(lengths) < 2:
        raise ValueError(f"arrays must have one common length of at least two items, got {[a.shape for a in arrays]}")

    def of_items(rows):
        value = np.asarray(statistic(*(array[rows] for array in arrays)), dtype=float)
        if value.shape != () or not np.isfinite(value):
            raise ValueError(f"the statistic must be one finite number, got {value}")
        return value

    rows = np.arange(lengths.pop())
    result = bootstrap(
        (rows,),
        of_items,
        n_resamples=2000,
        batch=50,
        vectorized=False,
        method="percentile",
        confidence_level=_share(confidence),
        random_state=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return Interval(float(of_items(rows)), float(low), float(high))


def recall_at_k(similarity, k, target=None):
    """Compute the share of queries whose match is among the k most similar items.

    Parameters
    ----------
    similarity : array_like, shape (N queries, M items)
        Higher is more alike.
    k : int
        Between 1 and M.
    target : array_like of int, shape (N,), optional
        The number of each query's match; by default query i belongs to item i.

    Returns
    -------
    float
        Between 0 and 1; k / M is chance. Items as similar as the match count as found before it, so a similarity that
        is the same everywhere finds nothing (unless k is M).

    Raises
    ------
    ValueError
        When `similarity` is not a matrix or holds NaN or infinity, k is out of range, or `target` does not name one item
        a query.

    Examples
    --------
    >>> recall_at_k([[0.9, 0.1, 0.3], [0.8, 0.2, 0.1]], k=2)
    1.0
    >>> recall_at_k([[0.9, 0.1, 0.3], [0.8, 0.2, 0.1]], k=1, target=[0, 2])
    0.5
    """
    similarity = _finite(similarity, "similarity")
    if similarity.ndim != 2 or not similarity.size:
        raise ValueError(f"similarity must be a matrix (queries, items), got shape {similarity.shape}")
    queries, items = similarity.shape
    if isinstance(k, bool) or int(k) != k or not 1 <= k <= items:
        raise ValueError(f"k must be a whole number from 1 to {items}, the number of items; got {k}")
    if target is None and queries > items:
        raise ValueError(f"{queries} queries and {items} items: give target, the number of each query's match")
    target = np.arange(queries) if target is None else as_numpy(target)
    if target.shape != (queries,) or target.dtype.kind not in "iu" or not (0 <= target).all() & (target < items).all():
        raise ValueError(f"target must hold {queries} whole numbers from 0 to {items - 1}")
    match = similarity[np.arange(queries), target]
    return float(np.mean((similarity >= match[:, None]).sum(axis=1) <= k))


def as_numpy(values):
    """Turn numbers, lists, arrays or torch tensors, on any device and nested in lists, into one NumPy array."""
    if isinstance(values, list | tuple):
        return np.asarray([as_numpy(item) for item in values])
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    return np.asarray(values)


def _finite(values, name, numeric=True):
    array = as_numpy(values)
    if numeric and array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be numbers, got {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array.astype(float) if numeric else array


def _share(confidence):
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    return confidence
