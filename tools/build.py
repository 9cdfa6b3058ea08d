"""Build and check everything generated: `python3 course.py build [--check] [NN ...]`."""

import argparse
import ast
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import nbformat
from nbclient.exceptions import CellExecutionError

from tools import lesson as lessons
from tools import style
from tools.lesson import NOTEBOOKS, ROOT

WIDGET = "application/vnd.jupyter.widget-view+json"
TABLE = re.compile(r"(<!-- lessons:begin -->\n).*?(<!-- lessons:end -->)", re.S)


@cache
def _module_path(name):
    """Return the file of a mmcourse module, or None."""
    base = ROOT.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.exists()), None)


def _imports(tree, package):
    """List the mmcourse modules that a parsed file names, `mm.something` and lazy homes included."""
    import mmcourse

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("mmcourse"))
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module or "")))
            if module.startswith("mmcourse"):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mm":
            yield f"mmcourse.{mmcourse._HOMES.get(node.attr, node.attr)}"


def modules(lesson):
    """Return {module file: sha256} of every module of the package that a lesson runs, found by reading imports."""
    check = f"mmcourse.check.lesson_{lesson.number}"
    waiting = ["mmcourse", "mmcourse._lazy", check, "mmcourse.check.engine"]
    for _, _, tree in lessons.code(lesson):
        waiting += _imports(tree, "")
    found = {}
    while waiting:
        name = waiting.pop()
        path = _module_path(name)
        if path is None or path in found:
            continue
        found[path] = _digest(path)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        if name != "mmcourse":  # its lazy table names everything
            tree = ast.parse(path.read_text(encoding="utf-8"))
            waiting += [package, *_imports(tree, package)]
            if path.name == "__init__.py":  # a lazy table of its own
                strings = (part.value for part in ast.walk(tree) if isinstance(part, ast.Constant))
                waiting += [f"{name}.{text}" for text in strings if str(text).isidentifier()]
    return {path.relative_to(ROOT).as_posix(): found[path] for path in sorted(found)}


def data_sets(lesson):
    """List the registry names that stand as strings in a lesson's code: at least those that it loads."""
    from mmcourse import data

    parts = (part for _, _, tree in lessons.code(lesson) for part in ast.walk(tree))
    return sorted({part.value for part in parts if isinstance(part, ast.Constant)} & set(data.REGISTRY))


def stamp(lesson):
    """Return what a solved notebook depends on, as hashes."""
    from mmcourse import checkpoints, data
    from mmcourse.data.entry import facts_file

    weights = checkpoints.FOLDER / f"lesson_{lesson.number}.safetensors"
    entries = {name: [data.REGISTRY[name].key(), _digest(facts_file(name))] for name in data_sets(lesson)}
    return {
        "source": _digest(lesson.path),
        "modules": modules(lesson),
        "data": entries,
        **({"weights": _digest(weights)} if weights.exists() else {}),
    }


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _outputs(notebook):
    outputs = [c.get("outputs", []) for c in notebook.cells if c.cell_type == "code"]
    return hashlib.sha256(json.dumps(outputs, sort_keys=True).encode()).hexdigest()


def stale(lesson):
    """Say what is stale or edited among the generated notebooks of a lesson."""
    faults, again = [], f"run: python3 course.py build {lesson.number}"
    for path, solved in ((lesson.learner_path, False), (lesson.solved_path, True)):
        shown = path.relative_to(path.parents[2] if solved else path.parents[1]).as_posix()
        if not path.exists():
            faults.append(f"{shown} is missing; {again}")
            continue
        written = nbformat.read(path, as_version=4)
        if lessons.outdated(lesson, written, solved):
            faults.append(f"{shown} does not come from its source (edited or stale); {again}")
        elif not solved and any(c.get("outputs") for c in written.cells):
            faults.append(f"{shown} holds outputs; {again}")
        elif solved:
            mark = written.metadata.get("mmcourse", {})
            now = stamp(lesson)
            changed = [key for key in now if mark.get(key) != now[key]]
            if changed:
                files = [f for f, h in now["modules"].items() if mark.get("modules", {}).get(f) != h]
                faults.append(f"{shown} was made with another {', '.join(changed)} {' '.join(files)}; {again}")
            if mark.get("outputs") != _outputs(written):
                faults.append(f"{shown}: its outputs were edited; {again}")
    return faults


def _write(path, text):
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.chmod(name, 0o644)
    os.replace(name, path)


def _keep_work(lesson):
    """Copy a learner's notebook that somebody worked in to notebooks/my before it is made anew."""
    path = lesson.learner_path
    if not path.exists():
        return
    written = nbformat.read(path, as_version=4)
    if written.metadata.get("mmcourse", {}).get("cells") == _fingerprint(written):
        return
    copy = path.parent / "my" / f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}.ipynb"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(path.read_bytes())
    print(f"  {path.name} had been worked in; a copy is kept in notebooks/my/{copy.name}")


def _fingerprint(notebook):
    text = json.dumps([lessons.content(notebook), [c.get("outputs", []) for c in notebook.cells]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def execute(notebook, folder):
    """Run a notebook strictly under `quick`; note the CPU seconds of every slow cell and of the whole."""
    import psutil
    from nbclient import NotebookClient

    client = NotebookClient(notebook, timeout=1200, kernel_name="python3", store_widget_state=False)
    client.extra_arguments = ["--IPKernelApp.log_level=ERROR"]
    client.resources = {"metadata": {"path": str(folder)}}
    settings = {"MMCOURSE_STRICT": "1", "MMCOURSE_PROFILE": "quick", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, **settings, "MMCOURSE_PROGRESS": str(Path(scratch) / "progress.json")}
        with client.setup_kernel(env=environment):
            kernel = psutil.Process(client.km.provisioner.pid)
            for index, cell in enumerate(notebook.cells):
                before = sum(kernel.cpu_times()[:2])
                client.execute_cell(cell, index)
                spent = sum(kernel.cpu_times()[:2]) - before
                cell.metadata.pop("execution", None)
                _keep_still_pictures(cell)
                if spent > 5:
                    cell.metadata["mmcourse"] = {"cpu_seconds": round(spent, 1)}
            return round(sum(kernel.cpu_times()[:2]), 1)


def _keep_still_pictures(cell):
    """Drop live widgets from a saved page that holds a still picture beside them: without a kernel they only fail."""
    for output in cell.get("outputs", []):
        if len(set(output.get("data", {})) - {WIDGET, "text/plain"}) > 0:
            output["data"].pop(WIDGET, None)


def build(lesson, force=False):
    """Make the notebooks of one lesson; execute only what changed. Returns the faults found."""
    faults = style.source_faults(lesson)
    if faults:
        return faults
    learner = lessons.notebook(lesson, solved=False)
    learner.metadata["mmcourse"] = {"cells": _fingerprint(learner)}
    _keep_work(lesson)
    _write(lesson.learner_path, nbformat.writes(learner))
    if not force and not stale(lesson):
        print(f"lesson {lesson.number}: fresh")
        return style.solved_faults(lesson.solved_path.name, *_read_solved(lesson))
    print(f"lesson {lesson.number}: executing …", flush=True)
    solved, began = lessons.notebook(lesson, solved=True), time.perf_counter()
    mark = stamp(lesson)
    try:
        cpu = execute(solved, NOTEBOOKS)
    except CellExecutionError as error:
        return [f"{lesson.solved_path.name}: {error.ename}: {error.evalue}\n{error}"]
    solved.metadata["mmcourse"] = {**mark, "outputs": _outputs(solved), "profile": "quick", "cpu_seconds": cpu}
    solved.metadata.pop("widgets", None)
    _write(lesson.solved_path, nbformat.writes(solved))
    print(f"lesson {lesson.number}: {cpu:.0f} CPU seconds, imports included, in {time.perf_counter() - began:.0f} s")
    return style.solved_faults(lesson.solved_path.name, *_read_solved(lesson))


def _read_solved(lesson):
    return nbformat.read(lesson.solved_path, as_version=4), lesson.solved_path.stat().st_size


def table(found):
    """Return README's table of lessons."""
    rows = ["| | lesson | the question | minutes | |", "|---|---|---|---|---|"]
    for lesson in found:
        name = lesson.path.stem
        links = f"[solved](notebooks/solutions/{name}.ipynb) · [Colab]({lessons.colab_address(lesson)})"
        rows.append(
            f"| {lesson.number} | [{lesson.title}](notebooks/{name}.ipynb) | {lesson.question} | {lesson.minutes} | {links} |"
        )
    return "\n".join(rows) + "\n"


def readme(found):
    """Return README with a fresh table."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if not TABLE.search(text):
        raise lessons.LessonError("README.md lost its <!-- lessons:begin --> and <!-- lessons:end --> lines")
    return TABLE.sub(lambda m: m[1] + table(found) + m[2], text)


def orphans(found):
    """List generated notebooks that have no source."""
    known = {lesson.path.stem for lesson in found}
    made = [*NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"), *(NOTEBOOKS / "solutions").glob("*.ipynb")]
    return [f"{path.relative_to(ROOT).as_posix()} has no source; delete it" for path in made if path.stem not in known]


def main(arguments=None):
    """Build, or check by hashes; the exit status is 1 when a fault was found."""
    parser = argparse.ArgumentParser(prog="course.py build", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lesson numbers; none means all")
    parser.add_argument("--check", action="store_true", help="only say what is stale (seconds, runs nothing)")
    parser.add_argument("--force", action="store_true", help="execute even what is fresh")
    options = parser.parse_args(arguments)
    try:
        found = [lessons.read(path) for path in lessons.sources()]
        everything = [*found, *map(lessons.read, lessons.extras())]
        wanted = [x for x in everything if not options.lessons or x.number in options.lessons]
        if options.check:
            faults = [f for x in wanted for f in (*style.source_faults(x), *stale(x))] + orphans(everything)
            if readme(found) != (ROOT / "README.md").read_text(encoding="utf-8"):
                faults.append("README.md: its table of lessons is stale; run: python3 course.py build")
        else:
            faults = [f for x in wanted for f in build(x, options.force)] + orphans(everything)
            _write(ROOT / "README.md", readme(found))
    except lessons.LessonError as error:
        faults = [str(error)]
    print("\n".join(faults) if faults else "everything generated is fresh")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
