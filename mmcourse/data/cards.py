"""One Markdown card a data set, written from the registry into ``data/``."""

import inspect
from pathlib import Path

from mmcourse.data.errors import DataError
from mmcourse.data.registry import REGISTRY

NOTE = "<!-- Written by: python -m mmcourse.data --cards. Edit mmcourse/data/sets instead. -->"


def card(entry):
    """Return the card of one data set as Markdown."""
    facts = {
        "Task": entry.task,
        "Modalities": ", ".join(f"`{key}`" for key in entry.modalities),
        "Size": entry.size,
        "Real or synthetic": _origin(entry),
        "Source": entry.source,
        "Licence": entry.licence,
        "Show with it": entry.attribution,
        "Stands in for": entry.stands_in_for,
        "Fetched by": "" if entry.build is None else f"`python3 course.py data {entry.name}`",
    }
    rows = [f"| {fact} | {text} |" for fact, text in facts.items() if text]
    lines = [NOTE, "", f"# {entry.title}", "", "| `" + entry.name + "` | |", "| --- | --- |", *rows, ""]
    lines += ["## What it cannot show", "", *(f"- {caveat}" for caveat in entry.caveats), ""]
    lines += ["## How it is read", "", "```python", f"splits = mm.load({_call(entry, entry.load)})"]
    if entry.table:
        lines += [f"frame = mm.data.table({_call(entry, entry.table)})"]
    lines += ["```", "", "`mm.load`: " + _text(entry.load), ""]
    if entry.table:
        lines += ["`mm.data.table`: " + _text(entry.table), ""]
    return "\n".join(lines)


def index():
    """Return the page that lists all cards."""
    lines = [
        NOTE,
        "",
        "# Data sets",
        "",
        "| name | what | real or synthetic | download and size |",
        "| --- | --- | --- | --- |",
    ]
    for entry in REGISTRY.values():
        real = _origin(entry).partition(":")[0]
        lines.append(f"| [{entry.name}]({entry.name}.md) | {entry.title} | {real} | {entry.size} |")
    return "\n".join([*lines, ""])


def cards():
    """Return every page by file name."""
    return {"README.md": index(), **{f"{name}.md": card(entry) for name, entry in REGISTRY.items()}}


def card_folder():
    """Return ``data/`` of the repository.

    Raises
    ------
    DataError
        The package was not installed from a clone.
    """
    root = Path(__file__).parents[2]
    if not (root / "pyproject.toml").is_file():
        raise DataError("Cards are written in a clone of the course, and this package is not installed from one.")
    return root / "data"


def write_cards():
    """Write all cards, and remove those of data sets that are gone.

    Returns
    -------
    pathlib.Path
        The folder.
    """
    folder, pages = card_folder(), cards()
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return folder


def _origin(entry):
    if entry.pairing:
        return f"real halves, synthetic pairing: {entry.pairing}"
    if entry.synthetic:
        return f"real, synthetic in part: {entry.synthetic}"
    return "real" if entry.real else "synthetic: generated, not measured"


def _call(entry, function):
    """Return the arguments of a call that spells out every option with its default."""
    options = list(inspect.signature(function).parameters.values())[1:]
    given = [f"{option.name}={'...' if option.default is None else repr(option.default)}" for option in options]
    return ", ".join([f'"{entry.name}"', *given]).replace("'", '"')


def _text(function):
    """Return what a docstring says before its first section, on one line a paragraph."""
    text = inspect.getdoc(function).split("\nParameters\n")[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
