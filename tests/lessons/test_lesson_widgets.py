"""Every lesson's widgets: a question in the text around, a still figure where no kernel runs, core ipywidgets only."""

import ast

import nbformat
import pytest

from tools import lesson as lessons

LIVE = "application/vnd.jupyter.widget-view+json"
OTHERS = {"ipympl", "bqplot", "plotly", "ipyleaflet", "ipyvuetify", "altair", "bokeh", "panel", "anywidget"}
LESSONS = pytest.mark.parametrize("path", lessons.sources(), ids=lambda path: path.stem)


def calls(cell):
    """Count the widgets that a cell of code makes."""
    if cell.cell_type != "code":
        return 0
    nodes = [node.func for node in ast.walk(lessons.parse(cell.source)) if isinstance(node, ast.Call)]
    return sum(getattr(node, "attr", None) == "explore" for node in nodes)


@LESSONS
def test_the_text_asks_what_the_widget_answers(path):
    cells = [cell for cell in lessons.read(path).cells if not lessons.for_instructor(cell)]
    places = [index for index, cell in enumerate(cells) if calls(cell)]
    assert places
    text = [cell.source if cell.cell_type == "markdown" else "" for cell in cells]
    heads = [index for index, words in enumerate(text) if words.startswith("#")] + [len(cells)]
    for index in places:
        begin, end = max(head for head in heads if head < index), min(head for head in heads if head > index)
        near = text[max(begin, index - 6) : min(end, index + 4)]
        assert "?" in "".join(near), f"its section asks nothing near cell {index}: {cells[index].source[:80]}"


@LESSONS
def test_a_page_without_a_kernel_shows_a_figure(path):
    lesson = lessons.read(path)
    cells = nbformat.read(lesson.solved_path, as_version=4).cells
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    shown = [data for data in shown if data.get("text/plain", "").startswith("Interactive figure at ")]
    assert len(shown) == sum(map(calls, lesson.cells))
    for data in shown:
        assert LIVE not in data
        assert 500 < len(data.get("image/png") or data.get("text/html")) < 100_000


@LESSONS
def test_only_core_widgets(path):
    used = set()
    for _, _, tree in lessons.code(lessons.read(path)):
        for node in ast.walk(tree):
            used |= {alias.name.split(".")[0] for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)}
            used |= {node.module.split(".")[0]} if isinstance(node, ast.ImportFrom) and node.module else set()
    assert not used & OTHERS


@LESSONS
def test_no_radio_buttons(path):
    """In JupyterLab the arrow keys, which alone move radio buttons, go to the next cell."""
    assert "RadioButtons" not in path.read_text(encoding="utf-8")
