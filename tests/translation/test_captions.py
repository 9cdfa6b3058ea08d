"""The laws of the house for CaptionModel, its cache against the whole sentence, and torch's transformer layer."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from mmcourse.translation import CaptionModel, RegionEncoder, beam_search

VOCABULARY, DIM, WIDTH, HEADS, LAYERS = 7, 5, 8, 2, 2
B, P, T = 4, 6, 5
JOINS = ("concat", "product", "attention", "transformer")
COMMON = VOCABULARY * WIDTH + DIM * WIDTH + WIDTH + WIDTH * VOCABULARY + VOCABULARY  # and if concatenated CAT more
CAT, INSIDE = WIDTH * VOCABULARY + 3 * WIDTH * WIDTH, WIDTH // 4
GRU = 3 * WIDTH * WIDTH + 6 * WIDTH
NORM = 2 * WIDTH
COUNTS = {
    "concat": COMMON + NORM + GRU + 3 * WIDTH * WIDTH + CAT,
    "product": COMMON + NORM + GRU + 3 * WIDTH * WIDTH,
    "attention": COMMON + NORM + GRU + 3 * WIDTH * WIDTH + CAT + 2 * WIDTH * INSIDE + 2 * INSIDE,
    "transformer": COMMON + NORM + LAYERS * (2 * (4 * WIDTH**2 + 3 * WIDTH) + 3 * NORM + 8 * WIDTH**2 + 5 * WIDTH),
}


def make(join, seed=0):
    """Return a model with random weights, norms and biases included."""
    torch.manual_seed(seed)
    model = CaptionModel(VOCABULARY, DIM, WIDTH, join=join, num_layers=LAYERS, num_heads=HEADS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def batch(seed=1):
    """Features, tokens and a mask; in the last picture nothing is kept."""
    torch.manual_seed(seed)
    mask = torch.arange(P) < torch.tensor([6, 3, 1, 0])[:, None]
    return torch.randn(B, P, DIM), torch.randint(VOCABULARY, (B, T)), mask


every_join = pytest.mark.parametrize("join", JOINS)


@every_join
def test_step_by_step_as_all_at_once(join):
    model, (features, tokens, mask) = make(join), batch()
    state, steps = model.start(features, mask), []
    for column in tokens.T:
        log_probs, state = model.step(column, state)
        steps.append(log_probs)
    torch.testing.assert_close(torch.stack(steps, 1), model(features, tokens, mask).log_softmax(-1))


@every_join
def test_later_words_do_not_change_earlier_scores(join):
    model, (features, tokens, _) = make(join), batch()
    changed = tokens.clone()
    changed[:, 3:] = (changed[:, 3:] + 1) % VOCABULARY
    before, after = model(features, tokens), model(features, changed)
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert (before[:, 3:] - after[:, 3:]).abs().amax((1, 2)).min() > 1e-3


@every_join
def test_count_of_parameters_and_a_gradient_for_each(join):
    model, (features, tokens, mask) = make(join), batch()
    assert sum(p.numel() for p in model.state_dict().values()) == COUNTS[join]
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    functional.cross_entropy(model(features, tokens, mask).flatten(0, 1), tokens.roll(-1, 1).flatten()).backward()
    optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
        assert not parameter.equal(start[name]), name


@every_join
def test_what_the_mask_leaves_out_does_not_matter(join):
    model, (features, tokens, mask) = make(join), batch()
    logits, weights = model.attend(features, tokens, mask)
    assert logits.isfinite().all()
    dirty = features.clone()
    dirty[~mask] = torch.nan
    dirty = torch.cat([dirty, torch.full((B, 3, DIM), torch.nan)], 1).requires_grad_()
    padded, wider = model.attend(dirty, tokens, functional.pad(mask, (0, 3)))
    torch.testing.assert_close(padded, logits)
    torch.testing.assert_close(wider[..., :P], weights)
    padded.sum().backward()
    assert dirty.grad.isfinite().all()
    assert dirty.grad[:, P:].abs().sum() == 0
    assert all(p.grad.isfinite().all() for p in model.parameters())
    torch.testing.assert_close(weights.sum(-1), mask.any(1).float()[:, None].expand(B, T))
    assert weights[~mask[:, None].expand_as(weights)].abs().sum() == 0


@every_join
def test_items_do_not_mix_and_the_order_of_regions_does_not_matter(join):
    model, (features, tokens, mask) = make(join), batch()
    logits = model(features, tokens, mask)
    alone = [model(features[k : k + 1], tokens[k : k + 1], mask[k : k + 1]) for k in range(B)]
    torch.testing.assert_close(torch.cat(alone), logits)
    order = torch.randperm(P)
    torch.testing.assert_close(model(features[:, order], tokens, mask[:, order]), logits)


@every_join
def test_one_region_may_come_without_its_axis(join):
    model, (features, tokens, _) = make(join), batch()
    kept = torch.tensor([True, False, True, True])
    torch.testing.assert_close(model(features[:, 0], tokens, kept), model(features[:, :1], tokens, kept[:, None]))


def test_the_picture_matters_and_the_mean_weighs_all_alike():
    features, tokens, _ = batch()
    for join in JOINS:
        model = make(join)
        assert (model(features, tokens) - model(-features, tokens)).abs().amax((1, 2)).min() > 1e-3
        _, weights = model.attend(features, tokens)
        even = torch.full_like(weights, 1 / P)
        assert torch.allclose(weights, even) == (join in ("concat", "product"))


@every_join
def test_under_autocast(join):
    model, (features, tokens, mask) = make(join), batch()
    with torch.autocast("cpu", torch.bfloat16):
        half = model(features, tokens, mask)
        found, scores = beam_search(model.step, model.start(features, mask), bos=0, eos=1, beam=2, max_len=4)
    torch.testing.assert_close(half.float(), model(features, tokens, mask), atol=8e-2, rtol=8e-2)
    assert found.shape[0] == B
    assert scores.isfinite().all()


@every_join
@pytest.mark.parametrize("alpha", [0.0, 0.8])
def test_a_large_beam_finds_the_best_of_all_sentences(join, alpha):
    torch.manual_seed(3)
    model = CaptionModel(4, DIM, WIDTH, join=join, num_layers=1, num_heads=HEADS).eval()
    with torch.no_grad():
        model.output.weight.mul_(6)
    features = torch.randn(3, P, DIM)
    found, scores = beam_search(model.step, model.start(features), bos=0, eos=1, beam=80, max_len=4, alpha=alpha)
    for item in range(3):
        best, text = -torch.inf, None
        for length in range(1, 5):
            for row in itertools.product(range(4), repeat=length):
                if 1 in row[:-1] or (length < 4 and row[-1] != 1):
                    continue
                logits = model(features[item : item + 1], torch.tensor([[0, *row[:-1]]])).log_softmax(-1)[0]
                score = logits[range(length), list(row)].sum().item() / length**alpha
                best, text = max((best, text), (score, row), key=lambda pair: pair[0])
        assert scores[item].item() == pytest.approx(best, rel=1e-5)
        assert tuple(found[item, : len(text)].tolist()) == text


def test_additive_attention_reads_as_its_formula():
    model, features = make("attention"), batch()[0]
    attention = model.decoder.attention
    regions = model.regions(features)
    hidden = torch.randn(B, WIDTH)
    weights = attention(hidden, attention.key(regions), torch.ones(B, P, dtype=torch.bool))
    for b in range(B):
        scores = [
            attention.score.weight[0] @ torch.tanh(attention.query(hidden[b]) + attention.key.weight @ regions[b, p])
            for p in range(P)
        ]
        torch.testing.assert_close(weights[b], torch.stack(scores).softmax(0))


def test_transformer_layer_equals_torch():
    model, (features, tokens, _) = make("transformer"), batch()
    width = WIDTH
    theirs = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(width, HEADS, 4 * width, 0.0, batch_first=True, norm_first=True),
        LAYERS,
        norm=model.decoder.norm,
    ).eval()
    for ours, layer in zip(model.decoder.layers, theirs.layers, strict=True):
        for mine, copy in ((ours.recall, layer.self_attn), (ours.look, layer.multihead_attn)):
            copy.in_proj_weight.data = torch.cat([mine.query.weight, mine.key.weight, mine.value.weight]).data
            copy.in_proj_bias.data = torch.cat([mine.query.bias, torch.zeros(width), mine.value.bias]).data
            copy.out_proj.load_state_dict(mine.output.state_dict())
        for number, norm in enumerate(ours.norms, 1):
            getattr(layer, f"norm{number}").load_state_dict(norm.state_dict())
        layer.linear1.load_state_dict(ours.feed[0].state_dict())
        layer.linear2.load_state_dict(ours.feed[2].state_dict())
    place, rate = torch.arange(T)[:, None], 10000 ** (-torch.arange(0, width, 2) / width)
    codes = torch.stack([(place * rate).sin(), (place * rate).cos()], -1).flatten(1)
    causal = torch.ones(T, T, dtype=torch.bool).triu(1)
    hidden = theirs(model.words(tokens) + codes, model.regions(features), tgt_mask=causal)
    torch.testing.assert_close(model.output(hidden), model(features, tokens), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": torch.randn(B, P, DIM + 1)}, "features must have 5 numbers"),
        ({"features": torch.randn(B, 2, P, DIM)}, "features must have 2 or 3 axes"),
        ({"features": torch.zeros(B, 0, DIM)}, "features must not be empty"),
        ({"features": torch.ones(B, P, DIM, dtype=torch.long)}, "features must be a floating-point tensor"),
        ({"features": [1.0]}, "features must be a tensor"),
        ({"tokens": torch.zeros(B, T)}, "tokens must be int64 or int32"),
        ({"tokens": torch.zeros(B + 1, T, dtype=torch.long)}, r"tokens must be int64 or int32 \(4, T\)"),
        ({"tokens": torch.zeros(B, dtype=torch.long)}, "tokens must have 2 axes"),
        ({"tokens": torch.zeros(B, 0, dtype=torch.long)}, "tokens must not be empty"),
        ({"mask": torch.ones(B, P)}, "mask must be a bool tensor"),
        ({"mask": torch.ones(B, P + 1, dtype=torch.bool)}, "mask must be a bool tensor of shape"),
    ],
)
def test_bad_input_is_named(change, message):
    features, tokens, mask = batch()
    with pytest.raises(ValueError, match=message):
        make("attention")(**{"features": features, "tokens": tokens, "mask": mask} | change)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"join": "sum"}, "join must be one of"), ({"join": "transformer", "width": 6}, "multiple")],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        CaptionModel(VOCABULARY, DIM, **options)


def test_regions_stand_row_by_row_and_see_around_themselves():
    torch.manual_seed(0)
    eyes, count = (
        RegionEncoder(10, (4, 6, 8)).eval(),
        3 * 4 * 16 + 4 * 6 * 16 + 6 * 8 * 16 + 8 * 10 * 9 + 2 * (4 + 6 + 8 + 10),
    )
    assert sum(p.numel() for p in eyes.parameters()) == count
    picture = torch.rand(1, 3, 40, 64)
    before, mask = eyes(picture)
    assert before.shape == (1, 40, 10)
    assert mask.shape == (1, 40)
    assert mask.all()
    picture[:, :, 20, 60] += 3  # row 2, column 7 of 5 x 8 regions
    changed = (eyes(picture)[0] - before).abs().sum(-1).view(5, 8) > 0
    assert changed[2, 7]
    assert not changed[:, :5].any()


def test_regions_of_a_picture_left_out_are_zeros_and_items_do_not_mix():
    eyes, x, mask = RegionEncoder().eval(), torch.rand(3, 3, 16, 24), torch.tensor([True, False, True])
    regions, kept = eyes(torch.where(mask[:, None, None, None], x, torch.nan), mask)
    assert regions[1].abs().sum() == 0
    assert kept.equal(mask[:, None].expand(3, 6))
    torch.testing.assert_close(regions[:1], eyes(x[:1])[0])
    eyes.train()(x)[0].square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in eyes.parameters())


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        (torch.rand(2, 3, 20, 16), None, "8 divides"),
        (torch.rand(2, 1, 16, 16), None, "3 channels"),
        (torch.rand(2, 3, 16, 16), torch.ones(3, dtype=torch.bool), "mask must be"),
    ],
)
def test_bad_pictures_are_named(x, mask, message):
    with pytest.raises(ValueError, match=message):
        RegionEncoder()(x, mask)
