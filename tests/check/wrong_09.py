"""Wrong answers to the exercises of lesson 09, each with part of the message it must get."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from sklearn.base import clone
from torch.nn import functional


def _top(p):
    return (p == p.amax(-1, keepdim=True)).to(p.dtype)


def argmax_takes_the_first(p):
    return functional.one_hot(p.argmax(-1), p.shape[-1]).to(p.dtype).mean(0)


def whole_votes(p):
    return _top(p).mean(0)


def votes_not_divided(p):
    return (_top(p) / _top(p).sum(-1, keepdim=True)).sum(0)


def average(p):
    return p.mean(0)


def winner_only(p):
    return p.argmax(-1).mode(0).values


def winner_takes_all(p):
    votes = (_top(p) / _top(p).sum(-1, keepdim=True)).sum(0)
    return functional.one_hot(votes.argmax(-1), p.shape[-1]).to(p.dtype)


def votes_in_numpy(p):
    return votes_not_divided(p).numpy() / len(p)


def scaled_after_adding(p):
    return _top(p).sum(0) / _top(p).sum((0, 2))[:, None]


def _parts(p, target, bins):
    sure, said = p.max(-1)
    bin_of = (sure * bins).long().clamp(max=bins - 1)
    rows = [bin_of == b for b in range(bins) if (bin_of == b).any()]
    right = (said == target).double()
    return [(r.double().mean().item(), sure[r].mean().item(), right[r].mean().item()) for r in rows]


def plain_mean(p, target, bins=10):
    return float(np.mean([abs(s - r) for _, s, r in _parts(p, target, bins)]))


def plain_sum(p, target, bins=10):
    return float(np.sum([abs(s - r) for _, s, r in _parts(p, target, bins)]))


def signed(p, target, bins=10):
    return sum(n * (s - r) for n, s, r in _parts(p, target, bins))


def absolute_at_the_end(p, target, bins=10):
    return abs(-signed(p, target, bins))


def squared(p, target, bins=10):
    return sum(n * (s - r) ** 2 for n, s, r in _parts(p, target, bins))


def largest(p, target, bins=10):
    return max(abs(s - r) for _, s, r in _parts(p, target, bins))


def counted(p, target, bins=10):
    return sum(len(p) * n * abs(s - r) for n, s, r in _parts(p, target, bins))


def always_right(p, target, bins=10):
    return sum(n * abs(s - r) for n, s, r in _parts(p, p.argmax(-1), bins))


def true_class(p, target, bins=10):
    own = p[torch.arange(len(p)), target]
    pairs = torch.stack([own, 1 - own], 1)
    return sum(n * abs(s - r) for n, s, r in _parts(pairs, torch.zeros(len(p), dtype=torch.long), bins))


def loses_the_certain(p, target, bins=10):
    keep = p.amax(-1) < 1
    return sum(n * keep.double().mean().item() * abs(s - r) for n, s, r in _parts(p[keep], target[keep], bins))


def always_ten(p, target, bins=10):
    return sum(n * abs(s - r) for n, s, r in _parts(p, target, 10))


def empty_bins(p, target, bins=10):
    sure, said = p.max(-1)
    total = 0.0
    for b in range(bins):
        rows = ((sure * bins).long() == b) & (sure < 0.9)
        total += rows.double().mean().item() * abs(sure[rows].mean() - (said == target)[rows].double().mean()).item()
    return total


def one_a_bin(p, target, bins=10):
    return np.array([abs(s - r) for _, s, r in _parts(p, target, bins)])


def _loss(p, target, a):
    return functional.cross_entropy(p.clamp(min=1e-12).log() / np.exp(a), target).item()


def _search(loss):
    widest = np.log(50)
    return minimize_scalar(loss, bounds=(-widest, widest), method="bounded").x


def logarithm(p, target):
    return float(_search(lambda a: _loss(p, target, a)))


def inverse(p, target):
    return float(np.exp(-_search(lambda a: _loss(p, target, a))))


def wrong_sign(p, target):
    grid = np.geomspace(1 / 50, 50, 100)
    return float(grid[np.argmax([_loss(p, target, np.log(t)) for t in grid])])


def unchanged(p, target):
    return 1.0


def only_upwards(p, target):
    return float(np.exp(minimize_scalar(lambda a: _loss(p, target, a), bounds=(0, 4), method="bounded").x))


def coarse(p, target):
    grid = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 12.5, 20, 50]
    return float(grid[np.argmin([_loss(p, target, np.log(t)) for t in grid])])


def without_the_floor(p, target):
    def loss(a):
        scores = torch.nan_to_num(p.log() / np.exp(a), neginf=-1e30)
        return functional.cross_entropy(scores, target).item()

    return float(np.exp(_search(loss)))


def whole_curve(p, target):
    return np.array([_loss(p, target, a) for a in (-1, 0, 1)])


def fitted_on_all(model, X, y, groups, folds):
    return clone(model).fit(X, y).predict_proba(X)


def predicts_the_training_rows(model, X, y, groups, folds):
    out = np.zeros((len(y), 2))
    for train, _ in folds.split(X, y, groups):
        out[train] = clone(model).fit(X[train], y[train]).predict_proba(X[train])
    return out


def fitted_on_the_test_rows(model, X, y, groups, folds):
    out = np.zeros((len(y), 2))
    for _, test in folds.split(X, y, groups):
        out[test] = clone(model).fit(X[test], y[test]).predict_proba(X[test])
    return out


def exchanged(model, X, y, groups, folds):
    out = np.zeros((len(y), 2))
    for train, test in folds.split(X, y, groups):
        out[train] = clone(model).fit(X[test], y[test]).predict_proba(X[train])
    return out


def in_the_order_of_the_folds(model, X, y, groups, folds):
    rows = [clone(model).fit(X[a], y[a]).predict_proba(X[b]) for a, b in folds.split(X, y, groups)]
    return np.vstack(rows)


def classes_only(model, X, y, groups, folds):
    out = np.zeros((len(y), 2))
    for train, test in folds.split(X, y, groups):
        out[test] = np.eye(2)[clone(model).fit(X[train], y[train]).predict(X[test])]
    return out


def major_only(model, X, y, groups, folds):
    return _right(clone(model), X, y, groups, folds)[:, 1]


def _right(model, X, y, groups, folds):
    out = np.zeros((len(y), 2))
    for train, test in folds.split(X, y, groups):
        out[test] = model.fit(X[train], y[train]).predict_proba(X[test])
    return out


def without_groups(model, X, y, groups, folds):
    return _right(clone(model), X, y, None, folds)


def fits_the_model_itself(model, X, y, groups, folds):
    return _right(model, X, y, groups, folds)


WRONG = {
    "9.1": [
        (argmax_takes_the_first, "argmax gives it all"),
        (whole_votes, "one vote, to be shared"),
        (votes_not_divided, "do not sum to 1"),
        (average, "count votes"),
        (winner_only, "not the winner"),
        (winner_takes_all, "share of votes of every class"),
        (votes_in_numpy, "torch tensor"),
        (scaled_after_adding, "votes twice"),
    ],
    "9.2": [
        (plain_mean, "you took the plain mean"),
        (plain_sum, "this is a sum over the bins"),
        (signed, "too sure and not sure enough cancel"),
        (squared, "you squared"),
        (largest, "largest distance"),
        (counted, "divide by all items"),
        (always_right, "always equal to itself"),
        (true_class, "not that of the true class"),
        (loses_the_certain, "sureness 1 fell out"),
        (always_ten, "use `bins`"),
        (empty_bins, "not finite"),
        (one_a_bin, "return one number"),
    ],
    "9.3": [
        (logarithm, "return its exp"),
        (inverse, "this is 1 / T"),
        (wrong_sign, "the sign is wrong"),
        (unchanged, "leaves the model as it is"),
        (only_upwards, "search the whole range"),
        (coarse, "finely enough"),
        (without_the_floor, "1e-12"),
        (whole_curve, "return one number"),
    ],
    "9.4": [
        (fitted_on_all, "fitted on all rows"),
        (predicts_the_training_rows, "predict rows that the copy was fitted on"),
        (fitted_on_the_test_rows, "the very rows you predict"),
        (exchanged, "exchange them"),
        (in_the_order_of_the_folds, "in the order of the folds"),
        (classes_only, "use predict_proba"),
        (major_only, "both classes"),
        (without_groups, "hand `groups`"),
        (fits_the_model_itself, "fit a clone"),
    ],
}
