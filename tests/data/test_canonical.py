"""Public formats in miniature, field by field as their publishers describe them, and every bad file."""

import itertools

import numpy as np
import pandas as pd
import pytest

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.canonical import load_sp500, load_sst2, sp500_table, sst2_table

# GLUE: tab separated, a header, quotation marks as they are, a blank before the end of many sentences.
TRAIN = [
    ("hide new secretions from the parental units ", 0),
    ('the " king " of comedy ', 1),
    ('" spy kids " , again ', 1),
    ('" an opening quote that never closes ', 0),
    ("it 's a charming and often affecting journey . ", 1),
    *[(f"a phrase numbered {n} ", n % 2) for n in range(40)],
    ("A phrase  numbered 3", 1),
]
DEV = [("it 's a charming and often affecting journey . ", 1), ("unflinchingly bleak and desperate ", 0)]


def write_sst2(folder, train=TRAIN, dev=DEV, header="sentence\tlabel"):
    for name, rows in (("train", train), ("dev", dev)):
        lines = [header, *(f"{text}\t{label}" for text, label in rows)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def all_texts(split):
    return split.arrays()[0]["text"].tolist()


def test_sst2(tmp_path):
    splits = load_sst2(folder=write_sst2(tmp_path))
    assert all_texts(splits.test) == [text for text, _ in DEV]
    assert splits.test.target.tolist() == [1, 0]
    kept = all_texts(splits.train) + all_texts(splits.valid)
    assert sorted(kept) == sorted(text for text, _ in TRAIN if text != DEV[0][0])
    assert 'the " king " of comedy ' in kept
    labels = dict(TRAIN)
    for split in (splits.train, splits.valid):
        assert [labels[text] for text in all_texts(split)] == split.target.tolist()
    assert 3 <= len(splits.valid) <= 5
    for left, right in itertools.combinations((splits.train, splits.valid, splits.test), 2):
        assert not set(left.groups) & set(right.groups)


def test_sst2_folder_from_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("MMCOURSE_FOLDER_SST2", str(write_sst2(tmp_path)))
    assert data.ready("sst2")
    assert len(data.load("sst2").test) == 2
    assert data.table("sst2")["part"].value_counts().to_dict() == {"train": len(TRAIN), "dev": 2}


def test_sst2_with_columns_the_other_way_round_and_windows_line_ends(tmp_path):
    for part in ("train", "dev"):
        (tmp_path / f"{part}.tsv").write_bytes("\ufefflabel\tsentence\r\n1\tgood\r\n0\tbad\r\n".encode())
    assert sst2_table(folder=tmp_path).to_numpy().tolist() == [
        ["good", 1, "train"],
        ["bad", 0, "train"],
        ["good", 1, "dev"],
        ["bad", 0, "dev"],
    ]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("", r"train.tsv cannot be read \(No columns to parse"),
        ("sentence\tlabel\n", r"train.tsv holds no rows"),
        (
            "sentence\tsentiment\ngood\t1\n",
            r"train.tsv has no column 'label'; its first line names: sentence, sentiment",
        ),
        ("sentence\tlabel\ngood\t1\nfine\t2\n", r"train.tsv, line 3: the label is '2'; SST-2 has only 0 and 1"),
        ("sentence\tlabel\ngood\tpositive\n", r"line 2: the label is 'positive'"),
        ("sentence\tlabel\ngood\t1\ncut off", r"train.tsv, line 3: the label is ''; SST-2 has only"),
        (b"sentence\tlabel\n\xff\xfe\t1\n", r"train.tsv is not a UTF-8 text file"),
        ("sentence\tlabel\n" + DEV[0][0] + "\t1\n", r"fewer than two texts that dev.tsv does not repeat"),
    ],
)
def test_sst2_bad_files(tmp_path, train, message):
    write_sst2(tmp_path)
    (tmp_path / "train.tsv").write_bytes(train if isinstance(train, bytes) else train.encode())
    with pytest.raises(DataError, match=message):
        load_sst2(folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "download"),
    [
        ("sst2", "train.tsv and dev.tsv", "SST-2.zip of the GLUE benchmark"),
        ("sp500", "all_stocks_5yr.csv", "Kaggle data set"),
    ],
)
def test_no_folder_says_what_to_download_and_where_to_put_it(name, file, download, tmp_path):
    assert not data.ready(name)
    with pytest.raises(DataError) as error:
        data.load(name)
    for part in (name, file, download, f"MMCOURSE_FOLDER_{name.upper()}", "folder="):
        assert part in str(error.value)
    with pytest.raises(DataError, match=f"holds no {file.split()[0]}"):
        data.load(name, folder=tmp_path)


# Kaggle: date,open,high,low,close,volume,Name; one block a company, days ascending within it.
def write_sp500(folder, table, shuffle=False):
    rows = [
        f"{day:%Y-%m-%d},{price:.2f},{price + 1:.2f},{price - 1:.2f},{price:.4f},{1000 + number},{name}"
        for name in table
        for number, (day, price) in enumerate(table[name].dropna().items())
    ]
    if shuffle:
        rows = np.random.default_rng(0).permutation(rows)
    (folder / "all_stocks_5yr.csv").write_text("\n".join(["date,open,high,low,close,volume,Name", *rows]) + "\n")
    return folder


@pytest.fixture
def prices():
    steps = np.random.default_rng(0).normal(0, 0.02, (100, 3))
    days = pd.bdate_range("2013-02-08", periods=100)
    return pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)).round(4), index=days, columns=["AAL", "NA", "ZTS"])


OPTIONS = dict(window=6, horizon=4, step=1)


def test_sp500(tmp_path, prices):
    table = sp500_table(folder=write_sp500(tmp_path, prices))
    pd.testing.assert_frame_equal(table, prices.round(4), check_names=False, check_freq=False)
    splits = load_sp500(folder=tmp_path, **OPTIONS)
    assert [len(split) for split in (splits.train, splits.valid, splits.test)] == [3 * (60 - 10), 3 * 10, 3 * 10]
    assert splits.train.groups.max() + 4 <= 59
    assert splits.valid.groups.min() - 6 >= 60
    assert splits.valid.groups.max() + 4 <= 79
    assert splits.test.groups.min() - 6 >= 80


def test_sp500_lines_in_any_order(tmp_path, prices):
    (tmp_path / "sorted").mkdir()
    (tmp_path / "shuffled").mkdir()
    one = load_sp500(folder=write_sp500(tmp_path / "sorted", prices), **OPTIONS)
    other = load_sp500(folder=write_sp500(tmp_path / "shuffled", prices, shuffle=True), **OPTIONS)
    assert np.array_equal(one.test.arrays()[0]["returns"], other.test.arrays()[0]["returns"])
    assert np.array_equal(one.test.target, other.test.target)


def test_sp500_windows_over_missing_days_are_left_out(tmp_path, prices):
    prices.iloc[30, 0] = np.nan
    prices.iloc[:50, 2] = np.nan
    splits = load_sp500(folder=write_sp500(tmp_path, prices), **OPTIONS)
    first, second = (30 - 10) + (60 - 31 - 10), 60 - 10
    assert len(splits.train) == first + second
    assert np.isfinite(splits.train.arrays()[0]["returns"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", r"all_stocks_5yr.csv cannot be read"),
        (lambda text: text.splitlines()[0], r"holds no rows"),
        (lambda text: text.replace("close", "last"), r"has no column 'close'; its first line names: date, open"),
        (lambda text: text.replace("2013-02-11", "11.02.2013", 1), r"line 3: the date is '11.02.2013'"),
        (lambda text: text.replace("2013-02-11", "2013-02-31", 1), r"line 3: the date is '2013-02-31'"),
        (lambda text: text + "2014-01-02,1,1,1,n/a,5,AAL\n", r"line 302: the closing price is 'n/a', not a positive"),
        (lambda text: text + "2014-01-02,1,1,1,,5,AAL\n", r"line 302: the closing price is ''"),
        (lambda text: text + "2014-01-02,1,1,1,-3,5,AAL\n", r"line 302: the closing price is '-3'"),
        (lambda text: text + "2014-01-02,1,1,1,inf,5,AAL\n", r"line 302: the closing price is 'inf'"),
        (lambda text: text + text.splitlines()[1] + "\n", r"line 302: 'AAL on 2013-02-08' is there twice"),
        (lambda text: text + "2014-01-02,1,1,1,1,1,1,1,1,1,AAL\n", r"cannot be read \(.*line 302"),
    ],
)
def test_sp500_bad_files(tmp_path, prices, change, message):
    path = write_sp500(tmp_path, prices) / "all_stocks_5yr.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=message):
        load_sp500(folder=tmp_path, **OPTIONS)


def test_sp500_too_few_days(tmp_path, prices):
    write_sp500(tmp_path, prices.iloc[:1])
    with pytest.raises(DataError, match="has only 1 days"):
        load_sp500(folder=tmp_path, **OPTIONS)
