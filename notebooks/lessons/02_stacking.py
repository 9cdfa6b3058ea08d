# %% [markdown]
# # 2 Stacking
#
# **Can a model learn whom to trust?** · 90 minutes · needs lesson 1
#
# ![Snippets of film reviews go to three critics: a random forest, a linear SVM and naive Bayes. Their opinions about texts they never learned from go to a judge, who gives the verdict](flow: review snippets -> random forest -> opinions on unseen texts; review snippets -> linear SVM -> opinions on unseen texts; review snippets -> naive Bayes -> opinions on unseen texts; opinions on unseen texts -> judge: a small model -> verdict)
#
# Three critics read the same line of a film review and disagree. A fourth model, the judge, listens to them and
# learns what each opinion is worth. You will build judge and critics, measure what they gain, find out why, and then
# make them gain more.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, ensembles, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One sentence, thumb up or thumb down
# The data are single sentences from film reviews on Rotten Tomatoes, half of them from favourable reviews (1) and
# half from damning ones (0).
#
# We will draw training and test texts five times over, so here is the **pool** to draw from. The validation part
# stays apart: settings were chosen on it, and in this lesson it is where we look around.

# %%
import numpy as np

reviews = mm.load("movie_reviews")
train_part, valid_part, test_part = (part.arrays()[0]["text"] for part in (reviews.train, reviews.valid, reviews.test))
texts, labels = np.concatenate([train_part, test_part]), np.concatenate([reviews.train.target, reviews.test.target])
for i in np.random.default_rng(1).choice(len(texts), 6, replace=False):
    print(f"{labels[i]} {reviews.classes[labels[i]]}:", texts[i][:100])

majority = 100 * max(np.mean(labels), 1 - np.mean(labels))
print(f"\n{len(texts)} texts; always giving the same answer is right in {majority:.1f} % of them")

# %% [markdown]
# A model needs numbers. The simplest are a **bag of words**: one column a word, 1 where the text contains it, 0
# elsewhere. Order is lost, and it still works well.
#
# Which words get a column? The most frequent ones in a heap of long IMDb reviews, of which we read the text and
# ignore the stars. Those reviews will be useful once more. (Takes about 4 s.)

# %%
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

N_WORDS, N_REVIEWS = mm.per_profile(smoke=(3000, 1500), quick=(20_000, 17_500), full=(20_000, 17_500))
long_reviews = mm.load("movie_reviews", source="imdb").train.arrays()[0]["text"][:N_REVIEWS]
long_reviews = [text.replace("<br />", " ") for text in long_reviews]
counter = CountVectorizer(max_features=N_WORDS)
texts_with = np.asarray((counter.fit_transform(long_reviews) > 0).sum(axis=0)).ravel()  # how many reviews use a word


def as_words(some_texts):
    """Bag of words: 0 or 1, shape (texts, words), sparse."""
    return (counter.transform(some_texts) > 0).astype(float)


words, valid_words = as_words(texts), as_words(valid_part)
print("bag of words:", words.shape, f"{words.sum(axis=1).mean():.0f} ones in a row")

# %% [markdown]
# ## Three critics
# Three models that think in very different ways:
# - a **random forest** asks questions about single words (lesson 1), the 2,000 that part the classes best;
# - a **linear SVM** gives each word a weight and keeps the two classes as far apart as it can. Its output, the
#   distance from the border, is no probability, so `CalibratedClassifierCV` learns to turn it into one;
# - **naive Bayes** multiplies how likely each word is in praise and in blame, as if words came independently.
#
# Each starts by picking the columns it reads. For now these are all there are.

# %%
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC


def word_columns(rows):
    return rows[:, :N_WORDS]


TREES = mm.per_profile(smoke=20, quick=100, full=400)
forest = RandomForestClassifier(TREES, max_features=10, min_samples_leaf=2, random_state=0)
svm = CalibratedClassifierCV(LinearSVC(C=0.3, random_state=0), ensemble=False)
critics = {
    "forest": make_pipeline(FunctionTransformer(word_columns), SelectKBest(chi2, k=2000), forest),
    "SVM": make_pipeline(FunctionTransformer(word_columns), TfidfTransformer(), svm),
    "naive Bayes": make_pipeline(FunctionTransformer(word_columns), MultinomialNB()),
}

# %% [markdown]
# Every setting (trees, `C` …) was chosen on the validation part. The next cell draws the first round's training texts
# and lets all three learn.

# %%
from sklearn.model_selection import train_test_split

N_TRAIN, N_TEST = mm.per_profile(smoke=(400, 400), quick=(3000, 3000), full=(5000, 2600))


def draw(seed, y):
    """Row numbers of one round's training and test texts."""
    return train_test_split(np.arange(len(y)), train_size=N_TRAIN, test_size=N_TEST, stratify=y, random_state=seed)


train, _ = draw(0, labels)
for name, critic in critics.items():
    critic.fit(words[train], labels[train])
    own, new = critic.score(words[train], labels[train]), critic.score(valid_words, reviews.valid.target)
    print(f"{name:12s} right on the texts it learned from: {own:.0%}   on new texts: {new:.0%}")

# %% [markdown]
# ## The trap: a critic judging its own homework
# Look at the first column. On texts they learned from, the critics are right far more often, SVM and naive Bayes
# nearly always, and they are *sure* of it. The figure shows the probability that the SVM gives to the true class.

# %%
truth = {"texts it learned from": labels[train], "new texts": reviews.valid.target}
asked = {"texts it learned from": words[train], "new texts": valid_words}
given = {name: critics["SVM"].predict_proba(asked[name])[np.arange(len(y)), y] for name, y in truth.items()}
plotting.distributions(
    given, xlabel="probability given to the true class", title="The SVM, asked twice", baseline=("undecided", 0.5)
)

# %% [markdown] tags=["alt"]
# *Figure: two histograms. On texts the SVM learned from, the true class almost always gets a high probability. On new
# texts the probabilities spread over the whole axis, and many lie below one half: wrong.*

# %% [markdown]
# A judge who only saw the blue histogram would learn: *believe the SVM, always*. It would learn whom to trust from
# evidence that is worthless. So a judge may only hear opinions on texts the critic **did not learn from**.
#
# ## Out of fold
# Cut the training rows into $K$ folds. To get opinions on fold $k$, let a fresh copy of the critic learn from all the
# other folds, then ask it about fold $k$. After $K$ turns every row has one honest opinion:
#
# $$z_{im} = f_m^{(-k(i))}(x_i)$$
#
# where $f_m^{(-k(i))}$ is critic $m$, trained without the fold $k(i)$ that row $i$ belongs to.

# %% tags=["further"]
import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap


def draw_folds(folds, n_rows, title, axes=None):
    """One line a turn: which rows a copy learns from, which it is asked about, which it does not use."""
    use = np.zeros((len(folds), n_rows))
    for turn, (learned, asked) in enumerate(folds):
        use[turn, learned], use[turn, asked] = 1, 2
    axes = axes or plt.subplots(figsize=(7, 2.4))[1]
    colors = ["#DDDDDD", plotting.COLORS[5], plotting.COLORS[1]]
    axes.pcolormesh(use, cmap=ListedColormap(colors), vmin=0, vmax=2, edgecolors="white", linewidth=0.8)
    axes.set(
        title=title, xlabel="training row", yticks=np.arange(len(folds)) + 0.5, ylim=(len(folds), 0), xlim=(0, n_rows)
    )
    axes.set_yticklabels(f"turn {turn}" for turn in range(1, len(folds) + 1))
    for kind, name in enumerate(["not used", "learns", "is asked"]):
        if kind in use:
            axes.bar(0, 0, color=colors[kind], label=name)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1.05))
    axes.grid(False)


# %% [markdown]
# Thirty rows, five folds, rows shuffled:

# %%
from sklearn.model_selection import StratifiedKFold

toy = np.tile([0, 1], 15)
draw_folds(list(StratifiedKFold(5, shuffle=True, random_state=1).split(toy, toy)), 30, "Five folds of thirty rows")

# %% [markdown] tags=["alt"]
# *Figure: a table with one line for each of five turns and thirty columns, one a row. In each line most cells are
# blue, the rows that a copy learns from, and a few scattered ones are orange, the rows it is asked about. Down each
# column exactly one cell is orange.*

# %% [markdown]
# In each column exactly one cell is orange: each row is asked about once, by a copy that has never seen it. With two
# folds you can write this out by hand:

# %%
from sklearn.base import clone

half_a, half_b = train[::2], train[1::2]
said_on_b = clone(critics["naive Bayes"]).fit(words[half_a], labels[half_a]).predict_proba(words[half_b])[:, 1]
said_on_a = clone(critics["naive Bayes"]).fit(words[half_b], labels[half_b]).predict_proba(words[half_a])[:, 1]

by_hand = np.empty(len(train))
by_hand[::2], by_hand[1::2] = said_on_a, said_on_b
print("honest opinions:", by_hand[:5].round(3), "...  truth:", labels[train[:5]])

# %% [markdown]
# The package does it for any number of critics and any folds. `StackingClassifier` keeps the opinions as
# `out_of_fold_`, one column a critic. With our two halves it must find the same numbers:

# %%
even, odd = np.arange(0, len(train), 2), np.arange(1, len(train), 2)
halves = [(even, odd), (odd, even)]
jury = ensembles.StackingClassifier([("naive Bayes", critics["naive Bayes"])], cv=halves)
jury.fit(words[train], labels[train])
assert np.allclose(jury.out_of_fold_[:, 0], by_hand)
print("the same, to the last digit that matters")

# %% [markdown]
# Now all three critics and five folds. Here are their honest opinions on some training texts, with the truth before
# each. (Takes about 4 s.)

# %%
from textwrap import shorten

folds = StratifiedKFold(5, shuffle=True, random_state=0)
jury = ensembles.StackingClassifier(list(critics.items()), cv=folds).fit(words[train], labels[train])
shown = np.random.default_rng(3).choice(len(train), 12, replace=False)
lines = [shorten(text.rstrip(" ."), 32, placeholder=" …") for text in texts[train[shown]]]
plotting.heatmap(
    jury.out_of_fold_[shown],
    rows=[f"{['down', 'up'][label]}: {text}" for label, text in zip(labels[train[shown]], lines, strict=True)],
    columns=list(critics),
    label="probability of thumb up",
    title="What the judge will learn from",
)

# %% [markdown] tags=["alt"]
# *Figure: a table of twelve snippets, the truth before each: up or down. Columns forest, SVM and naive Bayes hold each
# critic's probability of a favourable review. Often the three agree, sometimes against the truth. The forest stays
# close to one half; naive Bayes goes to the ends.*

# %% [markdown]
# Read a few lines. The forest is timid, naive Bayes bold: the same number does not mean the same thing from each of
# them. That is one thing a judge can learn.
#
# ### Exercise 2.1 ●●○ 10 min
# Write `out_of_fold`. `model` is an unfitted classifier, `X` has n rows, `y` their classes 0 and 1, shape `(n,)`. `folds`
# is a list of pairs `(learn, ask)` of row numbers, as `folds.split(X, y)` gives them. Return the probability of class 1
# for every row, shape `(n,)`, in the order of the rows. For naive Bayes and the five folds above,
# a right answer is the naive Bayes column of the figure.
# <details><summary>Hint: the idea</summary>A fresh copy of the model for each fold (clone it), an empty array to
# write into, and the row numbers tell you where to write.</details>
# <details><summary>Hint: pseudocode</summary>opinions = n times "not known yet"; for each pair: copy the model, let
# it learn from X and y at the first row numbers, write what it says about X at the second ones into opinions there;
# return opinions. predict_proba has one column a class; class 1 is the second.</details>


# %% tags=["exercise"]
def out_of_fold(model, X, y, folds):  # -> (n,) probability of class 1
    ### BEGIN SOLUTION
    opinions = np.full(len(y), np.nan)
    for learn, ask in folds:
        opinions[ask] = clone(model).fit(X[learn], y[learn]).predict_proba(X[ask])[:, 1]
    return opinions
    ### END SOLUTION


# %%
check.ex2_1(out_of_fold)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The judge
# The judge is a model like any other. Its inputs are opinions, its target is the truth. We take logistic regression:
#
# $$p(y_i = 1) = \sigma\Big(b + \sum_m w_m\, z_{im}\Big)$$
#
# The weights $w_m$ say how much each critic's opinion counts, given what the others say. Two steps remain before it
# can judge new texts. Each critic learns once more, now from *all* training rows: that is the critic who will be
# asked. Then its opinions on the new text go through the judge.
#
# This is **stacking** (Wolpert 1992).

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict  # you may use it in the exercise below

judge = LogisticRegression().fit(jury.out_of_fold_, labels[train])
opinions = np.column_stack([critic.predict_proba(valid_words)[:, 1] for critic in critics.values()])
verdict = judge.predict_proba(opinions)[:, 1]
assert np.allclose(verdict, jury.predict_proba(valid_words)[:, 1])  # the package does the same three steps
for name, weight in zip(critics, judge.coef_[0], strict=True):
    print(f"{name:12s} weight {weight:5.2f}")

# %% [markdown]
# Do not compare these weights yet: the forest whispers (its probabilities stay close to one half), so one unit of its
# opinion means more. Later we standardise first.
#
# ### Exercise 2.2 ●●○ 12 min
# Put it together: critics learn, the judge learns from honest opinions, new rows get a verdict. `models` is a list of
# unfitted models, `judge` one unfitted model, `folds` a list of pairs as in 2.1. You may use `cross_val_predict` of
# scikit-learn. In our case the call would be
#
# ```python
# pairs = list(folds.split(words[train], labels[train]))
# stacked(list(critics.values()), LogisticRegression(), words[train], labels[train], valid_words, pairs)
# ```
#
# and a right answer agrees with `jury.predict_proba(valid_words)[:, 1]` to many digits.
# <details><summary>Hint: the idea</summary>Two tables: opinions on the training rows (out of fold) to train the
# judge, and opinions on the new rows (critics who learned from everything) to be judged.</details>
# <details><summary>Hint: pseudocode</summary>inside = for each model a column, cross_val_predict(model, X, y,
# cv=folds, method="predict_proba"), second column; fit a copy of the judge on (inside, y); outside = for each model a
# column, a copy fitted on all of X, y says about X_new; return the judge's probability of class 1 for
# outside.</details>


# %% tags=["exercise"]
def stacked(models, judge, X, y, X_new, folds):  # -> (n_new,) probability of class 1
    ### BEGIN SOLUTION
    inside = [cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1] for model in models]
    outside = [clone(model).fit(X, y).predict_proba(X_new)[:, 1] for model in models]
    return clone(judge).fit(np.column_stack(inside), y).predict_proba(np.column_stack(outside))[:, 1]
    ### END SOLUTION


# %%
check.ex2_2(stacked)

# %% [markdown] tags=["predict"] slideshow={"slide_type": "slide"}
# **Predict first.** Three critics who think in different ways, each right on seven to seven and a half new texts
# in ten, and a judge who knows how far to believe each of them. By how many percentage points does the judge beat the
# *best* critic? Write your guess down: by none, 1, 3 or 5 points?

# %% [markdown]
# ## Five rounds
# One test set of this size wobbles by about a point, so a single comparison proves little. We play five rounds. Each
# draws its own training and test texts, and everything is compared *within* the round. A round keeps what every
# critic said: about training texts out of fold, about training texts it had learned from (we will need that to sin),
# and about test texts.

# %%
from types import SimpleNamespace

import pandas as pd


def play(seed, critics, X, y, parts=None):
    """One round: three tables of opinions, one column a critic, and the true labels."""
    train, test = parts or draw(seed, y)
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    jury = ensembles.StackingClassifier(list(critics.items()), cv=folds).fit(X[train], y[train])

    def opinions(rows):
        return pd.DataFrame({name: c.predict_proba(X[rows])[:, 1] for name, c in jury.named_estimators_.items()})

    honest = pd.DataFrame(jury.out_of_fold_, columns=list(critics))
    return SimpleNamespace(honest=honest, own=opinions(train), test=opinions(test), y_train=y[train], y_test=y[test])


# %% [markdown]
# Three ways to use a round: ask single critics, average their probabilities, or train a judge. All in percent of test
# texts. (Takes about 15 s.)


# %%
def accuracy(opinion, truth):
    return 100 * np.mean((np.asarray(opinion) > 0.5) == truth)


def best_critic(game, names):
    """The critic who is best on these very test texts. Nobody knows beforehand which that is: a strict rival."""
    return max(accuracy(game.test[name], game.y_test) for name in names)


def average(game, names):
    return accuracy(game.test[names].mean(axis=1), game.y_test)


def stack(game, names, judge=None, learns_from="honest"):
    judge = clone(judge or LogisticRegression()).fit(getattr(game, learns_from)[names], game.y_train)
    return accuracy(judge.predict_proba(game.test[names])[:, 1], game.y_test)


SEEDS = range(5)
games = [play(seed, critics, words, labels) for seed in SEEDS]


# %% [markdown]
# Small dots are rounds; the diamond is their mean with its 95 % interval.


# %% tags=["further"]
def dots(values, xlabel, line=None, title="", digits=1):
    """One row a name: every run as a dot, the mean with its interval as a diamond, and its value."""
    _, axes = plt.subplots(figsize=(8, 0.9 + 0.5 * len(values)))
    for row, runs in enumerate(values.values()):
        found = mm.metrics.interval(runs)
        axes.plot(runs, np.full(len(runs), row), "o", color=plotting.COLORS[5], alpha=0.7)
        reach = [[found.estimate - found.low], [found.high - found.estimate]]
        axes.errorbar(found.estimate, row, xerr=reach, fmt="D", color=plotting.COLORS[0], capsize=5)
        axes.annotate(f"{found.estimate:.{digits}f}", (1.01, row), xycoords=("axes fraction", "data"), va="center")
    if line is not None:
        axes.axvline(line, color="#333333", linestyle="--")
    axes.set(yticks=range(len(values)), yticklabels=values, xlabel=xlabel, title=title, ylim=(len(values) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)


def scoreboard(names, title):
    board = {name: [accuracy(game.test[name], game.y_test) for game in games] for name in names}
    board |= {"average": [average(game, names) for game in games], "stack": [stack(game, names) for game in games]}
    dots(board, "right on test texts, %", title=title)


same_view = ["forest", "SVM", "naive Bayes"]
scoreboard(same_view, f"Three critics, one bag of words (always the same answer: {majority:.0f} %)")

# %% [markdown] tags=["alt"]
# *Figure: accuracy on test texts, one line each for forest, SVM, naive Bayes, plain average and stack. The forest is
# last. Naive Bayes, average and stack lie close together, their intervals overlapping.*

# %% [markdown]
# Average and stack are hardly better than naive Bayes alone. Below, round by round, in the form that all claims of this
# course have: the mean gain, its 95 % interval over the rounds in brackets, and what we asked for.


# %%
def gain(games, names):
    """Stack minus the best of its critics, in points, one number a round."""
    return np.array([stack(game, names) - best_critic(game, names) for game in games])


mm.claim(
    "02.1",
    "three critics on one bag of words: the stack hardly gains",
    gain(games, same_view),
    within=1.0,
    unit="points",
)
print("round by round:", " ".join(f"{value:+.2f}" for value in gain(games, same_view)))

# %% [markdown] slideshow={"slide_type": "slide"}
# ## They fail on the same texts
# Three clever models, an honest judge, and next to no gain. A judge can only repair a mistake if somebody at the
# table was right. So count: how often are *all three* wrong? If mistakes came independently, the three error rates
# would multiply.

# %%
wrong = np.array([[(game.test[name] > 0.5) != game.y_test for name in same_view] for game in games])  # (5, 3, texts)
observed, independent = 100 * wrong.all(axis=1).mean(), 100 * wrong.mean(axis=2).prod(axis=1).mean()
print(f"all three wrong: {observed:.1f} % of texts; if errors were independent: {independent:.1f} %")

# %% [markdown]
# The three see the same columns. A word that misleads one will often mislead all; a text whose telling words nobody has met
# leaves all of them guessing. (Some snippets mislead everybody: irony, or a kind line from a damning review, labelled
# as the review.) For two critics with error rates $e_1$, $e_2$ whose errors correlate with $\rho$,
#
# $$P(\text{both wrong}) = e_1 e_2 + \rho\,\sqrt{e_1(1-e_1)\,e_2(1-e_2)}$$
#
# exactly. With $\rho = 0$ it is the product; with $\rho = 1$ and equal rates they always fail together, and the
# second critic is a copy of the first.

# %%
first, second = wrong[0, 1].astype(float), wrong[0, 2].astype(float)
e1, e2, rho = first.mean(), second.mean(), np.corrcoef(first, second)[0, 1]
both = e1 * e2 + rho * np.sqrt(e1 * (1 - e1) * e2 * (1 - e2))
assert np.isclose(both, np.mean(first * second))
print(f"SVM and naive Bayes: error correlation {rho:.2f}, both wrong {both:.1%}")

# %% [markdown]
# ### Exercise 2.3 ●●○ 8 min
# Write `error_correlation`. From probabilities of class 1, `(n, critics)`, and the truth, `(n,)`, compute the
# correlation of the critics' *mistakes*: a table `(critics, critics)` with ones on the diagonal. For SVM and naive Bayes in the
# first round a right answer gives the number printed above.
# <details><summary>Hint: the idea</summary>Turn every opinion into "wrong" (1) or "right" (0) first. Critics who are
# right together agree; what interests us is whether they are wrong together.</details>
# <details><summary>Hint: pseudocode</summary>wrong = (probability above one half) differs from y, with y as a column;
# np.corrcoef of wrong as numbers, where the variables are the columns (rowvar=False).</details>


# %% tags=["exercise"]
def error_correlation(probabilities, y):  # (n, critics), (n,) -> (critics, critics)
    ### BEGIN SOLUTION
    mistakes = (probabilities > 0.5) != (y[:, None] == 1)
    return np.corrcoef(mistakes.astype(float), rowvar=False)
    ### END SOLUTION


# %%
check.ex2_3(error_correlation)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## A second view
# More algorithms did not help. What about another way to *see* the text?
#
# The bag of words has a blind spot. Meeting *dreadful* in a new text helps only if *dreadful* stood in the labelled
# ones. That it means nearly what *awful* means is nowhere in the table.
#
# But it stands in the long reviews: words of similar meaning keep similar company. List all pairs of words that stand
# within four words of each other. $P(i, j)$ is the share of pairs made of word $i$ and its neighbour $j$ (the
# *context*), $P(i)$ and $P(j)$ how often each takes part in a pair. Compare with chance (positive pointwise mutual
# information):
#
# $$M_{ij} = \max\Big(0,\ \log \frac{P(i, j)}{P(i)\,P(j)}\Big)$$


# %% tags=["further"]
def neighbour_counts(texts, counter, window):
    """How often word j stands within `window` words of word i: sparse, (words, words)."""
    number, split, ids = counter.vocabulary_, counter.build_analyzer(), []
    for text in texts:
        ids += [number.get(word, -1) for word in split(text)] + [-1] * window  # -1: not in the vocabulary, or a gap
    ids, size = np.array(ids), len(number)
    counts = sparse.csr_matrix((size, size), dtype=np.float32)
    for step in range(1, window + 1):
        left, right = ids[:-step], ids[step:]
        both = (left >= 0) & (right >= 0)
        counts = counts + sparse.csr_matrix((np.ones(both.sum(), np.float32), (left[both], right[both])), (size, size))
    return (counts + counts.T).tocoo()


# %% [markdown]
# Row $i$ of $M$ says which company word $i$ keeps, in thousands of numbers. A truncated singular value decomposition
# (PCA without centring: it keeps the few directions that explain most) squeezes it into a short **word vector** (Levy
# and Goldberg 2014). No label is used.
#
# The code is folded, as the rest of the lesson needs only its result. One detail in it: $P(j)$ is smoothed with the
# power 0.75, which keeps rare contexts from looking too surprising (Levy, Goldberg and Dagan 2015). (Takes about 9 s.)

# %% tags=["further"]
from sklearn.utils.extmath import randomized_svd


def word_vectors(counts, dims):
    """One unit vector a word: (words, dims)."""
    often = np.asarray(counts.sum(axis=0)).ravel()
    context = often**0.75 / np.sum(often**0.75)
    surprise = np.log(counts.data / often[counts.row] / context[counts.col])
    kept = surprise > 0
    table = sparse.csr_matrix((surprise[kept], (counts.row[kept], counts.col[kept])), counts.shape)
    left, strength, _ = randomized_svd(table, dims, n_iter=4, random_state=0)
    vectors = left * np.sqrt(strength)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


DIMS = mm.per_profile(smoke=50, quick=100, full=100)
vectors = word_vectors(neighbour_counts(long_reviews, counter, window=4), DIMS)
vectors.shape

# %% [markdown]
# Nobody told the computer what these words mean. The cosine of two vectors is 1 when two words keep exactly the same
# company:

# %%
chosen = "wonderful superb brilliant awful terrible dreadful actor actress director funny hilarious witty".split()
cosine = vectors[[counter.vocabulary_.get(word, 0) for word in chosen]]
plotting.heatmap(
    cosine @ cosine.T,
    rows=chosen,
    columns=chosen,
    label="cosine",
    annotate=False,
    title="Words that keep the same company",
)

# %% [markdown] tags=["alt"]
# *Figure: cosines of twelve words as a square table. Along the diagonal stand blocks of high values: three words of
# praise, three of blame, three film people, three words for funny. Outside the blocks values are lower, but hardly
# any is below zero.*

# %% [markdown]
# Groups appear, though nobody named them. Note that praise and blame are no opposites: their cosines are small, not
# negative, for both keep company with films and actors. Which of the two groups is the good one, only labels can
# tell.
#
# A text becomes the mean of its words' vectors, rare words counting more. Now a row of our table has two groups of
# columns, two **views**.


# %%
def as_vectors(some_texts):
    """Mean word vector of each text, rare words weighted up: (texts, dims)."""
    weighted = as_words(some_texts).multiply(np.log(len(long_reviews) / (1 + texts_with))).tocsr()
    return (weighted @ vectors) / np.maximum(np.asarray(weighted.sum(axis=1)), 1e-9)


def both_views(some_texts):
    return sparse.hstack([as_words(some_texts), as_vectors(some_texts)], format="csr")


def vector_columns(rows):
    return rows[:, N_WORDS:].toarray()


rows = both_views(texts)
rows.shape

# %% [markdown]
# Three critics read the vectors only: logistic regression, the 50 nearest neighbours (kNN), and Gaussian naive Bayes
# (for each class a bell curve a column). Same rounds, same texts, same folds. (Takes about 4 s.)

# %%
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

readers = {
    "logistic": make_pipeline(FunctionTransformer(vector_columns), StandardScaler(), LogisticRegression(C=0.01)),
    "kNN": make_pipeline(FunctionTransformer(vector_columns), StandardScaler(), KNeighborsClassifier(50)),
    "Gaussian": make_pipeline(FunctionTransformer(vector_columns), GaussianNB()),
}
for game, seed in zip(games, SEEDS, strict=True):
    more = play(seed, readers, rows, labels)
    assert np.array_equal(more.y_test, game.y_test)  # the same round
    for table in ("honest", "own", "test"):
        setattr(game, table, getattr(game, table).assign(**getattr(more, table)))

# %% [markdown]
# Six critics, three on each view. Whose mistakes go together?

# %%
everyone = list(games[0].test)
errors = np.array([((game.test > 0.5).T != game.y_test).to_numpy(dtype=float) for game in games])  # (5, 6, texts)
correlations = np.array([np.corrcoef(one) for one in errors])
plotting.heatmap(
    correlations.mean(axis=0),
    rows=everyone,
    columns=everyone,
    label="correlation of errors",
    title="Who errs with whom",
)

# %% [markdown] tags=["alt"]
# *Figure: six by six table of error correlations. The first three critics read words, the last three vectors. Two
# blocks along the diagonal, within a view, are dark: high correlation. The blocks between the views are pale.*

# %%
within_view = [
    c[:3, :3][np.triu_indices(3, 1)].mean() / 2 + c[3:, 3:][np.triu_indices(3, 1)].mean() / 2 for c in correlations
]
across = [c[:3, 3:].mean() for c in correlations]
mm.claim("02.2", "errors correlate more within a view than across views", np.subtract(within_view, across), margin=0.1)

# %% [markdown]
# The two blocks are the *views*, not the algorithms. Naive Bayes on words and Gaussian naive Bayes are nearly the same
# algorithm, and err together little. Naive Bayes and a forest have nothing in common but the columns they read, and
# err together more than any pair across the views.
#
# Now send the forest home, and give its chair to logistic regression on vectors. Still three critics.

# %%
two_views = ["SVM", "naive Bayes", "logistic"]
scoreboard(two_views, f"Two critics on words, one on vectors (always the same answer: {majority:.0f} %)")

# %% [markdown] tags=["alt"]
# *Figure: accuracy on test texts for SVM, naive Bayes, logistic regression on vectors, plain average and stack. The
# three critics are close together; average and stack lie clearly to the right of all of them, the stack furthest.*

# %%
mm.claim(
    "02.3",
    "critics with different views: the stack beats its best critic",
    gain(games, two_views),
    margin=1.0,
    unit="points",
)
swap = gain(games, two_views) - gain(games, same_view)
mm.claim("02.4", "swapping one critic for one with another view raises the gain", swap, margin=0.5, unit="points")

# %% [markdown]
# Is that fair? The weakest critic left and the best one came. So give the chair to kNN on vectors instead, which is no
# better than the forest:

# %%
weak = ["SVM", "naive Bayes", "kNN"]
for name in ("forest", "kNN"):
    alone = np.mean([accuracy(game.test[name], game.y_test) for game in games])
    together = mm.metrics.interval(gain(games, ["SVM", "naive Bayes", name]))
    print(f"SVM, naive Bayes and {name:6s} (alone right in {alone:.1f} %): gain {together:+} points")
print("kNN's chair minus the forest's:", f"{mm.metrics.interval(gain(games, weak) - gain(games, same_view)):+} points")

# %% [markdown]
# Part of the gain came with the better critic, but not all: a critic as weak as the forest, with another view, still
# helps where the forest did not.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Gain against error correlation
# Fifteen pairs can be formed from six critics. For each: how strongly do their errors correlate, and how much does
# the stack of the two gain over the better one?

# %% tags=["further"]
from itertools import combinations

kinds = ["both on words", "both on vectors", "one on each"]
figure, axes = plt.subplots(figsize=(9, 4.8))
for a, b in combinations(range(6), 2):
    kind = 0 if b < 3 else 1 if a >= 3 else 2
    x, y = correlations[:, a, b].mean(), gain(games, [everyone[a], everyone[b]]).mean()
    axes.plot(x, y, "os^"[kind], color=plotting.COLORS[kind], markersize=9)
    letters = f"{everyone[a][0]}{everyone[b][0]}".upper()
    place = (7, -9) if letters in ("NG", "LK") else (7, 3)  # below the marker where something else is above
    axes.annotate(letters, (x, y), place, textcoords="offset points", fontsize=11)
for kind, name in enumerate(kinds):
    axes.plot([], [], "os^"[kind], color=plotting.COLORS[kind], label=name)
for name in everyone:
    axes.plot([], [], " ", label=f"{name[0].upper()}: {name}")
axes.axhline(0, color="#333333", linestyle="--", zorder=1.5)
axes.set(xlabel="correlation of the two critics' errors", ylabel="gain of the stack, points")
_ = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] tags=["alt"]
# *Figure: fifteen pairs of critics as points. Pairs across the views lie to the left, at low error correlation, and
# gain most. Pairs within a view lie to the right and gain little or nothing.*

# %% [markdown]
# This picture is the lesson. Pairs that share a view fail together and gain next to nothing, however good the two are:
# SN joins the two best critics on words, LG the two best on vectors.
#
# Low correlation is not all. Among the triangles it matters at least as much that the two are about *equally good*: a
# partner much weaker than you has little to give. And a gain is not a score. Compare:

# %%
alone = {name: np.mean([accuracy(game.test[name], game.y_test) for game in games]) for name in everyone}
print("right on test texts, alone:", ", ".join(f"{name} {right:.1f} %" for name, right in alone.items()))
for a, b in (("forest", "kNN"), ("naive Bayes", "kNN"), ("SVM", "logistic")):
    together = np.mean([stack(game, [a, b]) for game in games])
    print(f"{a} and {b}: gain {gain(games, [a, b]).mean():.1f} points, together right in {together:.1f} %")

# %% [markdown]
# Forest and kNN, two weak and equal critics, gain most of all, and end below naive Bayes alone. Naive Bayes and kNN
# are too unequal to gain much. The best pair is a good critic of each view.
#
# One thing must be said: the vectors are computed *from the words of the same text*. They know nothing more about
# that text. What they bring is knowledge about words, from thousands of other reviews. A photograph or a voice would
# bring something new about the case itself. That is what lesson 3, and the rest of the course, is about.
#
# *Half of the lesson is behind you: a good place for a pause.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Whom does the judge trust?
# Does one need a judge at all? The plain average did well too. Here is the difference, stack minus average, for both
# juries:

# %%
for name, names in {"one view": same_view, "two views": two_views}.items():
    difference = [stack(game, names) - average(game, names) for game in games]
    print(f"{name}: stack minus plain average {mm.metrics.interval(difference):+} points")

# %% [markdown]
# Among decent critics of one kind the average is as good as the judge. In the mixed jury the judge may be a little
# ahead: naive Bayes shouts (its probabilities sit close to 0 or 1), and an average listens to whoever shouts. Whether
# the interval leaves room for "no difference" you can read off. In your own work, try the average first.
#
# The judge earns its wage when not everybody deserves trust. Replace the critic who reads vectors by its
# **contrarian** twin, who always says the opposite, and add a **coin**, who says anything.

# %%
for game, seed in zip(games, SEEDS, strict=True):
    rng = np.random.default_rng(seed)
    for table in (game.honest, game.test):
        table["contrarian"], table["coin"] = 1 - table["logistic"], rng.uniform(size=len(table))

dubious = ["SVM", "naive Bayes", "contrarian", "coin"]
scoreboard(dubious, "Two honest critics, a contrarian and a coin")

# %% [markdown] tags=["alt"]
# *Figure: accuracy of SVM, naive Bayes, contrarian, coin, average and stack. The contrarian is far below one half,
# the coin at one half, the average below the honest critics; the stack is as good as the mixed jury was before.*

# %%
saved = [stack(game, dubious) - average(game, dubious) for game in games]
mm.claim(
    "02.5",
    "with a contrarian and a coin at the table the judge beats the plain average",
    saved,
    margin=2.0,
    unit="points",
)


def trust(opinions, y):
    """The judge's weights for standardised opinions, so that bold and timid critics compare."""
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(opinions, y)[-1].coef_[0]


learned = [trust(game.honest[dubious], game.y_train) for game in games]
dots(dict(zip(dubious, np.transpose(learned))), "learned weight", line=0, title="Whom the judge trusts", digits=2)

# %% [markdown] tags=["alt"]
# *Figure: learned weights, one line a critic. SVM and naive Bayes stand right of the dashed zero, naive Bayes close to
# it; the contrarian far left of it, the coin on it.*

# %% [markdown]
# Nobody told the judge who is who. It gave the coin nothing, and the contrarian a *negative* weight: a liar you can
# rely on is as useful as an expert. So yes: a model can learn whom to trust, from honest evidence.

# %% [markdown]
# ## Turn the knob yourself
# Let the verdict be a weighted sum of how far two opinions lie from one half: the SVM with weight $1 - |w|$, a
# partner with weight $w$. At $w = 0$ the SVM decides alone; below 0 the partner is believed *in reverse*. The curve
# counts right verdicts on the judge's own evidence, the out-of-fold table. The dashed line is the share that logistic
# regression learned.
#
# Go through the partners. Where is each curve highest, how much higher than at 0, and does the judge find the place?

# %% tags=["further"]
evidence, answers = games[0].honest - 0.5, games[0].y_train
GRID, LIMITS = np.linspace(-1, 1, 81), {"contrarian": (20, 80), "coin": (20, 80)}


def weigh(partner, w):
    def right(share):
        return 100 * np.mean(((1 - abs(share)) * evidence["SVM"] + share * evidence[partner] > 0) == answers)

    one, two = LogisticRegression().fit(evidence[["SVM", partner]], answers).coef_[0]
    found = two / (abs(one) + abs(two))
    figure, axes = plt.subplots(figsize=(8, 4))
    axes.plot(GRID, [right(share) for share in GRID], color=plotting.COLORS[0])
    axes.axvline(found, color="#333333", linestyle="--")
    axes.plot(w, right(w), "D", color=plotting.COLORS[1], markersize=10)
    yours, learned = f"your share {w:+.2f}: {right(w):.1f} %", f"learned (dashed) {found:+.2f}: {right(found):.1f} %"
    axes.set(xlabel="share of the partner, w", ylabel="right, %", ylim=LIMITS.get(partner, (60, 80)))
    axes.set_title(f"SVM and {partner}\n{yours}, {learned}")
    return figure


_ = widgets.explore(weigh, partner=["logistic", "naive Bayes", "forest", "contrarian", "coin"], w=(-1.0, 1.0, 0.05))

# %% [markdown] tags=["alt"]
# *Figure: share of right verdicts against the partner's share, from minus one to one, for the SVM and the chosen
# partner. For logistic regression on vectors the curve has a hill between zero and one, higher than both, and the
# dashed line stands on it; left of zero it falls out of the picture.*

# %% [markdown]
# Believed in reverse, a decent partner drives the curve out of the picture at once. With *logistic* (the other view)
# there is a hill above both $w = 0$ and $w = 1$. With *naive Bayes* and *forest* (the same view) the top is hardly
# higher than the better of the two alone. The *coin* pulls the curve down on both sides; the *contrarian* is the first
# curve, mirrored (for these two the axis is longer).
#
# The learned share need not stand exactly on the top: the judge seeks likely probabilities, not right verdicts, and
# hills are flat. That is good news. Weights need not be exact, only sensible.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The sin: a judge who saw the homework
# Now do it wrong on purpose. Train the judge on what the critics say about *the very texts they learned from* (the
# table `own`). Everything else stays the same. Whom will it trust now?

# %%
honest_weights = [trust(game.honest[two_views], game.y_train) for game in games]
leaky_weights = [trust(game.own[two_views], game.y_train) for game in games]
shares = [[np.abs(w) / np.abs(w).sum() for w in weights] for weights in (honest_weights, leaky_weights)]
plotting.heatmap(
    np.mean(shares, axis=1),
    rows=["honest judge", "leaky judge"],
    columns=two_views,
    label="share of the weights",
    title="Whom does it trust?",
)

# %% [markdown] tags=["alt"]
# *Figure: shares of the judge's weights, two lines. The honest judge gives most to logistic regression on vectors.
# The leaky judge gives nearly everything to the two critics on words and next to nothing to the vectors.*

# %% [markdown]
# One line in passing: the honest judge gives naive Bayes little, though alone it beats the SVM. Most of what it says
# the SVM has said already. A weight is what an opinion *adds*, not how good the critic is.
#
# What does the leaky judge's trust cost?

# %%
cost = [stack(game, two_views) - stack(game, two_views, learns_from="own") for game in games]
mm.claim("02.7", "training the judge on homework costs accuracy on new texts", cost, margin=1.0, unit="points")
boast = [accuracy(game.own["SVM"], game.y_train) - accuracy(game.test["SVM"], game.y_test) for game in games]
modest = [accuracy(game.own["logistic"], game.y_train) - accuracy(game.test["logistic"], game.y_test) for game in games]
print(f"homework minus exam: SVM {np.mean(boast):.1f} points, logistic on vectors {np.mean(modest):.1f} points")

# %% [markdown]
# The leak did not just flatter. It made the judge trust the boasters and ignore the modest critic, whose different
# view was the whole gain. The stack fell back to where single critics were.
#
# There is a simple test, and you can put any pipeline of yours to it: **shuffle the labels**. Then there is nothing
# to learn, and a score clearly better than chance means that answers leak.
#
# Passing is no acquittal. Shuffled labels also tear apart what neighbouring days, duplicates or one patient's rows
# have in common, so those leaks stay hidden. Only the folds can prevent them.

# %% [markdown] tags=["predict"]
# **Predict first.** Labels are coin flips. One critic memorises: it answers with the label of the most similar text
# it has learned (one nearest neighbour). What does a leaky judge score on its training texts, and on new ones? And an
# honest judge?


# %%
def coin_flips(seed):
    """Accuracy of a leaky and of an honest judge, each on the evidence it learned from and on new texts."""
    flips = np.random.default_rng(seed).integers(0, 2, len(labels))
    memory = make_pipeline(FunctionTransformer(vector_columns), KNeighborsClassifier(1))
    game = play(seed, {"memory": memory, "naive Bayes": critics["naive Bayes"]}, rows, flips)
    scores = []
    for evidence in (game.own, game.honest):
        judge = LogisticRegression().fit(evidence, game.y_train)
        scores += [100 * judge.score(evidence, game.y_train), 100 * judge.score(game.test, game.y_test)]
    return scores


leaky_seen, leaky_new, honest_seen, honest_new = np.transpose([coin_flips(seed) for seed in SEEDS])
board = {"leaky: on its evidence": leaky_seen, "leaky: on new texts": leaky_new}
board |= {"honest: on its evidence": honest_seen, "honest: on new texts": honest_new}
dots(board, "right, %", line=50, title="Labels are coin flips; chance is the dashed line")

# %% [markdown] tags=["alt"]
# *Figure: four lines. The leaky judge is right on all of its own evidence and at chance on new texts. The honest
# judge is near chance on both.*

# %%
mm.claim(
    "02.8",
    "coin-flip labels: the leaky judge promises what it does not keep",
    leaky_seen - leaky_new,
    margin=40,
    unit="points",
)
mm.claim("02.9", "coin-flip labels: outside, the leaky judge scores chance", leaky_new - 50, within=2.0, unit="points")
mm.claim(
    "02.10",
    "coin-flip labels: the honest judge promises little more than chance",
    honest_seen - 50,
    within=3.0,
    unit="points",
)

# %% [markdown]
# The leaky judge: perfect at home, a coin flip outside. The honest judge stands a little above chance at home too. No
# leak: it was *fitted* to that very table, and even a few weights overfit a little. So judge the judge on new texts.
#
# The package refuses the plainest form of the sin:

# %%
everything = np.arange(len(train))
leaky = ensembles.StackingClassifier(list(critics.items()), cv=[(everything, everything)])
try:
    leaky.fit(words[train], labels[train])
except ValueError as error:
    refusal = str(error)
assert "leaks" in refusal
print("ValueError:", refusal)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## When rows have an order
# Shuffled folds rest on one assumption: rows are exchangeable. Days are not. In lesson 1 you forecast how wildly
# shares swing over the next 20 days from the past 60. Neighbouring rows share most of their future, and all shares
# live through the same crash. With one week in one fold and the next week in another, the critic has seen most of the
# answer.
#
# Two critics: a **ridge regression** and a **forest**. Both read a share's own volatility over 5, 20 and 60 days, the
# mean of all shares, and that of the index. Those market columns are nearly a date stamp. (Code folded.)

# %% tags=["further"]
stocks = mm.load("stocks", window=60, horizon=20, step=5)


def log_volatility(returns):  # (rows, 60) -> (rows, 3): over the last 5, 20 and 60 days
    return np.stack([np.log(np.sqrt(np.mean(returns[:, -d:] ** 2, axis=1)) + 1e-4) for d in (5, 20, 60)], axis=1)


def past(part):
    """What is known on a day about a share and about the market: (rows, 9)."""
    returns = part.arrays()[0]["returns"].astype(float)
    own = log_volatility(returns)
    market = pd.DataFrame(own).groupby(part.groups).transform("mean").to_numpy()
    index = pd.DataFrame(returns).groupby(part.groups).transform("mean").to_numpy()
    return np.hstack([own, market, log_volatility(index)])


N_PAST = mm.per_profile(smoke=6000, quick=None, full=None)
X, y, days = (a[-N_PAST:] if N_PAST else a for a in (past(stocks.train), stocks.train.target, stocks.train.groups))
X_new, y_new = past(stocks.test), stocks.test.target

# %% [markdown]
# **Forward chaining** keeps the order: cut time into blocks; the opinions on a block come from critics who learned
# from *earlier* blocks only,
#
# $$z_{im} = f_m^{(<\,b(i) - \text{gap})}(x_i)$$
#
# with a **gap** of 20 days before block $b(i)$, because the target of a row reaches 20 days ahead. The first block
# gets no opinions, so the judge does not learn from it.

# %%
from sklearn.model_selection import KFold, TimeSeriesSplit

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 2.8))
draw_folds(list(KFold(5, shuffle=True, random_state=0).split(np.zeros(48))), 48, "Shuffled", left)
left.get_legend().remove()
draw_folds(list(TimeSeriesSplit(5, gap=3).split(np.zeros(48))), 48, "Forward chaining, gap of 3", right)

# %% [markdown] tags=["alt"]
# *Figure: two fold diagrams. Left, shuffled: orange cells scattered among blue ones. Right, forward chaining: a
# staircase, each turn learns from a longer past and is asked about the next block; between the two stands a narrow
# grey gap, and the future is grey.*

# %% [markdown]
# ### Exercise 2.4 ●●● 15 min
# Write `forward_chain`. `days` holds the day number of each row, several rows a day, in any order. Cut the *distinct
# days* into `n_blocks` blocks (`np.array_split`). For each block but the first return a pair `(learn, ask)` of row
# numbers: asked are the block's rows, learned from are all rows at least `gap` days before the block's first day. For
# days 0 to 11, one row each, 3 blocks and a gap of 2, the second turn learns from rows 0 to 6 and asks about 8 to 11.
# <details><summary>Hint: the idea</summary>Think in days, not in rows: two rows of the same day must never be on
# different sides. np.unique gives the days in order, np.isin finds the rows of a block.</details>
# <details><summary>Hint: pseudocode</summary>blocks = split the sorted distinct days; for each block after the first:
# learn = row numbers where day + gap is at most the block's first day; ask = row numbers whose day is in the
# block.</details>


# %% tags=["exercise"]
def forward_chain(days, n_blocks, gap):  # -> list of (learn, ask)
    ### BEGIN SOLUTION
    blocks = np.array_split(np.unique(days), n_blocks)
    return [(np.flatnonzero(days + gap <= block[0]), np.flatnonzero(np.isin(days, block))) for block in blocks[1:]]
    ### END SOLUTION


# %%
check.ex2_4(forward_chain)

# %% [markdown]
# Now two stacks that differ in nothing but their folds. scikit-learn's `TimeSeriesSplit` cuts rows, and would cut
# through a day; so we let it cut the list of *days*. Our rows are five days apart, so leaving out three of them makes
# a gap of 20 days. (Takes about 7 s.)

# %%
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

deep = RandomForestRegressor(
    mm.per_profile(smoke=5, quick=20, full=100), min_samples_leaf=5, max_features=3, random_state=0
)
models = [("ridge", make_pipeline(StandardScaler(), Ridge())), ("forest", deep)]


def whole_days(splitter, days):
    """Pairs of row numbers: the splitter cuts the distinct days, rows follow their day."""
    distinct = np.unique(days)
    return [[np.flatnonzero(np.isin(days, distinct[part])) for part in turn] for turn in splitter.split(distinct)]


shuffled = ensembles.StackingRegressor(models, cv=KFold(5, shuffle=True, random_state=0)).fit(X, y)
chain = whole_days(TimeSeriesSplit(5, gap=3), days)
chained = ensembles.StackingRegressor(models, cv=chain).fit(X, y)

assert all(days[learn].max() + 20 <= days[ask].min() for learn, ask in chain)
learn, ask = chain[2]  # by hand, one turn of one critic
by_hand = clone(models[0][1]).fit(X[learn], y[learn]).predict(X[ask])
assert np.allclose(by_hand, chained.out_of_fold_[np.isin(chained.out_of_fold_rows_, ask), 0])

# %% [markdown]
# What each stack *believes* about its critics (R² of the opinions its judge learned from), the weights it gave them,
# and what came true on the years after:


# %%
def r2(forecast, truth):
    return 1 - np.mean((forecast - truth) ** 2) / np.var(truth)


for name, stacked_model in {"shuffled folds": shuffled, "forward chain": chained}.items():
    believed = [r2(column, y[stacked_model.out_of_fold_rows_]) for column in stacked_model.out_of_fold_.T]
    came_true = [r2(model.predict(X_new), y_new) for model in stacked_model.estimators_]
    print(name)
    for i, (critic, _) in enumerate(models):
        weight = stacked_model.final_estimator_.coef_[i]
        print(f"   {critic:7s} believed {believed[i]:.3f}   came true {came_true[i]:.3f}   weight {weight:5.2f}")
    print(f"   stack   came true {r2(stacked_model.predict(X_new), y_new):.3f}")

plain = np.mean([model.predict(X_new) for model in chained.estimators_], axis=0)
print(f"\nplain average {r2(plain, y_new):.3f};  no model, volatility stays as it was {r2(X_new[:, 1], y_new):.3f}")

# %% [markdown]
# Under shuffled folds the forest looks far better than it is, and the judge hands it everything. Forward chaining
# ranked the two as the future did. (A small negative weight makes ridge no contrarian: of two similar critics one can
# slip below zero. Breiman 1996 forbids it.)
#
# Now the sober part: *neither* stack beats ridge alone, and the plain average is as good as the chained one. Both
# critics read the same columns. Honest folds kept us from a bad choice; they did not create a gain.
#
# How sure is the first part? Errors of different half-years share little, so we compare within each. The interval
# covers other half-years, not other training sets.

# %%
dates = mm.data.table("stocks").index[stocks.test.groups]
half_year = np.asarray(dates.year + (dates.month > 6) / 2)
lost = {name: (model.predict(X_new) - y_new) ** 2 for name, model in (("shuffled", shuffled), ("chained", chained))}
by_half = pd.DataFrame(lost).groupby(half_year).mean()
saved = 100 * (1 - by_half["chained"] / by_half["shuffled"])
mm.claim(
    "02.11",
    "chained folds give smaller errors than shuffled ones on later years",
    saved.to_numpy(),
    margin=3.0,
    unit="%",
)

figure, axes = plt.subplots(figsize=(9, 3.4))
halves = [f"{int(half)} H{1 + int(2 * half) % 2}" for half in saved.index]
axes.bar(halves, saved, color=[plotting.COLORS[0 if value > 0 else 1] for value in saved])
axes.axhline(0, color="#333333", linewidth=1)
axes.set_xticks(halves[::2])
_ = axes.set(xlabel="half-year", ylabel="squared error saved, %", title="Forward chaining against shuffled folds")

# %% [markdown] tags=["alt"]
# *Figure: one bar a half-year, the squared error saved by forward chaining in percent. Most bars are positive, some
# large. Two are negative, one of them the first half of 2020, with the crash of that spring.*

# %% [markdown]
# Most half-years are won. The one with the crash of 2020 is lost: a gain on average is no promise for the worst days.

# %% [markdown]
# ## What can go wrong
# - **The judge learns from homework.** Any step fitted on all rows before the folds are cut can leak: chosen
#   features, tuned settings. Our forest picks its words *inside* the fold.
# - **Related rows straddle a fold.** Rows of one patient, one speaker: use group folds. Snippets of one film are kin
#   too; our data name no film, so scores here may be a little too good.
# - **Order ignored.** Use forward chaining, with a gap.
# - **More critics of the same kind.** Look at the error correlations first.
# - **Too few rows for the judge.** Keep it linear and penalised, or average.
# - **Rounds that share texts.** Ours overlap, so their intervals are somewhat too narrow (Nadeau and Bengio 2003).

# %% [markdown]
# ## What articles say, what is true
# *"Stacking wins competitions."* It does, by the last fraction of a point and with dozens of models. The blend that
# won the Netflix Prize in 2009 was never put into service: the gain did not seem to justify the work (Amatriain and
# Basilico 2012). Always print the best single model and the plain average beside your stack.
#
# *"Use as different algorithms as possible."* Three algorithms on the same columns gave next to nothing here.
# Different *inputs* did.
#
# *"Cross-validation is safe."* Only if folds respect what ties rows together.

# %% [markdown]
# ## Three key points
# 1. A model can learn whom to trust, if the evidence is honest: opinions on rows the critics did not learn from.
# 2. A partner helps as far as its errors are different. Another algorithm on the same view brings little, another
#    view a lot.
# 3. Folds must respect time and kinship. Shuffling the labels exposes a judge that has seen the answers; it does not
#    expose folds that cut through time or kinship.

# %% [markdown]
# ## Quiz
# **1.** You have a critic right in 74 of 100 texts. Which partner is likely to help a stack most?
# <details><summary>A: one right in 75, errors correlating at 0.7</summary>Nearly a copy. When the first is wrong,
# this one is wrong too, most of the time: there is little for the judge to repair.</details>
# <details><summary>B: one right in 73, errors correlating at 0.3</summary>Right. A little weaker, but it fails on
# other texts, so where one errs the other often knows.</details>
# <details><summary>C: one right in 51, errors correlating at 0.0</summary>Its errors are its own, but it knows next
# to nothing: it is the coin. The judge will rightly ignore it.</details>
#
# **2.** Your stack scores 99 % on its out-of-fold table and 70 % on new data. What do you look for first?
# <details><summary>A: a judge too simple for its table</summary>A simple judge would score low in both places.</details>
# <details><summary>B: too few folds, so the critics learned from too few rows</summary>Fewer folds make critics learn from fewer rows: the table would look a
# bit too bad, not too good.</details>
# <details><summary>C: answers that leak from one fold into another</summary>Right. The table is only honest if the
# critic could not know the answer. Duplicates, neighbouring days or features chosen on all rows break that.</details>
#
# **3.** One critic is always wrong. What will a judge that was trained honestly do?
# <details><summary>A: give it weight zero, as it knows nothing</summary>Zero is for the coin, which carries no information. Being wrong
# every time carries a lot.</details>
# <details><summary>B: give it a negative weight</summary>Right. Reversed, it is an expert; logistic regression finds
# the sign by itself. A plain average would suffer.</details>
# <details><summary>C: give it a small positive weight, smaller than the others'</summary>Then its opinions would still pull the
# wrong way. Nothing in the fit requires opinions to be good; they only have to be informative.</details>

# %% [markdown]
# ## Going further
# ### A cleverer judge?
# Logistic regression draws a straight line through the table of opinions. A small neural network could bend it:
# "trust the vectors, *unless* the SVM is very sure". We give it eight hidden units (settings from the validation part
# again).

# %%
from sklearn.neural_network import MLPClassifier

network = make_pipeline(StandardScaler(), MLPClassifier(8, solver="lbfgs", alpha=10, max_iter=2000, random_state=0))
more = np.array([stack(game, two_views, judge=network) - stack(game, two_views) for game in games])
mm.claim(
    "02.6", "a small neural network as judge does about as well as logistic regression", more, within=1.0, unit="points"
)

# %% [markdown]
# No gain worth having. The reason is visible with two critics, where a judge is a picture:

# %% tags=["further"]
pair, game = ["SVM", "logistic"], games[0]
side = np.linspace(0, 1, 101)
plane = pd.DataFrame(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2), columns=pair)
figure, axes = plt.subplots(figsize=(8, 4.8))
some = np.random.default_rng(0).choice(len(game.y_train), 300, replace=False)
for label, marker in ((0, "v"), (1, "^")):
    chosen = game.honest[pair].iloc[some[game.y_train[some] == label]].to_numpy()
    axes.plot(*chosen.T, marker, alpha=0.45, color=plotting.COLORS[1 - label], label=f"truth: {reviews.classes[label]}")
for name, judge, style in (("logistic regression", LogisticRegression(), "-"), ("neural network", network, "--")):
    p = clone(judge).fit(game.honest[pair], game.y_train).predict_proba(plane)[:, 1]
    axes.contour(side, side, p.reshape(101, 101), levels=[0.5], colors="black", linestyles=style, linewidths=2.5)
    axes.plot([], [], style, color="black", label=name)
axes.set(xlabel="SVM on words: probability of thumb up", ylabel="logistic on vectors: probability of thumb up")
_ = axes.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% [markdown] tags=["alt"]
# *Figure: each text a point, across the opinion of the SVM, upwards that of logistic regression on vectors.
# Favourable texts crowd the upper right, damning ones the lower left. The border of both judges runs from the upper
# left to the lower right. The network's stays near the straight one, and few texts lie between the two.*

# %% [markdown]
# The opinions already carry all the curves: each critic did its own bending. What remains is to weigh a few numbers,
# and for that a straight line does. Whether and where the network bends is luck, down to the last digits of your
# computer's arithmetic. Linear judges are the usual choice.

# %% [markdown]
# ### How many labels?
# We gave the critics a fixed number of labelled texts. Was that number lucky? Here is one critic of each view, and
# their stack, from few labels to many. (Takes about 4 s.)

# %% tags=["further"]
SIZES = mm.per_profile(smoke=[100, 300], quick=[300, 1000, 3000], full=[300, 1000, 3000, 6000])
pair = {"naive Bayes": critics["naive Bayes"], "logistic": readers["logistic"]}


def learning_curve(size, seed):
    """Percent right after `size` labelled texts: naive Bayes on words, logistic on vectors, plain average, stack."""
    order = np.random.default_rng(seed).permutation(len(labels))
    learn, ask = order[:size], order[-1600:]
    jury = ensembles.StackingClassifier(list(pair.items()), cv=5).fit(rows[learn], labels[learn])
    first, second, verdict = (m.predict_proba(rows[ask])[:, 1] for m in (*jury.estimators_, jury))
    return [accuracy(p, labels[ask]) for p in (first, second, (first + second) / 2, verdict)]


curves = np.array([[learning_curve(size, seed) for size in SIZES] for seed in SEEDS])  # (rounds, sizes, 4)
names = ["naive Bayes on words", "logistic on vectors", "plain average", "stack"]
plotting.lines(
    SIZES,
    dict(zip(names, np.moveaxis(curves, 2, 0))),
    xlabel="labelled texts",
    ylabel="right on test texts, %",
    logx=True,
)

# %% [markdown] tags=["alt"]
# *Figure: accuracy against the number of labelled texts. With few labels the vector critic is far ahead of naive
# Bayes, the stack runs on its line and the plain average lies halfway. With more labels naive Bayes catches up, and
# stack and average rise above both.*

# %% [markdown]
# The bands overlap because some rounds are easier than others. Within a round:

# %%
for i, size in enumerate(SIZES):
    first, second, mean, verdict = curves[:, i].T
    over, ahead = mm.metrics.interval(verdict - np.maximum(first, second)), mm.metrics.interval(verdict - mean)
    print(f"{size} labelled texts: stack minus better critic {over:+}, minus plain average {ahead:+} points")

# %% [markdown]
# Knowledge from unlabelled text is worth most where labels are scarce: there the stack follows the vectors, and
# naive Bayes drags the plain average down.
# The gain over both appears where the two views have become about equally good.
#
# Under the profile `full` the next cells repeat the comparison on whole IMDb reviews and, if you have its folder, on
# SST-2, whose sentences come from the same site. Long reviews make the bag of words much stronger. Does a second view
# still help?

# %% tags=["further"]
FOLLOW_UPS = mm.per_profile(smoke=[], quick=[], full=["IMDb", "SST-2"])


def follow_up(name):
    """The gains of both juries on another data set, five rounds: drawn training texts, the official test texts."""
    splits = mm.load("sst2") if name == "SST-2" else mm.load("movie_reviews", source="imdb")
    (train, train_y), (test, test_y) = splits.train.arrays(), splits.test.arrays()
    X, y = both_views(np.concatenate([train["text"], test["text"]])), np.concatenate([train_y, test_y])
    learn = [np.random.default_rng(seed).choice(len(train_y), N_TRAIN, replace=False) for seed in SEEDS]
    ask, jurors = np.arange(len(train_y), len(y)), critics | {"logistic": readers["logistic"]}
    games = [play(seed, jurors, X, y, (learn[seed], ask)) for seed in SEEDS]
    for jury, names in {"one view": same_view, "two views": two_views}.items():
        best = np.mean([best_critic(game, names) for game in games])
        print(f"{name}, {jury}: best critic {best:.1f} %, gain {mm.metrics.interval(gain(games, names)):+} points")


# %% [markdown]
# SST-2's training texts are phrases, often several from one sentence: kin. Think of what that does to the out-of-fold
# opinions, and how you would cut the folds.

# %%
for name in FOLLOW_UPS:
    try:
        follow_up(name)
    except mm.data.DataError as error:
        print(error)
print(f"follow-ups under this profile: {', '.join(FOLLOW_UPS) or 'none'}")

# %% [markdown]
# ## References
# - Wolpert (1992). Stacked generalization. *Neural Networks* 5.
# - Breiman (1996). Stacked regressions. *Machine Learning* 24. (Stacking for numbers, with weights kept at zero or
#   above.)
# - Ting and Witten (1999). Issues in stacked generalization. *Journal of Artificial Intelligence Research* 10. (Why
#   the judge should hear probabilities, not votes.)
# - van der Laan, Polley and Hubbard (2007). Super learner. *Statistical Applications in Genetics and Molecular
#   Biology* 6. (Why a judge of honest opinions does, with many rows, about as well as the best mixture.)
# - Nadeau and Bengio (2003). Inference for the generalization error. *Machine Learning* 52.
# - Levy and Goldberg (2014). Neural word embedding as implicit matrix factorization. *NeurIPS*.
# - Levy, Goldberg and Dagan (2015). Improving distributional similarity with lessons learned from word embeddings.
#   *Transactions of the Association for Computational Linguistics* 3.
# - Bergmeir and Benítez (2012). On the use of cross-validation for time series predictor evaluation. *Information
#   Sciences* 191. (Milder than our picture: for stationary series they find little harm in shuffled folds, and
#   recommend blocks.)
# - Amatriain and Basilico (2012). Netflix recommendations: beyond the 5 stars. *Netflix Technology Blog*.
# - Pang and Lee (2005). Seeing stars. *ACL*. (Rotten Tomatoes snippets.)
# - Maas et al. (2011). Learning word vectors for sentiment analysis. *ACL*. (IMDb reviews.)
