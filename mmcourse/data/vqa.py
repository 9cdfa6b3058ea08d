"""Reader of VQA v2, questions about photographs, in its official format, from a folder that the learner names."""

from collections import Counter

import numpy as np

from mmcourse.data.canonical import VALID_SHARE, need_limit, need_whole, own_folder
from mmcourse.data.coco import FEWEST, need_pictures, read_rows
from mmcourse.data.errors import DataError
from mmcourse.data.media import Picture

FILES = {"questions": "v2_OpenEnded_mscoco_{}_questions.json", "annotations": "v2_mscoco_{}_annotations.json"}
YEARS = ("train2014", "val2014")
QUESTION_FIELDS = {"question_id": int, "image_id": int, "question": str}
COLUMNS = ["number", "image", "question", "answer", "humans", "kind", "path"]
ANSWER_FIELDS = {"question_id": int, "multiple_choice_answer": str, "answer_type": str, "answers": list}


def vqa_folder(folder=None):
    """Return the folder with VQA v2, as given or from ``MMCOURSE_FOLDER_VQA``."""
    files = [name.format(year) for year in YEARS for name in FILES.values()] + [f"{year}/" for year in YEARS]
    advice = "Download questions and annotations of VQA v2 and the train and val pictures of MS COCO 2014, unpack all"
    return own_folder("vqa", folder, files, advice)


def vqa_table(_=None, *, folder=None, limit=None):
    """Return one row a question: part, number, image, question, answer, humans, kind and path.

    Part is train, valid or test; valid is a tenth of the pictures of train2014, test is val2014. Image is the number of
    the picture, answer what most people answered, humans all ten answers, kind "yes/no", "number" or "other".

    Parameters
    ----------
    folder : path, optional
        Holds the four files and train2014/ and val2014/; by default ``MMCOURSE_FOLDER_VQA``.
    limit : int, optional
        Use only the first so many pictures of train2014, and of val2014; at least 10.
    """
    import pandas as pd

    from mmcourse.data.splits import split_by_group

    need_limit(limit, FEWEST)
    folder = vqa_folder(folder)
    train, test = (_read(folder, year, limit) for year in YEARS)
    pictures = train["image"].unique()
    held_out = split_by_group(pictures, np.zeros(len(pictures)), (1 - VALID_SHARE, VALID_SHARE))[1]
    train["part"] = np.where(train["image"].isin(pictures[held_out]), "valid", "train")
    return pd.concat([train, test.assign(part="test")], ignore_index=True)


def load_vqa(_=None, *, folder=None, answers=1000, size=96, limit=None):
    """Return photographs with questions; the target says which of the most frequent answers most people gave.

    ``classes`` are the answers most frequent in the training part, the most frequent first. Questions that have another
    answer are left out of training and validation; in the test part they have the target -1, and count as wrong. The
    items of the test part are in the order of the table's rows with part "test", where all ten answers stand: score them
    with ``mmcourse.data.vqa.soft_accuracy``. Groups are the numbers of the pictures. Pictures are read when they are
    asked for: the short side is resized to `size`, the middle is cut out.

    Parameters
    ----------
    folder, limit
        As for the table.
    answers : int
        At least 1.
    size : int
        In pixels.

    Returns
    -------
    DataSplits
        Items ``{"image": (3, size, size) in [0, 1], "text": question}``.

    Raises
    ------
    DataError
        Something is missing or damaged; the message names it.
    ValueError
        A bad option.
    """
    from mmcourse.data.splits import DataSplits, Split

    need_whole("answers", answers, 1)
    need_whole("size", size, 1)
    table, parts = vqa_table(folder=folder, limit=limit), []
    counts = Counter(table["answer"][table["part"] == "train"])
    known = sorted(counts, key=lambda answer: (-counts[answer], answer))[:answers]
    table["target"] = table["answer"].map({answer: row for row, answer in enumerate(known)}).fillna(-1).astype(int)
    for part in ("train", "valid", "test"):
        rows = table[(table["part"] == part) & ((table["target"] >= 0) | (part == "test"))]
        images = [Picture(path, (size, size)) for path in rows["path"]]
        inputs = {"image": images, "text": rows["question"].tolist()}
        parts.append(Split(inputs, rows["target"].to_numpy(), rows["image"].to_numpy()))
    return DataSplits(*parts, classes=tuple(known))


def soft_accuracy(answer, humans):
    """Return the official accuracy of an answer, 0 to 1: right if three of ten people gave it, less if fewer did.

    Each human answer is left out in turn; the answer scores min(1, n / 3) if n of the others equal it, and the mean of
    these is returned: 0, 0.3, 0.6, 0.9 or 1 for ten answers of which 0, 1, 2, 3 or more agree (Antol et al. 2015). Texts
    are compared as they are: the official script first unifies numerals, articles and punctuation.

    Parameters
    ----------
    answer : str
    humans : sequence of str
        At least one.
    """
    same = np.array([human == answer for human in humans])
    return float(np.minimum(1, (same.sum() - same) / 3).mean())


def _read(folder, year, limit):
    """Return the questions of one year with their answers, in the order of the questions' file."""
    import pandas as pd

    asked, told = (folder / name.format(year) for name in FILES.values())
    questions = {row["question_id"]: row for row in read_rows(asked, questions=QUESTION_FIELDS)[0]}
    answers = {row["question_id"]: row for row in read_rows(told, annotations=ANSWER_FIELDS)[0]}
    for path, own, others in ((asked, questions, answers), (told, answers, questions)):
        if alone := [number for number in own if number not in others]:
            raise DataError(f"{path}: question {alone[0]} is not in the other file of {year}; download both again.")
    images = list(dict.fromkeys(row["image_id"] for row in questions.values()))[:limit]
    if len(images) < FEWEST:
        raise DataError(f"{asked} asks about only {len(images)} pictures; download it again.")
    paths = {image: folder / year / f"COCO_{year}_{image:012}.jpg" for image in images}
    need_pictures(folder / year, [path.name for path in paths.values()])
    rows = [
        (number, row["image_id"], row["question"], *_told(told, answers[number]), paths[row["image_id"]])
        for number, row in questions.items()
        if row["image_id"] in paths
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _told(path, row):
    """Return the most common answer, all answers, and their kind."""
    humans = [human.get("answer") if isinstance(human, dict) else None for human in row["answers"]]
    if not humans or not all(isinstance(human, str) for human in humans):
        raise DataError(f"{path}: question {row['question_id']} lacks the text of an answer; download it again.")
    return row["multiple_choice_answer"], humans, row["answer_type"]
