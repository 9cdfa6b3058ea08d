"""Readers of public data sets in their official format, from a folder that the learner names.

Every fault of a file is one :class:`DataError` that names the file and, where there is one, the line.
"""

import csv
import os
from numbers import Integral, Real
from pathlib import Path

import numpy as np

from mmcourse.data.errors import DataError
from mmcourse.data.tables import stock_windows, text_groups

PRICE_COLUMNS = ("date", "open", "high", "low", "close", "volume", "Name")
SHARES = (0.6, 0.2)  # of the days, for training and validation; the rest is for testing
VALID_SHARE = 0.1


def sst2_folder(folder=None):
    """Return the folder with SST-2, as given or from ``MMCOURSE_FOLDER_SST2``."""
    advice = "Download SST-2.zip of the GLUE benchmark, unpack it"
    return own_folder("sst2", folder, ("train.tsv", "dev.tsv"), advice)


def sp500_folder(folder=None):
    """Return the folder with the S&P 500 prices, as given or from ``MMCOURSE_FOLDER_SP500``."""
    advice = "Download the Kaggle data set 'S&P 500 stock data', unpack it"
    return own_folder("sp500", folder, ("all_stocks_5yr.csv",), advice)


def own_folder(name, folder, files, advice):
    """Return the learner's folder of a data set, after looking whether everything is in it.

    Parameters
    ----------
    name : str
    folder : path or None
        By default the environment variable ``MMCOURSE_FOLDER_<NAME>``.
    files : list of str
        What it must hold; a name that ends in a slash is a folder.
    advice : str
        Says what to download and unpack.

    Raises
    ------
    DataError
        No folder is named, or something is not in it.
    """
    variable = f"MMCOURSE_FOLDER_{name.upper()}"
    chosen = folder or os.environ.get(variable)
    if not chosen:
        listed = " and ".join(filter(None, [", ".join(files[:-1]), files[-1]]))
        where = f"and name the folder that holds {listed} in {variable} or as load({name!r}, folder=...)"
        raise DataError(f"The data set {name!r} is not shipped with the course. {advice}, {where}.")
    chosen = Path(chosen).expanduser()
    for file in files:
        if not ((chosen / file).is_dir() if file.endswith("/") else (chosen / file).is_file()):
            raise DataError(f"The folder {chosen} holds no {file}. {advice}, and name the folder that holds it.")
    return chosen


def sst2_table(_=None, *, folder=None):
    """Return the labelled sentences of SST-2: columns text, label and part (train or dev)."""
    import pandas as pd

    folder = sst2_folder(folder)
    parts = [_read_sst2(folder / f"{part}.tsv").assign(part=part) for part in ("train", "dev")]
    return pd.concat(parts, ignore_index=True)


def load_sst2(_=None, *, folder=None):
    """Return SST-2: the official dev part is the test set, and a tenth of train is held out for validation.

    The official test part has no labels and is not used. Training texts that the dev part repeats are left out, and
    equal texts never straddle the border between training and validation.

    Parameters
    ----------
    folder : path, optional
        Holds train.tsv and dev.tsv; by default ``MMCOURSE_FOLDER_SST2``.
    """
    from mmcourse.data.splits import DataSplits, Split, split_by_group

    table = sst2_table(folder=folder)
    table["group"] = text_groups(table["text"])
    dev, train = table[table["part"] == "dev"], table[table["part"] == "train"]
    train = train[~train["group"].isin(dev["group"])]
    if len(train) < 2:
        raise DataError("The file train.tsv has fewer than two texts that dev.tsv does not repeat; download it again.")
    rows = split_by_group(train["group"].to_numpy(), train["label"].to_numpy(), (1 - VALID_SHARE, VALID_SHARE))
    parts = [
        Split({"text": part["text"].tolist()}, part["label"].to_numpy(), part["group"].to_numpy())
        for part in (train.iloc[rows[0]], train.iloc[rows[1]], dev)
    ]
    return DataSplits(*parts, classes=("negative", "positive"))


def _read_sst2(path):
    """Read one tab-separated file; quotation marks are part of the text."""
    rows = read_table(path, ("sentence", "label"), sep="\t", quoting=csv.QUOTE_NONE, skip_blank_lines=False)
    need_good(path, rows["label"], rows["label"].isin(["0", "1"]), "the label is {!r}; SST-2 has only 0 and 1")
    return rows[["sentence", "label"]].set_axis(["text", "label"], axis=1).astype({"label": int})


def sp500_table(_=None, *, folder=None):
    """Return daily closing prices, shape (days, stocks), indexed by date; NaN where a stock was not traded."""
    import pandas as pd

    path = sp500_folder(folder) / "all_stocks_5yr.csv"
    rows = read_table(path, PRICE_COLUMNS)
    days = pd.to_datetime(rows["date"], format="%Y-%m-%d", errors="coerce")
    prices = pd.to_numeric(rows["close"], errors="coerce")
    need_good(path, rows["date"], days.notna(), "the date is {!r}, not written as 2013-02-08")
    need_good(
        path, rows["close"], np.isfinite(prices) & (prices > 0), "the closing price is {!r}, not a positive number"
    )
    repeated = pd.DataFrame({"day": days, "name": rows["Name"]}).duplicated()
    need_good(path, rows["Name"] + " on " + rows["date"], ~repeated, "{!r} is there twice")
    table = pd.DataFrame({"day": days, "name": rows["Name"], "close": prices})
    return table.pivot(index="day", columns="name", values="close")


def load_sp500(_=None, *, folder=None, window=60, horizon=20, step=5):
    """Return windows of daily log returns and the log of the realised volatility that follows, as for ``stocks``.

    The first 60 % of the days are for training, the next 20 % for validation, the last for testing. Lines may stand in
    any order. Where a stock misses a day on which others were traded, the windows that touch it are left out.

    Parameters
    ----------
    folder : path, optional
        Holds all_stocks_5yr.csv; by default ``MMCOURSE_FOLDER_SP500``.
    window, horizon, step : int
        In days.
    """
    prices = sp500_table(folder=folder)
    first, second = (int(len(prices) * share) for share in np.cumsum(SHARES))
    days = prices.index
    if first < 1 or second == first:
        raise DataError(f"all_stocks_5yr.csv has only {len(days)} days; download it again.")
    periods = ((None, days[first - 1]), (days[first], days[second - 1]), (days[second], None))
    return stock_windows(prices, periods, window=window, horizon=horizon, step=step)


def need_whole(name, value, least):
    """Raise a ValueError unless an option is a whole number of at least `least`."""
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")


def need_limit(limit, least=1):
    """Raise a ValueError unless the option `limit` is None or a whole number of at least `least`."""
    if limit is not None:
        need_whole("limit", limit, least)


def need_level(name, value):
    """Raise a ValueError unless an option is the strength of noise: a finite number that is not negative."""
    if not isinstance(value, Real) or not np.isfinite(value) or value < 0:
        raise ValueError(f"{name} must be a finite number that is not negative, not {value!r}")


def need_sides(name, value):
    """Raise a ValueError unless an option is a height and a width in pixels."""
    if np.shape(value) != (2,):
        raise ValueError(f"{name} must be a height and a width, not {value!r}")
    for side in value:
        need_whole(name, side, 1)


def opened(path):
    """Return a text file as a stream; a DataError if it is not UTF-8."""
    import io

    try:
        return io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a UTF-8 text file; download it again.") from error


def read_table(path, columns, *, empty=False, **options):
    """Return a text file as a table of texts.

    Parameters
    ----------
    path : pathlib.Path
    columns : sequence of str
        It must have these.
    empty : bool
        It may have no rows.
    **options
        Of ``pandas.read_csv``.

    Raises
    ------
    DataError
        It cannot be read, has no rows, or lacks a column.
    """
    import pandas as pd

    with opened(path) as file:
        try:
            rows = pd.read_csv(file, dtype=str, keep_default_na=False, **options).rename(columns=str.strip).fillna("")
        except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
            raise DataError(f"{path} cannot be read ({str(error).strip()}); write or download it again.") from error
    if missing := [column for column in columns if column not in rows]:
        raise DataError(f"{path} has no column {missing[0]!r}; its first line names: {', '.join(rows)}.")
    if rows.empty and not empty:
        raise DataError(f"{path} holds no rows; write or download it again.")
    return rows


def need_good(path, values, good, message):
    """Raise a DataError that names the first line of a table whose value is not good; `message` shows it at {!r}."""
    if not good.all():
        row = int(np.flatnonzero(~np.asarray(good))[0])
        raise DataError(f"{path}, line {row + 2}: {message.format(values.iloc[row])}.")
