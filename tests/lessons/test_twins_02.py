"""The blocks that lesson 02 builds equal the package's, and references that share no code with them."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from mmcourse.ensembles import StackingClassifier
from tools.lesson import lift

MODELS = [GaussianNB(), DecisionTreeClassifier(max_depth=3, random_state=0)]


@pytest.fixture
def task(rng):
    """Rows, labels, new rows, and the folds as a list."""
    X, y = rng.normal(size=(90, 4)), rng.integers(0, 2, 90)
    X[:, 0] += y
    folds = list(StratifiedKFold(5, shuffle=True, random_state=1).split(X, y))
    return X, y, rng.normal(size=(25, 4)), folds


def package(X, y, folds):
    named = [(str(i), model) for i, model in enumerate(MODELS)]
    return StackingClassifier(named, LogisticRegression(), cv=folds).fit(X, y)


def test_out_of_fold_equals_the_package(task):
    X, y, _, folds = task
    ours = np.column_stack([lift("02", "out_of_fold")(model, X, y, folds) for model in MODELS])
    np.testing.assert_allclose(ours, package(X, y, folds).out_of_fold_, atol=1e-12)


def test_stacked_equals_the_package(task):
    X, y, X_new, folds = task
    ours = lift("02", "stacked")(MODELS, LogisticRegression(), X, y, X_new, folds)
    np.testing.assert_allclose(ours, package(X, y, folds).predict_proba(X_new)[:, 1], atol=1e-10)


def test_forward_chain_equals_time_series_split():
    splits = lift("02", "forward_chain")(np.arange(60), 6, 4)  # a gap of 4 days leaves out 3 rows
    theirs = list(TimeSeriesSplit(5, gap=3).split(np.arange(60)))
    assert len(splits) == len(theirs)
    for ours, other in zip(splits, theirs, strict=True):
        np.testing.assert_array_equal(ours[0], other[0])
        np.testing.assert_array_equal(ours[1], other[1])


def test_error_correlation_by_counting(rng):
    p, y = rng.uniform(size=(400, 2)), rng.integers(0, 2, 400)
    wrong = [[(p[i, m] > 0.5) != y[i] for i in range(400)] for m in range(2)]
    a, b, both = np.mean(wrong[0]), np.mean(wrong[1]), np.mean(np.logical_and(*wrong))
    expected = (both - a * b) / np.sqrt(a * (1 - a) * b * (1 - b))
    found = lift("02", "error_correlation")(p, y)
    np.testing.assert_allclose(found, [[1, expected], [expected, 1]], atol=1e-12)


def test_neighbour_counts_by_brute_force():
    texts = ["the cat sat on the mat", "a cat and a dog sat", "dog on the mat"]
    counter = CountVectorizer(vocabulary=["cat", "dog", "mat", "on", "sat", "the"]).fit(texts)
    counts = lift("02", "neighbour_counts")(texts, counter, 2).toarray()
    expected = np.zeros((6, 6))
    for words in ([word for word in text.split() if len(word) > 1] for text in texts):
        for i, j in ((i, j) for i in range(len(words)) for j in range(len(words)) if 0 < abs(i - j) <= 2):
            if words[i] in counter.vocabulary_ and words[j] in counter.vocabulary_:
                expected[counter.vocabulary_[words[i]], counter.vocabulary_[words[j]]] += 1
    np.testing.assert_array_equal(counts, expected)


def test_word_vectors_rebuild_the_positive_information():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, (12, 12))
    counts = counts + counts.T + 1
    joint, often = counts / counts.sum(), counts.sum(axis=1) / counts.sum()
    smooth = often**0.75 / (often**0.75).sum()
    table = np.maximum(np.log(joint / np.outer(often, smooth)), 0)
    left, strength, _ = np.linalg.svd(table)
    expected = left * np.sqrt(strength)
    expected = expected @ expected.T
    norms = np.sqrt(np.diag(expected))
    vectors = lift("02", "word_vectors")(sparse.coo_matrix(counts.astype(float)), 12)
    np.testing.assert_allclose(vectors @ vectors.T, expected / np.outer(norms, norms), atol=1e-5)
