"""The recursions of this room as compiled loops: torch operations in a Python loop would be 60 to 200 times slower.

Each is compiled on its first call (0.5 to 2 seconds) and kept beside this file; where that folder is read-only, in the
user's cache (`NUMBA_CACHE_DIR` moves it); where nothing can be written, it is compiled afresh in each process.
"""

from math import exp, inf, log

import numpy as np
from numba import njit

METRICS = ("sqeuclidean", "euclidean", "cityblock", "cosine")
SQEUCLIDEAN, EUCLIDEAN, CITYBLOCK, COSINE = range(4)


def compiled(function):
    """Compile with numba, and keep the result if there is a folder to keep it in."""
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # numba found no folder that it may write to
        return njit(nogil=True, error_model="numpy")(function)


@compiled
def frame_distances(x, y, metric, first, start, out):
    """Fill out (n,) with distances of columns of x, from `first` on, and of y, from `start` on; metric as below."""
    n = len(out)
    out[:] = 0.0
    for f in range(len(x)):
        a, b = x[f, first : first + n], y[f, start : start + n]
        if metric == COSINE:
            for i in range(n):
                out[i] += a[i] * b[i]
        elif metric == CITYBLOCK:
            for i in range(n):
                out[i] += abs(a[i] - b[i])
        else:
            for i in range(n):
                out[i] += (a[i] - b[i]) * (a[i] - b[i])
    if metric == EUCLIDEAN:
        out[:] = np.sqrt(out)
    elif metric == COSINE:
        out[:] = np.maximum(1.0 - out, 0.0)


@compiled
def dtw_sweep(x, y, metric, low, high):
    """Cost of the cheapest alignment and the move into each cell, one antidiagonal (i + j = k) after the other.

    x (d, T); y (d, S) with time reversed; metric: an index of METRICS; low and high (T + S - 1,): the first and last i
    of each antidiagonal that the window leaves. Moves: 0 both, 1 i only, 2 j only.
    """
    rows, columns, last = x.shape[1], y.shape[1], len(low) - 1
    sums, moves = np.full((3, rows + 1), inf), np.empty((last + 1, (high - low).max() + 1), np.int8)
    distances = np.empty(rows)
    sums[1, 0] = 0.0  # the corner before the first cell
    for k in range(last + 1):
        first, end = low[k], high[k] + 1
        distance, move = distances[first:end], moves[k]
        frame_distances(x, y, metric, first, first + columns - 1 - k, distance)
        new, old, older = sums[k % 3], sums[(k + 2) % 3], sums[(k + 1) % 3]
        new[:] = inf
        here, both, up, left = new[first + 1 : end + 1], older[first:end], old[first:end], old[first + 1 : end + 1]
        for i in range(len(here)):
            best = min(both[i], min(up[i], left[i]))
            here[i] = distance[i] + best
            move[i] = 0 if both[i] == best else (1 if up[i] == best else 2)
    return sums[last % 3, rows], moves


@compiled
def dtw_path(moves, low, rows):
    """Walk back from the last cell to the first: (L, 2)."""
    path, k, i, step = np.empty((len(moves), 2), np.int64), len(moves) - 1, rows - 1, len(moves)
    while k >= 0:
        step -= 1
        path[step] = i, k - i
        move = moves[k, i - low[k]]
        k -= 2 if move == 0 else 1
        i -= 0 if move == 2 else 1
    return path[step:]


@compiled
def soft_dtw_sweep(distances, gamma, weights):
    """Soft cost of one pair with distances (T, S), antidiagonal by antidiagonal.

    Fills weights (3, T + S + 1, T + 1): entry [m, i + j, i] is the share of move m, numbered as in `dtw_sweep`, in the
    soft minimum at cell (i, j).
    """
    rows, columns = distances.shape
    last, sums = rows + columns - 2, np.full((3, rows + 1), inf)
    sums[1, 0] = 0.0
    for k in range(last + 1):
        first, end = max(0, k - columns + 1), min(k, rows - 1) + 1
        new, old, older = sums[k % 3], sums[(k + 2) % 3], sums[(k + 1) % 3]
        new[:] = inf
        for i in range(first, end):
            least = min(older[i], min(old[i], old[i + 1]))
            both, up, left = (
                exp((least - older[i]) / gamma),
                exp((least - old[i]) / gamma),
                exp((least - old[i + 1]) / gamma),
            )
            total = both + up + left
            new[i + 1] = distances[i, k - i] + least - gamma * log(total)
            weights[0, k, i], weights[1, k, i], weights[2, k, i] = both / total, up / total, left / total
    return sums[last % 3, rows]


@compiled
def soft_dtw_gradient(weights, gradient):
    """Fill gradient (T, S) with the derivative of the soft cost by each distance: Cuturi and Blondel's recursion."""
    rows, columns = gradient.shape
    last, sums = rows + columns - 2, np.zeros((3, rows + 1))
    for k in range(last, -1, -1):
        first, end = max(0, k - columns + 1), min(k, rows - 1) + 1
        new, old, older = sums[k % 3], sums[(k + 1) % 3], sums[(k + 2) % 3]
        both, up, left = weights[0, k + 2], weights[1, k + 1], weights[2, k + 1]
        new[:] = 0.0
        for i in range(first, end):
            new[i] = older[i + 1] * both[i + 1] + old[i + 1] * up[i + 1] + old[i] * left[i]
        if k == last:
            new[rows - 1] = 1.0
        for i in range(first, end):
            gradient[i, k - i] = new[i]


@compiled
def soft_dtw_batch(distances, rows, columns, gamma, values, gradient):
    """Fill values (B,) and, unless it is empty, gradient (B, T, S); rows and columns (B,): the length of each pair."""
    for n in range(len(distances)):
        weights = np.zeros((3, rows[n] + columns[n] + 1, rows[n] + 1))
        values[n] = soft_dtw_sweep(distances[n, : rows[n], : columns[n]], gamma, weights)
        if len(gradient):
            soft_dtw_gradient(weights, gradient[n, : rows[n], : columns[n]])


@compiled
def gaussian_log_density(x, means, precisions):
    """Log density of each frame of x (T, d) under each state; means and precisions (d, K) -> (T, K)."""
    result = np.empty((len(x), means.shape[1]))
    constant = np.zeros(means.shape[1])
    for f in range(len(means)):
        constant += 0.5 * np.log(precisions[f] / (2 * np.pi))
    for t in range(len(x)):
        row = result[t]
        row[:] = constant
        for f in range(len(means)):
            for k in range(len(row)):
                row[k] -= 0.5 * (x[t, f] - means[f, k]) ** 2 * precisions[f, k]
    return result


@compiled
def viterbi(emission, log_start, log_transition):
    """The most probable states (T,) and the logarithm of their joint probability with the frames."""
    length, states = emission.shape
    best, before, came = log_start + emission[0], np.empty(states), np.zeros((length, states), np.int32)
    for t in range(1, length):
        before[:] = best
        best[:] = -inf
        for i in range(states):
            for j in range(states):
                score = before[i] + log_transition[i, j]
                if score > best[j]:
                    best[j], came[t, j] = score, i
        best += emission[t]
    path = np.empty(length, np.int64)
    path[-1] = best.argmax()
    for t in range(length - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path, best.max()


@compiled
def forward_scaled(emission, start, transition):
    """Log-likelihood, alpha (T, K) with rows that sum to 1, and each frame's likelihoods over their scale (T, K)."""
    length, states = emission.shape
    alpha, likelihood, total, predicted = np.empty_like(emission), np.zeros_like(emission), 0.0, start.copy()
    for t in range(length):
        if t:
            predicted[:] = 0.0
            for i in range(states):
                for j in range(states):
                    predicted[j] += alpha[t - 1, i] * transition[i, j]
        peak, scale = -inf, 0.0
        for j in range(states):
            if predicted[j] > 0:
                peak = max(peak, emission[t, j])
        for j in range(states):
            if predicted[j] > 0:
                likelihood[t, j] = exp(emission[t, j] - peak)
            alpha[t, j] = predicted[j] * likelihood[t, j]
            scale += alpha[t, j]
        alpha[t] /= scale
        likelihood[t] /= scale
        total += log(scale) + peak
    return total, alpha, likelihood


@compiled
def backward_scaled(total, alpha, likelihood, transition):
    """Posteriors (T, K) and expected number of times each transition was taken (K, K)."""
    states = len(transition)
    beta, ahead, taken = np.ones(states), np.empty(states), np.zeros_like(transition)
    posterior = alpha.copy()
    for t in range(len(alpha) - 2, -1, -1):
        ahead[:] = likelihood[t + 1] * beta
        for i in range(states):
            beta[i] = 0.0
            for j in range(states):
                step = transition[i, j] * ahead[j]
                beta[i] += step
                taken[i, j] += alpha[t, i] * step
        posterior[t] *= beta
    return posterior, taken
