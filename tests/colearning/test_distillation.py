"""The distillation loss against torch, a sum read aloud, and its laws."""

import pytest
import torch
from torch.nn import functional

from mmcourse.colearning import distillation_loss

NONE = -100


def logits(seed, rows=7, classes=4):
    return 3 * torch.randn(2, rows, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_equals_torch_kl(temperature):
    student, teacher = logits(0)
    target = torch.tensor([0, NONE, 3, 1, NONE, NONE, 2])
    ours = distillation_loss(student, teacher, target, temperature=temperature, weight=0.3)
    said = functional.softmax(teacher / temperature, 1)
    soft = torch.nn.KLDivLoss(reduction="batchmean")(functional.log_softmax(student / temperature, 1), said)
    expected = 0.3 * temperature**2 * soft + 0.7 * functional.cross_entropy(student, target)
    torch.testing.assert_close(ours, expected)


def test_equals_the_sum_read_aloud_with_absent_teachers():
    student, teacher = logits(1)
    present = torch.tensor([True, False, True, True, False, True, False])
    total = 0.0
    for i in range(7):
        if present[i]:
            q, p = (torch.exp(x[i] / 3) / torch.exp(x[i] / 3).sum() for x in (teacher, student))
            total += sum(q[k] * (q[k].log() - p[k].log()) for k in range(4))
    teacher[~present] = torch.nan
    ours = distillation_loss(student, teacher, temperature=3.0, weight=1.0, present=present)
    torch.testing.assert_close(ours, 9 * total / 4)


def test_gradient_keeps_its_size_when_hot():
    """Hinton et al. 2015, equation 4: at high temperature it is (student - teacher) / K, both centred."""
    student, teacher = (x - x.mean(1, keepdim=True) for x in logits(2))
    student.requires_grad_()
    distillation_loss(student, teacher, temperature=1e4, weight=1.0).backward()
    torch.testing.assert_close(student.grad, (student.detach() - teacher) / 4 / 7, rtol=1e-2, atol=1e-4)


def test_gradcheck_and_no_gradient_for_the_teacher():
    student, teacher = (x.requires_grad_() for x in logits(3).unbind())
    target, present = torch.tensor([0, 1, NONE, 2, 3, NONE, NONE]), torch.arange(7) % 2 == 0
    assert torch.autograd.gradcheck(
        lambda x: distillation_loss(x, teacher, target, temperature=2.0, present=present), (student,)
    )
    distillation_loss(student, teacher, target).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_hole_leaves_gradients_finite():
    student, teacher = logits(4)
    student.requires_grad_()
    teacher[0] = torch.nan
    distillation_loss(student, teacher, present=torch.arange(7) > 0, weight=1.0).backward()
    assert student.grad.isfinite().all()
    assert not student.grad[0].any()
    assert student.grad[1:].all(1).any()


def test_nothing_to_learn_from_is_zero():
    student, teacher = logits(5)
    nobody = torch.zeros(7, dtype=torch.bool)
    loss = distillation_loss(student, teacher * torch.nan, torch.full((7,), NONE), present=nobody)
    assert loss.item() == 0


def test_same_opinion_costs_nothing():
    student, _ = logits(6)
    assert distillation_loss(student, student + 5, weight=1.0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"teacher": torch.zeros(3, 4)}, "same shape"),
        ({"student": torch.zeros(2, 4, dtype=torch.int64)}, "floating-point"),
        ({"student": torch.zeros(0, 4)}, "empty"),
        ({"target": torch.tensor([0, 4])}, "labels in 0 .. 3"),
        ({"target": torch.tensor([0, -1])}, "-100"),
        ({"target": torch.zeros(2)}, "int64"),
        ({"target": torch.zeros(3, dtype=torch.int64)}, "target"),
        ({"temperature": 0.0}, "temperature"),
        ({"weight": 1.2}, "weight"),
        ({"present": torch.ones(2)}, "present"),
    ],
)
def test_bad_input(change, message):
    given = {"student": torch.zeros(2, 4), "teacher": torch.zeros(2, 4)} | change
    with pytest.raises(ValueError, match=message):
        distillation_loss(given.pop("student"), given.pop("teacher"), **given)
