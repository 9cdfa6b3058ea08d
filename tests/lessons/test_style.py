"""Every lesson is in form, and each planted fault turns the rules red."""

import nbformat
import pytest

from tools import lesson as lessons
from tools import style


@pytest.mark.parametrize("path", lessons.sources(), ids=lambda path: path.stem)
def test_lesson_is_in_form(path):
    assert style.source_faults(lessons.read(path)) == []


def test_sample_is_in_form(write, sample):
    assert style.source_faults(write(sample)) == []


LONG_CELL = "\n".join(f"x{i} = {i}" for i in range(21))
PLANTED = {
    "missing solution marker": ("    ### BEGIN SOLUTION\n    return sum(numbers)", "    return sum(numbers)", "END"),
    "unclosed solution": ("len(numbers)\n    ### END SOLUTION", "len(numbers)", "BEGIN SOLUTION"),
    "answer leaks": ("The average of ten readings", "Write return sum(numbers) / len(numbers). It", "leaks"),
    "over-long cell": ("assert len(gain) == 6", f"assert len(gain) == 6\n{LONG_CELL}", "lines of code"),
    "over-long prose": ("is closer.", "is closer." + " word" * 130, "words"),
    "long folded line": (
        "# %%\nerrors = [",
        '# %% tags=["further"]\nlong = "' + "x" * 100 + '"\nerrors = [',
        "folded",
    ),
    "third code cell": (
        "# %% [markdown]\n# The average",
        "# %%\nx = 1\n\n# %%\ny = 2\n\n# %% [markdown]\n# The average",
        "row",
    ),
    "missing alt text": ("![Numbers go into an average, which goes into an answer]", "![]", "alt text"),
    "vacuous nbval tag": ('tags=["setup"]', 'tags=["setup", "nbval-skip"]', "without checking"),
    "vacuous nbval comment": ("errors = [", "# NBVAL_IGNORE_OUTPUT\nerrors = [", "without checking"),
    "expects an exception": ("# %%\nerrors", '# %% tags=["raises-exception"]\nerrors', "without checking"),
    "literal claim": ('one reading", gain', 'one reading", [1, 2, 3, 4, 5]', "cannot fail"),
    "constant claim": ("mm.claim(", "gain = np.ones(5)\nmm.claim(", None),
    "endless margin": ("margin=0.1", "margin=-1e30", "cannot fail"),
    "computed margin": ("margin=0.1", "margin=gain.min()", "number written"),
    "magnitude above zero": ("gain, margin=0.1", "np.abs(gain), margin=0.0", "cannot fail"),
    "claim in try": (
        'mm.claim("01.1", "an average beats one reading", gain, margin=0.1)',
        'try:\n    mm.claim("01.1", "an average", gain, margin=0.1)\nexcept AssertionError:\n    pass',
        "may never fail",
    ),
    "no claim": ('mm.claim("01.1", "an average beats one reading", gain, margin=0.1)', "gain", "no claim"),
    "no assert": ("assert len(gain) == 6", "gain", "assert"),
    "shell": ("errors = [", "!ls\nerrors = [", "! or %"),
    "silenced warnings": ("errors = [", 'import warnings\nwarnings.filterwarnings("ignore")\nerrors = [', "silences"),
    "learner's name used later": (
        "# ## What can go wrong\n",
        "# Now.\n\n# %%\naverage([1])\n\n# %% [markdown]\n# ## What can go wrong\n",
        "learner writes",
    ),
    "no check": ("check.ex1_1(average)", "average([1, 2])", "must be just the check"),
    "one hint": ("# <details><summary>Hint: the idea</summary>Add, then divide.</details>\n", "", "two folded hints"),
    "no prediction": (' tags=["predict"]', "", "predict"),
    "no widget": ("_ = widgets.explore", "_ = (lambda *a, **k: 0)", "widget"),
    "two key points": ("# 3. Three.\n", "", "three"),
    "quiz without a right answer": ("Right. So", "So", "quiz question"),
    "no references": ("# ## References", "# ## Books", "headings"),
    "too long": ("10 minutes", "95 minutes", "at most 90"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_fault_turns_red(write, sample, name):
    old, new, message = PLANTED[name]
    assert old in sample
    if name == "constant claim":
        sample = sample.replace("gain = np.array([e.mean() for e in errors]) - np.array(averages)", "gain = np.ones(6)")
        old, new, message = "", "", "cannot fail"
    faults = style.source_faults(write(sample.replace(old, new, 1)))
    assert any(message in fault for fault in faults), faults


@pytest.mark.parametrize(
    "header", ["# # 1 A sample\n#\n# no question", "# # 2 A sample\n#\n# **Why?** · 5 minutes · needs nothing"]
)
def test_header_is_refused(write, sample, header):
    body = sample.split("\n#\n# ![Numbers", 1)[1]
    with pytest.raises(lessons.LessonError, match="first cell"):
        write(f"# %% [markdown]\n{header}\n#\n# ![Numbers{body}")


def solved(*outputs, after="*Figure: a line that rises from left to right.*"):
    cell = nbformat.v4.new_code_cell("draw()", outputs=list(outputs), execution_count=1)
    alt = nbformat.v4.new_markdown_cell(after, metadata={"tags": ["alt"] if after.startswith("*Figure") else []})
    return nbformat.v4.new_notebook(cells=[cell, alt])


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def test_solved_notebook_faults():
    picture = nbformat.v4.new_output("display_data", data={"image/png": "abc"})
    claim = stream("claim 01.1 holds\n")
    assert style.solved_faults("x", solved(claim, picture), 1000) == []
    assert "alt text" in style.solved_faults("x", solved(claim, picture, after="A text."), 1000)[0]
    assert "warning" in style.solved_faults("x", solved(claim, stream("UserWarning", "stderr")), 1000)[0]
    assert "bytes" in style.solved_faults("x", solved(claim), 600_000)[0]
    assert "no claim" in style.solved_faults("x", solved(picture), 1000)[0]
    unrun = solved(claim)
    unrun.cells[0].execution_count = None
    assert "not executed" in style.solved_faults("x", unrun, 1000)[0]
    slow = solved(claim)
    slow.cells[0].metadata["mmcourse"] = {"cpu_seconds": 14.0}
    assert "CPU seconds" in style.solved_faults("x", slow, 1000)[0]
    wrong = solved(claim)
    wrong.cells[0].source = "check.ex1_1(f)"
    assert "not correct" in style.solved_faults("x", wrong, 1000)[0]


@pytest.mark.parametrize("path", lessons.sources(), ids=lambda path: path.stem)
def test_solved_lesson_is_in_form(path):
    solved_path = lessons.read(path).solved_path
    notebook = nbformat.read(solved_path, as_version=4)
    assert style.solved_faults(path.stem, notebook, solved_path.stat().st_size) == []
