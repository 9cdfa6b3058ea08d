"""What lesson 05 builds by hand equals torch, the package or scikit-learn, on random input."""

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_fscore_support
from torch import nn

import mmcourse as mm
from mmcourse import representation
from tools.lesson import lift


def walk(step, memory, w, gradients, lr):
    for gradient in gradients:
        w, memory = step(w, gradient, memory, lr)
    return w


@pytest.mark.parametrize(
    ("name", "memory", "make"),
    [
        ("gradient_step", None, lambda p: torch.optim.SGD(p, lr=0.1)),
        ("momentum_step", 0.0, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
        ("adam_step", (torch.zeros(5), torch.zeros(5), 0), lambda p: torch.optim.Adam(p, lr=0.1)),
    ],
)
def test_steps_equal_torch(name, memory, make):
    start, gradients = torch.randn(5), torch.randn(30, 5)
    w = nn.Parameter(start.clone())
    optimizer = make([w])
    for gradient in gradients:
        w.grad = gradient.clone()
        optimizer.step()
    ours = walk(lift("05", name), memory, start, gradients, 0.1)
    torch.testing.assert_close(ours, w.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("count", [64, 150])
def test_the_loop_by_hand_equals_fit(rng, count):
    classifier, loss = lift("05", "Classifier"), lift("05", "cross_entropy")
    parts = [
        mm.data.Split({"image": rng.normal(size=(n, 6)).astype(np.float32)}, rng.integers(3, size=n))
        for n in (count, 40)
    ]
    models = []
    for _ in range(2):
        torch.manual_seed(count)
        models.append(classifier(representation.MLPEncoder(6, 8), "image", 3))
    optimizer = torch.optim.AdamW(models[0].parameters(), 0.01, weight_decay=0.0)
    curve = lift("05", "train_by_hand")(models[0], *parts, 4, optimizer, batch_size=50, seed=3)
    options = {"epochs": 4, "lr": 0.01, "batch_size": 50, "seed": 3, "verbose": False, "device": "cpu"}
    history = mm.fit(models[1], *parts, loss=loss, **options)
    np.testing.assert_allclose(curve, history.valid, rtol=1e-5)
    for ours, theirs in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("length", [1, 7])
def test_lstm_cell_equals_the_package_s_encoder(length):
    encoder = representation.LSTMEncoder(3, 6, pool=False)
    x, (h, c), cell = torch.randn(4, length, 3), torch.zeros(2, 4, 6), lift("05", "lstm_cell")
    names = ("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0")
    weights, said = tuple(getattr(encoder.lstm, name) for name in names), []
    for step in x.unbind(1):
        h, c = cell(step, h, c, weights)
        said.append(h)
    features, mask = encoder(x)
    assert mask.all()
    torch.testing.assert_close(torch.stack(said, 1), features, rtol=0, atol=1e-6)
    ours = torch.autograd.grad(torch.stack(said, 1).square().sum(), weights)
    theirs = torch.autograd.grad(features.square().sum(), weights)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_masked_attention_equals_the_package():
    query, key, value = torch.randn(5, 3, 6), torch.randn(5, 7, 6), torch.randn(5, 7, 4)
    mask = torch.rand(5, 7) < 0.5
    mask[0], mask[1] = False, True
    ours = lift("05", "masked_attention")(query, key, value, mask)
    theirs = representation.scaled_dot_product_attention(query, key, value, mask[:, None, :])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    unmasked = lift("05", "attention_weights")(query, key) @ value
    torch.testing.assert_close(unmasked, nn.functional.scaled_dot_product_attention(query, key, value))


def test_attention_pool_keeps_the_contract():
    pool, x = lift("05", "AttentionPool")(6), torch.randn(4, 5, 6)
    nn.init.normal_(pool.question)
    mask = torch.arange(5) < torch.tensor([5, 3, 1, 0])[:, None]
    features, none = pool(x, mask)
    assert none is None
    assert features.shape == (4, pool.out_dim)
    assert (features[3] == 0).all()
    longer = torch.cat([x, torch.randn(4, 2, 6)], 1), torch.cat([mask, torch.zeros(4, 2).bool()], 1)
    torch.testing.assert_close(pool(*longer)[0], features)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.6])
def test_precision_recall_f1_equals_scikit_learn(rng, rate):
    said, true = rng.uniform(size=80) < rate, rng.uniform(size=80) < 0.3
    expected = precision_recall_fscore_support(true, said, average="binary", zero_division=0)[:3]
    np.testing.assert_allclose(lift("05", "precision_recall_f1")(said, true), expected)


def test_frozen_parts_stay_as_they_are():
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential()
    model.add_module("body", body)
    model.add_module("head", nn.Linear(4, 2))
    model.train()
    learning = lift("05", "freeze_except")(model, "head")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(torch.randn(8, 1, 5, 5)).square().sum().backward()
    torch.optim.SGD(learning, lr=0.1).step()
    changed = {name for name, value in model.state_dict().items() if (value != before[name]).any()}
    assert changed == {"head.weight", "head.bias"}
