"""Read a lesson source and make the learner's and the solved notebook from it, both in memory."""

import ast
import copy
import hashlib
import html
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jupytext
import nbformat

from tools import colab, flow

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
HEADER = re.compile(r"^# (?:(\d+) )?(.+)\n\n\*\*(.+?\?)\*\* · (\d+) minutes · (needs .+)$", re.M)
PICTURE = re.compile(r"!\[([^\]]*)\]\(flow: ([^)]+)\)")
EXERCISE = re.compile(r"^### Exercise (\d+\.\d+) ([●○]{3}) (\d+) min$", re.M)
FOLDED = re.compile(r"<details>.*?</details>", re.S)
FOR_TOOLS = re.compile(r" +# (?:fmt|noqa)\b.*$", re.M)


class LessonError(ValueError):
    """A lesson source that cannot be turned into notebooks."""


@dataclass(frozen=True)
class Lesson:
    """One lesson: its number ("01"; an extra's first word), file, header fields and cells (as jupytext reads them)."""

    number: str
    path: Path
    title: str
    question: str
    minutes: int
    needs: str
    notebook: nbformat.NotebookNode

    @property
    def learner_path(self):
        return self.path.parent.parent / f"{self.path.stem}.ipynb"

    @property
    def solved_path(self):
        return self.path.parent.parent / "solutions" / f"{self.path.stem}.ipynb"

    @property
    def cells(self):
        return self.notebook.cells


def sources(folder=NOTEBOOKS):
    """List the lesson sources of a notebooks folder, in order."""
    return sorted((folder / "lessons").glob("[0-9][0-9]_*.py"))


def extras(folder=NOTEBOOKS):
    """List the sources of notebooks that are no lessons: built and run alike, without exercises and number."""
    return sorted((folder / "lessons").glob("[a-z]*.py"))


def read(path):
    """Read one lesson source.

    Raises
    ------
    LessonError
        When the first cell does not carry title, question, minutes and needs in the fixed form.
    """
    path = Path(path)
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    found = HEADER.search(notebook.cells[0].source) if notebook.cells else None
    number = path.stem.split("_")[0]
    wanted = str(int(number)) if number.isdigit() else None
    if not found or found[1] != wanted:
        raise LessonError(
            f"{path.name}: the first cell must hold '# {wanted or ''} Title', then "
            "'**The question?** · 60 minutes · needs lesson 0'"
        )
    _, title, question, minutes, needs = found.groups()
    return Lesson(number, path, title, question, int(minutes), needs, notebook)


def find(number):
    """Return the source of a lesson by its number ("01")."""
    match = [path for path in (*sources(), *extras()) if path.stem.split("_")[0] == number]
    if not match:
        raise LessonError(f"there is no lesson {number} in notebooks/lessons")
    return match[0]


def tags(cell):
    """Return the tags of a cell."""
    return cell.metadata.get("tags", [])


def for_instructor(cell):
    """Tell whether a cell is a speaker note: it stays in the source, for the slides."""
    return cell.metadata.get("slideshow", {}).get("slide_type") == "notes"


def open_exercise(source, where):
    """Replace every marked solution by `raise NotImplementedError`."""
    lines, inside, marked = [], False, False
    for line in source.splitlines():
        if line.strip() == BEGIN:
            if inside:
                raise LessonError(f"{where}: {BEGIN} twice without {END}")
            inside = marked = True
            lines.append(line[: len(line) - len(line.lstrip())] + "raise NotImplementedError")
        elif line.strip() == END:
            if not inside:
                raise LessonError(f"{where}: {END} without {BEGIN}")
            inside = False
        elif not inside:
            lines.append(line)
    if inside or not marked:
        raise LessonError(f"{where}: an exercise needs its answer between {BEGIN} and {END}")
    return "\n".join(lines)


def close_exercise(source):
    """Drop the two marker lines and keep the answer."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


@cache
def project():
    """Return (repository address, version) from pyproject.toml, the one place they are written."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"], project["version"]


def colab_address(lesson):
    """Return the address that opens the learner's notebook in Colab."""
    repository, _ = project()
    slug = repository.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{slug}/blob/main/notebooks/{lesson.path.stem}.ipynb"


def _code_in_folds(source):
    """Write `code` as HTML inside <details>, where Markdown is not read."""
    mark = re.compile(r"`([^`\n]+)`")
    return FOLDED.sub(
        lambda fold: mark.sub(lambda m: f"<code>{html.escape(m[1], quote=False)}</code>", fold[0]), source
    )


def _title(lesson, source):
    picture = PICTURE.sub(lambda m: f"![{m[1]}]({flow.data_uri(flow.svg(m[2]))})", source)
    badge = f"[![Open in Colab]({flow.data_uri(flow.badge('Open in Colab'))})]({colab_address(lesson)})"
    head, rest = picture.split("\n", 1)
    note = f"<!-- Generated. Edit notebooks/lessons/{lesson.path.name}, then run: python3 course.py build {lesson.number} -->"
    return f"{note}\n{head}\n\n{badge}\n{rest}"


def _colab_cell():
    repository, version = project()
    source = (
        'import sys\n\nif "google.colab" in sys.modules:\n'
        f'    %pip install -q --no-deps "mmcourse @ git+{repository}@v{version}" {colab.LACKS}'
    )
    return nbformat.v4.new_code_cell(source, metadata={"tags": ["colab"]})


def _id(cell):
    return hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:10]


def _solution_link(lesson, cell):
    """Append to an exercise a link to the same cell of the solved notebook; JupyterLab and nbconvert both follow it."""
    place = f"solutions/{lesson.path.stem}.ipynb#cell-id={_id(cell)}"
    return f"{cell.source}\n\n[One solution, after you tried]({place}) (a second tab of the same name)"


def notebook(lesson, solved):
    """Make the learner's notebook (`solved=False`) or the solved one, without outputs.

    Cell ids are hashes of the cells' text, so the same source always gives the same file.
    """
    cells = [copy.deepcopy(cell) for cell in lesson.cells if not for_instructor(cell)]
    for index, cell in enumerate(cells):
        cell.source = FOR_TOOLS.sub("", cell.source)
        if cell.cell_type == "markdown":
            cell.source = _code_in_folds(cell.source)
        if cell.cell_type == "code" and "exercise" in tags(cell):
            where = f"{lesson.path.name}, cell {index + 1}"
            cell.source = close_exercise(cell.source) if solved else open_exercise(cell.source, where)
        elif cell.cell_type == "markdown" and EXERCISE.search(cell.source) and not solved:
            cell.source = _solution_link(lesson, cell)
        elif cell.cell_type == "code" and "further" in tags(cell):
            cell.metadata["jupyter"] = {"source_hidden": True}
    cells[0].source = _title(lesson, cells[0].source)
    cells.insert(1, _colab_cell())
    if lesson.number.isdigit():
        cells.append(nbformat.v4.new_code_cell(f'mm.progress("{lesson.number}")', metadata={"tags": ["progress"]}))
    seen = {}
    for cell in cells:
        name = _id(cell)
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    made.metadata["language_info"] = {"name": "python"}
    made.nbformat_minor = 5
    return made


def content(written):
    """Return what identifies each cell of a notebook: id, kind, text and tags."""
    return [(c.get("id"), c.cell_type, c.source, c.metadata.get("tags", [])) for c in written.cells]


def outdated(lesson, written, solved=True):
    """Tell whether a generated notebook does not hold the cells of the lesson's present source."""
    return content(written) != content(notebook(lesson, solved))


def parse(source):
    """Parse a cell; lines of shell or magics, which the rules refuse by name, are left out."""
    return ast.parse("\n".join("" if line.lstrip()[:1] in ("!", "%") else line for line in source.splitlines()))


def code(lesson):
    """Return [(cell index, cell, parsed tree)] of the code cells, solutions included."""
    return [(i, c, parse(c.source)) for i, c in enumerate(lesson.cells) if c.cell_type == "code"]


def definitions(number):
    """Run only the imports, constants and function and class definitions of a lesson; return their names.

    Nothing is loaded, trained or drawn, so that a test can compare the lesson's blocks with the package's.
    """
    lesson, names = read(find(number)), {}
    for _, _, tree in code(lesson):
        for node in tree.body:
            constant = isinstance(node, ast.Assign) and not any(
                isinstance(part, ast.Call | ast.Name) and not isinstance(getattr(part, "ctx", None), ast.Store)
                for part in ast.walk(node)
            )
            if constant or isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
                exec(compile(ast.Module([node], []), str(lesson.path), "exec"), names)
    return names


def lift(number, name):
    """Return one definition of a lesson, as the solved lesson writes it."""
    names = definitions(number)
    if name not in names:
        raise LessonError(f"lesson {number} defines no {name!r}")
    return names[name]
