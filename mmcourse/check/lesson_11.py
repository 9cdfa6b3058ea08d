"""Checks of lesson 11: DTW's table and path, a scaled forward step, Viterbi, from a path to moments."""

import itertools

import numpy as np

from mmcourse.check.engine import close, exercise, require


def _table(local, moves=((1, 1), (1, 0), (0, 1)), best=min, diagonal=1):
    """Accumulate with a choice of moves."""
    total = np.full(np.add(local.shape, 1), np.inf if best is min else -np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(local.shape):
        came = best(total[i + 1 - a, j + 1 - b] for a, b in moves) if i + j else 0.0
        weight = diagonal if (1, 1) in moves and came == total[i, j] else 1
        total[i + 1, j + 1] = weight * local[i, j] + came
    return total[1:, 1:]


@exercise("11.1")
def ex11_1(accumulate):
    """The table of least sums of distances."""
    local = np.random.default_rng(111).integers(1, 60, (5, 8)).astype(float)
    given = local.copy()
    answer = accumulate(given)
    require(np.array_equal(given, local), "you changed `local` in place; fill a new array")
    require(np.shape(answer) != (6, 9), "return the table without its border: as large as `local`")
    require(np.shape(answer) != (), "return the whole table, not only the cost in its corner")
    expected = _table(local)
    mistakes = {
        "the diagonal neighbour is missing: a step may move on in both": _table(local, ((1, 0), (0, 1))),
        "only the diagonal and D(i-1, j) count in your table; D(i, j-1) is missing": _table(local, ((1, 1), (1, 0))),
        "only the diagonal and D(i, j-1) count in your table; D(i-1, j) is missing": _table(local, ((1, 1), (0, 1))),
        "this is the costliest path; take the least of the three neighbours": _table(local, best=max),
        "you only summed up along rows and columns; take the least of three neighbours": local.cumsum(0).cumsum(1),
        "D(0, 0) should be local[0, 0]; in your table it is 0": expected - local[0, 0],
        "the diagonal step counts its distance twice; each cell adds local[i, j] once": _table(local, diagonal=2),
    }
    for message, wrong in mistakes.items():
        require(not (np.shape(answer) == (5, 8) and np.allclose(wrong, answer)), message)
    infinite = (
        "a cell is infinite or NaN: the corner needs a 0 to start from, and every other cell one finite neighbour"
    )
    require(np.isfinite(np.asarray(answer, float)).all(), infinite)
    require(
        not _edges_wrong(answer, expected), "the first row or column is wrong: there is one way only, a running sum"
    )
    require(close(answer, expected), "the table differs from the formula's, for 5 by 8 random distances")


def _edges_wrong(answer, expected):
    """True when the first row or the first column is not a running sum."""
    answer = np.asarray(answer, float)
    if answer.shape != expected.shape:
        return False
    return not (np.allclose(answer[0], expected[0]) and np.allclose(answer[:, 0], expected[:, 0]))


def _walk(total, order=((1, 1), (1, 0), (0, 1))):
    path = [(total.shape[0] - 1, total.shape[1] - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        steps = [(i - a, j - b) for a, b in order if i >= a and j >= b]
        path.append(min(steps, key=lambda pair: total[pair]))
    return path[::-1]


@exercise("11.2")
def ex11_2(trace):
    """The path, traced back."""
    rng = np.random.default_rng(112)
    tables = [_table(rng.integers(1, 60, shape).astype(float)) for shape in ((6, 9), (9, 5), (1, 4), (4, 1), (1, 1))]
    for total in tables:
        corner = (total.shape[0] - 1, total.shape[1] - 1)
        path = [tuple(int(k) for k in pair) for pair in trace(total.copy())]
        size = f"for a table of {total.shape[0]} by {total.shape[1]}"
        require(bool(path), f"the path is empty {size}; it holds at least one pair")
        turned = corner != (0, 0) and path[0] == corner and path[-1] == (0, 0)
        require(not turned, "the path runs backwards: turn the list round at the end")
        edge = ": at an edge go on along it" if 0 in path[0] else ""
        require(path[0] == (0, 0), f"the path should start at (0, 0), not at {path[0]}, {size}{edge}")
        require(path[-1] == corner, f"the path should end at {corner}, not at {path[-1]}, {size}")
        jumps = np.diff(path, axis=0) if len(path) > 1 else np.zeros((0, 2), int)
        outside = min(map(min, path)) < 0
        require(not outside, "the path leaves the table: an index of -1 is the last row or column in Python")
        fits = ((jumps >= 0) & (jumps <= 1)).all() and (jumps.sum(1) >= 1).all()
        require(fits, "a step moves on by 0 or 1 in each of the two, and by 1 in at least one")
        cheap = "this is a path, but not the cheapest: each step back goes to the neighbour with the least D"
        require(path == _walk(total), cheap)
    tie = _table(np.ones((3, 3)) * np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]]))
    path = [tuple(int(k) for k in pair) for pair in trace(tie)]
    require(path == _walk(tie), "of equal neighbours take the diagonal first, then (i - 1, j)")
    ring = _table(np.array([[1.0, 1, 1], [1, 9, 1], [1, 1, 1]]))
    path = [tuple(int(k) for k in pair) for pair in trace(ring)]
    require(path == _walk(ring), "of (i - 1, j) and (i, j - 1), both equal, take (i - 1, j)")


@exercise("11.3")
def ex11_3(forward_step):
    """One scaled step of the forward pass."""
    rng = np.random.default_rng(113)
    alpha, transition = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(4), 4)
    log_density = np.log(rng.uniform(0.1, 0.9, 4))
    answer = forward_step(alpha.copy(), transition.copy(), log_density.copy())
    require(isinstance(answer, tuple | list) and len(answer) == 2, "return two things: new_alpha, log_scale")
    new, scale = answer
    density, onward = np.exp(log_density), alpha @ transition
    joint = onward * density
    total = joint.sum()
    require(np.shape(new) == (4,), f"new_alpha should have shape (4,), it has {np.shape(new)}")
    require(np.ndim(scale) == 0, "log_scale is one number")
    require(not close(new, joint), "new_alpha should sum to 1: divide by the sum")
    back = transition @ alpha * density
    require(
        not close(new, back / back.sum()), "transition[i, k] leads from i to k: alpha @ transition, not the other way"
    )
    stay = alpha * density
    require(not close(new, stay / stay.sum()), "the transition is missing: first move on, then weigh by the density")
    require(not close(new, onward), "the densities are missing: weigh each state by exp(log_density)")
    raw = onward * log_density
    require(not close(new, raw / raw.sum()), "log_density is a logarithm: take exp before you multiply")
    require(close(new, joint / total), "new_alpha is not the sum over i of alpha_i A_ik, times b_k, scaled to sum 1")
    require(not close(scale, total), "log_scale is the logarithm of the sum; you returned the sum itself")
    require(not close(scale, -np.log(total)), "the sign of log_scale is wrong: it is the log of what you divided by")
    peak = log_density.max()
    require(not close(scale, np.log(total) - peak), "put the peak that you took out before exp back into log_scale")
    require(close(scale, np.log(total)), "log_scale is not the logarithm of the sum that you divided by")
    low, low_scale = forward_step(alpha, transition, log_density - 2000)
    lost = "with log densities near -2000 exp gives 0: take the largest out first and add it to log_scale"
    require(bool(np.isfinite(low).all() and np.isfinite(low_scale)), lost)
    require(close(low, new) and close(low_scale, scale - 2000), lost)


def _brute(emission, log_start, log_transition):
    """The best of all paths, by trying each one."""
    length, states = emission.shape

    def value(path):
        steps = sum(log_transition[a, b] for a, b in itertools.pairwise(path))
        return log_start[path[0]] + steps + emission[range(length), path].sum()

    return list(max(itertools.product(range(states), repeat=length), key=value))


@exercise("11.4")
def ex11_4(viterbi):
    """The most probable sequence of states."""
    rng, cases = np.random.default_rng(23), []
    for _ in range(6):
        chances = rng.dirichlet(0.5 * np.ones(3), 4)
        cases.append((3 * rng.standard_normal((5, 3)), np.log(chances[0]), np.log(chances[1:])))
    chain = np.array([[-0.5, -1, -np.inf], [-np.inf, -0.5, -1], [-np.inf, -np.inf, 0.0]])
    cases.append((cases[0][0], np.array([0.0, -np.inf, -np.inf]), chain))
    paths = []
    for case in cases:
        answer = viterbi(*(x.copy() for x in case))
        require(np.ndim(answer) == 1, "return one list of T states")
        require(len(answer) == 5, f"return one state a frame: 5, not {len(answer)}")
        paths.append([int(k) for k in answer])
    right = [_brute(*case) for case in cases]
    require(paths != [path[::-1] for path in right], "the path runs backwards: turn it round at the end")
    alone = "you took the best state of each frame alone; the transitions count too"
    require(paths != [list(emission.argmax(1)) for emission, _, _ in cases], alone)
    first, last, later = (np.isin(np.arange(5), k, invert=True)[:, None] for k in (0, 4, range(1, 5)))
    mistakes = {
        "log_start is missing: the first frame counts it too": lambda e, s, t: (e, 0 * np.maximum(s, -1e9), t),
        "log_transition[i, k] leads from i to k; you read it the other way": lambda e, s, t: (e, s, t.T),
        "the first frame's emission is missing": lambda e, s, t: (first * e, s, t),
        "the last frame's emission is missing": lambda e, s, t: (last * e, s, t),
        "only the first frame's emission counts in your path; add each frame's own": lambda e, s, t: (later * e, s, t),
    }
    for message, change in mistakes.items():  # the chain, where ties are possible, is left out
        require(paths[:-1] != [_brute(*change(*case)) for case in cases[:-1]], message)
    back = "not the most probable sequence: trace back through what you kept, from the best last state"
    require(paths == right, back)


@exercise("11.5")
def ex11_5(moments):
    """The mean sound frame of each picture on a path."""
    path = np.array([[0, 0], [1, 0], [2, 0], [3, 1], [3, 2], [4, 3], [5, 3], [6, 4], [6, 5], [9, 6]])
    answer = moments(path.copy())
    expected = np.array([1, 3, 3, 4.5, 6, 6, 9])
    turned = np.bincount(path[:, 0], weights=path[:, 1]) / np.maximum(np.bincount(path[:, 0]), 1)
    swapped = np.shape(answer) == turned.shape and np.allclose(np.nan_to_num(np.asarray(answer, float)), turned)
    require(not swapped, "columns swapped: one number a picture (column 1), the mean of its sound frames (column 0)")
    require(np.shape(answer) != (10,), "return one number a picture (7 here), not one a step of the path")
    for message, wrong in {
        "these are the first sound frames of each picture; take the mean": [0, 3, 3, 4, 6, 6, 9],
        "these are the last sound frames of each picture; take the mean": [2, 3, 3, 5, 6, 6, 9],
        "these are sums; divide by how many sound frames go with each picture": [3, 3, 3, 9, 6, 6, 9],
        "these are counts; take the mean of the sound frames": [3, 1, 1, 2, 1, 1, 1],
        "you rounded the means down; two frames may have a mean of 0.5": [1, 3, 3, 4, 6, 6, 9],
    }.items():
        require(not close(answer, wrong), message)
    require(close(answer, expected), "not the mean of the sound frames that go with each picture")
