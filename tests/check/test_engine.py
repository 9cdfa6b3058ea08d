"""The check engine: three states, no tracebacks, nothing left behind."""

import functools
import random
import sys
import textwrap

import numpy as np
import pytest

from mmcourse import check
from mmcourse.check.engine import Mistake, close, exercise, require


@exercise("1.2")
def ex1_2(bootstrap_indices):
    """Draw n row numbers with replacement."""
    indices = bootstrap_indices(10, rng=np.random.default_rng(0))
    require(len(indices) == 10, f"the sample has {len(indices)} rows")
    require(len(set(indices)) < 10, "you drew without replacement")
    require(close(bootstrap_indices(10, rng=np.random.default_rng(0)), indices), "you ignore rng")


@exercise("1.3")
def ex1_3(Stack):
    """Write the class."""
    require(close(Stack(3).predict(2.0), 6.0), "you forgot to multiply")


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("MMCOURSE_STRICT", raising=False)


def written(body, name="bootstrap_indices", head="def bootstrap_indices(n, rng):"):
    """Define what a learner would write in a cell."""
    names = {"np": np}
    exec(head + "\n" + textwrap.indent(textwrap.dedent(body), "    "), names)
    return names[name]


def said(capsys, answer, of=ex1_2):
    assert of(answer) is None, "a notebook would show what a check returns"
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_three_states(capsys):
    assert said(capsys, written("return rng.integers(0, n, n)")) == "Exercise 1.2: correct\n"
    assert said(capsys, written("raise NotImplementedError")) == "Exercise 1.2: not attempted yet\n"
    assert said(capsys, written("return rng.permutation(n)")) == "Exercise 1.2: not yet: you drew without replacement\n"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            "rows = n\nreturn rows / 0",
            "your code raised ZeroDivisionError: division by zero (line 3 of bootstrap_indices)",
        ),
        ("return {}['rows']", "your code raised KeyError: 'rows' (line 2 of bootstrap_indices)"),
        ("return [1 / 0 for _ in range(n)]", "ZeroDivisionError: division by zero (line 2 of bootstrap_indices)"),
        ("return np.linalg.inv(np.zeros((2, 2)))", "LinAlgError: Singular matrix (line 2 of bootstrap_indices)"),
        (
            "return undefined",
            "your code raised NameError: name 'undefined' is not defined (line 2 of bootstrap_indices)",
        ),
        ("assert n == 0", "your code raised AssertionError (line 2 of bootstrap_indices)"),
        (
            "import sys\nsys.exit(1)",
            "your code stopped the program; return a value instead (line 3 of bootstrap_indices)",
        ),
        ("raise GeneratorExit", "your code raised GeneratorExit (line 2 of bootstrap_indices)"),
        ("return bootstrap_indices(n, rng)", "your code calls itself without end (line 2 of bootstrap_indices)"),
        ("return None", "your code returned None where a value was expected; does it end with `return`?"),
        (
            "return 3",
            "what your code returned does not have the form the check expects (TypeError: object of type 'int'",
        ),
        ("raise ValueError('first\\nsecond')", "your code raised ValueError: first (line 2 of bootstrap_indices)"),
        ("return [None] * n", "your result is not made of numbers: it is of type list"),
    ],
)
def test_whatever_goes_wrong_is_one_sentence(capsys, body, sentence):
    text = said(capsys, written(body))
    assert text.startswith("Exercise 1.2: not yet: ")
    assert sentence in text
    assert "Traceback" not in text
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ("def bootstrap_indices(*, rng):", "takes 0 positional arguments but 1 "),
        ("def bootstrap_indices(n):", "unexpected keyword argument 'rng'"),
        ("def bootstrap_indices(n, rng, extra):", "missing 1 required positional argument: 'extra'"),
        ("def bootstrap_indices(rng, n=1):", "multiple values for argument 'rng'"),
    ],
)
def test_wrong_arguments(capsys, head, sentence):
    text = said(capsys, written("return 1", head=head))
    assert "not yet: the check calls it with arguments it does not take; keep those of the exercise" in text
    assert sentence in text


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (None, "you passed None; pass the function itself, without calling it: check.ex1_2(bootstrap_indices)"),
        (3.5, "you passed an object of type float; pass the function itself"),
        (np.zeros(3), "you passed an object of type ndarray"),
        (dict, "you passed the class dict; pass the function: check.ex1_2(bootstrap_indices)"),
    ],
)
def test_answers_that_are_no_function(capsys, answer, sentence):
    assert sentence in said(capsys, answer)
    assert not check.progress.read(), "nothing was run, so nothing was attempted"


def test_wrong_calls_of_the_check(capsys):
    ex1_2()
    ex1_2(len, len)
    ex1_2(f=len)
    assert capsys.readouterr().out == "Exercise 1.2: not yet: write it as check.ex1_2(bootstrap_indices)\n" * 3


def test_other_callables(capsys):
    assert "correct" in said(capsys, functools.partial(written("return rng.integers(0, n, n)")))
    assert "your code raised ZeroDivisionError: division by zero (line 2 of __call__)" in said(
        capsys, written("def __call__(self, n, rng):\n    1 / 0", name="Answer", head="class Answer:")()
    )
    zero = eval("lambda n, rng: n / 0", {})
    assert "division by zero (line 1 of your lambda)" in said(capsys, zero)
    assert "not yet: " in said(capsys, len)


def test_errors_that_cannot_be_printed(capsys):
    body = "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\nraise Odd"
    assert "your code raised Odd (line 5 of bootstrap_indices)" in said(capsys, written(body))


def test_a_class(capsys):
    head = "class Stack:"
    start = "def __init__(self, k):\n    self.k = k\ndef predict(self, x):\n    "
    assert "1.3: correct" in said(capsys, written(start + "return self.k * x", "Stack", head), ex1_3)
    assert "you forgot to multiply" in said(capsys, written(start + "return self.k + x", "Stack", head), ex1_3)
    assert "not attempted yet" in said(capsys, written(start + "raise NotImplementedError", "Stack", head), ex1_3)
    assert "division by zero (line 2 of predict)" in said(capsys, written(start + "return x / 0", "Stack", head), ex1_3)
    assert "you passed an object of type Stack; pass the class itself: check.ex1_3(Stack)" in said(
        capsys, written(start + "return x", "Stack", head)(3), ex1_3
    )
    assert "you passed a function; pass the class itself" in said(capsys, written("return 1"), ex1_3)
    assert "arguments it does not take" in said(capsys, written("pass", "Stack", head), ex1_3)


def test_a_librarys_not_implemented_is_an_attempt(capsys):
    torch = pytest.importorskip("torch")
    names = {"torch": torch}
    exec(
        "class Stack(torch.nn.Module):\n    def __init__(self, k):\n        super().__init__()\n    predict = torch.nn.Module.__call__",
        names,
    )
    text = said(capsys, names["Stack"], ex1_3)
    assert "not yet: " in text
    assert 'missing the required "forward" function' in text


def test_printing_cannot_fake_a_result(capsys):
    body = "import sys\nprint('Exercise 1.2: correct')\nprint('oops', file=sys.stderr)\nreturn list(range(n))"
    text = said(capsys, written(body))
    lines = text.splitlines()
    assert lines[0] == "Exercise 1.2: not yet: you drew without replacement"
    assert lines[1:] == ["  Your code printed:", "  | Exercise 1.2: correct", "  | oops"]
    assert said(capsys, written("print('a lot\\n' * 1000)\nreturn 1")).count("\n") < 20
    assert said(capsys, written("print('x')\nraise NotImplementedError")) == "Exercise 1.2: not attempted yet\n"


def test_an_operation_that_a_library_lacks_is_an_attempt(capsys):
    line = said(capsys, written("import torch\nreturn torch.tensor([True]).mean()"))
    assert line.startswith("Exercise 1.2: not yet: your code raised")
    assert "mean" in line


def test_replaced_output_is_put_back(capsys):
    before = sys.stdout
    said(capsys, written("import sys, io\nsys.stdout = io.StringIO()\nreturn 1"))
    assert sys.stdout is before


def test_interrupting_passes_through():
    before = sys.stdout
    state = random.getstate()
    with pytest.raises(KeyboardInterrupt):
        ex1_2(written("raise KeyboardInterrupt"))
    assert sys.stdout is before
    assert random.getstate() == state
    assert not check.progress.read()


def draw():
    """Draw from the three global generators."""
    import torch

    return random.random(), np.random.rand(), float(torch.rand(()))  # noqa: NPY002


def test_random_state_is_kept_and_the_same_in_every_check(capsys):
    torch = pytest.importorskip("torch")
    body = "import random, torch\nprint(random.random(), np.random.rand(), float(torch.rand(())))\nreturn range(n)"
    drawn = []
    for seed in (1, 2):
        expected = None
        for between in (lambda: None, lambda: drawn.append(said(capsys, written(body)).splitlines()[-1])):
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            torch.manual_seed(seed)
            between()
            now = draw()
            assert expected in (None, now)
            expected = now
    assert drawn[0] == drawn[1]
    assert len(drawn[0].split()) == 4


def test_a_gpu_that_is_not_in_use_keeps_its_seed(capsys, monkeypatch):
    torch = pytest.importorskip("torch")
    seeded = []
    for name in ("manual_seed_all", "get_rng_state_all", "set_rng_state_all"):
        monkeypatch.setattr(torch.cuda, name, lambda *states, name=name: seeded.append(name))
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    said(capsys, written("return 1"))
    assert seeded == []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    said(capsys, written("return 1"))
    assert seeded == ["get_rng_state_all", "manual_seed_all", "set_rng_state_all"]


def test_hints_rise_and_survive_a_restart(capsys):
    wrong = written("return list(range(n))")
    lines = []
    for _ in range(7):
        lines.append(said(capsys, wrong))
        said(capsys, written("raise NotImplementedError"))
        check.progress._unsaved.clear()  # what a restarted kernel knows is only the file
    assert "hint" not in lines[0]
    assert all("open the first hint" in line for line in lines[1:3])
    assert all("open the second hint" in line for line in lines[3:5])
    assert all("look at the solved notebook" in line for line in lines[5:])


def test_strict_raises(monkeypatch, capsys):
    monkeypatch.setenv("MMCOURSE_STRICT", "1")
    assert said(capsys, written("return rng.integers(0, n, n)")) == "Exercise 1.2: correct\n"
    with pytest.raises(AssertionError, match=r"^Exercise 1\.2: not yet: you drew without replacement$"):
        ex1_2(written("return list(range(n))"))
    with pytest.raises(AssertionError, match=r"^Exercise 1\.2: not attempted yet$"):
        ex1_2(written("raise NotImplementedError"))
    with pytest.raises(AssertionError, match="pass the function itself"):
        ex1_2(None)
    with pytest.raises(AssertionError, match="ZeroDivisionError") as caught:
        ex1_2(written("1 / 0"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError), "whoever writes the check needs the traceback"


def test_judging_prints_and_records_nothing(capsys):
    outcome = ex1_2.judge(written("return list(range(n))"))
    assert (outcome.state, outcome.message) == ("not yet", "you drew without replacement")
    assert capsys.readouterr().out == ""
    assert not check.progress.read()


def test_an_exercise_describes_itself():
    assert "Draw n row numbers" in repr(ex1_2)
    assert "check.ex1_2(bootstrap_indices)" in repr(ex1_2)
    assert ex1_2.__doc__ == "Draw n row numbers with replacement."


def test_numbers_and_names_agree():
    with pytest.raises(ValueError, match=r"1\.4.*ex1_2"):
        exercise("1.4")(ex1_2.function)
    with pytest.raises(ValueError):
        exercise("one")(ex1_2.function)


def test_close():
    torch = pytest.importorskip("torch")
    assert close([1, 2.0], np.array([1, 2 + 1e-9]))
    assert close(torch.tensor([1.0, 2.0], requires_grad=True), [1, 2])
    assert close([torch.tensor(1.0), 2], [1, 2])
    assert close(torch.tensor([0.5], dtype=torch.bfloat16), np.array([0.5]))
    assert close(1e9 + 1, 1e9, tol=1e-6)
    assert close(float("nan"), float("nan"))
    assert not close([1, 2], [1, 2.1])
    assert close([1, 2], [1, 2.1], tol=0.1)
    assert not close(float("nan"), 1.0)
    assert not close(float("inf"), 1.0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((3, 1)), r"your result has shape \(3, 1\), it should have shape \(3,\)"),
        (1.0, r"shape \(\), it should"),
        (None, "your result is None"),
        ("abc", "not made of numbers: it is of type str"),
        ([[1, 2], [3]], "rows of different lengths"),
        ({"a": 1}, "not made of numbers: it is of type dict"),
    ],
)
def test_close_says_what_cannot_be_compared(answer, message):
    with pytest.raises(Mistake, match=message):
        close(answer, np.zeros(3))


def test_require():
    require(np.True_, "never")
    with pytest.raises(Mistake, match="too long"):
        require(0, "too long")


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """Put a lesson 98 with two exercises into the package."""
    source = "from mmcourse.check.engine import exercise\n\nprint('imported')\n"
    for number in ("10", "2"):
        source += f"\n\n@exercise('98.{number}')\ndef ex98_{number}(f):\n    f()\n"
    (tmp_path / "lesson_98.py").write_text(source)
    monkeypatch.setattr(check, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(check, "__path__", [str(tmp_path), *check.__path__])
    yield
    sys.modules.pop("mmcourse.check.lesson_98", None)
    vars(check).pop("lesson_98", None)


@pytest.mark.usefixtures("lesson")
def test_exercises_are_found_by_name(capsys):
    assert check.catalogue() == {"98": ["98.2", "98.10"]}
    assert {"ex98_2", "ex98_10"} <= set(dir(check))
    assert capsys.readouterr().out == "", "listing must not import"
    assert check.ex98_10.number == "98.10"
    assert check.ex98_10 is check.ex98_10
    with pytest.raises(AttributeError, match=r"lesson 98 has no ex98_3; its exercises are ex98_2, ex98_10"):
        _ = check.ex98_3
    with pytest.raises(AttributeError, match=r"there is no lesson 97 with exercises; there are 98"):
        _ = check.ex97_1
    with pytest.raises(AttributeError, match=r"no 'exercise1'; an exercise is called like check.ex1_2"):
        _ = check.exercise1
    assert not hasattr(check, "__wrapped__")


def test_the_catalogue_lists_what_the_lessons_define():
    for key, numbers in check.catalogue().items():
        names = ["ex" + number.replace(".", "_") for number in numbers]
        module = __import__(f"mmcourse.check.lesson_{key}", fromlist=names)
        assert sorted(numbers) == sorted(
            item.number for item in vars(module).values() if type(item).__name__ == "Exercise"
        )
        assert [getattr(check, name).number for name in names] == numbers
