"""Build the course as a book of web pages, offline: `python3 course.py site [--check]` writes build/site/html.

Lessons come from the solved notebooks, whose outputs are used as they are: nothing is run.
"""

import argparse
import base64
import re
import shutil
import subprocess
import sys
import time
import tomllib

import nbformat

from tools import build, glossary, site_check, site_map
from tools import lesson as lessons
from tools.lesson import ROOT, tags

SITE = ROOT / "site"
OUT = ROOT / "build" / "site"
DETAILS = re.compile(r"\n?<details><summary>(.*?)</summary>\s*(.*?)\s*</details>", re.S)
DRAWN = re.compile(r"\(data:image/svg\+xml;base64,([^)]+)\)")
BADGE = re.compile(r"<!-- Generated.*?-->\n|\[!\[Open in Colab\][^\n]*\n", re.S)
ALONE = ("image/png", "text/html", "text/plain")  # the first that an output has is shown


def parts(found):
    """Return [(title, its lessons)] of the parts that have lessons.

    Raises
    ------
    LessonError
        A lesson stands in no part.
    """
    numbers = {lesson.number: lesson for lesson in found}
    table = tomllib.loads((SITE / "parts.toml").read_text(encoding="utf-8"))["part"]
    lost = numbers.keys() - {number for part in table for number in part["lessons"]}
    if lost:
        raise lessons.LessonError(f"site/parts.toml puts lesson {', '.join(sorted(lost))} into no part")
    made = [(part["title"], [numbers[n] for n in part["lessons"] if n in numbers]) for part in table]
    return [(title, those) for title, those in made if those]


def unfold(markdown):
    """Put blank lines around the parts of folded text, so that the Markdown and formulas in it are read.

    >>> unfold("<details><summary>A</summary>$x$</details>").split("\\n\\n")[4]
    '$x$'
    """
    folded = "\n\n<details><summary>\n\n{}\n\n</summary>\n\n{}\n\n</details>\n\n"
    return DETAILS.sub(lambda m: folded.format(m[1], m[2]), markdown)


def _text(cell):
    """Return a Markdown cell as the site shows it."""
    text = unfold(cell.source)
    if "alt" in tags(cell):
        return f"{{.figure-text}}\n{text}"
    if "predict" in tags(cell):
        text = text.replace("**Predict first.**", "", 1).strip()
        return f"::::{{admonition}} Predict first\n:class: tip\n{text}\n::::"
    return text


def _code(cell, following):
    """Keep one still form of every output; fold answers and code that only draws; tell what a picture shows."""
    cell.metadata = {"tags": ["hide-input"] if {"exercise", "further"} & set(tags(cell)) else [], "mystnb": {}}
    for output in cell.outputs:
        data = output.get("data")
        if data:
            kind = next((kind for kind in ALONE if kind in data), None)
            output["data"] = {kind: data[kind]} if kind else {}
            output["metadata"] = {}
    if "alt" in tags(following):
        cell.metadata["mystnb"]["image"] = {"alt": " ".join(following.source.strip("* \n").split())}


def notebook(lesson, solved, linker):
    """Make the site's notebook of a lesson from its solved one."""
    cells = [cell for cell in solved.cells if not {"colab", "progress"} & set(tags(cell))]
    told = [cell for cell in cells if glossary.prose(cell)]
    for cell, text in zip(told, linker.link([cell.source for cell in told], lesson.number)[0], strict=True):
        cell.source = text
    for cell, following in zip(cells, [*cells[1:], nbformat.v4.new_markdown_cell()], strict=True):
        if cell.cell_type == "markdown":
            cell.source = _text(cell)
            continue
        kinds = tags(cell)
        _code(cell, following)
        if "setup" in kinds:
            cell.outputs = []  # of the machine that built it
        if "exercise" in kinds:
            words = {"code_prompt_show": "Show one solution", "code_prompt_hide": "Hide the solution"}
            cell.metadata["mystnb"] |= words
    cells[0].source = _head(lesson, BADGE.sub("", cells[0].source))
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return made


def _head(lesson, text):
    """Say under the title where the lesson can be worked on: this page is for reading."""
    line = f"Work on it: `notebooks/{lesson.path.stem}.ipynb` in JupyterLab, or [in Colab]({lessons.colab_address(lesson)})"
    return re.sub(r"^(\*\*.*? · needs .*)$", rf"\1\n\n{{.work-on-it}}\n{line}", text, count=1, flags=re.M)


def _toctree(title, names):
    """Return a group of the sidebar."""
    return "```{toctree}\n:hidden:\n:caption: " + title + "\n\n" + "\n".join(names) + "\n```\n"


def _start(found):
    """Return the start page: the written part, the table of lessons, the groups of the sidebar."""
    rows, trees = [], []
    for title, those in parts(found):
        rows.append(f"| | **{title}** | | |")
        for lesson in those:
            link = f"[{lesson.title}](lessons/{lesson.path.stem}.ipynb)"
            rows.append(f"| {int(lesson.number)} | {link} | {lesson.question} | {lesson.minutes} |")
        trees.append(_toctree(title, [f"lessons/{lesson.path.stem}" for lesson in those]))
    trees.append(_toctree("Your turn", ["lessons/own_data"]))
    trees.append(_toctree("Finding things", ["glossary", "map", "data/index"]))
    table = "\n".join(["| | lesson | the question | minutes |", "|---|---|---|---|", *rows])
    text = (SITE / "index.md").read_text(encoding="utf-8")
    return text.replace("@LESSONS@", table) + "\n" + "\n".join(trees)


def _cards(found):
    """Return {path: text} of the data cards, each with the lessons that load its set."""
    users = {}
    for lesson in found:
        for name in build.data_sets(lesson):
            users.setdefault(name, []).append(f"[{int(lesson.number)}](../lessons/{lesson.path.stem}.ipynb)")
    pages = {}
    for path in sorted((ROOT / "data").glob("*.md")):
        if path.stem == "README":
            names = re.findall(r"\]\((\w+)\.md\)", path.read_text(encoding="utf-8"))
            pages["data/index.md"] = path.read_text(encoding="utf-8") + _toctree("Cards", names)
            continue
        text = path.read_text(encoding="utf-8").rstrip()
        named = (
            f"Loaded in lessons {', '.join(users[path.stem])}." if path.stem in users else "No lesson loads it by name."
        )
        pages[f"data/{path.name}"] = f"{text}\n\n## Lessons\n\n{named}\n"
    return pages


def _write_lesson(lesson, linker, folder):
    """Write a lesson's notebook, and beside it its drawings, which Sphinx does not take from an address."""
    made = notebook(lesson, nbformat.read(lesson.solved_path, as_version=4), linker)
    drawings = []

    def keep(match):
        drawings.append(base64.b64decode(match[1]))
        return f"({lesson.path.stem}-{len(drawings)}.svg)"

    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = DRAWN.sub(keep, cell.source)
    for number, drawing in enumerate(drawings, 1):
        (folder / f"{lesson.path.stem}-{number}.svg").write_bytes(drawing)
    (folder / f"{lesson.path.stem}.ipynb").write_text(nbformat.writes(made), encoding="utf-8")


def prepare(found, folder):
    """Write the book's sources: pages, the notebooks of the lessons found, which all have been solved, and own_data."""
    shutil.rmtree(folder, ignore_errors=True)
    terms = glossary.read()
    linker = glossary.Linker([term for term in terms if term.lesson in {lesson.number for lesson in found}])
    pages = {
        "index.md": _start(found),
        "glossary.md": glossary.page(terms, found),
        "map.md": site_map.page(terms, found, parts(found)),
    }
    for name, text in {**pages, **_cards(found)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "lessons").mkdir()
    for lesson in [*found, lessons.read(lessons.find("own"))]:
        _write_lesson(lesson, linker, folder / "lessons")


def sphinx(source, html):
    """Run Sphinx, warnings being errors; returns its status."""
    trees = html.parent / "trees"
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "-j", "2"]
    return subprocess.run([*command, "-c", SITE, "-d", trees, source, html], cwd=ROOT).returncode


def main(arguments=None):
    """Build the book and check its links; the exit status is 1 when a fault was found."""
    parser = argparse.ArgumentParser(prog="course.py site", description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="only these lessons, to look at; none means all")
    parser.add_argument("--check", action="store_true", help="only check the pages that are there")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    if not options.check:
        found = [lessons.read(path) for path in lessons.sources()]
        waiting = [lesson.number for lesson in found if not lesson.solved_path.exists()]
        if waiting:
            print(f"left out, for it has no solved notebook yet: {', '.join(waiting)}")
        found = [x for x in found if x.number not in waiting and (not options.lessons or x.number in options.lessons)]
        if old := [x.number for x in found if lessons.outdated(x, nbformat.read(x.solved_path, as_version=4))]:
            print(f"shown as last built, which is not their present source: {', '.join(old)}; see course.py build")
        prepare(found, OUT / "source")
        shutil.rmtree(OUT / "html", ignore_errors=True)
        if sphinx(OUT / "source", OUT / "html"):
            return 1
    faults = site_check.faults(OUT / "html")
    print("\n".join(faults) if faults else "every link leads somewhere, and no page asks another host for anything")
    pages = len(list((OUT / "html").rglob("*.html")))
    print(f"{pages} pages in {time.perf_counter() - began:.0f} s; open {OUT / 'html' / 'index.html'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
