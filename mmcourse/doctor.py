"""Find out what is wrong with an installation: `python3 course.py doctor`, or `doctor()` in a notebook."""

import importlib
import importlib.metadata
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from mmcourse.session import device, short_path

ROOT = Path(__file__).resolve().parent.parent
NEEDED_GB = 2.0


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, whether it is well, what was found, what to do."""

    name: str
    good: bool
    found: str
    remedy: str = ""

    def __str__(self):
        line = f"{'ok ' if self.good else '!! '} {self.name:<9} {self.found}"
        return line if self.good else f"{line}\n              -> {self.remedy}"


def python():
    """This Python is the environment that `course.py` made, when there is one."""
    version, mine = sys.version.split()[0], ROOT / ".venv"
    if mine.exists() and Path(sys.prefix).resolve() != mine.resolve() and "google.colab" not in sys.modules:
        remedy = "wrong kernel? start JupyterLab with 'python3 course.py lab'"
        return Finding("Python", False, f"{version}, not the course's own environment", remedy)
    return Finding("Python", True, version)


def packages(requires=None):
    """Every dependency is installed and not older than the course's floor."""
    from packaging.requirements import Requirement

    try:
        requires = importlib.metadata.requires("mmcourse") if requires is None else requires
    except importlib.metadata.PackageNotFoundError:
        return Finding("packages", False, "mmcourse is not installed", "python3 course.py lab")
    bad = []
    for requirement in map(Requirement, requires):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            have = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            bad.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(have, prereleases=True):
            bad.append(f"{requirement.name} {have} is not {requirement.specifier}")
    remedy = "delete .venv and run 'python3 course.py lab' again"
    return Finding("packages", not bad, "; ".join(bad) or f"{len(requires)} requirements met", remedy)


def torch():
    """torch and torchvision import together; a CPU torch beside another index's torchvision does not."""
    try:
        found = [f"{name} {importlib.import_module(name).__version__}" for name in ("torch", "torchvision")]
    except Exception as error:  # a mixed installation fails in many ways: RuntimeError, OSError, ImportError
        remedy = "torch and torchvision come from different builds: delete .venv and run 'python3 course.py lab' again"
        return Finding("torch", False, f"{type(error).__name__}: {error}"[:120], remedy)
    return Finding("torch", True, ", ".join(found))


def gpu():
    """A GPU is welcome, never needed."""
    where = device()
    if where.type == "cuda":
        import torch

        return Finding("GPU", True, torch.cuda.get_device_name(where))
    return Finding("GPU", True, "none found; every lesson runs on the CPU")


def disk():
    """There is room for the data, and the cache can be written."""
    from mmcourse import data

    cache = Path(data.cache_folder())
    folder = next(p for p in (cache, *cache.parents) if p.exists())
    free, place = shutil.disk_usage(folder).free / 1e9, short_path(folder)
    if free < NEEDED_GB:
        return Finding("disk", False, f"{free:.1f} GB free at {place}", "make room, or set MMCOURSE_CACHE elsewhere")
    if not os.access(folder, os.W_OK):
        return Finding("disk", True, f"{place} is read-only; fine when everything is fetched")
    return Finding("disk", True, f"{free:.0f} GB free at {place}")


def data_sets():
    """The data sets that need no action of yours are in the cache, whole and made by this version's recipe."""
    from mmcourse import data

    wanted = {name: entry for name, entry in data.REGISTRY.items() if entry.find is None}
    missing = [f"{name}{_state(entry)}" for name, entry in wanted.items() if not data.ready(name)]
    found = (
        f"not in {short_path(data.cache_folder())}: {', '.join(missing)}" if missing else f"{len(wanted)} sets ready"
    )
    return Finding("data", not missing, found, "python3 course.py data --all")


def _state(entry):
    """Say what is in the cache in place of a set that is not ready."""
    from mmcourse import data

    mine = Path(data.cache_folder()) / entry.folder_name()
    if mine.exists():
        return " (damaged)"
    others = mine.parent.glob(f"{mine.name.rpartition('-')[0]}-{'[0-9a-f]' * 12}")
    return " (made by an older version)" if any(others) else ""


def widgets():
    """ipywidgets and JupyterLab's half of it belong together, and JupyterLab is not older than the course's floor."""
    version, front = importlib.metadata.version, []
    have, packages = version("ipywidgets"), {item.metadata["Name"] for item in importlib.metadata.distributions()}
    if not have.startswith(("7.7", "8.")):
        return Finding("widgets", False, f"ipywidgets {have}", "install 'ipywidgets>=7.7.1,<9' and restart JupyterLab")
    if "google-colab" in packages:  # its front end is its own, whatever else is installed beside it
        return Finding("widgets", True, f"ipywidgets {have}, Colab")
    if "jupyterlab_widgets" in packages:
        front.append(f"jupyterlab_widgets {version('jupyterlab_widgets')}")
        if version("jupyterlab_widgets").split(".")[0] != {"7": "1", "8": "3"}[have[0]]:
            remedy = "they do not fit together, widgets stay blank: pip install -U ipywidgets jupyterlab_widgets"
            return Finding("widgets", False, f"ipywidgets {have}, {front[0]}", remedy)
    if "jupyterlab" in packages:
        front.append(f"JupyterLab {version('jupyterlab')}")
        if int(version("jupyterlab").split(".")[0]) < 4:
            remedy = "an old front end: start JupyterLab with 'python3 course.py lab'"
            return Finding("widgets", False, front[-1], remedy)
    return Finding("widgets", True, ", ".join([f"ipywidgets {have}", *front]))


def sound():
    """The synthesiser makes sound; whether anybody hears it is up to the browser."""
    from mmcourse.data.voice import speak

    try:
        samples, rate = speak("one two three")
    except (ImportError, OSError, RuntimeError, ValueError) as error:  # ValueError: it spoke, and was silent
        remedy = "python -m pip install --force-reinstall espeakng-loader; sounds already in the cache still play"
        return Finding("sound", False, f"{type(error).__name__}: {error}"[:120], remedy)
    heard = "your browser plays it (silence? a muted tab or output)"
    return Finding("sound", True, f"{len(samples) / rate:.1f} s of speech made; {heard}")


CHECKS = (python, packages, torch, gpu, disk, data_sets, widgets, sound)


def doctor():
    """Look at everything and print one line each, with what to do where something is wrong.

    Returns
    -------
    bool
        True when nothing is wrong.
    """
    findings = []
    for look in CHECKS:
        try:
            findings.append(look())
        except Exception as error:  # a check that breaks is a finding too
            findings.append(Finding(look.__name__, False, f"{type(error).__name__}: {error}", "please report this"))
        print(findings[-1], flush=True)
    return all(finding.good for finding in findings)


if __name__ == "__main__":
    sys.exit(0 if doctor() else 1)
