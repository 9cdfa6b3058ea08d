"""Checks of lesson 03: shared error, information added, decomposition, products."""

import numpy as np

from mmcourse.check.engine import Mistake, close, exercise, require


@exercise("3.1")
def ex3_1(shared_error):
    """Shared error: average product of the errors of two different members."""
    rng = np.random.default_rng(31)
    predictions, target = rng.uniform(size=(4, 60)) ** 2, rng.integers(2, size=60)
    errors = predictions - target
    table = errors @ errors.T / errors.shape[1]
    others = ~np.eye(4, dtype=bool)
    expected = table[others].mean()
    answer = shared_error(predictions.copy(), target.copy())
    if close(answer, expected):
        return
    apart = "the errors keep their mean, because a bias that all members have is shared error too"
    mistakes = {
        "a member's product with itself is still in it, so this is the error of the whole ensemble": table.mean(),
        "this is v, the members' own squared errors; take products of two different members": np.diag(table).mean(),
        "divide by M (M - 1), not M²: that many products are left without the diagonal": expected * 3 / 4,
        "every pair stands in the table twice, and you divided by half of them": 2 * expected,
        "you summed over the rows; take their average": expected * errors.shape[1],
        "you multiplied predictions; subtract the target first": (predictions @ predictions.T / 60)[others].mean(),
        f"this is a correlation of the errors; {apart}": np.corrcoef(errors)[others].mean(),
        f"this is a covariance of the errors; {apart}": np.cov(errors, ddof=0)[others].mean(),
    }
    for message, value in mistakes.items():
        require(not close(answer, value), message)
    covariance = np.cov(errors)[others].mean()
    require(not close(answer, covariance), f"this is a covariance of the errors; {apart}")
    require(False, f"expected {expected:.4f} for four random members, got {float(answer):.4f}")


def _entropy(table):
    p = table[table > 0]
    return -np.sum(p * np.log2(p))


def _information(table):
    return _entropy(table.sum(axis=1)) + _entropy(table.sum(axis=0)) - _entropy(table)


def _added(joint):
    """Bits about the last axis that the second adds to the first."""
    weights = joint.sum(axis=(1, 2))
    return sum(w * _information(slab / w) for w, slab in zip(weights, joint, strict=True) if w > 0)


@exercise("3.2")
def ex3_2(what_the_ear_adds):
    """Conditional mutual information of ear and answer, given the eye, in bits."""
    joint = np.random.default_rng(32).dirichlet(np.full(12, 0.5)).reshape(3, 2, 2)
    expected = _added(joint)
    answer = what_the_ear_adds(joint.copy())
    if not close(answer, expected):
        slices = [_information(slab / slab.sum()) for slab in joint]
        both = _information(joint.reshape(-1, 2))
        took, take = "you took away what", "take away what eye and answer do, sum out axis 1"
        mistakes = {
            "this is what the ear tells alone; what it adds depends on what the eye sees": _information(joint.sum(0)),
            "this is what the eye adds to the ear": _added(joint.transpose(1, 0, 2)),
            "this is information between eye and ear for each answer": _added(joint.transpose(2, 0, 1)),
            "this is what the eye tells alone: you summed out the ear, axis 1": _information(joint.sum(1)),
            "this compares eye and ear: you summed out the answer, axis 2": _information(joint.sum(2)),
            f"{took} eye and ear tell about each other (axis 2 summed out); {take}": both - _information(joint.sum(2)),
            "this is in nats; use log2 for bits": expected * np.log(2),
            "weigh each slice by how often the eye sees it": np.mean(slices),
            "you summed the slices; weigh each by how often the eye sees it": np.sum(slices),
            "this is what both tell together; take away what the eye tells": both,
            "make each slice add up to one before you measure its information": sum(map(_information, joint)),
        }
        for message, value in mistakes.items():
            require(not close(answer, value), message)
        require(False, f"expected {expected:.4f} bits for a random table, got {float(answer):.4f}")
    rare = np.concatenate([joint[:2] / joint[:2].sum(), np.zeros((1, 2, 2))])
    unseen = "when the eye never sees one of its values you compute 0 / 0 or 0 log 0; skip what never happens"
    try:
        with np.errstate(invalid="raise"):
            answer = what_the_ear_adds(rare.copy())
    except (FloatingPointError, ZeroDivisionError):
        raise Mistake(unseen) from None
    require(np.isfinite(answer), "your result is not a number when the eye never sees one of its values")
    require(close(answer, _added(rare)), "a value that the eye never sees must not change the result")


@exercise("3.3")
def ex3_3(mmi):
    """Decomposition by minimum mutual information."""
    for eye, ear, both in ((0.8, 0.5, 1.5), (0.25, 0.75, 1.25)):
        answer = mmi(eye, ear, both)
        low, high = min(eye, ear), max(eye, ear)
        expected = (low, eye - low, ear - low, both - high)
        if close(answer, expected):
            continue
        got = np.asarray(answer, dtype=float)
        told = f"for eye {eye}, ear {ear}, both {both}"
        require(not close(got[0], high), f"the redundancy is the smaller of the two, {told}, not the larger")
        require(close(got[0], low), f"the redundancy should be {low} {told}, it is {got[0]:g}")
        require(not close(got[1:3], (eye, ear)), "what a sense tells contains the redundancy; subtract it: U = I - R")
        require(not close(got[1:3], (ear - low, eye - low)), "the two unique parts are swapped: the eye's comes first")
        require(not close(got[3], both - eye - ear), "you took R away twice, once with each sense; add it back once")
        total = f"the four parts should add up to {both} {told}, they add up to {got.sum():g}"
        require(close(got.sum(), both), total)
        require(False, f"expected {expected} {told}, got {tuple(got.tolist())}")


@exercise("3.4")
def ex3_4(product_features):
    """Every product of one number of the eye and one of the ear, row by row."""
    rng = np.random.default_rng(35)
    for width in (3, 4):  # equal widths first: there a wrong product has a shape that can be named
        eye, ear = rng.normal(size=(5, 3)), rng.normal(size=(5, width))
        answer = product_features(eye.copy(), ear.copy())
        grid = np.einsum("na,nb->nab", eye, ear)
        shape = np.shape(answer)
        flatten = f"flatten the two last axes: (N, A, B) becomes (N, A * B), got {shape}"
        require(len(shape) != 3, flatten)
        require(shape != (eye.size, ear.size), "this multiplies across rows: each pair meets its own ear only")
        require(shape != (5, 3 + width), "this puts the numbers side by side; the model needs their products")
        require(shape != (5, 3), "this multiplies number by number; every eye number meets every ear number")
        require(shape != (5,), "you summed the products of a row; keep them apart")
        right = close(answer, grid.reshape(5, -1))
        swapped = "the ear's index should run fastest, in your result the eye's does"
        require(right or not close(answer, grid.transpose(0, 2, 1).reshape(5, -1)), swapped)
        require(right, "the shape is right, the products are not; compare one row with np.outer of its two halves")
