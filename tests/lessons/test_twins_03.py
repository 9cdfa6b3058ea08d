"""Lesson 03's own measures against published values, another library's values, brute force and each other."""

import itertools

import numpy as np
import pytest

from tools.lesson import definitions

# Redundant, unique eye, unique ear, synergy in bits. RDN, UNQ, XOR, AND, COPY: Williams and Beer (2010); Bertschinger,
# Rauh, Olbrich, Jost and Ay (2014), table 1.
PUBLISHED = {
    "RDN": (lambda a, b: a, 1.0, (1, 0, 0, 0), (1, 0, 0, 0)),
    "UNQ": (lambda a, b: a, 0.5, (0, 1, 0, 0), (0, 1, 0, 0)),
    "XOR": (lambda a, b: a ^ b, 0.5, (0, 0, 0, 1), (0, 0, 0, 1)),
    "AND": (lambda a, b: a & b, 0.5, (0.311278, 0, 0, 0.5), (0.311278, 0, 0, 0.5)),
    "COPY": (lambda a, b: 2 * a + b, 0.5, (1, 0, 0, 1), (0, 1, 1, 0)),
    "SUM": (lambda a, b: a + b, 0.5, (0.5, 0, 0, 1), (0.5, 0, 0, 1)),
}


@pytest.fixture(scope="module")
def lesson():
    return definitions("03")


def world(seed, shape=(2, 2, 3)):
    """Return a random joint table; seeds 0 and 3 are those of the reference values."""
    return np.random.default_rng(seed).dirichlet(np.ones(np.prod(shape))).reshape(shape)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_gates(lesson, name):
    rule, agree, williams_beer, broja = PUBLISHED[name]
    joint = lesson["gate"](rule, agree)
    assert joint.sum() == pytest.approx(1)
    assert np.allclose(lesson["decompose"](joint), williams_beer, atol=1e-6)
    assert np.allclose(lesson["broja"](joint), broja, atol=1e-6)


REFERENCE = {  # printed by PID_WB of the library dit 2.3 on world(seed)
    0: (0.057474, 0.003431, 0.047064, 0.433786),
    3: (0.028408, 0.149244, 0.0, 0.274984),
}


@pytest.mark.parametrize("seed", REFERENCE)
def test_another_library(lesson, seed):
    assert np.allclose(lesson["decompose"](world(seed)), REFERENCE[seed], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_information_is_the_divergence_from_independence(lesson, seed):
    table = world(seed, (3, 4))
    apart = np.outer(table.sum(1), table.sum(0))
    assert lesson["information"](table) == pytest.approx(np.sum(table * np.log2(table / apart)))
    assert table.sum(0) @ lesson["specific_information"](table) == pytest.approx(lesson["information"](table))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("measure", ["decompose", "broja"])
def test_parts_add_up_and_swap_with_the_senses(lesson, measure, seed):
    joint = world(seed)
    parts, swapped = lesson[measure](joint), lesson[measure](joint.transpose(1, 0, 2))
    assert np.allclose(parts, swapped[[0, 2, 1, 3]], atol=1e-6)
    assert parts.min() > -1e-6
    assert parts.sum() == pytest.approx(lesson["told"](joint)[2])
    assert parts[2:].sum() == pytest.approx(lesson["what_the_ear_adds"](joint))


@pytest.mark.parametrize("seed", range(3))
def test_broja_against_a_grid_of_worlds(lesson, seed):
    joint = world(seed, (2, 2, 2))
    low, high = -np.minimum(joint[0, 0], joint[1, 1]), np.minimum(joint[0, 1], joint[1, 0])
    square = np.array([[1, -1], [-1, 1]])
    least = np.inf
    for steps in itertools.product(*(np.linspace(a, b, 60) for a, b in zip(low, high, strict=True))):
        moved = np.stack([joint[:, :, y] + square * t for y, t in enumerate(steps)], axis=2)
        least = min(least, lesson["told"](np.clip(moved, 0, None))[2])
    synergy = lesson["told"](joint)[2] - least
    assert lesson["broja"](joint)[3] == pytest.approx(synergy, abs=2e-3)
    assert lesson["broja"](joint)[3] >= synergy - 1e-6


def test_shared_error_gives_the_ensemble_error(lesson):
    rng = np.random.default_rng(0)
    predictions, target = rng.uniform(size=(7, 50)), rng.integers(2, size=50)
    own = ((predictions - target) ** 2).mean()
    shared = lesson["shared_error"](predictions, target)
    whole = ((predictions.mean(0) - target) ** 2).mean()
    assert shared + (own - shared) / 7 == pytest.approx(whole)
    pairs = itertools.combinations(predictions - target, 2)
    assert shared == pytest.approx(np.mean([np.mean(a * b) for a, b in pairs]))


def test_pairs_keep_to_their_half_and_task(lesson):
    rng = np.random.default_rng(0)
    half = (rng.normal(size=(40, 64)), np.arange(40) % 10), (rng.normal(size=(30, 156)), np.arange(30) % 10)
    for task in ("redundant", "unique", "synergy"):
        inputs, label, digits = lesson["pairs"](half, task, 200, np.random.default_rng(1), noise=(0, 0))
        assert {tuple(row) for row in inputs["eye"]} <= {tuple(row) for row in half[0][0]}
        assert {tuple(row) for row in inputs["ear"]} <= {tuple(row) for row in half[1][0]}
        eye, ear = digits["eye"], digits["ear"]
        assert (eye == ear).all() == (task == "redundant")
        assert (label == ((eye + ear) % 2 if task == "synergy" else eye % 2)).all()
