"""Wheels and registry entries in miniature, and what tests of several readers do to them."""

import hashlib
import zipfile
from types import SimpleNamespace

from mmcourse.data.fetch import WheelFiles


def make_wheel(folder, name="toydata", version="1.0", files=(("toydata/numbers.csv", b"1,2,3\n"),)):
    """Write a wheel that pip accepts; return its path."""
    info = f"{name}-{version}.dist-info"
    members = [
        *files,
        (f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()),
        (f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    ]
    record = "".join(f"{path},,\n" for path, _ in members) + f"{info}/RECORD,,\n"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in [*members, (f"{info}/RECORD", record.encode())]:
            archive.writestr(member, content)
    return path


def wheel_entry(content=b"1,2,3\n", member="toydata/numbers.csv", sha256=None):
    """Return the description of the one file in the toy wheel."""
    return WheelFiles("toydata", "1.0", (member,), sha256 or hashlib.sha256(content).hexdigest(), 1000)


def toy_entry(wheels=(), build=None, name="toy", key="0123"):
    """Return as much of a registry entry as the cache needs."""

    def keep(files, folder):
        for part in files:
            for path, content in part.items():
                (folder / path.rpartition("/")[2]).write_bytes(content)

    return SimpleNamespace(name=name, folder_name=lambda: f"{name}-{key}", wheels=wheels, build=build or keep)


def parts(splits):
    """Return the three parts of a data set."""
    return splits.train, splits.valid, splits.test


def change(folder, name, old, new):
    """Replace the first `old` in a text file of a miniature, which must hold it."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
