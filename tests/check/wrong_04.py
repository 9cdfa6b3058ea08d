"""Wrong answers to lesson 04 that a learner plausibly gives, each with a part of the message it must get."""

import numpy as np


def _idf(counts, df=None, plus=1, smooth=1):
    df = (counts > 0).sum(axis=0) if df is None else df
    return np.log((smooth + len(counts)) / (smooth + df)) + plus


def _rows(weights):
    length = np.linalg.norm(weights, axis=1, keepdims=True)
    return weights / np.where(length > 0, length, 1)


def not_scaled(counts):
    return counts * _idf(counts)


def occurrences(counts):
    return _rows(counts * _idf(counts, counts.sum(axis=0)))


def along_the_rows(counts):
    return _rows(counts * _idf(counts, (counts > 0).sum(axis=1, keepdims=True)))


def without_plus_one(counts):
    return _rows(counts * _idf(counts, plus=0))


def not_smoothed(counts):
    return _rows(counts * _idf(counts, smooth=0))


def columns_scaled(counts):
    weights = counts * _idf(counts)
    return weights / np.linalg.norm(weights, axis=0)


def divided_by_sum(counts):
    weights = counts * _idf(counts)
    return weights / weights.sum(axis=1, keepdims=True)


def counts_lost(counts):
    return _rows((counts > 0) * _idf(counts))


def scaled_counts(counts):
    return _rows(counts.astype(float))


def empty_text(counts):
    weights = counts * _idf(counts)
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def log_ten(counts):
    return _rows(counts * (np.log10((1 + len(counts)) / (1 + (counts > 0).sum(axis=0))) + 1))


def _votes(length, number):
    return np.array([length[number == k].sum() for k in range(9)])


def pixels_counted(length, angle):
    return np.bincount((angle // 20).astype(int).ravel(), minlength=9)


def full_circle(length, angle):
    return _votes(length, angle // 40)


def rounded(length, angle):
    return _votes(length, np.round(angle / 20).astype(int) % 9)


def rounded_and_lost(length, angle):
    return _votes(length, (angle / 20).round().astype(int))


def averaged_over_pixels(length, angle):
    return _votes(length, angle // 20) / length.size


def as_shares(length, angle):
    votes = _votes(length, angle // 20)
    return votes / votes.sum()


def unit_length(length, angle):
    votes = _votes(length, angle // 20)
    return votes / np.linalg.norm(votes)


def mean_of_each(length, angle):
    number = angle // 20
    return np.array([length[number == k].mean() for k in range(9)])


def upper_end(length, angle):
    return np.array([length[(angle > 20 * k) & (angle <= 20 * k + 20)].sum() for k in range(9)])


def too_short(length, angle):
    return np.bincount((angle // 20).astype(int).ravel(), weights=length.ravel())


def _lines(frequencies, left, centre, right):
    return (frequencies - left) / (centre - left), (right - frequencies) / (right - centre)


def peak_of_one(frequencies, left, centre, right):
    return np.maximum(np.minimum(*_lines(frequencies, left, centre, right)), 0)


def half_the_area(frequencies, left, centre, right):
    return peak_of_one(frequencies, left, centre, right) / (right - left)


def below_zero(frequencies, left, centre, right):
    return np.minimum(*_lines(frequencies, left, centre, right)) * 2 / (right - left)


def larger_line(frequencies, left, centre, right):
    return np.maximum(np.maximum(*_lines(frequencies, left, centre, right)), 0) * 2 / (right - left)


def sums_to_one(frequencies, left, centre, right):
    shape = peak_of_one(frequencies, left, centre, right)
    return shape / shape.sum()


def rising_only(frequencies, left, centre, right):
    rising, _ = _lines(frequencies, left, centre, right)
    return np.where((frequencies >= left) & (frequencies <= centre), rising, 0) * 2 / (right - left)


def box(frequencies, left, centre, right):
    return ((frequencies > left) & (frequencies < right)) / (right - left)


def _waves(bands, count, first=0, half=0.5, wave=np.cos):
    return wave(np.pi * np.arange(first, first + count)[:, None] / bands * (np.arange(bands) + half))


def _scale(bands, count):
    return np.where(np.arange(count) == 0, np.sqrt(1 / bands), np.sqrt(2 / bands))[:, None]


def not_weighted(decibel, count):
    return _waves(len(decibel), count) @ decibel


def same_scale(decibel, count):
    return np.sqrt(2 / len(decibel)) * _waves(len(decibel), count) @ decibel


def first_scale_for_all(decibel, count):
    return np.sqrt(1 / len(decibel)) * _waves(len(decibel), count) @ decibel


def no_half(decibel, count):
    return _scale(len(decibel), count) * _waves(len(decibel), count, half=0) @ decibel


def sine(decibel, count):
    return _scale(len(decibel), count) * _waves(len(decibel), count, wave=np.sin) @ decibel


def from_one(decibel, count):
    return np.sqrt(2 / len(decibel)) * _waves(len(decibel), count, first=1) @ decibel


def all_of_them(decibel, count):
    bands = len(decibel)
    return _scale(bands, bands) * _waves(bands, bands) @ decibel


def turned_over(decibel, count):
    return (_scale(len(decibel), count) * _waves(len(decibel), count) @ decibel).T


def root_forgotten(decibel, count):
    return _scale(len(decibel), count) ** 2 * _waves(len(decibel), count) @ decibel


def augment_first(x, y, test, augment):
    everything, labels, where = np.vstack([x, augment(x)]), np.tile(y, 2), np.tile(test, 2)
    where[len(x) :] = False
    return everything[~where], labels[~where], everything[where], labels[where]


def augmented_then_picked(x, y, test, augment):
    copies = augment(x)
    return np.vstack([x[~test], copies[~test]]), np.tile(y[~test], 2), x[test], y[test]


def both_augmented(x, y, test, augment):
    keep = ~test
    return (
        *(np.vstack([x[keep], augment(x[keep])]), np.tile(y[keep], 2)),
        *(np.vstack([x[test], augment(x[test])]), np.tile(y[test], 2)),
    )


def no_copies(x, y, test, augment):
    return x[~test], y[~test], x[test], y[test]


def copied_unchanged(x, y, test, augment):
    return np.vstack([x[~test], x[~test]]), np.tile(y[~test], 2), x[test], y[test]


def labels_once(x, y, test, augment):
    return np.vstack([x[~test], augment(x[~test])]), y[~test], x[test], y[test]


def labels_repeated(x, y, test, augment):
    return np.vstack([x[~test], augment(x[~test])]), np.repeat(y[~test], 2), x[test], y[test]


def reversed_mask(x, y, test, augment):
    return np.vstack([x[test], augment(x[test])]), np.tile(y[test], 2), x[~test], y[~test]


def test_changed(x, y, test, augment):
    return np.vstack([x[~test], augment(x[~test])]), np.tile(y[~test], 2), augment(x[test]), y[test]


def originals_lost(x, y, test, augment):
    return np.vstack([augment(x[~test]), augment(x[~test])]), np.tile(y[~test], 2), x[test], y[test]


WRONG = {
    "4.1": [
        (not_scaled, "not scaled yet"),
        (occurrences, "not how often it occurs"),
        (along_the_rows, "a weight for a whole row cancels"),
        (without_plus_one, "after the logarithm is missing"),
        (not_smoothed, "add 1 to n and to df"),
        (columns_scaled, "you scaled the columns"),
        (divided_by_sum, "not by the sum"),
        (counts_lost, "the counts are lost"),
        (scaled_counts, "these are scaled counts"),
        (empty_text, "0 / 0"),
        (log_ten, "natural"),
    ],
    "4.2": [
        (pixels_counted, "you counted pixels"),
        (full_circle, "yours are 40 wide"),
        (rounded, "you rounded to the nearest"),
        (rounded_and_lost, "above 170 the votes are lost"),
        (averaged_over_pixels, "64 pixels"),
        (as_shares, "you scaled the histogram;"),
        (unit_length, "to length 1"),
        (mean_of_each, "you averaged the lengths"),
        (upper_end, "include their lower end"),
        (too_short, "shape (3,)"),
    ],
    "4.3": [
        (peak_of_one, "the peak is 1"),
        (half_the_area, "one half"),
        (below_zero, "goes below"),
        (larger_line, "the smaller one"),
        (sums_to_one, "adds up to 1 over the frequencies"),
        (rising_only, "only the rising side"),
        (box, "this is a box"),
    ],
    "4.4": [
        (not_weighted, "the scale is missing"),
        (same_scale, "row 0 has its own scale"),
        (first_scale_for_all, "the others have the root of 2 / M"),
        (no_half, "the half is missing"),
        (sine, "you took the sine"),
        (from_one, "yours starts at 1"),
        (all_of_them, "keep only the first"),
        (turned_over, "turned over"),
        (root_forgotten, "took out the scale's root"),
    ],
    "4.5": [
        (augment_first, "split first, then augment"),
        (augmented_then_picked, "augment got to see test rows"),
        (both_augmented, "without copies"),
        (no_copies, "have no copies"),
        (copied_unchanged, "call augment"),
        (labels_once, "copies need theirs"),
        (labels_repeated, "do not belong to their rows"),
        (reversed_mask, "yours is reversed"),
        (test_changed, "the test rows were changed"),
        (originals_lost, "the originals are gone"),
    ],
}
