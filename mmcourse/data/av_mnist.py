"""Reader of AV-MNIST, in the files that MultiBench reads, from a folder that the learner names."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from mmcourse.data.canonical import need_limit, own_folder
from mmcourse.data.errors import DataError

FILES = ("image/{}_data.npy", "audio/{}_data.npy", "{}_labels.npy")
SHAPES = {"image": (28, 28), "audio": (112, 112)}
HELD_OUT = 12  # the last twelfth of train, 5,000 of 60,000


@dataclass(frozen=True)
class Row:
    """One row of an .npy file, read when it is asked for.

    Attributes
    ----------
    path : pathlib.Path
    row : int
    shape : tuple of int
        What the row becomes, behind one channel.
    """

    path: Path
    row: int
    shape: tuple[int, int]

    def decode(self):
        """Return the row divided by 255, float32, shape (1, *shape).

        Raises
        ------
        DataError
            It holds NaN or infinity.
        """
        values = np.asarray(_mapped(self.path)[self.row], dtype=np.float32).reshape(1, *self.shape) / 255
        if not np.isfinite(values).all():
            raise DataError(f"{self.path}, row {self.row} holds numbers that are not finite; download it again.")
        return values


def av_mnist_folder(folder=None):
    """Return the folder with AV-MNIST, as given or from ``MMCOURSE_FOLDER_AV_MNIST``."""
    files = [file.format(part) for part in ("train", "test") for file in FILES]
    return own_folder(
        "av_mnist", folder, files, "Download AV-MNIST where MultiBench's list of data sets says, unpack it"
    )


def load_av_mnist(_=None, *, folder=None, limit=None):
    """Return pictures and spectrograms of the same digit, as AV-MNIST pairs them.

    The last twelfth of train is held out for validation, as in MultiBench: 55,000 pairs for training, 5,000 for
    validation, 10,000 for testing. Both halves are divided by 255. The files stay on the disk; a row is read when it is
    asked for.

    Parameters
    ----------
    folder : path, optional
        Holds image/, audio/, train_labels.npy and test_labels.npy; by default ``MMCOURSE_FOLDER_AV_MNIST``.
    limit : int, optional
        Use only the first so many pairs of train, and of test; at least 12.

    Returns
    -------
    DataSplits
        Items ``{"image": (1, 28, 28), "audio": (1, 112, 112)}`` and the digit.

    Raises
    ------
    DataError
        Something is missing or damaged; the message names it.
    ValueError
        A bad option.
    """
    from mmcourse.data.splits import DataSplits, Split

    need_limit(limit, HELD_OUT)
    folder = av_mnist_folder(folder)
    _mapped.cache_clear()
    (inputs, digits), test = (_part(folder, part, limit) for part in ("train", "test"))
    border = len(digits) - len(digits) // HELD_OUT
    halves = [({k: v[rows] for k, v in inputs.items()}, digits[rows]) for rows in (slice(border), slice(border, None))]
    return DataSplits(*(Split(*half) for half in (*halves, test)), classes=tuple(map(str, range(10))))


def _part(folder, part, limit):
    """Return the rows and digits of one part after checking shapes, lengths and labels."""
    *data, where = (folder / file.format(part) for file in FILES)
    labels, inputs = _mapped(where), {}
    if labels.ndim != 1 or len(labels) < HELD_OUT:
        raise DataError(f"{where} has the shape {labels.shape}, not one label each of at least {HELD_OUT} pairs.")
    if (wrong := ~np.isin(labels, range(10))).any():
        raise DataError(
            f"{where}, row {wrong.argmax()}: the label is {labels[wrong.argmax()]}, not a digit from 0 to 9."
        )
    for path, (key, (height, width)) in zip(data, SHAPES.items(), strict=True):
        found = _mapped(path).shape
        if found[1:] not in ((height, width), (height * width,)):
            raise DataError(f"{path} has the shape {found}, not (n, {height}, {width}) or (n, {height * width}).")
        if found[0] != len(labels):
            raise DataError(f"{path} has {found[0]} rows, but {where.name} has {len(labels)}; download both again.")
        inputs[key] = [Row(path, row, (height, width)) for row in range(found[0])[:limit]]
    return inputs, labels[:limit].astype(int)


@lru_cache(maxsize=6)  # rows name their file, so that a data loader's processes need not be sent its content
def _mapped(path):
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is no .npy file, or not the whole of one; download it again.") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "uif":
        raise DataError(f"{path} does not hold one array of numbers; download it again.")
    return array
