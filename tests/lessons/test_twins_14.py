"""What lesson 14 builds equals the package: one glance, one look, greedy decoding, the length in a beam, BLEU's shares."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcourse.translation import CaptionModel, beam_search, greedy_search
from tools.lesson import definitions

NAMES = {"norm": "decoder.norm", "gru": "decoder.gru"}


@pytest.fixture(scope="module")
def lesson():
    return definitions("14")


def test_one_glance_and_its_gradients(lesson):
    torch.manual_seed(0)
    ours, theirs = lesson["OneGlance"](7, 5, 8), CaptionModel(7, 5, 8, join="concat")
    names = {
        name: ".".join([NAMES.get(first, first), *rest])
        for name in ours.state_dict()
        for first, *rest in [name.split(".")]
    }
    theirs.load_state_dict({names[name]: x for name, x in ours.state_dict().items()})
    features, tokens = torch.randn(3, 6, 5), torch.randint(7, (3, 4))
    a, b = ours(features, tokens), theirs(features, tokens)
    torch.testing.assert_close(a, b)
    a.square().sum().backward()
    b.square().sum().backward()
    other = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, other[names[name]].grad)


def test_one_look(lesson):
    torch.manual_seed(1)
    attention = CaptionModel(7, 5, 8).decoder.attention
    hidden, regions = torch.randn(3, 8), torch.randn(3, 6, 8)
    keys, everything = attention.key(regions), torch.ones(3, 6, dtype=torch.bool)
    weights, picture = lesson["attend"](attention.query(hidden), keys, regions, attention.score.weight[0])
    expected = attention(hidden, keys, everything)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(picture, (expected[:, None] @ regions)[:, 0])


@pytest.mark.parametrize("join", ["concat", "product", "attention", "transformer"])
def test_greedy(lesson, join):
    torch.manual_seed(2)
    model = CaptionModel(7, 5, 8, join=join).eval()
    model.output.weight.data *= 5
    features = torch.randn(6, 4, 5)

    def step(token, state):
        log_probs, state = model.step(torch.tensor([token]), state)
        return log_probs[0], state

    for row in range(6):
        with torch.no_grad():
            text = lesson["greedy_decode"](step, model.start(features[row : row + 1]), 1, 2, 5)
        found, _ = greedy_search(model.step, model.start(features[row : row + 1]), bos=1, eos=2, max_len=5)
        assert text == [token for token in found[0].tolist() if token != 2]


@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.5])
def test_length(lesson, alpha):
    torch.manual_seed(3)
    model = CaptionModel(4, 5, 8).eval()
    model.output.weight.data *= 5
    features = torch.randn(1, 4, 5)
    rows = [[*start, 2] for n in range(3) for start in itertools.product((0, 1, 3), repeat=n)]
    rows += [[*start, last] for start in itertools.product((0, 1, 3), repeat=3) for last in range(4)]
    logs = []
    for row in rows:
        scores = model(features, torch.tensor([[1, *row[:-1]]])).log_softmax(-1)[0]
        logs.append(scores[range(len(row)), row].tolist())
    best, _ = beam_search(model.step, model.start(features), bos=1, eos=2, beam=60, max_len=4, alpha=alpha)
    row = rows[lesson["best_caption"](logs, alpha)]
    assert best[0, : len(row)].tolist() == row


def test_clipped_precision(lesson):
    import sacrebleu

    rng, words = np.random.default_rng(0), "a red blue cat dog".split()
    for _ in range(20):
        texts = [list(rng.choice(words, rng.integers(5, 10))) for _ in range(4)]
        score = sacrebleu.sentence_bleu(" ".join(texts[0]), [" ".join(t) for t in texts[1:]], smooth_method="none")
        for n in range(1, 5):
            share = lesson["clipped_precision"](texts[0], texts[1:], n)
            if score.precisions[n - 1]:
                assert 100 * share == pytest.approx(score.precisions[n - 1])


def test_loss(lesson):
    torch.manual_seed(4)
    logits, tokens = torch.randn(3, 5, 6), torch.tensor([[1, 3, 2, 0, 0], [1, 4, 5, 3, 2], [1, 2, 0, 0, 0]])
    terms = [
        -logits[b, t].log_softmax(0)[tokens[b, t + 1]]
        for b, t in itertools.product(range(3), range(4))
        if tokens[b, t + 1] > 0
    ]
    torch.testing.assert_close(lesson["caption_loss"](logits, tokens), torch.stack(terms).mean())
    everything = functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    assert not torch.isclose(lesson["caption_loss"](logits, tokens), everything)
