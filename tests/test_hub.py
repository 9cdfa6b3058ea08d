"""The workshop's hub: what its configuration promises without starting it (teaching/hub/load.py starts it)."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tools.lesson import project

HUB = Path(__file__).resolve().parent.parent / "teaching" / "hub"


class Section(dict):
    """What `get_config` returns: sections that appear when they are asked for."""

    def __getattr__(self, name):
        return self.setdefault(name, Section())

    def __setattr__(self, name, value):
        self[name] = value


@pytest.fixture
def start(monkeypatch, tmp_path):
    def read(password="long enough"):
        monkeypatch.setenv("MMCOURSE_HUB_PASSWORD", password)
        monkeypatch.setenv("MMCOURSE_HUB_ROOM", str(tmp_path))
        file = HUB / "jupyterhub_config.py"
        names = {"get_config": Section, "__file__": str(file)}
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
        return names["c"]

    return read


def test_refuses_a_room_without_a_password(start):
    with pytest.raises(SystemExit, match="MMCOURSE_HUB_PASSWORD"):
        start("short")


def test_nobody_is_refused_when_all_start_at_once(start):
    config = start()
    assert config.JupyterHub.concurrent_spawn_limit == 0
    assert config.Spawner.start_timeout >= 600
    assert "--KernelManager.transport=ipc" in config.Spawner.args


def test_notebooks_are_handed_out_once(start, tmp_path):
    config, spawner = start(), SimpleNamespace(user=SimpleNamespace(name="ada"), environment={})
    config.Spawner.pre_spawn_hook(spawner)
    mine = tmp_path / "ada" / "00_start_here.ipynb"
    assert mine.read_bytes() == (HUB.parents[1] / "notebooks" / mine.name).read_bytes()
    assert (tmp_path / "ada" / "solutions" / mine.name).exists()
    assert spawner.environment["MMCOURSE_PROGRESS"] == str(tmp_path / "ada" / "progress.json")
    mine.write_text("my work")
    config.Spawner.pre_spawn_hook(spawner)
    assert mine.read_text() == "my work"


def test_values_fit_the_image():
    values = yaml.safe_load((HUB / "values.yaml").read_text(encoding="utf-8"))
    image = (HUB / "Dockerfile").read_text(encoding="utf-8")
    single, (mount,) = values["singleuser"], values["singleuser"]["storage"]["extraVolumeMounts"]
    assert mount["readOnly"]
    assert mount["mountPath"] == single["extraEnv"]["MMCOURSE_CACHE"]
    for name, value in single["extraEnv"].items():
        assert f"{name}={value}" in image
    assert single["extraEnv"]["MMCOURSE_PROGRESS"].startswith(single["storage"]["homeMountPath"])
    assert single["image"]["tag"] == project()[1]
