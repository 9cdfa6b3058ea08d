"""Fusion of feature vectors against brute force: the full outer product, loops over items, published formulas."""

import math

import pytest
import torch

from mmcourse.fusion import (
    AttentionFusion,
    BilinearFusion,
    DeepSetFusion,
    FiLMFusion,
    GatedFusion,
    GraphFusion,
    LowRankFusion,
    MaxFusion,
    ProductFusion,
    ProductOfExperts,
    TensorFusion,
    WeightedFusion,
)

DIMS, OUT, B = {"a": 3, "b": 6, "c": 4}, 5, 8


@pytest.fixture
def batch():
    """Features in double precision, and who is present; the first item has nothing."""
    present = {name: torch.rand(B) < 0.6 for name in DIMS}
    for name in DIMS:
        present[name][0] = False
    return {name: torch.randn(B, d, dtype=torch.float64) for name, d in DIMS.items()}, present


def random(block):
    """Give every parameter of a block fresh random numbers."""
    block = block.double().eval()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_()
    return block


def by_item(features, present, one):
    """Fuse item by item: `one` sees a list of (index, vector) of what is present."""
    return torch.stack([one([(m, features[k][i]) for m, k in enumerate(DIMS) if present[k][i]], i) for i in range(B)])


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def outer(features, present):
    """The explicit outer product of all [x; 1], (B, prod (d + 1))."""
    product = torch.ones(B, 1, dtype=torch.float64)
    for name, x in features.items():
        x = torch.cat([torch.where(present[name][:, None], x, 0), torch.ones(B, 1)], 1)
        product = torch.einsum("bi,bj->bij", product, x).flatten(1)
    return product


def test_tensor_fusion_is_a_linear_layer_of_the_outer_product(batch):
    block = random(TensorFusion(DIMS, OUT))
    weight = block.weight.reshape(4, 5, OUT, 7)  # a, c, out, b: b is the widest
    weight = weight.permute(2, 0, 3, 1).reshape(OUT, -1)
    close(block(*batch), outer(*batch) @ weight.T + block.bias)


def test_tensor_fusion_never_makes_the_outer_product():
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest = max(largest, result.numel())
            return result

    block, items = TensorFusion({"a": 15, "b": 15, "c": 15}, 2), 64
    with Watch():
        block({name: torch.randn(items, 15) for name in "abc"}).sum().backward()
    assert largest <= max(items * 16 * 16, block.weight.numel()) < items * 16**3


def test_low_rank_fusion_is_tensor_fusion_with_a_factorised_weight(batch):
    block = random(LowRankFusion(DIMS, OUT, rank=3))
    weight = torch.zeros(OUT, *(d + 1 for d in DIMS.values()), dtype=torch.float64)
    for r in range(3):
        a, b, c = (factor.unflatten(1, (3, OUT))[:, r] for factor in block.factors.values())
        weight += block.weights[r] * torch.einsum("io,jo,ko->oijk", a, b, c)
    close(block(*batch), outer(*batch) @ weight.flatten(1).T + block.bias)


def test_published_sizes():
    dims = dict.fromkeys("abc", 32)
    count = {
        block: sum(p.numel() for p in block.parameters())
        for block in (TensorFusion(dims, 128), LowRankFusion(dims, 128, rank=16))
    }
    assert list(count.values()) == [33**3 * 128 + 128, 3 * 33 * 16 * 128 + 16 + 128] == [4_600_064, 202_896]


@pytest.mark.parametrize("rank", [1, 4, 64])
def test_low_rank_fusion_starts_at_a_sane_scale(rank):
    torch.manual_seed(0)
    block = LowRankFusion(dict.fromkeys("abc", 64), 256, rank=rank)
    out = block({name: torch.randn(256, 64) for name in "abc"})
    assert 0.1 < out.std() < 10


def test_product_max_and_weighted(batch):
    product, largest, weighted = (random(C(DIMS, OUT)) for C in (ProductFusion, MaxFusion, WeightedFusion))
    zero = torch.zeros(OUT, dtype=torch.float64)

    def projected(block, items):
        layers = list(block.project.values())
        return torch.stack([layers[m](x) for m, x in items]) if items else zero[None]

    close(product(*batch), by_item(*batch, lambda items, i: projected(product, items).prod(0)))
    close(largest(*batch), by_item(*batch, lambda items, i: projected(largest, items).amax(0)))

    def mean(items, i):
        scores = weighted.scores[[m for m, _ in items]].exp()
        return (scores[:, None] * projected(weighted, items)).sum(0) / scores.sum() if items else zero

    close(weighted(*batch), by_item(*batch, mean))


def test_gated(batch):
    block = random(GatedFusion(DIMS, OUT))
    layers = list(block.project.values())

    def one(items, i):
        filled = torch.cat([torch.where(batch[1][k][i], batch[0][k][i], 0) for k in DIMS])
        gates = torch.sigmoid(block.gates(filled)).reshape(len(DIMS), OUT)
        return sum((gates[m] * torch.tanh(layers[m](x)) for m, x in items), torch.zeros(OUT, dtype=torch.float64))

    close(block(*batch), by_item(*batch, one))


def test_attention(batch):
    block = random(AttentionFusion(DIMS, OUT))
    layers = list(block.project.values())

    def one(items, i):
        if not items:
            return torch.zeros(OUT, dtype=torch.float64)
        h = torch.stack([layers[m](x) for m, x in items])
        scores = torch.tanh(h @ block.hidden.weight.T + block.hidden.bias) @ block.score.weight[0]
        return scores.softmax(0) @ h

    close(block(*batch), by_item(*batch, one))


def test_deep_set(batch):
    block = random(DeepSetFusion(DIMS, OUT))
    layers = list(block.project.values())
    zero = torch.zeros(OUT, dtype=torch.float64)
    close(
        block(*batch),
        by_item(*batch, lambda items, i: block.output(sum((layers[m](x).relu() for m, x in items), zero))),
    )


def test_graph(batch):
    block = random(GraphFusion(DIMS, OUT))
    layers = list(block.project.values())

    def one(items, i):
        h = {m: layers[m](x).relu() for m, x in items}
        new = []
        for m in h:
            others = [n for n in h if n != m]
            strength = torch.stack([block.edges[m, n] for n in others]).softmax(0) if others else []
            heard = sum((s * block.send(h[n]) for s, n in zip(strength, others, strict=True)), torch.zeros(OUT))
            new.append((block.stay(h[m]) + heard).relu())
        return block.output(sum(new, torch.zeros(OUT, dtype=torch.float64)) / max(len(new), 1))

    close(block(*batch), by_item(*batch, one))


@pytest.mark.parametrize("main", [None, "a", "b"])
def test_film(batch, main):
    block = random(FiLMFusion(DIMS, OUT, main=main))
    chosen = main or "a"

    def one(items, i):
        items = {list(DIMS)[m]: x for m, x in items}
        h = block.project(items[chosen]) if chosen in items else block.instead
        gamma, beta = torch.ones(OUT), torch.zeros(OUT)
        for name, x in items.items():
            if name != chosen:
                g, b = block.modulate[name](x).split(OUT)
                gamma, beta = gamma + g, beta + b
        return gamma * h + beta

    close(block(*batch), by_item(*batch, one))
    with pytest.raises(ValueError, match="main"):
        FiLMFusion(DIMS, OUT, main="d")
    with pytest.raises(ValueError, match="two modalities"):
        FiLMFusion({"a": 3}, OUT)


def test_bilinear_is_torchs_plus_a_linear_layer(batch):
    block = random(BilinearFusion(DIMS, OUT))
    filled = {k: torch.where(batch[1][k][:, None], batch[0][k], 0) for k in DIMS}
    expected = block.linear(torch.cat(list(filled.values()), 1))
    for pair, (m, n) in zip(block.pairs, (("a", "b"), ("a", "c"), ("b", "c")), strict=True):
        expected = expected + pair(filled[m], filled[n])
    close(block(*batch), expected)


def test_product_of_experts_is_the_gaussian_one(batch):
    block = random(ProductOfExperts(DIMS, OUT))
    layers = list(block.project.values())
    grid = torch.linspace(-60, 60, 200_001, dtype=torch.float64)

    def one(items, i):
        """Multiply the densities on a grid, and take the mean."""
        logs = -0.5 * grid.expand(OUT, -1) ** 2
        for m, x in items:
            mean, log_precision = layers[m](x).split(OUT)
            logs = logs - 0.5 * log_precision.clamp(max=30).exp()[:, None] * (grid - mean[:, None]) ** 2
        return (logs.softmax(-1) * grid).sum(-1)

    with torch.no_grad():
        for parameter in block.parameters():
            parameter.mul_(0.3)
    torch.testing.assert_close(block(*batch), by_item(*batch, one), rtol=1e-5, atol=1e-5)
    extreme = {k: 1e4 * x for k, x in batch[0].items()}
    assert block(extreme).isfinite().all()


def test_blocks_of_one_and_of_five_modalities():
    for block in (
        GatedFusion,
        TensorFusion,
        LowRankFusion,
        GraphFusion,
        BilinearFusion,
        AttentionFusion,
        WeightedFusion,
    ):
        for names in ("a", "abcde"):
            out = block(dict.fromkeys(names, 2), 3)({name: torch.randn(4, 2) for name in names})
            assert out.shape == (4, 3)
            assert out.isfinite().all()


def test_rank_below_one():
    with pytest.raises(ValueError, match="rank"):
        LowRankFusion(DIMS, OUT, rank=0)


def test_the_bug_of_two_public_libraries_would_be_caught():
    """Factors in a plain list are neither saved nor trained; ours are."""
    block = LowRankFusion(DIMS, OUT)
    names = {name for name, _ in block.named_parameters()}
    assert {f"factors.{name}" for name in DIMS} <= names
    assert math.isclose(sum(p.numel() for p in block.parameters()), (4 + 7 + 5) * 4 * OUT + 4 + OUT)
