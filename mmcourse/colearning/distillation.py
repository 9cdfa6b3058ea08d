"""Knowledge distillation: a pupil learns what a teacher says, which may look at another modality (lesson 18)."""

import math

import torch
from torch.nn import functional

from mmcourse.inputs import check_mask, check_tensor, keep


def distillation_loss(student, teacher, target=None, *, temperature=1.0, weight=0.5, present=None):
    """Return ``weight`` times the teacher's loss plus ``1 - weight`` times the labels' loss.

    The teacher's loss is the mean over the rows with a teacher of T^2 KL(softmax(teacher / T) || softmax(student / T)),
    with T the temperature; T^2 keeps its gradient at the same size whatever T is. The labels' loss is the mean
    cross-entropy at temperature 1 over the rows with a label. A part without any row is 0. No gradient flows into the
    teacher.

    Parameters
    ----------
    student, teacher : float tensors (B, K)
        Logits; the teacher's may come from another modality.
    target : int64 tensor (B,), optional
        Labels in 0 .. K - 1; -100, as in torch, where there is none.
    temperature : float above 0
    weight : float in [0, 1]
    present : bool tensor (B,), optional
        True where there is a teacher; the other rows of `teacher` may hold anything, NaN included.

    Returns
    -------
    scalar tensor

    Raises
    ------
    ValueError
        On wrong shapes, dtypes, labels, temperature or weight.

    References
    ----------
    G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015, sections 2 and 2.1.
    S. Gupta, J. Hoffman, J. Malik, "Cross modal distillation for supervision transfer", CVPR 2016.
    """
    _check(student, teacher, target, temperature, weight)
    check_mask("present", present, (len(student),))
    said = keep(present, teacher).detach().to(student.dtype) / temperature
    each = functional.kl_div(
        (student / temperature).log_softmax(1), said.log_softmax(1), reduction="none", log_target=True
    )
    rows = len(student) if present is None else present.sum().clamp(min=1)
    loss = weight * temperature**2 * keep(present, each.sum(1)).sum() / rows
    if target is None:
        return loss
    labels = functional.cross_entropy(student, target, reduction="sum") / (target >= 0).sum().clamp(min=1)
    return loss + (1 - weight) * labels


def _check(student, teacher, target, temperature, weight):
    for name, x in (("student", student), ("teacher", teacher)):
        check_tensor(name, x, (2,))
    if student.shape != teacher.shape:
        raise ValueError(
            f"student and teacher must have the same shape (B, K); got {tuple(student.shape)} and {tuple(teacher.shape)}"
        )
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be a number above 0; got {temperature!r}")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be in [0, 1]; got {weight!r}")
    if target is None:
        return
    check_tensor("target", target, (1,), len(student), floating=False)
    fits = target.dtype == torch.int64 and ((target == -100) | ((target >= 0) & (target < student.shape[1]))).all()
    if not fits:
        raise ValueError(f"target must be int64 labels in 0 .. {student.shape[1] - 1}, or -100 where there is none")
