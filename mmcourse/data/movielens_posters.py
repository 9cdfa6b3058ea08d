"""Reader of MovieLens in its official files, with posters and soundtracks in folders, as far as the learner has them."""

import numpy as np

from mmcourse.data.canonical import need_good, own_folder, read_table
from mmcourse.data.films import POSTER_SIZE, multi_hot, rating_parts, rating_splits
from mmcourse.data.media import Clip, Picture

COLUMNS = {
    "ratings.csv": ("userId", "movieId", "rating", "timestamp"),
    "movies.csv": ("movieId", "title", "genres"),
    "tags.csv": ("userId", "movieId", "tag", "timestamp"),
}
SOUND = 16_000, 5  # hertz, seconds


def movielens_folder(folder=None):
    """Return the folder with MovieLens and posters, as given or from ``MMCOURSE_FOLDER_MOVIELENS_POSTERS``."""
    advice = (
        "Download a MovieLens set of GroupLens in CSV format (ml-latest-small, say), unpack it, add a folder posters "
        "with a picture <movieId>.jpg for each film that has one (and soundtracks with <movieId>.mp3 or .wav)"
    )
    return own_folder("movielens_posters", folder, [*COLUMNS, "posters/"], advice)


def movielens_posters_table(_=None, *, of="ratings", folder=None):
    """Return the ratings (user, film, rating, timestamp) or the films.

    In the ratings, film is a row number of the films and user counts from 0. Films: movieId, title, year (NaN where the
    title has none), genres (a list), tags (str, joined by spaces), poster and soundtrack (a path, or None: missing).

    Parameters
    ----------
    of : {"ratings", "films"}
    folder : path, optional
        By default ``MMCOURSE_FOLDER_MOVIELENS_POSTERS``.
    """
    if of not in ("ratings", "films"):
        raise ValueError(f"movielens_posters has no table of {of!r}; choose one of: ratings, films")
    folder = movielens_folder(folder)
    return dict(zip(("films", "ratings"), _tables(folder), strict=True))[of]


def load_movielens_posters(_=None, *, folder=None, cold=0.0, seed=0, modalities=None):
    """Return ratings from 0.5 to 5 with what is known about the film, divided as for ``movielens``.

    Items: "user" and "film" (row numbers), "title" (str), "tags" (str, empty if there are none), "genres" (zeros and
    ones, in alphabetical order of the genres in the file), "year" (NaN if unknown), "poster" (3, 32, 24), and with a
    folder soundtracks also "soundtrack", five seconds at 16 kHz. Where a file is missing the item holds zeros, and
    "has_poster" or "has_soundtrack" is False. Pictures and sounds are read when they are asked for.

    Parameters
    ----------
    folder : path, optional
        Holds ratings.csv, movies.csv, tags.csv and posters/; by default ``MMCOURSE_FOLDER_MOVIELENS_POSTERS``.
    cold : float
        From 0 to 0.4.
    seed : int
    modalities : sequence of str, optional
        Keep only these keys; all by default.
    """
    folder = movielens_folder(folder)
    films, ratings = _tables(folder)
    names = sorted({genre for found in films["genres"] for genre in found})
    per_film = {key: films[key].to_numpy(dtype=object) for key in ("title", "tags")}
    per_film |= {"genres": multi_hot(films["genres"], names), "year": films["year"].to_numpy(dtype=np.float32)}
    kinds = {"poster": (Picture, POSTER_SIZE)}
    if (folder / "soundtracks").is_dir():
        kinds["soundtrack"] = (Clip, *SOUND)
    for key, (kind, *options) in kinds.items():
        per_film[key] = np.array([kind(path, *options) for path in films[key]], dtype=object)
        per_film[f"has_{key}"] = films[key].notna().to_numpy()
    parts = rating_parts(ratings["user"].to_numpy(), ratings["film"].to_numpy(), cold, seed)
    return rating_splits(ratings, {}, per_film, parts, modalities)


def _tables(folder):
    """Read and check all files; return the films and the ratings."""
    import pandas as pd

    ratings, movies, tags = (
        read_table(folder / name, columns, empty=name == "tags.csv") for name, columns in COLUMNS.items()
    )
    path = folder / "movies.csv"
    number = pd.to_numeric(movies["movieId"], errors="coerce")
    need_good(path, movies["movieId"], number.notna(), "the movieId is {!r}, not a number")
    need_good(path, movies["movieId"], ~number.duplicated(), "movieId {!r} is there twice")
    stars = pd.to_numeric(ratings["rating"], errors="coerce")
    steps = (2 * stars % 1 == 0) & stars.between(0.5, 5)
    need_good(folder / "ratings.csv", ratings["rating"], steps, "the rating is {!r}, not one of 0.5, 1, ... 5")
    when = pd.to_numeric(ratings["timestamp"], errors="coerce")
    need_good(folder / "ratings.csv", ratings["timestamp"], when.notna(), "the timestamp is {!r}, not a number")
    film = {
        name: _rows(folder / f"{name}.csv", table, number) for name, table in (("ratings", ratings), ("tags", tags))
    }
    words = tags["tag"].groupby(film["tags"]).agg(" ".join).reindex(range(len(movies)), fill_value="")
    films = movies.assign(
        year=pd.to_numeric(movies["title"].str.extract(r"\((\d{4})\)\s*$")[0]),
        title=movies["title"].str.replace(r"\s*\(\d{4}\)\s*$", "", regex=True),
        genres=[[] if text in ("", "(no genres listed)") else text.split("|") for text in movies["genres"]],
        tags=words,
        poster=_files(folder / "posters", movies["movieId"], ("jpg",)),
        soundtrack=_files(folder / "soundtracks", movies["movieId"], ("mp3", "wav")),
    )
    user, rating = pd.factorize(ratings["userId"])[0], stars.astype(np.float32)
    return films, pd.DataFrame({"user": user, "film": film["ratings"], "rating": rating, "timestamp": when})


def _rows(path, table, numbers):
    """Return the row of each line's film."""
    import pandas as pd

    found = pd.Index(numbers).get_indexer(pd.to_numeric(table["movieId"], errors="coerce"))
    need_good(path, table["movieId"], found >= 0, "film {!r} is not in movies.csv")
    return found


def _files(folder, numbers, endings):
    """Return each film's file, or None."""
    present = {path.name.lower(): path for path in sorted(folder.iterdir())} if folder.is_dir() else {}
    return [next(filter(None, (present.get(f"{n}.{e}") for e in endings)), None) for n in numbers]
