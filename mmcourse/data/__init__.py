"""The data of the course: ``load`` a set by name, or look at it as a ``table``.

>>> from mmcourse import data
>>> "digits" in data.REGISTRY
True
"""

import inspect

from mmcourse._lazy import lazy
from mmcourse.data.cache import cache_folder, is_whole, prepared
from mmcourse.data.errors import DataError
from mmcourse.data.registry import REGISTRY

__all__ = [
    "REGISTRY",
    "DataError",
    "DataSplits",
    "Split",
    "cache_folder",
    "collate",
    "load",
    "prepare",
    "ready",
    "table",
]

_HOMES = {"DataSplits": "splits", "Split": "splits", "collate": "splits", "speak": "voice"}
__getattr__, __dir__ = lazy(__name__, _HOMES)
_SHOWN = set()


def load(name, **options):
    """Return a data set, fetched and prepared on first use.

    Parameters
    ----------
    name : str
        One of ``REGISTRY``.
    **options
        Of the set; its card in ``data/`` lists them.

    Returns
    -------
    DataSplits
        Or, for pretrained weights, the pathlib.Path of their folder.

    Raises
    ------
    DataError
        Unknown name, or the set cannot be had; the message says what to do.
    ValueError
        An option the set does not have, or a bad value of one.
    """
    entry = _entry(name)
    _check_options(entry.load, f"load({name!r})", options)
    splits = entry.load(_folder(entry), **options)
    _announce(entry)
    return splits


def table(name, **options):
    """Return the raw table of a data set that is one.

    Parameters
    ----------
    name : str
    **options
        Of the set.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    DataError
        Unknown name, no table, or the set cannot be had.
    """
    entry = _entry(name)
    if entry.table is None:
        tables = ", ".join(key for key, other in REGISTRY.items() if other.table)
        raise DataError(f"The data set {name!r} is not a table; these are: {tables}")
    _check_options(entry.table, f"table({name!r})", options)
    return entry.table(_folder(entry), **options)


def prepare(name):
    """Fetch and build a data set unless it is in the cache.

    Returns
    -------
    pathlib.Path or None
        Its folder; None for a set that comes with an installed library.

    Raises
    ------
    DataError
        It cannot be had.
    """
    entry = _entry(name)
    return entry.find() if entry.find else _folder(entry)


def ready(name):
    """Return whether a data set can be loaded without a network."""
    entry = _entry(name)
    if entry.find is None:
        return entry.build is None or is_whole(cache_folder() / entry.folder_name())
    try:
        return bool(entry.find())
    except DataError:
        return False


def _folder(entry):
    return prepared(entry) if entry.build else None


def _entry(name):
    if name not in REGISTRY:
        raise DataError(f"There is no data set {name!r}; there are: {', '.join(REGISTRY)}")
    return REGISTRY[name]


def _check_options(function, call, options):
    known = list(inspect.signature(function).parameters)[1:]
    for option in options:
        if option not in known:
            raise ValueError(f"{call} has no option {option!r}; it has: {', '.join(known) or 'none'}")


def _announce(entry):
    """Print, the first time a set is loaded, what must be seen beside it."""
    if entry.name in _SHOWN:
        return
    _SHOWN.add(entry.name)
    if not entry.real:
        print(f"*** SYNTHETIC DATA: {entry.title}. Generated, not measured; see data/{entry.name}.md ***")
    if entry.synthetic:
        print(f"*** PARTLY SYNTHETIC: {entry.title}. Generated: {entry.synthetic}; see data/{entry.name}.md ***")
    if entry.pairing:
        print(f"*** SYNTHETIC PAIRING: {entry.title}. Real halves, {entry.pairing}; see data/{entry.name}.md ***")
    if entry.attribution:
        print(entry.attribution)
