"""Wrong answers to lesson 03 that a learner plausibly gives, each with a part of the message it must get."""

import numpy as np


def _errors_table(predictions, target):
    errors = predictions - target
    return errors @ errors.T / errors.shape[1]


def with_the_diagonal(predictions, target):
    return _errors_table(predictions, target).mean()


def own_errors(predictions, target):
    return ((predictions - target) ** 2).mean()


def half_the_pairs(predictions, target):
    table = _errors_table(predictions, target)
    count = len(table)
    return (table.sum() - np.trace(table)) / (count * (count - 1) / 2)


def divided_by_m_squared(predictions, target):
    table = _errors_table(predictions, target)
    return (table.sum() - np.trace(table)) / len(table) ** 2


def not_averaged_over_rows(predictions, target):
    errors = predictions - target
    table = errors @ errors.T
    return table[~np.eye(len(table), dtype=bool)].mean()


def without_target(predictions, target):
    return _errors_table(predictions, 0 * target)[~np.eye(len(predictions), dtype=bool)].mean()


def correlation(predictions, target):
    return np.corrcoef(predictions - target)[~np.eye(len(predictions), dtype=bool)].mean()


def covariance(predictions, target):
    return np.cov(predictions - target)[~np.eye(len(predictions), dtype=bool)].mean()


def _information(table, log=np.log2):
    def entropy(p):
        return -np.sum(p[p > 0] * log(p[p > 0]))

    return entropy(table.sum(1)) + entropy(table.sum(0)) - entropy(table)


def ear_alone(joint):
    return _information(joint.sum(axis=0))


def eye_given_ear(joint):
    return sum(p.sum() * _information(p / p.sum()) for p in joint.transpose(1, 0, 2))


def senses_given_answer(joint):
    return sum(p.sum() * _information(p / p.sum()) for p in joint.transpose(2, 0, 1))


def in_nats(joint):
    return sum(p.sum() * _information(p / p.sum(), np.log) for p in joint)


def plain_mean(joint):
    return np.mean([_information(p / p.sum()) for p in joint])


def plain_sum(joint):
    return sum(_information(p / p.sum()) for p in joint)


def both_together(joint):
    return _information(joint.reshape(-1, joint.shape[2]))


def slices_as_they_are(joint):
    return sum(_information(p) for p in joint)


def eye_alone(joint):
    return _information(joint.sum(axis=1))


def eye_with_ear(joint):
    return _information(joint.sum(axis=2))


def wrong_pair_taken_away(joint):
    return both_together(joint) - eye_with_ear(joint)


def no_zero_guard(joint):
    return sum(p.sum() * _information(p / p.sum()) for p in joint)


def empty_slice(joint):
    weights = joint.sum(axis=(1, 2))
    slices = joint / np.maximum(weights, 1e-300)[:, None, None]
    return sum(w * _information(p) if w > 0 else np.nan for w, p in zip(weights, slices, strict=True))


def larger(eye, ear, both):
    redundant = max(eye, ear)
    return redundant, eye - redundant, ear - redundant, both - eye - ear + redundant


def nothing_subtracted(eye, ear, both):
    return min(eye, ear), eye, ear, both - max(eye, ear)


def taken_twice(eye, ear, both):
    redundant = min(eye, ear)
    return redundant, eye - redundant, ear - redundant, both - eye - ear


def swapped_unique(eye, ear, both):
    redundant = min(eye, ear)
    return redundant, ear - redundant, eye - redundant, both - max(eye, ear)


def synergy_is_all(eye, ear, both):
    redundant = min(eye, ear)
    return redundant, eye - redundant, ear - redundant, both


def average_redundancy(eye, ear, both):
    redundant = (eye + ear) / 2
    return redundant, eye - redundant, ear - redundant, both - eye - ear + redundant


def number_by_number(eye, ear):
    return eye * ear


def side_by_side(eye, ear):
    return np.hstack([eye, ear])


def across_rows(eye, ear):
    return np.outer(eye, ear)


def not_flattened(eye, ear):
    return eye[:, :, None] * ear[:, None, :]


def eye_fastest(eye, ear):
    return (ear[:, :, None] * eye[:, None, :]).reshape(len(eye), -1)


def summed(eye, ear):
    return np.einsum("na,nb->n", eye, ear)


WRONG = {
    "3.1": [
        (with_the_diagonal, "error of the whole ensemble"),
        (own_errors, "this is v"),
        (half_the_pairs, "stands in the table twice"),
        (divided_by_m_squared, "divide by M (M - 1), not M²"),
        (not_averaged_over_rows, "you summed over the rows"),
        (without_target, "subtract the target first"),
        (correlation, "this is a correlation"),
        (covariance, "this is a covariance"),
    ],
    "3.2": [
        (ear_alone, "what the ear tells alone"),
        (eye_given_ear, "what the eye adds to the ear"),
        (senses_given_answer, "between eye and ear for each answer"),
        (in_nats, "nats"),
        (plain_mean, "weigh each slice"),
        (plain_sum, "you summed the slices"),
        (both_together, "what both tell together"),
        (slices_as_they_are, "make each slice add up to one"),
        (eye_alone, "what the eye tells alone"),
        (eye_with_ear, "this compares eye and ear"),
        (wrong_pair_taken_away, "tell about each other (axis 2 summed out)"),
        (no_zero_guard, "0 / 0"),
        (empty_slice, "is not a number when"),
    ],
    "3.3": [
        (larger, "smaller of the two"),
        (nothing_subtracted, "U = I - R"),
        (taken_twice, "add it back once"),
        (swapped_unique, "swapped"),
        (synergy_is_all, "should add up to 1.5"),
        (average_redundancy, "the redundancy should be 0.5"),
    ],
    "3.4": [
        (number_by_number, "number by number"),
        (side_by_side, "side by side"),
        (across_rows, "across rows"),
        (not_flattened, "flatten"),
        (eye_fastest, "in your result the eye's does"),
        (summed, "summed the products"),
    ],
}
