# %% [markdown]
# # 12 CTC and sign language
#
# **How do you read text from a signal that nobody has cut into letters?** · 90 minutes · needs lessons 5 and 11
#
# ![Frames enter a network that writes a label or a blank for each step; repeats are merged and blanks dropped, which leaves the text](flow: frames of sound -> network; joints of a hand -> network; network -> a label or a blank at each step; a label or a blank at each step -> merge repeats -> drop blanks -> text)
#
# Somebody says "three one four". Nobody tells you *when* the one begins. You will train a network on spoken numbers, then on
# hands that show letters.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import alignment, check, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Many frames, few labels
#
# Our strings are real recordings of digits, joined by us, after each recording went to training, validation or test. (Code that only
# loads, draws or keeps score is folded.)

# %% tags=["further"]
import copy
import itertools

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from mmcourse.metrics import Interval, bootstrap_interval, interval, word_error_rate

device = mm.device()
STRINGS = mm.per_profile(smoke=60, quick=1500, full=6000)
strings = mm.load("digit_strings", count=STRINGS)

# %% [markdown]
# One training item: 13 MFCCs a frame (lesson 4), and its target. Label 1 stands for "zero", 10 for "nine". **0 is no digit**: here
# it fills up the row.


# %%
names = ["–", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def written(labels):
    """Labels as text: "three one four"."""
    return " ".join(names[label] for label in labels if label)


k = next(k for k in range(len(strings.train)) if (strings.train.target[k] > 0).sum() == 4)
item, target = strings.train[k]
print(f"{len(item['audio'])} frames, target {target.tolist()}, that is {written(target)!r}")
figure, axes = plt.subplots(figsize=(9, 3))
axes.pcolormesh(item["audio"].T, cmap="vlag", vmin=-3, vmax=3)
_ = axes.set(xlabel="frame", ylabel="MFCC", yticks=(0.5, 6.5, 12.5), yticklabels=(1, 7, 13))

# %% [markdown] tags=["alt"]
# *Figure: one string, 13 rows of MFCCs against the frames. Colours change with the sounds, but no line marks where a digit begins
# or ends.*

# %% [markdown]
# Four labels, and no word about which frames are whose.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 One label a frame, and a rule
#
# **Connectionist temporal classification** (CTC; Graves and others 2006) lets a network write one symbol at every step: a
# label, or the **blank**, label 0, written "–": *nothing new here*. Such a row of symbols is a **path**. To *collapse* a path to
# text, merge neighbours that are the same, then drop the blanks:
#
# $$\text{–}\;c\;c\;\text{–}\;a\;\text{–}\;\text{–}\;t\;t \;\to\; \text{–}\;c\;\text{–}\;a\;\text{–}\;t \;\to\; c\;a\;t$$
#
# Many paths give the same text: a label may come early or late, once or often.

# %% [markdown]
# ### Exercise 12.1 ●○○ 5 min
# Write `collapse(path)`. `path` is a list of whole numbers from 0, 0 being the blank. Return the list of labels that is left
# when you merge equal neighbours, then drop the zeros. `collapse([0, 3, 3, 0, 3, 1, 1])` is `[3, 3, 1]`: the blank keeps the
# two threes apart. An empty path gives `[]`.
# <details><summary>Hint: the idea</summary>A symbol counts if it is no blank and differs from the symbol just before it in the path.</details>
# <details><summary>Hint: pseudocode</summary>before = 0; for each symbol: if symbol is not 0 and not before, append it; before = symbol.</details>


# %% tags=["exercise"]
def collapse(path):
    ### BEGIN SOLUTION
    text, before = [], 0
    for symbol in path:
        if symbol not in (0, before):
            text.append(symbol)
        before = symbol
    return text
    ### END SOLUTION


# %%
check.ex12_1(collapse)

# %% [markdown] tags=["predict"]
# **Predict first.** A recording has three steps, and the text is 1 1 2. How many paths of three symbols collapse to it?


# %%
def merged(path):
    """Collapse a path; `groupby` puts equal neighbours together."""
    return [symbol for symbol, _ in itertools.groupby(path) if symbol]


for steps in (3, 4, 5, 6):
    paths = [path for path in itertools.product(range(3), repeat=steps) if merged(path) == [1, 1, 2]]
    print(f"{steps} steps: {len(paths)} paths collapse to 1 1 2", *(f"(for example {path})" for path in paths[:1]))

# %% [markdown]
# None. Without a blank between them the two ones merge. **Each repeat costs one more step**, and a text that does not fit has
# probability 0 and an infinite loss.

# %% [markdown]
# ### Exercise 12.2 ●○○ 5 min
# Every path walks along the text with a blank before, between and after its labels. Write
# `with_blanks(target)`. `target` is a list of labels from 1. Return two things: that **extended** list, and the least number of
# steps a path needs. `with_blanks([1, 1, 2])` is `([0, 1, 0, 1, 0, 2, 0], 4)`; `with_blanks([])` is `([0], 0)`.
# <details><summary>Hint: the idea</summary>The extended list has 2 S + 1 places. Steps: one a label, and one more for each label that equals the one before it.</details>
# <details><summary>Hint: pseudocode</summary>extended = [0]; for label in target: extended += [label, 0]; steps = len(target) + number of equal neighbours</details>


# %% tags=["exercise"]
def with_blanks(target):
    ### BEGIN SOLUTION
    extended = [0]
    for label in target:
        extended += [label, 0]
    repeats = sum(a == b for a, b in itertools.pairwise(target))
    return extended, len(target) + repeats
    ### END SOLUTION


# %%
check.ex12_2(with_blanks)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Add up all paths
#
# At step $t$ the network gives a probability $y_t(k)$ for every symbol $k$. A path's probability is the product over the
# steps, and a text's probability the **sum over all paths that collapse to it**:
#
# $$p(\text{text}) = \sum_{\text{paths} \to \text{text}} \; \prod_t y_t(\text{path}_t)$$
#
# The loss is $-\log p(\text{text})$: nobody has to say where a digit lies. For a tiny case we can list the paths:


# %%
def brute_force(probabilities, target):  # (T, C), list of labels -> probability of the target
    steps, symbols = probabilities.shape
    total = 0.0
    for path in itertools.product(range(symbols), repeat=steps):
        if merged(path) == target:
            total += np.prod(probabilities[range(steps), path])
    return total


tiny = torch.randn(6, 3, dtype=torch.float64).softmax(-1).numpy()  # six steps; blank, 1 and 2
print(f"p(1 1 2) = {brute_force(tiny, [1, 1, 2]):.6f}, from {3**6} paths looked at")
print(f"for the string above at one symbol a frame: 11 ** {len(item['audio'])} paths")

# %% [markdown]
# But paths share their beginnings, as in lesson 11. Walk along the extended list: at each step you
# **stay**, go **one** place on, or **two**, skipping a blank; the skip is allowed only onto a label that differs
# from the one two places before. Let $\alpha_t(s)$ be the probability of all beginnings that stand at place $s$ after step $t$:
#
# $$\alpha_t(s) = y_t(l_s)\,\big[\alpha_{t-1}(s) + \alpha_{t-1}(s-1) + \alpha_{t-1}(s-2) \text{ if the skip is allowed}\big]$$


# %%
def forward(probabilities, extended):  # (T, C), list of symbols -> (T, places)
    alpha = np.zeros((len(probabilities), len(extended)))
    alpha[0, :2] = probabilities[0, extended[:2]]  # start at the first blank or the first label
    for t in range(1, len(probabilities)):
        for s, label in enumerate(extended):
            came = alpha[t - 1, s] + (alpha[t - 1, s - 1] if s > 0 else 0)
            if s > 1 and label not in (0, extended[s - 2]):
                came += alpha[t - 1, s - 2]
            alpha[t, s] = came * probabilities[t, label]
    return alpha


places = [0, 1, 0, 1, 0, 2, 0]
by_hand = forward(tiny, places)[-1, -2:].sum()  # a path ends on the last label or the last blank
logs = torch.as_tensor(tiny).log()[:, None]  # (T, one item, C)
ours = alignment.ctc_loss(logs, torch.tensor([[1, 1, 2]]), [6], [3])
theirs = functional.ctc_loss(logs, torch.tensor([[1, 1, 2]]), [6], [3], reduction="none")
four = [brute_force(tiny, [1, 1, 2]), by_hand, (-ours).exp().item(), (-theirs).exp().item()]
print("brute force, by hand, package, torch:", *(f"{value:.6f}" for value in four))
assert np.allclose(four, four[0])

# %% [markdown]
# Four ways, one number. But products of probabilities die out: after a few hundred steps $\alpha$ is too small for a computer's
# numbers. Hence logarithms, where a sum becomes `logaddexp`:

# %%
long = torch.randn(700, 11, dtype=torch.float64).softmax(-1)
print("700 steps, alpha by hand:", forward(long.numpy(), places)[-1, -2:].sum())
print(
    f"the package, with logarithms: log p = {-alignment.ctc_loss(long.log()[:, None], [[1, 1, 2]], [700], [3]).item():.1f}"
)

# %% [markdown]
# ### Exercise 12.3 ●●○ 8 min
# Write `forward_step(alpha, frame, extended)`: one step with logarithms. `alpha` is a float array (places,) with
# $\log \alpha_{t-1}$, in which `-np.inf` means impossible; `frame` a float array (C,) with $\log y_t$; `extended` the list of
# symbols from 12.2. Return a new array (places,) with $\log \alpha_t$; leave `alpha` as it is. With `extended = [0, 1, 0]`,
# `frame = np.log([0.5, 0.5])` and `alpha = np.log([0.25, 0.5, 0.25])` it is `np.log([0.125, 0.375, 0.375])`.
# <details><summary>Hint: the idea</summary>Copy `forward`'s inner loop; each + becomes np.logaddexp, the product a +, and a place that does not exist is -inf.</details>
# <details><summary>Hint: pseudocode</summary>for s, label: came = alpha[s]; if s > 0: came = logaddexp(came, alpha[s-1]); if the skip is allowed: logaddexp with alpha[s-2]; new[s] = came + frame[label]</details>


# %% tags=["exercise"]
def forward_step(alpha, frame, extended):
    ### BEGIN SOLUTION
    new = np.empty(len(extended))
    for s, label in enumerate(extended):
        ways = [alpha[s]] + [alpha[s - 1]] * (s > 0)
        if s > 1 and label != 0 and label != extended[s - 2]:
            ways.append(alpha[s - 2])
        new[s] = np.logaddexp.reduce(ways) + frame[label]
    return new
    ### END SOLUTION


# %%
check.ex12_3(forward_step)

# %% [markdown]
# The same walk from the end gives $\beta_t(s)$, all endings from place $s$ at step $t$. Together they say how likely each place is at
# each step, given the text (lesson 11's posteriors):


# %%
def occupancy(probabilities, extended):  # (T, C), list of symbols -> (T, places); each row adds up to 1
    alpha = forward(probabilities, extended)
    beta = forward(probabilities[::-1], extended[::-1])[::-1, ::-1]  # backward is forward, turned round
    both = alpha * beta / probabilities[:, extended]  # step t is in both
    return both / both.sum(1, keepdims=True)


shares = np.zeros_like(tiny)
np.add.at(shares.T, places, occupancy(tiny, places).T)  # add up the places of each symbol
scores = logs.clone().requires_grad_()
functional.ctc_loss(scores.log_softmax(-1), torch.tensor([[1, 1, 2]]), [6], [3], reduction="sum").backward()
assert np.allclose(scores.grad[:, 0], tiny - shares)
print("gradient of the loss = what the network says, minus the share of each symbol given the text")

# %% [markdown]
# At each step the network is pulled towards **its own guess of where the labels are**, made consistent with the text. It teaches itself
# to cut.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: draw the extended list of 1 1 2 on the board and walk a finger along it, one move a step. Ask why the
# skip from 1 to 1 is forbidden: the path would collapse to a single 1.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 Train a reader
#
# A convolution leaves one step for four frames, an LSTM (a network that carries a memory along) runs over the
# steps in both directions, and a linear layer scores the symbols.


# %%
class Reader(nn.Module):
    """Frames (B, T, width) and how many count (B,) -> log probabilities (T / 4, B, symbols), steps that count (B,)."""

    def __init__(self, width, symbols, hidden, start=None):
        super().__init__()
        self.start = start or nn.Identity()
        self.shorten = nn.Conv1d(width, hidden, 5, stride=4, padding=2)
        self.norm = nn.LayerNorm(hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, bidirectional=True)
        self.scores = nn.Linear(2 * hidden, symbols)

    def forward(self, frames, lengths):
        steps = self.norm(self.shorten(self.start(frames).mT).mT).relu()
        lengths = (lengths.cpu() - 1) // 4 + 1
        packed = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
        steps, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.scores(steps).log_softmax(-1).transpose(0, 1), lengths


# %% [markdown]
# One step of training, with torch's `ctc_loss`: equal to ours, and compiled. `zero_infinity` skips items that do not fit.


# %%
def learn(network, optimizer, frames, lengths, targets, sizes, noise):
    """Take one step on a batch; sizes (B,) says how many labels each row of targets holds."""
    hiss = noise * torch.randn(frames.shape).to(frames.device)
    inside = torch.arange(frames.shape[1], device=frames.device) < lengths[:, None]
    log_probs, steps = network(torch.where(inside[..., None], frames + hiss, 0), lengths)
    loss = functional.ctc_loss(log_probs, targets.to(frames.device), steps, sizes, zero_infinity=True)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5)
    optimizer.step()


# %% [markdown]
# (The loop around it, validated every 25 steps. For a share `short` of the training it draws only one or two labels a string.)


# %% tags=["further"]
def tensors(split, key):
    """A split as padded frames (N, T, d), lengths (N,), targets (N, S), sizes (N,)."""
    items = split.arrays()[0][key]
    targets = torch.as_tensor(split.target)
    frames = pad_sequence([torch.as_tensor(x) for x in items], batch_first=True)
    return frames.to(device), torch.tensor([len(x) for x in items]).to(device), targets, (targets > 0).sum(1)


@torch.no_grad()
def log_probs_of(network, data):
    """What the network writes: (T, N, C) and (N,), on the CPU."""
    log_probs, steps = network.eval()(data[0], data[1])
    network.train()
    return log_probs.cpu(), steps


data, valid, test = (tensors(part, "audio") for part in (strings.train, strings.valid, strings.test))
test = tuple(x[: mm.per_profile(smoke=30, quick=170, full=170)] for x in test)


# %% tags=["further"]
# the loop around one step
def train(network, data, valid, steps, *, batch=32, rate=0.008, short=0.0, noise=0.5, stop=None, watch=True):
    """Train for `steps` (or `stop` earlier); return steps, frames seen, validation error, and copies of the weights."""
    frames, lengths, targets, sizes = data
    optimizer = torch.optim.AdamW(network.to(device).parameters(), rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    seen, curve, copies = 0, [], {}
    for step in range(1, (stop or steps) + 1):
        rows = torch.where(sizes <= 2)[0] if step <= short * steps else torch.arange(len(sizes))
        rows = rows[torch.randint(len(rows), (batch,))]
        longest = int(lengths[rows].max())
        learn(network, optimizer, frames[rows, :longest], lengths[rows], targets[rows], sizes[rows], noise)
        schedule.step()
        seen += int(lengths[rows].sum())
        if watch and step % 25 == 0:
            found, _ = alignment.ctc_greedy_decode(*log_probs_of(network, valid))
            curve.append((step, seen / 1000, error_rate(*mistakes(valid[2], found))))
            copies[step] = {name: x.clone() for name, x in network.state_dict().items()}
    return np.array(curve).T, copies


# %% [markdown]
# The **word error rate** (WER) counts words to replace, leave out or put in, the fewest that turn one text into the other, for
# every 100 true words: lesson 11's table of costs once more. jiwer computes it. A digit is a word here.

# %%
for found in ("three four four", "three three one four one"):
    print(f"{found}: WER {word_error_rate('three one four', found):.1f} %")


# %% tags=["further"]
def mistakes(targets, found):
    """Mistakes (N,) and labels (N,) of each item; targets (N, S) filled up with 0, found a list of lists."""
    true = [[label for label in row if label] for row in targets.tolist()]
    pairs = [(" ".join(map(str, a)), " ".join(map(str, b))) for a, b in zip(true, found, strict=True)]
    sizes = np.array([len(row) for row in true])
    return np.round([word_error_rate(*pair) for pair in pairs] * sizes / 100), sizes


def error_rate(wrong, sizes):
    """Mistakes for every 100 labels, over all items."""
    return 100 * wrong.sum() / sizes.sum()


def fewer(before, after):
    """How many mistakes for every 100 labels `after` saves, with its interval over items."""
    return bootstrap_interval(lambda a, b, n: 100 * (a - b).sum() / n.sum(), before[0], after[0], before[1])


# %% [markdown] tags=["predict"]
# **Predict first.** After 25 steps of training, what will the network write for a string of four digits: random digits, always the
# same digit, or something else?

# %% [markdown]
# We train three times, twice only for a while: on all strings, 32 a step; on fewer a step, with the frames of 32 **short** strings;
# and on short strings first (a *curriculum*; Bengio and others 2009). This takes about 15 s.

# %%
STEPS = mm.per_profile(smoke=25, quick=300, full=2000)
FIRST = mm.per_profile(smoke=25, quick=100, full=1000)  # enough to see the start
frames_of = data[1].float().cpu()
few = round(32 * (frames_of[data[3] <= 2].mean() / frames_of.mean()).item())
ways = {"all lengths, 32 a step": {"stop": FIRST}, f"all lengths, {few} a step": {"stop": FIRST, "batch": few}}
ways["short strings first, 32 a step"] = {"short": 0.3}
curves = {}
for name, options in ways.items():
    torch.manual_seed(1)
    reader = Reader(13, 11, 96)
    curves[name], copies = train(reader, data, valid, STEPS, **options)

# %% tags=["further"]
figure, grid = plt.subplots(1, 2, figsize=(10, 4.6), sharey=True)
for k, (name, (step, seen, wer)) in enumerate(curves.items()):
    for axes, x in zip(grid, (step, seen), strict=True):
        axes.plot(x, wer, "osD"[k] + "-", color=plotting.COLORS[k], label=name)
for axes, name in zip(grid, ("steps", "frames seen in training (thousands)"), strict=True):
    axes.set_xlabel(name)
grid[0].set(ylabel="validation WER in %", ylim=(0, 105))
_ = figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=13)

# %% [markdown] tags=["alt"]
# *Figure: validation word error rate of three runs, on the left against steps, on the right against frames. All start on a plateau at
# 100 %, then fall steeply: on the left close together; on the right short strings and small batches after less than half the
# frames. Short strings first goes on and flattens at a few per cent.*

# %% tags=["further"]
shown = next(k for k in range(len(strings.valid)) if (strings.valid.target[k] > 0).sum() == 4)
one = tuple(x[shown : shown + 1] for x in valid)
for step in (25, max(copies)):
    reader.load_state_dict(copies[step])
    log_probs, _ = log_probs_of(reader, one)
    print(f"after {step} steps:", *(names[label] for label in log_probs[:, 0].argmax(-1).tolist()))
print("true:", written(strings.valid.target[shown]))

# %% [markdown]
# It writes **nothing**. Blanks fit between all labels, so at first it pays best to be sure of the blank alone: the **blank plateau**.
# When some label stands out somewhere, label and place sharpen each other, and the error falls at once.
#
# A curriculum is said to break the plateau. Counted in **steps** it did not: all three runs left it about as early, and all lengths
# then fell fastest. Counted in **frames** it helped, but small batches helped as much. What it bought was cheaper steps. (One run each.)

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: a learner whose CTC network "only outputs blanks" usually stops it too soon. Have them look at this figure
# before they change anything. The spikes of the next figure are worth a minute: the network is sure *that*, not *how long*.

# %% [markdown]
# Where does it put the digits? Below its probabilities stands `occupancy` given the true text.

# %% tags=["further"]
probabilities = log_probs_of(reader, one)[0][:, 0].double().exp().numpy()
labels = [label for label in strings.valid.target[shown].tolist() if label]
places = [0] + [place for label in labels for place in (label, 0)]
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6.4), sharex=True)
for axes, values, rows in (
    (above, probabilities.T, names),
    (below, occupancy(probabilities, places).T, [names[p] for p in places]),
):
    axes.imshow(values, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
above.set_title(f"what the network says; true: {written(labels)}")
below.set_title("share of each place of the extended list, given that text")
below.set_xlabel("step (4 frames)")
below.xaxis.get_major_locator().set_params(integer=True)

# %% [markdown] tags=["alt"]
# *Figure: two pictures over the steps of one string. Above, a row a symbol: the blank's is dark nearly everywhere, each digit of the
# text a short dark spike. Below, a row a place of the extended list: a dark staircase, from upper left to lower right.*

# %% [markdown]
# Spikes: writing a long digit once is enough. CTC does **not** measure how long a sound lasts.
#
# Two rivals are told *how many* digits there are. **Cut evenly** cuts each string into that many equal pieces and classifies
# each (a support vector machine, trained on pieces cut the same way, with the same noise). **Majority** always says the commonest digit.

# %% tags=["further"]
from sklearn.svm import SVC


def pieces(data, noise=0.0):
    """Cut each string into as many equal parts as it has labels, eight frames of each: (labels, 104), (labels,)."""
    found, rng = [], np.random.default_rng(0)
    for frames, length, size in zip(data[0].cpu().numpy(), data[1].tolist(), data[3].tolist(), strict=True):
        frames = frames + noise * rng.standard_normal(frames.shape)
        for k in range(size):
            times = np.linspace(k / size, (k + 1) / size, 8) * (length - 1)
            below, share = times.astype(int), (times % 1)[:, None]
            above = np.minimum(below + 1, length - 1)
            found.append(((1 - share) * frames[below] + share * frames[above]).ravel())
    return np.stack(found), data[2][data[2] > 0].numpy()


classifier = SVC(C=3).fit(*pieces(data, noise=0.5))


def cut_evenly(data):
    """Labels of the equal parts: a list of lists."""
    labels = iter(classifier.predict(pieces(data)[0]).tolist())
    return [[next(labels) for _ in range(size)] for size in data[3].tolist()]


# %% [markdown]
# (The test part, opened at last.)

# %%
greedy, _ = alignment.ctc_greedy_decode(*log_probs_of(reader, test))
commonest = int(data[2][data[2] > 0].mode().values)
read = {
    "CTC": mistakes(test[2], greedy),
    "cut evenly": mistakes(test[2], cut_evenly(test)),
    "majority": mistakes(test[2], [[commonest] * n for n in test[3].tolist()]),
}
wer = {name: bootstrap_interval(error_rate, *counts) for name, counts in read.items()}
print(*(f"{name}: WER {value} %" for name, value in wer.items()), sep="\n")
spare = Interval(5 - wer["CTC"].estimate, 5 - wer["CTC"].high, 5 - wer["CTC"].low)
mm.claim("12.1", "strings of unseen recordings are read with a WER of at most 5 %", spare, unit="points")

# %% [markdown]
# CTC had to find cuts *and* number, and makes fewer mistakes. (All parts have the same six speakers: a new voice would do worse.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Decoding: from symbols to text
#
# **Greedy** decoding takes the likeliest symbol of each step and collapses.

# %% [markdown] tags=["predict"]
# **Predict first.** Two steps, and at each the network says: blank 0.6, "a" 0.4. What does greedy read? And which text is
# likelier?

# %%
two = torch.tensor([[0.6, 0.4], [0.6, 0.4]], dtype=torch.float64).log()[:, None]
for name, decode in (("greedy", alignment.ctc_greedy_decode), ("beam", alignment.ctc_beam_decode)):
    texts, score = decode(two)
    print(f"{name}: text {texts[0]}, probability {score.exp().item():.2f}")

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: write the four paths of the two steps on the board with their probabilities, and let somebody add them up.

# %% [markdown]
# The best path is not the best text. Greedy reads nothing, with probability 0.6 × 0.6; "a" has three paths, "a–", "–a" and "aa".
# A **prefix beam search** (Hannun and others 2014) keeps a few beginnings of the *text* (prefixes) and adds up their paths in two
# sums: those that end in a blank, and those that end in the prefix's last label. If that label comes again, it starts anew after
# a blank and merges without one.

# %% [markdown]
# ### Exercise 12.4 ●●● 12 min
# Write `beam_step(beam, frame)`. `beam` is a dict: prefix (a tuple of labels) -> `(blank, label)`, two probabilities: of the
# paths that end in a blank, and in the prefix's last label. `frame` is a list of probabilities, one a symbol, the blank first. Return
# the new dict after one more step, with **all** prefixes that can be reached, also those of probability 0. Start:
# `{(): (1.0, 0.0)}`. After one step with `[0.6, 0.4]`: `{(): (0.6, 0.0), (1,): (0.0, 0.4)}`; after two: `()` has
# `(0.36, 0.0)` and `(1,)` has `(0.24, 0.4)`: 0.16 from "aa", 0.24 from "–a". `(1, 1)` has `(0.0, 0.0)`: it needs a blank.
# <details><summary>Hint: the idea</summary>Each prefix does three things: a blank keeps it (into blank); its own last label keeps it (into label, from label only); any label makes it longer (into label of the longer one; from both sums, but from blank only if the label equals the last one). The same prefix may be reached twice: add.</details>
# <details><summary>Hint: pseudocode</summary>new = defaultdict of [0, 0]; for prefix, (b, l): new[prefix][0] += (b + l) * frame[0]; if prefix: new[prefix][1] += l * frame[last]; for k from 1: new[prefix + (k,)][1] += (b if prefix and k == last else b + l) * frame[k]</details>


# %% tags=["exercise"]
def beam_step(beam, frame):
    ### BEGIN SOLUTION
    new = {}
    for prefix, (blank, label) in beam.items():
        last = prefix[-1] if prefix else 0
        moves = [(prefix, (blank + label) * frame[0], 0.0), (prefix, 0.0, label * frame[last] if last else 0.0)]
        for k in range(1, len(frame)):
            moves.append(((*prefix, k), 0.0, (blank if k == last else blank + label) * frame[k]))
        for longer, to_blank, to_label in moves:
            before = new.get(longer, (0.0, 0.0))
            new[longer] = (before[0] + to_blank, before[1] + to_label)
    return new
    ### END SOLUTION


# %%
check.ex12_4(beam_step)

# %% [markdown]
# The package's `ctc_beam_decode` keeps the best 16 prefixes. Given a **word list**, it reads only texts on the list. Ours is a
# directory of random numbers, among them every test string. A fair rival gets it too: read greedily, then take the directory's
# number with the fewest differences; of several, the one with the smallest CTC loss.

# %% [markdown] tags=["predict"]
# **Predict first.** Greedy; beam; greedy, then nearest; beam in the directory. The network is (a) stopped at the first check with a
# validation WER below 40 %, (b) trained, (c) trained but hears noise. Where does the beam alone help? Where the directory?

# %% tags=["further"]
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

others = [mm.data.load("digit_strings", count=1000, seed=7).train.target, test[2].numpy(), one[2].numpy()]
directory = sorted({tuple(label for label in row if label) for row in np.concatenate(others).tolist()})


def nearest(found, said, steps):
    """The directory's number with the fewest differences; of several, the one with the smallest CTC loss."""
    chosen = []
    for k, row in enumerate(cdist([tuple(x) for x in found], directory, scorer=Levenshtein.distance)):
        ties = [directory[j] for j in np.flatnonzero(row == row.min())]
        flat, sizes = torch.tensor(sum(ties, ())), [len(number) for number in ties]
        several = said[:, [k] * len(ties)]
        losses = functional.ctc_loss(several, flat, [int(steps[k])] * len(ties), sizes, reduction="none")
        chosen.append(list(ties[losses.argmin()]))
    return chosen


# %% tags=["further"]
def decoded(weights, noise):
    """Mistakes of all readers for a state of the network and a level of noise."""
    reader.load_state_dict(weights)
    hiss = torch.randn(test[0].shape, generator=torch.Generator().manual_seed(0)).to(device)
    noisy = (test[0] + noise * hiss, *test[1:])
    said = log_probs_of(reader, noisy)
    greedy = alignment.ctc_greedy_decode(*said)[0]
    beam, listed = (alignment.ctc_beam_decode(*said, words=words)[0] for words in (None, directory))
    return {"greedy": greedy, "beam": beam, "greedy, nearest": nearest(greedy, *said), "beam, directory": listed} | {
        "cut evenly": cut_evenly(noisy)
    }


curve = curves["short strings first, 32 a step"][2]  # validation WER
young = 25 * (1 + next((k for k, wer in enumerate(curve) if wer < 40), 0))
final = copies[max(copies)]
CONDITIONS = {"stopped early": (copies[young], 0), "trained": (final, 0)}
CONDITIONS |= {f"trained,\nnoise {noise}": (final, noise) for noise in (0.5, 1, 1.5)}

# %% [markdown]
# (Five conditions, about 5 s. The cutter gets no directory.)

# %% tags=["further"]
outcome = {
    condition: {name: mistakes(test[2], found) for name, found in decoded(*setting).items()}
    for condition, setting in CONDITIONS.items()
}
figure, axes = plt.subplots(figsize=(9, 4.4))
for k, name in enumerate(outcome["trained"]):
    rates = [bootstrap_interval(error_rate, *outcome[condition][name]) for condition in CONDITIONS]
    middle = np.array([rate.estimate for rate in rates])
    spread = [middle - [rate.low for rate in rates], [rate.high for rate in rates] - middle]
    where = np.arange(len(rates)) + 0.16 * (k - 2)
    axes.bar(where, middle, 0.15, yerr=spread, color=plotting.COLORS[k], label=name, error_kw={"ecolor": "#222222"})
axes.set_xticks(range(len(CONDITIONS)), CONDITIONS)
axes.set(ylabel="test WER in %", ylim=(0, 80))
axes.grid(False, axis="x")
_ = axes.legend(loc="upper left", fontsize=12)
print(f"stopped early: {young} steps, validation WER {curve[young // 25 - 1]:.0f} %")
print(f"directory: {len(directory)} numbers, {sum(len(number) == 1 for number in directory)} of them of one digit")

# %% [markdown] tags=["alt"]
# *Figure: word error rate of five readers under five conditions, with intervals. Trained, all CTC readers are low. Stopped early or
# in noise the beam is a little below greedy, and the two readers with the directory are lowest, the beam in it at or below the
# nearest number. Cutting evenly is the same for both networks; in the loudest noise it is worst.*

# %% tags=["further"]
NOISE_1 = "trained,\nnoise 1"
for condition, read in outcome.items():
    print(" ".join(condition.split()))
    for name in [n for n in read if n != "greedy"]:
        print(f"    {name} saves {fewer(read['greedy'], read[name]):+} points against greedy")
    duel = fewer(read["greedy, nearest"], read["beam, directory"])
    print(f"    in the directory, the beam saves {duel:+} against the nearest number")


def more(before, after, sizes):
    """How many more mistakes of 100 labels the beam alone saves in the second condition; mistakes (greedy, beam)."""

    def statistic(a, b, c, d, n):
        return 100 * ((c - d) - (a - b)).sum() / n.sum()

    return bootstrap_interval(statistic, *before, *after, sizes)


alone = {condition: [read[name][0] for name in ("greedy", "beam")] for condition, read in outcome.items()}
unsure = [more(alone["trained"], alone[condition], test[3].numpy()) for condition in ("stopped early", NOISE_1)]


# %%
mm.claim("12.2", "stopped early, the beam saves more than trained", unsure[0], unit="points")
mm.claim("12.8", "in noise 1 it saves more than without noise", unsure[1], unit="points")

# %% [markdown]
# A network that is sure writes spikes, and then the best path *is* the best text: trained, the beam reads what greedy reads. In
# doubt, adding up paths saves some mistakes, and a **list** far more. Most of that the list does alone, when the network breaks its
# ties. Only in noise 1 does the beam clearly add to it here: the nearest number counts all differences alike, while the beam weighs
# each doubtful digit by what was heard.


# %% tags=["further"]
def heard(noise, beam, seed):
    """What the network says about one noisy string, and three ways to read it."""
    hiss = torch.randn(one[0].shape, generator=torch.Generator().manual_seed(seed)).to(device)
    said = log_probs_of(reader, (one[0] + noise * hiss, *one[1:]))
    found = {"greedy": alignment.ctc_greedy_decode(*said)[0][0]}
    for name, words in (("beam", None), ("directory", directory)):
        found[name] = alignment.ctc_beam_decode(*said, beam=beam, words=words)[0][0]
    return said[0][:, 0], found


def listen(noise, beam):
    """Draw it."""
    said, found = heard(noise, beam, seed)
    figure, axes = plt.subplots(figsize=(8.5, 4))
    axes.imshow(said.exp().T, aspect="auto", cmap="Blues", vmin=0, vmax=1)
    axes.set_yticks(range(11), names)
    axes.grid(False)
    axes.set_xlabel("step (4 frames)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    texts = "\n".join(f"{name}: {written(text) or 'nothing'}" for name, text in found.items())
    axes.set_title(f"true: {written(labels)}\n{texts}", fontsize=12)
    return figure


# %% [markdown]
# Play with it: one string, more and more noise. When do the spikes pale? And what is left of the beam when it is 1 wide? (Of 50
# patterns of noise, one on which the readers disagree.)

# %% tags=["further"]
reader.load_state_dict(final)
differ = (k for k in range(50) if len({tuple(text) for text in heard(1.25, 16, k)[1].values()}) == 3)
seed = next(differ, 0)
_ = widgets.explore(listen, noise=(0.0, 2.5, 0.25), beam=[16, 4, 1])

# %% [markdown] tags=["alt"]
# *Figure: the network's probabilities over the steps of one noisy string, with controls for noise and beam. Above, the true text and
# three readings, which differ.*


# %% tags=["further"]
def noisy_valid(noise):
    """What the network says about all validation strings in noise."""
    hiss = torch.randn(valid[0].shape, generator=torch.Generator().manual_seed(0)).to(device)
    return log_probs_of(reader, (valid[0] + noise * hiss, *valid[1:]))


print("validation strings: height of a spike, by noise")
for noise in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5):
    tallest = noisy_valid(noise)[0].exp().amax(0).gather(1, valid[2])[valid[2] > 0]
    print(f"    {noise}: {tallest.mean().item():.2f}")
said = noisy_valid(1.25)
greedy = alignment.ctc_greedy_decode(*said)[0]
for beam in (1, 16):
    same = np.mean([a == b for a, b in zip(greedy, alignment.ctc_beam_decode(*said, beam=beam)[0], strict=True)])
    print(f"in noise 1.25, a beam of {beam} reads {100 * same:.0f} % of the strings as greedy does")

# %% [markdown]
# The spikes stand nearly as tall up to 0.5, the noise of the training, and pale beyond. A beam of 1 keeps a single beginning: hardly
# anything is left to add up, and it reads much like greedy.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 The same machine reads hands
#
# Sign languages are languages, hundreds of them, with grammars of their own. **Fingerspelling**, a small part, spells names and
# loans. Our data: letters of 13 sign languages, one recording each, as **poses**: 21 joints of the hand (wrist, and four a finger),
# found by software in each video frame, relative to the wrist and in units of the hand's size. Not a fair sample: alphabets that mostly
# use both hands (Czech, Croatian, Turkish), other scripts and letters with marks are left out.

# %% tags=["further"]
from mmcourse.data.strings import join

letters = mm.load("fingerspelling")
NAMES = {"ase": "American", "asq": "Austrian", "bzs": "Brazilian", "eso": "Estonian", "gsg": "German", "ise": "Italian"}
NAMES |= {"lls": "Lithuanian", "mfs": "Mexican", "psr": "Portuguese", "sgg": "Swiss German", "ssp": "Spanish"}
NAMES |= {"svk": "Slovak", "swl": "Swedish"}
FINGERS = {"thumb and index": ((0, 1, 2, 3, 4), (0, 5, 6, 7, 8))}
FINGERS["other fingers"] = ((0, 9, 10, 11, 12), (0, 13, 14, 15, 16), (0, 17, 18, 19, 20))
OURS = dict(zip(FINGERS, (plotting.COLORS[0], plotting.COLORS[1]), strict=True))


def draw_hand(axes, joints):
    """Draw one frame (42,) as a hand; the first pair of numbers is the wrist's way, so the wrist itself is at 0."""
    points = np.concatenate([np.zeros((1, 2)), np.reshape(joints, (21, 2))[1:]])
    for name, chains in FINGERS.items():
        for chain in chains:
            axes.plot(*points[list(chain)].T, color=OURS[name], lw=3, marker="o", ms=3)
    axes.set(xlim=(-1.1, 1.5), ylim=(0.15, -2), aspect="equal")
    axes.axis("off")


def letter(number, language="ase"):
    """The joints (T, 42) of letter 0 to 25 of a training language; ase is American Sign Language."""
    row = np.flatnonzero((letters.train.groups == language) & (letters.train.target == number))[0]
    return letters.train[row][0]["hand"].numpy()


# %% [markdown]
# Four letters of American Sign Language, joined by us. Nobody spelled this word: in real spelling letters are shorter and bend
# towards their neighbours. Which letters?

# %% tags=["further"]
spelled = join([letter(number) for number in (22, 0, 21, 24)], [4, 4, 4])
moments = np.linspace(5, len(spelled) - 8, 12).astype(int)
figure, grid = plt.subplots(2, 6, figsize=(11, 4.6))
for axes, moment in zip(grid.flat, moments, strict=True):
    draw_hand(axes, spelled[moment])
    axes.set_title(f"{moment / 25:.1f} s", fontsize=12, loc="center")
lines = [plt.Line2D([], [], color=color, lw=3) for color in OURS.values()]
_ = figure.legend(lines, OURS, loc="outside lower center", ncols=2)

# %% [markdown] tags=["alt"]
# *Figure: twelve moments of a hand of joints and lines: three spread fingers, a fist, two spread fingers, then thumb and little
# finger stretched out.*

# %% [markdown]
# <details><summary>The letters</summary>W, A, V, Y.</details>

# %% [markdown]
# ### Exercise 12.5 ●○○ 5 min
# The data's one left-handed signer must look right-handed. Write `mirror(hand)`. `hand` is a float array (T, 42):
# 21 joints a frame, each as x, y, x, y, ... in the hand's own units, the wrist at 0. Return a new array (T, 42), mirrored at the
# vertical axis through the wrist; leave `hand` as it is. A frame that starts `[1, 2, 3, 4]` then starts `[-1, 2, -3, 4]`.
# <details><summary>Hint: the idea</summary>Left and right change places: every x changes its sign. Nothing else changes, not the order of the joints or frames.</details>
# <details><summary>Hint: pseudocode</summary>mirrored = a copy of hand; multiply the columns 0, 2, 4, ... of mirrored by -1</details>


# %% tags=["exercise"]
def mirror(hand):
    ### BEGIN SOLUTION
    mirrored = hand.copy()
    mirrored[:, 0::2] *= -1
    return mirrored
    ### END SOLUTION


# %%
check.ex12_5(mirror)

# %% [markdown]
# Our words are 1 to 3 random letters of one language. **Warped copies** (other words from the *same* recordings, stretched in time and
# shape) say whether CTC learned to cut; only **languages never trained on**, whether its letters carry over. The error counts letters.

# %% tags=["further"]
WORDS = mm.per_profile(smoke=60, quick=1000, full=5000)
words = {new: mm.load("fingerspelling", words=WORDS, length=(1, 3), unseen=new) for new in (False, True)}
known, copied = (tensors(part, "hand") for part in (words[False].train, words[False].test))
foreign = tensors(words[True].test, "hand")
inside = known[0][torch.arange(known[0].shape[1], device=device) < known[1][:, None]]
middle, spread = inside.mean(0), inside.std(0)


def standardised(data):
    """Give every joint mean 0 and spread 1 over the training frames; padding stays 0."""
    real = torch.arange(data[0].shape[1], device=device) < data[1][:, None]
    return (torch.where(real[..., None], (data[0] - middle) / spread, 0), *data[1:])


# %% [markdown]
# Two rounds of training, the first with short words at the start. We keep the network as it was between them (`beginner`), because
# section 7 starts from it. This takes about 15 s.

# %%
HAND_STEPS = mm.per_profile(smoke=25, quick=250, full=2000)


def train_hands(data, beginner=None):
    """Train a reader of hands (one linear layer a frame, then as for sound), or a copy of a beginner further."""
    start = nn.Sequential(nn.Linear(42, 64, bias=False), nn.ReLU())
    network = copy.deepcopy(beginner) or Reader(64, 27, 64, start)
    train(network, data, None, HAND_STEPS, rate=0.01, short=0 if beginner else 0.25, noise=0.1, watch=False)
    return network


def read_hands(network, data):
    """Mistakes and letters of each word."""
    return mistakes(data[2], alignment.ctc_greedy_decode(*log_probs_of(network, data))[0])


torch.manual_seed(0)
beginner = train_hands(standardised(known))
hands = train_hands(standardised(known), beginner)

# %% [markdown]
# A rival, told the number of letters, always says the commonest.

# %%
spelling = {"warped copies": copied, "languages never trained on": foreign}
errors = {name: read_hands(hands, standardised(data)) for name, data in spelling.items()}
commonest = [[int(known[2][known[2] > 0].mode().values)] * n for n in copied[3].tolist()]
errors["commonest letter, number known"] = mistakes(copied[2], commonest)
cer = {name: bootstrap_interval(error_rate, *counts) for name, counts in errors.items()}
print(*(f"{name}: letter error rate {rate} %" for name, rate in cer.items()), sep="\n")
spare = cer["warped copies"]
spare = Interval(45 - spare.estimate, 45 - spare.high, 45 - spare.low)
mm.claim("12.3", "warped copies are read with a letter error of at most 45 %", spare, unit="points")

# %% [markdown]
# It learned to cut, and reads the copies. On new languages, which are also new people and cameras, it does much worse. Do the letters
# differ, or did it learn the signers?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask who in the room signs, and let them say what is missing: the other hand, the face, space, movement. Do
# not ask learners to imitate signs for fun.

# %% [markdown]
# Take single letters, already cut, and a small model: the mean pose of a recording and a linear classifier (LDA with shrinkage).
# **Leave one language out**: train on twelve, test on the thirteenth. As a control, use the body (nose, shoulders, elbows, wrists)
# and the face, whose mouthing could give letters away.

# %% [markdown] tags=["predict"]
# **Predict first.** 26 letters, so chance is about 4 %. How often is the letter of an unseen sign language right from the hand?
# And from the face and body?

# %% tags=["further"]
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

every = [getattr(letters, part) for part in ("train", "valid", "test")]
target = np.concatenate([part.target for part in every])
language = np.concatenate([part.groups for part in every])
poses = {
    key: np.stack([x.mean(0) for part in every for x in part.arrays()[0][key]]) for key in ("hand", "body", "face")
}


def right(features, seen, new):
    """Accuracy in % of LDA on new recordings."""
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features[seen], target[seen])
    return 100 * model.score(features[new], target[new])


def carried_over(features):
    """Accuracy in % on each language, trained on all others: (13,)."""
    return np.array([right(features, language != one, language == one) for one in np.unique(language)])


streams = {"hand": poses["hand"][:, 2:], "face": poses["face"], "body": poses["body"]}
streams["face and body"] = np.concatenate([poses["face"], poses["body"]], 1)
accuracy = {name: carried_over(features) for name, features in streams.items()}
plotting.bars(accuracy, ylabel="letters right in %,\nlanguage left out", baseline=("chance", 100 / 26))

# %% [markdown] tags=["alt"]
# *Figure: letters right on the language left out, with intervals over the languages. The hand is far above the rest; face,
# body and both together are near chance.*

# %%
mm.claim("12.4", "letters carry over to a new language, from the hand", accuracy["hand"] - 40, unit="points over 40 %")
both = 15 - accuracy["face and body"]
mm.claim("12.6", "face and body together stay below 15 %", both, unit="points to spare")
by_name = sorted(zip(map(NAMES.get, np.unique(language)), accuracy["hand"], strict=True))
print("from the hand, Sign Language by Sign Language:", *(f"{name} {score:.0f} %" for name, score in by_name))
old, new = (np.isin(language, np.unique(part.groups)) for part in (letters.train, letters.test))
misread = 100 - right(streams["hand"], old, new)
print("Languages that CTC never saw:", ", ".join(NAMES[name] for name in np.unique(language[new])))
print(f"letters misread there: already cut, LDA {misread:.0f} %; in words, CTC {cer['languages never trained on']} %")

# %% [markdown]
# In the same three languages, letters already cut are misread nearly as often as CTC errs in words: the letters are the problem, more
# than the cuts. From the hand, letters carry over far above chance, but take the 40 % with care: languages differ widely. Many
# one-handed alphabets are relatives, handed on by schools for the deaf (Power and others 2020), so the 13 are not independent, and the
# intervals too narrow. Nor can we tell the language from the signer. Face and body add next to nothing *here*; in signed sentences the
# face is grammar.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 Two streams of one hand, and a lag
#
# Split the hand: **thumb and index**, 8 joints, and the **other fingers**, 12. Two real streams, if from one tracker: they share
# wrist and scale. Does each know something the other does not?

# %% tags=["further"]
halves = {"thumb and index": poses["hand"][:, 2:18], "other fingers": poses["hand"][:, 18:]}
others, (first, second) = halves["other fingers"], np.random.default_rng(0).integers(0, 24, (2, 16))
trials = {**halves, "others + 16 products": np.concatenate([others, others[:, first] * others[:, second]], 1)}
trials["fused"] = np.concatenate(list(halves.values()), 1)
parts = {name: carried_over(features) for name, features in trials.items()}
plotting.bars(parts, ylabel="letters right in %, language left out", baseline=("chance", 100 / 26))

# %% [markdown] tags=["alt"]
# *Figure: letters right on the language left out. Each stream alone is well above chance, fused they are highest; products of one stream
# do not help.*

# %%
best = max(halves, key=lambda name: parts[name].mean())
mm.claim("12.5", f"both streams beat the better one ({best})", parts["fused"] - parts[best], unit="points")
print(
    f"fused against as many numbers without a second stream: {interval(parts['fused'] - parts['others + 16 products'])}"
)

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask which control they would demand before they believe in fusion, then point at the one in the figure.

# %% [markdown]
# Fused beats each alone, and as many numbers made of one stream: the second one's news helps.
#
# Now the streams come apart, as when two cameras start at different moments: in every word we delay the other fingers by −8 to 8
# frames. Transitions move all fingers, so the two **speeds** should rise together: take the shift at which they agree best. The ends
# stand still and would betray the lag, so we cut them off first.


# %%
def apart(frames, length, lag):
    """Delay the other fingers of one word (T, 42) by `lag` frames; the ends stand still."""
    shifted = frames.clone()
    shifted[:length, 18:] = frames[(torch.arange(length) - lag).clamp(0, length - 1)][:, 18:]
    return shifted


def found_lag(frames, length, reach=8):
    """The delay at which the two streams' speeds agree best, without the ends; 0 for too short a word."""
    inside = frames[reach : max(reach, length - reach)].cpu().numpy().reshape(-1, 21, 2)
    speeds = np.linalg.norm(np.diff(inside, axis=0), axis=2)
    agreement = {0: -1.0}
    for lag in range(-reach, reach + 1):
        size = len(speeds) - abs(lag)
        if size >= 6:
            both = speeds[max(-lag, 0) :][:size, 1:9], speeds[max(lag, 0) :][:size, 9:]
            a, b = (np.convolve(one.mean(1), np.ones(3) / 3, "same") for one in both)
            agreement[lag] = np.corrcoef(a, b)[0, 1]
    return max(agreement, key=agreement.get)


# %% [markdown]
# Three ways to live with it: ignore the lag; undo the lag found; or train the second round, from the same beginner, on words with two
# lags each. About 10 s.


# %% tags=["further"]
def lagged(data, lags):
    """All words with a lag each."""
    moved = [apart(x, n, lag) for x, n, lag in zip(data[0].cpu(), data[1].tolist(), lags, strict=True)]
    return (torch.stack(moved).to(device), *data[1:])


rng = np.random.default_rng(1)
lags = rng.integers(-8, 9, len(copied[1]))
late = lagged(copied, lags)
guesses = np.array([found_lag(x, n) for x, n in zip(late[0], late[1].tolist(), strict=True)])
undone = lagged(late, -guesses)
twice = [lagged(known, rng.integers(-8, 9, len(known[1]))) for _ in range(2)]
torch.manual_seed(0)
used = train_hands(standardised([torch.cat(parts) for parts in zip(*twice, strict=True)]), beginner)
met = {
    "no lag": read_hands(hands, standardised(copied)),
    "lag ignored": read_hands(hands, standardised(late)),
    "lag found and undone": read_hands(hands, standardised(undone)),
    "trained on lagged words": read_hands(used, standardised(late)),
}
plotting.bars({k: bootstrap_interval(error_rate, *v) for k, v in met.items()}, ylabel="letter error in %")

# %% [markdown] tags=["alt"]
# *Figure: letter error on warped copies: lowest without a lag, highest with the lag ignored; with the lag found and undone, or
# after training on lagged words, in between.*

# %%
close, long = abs(guesses - lags) <= 1, copied[3].numpy() > 1
print(
    f"lag found within one frame: {100 * close[long].mean():.0f} % of words, {100 * close[~long].mean():.0f} % of single letters"
)
won = fewer(met["lag ignored"], met["lag found and undone"])
mm.claim("12.7", "undoing the lag earns its gain", won, unit="points")
print(f"undone against trained on lagged words: {fewer(met['trained on lagged words'], met['lag found and undone'])}")

# %% [markdown]
# Alignment earned its gain: with the lag undone, most of its cost is gone. Some remains: in single letters the lag is seldom
# found. Training on lagged words did as well here. This is the friendly case: one lag a word, and transitions drawn by us, in
# which all fingers move at once. A lag that changes takes lesson 11's warping.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# How do you read text from a signal that nobody has cut into letters? Let a network write a symbol or a blank at every step, and
# train it on the **sum over all ways to place the text**. It finds the cuts itself. Read greedily when it is sure; when it is not,
# bring a list of legal texts, and let the network's scores choose.

# %% [markdown]
# ## What can go wrong
#
# - **It writes only blanks.** The plateau: wait, make steps cheap, look at the learning rate.
# - **An infinite loss.** Repeats need more steps, and shortening leaves fewer. `zero_infinity=True` hides such items: count first.
# - **The blank is not label 0.** Libraries differ. Off by one, training still "works" and reads nonsense.
# - **Padding.** Give the true lengths after the shortening: here (T − 1) // 4 + 1.
# - **Copies counted as data.** Warped copies share recordings with training; only other languages were new.

# %% [markdown]
# ## What articles say, what is true
#
# The best-known set of signing is RWTH-PHOENIX-Weather 2014T (Camgöz and others 2018): German Sign Language with
# **glosses** (a word for each sign, in the order of signing) and German text.
# - *It is multimodal, with sound.* It has no audio.
# - *It shows everyday signing.* It shows weather forecasts on television, by nine signers who *interpret* spoken German.
# - *Glosses are a translation.* They are labels, without the face, the space and much of the grammar.
# - *Low word error: recognition is solved.* For forecasts, not for what deaf people sign to each other.

# %% [markdown]
# ## Three key points
#
# 1. CTC sums over all paths that collapse to the text. Repeats need a blank, and so a step more.
# 2. Its gradient pulls the network towards its own guess made consistent with the text; it starts on a blank plateau.
# 3. A beam gains when the network is in doubt, and a list gains more. Report greedy with the same list beside it.

# %% [markdown]
# ## Quiz
#
# **1.** The text is "l l a m a". How many steps must the network have at least?
# <details><summary>A: five, one for each of the letters</summary>The two l would merge into one.</details>
# <details><summary>B: six, for the two l need a blank</summary>Right. One step a letter, and one more for each letter equal to the one before it.</details>
# <details><summary>C: eleven, as the extended list has</summary>Blanks between different letters may be skipped.</details>
#
# **2.** After an hour your network writes only blanks, and the loss falls slowly. What do you try first?
# <details><summary>A: leave the blank out of the symbols</summary>Then repeats cannot be written, and every frame must show a label.</details>
# <details><summary>B: a wider beam when decoding it</summary>There is nothing in it to find yet.</details>
# <details><summary>C: more steps, and make them cheap</summary>Right. All our runs left the plateau after about as many steps; short texts and small batches make steps cheap.</details>
#
# **3.** A paper gains six points "by beam search with a lexicon". What should it show beside it?
# <details><summary>A: greedy, then the lexicon's nearest entry</summary>Right. Let the network break ties. Otherwise you cannot tell the search from the list.</details>
# <details><summary>B: the same beam search with twice the width</summary>A trained network hardly cares about width.</details>
# <details><summary>C: the loss of the network on the test part</summary>It says nothing about either of the two parts.</details>

# %% [markdown]
# ## Going further
#
# Under `full`, with your own copy of PHOENIX-2014T, the same reader learns glosses from its frames, made small and grey. Expect far
# more mistakes than with large, pretrained networks.

# %% tags=["further"]
if mm.per_profile(smoke=False, quick=False, full=True) and mm.data.ready("phoenix2014t"):
    signing = mm.load("phoenix2014t", size=(26, 21), stride=2)
    glosses = ["", *sorted({gloss for row in signing.train.target for gloss in row.split()})]
    number = {gloss: k for k, gloss in enumerate(glosses)}

    def small_and_grey(split):
        """Frames as rows of numbers, padded, and gloss labels; glosses that training never saw are left out."""
        frames = [video["video"].mean(1).flatten(1) - 0.5 for video, _ in split]
        rows = [torch.tensor([number[g] for g in row.split() if g in number]) for row in split.target]
        lengths, sizes = (torch.tensor([len(x) for x in many]) for many in (frames, rows))
        return pad_sequence(frames, batch_first=True).to(device), lengths.to(device), pad_sequence(rows, True), sizes

    seen, unseen = small_and_grey(signing.train), small_and_grey(signing.test)
    signer = Reader(256, len(glosses), 256, nn.Sequential(nn.Linear(546, 256, bias=False), nn.ReLU()))
    train(signer, seen, None, 8000, rate=0.003, noise=0.1, watch=False)
    print(f"WER on glosses: {bootstrap_interval(error_rate, *read_hands(signer, unseen))} %")

# %% [markdown]
# And three questions.
#
# <details><summary>Why does CTC write spikes?</summary>The loss asks only that a label occurs, somewhere; nothing rewards it for lasting. And since the network was sure of the blank first, the cheapest way to write a label is one step of it among blanks.</details>
#
# <details><summary>What does CTC assume?</summary>Given the input, the symbols at different steps are independent: it cannot say "either A B or C D, but not A D". Transducers (Graves 2012) and attention (lesson 14) drop that assumption.</details>
#
# <details><summary>How is DTW of lesson 11 related?</summary>Both walk a staircase with three moves. DTW keeps the best path, soft-DTW and CTC add up all of them.</details>

# %% [markdown]
# ## References
#
# - Graves, A. and others (2006). Connectionist temporal classification: labelling unsegmented sequence data with recurrent neural networks. ICML.
# - Bengio, Y. and others (2009). Curriculum learning. ICML.
# - Graves, A. (2012). Sequence transduction with recurrent neural networks. ICML workshop.
# - Hannun, A. and others (2014). First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs. arXiv:1408.2873.
# - Camgöz, N. C. and others (2018). Neural sign language translation. CVPR.
# - Jackson, Z. and others (2018). Free Spoken Digit Dataset. Zenodo.
# - Power, J., Grimm, G., List, J.-M. (2020). Evolutionary dynamics in the dispersal of sign languages. Royal Society Open Science.
# - Moryossef, A. and others (2023). An open-source gloss-based baseline for spoken to signed language translation. AT4SSL workshop.
