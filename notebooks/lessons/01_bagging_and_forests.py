# %% [markdown]
# # 1 Bagging and random forests
#
# **Why do many weak trees beat one?** · 90 minutes · needs lesson 0
#
# ![Training rows are drawn again and again with replacement; each draw grows a tree, and the forecasts of all trees are averaged](flow: training rows -> bootstrap 1 -> tree 1 -> average; training rows -> bootstrap 2 -> tree 2 -> average; training rows -> bootstrap 3 -> tree 3 -> average; average -> forecast)
#
# You will forecast how wildly shares swing in the coming month. One decision tree does it worse than a rule of thumb; a
# hundred such trees, averaged, come out ahead. You will build both, find out why, weigh how much the lead is worth, and
# learn when the score a forest gives itself is not to be believed.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, ensembles, metrics, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Calm spells, stormy spells
# We have the daily closing prices of large American companies. Over the years some grew several hundredfold, so we look at
# daily **returns**: the change of the logarithm of the price. A return of 0.01 is a gain of about one percent.

# %%
import numpy as np

NAME = mm.per_profile(smoke="stocks", quick="stocks", full="sp500" if mm.data.ready("sp500") else "stocks")
prices = mm.data.table(NAME).dropna(axis=1)
returns = np.log(prices).diff().iloc[1:]
print(f"{prices.shape[1]} stocks, {len(prices)} days, {prices.index[0]:%Y} to {prices.index[-1]:%Y}")
returns.iloc[:3, :6].round(4)

# %% [markdown]
# One stock as a picture, the price above and its returns below. (Code that only draws or keeps score is folded in this
# lesson: run it like any other cell, you need not read it. A click on the three dots opens it.)

# %% tags=["further"]
import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullLocator

stock = prices.columns[2]
figure, (top, bottom) = plt.subplots(2, 1, figsize=(8, 4.6), sharex=True)
top.plot(prices[stock], linewidth=1)
top.set(ylabel="price in dollars", yscale="log", title=f"{stock}: spells of calm, spells of storm")
top.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), minor_locator=NullLocator(), major_formatter="{x:g}")
bottom.plot(returns[stock], color=plotting.COLORS[1], linewidth=0.6)
_ = bottom.set(ylabel="daily return", xlabel="year")

# %% [markdown] tags=["alt"]
# *Figure: above, the price of one bank over the years; below, its daily returns, which flicker around zero in a narrow
# band for years and then, in spells, swing many times as far in both directions.*

# %% [markdown]
# Whether the next return is up or down looks like a coin flip. But big swings come in spells: a stormy month follows a
# stormy month. So we forecast not the direction but the **volatility**: the root mean square of the next 20 daily returns.
# We take its logarithm, so that being wrong by a factor of two costs the same for a calm share and for a wild one.
#
# `mm.load` cuts the history into windows. An item holds 60 days of returns; its target is the log volatility of the 20
# days that follow.

# %%
splits = mm.load(NAME, window=60, horizon=20, step=5)
item, target = splits.train[0]
print(f"known: {len(item['returns'])} returns; wanted: {target:.2f}, the log of {target.exp():.4f}")
for name in ("train", "valid", "test"):
    days = getattr(splits, name).groups  # for each row the number of the last day it knows
    first, last = prices.index[[days.min(), days.max()]]
    print(f"splits.{name:6s}{len(days):6d} rows, last known days {first:%b %Y} to {last:%b %Y}")


# %% [markdown]
# The three parts follow each other in time: train on the oldest years, try things out on the next ones (valid), and leave
# the test years in a sealed envelope until the very end. Between them `mm.load` leaves a gap of some months, so that no
# row reaches into two parts. We boil the 60 returns down to eight numbers a person can read.

# %%
FEATURES = [f"{what} {days}" for what in ("volatility", "return") for days in (5, 20, 60)]
FEATURES += ["worst day", "best day"]


def features(returns):
    """(N, 60) daily returns, newest last -> (N, 8), in the order of FEATURES."""

    def volatility(part):
        return np.log(np.sqrt((part**2).mean(axis=1)) + 1e-4)  # the small number keeps log(0) away

    week, month = returns[:, -5:], returns[:, -20:]
    sizes = [volatility(week), volatility(month), volatility(returns)]
    return np.column_stack([*sizes, week.sum(1), month.sum(1), returns.sum(1), month.min(1), month.max(1)])


def rows_of(split):
    inputs, target = split.arrays()
    return features(inputs["returns"].astype(float)), target.astype(float)


# %% [markdown]
# Before any model, the rules of thumb. "The next month will be like the last 60 days" costs nothing, and a model that
# cannot beat it is worth nothing. We measure the root mean squared error in log volatility: 0.4 means typically off by a
# factor of $e^{0.4} \approx 1.5$.


# %%
def error(y, forecast):
    return float(np.sqrt(np.mean((y - forecast) ** 2)))


X, y = rows_of(splits.train)
X_valid, y_valid = rows_of(splits.valid)
print(f"always the average of the training years   {error(y_valid, y.mean()):.3f}")
print(f"like the last 20 days                      {error(y_valid, X_valid[:, 1]):.3f}")
print(f"like the last 60 days                      {error(y_valid, X_valid[:, 2]):.3f}   <- the one to beat")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A tree asks questions
# A regression tree splits the rows with one question, "is feature $j$ at most $c$?", then splits both halves again. At the
# end of each path it answers with the mean of the training rows there. It picks the question that leaves the smallest
# squared error on both sides:
#
# $$\min_{j,\,c}\; \sum_{\text{left}} (y_i - \bar y_\text{left})^2 + \sum_{\text{right}} (y_i - \bar y_\text{right})^2$$
#
# Since $\sum (y_i - \bar y)^2 = \sum y_i^2 - (\sum y_i)^2 / n$, and $\sum y_i^2$ is fixed, that is the same as making
# $(\sum_\text{left} y_i)^2 / n_\text{left} + (\sum_\text{right} y_i)^2 / n_\text{right}$ large. Running sums give it for
# every $c$ at once.


# %%
def best_split(X, y, columns):
    """Return (gain, feature, threshold) of the best question about one of `columns`."""
    best = (-np.inf, None, None)
    for j in columns:
        order = np.argsort(X[:, j])
        x, n, left = X[order, j], np.arange(1, len(y)), np.cumsum(y[order])[:-1]
        gain = left**2 / n + (y.sum() - left) ** 2 / (len(y) - n)
        gain[x[1:] == x[:-1]] = -np.inf  # no threshold fits between two equal values
        i = gain.argmax()
        if gain[i] > best[0]:
            best = (gain[i], j, (x[i] + x[i + 1]) / 2)
    return best


# %% [markdown]
# Growing is asking, splitting, and growing both sides. The tree may look at only `n_features` randomly drawn columns at
# each question; for now at all of them.


# %%
def grow(X, y, depth, n_features, rng):
    """Return a number (a leaf) or (feature, threshold, left tree, right tree)."""
    if depth == 0 or np.ptp(y) == 0:
        return y.mean()
    _, j, threshold = best_split(X, y, rng.choice(X.shape[1], n_features, replace=False))
    if j is None:
        return y.mean()
    left = X[:, j] <= threshold
    sides = [grow(X[side], y[side], depth - 1, n_features, rng) for side in (left, ~left)]
    return j, threshold, *sides


def ask(tree, row):
    while isinstance(tree, tuple):
        j, threshold, low, high = tree
        tree = low if row[j] <= threshold else high
    return tree


# %% [markdown]
# That is a whole decision tree. Is it the same as the library's? From here on we use the library's, because it is compiled.

# %%
from sklearn.tree import DecisionTreeRegressor

rng = np.random.default_rng(0)
mine = grow(X[:400], y[:400], depth=3, n_features=8, rng=rng)
library = DecisionTreeRegressor(max_depth=3).fit(X[:400], y[:400])
assert np.allclose([ask(mine, row) for row in X_valid], library.predict(X_valid))
print(f"first question: is {FEATURES[mine[0]]} at most {mine[1]:.2f}?   The same as scikit-learn's tree: yes")

# %% [markdown] tags=["predict"]
# **Predict first.** You grow two trees as deep as they go, each on its own random 300 rows from the same years. For what
# share of the validation rows will the two forecasts agree to within 10 %? Most, half, or few?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask for a show of hands. Most rooms say "most". Come back to it when the variance bars appear.

# %%
pool = np.random.default_rng(1).permutation(len(y))
halves = pool[:600].reshape(2, 300)  # row numbers of two training sets
pair = [DecisionTreeRegressor(random_state=0).fit(X[rows], y[rows]).predict(X_valid) for rows in halves]
apart = np.abs(pair[0] - pair[1])
print(f"they agree within 10 % on {np.mean(apart < 0.1):.0%} of the rows")
print(f"they disagree by a factor of {np.exp(np.median(apart)):.2f} on the median row")
print(f"their errors are {error(y_valid, pair[0]):.3f} and {error(y_valid, pair[1]):.3f}")


# %% [markdown]
# Few. And both trees do worse than the rule of thumb. To see what happens, give the trees one feature only.

# %% tags=["further"]
line = np.linspace(-5, -2.8, 500)[:, None]
figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
for axes, depth in zip(panels, (2, None), strict=True):
    for number, (color, rows) in enumerate(zip(plotting.COLORS, halves, strict=False), 1):
        axes.plot(X[rows, 2], y[rows], ".", color=color, alpha=0.3, markersize=4)
        tree = DecisionTreeRegressor(max_depth=depth).fit(X[rows][:, [2]], y[rows])
        width = 0.7 if depth is None else 1.4
        axes.plot(line, tree.predict(line), color=color, linewidth=width, label=f"training set {number}")
    axes.set(xlabel="log volatility, last 60 days", xlim=(-5.1, -2.7))
    axes.set_title("as deep as it goes" if depth is None else "two questions deep")
panels[0].set(ylabel="log volatility, next 20 days", ylim=(None, -1.2))  # room for the legend
_ = panels[0].legend(loc="upper left")

# %% [markdown] tags=["alt"]
# *Figure: two clouds of training rows in two colours, one a training set, with the trees grown on each. Left, trees
# with two questions: two coarse staircases close to each other. Right, trees of full depth: two jagged lines that jump
# up and down with single rows and cross each other everywhere.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Bias and variance, measured
# Left: stiff, always wrong in the same way. Right: free, but wrong in a new way with every training set. The two ways to
# be wrong have names. Let $\hat f_D$ be the forecast learned from training set $D$, and $\bar f$ its average over many
# training sets. Then
#
# $$\underbrace{\mathbb{E}_D\,(y - \hat f_D)^2}_{\text{squared error}} = \underbrace{(y - \bar f)^2}_{\text{bias}^2 +
# \text{noise}} + \underbrace{\mathbb{E}_D\,(\hat f_D - \bar f)^2}_{\text{variance}}$$
#
# We have enough rows to measure this: many training sets of 300 rows that share none. They do share days, so this is the
# variance between draws from the same years; other years would differ more. (Bias and noise stay lumped together. To part
# them we would have to know the truth.)

# %%
sets = np.random.default_rng(0).permutation(len(y))[: len(y) // 300 * 300].reshape(-1, 300)
sets = sets[: mm.per_profile(smoke=10, quick=40, full=60)]  # (sets, 300) row numbers, no row twice
few = np.random.default_rng(0).permutation(len(y_valid))[: mm.per_profile(smoke=100, quick=500, full=2000)]


def forecasts(model):
    """One row of forecasts a training set: (sets, validation rows)."""
    return np.array([model.fit(X[rows], y[rows]).predict(X_valid[few]) for rows in sets])


def bias_and_variance(forecasts):
    steady = np.mean((y_valid[few] - forecasts.mean(axis=0)) ** 2)
    variance = forecasts.var(axis=0).mean()
    assert np.isclose(steady + variance, np.mean((y_valid[few] - forecasts) ** 2))
    return steady, variance


# %% [markdown]
# The `assert` is the equation above. Now trees of growing depth:


# %%
def stacked(parts, title, xlabel=""):
    """Draw {name: (bias² + noise, variance)} as bars on top of each other."""
    steady, variance = np.array(list(parts.values())).T
    figure, axes = plt.subplots(figsize=(7.2, 3.8))
    axes.bar(list(parts), steady, 0.6, color=plotting.COLORS[7], label="bias² + noise")
    axes.bar(list(parts), variance, 0.6, bottom=steady, color=plotting.COLORS[4], label="variance")
    axes.set(ylabel="squared error", title=title, xlabel=xlabel)
    axes.grid(False, axis="x")
    figure.legend(loc="outside right upper")


depths = {"1": 1, "2": 2, "4": 4, "8": 8, "no limit": None}
trees = {name: DecisionTreeRegressor(max_depth=depth) for name, depth in depths.items()}
parts = {name: bias_and_variance(forecasts(tree)) for name, tree in trees.items()}
stacked(parts, "One tree: stiff or nervous", "most questions in a row")

# %% [markdown] tags=["alt"]
# *Figure: stacked bars of squared error for trees of depth one to unlimited. The lower part, bias and noise, falls at first
# and then stays level; the upper part, variance, grows with depth until it is as tall as the rest.*

# %% [markdown]
# Read the bars from left to right. More questions remove bias. What then remains below no depth removes: noise, and
# whatever differs between the training years and the later ones. All that deep trees add is variance. The usual advice
# is to cut the tree back. Leo Breiman had another idea: keep the deep trees and **average the variance away**.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## New training sets out of one: the bootstrap
# If we could average trees from many training sets, variance would melt. But we have one. Efron's trick: treat the sample
# as if it were the world, and draw from it **with replacement**. A draw of $n$ rows from $n$ repeats some rows and misses
# others. A given row is missed with probability $(1 - 1/n)^n$, and then it is called **out of bag**.

# %%
for n in (5, 50, 500, 5000):
    print(f"n = {n:4d}: a row is missed with probability {(1 - 1 / n) ** n:.3f}")
print(f"    limit: 1/e = {np.exp(-1):.3f}")

# %% [markdown]
# Here are twelve rows and six samples of them, as the package draws them. Every sample adds up to twelve.

# %% tags=["further"]
twelve = ensembles.BaggingRegressor(DecisionTreeRegressor(), 6, random_state=0).fit(X[:12], y[:12])
times = np.array([np.bincount(rows, minlength=12) for rows in twelve.estimators_samples_])
names = [f"sample {i}" for i in range(1, 7)]
figure = plotting.heatmap(times, rows=names, columns=range(12), label="times drawn", title="Six samples of twelve rows")
figure.axes[0].set_xlabel("row")
figure.axes[-1].set_yticks(range(times.max() + 1))
figure

# %% [markdown] tags=["alt"]
# *Figure: a grid of six samples and twelve rows; each cell says how often the sample drew the row. About a third of the
# cells hold a zero: there the row is out of bag. The others hold one, two or more.*

# %% [markdown]
# ### Exercise 1.1 ●○○ 5 min
# Write the bootstrap: `n` row numbers between 0 and `n - 1`, drawn with replacement from the generator `rng`. With
# n = 5000, a share of about 1/e of the rows never turns up, as in the table above.
# <details><summary>Hint: the idea</summary>Every draw is independent of the others, so the same row may come twice. One
# call of the generator draws them all.</details>
# <details><summary>Hint: pseudocode</summary>ask rng for `n` random integers, from 0 up to but not including n</details>


# %% tags=["exercise"]
def bootstrap_indices(n, rng):
    """Return an array of n row numbers."""
    ### BEGIN SOLUTION
    return rng.integers(0, n, size=n)
    ### END SOLUTION


# %%
check.ex1_1(bootstrap_indices)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Bagging: bootstrap, then aggregate
# Grow one tree on each bootstrap sample and average their forecasts:
#
# $$\hat f_\text{bag}(x) = \frac{1}{B} \sum_{b=1}^{B} \hat f_b(x)$$
#
# That is all. The package does it for any model:

# %%
from sklearn.base import clone

X_small, y_small = X[sets[0]], y[sets[0]]
one = DecisionTreeRegressor(random_state=0).fit(X_small, y_small)
fifty = ensembles.BaggingRegressor(DecisionTreeRegressor(), n_estimators=50, random_state=0).fit(X_small, y_small)
print(f"one tree          {error(y_valid, one.predict(X_valid)):.3f}")
print(f"50 bagged trees   {error(y_valid, fifty.predict(X_valid)):.3f}")
print(f"last 60 days      {error(y_valid, X_valid[:, 2]):.3f}")


# %% [markdown]
# Averaging brings fifty trees, each as bad as the one, most of the way to the rule of thumb. More rows and one more idea
# will take them past it.
#
# ### Exercise 1.2 ●●○ 10 min
# Write bagging yourself. `samples` is a list of bootstrap samples, each an array of row numbers. Fit a fresh copy of
# `model` on each, and return the average of their forecasts for `X_new`. With 50 samples and deep trees the error comes out
# close to that of the package above.
# <details><summary>Hint: the idea</summary>`clone(model)` makes an unfitted copy. Without it you would refit one and the
# same object. Rows of X and rows of y belong together.</details>
# <details><summary>Hint: pseudocode</summary>for rows in samples: fit a clone on X[rows], y[rows]; keep its forecasts for
# X_new. Then the mean over the kept lists, row by row.</details>


# %% tags=["exercise"]
def bagging_predict(model, X, y, X_new, samples):
    """Return one averaged forecast for each row of X_new."""
    ### BEGIN SOLUTION
    members = [clone(model).fit(X[rows], y[rows]) for rows in samples]
    return np.mean([member.predict(X_new) for member in members], axis=0)
    ### END SOLUTION


# %%
check.ex1_2(bagging_predict)

# %% [markdown]
# Now the bars of before, for a stump (one question) and for a tree without limit: alone, bagged, and in a random
# forest, which is the next section. We keep the forecast of every single tree for later. This takes about 15 s.


# %%
def tree_forecasts(model):
    """Fit an ensemble on each training set: (sets, trees, validation rows)."""
    return np.array([[tree.predict(X_valid[few]) for tree in model.fit(X[rows], y[rows]).estimators_] for rows in sets])


size, every, measured = mm.per_profile(smoke=5, quick=25, full=50), {}, {}
for label, depth in {"stump": 1, "deep": None}.items():
    tree = DecisionTreeRegressor(max_depth=depth)
    every[label, "bagged"] = tree_forecasts(ensembles.BaggingRegressor(tree, size, random_state=0))
    forest = ensembles.RandomForestRegressor(size, max_depth=depth, max_features=1 / 3, random_state=0)
    every[label, "forest"] = tree_forecasts(forest)
    measured[f"{label},\nalone"] = forecasts(tree)
    measured |= {f"{label},\n{name}": every[label, name].mean(axis=1) for name in ("bagged", "forest")}
stacked({name: bias_and_variance(each) for name, each in measured.items()}, "Averaging melts variance and leaves bias")

# %% [markdown] tags=["alt"]
# *Figure: stacked bars. For stumps, bias and noise are tall whether bagged or not, and taller still in the forest; the
# little variance shrinks. For deep trees, bias and noise are lower and the same for all three, while the tall variance
# of the single tree shrinks to a thin slice when bagged and a thinner one in the forest.*

# %% [markdown]
# This is half of the answer to the question on top. Averaging cannot repair what all trees get wrong alike (bias); it
# removes what each gets wrong on its own (variance). So grow trees that are right on average and wild, then average.
# (Stumps in a forest even gain bias: they may look at few features and have only one question to ask.)
#
# A **claim** is a sentence with its numbers: an estimate, its 95 % interval, and what was needed for the claim to hold.


# %%
def spread(name, group):
    return measured[name][group].var(axis=0, ddof=1).mean()


groups = np.array_split(np.arange(len(sets)), 5)
cut = np.array([1 - spread("deep,\nbagged", group) / spread("deep,\nalone", group) for group in groups])
mm.claim("01.1", "bagging takes away at least half of the variance of a deep tree", 100 * cut, margin=50, unit="%")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Why not all of the variance?
# If the trees were independent, averaging $B$ of them would divide the variance by $B$. They are not: they grew from
# the same 300 rows. If two trees have correlation $\rho$ and each has variance $\sigma^2$, the average has
#
# $$\rho\,\sigma^2 + \frac{1 - \rho}{B}\,\sigma^2$$
#
# More trees shrink the second part only. To lower the **floor** $\rho\,\sigma^2$ the trees must be made more different.
# That is what a **random forest** does: at each question a tree may look only at a few randomly drawn features. You have
# the code already: `grow(..., n_features=3)`.

# %%
rng = np.random.default_rng(0)
draws = [rng.integers(0, 300, 300) for _ in range(20)]
by_hand = [grow(X_small[rows], y_small[rows], depth=30, n_features=3, rng=rng) for rows in draws]
mean = np.mean([[ask(tree, row) for row in X_valid[few]] for tree in by_hand], axis=0)
package = ensembles.RandomForestRegressor(20, max_features=3, random_state=0).fit(X_small, y_small)
print(f"20 trees by hand         {error(y_valid[few], mean):.3f}")
print(f"20 trees of the package  {error(y_valid[few], package.predict(X_valid[few])):.3f}")
print(f"last 60 days, same rows  {error(y_valid[few], X_valid[few, 2]):.3f}")
assert abs(error(mean, package.predict(X_valid[few]))) < 0.2

# %% [markdown]
# Your forest and the package's draw different random numbers, so they agree only roughly. With 300 rows neither beats
# the rule of thumb yet. Now measure $\rho$ and $\sigma^2$ from the trees we kept. They fix the formula's curve at its
# two ends; the test is whether the points between lie on it. (The curve begins at the mean of all trees, the points with
# one single tree: there they may part.)

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(7.2, 4))
for color, name in zip(plotting.COLORS, ("bagged", "forest"), strict=False):
    count = np.arange(1, size + 1)
    running = np.cumsum(every["deep", name], axis=1) / count[:, None]  # average of the first B trees
    seen = running.var(axis=0, ddof=1).mean(axis=1)
    sigma2 = every["deep", name].var(axis=0, ddof=1).mean()
    floor = (size * seen[-1] - sigma2) / (size - 1)  # rho sigma²: the mean covariance of two trees
    axes.plot(count, seen, "o", color=color, markersize=5, label=f"{name}, measured: rho = {floor / sigma2:.2f}")
    axes.plot(count, floor + (sigma2 - floor) / count, color=color, linewidth=1.5, label=f"{name}, formula")
    axes.axhline(floor, color=color, linestyle=":", linewidth=1.5)
axes.set(xlabel="number of trees averaged", ylabel="variance", ylim=(0, None), title="Down to a floor")
_ = axes.legend()

# %% [markdown] tags=["alt"]
# *Figure: variance of the average against the number of trees. Measured points of bagging and forest lie on or close to
# the curves of the formula; both fall steeply over the first ten trees and then flatten onto their floors. The forest's
# floor is lower, because its trees are less correlated.*

# %% [markdown]
# The dotted lines are the floors. The forest's trees are each a little worse, for they often may not look at the best
# feature; but they are wrong in more different ways, and that is what an average lives on.
#
# **Read the defaults.** scikit-learn's `RandomForestRegressor` tries *all* features at each question unless you say
# otherwise. That is plain bagging. Ask for `max_features=1/3`.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A free test set: out of bag
# Each tree missed about a third of the rows. For those it is an honest judge. So forecast every training row by the trees
# that did not see it: the **out-of-bag** forecast. It needs no extra data and no extra training.
#
# Scores here are $R^2 = 1 - \sum (y - \hat f)^2 / \sum (y - \bar y)^2$: 1 is perfect, 0 is no better than the mean.

# %%
forest = ensembles.RandomForestRegressor(30, max_features=1 / 3, oob_score=True, random_state=0)
forest.fit(X_small, y_small)
print("row 0 was missed by", sum(0 not in rows for rows in forest.estimators_samples_), "of 30 trees")
print(f"its out-of-bag forecast is {forest.oob_prediction_[0]:.3f}, the truth {y_small[0]:.3f}")
print(f"R² on the rows it learned from: {forest.score(X_small, y_small):.2f}; out of bag: {forest.oob_score_:.2f}")


# %% [markdown]
# ### Exercise 1.3 ●●● 15 min
# Write the out-of-bag forecast. `trees` are fitted models, `samples[b]` the row numbers tree `b` was grown on. For each row
# of `X`, average the trees that missed it; `np.nan` if all trees saw it. On the forest above your answer must equal
# `forest.oob_prediction_`.
# <details><summary>Hint: the idea</summary>Keep two arrays, one entry a row: the sum of honest forecasts and their number.
# Go through the trees and add to the rows that the tree missed.</details>
# <details><summary>Hint: pseudocode</summary>total and count: zeros, one a row; for each tree and its rows: a boolean
# array, all True, then False at its rows; add the tree's forecasts for the rows still True to total, and 1 to count
# there; in the end make count NaN where it is 0, and divide</details>


# %% tags=["exercise"]
def oob_predict(trees, samples, X):
    """Return one out-of-bag forecast a row, NaN where there is none."""
    ### BEGIN SOLUTION
    total, count = np.zeros(len(X)), np.zeros(len(X))
    for tree, rows in zip(trees, samples, strict=True):
        missed = np.ones(len(X), dtype=bool)
        missed[rows] = False
        if missed.any():
            total[missed] += tree.predict(X[missed])
            count[missed] += 1
    count[count == 0] = np.nan
    return total / count
    ### END SOLUTION


# %%
check.ex1_3(oob_predict)

# %% [markdown]
# Can it be trusted? Take rows 20 days apart, so that no two answers of a stock share a day (the 60 known days still
# overlap). Shuffle them, train on some and hold out the others. Shuffled rows are **exchangeable**: any of them could
# as well have been on the other side. Then the out-of-bag score should be the held-out score.

# %%
SEEDS = range(mm.per_profile(smoke=5, quick=8, full=20))
TREES = mm.per_profile(smoke=10, quick=100, full=300)
ROWS = mm.per_profile(smoke=200, quick=1000, full=4000)
X_apart, y_apart = rows_of(mm.load(NAME, window=60, horizon=20, step=20).train)


def two_scores(seed):
    order = np.random.default_rng(seed).permutation(len(y_apart))
    inside, held_out = order[:ROWS], order[ROWS : 3 * ROWS]
    forest = ensembles.RandomForestRegressor(TREES, max_features=1 / 3, oob_score=True, random_state=seed)
    forest.fit(X_apart[inside], y_apart[inside])
    return forest.oob_score_, forest.score(X_apart[held_out], y_apart[held_out])


out_of_bag, held_out_score = np.array([two_scores(seed) for seed in SEEDS]).T
print("out of bag", out_of_bag.round(2), "\nheld out  ", held_out_score.round(2))

# %%
mm.claim("01.2", "on exchangeable rows out-of-bag R² tracks held-out R²", out_of_bag - held_out_score, within=0.05)

# %% [markdown]
# ## How many trees, how deep?
# Trees of several depths, bagged (every question sees all features) and as a forest (it sees a third), and three errors as
# trees are added: out of bag, on held-out shuffled rows, and on the later validation years. This takes about 5 s.


# %% tags=["further"]
import itertools


def running_error(forest, X, y, weights=1):
    """Error of the average of the first 1, 2, ... trees; `weights` (trees, rows) says which trees may judge a row."""
    each = np.array([tree.predict(X) for tree in forest.estimators_])
    total, count = np.cumsum(weights * each, axis=0), np.cumsum(weights * np.ones(each.shape), axis=0)
    forecast = total / np.where(count == 0, np.nan, count)
    return np.sqrt(np.nanmean((forecast - y) ** 2, axis=1))


order = np.random.default_rng(0).permutation(len(y_apart))
inside, held_out, curves = order[:ROWS], order[ROWS : 3 * ROWS], {}
shares = {"all (bagging)": 1.0, "a third (forest)": 1 / 3}
for seen, depth in itertools.product(shares, depths):
    trees = ensembles.RandomForestRegressor(TREES, max_features=shares[seen], max_depth=depths[depth], random_state=0)
    trees.fit(X_apart[inside], y_apart[inside])
    missed = np.array([~np.isin(np.arange(len(inside)), rows) for rows in trees.estimators_samples_])
    curves[seen, depth] = {
        "out of bag": running_error(trees, X_apart[inside], y_apart[inside], missed),
        "held-out rows, shuffled": running_error(trees, X_apart[held_out], y_apart[held_out]),
        "later years": running_error(trees, X_valid, y_valid),
    }

# %% [markdown]
# Move the controls. **With all features: at which depth do more trees help most, and at which hardly at all? Whom does
# it harm to see only a third of the features? Which curve does out of bag follow, and which not?**


# %% tags=["further"]
def draw(depth, features_seen, trees):
    figure, axes = plt.subplots(figsize=(7.2, 4))
    for color, (name, curve) in zip(plotting.COLORS, curves[features_seen, depth].items(), strict=False):
        axes.plot(np.arange(1, TREES + 1), curve, color=color, label=f"{name}: {curve[trees - 1]:.3f}")
        axes.plot(trees, curve[trees - 1], "o", color=color)
    highest = max(curve[trees - 1] for curve in curves[features_seen, depth].values())
    axes.vlines(trees, 0.3, highest, color="#999999", linewidth=1)
    axes.set(xlabel="number of trees", ylabel="error in log volatility", ylim=(0.3, 0.6))
    axes.set_title(f"depth: {depth}, features seen: {features_seen}, trees: {trees}")
    axes.legend()
    return figure


_ = widgets.explore(draw, depth=list(depths)[::-1], features_seen=list(shares), trees=(1, TREES, 1))

# %% [markdown] tags=["alt"]
# *Figure: three curves of error against the number of trees, for one depth. Out of bag and held-out shuffled rows fall
# together and end close to each other. The curve of the later years has its own level. For deep trees all fall steeply; for
# bagged stumps they are nearly flat from the start.*

# %% [markdown]
# How deep? Deep trees gain most, bagged stumps next to nothing: they had bias, and averaging keeps bias. From four
# questions on the curves end nearly level: in an average, depth hardly needs tuning. Seeing a third of the features
# harms stumps; for deep trees one draw of rows cannot tell, so we come back to it. How many? No curve turns up on the
# right: more trees do not overfit. And out of bag goes with the shuffled rows, not with the later years. How far apart
# can those two be?
#
# (With few trees the out-of-bag curve lags behind: only the third of the trees that missed a row may judge it.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The trap: answers that overlap
# Take one stock and make one row a day: more rows, surely a better forest. We stay within the training years and keep the
# last third of them aside as "the future".


# %%
from sklearn.metrics import r2_score


def one_stock(series, past=60, ahead=20):
    """(days,) returns -> a row a day: features (N, 8), log volatility of the next `ahead` days (N,)."""
    windows = np.lib.stride_tricks.sliding_window_view(series, past + ahead)
    return features(windows[:, :past]), np.log(np.sqrt((windows[:, past:] ** 2).mean(axis=1)) + 1e-4)


def small_forest(seed):
    size = mm.per_profile(smoke=5, quick=15, full=100)
    return ensembles.RandomForestRegressor(size, max_features=1 / 3, oob_score=True, random_state=seed)


years = returns.iloc[: splits.train.groups.max()]  # the training years
most = mm.per_profile(smoke=5, quick=20, full=40)
picked = years.columns[:: max(1, years.shape[1] // most)][:most]
X_days, y_days = one_stock(years[picked[0]].to_numpy())
border = 2 * len(y_days) // 3
forest = small_forest(0).fit(X_days[: border - 20], y_days[: border - 20])  # why - 20? see the next section
print(f"{picked[0]}: {border - 20} rows, out-of-bag R² {forest.oob_score_:.2f}")

# %% [markdown] tags=["predict"]
# **Predict first.** That is a proud score. What R² will this kind of forest reach on the future, the last third of the
# years? The same, about half of it, or none? (The next cell takes about 10 s. It asks several stocks, judges the forest
# in four ways, one of them with every 20th row only, and sets the rule of thumb beside it.)


# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let people defend their number before you run the cell. Someone will say "the same, that is what
# out of bag is for". That is the moment this lesson is built around.


# %%
def scores_of(series, seed):
    X, y = one_stock(series)
    border = 2 * len(y) // 3
    past, future = np.arange(border - 20), np.arange(border, len(y))
    known, hidden = np.array_split(np.random.default_rng(seed).permutation(past), [2 * border // 3])
    daily = small_forest(seed).fit(X[past], y[past])
    shuffled = small_forest(seed).fit(X[known], y[known])
    thinned = small_forest(seed).set_params(n_estimators=TREES).fit(X[past[::20]], y[past[::20]])
    return {
        "out of bag, daily rows": daily.oob_score_,
        "shuffled hold-out, daily rows": shuffled.score(X[hidden], y[hidden]),
        "out of bag, every 20th row": thinned.oob_score_,
        "forest on the future": daily.score(X[future], y[future]),
        "rule of thumb on the future": r2_score(y[future], X[future, 2]),
        "calmer": y[past].mean() - y[future].mean(),
    }


scores = [scores_of(years[name].to_numpy(), seed) for seed, name in enumerate(picked)]
scores = {name: np.array([each[name] for each in scores]) for name in scores[0]}
calmer = scores.pop("calmer")
plotting.bars(scores, ylabel="R²", title=f"One kind of forest, judged four ways, {len(picked)} stocks")

# %% [markdown] tags=["alt"]
# *Figure: five bars of R squared with intervals over stocks. Out of bag and the shuffled hold-out, both with daily
# rows, are high and nearly equal. Out of bag with every twentieth row is less than half of that. The forest on the
# future is around zero, with a wide interval; the rule of thumb on the same future reaches clearly more.*

# %% [markdown]
# None. What happened? The answers of neighbouring rows share 19 of their 20 days. A row that is out of bag has its
# twins in the bag, and the forest recites the twin. The shuffled hold-out falls for the same trick. With rows 20 days
# apart, far fewer of course, there are no such twins, and the proud score melts.
#
# Mind that out of bag kept its promise: it equals the shuffled hold-out. But the future is not exchangeable with the past,
# and the future is what we want to forecast.

# %%
print(f"typical month, mean over stocks: the past was {np.exp(calmer.mean()):.2f} times as wild as the future")

# %% [markdown]
# So the level moved. And the future *can* be forecast: look at the last bar. The rule of thumb, which learned nothing,
# follows the level, while deep trees that know one stock recite its old windows. (Trained on all stocks together the forest
# does better, as the last section will show.)

# %%
gap = scores["out of bag, daily rows"] - scores["forest on the future"]
mm.claim("01.3", "with answers that overlap, out-of-bag R² exceeds R² on the future", gap, margin=0.3)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Split by time, and leave a gap
# The cure is to judge as you will forecast: train on the past, test on the future. One thing is easily missed. A row of
# day $d$ knows the days up to $d$, and its answer is made of the days $d+1$ to $d+20$. If the past ends with day $b$, a
# row with $b - 20 < d < b$ has an answer that reaches into the future. It may be used on neither side: that is the
# **gap**.

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(8, 3.2))
COLORS = plotting.COLORS
for row, d in enumerate(range(66, 135, 6)):
    used = d + 20 <= 100 or d >= 100
    for days, color, name in (((d - 59, d), COLORS[0], "known days"), ((d + 1, d + 20), COLORS[1], "answer")):
        label = name if row == 0 else None
        axes.plot(days, (row, row), color=color if used else "#CCCCCC", linewidth=5, solid_capstyle="butt", label=label)
axes.axvline(100.5, color="#333333", linestyle="--")
axes.set_yticks([1, 4, 8.5], ["train", "neither", "test"])
axes.set(xlabel="day; the past ends with day 100", ylim=(12, -1), title="Known days, days of the answer, and the gap")
axes.grid(False)
_ = axes.legend(loc="upper right")

# %% [markdown] tags=["alt"]
# *Figure: each row is a bar over time, known days in blue followed by the days of its answer in orange. A dashed line
# marks the border between past and future. Rows whose answers end before the border are for training, rows that know
# all days up to the border are for testing, and the few whose answers cross it are grey: used for nothing.*

# %% [markdown]
# ### Exercise 1.4 ●●○ 10 min
# Write the split. `day[i]` is the last day row `i` knows (days need not start at 0 or be in order); its answer covers
# the `ahead` days after that. `border` is the last day of the past. Return two boolean arrays: the rows to train on
# (answer known by the end of day `border`) and the rows to test on (all days of the answer after `border`). With days 0
# to 99, border 60, ahead 20: 41 train, 40 test, 19 neither.
# <details><summary>Hint: the idea</summary>For each row there are two moments that matter: the last day it knows, and the
# last day of its answer. Compare each with the border.</details>
# <details><summary>Hint: pseudocode</summary>train where day + ahead is at most border; test where day is at least border
# </details>


# %% tags=["exercise"]
def time_split(day, border, ahead):
    """Return two boolean arrays: rows to train on, rows to test on."""
    ### BEGIN SOLUTION
    return day + ahead <= border, day >= border
    ### END SOLUTION


# %%
check.ex1_4(time_split)

# %% [markdown]
# **Whatever is fitted, is fitted on the past.** A *scaler* that brings all features to one range is fitted too. Some
# published price models scale the whole history to the range 0 to 1 and split afterwards (Kapoor and Narayanan 2023
# collect such leaks); *Going further* shows how much that tells about the future. Fit the scaler on training rows only.
# Trees need none: "is it at most $c$?" splits the rows alike on any scale.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Which features matter?
# Ask the forest by **permutation importance**: shuffle one column of *held-out* rows; how much worse do the forecasts get?
# Beware of twins: when two columns say nearly the same, the other one steps in. A low value means "not needed here", not
# "unrelated".

# %% [markdown]
# ### Exercise 1.5 ●●○ 10 min
# Write permutation importance: for each column, by how much does the mean squared error on `X, y` rise when that column
# alone is shuffled with `rng`? Leave `X` as you found it, and do not train anything. For a model that ignores a column the
# answer is exactly 0.
# <details><summary>Hint: the idea</summary>Shuffling a column breaks its link with the answer and leaves everything else in
# place. Work on a copy, or the columns you shuffled earlier stay shuffled.</details>
# <details><summary>Hint: pseudocode</summary>base = mean squared error; for each column j: copy X, replace column j of the
# copy by rng.permutation of it, mean squared error of the model on the copy minus base</details>


# %% tags=["exercise"]
def permutation_importance(model, X, y, rng):
    """Return the rise of mean squared error for each column of X."""
    ### BEGIN SOLUTION
    base, rise = np.mean((y - model.predict(X)) ** 2), []
    for j in range(X.shape[1]):
        shuffled = X.copy()
        shuffled[:, j] = rng.permutation(X[:, j])
        rise.append(np.mean((y - model.predict(shuffled)) ** 2) - base)
    return np.array(rise)
    ### END SOLUTION


# %%
check.ex1_5(permutation_importance)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The 0.99 illusion
# You will meet articles that forecast share *prices* with an $R^2$ of 0.99 or more. Let us do that: from the last five
# prices to the next one, with a forest, on shuffled rows as many of them do. Beside it the naive forecast: tomorrow's
# price is today's.


# %%
def price_rows(series):
    """(days,) prices -> the last five prices (N, 5) and the next one (N,)."""
    return np.lib.stride_tricks.sliding_window_view(series, 5)[:-1], series[5:]


def price_forest(seed):
    return small_forest(seed).set_params(max_features=1.0)  # every question may look at all five prices


quoted = prices.iloc[: splits.valid.groups.max()]  # the test years stay sealed
X_price, y_price = price_rows(quoted[picked[0]].to_numpy())
order = np.random.default_rng(0).permutation(len(y_price))
known, hidden = np.array_split(order, [3 * len(order) // 4])
forest = price_forest(0).fit(X_price[known], y_price[known])
print(f"forest:      R² {r2_score(y_price[hidden], forest.predict(X_price[hidden])):.4f}")
print(f"last price:  R² {r2_score(y_price[hidden], X_price[hidden, -1]):.4f}")

# %% [markdown]
# The forest's score is splendid, and the score of doing nothing is better. $R^2$ asks "is this better than the *average
# price of all the years*?" For something that wanders as far as a price, that is a very low bar. Now honestly in time:

# %%
border = 3 * len(y_price) // 4
past, future = slice(None, border), slice(border, None)
forest = price_forest(0).fit(X_price[past], y_price[past])
figure, axes = plt.subplots(figsize=(8, 3.8))
dates = quoted.index[5:]
axes.plot(dates, y_price, color=plotting.COLORS[7], label="price")
axes.plot(dates[future], forest.predict(X_price[future]), color=plotting.COLORS[1], label="forest's forecast")
axes.axvline(dates[border], color="#333333", linestyle="--")
axes.set(ylabel="price in dollars", xlabel="year", title=f"{picked[0]}: no forecast above the past")
axes.legend()
print(f"R² on the future: {forest.score(X_price[future], y_price[future]):.2f}")

# %% [markdown] tags=["alt"]
# *Figure: a price over the years with a dashed line where the training ends. After the line the price climbs on, while the
# forest's forecast runs into a ceiling at the highest price of its training years and stays there.*

# %% [markdown]
# A leaf answers with the mean of training rows, so a forest can never forecast beyond what it has seen. A linear model can.
# Does it beat the last price? We compare errors on several stocks, in percent of the naive error. Above zero is worse.

# %%
from sklearn.linear_model import LinearRegression, RidgeCV


def percent_worse(model, X, y, train, test):
    """Error of the model on the test rows, compared with the error of repeating the last price."""
    forecast = model.fit(X[train], y[train]).predict(X[test])
    return 100 * (error(y[test], forecast) / error(y[test], X[test, -1]) - 1)


def forest_and_line(name, seed):
    """A forest on shuffled rows, and a linear model on the future, for one stock."""
    X, y = price_rows(quoted[name].to_numpy())
    days, border = np.arange(len(y)), 3 * len(y) // 4
    known, hidden = np.split(np.random.default_rng(seed).permutation(days), [border])
    shuffled = percent_worse(price_forest(seed), X, y, known, hidden)
    return shuffled, percent_worse(LinearRegression(), X, y, days[:border], days[border:])


shuffled_forest, linear = np.array([forest_and_line(name, seed) for seed, name in enumerate(picked)]).T

# %%
mm.claim("01.5", "a forest on price levels does worse than the last price", shuffled_forest, unit="%")
mm.claim("01.6", "a linear model on price levels equals the last price", linear, within=1, unit="%")
weights = LinearRegression().fit(X_price[past], y_price[past]).coef_
print(f"{picked[0]}, weights of the last five prices, newest last:", weights.round(2))


# %% [markdown]
# Look at the weights: the linear model has learned to repeat the last price. So whenever you see a forecast of prices,
# ask for the naive forecast beside it, and look at *returns* instead, where repeating earns nothing.
#
# What can be forecast, then? What we began with: not where a share will go, but how much it will shake.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Open the envelope
# Everything is decided, so the test years may be opened, once. In the ring: the rule of thumb, a linear model
# (**ridge**: least squares that keeps its weights small), one tree, bagging, the forest, and a rival: **gradient
# boosting**, which grows small trees one after the other, each on what the ones before got wrong. And the average of
# forest and boosting. Each model is trained several times, on different training rows. This takes about 15 s.

# %%
from sklearn.ensemble import GradientBoostingRegressor

X_test, y_test = rows_of(splits.test)


def contest(seed):
    """Forecasts of all for the test rows, learned from training rows drawn with `seed`."""
    rows = np.random.default_rng(seed).choice(len(y), ROWS, replace=False)
    models = {
        "ridge": RidgeCV(),
        "one tree": DecisionTreeRegressor(random_state=seed),
        "bagging": ensembles.BaggingRegressor(n_estimators=TREES, random_state=seed),
        "forest": ensembles.RandomForestRegressor(TREES, max_features=1 / 3, random_state=seed),
        "boosting": GradientBoostingRegressor(subsample=0.5, random_state=seed),
    }
    found = {name: model.fit(X[rows], y[rows]).predict(X_test) for name, model in models.items()}
    return found | {"forest + boosting": (found["forest"] + found["boosting"]) / 2}


rounds = [contest(seed) for seed in SEEDS]

# %% [markdown] tags=["predict"]
# **Predict first.** Put them in order of their error: ridge, one tree, bagging, forest, boosting, and the average of
# forest and boosting. Will that average beat both of its parts?

# %%
naive = error(y_test, X_test[:, 2])
errors = {name: np.array([error(y_test, found[name]) for found in rounds]) for name in rounds[0]}
order = sorted(errors, key=lambda name: errors[name].mean())
found = [metrics.interval(errors[name]) for name in order]
figure, axes = plt.subplots(figsize=(7.2, 3.4))
axes.errorbar([i.estimate for i in found], order, xerr=[i.high - i.estimate for i in found], fmt="o", capsize=5)
axes.axvline(naive, color="#333333", linestyle="--", label=f"like the last 60 days: {naive:.3f}")
axes.set(xlabel="error in log volatility", title="The test years")
axes.invert_yaxis()
axes.legend()
for name, each in zip(order, found, strict=True):
    print(f"{name:18s}{each}")

# %% [markdown] tags=["alt"]
# *Figure: errors on the test years as dots with intervals over training draws, and a dashed line for the rule of thumb.
# The single tree stands far to the right of the line, everything else to the left of it. Forest, ridge and the average
# of forest and boosting are lowest and close together.*

# %% [markdown]
# One tree loses to the rule of thumb; a hundred of the very same trees come out ahead. The claims, each paired: the
# same training rows for both sides.

# %%
mm.claim("01.7", "bagged trees have a smaller test error than one tree", errors["one tree"] - errors["bagging"])
edge = 100 * (errors["bagging"] / errors["forest"] - 1)
mm.claim("01.8", "bagging and forest are within 5 % of each other", edge, within=5, unit="%")
mm.claim("01.9", "the forest beats the last 60 days on log volatility, on these test years", naive - errors["forest"])
both = errors["forest + boosting"]
print(f"error of boosting minus error of the average: {metrics.interval(errors['boosting'] - both):+}")
print(f"error of the forest minus error of the average: {metrics.interval(errors['forest'] - both):+}")
print(f"error of ridge minus error of the forest: {metrics.interval(errors['ridge'] - errors['forest']):+}")


# %% [markdown]
# Read them soberly. The forest's edge over bagging is real but small. Averaging forest and boosting improves on
# boosting and leaves the forest where it was: two models that saw the same rows and the same features err alike, and
# there is little left to cancel (lesson 3 makes a science of that). And ridge, a straight line, all but ties with the
# forest.
#
# The intervals so far come from different training rows. But the test years themselves are one draw of history. So look at
# them year by year.

# %% tags=["further"]
year = prices.index[splits.test.groups].year.to_numpy()
when = np.unique(year)
by_year = {
    name: np.array([[error(y_test[year == a], found[name][year == a]) for a in when] for found in rounds])
    for name in ("one tree", "forest")
}
by_year["last 60 days"] = np.array([error(y_test[year == a], X_test[year == a, 2]) for a in when])
plotting.lines(when, by_year, xlabel="year", ylabel="error in log volatility", title="Year by year")

# %% [markdown] tags=["alt"]
# *Figure: error by test year for the single tree, the forest and the rule of thumb. The forest lies far below the tree in
# every year. Against the rule of thumb it wins clearly in some years, most of all in the one with the highest errors, and
# ties or loses slightly in others.*

# %%
gain = by_year["last 60 days"] - by_year["forest"].mean(axis=0)
best = gain.argmax()
print(f"the forest beats the last 60 days in {np.sum(gain > 0)} of {len(gain)} years")
print(f"the largest gain, {gain[best]:.2f}, is that of {when[best]}")
if len(gain) > 2:
    print(
        f"mean gain over years: {metrics.interval(gain)}, without {when[best]}: {metrics.interval(np.delete(gain, best))}"
    )

# %% [markdown]
# That is the honest size of the discovery. The interval over years is far wider than the one over training rows, and
# where it holds zero, these years do not prove that the forest beats the rule of thumb: most of the gain comes from one
# year, in which things changed suddenly. What every year shows is the lead over the single tree.
#
# **Why do many weak trees beat one?** Because deep trees are right on average and wrong each in its own way. Averaging
# keeps what they share and cancels what they do not. All that remains to do is to make them differ.

# %% [markdown]
# ## What can go wrong
# - **Survivors only.** These companies were all still there at the end. A forecast for companies of back then, some of
#   which vanished, would do worse.
# - **Shared days.** Twenty stocks on one day are not twenty independent rows, so intervals over rows would be far too
#   narrow. Ours over stocks (01.3 to 01.6) are still too narrow: all stocks lived through the same 2008.
# - **Bagging a stable model** (a linear one, say) changes next to nothing: there is no variance to take away.
# - **Too few trees for out of bag.** With five trees some rows are never out of bag. The package gives them NaN.
# - **Tuning on the test years.** Each look flatters the next result.

# %% [markdown]
# ## What articles say, what is true
# - *"Out of bag makes a test set unnecessary."* Breiman's papers say so, and for exchangeable rows it is true. Claim 01.3
#   shows what happens to rows in time.
# - *"Random forests cannot overfit."* More **trees** do not overfit. Deep trees on noisy, overlapping or few rows still
#   learn noise.
# - *"Our network forecasts prices with an R² of 0.99."* So does yesterday's price. Look for the naive baseline.
# - *"The forest says this feature matters."* Ask which importance, on which rows. The one a forest reports by default gives
#   credit even to random numbers (*Going further* shows it).

# %% [markdown]
# ## Three key points
# 1. Averaging removes variance, not bias; so average models that are right on average, and make them differ.
# 2. An out-of-bag score promises what a shuffled hold-out would. For rows in time, split by time, leave a gap, and fit
#    everything, scalers included, on the past.
# 3. Before you admire a score, put the naive forecast beside it.

# %% [markdown]
# ## Quiz
# **1.** You bag 500 decision stumps (depth 1) and the error hardly falls. Why?
# <details><summary>A: 500 are too few for so weak a model</summary>The variance of the average is already near its floor after a few dozen
# trees. More of them change nothing.</details>
# <details><summary>B: a stump has little variance to lose</summary>Right. Its error is nearly all bias and noise, and
# averaging keeps those.</details>
# <details><summary>C: each bootstrap sample holds too few rows</summary>They are as large as the data. A stump grown on all rows has
# the same bias.</details>
#
# **2.** Your forest on daily rows with 20-day answers reports an out-of-bag R² of 0.9. What do you do first?
# <details><summary>A: use it, since no tree judges a row that it learned from</summary>But it learned from the row's
# neighbours, which share most of the answer, and recites those.</details>
# <details><summary>B: shuffle the rows, hold out a fifth of them, and compare</summary>A shuffled hold-out has the same twins in training. It
# would confirm the wrong score.</details>
# <details><summary>C: train on the past, leave a gap of 20 days, test on what follows</summary>Right. That is how the
# forecast will be used, and the gap keeps the answers of one side out of the other.</details>
#
# **3.** Two features are nearly copies of each other, and both predict well. What will you see?
# <details><summary>A: both get a high permutation importance, as both predict well</summary>When one is shuffled the other stands in, so the
# forecast suffers little.</details>
# <details><summary>B: both may get a low permutation importance</summary>Right. It measures what is lost when *one* goes
# missing. Shuffle them together to see what they are worth.</details>
# <details><summary>C: one gets all of the impurity importance, the other none</summary>They share the splits between them, so each gets a part
# of the credit.</details>

# %% [markdown]
# ## Going further
# Nothing below is needed for the answer.
#
# <details><summary>Four things to try</summary>
#
# - Bag something else: `BaggingRegressor(KNeighborsRegressor(1))`, then `KNeighborsRegressor(50)`. Which gains, and why?
# - Add the mean volatility of all stocks on the same day as a feature. Does the forest beat ridge now? Decide on
#   validation.
# - Replace the target by the return of the next 20 days. What is the honest R²?
# - `TimeSeriesSplit(gap=...)` makes several splits in time. In lesson 2 a stack is trained on them.
#
# </details>

# %% [markdown]
# **A scaler that has seen the future.** The scaled price of each stock on one day, against its growth *after* that day. The
# rank correlation is 1 if both put the stocks in the same order, -1 in reverse order, 0 if unrelated.

# %% tags=["further"]
from scipy.stats import spearmanr
from sklearn.preprocessing import MinMaxScaler


def scaled_and_growth(history, border, seen):
    """Price on day `border`, scaled by the first `seen` days, and the log growth afterwards."""
    scaler = MinMaxScaler().fit(history[:seen])
    return scaler.transform(history[[border]])[0], np.log(history[-1] / history[border])


history = prices.iloc[: splits.train.groups.max()].to_numpy()
middle = len(history) // 2
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for axes, seen in zip(panels, (None, middle + 1), strict=True):
    scaled, growth = scaled_and_growth(history, middle, seen)
    axes.plot(scaled, growth, "o")
    title = "scaler saw the past only" if seen else "scaler saw all years"
    axes.set_title(f"{title}\nrank correlation {spearmanr(scaled, growth)[0]:.2f}")
    axes.set(xlabel="scaled price today", xlim=(-0.05, 1.05))
_ = panels[0].set_ylabel("log growth from today on")

# %% [markdown] tags=["alt"]
# *Figure: two scatter plots of growth after a day against the scaled price on that day, one dot a stock. On the left,
# where the scaler was fitted on all years, the dots fall along a steep line: low scaled prices are followed by high
# growth. On the right, where it was fitted on the past only, they show no pattern.*

# %% [markdown]
# Nothing was trained, and yet the future is in the numbers: "this is only a small part of what the price
# will one day be".
# How sure is the difference? We draw the stocks anew, with replacement: the bootstrap again.

# %% tags=["further"]
all_years, growth = scaled_and_growth(history, middle, None)
past_only, _ = scaled_and_growth(history, middle, middle + 1)


def told(past_only, all_years, growth):
    """How much lower the rank correlation is when the scaler saw all years."""
    return spearmanr(past_only, growth)[0] - spearmanr(all_years, growth)[0]


leak = metrics.bootstrap_interval(told, past_only, all_years, growth)
mm.claim("01.4", "a scaler that saw all years ties low prices to growth more than an honest one", leak, margin=0.2)

# %% [markdown]
# Put the scaler into a pipeline and fit the pipeline on training rows; then it cannot see anything else. And a tree
# does not care:

# %% tags=["further"]
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

tree = DecisionTreeRegressor(max_depth=5, random_state=0)
scaled = make_pipeline(StandardScaler(), clone(tree)).fit(X[pool[:ROWS]], y[pool[:ROWS]])
assert np.allclose(scaled.predict(X_valid), tree.fit(X[pool[:ROWS]], y[pool[:ROWS]]).predict(X_valid))

# %% [markdown]
# **Two importances.** A forest reports *impurity importance* by default: how much squared error did the splits on a feature
# remove, on the training rows? Here it stands beside permutation importance, with a column of pure random numbers added:

# %% tags=["further"]
from sklearn import inspection

noise = np.random.default_rng(0)
X_more = np.column_stack([X[pool[:ROWS]], noise.normal(size=ROWS)])
X_valid_more = np.column_stack([X_valid[few], noise.normal(size=len(few))])
forest = ensembles.RandomForestRegressor(TREES, max_features=1 / 3, random_state=0).fit(X_more, y[pool[:ROWS]])
shuffles = inspection.permutation_importance(
    forest, X_valid_more, y_valid[few], n_repeats=5, random_state=0, scoring="neg_mean_squared_error"
)
figure, panels = plt.subplots(1, 2, figsize=(9.5, 4), sharey=True)
names = [*FEATURES, "random numbers"]
panels[0].barh(names, forest.feature_importances_)
panels[0].set(title="impurity, training rows", xlabel="share of removed error")
panels[1].barh(names, shuffles.importances_mean, xerr=shuffles.importances_std, color=plotting.COLORS[1])
panels[1].set(title="permutation, later years", xlabel="rise of squared error")
panels[0].invert_yaxis()

# %% [markdown] tags=["alt"]
# *Figure: two bar charts over the nine features. By impurity the three volatilities lead and every other feature gets a
# share, the random numbers included. By permutation on later years nearly all goes to the volatility of 60 days; the
# random numbers and most other features are at zero.*

# %% [markdown]
# They answer different questions. Impurity gives credit for splits on training rows, so even random numbers earn some: deep
# trees must split on something. Permutation asks what the forecast would miss. It gives the 20-day volatility little, not
# because it says nothing, but because the 60-day one says nearly the same and steps in. A low permutation importance means
# "not needed here", not "unrelated".

# %% [markdown]
# ## References
# - Efron, B. (1979). Bootstrap methods: another look at the jackknife. Annals of Statistics 7.
# - Meese, R., Rogoff, K. (1983). Empirical exchange rate models of the seventies: do they fit out of sample? Journal of
#   International Economics 14. (No model beat the last rate.)
# - Geman, S., Bienenstock, E., Doursat, R. (1992). Neural networks and the bias/variance dilemma. Neural Computation 4.
# - Breiman, L. (1996). Bagging predictors. Machine Learning 24.
# - Breiman, L. (1996). Out-of-bag estimation. Technical report, University of California, Berkeley.
# - Breiman, L. (2001). Random forests. Machine Learning 45.
# - Friedman, J. H. (2001). Greedy function approximation: a gradient boosting machine. Annals of Statistics 29.
# - Strobl, C., Boulesteix, A.-L., Zeileis, A., Hothorn, T. (2007). Bias in random forest variable importance measures. BMC
#   Bioinformatics 8.
# - Corsi, F. (2009). A simple approximate long-memory model of realized volatility. Journal of Financial Econometrics 7.
#   (Volatility of a day, a week and a month in one linear model: close to our features and ridge.)
# - López de Prado, M. (2018). Advances in Financial Machine Learning. Wiley. (Purging and embargo: the gap.)
# - Kapoor, S., Narayanan, A. (2023). Leakage and the reproducibility crisis in machine-learning-based science. Patterns
#   4(9).
# - Data: the share prices come with the Python package skfolio; see data/stocks.md.
