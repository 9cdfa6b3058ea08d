"""The contrastive losses against their published formulas, written out pair by pair."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcourse.alignment import clamp_logit_scale, info_nce, siglip_loss

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]
LOSSES = {"info_nce": (info_nce, (2.0,)), "siglip_loss": (siglip_loss, (2.0, -3.0))}


def cosines(a, b):
    a, b = a.numpy(), b.numpy()
    return a @ b.T / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)


def by_formula(name, a, b, log_scale, bias=0.0):
    logits, n = np.exp(log_scale) * cosines(a, b) + bias, len(a)
    if name == "info_nce":
        chances = np.exp(logits)
        terms = [
            math.log(chances[i, i] / chances[i].sum()) + math.log(chances[i, i] / chances[:, i].sum()) for i in range(n)
        ]
        return -sum(terms) / 2 / n
    signs = 2 * np.eye(n) - 1
    return -sum(math.log(1 / (1 + math.exp(-signs[i, j] * logits[i, j]))) for i in range(n) for j in range(n)) / n


def draw(n=11, width=5, dtype=torch.double):
    return tuple(3 * torch.randn(n, width, dtype=dtype) for _ in range(2))


@pytest.mark.parametrize("name", LOSSES)
def test_formula_and_gradient(name):
    loss, numbers = LOSSES[name]
    a, b = draw()
    assert loss(a, b, *numbers).item() == pytest.approx(by_formula(name, a, b, *numbers), abs=1e-10)
    assert loss(7 * a, b / 7, *numbers).item() == pytest.approx(loss(a, b, *numbers).item())
    parameters = [torch.tensor(x, dtype=torch.double, requires_grad=True) for x in numbers]
    inputs = (a.requires_grad_(), b.requires_grad_(), *parameters)
    assert torch.autograd.gradcheck(loss, inputs)
    assert torch.autograd.gradcheck(lambda *x: loss(*x, chunk=4), inputs)
    order = torch.randperm(len(a))
    torch.testing.assert_close(loss(a[order], b[order], *parameters), loss(*inputs))


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_scales_stay_finite(name):
    loss, numbers = LOSSES[name]
    a, b = draw(dtype=torch.float32)
    for scale in (math.log(100), 8.0):
        values = loss(a.requires_grad_(), b, scale, *numbers[1:])
        values.backward()
        assert values.isfinite()
        assert a.grad.isfinite().all()
    matched = loss(10 * torch.eye(8), torch.eye(8), math.log(100), *[-10.0][: len(numbers) - 1])
    assert 0 <= matched.item() < 1e-3


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_chunks_change_nothing(name, chunk):
    loss, numbers = LOSSES[name]
    results = []
    for options in ({}, {"chunk": chunk}):
        torch.manual_seed(0)
        a, b = (x.requires_grad_() for x in draw(64))
        scales = [torch.tensor(x, dtype=torch.double, requires_grad=True) for x in numbers]
        value = loss(a, b, *scales, **options)
        results.append([value, *torch.autograd.grad(value, (a, b, *scales))])
    for plain, chunked in zip(*results, strict=True):
        torch.testing.assert_close(chunked, plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_chunks_keep_less(name):
    loss, numbers = LOSSES[name]
    a, b = (x.requires_grad_() for x in draw(256))
    kept = {}
    for chunk in (None, 16):
        sizes = {}

        def note(x, sizes=sizes):
            sizes[x.untyped_storage().data_ptr()] = x.numel()
            return x

        with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
            loss(a, b, *numbers, chunk=chunk)
        kept[chunk] = sum(sizes.values())
    assert kept[None] > 256 * 256
    assert kept[16] < 256 * 256 / 2


@pytest.mark.parametrize("name", LOSSES)
def test_one_matrix_product_forward_and_two_back(name, monkeypatch):
    from torch.utils.flop_counter import FlopCounterMode

    loss, numbers = LOSSES[name]
    a, b = (x.requires_grad_() for x in draw(32, 8))
    with FlopCounterMode(display=False) as counter:
        loss(a, b, *numbers).backward()
    assert counter.get_total_flops() == 3 * 2 * 32 * 32 * 8


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", LOSSES)
def test_devices_and_autocast(name, device):
    loss, numbers = LOSSES[name]
    a, b = draw(dtype=torch.float32)
    expected = by_formula(name, a, b, *numbers)
    a, b = a.to(device), b.to(device)
    numbers = [torch.tensor(x, device=device, requires_grad=True) for x in numbers]
    assert loss(a, b, *numbers).item() == pytest.approx(expected, abs=1e-5)
    with torch.autocast(device, torch.bfloat16):
        assert loss(a, b, *numbers, chunk=4).item() == pytest.approx(expected, abs=1e-5)
    assert loss(a.bfloat16(), b.bfloat16(), *numbers).item() == pytest.approx(expected, rel=2e-2, abs=2e-2)


def test_better_pairs_score_better_and_nan_shows():
    a, noise = draw(30, 8)
    for loss, numbers in LOSSES.values():
        matched, mixed = (loss(a, other + 0.1 * noise, *numbers) for other in (a, a.roll(1, 0)))
        assert matched < mixed - 0.1
    a[0, 0] = torch.nan
    assert all(loss(a, noise, *numbers).isnan() for loss, numbers in LOSSES.values())


def test_clamp_as_part_of_a_step():
    scale = torch.nn.Parameter(torch.tensor(9.0))
    assert clamp_logit_scale(scale) is scale
    assert scale.exp().item() == pytest.approx(100)
    assert scale.requires_grad
    small = torch.nn.Parameter(torch.tensor(math.log(1 / 0.07)))
    before = small.item()
    assert clamp_logit_scale(small).item() == before
    a, _ = draw(dtype=torch.float32)
    optimiser = torch.optim.SGD([scale], lr=1e4)
    info_nce(a, functional.normalize(a), scale).backward()
    optimiser.step()
    clamp_logit_scale(scale)
    assert scale.item() <= math.log(100) + 1e-6
    with pytest.raises(ValueError, match="parameter must be a tensor"):
        clamp_logit_scale(5.0)


def test_bad_input_and_a_batch_of_one():
    a, b = draw()
    for loss, numbers in LOSSES.values():
        for x, y, message in (
            (a[0], b, "a must have 2 axes"),
            (a, b.numpy(), "b must be a tensor"),
            (a[:0], b[:0], "a must not be empty"),
            (a, b[:, :2], "b must have 5 numbers"),
            (a, b[:4], "a and b must have one row"),
            (a, b.long(), "b must be a floating"),
        ):
            with pytest.raises(ValueError, match=message):
                loss(x, y, *numbers)
        for chunk in (0, -3, 2.5):
            with pytest.raises(ValueError, match="chunk must be"):
                loss(a, b, *numbers, chunk=chunk)
    with pytest.raises(ValueError, match="at least two pairs"):
        info_nce(a[:1], b[:1], 2.0)
    one = siglip_loss(a[:1], b[:1], 2.0, -3.0)
    assert one.item() == pytest.approx(by_formula("siglip_loss", a[:1], b[:1], 2.0, -3.0))
