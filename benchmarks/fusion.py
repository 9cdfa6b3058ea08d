"""The blocks of mmcourse.fusion beside what one writes in torch without them, with the same weights."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.race import Run, case
from mmcourse import fusion
from mmcourse.fusion.multiplicative import with_one

EXACT = {"rtol": 1e-4, "atol": 1e-5, "devices": ("cpu", "cuda")}


def step(module, inputs, device):
    """A `Run` of forward and backward; the output and the gradients by the inputs are compared."""
    inputs = {name: x.requires_grad_() for name, x in inputs.items()}
    wanted = [*inputs.values(), *module.parameters()]
    outer = torch.linspace(-1, 1, module.out_dim, device=device)

    def call():
        out = module(inputs)
        return [out.detach(), *torch.autograd.grad(out, wanted, outer.expand_as(out))]

    return Run(call, lambda found: found[: 1 + len(inputs)], module)


def draw(device, *shape, modalities=3):
    """Standard normal input for modalities a, b, c ..."""
    torch.manual_seed(0)
    return {chr(97 + m): torch.randn(*shape, device=device) for m in range(modalities)}


class OuterThenLinear(nn.Module):
    """The outer product of all ``[x; 1]``, then a linear layer of it, as in the tensor fusion network."""

    def __init__(self, ours):
        super().__init__()
        self.out_dim = ours.out_dim
        sizes = [d + 1 for d in ours.dims.values()]  # of equal widths the first counts as the widest
        weight = ours.weight.detach().unflatten(0, sizes[1:]).movedim((-2, -1), (0, 1)).flatten(1)
        self.linear = nn.Linear(weight.shape[1], self.out_dim)
        self.linear.weight.data, self.linear.bias.data = weight.clone(), ours.bias.detach().clone()

    def forward(self, features):
        first, *others = map(with_one, features.values())
        for x in others:
            first = torch.bmm(first[:, :, None], x[:, None]).flatten(1)
        return self.linear(first)


@case("TensorFusion", "3 x 32 -> 128, batch 256, forward and backward", 0.65, **EXACT)
def tensor_fusion(device, *, batch=256, modalities=3, width=32):
    inputs = draw(device, batch, width, modalities=modalities)
    ours = fusion.TensorFusion(dict.fromkeys(inputs, width), 128).to(device)
    peer = OuterThenLinear(ours).to(device)
    return step(ours, inputs, device), {"outer product, then linear": lambda: step(peer, inputs, device)}


class FactorByFactor(nn.Module):
    """Low-rank fusion with one batched product for each modality's (rank, d + 1, out) factor, as first published."""

    def __init__(self, ours):
        super().__init__()
        self.out_dim = ours.out_dim
        factors = [f.detach().unflatten(1, (ours.rank, -1)).transpose(0, 1) for f in ours.factors.values()]
        self.factors = nn.ParameterList(nn.Parameter(f.contiguous()) for f in factors)
        self.weights, self.bias = (nn.Parameter(p.detach().clone()) for p in (ours.weights, ours.bias))

    def forward(self, features):
        product = 1
        for x, factor in zip(features.values(), self.factors, strict=True):
            product = product * (with_one(x) @ factor)  # (rank, batch, out)
        return (self.weights @ product.transpose(0, 1)) + self.bias


@case("LowRankFusion", "3 x 32 -> 128, rank 16, batch 256, forward and backward", 0.85, **EXACT)
def low_rank_fusion(device, *, batch=256, modalities=3, width=32, rank=16):
    inputs = draw(device, batch, width, modalities=modalities)
    ours = fusion.LowRankFusion(dict.fromkeys(inputs, width), 128, rank=rank).to(device)
    peer = FactorByFactor(ours).to(device)
    return step(ours, inputs, device), {"factor by factor": lambda: step(peer, inputs, device)}


class CrossLayer(nn.Module):
    """One layer of one pair: what the group number `pair` of a grouped layer does, in torch's own layers."""

    def __init__(self, ours, pair):
        super().__init__()
        attention = ours.attention
        names = ("query", "key", "value", "output")
        self.query, self.key, self.value, self.output = (linear(getattr(attention, n), pair) for n in names)
        self.widen, self.narrow = linear(ours.widen, pair), linear(ours.narrow, pair)
        self.norm_attention, self.norm_feed = norm(ours.norm_attention, pair), norm(ours.norm_feed, pair)
        self.distances = nn.Parameter(attention.distances[pair].detach().clone())
        self.heads, self.reach = attention.num_heads, attention.reach

    def forward(self, x, source):
        query, source = self.norm_attention(x), self.norm_attention(source)
        tensors = ((self.query, query), (self.key, source), (self.value, source))
        q, k, v = (layer(y).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer, y in tensors)
        steps = torch.arange(source.shape[1], device=x.device) - torch.arange(x.shape[1], device=x.device)[:, None]
        bias = self.distances[:, steps.clamp(-self.reach, self.reach) + self.reach]
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias[None])
        x = x + self.output(attended.transpose(1, 2).flatten(2))
        return x + self.narrow(functional.gelu(self.widen(self.norm_feed(x))))


def linear(grouped, pair):
    """One group's linear layer as torch's own."""
    layer = nn.Linear(*grouped.weight.shape[1:], bias=grouped.bias is not None)
    layer.weight.data = grouped.weight[pair].detach().T.contiguous()
    if grouped.bias is not None:
        layer.bias.data = grouped.bias[pair].detach().clone()
    return layer


def norm(grouped, pair):
    """One group's layer normalisation as torch's own."""
    layer = nn.LayerNorm(grouped.weight.shape[1])
    layer.weight.data, layer.bias.data = grouped.weight[pair].detach().clone(), grouped.bias[pair].detach().clone()
    return layer


class SeparateStacks(nn.Module):
    """A stack of cross-modal layers for each ordered pair, one stack after the other."""

    def __init__(self, ours):
        super().__init__()
        self.out_dim, self.width, self.pairs = ours.out_dim, ours.width, ours.pairs
        self.inputs, self.output = (nn.Module.get_submodule(ours, name) for name in ("inputs", "output"))
        stacks = [[CrossLayer(layer, pair) for layer in ours.layers] for pair in range(len(self.pairs))]
        self.stacks = nn.ModuleList(map(nn.ModuleList, stacks))

    def forward(self, sequences):
        x = [layer(sequences[name]) for name, layer in self.inputs.items()]
        found = []
        for (reader, source), stack in zip(self.pairs, self.stacks, strict=True):
            read = x[reader]
            for layer in stack:
                read = layer(read, x[source])
            found.append(read.mean(1))
        return self.output(torch.cat(found, 1))


@case(
    "CrossModalTransformer",
    "3 modalities, length 50, width 40, 4 layers, batch 32, forward and backward",
    0.8,
    **EXACT,
)
def cross_modal_transformer(device, *, length=50, batch=32, modalities=3, width=40, layers=4):
    inputs = draw(device, batch, length, width, modalities=modalities)
    dims = dict.fromkeys(inputs, width)
    ours = fusion.CrossModalTransformer(dims, 1, width=width, num_layers=layers).to(device)
    for layer in ours.layers:
        nn.init.normal_(layer.attention.distances, std=0.5)
    peer = SeparateStacks(ours).to(device)
    return step(ours, inputs, device), {"separate cross-modal stacks": lambda: step(peer, inputs, device)}
