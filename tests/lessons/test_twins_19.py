"""What lesson 19 builds by hand equals the package."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcourse.colearning import SharedSpecific, UNet
from mmcourse.metrics import dice_score, hausdorff95
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("19")


def test_unet_and_its_gradients(lesson):
    torch.manual_seed(0)
    ours, theirs = lesson["UNet"](3, 2, width=4, depth=2), UNet(3, 2, width=4, depth=2)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 8, 12)
    a, b = ours(x), theirs(x)
    torch.testing.assert_close(a, b)
    a.square().sum().backward()
    b.square().sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize(("height", "width"), [(5, 6), (8, 8), (1, 9)])
def test_padding_is_the_networks(lesson, height, width):
    torch.manual_seed(1)
    model, x = UNet(3, 2, width=4, depth=2), torch.randn(2, 3, height, width)
    padded = lesson["pad_to"](x, 4)
    torch.testing.assert_close(model(padded)[..., :height, :width], model(x))


def test_dice(lesson):
    for share in (0.0, 0.1, 0.6):
        a, b = torch.rand(2, 9, 8) < share
        assert lesson["dice_score"](a, b) == pytest.approx(dice_score(a, b))
        assert lesson["dice_score"](a, torch.zeros_like(a)) == pytest.approx(dice_score(a, torch.zeros_like(a)))


def test_distance_of_outlines(lesson):
    a, b = torch.zeros(2, 40, 40, dtype=torch.bool)
    a[5:20, 6:18], b[9:30, 10:22] = True, True
    points = []
    for mask in (a, b):
        inside = -functional.max_pool2d(-mask[None].float(), (3, 1), 1, (1, 0))[0] > 0
        inside &= -functional.max_pool2d(-mask[None].float(), (1, 3), 1, (0, 1))[0] > 0
        points.append((mask & ~inside).nonzero() * torch.tensor([2.0, 0.5]))
    expected = hausdorff95(a, b, spacing=(2.0, 0.5))
    assert lesson["outline_distance"](*points) == pytest.approx(expected, rel=1e-5)


def test_soft_dice_of_certain_pixels_is_dice(lesson):
    target = torch.rand(3, 20, 20) < 0.4
    said = torch.rand(3, 20, 20) < 0.4
    loss = lesson["soft_dice_loss"](torch.where(said, 50.0, -50.0), target)
    assert 1 - loss.item() == pytest.approx(dice_score(said, target), abs=1e-3)  # but for the two ones


def test_shared_mean_is_the_blocks(lesson):
    torch.manual_seed(2)
    block, x = SharedSpecific(3, shared=4, specific=2), torch.randn(8, 3, 5, 6)
    present = torch.tensor(np.array(list(np.ndindex(2, 2, 2)), bool))
    features = block.encode(torch.where(present[..., None, None], x, 0.0)).unflatten(1, (3, 6))[:, :, :4]
    ours = lesson["shared_mean"](torch.where(present[..., None], features.flatten(2), torch.nan), present)
    torch.testing.assert_close(ours, block(x, present)[:, :4].flatten(1))
