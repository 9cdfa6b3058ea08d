"""Checks of lesson 10: shrunken means, imputation, modality dropout, product of experts, gradient balancing."""

import math

import numpy as np
import torch

from mmcourse.check.engine import close, exercise, require
from mmcourse.check.tensors import need_tensor


def _random(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _tensor(answer, shape, dtype=None):
    need_tensor(answer, shape, "the result")
    if dtype is not None:
        require(answer.dtype == dtype, f"the result should be a tensor of {dtype}, not {answer.dtype}")


@exercise("10.1")
def ex10_1(shrunken_means):
    """Means of groups, shrunk towards zero."""
    values, group = _random(40, seed=101) + 0.7, torch.arange(40) ** 2 % 7
    group = torch.where(group == 4, 5, group)  # groups 3, 4, 6 and 7 are empty
    total = torch.zeros(8).index_add_(0, group, values)
    count = torch.bincount(group, minlength=8)
    answer = shrunken_means(values.clone(), group.clone(), 8, 3)
    require(np.shape(answer) != (int(group.max()) + 1,), "empty groups at the end count too: pass minlength=groups")
    require(np.shape(answer) != (40,), "return one number a group, not one a value")
    _tensor(answer, (8,))
    nan = "a group without values gives NaN or infinity; with strength in the denominator it is 0 / strength"
    require(bool(answer.isfinite().all()), nan)
    mistakes = {
        "this is the plain mean of each group; add strength to the count": total / count.clamp(min=1),
        "these are the sums; divide by count + strength": total,
        "you divided by the number of groups; divide by each group's own count + strength": total / (8 + 3),
        "you divided by the strength alone; add each group's count": total / 3,
        "you multiplied by the strength; it goes to the denominator, beside the count": total
        / (count * 3).clamp(min=1),
        "the number in each group is counted once too often or too seldom; divide by count + strength": total
        / (count + 3 + 1),
        "you took the strength away from the count; add it": total / (count - 3),
        "every group got the same number; keep the groups apart": (values.sum() / (40 + 3)).expand(8),
    }
    for message, wrong in mistakes.items():
        require(not close(answer, wrong, tol=1e-5), message)
    expected = total / (count + 3)
    require(close(answer, expected, tol=1e-5), "not sum / (count + strength) of each group, for 40 random values")
    half = shrunken_means(values.clone(), group.clone(), 8, 0.5)
    require(
        close(half, total / (count + 0.5), tol=1e-5), "with strength 0.5 the result is wrong; use strength as it is"
    )


@exercise("10.2")
def ex10_2(impute):
    """Fill absent rows with the mean of the training rows."""
    train, test = _random(7, 3, seed=102) + 2, _random(5, 3, seed=103) - 1
    train[[1, 4]] = torch.nan
    test[[0, 3]] = torch.nan
    given = train.clone(), test.clone()
    answer = impute(*given)
    require(isinstance(answer, tuple | list) and len(answer) == 2, "return two tensors: train, test")
    for now, before in zip(given, (train, test), strict=True):
        require(torch.equal(now.isnan(), before.isnan()), "you changed an input in place; work on a copy")
    names, mean = ("train", "test"), train.nanmean(0)
    for name, filled, x in zip(names, answer, (train, test), strict=True):
        _tensor(filled, tuple(x.shape))
        require(not bool(filled.isnan().any()), f"{name} still holds NaN; torch.nanmean skips it, torch.mean does not")
        rows = x[:, 0].isnan()
        require(close(filled[~rows], x[~rows]), f"you changed rows of {name} that were there")
        found = filled[rows]
        if name == "test":
            require(
                not close(found, test.nanmean(0).expand(2, 3)), "the mean of the test rows filled test; use training's"
            )
        both = torch.cat([train, test]).nanmean(0).expand(2, 3)
        require(not close(found, both), "test rows went into the mean; use the training rows only")
        require(not bool((found == 0).all()), "you filled with zeros; fill with the mean of the training rows")
        zeros = train.nan_to_num().mean(0).expand(2, 3)
        require(not close(found, zeros), "absent rows went into the mean as zeros; average the present rows only")
        require(not close(found, train.nanmedian(0).values.expand(2, 3)), "this is the median; take the mean")
        one = "you filled all columns with one number; each column has its own mean"
        require(not close(found, torch.full((2, 3), float(train.nanmean()))), one)
        require(
            close(found, mean.expand(2, 3)), f"the filled rows of {name} are not the mean of the present training rows"
        )


@exercise("10.3")
def ex10_3(drop_modalities):
    """Hide modalities at random, never the last one."""
    generator = torch.Generator().manual_seed(104)
    present = torch.rand(3, 30000, generator=generator) < 0.7
    given = present.clone()
    answer = drop_modalities(given, 0.4)
    require(torch.equal(given, present), "you changed `present` in place; work on a copy")
    _tensor(answer, (3, 30000), torch.bool)
    require(not bool((answer & ~present).any()), "something absent became present; combine with `present`")
    some = present.any(0)
    require(not torch.equal(answer, present), "nothing was hidden at p = 0.4")
    left = answer.any(0)
    require(not bool((some & ~left).any()), "some items lost everything; the last present modality must stay")
    full = present.all(0)
    kept = answer[:, full].float()
    require(kept.std(1).min() > 0, "you hide the same modality in every item; draw for each item on its own")
    together = (kept.sum(0) == 3) | (kept.sum(0) == 1)
    require(not bool(together.all()), "all modalities of an item go together; draw for each modality on its own")
    # with three present and p = 0.4: all hidden has probability 0.064, and then one of the three comes back
    expected, found = 0.6 + 0.4**3 / 3, kept.mean(1)
    swapped = (0.4 + 0.6**3 / 3, 0.4 + (1 - 0.4**3) / 3)  # the one brought back: only if needed, or the luckiest always
    for other in swapped:
        require(
            not bool((found - other).abs().max() < 0.04), "you hide with probability 1 - p; hide with probability p"
        )
    whole = "when all would be hidden you give the whole item back; bring back one modality, picked at random"
    require(abs(float(found.mean()) - 0.6 - 0.4**3) > 0.015, whole)
    require(found.max() - found.min() < 0.03, "one modality is spared more often than others; the one kept must vary")
    require(
        (found - expected).abs().max() < 0.04,
        f"about {expected:.2f} of the entries should stay, it is {found.mean():.2f}",
    )
    high = drop_modalities(present.clone(), 0.95)
    count = high[:, full].float().sum(0)
    require(count.mean() < 1.4, "at p = 0.95 most items should keep just one modality")
    require(high[:, full].float().mean(1).min() > 0.2, "the one kept at p = 0.95 must not always be the same")
    require(torch.equal(drop_modalities(present.clone(), 0.0), present), "at p = 0 nothing is hidden")


@exercise("10.4")
def ex10_4(product_of_experts):
    """The mean of a product of Gaussians with a standard normal prior."""
    means, logs = _random(3, 6, 2, seed=105), _random(3, 6, 2, seed=106)
    present = torch.tensor([[1, 0, 1, 0, 1, 0], [1, 1, 0, 0, 0, 0], [1, 1, 0, 1, 1, 0]], dtype=torch.bool)
    here = present[..., None]
    precision = torch.where(here, logs.exp(), 0.0)
    total, summed = precision.sum(0), (precision * means).sum(0)
    answer = product_of_experts(means.clone(), logs.clone(), present.clone())
    require(np.shape(answer) != (3, 6, 2), "sum over the experts, the first axis: (M, B, d) becomes (B, d)")
    _tensor(answer, (6, 2))
    everyone = (logs.exp() * means).sum(0) / (1 + logs.exp().sum(0))
    variance = torch.where(here, (-logs).exp(), 0.0)
    mistakes = {
        "absent experts still count; give them precision 0": everyone,
        "the prior is missing: add 1 to the sum of the precisions": summed / total.clamp(min=1e-12),
        "you used the logarithms as precisions; take their exponentials": torch.where(here, logs * means, 0.0).sum(0)
        / (1 + torch.where(here, logs, 0.0).sum(0)),
        "these are variances: the weight of an expert is its precision, exp(log_precisions)": (variance * means).sum(0)
        / (1 + variance.sum(0)),
        "this is the sum; divide by 1 + the sum of the precisions": summed,
        "you added the prior once for each expert; it is there once": summed / (3 + total),
        "this is the plain mean of the present experts; weigh by precision": torch.where(here, means, 0.0).sum(0)
        / present.sum(0)[:, None].clamp(min=1),
        "an absent expert counts with precision 1: exp(0) is 1, so choose after the exponential": summed
        / (1 + total + (~present).sum(0)[:, None]),
        "you added an expert's own mean for the prior; the prior's mean is 0": (summed + means.mean(0)) / (1 + total),
    }
    for message, wrong in mistakes.items():
        require(not close(answer, wrong, tol=1e-5), message)
    require(bool(answer.isfinite().all()), "the result is not finite where no expert is present; there it is 0")
    require(close(answer, summed / (1 + total), tol=1e-5), "not the mean of the product, for three random experts")
    hole = torch.where(here, 0.0, torch.nan)
    for odd in ((means + hole, logs), (means, logs + hole), (means + hole, logs + hole)):
        said = product_of_experts(*odd, present.clone())
        nan = "NaN in an absent expert's place reaches the result; choose with torch.where, 0 times NaN is NaN"
        require(close(said, summed / (1 + total), tol=1e-5), nan)


def _factors(rho, alpha=0.8):
    return {name: 1 - math.tanh(alpha * r) if r > 1 else 1.0 for name, r in rho.items()}


def _wrong_factors(scores, rest):
    rho = {name: scores[name] / rest[name] for name in scores}
    every, right = {n: 1 - math.tanh(0.8 * r) for n, r in rho.items()}, _factors(rho)
    best = {n: max(v for m, v in scores.items() if m != n) for n in scores}
    lead = {n: 1 - math.tanh(0.8 * max(0.0, r - 1)) for n, r in rho.items()}
    return {
        "those behind are slowed down, too; with rho at most 1 the factor is 1": every,
        "you divided by the mean of all scores; leave the own score out": _factors(
            {n: 3 * v / 1.6 for n, v in scores.items()}
        ),
        "you divided by the sum of the others, not by their mean": _factors({n: r / 2 for n, r in rho.items()}),
        "rho is upside down: a leader's score stands above the fraction line": _factors(
            {n: 1 / r for n, r in rho.items()}
        ),
        "you left out alpha": _factors(rho, alpha=1.0),
        "return 1 - tanh(...), so that a leader gets less": {n: 1 - v if v < 1 else v for n, v in right.items()},
        "with rho at most 1 the factor is 1, not 0": {n: v if v < 1 else 0.0 for n, v in right.items()},
        "the formula has tanh(alpha * rho), not tanh(alpha * (rho - 1))": lead,
        "divide by the best of the others? The formula takes their mean": _factors(
            {n: scores[n] / best[n] for n in scores}
        ),
    }


@exercise("10.5")
def ex10_5(balance):
    """Factors that slow down the leading modality."""
    scores = {"a": 0.9, "b": 0.3, "c": 0.4}
    rest = {"a": 0.35, "b": 0.65, "c": 0.6}
    given = dict(scores)
    answer = balance(given, 0.8)
    require(given == scores, "you changed `scores`; make a new dict")
    require(isinstance(answer, dict) and set(answer) == set(scores), "return a dict with the same names")
    found = {name: float(value) for name, value in answer.items()}

    def same(other):
        return all(abs(found[name] - other[name]) < 1e-4 for name in scores)

    for message, wrong in _wrong_factors(scores, rest).items():
        require(not same(wrong), message)
    expected = _factors({name: scores[name] / rest[name] for name in scores})
    told = f"expected {expected['a']:.3f} for scores 0.9, 0.3, 0.4 and alpha 0.8, got {found['a']:.3f}"
    require(same(expected), told)
    two = balance({"x": 0.6, "y": 0.4}, 1)
    require(abs(float(two["x"]) - 0.0949) < 1e-3 and float(two["y"]) == 1, "scores 0.6 and 0.4, alpha 1: 0.095 and 1")
    equal = balance({"x": 0.3, "y": 0.3}, 2)
    require(all(abs(float(value) - 1) < 1e-6 for value in equal.values()), "equal scores must leave all factors at 1")
