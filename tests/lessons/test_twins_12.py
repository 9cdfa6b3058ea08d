"""What lesson 12 builds by hand equals the package, torch, and a sum over all paths."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcourse import alignment
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("12")


def draw(*shape):
    return torch.randn(*shape, dtype=torch.float64).softmax(-1)


TARGETS = [[1], [1, 1], [1, 2, 1], [2, 1, 1, 2]]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_forward_is_brute_force_and_the_package(lesson, target):
    probabilities = draw(7, 3)
    extended, steps = lesson["with_blanks"](target)
    by_hand = lesson["forward"](probabilities.numpy(), extended)[-1, -2:].sum()
    loss = alignment.ctc_loss(probabilities.log()[:, None], [target], [7], [len(target)])
    assert by_hand == pytest.approx(lesson["brute_force"](probabilities.numpy(), target))
    assert by_hand == pytest.approx((-loss).exp().item())
    for n in range(1, 7):
        fits = torch.isfinite(alignment.ctc_loss(probabilities[:n].log()[:, None], [target], [n], [len(target)]))
        assert fits.item() == (n >= steps)


def test_forward_step_repeated_is_forward(lesson):
    probabilities, (extended, _) = draw(9, 4).numpy(), lesson["with_blanks"]([3, 3, 1])
    table = lesson["forward"](probabilities, extended)
    alpha = np.full(len(extended), -np.inf)
    alpha[:2] = np.log(probabilities[0, extended[:2]])
    for row, frame in zip(table[1:], probabilities[1:], strict=True):
        alpha = lesson["forward_step"](alpha, np.log(frame), extended)
        np.testing.assert_allclose(np.exp(alpha), row)


def test_occupancy_is_the_gradient(lesson):
    probabilities, target = draw(8, 4), [2, 2, 3]
    extended, _ = lesson["with_blanks"](target)
    shares = np.zeros((8, 4))
    np.add.at(shares.T, extended, lesson["occupancy"](probabilities.numpy(), extended).T)
    scores = probabilities.log().requires_grad_()
    alignment.ctc_loss(scores.log_softmax(-1)[:, None], [target], [8], [3]).sum().backward()
    np.testing.assert_allclose(scores.grad, probabilities.numpy() - shares, atol=1e-10)


def test_collapse_is_the_greedy_rule(lesson):
    for path in itertools.product(range(3), repeat=5):
        sure = functional.one_hot(torch.tensor(path), 3).double().add(1e-3).log()[:, None]
        found, _ = alignment.ctc_greedy_decode(sure)
        assert lesson["collapse"](list(path)) == lesson["merged"](path) == found[0]


def test_beam_step_without_pruning_is_exact(lesson):
    probabilities = draw(5, 3)
    beam = {(): (1.0, 0.0)}
    for frame in probabilities.tolist():
        beam = lesson["beam_step"](beam, frame)
    best = max(beam, key=lambda prefix: sum(beam[prefix]))
    found, score = alignment.ctc_beam_decode(probabilities.log()[:, None], beam=1000)
    assert list(best) == found[0]
    assert sum(beam[best]) == pytest.approx(score.exp().item())
    for prefix, pair in beam.items():
        assert sum(pair) == pytest.approx(lesson["brute_force"](probabilities.numpy(), list(prefix)))


def test_reader_ignores_padding(lesson):
    start = torch.nn.Sequential(torch.nn.Linear(5, 6, bias=False), torch.nn.ReLU())
    network, frames = lesson["Reader"](6, 4, 8, start).eval(), torch.randn(2, 30, 5)
    lengths = torch.tensor([30, 21])
    frames[1, 21:] = 0
    log_probs, steps = network(frames, lengths)
    alone, _ = network(frames[1:, :21], lengths[1:])
    assert steps.tolist() == [8, 6]
    torch.testing.assert_close(log_probs[:6, 1], alone[:, 0], rtol=1e-5, atol=1e-5)


def test_lag_is_put_in_and_found(lesson):
    rng = np.random.default_rng(0)
    joints = np.cumsum(rng.standard_normal(80))[:, None] * np.ones(42)
    word = torch.as_tensor(joints + 0.01 * rng.standard_normal((80, 42)), dtype=torch.float32)
    for lag in (-8, -3, 0, 5):
        moved = lesson["apart"](word, 80, lag)
        assert moved[:, :18].equal(word[:, :18])
        assert moved[20:60, 18:].equal(word[20 - lag : 60 - lag, 18:])
        assert lesson["found_lag"](moved, 80) == lag
        moved[:8], moved[72:] = torch.nan, torch.nan
        assert lesson["found_lag"](moved, 80) == lag, "the ends, which stand still, must not be looked at"
    assert lesson["found_lag"](word[:20], 20) == 0
