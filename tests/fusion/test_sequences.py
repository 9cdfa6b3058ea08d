"""Fusion of sequences against torch's own attention and transformer layers."""

import pytest
import torch
from torch import nn

from mmcourse.fusion import BottleneckTransformer, CrossModalTransformer
from mmcourse.fusion.layers import GroupedAttention, GroupedLayer
from mmcourse.fusion.sequences import exchange

G, B, T, S, WIDTH, HEADS = 3, 4, 5, 7, 8, 2


def close(a, b, tolerance=1e-5):
    torch.testing.assert_close(a, b, rtol=0, atol=tolerance)


def random(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5)
    return module.eval()


def copy_attention(ours, group):
    """Return torch's attention layer with the weights of one group of ours."""
    theirs = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).eval()
    with torch.no_grad():
        parts = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([part.weight[group].T for part in parts]))
        biases = [torch.zeros(WIDTH) if part.bias is None else part.bias[group] for part in parts]
        theirs.in_proj_bias.copy_(torch.cat(biases))
        theirs.out_proj.weight.copy_(ours.output.weight[group].T)
        theirs.out_proj.bias.copy_(ours.output.bias[group])
    return theirs


def copy_layer(ours, group):
    """Return torch's transformer layer with the weights of one group of ours."""
    theirs = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    theirs.self_attn = copy_attention(ours.attention, group)
    with torch.no_grad():
        for linear, part in ((theirs.linear1, ours.widen), (theirs.linear2, ours.narrow)):
            linear.weight.copy_(part.weight[group].T)
            linear.bias.copy_(part.bias[group])
        for norm, part in ((theirs.norm1, ours.norm_attention), (theirs.norm2, ours.norm_feed)):
            norm.weight.copy_(part.weight[group])
            norm.bias.copy_(part.bias[group])
    return theirs


def test_attention_equals_torchs_with_copied_weights():
    ours = random(GroupedAttention(G, WIDTH, HEADS))
    x, source, mask = torch.randn(G, B, T, WIDTH), torch.randn(G, B, S, WIDTH), torch.rand(G, B, S) < 0.6
    mask[..., 0] = True
    got = ours(x, source, mask)
    for g in range(G):
        expected, _ = copy_attention(ours, g)(x[g], source[g], source[g], key_padding_mask=~mask[g], need_weights=False)
        close(got[g], expected)


def test_distance_bias_equals_torchs_with_an_additive_mask():
    ours = random(GroupedAttention(1, WIDTH, HEADS, reach=2))
    x, source = torch.randn(1, B, T, WIDTH), torch.randn(1, B, S, WIDTH)
    bias = torch.empty(HEADS, T, S)
    for h in range(HEADS):
        for t in range(T):
            for s in range(S):
                bias[h, t, s] = ours.distances[0, h, max(-2, min(2, s - t)) + 2]
    theirs = copy_attention(ours, 0)
    expected, _ = theirs(x[0], source[0], source[0], attn_mask=bias.repeat(B, 1, 1), need_weights=False)
    close(ours(x, source, torch.ones(1, B, S, dtype=torch.bool))[0], expected)


def test_attention_to_nothing_is_the_output_bias():
    ours = random(GroupedAttention(G, WIDTH, HEADS, reach=2))
    nothing = torch.zeros(G, B, S, dtype=torch.bool)
    out = ours(torch.randn(G, B, T, WIDTH), torch.randn(G, B, S, WIDTH), nothing)
    close(out, ours.output.bias[:, None, None].expand_as(out))


def test_exchange_with_all_tokens_shared_is_full_attention():
    """With no steps of its own and every token in the bottleneck, a modality's layer is a plain transformer layer."""
    layer, tokens = random(GroupedLayer(1, WIDTH, HEADS)), torch.randn(B, S, WIDTH)
    x, mask = torch.randn(1, B, T, WIDTH), torch.zeros(1, B, T, dtype=torch.bool)
    mask[0, :, 0] = True  # one kept step makes the modality present ...
    both = torch.cat([x[0, :, :1], tokens], 1)
    expected = copy_layer(layer, 0)(both)
    x_new, tokens_new = exchange(layer, x, mask, tokens)
    close(tokens_new, expected[:, 1:])
    close(x_new[0, :, :1], expected[:, :1])  # ... and it takes part like any token
    _, unchanged = exchange(layer, x, torch.zeros_like(mask), tokens)
    assert torch.equal(unchanged, tokens)


def test_exchange_averages_over_the_present():
    layer, tokens = random(GroupedLayer(2, WIDTH, HEADS)), torch.randn(B, 3, WIDTH)
    x, mask = torch.randn(2, B, T, WIDTH), torch.ones(2, B, T, dtype=torch.bool)
    mask[1, 0] = False
    _, got = exchange(layer, x, mask, tokens)
    versions = torch.stack([copy_layer(layer, g)(torch.cat([x[g], tokens], 1))[:, T:] for g in range(2)])
    close(got[1:], versions[:, 1:].mean(0))
    close(got[0], versions[0, 0])


def test_cross_modal_transformer_equals_separate_stacks():
    block = random(CrossModalTransformer({"a": 3, "b": 4}, 2, width=WIDTH, num_heads=HEADS, reach=2))
    for layer in block.layers:
        layer.attention.distances.data.zero_()
    a, b = torch.randn(B, T, 3), torch.randn(B, S, 4)
    masks = {"a": torch.rand(B, T) < 0.7, "b": torch.rand(B, S) < 0.7}
    masks["a"][:, 0] = masks["b"][:, 0] = True
    inputs = {"a": block.inputs["a"](a), "b": block.inputs["b"](b)}
    pooled = []
    for g, (reader, source) in enumerate((("a", "b"), ("b", "a"))):
        x = inputs[reader]
        for ours in block.layers:
            theirs = copy_layer(ours, g)
            keys = theirs.norm1(inputs[source])
            query = theirs.norm1(x)
            x = x + theirs.self_attn(query, keys, keys, key_padding_mask=~masks[source], need_weights=False)[0]
            x = x + theirs.linear2(nn.functional.gelu(theirs.linear1(theirs.norm2(x))))
        kept = masks[reader][..., None]
        pooled.append((x * kept).sum(1) / kept.sum(1))
    close(block({"a": a, "b": b}, masks), block.output(torch.cat(pooled, 1)))


def test_distances_let_it_copy_from_a_fixed_lag():
    """What content alone cannot do: with a strong bias at distance 2, each step reads the source two steps later."""
    ours = GroupedAttention(1, WIDTH, 1, reach=3)
    with torch.no_grad():
        ours.distances[:] = -50.0
        ours.distances[..., 3 + 2] = 50.0
        for part in (ours.value, ours.output):
            part.weight.copy_(torch.eye(WIDTH))
            part.bias.zero_()
    source = torch.randn(1, B, S, WIDTH)
    out = ours(torch.randn(1, B, S, WIDTH), source, torch.ones(1, B, S, dtype=torch.bool))
    close(out[:, :, : S - 2], source[:, :, 2:], 1e-4)


def test_lengths_of_one_and_bad_options():
    for block in (CrossModalTransformer, BottleneckTransformer):
        out = block({"a": 3, "b": 4}, 2, width=WIDTH)({"a": torch.randn(B, 1, 3), "b": torch.randn(B, 9, 4)})
        assert out.shape == (B, 2)
        with pytest.raises(ValueError, match="multiple of num_heads"):
            block({"a": 3, "b": 4}, 2, width=6)
        with pytest.raises(ValueError, match="empty"):
            block({"a": 3, "b": 4}, 2)({"a": torch.randn(B, 0, 3), "b": torch.randn(B, 9, 4)})
    with pytest.raises(ValueError, match="two modalities"):
        CrossModalTransformer({"a": 3}, 2)
    with pytest.raises(ValueError, match="bottleneck"):
        BottleneckTransformer({"a": 3}, 2, bottleneck=0)
