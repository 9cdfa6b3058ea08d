"""A timetable from the minutes that lessons and exercises state: `python3 course.py plan --minutes 180 --lessons 07,08`.

A lesson's exercises have minutes of their own; what remains of its minutes is shared among its sections by what there
is to read, to look at and to guess. Where the time is too short, exercises are left for home, the hardest first, and
then sections, the last first, until a tenth of the time is spare for questions; each lesson keeps its opening, its
close, half of its sections' minutes and, as long as their section is there, its easiest exercise.
"""

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

from tools import lesson as lessons
from tools.lesson import EXERCISE, ROOT, LessonError, tags

PATHS = ROOT / "teaching" / "paths.toml"
STRETCH, BREAK = 90, 15  # minutes of work before a break, minutes of a break
SPARE = 10  # per cent of the time that is kept for questions, late starts and laptops
ROOM = 60  # minutes; a lesson that gets less is more told than done
LINE, FIGURE, PREDICTION, SECTION = 7, 50, 80, 60  # words that take as long
CLOSE = (
    "The answer",
    "Open the envelope",
    "What can go wrong",
    "What articles say, what is true",
    "Three key points",
    "Quiz",
)
OPENING = "The question, and set-up"


@dataclass(frozen=True)
class Part:
    """One row of a timetable: a section (`level` 0), an exercise (its circles, 1 to 3) or a break."""

    lesson: str
    name: str
    minutes: int
    level: int = 0
    section: int = 0


def needed(lesson):
    """List the lessons that a lesson says it needs.

    >>> needed(lessons.read(lessons.find("07")))
    ['03', '05']
    """
    return [f"{int(number):02d}" for number in re.findall(r"\d+", lesson.needs)]


def parts(lesson):
    """Divide a lesson into sections and exercises whose minutes add up to the lesson's."""
    rows, weights, section = [Part(lesson.number, OPENING, 0)], [2 * SECTION], 0
    for cell in lesson.cells:
        if lessons.for_instructor(cell):
            continue
        heading = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading and heading[1] in ("Going further", "References"):
            break
        name = heading and ("Close" if heading[1] in CLOSE else heading[1])
        if heading and rows[section].name != name:
            section = len(rows)
            rows.append(Part(lesson.number, name, 0, section=section))
            weights.append(SECTION)
        if cell.cell_type == "markdown" and (found := EXERCISE.search(cell.source)):
            name = f"Exercise {found[1]} {found[2]}"
            rows.append(Part(lesson.number, name, int(found[3]), name.count("●"), section))
            weights.append(0)
        else:
            weights[section] += _reading(cell)
    rest = lesson.minutes - sum(row.minutes for row in rows)
    if rest <= 0:
        raise LessonError(f"{lesson.path.name}: its exercises take all of its {lesson.minutes} minutes")
    shares = _shares(rest - sum(weight > 0 for weight in weights), weights)
    return [replace(row, minutes=row.minutes or share + 1) for row, share in zip(rows, shares, strict=True)]


def _reading(cell):
    """Return how long a cell takes, in words; exercises have minutes of their own, folded code is not read."""
    if cell.cell_type == "code":
        return 0 if {"exercise", "further"} & set(tags(cell)) else LINE * len(cell.source.splitlines())
    extra = {"alt": FIGURE, "predict": PREDICTION}
    return len(cell.source.split()) + sum(extra.get(tag, 0) for tag in tags(cell))


def _shares(total, weights):
    """Divide whole minutes by weights; the sum is exact.

    >>> _shares(10, [1, 1, 2, 0])
    [3, 2, 5, 0]
    """
    shares, done = [], 0
    for upto in [sum(weights[: i + 1]) for i in range(len(weights))]:
        shares.append(int(total * upto / sum(weights) + 0.5) - done)
        done += shares[-1]
    return shares


@cache
def lesson_of(number):
    """Return a lesson, read once."""
    return lessons.read(lessons.find(number))


def plan(numbers, minutes, home=(), skip=()):
    """Choose what fits.

    Parameters
    ----------
    numbers : list of str
        Lessons, in order.
    minutes : int
        What the room has, breaks included.
    home, skip : collections of str
        Exercises ("7.2") and section headings to leave out before anything else is.

    Returns
    -------
    kept, left : list of Part
        The rows of the timetable, breaks included, and what was left out.

    Raises
    ------
    LessonError
        An unknown lesson, exercise or heading; or too little time, however much is left out.
    """
    found = [part for number in numbers for part in parts(lesson_of(number))]
    wanted = {*(f"Exercise {number}" for number in home), *skip}
    left = [part for part in found if part.name.rstrip(" ●○") in wanted or part.name in wanted]
    if len(left) != len(wanted):
        raise LessonError(f"not in these lessons: {', '.join(sorted(wanted - {p.name.rstrip(' ●○') for p in left}))}")
    kept = [part for part in found if part not in left]
    breaks = max(0, minutes - 1) // STRETCH
    while sum(part.minutes for part in kept) > minutes - minutes * SPARE // 100 - BREAK * breaks:
        if not (leave := _next_to_go(kept, found)):
            least = sum(part.minutes for part in kept) + BREAK * breaks
            if least <= minutes:
                break
            raise LessonError(f"{minutes} minutes are too few: the heart of {_names(numbers)} takes {least}")
        kept = [part for part in kept if part not in leave]
    return _with_breaks(kept, breaks), [part for part in found if part not in kept]


def _names(numbers):
    return ("lesson " if len(numbers) == 1 else "lessons ") + ", ".join(numbers)


def _next_to_go(kept, found):
    """List what to leave out next, from the lesson that takes longest now; nothing when only hearts are left."""
    longest = sorted({part.lesson for part in kept}, key=lambda n: -sum(p.minutes for p in kept if p.lesson == n))
    for number in longest:
        exercises = [part for part in kept if part.lesson == number and part.level]
        if len(exercises) > 1:
            return [max(reversed(exercises), key=lambda part: (part.level, part.minutes))]
    for number in longest:
        mine = [part for part in kept if part.lesson == number and not part.level]
        whole = sum(part.minutes for part in found if part.lesson == number and not part.level)
        if sum(part.minutes for part in mine) - mine[-2].minutes >= whole / 2:
            return [part for part in kept if part.lesson == number and part.section == mine[-2].section]
    return []


def _with_breaks(kept, breaks):
    """Put breaks where the work so far comes closest to an equal stretch."""
    rows, total, done = [], sum(part.minutes for part in kept), 0
    for part in kept:
        due = total * (sum(row.name == "Break" for row in rows) + 1) / (breaks + 1)
        if sum(row.name == "Break" for row in rows) < breaks and done and done + part.minutes / 2 > due:
            rows.append(Part(part.lesson, "Break", BREAK))
        rows.append(part)
        done += part.minutes
    return rows


def show(numbers, minutes, start, **leave):
    """Return the timetable as text."""
    kept, left = plan(numbers, minutes, **leave)
    read = {number: lesson_of(number) for number in numbers}
    lines, clock, last = [], start, None
    for part in kept:
        if part.lesson != last:
            lines += ["", f"{part.lesson} {read[part.lesson].title}: {read[part.lesson].question}"]
            last = part.lesson
        lines.append(f"  {clock:%H:%M}  {part.minutes:3d} min  {'    ' if part.level else ''}{part.name}")
        clock += timedelta(minutes=part.minutes)
    spare = minutes - sum(part.minutes for part in kept)
    lines += ["", f"Ends at {clock:%H:%M}; {spare} of {minutes} minutes are spare, for questions."]
    if left:
        full = sum(part.minutes for part in left)
        lines += [f"Left out, {full} minutes (exercises for home, sections told from the slides or read later):"]
        lines += [f"  {part.lesson}  {part.minutes:3d} min  {part.name}" for part in left]
    else:
        lines.append("Everything fits; nothing is left out.")
    if len(numbers) > 1 and minutes < ROOM * len(numbers) + BREAK:
        lines.append(
            "That is little time for so many lessons: a room that tries and discusses needs 90 minutes for one."
        )
    return "\n".join([*lines, *_assumed(read)]).strip()


def _assumed(read):
    """Say what the plan builds on and leaves out, and what stands in the wrong order."""
    order, users = list(read), {}
    for number, lesson in read.items():
        for other in needed(lesson):
            if other not in read:
                users.setdefault(other, []).append(number)
            elif order.index(other) > order.index(number):
                yield f"Lesson {number} builds on lesson {other}, which comes later in this plan: change the order."
    if users:
        yield "Not in this plan, but built on; ask who has done it, or open with its key points:"
        yield from (f"  {n}  {lesson_of(n).title} (for {_names(users[n])})" for n in sorted(users))


def ready():
    """Return the ready paths of teaching/paths.toml: {name: its fields}."""
    content = tomllib.loads(PATHS.read_text(encoding="utf-8"))
    return {path.pop("name"): path for path in content["path"]}


def _list(minutes):
    """Print the ready paths: all, or those of so many minutes."""
    found = {name: path for name, path in ready().items() if minutes in (None, path["minutes"])}
    if not found:
        raise LessonError(f"no ready path takes {minutes} minutes; say --lessons, too, as in --lessons 07,08")
    print("Ready paths, for --path:")
    for name, path in found.items():
        print(f"  {name}: {'; '.join(f'{number} {lesson_of(number).title}' for number in path['lessons'])}")


def _asked(options):
    """Return (lessons, minutes, leave) of the command line."""
    if options.path:
        found = {name: path for name, path in ready().items() if options.path.lower() in name.lower()}
        if len(found) != 1:
            known = "; ".join(found or ready())
            raise LessonError(f"{'several paths' if found else 'no path'} match {options.path!r}: {known}")
        path = next(iter(found.values()))
        return path["lessons"], path["minutes"], {key: path.get(key, ()) for key in ("home", "skip")}
    if options.minutes is None:
        raise LessonError("say --minutes and --lessons, as in --minutes 180 --lessons 07,08; or --path and a name")
    numbers = [number.strip().zfill(2) for number in options.lessons.split(",")]
    known = [path.stem[:2] for path in lessons.sources()]
    if unknown := [number for number in numbers if number not in known]:
        raise LessonError(f"there is no {_names(unknown)}; there are {', '.join(known)}")
    return list(dict.fromkeys(numbers)), options.minutes, {}


def main(arguments=None):
    """Print a timetable, or the ready paths."""
    parser = argparse.ArgumentParser(prog="course.py plan", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, help="what the room has, breaks included")
    parser.add_argument("--lessons", metavar="NN,NN", help="lesson numbers, in order")
    parser.add_argument("--path", metavar="NAME", help="a ready path, or an unmistakable part of its name")
    parser.add_argument("--start", default="09:00", metavar="HH:MM", help="when it begins (09:00)")
    options = parser.parse_args(arguments)
    try:
        if not (options.path or options.lessons):
            _list(options.minutes)
            return 0
        numbers, minutes, leave = _asked(options)
        print(show(numbers, minutes, datetime.strptime(options.start, "%H:%M"), **leave))
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    except ValueError:
        print(f"--start is a time such as 09:00, not {options.start!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
