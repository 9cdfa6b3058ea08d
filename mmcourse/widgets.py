"""Controls that redraw a figure, and a still picture of it where no kernel runs."""

import base64
import html

import ipywidgets
import matplotlib.pyplot as plt
from IPython.core.getipython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure

from mmcourse._style import small_png

__all__ = ["Explorer", "explore"]


class Explorer(ipywidgets.VBox):
    """What `explore` shows and returns: `controls` (dict of name to widget) above `view` (`Image` or `HTML`).

    It has already been shown, so a notebook that ends a cell with it does not show it a second time.
    """

    def _ipython_display_(self, **kwargs):
        """Show nothing more."""


def explore(draw, **controls):
    """Show controls, and what `draw` makes of their values; every change draws again.

    The output holds a still picture of the starting values beside the live widget, so a page without a kernel shows
    that picture. Tab reaches every control: sliders follow the arrow keys, the space bar opens a list (an arrow alone
    would go to the next cell in JupyterLab) and ticks a box, Enter ends a text.

    Parameters
    ----------
    draw : callable
        `draw(**values)` returns a matplotlib `Figure`, a str of HTML, or an object with `_repr_html_`.
        An error it raises for some values is shown as one sentence in place of the picture.
    **controls
        An ipywidgets control a name, or what `ipywidgets.interact` takes: `(low, high, step)`, a list, a bool.

    Returns
    -------
    Explorer
        With `.controls` and `.view`; set `.controls["depth"].value` and read `.view.value`.

    Raises
    ------
    ValueError
        If a control is not understood, or none is given.
    TypeError
        If `draw` returns something else for the starting values.
    """
    if not controls:
        raise ValueError("explore needs at least one control, for example depth=(1, 10)")
    widgets = {name: _control(name, value) for name, value in controls.items()}
    first = _render(draw, widgets)
    view = ipywidgets.Image(format="png") if isinstance(first, bytes) else ipywidgets.HTML()
    if isinstance(first, bytes):
        view.layout.align_self = "flex-start"  # its own size; stretched, it would not fit a window under its controls
        view.layout.margin = "0"  # or a wide figure would need a scroll bar
    view.value = first
    message = ipywidgets.HTML()
    message.layout.display = "none"

    def redraw(_change):
        try:
            value = _render(draw, widgets)
            if not isinstance(value, type(first)):
                raise TypeError("draw returned a figure for some values and text for others")
            view.value, problem = value, ""
        except Exception as error:
            problem = f"No picture for these values: {type(error).__name__}: {error}"
        message.value = f"<p>{html.escape(problem)}</p>"
        message.layout.display, view.layout.display = ("", "none") if problem else ("none", "")

    for widget in widgets.values():
        widget.observe(redraw, names="value")
    box = Explorer([*widgets.values(), message, view])
    box.controls, box.view, box.message = widgets, view, message
    _show(box, first)
    return box


def _control(name, value):
    """A control with a readable label that reports only where it comes to rest."""
    widget = value
    if not isinstance(value, ipywidgets.Widget):
        widget = ipywidgets.interactive.widget_from_abbrev(value)
    if widget is None or not widget.has_trait("value"):
        raise ValueError(
            f"{name}={value!r} is no control: give (low, high), (low, high, step), a list, a bool or a widget"
        )
    if widget.has_trait("description") and not widget.description:
        widget.description = name.replace("_", " ")
    if widget.has_trait("continuous_update"):
        widget.continuous_update = False
    if widget.has_trait("style") and widget.style.has_trait("description_width"):
        widget.style.description_width = "initial"
    return widget


def _render(draw, widgets):
    """What `draw` returns for the present values: PNG bytes of a figure, or a str of HTML."""
    before = set(plt.get_fignums())
    try:
        drawn = draw(**{name: widget.value for name, widget in widgets.items()})
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)
    if isinstance(drawn, Figure):
        return small_png(drawn)
    markup = drawn if isinstance(drawn, str) else getattr(drawn, "_repr_html_", lambda: None)()
    if markup is None:
        raise TypeError(f"draw returns a matplotlib Figure or HTML, not {type(drawn).__name__}")
    return markup


def _show(box, still):
    """Display the live widget and, for pages without a kernel, the still picture in one output."""
    if get_ipython() is None:
        return
    values = ", ".join(f"{name} = {widget.value}" for name, widget in box.controls.items())
    data = {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": box.model_id,
        },
        "text/plain": f"Interactive figure at {values}",
    }
    if isinstance(still, bytes):
        data["image/png"] = base64.b64encode(still).decode()
    else:
        data["text/html"] = still
    display(data, raw=True)
