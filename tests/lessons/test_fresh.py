"""Generated files are fresh; a stale or edited one is found by its hashes."""

import re
import shutil

import nbformat
import pytest

from tools import build
from tools import lesson as lessons
from tools.lesson import ROOT


def test_everything_generated_is_fresh(capsys):
    status = build.main(["--check"])
    assert status == 0, capsys.readouterr().out


@pytest.fixture
def built(write, sample, monkeypatch):
    """Return the sample lesson with both notebooks made; the run itself is played, not executed."""
    lesson = write(sample)

    def play(notebook, folder):
        for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
            text = "claim 01.1 holds: Exercise: correct"
            cell.execution_count, cell.outputs = count, [nbformat.v4.new_output("stream", name="stdout", text=text)]
        return 1.0

    monkeypatch.setattr(build, "execute", play)
    assert build.build(lesson) == []
    return lesson


def test_fresh_after_build_and_not_executed_again(built, capsys):
    assert build.stale(built) == []
    build.build(built)
    assert "fresh" in capsys.readouterr().out


def change(path, edit):
    notebook = nbformat.read(path, as_version=4)
    edit(notebook)
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


def test_edited_learner_notebook_is_red_and_its_work_is_kept(built):
    change(built.learner_path, lambda n: n.cells[-1].update(source="my own work"))
    assert "edited or stale" in build.stale(built)[0]
    build.build(built)
    kept = list((built.learner_path.parent / "my").glob("*.ipynb"))
    assert len(kept) == 1
    assert "my own work" in kept[0].read_text(encoding="utf-8")
    assert build.stale(built) == []


def test_learner_notebook_with_outputs_is_red(built):
    change(built.learner_path, lambda n: n.cells[1].outputs.append(nbformat.v4.new_output("stream", text="x")))
    assert "holds outputs" in build.stale(built)[0]


def test_edited_output_is_red(built):
    change(built.solved_path, lambda n: n.cells[-1].outputs[0].update(text="accuracy 100 %"))
    assert "outputs were edited" in build.stale(built)[0]


def test_edited_solution_is_red(built):
    change(built.solved_path, lambda n: n.cells[2].update(source="pass"))
    assert "edited or stale" in build.stale(built)[0]


def test_missing_notebook_is_red(built):
    built.solved_path.unlink()
    assert "missing" in build.stale(built)[0]


def test_changed_source_is_red(built, write, sample):
    lesson = write(sample.replace("is closer.", "is closer, mostly."))
    assert len(build.stale(lesson)) == 2


def test_changed_package_module_is_red(built, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "mmcourse", tmp_path / "mmcourse", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(build, "ROOT", tmp_path)
    build._module_path.cache_clear()
    try:
        assert build.stale(built) == []
        with (tmp_path / "mmcourse" / "metrics" / "__init__.py").open("a") as file:
            file.write("\n# changed\n")
        assert "metrics/__init__.py" in build.stale(built)[0]
    finally:
        build._module_path.cache_clear()


def test_stamp_names_what_a_lesson_runs(built):
    found = build.modules(built)
    assert {"mmcourse/check/engine.py", "mmcourse/check/claims.py", "mmcourse/session.py"} <= set(found)
    assert "mmcourse/ensembles/bagging.py" not in found
    assert "mmcourse/check/lesson_02.py" not in found


def test_stamp_follows_a_lazy_table(write, sample):
    lesson = write(sample.replace("errors = [", "from mmcourse.representation import CCA\nerrors = ["))
    assert "mmcourse/representation/cca.py" in build.modules(lesson)


def test_orphan_is_red(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    (tmp_path / "07_gone.ipynb").write_text("{}")
    assert "no source" in build.orphans([])[0]


def test_stamp_names_the_data(write, sample):
    lesson = write(sample.replace("errors = [", 'mm.load("digits")\nmm.data.table("stocks")\nerrors = ['))
    assert build.data_sets(lesson) == ["digits", "stocks"]


def test_learner_notebook_holds_no_answer(built):
    learner = nbformat.read(built.learner_path, as_version=4)
    cells = [c.source for c in learner.cells if "exercise" in c.metadata.get("tags", [])]
    assert len(cells) == 4
    assert all(c.endswith("raise NotImplementedError") and "sum(" not in c for c in cells)
    first = learner.cells[0].source
    assert "Edit notebooks/lessons/01_sample.py" in first
    assert "Open in Colab" in first
    assert "data:image/svg+xml" in first
    solved = {c.id: c.source for c in nbformat.read(built.solved_path, as_version=4).cells}
    links = [(c.source, re.search(r"solutions/01_sample\.ipynb#cell-id=(\w+)", c.source)) for c in learner.cells]
    led = [(source, solved[link[1]]) for source, link in links if link]
    assert len(led) == 4  # each exercise leads to itself, solved
    assert all(source.startswith(goal) and "### Exercise" in goal for source, goal in led)


def test_speaker_notes_stay_in_the_source(write, sample):
    note = '# %% [markdown] slideshow={"slide_type": "notes"}\n# Most people guess wrong.\n\n'
    lesson = write(sample.replace("# %% [markdown]\n# The average", f"{note}# %% [markdown]\n# The average"))
    assert any("Most people" in cell.source for cell in lesson.cells)
    made = [cell.source for solved in (False, True) for cell in lessons.notebook(lesson, solved).cells]
    assert not any("Most people" in source for source in made)
    assert any("The average of ten" in source for source in made)


def test_same_source_same_file(built):
    once, again = (nbformat.writes(lessons.notebook(built, solved=False)) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(("beside", "kept"), [({"image/png": "x"}, False), ({"text/html": "x"}, False), ({}, True)])
def test_saved_page_shows_the_still_picture(beside, kept):
    data = {build.WIDGET: {"model_id": "1"}, "text/plain": "Explorer()"} | beside
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", data=data)])
    build._keep_still_pictures(cell)
    assert (build.WIDGET in cell.outputs[0]["data"]) is kept
