"""Checks of lesson 19: Dice, distance of outlines, padding, soft Dice loss, the mean of those present."""

import math

import numpy as np

from mmcourse.check.engine import close, exercise, require
from mmcourse.check.tensors import need_tensor, randn


def _masks(*shape, seed):
    a, b = (randn(2, *shape, seed=seed) > 0.6).unbind()
    a.flatten()[0] = b.flatten()[0] = True
    return a, b


@exercise("19.1")
def ex19_1(dice_score):
    """Twice what two masks share, over what both hold."""
    import torch

    a, b = _masks(12, 9, seed=191)
    given = a.clone(), b.clone()
    found = dice_score(*given)
    require(torch.equal(given[0], a) and torch.equal(given[1], b), "you changed a mask; leave both as they are")
    require(np.shape(found) == (), f"return one number; yours has shape {tuple(np.shape(found))}")
    found, both, either = float(found), int((a & b).sum()), int((a | b).sum())
    sizes = int(a.sum()), int(b.sum())
    wrong = {
        "that is shared / (|A| + |B|): equal masks would score one half. Count what is shared twice": both / sum(sizes),
        "that divides by the union (the Jaccard index); Dice divides by the sum of the two areas": both / either,
        "twice the shared pixels, over the union, can pass 1; divide by the sum of the two areas": 2 * both / either,
        "that divides by the prediction alone (precision)": both / sizes[0],
        "that divides by the target alone (recall)": both / sizes[1],
        "that is the share of equal pixels; background must not count": float((a == b).double().mean()),
        "these are shared pixels per pixel of the picture; divide by the areas of the masks": 2 * both / a.numel(),
    }
    for message, value in wrong.items():
        require(abs(found - value) > 1e-6, message)
    require(abs(found - 2 * both / sum(sizes)) < 1e-6, f"expected {2 * both / sum(sizes):.4f}, got {found:.4f}")
    nothing = torch.zeros_like(a)
    for pair, which in (((a, nothing), "target"), ((nothing, b), "prediction")):
        require(abs(float(dice_score(*pair))) < 1e-9, f"when only the {which} is empty nothing is shared: exactly 0")
    empty = float(dice_score(nothing, nothing))
    require(not math.isnan(empty), "two empty masks give 0/0, NaN; return 1.0 for them")
    require(abs(empty - 1) < 1e-9, f"two empty masks agree: return 1.0, not {empty:g}")


@exercise("19.2")
def ex19_2(outline_distance):
    """The larger of two 95th percentiles."""
    import torch

    points = 10 * randn(2, 23, 2, seed=192)
    a, b = points[0, :17], points[1] + torch.tensor([2.0, 0.0])
    found = [outline_distance(*(one.clone() for one in pair)) for pair in ((a, b), (b, a))]
    require(np.shape(found[0]) == (), f"return one number; yours has shape {tuple(np.shape(found[0]))}")
    there, back, wrong = _distances(a, b)
    low = {
        "that is the distance from a to b only; take the larger of both directions": (there, back),
        "that is the distance from b to a only; take the larger of both directions": (back, there),
    }
    for message, value in (low | {key: (value, value) for key, value in wrong.items()}).items():
        require(any(abs(float(x) - float(v)) > 1e-6 for x, v in zip(found, value, strict=True)), message)
    right = float(max(there, back))
    require(abs(float(found[0]) - right) < 1e-4, f"expected {right:.3f} for random points, got {float(found[0]):.3f}")
    same = float(outline_distance(a.clone(), a.clone()))
    require(abs(same) < 1e-3, f"an outline is 0 away from itself, not {same:g}")


def _distances(a, b):
    """The 95th percentiles there and back, and wrong answers by what to say."""
    import torch

    table = (a[:, None] - b).square().sum(-1).sqrt()
    near, far = (table.amin(1), table.amin(0)), (table.amax(1), table.amax(0))
    there, back = (one.quantile(0.95) for one in near)
    wrong = {
        "that is the smaller of the two directions; take the larger": min(there, back),
        "that is the largest distance; take the 95th percentile, which forgives a few stray points": max(
            one.max() for one in near
        ),
        "that is the mean distance; take the 95th percentile": max(one.mean() for one in near),
        "that is the median; take the quantile 0.95": max(one.median() for one in near),
        "both directions went into one percentile; take one for each, then the larger": torch.cat(near).quantile(0.95),
        "you took the mean of the two directions; take the larger": (there + back) / 2,
        "you measured to the farthest point of the other outline; measure to the nearest": max(
            one.quantile(0.95) for one in far
        ),
        "these are squared distances; take the root": max(one.square().quantile(0.95) for one in near),
        "you added the two differences up; take the root of the sum of their squares": max(
            (a[:, None] - b).abs().sum(-1).amin(axis).quantile(0.95) for axis in (0, 1)
        ),
        "that is the percentile of all pairs; first find the nearest point of the other outline": table.quantile(0.95),
    }
    return there, back, wrong


@exercise("19.3")
def ex19_3(pad_to):
    """Zeros below and at the right, up to a multiple."""
    import torch

    x = randn(2, 3, 5, 6, seed=193)
    given = x.clone()
    answer = pad_to(given, 4)
    require(torch.equal(given, x), "you changed the input; return a new tensor")
    require(isinstance(answer, torch.Tensor), f"return a torch tensor, not {type(answer).__name__}")
    shapes = {
        (2, 3, 4, 4): "you cut off; append up to the next larger multiple",
        (2, 3, 7, 9): "height and width are swapped: F.pad counts from the last axis, (left, right, top, bottom)",
        (2, 3, 9, 10): "you appended a whole multiple; append what is missing to the next one",
        (2, 3, 8, 6): "the width was not padded",
        (2, 3, 5, 8): "the height was not padded",
        (2, 3, 6, 8): "append what is missing (-H % multiple), not the remainder (H % multiple)",
    }
    shape = tuple(answer.shape)
    require(shape not in shapes, shapes.get(shape, ""))
    need_tensor(answer, (2, 3, 8, 8), "5 by 6 pixels, padded to multiples of 4,")
    rest = answer.clone()
    rest[..., :5, :6] = 0
    inside = torch.equal(answer[..., :5, :6], x)
    require(not torch.equal(answer[..., 3:, 2:], x), "the zeros went above and to the left; append below and right")
    require(not torch.equal(answer[..., 1:6, 1:7], x), "the zeros went all around; append below and right only")
    require(inside, "the picture itself changed; keep its pixels, at the top left")
    require(not bool(rest.any()), "what is appended must be zeros; yours repeats pixels or holds something else")
    fits = pad_to(x[..., :4, :4].clone(), 4)
    require(tuple(fits.shape) == (2, 3, 4, 4), f"4 by 4 is a multiple of 4 already; yours became {tuple(fits.shape)}")


@exercise("19.4")
def ex19_4(soft_dice_loss):
    """One minus Dice, with probabilities for pixels."""

    logits, target = randn(3, 6, 5, seed=194), randn(3, 6, 5, seed=195) > 0.4
    target[2] = False
    x = logits.clone().requires_grad_()
    answer = soft_dice_loss(x, target.clone())
    need_tensor(answer, (), "the loss")
    found, p, t = float(answer.detach()), logits.sigmoid(), target.double()
    pieces = (p * t).sum(), p.sum() + t.sum()
    each = (2 * (p * t).sum((1, 2)) + 1) / ((p + t).sum((1, 2)) + 1)
    hard = (logits > 0).double()
    wrong = {
        "that is the score, which is best at 1; a loss is best at 0: 1 minus it": (2 * pieces[0] + 1) / (pieces[1] + 1),
        "the logits went in as they are; make them probabilities with a sigmoid": 1
        - (2 * (logits * t).sum() + 1) / ((logits + t).sum() + 1),
        "you cut the probabilities at one half; then nothing can be learned. Use them as they are": 1
        - (2 * (hard * t).sum() + 1) / ((hard + t).sum() + 1),
        "one Dice a picture, then the mean; add up over all pixels of the batch": 1 - each.mean(),
        "the two ones are missing": 1 - 2 * pieces[0] / pieces[1],
        "only the denominator got its 1": 1 - 2 * pieces[0] / (pieces[1] + 1),
        "only the numerator got its 1": 1 - (2 * pieces[0] + 1) / pieces[1],
        "count what is shared twice": 1 - (pieces[0] + 1) / (pieces[1] + 1),
        "that divides by the union": 1 - (pieces[0] + 1) / (pieces[1] - pieces[0] + 1),
        "that is background's Dice: target is True where the tumour is": 1
        - (2 * (p * (1 - t)).sum() + 1) / ((p + 1 - t).sum() + 1),
    }
    for message, value in wrong.items():
        require(abs(found - float(value)) > 1e-6, message)
    right = float(1 - (2 * pieces[0] + 1) / (pieces[1] + 1))
    require(abs(found - right) < 1e-5, f"expected {right:.4f} for random logits, got {found:.4f}")
    require(answer.requires_grad, "no gradient reaches the logits; stay with torch, without .item() and .detach()")
    answer.backward()
    again = logits.clone().requires_grad_()
    q = again.sigmoid()
    (1 - (2 * (q * t).sum() + 1) / (q.sum() + t.sum() + 1)).backward()
    fits = x.grad is not None and close(x.grad, again.grad)
    require(fits, "the value is right, but the gradient is not: detach no part of it")


@exercise("19.5")
def ex19_5(shared_mean):
    """The mean over the contrasts that are there."""
    import torch

    features = randn(4, 3, 5, seed=196)
    present = torch.tensor([[1, 1, 1], [1, 0, 1], [0, 1, 0], [0, 0, 0]], dtype=torch.bool)
    given = features.clone()
    answer = shared_mean(given, present.clone())
    require(torch.equal(given, features), "you changed `features`; make a new tensor")
    require(tuple(np.shape(answer)) != (3, 5), "average over the contrasts, axis 1, not over the items")
    require(tuple(np.shape(answer)) != (4, 3), "average over the contrasts, axis 1, not over the features")
    need_tensor(answer, (4, 5), "the result")
    kept = torch.where(present[..., None], features, 0.0)
    count = present.sum(1, keepdim=True)
    away = torch.where(present[..., None], 0.0, features)
    wrong = {
        "absent contrasts count too; leave them out": features.mean(1),
        "you divided by the number of all contrasts; divide by how many are present": kept.mean(1),
        "that is the sum; divide by how many are present": kept.sum(1),
        "the mask is upside down: True means present": away.sum(1) / (3 - count).clamp(min=1),
        "absent contrasts are in the sum; put zeros in their place first": features.sum(1) / count.clamp(min=1),
        "you divided by one more than are present": kept.sum(1) / (count + 1),
    }
    for message, value in wrong.items():
        require(not close(answer[:3], value[:3], 1e-6), message)
    require(close(answer[:3], kept.sum(1)[:3] / count[:3], 1e-6), "not the mean over the contrasts that are present")
    require(bool(answer[3].isfinite().all()), "an item without any contrast gives 0/0; it gets zeros")
    require(not bool(answer[3].any()), "an item without any contrast gets zeros")
    spoiled = torch.where(present[..., None], features, torch.nan)
    nan = "NaN in an absent contrast's place reaches the result; choose with torch.where, 0 times NaN is NaN"
    require(bool(torch.as_tensor(shared_mean(spoiled, present)).isfinite().all()), nan)
