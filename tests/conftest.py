"""No test touches the progress file of the person who runs it."""

import pytest


@pytest.fixture(autouse=True)
def own_progress(monkeypatch, tmp_path):
    monkeypatch.setenv("MMCOURSE_PROGRESS", str(tmp_path / "progress.json"))
