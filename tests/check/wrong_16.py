"""Wrong answers to lesson 16 that a learner plausibly gives, each with a part of the message it must get."""

from collections import Counter

import torch
from torch.nn import functional


def _per_type(types, answers):
    per = {}
    for kind, answer in zip(types, answers, strict=True):
        per.setdefault(kind, []).append(answer)
    return per


def one_for_all(types, answers):
    return dict.fromkeys(types, Counter(answers).most_common(1)[0][0])


def the_rarest(types, answers):
    return {kind: Counter(given).most_common()[-1][0] for kind, given in _per_type(types, answers).items()}


def the_first(types, answers):
    return {kind: given[0] for kind, given in _per_type(types, answers).items()}


def the_last(types, answers):
    return dict(zip(types, answers, strict=True))


def max_without_key(types, answers):
    return {kind: max(given) for kind, given in _per_type(types, answers).items()}


def with_counts(types, answers):
    return {kind: Counter(given).most_common(1)[0] for kind, given in _per_type(types, answers).items()}


def only_counts(types, answers):
    return {kind: Counter(given).most_common(1)[0][1] for kind, given in _per_type(types, answers).items()}


def a_list(types, answers):
    return list(_per_type(types, answers).items())


def ties_by_alphabet(types, answers):
    return {kind: min(given, key=lambda a: (-given.count(a), a)) for kind, given in _per_type(types, answers).items()}


def _attend(query, regions, mask, width=None, clean=True, zeros=True, fill=-torch.inf, axis=1):
    if clean:
        regions = torch.where(mask[..., None], regions, 0)
    scores = torch.einsum("bd,bpd->bp", query, regions) / (regions.shape[2] if width is None else width) ** 0.5
    weights = torch.where(mask, scores, fill).softmax(axis)
    if zeros:
        weights = torch.where(mask, weights, 0)
    return torch.einsum("bp,bpd->bd", weights, regions), weights


def not_scaled(query, regions, mask):
    return _attend(query, regions, mask, width=1)


def scaled_by_width(query, regions, mask):
    return _attend(query, regions, mask, width=regions.shape[2] ** 2)


def scaled_by_regions(query, regions, mask):
    return _attend(query, regions, mask, width=regions.shape[1])


def mask_upside_down(query, regions, mask):
    weights = torch.where(mask, -torch.inf, _attend_scores(query, regions)).softmax(1)
    return torch.einsum("bp,bpd->bd", weights, regions), weights


def _attend_scores(query, regions):
    return torch.einsum("bd,bpd->bp", query, regions) / regions.shape[2] ** 0.5


def mask_after_softmax(query, regions, mask):
    weights = _attend_scores(query, regions).softmax(1) * mask
    return torch.einsum("bp,bpd->bd", weights, regions), weights


def mask_unused(query, regions, mask):
    weights = _attend_scores(query, regions).softmax(1)
    return torch.einsum("bp,bpd->bd", weights, regions), weights


def score_of_zero(query, regions, mask):
    weights = (_attend_scores(query, regions) * mask).softmax(1)
    return torch.einsum("bp,bpd->bd", weights, regions), weights


def over_items(query, regions, mask):
    return _attend(query, regions, mask, axis=0)


def all_alike(query, regions, mask):
    weights = mask / mask.sum(1, keepdim=True).clamp(min=1)
    return torch.einsum("bp,bpd->bd", weights, regions), weights


def best_only(query, regions, mask):
    weights = functional.one_hot(torch.where(mask, _attend_scores(query, regions), -torch.inf).argmax(1), 3).float()
    return torch.einsum("bp,bpd->bd", weights, regions), weights


def mean_of_weighted(query, regions, mask):
    weights = _attend(query, regions, mask)[1]
    return (weights[..., None] * regions).mean(1), weights


def nothing_is_nan(query, regions, mask):
    return _attend(query, regions, mask, zeros=False)


def nothing_is_everything(query, regions, mask):
    return _attend(query, regions, mask, zeros=False, fill=-1e9)


def nan_times_zero(query, regions, mask):
    return _attend(query, regions, mask, clean=False)


def only_found(query, regions, mask):
    return _attend(query, regions, mask)[0]


def _film(regions, gamma, beta):
    return (1 + gamma[:, None]) * regions + beta[:, None]


def no_one(regions, gamma, beta):
    return (gamma[:, None] * regions + beta[:, None]).relu()


def no_relu(regions, gamma, beta):
    return _film(regions, gamma, beta)


def shift_first(regions, gamma, beta):
    return ((1 + gamma[:, None]) * (regions + beta[:, None])).relu()


def other_way_round(regions, gamma, beta):
    return _film(regions, beta, gamma).relu()


def by_region(regions, gamma, beta):
    return ((1 + gamma) * regions + beta).relu()


def beta_by_region(regions, gamma, beta):
    return ((1 + gamma[:, None]) * regions + beta).relu()


def relu_too_early(regions, gamma, beta):
    return ((1 + gamma[:, None]) * regions).relu() + beta[:, None]


def no_beta(regions, gamma, beta):
    return ((1 + gamma[:, None]) * regions).relu()


def as_a_gate(regions, gamma, beta):
    return (gamma.sigmoid()[:, None] * regions + beta[:, None]).relu()


def pooled(regions, gamma, beta):
    return _film(regions, gamma, beta).relu().mean(1)


def in_place(regions, gamma, beta):
    regions *= 1 + gamma[:, None]
    return regions.add_(beta[:, None]).relu_()


def _gated(regions, gates):
    return torch.einsum("bp,bpd->bd", gates, regions), gates


def gates_not_scaled(query, regions, mask, shut):
    return _gated(regions, (2 * _attend_scores(query, regions) - shut).sigmoid() * mask)


def never_shut(query, regions, mask, shut):
    return _gated(regions, _attend_scores(query, regions).sigmoid() * mask)


def opened(query, regions, mask, shut):
    return _gated(regions, (_attend_scores(query, regions) + shut).sigmoid() * mask)


def shut_outside(query, regions, mask, shut):
    return _gated(regions, (_attend_scores(query, regions).sigmoid() - shut) * mask)


def still_softmax(query, regions, mask, shut):
    return _gated(regions, torch.where(mask, _attend_scores(query, regions) - shut, -torch.inf).softmax(1))


def normalised(query, regions, mask, shut):
    gates = (_attend_scores(query, regions) - shut).sigmoid() * mask
    return _gated(regions, gates / gates.sum(1, keepdim=True))


def gates_not_masked(query, regions, mask, shut):
    return _gated(regions, (_attend_scores(query, regions) - shut).sigmoid())


def gates_upside_down(query, regions, mask, shut):
    return _gated(regions, (_attend_scores(query, regions) - shut).sigmoid() * ~mask)


def ajar(query, regions, mask, shut):
    return _gated(regions, (_attend_scores(query, regions) * mask - shut).sigmoid())


def hard(query, regions, mask, shut):
    return _gated(regions, (_attend_scores(query, regions) > shut) * mask * 1.0)


def averaged(query, regions, mask, shut):
    gates = (_attend_scores(query, regions) - shut).sigmoid() * mask
    return (gates[..., None] * regions).mean(1), gates


def over_kept(query, regions, mask, shut):
    gates = (_attend_scores(query, regions) - shut).sigmoid() * mask
    return _gated(regions, gates)[0] / mask.sum(1, keepdim=True), gates


def no_gates(query, regions, mask, shut):
    return _gated(regions, (_attend_scores(query, regions) - shut).sigmoid() * mask)[0]


def share_of_people(answer, humans):
    return humans.count(answer) / len(humans)


def no_cap(answer, humans):
    return humans.count(answer) / 3


def three_or_nothing(answer, humans):
    return float(humans.count(answer) >= 3)


def one_is_enough(answer, humans):
    return float(answer in humans)


def majority_only(answer, humans):
    return float(answer == max(set(humans), key=humans.count))


def cut_too_early(answer, humans):
    return min(humans.count(answer), 1) / 3


def a_count(answer, humans):
    return min(humans.count(answer), 3)


def percent(answer, humans):
    return 100 * min(humans.count(answer) / 3, 1)


def max_for_min(answer, humans):
    return max(humans.count(answer) / 3, 1)


WRONG = {
    "16.1": [
        (one_for_all, "count within each type"),
        (the_rarest, "the rarest"),
        (the_first, "the first answer"),
        (the_last, "the last answer"),
        (max_without_key, "needs key="),
        (with_counts, "just the answer"),
        (only_counts, "not how often"),
        (a_list, "return a dict"),
        (ties_by_alphabet, "the one that came first"),
    ],
    "16.2": [
        (not_scaled, "by the root of the width"),
        (scaled_by_width, "you divided by d"),
        (scaled_by_regions, "root of the number of regions"),
        (mask_upside_down, "upside down"),
        (mask_after_softmax, "came after the softmax"),
        (mask_unused, "mask is not used"),
        (score_of_zero, "a score of 0"),
        (over_items, "ran over the items"),
        (all_alike, "weigh the same"),
        (best_only, "only the best region"),
        (mean_of_weighted, "you took their mean"),
        (nothing_is_nan, "turns into NaN; return zeros"),
        (nothing_is_everything, "gets zeros, for both"),
        (nan_times_zero, "0 * NaN"),
        (only_found, "return two things"),
    ],
    "16.3": [
        (no_one, "switch the region off"),
        (no_relu, "ReLU is missing"),
        (shift_first, "shift after scaling"),
        (other_way_round, "other way round"),
        (by_region, "yours goes by region"),
        (beta_by_region, "beta by region"),
        (relu_too_early, "it is the last step"),
        (no_beta, "beta is missing"),
        (as_a_gate, "no sigmoid"),
        (pooled, "pooling comes later"),
        (in_place, "you changed `regions`"),
    ],
    "16.4": [
        (gates_not_scaled, "root of the width"),
        (never_shut, "`shut` is not used"),
        (opened, "subtract it"),
        (shut_outside, "before the sigmoid"),
        (still_softmax, "that is a softmax"),
        (normalised, "divided by their sum"),
        (gates_not_masked, "mask is not used"),
        (gates_upside_down, "upside down"),
        (ajar, "ajar"),
        (hard, "no gradient"),
        (averaged, "a mean over the regions"),
        (over_kept, "number of kept regions"),
        (no_gates, "return two things"),
    ],
    "16.5": [
        (share_of_people, "share of people"),
        (no_cap, "no better than three"),
        (three_or_nothing, "count for something"),
        (one_is_enough, "not enough for 1"),
        (majority_only, "others may be right too"),
        (cut_too_early, "before you cut"),
        (a_count, "not how many agree"),
        (percent, "not percent"),
        (max_for_min, "a min, not a max"),
    ],
}
