"""One trunk, several heads, losses weighed by hand or by learning."""

import math

import pytest
import torch
from torch import nn

from mmcourse.colearning import MultiTask

TASKS = {"digit": 4, "sound": 2}


def block(weights="learned"):
    torch.manual_seed(0)
    return MultiTask(nn.Linear(5, 3), {name: nn.Linear(3, width) for name, width in TASKS.items()}, weights)


def losses(model, x):
    return {name: out.square().mean(1) for name, out in model(x).items()}


def test_shapes_and_order_of_keys():
    x = torch.randn(6, 5)
    model = block()
    other = MultiTask(model.encoder, dict(reversed(model.heads.items())))
    assert {name: tuple(out.shape) for name, out in model(x).items()} == {"digit": (6, 4), "sound": (6, 2)}
    assert list(other.state_dict()) == list(model.state_dict())
    ours = losses(model, x)
    torch.testing.assert_close(model.loss(ours), model.loss(dict(reversed(ours.items()))))


def test_weighing_read_aloud():
    model, fixed = block(), block({"digit": 2.0, "sound": 0.5})
    with torch.no_grad():
        model.log_variances["digit"].fill_(0.7)
        model.log_variances["sound"].fill_(-1.1)
    given = {"digit": torch.tensor([1.0, 2.0, torch.nan]), "sound": torch.tensor([4.0, torch.inf, 8.0])}
    present = {"digit": torch.tensor([True, True, False]), "sound": torch.tensor([True, False, True])}
    expected = math.exp(-0.7) * 1.5 + 0.35 + math.exp(1.1) * 6 - 0.55
    assert model.loss(given, present).item() == pytest.approx(expected, rel=1e-5)
    assert fixed.loss(given, present).item() == pytest.approx(2 * 1.5 + 0.5 * 6)


def test_learned_weights_settle_at_twice_the_loss():
    model = block()
    step = torch.optim.Adam(model.log_variances.parameters(), lr=0.05)
    for _ in range(400):
        step.zero_grad()
        model.loss({"digit": torch.full((2,), 3.0), "sound": torch.full((2,), 0.2)}).backward()
        step.step()
    assert model.log_variances["digit"].exp().item() == pytest.approx(6, rel=0.02)
    assert model.log_variances["sound"].exp().item() == pytest.approx(0.4, rel=0.02)


def test_every_parameter_learns():
    model, x = block(), torch.randn(6, 5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    present = {"digit": torch.arange(6) < 2, "sound": torch.arange(6) > 3}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.loss(losses(model, x), present).backward()
    assert all(value.grad.abs().sum() > 0 for value in model.parameters())
    optimizer.step()
    assert all(not torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert sum(p.numel() for p in model.parameters()) == 5 * 3 + 3 + (3 + 1) * 6 + 2


def test_task_without_targets_counts_nothing_and_gets_no_gradient():
    model, x = block(), torch.randn(3, 5)
    nobody = {"digit": torch.ones(3, dtype=torch.bool), "sound": torch.zeros(3, dtype=torch.bool)}
    model.loss(losses(model, x), nobody).backward()
    assert not model.heads["sound"].weight.grad.any()
    assert not model.log_variances["sound"].grad.any()
    assert model.encoder.weight.grad.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MultiTask(nn.Identity(), {}), "heads"),
        (lambda: block({"digit": 1.0}), "weights"),
        (lambda: block({"digit": 1.0, "sound": -1.0}), "weights"),
        (lambda: block().loss({"digit": torch.ones(2)}), "losses"),
        (lambda: block().loss({"digit": torch.ones(2), "sound": torch.ones(2, 1)}), "sound"),
        (lambda: block().loss(dict.fromkeys(TASKS, torch.ones(2)), dict.fromkeys(TASKS, torch.ones(2))), "bool"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
