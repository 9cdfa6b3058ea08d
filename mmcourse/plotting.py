"""Figures in one style: colour-blind safe, readable on a projector, the legend never over the data.

Every function takes data and returns a matplotlib `Figure` that pyplot no longer lists, so a notebook shows it once:
as the last value of a cell, or through `display(figure)`.
"""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullLocator

from mmcourse._style import BASELINE, COLORS, finish, styled, use_style, wrap
from mmcourse.metrics import interval

__all__ = ["COLORS", "bars", "distributions", "heatmap", "images", "lines", "use_style"]

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


@styled
def lines(x, series, *, xlabel, ylabel, title="", baseline=None, logx=False):
    """Draw one line a name: the mean over runs with the 95 % interval of that mean as a band.

    Parameters
    ----------
    x : array of shape (n,)
    series : dict of name to array of shape (n,) or (runs, n)
        A single run draws a line without a band.
    xlabel, ylabel, title : str
        Axis labels carry their units.
    baseline : (name, value), optional
        A dashed horizontal line.
    logx : bool
        Logarithmic horizontal axis.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If a series does not have the length of `x`, or there is none.
    """
    x = np.asarray(x)
    figure, axes = plt.subplots()
    for i, (name, values) in enumerate(_named(series).items()):
        runs = np.atleast_2d(np.asarray(values, dtype=float))
        if runs.ndim != 2 or runs.shape[1] != len(x):
            raise ValueError(f"series {name!r} has shape {np.shape(values)}; x has {len(x)} points")
        look = {"color": COLORS[i % len(COLORS)], "marker": _MARKERS[i % len(_MARKERS)] if len(x) <= 30 else None}
        band = _limits if len(runs) > 1 else None
        sns.lineplot(x=np.tile(x, len(runs)), y=runs.ravel(), errorbar=band, label=str(name), ax=axes, **look)
    if baseline is not None:
        axes.axhline(baseline[1], label=baseline[0], **BASELINE)
    if logx:
        _log_ticks(axes, x)
    elif np.issubdtype(x.dtype, np.integer):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    return finish(figure, axes, xlabel, ylabel, title)


@styled
def bars(values, *, ylabel, title="", baseline=None):
    """Draw one bar a name, with its 95 % interval and its value; many bars, or bars with long names, lie down.

    Parameters
    ----------
    values : dict of name to array of shape (runs,), `metrics.Interval` or number
        A single number gets no interval.
    ylabel : str
        What the bars measure, with its unit.
    title : str
    baseline : (name, value), optional
        A dashed line across the bars.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no bar, or a value is not a number, an `Interval` or one number a run.
    """
    middle, low, high = np.array([_estimate(name, value) for name, value in _named(values).items()]).T
    names, where = [wrap(name, 20) for name in values], range(len(values))
    spread = np.where(high > low, [middle - low, high - middle], np.nan)
    look = {"color": COLORS[5], "error_kw": {"ecolor": "#222222", "elinewidth": 2, "capsize": 6, "capthick": 2}}
    lying = len(names) > 8 or max(len(line) for name in names for line in name.split("\n")) * len(names) > 56
    if lying:
        figure, axes = plt.subplots(figsize=(6.4, 1.5 + 0.5 * sum(1 + 0.6 * name.count("\n") for name in names)))
        drawn = axes.barh(where, middle, 0.65, xerr=spread, **look)
        axes.set_yticks(where, names)
        axes.invert_yaxis()
    else:
        figure, axes = plt.subplots()
        drawn = axes.bar(where, middle, 0.65, yerr=spread, **look)
        axes.set_xticks(where, names)
        axes.set_xlim(min(-0.6, 0.5 * len(names) - 2), max(len(names) - 0.4, 0.5 * len(names) + 1))
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # of the baseline
    axes.bar_label(drawn, fmt=f"{{:.{_decimals(middle)}f}}", padding=6, bbox=clear)
    if baseline is not None:
        (axes.axvline if lying else axes.axhline)(baseline[1], label=baseline[0], **BASELINE)
    axes.grid(False, axis="y" if lying else "x")
    axes.margins(**{"x" if lying else "y": 0.15})
    return finish(figure, axes, *((ylabel, "") if lying else ("", ylabel)), title)


@styled
def distributions(values, *, xlabel, title="", baseline=None):
    """Draw how values are spread: overlaid histograms of up to three names, box plots of more.

    Parameters
    ----------
    values : dict of name to array of shape (n,)
        Lengths may differ: a histogram shows the share of each name's values in a common set of bins.
    xlabel : str
        What was measured, with its unit.
    title : str
    baseline : (name, value), optional
        A dashed vertical line.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is nothing to draw, or a value is not finite.
    """
    arrays = {str(name): np.asarray(array, dtype=float).ravel() for name, array in _named(values).items()}
    everything = np.concatenate(list(arrays.values()))
    if not all(map(len, arrays.values())) or not np.isfinite(everything).all():
        raise ValueError("every name needs at least one value, and finite values only")
    if len(arrays) > 3:
        figure, axes = plt.subplots(figsize=(6.4, 1.5 + 0.55 * len(arrays)))
        sns.boxplot(list(arrays.values()), orient="h", color=COLORS[5], width=0.6, fliersize=3, ax=axes)
        axes.set_yticks(range(len(arrays)), [wrap(name) for name in arrays])
        axes.grid(False, axis="y")
    else:
        figure, axes = plt.subplots()
        bins = np.histogram_bin_edges(everything, int(np.clip(2 * len(everything) ** (1 / 3), 8, 40)))
        look = {"bins": bins, "stat": "proportion", "element": "step", "alpha": 0.3, "linewidth": 2}
        for color, (name, array) in zip(COLORS, arrays.items(), strict=False):
            sns.histplot(array, color=color, label=name, ax=axes, **look)
    if baseline is not None:
        axes.axvline(baseline[1], label=baseline[0], **BASELINE)
    return finish(figure, axes, xlabel, "" if len(arrays) > 3 else "share of values", title)


@styled
def heatmap(matrix, *, rows, columns, label, title="", annotate=True):
    """Draw a matrix as colours; one with both signs is blue below zero, red above and white at zero.

    Parameters
    ----------
    matrix : array of shape (len(rows), len(columns))
        NaN leaves a grey cell.
    rows, columns : list of str
        Beyond 25 names only some are written.
    label : str
        What the colours mean, with its unit.
    title : str
    annotate : bool
        Write the value into each cell (never beyond 150 cells, where it could not be read).

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the matrix does not have one row a name and one column a name.
    """
    matrix, names = np.asarray(matrix) + 0, {"y": [wrap(name) for name in rows], "x": [wrap(name) for name in columns]}
    if matrix.shape != (len(names["y"]), len(names["x"])) or not matrix.size:
        raise ValueError(f"the matrix has shape {matrix.shape}, and there are {len(rows)} and {len(columns)} names")
    signed = np.nanmin(matrix) < 0 < np.nanmax(matrix)
    look = {"cmap": "vlag", "center": 0} if signed else {"cmap": "crest"}
    written = np.round(matrix, 2) + 0  # + 0 turns -0 into 0
    look |= {
        "annot": written if annotate and matrix.size <= 150 else None,
        "fmt": "d" if matrix.dtype.kind in "iu" else ".2f",
    }
    height, width = np.clip(matrix.shape * np.array([0.5, 0.6]), 1.5, 6.5)
    figure, axes = plt.subplots(figsize=(width + 1.6, height + 1.0))
    sns.heatmap(matrix, ax=axes, cbar_kws={"label": wrap(label, int(9 * height))}, annot_kws={"size": 12}, **look)
    axes.set_facecolor("#DDDDDD")
    axes.grid(False)
    for which, texts in names.items():
        shown = slice(None, None, -(-len(texts) // 25))
        getattr(axes, f"set_{which}ticks")(np.arange(len(texts))[shown] + 0.5, texts[shown])
    slanted = max(len(line) for text in names["x"] for line in text.split("\n")) * 0.11 * min(25, len(columns)) > width
    axes.tick_params(length=0, rotation=0)
    if slanted:
        plt.setp(axes.get_xticklabels(), rotation=40, ha="right", rotation_mode="anchor")
    return finish(figure, axes, "", "", title)


@styled
def images(pictures, titles):
    """Draw pictures in a grid, at most eight a row.

    Parameters
    ----------
    pictures : list of arrays or tensors
        Shape (H, W), (H, W, 3), or channels first: (1, H, W), (3, H, W). uint8, or floats in [0, 1].
        A grey picture with other values is stretched from its smallest to its largest.
    titles : list of str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is not one title a picture, no picture, or a picture of another shape.
    """
    if not len(pictures) or len(pictures) != len(titles):
        raise ValueError(f"{len(pictures)} pictures with {len(titles)} titles")
    word = 0.1 * max((len(word) for title in titles for word in str(title).split()), default=0)  # inches
    columns = len(pictures) if len(pictures) <= 8 else min(8, int(np.ceil(len(pictures) ** 0.5)) + 1)
    columns = max(1, min(columns, int(10 / max(word, 1))))
    height = float(np.clip(9.0 / columns, 1.1, 2.0))
    width, rows = max(height, word), -(-len(pictures) // columns)
    texts = [wrap(title, int(10 * width)) for title in titles]
    height += 0.1 + 0.2 * (1 + max(text.count("\n") for text in texts))
    figure, grid = plt.subplots(rows, columns, figsize=(columns * width, rows * height), squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture, text in zip(grid.flat, pictures, texts, strict=False):
        axes.imshow(_picture(picture), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(text, fontsize=12, loc="center", pad=4)
    return figure


def _picture(picture):
    """Floats in [0, 1], shape (H, W) or (H, W, 3)."""
    array = np.asarray(picture)
    array = array / 255 if array.dtype == np.uint8 else array.astype(float)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[2] == 3:
        return np.clip(array, 0, 1)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2:
        raise ValueError(f"a picture has shape (H, W), (H, W, 3), (1, H, W) or (3, H, W), not {array.shape}")
    low, high = min(0.0, array.min()), max(1.0, array.max())
    if (low, high) != (0.0, 1.0):
        low, high = array.min(), array.max()
    return (array - low) / max(high - low, 1e-12)


def _log_ticks(axes, x):
    """Make the horizontal axis logarithmic; its ticks are the values of `x` where they have room."""
    axes.set_xscale("log")
    steps = np.diff(np.log10(np.unique(x)))
    few = len(steps) and steps.min() > 0.09 * steps.sum()
    decades = (1,) if steps.sum() > 2.5 else (1, 2, 5)
    axes.xaxis.set_major_locator(FixedLocator(np.unique(x)) if few else LogLocator(subs=decades))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())


def _named(values):
    if not values:
        raise ValueError("nothing to draw: the dict of names and values is empty")
    return values


def _decimals(values):
    """Decimals that give the largest value three digits (100.0 stands beside 98.5), none if all are whole numbers."""
    known = np.abs(values[np.isfinite(values)])
    return 0 if np.all(known == np.round(known)) else max(0, 2 - int(np.floor(np.log10(0.99 * known.max()))))


def _limits(values):
    """Ends of the 95 % t interval of the mean; the mean itself for a single run."""
    values = np.asarray(values, dtype=float)
    found = interval(values) if len(values) > 1 else None
    return (found.low, found.high) if found else (values.mean(), values.mean())


def _estimate(name, value):
    """Estimate, low and high end of an `Interval`, of several runs, or of one number."""
    if hasattr(value, "estimate"):
        return value.estimate, value.low, value.high
    runs = np.atleast_1d(np.asarray(value, dtype=float))
    if runs.ndim != 1 or not len(runs):
        raise ValueError(f"{name!r} needs one number a run, an Interval or a number, not shape {runs.shape}")
    return (runs.mean(), *_limits(runs))
