"""Sphinx's settings for the course as a book; tools/site.py prepares the pages and runs it."""

import tomllib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.domains.std import StandardDomain

from tools.formula import mathml

HERE = Path(__file__).parent

project = "mmcourse"
author = "the authors of mmcourse"
copyright = "text and figures CC BY 4.0, code MIT"
language = "en"
extensions = ["myst_nb"]
root_doc = "index"
nitpicky = True
html_theme = "sphinx_book_theme"
html_title = "mmcourse"
html_math_renderer = "mathml"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_persistent": [],  # the search field stands in the sidebar
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
    "toc_title": "On this page",
}
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "attrs_block"]
myst_heading_anchors = 3
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # widgets are shown by their still picture
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"


def inline_math(writer, node):
    """Write a formula in a line as MathML, which browsers draw by themselves."""
    writer.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block_math(writer, node):
    """Write a formula of its own as MathML; a wide one scrolls."""
    writer.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>')
    raise nodes.SkipNode


def explain_terms(app, doctree, _):
    """Let every link to the glossary show the definition when the mouse rests on it.

    Entries of the general index, which are the terms again, are dropped: the search would show each term twice.
    """
    for entry in list(doctree.findall(addnodes.index)):
        entry.parent.remove(entry)
    terms = tomllib.loads((HERE / "glossary.toml").read_text(encoding="utf-8"))["term"]
    texts = {term["name"].lower(): " ".join(term["text"].split()) for term in terms}
    places = {place: texts.get(name, "") for name, (_, place) in app.env.domains.standard_domain._terms.items()}
    for link in doctree.findall(nodes.reference):
        place = link.get("refid") or link.get("refuri", "").partition("#")[2]
        if link.get("internal") and place in places:
            link["reftitle"] = places[place]
            link["classes"].append("term")


def setup(app):
    """Register the formulas and the glossary's tips."""
    StandardDomain.object_types["term"].attrs["searchprio"] = 0  # found before any page that has the word
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    app.connect("doctree-resolved", explain_terms)
