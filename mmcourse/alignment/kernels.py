"""The recursions of this room as compiled loops: torch operations in a Python loop would be 60 to 200 times slower.

Each is compiled on its first call (1 to 4 seconds) and kept beside this file; where that folder is read-only, in the
user's cache (`NUMBA_CACHE_DIR` moves it); where nothing can be written, it is compiled afresh in each process.
"""

from math import exp, inf, log

import numpy as np
from numba import njit

METRICS = ("sqeuclidean", "euclidean", "cityblock")  # and cosine: squared, of unit vectors


def compiled(function):
    """Compile with numba, and keep the result if there is a folder to keep it in."""
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # numba found no folder that it may write to
        return njit(nogil=True, error_model="numpy")(function)


@compiled
def frame_distances(x, y, metric, first, start, out):
    """Fill out (n,) with distances of columns of x, from `first` on, and of y, from `start` on; metric: see METRICS."""
    out[:] = 0.0
    for f in range(len(x)):
        a, b = x[f, first : first + len(out)], y[f, start : start + len(out)]
        if metric == 2:
            for i in range(len(out)):
                out[i] += abs(a[i] - b[i])
        else:
            for i in range(len(out)):
                out[i] += (a[i] - b[i]) * (a[i] - b[i])
    if metric == 1:
        out[:] = np.sqrt(out)


@compiled
def dtw_sweep(x, y, metric, low, high):
    """Cost and path of the cheapest alignment, one antidiagonal (cells with i + j = k) after the other.

    x (d, T); y (d, S) with time reversed; metric: see METRICS; low and high (T + S - 1,): the first and last i of each
    antidiagonal that the window leaves.
    """
    i, last = x.shape[1] - 1, len(low) - 1
    sums, moves = np.full((3, i + 2), inf), np.empty((last + 1, (high - low).max() + 1), np.int8)
    distances, path = np.empty(i + 1), np.empty((last + 1, 2), np.int64)
    sums[1, 0] = 0.0  # the corner before the first cell
    for k in range(last + 1):
        first, end = low[k], high[k] + 1
        distance, move = distances[first:end], moves[k]
        frame_distances(x, y, metric, first, first + y.shape[1] - 1 - k, distance)
        new, old, older = sums[k % 3], sums[(k + 2) % 3], sums[(k + 1) % 3]
        new[:] = inf
        here, both, up, left = new[first + 1 : end + 1], older[first:end], old[first:end], old[first + 1 : end + 1]
        for n in range(len(here)):
            best = min(both[n], min(up[n], left[n]))
            here[n] = distance[n] + best
            move[n] = 0 if both[n] == best else (1 if up[n] == best else 2)  # i and j, i alone, j alone
    step, k = last + 1, last
    while k >= 0 and new[-1] < inf:
        step -= 1
        path[step] = i, k - i
        taken = moves[k, i - low[k]]
        k, i = k - (2 if taken == 0 else 1), i - (0 if taken == 2 else 1)
    return new[-1], path[step:]


@compiled
def soft_dtw_sweep(distances, gamma, gradient):
    """Soft cost of one pair with distances (T, S); fills gradient (T, S), unless it is empty, with its derivative."""
    (rows, columns), sharpness = distances.shape, 1.0 / gamma
    sums, weights = np.full((3, rows + 1), inf), np.zeros((3, rows + columns + 1, rows + 1))
    sums[1, 0] = 0.0
    for k in range(rows + columns - 1):
        new, old, older = sums[k % 3], sums[(k + 2) % 3], sums[(k + 1) % 3]
        new[:] = inf
        for i in range(max(0, k - columns + 1), min(k + 1, rows)):
            least = min(older[i], min(old[i], old[i + 1]))
            # minus 1: exp(0), at every cell, takes a branch of its own that no processor predicts
            both, up = exp((least - older[i]) * sharpness - 1.0), exp((least - old[i]) * sharpness - 1.0)
            left = exp((least - old[i + 1]) * sharpness - 1.0)
            total = both + up + left
            new[i + 1] = distances[i, k - i] + least - gamma * (log(total) + 1.0)
            weights[0, k, i], weights[1, k, i], weights[2, k, i] = both / total, up / total, left / total
    cost, sums = new[rows], np.zeros((3, rows + 1))
    sums[(rows + columns) % 3, rows] = weights[0, rows + columns, rows] = 1.0  # the corner after the last cell
    for k in range(rows + columns - 2 if len(gradient) else -1, -1, -1):
        new, old, older = sums[k % 3], sums[(k + 1) % 3], sums[(k + 2) % 3]
        new[:] = 0.0
        for i in range(max(0, k - columns + 1), min(k + 1, rows)):
            new[i] = older[i + 1] * weights[0, k + 2, i + 1] + old[i + 1] * weights[1, k + 1, i + 1]
            new[i] += old[i] * weights[2, k + 1, i]
            gradient[i, k - i] = new[i]
    return cost


@compiled
def viterbi(emission, log_start, log_transition):
    """The most probable states (T,) and the logarithm of their joint probability with the frames."""
    length, states = emission.shape
    best, came = log_start + emission[0], np.zeros((length, states), np.int64)
    for t in range(1, length):
        before, best = best, np.full(states, -inf)
        for i in range(states):
            for j in range(states):
                score = before[i] + log_transition[i, j]
                if score > best[j]:
                    best[j], came[t, j] = score, i
        best += emission[t]
    path = np.full(length, best.argmax())
    for t in range(length - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path, best.max()


@compiled
def forward(emission, start, transition):
    """Log-likelihood, alpha (T, K) with rows that sum to 1, and each frame's likelihoods over their scale (T, K)."""
    alpha, likelihood, total, predicted = np.empty_like(emission), np.zeros_like(emission), 0.0, start.copy()
    for t in range(len(alpha)):
        peak, scale = -inf, 0.0
        for j in range(len(start)):
            if t:
                predicted[j] = 0.0
                for i in range(len(start)):
                    predicted[j] += alpha[t - 1, i] * transition[i, j]
            if predicted[j] > 0:
                peak = max(peak, emission[t, j])
        for j in range(len(start)):
            if predicted[j] > 0:
                likelihood[t, j] = exp(emission[t, j] - peak)
            alpha[t, j] = predicted[j] * likelihood[t, j]
            scale += alpha[t, j]
        alpha[t] /= scale
        likelihood[t] /= scale
        total += log(scale) + peak
    return total, alpha, likelihood


@compiled
def backward(likelihood, transition):
    """Beta (T, K) on the scale of `forward`: alpha * beta are the posteriors."""
    beta = np.ones_like(likelihood)
    for t in range(len(beta) - 2, -1, -1):
        for i in range(len(transition)):
            total = 0.0
            for j in range(len(transition)):
                total += transition[i, j] * likelihood[t + 1, j] * beta[t + 1, j]
            beta[t, i] = total
    return beta


# columns of a tree of prefixes; row 0, the empty one, is no child
PARENT, LABEL, STATE, CHILD, SIBLING, PLACE = range(6)


@compiled
def ctc_grow(frame, tree, nodes, blank, label, follow):
    """Log probability of each prefix with each label added, (K, C), and in column 0 of the prefix as it is.

    blank, label (K,): of the paths that end in a blank and in a label; brought up to date in place.
    """
    grown = np.full((len(nodes), len(frame)), -inf)
    for i, node in enumerate(nodes):
        total = np.logaddexp(blank[i], label[i])
        for c in range(1, len(frame)):
            if follow[tree[node, STATE], c] >= 0:  # a label twice needs a blank between
                grown[i, c] = (blank[i] if c == tree[node, LABEL] else total) + frame[c]
        blank[i], label[i] = total + frame[0], label[i] + frame[tree[node, LABEL]]
    for i, node in enumerate(nodes):
        parent, last = tree[node, PARENT], tree[node, LABEL]
        place = tree[parent, PLACE]
        if last and place < len(nodes) and nodes[place] == parent:  # grown from a shorter prefix: the same, so add
            label[i] = np.logaddexp(label[i], grown[place, last])
            grown[place, last] = -inf
        grown[i, 0] = np.logaddexp(blank[i], label[i])
    return grown


@compiled
def at_rank(values, rank):
    """The number that would stand at place `rank` if values (n,) were sorted (Hoare 1961)."""
    values, low, high = values.copy(), 0, len(values) - 1
    while low < high:
        pivot, i, j = values[(low + high) // 2], low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        low, high = (i if rank > j else low), (j if rank < i else high)
    return values[rank]


@compiled
def largest(values, count):
    """Places of the `count` largest values (n,) above minus infinity, or of all, in order of place."""
    least = at_rank(values, len(values) - count) if count < len(values) else -inf
    room, kept, n = count, np.empty(min(count, len(values)), np.int64), 0
    for value in values:
        room -= value > least
    for place, value in enumerate(values):
        if value > least or (value == least > -inf and room > 0):
            room -= value == least
            kept[n] = place
            n += 1
    return kept[:n]


@compiled
def ctc_sweep(frames, beam, follow, ends):
    """Labels of the most probable prefix of frames (T, C) that may end, and its log probability; -inf if there is none.

    follow (S, C): the state after each label, -1 where it may not follow; ends (S,): whether a prefix may end there.
    """
    tree, used, nodes = np.zeros((1024, 6), np.int64), 1, np.zeros(1, np.int64)
    blank, label = np.zeros(1), np.full(1, -inf)
    for frame in frames:
        grown = ctc_grow(frame, tree, nodes, blank, label, follow)
        kept = largest(grown.ravel(), beam)
        if used + len(kept) > len(tree):
            smaller, tree = tree, np.zeros((2 * len(tree) + len(kept), 6), np.int64)
            tree[:used] = smaller[:used]
        before, nodes = nodes, np.empty(len(kept), np.int64)
        blanks, labels = np.full(len(kept), -inf), np.empty(len(kept))
        for n, place in enumerate(kept):
            i, c = divmod(place, len(frame))
            node = before[i]
            if c == 0:
                blanks[n], labels[n] = blank[i], label[i]
            else:
                labels[n], parent, node = grown[i, c], node, tree[node, CHILD]
                while node and tree[node, LABEL] != c:
                    node = tree[node, SIBLING]
                if not node:
                    node, used = used, used + 1
                    tree[node, PARENT], tree[node, LABEL], tree[node, STATE] = parent, c, follow[tree[parent, STATE], c]
                    tree[node, SIBLING], tree[parent, CHILD] = tree[parent, CHILD], node
            nodes[n], tree[node, PLACE] = node, n
        blank, label = blanks, labels
    best, score = 0, -inf
    for n, node in enumerate(nodes):
        total = np.logaddexp(blank[n], label[n])
        if ends[tree[node, STATE]] and total > score:
            best, score = node, total
    found = np.empty(len(frames), np.int64)
    n = len(found)
    while best:
        n -= 1
        found[n], best = tree[best, LABEL], tree[best, PARENT]
    return found[n:], score
