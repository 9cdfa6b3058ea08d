# %% [markdown]
# # 8 The fusion operators
#
# **Which operator should join two modalities?** · 90 minutes · needs lessons 3, 5 and 7
#
# ![Features of two senses enter a fusion operator; operators add, choose or weigh, or multiply; behind the operator stands only a linear layer that gives the answer](flow: sense a -> add; sense b -> add; sense a -> choose or weigh; sense b -> choose or weigh; sense a -> multiply; sense b -> multiply; add -> linear layer; choose or weigh -> linear layer; multiply -> linear layer; linear layer -> answer)
#
# The package has thirteen blocks that turn two vectors into one. Each is a **bet** on how the senses work together. You will
# build some, find out what each can and cannot say, catch a bug that lives in public libraries, and leave with a chart.
# (The next cell takes about 5 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, fusion, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Questions whose answer we know
#
# We start with games whose rules we make ourselves: two senses, `a` and `b`, six numbers each, and a yes-or-no question. In lesson 3's words:
#
# | question | what it needs |
# |---|---|
# | **redundant** | both senses show the answer, each in noise of its own |
# | **unique** | only `a` knows; `b` is noise |
# | **XOR** | synergy: do the two *signs* differ? |
# | **inner product** | synergy: do the two vectors point the same way, $a \cdot b > 0$? |

# %% tags=["further"]
import copy
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmcourse.metrics import interval

device = mm.device()

# %% [markdown]
# (Code that only loads, draws or keeps score is folded in this lesson; you need not read it.)


# %%
DIMS = {"a": 6, "b": 6}  # how many numbers each sense has


def game(question, n, seed):
    """Two senses {"a": (n, 6), "b": (n, 6)} and the answers (n,), 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, n, 6, generator=generator)
    coins = torch.randint(2, (2, n, 1), generator=generator)
    signs = 2.0 * coins - 1
    if question == "redundant":
        a, b, answer = a + signs[0] / 2, b + signs[0] / 2, coins[0, :, 0]
    elif question == "unique":
        answer = a.sum(1) / 6**0.5 + 0.3 * torch.randn(n, generator=generator) > 0
    elif question == "XOR":
        a, b, answer = a / 2 + signs[0], b / 2 + signs[1], (coins[0] != coins[1])[:, 0]
    elif question == "inner product":
        answer = (a * b).sum(1) > 0
    return {"a": a, "b": b}, answer.long()


# %% [markdown]
# A block alone gives a vector. We put **one linear layer** behind it and nothing else: what this network can say, the
# *operator* must make possible.


# %%
class Answer(nn.Module):
    """A fusion block, then one linear layer that gives the scores."""

    def __init__(self, dims, block, out=16, classes=2, **options):
        super().__init__()
        self.fuse = block(dims, out, **options)
        self.scores = nn.Linear(out, classes)

    def forward(self, features):  # dict of (B, d) -> (B, classes)
        return self.scores(self.fuse(features))


# %% [markdown]
# `race` (folded) trains a network on five draws of a game, each at two learning rates, ten networks at once. It keeps each
# run's best rate and best moment, by the loss on validation data, and opens the test data then. Within a game everybody
# gets the same.


# %% tags=["further"]
RUNS = mm.per_profile(smoke=5, quick=5, full=10)
STEPS = mm.per_profile(smoke=5, quick=100, full=300)
TEST = mm.per_profile(smoke=200, quick=2000, full=5000)


def together(draws):
    """Stack the runs: a list of (dict of (N, ...), (N,)) -> dict of (runs, N, ...), (runs, N)."""
    inputs, answers = zip(*draws, strict=True)
    stacked = {name: torch.stack([x[name] for x in inputs]).to(device) for name in inputs[0]}
    return stacked, torch.stack(answers).to(device)


def draws(play, few):
    """Three parts of a game for every run; `play(n, seed)` gives one."""
    parts = zip(("train", "valid", "test"), (few, 300, TEST), strict=True)
    return {part: together([play(n, 1000 * k + run) for run in range(RUNS)]) for k, (part, n) in enumerate(parts)}


# %% [markdown]
# (More of `race`.)


# %% tags=["further"]
def batched(network):
    """Turn a network into a function (stacked weights, stacked inputs) -> stacked scores."""
    skeleton = copy.deepcopy(network).to("meta")
    call = torch.vmap(lambda weights, x: torch.func.functional_call(skeleton, weights, (x,)))

    def run(weights, inputs):
        with sdpa_kernel(SDPBackend.MATH):  # the one kind of attention that can be stacked
            return call(weights, inputs)

    return run


def surprise(scores, answer):
    """Mean loss of each network: (networks,)."""
    return functional.cross_entropy(scores.transpose(1, 2), answer, reduction="none").mean(-1)


# %% [markdown]
# (The rest of `race`.)


# %% tags=["further"]
def race(make, data, *, rates=(0.005, 0.02), longer=1.0, batch=128):
    """Train on every run at every rate; return test accuracy (runs,), best weights, stacked, validation loss (runs,)."""
    torch.manual_seed(0)
    networks = [make().to(device) for _ in range(RUNS * len(rates))]
    stacks = [torch.func.stack_module_state(networks[k : k + RUNS])[0] for k in range(0, len(networks), RUNS)]
    groups = [{"params": list(stack.values()), "lr": rate} for stack, rate in zip(stacks, rates, strict=True)]
    run, optimizer = batched(networks[0]), torch.optim.AdamW(groups, weight_decay=0.0, fused=True)
    (inputs, answer), valid = ([each(x, len(rates)) for x in data[part]] for part in ("train", "valid"))
    least, kept = torch.full((len(networks),), torch.inf, device=device), None
    steps = math.ceil(longer * STEPS)
    for step in range(1, steps + 1):
        rows = torch.randperm(answer.shape[1])[:batch].to(device)
        weights = {name: torch.cat([stack[name] for stack in stacks]) for name in stacks[0]}
        loss = surprise(run(weights, {name: x[:, rows] for name, x in inputs.items()}), answer[:, rows])
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        if step % math.ceil(steps / 10) == 0 or step == steps:
            least, kept = better(run, stacks, valid, least, kept)
    return right(run, kept, least, data["test"])


# %% tags=["further"]
def each(x, rates):
    """Repeat the runs for each rate; also inside a dict."""
    return {name: each(y, rates) for name, y in x.items()} if isinstance(x, dict) else torch.cat([x] * rates)


@torch.no_grad()
def better(run, stacks, valid, least, kept):
    """Keep for each network the weights with the least loss on validation data."""
    weights = {name: torch.cat([stack[name] for stack in stacks]) for name in stacks[0]}
    loss = surprise(run(weights, valid[0]), valid[1])
    if kept is not None:
        won = loss < least
        weights = {k: torch.where(won.view(-1, *[1] * (x.ndim - 1)), x, kept[k]) for k, x in weights.items()}
    return torch.minimum(loss, least), weights


@torch.no_grad()
def right(run, weights, least, part):
    """Choose each run's rate by validation loss; return test accuracy in per cent, weights, and that loss."""
    chosen = least.view(-1, RUNS).argmin(0) * RUNS + torch.arange(RUNS, device=device)
    weights = {name: x[chosen] for name, x in weights.items()}
    hits = 100 * (run(weights, part[0]).argmax(-1) == part[1]).double().mean(-1)
    return hits.cpu().numpy(), weights, least[chosen].cpu().numpy()


# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 Adding, choosing, weighing
#
# Lesson 7's `ConcatFusion` is one linear layer of both vectors side by side. Cut its weight in two and you see that it adds:
#
# $$W [a; b] + c = W_a a + W_b b + c$$
#
# A weighted mean of projected features does the same, with one learned weight a sense:
#
# $$h = w_a\, (W_a a + c_a) + w_b\, (W_b b + c_b), \qquad (w_a, w_b) = \text{softmax}(s_a, s_b)$$


# %%
class WeightedFusion(nn.Module):
    def __init__(self, dims, out_dim):
        super().__init__()
        layers = {name: nn.Linear(width, out_dim) for name, width in sorted(dims.items())}
        self.project, self.scores = nn.ModuleDict(layers), nn.Parameter(torch.zeros(len(dims)))

    def forward(self, features):  # dict of (B, d_m) -> (B, out_dim)
        projected = torch.stack([layer(features[name]) for name, layer in self.project.items()])
        return (self.scores.softmax(0)[:, None, None] * projected).sum(0)


# %% [markdown]
# The package's version does the same (and copes with absent senses):

# %%
ours, theirs = (C(DIMS, 4) for C in (WeightedFusion, fusion.WeightedFusion))
theirs.load_state_dict(ours.state_dict())
inputs, answer = game("XOR", 100, seed=0)
assert torch.allclose(ours(inputs), theirs(inputs), atol=1e-6)

# %% [markdown]
# Five more blocks add, choose or weigh. $h_m = W_m x_m + c_m$ are the projected features:
#
# | block | what it does |
# |---|---|
# | `MaxFusion` | the larger of $h_a$ and $h_b$, number by number |
# | `GatedFusion` | sum of $g_m \cdot \tanh h_m$; the gates $g_m$ are sigmoids of both senses (Arevalo and others 2017) |
# | `AttentionFusion` | a weighted mean whose weights are computed from each item's $h_m$ |
# | `DeepSetFusion` | a linear layer of $\text{relu}(h_a) + \text{relu}(h_b)$ (Zaheer and others 2017) |
# | `GraphFusion` | each sense is a node and sends the other a message, then a ReLU (Gilmer and others 2017) |
#
# ($\cdot$ between vectors: number by number.)

# %% [markdown]
# ### Exercise 8.1 ●○○ 5 min
# Here is a test that needs no training. Take two items, $(a, b)$ and $(a', b')$, and swap partners: four corners of a
# rectangle. If the block is a sum $f(a) + g(b)$, then
#
# $$\text{block}(a, b) - \text{block}(a, b') - \text{block}(a', b) + \text{block}(a', b') = 0.$$
#
# Write `four_corners(block, one, two)`. `block` takes a dict of `"a"` and `"b"`, float tensors (B, 6), and returns (B, out).
# `one` and `two` are such dicts, the items and their swap partners. Return the left side, a tensor (B, out). Example: for
# `block = lambda x: x["a"] * x["b"]`, with `a = 2, b = 3` in all places of `one` and zeros in `two`, it is 6 everywhere.
# <details><summary>Hint: the idea</summary>Four calls of the block. Two of them get a new dict with one sense of each item.</details>
# <details><summary>Hint: pseudocode</summary>return block(one) - block({a of one, b of two}) - block({a of two, b of one}) + block(two)</details>


# %% tags=["exercise"]
def four_corners(block, one, two):
    ### BEGIN SOLUTION
    swapped = block({"a": one["a"], "b": two["b"]}) + block({"a": two["a"], "b": one["b"]})
    return block(one) + block(two) - swapped
    ### END SOLUTION


# %%
check.ex8_1(four_corners)

# %% [markdown]
# Why it matters: for XOR the scores at the corners must be low, high, high, low. Then the left side is *negative*. So **a sum,
# with a linear layer behind it, cannot get all four corners right**: not with more data, not with longer training.

# %% [markdown] tags=["predict"]
# **Predict first.** Seven blocks: concat, weighted, max, gated, attention, deep sets, graph. Which of them can do XOR when
# only a linear layer follows? Will any of them be neither hopeless nor perfect?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: have everybody write down a yes or no for each of the seven before the figure. Most are sure about
# concat and max. Let them argue about attention: its weights do look at both senses.

# %% [markdown]
# Now all thirteen blocks, six of them still to be explained (section 3), and beside them a **plain network**: concat with a
# ReLU and one more layer behind it. Each gets 300 XOR items (about 3 s). `corners` is 8.1's left side of the untrained block.

# %%
OPERATORS = {
    "concat": fusion.ConcatFusion,
    "weighted": fusion.WeightedFusion,
    "deep sets": fusion.DeepSetFusion,
    "max": fusion.MaxFusion,
    "gated": fusion.GatedFusion,
    "attention": fusion.AttentionFusion,
    "graph": fusion.GraphFusion,
    "product of experts": fusion.ProductOfExperts,
    "product": fusion.ProductFusion,
    "FiLM": fusion.FiLMFusion,
    "bilinear": fusion.BilinearFusion,
    "tensor": fusion.TensorFusion,
    "low-rank": fusion.LowRankFusion,
}


# %% tags=["further"]
class Plain(nn.Module):
    """All features side by side, hidden layers with an activation each, scores."""

    def __init__(self, dims, widths=(64,), classes=2, activation=nn.ReLU):
        super().__init__()
        self.names, sizes = sorted(dims), (sum(dims.values()), *widths)
        layers = [(nn.Linear(i, o), activation()) for i, o in zip(sizes, widths, strict=False)]
        self.network = nn.Sequential(*[layer for two in layers for layer in two], nn.Linear(sizes[-1], classes))

    def forward(self, features):
        return self.network(torch.cat([features[name] for name in self.names], -1))


# %% [markdown]
# (Corners and training.)


# %% tags=["further"]
@torch.no_grad()
def unevenness(block):
    """Largest four-corner sum of an untrained block on random items, in units of its output's spread."""
    block, x = block.double(), {name: torch.randn(2, 50, 6, dtype=torch.float64) for name in DIMS}
    corner = [[block({"a": x["a"][i], "b": x["b"][j]}) for j in (0, 1)] for i in (0, 1)]
    total = corner[0][0] - corner[0][1] - corner[1][0] + corner[1][1]
    return (total.abs().max() / corner[0][0].std()).item()


torch.manual_seed(0)
corners = {name: unevenness(block(DIMS, 16)) for name, block in OPERATORS.items()}
xor = draws(lambda n, seed: game("XOR", n, seed), 300)
plain = {"plain network": lambda: Plain(DIMS)}
contestants = {name: lambda block=block: Answer(DIMS, block) for name, block in OPERATORS.items()} | plain
signs = {name: race(make, xor, longer=0.4)[0] for name, make in contestants.items()}

# %% [markdown]
# Behind each name, in brackets, the four-corner sum. Green: it is zero.

# %% tags=["further"]
additive = [name for name, value in corners.items() if value < 1e-9]
figure, axes = plt.subplots(figsize=(8.5, 5.6))
for k, (name, values) in enumerate(signs.items()):
    found = interval(values) if np.ptp(values) else None
    spread = [[max(0, values.mean() - found.low)], [max(0, found.high - values.mean())]] if found else None
    color = plotting.COLORS[2 if name in additive else 7 if name == "plain network" else 0]
    axes.barh(k, values.mean(), xerr=spread, color=color, error_kw={"ecolor": "#222222", "capsize": 4})
axes.axvline(50, ls="--", color="#333333")
axes.set_yticks(range(len(signs)), [f"{n}  ({corners[n]:.1f})" if n in corners else n for n in signs])
axes.set(xlabel="test accuracy on XOR in % (dashed: chance)", xlim=(0, 104))
axes.grid(False, axis="y")
axes.invert_yaxis()
print("corners add up to zero:", ", ".join(additive))

# %% [markdown] tags=["alt"]
# *Figure: accuracy on XOR of thirteen blocks and a plain network; behind each name its four-corner sum. Concat, weighted
# and deep sets have sum zero and stand at chance. Attention stands half way between chance and perfect. All others are
# perfect.*

# %% [markdown]
# Only three of the seven are **additive**: their corners add up to zero exactly, and they stand at chance. Deep sets are
# among them, because their ReLU comes before the sum. The others bend or multiply *after* the senses meet, and can do
# it. "Simple" and "additive" are different things, and the four corners tell them apart before any training. A plain network
# is not additive either: its ReLU comes after the sum.

# %%
named = np.array([signs[name] for name in ("gated", "FiLM", "tensor", "low-rank")])
mm.claim("08.1", "XOR: the weakest of four beats concat", named.min(0) - signs["concat"], margin=40, unit="points")
print(f"concat {interval(signs['concat'])} %, attention {interval(signs['attention'])} %, chance 50 %")

# %% [markdown]
# <details><summary>Why does attention get three of four corners?</summary>Its answer is a mean of two scores, u(a) and v(b), with a weight between 0 and 1, so it lies between them. Where u and v have the same sign, that sign is the answer; where they differ, the answer is positive if the odds of the weight, which are a function of a times a function of b, exceed -v/u: on the logarithmic scale, again a sum. Go through the cases: no choice of signs gives XOR, but three corners can be right.</details>
# <details><summary>A sum can get three corners too. Why do the sums stand at chance?</summary>Take the mean of a plus the mean of b plus 1: it is below zero only where both signs are minus, so three corners are right. The four corners forbid the fourth, no more. But training does not count corners. Call the score, turned so that above zero is right, the margin: over the four corners the margins of a sum average zero. What a sum wins on three corners it loses on the fourth, and cross-entropy, which punishes a loss more than it rewards a win, is least where all scores are zero: at a guess.</details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Multiplying
#
# If the meaning lies in the combination, let the senses meet in products, *multiplicative interactions* (Jayakumar and others
# 2020 show where they hide). (Biases are left out in the first three.)
#
# | block | equation |
# |---|---|
# | `ProductFusion` | $(W_a a) \cdot (W_b b)$ |
# | `FiLMFusion` | $(1 + \Gamma b) \cdot (W_a a) + B b$: one sense scales and shifts the other (Perez and others 2018) |
# | `BilinearFusion` | $h_k = a^\top M_k b$ + linear terms: every number of $a$ with every number of $b$ |
# | `TensorFusion` | a linear layer of *all* products, also of three senses |
# | `LowRankFusion` | the same with a factorised weight |
# | `ProductOfExperts` | each sense gives a mean and a precision; multiply the Gaussians (a mean weighted by precision) |

# %% [markdown]
# **Tensor fusion** (Zadeh and others 2017) has a fine trick: append a 1 to each vector, then take all products. The products
# with the 1s are the single senses themselves, so one linear layer covers everything:
#
# $$z = \begin{bmatrix} a \\ 1 \end{bmatrix} \otimes \begin{bmatrix} b \\ 1 \end{bmatrix}
# \quad\text{holds all } a_i b_j \text{, all } a_i \text{, all } b_j \text{, and } 1$$
#
# (Folded: the naive version, through the whole outer product; it equals the package's.)


# %% tags=["further"]
class TensorFusion(nn.Module):
    def __init__(self, dims, out_dim):
        super().__init__()
        widest = max(sorted(dims), key=dims.get)
        self.names = [name for name in sorted(dims) if name != widest] + [widest]
        *others, last = [dims[name] + 1 for name in self.names]
        self.weight = nn.Parameter(torch.randn(math.prod(others), out_dim, last) / 10)
        self.bias = nn.Parameter(torch.zeros(out_dim))

    def forward(self, features):
        *others, last = [torch.cat([features[name], torch.ones(len(features[name]), 1)], -1) for name in self.names]
        outer = others[0]
        for x in others[1:]:
            outer = torch.einsum("bi,bj->bij", outer, x).flatten(1)
        everything = torch.einsum("bi,bj->bij", outer, last)  # all products of all senses
        return torch.einsum("bij,ioj->bo", everything, self.weight) + self.bias


# %% tags=["further"]
three = {name: 3 for name in "abc"}
ours, theirs = (C(three, 4) for C in (TensorFusion, fusion.TensorFusion))
theirs.load_state_dict(ours.state_dict())
features = {name: torch.randn(5, 3) for name in three}
assert torch.allclose(ours(features), theirs(features), atol=1e-5)

# %% [markdown]
# With three senses of width 32 the weight has $33^3$ numbers an *output*. **Low-rank fusion** (Liu and others 2018) writes it as a
# sum of $R$ products of vectors, and then everything factorises:
#
# $$h = c + \sum_{r=1}^{R} w_r \prod_m F_{mr}^\top \begin{bmatrix} x_m \\ 1 \end{bmatrix}$$
#
# One matrix product a sense, then one multiplication, number by number.

# %% tags=["further"]
torch.manual_seed(0)
block = fusion.LowRankFusion({"a": 32, "b": 32, "c": 32}, 4, rank=16)
print(
    "LowRankFusion, three senses of 32, out_dim 4, rank 16:", sum(p.numel() for p in block.parameters()), "parameters"
)

# %% [markdown]
# ### Exercise 8.2 ●●○ 15 min
# Write `forward` of `LowRankFusion`; its parameters are given. `factors[name]` is (d_m + 1, rank * out_dim): its columns are
# the `out_dim` columns of $F_{m1}$, then those of $F_{m2}$, and so on; its last row belongs to the appended 1. `weights` is
# (rank,), `bias` (out_dim,). `features` is a dict of float tensors (B, d_m); return (B, out_dim). Do not form the outer
# product. A right answer has as many parameters as printed above, and equals the package's. Example: one sense of width 1
# with x = 2, `factors` [[3], [1]], rank 1, `weights` [1], `bias` [0.5] gives 2 * 3 + 1 + 0.5 = 7.5.
# <details><summary>Hint: the idea</summary>Append the 1, multiply by the factor, for each sense. Multiply the results over the senses. Only then sum over the rank, with the weights.</details>
# <details><summary>Hint: pseudocode</summary>product = 1; for each name: product = product * (cat([x, ones]) @ factors[name]). Then reshape to (B, rank, out_dim), multiply by weights[:, None], sum over axis 1, add the bias.</details>


# %% tags=["exercise"]
class LowRankFusion(nn.Module):
    def __init__(self, dims, out_dim, *, rank=4):
        super().__init__()
        sizes = {name: (dims[name] + 1, rank * out_dim) for name in sorted(dims)}
        self.factors = nn.ParameterDict({name: torch.randn(n, k) / n**0.5 for name, (n, k) in sizes.items()})
        self.weights, self.bias = nn.Parameter(torch.ones(rank) / rank**0.5), nn.Parameter(torch.zeros(out_dim))

    def forward(self, features):
        ### BEGIN SOLUTION
        product = 1
        for name, factor in self.factors.items():
            x = features[name]
            product = product * (torch.cat([x, torch.ones_like(x[:, :1])], -1) @ factor)
        per_rank = product.unflatten(-1, (len(self.weights), -1))  # (B, rank, out_dim)
        return (per_rank * self.weights[:, None]).sum(1) + self.bias
        ### END SOLUTION


# %%
check.ex8_2(LowRankFusion)

# %% [markdown] tags=["predict"]
# **Predict first.** Seven operators: concat, gated, attention, product, FiLM, tensor, low-rank. On *redundant* and *unique*,
# where nothing needs to be multiplied, who wins with 300 training items? And with 2,000? On the *inner product*, will a plain
# network that has more parameters than any of them be ahead or behind, and by how much?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask what a tensor block can do that concat cannot, and then what concat cannot do *wrong*. The second
# question is the one that matters on the left two panels.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 The race
#
# Seven operators on three games, with few and with many items, five runs each (about 15 s). Two plain networks run with them:
# one hidden layer of 64, and, on the inner product, a deep one: two hidden layers of 64 with GELU, a smooth ReLU.

# %%
SEVEN = ("concat", "gated", "attention", "product", "FiLM", "tensor", "low-rank")
GAMES, SIZES = ("redundant", "unique", "inner product"), (300, mm.per_profile(smoke=400, quick=2000, full=2000))
plain["deep plain network"] = lambda: Plain(DIMS, (64, 64), activation=nn.GELU)
runners = {name: contestants[name] for name in SEVEN} | plain
scores = {}  # (game, items, name) -> accuracy of each run
for question in GAMES:
    for few in SIZES:
        data = draws(lambda n, seed, question=question: game(question, n, seed), few)
        for name in runners if question == "inner product" else [*SEVEN, "plain network"]:
            scores[question, few, name] = race(runners[name], data)[0]


# %% tags=["further"]
def dots(axes, names, values, *, color=0, look="o", shift=0.0, label=None):
    """Mean and interval of each name's runs, one row a name; names without runs stay empty."""
    at = [k for k, name in enumerate(names) if name in values]
    runs = np.array([values[names[k]] for k in at])
    half = [interval(v).high - v.mean() for v in runs]
    look = {"fmt": look, "color": plotting.COLORS[color], "capsize": 3, "label": label}
    axes.errorbar(runs.mean(1), np.array(at) + shift, xerr=half, **look)
    axes.set(xlabel="test accuracy in %", yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))


LOOKS = list(zip(SIZES, ("o", "D"), (1, 0), (-0.15, 0.15), strict=True))
figure, grid = plt.subplots(1, 3, figsize=(12, 5), sharey=True)
for axes, question in zip(grid, GAMES, strict=True):
    for size, look, color, shift in LOOKS:
        values = {
            name: hits for (game_name, items, name), hits in scores.items() if (game_name, items) == (question, size)
        }
        dots(axes, list(runners), values, color=color, look=look, shift=shift, label=f"{size} items")
    axes.set_title(question, fontsize=14)
grid[2].axvline(50, ls="--", color="#333333")
_ = figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)

# %% [markdown] tags=["alt"]
# *Figure: three panels of test accuracy with intervals for seven operators and two plain networks, with few and many training
# items. Redundant and unique: with many items all nearly the same; with few, tensor and low-rank fall behind. Inner
# product: concat at chance, attention a little above; product, FiLM, tensor and low-rank far ahead of gated and the plain
# networks with few items, and still ahead with many.*

# %% [markdown]
# **Where nothing interacts**, all seven tie once there are enough items. With few, the heavy operators pay for a freedom they
# do not need. **Where the answer is a product**, the multiplicative operators are ahead of everything else, with few items by
# far, though the plain networks are larger and *can* come close to a product: they piece it together from many bends, and each
# bend takes items to learn.

# %%
few, many = SIZES
weights = {name: sum(p.numel() for p in make().parameters()) for name, make in runners.items()}
assert max(weights[name] for name in SEVEN) < min(weights[name] for name in plain)  # the plain networks are larger
tie = {}
for question in ("redundant", "unique"):
    ranked = sorted((scores[question, many, name] for name in SEVEN), key=np.mean)
    tie[question] = ranked[-1] - ranked[0]  # best operator minus worst
mm.claim("08.2", "redundant, many items: best minus worst of seven", tie["redundant"], within=1.5, unit="points")
mm.claim("08.3", "unique, many items: best minus worst of seven", tie["unique"], within=1.5, unit="points")
cost = scores["unique", few, "concat"] - scores["unique", few, "tensor"]
mm.claim("08.4", "unique, few items: concat beats tensor", cost, margin=1, unit="points")
product = np.min([scores["inner product", few, name] for name in ("product", "FiLM", "tensor", "low-rank")], axis=0)
other = np.max([scores["inner product", few, name] for name in plain], axis=0)
mm.claim("08.5", "inner product: worst multiplier beats best plain network", product - other, margin=4, unit="points")
gap = np.array([scores["inner product", many, "product"] - scores["inner product", many, name] for name in plain])
print(f"with many items the product leads the better plain network by {interval(gap.min(0))} points")

# %% [markdown]
# That is what "bet" means. A right bet saves data, a wrong one costs data, and with more data the bets matter less: the
# deep plain network nearly catches up. Only the additive operators cannot be saved by data, and attention hardly.

# %% [markdown]
# How high must the rank of `LowRankFusion` be for an inner product of six numbers, $\sum_i a_i b_i$? Move it. The picture is the
# weight the block has learned for each product $a_i b_j$, in the run with the least validation loss. The last row and column
# belong to the appended 1s. What is the right picture, and at which rank does it appear?


# %% tags=["further"]
class Score(nn.Module):
    """Low-rank fusion whose one output is the score of yes."""

    def __init__(self, rank):
        super().__init__()
        self.fuse = fusion.LowRankFusion(DIMS, 1, rank=rank)

    def forward(self, features):
        score = self.fuse(features)
        return torch.cat([torch.zeros_like(score), score], -1)


data = draws(lambda n, seed: game("inner product", n, seed), many)
by_rank = {}
for rank in (1, 2, 4, 6, 8):
    hits, weights, loss = race(lambda rank=rank: Score(rank), data)
    a, b, w = (weights[f"fuse.{key}"] for key in ("factors.a", "factors.b", "weights"))
    by_rank[rank] = hits, torch.einsum("nir,njr,nr->nij", a, b, w).cpu().numpy()[loss.argmin()]


# %% tags=["further"]
def show_rank(rank):
    hits, best = by_rank[rank]
    title = f"rank {rank}: {hits.mean():.0f} % right (mean of the runs)"
    rows, columns = ([*(f"{name}{i}" for i in range(1, 7)), "1"] for name in "ab")
    return plotting.heatmap(best / abs(best).max(), rows=rows, columns=columns, label="weight", title=title)


_ = widgets.explore(show_rank, rank=[2, 1, 4, 6, 8])

# %% [markdown] tags=["alt"]
# *Figure: a heat map of the learned weights of the products of six numbers of a and six of b, with a row and a column for
# the appended 1s. At rank 2 it is a patchwork in which a few places stand out. At rank 6 and above it is a diagonal of
# about equal weights and almost nothing beside it.*

# %% tags=["further"]
print(", ".join(f"rank {rank}: {hits.mean():.0f} %" for rank, (hits, _) in by_rank.items()))

# %% [markdown]
# The diagonal says $a_1 b_1 + \ldots + a_6 b_6$. As a matrix that is the identity, which has rank six: on paper six suffices and
# less does not. In training there is no jump, each rank buys a bit, and eight does better than six: spare rank makes it easier
# to find. If you do not know the rank, try a few on validation data.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Three senses, all at once
#
# Now `a`, `b` and `c` with 32 numbers each: noisy views of three hidden signs a sense. The answer is the sign of
# $\sum_i s^a_i s^b_i s^c_i$: any two senses tell nothing. `pairs` is `BilinearFusion`, which sees every pair. 300 and 2,000 items
# (with 300 three of the seven race).

# %% [markdown] tags=["predict"]
# **Predict first.** Which of these can do it with 2,000 items: concat, pairs, product, low-rank, tensor, a plain network, a deep
# one? And with 300? (The answer takes about 10 s.)


# %% tags=["further"]
WIDE = {"a": 32, "b": 32, "c": 32}


def three_way(n, seed):
    """Noisy views (n, 32) of three signs each; every run has its own views."""
    views = torch.randn(3, 3, 32, generator=torch.Generator().manual_seed(seed % 1000)) / 3**0.5
    generator = torch.Generator().manual_seed(seed)
    signs = 2.0 * torch.randint(2, (3, n, 3), generator=generator) - 1
    noise = torch.randn(3, n, 32, generator=generator) / 2
    senses = torch.einsum("mni,mid->mnd", signs, views) + noise
    return dict(zip(WIDE, senses, strict=True)), (signs.prod(0).sum(1) > 0).long()


# %% tags=["further"]
heads = {
    "concat": lambda: Answer(WIDE, fusion.ConcatFusion, out=4),
    "pairs": lambda: Answer(WIDE, fusion.BilinearFusion, out=4),
    "product": lambda: Answer(WIDE, fusion.ProductFusion, out=4),
    "low-rank": lambda: Answer(WIDE, fusion.LowRankFusion, out=4, rank=16),
    "tensor": lambda: Answer(WIDE, fusion.TensorFusion, out=4),
    "plain network": lambda: Plain(WIDE),
    "deep plain network": lambda: Plain(WIDE, (128, 128), activation=nn.GELU),
}
wide = {size: {} for size in SIZES}
for size in SIZES:
    data = draws(three_way, size)
    for name in heads if size == many else ("product", "low-rank", "deep plain network"):
        wide[size][name] = race(heads[name], data, rates=(0.001, 0.004), longer=1.2)[0]

# %% [markdown]
# The number in brackets is the number of parameters.

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(9, 4.4))
for size, look, color, shift in LOOKS:
    dots(axes, list(heads), wide[size], color=color, look=look, shift=shift, label=f"{size} items")
axes.set_yticklabels([f"{n} ({sum(p.numel() for p in make().parameters()):,})" for n, make in heads.items()])
axes.axvline(50, ls="--", color="#333333", label="chance")
_ = figure.legend(loc="outside upper center", ncols=3)

# %% [markdown] tags=["alt"]
# *Figure: test accuracy of seven networks on the three-way question. With 2,000 items concat, pairs and the plain network
# are at chance; product, low-rank, tensor and the deep plain network close together near the top. With 300 items product
# and low-rank are still near the top; the deep plain network is at chance.*

# %% [markdown]
# With 300 items the right bet is everything: the product, leanest of all, is far ahead, and the deep network *guesses*. With
# 2,000 the deep network has caught up; the network with one hidden layer had not found it within this budget, which does not
# prove that it cannot. Low-rank fusion does what tensor fusion does with a small part of its parameters. Pairs are blind:
# **the order of the product must match the order of the interaction.**

# %%
counts = [sum(p.numel() for p in heads[name]().fuse.parameters()) for name in ("tensor", "low-rank")]
print(f"tensor {counts[0]:,}, low-rank {counts[1]:,} parameters: {counts[0] / counts[1]:.1f} times fewer")
assert counts == [33**3 * 4 + 4, 3 * 33 * 16 * 4 + 16 + 4]
assert counts[0] > 20 * counts[1]
rich, poor = wide[many], wide[few]
mm.claim("08.6", "three senses: tensor beats concat", rich["tensor"] - rich["concat"], margin=30, unit="points")
difference = rich["low-rank"] - rich["tensor"]
mm.claim("08.7", "three senses: low-rank within a point of tensor", difference, within=1, unit="points")
ahead = poor["product"] - poor["deep plain network"]
mm.claim("08.8", "three senses, few items: product beats the deep network", ahead, margin=30, unit="points")
print(f"many items: product minus deep plain network {interval(rich['product'] - rich['deep plain network'])} points")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 The bug that trains
#
# Here is low-rank fusion as it stands in two public libraries (MultiBench, Liang and others 2021, and PyKale, Lu and others
# 2022, which took it over), in our words. Equations right, shapes right. Do you see it?


# %%
class ListLowRank(nn.Module):
    def __init__(self, dims, out_dim, *, rank=16):
        super().__init__()
        self.names, self.factors = sorted(dims), []
        for name in self.names:
            factor = torch.randn(dims[name] + 1, rank * out_dim, device=device) / (dims[name] + 1) ** 0.5
            self.factors.append(nn.Parameter(factor))
        self.weights, self.bias = nn.Parameter(torch.ones(rank) / rank**0.5), nn.Parameter(torch.zeros(out_dim))

    def forward(self, features):
        product = 1
        for name, factor in zip(self.names, self.factors, strict=True):
            one = torch.ones_like(features[name][:, :1])
            product = product * (torch.cat([features[name], one], -1) @ factor)
        return torch.einsum("brd,r->bd", product.unflatten(-1, (len(self.weights), -1)), self.weights) + self.bias


# %% [markdown] tags=["predict"]
# **Predict first.** We put an encoder (a linear layer and a ReLU) before each sense and train this and the right version on
# the inner product, 2,000 items. Will there be an error? Will the accuracy tell? And what happens when you save the
# network and load it again?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let the group review the class as they would a colleague's. Ask for one sentence on each line. Do not
# help before somebody asks what `.parameters()` returns.


# %%
class Encoded(nn.Module):
    """An encoder a sense, then what `make` makes of the encoded features."""

    def __init__(self, dims, make, width=24):
        super().__init__()
        self.encoders = nn.ModuleDict({name: nn.Sequential(nn.Linear(d, width), nn.ReLU()) for name, d in dims.items()})
        self.join = make({name: width for name in dims})

    def forward(self, inputs):
        return self.join({name: encoder(inputs[name]) for name, encoder in self.encoders.items()})


# %% [markdown]
# Train, count, save, load (about 3 s). Then the same race without encoders.

# %% tags=["further"]
data = draws(lambda n, seed: game("inner product", n, seed), many)
kinds = {"LowRankFusion": lambda dims, out: fusion.LowRankFusion(dims, out, rank=16), "ListLowRank": ListLowRank}
found = {}
for name, block in kinds.items():
    make = lambda block=block: Encoded(DIMS, lambda dims: Answer(dims, block))  # noqa: E731
    found[name, "with encoders"], weights, _ = race(make, data)
    found[name, "without"] = race(lambda block=block: Answer(DIMS, block), data)[0]
    network = make().to(device)  # a new program starts ...
    network.load_state_dict({key: value[0] for key, value in weights.items()})  # ... and loads the file of run 0
    inputs, answer = ({k: x[0] for k, x in data["test"][0].items()}, data["test"][1][0])
    loaded = 100 * (network(inputs).argmax(-1) == answer).double().mean().item()
    block, before = make().join.fuse, found[name, "with encoders"][0]
    print(f"{name}: {sum(p.numel() for p in block.parameters())} parameters found, saved: {[*block.state_dict()]}")
    print(f"    accuracy of run 0 before saving {before:.1f} %, loaded again {loaded:.1f} %")
for place in ("with encoders", "without"):
    right_one, frozen = found["LowRankFusion", place], found["ListLowRank", place]
    print(f"{place}: {interval(right_one)} %, list {interval(frozen)} %, lead {interval(right_one - frozen):+}")

# %% [markdown]
# No error, no warning, and behind encoders the accuracy hardly tells them apart: look at the lead and its interval. Without
# encoders the lead is large: the encoders had learned *around* the frozen random factors. (All runs here share one draw
# of those.) `nn.Module` finds only parameters that are attributes, or in an `nn.ParameterList`, `ParameterDict`
# or `ModuleDict`. A plain list hides them: never trained, left behind by `.to(device)`, and absent from the file you save.
# Loaded again, the network has **new random factors**, and guesses.
#
# MultiBench's own test asserts 3 parameters, the number it saw, where the formula gives 47. A test that repeats what the code
# does tests nothing.

# %% [markdown]
# ### Exercise 8.3 ●●● 15 min
# Write the test that catches this, `audit(block, features, expected)`: a fusion block, a dict of float tensors (B, d_m), and
# the number of parameters by formula. Raise `AssertionError` (as a failing `assert` does) if
#
# 1. the parameters that `block.parameters()` finds do not hold `expected` numbers, or
# 2. after one backward pass some parameter has no gradient, or one that is zero everywhere, or
# 3. the first item alone, (1, d_m), does not give the first row of the whole output (to 1e-5).
#
# Otherwise return None. The loss: the mean of the squared output. Example: for `ConcatFusion({"a": 3, "b": 2}, 4)`, `expected` 24
# returns None, 25 raises.
# <details><summary>Hint: the idea</summary>Count with numel. A parameter that was never used has .grad None: test that first. Item 1 alone is features with [:1], and its output must equal the first row of the whole output.</details>
# <details><summary>Hint: pseudocode</summary>assert sum of numel == expected; out = block(features); out.square().mean().backward(); for each parameter: assert grad is not None and grad.abs().sum() > 0; alone = block({name: x[:1]}); assert alone has shape (1, ...) and is close to out[:1].</details>


# %% tags=["exercise"]
def audit(block, features, expected):
    ### BEGIN SOLUTION
    found = sum(p.numel() for p in block.parameters())
    assert found == expected, f"{found} parameters, expected {expected}"
    out = block(features)
    block.zero_grad()
    out.square().mean().backward()
    for name, p in block.named_parameters():
        assert p.grad is not None, f"{name} has no gradient"
        assert p.grad.abs().sum() > 0, f"the gradient of {name} is zero"
    alone = block({name: x[:1] for name, x in features.items()})
    assert alone.shape == out[:1].shape, "one item alone gives another shape"
    assert torch.allclose(alone, out[:1], atol=1e-5), "items mix"
    ### END SOLUTION


# %%
check.ex8_3(audit)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 What they cost
#
# Two senses of 64 numbers, `out_dim` 64, batches of 64. Time: one forward and backward pass relative to concat (median).

# %% tags=["further"]
SQUARE = {"a": 64, "b": 64}
torch.manual_seed(0)
blocks = {name: block(SQUARE, 64).to(device) for name, block in OPERATORS.items()}
features = {name: torch.randn(64, 64, device=device) for name in SQUARE}
turns = {name: [] for name in blocks}
for _ in range(mm.per_profile(smoke=3, quick=31, full=201)):
    for name, block in blocks.items():
        start = time.perf_counter()
        block(features).square().sum().backward()
        turns[name].append(time.perf_counter() - start)
unit = np.median(turns["concat"])
print(f"{'block':20}{'parameters':>12}{'time':>8}{'interacts':>12}{'XOR':>8}")
for name, block in blocks.items():
    count, pace = sum(p.numel() for p in block.parameters()), np.median(turns[name]) / unit
    print(f"{name:20}{count:12,}{pace:8.1f}{'no' if name in additive else 'yes':>12}{signs[name].mean():6.0f} %")

# %% [markdown]
# The product and FiLM, cheapest of the multipliers, cost about as much as the blocks that add. Bilinear and tensor fusion
# pay for every pair of numbers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 Real digits
#
# Lesson 7's written and spoken digits, with encoders before the operator. Two questions about the same data:
#
# - **Which digit?** Picture and sound of the same digit, both at noise 1.
# - **Same digit?** A clean picture and a clean sound, in half of the pairs of different digits. Partners are drawn anew within
#   the part: a training picture only ever meets training sounds.


# %% tags=["further"]
def pairs(seed, noise):
    """Standardised pictures (N, 64), sounds (N, 65) at five moments, and digits (N,), for each part."""
    splits, parts, scale = mm.load("audio_visual_digits", image_noise=noise, audio_noise=noise, seed=seed), {}, {}
    for part in ("train", "valid", "test"):
        inputs, digit = getattr(splits, part).arrays()
        rows = {"image": inputs["image"].reshape(len(digit), -1), "audio": inputs["audio"][:, [0, 5, 10, 14, 19]]}
        rows = {name: torch.tensor(x).float().flatten(1) for name, x in rows.items()}
        scale = scale or {name: (x.mean(), x.std()) for name, x in rows.items()}  # of the training part
        parts[part] = {name: (x - scale[name][0]) / scale[name][1] for name, x in rows.items()}, torch.tensor(digit)
    return parts


# %% tags=["further"]
def rematch(inputs, digit, seed, times):
    """Each picture `times` times, every time with a sound of the same digit or, half of the time, of another."""
    generator = torch.Generator().manual_seed(seed)
    same = torch.rand(times, len(digit), generator=generator) < 0.5
    fits = (digit[:, None] == digit) == same[..., None]  # (times, picture, sound)
    sound = torch.multinomial(fits.flatten(0, 1).float(), 1, generator=generator)[:, 0]
    return {"image": inputs["image"].repeat(times, 1), "audio": inputs["audio"][sound]}, same.flatten().long()


noisy, clean = ([pairs(seed, noise) for seed in range(RUNS)] for noise in (1.0, 0.0))
which = {part: together([run[part] for run in noisy]) for part in ("train", "valid", "test")}
same = {
    part: together([rematch(*run[part], seed, times) for seed, run in enumerate(clean)])
    for part, times in (("train", 2), ("valid", 6), ("test", 6))
}

# %% [markdown]
# The plain network now is: encoders, concat, a hidden layer of 128, scores. The second question gets twice the steps, since
# it is learned more slowly. (There the picture alone can only guess, so it does not race; about 12 s.)

# %% tags=["further"]
SENSES = {"image": 64, "audio": 65}


def real(name, classes):
    """An encoder a sense, then an operator; or the plain network; or the plain network of the picture alone."""
    if name == "picture alone":
        return lambda: Plain({"image": 64}, (24, 128), classes)
    if name == "plain network":
        return lambda: Encoded(SENSES, lambda dims: Plain(dims, (128,), classes))
    return lambda: Encoded(SENSES, lambda dims: Answer(dims, OPERATORS[name], classes=classes))


entrants = ("picture alone", "concat", "gated", "product", "FiLM", "tensor", "low-rank", "plain network")
digits = {"which digit?": {name: race(real(name, 10), which)[0] for name in entrants}}
digits["same digit?"] = {name: race(real(name, 2), same, longer=2)[0] for name in entrants[1:]}

# %% tags=["further"]
figure, grid = plt.subplots(1, 2, figsize=(11.5, 4.6), sharey=True)
for axes, (question, values) in zip(grid, digits.items(), strict=True):
    dots(axes, entrants, values)
    axes.set_title(question, fontsize=14)
grid[1].axvline(50, ls="--", color="#333333", label="chance, and the picture alone")
_ = grid[1].legend(loc="upper right")

# %% [markdown] tags=["alt"]
# *Figure: two panels of test accuracy for the picture alone, six operators and a plain network. Which digit: the picture
# alone is far behind; concat, gated and the plain network are ahead of the four that multiply by a few points. Same digit:
# concat at chance; all others far above it, the plain network as high as any, FiLM lowest of the rest.*

# %% tags=["further"]
which_digit, same_digit = digits.values()
matched = same_digit["low-rank"] - same_digit["concat"]
mm.claim("08.9", "same digit? low-rank beats concat", matched, margin=20, unit="points")
for question, rival in (("which digit?", "concat"), ("same digit?", "plain network")):
    print(f"{question} {rival} minus ...")
    for name in entrants[1:]:
        if name != rival:
            print(f"    {name}: {interval(digits[question][rival] - digits[question][name]):+}")
multipliers = np.mean([which_digit[name] for name in ("product", "FiLM", "tensor", "low-rank")], axis=0)
print(f"which digit? concat minus the mean of the four multipliers: {interval(which_digit['concat'] - multipliers):+}")

# %% [markdown]
# The same data, two questions, two rankings. *Which digit?* is a sum of evidence (lesson 7: given the digit, picture and sound are
# independent, so the scores add): no multiplier beats the additive block, and on average they lose a little. *Same digit?* is an
# interaction: the additive block guesses, as if it could not hear. But only *it* fails: concat with a hidden layer is as good as any operator, on both questions. That fits sections 4 and 5, where with
# 2,000 items a deep network was level or nearly so; *same digit?* has more. **The question decides, not the senses**, and with enough data
# a plain network needs no bet.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 Streams that are out of step
#
# So far one vector a sense. Sound and lips are *sequences*, and one may lag. Take a **canon**: a voice
# sings a random tune of four tones; a second voice sings the same tune, $k$ tones higher (past the top it starts again
# below), and perhaps enters some beats later. Which $k$, of four? One voice alone tells nothing: pure synergy.


# %%
def canon(n, seed, lag, beats=12, tones=4):
    """Noisy voices {"first": (n, beats, 4), "second": (n, beats, 4)} and how much higher the second sings."""
    generator = torch.Generator().manual_seed(seed)
    tune = torch.randint(tones, (n, beats + lag), generator=generator)
    higher = torch.randint(tones, (n,), generator=generator)
    voices = {"first": tune[:, lag:], "second": (tune[:, :beats] + higher[:, None]) % tones}
    noise = torch.randn(2, n, beats, tones, generator=generator) * 0.3
    sung = {name: functional.one_hot(t, tones) + e for (name, t), e in zip(voices.items(), noise, strict=True)}
    return sung, higher


# %% [markdown]
# Three ways to read it. **Concat a step**: join the voices beat by beat, a small network on each beat, then the mean. A
# **recurrent** network (folded; a GRU, Cho and others 2014, a lighter relative of lesson 5's LSTM) reads the joined beats one after
# the other. And **cross-modal attention** (Tsai and others 2019): each beat of one voice looks at *all* beats of the other. Attention
# was invented to align two sequences, sentences in two languages (Bahdanau and others 2015). As a bar, a
# network that ignores time: **average each voice**, then low-rank fusion.


# %%
class ConcatSteps(nn.Module):
    def __init__(self, width=32, tones=4):
        super().__init__()
        self.step = nn.Sequential(nn.Linear(2 * tones, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.scores = nn.Linear(width, tones)

    def forward(self, voices):
        return self.scores(self.step(torch.cat([voices["first"], voices["second"]], -1)).mean(1))


# %% tags=["further"]
class Averages(Answer):
    """Average each voice over its beats, then fuse the averages."""

    def forward(self, voices):
        return super().forward({name: x.mean(1) for name, x in voices.items()})


class Recurrent(nn.Module):
    """A gated recurrent unit (Cho and others 2014) over the joined beats, and the mean of its states."""

    def __init__(self, width=32, tones=4):
        super().__init__()
        self.input, self.state = nn.Linear(2 * tones, 3 * width), nn.Linear(width, 3 * width)
        self.scores = nn.Linear(width, tones)

    def forward(self, voices):
        moments = self.input(torch.cat([voices["first"], voices["second"]], -1)).chunk(3, -1)
        state, states = torch.zeros_like(moments[0][:, 0]), []
        for reset, update, new in zip(*(x.unbind(1) for x in moments), strict=True):
            r, u, n = self.state(state).chunk(3, -1)
            new = (new + (reset + r).sigmoid() * n).tanh()
            keep = (update + u).sigmoid()
            state = keep * state + (1 - keep) * new
            states.append(state)
        return self.scores(torch.stack(states).mean(0))


# %% [markdown]
# Attention is lesson 5's, but the queries $q_t$ come from one sense, the keys $k_s$ and values $v_s$ from the other. And one
# term is new, $d_{s-t}$, a learned number for each *distance* between the two moments, as in T5 (Raffel and others 2020; Shaw and
# others 2018 had added learned vectors to the keys):
#
# $$\alpha_{ts} = \text{softmax}_s \left( \frac{q_t \cdot k_s}{\sqrt{w}} + d_{s-t} \right), \qquad y_t = \sum_s \alpha_{ts} v_s$$
#
# With it, attention can learn "look three beats ahead".


# %%
class CrossAttention(nn.Module):
    """One head; distances beyond `reach` share a number."""

    def __init__(self, width, reach):
        super().__init__()
        self.query, self.value, self.output = (nn.Linear(width, width) for _ in range(3))
        self.key = nn.Linear(width, width, bias=False)
        self.distances, self.reach = nn.Parameter(torch.zeros(2 * reach + 1)), reach

    def forward(self, x, source):  # (B, T, width), (B, S, width) -> (B, T, width)
        similar = self.query(x) @ self.key(source).transpose(1, 2) / x.shape[-1] ** 0.5
        apart = torch.arange(source.shape[1]) - torch.arange(x.shape[1])[:, None]
        bias = self.distances[apart.clamp(-self.reach, self.reach) + self.reach]
        return self.output((similar + bias).softmax(-1) @ self.value(source))


# %% [markdown]
# The package's `CrossModalTransformer` does this for every pair of senses, with several heads, a small network behind, and masks.
# The mask is your turn.

# %% [markdown]
# ### Exercise 8.4 ●●○ 10 min
# Write `masked_attention(query, keys, values, mask)`: `query` (B, T, w), `keys` and `values` (B, S, w) float tensors, `mask`
# bool (B, S), **True = keep**. Return (B, T, w): softmax of `query @ keys / sqrt(w)` over the kept steps only, times the
# values. Where an item keeps *no* step, its sense is absent: return zeros there, and let no NaN into any gradient. Example:
# w = 1, all queries and keys 0, values 1 and 5 with mask [True, True] give 3; [True, False] gives 1; [False, False] gives 0.
# <details><summary>Hint: the idea</summary>A softmax over nothing but minus infinity is 0/0. Repairing the output afterwards hides the NaN, but its gradient may stay NaN. Avoid it: let an empty item look everywhere, and put zeros in its place at the end.</details>
# <details><summary>Hint: pseudocode</summary>some = mask.any(-1), (B,). allowed = mask | ~some[:, None]. scores = where(allowed[:, None], query @ keys^T / sqrt(w), -inf). answer = softmax(scores) @ values. return where(some[:, None, None], answer, 0).</details>


# %% tags=["exercise"]
def masked_attention(query, keys, values, mask):  # (B, T, w), (B, S, w), (B, S, w), bool (B, S) -> (B, T, w)
    ### BEGIN SOLUTION
    some = mask.any(-1)
    allowed = mask | ~some[:, None]
    scores = query @ keys.transpose(1, 2) / query.shape[-1] ** 0.5
    attended = scores.masked_fill(~allowed[:, None], -torch.inf).softmax(-1) @ values
    return torch.where(some[:, None, None], attended, torch.zeros_like(attended))
    ### END SOLUTION


# %%
check.ex8_4(masked_attention)

# %% [markdown] tags=["predict"]
# **Predict first.** The second voice enters on the same beat (lag 0), or three beats later (lag 3). Who finds $k$: concat a
# step, the recurrent network, cross-modal attention? And how far do you get when you ignore time and average each voice?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let two halves of the room clap the same rhythm, the second three beats late. Whoever listens beat by
# beat hears noise. Ask what a listener needs to hear the rhythm: memory, or a look ahead?

# %% [markdown]
# 1,000 canons, five runs, one layer of attention (about 12 s). To save time each reader runs at one learning rate: of 0.003,
# 0.01 and 0.03 the one with the least validation loss, averaged over both lags, on other canons, tried beforehand.


# %% tags=["further"]
def crossing(reach):
    """One layer of cross-modal attention with one head; with reach 0 all distances count alike."""
    options = {"width": 12, "num_layers": 1, "num_heads": 1, "reach": reach}
    return lambda: fusion.CrossModalTransformer({"first": 4, "second": 4}, 4, **options)


averages = lambda: Averages({"first": 4, "second": 4}, fusion.LowRankFusion, classes=4)  # noqa: E731
LONG = {"longer": 1.6, "batch": 32}
readers = {"average each voice": averages, "concat a step": ConcatSteps, "recurrent": Recurrent}
readers["cross-modal attention"] = crossing(6)
canons = {lag: draws(lambda n, seed, lag=lag: canon(n, seed, lag), 1000) for lag in (0, 3)}
heard, learned = {}, {}
for lag, data in canons.items():
    for name, make in readers.items():
        rate = 0.01 if name == "cross-modal attention" else 0.03
        heard[name, lag], learned[name, lag], _ = race(make, data, rates=(rate,), **LONG)

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(9, 3.8))
for k, name in enumerate(readers):
    for lag, color in ((0, 3), (3, 4)):
        values, place = heard[name, lag], k + (0.2 if lag else -0.2)
        label = f"lag {lag}" if k == 0 else None
        axes.barh(place, values.mean(), 0.36, color=plotting.COLORS[color], label=label)
        axes.errorbar(values.mean(), place, xerr=interval(values).high - values.mean(), color="#222222", capsize=4)
axes.axvline(25, ls="--", color="#333333", label="chance")
axes.set_yticks(range(len(readers)), list(readers))
axes.set(xlabel="test accuracy in %", xlim=(0, 106))
axes.grid(False, axis="y")
axes.invert_yaxis()
_ = figure.legend(loc="outside upper center", ncols=3)

# %% [markdown] tags=["alt"]
# *Figure: test accuracy at lag 0 and lag 3. In step, concat a step, the recurrent network and cross-modal attention are all
# near perfect, the averages in the middle. At lag 3 concat a step is at chance, the averages well above it, the recurrent
# network far above that, attention near perfect.*

# %%
step, cross = "concat a step", "cross-modal attention"
text = "in step: cross-modal attention against concat a step"
mm.claim("08.10", text, heard[cross, 0] - heard[step, 0], within=1, unit="points")
mm.claim("08.11", "lag 3: attention beats concat a step", heard[cross, 3] - heard[step, 3], margin=50, unit="points")
text = "lag 3: the recurrent network copes: it beats concat a step"
mm.claim("08.12", text, heard["recurrent", 3] - heard[step, 3], margin=30, unit="points")
print(f"lag 3: average each voice {interval(heard['average each voice', 3])} %, chance 25 %")

# %% [markdown]
# In step, nothing beats the cheap way. Three beats apart, concat a step compares tones that have nothing to do with each
# other, and does worse than the averages, which ignore time. So how often each tone is sung gives a part of the answer away, and
# the order gives the rest. A recurrent network can carry three tones along, so it copes with a *fixed* lag, though it has not
# learned it to the end. And attention *without* the distances could only count tones, like the averages:

# %%
voices = {name: torch.randn(5, 12, 4) for name in ("first", "second")}
shuffled = {name: x[:, torch.randperm(12)] for name, x in voices.items()}
for reach in (0, 6):  # with reach 0, all distances share one number
    network = crossing(reach)()
    torch.nn.init.normal_(network.layers[0].attention.distances)
    same_answer = torch.allclose(network(voices), network(shuffled), atol=1e-5)
    print(f"attention {'with' if reach else 'without'} distances: same answer when beats are shuffled? {same_answer}")
    assert same_answer == (reach == 0)

# %% [markdown]
# What has attention learned? Its distances should know the lag. Beside them, a cheap rival: **shift** the second voice by 0
# to 5 beats, concat a step, and see on validation data which shift works (about 2 s).

# %% tags=["further"]
SHIFTS = range(6)


def shifted(part, shift):
    """Let the second voice start `shift` beats earlier; the ends that have no partner fall away."""
    voices, higher = part
    beats = voices["first"].shape[2]
    return {"first": voices["first"][:, :, : beats - shift], "second": voices["second"][:, :, shift:]}, higher


by_shift = [
    race(ConcatSteps, {part: shifted(x, s) for part, x in canons[3].items()}, rates=(0.03,), longer=1, batch=32)
    for s in SHIFTS
]
figure, grid = plt.subplots(1, 2, figsize=(11.5, 4))
key = "layers.0.attention.distances"
for k, reader in enumerate(("the first voice looks at the second", "the second voice looks at the first")):
    for lag, look, color in ((0, "o--", 3), (3, "s-", 4)):
        values = learned[cross, lag][key][:, k, 0].cpu().numpy().mean(0)
        grid[k].plot(range(-6, 7), values, look, color=plotting.COLORS[color], label=f"trained at lag {lag}")
    grid[k].set_title(reader, fontsize=13)
    grid[k].set(xlabel="distance in beats (+: later)", xticks=range(-6, 7, 3))
grid[0].set_ylabel("learned distance bias")
_ = figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)

# %% [markdown] tags=["alt"]
# *Figure: the learned bias against the distance in beats, from six earlier to six later. Trained at lag 0, both directions
# peak at distance 0. Trained at lag 3, the first voice's bias peaks at three beats later, the second voice's at three beats
# earlier. Elsewhere the curves are nearly flat.*

# %%
peaks = [learned[cross, 3][key][:, k, 0].argmax(-1).cpu().numpy() - 6 for k in (0, 1)]
print("peaks of the five runs at lag 3, in beats:", *peaks)
losses = [loss.mean() for _, _, loss in by_shift]
print("validation loss after a shift of", ", ".join(f"{s}: {x:.2f}" for s, x in zip(SHIFTS, losses, strict=True)))
shift = int(np.argmin(losses))
print(f"so shift by {shift}; concat a step then has a test accuracy of {by_shift[shift][0].mean():.1f} %")

# %% [markdown]
# Nobody told it the lag: the peak *is* the lag, and you can read it off. But trying six shifts finds it too, and then the cheap
# network is as good. Nor can one bias for all items follow a lag of each item's own: that is *alignment*, lessons 11 and 12.
#
# And the price? One forward and backward pass of 64 canons, relative to concat a step. (`BottleneckTransformer`, Nagrani and
# others 2021, not raced here: each voice attends to itself and to a few shared tokens, through which all news must pass.)

# %% tags=["further"]
tones = {"first": 4, "second": 4}
rivals = {name: make().to(device) for name, make in readers.items()}
rivals["bottleneck"] = fusion.BottleneckTransformer(tones, 4, width=12, num_layers=1, num_heads=1).to(device)
for beats in (12, 96):
    voices = {name: torch.randn(64, beats, 4, device=device) for name in tones}
    turns = {name: [] for name in rivals}
    for _ in range(mm.per_profile(smoke=3, quick=7, full=101)):
        for name, network in rivals.items():
            start = time.perf_counter()
            network(voices).square().sum().backward()
            turns[name].append(time.perf_counter() - start)
    for name, network in rivals.items():
        pace = np.median(turns[name]) / np.median(turns["concat a step"])
        print(
            f"{beats:3} beats  {name:22} {sum(p.numel() for p in network.parameters()):6,} parameters, time {pace:5.1f}"
        )

# %% [markdown]
# Trying six shifts costs six times concat a step; attention costs more, for the same accuracy. All it won here is that nobody had
# to search: worth having when there are more shifts than you care to try.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# Which operator should join two modalities? Start with concat and a hidden layer; if it beats concat alone, something
# interacts. With few items and an interaction, multiply: there the right bet is worth most.

# %% tags=["further"]
BOXES = {
    "step": (1.6, 3.2, "Single vectors, or\nstreams in step?"),
    "lag": (1.6, 1.0, "fixed lag: shift it,\nor a recurrent network,\nor attention with\ndistances (9)"),
    "gap": (5.7, 3.2, "Does concat + hidden\nlayer, or a product,\nbeat concat alone?"),
    "add": (5.7, 1.0, "concat (4, 8)"),
    "few": (9.2, 3.2, "Are labelled\nitems scarce?"),
    "plain": (9.2, 1.0, "concat + hidden layers:\nas good, or nearly\n(4, 5, 8)"),
    "order": (12.6, 3.2, "More than two\nsenses at once?"),
    "pair": (12.6, 1.0, "product or FiLM:\nleanest of those\nthat multiply (4, 7)"),
    "low": (16.0, 3.2, "product or\nlow-rank,\nnot pairs (5)"),
}

# %% [markdown]
# (The drawing.)

# %% tags=["further"]
# the arrows: from, to, answer
ARROWS = "step-lag-no step-gap-yes gap-add-no gap-few-yes few-plain-no few-order-yes order-pair-no order-low-yes"
figure, axes = plt.subplots(figsize=(13, 4.2))
drawn = {}
for key, (x, y, text) in BOXES.items():
    color = "#e6f5ee" if key in ("lag", "add", "plain", "pair", "low") else "#e8f1fa"
    look = {"boxstyle": "round,pad=0.5", "fc": color, "ec": "#333333"}
    drawn[key] = axes.text(x, y, text, ha="center", va="center", fontsize=13.5, bbox=look)
for arrow in ARROWS.split():
    start, end, word = arrow.split("-")
    patches = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
    (x, y, _), (u, v, _) = BOXES[start], BOXES[end]
    axes.annotate("", (u, v), (x, y), arrowprops={"arrowstyle": "->", "lw": 2, "color": "#333333"} | patches)
    right_of = (x + 0.12, 2.2) if x == u else ((x + u) / 2 - 0.05, y + 0.15)
    axes.text(*right_of, word, fontsize=13.5, style="italic")
axes.set(xlim=(0, 17.2), ylim=(0.1, 4.1))
_ = axes.axis("off")

# %% [markdown] tags=["alt"]
# *Figure: a decision chart. Single vectors, or streams in step? No: with a fixed lag shift it, or a recurrent network, or
# attention with distances (section 9). Yes: does concat with a hidden layer, or a product, beat concat alone? No: concat
# (sections 4 and 8). Yes: are labelled items scarce? No: concat with hidden layers, as good or nearly (sections 4, 5 and 8). Yes:
# more than two senses at once? No: product or FiLM, the leanest of those that multiply (sections 4 and 7). Yes: product or
# low-rank, not pairs (section 5).*

# %% [markdown]
# The numbers are the sections in which it was measured; "scarce" was 300 items, not scarce 2,000 and more. The second box is a race
# on validation data. Race a product too: with few items a hidden layer may miss what is there (section 5). Gates and attention
# were never clearly the best bet, but none of our games had senses whose *reliability* changes from item to item. And what to do when a
# sense is absent is lesson 10.

# %% [markdown]
# ## What can go wrong
#
# - **Items mix.** A product written for one item can meet a batch and multiply every item with every other. One public block
#   for three senses returns (8, 8, 3) for a batch of 8. A mean over the wrong axis then hides it:

# %%
a, b = torch.randn(2, 8, 3)
mixed = (a[:, None] * b).mean(0)  # (8, 8, 3): each a with every b; the mean hides it
alone = (a[:1, None] * b[:1]).mean(0)
print("one item, in the batch and alone, the same?", torch.allclose(mixed[:1], alone))

# %% [markdown]
# - **Absent means NaN.** `nn.MultiheadAttention` with a row that is masked out altogether (folded):

# %% tags=["further"]
attention, x = nn.MultiheadAttention(4, 1, batch_first=True), torch.randn(1, 3, 4)
nothing = torch.ones(1, 3, dtype=torch.bool)  # torch's masks say True = leave out, ours True = keep
for need_weights in (True, False):
    out = attention(x, x, x, key_padding_mask=nothing, need_weights=need_weights)[0]
    print(f"need_weights={need_weights}: finite? {out.isfinite().all().item()}")

# %% [markdown]
#   Asked for its weights, torch takes a softmax over nothing, 0/0; if not, it runs another routine, which guards against that.
#   Rely on neither: treat absence yourself, as in 8.4.
# - **A rival without its hidden layer.** "Fusion X beats concat" often compares X to a concat that has *nothing* behind it.
#   We did so to see what an operator can do alone; it does not make X the better network. Put a hidden layer behind concat and
#   race again.
# - **Scale.** Products of many numbers above one explode, below one vanish. Standardise what goes in.

# %% [markdown]
# ## Three key points
#
# 1. An operator is a bet. Additive blocks bet on no interaction; four corners show it without training.
# 2. The right bet saves data, a wrong one costs data; with enough data a hidden layer does as well. Compare at several sizes.
# 3. Count parameters by formula, and check that each one learns and that items do not mix: bugs in fusion train quietly.

# %% [markdown]
# ## Quiz
#
# **1.** Concat with a linear layer behind it is at chance, concat with a hidden layer is at 90 %. What have you learned?
# <details><summary>A: that the question has synergy, and no more</summary>Right. Something interacts. Which operator bets best on it is the next race.</details>
# <details><summary>B: that concat is the right operator here</summary>The hidden layer made the interaction. With few items a product may do better.</details>
# <details><summary>C: that the first network had not been trained enough</summary>Its corners add up to zero whatever the training.</details>
#
# **2.** Your new fusion block lowers the loss and beats the single senses. Which test is still needed most?
# <details><summary>A: another run with a smaller learning rate</summary>It may add a point, and a bug would train again.</details>
# <details><summary>B: its parameters, counted by formula, each with a gradient</summary>Right. Encoders learn around frozen factors, so neither loss nor accuracy tells.</details>
# <details><summary>C: the training accuracy against the test accuracy</summary>That shows overfitting. Both may look healthy with half of the block frozen.</details>
#
# **3.** Lips run two frames ahead of the sound, always. Concat a step fails. What is the cheapest repair?
# <details><summary>A: cross-modal attention with eight heads</summary>It would find the lag, at many times the price.</details>
# <details><summary>B: tensor fusion at every step, so that all frames interact</summary>All numbers of one step interact. The right partner is two steps away.</details>
# <details><summary>C: shift one stream by two frames and concat a step again</summary>Right. A fixed lag is a constant. Find it on validation data and remove it.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# <details><summary>Why do two senses make bilinear and tensor fusion nearly the same?</summary>The outer product of two vectors with an appended 1 holds the pairs, the single numbers and the 1: a bilinear form, a linear layer and a second bias. They part with the third sense, where the tensor also holds triples.</details>
#
# <details><summary>What is redundancy's synergy?</summary>Two noisy looks at the same answer say more than one, and lesson 3's measure books that as synergy. It is a sum of evidence, so it needs no product. "Synergy" in this lesson's chart means what no sum can say.</details>
#
# <details><summary>Graphs and sets with many senses</summary>Deep sets add, whatever the number of senses, but with a layer behind the sum they can represent any function of a set (Zaheer and others 2017). Graphs let you say who talks to whom; with two senses there is little to say.</details>

# %% [markdown]
# ## References
#
# - Cho, K. and others (2014). Learning phrase representations using RNN encoder-decoder. EMNLP.
# - Bahdanau, D., Cho, K., Bengio, Y. (2015). Neural machine translation by jointly learning to align and translate. ICLR.
# - Arevalo, J. and others (2017). Gated multimodal units for information fusion. ICLR workshop.
# - Gilmer, J. and others (2017). Neural message passing for quantum chemistry. ICML.
# - Zadeh, A. and others (2017). Tensor fusion network for multimodal sentiment analysis. EMNLP.
# - Zaheer, M. and others (2017). Deep sets. NeurIPS.
# - Liu, Z. and others (2018). Efficient low-rank multimodal fusion with modality-specific factors. ACL.
# - Perez, E. and others (2018). FiLM: visual reasoning with a general conditioning layer. AAAI.
# - Shaw, P., Uszkoreit, J., Vaswani, A. (2018). Self-attention with relative position representations. NAACL.
# - Tsai, Y.-H. and others (2019). Multimodal transformer for unaligned multimodal language sequences. ACL.
# - Jayakumar, S. and others (2020). Multiplicative interactions and where to find them. ICLR.
# - Raffel, C. and others (2020). Exploring the limits of transfer learning with a unified text-to-text transformer. JMLR.
# - Liang, P. P. and others (2021). MultiBench: multiscale benchmarks for multimodal representation learning. NeurIPS.
# - Nagrani, A. and others (2021). Attention bottlenecks for multimodal fusion. NeurIPS.
# - Lu, H. and others (2022). PyKale: knowledge-aware machine learning from multiple sources in Python. CIKM.
