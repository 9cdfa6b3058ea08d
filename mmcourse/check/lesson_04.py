"""Checks of lesson 04: TF-IDF, a cell of HOG, a mel filter, the cepstrum, and copies that do not leak."""

import numpy as np

from mmcourse.check.engine import close, exercise, require


def _idf(counts, *, smooth=1, plus=1):
    df = (counts > 0).sum(axis=0)
    return np.log((smooth + len(counts)) / (smooth + df)) + plus


def _unit(rows, axis=1):
    length = np.sqrt((rows**2).sum(axis=axis, keepdims=True))
    return rows / np.where(length > 0, length, 1)


def _explain(answer, expected, mistakes):
    """Pass if the answer is right; otherwise name the mistake that gives it."""
    if close(answer, expected):
        return
    for message, value in mistakes.items():
        require(np.shape(value) != np.shape(answer) or not close(answer, value), message)


@exercise("4.1")
def ex4_1(tfidf_rows):
    """TF-IDF: weigh counts by rarity, and scale each row to length 1."""
    rng = np.random.default_rng(41)
    counts = rng.poisson(0.7, size=(7, 5))
    counts[:, 0], counts[0, 1] = 3, 4
    counts[:, 1:] += np.eye(7, 4, dtype=counts.dtype)  # every word occurs somewhere
    answer = tfidf_rows(counts.copy())
    occurrences = np.log((1 + len(counts)) / (1 + counts.sum(axis=0))) + 1
    mistakes = {
        "the rows are not scaled yet; divide each by its Euclidean length": counts * _idf(counts),
        "df counts the texts that hold a word, not how often it occurs": _unit(counts * occurrences),
        "the + 1 after the logarithm is missing; a word of every text now weighs nothing": _unit(
            counts * _idf(counts, plus=0)
        ),
        "add 1 to n and to df inside the logarithm": _unit(counts * _idf(counts, smooth=0)),
        "you scaled the columns; the length belongs to each row": _unit(counts * _idf(counts), axis=0),
        "divide by the square root of the sum of squares, not by the sum": counts
        * _idf(counts)
        / (counts * _idf(counts)).sum(axis=1, keepdims=True),
        "the counts are lost: a word that occurs twice weighs twice as much": _unit((counts > 0) * _idf(counts)),
        "the logarithm is the natural one, np.log": _unit(counts * ((_idf(counts) - 1) / np.log(10) + 1)),
        "these are scaled counts: df belongs to the words, one a column; a weight for a whole row cancels when you scale": _unit(
            counts
        ),
    }
    _explain(answer, _unit(counts * _idf(counts)), mistakes)
    require(
        close(answer, _unit(counts * _idf(counts))),
        "the weights are not right; compare with the small table printed above",
    )
    empty = np.vstack([counts, np.zeros(5, dtype=counts.dtype)])
    with np.errstate(all="ignore"):
        answer = tfidf_rows(empty.copy())
    require(np.isfinite(answer).all(), "a text without any word gives 0 / 0; its row should stay zero")
    require(close(answer, _unit(empty * _idf(empty))), "with a row of zeros among the texts the weights are not right")


def _votes(length, angle, *, width=20.0, weight=True):
    number = np.floor(angle / width).astype(int) % 9
    return np.bincount(number.ravel(), weights=length.ravel() if weight else None, minlength=9)[:9].astype(float)


@exercise("4.2")
def ex4_2(cell_histogram):
    """The votes of one cell for nine directions."""
    rng = np.random.default_rng(42)
    length, angle = rng.random((8, 8)), rng.uniform(0, 180, (8, 8))
    angle[0, :3], length[0, :3] = (20.0, 40.0, 160.0), 2.0  # the borders belong to the bin above
    answer = cell_histogram(length.copy(), angle.copy())
    expected = _votes(length, angle)
    nearest = "you rounded to the nearest; an angle of 39 belongs to number 1, which runs from 20 to 40"
    mistakes = {
        "you counted pixels; each votes with its length": _votes(length, angle, weight=False),
        "nine numbers cover 180 degrees, so each is 20 wide; yours are 40 wide": _votes(length, angle, width=40.0),
        nearest: _votes(length, angle + 10),
        f"{nearest}, and above 170 the votes are lost": _votes(length * (angle < 170), angle + 10),
        "you divided by the 64 pixels; just add up": expected / 64,
        "you scaled the histogram; scaling comes later, a block at a time": expected / expected.sum(),
        "you scaled the histogram to length 1; that comes later, a block at a time": _unit(expected, axis=0),
        "you averaged the lengths of each number; add them up": expected
        / np.maximum(_votes(length, angle, weight=False), 1),
        "an angle of exactly 20 belongs to number 1, exactly 40 to number 2: bins include their lower end": _votes(
            length, np.nextafter(angle, -1) % 180
        ),
    }
    _explain(answer, expected, mistakes)
    require(close(answer, expected), "the votes are not right; try a cell with all angles 55: all votes go to number 2")
    answer = cell_histogram(np.full((8, 8), 0.5), np.full((8, 8), 55.0))
    require(close(answer, 32 * np.eye(9)[2]), "a number that nobody votes for should be 0, at its place among the nine")


@exercise("4.3")
def ex4_3(triangle):
    """One triangular filter of area 1."""
    frequencies = np.linspace(0, 1000, 41)
    left, centre, right = 110.0, 260.0, 710.0
    answer = triangle(frequencies.copy(), left, centre, right)
    rising, falling = (frequencies - left) / (centre - left), (right - frequencies) / (right - centre)
    shape = np.maximum(np.minimum(rising, falling), 0)
    expected = 2 * shape / (right - left)
    mistakes = {
        "the peak is 1, however wide the triangle; it is the area that should be 1, so a wide one is lower": shape,
        "the area is one half: a triangle fills only half of the box around it": expected / 2,
        "outside of left and right it must be 0; yours goes below": 2 * np.minimum(rising, falling) / (right - left),
        "you took the larger of the two lines; the triangle is the smaller one": 2
        * np.maximum(np.maximum(rising, falling), 0)
        / (right - left),
        "it adds up to 1 over the frequencies given; make its area 1, which depends on left and right only": shape
        / shape.sum(),
        "only the rising side is there; beyond the centre it falls again": 2
        * np.where(frequencies <= centre, shape, 0)
        / (right - left),
        "this is a box; the sides should be sloped": np.where(shape > 0, 1 / (right - left), 0.0),
    }
    _explain(answer, expected, mistakes)
    require(close(answer, expected), "the filter is not right; draw it: 0 at left, highest at centre, 0 at right")


@exercise("4.4")
def ex4_4(cepstrum):
    """The cosine transform of bands in decibels."""
    decibel = np.random.default_rng(44).normal(-30, 10, size=(11, 6))
    answer = cepstrum(decibel.copy(), 5)
    k, m = np.arange(5)[:, None], np.arange(11)
    scale = np.where(k == 0, np.sqrt(1 / 11), np.sqrt(2 / 11))
    waves = np.cos(np.pi * k / 11 * (m + 0.5))
    expected = scale * waves @ decibel
    everything = np.cos(np.pi * np.arange(11)[:, None] / 11 * (m + 0.5)) @ decibel
    mistakes = {
        "the scale is missing: multiply row k by s_k": waves @ decibel,
        "row 0 has its own scale, the root of 1 / M": np.sqrt(2 / 11) * waves @ decibel,
        "only row 0 has the scale root of 1 / M; the others have the root of 2 / M": np.sqrt(1 / 11) * waves @ decibel,
        "the half is missing: the cosine is taken at m + 1/2": scale * np.cos(np.pi * k / 11 * m) @ decibel,
        "the formula has a cosine, you took the sine": scale * np.sin(np.pi * k / 11 * (m + 0.5)) @ decibel,
        "k starts at 0; yours starts at 1": np.sqrt(2 / 11) * np.cos(np.pi * (k + 1) / 11 * (m + 0.5)) @ decibel,
        "M is the number of bands (rows of decibel), not of coefficients": np.where(
            k == 0, np.sqrt(1 / 5), np.sqrt(2 / 5)
        )
        * np.cos(np.pi * k / 5 * (m + 0.5))
        @ decibel,
        "you took out the scale's root: s_k is the root of 2 / M": np.where(k == 0, 1 / 11, 2 / 11) * waves @ decibel,
    }
    require(np.shape(answer) != np.shape(expected.T), "the result should have shape (count, T); yours is turned over")
    require(np.shape(answer) != everything.shape, "keep only the first `count` coefficients")
    _explain(answer, expected, mistakes)
    require(close(answer, expected), "the coefficients are not right; with flat bands all but the first are 0")


@exercise("4.5")
def ex4_5(split_then_augment):
    """Set the test rows aside, then copy the training rows."""
    rng = np.random.default_rng(45)
    x, y = rng.normal(size=(9, 3)), np.arange(9)
    test = np.array([False, True, False, False, True, False, False, False, False])
    given = []

    def augment(rows):
        given.extend(np.array(rows))
        return np.asarray(rows) + 100

    answer = split_then_augment(x.copy(), y.copy(), test.copy(), augment)
    require(
        isinstance(answer, tuple | list) and len(answer) == 4, "return four arrays: train_x, train_y, test_x, test_y"
    )
    train_x, train_y, test_x, test_y = (np.asarray(part) for part in answer)
    _no_leak(x, test, train_x, test_x)
    seen = any(close(row, one) for row in given for one in x[test])
    require(not seen, "augment got to see test rows, and may mix them into the copies; take them away first")
    kept = x[~test]
    require(len(train_x) != len(kept), "the training rows have no copies; put augment(train_x) below them")
    require(
        len(train_x) == 2 * len(kept), f"expected {2 * len(kept)} training rows, each and its copy, got {len(train_x)}"
    )
    require(not close(train_x, np.vstack([kept, kept])), "the second half should be changed copies; call augment")
    require(not close(train_x, np.vstack([kept, kept]) + 100), "the originals are gone: keep them above their copies")
    mixed = np.repeat(kept, 2, axis=0) + np.tile([0, 100], len(kept))[:, None]
    require(not close(train_x, mixed), "put all originals first, then all copies")
    require(
        close(train_x, np.vstack([kept, kept + 100])), "put all originals first, then all copies, in the same order"
    )
    require(len(train_y) == len(train_x), f"{len(train_x)} training rows but {len(train_y)} labels; copies need theirs")
    pairs = "the labels do not belong to their rows: y of the originals, then the same again for the copies"
    require(close(train_y, np.tile(y[~test], 2)), pairs)
    require(close(test_y, y[test]), "the test labels are not those of the test rows")


def _no_leak(x, test, train_x, test_x):
    """Check what was set aside before anything else: it is what the exercise is about."""
    require(
        len(test_x) != (~test).sum() or len(train_x) == len(test_x),
        "True in `test` marks what is set aside; yours is reversed",
    )
    require(len(test_x) != 2 * test.sum(), "the test rows should stay as they were, without copies")
    copied = "the test rows were changed; augment the training rows only"
    require(len(test_x) != test.sum() or not close(test_x, x[test] + 100), copied)
    known = {tuple(np.round(row, 9)) for row in x[test]} | {tuple(np.round(row, 9)) for row in x[test] + 100}
    leaked = any(tuple(np.round(row, 9)) in known for row in np.atleast_2d(train_x))
    require(not leaked, "a test row, or a copy of one, is among the training rows: split first, then augment")
    require(close(test_x, x[test]), "test_x should hold the rows that `test` marks, as they were")
