"""Checks of lesson 12: collapsing a path, the extended list, one forward step, one step of the beam, a mirrored hand."""

import itertools
import math
from collections import defaultdict

import numpy as np

from mmcourse.check.engine import close, exercise, require


def _merged(path):
    return [symbol for symbol, _ in itertools.groupby(path) if symbol]


@exercise("12.1")
def ex12_1(collapse):
    """Merge neighbours that are equal, then drop blanks."""
    require(isinstance(collapse([0, 1]), list), f"return a list, not {type(collapse([0, 1])).__name__}")
    require(collapse([]) == [], "an empty path gives an empty list")
    paths = [[0, 3, 3, 0, 3, 1, 1], [2, 2, 0, 0, 2], [1, 2, 1], [0, 0], [3, 0, 1, 1, 0, 4, 4]]
    mistakes = {
        "blanks were dropped before merging, so a blank no longer keeps two equal labels apart": lambda path: [
            k for k, _ in itertools.groupby(s for s in path if s)
        ],
        "a label that comes back later must be kept; only neighbours merge": lambda path: list(
            dict.fromkeys(s for s in path if s)
        ),
        "blanks are still in the text": lambda path: [k for k, _ in itertools.groupby(path)],
        "equal neighbours are not merged": lambda path: [s for s in path if s],
        "the labels came out sorted; keep their order": lambda path: sorted(_merged(path)),
    }
    answers = []
    for path in paths:
        given = list(path)
        answers.append(collapse(given))
        require(given == path, "you changed `path`; make a new list")
    for message, mistake in mistakes.items():
        require(answers != [mistake(path) for path in paths], message)
    for path, answer in zip(paths, answers, strict=True):
        require(answer == _merged(path), f"{path} collapses to {_merged(path)}, yours gives {answer}")


@exercise("12.2")
def ex12_2(with_blanks):
    """The text with blanks around its labels, and the least number of steps."""
    targets = [[1, 1, 2], [3], [], [2, 2, 2], [1, 2, 1], [4, 1, 1, 4]]
    answers = [with_blanks(list(target)) for target in targets]
    right = isinstance(answers[0], tuple) and len(answers[0]) == 2
    require(right, "return two things, the extended list and the number of steps")
    extended, steps = ([answer[k] for answer in answers] for k in (0, 1))
    require(all(isinstance(one, list) for one in extended), "the extended list should be a list")
    between = [list(itertools.chain(*([label, 0] for label in target)))[:-1] for target in targets[:2]]
    require(extended[:2] != between, "a blank also stands before the first and after the last label")
    require(extended[0] != [0, 1, 0, 1, 0, 2], "the blank after the last label is missing")
    require(extended[0] != [1, 0, 1, 0, 2, 0], "the blank before the first label is missing")
    require(extended[2] == [0], "with no label, the extended list is a single blank: [0]")
    for target, one in zip(targets, extended, strict=True):
        expected = [0, *itertools.chain(*([label, 0] for label in target))]
        require(one == expected, f"{target} is extended to {expected}, yours is {one}")
    for wrong, message in (
        ([len(t) for t in targets], "each label that equals the one before needs a blank, so one more step"),
        ([2 * len(t) + 1 for t in targets], "blanks between different labels can be skipped; count only those needed"),
        (
            [len(t) + len(t) - len(set(t)) for t in targets],
            "only neighbours that are equal need a blank; 1 2 1 needs 3 steps",
        ),
        ([len(t) + any(a == b for a, b in itertools.pairwise(t)) for t in targets], "count every repeat, not just one"),
    ):
        require(steps != wrong, message)
    for target, count in zip(targets, steps, strict=True):
        need = len(target) + sum(a == b for a, b in itertools.pairwise(target))
        require(count == need, f"{target} needs {need} steps, yours says {count}")


def _step(alpha, frame, extended, skip="right", emission=True, stay=True, one=True, add=np.logaddexp, wrap=()):
    new = np.empty(len(extended))
    for s, label in enumerate(extended):
        came = alpha[s] if stay else -np.inf
        if one and (s > 0 or 1 in wrap):
            came = add(came, alpha[s - 1])
        allowed = {
            "right": label not in (0, extended[s - 2]),
            "always": True,
            "never": False,
            "labels": label != 0,
            "differs": label != extended[s - 2],
        }[skip]
        if (s > 1 or 2 in wrap) and allowed:
            came = add(came, alpha[s - 2])
        new[s] = came + (frame[label] if emission else 0)
    return new


@exercise("12.3")
def ex12_3(forward_step):
    """Stay, go on, or skip a blank; then the symbol is written."""
    extended, rng = [0, 1, 0, 1, 0, 2, 0, 3, 0], np.random.default_rng(0)
    alpha, frame = np.log(rng.dirichlet(np.ones(9))), np.log(rng.dirichlet(np.ones(4)))
    given = alpha.copy()
    answer = forward_step(given, frame.copy(), list(extended))
    require(np.array_equal(given, alpha), "you changed `alpha`; its old values are still needed, so fill a new array")
    require(np.shape(answer) == (9,), f"return one number a place, shape (9,); yours is {np.shape(answer)}")
    mistakes = {
        "you forgot what the network says in this step: add frame[label]": dict(emission=False),
        "the skip is forbidden onto a label that equals the one two places before (1 – 1)": dict(skip="labels"),
        "nothing may skip a label: the skip is never onto a blank": dict(skip="always"),
        "you never skip a blank between different labels": dict(skip="never"),
        "you forgot the paths that stay": dict(stay=False),
        "you forgot the paths that come from one place before": dict(one=False),
        "logarithms were added, which multiplies; add probabilities with np.logaddexp": dict(add=np.add),
        "you took the best way in (a maximum); add all ways with np.logaddexp": dict(add=np.maximum),
        "place 0 has nothing before it, and alpha[-1] is the last place: test s > 0": dict(wrap=(1,)),
        "place 1 has nothing two places before it, and alpha[-1] is the last place: test s > 1": dict(wrap=(2,)),
        "places 0 and 1 reach round to the end, as alpha[-1]: test s > 0, and s > 1 for the skip": dict(wrap=(1, 2)),
    }
    for message, change in mistakes.items():
        require(not close(answer, _step(alpha, frame, extended, **change)), message)
    expected = _step(alpha, frame, extended)
    require(not close(answer, np.exp(expected)), "return logarithms, not probabilities")
    require(close(answer, expected), "not log(y) + log of the sum of stay, one on and allowed skip")
    start = np.full(9, -np.inf)
    start[:2] = frame[extended[:2]]
    with np.errstate(invalid="ignore", divide="ignore"):
        answer = np.asarray(forward_step(start.copy(), frame, list(extended)), float)
    require(not np.isnan(answer).any(), "impossible places, -inf, turn into NaN; np.logaddexp copes with them")
    require(
        close(np.exp(answer), np.exp(_step(start, frame, extended))), "impossible places, -inf, are treated wrongly"
    )


def _beam(
    beam, frame, repeat=True, twice=True, stay=True, blank=True, both=False, merge=True, emptied=False, put=False
):
    new = defaultdict(lambda: [0.0, 0.0])
    for prefix, (b, w) in beam.items():
        last = prefix[-1] if prefix else 0
        if put:
            new[prefix] = [0.0, 0.0]
        new[prefix][0] += (b + w) * frame[0] * blank
        if prefix and stay:
            new[prefix][1] += (b + w if both else w) * frame[last]
        for k in range(1, len(frame)):
            longer, value = (*prefix, k), (b if repeat and k == last else b + w) * frame[k]
            if put:
                new[longer] = [0.0, 0.0]
            if twice or k != last:
                new[longer][1] = new[longer][1] + value if merge else value
    return {prefix: tuple(pair) for prefix, pair in new.items() if not emptied or sum(pair) > 0}


def _same(one, other):
    return set(one) == set(other) and all(
        math.isclose(a, b, abs_tol=1e-9) for p in one for a, b in zip(one[p], other[p], strict=True)
    )


@exercise("12.4")
def ex12_4(beam_step):
    """Blank, the last label again, or one label more."""
    start, frame = {(): (1.0, 0.0)}, [0.5, 0.2, 0.1, 0.05, 0.15]
    beam = {(1, 2): (0.05, 0.15), (1, 1): (0.0, 0.1), (1,): (0.1, 0.3), (): (0.2, 0.0), (2,): (0.06, 0.04)}
    given = dict(beam)
    first, answer = beam_step(dict(start), list(frame)), beam_step(given, list(frame))
    require(given == beam, "you changed `beam`; make a new dict")
    require(isinstance(answer, dict), f"return a dict, not {type(answer).__name__}")
    for one in (first, answer):
        require(all(isinstance(prefix, tuple) for prefix in one), "prefixes should be tuples of labels")
        pairs = all(np.shape(pair) == (2,) for pair in one.values())
        require(pairs, "each prefix has two numbers, (blank, label)")
    require(
        not (_same(first, {(): (0.5, 0.0), (0,): (0.0, 0.5)}) or any(0 in prefix for prefix in answer)),
        "the blank is no label: it never makes a prefix longer",
    )
    mistakes = {
        "the same label after itself makes the text longer only from paths that end in a blank": dict(repeat=False),
        "a label written again keeps the prefix, and goes to its second number": dict(stay=False),
        "a blank keeps the prefix: its first number is missing": dict(blank=False),
        "only paths that end in the label stay when it is written again; after a blank it is a new one": dict(
            both=True
        ),
        "the same prefix is reached in several ways: add them, do not overwrite": dict(merge=False),
        "a prefix that was already reached is written over: add to what new[prefix] holds": dict(put=True),
        "after a blank a label may come again, (1,) -> (1, 1), from the first number": dict(twice=False),
        "a label may come again after a blank, and only the second number stays": dict(twice=False, both=True),
        "drop no prefix: also those of probability 0 are returned": dict(emptied=True),
    }
    for message, change in mistakes.items():
        require(not _same(answer, _beam(beam, frame, **change)), message)
    swapped = {prefix: pair[::-1] for prefix, pair in _beam(beam, frame).items()}
    require(not _same(answer, swapped), "the two numbers are swapped: first the paths that end in a blank")
    expected = _beam(beam, frame)
    kept = set(expected) & set(answer)
    require(len(kept) == len(expected), f"{len(kept)} of {len(expected)} prefixes; return them all")
    require(_same(answer, expected), "not the sums over blank, same label and one label more")
    require(_same(first, _beam(start, frame)), "the empty prefix has no last label: only the blank keeps it")


@exercise("12.5")
def ex12_5(mirror):
    """Turn the sign of every x."""
    hand = np.random.default_rng(0).standard_normal((3, 42))
    given = hand.copy()
    answer = mirror(given)
    require(np.array_equal(given, hand), "you changed `hand`; make a copy first")
    require(np.shape(answer) == (3, 42), f"the result should have shape (3, 42), it has {np.shape(answer)}")
    x, y = hand[:, 0::2], hand[:, 1::2]
    joints = np.stack([-x, y], 2)
    wrong = {
        "you mirrored up and down; x comes first in each pair": np.stack([x, -y], 2),
        "you turned the hand by half a turn; only x changes its sign": -np.stack([x, y], 2),
        "the order of the joints changed; they stay where they are": joints[:, ::-1],
        "the order of the frames changed, which plays the film backwards": joints[::-1],
        "x and y changed places; leave y where it is": np.stack([y, x], 2),
        "the wrist is at 0, so mirror at 0: -x, not 1 - x": np.stack([1 - x, y], 2),
        "nothing changed": np.stack([x, y], 2),
    }
    for message, values in wrong.items():
        require(not close(answer, values.reshape(3, 42)), message)
    require(not close(answer, np.concatenate([-hand[:, :21], hand[:, 21:]], 1)), "x and y alternate: x, y, x, y, ...")
    require(not close(answer, np.stack([abs(x), y], 2).reshape(3, 42)), "an x below 0 becomes one above 0, and back")
    require(close(answer, joints.reshape(3, 42)), "every second number, from the first, should change its sign")
