"""Slides of a lesson, one file that needs no network: `python3 course.py slides NN [--out FOLDER] [--no-notes]`.

A slide is made of the title, of each section's opener, of each prediction, exercise, figure, claim, formula and quiz
question, and of the closing sections. All other prose becomes speaker notes. Results come from the solved notebook.
"""

import argparse
import itertools
import re
import sys
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import nbformat
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from tools import flow
from tools import lesson as lessons
from tools.formula import mathml
from tools.lesson import EXERCISE, PICTURE, ROOT, LessonError, tags

TEMPLATE = Path(__file__).with_name("slides.html")
OUT = ROOT / "build" / "slides"
CLOSING = re.compile(r"^## (The answer|What can go wrong|What articles say, what is true|Three key points)$", re.M)
END = re.compile(r"^## (Going further|References)$", re.M)
DETAILS = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.S)
TABLE_ROWS = 3  # printed lines that make a result worth a slide
CAPTION_WORDS = 45  # a text before a printed result that stands above it on the slide


@dataclass
class Slide:
    """One slide: its kind (a CSS class), the section it belongs to, its HTML and the HTML of its notes."""

    kind: str
    section: str
    body: str
    notes: list[str] = field(default_factory=list)


class _Renderer(IPythonRenderer):
    """Markdown to HTML with formulas as MathML, which browsers draw by themselves."""

    def inline_math(self, body):
        return mathml(body, "inline")

    def block_math(self, body):
        return mathml(body, "block")


def html(markdown):
    """Turn Markdown into HTML.

    >>> html("Let $x$ be **one**.").count("<math")
    1
    """
    markdown = PICTURE.sub(lambda m: f"![{m[1]}]({flow.data_uri(flow.svg(m[2]))})", markdown)
    return MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True)).render(markdown)


def outputs(lesson):
    """Return [(source cell, its outputs)] of a lesson, speaker notes included.

    Raises
    ------
    LessonError
        The solved notebook is missing or does not come from the present source.
    """
    try:
        solved = nbformat.read(lesson.solved_path, as_version=4)
    except (OSError, ValueError):
        solved = None
    if solved is None or lessons.outdated(lesson, solved):
        raise LessonError(
            f"the solved notebook {lesson.number} is stale; first run: python3 course.py build {lesson.number}"
        )
    run = iter([cell for cell in solved.cells if "colab" not in tags(cell)])
    return [(cell, [] if lessons.for_instructor(cell) else next(run).get("outputs", [])) for cell in lesson.cells]


def slides(lesson):
    """Return the slides of a lesson, in order."""
    deck, section, waiting, caption = [], "", False, ""
    pairs = outputs(lesson)
    for (cell, results), (following, _) in itertools.pairwise(pairs):
        if cell.cell_type == "code":
            if _silent(cell):
                continue
            alt = following.source.strip("*") if "alt" in tags(following) else ""
            shown = _results(section, results, alt, waiting)
            if shown and shown[0].kind == "result":
                shown[0].body = html(DETAILS.sub("", caption)) + shown[0].body
            elif not shown:
                deck[-1].notes += [f"<pre>{escape(text)}</pre>" for text in _texts(results)]
            waiting, caption = waiting and not shown, ""
            deck += shown
            continue
        if END.search(cell.source):
            break
        heading = re.search(r"^##? (.+)$", cell.source, re.M)
        section = heading[1] if heading else section
        told = _told(cell, section, deck)
        short = not told and "alt" not in tags(cell) and len(cell.source.split()) <= CAPTION_WORDS
        caption = cell.source if short and not lessons.for_instructor(cell) else ""
        waiting = waiting or "predict" in tags(cell)
        deck += told
    return deck


def _silent(cell):
    """Tell whether a code cell's output is for the learner at the keyboard only."""
    return bool({"setup", "exercise"} & set(tags(cell))) or re.match(r"check\.ex\d+_\d+\(", cell.source) is not None


def _told(cell, section, deck):
    """Return the slides of a Markdown cell; what makes none goes to the notes of the slide before it."""
    text = cell.source
    if not deck:
        return [_title(text)]
    if lessons.for_instructor(cell):
        deck[-1].notes.insert(0, html(text))
    elif text.startswith("## Quiz"):
        return [_question(part) for part in re.split(r"^(?=\*\*\d\.\*\*)", text, flags=re.M)[1:]]
    elif EXERCISE.search(text):
        hints = [f"<p>{summary}: {rest}</p>" for summary, rest in DETAILS.findall(text)]
        return [Slide("exercise", section, html(DETAILS.sub("", text)), hints)]
    elif "predict" in tags(cell):
        return [Slide("predict", section, html(text))]
    elif _opens(cell):
        plain = DETAILS.sub("", text)
        return [Slide("section", "" if plain.startswith("##") else section, html(plain))]
    elif "alt" not in tags(cell):
        deck[-1].notes.append(html(text))
    return []


def _opens(cell):
    kind = cell.metadata.get("slideshow", {}).get("slide_type")
    return kind == "slide" or CLOSING.search(cell.source) or "$$" in cell.source or "\n|--" in cell.source


def _title(text):
    """Make the first slide of the first cell: title, question, picture; its sentences are notes."""
    shown, told = text.split(")\n", 1) if ")\n" in text else (text, "")
    return Slide("title", "", html(f"{shown})" if told else shown), [html(told)])


def _question(text):
    """Make a slide of a quiz question; the explanations are notes."""
    answers = DETAILS.findall(text)
    options = "".join(f"<li style='list-style: none'>{html(summary)}</li>" for summary, _ in answers)
    explained = [f"<div><b>{summary}</b> {html(rest)}</div>" for summary, rest in answers]
    return Slide("quiz", "Quiz", f"{html(DETAILS.sub('', text))}<ul>{options}</ul>", explained)


def _texts(results):
    return [text for o in results if (text := (o.get("text") or o.get("data", {}).get("text/plain", "")).strip())]


def _results(section, results, alt, waiting):
    """Return the slides of a code cell's outputs: figures, sounds, tables, claims, and answers to a prediction."""
    found, printed = [], []
    for output in results:
        data = output.get("data", {})
        if "image/png" in data:
            picture = f'<img class="drawn" alt="{escape(alt)}" src="data:image/png;base64,{data["image/png"].strip()}">'
            found.append(Slide("figure", section, picture, [f"<p>{escape(alt)}</p>"]))
        elif "text/html" in data and 'class="highlight"' not in data["text/html"]:
            found.append(Slide("result", section, f"<div>{data['text/html']}</div>"))
        elif "text" in output:
            printed += output["text"].rstrip().splitlines()
    claims = [f"<p>{escape(line)}</p>" for line in printed if line.startswith("claim ")]
    table = escape("\n".join(line for line in printed if not line.startswith("claim ")))
    table = f"<pre>{table}</pre>" if table.strip() else ""
    if claims or (printed and not found and (waiting or len(printed) >= TABLE_ROWS)):
        found.append(Slide("result", section, table + "".join(claims)))
    elif found:
        found[-1].notes.append(table)
    return found


def sections(lesson, notes=True):
    """Return the slides of a lesson as HTML sections, each followed by its notes."""
    parts = []
    for number, slide in enumerate(slides(lesson), 1):
        header = f"<header>{html(slide.section)[3:-5]}</header>" if slide.section and slide.kind != "title" else ""
        footer = f"<footer>{lesson.number} {escape(lesson.title)} · {number}</footer>"
        parts.append(
            f'<section class="slide {slide.kind}">{header}<div class="body">{slide.body}</div>{footer}</section>'
            + (f'<aside class="notes">{"".join(slide.notes)}</aside>' if notes else "")
        )
    return "\n".join(parts)


def page(title, body):
    """Return one HTML page that asks nothing of the network."""
    return TEMPLATE.read_text(encoding="utf-8").replace("@TITLE@", escape(title)).replace("@SLIDES@", body)


def write(number, folder, notes=True):
    """Write the slides of one lesson into a folder and return the file."""
    lesson = lessons.read(lessons.find(number.zfill(2)))
    text = page(f"{lesson.number} {lesson.title}", sections(lesson, notes))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{lesson.path.stem}.html"
    path.write_text(text, encoding="utf-8")
    return path


def main(arguments=None):
    """Write the slides of the lessons asked for and say where they are."""
    parser = argparse.ArgumentParser(prog="course.py slides", description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="+", metavar="NN", help="lesson numbers")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write to (build/slides)")
    parser.add_argument("--no-notes", action="store_true", help="leave the speaker notes out, to hand the file on")
    options = parser.parse_args(arguments)
    try:
        made = [write(number, options.out, not options.no_notes) for number in options.lessons]
    except (LessonError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(map(str, made)))
    print(
        "Open it in any browser: arrow keys turn, S opens the speaker's window, N notes, F full screen, Ctrl-P prints."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
