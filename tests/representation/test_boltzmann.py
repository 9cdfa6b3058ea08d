"""Against sums over every state of machines small enough to enumerate."""

import itertools

import pytest
import torch

from mmcourse.representation.boltzmann import RBM, DeepBeliefNetwork


def states(n):
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n)))


def machine(seed=0, scale=1.0):
    """An RBM of 4 visible and 3 hidden units with weights worth having."""
    torch.manual_seed(seed)
    rbm = RBM(4, 3)
    for p in rbm.parameters():
        torch.nn.init.normal_(p, std=scale)
    return rbm


def joint(rbm):
    """Probability of every (v, h), (16, 8), from the definition."""
    v, h = states(4), states(3)
    weights = (v @ rbm.weight @ h.T + (v @ rbm.visible_bias)[:, None] + h @ rbm.hidden_bias).exp()
    return weights / weights.sum()


def test_free_energy_and_both_conditionals_equal_enumeration():
    rbm = machine()
    p, v, h = joint(rbm), states(4), states(3)
    visible = (-rbm.free_energy(v)).softmax(0)
    torch.testing.assert_close(visible, p.sum(1))
    torch.testing.assert_close(rbm(v), p @ h / p.sum(1, keepdim=True))
    torch.testing.assert_close(rbm.reconstruct(h), p.T @ v / p.sum(0)[:, None])


def test_gibbs_sampling_reaches_the_machines_own_distribution():
    rbm, n = machine(scale=0.7), 40000
    sample = rbm.sample(torch.zeros(n, 4), steps=30, generator=torch.Generator().manual_seed(0))
    counts = torch.bincount((sample @ torch.tensor([8.0, 4.0, 2.0, 1.0])).long(), minlength=16) / n
    assert (counts - joint(rbm).sum(1)).abs().max() < 0.01


def test_the_gradient_is_data_minus_sample():
    rbm, data = machine(), torch.rand(6, 4)
    sample = rbm.sample(data, 2, torch.Generator().manual_seed(5))
    rbm.contrastive_divergence(data, 2, torch.Generator().manual_seed(5)).backward()
    expected = -(data.T @ rbm(data) - sample.T @ rbm(sample)) / 6
    torch.testing.assert_close(rbm.weight.grad, expected.detach())
    torch.testing.assert_close(rbm.visible_bias.grad, -(data - sample).mean(0))
    torch.testing.assert_close(rbm.hidden_bias.grad, -(rbm(data) - rbm(sample)).mean(0).detach())


def test_training_raises_the_likelihood_towards_the_data():
    data = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]]).repeat(50, 1)
    torch.manual_seed(0)
    rbm = RBM(4, 3)
    errors = rbm.fit(data, epochs=150, batch_size=20, lr=0.5, seed=0)
    p = joint(rbm).sum(1)
    assert p[0b1100] + p[0b0011] > 0.5 > 2 / 16
    assert min(p[0b1100], p[0b0011]) > 0.15
    assert len(errors) == 150
    assert errors[-1] < 0.02 < errors[0]


def test_a_seed_gives_the_same_machine():
    data = torch.rand(30, 4).round()
    first, second = machine(), machine()
    torch.rand(7)
    assert first.fit(data, epochs=2, seed=3) == second.fit(data, epochs=2, seed=3)
    assert all((a == b).all() for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_a_network_stacks_what_its_machines_do():
    torch.manual_seed(0)
    network = DeepBeliefNetwork([6, 5, 3])
    x = torch.rand(8, 6)
    low, top = network.machines
    torch.testing.assert_close(network(x), top(low(x)))
    torch.testing.assert_close(network.reconstruct(network(x)), low.reconstruct(top.reconstruct(network(x))))
    assert sum(p.numel() for p in network.parameters()) == (6 * 5 + 6 + 5) + (5 * 3 + 5 + 3)
    assert len(network.state_dict()) == 6


def test_a_network_is_trained_from_the_bottom_up():
    torch.manual_seed(0)
    x, network, alone = torch.rand(40, 6).round(), DeepBeliefNetwork([6, 5, 3]), RBM(6, 5)
    alone.load_state_dict(network.machines[0].state_dict())
    errors = network.fit(x, epochs=3, seed=1)
    assert errors[0] == alone.fit(x, epochs=3, seed=1)
    assert [len(e) for e in errors] == [3, 3]
    torch.testing.assert_close(network.machines[0](x), alone(x))
    top = RBM(5, 3)
    assert (network.machines[1].weight - top.weight).abs().max() > 0.01


def test_every_parameter_of_a_network_gets_a_gradient():
    network = DeepBeliefNetwork([6, 5, 3])
    network.reconstruct(network(torch.rand(8, 6))).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RBM(0, 3), "n_visible and n_hidden"),
        (lambda: RBM(4, 3)(torch.rand(2, 5)), "visible must have 4 numbers"),
        (lambda: RBM(4, 3).reconstruct(torch.rand(2, 4)), "hidden must have 3 numbers"),
        (lambda: RBM(4, 3).free_energy(torch.ones(2, 4).long()), "visible must be a floating"),
        (lambda: RBM(4, 3).sample(torch.rand(2, 4), 0), "steps must be at least 1"),
        (lambda: RBM(4, 3).fit(torch.full((2, 4), 1.5)), "visible must hold values from 0 to 1"),
        (lambda: RBM(4, 3).fit(torch.full((2, 4), torch.nan)), "visible must hold values from 0 to 1"),
        (lambda: RBM(4, 3).fit(torch.rand(0, 4)), "visible must not be empty"),
        (lambda: DeepBeliefNetwork([4]), "sizes must name"),
        (lambda: DeepBeliefNetwork([4, 3])(torch.rand(2, 3)), "visible must have 4 numbers"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
