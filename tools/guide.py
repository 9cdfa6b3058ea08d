"""Keep the facts in teaching/GUIDE.md fresh: `python3 course.py guide [--check]`.

The instructor's guide is written by hand, except what stands between `<!-- facts NN -->` and `<!-- end -->`: minutes,
exercises and likely mistakes of a lesson, read from its source and from its wrong answers in tests/check.
"""

import argparse
import ast
import re
import sys

from tools import lesson as lessons
from tools import plan
from tools.lesson import ROOT, LessonError

GUIDE = ROOT / "teaching" / "GUIDE.md"
WRONG = ROOT / "tests" / "check"
FACTS = re.compile(r"(<!-- facts (\d\d) -->\n).*?(<!-- end -->)", re.S)
SHOWN = 2  # mistakes an exercise


def mistakes(number):
    """Return {"7.1": [(mistake in words, part of the check's message), ...]} from the wrong answers under test.

    >>> mistakes("01")["1.1"][0]
    ('without replacement', 'without replacement')
    """
    path = WRONG / f"wrong_{number}.py"  # a lesson in the making has none yet
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    tables = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "WRONG"]
    found = {}
    for table in tables:
        for exercise, answers in zip(table.keys, table.values, strict=True):
            found[exercise.value] = [
                (_words(wrong), message.value) for wrong, message in (a.elts for a in answers.elts)
            ]
    return found


def _words(wrong):
    """Say what a wrong answer does: its name in words, or what it returns if it has none."""
    if isinstance(wrong, ast.Name):
        return wrong.id.strip("_").replace("_", " ")
    return f"`{ast.unparse(wrong.body if isinstance(wrong, ast.Lambda) else wrong)}`"


def facts(lesson):
    """Return the generated lines of one lesson."""
    rows = plan.parts(lesson)
    exercises = [row for row in rows if row.level]
    first = max(exercises, key=lambda row: (row.level, row.minutes))
    sections = [row for row in rows if not row.level]
    lines = [
        f"**{lesson.question}** {lesson.minutes} minutes, {sum(row.minutes for row in exercises)} of them for exercises; "
        f"{lesson.needs}. Solved: `notebooks/solutions/{lesson.path.stem}.ipynb`.",
        "",
        f"*Cut first:* {first.name}, then the other hard exercises, then the section “{sections[-2].name}”.",
        "",
        "*Likely mistakes* (what the check's answer contains):",
        "",
    ]
    known = mistakes(lesson.number)
    for row in exercises:
        number = row.name.split()[1]
        shown = "; ".join(f"{name}: “{message}”" for name, message in known.get(number, [])[:SHOWN])
        lines.append(f"- {number} {row.name.split()[2]} {row.minutes} min. {shown}")
    return "\n".join(lines) + "\n"


def fresh(text):
    """Return the guide with the facts of every lesson as they are now; a lesson without a chapter gets one."""
    read = {path.stem[:2]: plan.lesson_of(path.stem[:2]) for path in lessons.sources()}
    for number, lesson in read.items():
        if f"<!-- facts {number} -->" not in text:
            text += f"\n### {number} {lesson.title}\n\n<!-- facts {number} -->\n<!-- end -->\n"
    if unknown := sorted({found[1] for found in FACTS.findall(text)} - set(read)):
        raise LessonError(f"teaching/GUIDE.md holds facts of lessons that do not exist: {', '.join(unknown)}")
    return FACTS.sub(lambda found: found[1] + facts(read[found[2]]) + found[3], text)


def main(arguments=None):
    """Write the facts into the guide, or say that they are stale."""
    parser = argparse.ArgumentParser(prog="course.py guide", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether it is stale")
    check = parser.parse_args(arguments).check
    try:
        written = GUIDE.read_text(encoding="utf-8")
        text = fresh(written)
    except (LessonError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    if check and text != written:
        print("teaching/GUIDE.md is stale; run: python3 course.py guide")
        return 1
    if not check:
        GUIDE.write_text(text, encoding="utf-8")
    print("teaching/GUIDE.md is fresh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
