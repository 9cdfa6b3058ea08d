# %% [markdown]
# # 16 Visual question answering and dialogue
#
# **What does it take to answer a question about a picture?** · 90 minutes · needs lessons 8 and 14
#
# ![A picture becomes regions and a question becomes one vector; they meet by concatenation, attention or FiLM, and an answer is chosen; a memory of earlier turns adds to the question](flow: picture -> regions; question -> one vector; earlier turns -> memory; memory -> one vector; regions -> meet; one vector -> meet; meet -> answer)
#
# "How many red things are there?" You will build three ways for a question to meet a picture, find out which
# questions each can answer, and why one of them is surprisingly hard.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, translation, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Five kinds of questions
#
# The pictures are scenes of one to four tinted emoji: real artwork, generated layout, so every right answer is known.
# (Code that only loads, draws or keeps score is folded. Loading takes about 5 s.)

# %% tags=["further"]
import math
import re
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from torch import nn
from torch.nn import functional

from mmcourse import plotting, representation
from mmcourse.data.scenes import ANSWERS, COLOURS, KINDS, QUESTION_TYPES
from mmcourse.metrics import bootstrap_interval

device = mm.device()

# %% tags=["further"]
table = mm.data.table("emoji_scenes")
MOST = mm.per_profile(smoke=80, quick=None, full=None)  # scenes of a part
ROWS = {part: np.flatnonzero(table["part"] == part)[:MOST] for part in ("train", "valid", "seen", "unseen")}
pictures = torch.zeros(len(table), 3, 64, 64, dtype=torch.uint8)
for test in ("seen", "unseen"):
    splits = mm.load("emoji_scenes", task="captions", test=test)
    for part in (splits.train, splits.valid, splits.test)[0 if test == "seen" else 2 :]:
        for k in range(len(part))[:MOST]:
            item, number = part[k]
            pictures[number] = item["image"].mul(255).round().to(torch.uint8)
del splits, part
# %% [markdown]
# Three of them:

# %% tags=["further"]
shown = [ROWS["train"][k] for k in (1, 0, 5)]
titles = [
    "\n".join(f"{one['question']} {one['answer']}" for one in table["questions"][row] if one["type"] != "where")
    for row in shown
]
figure, axes = plt.subplots(1, 3, figsize=(10.5, 4.6))
for spot, row, title in zip(axes, shown, titles, strict=True):
    spot.imshow(pictures[row].permute(1, 2, 0), interpolation="nearest")
    spot.set(xticks=(), yticks=())
    spot.set_xlabel(title, fontsize=12)

# %% [markdown] tags=["alt"]
# *Figure: three scenes of tinted emoji, under each its questions with the right answers: what, colour, how many, is there (*where* is left out to save room).*

# %% [markdown]
# Emoji artwork by [OpenMoji](https://openmoji.org), licence CC BY-SA 4.0. A scene has at most one question of each type:
# **what** ("what is left of the duck?"), **colour**, **where** (one of four quarters), **count** and **exists**. Two tests: *seen* has the
# kinds and colours of training in new scenes; in *unseen* every object is a pair of kind and colour that training never had.

# %% tags=["further"]
# all words of questions and answers
words = {word for each in table["questions"] for one in each for word in one["question"].rstrip("?").split()}
words |= {word for each in table["dialogue"] for one in each for word in one["question"].rstrip("?").split()}
words |= {word for answer in ANSWERS for word in answer.split()}
number_of = {word: k for k, word in enumerate(sorted(words), 1)}  # 0: no word


def encode(text, longest=9):
    """Numbers of the words of a text, filled up with 0."""
    numbers = [number_of[word] for word in text.replace("?", "").split()]
    return numbers + [0] * (longest - len(numbers))


def asked(part):
    """All questions of a part: scene, type, answer (N,) and words (N, 9)."""
    every = [(row, one) for row in ROWS[part] for one in table["questions"][row]]
    columns = zip(
        *((r, QUESTION_TYPES.index(q["type"]), ANSWERS.index(q["answer"]), encode(q["question"])) for r, q in every),
        strict=True,
    )
    return dict(zip(("scene", "type", "answer", "words"), map(torch.tensor, map(list, columns)), strict=True))


data = {part: asked(part) for part in ROWS}
print({part: len(each["answer"]) for part, each in data.items()}, f"{len(ANSWERS)} answers")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 What the question gives away
#
# A model that never looks can still be right often, if most questions of a kind have the same answer. That is the first thing to measure.

# %% [markdown]
# ### Exercise 16.1 ●○○ 5 min
# Write `answer_prior(types, answers)`. Both are lists of str of the same length: the type of each question, and its
# answer. Return a dict: for each type the answer most frequent among its questions; of equally frequent ones, the one that came first. Example:
# types `["where", "count", "count", "count"]` and answers `["top", "2", "0", "0"]` give `{"where": "top", "count": "0"}`.
# <details><summary>Hint: the idea</summary>One `Counter` for each type.</details>
# <details><summary>Hint: pseudocode</summary>for type, answer in zip: counts[type][answer] += 1; then most_common(1) of each.</details>


# %% tags=["exercise"]
def answer_prior(types, answers):
    ### BEGIN SOLUTION
    counts = {kind: Counter() for kind in types}
    for kind, answer in zip(types, answers, strict=True):
        counts[kind][answer] += 1
    return {kind: count.most_common(1)[0][0] for kind, count in counts.items()}
    ### END SOLUTION


# %%
check.ex16_1(answer_prior)

# %% [markdown]
# Here is how far this prior of the training questions gets on the test:

# %%
train, test = data["train"], data["seen"]
for k, kind in enumerate(QUESTION_TYPES):
    usual = Counter(train["answer"][train["type"] == k].tolist()).most_common(1)[0][0]
    share = (test["answer"][test["type"] == k] == usual).float().mean()
    print(f"{kind:7} always {ANSWERS[usual]!r}: right {share:.2f} of the time")

# %% [markdown]
# The prior is worth little here because the scenes were *balanced* on purpose. In public sets the words alone gave away far more (see the
# end of the lesson).

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask what a model scores that has learned only "answer 2 to how many". Keep the number for the figure of section 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Eyes first
#
# A picture becomes $8 \times 8 = 64$ **regions** $x_p$, each with 64 numbers, by a small CNN (lesson 14's
# `RegionEncoder`). Trained from answers alone it would take far longer. So the eyes learn first to *name things*: at the region where an object's centre lies, its kind and its colour; elsewhere
# "nothing". Then they are frozen, and every scene is looked at once.

# %% tags=["further"]
kinds, colours = (torch.zeros(len(table), 64, dtype=torch.long) for _ in range(2))
for row, things in enumerate(table["objects"]):
    for thing in things:
        p = 8 * min(thing["y"] // 8, 7) + min(thing["x"] // 8, 7)
        kinds[row, p], colours[row, p] = 1 + KINDS.index(thing["kind"]), 1 + COLOURS.index(thing["colour"])

# %% [markdown]
# The training takes about 21 s, as many pictures go through.

# %%
LOOKS = mm.per_profile(smoke=3, quick=650, full=4000)  # training steps
torch.manual_seed(0)
eyes, name_kind, name_colour = translation.RegionEncoder(64), nn.Linear(64, 1 + len(KINDS)), nn.Linear(64, 7)
teach = nn.ModuleList([eyes, name_kind, name_colour]).to(device)
optimizer = torch.optim.AdamW(teach.parameters(), lr=6e-3, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=LOOKS)
rng = np.random.default_rng(0)
for _ in range(LOOKS):
    rows = rng.choice(ROWS["train"], 16, replace=False)
    seen, _ = eyes(pictures[rows].float().div(255).to(device))
    loss = 0
    for head, target in ((name_kind, kinds), (name_colour, colours)):
        weight = torch.tensor([0.2] + [1.0] * (head.out_features - 1), device=device)  # most regions hold nothing
        loss = loss + functional.cross_entropy(head(seen).flatten(0, 1), target[rows].flatten().to(device), weight)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()

# %% [markdown]
# A sum over regions forgets *where* they were. So each region also carries its place: sines and cosines of its column and row.

# %% tags=["further"]
column, row = torch.meshgrid(torch.linspace(-1, 1, 8), torch.linspace(-1, 1, 8), indexing="xy")
waves = [f(k * v) for k in (math.pi / 4, math.pi / 2, math.pi) for v in (column, row) for f in (torch.sin, torch.cos)]
places = torch.stack(waves, -1).view(64, 12)
regions = torch.zeros(len(table), 64, 64 + 12)
teach.eval()
with torch.no_grad():
    for some in torch.tensor(np.concatenate([*ROWS.values()])).split(64):
        regions[some, :, :64] = eyes(pictures[some].float().div(255).to(device))[0].cpu()
    named = {}
    for part in ("valid", "seen", "unseen"):
        for head, target in ((name_kind.cpu(), kinds), (name_colour.cpu(), colours)):
            said = head(regions[ROWS[part], :, :64])[..., 1:].argmax(-1) + 1
            there = kinds[ROWS[part]] > 0
            named.setdefault(part, []).append((said == target[ROWS[part]])[there].float().mean())
some = regions[ROWS["train"][:1500], :, :64]
regions[..., :64] -= some.mean((0, 1))
regions[..., :64] /= some.std((0, 1)).clamp(min=1e-3)
regions[..., 64:] = places
print("named rightly on validation: kinds {:.2f}, colours {:.2f}".format(*named["valid"]))

# %% [markdown]
# Every model below gets these same regions. Its question is read in the same way too: the vectors of its words are added up, then one layer with a ReLU.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Three ways to meet
#
# **Concat.** The mean of all regions beside the question $q$: $\;[\tfrac{1}{P} \sum_p x_p ;\, q]$. The question has no say in what is looked at.
#
# **Attention.** The question asks each region how well it fits; softmax makes weights, and what was *found* is the weighted sum:
#
# $$s_p = \frac{q \cdot x_p}{\sqrt{d}}, \qquad w = \mathrm{softmax}(s), \qquad \text{found} = \sum_p w_p \, x_p$$

# %% [markdown]
# ### Exercise 16.2 ●●○ 8 min
# Write `attend(query, regions, mask)`: float tensors `query` (B, d) and `regions` (B, P, d), bool tensor `mask` (B, P), True = keep.
# Return a tuple: what was found (B, d), and the weights (B, P). Regions that are not kept may hold anything, NaN included,
# and weigh 0; an item that keeps none gets zeros for both. Example: query `[[2.]]`, regions `[[[0.], [1.], [9.]]]`, mask
# `[[True, True, False]]` give weights `[[0.1192, 0.8808, 0]]` and found `[[0.8808]]`.
# <details><summary>Hint: the idea</summary>First put zeros in the regions that are not kept (`torch.where`). A score of -inf becomes a weight of 0, but a row of nothing but -inf becomes NaN.</details>
# <details><summary>Hint: pseudocode</summary>regions = where(mask[..., None], regions, 0); scores = sum of query times region over d, / sqrt(d); weights = softmax over P of where(mask, scores, -inf); weights = where(mask, weights, 0); found = sum over P of weights times regions</details>


# %% tags=["exercise"]
def attend(query, regions, mask):
    ### BEGIN SOLUTION
    regions = torch.where(mask[..., None], regions, 0)
    scores = torch.einsum("bd,bpd->bp", query, regions) / math.sqrt(regions.shape[2])
    weights = torch.where(mask, torch.where(mask, scores, -torch.inf).softmax(1), 0)
    return torch.einsum("bp,bpd->bd", weights, regions), weights
    ### END SOLUTION


# %%
check.ex16_2(attend)

# %% [markdown]
# A question such as "what is left of the duck?" seems to need *two* looks: find the duck, then look left of it. So our attention
# may look again, in three **hops** (Yang and others 2016): each asks with the question plus what the hop before found. Section 6 tests
# whether it works as this story says.
#
# **FiLM** (Perez and others 2018) turns it round: the question computes a scale and a shift, which every region goes through
# before the mean is taken:
#
# $$h_p = \mathrm{ReLU}\big((1 + \gamma(q)) \odot W x_p + \beta(q)\big)$$

# %% [markdown]
# ### Exercise 16.3 ●○○ 6 min
# Write `film(regions, gamma, beta)`: float tensors `regions` (B, P, d), already multiplied by $W$, `gamma` and `beta` (B, d), one row an item. Return
# $\mathrm{ReLU}((1 + \gamma) \odot x_p + \beta)$, a new tensor (B, P, d). Example: regions `[[[2., 2.], [1., -1.]]]`, gamma `[[1., 0.]]` and
# beta `[[0., -1.]]` give `[[[4., 1.], [2., 0.]]]`.
# <details><summary>Hint: the idea</summary>gamma and beta are the same for all regions of an item: give them an axis of length 1 where the regions are.</details>
# <details><summary>Hint: pseudocode</summary>make gamma and beta (B, 1, d) by indexing with None; then scale, shift, and cut at 0, in this order</details>


# %% tags=["exercise"]
def film(regions, gamma, beta):
    ### BEGIN SOLUTION
    return ((1 + gamma[:, None]) * regions + beta[:, None]).relu()
    ### END SOLUTION


# %%
check.ex16_3(film)

# %% [markdown]
# The package's `VQAModel` holds all of them behind one argument, `join`. Its attention wraps the formula in two layers: `query` turns the
# question's vector into $q$, `value` carries what was found on. Against a loop:

# %%
look = translation.questions.RegionAttention(4, 4)
x, q = torch.randn(1, 5, 4), torch.randn(1, 4)
scores = torch.stack([look.query(q)[0] @ x[0, p] for p in range(5)]) / 4**0.5
by_hand = look.value(sum(w * x[0, p] for p, w in enumerate(scores.exp() / scores.exp().sum())))
assert torch.allclose(by_hand, look(x, q, torch.ones(1, 5, dtype=torch.bool))[0][0], atol=1e-5)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Who answers what?
#
# A fair race: the same regions, the same reader, widths chosen so that all have about the same number of
# parameters (attention more, see *one hop* in section 8), the same steps and batches. Learning rates and hops were chosen on validation scenes, in a few trials each. A model with `join="question"` never
# sees the picture.


# %%
def logits_of(model, part, rows, see=lambda x: x):
    """Run a model on some questions of a part; `see` may change what it sees of the picture."""
    inputs = [see(regions[part["scene"][rows]]), part["words"][rows], part["words"][rows] > 0, None]
    if "history" in part:
        inputs += [part["history"][rows], part["history"][rows] > 0]
    return model(*(x if x is None else x.to(device) for x in inputs))


# %%
def learn(model, part, steps, *, rate=5e-3, seed=0, see=lambda x: x):
    """Train in place on batches of 256 questions."""
    optimizer = torch.optim.AdamW(model.to(device).parameters(), lr=rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        rows = torch.as_tensor(rng.integers(len(part["answer"]), size=256))
        loss = functional.cross_entropy(logits_of(model, part, rows, see), part["answer"][rows].to(device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


# %% [markdown]
# (Training takes about 60 s: attention runs from three seeds, the others from one. Folded below it: keeping score. An interval draws whole *scenes*, not questions: questions about one
# scene share its mistakes.)

# %%
STEPS = mm.per_profile(smoke=4, quick=800, full=6000)
WORDS = 1 + len(number_of)
RATES = {"question": 5e-3, "concat": 1e-2, "attention": 5e-3, "film": 1e-2}
WIDTHS = {"question": 112, "concat": 96, "attention": 64, "film": 72}


def build(join, *, seed=0, **options):
    torch.manual_seed(seed)
    options = {"join": join, "width": WIDTHS[join], "hops": 3 if join == "attention" else 1} | options
    return translation.VQAModel(WORDS, regions.shape[2], len(ANSWERS), **options)


twice = torch.cat([torch.arange(len(train["answer"])), torch.nonzero(train["type"] == 0)[:, 0]])
course = {key: values[twice] for key, values in train.items()}  # *what*, the hardest, comes twice, for all
models = {join: learn(build(join), course, STEPS, rate=RATES[join]) for join in RATES}
SEEDS = mm.per_profile(smoke=(1,), quick=(1, 2), full=(1, 2))  # besides 0
again = [learn(build("attention", seed=k), course, STEPS, seed=k) for k in SEEDS]
for join, model in models.items():
    print(f"{join:9} {sum(p.numel() for p in model.parameters())} parameters")


# %% tags=["further"]
@torch.no_grad()
def answers_of(model, part, see=lambda x: x):
    """The answer that the model holds most probable, (N,)."""
    rows = torch.arange(len(part["answer"])).split(512)
    return torch.cat([logits_of(model, part, some, see).argmax(1).cpu() for some in rows])


def by_scene(part, right):
    """How many questions of each type were right in each scene: (scenes, 5)."""
    scenes, place = np.unique(part["scene"], return_inverse=True)
    hits = np.zeros((len(scenes), 5))
    np.add.at(hits, (place, part["type"].numpy()), np.asarray(right, float))
    return hits


def average(hits, counts):
    """Mean of the five types' accuracies."""
    return np.mean(hits.sum(0) / np.maximum(counts.sum(0), 1))


def share(hits, counts):
    return hits.sum() / max(counts.sum(), 1)


def score(model, part, see=lambda x: x):
    """Hits (scenes, 5)."""
    return by_scene(part, answers_of(model, part, see) == part["answer"])


# %% [markdown] tags=["predict"]
# **Predict first.** Five types, four models. Which type will be the easiest with a picture, which the hardest? On which will attention win most, and is there one on which it will *not* win?

# %% tags=["further"]
LABELS = {"concat": "concat", "film": "FiLM", "attention": "attention"}
COLOUR = dict(zip(LABELS, plotting.COLORS, strict=False))


counts = by_scene(data["seen"], np.ones(len(data["seen"]["answer"])))
hits = {join: score(model, data["seen"]) for join, model in models.items()}
seeds = [hits["attention"], *(score(model, data["seen"]) for model in again)]
figure, axes = plt.subplots(figsize=(10, 4.6))
for k in range(6):
    some, measure = (slice(k, k + 1), share) if k < 5 else (slice(None), average)
    for j, (join, label) in enumerate(LABELS.items()):
        bound = bootstrap_interval(measure, hits[join][:, some], counts[:, some])
        place, spread = k + 0.26 * (j - 1), [[bound.estimate - bound.low], [bound.high - bound.estimate]]
        axes.bar(place, bound.estimate, 0.25, color=COLOUR[join], label=None if k else label)
        axes.errorbar(place, bound.estimate, spread, color="#222222", capsize=3)
    blind = measure(hits["question"][:, some], counts[:, some])
    dots = [measure(each[:, some], counts[:, some]) for each in seeds]
    axes.plot([k + 0.33] * len(dots), dots, "o", mfc="w", mec="#222222", label=None if k else "attention, a seed each")
    axes.plot([k - 0.42, k + 0.42], [blind] * 2, "--", color="#222222", label=None if k else "question alone")
axes.set(ylabel="share right (seen)", xticks=range(6), xticklabels=[*QUESTION_TYPES, "AVERAGE"], ylim=(0, 1.02))
axes.grid(False, axis="x")
_ = figure.legend(loc="outside upper center", ncols=5)

# %% [markdown] tags=["alt"]
# *Figure: share of right answers by question type for concat, FiLM and attention, with intervals, and a dashed line for the question
# alone. Attention is far above the others on what, colour and where, above them on exists and the average, and below them on count.*

# %%
for join in models:
    print(f"{join:9} average {bootstrap_interval(average, hits[join], counts)}")
print("attention, seed by seed:", *(f"{average(each, counts):.3f}" for each in seeds))


def more(one, other, asked):
    """Points by which one model's share is higher, on the same scenes."""
    return bootstrap_interval(lambda a, b, c: 100 * (share(a, c) - share(b, c)), one, other, asked)


def points(join, hits, counts):
    """How many points more attention has on average."""
    return bootstrap_interval(
        lambda a, b, c: 100 * (average(a, c) - average(b, c)), hits["attention"], hits[join], counts
    )


mm.claim("16.1", "attention beats the question alone", points("question", hits, counts), margin=30.0, unit="points")
mm.claim("16.2", "attention beats concat", points("concat", hits, counts), unit="points")
mm.claim("16.3", "attention beats FiLM", points("film", hits, counts), unit="points")

# %%
worst = min(seeds, key=lambda each: average(each, counts))
bar = bootstrap_interval(lambda a, c: 100 * average(a, c) - 70, worst, counts)
mm.claim("16.4", "attention answers at least 70 % on average, its worst seed too", bar, unit="points")

# %% [markdown]
# Attention wins most where one thing must be found among others: *what*, *colour*, *where*. Concat's mean has mixed
# all objects before the question comes in. **Count is the exception**: there the winner of everything else falls behind a plain mean. Section 7
# asks why.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let people name a type on which they would bet, and why, before the figure. After it, ask what "60 % on exists" is worth
# if guessing gives 50.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 Where it looks
#
# One picture, two questions: the weights of the 64 regions, hop by hop. (It is the first easy test scene of three objects in
# three colours on which both answers are right, so it shows how it looks when it works.)


# %%
@torch.no_grad()
def explain(model, scene, text):
    """Probabilities of the answers, and the weights of the regions in each hop (hops, 8, 8)."""
    words = torch.tensor([encode(text)], device=device)
    logits, weights = model.explain(regions[[scene]].to(device), words, words > 0)
    return logits[0].softmax(0).cpu(), weights["regions"][0].view(-1, 8, 8).cpu()


# %% tags=["further"]
def glow(axes, scene, weights):
    """Draw a scene that is pale where the weights are small."""
    light = functional.interpolate((weights / weights.max())[None, None], (64, 64), mode="bilinear")[0, 0]
    picture = pictures[scene].float().div(255)
    axes.imshow((picture * (0.25 + 0.75 * light) + 0.75 * (1 - light) * 0.9).clamp(0, 1).permute(1, 2, 0))
    axes.contour(light, levels=[0.5], colors="#222222", linewidths=1)
    axes.set(xticks=(), yticks=())


def looks_figure(scene, texts, model):
    figure, axes = plt.subplots(len(texts), 4, figsize=(10, 2.9 * len(texts)), squeeze=False)
    for row, text in zip(axes, texts, strict=True):
        chances, weights = explain(model, scene, text)
        row[0].imshow(pictures[scene].permute(1, 2, 0), interpolation="nearest")
        row[0].set(xticks=(), yticks=())
        best = chances.argmax()
        row[0].set_title(f"{text}\n{ANSWERS[best]} ({chances[best]:.2f})", fontsize=13)
        for hop, spot in enumerate(row[1:]):
            glow(spot, scene, weights[hop])
            spot.set_title(f"hop {hop + 1}", fontsize=13)
    return figure


# %% [markdown] tags=["predict"]
# **Predict first.** For a question such as "what is left of the duck?", where will hop 1 look, and where the last hop?


# %% tags=["further"]
def pairs_of(scene):
    return {one["type"]: one["question"] for one in table["questions"][scene]}


def colourful(scene):
    return len(table["objects"][scene]) == 3 == len({thing["colour"] for thing in table["objects"][scene]})


able = [s for s in ROWS["seen"] if {"what", "colour"} <= set(pairs_of(s)) and colourful(s)]


def both_right(scene):
    asked = [one for one in table["questions"][scene] if one["type"] in ("what", "colour")]
    said = [ANSWERS[explain(models["attention"], scene, one["question"])[0].argmax()] for one in asked]
    return table["level"][scene] == "easy" and said == [one["answer"] for one in asked]


scene = next(filter(both_right, able), able[0])
_ = looks_figure(scene, [pairs_of(scene)["colour"], pairs_of(scene)["what"]], models["attention"])

# %% [markdown] tags=["alt"]
# *Figure: one scene of the test, two rows for two questions. Left the scene with question and answer, then the same scene lit where each
# hop's weights lie, with a line around the strongest. The lit regions change with the question and from hop to hop.*

# %% [markdown]
# One picture proves nothing. So over all *what* questions of the test: how much of each hop's weight lies on the object the question
# names, on the object that is the answer, and on paper? And a **knock-out**: make one hop of the trained model look everywhere equally, and
# see what is lost.

# %% tags=["further"]
asked_what = {key: value[data["seen"]["type"] == 0] for key, value in data["seen"].items()}
cells_at = torch.stack(torch.meshgrid(torch.arange(4, 64, 8), torch.arange(4, 64, 8), indexing="xy"), -1).view(64, 2)
word_of = {number: word for word, number in number_of.items()}


def near(scene, kind=None):
    """The regions within ten pixels of the centre of an object of some kind, or of any (64,)."""
    centres = [(one["x"], one["y"]) for one in table["objects"][scene] if kind in (None, one["kind"])]
    return sum((cells_at - torch.tensor(centre)).abs().amax(1) <= 10 for centre in centres) > 0


def hop_weights(model):
    """Mean weight on the named object, the answer and paper, (3, hops)."""
    with torch.no_grad():
        seen, asked = regions[asked_what["scene"]].to(device), asked_what["words"].to(device)
        weights = model.explain(seen, asked, asked > 0)[1]["regions"].cpu()
    place = []
    for row, words, answer in zip(*(asked_what[key].tolist() for key in ("scene", "words", "answer")), strict=True):
        named = word_of[[word for word in words if word][-1]]
        place.append(torch.stack([near(row, named), near(row, ANSWERS[answer]), ~near(row)]))
    return torch.einsum("nhp,nkp->kh", weights, torch.stack(place).float()) / len(place)


# %% [markdown]
# The knock-out:


# %%
class Everywhere(nn.Module):
    """A look whose weights are all the same."""

    def __init__(self, look):
        super().__init__()
        self.value = look.value

    def forward(self, regions, question, mask):
        return self.value(regions.mean(1)), mask / mask.shape[1]


def what_right(model):
    return (answers_of(model, asked_what) == asked_what["answer"]).float().mean()


for seed, model in enumerate([models["attention"], *again]):
    for name, row in zip(("named object", "the answer", "paper"), hop_weights(model), strict=True):
        print(f"seed {seed}: weight on {name:12}", "  ".join(f"hop {k} {w:.2f}" for k, w in enumerate(row, 1)))
    line = f"seed {seed}: *what* right {what_right(model):.2f}"
    for k, look in enumerate(model.look):
        model.look[k] = Everywhere(look)
        line += f", without hop {k + 1} {what_right(model):.2f}"
        model.look[k] = look
    print(line)

# %% [markdown]
# In every seed the story fails at its first step: hardly any of hop 1's weight lies on the object that the question names, most lies on
# paper, and knocked out it is missed far less than the hop that looks hardest at the answer. So nothing is found first and used to look next: the answer is found in one look,
# and the other hops serve as further *layers*, which make *what* learnable sooner. The map refutes our two-step story.
#
# Nobody told the model *which* object to look at; the answers did. (Section 3 had taught the eyes to mark objects.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 Attention and counting
#
# Take one region and repeat it: one duck, two ducks, three, first alone, then among 61 to 63 regions of paper, whose score is 6 lower. What does attention find?

# %% [markdown] tags=["predict"]
# **Predict first.** Softmax weights the ducks by their scores. How does what was *found* change from one duck to three, alone and among paper?

# %%
duck, q = torch.randn(1, 1, 8), torch.randn(1, 8)
attention = translation.questions.RegionAttention(8, 8)
for n in (1, 2, 3):
    ducks = duck.expand(1, n, 8)
    found, weights = attention(ducks, q, torch.ones(1, n, dtype=torch.bool))
    print(f"{n} ducks: length of what was found {found.norm():.4f}, weights {weights[0].detach().numpy().round(2)}")
    assert torch.allclose(found, attention(duck, q, torch.ones(1, 1, dtype=torch.bool))[0], atol=1e-5)
    among = torch.tensor([6.0] * n + [0.0] * (64 - n)).softmax(0)
    print(f"         among paper: weight on all ducks together {among[:n].sum():.2f}")

# %% [markdown]
# Alone, nothing changes. The weights share 1 among the ducks, so the sum is a **mean of ducks**, and a mean does not know how many it was taken
# over (Zhang and others 2018). Among paper a trace of the number is left, the fainter the better the ducks are found.
#
# The cure is to let every region open its own gate, without sharing:
#
# $$g_p = \mathrm{sigmoid}(s_p - 3), \qquad \text{found} = \sum_p g_p\, x_p$$
#
# The 3 shuts the gates at the start, or the sum would be flooded by background.

# %% [markdown]
# ### Exercise 16.4 ●●○ 8 min
# Write `gated_sum(query, regions, mask, shut)`: `query` (B, d), `regions` (B, P, d), all numbers finite, `mask` bool (B, P), True = keep; `shut` a number.
# The gate of a region is $\mathrm{sigmoid}(q \cdot x_p / \sqrt{d} - \text{shut})$, and 0 where the mask is False. Return a tuple: the sum of
# gate times region (B, d), and the gates (B, P). Example: query `[[1.]]`, regions `[[[3.], [3.]]]`, all kept, shut 3
# give gates `[[0.5, 0.5]]` and sum `[[3.]]`; with one region, `[[1.5]]`.
# <details><summary>Hint: the idea</summary>As attend, with a sigmoid in place of the softmax: no gate knows of the others, and nothing is divided by their sum.</details>
# <details><summary>Hint: pseudocode</summary>scores as before; gates = where(mask, sigmoid(scores - shut), 0); sum over P of gates times regions</details>


# %% tags=["exercise"]
def gated_sum(query, regions, mask, shut):
    ### BEGIN SOLUTION
    scores = (query[:, None] * regions).sum(2) / regions.shape[2] ** 0.5
    gates = torch.where(mask, (scores - shut).sigmoid(), 0)
    return torch.einsum("bp,bpd->bd", gates, regions), gates
    ### END SOLUTION


# %%
check.ex16_4(gated_sum)

# %% [markdown]
# Now the experiment: models that learn *nothing but counting*. Softmax and gates are the **same** model with one hop, the same
# parameters, start and training; only one function differs. Concat, with its own learning rate, is there because it divides by 64, whatever the question. (About 9 s.)

# %%
COUNT = QUESTION_TYPES.index("count")


def only_count(part):
    rows = part["type"] == COUNT
    return {key: values[rows] for key, values in part.items()}


COUNTING = mm.per_profile(smoke=3, quick=350, full=3000)
counters = {
    "softmax": build("attention", hops=1),
    "gates": build("attention", hops=1, gate="sigmoid"),
    "concat": build("concat"),
}
counted, number = {}, only_count(data["seen"])
asked_often = by_scene(number, np.ones(len(number["answer"])))
for name, model in counters.items():
    learn(model, only_count(train), COUNTING, rate=RATES.get(name, RATES["attention"]))
    counted[name] = score(model, number)
    print(f"{name:8} counts rightly {bootstrap_interval(share, counted[name], asked_often)}")
print(f"concat - softmax: {more(counted['concat'], counted['softmax'], asked_often)} points")
gain = more(counted["gates"], counted["softmax"], asked_often)
mm.claim("16.5", "gates count better than softmax", gain, margin=10.0, unit="points")

# %% tags=["further"]
truth = number["answer"].numpy()
digits = [ANSWERS.index(str(n)) for n in range(5)]
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2))
for spot, (name, model) in zip(axes, counters.items(), strict=False):
    said = answers_of(model, number).numpy()
    matrix = np.array([[np.mean(said[truth == a] == b) if (truth == a).any() else 0 for b in digits] for a in digits])
    drawn = spot.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    for a in range(5):
        for b in range(5):
            spot.text(
                b,
                a,
                f"{matrix[a, b]:.2f}",
                ha="center",
                va="center",
                color="white" if matrix[a, b] > 0.55 else "#222222",
            )
    spot.set(title=name, xlabel="answer", ylabel="true number", xticks=range(5), yticks=range(5))
    spot.grid(False)
_ = figure.colorbar(drawn, ax=axes, label="share of the row")

# %% [markdown] tags=["alt"]
# *Figure: three tables of true number against answer, rows adding up to 1, for softmax, gates and concat. With gates most lies on the diagonal.*

# %% [markdown]
# One function changed, and the model counts: softmax can partly tell *none* from *some*, and little more. Concat lies between: its mean divides
# by 64, always, so the total survives in it. The gates still make mistakes: each thing was marked at one region, its centre (section 3), but the
# regions around show parts of it too, and only one gate should open for each thing.
#
# But a cause is not yet a cure: section 8 trains gates on *all* questions. Look at its column *count* before you believe that
# gates are simply better.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let people say in their own words which single function was changed, and what else they would want to see before
# calling it the cause.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 What else could explain it?
#
# Before believing a score, try to explain it without the story. (Folded; about 20 s of training.) *Picture alone* gets no
# words. *Other pictures* is the trained model shown another scene of the test. *One hop* has the same 800 steps, so joining and depth
# can be told apart. *Short* is less than half the training.

# %% tags=["further"]
SHORT = mm.per_profile(smoke=3, quick=350, full=6000)


def silent(part):
    return part | {"words": part["words"] * 0}


def averaged(name, model, part, see=lambda x: x):
    each = score(model, part, see)
    bound, per = bootstrap_interval(average, each, counts), each.sum(0) / np.maximum(counts.sum(0), 1)
    print(f"{name:28} {bound}  ", "  ".join(f"{k} {v:.2f}" for k, v in zip(QUESTION_TYPES, per, strict=True)))


test = data["seen"]
others = test | {"scene": test["scene"].roll(len(test["scene"]) // 2)}
averaged("attention, three hops", models["attention"], test)
averaged("attention, other pictures", models["attention"], others)
averaged("question alone", models["question"], test)

# %% tags=["further"]
averaged("picture alone", learn(build("attention"), silent(course), SHORT // 2), silent(test))
one_hop = learn(build("attention", hops=1), course, STEPS)
averaged("attention, one hop", one_hop, test)
averaged("attention, short", learn(build("attention"), course, SHORT), test)
averaged("gates, short", learn(build("attention", gate="sigmoid"), course, SHORT), test)
hits["one hop"] = score(one_hop, test)
for rival in ("one hop", "film", "concat"):
    print(f"three hops - {rival}: {points(rival, hits, counts)} points")
joined = bootstrap_interval(
    lambda a, b, c: 100 * (average(a, c) - average(b, c)), hits["one hop"], hits["film"], counts
)
print(f"one hop - film: {joined} points")

# %% [markdown]
# One hop, with fewer parameters than FiLM and concat, beats both: that is the *joining*. Three hops add to it, mostly on *what*: that is *depth*.
#
# Gates that serve all five types count little better than softmax after as many steps, and find things worse: fewer than a sixth of the questions
# teach counting. The sum limits what *can* be counted; training decides what is. Now the other test:

# %%
new = data["unseen"]
new_counts = by_scene(new, np.ones(len(new["answer"])))
for part in ("seen", "unseen"):
    print(f"the eyes on {part:6}: kinds {named[part][0]:.2f}, colours {named[part][1]:.2f}")
for join in ("question", "concat", "film", "attention"):
    each = score(models[join], new)
    per = each.sum(0) / np.maximum(new_counts.sum(0), 1)
    print(
        f"{join:9} unseen pairs: average {bootstrap_interval(average, each, new_counts)}  ",
        "  ".join(f"{k} {v:.2f}" for k, v in zip(QUESTION_TYPES, per, strict=True)),
    )

# %% [markdown]
# Unseen pairs cost every model points, for two reasons. *What* falls with the **eyes**: they name colours as before, but far fewer kinds, and
# no joining can mend that. *Colour* falls with the **joining**: concat and FiLM lose nearly all of it, though the eyes still see it. Their
# colour of a duck leaned on which colours ducks have in training, and here that is always wrong. Attention mostly reads it off the
# place it looks at.
#
# Try it: choose a scene and a question, and leave words out. How few words still give the right answer?

# %% tags=["further"]
import ipywidgets


def try_it(scene, question):
    chances, weights = explain(models["attention"], int(scene), question)
    figure, axes = plt.subplots(1, 5, figsize=(12, 3.2), width_ratios=(1, 1, 1, 1, 1.1))
    figure.get_layout_engine().set(h_pad=0.25)
    axes[0].imshow(pictures[int(scene)].permute(1, 2, 0), interpolation="nearest")
    axes[0].set(xticks=(), yticks=(), title=f"scene {scene}")
    for hop in range(3):
        glow(axes[1 + hop], int(scene), weights[hop])
        axes[1 + hop].set_title(f"hop {hop + 1}")
    top = chances.topk(5)
    axes[4].barh([ANSWERS[k] for k in top.indices], top.values, color=plotting.COLORS[5])
    axes[4].invert_yaxis()
    axes[4].set(xlim=(0, 1), xlabel="probability")
    return figure


known = sorted({one["question"] for s in {scene, *able[:4]} for one in table["questions"][s]})
known += ["colour", "left of", *sorted({text.rpartition(" ")[2].rstrip("?") for text in known if "colour" in text})]

# %%
_ = widgets.explore(
    try_it,
    scene=[str(s) for s in [scene, *(s for s in able[:8] if s != scene)]],
    question=ipywidgets.Combobox(value=pairs_of(scene)["colour"], options=known),
)

# %% [markdown] tags=["alt"]
# *Figure: the chosen scene, where the three hops look for the chosen words, and the five most probable answers as bars.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 A dialogue needs a memory
#
# Each scene also has a short dialogue. From its second turn on, the questions speak of "it" or "them":

# %%
for turn in table["dialogue"][shown[0]]:
    print(turn["question"], "–", turn["answer"])

# %% [markdown]
# With `memory=True`, every earlier turn, question and answer, is read by the same reader into a vector $m_r$; the present question attends to them,
# and what it finds is added to it (Das and others 2017):
#
# $$q' = q + V \sum_r w_r\, m_r, \qquad w = \mathrm{softmax}_r\!\left(\frac{q \cdot K m_r}{\sqrt{d}}\right)$$
#
# At the first turn there is nothing to remember: a learned vector takes the sum's place, by `torch.where`, for the softmax of nothing is NaN.
#
# Three models, attention with one hop each: without memory; with it; and with it but given *the history of another scene*, in training and test: the same
# parameters, no information.


# %% tags=["further"]
def dialogues(part):
    """All turns: as `asked`, with history (N, 3, 9); type 0 is the first turn, 1 a later one."""
    columns = []
    for row in ROWS[part]:
        said = []
        for turn in table["dialogue"][row]:
            past = [*said, *([[0] * 9] * 3)][:3]
            columns.append((row, int(bool(said)), ANSWERS.index(turn["answer"]), encode(turn["question"]), past))
            said.append(encode(f"{turn['question']} {turn['answer']}"))
    names = ("scene", "type", "answer", "words", "history")
    return {key: torch.tensor(column) for key, column in zip(names, map(list, zip(*columns, strict=True)), strict=True)}


def mixed(part):
    """Give each later turn the history of a later turn in another scene."""
    history, rows = part["history"].clone(), torch.nonzero(part["type"])[:, 0]
    history[rows] = history[rows.roll(len(rows) // 2)]
    return part | {"history": history}


talk = {part: dialogues(part) for part in ("train", "seen")}

# %% [markdown]
# (The next cell takes about 15 s.)

# %%
TALKS = mm.per_profile(smoke=3, quick=350, full=4000)
without = {part: {key: value for key, value in each.items() if key != "history"} for part, each in talk.items()}
strange = {part: mixed(each) for part, each in talk.items()}
runs = {
    "no memory": (without, build("attention", hops=1)),
    "another's history": (strange, build("attention", hops=1, memory=True)),
    "memory": (talk, build("attention", hops=1, memory=True)),
}
later, turns = {}, by_scene(talk["seen"], np.ones(len(talk["seen"]["answer"])))[:, [1]]
for name, (turns_of, model) in runs.items():
    learn(model, turns_of["train"], TALKS)
    later[name] = score(model, turns_of["seen"])[:, [1]]
    print(f"{name:18} later turns right {bootstrap_interval(share, later[name], turns)}")
print(f"another's history - no memory: {more(later[list(runs)[1]], later['no memory'], turns)} points")
gain = more(later["memory"], later["another's history"], turns)
mm.claim("16.6", "its own history helps on later turns", gain, margin=5.0, unit="points")

# %% [markdown]
# By kind of question, and one dialogue: the first of four turns in which memory mends at least one answer and spoils none.

# %% tags=["further"]
told, fine = {}, talk["seen"]
for name in ("no memory", "memory"):
    told[name] = answers_of(runs[name][1], runs[name][0]["seen"])
openings = ("what colour", "where", "is it large", "what is", "how many", "is one")
asked_of = [turn["question"] for row in ROWS["seen"] for turn in table["dialogue"][row]]
for opening in openings:
    rows = torch.tensor([text.startswith(opening) for text in asked_of]) & (fine["type"] == 1)
    ways = "  ".join(f"{name} {(said == fine['answer'])[rows].float().mean():.2f}" for name, said in told.items())
    print(f"{opening:11} {int(rows.sum()):4} questions  {ways}")

# %% [markdown]
# The dialogue:

# %% tags=["further"]
before, after = ((said == fine["answer"]).int() for said in told.values())


def mends(scene):
    change = (after - before)[fine["scene"] == scene]
    return len(change) == 4 and change.min() == 0 and change.max() == 1


scene = next(filter(mends, ROWS["seen"]), ROWS["seen"][0])
told = {name: said[fine["scene"] == scene] for name, said in told.items()}

# %% tags=["further"]
figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=(1, 2.4))
axes[0].imshow(pictures[scene].permute(1, 2, 0), interpolation="nearest")
axes[0].set(xticks=(), yticks=())
axes[1].axis("off")
columns = ["question", "right", *told]
cells = [
    [turn["question"], turn["answer"], *(ANSWERS[each[k]] for each in told.values())]
    for k, turn in enumerate(table["dialogue"][scene])
]
drawn = axes[1].table(cells, colLabels=columns, loc="center", colWidths=(0.46, 0.18, 0.18, 0.18), cellLoc="left")
drawn.auto_set_font_size(False)
drawn.set_fontsize(12)
drawn.scale(1, 1.9)

# %% [markdown] tags=["alt"]
# *Figure: a scene of the test and its dialogue as a table: four questions, the right answers, and what the models without and with memory say.*

# %% [markdown]
# Without memory "it" can only be guessed, though about half of these guesses come true: "yes" or "no", or a scene with a single object. With another scene's
# history the extra parameters are worth next to nothing. Its own history helps most with *colour* and *where*; *what* stays low for all, as with one hop before.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask which of the dialogue's questions can be answered without any history, and why (a scene with a single object).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 10 Translation with a picture
#
# English "cook" says neither woman nor man; German must choose *Koch* or *Köchin*. A picture could decide. Is there such a case in the emoji
# names of 13 languages?

# %% tags=["further"]
CODES = "ar de es fa fr id it ja ko pt ru tr zh"
SPELT = "Arabic German Spanish Persian French Indonesian Italian Japanese Korean Portuguese Russian Turkish Chinese"
LANGUAGES = dict(zip(CODES.split(), SPELT.split(), strict=True))
emoji = mm.data.table("emoji")
for language in ("en", *LANGUAGES):
    assert not emoji[language].duplicated().any()
print(f"{len(emoji)} emoji, names shared by two of them in any of 14 languages: none")
HUMAN, TONE = re.compile(r"\b(woman|man|person)\b"), re.compile(r"\b((medium-)?(light|dark)|medium) skin tone\b")
figures = {}
for row, name in enumerate(emoji["en"]):
    if len(HUMAN.findall(name)) < 2 and name.count("skin tone") < 2:
        who, tone = HUMAN.search(name), TONE.search(name)
        thing = " ".join(TONE.sub("", HUMAN.sub("", name)).split())
        figures.setdefault(thing, {})[tone[0] if tone else "", who[0] if who else "person"] = row
looks = sorted(max(figures.values(), key=len))
figures = {thing: rows for thing, rows in figures.items() if thing and set(rows) == set(looks)}
print(f"{len(figures)} things that {len(looks)} emoji share, such as {', '.join(list(figures)[3:7])}")

# %% [markdown]
# None: the standard makes every name unique. So we *make* the ambiguity: leave out of the English name what a speaker often would, "woman", "man",
# "person" and the skin tone. "Cook" then stands for 18 emoji, each with its own name in 13 languages. The task: given "cook" and the picture,
# choose among the 18 names (multimodal translation, as in Specia and others 2016, in miniature).
#
# **Text alone** must score exactly 1/18, whatever the model: all 18 have the same text, so it gives one answer to all. A third of the things, with all variants, is held out: of a tested thing no picture and no name was seen.

# %% tags=["further"]
# (things, 18) rows of the table
order = [[rows[look] for look in looks] for rows in figures.values()]
images, needed = {}, {emoji["en"][row] for rows in order for row in rows}
for part in (lambda s: (s.train, s.valid, s.test))(mm.load("emoji")):
    for k in range(len(part)):
        item, _ = part[k]
        if item["text"] in needed:
            images[item["text"]] = item["image"]
drawn = torch.stack([images[emoji["en"][row]] for rows in order for row in rows])
edges = torch.stack([torch.as_tensor(representation.hog(x)) for x in drawn.mean(1)]).float()
level = (drawn * 5.999).to(torch.int16)
code = (36 * level[:, 0] + 6 * level[:, 1] + level[:, 2]).flatten(1)
tints = torch.stack([torch.bincount(each, minlength=216) for each in code]).float().sqrt()  # a histogram of colours
seen_as = [(x - x.mean(0)) / (x.std(0) + 1e-6) / x.shape[1] ** 0.5 for x in (edges, tints[:, tints.sum(0) > 0])]
seen_as = torch.cat(seen_as, 1).view(len(order), len(looks), -1)
family = emoji["family"].to_numpy()[[rows[0] for rows in order]]
held_out = np.isin(family, np.random.default_rng(0).permutation(np.unique(family))[: len(np.unique(family)) // 3])

# %% [markdown]
# The model is two towers (lesson 13), trained among the 18: a linear layer for the picture (edges and colours), a linear layer for the name
# (which runs of one to four letters it has). (This takes about 6 s for 13 languages.)

# %%
CHOICES = mm.per_profile(smoke=3, quick=100, full=300)  # training steps


def translate(language):
    """Train on the known things; return the scores of the held-out ones (things, 18 pictures, 18 names)."""
    names = emoji[language].to_numpy()[np.array(order)]
    letters = CountVectorizer(analyzer="char_wb", ngram_range=(1, 4), max_features=3000, binary=True, min_df=10)
    letters.fit(names[~held_out].ravel())
    written = torch.tensor(letters.transform(names.ravel()).toarray()).float().view(*names.shape, -1)
    torch.manual_seed(0)
    see, read = nn.Linear(seen_as.shape[2], 16), nn.Linear(written.shape[2], 16, bias=False)
    optimizer = torch.optim.AdamW([*see.parameters(), *read.parameters()], lr=5e-3, weight_decay=0.05)
    known = torch.as_tensor(np.flatnonzero(~held_out))
    for _ in range(CHOICES):
        rows = known[torch.randperm(len(known))[:16]]
        scores = 4 * see(seen_as[rows]) @ read(written[rows]).mT
        loss = functional.cross_entropy(scores.flatten(0, 1), torch.arange(len(looks)).repeat(len(rows)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return see(seen_as[held_out]) @ read(written[held_out]).mT


# %% [markdown]
# *Right* is the share of exactly right names; *wrong* the same with the picture of another of the 18; *human* and *tone* count only woman, man or person,
# and only the skin tone.

# %%
right, wrong, human, tone = {}, {}, {}, {}
truth = torch.arange(len(looks))
for language in list(LANGUAGES)[: mm.per_profile(smoke=2, quick=None, full=None)]:
    chosen = translate(language).argmax(2)  # (held-out things, 18)
    right[language] = (chosen == truth).float().mean(1).numpy()
    wrong[language] = (chosen.roll(7, dims=1) == truth).float().mean(1).numpy()  # another variant's picture
    human[language] = (chosen % 3 == truth % 3).float().mean(1).numpy()
    tone[language] = (chosen // 3 == truth // 3).float().mean(1).numpy()
every = {
    name: np.mean([*each.values()], 0) for name, each in dict(right=right, wrong=wrong, human=human, tone=tone).items()
}
for name, chance in (("right", 1 / 18), ("wrong", 1 / 18), ("human", 1 / 3), ("tone", 1 / 6)):
    print(f"{name:5} {bootstrap_interval(np.mean, every[name])}, chance {chance:.3f}")
gain = bootstrap_interval(lambda x: 100 * (np.mean(x) - 1 / 18), every["right"])
mm.claim("16.7", "the picture chooses the translation, above text alone", gain, margin=10.0, unit="points")

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(8.5, 5.2))
for k, language in enumerate(right):
    for j, (each, label) in enumerate(((tone, "skin tone"), (human, "woman, man, person"), (right, "the whole name"))):
        bound = bootstrap_interval(np.mean, each[language])
        spread = [[bound.estimate - bound.low], [bound.high - bound.estimate]]
        dot = {"color": plotting.COLORS[(4, 3, 6)[j]], "label": None if k else label, "capsize": 2}
        axes.errorbar(bound.estimate, k + 0.22 * (j - 1), xerr=spread, fmt="osD"[j], markersize=5, **dot)
for j, chance in enumerate((1 / 6, 1 / 3, 1 / 18)):
    axes.axvline(chance, ls="--", color=plotting.COLORS[(4, 3, 6)[j]], label=None if j else "chance, in its colour")
axes.set(yticks=range(len(right)), yticklabels=[LANGUAGES[code] for code in right], xlim=(0, 1))
axes.set(xlabel=f"share chosen rightly ({held_out.sum()} things held out)")
axes.invert_yaxis()
_ = figure.legend(loc="outside upper center", ncols=4)

# %% [markdown] tags=["alt"]
# *Figure: for each of 13 languages three marks with intervals over things: share of right skin tones, of right woman, man or person, and of exactly right names.
# Each lies right of its dashed line of chance; skin tone lies highest.*

# %% [markdown]
# On things never seen, the picture finds the right name of 18 far more often than text alone can, in every language. With the *wrong* picture
# hardly a name is right: so the picture is what is used. Skin tone, a colour, carries over better than woman, man or person, which is drawn in hair and clothes. Mind what this is: artwork that
# was drawn to show these words, and a choice among given names.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: collect words of the group's languages that a picture would settle (cook, teacher, cousin, bank) and that it would not.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 11 Scoring when people disagree
#
# Our scenes have one right answer. Photographs do not: VQA (Antol and others 2015) asks ten people, and an answer counts as right as far as they agree:
#
# $$\text{accuracy}(a) = \min\left(\frac{\text{how many of ten said } a}{3},\, 1\right)$$

# %% [markdown]
# ### Exercise 16.5 ●○○ 4 min
# Write `soft_accuracy(answer, humans)`: `answer` a str, `humans` a list of ten str. Return the formula's value, a float from 0 to 1. Example: if four said
# "two" and one said "2", then "two" scores 1.0, "2" scores 0.333, and "dog" 0.0.
# <details><summary>Hint: the idea</summary>Count how many equal the answer; three are enough.</details>
# <details><summary>Hint: pseudocode</summary>min(number of humans equal to answer / 3, 1)</details>


# %% tags=["exercise"]
def soft_accuracy(answer, humans):
    ### BEGIN SOLUTION
    return min(humans.count(answer) / 3, 1.0)
    ### END SOLUTION


# %%
check.ex16_5(soft_accuracy)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# What does it take to answer a question about a picture? Eyes that keep *what* and *where* together; a way for the question to choose where to look,
# with layers enough for a relation; when trained to count, a sum that keeps the total; and a memory if it says "it". And a test in which
# the words alone are worth little, or you will not know whether it looked.

# %% [markdown]
# ## What can go wrong
#
# - **A prior taken for sight.** Print the question alone, by type, beside every score.
# - **Weights that must sum to 1** where a total is asked for.
# - **A history that leaks.** If the history holds the answer, or the test's dialogues were in training, memory looks brilliant. Give it another scene's.
# - **A row with nothing to attend to** turns into NaN, and spoils the batch's gradient. Use `torch.where`, not a product with 0.
# - **Intervals over questions** of a few scenes: too narrow. Draw scenes.

# %% [markdown]
# ## What articles say, what is true
#
# - In the first VQA set a model that never looked did well: "yes" was right for 87 % of questions that begin "Do you see a", "2" for 39 % of "how many" (Goyal
#   and others 2017). Their VQA v2 pairs each question with two similar pictures that have *different* answers. That balances a lot, not all: Agrawal and others (2018)
#   changed the priors between training and test, and the models of the day fell far.
# - The formula with 3 is a shorthand. The official script leaves each of the ten people out in turn and takes the mean, so three who agree are worth a little less
#   than 1:

# %%
from mmcourse.data.vqa import soft_accuracy as official

for agree in range(5):
    humans = ["two"] * agree + ["many"] * (10 - agree)
    print(
        f"{agree} of ten agree: formula {min(humans.count('two') / 3, 1):.3f}, official {official('two', humans):.3f}"
    )

# %% [markdown]
# ## Three key points
#
# 1. Measure what the question alone gives away, by type, before you praise a model for seeing.
# 2. Attention finds one thing among many; more hops learn relations sooner, but not in the steps you imagine: knock one out before you tell its story.
#    Softmax forgets how many there are; when trained to count, sums and gates do not.
# 3. Memory and pictures help exactly where the words leave something open; a shuffled history or a wrong picture shows it.

# %% [markdown]
# ## Quiz
#
# **1.** A model answers "how many" questions right in 45 % of cases. What do you ask first?
# <details><summary>A: whether a deeper picture encoder would raise that figure further</summary>That comes later, if at all.</details>
# <details><summary>B: how often the same model is right without a picture</summary>Right. If "2" is right in 39 % of cases, 45 is little.</details>
# <details><summary>C: whether more training data could be bought</summary>Only once you know what the number is worth.</details>
#
# **2.** Why do sigmoid gates count better than softmax weights?
# <details><summary>A: a gate does not share with others, so two things weigh twice as much</summary>Right. Softmax weights sum to 1, whatever the number of things.</details>
# <details><summary>B: they have more parameters, so more can be learned with them</summary>They have exactly the same parameters.</details>
# <details><summary>C: the sigmoid has larger gradients than the softmax for large scores</summary>It saturates too; the sum is what differs.</details>
#
# **3.** Memory raises accuracy. Which control tells you that the *history* did it?
# <details><summary>A: the same model with memory, trained again from several other seeds</summary>That tells how much seeds matter.</details>
# <details><summary>B: a model without memory that is trained for longer</summary>It has fewer parameters, so it cannot tell history from size.</details>
# <details><summary>C: the same model with another scene's history in its place</summary>Right. The same size, the same form, no information.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer. With VQA v2 in your own folder, the `full` profile trains question alone and concat on photographs
# (one region each, from a pretrained network):

# %% tags=["further"]
if mm.per_profile(smoke=False, quick=False, full=True) and mm.data.ready("vqa"):
    photos = mm.load("vqa", limit=2000)
    texts = {word for k in range(len(photos.train)) for word in photos.train[k][0]["text"].lower().split()}
    number_of = {word: k for k, word in enumerate(sorted(texts), 1)}
    sides = []
    for split in (photos.train, photos.test):
        eyes_of = {}
        rows = []
        for k in range(len(split)):
            item, target = split[k]
            group = int(split.groups[k])
            if group not in eyes_of:
                eyes_of[group] = torch.as_tensor(representation.cnn_features(item["image"][None], size=96))[0]
            known = [number_of[w] for w in item["text"].lower().split() if w in number_of][:16]
            rows.append((eyes_of[group], known + [0] * (16 - len(known)), int(target)))
        sides.append(
            [torch.stack([r[0] for r in rows])[:, None], *(torch.tensor([r[k] for r in rows]) for k in (1, 2))]
        )
else:
    print("no photographs in this profile")

# %% [markdown]
# (The answers here are the thousand most frequent ones; what is not among them counts as wrong.)

# %% tags=["further"]
if mm.per_profile(smoke=False, quick=False, full=True) and mm.data.ready("vqa"):
    (x, q, y), (test_x, test_q, test_y) = sides
    for join in ("question", "concat"):
        torch.manual_seed(0)
        model = translation.VQAModel(1 + len(number_of), x.shape[2], len(photos.classes), join=join, width=128).to(
            device
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
        for _ in range(3000):
            rows = torch.randint(len(y), (256,))
            loss = functional.cross_entropy(
                model(*(t.to(device) for t in (x[rows], q[rows], q[rows] > 0))), y[rows].to(device)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            said = model(*(t.to(device) for t in (test_x, test_q, test_q > 0))).argmax(1).cpu()
        print(f"{join}: most frequent human answer given in {(said == test_y).float().mean():.3f} of test questions")

# %% [markdown]
# ## References
#
# - Agrawal, A. and others (2018). Don't just assume; look and answer: overcoming priors for visual question answering. CVPR.
# - Antol, S. and others (2015). VQA: visual question answering. ICCV.
# - Das, A. and others (2017). Visual dialog. CVPR.
# - Goyal, Y. and others (2017). Making the V in VQA matter: elevating the role of image understanding in visual question answering. CVPR.
# - Perez, E. and others (2018). FiLM: visual reasoning with a general conditioning layer. AAAI.
# - Specia, L. and others (2016). A shared task on multimodal machine translation and crosslingual image description. WMT.
# - Yang, Z. and others (2016). Stacked attention networks for image question answering. CVPR.
# - Zhang, Y., Hare, J., Prügel-Bennett, A. (2018). Learning to count objects in natural images for visual question answering. ICLR.
