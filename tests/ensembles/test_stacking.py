"""Stacking: scikit-learn's own suite, parity with its estimators, forward chaining, no leakage, bad input."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import ensemble
from sklearn.datasets import make_classification, make_regression
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import check_estimator

from mmcourse.ensembles import RandomForestClassifier, StackingClassifier, StackingRegressor

NUMBER_BASES = [("ridge", Ridge()), ("knn", KNeighborsRegressor()), ("tree", DecisionTreeRegressor(random_state=0))]
LABEL_BASES = [("logistic", LogisticRegression()), ("bayes", GaussianNB()), ("svm", SVC(random_state=0))]


@pytest.fixture
def numbers(fresh):
    return make_regression(150, 6, noise=10, random_state=fresh)


@pytest.fixture
def labelled(fresh):
    def make(n_classes):
        X, y = make_classification(200, 8, n_informative=5, n_classes=n_classes, random_state=fresh)
        return X, np.array(["cat", "dog", "a longer name"])[y]

    return make


@pytest.mark.parametrize(
    "model",
    [
        StackingRegressor(NUMBER_BASES[:2], cv=3),
        StackingClassifier(LABEL_BASES[:2], cv=3),
        StackingClassifier(LABEL_BASES[:2], final_estimator=LinearSVC(), cv=3, passthrough=True),
    ],
    ids=repr,
)
def test_passes_the_whole_of_check_estimator(model):
    report = check_estimator(model, on_fail="raise", on_skip=None)
    statuses = {item["check_name"]: item["status"] for item in report}
    assert len(statuses) > 40
    # The one check that may be skipped needs an environment variable set before scipy is imported.
    assert {name for name, status in statuses.items() if status != "passed"} <= {"check_array_api_input"}


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("final", [None, LinearRegression(), DecisionTreeRegressor(max_depth=3, random_state=0)])
@pytest.mark.parametrize("cv", [None, 4, KFold(3, shuffle=True, random_state=1)])
def test_regression_equals_scikit_learn_on_the_same_folds(numbers, passthrough, final, cv):
    X, y = numbers
    options = {"final_estimator": final, "cv": cv, "passthrough": passthrough}
    ours = StackingRegressor(NUMBER_BASES, **options).fit(X[:120], y[:120])
    theirs = ensemble.StackingRegressor(NUMBER_BASES, **options).fit(X[:120], y[:120])
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("method", ["auto", "decision_function", "predict_proba"])
@pytest.mark.parametrize("cv", [None, StratifiedKFold(3, shuffle=True, random_state=1)])
def test_classification_equals_scikit_learn_on_the_same_folds(n_classes, passthrough, method, cv, labelled):
    X, y = labelled(n_classes)
    bases = LABEL_BASES[:2] if method == "predict_proba" else LABEL_BASES
    bases = [LABEL_BASES[0], LABEL_BASES[2]] if method == "decision_function" else bases
    options = {"cv": cv, "passthrough": passthrough, "stack_method": method}
    ours = StackingClassifier(bases, **options).fit(X[:150], y[:150])
    theirs = ensemble.StackingClassifier(bases, **options).fit(X[:150], y[:150])
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_array_equal(ours.classes_, np.unique(y))


def test_out_of_fold_columns_equal_cross_val_predict(numbers):
    X, y = numbers
    model = StackingRegressor(NUMBER_BASES, cv=KFold(5)).fit(X, y)
    for column, (_, base) in enumerate(NUMBER_BASES):
        np.testing.assert_allclose(model.out_of_fold_[:, column], cross_val_predict(base, X, y, cv=KFold(5)))


class Recorder(LinearRegression):
    """A base model that notes which rows (column 0 holds the row number) it was trained and asked on."""

    log = []  # noqa: RUF012 (shared on purpose: copies made by clone must write to the same list)

    def fit(self, X, y):
        self.trained_ = set(X[:, 0].astype(int))
        return super().fit(X, y)

    def predict(self, X):
        Recorder.log.append((self.trained_, set(X[:, 0].astype(int))))
        return super().predict(X)


def test_time_series_split_chains_forward(fresh):
    X = np.column_stack([np.arange(60.0), np.random.default_rng(fresh).normal(size=60)])
    Recorder.log.clear()
    model = StackingRegressor([("recorder", Recorder())], cv=TimeSeriesSplit(4, gap=2)).fit(X, X[:, 1])
    assert len(Recorder.log) == 4
    for trained, asked in Recorder.log:
        assert max(trained) + 2 < min(asked), (
            "a base model was asked about a row before, or within the gap of, its past"
        )
    first = min(min(asked) for _, asked in Recorder.log)
    np.testing.assert_array_equal(model.out_of_fold_rows_, np.arange(first, 60))
    assert first == 12
    assert model.predict(X).shape == (60,)


def test_scikit_learn_still_refuses_time_series_split(numbers):
    with pytest.raises(ValueError, match="partitions"):
        ensemble.StackingRegressor(NUMBER_BASES, cv=TimeSeriesSplit(3)).fit(*numbers)
    assert StackingRegressor(NUMBER_BASES, cv=TimeSeriesSplit(3)).fit(*numbers).score(*numbers) > 0.5


@pytest.mark.parametrize("cv", [5, TimeSeriesSplit(5), ShuffleSplit(8, test_size=0.2, random_state=0)], ids=str)
@pytest.mark.parametrize("final", [None, DecisionTreeClassifier(max_depth=4, random_state=0)])
def test_a_memorising_base_with_random_labels_scores_chance(cv, final):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(2400, 5)), rng.integers(0, 2, 2400)
    bases = [("memory", KNeighborsClassifier(1)), ("tree", DecisionTreeClassifier(random_state=0))]
    model = StackingClassifier(bases, final_estimator=final, cv=cv).fit(X[:1200], y[:1200])
    assert model.named_estimators_["memory"].score(X[:1200], y[:1200]) == 1, "the base does memorise"
    agreement = np.mean(model.out_of_fold_[:, 0].round() == y[model.out_of_fold_rows_])
    assert agreement == pytest.approx(0.5, abs=0.06), "the final model must not see remembered answers"
    assert model.score(X[1200:], y[1200:]) == pytest.approx(0.5, abs=0.06)


def test_a_fold_that_tests_on_its_training_rows_is_refused(numbers):
    X, y = numbers
    rows = np.arange(len(y))
    with pytest.raises(ValueError, match="leaks"):
        StackingRegressor(NUMBER_BASES, cv=[(rows, rows)]).fit(X, y)


def test_a_row_tested_twice_counts_with_its_average(numbers):
    X, y = numbers
    cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
    model = StackingRegressor([("ridge", Ridge())], cv=cv).fit(X, y)
    total = np.zeros(len(y))
    for train, test in cv.split(X):
        total[test] += Ridge().fit(X[train], y[train]).predict(X[test])
    np.testing.assert_allclose(model.out_of_fold_[:, 0], total / 2)


def test_groups_reach_the_splitter(labelled):
    X, y = labelled(2)
    groups = np.repeat(np.arange(20), 10)
    cv = GroupKFold(4)
    model = StackingClassifier(LABEL_BASES, cv=cv).fit(X, y, groups=groups)
    first = model.named_estimators_["bayes"].__class__()
    expected = cross_val_predict(first, X, y, cv=cv, groups=groups, method="predict_proba")[:, 1]
    np.testing.assert_allclose(model.out_of_fold_[:, 1], expected)


def test_texts_tables_and_sparse_matrices_pass_through(labelled):
    texts, y = ["good film", "bad film", "good plot", "bad plot"] * 10, ["+", "-"] * 20
    bases = [("bayes", make_pipeline(CountVectorizer(), MultinomialNB()))]
    assert StackingClassifier(bases).fit(texts, y).predict(["a good one", "a bad one"]).tolist() == ["+", "-"]
    X, names = labelled(3)
    thin = sparse.csr_matrix(X)
    dense = StackingClassifier(LABEL_BASES[:1], passthrough=True).fit(X, names).predict_proba(X)
    np.testing.assert_allclose(
        StackingClassifier(LABEL_BASES[:1], passthrough=True).fit(thin, names).predict_proba(thin), dense, atol=1e-3
    )
    frame = pd.DataFrame(X).rename(columns=str)
    model = StackingClassifier(LABEL_BASES[:2]).fit(frame, names)
    assert list(model.feature_names_in_) == list(frame.columns)


def test_votes_are_one_column_a_class_and_missing_classes_get_zero(labelled):
    X, y = labelled(3)
    votes = StackingClassifier([("svm", SVC())], stack_method="predict").fit(X, y).out_of_fold_
    assert votes.shape == (200, 3)
    assert set(votes.ravel()) == {0, 1}
    late = np.repeat(["early", "middle", "late"], [40, 90, 70])  # the first training parts never meet "late"
    model = StackingClassifier([("tree", DecisionTreeClassifier())], cv=TimeSeriesSplit(3)).fit(X, late)
    assert model.predict_proba(X).shape == (200, 3)
    with pytest.raises(ValueError, match="'svm' met only 2 of 3 classes"):
        StackingClassifier([("svm", SVC())], stack_method="decision_function", cv=TimeSeriesSplit(2)).fit(X, late)


def test_the_final_model_decides_which_methods_exist(labelled):
    X, y = labelled(2)
    model = StackingClassifier(LABEL_BASES, final_estimator=LinearSVC()).fit(X, y)
    assert hasattr(model, "decision_function")
    assert not hasattr(model, "predict_proba")
    assert model.score(X, y) > 0.7


def test_settings_of_the_bases_are_reachable_by_name():
    model = StackingClassifier([("forest", RandomForestClassifier(5)), ("bayes", GaussianNB())])
    assert model.get_params()["forest__n_estimators"] == 5
    assert model.set_params(forest__n_estimators=7, cv=3) is model
    assert (dict(model.estimators)["forest"].n_estimators, model.cv) == (7, 3)


@pytest.mark.parametrize(
    ("bases", "options", "message"),
    [
        ([], {}, "estimators must be a list of .name, estimator. pairs"),
        ([("same", GaussianNB()), ("same", SVC())], {}, "not unique"),
        ([("bayes", GaussianNB())], {"stack_method": "decision_function"}, "'bayes' has no method 'decision_function'"),
        ([("bayes", GaussianNB())], {"stack_method": "magic"}, "stack_method takes"),
        ([("bayes", GaussianNB())], {"cv": 1}, "k-fold"),
    ],
)
def test_bad_settings_are_named(bases, options, message, labelled):
    with pytest.raises(ValueError, match=message):
        StackingClassifier(bases, **options).fit(*labelled(2))


def test_bad_data_is_named(numbers):
    X, y = numbers
    with pytest.raises(ValueError, match="Unknown label type"):
        StackingClassifier(LABEL_BASES).fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        StackingRegressor(NUMBER_BASES).fit(X, y[1:])
