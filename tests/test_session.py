"""The frame of a notebook: set-up, profiles, budgets, sources, and messages for cells run out of order."""

import html
import random
import re
import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import nbformat
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

import mmcourse as mm
from mmcourse import session
from mmcourse.metrics import interval


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("MMCOURSE_STRICT", "MMCOURSE_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(session, "_started", None)
    with matplotlib.rc_context():
        yield


def test_profiles(monkeypatch):
    choices = {"smoke": 1, "quick": 2, "full": 3}
    assert mm.per_profile(**choices) == 2
    for name, value in choices.items():
        monkeypatch.setenv("MMCOURSE_PROFILE", name)
        assert session.profile() == name
        assert mm.per_profile(**choices) == value
    monkeypatch.setenv("MMCOURSE_PROFILE", "")
    assert session.profile() == "quick"
    for wrong in ("fast", "QUICK", "quick "):
        monkeypatch.setenv("MMCOURSE_PROFILE", wrong)
        with pytest.raises(ValueError, match=f"one of smoke, quick, full, got '{wrong}'"):
            session.profile()
    with pytest.raises(TypeError):
        mm.per_profile(smoke=1, quick=2)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("0", False), ("", False), (None, False)])
def test_strict(monkeypatch, value, expected):
    if value is not None:
        monkeypatch.setenv("MMCOURSE_STRICT", value)
    assert session.strict() is expected


@pytest.mark.parametrize("has_cuda", [True, False])
def test_device(monkeypatch, has_cuda):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert mm.device() == torch.device("cuda" if has_cuda else "cpu")


def test_setup(monkeypatch, tmp_path, capsys):
    import torch

    monkeypatch.setenv("MMCOURSE_CACHE", str(tmp_path / "cache"))
    drawn = []
    for _ in range(2):
        assert mm.setup(seed=7) is None
        drawn.append((random.random(), np.random.rand(), float(torch.rand(()))))  # noqa: NPY002
    assert drawn[0] == drawn[1]
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == f"mmcourse {mm.__version__} on {mm.device()}, profile quick"
    ours = [entry for entry in mm.data.REGISTRY.values() if entry.find is None]
    assert re.fullmatch(rf"data: \d of {len(ours)} sets ready in .*cache", second)
    mm.setup(seed=8)
    assert random.random() != drawn[0][0]


def test_setup_applies_the_style(monkeypatch):
    applied = []
    monkeypatch.setattr(mm.plotting, "use_style", lambda: applied.append(True))
    mm.setup()
    assert applied == [True]


def test_setup_names_a_wrong_profile(monkeypatch):
    monkeypatch.setenv("MMCOURSE_PROFILE", "fast")
    with pytest.raises(ValueError, match="smoke, quick, full"):
        mm.setup()


def test_paths_are_shortened(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert session.short_path(tmp_path / ".cache" / "mmcourse") == "~/.cache/mmcourse"
    assert session.short_path("/elsewhere") == "/elsewhere"


def test_usage_measures_this_process_and_its_children(monkeypatch):
    assert session.usage()[0] is None
    mm.setup()
    burn = "import time\nwhile time.process_time() < 0.6: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    seconds, peak = session.usage()
    assert 0.5 < seconds < 5
    assert 20 * 2**20 < peak < 20 * 2**30
    block = np.ones(50 * 2**20)  # 400 MiB
    assert session.usage()[1] - peak > 200 * 2**20 or peak > 600 * 2**20
    del block
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert session.usage()[1] is None


FRAME = "from types import SimpleNamespace\nfrom mmcourse import session\ncheck = SimpleNamespace(ex1_2=print)\n"
HANDLER = "session._explain_missing_names()"


def shell_output(cells, capsys, first=FRAME + HANDLER):
    """Run cells in a fresh InteractiveShell; return what each printed and whether it succeeded."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    try:
        assert shell.run_cell(first).success
        capsys.readouterr()
        outcomes = []
        for cell in cells:
            result = shell.run_cell(cell, store_history=False)
            captured = capsys.readouterr()
            outcomes.append((re.sub(r"\x1b\[[\d;]*m", "", captured.out + captured.err), result.success))
        return outcomes
    finally:
        shell.restore_sys_module_state()
        InteractiveShell.clear_instance()


LINE = "Exercise 1.2: not attempted yet: run the cell above that defines `bootstrap_indices` first\n"


def test_a_check_cell_that_runs_too_early(capsys):
    cells = [
        "check.ex1_2(bootstrap_indices)",
        "# my comment\n\n  # another\ncheck.ex1_2(bootstrap_indices)",
        "bootstrap_indices(3)",
        "x = 1\ncheck.ex1_2(bootstrap_indices)",
        "print('ok')",
        "check.ex1_2(undefined.function)",
        "1 / 0",
        "check.ex1_2(1 / 0)",
        "\n" * 200 + "1 / 0",
    ]
    outcomes = shell_output(cells, capsys)
    assert outcomes[0] == outcomes[1] == (LINE, True)
    for text, success in outcomes[2:4]:
        assert "NameError: name 'bootstrap_indices' is not defined" in text
        assert "Traceback" in text
        assert "Handler failed" not in text
        assert not success
    assert outcomes[4] == ("ok\n", True)
    assert outcomes[5] == (LINE.replace("bootstrap_indices", "undefined"), True)
    for text, success in outcomes[6:]:
        assert "ZeroDivisionError" in text
        assert not success


def test_a_missing_set_up_cell_is_not_blamed_on_the_exercise(capsys):
    (text, success), *_ = shell_output(["check.ex1_2(f)"], capsys, "from mmcourse import session\n" + HANDLER)
    assert "NameError: name 'check' is not defined" in text
    assert not success


def test_strict_keeps_the_traceback(capsys, monkeypatch):
    monkeypatch.setenv("MMCOURSE_STRICT", "1")
    (text, success), *_ = shell_output(["check.ex1_2(bootstrap_indices)"], capsys)
    assert "NameError" in text
    assert not success


def test_setting_up_twice_explains_once(capsys):
    outcomes = shell_output([HANDLER, "check.ex1_2(bootstrap_indices)"], capsys)
    assert outcomes[1] == (LINE, True)


def test_outside_of_ipython_nothing_happens():
    InteractiveShell.clear_instance()
    session._explain_missing_names()


def executed(*sources):
    """Execute a notebook in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


def test_a_notebook_runs_on_past_a_check_that_came_too_early():
    assert executed(FRAME + HANDLER, "check.ex1_2(bootstrap_indices)", "print('went on')")[1:] == [LINE, "went on\n"]


def test_a_notebook_still_stops_at_other_errors():
    with pytest.raises(CellExecutionError, match="name 'bootstrap_indices' is not defined"):
        executed(FRAME + HANDLER, "check.ex1_2(bootstrap_indices)", "y = bootstrap_indices")


def test_set_up_installs_the_explanation(capsys):
    assert shell_output(["check.ex1_2(bootstrap_indices)"], capsys, FRAME + "session.setup()") == [(LINE, True)]


def shown(monkeypatch, obj):
    """Return what `show_source` displays."""
    kept = []
    monkeypatch.setattr("IPython.display.display", kept.append)
    assert mm.show_source(obj) is None
    (item,) = kept
    return item


def test_show_source(monkeypatch):
    item = shown(monkeypatch, interval)
    text = repr(item)
    assert text.startswith("# mmcourse.metrics.interval\ndef interval(values, *, confidence=0.95):\n")
    assert "shape (n,)" in text
    page = item._repr_html_()
    assert "style=" in page
    assert "class=" not in page.replace('class="highlight"', ""), "colours must travel with the notebook"
    assert "<a " not in page
    assert html.unescape(re.sub(r"<[^>]+>", "", page)).strip() == text.strip()


def test_show_source_of_a_method_a_module_and_a_wrapped_function(monkeypatch):
    method = repr(shown(monkeypatch, mm.metrics.Interval.__str__))
    assert method.startswith("# mmcourse.metrics.Interval.__str__\ndef __str__(self):\n    return ")
    assert repr(shown(monkeypatch, mm.metrics)).startswith('# mmcourse.metrics\n"""')
    assert "class Interval:" in repr(shown(monkeypatch, mm.metrics.Interval))


def test_show_source_in_a_terminal(capsys):
    InteractiveShell.clear_instance()
    mm.show_source(interval)
    assert capsys.readouterr().out.startswith("# mmcourse.metrics.interval\ndef interval")


@pytest.mark.parametrize("obj", [len, 3, None, np.ndarray, SimpleNamespace(a=1), "mmcourse"])
def test_show_source_of_what_has_none(obj):
    with pytest.raises(ValueError, match="functions, classes and modules written in Python, not "):
        mm.show_source(obj)


HEAVY = ("torch", "sklearn", "librosa", "pandas", "matplotlib", "seaborn", "scipy", "ipywidgets", "transformers")


def test_importing_the_package_is_cheap():
    code = (
        "import sys, time\nstart = time.perf_counter()\nimport mmcourse\nspent = time.perf_counter() - start\n"
        f"print(spent, *(name for name in {HEAVY} if name in sys.modules))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    words = [run.stdout.split() for run in runs]
    assert all(word[1:] == [] for word in words)
    assert min(float(word[0]) for word in words) < 0.3
