"""The same results on a GPU as on the CPU, and finite ones in bfloat16; skipped where there is no GPU."""

import copy

import pytest
import torch

from mmcourse.representation import (
    CCA,
    RBM,
    AttentionEncoder,
    CNNEncoder,
    GraphEncoder,
    KernelCCA,
    LSTMEncoder,
    MLPEncoder,
    MultimodalAutoencoder,
    deep_cca_loss,
)

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")),
]
LINK = ("image", "text")
CASES = {
    "mlp": (lambda: MLPEncoder(6, 8), lambda: (torch.randn(4, 5, 6), mask())),
    "cnn": (lambda: CNNEncoder(3, 8), lambda: (torch.randn(4, 3, 9, 7), mask()[:, 0])),
    "lstm": (lambda: LSTMEncoder(6, 8, bidirectional=True, pool=False), lambda: (torch.randn(4, 5, 6), mask())),
    "attention": (lambda: AttentionEncoder(6, 8, pool=False), lambda: (torch.randn(4, 5, 6), mask())),
    "rbm": (lambda: RBM(6, 8), lambda: (torch.rand(4, 6),)),
    "autoencoder": (
        lambda: MultimodalAutoencoder({"a": 6, "b": 3}, 4),
        lambda: ({"a": torch.randn(4, 6), "b": torch.randn(4, 3)}, {"a": mask()[:, 3], "b": mask()[:, 1]}),
    ),
    "graph": (
        lambda: GraphEncoder({"image": 6, "text": 3}, [LINK], 8),
        lambda: (
            {"image": torch.randn(4, 6), "text": torch.randn(2, 3)},
            {LINK: torch.tensor([[0, 1, 2], [0, 0, 1]])},
        ),
    ),
}


def mask():
    return torch.arange(5) < torch.tensor([5, 3, 1, 0])[:, None]


def leaves(tree):
    """Every tensor in nested tuples and dicts."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    parts = tree.values() if isinstance(tree, dict) else tree or ()
    return [leaf for part in parts for leaf in leaves(part)]


def move(tree, device):
    if isinstance(tree, torch.Tensor):
        return tree.to(device)
    return {key: move(value, device) for key, value in tree.items()}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", list(CASES))
def test_models(name, device):
    torch.manual_seed(0)
    make, data = CASES[name]
    model, inputs = make().eval(), data()
    there, moved = copy.deepcopy(model).to(device), [move(part, device) for part in inputs]
    with torch.autocast(device, torch.bfloat16):
        half = leaves(there(*moved))
    for ours, full, low in zip(leaves(model(*inputs)), leaves(there(*moved)), half, strict=True):
        assert full.device.type == low.device.type == device
        torch.testing.assert_close(full.cpu(), ours, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(low.cpu().to(ours.dtype), ours, rtol=0, atol=5e-2)


@pytest.mark.parametrize("device", DEVICES)
def test_correlations(device):
    torch.manual_seed(0)
    x = torch.randn(60, 5)
    y = x[:, :4] + torch.randn(60, 4)
    for model in (CCA(2), KernelCCA(2)):
        here = model.fit(x, y).score(x, y)
        there = model.fit(x.to(device), y.to(device)).score(x.to(device), y.to(device))
        assert there.device.type == device
        torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-9)
    a = x.to(device).requires_grad_()
    with torch.autocast(device, torch.bfloat16):
        loss = deep_cca_loss(a, y.to(device))
    loss.backward()
    torch.testing.assert_close(loss.detach().cpu(), deep_cca_loss(x, y), rtol=0, atol=1e-5)
    assert a.grad.isfinite().all()


@pytest.mark.parametrize("device", DEVICES)
def test_training_of_an_rbm(device):
    torch.manual_seed(0)
    errors = RBM(6, 4).to(device).fit(torch.rand(20, 6, device=device).round(), epochs=2)
    assert all(0 < error < 1 for error in errors)
