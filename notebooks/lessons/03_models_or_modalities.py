# %% [markdown]
# # 3 Combining models or combining modalities?
#
# **When does another model help, and when only another sense?** · 90 minutes · needs lessons 1 and 2
#
# ![Three ways to answer whether the sum of a written and a spoken digit is odd: many models of the picture, many models of the sound, or one joint model that gets both](flow: written digit -> five eye models -> average or stack; written digit -> joint model -> one joint answer; spoken digit -> joint model; spoken digit -> five ear models -> average or stack; average or stack -> is the sum odd?; one joint answer -> is the sum odd?)
#
# In lessons 1 and 2 you combined models that all looked at the same thing. Now you could also plug in a microphone. At the
# end you can tell which will pay, another model or another sense, by measuring, before you train anything big. (The next
# cell loads the libraries, which takes about 15 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, ensembles, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Two senses, three questions
#
# The **eye** gets scans of handwritten digits, 8 by 8 pixels. The **ear** gets recordings of people saying digits, already
# turned into mel-frequency cepstral coefficients (MFCCs): 13 numbers for each short moment of sound, which lesson 4 builds.
# Both are real. For the ear we keep 12 moments, evenly spaced, so that every recording becomes a row of the same length. (Code that only loads,
# draws or keeps score is folded in this lesson; you need not read it.)

# %% tags=["further"]
import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from mmcourse.metrics import interval

digits, spoken = mm.load("digits"), mm.load("spoken_digits")


def eye(split):
    """Pictures as rows of pixels between -1 and 1: (N, 64), and their digits (N,)."""
    inputs, digit = split.arrays()
    return 2 * inputs["image"].reshape(len(digit), -1) - 1, digit


def ear(split, moments=12):
    """Recordings as rows of 12 moments with 13 MFCCs each: (N, 156), and their digits (N,)."""
    inputs, digit = split.arrays()
    rows = [audio[np.linspace(0, len(audio) - 1, moments).astype(int)].ravel() for audio in inputs["audio"]]
    return np.array(rows), digit


# %% [markdown]
# Nobody wrote and spoke these digits at the same time, so we will pair them ourselves. Each half is **split first, paired
# later**: a test picture never met a training recording, nor the other way round.

# %% tags=["further"]
scaler = StandardScaler().fit(ear(spoken.train)[0])  # fitted on training recordings only
halves = {}
for part in ("train", "valid", "test"):
    sounds, heard = ear(getattr(spoken, part))
    halves[part] = eye(getattr(digits, part)), (scaler.transform(sounds), heard)
    print(f"{part}: {len(getattr(digits, part))} pictures, {len(sounds)} recordings")

# %% [markdown]
# From these halves we make three tasks. Each asks a yes-or-no question about a pair.
#
# | task | the pair | the question |
# |---|---|---|
# | **redundant** | the same digit, written and spoken, both badly | Is it odd? |
# | **unique** | two digits, drawn independently | Is the *written* one odd? |
# | **synergy** | two digits, drawn independently | Is their *sum* odd? |
#
# In the first, either sense could do. In the second, only the eye knows. And in the third? Keep your guess. The redundant
# pairs are smudged and hissing, so that there is something left to gain; the others are clean.

# %%
NOISE = {"redundant": (0.8, 1.6), "unique": (0.0, 0.0), "synergy": (0.0, 0.0)}  # added to pixels, to MFCCs


def pairs(half, task, count, rng, noise=None):
    """Draw pairs -> inputs {"eye": (N, 64), "ear": (N, 156)}, label (N,), digits {"eye": (N,), "ear": (N,)}."""
    (pictures, seen), (sounds, heard) = half
    i, j = rng.integers(len(seen), size=count), rng.integers(len(heard), size=count)
    if task == "redundant":
        rows = [np.flatnonzero(heard == digit) for digit in range(10)]
        j = np.array([rng.choice(rows[digit]) for digit in seen[i]])
    smudge, hiss = NOISE[task] if noise is None else noise
    inputs = {
        "eye": pictures[i] + smudge * rng.normal(size=pictures[i].shape),
        "ear": sounds[j] + hiss * rng.normal(size=sounds[j].shape),
    }
    label = (seen[i] + heard[j]) % 2 if task == "synergy" else seen[i] % 2
    return inputs, label, {"eye": seen[i], "ear": heard[j]}


# %% [markdown]
# Here is one redundant pair, clean and as the models will get it.

# %% tags=["further"]
(inputs, label, drawn), (noisy, _, _) = (
    pairs(halves["train"], "redundant", 1, np.random.default_rng(3), noise) for noise in ((0, 0), None)
)
figure, grid = plt.subplots(1, 4, figsize=(11.5, 2.8), width_ratios=(1, 1, 1.2, 1.2))
for axes, (row, title) in zip(grid[:2], ((inputs, "eye, clean"), (noisy, "eye, smudged")), strict=True):
    axes.imshow(row["eye"].reshape(8, 8), cmap="gray", vmin=-1.6, vmax=1.6)
    axes.set(title=title, xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
for axes, (row, title) in zip(grid[2:], ((inputs, "ear, clean"), (noisy, "ear, hissing")), strict=True):
    colors = axes.imshow(row["ear"].reshape(12, 13).T, cmap="vlag", vmin=-4, vmax=4, aspect="auto", origin="lower")
    axes.set(title=title, xlabel="moment", ylabel="MFCC")
    axes.grid(False)
figure.colorbar(colors, ax=grid[3], label="standard\ndeviations")
print(f"written: {drawn['eye'][0]}, spoken: {drawn['ear'][0]}, is it odd? {'yes' if label[0] else 'no'}")

# %% [markdown] tags=["alt"]
# *Figure: a written digit and its smudged copy, in which the strokes just about survive; beside them the MFCCs of the same
# digit, spoken, as a grid of colours over time, and the hissing copy, whose coarse pattern can still be made out. A colour
# bar says how many standard deviations above or below its average each MFCC is.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Many models, one sense
#
# Five kinds of model: a linear one, a probabilistic one (naive Bayes), one that remembers (nearest
# neighbours), a forest (lesson 1's bagged trees) and a small neural network. Each kind is trained once on the eye's half
# of the pairs and once on the ear's half.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

SEEDS = range(5)
COUNT = {
    "train": mm.per_profile(smoke=150, quick=2000, full=8000),
    "valid": mm.per_profile(smoke=100, quick=1000, full=2000),
    "test": mm.per_profile(smoke=200, quick=3000, full=8000),
}


def zoo(seed):
    """Five untrained models of different kinds."""
    return {
        "linear": LogisticRegression(C=0.1, max_iter=1000),
        "naive Bayes": GaussianNB(),
        "neighbours": KNeighborsClassifier(15),
        "forest": ensembles.RandomForestClassifier(30, min_samples_leaf=3, random_state=seed),
        "network": MLPClassifier((64,), alpha=0.01, early_stopping=True, max_iter=500, random_state=seed),
    }


# %% [markdown]
# One run draws fresh training, validation and test pairs, trains the ten models, and keeps each model's probability of
# *odd*. A new seed means new pairs, new noise and new models, from the same halves.

# %%
NAMES = [f"{sense}: {name}" for sense in ("eye", "ear") for name in zoo(0)]
SENSES = {"eye": slice(0, 5), "ear": slice(5, 10), "both": slice(0, 10)}


def members(task, seed):
    """Train five models a sense -> {"pairs": what was drawn, "p_odd": {"valid": (10, N), "test": (10, N)}}."""
    rng = np.random.default_rng(seed)
    drawn = {part: pairs(halves[part], task, count, rng) for part, count in COUNT.items()}
    p_odd = {"valid": [], "test": []}
    for sense in ("eye", "ear"):
        for model in zoo(seed).values():
            model.fit(drawn["train"][0][sense], drawn["train"][1])
            for part, rows in p_odd.items():
                rows.append(model.predict_proba(drawn[part][0][sense])[:, 1])
    return {"pairs": drawn, "p_odd": {part: np.array(rows) for part, rows in p_odd.items()}}


def accuracy(p_odd, label):
    """Share of rows on the right side of one half."""
    return np.mean((p_odd > 0.5) == label)


# %% [markdown]
# Start with the redundant task and the eye alone: is the average of five models better than its members? This takes
# about 20 s.

# %%
runs = {"redundant": [members("redundant", seed) for seed in SEEDS]}
tests = [(run["p_odd"]["test"], run["pairs"]["test"][1]) for run in runs["redundant"]]
scores = {name: [accuracy(p_odd[k], label) for p_odd, label in tests] for k, name in enumerate(NAMES[:5])}
scores["eye: average of five"] = [accuracy(p_odd[:5].mean(axis=0), label) for p_odd, label in tests]
majority = np.mean([max(label.mean(), 1 - label.mean()) for _, label in tests])
plotting.bars(scores, ylabel="test accuracy", title="Redundant task, eye only", baseline=("majority", majority))

# %% [markdown] tags=["alt"]
# *Figure: test accuracy of the five eye models and of their average, with 95 % intervals over five runs and a dashed line
# at the majority class. All are far above the line; the average is better than the weaker members but not than the best.*

# %% [markdown]
# The average beats its weaker members and stays behind the best one. Is that a failure? To see what an average can promise,
# look at the squared error of the probabilities. For member outputs $p_m$, their mean $\bar p$ and the answer
# $y \in \{0, 1\}$, Krogh and Vedelsby (1995) found
#
# $$\underbrace{(\bar p - y)^2}_{\text{ensemble error}} \;=\; \underbrace{\tfrac1M \sum_m (p_m - y)^2}_{\text{average error}}
# \;-\; \underbrace{\tfrac1M \sum_m (p_m - \bar p)^2}_{\text{ambiguity}}$$
#
# It is exact, on every single row, whatever the models are. The ambiguity does not even contain the answer: it is how much
# the members disagree.

# %%
p_odd, label = tests[0]
average = ((p_odd - label) ** 2).mean(axis=0)
ambiguity = ((p_odd - p_odd.mean(axis=0)) ** 2).mean(axis=0)
ensemble = (p_odd.mean(axis=0) - label) ** 2
assert np.allclose(ensemble, average - ambiguity)

# %% [markdown]
# In squared error, an average is therefore never worse than its average member. That is the whole promise; the best member
# is not in it.
# How much do five eyes disagree, and how much do five eyes and five ears?

# %% tags=["further"]
split = {}
for name, rows in SENSES.items():
    errors = [((p_odd[rows] - label) ** 2).mean() for p_odd, label in tests]
    left = [((p_odd[rows].mean(axis=0) - label) ** 2).mean() for p_odd, label in tests]
    split[name] = np.mean(left), np.mean(errors)
figure, axes = plt.subplots(figsize=(7.5, 2.8))
names = ["five eye models", "five ear models", "all ten"]
left, total = np.array(list(split.values())).T
axes.barh(names, left, color=plotting.COLORS[0], label="ensemble error")
axes.barh(names, total - left, left=left, color="white", edgecolor=plotting.COLORS[0], hatch="//", label="ambiguity")
axes.invert_yaxis()
axes.set_xlabel("squared error; the whole bar is the average member's")
_ = figure.legend(loc="outside right upper")

# %% [markdown] tags=["alt"]
# *Figure: three bars of nearly equal length, the average member's error. Ambiguity takes a small piece off the end of the
# five eye models' bar, a somewhat larger one off the ears', and by far the largest off the bar of all ten.*

# %% [markdown]
# What differs is how much the members disagree: eyes agree with eyes, also when they are wrong. An eye and an ear disagree
# far more, and that is exactly what the average gains.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 The error that no number of models removes
#
# Call $e_m = p_m - y$ the error of member $m$. Squaring the mean of $M$ errors gives $M^2$ products. Of these, $M$ are of a
# member with itself (average $v$, the members' own squared error) and $M(M - 1)$ of two different ones (average $c$, the
# **shared error**): $(M v + M(M - 1)\, c) / M^2$. In short,
#
# $$\text{ensemble error} = c + \frac{v - c}{M}$$
#
# exactly. The private part shrinks with every member you add. The shared part never does, as long as the new members are
# of the same kinds: $c$ belongs to these members.

# %%
eyes, label = tests[0][0][:5], tests[0][1]
v = ((eyes - label) ** 2).mean()
whole = ((eyes.mean(axis=0) - label) ** 2).mean()
print(f"v = {v:.4f}, ensemble error = {whole:.4f}, so c must be {(5 * whole - v) / 4:.4f}")

# %% [markdown]
# ### Exercise 3.1 ●○○ 10 min
# Write `shared_error`: the average product of the errors of two *different* members. `predictions` has shape (M, N), one
# row a member, `target` has shape (N,); the result is one number. For the five eye models a right
# answer gives the $c$ printed above, without solving the formula backwards.
# <details><summary>Hint: the idea</summary>The table of all products, a member with itself included, is one matrix product. What stands on its diagonal is not shared.</details>
# <details><summary>Hint: pseudocode</summary>errors = predictions - target, shape (M, N). products = errors times its own transpose, divided by N, shape (M, M). Sum everything, subtract the sum of the diagonal, and divide by the number of entries that are left, M (M - 1).</details>


# %% tags=["exercise"]
def shared_error(predictions, target):  # (M, N), (N,) -> one number
    ### BEGIN SOLUTION
    errors = predictions - target
    products = errors @ errors.T / errors.shape[1]
    count = len(products)
    return (products.sum() - np.trace(products)) / (count * (count - 1))
    ### END SOLUTION


# %%
check.ex3_1(shared_error)

# %% [markdown] tags=["predict"]
# **Predict first.** We train a forest on the eye's pictures: 200 trees, each on its own bootstrap sample with its own choice
# of pixels, as in lesson 1. Their average has some error. How many trees *without any shared error* would have done as
# well: about 100, about 20, or about 2?

# %% [markdown]
# We grow that forest for the eye and one of half its size for the ear, in five runs (about 20 s), and keep what every
# single tree says.

# %%
TREES = mm.per_profile(smoke=20, quick=200, full=200)


def grow(seed):
    """Train a forest a sense on redundant pairs -> {"eye": (trees, N), "ear": (trees / 2, N)} and label (N,)."""
    rng = np.random.default_rng(seed)
    inputs, label, _ = pairs(halves["train"], "redundant", COUNT["train"] // 2, rng)
    unseen, answer, _ = pairs(halves["test"], "redundant", COUNT["test"], rng)
    trees = {}
    for sense, size in (("eye", TREES), ("ear", TREES // 2)):
        forest = ensembles.RandomForestClassifier(size, min_samples_leaf=3, random_state=seed)
        forest.fit(inputs[sense], label)
        trees[sense] = np.array([tree.predict_proba(unseen[sense])[:, 1] for tree in forest.estimators_])
    return trees, answer


forests = [grow(seed) for seed in SEEDS]

# %% [markdown]
# $M'$ trees that share nothing have error $v / M'$; set it equal to ours, and $M' = v\, / \left(c + (v - c)/M\right)$.

# %%
trees, answer = forests[0]
v = ((trees["eye"] - answer) ** 2).mean()
whole = ((trees["eye"].mean(axis=0) - answer) ** 2).mean()
c = (TREES * whole - v) / (TREES - 1)
print(f"shared part c/v = {c / v:.2f}: {TREES} trees are worth {v / whole:.1f} trees that share nothing")

# %% [markdown]
# That is the first surprise of this lesson. The trees were made as different as we could make them, but they look at the
# same smudge, they learn from the same pictures, and where in doubt they all hedge in the same direction. All of this is
# shared error. Turn the knobs to see what it does; the dots are our own trees, added one by one.

# %% tags=["further"]
grown = np.cumsum(trees["eye"], axis=0) / np.arange(1, TREES + 1)[:, None]
measured = ((grown - answer) ** 2).mean(axis=1) / v
dots = np.unique(np.geomspace(1, TREES, 16).astype(int))


def gain(shared_part, models):
    """Draw the error of an average of models, as a share of one model's error."""
    count = np.arange(1, TREES + 1)
    error = shared_part + (1 - shared_part) / count
    figure, axes = plt.subplots(figsize=(8, 4))
    axes.plot(count, error, label="c + (v - c) / M")
    axes.plot(dots, measured[dots - 1], "o", color=plotting.COLORS[7], markersize=4, label="our trees, one by one")
    axes.axhline(shared_part, color="#333333", linestyle="--", label="shared error")
    axes.plot(models, error[models - 1], "D", color=plotting.COLORS[1], markersize=10, label="your ensemble")
    axes.set(xlabel="number of models M", ylabel="error / error of one model", ylim=(0, 1.05), xscale="log")
    ticks = [n for n in (1, 10, 100) if n <= TREES]
    axes.set_xticks(ticks, ticks)
    axes.set_title(f"{models} models are worth {1 / error[models - 1]:.1f} that share nothing")
    figure.legend(loc="outside right upper")
    return figure


_ = widgets.explore(gain, shared_part=(0.0, 1.0, 0.02), models=(1, TREES, 1))

# %% [markdown] tags=["alt"]
# *Figure: error against number of models. The curve falls steeply for the first few models and then runs along a dashed
# line, the shared error. The dots of our own trees level off in the same way, and a diamond marks the chosen ensemble.*

# %% [markdown]
# Try three things. Find the `shared part` at which the curve runs through the dots. At that setting, how many models bring
# the error to at most 10 % above the dashed line? And at a shared part of zero: what does the title say then?
# <details><summary>Answers</summary>At the c/v printed above. The curve is (v - c)/M above the line, so at most 10 % means M of at least 10 (v - c)/c: ten models when the shared part is one half. At zero the title says that every model counts in full.</details>

# %% [markdown]
# So a forest saturates, and we can put that to the test: does doubling it still matter?

# %% tags=["further"]
full = np.array([accuracy(trees["eye"].mean(axis=0), answer) for trees, answer in forests])
half = np.array([accuracy(trees["eye"][: TREES // 2].mean(axis=0), answer) for trees, answer in forests])
mm.claim(
    "03.1",
    "doubling the eye's forest changes accuracy by less than a point",
    100 * (full - half),
    within=1.0,
    unit="points",
)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Then let one half listen
#
# Same number of trees, but this time half of them get the sound.

# %% [markdown] tags=["predict"]
# **Predict first.** Tree for tree, this ear is *worse* than this eye. If you replace half of the eye's trees by ear trees,
# does a forest of 200 get better, worse, or stay the same? And a forest of ten?

# %% tags=["further"]
sizes = np.unique(np.append(np.geomspace(2, TREES, 12), (4, 10)).astype(int) // 2 * 2)
kinds = ("all trees on the eye", "all trees on the ear", "half eye, half ear")
curves = {kind: [] for kind in kinds}
for trees, answer in forests:
    mixed = [np.vstack([trees["eye"][: n // 2], trees["ear"][: n // 2]]) for n in sizes]
    alone = [accuracy(trees["ear"][:n].mean(axis=0), answer) if n <= TREES // 2 else np.nan for n in sizes]
    curves[kinds[0]].append([accuracy(trees["eye"][:n].mean(axis=0), answer) for n in sizes])
    curves[kinds[1]].append(alone)
    curves[kinds[2]].append([accuracy(rows.mean(axis=0), answer) for rows in mixed])
swap = 100 * (np.array(curves[kinds[2]]) - np.array(curves[kinds[0]]))
for size in (4, 10, TREES):
    print(f"{size:3} trees, half of them on the ear instead: {interval(swap[:, sizes == size].ravel())} points")
axis = {"xlabel": "number of trees", "ylabel": "test accuracy", "logx": True}
plotting.lines(sizes, curves, title="Redundant task", baseline=("majority", majority), **axis)

# %% [markdown] tags=["alt"]
# *Figure: test accuracy against number of trees. The eye's forest rises and levels off. The ear's stays below it and ends
# early, as we grew only half as many ear trees. The mixed forest starts below the eye's, meets it soon, and then
# climbs far above both; at the right end it is still rising.*

# %% [markdown]
# With four trees private errors dominate, and swapping two for worse ones costs. With ten it is a draw. Then the private
# errors are averaged away, only the shared error is left, and another tree of the same sense cannot touch it. A tree with
# another sense can, even a worse one.

# %% tags=["further"]
# half of the trees on each sense
both = np.array([accuracy(np.vstack([t["eye"][: TREES // 2], t["ear"]]).mean(axis=0), y) for t, y in forests])
mm.claim(
    "03.2", "as many trees, half of them on the ear, beat all on the eye", 100 * (both - full), margin=4, unit="points"
)

# %% [markdown]
# Perhaps trees are just too much alike. Take the ten models of five different kinds, and ask which of them are wrong on
# the same rows.

# %% tags=["further"]
wrong = [np.corrcoef((p_odd > 0.5) != label) for p_odd, label in tests]
errors = [p_odd - label for p_odd, label in tests]
shared = np.mean([np.einsum("mn,kn->mk", e, e) / e.shape[1] for e in errors], axis=0)
apart = ~np.eye(5, dtype=bool)
print(f"c, eye with eye: {shared[:5, :5][apart].mean():.3f}, ear with ear: {shared[5:, 5:][apart].mean():.3f}")
print(f"c, eye with ear: {shared[:5, 5:].mean():.3f}")
plotting.heatmap(np.mean(wrong, axis=0), rows=NAMES, columns=NAMES, label="correlation of mistakes")

# %% [markdown] tags=["alt"]
# *Figure: a ten by ten table of correlations between the models' mistakes. Two warm blocks, eye with eye and ear with ear,
# stand on the diagonal; the two blocks of eye with ear are white, close to zero.*

# %% [markdown]
# Two blocks. A linear model and a network have little in common except the picture they look at, and still they stumble
# over the same pictures. Between eye and ear the mistakes have almost nothing in common. Their shared error $c$ is smaller,
# not zero: unsure models hedge towards one half on the same side of the answer. (Why so clean? We paired the halves by
# chance: see *What can go wrong*.)
#
# Now lesson 2's best tool, stacking, on five eye models, five ear models, and all ten.


# %%
def stack(run, rows, combiner=None):
    """Fit a stacker on validation pairs the members never saw -> P(odd) on the test pairs (N,)."""
    combiner = combiner or LogisticRegression()
    combiner.fit(run["p_odd"]["valid"][rows].T, run["pairs"]["valid"][1])
    return combiner.predict_proba(run["p_odd"]["test"][rows].T)[:, 1]


stacks = [{sense: stack(run, rows) for sense, rows in SENSES.items()} for run in runs["redundant"]]
found = {s: np.array([accuracy(p[s], y) for p, (_, y) in zip(stacks, tests, strict=True)]) for s in SENSES}
print(f"best single eye model: {interval(max(list(scores.values())[:5], key=np.mean))}")
for sense, values in found.items():
    print(f"stack, {sense}: {interval(values)}")
more = found["both"] - np.maximum(found["eye"], found["ear"])
mm.claim("03.3", "a stack over both senses beats the better stack of one", 100 * more, margin=4, unit="points")

# %% [markdown]
# ### Average models, add senses
#
# Five eye models stacked barely equal the best single one. Two senses win again. How should they be put together? A stack's
# probabilities are nearly honest: where it says 80 %, it is right about 80 times in 100 (such a model is called
# **calibrated**; the first line below checks ours). If the errors of two such models are independent given the answer (ours
# are independent given the digit, nearly so given the answer), the rule of Bayes says: **add the log-odds**
# $\log \frac{p}{1 - p}$ (here both answers are equally likely beforehand). Averaging says: take the middle.


# %%
def log_odds(p):
    """Evidence for *odd*: 0 at one half, large where the model is sure."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


said, true = np.hstack([p["eye"] for p in stacks]), np.hstack([y for _, y in tests])
sure = abs(np.maximum(said, 1 - said) - 0.8) < 0.05
print(f"where the eye's stack is 75 to 85 % sure, it is right in {np.mean((said > 0.5) == true, where=sure):.0%}")
middle = [(p["eye"] + p["ear"]) / 2 for p in stacks]
added = [1 / (1 + np.exp(-log_odds(p["eye"]) - log_odds(p["ear"]))) for p in stacks]
ways = {"averaged": middle, "added": added} | {f"{s} alone": [p[s] for p in stacks] for s in ("eye", "ear")}
brier = {k: np.array([((p - y) ** 2).mean() for p, (_, y) in zip(v, tests, strict=True)]) for k, v in ways.items()}
same = np.mean([np.mean((a > 0.5) == (b > 0.5)) for a, b in zip(middle, added, strict=True)])
print(f"averaged and added: same decision on {same:.1%} of the rows")
plotting.bars(brier, ylabel="squared error of the probability", baseline=("always one half", 0.25))

# %% [markdown] tags=["alt"]
# *Figure: squared error of four ways, with a dashed line for always saying one half. Each sense alone is worst, averaging
# the two is better, and adding their evidence is far better still.*

# %% [markdown]
# Both take the same decisions (two probabilities add up to more than one exactly when their log-odds add up to more
# than zero), and yet one is far better. Two witnesses who are each 80 % sure and saw
# *different* things make you surer than 80 %; an average can never be surer than its surest member. If they had seen the
# *same* thing, adding would count it twice, and the average would be right.
#
# **Average over models of the same input. Add evidence from inputs with independent errors.** Lesson 7 comes back to this.

# %% tags=["further"]
gain_of_adding = 100 * (brier["averaged"] - brier["added"]) / brier["averaged"]
mm.claim("03.4", "adding evidence cuts the squared error of averaging", gain_of_adding, margin=20, unit="%")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 A ceiling, in bits
#
# How much could *any* model get out of the eye? Shannon's answer needs only a table of probabilities. With the **entropy**
# $H(X) = -\sum_x p(x) \log_2 p(x)$, how unsure you are in bits, the **mutual information** is what one variable tells
# about another:
#
# $$I(X; Y) = H(X) + H(Y) - H(X, Y)$$
#
# A model of the eye, or an ensemble of a thousand of them, is a function of what the eye sees. The *data processing
# inequality* says that no function can add information: $I(f(X); Y) \le I(X; Y)$. Models only help you to get near that
# ceiling. Another sense can lift it.


# %%
def entropy(table):
    """Entropy in bits of a table of probabilities, of any shape."""
    p = table[table > 0]
    return -np.sum(p * np.log2(p))


def information(table):
    """Mutual information in bits between the rows and the columns of a table (A, B) of joint probabilities."""
    return entropy(table.sum(axis=1)) + entropy(table.sum(axis=0)) - entropy(table)


heard = np.array([[0.45, 0.05], [0.05, 0.45]])  # rows: what fell; columns: what the ear heard, right 9 times in 10
print(f"a fair coin: {entropy(heard.sum(axis=1)):.2f} bits; the ear tells {information(heard):.2f} of them")

# %% [markdown]
# A fair coin is 1 bit. If the ear is right 9 times in 10 about a coin, it tells about half a bit.
#
# To get to know the measure better we use tiny worlds in which eye and ear see one bit each, called *gates*. The first
# three are our three tasks with perfect readers. `agree` says how often the two bits are the same: independent coins agree
# half the time.

# %%
GATES = {
    "RDN": (lambda eye, ear: eye, 1.0),
    "UNQ": (lambda eye, ear: eye, 0.5),
    "XOR": (lambda eye, ear: eye ^ ear, 0.5),
    "AND": (lambda eye, ear: eye & ear, 0.5),
    "COPY": (lambda eye, ear: 2 * eye + ear, 0.5),
}


def gate(rule, agree):
    """Joint probabilities (2, 2, answers) of the eye's bit, the ear's bit and the answer."""
    table = np.zeros((2, 2, 1 + max(rule(a, b) for a in (0, 1) for b in (0, 1))))
    for a in (0, 1):
        for b in (0, 1):
            table[a, b, rule(a, b)] = (agree if a == b else 1 - agree) / 2
    return table


# %% [markdown]
# RDN is the redundant task, UNQ the unique one, XOR the synergy one. AND answers yes only if both bits are 1. COPY asks
# for both bits at once. What does each sense tell about the answer, and what do both?


# %%
def told(joint):
    """Bits about the answer told by the eye, by the ear, and by both together."""
    flat = joint.reshape(-1, joint.shape[2])
    return information(joint.sum(axis=1)), information(joint.sum(axis=0)), information(flat)


print("gate   eye   ear  both   both - eye")
for name, (rule, agree) in GATES.items():
    one, other, both = told(gate(rule, agree))
    print(f"{name:4} {one:5.3f} {other:5.3f} {both:5.3f}   {both - one:5.3f}")

# %% [markdown]
# The last column is the most useful number of this lesson: **what the ear adds** to an eye that is already there. Its name
# is conditional mutual information,
#
# $$I(Y; \text{ear} \mid \text{eye}) = \sum_e p(e)\; I(Y; \text{ear} \mid \text{eye} = e)$$
#
# Look at XOR: the ear alone tells nothing, and it adds everything. Look at RDN: the ear alone tells everything, and it
# adds nothing. How good a sense is on its own says little about what it adds.

# %% [markdown]
# ### Exercise 3.2 ●●○ 10 min
# Write `what_the_ear_adds`, in bits, from the joint table `(eye, ear, answer)`. A right answer gives the last column above.
# You may use `entropy` and `information`, or write it out.
# <details><summary>Hint: the idea</summary>Fix what the eye sees. What is left is a smaller table of ear and answer, which you must make add up to one. Then average over what the eye sees, by how often it sees it. (There is a shorter way: the table above is a difference of two columns.)</details>
# <details><summary>Hint: pseudocode</summary>total = 0; for each slice = joint[e]: p = sum of the slice; if p is above 0, total += p times information(slice / p). Or: information of (eye and ear) about the answer minus information of the eye about the answer.</details>


# %% tags=["exercise"]
def what_the_ear_adds(joint):  # (eyes, ears, answers), adds up to 1 -> bits
    ### BEGIN SOLUTION
    bits = 0.0
    for slab in joint:
        if slab.sum() > 0:
            bits += slab.sum() * information(slab / slab.sum())
    return bits
    ### END SOLUTION


# %%
check.ex3_2(what_the_ear_adds)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Redundant, unique, synergistic
#
# Williams and Beer (2010) cut what both senses tell into four parts: **redundancy** $R$, which either sense could tell;
# **unique** information $U_{eye}$ and $U_{ear}$; and **synergy** $S$, which only both together tell.

# %% tags=["further"]
from matplotlib.patches import Ellipse, FancyBboxPatch

figure, axes = plt.subplots(figsize=(8.4, 3.7))
axes.add_patch(FancyBboxPatch((0.3, 0.2), 9.4, 4.0, boxstyle="round,pad=0.1", facecolor="#EAF6F1", edgecolor="#009E73"))
for x, color in ((3.9, plotting.COLORS[0]), (6.1, plotting.COLORS[1])):
    axes.add_patch(Ellipse((x, 1.85), 4.4, 2.7, facecolor=color, alpha=0.22))
    axes.add_patch(Ellipse((x, 1.85), 4.4, 2.7, fill=False, edgecolor=color, linewidth=2))
LABELS = ((2.9, 1.85, "unique\nto the eye"), (5.0, 1.85, "redundant"), (7.1, 1.85, "unique\nto the ear"))
for x, y, text in (*LABELS, (5.0, 3.75, "synergy: in neither circle, told by both together")):
    axes.text(x, y, text, ha="center", va="center", fontsize=13)
axes.text(1.2, 3.2, "eye tells", color=plotting.COLORS[0], fontsize=13)
axes.text(8.8, 3.2, "ear tells", color="#A04000", fontsize=13, ha="right")
axes.set(xlim=(0, 10), ylim=(0, 4.5))
axes.set_axis_off()

# %% [markdown] tags=["alt"]
# *Figure: two overlapping circles, what the eye tells and what the ear tells, inside a larger box, what both tell. The
# overlap is redundant, the rest of each circle unique, and the part of the box outside both circles is the synergy.*

# %% [markdown]
# Read three equations off the picture:
#
# $$I(Y; \text{eye}) = R + U_{eye} \qquad I(Y; \text{ear}) = R + U_{ear} \qquad
# I(Y; \text{both}) = R + U_{eye} + U_{ear} + S$$
#
# Three equations, four unknowns. One part must be *defined*, and people still argue how. What the ear adds is $U_{ear} + S$
# under any definition.

# %% [markdown]
# Williams and Beer define $R$ answer by answer. For one answer $y$, a sense $X$ gives the **specific information**
# $I(y; X) = \sum_x p(x \mid y) \log_2 \frac{p(y \mid x)}{p(y)}$. For each answer take the smaller of the two numbers, that
# much either sense could tell, and average over the answers:
#
# $$R = I_{min} = \sum_y p(y) \min\{I(y; \text{eye}), I(y; \text{ear})\}$$


# %%
def specific_information(table):
    """Bits that a sense tells about each answer: (values, answers) -> (answers,)."""
    value, answer = table.sum(axis=1, keepdims=True), table.sum(axis=0)
    seen = table > 0
    lift = np.log2(np.where(seen, table, 1) / np.where(seen, value * answer, 1))
    return (table / np.where(answer > 0, answer, 1) * lift).sum(axis=0)


def decompose(joint):
    """Cut what both senses tell by I_min: (eyes, ears, answers) -> redundant, unique eye, unique ear, synergy."""
    one, other, both = told(joint)
    least = np.minimum(specific_information(joint.sum(axis=1)), specific_information(joint.sum(axis=0)))
    redundant = np.sum(joint.sum(axis=(0, 1)) * least)
    return np.array([redundant, one - redundant, other - redundant, both - one - other + redundant])


# %% [markdown] tags=["predict"]
# **Predict first.** Toss two independent coins and ask: are both heads? That is the gate AND. The coins know nothing of
# each other. Is there any redundancy?

# %% tags=["further"]
PARTS = {"redundant": 7, "unique to the eye": 0, "unique to the ear": 1, "synergy": 2}  # colours


def stacked(cuts, height=3.6):
    """Draw one bar a name, cut into redundant, unique and synergistic bits."""
    figure, axes = plt.subplots(figsize=(8.6, height))
    start, wide = np.zeros(len(cuts)), max(0.1, 0.12 * max(sum(cut) for cut in cuts.values()))
    for (part, color), width in zip(PARTS.items(), np.array(list(cuts.values())).T, strict=True):
        look = {"color": plotting.COLORS[color], "edgecolor": "white", "label": part}
        bars = axes.barh(list(cuts), width, left=start, **look)
        axes.bar_label(bars, [f"{w:.2f}" if w > wide else "" for w in width], label_type="center", color="white")
        start = start + width
    axes.invert_yaxis()
    axes.set_xlabel("bits about the answer")
    figure.legend(loc="outside right upper")
    return figure


cuts = {name: decompose(gate(rule, agree)) for name, (rule, agree) in GATES.items()}
_ = stacked(cuts)

# %% [markdown] tags=["alt"]
# *Figure: one bar a gate. RDN is all redundant, UNQ all unique to the eye, XOR all synergy. AND is part redundant, part
# synergy. COPY is half redundant and half synergy.*

# %% [markdown]
# AND does have redundancy, although the coins are independent. If one shows tails, you know the answer; so you do if the
# other shows tails. They are redundant *about the answer*, not about each other; Harder, Salge and Polani (2013) call this
# mechanistic redundancy. The values are published (Williams and Beer 2010; Bertschinger and others 2014), so we can check
# ours.

# %%
assert np.allclose(cuts["RDN"], [1, 0, 0, 0])
assert np.allclose(cuts["UNQ"], [0, 1, 0, 0])
assert np.allclose(cuts["XOR"], [0, 0, 0, 1])
assert np.allclose(cuts["AND"], [0.311, 0, 0, 0.5], atol=1e-3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The measure must be named
#
# Now look at COPY, where the answer *is* the two coins. Common sense says: each coin tells its own bit. $I_{min}$ says
# that one bit is redundant: for each answer both coins tell the same *amount*, though not the same *thing*. Another
# measure, **BROJA** (Bertschinger and others 2014), says that nothing is redundant here; *Going further* computes it.
#
# A third one is the simplest: say that the weaker sense is redundant altogether. It is called **MMI**, minimum mutual
# information (Barrett 2015), and you write it now. The numbers that each sense tells are all it needs.

# %% [markdown]
# ### Exercise 3.3 ●○○ 5 min
# Write `mmi`: from the bits told by the eye, by the ear and by both, the four parts, with $R = \min(I_{eye}, I_{ear})$. For
# AND a right answer gives the parts of its bar in the figure of the gates; for RDN, UNQ and XOR too.
# <details><summary>Hint: the idea</summary>You have R. Each of the three equations under the picture of the circles gives you one more part.</details>
# <details><summary>Hint: pseudocode</summary>redundant = the smaller of the first two; unique parts = what each tells minus redundant; synergy = what both tell minus the other three parts.</details>


# %% tags=["exercise"]
def mmi(eye_tells, ear_tells, both_tell):  # bits -> (redundant, unique eye, unique ear, synergy)
    ### BEGIN SOLUTION
    shared = min(eye_tells, ear_tells)
    synergy = both_tell - eye_tells - ear_tells + shared
    return shared, eye_tells - shared, ear_tells - shared, synergy
    ### END SOLUTION


# %%
check.ex3_3(mmi)

# %% [markdown]
# On RDN, UNQ, XOR and AND all three agree; on COPY they contradict each other. So never write "the redundancy is 0.3 bits"
# without the name of the measure. We go on with $I_{min}$.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 The same bits, in handwriting and voices
#
# Back to real data. We need one discrete reading a sense: train a **reader** for each, which says which digit it is, and
# keep whether that digit is odd. Then count how often each combination of (eye's reading, ear's reading, answer) occurs,
# and the table is ready for `decompose`. Here are our three tasks and, as a fourth, the redundant one without smudge and
# hiss (about 10 s).


# %%
def readers(task, seed, noise=None):
    """Digit probabilities of one reader a sense, on fresh pairs -> {part: ({"eye": (N, 10), "ear": (N, 10)}, label)}."""
    rng = np.random.default_rng(seed)
    inputs, _, digit = pairs(halves["train"], task, COUNT["train"], rng, noise)
    models = {sense: KNeighborsClassifier(15).fit(inputs[sense], digit[sense]) for sense in ("eye", "ear")}
    read = {}
    for part in ("valid", "test"):
        inputs, label, _ = pairs(halves[part], task, COUNT["test"], rng, noise)
        read[part] = {sense: model.predict_proba(inputs[sense]) for sense, model in models.items()}, label
    return read


asked = {"redundant, clean": ("redundant", (0, 0)), "redundant, noisy": ("redundant", None)}
asked |= {"unique": ("unique", None), "synergy": ("synergy", None)}
read = {name: [readers(task, seed, noise) for seed in SEEDS] for name, (task, noise) in asked.items()}

# %% [markdown]
# Now count in each of five runs, cut the bits, and average the parts.

# %%
tables = {name: [] for name in read}
for name, repeated in read.items():
    for digit, label in (run["test"] for run in repeated):
        bits = [digit[sense].argmax(axis=1) % 2 for sense in ("eye", "ear")]
        counts = np.histogramdd(np.stack([*bits, label], axis=1), bins=(2, 2, 2))[0]
        tables[name].append(counts / len(label))
measured_cuts = {name: np.mean([decompose(t) for t in found], axis=0) for name, found in tables.items()}
for name, found in tables.items():
    bits = interval([decompose(t)[2:].sum() for t in found])
    print(f"{name:16} the ear adds {bits.estimate:.2f} [{max(bits.low, 0):.2f}, {bits.high:.2f}] bits to the eye")
_ = stacked(measured_cuts, height=3.2)

# %% [markdown] tags=["alt"]
# *Figure: four bars, averages over five runs. The clean redundant task is nearly all redundancy. The noisy one is shorter,
# with some redundancy, some synergy and very little unique information. The unique task is all unique to the eye, the
# synergy task all synergy.*

# %% [markdown]
# The tasks deserve their names. And the figure explains section 3. With clean inputs the ear would have added next to
# nothing: the senses repeat each other. **Noise is what makes a redundant sense worth having**: two doubtful readings that
# agree say more than either, and $I_{min}$ books that as synergy. This synergy needs no joint model: adding log-odds
# collects it. XOR's does.
#
# Now bet. For each task you know what the ear adds to the eye, in bits. Where will a second sense pay?

# %% [markdown] tags=["predict"]
# **Predict first.** In the synergy task both senses are clean: each reader knows its digit nearly always. We train ten
# models, five on the eye and five on the ear, to answer *is the sum odd?*, then average and stack all ten. How often will
# the stack be right?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: collect guesses by show of hands before running on. Most groups bet on 80 % and more, because both
# senses are so clean. Ask those who say one half to explain it to the others.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 The contest
#
# All contestants may use the same training and validation pairs, for the same question. Ensembles train their members on
# the first and their stacker on the second; a joint model, which gets both senses side by side in one row, trains on both.


# %%
def contest(task, run, seed):
    """Test accuracy of every ensemble of single-sense models and of two joint models."""
    label, p_odd = run["pairs"]["test"][1], run["p_odd"]["test"]
    scores = {f"{s}: forest": accuracy(p_odd[NAMES.index(f"{s}: forest")], label) for s in ("eye", "ear")}
    for sense, rows in SENSES.items():
        scores[f"{sense}: averaged"] = accuracy(p_odd[rows].mean(axis=0), label)
        scores[f"{sense}: stacked"] = accuracy(stack(run, rows), label)
    wide = {part: np.hstack([drawn[0]["eye"], drawn[0]["ear"]]) for part, drawn in run["pairs"].items()}
    seen = [run["pairs"][part][1] for part in ("train", "valid")]
    joint = {
        "joint: linear": LogisticRegression(C=0.1, max_iter=1000),
        "joint: network": MLPClassifier((64, 32), alpha=0.01, early_stopping=True, max_iter=500, random_state=seed),
    }
    for name, model in joint.items():
        model.fit(np.vstack([wide["train"], wide["valid"]]), np.hstack(seen))
        scores[name] = accuracy(model.predict_proba(wide["test"])[:, 1], label)
    return scores


# %% [markdown]
# Training the members for the two other tasks, and then the contest, takes about 20 s each.

# %%
runs |= {task: [members(task, seed) for seed in SEEDS] for task in ("unique", "synergy")}

# %%
results = {}
for task, repeated in runs.items():
    scores = [contest(task, run, seed) for seed, run in zip(SEEDS, repeated, strict=True)]
    results[task] = {name: np.array([score[name] for score in scores]) for name in scores[0]}

# %% [markdown]
# All of them in one picture, each with its interval over five runs. The bars grow from chance.

# %% tags=["further"]
figure, grid = plt.subplots(1, 3, figsize=(11.5, 4.6), sharey=True, sharex=True)
for axes, (task, scores) in zip(grid, results.items(), strict=True):
    found = [interval(values) for values in scores.values()]
    where = np.arange(len(found))
    colors = [plotting.COLORS[{"eye": 0, "ear": 1, "both": 3, "joint": 2}[name.split(":")[0]]] for name in scores]
    middle, half = [np.array(side) for side in zip(*((i.estimate, (i.high - i.low) / 2) for i in found), strict=True)]
    axes.barh(where, middle - 0.5, left=0.5, color=colors)
    axes.errorbar(middle, where, xerr=half, fmt="none", color="#222222", linewidth=2, capsize=3)
    axes.axvline(0.5, color="#333333", linestyle="--")
    axes.set(title=task, xlabel="test accuracy", xlim=(0.43, 1.0))
    axes.set_xticks((0.5, 0.75, 1.0), ("chance", "0.75", "1"))
grid[0].set_yticks(where, list(scores))
grid[0].invert_yaxis()

# %% [markdown] tags=["alt"]
# *Figure: test accuracy of ten contestants on three tasks, with a dashed line at chance. Redundant: every ensemble is
# good, stacks of both senses best, ahead of the joint models. Unique: whatever includes the eye is good, the ear alone is
# at chance. Synergy: all ten stay at chance except the joint network, which stands far out.*

# %% [markdown]
# *Redundant*: two senses beat one, and separate models beat joint ones. *Unique*: the ear adds nothing, as measured.
# *Synergy*: both senses are perfectly clean, all ten models together have seen everything there is to see, and they know
# **nothing**. The joint network wins here, and only here.
#
# And yet each single-sense model did the best it could. Whatever digit the eye sees, the sum is odd half of the time, so
# its best answer is always one half. Ten times one half leaves nothing to combine. The knowledge is not lost in the
# combining: it was thrown away before, when each model was asked to answer alone.

# %% tags=["further"]
unique = 100 * (results["unique"]["both: stacked"] - results["unique"]["eye: stacked"])
mm.claim("03.5", "on the unique task the ear adds nothing to the eye", unique, within=1.0, unit="points")
synergy = {name: values for name, values in results["synergy"].items() if not name.startswith("joint")}
for name, values in synergy.items():
    mm.claim("03.6", f"synergy, {name}: at chance", 100 * (values - 0.5), within=2.0, unit="points")
best = np.max(list(synergy.values()), axis=0)
mm.claim(
    "03.7",
    "a joint network beats the best of them",
    100 * (results["synergy"]["joint: network"] - best),
    margin=20,
    unit="points",
)

# %% [markdown]
# Some of these intervals are suspiciously narrow, and one or two may even miss zero: with eight lines of five runs each, a
# few will agree by luck. One run of 3,000 pairs alone is uncertain by almost a point, $0.5 / \sqrt{3000}$. What counts
# is how near all eight stay.

# %% [markdown]
# ### Seeing both is not enough
#
# Look again at the figure: the *linear* joint model got both senses and is at chance too. It adds up a score for the eye
# and a score for the ear. But what *odd* means for the sum turns around with the other digit: odd plus odd is even. Someone has
# to **multiply**.
#
# So give a linear model something to multiply with. Ask each sense its *own* question, "which digit is it?", and hand over
# all products of the ten probabilities of the eye and the ten of the ear: one product for each pair of digits.

# %% [markdown]
# ### Exercise 3.4 ●●○ 10 min
# Write `product_features`: every product of one number of the eye and one of the ear, row by row, flattened. From shapes
# (N, 10) and (N, 10) a right answer makes (N, 100), with the ear's index running fastest.
# <details><summary>Hint: the idea</summary>One row at a time it is `np.outer(eye_row, ear_row)`. For all rows at once, let NumPy broadcast over a new axis.</details>
# <details><summary>Hint: pseudocode</summary>view the eye as (N, A, 1) and the ear as (N, 1, B), multiply to (N, A, B), reshape to (N, A * B).</details>


# %% tags=["exercise"]
def product_features(eye, ear):  # (N, A), (N, B) -> (N, A * B)
    ### BEGIN SOLUTION
    grid = eye[:, :, None] * ear[:, None, :]
    return grid.reshape(len(eye), -1)
    ### END SOLUTION


# %%
check.ex3_4(product_features)

# %% [markdown]
# The same linear model, on the twenty probabilities side by side and on their hundred products, in five runs.

# %%
answers = {"side by side": [], "products": []}
for run in read["synergy"]:
    for name, rows in answers.items():
        table = {}
        for part, (digit, _) in run.items():
            outer = np.einsum("na,nb->nab", digit["eye"], digit["ear"]).reshape(len(digit["eye"]), -1)
            table[part] = outer if name == "products" else np.hstack([digit["eye"], digit["ear"]])
        linear = LogisticRegression(max_iter=1000).fit(table["valid"], run["valid"][1])
        rows.append(linear.score(table["test"], run["test"][1]))
answers = {name: np.array(rows) for name, rows in answers.items()}
plotting.bars(answers, ylabel="test accuracy", title="A linear model on two digit readers", baseline=("chance", 0.5))

# %% [markdown] tags=["alt"]
# *Figure: two bars with a dashed line at chance. The linear model on the twenty probabilities side by side ends at the
# line; on the products it is nearly perfect.*

# %% [markdown]
# Same eyes, same ears, same linear model. What changed is *what is passed on* (digits instead of verdicts) and *how it
# meets* (products instead of sums). These two choices are what Part 3 of this course, fusion, is about.
#
# Why did the joint network stop short of this? The readers were told the digits. The network got one yes or no a pair, and
# a few thousand pairs are few for learning ten digits twice *and* their product.

# %% tags=["further"]
lifted = 100 * (answers["products"] - answers["side by side"])
mm.claim("03.8", "products lift a linear model off chance", lifted, margin=30, unit="points")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# Measure the disagreement of your models, and the bits that the other sense adds.
#
# | what you see | what helps |
# |---|---|
# | your models disagree, and their average gains: private error | **another model** (lessons 1 and 2) |
# | all kinds of model fail on the same rows: shared error | a better model, or **another sense** |
# | the ear adds bits to the eye, and is good alone | usually **separate models, evidence added**; compare with a joint model |
# | the ear adds bits to the eye, and is useless alone | **a joint model**; if the eye is useless alone too (XOR), one that multiplies (a linear one will not do) |
# | the ear adds no bits to the eye | save the microphone |

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The map of the course
#
# The rest of the course follows five challenges (Baltrušaitis and others 2019; Liang and others 2022 count them slightly
# differently). Today's experiment already raised a question for each.

# %% tags=["further"]
MAP = (
    ("Part 1", "Combining models", "lessons 1-3", "Another model or another sense?"),
    ("Part 2", "REPRESENTATION", "lessons 4-6", "What did we lose when a voice became 12 moments?"),
    ("Part 3", "FUSION", "lessons 7-10", "Where and how do the senses meet: sum or product?"),
    ("Part 4", "ALIGNMENT", "lessons 11-13", "Which sound belongs to which picture, if nobody pairs them?"),
    ("Part 5", "TRANSLATION", "lessons 14-17", "Can you write down what you hear, and draw what you read?"),
    ("Part 6", "CO-LEARNING", "lessons 18-19", "Can the ear teach the eye, and then be switched off?"),
)
figure, axes = plt.subplots(figsize=(10, 5.2))
for row, (part, name, lessons, question) in enumerate(MAP):
    color = plotting.COLORS[(7, 0, 2, 1, 3, 6)[row]]
    axes.add_patch(FancyBboxPatch((0.1, -row - 0.32), 3.3, 0.64, boxstyle="round,pad=0.05", facecolor=color))
    axes.text(1.75, -row, f"{part}: {name}", ha="center", va="center", color="white", fontsize=12, weight="bold")
    axes.text(3.7, -row + 0.04, f"{question}\n", va="center", fontsize=13)
    axes.text(3.7, -row - 0.2, lessons, va="center", fontsize=11, color="#555555")
    if row:
        axes.annotate("", (1.75, -row + 0.38), (1.75, -row + 0.62), arrowprops={"arrowstyle": "->", "color": "#555555"})
axes.set(xlim=(0, 10), ylim=(-5.5, 0.5))
axes.set_axis_off()

# %% [markdown] tags=["alt"]
# *Figure: six boxes from top to bottom, the parts of the course: combining models, representation, fusion, alignment,
# translation and co-learning, each with its lessons and the question it answers.*

# %% [markdown]
# ## What can go wrong
#
# - **Pairing by label flatters.** We drew the halves by chance, so given the digit, eye and ear make independent mistakes
#   *by construction*. When one person writes and speaks in a hurry, both suffer at once, and the gain is smaller. What our
#   pairs show is how fusion works, not how much it gains in a real room.
# - **No names.** The same six voices speak in training and test, so the ear looks better than on strangers. And all five runs
#   share the same halves: their intervals cover new pairs and new noise, not new writers.

# %% [markdown]
# - **Counts flatter information.** With few rows and many values, chance patterns look like bits. And a reader is not the
#   sense: a better one can move the bits.
# - **A useless sense costs.** A joint model must learn to ignore every column that says nothing.
# - **A stacker can be a joint model in disguise.** Ours are linear. A forest as stacker multiplies what its members let
#   through: nothing, where each was asked about the sum, but nearly everything, where they pass on their digits.

# %% tags=["further"]
alone, disguised, told_digits = [], [], []
for seed in SEEDS:
    run, other, digit = runs["unique"][seed], runs["synergy"][seed], read["synergy"][seed]
    alone.append(accuracy(run["p_odd"]["test"][NAMES.index("eye: network")], run["pairs"]["test"][1]))
    forest = ensembles.RandomForestClassifier(50, min_samples_leaf=5, random_state=seed)
    disguised.append(accuracy(stack(other, SENSES["both"], forest), other["pairs"]["test"][1]))
    twenty = {part: np.hstack([p["eye"], p["ear"]]) for part, (p, _) in digit.items()}
    forest.fit(twenty["valid"], digit["valid"][1])
    told_digits.append(accuracy(forest.predict_proba(twenty["test"])[:, 1], digit["test"][1]))
print(f"unique task, network on the eye alone:              {interval(alone)}")
print(f"unique task, network on eye and ear:                {interval(results['unique']['joint: network'])}")
print(f"synergy task, a forest stacks all ten:              {interval(disguised)}")
print(f"synergy task, a forest on the readers' 20 numbers:  {interval(told_digits)}")

# %% [markdown]
# ## What articles say, what is true
#
# - *"Diverse ensembles are better ensembles."* The ambiguity is subtracted from the *average* error. Make members diverse
#   by making them worse and nothing is gained.
# - *"The modalities are complementary."* Often said, seldom measured. Complementary can mean unique, or synergistic, or
#   redundant under noise, and these three want different models.
# - *"The synergy is 0.2 bits."* By which measure?

# %% [markdown]
# ## Three key points
#
# 1. Ensemble error = average error - ambiguity, exactly. More models remove private error; the shared error stays, and
#    models of the same input share most of theirs.
# 2. What another sense can add is $I(Y; \text{ear} \mid \text{eye}) = U_{ear} + S$. It has little to do with how good that
#    sense is alone.
# 3. Average models of one input. Add the evidence of senses whose errors are independent given the answer, even where
#    $I_{min}$ calls part of their gain synergy. Where neither sense says anything alone (XOR), adding has nothing to add:
#    only a joint model that lets the senses multiply can see it.

# %% [markdown]
# ## Quiz
#
# **1.** A hundred models of the same picture all have the same error, and each pair shares 80 % of it. You train nine
# hundred more. What happens to the ensemble's error?
# <details><summary>A: it falls to about a third, as the square root of ten says</summary>That is the rule for the spread of independent errors. These share most of theirs.</details>
# <details><summary>B: next to nothing</summary>Right. The error is c + (v - c)/M. With c = 0.8 v it was 0.802 v and becomes 0.8002 v.</details>
# <details><summary>C: it rises, because a thousand models overfit</summary>An average of more members of the same kind does not overfit more: the formula has no term that grows with M.</details>
#
# **2.** A microphone alone predicts the answer at chance. Should you unplug it?
# <details><summary>A: yes, it carries no information</summary>No information alone. In XOR the ear alone tells 0 bits and adds 1.</details>
# <details><summary>B: yes, unless a linear stack finds a use for it</summary>A linear stack of models that each say one half has nothing to work with, whatever the microphone heard.</details>
# <details><summary>C: not before you measured what it adds to the camera</summary>Right. Information told alone and information added are different numbers; only the second decides.</details>
#
# **3.** Two calibrated models each say 80 %. When is 94 % the right combination?
# <details><summary>A: when their errors are independent given the answer</summary>Right. The odds 4 : 1 multiply to 16 : 1. It assumes that both answers were equally likely beforehand.</details>
# <details><summary>B: when they are two different models of the same picture</summary>Then they count the same evidence, and multiplying counts it twice. Average them.</details>
# <details><summary>C: never, an honest combination lies between its members</summary>An average does. Evidence from two independent witnesses adds up to more than either has.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# <details><summary>Where does the shared error come from?</summary>Near the border all members hedge towards one half: shared bias. The smudge is shared noise. Only the variance, from bootstrap and random splits, is private. Ueda and Nakano (1996) decompose the error into bias, variance and covariance.</details>
#
# <details><summary>Information between continuous senses</summary>Our tables need discrete readings. For pictures and sounds themselves there are estimates by classifiers: Liang and others (2023) estimate redundancy, uniqueness and synergy of real multimodal data sets by BROJA and use them to choose a fusion model. Lesson 8 takes up the choice.</details>
#
# <details><summary>BROJA, computed</summary>Of all worlds in which each sense alone tells about the answer what it does here, which one makes both together least informative? What both tell here beyond that is synergy. With two bits such worlds are easy to list: move a little probability `t` around the square of eye and ear, separately for each answer. The next cell does it.</details>

# %% tags=["further"]
from scipy.optimize import minimize


def broja(joint):
    """Cut what two binary senses tell by BROJA: (2, 2, answers) -> redundant, unique eye, unique ear, synergy."""
    one, other, both = told(joint)
    square = np.array([[1.0, -1.0], [-1.0, 1.0]])[:, :, None]  # keeps every row sum and every column sum
    low, high = -np.minimum(joint[0, 0], joint[1, 1]), np.minimum(joint[0, 1], joint[1, 0])

    def together(t):
        return told(np.clip(joint + square * t, 0, None))[2]

    least = minimize(together, (low + high) / 2, bounds=list(zip(low, high, strict=True))).fun
    redundant = one + other - least
    return np.array([redundant, one - redundant, other - redundant, both - least])


gaps = [abs(decompose(table) - broja(table)).max() for found in tables.values() for table in found]
print(f"largest difference between I_min and BROJA on our four tasks: {max(gaps):.2f} bits")

# %% [markdown]
# The three measures side by side, with one world more. PETS: a cat, a dog or a cow, equally often. The eye recognises only
# the cat, the ear only the dog.

# %% tags=["further"]
pets = np.zeros((2, 2, 3))
pets[1, 0, 0] = pets[0, 1, 1] = pets[0, 0, 2] = 1 / 3  # cat seen, dog heard, cow neither
worlds = {name: gate(rule, agree) for name, (rule, agree) in GATES.items()} | {"PETS": pets}
measures = {
    "I_min": {name: decompose(joint)[0] for name, joint in worlds.items()},
    "BROJA": {name: broja(joint)[0] for name, joint in worlds.items()},
    "MMI": {name: min(told(joint)[:2]) for name, joint in worlds.items()},
}
assert np.allclose([broja(worlds[g]) for g in ("AND", "COPY")], [[0.311, 0, 0, 0.5], [0, 1, 1, 0]], atol=1e-3)
values = [[max(bits, 0) for bits in row.values()] for row in measures.values()]
plotting.heatmap(values, rows=list(measures), columns=list(worlds), label="redundancy in bits")

# %% [markdown] tags=["alt"]
# *Figure: a table of redundancy, three measures by six worlds. The rows agree on RDN, UNQ, XOR and AND. On COPY the first
# and the last say one bit and BROJA says none; on PETS all three differ, MMI says most and BROJA least.*

# %% [markdown]
# The measures part where the senses tell the same amount of different things. Now play with a small world: the ear's bit
# agrees with the eye's, and the ear mishears, as often as you say. At which agreement does AND become more redundant than synergistic? What happens to XOR at full agreement, and
# why can no model help there? Set RDN, full agreement, and let the ear mishear: where does the redundancy go, and what
# does the ear add?


# %% tags=["further"]
def world(question, agree, mishear):
    """Draw the four parts when the ear's bit is flipped with probability `mishear`."""
    joint = gate(GATES[question][0], agree)
    flip = np.array([[1 - mishear, mishear], [mishear, 1 - mishear]])
    heard = np.einsum("eay,ab->eby", joint, flip)
    figure = stacked(
        {f"{question}, ear clear": decompose(joint), f"{question}, as heard": decompose(heard)}, height=2.6
    )
    figure.axes[0].set_xlim(0, 2.05 if question == "COPY" else 1.05)
    return figure


ranges = {"agree": (0.5, 1.0, 0.05), "mishear": (0.0, 0.5, 0.05)}
explorer = widgets.explore(world, question=["AND", "XOR", "RDN", "COPY"], **ranges)
grid = np.linspace(0.5, 1, 501)
redundancy, synergy = np.array([decompose(gate(GATES["AND"][0], agree))[[0, 3]] for agree in grid]).T
print(f"AND: redundancy overtakes synergy at agreement {grid[np.argmax(redundancy > synergy)]:.2f}")

# %% [markdown] tags=["alt"]
# *Figure: two bars for the gate AND when the bits often agree, cut into redundant, unique and synergistic bits. With a clear
# ear there is redundancy and less synergy. With an ear that mishears, the bar is shorter, and most of it is unique to the
# eye.*

# %% [markdown]
# <details><summary>Answers</summary>AND: at the agreement printed under the widget. XOR at full agreement: the answer is always the same, so there is no bit left to tell, and the bar vanishes. RDN with an ear that mishears: what the ear loses becomes unique to the eye; the ear adds nothing, because the eye already tells everything.</details>

# %% [markdown]
# ## References
#
# - Krogh, A., Vedelsby, J. (1995). Neural network ensembles, cross validation, and active learning. NIPS 7.
# - Cover, T. M., Thomas, J. A. (2006). Elements of information theory, second edition. Wiley.
# - Ueda, N., Nakano, R. (1996). Generalization error of ensemble estimators. IEEE International Conference on Neural Networks.
# - Williams, P. L., Beer, R. D. (2010). Nonnegative decomposition of multivariate information. arXiv:1004.2515.
# - Bertschinger, N., Rauh, J., Olbrich, E., Jost, J., Ay, N. (2014). Quantifying unique information. Entropy 16(4).
# - Barrett, A. B. (2015). Exploration of synergistic and redundant information sharing in static and dynamical Gaussian systems. Physical Review E 91.
# - Harder, M., Salge, C., Polani, D. (2013). Bivariate measure of redundant information. Physical Review E 87.
# - Baltrušaitis, T., Ahuja, C., Morency, L.-P. (2019). Multimodal machine learning: a survey and taxonomy. IEEE TPAMI 41(2).
# - Liang, P. P., Zadeh, A., Morency, L.-P. (2022). Foundations and trends in multimodal machine learning: principles, challenges, and open questions. arXiv:2209.03430.
# - Liang, P. P. and others (2023). Quantifying and modeling multimodal interactions: an information decomposition framework. NeurIPS 36.
# - The eye's data: Alpaydin, E., Kaynak, C. (1998). Optical recognition of handwritten digits. UCI Machine Learning Repository.
# - The ear's data: Jackson, Z. and others (2018). Free Spoken Digit Dataset. Zenodo.
