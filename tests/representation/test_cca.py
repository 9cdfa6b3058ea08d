"""Against QR + SVD and a generalised eigenproblem, written here in NumPy and SciPy."""

import numpy as np
import pytest
import torch
from scipy.linalg import block_diag, eigh

from mmcourse.representation.cca import CCA, KernelCCA, deep_cca_loss


def views(n=200, p=7, q=5, seed=0):
    """Two views that share three noisy sources; widths of very different scale."""
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(n, 3))
    x = source @ rng.normal(size=(3, p)) + rng.normal(size=(n, p))
    y = source @ rng.normal(size=(3, q)) + rng.normal(size=(n, q))
    return x * np.logspace(-2, 3, p) + 4, y - 100


def qr_svd(x, y):
    qx, qy = (np.linalg.qr(v - v.mean(0))[0] for v in (x, y))
    return np.linalg.svd(qx.T @ qy, compute_uv=False)


def eigen(x, y, ridge):
    """Correlations as the largest eigenvalues of the generalised problem on the joint covariance."""
    p, n = x.shape[1], len(x)
    joint = np.cov(np.c_[x, y].T)
    within = block_diag(joint[:p, :p], joint[p:, p:]) + ridge * np.eye(len(joint))
    between = joint.copy()
    between[:p, :p], between[p:, p:] = 0, 0
    assert n > p
    return eigh(between, within)[0][::-1][: min(p, y.shape[1])]


def column_correlations(a, b):
    return np.array([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(a.shape[1])])


@pytest.mark.parametrize("seed", range(3))
def test_cca_equals_qr_svd_and_the_eigenproblem(seed):
    x, y = views(seed=seed)
    model = CCA(5).fit(x, y)
    a, b = model.transform(x, y)
    np.testing.assert_allclose(model.correlations_, qr_svd(x, y), atol=1e-10)
    np.testing.assert_allclose(model.correlations_, eigen(x, y, 0), atol=1e-6)
    np.testing.assert_allclose(column_correlations(a, b), model.correlations_, atol=1e-10)
    np.testing.assert_allclose(np.cov(a.T), np.eye(5), atol=1e-10)
    np.testing.assert_allclose(np.cov(b.T), np.eye(5), atol=1e-10)


def test_ridge_equals_the_eigenproblem_and_lowers_the_correlations():
    x, y = views()
    ridged = CCA(5, ridge=0.7).fit(x, y).correlations_
    np.testing.assert_allclose(ridged, eigen(x, y, 0.7), atol=1e-8)
    assert (ridged < CCA(5).fit(x, y).correlations_).all()


def test_an_almost_singular_view_keeps_its_digits():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 4))
    x = np.c_[x, x[:, 0] + 1e-7 * rng.normal(size=300)]
    y = x @ rng.normal(size=(5, 3)) + rng.normal(size=(300, 3))
    basis = np.c_[x[:, :4], (x[:, 4] - x[:, 0]) * 1e7]  # spans the same space, well conditioned
    np.testing.assert_allclose(CCA(3).fit(x, y).correlations_, qr_svd(basis, y), atol=1e-6)


def test_columns_that_repeat_or_stay_constant_change_nothing():
    x, y = views()
    wide = np.c_[x, x[:, :2], np.full(len(x), 3.0)]
    np.testing.assert_allclose(CCA(5).fit(wide, y).correlations_, qr_svd(x, y), atol=1e-9)


def test_new_data_is_centred_with_the_fitted_means():
    x, y = views()
    model = CCA(2).fit(x[:100], y[:100])
    a, b = model.transform(x, y)
    for part, whole in zip(model.transform(x[150:151], y[150:151]), (a, b), strict=True):
        np.testing.assert_allclose(part[0], whole[150], atol=1e-9)
    np.testing.assert_allclose(model.score(x[100:], y[100:]), column_correlations(a[100:], b[100:]), atol=1e-10)


def test_float32_tensors_come_back_as_float64_tensors():
    x, y = (torch.tensor(v, dtype=torch.float32) for v in views())
    a, b = CCA(2).fit(x, y).transform(x, y)
    assert a.dtype == b.dtype == torch.float64
    np.testing.assert_allclose(column_correlations(a.numpy(), b.numpy()), qr_svd(x.double(), y.double())[:2], atol=1e-9)


def test_random_views_agree_in_sample_and_not_on_held_out_data():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1000, 50)), rng.normal(size=(1000, 50))
    model = CCA(20).fit(x[:100], y[:100])
    assert model.score(x[:100], y[:100]).sum() > 18
    assert abs(model.score(x[100:], y[100:])).mean() < 0.1
    kernel = KernelCCA(5, ridge=1e-4).fit(x[:100], y[:100])
    assert kernel.score(x[:100], y[:100]).min() > 0.98
    assert abs(kernel.score(x[100:], y[100:])).mean() < 0.1


def rbf(a, b, gamma):
    return np.exp(-gamma * ((a[:, None] - b[None]) ** 2).sum(-1))


def test_kernel_cca_equals_the_dual_eigenproblem():
    x, y = views(n=60)
    x, y = x / x.std(0), y / y.std(0)
    n, gamma, ridge = len(x), 0.1, 0.05
    centre = np.eye(n) - 1 / n
    basis = np.linalg.svd(centre)[0][:, :-1]  # without the direction that centring removes
    kx, ky = (basis.T @ rbf(v, v, gamma) @ basis for v in (x, y))
    between = np.block([[np.zeros_like(kx), kx @ ky], [ky @ kx, np.zeros_like(kx)]])
    within = block_diag(*(k @ k + (n - 1) * ridge * k for k in (kx, ky)))
    model = KernelCCA(4, gamma=gamma, ridge=ridge).fit(x, y)
    values, vectors = eigh(between, within)
    np.testing.assert_allclose(model.correlations_, values[::-1][:4], atol=1e-6)
    new = rbf(x[:9] + 0.1, x, gamma) - rbf(x, x, gamma).mean(0)
    expected = (new @ basis @ vectors[: n - 1, ::-1])[:, :4]
    a, _ = model.transform(x[:9] + 0.1, y[:9])
    for mine, theirs in zip(a.T, expected.T, strict=True):
        offset = np.linalg.lstsq(np.c_[theirs, np.ones(9)], mine, rcond=None)
        np.testing.assert_allclose(np.c_[theirs, np.ones(9)] @ offset[0], mine, atol=1e-6)


def test_kernel_cca_maps_a_fitted_sample_as_in_the_fit_and_one_at_a_time():
    x, y = views(n=50)
    model = KernelCCA(3).fit(x, y)
    a, b = model.transform(x, y)
    np.testing.assert_allclose(a.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(column_correlations(a, b), model.score(x, y), atol=1e-10)
    np.testing.assert_allclose(model.transform(x[7:8], y[7:8])[0][0], a[7], atol=1e-9)


def test_kernel_cca_beats_cca_on_held_out_curved_views():
    rng = np.random.default_rng(1)
    angle = rng.uniform(-1, 1, size=(600, 1))
    x = np.c_[angle**2, rng.normal(size=(600, 1))] + 0.1 * rng.normal(size=(600, 2))
    y = np.c_[angle, rng.normal(size=(600, 1))] + 0.1 * rng.normal(size=(600, 2))
    linear, kernel = (m.fit(x[:400], y[:400]).score(x[400:], y[400:])[0] for m in (CCA(1), KernelCCA(1)))
    assert kernel > 0.7 > 0.3 > linear


GOOD = np.random.default_rng(0).normal(size=(10, 3))


@pytest.mark.parametrize("kind", [CCA, KernelCCA])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (GOOD[:, 0], GOOD, "x must be a matrix"),
        (GOOD, GOOD[:5], "x and y must have one row"),
        (GOOD, GOOD * np.nan, "y must hold finite numbers"),
        (GOOD[:1], GOOD[:1], "x must be a matrix"),
        (GOOD * 0 + 0.1, GOOD, "x must vary"),
        (GOOD, GOOD[:1].repeat(10, 0), "y must vary"),
    ],
)
def test_bad_data_is_named(kind, x, y, message):
    with pytest.raises(ValueError, match=message):
        kind(1).fit(x, y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CCA(0), "k must be"),
        (lambda: CCA(1.5), "k must be"),
        (lambda: CCA(1, ridge=-1), "ridge must be"),
        (lambda: CCA(1, ridge=float("nan")), "ridge must be"),
        (lambda: KernelCCA(1, ridge=0), "ridge must be above 0"),
        (lambda: KernelCCA(1, gamma=0), "gamma must be"),
        (lambda: CCA(4).fit(GOOD, GOOD), "k must be at most 3"),
        (lambda: CCA(1).transform(GOOD, GOOD), "must be fitted first"),
        (lambda: CCA(1).fit(GOOD, GOOD).transform(GOOD[:, :2], GOOD), "x must have the 3 features"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_loss_is_minus_the_sum_of_correlations():
    x, y = (torch.tensor(v) for v in views())
    assert deep_cca_loss(x, y, 0.0).item() == pytest.approx(-qr_svd(x.numpy(), y.numpy()).sum(), abs=1e-7)
    assert deep_cca_loss(x, y, 0.7).item() == pytest.approx(-eigen(x.numpy(), y.numpy(), 0.7).sum(), abs=1e-7)


def repeated(seed=0):
    """Two views with correlations exactly 0.6, 0.6, 0.6."""
    q = torch.linalg.qr(torch.cat([torch.ones(20, 1, dtype=torch.float64), normal(20, 6, seed=seed)], 1))[0][:, 1:]
    return q[:, :3].clone(), (0.6 * q[:, :3] + 0.8 * q[:, 3:]).clone()


DEPENDENT = torch.cat([normal(12, 2), normal(12, 2)], 1) * torch.tensor([1, 1, 1, 2.0])


@pytest.mark.parametrize(
    ("a", "b", "ridge"),
    [
        (normal(12, 3), normal(12, 4, seed=1), 0.0),
        (normal(12, 3), normal(12, 4, seed=1), 1e-3),
        (normal(12, 3), normal(12, 3), 0.0),
        (normal(12, 3), normal(12, 3), 1e-3),
        (*repeated(), 0.0),
        (*repeated(), 1e-3),
        (DEPENDENT, normal(12, 3, seed=1), 1e-3),
    ],
)
def test_the_gradient_is_right_with_repeated_singular_values(a, b, ridge):
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: deep_cca_loss(a, b, ridge), (a, b))


def test_three_equal_correlations_are_recognised():
    assert deep_cca_loss(*repeated(), 0.0).item() == pytest.approx(-1.8, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("ridge", [0.0, 1e-8, 1.0])
@pytest.mark.parametrize(
    "a",
    [
        torch.zeros(6, 4),
        torch.ones(6, 4),
        torch.randn(6, 1).expand(6, 4),
        torch.randn(3, 8),
        torch.randn(2, 1),
        torch.cat([torch.randn(6, 2) * 1e15, torch.randn(6, 2) * 1e-15], 1),
        torch.eye(6),
    ],
    ids=["zero", "constant", "equal columns", "fewer rows", "two rows", "wild scales", "identity"],
)
def test_the_loss_and_its_gradient_are_always_finite(a, ridge, dtype):
    for b in (a, torch.randn(len(a), 3), torch.zeros_like(a)):
        x, y = (v.to(dtype).clone().requires_grad_() for v in (a, b))
        loss = deep_cca_loss(x, y, ridge)
        loss.backward()
        assert -min(a.shape[1], b.shape[1]) - 1e-6 <= loss.item() <= 0
        assert all(v.grad.isfinite().all() for v in (x, y))
        assert loss.dtype == torch.promote_types(dtype, torch.float32)


def test_descent_on_the_loss_finds_curved_agreement():
    torch.manual_seed(0)
    angle = torch.rand(1200, 1) * 2 - 1
    x, y = angle**2 + 0.05 * torch.randn(1200, 1), angle + 0.05 * torch.randn(1200, 1)
    nets = [torch.nn.Sequential(torch.nn.Linear(1, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)) for _ in "xy"]
    optimiser = torch.optim.Adam([p for net in nets for p in net.parameters()], lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        deep_cca_loss(nets[0](x[:800]), nets[1](y[:800])).backward()
        optimiser.step()
    assert abs(CCA(1).fit(x[:800], y[:800]).score(x[800:], y[800:])[0]) < 0.2
    assert deep_cca_loss(nets[0](x[800:]), nets[1](y[800:])).item() < -0.9


@pytest.mark.parametrize(
    ("a", "b", "ridge", "message"),
    [
        (torch.randn(4), torch.randn(4, 2), 0.1, "a must be"),
        (torch.randn(4, 2), torch.randint(5, (4, 2)), 0.1, "b must be"),
        (torch.randn(1, 2), torch.randn(1, 2), 0.1, "a must be"),
        (torch.randn(4, 2), torch.randn(5, 2), 0.1, "a and b must have one row"),
        (torch.randn(4, 2), torch.randn(4, 2), -0.1, "ridge must be"),
        (np.ones((4, 2)), torch.randn(4, 2), 0.1, "a must be"),
    ],
)
def test_bad_input_of_the_loss_is_named(a, b, ridge, message):
    with pytest.raises(ValueError, match=message):
        deep_cca_loss(a, b, ridge)
