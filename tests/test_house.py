"""The rules of the house: small modules, short functions, imports that point one way, nothing that others made."""

import ast
import io
import subprocess
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = sorted((ROOT / "mmcourse").rglob("*.py"))
SYLLABUS = ("ensembles", "representation", "fusion", "alignment", "translation", "colearning")


def part(path):
    """Return the room of the house that a module stands in."""
    return path.relative_to(ROOT / "mmcourse").parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    "path",
    [*PACKAGE, *sorted((ROOT / "tools").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py")), ROOT / "course.py"],
    ids=str,
)
def test_modules_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            assert node.end_lineno - first.lineno < 40, f"{node.name} is too long"


def code_lines(path):
    """Count the lines that hold code: no blank lines, no comments, no docstrings."""
    text = path.read_text(encoding="utf-8")
    held = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.string.strip() and token.type != tokenize.COMMENT:
            held.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            held.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(held)


def test_package_is_small_enough_to_be_read():
    read = [path for path in PACKAGE if not path.stem.startswith("lesson_")]  # the checks belong to the lessons
    data = [path for path in read if part(path) == "data"]  # one recipe or official format a file, each read alone
    assert sum(map(code_lines, set(read) - set(data))) < 5000
    assert sum(map(code_lines, data)) < 3000


@pytest.mark.parametrize("path", PACKAGE, ids=str)
def test_imports_point_one_way(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    lesson_check = part(path) == "check" and path.stem.startswith("lesson_")
    open_to = SYLLABUS[: SYLLABUS.index(part(path))] if part(path) in SYLLABUS else SYLLABUS if lesson_check else ()
    for room in [name.split(".")[1:] for name in names if name.startswith("mmcourse.")]:
        earlier = room[0] in open_to and (lesson_check or len(room) == 1)  # by its public names, not its modules
        assert room[0] not in SYLLABUS or room[0] == part(path) or earlier, f"{part(path)} must not import {room}"


def test_no_data_and_no_notebook_pictures_are_committed():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("not a git checkout")
    ours = "mmcourse/checkpoints/"  # trained by lessons of ours
    kinds = {Path(name).suffix for name in files.stdout.splitlines() if not name.startswith(ours)}
    assert kinds <= {"", ".py", ".md", ".toml", ".yml", ".ipynb", ".txt", ".yaml", ".html", ".css"}
