"""Joining short recordings into longer ones whose target is a sequence of labels; and the strings of spoken digits."""

import operator

import numpy as np

from mmcourse.data.canonical import need_level

BLANK = ("",)  # the name of label 0, which fills up short targets and is the blank of CTC


def load_digit_strings(folder, *, length=(1, 6), noise=0.0, count=1500, seed=0):
    """Return recordings of digits joined into strings, without the places of the joints.

    The parts are those of ``spoken_digits``: a recording is in one part only. Training strings take recordings from a
    shuffled deck that is shuffled again when it is used up; validation and test strings deal every recording once, so
    there are fewer of them the longer they are. Between two digits lie 0 to 8 frames that lead from the last frame of
    one to the first of the next. MFCCs are standardised with the training recordings' mean and standard deviation.

    The target is a row of labels, filled up with 0: label 1 is "zero", label 10 is "nine"; ``classes[label]`` is the
    digit. ``groups`` numbers the strings.

    Parameters
    ----------
    length : (int, int)
        Least and greatest number of digits, drawn evenly.
    noise : float
        Standard deviation of Gaussian noise in units of the training frames'. The same seed gives the same strings and
        the same pattern of noise at every level.
    count : int
        Training strings.
    seed : int
        Not negative.

    Returns
    -------
    DataSplits
        Items ``{"audio": (T, 13)}`` and the labels, int64 (greatest length,).

    Raises
    ------
    ValueError
        Lengths that are not 1 <= least <= greatest <= 20, a count below 1, or a negative or non-finite noise.
    """
    from mmcourse.data.speech import load_spoken_digits
    from mmcourse.data.splits import DataSplits, Split

    least, greatest = check_length(length)
    need_level("noise", noise)
    if operator.index(count) < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    spoken = load_spoken_digits(folder)
    every = np.concatenate(list(spoken.train.arrays()[0]["audio"]))
    mean, std, parts = every.mean(0), every.std(0), []
    streams = np.random.SeedSequence(operator.index(seed)).spawn(6)
    for k, (part, strings) in enumerate(((spoken.train, count), (spoken.valid, None), (spoken.test, None))):
        rng, hiss = map(np.random.default_rng, streams[2 * k : 2 * k + 2])
        recordings = [(one - mean) / std for one in part.arrays()[0]["audio"]]
        dealt = deal(len(part), least, greatest, strings, rng)
        audio = [join([recordings[row] for row in rows], rng.integers(0, 9, len(rows))) for rows in dealt]
        audio = [one + np.float32(noise) * hiss.standard_normal(one.shape, dtype=np.float32) for one in audio]
        parts.append(Split({"audio": audio}, padded([part.target[rows] + 1 for rows in dealt], greatest)))
    return DataSplits(*parts, classes=BLANK + spoken.classes)


def deal(cards, least, greatest, count, rng):
    """Return hands of `least` to `greatest` rows from a shuffled deck; without a count, deal every row once."""
    hands, deck = [], rng.permutation(cards)
    while (count is None and len(deck)) or (count is not None and len(hands) < count):
        size = rng.integers(least, greatest + 1)
        if count is None and len(deck) - size < least:
            size = len(deck) if len(deck) <= greatest else len(deck) - least
        elif len(deck) < size:
            deck = np.concatenate([deck, rng.permutation(cards)])
        hands.append(deck[:size])
        deck = deck[size:]
    return hands


def join(pieces, gaps):
    """Join sequences (T, d); ``gaps[i]`` frames lead from piece i to the next one in a straight line."""
    joined = [pieces[0]]
    for before, after, gap in zip(pieces, pieces[1:], gaps, strict=False):
        share = np.linspace(0, 1, gap + 2)[1:-1, None]
        joined += [(1 - share) * before[-1] + share * after[0], after]
    return np.concatenate(joined).astype(np.float32)


def padded(labels, width):
    """Return rows of labels as one int64 array (n, width), filled up with 0."""
    rows = np.zeros((len(labels), width), dtype=np.int64)
    for row, values in zip(rows, labels, strict=True):
        row[: len(values)] = values
    return rows


def check_length(length):
    """Return least and greatest length of a string."""
    least, greatest = map(operator.index, length)
    if not 1 <= least <= greatest <= 20:
        raise ValueError(f"length must be (least, greatest) with 1 <= least <= greatest <= 20, not {length!r}")
    return least, greatest
