"""Figures drawn from known numbers: what they show, that nothing is cut off, and that they stay small."""

import io
import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from mmcourse import plotting
from mmcourse._style import small_png
from mmcourse.metrics import Interval, interval

RNG = np.random.default_rng(0)
LONG = ["Donaudampfschifffahrtsgesellschaft", "a forest, nearest neighbours and a support vector machine", "x"]
X = np.array([1, 2, 5, 10, 100])
RUNS = {"bagging": RNG.normal(0.8, 0.01, (5, 5)), "one tree": RNG.normal(0.7, 0.01, (5, 5))}
LABELS = {"xlabel": "number of trees", "ylabel": "accuracy"}
FIGURES = {
    "lines": lambda: plotting.lines(X, RUNS, **LABELS, title="Trees", baseline=("majority class", 0.5), logx=True),
    "lines one run": lambda: plotting.lines([1, 2], {"loss": [2, 1]}, xlabel="epoch", ylabel="loss"),
    "lines long": lambda: plotting.lines(
        X, {f"{name} {i}": RUNS["bagging"] + i for name in LONG[:2] for i in range(4)}, **LABELS, title=" ".join(LONG)
    ),
    "bars": lambda: plotting.bars({"a": [1, 2, 3], "b": Interval(3, 2, 5), "c": 4}, ylabel="error / euros"),
    "bars long": lambda: plotting.bars(dict.fromkeys(LONG, 1.0), ylabel="error", title="T", baseline=("naive", 0.5)),
    "bars negative": lambda: plotting.bars({"a": [-3, -2], "b": 1, "c": 0}, ylabel="gain", baseline=("none", 0)),
    "histograms": lambda: plotting.distributions(RUNS, xlabel="accuracy", baseline=("chance", 0.5)),
    "boxes": lambda: plotting.distributions(
        {f"{name} {i}": RUNS["bagging"] for name in LONG for i in "ab"}, xlabel="s"
    ),
    "heatmap": lambda: plotting.heatmap(np.eye(3), rows=LONG, columns=LONG, label="correlation", title="T"),
    "big heatmap": lambda: plotting.heatmap(
        RNG.normal(size=(60, 40)), rows=[f"token {i}" for i in range(60)], columns=range(40), label="attention"
    ),
    "images": lambda: plotting.images([RNG.random((8, 8))] * 11, [*LONG, *"abcdefgh"]),
}


@pytest.fixture(params=FIGURES, scope="module")
def figure(request):
    before = dict(plt.rcParams)
    figure = FIGURES[request.param]()
    assert dict(plt.rcParams) == before  # drawing changes no setting
    return figure


def test_figure_is_whole_and_shown_once(figure):
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []  # or a notebook would show it a second time
    figure.draw_without_rendering()
    drawn, page = figure.get_tightbbox(), figure.bbox_inches.padded(0.02)
    assert page.x0 <= drawn.x0 < drawn.x1 <= page.x1  # nothing cut off
    assert page.y0 <= drawn.y0 < drawn.y1 <= page.y1
    assert not any(axes.get_legend() for axes in figure.axes)
    for legend, axes in itertools.product(figure.legends, figure.axes):
        assert not legend.get_window_extent().overlaps(axes.bbox)


@pytest.mark.parametrize("name", ["lines long", "bars long", "boxes", "heatmap", "images"])
def test_long_words_are_not_broken(name):
    assert any(LONG[0] in text.get_text() for text in FIGURES[name]().findobj(Text))


def test_figure_is_a_small_file(figure):
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # it moves things a little each time
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi)
    small = small_png(figure)
    assert len(small) < min(45_000, len(buffer.getvalue()))
    before, after = (np.asarray(Image.open(f).convert("RGB"), int) for f in (buffer, io.BytesIO(small)))
    assert abs(before - after).max() <= 16


def test_pictures_of_many_colours_are_stored_whole():
    figure = plotting.images([RNG.random((48, 48, 3))], ["noise"])
    assert (
        len(np.unique(np.asarray(Image.open(io.BytesIO(small_png(figure))).convert("RGB")).reshape(-1, 3), axis=0))
        > 999
    )


def test_lines_show_the_mean_and_its_interval():
    axes = plotting.lines(X, RUNS, **LABELS).axes[0]
    for line, band, runs in zip(axes.lines, axes.collections, RUNS.values(), strict=True):
        np.testing.assert_allclose(line.get_xydata(), np.stack([X, runs.mean(0)], 1))
        at_five = [y for x, y in band.get_paths()[0].vertices if x == 5]
        expected = interval(runs[:, 2])
        assert (min(at_five), max(at_five)) == pytest.approx((expected.low, expected.high))


def test_one_run_has_no_band():
    axes = FIGURES["lines one run"]().axes[0]
    assert not axes.collections
    assert [*axes.lines[0].get_ydata()] == [2, 1]


def test_log_axis_and_baseline():
    axes = FIGURES["lines"]().axes[0]
    assert axes.get_xscale() == "log"
    assert axes.lines[-1].get_label() == "majority class"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "5", "10", "100"]
    assert not any(text.get_text() for text in axes.get_xticklabels(minor=True))
    assert [*axes.lines[-1].get_ydata()] == [0.5, 0.5]


def test_bars_show_estimate_interval_and_value():
    axes = FIGURES["bars"]().axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [2, 3, 4]
    assert [text.get_text() for text in axes.texts] == ["2", "3", "4"]
    whiskers = [path.vertices[:, 1] for path in axes.collections[0].get_paths() if len(path.vertices)]
    of_three = interval([1, 2, 3])
    np.testing.assert_allclose(whiskers, [[of_three.low, of_three.high], [2, 5], [np.nan, np.nan]][: len(whiskers)])
    assert len(whiskers) > 1


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([71.0, 85.44], ["71.0", "85.4"]),
        ([100.0, 9.5], ["100.0", "9.5"]),
        ([1234.5, 20.2], ["1234", "20"]),
        ([0.71, 0.8], ["0.710", "0.800"]),
        ([-0.0213, 0.002], ["-0.0213", "0.0020"]),
        ([0, 12], ["0", "12"]),
        ([np.nan, 0.5], ["0.500"]),
    ],
)
def test_all_bars_show_equally_many_decimals(values, shown):
    axes = plotting.bars(dict(zip("ab", values, strict=True)), ylabel="y").axes[0]
    assert [text.get_text().replace("\N{MINUS SIGN}", "-") for text in axes.texts if text.get_text()] == shown


@pytest.mark.parametrize("names", [LONG, [f"m{i}" for i in range(9)]])
def test_bars_lie_down_for_long_or_many_names(names):
    axes = plotting.bars({name: i for i, name in enumerate(names)}, ylabel="error").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [*range(len(names))]
    assert axes.get_xlabel() == "error"
    assert axes.yaxis_inverted()  # the first name on top


def test_histograms_share_bins_and_sum_to_one():
    axes = plotting.distributions({"a": RNG.normal(size=50), "b": RNG.normal(2, 1, 500)}, xlabel="s").axes[0]
    for outline in axes.collections:
        x, y = outline.get_paths()[0].vertices.T
        width = np.diff(np.unique(x)).mean()
        assert abs(np.trapezoid(y, x)) / width == pytest.approx(1)
    assert FIGURES["boxes"]().axes[0].get_yticklabels()[2].get_text().startswith("a forest")


def test_heatmap_colours_and_values():
    figure = plotting.heatmap([[1.0, np.nan], [-0.25, -0.001]], rows="ab", columns="cd", label="r")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1.00", "-0.25", "0.00"]
    red, _, blue, white = axes.collections[0].get_facecolors()
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    assert min(white) > 0.9
    assert not plotting.heatmap(np.ones((20, 20)), rows=range(20), columns=range(20), label="r").axes[0].texts
    counts = plotting.heatmap(np.array([[3]]), rows=["a"], columns=["b"], label="items").axes[0]
    assert counts.texts[0].get_text() == "3"


def test_images_take_every_layout():
    grey, colour = RNG.random((4, 6)), RNG.random((4, 6, 3))
    pictures = [grey, grey[None], torch.tensor(grey), colour, colour.transpose(2, 0, 1), (colour * 255).astype("uint8")]
    shown = [axes.images[0].get_array() for axes in plotting.images(pictures, [*"abcdef"]).axes]
    for array, expected in zip(shown, [grey] * 3 + [colour] * 3, strict=True):
        np.testing.assert_allclose(array, expected, atol=1 / 255)
    stretched = plotting.images([np.array([[-2.0, 0], [1, 2]])], ["weights"]).axes[0].images[0].get_array()
    np.testing.assert_allclose(stretched, [[0, 0.5], [0.75, 1]])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plotting.lines(X, {"a": [1, 2]}, **LABELS), "'a' has shape"),
        (lambda: plotting.lines(X, {}, **LABELS), "nothing to draw"),
        (lambda: plotting.bars({}, ylabel="y"), "nothing to draw"),
        (lambda: plotting.bars({"a": [[1]]}, ylabel="y"), "one number a run"),
        (lambda: plotting.distributions({"a": [1, np.nan]}, xlabel="x"), "finite"),
        (lambda: plotting.distributions({"a": []}, xlabel="x"), "at least one"),
        (lambda: plotting.heatmap([[1]], rows="ab", columns="c", label="l"), "2 and 1 names"),
        (lambda: plotting.images([], []), "0 pictures"),
        (lambda: plotting.images([np.ones((2, 2))], []), "0 titles"),
        (lambda: plotting.images([np.ones((2, 2, 4))], ["a"]), "not \\(2, 2, 4\\)"),
    ],
)
def test_what_cannot_be_drawn(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
    assert plt.get_fignums() == []


def seen_by(deficiency, color):
    """CIELAB of a colour as seen with a colour vision deficiency (Machado, Oliveira and Fernandes, 2009)."""
    s = np.array(to_rgb(color))
    linear = np.clip(deficiency @ np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4), 0, 1)
    xyz = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]) @ linear
    f = np.cbrt(xyz / [0.9505, 1, 1.0888])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(
    "deficiency",
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ],
    ids=["none", "protanopia", "deuteranopia", "tritanopia"],
)
def test_colours_stay_apart(deficiency):
    seen = [seen_by(np.array(deficiency), color) for color in plotting.COLORS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 14


def test_style_is_applied():
    with plt.rc_context():
        plotting.use_style()
        assert plt.rcParams["axes.prop_cycle"].by_key()["color"] == list(plotting.COLORS)
        assert plt.rcParams["figure.dpi"] == 100


def test_heatmap_of_a_mask():
    figure = plotting.heatmap(np.eye(2, dtype=bool), rows=["a", "b"], columns=["c", "d"], label="kept")
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "0", "0", "1"]
