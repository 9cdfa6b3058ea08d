"""`explore`: what moves when a control moves, what a dead page still shows, and what happens when drawing fails."""

import base64
import io

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from IPython.display import HTML
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from PIL import Image

from mmcourse.widgets import explore


def paint(level):
    """One square of a grey that tells the level."""
    figure, axes = plt.subplots(figsize=(1, 1))
    figure.set_facecolor([level / 10] * 3)
    axes.set_axis_off()
    return figure


def grey(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")).mean() / 255


def test_a_control_redraws_the_figure():
    box = explore(paint, level=(0, 10, 1))
    assert isinstance(box.view, ipywidgets.Image)
    assert box.view.layout.align_self == "flex-start"  # not stretched beyond the window
    assert grey(box.view.value) == pytest.approx(0.5, abs=0.01)
    for level in (2, 9):
        box.controls["level"].value = level
        assert grey(box.view.value) == pytest.approx(level / 10, abs=0.01)
    assert plt.get_fignums() == []


def test_every_kind_of_control():
    seen = []
    own = ipywidgets.FloatLogSlider(value=1, min=-3, max=3, description="my own")
    box = explore(
        lambda **values: seen.append(values) or "<p>ok</p>",
        n_trees=(1, 9),
        rate=(0.0, 1.0, 0.1),
        kind=["a", "b"],
        deep=True,
        own=own,
    )
    assert seen == [{"n_trees": 5, "rate": pytest.approx(0.5), "kind": "a", "deep": True, "own": 1}]
    kinds = [
        ipywidgets.IntSlider,
        ipywidgets.FloatSlider,
        ipywidgets.Dropdown,
        ipywidgets.Checkbox,
        ipywidgets.FloatLogSlider,
    ]
    assert [type(control) for control in box.controls.values()] == kinds
    assert [control.description for control in box.controls.values()] == ["n trees", "rate", "kind", "deep", "my own"]
    assert not any(getattr(control, "continuous_update", False) for control in box.controls.values())
    assert list(box.children) == [*box.controls.values(), box.message, box.view]


@pytest.mark.parametrize("make", [str, HTML])
def test_text_instead_of_a_figure(make):
    box = explore(lambda n: make(f"<b>{n}</b>"), n=(0, 4))
    box.controls["n"].value = 3
    assert isinstance(box.view, ipywidgets.HTML)
    assert box.view.value == "<b>3</b>"


def test_an_error_is_one_sentence_and_goes_away():
    def draw(n):
        if n == 3:
            plt.figure()
            raise ValueError("three <is> bad")
        return paint(n)

    box = explore(draw, n=(0, 4))
    before = box.view.value
    box.controls["n"].value = 3
    assert box.message.value == "<p>No picture for these values: ValueError: three &lt;is&gt; bad</p>"
    assert (box.message.layout.display, box.view.layout.display) == ("", "none")
    assert plt.get_fignums() == []
    box.controls["n"].value = 4
    assert (box.message.layout.display, box.view.layout.display) == ("none", "")
    assert box.view.value != before


def test_a_picture_that_turns_into_text_is_an_error():
    box = explore(lambda n: paint(n) if n < 3 else "text", n=(0, 4))
    box.controls["n"].value = 4
    assert "a figure for some values and text for others" in box.message.value


def test_figures_outside_pyplot_and_older_ones_are_left_alone():
    mine = plt.figure()
    explore(lambda n: Figure(figsize=(1, 1)), n=(0, 4))
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


@pytest.mark.parametrize("bad", [None, object(), (1, "a"), ipywidgets.VBox()])
def test_what_is_no_control(bad):
    with pytest.raises(ValueError, match="is no control"):
        explore(paint, level=bad)


def test_mistakes_of_the_author_are_raised():
    with pytest.raises(ValueError, match="at least one control"):
        explore(paint)
    with pytest.raises(TypeError, match="Figure or HTML, not NoneType"):
        explore(lambda n: None, n=(0, 4))
    with pytest.raises(ZeroDivisionError):
        explore(lambda n: 1 / (n - 2), n=(0, 4))


CELLS = [
    "from mmcourse import plotting, widgets\nplotting.use_style()\n"
    "def draw(n):\n    return plotting.bars({'a': n}, ylabel='y')\ndraw(1)",
    "figure = draw(2)",
    "box = widgets.explore(draw, n=(0, 4))\nbox",
    "widgets.explore(lambda n: f'<b>still {n}</b>', n=(0, 4));",
    "old = box.view.value\nbox.controls['n'].value = 3\nassert box.view.value != old",
]


def test_in_a_notebook_live_and_dead():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = [[output.get("data", output) for output in cell.outputs] for cell in notebook.cells]
    assert [len(outputs) for outputs in shown] == [1, 0, 1, 1, 0]  # every figure and widget once
    live = "application/vnd.jupyter.widget-view+json"
    assert [live in outputs[0] for outputs in shown if outputs] == [False, True, True]
    assert all(base64.b64decode(outputs[0]["image/png"])[:4] == b"\x89PNG" for outputs in (shown[0], shown[2]))
    assert shown[3][0]["text/html"] == "<b>still 2</b>"
    assert len(shown[0][0]["image/png"]) < 12_000  # the inline printer stores few colours

    state = notebook.metadata.pop("widgets")["application/vnd.jupyter.widget-state+json"]["state"]
    assert shown[2][0][live]["model_id"] in state
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert all(page.count(outputs[0]["image/png"].strip()) == 1 for outputs in (shown[0], shown[2]))
    assert "<b>still 2</b>" in page
    assert live not in page
