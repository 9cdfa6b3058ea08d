"""Tables of the races in Markdown, and their place between two marks of RESULTS.md."""

import os
import platform
import re
import tomllib
from importlib import metadata
from pathlib import Path

from benchmarks.race import THREADS, best_of, verdict

RESULTS = Path(__file__).parent / "RESULTS.md"
OURS = ("torch", "numpy", "numba", "scipy")
HEAD = "| block | beside | ours, ms | peer, ms | ratio [quartiles] | target | verdict | memory, MB | parameters |"


def number(value):
    """Three digits, or a dash for nothing."""
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def pair(values):
    """Ours / the peer's; empty when there is neither."""
    return "" if values == (None, None) else " / ".join(map(number, values))


def line(row, best):
    """One row of the table; the peer that counts has the target and the verdict."""
    name = f"`{row.case.name}`, {row.case.shape}"
    if not row.ratios:
        return f"| {name} | {row.peer} | {row.note} | | | | | | |"
    low, high = row.spread
    judged = f"{row.case.target:g} | {verdict(row)}" if row is best else "|"
    return (
        f"| {name} | {row.peer} | {number(row.times[0])} | {number(row.times[1])} "
        f"| {row.ratio:.2f} [{low:.2f}, {high:.2f}] | {judged} | {pair(row.memory)} | {pair(row.parameters)} |"
    )


def table(races):
    """The table of several races, a list of rows each, and the remarks below it."""
    lines = [HEAD, "|---|---|--:|--:|--:|--:|---|--:|--:|"]
    for rows in races:
        best = best_of(rows)
        lines += [line(row, best) for row in rows]
    remarks = [f"- `{rows[0].case.name}`: {rows[0].case.remark}" for rows in races if rows[0].case.remark]
    return "\n".join([*lines, "", *remarks]).rstrip()


def machine(device="cpu"):
    """The class of the machine, without its name: processor kind, cores, threads, card."""
    if device == "cuda":
        import torch

        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{os.cpu_count()} {platform.machine()} cores, {THREADS} threads, Python {platform.python_version()}"


def peers():
    """Names in the course's `bench` extra."""
    project = tomllib.loads((RESULTS.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [re.match(r"[\w.-]+", text)[0] for text in project["optional-dependencies"]["bench"]]


def versions():
    """Versions of what was measured, as one line."""
    found = []
    for name in (*OURS, "transformers", "librosa", *peers()):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def write(section, text, path=RESULTS):
    """Put a text between the marks `<!-- begin SECTION -->` and `<!-- end SECTION -->` of a file."""
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    if not found or end not in rest:
        raise ValueError(f"{path.name} has no marks '{begin}' and '{end}'")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")
