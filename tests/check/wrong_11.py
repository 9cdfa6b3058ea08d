"""Wrong answers to lesson 11 that a learner plausibly gives, each with a part of the message it must get."""

import numpy as np


def fill(local, moves=((1, 1), (1, 0), (0, 1)), best=min, corner=True, border=False, diagonal=1):
    total = np.full(np.add(local.shape, 1), np.inf if best is min else -np.inf)
    total[0, 0] = 0 if corner else total[0, 1]
    for i, j in np.ndindex(local.shape):
        came = 0 if corner and i + j == 0 else best(total[i + 1 - a, j + 1 - b] for a, b in moves)
        total[i + 1, j + 1] = local[i, j] * (diagonal if came == total[i, j] else 1) + came
    return total if border else total[1:, 1:]


def with_border(local):
    return fill(local, border=True)


def cost_alone(local):
    return fill(local)[-1, -1]


def no_diagonal(local):
    return fill(local, ((1, 0), (0, 1)))


def no_column_step(local):
    return fill(local, ((1, 1), (1, 0)))


def costliest(local):
    return fill(local, best=max)


def no_start(local):
    return fill(local, corner=False)


def zero_start(local):
    return fill(local) - local[0, 0]


def double_diagonal(local):
    return fill(local, diagonal=2)


def zero_border(local):
    total = np.zeros(np.add(local.shape, 1))
    for i, j in np.ndindex(local.shape):
        total[i + 1, j + 1] = local[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return total[1:, 1:]


def in_place(local):
    for i, j in np.ndindex(local.shape):
        before = [local[i - a, j - b] for a, b in ((1, 1), (1, 0), (0, 1)) if i >= a and j >= b]
        local[i, j] += min(before, default=0)
    return local


def summed_up(local):
    return local.cumsum(0).cumsum(1)


def walk(total, order=((1, 1), (1, 0), (0, 1))):
    path = [(total.shape[0] - 1, total.shape[1] - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        steps = [(i - a, j - b) for a, b in order if i >= a and j >= b]
        path.append(min(steps, key=lambda pair: total[pair]))
    return path[::-1]


def backwards(total):
    return walk(total)[::-1]


def without_start(total):
    return walk(total)[1:] or [(0, 0)]


def without_end(total):
    return walk(total)[:-1] or [(0, 0)]


def rows_first(total):
    return walk(total, ((1, 0), (1, 1), (0, 1)))


def columns_first(total):
    return walk(total, ((1, 1), (0, 1), (1, 0)))


def stops_at_edge(total):
    path = [(total.shape[0] - 1, total.shape[1] - 1)]
    while path[-1][0] > 0 and path[-1][1] > 0:
        i, j = path[-1]
        path.append(min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda pair: total[pair]))
    return path[::-1]


def greedy_forward(total):
    path = [(0, 0)]
    while path[-1] != (total.shape[0] - 1, total.shape[1] - 1):
        i, j = path[-1]
        steps = [(i + a, j + b) for a, b in ((1, 1), (1, 0), (0, 1)) if i + a < len(total) and j + b < len(total.T)]
        path.append(min(steps, key=lambda pair: total[pair]))
    return path


def jumps(total):
    return [(0, 0), *([(total.shape[0] - 1, total.shape[1] - 1)] if total.size > 1 else [])]


def unscaled(alpha, transition, log_density):
    new = (alpha @ transition) * np.exp(log_density)
    return new, np.log(new.sum())


def underflowing(alpha, transition, log_density):
    new = (alpha @ transition) * np.exp(log_density)
    with np.errstate(all="ignore"):
        return new / new.sum(), np.log(new.sum())


def transposed(alpha, transition, log_density):
    return underflowing(alpha, transition.T, log_density)


def no_transition(alpha, transition, log_density):
    return underflowing(alpha, np.eye(len(alpha)), log_density)


def no_density(alpha, transition, log_density):
    return alpha @ transition, 0.0


def log_as_density(alpha, transition, log_density):
    new = (alpha @ transition) * log_density
    return new / new.sum(), new.sum()


def sum_returned(alpha, transition, log_density):
    new = (alpha @ transition) * np.exp(log_density)
    return new / new.sum(), new.sum()


def minus_scale(alpha, transition, log_density):
    new, scale = underflowing(alpha, transition, log_density)
    return new, -scale


def peak_forgotten(alpha, transition, log_density):
    return underflowing(alpha, transition, log_density - log_density.max())


def alpha_alone(alpha, transition, log_density):
    return underflowing(alpha, transition, log_density)[0]


def best_path(emission, log_start, log_transition):
    best, came = log_start + emission[0], []
    for frame in emission[1:]:
        ways = best[:, None] + log_transition
        came.append(ways.argmax(0))
        best = ways.max(0) + frame
    path = [int(best.argmax())]
    for row in reversed(came):
        path.append(int(row[path[-1]]))
    return path[::-1]


def best_backwards(emission, log_start, log_transition):
    return best_path(emission, log_start, log_transition)[::-1]


def frame_by_frame(emission, log_start, log_transition):
    return emission.argmax(1)


def start_forgotten(emission, log_start, log_transition):
    return best_path(emission, 0 * np.maximum(log_start, -1e9), log_transition)


def other_way(emission, log_start, log_transition):
    return best_path(emission, log_start, log_transition.T)


def first_frame_forgotten(emission, log_start, log_transition):
    return best_path(np.vstack([0 * emission[:1], emission[1:]]), log_start, log_transition)


def later_frames_forgotten(emission, log_start, log_transition):
    return best_path(np.vstack([emission[:1], 0 * emission[1:]]), log_start, log_transition)


def one_short(emission, log_start, log_transition):
    return best_path(emission, log_start, log_transition)[1:]


def last_frame_forgotten(emission, log_start, log_transition):
    return best_path(np.vstack([emission[:-1], 0 * emission[:1]]), log_start, log_transition)


def running_best(emission, log_start, log_transition):
    best, path = log_start + emission[0], []
    for frame in emission[1:]:
        path.append(int(best.argmax()))
        best = (best[:, None] + log_transition).max(0) + frame
    return [*path, int(best.argmax())]


def each_step(path):
    return path[:, 0].astype(float)


def turned(path):
    return np.bincount(path[:, 0], weights=path[:, 1]) / np.maximum(np.bincount(path[:, 0]), 1)


def per_picture(path, how):
    return np.array([how(path[path[:, 1] == k, 0]) for k in range(path[-1, 1] + 1)])


def firsts(path):
    return per_picture(path, lambda x: x[0])


def lasts(path):
    return per_picture(path, lambda x: x[-1])


def sums(path):
    return per_picture(path, np.sum)


def counts(path):
    return per_picture(path, len)


def whole(path):
    return per_picture(path, np.mean).astype(int)


def over_all(path):
    return per_picture(path, np.sum) / len(path)


WRONG = {
    "11.1": [
        (with_border, "without its border"),
        (cost_alone, "not only the cost in its corner"),
        (no_diagonal, "the diagonal neighbour is missing"),
        (no_column_step, "D(i, j-1) is missing"),
        (costliest, "costliest path"),
        (no_start, "infinite or NaN"),
        (zero_start, "in your table it is 0"),
        (double_diagonal, "counts its distance twice"),
        (zero_border, "first row or column is wrong"),
        (in_place, "changed `local` in place"),
        (summed_up, "only summed up along rows and columns"),
    ],
    "11.2": [
        (backwards, "runs backwards"),
        (without_start, "should start at (0, 0)"),
        (without_end, "should end at"),
        (greedy_forward, "not the cheapest"),
        (rows_first, "of equal neighbours take the diagonal first"),
        (columns_first, "both equal, take (i - 1, j)"),
        (stops_at_edge, "at an edge go on along it"),
        (jumps, "by 0 or 1 in each"),
    ],
    "11.3": [
        (unscaled, "should sum to 1"),
        (underflowing, "near -2000"),
        (transposed, "leads from i to k"),
        (no_transition, "the transition is missing"),
        (no_density, "the densities are missing"),
        (log_as_density, "is a logarithm: take exp"),
        (sum_returned, "you returned the sum itself"),
        (minus_scale, "sign of log_scale is wrong"),
        (peak_forgotten, "put the peak"),
        (alpha_alone, "return two things"),
    ],
    "11.4": [
        (best_backwards, "runs backwards"),
        (frame_by_frame, "best state of each frame alone"),
        (start_forgotten, "log_start is missing"),
        (other_way, "you read it the other way"),
        (first_frame_forgotten, "first frame's emission is missing"),
        (last_frame_forgotten, "last frame's emission is missing"),
        (later_frames_forgotten, "only the first frame's emission counts"),
        (one_short, "return one state a frame"),
        (running_best, "trace back through what you kept"),
    ],
    "11.5": [
        (each_step, "not one a step of the path"),
        (turned, "columns swapped"),
        (firsts, "first sound frames"),
        (lasts, "last sound frames"),
        (sums, "these are sums"),
        (counts, "these are counts"),
        (whole, "rounded the means down"),
        (over_all, "not the mean of the sound frames"),
    ],
}
