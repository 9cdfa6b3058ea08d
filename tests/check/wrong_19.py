"""Wrong answers to lesson 19 that a learner plausibly gives, each with a part of the message it must get."""

import torch
from torch.nn import functional


def _counts(prediction, target):
    return int((prediction & target).sum()), int(prediction.sum()), int(target.sum())


def not_twice(prediction, target):
    both, a, b = _counts(prediction, target)
    return both / (a + b) if a + b else 1.0


def jaccard(prediction, target):
    either = int((prediction | target).sum())
    return int((prediction & target).sum()) / either if either else 1.0


def twice_over_union(prediction, target):
    return 2 * jaccard(prediction, target)


def precision(prediction, target):
    both, a, _ = _counts(prediction, target)
    return both / a if a else 1.0


def recall(prediction, target):
    both, _, b = _counts(prediction, target)
    return both / b if b else 1.0


def pixel_accuracy(prediction, target):
    return float((prediction == target).float().mean())


def per_pixel(prediction, target):
    return 2 * int((prediction & target).sum()) / prediction.numel()


def zero_by_zero(prediction, target):
    return 2 * (prediction & target).sum() / (prediction.sum() + target.sum())


def empty_is_zero(prediction, target):
    both, a, b = _counts(prediction, target)
    return 2 * both / max(a + b, 1)


def any_empty_is_one(prediction, target):
    both, a, b = _counts(prediction, target)
    return 2 * both / (a + b) if a and b else 1.0


def _near(a, b):
    table = torch.cdist(a, b)
    return table.amin(1), table.amin(0)


def only_there(a, b):
    return _near(a, b)[0].quantile(0.95).item()


def only_back(a, b):
    return _near(a, b)[1].quantile(0.95).item()


def smaller(a, b):
    return min(one.quantile(0.95) for one in _near(a, b))


def largest(a, b):
    return max(one.max() for one in _near(a, b))


def mean_distance(a, b):
    return max(one.mean() for one in _near(a, b))


def middle(a, b):
    return max(one.median() for one in _near(a, b))


def pooled(a, b):
    return torch.cat(_near(a, b)).quantile(0.95)


def mean_of_both(a, b):
    return sum(one.quantile(0.95) for one in _near(a, b)) / 2


def farthest(a, b):
    table = torch.cdist(a, b)
    return max(table.amax(1).quantile(0.95), table.amax(0).quantile(0.95))


def squared(a, b):
    return max(one.square().quantile(0.95) for one in _near(a, b))


def city_blocks(a, b):
    table = (a[:, None] - b).abs().sum(-1)
    return max(table.amin(1).quantile(0.95), table.amin(0).quantile(0.95))


def all_pairs(a, b):
    return torch.cdist(a, b).quantile(0.95)


def one_a_point(a, b):
    return _near(a, b)[0]


def cut_off(x, multiple):
    return x[..., : x.shape[-2] // multiple * multiple, : x.shape[-1] // multiple * multiple]


def swapped(x, multiple):
    return functional.pad(x, (0, -x.shape[-2] % multiple, 0, -x.shape[-1] % multiple))


def whole_multiple(x, multiple):
    return functional.pad(x, (0, multiple, 0, multiple))


def remainder(x, multiple):
    return functional.pad(x, (0, x.shape[-1] % multiple, 0, x.shape[-2] % multiple))


def width_only(x, multiple):
    return functional.pad(x, (0, -x.shape[-1] % multiple))


def height_only(x, multiple):
    return functional.pad(x, (0, 0, 0, -x.shape[-2] % multiple))


def above_and_left(x, multiple):
    return functional.pad(x, (-x.shape[-1] % multiple, 0, -x.shape[-2] % multiple, 0))


def all_around(x, multiple):
    down, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return functional.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))


def repeated(x, multiple):
    return functional.pad(x, (0, -x.shape[-1] % multiple, 0, -x.shape[-2] % multiple), mode="replicate")


def stretched(x, multiple):
    size = [side + -side % multiple for side in x.shape[-2:]]
    return functional.interpolate(x, size=size, mode="bilinear")


def always_more(x, multiple):
    return functional.pad(x, (0, multiple - x.shape[-1] % multiple, 0, multiple - x.shape[-2] % multiple))


def _loss(p, target, one=1.0, axes=None, twice=2):
    t = target.to(p.dtype)
    p, t = (p.flatten(), t.flatten()) if axes is None else (p.flatten(1), t.flatten(1))
    return (1 - (twice * (p * t).sum(-1) + one) / ((p + t).sum(-1) + one)).mean()


def score_for_loss(logits, target):
    return 1 - _loss(logits.sigmoid(), target)


def logits_as_they_are(logits, target):
    return _loss(logits, target)


def cut(logits, target):
    return _loss((logits > 0).to(logits.dtype), target)


def per_picture(logits, target):
    return _loss(logits.sigmoid(), target, axes=1)


def no_ones(logits, target):
    return _loss(logits.sigmoid(), target, one=0.0)


def one_below(logits, target):
    p, t = logits.sigmoid(), target.to(logits.dtype)
    return 1 - 2 * (p * t).sum() / ((p + t).sum() + 1)


def one_above(logits, target):
    p, t = logits.sigmoid(), target.to(logits.dtype)
    return 1 - (2 * (p * t).sum() + 1) / (p + t).sum()


def shared_once(logits, target):
    return _loss(logits.sigmoid(), target, twice=1)


def half_a_gradient(logits, target):
    p, t = logits.sigmoid(), target.to(logits.dtype)
    return 1 - (2 * (p * t).sum() + 1) / (p.sum().detach() + t.sum() + 1)


def soft_jaccard(logits, target):
    p, t = logits.sigmoid(), target.to(logits.dtype)
    return 1 - ((p * t).sum() + 1) / ((p + t - p * t).sum() + 1)


def of_background(logits, target):
    return _loss(logits.sigmoid(), ~target)


def without_gradient(logits, target):
    return _loss(logits.sigmoid().detach(), target)


def one_loss_a_picture(logits, target):
    p, t = logits.sigmoid().flatten(1), target.flatten(1).to(logits.dtype)
    return 1 - (2 * (p * t).sum(1) + 1) / ((p + t).sum(1) + 1)


def everybody(features, present):
    return features.mean(1)


def over_all(features, present):
    return torch.where(present[..., None], features, 0.0).mean(1)


def sum_only(features, present):
    return torch.where(present[..., None], features, 0.0).sum(1)


def upside_down(features, present):
    return torch.where(present[..., None], 0.0, features).sum(1) / (~present).sum(1, keepdim=True).clamp(min=1)


def sum_of_all(features, present):
    return features.sum(1) / present.sum(1, keepdim=True).clamp(min=1)


def one_too_many(features, present):
    return torch.where(present[..., None], features, 0.0).sum(1) / (present.sum(1, keepdim=True) + 1)


def over_items(features, present):
    return torch.where(present[..., None], features, 0.0).sum(0) / present.sum(0)[:, None].clamp(min=1)


def nothing_is_nan(features, present):
    return torch.where(present[..., None], features, 0.0).sum(1) / present.sum(1, keepdim=True)


def nan_times_zero(features, present):
    return (features * present[..., None]).sum(1) / present.sum(1, keepdim=True).clamp(min=1)


def in_place(features, present):
    features[~present] = 0.0
    return features.sum(1) / present.sum(1, keepdim=True).clamp(min=1)


WRONG = {
    "19.1": [
        (not_twice, "would score one half"),
        (jaccard, "Jaccard"),
        (twice_over_union, "can pass 1"),
        (precision, "precision"),
        (recall, "recall"),
        (pixel_accuracy, "background must not count"),
        (per_pixel, "per pixel of the picture"),
        (zero_by_zero, "0/0"),
        (empty_is_zero, "return 1.0, not 0"),
        (any_empty_is_one, "exactly 0"),
    ],
    "19.2": [
        (only_there, "from a to b only"),
        (only_back, "from b to a only"),
        (smaller, "smaller of the two"),
        (largest, "forgives a few stray points"),
        (mean_distance, "mean distance"),
        (middle, "median"),
        (pooled, "one percentile"),
        (mean_of_both, "mean of the two directions"),
        (farthest, "farthest point"),
        (squared, "take the root"),
        (city_blocks, "the two differences"),
        (all_pairs, "all pairs"),
        (one_a_point, "return one number"),
    ],
    "19.3": [
        (cut_off, "you cut off"),
        (swapped, "swapped"),
        (whole_multiple, "a whole multiple"),
        (remainder, "not the remainder"),
        (width_only, "height was not padded"),
        (height_only, "width was not padded"),
        (above_and_left, "above and to the left"),
        (all_around, "all around"),
        (repeated, "must be zeros"),
        (stretched, "the picture itself changed"),
        (always_more, "is a multiple of 4 already"),
    ],
    "19.4": [
        (half_a_gradient, "detach no part of it"),
        (score_for_loss, "that is the score"),
        (logits_as_they_are, "with a sigmoid"),
        (cut, "cut the probabilities"),
        (per_picture, "one Dice a picture"),
        (no_ones, "two ones are missing"),
        (one_below, "only the denominator"),
        (one_above, "only the numerator"),
        (shared_once, "shared twice"),
        (soft_jaccard, "by the union"),
        (of_background, "background's Dice"),
        (without_gradient, "no gradient reaches"),
        (one_loss_a_picture, "should have shape ()"),
    ],
    "19.5": [
        (everybody, "absent contrasts count too"),
        (over_all, "number of all contrasts"),
        (sum_only, "that is the sum"),
        (upside_down, "upside down"),
        (sum_of_all, "are in the sum"),
        (one_too_many, "one more than"),
        (over_items, "not over the items"),
        (nothing_is_nan, "0/0"),
        (nan_times_zero, "0 times NaN"),
        (in_place, "you changed `features`"),
    ],
}
