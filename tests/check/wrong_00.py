"""Wrong answers to the exercises of lesson 00, each with the message it must get."""

import numpy as np
import torch


def shapes_without_names(sample):
    return [array.shape for array in sample.values()]


def first_axis(sample):
    return {name: len(array) for name, array in sample.items()}


def how_many(sample):
    return {name: array.size for name, array in sample.items()}


def mean_with_padding(values, mask):
    return torch.where(mask[..., None], values, torch.zeros_like(values)).mean(1)


def mask_upside_down(values, mask):
    return torch.where(mask[..., None], torch.zeros_like(values), values).sum(1) / (~mask).sum(
        1, keepdim=True
    ).clamp_min(1)


def no_guard(values, mask):
    return torch.where(mask[..., None], values, torch.zeros_like(values)).sum(1) / mask.sum(1, keepdim=True)


def multiplied(values, mask):
    return (values * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)


def _commonest(targets):
    values, counts = np.unique(targets, return_counts=True)
    return values[counts.argmax()]


def majority_of_test(train_targets, test_targets):
    return np.mean(test_targets == _commonest(test_targets))


def majority_on_train(train_targets, test_targets):
    return np.mean(train_targets == _commonest(train_targets))


def one_in_k(train_targets, test_targets):
    return 1 / len(np.unique(train_targets))


def counted(train_targets, test_targets):
    return np.sum(test_targets == _commonest(train_targets))


def plain_product(queries, items):
    return (queries @ items.T).argmax(1)


def euclidean(queries, items):
    return np.linalg.norm(queries[:, None] - items[None], axis=-1).argmin(1)


def least_similar(queries, items):
    return ((queries @ items.T) / np.linalg.norm(items, axis=1)).argmin(1)


def wrong_axis(queries, items):
    return ((queries @ items.T) / np.linalg.norm(items, axis=1)).argmax(0)


def mask_of_two_axes(values, mask):
    return (values * mask).sum(1) / mask.sum(1, keepdim=True)


def one_length(queries, items):
    return (queries @ (items / np.linalg.norm(items)).T).argmax(1)


WRONG = {
    "0.1": [(shapes_without_names, "return a dict"), (first_axis, "first axis only"), (how_many, "how many numbers")],
    "0.2": [
        (mean_with_padding, "divided by the whole length"),
        (mask_upside_down, "True means keep"),
        (no_guard, "must give zeros"),
        (multiplied, "0 times NaN"),
        (mask_of_two_axes, r"mask[..., None] fits"),
    ],
    "0.3": [
        (majority_of_test, "only learn from training"),
        (majority_on_train, "score it on the test part"),
        (one_in_k, "guessing at random"),
        (counted, "divide by how many"),
    ],
    "0.4": [
        (plain_product, "long items win"),
        (one_length, "by its own length"),
        (euclidean, "nearest by distance"),
        (least_similar, "least similar"),
        (wrong_axis, "one row number for each query"),
    ],
}
