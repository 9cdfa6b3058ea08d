"""Checks of lesson 09: vote, calibration error, temperature, out-of-fold predictions."""

import math

import numpy as np
import torch

from mmcourse.check.engine import close, exercise, require


def _opinions(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).softmax(-1)


def _refuse(answer, mistakes):
    """Name the mistake whose result the answer equals."""
    for message, value in mistakes.items():
        require(not close(answer, value), message)


@exercise("9.1")
def ex9_1(vote_decisions):
    """Votes; a tie shares."""
    p = _opinions(3, 6, 4, seed=91)
    p[0, 0] = torch.tensor([0.4, 0.4, 0.2, 0.0])
    p[1, 1] = 0.25
    given = p.clone()
    answer = vote_decisions(given)
    require(given.equal(p), "you changed the probabilities in place; work on a copy")
    require(isinstance(answer, torch.Tensor), f"return a torch tensor, not {type(answer).__name__}")
    require(tuple(answer.shape) != (6,), "return the share of each class, (B, K), not the winner")
    require(tuple(answer.shape) == (6, 4), f"3 models, 6 items and 4 classes give (6, 4), not {tuple(answer.shape)}")
    require(answer.is_floating_point(), "return shares as floats, so that a tie can give half a vote")
    top = (p == p.amax(-1, keepdim=True)).double()
    shared = top / top.sum(-1, keepdim=True)
    first = torch.nn.functional.one_hot(p.argmax(-1), 4).double()
    mistakes = {
        "a tie should share the vote; argmax gives it all to the first class": first.mean(0),
        "each tied class got a whole vote: a model has one vote, to be shared": top.mean(0),
        "the shares of a row do not sum to 1: divide votes by the number of models": shared.sum(0),
        "a model that ties votes twice: share its vote before you add the models": top.sum(0)
        / top.sum((0, 2))[:, None],
        "this is the average of the probabilities; count votes": p.mean(0),
        "you found the winner of each item; return the share of votes of every class": torch.nn.functional.one_hot(
            shared.sum(0).argmax(-1), 4
        ).double(),
    }
    _refuse(answer, mistakes)
    require(close(answer, shared.mean(0)), "not the shares of votes, for three models, two of which tie on an item")


def _bins(p, target, bins):
    sure, said = p.max(-1)
    right = (said == target).double()
    bin_of = (sure * bins).long().clamp(max=bins - 1)
    rows = [bin_of == b for b in range(bins) if (bin_of == b).any()]
    return [(r.double().mean().item(), sure[r].mean().item(), right[r].mean().item()) for r in rows]


@exercise("9.2")
def ex9_2(expected_calibration_error):
    """Weighted mean distance of sure and right."""
    p, target = _opinions(200, 3, seed=92), torch.arange(200) % 3
    p[:20] = torch.tensor([1.0, 0.0, 0.0])
    answer = expected_calibration_error(p.clone(), target.clone(), 7)
    require(np.shape(answer) == (), f"return one number, not something of shape {np.shape(answer)}")
    require(math.isfinite(answer), "the result is not finite; leave out empty bins, whose mean does not exist")
    found, said = _bins(p, target, 7), p.argmax(-1)
    gaps = [(n, s - r) for n, s, r in found]
    truth = sum(n * abs(s - r) for n, s, r in _bins(p, said, 7))
    probability = p[torch.arange(200), target]
    own = _bins(torch.stack([probability, 1 - probability], 1), torch.zeros(200, dtype=torch.long), 7)
    _refuse(
        answer,
        {
            "weigh each bin by its share of the items; you took the plain mean": np.mean([abs(g) for _, g in gaps]),
            "this is a sum over the bins; weigh each by its share of the items": sum(abs(g) for _, g in gaps),
            "too sure and not sure enough cancel; take the absolute value in each bin": sum(n * g for n, g in gaps),
            "you took the absolute value after the sum; take it in each bin": abs(sum(n * g for n, g in gaps)),
            "you squared the distance; take its absolute value": sum(n * g * g for n, g in gaps),
            "this is the largest distance; take the weighted mean": max(abs(g) for _, g in gaps),
            "you weighed by the number of items; divide by all items": 200 * sum(n * abs(g) for n, g in gaps),
            "compare the answer with the target; an answer is always equal to itself": truth,
            "sureness is the largest probability, not that of the true class": sum(n * abs(s - r) for n, s, r in own),
        },
    )
    inside = sum(n * abs(s - r) for n, s, r in _without_the_sure(p, target, 7))
    require(not close(answer, inside), "items of sureness 1 fell out; they belong to the last bin")
    require(not close(answer, sum(n * abs(g) for n, g in _ten(p, target))), "you always used ten bins; use `bins`")
    expected = sum(n * abs(g) for n, g in gaps)
    require(close(answer, expected), f"expected {expected:.4f} for 200 items in 7 bins, got {float(answer):.4f}")


def _without_the_sure(p, target, bins):
    keep = p.amax(-1) < 1
    return [(n * keep.double().mean().item(), s, r) for n, s, r in _bins(p[keep], target[keep], bins)]


def _ten(p, target):
    return [(n, s - r) for n, s, r in _bins(p, target, 10)]


def _model(temperature, seed):
    """2,000 items of a calibrated model, and the same after raising probabilities to the power `temperature`."""
    honest = _opinions(2000, 3, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    target = torch.multinomial(honest, 1, generator=generator)[:, 0]
    return (honest.log() * temperature).softmax(-1), target


@exercise("9.3")
def ex9_3(fit_temperature):
    """The temperature with the smallest log loss."""
    two, target = torch.tensor([[0.9, 0.1]] * 4, dtype=torch.float64), torch.tensor([0, 0, 0, 1])
    answer = fit_temperature(two.clone(), target.clone())
    require(np.shape(answer) == (), f"return one number, not something of shape {np.shape(answer)}")
    answer = float(answer)
    require(not close(answer, math.log(2), tol=0.02), "this is the logarithm of the temperature; return its exp")
    require(not close(answer, 0.5, tol=0.02), "this is 1 / T; a temperature above 1 makes a model milder")
    extreme = "you found an end of the range: the sign is wrong, make the log loss small"
    require(not (answer < 0.03 or answer > 49), extreme)
    require(not close(answer, 1, tol=0.02), "this leaves the model as it is; search for the temperature")
    require(close(answer, 2, tol=0.03), f"the example of the statement has temperature 2, you return {answer:.3f}")
    for temperature, seed in ((3.0, 93), (0.4, 95)):
        p, target = _model(temperature, seed)
        answer, best = float(fit_temperature(p.clone(), target.clone())), _best(p, target)
        message = f"for a model whose best temperature is {best:.2f} you return {answer:.2f}"
        require(abs(answer / best - 1) < 0.015, message + "; search the whole range from 1/50 to 50, finely enough")
    p = torch.tensor([[1.0, 0.0]] * 10, dtype=torch.float64)
    answer = float(fit_temperature(p, torch.tensor([0] * 9 + [1])))
    require(math.isfinite(answer) and 10 < answer < 16, "a probability of 0 must count as 1e-12")


def _best(p, target):
    from scipy.optimize import minimize_scalar

    logs, rows = p.clamp(min=1e-12).log(), torch.arange(len(target))
    loss = lambda power: -(logs * math.exp(-power)).log_softmax(-1)[rows, target].mean().item()  # noqa: E731
    return math.exp(minimize_scalar(loss, bounds=(-math.log(50), math.log(50)), method="bounded").x)


class _Thirds:
    """Three folds that are not in order, and a record of what was asked."""

    def __init__(self, n):
        self.rows, self.groups = np.random.default_rng(94).permutation(n), None

    def split(self, X, y=None, groups=None):
        self.groups = groups
        for test in np.array_split(self.rows, 3):
            yield np.setdiff1d(self.rows, test), test


def _fold_by_fold(model, X, y, learn, predict):
    """Predictions for the rows `predict` (0 train, 1 test) of copies fitted on the rows `learn` of each fold."""
    from sklearn.base import clone

    out, order = np.zeros((len(y), 2)), []
    for parts in _Thirds(len(y)).split(X):
        out[parts[predict]] = clone(model).fit(X[parts[learn]], y[parts[learn]]).predict_proba(X[parts[predict]])
        order.append(out[parts[predict]])
    return out, np.vstack(order)


@exercise("9.4")
def ex9_4(out_of_fold):
    """Each row's prediction comes from a model that has not seen it."""
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError
    from sklearn.naive_bayes import GaussianNB
    from sklearn.utils.validation import check_is_fitted

    rng = np.random.default_rng(96)
    X, y, groups = rng.normal(size=(40, 3)), np.arange(40) % 2, np.arange(40) // 2
    X[:, 0] += y
    folds, model = _Thirds(40), GaussianNB()
    answer = out_of_fold(model, X, y, groups, folds)
    require(np.shape(answer) != (40,), "return the probabilities of both classes, (N, 2)")
    require(np.shape(answer) == (40, 2), f"40 rows give (40, 2), not {np.shape(answer)}")
    outside, order = _fold_by_fold(model, X, y, 0, 1)
    _refuse(
        answer,
        {
            "you fitted on all rows; fit on the training rows of each fold": clone(model).fit(X, y).predict_proba(X),
            "you predict rows that the copy was fitted on; predict the test rows": _fold_by_fold(model, X, y, 0, 0)[0],
            "you fitted on the very rows you predict; fit on the training rows": _fold_by_fold(model, X, y, 1, 1)[0],
            "you fit on the test rows and predict the training rows; exchange them": _fold_by_fold(model, X, y, 1, 0)[
                0
            ],
            "the rows are in the order of the folds; put each fold's predictions at its own rows": order,
        },
    )
    hard = np.eye(2)[outside.argmax(1)]
    require(not close(answer, hard), "these are 0 and 1; use predict_proba, so that sureness is not lost")
    require(close(answer, outside), "not the out-of-fold probabilities of three folds")
    require(folds.groups is not None, "hand `groups` to folds.split, or relatives fall on both sides")
    try:
        check_is_fitted(model)
    except NotFittedError:
        return
    require(False, "you fitted the model you were given; fit a clone of it")
