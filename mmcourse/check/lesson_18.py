"""Checks of lesson 18: a teacher's loss, new labels, ridge projection, weighed losses, balanced accuracy."""

import math

import numpy as np
import torch

from mmcourse.check.engine import close, exercise, require
from mmcourse.check.tensors import need_tensor, randn


def _wrong_losses(student, teacher, hot):
    def of(q, p):
        return (q.exp() * (q - p)).sum(1).mean()

    def both(temperature, axis=1):
        return [(x / temperature).log_softmax(axis) for x in (teacher, student)]

    (q, p), (cold_q, cold_p) = both(hot), both(1)
    return {
        "do not round the temperature; it may be 1.5": int(hot) ** 2 * of(*both(int(hot))),
        "the factor T squared is missing": of(q, p),
        "the factor is T squared, not T": hot * of(q, p),
        "this is the sum over the rows; take their mean": hot**2 * of(q, p) * len(q),
        "you took the mean over the classes, too; sum over them": hot**2 * of(q, p) / q.shape[1],
        "student and teacher are swapped: the teacher's probabilities weigh the difference": hot**2 * of(p, q),
        "you did not divide the logits by the temperature": hot**2 * of(cold_q, cold_p),
        "divide the student's logits by the temperature, too": hot**2 * of(q, cold_p),
        "divide the teacher's logits by the temperature, too": hot**2 * of(cold_q, p),
        "this is the cross-entropy; the logarithm of the teacher's own probabilities is missing": -(hot**2)
        * (q.exp() * p).sum(1).mean(),
        "multiplying by the temperature sharpens; divide": hot**2 * of(*both(1 / hot)),
        "the softmax goes along the classes, axis 1": hot**2 * of(*both(hot, axis=0)),
        "the sign is wrong: a divergence is never below zero": -(hot**2) * of(q, p),
    }


@exercise("18.1")
def ex18_1(teacher_loss):
    """Distillation: T squared times the mean divergence from the teacher's softened answer."""
    student, teacher, hot = 2 * randn(6, 4, seed=181), 2 * randn(6, 4, seed=182), 1.5
    z, v = student.clone().requires_grad_(), teacher.clone().requires_grad_()
    answer = teacher_loss(z, v, hot)
    require(v.requires_grad, "you changed the teacher itself; detach() returns a copy, detach_() does not")
    require(np.shape(answer.detach()) != (6,), "return one number, the mean over the rows")
    need_tensor(answer, (), "the result")
    q, p = (teacher / hot).log_softmax(1), (student / hot).log_softmax(1)
    each = (q.exp() * (q - p)).sum(1)
    right = hot**2 * each.mean()
    for message, wrong in _wrong_losses(student, teacher, hot).items():
        require(not close(answer.detach(), wrong, tol=1e-5), message)
    require(
        close(answer.detach(), right, tol=1e-5), f"expected {right:.4f} for random logits at T = 1.5, got {answer:.4f}"
    )
    require(answer.requires_grad, "no gradient flows into the student; did you detach it?")
    answer.backward()
    require(v.grad is None or not bool(v.grad.any()), "a gradient flows into the teacher; detach it")
    require(z.grad is not None and bool(z.grad.any()), "no gradient flows into the student; did you detach it?")


def _picked(probabilities, per_class, order=lambda p: np.argsort(-p), favourite=True, score=None):
    labels, score = np.full(len(probabilities), -1), probabilities if score is None else score
    for k in range(probabilities.shape[1]):
        rows = np.flatnonzero(probabilities.argmax(1) == k) if favourite else np.arange(len(labels))
        labels[rows[order(score[rows, k])][:per_class]] = k
    return labels


def _probabilities():
    """Return 40 rows: classes 0 and 1 at random, 2 with leads that contradict the maxima, 3 few and one nearly even."""
    rng = np.random.default_rng(182)
    rows = rng.dirichlet([0.7] * 4, 200)
    rows = rows[rows.argmax(1) < 2][:31]
    close_call = [[0.01, 0.98 - p, p, 0.01] for p in (0.57, 0.55, 0.53, 0.51)]
    clear = [[0.19, 0.2, 0.45, 0.16], [0.18, 0.21, 0.44, 0.17], [0.19, 0.2, 0.43, 0.18]]
    few = [[0.2, 0.1, 0.1, 0.6], [0.249, 0.2485, 0.2495, 0.253]]
    return rng.permutation(np.vstack([rows, close_call, clear, few]))


def _wrong_labels(probabilities, best, right):
    top = np.argsort(-probabilities.max(1))
    lead = probabilities - np.sort(probabilities, axis=1)[:, -2:-1]
    every = np.arange(len(best))
    return {
        "every row got a label; only the surest of each class do": best,
        "you took the least sure rows; sort with the highest first": _picked(probabilities, 4, np.argsort),
        "you took the first rows of each class; take the surest": _picked(
            probabilities, 4, lambda p: np.arange(len(p))
        ),
        "you took the surest rows of all classes together; take per_class of each": np.where(
            np.isin(every, top[:16]), best, -1
        ),
        "you took per_class rows in all; take that many of each class": np.where(np.isin(every, top[:4]), best, -1),
        "some rows got a class that is not their largest probability": _picked(probabilities, 4, favourite=False),
        "you ranked by the lead over the second class; rank by the largest probability": _picked(
            probabilities, 4, score=lead
        ),
        "the rest gets -1, not 0": np.where(right < 0, 0, right),
        "one too many of each class": _picked(probabilities, 5),
    }


@exercise("18.2")
def ex18_2(new_labels):
    """The surest rows of each class get its label."""
    probabilities = _probabilities()
    given = probabilities.copy()
    answer = new_labels(given, 4)
    require(np.array_equal(given, probabilities), "you changed `probabilities`; leave it as it is")
    require(np.shape(answer) == (40,), f"return one label a row, shape (40,), not {np.shape(answer)}")
    answer = np.asarray(answer)
    require(answer.dtype.kind in "iu", f"return whole numbers (int), not {answer.dtype}")
    best, right = probabilities.argmax(1), _picked(probabilities, 4)
    for message, wrong in _wrong_labels(probabilities, best, right).items():
        require(not np.array_equal(answer, wrong), message)
    require(not np.array_equal(answer >= 0, right < 0), "you labelled the rest instead of the surest")
    require(not ((answer >= 0) & (answer != best)).any(), "some rows got a class that is not their largest probability")
    few = right == 3
    require(
        (answer[few] == 3).all(), "a class with fewer favourites than per_class: all of them get it, however unsure"
    )
    require(np.array_equal(answer, right), "not the 4 surest rows of each class, for 40 random rows and 4 classes")
    many = np.asarray(new_labels(probabilities.copy(), 39))
    require(np.array_equal(many, best), "with per_class 39 every class has fewer rows: all of them get their label")


def _check_bias(bias, shift, mean):
    offsets = {
        "the bias is the mean of y only; the mean of x was taken off, too": mean,
        "the bias has the wrong sign before mean(x) @ weight": mean + shift,
        "the bias leaves out the mean of y": -shift,
        "the bias is zero; the means have to come back": torch.zeros(3),
    }
    for message, wrong in offsets.items():
        require(not close(bias, wrong, tol=1e-5), message)
    require(close(bias, mean - shift, tol=1e-5), "bias is not mean(y) - mean(x) @ weight")


@exercise("18.3")
def ex18_3(ridge_map):
    """Ridge regression with an intercept that is not shrunk."""
    x, y, strength = randn(12, 4, seed=183) + 2, randn(12, 3, seed=184) - 1, 5.0
    answer = ridge_map(x.clone(), y.clone(), strength)
    require(isinstance(answer, tuple | list) and len(answer) == 2, "return two tensors: weight, bias")
    weight, bias = answer
    require(
        np.shape(weight) != (3, 4), "weight is turned; it should have shape (p, q), so that x @ weight has q columns"
    )
    need_tensor(weight, (4, 3), "weight")
    require(np.shape(bias) != (1, 3), "bias should have shape (q,), not (1, q)")
    need_tensor(bias, (3,), "bias")
    eye = torch.eye(4, dtype=x.dtype)

    def solve(a, b, s=strength):
        return torch.linalg.solve(a.T @ a + s * eye, a.T @ b)

    a, b = x - x.mean(0), y - y.mean(0)
    wide = torch.cat([x, torch.ones(12, 1, dtype=x.dtype)], 1)
    shrunk = torch.linalg.solve(wide.T @ wide + strength * torch.eye(5, dtype=x.dtype), wide.T @ y)[:4]
    mistakes = {
        "centre x and y before you solve": solve(x, y),
        "centre x before you solve": solve(x, b),
        "lambda is missing: this is plain least squares": solve(a, b, 0.0),
        "lambda goes on the diagonal only: strength times the identity": torch.linalg.solve(
            a.T @ a + strength, a.T @ b
        ),
        "lambda is not multiplied by the number of rows here": solve(a, b, 12 * strength),
        "lambda is not divided by the number of rows here": solve(a, b, strength / 12),
        "lambda is not squared here": solve(a, b, strength**2),
        "the intercept was shrunk as well; centre instead of adding a column of ones": shrunk,
    }
    for message, wrong in mistakes.items():
        require(not close(weight, wrong, tol=1e-5), message)
    right = solve(a, b)
    require(close(weight, right, tol=1e-5), "weight does not solve (X'X + lambda I) W = X'Y of the centred x and y")
    _check_bias(bias, x.mean(0) @ right, y.mean(0))
    one = ridge_map(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]]), 2)
    need_tensor(one[0], (1, 1), "weight of the example (x and y of one column each)")
    need_tensor(one[1], (1,), "bias of the example (x and y of one column each)")
    require(close(one[0], [[1.0]], tol=1e-4) and close(one[1], [2.0], tol=1e-4), "the example does not come out")


@exercise("18.4")
def ex18_4(weigh):
    """Losses weighed by learned log-variances."""
    numbers = {"a": (1.7, 0.4), "b": (0.6, -0.9), "c": (2.5, 1.3)}
    losses, logs = (
        {k: torch.tensor(numbers[k][i], requires_grad=True) for k in order} for i, order in enumerate(("abc", "cab"))
    )
    answer = weigh(losses, logs)
    require(not isinstance(answer, dict), "return one number, the sum over the tasks")
    need_tensor(answer, (), "the result")

    def total(form):
        return sum(form(loss, s) for loss, s in numbers.values())

    mistakes = {
        "the two dicts may list the tasks in different orders; look each up by its name": sum(
            math.exp(-s.item()) * x.item() + s.item() / 2 for x, s in zip(losses.values(), logs.values(), strict=True)
        ),
        "the penalty s / 2 is missing: all weights could go to zero": total(lambda x, s: math.exp(-s) * x),
        "the penalty is s / 2, not s": total(lambda x, s: math.exp(-s) * x + s),
        "the sign in the exponent is wrong: exp(-s)": total(lambda x, s: math.exp(s) * x + s / 2),
        "the penalty is added, not taken away": total(lambda x, s: math.exp(-s) * x - s / 2),
        "the weight is exp(-s); s is a logarithm": total(lambda x, s: s * x + s / 2),
        "you divided by s; s is the logarithm of the variance": total(lambda x, s: x / s + s / 2),
        "this is the mean over the tasks; take the sum": total(lambda x, s: math.exp(-s) * x + s / 2) / 3,
        "you halved the loss as well; only the penalty is halved here": total(lambda x, s: (math.exp(-s) * x + s) / 2),
        "this is a plain sum; the log-variances do nothing": total(lambda x, s: x),
        "the penalty is s / 2, not exp(s) / 2": total(lambda x, s: math.exp(-s) * x + math.exp(s) / 2),
    }
    for message, wrong in mistakes.items():
        require(abs(answer.item() - wrong) > 1e-4, message)
    right = total(lambda x, s: math.exp(-s) * x + s / 2)
    require(abs(answer.item() - right) < 1e-4, f"expected {right:.4f} for three tasks, got {answer.item():.4f}")
    require(answer.requires_grad, "no gradient flows; keep to tensors, without item() or float()")
    answer.backward()
    for name, values in (("losses", losses), ("log_variances", logs)):
        require(all(v.grad is not None for v in values.values()), f"no gradient reaches {name}; do not detach them")


@exercise("18.5")
def ex18_5(balanced):
    """The mean over the classes of the share recognised."""
    rng = np.random.default_rng(185)
    truth = rng.choice([0, 2, 3, 7], size=60, p=[0.6, 0.2, 0.15, 0.05])
    predicted = np.where(rng.random(60) < 0.6, truth, rng.choice([0, 2, 3, 5, 7], size=60))
    answer = balanced(predicted.copy(), truth.copy())
    require(np.shape(answer) == (), "return one number, the mean of the shares")
    answer = float(answer)
    recall = np.array([(predicted[truth == k] == k).mean() for k in np.unique(truth)])
    precision = np.array([(truth[predicted == k] == k).mean() for k in np.unique(predicted)])
    found = np.array([(truth[predicted == k] == k).mean() for k in np.unique(truth)])
    hit = np.array([((predicted == k) == (truth == k)).mean() for k in np.unique(truth)])
    mistakes = {
        "this is plain accuracy; take the share of each class first": (predicted == truth).mean(),
        "you divided by how often a class was predicted; divide by how often it is true": found.mean(),
        "you went over the predicted classes; take those in truth": precision.mean(),
        "classes that do not occur in truth count as zero; leave them out": recall.sum() / 8,
        "classes that were predicted but do not occur in truth count; leave them out": recall.sum() / 5,
        "items of other classes count as right; look only at those where truth is the class": hit.mean(),
        "this is the sum of the shares; take their mean": recall.sum(),
        "you weighed the classes by their size, which gives plain accuracy back": (
            recall * np.unique(truth, return_counts=True)[1] / 60
        ).sum(),
        "this is the worst class; take the mean": recall.min(),
    }
    for message, wrong in mistakes.items():
        require(not abs(answer - wrong) < 1e-9, message)
    require(abs(answer - recall.mean()) < 1e-9, f"expected {recall.mean():.4f} for 60 random items, got {answer:.4f}")
