"""Every law of DESIGN section 4 over the whole family, then each encoder against torch or a plain loop."""

import math

import pytest
import torch
from torch import nn

from mmcourse.representation.encoders import (
    AttentionEncoder,
    CNNEncoder,
    LSTMEncoder,
    MLPEncoder,
    TextEncoder,
    scaled_dot_product_attention,
)

B, T, D, OUT = 5, 7, 6, 8


def mlp(**options):
    return MLPEncoder(D, OUT, (10,), **options)


SEQUENCES = {
    "mlp": mlp,
    "lstm": lambda: LSTMEncoder(D, OUT, pool=False),
    "lstm pooled": lambda: LSTMEncoder(D, OUT),
    "lstm both ways": lambda: LSTMEncoder(D, OUT, 2, bidirectional=True, pool=False),
    "attention": lambda: AttentionEncoder(D, OUT, pool=False),
    "attention pooled": lambda: AttentionEncoder(D, OUT),
}
LINEAR, LAYER = D * OUT + OUT, 4 * OUT * OUT + 4 * OUT + 8 * OUT * OUT + 5 * OUT + 4 * OUT
COUNTS = {
    "mlp": D * 10 + 10 + 10 * OUT + OUT,
    "lstm": 4 * OUT * (D + OUT + 2),
    "lstm pooled": 4 * OUT * (D + OUT + 2),
    "lstm both ways": 2 * 2 * OUT * (D + OUT // 2 + 2) + 2 * 2 * OUT * (OUT + OUT // 2 + 2),
    "attention": LINEAR + 2 * LAYER + 2 * OUT,
    "attention pooled": LINEAR + 2 * LAYER + 2 * OUT,
}


@pytest.fixture(params=list(SEQUENCES))
def encoder(request):
    torch.manual_seed(0)
    return SEQUENCES[request.param]().eval()


def batch():
    """Sequences of length 7, 4 and 1, one with a gap, one with nothing, and their mask."""
    torch.manual_seed(1)
    mask = torch.arange(T) < torch.tensor([T, 4, 1, 6, 0])[:, None]
    mask[3, 2] = False
    return torch.randn(B, T, D), mask


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def test_shapes_and_masks(encoder):
    x, mask = batch()
    features, kept = encoder(x, mask)
    if kept is None:
        assert features.shape == (B, encoder.out_dim) == (B, OUT)
    else:
        assert features.shape == (B, T, encoder.out_dim)
        assert (kept == mask).all()
        assert (features[~mask] == 0).all()
    assert (features[4] == 0).all()
    assert features.isfinite().all()


def test_no_mask_is_a_mask_of_all_true(encoder):
    x, _ = batch()
    (a, kept), (b, all_kept) = encoder(x), encoder(x, torch.ones(B, T, dtype=torch.bool))
    close(a, b)
    assert kept is None or (kept.all() and all_kept.all())


@pytest.mark.parametrize("train", [False, True])
def test_padding_changes_nothing(encoder, train):
    encoder.train(train)
    for layer in encoder.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    x, mask = batch()
    longer = torch.cat([x, torch.full((B, 3, D), torch.nan)], 1), torch.cat([mask, torch.zeros(B, 3).bool()], 1)
    (a, _), (b, kept) = encoder(x, mask), encoder(*longer)
    close(a, b if kept is None else b[:, :T])
    with torch.autocast("cpu", torch.bfloat16):
        (a, _), (b, kept) = encoder(x, mask), encoder(*longer)
    close(a.float(), (b if kept is None else b[:, :T]).float(), 2e-2)


def test_what_is_masked_may_hold_anything(encoder):
    x, mask = batch()
    broken = torch.where(mask[..., None], x, torch.nan)
    results = []
    for data in (x, broken):
        encoder.zero_grad()
        features = encoder(data, mask)[0]
        features.square().sum().backward()
        results.append([features.detach(), *[p.grad.clone() for p in encoder.parameters()]])
    for a, b in zip(*results, strict=True):
        close(a, b)


def test_items_do_not_mix(encoder):
    x, mask = batch()
    features = encoder(x, mask)[0]
    for i in range(B):
        close(encoder(x[i : i + 1], mask[i : i + 1])[0][0], features[i])
    x[1:] = torch.randn(B - 1, T, D)
    close(encoder(x, mask)[0][0], features[0])


def test_parameters_are_counted_saved_and_trained(encoder, request):
    assert sum(p.numel() for p in encoder.parameters()) == COUNTS[request.node.callspec.params["encoder"]]
    x, mask = batch()
    features = encoder.train()(x, mask)[0]
    (features * torch.randn_like(features)).sum().backward()
    assert set(encoder.state_dict()) == {name for name, _ in encoder.named_parameters()}
    for name, p in encoder.named_parameters():
        assert p.grad.abs().sum() > 0, name
    before = {name: p.clone() for name, p in encoder.named_parameters()}
    torch.optim.SGD(encoder.parameters(), lr=1.0).step()
    assert all((p != before[name]).any() for name, p in encoder.named_parameters())


def test_saved_weights_give_the_same_features(request):
    for name, make in SEQUENCES.items():
        first, second = make().eval(), make().eval()
        second.load_state_dict(first.state_dict())
        x, mask = batch()
        assert (first(x, mask)[0] == second(x, mask)[0]).all(), name


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        (torch.randn(B, T, D + 1), None, "x must have"),
        (torch.randn(0, T, D), None, "x must not be empty"),
        (torch.randn(B, 0, D), None, "x must"),
        (torch.ones(B, T, D, dtype=torch.int64), None, "x must be a floating"),
        (torch.randn(B), None, "x must have"),
        ([[1.0]], None, "x must be a tensor"),
        (torch.randn(B, T, D), torch.ones(B, T), "mask must be a bool"),
        (torch.randn(B, T, D), torch.ones(B, T + 1, dtype=torch.bool), "mask must be a bool"),
        (torch.randn(B, T, D), [True], "mask must be a bool"),
    ],
)
def test_bad_input_is_named(encoder, x, mask, message):
    with pytest.raises(ValueError, match=message):
        encoder(x, mask)


def test_mlp_takes_vectors_and_flattens_pictures():
    encoder, x = MLPEncoder(12, OUT), torch.randn(B, 12)
    present = torch.tensor([True, False, True, True, False])
    features, mask = encoder(torch.where(present[:, None], x, torch.nan), present)
    assert mask is None
    assert (features[~present] == 0).all()
    close(features[present], encoder.layers(x[present]))
    close(encoder(x.reshape(B, 3, 2, 2))[0], encoder.layers(x))


def lstm_by_hand(x, lstm):
    """Hochreiter and Schmidhuber's cell, step by step: (T, d) -> (T, h)."""
    h, c, states = torch.zeros(lstm.hidden_size), torch.zeros(lstm.hidden_size), []
    for step in x:
        gates = lstm.weight_ih_l0 @ step + lstm.bias_ih_l0 + lstm.weight_hh_l0 @ h + lstm.bias_hh_l0
        enter, forget, new, leave = gates.chunk(4)
        c = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
        h = leave.sigmoid() * c.tanh()
        states.append(h)
    return torch.stack(states)


def test_lstm_equals_the_cell_by_hand_on_the_kept_steps():
    encoder = LSTMEncoder(D, OUT, pool=False)
    x, mask = batch()
    features, _ = encoder(x, mask)
    for i in range(4):
        close(features[i][mask[i]], lstm_by_hand(x[i][mask[i]], encoder.lstm))
    pooled = LSTMEncoder(D, OUT)
    pooled.load_state_dict(encoder.state_dict())
    close(pooled(x, mask)[0][3], features[3][mask[3]].mean(0))


def attention_by_hand(query, key, value):
    scores = torch.stack([torch.stack([q @ k / math.sqrt(len(q)) for k in key]) for q in query])
    weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
    return weights @ value


def test_attention_equals_the_formula_and_hides_what_is_masked():
    query, key, value = torch.randn(2, 5, 4), torch.randn(2, 7, 4), torch.randn(2, 7, 3)
    mask = torch.rand(2, 5, 7) < 0.6
    mask[0, 1] = False
    result = scaled_dot_product_attention(query, key, value, mask)
    for b in range(2):
        for t in range(5):
            some = mask[b, t]
            if some.any():
                close(result[b, t], attention_by_hand(query[b, t : t + 1], key[b, some], value[b, some])[0])
            else:
                close(result[b, t], torch.zeros(3))
        close(scaled_dot_product_attention(query, key, value)[b], attention_by_hand(query[b], key[b], value[b]))


@pytest.mark.parametrize(
    ("shapes", "mask", "message"),
    [
        ([(5, 4), (7, 3), (7, 3)], None, "query, key and value"),
        ([(5, 4), (7, 4), (6, 3)], None, "query, key and value"),
        ([(5, 4), (7, 4), (7, 3)], torch.ones(5, 7), "mask must be bool"),
    ],
)
def test_attention_names_bad_input(shapes, mask, message):
    with pytest.raises(ValueError, match=message):
        scaled_dot_product_attention(*(torch.randn(1, *shape) for shape in shapes), mask)


def test_attention_gradients_stay_finite_where_nothing_is_kept():
    query = torch.randn(1, 2, 4, requires_grad=True)
    mask = torch.tensor([[False, False], [True, False]])
    scaled_dot_product_attention(query, torch.randn(1, 2, 4), torch.randn(1, 2, 4), mask).sum().backward()
    assert query.grad.isfinite().all()


def test_attention_encoder_never_hides_every_key_of_an_item():
    """Some of torch's attention kernels answer NaN there, others do not."""
    encoder, hidden = AttentionEncoder(D, OUT), []
    encoder.layers.register_forward_pre_hook(
        lambda _, args, kw: hidden.append(kw["src_key_padding_mask"]), with_kwargs=True
    )
    x, mask = batch()
    encoder(x, mask)
    assert (hidden[0][:4] == ~mask[:4]).all()
    assert not hidden[0].all(1).any()


def test_attention_encoder_knows_the_order():
    encoder, (x, _) = AttentionEncoder(D, OUT).eval(), batch()
    assert (encoder(x)[0] - encoder(x.flip(1))[0]).abs().max() > 1e-3


def test_attention_encoder_equals_its_layers_written_out():
    encoder = AttentionEncoder(D, OUT, 1, 2, pool=False).eval()
    x = torch.randn(1, T, D)
    rates = [10000 ** (-(i - i % 2) / OUT) for i in range(OUT)]
    places = [[(math.cos if i % 2 else math.sin)(t * rates[i]) for i in range(OUT)] for t in range(T)]
    h, layer = (encoder.input(x) + torch.tensor(places))[0], encoder.layers.layers[0]
    q, k, v = (layer.norm1(h) @ layer.self_attn.in_proj_weight.T + layer.self_attn.in_proj_bias).chunk(3, -1)
    heads = [attention_by_hand(q[:, s], k[:, s], v[:, s]) for s in (slice(0, 4), slice(4, 8))]
    h = h + layer.self_attn.out_proj(torch.cat(heads, -1))
    h = h + layer.linear2(layer.linear1(layer.norm2(h)).relu())
    close(encoder(x)[0][0], encoder.layers.norm(h))


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (8, 8), (9, 13)])
@pytest.mark.parametrize("pool", [True, False])
def test_cnn_takes_any_size_and_skips_absent_pictures(size, pool):
    encoder = CNNEncoder(3, OUT, (8, 16), pool=pool).train()
    x, present = torch.randn(4, 3, *size), torch.tensor([True, False, True, True])
    x[1] = torch.nan
    features, mask = encoder(x, present)
    grid = math.ceil(math.ceil(size[0] / 2) / 2) * math.ceil(math.ceil(size[1] / 2) / 2)
    assert features.shape == ((4, OUT) if pool else (4, grid, OUT))
    assert mask is None if pool else (mask == present[:, None].expand(4, grid)).all()
    assert (features[1] == 0).all()
    close(encoder(x[2:3])[0][0], features[2])
    features.square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_cnn_parameters_and_pooling():
    encoder, grid = CNNEncoder(3, OUT, (8, 16)), CNNEncoder(3, OUT, (8, 16), pool=False)
    grid.load_state_dict(encoder.state_dict())
    assert sum(p.numel() for p in encoder.parameters()) == 27 * 8 + 16 + 72 * 16 + 32 + 16 * OUT + OUT
    x = torch.randn(2, 3, 9, 6)
    close(grid(x)[0].mean(1), encoder(x)[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CNNEncoder(3, OUT, (12,)), "channels must be multiples of 8"),
        (lambda: CNNEncoder(3, OUT, ()), "channels must be multiples of 8"),
        (lambda: CNNEncoder(3, OUT)(torch.randn(2, 1, 8, 8)), "x must have 3 channels"),
        (lambda: CNNEncoder(3, OUT)(torch.randn(2, 3, 8)), "x must have 4 axes"),
        (lambda: CNNEncoder(3, OUT)(torch.randn(2, 3, 8, 8), torch.ones(2)), "mask must be a bool"),
        (lambda: LSTMEncoder(D, 5, bidirectional=True), "out_dim must be even"),
        (lambda: AttentionEncoder(D, 6), "out_dim must be a multiple"),
        (lambda: text()(torch.randn(2, 3)), "x must hold token numbers"),
        (lambda: text()(torch.ones(2, 3, 1).long()), "x must have 2 axes"),
        (lambda: text()(torch.ones(2, 3).long(), torch.ones(2, 4).bool()), "mask must be a bool"),
    ],
)
def test_other_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def text():
    return TextEncoder(9, LSTMEncoder(D, OUT))


def test_text_is_its_vectors_through_the_encoder():
    encoder, (_, mask) = text(), batch()
    tokens = torch.where(mask, torch.randint(9, (B, T)), -100)
    features, kept = encoder(tokens, mask)
    assert kept is None
    assert encoder.out_dim == OUT
    vectors = encoder.embedding.weight[tokens.clamp(min=0)]
    close(features, encoder.encoder(vectors, mask)[0])
    features.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.parameters())


@pytest.mark.parametrize("name", [*SEQUENCES, "cnn", "cnn grid", "text"])
def test_a_mask_of_all_false_gives_zeros_and_finite_gradients(name):
    torch.manual_seed(0)
    x, mask = torch.full((B, T, D), torch.nan), torch.zeros(B, T, dtype=torch.bool)
    if name.startswith("cnn"):
        encoder = CNNEncoder(3, OUT, (8,), pool=name == "cnn")
        x, mask = torch.full((B, 3, 4, 4), torch.nan), torch.zeros(B, dtype=torch.bool)
    elif name == "text":
        encoder, x = text(), torch.full((B, T), -100)
    else:
        encoder = SEQUENCES[name]()
    features, kept = encoder(x, mask)
    assert (features == 0).all()
    assert kept is None or not kept.any()
    features.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())
