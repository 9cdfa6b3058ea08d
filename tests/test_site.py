"""The site: its glossary, what lessons become, the map, and the check of links. A whole build checks itself."""

import importlib.util
import json
import re
from types import SimpleNamespace

import nbformat
import pytest

import course
from tools import glossary, site, site_check, site_map
from tools import lesson as lessons
from tools.lesson import ROOT

FOUND = [lessons.read(path) for path in lessons.sources()]
NUMBERS = [lesson.number for lesson in FOUND]
TERMS = glossary.read()


# --- the glossary ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def used():
    return glossary.uses(TERMS, FOUND)


def test_every_term_stands_in_the_prose_of_the_lesson_that_explains_it(used):
    assert [term.name for term in TERMS if term.lesson in NUMBERS and term.lesson not in used[term.name]] == []


def test_terms_are_in_order_and_no_name_is_given_twice():
    names = [term.name.lower() for term in TERMS]
    assert names == sorted(names)
    every = [form.lower() for term in TERMS for form in (term.name, *term.also, *term.forms, *term.here)]
    assert sorted({form for form in every if every.count(form) > 1}) == []


def test_every_lesson_has_terms_of_its_own_and_every_term_a_lesson():
    table = [number for _, those in site.parts(FOUND) for number in (lesson.number for lesson in those)]
    assert table == NUMBERS
    owned = [term.lesson for term in TERMS]
    assert [number for number in NUMBERS if owned.count(number) < 5] == []
    assert len(TERMS) >= 130


def test_definitions_are_short_sentences():
    for term in TERMS:
        assert term.text[0].isupper() or term.text[0].isdigit(), term
        assert term.text.endswith((".", "?")), term
        assert 5 <= len(term.text.split()) <= 45, term
        assert not re.search(r"[`*$<>_]", term.text), term  # it is also shown as a tip, which has no mark-up


TOYS = [
    glossary.Term("random forest", "01", "Many trees.", here=("forest",)),
    glossary.Term("leaky story", "01", "A tale."),
    glossary.Term("CCA", "02", "Directions.", also=("canonical correlation analysis",)),
    glossary.Term("view", "02", "A side.", local=True),
]


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("Two random\nforests, a random forest.", "Two {term}`random forests <random forest>`, a random forest."),
        ("**Random forest**", "**{term}`Random forest <random forest>`**"),
        ("Leaky-stories", "{term}`Leaky-stories <leaky story>`"),
        ("the cca of it, the CCA", "the cca of it, the {term}`CCA <CCA>`"),
        ("a forest", "a {term}`forest <random forest>`"),
        ("a view", "a view"),  # a word of lesson 02 only
        ("forester, reforest", "forester, reforest"),
        ("# A forest\n`forest` $forest$ $$\nforest\n$$ [forest](x) ![forest](y) <b title='forest'>", None),
        ("```\nforest\n```", None),
    ],
)
def test_links_go_to_prose_and_to_the_first_place_only(text, linked):
    (made,), _ = glossary.Linker(TOYS).link([text], "01")
    assert made == (text if linked is None else linked)


def test_folded_text_is_linked_only_when_the_term_stands_nowhere_else():
    folded = "<details><summary>CCA</summary>CCA, forest</details>"
    made, seen = glossary.Linker(TOYS).link([folded, "a forest"], "01")
    assert made == [folded.replace(">CCA,", ">{term}`CCA <CCA>`,"), "a {term}`forest <random forest>`"]
    assert seen == {"CCA", "random forest"}


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def made():
    """One lesson of the site, made of a small solved notebook."""
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    data = {"image/png": "AAAA", "text/plain": "<Figure>", "application/vnd.jupyter.widget-view+json": {}}
    shown = nbformat.v4.new_output("display_data", data)
    cells = [
        text(lessons.notebook(FOUND[1], solved=True).cells[0].source),
        code("%pip", metadata={"tags": ["colab"]}),
        code("mm.setup()", metadata={"tags": ["setup"]}, outputs=[nbformat.v4.new_output("stream", text="~/.cache")]),
        text(
            "**Predict first.** $x$?\n<details><summary>Now **look**</summary>It is $y$.</details>",
            metadata={"tags": ["predict"]},
        ),
        code("def f(): ...", metadata={"tags": ["exercise"]}),
        code("draw()", metadata={"tags": ["further"]}, outputs=[shown]),
        text("*Figure: two\nlines.*", metadata={"tags": ["alt"]}),
        code("mm.progress('01')", metadata={"tags": ["progress"]}),
    ]
    return site.notebook(FOUND[1], nbformat.v4.new_notebook(cells=cells), glossary.Linker(TERMS)).cells


def test_what_is_for_the_keyboard_is_left_out(made):
    text = json.dumps(made)
    assert "%pip" not in text
    assert "mm.progress" not in text
    assert "~/.cache" not in text
    assert "Generated" not in made[0].source
    assert "[in Colab](" in made[0].source
    assert "![Training rows" in made[0].source


def test_answers_and_drawing_code_are_folded(made):
    exercise, drawing = made[3], made[4]
    assert exercise.metadata["tags"] == drawing.metadata["tags"] == ["hide-input"]
    assert exercise.metadata["mystnb"]["code_prompt_show"] == "Show one solution"


def test_outputs_keep_one_still_form_and_tell_what_they_show(made):
    assert made[4].outputs[0].data == {"image/png": "AAAA"}
    assert made[4].metadata["mystnb"]["image"]["alt"] == "Figure: two lines."


def test_own_data_is_in_the_book(tmp_path):
    site.prepare(FOUND[:1], tmp_path / "source")
    assert "Your turn\n\nlessons/own_data\n" in (tmp_path / "source" / "index.md").read_text(encoding="utf-8")
    page = nbformat.read(tmp_path / "source" / "lessons" / "own_data.ipynb", as_version=4)
    assert page.cells[0].source.startswith("# Bring your own two modalities")
    assert "Work on it: `notebooks/own_data.ipynb`" in page.cells[0].source


def test_folded_markdown_stands_between_blank_lines(made):
    assert made[2].source.startswith("::::{admonition} Predict first\n")
    assert "<details><summary>\n\nNow **look**\n\n</summary>\n\nIt is $y$.\n\n</details>" in made[2].source


def test_a_lesson_in_no_part_is_refused():
    lost = lessons.Lesson("77", FOUND[0].path, "T", "Q?", 60, "needs nothing", None)
    with pytest.raises(lessons.LessonError, match="77"):
        site.parts([*FOUND, lost])


def test_every_card_is_reached_from_the_list_of_sets():
    pages = site._cards(FOUND)
    listed = pages["data/index.md"].split("{toctree}")[1]
    for path in set(pages) - {"data/index.md"}:
        assert path.removeprefix("data/").removesuffix(".md") in listed.split()
    assert "(../lessons/01_bagging_and_forests.ipynb)" in pages["data/stocks.md"]


@pytest.mark.parametrize("room", ["representation", "fusion", "alignment", "translation", "colearning"])
def test_the_map_reads_the_names_that_the_package_offers(room):
    found = site_map.names(room)
    offered = importlib.import_module(f"mmcourse.{room}").__all__
    assert {name for name in offered if not name.isupper()} <= set(found)
    assert all(found.values())


def test_the_map_reads_names_that_a_module_hands_on_or_does_not_list():
    assert site_map.names("plotting")["use_style"]
    assert site_map.names("session")["setup"]
    assert set(site_map.ROOMS) <= {path.stem for path in (ROOT / "mmcourse").iterdir()}


def test_the_map_sees_imports_attributes_and_the_short_name():
    source = "from mmcourse.fusion import ConcatFusion as C\nfrom mmcourse import fusion\nfusion.GatedFusion(); mm.fit(other.dtw)"
    lesson = lessons.Lesson(
        "77", None, "", "", 1, "", nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    )
    found = site_map.used(lesson)
    assert {"ConcatFusion", "GatedFusion", "fit"} <= found
    assert "dtw" not in found


@pytest.mark.parametrize("missing", [False, True])
def test_the_command_installs_the_extra_only_when_it_is_missing(missing, monkeypatch):
    ran = []
    monkeypatch.setattr(course, "ensure", lambda torch_index: None)
    monkeypatch.setattr(course, "run", lambda command, check=True: ran.append(command[1:]) or int(missing))
    course.site(SimpleNamespace(torch_index=None), ["--check"])
    assert [command[-1] == ".[site]" for command in ran[1:-1]] == [True] * missing
    assert ran[-1] == ["-m", "tools.site", "--check"]


# --- the check of the built pages ------------------------------------------------------------------------------------

GOOD = '<p id="here"><a href="#here">a</a> <a href="b.html#there">b</a> <a href="https://x.org">c</a> <img src="data:,"></p>'


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "index.html").write_text(GOOD)
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1><img src="p.png">')
    (tmp_path / "p.png").write_bytes(b"")
    return tmp_path


def test_good_pages_pass(pages):
    assert site_check.faults(pages) == []


@pytest.mark.parametrize(
    "fault",
    [
        '<a href="missing.html">x</a>',
        '<a href="b.html#nowhere">x</a>',
        '<a href="#nowhere">x</a>',
        '<img src="missing.png">',
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/x.css">',
        "<style>@import 'https://example.org/x.css';</style>",
        '<p style="background: url(https://example.org/x.png)">x</p>',
        '<script type="module">import x from "https://example.org/x.js"</script>',
        '<img srcset="https://example.org/x.png 2x">',
    ],
)
def test_bad_pages_are_named(pages, fault):
    (pages / "bad.html").write_text(fault)
    (found,) = site_check.faults(pages)
    assert found.startswith("bad.html ")


def test_style_sheets_and_scripts_are_read_too(pages):
    (pages / "s.css").write_text("a { background: url('https://example.org/x.woff2') }")
    (pages / "s.js").write_text('import("https://example.org/x.js"); // see https://example.org')
    assert len(site_check.faults(pages)) == 2


def test_the_settings_ask_no_host():
    text = (ROOT / "site" / "conf.py").read_text(encoding="utf-8")
    assert "http" not in text.replace("html", "")


@pytest.mark.skipif(not importlib.util.find_spec("myst_nb"), reason="the extra `site` is not installed")
def test_formulas_of_all_lessons_become_mathml():
    from tools.formula import mathml

    for lesson in FOUND:
        for cell in lesson.cells:
            text = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.S) if cell.cell_type == "markdown" else ""
            for block, line in re.findall(r"\$\$(.+?)\$\$|\$([^$]+?)\$", text, re.S):
                assert "\\" not in re.sub(r"\\[{}|]", "", mathml(block or line, "inline")), block or line
