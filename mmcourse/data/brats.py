"""Reader of the BraTS brain tumour scans in their official layouts, from a folder that the learner names."""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np

from mmcourse.data.brain import CLASSES
from mmcourse.data.canonical import need_limit, own_folder
from mmcourse.data.errors import DataError

OLD = ({"t1": "_t1", "t1c": "_t1ce", "t2": "_t2", "flair": "_flair"}, "_seg", {0: 0, 1: 1, 2: 2, 4: 3})
NEW = ({"t1": "-t1n", "t1c": "-t1c", "t2": "-t2w", "flair": "-t2f"}, "-seg", {0: 0, 1: 1, 2: 2, 3: 3})
LAYOUTS = (  # name of a case, with the patient in it; endings of its files; what its labels are here
    (re.compile(r"(BraTS20_Training_\d{3})"), OLD),
    (re.compile(r"(BraTS2021_\d{5})"), OLD),
    (re.compile(r"(BraTS-GLI-\d{5})-\d{3}"), NEW),
)
FEWEST = 10  # patients, so that each part has one


def brats_folder(folder=None):
    """Return the folder with the cases of BraTS, as given or from ``MMCOURSE_FOLDER_BRATS``."""
    chosen = folder or os.environ.get("MMCOURSE_FOLDER_BRATS")
    if chosen and (path := Path(chosen).expanduser()).is_dir() and _cases(path):
        return path
    advice = (
        "Download the training data of BraTS 2020, 2021 or 2023 (adult glioma; after registration), unpack it into "
        "one folder a case, such as BraTS20_Training_001, BraTS2021_00000 or BraTS-GLI-00000-000"
    )
    return own_folder("brats", folder, ("BraTS20_Training_001/",), advice)


def load_brats(_=None, *, folder=None, limit=None):
    """Return slices of real brains in four MRI contrasts, and the label of every pixel; groups are patients.

    BraTS has no CT. Each case gives six axial slices, 12 mm apart around the middle of the volume, of 80 by 64 pixels
    of 3 mm: turned so that the front is at the top and the patient's right at the left, cut out around the middle,
    and averaged down. A contrast is 1 at the brightest half percent of a case's brain in these slices and 0 outside.
    Labels: 0 background, 1 necrotic or not enhancing core, 2 oedema, 3 enhancing, which is 4 in the files before 2023.
    The official validation and test parts have no labels, so 70, 10 and 20 % of the patients of the training part are
    for training, validation and testing. A file is read when its first slice is asked for, a tenth of a second or so.

    Parameters
    ----------
    folder : path, optional
        Holds one folder a case; by default ``MMCOURSE_FOLDER_BRATS``.
    limit : int, optional
        Use only the first so many cases; at least 10.

    Returns
    -------
    DataSplits
        Items ``{"t1": (1, 80, 64), "t1c": ..., "t2": ..., "flair": ...}`` float32 in [0, 1]; target (80, 64) int64.

    Raises
    ------
    DataError
        Something is missing or damaged; the message names it.
    ValueError
        A bad option.
    """
    from mmcourse.data.splits import DataSplits, split_by_group
    from mmcourse.data.volumes import OFFSETS, LazySplit, Slice

    need_limit(limit, FEWEST)
    folder = brats_folder(folder)
    cases = _cases(folder)[:limit]
    patients = [patient for _, patient, _ in cases]
    if len(set(patients)) < FEWEST:
        raise DataError(
            f"The folder {folder} holds only {len(set(patients))} patients of at least {FEWEST}; unpack all."
        )
    files = [_files(case, layout) for case, _, layout in cases]
    splits = []
    for rows in split_by_group(patients, np.zeros(len(cases))):
        inputs = {key: [Slice(files[row][key], k) for row in rows for k in range(len(OFFSETS))] for key in OLD[0]}
        labels = [Slice(files[row]["seg"], k, cases[row][2][2]) for row in rows for k in range(len(OFFSETS))]
        splits.append(LazySplit(inputs, labels, np.repeat(np.array(patients)[rows], len(OFFSETS))))
    return DataSplits(*splits, classes=CLASSES)


def _cases(folder):
    """Return ``(path, patient, layout)`` of every case, in the order of their names."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    found = ((name, pattern.fullmatch(name), layout) for name in names for pattern, layout in LAYOUTS)
    return [(folder / name, match[1], layout) for name, match, layout in found if match]


def _files(case, layout):
    """Return the path of each contrast and of the segmentation ("seg"), after comparing their shapes."""
    from mmcourse.data.volumes import read_volume

    endings, seg, _ = layout
    paths = {}
    for key, ending in {**endings, "seg": seg}.items():
        choices = [case / f"{case.name}{ending}{suffix}" for suffix in (".nii.gz", ".nii")]
        paths[key] = next((path for path in choices if path.is_file()), None)
        if paths[key] is None:
            why = "only training cases have one; unpack or rename it" if key == "seg" else "unpack the case again"
            raise DataError(f"The case {case.name} has no file {choices[0].name}; {why}.")
    shapes = {key: read_volume(path, whole=False) for key, path in paths.items()}
    usual = Counter(shapes.values()).most_common(1)[0][0]
    for key, shape in shapes.items():
        if shape != usual:
            size, others = (" x ".join(map(str, each)) for each in (shape, usual))
            raise DataError(f"{paths[key]} is {size} voxels, the other files of its case {others}; unpack it again.")
    return paths
