"""What the course asks of Colab: its floors, and the packages that its first cell brings along."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

from tools import colab

ROOT = Path(colab.ROOT)
ASKED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
REQUIREMENTS = {r.name: r for r in map(Requirement, ASKED)}


def test_floors_are_no_higher_than_what_colab_ships():
    pins = dict(line.split("==") for line in colab.PINS.splitlines())
    assert {"torch", "numpy", "ipywidgets", "ipython"} <= pins.keys() & REQUIREMENTS.keys()
    for name in pins.keys() & REQUIREMENTS.keys():
        assert REQUIREMENTS[name].specifier.contains(pins[name]), f"{REQUIREMENTS[name]}, but Colab has {pins[name]}"


def test_first_cell_brings_dependencies_only_and_never_what_colab_has():
    brought = set(colab.LACKS.split())
    assert brought <= REQUIREMENTS.keys()
    assert not brought & {line.split("==")[0] for line in colab.PINS.splitlines()}


def test_weekly_workflow_installs_what_the_first_cell_installs():
    workflow = (ROOT / ".github" / "workflows" / "weekly.yml").read_text(encoding="utf-8")
    assert "pip install -q --no-deps -e . $(python -m tools.colab lacks)" in workflow


def test_prints_what_colab_lacks(capsys):
    assert colab.main("lacks") == 0
    assert capsys.readouterr().out.strip() == colab.LACKS
