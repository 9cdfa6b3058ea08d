"""One code: a linear autoencoder against PCA, and the laws of subsets of modalities."""

import itertools

import pytest
import torch
from torch import nn

from mmcourse.representation.autoencoders import Autoencoder, MultimodalAutoencoder

DIMS = {"image": 5, "audio": 4, "text": 3}


def train(model, loss, steps=400, lr=0.02):
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()


def test_a_linear_autoencoder_reaches_the_error_of_pca():
    torch.manual_seed(0)
    x = torch.randn(200, 2) @ torch.randn(2, 6) + 0.3 * torch.randn(200, 6)
    rest = torch.linalg.svdvals(x - x.mean(0))[2:].square().sum() / x.numel()
    model = Autoencoder(6, 2, hidden=())
    train(model, lambda: model.loss(x))
    assert rest - 1e-6 <= model.loss(x) < 1.02 * rest


def test_shapes_parameters_and_gradients():
    model = Autoencoder(6, 2, hidden=(40, 30))  # wide, so that no layer is all zeros behind its ReLU
    x = torch.randn(50, 6)
    assert model.encode(x).shape == (50, 2)
    torch.testing.assert_close(model(x), model.decode(model.encode(x)))
    encoder = (6 * 40 + 40) + (40 * 30 + 30) + (30 * 2 + 2)
    assert sum(p.numel() for p in model.parameters()) == encoder + (2 * 30 + 30) + (30 * 40 + 40) + (40 * 6 + 6)
    model.loss(x).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def multimodal(seed=0):
    torch.manual_seed(seed)
    return MultimodalAutoencoder(DIMS, 4, hidden=16)


def batch(n=8):
    """Features and a `present` that holds every subset of three modalities, the empty one too."""
    torch.manual_seed(1)
    rows = torch.tensor(list(itertools.product([True, False], repeat=3)))[:n]
    return {m: torch.randn(n, d) for m, d in DIMS.items()}, {m: rows[:, i] for i, m in enumerate(DIMS)}


def broken(features, present):
    return {m: torch.where(present[m][:, None], x, torch.nan) for m, x in features.items()}


def test_the_code_is_a_map_of_the_mean_of_what_is_present():
    model, (features, present) = multimodal(), batch()
    code = model.encode(broken(features, present), present)
    for i in range(7):
        seen = [model.encoders[m](features[m][i : i + 1])[0] for m in DIMS if present[m][i]]
        torch.testing.assert_close(code[i], model.join(torch.stack(seen).mean(0))[0])
    torch.testing.assert_close(code[7], model.join.bias)


def test_absent_rows_change_neither_output_nor_gradient():
    results, (features, present) = [], batch()
    for data in (features, broken(features, present)):
        model = multimodal()
        rebuilt = model(data, present)
        loss = model.loss(data, present)
        loss.backward()
        results.append([*rebuilt.values(), loss, *[p.grad for p in model.parameters()]])
        assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


def test_items_do_not_mix_and_keys_have_no_order():
    model, (features, present) = multimodal(), batch()
    whole = model(features, present)
    backwards = model(dict(reversed(features.items())), dict(reversed(present.items())))
    for m in DIMS:
        assert (whole[m] == backwards[m]).all()
        one = model({k: x[2:3] for k, x in features.items()}, {k: x[2:3] for k, x in present.items()})
        torch.testing.assert_close(one[m][0], whole[m][2])
    everything = {m: torch.ones(8, dtype=torch.bool) for m in DIMS}
    torch.testing.assert_close(model.encode(features), model.encode(features, everything))


def test_the_parameters_do_not_depend_on_the_order_of_dims():
    first = multimodal()
    torch.manual_seed(0)
    second = MultimodalAutoencoder(dict(reversed(DIMS.items())), 4, hidden=16)
    assert all((a == b).all() for a, b in zip(first.parameters(), second.parameters(), strict=True))
    count = sum((d * 16 + 16) + (16 * 16 + 16) + (4 * 16 + 16) + (16 * d + d) for d in DIMS.values()) + 16 * 4 + 4
    assert sum(p.numel() for p in first.parameters()) == count


def test_the_loss_counts_present_targets_and_hides_what_is_not_seen():
    model, (features, present) = multimodal(), batch()
    seen = {**present, "image": torch.zeros(8, dtype=torch.bool)}
    rebuilt = model(features, {m: present[m] & seen[m] for m in DIMS})
    errors = [nn.functional.mse_loss(rebuilt[m][present[m]], features[m][present[m]]) for m in DIMS]
    torch.testing.assert_close(model.loss(features, present, seen), sum(errors) / 3)
    nothing = {m: torch.zeros(8, dtype=torch.bool) for m in DIMS}
    assert model.loss(broken(features, nothing), nothing) == 0


def test_a_missing_modality_is_rebuilt_from_another_after_training_on_subsets():
    torch.manual_seed(0)
    cause = torch.randn(300, 2)
    features = {m: cause @ torch.randn(2, d) + 0.05 * torch.randn(300, d) for m, d in DIMS.items()}
    held_out, model = {m: x[200:] for m, x in features.items()}, multimodal()
    data = {m: x[:200] for m, x in features.items()}
    train(model, lambda: model.loss(data, seen={m: torch.rand(200) < 0.5 for m in DIMS}), steps=300)
    only_audio = {m: torch.full((100,), m == "audio") for m in DIMS}
    error = (model(held_out, only_audio)["image"] - held_out["image"]).square().mean()
    assert error < 0.2 * held_out["image"].var()


def good(**changes):
    features, present = batch()
    return {**features, **changes.get("features", {})}, {**present, **changes.get("present", {})}


@pytest.mark.parametrize(
    ("features", "present", "message"),
    [
        ({"image": torch.randn(8, 5)}, None, "features must be a dict with the keys"),
        (good(features={"smell": torch.randn(8, 2)})[0], None, "features must be a dict with the keys"),
        (torch.randn(8, 5), None, "features must be a dict"),
        (good(features={"audio": torch.randn(8, 5)})[0], None, "features\\['audio'\\] must have 4 numbers"),
        (good(features={"audio": torch.randn(8, 4, 4)})[0], None, "features\\['audio'\\] must have 2 axes"),
        (good(features={"audio": torch.ones(8, 4).long()})[0], None, "features\\['audio'\\] must be a floating"),
        (good(features={"audio": torch.randn(7, 4)})[0], None, "features must have one row"),
        ({m: torch.randn(0, d) for m, d in DIMS.items()}, None, "must not be empty"),
        (good()[0], {"image": torch.ones(8).bool()}, "present must be a dict with the keys"),
        (*good(present={"text": torch.ones(8)}), "present\\['text'\\] must be a bool"),
        (*good(present={"text": torch.ones(7).bool()}), "present\\['text'\\] must be a bool"),
    ],
)
def test_bad_input_is_named(features, present, message):
    for call in (multimodal().forward, multimodal().loss, multimodal().encode):
        with pytest.raises(ValueError, match=message):
            call(features, present)


def test_other_bad_input_is_named():
    with pytest.raises(ValueError, match="dims must be"):
        MultimodalAutoencoder({}, 4)
    with pytest.raises(ValueError, match="x must have 6 numbers"):
        Autoencoder(6, 2)(torch.randn(2, 5))
    with pytest.raises(ValueError, match="code must have 2 numbers"):
        Autoencoder(6, 2).decode(torch.randn(2, 6))
