"""The film ratings over a MovieLens in miniature."""

import numpy as np
import pytest

from mmcourse import data
from mmcourse.data.films import (
    GENRES,
    POSTER_SIZE,
    SHAPES,
    build_movielens,
    draw_poster,
    load_movielens,
    movielens_table,
    rating_parts,
)

ITEMS = """item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq
10\tToy Story\t1995\tAnimation Children's Comedy
2\tDeer Hunter, The\t1978\tDrama War
3\tunkonwn\tunkonwn\tunknown
4\tGreat Giving (1995)\tV\tAnimation Children's
5\tDeer Hunter, The\t1978\tDrama War
6\tDeer Hunter, The\t1999\tComedy
"""
USERS = """user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token
2\t53\tF\tother\t94043
1\t24\tM\ttechnician\t85711
"""
RATINGS = [(2, 10, 3, 881250949), (1, 2, 5, 5), (1, 10, 1, 6), (2, 6, 4, 7), (1, 5, 2, 8), (2, 3, 3, 9), (1, 4, 4, 10)]
HEADER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"


def build(folder, ratings=RATINGS):
    folder.mkdir()
    lines = HEADER + "".join("\t".join(map(str, row)) + "\n" for row in ratings)
    content = {"item": ITEMS, "user": USERS, "inter": lines}
    build_movielens([{f"ml-100k/ml-100k.{kind}": text.encode() for kind, text in content.items()}], folder)
    return folder


@pytest.fixture
def folder(tmp_path):
    return build(tmp_path / "films")


def test_tables(folder):
    films, users, ratings = (movielens_table(folder, of=of) for of in ("films", "users", "ratings"))
    assert films["title"].tolist() == [
        "Deer Hunter, The",
        "",
        "Great Giving",
        "Deer Hunter, The",
        "Deer Hunter, The",
        "Toy Story",
    ]
    assert films["year"].fillna(0).tolist() == [1978, 0, 1995, 1978, 1999, 1995]
    assert films["genres"][5] == ["Animation", "Children's", "Comedy"]
    assert films["genres"][1] == []
    assert films["poster"][0].shape == (3, *POSTER_SIZE)
    assert users.to_dict("list") == {"age": [24, 53], "gender": ["M", "F"], "occupation": ["technician", "other"]}
    numbers, names = [2, 3, 4, 5, 6, 10], [1, 2]
    back = [(names[u], numbers[f], r, t) for u, f, r, t in ratings.itertuples(index=False)]
    assert back == RATINGS
    with pytest.raises(ValueError, match="no table of 'tags'; choose one of: ratings, films, users"):
        movielens_table(folder, of="tags")


def test_ratings_play_no_part_in_the_posters(folder, tmp_path):
    changed = [(user, film, 6 - stars, when) for user, film, stars, when in reversed(RATINGS)][:4]
    other = build(tmp_path / "other", changed)
    assert (folder / "posters.npy").read_bytes() == (other / "posters.npy").read_bytes()
    assert (folder / "ratings.npy").read_bytes() != (other / "ratings.npy").read_bytes()


def test_items(folder):
    splits = load_movielens(folder)
    found = {}
    for split in (splits.train, splits.valid, splits.test):
        for (item, target), row in zip((split[i] for i in range(len(split))), split.groups, strict=True):
            found[int(row)] = item, float(target)
    assert sorted(found) == list(range(len(RATINGS)))
    item, target = found[0]
    assert target == 3
    assert (int(item["user"]), int(item["film"]), item["title"], float(item["year"])) == (1, 5, "Toy Story", 1995)
    assert item["genres"].nonzero().flatten().tolist() == [
        list(GENRES).index(g) for g in ("Animation", "Children's", "Comedy")
    ]
    np.testing.assert_allclose(item["profile"], [0.53, 0, 1, 0])  # this miniature has two occupations
    expected = movielens_table(folder, of="films")["poster"][5]
    np.testing.assert_allclose(item["poster"] * 255, expected, atol=1e-3)
    nameless = found[5][0]
    assert nameless["title"] == ""
    assert nameless["year"].isnan()
    assert not nameless["genres"].any()
    batch, masks, _ = data.collate([splits.train[0], splits.train[1]])
    assert batch["poster"].shape == (2, 3, *POSTER_SIZE)
    assert not masks


def test_only_some_modalities(folder):
    inputs, target = load_movielens(folder, modalities=("user", "genres")).train.arrays()
    assert list(inputs) == ["user", "genres"]
    assert str(target.dtype) == "float32"
    with pytest.raises(ValueError, match="no modality 'plot'; there are: user, film, profile"):
        load_movielens(folder, modalities=("plot",))


@pytest.fixture(scope="module")
def many():
    rng = np.random.default_rng(0)
    user = rng.integers(0, 60, 6000)
    return user, (200 * rng.random(6000) ** 2).astype(int)


def test_each_user_is_divided(many):
    user, film = many
    parts = rating_parts(user, film, 0.0, 0)
    assert sorted(np.concatenate(parts)) == list(range(6000))
    for one in range(60):
        shares = np.array([(user[rows] == one).sum() for rows in parts]) / (user == one).sum()
        np.testing.assert_allclose(shares, (0.8, 0.1, 0.1), atol=0.02)


def test_new_films_are_new(many):
    user, film = many
    train, valid, test = rating_parts(user, film, 0.2, 0)
    new = [set(film[rows]) - set(film[train]) for rows in (valid, test)]
    assert not new[0] & set(film[test])
    assert not new[1] & set(film[valid])
    for rows, films in zip((valid, test), new, strict=True):
        assert np.isin(film[rows], list(films)).sum() / len(film) == pytest.approx(0.2, abs=0.03)
        assert len(films) > 10


def test_the_seed_decides_both_divisions(many):
    user, film = many
    same, again, other = (rating_parts(user, film, 0.2, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(same, again, strict=True))
    assert set(film[same[0]]) != set(film[other[0]])
    warm = [rating_parts(user, film, 0.0, seed)[2] for seed in (0, 1)]
    assert len(np.intersect1d(*warm)) < 0.3 * len(warm[0])


def test_films_listed_twice_are_new_together(folder):
    """The Deer Hunter of 1978 is rows 0 and 3; that of 1999 is another film."""
    apart = False
    for seed in range(20):
        splits = load_movielens(folder, cold=0.3, seed=seed, modalities=("film",))
        parts = [set(split.arrays()[0]["film"]) for split in (splits.train, splits.valid, splits.test)]
        new = [part - parts[0] for part in parts[1:]]
        apart |= 4 in new[0] | new[1] and 0 in parts[0]
        if 0 in new[0]:
            assert 3 not in parts[0] | parts[2]
    assert apart


@pytest.mark.parametrize("cold", [-0.1, 0.41, float("nan"), "some", None])
def test_bad_shares(many, cold):
    with pytest.raises(ValueError, match=r"cold must be a share from 0 to 0\.4, not"):
        rating_parts(*many, cold, 0)


def test_posters_tell_genres_imperfectly():
    """A nearest-mean rule finds the genre far more often than chance, and not always."""
    rng, names = np.random.default_rng(0), list(GENRES)
    labels = rng.integers(0, len(names), 900)
    posters = np.stack([draw_poster([names[label]], rng) for label in labels]).astype(float)
    small = posters.reshape(-1, 3, 8, 4, 6, 4).mean(axis=(3, 5)).reshape(len(labels), -1)
    means = np.stack([small[:600][labels[:600] == k].mean(axis=0) for k in range(len(names))])
    hits = (((small[600:, None] - means) ** 2).sum(-1).argmin(1) == labels[600:]).mean()
    assert 0.4 < hits < 0.9
    again = draw_poster(["Drama"], np.random.default_rng([10, 7]))
    assert (again == draw_poster(["Drama"], np.random.default_rng([10, 7]))).all()
    assert {shape for *_, shape in GENRES.values()} == set(SHAPES)
