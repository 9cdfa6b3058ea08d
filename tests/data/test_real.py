"""Facts about the real sets, each known from elsewhere. They need the learner's cache and never fetch.

``python3 course.py data --all`` fills it; without it these tests are skipped.
"""

import itertools
import os

import numpy as np
import pandas as pd
import pytest
from toys import parts

from mmcourse import data
from mmcourse.data import scenes

CACHE = os.environ.get("MMCOURSE_CACHE")  # read before a fixture moves it


@pytest.fixture(autouse=True)
def learners_cache(index, monkeypatch):
    if CACHE:
        monkeypatch.setenv("MMCOURSE_CACHE", CACHE)
    else:
        monkeypatch.delenv("MMCOURSE_CACHE")


def need(name):
    if not data.ready(name):
        pytest.skip(f"{name} is not in the cache; run: python3 course.py data {name}")


def assert_apart(collections):
    for left, right in itertools.combinations(map(set, collections), 2):
        assert left.isdisjoint(right)


def assert_disjoint(splits):
    assert_apart(split.groups.tolist() for split in parts(splits))


def test_stocks():
    need("stocks")
    prices = data.table("stocks")
    assert prices.shape == (8313, 20)
    assert (str(prices.index[0].date()), str(prices.index[-1].date())) == ("1990-01-02", "2022-12-28")
    assert prices.notna().all(axis=None)
    assert (prices > 0).all(axis=None)
    assert prices.index.is_monotonic_increasing
    assert prices.index.is_unique
    # The worst day of the market in these years, and the crash of Apple's share, from the newspapers.
    assert np.log(prices).diff().mean(axis=1).idxmin() == pd.Timestamp("2020-03-16")
    assert prices["AAPL"].pct_change().loc["2000-09-29"] == pytest.approx(-0.519, abs=0.005)


def test_stock_windows_stay_inside_their_years():
    need("stocks")
    prices, window, horizon = data.table("stocks"), 60, 20
    splits = data.load("stocks", window=window, horizon=horizon)
    for split, (low, high) in zip(parts(splits), ((1990, 2009), (2010, 2014), (2015, 2022)), strict=True):
        first, last = prices.index[split.groups - window], prices.index[split.groups + horizon]
        assert first.year.min() >= low
        assert last.year.max() <= high
    assert_disjoint(splits)
    returns = np.log(prices).diff()
    rng = np.random.default_rng(0)
    inputs, target = splits.test.arrays()
    for item in rng.integers(0, len(splits.test), 50):
        day = splits.test.groups[item]
        past, future = returns.iloc[day - window + 1 : day + 1], returns.iloc[day + 1 : day + 1 + horizon]
        stock = np.abs(past.to_numpy().T - inputs["returns"][item]).max(axis=1).argmin()
        np.testing.assert_allclose(past.iloc[:, stock], inputs["returns"][item], atol=1e-6)
        assert target[item] == pytest.approx(0.5 * np.log((future.iloc[:, stock] ** 2).mean()), abs=1e-4)


def test_movie_reviews():
    need("movie_reviews")
    reviews = data.table("movie_reviews")
    assert reviews.groupby(["source", "label"]).size().to_dict() == {
        ("imdb", 0): 12500,
        ("imdb", 1): 12500,
        ("rotten_tomatoes", 0): 4265,
        ("rotten_tomatoes", 1): 4265,
    }
    assert reviews["text"].duplicated().sum() == 96
    for source, count in (("rotten_tomatoes", 8530), ("imdb", 25000)):
        splits = data.load("movie_reviews", source=source)
        assert sum(map(len, parts(splits))) == count
        assert_disjoint(splits)
        assert_apart(split.arrays()[0]["text"] for split in parts(splits))
        assert [round(split.target.mean(), 2) for split in parts(splits)] == [0.5, 0.5, 0.5]
        assert [round(len(split) / count, 2) for split in parts(splits)] == [0.7, 0.1, 0.2]


def test_emoji():
    need("emoji")
    table = data.table("emoji")
    # Unicode 17.0 counts 3,953 emoji, nine of them components (skin tones and hair), and 270 flags.
    assert len(table) == 3953 - 9
    assert table["emoji"].is_unique
    assert table["en"].is_unique
    assert (table["group"] == "Flags").sum() == 270
    assert table["group"].nunique() == 9
    assert table["family"].nunique() == 1678
    names = table.set_index("emoji")
    assert names.loc["🐶", ["en", "de", "fr", "zh"]].tolist() == ["dog face", "hundegesicht", "tête de chien", "狗脸"]
    assert "puppy" in names.loc["🐶", "keywords"]
    assert (table["keywords"].map(len) == 0).sum() == 30


def test_emoji_families_agree_with_the_names():
    """Derived a second way, from English names instead of code points."""
    need("emoji")
    table = data.table("emoji")
    plain = table["en"].str.replace(r"\b(medium-light|medium-dark|light|medium|dark) skin tone", "", regex=True)
    plain = plain.str.replace(r" (facing right|bald|beard|(red|curly|white|blond) hair)\b", "", regex=True)
    plain = plain.str.replace("older person", "old person")
    plain = plain.str.replace(r"^(old )?(man|woman|men|women|people|person)\b(?!’)", r"\1person", regex=True)
    plain = plain.str.split().str.join(" ")
    families = table.groupby(plain)["family"].nunique()
    assert families[families > 1].index.tolist() == []


def test_emoji_splits():
    need("emoji")
    table, splits = data.table("emoji").set_index("en"), data.load("emoji")
    assert sum(map(len, parts(splits))) == len(table)
    assert_disjoint(splits)
    assert splits.classes == tuple(table["group"].unique())
    pictures = []
    for split in parts(splits):
        inputs, target = split.arrays()
        rows = table.loc[inputs["text"]]
        assert (rows["group"] == np.array(splits.classes)[target]).all()
        assert (rows["family"] == split.groups).all()
        assert set(target) == set(range(9))
        assert inputs["image"].shape[1:] == (3, 48, 48)
        assert inputs["image"].min() == 0
        assert inputs["image"].max() == 1
        pictures.append({picture.tobytes() for picture in inputs["image"]})
    assert_apart(pictures)
    assert sum(map(len, pictures)) == 3722


def test_spoken_digits():
    need("spoken_digits")
    splits = data.load("spoken_digits")
    targets = np.concatenate([split.target for split in parts(splits)])
    lengths = [len(sequence) for split in parts(splits) for sequence in split.arrays()[0]["audio"]]
    assert np.bincount(targets).tolist() == [300] * 10
    assert (min(lengths), max(lengths)) == (6, 92)
    assert [len(split) for split in parts(splits)] == [2100, 300, 600]
    batch, masks, _ = data.collate([splits.train[row] for row in range(8)])
    assert batch["audio"].shape == (8, masks["audio"].shape[1], 13)


def test_audio_visual_digits():
    need("audio_visual_digits")
    splits = data.load("audio_visual_digits")
    assert [len(split) for split in parts(splits)] == [1258, 180, 359]
    assert_disjoint(splits)
    sounds = [{sound.tobytes() for sound in split.arrays()[0]["audio"]} for split in parts(splits)]
    assert list(map(len, sounds)) == [1258, 180, 359]
    assert_apart(sounds)


def test_movielens():
    need("movielens")
    ratings, films, users = (data.table("movielens", of=of) for of in ("ratings", "films", "users"))
    assert (len(ratings), len(films), len(users)) == (100_000, 1682, 943)
    # From the publisher's own summary: star counts, and the film most often rated.
    assert ratings["rating"].value_counts().sort_index().tolist() == [6110, 11370, 27145, 34174, 21201]
    assert films["title"][ratings["film"].value_counts().idxmax()] == "Star Wars"
    assert ratings["film"].value_counts().max() == 583
    assert ratings["user"].value_counts().min() == 20
    assert (users["gender"] == "M").sum() == 670
    assert (films["year"].isna().sum(), (films["title"] == "").sum()) == (1, 1)
    assert (films["genres"].map(len) == 0).sum() == 2
    splits = data.load("movielens", cold=0.1, modalities=("film", "profile"))
    sizes = np.array([len(split) for split in (splits.train, splits.valid, splits.test)])
    np.testing.assert_allclose(sizes / 1000, (64, 18, 18), atol=1)
    assert splits.train.arrays()[0]["profile"].shape[1] == 23


def test_emoji_scenes():
    need("emoji_scenes")
    table = data.table("emoji_scenes")
    assert table["part"].value_counts().to_dict() == {"train": 7000, "seen": 800, "unseen": 800, "valid": 700}
    if data.ready("emoji"):
        names = data.table("emoji").set_index("hexcode")["en"]
        assert [names[code] for code in scenes.CODES.split()] == list(scenes.KINDS)
    train = table[table["part"] == "train"]
    shown = pd.DataFrame([thing for things in train["objects"] for thing in things])
    pairs, kinds = shown.value_counts(["kind", "colour"]), shown["kind"].value_counts()
    assert len(pairs) == 4 * len(scenes.KINDS)
    assert pairs.min() >= 30
    assert kinds.max() > 5 * kinds.min()


def test_a_question_on_emoji_scenes_does_not_tell_its_answer():
    need("emoji_scenes")
    table = data.table("emoji_scenes")
    asked = pd.DataFrame(
        [{"part": part, **one} for part, some in zip(table["part"], table["questions"], strict=True) for one in some]
    )
    train = asked[asked["part"] == "train"]
    most = {key: train.groupby(key)["answer"].agg(lambda answers: answers.mode()[0]) for key in ("question", "type")}
    guess = asked["question"].map(most["question"]).fillna(asked["type"].map(most["type"]))
    right = (guess == asked["answer"]).groupby(asked["part"]).mean()
    assert right["seen"] == pytest.approx(0.25, abs=0.01)  # as its card says
    assert right["unseen"] == pytest.approx(0.21, abs=0.01)
    assert right["valid"] < 0.28


def test_brain():
    need("brain")
    table, splits = data.table("brain"), data.load("brain")
    assert_disjoint(splits)
    assert [len(split) for split in parts(splits)] == [480, 120, 240]
    assert table[table["healthy"]].groupby("part")["subject"].nunique().to_dict() == {
        "train": 12,
        "valid": 3,
        "test": 6,
    }
    inputs, target = splits.test.arrays()
    for scans in inputs.values():  # no head is cut off
        assert not scans[..., [0, -1]].any()
        assert not scans[:, :, [0, -1]].any()
    bright = inputs["flair"][:, 0] > 0.8
    overlap = [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in zip(bright, target > 0, strict=True) if b.any()]
    assert 0.2 < np.mean(overlap) < 0.7  # a threshold finds something, and not enough
