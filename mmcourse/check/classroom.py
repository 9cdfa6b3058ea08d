"""What a room has passed, from one progress file a learner: `python3 course.py progress --class FOLDER`."""

import argparse
import sys
from pathlib import Path

from mmcourse.check import catalogue
from mmcourse.check.progress import UNUSABLE, DamagedError, NewerError, parse, progress

STUCK = 3  # failed tries without a correct one
LARGEST = 5_000_000  # bytes; a file of all exercises takes some ten thousand


def read_class(folder):
    """Read the progress files of a room; nothing is changed on the disk.

    Parameters
    ----------
    folder : path-like
        Holds ``<name>/progress.json`` or ``<name>.json`` for each learner.

    Returns
    -------
    learners : dict of str to dict
        For each name the exercises, as :func:`mmcourse.check.progress.read` gives them.
    skipped : list of str
        A sentence for each file that could not be read.

    Raises
    ------
    FileNotFoundError
        No such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    files = {file: file.stem for file in folder.glob("*.json") if ".damaged-" not in file.name}
    files |= {file: file.parent.name for file in folder.glob("*/progress.json")}
    learners, skipped = {}, []
    for file in sorted(files):
        name = _printable(file.relative_to(folder))
        try:
            if file.stat().st_size > LARGEST:
                raise DamagedError
            learners[_unused(_printable(files[file]), learners)] = parse(file)["exercises"]
        except DamagedError:
            skipped.append(f"{name} is damaged; skipped")
        except NewerError:
            skipped.append(f"{name} was written by a newer version of the course; skipped")
        except UNUSABLE as error:
            skipped.append(f"{name} cannot be read ({getattr(error, 'strerror', None) or error}); skipped")
    return learners, skipped


def idle(folder):
    """Return the names of the folders that hold no progress file yet: who has tried nothing so far."""
    places = sorted(place for place in Path(folder).iterdir() if place.is_dir() and not place.name.startswith("."))
    return [_printable(place.name) for place in places if not (place / "progress.json").exists()]


def _printable(name):
    return "".join(letter if letter.isprintable() else "?" for letter in str(name))


def _unused(name, learners):
    return name if name not in learners else _unused(f"{name} (2)", learners)


def _count(number, thing):
    return f"{number} {thing}{'' if number == 1 else 's'}"


def rows(learners):
    """Return (exercise, passed, tried, attempts, names of the stuck) for each exercise that somebody has tried."""
    found = []
    for number in (number for numbers in catalogue().values() for number in numbers):
        seen = {name: exercises[number] for name, exercises in learners.items() if number in exercises}
        tried = {name: entry for name, entry in seen.items() if entry["attempts"]}
        passed = sum(entry["passed"] is not None for entry in tried.values())
        stuck = [name for name, entry in tried.items() if entry["passed"] is None and entry["failed"] >= STUCK]
        if tried:
            found.append((number, passed, len(tried), sum(e["attempts"] for e in tried.values()), stuck))
    return found


def show_class(folder):
    """Print how many of the room have passed each exercise, who is stuck or has not begun, and which files were skipped."""
    learners, skipped = read_class(folder)
    print(_count(len(learners), "learner") + (f", {_count(len(skipped), 'file')} skipped" if skipped else ""))
    table = rows(learners)
    if table:
        print(f"{'exercise':<9}{'passed':>9}{'tried':>7}{'attempts':>10}   stuck ({STUCK} or more failed tries)")
    for number, passed, tried, attempts, stuck in table:
        share = f"{passed}/{len(learners)}"
        print(f"{number:<9}{share:>9}{tried:>7}{attempts:>10}   {', '.join(stuck)}".rstrip())
    if waiting := idle(folder):
        print(f"no progress file yet: {', '.join(waiting)}")
    if learners and not table:
        print("nobody has tried an exercise yet")
    print("\n".join(skipped), end="\n" if skipped else "")
    return bool(learners)


def main(arguments=None):
    """Print the table of one learner, or of a class."""
    parser = argparse.ArgumentParser(prog="course.py progress", description="Show which exercises have been solved.")
    text = "one progress file a learner in it: NAME/progress.json or NAME.json"
    parser.add_argument("--class", dest="folder", metavar="FOLDER", help=text)
    folder = parser.parse_args(arguments).folder
    if folder is None:
        progress()
        return 0
    try:
        if show_class(folder):
            return 0
        print(f"{folder} holds no readable progress file: NAME/progress.json or NAME.json", file=sys.stderr)
    except OSError as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
