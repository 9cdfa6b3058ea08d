"""Checks of lesson 01: bootstrap, bagging, out of bag, split by time, permutation importance."""

import numpy as np

from mmcourse.check.engine import Mistake, close, exercise, require


def _explain(answer, expected, mistakes, otherwise, tol=1e-8):
    """Pass if `answer` is `expected`; else name the mistake that gives it."""
    if close(answer, expected, tol):
        return
    for message, value in mistakes.items():
        require(not close(answer, value, tol), message)
    require(False, otherwise)


@exercise("1.1")
def ex1_1(bootstrap_indices):
    """Bootstrap: n row numbers drawn with replacement."""
    n = 5000
    drawn = np.asarray(bootstrap_indices(n, np.random.default_rng(0)))
    require(drawn.shape == (n,), f"for n = {n} you returned shape {drawn.shape}; a sample is as large as the data")
    require(drawn.dtype.kind in "iu", f"row numbers are whole numbers, yours are of type {drawn.dtype}")
    require(drawn.max() < n, f"with {n} rows the last row number is {n - 1}, and you drew {drawn.max()}")
    require(drawn.min() >= 0, "you drew a negative row number")
    require(len(set(drawn)) < n, "every row turns up exactly once: you drew without replacement")
    share = len(set(drawn)) / n
    require(0.6 < share < 0.67, f"{share:.0%} of the rows turn up; drawing each row independently gives about 63 %")
    again = bootstrap_indices(n, np.random.default_rng(0))
    require(np.array_equal(drawn, again), "the same generator state gave two samples: draw from `rng`, nothing else")
    other = bootstrap_indices(n, np.random.default_rng(1))
    require(
        not np.array_equal(drawn, other), "every generator gives the same sample: draw from `rng`, do not make your own"
    )
    small = np.concatenate([bootstrap_indices(3, np.random.default_rng(seed)) for seed in range(200)])
    require(
        set(small) == {0, 1, 2}, f"for n = 3 only the rows {sorted(set(small.tolist()))} ever turn up; 0, 1, 2 should"
    )


@exercise("1.2")
def ex1_2(bagging_predict):
    """Bagging: the average forecast of clones fitted on the samples."""
    from sklearn.tree import DecisionTreeRegressor

    rng = np.random.default_rng(12)
    X, y, X_new = rng.normal(size=(60, 3)), rng.normal(size=60), rng.normal(size=(25, 3))
    samples, model = list(rng.integers(0, 60, size=(4, 60))), DecisionTreeRegressor(max_depth=3, random_state=0)

    def fitted(X, y):
        return DecisionTreeRegressor(max_depth=3, random_state=0).fit(X, y).predict(X_new)

    members = np.array([fitted(X[rows], y[rows]) for rows in samples])
    mistakes = {
        "this is the forecast of one model on all rows; fit each member on its own rows": fitted(X, y),
        "this is the last member's forecast; are all members one object, fitted again and again? Use clone": members[
            -1
        ],
        "this is the sum of the members; divide by their number": members.sum(axis=0),
        "this is the median of the members; bagging takes the mean": np.median(members, axis=0),
        "you drew the rows of X but not those of y, so the answers belong to other rows": np.mean(
            [fitted(X[rows], y) for rows in samples], axis=0
        ),
        "this is one model fitted on all samples together; fit one model a sample": fitted(
            X[np.concatenate(samples)], y[np.concatenate(samples)]
        ),
    }
    answer = bagging_predict(model, X.copy(), y.copy(), X_new.copy(), samples)
    require(np.shape(answer) != members.shape, "you returned every member's forecast; average over the members")
    require(np.shape(answer) != members.T.shape, "you returned every member's forecast; average over the members")
    _explain(answer, members.mean(axis=0), mistakes, "this is not the average forecast of the four members")
    require(not hasattr(model, "tree_"), "you fitted the model you were given; fit clones and leave it alone")


class _Constant:
    """A stand-in for a tree: forecasts its own number everywhere, and refuses to judge nothing."""

    def __init__(self, value):
        self.value = value

    def predict(self, X):
        return np.full(len(X), self.value)


@exercise("1.3")
def ex1_3(oob_predict):
    """Out of bag: for each row, the average of the trees that missed it."""
    samples = [np.array([0, 0, 1, 2, 5]), np.array([1, 2, 3, 5, 5]), np.array([2, 4, 4, 0, 5])]
    trees = [_Constant(value) for value in (1.0, 2.0, 4.0)]
    missed = np.array([[row not in rows for row in range(6)] for rows in samples])
    values, count = np.array([1.0, 2.0, 4.0]), missed.sum(axis=0)
    expected = np.where(count > 0, values @ missed / np.maximum(count, 1), np.nan)
    answer = np.asarray(oob_predict(trees, samples, np.arange(12.0).reshape(6, 2)), dtype=float)
    unseen, seen = values @ missed, (~missed).sum(axis=0)
    gap = "rows that every tree saw have no out-of-bag forecast: they must be np.nan"
    mistakes = {
        "you averaged the trees that saw the row; take those that missed it": values @ ~missed / np.maximum(seen, 1),
        "you averaged all trees for every row; leave out those that saw it": np.full(6, values.mean()),
        "you divided by the number of all trees; divide by how many missed the row": unseen / 3,
        "this is the sum of the honest forecasts; divide by how many there are": unseen,
    }
    for message, value in mistakes.items():
        for without in (value, np.where(count > 0, value, np.nan)):
            require(answer.shape != (6,) or not np.allclose(answer, without, equal_nan=True), message)
    known = count > 0
    if answer.shape == (6,) and np.allclose(answer[known], expected[known]):
        require(np.isnan(answer[~known]).all(), gap)
    require(close(answer, expected), "rows 0 to 5 should get " + ", ".join(f"{value:.3g}" for value in expected))


@exercise("1.4")
def ex1_4(time_split):
    """Split by time: answers end before the border, or begin after it."""
    day = np.random.default_rng(14).permutation(100)
    border, ahead = 60, 20
    result = time_split(day.copy(), border, ahead)
    require(
        isinstance(result, tuple | list) and len(result) == 2, "return two arrays: rows to train on, rows to test on"
    )
    train, test = map(np.asarray, result)
    for name, part in (("train", train), ("test", test)):
        require(part.shape == day.shape, f"{name} has shape {part.shape}; it needs one entry a row: {day.shape}")
        require(part.dtype == bool, f"{name} is of type {part.dtype}; return True or False for each row")
    require(not (train & test).any(), "some rows are in both parts")
    place = np.arange(len(day))
    by_place = np.array_equal(train, place + ahead <= border) or np.array_equal(test, place >= border)
    require(not by_place, "row i is not day i: compare day[i], not the row number i, with the border")
    last = day[train].max(initial=-1)
    require(
        last + ahead <= border,
        f"a training row of day {last} has an answer that reaches to day {last + ahead}, beyond the border {border}",
    )
    first = day[test].min(initial=100)
    require(
        first >= border, f"a test row of day {first} has an answer that begins on or before day {border}, in the past"
    )
    require(
        last >= 0 and (day[train] < 40).sum() == 40, "you threw away rows whose answer is known well before the border"
    )
    require(
        last == border - ahead, f"a row of day {border - ahead} has its whole answer by day {border}: train on it too"
    )
    require(first < border + ahead, "test rows need no second gap: inputs may lie in the past, only answers may not")
    require(first == border, f"a row of day {border} has its whole answer after day {border}: test on it too")
    require(test.sum() == 40, "some rows after the border are missing from the test rows")


class _Linear:
    """A model with known importances: forecasts a fixed weighted sum of the columns."""

    weights = np.array([3.0, 0.0, -1.0])

    def predict(self, X):
        return np.asarray(X) @ self.weights

    def fit(self, *_):
        raise Mistake("you tried to train the model again; use it as it is and only forecast with it")

    def get_params(self, deep=True):  # what `clone` asks for
        raise Mistake("a clone has forgotten all it learned; take the model as it is and only forecast with it")


@exercise("1.5")
def ex1_5(permutation_importance):
    """Permutation importance: rise of squared error when one column is shuffled."""
    rng = np.random.default_rng(15)
    X, model = rng.normal(size=(4000, 3)), _Linear()
    y = model.predict(X) + rng.normal(size=4000)
    given = X.copy()
    answer = np.asarray(permutation_importance(model, given, y.copy(), np.random.default_rng(0)), dtype=float)
    require(answer.shape == (3,), f"for 3 columns you returned shape {answer.shape}; one number a column")
    require(np.array_equal(given, X), "X came back changed: shuffle a column of a copy, or later columns suffer too")
    expected = 2 * model.weights**2 * X.var(axis=0)  # a shuffled column differs by twice its variance
    require(np.abs(answer).max() > 0, "nothing got worse: is the shuffled column used for the forecast?")
    everything = expected.sum()
    require(
        not np.allclose(answer, -expected, rtol=0.2, atol=0.2),
        "the sign is turned: a rise of the error counts as positive",
    )
    base = np.mean((y - model.predict(X)) ** 2)
    require(not np.allclose(answer, expected + base, rtol=0.1, atol=0.1), "subtract the error on the unshuffled X")
    require(
        not np.allclose(answer, np.cumsum(expected), rtol=0.1),
        "columns shuffled earlier stay shuffled: copy X anew each time",
    )
    require(
        not np.allclose(answer, everything, rtol=0.15),
        "every column gets the same: shuffle one column at a time, not whole rows",
    )
    require(
        not np.allclose(answer, expected / 2, rtol=0.1, atol=0.1),
        "this is what a constant column costs; shuffle the column, so that its values stay and only their order goes",
    )
    rmse = np.sqrt(base + expected) - np.sqrt(base)
    require(
        not np.allclose(answer, rmse, rtol=0.1, atol=0.02),
        "this is the rise of the root; use the mean squared error itself",
    )
    require(abs(answer[1]) < 1e-9, f"the model ignores column 1, yet you give it {answer[1]:.3g}; it must be exactly 0")
    about = ", ".join(f"{value:.1f}" for value in expected)
    require(np.allclose(answer, expected, rtol=0.1, atol=0.1), f"about {about} was expected for three columns")
