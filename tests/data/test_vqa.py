"""VQA v2 in miniature, field by field as its publisher describes it, every bad file, and its accuracy by brute force."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from toys import change, parts

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.vqa import load_vqa, soft_accuracy, vqa_table

IMAGES = {"train2014": range(9, 69, 2), "val2014": range(100, 112)}
QUESTIONS = {year: f"v2_OpenEnded_mscoco_{year}_questions.json" for year in IMAGES}
ANNOTATIONS = {year: f"v2_mscoco_{year}_annotations.json" for year in IMAGES}
HEAD = {
    "info": {"description": "This is v2.0 of the VQA dataset.", "version": "2.0", "year": 2017},
    "license": {"url": "", "name": "Creative Commons Attribution 4.0 International License"},
    "data_subtype": "train2014",
}
ASKED = ("Is it dark?", "How many dots are there?", "What colour is it?")  # of each picture


def truth(image, turn):
    """The answer that most people give: yes most often, then 1, then grey; some answers are rare."""
    return ("yes", "1" if image % 3 else "0", "grey" if image % 5 else f"shade {99 - image}")[turn]


def files(year):
    """The questions and the annotations of a year; annotations are in another order."""
    numbers = [(image, turn) for image in IMAGES[year] for turn in range(3)]
    questions = [
        {"image_id": image, "question": ASKED[turn], "question_id": 1000 * image + turn} for image, turn in numbers
    ]
    annotations = [
        {
            "question_type": ("is it", "how many", "what color")[turn],
            "multiple_choice_answer": truth(image, turn),
            "answers": [
                {
                    "answer": truth(image, turn) if number <= 7 else f"other {number}",
                    "answer_confidence": "yes",
                    "answer_id": number,
                }
                for number in range(1, 11)
            ],
            "image_id": image,
            "answer_type": ("yes/no", "number", "other")[turn],
            "question_id": 1000 * image + turn,
        }
        for image, turn in reversed(numbers)
    ]
    kinds = {"task_type": "Open-Ended", "data_type": "mscoco"}
    return {**HEAD, **kinds, "questions": questions}, {**HEAD, **kinds, "annotations": annotations}


@pytest.fixture
def folder(tmp_path):
    """The official layout; each picture is plain grey, as bright as its number."""
    for year, images in IMAGES.items():
        for name, content in zip((QUESTIONS[year], ANNOTATIONS[year]), files(year), strict=True):
            (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
        (tmp_path / year).mkdir()
        for image in images:
            Image.new("RGB", (64, 48), (image,) * 3).save(tmp_path / year / f"COCO_{year}_{image:012}.jpg", quality=95)
    return tmp_path


def test_items(folder):
    splits = load_vqa(folder=folder, size=16)
    sets = [set(split.groups.tolist()) for split in parts(splits)]
    assert [len(one) for one in sets] == [27, 3, 12]
    assert sets[0] | sets[1] == set(IMAGES["train2014"])
    assert sets[2] == set(IMAGES["val2014"])
    assert not sets[0] & sets[1]
    for split in parts(splits):
        for (inputs, target), image in zip(split, split.groups, strict=True):
            np.testing.assert_allclose(inputs["image"] * 255, image, atol=1)
            assert inputs["image"].shape == (3, 16, 16)
            answer = truth(image, ASKED.index(inputs["text"]))
            assert answer not in splits.classes if target == -1 else splits.classes[target] == answer


def test_the_most_frequent_answers_of_the_training_part(folder):
    splits = load_vqa(folder=folder)
    images = set(splits.train.groups.tolist())
    counts = Counter(truth(image, turn) for image in images for turn in range(3))
    assert splits.classes[:3] == tuple(answer for answer, _ in counts.most_common(3)) == ("yes", "grey", "1")
    assert set(splits.classes) == set(counts)
    fewer = load_vqa(folder=folder, answers=2)
    assert fewer.classes == ("yes", "grey")
    assert set(fewer.train.target) == set(fewer.valid.target) == {0, 1}
    assert set(fewer.test.target) == {-1, 0, 1}
    assert len(fewer.test) == len(splits.test) == 36
    assert len(fewer.train) == counts["yes"] + counts["grey"]


def test_ties_are_broken_by_the_alphabet(folder):
    shades = [answer for answer in load_vqa(folder=folder).classes if answer.startswith("shade")]
    assert len(shades) > 2
    assert shades == sorted(shades)


def test_the_table_goes_with_the_items(folder):
    table, splits = vqa_table(folder=folder), load_vqa(folder=folder, answers=2)
    test = table[table["part"] == "test"]
    assert test["question"].tolist() == splits.test.arrays()[0]["text"].tolist()
    assert test["image"].tolist() == splits.test.groups.tolist()
    for row in table.itertuples():
        turn = row.number % 1000
        assert (row.image, row.question) == (row.number // 1000, ASKED[turn])
        assert row.answer == truth(row.image, turn)
        assert row.humans == [row.answer] * 7 + ["other 8", "other 9", "other 10"]
        assert row.kind == ("yes/no", "number", "other")[turn]
    guesses = [splits.classes[target] if target >= 0 else "" for target in splits.test.target]
    scores = [soft_accuracy(guess, humans) for guess, humans in zip(guesses, test["humans"], strict=True)]
    assert scores == [float(target >= 0) for target in splits.test.target]


def test_soft_accuracy_is_the_mean_over_leaving_each_human_out():
    for humans in itertools.product("abc", repeat=5):
        for answer in "abd":
            scores = []
            for left_out in range(5):
                others = [human for number, human in enumerate(humans) if number != left_out]
                scores.append(min(1, sum(human == answer for human in others) / 3))
            assert soft_accuracy(answer, humans) == pytest.approx(np.mean(scores))
    ten = [soft_accuracy("a", ["a"] * count + ["b"] * (10 - count)) for count in range(11)]
    assert ten == pytest.approx([0, 0.3, 0.6, 0.9, *[1] * 7])


def test_limit_takes_the_first_pictures(folder):
    table = vqa_table(folder=folder, limit=10)
    assert sorted(set(table["image"])) == [*list(IMAGES["train2014"])[:10], *list(IMAGES["val2014"])[:10]]
    assert table["part"].value_counts().to_dict() == {"train": 27, "valid": 3, "test": 30}
    assert len(load_vqa(folder=folder, limit=10).test) == 30


def test_the_folder_from_the_variable(folder, monkeypatch):
    assert not data.ready("vqa")
    monkeypatch.setenv("MMCOURSE_FOLDER_VQA", str(folder))
    assert data.ready("vqa")
    assert len(data.load("vqa", limit=10).test) == 30
    assert len(data.table("vqa")) == 3 * (30 + 12)


def test_a_folder_in_which_something_is_missing(folder):
    with pytest.raises(DataError, match=r"Download questions and annotations of VQA v2 .* MMCOURSE_FOLDER_VQA"):
        data.load("vqa")
    (folder / ANNOTATIONS["val2014"]).unlink()
    with pytest.raises(DataError, match=r"holds no v2_mscoco_val2014_annotations.json. Download questions"):
        load_vqa(folder=folder)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (QUESTIONS["train2014"], '{"info"', '"info"', r"train2014_questions.json is not JSON \("),
        (
            QUESTIONS["train2014"],
            '"questions"',
            '"asked"',
            "has no list of questions; it is not the file that its name",
        ),
        (ANNOTATIONS["train2014"], '"annotations"', '"told"', "has no list of annotations; it is not the file"),
        (
            QUESTIONS["val2014"],
            '"image_id": 100',
            '"image_id": "100"',
            "entry 0 of questions has no image_id that is a",
        ),
        (
            QUESTIONS["val2014"],
            '"question": "Is',
            '"quest": "Is',
            "entry 0 of questions has no question that is a text",
        ),
        (ANNOTATIONS["val2014"], '"answers": [', '"answers": 5, "more": [', "entry 0 .* no answers that is a list"),
        (ANNOTATIONS["val2014"], '"multiple_choice_answer"', '"mc"', "has no multiple_choice_answer that is a text"),
        (ANNOTATIONS["val2014"], '"answer": "', '"text": "', "question 111002 lacks the text of an answer; download"),
        (ANNOTATIONS["val2014"], '"answers": [', '"answers": [], "more": [', "question 111002 lacks the text of an"),
        (
            ANNOTATIONS["val2014"],
            '"question_id": 111002',
            '"question_id": 7',
            "questions.json: question 111002 is not in",
        ),
        (QUESTIONS["val2014"], '"question_id": 100000', '"question_id": 7', "questions.json: question 7 is not in the"),
        (
            QUESTIONS["val2014"],
            '"image_id": 100,',
            '"image_id": 99,',
            "val2014 holds no COCO_val2014_000000000099.jpg;",
        ),
    ],
)
def test_bad_files(folder, name, old, new, message):
    change(folder, name, old, new)
    with pytest.raises(DataError, match=message):
        load_vqa(folder=folder)


def test_an_annotation_without_a_question(folder):
    content = json.loads((folder / QUESTIONS["train2014"]).read_text())
    content["questions"].pop(4)
    (folder / QUESTIONS["train2014"]).write_text(json.dumps(content))
    with pytest.raises(
        DataError, match=r"train2014_annotations.json: question 11001 is not in the other file of train"
    ):
        load_vqa(folder=folder)


@pytest.mark.parametrize("year", IMAGES)
def test_too_few_pictures(folder, year):
    for name, key in ((QUESTIONS[year], "questions"), (ANNOTATIONS[year], "annotations")):
        content = json.loads((folder / name).read_text())
        content[key] = [row for row in content[key] if row["image_id"] in list(IMAGES[year])[:9]]
        (folder / name).write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"{year}_questions.json asks about only 9 pictures; download it again"):
        load_vqa(folder=folder)


def test_missing_and_damaged_pictures(folder):
    path = folder / "val2014" / "COCO_val2014_000000000103.jpg"
    path.write_bytes(path.read_bytes()[:-100])
    splits = load_vqa(folder=folder)
    row = splits.test.groups.tolist().index(103)
    with pytest.raises(DataError, match=r"COCO_val2014_000000000103.jpg is missing or damaged \("):
        _ = splits.test[row]
    _ = splits.test[row + 3]
    path.unlink()
    with pytest.raises(DataError, match=r"val2014 holds no COCO_val2014_000000000103.jpg; unpack the pictures again"):
        load_vqa(folder=folder)


@pytest.mark.parametrize("options", [{"answers": 0}, {"answers": 1.5}, {"size": 0}, {"limit": 9}])
def test_bad_options(folder, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be a whole number of at least"):
        load_vqa(folder=folder, **options)
