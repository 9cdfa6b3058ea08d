"""The map of the site: which lesson teaches a technique, and which lessons use a public name of the package."""

import ast

from tools import lesson as lessons
from tools.lesson import ROOT

PACKAGE = ROOT / "mmcourse"
ROOMS = (
    "ensembles",
    "representation",
    "fusion",
    "alignment",
    "translation",
    "colearning",
    "metrics",
    "training",
    "data",
    "plotting",
    "widgets",
    "session",
)


def _trees(room):
    """Return the parsed files of a room, the one that names its public parts first, and those that it hands on."""
    folder = PACKAGE / room
    paths = sorted(folder.glob("*.py")) if folder.is_dir() else [PACKAGE / f"{room}.py"]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    for node in trees[0].body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmcourse."):
            path = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
            trees += [ast.parse(path.read_text(encoding="utf-8"))] if path.is_file() else []
    return trees


def names(room):
    """Return {public name: first sentence of its docstring} of a room, read without importing it."""
    trees = _trees(room)
    public, texts = set(), {}
    for node in trees[0].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("__all__", "_HOMES"):
            public |= {part.value for part in _listed(node.value) if isinstance(part, ast.Constant)}
    for tree in trees:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                texts.setdefault(node.name, " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split()))
    public = public or {name for name in texts if not name.startswith("_")}
    return {name: texts[name] for name in sorted(public, key=str.lower) if name in texts}


def _listed(value):
    """Return the elements of a written list or the keys of a written dict."""
    return getattr(value, "elts", None) or getattr(value, "keys", None) or []


def used(lesson):
    """Return the public names of the package that a lesson's code uses: imported, or as an attribute of a module."""
    found, modules = set(), {"mm"}
    for _, _, tree in lessons.code(lesson):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mmcourse"):
                found |= {alias.name for alias in node.names}
                modules |= {alias.asname or alias.name for alias in node.names}
    for _, _, tree in lessons.code(lesson):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[0] in modules:
                found.add(node.attr)
    return found


def page(terms, found, parts):
    """Return the map as Markdown."""
    text = [
        "# Map of techniques",
        "Where is it taught, and where is it used? The first tables list the techniques and notions that each lesson "
        "explains, part by part, as the [glossary](glossary.md) has them; the others list what the companion package "
        "offers, room by room, with the lessons whose code calls it.",
    ]
    for title, those in parts:
        text.append(f"## {title}\n\n| lesson | explains |\n|---|---|")
        for lesson in those:
            own = ", ".join(f"{{term}}`{term.name}`" for term in terms if term.lesson == lesson.number)
            text[-1] += f"\n| [{int(lesson.number)} {lesson.title}](lessons/{lesson.path.stem}.ipynb) | {own} |"
    calls = {lesson.number: used(lesson) for lesson in found}
    for room in ROOMS:
        text.append(f"## `mmcourse.{room}`\n\n| name | what it is | lessons |\n|---|---|---|")
        for name, line in names(room).items():
            where = [f"[{int(x.number)}](lessons/{x.path.stem}.ipynb)" for x in found if name in calls[x.number]]
            line = line.replace("``", "`").replace("|", "\\|").replace("->", "→")
            text[-1] += f"\n| `{name}` | {line} | {', '.join(where) or '–'} |"
    return "\n\n".join(text) + "\n"
