"""Checks of lesson 16: the answer prior, attention over regions, FiLM, gates that count, soft accuracy."""

from collections import Counter

import numpy as np

from mmcourse.check.engine import close, exercise, require


@exercise("16.1")
def ex16_1(answer_prior):
    """The most frequent answer of each type."""
    types = ["count", "colour", "count", "exists", "count", "colour", "count", "exists", "colour", "count", "exists"]
    answers = ["0", "red", "2", "yes", "2", "grey", "2", "no", "grey", "1", "no"]
    types, answers = [*types, "count", "count", "colour"], [*answers, "3", "1", "blue"]
    given = list(types), list(answers)
    prior = answer_prior(*given)
    require(given == (types, answers), "you changed `types` or `answers`; leave them as they are")
    require(isinstance(prior, dict), f"return a dict, not {type(prior).__name__}")
    require(set(prior) == set(types), f"one entry for each type, {sorted(set(types))}; yours has {sorted(prior)}")
    per = {kind: Counter(a for t, a in zip(types, answers, strict=True) if t == kind) for kind in prior}
    require(not any(isinstance(one, tuple | list) for one in prior.values()), "each value is just the answer, a str")
    require(not any(isinstance(one, int | float) for one in prior.values()), "return the answer, not how often it came")
    wrong = {
        "that is the most frequent answer of all questions; count within each type": lambda kind: "2",
        "that is the rarest answer of each type": lambda kind: per[kind].most_common()[-1][0],
        "that is the first answer of each type, not the most frequent": lambda kind: next(iter(per[kind])),
        "that is the last answer of each type; each question overwrote the one before": lambda kind: [
            a for t, a in zip(types, answers, strict=True) if t == kind
        ][-1],
        "that is the largest answer in the alphabet; `max` needs key=counts.get": lambda kind: max(per[kind]),
    }
    right = {kind: counts.most_common(1)[0][0] for kind, counts in per.items()}
    for message, rule in wrong.items():
        mistaken = {kind: rule(kind) for kind in prior}
        require(mistaken == right or prior != mistaken, message)
    for kind, answer in right.items():
        require(prior[kind] == answer, f"for {kind!r} the most frequent answer is {answer!r}, yours is {prior[kind]!r}")
    tied = answer_prior(["where"] * 4, ["top left", "bottom left", "bottom left", "top left"])
    require(tied == {"where": "top left"}, "of answers that are equally frequent take the one that came first")


def _case(seed=0):
    """Query (3, 4), regions (3, 3, 4) and a mask whose last row keeps nothing: as many items as regions."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    query, regions = torch.randn(3, 4, generator=generator), torch.randn(3, 3, 4, generator=generator)
    return query, regions, torch.tensor([[True, True, False], [False, True, True], [False, False, False]])


def _pair(answer):
    require(isinstance(answer, tuple) and len(answer) == 2, "return two things, what was found and the weights")
    return answer


def _two(found, weights):
    for name, value, shape in (("what was found", found, (3, 4)), ("the weights", weights, (3, 3))):
        require(np.shape(value) == shape, f"{name} should have shape {shape}, it has {np.shape(value)}")


def _weighed_wrongly(dots, mask):
    """The right weights of the items that keep something, and wrong ones by what to say."""
    import torch

    kept = mask[:2]

    def soft(scores, axis=1):
        return torch.where(kept, scores[:2], -torch.inf).softmax(axis)

    wrong = {
        "divide the dot products by the root of the width, sqrt(d)": soft(dots),
        "you divided by d; divide by its root": soft(dots / 4),
        "you divided by the root of the number of regions; the width d is meant": soft(dots / 3**0.5),
        "the mask is upside down: True means keep": torch.where(kept, -torch.inf, dots[:2] / 2).softmax(1),
        "the mask came after the softmax, so the weights no longer add up to 1": (dots / 2).softmax(1)[:2] * kept,
        "the mask is not used: regions that are not kept have weights": (dots / 2).softmax(1)[:2],
        "a score of 0 is not nothing: put -inf where the mask is False": (dots / 2 * mask).softmax(1)[:2],
        "the softmax ran over the items, axis 0; run it over the regions": torch.nan_to_num(soft(dots / 2, 0)),
        "all kept regions weigh the same; weigh them by the softmax of their scores": kept / kept.sum(1, keepdim=True),
        "only the best region has a weight; softmax gives every kept one a share": torch.nn.functional.one_hot(
            torch.where(kept, dots[:2], -torch.inf).argmax(1), 3
        ).float(),
    }
    return soft(dots / 2), wrong


@exercise("16.2")
def ex16_2(attend):
    """Softmax of scaled dot products over the kept regions."""
    import torch

    query, regions, mask = _case()
    found, weights = _pair(attend(query.clone(), regions.clone(), mask.clone()))
    _two(found, weights)
    dots = torch.einsum("bd,bpd->bp", query, regions)
    right, wrong = _weighed_wrongly(dots, mask)
    for message, values in wrong.items():
        require(not close(torch.nan_to_num(torch.as_tensor(weights[:2]).float()), values, 1e-4), message)
    require(close(weights[:2], right, 1e-4), "the weights are not the softmax of q . x / sqrt(d) over kept regions")
    mean = (right[..., None] * regions[:2]).mean(1)
    require(not close(found[:2], mean, 1e-4), "add the weighted regions up; you took their mean")
    expected = torch.einsum("bp,bpd->bd", right, regions[:2])
    require(close(found[:2], expected, 1e-4), "the weights are right; what was found is the sum of w_p x_p")
    last = np.asarray(torch.as_tensor(found[2])), np.asarray(torch.as_tensor(weights[2]))
    require(not any(np.isnan(one).any() for one in last), "an item that keeps no region turns into NaN; return zeros")
    require(not any(one.any() for one in last), "an item that keeps no region gets zeros, for both")
    spoiled = torch.where(mask[..., None], regions, torch.nan)
    found, weights = attend(query, spoiled, mask)
    require(
        not np.isnan(np.asarray(torch.as_tensor(found))).any(),
        "regions that are not kept may hold NaN, and 0 * NaN is NaN: put zeros there with torch.where first",
    )
    require(close(found[:2], expected, 1e-4), "the result depends on regions that are not kept")


@exercise("16.3")
def ex16_3(film):
    """The question scales and shifts every region."""
    import torch

    generator = torch.Generator().manual_seed(1)
    regions = torch.randn(3, 3, 4, generator=generator)
    gamma, beta = torch.randn(2, 3, 4, generator=generator)
    given = regions.clone()
    answer = film(given, gamma.clone(), beta.clone())
    require(torch.equal(given, regions), "you changed `regions`; make a new tensor")
    require(np.shape(answer) != (3, 4), "keep the regions apart: the result has shape (B, P, d), pooling comes later")
    require(np.shape(answer) == (3, 3, 4), f"the result should have shape (3, 3, 4), it has {np.shape(answer)}")
    g, b = gamma[:, None], beta[:, None]
    wrong = {
        "without 1 + a gamma of 0 would switch the region off": (g * regions + b).relu(),
        "the ReLU is missing: set what is below 0 to 0": (1 + g) * regions + b,
        "shift after scaling: (1 + gamma) * x + beta": ((1 + g) * (regions + b)).relu(),
        "gamma scales and beta shifts; you have them the other way round": ((1 + b) * regions + g).relu(),
        "row b of gamma belongs to item b, for all its regions; yours goes by region": (
            (1 + gamma) * regions + beta
        ).relu(),
        "gamma goes by item, but beta by region: both need an axis for the regions": ((1 + g) * regions + beta).relu(),
        "the ReLU came before the shift; it is the last step": ((1 + g) * regions).relu() + b,
        "beta is missing": ((1 + g) * regions).relu(),
        "gamma may be below -1 or above 0: no sigmoid here": (g.sigmoid() * regions + b).relu(),
    }
    for message, values in wrong.items():
        require(not close(answer, values, 1e-4), message)
    require(close(answer, ((1 + g) * regions + b).relu(), 1e-4), "not relu((1 + gamma) * x + beta)")


@exercise("16.4")
def ex16_4(gated_sum):
    """Each region opens its own gate."""
    import torch

    query, regions, mask = _case(2)
    mask[2] = True
    found, gates = _pair(gated_sum(query.clone(), regions.clone(), mask.clone(), 3.0))
    _two(found, gates)
    scores = torch.einsum("bd,bpd->bp", query, regions) / 2
    right = (scores - 3).sigmoid() * mask
    soft = torch.where(mask, scores - 3, -torch.inf).softmax(1)
    wrong = {
        "divide the dot products by the root of the width, sqrt(d)": (2 * scores - 3).sigmoid() * mask,
        "`shut` is not used: take it from the scores": scores.sigmoid() * mask,
        "`shut` closes the gates: subtract it": (scores + 3).sigmoid() * mask,
        "`shut` is taken from the scores, before the sigmoid": (scores.sigmoid() - 3) * mask,
        "that is a softmax, whose weights share 1 between them": soft,
        "the gates were divided by their sum; then two things weigh no more than one": right
        / right.sum(1, keepdim=True),
        "the mask is not used: a region that is not kept has its gate shut, 0": (scores - 3).sigmoid(),
        "the mask is upside down: True means keep": (scores - 3).sigmoid() * ~mask,
        "a score of 0 leaves the gate ajar; the gate itself must be 0 where the mask is False": (
            scores * mask - 3
        ).sigmoid(),
        "a hard threshold lets no gradient through; use the sigmoid": (scores > 3) * mask * 1.0,
    }
    for message, values in wrong.items():
        require(not close(gates, values, 1e-4), message)
    require(close(gates, right, 1e-4), "the gates are not sigmoid(q . x / sqrt(d) - shut), 0 where the mask is False")
    expected = torch.einsum("bp,bpd->bd", right, regions)
    require(not close(found, expected / 3, 1e-4), "add up; a mean over the regions divides by how many there are")
    kept = expected / mask.sum(1, keepdim=True)
    require(not close(found, kept, 1e-4), "add up; you divided by the number of kept regions")
    require(close(found, expected, 1e-4), "the gates are right; what was found is the sum of g_p x_p")


@exercise("16.5")
def ex16_5(soft_accuracy):
    """Right as far as people agree."""
    humans = ["two"] * 4 + ["2"] * 3 + ["three", "three", "many"]
    cases = [("two", 1.0), ("2", 1.0), ("three", 2 / 3), ("many", 1 / 3), ("no", 0.0)]
    answers = [soft_accuracy(answer, list(humans)) for answer, _ in cases]
    require(all(np.shape(one) == () and one is not None for one in answers), "return one number")
    counts = [humans.count(answer) for answer, _ in cases]
    wrong = {
        "that is the share of people; three who agree are enough for 1": [n / 10 for n in counts],
        "at most 1: four who agree are no better than three": [n / 3 for n in counts],
        "one or two who agree count for something: n / 3": [float(n >= 3) for n in counts],
        "one who agrees is not enough for 1": [float(n > 0) for n in counts],
        "only the most frequent answer counts for you; others may be right too": [1.0, 0, 0, 0, 0],
        "at most 1, so divide by 3 before you cut": [min(n, 1) / 3 for n in counts],
        "return a share from 0 to 1, not how many agree": [min(n, 3) for n in counts],
        "return a share from 0 to 1, not percent": [100 * min(n / 3, 1) for n in counts],
        "it is a min, not a max": [max(n / 3, 1) for n in counts],
    }
    for message, values in wrong.items():
        require(not close(answers, values), message)
    for (answer, expected), found in zip(cases, answers, strict=True):
        require(
            close(found, expected), f"{humans.count(answer)} of ten said {answer!r}: {expected:.3f}, yours is {found}"
        )
