"""Exercises that check themselves: ``check.ex1_2(my_function)`` checks exercise 2 of lesson 1.

The checks of a lesson live in ``mmcourse/check/lesson_NN.py`` and are imported on first use.
"""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

_SUBMODULES = ("claims", "engine", "progress")


def catalogue():
    """List the exercises of every lesson without importing its checks: {"01": ["1.1", "1.2"], ...}."""
    return {path.stem[-2:]: _numbers(path) for path in sorted(Path(__file__).parent.glob("lesson_[0-9][0-9].py"))}


@cache
def _numbers(path):
    functions = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    calls = [call for function in functions for call in function.decorator_list if isinstance(call, ast.Call)]
    numbers = [call.args[0].value for call in calls if ast.unparse(call.func).split(".")[-1] == "exercise"]
    return sorted(numbers, key=lambda number: int(number.split(".")[1]))


def _names(numbers):
    return ["ex" + number.replace(".", "_") for number in numbers]


def __getattr__(name):
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    found = re.fullmatch(r"ex(\d+)_(\d+)", name)
    if not found:
        raise AttributeError(f"mmcourse.check has no {name!r}; an exercise is called like check.ex1_2")
    lessons, key = catalogue(), f"{int(found[1]):02d}"
    if key not in lessons:
        raise AttributeError(f"there is no lesson {key} with exercises; there are {', '.join(lessons) or 'none yet'}")
    if name not in _names(lessons[key]):
        raise AttributeError(f"lesson {key} has no {name}; its exercises are {', '.join(_names(lessons[key]))}")
    return getattr(import_module(f"{__name__}.lesson_{key}"), name)


def __dir__():
    return [name for numbers in catalogue().values() for name in _names(numbers)] + [*_SUBMODULES]
