"""A room's progress files: counted right, damaged ones named and left alone, nothing printed but file and folder names."""

import json
import os

import pytest

from mmcourse.check import classroom, progress
from mmcourse.check.engine import CORRECT, NOT_ATTEMPTED, NOT_YET

pytestmark = pytest.mark.usefixtures("lessons")


@pytest.fixture
def lessons(monkeypatch):
    monkeypatch.setattr(classroom, "catalogue", lambda: {"01": ["1.1", "1.2"], "10": ["10.1"]})


@pytest.fixture
def learner(tmp_path, monkeypatch):
    """Return a function that writes a learner's file by the course's own `record`."""

    def write(place, **outcomes):
        monkeypatch.setenv("MMCOURSE_PROGRESS", str(tmp_path / place))
        monkeypatch.setattr(progress, "_unsaved", [])
        for number, states in outcomes.items():
            for state in states:
                progress.record(number.removeprefix("ex").replace("_", "."), state)
        monkeypatch.delenv("MMCOURSE_PROGRESS")

    return write


@pytest.fixture
def room(tmp_path, learner):
    """Write three learners, one of them as a plain file."""
    learner("anna/progress.json", ex1_1=[NOT_YET, CORRECT], ex1_2=[NOT_YET] * 3)
    learner("ben.json", ex1_1=[CORRECT, NOT_YET], ex1_2=[NOT_YET] * 2, ex10_1=[NOT_ATTEMPTED])
    learner("c d/progress.json", ex1_2=[NOT_YET] * 5 + [CORRECT], ex77_1=[CORRECT])
    return tmp_path


def test_counts(room, capsys):
    assert classroom.main(["--class", str(room)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "3 learners",
        "exercise    passed  tried  attempts   stuck (3 or more failed tries)",
        "1.1            2/3      2         4",
        "1.2            1/3      3        11   anna",
    ]


def test_who_has_not_begun_is_named(room, capsys):
    for name in ("dora", "Émile Groß", ".hub"):
        (room / name).mkdir()
    assert classroom.main(["--class", str(room)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 learners\n")
    assert said.splitlines()[-1] == "no progress file yet: dora, Émile Groß"


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_bad_files_are_named_skipped_and_left_alone(room, capsys):
    (room / "dora").mkdir()
    (room / "dora" / "progress.json").write_text('{"schema": 1, "exercises": {"1.1": {"atte')
    (room / "emil.json").write_text('{"schema": 2, "secret": "Emil Meier"}')
    (room / "fred.json").write_text("[1, 2]")
    (room / "gina.json").write_bytes(b"\xff\xfe")
    (room / "huge.json").write_text(" " * (classroom.LARGEST + 1))
    (room / "folder.json").mkdir()
    (room / "anna" / "progress.damaged-20260101-000000.json").write_text("x")
    (room / "progress.damaged-20260101-000000.json").write_text("x")
    (room / "notes.txt").write_text("x")
    before = snapshot(room)
    assert classroom.main(["--class", str(room)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "3 learners, 6 files skipped"
    for name in ("dora/progress.json", "fred.json", "gina.json", "huge.json"):
        assert f"\n{name} is damaged; skipped\n" in said.replace(os.sep, "/")
    assert "emil.json was written by a newer version of the course; skipped" in said
    assert "folder.json cannot be read" in said
    assert "Meier" not in said
    assert "1.1            2/3" in said
    assert snapshot(room) == before


def test_nothing_but_file_and_folder_names_is_printed(room, capsys):
    path = room / "anna" / "progress.json"
    content = json.loads(path.read_text()) | {"name": "Anna Meier", "mail": "anna@example.org"}
    content["exercises"]["1.1"]["note"] = "Anna Meier"
    content["exercises"]["9.9"] = {"attempts": 1, "failed": 0, "passed": "Anna Meier"}
    path.write_text(json.dumps(content))
    os.rename(room / "ben.json", room / "b\x1b[31men.json")
    assert classroom.main(["--class", str(room)]) == 0
    said = capsys.readouterr().out
    assert "Meier" not in said
    assert "example.org" not in said
    assert "\x1b" not in said


def test_the_same_name_twice_is_two_learners(room, learner):
    learner("anna.json", ex1_1=[CORRECT])
    learners, _ = classroom.read_class(room)
    assert sorted(learners) == ["anna", "anna (2)", "ben", "c d"]


@pytest.mark.parametrize(("place", "message"), [("nothing", "there is no folder"), (".", "holds no readable progress")])
def test_no_class(tmp_path, capsys, place, message):
    assert classroom.main(["--class", str(tmp_path / place)]) == 1
    assert message in capsys.readouterr().err


def test_nobody_has_begun(tmp_path, capsys):
    (tmp_path / "anna.json").write_text('{"schema": 1, "exercises": {}}')
    assert classroom.main(["--class", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "1 learner\nnobody has tried an exercise yet\n"


def test_without_a_class_it_is_ones_own_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MMCOURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress, "_unsaved", [])
    assert classroom.main([]) == 0
    assert capsys.readouterr().out.startswith("lesson   exercises")
