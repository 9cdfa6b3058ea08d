"""Every check: the lesson's solution is correct, the open exercise is not attempted, each wrong answer gets its message."""

import ast
import importlib.util
from pathlib import Path

import pytest

from mmcourse import check
from tools import lesson as lessons

WRONG = Path(__file__).parent.parent / "check"


def exercises():
    """List (lesson number, exercise "1.2", name of the answer) of every lesson."""
    for path in lessons.sources():
        lesson = lessons.read(path)
        for i, cell, tree in lessons.code(lesson):
            if "exercise" in lessons.tags(cell):
                called = ast.parse(lesson.cells[i + 1].source).body[0].value.func.attr
                yield path.stem[:2], called.removeprefix("ex").replace("_", "."), tree.body[0].name


def wrong(number):
    """Return WRONG of tests/check/wrong_NN.py."""
    path = WRONG / f"wrong_{number}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


ALL = list(exercises())


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.delenv("MMCOURSE_STRICT", raising=False)


def said(exercise, answer, capsys):
    capsys.readouterr()
    getattr(check, f"ex{exercise.replace('.', '_')}")(answer)
    return capsys.readouterr().out


@pytest.mark.parametrize(("number", "exercise", "name"), ALL)
def test_solution_is_correct(number, exercise, name, capsys):
    assert ": correct" in said(exercise, lessons.lift(number, name), capsys)


@pytest.mark.parametrize(("number", "exercise", "name"), ALL)
def test_open_exercise_is_not_attempted(number, exercise, name, capsys):
    names = lessons.definitions(number)
    lesson = lessons.read(lessons.find(number))
    for _, cell, tree in lessons.code(lesson):
        if "exercise" in lessons.tags(cell) and tree.body[0].name == name:
            exec(lessons.open_exercise(cell.source, name), names)
    assert "not attempted yet" in said(exercise, names[name], capsys)


@pytest.mark.parametrize(("number", "exercise", "name"), ALL)
def test_wrong_answers_get_their_message(number, exercise, name, capsys):
    answers = wrong(number)[exercise]
    assert len(answers) >= 2, "every check ships with at least two wrong answers"
    heard = []
    for answer, message in answers:
        text = said(exercise, answer, capsys)
        assert "not yet" in text, f"{answer.__name__} passed"
        assert message in text, f"{answer.__name__}: expected {message!r} in {text!r}"
        assert "your code raised" not in text, f"{answer.__name__} is a crash, not a plausible mistake: {text}"
        heard.append(message)
    assert len(set(heard)) == len(heard), "two wrong answers share one message"


@pytest.mark.parametrize("path", lessons.sources(), ids=lambda path: path.stem)
def test_every_exercise_has_wrong_answers_and_a_check(path):
    number = path.stem[:2]
    mine = [exercise for lesson, exercise, _ in ALL if lesson == number]
    assert sorted(wrong(number)) == sorted(mine)
