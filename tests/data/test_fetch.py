"""Every way in which fetching a wheel can fail, each with its sentence."""

import hashlib
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from toys import make_wheel, wheel_entry

from mmcourse.data import fetch
from mmcourse.data.errors import FetchError
from mmcourse.data.fetch import WheelFiles, digest, wheel_files


def test_one_member_comes_back_whole_and_nothing_is_left(index, tmp_path):
    make_wheel(index)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    assert wheel_files(wheel_entry(), scratch) == {"toydata/numbers.csv": b"1,2,3\n"}
    assert not list(scratch.iterdir())


def test_the_hash_of_a_folder_covers_names_and_contents(index):
    files = {"toydata/svg/b.svg": b"two", "toydata/svg/a.svg": b"one"}
    archive = make_wheel(index, files=[*files.items(), ("toydata/other.txt", b"no")])
    by_hand = hashlib.sha256()
    for name in ("toydata/svg/a.svg", "toydata/svg/b.svg"):
        by_hand.update(name.encode() + b"\n" + hashlib.sha256(files[name]).hexdigest().encode() + b"\n")
    wheel = WheelFiles("toydata", "1.0", ("toydata/svg/*.svg",), by_hand.hexdigest(), 1000)
    assert fetch._extract(archive, wheel) == files
    assert digest(files) == wheel.sha256
    assert digest({"toydata/svg/a.svg": b"two", "toydata/svg/b.svg": b"one"}) != wheel.sha256


def test_a_package_the_index_does_not_have(tmp_path):
    with pytest.raises(FetchError, match=r"your package index has no toydata==1\.0"):
        wheel_files(wheel_entry(), tmp_path)


def test_half_a_download(index, tmp_path):
    path = make_wheel(index, files=[("toydata/numbers.csv", bytes(range(256)) * 40)])
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(FetchError, match=r"the download of toydata==1.0 is damaged or only half there") as error:
        wheel_files(wheel_entry(), tmp_path)
    assert error.value.action == "Run again"


@pytest.mark.parametrize("part", [0.0, 0.5, 0.95, "flipped"])
def test_a_damaged_archive_that_pip_lets_pass(index, part):
    path = make_wheel(index, files=[("toydata/numbers.csv", bytes(range(256)) * 40)])
    content = path.read_bytes()
    broken = content[:100] + bytes([content[100] ^ 255]) + content[101:]
    path.write_bytes(broken if part == "flipped" else content[: int(part * len(content))])
    with pytest.raises(FetchError, match="damaged or only half there"):
        fetch._extract(path, wheel_entry())


@pytest.mark.parametrize(
    "name", ["../evil.txt", "toydata/../../evil.txt", "/etc/evil.txt", "..\\evil.txt", "C:\\evil.txt"]
)
def test_an_archive_that_reaches_out_of_its_folder_is_refused(index, tmp_path, name):
    archive = make_wheel(index, files=[("toydata/numbers.csv", b"1,2,3\n"), (name, b"evil")])
    with pytest.raises(FetchError, match=r"was refused: its member .* points outside of its folder"):
        fetch._extract(archive, wheel_entry())
    assert not list(tmp_path.rglob("evil.txt"))


def test_such_an_archive_is_refused_on_the_whole_way_too(index, tmp_path):
    make_wheel(index, files=[("toydata/numbers.csv", b"1,2,3\n"), ("../evil.txt", b"evil")])
    with pytest.raises(FetchError):
        wheel_files(wheel_entry(), tmp_path)
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_wheel_without_the_member(index):
    archive = make_wheel(index)
    with pytest.raises(FetchError, match=r"toydata==1.0 holds no file toydata/absent.csv"):
        fetch._extract(archive, wheel_entry(member="toydata/absent.csv"))


def test_a_python_without_pip(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FetchError, match="this Python has no pip") as error:
        wheel_files(wheel_entry(), tmp_path)
    assert "-m ensurepip" in error.value.action


def test_an_interrupt_ends_pip_and_leaves_nothing(index, monkeypatch, tmp_path):
    started = []

    def interrupt(process, *_):
        started.append(process)
        raise KeyboardInterrupt

    make_wheel(index)
    monkeypatch.setattr(fetch, "_show_progress", interrupt)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(KeyboardInterrupt):
        wheel_files(wheel_entry(), scratch)
    assert started[0].poll() is not None
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full"),
        ("WARNING: Retrying after ConnectTimeoutError: timed out\nERROR: No matching distribution", "does not answer"),
        ("ERROR: Wheel 'toydata' located at /x is invalid.", "damaged"),
        ("ERROR: something nobody thought of.", "something nobody thought of"),
        ("", "pip failed"),
    ],
)
def test_what_pip_says_becomes_half_a_sentence(log, reason):
    assert reason in fetch._reason(log, wheel_entry())[0]


def test_pip_is_asked_for_the_same_file_everywhere(monkeypatch, tmp_path):
    commands = []

    def popen(command, **_):
        commands.append(command)
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"], stdout=subprocess.PIPE)

    monkeypatch.setattr(fetch, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": popen}))
    with pytest.raises(FetchError, match="pip failed"):
        wheel_files(wheel_entry(), tmp_path)
    assert commands[0][:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "--python-version=3.13"} <= set(commands[0])


def test_progress_survives_folders_that_pip_deletes(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    (tmp_path / "toy.whl.partial").write_bytes(b"12345")
    look = os.scandir

    def scandir(path):
        if os.path.basename(path) == "gone":
            raise FileNotFoundError(path)
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert fetch._size(tmp_path) == 5
    assert fetch._size(tmp_path / "gone") == 0
