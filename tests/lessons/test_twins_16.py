"""What lesson 16 builds by hand equals the package, and a loop."""

import math

import pytest
import torch

from mmcourse.data.vqa import soft_accuracy
from mmcourse.translation import VQAModel
from mmcourse.translation.questions import RegionAttention
from tools.lesson import definitions

B, P, D = 4, 6, 5


@pytest.fixture(scope="module")
def lesson():
    return definitions("16")


def draw():
    mask = torch.rand(B, P) < 0.6
    mask[0], mask[1] = False, True
    return torch.randn(B, D), torch.randn(B, P, D), mask


def plain(gate):
    """The package's attention whose query is the question and whose value is what was found."""
    look = RegionAttention(D, D, gate)
    with torch.no_grad():
        for layer in (look.query, look.value):
            layer.weight.copy_(torch.eye(D))
        look.query.bias.zero_()
    return look


def twice(function, *inputs):
    """The outputs, and the gradients of the first two inputs."""
    inputs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    found, weights = function(*inputs)
    (found.square().sum() + weights.square().sum()).backward()
    return [found.detach(), weights.detach(), inputs[0].grad, inputs[1].grad]


@pytest.mark.parametrize(("name", "gate"), [("attend", "softmax"), ("gated_sum", "sigmoid")])
def test_attention_is_the_package(lesson, name, gate):
    query, regions, mask = draw()
    regions = torch.where(mask[..., None], regions, 0)
    look, more = plain(gate), () if gate == "softmax" else (3.0,)
    ours = twice(lambda q, x, m: lesson[name](q, x, m, *more), query, regions, mask)
    theirs = twice(lambda q, x, m: look(x, q, m), query, regions, mask)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def test_attention_is_a_loop(lesson):
    query, regions, mask = draw()
    found, weights = lesson["attend"](query, torch.where(mask[..., None], regions, torch.nan), mask)
    gated, gates = lesson["gated_sum"](query, regions, mask, 2.0)
    for b in range(B):
        kept = [p for p in range(P) if mask[b, p]]
        scores = {p: (query[b] @ regions[b, p]).item() / math.sqrt(D) for p in kept}
        total = sum(math.exp(s) for s in scores.values())
        soft = sum((math.exp(s) / total * regions[b, p] for p, s in scores.items()), torch.zeros(D))
        hard = sum((regions[b, p] / (1 + math.exp(2 - s)) for p, s in scores.items()), torch.zeros(D))
        torch.testing.assert_close(found[b], soft, rtol=0, atol=1e-5)
        torch.testing.assert_close(gated[b], hard, rtol=0, atol=1e-5)
        assert (weights[b] > 0).tolist() == (gates[b] > 0).tolist() == mask[b].tolist()


def test_film_is_the_package(lesson):
    model = VQAModel(9, D, 3, join="film", width=8)
    regions, words = torch.randn(B, P, D), torch.randint(1, 9, (B, 4))
    question, _ = model.encoder(words, words > 0)
    gamma, beta = model.modulate(question).chunk(2, -1)
    picture = lesson["film"](model.project(regions), gamma, beta).mean(1)
    logits = model.output(model.fuse({"picture": picture, "question": question}).relu())
    torch.testing.assert_close(logits, model(regions, words, words > 0))


def test_prior_and_soft_accuracy(lesson):
    types, answers = ["a", "b", "a", "a", "b"], ["1", "2", "3", "3", "0"]
    assert lesson["answer_prior"](types, answers) == {"a": "3", "b": "2"}
    for agree in (0, 4, 10):  # with one to three the official script is stricter
        humans = ["x"] * agree + ["y"] * (10 - agree)
        assert lesson["soft_accuracy"]("x", humans) == pytest.approx(soft_accuracy("x", humans))
