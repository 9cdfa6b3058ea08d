# %% [markdown]
# # 5 Encoders and how they are trained
#
# **How does a network learn features by itself, and when should it not have to?** · 90 minutes · needs lessons 3 and 4
#
# ![Pictures go through a convolutional network, sounds through an LSTM, words through attention; each gives features, one linear layer turns them into an answer, and the loss of the answer tells gradient descent how to change all weights](flow: picture -> CNN -> features; sound -> LSTM -> features; words -> attention -> features; features -> linear head -> answer -> loss -> gradient step on all weights)
#
# In lesson 4 *you* decided what a picture becomes: HOG, MFCC, TF-IDF. Here a network decides. You train one yourself, look
# inside two of its parts, and find out when somebody else's training is worth more than yours. Folded code prepares, draws
# or repeats what you have seen; you need not open it.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, plotting, representation, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Down a ravine
#
# A network is a formula with many numbers in it, its **weights** $w$. Training means: choose the weights so that a **loss**
# $L(w)$, which is large when the answers are wrong, becomes small. The **gradient** $\nabla L(w)$ says which way the loss
# climbs, so we step the other way. Repeat.
#
# Two weights are enough to see what is hard about it. Our loss is a ravine, 100 times steeper across than along. Its
# minimum is at (0, 0).

# %%
import torch
from torch import nn
from torch.nn import functional as F

STEEP, START = torch.tensor([1.0, 100.0]), torch.tensor([-4.0, 0.6])


def ravine(w):
    """Loss of two weights: a valley, 100 times steeper across than along."""
    return (STEEP * w**2).sum() / 2


# %% [markdown]
# Two recipes for a step (a third comes soon), with the **learning rate** $\eta$ (how far to go):
#
# - **gradient descent**: $w \leftarrow w - \eta\, g$, where $g$ is the gradient;
# - **momentum** (Polyak 1964): remember a speed, $s \leftarrow 0.9\, s + g$, and step $w \leftarrow w - \eta\, s$. Pushes
#   that alternate cancel; pushes that agree add up.
#
# Each function takes the weights, the gradient and what it remembers, and returns the new weights and the new memory.


# %%
def gradient_step(w, gradient, memory, lr):
    """Step against the gradient; remembers nothing."""
    return w - lr * gradient, memory


def momentum_step(w, gradient, memory, lr):
    """Step against a speed that remembers earlier gradients."""
    speed = 0.9 * memory + gradient
    return w - lr * speed, speed


def descend(step, memory, lr, steps=60):
    """Walk down the ravine -> the places visited (steps + 1, 2)."""
    places = [START]
    for _ in range(steps):
        w, memory = step(places[-1], STEEP * places[-1], memory, lr)  # the ravine's gradient is STEEP * w
        places.append(w)
    return torch.stack(places)


# %% [markdown]
# For the ravine we worked the gradient out on paper. PyTorch does that for any formula. One weight shows how:

# %%
w = torch.tensor(3.0, requires_grad=True)
inner = 2 * w
loss = inner**2
loss.backward()
print(f"torch: {w.grad.item():g}    by hand: {(2 * inner.item()) * 2:g}")

# %% [markdown]
# By hand: the loss changes $2 \times$ `inner` times as fast as `inner`, and `inner` twice as fast as $w$; multiply. This is the
# **chain rule**. A network is a longer chain: `backward()` starts at the loss and hands the product back, layer by layer, to
# every weight (**backpropagation**). So one number, the loss, teaches the first layer too.
#
# | line | what it does |
# |---|---|
# | `w.requires_grad_()` | keep a record of all that is computed from `w` |
# | `optimizer.zero_grad()` | forget old gradients; otherwise new ones are added to them |
# | `loss.backward()` | go back through the record, put gradients into `.grad` |
# | `optimizer.step()` | change the weights by the recipe |
# | `w.detach()` | the same numbers without the record |
# | `with torch.no_grad():` | keep no record: we only measure |

# %% [markdown]
# Our two recipes are in `torch.optim.SGD`. Are they the same?


# %%
def library_walk(make, steps=60):
    """The same walk by an optimiser of torch."""
    w = START.clone().requires_grad_()
    optimizer, places = make([w]), [START]
    for _ in range(steps):
        optimizer.zero_grad()
        ravine(w).backward()
        optimizer.step()
        places.append(w.detach().clone())
    return torch.stack(places)


plain = descend(gradient_step, 0.0, lr=0.0195)
fast = descend(momentum_step, 0.0, lr=0.01)
assert torch.allclose(plain, library_walk(lambda w: torch.optim.SGD(w, lr=0.0195)), atol=1e-5)
assert torch.allclose(fast, library_walk(lambda w: torch.optim.SGD(w, lr=0.01, momentum=0.9)), atol=1e-5)

# %% [markdown]
# The same. A third recipe, **Adam** (Kingma and Ba 2015), gives every weight its own step size: it divides by how large that
# weight's gradients usually are. With $t = 1, 2, \dots$ counting the steps,
#
# $$m \leftarrow 0.9\, m + 0.1\, g \qquad v \leftarrow 0.999\, v + 0.001\, g^2 \qquad
# w \leftarrow w - \eta\, \frac{m / (1 - 0.9^t)}{\sqrt{v / (1 - 0.999^t)} + 10^{-8}}$$
#
# $m$ and $v$ start at 0, so early on they are too small; the two divisions by $1 - \dots^t$ correct that.

# %% [markdown]
# ### Exercise 5.1 ●●○ 8 min
# Write `adam_step(w, gradient, memory, lr)`. `memory` is the tuple `(m, v, t)`: two tensors shaped like `w` and the number of
# steps taken *before* this one (0 at first). Return the new `w` and the new `(m, v, t)`; leave the arguments unchanged. Example:
# from `w = tensor([1.0])`, gradient `tensor([4.0])`, memory `(tensor([0.0]), tensor([0.0]), 0)` and `lr = 0.1` a right answer returns
# `tensor([0.9])` and `(tensor([0.4]), tensor([0.016]), 1)`. The first step has length `lr`, whatever the gradient.
# <details><summary>Hint: the idea</summary>Five lines, in the order of the formula: count, update m, update v, correct both, step. What you return as memory is m and v before the correction.</details>
# <details><summary>Hint: pseudocode</summary>m, v, t = memory. t = t + 1. m = 0.9 m + 0.1 gradient. v = 0.999 v + 0.001 gradient squared. direction = (m / (1 - 0.9^t)) / (root of (v / (1 - 0.999^t)) + 1e-8). Return w - lr direction and (m, v, t).</details>


# %% tags=["exercise"]
def adam_step(w, gradient, memory, lr):  # (n,), (n,), ((n,), (n,), int), float -> (n,), memory
    ### BEGIN SOLUTION
    m, v, t = memory
    t = t + 1
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient**2
    direction = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
    return w - lr * direction, (m, v, t)
    ### END SOLUTION


# %%
check.ex5_1(adam_step)

# %% [markdown]
# Torch has all three:

# %%
import numpy as np

MAKERS = {
    "plain descent": lambda w, lr: torch.optim.SGD(w, lr=lr),
    "momentum": lambda w, lr: torch.optim.SGD(w, lr=lr, momentum=0.9),
    "Adam": lambda w, lr: torch.optim.Adam(w, lr=lr),
}

# %% [markdown]
# Here are the three walks, each with the learning rate out of nine that ends lowest after 60 steps.

# %% tags=["further"]
import matplotlib.pyplot as plt

rates, walks = [0.0025, 0.005, 0.01, 0.0195, 0.03, 0.1, 0.2, 0.4, 0.8], {}
for name, make in MAKERS.items():
    tried = {lr: library_walk(lambda w, make=make, lr=lr: make(w, lr)) for lr in rates}
    lr = min(tried, key=lambda lr: float(ravine(tried[lr][-1]).nan_to_num(1e9)))
    walks[f"{name}, rate {lr:g}"] = tried[lr]
x, y = np.meshgrid(np.linspace(-4.6, 2, 80), np.linspace(-0.9, 0.9, 60))
figure, grid = plt.subplots(3, 1, figsize=(8, 7.6), sharex=True)
for axes, (name, walk), color in zip(grid, walks.items(), (0, 1, 2), strict=True):
    axes.contour(x, y, x**2 + 100 * y**2, levels=np.geomspace(0.5, 70, 7), colors="#BBBBBB", linewidths=1)
    axes.plot(*walk.T, "o-", color=plotting.COLORS[color], markersize=3, linewidth=1.2)
    axes.plot(0, 0, "*", color="#222222", markersize=12)
    axes.set(
        title=f"{name}; loss at the end {ravine(walk[-1]):.1g}",
        xlim=(-4.6, 2),
        ylim=(-0.9, 0.9),
        aspect="equal",
        ylabel="across",
    )
_ = grid[-1].set_xlabel("along")

# %% [markdown] tags=["alt"]
# *Figure: contour lines of a long narrow valley, drawn to scale, with a star at its lowest point, three times. Plain descent
# zigzags between the walls and has not arrived. Momentum swings past the minimum and comes back to it. Adam takes a curved way
# and ends close to it. The titles give the learning rate and the loss at the end.*

# %% [markdown]
# Plain descent cannot take a larger step: across the ravine it would overshoot and fly out. So along the floor it is too
# slow. Momentum and Adam are two answers to that. Which one is better on a real network? Keep your guess for section 5.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let the group shout "further" or "stop" while you raise the rate of plain descent. Just above 0.02 the walk
# flies out; that one moment explains most failed trainings.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 The training loop, once by hand
#
# An **encoder** turns an input into features. One linear layer on top, the **head**, turns features into one score a class.
# All encoders of this course share one contract, `encoder(x, mask=None) -> (features, mask)`; the mask says which steps of
# a sequence are real (section 3). The loss is **cross-entropy**: minus the logarithm of the probability that the model gave
# to the right class.

# %% [markdown]
# | in torch | what it means |
# |---|---|
# | `class X(nn.Module)` | a part that owns weights |
# | `super().__init__()` | comes first, so that torch can list them |
# | `forward(...)` | what happens when you call `model(...)` |
# | `model.train()`, `model.eval()` | mode for learning, mode for use; some layers differ between them |
# | `model.state_dict()` | all weights by name, to save or to put back |


# %%
class Classifier(nn.Module):
    """An encoder of one modality and a linear head: inputs, masks -> scores (B, classes)."""

    def __init__(self, encoder, key, classes):
        super().__init__()
        self.encoder, self.key, self.head = encoder, key, nn.Linear(encoder.out_dim, classes)

    def forward(self, inputs, masks):
        features, _ = self.encoder(inputs[self.key], masks.get(self.key))
        return self.head(features)


def cross_entropy(model, batch):
    """Mean loss of a batch (inputs, masks, target)."""
    inputs, masks, target = batch
    return F.cross_entropy(model(inputs, masks), target)


# %% [markdown]
# The whole of training is these lines. One pass through all the items is an **epoch**. In each epoch: shuffle, cut into
# **batches**, and for each batch go forward, measure the loss, go backward (compute gradients), step. Then measure the loss
# on validation items, which the model never learns from, and remember the best epoch's weights.

# %%
import copy


def train_by_hand(model, train, valid, epochs, optimizer, batch_size=64, seed=0):
    """Train and keep the best epoch's weights -> validation loss after each epoch."""
    order, curve = torch.Generator().manual_seed(seed), []
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(train), generator=order).split(batch_size):
            batch = mm.data.collate([train[i] for i in rows.tolist()])
            optimizer.zero_grad()
            cross_entropy(model, batch).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            curve.append(cross_entropy(model, mm.data.collate([valid[i] for i in range(len(valid))])).item())
        if curve[-1] == min(curve):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return curve


# %% [markdown]
# Train a **multi-layer perceptron** (MLP: linear layers with $\max(0, x)$, called ReLU, between them) on lesson 3's
# handwritten digits, and compare with the package's `mm.fit`, which adds a progress bar, GPUs and error messages. AdamW is
# Adam with one change that *Going further* explains.

# %%
digits = mm.load("digits")


def new_mlp(seed=0):
    """An untrained classifier of 8 x 8 pictures."""
    torch.manual_seed(seed)
    return Classifier(representation.MLPEncoder(64, 32, hidden=(64,)), "image", 10)


ours, theirs = new_mlp(), new_mlp()
curve = train_by_hand(ours, digits.train, digits.valid, 8, torch.optim.AdamW(ours.parameters(), 3e-3, weight_decay=0))
history = mm.fit(theirs, digits.train, digits.valid, loss=cross_entropy, epochs=8, lr=3e-3, device="cpu", verbose=False)
assert np.allclose(curve, history.valid, atol=1e-4)
plotting.lines(range(1, 9), {"by hand": curve, "mm.fit": history.valid}, xlabel="epoch", ylabel="validation loss")

# %% [markdown] tags=["alt"]
# *Figure: validation loss falls over eight epochs, steeply first; the curve by hand and the curve of mm.fit lie exactly on top
# of each other.*

# %% [markdown]
# One curve hides the other. From here on we use `fit`. The next helper collects a trained model's answers, the class with the
# highest score, on a whole split.


# %% tags=["further"]
def answers(model, split):
    """Classes that a model says for the items of a split (N,)."""
    inputs, masks, _ = mm.data.collate([split[i] for i in range(len(split))])
    device = next(model.parameters()).device
    with torch.no_grad():
        scores = model({k: v.to(device) for k, v in inputs.items()}, {k: v.to(device) for k, v in masks.items()})
    return scores.argmax(dim=1).cpu().numpy()


common = np.bincount(digits.train.target).argmax()
print(f"MLP: {np.mean(answers(ours, digits.valid) == digits.valid.target):.2f} of the validation digits right")
print(f"always the most common digit: {np.mean(digits.valid.target == common):.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Why share weights?
#
# To an MLP a picture is a row of numbers; each pixel has weights of its own. A **convolution** slides one small set of
# weights (here 3 by 3) over the whole picture: $y_{ij} = \sum_{a,b} w_{ab}\, x_{i+a,\,j+b}$. What it learns in one corner, it
# knows in all: move the picture, and the response moves too. A convolutional network (**CNN**, LeCun and others 1998) stacks such
# layers, keeps their numbers at one scale (by GroupNorm) and shrinks the picture in between. Ours
# averages over all places at the end, so where a pattern was hardly matters.
#
# To see what that buys, put each digit on a canvas of 12 by 12 pixels: in the middle, or anywhere.


# %% tags=["further"]
def on_canvas(split, moved):
    """Digits on a 12 x 12 canvas, in the middle or shifted by up to two pixels each way."""
    rng, (inputs, digit) = np.random.default_rng(1), split.arrays()
    canvas = np.zeros((len(digit), 1, 12, 12), dtype=np.float32)
    for empty, picture in zip(canvas, inputs["image"], strict=True):
        down, right = rng.integers(5, size=2) if moved else (2, 2)
        empty[:, down : down + 8, right : right + 8] = picture
    return mm.data.Split({"image": canvas}, digit)


centred = {part: on_canvas(getattr(digits, part), moved=False) for part in ("train", "valid", "test")}
shifted = on_canvas(digits.test, moved=True)
pairs = [(centred["test"][i][0]["image"], shifted[i][0]["image"]) for i in range(20)]
moved = [pair for pair in pairs if not np.array_equal(*pair)][:3]
plotting.images([picture for pair in moved for picture in pair], ["centred", "shifted"] * 3)

# %% [markdown] tags=["alt"]
# *Figure: three digits, each twice on a black canvas: once in the middle, once shifted by a pixel or two.*

# %% [markdown] tags=["predict"]
# **Predict first.** Train both networks on *centred* digits only. Then test on centred and on shifted ones. How many of ten
# shifted digits will each get right? Chance is one.

# %%
from mmcourse.metrics import interval

SEEDS, EPOCHS = range(5), mm.per_profile(smoke=1, quick=6, full=20)
BUILD = {
    "MLP": lambda: representation.MLPEncoder(144, 32, hidden=(64,)),
    "CNN": lambda: representation.CNNEncoder(1, 32, channels=(16, 32)),
}
right = {f"{name}, {kind}": [] for kind in ("centred", "shifted") for name in BUILD}
for name, build in BUILD.items():
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = Classifier(build(), "image", 10)
        mm.fit(model, centred["train"], centred["valid"], loss=cross_entropy, epochs=EPOCHS, lr=5e-3, verbose=False)
        for kind, split in (("centred", centred["test"]), ("shifted", shifted)):
            right[f"{name}, {kind}"].append(np.mean(answers(model, split) == split.target))
    print(f"{name}: {sum(p.numel() for p in model.parameters())} weights")
plotting.bars(right, ylabel="test accuracy", title="Trained on centred digits", baseline=("chance", 0.1))

# %% [markdown] tags=["alt"]
# *Figure: four bars with intervals and a dashed line at chance. On centred digits both are high, the MLP a little higher. On shifted
# digits the MLP falls close to chance, while the CNN keeps more than half.*

# %% [markdown]
# Where all digits stand in the middle, the MLP is no worse, on average even better. Shift them, and the CNN wins, with fewer
# weights and without ever having seen a shifted digit. Part of the knowledge that a stroke is a stroke wherever it stands is in its
# structure. Only part, for the CNN loses too: halving the picture keeps only every second place, and borders cut strokes off.

# %%
gap = 100 * (np.array(right["CNN, shifted"]) - np.array(right["MLP, shifted"]))
mm.claim("05.3", "trained on centred digits, a CNN beats an MLP on shifted ones", gap, margin=15, unit="points")

# %% [markdown]
# And what did it learn? Here are the five of the 16 filters of the last CNN's first layer that changed most: as they started, after
# training, and where they respond on one digit.

# %% tags=["further"]
torch.manual_seed(SEEDS[-1])
start, conv = BUILD["CNN"]().blocks[0].weight.detach()[:, 0], model.encoder.blocks[0]
digit, learned = torch.as_tensor(moved[0][0]), conv.weight.detach()[:, 0]
response = conv(digit[None]).detach()[0].relu()
chosen = (learned - start).abs().mean(dim=(1, 2)).argsort(descending=True)[:5].tolist()
figure, grid = plt.subplots(3, 6, figsize=(9, 4.6))
for row, (label, maps) in enumerate((("at the start", start), ("after training", learned), ("response", response))):
    look = {"cmap": "gray"} if row == 2 else {"cmap": "RdBu_r", "vmin": -0.7, "vmax": 0.7}
    for axes, i in zip(grid[row, 1:], chosen, strict=True):
        axes.imshow(maps[i], **look)
    grid[row, 0].text(1, 0.5, label, ha="right", va="center", transform=grid[row, 0].transAxes)
grid[2, 0].imshow(digit[0], cmap="gray")
grid[2, 0].set_title("response to this digit:", fontsize=10)
grid[2, 0].texts[0].remove()
for axes in grid.flat:
    axes.axis("off")

# %% [markdown] tags=["alt"]
# *Figure: a grid of small squares. Top: five random 3 by 3 patterns of red (positive) and blue (negative) weights. Middle: the same
# five after training, shifted in some places. Bottom: a digit, and where each trained filter responds to it: each lights up
# on other parts of the strokes.*

# %% [markdown]
# Nobody drew these patterns. They started at random, and the gradient of one loss, handed back through all layers, pushed each weight a
# little; a few epochs are a short way. A filter with red on one side and blue on the other answers to an edge in that direction, much
# like a bin of HOG. The second layer looks for patterns of such responses, and so on: **learned features**.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask what each filter looks for before you show the bottom row. Then ask which of lesson 4's features it reminds
# them of.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 A network with memory, and what padding does to it
#
# A sound is a sequence. A **recurrent** network reads it step by step and carries a state along. The **LSTM** (long short-term
# memory, Hochreiter and Schmidhuber 1997) carries two: $h$, what it says, and $c$, what it remembers. One vector
# $z = W_x x + b_x + W_h h + b_h$ is cut into four parts:
#
# $$i, f, o = \sigma(z_1), \sigma(z_2), \sigma(z_4) \qquad n = \tanh(z_3)$$
# $$c \leftarrow f \odot c + i \odot n \qquad h \leftarrow o \odot \tanh(c)$$
#
# $\odot$ multiplies number by number. $\sigma(z) = 1 / (1 + e^{-z})$ lies between 0 and 1: $i$, $f$ and $o$ are **gates**. They
# decide what comes in, stays ($f$, Gers and others 2000), goes out.

# %% [markdown]
# ### Exercise 5.2 ●●○ 10 min
# Write `lstm_cell(x, h, c, weights)` for a batch. `x` is (B, d), `h` and `c` are (B, n), `weights` is
# `(w_x, b_x, w_h, b_h)` with shapes (4n, d), (4n,), (4n, n), (4n,), in torch's order of the four parts: $i$, $f$, $n$, $o$.
# Return the new `(h, c)`. Example: with all weights and biases 0, every gate is one half and $n$ is 0, so from `c` = 1 a right
# answer gives `c` = 0.5 and `h` = 0.5 tanh(0.5) = 0.231.
# <details><summary>Hint: the idea</summary>One matrix product for the input, one for the state. Then `z.chunk(4, dim=1)` cuts the sum into four parts of width n.</details>
# <details><summary>Hint: pseudocode</summary>z = x times w_x transposed + b_x + h times w_h transposed + b_h. Cut z into enter, forget, new, leave. c = sigmoid(forget) c + sigmoid(enter) tanh(new). h = sigmoid(leave) tanh(c), with the new c.</details>


# %% tags=["exercise"]
def lstm_cell(x, h, c, weights):  # (B, d), (B, n), (B, n), four tensors -> (B, n), (B, n)
    ### BEGIN SOLUTION
    w_x, b_x, w_h, b_h = weights
    z = x @ w_x.T + b_x + h @ w_h.T + b_h
    enter, forget, new, leave = z.chunk(4, dim=1)
    c = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
    return leave.sigmoid() * c.tanh(), c
    ### END SOLUTION


# %%
check.ex5_2(lstm_cell)

# %% [markdown]
# A right answer equals `torch.nn.LSTMCell` to a millionth; the check compares. The package's `LSTMEncoder` runs torch's cell
# over whole batches and returns the mean of $h$ over the real steps. Ours will listen to spoken digits: 13 MFCCs a moment
# (lesson 4), scaled by the training recordings.

# %% tags=["further"]
spoken = mm.load("spoken_digits")
moments = np.concatenate(spoken.train.arrays()[0]["audio"])
MEAN, SPREAD = moments.mean(axis=0), moments.std(axis=0)


def scaled(split):
    """The same recordings with MFCCs of mean 0 and spread 1."""
    inputs, digit = split.arrays()
    most = mm.per_profile(smoke=200, quick=1100, full=len(digit))
    return mm.data.Split({"audio": [(a - MEAN) / SPREAD for a in inputs["audio"][:most]]}, digit[:most])


sounds = {part: scaled(getattr(spoken, part)) for part in ("train", "valid", "test")}
inputs, masks, target = mm.data.collate([sounds["train"][i] for i in range(4)])
print("batch:", tuple(inputs["audio"].shape), "  real moments:", masks["audio"].sum(dim=1).tolist())

# %% [markdown]
# Recordings differ in length, a batch is a box. `collate` fills the shorter ones up with zeros (**padding**) and returns a
# **mask**: True where a moment is real. What if you forget the mask? Train the same LSTM with and without it. Then ask it twice
# about each test recording: alone, and in one batch with all the others, where the longest decides how much padding all get.


# %%
class Maskless(Classifier):
    """A classifier that forgets to hand on the masks."""

    def forward(self, inputs, masks):
        return super().forward(inputs, {})


def says(model, items):
    """Classes of items in one batch."""
    inputs, masks, _ = mm.data.collate(items)
    with torch.no_grad():
        return model(inputs, masks).argmax(dim=1).numpy()


# %% [markdown] tags=["predict"]
# **Predict first.** The recording is the same, alone or in the batch. Without a mask, for how many of a hundred recordings does the
# answer change? And with it? This takes about 10 s.

# %% tags=["further"]
EPOCHS_AUDIO = mm.per_profile(smoke=1, quick=2, full=20)
tested = [sounds["test"][i] for i in range(200)]
spoken_digit = sounds["test"].target[:200]
heard, changed = {}, {}
for name, kind in (("mask", Classifier), ("no mask", Maskless)):
    heard[f"{name}, alone"], heard[f"{name}, in the batch"], changed[name] = [], [], []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = kind(representation.LSTMEncoder(13, 32), "audio", 10)
        options = {"loss": cross_entropy, "epochs": EPOCHS_AUDIO, "lr": 1e-2, "verbose": False, "device": "cpu"}
        mm.fit(model, sounds["train"], sounds["valid"], **options)
        alone, together = np.concatenate([says(model, [item]) for item in tested]), says(model, tested)
        heard[f"{name}, alone"].append(np.mean(alone == spoken_digit))
        heard[f"{name}, in the batch"].append(np.mean(together == spoken_digit))
        changed[name].append(100 * np.mean(alone != together))
plotting.bars(heard, ylabel="test accuracy", title="An LSTM on spoken digits", baseline=("chance", 0.1))

# %% [markdown] tags=["alt"]
# *Figure: four bars of test accuracy with intervals and a dashed line at chance. With the mask, alone and in the batch are equally
# high. Without it both are clearly lower.*

# %%
worth = 100 * (np.array(heard["mask, in the batch"]) - np.array(heard["no mask, in the batch"]))
assert np.max(changed["mask"]) < 1
mm.claim("05.4", "the mask is worth test accuracy", worth, margin=2, unit="points")
for name, share in changed.items():
    print(f"{name}: the batch changes the answer for {interval(share)} % of the recordings")

# %% [markdown]
# With the mask the batch does not matter. Without it, the answer to your recording depends on *whose recording is in the same
# batch*. Empty moments are not silence: our MFCCs were scaled, so zeros mean "an average sound", and the encoder averages over
# them too. It is one of the most common silent mistakes with sequences: nothing crashes, the score is only lower. Part of the
# gap is slow learning: a network that trains much longer (profile `full`) learns to live with the padding, and the claim above
# may then fail. Its answers still depend on the batch.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: this is the mistake to remember from this lesson. Ask who has padded without a mask; most have.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Attention: look where it matters
#
# **Attention** (Bahdanau and others 2015; in this form Vaswani and others 2017) computes which steps matter. A **query** $q$
# asks; each step has a **key** $k_s$ and a **value** $v_s$; the answer is an average of the values, weighted by how well query
# and key agree:
#
# $$\text{weight}_s = \frac{e^{q \cdot k_s / \sqrt d}}{\sum_r e^{q \cdot k_r / \sqrt d}} \qquad
# \text{answer} = \sum_s \text{weight}_s\, v_s$$
#
# Here $q \cdot k$ is a dot product: multiply number by number and add up. The weights are positive and add up to 1 (a **softmax**).
# Dividing by $\sqrt d$, with $d$ the width of a key, keeps the scores at one size. For $T$ queries and $S$ steps:


# %%
def attention_weights(query, key):
    """Weights (B, T, S) of S keys (B, S, d) for T queries (B, T, d)."""
    return (query @ key.mT / key.shape[-1] ** 0.5).softmax(dim=-1)


query, key, value = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 4)
by_hand = attention_weights(query, key) @ value
assert torch.allclose(by_hand, F.scaled_dot_product_attention(query, key, value), atol=1e-6)

# %% [markdown]
# Padding again: a padded step must get weight 0, so its score becomes minus infinity before the softmax. And if *nothing* is
# kept? A review that is empty, a camera that was off: a mask that is all False.

# %%
nothing = torch.zeros(2, 1, 5, dtype=torch.bool)
scores = (query @ key.mT).masked_fill(~nothing, float("-inf"))
print("softmax over nothing:", scores.softmax(dim=-1)[0, 0].tolist())

# %% [markdown]
# Zero divided by zero: NaN, *not a number*. Once in the loss, it turns every weight into NaN at the next step. Libraries disagree here
# (torch's own attention returns NaN or numbers, depending on how it is called), so we decide: **where nothing is kept, the
# answer is zeros.**

# %% [markdown]
# ### Exercise 5.3 ●●● 10 min
# Write `masked_attention(query, key, value, mask)`: shapes (B, T, d), (B, S, d), (B, S, e) and a bool mask (B, S), True = keep,
# the same for all queries of an item. Return (B, T, e); zeros for an item whose mask is all False, never NaN. Example: with
# equal scores and values 1, 3, 100 under the mask True, True, False a right answer gives 2.
# <details><summary>Hint: the idea</summary>`mask[:, None, :]` is (B, 1, S) and fits over the scores. Hide with `masked_fill(..., float("-inf"))` before the softmax; afterwards, replace what is NaN.</details>
# <details><summary>Hint: pseudocode</summary>scores = query times key transposed, divided by the root of d. Where the mask is False: minus infinity. weights = softmax over the last axis. Where the item has nothing kept: weights = 0, with torch.where or nan_to_num. Return weights times value.</details>


# %% tags=["exercise"]
def masked_attention(query, key, value, mask):  # (B, T, d), (B, S, d), (B, S, e), bool (B, S) -> (B, T, e)
    ### BEGIN SOLUTION
    agreement = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
    hidden = agreement.masked_fill(~mask[:, None, :], float("-inf"))
    weights = hidden.softmax(dim=-1)
    return torch.where(mask.any(dim=1)[:, None, None], weights, 0.0) @ value
    ### END SOLUTION


# %%
check.ex5_3(masked_attention)

# %% [markdown]
# The package's `scaled_dot_product_attention` does the same with torch's fast kernels. Let us use it to read film reviews. A
# sentence becomes token numbers (words seen at least three times in training; 0 for all others), `TextEncoder` gives each
# number a learned vector, and our encoder asks one learned question of all the words.

# %% tags=["further"]
from collections import Counter

reviews = mm.load("movie_reviews")
seen = Counter(word for text in reviews.train.arrays()[0]["text"] for word in text.split())
WORDS = {word: i for i, word in enumerate((w for w, count in seen.items() if count >= 3), start=1)}


def some(split, most):
    """At most so many reviews, in random order: texts and labels."""
    inputs, liked = split.arrays()
    rows = np.random.default_rng(0).permutation(len(liked))[:most]
    return inputs["text"][rows], liked[rows]


def numbered(texts, liked):
    """Reviews as token numbers, at most 40 each."""
    tokens = [[WORDS.get(word, 0) for word in text.split()[:40]] or [0] for text in texts]
    return mm.data.Split({"text": [np.array(row) for row in tokens]}, liked)


MOST = mm.per_profile(smoke=300, quick=6000, full=6000)
texts = {part: some(getattr(reviews, part), MOST) for part in ("train", "valid", "test")}
shuffled = {part: numbered(*pair) for part, pair in texts.items()}
print(f"{len(WORDS)} words; first review: {shuffled['train'][0][0]['text'][:8].tolist()} ...")


# %% [markdown]
# This encoder fits the contract, so it can stand wherever an LSTM could. (`[:, None]` adds an axis of length 1.)


# %%
class AttentionPool(nn.Module):
    """One learned question to all steps: (B, T, d) -> (B, d)."""

    def __init__(self, width):
        super().__init__()
        self.in_dim = self.out_dim = width
        self.question, self.key = nn.Parameter(torch.randn(1, 1, width)), nn.Linear(width, width)

    def forward(self, x, mask=None):
        question = self.question.expand(len(x), -1, -1)
        kept = None if mask is None else mask[:, None, :]
        return representation.scaled_dot_product_attention(question, self.key(x), x, kept)[:, 0], None


# %% [markdown]
# Five runs, beside lesson 4's TF-IDF with logistic regression. To be fair, both read the same words: the same word list, cut at the same
# 40 tokens.

# %% tags=["further"]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def read_reviews(seed):
    """Train on reviews -> the model and its test accuracy."""
    torch.manual_seed(seed)
    model = Classifier(representation.TextEncoder(len(WORDS) + 1, AttentionPool(32)), "text", 2)
    nn.init.normal_(model.encoder.embedding.weight, std=0.1)
    options = {"epochs": 2, "lr": 2e-2, "batch_size": 128, "weight_decay": 0.1, "seed": seed, "verbose": False}
    mm.fit(model, shuffled["train"], shuffled["valid"], loss=cross_entropy, device="cpu", **options)
    return model, np.mean(answers(model, shuffled["test"]) == shuffled["test"].target)


pools = [read_reviews(seed) for seed in SEEDS]
short = {part: [" ".join(text.split()[:40]) for text in found] for part, (found, _) in texts.items()}
vectors = TfidfVectorizer(vocabulary=list(WORDS), lowercase=False, tokenizer=str.split, token_pattern=None)
counted = vectors.fit_transform(short["train"])
linear = LogisticRegression(C=3).fit(counted, texts["train"][1])
tfidf = linear.score(vectors.transform(short["test"]), texts["test"][1])

# %% [markdown]
# TF-IDF and logistic regression involve no chance, so they have one value.

# %%
learned = np.array([score for _, score in pools])
majority = max(np.mean(shuffled["test"].target), 1 - np.mean(shuffled["test"].target))
print(f"attention: {interval(learned)}    TF-IDF: {tfidf:.3f}    majority: {majority:.3f}")
print(
    f"by another draw of test reviews each could move by {2 * (tfidf * (1 - tfidf) / len(texts['test'][1])) ** 0.5:.3f}"
)
mm.claim("05.5", "on the same words, attention and TF-IDF tie", 100 * (learned - tfidf), within=2, unit="points")

# %% [markdown]
# A tie. The mechanism behind every chatbot reads these reviews no better than counting words does: a few thousand short texts are
# too few to learn what thousands of words mean *and* how to combine them. The first hint at an answer to our question.
#
# But attention can show where it looked. Darker words got more weight.


# %% tags=["further"]
from IPython.display import HTML

model = pools[0][0]
rows = []
for i in range(5):
    words = texts["test"][0][i].split()[:40]
    tokens = torch.tensor([[WORDS.get(word, 0) for word in words]])
    with torch.no_grad():
        x = model.encoder.embedding(tokens)
        pool = model.encoder.encoder
        weights = attention_weights(pool.question, pool.key(x))[0, 0]
    shades = [
        f'<span style="background: rgba(222, 143, 5, {w / weights.max():.2f}); color: #111; padding: 1px 3px">{word}</span>'
        for word, w in zip(words, weights.tolist(), strict=True)
    ]
    said = answers(model, shuffled["test"])[i]
    rows.append(
        f"<p><b>{'liked' if said else 'disliked'}</b> ({'right' if said == texts['test'][1][i] else 'wrong'}): {' '.join(shades)}</p>"
    )
HTML(f'<div style="background: white; color: #111; padding: 4px; line-height: 1.9">{"".join(rows)}</div>')

# %% [markdown]
# And what does the question ask for? Of the words seen at least 40 times in training, those that agree with it most and least:

# %% tags=["further"]
often = [word for word in WORDS if seen[word] >= 40]
with torch.no_grad():
    keys = pool.key(model.encoder.embedding(torch.tensor([WORDS[word] for word in often])))
    agreement = keys @ pool.question[0, 0]
ranked = [often[i] for i in agreement.argsort(descending=True).tolist()]
print("most: ", ", ".join(ranked[:12]))
print("least:", ", ".join(ranked[-12:]))

# %% [markdown]
# The bottom is mostly filler. The top mixes words that judge with words that merely keep them company in these reviews; nobody told
# it the difference. So read such pictures with care: a high weight says that a word's vector was *used*, not that it
# decided the answer.

# %% [markdown]
# ### One contract
#
# Side by side, with a mask that is all False for the last item of each batch: three encoders you have met, and `AttentionEncoder`, a small
# **Transformer**, in which every word asks a question of every other.

# %% tags=["further"]
present = torch.tensor([True, True, False])
steps = present[:, None].expand(3, 7)
shelf = {
    "MLP on vectors": (representation.MLPEncoder(6, 8), torch.randn(3, 6), present),
    "CNN on pictures": (representation.CNNEncoder(3, 8), torch.rand(3, 3, 9, 9), present),
    "LSTM on sound": (representation.LSTMEncoder(13, 8), torch.randn(3, 7, 13), steps),
    "Transformer on words": (
        representation.TextEncoder(50, representation.AttentionEncoder(8, 8)),
        torch.randint(50, (3, 7)),
        steps,
    ),
}
for name, (encoder, x, mask) in shelf.items():
    features, _ = encoder(x, mask)
    assert (features[2] == 0).all() and features.isfinite().all()
    print(f"{name:20} {tuple(x.shape)} -> {tuple(features.shape)}; nothing kept -> zeros")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 A fair race of optimisers
#
# Which optimiser is best? A paper that tunes its own method for a week and takes the rival at its default proves nothing. The
# fair rule: **equal trials**. Each of the three gets five learning rates, each about three times the last, and the best is chosen on
# the validation loss of one run. Then five fresh runs at that rate. Where a ladder of rates *starts* is a choice too: ours are centred on
# common values, ten times lower for momentum than for plain descent, because its speed adds up about ten gradients.
#
# The network is an MLP with three hidden layers on the digits, the folded code the loop of section 2.

# %% [markdown] tags=["predict"]
# **Predict first.** Who has the best test accuracy, each at its best rate: plain descent, momentum, Adam, or is it a tie? And whose
# trials fail most often?

# %% tags=["further"]
pixels = {part: getattr(digits, part).arrays() for part in ("train", "valid", "test")}
pixels = {part: (torch.as_tensor(x["image"]), torch.as_tensor(y).long()) for part, (x, y) in pixels.items()}


def race(make, lr, seed, epochs, batch_size=64, hidden=(64, 64, 32)):
    """Train an MLP with one optimiser -> validation loss after each epoch, and the model of the best one."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), *representation.MLPEncoder(64, 10, hidden).layers)
    optimizer, (x, y), (x_valid, y_valid), curve = make(model.parameters(), lr), pixels["train"], pixels["valid"], []
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(batch_size):
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            curve.append(F.cross_entropy(model(x_valid), y_valid).item())
        if curve[-1] <= min(curve):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return curve, model


# %% [markdown]
# First the trials, on a seed that the final runs do not use.

# %%
EPOCHS_RACE = mm.per_profile(smoke=1, quick=10, full=30)
TRIALS = {
    "plain descent": (0.03, 0.1, 0.3, 1.0, 3.0),
    "momentum": (0.003, 0.01, 0.03, 0.1, 0.3),
    "Adam": (0.001, 0.003, 0.01, 0.03, 0.1),
}
tuning = {k: [min(race(MAKERS[k], lr, 99, EPOCHS_RACE)[0]) for lr in rates] for k, rates in TRIALS.items()}
best_rate = {name: TRIALS[name][int(np.nanargmin(losses))] for name, losses in tuning.items()}
for name, losses in tuning.items():
    print(f"{name:17}", "  ".join(f"{lr:g}: {loss:.2f}" for lr, loss in zip(TRIALS[name], losses, strict=True)))

# %% [markdown]
# Each row lists learning rate and validation loss. Knowing nothing, a network of ten classes has loss $\log 10 \approx 2.3$.
# One step up or down the ladder can cost everything: some trials learned nothing at all. Now the five runs of each.

# %%
finals = {name: [race(MAKERS[name], best_rate[name], seed, EPOCHS_RACE) for seed in SEEDS] for name in TRIALS}
curves = {f"{name}, rate {best_rate[name]:g}": [curve for curve, _ in runs] for name, runs in finals.items()}
axis = {"xlabel": "epoch", "ylabel": "validation loss"}
plotting.lines(range(1, EPOCHS_RACE + 1), curves, title="Five trials each, then five runs", **axis)

# %% [markdown] tags=["alt"]
# *Figure: validation loss over the epochs with bands. Adam falls first. Momentum starts later, catches up within a few
# epochs. Plain descent is slowest, with the widest band.*

# %%
images, labels = pixels["test"]
with torch.no_grad():
    scored = {k: [(m(images).argmax(1) == labels).float().mean().item() for _, m in runs] for k, runs in finals.items()}
for name, values in scored.items():
    print(f"{name:17} test accuracy {interval(values)}")
ahead = 100 * (np.array(scored["momentum"]) - np.array(scored["Adam"]))
mm.claim("05.2", "momentum and Adam tie after equal tuning", ahead, within=2, unit="points")

# %% [markdown]
# Plain descent comes last, and most of its trials failed. Adam was quick, and on *these* ladders forgiving: it learned something at
# every rate we tried (a ladder placed higher would have had failures). But once tuned, plain old momentum ties with it. "Adam is
# better" usually means "Adam needed less tuning". That is worth something, so Adam (as AdamW) is what `fit` uses. (One data set and
# one network. On Transformers Adam tends to stay ahead.)

# %% [markdown]
# ### Learning rate and batch size
#
# These two belong together. A larger batch gives a gradient with less noise, but fewer steps an epoch. Here is a grid of runs of
# plain gradient descent, of an MLP with one hidden layer, all four epochs long, all made in the next cell. Choose one in the widget.

# %%
SIZES, RATES = (
    mm.per_profile(smoke=(64, 256), quick=(4, 16, 64, 256), full=(4, 16, 64, 256)),
    (0.1, 0.2, 0.5, 1.0, 2.0),
)
GRID_EPOCHS = mm.per_profile(smoke=1, quick=4, full=4)
grid_runs = {}
for size in SIZES:
    for lr in RATES:
        curve, model = race(MAKERS["plain descent"], lr, 0, GRID_EPOCHS, size, hidden=(64,))
        with torch.no_grad():
            hit = (model(pixels["valid"][0]).argmax(dim=1) == pixels["valid"][1]).float().mean().item()
        grid_runs[size, lr] = curve, hit

# %% tags=["further"]
from ipywidgets import SelectionSlider


def show_run(batch_size, learning_rate):
    """Draw one run of the grid among the others of its batch size."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for lr in RATES:
        curve, hit = grid_runs[batch_size, lr]
        mine = lr == learning_rate
        color, width = (plotting.COLORS[0], 3) if mine else ("#BBBBBB", 1.5)
        axes.plot(range(1, GRID_EPOCHS + 1), curve, "o-", color=color, linewidth=width, zorder=2 + mine)
        if mine:
            axes.set_title(f"batch {batch_size}, rate {lr:g}: validation accuracy {hit:.2f} after {GRID_EPOCHS} epochs")
    axes.axhline(np.log(10), color="#333333", linestyle="--")
    axes.text(GRID_EPOCHS, np.log(10) - 0.03, "knows nothing", ha="right", va="top")
    axes.set(xlabel="epoch (grey: the other rates at this batch size)", ylabel="validation loss", ylim=(0, 2.8))
    axes.set_xticks(range(1, GRID_EPOCHS + 1))
    return figure


controls = {"batch_size": SelectionSlider(options=SIZES, value=64)}
controls["learning_rate"] = SelectionSlider(options=RATES, value=0.2)
_ = widgets.explore(show_run, **controls)

# %% [markdown] tags=["alt"]
# *Figure: validation loss over the epochs for one batch size: the chosen learning rate thick and coloured, the other rates grey, and a
# dashed line at the loss of a network that knows nothing.*

# %% [markdown]
# Find the best rate for each batch size. A rule of thumb says "twice the batch, twice the rate" (Goyal and others 2017): does it hold
# here? And what happens to batches of 4 at a rate of 1?
# <details><summary>Answers</summary>The next cell prints the best rates. The direction is right: larger batches want larger rates. The factor is not: the rule multiplies the rate by four from row to row, and we see less, closer to two (the square root), then nothing. A batch of 256 leaves few steps in four epochs, so training is not finished, and a still larger rate flies out of the ravine. With batches of 4 at a rate of 1 that is what happens: the loss stays near or above the dashed line.</details>

# %%
for size in SIZES:
    best = min(RATES, key=lambda lr: np.nan_to_num(min(grid_runs[size, lr][0]), nan=np.inf))
    steps = GRID_EPOCHS * -(-len(pixels["train"][1]) // size)
    print(f"batches of {size:3}: best rate {best:g}, validation accuracy {grid_runs[size, best][1]:.2f}, {steps} steps")

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: give each table one batch size, let them find its best rate with the widget, and put the four results on
# the board before anybody opens the answers.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 When accuracy lies
#
# Before the last experiment we need a better yardstick. We take lesson 4's emoji, one picture of each family, so that no
# variant of a test picture was in training, and ask a rare question: *is it an activity?* (sports, games, arts). The detector is
# logistic regression on HOG; `class_weight="balanced"` lets the few activities weigh as much as all the rest together.

# %% tags=["further"]
from functools import cache

emoji = mm.load("emoji")
FEW = mm.per_profile(smoke=8, quick=10_000, full=10_000)  # pictures a class


def one_a_family(split):
    """First picture of each family: pictures (N, 3, 48, 48) and groups (N,)."""
    inputs, group = split.arrays()
    first = np.sort(np.unique(split.groups, return_index=True)[1])
    kept = np.sort(np.concatenate([first[group[first] == c][:FEW] for c in range(9)]))
    return torch.as_tensor(inputs["image"][kept]), group[kept]


pictures, groups = {}, {}
for part in ("train", "test"):
    pictures[part], groups[part] = one_a_family(getattr(emoji, part))


@cache
def hogs(images):
    """Lesson 4's HOG of pictures (N, features); asked again, it remembers."""
    cells = {"pixels_per_cell": (8, 8), "cells_per_block": (2, 2)}
    return torch.cat([representation.hog(chunk, **cells).float() for chunk in images.split(100)])


hog = {part: hogs(images).numpy() for part, images in pictures.items()}
names = list(emoji.classes)

# %%
from sklearn.metrics import balanced_accuracy_score, precision_recall_fscore_support
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RARE = names.index("Activities")
detector = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=500))
detector.fit(hog["train"], groups["train"] == RARE)
true, said = groups["test"] == RARE, detector.predict(hog["test"])
nobody = np.zeros_like(true)
print(f"accuracy: HOG {np.mean(said == true):.3f}, always 'no' {np.mean(nobody == true):.3f}")

# %% [markdown]
# "No" to everything wins on **accuracy**, the share of right answers, and is useless. Count four kinds of answers: hits (said yes,
# is yes, $TP$), false alarms ($FP$), misses ($FN$), and the rest ($TN$). Then
#
# $$\text{precision} = \frac{TP}{TP + FP} \qquad \text{recall} = \frac{TP}{TP + FN} \qquad
# F_1 = \frac{2\, TP}{2\, TP + FP + FN}$$
#
# Precision: how many alarms are right. Recall: how many of the wanted are found. $F_1$ is low unless both are decent.

# %%
print(f"hits {np.sum(said & true)}, false alarms {np.sum(said & ~true)}, misses {np.sum(~said & true)}")
for name, answer in (("HOG", said), ("always 'no'", nobody)):
    found = precision_recall_fscore_support(true, answer, average="binary", zero_division=0)[:3]
    print("{}: precision {:.2f}, recall {:.2f}, F1 {:.2f}".format(name, *found))

# %% [markdown]
# ### Exercise 5.4 ●○○ 5 min
# Write `precision_recall_f1(said, true)` from two bool arrays (N,): three numbers. Where a division would be 0 / 0, the value is
# 0. On our detector a right answer gives the HOG line above. Example: said (yes, yes, no), true (yes, no, no) gives 0.5, 1.0, 0.667.
# <details><summary>Hint: the idea</summary>Count hits, false alarms and misses with `&` and `~`, as in the cell above. No other number is needed.</details>
# <details><summary>Hint: pseudocode</summary>tp = number of said and true; fp = said and not true; fn = not said and true. precision = tp / (tp + fp) if that is above 0, else 0. The same for recall with tp + fn, and for F1 with 2 tp / (2 tp + fp + fn).</details>


# %% tags=["exercise"]
def precision_recall_f1(said, true):  # bool (N,), bool (N,) -> three numbers
    ### BEGIN SOLUTION
    tp, fp, fn = (said & true).sum(), (said & ~true).sum(), (~said & true).sum()

    def share(part, whole):
        return part / whole if whole else 0.0

    return share(tp, tp + fp), share(tp, tp + fn), share(2 * tp, 2 * tp + fp + fn)
    ### END SOLUTION


# %%
check.ex5_4(precision_recall_f1)

# %% [markdown]
# With nine classes, each class has its recall. Their mean, **balanced accuracy**, counts every class alike, however rare; saying the
# same class always scores one ninth. That is our yardstick below.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 Learn, or borrow?
#
# Suppose somebody labelled only two emoji of each group for you. Or five, or fifty. What do you do?
#
# - **raw**, **HOG**: lesson 4's features and logistic regression;
# - **scratch**: a CNN that learns everything from these labels;
# - **frozen**: take EfficientNet-Lite0, trained on a million photos, as it is; train only a head;
# - **fine-tuned**: the same, and let its last block learn too.
#
# Using a network trained elsewhere is **transfer learning**. Photos are not emoji, so who knows?

# %% [markdown] tags=["predict"]
# **Predict first.** Put the five in order for 2 labels a class, and for 50. Do any two lines cross?

# %% [markdown]
# Two tricks keep this cheap. Pictures are 64 pixels wide, far less than the 224 the network was made for. And what stays frozen is
# computed once. EfficientNet-Lite0, a lean variant of Tan and Le's network (2019), is a chain of a stem and 16 blocks. We stop
# after the 11th: the first blocks see edges and textures, the last ones dogs and taxis, and early layers transfer best when tasks
# differ (Yosinski and others 2014). How deep to cut is a setting; we chose it on validation pictures. What the 11th block gives are our features.

# %%
network = representation.efficientnet_lite().to(
    memory_format=torch.channels_last
)  # an order in memory, faster on a CPU
FROZEN, LAST = network.blocks[:10], network.blocks[10]


@torch.no_grad()
def early(images):
    """What the ten frozen blocks make of pictures (N, 3, H, W) in [0, 1] -> (N, 112, 4, 4)."""
    results = []
    for chunk in images.split(64):
        x = representation.normalise(representation.resize(chunk, 64))
        results.append(FROZEN(network.stem(x.contiguous(memory_format=torch.channels_last))))
    return torch.cat(results)


# %% [markdown]
# ### Exercise 5.5 ●●○ 7 min
# Fine-tuning means: some parameters learn, the rest stay. Write `freeze_except(model, prefix)`: only parameters whose *name*
# (from `model.named_parameters()`) starts with `prefix` may learn (`requires_grad`); every `nn.BatchNorm2d` in the model goes to
# evaluation mode (`.eval()`), other layers keep their mode; return the list of parameters that learn, for the optimiser. Example: a
# model with layers `body` and `head` and the prefix `"head"` returns the head's weight and bias.
# <details><summary>Hint: the idea</summary>BatchNorm scales with averages that it keeps up to date *whenever it runs in training mode*, gradients or not. Freezing weights alone does not stop it. `model.modules()` visits every layer.</details>
# <details><summary>Hint: pseudocode</summary>for each name, parameter: requires_grad = name.startswith(prefix). For each module: if isinstance(module, nn.BatchNorm2d): module.eval(). Return the parameters with requires_grad.</details>


# %% tags=["exercise"]
def freeze_except(model, prefix):  # nn.Module, str -> list of parameters
    ### BEGIN SOLUTION
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(prefix)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    return [parameter for parameter in model.parameters() if parameter.requires_grad]
    ### END SOLUTION


# %%
check.ex5_5(freeze_except)

# %% [markdown]
# Why evaluation mode? **BatchNorm** scales each channel by the mean and spread of the *batch*, and remembers running averages for
# later. With a dozen drawings in a batch those averages are wild, and they overwrite what a million photos taught. (Below we need
# no such function: the frozen part is not even in the model that we train. For whole networks, `representation.PretrainedEncoder` does the same.)

# %% [markdown]
# Our fine-tuned model is the 11th block and a head. The head starts from logistic regression rather than at random, so that
# its first wild gradients do not wreck the block (Kumar and others 2022). The folded cells hold the two models and the loop of section 2
# with a fixed number of steps and a learning rate that falls to zero.


# %% tags=["further"]
class FineTuned(nn.Module):
    """The block that may learn and a head that starts as fitted scaling and logistic regression."""

    def __init__(self, start):
        super().__init__()
        scaler, linear = start[0], start[1]
        self.block, self.head = copy.deepcopy(LAST), nn.Linear(*linear.coef_.T.shape)
        self.mean, self.spread = (torch.as_tensor(x).float() for x in (scaler.mean_, scaler.scale_))
        self.head.weight.data.copy_(torch.as_tensor(linear.coef_))
        self.head.bias.data.copy_(torch.as_tensor(linear.intercept_))

    def forward(self, x):
        x = self.block(x.contiguous(memory_format=torch.channels_last))
        return self.head((x.flatten(1) - self.mean) / self.spread)


# %% tags=["further"]
class Scratch(nn.Module):
    """A small CNN that keeps the places of what it saw, from random weights."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        super().__init__()
        self.encoder = representation.CNNEncoder(3, 16, channels=(8, 16), pool=False)
        self.head = nn.Linear(36 * 16, 9)

    def forward(self, x):
        return self.head(self.encoder(x)[0].relu().flatten(1))


# %% [markdown]
# Lesson 4's changed copies (**augmentation**: mirrored, shifted) cost no labels. Do they help? We describe each training picture
# twice, as it is and changed; the contest runs once on the first *view* alone, once on both (about 5 s).


# %% tags=["further"]
def tiny(images, size):
    """Pictures of a few pixels, values from -1 to 1."""
    return F.interpolate(images, size=size, mode="area") * 2 - 1


def describe(images):
    """All that is computed once: for each contestant its input (N, ...)."""
    before = early(images)
    with torch.no_grad():
        after = torch.cat([LAST(x).flatten(1) for x in before.split(200)])
    own = {"raw pixels": tiny(images, 16).flatten(1), "HOG": hogs(images), "scratch CNN": tiny(images, 24)}
    return own | {"frozen": after, "fine-tuned": before}


changed = representation.random_crop(representation.flip(pictures["train"], seed=0), seed=0)  # up to four pixels
described = [describe(pictures["train"]), describe(changed)]
learn = {name: torch.stack([view[name] for view in described]) for name in described[0]}  # (2, N, ...)
test = describe(pictures["test"])

# %% [markdown]
# Small sizes for scratch and raw: larger pictures cost more and did no better. Steps and rates were chosen on validation pictures.

# %% tags=["further"]
scratch_steps, tuned_steps = mm.per_profile(smoke=(2, 2), quick=(60, 15), full=(300, 60))
STEPS = {"scratch CNN": scratch_steps, "fine-tuned": tuned_steps}
LR = {"scratch CNN": 5e-3, "fine-tuned": 1e-3}


def train_steps(model, views, y, steps, lr, seed):
    """Train on pictures (V, N, ...) in V views each and their classes (N,) for some steps of 32 pictures at most."""
    model.eval()  # BatchNorm keeps its averages
    rng, y = torch.Generator().manual_seed(seed), torch.as_tensor(y)
    optimizer = torch.optim.AdamW(model.parameters(), lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    size = min(32, len(y))
    order = torch.cat([torch.randperm(len(y), generator=rng) for _ in range(1 + size * steps // len(y))])
    for rows in order.split(size)[:steps]:
        view = torch.randint(len(views), (len(rows),), generator=rng)
        optimizer.zero_grad()
        F.cross_entropy(model(views[view, rows]), y[rows]).backward()
        optimizer.step()
        schedule.step()
    return model


# %% [markdown]
# One contest: draw labelled pictures, the same number from each group, and let all five learn from them.


# %%
def draw(labels, seed):
    """Row numbers of some training pictures, the same number from each group."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.choice(np.flatnonzero(groups["train"] == c), labels, replace=False) for c in range(9)])


def contest(labels, seed, views):
    """Test scores of the five contestants after learning from some labels a class, in one view or two."""
    rows, said = draw(labels, seed), {}
    y = groups["train"][rows]
    for name in ("raw pixels", "HOG", "frozen"):
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, tol=0.01, max_iter=500))
        head.fit(learn[name][:views, rows].flatten(0, 1).numpy(), np.tile(y, views))
        said[name] = head.predict(test[name].numpy())
    for name, model in (("fine-tuned", FineTuned(head)), ("scratch CNN", Scratch(seed))):
        train_steps(model, learn[name][:views, rows], y, STEPS[name], LR[name], seed)
        with torch.no_grad():
            said[name] = model(test[name]).argmax(dim=1).numpy()
    return {name: balanced_accuracy_score(groups["test"], answer) for name, answer in said.items()}


# %% [markdown]
# Five draws at each of three sizes, without and with changed copies (about 20 s). These are test pictures: from here on nothing is chosen any more.

# %%
LABELS = mm.per_profile(smoke=(2, 4), quick=(2, 10, 50), full=(2, 5, 10, 25, 50))
scores = {}
for views in (1, 2):
    runs = [[contest(labels, seed, views) for labels in LABELS] for seed in SEEDS]
    scores[views] = {name: np.array([[run[name] for run in row] for row in runs]) for name in learn}  # (5, sizes)

# %% tags=["further"]
figure, grid = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True)
for axes, views, title in zip(grid, (1, 2), ("as they are", "with one changed copy of each"), strict=True):
    for i, name in enumerate(("raw pixels", "HOG", "scratch CNN", "frozen", "fine-tuned")):
        found = [interval(column) for column in scores[views][name].T]
        mean = np.array([x.estimate for x in found])
        reach = np.array([[m - x.low, x.high - m] for m, x in zip(mean, found, strict=True)]).T
        place = np.array(LABELS) * 1.06 ** (i - 2)  # beside each other, to be seen
        look = {"color": plotting.COLORS[i], "marker": "os^DX"[i], "elinewidth": 1, "linewidth": 1.8, "capsize": 2}
        axes.errorbar(place, mean, reach, label=name, **look)
    axes.axhline(1 / 9, color="#333333", linestyle="--", label="chance")
    axes.set(xscale="log", title=title, xlabel="labelled pictures a class")
    axes.set_xticks(LABELS, [str(labels) for labels in LABELS])
    axes.minorticks_off()
grid[0].set_ylabel("balanced accuracy, test")
_ = grid[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5))

# %% [markdown] tags=["alt"]
# *Figure: two panels, without and with changed copies: balanced accuracy on test pictures against the number of labels a class, five lines with
# thin intervals, drawn slightly beside each other, and a dashed line at chance. At two labels all five are close together. From there
# frozen and fine-tuned, which stay side by side, rise fastest and end well above raw pixels, HOG and the CNN from scratch, which
# stay close to each other. The two panels look much alike.*

# %% [markdown]
# Do any two lines cross? Means wobble, so count only pairs where first one and then the other is ahead by more than its interval.

# %% tags=["further"]
from itertools import combinations

for views in (1, 2):
    ahead = {
        pair: [interval(d) for d in (scores[views][pair[0]] - scores[views][pair[1]]).T]
        for pair in combinations(learn, 2)
    }
    crossings = [pair for pair, found in ahead.items() if min(x.high for x in found) < 0 < max(x.low for x in found)]
    print("with copies:" if views == 2 else "as they are:", crossings or "no two lines cross")
plain = scores[1]
for rival in ("scratch CNN", "HOG", "raw pixels"):
    found = [interval(100 * d) for d in (plain["frozen"] - plain[rival]).T]
    print(f"frozen minus {rival}:", "; ".join(f"{n} labels {x}" for n, x in zip(LABELS, found, strict=True)))

# %% [markdown]
# Now the claims, over the same draws.

# %%
borrowed = 100 * (plain["frozen"] - plain["scratch CNN"]).mean(axis=1)
mm.claim("05.1", "with few labels (mean of all sizes), transfer beats scratch", borrowed, margin=3, unit="points")
tuned_gain = 100 * (plain["fine-tuned"] - plain["frozen"]).mean(axis=1)
mm.claim("05.6", "fine-tuning the last block and freezing it tie", tuned_gain, within=2, unit="points")
more = 100 * (plain["frozen"] - plain["HOG"])[:, -1]
mm.claim("05.7", "at the largest number of labels, frozen beats HOG", more, margin=3, unit="points")
print("steps:", STEPS)

# %% [markdown]
# No two lines cross. The textbook picture, in which borrowing wins at once and the others catch up, is not what we see. Transfer
# beats scratch. But against *raw pixels* and HOG it gains nothing that we can be sure of at two labels, and most at fifty. Perhaps
# two pictures show too little of a group, whatever the features; and perhaps fifty are too few for the others to catch up.
#
# Fine-tuning added nothing, in the few steps printed above. Perhaps more steps or labels would; profile `full` takes more. And the
# network that learned its own features is no better than raw pixels or HOG. Learning features costs labels, and we have few.

# %%
gains = {name: 100 * (scores[2][name] - plain[name]).mean(axis=1) for name in learn}
plotting.bars(gains, ylabel="gain by changed copies, points", title="Mean of all sizes", baseline=("no gain", 0))

# %% [markdown] tags=["alt"]
# *Figure: the change of balanced accuracy by augmentation for the five contestants, averaged over the sizes, with intervals over five draws. No
# bar rises clearly above zero; raw pixels and the CNN from scratch fall below it.*

# %% [markdown]
# Look at the intervals before you look at the bars. HOG, frozen and fine-tuned: the interval contains zero, so five draws cannot tell a
# gain from nothing. Raw pixels and the CNN from scratch lose. The likely reasons: to pixels a shifted copy is another picture, and at
# an equal number of steps the CNN sees each original less often.
#
# Emoji are drawn in one style, always upright and centred, and so are the test pictures. Copies that teach "shifted is the
# same" prepare for a test that never comes. Augment with changes that *will* occur.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let everybody say what they would do with five labels a class at work, and what they would measure first.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# **How does a network learn features by itself?** Its layers start at random. The gradient of the loss is handed back through
# all of them by the chain rule; each weight takes a step. Features appear because they lower the loss. How much it learns
# from few examples depends on its structure.
#
# **When should it not have to?** When labels are few (with two a class nobody was surely ahead). Our
# attention model was no better than counting words, our CNN from scratch no better than raw pixels; the borrowed network, frozen,
# beat scratch, and with fifty labels a class lesson 4's features too.
#
# Measure raw features first, then frozen; fine-tune only if that shows a gain.

# %% [markdown]
# ## What can go wrong
#
# - **No mask**: answers depend on who shares the batch. Ask one item alone and in a batch; if the answer changes, you have the mistake.
# - **A mask of all False**: NaN. Decide what an absent item means (here: zeros) and test it.
# - **`model.eval()` forgotten.** Then BatchNorm measures the test batch itself. The next cell shows what that does when files come sorted
#   by class, as in folders they often do.
# - **Unequal tuning.** Give the baseline the same number of trials, and tune on validation only.
# - **Accuracy on rare classes.** Print the majority baseline, precision and recall.

# %% tags=["further"]
rows, whole = draw(LABELS[1], 0), copy.deepcopy(nn.Sequential(FROZEN, LAST))
head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, tol=0.01, max_iter=500))
head.fit(learn["frozen"][0, rows].numpy(), groups["train"][rows])
said = head.predict(test["frozen"].numpy())
print(f"evaluation mode: balanced accuracy {balanced_accuracy_score(groups['test'], said):.2f}")
whole.train()
with torch.no_grad():
    stemmed = network.stem(representation.normalise(representation.resize(pictures["test"], 64)))
    for group in range(9):  # each batch holds pictures of one group
        same = groups["test"] == group
        said[same] = head.predict(whole(stemmed[same]).flatten(1).numpy())
print(f"training mode:   balanced accuracy {balanced_accuracy_score(groups['test'], said):.2f}")

# %% [markdown]
# The same weights, the same pictures. In training mode BatchNorm subtracts the average of each batch. In a batch of flags, that
# average is just what flags have in common. Fine-tuning on a few pictures in training mode has the same fault, and keeps the wrong
# averages.

# %% [markdown]
# ## What articles say, what is true
#
# - *"Adam is the best optimiser."* With equal trials, often not (Wilson and others 2017). Adam with all its settings tuned can imitate
#   momentum and should never lose (Choi and others 2019). Count the trials before you believe a ranking.
# - *"Fine-tuning beats freezing."* With many labels, usually. With few it can even distort good features (Kumar and others 2022).
# - *"Deep learning needs no feature engineering."* It needs labels instead, or a network that already had them.

# %% [markdown]
# ## Three key points
#
# 1. Training is one loop: batch, forward, loss, backward, step; validation picks the epoch. The learning rate matters more than the
#    name of the optimiser.
# 2. Structure is knowledge: shared weights and averaging make a CNN less dependent on place, a mask makes a sequence model independent of
#    padding.
# 3. With few labels, borrow: a frozen network and a linear head first; train from scratch only when a fair comparison says so.

# %% [markdown]
# ## Quiz
#
# **1.** Your LSTM scores 0.91 in a batch of 64 and 0.88 when you send the same recordings one by one. What is the first suspect?
# <details><summary>A: dropout was left on, so that answers are random</summary>Then two runs of the same batch would differ too. Worth checking, but batch size should not matter on average.</details>
# <details><summary>B: the padding is read, and alone there is none</summary>Right. Alone, a recording has no padding; the network had learned with it.</details>
# <details><summary>C: a batch of one is too small for a good gradient</summary>At test time there is no gradient at all.</details>
#
# **2.** A paper reports: our optimiser beats Adam (default rate) on five data sets. What do you ask first?
# <details><summary>A: how many learning rates each of the two was allowed to try</summary>Right. With unequal trials, the one with more of them wins.</details>
# <details><summary>B: whether the difference is larger than one point on all five</summary>Even a large gap shows little if one side was tuned and the other was not.</details>
# <details><summary>C: whether the training loss was lower as well as the test loss</summary>A well-tuned optimiser would lower both. It does not make the comparison fair.</details>
#
# **3.** One patient in a hundred is ill. A test says "healthy" to everybody. Which number gives it away?
# <details><summary>A: its accuracy, which must be poor</summary>It is right for 99 of 100. That is the trap.</details>
# <details><summary>B: its precision, which is near one</summary>It raises no alarm, so precision is 0 / 0, by convention 0.</details>
# <details><summary>C: its recall, which is zero</summary>Right. It finds nobody who is ill. Its balanced accuracy is one half, which is chance.</details>

# %% [markdown]
# ## Going further
#
# <details><summary>Weight decay, and why AdamW</summary>Weight decay pulls every weight towards zero a little at each step. For plain descent that equals adding (decay / 2) times the squared weights to the loss. For Adam it does not: Adam would divide that part of the gradient too, so weights with large gradients would hardly decay. AdamW takes the decay out of the division (Loshchilov and Hutter 2019).</details>
#
# <details><summary>Dropout</summary>In training, set a random share of hidden units to zero and scale up the rest, so that no unit can rely on another (Srivastava and others 2014). In evaluation nothing is dropped, which is why forgetting `model.eval()` gives random answers. All our encoders have a `dropout` argument.</details>
#
# <details><summary>Schedules</summary>Large steps first, small ones later: our folded `train_steps` lets the rate fall in a straight line to zero. A cosine is common too; Transformers start with a few small steps (warm-up), because Adam's averages are poor at first.</details>
#
# <details><summary>The package's PretrainedEncoder</summary>`representation.PretrainedEncoder(network)` wraps a whole torchvision-like classifier in the course's contract, frozen (in evaluation mode whatever you do) or not. Later lessons use it.</details>
#
# The first of these, shown: L2 in the loss against decoupled decay, both under Adam.

# %% tags=["further"]
linear_layer = nn.Linear(2, 1, bias=False)
for name, kind in (("Adam, L2 in the loss", torch.optim.Adam), ("AdamW, decoupled", torch.optim.AdamW)):
    nn.init.ones_(linear_layer.weight)
    optimizer = kind(linear_layer.parameters(), lr=0.01, weight_decay=0.5)
    for step in range(100):
        push = torch.tensor([[10.0, 0.01]]) * (-1) ** step  # a loud and a quiet gradient, both zero on average
        linear_layer.weight.grad = push
        optimizer.step()
    print(
        f"{name:21} loud weight {linear_layer.weight[0, 0].item():.2f}, quiet weight {linear_layer.weight[0, 1].item():.2f}"
    )

# %% [markdown]
# Both weights should decay alike. Under L2 the quiet one decays much faster than the loud one; under AdamW they stay together.
#
# ## References
#
# - Polyak, B. T. (1964). Some methods of speeding up the convergence of iteration methods. USSR Computational Mathematics and Mathematical Physics 4(5).
# - Hochreiter, S., Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9(8).
# - LeCun, Y., Bottou, L., Bengio, Y., Haffner, P. (1998). Gradient-based learning applied to document recognition. Proceedings of the IEEE 86(11).
# - Gers, F. A., Schmidhuber, J., Cummins, F. (2000). Learning to forget: continual prediction with LSTM. Neural Computation 12(10).
# - Srivastava, N. and others (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.
# - Yosinski, J., Clune, J., Bengio, Y., Lipson, H. (2014). How transferable are features in deep neural networks? NeurIPS 27.
# - Bahdanau, D., Cho, K., Bengio, Y. (2015). Neural machine translation by jointly learning to align and translate. ICLR.
# - Kingma, D. P., Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
# - Goyal, P. and others (2017). Accurate, large minibatch SGD: training ImageNet in 1 hour. arXiv:1706.02677.
# - Vaswani, A. and others (2017). Attention is all you need. NeurIPS 30.
# - Wilson, A. C. and others (2017). The marginal value of adaptive gradient methods in machine learning. NeurIPS 30.
# - Choi, D. and others (2019). On empirical comparisons of optimizers for deep learning. arXiv:1910.05446.
# - Loshchilov, I., Hutter, F. (2019). Decoupled weight decay regularization. ICLR.
# - Tan, M., Le, Q. V. (2019). EfficientNet: rethinking model scaling for convolutional neural networks. ICML.
# - Kumar, A. and others (2022). Fine-tuning can distort pretrained features and underperform out-of-distribution. ICLR.
