"""course.py: what it promises without installing anything; the installation itself is what runs these tests."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import course

ROOT = Path(course.__file__).parent


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A course folder of its own, whose commands are recorded instead of run."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(course, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(course, "STAMP", tmp_path / ".venv" / "stamp.json")
    ran, fails = [], set()

    def make_venv():
        course.PYTHON.parent.mkdir(parents=True, exist_ok=True)

    def run(command, *, check=True):
        ran.append([str(part) for part in command[1:]])
        return int(any(word in ran[-1] for word in fails))

    monkeypatch.setattr(course, "make_venv", make_venv)
    monkeypatch.setattr(course, "run", run)
    monkeypatch.setattr(course, "works", lambda: course.PYTHON.parent.exists())
    monkeypatch.setattr(course.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, int("uv" in fails)))
    return ran, fails


def test_stdlib_only():
    tree = ast.parse((ROOT / "course.py").read_text(encoding="utf-8"))
    names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names


def test_second_run_installs_nothing(house):
    ran, _ = house
    course.ensure()
    assert ran[-1] == [
        "-m",
        "uv",
        "pip",
        "install",
        "--compile-bytecode",
        "--python",
        str(course.PYTHON),
        "-e",
        ".[lab,test]",
    ]
    before = len(ran)
    course.ensure()
    assert len(ran) == before


def test_changed_dependencies_install_again(house, tmp_path):
    ran, _ = house
    course.ensure()
    (tmp_path / "pyproject.toml").write_text("[project]\nname='x'\n")
    before = len(ran)
    course.ensure()
    assert len(ran) > before


def test_plain_pip_when_uv_cannot_be_had(house):
    ran, fails = house
    fails.add("uv")
    course.ensure()
    assert ran[-1][:3] == ["-m", "pip", "install"]
    assert ran[-1][-2:] == ["-e", ".[lab,test]"]


def test_failed_installation_is_one_sentence_and_no_stamp(house):
    _, fails = house
    fails.update({".[lab,test]"})
    with pytest.raises(course.Stop, match="Is the network up"):
        course.ensure()
    assert not course.STAMP.exists()


def test_interrupted_installation_starts_again(house):
    ran, _ = house
    course.ensure()
    course.STAMP.unlink()
    before = len(ran)
    course.ensure()
    assert len(ran) > before


def test_small_installation_takes_torch_from_one_index_and_remembers(house):
    ran, _ = house
    course.ensure("https://example.invalid/cpu")
    torch = next(command for command in ran if "torch" in command)
    assert torch[-4:] == ["torch", "torchvision", "--index-url", "https://example.invalid/cpu"]
    assert json.loads(course.STAMP.read_text())["torch_index"] == "https://example.invalid/cpu"
    before = len(ran)
    course.ensure()
    assert len(ran) == before


def test_folder_that_is_no_environment_is_not_deleted(tmp_path, monkeypatch):
    place = tmp_path / ".venv"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    monkeypatch.setattr(course, "VENV", place)
    with pytest.raises(course.Stop, match="move it away"):
        course.make_venv()
    assert (place / "thesis.txt").exists()


def test_interrupt_is_one_sentence(monkeypatch, capsys):
    def interrupted(options, rest):
        raise KeyboardInterrupt

    monkeypatch.setitem(course.COMMANDS, "doctor", (interrupted, ""))
    assert course.main(["doctor"]) == 1
    assert "run the same command again" in capsys.readouterr().out


def test_old_python_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    assert course.main(["doctor"]) == 1
    assert "needs Python 3.11" in capsys.readouterr().out


def test_no_command_shows_what_there_is(capsys):
    assert course.main([]) == 2
    printed = capsys.readouterr().out
    assert all(name in printed for name in course.COMMANDS)


def test_lab_leads_to_lesson_00_and_tells_of_another(house, monkeypatch, capsys):
    ran, _ = house
    monkeypatch.setattr(course, "open_already", lambda: "http://there")
    assert course.main(["lab", "--no-browser"]) == 0
    assert ran[-1][:3] == ["-m", "jupyterlab", "notebooks/00_start_here.ipynb"]
    assert ran[-1][-2:] == ["--LabApp.default_url=/lab/tree/00_start_here.ipynb", "--no-browser"]
    assert "http://there" in capsys.readouterr().out


def test_failed_command_names_itself():
    with pytest.raises(course.Stop, match="status 3"):
        course.run([sys.executable, "-c", "raise SystemExit(3)"])


def test_environment_file_holds_no_list_of_its_own():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "-e .[lab,test]" in text
    assert "torch" not in text


def test_ci_runs_the_readme_command_and_nothing_else():
    lines = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["exec python3 course.py test"]
    assert "python3 course.py test " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_version_is_written_once_more_and_the_same():
    import tomllib

    import mmcourse

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == mmcourse.__version__


def test_browser_tests_without_a_browser_are_one_sentence(house, monkeypatch, capsys):
    monkeypatch.setattr(course.shutil, "which", lambda name: None)
    assert course.main(["test", "--browser"]) == 1
    assert "apt install chromium" in capsys.readouterr().out


def test_browser_tests_bring_their_extra_and_run_nothing_else(house, monkeypatch):
    ran, fails = house
    fails.add("-c")  # playwright is not there
    monkeypatch.setattr(course.shutil, "which", lambda name: name)
    assert course.main(["test", "--browser", "-k", "03"]) == 0
    assert [command[-1] for command in ran[-3:]] == [".[browser]", "--all", "03"]
    assert ran[-1] == ["-m", "pytest", "tests/browser", "-k", "03"]
