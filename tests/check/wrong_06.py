"""Wrong answers to lesson 06 that a learner plausibly gives, each with a part of the message it must get."""

import numpy as np
import torch


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


def _together(v, weight, hidden_bias, on=_sigmoid):
    return v.T @ on(v @ weight + hidden_bias) / len(v)


def turned_sign(visible, dream, weight, hidden_bias):
    return _together(dream, weight, hidden_bias) - _together(visible, weight, hidden_bias)


def summed_batch(visible, dream, weight, hidden_bias):
    return len(visible) * (_together(visible, weight, hidden_bias) - _together(dream, weight, hidden_bias))


def without_dream(visible, dream, weight, hidden_bias):
    return _together(visible, weight, hidden_bias)


def one_hidden_state(visible, dream, weight, hidden_bias):
    on = _sigmoid(visible @ weight + hidden_bias)
    return (visible - dream).T @ on / len(visible)


def without_sigmoid(visible, dream, weight, hidden_bias):
    return _together(visible, weight, hidden_bias, lambda a: a) - _together(dream, weight, hidden_bias, lambda a: a)


def without_bias(visible, dream, weight, hidden_bias):
    return _together(visible, weight, 0) - _together(dream, weight, 0)


def rounded(visible, dream, weight, hidden_bias):
    return _together(visible, weight, hidden_bias, lambda a: a > 0) - _together(
        dream, weight, hidden_bias, lambda a: a > 0
    )


def transposed(visible, dream, weight, hidden_bias):
    return -turned_sign(visible, dream, weight, hidden_bias).T


def _errors(rebuilt, features):
    return {name: (rebuilt[name] - features[name]) ** 2 for name in features}


def everything_counts(rebuilt, features, present):
    return sum(x.mean() for x in _errors(rebuilt, features).values()) / len(features)


def times_mask(rebuilt, features, present):
    errors = _errors(rebuilt, features)
    losses = [(x * present[n][:, None]).sum() / (x.shape[1] * present[n].sum().clamp(min=1)) for n, x in errors.items()]
    return sum(losses) / len(losses)


def added_senses(rebuilt, features, present):
    return sum(x[present[n]].mean() for n, x in _errors(rebuilt, features).items())


def over_all_rows(rebuilt, features, present):
    return sum(x[present[n]].sum() / x.numel() for n, x in _errors(rebuilt, features).items()) / len(features)


def pooled(rebuilt, features, present):
    return torch.cat([x[present[n]].flatten() for n, x in _errors(rebuilt, features).items()]).mean()


def summed_row(rebuilt, features, present):
    return sum(x[present[n]].sum(1).mean() for n, x in _errors(rebuilt, features).items()) / len(features)


def summed_squares(rebuilt, features, present):
    return sum(x[present[n]].sum() for n, x in _errors(rebuilt, features).items()) / len(features)


def absolute(rebuilt, features, present):
    return sum((rebuilt[n] - features[n]).abs()[present[n]].mean() for n in features) / len(features)


def mean_of_nothing(rebuilt, features, present):
    return sum(x[present[n]].mean() for n, x in _errors(rebuilt, features).items()) / len(features)


def absent_sense_left_out(rebuilt, features, present):
    losses = [x[present[n]].mean() for n, x in _errors(rebuilt, features).items() if present[n].any()]
    return sum(losses) / len(losses)


def a_number(rebuilt, features, present):
    return float(mean_of_nothing(rebuilt, features, present))


def _whiten(x):
    variances, axes = np.linalg.eigh(np.cov(x.T))
    return axes / np.sqrt(variances)


def _parts(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    a, b = _whiten(x), _whiten(y)
    u, rho, vt = np.linalg.svd((x @ a).T @ (y @ b) / (len(x) - 1))
    return a, b, u, rho, vt


def not_divided(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return (len(x) - 1) * rho[:k], a @ u[:, :k], b @ vt[:k].T


def divided_by_n(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return (len(x) - 1) / len(x) * rho[:k], a @ u[:, :k], b @ vt[:k].T


def not_whitened(x, y, k):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    u, s, vt = np.linalg.svd(x.T @ y / (len(x) - 1))
    return s[:k], u[:, :k], vt[:k].T


def not_centred(x, y, k):
    a, b = _whiten(x), _whiten(y)
    u, s, vt = np.linalg.svd((x @ a).T @ (y @ b) / (len(x) - 1))
    return s[:k], a @ u[:, :k], b @ vt[:k].T


def squared(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return rho[:k] ** 2, a @ u[:, :k], b @ vt[:k].T


def last_ones(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return rho[-k:], a @ u[:, -k:], b @ vt[-k:].T


def whitening_not_undone(x, y, k):
    _, _, u, rho, vt = _parts(x, y)
    return rho[:k], u[:, :k], vt[:k].T


def v_not_transposed(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return rho[:k], a @ u[:, :k], b @ vt[:, :k]


def all_of_them(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return rho, a @ u, b @ vt.T


def only_correlations(x, y, k):
    return _parts(x, y)[3][:k]


def own_signs(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return rho[:k], abs(a @ u[:, :k]), -abs(b @ vt[:k].T)


def unit_directions(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    return rho[:k], *(side / np.linalg.norm(side, axis=0) for side in (a @ u[:, :k], b @ vt[:k].T))


def variance_by_n(x, y, k):
    a, b, u, rho, vt = _parts(x, y)
    scale = np.sqrt(len(x) / (len(x) - 1))
    return rho[:k], scale * a @ u[:, :k], scale * b @ vt[:k].T


def _rank(similarity):
    return (similarity >= np.diag(similarity)[:, None]).sum(axis=1)


def within_columns(similarity, k):
    return (_rank(similarity.T) <= k).mean()


def one_too_many(similarity, k):
    return (_rank(similarity) - 1 <= k).mean()


def one_too_few(similarity, k):
    return (_rank(similarity) < k).mean()


def least_similar(similarity, k):
    return np.mean([i in row for i, row in enumerate(np.argsort(similarity, axis=1)[:, :k])])


def number_of_queries(similarity, k):
    return (_rank(similarity) <= k).sum()


def precision(similarity, k):
    return (_rank(similarity) <= k).mean() / k


def _links(features, edges, own=0.0):
    links = own * torch.eye(len(features))
    for s, t in edges.T.tolist():
        links[t, s] += 1
    return links


def summed(features, edges):
    return _links(features, edges) @ features


def wrong_way(features, edges):
    links = _links(features, edges.flip(0))
    return links @ features / links.sum(1, keepdim=True).clamp(min=1)


def own_included(features, edges):
    links = _links(features, edges, own=1.0)
    return links @ features / links.sum(1, keepdim=True)


def divided_by_sent(features, edges):
    sent = torch.bincount(edges[0], minlength=len(features)).clamp(min=1)
    return summed(features, edges) / sent[:, None]


def lost_messages(features, edges):
    total = torch.zeros_like(features)
    total[edges[1]] += features[edges[0]]
    return total / torch.bincount(edges[1], minlength=len(features)).clamp(min=1)[:, None]


def zero_by_zero(features, edges):
    return summed(features, edges) / torch.bincount(edges[1], minlength=len(features))[:, None]


def keeps_its_own(features, edges):
    count = torch.bincount(edges[1], minlength=len(features))[:, None]
    return torch.where(count > 0, summed(features, edges) / count.clamp(min=1), features)


def divided_by_nodes(features, edges):
    return summed(features, edges) / len(features)


WRONG = {
    "6.1": [
        (everything_counts, "not present count too"),
        (times_mask, "NaN times 0 is NaN"),
        (added_senses, "added up the senses"),
        (over_all_rows, "divided by all rows"),
        (pooled, "the wide sense has more say"),
        (summed_row, "numbers of a row too"),
        (summed_squares, "added up the squares"),
        (absolute, "absolute errors"),
        (mean_of_nothing, "the mean of nothing"),
        (absent_sense_left_out, "still one of the senses"),
        (a_number, "return a torch tensor"),
    ],
    "6.2": [
        (not_divided, "a correlation is at most 1"),
        (divided_by_n, "not by N"),
        (not_whitened, "whiten both views first"),
        (not_centred, "centre both views first"),
        (squared, "squared correlations"),
        (last_ones, "smallest correlations"),
        (whitening_not_undone, "multiply them by the whitening matrix"),
        (v_not_transposed, "V transposed"),
        (all_of_them, "should have shape (2,)"),
        (only_correlations, "return three things"),
        (own_signs, "signs of a pair"),
        (unit_directions, "wrong length"),
        (variance_by_n, "variance 1 (over N - 1)"),
    ],
    "6.3": [
        (within_columns, "compared within columns"),
        (one_too_many, "recall at k + 1"),
        (one_too_few, "recall at k - 1"),
        (least_similar, "least similar items"),
        (number_of_queries, "not their number"),
        (precision, "do not divide by k"),
    ],
    "6.4": [
        (summed, "this is the sum"),
        (wrong_way, "direction is turned"),
        (own_included, "own features are in it"),
        (divided_by_sent, "not by those it sends"),
        (lost_messages, "only the last was kept"),
        (zero_by_zero, "0 / 0"),
        (keeps_its_own, "zeros, not its own"),
        (divided_by_nodes, "mean over all nodes"),
    ],
    "6.5": [
        (turned_sign, "makes the dream cheaper"),
        (summed_batch, "divide by its size"),
        (without_dream, "the dream is missing"),
        (one_hidden_state, "computed from the dream"),
        (without_sigmoid, "through the sigmoid"),
        (without_bias, "hidden bias is missing"),
        (rounded, "use their probabilities"),
        (transposed, "turned over"),
    ],
}
