"""The measures of looks, on a notebook with one fault of each kind."""

import nbformat
from looks import broken_words, faint_text, overflow, raw_markdown
from room import Lesson

CELLS = [
    nbformat.v4.new_code_cell("print('needed at least word ' * 12)"),
    nbformat.v4.new_markdown_cell("<details><summary>Hint</summary>take `x`</details>"),
    nbformat.v4.new_code_cell("from IPython.display import HTML\nHTML('<p style=\"color: #888\">faint words</p>')"),
    nbformat.v4.new_code_cell("HTML('<p style=\"width: 2000px\">Schifffahrt</p>')"),
    nbformat.v4.new_markdown_cell("Donaudampfschifffahrtsgesellschaft " * 20),
]


def test_each_fault_is_found_where_it_is(lab, new_page):
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    faulty = nbformat.v4.new_notebook(cells=CELLS, metadata={"kernelspec": kernel})
    nbformat.write(faulty, lab.folder / "faulty.ipynb")
    lesson = Lesson(lab, new_page(), "faulty")
    lesson.open()
    lesson.command("notebook:run-all-cells")
    assert {found.split(" is")[0] for found in broken_words(lesson)} <= {
        "cell 0: needed",
        "cell 0: least",
        "cell 0: word",
    }
    assert broken_words(lesson)
    assert raw_markdown(lesson) == ["cell 1: `x`"]
    assert faint_text(lesson) == ["cell 2: contrast 3.5: faint words"]
    assert [found.split(":")[0] for found in overflow(lesson)] == ["cell 3"]
    lesson.close()
