"""Checks of lesson 07: product of decisions, the loss of exponents, a cascade, hierarchical fusion."""

import numpy as np
import torch
from torch import nn

from mmcourse.check.engine import close, exercise, require
from mmcourse.fusion import ConcatFusion


def _opinions(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).softmax(-1)


@exercise("7.1")
def ex7_1(product_decisions):
    """Product of decisions in logarithms."""
    p = _opinions(3, 4, 5, seed=71)
    answer = product_decisions(p.clone())
    require(isinstance(answer, torch.Tensor), f"return a torch tensor, not {type(answer).__name__}")
    raw, logs = p.prod(0), p.log()
    require(np.shape(answer) != p.shape, "multiply over the models, the first axis: (M, B, K) becomes (B, K)")
    require(not close(answer, raw), "the rows do not sum to 1; scale them after multiplying")
    require(not close(answer, logs.sum(0)), "these are logarithms; go back with softmax")
    require(not close(answer, logs.sum(0).log_softmax(-1)), "these are logarithms; take exponentials at the end")
    mean = "you averaged the logarithms, so 500 models say no more than one; add them"
    require(not close(answer, logs.mean(0).softmax(-1)), mean)
    require(not close(answer, p.mean(0)), "this is the average of the decisions, not their product")
    plain = "you added probabilities inside the softmax; add their logarithms"
    require(not close(answer, p.sum(0).softmax(-1)), plain)
    items = "you scaled over the items; scale over the classes, the last axis"
    require(not any(close(answer, wrong) for wrong in (raw / raw.sum(0), logs.sum(0).softmax(0))), items)
    require(not close(answer, raw / raw.sum()), "you scaled all items together; each item's row sums to 1 on its own")
    require(close(answer, raw / raw.sum(-1, keepdim=True)), "not the scaled product, for three random models")
    many = _opinions(1, 2, 10, seed=72).float().expand(500, 2, 10)
    answer = product_decisions(many.clone())
    small = "with 500 models the product underflows to 0; work with logarithms"
    require(bool(torch.as_tensor(answer).isfinite().all()), small)
    require(close(answer, (500 * many[0].double().log()).softmax(-1), tol=1e-3), small)
    certain = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
    answer = product_decisions(certain)
    zero = "a probability of 0 must count as 1e-12: two certain models that contradict each other give one half each"
    require(bool(torch.as_tensor(answer).isfinite().all()) and close(answer, [[0.5, 0.5, 0.0]], tol=1e-3), zero)


def _surprise(scores, target):
    """Minus the log-probability of each item's true class."""
    return -scores.log_softmax(-1)[torch.arange(len(target)), target]


def _wrong_losses(weights, p, target):
    """What plausible mistakes give for each item, by the message they get."""
    rows = torch.arange(len(target))
    scores = torch.einsum("m,mnk->nk", weights, p.log())

    def surprise(values):
        return _surprise(values, target)

    mixture = torch.einsum("m,mnk->nk", weights, p)
    return {
        "you left out the scaling: each item's row must sum to 1 before you take its logarithm": -scores[rows, target],
        "you weighed the probabilities; put the weights on the logarithms": -(
            (mixture / mixture.sum(-1, keepdim=True)).log()[rows, target]
        ),
        "a weight multiplies the logarithm; you divided by it, as a temperature does": surprise(
            (p.log() / weights[:, None, None]).sum(0)
        ),
        "you scaled the weights to sum to 1; use them as they are": surprise(scores / weights.sum()),
        "you took the softmax of weights; use them as they are": surprise(
            torch.einsum("m,mnk->nk", weights.softmax(0), p.log())
        ),
        "you averaged over the models; the product adds their logarithms": surprise(scores / 3),
        "cross_entropy takes scores; you gave it probabilities, and it applies softmax again": surprise(
            scores.softmax(-1)
        ),
        "the sign is wrong: a loss is small when the true class is likely": -surprise(scores),
        "this is the loss without weights": surprise(p.log().sum(0)),
    }


@exercise("7.2")
def ex7_2(weights_loss):
    """Minus the mean log-likelihood of a product with exponents."""
    p, target = _opinions(3, 6, 4, seed=73), torch.tensor([0, 3, 1, 2, 2, 0])
    weights = torch.tensor([0.4, 1.7, 2.2], dtype=torch.float64)
    expected = _surprise(torch.einsum("m,mnk->nk", weights, p.log()), target)
    learnable = weights.clone().requires_grad_()
    answer = weights_loss(learnable, p.clone(), target.clone())
    require(np.shape(answer) != (6,), "return one number, the mean over the items")
    require(not close(answer, expected.sum()), "you summed over the items; take their mean")
    for message, value in _wrong_losses(weights, p, target).items():
        require(not close(answer, value.mean()), message)
    close_enough = close(answer, expected.mean())
    require(
        close_enough,
        f"expected {expected.mean():.4f} for three random models, got {np.asarray(torch.as_tensor(answer).detach()):.4f}",
    )
    require(isinstance(answer, torch.Tensor) and answer.requires_grad, "no gradient flows back; stay within torch")
    answer.backward()
    require(learnable.grad is not None, "no gradient flows to the weights; use the tensor you were given")


@exercise("7.3")
def ex7_3(cascade):
    """Ask a second model only where the first is unsure."""
    first, second = _opinions(40, 4, seed=74), _opinions(40, 4, seed=75)
    sure, threshold = first.amax(-1), float(first.amax(-1).median())  # the median is one item's: it is sure enough
    given = first.clone(), second.clone()
    answer = cascade(*given, threshold)
    require(given[0].equal(first) and given[1].equal(second), "you changed an input in place; work on a copy")
    require(
        isinstance(answer, tuple | list) and len(answer) == 2, "return two things: the probabilities, and who asked"
    )
    fused, asked = answer
    require(np.shape(asked) == (40,), f"`asked` should have shape (40,) for 40 items, it has {np.shape(asked)}")
    asked = torch.as_tensor(asked)
    require(asked.dtype == torch.bool, f"`asked` should be a tensor of bool, not {asked.dtype}")
    expected = sure < threshold
    require(not asked.equal(~expected), "you ask where the first is sure; ask where it is not")
    border = "an item exactly at the threshold is sure enough: do not ask"
    require(not asked.equal(sure <= threshold), border)
    require(not asked.equal(second.amax(-1) < threshold), "look at how sure the first model is, not the second")
    require(not asked.equal(first[:, 0] < threshold), "look at the largest probability of each row, not the first")
    if asked.all():  # a threshold below 1 / K tells the mean of a row from its smallest probability
        low = torch.as_tensor(cascade(first.clone(), second.clone(), 0.2)[1])
        some = "every row has some small probability; look at the largest"
        require(not low.equal((first < 0.2).any(-1)), f"you ask for every item; {some}")
        average = "a row's mean is always 1 / K; look at its largest probability"
        require(low.any(), f"you ask for every item; {average}")
    require(asked.equal(expected), "`asked` is not True exactly where the largest of `first` is below the threshold")
    _check_rows(fused, first, second, expected[:, None])


def _check_rows(fused, first, second, condition):
    product = first * second
    scaled = product / product.sum(-1, keepdim=True)
    mistakes = {
        "where you ask, multiply both rows; you took the second model's alone": torch.where(condition, second, first),
        "the rows you multiplied do not sum to 1; scale them": torch.where(condition, product, first),
        "where you ask, multiply the rows; you averaged them": torch.where(condition, (first + second) / 2, first),
        "you multiplied for every item; a sure item keeps the row of `first`": scaled,
        "you exchanged the two: the sure items keep their row": torch.where(condition, first, scaled),
    }
    for message, value in mistakes.items():
        require(not close(fused, value), message)
    asked = condition[:, 0]
    totals = {
        "you scaled all rows together; each row sums to 1 on its own": [product.sum()],
        "you scaled the asked rows together; each row sums to 1 on its own": [product[asked].sum()],
        "you scaled down the columns; scale over the classes, the last axis": [product.sum(0), product[asked].sum(0)],
    }
    for message, divisors in totals.items():
        wrong = [close(fused, torch.where(condition, product / total, first)) for total in divisors]
        require(not any(wrong), message)
    require(close(fused, torch.where(condition, scaled, first)), "the rows are not those of `first`, or of the product")


def _hierarchical_by_hand(dims, hidden, classes):
    joined = 2 * hidden * hidden + hidden
    return sum((d + 1) * hidden for d in dims.values()) + 2 * joined + (hidden + 1) * classes


@exercise("7.4")
def ex7_4(Hierarchical):
    """Sound and change first, then the picture."""
    dims = {"image": 6, "sound": 5, "change": 4}
    model = Hierarchical(dims, hidden=7, classes=3)
    require(isinstance(model, nn.Module), "make it a torch module: class Hierarchical(nn.Module)")
    generator = torch.Generator().manual_seed(76)
    x = {name: torch.randn(8, d, generator=generator) for name, d in dims.items()}
    scores = model({name: t.clone() for name, t in x.items()})
    require(
        np.shape(scores) == (8, 3), f"forward should return (8, 3) for 8 items and 3 classes, not {np.shape(scores)}"
    )
    require(not close(scores.detach().sum(-1), torch.ones(8), tol=1e-4), "return scores; leave the softmax to the loss")
    for name in dims:
        changed = model(x | {name: x[name] + 1})
        require(
            not close(changed.detach(), scores.detach(), tol=1e-6),
            f"what {name!r} holds changes nothing: it is left out",
        )
    count, expected = sum(p.numel() for p in model.parameters()), _hierarchical_by_hand(dims, 7, 3)
    flat = sum((d + 1) * 7 for d in dims.values()) + (3 * 7 + 1) * 7 + 8 * 3
    require(count != flat, "you fuse all three at once; let sound and change meet first")
    require(count == expected, _missing(count, expected))
    _check_order(model, x)


def _missing(count, expected):
    return (
        f"with dims 6, 5, 4, hidden 7 and 3 classes it should have {expected} parameters, it has {count}; "
        "if some are missing, look for layers in a plain list or dict (use nn.ModuleDict)"
    )


def _check_order(model, x):
    """The first fusion must not see the picture, and a ReLU stands before each fusion and before the scores."""
    seen, entered = [], []

    def watch(module, inputs):
        values = inputs[0].values() if isinstance(inputs[0], dict) else [inputs[0]]
        entered.append(any(bool((value < 0).any()) for value in values))
        if isinstance(module, ConcatFusion):
            seen.append(set(inputs[0]))

    layers = [m for m in model.modules() if isinstance(m, ConcatFusion)]
    layers += [m for m in model.children() if isinstance(m, nn.Linear)]
    hooks = [layer.register_forward_pre_hook(watch) for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()
    require(len(seen) == 2, f"use two fusion.ConcatFusion blocks; forward ran {len(seen)}")
    image = "the picture is already in the first fusion; let sound and change meet before"
    require("image" not in seen[0], image)
    places = (
        "in the encoders",
        "after the first fusion: two in a row without it are one linear layer",
        "before the scores",
    )
    for place, negative in zip(places, entered, strict=False):
        require(not negative, f"a ReLU is missing {place}")
