"""Fusion of decisions: the class probabilities of several models in, one set of probabilities out (lessons 07, 09).

All take ``probabilities`` (M, B, K), whose rows sum to 1, and an optional ``present`` (M, B), True where model m
judged item b. An item that nobody judged gets 1 / K for every class. ValueError on a wrong shape or dtype, on numbers
that are no probabilities where they are present, or on bad weights. References: J. Kittler et al., "On combining
classifiers", IEEE TPAMI 1998.
"""

import torch

from mmcourse.inputs import check_mask, check_tensor, keep

TINY = 1e-12


def average_decisions(probabilities, present=None):
    """The mean of the opinions (sum rule): (M, B, K) -> (B, K)."""
    probabilities, here = _check(probabilities, present)
    return _normalise(keep(here, probabilities).sum(0))


def weighted_decisions(probabilities, weights, present=None):
    """The mean weighted by `weights` (M,), none negative, over the models present: (M, B, K) -> (B, K).

    An item whose only judges weigh 0 gets 1 / K for every class.
    """
    probabilities, here = _check(probabilities, present)
    weights = _check_weights(weights, probabilities)
    return _normalise(keep(here, weights[:, None, None] * probabilities).sum(0))


def max_decisions(probabilities, present=None):
    """The most confident opinion for each class (maximum rule), scaled to sum to 1: (M, B, K) -> (B, K)."""
    probabilities, here = _check(probabilities, present)
    return _normalise(keep(here, probabilities).amax(0))


def vote_decisions(probabilities, present=None):
    """The share of votes of each class; a model that ties shares its vote: (M, B, K) -> (B, K)."""
    probabilities, here = _check(probabilities, present)
    votes = (probabilities == probabilities.amax(-1, keepdim=True)).to(probabilities.dtype)
    return _normalise(keep(here, votes / votes.sum(-1, keepdim=True)).sum(0))


def product_decisions(probabilities, present=None, *, weights=None):
    """The product of the opinions (product rule), scaled to sum to 1: (M, B, K) -> (B, K).

    `weights` (M,), none negative, are exponents, or inverse temperatures. Computed with logarithms; a probability
    below 1e-12 counts as 1e-12, so no single model can rule out a class for good.
    """
    probabilities, here = _check(probabilities, present)
    logs = probabilities.clamp(min=TINY).log()
    if weights is not None:
        logs = _check_weights(weights, probabilities)[:, None, None] * logs
    return keep(here, logs).sum(0).softmax(-1)


def _normalise(mass):
    total = mass.sum(-1, keepdim=True)
    return torch.where(total > 0, mass / total.clamp(min=TINY), 1 / mass.shape[-1])


def _check(probabilities, present):
    check_tensor("probabilities", probabilities, (3,))
    check_mask("present", present, probabilities.shape[:2])
    here = torch.ones_like(probabilities[..., 0], dtype=torch.bool) if present is None else present
    probabilities = torch.where(here[..., None], probabilities, 1 / probabilities.shape[-1])
    sums = probabilities.sum(-1)
    if not ((probabilities >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-2)):
        raise ValueError("probabilities must be at least 0 and sum to 1 over the last axis; apply softmax to logits")
    return probabilities, here


def _check_weights(weights, probabilities):
    weights = torch.as_tensor(weights, dtype=probabilities.dtype, device=probabilities.device)
    if weights.shape != probabilities.shape[:1] or not (weights >= 0).all() or not weights.isfinite().all():
        raise ValueError(f"weights must be {len(probabilities)} finite numbers, none negative; got {weights.tolist()}")
    return weights
