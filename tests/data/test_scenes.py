"""Scenes of emoji: every word about them is read back here, by code of its own, and held against the objects."""

import hashlib
import itertools
import json
import re
from collections import Counter

import numpy as np
import pytest
from toys import parts

from mmcourse.data import collate, scene_words, scenes
from mmcourse.data.scenes import ANSWERS, COLOURS, KINDS, QUESTION_TYPES

SQUARE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><path d="M6 6h60v60H6z" fill="#999"/></svg>'
FEW = {"train": 400, "valid": 50, "seen": 80, "unseen": 80}


def build(path):
    scenes.build_scenes([{f"openmoji/svg/{code}.svg": SQUARE for code in scenes.CODES.split()}], path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Scenes in which every emoji is a plain square."""
    path = tmp_path_factory.mktemp("scenes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "PARTS", FEW)
        build(path)
    return path


@pytest.fixture(scope="module")
def table(folder):
    return scenes.scenes_table(folder)


@pytest.fixture(scope="module")
def pictures(folder):
    with np.load(folder / "pictures.npz") as stored:
        return stored["pictures"]


def cells(thing):
    """The pixels of a square."""
    half = {"small": 9, "large": 13}[thing["size"]]
    rows, columns = range(thing["y"] - half, thing["y"] + half), range(thing["x"] - half, thing["x"] + half)
    return set(itertools.product(rows, columns))


def stands(thing, word, other):
    """Whether "thing word other" is right, without a doubt."""
    across, down = thing["x"] - other["x"], thing["y"] - other["y"]
    assert abs(abs(across) - abs(down)) >= 4
    level = abs(across) > abs(down)
    return {
        "left": level and across < 0,
        "right": level and across > 0,
        "above": not level and down < 0,
        "below": not level and down > 0,
    }[word]


def fits(phrase, thing):
    """Whether a noun phrase, as a list of words, names a thing."""
    *more, colour, kind = phrase
    return (kind, colour) == (thing["kind"], thing["colour"]) and (not more or more == [thing["size"]])


def readings(caption):
    """Return the phrases of a caption, and (phrase, word, phrase) by number for each relation it states."""
    words = re.sub(r" (left|right) of ", r" \1 ", caption.removeprefix("there is ")).split(" ")
    phrases, relations = [], []
    for clause in " ".join(words).split(" and "):
        word = re.search(r"\b(left|right|above|below)\b", clause)
        if word is None:
            phrases.append(clause)
        elif clause.startswith(word[0]):  # above it a green star
            phrases.append(clause.removeprefix(f"{word[0]} it "))
            relations.append((len(phrases) - 1, word[0], len(phrases) - 2))
        else:  # a red duck above a green star
            phrases += clause.split(f" {word[0]} ")
            relations.append((len(phrases) - 2, word[0], len(phrases) - 1))
    assert all(phrase.startswith("a ") for phrase in phrases)
    return [phrase.split(" ")[1:] for phrase in phrases], relations


def describes(caption, things):
    """Whether some matching of phrases with things makes all of a caption true."""
    phrases, relations = readings(caption)
    return len(phrases) == len(things) and any(
        all(fits(phrase, thing) for phrase, thing in zip(phrases, order, strict=True))
        and all(stands(order[first], word, order[second]) for first, word, second in relations)
        for order in itertools.permutations(things)
    )


def the_only(things):
    assert len(things) == 1
    return things[0]


def quarter(thing):
    assert abs(thing["x"] - 32) >= 5
    assert abs(thing["y"] - 32) >= 5
    return f"{'top' if thing['y'] < 32 else 'bottom'} {'left' if thing['x'] < 32 else 'right'}"


def read_one(question, thing, things):
    """Answer a question about one thing, "it"."""
    if question == "what colour is it?":
        return thing["colour"]
    if question == "where is it?":
        return quarter(thing)
    if question == "is it large?":
        return "yes" if thing["size"] == "large" else "no"
    word = re.fullmatch(r"what is (left|right|above|below)(?: of)? it\?", question)[1]
    return the_only([o for o in things if o is not thing and stands(o, word, thing)])["kind"]


def read(question, things):
    """Answer a question of the table from the objects alone; it must have exactly one answer."""
    if match := re.fullmatch(r"how many (\w+) things are there\?", question):
        assert match[1] in COLOURS
        return str([thing["colour"] for thing in things].count(match[1]))
    if match := re.fullmatch(r"how many (\w+)s are there\?", question):
        assert match[1] in KINDS
        return str([thing["kind"] for thing in things].count(match[1]))
    if match := re.fullmatch(r"is there a (\w+) (\w+)\?", question):
        assert match[1] in COLOURS
        assert match[2] in KINDS
        return "yes" if any([thing["colour"], thing["kind"]] == [*match.groups()] for thing in things) else "no"
    kind = re.fullmatch(r"(?:what|where) .*the (\w+)\?", question)[1]
    thing = the_only([thing for thing in things if thing["kind"] == kind])
    return read_one(question.replace(f"the {kind}", "it"), thing, things)


def read_turn(question, group, things):
    """Answer a later turn about the things that the first turn counted."""
    if not re.search(r"\bthem\b", question):
        return read_one(question, the_only(group), things)
    assert len(group) > 1
    many, one = (re.fullmatch(rf"{start} of them (?:are|a)? ?(.+)\?", question) for start in ("how many", "is one"))
    word = (many or one)[1]
    count = sum(word in (thing["size"], thing["colour"], thing["kind"], f"{thing['kind']}s") for thing in group)
    return str(count) if many else ("yes" if count else "no")


def test_parts_levels_and_counts(table):
    assert Counter(table["part"]) == FEW
    assert set(table["level"][::2]) == {"easy"}
    assert set(table["level"][1::2]) == {"hard"}
    counts = table["objects"].map(len).groupby(table["level"]).unique()
    assert set(counts["easy"]) == {1, 2, 3, 4}
    assert set(counts["hard"]) == {2, 3, 4}
    assert len(KINDS) == len(set(KINDS)) == len(scenes.CODES.split())
    assert len(set(ANSWERS)) == len(ANSWERS)


def test_objects_are_inside_and_as_visible_as_they_say(table):
    for level, things in zip(table["level"], table["objects"], strict=True):
        pixels = [cells(thing) for thing in things]
        assert all(0 <= place < 64 for cell in set().union(*pixels) for place in cell)
        for row, thing in enumerate(things):
            shown = len(pixels[row].difference(*pixels[row + 1 :])) / len(pixels[row])
            assert thing["visible"] == pytest.approx(shown, abs=0.005)
            assert shown >= (0.925 if level == "easy" else 0.495)
        assert level == "easy" or min(thing["visible"] for thing in things) <= 0.9
        for one, other in itertools.combinations(things, 2):
            assert abs(one["x"] - other["x"]) > 1


def test_pictures_show_the_objects(table, pictures):
    for row in range(0, len(table), 7):
        expected = np.full((3, 64, 64), 255)
        for thing in table["objects"][row]:
            tint = np.array(scenes.TINTS[COLOURS.index(thing["colour"])]) * 225 // 255
            for down, across in cells(thing):
                expected[:, down, across] = tint
        np.testing.assert_array_equal(pictures[row], expected)


def test_every_caption_is_right(table):
    for level, things, caption, references in zip(
        *(table[key] for key in ("level", "objects", "caption", "references")), strict=True
    ):
        assert caption == references[0]
        assert 3 <= len(set(references)) == len(references) <= 4
        assert re.fullmatch("[a-z]+( [a-z]+)*", caption)
        assert (re.search("small|large", caption) is not None) == (level == "hard")
        if len(things) == 1:
            name = f"{things[0]['colour']} {things[0]['kind']}"
            tail = f"a {things[0]['kind']} that is {things[0]['colour']}"
            assert references == [f"a {name}", f"there is a {name}", f"one {name} on white", tail]
        else:
            assert all(describes(text, things) for text in references)
            order = sorted(things, key=lambda thing: thing["x"])
            phrases, relations = readings(caption)
            assert all(fits(phrase, thing) for phrase, thing in zip(phrases, order, strict=True))
            assert len(relations) == len(things) - 1
            assert phrases[::-1] in [readings(text)[0] for text in references[2:]] or len(references) == 3


def test_a_wrong_caption_is_noticed():
    """The reader of this test does not nod at everything."""
    things = [{"kind": "duck", "colour": "red", "size": "small", "x": 10, "y": 10}]
    things.append({"kind": "key", "colour": "blue", "size": "large", "x": 40, "y": 20})
    assert describes("a small red duck left of a large blue key", things)
    for wrong in ("a red duck right of a blue key", "a blue duck left of a red key", "a red duck", "a large red duck"):
        assert not describes(wrong, things)


def test_every_question_has_its_one_answer(table):
    for things, asked in zip(table["objects"], table["questions"], strict=True):
        types = [one["type"] for one in asked]
        assert len(set(types)) == len(types)
        assert set(types) <= set(QUESTION_TYPES)
        for one in asked:
            assert one["answer"] in ANSWERS
            assert read(one["question"], things) == one["answer"]
            starts = {
                "what": "what is",
                "colour": "what colour",
                "where": "where",
                "count": "how",
                "exists": "is there",
            }
            assert one["question"].startswith(starts[one["type"]])


def test_every_dialogue_speaks_of_what_it_counted(table):
    for things, turns in zip(table["objects"], table["dialogue"], strict=True):
        first, *later = turns
        assert read(first["question"], things) == first["answer"]
        word = re.fullmatch(r"how many (\w+?)(?: things|s) are there\?", first["question"])[1]
        group = [thing for thing in things if word in (thing["kind"], thing["colour"])]
        assert len(group) == int(first["answer"]) >= 1
        assert 2 <= len(later) <= 3
        assert len({turn["question"] for turn in later}) == len(later)
        for turn in later:
            assert re.search(r"\b(it|them)\b", turn["question"])
            assert turn["answer"] in ANSWERS
            assert read_turn(turn["question"], group, things) == turn["answer"]


def test_unseen_pairs_are_unseen(table):
    shown, asked = {part: set() for part in FEW}, {part: set() for part in FEW}
    for part, things, questions in zip(table["part"], table["objects"], table["questions"], strict=True):
        shown[part] |= {(thing["colour"], thing["kind"]) for thing in things}
        found = [re.fullmatch(r"is there a (\w+) (\w+)\?", one["question"]) for one in questions]
        asked[part] |= {match.groups() for match in found if match}
    new = {(colour, kind) for kind, colours in scenes.HELD_OUT.items() for colour in colours}
    assert len(new) == 84
    assert set(Counter(colour for colour, _ in new).values()) == {14}
    for part in FEW:
        assert (shown[part] | asked[part]) <= new if part == "unseen" else not (shown[part] | asked[part]) & new
    assert {kind for _, kind in shown["train"]} == set(KINDS)
    assert {colour for colour, _ in shown["train"]} == set(COLOURS)


def test_no_scene_is_there_twice(table, tmp_path, monkeypatch):
    keys = ("kind", "colour", "size", "x", "y")
    looks = [tuple(tuple(thing[key] for key in keys) for thing in things) for things in table["objects"]]
    assert len(set(looks)) == len(looks)
    drawn = itertools.chain.from_iterable(itertools.repeat(things, 3) for things in table["objects"])
    monkeypatch.setattr(scenes, "compose", lambda *_: next(drawn))
    monkeypatch.setattr(scenes, "PARTS", {"train": 30, "seen": 10})
    build(tmp_path)
    assert scenes.scenes_table(tmp_path)["objects"].tolist() == table["objects"][:40].tolist()


def test_half_of_the_absent_pairs_are_traps(table):
    """A no to "is there a red duck?" where there is a red thing and a duck."""
    traps = []
    for things, questions in zip(table["objects"], table["questions"], strict=True):
        for one in questions:
            if one["type"] == "exists" and one["answer"] == "no":
                colour, kind = one["question"][:-1].split(" ")[-2:]
                seen = {thing["colour"] for thing in things} | {thing["kind"] for thing in things}
                traps.append({colour, kind} <= seen)
    assert 0.47 < np.mean(traps) < 0.53


def test_answers_are_balanced(table):
    answers = Counter((one["type"], one["answer"]) for asked in table["questions"] for one in asked)
    assert answers["exists", "yes"] == pytest.approx(answers["exists", "no"], rel=0.1)
    places = [answers["where", place] for place in scene_words.PLACES]
    assert min(places) > 0.8 * max(places)
    assert all(answers["count", number] for number in "0123")


def test_the_same_scenes_on_every_machine(table):
    text = json.dumps(table.iloc[:100].to_dict("list"), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:12] == "d4cef6392699"


@pytest.mark.parametrize("test", ["seen", "unseen"])
@pytest.mark.parametrize("level", ["easy", "hard", "both"])
def test_captions_to_learn(folder, table, pictures, test, level):
    splits = scenes.load_scenes(folder, test=test, level=level)
    for split, part in zip(parts(splits), ("train", "valid", test), strict=True):
        rows = table.index[
            (table["part"] == part) & table["level"].isin(["easy", "hard"] if level == "both" else [level])
        ]
        assert split.target.tolist() == split.groups.tolist() == rows.tolist()
        inputs, number = split[len(split) - 1]
        assert inputs["text"] == table["caption"][int(number)]
        np.testing.assert_array_equal((inputs["image"] * 255).round(), pictures[int(number)])
    batch, masks, _ = collate([splits.valid[row] for row in range(4)])
    assert tuple(batch["image"].shape) == (4, 3, 64, 64)
    assert str(batch["image"].dtype) == "torch.float32"
    assert 0 <= batch["image"].min() < batch["image"].max() <= 1
    assert not masks
    assert splits.classes == ()


def test_questions_to_learn(folder, table, pictures):
    splits = scenes.load_scenes(folder, task="questions", test="unseen", level="hard")
    assert splits.classes == ANSWERS
    for split, part in zip(parts(splits), ("train", "valid", "unseen"), strict=True):
        rows = table.index[(table["part"] == part) & (table["level"] == "hard")]
        expected = [(row, one["question"], one["answer"]) for row in rows for one in table["questions"][row]]
        inputs, target = split.arrays()
        assert list(zip(split.groups, inputs["text"], [ANSWERS[t] for t in target], strict=True)) == expected
        np.testing.assert_array_equal((inputs["image"] * 255).round(), pictures[split.groups])
    first, second = splits.train[0][0], splits.train[1][0]
    assert (first["image"] == second["image"]).all()


def test_pictures_are_held_once(folder):
    held = scenes.load_scenes(folder, task="questions").train._inputs["image"]
    assert len({id(one.pictures) for one in held}) == 1
    assert held[0].pictures.dtype == np.uint8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "caption"}, "task must be one of captions, questions, not 'caption'"),
        ({"task": None}, "task must be one of captions, questions, not None"),
        ({"test": "valid"}, "test must be one of seen, unseen, not 'valid'"),
        ({"level": "medium"}, "level must be one of easy, hard, both, not 'medium'"),
        ({"level": ["easy"]}, r"level must be one of easy, hard, both, not \['easy'\]"),
    ],
)
def test_bad_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        scenes.load_scenes(folder, **options)
