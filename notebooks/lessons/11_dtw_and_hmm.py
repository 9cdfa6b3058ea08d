# %% [markdown]
# # 11 Dynamic time warping and hidden Markov models
#
# **Which sound goes with which frame?** · 90 minutes · needs lessons 4 and 7
#
# ![Sound and film become numbers, frame by frame; the cheapest path through a table of their distances pairs sounds with pictures](flow: sound -> mouth foretold from sound; pictures of lips -> mouth seen; mouth foretold from sound -> table of distances; mouth seen -> table of distances; table of distances -> cheapest path; cheapest path -> sound of each picture)
#
# Two streams tell one story, but not at one pace. You will lay one along the other, let ten small probability models name
# digits, and put a talking mouth back in step with its sound. (The next cell takes about 5 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import alignment, check, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 One word at two speeds
#
# 3,000 real recordings of spoken digits. Each is an array `(T, 13)` of T **frames**: at each moment 13 numbers, the MFCCs
# of lesson 4, scaled by mean and spread of the validation recordings. (Folded code loads, draws, keeps score or holds
# rivals.)

# %% tags=["further"]
import time
from functools import lru_cache
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from ipywidgets import IntSlider
from IPython.display import Audio
from scipy.signal import decimate
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from torch.nn.utils.rnn import pad_sequence

from mmcourse.data.mouth import shifted_times
from mmcourse.data.voice import speak
from mmcourse.metrics import interval

ROUNDS, ONE, TWO = range(5), plotting.COLORS[0], plotting.COLORS[1]

# %% [markdown]
# `stretch(x, frames)` reads a sequence at evenly spread moments. The two sevens were chosen for the show.

# %% tags=["further"]
digits = mm.load("spoken_digits")
parts = [split.arrays() for split in (digits.train, digits.valid, digits.test)]
(train_x, train_y), (valid_x, valid_y), (test_x, test_y) = ((inputs["audio"], y) for inputs, y in parts)
MEAN, SPREAD = (f(np.concatenate(list(valid_x)), axis=0) for f in (np.mean, np.std))


def scaled(x):
    return (x - MEAN) / SPREAD


def stretch(x, frames):  # (T, d) -> (frames, d)
    places = np.linspace(0, len(x) - 1, frames)
    return np.stack([np.interp(places, np.arange(len(x)), column) for column in x.T], 1)


sevens = [scaled(x) for x, y in zip(train_x, train_y) if y == 7]
long, short = sevens[18], sevens[54]
print(f"long {long.shape}, short {short.shape}")

# %% [markdown] tags=["predict"]
# **Predict first.** Two recordings of "seven", one long, one short. Stretch the short one until both are equally long. Do the
# loud and soft parts of the word now lie on each other?

# %% tags=["further"]
figure, grid = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True)
for axes, title, other in zip(grid, ("as recorded", "short one stretched"), (short, stretch(short, len(long)))):
    axes.plot(long[:, 0], "o-", color=ONE, markersize=4, label="long")
    axes.plot(other[:, 0], "s-", color=TWO, markersize=4, label="short")
    axes.set(title=title, xlabel="frame")
grid[0].set_ylabel("first MFCC\n(loudness), scaled")
_ = figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown] tags=["alt"]
# *Figure: the first MFCC of two "sevens" over the frames. As recorded, both rise and fall nearly together, and the long one
# goes on, soft. Stretched, both end together, but the loud parts no longer meet.*

# %% [markdown]
# Stretching made it worse! The long one is no slower in its loud part; its end fades into silence (remember that). Nor does
# anybody slow down evenly: vowels are drawn out, a "t" is not. So we need a **warp**: a path of pairs (i, j), frame i
# of x with frame j of y, from (0, 0) to both last frames, each step by one in x, in y, or in both.
#
# We want the least sum of distances. The best path to (i, j) comes through one of three neighbours, so a table fills itself:
# **dynamic time warping** (DTW; Sakoe and Chiba 1978):
#
# $$D(i, j) = d(x_i, y_j) + \min\{D(i-1, j-1),\ D(i-1, j),\ D(i, j-1)\}$$

# %% [markdown]
# ### Exercise 11.1 ●●○ 8 min
# Write `accumulate`. `local` is a float array (T, S): the distance of each frame of x to each frame of y. Return the float
# array D (T, S) of the formula above; neighbours outside the table do not count, and D(0, 0) is `local[0, 0]`. Do not change
# `local`. Example: for x = [1, 2, 3] and y = [2, 3, 4],
# `local = [[1, 2, 3], [0, 1, 2], [1, 0, 1]]` gives `[[1, 3, 6], [1, 2, 4], [2, 1, 2]]`: the last corner, 2, is the cost.
# <details><summary>Hint: the idea</summary>Put a border of infinity above and to the left, with a single 0 at its corner. Then every cell has three neighbours.</details>
# <details><summary>Hint: pseudocode</summary>D = array (T + 1, S + 1) full of infinity; D[0, 0] = 0; for each i, j: D[i+1, j+1] = local[i, j] + the least of D[i, j], D[i, j+1], D[i+1, j]; return D without its border.</details>


# %% tags=["exercise"]
def accumulate(local):  # (T, S) -> (T, S)
    ### BEGIN SOLUTION
    total = np.full((local.shape[0] + 1, local.shape[1] + 1), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(local.shape):
        total[i + 1, j + 1] = local[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    return total[1:, 1:]
    ### END SOLUTION


# %%
check.ex11_1(accumulate)

# %% [markdown]
# ### Exercise 11.2 ●●○ 7 min
# The path has to be traced back from the table's last corner. Write `trace`. `total` is a table D (T, S)
# as above. Return the path as a list of pairs of ints, **from (0, 0) to (T - 1, S - 1)**; each step back goes to the
# neighbour with the least D, and of equal ones to the diagonal first, then to (i - 1, j). Example: the table of exercise
# 11.1 gives `[(0, 0), (1, 0), (2, 1), (2, 2)]`.
# <details><summary>Hint: the idea</summary>Walk from the corner to (0, 0). At the upper and left edge only one neighbour is inside the table. Turn the list round at the end.</details>
# <details><summary>Hint: pseudocode</summary>path = [(T-1, S-1)]; while its last pair is not (0, 0): list the neighbours inside the table, in the order diagonal, up, left; append the one with least total (min keeps the first of equals); return the path reversed.</details>


# %% tags=["exercise"]
def trace(total):  # (T, S) -> [(0, 0), ..., (T - 1, S - 1)]
    ### BEGIN SOLUTION
    path = [(total.shape[0] - 1, total.shape[1] - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        steps = [(a, b) for a, b in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if a >= 0 and b >= 0]
        path.append(min(steps, key=lambda pair: total[pair]))
    return path[::-1]
    ### END SOLUTION


# %%
check.ex11_2(trace)

# %% [markdown]
# Both together, and a **window**: how many frames, of the longer sequence, the path may stray from the straight line between
# its ends. For unequal lengths that line is no diagonal of a square: unscaled, a window could shut out the last corner.


# %%
def dtw(x, y, *, metric="euclidean", window=None):
    local = cdist(x, y, metric)
    if window is not None:
        i, j = np.ogrid[: len(x), : len(y)]
        off = np.abs(i * (len(y) - 1) - j * (len(x) - 1))
        local[off > window * (min(len(x), len(y)) - 1)] = np.inf
    table = np.pad(local, ((1, 0), (1, 0)), constant_values=np.inf)
    table[0, 0] = 0
    for i in range(1, len(x) + 1):
        for j in range(1, len(y) + 1):
            table[i, j] += min(table[i - 1, j - 1], table[i - 1, j], table[i, j - 1])
    assert np.isfinite(table[-1, -1]), "no path fits into the window"
    path = [(i - 1, j - 1)]
    while i + j > 2:
        i, j = min(((i - 1, j - 1), (i - 1, j), (i, j - 1)), key=lambda cell: table[cell])
        path.insert(0, (i - 1, j - 1))
    return alignment.Alignment(table[-1, -1], np.array(path))


# %% [markdown]
# The package's `alignment.dtw` is the same, compiled. How much faster?

# %%
ours, theirs = dtw(long, short, window=10), alignment.dtw(long, short, window=10)
assert np.isclose(ours.cost, theirs.cost) and (ours.path == theirs.path).all()
for function in (dtw, alignment.dtw):
    start = time.perf_counter()
    for _ in range(5):
        function(long, short, window=10)
    print(f"{function.__module__:30} {1000 * (time.perf_counter() - start) / 5:8.3f} ms")

# %% [markdown]
# **Two conventions.** Before you compare a cost with another program's, ask what it sums up:

# %%
x, y = np.array([[1.0], [2], [3]]), np.array([[2.0], [3], [4]])
distances, squares = alignment.dtw(x, y).cost, alignment.dtw(x, y, metric="sqeuclidean").cost
print(
    f"sum of distances {distances} (librosa, ours); root of the sum of squares {squares**0.5:.3f} (tslearn, dtaidistance)"
)

# %% [markdown]
# Now the table of the two sevens with its path, and the sevens laid along it:

# %% tags=["further"]
path = alignment.dtw(long, short).path


def draw_table(x, y, found, title, axes):
    grey = axes.imshow(cdist(x, y), cmap="Greys", origin="lower", aspect="auto")
    axes.figure.colorbar(grey, ax=axes, label="distance")
    axes.plot(found[:, 1], found[:, 0], color="white", linewidth=5)
    axes.plot(found[:, 1], found[:, 0], color=plotting.COLORS[3], linewidth=3)
    axes.plot([0, len(y) - 1], [0, len(x) - 1], "--", color=plotting.COLORS[4], linewidth=2)
    axes.set(title=title, xlabel="frame of y (short)", ylabel="frame of x (long)")
    axes.grid(False)


figure, (left, beside) = plt.subplots(1, 2, figsize=(11, 4.2))
draw_table(long, short, path, "path and (dashed) straight line", left)
for k, (x, look) in enumerate(((long[path[:, 0]], "o-"), (short[path[:, 1]], "s-"))):
    beside.plot(x[:, 0], look, color=(ONE, TWO)[k], markersize=4, label=("long", "short")[k])
beside.set(title="along the path", xlabel="step of the path", ylabel="first MFCC, scaled")
_ = figure.legend(*beside.get_legend_handles_labels(), loc="outside lower right", ncols=2)

# %% [markdown] tags=["alt"]
# *Figure: left, the distances between all frames of the two sevens in grey; the path runs through light cells, away from
# the dashed straight line. Right, the first MFCC of both along the path: the curves rise and fall together.*

# %%
straight = np.linalg.norm(long - stretch(short, len(long)), axis=1).mean()
print(f"distance a frame: stretched {straight:.2f}, along the path {cdist(long, short)[tuple(path.T)].mean():.2f}")

# %% [markdown]
# ### Try it: how free may the path be?
#
# A window of 1 ties the path to the straight line. Widen it: from which window on does the cost of the two sevens stay the
# same, and why? Then choose a "seven" against a "one". What tells you that something is wrong?

# %% tags=["further"]
ones = [scaled(x) for x, y in zip(train_x, train_y) if y == 1]
PAIRS = {"two sevens": (long, short), "seven and one": (long, ones[1]), "two other sevens": (sevens[0], sevens[1])}


def show_path(pair, window):
    x, y = PAIRS[pair]
    figure, axes = plt.subplots(figsize=(6.4, 4.6))
    found = alignment.dtw(x, y, window=window)
    title = f"{pair}: cost {found.cost:.0f}, {found.cost / len(found.path):.2f} a step"
    draw_table(x, y, found.path, title, axes)
    axes.set(xlabel="frame of y", ylabel="frame of x")
    return figure


_ = widgets.explore(show_path, pair=list(PAIRS), window=IntSlider(value=3, min=1, max=20))

# %% [markdown] tags=["alt"]
# *Figure: a pair's distances, the cheapest path inside the window, the dashed straight line; the title gives the cost.*

# %%
print("two sevens:", {w: round(alignment.dtw(long, short, window=w).cost, 1) for w in (1, 4, 8, 9, 10, 11, 20)})
for name, pair in PAIRS.items():
    found = alignment.dtw(*pair)
    print(f"{name}: cost a step, without a window, {found.cost / len(found.path):.2f}")

# %% [markdown]
# Once the freest path fits into the window, a wider one changes nothing. And DTW finds a path for *anything*, a "seven" and a
# "one" too. Only its high cost a step tells you that they are different words.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 Whose neighbour are you?
#
# The plainest use: name a recording after the **nearest template**, a recording with a known label. DTW's cost is divided by
# the number of steps, because long paths have larger sums. Two rivals do not warp:
#
# - **resampled**: stretch everything to one number of frames, take the mean distance frame by frame;
# - **trimmed**: the same with 20 frames, but first drop the quiet ends: the frames before the first and after the last one
#   whose first MFCC comes within a threshold of the recording's highest.


# %%
def warped(queries, templates, window=None):  # cost a step: (queries, templates)
    align = alignment.dtw  # looked up once
    found = [[align(q, t, window=window) for t in templates] for q in queries]
    return np.array([[one.cost / len(one.path) for one in row] for row in found])


def resampled(queries, templates, frames):
    q, t = (np.stack([stretch(x, frames) for x in many]) for many in (queries, templates))
    return sum(cdist(q[:, k], t[:, k]) for k in range(frames)) / frames


def core(x, threshold):  # without its quiet ends
    loud = np.flatnonzero(x[:, 0] > x[:, 0].max() - threshold)
    return x[loud[0] : loud[-1] + 1]


def trimmed(queries, templates, threshold):
    return resampled(*([core(x, threshold) for x in many] for many in (queries, templates)), 20)


# %% [markdown] tags=["predict"]
# **Predict first.** With 5, 20 and 60 templates a digit: draw three curves of errors, one a method. Where does warping help
# most? How much of the gap is silence?

# %% [markdown]
# Five **rounds** deal the training and test recordings anew: 60 templates and 15 queries a digit. Each method chooses from
# four settings on validation recordings, with or without **deltas** (how fast each number changes, 13 more). About 10 s.

# %% tags=["further"]
SIZES = mm.per_profile(smoke=(1, 3, 6), quick=(5, 20, 60), full=(5, 20, 60))
QUERIES, STEPS = mm.per_profile(smoke=(3, 2), quick=(15, 40), full=(60, 200))
pool_x, pool_y = np.concatenate([train_x, test_x]), np.concatenate([train_y, test_y])


def deltas(x):
    p = np.pad(x, ((2, 2), (0, 0)), mode="edge")
    return (2 * p[4:] + p[3:-1] - p[1:-3] - 2 * p[:-4]) / 10


def with_deltas(x):
    return np.hstack([scaled(x), 3 * deltas(scaled(x))])  # times 3: about as large as the others


def deal(seed):
    """Row numbers of templates (60 * 10, digit after digit: 0 to 9, 0 to 9 ...) and of queries."""
    rng = np.random.default_rng(seed)
    shuffled = np.stack([rng.permutation(np.flatnonzero(pool_y == digit)) for digit in range(10)], 1)
    return shuffled[: SIZES[-1]].ravel(), shuffled[SIZES[-1] : SIZES[-1] + QUERIES].ravel()


def accuracy(costs, templates, truth):
    return 100 * (pool_y[templates][: costs.shape[1]][costs.argmin(1)] == truth).mean()


# %% tags=["further"]
asked = np.concatenate([np.flatnonzero(valid_y == digit)[:QUERIES] for digit in range(10)])
known = deal(0)[0][: 10 * SIZES[1]]
print(f"validation accuracy in %, {SIZES[1]} templates a digit")
scores = {}
for frames, make in (("plain", scaled), ("deltas", with_deltas)):
    queries, templates = [make(valid_x[k]) for k in asked], [make(pool_x[k]) for k in known]
    for rule, settings in {warped: (None, 10), resampled: (10, 20), trimmed: (1, 2)}.items():
        for setting in settings:
            scores[rule, frames, setting] = accuracy(rule(queries, templates, setting), known, valid_y[asked])
            print(f"{rule.__name__:9} {setting!s:4} {frames:6} {scores[rule, frames, setting]:.1f}")
rules = {"DTW": warped, "resampled": resampled, "trimmed": trimmed}
chosen = {rule: max((key for key in scores if key[0] is rule), key=scores.get)[1:] for rule in rules.values()}
print("chosen:", {name: chosen[rule] for name, rule in rules.items()})

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask what else could make up for a missing warp. Take the predictions while the next cell runs.

# %% [markdown]
# Now the queries, each method with its own best setting (about 15 s):

# %%
MAKE = {"plain": scaled, "deltas": with_deltas}
wrong = {name: [] for name in rules}  # errors in %: (rounds, sizes)
for seed in ROUNDS:
    known, asked = deal(seed)
    for name, rule in rules.items():
        frames, setting = chosen[rule]
        templates, queries = ([MAKE[frames](pool_x[k]) for k in rows] for rows in (known, asked))
        start = time.perf_counter()
        table = rule(queries, templates, setting)
        wrong[name].append([100 - accuracy(table[:, : 10 * n], known, pool_y[asked]) for n in SIZES])
        if rule is warped:
            query_ms = 1000 * (time.perf_counter() - start) / len(asked)
wrong = {name: np.array(values) for name, values in wrong.items()}
lead = {name: wrong[name] - wrong["DTW"] for name in ("resampled", "trimmed")}

# %% tags=["further"]
figure, (left, beside) = plt.subplots(1, 2, figsize=(11, 4))
hues = {"DTW": plotting.COLORS[3], "resampled": plotting.COLORS[0], "trimmed": plotting.COLORS[2]}
for k, (name, values) in enumerate(wrong.items()):
    left.plot(range(3), values.mean(0), "osD"[k] + "-", color=hues[name], label=name)
for k, (name, values) in enumerate(lead.items()):
    found = [interval(values[:, j]) for j in range(3)]
    middle, reach = [one.estimate for one in found], [one.high - one.estimate for one in found]
    beside.errorbar(np.arange(3) + 0.16 * k - 0.08, middle, reach, fmt="sD"[k], color=hues[name], capsize=4)
beside.axhline(0, color="black", linestyle="--", linewidth=1)
left.set(title="errors, mean of five rounds", ylabel="errors, % (logarithmic)", yscale="log", yticks=[1, 3, 10, 30])
left.set_yticks([], minor=True)
left.set_yticklabels(["1", "3", "10", "30"])
beside.set(title="errors that DTW saves against each", ylabel="percentage points", xlim=(-0.5, 2.5))
for axes in (left, beside):
    axes.set(xlabel="templates a digit", xticks=range(3), xticklabels=SIZES)
_ = figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %% [markdown] tags=["alt"]
# *Figure: left, errors against templates a digit, logarithmic: all fall steeply, DTW lowest, trimmed next but for the most
# templates. Right, points that DTW saves against either, with 95 % intervals; all but one cross 0.*

# %%
mm.claim("11.1", f"DTW names the digit, {SIZES[2]} templates each", 100 - wrong["DTW"][:, 2], margin=95, unit="%")
mm.claim("11.2", f"DTW beats plain resampling, {SIZES[1]} templates a digit", lead["resampled"][:, 1], unit="points")
print("chance: 90 % errors")
for k, n in enumerate(SIZES):
    for name, values in lead.items():
        share = 100 * values[:, k].mean() / wrong[name][:, k].mean()
        print(f"{n:2} templates: DTW saves {interval(values[:, k])} points of {name}'s errors, {share:.0f} % of them")

# %% [markdown]
# One more control: give DTW the trimmed recordings too (20 templates; about 5 s).

# %% tags=["further"]
both = []
for seed in ROUNDS:
    known, asked = deal(seed)
    (frames, setting), known = chosen[trimmed], known[: 10 * SIZES[1]]
    queries, templates = ([core(MAKE[frames](pool_x[k]), setting) for k in rows] for rows in (asked, known))
    scored = [
        accuracy(table, known, pool_y[asked])
        for table in (warped(queries, templates), resampled(queries, templates, 20))
    ]
    both.append(scored[0] - scored[1])
print(f"both trimmed: DTW saves {interval(both)} points")

# %% [markdown]
# Of the six intervals only the claim's excludes 0. Most of that lead was **silence**: against the trimmed rival little of
# it is left, and when DTW gets the trimmed frames too, no lead is seen. In the mean DTW is best at every size, and the *share*
# of errors that it saves grows with the templates, but five rounds cannot prove either.
#
# All of this is **optimistic**: the file does not say who speaks, so the same six people are among templates and queries.
# (The rounds share recordings, so the intervals are a little narrow. They know no upper end: one may pass 100 %.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 A model instead of templates
#
# A **hidden Markov model** (HMM) tells a story: a word passes through K hidden **states**, say the pieces of "s-e-v-e-n". In
# state k frames are Gaussian with mean $\mu_k$ and a variance for each number; after each frame the word stays or moves on to
# the next state. Its parts: `start` (K,), `transition` (K, K), whose row i says where state i goes next, and the **density**
# $b_k(x_t)$ of frame t under state k: probability per unit of each number.
# `variance_floor` keeps variances above 0. Frames are MFCCs with deltas, unscaled: a Gaussian brings its own scale.


# %%
def frames_of(x):
    return np.hstack([x, deltas(x)])


known, asked = deal(0)
spoken = [frames_of(pool_x[k]) for k in known if pool_y[k] == 7]
model = alignment.GaussianHMM(8, topology="left-to-right", max_iter=10, variance_floor=0.01).fit(spoken)
print(model.transition_.round(2)[:4])

# %% [markdown]
# How probable is a recording? Add up over all ways through the states. **Forward** does it frame by frame: $\alpha_t(k)$ is
# the probability of the frames so far *and* of being in state k now:
#
# $$\alpha_{t+1}(k) = b_k(x_{t+1}) \sum_i \alpha_t(i)\, A_{ik}$$

# %%
recording = spoken[0]
emission = np.stack(
    [-((recording - m) ** 2 / v + np.log(2 * np.pi * v)).sum(1) / 2 for m, v in zip(model.means_, model.variances_)], 1
)
alpha = model.start_ * np.exp(emission[0])
for t in range(1, len(recording)):
    alpha = (alpha @ model.transition_) * np.exp(emission[t])
    if t in (1, 3, 6, 10, len(recording) - 1):
        print(f"after frame {t:2}: probability {alpha.sum():.3g}")

# %% [markdown]
# **Underflow.** A density of 26 numbers with large spreads is tiny; a few multiplied are smaller than any number a computer
# can hold, and become 0, the same for every model. Two cures: rescaling after each frame, or logarithms throughout: a
# product becomes a sum, a sum a `logsumexp`.


# %%
def log_likelihood(emission, start, transition):  # (T, K), (K,), (K, K) -> number
    with np.errstate(divide="ignore"):  # log 0 = -infinity is meant: a step that cannot be taken
        alpha, steps = np.log(start) + emission[0], np.log(transition)
    for frame in emission[1:]:
        alpha = logsumexp(alpha[:, None] + steps, axis=0) + frame
    return logsumexp(alpha)


by_hand = log_likelihood(emission, model.start_, model.transition_)
assert np.isclose(by_hand, model.score([recording])[0], rtol=1e-9)
print(f"log-likelihood {by_hand:.2f}, by hand and by the package")

# %% [markdown]
# ### Exercise 11.3 ●●○ 6 min
# The first cure. Write `forward_step`. `alpha` (K,) are probabilities that sum to 1, `transition` (K, K) as above,
# `log_density` (K,) the logarithms of this frame's densities, which may be as low as -2000. Return `(new_alpha,
# log_scale)`: `new_alpha` (K,) in proportion to $\sum_i \alpha_i A_{ik}\, b_k$ but summing to 1, and the logarithm of the
# sum that you divided by. Example: alpha `[1, 0]`, transition `[[0.5, 0.5], [0, 1]]`, log densities log `[0.2, 0.6]` gives
# `([0.25, 0.75], log 0.4)`.
# <details><summary>Hint: the idea</summary>Take the largest log density out before exp, so that one density is 1; put it back into the log scale.</details>
# <details><summary>Hint: pseudocode</summary>peak = max of log_density; new = (alpha @ transition) * exp(log_density - peak); total = sum of new; return new / total, log(total) + peak.</details>


# %% tags=["exercise"]
def forward_step(alpha, transition, log_density):  # (K,), (K, K), (K,) -> (K,), number
    ### BEGIN SOLUTION
    peak = log_density.max()
    new = (alpha @ transition) * np.exp(log_density - peak)
    return new / new.sum(), np.log(new.sum()) + peak
    ### END SOLUTION


# %%
check.ex11_3(forward_step)

# %% [markdown]
# Forward sums over all ways; **Viterbi** looks for the single best one. It is DTW again: a table, a best predecessor for each
# cell, a trace back.

# %% [markdown]
# ### Exercise 11.4 ●●○ 8 min
# Write `viterbi`. `emission` (T, K), `log_start` (K,), `log_transition` (K, K) are logarithms (some are `-inf`). Return the
# most probable sequence of states as a list of T ints. Example: emission log `[[.9, .1], [.5, .5], [.1, .9]]`, start log
# `[.5, .5]`, transition log `[[.8, .2], [.3, .7]]` gives `[0, 0, 1]` (probability .5 · .9 · .8 · .5 · .2 · .9).
# <details><summary>Hint: the idea</summary>best[k] is the log probability of the best way that ends in state k. For each k remember which state it came from.</details>
# <details><summary>Hint: pseudocode</summary>best = log_start + emission[0]; for each later frame: ways = best[:, None] + log_transition; keep ways.argmax(0); best = ways.max(0) + frame; then path = [best.argmax()], and through the kept rows, last first, append row[path[-1]]; reverse.</details>


# %% tags=["exercise"]
def viterbi(emission, log_start, log_transition):  # (T, K), (K,), (K, K) -> T ints
    ### BEGIN SOLUTION
    best, came = log_start + emission[0], []
    for frame in emission[1:]:
        ways = best[:, None] + log_transition
        came.append(ways.argmax(0))
        best = ways.max(0) + frame
    path = [int(best.argmax())]
    for row in reversed(came):
        path.append(int(row[path[-1]]))
    return path[::-1]
    ### END SOLUTION


# %%
check.ex11_4(viterbi)

# %% [markdown]
# **Where do means and variances come from?** Did we know each frame's state, we would average. We do not, so we count
# softly. **Backward** is forward's mirror image: the probability of the frames still to come, from state k on. The product
# of both, scaled, is $\gamma_t(k)$, the probability of state k at frame t given the *whole* recording, and each frame's
# share:
#
# $$\mu_k = \frac{\sum_t \gamma_t(k)\, x_t}{\sum_t \gamma_t(k)}$$
#
# New means give new shares, and so on: **Baum-Welch**. No round can lower the likelihood of the training recordings while no
# variance hits its floor. One round from equal pieces, by hand:

# %%
pieces = alignment.GaussianHMM(8, topology="left-to-right", max_iter=0, variance_floor=0.01).fit(spoken)
shares, stacked = np.concatenate(pieces.posteriors(spoken)), np.concatenate(spoken)
means = shares.T @ stacked / shares.sum(0)[:, None]
once = alignment.GaussianHMM(8, topology="left-to-right", max_iter=1, variance_floor=0.01).fit(spoken)
assert np.allclose(means, once.means_)
print("log-likelihood a frame, before each round:", (np.array(model.log_likelihoods_) / len(stacked)).round(2))

# %% tags=["further"]
figure, grid = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True)
for axes, (name, one) in zip(grid, {"equal pieces": pieces, "after Baum-Welch": model}.items()):
    axes.imshow(one.posteriors([recording])[0].T, aspect="auto", cmap="Greys", origin="lower", vmin=0, vmax=1)
    axes.plot(one.decode([recording])[0][0], color=plotting.COLORS[3], linewidth=3, label="Viterbi")
    axes.set(title=name, xlabel="frame", xticks=range(0, len(recording), 5))
    axes.grid(False)
grid[0].set(ylabel="state", yticks=range(8))
_ = figure.legend(*axes.get_legend_handles_labels(), loc="outside lower right")

# %% [markdown] tags=["alt"]
# *Figure: the shares of eight states over the frames of one "seven" (dark: nearly sure), with the Viterbi path, before and
# after training: stairs from the first state to the last, whose lengths change.*

# %% [markdown]
# The stairs say which frames are which piece of "seven". Ten such models make a classifier: the likeliest
# wins. States are chosen on validation recordings (one state is a control: no order), as were the deltas; the models learn
# from the templates of section 2. (About 10 s.)


# %%
def digit_models(rows, states=8):
    settings = dict(topology="left-to-right", max_iter=10, variance_floor=0.01)
    by_digit = [[frames_of(pool_x[k]) for k in rows if pool_y[k] == digit] for digit in range(10)]
    return [alignment.GaussianHMM(min(states, max(map(len, x))), **settings).fit(x) for x in by_digit]


def hmm_accuracy(models, recordings, truth):
    recordings = [frames_of(x) for x in recordings]
    return 100 * (np.stack([one.score(recordings) for one in models]).argmax(0) == truth).mean()


for states in (1, 4, 8, 12):
    print(f"{states:2} states: validation {hmm_accuracy(digit_models(deal(0)[0], states), valid_x, valid_y):.1f} %")
models = [digit_models(deal(seed)[0]) for seed in ROUNDS]
start = time.perf_counter()
hmm = [hmm_accuracy(models[s], pool_x[deal(s)[1]], pool_y[deal(s)[1]]) for s in ROUNDS]
hmm_ms = 1000 * (time.perf_counter() - start) / len(asked) / len(ROUNDS)

# %%
mm.claim("11.3", "ten HMMs of 8 states name the digit", hmm, margin=90, unit="%")
print(f"DTW with all templates minus HMMs: {interval(100 - wrong['DTW'][:, 2] - hmm):+} points; chance is 10 %")
print(f"milliseconds a query: DTW {query_ms:.1f}, HMMs {hmm_ms:.1f}")

# %% [markdown]
# When the same voices are among the templates, the templates win, but they are slower. (Each method has its best frames on
# validation: the gap is one of models *and* frames.) An HMM gives a *probability*, which can be multiplied with that of a
# word or a sentence. HMMs carried speech recognition for decades, and forward sums come back in lesson 12.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 A warp with a gradient
#
# DTW's gradient sees one path only. **Soft-DTW** (Cuturi and Blondel 2017) replaces min by a soft minimum: all paths have a
# say, the cheaper the louder:
#
# $$\text{softmin}_\gamma(a, b, c) = -\gamma \log\left(e^{-a/\gamma} + e^{-b/\gamma} + e^{-c/\gamma}\right)$$

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let somebody work out softmin(0, 0, 0) on the board before the next cell.

# %% [markdown] tags=["predict"]
# **Predict first.** DTW of a sequence with itself is 0. What is soft-DTW of a sequence with itself: 0, more, or less?

# %%
x = torch.tensor(np.stack([long]))
for gamma in (0.1, 1.0, 10.0):
    own = alignment.soft_dtw(x, x, gamma).item()
    print(
        f"gamma {gamma:4}: with itself {own:9.3f}, divergence {alignment.soft_dtw_divergence(x, x, gamma).item():.3f}"
    )

# %% [markdown]
# Less: softmin(0, 0, 0) = $-\gamma \log 3$, and many paths cost nearly nothing. A trap: a perfect match need not have the
# least loss. The **divergence** (Blondel and others 2021) takes half of both self-costs off: 0 for equal sequences, above 0
# for others (proved for some ground costs only). Start *at* the perfect match and descend:

# %%
z = x.clone().requires_grad_()
optimizer = torch.optim.Adam([z], lr=0.1)
for step in range(61):
    optimizer.zero_grad()
    loss = alignment.soft_dtw(z, x, 1.0).sum()
    if step % 60 == 0:
        print(
            f"step {step}: soft-DTW {loss.item():.2f}, divergence {alignment.soft_dtw_divergence(z, x, 1.0).item():.2f}"
        )
    loss.backward()
    optimizer.step()

# %% [markdown]
# Soft-DTW falls while the sequences part. A use of the divergence: the **average seven**. The plain mean of 20 resampled
# sevens blurs. Let gradient descent move a sequence until its divergence from all 20 is least.


# %%
def averages(sequences, gamma=1.0, steps=40):  # arrays (T_i, d) -> plain mean, soft mean: (T, d)
    plain = np.mean([stretch(x, int(np.median([len(x) for x in sequences]))) for x in sequences], 0)
    z, lengths = torch.tensor(plain, requires_grad=True), torch.tensor([len(x) for x in sequences])
    padded = pad_sequence([torch.tensor(x) for x in sequences], batch_first=True)
    optimizer = torch.optim.Adam([z], lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        costs = alignment.soft_dtw(z.expand(len(padded), -1, -1), padded, gamma, y_lengths=lengths)
        costs = costs - alignment.soft_dtw(z[None], z[None], gamma) / 2  # the sevens' own half is constant
        (costs / lengths).mean().backward()
        optimizer.step()
    return plain, z.detach().numpy()


# %% [markdown]
# Judge it by its work: ten averages, one a digit, as the *only* templates. Rivals: the most central of the 20 and a **hard
# mean** (Petitjean and others 2011): average the frames that DTW lays on each other, eight times over. (About 10 s.)


# %% tags=["further"]
def hard_mean(z, sequences, rounds=8):
    for _ in range(rounds):
        paths = [alignment.dtw(z, x).path for x in sequences]
        rows, frames = (
            np.concatenate(some) for some in ([p[:, 0] for p in paths], [x[p[:, 1]] for x, p in zip(sequences, paths)])
        )
        z = np.stack([np.bincount(rows, column) for column in frames.T], 1) / np.bincount(rows)[:, None]
    return z


# %%
worth = {"most central": [], "plain mean": [], "hard mean": [], "soft mean": []}
for seed in ROUNDS:
    known, asked = deal(seed)
    by_digit = [[scaled(pool_x[k]) for k in known if pool_y[k] == digit][:20] for digit in range(10)]
    plain, soft = zip(*(averages(x, steps=STEPS) for x in by_digit))
    hard = [hard_mean(*pair) for pair in zip(plain, by_digit)]
    central = [x[warped(x, x).sum(0).argmin()] for x in by_digit]
    queries = [scaled(pool_x[k]) for k in asked]
    for name, templates in zip(worth, (central, plain, hard, soft)):
        worth[name].append(100 * (warped(queries, templates).argmin(1) == pool_y[asked]).mean())
print("accuracy in %:", {name: str(interval(values)) for name, values in worth.items()})
for name in ("plain mean", "hard mean"):
    print(f"soft mean minus {name}: {interval(np.subtract(worth['soft mean'], worth[name])):+} points")

# %% [markdown]
# **Warping the average helps**, and a hard warp gives most of it; what softness adds is small. What it gives is a gradient,
# for a warp inside a network. The last round's average sevens:

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(9, 3.8))
for x in by_digit[7]:
    axes.plot(stretch(x, len(plain[7]))[:, 0], color="#BBBBBB", linewidth=0.8)
for color, name, means in ((2, "plain mean", plain), (4, "hard mean", hard), (3, "soft mean", soft)):
    axes.plot(means[7][:, 0], color=plotting.COLORS[color], linewidth=3, label=name)
axes.set(xlabel="frame", ylabel="first MFCC\n(loudness), scaled", xticks=range(0, len(plain[7]), 2))
_ = figure.legend(loc="outside right upper")

# %% [markdown] tags=["alt"]
# *Figure: the first MFCC of three means, on the thin grey curves of the sevens, some of which begin or stay low: silence. The
# plain mean is a flat hill; the warped ones rise sooner and higher, the soft one most.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 The talking mouth
#
# Now two **modalities**. A synthesiser speaks sentences such as "place blue at f two now". From its phonemes (the sounds of
# a language) and their times a mouth is drawn, 25 pictures a second, with blending and noise. All synthetic, so we know the
# truth; the four voices and all words are in training and test. In the test part the film is **out of step** by a smooth,
# unknown offset. Which moment of the sound belongs to each picture?

# %% tags=["further"]
SHIFT = 6.0  # pictures at most
THIN = mm.per_profile(smoke=10, quick=1, full=1)  # the profile smoke takes each tenth sentence, of one round for all


@lru_cache(maxsize=2)
def films(seed, shift):
    return mm.load("talking_mouth", shift=shift, frames=SHIFT, seed=seed)


def round_of(seed, shift="warp"):
    return films(seed if THIN == 1 else 0, shift)


def bend(item):
    """How far the true warp strays from a straight line while somebody speaks, in pictures."""
    k = np.flatnonzero(item["spoken"])
    when = item["when"].numpy()[k]
    return np.abs(when - np.polyval(np.polyfit(k, when, 1), k)).max()


def part_of(split, seed):
    return [split[k] for k in range(seed % THIN, len(split), THIN)]


first, sentences = round_of(0), mm.data.table("talking_mouth")
ITEM, ROW = max(first.test, key=lambda pair: bend(pair[0]))  # the sentence for the pictures
said = sentences.iloc[int(ROW)]
samples, rate = speak(said["text"], said["voice"], said["rate"])
print(said["text"], {key: tuple(value.shape) for key, value in ITEM.items() if key in ("audio", "image")})
Audio(decimate(samples, 3), rate=rate // 3)

# %% tags=["further"]
picked = np.linspace(14, len(ITEM["image"]) - 20, 8).astype(int)
plotting.images([ITEM["image"][k, 0] for k in picked], [f"{k / 25:.2f} s" for k in picked])

# %% [markdown] tags=["alt"]
# *Figure: eight drawn mouths of one sentence with their times: flat or more open, with or without teeth.*

# %% [markdown]
# There is no distance between 13 MFCCs and 768 grey values. One idea: **loud means open**. Scale both curves and warp.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let people say "moon" and "ah", a hand on their lips.

# %% [markdown] tags=["predict"]
# **Predict first.** Name a loud sound with a nearly shut mouth. Name a silent moment with an open one. Will loudness do?

# %% [markdown]
# Another: **learn**, from sentences in step, what the mouth looks like for a sound. A picture becomes four numbers by
# principal components (lesson 6); ridge regression predicts them from nine MFCC frames. Then both streams are the *same*
# four numbers, one foretold from the sound, one seen. (Nothing here was tuned.)


# %% tags=["further"]
def around(sound, k=4):
    """Each MFCC frame with k neighbours on both sides, one row a picture (25 a second): (T, 13 (2 k + 1))."""
    padded = np.pad(sound, ((k, k), (0, 0)), mode="edge")
    return np.hstack([padded[j : j + len(sound)] for j in range(2 * k + 1)])[::2]


def pixels(item):
    return item["image"].flatten(1).numpy()


# %%
class Lipreader:
    """From sound to mouth, learned on sentences that are in step."""

    def __init__(self, mfccs=13):
        self.mfccs = mfccs

    def sound(self, item):
        return around(item["audio"].numpy()[:, : self.mfccs])[: len(item["image"])]

    def fit(self, split, alpha=10.0):
        items = [item for item, _ in split]
        pictures = np.concatenate([pixels(item) for item in items])
        self.pca = PCA(4, svd_solver="randomized", random_state=0).fit(pictures[::3])
        self.size = np.sqrt(self.pca.explained_variance_)
        heard = np.concatenate([self.sound(item) for item in items])
        self.mean, self.spread = heard.mean(0), heard.std(0)
        self.ridge = Ridge(alpha).fit((heard - self.mean) / self.spread, self.pca.transform(pictures) / self.size)
        return self

    def seen(self, item):  # (T, 4)
        return self.pca.transform(pixels(item)) / self.size

    def foretold(self, item):  # (T, 4)
        return self.ridge.predict((self.sound(item) - self.mean) / self.spread)


# %% [markdown]
# ### Exercise 11.5 ●○○ 5 min
# A film editor wants one moment for each picture. Write `moments`. `path` is an int array (L, 2) of pairs (sound frame,
# picture), such as `dtw` gives; pictures run from 0 to S - 1 and each occurs at least once. Return a float array (S,): the
# mean of the sound frames that go with each picture. Example: `[[0, 0], [1, 0], [2, 1]]` gives `[0.5, 2]`.
# <details><summary>Hint: the idea</summary>For each picture: the sum of its sound frames, divided by how many there are. np.bincount does both.</details>
# <details><summary>Hint: pseudocode</summary>total = bincount of column 1, weights column 0; count = bincount of column 1; return total / count.</details>


# %% tags=["exercise"]
def moments(path):  # (L, 2) -> (S,)
    ### BEGIN SOLUTION
    return np.bincount(path[:, 1], weights=path[:, 0]) / np.bincount(path[:, 1])
    ### END SOLUTION


# %%
check.ex11_5(moments)

# %% [markdown]
# The rivals get the same two streams and look for the least sum of the same distances. From stiff to free: the best
# **constant lag**, as lip-sync tools do; the best **straight line**, lag and speed; a **priced lag**, which may change from
# picture to picture at a price (Viterbi, whose states are lags). The **error** of a sentence: the median over pictures with
# speech, in pictures.

# %% tags=["further"]
LAGS, SPEEDS = np.arange(-10, 10.01, 0.5), np.arange(0.7, 1.31, 0.05)


def by_path(foretold, seen, window=None):
    path = alignment.dtw(foretold, seen, window=window).path
    here = path[:, 1] == np.arange(len(seen))[:, None]  # (pictures, steps of the path)
    return here @ path[:, 0] / here.sum(1)


def by_line(foretold, seen, speeds=(1.0,)):
    steps, middle = np.arange(len(seen)), (len(seen) - 1) / 2
    lines = np.array([middle + (steps - middle) * speed + lag for lag in LAGS for speed in speeds])
    read = np.stack([np.interp(lines, steps, column) for column in foretold.T], -1)
    return lines[np.linalg.norm(read - seen, axis=2).sum(1).argmin()]


# %% tags=["further"]
def by_price(foretold, seen, price):
    steps, best, came = np.arange(len(seen)), np.zeros(len(LAGS)), []
    read = np.stack([np.interp(steps[:, None] + LAGS, steps, column) for column in foretold.T], -1)
    for row in np.linalg.norm(read - seen[:, None], axis=2):
        ways = best[:, None] + price * np.abs(LAGS[:, None] - LAGS)
        came.append(ways.argmin(0))
        best = ways.min(0) + row
    states = [best.argmin()]
    for row in came[:0:-1]:
        states.append(row[states[-1]])
    return steps + LAGS[states[::-1]]


def loud_and_open(item):
    """Loudness and the number of dark pixels, both (T, 1), mean 0, spread 1."""
    curves = around(item["audio"].numpy(), 0)[: len(item["image"]), :1], (pixels(item) < 0.3).sum(1)[:, None]
    return tuple((x - x.mean()) / (x.std() + 1e-9) for x in curves)


# %% [markdown]
# All methods, and their error, mean over the sentences. One more control: the same map, learned from the loudness alone.


# %% tags=["further"]
def guesses(reader, item):
    foretold, seen, deaf = reader.foretold(item), reader.seen(item), reader.deaf.foretold(item)
    curves = loud_and_open(item)
    return {
        "no alignment": np.arange(len(seen)),
        "constant lag": by_line(foretold, seen),
        "loudness, DTW": by_path(*curves, window=LOUD_WINDOW),
        "loudness learned, DTW": by_path(deaf, seen),
        "straight line": by_line(foretold, seen, SPEEDS),
        "priced lag": by_price(foretold, seen, PRICE),
        "learned, DTW": by_path(foretold, seen),
    }


def error(found, item):
    return np.median(np.abs(found - item["when"].numpy())[item["spoken"].numpy()])


def errors(reader, split):
    rows = [{name: error(found, item) for name, found in guesses(reader, item).items()} for item, _ in split]
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}


# %% [markdown]
# The loudness rival's window and the price are chosen on the validation sentences of all rounds (about 10 s).


# %% tags=["further"]
readers, tests = [], []
by_window, by_cost = ({k: [] for k in grid} for grid in ((2, 4, 8, 16, None), (0.25, 0.5, 1, 2, 4)))
for seed in ROUNDS:
    train, valid = (part_of(split, seed) for split in (round_of(seed).train, round_of(seed).valid))
    readers.append(Lipreader().fit(train))
    readers[-1].deaf = Lipreader(mfccs=1).fit(train)
    tests.append(part_of(round_of(seed).test, seed))
    for item, _ in valid:
        streams = readers[-1].foretold(item), readers[-1].seen(item)
        for window, values in by_window.items():
            values.append(error(by_path(*loud_and_open(item), window), item))
        for price, values in by_cost.items():
            values.append(error(by_price(*streams, price), item))
for name, tried in (("loudness, by window", by_window), ("priced lag, by price", by_cost)):
    print(f"{name}:", {setting: round(float(np.mean(values)), 2) for setting, values in tried.items()})
LOUD_WINDOW, PRICE = (min(tried, key=lambda s: np.mean(tried[s])) for tried in (by_window, by_cost))

# %%
warp = [errors(readers[seed], tests[seed]) for seed in ROUNDS]
warp = {name: np.array([row[name] for row in warp]) for name in warp[0]}
figure = plotting.bars(warp, ylabel="median error, pictures (1/25 s)", title="film off by a warp")
figure.axes[0].patches[-1].set_facecolor(plotting.COLORS[3])
figure

# %% [markdown] tags=["alt"]
# *Figure: median error of the seven methods, with 95 % intervals over five rounds. DTW on the learned map and the priced lag
# are lowest by far and level; the straight line is third; no alignment is worst.*

# %%
print(f"learned, DTW: median error {interval(warp['learned, DTW'])} pictures, needed below 1.5")
mm.claim("11.4", "1.5 minus that error", 1.5 - warp["learned, DTW"], unit="pictures")
mm.claim(
    "11.5", "half of no alignment's error minus ours", warp["no alignment"] / 2 - warp["learned, DTW"], unit="pictures"
)
for name in ("constant lag", "straight line", "priced lag", "loudness learned, DTW"):
    print(f"{name} minus ours: {interval(warp[name] - warp['learned, DTW']):+} pictures")

# %% [markdown]
# **The learned map made the modalities comparable**; a bending path did the rest, DTW's or a priced one. On warps loudness
# gets part of the way only, learned or not: "m" is loud with a shut mouth, and a mouth that opens for the next sound is still
# silent. Now the sentence whose warp bends most, at some of its sounds (in the phonetic alphabet: "aɪ" as in "five"): the
# picture in the film, the one that DTW picks, the true one.

# %% tags=["further"]
found = guesses(readers[0], ITEM)["learned, DTW"]
when, sounds = ITEM["when"].numpy(), [one for one in said["phonemes"] if one[0]]
starts = [second for _, second in said["phonemes"]]
centres = [25 * (a + b) / 2 for a, b in pairwise(starts)][: len(sounds)]
off = np.abs(np.interp(centres, when, np.arange(len(when))) - centres)
shown = np.sort(np.argsort(off)[-8:])  # where the film is most out of step
figure, grid = plt.subplots(3, len(shown), figsize=(11, 3.3))
for row, (name, clock) in enumerate((("film as it came", np.arange(len(when))), ("after DTW", found), ("truth", when))):
    for axes, k in zip(grid[row], shown):
        axes.imshow(ITEM["image"][np.abs(clock - centres[k]).argmin(), 0], cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"“{sounds[k][0]}”" if row == 0 else "", loc="center")
    grid[row][0].set_ylabel(name, rotation=0, ha="right", va="center")

# %% [markdown] tags=["alt"]
# *Figure: mouths for eight sounds: in the film, picked by DTW, true. In the top row several have the wrong shape. Most of the
# middle row is like the bottom row; in the last column DTW picks a wide mouth for a small round one, and its first "aɪ" is
# too round.*

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(9.5, 4.2))
look = {"loudness, DTW": 1, "constant lag": 2, "straight line": 4, "priced lag": 0, "learned, DTW": 3}
for name, color in look.items():
    offset, width = guesses(readers[0], ITEM)[name] - np.arange(len(when)), 3 if name == "learned, DTW" else 1.5
    axes.plot(offset, color=plotting.COLORS[color], linewidth=width, label=name)
axes.plot(when - np.arange(len(when)), "k--", linewidth=2, label="truth")
axes.axvspan(*np.flatnonzero(ITEM["spoken"])[[0, -1]], color="#E0E0E0", zorder=0, label="speech")
axes.set(xlabel="picture", ylabel="offset of its sound, pictures")
_ = figure.legend(loc="outside right upper")

# %% [markdown] tags=["alt"]
# *Figure: the offset of the sound for each picture of one sentence. DTW and the priced lag follow the dashed truth in stairs
# while there is speech, not in silence; lag and straight line cannot bend; loudness stops at its window.*

# %% [markdown] tags=["predict"]
# **Predict first.** Now the same films, but each late or early by one fixed amount, a common fault of real films. Order the seven
# methods.

# %%
lag = []
for seed in ROUNDS:
    test = round_of(seed, "lag").test
    lag.append(errors(readers[seed], part_of(test, seed)))
for name in lag[0]:
    print(f"{name:21} {interval([row[name] for row in lag])} pictures")

# %% [markdown]
# The constant lag wins, as it should: one number to find, all pictures to find it from. Line and priced lag come next. Of the
# methods with the learned map DTW pays most for its freedom. **Use the stiffest model that the fault allows**; the priced lag does well on both faults. (Raw
# loudness keeps the window chosen for warps, which some of these lags exceed.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# Which sound goes with which frame? **The one that the cheapest path pairs it with, once both streams speak of the same
# thing.**
#
# | you have | take |
# |---|---|
# | two recordings of one kind | trim the ends; then resampling or DTW |
# | many recordings of a word | an HMM |
# | a loss to differentiate | soft-DTW's divergence |
# | two modalities | a map that makes them comparable, then DTW or a priced lag |
# | a constant delay | the best constant lag, not DTW |

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let the group name faults of real films (delay, drift, dubbing, a cut) and pick a model for each.

# %% [markdown]
# ## What can go wrong
#
# - **Silence** at the ends flatters DTW against untrimmed rivals, and warping is free there: measure errors in speech.
# - **Underflow** gives 0 for every model, and `argmax` then says "zero" without an error.
# - **Clean data.** Our lips were drawn from the phonemes spoken. Expect a far worse map on a face.

# %% [markdown]
# ## Three key points
#
# 1. DTW finds the cheapest path through a table of distances. Trim for its rivals before you praise it.
# 2. An HMM aligns frames with states: forward sums over all ways, Viterbi takes the best, Baum-Welch counts softly.
# 3. Across modalities learn a map to common ground first; then use the stiffest warp that fits the fault.

# %% [markdown]
# ## Quiz
#
# **1.** With 20 templates, resampling after a trim comes close to DTW. What did plain resampling mostly lack?
# <details><summary>A: the bends inside the word, which only a path through a table can follow</summary>The trimmed rival does not bend either, and has most of DTW's lead.</details>
# <details><summary>B: the ends of the word: it laid silence of one on speech of the other</summary>Right. DTW can hold its path still in silence; a trim does the same beforehand.</details>
# <details><summary>C: enough settings to choose from, while the trimmed rival had more of them</summary>Each method chose from four settings on the same recordings.</details>
#
# **2.** A forward pass returns exactly 0 for all ten digit models. What happened?
# <details><summary>A: no model allows the path of states that this recording takes</summary>In a left-to-right model every recording has some way through the states.</details>
# <details><summary>B: the recording is a word which none of the ten models has learned</summary>Then its likelihoods would be low, but not 0, and not equal.</details>
# <details><summary>C: the product of many small densities fell below the smallest number</summary>Right. Use logarithms, or rescale at each frame and add up the log scales.</details>
#
# **3.** A film is late by three pictures from start to end. What should you use?
# <details><summary>A: the best constant lag, since it has a single number to find</summary>Right. It uses all pictures for one number, and bends nowhere by accident.</details>
# <details><summary>B: DTW with a wide window, since it can follow any kind of offset</summary>It can, and pays with small errors everywhere: the table above shows it.</details>
# <details><summary>C: soft-DTW, since it averages over all the paths that are nearly best</summary>It is a smooth cost; the fault is still one number.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# <details><summary>Step patterns</summary>Sakoe and Chiba also weigh diagonal steps double, or forbid two steps in the same direction in a row, so that no frame is held for long. Librosa takes any list of steps with weights.</details>
# <details><summary>Real faces</summary>SyncNet (Chung and Zisserman 2016) learns both encoders with a contrastive loss, the theme of lesson 13.</details>

# %% [markdown]
# ### What articles say, what is true
#
# - *"The DTW metric."* It breaks the triangle inequality (below): a search that skips candidates by it can miss the nearest.
# - *"DTW distance 1.414."* Squared and rooted, or summed? Divided by the path or not?
# - *"Soft-DTW loss."* It is below zero at a perfect match, and is not least there (section 4). Ask for the divergence.
# - *"In sync."* Lip-sync scores such as SyncNet's look for one constant offset over a clip.

# %% tags=["further"]
a, b, c = np.zeros((2, 1)), np.array([[0.0], [2]]), np.array([[2.0]] * 3)
ab, bc, ac = (alignment.dtw(*pair).cost for pair in ((a, b), (b, c), (a, c)))
assert ac > ab + bc
print(f"a to b {ab}, b to c {bc}, but a to c {ac}")

# %% [markdown]
# ### Real faces: GRID
#
# The drawn mouth stands in for GRID (Cooke and others 2006): real people, such sentences, word times in `.align` files. If
# you have it (`mm.data.ready("grid")`) and the profile is `full`, this runs the same methods on it, on speakers never seen.


# %% tags=["further"]
def from_grid(item, shift, seed):
    """An item of GRID in the form of the drawn mouth's, the pictures put out of step."""
    from librosa.feature import mfcc

    sound = mfcc(y=item["audio"].numpy(), sr=22_050, n_mfcc=13, n_fft=1024, hop_length=441, n_mels=40).T
    count = min(len(item["video"]), len(sound) // 2)
    moments_shown = shifted_times(count, shift, SHIFT, np.random.default_rng(seed))
    rows = torch.tensor(moments_shown.round().clip(0, count - 1).astype(int))
    spoken = (rows >= 25 * item["times"][0, 0]) & (rows < 25 * item["times"][-1, 1])
    image = item["video"].mean(1, keepdim=True)[rows]
    return {"audio": torch.tensor(sound.copy()), "image": image, "when": rows, "spoken": spoken}, 0


if mm.per_profile(smoke=False, quick=False, full=mm.data.ready("grid")):
    grid = mm.load("grid", mouth=True, size=(24, 32), rate=22_050, limit=20)
    trained = [from_grid(item, "none", 0) for item, _ in grid.train]
    reader = Lipreader().fit(trained)
    reader.deaf = Lipreader(mfccs=1).fit(trained)
    print(errors(reader, [from_grid(item, "warp", k) for k, (item, _) in enumerate(grid.test)]))
else:
    print("GRID is not used here: profile", mm.per_profile(smoke="smoke", quick="quick", full="full"))

# %% [markdown]
# ## References
#
# - Sakoe, H., Chiba, S. (1978). Dynamic programming algorithm optimization for spoken word recognition. IEEE TASSP 26(1).
# - Rabiner, L. (1989). A tutorial on hidden Markov models and selected applications in speech recognition. Proceedings of the IEEE 77(2).
# - Cuturi, M., Blondel, M. (2017). Soft-DTW: a differentiable loss function for time-series. ICML.
# - Petitjean, F., Ketterlin, A., Gançarski, P. (2011). A global averaging method for dynamic time warping, with applications to clustering. Pattern Recognition 44(3).
# - Blondel, M., Mensch, A., Vert, J.-P. (2021). Differentiable divergences between time series. AISTATS.
# - Cooke, M., Barker, J., Cunningham, S., Shao, X. (2006). An audio-visual corpus for speech perception and automatic speech recognition. JASA 120(5).
# - Chung, J. S., Zisserman, A. (2016). Out of time: automated lip sync in the wild. ACCV workshops.
