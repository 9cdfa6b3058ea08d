# %% [markdown]
# # 7 Early, intermediate, late
#
# **Where should modalities meet?** · 90 minutes · needs lessons 3 and 5
#
# ![Three ways from a picture and a sound to a digit: join the numbers and train one network; give each an encoder and join the features; give each a network of its own and join the two decisions](flow: picture -> numbers joined; sound -> numbers joined; numbers joined -> early; picture -> features joined; sound -> features joined; features joined -> intermediate; picture -> decisions joined; sound -> decisions joined; decisions joined -> late)
#
# A picture of a digit and a recording of the same digit, both badly damaged. You will join them at three places, learn how
# much to trust each, and then break one of them. (The next cell takes about 5 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, fusion, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two damaged senses
#
# Handwritten digits of 8 by 8 pixels, and recordings of spoken digits as 13 MFCCs (lesson 4's description of a sound) at 20
# moments. Both are real; we **pair them by label**, after each was split into training, validation and test.
#
# We keep 5 of the 20 moments, so that both senses bring about as many numbers, 64 and 65, all standardised
# (average 0, standard deviation 1 over the clean training data). Noise of level 1 has the same standard deviation as the
# signal. (Code that only loads, draws or keeps score is folded; you need not read it.)

# %% tags=["further"]
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import torch
from ipywidgets import FloatSlider
from torch import nn
from torch.nn import functional

from mmcourse.data.pairs import matches
from mmcourse.metrics import bootstrap_interval, interval

OWN = "audio_visual_digits"
NAME = mm.per_profile(smoke=OWN, quick=OWN, full="av_mnist" if mm.data.ready("av_mnist") else OWN)
MOMENTS = [0, 5, 10, 14, 19]


def rows(split):
    """One row of numbers an item: {"image": (N, 64), "audio": (N, 65), "copies": (N, 260)}, and digits (N,)."""
    inputs, digit = split.arrays()
    image, audio = torch.tensor(inputs["image"]), torch.tensor(inputs["audio"])
    heard = audio[:, MOMENTS].flatten(1)
    return {"image": image.flatten(1), "audio": heard, "copies": heard.repeat(1, 4)}, torch.tensor(digit)


# %% [markdown]
# `load_pairs(seed, image_noise, audio_noise)` gives pictures `(1, 8, 8)` and sounds `(20, 13)`; a seed draws new partners and
# new noise. (Under the profile `full`, if you have AV-MNIST, they come from there, averaged to the same sizes: for "MFCC" read
# "frequency band". What the text says of results was written for our own pairs.)


# %% tags=["further"]
@cache
def av_mnist():
    """The first pairs of AV-MNIST, averaged to our sizes: [(pictures (N, 1, 8, 8), sounds (N, 20, 13), digits (N,)), ...]."""
    splits, parts = mm.load(NAME, limit=6000), []
    for split in (splits.train, splits.valid, splits.test):
        inputs, digit = split.arrays()
        image, audio = torch.tensor(inputs["image"]), torch.tensor(inputs["audio"]).asinh()  # like a logarithm, 0 is 0
        bands = functional.adaptive_avg_pool2d(audio, (13, 20))[:, 0].mT
        parts.append((functional.adaptive_avg_pool2d(image, 8).numpy(), bands.numpy(), digit))
    heard = parts[0][1]
    return [(image, (audio - heard.mean((0, 1))) / heard.std((0, 1)), digit) for image, audio, digit in parts]


def load_pairs(seed, image_noise=0, audio_noise=0):
    if NAME == OWN:
        return mm.load(NAME, image_noise=image_noise, audio_noise=audio_noise, seed=seed)
    rng, scale, splits = np.random.default_rng(seed), image_noise * av_mnist()[0][0].std(), []
    for image, audio, digit in av_mnist():
        image = image + scale * rng.standard_normal(image.shape, dtype=np.float32)
        audio = audio[matches(digit, digit, rng)] + audio_noise * rng.standard_normal(audio.shape, dtype=np.float32)
        splits.append(mm.data.Split({"image": image, "audio": audio}, digit))
    return mm.data.DataSplits(*splits)


# %% [markdown]
# `digits(seed, image_noise, audio_noise)` gives training, validation and test pairs, flat and standardised.


# %% tags=["further"]
@cache
def clean_and_noisy(seed):
    """The same pairs twice, clean and with noise of level 1."""
    return load_pairs(seed), load_pairs(seed, image_noise=1, audio_noise=1)


def digits(seed, image_noise=0.0, audio_noise=0.0):
    """Standardised pairs: {"train": (inputs, digit), "valid": ..., "test": ...}."""
    clean, noisy = clean_and_noisy(seed)
    pixels = rows(clean.train)[0]["image"]
    level, parts = {"image": image_noise, "audio": audio_noise, "copies": audio_noise}, {}
    for part in ("train", "valid", "test"):
        (inputs, digit), (worse, _) = rows(getattr(clean, part)), rows(getattr(noisy, part))
        inputs = {name: x + level[name] * (worse[name] - x) for name, x in inputs.items()}
        inputs["image"] = (inputs["image"] - pixels.mean()) / pixels.std()
        parts[part] = inputs, digit
    return parts


fresh = rows(load_pairs(0, image_noise=2, audio_noise=3).test)[0]
ours = digits(0, 2, 3)["test"][0]
assert torch.allclose(ours["audio"], fresh["audio"], atol=1e-4)

# %% [markdown]
# One pair, clean and with noise of level 1.

# %% tags=["further"]
figure, grid = plt.subplots(1, 4, figsize=(11.5, 2.8), width_ratios=(1, 1, 1.2, 1.2))
for k, noise in enumerate((0, 1)):
    inputs, digit = digits(0, noise, noise)["test"]
    state = ("clean", "noise 1")[k]
    grid[k].imshow(inputs["image"][4].reshape(8, 8), cmap="gray", vmin=-1, vmax=2)
    grid[k].set(title=f"picture, {state}", xticks=[], yticks=[])
    grid[k].grid(False)
    colors = grid[2 + k].imshow(
        inputs["audio"][4].reshape(5, 13).T, cmap="vlag", vmin=-4, vmax=4, aspect="auto", origin="lower"
    )
    grid[2 + k].set(title=f"sound, {state}", xlabel="moment", ylabel="MFCC" if NAME == OWN else "frequency band")
    grid[2 + k].grid(False)
figure.colorbar(colors, ax=grid[3], label="standard\ndeviations")
print(f"the digit is {digit[4]}; {len(digit)} test pairs")

# %% [markdown] tags=["alt"]
# *Figure: a written digit and its noisy copy, in which the strokes are hard to make out; beside them the 13 MFCCs of the
# same digit, spoken, at five moments, as a grid of colours, clean and noisy.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Three places to meet
#
# **Early**, at the level of the *features* that come in: put the numbers side by side, and let one network see it all.
# (Snoek and others 2005 compared early and late; Baltrušaitis and others 2019 survey all levels.)
#
# $$p(y \mid x_1, x_2) = \text{softmax}\, f([x_1; x_2])$$
#
# With a single sense in `dims`, the same class is our single-sense baseline. (Our networks return *scores*, one a class; the
# softmax that turns them into probabilities comes later.)


# %%
class Early(nn.Module):
    """Join the numbers, then one network with a hidden layer."""

    def __init__(self, dims, hidden=64, classes=10):
        super().__init__()
        self.names = sorted(dims)
        self.network = nn.Sequential(nn.Linear(sum(dims.values()), hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, inputs):  # dict of (B, d) -> scores (B, classes)
        return self.network(torch.cat([inputs[name] for name in self.names], 1))


# %% [markdown]
# **Intermediate**, at the level of the *model* (Ngiam and others 2011): each sense gets an encoder of its own, a **fusion block** joins the encoded
# features, and one network goes on. All parts are trained together.
#
# $$p(y \mid x_1, x_2) = \text{softmax}\, g(h_1(x_1), h_2(x_2))$$
#
# The simplest block is one linear layer over all features side by side:


# %%
class ConcatFusion(nn.Module):
    def __init__(self, dims, out_dim):
        super().__init__()
        self.names = sorted(dims)
        self.output = nn.Linear(sum(dims.values()), out_dim)

    def forward(self, features):  # dict of (B, d_m) -> (B, out_dim)
        return self.output(torch.cat([features[name] for name in self.names], -1))


# %% [markdown]
# The package's `fusion.ConcatFusion` has the same weights and checks its input; it also copes with absent senses (lesson
# 10). We go on with that one.


# %%
class Intermediate(nn.Module):
    """An encoder a sense, a fusion block, then the output layer."""

    def __init__(self, dims, block=fusion.ConcatFusion, hidden=64, classes=10):
        super().__init__()
        self.encoders = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(d, hidden), nn.ReLU()) for name, d in dims.items()}
        )
        self.fuse = block({name: hidden for name in dims}, hidden)
        self.output = nn.Linear(hidden, classes)

    def forward(self, inputs):
        features = {name: encoder(inputs[name]) for name, encoder in self.encoders.items()}
        return self.output(self.fuse(features).relu())


ours, theirs = (C({"image": 3, "audio": 2}, 4) for C in (ConcatFusion, fusion.ConcatFusion))
theirs.load_state_dict(ours.state_dict())
features = {"image": torch.randn(5, 3), "audio": torch.randn(5, 2)}
assert torch.allclose(ours(features), theirs(features))

# %% [markdown]
# **Late**, at the level of the *decision*: a finished network a sense, each says a probability for every digit, and only
# these probabilities are joined. For instance by their average:
#
# $$p(y \mid x_1, x_2) = \tfrac12\, p(y \mid x_1) + \tfrac12\, p(y \mid x_2)$$
#
# We stack the probabilities into one tensor `(models, items, classes)`.


# %%
def average_decisions(probabilities):  # (M, B, K) -> (B, K)
    return probabilities.mean(0)


two = torch.tensor([[[0.6, 0.4, 0.0]], [[0.0, 0.4, 0.6]]])  # two models, one item, three classes
assert torch.allclose(average_decisions(two), fusion.average_decisions(two))
print(average_decisions(two))

# %% [markdown]
# Two models of one item. One says "the first, perhaps the second", the other "the third, perhaps the second". The average
# gives the second class the most. Neither had it on top! That is a compromise no vote could find.

# %% [markdown]
# Early, intermediate and late are all **parallel**: both senses are always read, side by side. Two more shapes appear in
# section 6: **serial** (one after the other, the second only if needed) and **hierarchical** (some first, the rest later).
#
# There are also **multi-input** networks like `Intermediate`, where every sense keeps weights of its own, and **shared**
# networks, where all senses go through the same weights after a door of their own, one linear layer. The doors make the senses
# alike, the rest of the network is learned from both:


# %%
class Shared(nn.Module):
    """A door (one linear layer) a sense, one network for all of them, and the mean of the scores."""

    def __init__(self, dims, hidden=64, classes=10):
        super().__init__()
        self.doors = nn.ModuleDict({name: nn.Linear(d, hidden) for name, d in dims.items()})
        self.network = nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, inputs):
        return torch.stack([self.network(door(inputs[name])) for name, door in self.doors.items()]).mean(0)


# %% [markdown]
# The networks of a run share no weights, so we train them in one go: the losses are added up, each network feels only its
# own, and the data are read once. `mm.fit` then keeps the epoch with the best *sum* on validation data. `weighted` and
# `attention` learn at a pace of their own, so they are trained alone and each keeps its own best epoch.

# %%
DIMS = {"image": 64, "audio": 65}
NETWORKS = {
    "image": lambda: Early({"image": 64}),
    "audio": lambda: Early({"audio": 65}),
    "early": lambda: Early(DIMS),
    "intermediate": lambda: Intermediate(DIMS),
    "shared": lambda: Shared(DIMS),
    "weighted": lambda: Intermediate(DIMS, fusion.WeightedFusion),
    "attention": lambda: Intermediate(DIMS, fusion.AttentionFusion),
    "early_copies": lambda: Early({"image": 64, "copies": 260}),
}
MAIN = ("image", "audio", "early", "intermediate")

# %% [markdown]
# (`WeightedFusion` and `AttentionFusion` take weighted means of the features; section 4 explains them. The last network
# waits until section 5.)


# %%
def summed_loss(networks, batch):
    inputs, _, digit = batch
    return sum(functional.cross_entropy(network(inputs), digit) for network in networks.values())


@torch.no_grad()
def listen(networks, part):
    """What each network says: {name: probabilities (N, 10)}."""
    inputs = {name: x.to(device) for name, x in part[0].items()}
    return {name: network(inputs).softmax(-1).double().cpu() for name, network in networks.items()}


# %% tags=["further"]
SEEDS = range(mm.per_profile(smoke=5, quick=7, full=10))
EPOCHS = mm.per_profile(smoke=1, quick=12, full=30)
device = mm.device()


def items(part, senses):
    """A list of (inputs, digit) for mm.fit."""
    inputs, digit = part
    return [(dict(zip(senses, x, strict=True)), y) for *x, y in zip(*(inputs[s] for s in senses), digit, strict=True)]


def train(names, seed, image_noise=0.0, audio_noise=0.0):
    """Train the named networks on noisy pairs."""
    data = digits(seed, image_noise, audio_noise)
    torch.manual_seed(seed)
    networks = nn.ModuleDict({name: NETWORKS[name]() for name in names})
    senses = ("image", "audio", "copies") if "early_copies" in names else ("image", "audio")
    parts = [items(data[part], senses) for part in ("train", "valid")]
    mm.fit(networks, *parts, loss=summed_loss, epochs=EPOCHS, seed=seed, verbose=False)
    return networks


# %% [markdown] tags=["predict"]
# **Predict first.** At noise 1, a network that only sees is right about four times in five; one that only hears, about
# three times in four. How often will the average of the two be right? And which of early, intermediate and late will win?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: write the guesses for the average on the board. Many lie between the two single senses, as an average
# of two numbers would. Ask what would have to be true of the *errors* for the pair to beat both.

# %% [markdown]
# Seven runs, each with new partners, new noise and new weights (about 15 s). `runs` keeps what the networks said.

# %%
runs, teams = [], []
for seed in SEEDS:
    data = digits(seed, 1, 1)
    teams.append(train((*MAIN, "shared"), seed, 1, 1))
    for name in ("weighted", "attention"):
        teams[-1].update(train((name,), seed, 1, 1))
    runs.append({part: listen(teams[-1], data[part]) for part in ("valid", "test")})
answer = {part: data[part][1] for part in ("valid", "test")}  # the same pictures, in the same order, in every run


# %% [markdown]
# Joining decisions needs no training at all:


# %% tags=["further"]
def accuracy(probabilities, part="test"):
    """Per cent right."""
    return 100 * (probabilities.argmax(-1) == answer[part]).double().mean().item()


def pair(said, names=("image", "audio")):
    """Stack two networks' probabilities: (2, N, 10)."""
    return torch.stack([said[name] for name in names])


scores = {name: [accuracy(run["test"][name]) for run in runs] for name in runs[0]["test"]}
scores["late: average"] = [accuracy(fusion.average_decisions(pair(run["test"]))) for run in runs]
scores["late: product"] = [accuracy(fusion.product_decisions(pair(run["test"]))) for run in runs]
scores = {name: np.array(values) for name, values in scores.items()}
majority = 100 * answer["test"].bincount().max().item() / len(answer["test"])
shown = (*MAIN, "late: average", "late: product")
plotting.bars({k: scores[k] for k in shown}, ylabel="test accuracy in %", baseline=("majority class", majority))

# %% [markdown] tags=["alt"]
# *Figure: test accuracy of image, audio, early, intermediate, late by average and late by product, with 95 % intervals over
# all runs and a dashed line at the majority class. All four ways of joining are far above the single senses and close together; the product
# is highest.*

# %% [markdown]
# Did you guess a number between the two? Picture and sound seldom mislead on the same pair, so any meeting place beats the
# better sense by a wide margin. Early and intermediate are hard to tell apart. And the winner, at this noise, is the
# simplest of all: two networks that never met, and a multiplication. Will it win at every noise?

# %%
mm.claim(
    "07.1",
    "intermediate fusion beats the picture alone",
    scores["intermediate"] - scores["image"],
    margin=3,
    unit="points",
)
mm.claim(
    "07.2",
    "the product of decisions beats the picture alone",
    scores["late: product"] - scores["image"],
    margin=3,
    unit="points",
)
mm.claim("07.3", "the picture beats the sound", scores["image"] - scores["audio"], margin=3, unit="points")
print("product minus the better of early and intermediate, in points:")
print(interval(scores["late: product"] - np.maximum(scores["early"], scores["intermediate"])))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 When does it pay?
#
# Let us turn the noise up and down, on both senses, in training and in testing, and look at the **gain over the better
# single sense** (about 15 s).

# %% tags=["further"]
LEVELS = (0, 1, 2, 3)
by_noise = {1: runs}
networks_clean = [train((*MAIN, "early_copies"), seed) for seed in SEEDS]
for level in (0, 2, 3):
    by_noise[level] = []
    for seed in SEEDS:
        data = digits(seed, level, level)
        networks = networks_clean[seed] if level == 0 else train(MAIN, seed, level, level)
        by_noise[level].append({part: listen(networks, data[part]) for part in ("valid", "test")})

# %% [markdown]
# (The better sense is chosen on validation data, noise by noise.)

# %% tags=["further"]
gain = {name: [] for name in ("early", "intermediate", "late: average", "late: product")}
for level in LEVELS:
    found = {name: [accuracy(run["test"][name]) for run in by_noise[level]] for name in MAIN}
    found["late: average"] = [accuracy(fusion.average_decisions(pair(run["test"]))) for run in by_noise[level]]
    found["late: product"] = [accuracy(fusion.product_decisions(pair(run["test"]))) for run in by_noise[level]]
    judged = [np.mean([accuracy(run["valid"][name], "valid") for run in by_noise[level]]) for name in MAIN[:2]]
    single = np.array(found[MAIN[int(np.argmax(judged))]])
    lead = np.array(found["late: product"]) - np.maximum(found["early"], found["intermediate"])
    print(f"noise {level}: image {np.mean(found['image']):.0f} %, audio {np.mean(found['audio']):.0f} %,", end=" ")
    print(f"product minus the better of early and intermediate {interval(lead)}")
    for name, values in gain.items():
        values.append(np.array(found[name]) - single)
series = {name: np.array(values).T for name, values in gain.items()}
figure = plotting.lines(
    LEVELS, series, xlabel="noise on both senses", ylabel="points over the better sense", baseline=("better sense", 0)
)
figure.axes[0].set_ylim(bottom=-1)
figure

# %% [markdown] tags=["alt"]
# *Figure: points gained over the better single sense, against noise from none to three, for early, intermediate, late by
# average and late by product. All lines start low and close together, rise steeply, and fall again at the strongest noise.
# In strong noise the average is lowest; the bands of the other three overlap.*

# %% [markdown]
# On clean data the picture alone is nearly always right. Every way of joining removes the few errors that are left, so all
# of them look alike: **a comparison of fusion methods on easy data compares nothing.** With noise the gain is large, and the
# methods part. With too much noise there is less to join. The product wins at noise 1 only: elsewhere its lead over the
# better of early and intermediate is not above zero.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Why multiply?
#
# Suppose that, *given the digit*, picture and sound have nothing more to do with each other: whoever wrote a sloppy 7 did
# not also mumble it. Then $p(x_1, x_2 \mid y) = p(x_1 \mid y)\, p(x_2 \mid y)$, and the rule of Bayes, applied three times,
# gives
#
# $$p(y \mid x_1, x_2) \;\propto\; \frac{p(y \mid x_1)\; p(y \mid x_2)}{p(y)}$$
#
# ($\propto$: up to a factor that makes the sum over $y$ one.) Our digits are equally frequent, so $p(y)$ drops out.

# %% [markdown]
# So the product (a *product of experts*, Hinton 2002) is no trick. It is the right answer **under two conditions**. First,
# the assumption above, which our pairing makes true: we drew the partner of each picture at random among recordings of the
# same digit. Second, each opinion must be **calibrated**: of the pairs on which a network is 80 % sure, 80 % are right. The
# well-known AV-MNIST (Vielzeuf and others 2018) pairs pictures with recordings by label too, so results on it carry the same
# advantage.
#
# In a real recording the senses share more than the label: a tired person writes *and* speaks badly. There the product counts
# the shared part twice and becomes too sure.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: two weather apps say 80 % rain. If both copy the same forecast, you know 80 %. If they measured apart,
# you know far more. Let the group say which of the two a product assumes, and which one an average assumes.

# %% [markdown]
# ### Exercise 7.1 ●○○ 10 min
# Write `product_decisions`. `probabilities` is a float tensor (M, B, K): M models, B items, K classes, each row sums to 1.
# Return a torch tensor (B, K): for each item and class the product over the models, scaled so that each item's row sums to 1.
# It must work for 500 models too. Count a probability below 1e-12 as 1e-12. Example: `[[[0.8, 0.2]], [[0.6, 0.4]]]` gives 0.48 and 0.08
# before scaling, so a right answer is `[[6/7, 1/7]]`.
# <details><summary>Hint: the idea</summary>A product of 500 numbers below one is too small for a computer. On which scale does a product become a sum? And which well-known function brings such sums back to probabilities that add up to one?</details>
# <details><summary>Hint: pseudocode</summary>logs = logarithm of the probabilities (clamped from below); add over the first axis; softmax over the last.</details>


# %% tags=["exercise"]
def product_decisions(probabilities):  # (M, B, K) -> (B, K)
    ### BEGIN SOLUTION
    return probabilities.clamp(min=1e-12).log().sum(0).softmax(-1)
    ### END SOLUTION


# %%
check.ex7_1(product_decisions)

# %% [markdown]
# Now look again at an intermediate network, one whose features go **straight to the scores**, without a further layer:
# $W [h_1; h_2] + b = W_1 h_1 + (W_2 h_2 + b)$. The scores of the two senses are *added*, and adding inside a softmax means
# multiplying outside:

# %%
s1, s2 = torch.randn(4, 10), torch.randn(4, 10)  # the scores of two senses, four items
inside = (s1 + s2).softmax(-1)
outside = fusion.product_decisions(torch.stack([s1.softmax(-1), s2.softmax(-1)]))
assert torch.allclose(inside, outside, atol=1e-6)
print("adding scores = multiplying decisions")

# %% [markdown]
# The late product rule was hiding inside an intermediate network all along. The only difference: there, the two halves are
# trained *together*, towards a joint answer. `Shared` averages its scores: the same product, with exponents of one half.
# (`Intermediate` has one more layer after the fusion, so it can do more.) So the levels are no strict classes. What sets
# late fusion apart is that each sense is trained, and can be replaced, alone.

# %% [markdown]
# ### Other rules
#
# Kittler and others (1998) compared the simple ones. `probabilities` is always (M, B, K):
#
# | rule | in words | package |
# |---|---|---|
# | average (sum) | every model has an equal share | `average_decisions` |
# | weighted average | shares of your choice | `weighted_decisions` |
# | maximum | the surest opinion on each class counts | `max_decisions` |
# | vote | one model, one vote | `vote_decisions` |
# | product | evidence adds up | `product_decisions` |

# %%
rules = {rule: getattr(fusion, f"{rule}_decisions") for rule in ("vote", "max", "average", "product")}
by_rule = {name: np.array([accuracy(rule(pair(run["test"]))) for run in runs]) for name, rule in rules.items()}
single = ("picture alone", scores["image"].mean())
plotting.bars(by_rule, ylabel="test accuracy in %", title="Two decisions, joined (noise 1)", baseline=single)

# %% [markdown] tags=["alt"]
# *Figure: test accuracy of four rules with a dashed line for the picture alone. The vote is lowest, then come maximum,
# average and, highest, product.*

# %% [markdown]
# Two voters who disagree tie, and here a tie goes to the smaller digit, so that two voters do worse than the picture alone: a
# vote needs three or more (lesson 9). The maximum
# listens to one model a class, the average to both a little, the product to both in full. One warning: a single wrong
# "impossible" ruins a product, not an average.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Whom to trust?
#
# So far both senses had **fixed**, equal weights. Weights can also be **learned**. The obvious way is a weighted average,
# with the weight that makes the true digits of the validation data likeliest:
#
# $$\max_{w} \sum_i \log \left( w\, p(y_i \mid x_{1i}) + (1 - w)\, p(y_i \mid x_{2i}) \right)$$
#
# The other way puts the weights on the *logarithms*, as exponents of the product:
#
# $$p(y \mid x_1, x_2) \;\propto\; p(y \mid x_1)^{w_1}\; p(y \mid x_2)^{w_2}$$
#
# $1/w_m$ is called a **temperature**: above 1 it makes a model's opinion milder, below 1 sharper.

# %% [markdown] tags=["predict"]
# **Predict first.** The picture is right about four times in five, the sound about three times in four. Which share will the
# first way give to the picture? And will the learned share make the average better?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: nearly everybody expects a learned weight to be at least as good as a fixed one. Do not correct it
# here; after the figure, ask what a mixture of two models assumes about each item.

# %% [markdown]
# ### Exercise 7.2 ●●○ 15 min
# Write `weights_loss`, what the second way minimises. `weights` is a tensor (M,), `probabilities` (M, N, K) (all above 0),
# `target` (N,) holds class numbers. Raise each model's probabilities to its weight, multiply over models, scale each item's
# row to sum to 1; return the mean over items of minus the logarithm (natural) of the true class's probability, a scalar
# tensor through which gradients flow. Example: the two models of exercise 7.1 with weights `[1, 1]` and target `[0]` give
# $-\log(6/7) = 0.154$; with weights `[0, 0]`, $\log 2$.
# <details><summary>Hint: the idea</summary>A weight on the logarithm is an exponent on the probability. And "scale, take the logarithm at the true class, change the sign, average" has a ready name in torch.</details>
# <details><summary>Hint: pseudocode</summary>scores = sum over models of weights[m] times log(probabilities[m]), shape (N, K); return cross_entropy(scores, target), which applies log-softmax itself.</details>


# %% tags=["exercise"]
def weights_loss(weights, probabilities, target):  # (M,), (M, N, K), (N,) -> scalar tensor
    ### BEGIN SOLUTION
    scores = (weights[:, None, None] * probabilities.log()).sum(0)
    return functional.cross_entropy(scores, target)
    ### END SOLUTION


# %%
check.ex7_2(weights_loss)

# %% [markdown]
# `learn_weights` finds the best weights for either way, on the validation pairs; the test pairs stay out of it. (It
# searches the logarithms of the weights between -4 and 4, because where no validation pair is wrong, ever larger weights
# look ever better.)

# %% tags=["further"]
from scipy.optimize import minimize


def learn_weights(run, rule):
    """Find the two weights that make the validation digits likeliest under a rule of the package."""
    said, digit = pair(run["valid"]), answer["valid"]

    def surprise(logs):
        fused = rule(said, weights=np.exp(logs))
        return -fused[torch.arange(len(digit)), digit].clamp(min=1e-12).log().mean().item()

    found = np.exp(minimize(surprise, np.zeros(2), bounds=[(-4, 4)] * 2).x)
    return found / found.sum() if rule is fusion.weighted_decisions else found


ways = {"average, weighted": fusion.weighted_decisions, "product, weighted": fusion.product_decisions}
weights = {name: [learn_weights(run, rule) for run in runs] for name, rule in ways.items()}
for name, rule in ways.items():
    fused = [rule(pair(run["test"]), weights=w) for run, w in zip(runs, weights[name], strict=True)]
    by_rule[name] = np.array([accuracy(p) for p in fused])
    means = [f"{sense} {interval([w[k] for w in weights[name]])}" for k, sense in enumerate(("image", "audio"))]
    print(f"{name}: {', '.join(means)}")
order = ("average", "average, weighted", "product", "product, weighted")
plotting.bars({name: by_rule[name] for name in order}, ylabel="test accuracy in %", baseline=single)

# %% [markdown] tags=["alt"]
# *Figure: test accuracy of average, weighted average, product and weighted product. The weights make the average clearly
# worse and leave the product as it is.*

# %% [markdown]
# Learning made the average **worse**. Its likelihood asks "*which one* of the two should I believe?", because a mixture
# means that one of the models is right. The better model takes most of the weight, and then the other is rarely heard. But
# both are partly right, all the time.
#
# Exponents ask "how much evidence is each opinion worth?". For calibrated models the rule of Bayes says 1. Ours come out
# alike and a little higher, because these networks are *under*confident (the next cell counts it): they are right more often
# than they are sure, so their opinions deserve to be sharpened. Equal exponents change no decision, so accuracy stays that
# of the plain product.

# %% tags=["further"]
mm.claim(
    "07.4",
    "learned exponents beat the plain average",
    by_rule["product, weighted"] - by_rule["average"],
    margin=1,
    unit="points",
)
mm.claim(
    "07.5",
    "the plain average beats shares learned by likelihood",
    by_rule["average"] - by_rule["average, weighted"],
    margin=1,
    unit="points",
)
gap = by_rule["product, weighted"] - by_rule["product"]
print(f"learned exponents minus the plain product: {interval(gap)} points")
for sense in ("image", "audio"):
    sure = np.mean([100 * run["test"][sense].amax(-1).mean().item() for run in runs])
    print(f"{sense}: {sure:.1f} % sure on average, {scores[sense].mean():.1f} % right")

# %% [markdown]
# ### Weights that look
#
# A learned weight is the same for all items. **Attention** (Bahdanau and others 2015) computes weights for each item from its own features $h_m$:
#
# $$a_m = \text{softmax}_m\left( v^\top \tanh(U h_m) \right), \qquad h = \sum_m a_m h_m$$
#
# ($U$ and $v$ are learned.) That is `AttentionFusion`, at the intermediate level. It could listen to the sound for just
# those pairs whose picture is bad. `WeightedFusion` learns one $a_m$ for all. All networks with their sizes:

# %% tags=["further"]
for name in ("early", "intermediate", "shared", "weighted", "attention"):
    size = sum(p.numel() for p in NETWORKS[name]().parameters())
    print(f"{name:13} {size:6} parameters, test accuracy {interval(scores[name])}")
two = sum(p.numel() for name in ("image", "audio") for p in NETWORKS[name]().parameters())
print(f"{'late: product':13} {two:6} parameters, test accuracy {interval(scores['late: product'])}")

# %% [markdown]
# Attention came out last, even with an epoch of its own choice, though with equal weights for all items it would be as good
# as `WeightedFusion`. How does it use its freedom?

# %% tags=["further"]
swings = []
for seed, team in zip(SEEDS, teams, strict=True):
    network, inputs = team["attention"], digits(seed, 1, 1)["test"][0]
    block = network.fuse
    with torch.no_grad():
        features = {name: encoder(inputs[name].to(device)) for name, encoder in network.encoders.items()}
        h = torch.stack([block.project[name](features[name]) for name in block.dims])
        a = block.score(block.hidden(h).tanh()).softmax(0)  # the formula above: (2, N, 1)
        assert torch.allclose((a * h).sum(0), block(features), atol=1e-4)
    swings.append(100 * ((a > 0.8) | (a < 0.2)).any(0).double().mean().item())
print(f"share of the test pairs for which one sense gets more than 80 % of the attention: {interval(swings)} %")

# %% [markdown]
# For many pairs it nearly **chooses** one sense, where the rule of Bayes says add both; how many differs much from run to
# run. All pairs are equally noisy, so there was little to choose by. A more flexible block is not a
# better one; lesson 8 asks which fits which task. The shared network keeps up with fewer parameters than the multi-input
# one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 A sense fails
#
# Now the networks that were trained on **clean** pairs go outdoors. First the picture gets worse and worse (fog), the sound
# stays clean. Then the other way round (wind). Nobody trains anything anew.

# %% [markdown] tags=["predict"]
# **Predict first.** Which breaks sooner, early or late fusion? Does it matter *which* sense fails? And what changes
# if the early network gets the *same* 65 numbers of the sound four times over, 260 in all?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: copies hold no news, so most will say "nothing changes". Take that answer seriously: it is true of
# what *could* be learned, and false of what gradient descent learns first.

# %%
STRENGTH = (0, 1, 2, 3, 4)
outdoors = {}  # (failing sense, level) -> what the runs say
for sense in ("image", "audio"):
    for level in STRENGTH:
        noise = {f"{sense}_noise": level}
        data = [digits(seed, **noise) for seed in SEEDS]
        outdoors[sense, level] = [
            {part: listen(networks, d[part]) for part in ("valid", "test")}
            for networks, d in zip(networks_clean, data, strict=True)
        ]

# %% [markdown]
# `early, sound x 4` is the early network that got four copies of the sound. All others see 64 and 65 numbers.

# %% tags=["further"]
said_by = {"early": "early", "early, sound x 4": "early_copies", "intermediate": "intermediate"}
fall = {}  # (failing sense, way) -> (runs, levels)
for sense in ("image", "audio"):
    heard = [[run["test"] for run in outdoors[sense, level]] for level in STRENGTH]
    for way, name in said_by.items():
        fall[sense, way] = np.array([[accuracy(said[name]) for said in five] for five in heard]).T
    for way in ("average", "product"):
        fall[sense, f"late: {way}"] = np.array(
            [[accuracy(rules[way](pair(said))) for said in five] for five in heard]
        ).T

# %% tags=["further"]
figure, grid = plt.subplots(1, 2, figsize=(11, 5.2), sharey=True)
LOOK = dict(zip((*said_by, "late: average", "late: product"), ("o-", "o--", "s-", "^-", "D-"), strict=True))
for (sense, way), values in fall.items():
    k, axes = list(LOOK).index(way), grid[("image", "audio").index(sense)]
    half = [interval(column).high - column.mean() if np.ptp(column) else 0 for column in values.T]
    color = plotting.COLORS[max(0, k - 1)]
    axes.errorbar(STRENGTH, values.mean(0), half, fmt=LOOK[way], color=color, capsize=4, label=way)
    axes.set_title(f"{'the picture' if sense == 'image' else 'the sound'} fails", fontsize=14)
    axes.set(xlabel="noise on the failing sense", xticks=STRENGTH)
grid[0].set_ylabel("test accuracy in %")
_ = figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)

# %% [markdown] tags=["alt"]
# *Figure: two panels of test accuracy against noise on one sense; in the left one the picture fails, in the right one the
# sound. Five lines: early, early with four copies of the sound, intermediate, late by average and late by product. All
# start together. In strong noise the average is the highest of the balanced ways in both panels and the product is above
# early. Intermediate falls with early when the picture fails, with the product when the sound fails. Early with four
# copies is the highest line of all when the picture fails, and by far the lowest when the sound fails.*

# %% [markdown]
# With balanced senses, late fusion degrades more gracefully: a failing sense spoils one of two opinions, but in an early
# network it spoils half of the numbers that *every* hidden unit adds up. Intermediate fusion falls like early when the
# picture fails, and like the product when the sound fails.
#
# At little noise average and early do not differ. At strong noise the average overtakes the product, whichever sense
# fails: networks that never met noise are too sure of themselves, and a product believes them.

# %% [markdown]
# Four copies hold no more information than one, yet the early network now leans on the sound: losing the picture costs it
# less than any other way, losing the sound far more. A copied number enters every hidden unit's sum four times, so what is
# learned from it counts four times too. **The direction flips with the size of the inputs.** Whoever reports that
# late fusion is more robust should also report how many numbers each sense brought.

# %% tags=["further"]
# late minus early, by noise
balanced = sum(fall[sense, "late: average"] - fall[sense, "early"] for sense in ("image", "audio")) / 2
copied = {sense: fall[sense, "early, sound x 4"] - fall[sense, "late: average"] for sense in ("image", "audio")}
strong, little = STRENGTH.index(3), STRENGTH.index(1)
print("late (average) minus early, balanced, by noise:", balanced.mean(0).round(1), "points")
mm.claim(
    "07.6", "trained clean, late beats early when a sense is very noisy", balanced[:, strong], margin=4, unit="points"
)
mm.claim("07.7", "at little noise average and early do not differ", balanced[:, little], within=1, unit="points")
mm.claim(
    "07.8",
    "the sound in four copies, the picture fails: early beats late",
    copied["image"][:, strong],
    margin=1,
    unit="points",
)
print(f"... and when the sound fails: {interval(copied['audio'][:, strong]):+} points")

# %% [markdown]
# ### And if you know which sense fails?
#
# Take the validation pairs from outdoors and learn two exponents on them: two numbers, while all networks stay as they are.

# %% tags=["further"]
learned, repaired = {}, {}
for key, said in outdoors.items():
    for name, rule in ways.items():
        found = [learn_weights(run, rule) for run in said]
        right = [accuracy(rule(pair(run["test"]), weights=w)) for run, w in zip(said, found, strict=True)]
        learned[name, *key], repaired[name, *key] = found, np.array(right)
SHARES = np.linspace(0, 1, 21)  # for the widget below

# %% [markdown]
# The fair comparison is not only the plain average, but also the **healthy sense alone**: who knows which sense fails could
# just switch it off.

# %% tags=["further"]
HEALTHY = {"image": "audio", "audio": "image"}  # failing sense -> the other
alone = {s: np.array([accuracy(run["test"][HEALTHY[s]]) for run in outdoors[s, 3]]) for s in HEALTHY}
mended = {s: repaired["product, weighted", s, 3] for s in HEALTHY}
for sense, other in HEALTHY.items():
    share = np.mean([w[0] / w.sum() for w in learned["product, weighted", sense, 3]])
    print(f"{sense} at noise 3: {other} alone {interval(alone[sense])} %")
    print(f"    plain average {interval(fall[sense, 'late: average'][:, strong])}")
    print(f"    learned average {interval(repaired['average, weighted', sense, 3])}")
    print(f"    learned exponents {interval(mended[sense])}, share of the image {share:.2f}")
gained = sum(mended[sense] - alone[sense] for sense in HEALTHY) / 2
text = "a failing sense: learned exponents beat the healthy sense alone"
mm.claim("07.9", text, gained, unit="points")

# %% [markdown]
# Two numbers mend most of the damage, but most of that is switching off: the weighted average *is* the healthy sense alone.
# The exponents add about a point, because even a bad sense has something to say. And they needed labelled pairs from
# outdoors. Still, this is what the decision level gives you: the knob to turn is *outside* the networks.
#
# Turn it yourself. `weight` is the image's share of the exponents; the diamond is where learning put it. Does the peak (star)
# lie at the very end, where the failing sense is not heard at all? And with nothing failing (noise 0), how much does the
# weight matter?


# %% tags=["further"]
@cache
def by_share(sense, level):
    """Test accuracy for each share of the image's exponent: (runs, 21)."""
    five = [pair(run["test"]) for run in outdoors[sense, level]]
    return np.array([[accuracy(fusion.product_decisions(p, weights=(w, 1 - w))) for w in SHARES] for p in five])


def turn(failing, noise, weight):
    curve = by_share(failing, noise).mean(0)
    best = np.mean([w[0] / w.sum() for w in learned["product, weighted", failing, noise]])
    figure, axes = plt.subplots(figsize=(8.5, 4.2), subplot_kw={"ylim": (0, 103)})
    axes.plot(SHARES, curve, color=plotting.COLORS[3], label="weighted product")
    marks = {"equal weights": 0.5, "learned": best, "yours": weight, "peak": SHARES[curve.argmax()]}
    marks[f"{HEALTHY[failing]} alone"] = float(failing == "audio")
    for (name, x), marker, color in zip(marks.items(), "sDo*v", (4, 1, 7, 0, 2), strict=True):
        y = np.interp(x, SHARES, curve)
        axes.plot(x, y, marker, color=plotting.COLORS[color], markersize=11, label=f"{name}: {y:.1f} %")
    axes.set(xlabel="share of the image's exponent", ylabel="test accuracy in %", title=f"noise {noise} on {failing}")
    figure.legend(loc="outside right upper")
    return figure


share = FloatSlider(0.7, min=0, max=1, step=0.05, continuous_update=False)
_ = widgets.explore(turn, failing=["audio", "image"], noise=[4, 3, 2, 1, 0], weight=share)

# %% [markdown] tags=["alt"]
# *Figure: test accuracy against the image's share of the exponents while the sound is very noisy. The curve rises towards
# the right, has a peak shortly before the image gets everything, and ends slightly lower, at the image alone. The learned
# weight sits near the peak; equal weights are far below. The legend gives the accuracy at each mark.*

# %% [markdown]
# <details><summary>Answers</summary>The peak lies near the healthy sense, but shortly before the end: even a bad sense has something to say. With nothing failing the curve is flat but for its ends: any mixture will do, and the learned weight is arbitrary there.</details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 One after the other
#
# **Serial**: ask the cheap sense first, and the other only when in doubt. A doctor looks before ordering a scan. At the
# decision level this takes a few lines.

# %% [markdown]
# ### Exercise 7.3 ●●○ 10 min
# Write `cascade`. `first` and `second` are float tensors (B, K), probabilities of two models for the same items, all above
# 0; `threshold` is a number. An item whose **largest** probability in `first` is at least `threshold` keeps the row of
# `first`. Every other item gets the product of the two rows, scaled to sum to 1. Return `(fused, asked)`: (B, K), and a bool
# tensor (B,), True where the second model was asked. Example: `first = [[0.9, 0.1], [0.6, 0.4]]`,
# `second = [[0.2, 0.8], [0.2, 0.8]]`, threshold 0.7 gives `[[0.9, 0.1], [3/11, 8/11]]` and `[False, True]`. Change neither
# input in place.
# <details><summary>Hint: the idea</summary>Compute the product for everybody, then choose row by row. torch.where chooses; its condition needs a second axis to fit rows.</details>
# <details><summary>Hint: pseudocode</summary>asked = largest of first over the last axis is below threshold; both = first times second, divided by its row sums; fused = where(asked with a new last axis, both, first).</details>


# %% tags=["exercise"]
def cascade(first, second, threshold):  # (B, K), (B, K), number -> (B, K), bool (B,)
    ### BEGIN SOLUTION
    asked = first.amax(-1) < threshold
    both = first * second
    both = both / both.sum(-1, keepdim=True)
    return torch.where(asked[:, None], both, first), asked
    ### END SOLUTION


# %%
check.ex7_3(cascade)

# %% [markdown]
# For each threshold, how often is the ear asked, and how often is the answer right? (Noise 1, in training too. The
# threshold is chosen on validation pairs: the first that comes within a point of always asking.)

# %% tags=["further"]
thresholds = np.array([0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01])


def serial(run, part):
    """Share of items asked and accuracy, in per cent, for each threshold: (thresholds, 2)."""
    said, digit = pair(run[part]), answer[part].numpy()
    sure = said[0].amax(-1).numpy()
    alone, joint = (p.argmax(-1).numpy() == digit for p in (said[0], fusion.product_decisions(said)))
    return [[100 * np.mean(sure < t), 100 * np.mean(np.where(sure < t, joint, alone))] for t in thresholds]


curve = {part: np.mean([serial(run, part) for run in runs], 0) for part in ("valid", "test")}
chosen = int(np.argmax(curve["valid"][:, 1] >= curve["valid"][-1, 1] - 1))
(asked, right), always = curve["test"][chosen], curve["test"][-1, 1]
figure, axes = plt.subplots(figsize=(8, 4))
axes.plot(*curve["test"].T, "o-", color=plotting.COLORS[4], label="serial")
axes.plot(asked, right, "D", color=plotting.COLORS[7], markersize=11, label=f"threshold {thresholds[chosen]}")
axes.plot([0, 100], curve["test"][[0, -1], 1], "--", color="#333333", label="asking at random")
axes.set(xlabel="items for which the ear is asked, in %", ylabel="test accuracy in %")
figure.legend(loc="outside right upper")
print(f"the ear is asked for {asked:.0f} % of the items: {right:.1f} % right, against {always:.1f} % when always asked")
print(f"asking about the rest removes {100 * (always - right) / (100 - right):.0f} % of the errors that are left")

# %% [markdown] tags=["alt"]
# *Figure: accuracy against the share of items for which the ear is asked. The curve of the serial rule rises steeply from
# the picture alone and levels off well before all items are asked, about where a diamond marks the chosen threshold; a
# dashed straight line for asking at random lies below.*

# %% [markdown]
# The doubtful items are where the ear helps, so most of the gain comes early. The rest costs much and pays
# little.
#
# **Hierarchical** fusion joins related things first. Suppose the ear comes in two streams, the sound and how it *changes*
# from moment to moment: 4 differences between 5 moments, 13 numbers each, 52 in all. They belong together, so let them meet
# before they meet the picture. (We build this network but run no race: our changes are computed from the sound and hold
# no news.)

# %% tags=["further"]
dims, hidden, classes = {"image": 64, "sound": 65, "change": 52}, 64, 10
encoders = sum((d + 1) * hidden for d in dims.values())
print(
    f"hierarchical network, hidden {hidden}: {encoders + 2 * (2 * hidden + 1) * hidden + (hidden + 1) * classes} parameters"
)

# %% [markdown]
# ### Exercise 7.4 ●●● 15 min
# Write `Hierarchical`, a torch module. `dims` has the keys `"image"`, `"sound"` and `"change"` with their widths. Each gets
# an encoder, a linear layer to `hidden` and a ReLU. `fusion.ConcatFusion` joins the features of sound and change to
# `hidden`, then ReLU: the ear. A second `ConcatFusion` joins image and ear to `hidden`, then ReLU. A linear layer gives
# `classes` scores. `forward` takes a dict of (B, d) and returns (B, classes), no softmax. A right answer has as many
# parameters as printed above.
# <details><summary>Hint: the idea</summary>Intermediate, twice. What comes out of the first fusion is a feature like any other and goes into the second under a name of its own.</details>
# <details><summary>Hint: pseudocode</summary>in __init__: a ModuleDict of encoders as in Intermediate; ear = ConcatFusion of sound and change; join = ConcatFusion of image and ear; output = Linear. In forward: features = encoded; heard = relu(ear of the two); both = relu(join of {"image": ..., "ear": heard}); return output(both).</details>


# %% tags=["exercise"]
class Hierarchical(nn.Module):
    def __init__(self, dims, hidden=64, classes=10):
        super().__init__()
        ### BEGIN SOLUTION
        self.encode = nn.ModuleDict({key: nn.Sequential(nn.Linear(dims[key], hidden), nn.ReLU()) for key in dims})
        self.ear = fusion.ConcatFusion({"sound": hidden, "change": hidden}, hidden)
        self.join = fusion.ConcatFusion({"image": hidden, "ear": hidden}, hidden)
        self.scores = nn.Linear(hidden, classes)

    def forward(self, inputs):
        encoded = {key: layer(inputs[key]) for key, layer in self.encode.items()}
        heard = self.ear({key: encoded[key] for key in ("sound", "change")}).relu()
        return self.scores(self.join({"image": encoded["image"], "ear": heard}).relu())
        ### END SOLUTION


# %%
check.ex7_4(Hierarchical)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 The same with a picture and its name
#
# Does all this hold for other senses and other models? Emoji have pictures and English names; the question is the group
# (smileys, animals, food, flags, ...). One emoji a family, so that variants do not count twice. The picture becomes 12 by 12
# coloured dots, the name lesson 4's TF-IDF of its words, and the model is logistic regression. (About 5 s.)

# %% tags=["further"]
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

emoji = mm.load("emoji")


def one_a_family(split):
    """Pictures (N, 432), names and groups of the first emoji of each family."""
    inputs, group = split.arrays()
    first = np.unique(split.groups, return_index=True)[1]
    dots = inputs["image"][first].reshape(len(first), 3, 12, 4, 12, 4).mean((3, 5)).reshape(len(first), -1)
    return dots, inputs["text"][first], group[first]


parts = {part: one_a_family(getattr(emoji, part)) for part in ("train", "valid", "test")}
see, names, group = ({part: values[k] for part, values in parts.items()} for k in range(3))
words = TfidfVectorizer(sublinear_tf=True).fit(names["train"])
read = {part: words.transform(values) for part, values in names.items()}

# %% [markdown]
# Two single models, one early model (dots and words side by side, the dots scaled down, because 432 large numbers would
# drown a handful of words), and the decisions joined. `C`, how freely a model may fit, is the best of three on validation
# emoji; so was the factor 0.1, tried against 0.03, 0.3 and 1 beforehand.


# %%
def best_model(data):
    """The logistic regression with the best C on validation emoji."""
    models = [LogisticRegression(C=C, max_iter=3000).fit(data["train"], group["train"]) for C in (0.1, 1, 10)]
    return max(models, key=lambda model: model.score(data["valid"], group["valid"]))


joined = {part: sparse.hstack([0.1 * see[part], read[part]]).tocsr() for part in see}
sources = {"picture": see, "name": read, "early": joined}
opinion = {name: best_model(data).predict_proba(data["test"]) for name, data in sources.items()}
two = torch.tensor(np.stack([opinion["picture"], opinion["name"]]))
prior = np.bincount(group["train"]) / len(group["train"])
opinion["late: average"] = fusion.average_decisions(two).numpy()
opinion["late: product"] = fusion.product_decisions(two).numpy()
opinion["late: product / p(y)"] = opinion["late: product"] / prior  # the whole rule of Bayes

# %% [markdown]
# One more contestant, and it joins nothing: **read the name; if it holds no word known from training, look at the picture.**

# %%
known = np.asarray(read["test"].sum(1)).ravel() > 0
opinion["name if known, else picture"] = np.where(known[:, None], opinion["name"], opinion["picture"])
right = {name: 100.0 * (p.argmax(1) == group["test"]) for name, p in opinion.items()}
found = {name: bootstrap_interval(np.mean, hits) for name, hits in right.items()}
largest = 100 * np.mean(group["test"] == np.argmax(prior))
plotting.bars(found, ylabel="test accuracy in %", baseline=("largest group", largest))

# %% [markdown] tags=["alt"]
# *Figure: test accuracy on emoji groups with 95 % intervals over test items. Picture and name alone reach a little more than
# half; early, the three late ways and the rule "name if known, else picture" lie together far above them.*

# %% [markdown]
# The gain is large again. But the rule that joins nothing gains as much! Let us look at names with and without a known word
# separately, and at the paired differences from the rule.

# %% tags=["further"]
rule = right.pop("name if known, else picture")
print(f"names without one known word: {(~known).sum()} of {len(known)}")
for name, hits in right.items():
    minus = f"minus the rule {bootstrap_interval(lambda a, b: np.mean(a - b), hits, rule):+}"
    print(f"{name:20} known {hits[known].mean():.1f} %, unknown {hits[~known].mean():.1f} %, {minus}")
wrong = [right[name] == 0 for name in ("picture", "name")]
both, chance = 100 * np.mean(wrong[0] & wrong[1]), 100 * wrong[0].mean() * wrong[1].mean()
print(f"both wrong: {both:.1f} %; if their errors were independent: {chance:.1f} %")

# %% [markdown]
# So this is mostly not evidence adding up, as with the digits, but **filling in for a silent sense**. On known names, joining
# adds little to the name alone; on unknown names, the best it can do is what the picture says. Picture and name even fail
# together more often than chance would have it. None of the four ways differs from the rule by more than its interval. Real
# pairs, and section 6's serial thinking does as well as any fusion: always race against "use the sense that speaks".

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: before showing the table, ask for the cheapest rule that could explain the gain. Groups that work
# with text and images know the case: a missing caption looks like a triumph of fusion.

# %% [markdown]
# <details><summary>Further: must you divide by p(y) here?</summary>Groups are not equally frequent, so p(y) does not drop out. On unknown names the model of names falls back on the frequencies of the groups. The picture's model has learned these too, and the bare product counts them twice. The correction points the right way, but on a test set of this size its interval does not exclude zero.</details>

# %% tags=["further"]
# with the division and without
difference = bootstrap_interval(lambda a, b: np.mean(a - b), right["late: product / p(y)"], right["late: product"])
print(f"dividing by p(y): {difference:+} points")
assert np.allclose(opinion["name"][~known], opinion["name"][~known][0])  # no known word: always the same opinion

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# Where should modalities meet? As late as what they share allows: at the decision if they share nothing but the answer,
# earlier if only their combination means something.
#
# | what you know | where to meet |
# |---|---|
# | the senses share only the answer; their opinions are calibrated | **late**, by product |
# | the same, but one sense may fail and be confidently wrong | **late**, by average; better: a product with exponents learned where it fails |
# | the meaning lies in the *combination* (lesson 3's synergy) | **intermediate** or early: joined decisions cannot see it |
# | inputs of the same kind, in step, of equal size | **early** is the least work |
# | reading the second sense is expensive, or one is often silent | **serial** |

# %% [markdown]
# On our digits all levels beat the better sense, by a few points on clean data and by far in noise, and the level
# mattered less than how much each sense was trusted.

# %% [markdown]
# ## What can go wrong
#
# - **Paired by label.** Given the digit, our picture and sound are independent, the best case for late fusion and for the
#   product. What no such pairing can show: shared causes (haste, a dialect), and links finer than the label (lips and
#   sounds).
# - **Shared test pictures.** All runs use the same pictures, writers and voices in the same parts. The intervals cover
#   new partners, new noise and new weights, not new people.
# - **Overconfidence multiplies.** Check that 80 % sure means 80 % right before you multiply.

# %% [markdown]
# - **The validation data must be from outdoors.** Exponents learned on clean pairs say nothing about fog, and where no
#   validation pair is wrong they are arbitrary.
# - **Two senses, one weak.** Averaging in a much weaker model can cost more than it brings. Weigh, or check on validation
#   data.
# - **Both fail at once.** Our claim on graceful late fusion is about *one* failing sense. With both:

# %% tags=["further"]
early, average, product = [], [], []
for seed, networks in zip(SEEDS, networks_clean, strict=True):
    said = listen(networks, digits(seed, 2, 2)["test"])
    early.append(accuracy(said["early"]))
    average.append(accuracy(fusion.average_decisions(pair(said))))
    product.append(accuracy(fusion.product_decisions(pair(said))))
print(f"trained clean, both senses at noise 2: early {interval(early)}")
print(f"late, average {interval(average)}, product {interval(product)}")

# %% [markdown]
# When both opinions are spoiled, the average falls behind early fusion, and the product keeps level with it.

# %% [markdown]
# ## What articles say, what is true
#
# - *"Early fusion learns the interactions, so it is better."* Only if there are any beyond the label.
# - *"Late fusion is more robust."* To one failing sense, with balanced inputs, at strong noise. Change
#   any of the three conditions, and it may not be.
# - *"AV-MNIST is a multimodal benchmark."* Its two halves were paired by label, as ours.

# %% [markdown]
# ## Three key points
#
# 1. Early joins numbers, intermediate joins features, late joins decisions. A network that adds the scores of its senses
#    is a product of decisions, trained together.
# 2. If the senses are independent given the answer, multiply: $p(y \mid x_1, x_2) \propto p(y \mid x_1)\, p(y \mid x_2) / p(y)$.
#    Learn weights as exponents, not as shares.
# 3. Report noise, input sizes and single senses beside any ranking of fusion levels: clean data show no difference, and the
#    sizes can turn a ranking round.

# %% [markdown]
# ## Quiz
#
# **1.** Weights for a weighted *average* of two good models, learned by likelihood, came out worse than equal weights. Why?
# <details><summary>A: there were too few validation pairs to learn two numbers well</summary>The same pairs were enough to learn two exponents.</details>
# <details><summary>B: a mixture asks which model is right, so one is not heard</summary>Right. Both hold evidence on every item, and exponents keep both.</details>
# <details><summary>C: likelihood always prefers the sharper of two models</summary>It punishes sharp and wrong severely. What it prefers depends on how often each is right.</details>
#
# **2.** You train early and late fusion on clean data, with 1,000 numbers of video and 10 of sound. The sound fails. What do
# you expect?
# <details><summary>A: late fusion degrades less, as it always does when one sense of two fails</summary>That holds for balanced sizes. Here the early network hardly leans on the sound.</details>
# <details><summary>B: the two degrade alike, because the sound is a hundredth of the input</summary>A hundredth of the input, but half of the opinions in an average.</details>
# <details><summary>C: early fusion degrades less, as it leans on the many numbers of video</summary>Right. The late average gives the broken sound half of the say. Learned exponents would mend that.</details>
#
# **3.** In a new data set one person writes and says each digit. The product rule is worse calibrated there than on our pairs.
# What happened?
# <details><summary>A: errors of one person go together, so the product counts shared evidence twice</summary>Right. Given the digit, the senses are no longer independent.</details>
# <details><summary>B: the digits are not equally frequent, so p(y) no longer drops out</summary>One division would mend that, and it has nothing to do with who wrote them.</details>
# <details><summary>C: real recordings are noisier, and products suffer from any noise</summary>Noise that is independent from sense to sense leaves the rule valid: ours was noisy too.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# <details><summary>Exponents or temperatures before the product?</summary>They are the same here: p^w scaled to sum to one is a softmax of the scores divided by the temperature 1/w (Guo and others 2017), and a factor that is the same for all classes drops out of the product.</details>
#
# <details><summary>Why is the average safer than the product?</summary>Kittler and others (1998) follow small errors of the probabilities through both rules. In the product relative errors add up, and they are largest where a probability is nearly zero; in the average they are weighed by the probabilities themselves.</details>
#
# <details><summary>Everything else the package can do at the intermediate level</summary>Gates, bilinear and tensor products, graphs, sets, transformers over sequences: lesson 8.</details>

# %% [markdown]
# ## References
#
# - Kittler, J., Hatef, M., Duin, R. P. W., Matas, J. (1998). On combining classifiers. IEEE TPAMI 20(3).
# - Hinton, G. E. (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14(8).
# - Snoek, C. G. M., Worring, M., Smeulders, A. W. M. (2005). Early versus late fusion in semantic video analysis. ACM Multimedia.
# - Ngiam, J. and others (2011). Multimodal deep learning. ICML.
# - Bahdanau, D., Cho, K., Bengio, Y. (2015). Neural machine translation by jointly learning to align and translate. ICLR.
# - Guo, C., Pleiss, G., Sun, Y., Weinberger, K. Q. (2017). On calibration of modern neural networks. ICML.
# - Vielzeuf, V., Lechervy, A., Pateux, S., Jurie, F. (2018). CentralNet: a multilayer approach for multimodal fusion. ECCV Workshops. (It introduced AV-MNIST.)
# - Baltrušaitis, T., Ahuja, C., Morency, L.-P. (2019). Multimodal machine learning: a survey and taxonomy. IEEE TPAMI 41(2).
