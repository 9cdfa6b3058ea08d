"""The frame of a notebook: seeds, device, budgets, and friendlier messages."""

import inspect
import os
import random
import re
import textwrap
from pathlib import Path

from mmcourse import __version__

PROFILES = ("smoke", "quick", "full")

# JupyterLab breaks a printed line wherever it is full; this asks it to break between words.
_WHOLE_WORDS = "<style>.jp-OutputArea .jp-OutputArea-output pre { word-break: normal; overflow-wrap: anywhere }</style>"

_started = None  # processor seconds at the end of `setup`


def setup(seed=0):
    """Prepare a notebook and print its version, device, profile and data.

    Seeds random, NumPy and torch, applies the plotting style, starts the clock that `mmcourse.progress` reads, and makes
    IPython explain a check cell that was run before the cell it checks.

    Parameters
    ----------
    seed : int
        Seeds the global generators.
    """
    global _started
    import numpy as np
    import torch

    from mmcourse import data, plotting

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
    plotting.use_style()
    _explain_missing_names()
    _keep_words_whole()
    offline = [name for name, entry in data.REGISTRY.items() if entry.find is None]  # the others are the learner's own
    ready = sum(map(data.ready, offline))
    print(f"mmcourse {__version__} on {device()}, profile {profile()}")
    print(f"data: {ready} of {len(offline)} sets ready in {short_path(data.cache_folder())}")
    _started = _processor_seconds()


def _keep_words_whole():
    """Show nothing in a notebook but the style of what is printed there."""
    from IPython.core.getipython import get_ipython
    from IPython.display import HTML, display

    if get_ipython() is not None:
        display(HTML(_WHOLE_WORDS))


def short_path(path):
    """Write a path below the home folder with ~."""
    try:
        return "~/" + Path(path).relative_to(Path.home()).as_posix()
    except ValueError:
        return str(path)


def device():
    """Return the torch device to compute on: CUDA if there is one, else the CPU.

    Apple's MPS is never chosen: it has no float64.
    """
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def profile():
    """Return the budget, "smoke", "quick" or "full", from the environment variable MMCOURSE_PROFILE (default quick).

    Raises
    ------
    ValueError
        For any other value.
    """
    name = os.environ.get("MMCOURSE_PROFILE") or "quick"
    if name not in PROFILES:
        raise ValueError(f"MMCOURSE_PROFILE must be one of {', '.join(PROFILES)}, got {name!r}")
    return name


def strict():
    """Tell whether failed checks and claims raise: MMCOURSE_STRICT=1."""
    return os.environ.get("MMCOURSE_STRICT") == "1"


def per_profile(*, smoke, quick, full):
    """Return the argument named like the current profile: how a lesson writes its budgets."""
    return {"smoke": smoke, "quick": quick, "full": full}[profile()]


def usage():
    """Measure this process and its finished children.

    Returns
    -------
    seconds : float or None
        Processor seconds since `setup`; None before it.
    peak : int or None
        Peak memory of this process in bytes; None on Windows.
    """
    seconds = None if _started is None else _processor_seconds() - _started
    try:
        import resource
        import sys
    except ImportError:
        return seconds, None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, peak if sys.platform == "darwin" else peak * 1024


def _processor_seconds():
    return sum(os.times()[:4])


def show_source(obj):
    """Show the source of a function, class or module in a cell, docstring with its shapes included.

    Parameters
    ----------
    obj : function, class or module
        A block of the package, or anything written in Python.

    Raises
    ------
    ValueError
        When `obj` has no Python source.
    """
    from IPython.display import display

    try:
        text = inspect.getsource(obj)
    except (TypeError, OSError):
        raise ValueError(
            f"show_source shows functions, classes and modules written in Python, not {type(obj).__name__} {obj!r:.80}"
        ) from None
    name = getattr(obj, "__qualname__", obj.__name__)
    module = getattr(obj, "__module__", None)
    display(_Source(f"{module}.{name}" if module else name, textwrap.dedent(text)))


class _Source:
    """Source that a notebook shows in colour and a terminal as it is."""

    def __init__(self, title, text):
        self.title, self.text = title, text

    def __repr__(self):
        return f"# {self.title}\n{self.text}"

    def _repr_html_(self):
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer

        look = "background: #f7f7f7; color: #1a1a1a"  # on the page and its dark version alike
        box = HtmlFormatter(noclasses=True, cssstyles=f"{look}; padding: 0.6em; overflow-x: auto", prestyles=look)
        return highlight(repr(self), PythonLexer(), box)


def _explain_missing_names():
    """Install the handler for names missing in a check cell; does nothing outside IPython, or a second time."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    shell.events.register("pre_run_cell", _remember_cell)
    shell.events.register("post_run_cell", _forgive_cell)
    shell.set_custom_exc((NameError,), _on_name_error)


_cell = {"exercise": None, "forgiven": None}


def _remember_cell(info):
    """Note which exercise, if any, the cell about to run checks."""
    found = re.match(r"(?:[ \t]*(?:#.*)?\n)*check\.ex(\d+)_(\d+)\b", info.raw_cell or "")
    _cell.update(exercise=f"{found[1]}.{found[2]}" if found else None, forgiven=None)


def _on_name_error(shell, kind, error, trace, tb_offset=None):
    name = getattr(error, "name", None)
    if _cell["exercise"] is None or strict() or name in (None, "check"):
        shell.showtraceback((kind, error, trace), tb_offset=tb_offset, running_compiled_code=True)
        return
    print(f"Exercise {_cell['exercise']}: not attempted yet: run the cell above that defines `{name}` first")
    _cell["forgiven"] = error


def _forgive_cell(result):
    """Let "run all cells" go on after an explained error."""
    if _cell["forgiven"] is not None and result.error_in_exec is _cell["forgiven"]:
        result.error_in_exec = None
