"""Wrong answers to lesson 12 that a learner plausibly gives, each with a part of the message it must get."""

import itertools

import numpy as np


def dropped_first(path):
    return [k for k, _ in itertools.groupby(s for s in path if s)]


def each_label_once(path):
    return list(dict.fromkeys(s for s in path if s))


def blanks_kept(path):
    return [k for k, _ in itertools.groupby(path)]


def not_merged(path):
    return [s for s in path if s]


def a_set(path):
    return sorted({s for s in path if s})


def as_tuple(path):
    return tuple(k for k, _ in itertools.groupby(path) if k)


def popped(path):
    text, before = [], 0
    while path:
        symbol = path.pop(0)
        if symbol not in (0, before):
            text.append(symbol)
        before = symbol
    return text


def _extended(target):
    return [0, *itertools.chain(*([label, 0] for label in target))]


def _repeats(target):
    return sum(a == b for a, b in itertools.pairwise(target))


def only_between(target):
    return _extended(target)[1:-1] or [0], len(target) + _repeats(target)


def no_last_blank(target):
    return _extended(target)[:-1], len(target) + _repeats(target)


def no_first_blank(target):
    return _extended(target)[1:], len(target) + _repeats(target)


def only_the_list(target):
    return _extended(target)


def one_step_a_label(target):
    return _extended(target), len(target)


def every_blank(target):
    return _extended(target), len(_extended(target))


def repeats_anywhere(target):
    return _extended(target), 2 * len(target) - len(set(target))


def one_repeat_is_enough(target):
    return _extended(target), len(target) + bool(_repeats(target))


def empty_is_empty(target):
    return (_extended(target), len(target) + _repeats(target)) if target else ([], 0)


def _forward(alpha, frame, extended, skip, add=np.logaddexp, stay=True, one=True):
    new = np.empty(len(extended))
    for s, label in enumerate(extended):
        came = alpha[s] if stay else -np.inf
        if s > 0 and one:
            came = add(came, alpha[s - 1])
        if s > 1 and skip(label, extended[s - 2]):
            came = add(came, alpha[s - 2])
        new[s] = came + frame[label]
    return new


def _legal(label, before):
    return label not in (0, before)


def skips_onto_repeats(alpha, frame, extended):
    return _forward(alpha, frame, extended, lambda label, before: label != 0)


def skips_always(alpha, frame, extended):
    return _forward(alpha, frame, extended, lambda label, before: True)


def never_skips(alpha, frame, extended):
    return _forward(alpha, frame, extended, lambda label, before: False)


def logs_added(alpha, frame, extended):
    return _forward(alpha, frame, extended, _legal, add=np.add)


def best_way_only(alpha, frame, extended):
    return _forward(alpha, frame, extended, _legal, add=np.maximum)


def never_stays(alpha, frame, extended):
    return _forward(alpha, frame, extended, _legal, stay=False)


def never_one_on(alpha, frame, extended):
    return _forward(alpha, frame, extended, _legal, one=False)


def no_emission(alpha, frame, extended):
    return _forward(alpha, np.zeros_like(frame), extended, _legal)


def as_probabilities(alpha, frame, extended):
    return np.exp(_forward(alpha, frame, extended, _legal))


def in_place(alpha, frame, extended):
    for s in reversed(range(len(extended))):
        if s > 0:
            alpha[s] = np.logaddexp(alpha[s], alpha[s - 1])
    return alpha + frame[extended]


def _unguarded(alpha, frame, extended, one, two):
    new = np.empty(len(alpha))
    for s, label in enumerate(extended):
        came = np.logaddexp(alpha[s], alpha[s - 1]) if s > one else alpha[s]
        if s > two and _legal(label, extended[s - 2]):
            came = np.logaddexp(came, alpha[s - 2])
        new[s] = came + frame[label]
    return new


def no_test_of_s(alpha, frame, extended):
    return _unguarded(alpha, frame, extended, -1, -1)


def no_test_of_one(alpha, frame, extended):
    return _unguarded(alpha, frame, extended, -1, 1)


def no_test_of_two(alpha, frame, extended):
    return _unguarded(alpha, frame, extended, 0, -1)


def by_differences(alpha, frame, extended):
    new = np.empty(len(extended))
    for s, label in enumerate(extended):
        ways = [alpha[s]] + [alpha[s - 1]] * (s > 0) + [alpha[s - 2]] * (s > 1 and _legal(label, extended[s - 2]))
        top = max(ways)
        new[s] = top + np.log(sum(np.exp(way - top) for way in ways)) + frame[label]
    return new


def _step(beam, frame, repeat=True, stay=True, blank=True, both=False, merge=True):
    new = {}
    for prefix, (b, w) in beam.items():
        last = prefix[-1] if prefix else 0
        moves = [(prefix, (b + w) * frame[0] * blank, 0.0)]
        moves += [(prefix, 0.0, (b + w if both else w) * frame[last])] if prefix and stay else []
        moves += [((*prefix, k), 0.0, (b if repeat and k == last else b + w) * frame[k]) for k in range(1, len(frame))]
        for longer, p, q in moves:
            before = new.get(longer, (0.0, 0.0)) if merge or longer == prefix else (new.get(longer, (0.0, 0.0))[0], 0.0)
            new[longer] = (before[0] + p, before[1] + q)
    return new


def repeats_from_anywhere(beam, frame):
    return _step(beam, frame, repeat=False)


def never_the_same_label(beam, frame):
    return _step(beam, frame, stay=False)


def no_blank(beam, frame):
    return _step(beam, frame, blank=False)


def same_label_from_both(beam, frame):
    return _step(beam, frame, both=True)


def overwritten(beam, frame):
    return _step(beam, frame, merge=False)


def assigned(beam, frame):
    new = {}
    for prefix, (b, w) in beam.items():
        new[prefix] = ((b + w) * frame[0], w * frame[prefix[-1]] if prefix else 0.0)
        for k in range(1, len(frame)):
            new[(*prefix, k)] = (0.0, (b if prefix and prefix[-1] == k else b + w) * frame[k])
    return new


def _no_repeat(beam, frame, both):
    new = {}
    for prefix, (b, w) in beam.items():
        moves = [(prefix, (b + w) * frame[0], 0.0)]
        for k in range(1, len(frame)):
            same = prefix[-1:] == (k,)
            moves.append(
                (prefix, 0.0, (b + w if both else w) * frame[k]) if same else ((*prefix, k), 0.0, (b + w) * frame[k])
            )
        for longer, p, q in moves:
            before = new.get(longer, (0.0, 0.0))
            new[longer] = (before[0] + p, before[1] + q)
    return new


def never_twice(beam, frame):
    return _no_repeat(beam, frame, both=False)


def repeats_only_merge(beam, frame):
    return _no_repeat(beam, frame, both=True)


def the_best_sixteen(beam, frame):
    new = _step(beam, frame)
    return dict(sorted(new.items(), key=lambda pair: -sum(pair[1]))[:16])


def only_the_likely(beam, frame):
    return {prefix: pair for prefix, pair in _step(beam, frame).items() if sum(pair) > 0}


def numbers_swapped(beam, frame):
    return {prefix: (w, b) for prefix, (b, w) in _step(beam, frame).items()}


def blank_as_label(beam, frame):
    new = _step(beam, frame)
    for prefix, pair in beam.items():
        new[(*prefix, 0)] = (0.0, sum(pair) * frame[0])
    return new


def one_number(beam, frame):
    return {prefix: sum(pair) for prefix, pair in _step(beam, frame).items()}


def _signs(hand, signs):
    return (hand.reshape(len(hand), 21, 2) * signs).reshape(len(hand), 42)


def upside_down(hand):
    return _signs(hand, [1, -1])


def half_a_turn(hand):
    return -hand


def joints_turned(hand):
    return _signs(hand, [-1, 1]).reshape(len(hand), 21, 2)[:, ::-1].reshape(len(hand), 42)


def columns_turned(hand):
    return hand[:, ::-1].copy()


def film_backwards(hand):
    return _signs(hand, [-1, 1])[::-1]


def first_half(hand):
    return np.concatenate([-hand[:, :21], hand[:, 21:]], 1)


def no_negative(hand):
    mirrored = hand.copy()
    mirrored[:, 0::2] = abs(mirrored[:, 0::2])
    return mirrored


def as_in_a_picture(hand):
    mirrored = hand.copy()
    mirrored[:, 0::2] = 1 - mirrored[:, 0::2]
    return mirrored


def same_array(hand):
    hand[:, 0::2] *= -1
    return hand


WRONG = {
    "12.1": [
        (dropped_first, "before merging"),
        (each_label_once, "comes back later"),
        (blanks_kept, "blanks are still"),
        (not_merged, "not merged"),
        (a_set, "collapses to"),
        (as_tuple, "return a list"),
        (popped, "you changed `path`"),
    ],
    "12.2": [
        (only_between, "before the first and after the last"),
        (no_last_blank, "after the last label is missing"),
        (no_first_blank, "before the first label is missing"),
        (only_the_list, "return two things"),
        (one_step_a_label, "one more step"),
        (every_blank, "can be skipped"),
        (repeats_anywhere, "1 2 1 needs 3"),
        (one_repeat_is_enough, "count every repeat"),
        (empty_is_empty, "a single blank"),
    ],
    "12.3": [
        (skips_onto_repeats, "two places before"),
        (skips_always, "never onto a blank"),
        (never_skips, "you never skip"),
        (logs_added, "which multiplies"),
        (best_way_only, "a maximum"),
        (never_stays, "that stay"),
        (never_one_on, "one place before"),
        (no_emission, "add frame[label]"),
        (as_probabilities, "return logarithms"),
        (in_place, "you changed `alpha`"),
        (no_test_of_one, "test s > 0"),
        (no_test_of_two, "two places before it"),
        (no_test_of_s, "reach round"),
        (by_differences, "turn into NaN"),
    ],
    "12.4": [
        (repeats_from_anywhere, "only from paths that end in a blank"),
        (never_the_same_label, "goes to its second number"),
        (no_blank, "its first number is missing"),
        (same_label_from_both, "after a blank it is a new one"),
        (overwritten, "do not overwrite"),
        (assigned, "written over"),
        (never_twice, "from the first number"),
        (repeats_only_merge, "only the second number stays"),
        (the_best_sixteen, "return them all"),
        (only_the_likely, "drop no prefix"),
        (numbers_swapped, "are swapped"),
        (blank_as_label, "never makes a prefix longer"),
        (one_number, "two numbers"),
    ],
    "12.5": [
        (upside_down, "up and down"),
        (half_a_turn, "half a turn"),
        (joints_turned, "order of the joints"),
        (columns_turned, "every second number"),
        (film_backwards, "backwards"),
        (first_half, "alternate"),
        (no_negative, "below 0"),
        (as_in_a_picture, "not 1 - x"),
        (same_array, "you changed `hand`"),
    ],
}
