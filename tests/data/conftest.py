"""A small package index in a folder: no test here reaches a network or changes the learner's cache."""

import os

import pytest


@pytest.fixture(autouse=True)
def index(tmp_path, monkeypatch):
    """Point pip at an empty folder and the cache at another; return the first."""
    for variable in [name for name in os.environ if name.startswith(("PIP_", "MMCOURSE_"))]:
        monkeypatch.delenv(variable)
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("MMCOURSE_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def cache(tmp_path):
    """Return the folder of the cache, not yet made."""
    return tmp_path / "cache"
