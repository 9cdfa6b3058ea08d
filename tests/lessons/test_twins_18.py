"""The blocks that lesson 18 builds equal the package's and the libraries'."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from mmcourse import colearning
from tools.lesson import lift


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_teacher_loss(temperature):
    values = []
    for function in (
        lift("18", "teacher_loss"),
        lambda z, v, t: colearning.distillation_loss(z, v, temperature=t, weight=1),
    ):
        student, teacher = randn(6, 4).requires_grad_(), 3 * randn(6, 4, seed=1)
        loss = function(student, teacher, temperature)
        loss.backward()
        values.append((loss.detach(), student.grad))
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("per_class", [1, 3, 50])
def test_new_labels_round_by_round(per_class):
    """Self-training by hand, with the lesson's function, ends with the labels of CoTraining with one view."""
    rng = np.random.default_rng(per_class)
    truth = np.r_[0, 1, 2, rng.integers(3, size=60)]
    x = np.eye(3)[truth] + rng.normal(size=(63, 3))
    start = np.where(np.arange(63) < 9, truth, -1)
    target, new_labels = start.copy(), lift("18", "new_labels")
    for _ in range(4):
        free = np.flatnonzero(target < 0)
        if len(free):
            known = target >= 0
            target[free] = new_labels(
                LogisticRegression().fit(x[known], target[known]).predict_proba(x[free]), per_class
            )
    ours = colearning.CoTraining({"x": LogisticRegression()}, rounds=4, per_class=per_class).fit({"x": x}, start)
    np.testing.assert_array_equal(ours.labels_, target)


@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_ridge_map(strength):
    x, y, new = randn(20, 5) + 3, randn(20, 2, seed=1), randn(4, 5, seed=2)
    weight, bias = lift("18", "ridge_map")(x, y, strength)
    block = colearning.CrossModalProjector(5, 2, strength).double().fit(x, y)
    torch.testing.assert_close(new @ weight + bias, block(new))


def test_weigh():
    model = colearning.MultiTask(torch.nn.Identity(), {"a": torch.nn.Identity(), "b": torch.nn.Identity()})
    with torch.no_grad():
        model.log_variances["a"].fill_(0.8)
        model.log_variances["b"].fill_(-0.4)
    each = {"a": torch.rand(5), "b": torch.rand(5)}
    ours = lift("18", "weigh")({name: x.mean() for name, x in each.items()}, dict(model.log_variances.items()))
    torch.testing.assert_close(ours, model.loss(each))


def test_balanced_is_the_library_measure():
    rng = np.random.default_rng(0)
    truth, predicted = rng.choice(6, size=(2, 80), p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.05])
    assert lift("18", "balanced")(predicted, truth) == pytest.approx(balanced_accuracy_score(truth, predicted))
