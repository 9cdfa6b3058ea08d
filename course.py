#!/usr/bin/env python3
"""One door to the course. It needs nothing but Python 3.11 or newer.

python3 course.py lab        install what is missing, fetch the first data, open JupyterLab on lesson 00
python3 course.py test       the same set-up, then every test and every notebook
"""

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "mmcourse-installed.json"
FIRST_DATA = ("emoji", "stocks")  # what lessons 00 and 01 load
NEEDED_GB = 8
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


class Stop(Exception):
    """A sentence for the person at the keyboard."""


def say(text):
    """Print at once, also when the output goes to a file."""
    print(text, flush=True)


def run(command, *, check=True):
    """Run a command in the repository root; stop with one sentence when it fails."""
    status = subprocess.run([str(part) for part in command], cwd=ROOT).returncode
    if check and status:
        raise Stop(f"'{' '.join(map(str, command[1:4]))} …' failed with status {status}; its own words stand above.")
    return status


# --- the environment -------------------------------------------------------------------------------------------------


def wanted(torch_index):
    """Return what the installation depends on; when it changes, the environment is brought up to date."""
    return {
        "pyproject": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
        "place": str(ROOT),
        "torch_index": torch_index,
    }


def installed():
    """Read the stamp of the last complete installation, or {}."""
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def works():
    """Tell whether the environment starts, and with the same Python as this one."""
    probe = f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    with contextlib.suppress(OSError):
        return subprocess.run([str(PYTHON), "-c", probe], capture_output=True).returncode == 0
    return False


def make_venv():
    """Make .venv, or make it anew when it is broken or belongs to another Python."""
    if VENV.exists() and not VENV.joinpath("pyvenv.cfg").exists() and any(VENV.iterdir()):
        raise Stop(f"{VENV} exists but is not a virtual environment; move it away and run this again.")
    try:
        venv.EnvBuilder(with_pip=True, clear=VENV.exists()).create(VENV)
    except (subprocess.CalledProcessError, OSError) as error:
        raise Stop(
            f"Python could not make {VENV} ({error}). On Debian and Ubuntu: sudo apt install python3-venv; then again."
        ) from None


def install(torch_index):
    """Install the course with its lab and test extras, by uv when it can be had and by pip otherwise."""
    run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "uv"], check=False)
    fast = subprocess.run([str(PYTHON), "-m", "uv", "--version"], capture_output=True).returncode == 0
    tools = [["-m", "uv", "pip", "install", "--compile-bytecode", "--python", PYTHON]] if fast else []
    tools.append(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "on"])
    course = ["-e", ".[lab,test]"]
    for tool in tools:
        steps = [["torch", "torchvision", "--index-url", torch_index], course] if torch_index else [course]
        if all(run([PYTHON, *tool, *step], check=False) == 0 for step in steps):
            return
        say("That did not work." + (" Trying plain pip." if tool[1] == "uv" else ""))
    raise Stop("The packages could not be installed. Is the network up? Run the same command again; it continues.")


def quiet_lab():
    """Keep JupyterLab from asking about news and updates, since a course should ask nothing of the network; wrap code."""
    settings = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    notes = {"fetchNews": "false", "checkForUpdates": False}
    wrap = {"codeCellConfig": {"lineWrap": True}}  # at 1280 pixels a line of 120 characters does not fit
    wanted = {"@jupyterlab/apputils-extension:notification": notes, "@jupyterlab/notebook-extension:tracker": wrap}
    wanted["@jupyterlab/docmanager-extension:plugin"] = {"autosaveInterval": 20}  # seconds of answers that can be lost
    settings.write_text(json.dumps(wanted), encoding="utf-8")


def ensure(torch_index=None):
    """Bring the environment up to date; a second run takes no time."""
    if sys.version_info < (3, 11):
        raise Stop(f"The course needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    done = installed()
    torch_index = torch_index or done.get("torch_index")
    goal = wanted(torch_index)
    if done == goal and works():
        return
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB and not done:
        say(f"Note: {free:.1f} GB free here; a full installation takes about 7 GB (README: the small installation).")
    began = time.perf_counter()
    say("Installing into .venv (about 6 GB with PyTorch; one to ten minutes, once; it ends with a long list) …")
    if not works():
        make_venv()
    STAMP.unlink(missing_ok=True)
    install(torch_index)
    quiet_lab()
    STAMP.write_text(json.dumps(goal), encoding="utf-8")
    say(f"Installed in {time.perf_counter() - began:.0f} s.")


# --- the commands ----------------------------------------------------------------------------------------------------


def module(name, *arguments, check=True):
    """Run a module of the course with the environment's Python."""
    return run([PYTHON, "-m", name, *arguments], check=check)


def open_already():
    """Return the address of a JupyterLab that shows these notebooks already, or ''."""
    code = "import sys; from jupyter_server.serverapp import list_running_servers as found\n"
    code += "print(*(s['url'] + 'lab?token=' + s['token'] for s in found() if s['root_dir'] == sys.argv[1]))"
    probe = subprocess.run([str(PYTHON), "-c", code, str(ROOT / "notebooks")], capture_output=True, text=True)
    return probe.stdout.split(maxsplit=1)[0] if probe.stdout.strip() else ""


def lab(options, rest):
    """Open JupyterLab on lesson 00; whatever follows is passed on to it (--no-browser, --port 8889 …)."""
    ensure(options.torch_index)
    if there := open_already():
        say(f"JupyterLab runs already, at {there}\nA second one starts now; do not open one lesson in both.")
    say("Fetching the data of lessons 00 and 01 (about 35 MB, under a minute, once) …")
    if module("mmcourse.data", *FIRST_DATA, check=False):
        say("Some data is missing (see above); the lessons that need it will say so. JupyterLab opens all the same.")
    say("Opening JupyterLab. Stop it with Ctrl-C; your work is kept in notebooks/. No browser? Copy the address below.")
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # a container, most likely
    quiet = ["--ServerApp.log_level=WARN", "--LabApp.log_level=WARN"]
    page = "--LabApp.default_url=/lab/tree/00_start_here.ipynb"  # the address that it prints leads there too
    return module("jupyterlab", "notebooks/00_start_here.ipynb", *root, *quiet, page, *rest, check=False)


def step(number, text, action):
    """Announce a step of the tests, run it and say how long it took."""
    say(f"\n[{number}] {text}")
    began = time.perf_counter()
    action()
    say(f"[{number}] took {time.perf_counter() - began:.0f} s")


def need(extra, package):
    """Install an extra of the course unless the package that it brings is there."""
    if run([PYTHON, "-c", f"import importlib.util as u, sys; sys.exit(not u.find_spec('{package}'))"], check=False):
        run([PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", f".[{extra}]"])


def browser_test(rest):
    """Do in JupyterLab, in a real browser, what a learner does in every lesson; pictures of it go to build/browser."""
    if not any(map(shutil.which, CHROMIUM)):
        raise Stop(
            "These tests look at the pages in Chromium. On Debian and Ubuntu: sudo apt install chromium; then again."
        )
    need("browser", "playwright")
    module("mmcourse.data", "--all")
    return module("pytest", "tests/browser", *rest, check=False)


def site(options, rest):
    """Build the course as web pages into build/site/html; nothing is run, and once installed no network is needed."""
    ensure(options.torch_index)
    need("site", "myst_nb")
    return module("tools.site", *rest, check=False)


def bench(options, rest):
    """Race every block against the libraries that have it too."""
    ensure(options.torch_index)
    need("bench", "tslearn")
    return module("benchmarks", *rest, check=False)


def test(options, rest):
    """Run every test: style, units, doctests, checks, freshness, then every notebook."""
    ensure(options.torch_index)
    if options.browser:
        return browser_test(rest)
    if options.colab:
        return module("tools.colab", check=False)
    scratch = ROOT / "build" / "test"
    scratch.mkdir(parents=True, exist_ok=True)
    os.environ.update(MMCOURSE_PROGRESS=str(scratch / "progress.json"), OMP_NUM_THREADS="1")
    step(1, "data (fetched once, then cached)", lambda: module("mmcourse.data", "--all"))
    step(2, "code style", lambda: (module("ruff", "check", "-q", "."), module("ruff", "format", "-q", "--check", ".")))
    step(
        3,
        "units, doctests, checks, twins, freshness",
        lambda: module("pytest", "-n", "2", "--dist", "worksteal", *rest),
    )
    step(4, "every notebook, small (profile smoke)", lambda: module("tools.notebooks", "smoke"))
    if options.all:
        step(5, "every solved notebook, strictly (profile quick)", lambda: module("tools.notebooks", "quick"))
    say("\nEverything passed.")
    return 0


def passed_on(name):
    """Return a command that sets up the environment and hands over to a module of the course."""

    def command(options, rest):
        ensure(options.torch_index)
        return module(name, *rest, check=False)

    return command


COMMANDS = {
    "lab": (lab, "install, fetch the first data, open JupyterLab on lesson 00"),
    "test": (test, "install, then run every test; --all also runs the solved notebooks strictly"),
    "build": (passed_on("tools.build"), "make the notebooks from their sources: build [NN …] [--check]"),
    "train": (passed_on("tools.train"), "make the weights that a lesson ships, with its own code: train NN"),
    "slides": (passed_on("tools.slides"), "slides with speaker notes, one file, no network: slides NN … [--no-notes]"),
    "plan": (passed_on("tools.plan"), "a timetable for a room: plan --minutes 180 --lessons 07,08; alone: ready paths"),
    "guide": (passed_on("tools.guide"), "bring the facts in teaching/GUIDE.md up to date: guide [--check]"),
    "site": (site, "the course as a book of web pages with search and glossary, offline: site [NN …] [--check]"),
    "bench": (bench, "race every block against the fastest library: bench [NAME …] [--write] [--device cuda]"),
    "data": (passed_on("mmcourse.data"), "fetch data before you need it: data --all, or data NAME …"),
    "doctor": (passed_on("mmcourse.doctor"), "find out what is wrong with this installation"),
    "progress": (passed_on("mmcourse.check.classroom"), "show which exercises you have solved; --class FOLDER: a room"),
}


def main(arguments=None):
    """Read the command line and run one command."""
    parser = argparse.ArgumentParser(
        prog="course.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--torch-index", metavar="ADDRESS", help="take torch and torchvision from this package index")
    commands = parser.add_subparsers(dest="command", metavar="command")
    for name, (_, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text, add_help=name in ("lab", "test"))
        if name == "test":
            sub.add_argument("--all", action="store_true", help="also run the solved notebooks strictly under quick")
            sub.add_argument("--browser", action="store_true", help="only the lessons, in JupyterLab in Chromium")
            sub.add_argument("--colab", action="store_true", help="only units and notebooks, with Colab's versions")
    options, rest = parser.parse_known_args(arguments)
    if not options.command:
        parser.print_help()
        return 2
    try:
        return COMMANDS[options.command][0](options, rest)
    except Stop as stop:
        say(f"\n{stop}")
    except KeyboardInterrupt:
        say("\nStopped. Nothing is broken: run the same command again and it goes on.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
