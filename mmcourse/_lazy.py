"""Names of a package that are loaded on first use, and with them torch, scikit-learn or matplotlib."""

import sys
from importlib import import_module


def lazy(package, homes, submodules=()):
    """Return `__getattr__` and `__dir__` for a package that defines `__all__`.

    Parameters
    ----------
    package : str
        Its `__name__`.
    homes : dict of str to str
        The submodule of each name; the submodules themselves can be had too.
    submodules : iterable of str
        More of them.
    """
    module, submodules = sys.modules[package], {*homes.values(), *submodules}

    def get(name):
        if name in homes:
            return getattr(import_module(f"{package}.{homes[name]}"), name)
        if name in submodules:
            return import_module(f"{package}.{name}")
        raise AttributeError(f"{package} has no {name!r}; it has {', '.join(sorted(module.__all__))}")

    return get, lambda: sorted({*vars(module), *module.__all__})
