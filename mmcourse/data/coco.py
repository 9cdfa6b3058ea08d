"""Reader of MS COCO's captioned photographs in their official layout, from a folder that the learner names."""

import json
import os

import numpy as np

from mmcourse.data.canonical import VALID_SHARE, need_limit, need_whole, opened, own_folder
from mmcourse.data.errors import DataError
from mmcourse.data.media import Picture

PARTS = ("train2017", "val2017")
FEWEST = 10  # pictures, so that a tenth can be held out
IMAGE_FIELDS = {"id": int, "file_name": str}
CAPTION_FIELDS = {"image_id": int, "caption": str}


def coco_folder(folder=None):
    """Return the folder with MS COCO 2017, as given or from ``MMCOURSE_FOLDER_COCO_CAPTIONS``."""
    files = [f"annotations/captions_{part}.json" for part in PARTS] + [f"{part}/" for part in PARTS]
    advice = (
        "Download '2017 Train images', '2017 Val images' and '2017 Train/Val annotations' of MS COCO (20 GB), "
        "unpack all three into one folder"
    )
    return own_folder("coco_captions", folder, files, advice)


def load_coco_captions(_=None, *, folder=None, captions="first", size=96, limit=None):
    """Return photographs with captions in English; the target and the group are the number of the photograph.

    val2017 is the test set, since the official test part has no captions; a tenth of the pictures of train2017 are held
    out for validation. Pictures are read when they are asked for: the short side is resized to `size`, the middle is
    cut out. White space in captions is tidied; pictures without a caption are left out.

    Parameters
    ----------
    folder : path, optional
        Holds annotations/, train2017/ and val2017/; by default ``MMCOURSE_FOLDER_COCO_CAPTIONS``.
    captions : str
        "first": each picture once, with its first caption. "all": once with each of its captions.
    size : int
        In pixels.
    limit : int, optional
        Use only the first so many pictures of train2017, and of val2017; at least 10.

    Returns
    -------
    DataSplits
        Items ``{"image": (3, size, size) in [0, 1], "text": str}`` and the number of the picture.

    Raises
    ------
    DataError
        Something is missing or damaged; the message names it.
    ValueError
        A bad option.
    """
    from mmcourse.data.splits import split_by_group

    need_caption_options(captions, size, limit)
    folder = coco_folder(folder)
    train, test = (_read(folder, part, limit) for part in PARTS)
    if both := train.keys() & test.keys():
        raise DataError(f"Picture {min(both)} is in the captions of train2017 and of val2017; unpack both files again.")
    if len(train) < FEWEST:
        raise DataError(f"captions_train2017.json describes only {len(train)} pictures; download it again.")
    numbers = list(train)
    rows = split_by_group(numbers, np.zeros(len(train)), (1 - VALID_SHARE, VALID_SHARE))
    kept, held_out = ({numbers[row]: train[numbers[row]] for row in part} for part in rows)
    return caption_splits((kept, held_out, test), captions, size)


def need_caption_options(captions, size, limit):
    """Raise a ValueError if an option of :func:`load_coco_captions` is bad."""
    if captions not in ("first", "all"):
        raise ValueError(f"captions must be 'first' or 'all', not {captions!r}")
    need_whole("size", size, 1)
    need_limit(limit, FEWEST)


def caption_splits(parts, captions, size):
    """Return :class:`DataSplits` of three parts ``{number: (path, captions)}``, for both options of `captions`."""
    from mmcourse.data.splits import DataSplits, Split

    splits = []
    for part in parts:
        rows = [
            (Picture(path, (size, size)), text, number)
            for number, (path, texts) in part.items()
            for text in (texts if captions == "all" else texts[:1])
        ]
        images, texts, numbers = zip(*rows, strict=True)
        splits.append(Split({"image": images, "text": texts}, numbers, numbers))
    return DataSplits(*splits)


def _read(folder, part, limit):
    """Return ``{number: (path, captions)}`` of the described pictures of one part, in the order of the file."""
    path = folder / "annotations" / f"captions_{part}.json"
    images, annotations = read_rows(path, images=IMAGE_FIELDS, annotations=CAPTION_FIELDS)
    names = {row["id"]: row["file_name"] for row in images}
    texts = {number: [] for number in names}
    for place, row in enumerate(annotations):
        if row["image_id"] not in texts:
            raise DataError(f"{path}: entry {place} of annotations describes picture {row['image_id']}, not in images.")
        if text := " ".join(row["caption"].split()):
            texts[row["image_id"]].append(text)
    described = [number for number in names if texts[number]][:limit]
    if not described:
        raise DataError(f"{path} describes no picture; download it again.")
    need_pictures(folder / part, [names[number] for number in described])
    return {number: (folder / part / names[number], texts[number]) for number in described}


def read_rows(path, **lists):
    """Return lists of a JSON file, after checking every entry; each is given as ``name={field: type}``."""
    try:
        content = json.load(opened(path))
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}); download it again.") from error
    for name, fields in lists.items():
        rows = content.get(name) if isinstance(content, dict) else None
        if not isinstance(rows, list):
            raise DataError(f"{path} has no list of {name}; it is not the file that its name says.")
        for place, row in enumerate(rows):
            for field, kind in fields.items():
                if not isinstance(row, dict) or not isinstance(row.get(field), kind):
                    wanted = {int: "whole number", str: "text", list: "list"}[kind]
                    raise DataError(f"{path}: entry {place} of {name} has no {field} that is a {wanted}.")
    return [content[name] for name in lists]


def need_pictures(folder, names):
    """Raise a DataError that names the first picture missing in a folder."""
    present = {entry.name for entry in os.scandir(folder)}
    absent = [name for name in names if name not in present]
    if absent:
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise DataError(f"The folder {folder} holds no {absent[0]}{more}; unpack the pictures again.")
