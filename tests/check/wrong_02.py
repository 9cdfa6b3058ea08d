"""Plausible wrong answers to the exercises of lesson 02, each with part of the message it must get."""

from itertools import pairwise

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict


def learns_from_everything(model, X, y, folds):
    opinions = np.empty(len(y))
    fitted = clone(model).fit(X, y)
    for _, ask in folds:
        opinions[ask] = fitted.predict_proba(X[ask])[:, 1]
    return opinions


def learn_and_ask_swapped(model, X, y, folds):
    opinions = np.empty(len(y))
    for ask, learn in folds:
        opinions[ask] = clone(model).fit(X[learn], y[learn]).predict_proba(X[ask])[:, 1]
    return opinions


def in_the_order_of_the_folds(model, X, y, folds):
    return np.concatenate([clone(model).fit(X[a], y[a]).predict_proba(X[b])[:, 1] for a, b in folds])


def first_column(model, X, y, folds):
    return cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 0]


def labels_instead(model, X, y, folds):
    return cross_val_predict(model, X, y, cv=folds)


def all_columns(model, X, y, folds):
    return cross_val_predict(model, X, y, cv=folds, method="predict_proba")


def leaky_judge(models, judge, X, y, X_new, folds):
    fitted = [clone(model).fit(X, y) for model in models]
    inside = np.column_stack([model.predict_proba(X)[:, 1] for model in fitted])
    outside = np.column_stack([model.predict_proba(X_new)[:, 1] for model in fitted])
    return clone(judge).fit(inside, y).predict_proba(outside)[:, 1]


def _inside(models, X, y, folds, method="predict_proba"):
    found = [cross_val_predict(model, X, y, cv=folds, method=method) for model in models]
    return np.column_stack([column if column.ndim == 1 else column[:, 1] for column in found])


def never_learns_again(models, judge, X, y, X_new, folds):
    learn, _ = folds[-1]
    outside = np.column_stack([clone(m).fit(X[learn], y[learn]).predict_proba(X_new)[:, 1] for m in models])
    return clone(judge).fit(_inside(models, X, y, folds), y).predict_proba(outside)[:, 1]


def _outside(models, X, y, X_new):
    return np.column_stack([clone(model).fit(X, y).predict_proba(X_new)[:, 1] for model in models])


def averages(models, judge, X, y, X_new, folds):
    return _outside(models, X, y, X_new).mean(axis=1)


def votes(models, judge, X, y, X_new, folds):
    fitted = clone(judge).fit(_inside(models, X, y, folds, "predict"), y)
    return fitted.predict_proba(_outside(models, X, y, X_new) > 0.5)[:, 1]


def judge_gives_labels(models, judge, X, y, X_new, folds):
    return clone(judge).fit(_inside(models, X, y, folds), y).predict(_outside(models, X, y, X_new))


def asks_only_about_old_rows(models, judge, X, y, X_new, folds):
    inside = _inside(models, X, y, folds)
    return clone(judge).fit(inside, y).predict_proba(inside)[:, 1]


def takes_a_dict(models, judge, X, y, X_new, folds):
    return votes(list(models.values()), judge, X, y, X_new, folds)


def takes_named_pairs(models, judge, X, y, X_new, folds):
    return votes([model for _, model in models], judge, X, y, X_new, folds)


def splits_the_folds(models, judge, X, y, X_new, folds):
    return votes(models, judge, X, y, X_new, list(folds.split(X, y)))


def _wrong(probabilities, y):
    return ((probabilities > 0.5) != (y[:, None] == 1)).astype(float)


def correlates_opinions(probabilities, y):
    return np.corrcoef(probabilities, rowvar=False)


def correlates_verdicts(probabilities, y):
    return np.corrcoef((probabilities > 0.5).astype(float), rowvar=False)


def correlates_distances(probabilities, y):
    return np.corrcoef(np.abs(probabilities - y[:, None]), rowvar=False)


def correlates_residuals(probabilities, y):
    return np.corrcoef(probabilities - y[:, None], rowvar=False)


def rows_as_variables(probabilities, y):
    return np.corrcoef(_wrong(probabilities, y))


def wrong_together(probabilities, y):
    return _wrong(probabilities, y).T @ _wrong(probabilities, y) / len(y)


def covariance(probabilities, y):
    return np.cov(_wrong(probabilities, y), rowvar=False)


def _rows(days, chosen):
    return np.flatnonzero(np.isin(days, chosen))


def learns_from_the_future(days, n_blocks, gap):
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(np.flatnonzero(~np.isin(days, block)), _rows(days, block)) for block in blocks[1:]]


def no_gap(days, n_blocks, gap):
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(np.flatnonzero(days < block[0]), _rows(days, block)) for block in blocks[1:]]


def only_the_block_before(days, n_blocks, gap):
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(_rows(days, before[before + gap <= block[0]]), _rows(days, block)) for before, block in pairwise(blocks)]


def gap_cut_from_the_block(days, n_blocks, gap):
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(np.flatnonzero(days < b[0]), _rows(days, b[b >= b[0] + gap - 5])) for b in blocks[1:]]


def cuts_rows(days, n_blocks, gap):
    order = np.argsort(days, kind="stable")
    blocks = np.array_split(order, n_blocks + 1)[1:]
    return [(np.flatnonzero(days + gap <= days[block[0]]), block) for block in blocks[:3]]


def one_day_short(days, n_blocks, gap):
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(np.flatnonzero(days + gap < block[0]), _rows(days, block)) for block in blocks[1:]]


def masks(days, n_blocks, gap):
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(days + gap <= block[0], np.isin(days, block)) for block in blocks[1:]]


def asks_about_the_first_block_too(days, n_blocks, gap):
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(np.flatnonzero(days + gap <= block[0]), _rows(days, block)) for block in blocks]


WRONG = {
    "2.1": [
        (learns_from_everything, "rows it had learned from"),
        (learn_and_ask_swapped, "swap the two"),
        (in_the_order_of_the_folds, "order of the folds"),
        (first_column, "probability of class 0"),
        (labels_instead, "you return labels"),
        (all_columns, "shape (30, 2)"),
    ],
    "2.2": [
        (leaky_judge, "homework"),
        (never_learns_again, "let it learn from all"),
        (averages, "plain average"),
        (votes, "heard votes"),
        (judge_gives_labels, "return the probability"),
        (asks_only_about_old_rows, "no critic was asked about X_new"),
        (takes_a_dict, "not a dict"),
        (takes_named_pairs, "without names"),
        (splits_the_folds, "it has no split"),
    ],
    "2.3": [
        (correlates_opinions, "you correlate opinions"),
        (correlates_verdicts, "right ones included"),
        (correlates_distances, "how far opinions lie"),
        (correlates_residuals, "residuals with their sign"),
        (rows_as_variables, "texts with texts"),
        (wrong_together, "wrong together"),
        (covariance, "covariance"),
    ],
    "2.4": [
        (learns_from_the_future, "that is the future"),
        (no_gap, "the gap is 20 days"),
        (only_the_block_before, "whole past"),
        (gap_cut_from_the_block, "taken from the past"),
        (cuts_rows, "cut the days, not the rows"),
        (one_day_short, "it may be learned from"),
        (masks, "True and False"),
        (asks_about_the_first_block_too, "only the first block"),
    ],
}
