"""A learner's room: the JupyterLab that the README's command starts, and one lesson open in it."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
PICTURES = ROOT / "build" / "browser"
LESSONS = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]  # own_data is the last
TOKEN = "opens-this-room-only"
PATIENCE = 300_000  # milliseconds; two busy cores are slow
VIEW = "application/vnd.jupyter.widget-view+json"

READY = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
NOTEBOOK = "const book = window.jupyterapp.shell.currentWidget.content;"
STATE = f"""() => {{ {NOTEBOOK} return book.widgets.map(({{model}}) => model.type !== 'code' ? null : {{
    count: model.executionCount, state: model.executionState, outputs: model.outputs.toJSON() }}) }}"""


class Lab:
    """`course.py lab` on a free port, with settings, progress and copies of the notebooks that belong to the test."""

    def __init__(self, home):
        self.home = Path(home)
        self.progress = self.home / "progress.json"
        (NOTEBOOKS / "my").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix="browser-", dir=NOTEBOOKS / "my"))
        for stem in LESSONS:
            shutil.copy(NOTEBOOKS / f"{stem}.ipynb", self.folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = None

    def start(self):
        """Start the server and wait until it answers."""
        places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}
        places |= {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces"}
        env = {**os.environ, **{name: str(self.home / place) for name, place in places.items()}}
        env |= {"MMCOURSE_PROGRESS": str(self.progress), "MMCOURSE_PROFILE": "smoke", "OMP_NUM_THREADS": "1"}
        env.pop("MMCOURSE_STRICT", None)
        command = [sys.executable, "course.py", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={self.port}"]
        command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", "--expose-app-in-browser"]
        with open(self.home / "lab.log", "a") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_until(self.answers, 120, "JupyterLab did not start; see " + str(self.home / "lab.log"))

    def answers(self):
        """Tell whether the server is up."""
        if self.process.poll() is not None:
            raise RuntimeError((self.home / "lab.log").read_text()[-2000:])
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/status?token={TOKEN}", timeout=5)
        except OSError:
            return False

    def end(self, how=signal.SIGTERM):
        """End the processes that `start` began, and no others."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, how)
            self.process.wait(60)

    def close(self):
        """End the server and take the copies away."""
        self.end()
        with contextlib.suppress(ProcessLookupError):  # none is left
            for _ in range(100):
                os.killpg(self.process.pid, 0)
                time.sleep(0.2)
            os.killpg(self.process.pid, signal.SIGKILL)
        shutil.rmtree(self.folder)

    def address(self, stem):
        """Return the page of one of the copies, in a fresh workspace."""
        place = (self.folder / f"{stem}.ipynb").relative_to(NOTEBOOKS).as_posix()
        return f"http://127.0.0.1:{self.port}/lab/tree/{place}?token={TOKEN}&reset"


class Lesson:
    """One lesson, open on a page."""

    def __init__(self, lab, page, stem):
        self.lab, self.page, self.stem, self.number = lab, page, stem, stem[:2]
        self.path = lab.folder / f"{stem}.ipynb"
        self.cells = nbformat.read(self.path, as_version=4).cells

    def open(self):
        """Open the page and wait for its kernel."""
        self.page.goto(self.lab.address(self.stem))
        self.page.wait_for_function(READY, timeout=PATIENCE)

    def close(self):
        """End the kernel and close the page."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()

    def command(self, name, **arguments):
        """Run a command of JupyterLab to its end, as its menu does."""
        self.page.evaluate(
            "([name, given]) => { window.over = false; window.jupyterapp.commands.execute(name, given)"
            ".finally(() => { window.over = true }) }",
            [name, arguments],
        )
        self.page.wait_for_function("() => window.over", timeout=PATIENCE)

    def state(self):
        """Return, for each cell, its execution count, state and outputs; None for text."""
        return self.page.evaluate(STATE)

    def go_to(self, index):
        """Select a cell, as a click beside it does, and bring its head to the top of the page."""
        self.page.evaluate(
            f"async index => {{ {NOTEBOOK} book.mode = 'command'; book.activeCellIndex = index; book.activate();"
            "await book.scrollToItem(index, 'start'); book.widgets[index].node.focus({preventScroll: true}) }",
            index,
        )
        return self.cell(index)

    def cell(self, index):
        """Return the locator of one cell."""
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{index}']")

    def run(self, index):
        """Run one cell by Shift+Enter and return the text that it prints."""
        before = self.state()[index]["count"]
        self.go_to(index)
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function(
            f"([index, before]) => {{ {NOTEBOOK} const {{model}} = book.widgets[index];"
            "return model.executionState === 'idle' && model.executionCount !== before }",
            arg=[index, before],
            timeout=PATIENCE,
        )
        return "".join(output.get("text", "") for output in self.state()[index]["outputs"])

    def write(self, index, source):
        """Replace the text of a cell by the keyboard."""
        self.go_to(index)
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Escape")
        written = self.page.evaluate(
            f"index => {{ {NOTEBOOK} return book.widgets[index].model.sharedModel.source }}", index
        )
        assert written == source

    def picture(self, name, index=None):
        """Take a picture of the window at a cell, for people to look at."""
        if index is not None:
            self.go_to(index)
        folder = PICTURES / self.stem
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")

    def theme(self, name):
        """Change the colours: Light or Dark."""
        self.command("apputils:change-theme", theme=f"JupyterLab {name}")
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeName === 'JupyterLab {name}'")


def wait_until(condition, seconds, complaint):
    """Poll a condition."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(complaint)
        time.sleep(0.2)
