"""Timetables: the minutes add up, what does not fit is named, ready paths fit and name what they build on."""

import re

import pytest

from tools import lesson as lessons
from tools import plan

NUMBERS = [path.stem[:2] for path in lessons.sources()]


@pytest.mark.parametrize("number", NUMBERS)
def test_parts_add_up_to_what_the_lesson_states(number):
    lesson = plan.lesson_of(number)
    rows = plan.parts(lesson)
    assert sum(row.minutes for row in rows) == lesson.minutes
    assert min(row.minutes for row in rows) >= 1
    text = "\n".join(cell.source for cell in lesson.cells).split("## Going further")[0]
    stated = [int(minutes) for _, _, minutes in lessons.EXERCISE.findall(text)]
    assert [row.minutes for row in rows if row.level] == stated
    assert (rows[0].name, rows[-1].name) == (plan.OPENING, "Close")


@pytest.mark.parametrize("minutes", [110, 130, 180, 270, 400])
def test_a_plan_fits_and_loses_nothing(minutes):
    numbers = ["07", "08", "13"]
    everything = [part for number in numbers for part in plan.parts(plan.lesson_of(number))]
    kept, left = plan.plan(numbers, minutes)
    breaks = [part for part in kept if part.name == "Break"]
    assert sum(part.minutes for part in kept) <= minutes
    assert len(breaks) == (minutes - 1) // 90
    assert sorted(map(repr, [*left, *(p for p in kept if p not in breaks)])) == sorted(map(repr, everything))
    assert [p for p in kept if p not in breaks] == [p for p in everything if p not in left], "the order stays"
    for number in numbers:
        mine = [part for part in kept if part.lesson == number and part.name != "Break"]
        assert (mine[0].name, mine[-1].name) == (plan.OPENING, "Close")
        sections = {part.section for part in mine if not part.level}
        assert {part.section for part in mine} == sections, "no exercise without its section"


def test_enough_time_leaves_nothing_out():
    kept, left = plan.plan(["07"], 120 - plan.BREAK)
    assert left != []
    kept, left = plan.plan(["07"], 117)
    assert left == []
    kept = [part for part in kept if part.name != "Break"]
    assert sum(part.minutes for part in kept) == 90


def test_hard_exercises_go_first_then_late_sections():
    kept, left = plan.plan(["07"], 90)
    assert [part.name for part in left] == ["Exercise 7.4 ●●●"]
    assert 90 - sum(part.minutes for part in kept) >= 9, "a tenth is spare"
    _, left = plan.plan(["13"], 60)
    assert [part.name for part in left if part.level == 1] == ["Exercise 13.3 ●○○"], "of two alike, the later one"
    _, left = plan.plan(["15"], 45)
    exercises = {part.level for part in left if part.level}
    assert exercises >= {2}
    late = [part.section for part in left if not part.level]
    kept, _ = plan.plan(["15"], 45)
    assert min(late) > max(part.section for part in kept if part.name not in ("Close", "Break"))


def test_breaks_part_the_time_evenly():
    kept, _ = plan.plan(["07", "08", "13"], 280)
    stretches = "".join("|" if p.name == "Break" else "x" * p.minutes for p in kept).split("|")
    assert len(stretches) == 4
    assert max(map(len, stretches)) - min(map(len, stretches)) <= 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minutes", "180", "--lessons", "07,77"], "there is no lesson 77; there are 00, 01"),
        (["--minutes", "180", "--lessons", "seven"], "there is no lesson seven"),
        (["--minutes", "10", "--lessons", "07"], "10 minutes are too few: the heart of lesson 07 takes"),
        (["--minutes", "-5", "--lessons", "07"], "-5 minutes are too few"),
        (["--minutes", "90", "--lessons", "07,08,13,16"], "the heart of lessons 07, 08, 13, 16 takes"),
        (["--lessons", "07"], "say --minutes and --lessons"),
        (["--minutes", "50"], "no ready path takes 50 minutes; say --lessons, too"),
        (["--path", "knitting"], "no path match"),
        (["--path", "fusion"], "several paths match"),
        (["--minutes", "90", "--lessons", "07", "--start", "nine"], "--start is a time"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, message):
    assert plan.main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert message in said.err


def test_the_timetable(capsys):
    assert plan.main(["--minutes", "100", "--lessons", "7", "--start", "13:30"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("07 Early, intermediate, late: Where should modalities meet?\n  13:30  ")
    assert "min      Exercise 7.1 ●○○" in said
    assert re.search(r"^  \d\d:\d\d   15 min  Break$", said, re.M)
    assert "Ends at 15:" in said
    assert "  05  Encoders and how they are trained (for lesson 07)" in said
    assert plan.main(["--minutes", "300", "--lessons", "08,07"]) == 0
    assert "Lesson 08 builds on lesson 07, which comes later in this plan" in capsys.readouterr().out


@pytest.mark.parametrize("name", plan.ready())
def test_ready_paths_fit_and_name_what_they_build_on(name, capsys):
    path = plan.ready()[name]
    assert set(path) <= {"minutes", "lessons", "assumes", "home", "skip"}
    assert name.endswith(f"{path['minutes']} minutes")
    assert path["minutes"] in (45, 90, 180)
    outside, seen = set(), set()
    for number in path["lessons"]:
        outside |= {other for other in plan.needed(plan.lesson_of(number)) if other not in seen}
        seen.add(number)
    assert sorted(outside) == path["assumes"]
    assert plan.main(["--path", name]) == 0
    assert f"of {path['minutes']} minutes are spare" in capsys.readouterr().out


def test_there_are_ready_paths_of_each_length(capsys):
    assert {path["minutes"] for path in plan.ready().values()} == {45, 90, 180}
    assert plan.main([]) == 0
    assert "fusion in 90 minutes: 07 Early, intermediate, late" in capsys.readouterr().out
    assert plan.main(["--minutes", "45"]) == 0
    said = capsys.readouterr().out
    assert "fusion in 45 minutes" in said
    assert "90" not in said


def test_too_many_lessons_are_said(capsys):
    assert plan.main(["--minutes", "180", "--lessons", "07,08,13"]) == 0
    assert "little time for so many lessons" in capsys.readouterr().out
    assert plan.main(["--minutes", "180", "--lessons", "07,08"]) == 0
    assert "little time" not in capsys.readouterr().out


def test_a_path_that_leaves_out_what_is_not_there():
    with pytest.raises(lessons.LessonError, match=r"not in these lessons: Exercise 9\.9"):
        plan.plan(["07"], 90, home=["9.9"])
    kept, left = plan.plan(["07"], 90, home=["7.4"], skip=["2 When does it pay?"])
    assert {part.name for part in left} == {"Exercise 7.4 ●●●", "2 When does it pay?"}
    assert "Close" in [part.name for part in kept]
