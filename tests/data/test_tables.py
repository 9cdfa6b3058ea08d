"""Windows of prices against a computation by hand, and reviews in miniature."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from mmcourse.data.tables import (
    build_movie_reviews,
    build_stocks,
    load_movie_reviews,
    load_stocks,
    movie_reviews_table,
    stock_windows,
    stocks_table,
    text_groups,
)


def random_prices(n_days=160, n_stocks=3, seed=0):
    steps = np.random.default_rng(seed).normal(0, 0.02, (n_days, n_stocks))
    days = pd.bdate_range("2009-06-01", periods=n_days)
    return pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index=days, columns=list("ABC")[:n_stocks])


def thirds(prices):
    days, n = prices.index, len(prices) // 3
    return ((None, days[n - 1]), (days[n], days[2 * n - 1]), (days[2 * n], None))


def by_hand(prices, first, last, window, horizon, step):
    """Return (last day, stock, returns, target) of every window, with plain loops."""
    days = [day for day in prices.index if (first is None or day >= first) and (last is None or day <= last)]
    found = []
    for start in range(0, len(days) - window - horizon, step):
        for stock in prices:
            price = [prices.at[day, stock] for day in days[start : start + window + horizon + 1]]
            returns = [np.log(after / before) for before, after in itertools.pairwise(price)]
            volatility = np.sqrt(sum(value**2 for value in returns[window:]) / horizon)
            if np.isfinite(returns).all() and volatility > 0:
                found.append((prices.index.get_loc(days[start + window]), stock, returns[:window], np.log(volatility)))
    return found


@pytest.mark.parametrize(("window", "horizon", "step"), [(10, 5, 1), (7, 3, 4), (1, 1, 1)])
def test_windows_equal_the_computation_by_hand(window, horizon, step):
    prices = random_prices()
    splits = stock_windows(prices, thirds(prices), window=window, horizon=horizon, step=step)
    for split, (first, last) in zip((splits.train, splits.valid, splits.test), thirds(prices), strict=True):
        expected = by_hand(prices, first, last, window, horizon, step)
        inputs, target = split.arrays()
        assert split.groups.tolist() == [day for day, *_ in expected]
        assert inputs["returns"].dtype == target.dtype == np.float32
        np.testing.assert_allclose(inputs["returns"], [row[2] for row in expected], atol=1e-6)
        np.testing.assert_allclose(target, [row[3] for row in expected], rtol=1e-5)


def test_windows_that_touch_a_missing_day_or_precede_standstill_are_left_out():
    prices = random_prices()
    prices.iloc[20, 0] = np.nan
    prices.iloc[30:50, 1] = 7.0
    splits = stock_windows(prices, thirds(prices), window=6, horizon=4, step=1)
    expected = by_hand(prices, *thirds(prices)[0], 6, 4, 1)
    inputs, target = splits.train.arrays()
    assert len(target) == len(expected) < 3 * (160 // 3 - 10)
    np.testing.assert_allclose(inputs["returns"], [row[2] for row in expected], atol=1e-6)
    assert np.isfinite(target).all()


def test_a_price_outside_of_a_period_never_changes_what_is_inside():
    """The strongest test of the borders: scramble the future, and the past must not move; and the other way round."""
    prices, options = random_prices(), dict(window=10, horizon=5, step=1)
    periods = thirds(prices)
    before = stock_windows(prices, periods, **options)
    for part, (first, last) in zip(("train", "valid", "test"), periods, strict=True):
        scrambled = prices * np.random.default_rng(1).uniform(0.5, 2, prices.shape)
        scrambled.loc[first:last] = prices.loc[first:last]
        after = stock_windows(scrambled, periods, **options)
        assert np.array_equal(getattr(before, part).arrays()[0]["returns"], getattr(after, part).arrays()[0]["returns"])
        assert np.array_equal(getattr(before, part).target, getattr(after, part).target)


@pytest.mark.parametrize("option", ["window", "horizon", "step"])
def test_lengths_below_one(option):
    prices = random_prices()
    with pytest.raises(ValueError, match="must be at least 1"):
        stock_windows(prices, thirds(prices), **{"window": 5, "horizon": 5, "step": 1, option: 0})


def test_a_window_longer_than_a_period():
    prices = random_prices()
    with pytest.raises(ValueError, match="fewer than 50 \\+ 4 \\+ 1"):
        stock_windows(prices, thirds(prices), window=50, horizon=4, step=1)


def test_no_stock_traded_long_enough():
    prices = random_prices()
    prices.iloc[::5] = np.nan
    with pytest.raises(ValueError, match="no stock has 11 days of prices in a row"):
        stock_windows(prices, thirds(prices), window=6, horizon=4, step=1)


def test_the_published_table_is_read(tmp_path):
    prices = pd.concat(
        [random_prices(400).set_axis(pd.bdate_range(start, periods=400)) for start in ("2005", "2012", "2018")]
    )
    text = prices.rename_axis("Date").to_csv().encode()
    import gzip

    build_stocks([{"prices": gzip.compress(text)}], tmp_path)
    pd.testing.assert_frame_equal(stocks_table(tmp_path), prices, check_names=False, check_freq=False)
    splits = load_stocks(tmp_path, window=10, horizon=5, step=5)
    assert (prices.index[splits.train.groups] <= "2009-12-31").all()
    assert (prices.index[splits.valid.groups].year >= 2010).all()
    assert (prices.index[splits.valid.groups].year <= 2014).all()
    assert (prices.index[splits.test.groups].year >= 2015).all()


@pytest.fixture
def reviews(tmp_path):
    rows = [(f'snippet "{n}", with\na line break', n % 2, "rotten_tomatoes") for n in range(40)]
    rows += [(f"review {n} ärger", n % 2, "imdb") for n in range(40)] + [("Review 0  ÄRGER", 0, "imdb")]
    csv = pd.DataFrame(rows, columns=["text", "label", "source"]).to_csv(index=False).encode()
    build_movie_reviews([{"combined.csv": csv}], tmp_path)
    return tmp_path, rows


def test_reviews_survive_as_they_are(reviews):
    folder, rows = reviews
    assert list(movie_reviews_table(folder).itertuples(index=False, name=None)) == rows
    assert set(json.loads((folder / "imdb.json").read_text(encoding="utf-8"))) == {"text", "label"}


def test_reviews_by_source(reviews):
    folder, rows = reviews
    for source, count in (("rotten_tomatoes", 40), ("imdb", 41)):
        splits = load_movie_reviews(folder, source=source)
        texts = [text for split in (splits.train, splits.valid, splits.test) for text in split.arrays()[0]["text"]]
        assert sorted(texts) == sorted(text for text, _, origin in rows if origin == source)
        assert len(texts) == count
    assert splits.classes == ("negative", "positive")


def test_an_unknown_source(reviews):
    with pytest.raises(ValueError, match="no source 'imbd'; choose one of: rotten_tomatoes, imdb"):
        load_movie_reviews(reviews[0], source="imbd")


def test_texts_that_differ_in_case_and_space_only_share_a_group():
    assert text_groups(["Good  film", "bad", "good film ", "GOOD\tFILM"]).tolist() == [1, 0, 1, 1]
