"""Closed forms of Diffusion, its guidance, its sampler against a known normal, and the laws of the house."""

import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from mmcourse.translation import Diffusion

DIMS, B = {"text": 5, "image": 3}, 4


class Net(nn.Module):
    """Velocities of vectors of 6 numbers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6 + 1 + 8, 16), nn.Tanh(), nn.Linear(16, 6))

    def forward(self, x, t, condition):
        given = [condition[name] for name in sorted(DIMS)]
        return self.layers(torch.cat([x.flatten(1), t[:, None], *given], 1)).view(x.shape)


class Normal(nn.Module):
    """The mean velocity when data are normal with this mean and covariance."""

    def __init__(self, mean, covariance):
        super().__init__()
        self.mean, self.covariance = mean, covariance

    def forward(self, x, t, condition):
        eye, t = torch.eye(len(self.mean)).to(x), t[:, None, None]
        total = (1 - t) ** 2 * self.covariance + t**2 * eye
        cross = t * eye - (1 - t) * self.covariance
        left = x - (1 - t[:, 0]) * self.mean
        return -self.mean + (cross @ torch.linalg.solve(total, left[..., None]))[..., 0]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Diffusion(Net(), DIMS, drop=0.3)


def batch(seed=1):
    torch.manual_seed(seed)
    return torch.randn(B, 2, 3), torch.rand(B), {name: torch.randn(B, width) for name, width in DIMS.items()}


def known():
    root = torch.tensor([[1.0, 0.0], [0.6, 0.5]]).double()
    return torch.tensor([1.0, -2.0]).double(), root @ root.T


def test_mix_draws_the_closed_form(model):
    x, noise = torch.full((200_000, 1), 3.0), torch.randn(200_000, 1)
    drawn = model.mix(x, noise, torch.full((200_000,), 0.25))
    assert drawn.mean().item() == pytest.approx(0.75 * 3, abs=0.01)
    assert drawn.std().item() == pytest.approx(0.25, abs=0.01)
    assert model.mix(x, noise, torch.zeros(200_000)).equal(x)
    assert model.mix(x, noise, torch.ones(200_000)).equal(noise)


def test_score_and_expected_data_of_a_normal():
    mean, covariance = known()
    diffusion = Diffusion(Normal(mean, covariance), {})
    x, t = torch.randn(7, 2).double(), torch.rand(7).double() * 0.8 + 0.1
    for row, time in zip(x, t, strict=True):
        total = (1 - time) ** 2 * covariance + time**2 * torch.eye(2)
        density = torch.distributions.MultivariateNormal((1 - time) * mean, total)
        score = jacobian(density.log_prob, row)
        torch.testing.assert_close(diffusion.score(row[None], time[None], {})[0], score)
        expected = mean + (1 - time) * covariance @ torch.linalg.solve(total, row - (1 - time) * mean)
        torch.testing.assert_close(diffusion.expected(row[None], time[None], {})[0], expected)


def test_sampler_returns_the_normal_and_heun_does_so_in_fewer_steps():
    mean, covariance = known()
    diffusion, errors = Diffusion(Normal(mean, covariance), {}), {}
    for steps, heun in ((200, False), (8, False), (8, True)):
        drawn = diffusion.sample((40_000, 2), {}, steps=steps, heun=heun, generator=torch.Generator().manual_seed(0))
        drawn = drawn.double()
        errors[steps, heun] = (drawn.T.cov() - covariance).abs().max().item()
        assert (drawn.mean(0) - mean).abs().max() < 0.05
    assert errors[200, False] < 0.03
    assert errors[8, True] < 0.1
    assert errors[8, True] < errors[8, False] / 2


def test_loss_is_the_error_of_the_velocity_and_hides_at_the_given_rate():
    seen = []

    class Spy(Net):
        def forward(self, x, t, condition):
            seen.append((x, t, condition))
            return torch.zeros_like(x)

    spy = Diffusion(Spy(), DIMS, drop={"text": 0.25, "image": 0.75})
    x, condition = torch.zeros(4000, 6), {name: torch.ones(4000, width) for name, width in DIMS.items()}
    loss = spy.loss(x, condition, torch.Generator().manual_seed(0))
    (at, t, given) = seen[0]
    assert loss.item() == pytest.approx((at / t[:, None]).square().mean().item(), rel=1e-3)  # x = 0: x_t = t noise
    assert t.log().sub((1 - t).log()).std().item() == pytest.approx(1, abs=0.05)
    for name, share in spy.drop.items():
        assert given[name].unique().tolist() == [0, 1]
        assert 1 - given[name][:, 0].mean().item() == pytest.approx(share, abs=0.03)


def test_guidance(model):
    with torch.no_grad():
        for null in model.null.values():
            null.normal_()
    x, t, condition = batch()
    none, full = model.velocity(x, t, {}), model.velocity(x, t, condition)
    by_hand = model.network(x, t, {name: null.expand(B, -1) for name, null in model.null.items()})
    torch.testing.assert_close(none, by_hand)
    for guidance in (0.0, 0.5, 3.0):
        answer = model.velocity(x, t, condition, guidance)
        torch.testing.assert_close(answer, none + guidance * (full - none))
    partly = model.velocity(x, t, {"text": condition["text"]})
    assert not torch.allclose(partly, full)
    assert not torch.allclose(partly, none)


def test_sampling_repeats_and_items_are_independent(model):
    condition = batch()[2]
    first, again, other = (
        model.sample((B, 2, 3), condition, guidance=2.0, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert first.equal(again)
    assert not torch.allclose(first, other)
    changed = {name: torch.cat([given[:1], 9 * given[1:]]) for name, given in condition.items()}
    moved = model.sample((B, 2, 3), changed, guidance=2.0, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(first[0], moved[0])
    turned = dict(reversed(condition.items()))
    assert model.sample((B, 2, 3), turned, guidance=2.0, generator=torch.Generator().manual_seed(0)).equal(first)
    last, path = model.sample((B, 2, 3), condition, steps=3, path=True, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(path[-1], last)  # the last Euler step lands on the data expected


def test_parameters_state_and_gradients(model):
    assert sum(p.numel() for p in model.parameters()) == 15 * 16 + 16 + 16 * 6 + 6 + 5 + 3
    x, _, condition = (each.repeat(20, 1, 1) if k == 0 else each for k, each in enumerate(batch()))
    condition = {name: given.repeat(20, 1) for name, given in condition.items()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.loss(x, condition).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
    optimizer.step()
    assert all(not value.equal(before[name]) for name, value in model.state_dict().items())


def test_autocast(model):
    x, t, condition = batch()
    with torch.autocast("cpu", torch.bfloat16):
        loss, velocity = model.loss(x, condition), model.velocity(x, t, condition, 2.0)
    assert loss.dtype == torch.float32
    assert velocity.dtype == torch.float32
    torch.testing.assert_close(velocity, model.velocity(x, t, condition, 2.0), atol=5e-2, rtol=5e-2)


def test_bad_input(model):
    x, t, condition = batch()
    wrong = [
        (lambda: model.velocity(x, t, {"sound": t}), "sound"),
        (lambda: model.velocity(x, t, condition | {"text": torch.randn(B, 4)}), "text"),
        (lambda: model.velocity(x, t, condition | {"text": torch.randn(B - 1, 5)}), "one row for each"),
        (lambda: model.velocity(x, t[:2], condition), "t must hold"),
        (lambda: model.velocity(x.long(), t, condition), "x must be"),
        (lambda: model.loss(x[:0], condition), "x must not be empty"),
        (lambda: model.sample((B, 2, 3), condition, steps=0), "steps"),
        (lambda: model.sample((0, 2, 3), {}), "shape"),
        (lambda: Diffusion(Net(), DIMS, drop={"text": 0.1}), "drop"),
        (lambda: Diffusion(Net(), DIMS, drop=1.0), "drop"),
    ]
    for call, message in wrong:
        with pytest.raises(ValueError, match=message):
            call()
