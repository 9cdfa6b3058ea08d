"""The U-Net and the shared-specific block: counts by formula, odd sizes, and the laws of the house."""

import pytest
import torch
from torch.nn import functional

from mmcourse.colearning import SharedSpecific, UNet

M, SHARED, SPECIFIC = 3, 4, 2


def double(inputs, outputs):
    return 9 * inputs * outputs + 9 * outputs * outputs + 2 * 2 * outputs


def unet_count(channels, classes, width, depth):
    w = [width * 2**k for k in range(depth + 1)]
    down = double(channels, w[0]) + sum(double(w[k], w[k + 1]) for k in range(depth))
    up = sum(double(w[k] + w[k + 1], w[k]) for k in range(depth))
    return down + up + width * classes + classes


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def unet(**options):
    torch.manual_seed(0)
    return UNet(**({"in_channels": 3, "classes": 2, "width": 4, "depth": 2} | options)).double()


def block(specific=SPECIFIC):
    torch.manual_seed(0)
    return SharedSpecific(M, SHARED, specific).double()


def pictures(batch=8, height=6, width=5):
    """Every subset of three contrasts once, none included."""
    torch.manual_seed(1)
    present = torch.arange(8)[:, None].bitwise_and(torch.tensor([1, 2, 4])) > 0
    return torch.randn(batch, M, height, width, dtype=torch.float64), present[:batch]


@pytest.mark.parametrize(("channels", "classes", "width", "depth"), [(1, 2, 4, 1), (5, 4, 8, 3), (3, 1, 12, 2)])
def test_parameters_by_formula(channels, classes, width, depth):
    assert count(UNet(channels, classes, width, depth)) == unet_count(channels, classes, width, depth)
    for specific in (0, 2):
        each = SHARED + specific
        expected = M * (9 * each + 9 * each * each + 2 * 2 * each)
        assert count(SharedSpecific(M, SHARED, specific)) == expected


def by_hand(model, x):
    """The network step by step from its state dict."""
    state = dict(model.state_dict())

    def twice(x, name):
        for k in (0, 3):
            x = functional.conv2d(x, state[f"{name}.{k}.weight"], padding=1)
            x = functional.group_norm(x, 4, state[f"{name}.{k + 1}.weight"], state[f"{name}.{k + 1}.bias"]).relu()
        return x

    top = twice(x, "down.0")
    middle = twice(functional.max_pool2d(top, 2), "down.1")
    bottom = twice(functional.max_pool2d(middle, 2), "down.2")
    grown = bottom.repeat_interleave(2, 2).repeat_interleave(2, 3)
    middle = twice(torch.cat([grown, middle], 1), "up.1")
    grown = middle.repeat_interleave(2, 2).repeat_interleave(2, 3)
    top = twice(torch.cat([grown, top], 1), "up.0")
    return functional.conv2d(top, state["output.weight"], state["output.bias"])


def test_equal_to_the_steps():
    model, x = unet(), torch.randn(2, 3, 8, 12, dtype=torch.float64)
    torch.testing.assert_close(model(x), by_hand(model, x))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (7, 9), (13, 16), (8, 8)])
def test_any_size(height, width):
    model, x = unet(depth=3), torch.randn(2, 3, height, width, dtype=torch.float64)
    answer = model(x)
    assert answer.shape == (2, 2, height, width)
    whole = functional.pad(x, (0, -width % 8, 0, -height % 8))
    torch.testing.assert_close(answer, model(whole)[..., :height, :width])


@pytest.mark.parametrize("kind", ["unet", "shared"])
def test_items_do_not_mix_and_modes_agree(kind):
    x, present = pictures()
    model = unet() if kind == "unet" else block()
    rest = () if kind == "unet" else (present,)
    together = model(x, *rest)
    for i in range(len(x)):
        torch.testing.assert_close(together[i : i + 1], model(x[i : i + 1], *(m[i : i + 1] for m in rest)))
    torch.testing.assert_close(together, model.eval()(x, *rest))


@pytest.mark.parametrize("kind", ["unet", "shared"])
def test_every_parameter_learns(kind):
    x, present = pictures(height=8, width=8)
    model = unet() if kind == "unet" else block()
    names = [name for name, _ in model.named_parameters()]
    assert set(names) == set(model.state_dict())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    answer = model(x) if kind == "unet" else model(x, present)
    (answer * torch.randn_like(answer)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    optimizer.step()
    assert all(not torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("specific", [0, SPECIFIC])
def test_shared_is_the_mean_of_those_present(specific):
    x, present = pictures()
    model = block(specific)
    answer = model(x, present)
    assert answer.shape == (8, model.out_channels, 6, 5)
    alone = []
    for m in range(M):
        only = torch.zeros_like(present)
        only[:, m] = True
        alone.append(model(x, only))  # shared: of this contrast; specific: zeros but for its own
    for i in range(8):
        here = [alone[m][i] for m in range(M) if present[i, m]]
        if not here:
            assert not answer[i].any()
            continue
        torch.testing.assert_close(answer[i, :SHARED], torch.stack([one[:SHARED] for one in here]).mean(0))
        torch.testing.assert_close(answer[i, SHARED:], torch.stack([one[SHARED:] for one in here]).sum(0))
    everything = torch.ones_like(present)
    torch.testing.assert_close(model(x), model(x, everything))


def test_absent_contrasts_do_not_matter():
    model, (x, present) = block(), pictures()
    gradients = []
    for junk in (0.0, torch.nan, torch.inf):
        given = torch.where(present[..., None, None], x, junk).requires_grad_()
        answer = model(given, present)
        assert answer.isfinite().all()
        torch.testing.assert_close(answer, model(x, present))
        answer.square().sum().backward()
        gradients.append(given.grad)
    assert all(torch.equal(one, gradients[0]) for one in gradients)
    assert not gradients[0][~present].any()


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_autocast(device):
    x, present = (value.to(device) for value in pictures(height=8, width=8))
    for model, rest in ((unet().float(), ()), (block().float(), (present,))):
        model = model.to(device)
        expected = model(x.float(), *rest)
        with torch.autocast(device, torch.bfloat16):
            answer = model(x.float(), *rest)
        assert (answer.float() - expected).abs().max() < 0.05 * expected.abs().max() + 0.02


def test_gradients():
    x, present = pictures(4, 4, 4)
    model = block()
    assert torch.autograd.gradcheck(lambda value: model(value, present[2:]), x[2:].clone().requires_grad_()) is True


@pytest.mark.parametrize(
    "options", [{"width": 6}, {"width": 0}, {"depth": 0}, {"classes": 0}, {"in_channels": 0}], ids=str
)
def test_bad_unet(options):
    with pytest.raises(ValueError, match="multiple of 4"):
        unet(**options)


def test_bad_input():
    x, present = pictures()
    for model in (unet(), block()):
        for wrong in (x[0], x[:, :2], x[:0], x.long(), x.numpy()):
            with pytest.raises(ValueError, match="x must"):
                model(wrong)
    for mask in (present.float(), present[:, :2], present[0]):
        with pytest.raises(ValueError, match="present must be a bool tensor of shape"):
            block()(x, mask)
    for contrasts, shared, specific in ((0, 1, 1), (2, 0, 1), (2, 1, -1)):
        with pytest.raises(ValueError, match="specific >= 0"):
            SharedSpecific(contrasts, shared, specific)
