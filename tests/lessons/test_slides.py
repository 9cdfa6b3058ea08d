"""Slides: everything a room must see is on one, nothing asks the network, nothing runs off the edge."""

import re
import shutil
import subprocess
from html.parser import HTMLParser

import nbformat
import pytest

from tools import build, slides
from tools import lesson as lessons
from tools.lesson import EXERCISE, for_instructor, tags

SOURCES = lessons.sources()
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Fetched(HTMLParser):
    """Collect what a browser would ask for while it opens a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "srcset", "poster", "data") or (name == "href" and tag == "link"):
                self.found.append(value)
            self.found += re.findall(r"url\(([^)]*)\)", value or "")


@pytest.fixture(scope="module", params=SOURCES, ids=lambda path: path.stem)
def lesson(request):
    return lessons.read(request.param)


def test_what_a_room_must_see_is_on_a_slide(lesson):
    deck = slides.slides(lesson)
    text = "\n".join(slide.body for slide in deck)
    core = []
    for cell in lesson.cells:
        if slides.END.search(cell.source):
            break
        core.append(cell)
    openers = [c for c in core if c.metadata.get("slideshow", {}).get("slide_type") == "slide"]
    for cell in openers:
        heading = cell.source.split("\n")[0].lstrip("# ")
        assert slides.html(heading)[3:-5] in text, heading
    kinds = ("predict", "exercise", "figure", "quiz")
    count = {kind: sum(slide.kind == kind for slide in deck) for kind in kinds}
    count["figure"] += sum("<img" in slide.body for slide in deck if slide.kind == "result")
    assert count["exercise"] == sum(bool(EXERCISE.search(cell.source)) for cell in core)
    assert count["predict"] == sum("predict" in tags(cell) for cell in core)
    assert count["figure"] >= sum("alt" in tags(cell) for cell in core)
    assert count["quiz"] == 3
    assert "Three key points</h2>" in text
    assert "Hint: " not in text
    assert "<details" not in text


def test_speaker_notes_are_there_and_can_be_left_out(lesson):
    with_notes, without = slides.sections(lesson), slides.sections(lesson, notes=False)
    said = [slides.html(cell.source) for cell in lesson.cells if for_instructor(cell)]
    assert all(note in with_notes for note in said)
    assert not any(note in without for note in said)
    assert with_notes.count('<aside class="notes">') == with_notes.count("<section")
    assert "<aside" not in without


def test_nothing_is_asked_of_the_network(lesson):
    page = slides.page(lesson.title, slides.sections(lesson))
    fetched = Fetched()
    fetched.feed(page)
    assert len(fetched.found) > 3
    assert [value[:60] for value in fetched.found if not value.startswith("data:")] == []
    style = page[page.index("<style>") : page.index("</style>")]
    script = page[page.index("<script>\n") :]
    assert not re.search(r"url\(|@import", style)
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(", script)
    assert "$$" not in re.sub(r"<aside.*?</aside>", "", page, flags=re.S).split("<script>")[0]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_nothing_runs_off_a_slide(tmp_path):
    file = tmp_path / "all.html"
    file.write_text(slides.page("all", "\n".join(slides.sections(lessons.read(path)) for path in SOURCES)))
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    dom = subprocess.run([CHROMIUM, *options, file.as_uri()], capture_output=True, text=True, timeout=120).stdout
    found = re.findall(r'<section class="slide (\w+)[^"]*" data-size="(\d+)" data-over="(\w+)"', dom)
    assert len(found) > 500
    assert {over for _, _, over in found} == {"false"}
    assert min(int(size) for kind, size, _ in found if kind not in ("result",)) >= 22
    assert min(int(size) for _, size, _ in found) >= 15


@pytest.fixture
def solved(write, sample, monkeypatch):
    """Return a sample lesson whose cells printed their number, after a prediction and a note."""
    note = '# %% [markdown] slideshow={"slide_type": "notes"}\n# Most rooms say yes.\n\n'
    sample = sample.replace("# %%\nerrors", f"{note}# %%\nerrors")
    lesson = write(sample)

    def play(notebook, folder):
        for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
            text = f"claim 01.1 holds: it is correct <{count}> Exercise: correct\nmore\n"
            cell.execution_count, cell.outputs = count, [nbformat.v4.new_output("stream", name="stdout", text=text)]
        return 1.0

    monkeypatch.setattr(build, "execute", play)
    assert build.build(lesson) == []
    return lesson


def test_order_of_prediction_note_and_answer(solved):
    deck = slides.slides(solved)
    assert [slide.kind for slide in deck] == [
        *("title", "predict", "result", "result", "exercise", "exercise", "exercise", "exercise"),
        *("section", "section", "quiz", "quiz", "quiz"),
    ]
    assert "Most rooms say yes" in "".join(deck[1].notes)
    assert "&lt;3&gt;" in deck[2].body
    assert "closer" in deck[3].body, "the sentence before a result stands above it"
    assert "Hint: the idea" in "".join(deck[4].notes)
    assert "Hint" not in deck[4].body
    assert "Right. So it is" in "".join(deck[-1].notes)
    assert "Right." not in deck[-1].body


def test_stale_or_unknown_lesson_is_one_sentence(solved, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(slides.lessons, "find", lambda number: solved.path)
    assert slides.main(["01", "--out", str(tmp_path / "out")]) == 0
    assert "01_sample.html" in capsys.readouterr().out
    solved.path.write_text(solved.path.read_text().replace("is closer.", "is closer, mostly."))
    assert slides.main(["01", "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "the solved notebook 01 is stale; first run: python3 course.py build 01\n"
    monkeypatch.undo()
    assert slides.main(["77"]) == 1
    assert "no lesson 77" in capsys.readouterr().err
