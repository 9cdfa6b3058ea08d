"""What the course costs: the first figure from a cold kernel, each solved notebook, what is installed and cached."""

import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from mmcourse.data import REGISTRY, cache_folder, ready
from tools.lesson import ROOT, find, read, sources

USED = re.compile(r"([\d,]+) CPU seconds.*Peak memory ([\d,]+) MiB")
FIRST = ("00", "01", "07", "13")  # the lessons whose first figure is waited for


def first_figure(number):
    """Return the seconds from starting a kernel to the first figure of a solved notebook, under profile quick."""
    os.environ["MMCOURSE_PROFILE"] = "quick"
    notebook = nbformat.read(read(find(number)).solved_path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    began = time.perf_counter()
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                return time.perf_counter() - began
    raise ValueError(f"lesson {number} draws no figure")


def used(lesson):
    """Return (processor seconds, MiB at most), as the last build of the solved notebook printed them."""
    last = nbformat.read(lesson.solved_path, as_version=4).cells[-1]
    found = USED.search("".join(output.get("text", "") for output in last.outputs))
    return tuple(int(number.replace(",", "")) for number in found.groups())


def size(folder):
    """Megabytes of all files below a folder; links are not followed."""
    return sum(p.lstat().st_size for p in Path(folder).rglob("*") if p.is_file() and not p.is_symlink()) / 1e6


def notebooks():
    """Return a Markdown table of every solved notebook's cost."""
    lines = ["| lesson | processor s, profile quick | peak MiB | kB | s to the first figure |", "|---|---|---|---|---|"]
    for path in sources():
        lesson = read(path)
        seconds, memory = used(lesson)
        first = f"{first_figure(lesson.number):.0f}" if lesson.number in FIRST else ""
        kilobytes = lesson.solved_path.stat().st_size / 1e3
        lines.append(f"| {lesson.number} | {seconds} | {memory:,} | {kilobytes:.0f} | {first} |")
    return "\n".join(lines)


def folders():
    """Return a Markdown table of what lies on the disk."""
    offline = [name for name, entry in REGISTRY.items() if entry.find is None]
    rows = {
        "the environment with everything that is installed in it": size(sys.prefix),
        "of that, PyTorch and CUDA's libraries": sum(
            map(size, Path(sys.prefix).glob("lib/python*/site-packages/nvidia"))
        )
        + sum(map(size, Path(sys.prefix).glob("lib/python*/site-packages/torch"))),
        "the package, weights of its lessons included": size(ROOT / "mmcourse"),
        "the notebooks, learner's and solved": sum(p.stat().st_size for p in ROOT.glob("notebooks/**/*.ipynb")) / 1e6,
        f"the data cache, {sum(map(ready, offline))} of {len(offline)} sets ready": size(cache_folder()),
    }
    return "\n".join(
        ["| what | MB |", "|---|---|", *(f"| {name} | {megabytes:,.0f} |" for name, megabytes in rows.items())]
    )


def section(_device):
    """Both tables."""
    return f"{notebooks()}\n\n{folders()}"
