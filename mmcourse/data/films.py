"""Recipe for the film ratings: real ratings of real films, with small posters drawn from their genres."""

import json
import operator
from dataclasses import dataclass
from numbers import Real

import numpy as np

SHARES = (0.8, 0.1, 0.1)  # of each user's ratings, for training, validation and testing
POSTER_SIZE = (32, 24)  # rows and columns
# Colours at the top and at the bottom, colour and shape of the figure.
GENRES = {
    "Action": ("#7a1200", "#ff8c1a", "#ffe14d", "star"),
    "Adventure": ("#2a7fd4", "#e8c877", "#3d6b21", "peak"),
    "Animation": ("#ffd23f", "#ff8fc7", "#2ec4b6", "disc"),
    "Children's": ("#8fd3ff", "#fff3a3", "#ff5d5d", "star"),
    "Comedy": ("#fff04d", "#ffb347", "#e0218a", "disc"),
    "Crime": ("#1d1d26", "#5c5c66", "#b30000", "cross"),
    "Documentary": ("#d9d9d0", "#a8a898", "#4f5d4f", "frame"),
    "Drama": ("#3b2f4a", "#a08a78", "#e6d8c3", "frame"),
    "Fantasy": ("#2d1160", "#c86bfa", "#fce38a", "ring"),
    "Film-Noir": ("#050505", "#8a8a8a", "#f5f5f5", "blinds"),
    "Horror": ("#000000", "#3a0000", "#c1121f", "peak"),
    "Musical": ("#6a0dad", "#ff69b4", "#ffe98a", "blinds"),
    "Mystery": ("#0b1d33", "#2f5d62", "#dfe9b5", "ring"),
    "Romance": ("#ffd6e0", "#ff8fab", "#d00030", "heart"),
    "Sci-Fi": ("#00041a", "#004e7c", "#5cf2ff", "ring"),
    "Thriller": ("#101820", "#33475b", "#f2aa4c", "cross"),
    "War": ("#4b5320", "#8a7f5c", "#2b2b1f", "peak"),
    "Western": ("#f6b26b", "#b45f06", "#5b2c00", "star"),
}
SHAPES = {
    "disc": lambda x, y: x**2 + y**2 < 1,
    "ring": lambda x, y: abs(x**2 + y**2 - 0.8) < 0.3,
    "cross": lambda x, y: (np.minimum(abs(x), abs(y)) < 0.25) & (np.maximum(abs(x), abs(y)) < 1),
    "peak": lambda x, y: (abs(x) < (y + 1) / 2) & (y < 1),
    "star": lambda x, y: np.hypot(x, y) < 0.65 + 0.35 * np.cos(5 * np.arctan2(x, -y)),
    "heart": lambda x, y: (x**2 + (y + 0.1) ** 2 - 0.6) ** 3 + x**2 * y**3 < 0,
    "frame": lambda x, y: (np.maximum(abs(x), abs(y)) < 1) & (np.maximum(abs(x), abs(y)) > 0.6),
    "blinds": lambda x, y: np.sin(6 * y) > 0.3,
}


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture in memory that many items share, shape (3, H, W), uint8."""

    values: np.ndarray

    def decode(self):
        """Return the pixels."""
        return self.values


def draw_poster(genres, rng):
    """Draw a poster: the background of one of the genres, the figure of one, lines for a title, and noise.

    One poster in five is drawn for a genre that has nothing to do with the film.

    Parameters
    ----------
    genres : list of str
        Of ``GENRES``; with none of them, any genre serves.
    rng : numpy.random.Generator

    Returns
    -------
    uint8 array, shape (3, 32, 24)
    """
    from PIL.ImageColor import getrgb

    choices = list(GENRES) if rng.random() < 0.2 or not genres else genres
    ground, figure = (GENRES[choices[rng.integers(len(choices))]] for _ in range(2))
    top, bottom, ink = (np.array(getrgb(c), float)[:, None, None] for c in (*ground[:2], figure[2]))
    y, x = (np.linspace(-1, 1, n) * n / POSTER_SIZE[1] for n in POSTER_SIZE)
    y, x = y[:, None], x[None]
    picture = top + (bottom - top) * (y + y.max()) / (2 * y.max()) + 0 * x
    size, dx, dy = rng.uniform(0.4, 0.75), rng.uniform(-0.25, 0.25), rng.uniform(-0.55, 0.15)
    picture = np.where(SHAPES[figure[3]]((x - dx) / size, (y - dy) / size), ink, picture)
    for row, width in zip((25, 28), rng.integers(4, 11, 2), strict=True):  # lines of a title
        picture[:, row, 12 - width : 12 + width] = 245 if picture[:, row].mean() < 140 else 15
    picture = picture * rng.uniform(0.7, 1.2) + rng.normal(0, 18, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def build_movielens(files, folder):
    """Read the three tables, tidy what is missing, and draw a poster a film; ratings play no part in the drawing."""
    tables = {}
    for path, content in files[0].items():
        lines = content.decode("utf-8").splitlines()
        tables[path.rpartition(".")[2]] = [line.split("\t") for line in lines[1:]]
    films, users = ([row for row in sorted(tables[kind], key=lambda row: int(row[0]))] for kind in ("item", "user"))
    kept = []
    for number, title, year, genres in films:
        found = [genre for genre in genres.split(" ") if genre in GENRES]
        named, _, late = title.partition(" (19") if not year.isdigit() else (title, "", "")  # one year is misplaced
        year = int(year) if year.isdigit() else int("19" + late[:2]) if late else None
        kept.append((int(number), "" if named == "unkonwn" else named, year, found))  # sic
    ages = [(int(number), int(age), *rest) for number, age, *rest in users]
    (folder / "films.json").write_text(json.dumps(kept), encoding="utf-8")
    (folder / "users.json").write_text(json.dumps(ages), encoding="utf-8")
    posters = [draw_poster(found, np.random.default_rng([10, number])) for number, _, _, found in kept]
    np.save(folder / "posters.npy", np.stack(posters))
    ratings = np.array(tables["inter"]).astype(float).astype(np.int32)
    for column, table in enumerate((ages, kept)):  # numbers become rows
        ratings[:, column] = np.searchsorted([row[0] for row in table], ratings[:, column])
    np.save(folder / "ratings.npy", ratings)


def movielens_table(folder, *, of="ratings"):
    """Return the ratings (user, film, rating, timestamp), the films or the users.

    In the ratings, user and film are row numbers of the other two tables. Films: title, year (NaN where unknown), genres
    (a list) and poster, a uint8 array (3, 32, 24). Users: age, gender, occupation.

    Parameters
    ----------
    of : {"ratings", "films", "users"}
    """
    import pandas as pd

    if of == "ratings":
        return pd.DataFrame(np.load(folder / "ratings.npy"), columns=["user", "film", "rating", "timestamp"])
    columns = {
        "films": ["number", "title", "year", "genres"],
        "users": ["number", "age", "gender", "occupation", "zip"],
    }
    if of not in columns:
        raise ValueError(f"movielens has no table of {of!r}; choose one of: ratings, films, users")
    rows = json.loads((folder / f"{of}.json").read_text(encoding="utf-8"))
    table = pd.DataFrame(rows, columns=columns[of])
    if of == "users":
        return table[["age", "gender", "occupation"]]
    return table.drop(columns="number").assign(poster=list(np.load(folder / "posters.npy")))


def load_movielens(folder, *, cold=0.0, seed=0, modalities=None):
    """Return ratings from 1 to 5 with all that is known about user and film.

    Each user's ratings are divided at random: 80 % for training, 10 % for validation and 10 % for testing. With `cold`,
    films that hold that share of the ratings are new in the validation part, and other ones in the test part: none of
    their ratings is in another part. A film listed twice under one title and year counts as one film in this.

    Items: "user" and "film" (row numbers), "profile" (23 numbers: age / 100, 1 for a man, and one for each occupation),
    "title" (str, empty if unknown), "genres" (18 zeros and ones, all zero if unknown), "year" (NaN if unknown) and
    "poster" (3, 32, 24). The target is the rating as float32; groups are rows of the table of ratings.

    Parameters
    ----------
    cold : float
        From 0 to 0.4.
    seed : int
        Decides the division.
    modalities : sequence of str, optional
        Keep only these keys; all by default. ``arrays()`` holds a poster a rating, so leave it out where you can.
    """
    ratings, films, users = (movielens_table(folder, of=of) for of in ("ratings", "films", "users"))
    jobs = multi_hot(users["occupation"].map(lambda job: [job]), sorted(set(users["occupation"])))
    per_film = {
        "title": films["title"].to_numpy(dtype=object),
        "genres": multi_hot(films["genres"], GENRES),
        "year": films["year"].to_numpy(dtype=np.float32),
        "poster": np.array([Pixels(poster) for poster in films["poster"]], dtype=object),
    }
    profile = np.column_stack([users["age"] / 100, users["gender"] == "M", jobs]).astype(np.float32)
    same = films.groupby([films["title"], films["year"].fillna(0)]).ngroup().to_numpy()
    parts = rating_parts(ratings["user"].to_numpy(), same[ratings["film"]], cold, seed)
    return rating_splits(ratings, {"profile": profile}, per_film, parts, modalities)


def multi_hot(lists, names):
    """Return a float32 array (items, names) with 1 where the item's list holds the name."""
    return np.array([[name in found for name in names] for found in lists], dtype=np.float32)


def rating_splits(ratings, per_user, per_film, parts, modalities=None):
    """Return DataSplits whose items look up what is known about their user and film; keep only some keys if told so."""
    from mmcourse.data.splits import DataSplits, Split

    user, film = ratings["user"].to_numpy(), ratings["film"].to_numpy()
    inputs = {"user": user, "film": film} | {key: values[user] for key, values in per_user.items()}
    inputs |= {key: values[film] for key, values in per_film.items()}
    for key in set(modalities or ()) - inputs.keys():
        raise ValueError(f"there is no modality {key!r}; there are: {', '.join(inputs)}")
    kept, target = modalities or inputs, ratings["rating"].to_numpy(dtype=np.float32)
    return DataSplits(*(Split({key: inputs[key][rows] for key in kept}, target[rows], rows) for rows in parts))


def rating_parts(user, film, cold, seed):
    """Divide ratings: new films first, then the others' ratings within each user.

    Parameters
    ----------
    user, film : int array, shape (n,)
        Equal numbers are one film.
    cold : float
        Share of the ratings whose films only the validation part has, and of those that only the test part has.
    seed : int

    Returns
    -------
    list of int arrays
        Row numbers of the three parts, ascending.

    Raises
    ------
    ValueError
        `cold` is not from 0 to 0.4, or `seed` is negative.
    """
    from mmcourse.data.splits import split_by_group

    if not isinstance(cold, Real) or not 0 <= cold <= 0.4:
        raise ValueError(f"cold must be a share from 0 to 0.4, not {cold!r}")
    films, ratings = (int(number) for number in np.random.SeedSequence(operator.index(seed)).generate_state(2))
    part = np.full(len(user), -1)
    new = split_by_group(film, np.zeros(len(film)), (1 - 2 * cold, cold, cold), films)
    for number in (1, 2):
        part[new[number]] = number
    warm = np.flatnonzero(part < 0)
    warm = warm[np.lexsort((np.random.default_rng(ratings).random(len(warm)), user[warm]))]  # shuffled, user by user
    _, first, count = np.unique(user[warm], return_index=True, return_counts=True)
    place = (np.arange(len(warm)) - np.repeat(first, count) + 0.5) / np.repeat(count, count)
    part[warm] = np.searchsorted(np.cumsum(SHARES)[:-1], place)
    return [np.flatnonzero(part == number) for number in range(3)]


RECIPE = (draw_poster, POSTER_SIZE, GENRES, *SHAPES.values())
