"""The lesson format as rules. Each function returns sentences, one a fault; an empty list means the lesson is in form."""

import ast
import re

from tools import lesson as lessons
from tools.lesson import EXERCISE, PICTURE, tags

MAX_LINES, MAX_WORDS, MAX_BYTES, MAX_MINUTES = 20, 120, 500_000, 90
MAX_FOLDED = 100  # characters of the one line that a folded cell shows in a window of 1280 pixels
HEADINGS = ("## What can go wrong", "## Three key points", "## Quiz", "## References")
VACUOUS = ("nbval", "raises-exception", "skip-execution")
DETAILS = re.compile(r"<details>.*?</details>", re.S)
HIDDEN = re.compile(r"\(data:[^)]*\)|\(flow:[^)]*\)|<!--.*?-->", re.S)
SECONDS = re.compile(r"about \d+ (s\b|seconds)")


def source_faults(lesson):
    """Check everything that can be seen without running the lesson."""
    faults = [
        f"{lesson.path.name}: {fault}"
        for rule in (RULES if lesson.number.isdigit() else EXTRA)
        for fault in rule(lesson)
    ]
    return faults


def _words(cell):
    return sum(any(map(str.isalnum, word)) for word in HIDDEN.sub("", DETAILS.sub("", cell.source)).split())


def sizes(lesson):
    """Cells short, never three code cells in a row, at most 90 minutes."""
    if lesson.minutes > MAX_MINUTES:
        yield f"{lesson.minutes} minutes; a lesson takes at most {MAX_MINUTES}: fold the rest into Going further"
    run = 0
    for i, cell in enumerate(lesson.cells, 1):
        if lessons.for_instructor(cell):
            continue
        run = run + 1 if cell.cell_type == "code" else 0
        if run == 3:
            yield f"cell {i} is the third code cell in a row; put a sentence between"
        lines = [line for line in lessons.close_exercise(cell.source).splitlines() if line.strip()]
        if cell.cell_type == "code" and len(lines) > MAX_LINES:
            yield f"cell {i} has {len(lines)} lines of code; at most {MAX_LINES}"
        if cell.cell_type == "code" and "further" in tags(cell) and len(lines[0]) > MAX_FOLDED:
            yield f"cell {i} is folded to a line of {len(lines[0])} characters; put a short comment before it"
        if cell.cell_type == "markdown" and (words := _words(cell)) > MAX_WORDS and "## References" not in cell.source:
            yield f"cell {i} has {words} words; at most {MAX_WORDS}"


def skeleton(lesson):
    """Picture, set-up cell, prediction, widget, headings in order, quiz, references."""
    if not (picture := PICTURE.search(lesson.cells[0].source)) or len(picture[1]) < 20:
        yield "the first cell needs a picture with alt text: ![what it shows](flow: a -> b)"
    setup = lesson.cells[1]
    *imports, last = filter(str.strip, setup.source.splitlines())
    if "setup" not in tags(setup) or len(imports) > 4 or not last.startswith("mm.setup("):
        yield "the second cell must be tagged setup: at most 4 lines of imports, then mm.setup(seed=0)"
    text = "\n".join(c.source for c in lesson.cells if c.cell_type == "markdown")
    source = "\n".join(c.source for c in lesson.cells if c.cell_type == "code")
    if not any("predict" in tags(c) for c in lesson.cells):
        yield "needs a predict-first prompt (a markdown cell tagged predict)"
    if "widgets.explore(" not in source:
        yield "needs a widget (widgets.explore)"
    places = [text.find(f"{heading}\n") for heading in HEADINGS]
    last_exercise = max((m.start() for m in EXERCISE.finditer(text)), default=0)
    if -1 in places or places != sorted(places) or places[0] < last_exercise:
        yield f"needs these headings in this order, after the last exercise: {', '.join(HEADINGS)}"
        return
    points = text[places[1] : places[2]]
    if len(re.findall(r"^\d\. ", points, re.M)) != 3:
        yield "Three key points must be a numbered list of three"
    yield from _quiz(text[places[2] : places[3]])
    if len(re.findall(r"^- .*\b(?:1[789]|20)\d\d\b", text[places[3] :], re.M)) < 2:
        yield "References must list at least two works, each with its year"


def _quiz(text):
    questions = re.split(r"^\*\*\d\.\*\* ", text, flags=re.M)[1:]
    if len(questions) != 3:
        yield f"the quiz needs exactly three questions (**1.** …), it has {len(questions)}"
    for number, question in enumerate(questions, 1):
        answers = re.findall(r"<details><summary>.+?</summary>\s*(.+?)</details>", question, re.S)
        if len(answers) < 3 or sum(a.strip().startswith("Right.") for a in answers) != 1:
            yield f"quiz question {number} needs at least three answers, each explained, one beginning with 'Right.'"


def exercises(lesson):
    """At least four, rated, timed, hinted, checked in the next cell, never used downstream, never leaked."""
    number = int(lesson.number)
    expected = 1
    owned = {}
    for i, cell in enumerate(lesson.cells):
        if cell.cell_type == "markdown" and (found := EXERCISE.search(cell.source)):
            name = f"{number}.{expected}"
            expected += 1
            if found[1] != name:
                yield f"exercise {found[1]} should be numbered {name}"
            if cell.source.count("<details><summary>Hint: ") != 2:
                yield f"exercise {name} needs two folded hints (idea, then pseudocode)"
            if "exercise" not in tags(lesson.cells[i + 1]):
                yield f"exercise {name} must be followed by its code cell, tagged exercise"
        if cell.cell_type == "code" and "exercise" in tags(cell):
            yield from _exercise_cell(lesson, i, owned)
    if expected <= 4:
        yield f"needs at least four exercises, has {expected - 1}"
    yield from _downstream(lesson, owned)


def _exercise_cell(lesson, index, owned):
    cell = lesson.cells[index]
    tree = lessons.parse(lessons.close_exercise(cell.source))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if len(names) != 1 or len(tree.body) != 1:
        yield f"cell {index + 1}: an exercise is one function or one class"
        return
    owned[names[0]] = index
    following = lesson.cells[index + 1].source.strip() if index + 1 < len(lesson.cells) else ""
    if not re.fullmatch(rf"check\.ex{int(lesson.number)}_\d+\({names[0]}\)", following):
        yield f"cell {index + 2} must be just the check of {names[0]}: check.ex{int(lesson.number)}_N({names[0]})"
    try:
        lessons.open_exercise(cell.source, f"cell {index + 1}")
    except lessons.LessonError as error:
        yield str(error)
        return
    answer = cell.source.split(lessons.BEGIN, 1)[1].split(lessons.END, 1)[0]
    squeeze = "".join(answer.split())
    long_lines = ["".join(line.split()) for line in answer.splitlines() if len(line.strip()) >= 40]
    for other, place in enumerate(lesson.cells):
        text = "".join(place.source.split())
        if other != index and (squeeze in text or any(line in text for line in long_lines)):
            yield f"the answer of cell {index + 1} also stands in cell {other + 1}: it leaks into the learner's notebook"


def _downstream(lesson, owned):
    for i, cell, tree in lessons.code(lesson):
        if "exercise" in tags(cell) or cell.source.startswith("check."):
            continue
        used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} & set(owned)
        for name in sorted(used):
            yield f"cell {i + 1} uses {name}, which the learner writes; use the package's version"


def running(lesson):
    """No shell or magics, no vacuous test markers, an assert, no silenced warnings."""
    asserts = 0
    for i, cell in enumerate(lesson.cells, 1):
        marks = [tag for tag in tags(cell) if any(word in tag.lower() for word in VACUOUS)]
        if marks or re.search(r"^\s*#\s*NBVAL_", cell.source, re.M):
            yield f"cell {i} carries a marker that lets a test pass without checking"
        if cell.cell_type != "code":
            continue
        if re.search(r"^\s*[!%]", cell.source, re.M):
            yield f"cell {i} uses ! or %; only the generated Colab cell may"
        if re.search(r"filterwarnings|simplefilter|catch_warnings", cell.source):
            yield f"cell {i} silences warnings; mend their cause"
        if "exercise" not in tags(cell):
            asserts += sum(isinstance(n, ast.Assert) for n in ast.walk(lessons.parse(cell.source)))
    if not asserts:
        yield "needs at least one assert outside the exercises"


def _literal(node):
    """Tell whether an expression is made of literals and calls on literals alone."""
    return not any(isinstance(part, ast.Name) and part.id not in ("np", "numpy", "torch") for part in ast.walk(node))


def claims(lesson):
    """At least one claim; each computed, each able to fail."""
    assigned = {}
    for _, _, tree in lessons.code(lesson):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    for name in ast.walk(target):
                        if isinstance(name, ast.Name):
                            assigned.setdefault(name.id, []).append(node.value)
    found = 0
    for i, _, tree in lessons.code(lesson):
        calls = {id(n): n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "mm.claim"}
        found += len(calls)
        guarded = [n for n in ast.walk(tree) if isinstance(n, ast.Try | ast.If | ast.While | ast.FunctionDef)]
        if any(id(part) in calls for block in guarded for part in ast.walk(block)):
            yield f"cell {i + 1}: a claim must not stand in a try, if, while or function, where it may never fail"
        for call in calls.values():
            yield from (f"cell {i + 1}: {fault}" for fault in _claim(lesson, call, assigned))
    if not found:
        yield "makes no claim (mm.claim)"


def _claim(lesson, call, assigned):
    if len(call.args) != 3 or not ast.unparse(call.args[0]).strip("'\"").startswith(f"{lesson.number}."):
        yield f'a claim is mm.claim("{lesson.number}.N", "what holds", values, margin=…)'
        return
    values = call.args[2]
    names = {n.id for n in ast.walk(values) if isinstance(n, ast.Name)}
    if _literal(values) or all(_literal(v) for name in names & set(assigned) for v in assigned[name]):
        yield "the values of a claim must be computed from results, not written down: it cannot fail"
    numbers = {}
    for word in call.keywords:
        if word.arg in ("margin", "within"):
            try:
                numbers[word.arg] = float(ast.literal_eval(word.value))
            except (ValueError, TypeError):
                yield f"{word.arg} of a claim must be a number written in the call"
    low = numbers.get("margin", 0.0)
    if not (-1e6 < low < 1e6 and 0 < numbers.get("within", 1.0) < 1e6):
        yield "the margin of a claim must be finite, and within above 0: it cannot fail"
    folded = isinstance(values, ast.Call) and ast.unparse(values.func).split(".")[-1] in ("abs", "square")
    squared = isinstance(values, ast.BinOp) and isinstance(values.op, ast.Pow)
    if (folded or squared) and "within" not in numbers and low <= 0:
        yield "a claim that a magnitude is above zero cannot fail"


def figures(lesson):
    """Alt text after a cell that ends in a figure call is checked on the solved notebook; here: its form."""
    for i, cell in enumerate(lesson.cells, 1):
        if "alt" in tags(cell) and not re.match(r"\*Figure: .{30,}\*\s*$", cell.source, re.S):
            yield f"cell {i}: alt text has the form *Figure: what it shows …*"
        for alt in re.findall(r"!\[([^\]]*)\]\(", cell.source) if cell.cell_type == "markdown" else []:
            if len(alt) < 20:
                yield f"cell {i}: a picture needs alt text of at least 20 characters"


EXTRA = (sizes, running, figures)  # for a notebook that is no lesson
RULES = (*EXTRA, skeleton, exercises, claims)


def solved_faults(name, notebook, written_bytes):
    """Check the executed notebook: size, alt text after figures, clean output, checks correct, claims printed."""
    faults = [] if written_bytes <= MAX_BYTES else [f"{written_bytes} bytes; at most {MAX_BYTES}"]
    cells, printed = notebook.cells, ""
    for i, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        if cell.source.strip() and cell.execution_count is None:
            faults.append(f"cell {i + 1} was not executed")
        outputs = cell.get("outputs", [])
        texts = "".join(o.get("text", "") for o in outputs)
        printed += texts
        if any(o.output_type == "error" or (o.output_type == "stream" and o.name == "stderr") for o in outputs):
            faults.append(f"cell {i + 1} printed a warning or an error: {texts[:200]!r}")
        drawn = any("image/png" in o.get("data", {}) for o in outputs)
        if drawn and "alt" not in tags(cells[i + 1]):
            faults.append(f"cell {i + 1} draws a figure; the next cell must be its alt text")
        if re.match(r"check\.ex\d+_\d+\(", cell.source) and ": correct" not in texts:
            faults.append(f"cell {i + 1}: the lesson's own solution is not correct: {texts.strip()!r}")
        cpu = cell.metadata.get("mmcourse", {}).get("cpu_seconds", 0)
        before = next((c.source for c in reversed(cells[:i]) if c.cell_type == "markdown"), "")
        if cpu > 10 and "setup" not in tags(cell) and not SECONDS.search(before):
            faults.append(f"cell {i + 1} takes {cpu:.0f} CPU seconds; say so just before it ('about {cpu:.0f} s')")
    if "claim " not in printed and not any(name.startswith(path.stem) for path in lessons.extras()):
        faults.append("prints no claim")
    return [f"{name}: {fault}" for fault in faults]
