"""Bagging and forests: scikit-learn's own suite, parity with its estimators, out-of-bag rows, bad input."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import ensemble
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator

from mmcourse import ensembles


@pytest.fixture
def numbers(fresh):
    return make_regression(120, 7, noise=10, random_state=fresh)


@pytest.fixture
def labels(fresh):
    X, y = make_classification(150, 8, n_informative=5, n_classes=3, random_state=fresh)
    return X, np.array(["cat", "dog", "a longer name"])[y]


@pytest.mark.parametrize(
    "model",
    [
        ensembles.BaggingRegressor(n_estimators=4, oob_score=True),
        ensembles.BaggingClassifier(n_estimators=4),
        ensembles.RandomForestRegressor(4),
        ensembles.RandomForestClassifier(4, oob_score=True),
    ],
    ids=repr,
)
def test_passes_the_whole_of_check_estimator(model):
    report = check_estimator(model, on_fail="raise", on_skip=None)
    statuses = {item["check_name"]: item["status"] for item in report}
    assert len(statuses) > 40
    # The one check that may be skipped needs an environment variable set before scipy is imported.
    assert {name for name, status in statuses.items() if status != "passed"} <= {"check_array_api_input"}


PAIRS = [
    ("BaggingRegressor", {"n_estimators": 25}),
    ("BaggingRegressor", {"estimator": KNeighborsRegressor(), "n_estimators": 25, "max_features": 0.6}),
    ("BaggingRegressor", {"estimator": DecisionTreeRegressor(splitter="random"), "max_samples": 50}),
    ("BaggingRegressor", {"max_samples": 0.5, "bootstrap": False}),
    ("RandomForestRegressor", {"n_estimators": 25}),
    ("RandomForestRegressor", {"n_estimators": 25, "max_features": 1 / 3, "min_samples_leaf": 3, "n_jobs": 2}),
    ("RandomForestRegressor", {"n_estimators": 10, "bootstrap": False, "max_features": "sqrt"}),
    ("BaggingClassifier", {"n_estimators": 25}),
    ("BaggingClassifier", {"estimator": KNeighborsClassifier(3), "n_estimators": 25, "max_samples": 30}),
    ("BaggingClassifier", {"estimator": RidgeClassifier(), "n_estimators": 25, "max_features": 3}),
    ("BaggingClassifier", {"estimator": SVC(), "n_estimators": 5}),
    ("RandomForestClassifier", {"n_estimators": 25}),
    ("RandomForestClassifier", {"n_estimators": 25, "max_features": 0.5, "max_depth": 4, "max_samples": 0.7}),
]


def tied(probabilities):
    """Return which rows have two best classes, of which rounding alone picks one."""
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    return first - second < 1e-9


@pytest.mark.parametrize(("name", "options"), PAIRS)
def test_equals_scikit_learn_on_the_same_bootstraps(name, options, numbers, labels, fresh):
    X, y = labels if name.endswith("Classifier") else numbers
    oob = options.get("bootstrap", True)
    many = {"oob_score": True, "n_estimators": max(options.get("n_estimators", 0), 25)} if oob else {}
    options = {**options, **many, "random_state": fresh}
    ours = getattr(ensembles, name)(**options).fit(X[:100], y[:100])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns where a row is never out of bag
        theirs = getattr(ensemble, name)(**options).fit(X[:100], y[:100])
    for mine, reference in zip(ours.estimators_samples_, theirs.estimators_samples_, strict=True):
        np.testing.assert_array_equal(mine, reference)
    attribute = "oob_decision_function_" if name.endswith("Classifier") else "oob_prediction_"
    if name.endswith("Classifier"):
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-10)
        clear = ~tied(theirs.predict_proba(X))
        np.testing.assert_array_equal(ours.predict(X)[clear], theirs.predict(X)[clear])
    else:
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10, atol=1e-10)
    if oob:
        known = ~np.isnan(getattr(ours, attribute)).reshape(100, -1)[:, 0]
        assert known.mean() > 0.9
        np.testing.assert_allclose(getattr(ours, attribute)[known], getattr(theirs, attribute)[known], atol=1e-10)
        if known.all():
            ties = tied(theirs.oob_decision_function_).mean() if name.endswith("Classifier") else 0
            assert ours.oob_score_ == pytest.approx(theirs.oob_score_, abs=ties + 1e-10)
    if "Forest" in name:
        np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, atol=1e-10)


def test_out_of_bag_equals_a_prediction_by_the_members_that_missed_the_row(numbers):
    X, y = numbers
    model = ensembles.RandomForestRegressor(4, oob_score=True, random_state=0).fit(X, y)
    for row in range(len(X)):
        unseen = [
            tree for tree, rows in zip(model.estimators_, model.estimators_samples_, strict=True) if row not in rows
        ]
        expected = np.mean([tree.predict(X[[row]]) for tree in unseen]) if unseen else np.nan
        assert model.oob_prediction_[row] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(model.oob_prediction_).any(), "four trees leave some row without an out-of-bag prediction"
    assert -1 < model.oob_score_ < 1


def test_a_row_never_out_of_bag_is_nan_without_a_warning(labels):
    X, y = labels
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ensembles.BaggingClassifier(n_estimators=2, oob_score=True, random_state=0).fit(X, y)
    known = ~np.isnan(model.oob_decision_function_[:, 0])
    assert 0 < known.sum() < len(y)
    votes = model.classes_[model.oob_decision_function_[known].argmax(axis=1)]
    assert model.oob_score_ == np.mean(votes == y[known])


def test_a_member_that_never_met_a_class_gives_it_probability_zero():
    X = np.arange(20.0)[:, None]
    y = np.array(["common"] * 18 + ["rare", "rarest"])
    model = ensembles.BaggingClassifier(KNeighborsClassifier(1), max_samples=5, random_state=1).fit(X, y)
    assert any(len(member.classes_) < 3 for member in model.estimators_)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_the_importances_of_feature_subsets_go_back_to_their_columns():
    X = np.random.default_rng(0).normal(size=(200, 5))
    model = ensembles.BaggingRegressor(n_estimators=30, max_features=4, random_state=0).fit(X, 3 * X[:, 4])
    assert model.feature_importances_.argmax() == 4
    assert model.feature_importances_.sum() == pytest.approx(1)
    flat = ensembles.RandomForestRegressor(3).fit(X, np.ones(200))
    assert not flat.feature_importances_.any()


def test_sparse_rows_and_missing_values_work_where_the_base_takes_them(labels):
    X, y = labels
    dense = ensembles.RandomForestClassifier(5, random_state=0).fit(X, y).predict_proba(X)
    thin = ensembles.RandomForestClassifier(5, random_state=0).fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(thin.predict_proba(sparse.csr_matrix(X)), dense)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    assert ensembles.BaggingClassifier(DecisionTreeClassifier(), random_state=0).fit(holes, y).score(holes, y) > 0.8
    with pytest.raises(ValueError, match="NaN"):
        ensembles.BaggingClassifier(LogisticRegression()).fit(holes, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_estimators": 0}, "n_estimators must be a whole number >= 1; got 0"),
        ({"n_estimators": 2.5}, "n_estimators must be a whole number"),
        ({"max_samples": 0}, "max_samples must be a whole number in 1..120, a fraction"),
        ({"max_samples": 1.5}, "max_samples must be"),
        ({"max_features": 8}, "max_features must be a whole number in 1..7"),
        ({"bootstrap": False, "oob_score": True}, "oob_score=True needs bootstrap=True"),
    ],
)
def test_bad_settings_are_named(options, message, numbers):
    with pytest.raises(ValueError, match=message):
        ensembles.BaggingRegressor(**options).fit(*numbers)


def test_bad_data_is_named(numbers):
    X, y = numbers
    with pytest.raises(ValueError, match="out of bag"):
        ensembles.BaggingRegressor(n_estimators=1, oob_score=True).fit(X[:1], y[:1])
    with pytest.raises(ValueError, match="Unknown label type"):
        ensembles.RandomForestClassifier().fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ensembles.RandomForestRegressor().fit(X, y[1:])
    with pytest.raises(ValueError, match="expecting 7 features"):
        ensembles.RandomForestRegressor(2).fit(X, y).predict(X[:, :3])
