"""The one style of the course's figures; `mmcourse.plotting` draws in it."""

import base64
import functools
import io
import textwrap

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from cycler import cycler
from IPython.core.getipython import get_ipython
from matplotlib.figure import Figure
from PIL import Image, ImageChops

__all__ = ["BASELINE", "COLORS", "finish", "small_png", "styled", "use_style", "wrap"]

#: Eight colours, after Okabe and Ito (2008), that stay apart under the common colour vision deficiencies.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#44146E", "#555555")

BASELINE = {"color": "#333333", "linestyle": (0, (5, 3)), "linewidth": 1.8}
_STYLE = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("notebook", font_scale=1.2),
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (6.4, 4.0),
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "image.cmap": "crest",
    "legend.frameon": False,
    "lines.linewidth": 2.2,
    "lines.markersize": 6.5,
    "savefig.dpi": "figure",
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
}


def use_style():
    """Make the course's style the default of every later figure; in a notebook, store figures as small files."""
    plt.rcParams.update(_STYLE)
    shell = get_ipython()
    if shell is not None and "inline" in matplotlib.get_backend():
        plt.switch_backend(matplotlib.get_backend())  # or loading it later would bring its own printer back
        shell.display_formatter.formatters["image/png"].for_type(Figure, _notebook_png)


def _notebook_png(figure):
    return base64.b64encode(small_png(figure, bbox_inches="tight")).decode() if figure.axes else None


def small_png(figure, **options):
    """PNG bytes of a figure, in 256 colours where no eye can tell: a third of the size for most figures."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, **options)
    picture = Image.open(buffer)
    plain = picture.convert("RGB")
    few = plain.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    furthest = max(high for _, high in ImageChops.difference(plain, few.convert("RGB")).getextrema())
    if furthest <= 16 and picture.getextrema()[-1][0] == 255:  # no transparent pixel
        buffer = io.BytesIO()
        few.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def styled(plot):
    """Draw in the course's style whatever the global settings are, and take the figure off pyplot's list."""

    @functools.wraps(plot)
    def drawn(*args, **kwargs):
        before = set(plt.get_fignums())
        try:
            with plt.rc_context(_STYLE):
                return plot(*args, **kwargs)
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)

    return drawn


def wrap(name, width=24):
    """Break a long name between words, never inside one."""
    return textwrap.fill(str(name), width, break_long_words=False, break_on_hyphens=False)


def finish(figure, axes, xlabel, ylabel, title):
    """Label the axes, put the legend outside them, and let the figure grow by what long names and legend need."""
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_title(textwrap.fill(title, 50))
    handles, names = axes.get_legend_handles_labels()
    if axes.get_legend():
        axes.get_legend().remove()
    where = "right upper" if len(handles) > 1 else "upper right"
    legend = figure.legend(handles, [wrap(name) for name in names], loc=f"outside {where}") if handles else None
    size = figure.get_size_inches()
    figure.set_size_inches(4 * size)  # room enough to measure the texts
    figure.draw_without_rendering()
    more = np.zeros(2)
    more[0] = max(text.get_window_extent().width for text in axes.get_yticklabels()) / figure.dpi - 0.5
    more[1] = max(text.get_window_extent().height for text in axes.get_xticklabels()) / figure.dpi - 0.3
    size = size + np.maximum(0, more)
    if len(handles) > 1:
        box = legend.get_window_extent()
        size += np.array([box.width / figure.dpi, 0])
        size[1] = max(size[1], box.height / figure.dpi + 0.2)
    figure.set_size_inches(size)
    return figure
