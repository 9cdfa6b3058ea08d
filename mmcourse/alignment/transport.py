"""Optimal transport with entropy: how much of each thing here goes with each thing there (lesson 13)."""

import torch

from mmcourse.inputs import check_tensor


def sinkhorn(cost, a, b, epsilon, *, max_iter=1000, tol=1e-6):
    """The plan P with margins a and b of least ``sum(P * cost) - epsilon * entropy(P)``.

    ``P = exp((f_i + g_j - cost_ij) / epsilon)``; f and g are fitted in turn to the margins, in float64, and
    differentiable by autograd. The smaller epsilon, the more rounds it takes. A round multiplies P's rows and columns
    by scales, which needs two matrix-vector products; a scale that grows too large or too small is taken into f and g,
    by a round with logarithms, so that no epsilon is too small.

    Parameters
    ----------
    cost : float tensor (..., n, m)
    a, b : float tensors (..., n), (..., m)
        None negative, each summing to 1.
    epsilon : float above 0, in units of the cost
    max_iter : int
        Most rounds, at least 1.
    tol : float
        Stop when the margins of the plan are off by no more than this in all.

    Returns
    -------
    plan : tensor (..., n, m) in the dtype of cost, at least float32
    converged : bool tensor (...)
        Whether both margins are within `tol`; False for NaN.

    Raises
    ------
    ValueError
        For a wrong shape or dtype, weights that are negative or do not sum to 1, epsilon not above 0, or no rounds.

    References
    ----------
    M. Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", NeurIPS 2013, algorithm 1; with
    logarithms: G. Peyré and M. Cuturi, "Computational optimal transport", 2019, eq. 4.43 and 4.44; both together:
    B. Schmitzer, "Stabilized sparse scaling algorithms for entropy regularized transport problems", 2019, algorithm 2.
    """
    check_tensor("cost", cost, range(2, 9))
    for name, weights, axis in (("a", a, -2), ("b", b, -1)):
        check_tensor(name, weights, (cost.ndim - 1,), cost.shape[axis])
        if weights.shape[:-1] != cost.shape[:-2]:
            raise ValueError(f"{name} must have one row for each cost matrix; got shape {tuple(weights.shape)}")
        if not ((weights >= 0).all() and ((weights.double().sum(-1) - 1).abs() < 1e-4).all()):
            raise ValueError(f"{name} must hold weights of at least 0 that sum to 1; got sums {weights.sum(-1)}")
    if not 0 < epsilon < float("inf"):
        raise ValueError(f"epsilon must be a number above 0; got {epsilon!r}")
    if max_iter < 1:
        raise ValueError(f"max_iter must be at least 1; got {max_iter!r}")
    similarity, (a, b) = -cost.double() / epsilon, (w.double() / w.double().sum(-1, keepdim=True) for w in (a, b))
    without = [(w == 0).double() for w in (a, b)]  # 1 where the weight is 0, whose scale is 0 too
    g, kernel = torch.zeros_like(b), (similarity - similarity.amax(-1, keepdim=True)).exp()
    reached, u, v = kernel.sum(-1), torch.ones_like(a), torch.ones_like(b)
    for _ in range(max_iter):
        left = a / (reached + without[0])
        right = b / ((left[..., None, :] @ kernel)[..., 0, :] + without[1])
        if _safe(left + without[0]) and _safe(right + without[1]):
            u, v = left, right
        else:  # with logarithms: slower, and out of range for no epsilon
            f = a.log() - (similarity + (g + v.log())[..., None, :]).logsumexp(-1)
            g = b.log() - (similarity + f[..., None]).logsumexp(-2)
            kernel, u, v = (similarity + f[..., None] + g[..., None, :]).exp(), torch.ones_like(a), torch.ones_like(b)
        reached = (kernel @ v[..., None])[..., 0]
        if ((u * reached - a).abs().sum(-1) <= tol).all():  # the other margin was met by this round
            break
    plan = u[..., None] * kernel * v[..., None, :]
    off = (plan.sum(-1) - a).abs().sum(-1).maximum((plan.sum(-2) - b).abs().sum(-1))
    return plan.to(torch.promote_types(cost.dtype, torch.float32)), off <= tol


def _safe(scale):
    """Whether all scales stay far from what float64 cannot hold."""
    least, most = scale.aminmax()
    return bool((least > 1e-100) & (most < 1e100))
