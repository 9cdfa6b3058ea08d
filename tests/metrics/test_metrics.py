"""Intervals against scipy's own, against coverage, and against what must be refused."""

import numpy as np
import pytest
from scipy import stats

from mmcourse.metrics import Interval, as_numpy, bootstrap_interval, interval, recall_at_k


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((0.87, 0.85, 0.89), "0.87 [0.85, 0.89]"),
        ((0.031, 0.028, 0.034), "0.031 [0.028, 0.034]"),
        ((3.07, 0.7, 5.44), "3.1 [0.7, 5.4]"),
        ((-0.15, -0.301, 0.001), "-0.15 [-0.30, 0.00]"),
        ((1234.4, 1184.0, 1284.0), "1234 [1184, 1284]"),
        ((0.5, 0.5, 0.5), "0.5 [0.5, 0.5]"),
        ((2e-9, 1e-9, 3e-9), "2e-09 [1e-09, 3e-09]"),
        ((float("nan"),) * 3, "nan [nan, nan]"),
    ],
)
def test_printing(numbers, text):
    assert str(Interval(*numbers)) == f"{Interval(*numbers)}" == text


def test_printing_with_a_sign():
    assert f"{Interval(0.031, 0.028, 0.034):+}" == "+0.031 [0.028, 0.034]"
    assert f"{Interval(-0.031, -0.034, -0.028):+}" == "-0.031 [-0.034, -0.028]"
    with pytest.raises(ValueError, match="formatted with"):
        f"{Interval(1, 0, 2):.3f}"


def test_an_interval_cannot_be_changed():
    with pytest.raises(AttributeError):
        Interval(1, 0, 2).low = 5


@pytest.mark.parametrize("n", [2, 5, 40])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_interval_is_scipys(rng, n, confidence):
    values = rng.normal(3, 2, n)
    found = interval(values, confidence=confidence)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    assert found.estimate == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [interval(rng.normal(1, 3, 6), confidence=0.9) for _ in range(2000)]
    assert np.mean([i.low <= 1 <= i.high for i in found]) == pytest.approx(0.9, abs=0.02)


def test_interval_takes_lists_booleans_and_tensors():
    torch = pytest.importorskip("torch")
    assert interval([True, False, True, True]).estimate == 0.75
    assert interval([1, 2, 3]) == interval(torch.tensor([1.0, 2, 3], requires_grad=True))
    assert interval([torch.tensor(1.0), 2, 3]) == interval((1, 2, 3))
    assert interval([4, 4, 4]) == Interval(4, 4, 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "at least two"),
        ([1.0], "at least two"),
        (3.0, "at least two"),
        ([[1, 2], [3, 4]], r"shape \(2, 2\)"),
        ([1, np.nan, 2], "finite"),
        ([1, np.inf, 2], "finite"),
        (["a", "b"], "numbers"),
        (None, "numbers"),
    ],
)
def test_interval_refuses(values, message):
    with pytest.raises(ValueError, match=message):
        interval(values)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.1])
def test_confidence_is_a_share(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval([1, 2, 3], confidence=confidence)
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap_interval(np.mean, [1, 2, 3], confidence=confidence)


def test_bootstrap_of_an_accuracy_is_the_binomial_interval():
    truth = np.repeat([0, 1], 200)
    guess = truth.copy()
    guess[::5] = 1 - guess[::5]
    found = bootstrap_interval(lambda a, b: (a == b).mean(), truth, guess)
    assert found.estimate == 0.8
    expected = stats.binom(400, 0.8).ppf([0.025, 0.975]) / 400
    assert (found.low, found.high) == pytest.approx(expected, abs=0.006)


def test_bootstrap_draws_items_jointly():
    x = np.random.default_rng(1).normal(size=200)
    found = bootstrap_interval(lambda a, b: (a - b).mean(), x + 1, x)
    assert (found.low, found.high) == pytest.approx((1, 1))


def test_bootstrap_is_scipys_for_one_sample():
    x = np.random.default_rng(2).exponential(size=60)
    found = bootstrap_interval(np.median, x, confidence=0.9, seed=3)
    theirs = stats.bootstrap(
        (x,), np.median, method="percentile", confidence_level=0.9, n_resamples=4000
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(theirs, abs=0.05)


def test_bootstrap_repeats_and_leaves_the_global_state():
    x = np.random.default_rng(2).normal(size=30)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert bootstrap_interval(np.mean, x) == bootstrap_interval(np.mean, x) != bootstrap_interval(np.mean, x, seed=1)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_bootstrap_takes_rows_and_words():
    probabilities = np.eye(3)[np.arange(60) % 3]
    words = np.array(["no", "yes", "maybe"] * 20, dtype=object)
    found = bootstrap_interval(lambda p, w: (w[p[:, 1] == 1] == "yes").mean(), probabilities, words)
    assert found == Interval(1, 1, 1)


@pytest.mark.parametrize(
    ("statistic", "arrays", "message"),
    [
        (np.mean, ([],), "at least two items"),
        (np.mean, (5.0,), "at least two items"),
        (np.mean, (), "at least two items"),
        (lambda a, b: 0.0, ([1, 2, 3], [1, 2]), "common length"),
        (np.mean, ([1, np.nan],), "finite"),
        (lambda a: np.nan, ([1, 2],), "one finite number"),
        (lambda a: a, ([1, 2],), "one finite number"),
    ],
)
def test_bootstrap_refuses(statistic, arrays, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(statistic, *arrays)


def test_as_numpy():
    torch = pytest.importorskip("torch")
    half = torch.tensor([[1.5]], dtype=torch.bfloat16)
    assert as_numpy([half, half]).shape == (2, 1, 1)
    assert as_numpy(half) == np.array([[1.5]])


@pytest.mark.parametrize("k", [1, 3, 11])
def test_recall_equals_a_plain_search_and_sklearn(rng, k):
    top_k = pytest.importorskip("sklearn.metrics").top_k_accuracy_score
    similarity, target = rng.normal(size=(40, 12)), rng.integers(12, size=40)
    found = [target[i] in sorted(range(12), key=lambda j, row=row: -row[j])[:k] for i, row in enumerate(similarity)]
    assert recall_at_k(similarity, k, target) == pytest.approx(np.mean(found))
    assert recall_at_k(similarity, k, target) == pytest.approx(top_k(target, similarity, k=k, labels=range(12)))
    assert recall_at_k(similarity[:12], k) == recall_at_k(similarity[:12], k, np.arange(12))


def test_recall_of_ties_tensors_and_integers():
    torch = pytest.importorskip("torch")
    assert recall_at_k(np.zeros((5, 5)), 4) == 0
    assert recall_at_k(np.zeros((5, 5)), 5) == 1
    assert recall_at_k(torch.eye(4, requires_grad=True), 1) == recall_at_k(np.eye(4, 9, dtype=int), 1) == 1
    assert recall_at_k(np.eye(4), 1, torch.tensor([1, 0, 2, 3])) == 0.5


@pytest.mark.parametrize(
    ("similarity", "k", "target", "message"),
    [
        (np.ones(4), 1, None, "similarity must be a matrix"),
        (np.ones((0, 3)), 1, None, "similarity must be a matrix"),
        (np.full((2, 2), np.nan), 1, None, "finite"),
        (np.eye(3), 0, None, "from 1 to 3"),
        (np.eye(3), 4, None, "from 1 to 3"),
        (np.eye(3), 1.5, None, "from 1 to 3"),
        (np.eye(3), True, None, "from 1 to 3"),
        (np.ones((4, 3)), 1, None, "give target"),
        (np.eye(3), 1, [0, 1], "3 whole numbers"),
        (np.eye(3), 1, [0, 1, 3], "3 whole numbers"),
        (np.eye(3), 1, [0, 1, -1], "3 whole numbers"),
        (np.eye(3), 1, [0.0, 1.0, 2.0], "3 whole numbers"),
    ],
)
def test_recall_refuses(similarity, k, target, message):
    with pytest.raises(ValueError, match=message):
        recall_at_k(similarity, k, target)
