"""The other parts of the benchmarks: powers of growth, the course's cost, training steps at toy size."""

import numpy as np
import pytest
import torch

from benchmarks import alignment, costs, fusion, growth, race, representation, training, translation  # noqa: F401
from tools.lesson import find, read


def test_exponent_of_a_power():
    sizes = (10, 20, 40, 80)
    assert growth.exponent(sizes, [3 * n**1.7 for n in sizes]) == pytest.approx(1.7)


def test_a_quadratic_that_should_be_linear_is_seen():
    sizes = (100, 200, 400)
    times = [1e-5 * n**2 for n in sizes]
    assert "too steep" in growth.judge(sizes, times, growth.power(1))
    assert "too steep" not in growth.judge(sizes, times, growth.power(2))
    assert growth.judge(sizes, [None, None, 3.0], growth.power(1)) == "-"


@pytest.mark.parametrize("curve", growth.CURVES, ids=lambda curve: f"{curve.case}-{curve.size}")
def test_every_curve_names_a_case_and_one_of_its_sizes(curve):
    assert curve.size in race.CASES[curve.case].make.__kwdefaults__


def test_costs_are_read_from_a_solved_notebook():
    seconds, memory = costs.used(read(find("01")))
    assert 1 < seconds < 120
    assert 100 < memory < 2048


def test_size_of_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(bytes(3_000_000))
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    assert costs.size(tmp_path) == 3


def test_training_table_counts_samples_and_operations(monkeypatch):
    small = {"pairs": 8, "width": 16, "batch": 2, "length": 4, "matrix": 32}
    monkeypatch.setattr(training, "SIZES", {"cpu": small})
    monkeypatch.setattr(training, "seconds", lambda call, device: (call(), 0.5)[1])
    towers, reader = training.table("cpu").splitlines()[2:4]
    assert "batch 8 | float32 | 16 |" in towers
    linear, compared, unneeded = 2 * 2 * 8 * (4 * 16 * 16 + 16 * 512), 2 * 8 * 8 * 512, 2 * 2 * 8 * 16 * 16
    share = (3 * (linear + compared) - unneeded) / (2 * 32**3)  # forward, two gradients, none of the input
    assert f"| {share:.0%} |" in towers
    assert "batch 2, 3 x 4 steps | float32 | 4 |" in reader


def test_a_step_moves_every_parameter():
    torch.manual_seed(0)
    model, inputs = training.TwoTowers(16), [torch.randn(8, 16) for _ in range(2)]
    before = [p.detach().clone() for p in model.parameters()]
    training.step(model, inputs, "cpu", training.WAYS[0])()
    assert all(not np.array_equal(b, p.detach()) for b, p in zip(before, model.parameters(), strict=True))
