"""The engine behind ``check.exN_M``: runs a check, tells the learner one of three things, keeps count.

A lesson's check module writes one function an exercise::

    from mmcourse.check.engine import Mistake, close, exercise, require

    @exercise("1.2")
    def ex1_2(bootstrap_indices):
        indices = bootstrap_indices(1000, rng=np.random.default_rng(0))
        require(len(indices) == 1000, f"the sample has {len(indices)} rows; draw as many as there are")

The name of the argument is the name of the learner's answer. A name that starts with a capital letter asks for a class,
any other for a function.
"""

import functools
import inspect
import random
import re
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from mmcourse.metrics import as_numpy

CORRECT, NOT_YET, NOT_ATTEMPTED = "correct", "not yet", "not attempted yet"

_BAD_CALL = re.compile(
    r"positional argument|keyword argument|keyword-only argument|takes no arguments|multiple values for argument"
)


class Mistake(Exception):
    """A named mistake: its message is what the learner reads after "not yet:"."""


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    `state` is one of the three, `message` what follows it, `printed` what the learner's code printed, `error` what it
    raised. `tried` is False when there was nothing to run, so that it does not count as an attempt.
    """

    state: str
    message: str = ""
    printed: str = ""
    error: BaseException | None = None
    tried: bool = True


def require(condition, message):
    """Raise `Mistake(message)` unless `condition` is true."""
    if not condition:
        raise Mistake(message)


def close(answer, expected, tol=1e-6):
    """Tell whether two sets of numbers agree within `tol`, absolute or relative; NaN agrees with NaN.

    Parameters
    ----------
    answer : array_like
        The learner's numbers: a number, (nested) list, NumPy array or torch tensor.
    expected : array_like
        The right ones.
    tol : float
        The tolerance.

    Returns
    -------
    bool

    Raises
    ------
    Mistake
        When `answer` is not made of numbers, or its shape is not that of `expected`.
    """
    ours, theirs = _numbers(expected), _numbers(answer)
    if theirs.shape != ours.shape:
        raise Mistake(f"your result has shape {theirs.shape}, it should have shape {ours.shape}")
    return bool(np.allclose(theirs, ours, rtol=tol, atol=tol, equal_nan=True))


def _numbers(value):
    if value is None:
        raise Mistake("your result is None; does your function end with `return`?")
    try:
        array = as_numpy(value)
    except ValueError:
        raise Mistake("your result has rows of different lengths") from None
    if array.dtype.kind not in "biufc":
        raise Mistake(f"your result is not made of numbers: it is of type {type(value).__name__}")
    return array


def exercise(number):
    """Turn a check function into the exercise `number`, such as "1.2"; the function must be called ``ex1_2``."""

    def decorate(function):
        if not re.fullmatch(r"\d+\.\d+", number) or function.__name__ != "ex" + number.replace(".", "_"):
            raise ValueError(f"the check of exercise {number!r} is called {function.__name__!r}; 1.2 belongs to ex1_2")
        return Exercise(number, function)

    return decorate


class Exercise:
    """A check that can be called with the learner's answer; made by `exercise`.

    Calling it prints the outcome and records it. `judge` returns the outcome and does neither.
    """

    def __init__(self, number, function):
        self.number = number
        self.function = function
        functools.update_wrapper(self, function)

    def __repr__(self):
        return f"Exercise {self.number}: {inspect.getdoc(self.function) or ''}\nCheck it with {self._usage()}"

    def _usage(self):
        return f"check.{self.function.__name__}({', '.join(inspect.signature(self.function).parameters)})"

    def judge(self, *answers, **named):
        """Run the check on the learner's answers and return an `Outcome`; prints and records nothing."""
        try:
            bound = inspect.signature(self.function).bind(*answers, **named)
        except TypeError:
            return Outcome(NOT_YET, f"write it as {self._usage()}", tried=False)
        for name, answer in bound.arguments.items():
            problem = _unfit(name, answer)
            if problem:
                return Outcome(NOT_YET, f"{problem}: {self._usage()}", tried=False)
        return _run(self.function, bound)

    def __call__(self, *answers, **named):
        from mmcourse.check import progress
        from mmcourse.session import strict

        outcome = self.judge(*answers, **named)
        failed = progress.record(self.number, outcome.state) if outcome.tried else 0
        text = f"Exercise {self.number}: {outcome.state}"
        if outcome.message:
            text += f": {outcome.message}"
        if strict() and outcome.state != CORRECT:
            raise AssertionError(text) from outcome.error
        print(text + (_help(failed) + _quote(outcome.printed) if outcome.state == NOT_YET else ""))


def _unfit(name, answer):
    """Say why an answer cannot be what the check asks for, or return None."""
    if name[0].isupper():
        return None if isinstance(answer, type) else f"you passed {_describe(answer)}; pass the class itself"
    if isinstance(answer, type):
        return f"you passed the class {answer.__name__}; pass the function"
    return None if callable(answer) else f"you passed {_describe(answer)}; pass the function itself, without calling it"


def _describe(answer):
    if answer is None:
        return "None"
    return "a function" if inspect.isroutine(answer) else f"an object of type {type(answer).__name__}"


def _run(function, bound):
    from IPython.utils.capture import capture_output

    caught = None
    with preserved_randomness(), capture_output() as output:
        try:
            function(*bound.args, **bound.kwargs)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: whatever the learner's code does becomes a sentence
            caught = error
    printed = output.stdout + output.stderr
    if caught is None:
        return Outcome(CORRECT, printed=printed)
    state, message = _explain(caught, function, [*bound.arguments.values()])
    return Outcome(state, message, printed, caught)


def _explain(error, function, answers):
    """Return the state and the sentence for an exception that left the check."""
    if isinstance(error, Mistake):
        return NOT_YET, str(error)
    trail = list(traceback.walk_tb(error.__traceback__))
    spaces = [_namespace(answer) for answer in answers]
    ours = function.__code__
    theirs = [
        (frame, line)
        for frame, line in trail
        if frame.f_code is not ours and any(frame.f_globals is space for space in spaces)
    ]
    stub = isinstance(error, NotImplementedError) and not error.args  # a library's own one says what is missing
    if stub and (trail[-1] in theirs or not any(spaces)):
        return NOT_ATTEMPTED, ""
    text = _first_line(error)
    if theirs:
        return NOT_YET, _blame(error, text, theirs)
    if isinstance(error, TypeError) and _BAD_CALL.search(text):
        return NOT_YET, f"the check calls it with arguments it does not take; keep those of the exercise ({text})"
    if "NoneType" in text:
        return NOT_YET, f"your code returned None where a value was expected; does it end with `return`? ({text})"
    return NOT_YET, f"what your code returned does not have the form the check expects ({type(error).__name__}: {text})"


def _blame(error, text, frames):
    """Say what the learner's code raised and where, counting lines from the function's first."""
    named = [entry for entry in frames if not entry[0].f_code.co_name.startswith("<")]
    frame, line = (named or frames)[-1]
    code = frame.f_code
    name = "your lambda" if code.co_name == "<lambda>" else code.co_name
    place = f"(line {line - code.co_firstlineno + 1} of {name})"
    if isinstance(error, SystemExit):
        return f"your code stopped the program; return a value instead {place}"
    if isinstance(error, RecursionError):
        return f"your code calls itself without end {place}"
    return f"your code raised {type(error).__name__}{': ' if text else ''}{text} {place}"


def _namespace(answer):
    """Return the globals of the code that defined `answer`: the notebook's. None for compiled code."""
    answer = inspect.unwrap(answer)
    while isinstance(answer, functools.partial):
        answer = answer.func
    if hasattr(answer, "__globals__"):
        return answer.__globals__
    owner = answer if isinstance(answer, type) else type(answer)
    return next((item.__globals__ for item in vars(owner).values() if hasattr(item, "__globals__")), None)


def _first_line(error, limit=200):
    try:
        text = str(error).strip()
    except Exception:
        return ""
    line = text.splitlines()[0] if text else ""
    return line if len(line) <= limit else line[:limit] + " ..."


def _help(failed):
    """Point to a stronger hint the more often an exercise has failed."""
    if failed >= 6:
        return f"\n  {failed} tries so far: look at the solved notebook, linked under the exercise."
    if failed >= 4:
        return f"\n  {failed} tries so far: open the second hint."
    return f"\n  {failed} tries so far: open the first hint." if failed >= 2 else ""


def _quote(printed, limit=10):
    """Show what the learner's code printed, each line marked so that it cannot pass for ours."""
    lines = printed.strip().splitlines()
    shown = [line[:160] for line in lines[:limit]] + (["..."] if len(lines) > limit else [])
    return "".join(["\n  Your code printed:", *(f"\n  | {line}" for line in shown)]) if lines else ""


@contextmanager
def preserved_randomness(seed=0):
    """Seed the global generators of random, NumPy and (if imported) torch inside, and put them back afterwards."""
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_initialized()
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    before_torch = torch and torch.get_rng_state()
    before_cuda = torch.cuda.get_rng_state_all() if cuda else None
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    if torch:
        torch.default_generator.manual_seed(seed)
    if cuda:  # torch.manual_seed would also queue a seed for a GPU that is not in use yet
        torch.cuda.manual_seed_all(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        if torch:
            torch.set_rng_state(before_torch)
        if cuda:
            torch.cuda.set_rng_state_all(before_cuda)
