"""No notebook passes without being checked: what nbval reports is compared with what the notebooks hold."""

import nbformat
import pytest

from tools import lesson as lessons
from tools import notebooks

CASES = {
    "complete": ('<testcase classname="nb.a.ipynb" name="0"/><testcase classname="nb.a.ipynb" name="1"/>', True),
    "skipped": (
        '<testcase classname="nb.a.ipynb" name="0"/><testcase classname="nb.a.ipynb"><skipped/></testcase>',
        False,
    ),
    "failed": (
        '<testcase classname="nb.a.ipynb" name="0"/><testcase classname="nb.a.ipynb"><failure/></testcase>',
        False,
    ),
    "half": ('<testcase classname="nb.a.ipynb" name="0"/>', False),
    "uncollected": ("", False),
}


@pytest.mark.parametrize("case", CASES)
def test_shortfalls(tmp_path, monkeypatch, case):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    path = tmp_path / "nb" / "a.ipynb"
    path.parent.mkdir()
    cells = [nbformat.v4.new_code_cell("1"), nbformat.v4.new_markdown_cell("x"), nbformat.v4.new_code_cell("2")]
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))
    report = tmp_path / "report.xml"
    body, good = CASES[case]
    report.write_text(f"<testsuites><testsuite>{body}</testsuite></testsuites>")
    assert (list(notebooks.shortfalls(report, [path])) == []) is good


def test_notebook_without_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    path = tmp_path / "a.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook()))
    report = tmp_path / "report.xml"
    report.write_text("<testsuites/>")
    assert list(notebooks.shortfalls(report, [path]))


def test_every_lesson_is_among_the_runs():
    stems = [path.stem for path in (*lessons.sources(), *lessons.extras())]
    assert [path.stem for path in notebooks.wanted("quick")] == stems
    assert [path.stem for path in notebooks.wanted("smoke")] == stems * 2
