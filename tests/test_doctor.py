"""Each breakage that doctor looks for is reproduced, and named with its remedy."""

import shutil
from collections import namedtuple

import pytest

from mmcourse import data, doctor


def test_healthy_installation():
    assert doctor.python().good
    assert doctor.packages().good, doctor.packages().found
    assert doctor.widgets().good
    assert doctor.gpu().good


def test_mixed_torch_builds(monkeypatch):
    def broken(name):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    finding = doctor.torch()
    assert not finding.good
    assert "nms" in finding.found
    assert "different builds" in finding.remedy


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


def test_missing_data(monkeypatch):
    monkeypatch.setattr(data, "ready", lambda name: name != "stocks")
    finding = doctor.data_sets()
    assert not finding.good
    assert finding.found.endswith(": stocks")
    assert "data --all" in finding.remedy


def test_old_front_end(monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "version", lambda name: "7.5.1")
    assert not doctor.widgets().good


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
