"""The description of one data set."""

import hashlib
import inspect
import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mmcourse.data.fetch import WheelFiles


@dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes
    ----------
    name, title, task : str
    modalities : tuple of str
        Keys of an item.
    size, licence, source, stands_in_for : str
        For the card; `stands_in_for` names the public set that this one replaces offline, or is empty.
    real : bool
        False for generated data, which shows a banner when it is loaded.
    pairing : str
        For real halves that were never recorded together: how they were put together. Shows a banner once.
    synthetic : str
        What is generated in a set that is real otherwise. Shows a banner once.
    caveats : tuple of str
        What it cannot show.
    shares : str
        Name of the set made of the same `wheels`. If `build` and `helpers` are the same too, both read the same files.
    load : callable
        ``load(folder, **options) -> DataSplits``.
    table : callable, optional
        ``table(folder, **options) -> pandas.DataFrame``.
    wheels : tuple of WheelFiles
        Files to fetch.
    build : callable, optional
        ``build(files, folder)`` writes the prepared files; without it nothing is cached.
    helpers : tuple
        Functions and constants that `build` depends on: they belong to the recipe.
    attribution : str
        A line that must be shown where the data is used.
    find : callable, optional
        For a canonical set: returns the learner's folder, or raises a DataError that says what to download.
    """

    name: str
    title: str
    task: str
    modalities: tuple[str, ...]
    size: str
    licence: str
    source: str
    caveats: tuple[str, ...]
    load: Callable
    stands_in_for: str = ""
    real: bool = True
    table: Callable | None = None
    wheels: tuple[WheelFiles, ...] = ()
    build: Callable | None = None
    helpers: tuple = ()
    attribution: str = ""
    find: Callable | None = None
    pairing: str = ""
    shares: str = ""
    synthetic: str = ""

    def key(self):
        """Return 12 hexadecimal digits that change when the sources or the recipe change."""
        parts = [inspect.getsource(part) if callable(part) else repr(part) for part in (self.build, *self.helpers)]
        recipe = json.dumps([[asdict(wheel) for wheel in self.wheels], *parts])
        return hashlib.sha256(recipe.encode()).hexdigest()[:12]

    def folder_name(self):
        """Return the name of its folder in the cache."""
        return f"{self.shares or self.name}-{self.key()}"


def read_entry(name, **functions):
    """Return the entry whose facts stand in ``sets/<name>.toml``.

    Parameters
    ----------
    name : str
    **functions
        The fields that are code: load, and where there is one table, build, helpers and find.
    """
    facts = _facts(name)
    if "shares" in facts:  # it reads what another set prepares, so it is made of that one's wheels
        wheels = _facts(facts["shares"])["wheels"]
    else:
        wheels = facts.pop("wheels", ())
    facts["wheels"] = tuple(WheelFiles(**{**wheel, "members": tuple(wheel["members"])}) for wheel in wheels)
    facts |= {key: tuple(facts[key]) for key in ("modalities", "caveats")}
    return Entry(name, **facts, **functions)


def facts_file(name):
    """Return the file with the facts of a data set."""
    return Path(__file__).parent / "sets" / f"{name}.toml"


def _facts(name):
    return tomllib.loads(facts_file(name).read_text(encoding="utf-8"))
