"""The bring-your-own notebook: a folder and a table are read, and what is wrong with them is said in one sentence."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tools import build, style
from tools import lesson as lessons

LESSON = lessons.read(lessons.find("own"))


@pytest.fixture(scope="module")
def own():
    """Return the notebook's definitions."""
    return lessons.definitions("own")


@pytest.fixture
def folder(tmp_path):
    """Write two classes of twelve coloured pictures with a text each."""
    for name, colour in (("cats", 40), ("dogs", 200)):
        (tmp_path / name).mkdir()
        for k in range(12):
            Image.new("RGB", (50 + k, 30), (colour, k, 0)).save(tmp_path / name / f"{k:02d}.png")
            (tmp_path / name / f"{k:02d}.txt").write_text(f" {name} number {k}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def table(tmp_path):
    """Write a table of 40 rows and return its path and content."""
    rows = pd.DataFrame({"label": ["yes", "no"] * 20, "review": ["good film", "bad film"] * 20})
    rows = rows.assign(age=np.arange(40.0), height=np.arange(40) % 7, patient=np.arange(40) // 4)
    path = tmp_path / "table.csv"
    rows.to_csv(path, index=False)
    return path, rows


COLUMNS = {"text": "review", "numbers": ["age", "height"]}


def test_a_folder(own, folder):
    inputs, target, groups = own["from_folder"](folder)
    own["check_items"](inputs, target)
    assert inputs["image"].shape == (24, 3, 64, 64)
    assert inputs["image"].dtype == np.uint8
    assert (inputs["image"][0][0] == 40).all()
    assert (inputs["text"][13], target[13], groups) == ("dogs number 1", "dogs", None)


def test_a_table(own, table):
    path, rows = table
    inputs, target, groups = own["from_table"](path, "label", COLUMNS, "patient")
    own["check_items"](inputs, target)
    assert inputs["text"] == rows["review"].tolist()
    assert np.array_equal(inputs["numbers"], rows[["age", "height"]])
    assert target == rows["label"].tolist()
    assert groups.tolist() == rows["patient"].tolist()


def test_two_groups_of_numbers(own, table):
    inputs, target, _ = own["from_table"](table[0], "label", {"a": ["age"], "b": ["height"]})
    own["check_items"](inputs, target)
    assert inputs["a"].shape == (40, 1)


def test_what_a_stick_and_an_editor_leave_behind(own, folder):
    (folder / "cats" / "._03.png").write_bytes(b"left by a file manager")
    (folder / "cats" / "03.txt").write_text("Kätzchen", encoding="utf-8-sig")
    (folder / "cats" / "03.png").rename(folder / "cats" / "03.PNG")
    inputs, target, _ = own["from_folder"](folder)
    assert (len(target), inputs["text"][3]) == (24, "Kätzchen")


def test_a_table_of_picture_files(own, folder):
    files = sorted(file.relative_to(folder).as_posix() for file in folder.glob("*/*.png"))
    rows = pd.DataFrame({"label": [file[:4] for file in files], "file": files, "age": np.arange(24.0)})
    rows.to_csv(folder / "table.csv", index=False)
    columns = {"image": "file", "numbers": ["age"]}
    inputs, _, _ = own["from_table"](folder / "table.csv", "label", columns)
    assert np.array_equal(inputs["image"], own["from_folder"](folder)[0]["image"])
    (folder / files[0]).unlink()
    with pytest.raises(ValueError, match=r"1 of 24 files cannot be read, such as .*00\.png: No such file"):
        own["from_table"](folder / "table.csv", "label", columns)


def test_a_table_with_semicolons_and_decimal_commas(own, table):
    path, rows = table
    rows.assign(age=rows.age + 0.5).to_csv(path, index=False, sep=";", decimal=",")
    inputs, _, _ = own["from_table"](path, "label", COLUMNS)
    assert np.array_equal(inputs["numbers"][:, 0], rows.age + 0.5)


def test_what_hardly_moves_in_training_does_not_shout_in_the_test(own):
    rng = np.random.default_rng(0)
    known = np.column_stack([rng.normal(5, 2, 1000), np.full(1000, 0.3), np.r_[np.zeros(999), 1e-4]]).astype(np.float32)
    assert np.allclose(
        own["scaled"](known, known)[:, 0], (known[:, 0] - known[:, 0].mean()) / known[:, 0].std(), atol=1e-5
    )
    assert own["scaled"](np.float32([[5, 9, 9]]), known)[0, 1:].tolist() == [0, 4]


def break_folder(folder, how):
    if how == "no folder":
        return folder / "nothing"
    if how == "empty":
        empty = folder / "empty"
        empty.mkdir()
        return empty
    if how == "no text":
        (folder / "cats" / "03.txt").unlink()
    if how == "text in Latin-1":
        (folder / "cats" / "03.txt").write_bytes("Kätzchen".encode("latin-1"))
    if how == "no picture":
        (folder / "dogs" / "05.png").write_bytes(b"not a picture")
    if how == "half a picture":
        path = folder / "dogs" / "05.png"
        path.write_bytes(path.read_bytes()[:60])
    return folder


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no folder", "nothing is no folder, or holds no pictures"),
        ("empty", "holds no pictures in class folders"),
        ("no text", r"1 of 24 files cannot be read, such as .*03\.txt: No such file"),
        ("text in Latin-1", r"1 of 24 files cannot be read, such as .*03\.txt: 'utf-8' codec"),
        ("no picture", r"1 of 24 files cannot be read, such as .*05\.png: cannot identify"),
        ("half a picture", r"1 of 24 files cannot be read, such as .*05\.png: .*truncated"),
    ],
)
def test_a_bad_folder_is_one_sentence(own, folder, how, message):
    with pytest.raises(ValueError, match=message):
        own["from_folder"](break_folder(folder, how))


@pytest.mark.parametrize(
    ("edit", "options", "message"),
    [
        (None, {"target": "colour"}, r"no column \['colour'\]; the table has \['label', 'review'"),
        (None, {"columns": {"text": "review", "numbers": ["age", "weight"]}}, r"no column \['weight'\]"),
        (None, {"group": "ward"}, r"no column \['ward'\]"),
        (None, {"columns": {"text": "review", "numbers": "age"}}, r"'age' holds numbers; give it as a list: \['age'\]"),
        (
            None,
            {"columns": {"text": "label", "numbers": ["age"]}},
            "'label' is what to predict; it cannot be a modality",
        ),
        (None, {"columns": {"text": "review", "numbers": ["review"]}}, r"columns \['review'\] hold words"),
        (lambda rows: rows.assign(age=rows.age.where(rows.age > 2)), {}, r"empty cells: \{'age': 3\}"),
        (lambda rows: rows.assign(review=rows.review.where(rows.age > 0)), {}, r"empty cells: \{'review': 1\}"),
        (lambda rows: rows.assign(label=rows.label.where(rows.age > 0)), {}, r"empty cells: \{'label': 1\}"),
    ],
)
def test_a_bad_table_is_one_sentence(own, table, edit, options, message):
    path, rows = table
    if edit:
        edit(rows).to_csv(path, index=False)
    wanted = {"target": "label", "columns": COLUMNS} | options
    with pytest.raises(ValueError, match=message):
        own["from_table"](path, **wanted)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00\x01", b'a,b\n1,2,3\n"4\n5,6,7,8'])
def test_an_unreadable_table_is_one_sentence(own, tmp_path, content):
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.csv cannot be read as a table"):
        own["from_table"](path, "label", COLUMNS)


TWO = {"a": np.zeros((40, 2)), "b": ["word"] * 40}


@pytest.mark.parametrize(
    ("inputs", "target", "message"),
    [
        ({"a": TWO["a"]}, ["x", "y"] * 20, r"at least two modalities; there is \['a'\]"),
        (TWO, ["x"] * 40, "all items are of one class, 'x'"),
        (TWO, ["x", "y"] + ["y"] * 38, r"fewer than 10 items: \{'x': 1\}"),
        (TWO | {"b": ["word"] * 39 + [" "]}, ["x", "y"] * 20, "'b' is blank in 1 items, first in item 39"),
        (TWO | {"a": np.full((40, 2), np.inf)}, ["x", "y"] * 20, "'a' holds infinity or NaN"),
        (
            {"a": np.zeros((60, 1)), "b": np.zeros((60, 1))},
            list(np.arange(60) / 7),
            "60 classes; is the target a number",
        ),
    ],
)
def test_bad_items_are_one_sentence(own, inputs, target, message):
    with pytest.raises(ValueError, match=message):
        own["check_items"](inputs, target)


def test_a_table_goes_all_the_way(table, tmp_path, monkeypatch):
    """Run every cell on two groups of numbers, with groups: one of them tells the classes, the other is noise."""
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 300)
    rows = pd.DataFrame({"label": label, "patient": np.arange(300) // 3})
    for k in range(3):
        rows[f"good{k}"] = (label == k) + rng.normal(0, 0.5, 300)
        rows[f"noise{k}"] = rng.normal(size=300)
    rows.to_csv(tmp_path / "two.csv", index=False)
    settings = {
        "PLACE": str(tmp_path / "two.csv"),
        "TARGET": "label",
        "COLUMNS": {"good": ["good0", "good1", "good2"], "noise": ["noise0", "noise1", "noise2"]},
        "GROUP": "patient",
    }
    monkeypatch.setenv("MMCOURSE_PROFILE", "smoke")
    names = {}
    with plt.rc_context():
        for _, cell, _ in lessons.code(LESSON):
            exec(compile(cell.source, "own_data", "exec"), names)
            if "PLACE = None" in cell.source:
                names.update(settings)
    plt.close("all")
    assert names["right"]["good"].mean() > 70
    assert names["alone"] == "good"
    assert abs(names["score"](names["said"]["valid"]["noise"]) - names["majority"]["valid"]) < 25
    assert not set(names["splits"].train.groups) & set(names["splits"].test.groups)


def test_a_class_that_one_group_holds_is_named():
    cell = next(cell.source for _, cell, _ in lessons.code(LESSON) if "grouped_splits(" in cell.source)
    names = {"target": ["x"] * 20 + ["y"] * 20, "groups": np.array([1] * 20 + list(range(2, 22)))}
    names["inputs"] = {"a": np.zeros((40, 1)), "b": np.zeros((40, 1))}
    exec("import numpy as np\nimport pandas as pd\nfrom mmcourse.data.splits import grouped_splits", names)
    with pytest.raises(ValueError, match=r"\['x'\] cannot be in all three parts: too few groups hold them"):
        exec(cell, names)
    exec(cell, names | {"groups": None})


def test_built_like_a_lesson():
    assert style.source_faults(LESSON) == []
    assert build.stale(LESSON) == []
    made = lessons.notebook(LESSON, solved=False)
    assert "mm.progress" not in made.cells[-1].source
    assert "own_data" in lessons.colab_address(LESSON)
    assert LESSON.path not in lessons.sources()
