"""The blocks that lesson 08 builds equal the package's."""

import pytest
import torch

from mmcourse import fusion
from mmcourse.fusion.layers import GroupedAttention
from tools.lesson import definitions

DIMS = {"text": 5, "image": 3, "audio": 4}


@pytest.fixture(scope="module")
def lesson():
    return definitions("08")


def agree(ours, theirs, *inputs):
    """Same names, outputs and gradients, of the weights and of the inputs."""
    theirs.load_state_dict(ours.state_dict())
    sums = []
    for block in (ours, theirs):
        leaves = [{name: x.clone().requires_grad_() for name, x in given.items()} for given in inputs]
        out = block(*leaves)
        (out * torch.linspace(-1, 1, out.shape[-1])).sum().backward()
        weights = {name: p.grad for name, p in block.named_parameters()}
        sums.append((out, weights, [{name: x.grad for name, x in given.items()} for given in leaves]))
    torch.testing.assert_close(*sums, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dims", [DIMS, {"b": 3, "a": 3}, {"a": 2, "b": 6}])
@pytest.mark.parametrize("name", ["WeightedFusion", "TensorFusion", "LowRankFusion"])
def test_blocks(lesson, name, dims):
    options = {"rank": 3} if name == "LowRankFusion" else {}
    ours, theirs = lesson[name](dims, 4, **options), getattr(fusion, name)(dims, 4, **options)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_()
    agree(ours, theirs, {key: torch.randn(6, d) for key, d in dims.items()})


def turned(weight):
    """The package keeps weights as (in, out)."""
    return weight.T if weight.ndim == 2 else weight


@pytest.mark.parametrize("reach", [1, 3, 20])
def test_cross_attention(lesson, reach):
    ours, theirs = lesson["CrossAttention"](8, reach), GroupedAttention(1, 8, 1, reach=reach)
    with torch.no_grad():
        for key, value in ours.named_parameters():
            value.normal_(std=0.5)
            theirs.get_parameter(key).copy_(turned(value).reshape(theirs.get_parameter(key).shape))
    x, source = torch.randn(5, 4, 8), torch.randn(5, 6, 8)
    inputs = [t.clone().requires_grad_() for t in (x, source, x, source)]
    out, expected = ours(*inputs[:2]), theirs(inputs[2][None], inputs[3][None], torch.ones(1, 5, 6, dtype=bool))[0]
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    out.square().sum().backward()
    expected.square().sum().backward()
    for mine, other in ((inputs[0], inputs[2]), (inputs[1], inputs[3])):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-3, atol=1e-4)
    for key, value in ours.named_parameters():
        other = theirs.get_parameter(key).grad.reshape(turned(value).shape)
        torch.testing.assert_close(turned(value.grad), other, rtol=1e-3, atol=1e-3)


def test_masked_attention_is_that_of_the_package(lesson):
    layer = GroupedAttention(1, 8, 1)
    with torch.no_grad():
        for linear in (layer.query, layer.key, layer.value, layer.output):
            linear.weight.copy_(torch.eye(8)[None])
    x, source, mask = torch.randn(5, 4, 8), torch.randn(5, 6, 8), torch.rand(5, 6) < 0.5
    mask[0], mask[1] = False, True
    torch.testing.assert_close(
        lesson["masked_attention"](x, source, source, mask), layer(x[None], source[None], mask[None])[0]
    )


def test_the_list_version_differs_only_in_what_is_registered(lesson):
    lesson["device"] = torch.device("cpu")
    broken, right = lesson["ListLowRank"](DIMS, 4, rank=3), fusion.LowRankFusion(DIMS, 4, rank=3)
    right.load_state_dict(
        {**broken.state_dict(), **{f"factors.{n}": f.data for n, f in zip(broken.names, broken.factors, strict=True)}}
    )
    features = {key: torch.randn(6, d) for key, d in DIMS.items()}
    torch.testing.assert_close(broken(features), right(features))
    assert sum(p.numel() for p in broken.parameters()) == 3 + 4


def test_four_corners_of_sums_and_products(lesson):
    one, two = ({"a": torch.randn(5, 6), "b": torch.randn(5, 6)} for _ in range(2))
    for name in ("ConcatFusion", "WeightedFusion", "DeepSetFusion"):
        block = getattr(fusion, name)({"a": 6, "b": 6}, 4)
        torch.testing.assert_close(lesson["four_corners"](block, one, two), torch.zeros(5, 4), rtol=0, atol=1e-5)
    found = lesson["four_corners"](lambda x: x["a"] * x["b"], one, two)
    torch.testing.assert_close(found, (one["a"] - two["a"]) * (one["b"] - two["b"]))


def test_audit_passes_every_block_of_the_package(lesson):
    features = {key: torch.randn(6, d) for key, d in DIMS.items()}
    for name in ("ConcatFusion", "GatedFusion", "TensorFusion", "LowRankFusion", "DeepSetFusion"):
        block = getattr(fusion, name)(DIMS, 4)
        lesson["audit"](block, features, sum(p.numel() for p in block.parameters()))


@pytest.mark.parametrize("question", ["redundant", "unique", "XOR", "inner product"])
def test_games_are_balanced_and_drawn_from_the_seed(lesson, question):
    x, answer = lesson["game"](question, 4000, 3)
    again, same = lesson["game"](question, 4000, 3)
    assert answer.equal(same)
    assert x["a"].equal(again["a"])
    assert abs(answer.double().mean() - 0.5) < 0.04
    if question in ("XOR", "inner product"):  # no single number tells anything
        numbers = torch.cat([*x.values(), answer[:, None].float()], 1).T.corrcoef()[-1, :-1]
        assert numbers.abs().max() < 0.08


def test_a_canon_is_the_same_tune_later_and_higher(lesson):
    voices, higher = lesson["canon"](50, 1, lag=3)
    first, second = voices["first"].argmax(-1), voices["second"].argmax(-1)
    same = (first[:, :-3] + higher[:, None]) % 4 == second[:, 3:]
    assert same.double().mean() > 0.9
