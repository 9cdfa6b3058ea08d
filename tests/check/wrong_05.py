"""Wrong answers to lesson 05 that a learner plausibly gives, each with a part of the message it must get."""

import numpy as np
import torch
from torch import nn


def _adam(w, g, memory, lr, first=True, second=True):
    m, v, t = memory
    t, m, v = t + 1, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    up = m / (1 - 0.9**t) if first else m
    down = v / (1 - 0.999**t) if second else v
    return w - lr * up / (down.sqrt() + 1e-8), (m, v, t)


def uncorrected(w, gradient, memory, lr):
    return _adam(w, gradient, memory, lr, first=False, second=False)


def m_uncorrected(w, gradient, memory, lr):
    return _adam(w, gradient, memory, lr, first=False)


def v_uncorrected(w, gradient, memory, lr):
    return _adam(w, gradient, memory, lr, second=False)


def uphill(w, gradient, memory, lr):
    after, memory = _adam(w, gradient, memory, lr)
    return 2 * w - after, memory


def not_counted(w, gradient, memory, lr):
    after, (m, v, _) = _adam(w, gradient, memory, lr)
    return after, (m, v, memory[2])


def not_squared(w, gradient, memory, lr):
    m, v, t = memory
    t, m, v = t + 1, 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient
    return w - lr * m / (v.abs().sqrt() + 1e-8), (m, v, t)


def swapped_rates(w, gradient, memory, lr):
    m, v, t = memory
    t, m, v = t + 1, 0.999 * m + 0.001 * gradient, 0.9 * v + 0.1 * gradient**2
    return w - lr * (m / (1 - 0.999**t)) / ((v / (1 - 0.9**t)).sqrt() + 1e-8), (m, v, t)


def no_root(w, gradient, memory, lr):
    _, (m, v, t) = _adam(w, gradient, memory, lr)
    return w - lr * (m / (1 - 0.9**t)) / (v / (1 - 0.999**t) + 1e-8), (m, v, t)


def corrected_memory(w, gradient, memory, lr):
    after, (m, v, t) = _adam(w, gradient, memory, lr)
    return after, (m / (1 - 0.9**t), v / (1 - 0.999**t), t)


def only_the_weights(w, gradient, memory, lr):
    return _adam(w, gradient, memory, lr)[0]


def counted_late(w, gradient, memory, lr):
    m, v, t = memory
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    step = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    return w - lr * step, (m, v, t + 1)


def w_in_place(w, gradient, memory, lr):
    after, memory = _adam(w, gradient, memory, lr)
    w.copy_(after)
    return w, memory


def m_in_place(w, gradient, memory, lr):
    after, (m, v, t) = _adam(w, gradient, memory, lr)
    return after, (memory[0].copy_(m), v, t)


def inside_the_root(w, gradient, memory, lr):
    _, (m, v, t) = _adam(w, gradient, memory, lr)
    return w - lr * (m / (1 - 0.9**t)) / (v / (1 - 0.999**t) + 1e-8).sqrt(), (m, v, t)


def no_epsilon(w, gradient, memory, lr):
    _, (m, v, t) = _adam(w, gradient, memory, lr)
    return w - lr * (m / (1 - 0.9**t)) / (v / (1 - 0.999**t)).sqrt(), (m, v, t)


def _gates(x, h, weights):
    w_x, b_x, w_h, b_h = weights
    return (x @ w_x.T + b_x + h @ w_h.T + b_h).chunk(4, dim=1)


def _step(i, f, n, o, c):
    c = f.sigmoid() * c + i.sigmoid() * n.tanh()
    return o.sigmoid() * c.tanh(), c


def other_order(x, h, c, weights):
    i, f, o, n = _gates(x, h, weights)
    return _step(i, f, n, o, c)


def forget_first(x, h, c, weights):
    f, i, n, o = _gates(x, h, weights)
    return _step(i, f, n, o, c)


def c_first(x, h, c, weights):
    return _step(*_gates(x, h, weights), c)[::-1]


def old_memory(x, h, c, weights):
    i, f, n, o = _gates(x, h, weights)
    return o.sigmoid() * c.tanh(), _step(i, f, n, o, c)[1]


def no_tanh(x, h, c, weights):
    i, f, n, o = _gates(x, h, weights)
    new = _step(i, f, n, o, c)[1]
    return o.sigmoid() * new, new


def no_biases(x, h, c, weights):
    w_x, b_x, w_h, b_h = weights
    return _step(*_gates(x, h, (w_x, 0 * b_x, w_h, 0 * b_h)), c)


def no_b_h(x, h, c, weights):
    w_x, b_x, w_h, b_h = weights
    return _step(*_gates(x, h, (w_x, b_x, w_h, 0 * b_h)), c)


def no_b_x(x, h, c, weights):
    w_x, b_x, w_h, b_h = weights
    return _step(*_gates(x, h, (w_x, 0 * b_x, w_h, b_h)), c)


def cut_across(x, h, c, weights):
    w_x, b_x, w_h, b_h = weights
    return _step(*(x @ w_x.T + b_x + h @ w_h.T + b_h).chunk(4, dim=0), c)


def no_state(x, h, c, weights):
    return _step(*_gates(x, 0 * h, weights), c)


def _attend(query, key, value, mask, hide=float("-inf"), scale=None):
    scores = query @ key.mT / (scale or query.shape[-1] ** 0.5)
    return scores.masked_fill(~mask[:, None, :], hide).softmax(-1) @ value


def no_mask(query, key, value, mask):
    return _attend(query, key, value, torch.ones_like(mask))


def upside_down(query, key, value, mask):
    return _attend(query, key, value, ~mask).nan_to_num()


def no_scale(query, key, value, mask):
    return _attend(query, key, value, mask, scale=1.0)


def hidden_by_zero(query, key, value, mask):
    return _attend(query, key, value, mask, hide=0.0)


def masked_after(query, key, value, mask):
    weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1) * mask[:, None, :]
    return weights @ value


def over_queries(query, key, value, mask):
    scores = (query @ key.mT / query.shape[-1] ** 0.5).masked_fill(~mask[:, None, :], float("-inf"))
    return scores.softmax(1).nan_to_num() @ value


def nan_where_empty(query, key, value, mask):
    return _attend(query, key, value, mask)


def large_negative(query, key, value, mask):
    return _attend(query, key, value, mask, hide=-1e9)


def swapped_pair(said, true):
    tp = np.sum(said & true)
    return tp / true.sum(), tp / said.sum(), 2 * tp / (said.sum() + true.sum())


def accuracy_first(said, true):
    tp = np.sum(said & true)
    return np.mean(said == true), tp / true.sum(), 2 * tp / (said.sum() + true.sum())


def recall_of_everything(said, true):
    tp = np.sum(said & true)
    return tp / said.sum(), tp / len(true), 2 * tp / (said.sum() + true.sum())


def plain_average(said, true):
    tp = np.sum(said & true)
    return tp / said.sum(), tp / true.sum(), (tp / said.sum() + tp / true.sum()) / 2


def half_f1(said, true):
    tp = np.sum(said & true)
    return tp / said.sum(), tp / true.sum(), tp / (said.sum() + true.sum())


def no_guard(said, true):
    tp = np.sum(said & true)
    return tp / said.sum(), tp / true.sum(), 2 * tp / (said.sum() + true.sum())


def _freeze(model, learns, norms=True):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = learns(name)
    for module in model.modules():
        if norms and isinstance(module, nn.BatchNorm2d):
            module.eval()
    return [p for p in model.parameters() if p.requires_grad]


def froze_the_head(model, prefix):
    return _freeze(model, lambda name: not name.startswith(prefix))


def contains(model, prefix):
    return _freeze(model, lambda name: prefix in name)


def froze_nothing(model, prefix):
    return _freeze(model, lambda name: True)


def froze_everything(model, prefix):
    return _freeze(model, lambda name: name == prefix)


def norms_forgotten(model, prefix):
    return _freeze(model, lambda name: name.startswith(prefix), norms=False)


def all_evaluate(model, prefix):
    learning = _freeze(model, lambda name: name.startswith(prefix))
    model.eval()
    return learning


def nothing_returned(model, prefix):
    _freeze(model, lambda name: name.startswith(prefix))


def all_returned(model, prefix):
    _freeze(model, lambda name: name.startswith(prefix))
    return list(model.parameters())


def one_way(model, prefix):
    for name, parameter in model.named_parameters():
        if not name.startswith(prefix):
            parameter.requires_grad = False
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return [p for p in model.parameters() if p.requires_grad]


WRONG = {
    "5.1": [
        (uncorrected, "both corrections are missing"),
        (m_uncorrected, "divide it by 1 - 0.9^t"),
        (v_uncorrected, "divide it by 1 - 0.999^t"),
        (uphill, "up the gradient"),
        (not_counted, "should be 1 after the first step"),
        (not_squared, "squared gradients"),
        (swapped_rates, "the rates are swapped"),
        (no_root, "by the root of v"),
        (corrected_memory, "before the correction"),
        (only_the_weights, "return two things"),
        (counted_late, "count t up BEFORE"),
        (w_in_place, "changed its argument w in place"),
        (m_in_place, "changed its argument m in place"),
        (inside_the_root, "outside it"),
        (no_epsilon, "gives 0 / 0"),
    ],
    "5.2": [
        (other_order, "you took them as i, f, o, n"),
        (forget_first, "you swapped i and f"),
        (c_first, "return h first"),
        (old_memory, "with the NEW c"),
        (no_tanh, "the tanh is missing"),
        (no_biases, "the biases"),
        (no_b_h, "you added b_x only"),
        (no_b_x, "you added b_h only"),
        (cut_across, "cut z along dim 1"),
        (no_state, "the state h does not enter"),
    ],
    "5.3": [
        (no_mask, "the mask has no effect"),
        (upside_down, "upside down"),
        (no_scale, "the root of d"),
        (hidden_by_zero, "a score of 0 still gets weight"),
        (masked_after, "no longer add up to 1"),
        (over_queries, "over the steps"),
        (nan_where_empty, "is NaN; return zeros"),
        (large_negative, "you average all steps"),
    ],
    "5.4": [
        (swapped_pair, "swapped"),
        (accuracy_first, "this is accuracy"),
        (recall_of_everything, "hits and misses"),
        (plain_average, "plain average"),
        (half_f1, "factor 2"),
        (no_guard, "0 / 0"),
    ],
    "5.5": [
        (froze_the_head, "wrong part"),
        (contains, "START"),
        (froze_nothing, "every parameter can still learn"),
        (froze_everything, "nothing can learn"),
        (norms_forgotten, "still in training mode"),
        (all_evaluate, "whole model into evaluation"),
        (nothing_returned, "return the list"),
        (all_returned, "exactly the parameters"),
        (one_way, "set both ways"),
    ],
}
