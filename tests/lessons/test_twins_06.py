"""The blocks that lesson 06 builds equal the package's."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from mmcourse import metrics, representation
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("06")


@pytest.mark.parametrize("hidden", [(), (7,), (9, 5)])
def test_autoencoder(lesson, hidden):
    ours, theirs = lesson["Autoencoder"](6, 2, hidden), representation.Autoencoder(6, 2, hidden)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(5, 6)
    torch.testing.assert_close(ours(x), theirs(x))
    ((ours(x) - x) ** 2).mean().backward()
    theirs.loss(x).backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_weight_update_is_the_step_of_the_package(lesson):
    machine = representation.RBM(6, 4)
    torch.nn.init.normal_(machine.weight)
    torch.nn.init.normal_(machine.hidden_bias)
    visible = torch.rand(9, 6)
    dream = machine.sample(visible, 1, torch.Generator().manual_seed(3))
    machine.contrastive_divergence(visible, 1, torch.Generator().manual_seed(3)).backward()
    arrays = (x.detach().numpy() for x in (visible, dream, machine.weight, machine.hidden_bias))
    np.testing.assert_allclose(lesson["weight_update"](*arrays), -machine.weight.grad, atol=1e-6)


def test_multimodal_autoencoder(lesson):
    dims = {"audio": 3, "image": 5}
    ours, theirs = lesson["MultimodalAutoencoder"](dims, 4, 6), representation.MultimodalAutoencoder(dims, 4, 6)
    theirs.load_state_dict(ours.state_dict())
    features = {name: torch.randn(8, d) for name, d in dims.items()}
    present = {"image": torch.arange(8) % 2 == 0, "audio": torch.arange(8) % 3 == 0}
    features["image"][1] = torch.nan
    found, expected = ours(features, present), theirs(features, present)
    for name in dims:
        torch.testing.assert_close(found[name], expected[name])
    sum(x.square().sum() for x in found.values()).backward()
    sum(x.square().sum() for x in expected.values()).backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("nobody", [False, True])
def test_reconstruction_loss(lesson, nobody):
    model = representation.MultimodalAutoencoder({"image": 5, "audio": 3}, 4)
    features = {"image": torch.randn(8, 5), "audio": torch.randn(8, 3)}
    present = {"image": torch.rand(8) < 0.5, "audio": torch.rand(8) < 0.5}
    if nobody:
        present["audio"][:] = False
    features = {name: torch.where(present[name][:, None], x, torch.nan) for name, x in features.items()}
    expected = model.loss(features, present)
    found = lesson["reconstruction_loss"](model(features, present), features, present)
    torch.testing.assert_close(found, expected)
    theirs = torch.autograd.grad(expected, [*model.parameters()], allow_unused=True)
    ours = torch.autograd.grad(found, [*model.parameters()], allow_unused=True)
    for mine, other in zip(ours, theirs, strict=True):
        zeros = torch.zeros_like(other) if mine is None else mine
        torch.testing.assert_close(zeros, other)


def test_cca(lesson, rng):
    cause = rng.normal(size=(70, 2))
    x = cause @ rng.normal(size=(2, 5)) + rng.normal(size=(70, 5)) + 7
    y = cause @ rng.normal(size=(2, 3)) + rng.normal(size=(70, 3))
    correlations, left, right = lesson["cca"](x, y, 3)
    model = representation.CCA(3).fit(x, y)
    np.testing.assert_allclose(correlations, model.correlations_, atol=1e-9)
    np.testing.assert_allclose(abs(left), abs(model.x_weights_), atol=1e-6)
    np.testing.assert_allclose(abs(right), abs(model.y_weights_), atol=1e-6)


def test_recall_and_ranks(lesson, rng):
    a, b = rng.normal(size=(2, 30, 4))
    similarity = lesson["cosine"](a, b)
    torch.testing.assert_close(
        torch.tensor(similarity), torch.cosine_similarity(torch.tensor(a)[:, None], torch.tensor(b)[None], dim=-1)
    )
    for k in (1, 4, 30):
        assert lesson["recall_at_k"](similarity, k) == pytest.approx(metrics.recall_at_k(similarity, k))
    ranks = lesson["ranks"](a, b)
    recalls = metrics.recall_at_k(similarity, 10), metrics.recall_at_k(similarity.T, 10)
    np.testing.assert_allclose((ranks <= 10).mean(axis=1), recalls)
    assert lesson["recall_at_10"](a, b) == pytest.approx(np.mean(recalls))
    np.testing.assert_allclose(lesson["summary"](ranks[0])[1:], [recalls[0], np.median(ranks[0])])


def test_joint_code_is_a_ridge_regression_of_the_half_at_hand(lesson, rng):
    x, components = rng.normal(size=(8, 6)), rng.normal(size=(4, 6))
    expected = Ridge(alpha=0.7, fit_intercept=False).fit(components.T, x.T).coef_
    np.testing.assert_allclose(lesson["code"](x, components, 0.7), expected, atol=1e-8)


def test_mean_message(lesson):
    features, edges = torch.randn(7, 3), torch.randint(6, (2, 12))  # nobody sends to node 6
    found, expected = lesson["mean_message"](features, edges), representation.mean_message(features, edges)
    torch.testing.assert_close(found, expected)
    assert (found[6] == 0).all()


def test_curved_views_are_functions_of_the_angle_and_noise(lesson):
    circle, spiral, angle = lesson["curved"](50, 3, noise=0)
    np.testing.assert_allclose(np.hypot(*circle.T), 1)
    np.testing.assert_allclose(np.hypot(*spiral.T), 0.3 + angle / (2 * np.pi))
    noisy, *_ = lesson["curved"](2000, 3, noise=0.1)
    assert np.std(np.hypot(*noisy.T)) == pytest.approx(0.1, rel=0.1)
