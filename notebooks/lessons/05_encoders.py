# %% [markdown]
# # 5 Encoders and how they are trained
#
# **How does a network learn features by itself, and when should it not have to?** · 90 minutes · needs lessons 3 and 4
#
# ![Pictures go through a convolutional network, sounds through an LSTM, words through attention; each gives features, one linear layer turns them into an answer, and the loss of the answer tells gradient descent how to change all weights](flow: picture -> CNN -> features; sound -> LSTM -> features; words -> attention -> features; features -> linear head -> answer -> loss -> gradient step on all weights)
#
# In lesson 4 *you* decided what a picture becomes: HOG, MFCC, TF-IDF. Here a network decides. You train one yourself, look
# inside two of its parts, and find out when somebody else's training is worth more than yours.

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
# Two recipes for a step, with the **learning rate** $\eta$ (how far to go):
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
# PyTorch has both in `torch.optim.SGD`, and computes gradients by itself (`loss.backward()`). Are they the same?


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
# steps taken *before* this one (0 at first). Return the new `w` and the new `(m, v, t)`. Example: from `w = tensor([1.0])`,
# gradient `tensor([4.0])`, memory `(tensor([0.0]), tensor([0.0]), 0)` and `lr = 0.1` a right answer returns
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
# Here are the three walks, each with the learning rate out of nine that ends lowest after 60 steps.

# %% tags=["further"]
import matplotlib.pyplot as plt
import numpy as np

MAKERS = {
    "plain descent": lambda w, lr: torch.optim.SGD(w, lr=lr),
    "momentum": lambda w, lr: torch.optim.SGD(w, lr=lr, momentum=0.9),
    "Adam": lambda w, lr: torch.optim.Adam(w, lr=lr),
}
rates, walks = [0.0025, 0.005, 0.01, 0.0195, 0.03, 0.1, 0.2, 0.4, 0.8], {}
for name, make in MAKERS.items():
    tried = {lr: library_walk(lambda w, make=make, lr=lr: make(w, lr)) for lr in rates}
    lr = min(tried, key=lambda lr: float(ravine(tried[lr][-1]).nan_to_num(1e9)))
    walks[f"{name}, rate {lr:g}"] = tried[lr]
x, y = np.meshgrid(np.linspace(-4.6, 2, 80), np.linspace(-0.9, 0.9, 60))
figure, grid = plt.subplots(1, 3, figsize=(12, 3.4), sharey=True)
for axes, (name, walk), color in zip(grid, walks.items(), (0, 1, 2), strict=True):
    axes.contour(x, y, x**2 + 100 * y**2, levels=np.geomspace(0.5, 70, 9), colors="#BBBBBB", linewidths=1)
    axes.plot(*walk.T, "o-", color=plotting.COLORS[color], markersize=3, linewidth=1.5)
    axes.plot(0, 0, "*", color="#222222", markersize=12)
    axes.set(title=f"{name}\nloss at the end: {ravine(walk[-1]):.1g}", xlabel="along", xlim=(-4.6, 2), ylim=(-0.9, 0.9))
grid[0].set_ylabel("across")

# %% [markdown] tags=["alt"]
# *Figure: contour lines of a long narrow valley with a star at its lowest point, three times. Plain descent zigzags between
# the walls and has not arrived. Momentum swings past the minimum and comes back to it. Adam takes a curved way and ends close to it. The titles give the learning rate and the loss at the end.*

# %% [markdown]
# Plain descent cannot take a larger step: across the ravine it would overshoot and fly out. So along the floor it is too
# slow. Momentum and Adam are two answers to that. Which one is better on a real network? Keep your guess for section 5.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 The training loop, once by hand
#
# An **encoder** turns an input into features. One linear layer on top, the **head**, turns features into one score a class.
# All encoders of this course share one contract, `encoder(x, mask=None) -> (features, mask)`; the mask says which steps of
# a sequence are real (section 3). The loss is **cross-entropy**: minus the logarithm of the probability that the model gave
# to the right class.


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


# %%
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
# knows in all of them. A convolutional network (**CNN**) stacks such layers and shrinks the picture in between; ours
# averages over all places at the end.
#
# To see what that buys, put each digit on a canvas of 12 by 12 pixels: in the middle, or anywhere.


# %%
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
plotting.images([s[i][0]["image"] for i in range(3) for s in (centred["test"], shifted)], ["centred", "shifted"] * 3)

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
# *Figure: four bars with intervals and a dashed line at chance. On centred digits MLP and CNN are both high. On shifted
# digits the MLP falls close to chance, while the CNN keeps more than half.*

# %% [markdown]
# The CNN has fewer weights, and it was never shown a shifted digit either. Its structure *is* the knowledge that a stroke is
# a stroke wherever it stands. The MLP would have to learn that from examples, place by place.

# %%
gap = 100 * (np.array(right["CNN, shifted"]) - np.array(right["MLP, shifted"]))
mm.claim("05.3", "trained on centred digits, a CNN beats an MLP on shifted ones", gap, margin=15, unit="points")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 A network with memory, and what padding does to it
#
# A sound is a sequence. A **recurrent** network reads it step by step and carries a state along. The **LSTM** (long
# short-term memory, Hochreiter and Schmidhuber 1997) carries two: $h$, what it says, and $c$, what it remembers. Four sums of
# the input $x$ and the last $h$ are cut out of one long vector $z = W_x x + b_x + W_h h + b_h$:
#
# $$i, f, o = \sigma(z_1), \sigma(z_2), \sigma(z_4) \qquad n = \tanh(z_3)$$
# $$c \leftarrow f \cdot c + i \cdot n \qquad h \leftarrow o \cdot \tanh(c)$$
#
# $\sigma(z) = 1 / (1 + e^{-z})$ lies between 0 and 1: $i$, $f$ and $o$ are **gates**. They decide what comes in, stays and goes out.

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
# over whole batches. Ours will listen to spoken digits: 13 MFCCs a moment (lesson 4), scaled by the training recordings.

# %%
spoken = mm.load("spoken_digits")
moments = np.concatenate(spoken.train.arrays()[0]["audio"])
MEAN, SPREAD = moments.mean(axis=0), moments.std(axis=0)


def scaled(split):
    """The same recordings with MFCCs of mean 0 and spread 1."""
    inputs, digit = split.arrays()
    most = mm.per_profile(smoke=200, quick=len(digit), full=len(digit))
    return mm.data.Split({"audio": [(a - MEAN) / SPREAD for a in inputs["audio"][:most]]}, digit[:most])


sounds = {part: scaled(getattr(spoken, part)) for part in ("train", "valid", "test")}
inputs, masks, target = mm.data.collate([sounds["train"][i] for i in range(4)])
print("batch:", tuple(inputs["audio"].shape), "  real moments:", masks["audio"].sum(dim=1).tolist())

# %% [markdown]
# Recordings differ in length, a batch is a box. `collate` fills the shorter ones up with zeros (**padding**) and returns a
# **mask**: True where a moment is real. The encoder must not read the rest. What if you forget the mask? Train the same LSTM
# with and without it. Then test on one batch of all test recordings, padded with still more empty moments.


# %%
class Maskless(Classifier):
    """A classifier that forgets to hand on the masks."""

    def forward(self, inputs, masks):
        return super().forward(inputs, {})


def padded(split, extra):
    """All items as one batch with `extra` empty moments more -> inputs, masks."""
    inputs, masks, _ = mm.data.collate([split[i] for i in range(len(split))])
    return {"audio": F.pad(inputs["audio"], (0, 0, 0, extra))}, {"audio": F.pad(masks["audio"], (0, extra))}


# %% [markdown] tags=["predict"]
# **Predict first.** Silence at the end of a recording says nothing about the digit. How much can a few empty moments more
# change the answers of a network that was trained with padding and without a mask? This takes about 15 s.

# %%
EXTRA, EPOCHS_AUDIO = (0, 40, 80), mm.per_profile(smoke=1, quick=2, full=20)
heard, changed = {"with mask": [], "without mask": []}, {"with mask": [], "without mask": []}
for name, kind in (("with mask", Classifier), ("without mask", Maskless)):
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = kind(representation.LSTMEncoder(13, 32), "audio", 10)
        options = {"loss": cross_entropy, "epochs": EPOCHS_AUDIO, "lr": 1e-2, "verbose": False, "device": "cpu"}
        mm.fit(model, sounds["train"], sounds["valid"], **options)
        with torch.no_grad():
            said = [model(*padded(sounds["test"], extra)).argmax(dim=1).numpy() for extra in EXTRA]
        heard[name].append([np.mean(digit == sounds["test"].target) for digit in said])
        changed[name].append(np.mean(said[0] != said[-1]))
axis = {"xlabel": "extra empty moments", "ylabel": "test accuracy"}
plotting.lines(EXTRA, heard, title="An LSTM on spoken digits", baseline=("chance", 0.1), **axis)

# %% [markdown] tags=["alt"]
# *Figure: test accuracy against the number of extra empty moments. The line with mask is high and perfectly flat. The line
# without mask starts lower and falls as padding grows. A dashed line marks chance.*

# %%
loss_of_masks = 100 * (np.array(heard["with mask"])[:, 0] - np.array(heard["without mask"])[:, 0])
assert np.max(changed["with mask"]) == 0
mm.claim("05.4", "the mask is worth test accuracy", loss_of_masks, margin=2, unit="points")
print(f"decisions that 80 empty moments change, without mask: {interval(100 * np.array(changed['without mask']))} %")

# %% [markdown]
# With the mask not one decision changes. Without it, the answer to your recording depends on *whose recording is in the same
# batch*, because the longest one decides how much padding you get. It is one of the most common silent mistakes with
# sequences: nothing crashes, the score is only lower and depends on the batch.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Attention: look where it matters
#
# Averaging over steps treats all alike. **Attention** (Vaswani and others 2017) computes for each case which steps matter.
# A **query** $q$ asks; each step has a **key** $k_s$ and a **value** $v_s$; the answer is an average of the values, weighted by
# how well query and key agree:
#
# $$\text{weight}_s = \frac{e^{q \cdot k_s / \sqrt d}}{\sum_r e^{q \cdot k_r / \sqrt d}} \qquad
# \text{answer} = \sum_s \text{weight}_s\, v_s$$
#
# The weights are positive and add up to 1 (a **softmax**). Dividing by $\sqrt d$, with $d$ the width of a key, keeps the
# scores at the same size for any width. For $T$ queries and $S$ steps:


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
# Zero divided by zero: NaN, *not a number*. Once in a network, it eats every weight at the next step. Libraries disagree here
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
# This encoder fits the contract, so it can stand wherever an LSTM could.


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
# Five runs, beside lesson 4's TF-IDF with logistic regression, and one run of the package's `AttentionEncoder`, a small
# **Transformer**: there every word asks a question of every other. This takes about 15 s.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


def read_reviews(encoder, seed, epochs, lr):
    """Train on reviews -> the model and its test accuracy."""
    torch.manual_seed(seed)
    model = Classifier(representation.TextEncoder(len(WORDS) + 1, encoder()), "text", 2)
    nn.init.normal_(model.encoder.embedding.weight, std=0.1)
    options = {"loss": cross_entropy, "epochs": epochs, "lr": lr, "weight_decay": 0.1, "seed": seed, "verbose": False}
    mm.fit(model, shuffled["train"], shuffled["valid"], device="cpu", **options)
    return model, np.mean(answers(model, shuffled["test"]) == shuffled["test"].target)


pools = [read_reviews(lambda: AttentionPool(32), seed, 2, 1e-2) for seed in SEEDS]
_, transformer = read_reviews(lambda: representation.AttentionEncoder(32, 32, 1, 2), 0, 2, 3e-3)
vectors = TfidfVectorizer().fit(texts["train"][0])
linear = LogisticRegression(C=3).fit(vectors.transform(texts["train"][0]), texts["train"][1])
tfidf = linear.score(vectors.transform(texts["test"][0]), texts["test"][1])

# %% [markdown]
# TF-IDF and logistic regression involve no chance, so they have one value.

# %%
learned = np.array([score for _, score in pools])
majority = max(np.mean(shuffled["test"].target), 1 - np.mean(shuffled["test"].target))
print(f"attention, one question: {interval(learned)}    transformer, one run: {transformer:.3f}")
print(f"TF-IDF and logistic regression: {tfidf:.3f}    majority: {majority:.3f}")
mm.claim("05.5", "TF-IDF beats attention trained on these reviews", 100 * (tfidf - learned), unit="points")

# %% [markdown]
# Counting words beats the mechanism behind every chatbot. A few thousand short reviews are too few to learn what
# thousands of words mean *and* how to combine them. The first hint at an answer to our question.
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

# %%
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
# decided the answer. (And it did not help: TF-IDF was better.)

# %% [markdown]
# ### One contract
#
# You have met all four encoders. Side by side, with a mask that is all False for the last item of each batch:

# %%
present = torch.tensor([True, True, False])
steps = present[:, None].expand(3, 7)
shelf = {
    "MLP on vectors": (representation.MLPEncoder(6, 8), torch.randn(3, 6), present),
    "CNN on pictures": (representation.CNNEncoder(3, 8), torch.rand(3, 3, 9, 9), present),
    "LSTM on sound": (representation.LSTMEncoder(13, 8), torch.randn(3, 7, 13), steps),
    "attention on words": (
        representation.TextEncoder(50, representation.AttentionEncoder(8, 8)),
        torch.randint(50, (3, 7)),
        steps,
    ),
}
for name, (encoder, x, mask) in shelf.items():
    features, _ = encoder(x, mask)
    assert (features[2] == 0).all() and features.isfinite().all()
    print(f"{name:18} {tuple(x.shape)} -> {tuple(features.shape)}; nothing kept -> zeros")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 A fair race of optimisers
#
# Which optimiser is best? A paper that tunes its own method for a week and takes the rival at its default proves nothing. The
# fair rule: **equal trials**. Each of the three gets five learning rates, each about three times the last, chosen on the validation
# loss of one run. Then five fresh runs at its best rate. The network is an MLP with three hidden layers on the digits.

# %%
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
EPOCHS_RACE = mm.per_profile(smoke=1, quick=12, full=30)
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
# Look at what one step on the ladder of rates costs: some trials learned nothing at all.

# %% [markdown] tags=["predict"]
# **Predict first.** Each optimiser now runs at its best rate. Who has the best test accuracy: plain descent, momentum, Adam, or
# is it a tie?

# %%
finals = {name: [race(MAKERS[name], best_rate[name], seed, EPOCHS_RACE) for seed in SEEDS] for name in TRIALS}
curves = {f"{name}, rate {best_rate[name]:g}": [curve for curve, _ in runs] for name, runs in finals.items()}
axis = {"xlabel": "epoch", "ylabel": "validation loss"}
plotting.lines(range(1, EPOCHS_RACE + 1), curves, title="Five trials each, then five runs", **axis)

# %% [markdown] tags=["alt"]
# *Figure: validation loss over twelve epochs with bands. Adam falls first. Momentum starts later, catches up within a few
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
# Adam is *quick and forgiving*: in the trials it learned something at every rate. But once tuned, plain old momentum
# ties with it. "Adam is better" usually means "Adam needed less tuning", which is worth something: that is why it is the default of
# `fit`. (One data set and one network. On Transformers Adam tends to stay ahead.)

# %% [markdown]
# ### Learning rate and batch size
#
# These two belong together. A larger batch gives a gradient with less noise, but fewer steps an epoch. Here is a grid of runs of
# plain gradient descent, of an MLP with one hidden layer, all four epochs long, all made in the next cell (about 10 s). Choose one in the widget.

# %%
SIZES, RATES = (
    mm.per_profile(smoke=(64, 256), quick=(4, 16, 64, 256), full=(4, 16, 64, 256)),
    (0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
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
        color, width = (plotting.COLORS[1], 3) if mine else ("#BBBBBB", 1.5)
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
# <details><summary>Answers</summary>The next cell prints the best rates: small batches want small rates, as the rule says. But from 64 to 256 the best rate stops growing, because a larger one flies out of the ravine, however little noise there is. With batches of 4 at a rate of 1 that is what happens: the loss stays near or above the dashed line.</details>

# %%
for size in SIZES:
    best = min(RATES, key=lambda lr: np.nan_to_num(min(grid_runs[size, lr][0]), nan=np.inf))
    print(f"batches of {size:3}: best rate {best:g}, validation accuracy {grid_runs[size, best][1]:.2f}")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 When accuracy lies
#
# Before the last experiment we need a better yardstick. We take lesson 4's emoji, one picture of each family, so that no
# variant of a test picture was in training, and ask a rare question: *is it an activity?* (sports, games, arts).

# %% tags=["further"]
emoji = mm.load("emoji")
FEW = mm.per_profile(smoke=8, quick=10_000, full=10_000)  # pictures a class


def one_a_family(split):
    """First picture of each family: pictures (N, 3, 48, 48) and groups (N,)."""
    inputs, group = split.arrays()
    first = np.sort(np.unique(split.groups, return_index=True)[1])
    kept = np.sort(np.concatenate([first[group[first] == c][:FEW] for c in range(9)]))
    return torch.as_tensor(inputs["image"][kept]), group[kept]


pictures, groups = {}, {}
for part in ("train", "valid", "test"):
    pictures[part], groups[part] = one_a_family(getattr(emoji, part))
cells = {"pixels_per_cell": (8, 8), "cells_per_block": (2, 2)}
hog = {
    p: torch.cat([representation.hog(c, **cells).float() for c in x.split(100)]).numpy() for p, x in pictures.items()
}
names = list(emoji.classes)

# %%
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RARE = names.index("Activities")
detector = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=500))
detector.fit(hog["train"], groups["train"] == RARE)
true = groups["test"] == RARE
said = detector.predict(hog["test"])
print(f"accuracy: HOG {np.mean(said == true):.3f}, always 'no' {np.mean(~true):.3f}")

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
from sklearn.metrics import precision_recall_fscore_support

found = precision_recall_fscore_support(true, said, average="binary")[:3]
print("HOG:  precision {:.2f}, recall {:.2f}, F1 {:.2f}".format(*found))
print("always 'no': recall 0.00, F1 0.00")

# %% [markdown]
# ### Exercise 5.4 ●○○ 5 min
# Write `precision_recall_f1(said, true)` from two bool arrays (N,): three numbers. Where a division would be 0 / 0, the value is
# 0. On our detector a right answer gives the line above. Example: said (yes, yes, no), true (yes, no, no) gives 0.5, 1.0, 0.667.
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
# Two honest tricks keep this at a minute's cost. Pictures are 64 pixels wide, far less than the 224 the network was made for. And
# what is frozen is computed once: we send each picture through the early blocks and keep the result (about 15 s).

# %%
network = representation.efficientnet_lite().to(memory_format=torch.channels_last)  # faster on a CPU, same result
STAGES = {"stage 4": network.blocks[:8], "stage 5": network.blocks[8:10]}  # the tenth block comes later


@torch.no_grad()
def early(images):
    """Results after two stages of the network for pictures in [0, 1]: a dict of tensors (N, C, H, W)."""
    results = {name: [] for name in STAGES}
    for chunk in images.split(64):
        x = representation.normalise(representation.resize(chunk, 64))
        x = network.stem(x.contiguous(memory_format=torch.channels_last))
        for name, blocks in STAGES.items():
            x = blocks(x)
            results[name].append(x)
    return {name: torch.cat(parts) for name, parts in results.items()}


kept = {part: early(x) for part, x in pictures.items()}

# %% [markdown]
# Which stage should we take the features from? The first stages see edges and textures, the last ones dogs and taxis. The choice is a setting, so
# it is made on *validation* pictures, with fifteen labels a class.

# %%
from sklearn.metrics import balanced_accuracy_score


def draw(labels, seed):
    """Row numbers of some training pictures, the same number from each group."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.choice(np.flatnonzero(groups["train"] == c), labels, replace=False) for c in range(9)])


def linear_head(x, y):
    """Scale features and fit logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(x, y)


@torch.no_grad()
def finish(part):
    """Features (N, C) of the remaining blocks."""
    return network.pool(network.blocks[10:](kept[part]["stage 5"])).numpy()


# %%
MIDDLE = mm.per_profile(smoke=4, quick=15, full=15)
with torch.no_grad():
    last = {part: network.blocks[10](x["stage 5"]).flatten(1).numpy() for part, x in kept.items()}
depths = {"stage 4": {part: x["stage 4"].flatten(1).numpy() for part, x in kept.items()}}
depths |= {"stage 5": last, "last stage, averaged": {part: finish(part) for part in ("train", "valid")}}
by_depth = {}
for name, x in depths.items():
    rows = [draw(MIDDLE, seed) for seed in SEEDS]
    heads = [linear_head(x["train"][i], groups["train"][i]) for i in rows]
    by_depth[name] = [balanced_accuracy_score(groups["valid"], head.predict(x["valid"])) for head in heads]
plotting.bars(
    by_depth,
    ylabel="balanced accuracy, validation",
    title="Where to cut a borrowed network",
    baseline=("chance", 1 / 9),
)

# %% [markdown] tags=["alt"]
# *Figure: validation accuracy of three depths with intervals and a dashed line at chance. They are close together; the
# intervals overlap.*

# %% [markdown]
# Close together: on pictures so unlike photos, the last stage's knowledge of dogs and taxis is worth no more than stage 5's shapes. (Yosinski and
# others 2014 found that early layers transfer best when tasks differ.) We cut after stage 5, which is also cheaper.

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
# later. With a dozen drawings in a batch those averages are wild, and they overwrite what a million photos taught.
#
# Our fine-tuned model is the last block of stage 5 and a head. The head starts from logistic regression rather than at random, so that
# its first wild gradients do not wreck the block (Kumar and others 2022).


# %%
class FineTuned(nn.Module):
    """The last block of stage 5 and a head that starts as a fitted `linear_head`."""

    def __init__(self, start):
        super().__init__()
        scaler, linear = start[0], start[1]
        self.block, self.head = copy.deepcopy(network.blocks[10]), nn.Linear(*linear.coef_.T.shape)
        self.mean, self.spread = (torch.as_tensor(x).float() for x in (scaler.mean_, scaler.scale_))
        self.head.weight.data.copy_(torch.as_tensor(linear.coef_))
        self.head.bias.data.copy_(torch.as_tensor(linear.intercept_))

    def forward(self, x):
        x = self.block(x.contiguous(memory_format=torch.channels_last))
        return self.head((x.flatten(1) - self.mean) / self.spread)


class Scratch(nn.Module):
    """A small CNN that keeps the places of what it saw."""

    def __init__(self):
        super().__init__()
        self.encoder = representation.CNNEncoder(3, 16, channels=(8, 16), pool=False)
        self.head = nn.Linear(36 * 16, 9)

    def forward(self, x):
        return self.head(self.encoder(x)[0].relu().flatten(1))


# %% [markdown]
# Hundreds of tiny runs need no validation after each epoch, so here is the loop once more, with a fixed number of steps, a learning
# rate that falls to zero, and room for several *views* (augmented copies) of each picture. Steps and rates were chosen on
# validation pictures.

# %%


def train_steps(model, views, y, steps, lr, seed):
    """Train on pictures (V, N, ...) in V views each and their classes (N,) for some steps of 32 pictures."""
    model.eval()  # BatchNorm keeps its averages
    rng, y = torch.Generator().manual_seed(seed), torch.as_tensor(y)
    optimizer = torch.optim.AdamW(model.parameters(), lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    order = torch.cat([torch.randperm(len(y), generator=rng) for _ in range(1 + 32 * steps // len(y))])
    for rows in order.split(32)[:steps]:
        view = torch.randint(len(views), (len(rows),), generator=rng)
        optimizer.zero_grad()
        F.cross_entropy(model(views[view, rows]), y[rows]).backward()
        optimizer.step()
        schedule.step()
    return model


def judge(model, x):
    """Balanced accuracy on test pictures."""
    with torch.no_grad():
        return balanced_accuracy_score(groups["test"], model(x).argmax(dim=1).numpy())


# %% [markdown]
# The CNN gets pictures of 24 pixels, logistic regression raw pictures of 16: larger ones cost more and did no better.


# %%
def tiny(images, size=24):
    """Pictures of a few pixels, values from -1 to 1."""
    return F.interpolate(images, size=size, mode="area") * 2 - 1


small = {part: tiny(x) for part, x in pictures.items()}
raw = {part: tiny(x, 16).flatten(1).numpy() for part, x in pictures.items()}
fixed = {"raw pixels": raw, "HOG": hog, "frozen": last}
STEPS = mm.per_profile(smoke=2, quick={"scratch": 60, "tuned": 15}, full={"scratch": 300, "tuned": 60})
STEPS = STEPS if isinstance(STEPS, dict) else dict.fromkeys(("scratch", "tuned"), STEPS)

# %% [markdown]
# Now all five, at four numbers of labels, with five draws of the labelled pictures each (about 20 s).

# %%
LABELS = mm.per_profile(smoke=(2, 4), quick=(2, 5, 15, 50), full=(2, 5, 15, 50))
scores = {name: np.zeros((5, len(LABELS))) for name in (*fixed, "fine-tuned", "scratch CNN")}
for column, labels in enumerate(LABELS):
    for seed in SEEDS:
        rows = draw(labels, seed)
        y = groups["train"][rows]
        for name, x in fixed.items():
            start = linear_head(x["train"][rows], y)
            scores[name][seed, column] = balanced_accuracy_score(groups["test"], start.predict(x["test"]))
        tuned = train_steps(FineTuned(start), kept["train"]["stage 5"][None, rows], y, STEPS["tuned"], 1e-3, seed)
        scores["fine-tuned"][seed, column] = judge(tuned, kept["test"]["stage 5"])
        torch.manual_seed(seed)
        learned_cnn = train_steps(Scratch(), small["train"][None, rows], y, STEPS["scratch"], 5e-3, seed)
        scores["scratch CNN"][seed, column] = judge(learned_cnn, small["test"])

# %% [markdown]
# These are test pictures. From here on nothing is chosen any more.

# %%
axis = {"xlabel": "labelled pictures a class", "ylabel": "balanced accuracy, test", "logx": True}
plotting.lines(LABELS, scores, title="Learn or borrow: nine groups of emoji", baseline=("chance", 1 / 9), **axis)

# %% [markdown] tags=["alt"]
# *Figure: balanced accuracy on test pictures against the number of labels a class, five lines with bands and a dashed line at
# chance. At two labels all five are close together. From there frozen and fine-tuned, which lie on top of each other, rise fastest
# and end well above the rest. Raw pixels, HOG and the CNN from scratch stay close to each other throughout.*

# %%
at = {labels: column for column, labels in enumerate(LABELS)}
borrowed = 100 * (scores["frozen"] - scores["scratch CNN"])
for rival in ("scratch CNN", "HOG", "raw pixels"):
    ahead = 100 * (scores["frozen"] - scores[rival])
    print(f"frozen minus {rival}:", "; ".join(f"{labels} labels {interval(ahead[:, i])}" for labels, i in at.items()))
more = 100 * (scores["frozen"] - scores["HOG"])[:, -2:].mean(axis=1)
mm.claim(
    "05.1", "with few labels (mean of all), transfer beats scratch", borrowed.mean(axis=1), margin=3, unit="points"
)
mm.claim("05.7", "at the two largest numbers of labels, frozen beats HOG", more, margin=3, unit="points")
tuned_gain = 100 * (scores["fine-tuned"] - scores["frozen"]).mean(axis=1)
mm.claim("05.6", "fine-tuning the last block adds nothing to freezing it", tuned_gain, within=2, unit="points")

# %% [markdown]
# Transfer beats scratch. But against *raw pixels* and HOG it gains nothing at two labels and most at fifty. That is not the textbook
# picture, in which borrowing wins at once and the others then catch up. Two pictures show too little of what "objects" are, whatever the
# features; and our fifty are still too few for the others to catch up.
#
# Fine-tuning added nothing: with so few labels the head already uses what the block offers. And the network that learned its own
# features from scratch is no better than raw pixels or HOG. Learning features costs labels, and we have few.

# %% [markdown]
# ### Does augmentation close the gap?
#
# Lesson 4's changed copies (mirrored, shifted) cost no labels. For the borrowed network each view must go through the early blocks once, so
# we make two more views of each labelled picture and keep them. Five labels a class (about 15 s).

# %%
AUGMENTED, VIEWS = mm.per_profile(smoke=(2, 1), quick=(5, 2), full=(5, 8))


def augmented(images, view):
    """Mirror some pictures and shift all by up to four pixels."""
    return representation.random_crop(representation.flip(images, seed=view), seed=view)


# %% [markdown]
# The views enter logistic regression as additional rows, and the networks by drawing one view of each picture at each step.

# %%


gains = {name: [] for name in ("scratch CNN", "frozen", "fine-tuned")}
for seed in SEEDS:
    rows = draw(AUGMENTED, seed)
    y, column = groups["train"][rows], at[AUGMENTED]
    copies = [augmented(pictures["train"][rows], view) for view in range(VIEWS)]
    borrowed_views = torch.stack([kept["train"]["stage 5"][rows], *(early(x)["stage 5"] for x in copies)])
    with torch.no_grad():
        flat = torch.cat([network.blocks[10](x).flatten(1) for x in borrowed_views]).numpy()
    head = linear_head(flat, np.tile(y, 1 + VIEWS))
    tuned = train_steps(FineTuned(head), borrowed_views, y, STEPS["tuned"], 1e-3, seed)
    own_views = torch.stack([tiny(x) for x in (pictures["train"][rows], *copies)])
    torch.manual_seed(seed)
    own = train_steps(Scratch(), own_views, y, STEPS["scratch"], 5e-3, seed)
    tests = {"scratch CNN": judge(own, small["test"]), "fine-tuned": judge(tuned, kept["test"]["stage 5"])}
    tests["frozen"] = balanced_accuracy_score(groups["test"], head.predict(last["test"]))
    for name, value in tests.items():
        gains[name].append(100 * (value - scores[name][seed, column]))

# %%
plotting.bars(
    gains, ylabel="gain by augmentation, points", title=f"{AUGMENTED} labels a class", baseline=("no gain", 0)
)

# %% [markdown] tags=["alt"]
# *Figure: the change of test accuracy by augmentation for scratch, frozen and fine-tuned, with wide intervals over five draws. No
# bar rises above zero, and every interval contains it.*

# %% [markdown]
# Look at the intervals before you look at the bars: where one contains zero, five draws cannot tell a gain from nothing. No gain
# anywhere; at an equal number of steps the CNN from scratch even sees each original less often. Emoji are drawn in one style, always upright and centred, and so are the test pictures. Copies that teach "shifted is the same" prepare for a test that never
# comes. Augment with changes that *will* occur.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# **How does a network learn features by itself?** By following the gradient of one number, the loss, through every layer: forward, loss,
# backward, step. What it can learn from few examples depends on its structure: shared weights, gates, masks, attention.
#
# **When should it not have to?** Whenever labels are few. Our attention model lost to TF-IDF, our CNN from scratch did no better than raw pixels; the
# borrowed network, frozen, beat scratch, and from fifteen labels a class lesson 4's features too, by learning only a head. Measure raw features first, then
# frozen, and fine-tune only if that shows a gain.

# %% [markdown]
# ## What can go wrong
#
# - **No mask**: answers depend on who shares the batch. Pad a batch further; if an answer changes, you have the mistake.
# - **A mask of all False**: NaN. Decide what an absent item means (here: zeros) and test it.
# - **BatchNorm in training mode** while fine-tuning on few pictures. The next cell shows what it can do.
# - **Unequal tuning.** Give the baseline the same number of trials, and tune on validation only.
# - **Accuracy on rare classes.** Print the majority baseline, precision and recall.

# %% tags=["further"]
rows = draw(MIDDLE, 0)
head = linear_head(last["train"][rows], groups["train"][rows])
stage = copy.deepcopy(network.blocks[8:11])
for mode in (False, True):
    stage.train(mode)
    said = np.zeros_like(groups["test"])
    with torch.no_grad():
        for group in range(9):  # each batch holds pictures of one group
            same = groups["test"] == group
            said[same] = head.predict(stage(kept["test"]["stage 4"][same]).flatten(1).numpy())
    name = "training" if mode else "evaluation"
    print(f"stage 5 in {name} mode: balanced accuracy {balanced_accuracy_score(groups['test'], said):.2f}")

# %% [markdown]
# The same weights, the same pictures. In training mode BatchNorm measures each batch, and in a batch of flags what makes a flag a flag is
# its average, which is subtracted.
#
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
# 2. Structure is knowledge: shared weights make a CNN indifferent to place, a mask makes a sequence model indifferent to padding.
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
# <details><summary>Schedules</summary>Large steps first, small ones later: our `train_steps` let the rate fall in a straight line to zero. A cosine is common too; Transformers start with a few small steps (warm-up), because Adam's averages are poor at first.</details>
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
# - Srivastava, N. and others (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15.
# - Yosinski, J., Clune, J., Bengio, Y., Lipson, H. (2014). How transferable are features in deep neural networks? NeurIPS 27.
# - Kingma, D. P., Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.
# - Goyal, P. and others (2017). Accurate, large minibatch SGD: training ImageNet in 1 hour. arXiv:1706.02677.
# - Vaswani, A. and others (2017). Attention is all you need. NeurIPS 30.
# - Wilson, A. C. and others (2017). The marginal value of adaptive gradient methods in machine learning. NeurIPS 30.
# - Choi, D. and others (2019). On empirical comparisons of optimizers for deep learning. arXiv:1910.05446.
# - Loshchilov, I., Hutter, F. (2019). Decoupled weight decay regularization. ICLR.
# - Tan, M., Le, Q. V. (2019). EfficientNet: rethinking model scaling for convolutional neural networks. ICML.
# - Kumar, A. and others (2022). Fine-tuning can distort pretrained features and underperform out-of-distribution. ICLR.
