# %% [markdown]
# # 13 Contrastive alignment and search across media
#
# **How can a picture be found by words that never labelled it?** · 90 minutes · needs lessons 4, 5 and 6
#
# ![A picture tower and a text tower map into one space, where each picture must find its own text among all others; later a sound tower joins them](flow: picture -> picture tower -> one space; words -> text tower -> one space; spoken words -> sound tower -> one space; one space -> search; one space -> classify)
#
# A classifier knows the labels it was given. Here you build **CLIP** instead: two networks that put pictures and texts into
# one space, so that any words can look for any picture, and later a third for spoken words. Then you find out how far this reaches.
# (The next cell takes about 5 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import alignment, check, representation, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Three tests, not one
#
# The data are emoji: a picture, a name, some keywords. Many are *variants*: one scientist comes in three genders and six
# skin tones. Mix them at random into training and test, and nearly every test picture has a twin in training. So there are
# three tests, each one step further away:
#
# - **variants**: another tone or gender of a known emoji;
# - **combinations**: of each known emoji one tone is held out in *all* genders: tone and emoji are known, together never;
# - **concepts**: nothing of the emoji's family was ever seen.

# %% tags=["further"]
import functools
import math
import re

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.stats import skew
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score
from torch import nn
from torch.nn import functional

from mmcourse import plotting
from mmcourse.data import speak
from mmcourse.metrics import bootstrap_interval, interval, recall_at_k

device = mm.device()

# %% [markdown]
# (Code that only loads, draws or keeps score is folded in this lesson; you need not read it. This takes about 6 s.)

# %% tags=["further"]
TESTS = ("variants", "combinations", "concepts")
SPLITS = mm.per_profile(smoke=(0,) * 5, quick=range(5), full=range(10))
store = torch.full((4000, 3, 48, 48), 255, dtype=torch.uint8)  # by the number of the picture


@functools.cache
def read(seed):
    """Part -> dict of text, keywords and number (of the picture) for one way to hold things out."""
    parts = {}
    for test in TESTS:
        splits = mm.load("emoji_retrieval", test=test, seed=seed)
        for name, part in (("train", splits.train), ("valid", splits.valid), (test, splits.test)):
            if name not in parts:
                inputs, number = part.arrays()
                store[number] = torch.as_tensor(inputs.pop("image")).mul_(255).round_().to(torch.uint8)
                parts[name] = inputs | {"number": number}
    return parts


def pictures(number):
    """(N, 3, 48, 48) floats in [0, 1]."""
    return store[number].float() / 255


# %% tags=["further"]
everything = [read(seed) for seed in SPLITS]
parts = everything[0]
print({name: len(part["number"]) for name, part in parts.items()})

# %% [markdown]
# Two of each test:

# %% tags=["further"]
shown = [(name, row) for name in TESTS for row in (40, 150)]
plotting.images(
    [pictures(parts[name]["number"][row]) for name, row in shown],
    [f"{name}: {parts[name]['text'][row]}" for name, row in shown],
)

# %% [markdown] tags=["alt"]
# *Figure: two emoji of each test with their names. Variants and combinations are people and hands with a tone and often a
# gender; the new concepts are things, animals, flags, signs.*

# %% [markdown]
# Emoji artwork by [OpenMoji](https://openmoji.org), licence CC BY-SA 4.0. We repeat the whole lesson's main experiment on five such splits.
#
# Some emoji share *exactly* the same picture, so a picture may have several right names. Search is always among
# *different* pictures, and every name of a picture is a right answer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 Two towers, one matrix
#
# A picture tower $f$ and a text tower $g$ end in vectors of the same width, scaled to length 1. For a batch of $B$ pairs, all
# pictures meet all texts in one matrix of cosines:
#
# $$S_{ij} = \frac{f(x_i) \cdot g(t_j)}{\lVert f(x_i) \rVert \, \lVert g(t_j) \rVert}$$
#
# The pairs stand on the diagonal. Everything else in the batch serves as a wrong answer: nobody had to label it.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: draw a 4 x 4 matrix of pictures and names on the board and let people say which cells are right, which
# are wrong, and which would be unfair to call wrong.

# %% [markdown]
# ### Exercise 13.1 ●○○ 5 min
# Write `similarities(a, b)`: `a` float tensor (N, d), `b` float tensor (M, d), no row of zeros. Return the (N, M) tensor of
# cosines. Example: `a = [[3, 0]]`, `b = [[0, 2], [5, 5]]` gives `[[0.0, 0.7071]]`.
# <details><summary>Hint: the idea</summary>Divide each row by its own length. Then a cosine is a dot product, and all of them are one matrix product.</details>
# <details><summary>Hint: pseudocode</summary>a = a / length of each row of a, kept as a column; the same for b; return a times b turned.</details>


# %% tags=["exercise"]
def similarities(a, b):
    ### BEGIN SOLUTION
    return functional.normalize(a, dim=1) @ functional.normalize(b, dim=1).T
    ### END SOLUTION


# %%
check.ex13_1(similarities)

# %% [markdown]
# **InfoNCE** (van den Oord and others 2018), the loss of CLIP (Radford and others 2021), reads the matrix as a quiz with $B$
# answers, asked twice: which text belongs to picture $i$ (a softmax along row $i$), and which picture to text $j$ (down
# column $j$)? With a scale $s > 0$:
#
# $$L = \frac{1}{2B} \sum_i \left( -\log \frac{e^{s S_{ii}}}{\sum_j e^{s S_{ij}}} - \log \frac{e^{s S_{ii}}}{\sum_j e^{s S_{ji}}} \right)$$

# %% [markdown]
# ### Exercise 13.2 ●●○ 10 min
# Write `info_nce(a, b, logit_scale)`: `a` and `b` float tensors (B, d), row i of `a` belongs to row i of `b`; they are *not* of
# length 1 yet. `logit_scale` is a scalar tensor, the **logarithm** of $s$. Return $L$, a scalar tensor that gradients flow
# through. Example: `a = b = [[1, 0], [0, 1]]` and `logit_scale` 0 give log(1 + 1/e) = 0.3133; with `b` upside down, 1.3133.
# <details><summary>Hint: the idea</summary>Scale the cosines. The right answer of row i is column i, so this is a cross-entropy with the targets 0, 1, ..., B-1, once for the matrix and once for the matrix turned.</details>
# <details><summary>Hint: pseudocode</summary>logits = exp(logit_scale) times cosines; right = arange(B); mean of cross_entropy(logits, right) and cross_entropy(logits turned, right).</details>


# %% tags=["exercise"]
def info_nce(a, b, logit_scale):
    ### BEGIN SOLUTION
    logits = logit_scale.exp() * functional.normalize(a, dim=1) @ functional.normalize(b, dim=1).T
    right = torch.arange(len(a), device=a.device)
    return (functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)) / 2
    ### END SOLUTION


# %%
check.ex13_2(info_nce)

# %% [markdown]
# The package's version, `alignment.info_nce`, against the formula read aloud, number by number:

# %%
a, b, s = torch.randn(5, 8), torch.randn(5, 8), 1 / 0.07
total = 0.0
for i in range(5):
    row = [s * functional.cosine_similarity(a[i], b[j], dim=0) for j in range(5)]
    column = [s * functional.cosine_similarity(a[j], b[i], dim=0) for j in range(5)]
    total += -2 * row[i] + torch.stack(row).exp().sum().log() + torch.stack(column).exp().sum().log()
assert torch.isclose(total / 10, alignment.info_nce(a, b, math.log(s)), atol=1e-4)

# %% [markdown]
# Why a scale? Cosines lie in [-1, 1]. Suppose the towers were as good as they can be: 1 on the diagonal, 0 elsewhere. What
# would the loss of a batch of 256 be, and its gradient?

# %%
best = torch.eye(256)
for s in (1, 1 / 0.07, 100):
    print(f"scale {s:5.1f}: loss of perfect vectors {alignment.info_nce(best, best, math.log(s)):.4f}")
print(f"guessing: {math.log(256):.2f}")

# %% [markdown]
# At scale 1 perfect vectors look nearly like guessing: the softmax cannot become sure. So CLIP *learns* $s$. It stores
# $\log s$ (then $s$ stays positive, and steps are relative), starts it at $\log(1/0.07)$, and clamps it to at most $\log 100$
# after each step, or it would run away as soon as the training pairs are told apart. $1/s$ is called the **temperature**.

# %% [markdown]
# ### Exercise 13.3 ●○○ 5 min
# Write `training_step(loss, optimizer, logit_scale)`: one step of `optimizer` (a torch optimizer) on `loss` (a scalar
# tensor), with fresh gradients; then clamp the parameter `logit_scale` (holding $\log s$) in place so that $s \le 100$.
# Return nothing. `logit_scale` must stay the *same* parameter, or the optimizer loses it. Example: if the step takes it to 5.0, it
# ends at 4.6052; at 2.0 it stays.
# <details><summary>Hint: the idea</summary>Four calls and a clamp. Gradients pile up unless you clear them, and a clamp must not be recorded for the backward pass.</details>
# <details><summary>Hint: pseudocode</summary>clear gradients; loss backward; optimizer step; without gradients: clamp logit_scale in place to a maximum of log 100.</details>


# %% tags=["exercise"]
def training_step(loss, optimizer, logit_scale):
    ### BEGIN SOLUTION
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        logit_scale.clamp_(max=math.log(100))
    ### END SOLUTION


# %%
check.ex13_3(training_step)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 CLIP from nothing
#
# The text tower takes the mean of its words' vectors: a **bag of words**. The picture tower is a small CNN on 32 pixels. Both
# start at random.


# %%
class TextTower(nn.Module):
    def __init__(self, table):  # (words, 256): the vectors it starts from
        super().__init__()
        self.words = nn.EmbeddingBag.from_pretrained(table.clone(), freeze=False, mode="mean", padding_idx=0)
        self.deep = nn.Sequential(nn.Linear(256, 256), nn.GELU(), nn.Dropout(0.2), nn.Linear(256, 128))
        self.short = nn.Linear(256, 128)

    def forward(self, ids):  # (B, words of a text) -> (B, 128)
        mean = self.words(ids)
        return self.deep(mean) + self.short(mean)


class PictureTower(nn.Sequential):
    def __init__(self, channels=(16, 32, 64)):
        layers = []
        for inputs, outputs in zip((3, *channels), channels, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
        super().__init__(*layers, nn.Flatten(), nn.Linear(16 * channels[-1], 128))


# %% [markdown]
# (Words become numbers: a table of all words, and for each picture eight texts to draw from: four times its name, and names
# and keywords mixed.)

# %% tags=["further"]
texts = {text for each in everything for part in each.values() for key in ("text", "keywords") for text in part[key]}
words = sorted({word for text in texts for word in re.findall("[a-z0-9]+", text.lower())})
row_of = {word: row for row, word in enumerate(words, 1)}  # row 0: no word


def look_up(texts, longest=24):
    """Texts -> (len(texts), 24) rows of the table; words it does not know are left out."""
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    for k, text in enumerate(texts):
        known = [row_of[word] for word in re.findall("[a-z0-9]+", text.lower()) if word in row_of][:longest]
        ids[k, : len(known)] = torch.tensor(known, dtype=torch.long)
    return ids


# %% tags=["further"]
@functools.cache
def captions(seed):
    """Eight texts for each training picture of a split: (N, 8, 24)."""
    part, rng, chosen = everything[seed]["train"], np.random.default_rng(seed), []
    for name, keywords in zip(part["text"], part["keywords"], strict=True):
        every = [word for word in keywords.split(", ") if word]
        some = [" ".join(rng.permutation(every)[: rng.integers(1, 5)]) if every else name for _ in range(4)]
        chosen += [name] * 4 + [f"{name} {some[0]}", f"{name} {some[1]}", some[2], some[3]]
    return look_up(chosen).view(len(part["text"]), 8, -1)


torch.manual_seed(0)
chance_table = 4 * functional.normalize(torch.randn(len(words) + 1, 256), dim=1)
chance_table[0] = 0
print(f"{len(words)} different words")

# %% [markdown]
# One training loop serves the whole lesson. Two details matter: a batch holds no picture twice, else a right answer would be
# punished as wrong; and `alignment.clamp_logit_scale` is your 13.3.


# %%
def train(picture, text, x, ids, number, *, steps, batch=256, rate=8e-3, siglip=False, seed=0):
    """Train both towers in place: x (N, ...) pictures, ids (N, K, ...) K texts of each, number (N,)."""
    rng, order = np.random.default_rng(seed), np.zeros(0, int)
    scale, bias = (nn.Parameter(torch.tensor(start, device=device)) for start in (math.log(1 / 0.07), -10.0))
    weights = [*picture.to(device).parameters(), *text.to(device).parameters(), scale, bias]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.1, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        order = order if len(order) >= batch else rng.permutation(len(x))
        rows, order = order[:batch], order[batch:]
        rows = rows[np.unique(number[rows], return_index=True)[1]]  # no picture twice
        a, b = picture(x[rows].to(device)), text(ids[rows, rng.integers(ids.shape[1], size=len(rows))].to(device))
        loss = alignment.siglip_loss(a, b, scale, bias) if siglip else alignment.info_nce(a, b, scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        alignment.clamp_logit_scale(scale)
    return loss.item(), scale.exp().item()


# %% [markdown]
# `Moved` (folded) is the CNN that sees each training picture shifted by up to two pixels. Training takes about 15 s.


# %% tags=["further"]
def small(x):
    return functional.interpolate(x, (32, 32), mode="bilinear", antialias=True)


tiny = torch.cat([small(pictures(some)) for some in torch.arange(len(store)).split(500)])


class Moved(PictureTower):
    def forward(self, x):
        if self.training:
            down, right = torch.randint(5, (2,)).tolist()
            x = functional.pad(x, (2, 2, 2, 2), value=1.0)[:, :, down : down + 32, right : right + 32]
        return super().forward(x.contiguous(memory_format=torch.channels_last))


@torch.no_grad()
def embed(tower, x):
    """Vectors of length 1, on the CPU."""
    return functional.normalize(tower.eval()(x.to(device)), dim=1).cpu()


torch.manual_seed(0)
number = parts["train"]["number"]
cnn, reader = Moved().to(memory_format=torch.channels_last), TextTower(chance_table)
LONG = mm.per_profile(smoke=2, quick=140, full=2000)
loss, scale = train(cnn, reader, tiny[number], captions(0), number, steps=LONG, rate=6e-3)
print(f"loss {loss:.2f} (guessing {math.log(256):.2f}), scale {scale:.1f}")

# %% [markdown]
# How good is it? **Recall@k** is the share of queries with a right answer among the first k. With several right answers one must
# say what counts. Here: at least one of them.

# %% [markdown]
# ### Exercise 13.4 ●●○ 8 min
# Write `recall(similarity, k, right)`: `similarity` float tensor (N queries, M items) without ties, `right` bool tensor (N, M), True for
# every right answer of a query, at least one in each row. Return the share (a float) of queries with *at least one* right answer among
# their k most similar items. Example: similarity `[[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]]`, right `[[F, T, T], [F, F, T]]`: k = 1 gives
# 0.0, k = 2 gives 0.5, k = 3 gives 1.0.
# <details><summary>Hint: the idea</summary>Find the columns of the k largest values of each row. Look up whether they are right. One is enough.</details>
# <details><summary>Hint: pseudocode</summary>columns = indices of topk(k) along axis 1; found = gather of right at these columns; any along axis 1; mean.</details>


# %% tags=["exercise"]
def recall(similarity, k, right):
    ### BEGIN SOLUTION
    columns = similarity.topk(k, dim=1).indices
    return right.gather(1, columns).any(1).float().mean().item()
    ### END SOLUTION


# %%
check.ex13_4(recall)

# %% [markdown] tags=["predict"]
# **Predict first.** Each gallery holds 220 to 335 pictures. In how many of 100 cases will the name of a held-out *variant* put
# its picture first? A *combination*? A new *concept*? Guessing finds less than one in 200.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: collect three numbers from everybody. Ask those who say zero for new concepts which words of "high-speed
# train" the text tower has met.


# %% tags=["further"]
def found(pictures_, texts_, part, k=1):
    """Whether each text's picture is among the first k of all different pictures: (N,) bool."""
    _, first, right = np.unique(part["number"], return_index=True, return_inverse=True)
    similarity = texts_ @ pictures_[first].T
    match = similarity[torch.arange(len(right)), torch.as_tensor(right)]
    return ((similarity >= match[:, None]).sum(1) <= k).numpy()


def chance(part, k=1):
    return k / len(np.unique(part["number"]))


hits = {}
for name in TESTS:
    part = parts[name]
    vectors = embed(cnn, tiny[part["number"]]), embed(reader, look_up(part["text"]))
    hits[name] = found(*vectors, part)
    bound, ten = bootstrap_interval(np.mean, hits[name]), found(*vectors, part, 10).mean()
    times = bound.estimate / chance(part)
    print(f"{name:13} recall@1 {bound}, {times:.0f} times chance ({chance(part):.4f}); recall@10 {ten:.2f}")

# %% [markdown]
# (Intervals: bootstrap over the test items.) Variants and combinations are found most of the time. Even new concepts are found
# much more often than by chance, by networks that started from nothing: *face*, *flag* and *clock* are words they have met, on other
# pictures. That is a part of the answer: **a name is made of words, and the words are shared.**

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Borrowed knowledge, and four rivals
#
# A word that no training text holds cannot help a tower that started from nothing. So borrow: start the word table from
# pretrained **word vectors** (WordLlama, lesson 4), where *violin* lies near *guitar*; and feed the picture tower frozen
# features of EfficientNet, trained on ImageNet (lesson 5). This takes about 8 s.


# %%
class Head(nn.Module):
    def __init__(self, inputs=1280):
        super().__init__()
        layers = nn.Dropout(0.2), nn.Linear(inputs, 256), nn.GELU(), nn.Dropout(0.2), nn.Linear(256, 128)
        self.deep, self.short = nn.Sequential(*layers), nn.Linear(inputs, 128)

    def forward(self, x):  # (B, 1280) -> (B, 128)
        return self.deep(x) + self.short(x)


used = np.unique(np.concatenate([part["number"] for each in everything for part in each.values()]))
features, SIZE = torch.zeros(len(store), 1280), mm.per_profile(smoke=32, quick=64, full=96)
features[used] = torch.cat([representation.cnn_features(pictures(some), size=SIZE) for some in np.array_split(used, 8)])
table = torch.zeros(len(words) + 1, 256)
table[1:] = functional.normalize(representation.mean_pool(*representation.word_vectors(words)), dim=1)

# %% [markdown]
# Is it the contrast that does the work? Four rivals share its inputs and have no contrastive loss:
#
# - **ridge** regression from the *same features* to a fixed vector of the name (mean of its words' vectors);
# - ridge from the *raw pixels*;
# - ridge from the features with *shuffled names*, which should be chance;
# - **nearest name**: find the training name most like the query, then the picture most like *that name's* picture.
#
# All have their settings from the validation part of the first split, CLIP too, and run on five splits (about 15 s).

# %% tags=["further"]
STEPS, LIMIT = mm.per_profile(smoke=(2, 300), quick=(110, None), full=(1000, None))


def scaled(each):
    """Features in units of their spread in the training part."""
    known = features[each["train"]["number"]]
    spread = known.std(0) + 0.1 * known.std()
    return (features - known.mean(0)) / spread


def clip(seed, **options):
    """Train the two towers on the borrowed features of a split; return them and these features."""
    torch.manual_seed(seed)
    x, rows, head, tower = borrowed[seed], everything[seed]["train"]["number"], Head(), TextTower(4 * table)
    train(head, tower, x[rows], captions(seed), rows, seed=seed, **{"steps": STEPS} | options)
    return head, tower, x


def vectors(model, part):
    head, tower, x = model
    return embed(head, x[part["number"]]), embed(tower, look_up(part["text"]))


borrowed = [scaled(each) for each in everything]
models = [clip(seed) for seed in range(len(everything))]

# %% [markdown]
# (The rivals.)

# %% tags=["further"]
both = torch.cat([table, chance_table / 4], 1)  # like words near each other, and yet each word its own


def name_vectors(part):
    return functional.normalize(functional.embedding_bag(look_up(part["text"]), both, mode="mean", padding_idx=0))


def ridge(each, x, strength, shuffle=False, moves=()):
    """Least squares from pictures to name vectors; returns part -> vectors of pictures and texts."""
    known, goal = x[each["train"]["number"][:LIMIT]].numpy(), name_vectors(each["train"])[:LIMIT]
    rows = np.random.default_rng(0).permutation(len(goal)) if shuffle else np.arange(len(goal))
    also = [shift(torch.as_tensor(known).view(-1, 3, 32, 32), *by).flatten(1).numpy() for by in moves]
    known, also = np.concatenate([known, *also]), None
    model = Ridge(alpha=strength, copy_X=False).fit(
        known, np.tile((goal - goal.mean(0))[rows].numpy(), (1 + len(moves), 1))
    )

    def both_sides(test, given=None):
        guessed = torch.as_tensor(
            model.predict((x[test["number"]] if given is None else given).numpy()), dtype=torch.float32
        )
        return functional.normalize(guessed), functional.normalize(name_vectors(test) - goal.mean(0))

    return both_sides


# %% tags=["further"]
def shift(x, down, right, most=4):
    """Move pictures by some pixels; white comes in."""
    (high, wide), x = x.shape[2:], functional.pad(x, (most,) * 4, value=1.0)
    return x[:, :, most - down : most - down + high, most - right : most - right + wide]


def nearest_name(each, x):
    known, goal = x[each["train"]["number"]], name_vectors(each["train"])
    return lambda test, given=None: (
        functional.normalize(x[test["number"]] if given is None else given),
        functional.normalize(known[(name_vectors(test) @ goal.T).argmax(1)]),
    )


# %% [markdown]
# (The race, about 8 s.)

# %% tags=["further"]
pixels = tiny.flatten(1)
PAIRS = {"ridge, same features": (scaled, (100.0, 1000.0)), "ridge, raw pixels": (lambda each: pixels, (10.0, 100.0))}


def on_valid(method):
    return found(*method(parts["valid"]), parts["valid"], 10).mean()


chosen = {}
for name, (inputs, strengths) in PAIRS.items():
    chosen[name] = max(strengths, key=lambda s, inputs=inputs: on_valid(ridge(parts, inputs(parts), s)))
scores = {}  # (method, test, k) -> one number a split
for each, model, x in zip(everything, models, borrowed, strict=True):
    methods = {"CLIP, borrowed features": functools.partial(vectors, model)}
    methods |= {name: ridge(each, inputs(each), chosen[name]) for name, (inputs, _) in PAIRS.items()}
    methods["nearest name"] = nearest_name(each, x)
    methods["ridge, shuffled names"] = ridge(each, x, 1000.0, shuffle=True)
    for name, method in methods.items():
        for test in TESTS:
            for k in (1, 10):
                scores.setdefault((name, test, k), []).append(found(*method(each[test]), each[test], k).mean())
print("strengths chosen:", chosen)

# %% [markdown] tags=["predict"]
# **Predict first.** Which of the five methods wins on variants, on combinations, on concepts? Where does a straight line from raw
# pixels to word vectors end?

# %% tags=["further"]
figure, grid = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True)
for axes, test in zip(grid, TESTS, strict=True):
    rows = {"CLIP from nothing": bootstrap_interval(np.mean, hits[test])}
    rows |= {name: interval(scores[name, test, 1]) for name in methods}
    for k, (name, bound) in enumerate(rows.items()):
        spread = [[bound.estimate - bound.low], [bound.high - bound.estimate]]
        color = plotting.COLORS[0 if name.startswith("CLIP") else 1]
        axes.barh(k, bound.estimate, xerr=spread, color=color, error_kw={"ecolor": "#222222", "capsize": 4})
        axes.text(bound.high + 0.02, k, f"{bound.estimate:.2f}", va="center", fontsize=12)
    axes.axvline(10 * chance(parts[test]), ls="--", color="#333333", lw=1.5)
    axes.set(xlabel="recall@1", xlim=(0, 1.12), title=test)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.grid(False, axis="y")
grid[0].invert_yaxis()
_ = figure.suptitle("dashed: ten times chance", fontsize=13)

# %% [markdown] tags=["alt"]
# *Figure: recall at 1 for the three tests; two CLIP models and four rivals. On variants CLIP with borrowed features is the highest,
# both ridges somewhat lower, nearest name lowest. On combinations it ties with ridge and nearest name; CLIP from nothing is lower. On
# concepts all are low, yet above ten times chance; borrowed features help CLIP, and ridge does as well. Shuffled names: near zero.*

# %%
above = {}
for test in TESTS:
    bar = 10 * np.array([chance(each[test]) for each in everything])
    above[test] = np.array(scores["CLIP, borrowed features", test, 1]) - bar
    ten = interval(scores["CLIP, borrowed features", test, 10])
    print(f"{test}: recall@10 {ten}, chance {bar.mean():.3f}")
mm.claim("13.1", "variants of known emoji: recall@1 minus ten times chance", above["variants"])
mm.claim("13.2", "unseen combinations: recall@1 minus ten times chance", above["combinations"])
mm.claim("13.3", "new concepts: recall@1 minus ten times chance", above["concepts"])
for test in TESTS:
    gap = np.subtract(*[scores[name, test, 1] for name in ("CLIP, borrowed features", "ridge, same features")])
    print(f"{test}: CLIP minus ridge on the same features: {interval(gap):+}")

# %% [markdown]
# (*From nothing* ran on one split; its interval is over items.) On variants CLIP leads. But here is the surprise: **plain least
# squares finds new concepts just as well**, and looking up the nearest known name finds combinations as often. OpenMoji is drawn from templates: a known coat plus a known tone is nearly a *sum* of
# known pixels. Is the CNN useless, then? Move each test picture by four of its 48 pixels, down and to the right, and ask again:


# %% tags=["further"]
part = parts["combinations"]
moved = shift(pictures(part["number"]), 4, 4)
known = features[parts["train"]["number"]]
fresh = (representation.cnn_features(moved, size=SIZE) - known.mean(0)) / (known.std(0) + 0.1 * known.std())
fresh_pixels = small(moved).flatten(1)

# %% [markdown]
# (The contest. The CNN saw moved pictures in training, so a last ridge gets moved copies too.)

# %% tags=["further"]
told = embed(reader, look_up(part["text"]))
straight = ridge(parts, pixels, chosen["ridge, raw pixels"])
taught = ridge(parts, pixels, chosen["ridge, raw pixels"], moves=((-2, -2), (2, 2)))
line, near = ridge(parts, borrowed[0], chosen["ridge, same features"]), nearest_name(parts, borrowed[0])
head, written = models[0][0], vectors(models[0], part)[1]
two_ways = {
    "CLIP from nothing": [(embed(cnn, small(x)), told) for x in (pictures(part["number"]), moved)],
    "CLIP, borrowed features": [(embed(head, x), written) for x in (borrowed[0][part["number"]], fresh)],
    "ridge, same features": [line(part), line(part, fresh)],
    "nearest name": [near(part), near(part, fresh)],
    "ridge, raw pixels": [straight(part), straight(part, fresh_pixels)],
    "the same, moved copies": [taught(part), taught(part, fresh_pixels)],
}
for name, (before, after) in two_ways.items():
    was, now = (bootstrap_interval(np.mean, found(*both_sides, part)) for both_sides in (before, after))
    print(f"{name:24} as drawn {was}, moved {now}")
weaker = ridge(parts, pixels, 10.0)(part)
print(f"ridge, raw pixels, strength 10: as drawn {found(*weaker, part).mean():.2f}")

# %% [markdown]
# (One split.) Read the right column. Regression on raw pixels falls to nothing, and moved copies help it little. CLIP from nothing,
# the weakest as drawn, loses least: its tower sees shapes *wherever they are*. So the left column measures how regular the artwork is.
#
# And how new is a new concept? Take apart the names whose words all stood somewhere in the training texts, and those with a word
# that never did:


# %% tags=["further"]
def words_of(text):
    return set(re.findall("[a-z0-9]+", text.lower()))


def words_met(each):
    """For each new concept: were all words of its name in the training texts?"""
    met = set().union(*(words_of(text) for key in ("text", "keywords") for text in each["train"][key]))
    return np.array([words_of(name) <= met for name in each["concepts"]["text"]])


met = [words_met(each) for each in everything]
new = [
    found(*vectors(model, each["concepts"]), each["concepts"], 10)
    for each, model in zip(everything, models, strict=True)
]
part = parts["concepts"]
alone = found(embed(cnn, tiny[part["number"]]), embed(reader, look_up(part["text"])), part, 10)
for label, which in (("all words met", met), ("a word never met", [~rows for rows in met])):
    borrowed_bound = interval([hits_[rows].mean() for hits_, rows in zip(new, which, strict=True)])
    alone_bound = bootstrap_interval(np.mean, alone[which[0]])
    print(f"{label:16} ({which[0].mean():.0%}): recall@10 borrowed {borrowed_bound}, from nothing {alone_bound}")

# %% [markdown]
# Here is the mechanism. Where all words were met, on other pictures, new concepts are found far more often. Where one was not, the borrowed
# vectors lend little: what remains are the name's *other* words, and neighbours of the strange one.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: this is the place to talk about test sets. Ask which figure they would have reported with a random split,
# and what it would have been worth.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Batch size, and a loss that asks pair by pair
#
# In InfoNCE the batch is the quiz: more pairs, harder questions. **SigLIP** (Zhai and others 2023) asks each cell of the matrix
# on its own, do these two belong together? With $z_{ij} = 1$ on the diagonal, $-1$ elsewhere, and a learned bias $c$, begun at
# -10 since nearly all cells are "no":
#
# $$L = -\frac{1}{B} \sum_{ij} \log \sigma\left(z_{ij} (s S_{ij} + c)\right)$$


# %%
def siglip_loss(a, b, logit_scale, logit_bias):
    cosines = functional.normalize(a, dim=1) @ functional.normalize(b, dim=1).T
    logits = logit_scale.exp() * cosines + logit_bias
    z = 2 * torch.eye(len(a)) - 1
    return -functional.logsigmoid(z * logits).sum() / len(a)


a, b = torch.randn(5, 8), torch.randn(5, 8)
s, c = torch.tensor(math.log(1 / 0.07)), torch.tensor(-10.0)
assert torch.isclose(siglip_loss(a, b, s, c), alignment.siglip_loss(a, b, s, c), atol=1e-4)

# %% [markdown] tags=["predict"]
# **Predict first.** Batches of 16, 64 and 256, equally many *steps*: how much does recall@1 of variants grow? Then let the batch of 64 take four
# times as many steps, so that it sees as many *pairs* as the batch of 256. Who wins?

# %% [markdown]
# Three splits each, the learning rate chosen on validation data from two (about 25 s).

# %% tags=["further"]
BATCHES, RATES, THREE = (16, 64, 256), (2e-3, 8e-3), everything[:3]
SHORT = mm.per_profile(smoke=2, quick=50, full=300)


def trial(seed, batch, rate, siglip, steps):
    """Validation recall@10 and test recall@1 of variants."""
    model = clip(seed, batch=batch, rate=rate, siglip=siglip, steps=steps)
    valid, test = THREE[seed]["valid"], THREE[seed]["variants"]
    return found(*vectors(model, valid), valid, 10).mean(), found(*vectors(model, test), test).mean()


study = {}
for siglip, loss_name in ((False, "InfoNCE"), (True, "SigLIP")):
    for batch in BATCHES:
        tried = {rate: trial(0, batch, rate, siglip, SHORT) for rate in RATES}
        rate = max(tried, key=lambda rate, tried=tried: tried[rate][0])
        study[loss_name, batch] = rate, [tried[rate][1], *(trial(k, batch, rate, siglip, SHORT)[1] for k in (1, 2))]
rate = study["InfoNCE", 64][0]
longer = [trial(k, 64, rate, False, 4 * SHORT)[1] for k in range(3)]

# %% tags=["further"]
series = {name: np.array([study[name, batch][1] for batch in BATCHES]).T for name in ("InfoNCE", "SigLIP")}
for (name, batch), (rate, runs) in study.items():
    print(f"{name:8} batch {batch:3}: recall@1 {interval(runs)}, learning rate {rate}")
print(f"InfoNCE, batch 64, four times the steps: {interval(longer)}")
plotting.lines(BATCHES, series, xlabel="pairs in a batch", ylabel="recall@1, variants", logx=True)

# %% [markdown] tags=["alt"]
# *Figure: recall at 1 of variants against the batch size at equal steps. Both losses rise steeply from 16 to 256, InfoNCE above
# SigLIP, with wide bands.*

# %% [markdown]
# At equal steps the larger batch is far ahead, but it also *saw* far more pairs. At equal pairs, the last line, the smaller one has caught up.
# "Contrastive learning needs huge batches" is often measured the first way. SigLIP comes out behind in these short
# runs, though three splits leave wide intervals. What it saves is the softmax over the whole batch, which counts when a batch is spread
# over many machines.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 Classify without a label
#
# Emoji come in nine groups (*Food & Drink*, *Flags* ...). Nobody told our towers. To classify, describe each group in words,
# embed the words, and give each picture to the nearest: **zero-shot** classification. The words are called **prompts**.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: collect prompts for "Symbols" from the room before anybody scrolls; try two or three of them live in the
# search box of section 7.

# %% [markdown]
# ### Exercise 13.5 ●●○ 7 min
# Write `zero_shot(pictures, prompts)`: `pictures` float tensor (N, d) of picture vectors, `prompts` a list with one float
# tensor (P_c, d) for each class c, the vectors of its prompts; P_c differs; nothing has length 1 yet. A class's vector is the mean of
# its prompts' vectors, *each scaled to length 1 first*. Return an int tensor (N,): for each picture the class whose vector has the largest
# cosine with it. Example: pictures `[[2, 1]]`, prompts `[[[1, 0]], [[0, 9], [1, 0]]]` give `[1]`: the second mean points along (1, 1), which is nearer.
# <details><summary>Hint: the idea</summary>Scale the prompts, then average within a class. The means have different lengths, so scale them again before comparing.</details>
# <details><summary>Hint: pseudocode</summary>centre of c = mean of normalised prompts of c; stack; normalise; pictures times centres turned; argmax along axis 1.</details>


# %% tags=["exercise"]
def zero_shot(pictures, prompts):
    ### BEGIN SOLUTION
    centres = torch.stack([functional.normalize(each, dim=1).mean(0) for each in prompts])
    return (pictures @ functional.normalize(centres, dim=1).T).argmax(1)
    ### END SOLUTION


# %%
check.ex13_5(zero_shot)

# %% [markdown]
# Our prompts, a handful of everyday words a group (written before anything was measured):

# %%
WORDS = {
    "Smileys & Emotion": ["smiling face", "sad face", "heart", "cat face", "emotion"],
    "People & Body": ["person", "hand", "man", "woman", "body part", "family"],
    "Animals & Nature": ["animal", "bird", "fish", "flower", "plant", "insect"],
    "Food & Drink": ["food", "fruit", "vegetable", "drink", "sweet"],
    "Travel & Places": ["vehicle", "building", "map", "clock", "weather", "sky"],
    "Activities": ["sport", "game", "award", "celebration"],
    "Objects": ["tool", "clothing", "musical instrument", "computer", "book", "office"],
    "Symbols": ["arrow", "sign", "zodiac", "button", "symbol", "shape"],
    "Flags": ["flag", "country", "nation"],
}

# %% [markdown] tags=["predict"]
# **Predict first.** Nine groups, new concepts only. How far does the group's *name* get as a prompt? "A picture of" its name?
# A
# handful of examples? A classifier that is *given* all labels of the training part?

# %% [markdown]
# People & Body is most of the pictures but a tenth of the families, so we take one picture a family and **balanced accuracy**,
# the mean over the groups of the share found in each. Always answering the largest group scores one ninth.

# %% tags=["further"]
group_of = mm.data.table("emoji").set_index("en")["group"]
GROUPS = list(WORDS)
WAYS = {
    "name of the group": {name: [name] for name in GROUPS},
    "'a picture of' + name": {name: [f"a picture of {name}"] for name in GROUPS},
    "one example": {name: examples[:1] for name, examples in WORDS.items()},
    "several examples": WORDS,
}


def classify(model, part, prompts):
    """Group numbers by nearest mean of prompts."""
    seen, _ = vectors(model, part)
    centres = [embed(model[1], look_up(prompts[name])).mean(0) for name in GROUPS]
    return (seen @ functional.normalize(torch.stack(centres)).T).argmax(1).numpy()


def groups(part):
    return np.array([GROUPS.index(group) for group in group_of[list(part["text"])]])


# %% [markdown]
# (Five splits, and a classifier with labels for comparison.)

# %% tags=["further"]
balanced = {name: [] for name in WAYS}
for each, model in zip(everything, models, strict=True):
    for name, prompts in WAYS.items():
        score = balanced_accuracy_score(groups(each["concepts"]), classify(model, each["concepts"], prompts))
        balanced[name].append(score)
each = everything[0]
_, one = np.unique(groups(each["train"]) * 10000 + each["train"]["number"], return_index=True)
probe = LogisticRegression(C=0.01, max_iter=300, class_weight="balanced")
probe.fit(models[0][2][each["train"]["number"][one]], groups(each["train"])[one])
answers = probe.predict(models[0][2][each["concepts"]["number"]])
print(f"with labels (one split): {balanced_accuracy_score(groups(each['concepts']), answers):.2f}")
plotting.bars(balanced, ylabel="balanced accuracy, new concepts", baseline=("largest group", 1 / 9))

# %% [markdown] tags=["alt"]
# *Figure: balanced accuracy of four kinds of prompts with intervals; names of the groups and "a picture of" at less than a third,
# one example clearly above them, several examples about half; the largest group at one ninth.*

# %%
mm.claim("13.4", "zero-shot balanced accuracy minus three ninths", np.array(balanced["several examples"]) - 3 / 9)
lift = np.subtract(balanced["several examples"], balanced["name of the group"])
print(f"several examples minus the group's name: {interval(lift):+}")

# %% [markdown]
# Without one label we come most of the way to the classifier that had them all, *if* the prompts speak the training texts' language.
# "Symbols" and "Objects" are words for people who sort emoji; "arrow" and "clothing" are words for pictures. Templates
# such as "a picture of" help models trained on sentences; for our bag of words they change nothing that we could measure.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 Search across media
#
# Type a query; the ten nearest pictures among all of them appear, with their cosines. *New* means that nothing of its family was
# in training. Try *sad cat*, *music*, *winter sport*; words outside the table are named.


# %%
def search(query, k=10):
    """Numbers and cosines of the k nearest pictures."""
    cosines = embed(models[0][1], look_up([query]))[0] @ seen.T
    best = cosines.topk(k)
    return used[best.indices.numpy()], best.values.numpy()


seen = embed(models[0][0], models[0][2][used])


# %% tags=["further"]
import ipywidgets

trained = set(parts["train"]["number"])


def look(query):
    unknown = [word for word in re.findall("[a-z0-9]+", query.lower()) if word not in row_of]
    numbers, cosines = search(query)
    titles = [f"{c:.2f}{'' if n in trained else ' new'}" for n, c in zip(numbers, cosines, strict=True)]
    figure = plotting.images([pictures(n) for n in numbers], titles)
    if unknown:
        figure.suptitle("unknown: " + ", ".join(unknown))
    return figure


_ = widgets.explore(look, query=ipywidgets.Text(value="sea animal", description="query"))

# %% [markdown] tags=["alt"]
# *Figure: the ten pictures nearest to the query "sea animal" with their cosines; most are animals, several of the sea.*

# %% [markdown]
# **Spoken words.** A third tower joins. We let a synthesiser say names (*synthetic* speech, one voice), turn them into MFCCs
# (lesson 5), and train ears against the **frozen picture vectors** with the same loss. The ears never see a written word.


# %%
class Ears(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        layers = []
        for inputs, outputs in ((13, width), (width, width), (width, 2 * width)):
            layers += [nn.Conv1d(inputs, outputs, 5, stride=2, padding=2), nn.BatchNorm1d(outputs), nn.ReLU()]
        self.layers, self.output = nn.Sequential(*layers), nn.Linear(4 * width, 128)

    def forward(self, x):  # (B, frames, 13) -> (B, 128)
        steps = self.layers(x.transpose(1, 2))
        return self.output(torch.cat([steps.mean(2), steps.amax(2)], 1))


# %% [markdown]
# (Speaking and training, about 10 s.)


# %% tags=["further"]
def say(names, frames=96):
    """Names -> MFCCs (N, 96, 13) at half the sample rate, silence at the end."""
    sounds = torch.full((len(names), frames, 13), torch.nan)
    for k, name in enumerate(names):
        samples, rate = speak(name, rate=240)
        sound = representation.mfcc(
            torch.tensor(samples[::2]), rate / 2, n_fft=512, hop_length=256, n_mels=32, n_mfcc=13
        )
        sounds[k, : sound.shape[1]] = sound.T[:frames]
    return sounds


HEARD = mm.per_profile(smoke=30, quick=800, full=2400)
rows = np.random.default_rng(0).permutation(len(number))[:HEARD]
sounds = say(parts["train"]["text"][rows])
middle, spread = sounds.nanmean((0, 1)), (sounds - sounds.nanmean((0, 1))).square().nanmean((0, 1)).sqrt()
ready = ((sounds - middle) / spread).nan_to_num()
goal = embed(models[0][0], models[0][2][number[rows]])[:, None]
torch.manual_seed(0)
ears = Ears()
_ = train(ears, nn.Identity(), ready, goal, number[rows], steps=mm.per_profile(smoke=2, quick=120, full=600), batch=128)

# %% [markdown]
# (Speaking and listening to the tests.)

# %% tags=["further"]
heard = {}
for test in ("combinations", "concepts"):
    part = parts[test]
    some = slice(None, mm.per_profile(smoke=20, quick=None, full=None))
    part = {key: values[some] for key, values in part.items()}
    spoken = embed(ears, ((say(part["text"]) - middle) / spread).nan_to_num())
    seen_part, read_part = vectors(models[0], part)
    heard[test] = found(seen_part, spoken, part)
    bound = bootstrap_interval(np.mean, heard[test])
    text_hits = recall_at_k(spoken @ read_part.T, 1)
    print(
        f"{test}: sound to picture recall@1 {bound}, chance {chance(part):.4f}; sound to written name {text_hits:.2f}"
    )
    if test == "combinations":
        bar = 10 * chance(part)

# %%
gain = bootstrap_interval(lambda hits: np.mean(hits) - bar, heard["combinations"])
mm.claim("13.5", "spoken unseen combinations find their picture: recall@1 minus ten times chance", gain)

# %% [markdown]
# Spoken names of unseen combinations find their pictures, far above chance. And the last number is a gift: sound and *writing* were never
# shown together, yet they meet, because both were aligned to pictures (Girdhar and others 2023 built on this). Spoken *new*
# words mean little to ears that learned their words from a few hundred recordings.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 Matching two sets: transport, and hubs
#
# Suppose you know more: these pictures and these names are *the same things*, one to one. Then names must not all take the
# same picture. Three ways to use that: **Hungarian** (the assignment with the largest sum of cosines), **Sinkhorn** (a soft
# assignment: rows and columns each sum to the same; scale them in turn until they do), and the **dual softmax** (one half
# round of it: divide each picture's column by its sum).


# %%
def assign(cosines, epsilon=0.05):
    """Four ways to give each name (row) a picture (column)."""
    n = len(cosines)
    even = torch.full((n,), 1 / n)
    plan, _ = alignment.sinkhorn(-cosines, even, even, epsilon, max_iter=200)
    return {
        "nearest": cosines.argmax(1).numpy(),
        "dual softmax": (cosines / epsilon - (cosines / epsilon).logsumexp(0)).argmax(1).numpy(),
        "Sinkhorn": plan.argmax(1).numpy(),
        "Hungarian": linear_sum_assignment(-cosines.numpy())[1],
    }


# %% tags=["further"]
def one_to_one(model, part):
    """Cosines of names and pictures, one name a picture."""
    first = np.unique(part["number"], return_index=True)[1]
    a, b = vectors(model, {key: values[first] for key, values in part.items()})
    return b @ a.T


# %% [markdown]
# (Five splits.)

# %% tags=["further"]
matched = {}
for each, model in zip(everything, models, strict=True):
    for test in TESTS:
        for way, columns in assign(one_to_one(model, each[test])).items():
            matched.setdefault((way, test), []).append((columns == np.arange(len(columns))).mean())
ways = list(dict.fromkeys(way for way, _ in matched))
figure, axes = plt.subplots(figsize=(9, 4.2))
for k, way in enumerate(ways):
    bounds = [interval(matched[way, test]) for test in TESTS]
    place = np.arange(3) + 0.2 * (k - 1.5)
    axes.bar(place, [b.estimate for b in bounds], 0.19, color=plotting.COLORS[k], label=way)
    axes.errorbar(
        place, [b.estimate for b in bounds], [b.high - b.estimate for b in bounds], fmt="none", color="#222222"
    )
axes.set(ylabel="share of names with the right picture", xticks=range(3), xticklabels=TESTS, ylim=(0, 1.05))
axes.grid(False, axis="x")
_ = figure.legend(loc="outside upper center", ncols=4)

# %% [markdown] tags=["alt"]
# *Figure: share matched rightly by nearest, dual softmax, Sinkhorn and Hungarian. On variants and combinations the last three
# are clearly above nearest; on new concepts all four are low and alike.*

# %%
for test in TESTS:
    print(
        f"{test}: Sinkhorn minus nearest {interval(np.subtract(matched['Sinkhorn', test], matched['nearest', test])):+}"
    )

# %% [markdown]
# Where the vectors are good, knowing that it is one to one mends much of what is left. Where they are poor, it adds next to
# nothing. And mind what it uses: **all queries at once**. A search engine answers one query at a time; a recall "after dual
# softmax" is no search result.
#
# Why does it help? In many dimensions some pictures are near *everything*: **hubs**. Count how often each picture is among the ten
# nearest of a name, $N_{10}$; ten is fair. Its skewness (0 for a symmetric spread) measures hubness (Radovanović and others 2010).


# %% tags=["further"]
def counts_of_ten(matrix):
    nearest = matrix.topk(min(10, len(matrix))).indices.flatten().numpy()
    return np.bincount(nearest, minlength=len(matrix)).astype(float)


def soft(cosines, epsilon):
    even = torch.full((len(cosines),), 1 / len(cosines))
    return alignment.sinkhorn(-cosines, even, even, epsilon, max_iter=200)[0]


for test in TESTS:
    each_split = [one_to_one(model, each[test]) for each, model in zip(everything, models, strict=True)]
    skews = {"cosines": [skew(counts_of_ten(matrix)) for matrix in each_split]}
    for epsilon in (0.05, 0.1):
        skews[f"Sinkhorn {epsilon}"] = [skew(counts_of_ten(soft(matrix, epsilon))) for matrix in each_split]
    print(f"{test}:", ", ".join(f"{name} {interval(values)}" for name, values in skews.items()))
counts = {"cosines": counts_of_ten(each_split[0]), "Sinkhorn, 0.1": counts_of_ten(soft(each_split[0], 0.1))}
plotting.distributions(counts, xlabel="new concepts: times among the ten nearest", baseline=("fair", 10))

# %% [markdown] tags=["alt"]
# *Figure: how often each new concept's picture is among the ten nearest of a name. With cosines the counts reach far to the
# right; after Sinkhorn they gather around ten.*

# %% [markdown]
# With cosines every test has its hubs, and on combinations and concepts the plan (with $\epsilon = 0.1$) removes most of the skew. On variants it does not
# clearly help: there the crowd around a picture is its own family.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let somebody type their own query. Ask what a shop would lose if one product were a hub.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 What it does not understand

# %% [markdown] tags=["predict"]
# **Predict first.** What will come for *face without mouth*, *three hearts*, *left arrow*, and for *woman left of man* against *man left of woman*?

# %% tags=["further"]
QUERIES = ("face without mouth", "three hearts", "left arrow", "not a cat", "woman left of man")
figure, grid = plt.subplots(len(QUERIES), 6, figsize=(8, 1.35 * len(QUERIES)))
for axes, query in zip(grid, QUERIES, strict=True):
    for spot, n in zip(axes, search(query, 6)[0], strict=True):
        spot.imshow(pictures(n).permute(1, 2, 0), interpolation="nearest")
        spot.set(xticks=[], yticks=[])
    axes[0].set_ylabel(query, rotation=0, ha="right", va="center", fontsize=13)

# %% [markdown] tags=["alt"]
# *Figure: the six nearest pictures for five queries. "Not a cat" brings cats, "three hearts" hearts of any number, "left arrow" arrows of
# several directions, "face without mouth" faces, most with a mouth; "woman left of man" hands and scenery, but no couple.*

# %%
same, turned = embed(models[0][1], look_up(["woman left of man", "man left of woman"]))
assert torch.allclose(same, turned, atol=1e-5)  # a bag of words has no order

# %% [markdown]
# *Not* is one more word in the bag. Numbers and sides are hardly ever what tells two emoji of a batch apart, so the loss never
# asked for them. A tower that reads order *could* tell the two queries apart; whether it *does* depends on whether the batch
# holds pictures that differ in nothing else. Large CLIP models fail here too (Thrush and others 2022).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# How can a picture be found by words that never labelled it? Because both live in one space in which *parts* are shared: the words
# of a new name were met on other pictures, or lie near words that were. Contrast is one way to build that space, from pairs
# alone; with few pairs and borrowed vectors, least squares is another. It reaches far for new combinations of known things
# and only some way for new things.

# %% [markdown]
# ## What can go wrong
#
# - **Vectors not normalised.** Two well-known libraries leave it to you; the loss then grows lengths instead of angles. Normalise
#   inside the loss.
# - **The temperature runs away, or never moves.** Some public versions start at $s = 1$ and never clamp. One library could not be told "no
#   upper limit": it tested the limit for truth, and $\log 1 = 0$ counts as false.
# - **Right answers punished.** Two pictures of one batch with the same name push each other's match away. Remove or mask them.
# - **A random split.** Variants leak; so do photographs of one scene, and frames of one film.

# %% [markdown]
# ## What articles say, what is true
#
# - *"Zero-shot"* is not zero knowledge: section 4 took new concepts apart by whether their words were in training. Ask for that.
# - *"Recall@1 of 0.8"* means nothing without the size and kind of the gallery, and what counts as right. The same model, one gallery growing:

# %%
part = parts["variants"]
a, b = vectors(models[0], part)
for size in (20, 60, len(a)):
    some = np.random.default_rng(0).permutation(len(a))[:size]
    few = {key: values[some] for key, values in part.items()}
    print(f"{size:3} test pictures: recall@1 {found(a[some], b[some], few).mean():.2f}")
print(
    f"all {len(used)} pictures: {np.mean([search(text, 1)[0][0] == n for text, n in zip(part['text'], part['number'], strict=True)]):.2f}"
)

# %% [markdown]
# - *"Larger batches are better"* was, in section 5, mostly "more pairs seen".
# - *"Contrastive learning is what makes it work"*: look for the ridge regression in the table. It is seldom there.

# %% [markdown]
# ## Three key points
#
# 1. Two towers, one matrix of cosines, the diagonal must win: from pairs alone comes a space that any words can search.
# 2. Say what "unseen" means. Variants, combinations and concepts differ many times over, and simple rivals win where the data are regular.
# 3. The rest of the batch, the gallery, the set of queries: every number here depends on *what else is there*.

# %% [markdown]
# ## Quiz
#
# **1.** Your model finds new combinations in 80 of 100 cases, ridge on pixels in 85. What do you report?
# <details><summary>A: the 80, since ridge on pixels is no serious model</summary>Then readers would credit the model with what the regular data gave.</details>
# <details><summary>B: both, and a test in which the pictures are moved</summary>Right. The rival shows what the data give away; the harder test shows what your tower adds.</details>
# <details><summary>C: neither, and look for a larger data set first</summary>Both numbers are true and useful once they stand side by side.</details>
#
# **2.** Why is the temperature's logarithm the parameter, and clamped?
# <details><summary>A: so that the cosines stay between -1 and 1</summary>Normalising does that, whatever the scale.</details>
# <details><summary>B: so that the loss can be compared between batch sizes</summary>It cannot: guessing costs log B.</details>
# <details><summary>C: so that s stays positive and cannot grow for ever</summary>Right. Once the training pairs are told apart, a larger s lowers the loss at no gain.</details>
#
# **3.** After a dual softmax over all test queries recall@1 rises by ten points. May you call that better search?
# <details><summary>A: no, since each answer then uses the other queries</summary>Right. It is a fair number for matching two known sets, not for one user's query.</details>
# <details><summary>B: yes, since no label of the test set was used</summary>No label, but the set of queries itself, which a search engine does not have.</details>
# <details><summary>C: yes, if the temperature was chosen on validation data</summary>That avoids one kind of peeking. The queries are still seen all at once.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# <details><summary>Why not train longer?</summary>On this set validation recall hardly moved beyond the steps taken here, with 64 or 96 pixels for the features, more dropout, a second, shifted view, or half or twice the steps. Most families have a single picture and name, and no training makes more of them.</details>
#
# <details><summary>Loss and mutual information</summary>log B minus InfoNCE is a lower bound of the mutual information of the two halves (van den Oord and others 2018), so no batch of B can show more than log B. That is one more reason why batch size enters every figure.</details>
#
# With Flickr30k or MS COCO in your own folder, the `full` profile trains the same two towers on photographs and sentences:

# %% tags=["further"]
PHOTOS = [name for name in ("flickr30k", "coco_captions") if name in mm.data.REGISTRY and mm.data.ready(name)]
if PHOTOS and mm.per_profile(smoke=False, quick=False, full=True):
    photos, sides = mm.load(PHOTOS[0], limit=5000), []
    for split in (photos.train, photos.test):
        inputs, _ = split.arrays()
        eyes = representation.cnn_features(torch.as_tensor(inputs["image"]), size=96)
        sides.append((eyes, representation.mean_pool(*representation.word_vectors(list(inputs["text"])))))
    (x, ids), test = sides
    scale, head, tower = x.std(), Head(), Head(256)
    train(head, tower, x / scale, 10 * ids[:, None], np.arange(len(x)), steps=1000)
    a, b = embed(head, test[0] / scale), embed(tower, 10 * test[1])
    print(f"{PHOTOS[0]}: recall@1 {recall_at_k(b @ a.T, 1):.2f}, recall@10 {recall_at_k(b @ a.T, 10):.2f} of {len(a)}")
else:
    print("no photographs in this profile")

# %% [markdown]
# ## References
#
# - Cuturi, M. (2013). Sinkhorn distances: lightspeed computation of optimal transport. NeurIPS.
# - Frome, A. and others (2013). DeViSE: a deep visual-semantic embedding model. NeurIPS.
# - Girdhar, R. and others (2023). ImageBind: one embedding space to bind them all. CVPR.
# - Kuhn, H. W. (1955). The Hungarian method for the assignment problem. Naval Research Logistics Quarterly.
# - van den Oord, A., Li, Y., Vinyals, O. (2018). Representation learning with contrastive predictive coding. arXiv:1807.03748.
# - Radford, A. and others (2021). Learning transferable visual models from natural language supervision. ICML.
# - Radovanović, M., Nanopoulos, A., Ivanović, M. (2010). Hubs in space: popular nearest neighbors in high-dimensional data. JMLR.
# - Thrush, T. and others (2022). Winoground: probing vision and language models for visio-linguistic compositionality. CVPR.
# - Zhai, X. and others (2023). Sigmoid loss for language image pre-training. ICCV.
