"""The blocks of mmcourse.representation that a library has too: canonical correlation, beside cca-zoo."""

import numpy as np
import torch

from benchmarks.race import Run, case, with_gradients
from mmcourse import representation


def two_views(samples, width, shared=10):
    """Two views that share some of what moves them."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(samples, shared))
    return [common @ rng.normal(size=(shared, width)) + 3 * rng.normal(size=(samples, width)) for _ in range(2)]


def correlations(variates):
    """Correlation of each column of one view's variates with the same column of the other's."""
    a, b = ((z - z.mean(0)) / z.std(0) for z in variates)
    return (a * b).mean(0)


def fitted(model, *views):
    """A `Run` that fits a model; its variates' correlations are compared."""
    return Run(lambda: model.fit(*views), lambda found: correlations(found.transform(*views)))


@case("CCA", "5000 x 200, ten pairs", 0.5, rtol=0, atol=1e-6)
def cca(device, *, samples=5000, width=200):
    x, y = two_views(samples, width)

    def cca_zoo():
        from cca_zoo.linear import CCA

        return fitted(CCA(10), [x, y])

    return fitted(representation.CCA(10), x, y), {"cca-zoo": cca_zoo}


@case("KernelCCA", "1000 x 20, rbf, four pairs, one thread", 0.2, rtol=0, atol=1e-6, threads=1)
def kernel_cca(device, *, samples=1000, width=20):
    x, y = two_views(samples, width)
    gamma, shrinkage = 1e-3, 0.1  # (1 - c) C + c I: a ridge of c / (1 - c)

    def cca_zoo():
        from cca_zoo.nonparametric import KCCA

        return fitted(KCCA(4, kernel="rbf", gamma=gamma, shrinkage=shrinkage), [x, y])

    ours = representation.KernelCCA(4, gamma=gamma, ridge=shrinkage / (1 - shrinkage))
    return fitted(ours, x, y), {"cca-zoo": cca_zoo}


def whitened(x, ridge):
    """Centre a batch and multiply it by the inverse root of its ridged covariance, as cca-zoo's loss does."""
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(x.T @ x / (len(x) - 1) + ridge * torch.eye(x.shape[1], dtype=x.dtype))
    return x @ (vectors * values.clamp(min=ridge).rsqrt()) @ vectors.T


@case(
    "deep_cca_loss",
    "1000 x 50, forward and backward, float64",
    0.8,
    rtol=0,
    atol=1e-7,
    remark="cca-zoo's loss sums the squares of the correlations; the peer that counts takes its steps and sums the "
    "correlations.",
)
def deep_cca_loss(device, *, samples=1000, width=50):
    x, y = (torch.tensor(view, requires_grad=True) for view in two_views(samples, width))
    ridge = 1e-3

    def cca_zoo():
        import cca_zoo.deep.objectives as objectives

        loss = objectives.CCALoss(ridge)
        return with_gradients(lambda: loss([x, y]), [x, y])

    def steps():
        def loss():
            return -torch.linalg.svdvals(whitened(x, ridge).T @ whitened(y, ridge) / (samples - 1)).sum()

        return with_gradients(loss, [x, y])

    ours = with_gradients(lambda: representation.deep_cca_loss(x, y, ridge), [x, y])
    return ours, {"cca-zoo": cca_zoo, "cca-zoo's steps": steps}
