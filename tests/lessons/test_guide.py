"""The instructor's guide: its facts are fresh, its commands and files exist, every lesson has a chapter."""

import re

import pytest

import course
from tools import guide
from tools import lesson as lessons

TEXT = guide.GUIDE.read_text(encoding="utf-8")


def test_the_facts_are_fresh(capsys):
    assert guide.main(["--check"]) == 0, capsys.readouterr().out


def test_a_changed_fact_is_red(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "GUIDE.md"
    copy.write_text(TEXT.replace("Exercise 1.3", "Exercise 1.9"))
    monkeypatch.setattr(guide, "GUIDE", copy)
    assert guide.main(["--check"]) == 1
    assert "run: python3 course.py guide" in capsys.readouterr().out
    assert guide.main([]) == 0
    assert copy.read_text() == TEXT


def test_a_new_lesson_gets_a_chapter_and_a_gone_one_is_named(tmp_path, monkeypatch, capsys):
    copy = tmp_path / "GUIDE.md"
    copy.write_text(re.sub(r"### 07 .*?(?=### 08)", "", TEXT, flags=re.S))
    monkeypatch.setattr(guide, "GUIDE", copy)
    assert guide.main([]) == 0
    assert "### 07 Early, intermediate, late\n\n<!-- facts 07 -->\n**Where should" in copy.read_text()
    copy.write_text(TEXT + "\n<!-- facts 77 -->\n<!-- end -->\n")
    assert guide.main([]) == 1
    assert "lessons that do not exist: 77" in capsys.readouterr().err


@pytest.mark.parametrize("path", lessons.sources(), ids=lambda path: path.stem)
def test_every_exercise_has_two_likely_mistakes(path):
    lesson = guide.plan.lesson_of(path.stem[:2])
    chapter = TEXT.split(f"### {lesson.number} {lesson.title}\n")[1].split("\n### ")[0]
    exercises = [row for row in guide.plan.parts(lesson) if row.level]
    lines = re.findall(r"^- \d+\.\d+ .*“.+”; .*“.+”$", chapter, re.M)
    assert len(lines) == len(exercises)


def test_what_it_names_exists():
    commands = set(re.findall(r"course\.py (\w+)", TEXT))
    assert commands <= set(course.COMMANDS)
    files = {name for name in re.findall(r"`((?:notebooks|tests|build)/[^`<>]*)`", TEXT) if "NN" not in name}
    missing = [name for name in files if not name.startswith("build") and not (lessons.ROOT / name).exists()]
    assert missing == []
