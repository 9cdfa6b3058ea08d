"""mmcourse: the companion package of a course on multimodal machine learning.

Importing it is cheap: every name below is loaded on first use, and with it torch, scikit-learn or matplotlib.
"""

from mmcourse._lazy import lazy

__version__ = "0.1.0"

_HOMES = {
    "setup": "session",
    "device": "session",
    "per_profile": "session",
    "show_source": "session",
    "load": "data",
    "checkpoint": "checkpoints",
    "fit": "training",
    "claim": "check.claims",
    "progress": "check.progress",
}
_SUBMODULES = (
    "alignment",
    "check",
    "checkpoints",
    "colearning",
    "data",
    "doctor",
    "ensembles",
    "fusion",
    "metrics",
    "plotting",
    "representation",
    "session",
    "training",
    "translation",
    "widgets",
)

__all__ = [*_HOMES, *_SUBMODULES]
__getattr__, __dir__ = lazy(__name__, _HOMES, _SUBMODULES)
