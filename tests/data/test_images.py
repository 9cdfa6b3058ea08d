"""Families of emoji, pictures drawn from SVG, and the whole recipe in miniature."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits as sklearn_digits

from mmcourse.data.images import (
    LANGUAGES,
    PIXELS,
    build_emoji,
    draw,
    emoji_table,
    families,
    family_name,
    load_digits,
    load_emoji,
    parse_emoji_test,
)

EMOJI_TEST = """# emoji-test.txt
# group: Smileys & Emotion
# subgroup: face-smiling
1F600                                      ; fully-qualified     # 😀 E1.0 grinning face
# group: People & Body
# subgroup: person-role
1F468 200D 2695 FE0F                       ; fully-qualified     # 👨‍⚕️ E4.0 man health worker
1F468 200D 2695                            ; minimally-qualified # 👨‍⚕ E4.0 man health worker
1F469 1F3FF 200D 2695 FE0F                 ; fully-qualified     # 👩🏿‍⚕️ E4.0 woman health worker: dark skin tone
# group: Component
# subgroup: skin-tone
1F3FB                                      ; component           # 🏻 E1.0 light skin tone
# group: Symbols
# subgroup: heart
2764 FE0F                                  ; fully-qualified     # ❤️ E0.6 red heart
2764                                       ; unqualified         # ❤ E0.6 red heart
"""
RED = '<svg viewBox="0 0 4 4" xmlns="http://www.w3.org/2000/svg"><rect width="2" height="4" fill="#FF0000"/></svg>'
BLUE = RED.replace("#FF0000", "#0000FF")


@pytest.mark.parametrize(
    "variants",
    [
        "🧑 👩 👨🏿 👩🏽‍🦰 🧑‍🦲 👱🏻‍♀️ 🧔‍♂️",
        "🧒 👦🏼 👧",
        "🧑‍🔬 👩🏿‍🔬 👨‍🔬",
        "🚶 🚶🏽‍♀️ 🚶‍➡️ 🚶🏿‍♂️‍➡️",
        "🎅 🤶🏼 🧑‍🎄",
        "💏 👩‍❤️‍💋‍👩 🧑🏻‍❤️‍💋‍🧑🏿 👨🏽‍❤️‍💋‍👨🏽",
        "💑 👩‍❤️‍👨 🧑🏻‍❤️‍🧑🏿",
        "👫 👬🏿 🧑‍🤝‍🧑 👩🏻‍🤝‍👨🏽",
        "👪 👩‍👦 👨‍👩‍👧‍👦 🧑‍🧑‍🧒",
        "🤝 🤝🏽 🫱🏻‍🫲🏿",
        "👋 👋🏿",
        "❤️ ❤",
    ],
)
def test_variants_share_a_family(variants):
    names = {family_name("-".join(f"{ord(sign):X}" for sign in emoji)) for emoji in variants.split()}
    assert len(names) == 1, names


def test_different_figures_do_not():
    figures = "🧑 🧒 🧓 👶 🧑‍🔬 🧑‍🚒 🚶 🏃 💏 💑 👪 👋 ✋ ❤️ ❤️‍🔥 🏴‍☠️ 🏳️‍🌈 ♀️ ♂️ ➡️ 🇫🇷 🇩🇪 🐦 🐦‍⬛".split()
    names = ["-".join(f"{ord(sign):X}" for sign in emoji) for emoji in figures]
    assert len({family_name(name) for name in names}) == len(figures)


def test_equal_pictures_join_families():
    images = np.array([[1], [2], [2], [3], [1], [4]], dtype=np.uint8)
    assert families(["a", "a", "b", "c", "d", "e"], images) == [0, 0, 0, 1, 0, 2]


def test_unicode_groups():
    groups = parse_emoji_test(EMOJI_TEST)
    assert list(groups) == ["1F600", "1F468-200D-2695-FE0F", "1F469-1F3FF-200D-2695-FE0F", "2764-FE0F", "2764"]
    assert groups["2764"] == ("Symbols", "heart")
    assert groups["1F469-1F3FF-200D-2695-FE0F"] == ("People & Body", "person-role")


def test_draw_is_red_on_the_left_and_white_on_the_right(capsys):
    images = draw({"red": RED, "blue": BLUE})
    assert images.shape == (2, 3, PIXELS, PIXELS)
    assert images.dtype == np.uint8
    left, right = images[..., : PIXELS // 2], images[..., PIXELS // 2 :]
    assert (right == 255).all()
    assert (left[0] == np.array([255, 0, 0])[:, None, None]).all()
    assert (left[1] == np.array([0, 0, 255])[:, None, None]).all()


@pytest.fixture
def emoji(tmp_path):
    signs = ["😀", "👨‍⚕️", "👩🏿‍⚕️", "❤"]
    pictures = {"svg/1F600.svg": RED, "svg/2764.svg": BLUE, "svg/E000.svg": RED}
    pictures |= {
        "svg/1F468-200D-2695-FE0F.svg": BLUE.replace('"2"', '"3"'),
        "svg/1F469-1F3FF-200D-2695-FE0F.svg": RED.replace('"2"', '"1"'),
    }
    english = ["grinning_face", "man_health_worker", "woman_health_worker_dark_skin_tone", "red_heart"]
    names = {"emoji.json": {sign: {"en": f":{name}:"} for sign, name in zip(signs, english, strict=True)}}
    names |= {
        f"emoji_{code}.json": {sign: f":{code}_{name}:" for sign, name in zip(signs, english, strict=True)}
        for code in LANGUAGES[1:]
    }
    keywords = {"😀": ["grinning_face", "smile"], "👨‍⚕️": ["man_health_worker", "doctor"], "❤️": ["red_heart", "love"]}
    files = [
        {path: svg.encode() for path, svg in pictures.items()},
        {path: json.dumps(table).encode() for path, table in names.items()},
        {"emojis.json": json.dumps(keywords).encode()},
        {"emoji-test.txt": EMOJI_TEST.encode()},
    ]
    build_emoji(files, tmp_path)
    return tmp_path


def test_the_recipe_in_miniature(emoji):
    table = emoji_table(emoji)
    assert table["emoji"].tolist() == ["😀", "👨‍⚕️", "👩🏿‍⚕️", "❤"]
    assert table["en"].tolist() == [
        "grinning face",
        "man health worker",
        "woman health worker dark skin tone",
        "red heart",
    ]
    assert table["zh"].iloc[3] == "zh red heart"
    assert table["keywords"].tolist() == [["smile"], ["doctor"], ["doctor"], ["love"]]
    assert table["group"].tolist() == ["Smileys & Emotion", "People & Body", "People & Body", "Symbols"]
    assert table["family"].tolist() == [0, 1, 1, 2]
    assert list(table) == ["emoji", "hexcode", "group", "subgroup", "keywords", "family", *LANGUAGES]


def test_loading_pairs_each_picture_with_its_own_name(emoji):
    splits = load_emoji(emoji)
    seen = {}
    for split in (splits.train, splits.valid, splits.test):
        for (item, target), family in zip(split, split.groups, strict=True):
            assert item["image"].shape == (3, PIXELS, PIXELS)
            seen[item["text"]] = (item["image"][:, 0, 0].tolist(), splits.classes[target], int(family))
    assert seen["grinning face"] == ([1, 0, 0], "Smileys & Emotion", 0)
    assert seen["red heart"] == ([0, 0, 1], "Symbols", 2)
    assert len(seen) == 4


def test_digits_are_the_ones_of_scikit_learn():
    splits = load_digits()
    images, targets, rows = (
        np.concatenate(parts)
        for parts in zip(
            *[
                (split.arrays()[0]["image"], split.target, split.groups)
                for split in (splits.train, splits.valid, splits.test)
            ],
            strict=True,
        )
    )
    bunch = sklearn_digits()
    order = np.argsort(rows)
    assert rows[order].tolist() == list(range(1797))
    np.testing.assert_allclose(images[order][:, 0] * 16, bunch.images)
    assert (targets[order] == bunch.target).all()
    assert images.dtype == np.float32
    assert images.max() == 1
    assert splits.classes == tuple("0123456789")
    assert abs(len(splits.train) / 1797 - 0.7) < 0.01
