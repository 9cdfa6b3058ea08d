"""What lesson 15 builds by hand equals the package."""

import pytest
import torch

from mmcourse.translation import Diffusion
from mmcourse.translation.dalle import gumbel_softmax
from tools.lesson import definitions

DIMS = {"text": 5}


@pytest.fixture(scope="module")
def lesson():
    return definitions("15")


class Net(torch.nn.Module):
    def forward(self, x, t, condition):
        given = condition["text"].sum(1).view(-1, 1, 1, 1)
        return torch.sin(x) * (1 + t.view(-1, 1, 1, 1)) + given


@pytest.mark.parametrize("seed", range(3))
def test_hard_gumbel(lesson, seed):
    torch.manual_seed(seed)
    logits, weights = torch.randn(7, 4), torch.randn(7, 4)
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    uniform = torch.rand(7, 4, generator=torch.Generator().manual_seed(seed))
    a = lesson["hard_gumbel"](ours, uniform, 0.6)
    b = gumbel_softmax(theirs, 0.6, hard=True, generator=torch.Generator().manual_seed(seed))
    for value in (a, b):
        (value * weights).sum().backward()
    torch.testing.assert_close(a, b)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("seed", range(3))
def test_diffusion(lesson, seed):
    torch.manual_seed(seed)
    diffusion = Diffusion(Net(), DIMS)
    with torch.no_grad():
        diffusion.null["text"].normal_()
    x, noise, t, text = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4), torch.rand(2), torch.randn(2, 5)
    point, velocity = lesson["mix"](x, noise, t)
    torch.testing.assert_close(point, diffusion.mix(x, noise, t))
    torch.testing.assert_close(velocity, noise - x)

    def network(x, t, text):
        return diffusion.network(x, t, {"text": text})

    by_hand = lesson["guided"](network, x, t, text, diffusion.null["text"], 2.5)
    torch.testing.assert_close(by_hand, diffusion.velocity(x, t, {"text": text}, 2.5))
    drawn = diffusion.sample(
        x.shape, {"text": text}, steps=6, guidance=2.5, generator=torch.Generator().manual_seed(seed)
    )
    start = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    walked = lesson["euler"](lambda x, t: diffusion.velocity(x, torch.full((2,), t), {"text": text}, 2.5), start, 6)
    torch.testing.assert_close(walked, drawn)
    rows, distance = lesson["nearest"](x, torch.cat([noise, x + 0.5]))
    assert rows.tolist() == [2, 3]
    torch.testing.assert_close(distance, torch.full((2,), 0.5))
