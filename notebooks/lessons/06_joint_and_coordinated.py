# %% [markdown]
# # 6 Joint and coordinated representations
#
# **One space for all senses, or two spaces that agree?** · 90 minutes · needs lessons 4 and 5
#
# ![Left: a picture and a sound go through encoders into one shared code, from which both are rebuilt. Right: a picture and a name go into a space each, and the two spaces are made to agree](flow: written digit -> one code; spoken digit -> one code; one code -> picture rebuilt; one code -> sound rebuilt; emoji picture -> picture space; emoji name -> word space; picture space -> do they agree?; word space -> do they agree?)
#
# You will build both. In the first, written and spoken digits share one code, and it must do with one sense when the
# other is missing. In the second, a picture looks for its name among names it has never seen. On the way you will meet
# perfect agreement, and ask what it is worth.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, metrics, plotting, widgets
from mmcourse import representation as rep

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Squeeze and rebuild
#
# We start with one sense: handwritten digits, 8 by 8 pixels. Each comes with a recording of somebody saying the same
# digit, as lesson 4's MFCCs (13 numbers for each of 20 moments); the sound waits until section 2. (Code that only loads
# or draws is folded in this lesson; you need not read it.)

# %% tags=["further"]
import matplotlib.pyplot as plt
import numpy as np
import pandas
import torch
from torch.nn import functional

pairs = mm.load("audio_visual_digits")


def flat(split):
    """Pairs as rows: {"image": (N, 64), "audio": (N, 260)}, and their digits (N,)."""
    inputs, digit = split.arrays()
    return {name: torch.tensor(x).flatten(1) for name, x in inputs.items()}, digit


(train, digit), (test, digit_test) = flat(pairs.train), flat(pairs.test)
print({name: tuple(x.shape) for name, x in train.items()}, "to train,", len(digit_test), "to test")

# %% [markdown]
# An **autoencoder** is two networks. The encoder $f$ squeezes an item into a short vector, its **code**; the decoder
# $g$ rebuilds the item from it. Nobody labels anything: the item is its own answer, and the loss is
#
# $$\frac1N \sum_i \lVert x_i - g(f(x_i)) \rVert^2$$
#
# All that the decoder knows must pass through the narrow code. So the code has to keep what the items differ in, and to
# forget the rest.


# %%
class Autoencoder(torch.nn.Module):
    def __init__(self, in_dim, code_dim, hidden=(128,)):
        super().__init__()
        self.encoder = rep.MLPEncoder(in_dim, code_dim, hidden)  # lesson 5's fully connected layers
        self.decoder = rep.MLPEncoder(code_dim, in_dim, hidden[::-1])

    def forward(self, x):  # (B, in_dim) -> (B, in_dim)
        code, _ = self.encoder(x)
        return self.decoder(code)[0]


# %% [markdown]
# Without hidden layers, encoder and decoder are matrices. With a code of a given width, no two matrices rebuild the
# items they are fitted to better than principal component analysis: project on the directions in which the data vary
# most (Eckart and Young 1936). So a linear autoencoder can at best equal it (Baldi and Hornik 1989). Does training get
# there?

# %%
CODE = 8
pixels = train["image"]
mean = pixels.mean(0)
directions = torch.linalg.svd(pixels - mean, full_matrices=False)[2][:CODE]  # (8, 64)


def principal(x):
    """Keep eight numbers an item and rebuild: (N, 64) -> (N, 64)."""
    return mean + (x - mean) @ directions.T @ directions


def image_loss(model, batch):
    inputs, _, _ = batch
    return model.loss(inputs["image"].flatten(1))


# %% [markdown]
# We train a linear one, and one with a hidden layer on each side (about 5 s). `rep.Autoencoder` is the class above with
# one more method, `loss(x)`: the mean squared error between `x` and what is rebuilt.

# %%
EPOCHS = mm.per_profile(smoke=3, quick=50, full=200)
linear, deep = rep.Autoencoder(64, CODE, hidden=()), rep.Autoencoder(64, CODE)
for model, lr in ((linear, 1e-2), (deep, 2e-3)):
    mm.fit(model, pairs.train, pairs.valid, loss=image_loss, epochs=EPOCHS, lr=lr)
    model.cpu()  # where the pictures are
with torch.no_grad():
    rebuilt = {"principal components": principal(test["image"])}
    rebuilt |= {"linear autoencoder": linear(test["image"]), "deep autoencoder": deep(test["image"])}
    errors = {name: functional.mse_loss(x, test["image"]).item() for name, x in rebuilt.items()}
blank = functional.mse_loss(mean.expand_as(test["image"]), test["image"]).item()
print({name: round(error, 4) for name, error in errors.items()}, "always the mean picture:", round(blank, 4))
if EPOCHS >= 50:
    assert abs(errors["linear autoencoder"] / errors["principal components"] - 1) < 0.03
varied = rebuilt["linear autoencoder"] - rebuilt["linear autoencoder"].mean(0)
plane = torch.linalg.svd(varied, full_matrices=False)[2][:CODE]  # the eight directions in which its pictures vary
print("cosines between the two sets of directions:", torch.linalg.svdvals(directions @ plane.T).numpy().round(3))

# %% [markdown]
# Eight test digits, and what is left of them after eight numbers.


# %% tags=["further"]
def gallery(rows, titles=()):
    """Draw a row of pictures for each name: dict of name to (N, 64)."""
    count = len(next(iter(rows.values())))
    figure, grid = plt.subplots(len(rows), count, figsize=(count + 2, 1.08 * len(rows) + 0.3), squeeze=False)
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            axes.imshow(np.reshape(picture, (8, 8)), cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
        line[0].set_ylabel(name.replace(" ", "\n"), rotation=0, ha="right", va="center")
    for axes, title in zip(grid[0], titles, strict=False):
        axes.set_title(title, loc="center")
    return figure


_ = gallery({"original": test["image"][:8]} | {name: x[:8] for name, x in rebuilt.items()})

# %% [markdown] tags=["alt"]
# *Figure: eight handwritten digits in the top row. Rebuilt from principal components they are blurred and have grey
# smudges beside the strokes; those of the linear autoencoder look the same. Those of the deep autoencoder are cleaner
# and closer to the originals.*

# %% [markdown]
# The two linear ways nearly agree, in error and in picture. A cosine of 1 means a direction that both keep: training has
# found nearly the same directions, all but the weakest, though nobody told it about variance. With a hidden layer the
# code may bend, and the same eight numbers keep more.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: somebody will ask why anybody trains what a decomposition gives at once. That is the point: the
# linear case is there to check the training, then the bend is the news.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 One code for two senses
#
# Now the ear joins. A **joint representation** is one code for all senses together. Each sense $m$ has its own encoder
# $e_m$ and decoder $g_m$; in the middle there is one code, made of the mean of what is present:
#
# $$z = J\Big(\tfrac{1}{|P|} \sum_{m \in P} e_m(x_m)\Big) \qquad \hat x_m = g_m(z) \ \text{ for every } m$$
#
# $P$ is the set of senses that are there and $J$ a linear map. The mean has the same size whether one sense speaks or
# two: so a missing sense needs no special case. And the decoders rebuild *every* sense, the missing one too.


# %%
class MultimodalAutoencoder(torch.nn.Module):
    def __init__(self, dims, code_dim, hidden=128):
        super().__init__()
        self.encoders = torch.nn.ModuleDict({m: rep.MLPEncoder(d, hidden, (hidden,)) for m, d in dims.items()})
        self.join = torch.nn.Linear(hidden, code_dim)
        self.decoders = torch.nn.ModuleDict({m: rep.MLPEncoder(code_dim, d, (hidden,)) for m, d in dims.items()})

    def forward(self, features, present):  # dicts of (B, d) and of bool (B,) -> dict of (B, d)
        total = sum(self.encoders[m](x, present[m])[0] for m, x in features.items())  # zeros where absent
        count = sum(present[m].float() for m in features).clamp(min=1)
        code = self.join(total / count[:, None])
        return {m: decoder(code)[0] for m, decoder in self.decoders.items()}


# %% [markdown]
# What should the loss be? Ngiam and others (2011) hide a sense from the encoder in a part of the training, and still ask
# for both to be rebuilt: "you hear it; now what did it look like?" So the loss compares with everything that is
# *known*, whether the encoder saw it or not. Only where an item has no picture at all is there nothing to compare with.
#
# Average within each sense first, then over the senses. Otherwise the 260 numbers of the sound would drown the 64 of
# the picture.

# %% [markdown]
# ### Exercise 6.1 ●●○ 10 min
# Write `reconstruction_loss`. `rebuilt` and `features` map each sense to a float tensor (B, d), `present` to a bool
# tensor (B,), True where it is known. Rows that are not present may hold anything, NaN included. Return a scalar
# tensor: the mean over senses of the mean squared error over present rows; a sense that nobody has counts as 0. Worked
# example: picture `[[1, 1], [5, 5]]` rebuilt as zeros, present `[True, False]`, gives 1; sound `[[2], [2]]` rebuilt as
# zeros, both present, gives 4; a right answer is 2.5.
# <details><summary>Hint: the idea</summary>There are two means, one inside the other: first over the kept rows and all their numbers, one mean for each sense; then over the senses. Pick the rows that are present before you compute anything with them, because NaN times zero is still NaN. And ask what the mean of no rows at all is.</details>
# <details><summary>Hint: pseudocode</summary>for each sense: keep = present[sense]; if no row is kept this sense's loss is 0, otherwise it is the mean of the squared differences of the kept rows. The answer is the sum of the losses divided by the number of senses, empty ones included.</details>


# %% tags=["exercise"]
def reconstruction_loss(rebuilt, features, present):  # dicts of (B, d), (B, d), bool (B,) -> scalar tensor
    ### BEGIN SOLUTION
    losses = []
    for sense, known in present.items():
        error = (rebuilt[sense][known] - features[sense][known]) ** 2
        losses.append(error.mean() if known.any() else error.sum())
    return sum(losses) / len(losses)
    ### END SOLUTION


# %%
check.ex6_1(reconstruction_loss)

# %% [markdown]
# Our training, with the package's version; its method `loss` is what you wrote, and takes one thing more: `seen` says what
# the encoder may look at. For each pair we throw a die. A third of them show the encoder both senses, a third only the
# picture, a third only the sound. (About 5 s.)


# %%
def train_joint(hide):
    """Train a multimodal autoencoder; with `hide`, a sense is hidden from the encoder now and then."""

    def loss(model, batch):
        features = {name: x.flatten(1) for name, x in batch[0].items()}
        if not hide:
            return model.loss(features)
        die = torch.randint(3, (len(batch[2]),), device=features["image"].device)
        return model.loss(features, seen={"image": die != 1, "audio": die != 2})

    torch.manual_seed(0)
    model = rep.MultimodalAutoencoder({"image": 64, "audio": 260}, code_dim=16)
    epochs = mm.per_profile(smoke=5, quick=45, full=100)
    mm.fit(model, pairs.train, pairs.valid, loss=loss, epochs=epochs, weight_decay=0.01)
    return model.cpu()


joint = train_joint(hide=True)

# %% [markdown] tags=["predict"]
# **Predict first.** Now we give the model recordings it has never heard, and no picture: all it keeps of a sound is 16
# numbers. A rival keeps all the training pairs: it looks up the most similar recording and hands out that one's picture.
# Which of the two pictures has less squared error against the true partner? Which is more often read as the right digit?

# %%
heard_only = {name: torch.full((len(digit_test),), name == "audio") for name in test}
with torch.no_grad():
    drawn = joint(test, heard_only)["image"]
nearest = torch.cdist(test["audio"], train["audio"]).argmin(dim=1)  # the most similar recording we know
copied = train["image"][nearest]  # ... and its picture

# %% tags=["further"]
first = [int(np.flatnonzero(digit_test == d)[0]) for d in range(10)]
rows = {
    "drawn from sound": drawn[first],
    "nearest sound's picture": copied[first],
    "true partner": test["image"][first],
}
_ = gallery(rows, titles=[f'"{d}"' for d in range(10)])

# %% [markdown] tags=["alt"]
# *Figure: ten columns, one for each spoken digit from 0 to 9. Top row: what the model drew on hearing it, soft but for
# the most part clearly that digit. Middle: the picture that belongs to the most similar training recording, crisp.
# Bottom: the picture that the recording was paired with, crisp and in another hand.*

# %% [markdown]
# A sound that draws. It is soft because it is no copy: nothing in a voice tells how its partner writes a three (we
# paired them by chance), so the best drawing is that digit's *average* handwriting. Now the contest, with a second
# baseline: always draw the mean of all pictures. A classifier of real pictures does the reading.

# %%
from sklearn.linear_model import LogisticRegression

ways = {"mean picture": mean.expand_as(drawn), "nearest sound's picture": copied, "drawn from sound": drawn}
ways["average of that digit (knows the answer)"] = torch.stack([pixels[digit == d].mean(0) for d in digit_test])
error = {name: ((x - test["image"]) ** 2).mean(1).numpy() for name, x in ways.items()}
reader = LogisticRegression(max_iter=1000).fit(pixels, digit)  # has only seen real pictures
for name, x in ways.items():
    read = reader.score(x, digit_test)
    print(f"{name:42} squared error {error[name].mean():.3f}, read as the right digit {read:.0%}")
print(f"{'true partner':42} read as the right digit {reader.score(test['image'], digit_test):.0%}")
floor = error["average of that digit (knows the answer)"].mean()
done = (error["mean picture"].mean() - error["drawn from sound"].mean()) / (error["mean picture"].mean() - floor)
print(f"from the mean picture to the average of that digit, the drawing goes {done:.0%} of the way")

# %%
gain = metrics.bootstrap_interval(
    lambda a, b: 100 * (1 - a.mean() / b.mean()), error["drawn from sound"], error["mean picture"]
)
mm.claim("06.1", "a drawing from sound has less squared error than the mean picture", gain, margin=10, unit="%")

# %% [markdown]
# The copy is crisp, usually of the right digit, and has the *largest* error: squared error is mild with a cautious
# average and severe with a sharp picture in another hand. Remember that when an article's pictures are sharp and its error is high, or
# the other way round. The fourth line is told the digit, and the pairs share nothing else: a perfect listener could get
# about that far. Ours gets a little over half of the way.
#
# Was the hiding needed? We train the same model without it (about 5 s), and give both only the sound, only the picture, or
# both.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: before the table, ask which column will be better with both senses there. The one trained on both is,
# by a little; that is the price of hiding, and a good moment to ask who would pay it.

# %%
spoiled = train_joint(hide=False)
given = {"only the sound": ["audio"], "only the picture": ["image"], "both": ["image", "audio"]}
rows, drawings = {}, {}
for name, senses in given.items():
    seen = {sense: torch.full((len(digit_test),), sense in senses) for sense in test}
    with torch.no_grad():
        drawings[name] = [model(test, seen)["image"] for model in (joint, spoiled)]
    rows[name] = [functional.mse_loss(x, test["image"]).item() for x in drawings[name]]
pandas.DataFrame.from_dict(rows, orient="index", columns=["trained with hiding", "without"]).round(3)

# %%
careless = ((drawings["only the sound"][1] - test["image"]) ** 2).mean(1).numpy()
loss = metrics.bootstrap_interval(lambda a, b: 100 * (a.mean() / b.mean() - 1), careless, error["mean picture"])
mm.claim("06.2", "trained without hiding, it draws worse than the mean picture", loss, margin=20, unit="%")

# %% [markdown]
# Trained on complete pairs only, the model is lost when a sense is gone: its drawing is worse than the mean picture. Hiding
# costs a little when both are there. And look down the first column: the picture *and* the sound rebuild the picture worse
# than the picture alone. In a plain mean the sound, which knows only the digit, talks as loudly as the picture. How to
# weigh senses is part 3's subject.
#
# So that is one space for all. You need pairs to train it, and it can rebuild what is missing. Now the other answer.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Two spaces that agree
#
# In a **coordinated representation** nothing is mixed. Each sense keeps its own map, and we only ask that the two maps
# agree on pairs. **Canonical correlation analysis**, CCA (Hotelling 1936), looks for a direction $u$ in the first view
# and $w$ in the second such that
#
# $$\rho = \operatorname{corr}(X u,\; Y w)$$
#
# is as large as possible; then for a second pair of directions, uncorrelated with the first; and so on. *View* is its
# word for one sense's features. The $\rho$ are the canonical correlations.

# %% [markdown]
# It takes two steps. Correlation ignores how much a direction varies, so first **whiten** each view: turn and stretch
# it until all directions are uncorrelated and have variance 1. Then correlation is the same as covariance. A singular
# value decomposition (SVD) splits a matrix into pairs of directions, strongest first; we give it the cross-covariance
# $C$, every column of one view with every column of the other:
#
# $$C = \frac{1}{N-1} (X A)^\top (Y B) = U\, \mathrm{diag}(\rho)\, V^\top$$
#
# with centred $X$, $Y$ and whitening matrices $A$, $B$. The directions are the columns of $A\,U$ and $B\,V$.


# %%
def whiten(x):
    """A matrix (d, d) that makes the columns of centred data (N, d) uncorrelated, with variance 1."""
    variances, axes = np.linalg.eigh(np.cov(x.T))
    return axes / np.sqrt(variances)


rng = np.random.default_rng(0)
hidden = rng.normal(size=(500, 2))  # two causes that both views share
X = hidden @ rng.normal(size=(2, 4)) + rng.normal(size=(500, 4))
Y = hidden @ rng.normal(size=(2, 3)) + rng.normal(size=(500, 3))
white = (X - X.mean(axis=0)) @ whiten(X)
assert np.allclose(np.cov(white.T), np.eye(4))
model = rep.CCA(2).fit(X, Y)
print("canonical correlations:", model.correlations_.numpy().round(4))

# %% [markdown]
# ### Exercise 6.2 ●●● 15 min
# Write `cca`. `x` is a NumPy float array (N, p), `y` (N, q), not centred; return three arrays: the `k` largest canonical
# correlations (k,), the directions of x (p, k) and those of y (q, k), scaled so that every column of `x @ directions`
# has variance 1 (divisor N - 1), likewise for y. You may call `whiten`. For `cca(X, Y, 2)` a right answer gives the two
# correlations printed above; the sign of a pair of directions is free.
# <details><summary>Hint: the idea</summary>Follow the equation: centre both views, whiten both, form C (p rows, q columns), and hand it to `np.linalg.svd`. What comes back belongs to the *whitened* views: a direction of x itself is the whitening matrix times a left singular vector. That also gives the right scale.</details>
# <details><summary>Hint: pseudocode</summary>A = whiten(x); C = (centred x times A) transposed times (centred y times B), over N - 1; SVD of C gives U, rho and V transposed (its rows belong to y). Keep the first k of each; multiply A by the x ones, B by the y ones, as columns.</details>


# %% tags=["exercise"]
def cca(x, y, k):  # (N, p), (N, q) -> (k,), (p, k), (q, k)
    ### BEGIN SOLUTION
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    x_whitener, y_whitener = whiten(x), whiten(y)
    cross = (x @ x_whitener).T @ (y @ y_whitener) / (len(x) - 1)
    left, correlations, right = np.linalg.svd(cross)
    return correlations[:k], x_whitener @ left[:, :k], y_whitener @ right[:k].T
    ### END SOLUTION


# %%
check.ex6_2(cca)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Perfect agreement
#
# Now with pictures and words. Each emoji gets two descriptions: 1,280 picture features from lesson 4's pretrained
# convolutional network, and the mean of 256-number word vectors over its name and keywords. Variants of one emoji (skin
# tones, genders) are one *family*: we keep one emoji a family, and no family is in two parts. (About 10 s.)

# %% tags=["further"]
STEP, SIZE = mm.per_profile(smoke=5, quick=1, full=1), mm.per_profile(smoke=32, quick=64, full=224)
emoji, table = mm.load("emoji"), mm.data.table("emoji")
words_of = {name: " ".join([name, *keywords]) for name, keywords in zip(table["en"], table["keywords"], strict=True)}


def one_a_family(split):
    """The first emoji of each family: pictures (N, 3, 48, 48), names (N,), groups (N,)."""
    inputs, group = split.arrays()
    rows = np.sort(np.unique(split.groups, return_index=True)[1])[::STEP]
    return inputs["image"][rows], inputs["text"][rows], group[rows]


parts = [one_a_family(split) for split in (emoji.train, emoji.valid, emoji.test)]
pictures, names, group = (np.concatenate(of_parts) for of_parts in zip(*parts, strict=True))
part = np.repeat(["train", "valid", "test"], [len(names) for _, names, _ in parts])
TRAIN, VALID, TEST = (part == name for name in ("train", "valid", "test"))

# %%
picture_view = rep.cnn_features(torch.tensor(pictures), size=SIZE).numpy()
word_view = rep.mean_pool(*rep.word_vectors([words_of[name] for name in names])).numpy()
views = []
for view in (picture_view, word_view):  # centre, and bring both to one scale, as learned on training emoji
    views.append((view - view[TRAIN].mean(axis=0)) / view[TRAIN].std())
print([view.shape for view in views], {name: int((part == name).sum()) for name in ("train", "valid", "test")})
plain = rep.CCA(100).fit(views[0][TRAIN], views[1][TRAIN])
print("canonical correlations, first to hundredth:", plain.correlations_[[0, 9, 99]].numpy().round(4))

# %% [markdown] tags=["predict"]
# **Predict first.** All hundred correlations are 1: pictures and words agree *perfectly*. We map the emoji of the
# validation families, which CCA has not seen, into the two spaces, and look for each picture's name among all their
# names. How often will the right name be among the ten nearest: nearly always, half the time, or rarely?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: show the three ones and take bets by show of hands before anybody runs the search.

# %% [markdown]
# To search, compare directions: the **cosine similarity** of every picture with every name. A query's match is found if
# it is among the $k$ most similar items; the share of queries that find theirs is **recall@k**. Guessing gives $k / N$.
#
# ### Exercise 6.3 ●○○ 5 min
# Write `recall_at_k`. `similarity` is a NumPy float array (N, N): row $i$ is a query, and its match is item $i$. Return a
# float. Worked example: for `[[0.9, 0.1, 0.3], [0.8, 0.2, 0.1], [0.5, 0.6, 0.7]]`, recall@1 is 2/3 (the middle query
# prefers item 0) and recall@2 is 1.
# <details><summary>Hint: the idea</summary>You need no sorting. A match is among the first k if fewer than k items of its row are more similar to the query than it is; the match's own similarity stands on the diagonal.</details>
# <details><summary>Hint: pseudocode</summary>own = the diagonal, as a column (N, 1); compare the matrix with it; count the larger entries in each row; the answer is the share of rows whose count is below k.</details>


# %% tags=["exercise"]
def recall_at_k(similarity, k):  # (N, N), whole number -> share of rows
    ### BEGIN SOLUTION
    better = (similarity > np.diag(similarity)[:, None]).sum(axis=1)
    return (better < k).mean()
    ### END SOLUTION


# %%
check.ex6_3(recall_at_k)

# %% [markdown]
# Now the search on the validation families, in both directions. `ranks` says at which place the match comes; a row of the
# table sums up one search.


# %%
def cosine(a, b):
    """Cosine similarity of every row of a (N, d) with every row of b (M, d): (N, M)."""
    return (a / np.linalg.norm(a, axis=1, keepdims=True)) @ (b / np.linalg.norm(b, axis=1, keepdims=True)).T


def ranks(a, b):
    """Place of each match, 1 is best, from a to b and from b to a: (2, N)."""
    both_ways = cosine(a, b), cosine(b, a)
    return np.array([(similarity >= np.diag(similarity)[:, None]).sum(axis=1) for similarity in both_ways])


def recall_at_10(a, b):
    """Share of matches among the first ten, mean of both directions."""
    return (ranks(a, b) <= 10).mean()


# %% tags=["further"]
def summary(rank):
    return [np.mean(rank <= 1), np.mean(rank <= 10), np.median(rank)]


def show(searches, count):
    """A table of the ranks (2, N) of some searches among so many items, with guessing as its last row."""
    rows = {name: summary(to_names) + summary(to_pictures) for name, (to_names, to_pictures) in searches.items()}
    rows["guessing"] = [1 / count, 10 / count, (count + 1) / 2] * 2
    columns = [f"{way}: {what}" for way in ("to names", "to pictures") for what in ("recall@1", "@10", "median rank")]
    return pandas.DataFrame.from_dict(rows, orient="index", columns=columns).round(3)


# %% [markdown]
# What is the perfect agreement of the training families worth on new ones?

# %%
unseen = plain.transform(views[0][VALID], views[1][VALID])
assert np.isclose((ranks(*unseen)[0] <= 10).mean(), metrics.recall_at_k(cosine(*unseen), 10))
held = plain.score(views[0][VALID], views[1][VALID])
print(f"mean correlation: fitted {plain.correlations_.mean():.3f}, on validation families {held.mean():.3f}")
print(f"recall@10 is {recall_at_10(*unseen) * VALID.sum() / 10:.1f} times that of guessing")
show({"CCA": ranks(*unseen)}, VALID.sum())

# %% [markdown]
# At best a few times better than guessing, where "perfect" was promised. What happened? There are more picture features than
# training emoji, so some mixture of them equals *any* list of numbers you like: also each word feature, exactly. CCA had
# only to pick; among so many perfect agreements its pick is arbitrary, and on another computer you may see other figures.
#
# So even noise should agree. We give CCA two views of **pure random numbers**, 300 items each, and widen them.


# %%
def noise_correlation(model, width, seed, items=300):
    """First correlation of two random views: on the items fitted, and on 2,000 new ones."""
    x, y = np.random.default_rng(seed).normal(size=(2, items + 2000, width))
    model.fit(x[:items], y[:items])
    return model.score(x[:items], y[:items])[0], model.score(x[items:], y[items:])[0]


SEEDS = range(5)
widths = np.array([2, 20, 50, 100, 150, 200])
found = np.array([[noise_correlation(rep.CCA(1), width, seed) for width in widths] for seed in SEEDS])  # (5, 6, 2)
curves = {"on the items it was fitted to": found[..., 0], "on new items": found[..., 1]}
plotting.lines(
    widths,
    curves,
    xlabel="features in each view",
    ylabel="first canonical correlation",
    title="Two views of pure noise, 300 items",
)

# %% [markdown] tags=["alt"]
# *Figure: correlation against the number of features. On the items it was fitted to it climbs steadily and reaches one
# where both views together have as many features as there are items. On new items it stays at zero throughout.*

# %% [markdown]
# This is the trap. Once both views together have as many features as there are items, linear CCA *must* find a
# correlation of 1, in anything.
#
# The cure has two parts. **Report held-out correlation, never the in-sample one.** And restrain the weights: add a
# **ridge** $r$, a penalty on large weights, to each view's covariance, $\operatorname{cov}(X) + r I$, so that directions in
# which the view hardly varies count less (Vinod 1976). Which $r$? Try some on the validation families. (About 6 s.)

# %%
RIDGES = np.array([0.01, 0.1, 1, 10])
sweep = {"fitted": [], "validation": [], "recall@10": []}
for ridge in RIDGES:
    model = rep.CCA(100, ridge=ridge).fit(views[0][TRAIN], views[1][TRAIN])
    a, b = model.transform(views[0][VALID], views[1][VALID]) * model.correlations_.numpy()
    sweep["fitted"].append(model.score(views[0][TRAIN], views[1][TRAIN])[:10].mean())
    sweep["validation"].append(model.score(views[0][VALID], views[1][VALID])[:10].mean())
    sweep["recall@10"].append(recall_at_10(a, b))
best = RIDGES[np.argmax(sweep["recall@10"])]
print("ridge with the best validation recall:", best)

# %% tags=["further"]
figure, grid = plt.subplots(1, 2, figsize=(10.5, 3.8))
for name in ("fitted", "validation"):
    grid[0].plot(RIDGES, sweep[name], "o-", label=f"{name} families")
grid[0].set(ylabel="mean of ten correlations", ylim=(0, 1.03))
grid[0].legend(loc="lower left")
grid[1].plot(RIDGES, sweep["recall@10"], "s-", color=plotting.COLORS[2])
grid[1].axhline(10 / VALID.sum(), color="#333333", linestyle="--")
grid[1].text(RIDGES[-1], 10 / VALID.sum(), "guessing", ha="right", va="bottom")
grid[1].set(ylabel="validation recall@10", ylim=(0, None))
for axes in grid:
    axes.set(xlabel="ridge", xscale="log")

# %% [markdown] tags=["alt"]
# *Figure: two panels over the ridge, on a logarithmic axis. Left: the correlation on fitted families starts near one
# and falls with the ridge; that on validation families starts far below, rises, and then falls slightly, so the two
# curves approach each other. Right: validation recall@10 rises to a peak at a moderate ridge and falls again, far above
# the dashed line of guessing everywhere.*

# %% [markdown]
# The ridge that looks *worse* in sample is better. (Directions that agree more should count more in a search, so each
# coordinate was multiplied by its correlation.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Search across senses
#
# The ridge is chosen. Beside CCA stands a *joint* space: both views of an emoji side by side in one row, and the
# principal components of all rows. A query has one sense only. **Joint, zeros** fills the other with its mean, which is
# zero, and keeps a hundred components. **Joint, estimated** knows that a half is missing: it takes the code $z$ that best
# explains the half $x$ at hand,
#
# $$z = \arg\min_z \lVert x - zP \rVert^2 + r \lVert z \rVert^2 = x P^\top (P P^\top + r I)^{-1}$$
#
# as ridge regression would. The rows of $P$ are the components, cut to that half.

# %% [markdown]
# Each row of $P$ is multiplied by the spread of its component, so that all numbers of a code have variance 1 and the same
# say. The number of components and $r$ are chosen by validation recall@10, like CCA's ridge. (About 3 s.)

# %% [markdown] tags=["predict"]
# **Predict first.** On the test families, which of the three will find most: coordinated; joint, zeros; or joint,
# estimated? And by how much: hardly, by some points, or by a factor?


# %%
def code(x, components, ridge):
    """The joint code that best explains one half: (N, d), (k, d) -> (N, k)."""
    gram = components @ components.T + ridge * np.eye(len(components))
    return np.linalg.solve(gram, components @ x.T).T


balance = np.sqrt(views[0].shape[1] / views[1].shape[1])  # both views get the same say
halves = views[0], balance * views[1]
_, spread, axes = np.linalg.svd(np.hstack(halves)[TRAIN], full_matrices=False)
components = np.split(spread[:, None] * axes / np.sqrt(TRAIN.sum() - 1), [halves[0].shape[1]], axis=1)
tried = {}
for count, r in [(count, r) for count in (100, 200, 400) for r in (1, 3, 10)]:
    codes = [code(x[VALID], part[:count], r) for x, part in zip(halves, components, strict=True)]
    tried[count, r] = recall_at_10(*codes)
COUNT, R = max(tried, key=tried.get)
few = max(found for (count, _), found in tried.items() if count == 100)
print(f"joint, estimated: {COUNT} components, r = {R}: validation recall@10 {tried[COUNT, R]:.3f}, with 100: {few:.3f}")
print(f"coordinated: 100 directions, ridge {best:g}: validation recall@10 {max(sweep['recall@10']):.3f}")

# %% [markdown]
# Chosen. Now the test families, opened once.

# %%
coordinated = rep.CCA(100, ridge=best).fit(views[0][TRAIN], views[1][TRAIN])
picture_space, word_space = coordinated.transform(*views) * coordinated.correlations_.numpy()
cut = np.split(axes[:100], [halves[0].shape[1]], axis=1)
zeros = [x @ part.T for x, part in zip(halves, cut, strict=True)]  # the missing half adds nothing
estimated = [code(x, part[:COUNT], R) for x, part in zip(halves, components, strict=True)]
found = {"coordinated": ranks(picture_space[TEST], word_space[TEST])}
found["joint, zeros"] = ranks(*(space[TEST] for space in zeros))
found["joint, estimated"] = ranks(*(space[TEST] for space in estimated))
show(found, TEST.sum())

# %%
hits = {name: (places <= 10).mean(axis=0) for name, places in found.items()}  # 0, a half or 1 for each emoji
times = metrics.bootstrap_interval(lambda hit: hit.mean() / (10 / TEST.sum()), hits["coordinated"])
mm.claim("06.3", "recall@10 across senses on unseen families", times, margin=10, unit="times chance")


def points(a, b):
    return 100 * (a.mean() - b.mean())


zero_cost = metrics.bootstrap_interval(points, hits["joint, estimated"], hits["joint, zeros"])
mm.claim("06.4", "estimating the code beats filling with zeros", zero_cost, margin=4, unit="points")
lead = metrics.bootstrap_interval(points, hits["coordinated"], hits["joint, estimated"])
mm.claim("06.4", "coordinated and joint, tuned alike, are even", lead, within=3, unit="points")
rng = np.random.default_rng(0)
some = [rng.choice(np.flatnonzero(TEST), VALID.sum(), replace=False) for _ in range(20)]
fewer = np.mean([recall_at_10(picture_space[rows], word_space[rows]) for rows in some])
print(f"coordinated, among {VALID.sum()} test emoji at a time: {fewer:.3f}")

# %% [markdown]
# The names of these emoji were never seen, nor their pictures, nor any variant of them: and each sense finds the other
# far more often than by chance. (Lower than in validation: there are twice as many to choose from. Among as many, the last
# line, most of the difference is gone.)
#
# The surprise is *joint, estimated*. Had we stopped at zeros, we would have reported that coordinated spaces beat joint
# ones by many points. But CCA had its ridge chosen and its coordinates weighed, the joint space neither. With the same
# care they are even. But the joint space needs more numbers for each emoji, since it also keeps what one sense alone
# knows.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask who has read "our method beats the baseline" lately, and how long the baseline was tuned.

# %% [markdown]
# ### Two linked views
#
# What did coordination change? *Before* it, each view has its own principal components, which know nothing of each other
# (an SVD leaves their signs open; we make the largest entry of each positive). *After* it, there are CCA's directions.

# %%
spaces = {True: (picture_space[TEST], word_space[TEST]), False: []}
for view in views:
    own = np.linalg.svd(view[TRAIN], full_matrices=False)[2][:100]
    largest = np.take_along_axis(own, abs(own).argmax(axis=1)[:, None], axis=1)
    spaces[False].append(view[TEST] @ (own * np.sign(largest)).T)
before, after = (recall_at_10(*spaces[on]) for on in (False, True))
print(f"recall@10 of all test emoji: before {before:.3f}, after {after:.3f}, guessing {10 / TEST.sum():.3f}")

# %% [markdown]
# Now look at single ones, keeping in mind that a single one may be lucky. Left the pictures, right the names, drawn by
# the first two coordinates; a line joins the two halves of one emoji. Faces are yellow, flags blue. Circles mark the
# picture's five nearest names, on the right, and the name's five nearest pictures, on the left; below they are shown.
# (Nearest in all hundred coordinates, of which you see two.) Do the neighbours agree?

# %% tags=["further"]
from matplotlib.patches import ConnectionPatch

test_names, test_pictures = names[TEST], pictures[TEST]
shades = {"Smileys & Emotion": "#E8B04A", "Flags": "#7FB3D5"}  # two groups to find your way by; the others are grey
shade_of = dict(zip(table["en"], table["group"].map(shades).fillna("#BBBBBB"), strict=True))
wanted = ["shark", "umbrella", "red apple", "speedboat", "laptop", "trumpet", "dog face", "hiking boot", "Fiji", "sun"]
choices = [name for name in dict.fromkeys([*wanted, *test_names[:: len(test_names) // 15]]) if name in test_names]


def scatter(spaces, chosen, nearest, grid):
    """Draw both views in units of their own spread: the chosen emoji, the nearest of the other sense, and a line."""
    points = [space[:, :2] / space[:, :2].std(axis=0) for space in spaces]
    for axes, xy, near, title in zip(grid, points, nearest, ("pictures", "names"), strict=True):
        axes.scatter(*xy.T, c=[shade_of[name] for name in test_names], s=12)
        axes.plot(*xy[near].T, "o", markersize=9, markerfacecolor="none", color="#222222")
        axes.plot(*xy[chosen], "D", color=plotting.COLORS[1], markersize=9)
        axes.set(title=title, xlim=(-4, 4), ylim=(-4, 4), xlabel="first coordinate")
    ends = points[0][chosen], points[1][chosen], grid[0].transData, grid[1].transData
    grid[0].figure.add_artist(ConnectionPatch(*ends, color=plotting.COLORS[1]))
    grid[0].set_ylabel("second coordinate")


# %% tags=["further"]
def look(emoji, coordinated):
    """Show one test emoji in both views, its nearest names, and its name's nearest pictures."""
    chosen, similarity = list(test_names).index(emoji), cosine(*spaces[coordinated])
    to_names, to_pictures = np.argsort(-similarity[chosen]), np.argsort(-similarity[:, chosen])
    figure = plt.figure(figsize=(10.5, 6.2))
    top, bottom = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    scatter(spaces[coordinated], chosen, (to_pictures[:5], to_names[:5]), top.subgridspec(1, 2).subplots(sharey=True))
    row = bottom.subgridspec(1, 7, width_ratios=(1, 3, 1, 1, 1, 1, 1)).subplots()
    for axes, picture in zip(row[[0, 2, 3, 4, 5, 6]], [chosen, *to_pictures[:5]], strict=True):
        axes.imshow(test_pictures[picture].transpose(1, 2, 0))
    for axes in row:
        axes.set_axis_off()
    row[1].text(0, 0.5, "\n".join(test_names[to_names[:5]]), va="center", fontsize=11)
    row[0].set_title("nearest names", fontsize=12, loc="left")
    row[2].set_title(f"nearest pictures of '{emoji}'", fontsize=12, loc="left")
    place = list(to_names).index(chosen) + 1
    when = "after" if coordinated else "before"
    figure.suptitle(f"{when} coordination: of {len(test_names)} names, its own is number {place}")
    return figure


_ = widgets.explore(look, emoji=choices, coordinated=True)

# %% [markdown] tags=["alt"]
# *Figure: two scatter plots of all test emoji, pictures on the left and names on the right, with the same axes. Both
# clouds have the same shape: flags form an arm to one side and faces an arm to another. The line between the chosen
# emoji's picture and name runs nearly level. Circles mark its nearest names and pictures, which are listed below.*

# %% [markdown]
# Take a few emoji through both settings of the box. What happens to the line, and to the lists?
# <details><summary>Answer</summary>After: both clouds have faces and flags in the same places, the halves of an emoji stand at about the same place, and its own name is usually far up, among some related things and some odd ones. Before: each view sorts faces and flags too, but not into the same places (look at the faces). A few emoji have sensible lists even then, by luck, and a few get worse lists after; over all of them recall@10 before is close to guessing. Each view alone was in good order; only the agreement was missing.</details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 Two sensors and one angle
#
# Suppose two sensors follow one hidden angle: the first sees it go round a circle twice, the second sees it run along a
# spiral, both with noise. We generate such pairs, so the truth is known: both views are driven by the same angle.


# %%
def curved(count, seed, noise=0.1):
    """Circle and spiral of one hidden angle: (N, 2), (N, 2), angle (N,)."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, count)
    radius = 0.3 + angle / (2 * np.pi)
    circle = np.stack([np.cos(2 * angle), np.sin(2 * angle)], axis=1)
    spiral = np.stack([radius * np.cos(3 * angle), radius * np.sin(3 * angle)], axis=1)
    return circle + noise * rng.normal(size=circle.shape), spiral + noise * rng.normal(size=spiral.shape), angle


# %% tags=["further"]
*shown, angle = curved(600, seed=0)
figure, grid = plt.subplots(1, 2, figsize=(8.6, 3.8), sharey=True, sharex=True)
for axes, view, title in zip(grid, shown, ("first view: a circle, twice", "second view: a spiral"), strict=True):
    dots = axes.scatter(*view.T, c=angle, cmap="viridis", s=12)
    axes.set(title=title, aspect="equal", xlabel="first feature")
grid[0].set_ylabel("second feature")
_ = figure.colorbar(dots, ax=grid, label="hidden angle")

# %% [markdown] tags=["alt"]
# *Figure: noisy dots on a circle and on a spiral of three turns, coloured by the hidden angle. Going once from dark to
# bright takes two rounds of the circle and three turns of the spiral.*

# %% [markdown] tags=["predict"]
# **Predict first.** The views are tied together almost perfectly, by one angle. What correlation will linear CCA find
# on new pairs: above 0.9, about 0.5, or below 0.3?

# %%
x, y, _ = curved(600, seed=0)
x_new, y_new, _ = curved(2000, seed=100)
print("linear CCA, both correlations on new pairs:", rep.CCA(2).fit(x, y).score(x_new, y_new).round(3))

# %% [markdown]
# Little. A direction is a straight line, and along any line the circle goes back and forth twice while the spiral does
# so three times: they keep falling out of step. Two ways to bend the maps:
#
# - **Kernel CCA** (Hardoon and others 2004) describes an item by its similarity $e^{-\gamma \lVert a - b \rVert^2}$ to
#   every fitted item, then does CCA with a ridge.
# - **Deep CCA** (Andrew and others 2013) puts a network on each view and trains both so that the outputs correlate.
#   `deep_cca_loss(a, b)` whitens the outputs of a batch, as you did, and returns *minus* the sum of their canonical
#   correlations; everything in it has a gradient.

# %% [markdown]
# First the trap of section 4, for each. Kernel CCA has as many features as items from the start. On noise of 20 features,
# with next to no ridge:

# %%
found = np.array([noise_correlation(rep.KernelCCA(1, ridge=1e-4), 20, seed) for seed in SEEDS])
mm.claim("06.5", "kernel CCA on noise: correlation in sample near 1", found[:, 0], margin=0.95)
mm.claim("06.5", "kernel CCA on noise: correlation on new items about 0", found[:, 1], within=0.05)

# %% [markdown]
# The loss of deep CCA is an in-sample correlation too, of one batch. Two random batches, ten outputs wide:

# %%
torch.manual_seed(0)
for size in (11, 15, 20, 50, 200, 1000):
    loss = rep.deep_cca_loss(torch.randn(size, 10), torch.randn(size, 10), ridge=0)
    print(f"batch of {size:4}: ten random outputs seem to correlate by {-loss.item() / 10:.2f} each")

# %% [markdown]
# A batch hardly larger than the width reports perfect agreement of noise: nothing is left to learn. Even at twice the
# width noise seems to agree well. So take batches far larger than the width, and judge on new pairs. The plain training
# loop:


# %%
DEEP_STEPS = mm.per_profile(smoke=30, quick=150, full=600)


def train_deep_cca(x, y, seed):
    """Train a network on each view with deep_cca_loss -> function from two views to two outputs (N, 2)."""
    torch.manual_seed(seed)
    nets = [rep.MLPEncoder(2, 2, hidden=(64, 64)) for _ in "xy"]
    optimiser = torch.optim.Adam([p for net in nets for p in net.parameters()], lr=5e-3)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    for _ in range(DEEP_STEPS):
        batch = torch.randperm(len(x))[:256]
        loss = rep.deep_cca_loss(nets[0](x[batch])[0], nets[1](y[batch])[0])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return lambda *views: [
        net(torch.tensor(v, dtype=torch.float32))[0].detach().numpy() for net, v in zip(nets, views, strict=True)
    ]


# %% [markdown]
# Now all three on five draws of 600 pairs each, judged on 2,000 new ones. The ridge of kernel CCA is chosen on a third
# draw, for validation. (About 4 s.)

# %%
scores = {"linear CCA": [], "kernel CCA": [], "deep CCA": []}
for seed in SEEDS:
    fitted, new, valid = curved(600, seed)[:2], curved(2000, seed + 100)[:2], curved(300, seed + 200)[:2]
    linear_cca = rep.CCA(2).fit(*fitted)
    kernels = [rep.KernelCCA(2, ridge=ridge).fit(*fitted) for ridge in (1e-3, 1e-2, 1e-1)]
    kernel_cca = max(kernels, key=lambda model: model.score(*valid).mean())
    outputs = train_deep_cca(*fitted, seed)
    last = rep.CCA(2).fit(*outputs(*fitted))  # puts the outputs in order
    scores["linear CCA"].append([linear_cca.score(*pairs).mean() for pairs in (fitted, new)])
    scores["kernel CCA"].append([kernel_cca.score(*pairs).mean() for pairs in (fitted, new)])
    scores["deep CCA"].append([last.score(*outputs(*pairs)).mean() for pairs in (fitted, new)])
scores = {name: np.array(values) for name, values in scores.items()}  # each (5 seeds, fitted and new)
bars = {f"{name}, {kind}": scores[name][:, i] for name in scores for i, kind in enumerate(("fitted", "new"))}
plotting.bars(bars, ylabel="mean of two canonical correlations", title="Circle and spiral")

# %% [markdown] tags=["alt"]
# *Figure: bars with intervals over five seeds, for fitted and for new pairs. Linear CCA is low in both. Kernel CCA and
# deep CCA are high, and hardly lower on new pairs than on fitted ones.*

# %%
new = {name: values[:, 1] for name, values in scores.items()}
mm.claim("06.6", "kernel CCA finds more on new pairs than linear", new["kernel CCA"] - new["linear CCA"], margin=0.3)
mm.claim("06.6", "deep CCA finds more on new pairs than linear", new["deep CCA"] - new["linear CCA"], margin=0.3)

# %% [markdown]
# Both bent methods find what the views share, the angle; linear CCA misses most of it. But do not conclude that bending always pays:
# here there was a curve, with two features a view and 600 items. With 1,280 features and a thousand emoji, the straight
# one already needed a strong ridge.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 A graph of words and pictures
#
# A third way to bring senses together: make every emoji a **node** and link it to the five emoji whose pictures are
# most similar and to the five whose names are (in our coordinated spaces). Then let nodes pass **messages**: each
# receives the mean of its neighbours' features. With $N(i)$ the neighbours of node $i$,
#
# $$m_i = \frac{1}{|N(i)|} \sum_{j \in N(i)} h_j$$
#
# Links are a (2, E) table: row 0 has the sources $j$, row 1 the targets $i$.

# %% [markdown]
# ### Exercise 6.4 ●●○ 10 min
# Write `mean_message`. `features` is a float tensor (N, d), `edges` an int64 tensor (2, E); return (N, d): the mean of
# the sources' features at each target, and zeros at a node that nobody links to. Worked example: features `[[1.], [3.],
# [5.]]` and edges `[[0, 1], [2, 2]]` (0 and 1 both send to 2) give `[[0.], [0.], [2.]]`.
# <details><summary>Hint: the idea</summary>Add up what arrives at each target, count how many arrived, divide. A target may occur several times, so `total[targets] += …` loses messages: `index_add` adds all. `torch.bincount` counts; give it `minlength`.</details>
# <details><summary>Hint: pseudocode</summary>split edges into sources and targets; into zeros of the features' shape, index-add the rows of the sources at the targets; count the arrivals of each node; divide by the counts, where a count of 0 is taken as 1.</details>


# %% tags=["exercise"]
def mean_message(features, edges):  # (N, d), (2, E) -> (N, d)
    ### BEGIN SOLUTION
    sources, targets = edges
    total = torch.zeros_like(features).index_add(0, targets, features[sources])
    arrived = torch.bincount(targets, minlength=len(features))
    return total / arrived.clamp(min=1)[:, None]
    ### END SOLUTION


# %%
check.ex6_4(mean_message)

# %% [markdown]
# Does it help? Suppose only ten emoji a group carry their label (smileys, people, animals, food, …). A logistic
# regression gets each emoji's own features, and beside them: nothing; the messages of five *random* emoji; the messages
# of its neighbours. The test emoji are nodes too: their pictures and names help to draw the graph, their labels are
# never shown. This is called **transductive**, and it must be said, because an emoji that arrives tomorrow has no links
# yet.

# %%
nodes = {"picture": torch.tensor(picture_space).float(), "word": torch.tensor(word_space).float()}
LINKS = 5
near = {name: rep.nearest_neighbour_edges(x, LINKS) for name, x in nodes.items()}


def features(kind, seed):
    """Own features, and those of messages along no, random or nearest-neighbour links: (N, D)."""
    columns = list(nodes.values())
    rng = torch.Generator().manual_seed(seed)
    for name, x in nodes.items():
        edges = near[name].clone()
        if kind == "random links":
            edges[0] = torch.randint(len(x), edges[0].shape, generator=rng)
        if kind != "no links":
            columns.append(rep.mean_message(x, edges))
    return torch.cat(columns, dim=1).numpy()


# %%
LABELS = mm.per_profile(smoke=2, quick=10, full=10)


def labelled(seed):
    """Draw a few emoji of each group from the training families."""
    rng = np.random.default_rng(seed)
    draw = [rng.choice(np.flatnonzero(TRAIN & (group == g)), LABELS, replace=False) for g in np.unique(group)]
    return np.concatenate(draw)


KINDS = ("no links", "random links", "nearest neighbours")
accuracy = {kind: [] for kind in KINDS}
for seed in SEEDS:
    rows = labelled(seed)
    for kind in KINDS:
        x = features(kind, seed)
        classifier = LogisticRegression(max_iter=1000).fit(x[rows], group[rows])
        accuracy[kind].append(classifier.score(x[TEST], group[TEST]))

majority = np.bincount(group[TEST]).max() / TEST.sum()
plotting.bars(accuracy, ylabel="test accuracy, group of an emoji", baseline=("largest group", majority))

# %% [markdown] tags=["alt"]
# *Figure: bars with intervals over five draws of the labels, and a dashed line at the largest group, far below. Without
# links and with random links the accuracy is the same; with nearest neighbours it is a little higher.*

# %%
gain = 100 * (np.array(accuracy["nearest neighbours"]) - accuracy["no links"])
mm.claim("06.7", "messages of neighbours help when labels are few", gain, margin=2, unit="points")
random_gain = 100 * (np.array(accuracy["random links"]) - accuracy["no links"])
mm.claim("06.7", "messages of random emoji do not", random_gain, within=2, unit="points")

# %% [markdown]
# Messages of neighbours help, those of random emoji do not: so it is not the mere number of features. The bars' intervals overlap because some draws of labels
# are luckier than others; the claim compares within a draw. *Going further* lets a network learn its messages.

# %% [markdown]
# ## So: one space, or two that agree?
#
# **One**, when you want to rebuild what is missing, or (part 3 goes on with it) to judge from all senses at once. **Two
# that agree**, when you will have one sense at hand and search for the other: each map works alone, and a hundred numbers
# were enough. You measured both: a sound that draws, and a picture that finds its name far above chance. And you saw
# that the line between them is thin: a joint space that knows what is missing searches as well, one that takes it for
# zero does not.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## If you have time: a machine that dreams
#
# This section is not in the 90 minutes, and its exercise is optional.
#
# An older idea of a code: a **restricted Boltzmann machine** has a visible unit for each pixel and a layer of hidden
# units, all on (1) or off (0). Each pair of a picture $v$ and a hidden state $h$ has an **energy**; low energy means
# likely:
#
# $$E(v, h) = -v^\top W h - b^\top v - c^\top h \qquad p(v, h) \propto e^{-E(v, h)}$$
#
# *Restricted*: no links inside a layer. So, given the picture, hidden unit $j$ is on with probability $\sigma(c_j +
# \sum_i v_i W_{ij})$, and the same the other way round, with $\sigma(a) = 1 / (1 + e^{-a})$.

# %% [markdown]
# The weights $W$ and biases $b$, $c$ are learned; grey pixels count as probabilities.
#
# Learning has to lower the energy of data and raise that of everything else, and "everything else" is too much to sum
# over. **Contrastive divergence** (Hinton 2002) takes a short cut. Start at the data $v$, draw a hidden state, draw a
# picture $\tilde v$ back from it: what the machine *dreams* near the data. Then
#
# $$\Delta W = \frac1B \sum_{\text{batch}} \left( v\, p(h \mid v)^\top - \tilde v\, p(h \mid \tilde v)^\top \right)$$
#
# Make the data cheaper and the dream dearer. When dreams look like data, the two terms cancel and learning stops.

# %% [markdown]
# ### Exercise 6.5 ●●○ optional, 10 min
# Write `weight_update`: $\Delta W$ for a batch. `visible` and `dream` are NumPy float arrays (B, V), `weight` is (V, H),
# `hidden_bias` (H,); return an array (V, H). With one picture `[[1, 0]]`, dream `[[0, 1]]`, `weight` `[[0], [0]]` and
# `hidden_bias` `[0]`, every $p(h \mid v)$ is one half, so a right answer is `[[0.5], [-0.5]]`.
# <details><summary>Hint: the idea</summary>Do the same thing twice, for the data and for the dream: how probable is each hidden unit, and which pixels were on together with it? The update is the difference. "Together, over the batch" is one matrix product of shape (V, H), and its mean divides by B. The dream has its own hidden probabilities.</details>
# <details><summary>Hint: pseudocode</summary>a helper for either batch: probabilities on = sigmoid of the batch times weight, plus hidden_bias; the batch transposed times on, over B. Return what the helper says of the data minus what it says of the dream.</details>


# %% tags=["exercise"]
def weight_update(visible, dream, weight, hidden_bias):  # (B, V), (B, V), (V, H), (H,) -> (V, H)
    ### BEGIN SOLUTION
    def together(v):
        on = 1 / (1 + np.exp(-(v @ weight + hidden_bias)))
        return v.T @ on / len(v)

    return together(visible) - together(dream)
    ### END SOLUTION


# %%
check.ex6_5(weight_update)

# %% [markdown]
# The package does this for the weights and the biases, over many small batches. We train a machine with 36 hidden units on
# the digits. Then we let it dream: start from pure noise and go back and forth between the layers a thousand times.

# %%
torch.manual_seed(0)
machine = rep.RBM(64, 36)
machine.fit(pixels, epochs=mm.per_profile(smoke=2, quick=60, full=200), batch_size=20, lr=0.1)
noise = torch.rand(9, 64)
dreams = machine.sample(noise, steps=1000)
with torch.no_grad():
    dreams = machine.reconstruct(machine(dreams))  # as grey probabilities, not as coin flips

# %% tags=["further"]
looks = machine.weight.detach().T[:9]
looks = (looks - looks.min(1, keepdim=True)[0]) / (looks.max(1)[0] - looks.min(1)[0])[:, None]
_ = gallery({"hidden units": looks, "noise": noise, "dreams": dreams})

# %% [markdown] tags=["alt"]
# *Figure: three rows of nine small pictures. The first shows the weights of nine hidden units as pictures: some are a
# stroke with a dark gap beside it, some a whole zero, some a vague blob. The second is noise. In the third the noise has
# become blurred shapes that resemble digits.*

# %% [markdown]
# Some hidden units look for a piece of a stroke with a gap beside it, some for a whole zero, and some are hard to name.
# And out of noise, without any digit shown to it, the machine dreams digit-like shapes: they are where its energy is
# low. Stack a second machine on the hidden units of the first and you have a **deep belief network** (Hinton, Osindero
# and Teh 2006). With these, and with deep autoencoders (Hinton and Salakhutdinov 2006), deep learning came back; *Going
# further* builds one.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What can go wrong
# - **In-sample correlations** are 1 with as many features as items, for noise too. Hold out whole families; Helmer and
#   others (2024) say how many samples it takes.
# - **Too small a batch in deep CCA**: the loss is near its best value before any learning.
# - **A missing sense that training never missed.** Hide senses while training.
# - **A missing half taken for zero**, and then blamed on the method. Tune the rival as carefully as your own.
# - **NaN times zero is NaN.** Select what is present; do not multiply by a mask.
# - **Pairing by label.** Our digits share nothing but the digit.
# - **A graph drawn with test items** is no forecast for items that come later.

# %% [markdown]
# ## What articles say, what is true
# - *"The first canonical correlation is 0.9."* Fitted or held out? Drysdale and others (2017) tied subtypes of depression to
#   brain connections by CCA; Dinga and others (2019) repeated it on other patients: high in sample, not significant held
#   out.
# - *"We embed images and text in a joint space."* Mostly there are two encoders that are trained to agree: coordinated, in
#   the terms of Baltrušaitis and others (2019). CLIP, in lesson 13, is one.
# - *"Deep CCA needs the full batch."* Andrew and others (2013) used it; Wang and others (2015) found that large minibatches
#   do.
# - *"Pretraining layer by layer makes deep networks trainable."* It did in 2006; better activations made it unnecessary.

# %% [markdown]
# ## Three key points
# 1. A joint representation is one code of all senses and rebuilds the missing one; a coordinated one is a map for each
#    sense. Both can search across senses, if a missing sense is treated as missing.
# 2. CCA is whitening and an SVD. Its in-sample correlation proves nothing: choose the ridge on validation data, report
#    held-out figures.
# 3. Nonlinear methods find curved agreement if there is one, and find agreement in noise even faster.

# %% [markdown]
# ## Quiz
# **1.** Linear CCA reports a first correlation of 1.00 on 200 patients, with 150 brain features and 60 answers to questions.
# What have you learned?
# <details><summary>A: brain and answers share a strong factor</summary>Perhaps, but you would see the same number if they
# shared none.</details>
# <details><summary>B: nothing yet about the patients</summary>Right. The two views have more features than there are patients,
# so 1.00 had to come out.</details>
# <details><summary>C: the features were not whitened</summary>CCA whitens both views itself; feature scales do not matter to
# it.</details>
#
# **2.** Users will type a word and want matching sounds. Which do you build first?
# <details><summary>A: two maps trained to agree on pairs</summary>Right. Every sound can be mapped in advance without any word, and
# every word without any sound.</details>
# <details><summary>B: one code of word and sound together</summary>Each query lacks one half and each stored sound the other; it
# can be made to work, but every code must be estimated around the hole.</details>
# <details><summary>C: a classifier on both together</summary>It answers a fixed question; words outside its classes find
# nothing.</details>
#
# **3.** Your multimodal autoencoder draws soft pictures from sound, with lower error than sharp copies. Why soft?
# <details><summary>A: the code is too narrow for sharp edges</summary>Given the picture itself, the same code draws much sharper
# ones: compare the errors yourself.</details>
# <details><summary>B: it should have been trained for longer</summary>Training longer fits the training pairs; what the sound
# does not tell stays unknown.</details>
# <details><summary>C: it draws the mean of all that the sound allows</summary>Right. Squared error is smallest at the mean, and
# a mean of many hands has soft strokes.</details>

# %% [markdown]
# ## Going further
# Nothing below is needed for the answer.
#
# <details><summary>Four things to try</summary>
#
# - Hide the picture in two thirds of the training pairs. Which of the errors in section 2's table fall, which rise?
# - Describe names with `rep.sentence_vectors` instead (about 10 s). Choose the ridge again. What is recall@10?
# - Use names without keywords. How much of the search was in the keywords?
# - Run kernel CCA on the emoji, with 100 picture and word components each and the ridge chosen on validation.
#
# </details>

# %% [markdown]
# **Learned messages.** A graph network learns a matrix for each kind of link and may send several rounds (GraphSAGE,
# Hamilton and others 2017). The package's `GraphEncoder` does; here one round, also from picture to name and back. Its
# twin is the same network, trained in the same way, with every list of links empty. (About 4 s.)

# %% tags=["further"]
OWN = torch.arange(len(names)).repeat(2, 1)  # each picture sends to its own name, and back
edges = {("picture", "picture"): near["picture"], ("word", "word"): near["word"]}
edges |= {("picture", "word"): OWN, ("word", "picture"): OWN}
nothing = {link: OWN[:, :0] for link in edges}


def learned_messages(edges, seed):
    """Train a graph network with these links on the few labels -> test accuracy."""
    torch.manual_seed(seed)
    rows, target = labelled(seed), torch.tensor(group)
    encoder = rep.GraphEncoder({name: x.shape[1] for name, x in nodes.items()}, list(edges), 32, rounds=1)
    head = torch.nn.Linear(64, int(target.max()) + 1)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-2, weight_decay=1e-2)
    for _ in range(mm.per_profile(smoke=5, quick=40, full=60)):
        said = head(torch.cat(list(encoder(nodes, edges).values()), dim=1).relu())
        optimiser.zero_grad()
        functional.cross_entropy(said[rows], target[rows]).backward()
        optimiser.step()
    return float((said.argmax(1)[TEST] == target[TEST]).float().mean())


# %% [markdown]
# Four bars: two classifiers, each without and with the links.

# %% tags=["further"]
learned = {"network, no links": [learned_messages(nothing, seed) for seed in SEEDS]}
learned["network, neighbours"] = [learned_messages(edges, seed) for seed in SEEDS]
plain_means = {f"logistic, {kind}": accuracy[kind] for kind in ("no links", "nearest neighbours")}
links_bring = 100 * (np.array(learned["network, neighbours"]) - learned["network, no links"])
print("links bring the network, in points:", metrics.interval(links_bring))
print("links bring the logistic regression:", metrics.interval(gain))
plotting.bars(plain_means | learned, ylabel="test accuracy, group of an emoji", baseline=("largest group", majority))

# %% [markdown] tags=["alt"]
# *Figure: four bars. Logistic regression without links, and a little higher with neighbours; the network without links,
# lower than both, and with neighbours a little higher than its twin, but no higher than logistic regression without
# links.*

# %% [markdown]
# Compare only the last bar with the first, and you would say that learned messages bring nothing. The twin tells
# otherwise: links bring the network about what they bring the logistic regression. What loses is the network as a
# classifier, which has many weights and few labels, with links or without. Compare a network with its own twin. (Wu and
# others 2019 found that plain means before a linear model match learned messages on larger graphs.)

# %% [markdown]
# **CCA without a covariance matrix.** There is a shorter way, which keeps its digits when features are nearly alike: take
# the QR decomposition of each centred view (the columns of $Q$ span the same space at right angles) and the singular
# values of $Q_x^\top Q_y$ (Björck and Golub 1973). The package goes this way when they are. Three ways, one answer:

# %% tags=["further"]
from sklearn.cross_decomposition import CCA as SklearnCCA

Q_x, Q_y = (np.linalg.qr(view - view.mean(axis=0))[0] for view in (X, Y))
by_qr = np.linalg.svd(Q_x.T @ Q_y, compute_uv=False)[:2]
a, b = SklearnCCA(2, scale=False, max_iter=5000, tol=1e-12).fit_transform(X, Y)
by_sklearn = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(2)]
model = rep.CCA(2).fit(X, Y)
assert np.allclose(model.correlations_, by_qr, atol=1e-9)
assert np.allclose(model.correlations_, by_sklearn, atol=1e-6)
print("canonical correlations:", *(np.round(found, 6) for found in (model.correlations_.numpy(), by_qr, by_sklearn)))

# %% [markdown]
# **A deep belief network.** The second machine learns from the hidden units of the first (in *If you have time*). The
# sixteen numbers at the top are a code; running downwards again rebuilds the digit. How surprised is a machine by a
# picture? Its **free energy** $F(v) = -\log \sum_h e^{-E(v, h)}$ says: low means familiar.

# %% tags=["further"]
torch.manual_seed(0)
network = rep.DeepBeliefNetwork([64, 36, 16])
network.fit(pixels, epochs=mm.per_profile(smoke=1, quick=20, full=100), batch_size=20, lr=0.1)
with torch.no_grad():
    back = network.reconstruct(network(test["image"]))
    print("error after 16 numbers:", round(functional.mse_loss(back, test["image"]).item(), 4))
    kinds = {"test digits": test["image"], "upside down": test["image"].flip(1)}
    kinds["pixels shuffled"] = test["image"][:, torch.randperm(64)]
    energy = {name: machine.free_energy(x).numpy() for name, x in kinds.items()}
plotting.distributions(
    energy, xlabel="free energy (low: familiar)", title="What a machine trained on digits finds likely"
)

# %% [markdown] tags=["alt"]
# *Figure: three histograms of free energy. Test digits are lowest, the same digits upside down a little higher and
# overlapping, digits with shuffled pixels far higher, with no overlap.*

# %% [markdown]
# The machine never saw a label, nor a shuffled picture, and tells them apart. Upside-down digits are made of the same
# strokes, and many are nearly digits, so they surprise it only a little. The network's code rebuilds worse than our
# autoencoder's: its layers were trained one by one, none of them to rebuild the pixels through all the others.

# %% [markdown]
# **What a kernel does.** With centred kernel matrices $K_x = V_x L_x V_x^\top$ and $K_y$ likewise, a view in feature
# space is $V_x L_x^{1/2}$: as many whitened directions as items. Without ridge CCA would compare all of one basis with
# all of the other, and every correlation is 1. With ridge $r$ the singular values are those of $D_x V_x^\top V_y D_y$,
# where $D = (L / (L + (n - 1) r))^{1/2}$ shrinks the directions with little variance. On noise:

# %% tags=["further"]
ridges = np.array([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1])
found = np.array([[noise_correlation(rep.KernelCCA(1, ridge=r), 20, seed) for r in ridges] for seed in SEEDS])
curves = {"on the items it was fitted to": found[..., 0], "on new items": found[..., 1]}
plotting.lines(ridges, curves, xlabel="ridge", ylabel="first correlation", title="Kernel CCA on noise", logx=True)

# %% [markdown] tags=["alt"]
# *Figure: correlation against the ridge on a logarithmic axis. In sample it falls from one to a little more than half; on
# new items it is about zero for every ridge.*

# %% [markdown]
# A ridge makes the lie smaller, not true. Only held-out items tell.
#
# **Photographs.** With MS COCO on your disk (`MMCOURSE_FOLDER_COCO_CAPTIONS`) and the profile `full`, this runs the
# search of section 5 on photographs and captions.

# %% tags=["further"]
PHOTOS = mm.per_profile(smoke=0, quick=0, full=5000)
if PHOTOS and mm.data.ready("coco_captions"):
    coco = mm.load("coco_captions", limit=PHOTOS)
    described = []
    for split in (coco.train, coco.valid, coco.test):
        inputs, _ = split.arrays()
        words = rep.mean_pool(*rep.word_vectors(list(inputs["text"]))).numpy()
        described.append((rep.cnn_features(torch.tensor(inputs["image"]), size=96).numpy(), words))
    means, scales = [v.mean(0) for v in described[0]], [v.std() for v in described[0]]
    fitted, valid, unseen = [[(v - m) / s for v, m, s in zip(p, means, scales, strict=True)] for p in described]
    fits = [rep.CCA(100, ridge=r).fit(*fitted) for r in RIDGES]
    chosen = max(fits, key=lambda fit: recall_at_10(*(fit.transform(*valid) * fit.correlations_.numpy())))
    once, ten, median = summary(ranks(*(chosen.transform(*unseen) * chosen.correlations_.numpy()))[0])
    print(f"captions for {len(unseen[0])} photographs: recall@1 {once:.3f}, @10 {ten:.3f}, median rank {median:g}")
else:
    print("not run: it needs the profile full and the photographs")

# %% [markdown]
# ## References
# - Eckart, C., Young, G. (1936). The approximation of one matrix by another of lower rank. Psychometrika 1.
# - Hotelling, H. (1936). Relations between two sets of variates. Biometrika 28.
# - Björck, Å., Golub, G. (1973). Numerical methods for computing angles between linear subspaces. Mathematics of
#   Computation 27.
# - Vinod, H. (1976). Canonical ridge and econometrics of joint production. Journal of Econometrics 4.
# - Baldi, P., Hornik, K. (1989). Neural networks and principal component analysis. Neural Networks 2.
# - Hinton, G. (2002). Training products of experts by minimizing contrastive divergence. Neural Computation 14.
# - Hardoon, D., Szedmak, S., Shawe-Taylor, J. (2004). Canonical correlation analysis: an overview with application to
#   learning methods. Neural Computation 16.
# - Hinton, G., Osindero, S., Teh, Y. W. (2006). A fast learning algorithm for deep belief nets. Neural Computation 18.
# - Hinton, G., Salakhutdinov, R. (2006). Reducing the dimensionality of data with neural networks. Science 313.
# - Ngiam, J., Khosla, A., Kim, M., Nam, J., Lee, H., Ng, A. (2011). Multimodal deep learning. ICML.
# - Andrew, G., Arora, R., Bilmes, J., Livescu, K. (2013). Deep canonical correlation analysis. ICML.
# - Wang, W., Arora, R., Livescu, K., Bilmes, J. (2015). On deep multi-view representation learning. ICML.
# - Drysdale, A., and others (2017). Resting-state connectivity biomarkers define neurophysiological subtypes of
#   depression. Nature Medicine 23.
# - Hamilton, W., Ying, R., Leskovec, J. (2017). Inductive representation learning on large graphs. NeurIPS.
# - Baltrušaitis, T., Ahuja, C., Morency, L.-P. (2019). Multimodal machine learning: a survey and taxonomy. IEEE TPAMI 41.
# - Dinga, R., and others (2019). Evaluating the evidence for biotypes of depression. NeuroImage: Clinical 22.
# - Wu, F., Souza, A., Zhang, T., Fifty, C., Yu, T., Weinberger, K. (2019). Simplifying graph convolutional networks. ICML.
# - Helmer, M., and others (2024). On the stability of canonical correlation analysis and partial least squares with
#   application to brain-behavior associations. Communications Biology 7.
# - Data: emoji artwork by OpenMoji (CC BY-SA 4.0), see data/emoji.md; digits: data/audio_visual_digits.md.
