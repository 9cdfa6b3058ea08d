# %% [markdown]
# # 18 Teaching one modality with another
#
# **Can something that hears teach something that only sees?** · 90 minutes · needs lessons 6, 7 and 10
#
# ![Labelled recordings train a teacher that hears; for each pair of picture and recording without a label the teacher says what it hears, and a pupil that only sees learns to say the same of the picture, helped by a few labelled pictures](flow: labelled recordings -> teacher that hears; sound of a pair -> teacher that hears; teacher that hears -> pupil that sees; picture of a pair -> pupil that sees; few labelled pictures -> pupil that sees)
#
# Labels cost money; a camera with a microphone gives pairs of picture and sound for nothing. A model that hears will teach a model
# that sees, then two beginners will teach each other, and you will find out when this works and when it harms.
# (The next cell takes about 5 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, colearning, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Who has labels?
#
# Real handwritten and real spoken digits, both made noisy. The 1,258 training items become three piles, anew for each of five
# seeds:
#
# - **ear**: 300 recordings *with* labels. From here comes what the teacher knows: somebody had to listen.
# - **pairs**: the other 958, picture and sound, *without* labels. No recording is in both piles.
# - **eye**: 5, 10 or 20 of the pairs' pictures of each digit get a label after all.
#
# **Keep in mind:** nobody wrote and spoke these digits at once; they were paired *by label*. A pair says "these two are of one
# class" and nothing else. Pairs from a camera with a microphone are seldom so clean.

# %% tags=["further"]
import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional

from mmcourse.metrics import interval

SEEDS = mm.per_profile(smoke=range(5), quick=range(5), full=range(20))
PAIRS = mm.per_profile(smoke=200, quick=958, full=958)
EPOCHS = mm.per_profile(smoke=2, quick=20, full=20)
NONE = -100  # torch's word for "no label"
LOOK = {"alone": 0, "itself": 1, "ear": 2, "wrong pairs": 3, "all labelled": 7}  # one colour a thing

# %% [markdown]
# (Code that only loads, draws or keeps score is folded.)


# %% tags=["further"]
def read(seed):
    """Clean halves and their noise: {part: (picture, its noise, sound, its noise, digit)}."""
    clean, noisy = (mm.load("audio_visual_digits", image_noise=k, audio_noise=k, seed=seed) for k in (0, 1))
    middle, spread = (getattr(clean.train.arrays()[0]["image"], what)() for what in ("mean", "std"))
    parts = {}
    for part in ("train", "valid", "test"):
        (a, digit), (b, _) = getattr(clean, part).arrays(), getattr(noisy, part).arrays()
        flat = {(k, n): torch.tensor(x[k].reshape(len(digit), -1)) for n, x in enumerate((a, b)) for k in x}
        parts[part] = (
            (flat["image", 0] - middle) / spread,
            (flat["image", 1] - flat["image", 0]) / spread,
            flat["audio", 0],
            flat["audio", 1] - flat["audio", 0],
            torch.tensor(digit),
        )
    return parts


READ = [read(seed) for seed in SEEDS]


# %% [markdown]
# `world` returns the piles of a seed at any noise, in units of the pictures' or the sounds' own spread:


# %% tags=["further"]
def world(seed, image=1.25, audio=0.5, ear=300):
    """Piles of a seed: {"ear", "pairs", "valid", "test": (picture (N, 64), sound (N, 260), digit (N,))}."""
    parts = {k: (x + image * dx, a + audio * da, y) for k, (x, dx, a, da, y) in READ[seed].items()}
    order = torch.tensor(np.random.default_rng(seed).permutation(len(parts["train"][2])))
    train = parts.pop("train")
    return parts | {"ear": tuple(z[order[:ear]] for z in train), "pairs": tuple(z[order[ear:][:PAIRS]] for z in train)}


worlds = [world(seed) for seed in SEEDS]
picture, sound, digit = worlds[0]["pairs"]
figure = plotting.images(
    [z.reshape(8, 8) for z in picture[:5]] + [z.reshape(20, 13).T for z in sound[:5]],
    [f"seen: {k}" for k in digit[:5]] + [f"heard: {k}" for k in digit[:5]],
)
figure.axes[5].set(xticks=[0, 19], xticklabels=[1, 20], yticks=[0, 12], yticklabels=[1, 13])
figure.axes[5].set(xlabel="frame", ylabel="coefficient")
for axes in figure.axes[5:]:
    axes.axis("on"), axes.grid(False)
    if axes is not figure.axes[5]:
        axes.set(xticks=[], yticks=[])
figure

# %% [markdown] tags=["alt"]
# *Figure: five pairs of seed 0. Above, small grey pictures so noisy that a digit can only be guessed; below, the same
# digits' recordings, 13 coefficients over 20 frames, in stripes; light is high.*

# %% [markdown]
# You can hardly read them yourself. The pupil is a **softmax regression** (a linear layer, then softmax), trained by L-BFGS to the
# bottom of a convex loss: no luck of a start. `shrink` penalises large weights.


# %%
def train(x, loss, shrink, classes=10):  # loss: logits -> scalar
    model = nn.Linear(x.shape[1], classes)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=EPOCHS)

    def closure():
        optimizer.zero_grad()
        value = loss(model(x)) + shrink * model.weight.square().sum()
        value.backward()
        return value

    optimizer.step(closure)
    return model.requires_grad_(False)


def alone(x, y, shrink=3.0):
    return train(x, lambda logits: functional.cross_entropy(logits, y), shrink)


def first(y, n):  # the first n rows of each digit
    return torch.stack([(y == k) & ((y == k).cumsum(0) <= n) for k in range(10)]).any(0)


def accuracy(model, x, y):
    return 100 * (model(x).argmax(1) == y).float().mean().item()


# %% [markdown]
# Is a linear pupil a straw man? Rivals with the same labels, on the **validation** pictures. All settings of this lesson were
# chosen there (180 labelled pictures: more than many a pupil owns); the test pictures only
# score. Intervals are over seeds: new labels, partners and noise, always the same 359 test digits.

# %% tags=["further"]
BUDGETS = (5, 10, 20)
rivals = {"kernel machine": SVC(C=3, gamma=0.002), "label spreading": LabelSpreading(kernel="knn", n_neighbors=10)}


def by_rival(name, w, n):
    (x, _, y), (vx, _, vy) = w["pairs"], w["valid"]
    k = first(y, n)
    if name == "softmax regression":
        return accuracy(alone(x[k], y[k]), vx, vy)
    if name == "kernel machine":
        return 100 * clone(rivals[name]).fit(x[k], y[k]).score(vx, vy)
    return 100 * clone(rivals[name]).fit(x, torch.where(k, y, -1)).score(vx, vy)  # uses unlabelled pictures, too


print("alone, validation accuracy in %, by labelled pictures a digit; chance: 10")
for name in ("softmax regression", *rivals):
    cells = [f"{n}: {np.mean([by_rival(name, w, n) for w in worlds]):.0f}" for n in BUDGETS]
    print(f"{name:20}", "   ".join(cells))

# %% [markdown]
# At every budget the softmax regression is at least as good as the two rivals: no straw man.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let people read the pictures aloud, first the noisy ones, then tell them the digits. What would they ask?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 What a teacher says
#
# A teacher does not say "seven"; it says "seven, though it could be a nine". Let $z_{ik}$ be the pupil's logit (score before the
# softmax) for picture $i$ of $B$ and class $k$ of $K$, $v_{ik}$ the teacher's for *its sound*. Both are divided by a **temperature** $T$, which softens them,
# and the pupil is asked to agree (Hinton and others 2015; from one modality to another: Gupta and others 2016; from
# pictures to sound: Aytar and others 2016):
#
# $$q = \text{softmax}(v / T), \quad p = \text{softmax}(z / T), \quad L = T^2 \, \frac{1}{B} \sum_i \sum_k q_{ik} \log \frac{q_{ik}}{p_{ik}}$$

# %% [markdown]
# ### Exercise 18.1 ●●○ 8 min
# Write `teacher_loss(student, teacher, temperature)`, the $L$ above. `student` ($z$) and `teacher` ($v$) are float tensors (B, K)
# of logits, `temperature` a number above 0. Return a scalar tensor; gradients flow into `student` and none into `teacher`.
# Example: student `[[0., 0.]]`, teacher `[[2., 0.]]`, temperature 2 gives 0.4438; the same logits twice give 0.
# <details><summary>Hint: the idea</summary>Log-softmax of both, divided by T first. The divergence weighs the difference of the logarithms by the teacher's probabilities; sum over classes, mean over rows, times T squared. detach() cuts the teacher off.</details>
# <details><summary>Hint: pseudocode</summary>q = log_softmax(teacher.detach() / T) over classes; p = log_softmax(student / T); return T * T times the mean over rows of the sum over classes of exp(q) * (q - p).</details>


# %% tags=["exercise"]
def teacher_loss(student, teacher, temperature):
    ### BEGIN SOLUTION
    q = (teacher.detach() / temperature).log_softmax(1)
    p = (student / temperature).log_softmax(1)
    return temperature**2 * (q.exp() * (q - p)).sum(1).mean()
    ### END SOLUTION


# %%
check.ex18_1(teacher_loss)

# %% [markdown]
# The package's `distillation_loss` also takes labels (−100: none) and mixes: `weight` times the teacher's loss plus
# `1 - weight` times the cross-entropy of the labels. What is the $T^2$ for? The size of the gradient, for random logits:

# %%
student, teacher = torch.randn(200, 10), 3 * torch.randn(200, 10)
for T in (1.0, 2.0, 5.0, 20.0):
    z = student.clone().requires_grad_()
    colearning.distillation_loss(z, teacher, temperature=T, weight=1.0).backward()
    size = 200 * z.grad.norm(dim=1).mean().item()
    print(f"T = {T:4.0f}: gradient {size:.3f} with the factor, {size / T**2:.4f} without it")
same = functional.kl_div(student.log_softmax(1), teacher.softmax(1), reduction="batchmean")
assert torch.isclose(colearning.distillation_loss(student, teacher, weight=1.0), same, atol=1e-5)

# %% [markdown]
# Without it, turning up the temperature would quietly turn off the teacher. (Here $T$ of 1, 2 and 4 were tried on validation: 1
# won, so no temperature below.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 The lesson
#
# Four pupils: same pictures, same few labels, same optimiser, `shrink` and `weight` best on validation. **alone**: the
# labels only. **itself**: self-training; the pupil alone, sharpened, teaches the next pupil, three times over. **ear**: the teacher
# hears. **wrong pairs**: the same teacher, but the recordings are dealt out at random, and trusted as in *ear*: who would know?


# %%
def distil(x, said, y, shrink=0.1, weight=0.9):  # said: the teacher's logits, y: labels or NONE
    weight = weight if (y >= 0).any() else 1.0
    return train(x, lambda z: colearning.distillation_loss(z, said, y, weight=weight), shrink)


def self_taught(x, y):
    model = alone(x[y >= 0], y[y >= 0], shrink=0.3)
    for _ in range(3):
        model = distil(x, model(x) / 0.5, y, shrink=0.03)
    return model


def pupils(w, n, seed):
    (x, sound, truth), (_, heard, labels) = w["pairs"], w["ear"]
    known = first(truth, n)
    y = torch.where(known, truth, NONE)
    said = alone(heard, labels, shrink=0.03)(sound)
    mixed = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    made = {"alone": alone(x[known], truth[known]), "itself": self_taught(x, y)}
    made |= {"ear": distil(x, said, y), "wrong pairs": distil(x, said[mixed], y)}
    made["wrong, weight 0.5"] = distil(x, said[mixed], y, weight=0.5)
    made["ear, hard"] = distil(x, 99.0 * functional.one_hot(said.argmax(1), 10), y)
    return made


# %% [markdown] tags=["predict"]
# **Predict first.** With 5 labelled pictures a digit, what will *itself*, *ear* and *wrong pairs* gain or lose against *alone*?
# And with 20? Write down three numbers for 5 and three for 20.

# %% tags=["further"]
score = {}
for n in BUDGETS:
    for seed, w in zip(SEEDS, worlds, strict=True):
        for name, model in pupils(w, n, seed).items():
            score.setdefault((name, n), []).append(accuracy(model, w["test"][0], w["test"][2]))
everything = [accuracy(alone(w["pairs"][0], w["pairs"][2], 0.1), w["test"][0], w["test"][2]) for w in worlds]
score |= {("all labelled", n): everything for n in BUDGETS}
score = {key: np.array(runs) for key, runs in score.items()}

# %% tags=["further"]
teachers = [accuracy(alone(*w["ear"][1:], 0.03), *w["test"][1:]) for w in worlds]
figure, axes = plt.subplots(figsize=(8.5, 4.6))
for name in ("ear", "itself", "alone", "wrong pairs"):
    found = [interval(score[name, n]) for n in BUDGETS]
    half = [one.high - one.estimate for one in found]
    look = dict(fmt="o-", capsize=5, markersize=8, color=plotting.COLORS[LOOK[name]], label=name)
    axes.errorbar(range(3), [one.estimate for one in found], half, **look)
axes.axhline(np.mean(everything), color="#333333", linestyle="--", label="all labelled")
axes.axhline(10, color="#999999", linestyle=":", label="chance")
axes.set(
    xticks=range(3), xticklabels=BUDGETS, xlabel="labelled pictures a digit", ylabel="test accuracy in %", ylim=(0, 85)
)
_ = figure.legend(loc="outside right upper")

# %% [markdown] tags=["alt"]
# *Figure: test accuracy against labelled pictures a digit. "Ear" is a high flat line just under the dashed line of all pictures
# labelled. "Alone" rises from far below, "itself" lies between, closer to alone. "Wrong pairs" lies far under alone at every budget.*

# %%
gain = {n: score["ear", n] - score["alone", n] for n in BUDGETS}
mm.claim("18.1", "5 labels a digit: taught by ear minus alone", gain[5], margin=5.0, unit="points")
mm.claim("18.2", "10 labels a digit: taught by ear minus alone", gain[10], margin=5.0, unit="points")
mm.claim("18.3", "20 labels a digit: taught by ear minus alone", gain[20], margin=5.0, unit="points")
harm = np.mean([score["alone", n] - score["wrong pairs", n] for n in BUDGETS], axis=0)
mm.claim("18.4", "alone minus taught over wrong pairs, mean of the budgets", harm, margin=10.0, unit="points")
rows = [("itself", "alone"), ("ear", "alone"), ("wrong pairs", "alone"), ("wrong, weight 0.5", "alone")]
rows += [("ear", "itself"), ("ear", "all labelled"), ("ear", "ear, hard")]
print("\ntest, points         labels a digit: " + "".join(f"{n:<22}" for n in BUDGETS))
for one, other in rows:
    cells = [f"{interval(score[one, n] - score[other, n]):+}" for n in BUDGETS]
    print(f"{f'{one} minus {other}':37}" + "".join(f"{cell:22}" for cell in cells))
print(f"teacher, on sounds {interval(teachers)} %; all pictures labelled {interval(everything)} %")

# %% [markdown]
# **Taught by ear, the pupil gets nearly as far as if every picture had been labelled.** Teaching itself helps less. Over wrong pairs
# the very same teacher ruins it; trusted less (`weight` 0.5), it harms less and never helps.
#
# And the famous soft targets? The teacher's *hard* answers (last line) did as well here, within the intervals. Measure first.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: before the figure let people bet on "wrong pairs". After it, ask what a pair would have to be in their own data:
# same second of a film? same page? How often is the pair wrong there?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 What does the teacher cost?
#
# "Few labels" is half the truth: the teacher had 300. Each cell below has so many labels a digit by ear and by eye (mean over the
# seeds, **validation** pictures). The left column has no picture label, the top row no teacher. (`weight`: 0.9, or 0.7 if the eye has twice the
# ear's labels; best of four on validation.)


# %% tags=["further"]
EARS = EYES = (0, 5, 10, 20)


def bought(w, ear, eye, pairs=958):
    """A pupil for `ear` labelled recordings and `eye` labelled pictures a digit; the mix that suits the two."""
    (x, sound, truth), (_, heard, labels) = w["pairs"], w["ear"]
    known, some = first(truth, eye), first(labels, ear)
    if not ear:
        return alone(x[known], truth[known])
    used = known | (torch.arange(len(x)) < pairs)
    said = alone(heard[some], labels[some], shrink=0.03)(sound)
    weight = 0.7 if eye >= 2 * ear else 0.9
    return distil(x[used], said[used], torch.where(known, truth, NONE)[used], weight=weight)


# %% [markdown]
# The table (about 6 s):

# %% tags=["further"]
table = np.full((len(EARS), len(EYES), len(worlds)), np.nan)
for i, ear in enumerate(EARS):
    for j, eye in enumerate(EYES):
        if ear or eye:
            table[i, j] = [accuracy(bought(w, ear, eye), *w["valid"][::2]) for w in worlds]
figure = plotting.heatmap(
    table.mean(2),
    rows=[f"ear {ear}" for ear in EARS],
    columns=[f"eye\n{eye}" for eye in EYES],
    label="accuracy in %",
)
for cell in figure.axes[0].texts:
    cell.set_text(f"{float(cell.get_text()):.0f}")
figure

# %% [markdown] tags=["alt"]
# *Figure: a table of accuracy by labels by ear (rows) and by eye (columns). The corner without labels is grey.
# The top row, no teacher, rises steeply to the right; rows with a teacher start higher and rise less, the bottom row hardly.*

# %%
for n in EARS[1:]:
    by_ear, by_eye, itself = table[EARS.index(n), 0], table[0, EYES.index(n)], []
    for x, _, y, (vx, _, vy) in ((*w["pairs"], w["valid"]) for w in worlds):
        itself.append(accuracy(self_taught(x, torch.where(first(y, n), y, NONE)), vx, vy))
    print(f"{n} labels a digit, all by ear minus all by eye: {interval(by_ear - by_eye):+} points,", end=" ")
    print(f"with self-training by eye: {interval(by_ear - itself):+}")

# %% [markdown]
# A surprise: to teach *seeing* to the plain pupil, the same number of labels was better spent on *sounds*: these are easier to recognise
# here. But a pupil that also teaches itself makes more of labels by eye, and the gap closes. Price your labels per modality, and count the teacher's.

# %% [markdown] tags=["predict"]
# **Predict first.** Take 10 labels by ear and 2 by eye. Would you rather double the labels by ear, double those by eye, or
# have four times as many pairs? Move the sliders: `pairs` is how many unlabelled pairs the teacher may comment on.


# %% tags=["further"]
import ipywidgets


def budget(by_eye, by_ear, pairs):
    w = worlds[0]
    said = {"alone": alone(*[z[first(w["pairs"][2], by_eye)] for z in w["pairs"][::2]])}
    said["ear"] = bought(w, by_ear, by_eye, pairs)
    figure, axes = plt.subplots(figsize=(8, 2.8))
    values = {name: accuracy(model, *w["valid"][::2]) for name, model in said.items()}
    some = first(w["ear"][2], by_ear)
    values["teacher, on sounds"] = accuracy(alone(w["ear"][1][some], w["ear"][2][some], 0.03), *w["valid"][1:])
    colors = [plotting.COLORS[LOOK.get(name, 7)] for name in values]
    drawn = axes.barh(list(values), list(values.values()), color=colors)
    axes.bar_label(drawn, fmt="{:.0f}", padding=4)
    axes.set(xlim=(0, 100), xlabel="validation accuracy in %", title=f"{10 * (by_eye + by_ear)} labels, {pairs} pairs")
    axes.invert_yaxis()
    return figure


def slide(options, value):
    return ipywidgets.SelectionSlider(options=options, value=value)


sliders = {"by_eye": slide([2, 4, 10, 20, 40], 2), "by_ear": slide([2, 5, 10, 20, 30], 10)}
_ = widgets.explore(budget, **sliders, pairs=slide([30, 100, 200, 400, 958], 100))

# %% [markdown] tags=["alt"]
# *Figure: three bars of validation accuracy for a budget: alone, taught by ear, and the teacher on sounds. The teacher's bar is
# the longest, then the pupil taught by ear; alone is the shortest.*

# %% [markdown]
# <details><summary>Answer</summary>The pairs. With 100 of them the teacher can say too little, however good it is: twice the labels, by ear or by eye, change little, four times the pairs change a lot. Then set all 958 pairs: now more labels pay, too. (One seed is rough: differences of a few points mean nothing.)</details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 A bad teacher
#
# Now the pictures are clearer (noise 0.5), the *sound* gets worse and worse, and no picture has a label. Two made-up teachers are wrong
# about as often as the real one: one **at random** (any other digit), one **by habit** (some digits are always called by the name of the next).

# %% [markdown] tags=["predict"]
# **Predict first.** A teacher is wrong in nearly half of the cases. How good can its pupil be: worse, as good, or better? And does it matter
# how the teacher errs?


# %%
def lessons(w, seed):
    """Teacher's and pupil's accuracy for the real teacher and two made-up ones, on test."""
    (x, sound, truth), (_, heard, labels) = w["pairs"], w["ear"]
    hears = alone(heard, labels, shrink=0.1)
    rng = torch.Generator().manual_seed(seed)
    said = hears(sound)
    wrong = said.argmax(1) != truth
    luck = torch.where(wrong, (truth + torch.randint(1, 10, truth.shape, generator=rng)) % 10, truth)
    habit = torch.where(truth < round(10 * wrong.float().mean().item()), (truth + 1) % 10, truth)
    made = {"teacher": (hears, w["test"][1]), "real": (distil(x, said, torch.full_like(truth, NONE)), w["test"][0])}
    made |= {"at random": (alone(x, luck, 0.1), w["test"][0]), "by habit": (alone(x, habit, 0.1), w["test"][0])}
    return {name: accuracy(model, z, w["test"][2]) for name, (model, z) in made.items()}


LEVELS = (0.5, 1.0, 2.0, 3.0)
taught = {level: [lessons(world(seed, 0.5, level), seed) for seed in SEEDS] for level in LEVELS}

# %% tags=["further"]
figure, axes = plt.subplots(figsize=(7.5, 5))
axes.plot([20, 100], [20, 100], color="#333333", linestyle="--", label="pupil = teacher")
for k, name in enumerate(("at random", "real", "by habit")):
    found = [[interval([run[key] for run in taught[level]]) for level in LEVELS] for key in ("teacher", name)]
    (x, y), (wide, high) = ([[getattr(one, k) for one in row] for row in found] for k in ("estimate", "high"))
    bars = {"xerr": np.subtract(wide, x), "yerr": np.subtract(high, y), "capsize": 3, "elinewidth": 1}
    color = plotting.COLORS[{"real": LOOK["ear"], "at random": 4, "by habit": 6}[name]]
    label = f"errs {name}" if k != 1 else "real teacher"
    axes.errorbar(x, y, **bars, fmt="^os"[k] + "-", markersize=9, color=color, label=label)
axes.set(xlabel="teacher's test accuracy on sounds in %", ylabel="pupil's test accuracy on pictures in %")
axes.set(xlim=(25, 100), ylim=(15, 100))
_ = figure.legend(loc="outside right upper")

# %% [markdown] tags=["alt"]
# *Figure: the pupil's accuracy against its teacher's, with a dashed diagonal. The real teacher's pupils lie above the diagonal for
# all but the best teacher. Pupils of a teacher that errs at random lie above it, the further the poorer the teacher; those of one that errs by habit, on or below it.*

# %%
better = np.array([run["real"] - run["teacher"] for run in taught[2.0]])
mm.claim("18.5", "sound noise 2: pupil on pictures minus its teacher on sounds", better, margin=5.0, unit="points")
for name in ("teacher", "real", "at random", "by habit"):
    print(f"sound noise 2, {name:9} {interval([run[name] for run in taught[2.0]])} %")

# %% [markdown]
# **The pupil can be better than its teacher.** What the teacher gets wrong by chance has nothing to do with the *picture*, so it
# averages out over many pairs. Habits do not: if all 3s become 4s, the pupil learns just that. Real errors are a
# mixture. Here the two noises are independent *by construction*, the best case; where eyes and ears fail together, expect less.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 Two beginners
#
# What if nobody has many labels? In **co-training** (Blum and Mitchell 1998) two views start with the same few labelled pairs. Each
# round each labels, for the other as well, the pairs it is surest of. It assumes that each view alone could do it, and that,
# **given the class, the views are independent**: what one is sure of is a random example for the other.

# %% [markdown]
# ### Exercise 18.2 ●●○ 8 min
# Write `new_labels(probabilities, per_class)`: `probabilities` is a float array (N, K), one row an unlabelled item; `per_class` an
# int of at least 1. For each class k consider the rows whose *largest* probability is k's, and take the `per_class` of them with the
# highest (all, if there are fewer). Return an int array (N,): the class for those taken, −1 for the rest. (No ties
# occur.) Example: `[[.9, .1], [.6, .4], [.2, .8]]`, 1 gives `[0, -1, 1]`.
# <details><summary>Hint: the idea</summary>Two steps: each row's favourite class; then, among the rows with the same favourite, the surest few.</details>
# <details><summary>Hint: pseudocode</summary>labels = -1 everywhere; best = argmax of each row; for each class k: rows = where best is k; sort them by probability of k, highest first; labels of the first per_class of them = k.</details>


# %% tags=["exercise"]
def new_labels(probabilities, per_class):
    ### BEGIN SOLUTION
    best, labels = probabilities.argmax(1), np.full(len(probabilities), -1)
    for k in range(probabilities.shape[1]):
        rows = np.flatnonzero(best == k)
        surest = rows[np.argsort(-probabilities[rows, k])]
        labels[surest[:per_class]] = k
    return labels
    ### END SOLUTION


# %%
check.ex18_2(new_labels)

# %% [markdown]
# `colearning.CoTraining` does this with each view, round after round; where two want the same row, the surer decides. With one view
# it *is* self-training. 3 labels a digit, noise 1 in both, eight rounds, 5 labels a class, view and round. "Both" is the views'
# product. The rivals (about 14 s):
#
# - **by itself**: self-training, strength and pace best for each view; **by itself, for both**: best for the product.
# - **side by side**: one vector of both, the pictures scaled, best of five scales.
# - **jointly**: two classifiers whose product picks.

# %%
ROUNDS = mm.per_profile(smoke=1, quick=8, full=8)
TOL = mm.per_profile(smoke=10.0, quick=1e-4, full=1e-4)  # when to stop fitting


def learn(views, target, per_class, rounds=None, strength=None):
    rounds = ROUNDS if rounds is None else rounds
    C = strength or {"image": 0.01, "audio": 0.003, "both": 0.03}
    models = {name: LogisticRegression(C=C[name], max_iter=500, tol=TOL) for name in views}
    return colearning.CoTraining(models, rounds=rounds, per_class=per_class).fit(views, target)


def hits(said, truth):  # {name: (N, 10)} -> accuracy of each and of their product
    said = said | {"product": np.prod(list(said.values()), axis=0)}
    return {name: 100 * (p.argmax(1) == truth).mean() for name, p in said.items()}


# %% tags=["further"]
class Product(LogisticRegression):
    """Two classifiers on two parts of one vector; says their product."""

    def fit(self, x, y):
        pairs = zip((0.01, 0.003), self.cut(x), strict=True)
        self.parts_ = [LogisticRegression(C=c, max_iter=500, tol=TOL).fit(z, y) for c, z in pairs]
        self.classes_ = self.parts_[0].classes_
        return self

    def cut(self, x):
        return x[:, :64], x[:, 64:]

    def predict_proba(self, x):
        p = np.prod([model.predict_proba(z) for model, z in zip(self.parts_, self.cut(x), strict=True)], axis=0)
        return p / p.sum(1, keepdims=True)


def side_by_side(views, scale):
    return {"both": np.hstack([scale * views["image"], views["audio"]])}


# %% [markdown]
# All of them, and what they score on the test pairs:


# %% tags=["further"]
def beginners(w, n=3):
    """Test accuracy of each way to use the unlabelled pairs."""
    x, t = ({"image": w[k][0].numpy(), "audio": w[k][1].numpy()} for k in ("pairs", "test"))
    truth, answer = w["pairs"][2], w["test"][2].numpy()
    target = torch.where(first(truth, n), truth, -1).numpy()
    rows = {"labels only": hits(learn(x, target, 5, rounds=0).predict_proba(t), answer)}
    for name, how in OWN.items():
        models = {k: learn({k: x[k]}, target, pace, strength={k: C}) for k, (C, pace) in how.items()}
        rows[name] = hits({k: model.predict_proba({k: t[k]})[k] for k, model in models.items()}, answer)
    one = learn(side_by_side(x, SCALE), target, 10).predict_proba(side_by_side(t, SCALE))
    rows["side by side"] = {"product": hits(one, answer)["both"]}
    joint = colearning.CoTraining({"both": Product()}, rounds=ROUNDS, per_class=10).fit(side_by_side(x, 1.0), target)
    apart = zip(t.items(), joint.classifiers_["both"].parts_, strict=True)
    rows["jointly"] = hits({k: model.predict_proba(z) for (k, z), model in apart}, answer)
    rows["co-training"] = hits(learn(x, target, 5).predict_proba(t), answer)
    return rows


# %% tags=["further"]
SCALE = 3.0
OWN = {"by itself": {"image": (0.01, 10), "audio": (10.0, 10)}}  # strength and pace
OWN["by itself, for both"] = {"image": (0.01, 15), "audio": (0.003, 5)}
runs = [beginners(world(seed, 1.0, 1.0)) for seed in SEEDS]
print(f"{'test accuracy in %':20}{'picture':>22}{'sound':>22}{'both':>22}")
for name in runs[0]:
    shown = [interval([r[name][k] for r in runs]) if k in runs[0][name] else "" for k in ("image", "audio", "product")]
    print(f"{name:20}" + "".join(f"{cell!s:>22}" for cell in shown))

# %% [markdown]
# Against the rivals, on both views together:

# %%
ours, lone, side, joint = (
    np.array([r[name]["product"] for r in runs])
    for name in ("co-training", "by itself, for both", "side by side", "jointly")
)
mm.claim("18.6", "two views teach each other, minus each teaches itself", ours - lone, margin=10.0, unit="points")
print(f"co-training minus side by side {interval(ours - side):+}, minus jointly {interval(ours - joint):+} points")
for name in OWN:
    more = [r[name]["audio"] - r["labels only"]["audio"] for r in runs]
    print(f"sound, {name} minus labels only: {interval(more):+} points")

# %% [markdown]
# From 30 labelled pairs, two beginners take each other a long way. Each by itself gets less far, in both tunings: a model that is sure *and*
# wrong feeds itself. The other view can correct it, because it errs elsewhere. Letting the product pick
# ties with co-training, within the interval.

# %% [markdown]
# Does it err elsewhere? Two "cameras", *equally good*, in three degrees of independence: camera 2 sees **another** picture of the same
# digit; the **same** picture with noise of its own; the very **same image**, noise and all (it picks 10 instead of 5, for the same pace).

# %% tags=["further"]
STRENGTH = {"one": 0.01, "two": 0.01}


def cameras(seed):
    """Test accuracy of camera 1 for each kind of second camera; the rows labelled and the share labelled rightly."""
    clean, rng = world(seed, 0.0, 0.0), np.random.default_rng(100 + seed)
    (x, _, y), (t, _, answer) = ([z.numpy() for z in clean[k]] for k in ("pairs", "test"))
    noise, new = rng.standard_normal((2, *x.shape)), rng.standard_normal(t.shape)
    other = np.arange(len(x))
    for k in range(10):
        rows = rng.permutation(np.flatnonzero(y == k))
        other[rows] = np.roll(rows, 1)
    target, one = np.where(first(clean["pairs"][2], 3), y, -1), x + noise[0]
    made = {"labels only": learn({"one": one}, target, 10, 0, STRENGTH)}
    seconds = {"another picture": x[other] + noise[1], "same picture": x + noise[1], "same image": one}
    for name, two in seconds.items():
        made[name] = learn({"one": one, "two": two}, target, 10 if two is one else 5, strength=STRENGTH)
    right = {name: 100 * (m.classifiers_["one"].predict(t + new) == answer).mean() for name, m in made.items()}
    given = {name: ((m.labels_ >= 0).sum(), 100 * (m.labels_ == y)[m.labels_ >= 0].mean()) for name, m in made.items()}
    return right, given


# %% tags=["further"]
seen, given = zip(*[cameras(seed) for seed in SEEDS], strict=True)
figure = plotting.bars({name: [run[name] for run in seen] for name in seen[0]}, ylabel="camera 1, test accuracy in %")
figure.axes[0].patches[0].set_facecolor("darkgray")
figure

# %% [markdown] tags=["alt"]
# *Figure: four bars with intervals, camera 1's accuracy. Labels only, in grey, is lowest. Co-training with a second camera that sees another picture
# is highest; the same picture with its own noise is lower; the very same image lowest of the three.*

# %%
for name in ("same picture", "same image"):
    print(f"another picture minus {name}: {interval([run['another picture'] - run[name] for run in seen]):+} points")
for name in list(seen[0])[1:]:
    rows, right = np.mean([run[name] for run in given], axis=0)
    print(f"{name}: {rows:.0f} pairs labelled in the end, {right:.0f} % of them rightly")

# %% [markdown]
# Another picture teaches more than the same image, which is only self-training. Between another picture and the same picture the interval shows no clear difference.
# About as many pairs get a label each time; what falls is the share labelled *rightly*. Our picture and sound are independent given the class **by construction**: paired by label. In a film they are not.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask for pairs of views in people's own work and rank them by how independent their errors are: page text and
# links to it, left and right camera, X-ray and report written from that X-ray.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 Reading with the ears' classifier
#
# Distillation trains a new pupil for each task. **Cross-modal projection** trains once, without any label: a map from pictures into
# the *space of sounds* (Socher and others 2013: from pictures into a space of words). Then any classifier of sounds can be asked about a picture. The simplest map is ridge regression, on centred
# pictures $X$ and sounds $Y$ of the pairs:
#
# $$W = (X^\top X + \lambda I)^{-1} X^\top Y, \qquad \hat y = (x - \bar x) W + \bar y$$

# %% [markdown]
# ### Exercise 18.3 ●●○ 8 min
# Write `ridge_map(x, y, strength)`: `x` float tensor (N, p), `y` float tensor (N, q), `strength` ($\lambda$) a number above 0.
# Return `(weight, bias)`, tensors (p, q) and (q,), such that `x_new @ weight + bias` is $\hat y$. Example: x `[[0.], [2.]]`, y
# `[[1.], [5.]]`, strength 2 gives weight `[[1.]]` and bias `[2.]`.
# <details><summary>Hint: the idea</summary>Centre both, solve the equation, and put all that does not depend on the new x into the bias.</details>
# <details><summary>Hint: pseudocode</summary>a = x minus its column means; b = y minus its column means; weight = torch.linalg.solve(a'a + strength * eye(p), a'b); bias = mean of y - mean of x @ weight.</details>


# %% tags=["exercise"]
def ridge_map(x, y, strength):
    ### BEGIN SOLUTION
    a, b = x - x.mean(0), y - y.mean(0)
    weight = torch.linalg.solve(a.T @ a + strength * torch.eye(x.shape[1], dtype=x.dtype), a.T @ b)
    return weight, y.mean(0) - x.mean(0) @ weight
    ### END SOLUTION


# %%
check.ex18_3(ridge_map)

# %% [markdown]
# `colearning.CrossModalProjector` is this map. No picture label exists anywhere below: not in the map, not in the classifier
# ($\lambda = 100$; between 30 and 300 validation hardly moved).


# %%
def reads(w, pairs=None, mix=None):  # the ears' classifier on projected pictures
    x, sound, _ = (z[:pairs] for z in w["pairs"])
    sound = sound if mix is None else sound[torch.randperm(len(x), generator=torch.Generator().manual_seed(mix))]
    to_sound = colearning.CrossModalProjector(64, 260, strength=100.0).fit(x, sound)
    return lambda pictures: alone(*w["ear"][1:], 0.03)(to_sound(pictures))


NOISE = {"little": (0.25, 0.25), "more": (1.0, 0.5)}
quiet = {name: [world(seed, *levels) for seed in SEEDS] for name, levels in NOISE.items()}
read_by_ear = {k: np.array([accuracy(reads(w), *w["test"][::2]) for w in ws]) for k, ws in quiet.items()}
mm.claim("18.7", "little noise: accuracy minus 70 %", read_by_ear["little"] - 70, unit="points")
mm.claim("18.8", "more noise: accuracy minus 50 %", read_by_ear["more"] - 50, unit="points")


# %% tags=["further"]
def distilled(w):  # no picture label either
    x, sound, y = w["pairs"]
    return distil(x, alone(*w["ear"][1:], 0.03)(sound), torch.full_like(y, NONE))


for name, ws in quiet.items():
    mixed = [accuracy(reads(w, mix=seed), *w["test"][::2]) for seed, w in zip(SEEDS, ws, strict=True)]
    told = [accuracy(distilled(w), *w["test"][::2]) for w in ws]
    print(f"{name} noise, test accuracy in %: projection {interval(read_by_ear[name])},", end=" ")
    print(f"over shuffled pairs {interval(mixed)}, distilled without a picture label {interval(told)}")

# %% [markdown]
# How many pairs does it take?

# %% tags=["further"]
counts = (10, 30, 100, 300, 958)
curve = {"projection": [[accuracy(reads(w, count), *w["valid"][::2]) for count in counts] for w in quiet["little"]]}
labels = {"xlabel": "unlabelled pairs", "ylabel": "validation accuracy in %"}
plotting.lines(counts, curve, **labels, baseline=("chance", 10), logx=True)

# %% [markdown] tags=["alt"]
# *Figure: validation accuracy of projected pictures against the number of pairs, on a logarithmic axis: from somewhat above chance with ten pairs it rises steadily and
# flattens near the end.*

# %% [markdown]
# A classifier that never met a picture reads them. Honestly: the **distilled** pupil, with the same pairs and labels, reads better.
# The projection's merit is that it knows nothing of the task: change the classifier, and the pictures follow.
#
# Each pair was made with a label: the curve says what so many statements "same class" are worth.

# %% [markdown] tags=["predict"]
# **Predict first.** Take all 8s and 9s out of the pairs (the ears' classifier keeps them). How many written 8s and 9s will it
# read? Lesson 13 found pictures for names never seen. Will it work here?

# %%
rows = []
for w in quiet["little"]:
    (x, sound, y), (vx, _, vy) = w["pairs"], w["valid"]
    known = y < 8
    to_sound = colearning.CrossModalProjector(64, 260, strength=100.0).fit(x[known], sound[known])
    said = alone(*w["ear"][1:], 0.03)(to_sound(vx)).argmax(1) == vy
    rows.append([100 * said[group].float().mean().item() for group in (vy < 8, vy >= 8)])
paired, never = zip(*rows, strict=True)
print(f"validation accuracy in %: digits with pairs {interval(paired)}")
print("digits without, seed by seed:", ", ".join(f"{value:.0f}" for value in never))

# %% [markdown]
# Zero-shot transfer lives on what classes *share*. Emoji names share words (lesson 13). How an 8 looks says nothing about how
# "eight" sounds, so the map calls it a digit it knows. Ask of every zero-shot result what was shared.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 One trunk, two tasks
#
# A third way to use the pairs needs no teacher: **multi-task learning** (Caruana 1997). One shared trunk sees the picture; one head names the
# digit (few labels), another predicts its *sound* (all pairs). But how loud may the second task be? Kendall and others (2018) learn it: each task has
# a log-variance $s$, and
#
# $$L = \sum_m e^{-s_m} L_m + \tfrac{1}{2} s_m$$
#
# (In the article a squared error has another factor of one half.)

# %% [markdown]
# ### Exercise 18.4 ●○○ 5 min
# Write `weigh(losses, log_variances)`: two dicts with the same keys, from task name to a scalar tensor, $L_m$ and $s_m$. Return the
# scalar tensor $L$; gradients reach both. Example: losses 3 and 1, log-variances 0 and log 2 give 3 + 0.5 + 0.3466 = 3.8466.
# <details><summary>Hint: the idea</summary>A sum over the keys. The first part lets a task grow quiet, the second makes silence cost something.</details>
# <details><summary>Hint: pseudocode</summary>return the sum over names of exp(-s of the name) * loss of the name + s / 2.</details>


# %% tags=["exercise"]
def weigh(losses, log_variances):
    ### BEGIN SOLUTION
    return sum((-log_variances[name]).exp() * losses[name] + log_variances[name] / 2 for name in losses)
    ### END SOLUTION


# %%
check.ex18_4(weigh)

# %% [markdown]
# The same trunk of 32 numbers and the same steps for all, on the test pictures of section 3: **one task**; **and sound** (the 20 main
# directions of the sound, weight 3, better than 30 on validation); the same with **learned** weights; **and own picture** (no second
# modality); **and wrong sound**.


# %%
def share(w, n, second, weights, seed):
    torch.manual_seed(seed)
    x, _, truth = w["pairs"]
    known = first(truth, n)
    trunk = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3))
    model = colearning.MultiTask(trunk, {"digit": nn.Linear(32, 10), "other": nn.Linear(32, second.shape[1])}, weights)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=1.0)
    present = {"digit": known, "other": torch.ones_like(known)}
    for _ in range(STEPS):
        said = model(x)
        each = {"digit": functional.cross_entropy(said["digit"], truth, reduction="none")}
        each["other"] = (said["other"] - second).square().mean(1)
        optimizer.zero_grad()
        model.loss(each, present).backward()
        optimizer.step()
    return model.eval()


# %% tags=["further"]
STEPS = mm.per_profile(smoke=5, quick=80, full=80)


def main_directions(sound):
    """The 20 main directions of the sounds, each of spread 1."""
    centred = sound - sound.mean(0)
    found = centred @ torch.linalg.eigh(centred.T @ centred)[1][:, -20:]
    return found / found.std(0)


# %% [markdown]
# What the second task is worth (about 10 s):

# %% tags=["further"]
cells = {}
for seed, w in zip(SEEDS, worlds, strict=True):
    heard = main_directions(w["pairs"][1])
    mixed = heard[torch.randperm(len(heard), generator=torch.Generator().manual_seed(seed))]
    by_hand = {"digit": 1.0, "other": 3.0}
    kinds = {"one task": (heard, {"digit": 1.0, "other": 0.0}), "and sound": (heard, by_hand)}
    kinds |= {"and sound, learned": (heard, "learned"), "and own picture": (w["pairs"][0], by_hand)}
    kinds["and wrong sound"] = (mixed, by_hand)
    for n in (5, 20, 999):
        for name, (second, weights) in kinds.items():
            if n == 5 or name in ("one task", "and sound"):
                model = share(w, n, second, weights, seed)
                cells.setdefault((name, n), []).append(accuracy(lambda x: model(x)["digit"], *w["test"][::2]))  # noqa: B023

# %% tags=["further"]
for (name, n), values in sorted(cells.items(), key=lambda cell: cell[0][1]):
    more = interval(np.subtract(values, cells["one task", n])) if name != "one task" else None
    against = f"against one task {more:+} points" if more else ""
    print(f"{n if n < 99 else 'all':>3} labels a digit, {name:19} {np.mean(values):5.1f} % {against}")
for n, name in ((5, "alone"), (999, "all labelled")):
    plain = score[name, min(n, 20)].mean()
    print(f"{n if n < 99 else 'all':>3} labels a digit, {'softmax regression':19} {plain:5.1f} % (section 3)")
by_learning = np.subtract(cells["and sound, learned", 5], cells["and sound", 5])
print(f"learned weights minus weights by hand {interval(by_learning):+} points")

# %% [markdown]
# With few labels the sound is worth a few points as a second task; with all labels no gain is visible. It must be *about the same thing*:
# the own picture adds nothing visible, the wrong sound harms. Learned weights gain without a search, but no more than those
# by hand. And see the softmax regression: the trunk with two
# tasks is no better with 5 labels, and worse with all. Pairs *with a teacher's labels* (section 3) are worth far more than pairs alone.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: collect second tasks from people's own projects. Which are about the same thing, and who would notice if not?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 Rare classes
#
# Real labels are not balanced. Keep only one in eight of the digits 5 to 9, in pairs and labels alike (16 labels of each common digit, 2 of
# each rare one), and judge once on test data thinned in the same way. **Accuracy** asks how often you are right;
# **balanced accuracy** is the mean over classes of the share recognised.

# %% [markdown]
# ### Exercise 18.5 ●○○ 5 min
# Write `balanced(predicted, truth)`: int arrays (N,). For each class that occurs in `truth` take the share of its items that were
# predicted rightly; return the mean of these shares, a float. Example: predicted `[0, 0, 0, 1]`, truth `[0, 0, 1, 1]`
# gives (1 + 0.5) / 2 = 0.75.
# <details><summary>Hint: the idea</summary>Each class counts once, however large. What was predicted for items of other classes does not matter.</details>
# <details><summary>Hint: pseudocode</summary>for each class in unique(truth): share = mean of (predicted == class) where truth == class; return the mean of the shares.</details>


# %% tags=["exercise"]
def balanced(predicted, truth):
    ### BEGIN SOLUTION
    return float(np.mean([np.mean(predicted[truth == k] == k) for k in np.unique(truth)]))
    ### END SOLUTION


# %%
check.ex18_5(balanced)

# %% [markdown]
# One remedy: **logit adjustment** (Menon and others 2021). In training, add the logarithm of each class's frequency (as the teacher
# hears it) to the logits; leave it out when you predict.


# %% tags=["further"]
def thin(y):
    """Rows kept when only one in eight of the digits 5 to 9 stay."""
    return torch.stack([(y == k) & ((y == k).cumsum(0) % (8 if k >= 5 else 1) == 0) for k in range(10)]).any(0)


def rare(w):
    """Five pupils."""
    (x, sound, y) = (z[thin(w["pairs"][2])] for z in w["pairs"])
    known = torch.where(y < 5, first(y, 16), first(y, 2))
    hears = alone(*w["ear"][1:], 0.03)
    target, said = torch.where(known, y, NONE), hears(sound)
    often = torch.bincount(said.argmax(1), minlength=10) + 1.0
    costs = torch.where(torch.arange(10) < 5, 1 / 16, 1 / 2)
    made = {"alone": alone(x[known], y[known]), "ear": distil(x, said, target)}
    made["alone, weighted"] = train(x[known], lambda z: functional.cross_entropy(z, y[known], weight=costs), 10.0)
    loss = colearning.distillation_loss
    made["ear, adjusted"] = train(x, lambda z: loss(z + often.log(), said, target, weight=0.9), 0.1)
    (x, sound, y) = (z[first(w["pairs"][2], len(y) // 10)] for z in w["pairs"])  # as many pairs, all digits alike
    known = torch.where(y < 5, first(y, 16), first(y, 2))
    made["ear, even pairs"] = distil(x, hears(sound), torch.where(known, y, NONE))
    return made


# %% [markdown]
# Accuracy is taken on thinned test pictures, the other two on all, so that a rare digit is judged by more than a handful:


# %% tags=["further"]
def judged(model, w):
    (x, _, y), t = w["test"], thin(w["test"][2])
    said = model(x).argmax(1)
    share = 100 * (said == y)[y >= 5].float().mean().item()
    return accuracy(model, x[t], y[t]), 100 * balanced_accuracy_score(y, said), share


kinds = [{name: judged(model, w) for name, model in rare(w).items()} for w in worlds]
print(f"{'test, in %':16}{'accuracy':>22}{'balanced accuracy':>22}{'of the rare digits':>22}")
for name in ("alone", "alone, weighted", "ear", "ear, adjusted", "ear, even pairs"):
    columns = zip(*[run[name] for run in kinds], strict=True)
    print(f"{name:16}" + "".join(f"{interval(column)!s:>22}" for column in columns))

# %% [markdown]
# Read the row *ear*: better accuracy than alone, and hardly one rare digit recognised, as before. From as many pairs with all digits
# alike (last row) the same teacher, with the same labels by eye, teaches the rare ones: the pairs' balance decides. Adjusted, they come
# back without new pairs, at a price: accuracy falls below *alone*. Which you want depends on what a missed
# rare case costs.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask which of *ear* and *ear, adjusted* they would ship for a sorting machine, and which for a screening of patients.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# Can something that hears teach something that only sees? **Yes, if the pairs are true.** A teacher with labels of its own brought its
# pupil close to full supervision with hardly a label by eye; it may even surpass its teacher. Two beginners teach each other if they err
# independently. But habits are inherited, wrong pairs harm, what has no pairs stays unread, and the rare drown. The labels were
# not saved: they were bought where they are cheap.

# %% [markdown]
# ## What can go wrong
#
# - **Pairs that do not belong together.** Check a hundred by hand before you distil from a million.
# - **Recordings in the teacher's training and in the pairs**: there it is surer than it deserves.
# - **A rival without the unlabelled data.** Compare with self-training.
# - **Tuning on more labels than you train on.** Our validation labels are a luxury that all methods had.

# %% [markdown]
# ## What articles say, what is true
#
# - *"Soft targets carry dark knowledge."* Sometimes. Print the hard labels beside.
# - *"Label-efficient."* In which modality, and who labelled the teacher's data?
# - *"Zero-shot."* Ask what seen and unseen classes share.

# %% [markdown]
# ## Three key points
#
# 1. Unlabelled pairs carry labels from one modality to another; their truth and number limit what arrives.
# 2. A pupil averages out its teacher's accidents and inherits its habits.
# 3. Two views help each other only as far as they err independently.

# %% [markdown]
# ## Quiz
#
# **1.** A pupil on pictures beats the teacher on sounds from which alone it learned. What is the likely reason?
# <details><summary>A: some labels of the test pictures have leaked into its training</summary>Possible elsewhere; here no picture label was used at all.</details>
# <details><summary>B: what the teacher got wrong had little to do with the pictures</summary>Right. Errors that the picture does not predict average out over many pairs.</details>
# <details><summary>C: the pupil has more weights than its teacher and can store more</summary>It has fewer: 64 inputs against 260.</details>
#
# **2.** You co-train on the left and the right half of a stereo camera. What do you expect?
# <details><summary>A: little more than self-training, since both err on the same scenes</summary>Right. Two views that share their errors are nearly one view.</details>
# <details><summary>B: a large gain, since two views are always better than one</summary>Only as far as one knows what the other does not.</details>
# <details><summary>C: harm, since two views that agree push labels on each other</summary>Not more than self-training does; a copy adds nothing, good or bad.</details>
#
# **3.** Distillation lifts accuracy by several points on data where half of the classes are rare. What do you check?
# <details><summary>A: whether a higher temperature would lift it by even more</summary>That does not tell you who pays for the gain.</details>
# <details><summary>B: whether the accuracy of the teacher is higher than the pupil's</summary>Interesting, but the mean may hide the rare classes there as well.</details>
# <details><summary>C: the share recognised of each class, the rare ones first</summary>Right. The gain may come from common classes only, while rare ones vanish.</details>

# %% [markdown]
# ## Going further
#
# <details><summary>Larger worlds</summary>SoundNet (Aytar and others 2016) distilled picture networks into a sound network over two million videos. CLIP's text tower as a teacher of small picture networks, or a speech recogniser as the teacher of a lip reader (Afouras and others 2020), are the same figure at the top of this page with other names.</details>
#
# <details><summary>Consistency instead of a teacher</summary>Many methods ask a model to say the same of two distorted copies of one picture. That is co-training with two views made by hand, and the question of section 6 stays: what may differ between the views?</details>

# %% [markdown]
# ## References
#
# - Afouras, T., Chung, J. S., Zisserman, A. (2020). ASR is all you need: cross-modal distillation for lip reading. ICASSP.
# - Aytar, Y., Vondrick, C., Torralba, A. (2016). SoundNet: learning sound representations from unlabeled video. NIPS.
# - Blum, A., Mitchell, T. (1998). Combining labeled and unlabeled data with co-training. COLT.
# - Caruana, R. (1997). Multitask learning. Machine Learning 28.
# - Gupta, S., Hoffman, J., Malik, J. (2016). Cross modal distillation for supervision transfer. CVPR.
# - Hinton, G., Vinyals, O., Dean, J. (2015). Distilling the knowledge in a neural network. arXiv:1503.02531.
# - Kendall, A., Gal, Y., Cipolla, R. (2018). Multi-task learning using uncertainty to weigh losses for scene geometry and semantics. CVPR.
# - Menon, A. K. and others (2021). Long-tail learning via logit adjustment. ICLR.
# - Socher, R., Ganjoo, M., Manning, C. D., Ng, A. Y. (2013). Zero-shot learning through cross-modal transfer. NIPS.
