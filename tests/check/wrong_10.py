"""Wrong answers to lesson 10 that a learner plausibly gives, each with a part of the message it must get."""

import math

import torch


def plain_mean(values, group, groups, strength):
    total = torch.bincount(group, weights=values, minlength=groups)
    return total / torch.bincount(group, minlength=groups).clamp(min=1)


def mean_with_nan(values, group, groups, strength):
    total = torch.bincount(group, weights=values, minlength=groups)
    return total / torch.bincount(group, minlength=groups)


def sums(values, group, groups, strength):
    return torch.bincount(group, weights=values, minlength=groups)


def groups_forgotten(values, group, groups, strength):
    return torch.bincount(group, weights=values) / (torch.bincount(group) + strength)


def one_a_value(values, group, groups, strength):
    return sums(values, group, groups, strength)[group] / (torch.bincount(group)[group] + strength)


def divided_by_groups(values, group, groups, strength):
    return sums(values, group, groups, strength) / (groups + strength)


def strength_alone(values, group, groups, strength):
    return sums(values, group, groups, strength) / strength


def strength_times_count(values, group, groups, strength):
    return sums(values, group, groups, strength) / (torch.bincount(group, minlength=groups) * strength).clamp(min=1)


def strength_subtracted(values, group, groups, strength):
    return sums(values, group, groups, strength) / (torch.bincount(group, minlength=groups) - strength + 1e-9)


def everything_together(values, group, groups, strength):
    return (values.sum() / (len(values) + strength)).expand(groups)


def fill(x, value):
    return torch.where(x.isnan(), value, x)


def with_zeros(train, test):
    return train.nan_to_num(), test.nan_to_num()


def each_by_its_own_mean(train, test):
    return fill(train, train.nanmean(0)), fill(test, test.nanmean(0))


def mean_of_both(train, test):
    mean = torch.cat([train, test]).nanmean(0)
    return fill(train, mean), fill(test, mean)


def zeros_in_the_mean(train, test):
    mean = train.nan_to_num().mean(0)
    return fill(train, mean), fill(test, mean)


def mean_is_nan(train, test):
    return fill(train, train.mean(0)), fill(test, train.mean(0))


def one_number(train, test):
    return fill(train, train.nanmean()), fill(test, train.nanmean())


def median(train, test):
    middle = train.nanmedian(0).values
    return fill(train, middle), fill(test, middle)


def in_place(train, test):
    mean = train.nanmean(0)
    for x in (train, test):
        rows = x[:, 0].isnan()
        x[rows] = mean
    return train, test


def test_only(train, test):
    return fill(test, train.nanmean(0))


def all_may_go(present, p):
    return present & (torch.rand(present.shape) >= p)


def first_is_kept(present, p):
    stays = present & (torch.rand(present.shape) >= p)
    first = torch.arange(len(present))[:, None] == present.int().argmax(0)
    return stays | (present & first & ~stays.any(0))


def whole_items(present, p):
    stays = torch.rand(present.shape[1]) >= p
    luck = torch.where(present, torch.rand(present.shape), -1.0)
    return present & (stays | (torch.arange(len(present))[:, None] == luck.argmax(0)))


def same_for_all_items(present, p):
    stays = torch.rand(len(present), 1) >= p
    stays[0], stays[1] = True, False
    kept = present & stays
    return kept | (present & ~kept.any(0))


def p_is_the_chance_to_stay(present, p):
    luck = torch.where(present, torch.rand(present.shape), -1.0)
    return present & ((luck < p) | (torch.arange(len(present))[:, None] == luck.argmax(0)))


def whole_item_comes_back(present, p):
    stays = present & (torch.rand(present.shape) >= p)
    return torch.where(stays.any(0), stays, present)


def absent_comes_back(present, p):
    luck = torch.rand(present.shape)
    return (luck >= p) | (torch.arange(len(present))[:, None] == luck.argmax(0))


def evaluation_only(present, p):
    return present.clone()


def numbers_not_bool(present, p):
    return present.float() * (torch.rand(present.shape) >= p)


def exactly_one_is_hidden(present, p):
    luck = torch.where(present, torch.rand(present.shape), 2.0)
    out = (torch.arange(len(present))[:, None] == luck.argmin(0)) & (torch.rand(present.shape[1]) < p)
    return present & (~out | (present.sum(0) == 1))


def poe(means, precision, prior=1.0):
    return (precision * means).sum(0) / (prior + precision.sum(0))


def presence_ignored(means, log_precisions, present):
    return poe(means, log_precisions.exp())


def without_prior(means, log_precisions, present):
    precision = torch.where(present[..., None], log_precisions.exp(), 0.0)
    return (precision * means).sum(0) / precision.sum(0).clamp(min=1e-12)


def without_prior_and_nan(means, log_precisions, present):
    precision = torch.where(present[..., None], log_precisions.exp(), 0.0)
    return (precision * means).sum(0) / (precision.sum(0) + torch.where(present.any(0), 1.0, 0.0)[:, None])


def logarithms(means, log_precisions, present):
    return poe(means, torch.where(present[..., None], log_precisions, 0.0))


def variances(means, log_precisions, present):
    return poe(means, torch.where(present[..., None], (-log_precisions).exp(), 0.0))


def never_divided(means, log_precisions, present):
    return torch.where(present[..., None], log_precisions.exp() * means, 0.0).sum(0)


def prior_for_each(means, log_precisions, present):
    return poe(means, torch.where(present[..., None], log_precisions.exp(), 0.0), prior=len(means))


def average(means, log_precisions, present):
    here = present[..., None]
    return torch.where(here, means, 0.0).sum(0) / here.sum(0).clamp(min=1)


def hidden_before_the_exponential(means, log_precisions, present):
    here = present[..., None]
    return poe(torch.where(here, means, 0.0), torch.where(here, log_precisions, 0.0).exp())


def multiplied_by_zero(means, log_precisions, present):
    return poe(means, log_precisions.exp() * present[..., None])


def over_the_items(means, log_precisions, present):
    precision = torch.where(present[..., None], log_precisions.exp(), 0.0)
    return precision * means / (1 + precision.sum(0))


def factors(scores, alpha, others, factor=lambda x, rho: 1 - math.tanh(x) if rho > 1 else 1.0):
    rho = {name: score / others(name) for name, score in scores.items()}
    return {name: factor(alpha * value, value) for name, value in rho.items()}


def rest(scores):
    return lambda name: (sum(scores.values()) - scores[name]) / (len(scores) - 1)


def slows_everybody(scores, alpha):
    return factors(scores, alpha, rest(scores), lambda x, rho: 1 - math.tanh(x))


def mean_of_all(scores, alpha):
    return factors(scores, alpha, lambda name: sum(scores.values()) / len(scores))


def sum_of_others(scores, alpha):
    return factors(scores, alpha, lambda name: sum(scores.values()) - scores[name])


def upside_down(scores, alpha):
    right = rest(scores)
    return factors(scores, alpha, lambda name: scores[name] ** 2 / right(name))


def alpha_forgotten(scores, alpha):
    return factors(scores, 1, rest(scores))


def tanh_alone(scores, alpha):
    return factors(scores, alpha, rest(scores), lambda x, rho: math.tanh(x) if rho > 1 else 1.0)


def zero_behind(scores, alpha):
    return factors(scores, alpha, rest(scores), lambda x, rho: 1 - math.tanh(x) if rho > 1 else 0.0)


def counted_from_one(scores, alpha):
    return factors(scores, alpha, rest(scores), lambda x, rho: 1 - math.tanh(max(0.0, x - alpha)))


def best_of_others(scores, alpha):
    return factors(scores, alpha, lambda name: max(value for key, value in scores.items() if key != name))


def a_list(scores, alpha):
    return list(factors(scores, alpha, rest(scores)).values())


WRONG = {
    "10.1": [
        (plain_mean, "this is the plain mean"),
        (mean_with_nan, "gives NaN or infinity"),
        (sums, "these are the sums"),
        (groups_forgotten, "minlength=groups"),
        (one_a_value, "one number a group"),
        (divided_by_groups, "divided by the number of groups"),
        (strength_alone, "strength alone"),
        (strength_times_count, "multiplied by the strength"),
        (everything_together, "keep the groups apart"),
        (strength_subtracted, "took the strength away"),
    ],
    "10.2": [
        (with_zeros, "filled with zeros"),
        (each_by_its_own_mean, "mean of the test rows filled test"),
        (mean_of_both, "test rows went into the mean"),
        (zeros_in_the_mean, "as zeros; average the present rows"),
        (mean_is_nan, "still holds NaN"),
        (one_number, "each column has its own mean"),
        (median, "this is the median"),
        (in_place, "in place"),
        (test_only, "return two tensors"),
    ],
    "10.3": [
        (all_may_go, "some items lost everything"),
        (first_is_kept, "the one kept must vary"),
        (whole_items, "go together"),
        (same_for_all_items, "same modality in every item"),
        (p_is_the_chance_to_stay, "hide with probability p"),
        (absent_comes_back, "something absent became present"),
        (evaluation_only, "nothing was hidden"),
        (numbers_not_bool, "torch.bool"),
        (whole_item_comes_back, "give the whole item back"),
        (exactly_one_is_hidden, "of the entries should stay"),
    ],
    "10.4": [
        (presence_ignored, "absent experts still count"),
        (without_prior, "the prior is missing"),
        (without_prior_and_nan, "not finite where no expert is present"),
        (logarithms, "take their exponentials"),
        (variances, "these are variances"),
        (never_divided, "this is the sum"),
        (prior_for_each, "it is there once"),
        (average, "weigh by precision"),
        (hidden_before_the_exponential, "exp(0) is 1"),
        (multiplied_by_zero, "0 times NaN is NaN"),
        (over_the_items, "sum over the experts"),
    ],
    "10.5": [
        (slows_everybody, "those behind are slowed down"),
        (mean_of_all, "leave the own score out"),
        (sum_of_others, "not by their mean"),
        (upside_down, "upside down"),
        (alpha_forgotten, "left out alpha"),
        (tanh_alone, "return 1 - tanh"),
        (zero_behind, "is 1, not 0"),
        (counted_from_one, "not tanh(alpha * (rho - 1))"),
        (best_of_others, "takes their mean"),
        (a_list, "return a dict"),
    ],
}
