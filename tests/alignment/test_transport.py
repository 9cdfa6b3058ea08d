"""Sinkhorn's plan against linear programming and against the conditions that make it optimal."""

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from mmcourse.alignment import sinkhorn

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def draw(n=7, m=9, batch=()):
    torch.manual_seed(n)
    weights = [torch.rand(*batch, k, dtype=torch.double) + 0.1 for k in (n, m)]
    return torch.rand(*batch, n, m, dtype=torch.double), *(w / w.sum(-1, keepdim=True) for w in weights)


def least_cost(cost, a, b):
    n, m = cost.shape
    margins = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    return linprog(cost.numpy().ravel(), A_eq=margins, b_eq=np.concatenate([a.numpy(), b.numpy()])).fun


@pytest.mark.parametrize("epsilon", [1.0, 0.1, 0.01])
def test_margins_and_conditions_of_the_optimum(epsilon):
    cost, a, b = draw()
    plan, converged = sinkhorn(cost, a, b, epsilon, max_iter=20_000, tol=1e-10)
    assert converged
    torch.testing.assert_close(plan.sum(1), a, rtol=0, atol=1e-9)
    torch.testing.assert_close(plan.sum(0), b, rtol=0, atol=1e-9)
    # epsilon log P + cost must be f_i + g_j: twice centred it is 0
    rest = epsilon * plan.log() + cost
    rest = rest - rest.mean(0) - rest.mean(1, keepdim=True) + rest.mean()
    torch.testing.assert_close(rest, torch.zeros_like(rest), rtol=0, atol=1e-9)


def test_a_small_epsilon_gives_the_optimum_of_the_linear_programme():
    cost, a, b = draw()
    plan, converged = sinkhorn(cost, a, b, 1e-3, max_iter=100_000)
    best = least_cost(cost, a, b)
    assert converged
    assert best - 1e-6 <= (plan * cost).sum().item() <= best + 1e-3 * np.log(cost.numel())
    tiny, converged = sinkhorn(1e4 * cost, a, b, 1e-3, max_iter=5)  # exponents of -1e7 neither overflow nor vanish
    assert tiny.isfinite().all()
    assert not converged


def test_a_large_epsilon_gives_independence():
    cost, a, b = draw()
    plan, _ = sinkhorn(cost, a, b, 1e6)
    torch.testing.assert_close(plan, a[:, None] * b, rtol=1e-5, atol=0)


def test_batches_and_weights_of_zero():
    cost, a, b = draw(4, 5, (2, 3))
    a[0, 0] = torch.tensor([0.5, 0.0, 0.5, 0.0])
    plan, converged = sinkhorn(cost, a, b, 0.1)
    assert plan.shape == cost.shape
    assert converged.shape == (2, 3)
    assert converged.all()
    assert not plan[0, 0, 1].any()
    for i in np.ndindex(2, 3):
        torch.testing.assert_close(plan[i], sinkhorn(cost[i], a[i], b[i], 0.1)[0], rtol=0, atol=2e-6)


def test_gradient():
    cost, a, b = draw(3, 4)
    assert torch.autograd.gradcheck(lambda c: sinkhorn(c, a, b, 0.5, max_iter=30, tol=0)[0], cost.requires_grad_())


@pytest.mark.parametrize(("epsilon", "rounds"), [(1, 5), (0.01, 60), (1e-4, 300), (1e-6, 300)])
def test_scales_change_nothing(epsilon, rounds):
    """The same rounds with logarithms only; with the smaller epsilons the scales leave their range again and again."""
    cost, a, b = draw()
    weights = torch.rand_like(cost)
    cost.requires_grad_()
    f, g = torch.zeros_like(a), torch.zeros_like(b)
    for _ in range(rounds):
        f = a.log() - torch.logsumexp(g - cost / epsilon, 1)
        g = b.log() - torch.logsumexp(f[:, None] - cost / epsilon, 0)
    expected = (f[:, None] + g - cost / epsilon).exp()
    plan, _ = sinkhorn(cost, a, b, epsilon, max_iter=rounds, tol=0)
    torch.testing.assert_close(plan, expected, rtol=1e-6, atol=1e-12)
    slopes = [torch.autograd.grad((weights * p).sum(), cost)[0] for p in (plan, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=1e-8 / epsilon)


def test_convergence_is_reported_honestly():
    cost, a, b = draw()
    for rounds in (1, 3, 200):
        plan, converged = sinkhorn(cost, a, b, 0.05, max_iter=rounds)
        off = max((plan.sum(1) - a).abs().sum(), (plan.sum(0) - b).abs().sum())
        assert bool(converged) == bool(off <= 1e-6)
    assert not sinkhorn(cost, a, b, 0.05, max_iter=1)[1]
    cost[0, 0] = torch.nan
    plan, converged = sinkhorn(cost, a, b, 0.1, max_iter=5)
    assert not converged


@pytest.mark.parametrize("device", DEVICES)
def test_devices_and_dtypes(device):
    cost, a, b = draw()
    single = [x.float().to(device) for x in (cost, a, b)]
    with torch.autocast(device, torch.bfloat16):
        plan, converged = sinkhorn(*single, 0.1)
    assert plan.dtype == torch.float32
    assert converged
    torch.testing.assert_close(plan.cpu().double(), sinkhorn(cost, a, b, 0.1)[0], rtol=0, atol=1e-5)


def test_bad_input():
    cost, a, b = draw()
    for given, message in (
        ((cost[0], a, b, 0.1), "cost must have"),
        ((cost[:0], a[:0], b, 0.1), "cost must not be empty"),
        ((cost, b, a, 0.1), "a must have 7 numbers"),
        ((cost, a, b[None], 0.1), "b must have 1 axes"),
        ((cost, a, b / 2, 0.1), "b must hold weights"),
        ((cost, a - 0.2 * torch.eye(7, dtype=a.dtype)[0], b, 0.1), "a must hold weights"),
        ((cost, a * torch.nan, b, 0.1), "a must hold weights"),
        ((cost, a, b, 0), "epsilon must be"),
        ((cost, a, b, float("nan")), "epsilon must be"),
        ((cost.long(), a, b, 0.1), "cost must be a floating"),
        ((cost.expand(2, 7, 9), a.expand(3, 7), b.expand(2, 9), 0.1), "a must"),
    ):
        with pytest.raises(ValueError, match=message):
            sinkhorn(*given)
    with pytest.raises(ValueError, match="max_iter must be"):
        sinkhorn(cost, a, b, 0.1, max_iter=0)
