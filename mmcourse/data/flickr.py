"""Reader of Flickr30k and Flickr8k, photographs with five captions each, from folders that the learner names."""

import json
import re
from collections import Counter

import numpy as np

from mmcourse.data.canonical import opened, own_folder
from mmcourse.data.coco import caption_splits, need_caption_options, need_pictures
from mmcourse.data.errors import DataError

KARPATHY = "dataset_flickr30k.json"
PARTS = {"train": "train", "val": "dev", "test": "test"}  # as Karpathy's file calls them, and as Flickr8k's files do
SHARES = (0.9, 0.05, 0.05)  # without Karpathy's file; his parts have 29,000, 1,014 and 1,000 pictures


def flickr30k_folder(folder=None):
    """Return the folder with Flickr30k, as given or from ``MMCOURSE_FOLDER_FLICKR30K``."""
    advice = "Ask the publisher for Flickr30k (flickr30k-images.tar and flickr30k.tar.gz, 4 GB), unpack both"
    return own_folder("flickr30k", folder, ["results_20130124.token", "flickr30k-images/"], advice)


def flickr8k_folder(folder=None):
    """Return the folder with Flickr8k, as given or from ``MMCOURSE_FOLDER_FLICKR8K``."""
    files = ["Flickr8k.token.txt", *(f"Flickr_8k.{part}Images.txt" for part in PARTS.values()), "Flicker8k_Dataset/"]
    return own_folder("flickr8k", folder, files, "Unpack Flickr8k_Dataset.zip and Flickr8k_text.zip into one folder")


def load_flickr30k(_=None, *, folder=None, captions="first", size=96, limit=None):
    """Return photographs with captions in English; the target and the group are the number of the photograph.

    If Karpathy's ``dataset_flickr30k.json`` lies in the folder, its parts are used, as in most articles; otherwise 90, 5
    and 5 % of the photographs, always the same ones. Pictures are read when they are asked for: the short side is
    resized to `size`, the middle is cut out. Photographs are numbered in the order of the captions.

    Parameters
    ----------
    folder : path, optional
        Holds results_20130124.token and flickr30k-images/; by default ``MMCOURSE_FOLDER_FLICKR30K``.
    captions : str
        "first": each picture once, with its first caption. "all": once with each of its captions.
    size : int
        In pixels.
    limit : int, optional
        Use only the first so many pictures of each part; at least 10.

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
    folder = flickr30k_folder(folder)
    texts = _captions(folder / "results_20130124.token")
    if (folder / KARPATHY).is_file():
        parts = _karpathy(folder / KARPATHY)
    else:
        names = [name for name, found in texts.items() if found]
        parts = [[names[row] for row in rows] for rows in split_by_group(names, np.zeros(len(names)), SHARES)]
    return _splits(texts, folder / "flickr30k-images", parts, captions, size, limit)


def load_flickr8k(_=None, *, folder=None, captions="first", size=96, limit=None):
    """Return photographs with captions as for ``flickr30k``, in the official parts (6,000, 1,000 and 1,000)."""
    need_caption_options(captions, size, limit)
    folder = flickr8k_folder(folder)
    parts = [opened(folder / f"Flickr_8k.{part}Images.txt").read().split() for part in PARTS.values()]
    return _splits(_captions(folder / "Flickr8k.token.txt"), folder / "Flicker8k_Dataset", parts, captions, size, limit)


def _captions(path):
    """Return ``{file name: captions}`` in the order of the file."""
    texts = {}
    for number, line in enumerate(opened(path), start=1):
        match = re.fullmatch(r"([^#\t]+)#(\d+)\t(.*)\s*", line)
        if match is None or match[2] in texts.setdefault(match[1], {}):
            why = "is there twice" if match else "is not a file name, #, a number, a tab and a caption"
            raise DataError(f"{path}, line {number}: {line[:60]!r} {why}.")
        texts[match[1]][match[2]] = " ".join(match[3].split())
    return {name: [text for _, text in sorted(found.items()) if text] for name, found in texts.items()}


def _karpathy(path):
    """Return the file names of the three parts."""
    try:
        rows = [(row["filename"], row["split"]) for row in json.load(opened(path))["images"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not Karpathy's file of parts ({error!r}); download it again.") from error
    return [[name for name, split in rows if split == part] for part in PARTS]


def _splits(texts, pictures, parts, captions, size, limit):
    """Return the parts after looking whether they share a picture, and whether each has captions and a file."""
    listed = [name for names in parts for name in names]
    if not all(parts):
        raise DataError(f"One of the parts {', '.join(PARTS)} of the pictures in {pictures} is empty.")
    if len(set(listed)) < len(listed):
        raise DataError(
            f"The picture {Counter(listed).most_common(1)[0][0]} is listed twice in the parts of {pictures}."
        )
    if bare := [name for name in listed if not texts.get(name)]:
        raise DataError(f"The picture {bare[0]} of {pictures} has no caption; unpack the captions again.")
    parts = [names[:limit] for names in parts]
    need_pictures(pictures, [name for names in parts for name in names])
    number = {name: row for row, name in enumerate(texts)}
    return caption_splits(
        [{number[name]: (pictures / name, texts[name]) for name in names} for names in parts], captions, size
    )
