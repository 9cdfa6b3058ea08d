"""What lesson 01 builds by hand equals the package, scikit-learn or brute force, on random input."""

import numpy as np
import pytest
from sklearn import inspection
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.tree import DecisionTreeRegressor

from mmcourse import ensembles
from tools.lesson import lift


@pytest.fixture
def rows(rng):
    X, X_new = rng.uniform(-2, 2, size=(600, 4)), rng.uniform(-2, 2, size=(60, 4))
    return X, np.sin(2 * X[:, 0]) + X[:, 1], X_new  # smooth, so that no node is so small that two features tie


def test_best_split_equals_brute_force(rows):
    X, y, _ = rows
    gain, j, threshold = lift("01", "best_split")(X[:30], y[:30], range(4))
    errors = {}
    for feature in range(4):
        values = np.sort(X[:30, feature])
        for cut in (values[1:] + values[:-1]) / 2:
            left = X[:30, feature] <= cut
            errors[feature, cut] = sum(((y[:30][side] - y[:30][side].mean()) ** 2).sum() for side in (left, ~left))
    best = min(errors, key=errors.get)
    assert (j, pytest.approx(threshold)) == best
    assert (y[:30] ** 2).sum() - gain == pytest.approx(errors[best])


@pytest.mark.parametrize("depth", [1, 3, 4])
def test_grown_tree_equals_scikit_learn(rows, depth):
    X, y, X_new = rows
    grow, ask = lift("01", "grow"), lift("01", "ask")
    tree = grow(X, y, depth, 4, np.random.default_rng(0))
    library = DecisionTreeRegressor(max_depth=depth).fit(X, y)
    np.testing.assert_allclose([ask(tree, row) for row in X_new], library.predict(X_new), rtol=1e-6)


def test_grown_forest_on_the_package_s_bootstraps_equals_the_package(rows, fresh):
    X, y, X_new = rows
    grow, ask = lift("01", "grow"), lift("01", "ask")
    package = ensembles.RandomForestRegressor(8, max_depth=3, random_state=fresh).fit(X, y)
    trees = [grow(X[drawn], y[drawn], 3, 4, np.random.default_rng(0)) for drawn in package.estimators_samples_]
    by_hand = np.mean([[ask(tree, row) for row in X_new] for tree in trees], axis=0)
    np.testing.assert_allclose(by_hand, package.predict(X_new), rtol=1e-6)


def test_grown_tree_draws_features_anew_at_each_question(rows):
    X, y, _ = rows
    grow = lift("01", "grow")

    def asked(tree):
        return {tree[0], *asked(tree[2]), *asked(tree[3])} if isinstance(tree, tuple) else set()

    trees = [grow(X, y, 4, 1, np.random.default_rng(seed)) for seed in range(5)]
    assert all(len(asked(tree)) > 1 for tree in trees), "one draw for the whole tree would ask about one feature only"


@pytest.mark.parametrize("model", [LinearRegression(), DecisionTreeRegressor(max_depth=3)], ids=str)
def test_bagging_equals_the_package(rows, fresh, model):
    X, y, X_new = rows
    package = ensembles.BaggingRegressor(model, 12, random_state=fresh).fit(X, y)
    by_hand = lift("01", "bagging_predict")(model, X, y, X_new, package.estimators_samples_)
    np.testing.assert_allclose(by_hand, package.predict(X_new), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", [3, 25])
def test_out_of_bag_equals_the_package(rows, fresh, size):
    X, y, _ = rows
    package = ensembles.RandomForestRegressor(size, max_features=1 / 3, oob_score=True, random_state=fresh).fit(X, y)
    by_hand = lift("01", "oob_predict")(package.estimators_, package.estimators_samples_, X)
    np.testing.assert_allclose(by_hand, package.oob_prediction_, rtol=1e-12)
    assert np.isnan(by_hand).any() == (size == 3)


def test_bootstrap_draws_every_row_equally_often(rng):
    draw = lift("01", "bootstrap_indices")
    counts = np.bincount(np.concatenate([draw(20, rng) for _ in range(5000)]), minlength=20)
    assert len(counts) == 20
    assert counts == pytest.approx(np.full(20, 5000), rel=0.1)


def test_time_split_equals_scikit_learn_with_a_gap():
    ahead, rows = 20, 240
    ((train, test),) = list(TimeSeriesSplit(n_splits=2, gap=ahead - 1).split(np.zeros(rows)))[1:]
    ours, later = lift("01", "time_split")(np.arange(rows), test[0], ahead)
    np.testing.assert_array_equal(np.flatnonzero(ours), train)
    np.testing.assert_array_equal(np.flatnonzero(later), test)


def test_permutation_importance_agrees_with_scikit_learn(rows):
    X, y, _ = rows
    model = ensembles.RandomForestRegressor(10, random_state=0).fit(X, y)
    importance = lift("01", "permutation_importance")
    ours = [importance(model, X, y, np.random.default_rng(seed)) for seed in range(30)]
    library = inspection.permutation_importance(
        model, X, y, n_repeats=30, random_state=0, scoring="neg_mean_squared_error"
    )
    tolerance = 5 * (np.std(ours, axis=0) + library.importances_std) / np.sqrt(30) + 1e-9
    assert (np.abs(np.mean(ours, axis=0) - library.importances_mean) < tolerance).all()


def test_running_error_ends_at_the_whole_forest(rows):
    X, y, X_new = rows
    forest = ensembles.RandomForestRegressor(10, oob_score=True, random_state=0).fit(X, y)
    running, truth = lift("01", "running_error"), np.zeros(len(X_new))
    assert running(forest, X_new, truth)[-1] == pytest.approx(np.sqrt(np.mean(forest.predict(X_new) ** 2)))
    missed = np.array([~np.isin(np.arange(len(X)), drawn) for drawn in forest.estimators_samples_])
    expected = np.sqrt(np.nanmean((forest.oob_prediction_ - y) ** 2))
    assert running(forest, X, y, missed)[-1] == pytest.approx(expected)
