"""Each breakage that doctor looks for is reproduced, and named with its remedy."""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple

import pytest

from mmcourse import data, doctor
from mmcourse.data import voice


def test_healthy_installation():
    assert doctor.python().good
    assert doctor.packages().good, doctor.packages().found
    assert doctor.widgets().good
    assert doctor.gpu().good
    assert doctor.sound().good


def test_mixed_torch_builds(tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    look = "from mmcourse import doctor; doctor.CHECKS = [doctor.torch]; doctor.doctor()"
    paths = os.pathsep.join([str(tmp_path), str(doctor.ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", look], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("!!  torch")
    assert "nms" in done.stdout
    assert "different builds" in done.stdout


def test_old_and_missing_packages():
    finding = doctor.packages(["numpy>=999", "no-such-package>=1", "pytest>=1; extra == 'test'"])
    assert not finding.good
    assert "is not >=999" in finding.found
    assert "no-such-package is missing" in finding.found
    assert "pytest" not in finding.found


def test_wrong_kernel(monkeypatch, tmp_path):
    (tmp_path / ".venv").mkdir()
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    finding = doctor.python()
    assert not finding.good
    assert "wrong kernel" in finding.remedy


def test_full_disk(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1e6))
    finding = doctor.disk()
    assert not finding.good
    assert "MMCOURSE_CACHE" in finding.remedy


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache in which every set is ready but for what a test spoils."""
    monkeypatch.setenv("MMCOURSE_CACHE", str(tmp_path))
    for entry in data.REGISTRY.values():
        folder = tmp_path / entry.folder_name()
        folder.mkdir(exist_ok=True)
        (folder / "data.npz").write_bytes(b"1234")
        (folder / "manifest.json").write_text(json.dumps({"data.npz": 4}))
    assert doctor.data_sets().good
    return tmp_path


def test_missing_data(cache):
    shutil.rmtree(cache / data.REGISTRY["stocks"].folder_name())
    finding = doctor.data_sets()
    assert not finding.good
    assert finding.found.endswith(": stocks")
    assert "data --all" in finding.remedy


def test_stale_cache(cache):
    (cache / data.REGISTRY["stocks"].folder_name()).rename(cache / "stocks-0123456789ab")
    finding = doctor.data_sets()
    assert not finding.good
    assert finding.found.endswith(": stocks (made by an older version)")


def test_damaged_cache(cache):
    (cache / data.REGISTRY["stocks"].folder_name() / "data.npz").write_bytes(b"1")
    assert doctor.data_sets().found.endswith(": stocks (damaged)")


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({"ipywidgets": "7.5.1"}, "install 'ipywidgets>=7.7.1"),
        ({"ipywidgets": "8.1.5", "jupyterlab_widgets": "1.1.1"}, "do not fit together"),
        ({"ipywidgets": "7.7.1", "jupyterlab_widgets": "3.0.1"}, "do not fit together"),
        ({"ipywidgets": "7.7.1", "jupyterlab_widgets": "1.1.1", "jupyterlab": "3.6.8"}, "old front end"),
        ({"ipywidgets": "7.7.1"}, None),
        ({"ipywidgets": "7.7.1", "jupyterlab_widgets": "3.0.17", "google-colab": "1.0.0"}, None),
        ({"ipywidgets": "8.1.5", "jupyterlab_widgets": "3.0.13", "jupyterlab": "4.2.0"}, None),
    ],
)
def test_front_ends(monkeypatch, tmp_path, versions, said):
    for name, version in versions.items():
        (tmp_path / f"{name}-{version}.dist-info").mkdir()
        (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    finding = doctor.widgets()
    assert finding.good is (said is None)
    assert said is None or said in finding.remedy


def test_synthesiser_that_does_not_load(monkeypatch):
    def broken(*_):
        raise OSError("libespeak-ng.so.1: cannot open shared object file")

    monkeypatch.setattr(voice, "speak", broken)
    finding = doctor.sound()
    assert not finding.good
    assert "libespeak" in finding.found
    assert "espeakng-loader" in finding.remedy


def test_report_goes_on_when_a_check_breaks(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "device", lambda: 1 / 0)
    monkeypatch.setattr(doctor, "CHECKS", (doctor.gpu, doctor.widgets))
    assert not doctor.doctor()
    said = capsys.readouterr().out
    assert "ZeroDivisionError" in said
    assert "ipywidgets" in said


@pytest.mark.parametrize("good", [True, False])
def test_line(good):
    line = str(doctor.Finding("data", good, "found", "do this"))
    assert ("do this" in line) is not good
