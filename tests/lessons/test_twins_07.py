"""The blocks that lesson 07 builds equal the package's."""

import pytest
import torch

from mmcourse import fusion
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("07")


def opinions(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype).softmax(-1)


def test_concat_fusion(lesson):
    dims = {"image": 5, "audio": 3}
    ours, theirs = lesson["ConcatFusion"](dims, 4), fusion.ConcatFusion(dims, 4)
    theirs.load_state_dict(ours.state_dict())
    features = {name: torch.randn(6, d) for name, d in dims.items()}
    torch.testing.assert_close(ours(features), theirs(features))
    ours(features).square().sum().backward()
    theirs(features).square().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


@pytest.mark.parametrize("block", ["ConcatFusion", "AttentionFusion"])
def test_intermediate_does_not_depend_on_the_order_of_the_senses(lesson, block):
    network = lesson["Intermediate"]({"image": 5, "audio": 3}, getattr(fusion, block), hidden=8)
    image, audio = torch.randn(4, 5), torch.randn(4, 3)
    torch.testing.assert_close(network({"image": image, "audio": audio}), network({"audio": audio, "image": image}))


@pytest.mark.parametrize("rule", ["average_decisions", "product_decisions"])
@pytest.mark.parametrize("models", [1, 2, 7])
def test_decisions(lesson, rule, models):
    said = opinions(models, 5, 4)
    torch.testing.assert_close(lesson[rule](said), getattr(fusion, rule)(said))


def test_product_decisions_of_many_models_and_of_zeros(lesson):
    many = opinions(1, 3, 10, dtype=torch.float32).expand(500, 3, 10)
    torch.testing.assert_close(lesson["product_decisions"](many), fusion.product_decisions(many))
    certain = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])
    torch.testing.assert_close(lesson["product_decisions"](certain), fusion.product_decisions(certain))


def test_weights_loss_is_that_of_the_package_rule(lesson):
    said, target, weights = opinions(3, 20, 4), torch.randint(4, (20,)), torch.rand(3, dtype=torch.float64) * 3
    fused = fusion.product_decisions(said, weights=weights)
    expected = torch.nn.functional.nll_loss(fused.log(), target)
    torch.testing.assert_close(lesson["weights_loss"](weights, said, target), expected)


def test_cascade_goes_from_the_first_to_the_product(lesson):
    first, second = opinions(30, 5), opinions(30, 5)
    never, always = lesson["cascade"](first, second, 0.0), lesson["cascade"](first, second, 1.1)
    torch.testing.assert_close(never[0], first)
    torch.testing.assert_close(always[0], fusion.product_decisions(torch.stack([first, second])))
    assert not never[1].any()
    assert always[1].all()


def test_hierarchical_is_two_concat_fusions(lesson):
    dims = {"image": 6, "sound": 5, "change": 4}
    network = lesson["Hierarchical"](dims, hidden=7, classes=3)
    joined = 2 * 7 * 7 + 7
    expected = sum((d + 1) * 7 for d in dims.values()) + 2 * joined + 8 * 3
    assert sum(p.numel() for p in network.parameters()) == expected
    assert network({name: torch.randn(2, d) for name, d in dims.items()}).shape == (2, 3)


def test_noise_is_mixed_as_the_loader_does(lesson):
    import mmcourse as mm

    if not mm.data.ready("audio_visual_digits"):
        pytest.skip("the data are not in the cache")
    lesson["NAME"] = "audio_visual_digits"  # as under every profile but full
    ours, digit = lesson["digits"](3, 0.7, 2.0)["valid"]
    fresh, target = lesson["rows"](mm.load("audio_visual_digits", image_noise=0.7, audio_noise=2.0, seed=3).valid)
    torch.testing.assert_close(ours["audio"], fresh["audio"], atol=1e-4, rtol=0)
    assert digit.equal(target)
