"""Exercises that check themselves: ``check.ex1_2(my_function)`` checks exercise 2 of lesson 1.

The checks of a lesson live in ``mmcourse/check/lesson_NN.py`` and are imported on first use.
"""

import re
from importlib import import_module

_SUBMODULES = ("claims", "engine", "progress")


def __getattr__(name):
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    found = re.fullmatch(r"ex(\d+)_(\d+)", name)
    if not found:
        raise AttributeError(f"mmcourse.check has no {name!r}; an exercise is called like check.ex1_2")
    return _exercise(int(found[1]), name)


def _exercise(lesson, name):
    from mmcourse.check.engine import catalogue

    numbers = catalogue()
    key = f"{lesson:02d}"
    if key not in numbers:
        raise AttributeError(f"there is no lesson {key} with exercises; there are {', '.join(numbers) or 'none yet'}")
    names = ["ex" + number.replace(".", "_") for number in numbers[key]]
    if name not in names:
        raise AttributeError(f"lesson {key} has no {name}; its exercises are {', '.join(names)}")
    return getattr(import_module(f"{__name__}.lesson_{key}"), name)


def __dir__():
    from mmcourse.check.engine import catalogue

    return ["ex" + number.replace(".", "_") for numbers in catalogue().values() for number in numbers] + [*_SUBMODULES]
