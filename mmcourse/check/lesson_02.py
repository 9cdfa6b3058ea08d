"""Checks of lesson 02, Stacking."""

from itertools import pairwise

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from mmcourse.check.engine import close, exercise, require


class Witness(ClassifierMixin, BaseEstimator):
    """A critic whose opinion on a row depends on the rows it learned from, and shows when the row was among them.

    Its rows are numbers, one column. Opinion on a row it learned from: its label, to the last digit.
    """

    def __init__(self, heard=None):
        self.heard = heard  # a list that collects (rows learned from, rows asked about)

    def __sklearn_clone__(self):
        return Witness(self.heard)

    def __deepcopy__(self, memo):
        return Witness(self.heard)

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        self.labels_ = dict(zip(np.ravel(X).tolist(), np.asarray(y).tolist(), strict=True))
        return self

    def predict_proba(self, X):
        rows = np.ravel(X).tolist()
        if self.heard is not None:
            self.heard.append((set(self.labels_), set(rows)))
        near = [sum(y / (1 + abs(r - row)) for r, y in self.labels_.items()) for row in rows]
        far = [sum(1 / (1 + abs(r - row)) for r in self.labels_) for row in rows]
        p = 0.05 + 0.9 * np.divide(near, far)
        p = np.array([self.labels_.get(row, value) for row, value in zip(rows, p, strict=True)], dtype=float)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def _rows(n=30, seed=0):
    """Rows, labels and five shuffled folds."""
    rng = np.random.default_rng(seed)
    parts = np.array_split(rng.permutation(n), 5)
    folds = [(np.setdiff1d(np.arange(n), part), part) for part in parts]
    return np.arange(n, dtype=float)[:, None], rng.integers(0, 2, n), folds


def _opinions(model, X, y, folds):
    """Out-of-fold probabilities of class 1."""
    found = np.empty(len(y))
    for learn, ask in folds:
        found[ask] = clone(model).fit(X[learn], y[learn]).predict_proba(X[ask])[:, 1]
    return found


@exercise("2.1")
def ex2_1(out_of_fold):
    """Opinions on every row from copies of the model that did not learn from it."""
    X, y, folds = _rows()
    expected, heard = _opinions(Witness(), X, y, folds), []
    answer = out_of_fold(Witness(heard), X, y, folds)
    learned_its_own = any(learned & asked for learned, asked in heard)
    require(not learned_its_own, "you asked a model about rows it had learned from; learn from the other folds only")
    require(np.size(answer) > 0, "your result is empty")
    right = close(answer, expected)
    swapped = _opinions(Witness(), X, y, [pair[::-1] for pair in folds])
    by_fold = np.concatenate([expected[ask] for _, ask in folds])
    require(
        right or not close(answer, swapped), "each copy learned from the rows it should be asked about: swap the two"
    )
    require(right or not close(answer, by_fold), "right numbers, wrong places: they stand in the order of the folds")
    require(right or not close(answer, 1 - expected), "that is the probability of class 0; take the other column")
    require(right or not close(answer, expected > 0.5), "you return labels; the judge needs probabilities")
    require(right, "some opinions are not what a copy that learned from `learn` says about `ask`")


@exercise("2.2")
def ex2_2(stacked):
    """Critics, a judge that learns from honest opinions, and a verdict on new rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB

    X, y, folds = _rows(60, seed=1)
    X_new, heard = X[::2] + 0.5, []
    models, judge = [Witness(heard), GaussianNB()], LogisticRegression()
    answer = _call_stacked(stacked, models, judge, X, y, X_new, folds)
    require(answer is not None, "your result is None; does your function end with `return`?")
    new = set(np.ravel(X_new).tolist())
    outside = np.column_stack([clone(m).fit(X, y).predict_proba(X_new)[:, 1] for m in [Witness(), GaussianNB()]])
    asked_new = [len(learned) for learned, asked in heard if asked & new]
    require(asked_new, "no critic was asked about X_new")
    for_judge = [(learned, asked) for learned, asked in heard if not asked & new]
    leaky = any(learned & asked for learned, asked in for_judge)
    require(not leaky, "the judge learned from homework: opinions on rows the critics had learned from")
    few = min(asked_new)
    require(
        few == len(y), f"a critic that judges X_new learned from {few} of {len(y)} rows; let it learn from all first"
    )
    inside = np.column_stack([_opinions(m, X, y, folds) for m in (Witness(), GaussianNB())])
    expected = LogisticRegression().fit(inside, y).predict_proba(outside)[:, 1]
    right = close(answer, expected)
    require(right or not close(answer, outside.mean(axis=1)), "that is the plain average; the judge should weigh them")
    votes = LogisticRegression().fit(inside > 0.5, y)
    voted = [votes.predict_proba(outside > 0.5)[:, 1], votes.predict_proba(outside)[:, 1]]
    require(right or not any(close(answer, v) for v in voted), "the judge heard votes; give it probabilities")
    require(right or not close(answer, 1 - expected), "that is the probability of class 0; take the other column")
    require(right or not close(answer, expected > 0.5), "you return labels; return the probability of class 1")
    require(right, "the verdicts differ from a judge trained on out-of-fold opinions of these critics")


def _call_stacked(stacked, models, *others):
    """Call the learner's function; name the two usual misreadings of its arguments."""
    try:
        return stacked(models, *others)
    except (AttributeError, TypeError) as error:
        text = str(error)
        no_dict = "'list' object has no attribute" in text and any(
            f"'{a}'" in text for a in ("items", "keys", "values")
        )
        require(
            not no_dict, "models is a plain list of models here, not a dict: go through it with `for model in models`"
        )
        pairs = "'list' object has no attribute 'split'" in text
        require(not pairs, "folds is a list of pairs (learn, ask) already, as in 2.1; it has no split")
        named = "Witness" in text and ("unpack" in text or "subscriptable" in text)
        require(not named, "models is a list of models without names: `for model in models`, not `for name, model`")
        raise


@exercise("2.3")
def ex2_3(error_correlation):
    """Correlation of the critics' mistakes."""
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 200)
    trap = rng.normal(size=200)
    opinions = 1 / (1 + np.exp(-(2 * y[:, None] - 1 + trap[:, None] * [1.5, 1.5, 0] + rng.normal(size=(200, 3)))))
    mistakes = ((opinions > 0.5) != (y[:, None] == 1)).astype(float)
    expected = np.corrcoef(mistakes, rowvar=False)
    answer = error_correlation(opinions, y)
    require(
        np.shape(answer) != (200, 200), "you correlate texts with texts; the critics are the columns (rowvar=False)"
    )
    right = close(answer, expected)
    others = {
        "you correlate opinions; critics who are right together correlate too: correlate mistakes": opinions,
        "you correlate verdicts, right ones included: correlate mistakes": opinions > 0.5,
        "you correlate how far opinions lie from the truth; a mistake is a yes or a no": np.abs(y[:, None] - opinions),
        "you correlate residuals with their sign; a mistake is a yes or a no": y[:, None] - opinions,
    }
    for message, columns in others.items():
        require(right or not close(answer, np.corrcoef(columns.astype(float), rowvar=False)), message)
    shares = mistakes.T @ mistakes / len(y)
    require(
        right or not close(answer, shares),
        "that is how often two are wrong together; a correlation has ones on its diagonal",
    )
    agree = (mistakes[:, :, None] == mistakes[:, None, :]).mean(axis=0)
    require(
        right or not close(answer, agree), "that is how often two agree; two good critics agree even if independent"
    )
    require(right or not close(answer, np.cov(mistakes, rowvar=False)), "that is the covariance; divide by the spreads")
    require(right, "the table differs from the correlations of the mistakes")


@exercise("2.4")
def ex2_4(forward_chain):
    """Blocks of days, each asked about by models that learned from the days before a gap."""
    days = np.random.default_rng(3).permutation(np.repeat(np.arange(0, 120, 5), 3))
    turns = _turns(forward_chain(days, 4, 20), days)
    blocks = np.array_split(np.unique(days), 4)
    future = any(len(learn) and len(ask) and learn.max() > ask.max() for learn, ask in turns)
    require(not future, "a model learns from days after those it is asked about: that is the future")
    count = f"4 blocks give 3 turns, you return {len(turns)}; only the first block is not asked about"
    require(len(turns) == 3, count)
    straddle = any(set(a) & set(b) for (_, a), (_, b) in pairwise(turns))
    straddle = straddle or any(set(learn) & set(ask) for learn, ask in turns)
    require(not straddle, "rows of one day fall into different parts; cut the days, not the rows")
    for (learn, ask), block in zip(turns, blocks[1:], strict=True):
        require(set(block) <= set(ask), "some days of a block are not asked about; the gap is taken from the past")
        require(len(learn) > 0, "a turn has no rows to learn from")
        near = f"day {learn.max()} is learned from and day {ask.min()} asked about, but the gap is 20 days"
        require(learn.max() + 20 <= ask.min(), near)
        due = np.sort(days[days + 20 <= block[0]])
        short = set(due) - set(learn) == {block[0] - 20}
        require(not short, f"day {block[0] - 20} is exactly 20 days before day {block[0]}: it may be learned from")
        past = "a model should learn from the whole past before the gap, not from a part of it"
        require(set(due) == set(learn), past)
        require(np.array_equal(np.sort(learn), due), "some rows to learn from are missing or stand there twice")
        require(len(ask) == np.isin(days, block).sum(), "some rows of a block are missing or stand there twice")
    (_, _), (learn, _) = _turns(forward_chain(np.arange(12), 3, 2), np.arange(12))
    require(set(learn) == set(range(7)), "with days 0 to 11, 3 blocks and a gap of 2, turn 2 learns from rows 0 to 6")


def _turns(answer, days):
    """Days learned from and days asked about, for each turn."""
    form = "return a list of pairs (learn, ask) of row numbers"
    require(hasattr(answer, "__iter__"), form)
    pairs = list(answer)
    require(pairs and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs), form)
    parts = [[np.asarray(part) for part in pair] for pair in pairs]
    masks = any(part.dtype == bool for pair in parts for part in pair)
    require(not masks, "you return True and False a row; np.flatnonzero turns them into row numbers")
    require(all(part.ndim == 1 for pair in parts for part in pair), form)
    return [tuple(days[part.astype(int)] for part in pair) for pair in parts]
