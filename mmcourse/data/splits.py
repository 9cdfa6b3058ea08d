"""What ``load`` returns: three torch data sets, and the function that makes batches of them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset


class Split(Dataset):
    """Part of a data set: item ``i`` is ``(dict of modalities, target)``.

    Parameters
    ----------
    inputs : dict of str to sequence
        One entry a modality, each with one value an item: an array with the items on its first axis, a list of ``str``,
        a list of arrays of different length, or a list of things with a method ``decode()`` that returns an array: it
        is called when an item is asked for. ``uint8`` arrays are pictures: they come out as float32 in [0, 1].
    target : array, shape (n,)
        Integers for classes, floats for values; or ``str``.
    groups : array, shape (n,), optional
        Items of the same group are related and never straddle a split. By default each item is its own group.
    """

    def __init__(self, inputs, target, groups=None):
        self.target = np.asarray(target)
        self.groups = np.arange(len(self.target)) if groups is None else np.asarray(groups)
        self._inputs = {key: _stored(values) for key, values in inputs.items()}
        lengths = {len(self.target), len(self.groups), *map(len, self._inputs.values())}
        if len(lengths) > 1:
            raise ValueError(f"inputs, target and groups must have the same length, not {sorted(lengths)}")

    def __len__(self):
        return len(self.target)

    def __getitem__(self, index):
        """Return ``(dict[str, Tensor], target)``; text stays ``str``."""
        item = {key: _as_item(values[index]) for key, values in self._inputs.items()}
        target = self.target[index]
        return item, str(target) if isinstance(target, str) else torch.as_tensor(target)

    def __repr__(self):
        return f"Split({len(self)} items of {', '.join(self._inputs)})"

    def arrays(self):
        """Return ``(dict of NumPy arrays, target)``; text and ragged sequences are object arrays."""
        return {key: _scaled(values) for key, values in self._inputs.items()}, self.target


@dataclass(frozen=True)
class DataSplits:
    """The three parts of a data set.

    Attributes
    ----------
    train, valid, test : Split
    classes : tuple of str
        Names of the classes 0, 1, ...; empty for a regression target.
    """

    train: Split
    valid: Split
    test: Split
    classes: tuple[str, ...] = ()


def collate(items):
    """Make a batch; sequences of different length are padded with zeros.

    Parameters
    ----------
    items : list of (dict, target)
        As a :class:`Split` gives them.

    Returns
    -------
    batch : dict of str to Tensor (B, ...) or list of str
    masks : dict of str to Tensor (B, T), bool
        Only for the modalities that were padded; True means keep.
    target : Tensor (B,) or list of str

    Raises
    ------
    ValueError
        No items, or items with different modalities.
    """
    if not items:
        raise ValueError("collate needs at least one item")
    inputs, targets = zip(*items, strict=True)
    if any(one.keys() != inputs[0].keys() for one in inputs):
        raise ValueError("collate needs items with the same modalities")
    batch, masks = {}, {}
    for key in inputs[0]:
        values = [one[key] for one in inputs]
        if isinstance(values[0], str):
            batch[key] = values
        elif len({value.shape for value in values}) == 1:
            batch[key] = torch.stack(values)
        elif len({value.shape[1:] for value in values}) > 1 or values[0].ndim == 0:
            raise ValueError(f"collate pads the first axis only, but {key!r} differs in another one")
        else:
            batch[key] = pad_sequence(values, batch_first=True)
            lengths = torch.tensor([len(value) for value in values])
            masks[key] = torch.arange(batch[key].shape[1]) < lengths[:, None]
    if isinstance(targets[0], str):
        return batch, masks, list(targets)
    return batch, masks, torch.stack([torch.as_tensor(target) for target in targets])


def split_by_group(groups, strata, fractions=(0.7, 0.1, 0.2), seed=0):
    """Divide items so that no group straddles a border and every stratum is divided alike.

    Parameters
    ----------
    groups : array, shape (n,)
    strata : array, shape (n,)
        Usually the target. A group belongs to the stratum of its first item.
    fractions : tuple of float
        Shares of the parts, adding up to 1.
    seed : int

    Returns
    -------
    list of int arrays
        Row numbers of each part, ascending.
    """
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    sizes, group_strata = np.bincount(group), np.asarray(strata)[first]
    rng, part_of_group = np.random.default_rng(seed), np.empty(len(first), dtype=int)
    for stratum in np.unique(group_strata):
        members = rng.permutation(np.flatnonzero(group_strata == stratum))
        middles = np.cumsum(sizes[members]) - sizes[members] / 2
        part_of_group[members] = np.searchsorted(np.cumsum(fractions)[:-1], middles / sizes[members].sum())
    return [np.flatnonzero(part_of_group[group] == part) for part in range(len(fractions))]


def grouped_splits(inputs, target, groups, strata=None, classes=()):
    """Return :class:`DataSplits` of 70, 10 and 20 % of the items, divided by group within each stratum.

    Parameters
    ----------
    inputs, target, groups
        As for :class:`Split`.
    strata : array, optional
        By default the target.
    classes : tuple of str
    """
    parts = split_by_group(groups, target if strata is None else strata)
    return DataSplits(*(_take(inputs, target, groups, rows) for rows in parts), classes=tuple(classes))


def _take(inputs, target, groups, rows):
    chosen = {
        key: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
        for key, values in inputs.items()
    }
    return Split(chosen, np.asarray(target)[rows], np.asarray(groups)[rows])


def _stored(values):
    if isinstance(values, np.ndarray) and values.dtype != object and values.dtype.kind != "U":
        return values
    stored = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        stored[row] = value
    return stored


def _scaled(values):
    if values.dtype == object and len(values) and hasattr(values[0], "decode"):
        decoded = [_scaled(value.decode()) for value in values]
        return np.stack(decoded) if len({value.shape for value in decoded}) == 1 else _stored(decoded)
    return values.astype(np.float32) / 255 if values.dtype == np.uint8 else values


def _as_item(value):
    if isinstance(value, str):
        return value
    return torch.as_tensor(_scaled(value.decode() if hasattr(value, "decode") else np.asarray(value)))
