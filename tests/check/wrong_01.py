"""Wrong answers to the exercises of lesson 01, and a part of the message that each must get."""

import numpy as np
from sklearn.base import clone


def without_replacement(n, rng):
    return rng.permutation(n)


def up_to_n(n, rng):
    return rng.integers(0, n + 1, size=n)


def never_the_last(n, rng):
    return rng.integers(0, n - 1, size=n)


def own_generator(n, rng):
    return np.random.default_rng(0).integers(0, n, size=n)


def global_generator(n, rng):
    return np.random.randint(0, n, size=n)  # noqa: NPY002


def half_the_rows(n, rng):
    return rng.integers(0, n, size=n // 2)


def all_rows_every_time(model, X, y, X_new, samples):
    return np.mean([clone(model).fit(X, y).predict(X_new) for _ in samples], axis=0)


def no_clone(model, X, y, X_new, samples):
    members = [model.fit(X[rows], y[rows]) for rows in samples]
    return np.mean([member.predict(X_new) for member in members], axis=0)


def sum_only(model, X, y, X_new, samples):
    return sum(clone(model).fit(X[rows], y[rows]).predict(X_new) for rows in samples)


def answers_left_behind(model, X, y, X_new, samples):
    return np.mean([clone(model).fit(X[rows], y).predict(X_new) for rows in samples], axis=0)


def no_average(model, X, y, X_new, samples):
    return [clone(model).fit(X[rows], y[rows]).predict(X_new) for rows in samples]


def one_big_sample(model, X, y, X_new, samples):
    rows = np.concatenate(samples)
    return clone(model).fit(X[rows], y[rows]).predict(X_new)


def uses_the_given_model(model, X, y, X_new, samples):
    return np.mean([model.fit(X[rows], y[rows]).predict(X_new) for rows in samples], axis=0)


def _average(trees, samples, X, chosen, divide=True, empty=np.nan):
    total, count = np.zeros(len(X)), np.zeros(len(X))
    for tree, rows in zip(trees, samples, strict=True):
        use = chosen(rows, len(X))
        total[use] += tree.predict(X[use])
        count[use] += 1
    if not divide:
        return total
    return np.where(count > 0, total / np.maximum(count, 1), empty)


def _missed(rows, n):
    return ~np.isin(np.arange(n), rows)


def in_bag(trees, samples, X):
    return _average(trees, samples, X, lambda rows, n: np.isin(np.arange(n), rows))


def all_trees(trees, samples, X):
    return np.mean([tree.predict(X) for tree in trees], axis=0)


def over_all_trees(trees, samples, X):
    return _average(trees, samples, X, _missed, divide=False) / len(trees)


def zero_for_nobody(trees, samples, X):
    return _average(trees, samples, X, _missed, empty=0)


def not_divided(trees, samples, X):
    return _average(trees, samples, X, _missed, divide=False)


def no_gap(day, border, ahead):
    return day <= border - 1, day >= border


def off_by_one(day, border, ahead):
    return day + ahead < border, day >= border


def test_before_the_border(day, border, ahead):
    return day + ahead <= border, day > border - ahead


def gap_on_both_sides(day, border, ahead):
    return day + ahead <= border, day >= border + ahead


def test_a_day_late(day, border, ahead):
    return day + ahead <= border, day > border


def row_numbers(day, border, ahead):
    return np.flatnonzero(day + ahead <= border), np.flatnonzero(day >= border)


def day_by_place(day, border, ahead):
    place = np.arange(len(day))
    return place + ahead <= border, place >= border


def _mse(model, X, y):
    return np.mean((y - model.predict(X)) ** 2)


def in_place(model, X, y, rng):
    base, rise = _mse(model, X, y), []
    for j in range(X.shape[1]):
        X[:, j] = rng.permutation(X[:, j])
        rise.append(_mse(model, X, y) - base)
    return np.array(rise)


def copied_once(model, X, y, rng):
    return in_place(model, X.copy(), y, rng)


def whole_rows(model, X, y, rng):
    return np.array([_mse(model, rng.permutation(X), y) - _mse(model, X, y) for _ in range(X.shape[1])])


def _one_column(model, X, y, rng, score):
    found = []
    for j in range(X.shape[1]):
        other = X.copy()
        other[:, j] = rng.permutation(X[:, j])
        found.append(score(model, other, y))
    return np.array(found)


def sign_turned(model, X, y, rng):
    return _mse(model, X, y) - _one_column(model, X, y, rng, _mse)


def no_base(model, X, y, rng):
    return _one_column(model, X, y, rng, _mse)


def root_of_it(model, X, y, rng):
    return _one_column(model, X, y, rng, lambda *a: _mse(*a) ** 0.5) - _mse(model, X, y) ** 0.5


def retrained(model, X, y, rng):
    def score(model, X, y):
        return _mse(clone(model).fit(X, y), X, y)

    return _one_column(model, X, y, rng, score) - _mse(model, X, y)


def fitted_in_place(model, X, y, rng):
    return _one_column(model, X, y, rng, lambda m, X, y: _mse(m.fit(X, y), X, y)) - _mse(model, X, y)


def column_of_means(model, X, y, rng):
    found = []
    for j in range(X.shape[1]):
        other = X.copy()
        other[:, j] = other[:, j].mean()
        found.append(_mse(model, other, y) - _mse(model, X, y))
    return np.array(found)


def shuffled_copy_forgotten(model, X, y, rng):
    return np.array([_mse(model, X, y) - _mse(model, X, y) for _ in range(X.shape[1])])


WRONG = {
    "1.1": [
        (without_replacement, "without replacement"),
        (up_to_n, "the last row number is 4999"),
        (never_the_last, "for n = 3 only the rows [0, 1] ever turn up"),
        (own_generator, "do not make your own"),
        (global_generator, "gave two samples"),
        (half_the_rows, "a sample is as large as the data"),
    ],
    "1.2": [
        (all_rows_every_time, "one model on all rows"),
        (no_clone, "Use clone"),
        (sum_only, "divide by their number"),
        (answers_left_behind, "not those of y"),
        (no_average, "average over the members"),
        (one_big_sample, "all samples together"),
        (uses_the_given_model, "leave it alone"),
    ],
    "1.3": [
        (in_bag, "the trees that saw the row"),
        (all_trees, "all trees for every row"),
        (over_all_trees, "divided by the number of all trees"),
        (zero_for_nobody, "must be np.nan"),
        (not_divided, "sum of the honest forecasts"),
    ],
    "1.4": [
        (no_gap, "reaches to day 79"),
        (off_by_one, "row of day 40 has its whole answer by day 60"),
        (test_before_the_border, "in the past"),
        (gap_on_both_sides, "no second gap"),
        (test_a_day_late, "row of day 60 has its whole answer after day 60"),
        (row_numbers, "one entry a row"),
        (day_by_place, "row i is not day i"),
    ],
    "1.5": [
        (in_place, "X came back changed"),
        (copied_once, "stay shuffled"),
        (whole_rows, "one column at a time"),
        (sign_turned, "the sign is turned"),
        (no_base, "subtract the error"),
        (root_of_it, "rise of the root"),
        (shuffled_copy_forgotten, "nothing got worse"),
        (retrained, "a clone has forgotten"),
        (fitted_in_place, "use it as it is"),
        (column_of_means, "a constant column"),
    ],
}
