"""Checks of lesson 13: cosines, InfoNCE, the step with the clamp, recall with several right answers, zero-shot."""

import math

import torch
from torch import nn
from torch.nn import functional

from mmcourse import alignment
from mmcourse.check.engine import Mistake, close, exercise, require
from mmcourse.check.tensors import need_tensor, randn


def _unit(x, dim=1):
    return functional.normalize(x, dim=dim)


@exercise("13.1")
def ex13_1(similarities):
    """Scale rows to length 1, then one matrix product."""
    a, b = 3 * randn(4, 6, seed=1), 2 * randn(5, 6, seed=2) + 1
    given = a.clone(), b.clone()
    answer = similarities(*given)
    require(given[0].equal(a) and given[1].equal(b), "you changed `a` or `b`; make new tensors")
    if isinstance(answer, torch.Tensor):
        require(answer.shape != (5, 4), "rows belong to `a` and columns to `b`; yours are turned")
    need_tensor(answer, (4, 5), "the answer for 4 and 5 vectors")
    mistakes = {
        "these are dot products: scale the rows to length 1 first": a @ b.T,
        "`b` is not scaled to length 1": _unit(a) @ b.T,
        "`a` is not scaled to length 1": a @ _unit(b).T,
        "you scaled the columns; scale each row (one vector) to length 1": _unit(a, 0) @ _unit(b, 0).T,
        "you divided by one length of the whole matrix; each row has its own": a @ b.T / a.norm() / b.norm(),
        "these are distances; cosines are asked for": torch.cdist(_unit(a), _unit(b)),
        "you divided by the squared lengths": a @ b.T / a.square().sum(1, keepdim=True) / b.square().sum(1),
        "you divided by the sum of the numbers; the length is the root of the sum of squares": (
            (a / a.sum(1, keepdim=True)) @ (b / b.sum(1, keepdim=True)).T
        ),
        "you subtracted the means: these are correlations, not cosines": (
            _unit(a - a.mean(1, keepdim=True)) @ _unit(b - b.mean(1, keepdim=True)).T
        ),
    }
    for message, value in mistakes.items():
        require(not close(answer, value), message)
    require(close(answer, _unit(a) @ _unit(b).T), "not the cosine of each row of `a` with each row of `b`")


@exercise("13.2")
def ex13_2(info_nce):
    """Cross-entropy of the scaled matrix, along rows and down columns."""
    a, b = 3 * randn(6, 4, seed=3), 2 * randn(6, 4, seed=4)
    scale = torch.tensor(math.log(5.0), dtype=torch.float64)
    leaves = [x.clone().requires_grad_() for x in (a, b, scale)]
    answer = info_nce(*leaves)
    need_tensor(answer, (), "the loss")
    for message, value in _info_nce_mistakes(a, b, scale).items():
        require(not close(answer.detach(), value), message)
    require(close(answer.detach(), alignment.info_nce(a, b, scale)), "not the mean of the two cross-entropies")
    require(answer.requires_grad, "no gradient flows back; stay within torch, without .item() or detach")
    answer.backward()
    expected = [x.clone().requires_grad_() for x in (a, b, scale)]
    alignment.info_nce(*expected).backward()
    same = all(x.grad is not None and close(x.grad, y.grad) for x, y in zip(leaves, expected, strict=True))
    require(same, "the value is right, but the gradient is not: all of a, b and logit_scale must get theirs")


def _info_nce_mistakes(a, b, scale):
    cosines, right, s = _unit(a) @ _unit(b).T, torch.arange(len(a)), scale.exp()

    def loss(logits, turned=None):
        turned = logits.T if turned is None else turned
        return (functional.cross_entropy(logits, right) + functional.cross_entropy(turned, right)) / 2

    rows, columns = functional.cross_entropy(s * cosines, right), functional.cross_entropy(s * cosines.T, right)
    return {
        "the vectors are not scaled to length 1": loss(s * a @ b.T),
        "you left out the scale": loss(cosines),
        "logit_scale is the logarithm of s: take its exp": loss(scale * cosines),
        "you divided by s; multiply (1/s is the temperature)": loss(cosines / s),
        "only the rows are asked (which text?); ask the columns too (which picture?)": rows,
        "only the columns are asked (which picture?); ask the rows too (which text?)": columns,
        "you added the two directions; take their mean": rows + columns,
        "you summed over the batch; take the mean": loss(s * cosines) * len(a),
        "the sign is turned: a loss falls when the diagonal wins": -loss(s * cosines),
        "that is the mean cosine of the pairs; the other pairs of the batch must count too": -cosines.diag().mean(),
        "you left the diagonal out of the sum below the fraction; it is one of the B answers": _without(s * cosines),
    }


def _without(logits):
    off = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool), -torch.inf)
    return ((off.logsumexp(1) + off.logsumexp(0)) / 2 - logits.diag()).mean()


@exercise("13.3")
def ex13_3(training_step):
    """Clear, backward, step, clamp in place."""
    top = math.log(100)
    for start, slope, end in (
        (150.0, 1.0, top),
        (4.5, -1.0, top),
        (2.0, -1.0, 2.5),
        (2.0, 1.0, 1.5),
        (-3.0, 1.0, -3.5),
    ):
        scale, weight = nn.Parameter(torch.tensor(start)), nn.Parameter(torch.tensor(1.0))
        scale.grad, weight.grad = torch.tensor(7.0), torch.tensor(7.0)  # left over from the step before
        optimizer = torch.optim.SGD([scale, weight], lr=0.5)
        answer = _step(training_step, slope * scale + 2 * weight, optimizer, scale)
        require(answer is None, "return nothing: everything happens in place")
        require(not close(weight.item(), 1.0), "the weights did not move; call optimizer.step() after backward()")
        require(not close(weight.item(), 1 - 0.5 * 9), "the old gradients were added to the new: clear them first")
        require(not close(weight.item(), 1 - 0.5 * 7), "you stepped before backward, along the old gradients")
        require(close(weight.item(), 0.0), "the weights did not move by one plain step of the optimizer")
        value = scale.item()
        require(not close(value, 100.0), "clamp logit_scale to log 100: it holds the logarithm of s, not s")
        require(not (end == top and value > 4.7), "the scale left the step above log 100: clamp it after the step")
        reached = start - 0.5 * slope
        clamped_early = close(value, min(start, top) - 0.5 * slope) and reached != end
        require(not clamped_early, "clamp after the step, not before it")
        require(not (end < 0 and close(value, 0.0, 1e-3)), "there is no lower limit; clamp from above only")
        require(close(value, end, 1e-4), f"logit_scale should end at {end:.4f}, it is {value:.4f}")
        require(scale.requires_grad and optimizer.param_groups[0]["params"][0] is scale, "it is not the same parameter")


def _step(training_step, *arguments):
    try:
        return training_step(*arguments)
    except RuntimeError as error:
        if "in-place" not in str(error):
            raise
        raise Mistake("torch refuses to change a parameter while it records: clamp under torch.no_grad()") from error


@exercise("13.4")
def ex13_4(recall):
    """At least one right answer among the first k."""
    similarity = randn(7, 9, seed=5)
    right = randn(7, 9, seed=6) > 0.6
    right[torch.arange(7), (torch.arange(7) * 2) % 9] = True
    given = similarity.clone(), right.clone()
    order = similarity.argsort(dim=1, descending=True)
    ranked = right.gather(1, order)
    sizes, values = (1, 2, 4, 9), []
    for k in sizes:
        answer = recall(given[0], k, given[1])
        require(given[0].equal(similarity) and given[1].equal(right), "you changed your arguments")
        number = isinstance(answer, float | int) or (isinstance(answer, torch.Tensor) and answer.ndim == 0)
        require(number, "return one number, the share of queries")
        values.append(float(answer))
    mistakes = [_recall_mistakes(similarity, right, ranked, k) for k in sizes]
    for message in mistakes[0]:
        require(not close(values, [each[message] for each in mistakes]), message)
    for k, value in zip(sizes, values, strict=True):
        true = ranked[:, :k].any(1).double().mean().item()
        require(close(value, true), f"for k = {k} the share should be {true:.3f}, not {value:.3f}")


def _recall_mistakes(similarity, right, ranked, k):
    n = len(ranked)
    turned = right.gather(1, similarity.argsort(dim=1)[:, :k])
    columns = right.gather(0, similarity.argsort(dim=0, descending=True)[: min(k, n)])
    first = right.double().argmax(1)
    top = similarity.argsort(dim=1, descending=True)[:, :k]
    return {
        "you asked for *all* right answers; one among the first k is enough": (
            (ranked[:, :k].sum(1) == ranked.sum(1)).double().mean().item()
        ),
        "you asked that *every* one of the k be right; one right answer among them is enough": (
            ranked[:, :k].all(1).double().mean().item()
        ),
        "the right answer of row i need not stand in column i: look it up in `right`": (
            (top == torch.arange(n)[:, None]).any(1).double().mean().item()
        ),
        "you divided by the number of right answers; each query counts 0 or 1": (
            (ranked[:, :k].sum(1) / ranked.sum(1)).double().mean().item()
        ),
        "that is the share of the k places that are right (precision); each query counts 0 or 1": (
            ranked[:, :k].double().mean().item()
        ),
        "you looked at one place only, the k-th; any of the first k counts": ranked[:, k - 1].double().mean().item(),
        "you took the least similar items": turned.any(1).double().mean().item(),
        "only the first right answer of a query counted; any of them is right": (
            (top == first[:, None]).any(1).double().mean().item()
        ),
        "you searched down the columns; a query is a row": columns.any(0).double().mean().item(),
        "return the share of the queries, not their number": ranked[:, :k].any(1).double().sum().item(),
    }


@exercise("13.5")
def ex13_5(zero_shot):
    """Mean of the unit prompts of a class, then the largest cosine."""
    pictures = 4 * randn(400, 3, seed=7)
    lengths = (1.0, 6.0, 0.3, 2.0, 3.0, 0.5)
    prompts = [randn(p, 3, seed=10 + p) * torch.tensor(lengths[:p], dtype=torch.float64)[:, None] for p in (1, 3, 6, 2)]
    given = [p.clone() for p in prompts]
    answer = zero_shot(pictures.clone(), given)
    require(all(x.equal(y) for x, y in zip(given, prompts, strict=True)), "you changed the prompts; make new tensors")
    need_tensor(answer, (400,), "the answer for 400 pictures")
    require(not answer.is_floating_point(), "return class numbers (an int tensor), not floats")
    means = torch.stack([_unit(p).mean(0) for p in prompts])
    raw = torch.stack([p.mean(0) for p in prompts])
    cosines = [_unit(pictures) @ _unit(p).T for p in prompts]
    mistakes = {
        "you averaged the prompts without scaling each to length 1 first": (pictures @ _unit(raw).T).argmax(1),
        "the class vectors are not scaled again: long means win dot products": (pictures @ means.T).argmax(1),
        "nothing is scaled to length 1": (pictures @ raw.T).argmax(1),
        "you summed the prompts and did not scale the sum: classes with many prompts win": (
            pictures @ torch.stack([_unit(p).sum(0) for p in prompts]).T
        ).argmax(1),
        "you used only the first prompt of each class": (
            pictures @ _unit(torch.stack([p[0] for p in prompts])).T
        ).argmax(1),
        "you took the single nearest prompt; average the prompts of a class": (
            torch.stack([c.amax(1) for c in cosines], 1).argmax(1)
        ),
        "you took the class with the *smallest* cosine": (pictures @ _unit(means).T).argmin(1),
        "you returned numbers of prompts, not of classes": torch.cat(cosines, 1).argmax(1),
    }
    for message, value in mistakes.items():
        require(not answer.equal(value.to(answer.dtype)), message)
    require(answer.equal((pictures @ _unit(means).T).argmax(1).to(answer.dtype)), "not the class of the largest cosine")
