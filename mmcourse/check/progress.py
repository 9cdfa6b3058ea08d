"""A learner's progress: one JSON file, kept safe.

Each outcome of a check is added to what the file holds at that moment, under a lock, and the file is replaced in one
step, so that several notebooks lose nothing of each other's. What cannot be saved is kept in memory until it can.
"""

import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import platformdirs
from filelock import FileLock

from mmcourse import session
from mmcourse.check import catalogue
from mmcourse.check.engine import CORRECT, NOT_YET

SCHEMA = 1
MEMORY_LIMIT = 2 * 2**30  # bytes, under the profile quick

_COUNTS = ("attempts", "failed")
_unsaved = []  # outcomes that are not in the file: (number, state, time)
_told = set()  # kinds of trouble already explained


class DamagedError(Exception):
    """The file is not a progress file."""


class NewerError(Exception):
    """The file was written by a later version of the course."""


UNUSABLE = (OSError, NotImplementedError, NewerError)  # filelock raises NotImplementedError where locks do not exist


def path():
    """Return where progress is kept: MMCOURSE_PROGRESS, or a file in the user's data folder."""
    chosen = os.environ.get("MMCOURSE_PROGRESS")
    file = Path(chosen).expanduser() if chosen else platformdirs.user_data_path("mmcourse") / "progress.json"
    return Path(os.path.realpath(file))


def record(number, state):
    """Add the outcome of one check and return how often that exercise has failed so far.

    Parameters
    ----------
    number : str
        The exercise, such as "1.2".
    state : str
        "correct", "not yet" or "not attempted yet". The last is no attempt.
    """
    _unsaved.append((number, state, datetime.now(UTC).isoformat(timespec="seconds")))
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _lock(file):
            content = _add(_load_or_set_aside(file), _unsaved)
            _write(file, content)
        _unsaved.clear()
        return content["exercises"][number]["failed"]
    except UNUSABLE as error:
        _explain(file, error)
        return read()[number]["failed"]


def read():
    """Return what is known of each exercise: {"1.2": {"attempts", "failed", "passed", "last", "first", "updated"}}.

    `passed` is the time of the first correct answer or None; `last` is the latest outcome.
    """
    file = path()
    try:
        content = _load(file)
    except UNUSABLE as error:
        _explain(file, error)
        content = _empty()
    return _add(content, _unsaved)["exercises"]


def progress(lesson=None):
    """Print a table of all lessons, or one lesson's line with the time and memory used since `mmcourse.setup`.

    Parameters
    ----------
    lesson : str, optional
        Such as "01".

    Raises
    ------
    RuntimeError
        For one lesson, under the profile smoke or in strict mode, when it used more than twice its processor time, or
        more than 2 GiB of memory under quick.
    """
    numbers, entries = catalogue(), read()
    for number in entries:
        numbers.setdefault(_lesson_of(number), [])
    rows = {key: _count(key, known, entries) for key, known in sorted(numbers.items())}
    if lesson is None:
        _print_table(rows)
        return
    key = f"{int(lesson):02d}" if str(lesson).isdigit() else str(lesson)
    if key not in rows:
        print(f"There is no lesson {lesson!r}; there are {', '.join(rows) or 'none yet'}.")
        return
    total, correct, seen, attempts = rows[key]
    seconds, peak = session.usage()
    used = "" if seconds is None else f" {seconds:.0f} CPU seconds since mm.setup."
    used += "" if peak is None else f" Peak memory {peak / 2**20:.0f} MiB."
    print(f"Lesson {key}: {correct} of {total} exercises correct, {seen} seen, attempts: {attempts}.{used}")
    _enforce(key, seconds, peak)


def _lesson_of(number):
    return f"{int(number.split('.')[0]):02d}"


def _count(lesson, known, entries):
    """Return exercises, correct, seen and attempts of one lesson."""
    ours = {number: entry for number, entry in entries.items() if _lesson_of(number) == lesson}
    total = len({*known, *ours})
    return (
        total,
        sum(e["passed"] is not None for e in ours.values()),
        len(ours),
        sum(e["attempts"] for e in ours.values()),
    )


def _print_table(rows):
    line = "{:<8}{:>10}{:>10}{:>10}{:>10}".format
    print(line("lesson", "exercises", "correct", "seen", "attempts"))
    for key, row in rows.items():
        print(line(key, *row))
    if len(rows) > 1:
        print(line("all", *map(sum, zip(*rows.values(), strict=True))))


def _enforce(lesson, seconds, peak):
    profile = session.profile()
    if profile != "smoke" and not session.strict():
        return
    long = lesson in {"13", "14", "15", "16", "17", "19"}
    budget = session.per_profile(smoke=20, quick=120 if long else 60, full=None)
    if budget and seconds is not None and seconds > 2 * budget:
        raise RuntimeError(
            f"lesson {lesson} used {seconds:.0f} CPU seconds; twice its {profile} budget is {2 * budget}"
        )
    if profile == "quick" and peak is not None and peak > MEMORY_LIMIT:
        raise RuntimeError(f"lesson {lesson} used {peak / 2**30:.2f} GiB of memory; the limit is 2 GiB")


def _empty():
    return {"schema": SCHEMA, "exercises": {}}


def _add(content, outcomes):
    """Return `content` with outcomes added; changes and returns it."""
    for number, state, time in outcomes:
        new = {"attempts": 0, "failed": 0, "passed": None, "first": time}
        entry = content["exercises"].setdefault(number, new)
        entry["attempts"] += state in (CORRECT, NOT_YET)
        entry["failed"] += state == NOT_YET
        if state == CORRECT and entry["passed"] is None:
            entry["passed"] = time
        entry.update(last=state, updated=time)
    return content


def _lock(file):
    return FileLock(f"{file}.lock", timeout=10)


def _load(file):
    """Read the file; a damaged one is set aside. Needs no lock unless damaged: files are replaced in one step."""
    try:
        return parse(file)
    except DamagedError:
        with _lock(file):
            return _load_or_set_aside(file)


def parse(file):
    """Return what a progress file holds; a missing one holds no exercises. Nothing is changed on the disk.

    Raises
    ------
    DamagedError
        It is not a progress file.
    NewerError
        A later version of the course wrote it.
    OSError
        It cannot be read.
    """
    try:
        text = file.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return _empty()
    except UnicodeDecodeError:
        raise DamagedError from None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise DamagedError from None
    return _validated(content)


def _validated(content):
    schema = content.get("schema") if isinstance(content, dict) else None
    if type(schema) is not int or schema < 1:
        raise DamagedError
    if schema > SCHEMA:
        raise NewerError
    exercises = content.get("exercises")
    if not isinstance(exercises, dict) or not all(map(_is_entry, exercises.items())):
        raise DamagedError
    return content


def _is_entry(item):
    number, entry = item
    return (
        re.fullmatch(r"\d+\.\d+", number) is not None
        and isinstance(entry, dict)
        and all(type(entry.get(name)) is int and entry[name] >= 0 for name in _COUNTS)
        and isinstance(entry.get("passed", 0), str | None)
    )


def _load_or_set_aside(file):
    """Read the file, or rename it if it is damaged; the lock is held."""
    try:
        return parse(file)
    except DamagedError:
        pass
    stamp = f"{datetime.now():%Y%m%d-%H%M%S}"
    names = (f"{file.stem}.damaged-{stamp}{extra}{file.suffix}" for extra in ("", *(f"-{n}" for n in range(2, 1000))))
    aside = next(place for place in map(file.with_name, names) if not place.exists())
    os.rename(file, aside)
    print(f"Your progress file could not be read. It is kept as {aside}, and counting starts again.")
    return _empty()


def _write(file, content):
    """Replace the file in one step; the lock is held, so the name of the unfinished one is ours."""
    unfinished = file.with_name(file.name + ".tmp")
    with open(unfinished, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(unfinished, file)


def _explain(file, error):
    """Say, once, why progress stays in memory."""
    kind = type(error)
    if kind in _told:
        return
    _told.add(kind)
    reason = (
        "a newer version of the course wrote it" if kind is NewerError else getattr(error, "strerror", None) or error
    )
    print(
        f"Your progress cannot be kept in {file} ({reason}). The checks work, but it lasts only until you close this."
    )


if __name__ == "__main__":
    from mmcourse.check.progress import progress as show

    show()
    sys.exit()
