"""Run every notebook through nbval, and refuse a run that checked nothing: `python -m tools.notebooks smoke|quick`."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import nbformat

from tools.lesson import NOTEBOOKS, ROOT, extras, sources


def wanted(profile):
    """List the notebooks of a run: the learner's and the solved ones under smoke, the solved ones under quick."""
    names = [f"{path.stem}.ipynb" for path in (*sources(), *extras())]
    solved = [NOTEBOOKS / "solutions" / name for name in names]
    return solved if profile == "quick" else [*(NOTEBOOKS / name for name in names), *solved]


def shortfalls(report, notebooks):
    """Compare nbval's report with the notebooks: every code cell of each must have run and passed.

    Parameters
    ----------
    report : Path
        A junit file.
    notebooks : list of Path
        The notebooks that should be in it.
    """
    counts = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.get("classname", "").removesuffix(".ipynb").replace(".", "/")
        good = not any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
        counts[name] = counts.get(name, 0) + good
    for path in notebooks:
        cells = nbformat.read(path, as_version=4).cells
        expected = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in cells)
        name = path.relative_to(ROOT).with_suffix("").as_posix()
        if counts.get(name, 0) != expected or not expected:
            yield f"{name}: {counts.get(name, 0)} of {expected} code cells ran and passed"


def main(profile):
    """Run the notebooks two at a time, one thread each; return the exit status."""
    notebooks = wanted(profile)
    if not notebooks:
        print("there are no notebooks to run")
        return 1
    report = ROOT / "build" / "test" / f"nbval-{profile}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    settings = {"MMCOURSE_PROFILE": profile, "MMCOURSE_STRICT": "1" if profile == "quick" else "0"}
    settings |= {"OMP_NUM_THREADS": "1", "MMCOURSE_PROGRESS": str(report.with_name("progress.json"))}
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--nbval-lax", "--nbval-current-env"]
    command += ["--nbval-cell-timeout=300", "-o", "addopts=", "-q", "--durations=5", f"--junitxml={report}"]
    status = subprocess.run([*command, *map(str, notebooks)], cwd=ROOT, env={**os.environ, **settings}).returncode
    if not report.exists():
        return status or 1
    short = list(shortfalls(report, notebooks))
    print("\n".join(short) if short else f"{len(notebooks)} notebooks ran in full under {profile}")
    return 1 if status or short else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
