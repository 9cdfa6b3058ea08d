"""The hidden Markov model against a sum over every chain of states, and against itself with logarithms."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from mmcourse.alignment import GaussianHMM

DOMAINS = ("scaled", "log")


def random_model(rng, states=3, width=2, **options):
    """A model with its parameters set by hand; each state has one transition that never happens."""
    model = GaussianHMM(states, **options)
    model.start_, model.transition_ = rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), states)
    if states > 1:
        np.fill_diagonal(np.fliplr(model.transition_), 0)
        model.transition_ /= model.transition_.sum(1, keepdims=True)
    model.means_, model.variances_ = rng.normal(size=(states, width)), rng.uniform(0.2, 2, (states, width))
    return model


def chains(model, x):
    """Every chain of states and the logarithm of its joint probability with the frames x."""
    density = np.array(
        [norm.logpdf(x, m, v**0.5).sum(1) for m, v in zip(model.means_, model.variances_, strict=True)]
    ).T
    paths = np.array(list(itertools.product(range(model.n_states), repeat=len(x))))
    with np.errstate(divide="ignore"):
        joint = np.log(model.start_)[paths[:, 0]] + density[np.arange(len(x)), paths].sum(1)
        joint += np.log(model.transition_)[paths[:, :-1], paths[:, 1:]].sum(1)
    return paths, joint


def draw(rng, lengths, offset=0.0):
    return [offset + np.cumsum(rng.normal(size=(n, 2)), 0) * 0.3 + np.sin(np.arange(n))[:, None] for n in lengths]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("states", [1, 2, 3])
def test_equal_to_a_sum_over_all_chains(rng, domain, states):
    model = random_model(rng, states, domain=domain)
    sequences = draw(rng, (1, 2, 6), offset=100.0) + draw(rng, (5,), offset=115.0)  # the last far from every state
    model.means_ += 100
    scores, (decoded, best) = model.score(sequences), model.decode(sequences)
    for i, x in enumerate(sequences):
        paths, joint = chains(model, x)
        assert scores[i] == pytest.approx(logsumexp(joint), rel=1e-12, abs=1e-9)
        assert best[i] == pytest.approx(joint.max(), rel=1e-12, abs=1e-9)
        assert (decoded[i] == paths[joint.argmax()]).all()
        weights = np.exp(joint - logsumexp(joint))
        expected = [[weights[paths[:, t] == k].sum() for k in range(states)] for t in range(len(x))]
        np.testing.assert_allclose(model.posteriors([x])[0], expected, atol=1e-9)
        _, _, taken = model._forward_backward(x)
        pairs = [
            [(weights * ((paths[:, :-1] == i) & (paths[:, 1:] == j)).sum(1)).sum() for j in range(states)]
            for i in range(states)
        ]
        np.testing.assert_allclose(taken, pairs, atol=1e-9)


def test_scaled_equals_log_and_nothing_underflows(rng):
    x = draw(rng, (5000,))
    model = random_model(rng, 10)
    logs = random_model(rng, 10, domain="log")
    for name in ("start_", "transition_", "means_", "variances_"):
        setattr(logs, name, getattr(model, name))
    assert model.score(x)[0] == pytest.approx(logs.score(x)[0], rel=1e-12, abs=1e-9)
    assert model.score(x)[0] < -5000
    np.testing.assert_allclose(model.posteriors(x)[0], logs.posteriors(x)[0], rtol=0, atol=1e-9)
    taken = [which._forward_backward(x[0])[2] for which in (model, logs)]
    np.testing.assert_allclose(*taken, rtol=1e-9, atol=1e-9)
    assert taken[0].sum() == pytest.approx(4999)
    (path,), (best,) = model.decode(x)
    assert path.shape == (5000,)
    assert -np.inf < best < model.score(x)[0]  # the best chain is part of the sum
    far = [x[0][:50] + 1e4]  # densities around exp(-1e8)
    assert model.score(far)[0] == pytest.approx(logs.score(far)[0], rel=1e-12)
    np.testing.assert_allclose(model.posteriors(far)[0].sum(1), 1)


@pytest.mark.parametrize("topology", ["ergodic", "left-to-right"])
def test_training_with_logarithms_equals_training_with_scales(rng, topology):
    sequences = draw(rng, (40, 25))
    scaled, logs = (
        GaussianHMM(3, topology=topology, domain=d, max_iter=5, tol=-np.inf).fit(sequences) for d in DOMAINS
    )
    for name in ("start_", "transition_", "means_", "variances_", "log_likelihoods_"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(logs, name), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("topology", ["ergodic", "left-to-right"])
def test_one_round_equals_the_update_over_all_chains(rng, topology):
    sequences = draw(rng, (5, 7, 6))
    before = GaussianHMM(3, topology=topology, max_iter=0).fit(sequences)
    after = GaussianHMM(3, topology=topology, max_iter=1).fit(sequences)
    start, taken, frames, shares = np.zeros(3), np.zeros((3, 3)), np.concatenate(sequences), []
    for x in sequences:
        paths, joint = chains(before, x)
        weights = np.exp(joint - logsumexp(joint))
        shares.append(np.stack([weights @ (paths == k) for k in range(3)], 1))
        start += shares[-1][0]
        for path, weight in zip(paths, weights, strict=True):
            np.add.at(taken, (path[:-1], path[1:]), weight)
    shares = np.concatenate(shares)
    means = shares.T @ frames / shares.sum(0)[:, None]
    variances = np.array(
        [np.average((frames - m) ** 2, axis=0, weights=s) for m, s in zip(means, shares.T, strict=True)]
    )
    np.testing.assert_allclose(after.start_, start / start.sum(), atol=1e-9)
    left = taken.sum(1, keepdims=True)  # a state that is never left keeps its row
    expected = np.where(left > 0, taken / np.maximum(left, 1e-300), before.transition_)
    np.testing.assert_allclose(after.transition_, expected, atol=1e-9)
    np.testing.assert_allclose(after.means_, means, atol=1e-9)
    np.testing.assert_allclose(after.variances_, np.maximum(variances, 1e-3 * frames.var(0)), atol=1e-9)
    assert after.log_likelihoods_[0] == pytest.approx(before.score(sequences).sum())


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("topology", ["ergodic", "left-to-right"])
def test_training_only_improves_and_rows_stay_probabilities(rng, topology, domain):
    sequences = draw(rng, (30, 41, 8))
    model = GaussianHMM(4, topology=topology, domain=domain, max_iter=12, tol=0).fit(sequences)
    assert np.diff(model.log_likelihoods_).min() > -1e-8
    assert model.score(sequences).sum() >= model.log_likelihoods_[-1]
    np.testing.assert_allclose(model.start_.sum(), 1)
    np.testing.assert_allclose(model.transition_.sum(1), 1)
    assert (model.variances_ >= 1e-3 * np.concatenate(sequences).var(0)).all()
    if topology == "left-to-right":
        assert (np.triu(np.tril(model.transition_, 1)) == model.transition_).all()
        assert model.start_.tolist() == [1, 0, 0, 0]
        assert all((np.isin(np.diff(path), (0, 1))).all() and path[0] == 0 for path in model.decode(sequences)[0])


def test_finds_the_states_that_made_the_data(rng):
    means = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    truth = [np.repeat(rng.permutation(3), 20) for _ in range(10)]
    sequences = [means[states] + rng.normal(size=(60, 2)) for states in truth]
    model = GaussianHMM(3).fit(sequences)
    order = np.array([np.linalg.norm(model.means_ - m, axis=1).argmin() for m in means])
    agree = [np.mean(order[states] == path) for states, path in zip(truth, model.decode(sequences)[0], strict=True)]
    assert np.mean(agree) > 0.98
    np.testing.assert_allclose(model.variances_, 1, atol=0.35)
    assert GaussianHMM(3).fit(sequences).score(sequences).tolist() == model.score(sequences).tolist()


def test_constant_features_repeated_frames_and_tensors(rng):
    sequences = [np.hstack([x, np.full((len(x), 1), 7.0)]) for x in draw(rng, (20, 30))]
    model = GaussianHMM(3).fit(sequences)
    assert np.isfinite(model.score(sequences)).all()
    np.testing.assert_allclose(model.variances_[:, 2], 1e-3)
    assert np.isfinite(
        GaussianHMM(2, topology="left-to-right").fit([np.ones((4, 1))] * 2).score([np.ones((1, 1))])
    ).all()
    np.testing.assert_allclose(model.score([torch.tensor(x) for x in sequences]), model.score(sequences))


def test_a_state_that_is_never_left_keeps_its_row():
    chain = GaussianHMM(2, topology="left-to-right").fit([np.array([[0.0], [9.0]]), np.array([[0.1], [9.1]])])
    np.testing.assert_allclose(chain.transition_, [[0, 1], [0, 1]], atol=1e-6)


def test_scikit_learn_style():
    model = GaussianHMM(3, topology="left-to-right", variance_floor=0.1)
    assert clone(model).get_params() == model.get_params()
    for method in (model.score, model.decode, model.posteriors):
        with pytest.raises(NotFittedError):
            method([np.zeros((3, 1))])


def test_bad_input(rng):
    good = draw(rng, (6, 7))
    for given, message in (
        ([], "sequences must be a list"),
        (good[0], "sequences must be a list"),
        ([good[0], good[1][:0]], r"sequences\[1\] must be \(T, d\)"),
        ([good[0][:, 0]], r"sequences\[0\] must be \(T, d\)"),
        ([good[0], good[1] * np.nan], r"sequences\[1\] must hold finite"),
        ([good[0], good[1][:, :1]], "frames of one width"),
    ):
        with pytest.raises(ValueError, match=message):
            GaussianHMM(2).fit(given)
    model = GaussianHMM(2).fit(good)
    for method in (model.score, model.decode, model.posteriors):
        with pytest.raises(ValueError, match="frames of one width, 2"):
            method([np.zeros((3, 5))])
    for options, message in (
        ({"n_states": 0}, "n_states must be a whole"),
        ({"n_states": 2.0}, "n_states must be a whole"),
        ({"n_states": 14}, "n_states must be at most 13"),
        ({"n_states": 8, "topology": "left-to-right"}, "n_states must be at most 7"),
        ({"n_states": 2, "topology": "ring"}, "topology must be one of"),
        ({"n_states": 2, "domain": "linear"}, "domain must be one of"),
        ({"n_states": 2, "variance_floor": 0.0}, "variance_floor must be above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            GaussianHMM(**options).fit(good)
    for name in ("start_", "transition_"):
        broken = random_model(rng)
        setattr(broken, name, getattr(broken, name) * 1.01)
        with pytest.raises(ValueError, match=f"{name} must hold probabilities"):
            broken.score(good)


def test_works_where_nothing_can_be_written():
    code = """
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []
import numpy as np
from mmcourse.alignment import kernels
print(kernels.backward(np.array([[0.5], [0.5]]), np.ones((1, 1)))[0, 0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "0.5", done.stderr
