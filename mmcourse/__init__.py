"""mmcourse: the companion package of a course on multimodal machine learning.

Importing it is cheap: every name below is loaded on first use, and with it torch, scikit-learn or matplotlib.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "setup": "session",
    "device": "session",
    "per_profile": "session",
    "show_source": "session",
    "load": "data",
    "fit": "training",
    "claim": "check.claims",
    "progress": "check.progress",
}
_SUBMODULES = (
    "check",
    "data",
    "doctor",
    "ensembles",
    "fusion",
    "metrics",
    "plotting",
    "representation",
    "session",
    "training",
    "widgets",
)

__all__ = [*_HOMES, *_SUBMODULES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"mmcourse has no {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__():
    return sorted([*globals(), *__all__])
