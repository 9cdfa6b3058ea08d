"""Checks of lesson 05: Adam, an LSTM cell, masked attention, precision and recall, freezing."""

import numpy as np

from mmcourse.check.engine import Mistake, close, exercise, require


def _adam(w, gradient, memory, lr, *, first=True, second=True, counted=True, stored=False):
    """Adam's step, and with a switch turned the step of a common mistake."""
    m, v, t = memory
    t = t + 1
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    age = t if counted else t - 1
    fixed_m = m / (1 - 0.9**age) if first else m
    fixed_v = v / (1 - 0.999**age) if second else v
    memory = (fixed_m, fixed_v, t) if stored else (m, v, t)
    return w - lr * fixed_m / (fixed_v**0.5 + 1e-8), memory


def _run(step, w, gradients, memory, lr=0.05):
    for gradient in gradients:
        w, memory = step(w, gradient, memory, lr)
    return w, memory


def _adam_first(adam_step, w, gradient):
    """Take the first step -> w, m and v after it, once the form of the answer is right."""
    import torch

    given = w.clone(), gradient.clone(), torch.zeros(len(w)), torch.zeros(len(w))
    outcome = adam_step(given[0], given[1], (*given[2:], 0), 0.05)
    shape = "return two things: the new w, and the memory (m, v, t)"
    require(isinstance(outcome, tuple) and len(outcome) == 2, shape)
    require(isinstance(outcome[1], tuple | list) and len(outcome[1]) == 3, shape)
    for name, now, before in zip(("w", "gradient", "m", "v"), given, (w, gradient, 0 * w, 0 * w), strict=True):
        place = f"your function changed its argument {name} in place; make a new tensor (a = a + b, not a += b)"
        require(bool((now == before).all()), place)
    first, (m, v, t) = outcome
    require(int(t) == 1, f"the step count t should be 1 after the first step, it is {t}; return it in the memory")
    early = "w is not a number after the first step: count t up BEFORE you correct; 1 - 0.9^0 is 0"
    require(np.isfinite(np.asarray(first)).all(), early)
    return first, m, v


def _adam_tiny(adam_step):
    """Where gradients are tiny or zero, the place of 1e-8 shows."""
    import torch

    after, _ = adam_step(torch.zeros(2), torch.tensor([1e-6, 0.0]), (torch.zeros(2), torch.zeros(2), 0), 1.0)
    require(np.isfinite(np.asarray(after)).all(), "a gradient of 0 gives 0 / 0: add 1e-8 to the root")
    require(not close(after[0], -1.0, 1e-3), "1e-8 is missing: divide by (root of the corrected v) + 1e-8")
    require(close(after[0], -1 / 1.01, 1e-3), "1e-8 is added to the root, outside it: sqrt(v) + 1e-8")


@exercise("5.1")
def ex5_1(adam_step):
    """One step of Adam."""
    import torch

    rng = torch.Generator().manual_seed(51)
    w, gradients = torch.randn(4, generator=rng), 3 * torch.randn(5, 4, generator=rng)
    start = torch.zeros(4), torch.zeros(4), 0
    first, m, v = _adam_first(adam_step, w, gradients[0])
    require(not close(first, _adam(w, -gradients[0], start, 0.05)[0], 1e-5), "you stepped up the gradient: subtract")
    unsquared = "the average v is of squared gradients: 0.999 v + 0.001 g * g"
    require(close(v, 0.001 * gradients[0] ** 2, 1e-5) or not close(v, 0.001 * gradients[0], 1e-5), unsquared)
    swapped = "the rates are swapped: 0.9 and 0.1 belong to m, 0.999 and 0.001 to v"
    require(not close(m, 0.001 * gradients[0], 1e-5), swapped)
    without = {"first": "m starts at 0 and is too small early on: divide it by 1 - 0.9^t"}
    without["second"] = "v starts at 0 and is too small early on: divide it by 1 - 0.999^t"
    require(
        not close(first, _adam(w, gradients[0], start, 0.05, first=False, second=False)[0], 1e-5),
        "both corrections are missing: m / (1 - 0.9^t) and v / (1 - 0.999^t)",
    )
    for name, message in without.items():
        require(not close(first, _adam(w, gradients[0], start, 0.05, **{name: False})[0], 1e-5), message)
    rootless = w - 0.05 * gradients[0] / (gradients[0] ** 2 + 1e-8)
    require(not close(first, rootless, 1e-5), "divide by the root of v, not by v")
    keep = "the memory keeps m and v as they were before the correction"
    require(not close(m, gradients[0], 1e-5), keep)
    end, _ = _run(adam_step, w.clone(), gradients, tuple(start))
    expected, _ = _run(_adam, w, gradients, start)
    got = f"after five steps w should be {expected.numpy().round(4)}, it is {np.asarray(end).round(4)}"
    require(close(end, expected, 1e-5), got)
    _adam_tiny(adam_step)


def _cell(x, h, c, weights, *, order=(0, 1, 2, 3), old=False, squash=True, biases=(1, 1)):
    """An LSTM's step, and with a switch turned the step of a common mistake."""
    w_x, b_x, w_h, b_h = weights
    z = (x @ w_x.T + h @ w_h.T + biases[0] * b_x + biases[1] * b_h).chunk(4, dim=1)
    enter, forget, new, leave = (z[i] for i in order)
    fresh = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
    said = c if old else fresh
    return leave.sigmoid() * (said.tanh() if squash else said), fresh


def _cell_shapes(lstm_cell):
    """One unit, four items: a cut along the wrong axis raises nothing here and shows in the shape."""
    import torch

    zeros = torch.zeros(4, 1)
    weights = torch.zeros(4, 3), torch.zeros(4), zeros, torch.zeros(4)
    outcome = lstm_cell(torch.zeros(4, 3), zeros.clone(), zeros.clone(), weights)
    require(isinstance(outcome, tuple | list) and len(outcome) == 2, "return two tensors: the new h and the new c")
    cut = "for h and c of shape (4, 1) yours have shapes {} and {}: cut z along dim 1, each item into its four parts"
    shapes = [tuple(np.shape(part)) for part in outcome]
    require(shapes == [(4, 1), (4, 1)], cut.format(*shapes))


@exercise("5.2")
def ex5_2(lstm_cell):
    """One step of a long short-term memory."""
    import torch

    rng = torch.Generator().manual_seed(52)
    cell = torch.nn.LSTMCell(3, 5)
    sizes = (20, 3), (20,), (20, 5), (20,)
    weights = tuple(torch.randn(*size, generator=rng) for size in sizes)
    names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
    cell.load_state_dict(dict(zip(names, weights, strict=True)))
    x, h, c = (torch.randn(4, n, generator=rng) for n in (3, 5, 5))
    with torch.no_grad():
        expected = cell(x, (h, c))
    _cell_shapes(lstm_cell)
    said, kept = lstm_cell(x.clone(), h.clone(), c.clone(), weights)
    if close(said, expected[0]) and close(kept, expected[1]):
        return
    require(not (close(said, expected[1]) and close(kept, expected[0])), "return h first, then c")
    mistakes = {
        "the four parts come in the order i, f, n, o; you took them as i, f, o, n": {"order": (0, 1, 3, 2)},
        "the four parts come in the order i, f, n, o; you swapped i and f": {"order": (1, 0, 2, 3)},
        "h is o * tanh(c) with the NEW c; you used the old one": {"old": True},
        "h is o * tanh(c); the tanh is missing": {"squash": False},
        "the biases b_x and b_h are missing": {"biases": (0, 0)},
        "a bias is missing: you added b_x only; add b_h too": {"biases": (1, 0)},
        "a bias is missing: you added b_h only; add b_x too": {"biases": (0, 1)},
    }
    for message, switch in mistakes.items():
        wrong = _cell(x, h, c, weights, **switch)
        require(not (close(said, wrong[0], 1e-5) and close(kept, wrong[1], 1e-5)), message)
    require(not close(kept, _cell(x, 0 * h, c, weights)[1], 1e-5), "the state h does not enter: add h @ w_h.T")
    require(close(kept, expected[1]), "c differs from torch's: new c = sigmoid(f) * old c + sigmoid(i) * tanh(n)")
    raise Mistake("c is right, h differs from torch's: h = sigmoid(o) * tanh(new c)")


def _attend(query, key, value, mask, *, scale=True, hide=float("-inf"), late=False, dim=-1):
    """Masked attention, and with a switch turned the result of a common mistake."""
    scores = query @ key.mT / (query.shape[-1] ** 0.5 if scale else 1.0)
    if late:
        return (scores.softmax(-1) * mask[:, None, :]) @ value
    return scores.masked_fill(~mask[:, None, :], hide).softmax(dim).nan_to_num() @ value


@exercise("5.3")
def ex5_3(masked_attention):
    """Attention that leaves out what the mask leaves out."""
    import torch

    rng = torch.Generator().manual_seed(53)
    query, key, value = (torch.randn(3, *size, generator=rng) for size in ((4, 6), (5, 6), (5, 2)))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 1, 0], [0, 0, 1, 0, 0]]).bool()
    answer = masked_attention(query.clone(), key.clone(), value.clone(), mask.clone())
    expected = _attend(query, key, value, mask)
    if not close(answer, expected, 1e-5):
        mistakes = {
            "the mask has no effect: hide its False steps before the softmax": {"mask": torch.ones_like(mask)},
            "the mask is upside down: True means keep": {"mask": ~mask},
            "divide the scores by the root of d, the width of a key": {"scale": False},
            "hidden steps need a score of minus infinity; a score of 0 still gets weight": {"hide": 0.0},
            "you hid steps after the softmax: the weights that are left no longer add up to 1": {"late": True},
            "the softmax must run over the steps, the last axis": {"dim": 1},
        }
        for message, switch in mistakes.items():
            wrong = _attend(query, key, value, switch.pop("mask", mask), **switch)
            require(not close(answer, wrong, 1e-5), message)
        raise Mistake("the result differs from softmax(query @ key' / root of d) @ value over the kept steps")
    empty = mask.clone()
    empty[1] = False
    answer = torch.as_tensor(masked_attention(query.clone(), key.clone(), value.clone(), empty))
    require(not answer.isnan().any(), "where nothing is kept, your result is NaN; return zeros there")
    average = "where nothing is kept you average all steps (a large negative score hides none); return zeros there"
    require(not close(answer[1], value[1].mean(0).expand(4, -1), 1e-4), average)
    require(close(answer[1], 0 * expected[1]), "where nothing is kept, return zeros")
    require(close(answer[[0, 2]], expected[[0, 2]], 1e-5), "an item with nothing kept must not change the other items")


@exercise("5.4")
def ex5_4(precision_recall_f1):
    """Precision, recall and F1 of yes-or-no answers."""
    rng = np.random.default_rng(54)
    true = rng.uniform(size=200) < 0.2
    said = np.where(rng.uniform(size=200) < 0.75, true, rng.uniform(size=200) < 0.4)
    tp, fp, fn = np.sum(said & true), np.sum(said & ~true), np.sum(~said & true)
    precision, recall, f1 = tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)
    answer = precision_recall_f1(said.copy(), true.copy())
    require(np.size(answer) == 3, "return three numbers: precision, recall, F1")
    p, r, f = answer
    swapped = "precision and recall are swapped: precision divides by the alarms, recall by the wanted"
    require(not (close(p, recall) and close(r, precision)), swapped)
    accuracy = "this is accuracy, the share of right answers; precision looks at the alarms only"
    require(not close(p, np.mean(said == true)), accuracy)
    require(close(p, precision), f"precision should be {precision:.3f} here, it is {p:.3f}: hits / all alarms")
    rest = "recall divides by all that are true, hits and misses; you divided by something else"
    require(close(r, recall), f"{rest}: {r:.3f} instead of {recall:.3f}")
    plain = "F1 is not the plain average of the two: it is 2 TP / (2 TP + FP + FN)"
    require(not close(f, (precision + recall) / 2), plain)
    require(not close(f, f1 / 2), "F1 misses its factor 2")
    require(close(f, f1), f"F1 should be {f1:.3f} here, it is {f:.3f}")
    unsure = "when nobody says yes, precision is 0 / 0; return 0 there"
    try:
        with np.errstate(all="raise"):
            silent = precision_recall_f1(np.zeros(5, dtype=bool), np.arange(5) < 2)
            absent = precision_recall_f1(np.zeros(5, dtype=bool), np.zeros(5, dtype=bool))
    except (ZeroDivisionError, FloatingPointError):
        raise Mistake(unsure) from None
    require(close(silent, (0, 0, 0)) and close(absent, (0, 0, 0)), unsure)


@exercise("5.5")
def ex5_5(freeze_except):
    """Freeze all parameters but those of one part; BatchNorm in evaluation mode."""
    from torch import nn

    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5))
    model = nn.ModuleDict({"body": body, "head": nn.Linear(4, 2), "old_head": nn.Linear(4, 2)}).train()
    learning = freeze_except(model, "head")
    free = {name for name, p in model.named_parameters() if p.requires_grad}
    require(free != {n for n, _ in model.named_parameters() if not n.startswith("head")}, "you froze the wrong part")
    require(len(free) < 8, "every parameter can still learn: set requires_grad to False for the others")
    starts = "old_head learns too: the name must START with the prefix, not contain it"
    require(not any(name.startswith("old_head") for name in free), starts)
    require(free, "nothing can learn any more: leave requires_grad at True where the name starts with the prefix")
    require(free == {"head.weight", "head.bias"}, f"what may learn is {sorted(free)}")
    norm = "BatchNorm is still in training mode and would overwrite its averages: call .eval() on every nn.BatchNorm2d"
    require(not body[1].training, norm)
    others = "you put the whole model into evaluation mode; dropout should go on in training. Only BatchNorm changes"
    require(body[2].training, others)
    require(learning is not None, "return the list of parameters that learn")
    returned = {id(p) for p in learning}
    require(returned == {id(p) for p in model["head"].parameters()}, "return exactly the parameters that may learn")
    freeze_except(model, "body")
    require(body[0].weight.requires_grad, "called again with another prefix, the new part must learn: set both ways")
