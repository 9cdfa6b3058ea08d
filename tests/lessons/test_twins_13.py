"""The losses that lesson 13 builds equal the package's, and its recall the toolbox's."""

import math

import numpy as np
import pytest
import torch

from mmcourse import alignment
from mmcourse.metrics import recall_at_k
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("13")


def pair(seed, batch=9, width=5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, batch, width, generator=generator, dtype=torch.float64) * 3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["info_nce", "siglip_loss"])
def test_losses(lesson, name, seed):
    values = []
    for function in (lesson[name], getattr(alignment, name)):
        leaves = [x.clone().requires_grad_() for x in pair(seed)]
        scalars = [torch.tensor(math.log(7.0), dtype=torch.float64, requires_grad=True)]
        scalars += [torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)] if name == "siglip_loss" else []
        loss = function(*leaves, *scalars)
        loss.backward()
        values.append([loss.detach(), *(x.grad for x in (*leaves, *scalars))])
    torch.testing.assert_close(*values)


def test_clamp(lesson):
    for start in (1.0, 4.7, 9.0):
        ours, theirs = (torch.nn.Parameter(torch.tensor(start)) for _ in range(2))
        lesson["training_step"](0 * ours, torch.optim.SGD([ours], lr=1.0), ours)
        alignment.clamp_logit_scale(theirs)
        assert ours.item() == theirs.item()


@pytest.mark.parametrize("k", [1, 3, 10])
def test_recall(lesson, k):
    similarity = pair(0, 10, 10)[0]
    target = np.random.default_rng(0).integers(10, size=10)
    right = torch.nn.functional.one_hot(torch.as_tensor(target), 10).bool()
    assert lesson["recall"](similarity, k, right) == pytest.approx(recall_at_k(similarity, k, target))
    part = {"number": np.arange(10)}
    a, b = (torch.nn.functional.normalize(x, dim=1) for x in pair(1, 10))
    assert lesson["found"](a, b, part, k).mean() == pytest.approx(recall_at_k(b @ a.T, k))
