# %% [markdown]
# # 14 Image captioning
#
# **How does a picture become a sentence?** · 90 minutes · needs lessons 4 and 5
#
# ![A small CNN turns a picture into a grid of regions; a decoder reads the words so far, joins both, and says the next word, which it reads in turn](flow: picture -> CNN -> 8 x 8 regions -> join -> next word; words so far -> GRU -> join)
#
# You will train networks that describe a picture, ask where they look for each word, and find out what the number that most
# people watch in training tells about the sentences. (The next cell takes about 5 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Scenes and sentences
#
# Our scenes are drawn by us from real artwork (emoji by [OpenMoji](https://openmoji.org), licence CC BY-SA 4.0), tinted and laid out at
# random. So the true sentence is known. It goes from left to right; the first object's place is seen from the second, each later one's from the one
# before, and the larger of the two offsets decides between left and right or above and below. In **hard** scenes
# things cover each other, and sizes are named. (Code that only loads, draws or keeps score is folded.)

# %% tags=["further"]
import functools
import textwrap
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mmcourse.data.scenes import COLOURS, KINDS
from mmcourse.metrics import Interval, bleu, bootstrap_interval, cider, document_frequencies
from mmcourse.translation import CaptionModel, RegionEncoder, beam_search

device = mm.device()

# %% [markdown]
# (This takes about 6 s.)

# %% tags=["further"]
table = mm.data.table("emoji_scenes")
number, level = table["objects"].map(len).to_numpy(), table["level"].to_numpy()
store = torch.full((len(table), 3, 64, 64), 255, dtype=torch.uint8)
for test in ("seen", "unseen"):
    splits = mm.load("emoji_scenes", test=test)
    for part in (splits.train, splits.valid, splits.test) if test == "seen" else (splits.test,):
        inputs, scene = part.arrays()
        store[scene] = torch.as_tensor(inputs.pop("image")).mul_(255).round_().to(torch.uint8)
del splits, part, inputs


def scenes(part, hard, least=1):
    """Numbers of the scenes of a part and level with `least` objects or more; a few only in the smoke profile."""
    inside = (table["part"] == part) & (level == ("hard" if hard else "easy")) & (number >= least)
    return np.flatnonzero(inside)[: mm.per_profile(smoke=60 if part == "train" else 30, quick=None, full=None)]


train, valid, test = scenes("train", False), scenes("valid", False), scenes("seen", False)
print(f"easy: {len(train)} scenes to train on, {len(valid)} to choose by, {len(test)} to test")

# %% tags=["further"]
shown = [test[number[test] == n][1] for n in (1, 2, 3, 4)] + [scenes("seen", True, 3)[1]]
plotting.images(list(store[shown]), [table["caption"][k] for k in shown])

# %% [markdown] tags=["alt"]
# *Figure: five scenes with their sentences: one to four coloured objects on white, and a hard one, in which one object covers a part of
# another.*

# %% [markdown]
# There are two tests. In *seen* each pair of kind and colour was met in training; in *unseen* none was: the duck and green, but never
# a green duck. A sentence is a row of **tokens**: number 1 starts it, 2 ends it, 0 fills up the row, the words follow.

# %%
every = sorted({word for text in table["caption"][table["part"] == "train"] for word in text.split()})
words = ["<pad>", "<start>", "<end>", *every]
number_of = {word: k for k, word in enumerate(words)}
longest = max(len(text.split()) for text in table["caption"]) + 2
tokens = torch.zeros(len(table), longest, dtype=torch.long)
for k, text in enumerate(table["caption"]):
    row = [1, *(number_of[word] for word in text.split()), 2]
    tokens[k, : len(row)] = torch.tensor(row)
print(f"{len(words)} tokens; {table['caption'][shown[0]]!r} is {tokens[shown[0]][:6].tolist()} ...")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 See: a grid of regions
#
# A small CNN turns 64 x 64 pixels into a grid of 8 x 8 **regions**, 64 numbers each. To learn to see, it is told for each region
# which object has its centre there, if any: kind and colour. Then it is frozen, and every scene is looked at once.


# %%
def centres():
    """Kind and colour of the object whose centre lies in each region, (scenes, 64) each; 0 where there is none."""
    kind, colour = torch.zeros(2, len(table), 64, dtype=torch.long)
    for k, things in enumerate(table["objects"]):
        for thing in things:
            region = 8 * min(thing["y"] // 8, 7) + min(thing["x"] // 8, 7)
            kind[k, region] = 1 + KINDS.index(thing["kind"])
            colour[k, region] = 1 + COLOURS.index(thing["colour"])
    return kind, colour


# %% [markdown]
# (Most regions are empty, so an empty one counts only a fifth in the loss.)

# %% tags=["further"]
torch.manual_seed(0)
eyes, kind_head, colour_head = RegionEncoder(64), nn.Linear(64, 1 + len(KINDS)), nn.Linear(64, 1 + len(COLOURS))
goals = centres()
FEW = {head: torch.ones(head.out_features).index_fill_(0, torch.tensor(0), 0.2) for head in (kind_head, colour_head)}


def pictures(rows):
    """(N, 3, 64, 64) floats in [0, 1]."""
    return (store[rows].float() / 255).contiguous(memory_format=torch.channels_last)


# %% tags=["further"]
def train_eyes(rows, steps, batch=16, rate=6e-3):
    """Train the CNN and its two heads on single regions."""
    rng, modules = np.random.default_rng(0), nn.ModuleList([eyes, *FEW]).to(device)
    optimizer = torch.optim.AdamW(modules.parameters(), rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    for _ in range(steps):
        some = rng.choice(rows, batch, replace=False)
        seen, loss = eyes(pictures(some).to(device))[0].flatten(0, 1), 0.0
        for (head, weight), goal in zip(FEW.items(), goals, strict=True):
            loss += functional.cross_entropy(head(seen), goal[some].flatten().to(device), weight.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    modules.eval().requires_grad_(False)


# %% [markdown]
# And the look at many pictures:


# %% tags=["further"]
@torch.no_grad()
def see(x):
    """Regions of pictures (N, 3, 64, 64), in pieces: (N, 64, 64)."""
    return torch.cat([eyes(some.to(device))[0].cpu() for some in x.split(100)])


# %% [markdown]
# Training the eyes and looking at every scene takes about 25 s.

# %%
both_levels = np.concatenate([train, scenes("train", True)])
train_eyes(both_levels, steps=mm.per_profile(smoke=10, quick=800, full=8000))
used = np.concatenate([scenes(part, hard) for part in ("train", "valid", "seen", "unseen") for hard in (False, True)])
features = torch.zeros(len(table), 64, 80)
for some in np.array_split(used, 1 + len(used) // 500):
    features[some, :, :64] = see(pictures(some))

# %% [markdown]
# How good are the eyes? And a region alone does not know *where* it is. So each gets its
# **place**: its row and its column, each as eight numbers of which one is 1.

# %%
found = features[valid][goals[0][valid] > 0][:, :64]
right = kind_head(found.to(device))[:, 1:].argmax(1).cpu() + 1 == goals[0][valid][goals[0][valid] > 0]
print(f"kind of an object right from the region of its centre, easy validation scenes: {right.float().mean():.2f}")
places = torch.cat([torch.eye(8).repeat_interleave(8, 0), torch.eye(8).repeat(8, 1)], 1)  # row, column
scale = features[train, :, :64].std()
features[..., :64] /= scale
features[..., 64:] = places
print(f"one scene: {tuple(features[0].shape)}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Say: one word after another
#
# The probability of a sentence is a product: each word, given the words before it and the picture $x$:
#
# $$p(w_1 \dots w_T \mid x) = \prod_t p(w_{t+1} \mid w_1 \dots w_t, x)$$
#
# A GRU (a small LSTM) reads the words so far into a memory $h_t$; a linear layer turns it into scores for the next word. In training it always
# reads the *true* words, whatever it would have said: **teacher forcing**.

# %% [markdown]
# ### Exercise 14.1 ●●○ 8 min
# Write `caption_loss(logits, tokens)`. `tokens` is an int64 tensor (B, T): each row 1, words, 2, then zeros. `logits` is a float tensor
# (B, T, V): the scores at place t, computed after token t was read, are for the token at **t + 1**. Return a scalar tensor, the
# mean of -log p over all places whose next token is not 0 (the end, 2, counts). Example: all scores equal give
# log V, whatever the tokens.
# <details><summary>Hint: the idea</summary>The last scores have no next token, the first token is nobody's next. Drop both, and the rest stands side by side.</details>
# <details><summary>Hint: pseudocode</summary>cross_entropy of logits without the last place and tokens without the first, both flattened over B and T, with ignore_index=0.</details>


# %% tags=["exercise"]
def caption_loss(logits, tokens):
    ### BEGIN SOLUTION
    scores, following = logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    return functional.cross_entropy(scores, following, ignore_index=0)
    ### END SOLUTION


# %%
check.ex14_1(caption_loss)

# %% [markdown]
# After training the model reads **its own** words: it says the most probable one, reads it, says the next (*greedy* decoding).

# %% [markdown]
# ### Exercise 14.2 ●○○ 6 min
# Write `greedy_decode(step, state, start, end, max_len)`. `step(token, state)` takes an int and a state and returns scores, a 1-D float tensor
# (V,), and a new state. `start`, `end`, `max_len` are ints. Begin with `start`; take the best token again and again. Return a **list of
# ints** without `start` and `end`, at most `max_len` long. Example: if the best tokens are 4, 4, 6, `end`, the answer is
# `[4, 4, 6]`; with `max_len` 2 it is `[4, 4]`.
# <details><summary>Hint: the idea</summary>A loop that carries two things: the last token and the state.</details>
# <details><summary>Hint: pseudocode</summary>token = start; max_len times: scores, state = step(token, state); token = place of the largest score; if it is end: stop; append it.</details>


# %% tags=["exercise"]
def greedy_decode(step, state, start, end, max_len):
    ### BEGIN SOLUTION
    text, token = [], start
    for _ in range(max_len):
        scores, state = step(token, state)
        token = int(scores.argmax())
        if token == end:
            break
        text.append(token)
    return text
    ### END SOLUTION


# %%
check.ex14_2(greedy_decode)

# %% [markdown]
# How words and picture meet we call their **join**. First with **one glance**, one vector for the whole picture (as in Vinyals and others
# 2015): each region passes a layer with a ReLU (so kind and place can mix), then the mean over regions and a LayerNorm give one vector
# $c$. It joins the words, going in and coming out, by **concatenation** $[w; c]$ or by **product** $w \odot c$. Here is the former in short;
# `CaptionModel` can also decode step by step.


# %%
class OneGlance(nn.Module):
    def __init__(self, vocabulary, dim, width):
        super().__init__()
        self.words, self.regions = nn.Embedding(vocabulary, width), nn.Sequential(nn.Linear(dim, width), nn.ReLU())
        self.norm, self.gru = nn.LayerNorm(width), nn.GRU(2 * width, width, batch_first=True)
        self.output = nn.Linear(2 * width, vocabulary)

    def forward(self, features, tokens):  # (B, P, dim), (B, T) -> (B, T, vocabulary)
        picture = self.norm(self.regions(features).mean(1))[:, None].expand(-1, tokens.shape[1], -1)
        memory, _ = self.gru(torch.cat([self.words(tokens), picture], 2))
        return self.output(torch.cat([memory, picture], 2))


ours, theirs = OneGlance(9, 80, 16), CaptionModel(9, 80, 16, join="concat")
theirs.load_state_dict(
    {name.replace("norm", "decoder.norm").replace("gru", "decoder.gru"): x for name, x in ours.state_dict().items()}
)
assert torch.allclose(ours(features[:2], tokens[:2] % 9), theirs(features[:2], tokens[:2] % 9), atol=1e-5)

# %% [markdown]
# One loop trains every model of this lesson. Greedy decoding of many scenes at once is `beam_search` with a beam of 1.


# %%
def learn(model, rows, seen, steps, rate=1e-2, batch=32):
    """Train on captions; `seen[k]` holds the features of scene k."""
    rng, order = np.random.default_rng(0), np.zeros(0, int)
    optimizer = torch.optim.AdamW(model.to(device).train().parameters(), rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.15)
    for _ in range(steps):
        order = order if len(order) >= batch else np.concatenate([order, rng.permutation(rows)])
        some, order = order[:batch], order[batch:]
        texts = tokens[some, : (tokens[some] > 0).sum(1).max()].to(device)
        logits = model(seen[some].to(device), texts)[:, :-1]
        loss = functional.cross_entropy(logits.flatten(0, 1), texts[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


# %% tags=["further"]
def say(model, rows, seen, beam=1, alpha=0.0):
    """Sentences of scenes, decoded freely."""
    texts = []
    for some in np.array_split(rows, 1 + len(rows) // 200):
        state = model.start(seen[some].to(device))
        best, _ = beam_search(model.step, state, bos=1, eos=2, beam=beam, max_len=longest, alpha=alpha)
        texts += [" ".join(words[k] for k in row if k != 2) for row in best.tolist()]
    return texts


def exact(texts, rows):
    """1 where a sentence is the true one, word for word."""
    return np.array([text == table["caption"][k] for text, k in zip(texts, rows, strict=True)], float)


def fresh(join, dim=80):
    """A new model, always from the same seed."""
    torch.manual_seed(0)
    return CaptionModel(len(words), dim, 96, join=join)


STEPS = mm.per_profile(smoke=10, quick=600, full=6000)


# %% [markdown]
# Four models race, all at one learning rate. *Concat* and *product* are the two joins. *Concat, longer* trains for twice as many steps: does
# it only lack practice? In *language only* the pictures are shuffled, so it learns what sentences are like (a third of
# the steps is enough for that). This takes about 40 s.


# %% tags=["further"]
class ByScene:
    """Rows of a tensor by the numbers of scenes: scene k stands in row where[k]."""

    def __init__(self, values, where):
        self.values, self.where = values, where

    def __getitem__(self, some):
        return self.values[self.where[some]]


# %%
models, inputs, seconds = {}, {}, {}
mixed = torch.as_tensor(np.random.default_rng(0).permutation(len(table)))
RACE = {"language only": STEPS // 3, "product": STEPS, "concat": STEPS, "concat, longer": 2 * STEPS}
for name, steps in RACE.items():
    inputs[name] = ByScene(features, mixed) if name == "language only" else features
    begin = time.process_time()
    models[name] = learn(fresh("product" if name == "product" else "concat"), train, inputs[name], steps)
    seconds[name] = time.process_time() - begin

# %% [markdown] tags=["predict"]
# **Predict first.** A sentence is *exact* when every word is right. How many are, with one glance, for one object? Two? Four?

# %%
texts = {name: say(model, test, inputs[name]) for name, model in models.items()}
for name, said in texts.items():
    right = exact(said, test)
    shares = ", ".join(f"{n}: {right[number[test] == n].mean():.2f}" for n in (1, 2, 3, 4))
    print(f"{name:14} exact by number of objects  {shares}")

# %% [markdown]
# One object: nearly always. From two on the sentences fall apart. What is left of them? We compare words in any order:


# %% tags=["further"]
def survives(name, n=2):
    """Print the shares of sentences about n objects whose words of one sort are right, in any order or in theirs."""
    pairs = [(a.split(), table["caption"][k].split()) for a, k in zip(texts[name], test, strict=True) if number[k] == n]
    sorts = {"kinds": KINDS, "colours": COLOURS, "all words": words}
    shares = [
        np.mean([sorted(x for x in a if x in s) == sorted(x for x in b if x in s) for a, b in pairs])
        for s in sorts.values()
    ]
    objects = {*KINDS, *COLOURS}
    in_order = np.mean([[x for x in a if x in objects] == [x for x in b if x in objects] for a, b in pairs])
    any_order = ", ".join(f"{sort} {share:.2f}" for sort, share in zip(sorts, shares, strict=True))
    print(f"{name}, {n} objects. Right in any order: {any_order}. All objects in order {in_order:.2f}, exact", end=" ")
    print(f"{np.mean([a == b for a, b in pairs]):.2f}")


survives("concat")
survives("concat, longer")

# %% [markdown]
# With two objects the colours mostly survive in the mean; the kinds often do not; and which colour belongs to which kind, in which
# order, survives least. More steps help, with two objects. But of three objects there are so many arrangements that nearly every
# scene is new. Without the picture, not one sentence is right.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: show a scene of three objects for one second, and ask the room to describe it. What is lost first: colours, kinds, places?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Look again for every word
#
# **Show, attend and tell** (Xu and others 2015): after each word the memory $h$ asks every region $p$ how much it matters now, and the weighted
# sum takes the place of the mean. The scores come from *additive* attention (Bahdanau and others 2015), with learned matrices
# $W$, $U$ and a learned vector $v$:
#
# $$a_p = \operatorname{softmax}_p \left( v \cdot \tanh(W h + U r_p) \right), \qquad c = \sum_p a_p \, r_p$$
#
# Everything else stays as in concat.

# %% [markdown]
# ### Exercise 14.3 ●●○ 8 min
# Write `attend(hidden, keys, regions, v)`, one look. Float tensors: `hidden` (B, k), already $W h$; `keys` (B, P, k), already $U r_p$; `regions`
# (B, P, d); `v` (k,). Return two tensors: weights (B, P), each row summing to 1, and picture vectors (B, d). Example: with `keys`
# all zero every weight is 1 / P and the picture vector is the mean region.
# <details><summary>Hint: the idea</summary>Give hidden an axis for the regions, and broadcasting adds it to each key.</details>
# <details><summary>Hint: pseudocode</summary>scores = tanh(hidden with a new axis 1 + keys) times v, summed over k; weights = softmax over axis 1; picture = sum over axis 1 of weights (with a last axis) times regions.</details>


# %% tags=["exercise"]
def attend(hidden, keys, regions, v):
    ### BEGIN SOLUTION
    weights = ((hidden[:, None] + keys).tanh() @ v).softmax(1)
    return weights, (weights[..., None] * regions).sum(1)
    ### END SOLUTION


# %%
check.ex14_3(attend)

# %% [markdown] tags=["predict"]
# **Predict first.** As many steps as concat, the same decoder. For how many objects will the sentences hold now?

# %% [markdown]
# Training takes about 30 s: each word waits for the look before it.

# %%
begin, inputs["attention"] = time.process_time(), features
models["attention"] = learn(fresh("attention"), train, features, STEPS)
seconds["attention"] = time.process_time() - begin
texts["attention"] = say(models["attention"], test, features)
for name, model in models.items():
    print(f"{name:15} {sum(p.numel() for p in model.parameters()):,} parameters, trained for {seconds[name]:.0f} s")

# %% tags=["further"]
# a marker for each model
LOOKS = dict(zip(("attention", "concat", "product", "concat, longer", "language only"), "oDs^x", strict=True))


def by_number(part):
    """Draw exact captions by number of objects, on the seen or unseen test scenes."""
    rows = scenes(part, False)
    figure, axes = plt.subplots(figsize=(8.5, 4.4))
    for k, (name, look) in enumerate(LOOKS.items()):
        said = texts[name] if part == "seen" else say(models[name], rows, inputs[name])
        right, counts = exact(said, rows), np.arange(1, 5)
        bounds = [bootstrap_interval(np.mean, right[number[rows] == n]) for n in counts]
        middle = np.array([b.estimate for b in bounds])
        ends = np.abs([[b.low, b.high] for b in bounds] - middle[:, None]).T
        place = counts + 0.045 * (k - 2)
        axes.errorbar(place, middle, ends, fmt=look + "-", color=plotting.COLORS[k], label=name, capsize=3)
    axes.set(xlabel="objects in the scene", ylabel=f"exact captions, share\n(combinations {part})", ylim=(-0.03, 1.05))
    axes.set_xticks(range(1, 5))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


_ = by_number("seen")

# %% [markdown] tags=["alt"]
# *Figure: share of exact captions against the number of objects, with intervals. All but language only start near the top at one
# object. Attention falls more slowly than the others, which drop at two, concat less when it trains longer; without the picture nothing is exact.*

# %%
right = {name: exact(texts[name], test) for name in models}
many = number[test] >= 2


def gain(rows, rival="concat"):
    """Percentage points that attention is ahead of a model that takes the mean."""
    return bootstrap_interval(lambda a, b: 100 * np.mean(a - b), right["attention"][rows], right[rival][rows])


points = gain(many)
spare = Interval(points.estimate - 20, points.low - 20, points.high - 20)
for rival in ("concat", "concat, longer"):
    gaps = [f"{gain(rows, rival):+}" for rows in (many, number[test] == 2)]
    print(f"attention minus {rival}: {gaps[0]} points with two objects and more, {gaps[1]} with two")
mm.claim("14.1", "attention beats the mean by 20 points, two objects and more", spare, unit="points to spare")
mm.claim("14.2", "with one object they tie", gain(~many), within=5, unit="points")

# %% [markdown]
# Concat had the same layer before the mean, the same LayerNorm after it, the same learning rate and as many steps. But a step of attention takes longer
# to compute, and concat with twice the steps comes nearer. (More: Going further.) The mean must learn each arrangement
# anew; attention reuses one look: it asks *again*, and what it learned of a bell serves wherever bells are.
#
# And green ducks, never met?

# %% tags=["further"]
_ = by_number("unseen")

# %% [markdown] tags=["alt"]
# *Figure: the same for combinations never met. All models are far lower, already at one object. Attention is
# the highest there and with two objects; beyond that hardly any sentence is exact.*

# %% [markdown]
# All fall, already with one object. Are the eyes to blame, or the sentence? The heads that trained the eyes still tell what a region shows:

# %% tags=["further"]
for part in ("seen", "unseen"):
    rows = scenes(part, False)
    rows = rows[number[rows] == 1]
    here = goals[0][rows] > 0
    regions = (features[rows][here][:, :64] * scale).to(device)
    hit = [head(regions)[:, 1:].argmax(1).cpu() + 1 == goal[rows][here] for head, goal in zip(FEW, goals, strict=True)]
    shares = [f"{x.float().mean():.2f}" for x in (*hit, hit[0] & hit[1])]
    print(f"{part:6}, one object: eyes: kind {shares[0]}, colour {shares[1]}, both {shares[2]}", end=";")
    for name in ("attention", "concat"):
        said = say(models[name], rows, features)
        kinds = [
            k in text.split() for text, k in zip(said, (table["objects"][r][0]["kind"] for r in rows), strict=True)
        ]
        print(f" {name}: kind {np.mean(kinds):.2f}, exact {exact(said, rows).mean():.2f}", end=";")
    print()

# %% [markdown]
# Two effects. The eyes met ducks in four colours only, and often do not know a duck in a fifth: attention is exact about as often as the heads
# get both, so it loses hardly anything more. Concat gets far fewer kinds right than the eyes do: it seems to have learned its one
# glance whole, kind and colour together.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Where does it look?

# %% [markdown]
# The weights can be drawn: one picture a word, with a line around where the weight is more than half of its peak. The picture under a
# word shows the look just before the model says it.


# %% tags=["further"]
@torch.no_grad()
def looks(model, rows, seen):
    """Weights as each word of the true captions was told: (N, words, 64)."""
    texts = tokens[rows][:, :-1].to(device)
    return model.attend(seen[rows].to(device), texts)[1].cpu()


def draw_looks(picture, said, weights):
    """A row of pictures, outlined where the model looked as it told the word above."""
    columns = min(len(said), 8)
    lines = -(-len(said) // columns)
    figure, grid = plt.subplots(lines, columns, figsize=(1.25 * columns, 1.55 * lines), squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, word, weight in zip(grid.flat, said, weights, strict=False):
        light = functional.interpolate(weight.view(1, 1, 8, 8), (64, 64), mode="bilinear")[0, 0]
        axes.imshow(picture.permute(1, 2, 0))
        axes.contour(light / light.max(), [0.5], colors="black", linewidths=2)
        axes.set_title(word, fontsize=13, loc="center", pad=3)
    return figure


# %% tags=["further"]
ranked = test[np.argsort(-right["attention"], kind="stable")]  # the rightly described first
k = int(ranked[number[ranked] == 3][1])
_ = draw_looks(store[k], table["caption"][k].split(), looks(models["attention"], [k], features)[0])

# %% [markdown] tags=["alt"]
# *Figure: one scene of three objects, once for each word of its sentence. Black outlines show where the model looked: at colours and kinds
# they lie on the object being named and wander from object to object, at "and" or "of" they are less tidy.*

# %% [markdown]
# A pretty picture is no proof. We know where the objects are: how much of the weight lies on the one being named, when its *kind* is told? To compare: its
# share of the picture (chance), and the weight on the *next* object (after the last: the first). And is it at this word, or one earlier or later?


# %% tags=["further"]
def masks(k):
    """Regions that each object of scene k touches, from left to right: bool (objects, 64)."""
    middle = 4 + 8 * np.arange(8)
    rows = []
    for thing in sorted(table["objects"][k], key=lambda thing: thing["x"]):
        half = {"small": 9, "large": 13}[thing["size"]]
        inside = np.abs(middle[:, None] - thing["y"]) <= half, np.abs(middle - thing["x"]) <= half
        rows.append((inside[0] & inside[1]).ravel())
    return np.array(rows)


# %%
rows = test[many]
looked = looks(models["attention"], rows, features)
on_it, chance, shifted, earlier, later = [], [], [], [], []
for k, weights in zip(rows, looked.numpy(), strict=True):
    told = [place for place, word in enumerate(table["caption"][k].split()) if word in KINDS]
    mass = weights @ masks(k).T  # (words, objects)
    on_it.append(mass[told].diagonal().mean())
    shifted.append(np.roll(mass[told], -1, axis=1).diagonal().mean())
    earlier.append(mass[np.array(told) - 1].diagonal().mean())
    later.append(mass[np.array(told) + 1].diagonal().mean())
    chance.append(masks(k).mean())
WHERE = {"on the object named": on_it, "on the next one": shifted, "a word earlier": earlier, "a word later": later}
for name, values in {**WHERE, "chance": chance}.items():
    print(f"weight {name}: {bootstrap_interval(np.mean, values)}")

# %% [markdown]
# The looks are where they should be and at the right word: a word earlier, at the colour, the weight has mostly arrived; a word later it has
# moved on. Is that *why* the word was said? Test the map: take away (the models accept a mask) the three regions that weighed most as the last kind was told,
# or three others. Concat is the control: a model without a map.


# %%
last = [max(n for n, word in enumerate(table["caption"][k].split()) if word in KINDS) for k in rows]
each = torch.arange(len(rows))


@torch.no_grad()
def told_without(model, away):
    """Probability of the last object's true kind with a few regions of each scene masked, (N,)."""
    kept = torch.ones(len(rows), 64, dtype=torch.bool).scatter_(1, away, False).to(device)
    logits = model(features[rows].to(device), tokens[rows].to(device), kept)[each, last]
    return logits.softmax(1).cpu()[each, tokens[rows, np.array(last) + 1]].numpy()


# %%
torch.manual_seed(0)
chances = torch.rand(len(rows), 64)
objects, named = (torch.tensor(np.array([f(masks(k)) for k in rows])) for f in (lambda m: m.any(0), lambda m: m[-1]))
away = {"top three": looked[each, last].topk(3).indices}
away |= {"three of the same object": (chances * named).topk(3).indices}
away |= {"any three on objects": (chances * objects).topk(3).indices, "nothing": each[:, None][:, :0]}
for name in ("attention", "concat"):
    for what, regions in away.items():
        print(f"{name:9} without {what:24} {bootstrap_interval(np.mean, told_without(models[name], regions))}")

# %% [markdown]
# Without the three regions of most weight the kind is mostly gone; three others of the same object matter less, any three hardly. So the map
# finds the regions on which the word depends. But concat, which has no map, loses its kind there too: these regions are where a kind can be *seen*.
# That the weights are the reason for the word, masking cannot show.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let people guess from the outline alone which word was being told.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 Search: not the best word, the best sentence
#
# Greedy decoding never takes back a word. **Beam search** keeps the $k$ best beginnings, and gives the finished sentence with the best score. Sums of logs
# favour short sentences, so they are divided by the **generated** length to the power $\alpha$:
#
# $$\text{score}(w) = \frac{1}{T^\alpha} \sum_{t=1}^{T} \log p(w_t \mid w_{<t}, x)$$
#
# $T$ counts the words made and the end, not what was given at the start. (Libraries have had the bug of counting that, too.)

# %% [markdown]
# ### Exercise 14.4 ●○○ 4 min
# Write `best_caption(log_probs, alpha)`: `log_probs` is a list of lists of floats, for each finished sentence the log probabilities of its tokens
# (none empty, without the start). `alpha` is a float. Return the place (int) of the sentence with the highest score. Example: `[[-1.0], [-0.6, -0.6]]`
# gives 0 for alpha 0 and 1 for alpha 1.
# <details><summary>Hint: the idea</summary>Logs are negative: dividing by more makes a long sentence better.</details>
# <details><summary>Hint: pseudocode</summary>scores = for each row: its sum divided by len(row) ** alpha; return the place of the largest.</details>


# %% tags=["exercise"]
def best_caption(log_probs, alpha):
    ### BEGIN SOLUTION
    scores = [sum(row) / len(row) ** alpha for row in log_probs]
    return scores.index(max(scores))
    ### END SOLUTION


# %%
check.ex14_4(best_caption)

# %% [markdown]
# Now the **hard** scenes. A copy of the model goes on training on them (about 15 s).

# %%
hard_train, hard_valid, hard_test = scenes("train", True), scenes("valid", True), scenes("seen", True)
hard = fresh("attention")
hard.load_state_dict(models["attention"].state_dict())
hard = learn(hard, hard_train, features, mm.per_profile(smoke=10, quick=200, full=4000), rate=5e-3)

# %% [markdown] tags=["predict"]
# **Predict first.** How many points will a beam of 3 gain over greedy? And 5 over 3?

# %%
WIDTHS, ALPHAS = (1, 2, 3, 5), (0.0, 1.0)
grid = {
    (alpha, beam): 100 * exact(say(hard, hard_valid, features, beam, alpha), hard_valid)
    for alpha in ALPHAS
    for beam in WIDTHS
    if beam > 1 or alpha == 0  # greedy has nothing to weigh
}

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(8, 4))
for k, alpha in enumerate(ALPHAS):
    bounds = [bootstrap_interval(np.mean, grid[alpha, beam] - grid[0.0, 1]) for beam in WIDTHS[1:]]
    middle = np.array([b.estimate for b in bounds])
    ends = np.abs([[b.low, b.high] for b in bounds] - middle[:, None]).T
    look = {"fmt": "oD"[k], "color": plotting.COLORS[k], "label": f"alpha {alpha:.0f}", "capsize": 3}
    axes.errorbar(np.arange(len(bounds)) + 0.08 * (k - 0.5), middle, ends, **look)
axes.axhline(0, color="#555555", ls="--", label="greedy")
axes.set(xlabel="beam", ylabel="exact captions: points gained over\ngreedy, hard validation scenes")
axes.set_xticks(range(len(bounds)), WIDTHS[1:])
_ = figure.legend(loc="outside upper center", ncols=3)

# %% [markdown] tags=["alt"]
# *Figure: points of exact captions gained over greedy on hard validation scenes, for three widths of the beam and two values of alpha, with
# intervals of the paired differences. None gains: the intervals hold zero or lie below. An alpha of 1 does not help.*

# %%
searched = {beam: say(hard, hard_test, features, beam) for beam in (1, 3, 5)}
hits = {beam: 100 * exact(said, hard_test) for beam, said in searched.items()}
for beam, values in hits.items():
    print(f"beam {beam}: exact {bootstrap_interval(np.mean, values)} %, hard test scenes")
for few, more in ((1, 3), (3, 5)):
    print(f"beam {more} minus {few}: {bootstrap_interval(np.mean, hits[more] - hits[few]):+} points")

# %%
beam3, beam5 = (bootstrap_interval(np.mean, hits[more] - hits[few]) for few, more in ((1, 3), (3, 5)))
mm.claim("14.3", "on hard scenes a beam of 3 is within about 5 points of greedy", beam3, within=5, unit="points")
mm.claim("14.4", "beams of 3 and 5 tie", beam5, within=2, unit="points")

# %% [markdown]
# On the validation scenes a beam gained nothing, on the test scenes a few points; 5 and 3 tie. A small gain at best. Search finds
# sentences that the model itself prefers; where it saw a thing wrongly, that does not help.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: play a beam of 2: one group may keep only the best beginning of a sentence, the other two. Who has to take back a word?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 Scores
#
# "Exact" is too strict for photographs. **BLEU** (Papineni and others 2002) asks which $n$-grams ($n$ words in a row) of a sentence
# stand in one of several references. Each counts at most as often as one reference has it (*clipped*). The shares for $n$ = 1 to 4 are
# multiplied and the fourth root is taken, over the whole test set; short texts pay a penalty.

# %% [markdown]
# ### Exercise 14.5 ●●○ 8 min
# Write `clipped_precision(words, references, n)`: `words` is a list of str, `references` a list of lists of str, `n` an int. Return a float: the share
# of the n-grams of `words` found in the references. Each gram counts as often as it is said, but at most as often as in the reference that has it
# most. 0.0 if there is no n-gram. Example: `"a cat a cat"` split, against `"a cat"` and `"a dog and a cat"`, n = 1: a counts twice, cat once: 0.75.
# <details><summary>Hint: the idea</summary>collections.Counter: | takes the larger count of each gram, & the smaller.</details>
# <details><summary>Hint: pseudocode</summary>said = Counter of n-grams of words (tuples); most = union (|) of the Counters of all references; total of (said & most) / total of said.</details>


# %% tags=["exercise"]
def clipped_precision(words, references, n):
    ### BEGIN SOLUTION
    from collections import Counter

    def grams(text):
        return Counter(tuple(text[k : k + n]) for k in range(len(text) - n + 1))

    most = Counter()
    for reference in references:
        most |= grams(reference)
    said = grams(words)
    return (said & most).total() / said.total() if said else 0.0
    ### END SOLUTION


# %%
check.ex14_5(clipped_precision)

# %% [markdown]
# **CIDEr** (Vedantam and others 2015) compares vectors of n-gram counts by their cosine; n-grams that are rare among all pictures weigh more, so "pineapple" matters
# and "a" does not. It reaches from 0 to 10. Which grams are rare must be counted somewhere. Left alone, the library counts in the references being
# judged:

# %%
one = table["caption"][test[0]]
rare = document_frequencies(table["references"][train])
same = [one] * 10, [[one]] * 10  # ten pictures with one and the same perfect caption
print(f"CIDEr {cider(*same):.1f}; with a table of the training captions {cider(*same, rare):.1f}")

# %% [markdown]
# The same perfect sentences, 0 or the top: every gram is in all pictures, so none is rare. The same happens with a single picture. Pass a table.
#
# Training logs show another number: accuracy, or BLEU, of the next word **given the true words so far**. A sentence of $T$ words is exact only if all are right; if each were right with
# probability $p$, whatever the others are, that would be $p^T$.

# %% [markdown] tags=["predict"]
# **Predict first.** What share of the next words does the model without pictures guess, given the true words before? And how far are
# concat and attention apart, beside how far they are apart in exact captions?


# %%
@torch.no_grad()
def forced(model, rows, seen):
    """The most probable next words given the true ones so far: sentences, and how many are right and wanted in each."""
    best = [model(seen[some].to(device), tokens[some].to(device)).argmax(2).cpu() for some in np.array_split(rows, 4)]
    best, true = torch.cat(best)[:, :-1], tokens[rows][:, 1:]
    pairs = zip(best.tolist(), true.tolist(), strict=True)
    said = [" ".join(words[k] for k, t in zip(*pair, strict=True) if t > 2 < k) for pair in pairs]
    return said, ((best == true) & (true > 0)).sum(1).numpy(), (true > 0).sum(1).numpy()


# %% tags=["further"]
references = list(table["references"][test])
print(f"{'':15} {'given the true words':>28} {'free decoding':>32}")
print(f"{'':15} {'words right %':>15} {'BLEU':>12} {'p^T %':>9} {'exact %':>8} {'BLEU':>6} {'CIDEr':>6}")
counts = {}
for name, model in models.items():
    given, counts[name], wanted = forced(model, test, inputs[name])
    p = counts[name].sum() / wanted.sum()
    values = [100 * p, bleu(given, references), 100 * np.mean(p**wanted), 100 * exact(texts[name], test).mean()]
    values += [bleu(texts[name], references), cider(texts[name], references, rare)]
    print("{:15} {:15.1f} {:12.1f} {:9.1f} {:8.1f} {:6.1f} {:6.2f}".format(name, *values))
apart = bootstrap_interval(
    lambda a, b, n: 100 * (a - b).sum(-1) / n.sum(-1), counts["attention"], counts["concat"], wanted
)
print(f"attention minus concat: {apart:+} points of words right, {gain(test >= 0):+} points of exact sentences")

# %% [markdown]
# Words right rank the five as exact sentences do. It is the scale that misleads. Without eyes, half of the words are right (articles, "and", some
# relations) and not one sentence. And a few points of words are many points of sentences, because a sentence needs every word: compare
# exact with $p^T$. (Mostly it is higher: mistakes come together.) The log can say which model is better, not how good its sentences are.

# %% [markdown]
# The model that looks:

# %% tags=["further"]
wrong = test[(right["attention"] == 0) & (number[test] <= 3)][:4]
good = test[(right["attention"] == 1) & (number[test] >= 2)][:4]
said = dict(zip(test, texts["attention"], strict=True))
titles = [f"right: {said[k]}" for k in good] + [f"said: {said[k]} / true: {table['caption'][k]}" for k in wrong]
figure, grid = plt.subplots(2, 4, figsize=(11, 7.4))
for axes in grid.flat:
    axes.axis("off")
for axes, k, title in zip([*grid[0, : len(good)], *grid[1]], [*good, *wrong], titles, strict=False):
    axes.imshow(store[k].permute(1, 2, 0), interpolation="nearest")
    axes.set_title("\n".join(textwrap.wrap(title, 25)), fontsize=11, loc="left")

# %% [markdown] tags=["alt"]
# *Figure: above, four scenes that were described rightly; below, four that were not, with what was said and what is true.*

# %% tags=["further"]
few = test[(right["attention"] == 0) & (number[test] <= 3)]
pairs = [(said[k].split(), table["caption"][k].split()) for k in few]
slips = [[(a, b) for a, b in zip(*pair, strict=True) if a != b] for pair in pairs if len(pair[0]) == len(pair[1])]
single = [slip[0] for slip in slips if len(slip) == 1]
swaps = [sum(slip == pair for slip in single) for pair in (("below", "above"), ("above", "below"))]
print(
    f"{len(few)} wrong sentences about up to three objects; {len(single)} with one wrong word, of which {swaps[0]} say",
    end=" ",
)
print(f"'below' for 'above' and {swaps[1]} the other way")
survives("attention")

# %% [markdown]
# With two objects the model that looks names all in order more often than it is exact. What fails then is the *relation*, mostly above against
# below. A likely reason: a relation depends on two places at once, and each word gets only one look.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: which of the wrong ones would a person accept?

# %% [markdown]
# Try it: another scene, a wider beam, and a grey square over a part of the picture. Does it say that it cannot see?

# %% tags=["further"]
GALLERY = [int(k) for n in (2, 3, 4) for k in test[number[test] == n][8:12]]


def describe(scene, beam, alpha, cover):
    """Say a sentence about a scene with a part covered, and draw the looks."""
    picture = store[GALLERY[scene]].clone()
    if cover != "nothing":
        top, left = 32 * ("bottom" in cover), 32 * ("right" in cover)
        picture[:, top : top + 32, left : left + 32] = 190
    seen = torch.cat([see(picture[None].float() / 255) / scale, places[None]], 2).to(device)
    model, ends = models["attention"], {"bos": 1, "eos": 2, "max_len": longest}
    best, _ = beam_search(model.step, model.start(seen), beam=beam, alpha=alpha, **ends)
    row = functional.pad(best, (1, 0), value=1)  # begin with the start
    with torch.no_grad():
        weights = model.attend(seen, row)[1][0].cpu()
    return draw_looks(picture, [words[k] for k in best[0].tolist() if k != 2], weights)


quarters = ["nothing", "top left", "top right", "bottom left", "bottom right"]
_ = widgets.explore(describe, scene=(0, len(GALLERY) - 1, 1), beam=(1, 5, 1), alpha=(0.0, 1.0, 0.5), cover=quarters)

# %% [markdown] tags=["alt"]
# *Figure: the words of one sentence, each above the scene with the place that the model looked at; controls for scene, beam, alpha and
# a covered quarter.*

# %% [markdown]
# It never says "I cannot see": it was shown no such sentence.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# How does a picture become a sentence? A CNN turns it into regions; a decoder says one word after another, each from the words so far and from
# a **new look** at the regions. After a single glance each arrangement has to be learned anew; a look a word is reused for every object. What
# still fails with two objects is mostly the relation between them. How good the sentences are shows when the model has to live with its own words.

# %% [markdown]
# ## What can go wrong
#
# - **No shift**: scores at place t compared with token t. The loss falls to nothing, and the model has learned to copy.
# - **Padding in the loss or in the attention.** Mask both. A fully masked row must give zeros, not NaN.
# - **The length counts the prompt**, or there is no length in the score at all: sentences get too short.
# - **Test captions in the vocabulary.** Take the words from the training captions.

# %% [markdown]
# ## What articles say, what is true
#
# - *"The model explains itself: see where it looks."* Weights say what was read, not how it was used. Taking away what weighed most
#   took our word away, but also that of a model without a map. In other networks maps were changed a lot while the answer stayed
#   (Jain and Wallace 2019).
# - *"CIDEr 1.2"* says little unless you know the scale (some tools give ten times the other's) and where rare words were counted.
# - *"Validation BLEU"* in a training log is often that of next words given true ones. Ask which.
# - *"A beam of 5 is better."* Here it tied with 3; in translation, wide beams made sentences worse (Koehn and Knowles 2017).

# %% [markdown]
# ## Three key points
#
# 1. A caption is told word by word; whether the model may look again mattered more than concatenation or product.
# 2. Weights over regions can be checked against true places, and by taking regions away, beside a model without a map. Do so before you believe one.
# 3. Judge free decoding. Words right given the true ones may rank models rightly, but a sentence needs every word: half of them can mean none.

# %% [markdown]
# ## Quiz
#
# **1.** Teacher-forced accuracy rises from 90 to 92 %. Are the sentences better?
# <details><summary>A: yes, each word is a little more often right</summary>Given true words before it. One early mistake can still spoil every sentence.</details>
# <details><summary>B: unknown until it decodes freely</summary>Right. Then it reads its own words, mistakes included.</details>
# <details><summary>C: no, accuracy and sentences are unrelated</summary>They are related, but loosely.</details>
#
# **2.** Why does the mean of the regions mostly fail at two objects?
# <details><summary>A: it has fewer parameters than attention</summary>Hardly fewer: the counts stand in section 4.</details>
# <details><summary>B: it does not know the colours and kinds</summary>With one object it names both nearly always.</details>
# <details><summary>C: each arrangement must be learned anew</summary>Right. With more steps it learns more of them; a look at one object at a time is reused.</details>
#
# **3.** CIDEr of one perfect caption for one picture is 0. Why?
# <details><summary>A: each n-gram is in all pictures, so none counts</summary>Right. Count the rare ones in training captions.</details>
# <details><summary>B: CIDEr needs five references for each picture</summary>One is enough for a score above 0, if others are judged too.</details>
# <details><summary>C: the sentence is too short for four-word grams</summary>Then it would lose a quarter at most, not all.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# **A transformer** (Vaswani and others 2017) has no memory to carry along: each layer attends to all words so far, then to all regions.
# In training all words are computed at once. When decoding, keys and values of the words before are kept, or each word would repeat all work. Our
# `CaptionModel` does so; with its cache it gives what it gives all at once:

# %% tags=["further"]
small = fresh("transformer").eval()
state, steps = small.start(features[test[:2]]), []
for column in tokens[test[:2], :6].T:
    log_probs, state = small.step(column, state)
    steps.append(log_probs)
whole = small(features[test[:2]], tokens[test[:2], :6]).log_softmax(-1)
assert torch.allclose(torch.stack(steps, 1), whole, atol=1e-4)

# %% [markdown]
# The `full` profile trains it for as many steps as the others; and concat for four and eight times as many, to give it as long
# by the clock as attention, and longer. Does it learn, or memorise? The training scenes tell.

# %% tags=["further"]
if mm.per_profile(smoke=False, quick=False, full=True):
    for join, times, rate in (("transformer", 1, 3e-3), ("concat", 4, 1e-2), ("concat", 8, 1e-2)):
        begin = time.process_time()
        model = learn(fresh(join), train, features, times * STEPS, rate=rate)
        print(f"{join}, steps x {times}: trained for {time.process_time() - begin:.0f} s")
        for place, rows in (("test", test), ("training", train[:400])):
            said = exact(say(model, rows, features), rows)
            shares = ", ".join(f"{n}: {said[number[rows] == n].mean():.2f}" for n in (1, 2, 3, 4))
            print(f"{join}, steps x {times}, exact on {place} scenes: {shares}")

# %% [markdown]
# **A caption from picture and sound.** In scenes of two objects a plain box of its colour hides one of them, and a voice says its
# name in noise as loud as the voice, nothing else. The picture alone cannot name it, the sound alone cannot place it. The sound, 208 numbers from
# its MFCCs (lesson 4), stands beside the numbers of every region, in columns of its own. Tested with a voice that was not trained on.

# %% tags=["further"]
from mmcourse import representation
from mmcourse.data import speak


def boxed(k, rng):
    """Scene k with a box of its own mean colour over one object; the place of that object in the sentence, and its kind."""
    picture, things = store[k].clone(), sorted(table["objects"][k], key=lambda thing: thing["x"])
    place = rng.integers(len(things))
    thing = things[place]
    half, y, x = {"small": 9, "large": 13}[thing["size"]], thing["y"], thing["x"]
    box = picture[:, max(y - half, 0) : y + half, max(x - half, 0) : x + half]
    box[:] = box[:, (box < 250).any(0)].float().mean(1).to(torch.uint8)[:, None, None]
    return picture, (place, thing["kind"])


say_once = functools.cache(speak)


# %% tags=["further"]
def hear(kind, voice):
    """MFCCs of a spoken name in noise, stretched to 16 frames: (208,)."""
    samples, rate = say_once(kind, voice)
    samples = torch.tensor(samples[::2])
    samples = samples + samples.std() * torch.randn(len(samples))
    sound = representation.mfcc(samples, rate / 2, n_fft=512, hop_length=256, n_mels=32, n_mfcc=13)
    return functional.interpolate(sound[None], 16, mode="linear")[0].flatten()


def both_senses(rows, voices):
    """Scenes (N, 64, 288): regions in the first 80 columns, the sound in the rest; what is hidden: (place, kind)."""
    rng = np.random.default_rng(0)
    seen, hidden = zip(*(boxed(k, rng) for k in rows), strict=True)
    sounds = torch.stack([hear(kind, voices[n % len(voices)]) for n, (_, kind) in enumerate(hidden)])
    all_of_it = torch.zeros(len(rows), 64, 288)
    all_of_it[..., :64] = see(torch.stack(seen).float() / 255) / scale
    all_of_it[..., 64:80], all_of_it[..., 80:] = places, sounds[:, None]
    return all_of_it, hidden


# %% [markdown]
# Three models start from the one that looks and train equally long: with both, without sound, without picture (about 20 s).

# %% tags=["further"]
two = [scenes(part, False)[number[scenes(part, False)] == 2] for part in ("train", "seen")]
torch.manual_seed(0)
(heard, _), (heard_test, hidden) = both_senses(two[0], ["en", "en+f2", "en+m3"]), both_senses(two[1], ["en+f4"])
where = torch.zeros(len(table), dtype=torch.long)
where[np.concatenate(two)] = torch.arange(len(heard) + len(heard_test))
senses = torch.cat([heard, heard_test])
senses[..., 80:] = (senses[..., 80:] - heard[:, 0, 80:].mean(0)) / heard[:, 0, 80:].std(0)
for name, kept in (("both", (1, 1)), ("picture only", (1, 0)), ("sound only", (0, 1))):
    part = ByScene(senses * torch.tensor(kept).repeat_interleave(torch.tensor([80, 208])), where)
    model, old = fresh("attention", 288), dict(models["attention"].cpu().state_dict())
    old["regions.0.weight"] = torch.cat([old["regions.0.weight"], model.regions[0].weight.detach()[:, 80:]], 1)
    model.load_state_dict(old)
    model = learn(model, two[0], part, mm.per_profile(smoke=5, quick=150, full=2000), rate=5e-3)
    said = say(model, two[1], part)
    kinds = [[word for word in text.split() if word in KINDS] for text in said]
    named = np.array(
        [row[place : place + 1] == [kind] for (place, kind), row in zip(hidden, kinds, strict=True)], float
    )
    ends = bootstrap_interval(np.mean, named), bootstrap_interval(np.mean, exact(said, two[1]))
    print(f"{name:12} hidden kind at its place {ends[0]}; exact {ends[1]}")

# %% [markdown]
# Exact sentences need both: the sound alone has the name and never the place, the picture alone has the place and
# seldom the name. With both, the hidden kind is named about as often as by sound alone: in a new voice and in noise, hearing is what limits it.

#
# With Flickr8k, Flickr30k or MS COCO in your own folder, the `full` profile describes photographs, from one vector of a network trained
# on ImageNet:

# %% tags=["further"]
CANONICAL = ("flickr8k", "flickr30k", "coco_captions")
PHOTOS = [name for name in CANONICAL if name in mm.data.REGISTRY and mm.data.ready(name)]
if PHOTOS and mm.per_profile(smoke=False, quick=False, full=True):
    photos = mm.load(PHOTOS[0], limit=4000)
    sides = [split.arrays()[0] for split in (photos.train, photos.test)]
    eyes_of = [representation.cnn_features(torch.as_tensor(side["image"]), size=96) for side in sides]
    lines = [[" ".join(representation.tokenise(text)) for text in side["text"]] for side in sides]
    listed = ["<pad>", "<start>", "<end>", *representation.vocabulary(lines[0])]
    place = {word: k for k, word in enumerate(listed)}
    rows = [torch.tensor([1, *(place[word] for word in line.split()[:28]), 2]) for line in lines[0]]
    tokens = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    model = CaptionModel(len(listed), 1280, 256, join="concat")
    learn(model, np.arange(len(rows)), eyes_of[0] / eyes_of[0].std(), 3000, rate=2e-3)
    words, longest = listed, 30
    said = say(model, np.arange(len(lines[1])), eyes_of[1] / eyes_of[0].std(), beam=3, alpha=0.7)
    scores = [score(said, [[line] for line in lines[1]]) for score in (bleu, cider)]
    print(f"{PHOTOS[0]}: BLEU {scores[0]:.1f}, CIDEr {scores[1]:.2f}; {said[0]!r}")
else:
    print("no photographs in this profile")

# %% [markdown]
# ## References
#
# - Bahdanau, D., Cho, K., Bengio, Y. (2015). Neural machine translation by jointly learning to align and translate. ICLR.
# - Jain, S., Wallace, B. C. (2019). Attention is not explanation. NAACL.
# - Koehn, P., Knowles, R. (2017). Six challenges for neural machine translation. Workshop on Neural Machine Translation.
# - Papineni, K. and others (2002). BLEU: a method for automatic evaluation of machine translation. ACL.
# - Vaswani, A. and others (2017). Attention is all you need. NeurIPS.
# - Vedantam, R., Zitnick, C. L., Parikh, D. (2015). CIDEr: consensus-based image description evaluation. CVPR.
# - Vinyals, O. and others (2015). Show and tell: a neural image caption generator. CVPR.
# - Xu, K. and others (2015). Show, attend and tell: neural image caption generation with visual attention. ICML.
