"""Gumbel softmax, the KL against a brute force, cached writing against slow writing, and the laws of the house."""

import math

import pytest
import torch
from torch.nn import functional

from mmcourse.translation import DiscreteVAE, ImageTransformer
from mmcourse.translation.dalle import gumbel_softmax

K, L, D, WIDTH, B, T = 6, 16, 5, 8, 4, 3


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def dvae():
    torch.manual_seed(0)
    return DiscreteVAE(codes=K, width=WIDTH)


@pytest.fixture
def writer():
    torch.manual_seed(0)
    model = ImageTransformer(K, L, D, width=WIDTH, depth=2, heads=2).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def story(seed=1):
    torch.manual_seed(seed)
    mask = torch.arange(T) < torch.tensor([3, 2, 1, 0])[:, None]
    return torch.randn(B, T, D), mask, torch.randint(K, (B, L))


def test_gumbel_draws_the_codes_with_their_probabilities():
    logits = torch.tensor([1.0, 0.0, -1.0])
    for hard in (False, True):
        drawn = gumbel_softmax(logits.expand(100_000, 3), 0.5, hard=hard, generator=seeded())
        share = functional.one_hot(drawn.argmax(1), 3).float().mean(0)
        torch.testing.assert_close(share, logits.softmax(0), atol=0.006, rtol=0)
    assert sorted(drawn.unique().tolist()) == [0, 1]


def test_hard_and_soft_draws_share_their_gradient():
    logits, weights = torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    gradients = []
    for hard in (False, True):
        leaf = logits.clone().requires_grad_()
        (gumbel_softmax(leaf, 0.7, hard=hard, generator=seeded()) * weights).sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*gradients)
    soft = gumbel_softmax(logits, 0.7, generator=seeded())
    uniform = torch.rand(5, 4, generator=seeded()).double()
    torch.testing.assert_close(soft, ((logits - (-uniform.log()).log()) / 0.7).softmax(1))
    assert gumbel_softmax(logits, 1e-3, generator=seeded()).max(1).values.min() > 0.99


def test_kl_is_a_sum_over_codes_and_places(dvae):
    x = torch.randn(3, 3, 8, 8)
    _, kl = dvae(x)
    for picture, value in zip(x, kl, strict=True):
        total = 0.0
        for place in dvae.logits(picture[None])[0]:
            q = [math.exp(v) for v in place.tolist()]
            total += sum(p / sum(q) * math.log(p / sum(q) * K) for p in q)
        assert value.item() == pytest.approx(total, rel=1e-4)
    with torch.no_grad():
        dvae.encoder[-1].weight.zero_()
        dvae.encoder[-1].bias.zero_()
    assert dvae(x)[1].abs().max() < 1e-5
    with torch.no_grad():
        dvae.encoder[-1].bias[2] = 100
    torch.testing.assert_close(dvae(x)[1], torch.full((3,), 4 * math.log(K)))


def test_codes_and_places_fit(dvae):
    x = torch.randn(2, 3, 16, 16)
    codes = dvae.encode(x)
    assert codes.shape == (2, 16)
    torch.testing.assert_close(dvae.decode(codes), dvae.decode(functional.one_hot(codes, K).float()))
    moved = dvae.encode(torch.roll(x, 4, dims=3)).view(2, 4, 4)
    assert moved[:, 1:3, 2].equal(codes.view(2, 4, 4)[:, 1:3, 1])  # four pixels to the right: one place


def test_dvae_obeys_the_laws(dvae):
    w = WIDTH
    count = 3 * w * 16 + w + w * w * 16 + w + w * K + K + K * w + w * w * 9 + w + w * w * 16 + w + w * 3 * 16 + 3
    assert sum(p.numel() for p in dvae.parameters()) == count
    x = torch.randn(B, 3, 8, 8)
    drawn, kl = dvae(x, 0.8, generator=seeded())
    assert drawn.shape == x.shape and kl.shape == (B,)  # noqa: PT018
    (drawn.square().sum() + kl.sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in dvae.parameters())
    other = torch.cat([x[:1], 5 * x[1:]])
    torch.testing.assert_close(dvae(other, 0.8, generator=seeded())[0][0], drawn[0])
    with torch.autocast("cpu", torch.bfloat16):
        low, low_kl = dvae(x, 0.8, generator=seeded())
    torch.testing.assert_close(low.float(), drawn, atol=5e-2, rtol=5e-2)
    torch.testing.assert_close(low_kl, kl, atol=5e-2, rtol=5e-2)


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_cached_writing_is_slow_writing(writer, temperature):
    words, mask, _ = story()
    fast = writer.generate(words, mask, temperature=temperature, generator=seeded(3))
    generator, slow = seeded(3), torch.zeros(B, 0, dtype=torch.long)
    for _ in range(L):
        padded = torch.cat([slow, torch.zeros(B, 1, dtype=torch.long)], 1)
        logits = writer(words, mask, padded)[:, -1]
        noise = -(-torch.rand(logits.shape, generator=generator).log()).log()
        slow = torch.cat([slow, (logits + temperature * noise).argmax(1)[:, None]], 1)
    assert fast.equal(slow)
    assert len(fast.unique()) > 1


def test_a_code_sees_only_words_and_earlier_codes(writer):
    words, mask, codes = story()
    before = writer(words, mask, codes)
    changed = codes.clone()
    changed[:, 7] = (codes[:, 7] + 1) % K
    after = writer(words, mask, changed)
    torch.testing.assert_close(before[:, :8], after[:, :8])
    assert (before[:, 8:] - after[:, 8:]).abs().amax((1, 2)).min() > 1e-4
    assert (writer(words + 1, mask, codes)[:3] - before[:3]).abs().max() > 1e-3


def test_padding_order_of_items_and_absent_text(writer):
    words, mask, codes = story()
    expected = writer(words, mask, codes)
    longer = torch.cat([words.masked_fill(~mask[..., None], math.nan), torch.full((B, 4, D), math.nan)], 1)
    kept = functional.pad(mask, (0, 4))
    torch.testing.assert_close(writer(longer, kept, codes), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(writer(words[:1], mask[:1], codes[:1]), expected[:1])
    torch.testing.assert_close(writer(words[3:] * 9, mask[3:], codes[3:]), expected[3:])
    assert writer.generate(longer, kept, generator=seeded()).equal(writer.generate(words, mask, generator=seeded()))


def test_writer_obeys_the_laws(writer):
    w = WIDTH
    layer = 2 * 2 * w + 3 * w * w + 3 * w + w * w + w + 8 * w * w + 5 * w
    count = D * w + w + w + K * w + L * w + 2 * layer + 2 * w + w * K + K
    assert sum(p.numel() for p in writer.parameters()) == count
    words, mask, codes = story()
    functional.cross_entropy(writer(words, mask, codes).transpose(1, 2), codes).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in writer.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        low = writer(words, mask, codes)
    torch.testing.assert_close(low.float(), writer(words, mask, codes), atol=0.1, rtol=0.1)


def test_bad_input(dvae, writer):
    words, mask, codes = story()
    wrong = [
        (lambda: dvae(torch.randn(2, 1, 8, 8)), "3 channels"),
        (lambda: dvae(torch.randn(2, 3, 6, 6)), "divisible by 4"),
        (lambda: dvae(torch.randn(2, 3, 8, 8), 0.0), "temperature"),
        (lambda: dvae.decode(torch.full((1, 16), K)), "codes must be whole"),
        (lambda: dvae.decode(torch.zeros(1, 5, dtype=torch.long)), "square"),
        (lambda: DiscreteVAE(codes=1), "codes"),
        (lambda: writer(words[..., :2], mask, codes), "words must have 5"),
        (lambda: writer(words, mask.float(), codes), "mask must be"),
        (lambda: writer(words, mask, codes.float()), "codes must be"),
        (lambda: writer(words, mask, torch.zeros(B, L + 1, dtype=torch.long)), "at most 16"),
        (lambda: writer.generate(words, mask, temperature=-1.0), "temperature"),
        (lambda: ImageTransformer(K, L, D, width=9, heads=2), "divisible"),
    ]
    for call, message in wrong:
        with pytest.raises(ValueError, match=message):
            call()
