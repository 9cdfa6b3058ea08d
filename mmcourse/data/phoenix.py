"""Reader of RWTH-PHOENIX-Weather 2014 T, signed weather forecasts, from a folder that the learner names."""

import csv
import os

from mmcourse.data.canonical import need_good, need_limit, need_sides, need_whole, own_folder, read_table
from mmcourse.data.media import Frames

PARTS = ("train", "dev", "test")
COLUMNS = ("name", "video", "start", "end", "speaker", "orth", "translation")
TABLE = "annotations/manual/PHOENIX-2014-T.{}.corpus.csv"
FRAMES = "features/fullFrame-210x260px/{}/"


def phoenix_folder(folder=None):
    """Return the folder with PHOENIX-2014T, as given or from ``MMCOURSE_FOLDER_PHOENIX2014T``."""
    files = [file.format(part) for file in (TABLE, FRAMES) for part in PARTS]
    advice = "Download phoenix-2014-T.v3.tar.gz of RWTH Aachen (39 GB), unpack it"
    return own_folder("phoenix2014t", folder, files, advice)


def phoenix_table(_=None, *, folder=None):
    """Return one row a sentence: the columns of the files, and part (train, dev or test).

    The glosses are orth. Columns video, start and end are those of the publisher and not used here.
    """
    import pandas as pd

    return pd.concat(_tables(phoenix_folder(folder)), ignore_index=True)


def load_phoenix2014t(_=None, *, folder=None, size=(130, 105), stride=1, limit=None):
    """Return videos of signing with their German translation; the target is the glosses, separated by blanks.

    The parts are the official ones: the same signers are in all three. There is no sound. Pictures are read when they
    are asked for.

    Parameters
    ----------
    folder : path, optional
        Holds annotations/ and features/; by default ``MMCOURSE_FOLDER_PHOENIX2014T``.
    size : (int, int)
        Height and width; the files have 260 and 210.
    stride : int
        Use every so many pictures, of 25 a second.
    limit : int, optional
        Use only the first so many sentences of each part.

    Returns
    -------
    DataSplits
        Items ``{"video": (T, 3, height, width) in [0, 1], "text": str}`` and the glosses. Groups: the signer.

    Raises
    ------
    DataError
        Something is missing or damaged; the message names it.
    ValueError
        A bad option.
    """
    from mmcourse.data.splits import DataSplits, Split

    need_sides("size", size)
    need_whole("stride", stride, 1)
    need_limit(limit)
    folder, parts = phoenix_folder(folder), []
    for part, table in zip(PARTS, _tables(folder), strict=True):
        rows, root = table[:limit], folder / FRAMES.format(part)
        videos = [Frames(root / name, tuple(size), stride) for name in rows["name"]]
        inputs = {"video": videos, "text": rows["translation"].tolist()}
        parts.append(Split(inputs, rows["orth"].tolist(), rows["speaker"].to_numpy(str)))
    return DataSplits(*parts)


def _tables(folder):
    """Read and check the three tables; white space in texts is tidied."""
    tables = {}
    for part in PARTS:
        path, present = folder / TABLE.format(part), {entry.name for entry in os.scandir(folder / FRAMES.format(part))}
        rows = read_table(path, COLUMNS, sep="|", quoting=csv.QUOTE_NONE, skip_blank_lines=False)
        need_good(path, rows["name"], ~rows["name"].duplicated(), "{!r} is there twice")
        for other, table in tables.items():
            need_good(path, rows["name"], ~rows["name"].isin(table["name"]), f"{{!r}} is in the part {other} too")
        need_good(path, rows["name"], rows["name"].isin(present), f"{FRAMES.format(part)} holds no folder {{!r}}")
        for column in ("speaker", "orth", "translation"):
            rows[column] = rows[column].str.split().str.join(" ")
            need_good(path, rows["name"], rows[column] != "", f"{{!r}} has no {column}")
        tables[part] = rows.assign(part=part)
    return tables.values()
