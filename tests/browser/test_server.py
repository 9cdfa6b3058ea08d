"""A kernel or a server killed in mid-lesson: what was run, typed and solved is still there."""

import os
import signal

import nbformat
import pytest
from room import NOTEBOOK, READY, Lab, Lesson, wait_until

STEM = "00_start_here"
ENDLESS = "import time\ntime.sleep(3600)"
TYPED = "# typed after the last save"
RECORDED = "Exercise 0.1: not attempted yet"
STARTED = f"index => {{ {NOTEBOOK} return book.widgets[index].model.executionState === 'running' }}"


@pytest.fixture
def room(tmp_path, chromium):
    """A server of its own, to be killed."""
    lab = Lab(tmp_path)
    try:
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def halfway(room, new_page):
    """A lesson whose cells ran up to the first check, saved; then a cell that never ends."""
    lesson = Lesson(room, new_page(), STEM)
    lesson.open()
    code = [k for k, cell in enumerate(lesson.cells) if cell.cell_type == "code"]
    check = next(k for k in code if lesson.cells[k].source.startswith("check.ex"))
    for index in code[: code.index(check) + 1]:
        said = lesson.run(index)
    assert RECORDED in said
    lesson.page.keyboard.press("Control+s")
    wait_until(lambda: RECORDED in lesson.path.read_text(), 30, "Ctrl+S did not save")
    last = code[code.index(check) + 1]
    lesson.write(last, ENDLESS)
    lesson.go_to(last)
    lesson.page.keyboard.press("Control+Enter")
    lesson.page.wait_for_function(STARTED, arg=last)
    lesson.check, lesson.last = check, last
    yield lesson
    lesson.page.close()


def kept(lesson):
    """Return how many cells of the file hold outputs; nbformat refuses a damaged file."""
    notebook = nbformat.read(lesson.path, as_version=4)
    nbformat.validate(notebook)
    return sum(bool(cell.get("outputs")) for cell in notebook.cells)


def kernel(lesson):
    """Return the process of the lesson's kernel: the one that runs below our server."""
    found = [int(name) for name in os.listdir("/proc") if name.isdigit() and runs(name, lesson.lab)]
    assert len(found) == 1
    return found[0]


def runs(process, lab):
    """Tell whether a process is a kernel whose connection file lies in the room."""
    try:
        with open(f"/proc/{process}/cmdline") as file:
            return "ipykernel" in (line := file.read()) and str(lab.home) in line
    except OSError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="finds the kernel in /proc, which only Linux has")
def test_killed_kernel_loses_the_running_cell(halfway):
    outputs, progress = kept(halfway), halfway.lab.progress.read_text()
    os.kill(kernel(halfway), signal.SIGKILL)
    halfway.page.get_by_text("Kernel Restarting").wait_for()
    halfway.page.keyboard.press("Enter")  # the dialog's only button
    halfway.page.wait_for_function(READY)
    shown = halfway.state()
    assert sum(bool(cell and cell["outputs"]) for cell in shown) == outputs == kept(halfway)
    assert halfway.lab.progress.read_text() == progress
    halfway.write(halfway.last, "6 * 7")
    halfway.run(halfway.last)
    assert halfway.state()[halfway.last]["outputs"][0]["data"]["text/plain"] == "42"


def test_killed_server_loses_the_running_cell(halfway, new_page):
    lab, page = halfway.lab, halfway.page
    outputs, progress = kept(halfway), lab.progress.read_text()
    lab.end(signal.SIGKILL)
    halfway.write(halfway.last, TYPED)  # the page is still open, and the learner goes on typing
    assert kept(halfway) == outputs
    assert lab.progress.read_text() == progress

    lab.start()
    page.wait_for_function(f"() => {{ {NOTEBOOK} return book.node.isConnected }}")
    wait_until(lambda: save(halfway), 90, "the open page could not save when the server was back")
    assert kept(halfway) == outputs

    again = Lesson(lab, new_page(), STEM)
    again.open()
    assert sum(bool(cell and cell["outputs"]) for cell in again.state()) == outputs
    said = again.run(next(k for k, cell in enumerate(again.cells) if "setup" in cell.metadata.get("tags", [])))
    assert "mmcourse" in said
    again.close()


def test_an_answer_is_saved_without_a_key(room, new_page):
    lesson = Lesson(room, new_page(), STEM)
    lesson.open()
    lesson.write(next(k for k, cell in enumerate(lesson.cells) if cell.cell_type == "code"), TYPED)
    wait_until(lambda: TYPED in lesson.path.read_text(), 60, "a minute after it was typed the answer is in no file")
    lesson.close()


def save(lesson):
    """Press Ctrl+S, answer a dialog if there is one, and tell whether the file holds what was typed last."""
    lesson.go_to(lesson.last)
    lesson.page.keyboard.press("Control+s")
    accept = lesson.page.locator(".jp-Dialog .jp-mod-accept")
    if accept.count():
        accept.first.click()
    return TYPED in lesson.path.read_text()
