"""The laws of the house for the model that answers questions, and its parts against loops written out."""

import math

import pytest
import torch

from mmcourse.translation import VQAModel
from mmcourse.translation.questions import RegionAttention

WORDS, D, ANSWERS, WIDTH = 11, 5, 7, 8
B, P, T, R = 6, 9, 4, 3
LSTM = 2 * (4 * (WIDTH // 2) * (WIDTH + WIDTH // 2) + 2 * 4 * (WIDTH // 2))
BAG = WIDTH * WIDTH + WIDTH
SHARED = WORDS * WIDTH + BAG + WIDTH + WIDTH * ANSWERS + ANSWERS  # with the bias of the layer that joins
LOOK = WIDTH * D + D + D * WIDTH
CASES = {
    "question": ({"join": "question"}, SHARED + WIDTH * WIDTH),
    "concat": ({"join": "concat"}, SHARED + (WIDTH + D) * WIDTH),
    "attention": ({"join": "attention"}, SHARED + 2 * WIDTH * WIDTH + LOOK),
    "two hops": ({"join": "attention", "hops": 2}, SHARED + 2 * WIDTH * WIDTH + 2 * LOOK + 2 * WIDTH * WIDTH + WIDTH),
    "gates": ({"join": "attention", "gate": "sigmoid"}, SHARED + 2 * WIDTH * WIDTH + LOOK),
    "film": (
        {"join": "film"},
        SHARED + 2 * WIDTH * WIDTH + (D * WIDTH + WIDTH) + (WIDTH * 2 * WIDTH + 2 * WIDTH),
    ),
    "lstm": ({"join": "concat", "reader": "lstm"}, SHARED - BAG + LSTM + (WIDTH + D) * WIDTH),
    "memory": (
        {"join": "attention", "memory": True},
        SHARED + 2 * WIDTH * WIDTH + LOOK + 2 * WIDTH * WIDTH + WIDTH,
    ),
}
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")),
]


@pytest.fixture(params=list(CASES))
def name(request):
    return request.param


def make(name, seed=0):
    torch.manual_seed(seed)
    model = VQAModel(WORDS, D, ANSWERS, width=WIDTH, **CASES[name][0])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def batch(name):
    """Features, questions, their mask, the mask of regions, and for a memory a history: gaps and nothing at all."""
    torch.manual_seed(1)
    mask, regions = torch.rand(B, T) < 0.7, torch.rand(B, P) < 0.6
    mask[:2], regions[:2] = torch.tensor([[False], [True]]), torch.tensor([[True], [False]])
    mask[2, 0] = regions[2, 3] = True
    given = [torch.randn(B, P, D), torch.randint(WORDS, (B, T)), mask, regions]
    if name == "memory":
        said = (torch.rand(B, R, T) < 0.7) & (torch.rand(B, R, 1) < 0.8)
        said[0], said[1] = False, True
        said[2] = torch.tensor([True, False, True])[:, None]
        given += [torch.randint(WORDS, (B, R, T)), said]
    return given


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def spoil(given):
    """Put NaN and unknown words wherever a mask says that nothing is there."""
    features, questions, mask, regions, *history = given
    spoiled = [torch.where(regions[..., None], features, torch.nan), torch.where(mask, questions, -9), mask, regions]
    return spoiled + ([torch.where(history[1], history[0], 10**6), history[1]] if history else [])


def lengthen(given):
    """Append regions, words and turns that the masks leave out."""

    def longer(x, axis, value):
        shape = list(x.shape)
        shape[axis] = 2
        return torch.cat([x, torch.full(shape, value, dtype=x.dtype)], axis)

    features, questions, mask, regions, *history = given
    out = [longer(features, 1, torch.nan), longer(questions, 1, -1), longer(mask, 1, False), longer(regions, 1, False)]
    if history:
        out += [longer(longer(history[0], 2, -1), 1, -1), longer(longer(history[1], 2, False), 1, False)]
    return out


def gradients(model, given):
    model.zero_grad()
    (model(*given) * torch.linspace(-1, 1, ANSWERS)).sum().backward()
    return [p.grad.clone() for p in model.parameters()]


def test_parameters_are_counted_and_saved(name):
    model = make(name)
    assert sum(p.numel() for p in model.parameters()) == CASES[name][1]
    assert set(model.state_dict()) == {key for key, _ in model.named_parameters()}
    other = make(name, seed=5)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(*batch(name)), model(*batch(name)))


def test_every_parameter_learns(name):
    model = make(name).train()
    for (key, p), gradient in zip(model.named_parameters(), gradients(model, batch(name)), strict=True):
        assert 1e-7 < gradient.abs().sum() < torch.inf, key
        before = p.detach().clone()
        with torch.no_grad():
            p -= gradient
        assert (p != before).any(), key


def test_what_is_masked_may_hold_anything(name):
    model, given = make(name), batch(name)
    for other in (spoil(given), lengthen(given)):
        close(model(*other), model(*given))
        for a, b in zip(gradients(model, other), gradients(model, given), strict=True):
            close(a, b, 1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        close(model(*lengthen(given)).float(), model(*given).float(), 2e-2)


def test_nothing_at_all_is_finite_and_the_same_for_all(name):
    model, given = make(name), batch(name)
    given = spoil([x & False if x.dtype == torch.bool else x for x in given])
    out = model(*given)
    assert out.isfinite().all()
    close(out, out[:1].expand_as(out))
    assert all(gradient.isfinite().all() for gradient in gradients(model, given))


def test_items_do_not_mix(name):
    model, given = make(name), batch(name)
    out, order = model(*given), torch.randperm(B)
    for i in range(B):
        close(model(*(x[i : i + 1] for x in given))[0], out[i])
    close(model(*(x[order] for x in given)), out[order])


def test_picture_and_question_matter(name):
    model, given = make(name), batch(name)
    out = model(*given)
    features, questions, mask, regions, *history = given
    moved = (model(features + 1, *given[1:]) - out).abs().amax(1) > 1e-6
    assert torch.equal(moved, regions.any(1) & (name != "question"))
    moved = (model(features, (questions + 1) % WORDS, *given[2:]) - out).abs().amax(1) > 1e-6
    assert torch.equal(moved, mask.any(1))
    if history:
        moved = (model(*given[:4], (history[0] + 1) % WORDS, history[1]) - out).abs().amax(1) > 1e-6
        assert torch.equal(moved, history[1].any(2).any(1))
        close(model(*given[:4])[0], out[0])  # no history and an empty one are the same


def test_softmax_attention_is_a_loop():
    look, (features, _, _, mask) = RegionAttention(D, WIDTH), batch("attention")
    question = torch.randn(B, WIDTH)
    found, weights = look(features * mask[..., None], question, mask)
    for b in range(B):
        kept = [p for p in range(P) if mask[b, p]]
        asked = look.query.weight @ question[b] + look.query.bias
        powers = [math.exp((asked @ features[b, p]).item() / math.sqrt(D)) for p in kept]
        expected = sum((w / sum(powers) * look.value(features[b, p]) for w, p in zip(powers, kept, strict=True)), 0)
        close(found[b], torch.as_tensor(expected) * torch.ones(WIDTH))
        close(weights[b].sum(), torch.tensor(float(bool(kept))))
        assert (weights[b] > 0).tolist() == mask[b].tolist()


def test_sigmoid_gates_count():
    look, question = RegionAttention(D, WIDTH, "sigmoid"), torch.randn(B, WIDTH)
    thing = torch.randn(B, 1, D)
    mask = torch.ones(B, 1, dtype=torch.bool)
    one, _ = look(thing, question, mask)
    three, _ = look(thing.expand(-1, 3, -1), question, mask.expand(-1, 3))
    close(three, 3 * one)
    gate = torch.sigmoid(look.query(question[0]) @ thing[0, 0] / math.sqrt(D) - 3)
    close(one[0], gate * look.value(thing[0, 0]))
    soft = RegionAttention(D, WIDTH)
    close(soft(thing, question, mask)[0], soft(thing.expand(-1, 3, -1), question, mask.expand(-1, 3))[0])


def test_film_is_gamma_x_plus_beta():
    model, (features, questions, mask, regions) = make("film"), batch("film")
    question, _ = model.encoder(questions, mask)
    b = 3
    gamma, beta = model.modulate.weight @ question[b] + model.modulate.bias, None
    gamma, beta = gamma[:WIDTH], gamma[WIDTH:]
    rows = [
        torch.relu((1 + gamma) * (model.project.weight @ features[b, p] + model.project.bias) + beta)
        for p in range(P)
        if regions[b, p]
    ]
    joined = torch.cat([sum(rows) / len(rows), question[b]])  # "picture" comes before "question"
    hidden = torch.relu(model.fuse.output.weight @ joined + model.fuse.output.bias)
    close(model(features, questions, mask, regions)[b], model.output.weight @ hidden + model.output.bias)


def test_a_bag_knows_no_order_and_an_lstm_does():
    questions, mask = torch.tensor([[3, 1, 2, 7]]), torch.tensor([[True, True, True, False]])
    for name, same in (("concat", True), ("lstm", False)):
        one, other = (make(name).encoder(words, mask)[0] for words in (questions, questions[:, [2, 1, 0, 3]]))
        assert torch.allclose(one, other, atol=1e-6) == same
    model = make("concat").encoder
    close(model(questions, mask)[0], model.encoder.layer(model.embedding.weight[[3, 1, 2]].sum(0)).relu()[None])


def test_concat_is_the_mean_beside_the_question():
    model, (features, questions, mask, regions) = make("concat"), batch("concat")
    question, _ = model.encoder(questions, mask)
    mean = torch.stack([x[m].sum(0) / max(int(m.sum()), 1) for x, m in zip(features, regions, strict=True)])
    hidden = torch.relu(model.fuse.output(torch.cat([mean, question], 1)))
    close(model(features, questions, mask, regions), model.output(hidden))


def test_the_second_hop_asks_with_what_the_first_found():
    model, (features, questions, mask, regions) = make("two hops"), batch("two hops")
    question, _ = model.encoder(questions, mask)
    seen = features * regions[..., None]
    first, weights1 = model.look[0](seen, question, regions)
    asked = torch.relu(model.again[0].weight @ torch.cat([question, first], 1).T + model.again[0].bias[:, None]).T
    second, weights2 = model.look[1](seen, asked, regions)
    logits, weights = model.explain(features, questions, mask, regions)
    close(weights["regions"], torch.stack([weights1, weights2], 1))
    hidden = torch.relu(model.fuse.output(torch.cat([first + second, question], 1)))
    close(logits, model.output(hidden))


def test_memory_is_a_loop():
    model, given = make("memory"), batch("memory")
    features, questions, mask, regions, history, said = given
    question, _ = model.encoder(questions, mask)
    remembered, weights = model.remember(question, history, said)
    for b in range(B):
        turns = [r for r in range(R) if said[b, r].any()]
        if not turns:
            close(remembered[b], model.nothing)
            continue
        codes = [model.encoder(history[b, r : r + 1], said[b, r : r + 1])[0][0] for r in turns]
        powers = [math.exp((question[b] @ model.key(code)).item() / math.sqrt(WIDTH)) for code in codes]
        expected = sum(w / sum(powers) * model.recall(code) for w, code in zip(powers, codes, strict=True))
        close(remembered[b], expected)
        close(weights[b, turns], torch.tensor(powers) / sum(powers))
    logits, explained = model.explain(*given)
    close(explained["turns"], weights)
    found, _ = model.attend(features * regions[..., None], question + remembered, regions)
    hidden = torch.relu(model.fuse.output(torch.cat([found, question + remembered], 1)))
    close(logits, model.output(hidden))


@pytest.mark.parametrize("device", DEVICES)
def test_devices_and_half_precision(name, device):
    model, given = make(name), batch(name)
    expected = model(*given)
    model, given = model.to(device), [x.to(device) for x in given]
    close(model(*given).cpu(), expected, 1e-4)
    with torch.autocast(device, torch.bfloat16):
        half = model(*given[:1], *given[1:]).float().cpu()
    assert half.isfinite().all()
    assert ((half - expected).abs() <= 3e-2 * expected.abs().amax().clamp(min=1)).all()


def test_bad_input_is_one_clear_error():
    model, given = make("memory"), batch("memory")
    features, questions, mask, regions, history, said = given
    cases = [
        ((features[..., :-1], *given[1:]), "features must have 5"),
        ((features.long(), *given[1:]), "floating"),
        ((features.double(), *given[1:]), "dtype of the model"),
        ((features[:0], *given[1:]), "features must not be empty"),
        ((features[0], *given[1:]), "features must have 3 axes"),
        ((features, questions.float(), *given[2:]), "questions must hold word numbers"),
        ((features, questions[:-1], *given[2:]), "questions must have one row"),
        ((features, questions[0], *given[2:]), "questions must have 2 axes"),
        ((features, questions, None, *given[3:]), "questions needs a mask"),
        ((features, questions, mask.float(), *given[3:]), "mask of questions must be a bool"),
        ((features, questions, mask, regions[:, :-1], *given[4:]), "regions must be a bool tensor of shape"),
        ((*given[:4], history, None), "go together"),
        ((*given[:4], history[:, 0], said[:, 0]), "history must have 3 axes"),
        ((*given[:4], history, said[:, :, :-1]), "mask of history must be a bool"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            model(*arguments)
    with pytest.raises(ValueError, match="memory=True"):
        make("concat")(*given)
    for options in ({"join": "sum"}, {"gate": "relu"}, {"reader": "gru"}, {"hops": 0}, {"hops": True}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
            VQAModel(WORDS, D, ANSWERS, **options)
    with pytest.raises(ValueError, match="vocabulary"):
        VQAModel(0, D, ANSWERS)
    with pytest.raises(ValueError, match="even"):
        VQAModel(WORDS, D, ANSWERS, width=7, reader="lstm")
