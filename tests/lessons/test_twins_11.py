"""The blocks that lesson 11 builds equal the package's, or another independent reference."""

import itertools

import numpy as np
import pytest

from mmcourse import alignment
from tools.lesson import lift


@pytest.mark.parametrize("metric", ["euclidean", "sqeuclidean", "cityblock", "cosine"])
@pytest.mark.parametrize("window", [None, 4])
def test_dtw(rng, metric, window):
    dtw = lift("11", "dtw")
    for _ in range(10):
        x, y = (rng.standard_normal((rng.integers(5, 20), 3)) for _ in "xy")
        ours, theirs = (function(x, y, metric=metric, window=window) for function in (dtw, alignment.dtw))
        assert ours.cost == pytest.approx(theirs.cost)
        np.testing.assert_array_equal(ours.path, theirs.path)
        assert ours.path[0].tolist() == [0, 0]
        assert ours.path[-1].tolist() == [len(x) - 1, len(y) - 1]


def test_table_and_trace_are_those_of_dtw(rng):
    accumulate, trace = lift("11", "accumulate"), lift("11", "trace")
    x, y = rng.standard_normal((9, 2)), rng.standard_normal((6, 2))
    total = accumulate(np.linalg.norm(x[:, None] - y, axis=-1))
    found = alignment.dtw(x, y)
    assert total[-1, -1] == pytest.approx(found.cost)
    assert trace(total) == [tuple(pair) for pair in found.path.tolist()]


def _model(rng, states=4, length=30):
    model = alignment.GaussianHMM(states, max_iter=3).fit([rng.standard_normal((length, 2)) for _ in range(4)])
    x = rng.standard_normal((length, 2))
    emission = -((x[:, None] - model.means_) ** 2 / model.variances_ + np.log(2 * np.pi * model.variances_)).sum(-1) / 2
    return model, x, emission


def test_log_likelihood(rng):
    model, x, emission = _model(rng)
    ours = lift("11", "log_likelihood")(emission, model.start_, model.transition_)
    assert ours == pytest.approx(model.score([x])[0], rel=1e-9)


def test_scaled_steps_add_up_to_the_log_likelihood(rng):
    model, x, emission = _model(rng)
    step, total = lift("11", "forward_step"), 0.0
    alpha, first = step(model.start_, np.eye(4), emission[0])
    total += first
    for frame in emission[1:]:
        alpha, scale = step(alpha, model.transition_, frame)
        total += scale
    assert total == pytest.approx(model.score([x])[0], rel=1e-9)


def test_viterbi(rng):
    model, x, emission = _model(rng)
    ours = lift("11", "viterbi")(emission, np.log(model.start_), np.log(model.transition_))
    assert ours == model.decode([x])[0][0].tolist()


def test_moments_are_means(rng):
    path = alignment.dtw(rng.standard_normal((12, 2)), rng.standard_normal((7, 2))).path
    groups = [[i for i, _ in group] for _, group in itertools.groupby(path.tolist(), key=lambda pair: pair[1])]
    np.testing.assert_allclose(lift("11", "moments")(path), [np.mean(group) for group in groups])


def test_a_sequence_stretched_to_its_own_length_is_itself(rng):
    x = rng.standard_normal((11, 3))
    stretch = lift("11", "stretch")
    np.testing.assert_allclose(stretch(x, 11), x)
    np.testing.assert_allclose(stretch(x, 21)[::2], x)


def test_a_lag_whose_change_costs_too_much_is_the_constant_lag(rng):
    foretold, seen = rng.standard_normal((2, 60, 4))
    by_price, by_line = lift("11", "by_price"), lift("11", "by_line")
    by_price.__globals__["LAGS"] = by_line.__globals__["LAGS"] = np.arange(-5, 5.1, 0.5)
    np.testing.assert_allclose(by_price(foretold, seen, 1e6), by_line(foretold, seen))


def test_the_hard_mean_of_one_sequence_is_itself(rng):
    x = rng.standard_normal((11, 3))
    np.testing.assert_allclose(lift("11", "hard_mean")(x, [x, x]), x)
