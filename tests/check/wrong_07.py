"""Wrong answers to lesson 07 that a learner plausibly gives, each with a part of the message it must get."""

import torch
from torch import nn
from torch.nn import functional

from mmcourse.fusion import ConcatFusion


def plain_product(probabilities):
    product = probabilities.prod(0)
    return product / product.sum(-1, keepdim=True)


def in_numpy(probabilities):
    return probabilities.clamp(min=1e-12).log().sum(0).softmax(-1).numpy()


def not_scaled(probabilities):
    return probabilities.prod(0)


def left_as_logarithms(probabilities):
    return probabilities.clamp(min=1e-12).log().sum(0)


def log_softmax_at_the_end(probabilities):
    return probabilities.clamp(min=1e-12).log().sum(0).log_softmax(-1)


def mean_of_logarithms(probabilities):
    return probabilities.clamp(min=1e-12).log().mean(0).softmax(-1)


def average(probabilities):
    return probabilities.mean(0)


def softmax_of_probabilities(probabilities):
    return probabilities.sum(0).softmax(-1)


def scaled_over_items(probabilities):
    return probabilities.clamp(min=1e-12).log().sum(0).softmax(0)


def scaled_all_together(probabilities):
    product = probabilities.prod(0)
    return product / product.sum()


def over_the_classes(probabilities):
    return probabilities.clamp(min=1e-12).log().softmax(-1)


def without_the_clamp(probabilities):
    return probabilities.log().sum(0).softmax(-1)


def _scores(weights, probabilities):
    return (weights[:, None, None] * probabilities.log()).sum(0)


def weights_on_probabilities(weights, probabilities, target):
    mixture = (weights[:, None, None] * probabilities).sum(0)
    return functional.nll_loss((mixture / mixture.sum(-1, keepdim=True)).log(), target)


def rows_not_scaled(weights, probabilities, target):
    return functional.nll_loss(_scores(weights, probabilities), target)


def divided(weights, probabilities, target):
    return functional.cross_entropy((probabilities.log() / weights[:, None, None]).sum(0), target)


def softmax_twice(weights, probabilities, target):
    return functional.cross_entropy(_scores(weights, probabilities).softmax(-1), target)


def weights_made_to_sum_to_one(weights, probabilities, target):
    return functional.cross_entropy(_scores(weights / weights.sum(), probabilities), target)


def weights_through_softmax(weights, probabilities, target):
    return functional.cross_entropy(_scores(weights.softmax(0), probabilities), target)


def mean_over_models(weights, probabilities, target):
    return functional.cross_entropy(_scores(weights, probabilities) / len(weights), target)


def summed_over_items(weights, probabilities, target):
    return functional.cross_entropy(_scores(weights, probabilities), target, reduction="sum")


def one_an_item(weights, probabilities, target):
    return functional.cross_entropy(_scores(weights, probabilities), target, reduction="none")


def wrong_sign(weights, probabilities, target):
    return -functional.cross_entropy(_scores(weights, probabilities), target)


def weights_forgotten(weights, probabilities, target):
    return functional.cross_entropy(probabilities.log().sum(0), target)


def gradient_cut(weights, probabilities, target):
    return torch.tensor(functional.cross_entropy(_scores(weights, probabilities), target).item())


def _cascade(first, second, asked, both=None):
    both = first * second if both is None else both
    both = both / both.sum(-1, keepdim=True)
    return torch.where(asked[:, None], both, first), asked


def asks_when_sure(first, second, threshold):
    return _cascade(first, second, first.amax(-1) >= threshold)


def asks_at_the_border(first, second, threshold):
    return _cascade(first, second, first.amax(-1) <= threshold)


def looks_at_the_second(first, second, threshold):
    return _cascade(first, second, second.amax(-1) < threshold)


def looks_at_the_first_class(first, second, threshold):
    return _cascade(first, second, first[:, 0] < threshold)


def looks_at_the_mean(first, second, threshold):
    return _cascade(first, second, first.mean(-1) < threshold)


def looks_at_any(first, second, threshold):
    return _cascade(first, second, (first < threshold).any(-1))


def asks_everybody(first, second, threshold):
    return _cascade(first, second, torch.ones(len(first), dtype=torch.bool))


def overwrites_the_first(first, second, threshold):
    asked = first.amax(-1) < threshold
    both = first * second
    first[asked] = (both / both.sum(-1, keepdim=True))[asked]
    return first, asked


def scaled_together(first, second, threshold):
    asked, both = first.amax(-1) < threshold, first * second
    return torch.where(asked[:, None], both / both.sum(), first), asked


def scaled_asked_rows_together(first, second, threshold):
    fused, asked = first.clone(), first.amax(-1) < threshold
    both = first[asked] * second[asked]
    fused[asked] = both / both.sum()
    return fused, asked


def scaled_down_the_columns(first, second, threshold):
    asked, both = first.amax(-1) < threshold, first * second
    return torch.where(asked[:, None], both / both.sum(0), first), asked


def second_alone(first, second, threshold):
    return _cascade(first, second, first.amax(-1) < threshold, second)


def averaged(first, second, threshold):
    return _cascade(first, second, first.amax(-1) < threshold, first + second)


def product_left_raw(first, second, threshold):
    asked = first.amax(-1) < threshold
    return torch.where(asked[:, None], first * second, first), asked


def everybody_multiplied(first, second, threshold):
    asked = first.amax(-1) < threshold
    return _cascade(first, second, torch.ones_like(asked))[0], asked


def rows_exchanged(first, second, threshold):
    asked = first.amax(-1) < threshold
    return _cascade(first, second, ~asked)[0], asked


def only_the_probabilities(first, second, threshold):
    return _cascade(first, second, first.amax(-1) < threshold)[0]


class _Right(nn.Module):
    early, late = ("sound", "change"), ("image",)

    def __init__(self, dims, hidden=64, classes=10):
        super().__init__()
        self.encode = nn.ModuleDict({key: nn.Sequential(nn.Linear(d, hidden), nn.ReLU()) for key, d in dims.items()})
        self.one = ConcatFusion(dict.fromkeys(self.early, hidden), hidden)
        self.two = ConcatFusion(dict.fromkeys((*self.late, "met"), hidden), hidden)
        self.scores = nn.Linear(hidden, classes)

    def forward(self, inputs):
        encoded = {key: layer(inputs[key]) for key, layer in self.encode.items()}
        met = self.between(self.one({key: encoded[key] for key in self.early}))
        return self.finish(self.two({key: encoded[key] for key in self.late} | {"met": met}))

    def between(self, met):
        return met.relu()

    def finish(self, joined):
        return self.scores(joined.relu())


class PictureFirst(_Right):
    early, late = ("image", "sound"), ("change",)


class NoReluBetween(_Right):
    def between(self, met):
        return met


class NoReluAtTheEnd(_Right):
    def finish(self, joined):
        return self.scores(joined)


class SoftmaxInside(_Right):
    def finish(self, joined):
        return self.scores(joined.relu()).softmax(-1)


class NoReluInEncoders(_Right):
    def __init__(self, dims, hidden=64, classes=10):
        super().__init__(dims, hidden, classes)
        self.encode = nn.ModuleDict({key: nn.Linear(d, hidden) for key, d in dims.items()})


class EncodersInADict(_Right):
    def __init__(self, dims, hidden=64, classes=10):
        super().__init__(dims, hidden, classes)
        del self.encode
        self.encode = {key: nn.Sequential(nn.Linear(d, hidden), nn.ReLU()) for key, d in dims.items()}


class AllAtOnce(nn.Module):
    def __init__(self, dims, hidden=64, classes=10):
        super().__init__()
        self.encode = nn.ModuleDict({key: nn.Sequential(nn.Linear(d, hidden), nn.ReLU()) for key, d in dims.items()})
        self.join = ConcatFusion(dict.fromkeys(dims, hidden), hidden)
        self.scores = nn.Linear(hidden, classes)

    def forward(self, inputs):
        return self.scores(self.join({key: layer(inputs[key]) for key, layer in self.encode.items()}).relu())


class ForgetsTheChange(_Right):
    def forward(self, inputs):
        return super().forward(inputs | {"change": 0 * inputs["change"]})


WRONG = {
    "7.1": [
        (plain_product, "underflows"),
        (in_numpy, "torch tensor"),
        (not_scaled, "do not sum to 1"),
        (left_as_logarithms, "go back with softmax"),
        (log_softmax_at_the_end, "take exponentials at the end"),
        (mean_of_logarithms, "you averaged the logarithms"),
        (average, "the average of the decisions"),
        (softmax_of_probabilities, "add their logarithms"),
        (scaled_over_items, "scaled over the items"),
        (scaled_all_together, "all items together"),
        (over_the_classes, "multiply over the models"),
        (without_the_clamp, "must count as 1e-12"),
    ],
    "7.2": [
        (weights_on_probabilities, "put the weights on the logarithms"),
        (rows_not_scaled, "left out the scaling"),
        (divided, "as a temperature does"),
        (softmax_twice, "applies softmax again"),
        (weights_made_to_sum_to_one, "scaled the weights"),
        (weights_through_softmax, "softmax of weights"),
        (mean_over_models, "averaged over the models"),
        (summed_over_items, "summed over the items"),
        (one_an_item, "return one number"),
        (wrong_sign, "sign is wrong"),
        (weights_forgotten, "without weights"),
        (gradient_cut, "no gradient flows back"),
    ],
    "7.3": [
        (asks_when_sure, "ask where it is not"),
        (asks_at_the_border, "exactly at the threshold"),
        (looks_at_the_second, "not the second"),
        (looks_at_the_first_class, "largest probability of each row, not the first"),
        (looks_at_the_mean, "always 1 / K"),
        (looks_at_any, "some small probability"),
        (asks_everybody, "you ask for every item"),
        (overwrites_the_first, "changed an input in place"),
        (scaled_together, "scaled all rows together"),
        (scaled_asked_rows_together, "scaled the asked rows together"),
        (scaled_down_the_columns, "down the columns"),
        (second_alone, "second model's alone"),
        (averaged, "you averaged them"),
        (product_left_raw, "do not sum to 1"),
        (everybody_multiplied, "for every item"),
        (rows_exchanged, "exchanged"),
        (only_the_probabilities, "return two things"),
    ],
    "7.4": [
        (PictureFirst, "already in the first fusion"),
        (NoReluBetween, "after the first fusion"),
        (NoReluAtTheEnd, "before the scores"),
        (SoftmaxInside, "leave the softmax to the loss"),
        (NoReluInEncoders, "in the encoders"),
        (EncodersInADict, "nn.ModuleDict"),
        (AllAtOnce, "all three at once"),
        (ForgetsTheChange, "'change' holds changes nothing"),
    ],
}
