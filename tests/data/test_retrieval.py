"""The three tests of emoji retrieval stay apart from what was seen, and from each other."""

import json

import numpy as np
import pytest
from toys import parts

from mmcourse.data.images import SKIN_TONES
from mmcourse.data.retrieval import TESTS, load_emoji_retrieval, same_picture

FIGURES, PLAIN = 40, 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty families of a person, a man and a woman in six tones, and sixty families of one; one man looks like the person."""
    rows = []
    for figure in range(FIGURES):
        for gender in ("", "-2640", "-2642"):
            rows += [(f"F{figure}{tone and '-'}{tone}{gender}", figure, "People") for tone in ("", *SKIN_TONES)]
    rows += [(f"P{thing}", FIGURES + thing, ("Things", "Flags")[thing % 2]) for thing in range(PLAIN)]
    codes, families, groups = zip(*rows, strict=True)
    pictures = np.random.default_rng(0).integers(0, 256, (len(rows), 3, 4, 4)).astype(np.uint8)
    for figure in range(FIGURES):
        pictures[18 * figure + 14] = pictures[18 * figure + 2]  # person and man, second tone
    columns = {
        "en": [f"name {code}" for code in codes],
        "hexcode": codes,
        "group": groups,
        "family": families,
        "keywords": [["two_words", "word"], []] * (len(rows) // 2),
    }
    folder = tmp_path_factory.mktemp("emoji")
    np.savez(folder / "pictures.npz", pictures=pictures)
    (folder / "emoji.json").write_text(json.dumps(columns))
    return folder


def names(split):
    return list(split.arrays()[0]["text"])


def tone_of(name):
    return next((tone for tone in SKIN_TONES if tone in name), "")


@pytest.mark.parametrize("seed", range(4))
def test_no_picture_or_name_straddles(folder, seed):
    for test in TESTS:
        three = parts(load_emoji_retrieval(folder, test=test, seed=seed))
        for kind in (lambda split: set(split.target), lambda split: set(names(split))):
            seen, *others = map(kind, three)
            assert not seen & others[0]
            assert not seen & others[1]
            assert not others[0] & others[1]
        images = [np.unique(split.arrays()[0]["image"].reshape(len(split), -1), axis=0) for split in three]
        assert len(np.unique(np.concatenate(images), axis=0)) == sum(map(len, images))


def test_training_and_validation_do_not_depend_on_the_test(folder):
    loaded = [load_emoji_retrieval(folder, test=test, seed=1) for test in TESTS]
    assert all(names(s.train) == names(loaded[0].train) and names(s.valid) == names(loaded[0].valid) for s in loaded)
    tests = [set(s.test.target) for s in loaded]
    assert not tests[0] & tests[1]
    assert not tests[0] & tests[2]
    assert not tests[1] & tests[2]
    assert names(load_emoji_retrieval(folder, seed=2).train) != names(loaded[0].train)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_new_in_each_test(folder, seed):
    variants, combined, concepts = (load_emoji_retrieval(folder, test=test, seed=seed) for test in TESTS)
    train = variants.train
    seen = {(family, tone_of(name)) for family, name in zip(train.groups, names(train), strict=True)}
    assert set(variants.test.groups) <= set(train.groups)
    held = {(family, tone_of(name)) for family, name in zip(combined.test.groups, names(combined.test), strict=True)}
    assert not held & seen
    assert {family for family, _ in held} <= set(train.groups)
    assert {tone for _, tone in held} <= {tone for _, tone in seen} - {""}
    assert len(held) == len({family for family, _ in held}) >= 20  # one tone a family
    for split in (concepts.test, concepts.valid):
        assert not set(split.groups) & set(train.groups)
        assert len(set(split.groups)) == len(split)
    assert not set(concepts.test.groups) & set(concepts.valid.groups)


def test_items(folder):
    item, target = load_emoji_retrieval(folder).train[0]
    assert item["image"].shape == (3, 4, 4)
    assert item["keywords"] in ("two words, word", "")
    assert target >= 0
    assert isinstance(item["text"], str)


def test_same_picture():
    assert same_picture(np.array([[1, 2], [3, 4], [1, 2], [0, 0]])).tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize("options", [{"test": "random"}, {"seed": -1}])
def test_bad_options(folder, options):
    with pytest.raises(ValueError, match=r"test must be one of|(?i:non-negative)"):
        load_emoji_retrieval(folder, **options)
