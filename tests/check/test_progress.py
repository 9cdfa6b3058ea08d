"""Progress: nothing lost, nothing crashes, whatever happens to the file."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs
import pytest

import mmcourse as mm
from mmcourse import check, session
from mmcourse.check import progress


@pytest.fixture(autouse=True)
def file(monkeypatch, tmp_path):
    """Start with no file, and forget afterwards what could not be saved."""
    file = tmp_path / "kept" / "progress.json"
    monkeypatch.setenv("MMCOURSE_PROGRESS", str(file))
    for name in ("MMCOURSE_STRICT", "MMCOURSE_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(progress, "_unsaved", [])
    monkeypatch.setattr(progress, "_told", set())
    monkeypatch.setattr(progress, "catalogue", lambda: {"00": ["0.1"], "01": ["1.1", "1.2"]})
    return file


def entries(file):
    return json.loads(file.read_text())["exercises"]


def python(code, *arguments, **options):
    """Start another process on the same file."""
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True, **options)


def test_counts(file):
    assert progress.record("1.2", "not attempted yet") == 0
    assert progress.record("1.2", "not yet") == 1
    assert progress.record("1.2", "not yet") == 2
    assert progress.record("1.1", "correct") == 0
    entry = entries(file)["1.2"]
    assert (entry["attempts"], entry["failed"], entry["passed"], entry["last"]) == (2, 2, None, "not yet")
    assert progress.read() == entries(file)
    assert json.loads(file.read_text())["schema"] == 1


def test_passed_stays_passed(file):
    progress.record("1.2", "correct")
    passed = entries(file)["1.2"]["passed"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", passed)
    progress.record("1.2", "not yet")
    entry = entries(file)["1.2"]
    assert (entry["passed"], entry["last"], entry["attempts"], entry["failed"]) == (passed, "not yet", 2, 1)


def test_other_fields_are_kept(file):
    progress.record("1.2", "correct")
    content = json.loads(file.read_text())
    content["note"] = content["exercises"]["1.2"]["note"] = "mine"
    file.write_text(json.dumps(content))
    progress.record("1.2", "correct")
    content = json.loads(file.read_text())
    assert content["note"] == content["exercises"]["1.2"]["note"] == "mine"


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("MMCOURSE_PROGRESS", "~/x.json")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert progress.path() == Path(os.path.realpath(tmp_path)) / "x.json"
    monkeypatch.delenv("MMCOURSE_PROGRESS")
    assert progress.path() == Path(os.path.realpath(platformdirs.user_data_path("mmcourse") / "progress.json"))


HAMMER = """
import sys
from mmcourse.check import progress
for i in range(40):
    progress.record(sys.argv[1], "not yet")
    progress.record("2.9", "not yet")
"""


def test_two_processes_at_once_lose_nothing(file):
    writers = [python(HAMMER, number) for number in ("2.1", "2.2")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert {number: entry["failed"] for number, entry in entries(file).items()} == {"2.1": 40, "2.2": 40, "2.9": 80}
    assert sorted(path.name for path in file.parent.iterdir() if not path.name.endswith(".lock")) == ["progress.json"]


DAMAGES = [
    b"",
    b'{"schema": 1, "exercises": {"1.1": {"attempts": 3, "fai',
    b"\xff\xfe\x00broken",
    b"[]",
    b"null",
    b"[" * 100_000,
    b'{"exercises": {}}',
    b'{"schema": "1", "exercises": {}}',
    b'{"schema": true, "exercises": {}}',
    b'{"schema": 0, "exercises": {}}',
    b'{"schema": 1}',
    b'{"schema": 1, "exercises": []}',
    b'{"schema": 1, "exercises": {"1.1": 5}}',
    b'{"schema": 1, "exercises": {"1.1": {"attempts": "3", "failed": 0, "passed": null}}}',
    b'{"schema": 1, "exercises": {"1.1": {"attempts": -3, "failed": 0, "passed": null}}}',
    b'{"schema": 1, "exercises": {"1.1": {"attempts": 3, "failed": 0, "passed": 7}}}',
    b'{"schema": 1, "exercises": {"1.1": {"attempts": 3, "failed": 0}}}',
    b'{"schema": 1, "exercises": {"first": {"attempts": 3, "failed": 0, "passed": null}}}',
]


@pytest.mark.parametrize("content", DAMAGES, ids=lambda content: content[:40].decode("latin1"))
@pytest.mark.parametrize("action", [lambda: progress.record("1.2", "correct"), progress.progress])
def test_a_damaged_file_is_set_aside(file, capsys, content, action):
    file.parent.mkdir()
    file.write_bytes(content)
    action()
    said = capsys.readouterr().out.splitlines()[0]
    aside = [path for path in file.parent.iterdir() if "damaged" in path.name]
    assert len(aside) == 1
    assert re.fullmatch(r"progress\.damaged-\d{8}-\d{6}\.json", aside[0].name)
    assert said == f"Your progress file could not be read. It is kept as {aside[0]}, and counting starts again."
    assert aside[0].read_bytes() == content
    progress.record("1.1", "correct")
    assert "1.1" in entries(file)
    assert capsys.readouterr().out == ""


def test_two_damaged_files_are_both_kept(file):
    file.parent.mkdir()
    for content in (b"one", b"two"):
        file.write_bytes(content)
        progress.record("1.1", "correct")
    aside = [path.read_bytes() for path in file.parent.iterdir() if "damaged" in path.name]
    assert sorted(aside) == [b"one", b"two"]


def test_a_newer_file_is_left_as_it_is(file, capsys):
    file.parent.mkdir()
    newer = '{"schema": 2, "learners": {"me": ["1.1"]}}'
    file.write_text(newer)
    assert progress.record("1.1", "not yet") == 1
    assert progress.record("1.1", "not yet") == 2
    assert capsys.readouterr().out == (
        f"Your progress cannot be kept in {file} (a newer version of the course wrote it). "
        "The checks work, but it lasts only until you close this.\n"
    )
    progress.progress()
    assert file.read_text() == newer
    assert [path.name for path in file.parent.iterdir() if "damaged" in path.name] == []


KILLED = """
import os, sys
from mmcourse.check import progress
progress.record("1.1", "correct")
if sys.argv[1] == "write":
    progress.os.fsync = lambda number: os.kill(os.getpid(), 9)
else:
    progress.os.replace = lambda old, new: os.kill(os.getpid(), 9)
progress.record("1.2", "correct")
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("moment", ["write", "replace"])
def test_killed_in_mid_write(file, moment, capsys):
    assert python(KILLED, moment).wait(30) == -9
    assert set(entries(file)) == {"1.1"}
    progress.record("1.2", "correct")
    assert set(entries(file)) == {"1.1", "1.2"}
    assert capsys.readouterr().out == ""
    assert not list(file.parent.glob("*.tmp"))


def test_a_full_disk_keeps_the_old_file_and_the_counts(file, monkeypatch, capsys):
    progress.record("1.1", "correct")
    with monkeypatch.context() as full:

        def fail(number):
            raise OSError(28, "No space left on device")

        full.setattr(progress.os, "fsync", fail)
        assert progress.record("1.2", "not yet") == 1
        assert progress.record("1.2", "not yet") == 2
        assert set(entries(file)) == {"1.1"}
        assert progress.read()["1.2"]["failed"] == 2
        assert capsys.readouterr().out.count("No space left on device") == 1
    assert progress.record("1.2", "not yet") == 3, "the disk has space again: what was kept in memory is saved"
    assert entries(file)["1.2"]["failed"] == 3


@pytest.fixture
def folder():
    """Give a folder that everybody may enter, outside of pytest's own, which only we may."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)
        os.chmod(name, 0o755)


@pytest.mark.skipif(os.name == "nt", reason="folders have no read-only mode")
@pytest.mark.parametrize("existing", [True, False])
def test_a_read_only_folder_gives_one_sentence(folder, monkeypatch, capsys, existing):
    file = folder / "progress.json"
    monkeypatch.setenv("MMCOURSE_PROGRESS", str(file))
    if existing:
        progress.record("1.1", "correct")
        (folder / "progress.json.lock").unlink(missing_ok=True)
    os.chmod(folder, 0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # nothing is read-only for root
    try:
        assert progress.record("1.2", "not yet") == 1
        assert progress.record("1.2", "not yet") == 2
        progress.progress()
    finally:
        os.seteuid(user)
    said = capsys.readouterr().out
    assert said.count("cannot be kept") == 1
    assert said.startswith(f"Your progress cannot be kept in {os.path.realpath(file)} (Permission denied).")
    assert ("all              3         1         2         3" in said) == existing


@pytest.mark.parametrize("place", ["a file/progress.json", "a folder"])
def test_impossible_places(tmp_path, monkeypatch, capsys, place):
    (tmp_path / "a file").write_text("")
    (tmp_path / "a folder").mkdir()
    monkeypatch.setenv("MMCOURSE_PROGRESS", str(tmp_path / place))
    assert progress.record("1.2", "not yet") == 1
    progress.progress()
    assert "cannot be kept" in capsys.readouterr().out.splitlines()[0]


def test_a_lock_held_forever_is_waited_for_briefly(file, monkeypatch, capsys):
    held = progress.FileLock
    monkeypatch.setattr(progress, "FileLock", lambda name, timeout: held(name, timeout=0.05))
    file.parent.mkdir()
    with held(f"{file}.lock"):
        assert progress.record("1.2", "not yet") == 1
    assert "could not be acquired" in capsys.readouterr().out
    assert progress.record("1.2", "not yet") == 2
    assert entries(file)["1.2"]["failed"] == 2


def test_the_table(capsys):
    progress.record("1.2", "not yet")
    progress.record("1.2", "correct")
    progress.record("1.1", "not attempted yet")
    progress.record("3.1", "correct")  # a lesson that is not in this version
    assert progress.progress() is None
    assert capsys.readouterr().out.splitlines() == [
        "lesson   exercises   correct      seen  attempts",
        "00               1         0         0         0",
        "01               2         1         2         2",
        "03               1         1         1         1",
        "all              4         2         3         3",
    ]


def test_the_table_from_a_terminal(file, capsys):
    progress.record("1.2", "correct")
    capsys.readouterr()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "mmcourse.check.progress"], capture_output=True, text=True, check=True
    )
    assert "correct" in done.stdout.splitlines()[0]
    assert done.stderr == ""
    assert re.search(r"^01 +\d+ +1 +1 +1$", done.stdout, re.M)


def test_totals_come_from_the_lessons(monkeypatch, capsys):
    monkeypatch.setattr(progress, "catalogue", check.catalogue)
    progress.progress()
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert {row[0]: int(row[1]) for row in rows if row[0] != "all"} == {
        key: len(numbers) for key, numbers in check.catalogue().items()
    }


@pytest.mark.parametrize("name", ["01", "1", 1])
def test_one_lesson(monkeypatch, capsys, name):
    monkeypatch.setattr(session, "usage", lambda: (12.4, 900 * 2**20))
    progress.record("1.2", "correct")
    progress.progress(name)
    assert capsys.readouterr().out == (
        "Lesson 01: 1 of 2 exercises correct, 1 seen, attempts: 1. "
        "12 CPU seconds since mm.setup. Peak memory 900 MiB.\n"
    )


def test_one_lesson_without_measurements(monkeypatch, capsys):
    for measured, end in [((None, None), ""), ((3.0, None), " 3 CPU seconds since mm.setup.")]:
        monkeypatch.setattr(session, "usage", lambda measured=measured: measured)
        progress.progress("00")
        assert capsys.readouterr().out == f"Lesson 00: 0 of 1 exercises correct, 0 seen, attempts: 0.{end}\n"


@pytest.mark.parametrize("name", ["07", "first", 7])
def test_an_unknown_lesson(capsys, name):
    progress.progress(name)
    assert capsys.readouterr().out == f"There is no lesson {name!r}; there are 00, 01.\n"


GIB = 2**30


@pytest.mark.parametrize(
    ("profile", "strict", "lesson", "seconds", "peak", "message"),
    [
        ("smoke", "0", "01", 41, 0, "used 41 CPU seconds; twice its smoke budget is 40"),
        ("smoke", "0", "01", 39, 3 * GIB, None),
        ("smoke", "0", "15", 41, 0, "twice its smoke budget is 40"),
        ("quick", "1", "01", 121, 0, "twice its quick budget is 120"),
        ("quick", "1", "01", 119, 2 * GIB, None),
        ("quick", "1", "12", 121, 0, "twice its quick budget is 120"),
        ("quick", "1", "13", 239, 0, None),
        ("quick", "1", "17", 241, 0, "twice its quick budget is 240"),
        ("quick", "1", "18", 121, 0, "twice its quick budget is 120"),
        ("quick", "1", "19", 239, 0, None),
        ("quick", "1", "01", 1, 2.5 * GIB, "used 2.50 GiB of memory; the limit is 2 GiB"),
        ("quick", "1", "01", 1, None, None),
        ("quick", "1", "01", None, None, None),
        ("quick", "0", "01", 1000, 9 * GIB, None),  # a learner at work
        ("full", "1", "01", 1000, 9 * GIB, None),
    ],
)
def test_budgets(monkeypatch, profile, strict, lesson, seconds, peak, message):
    monkeypatch.setenv("MMCOURSE_PROFILE", profile)
    monkeypatch.setenv("MMCOURSE_STRICT", strict)
    monkeypatch.setattr(session, "usage", lambda: (seconds, peak))
    monkeypatch.setattr(progress, "catalogue", lambda: {lesson: []})
    if message is None:
        progress.progress(lesson)
    else:
        with pytest.raises(RuntimeError, match=message):
            progress.progress(lesson)


def test_the_short_name():
    assert mm.progress is progress.progress
