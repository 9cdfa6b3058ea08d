"""For one exercise of each lesson: a wrong answer as a learner could type it, its message, and the right answer."""

import ast
import importlib.util
import inspect
from dataclasses import dataclass
from pathlib import Path

import nbformat
from room import NOTEBOOKS

WRONG = Path(__file__).parents[1] / "check"


@dataclass(frozen=True)
class Attempt:
    """`index` is the exercise's cell, the check is the next one, the hints stand in the one before."""

    exercise: str
    index: int
    wrong: str
    message: str
    right: str


def attempt(stem, cells):
    """Return the shortest wrong answer to an exercise of a lesson, with the cells of the open notebook."""
    path = WRONG / f"wrong_{stem[:2]}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = path.read_text(encoding="utf-8")
    solved = nbformat.read(NOTEBOOKS / "solutions" / f"{stem}.ipynb", as_version=4).cells
    found = []
    for exercise, answers in module.WRONG.items():
        call = f"check.ex{exercise.replace('.', '_')}("
        index = next(k for k, cell in enumerate(cells) if cell.cell_type == "code" and call in cell.source) - 1
        right = next(solved[k - 1].source for k, c in enumerate(solved) if c.cell_type == "code" and call in c.source)
        name = ast.parse(right).body[0].name
        for answer, message in answers:
            if (inspect.isfunction(answer) or inspect.isclass(answer)) and answer.__name__ in vars(module):
                source = f"{needed(text, answer.__name__)}\n\n\n{name} = {answer.__name__}"
                found.append(Attempt(exercise, index, source, message, right))
    plain = [one for one in found if "tools." not in one.wrong]
    return min(plain, key=lambda one: len(one.wrong))


def needed(text, name):
    """Return the top-level statements of a module that one of its names rests on, itself included."""
    statements = [(node, set(defined(node))) for node in ast.parse(text).body]
    wanted, size = {name}, 0
    while len(wanted) > size:
        size = len(wanted)
        for node, names in statements:
            if names & wanted:
                wanted |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return "\n".join(ast.get_source_segment(text, node) for node, names in statements if names & wanted)


def defined(node):
    """List the names that a top-level statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
