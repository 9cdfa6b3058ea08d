# %% [markdown]
# # 19 Tumour segmentation with missing scans
#
# **Can you still find the tumour when a scan is missing?** · 90 minutes · needs lessons 5 and 10
#
# ![Up to five scans of one head, some missing, go into encoders; what they share is averaged, what is specific stands side by side, and a U-Net marks the tumour](flow: T1 -> mean of what is shared; FLAIR -> mean of what is shared; CT, if there -> mean of what is shared; FLAIR -> side by side; T1 -> side by side; mean of what is shared -> U-Net; side by side -> U-Net; U-Net -> tumour)
#
# A head can be scanned in many ways, and hospitals do not agree on which. You will build the network that marks tumours, take
# scans away from it, and find out what saves it, and what only seems to.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, colearning, fusion, metrics, plotting, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Five ways to look into a head
#
# **These heads are synthetic**: one averaged brain, bent into 140 subjects, with contrasts and tumours drawn by rules. (BraTS,
# the public set, has no CT; profile `full` reads your copy, and then four contrasts do what five do here.) Each subject has six
# slices. Everything is averaged down to half its resolution, so that a minute of training goes far. (Code that only
# loads, draws or keeps score is folded.)

# %% tags=["further"]
import itertools

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mmcourse.data.brain import VOXEL
from mmcourse.metrics import bootstrap_interval

device = mm.device()
NAME = mm.per_profile(smoke="brain", quick="brain", full="brats")
NAME = NAME if mm.data.ready(NAME) else "brain"
MOST = mm.per_profile(smoke=6, quick=None, full=None)  # subjects of a part
MM = 2 * VOXEL  # millimetres a pixel

# %% [markdown]
# A pixel is **tumour** when at least half of it is, whichever of the tumour's three parts: necrotic core, oedema (swelling) or
# enhancing rim. We mark it as a whole.


# %% tags=["further"]
def load_parts(name, most=None):
    """The contrasts' names, and {part: (scans (N, M, H, W), tumour bool (N, H, W), subject (N,))}, at half resolution."""
    splits, parts = mm.load(name), {}
    for part in ("train", "valid", "test"):
        inputs, labels = getattr(splits, part).arrays()
        groups = torch.as_tensor(np.unique(getattr(splits, part).groups, return_inverse=True)[1])
        rows = groups < (most or len(groups))
        x, share = torch.tensor(np.concatenate(list(inputs.values()), 1)), torch.tensor(labels > 0).float()
        x, share = (functional.avg_pool2d(v[rows], 2).to(mm.device()) for v in (x, share))
        parts[part] = x, share >= 0.5, groups[rows]
    return tuple(inputs), parts


CONTRASTS, DATA = load_parts(NAME, MOST)
M = len(CONTRASTS)
ILL = {p: [g for g in range(int(who.max()) + 1) if y[who == g].any()] for p, (_, y, who) in DATA.items()}
for part, (x, _, who) in DATA.items():
    print(
        f"{part:5} {int(who.max()) + 1} subjects, {len(ILL[part])} with a tumour, slices of {tuple(x.shape[2:])} pixels"
    )

# %% [markdown]
# One subject of the training part in all contrasts:

# %% tags=["further"]
x, y, who = DATA["train"]
k = int(y[who == ILL["train"][2]].flatten(1).sum(1).argmax()) + int((who == ILL["train"][2]).nonzero()[0])
figure, axes = plt.subplots(1, M + 1, figsize=(2.1 * (M + 1), 3))
for spot, scan, name in zip(axes, [*x[k].cpu(), y[k].cpu()], [*CONTRASTS, "tumour"], strict=True):
    spot.imshow(scan, cmap="gray", vmin=0, vmax=1)
    spot.set(xticks=(), yticks=(), title=name.upper() if name != "tumour" else name)

# %% [markdown] tags=["alt"]
# *Figure: the same slice of a head as T1, T1C, T2, FLAIR and CT, and the mask of its tumour. The tumour is hard to see in T1 and CT, bright in T2 and FLAIR, and
# has a bright rim in T1C. Fluid is bright in T2 and dark in FLAIR. Only CT shows the skull.*

# %% [markdown]
# Four come from one magnetic resonance scanner (MRI) with different settings: **T1** shows anatomy; **T1C** is T1 after a contrast agent, which makes
# the living rim of a tumour light up, and vessels too; **T2** shows water: swelling, but also all fluid; **FLAIR** is T2 with the fluid
# switched off. **CT** uses X-rays: quick, cheap, poor in soft tissue.

# %% [markdown] tags=["predict"]
# **Predict first.** You must give up one of the five. Which would a network miss most? And which could it do without?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 How good is a mask?
#
# Let a model say "no tumour" everywhere:

# %%
_, truth, _ = DATA["train"]
print(f"pixel accuracy of never seeing a tumour: {1 - truth.float().mean():.3f}")

# %% [markdown]
# Useless, and nearly perfect. **Dice** looks only at the two masks, prediction $A$ and truth $B$: twice what they
# share, over what they hold together.
#
# $$\text{Dice} = \frac{2\,|A \cap B|}{|A| + |B|}$$
#
# Equal masks score 1, masks with nothing in common 0. And a healthy subject, rightly called healthy, scores $0/0$. Somebody has to
# decide what that is; libraries decide differently (end of the lesson). Here two empty masks agree: 1.

# %% [markdown]
# ### Exercise 19.1 ●○○ 5 min
# Write `dice_score(prediction, target)`: two bool tensors of the same shape, such as (H, W). Return one number, Dice as above; exactly 1.0 if both are
# empty, exactly 0 if just one is. Example: `[True, True, False]` and `[False, True, True]` give 0.5.
# <details><summary>Hint: the idea</summary>Count what is in both with &, and the two masks on their own. Look at the sum before you divide.</details>
# <details><summary>Hint: pseudocode</summary>total = number in prediction + number in target; if total is 0 return 1.0; else 2 * number in both / total</details>


# %% tags=["exercise"]
def dice_score(prediction, target):
    ### BEGIN SOLUTION
    total = int(prediction.sum()) + int(target.sum())
    return 2 * int((prediction & target).sum()) / total if total else 1.0
    ### END SOLUTION


# %%
check.ex19_1(dice_score)

# %% [markdown]
# Dice counts area; it does not ask *where* the mistakes are. A surgeon does. The **Hausdorff distance** walks along the outline of one mask and
# measures, at each point, how far away the other's outline is. The very largest distance would hang on a single stray pixel, so the
# 95th percentile is taken; then the same in the other direction, and the larger of the two counts:
#
# $$\text{HD95} = \max\big(P_{95}\{d(a, \partial B)\},\ P_{95}\{d(b, \partial A)\}\big)$$
#
# ($\partial A$ is the outline of $A$, $d(b, \partial A)$ the distance from a point $b$ of the other outline to the nearest point of it, $P_{95}$ the 95th percentile.)

# %% [markdown]
# ### Exercise 19.2 ●●○ 8 min
# Write `outline_distance(a, b)`: float tensors (n, 2) and (m, 2), the points of two outlines in millimetres. Return one number. For every point of `a` take the
# (Euclidean) distance to the nearest point of `b`, and of these the 95th percentile (`quantile(0.95)`); do the same from `b` to `a`; return the larger.
# Example: a = `[[0., 0.], [0., 2.]]`, b = `[[0., 0.]]`: from a the distances are 0 and 2, whose 95th percentile is 1.9; from b 0. The result is 1.9.
# <details><summary>Hint: the idea</summary>One table of all distances, (n, m), holds both directions: the nearest along rows, and along columns.</details>
# <details><summary>Hint: pseudocode</summary>table = torch.cdist(a, b); there = smallest of each row; back = smallest of each column; return the larger of their 0.95 quantiles</details>


# %% tags=["exercise"]
def outline_distance(a, b):
    ### BEGIN SOLUTION
    table = torch.cdist(a, b)
    return max(nearest.quantile(0.95).item() for nearest in (table.amin(1), table.amin(0)))
    ### END SOLUTION


# %%
check.ex19_2(outline_distance)

# %% [markdown]
# `metrics.dice_score` and `metrics.hausdorff95` are the package's; the latter finds the outlines, too. Four ways to be wrong about a
# disc, judged by both:

# %% tags=["further"]
down, across = np.mgrid[:40, :40] - 20
disc = np.hypot(down, across) < 9
tries = {
    "shifted": np.hypot(down, across - 3) < 9,
    "too small": np.hypot(down, across) < 6.5,
    "a spot far away": disc | (np.hypot(down - 15, across - 15) < 3),
    "one stray pixel": disc | ((down == 15) & (across == 15)),
}
figure, axes = plt.subplots(1, 4, figsize=(11, 3.5))
for spot, (name, mask) in zip(axes, tries.items(), strict=True):
    spot.imshow(mask, cmap="Greys", vmax=2.2)
    spot.contour(disc, [0.5], colors=plotting.COLORS[1])
    far = metrics.hausdorff95(mask, disc, spacing=MM)
    spot.set(xticks=(), yticks=(), title=f"{name}\nDice {metrics.dice_score(mask, disc):.2f}, HD95 {far:.0f} mm")

# %% [markdown] tags=["alt"]
# *Figure: a grey prediction and the orange outline of the true disc, four times: shifted, too small, with a second spot far away, with one stray
# pixel. The far spot has a high Dice and by far the largest Hausdorff distance; the stray pixel costs almost nothing in either.*

# %% [markdown]
# The spot far away hardly hurts Dice and is by far the worst outline. The single stray pixel is forgiven by both: that is what the 95 is for. Report both.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: draw two circles that half overlap, and let the group compute Dice and the Jaccard index by eye. Ask what a healthy person's Dice should be before you say what this course does.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 A U-Net by hand
#
# To know *what* a pixel is, a network must see far around it; to know *where* an outline runs, it must not lose a pixel. A **U-Net** (Ronneberger and others 2015) does
# both. On the way **down** the resolution is halved again and again, and each pixel sees more. On the way **up** it is doubled again; and
# at each level a **skip connection** hands over the features from the way down, which still know where things were.
#
# Three halvings need sides that are multiples of 8. Scans of other sizes are padded first and the answer is cut back.

# %% [markdown]
# ### Exercise 19.3 ●○○ 5 min
# Write `pad_to(x, multiple)`: `x` is a float tensor (B, C, H, W), `multiple` an int. Append zeros *below* and *at the right*, as few as possible, so that height
# and width become multiples of it; return a new tensor. Example: (2, 3, 5, 6) and 4 gives (2, 3, 8, 8); a (2, 3, 4, 4) stays as it is.
# <details><summary>Hint: the idea</summary>In Python, -5 % 4 is 3: what is missing from 5 to 8. functional.pad counts from the last axis.</details>
# <details><summary>Hint: pseudocode</summary>functional.pad(x, (0, missing in width, 0, missing in height))</details>


# %% tags=["exercise"]
def pad_to(x, multiple):
    ### BEGIN SOLUTION
    height, width = x.shape[-2:]
    return functional.pad(x, (0, -width % multiple, 0, -height % multiple))
    ### END SOLUTION


# %%
check.ex19_3(pad_to)

# %% [markdown]
# Each level is two 3 by 3 convolutions. Between them stands **group normalisation**: it uses the numbers of one picture only. (Batch normalisation
# would mix a picture with its neighbours in the batch, and with few pictures a batch its averages are noisy.)


# %%
def double(inputs, outputs):
    layers = []
    for width in (inputs, outputs):
        layers += [nn.Conv2d(width, outputs, 3, padding=1, bias=False), nn.GroupNorm(4, outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, in_channels, classes, width=8, depth=3):
        super().__init__()
        w = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList([double(*pair) for pair in zip([in_channels, *w[:-1]], w)])
        self.up = nn.ModuleList([double(w[k] + w[k + 1], w[k]) for k in range(depth)])
        self.output = nn.Conv2d(width, classes, 1)

    def forward(self, x):  # (B, in_channels, H, W), sides multiples of 2 ** depth -> (B, classes, H, W)
        skips = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.cat([functional.interpolate(x, scale_factor=2.0), skips[level]], 1))
        return self.output(x)


# %% [markdown]
# The package's version pads and cuts; otherwise it is the same:

# %%
ours, theirs = (kind(M, 1) for kind in (UNet, colearning.UNet))
theirs.load_state_dict(ours.state_dict())
assert torch.allclose(ours(x[:2].cpu()), theirs(x[:2].cpu()), atol=1e-5)
print(
    f"{sum(p.numel() for p in theirs.parameters()):,} parameters; 37 by 30 pixels give",
    theirs(x[:1, :, :37, :30]).shape,
)

# %% [markdown]
# What would be lost without skips? Suppose the bottom of the U knew everything that its pixels can say: "tumour in here, or not".

# %% tags=["further"]
rows = truth.flatten(1).sum(1).argsort(descending=True)[[2, 20]].cpu()
figure, axes = plt.subplots(1, 4, figsize=(10.5, 3.4))
for j, row in enumerate(rows):
    mask = truth[row].cpu()
    small = functional.max_pool2d(mask[None].float(), 8)
    coarse = small.repeat_interleave(8, 1).repeat_interleave(8, 2)[0] > 0
    for spot, shown, name in ((axes[2 * j], mask, "truth"), (axes[2 * j + 1], coarse, "through the bottom")):
        spot.imshow(shown, cmap="Greys", vmax=1.6)
        score = f"\nDice {metrics.dice_score(coarse, mask):.2f}" if shown is coarse else "\n"
        spot.set(xticks=(), yticks=(), title=name + score)

# %% [markdown] tags=["alt"]
# *Figure: two tumours, and each as the coarse blocks that are left at the bottom of the U. The blocks cover the place, but not the outline; their Dice is
# far below 1.*

# %% [markdown]
# Right place, lost outline. (A real bottom has many channels and can encode more; the skips spare it the effort.)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 A loss for small things
#
# Each pixel gets one number (a *logit*); its sigmoid is the probability of tumour. Cross-entropy counts every pixel alike, and nearly all are background.
# So we add a Dice that can be differentiated, with probabilities in place of yes and no, over all pixels $i$ of the batch:
#
# $$\mathcal L = \text{cross-entropy} + 1 - \frac{2 \sum_i p_i t_i + 1}{\sum_i p_i + \sum_i t_i + 1}$$
#
# The two ones settle 0/0.

# %% [markdown]
# ### Exercise 19.4 ●●○ 8 min
# Write `soft_dice_loss(logits, target)`, the second part: one minus the fraction above. `logits` is a float tensor (B, H, W), `target` a bool tensor (B, H, W). $p$ is the
# sigmoid of the logits, $t$ is 1 where the target is True; sum over all pixels of all pictures together. Return a tensor of shape () that gradients flow through.
# Example: logits `[[[0., 0.]]]`, target `[[[True, False]]]`: 1 - (2 * 0.5 + 1) / (1 + 1 + 1) = 0.333.
# <details><summary>Hint: the idea</summary>Three sums. Do not cut the probabilities at one half: a step has no gradient.</details>
# <details><summary>Hint: pseudocode</summary>p = sigmoid of logits; t = target as p's type; 1 - (2 * sum(p * t) + 1) / (sum(p) + sum(t) + 1)</details>


# %% tags=["exercise"]
def soft_dice_loss(logits, target):
    ### BEGIN SOLUTION
    p, t = logits.sigmoid(), target.to(logits.dtype)
    return 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    ### END SOLUTION


# %%
check.ex19_4(soft_dice_loss)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 More scans, better masks?
#
# One class serves all models of the lesson. It stacks the contrasts it was built for; where one is absent it puts the **mean
# picture**: at each pixel the mean of that contrast over the training slices. (`hide` and `block` are for section 7.)

# %%
HIDE = 0.2


class Segmenter(nn.Module):
    def __init__(self, mean, columns=None, p=0.0, shared=False):  # mean: (M, H, W), the mean picture of each contrast
        super().__init__()
        self.columns, self.hide = list(columns or range(len(mean))), fusion.ModalityDropout(p)
        self.block = colearning.SharedSpecific(len(self.columns)) if shared else None
        self.register_buffer("mean", mean[self.columns], persistent=False)
        self.fill = not (shared and p)  # who averages over what is present needs no filling
        self.net = colearning.UNet(self.block.out_channels if shared else len(self.columns), 1)

    def forward(self, x, present):  # (B, M, H, W), bool (B, M) -> logits (B, H, W)
        x, present = x[:, self.columns], hidden(self.hide, present[:, self.columns])
        if self.fill:
            x = torch.where(present[..., None, None], x, self.mean)
        return self.net(x if self.block is None else self.block(x, None if self.fill else present))[:, 0]


# %% [markdown]
# Training: steps of eight slices, slices with a tumour drawn three times as often as those without, mirrored at random. Two habits keep a network from settling on
# "never": the last layer begins at the probability of a tumour being small (its bias at -2), and a tumour pixel counts twice in the cross-entropy. Gradients longer than 1 are shortened to 1. All this was chosen on validation
# subjects with the plain model, and all models share it.


# %%
def train(model, data, seed, steps):
    x, y, _ = data["train"]
    nn.init.constant_(model.net.output.bias, -2.0)
    optimizer = torch.optim.AdamW(model.to(x.device).train().parameters(), 5e-3, (0.9, 0.99), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps, pct_start=0.2)
    chance, everything = 1 + 2.0 * y.flatten(1).any(1), x.new_ones(8, x.shape[1]).bool()
    torch.manual_seed(seed + 1)
    for _ in range(steps):
        rows = torch.multinomial(chance, 8)
        scans, target = (x[rows], y[rows]) if torch.rand(()) < 0.5 else (x[rows].flip(-1), y[rows].flip(-1))
        optimizer.zero_grad()
        loss_of(model(scans, everything), target.float()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval()


# %% [markdown]
# The helpers: the loss, who is hidden, and prediction with some contrasts missing (folded).


# %% tags=["further"]
def loss_of(logits, t):
    p = logits.sigmoid()
    dice = (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, t, pos_weight=t.new_tensor(2.0)) + 1 - dice


def hidden(drop, present):
    """What is left of bool (B, M) after modality dropout, each contrast of each item on its own."""
    rows = {str(m): here for m, here in enumerate(present.T)}
    _, left = drop({m: here.float()[:, None] for m, here in rows.items()}, rows)
    return torch.stack([left[m] for m in rows], 1)


@torch.no_grad()
def predict(model, part, missing=(), black=False, guess=False):
    """Masks (slices, H, W); what is missing is absent, or a black picture, or a guess, that passes for a scan."""
    x = DATA[part][0].clone()
    present = torch.ones(len(x), M, dtype=torch.bool, device=device)
    for k in map(CONTRASTS.index, missing):
        x[:, k] = 0 if black else guessed(x, k) if guess else torch.nan
        present[:, k] = black or guess
    return torch.cat([model(*some) > 0 for some in zip(x.split(60), present.split(60), strict=True)])


# %% [markdown]
# A guess at a missing contrast (for section 6):


# %% tags=["further"]
def guessed(x, k):
    """Contrast k of x (N, M, H, W), as a linear regression fitted to the training slices says it from the others."""
    mean, others = DATA["train"][0].mean(0), [m for m in range(M) if m != k]
    known, asked = ((v - mean)[:, others].movedim(1, -1) for v in (DATA["train"][0], x))
    weights = torch.linalg.lstsq(known.flatten(0, 2), (DATA["train"][0] - mean)[:, k].reshape(-1, 1)).solution[:, 0]
    return mean[k] + asked @ weights


# %% [markdown]
# And one number a subject:


# %% tags=["further"]
def by_subject(said, part, score=metrics.dice_score):
    """One number a subject with a tumour, over its six slices together."""
    _, y, who = DATA[part]
    said, y = said.cpu().numpy(), y.cpu().numpy()
    return np.array([score(said[(who == g).numpy()], y[(who == g).numpy()]) for g in ILL[part]])


# %% [markdown]
# Dice is taken **per subject**, over its six slices together, then averaged over the subjects that have a tumour. (Per slice, the many slices without a
# tumour would be ones and zeros. The healthy subjects are counted apart, in section 9.)
#
# First a short training, all five contrasts (about 10 s):

# %%
BRIEF = mm.per_profile(smoke=2, quick=250, full=250)
brief = train(Segmenter(DATA["train"][0].mean(0)), DATA, 0, BRIEF)
print(f"after {BRIEF} steps, validation Dice {by_subject(predict(brief, 'valid'), 'valid').mean():.2f}")

# %% [markdown]
# So few steps are not enough: the model still finds little or nothing. From here on you get weights made by exactly this code in 1,500 steps for each model (`course.py train 19`
# makes them; your own BraTS is trained here). Longer training is also fairer, as a short one favours the simplest model. The models are listed in one place: the plain one, each contrast alone, one model without each contrast, and those of section 7.


# %% tags=["further"]
LONG = 1500


def recipes(m):
    """{name: (what Segmenter takes, seed)}, for m contrasts."""
    every = tuple(range(m))
    found = {f"plain_{seed}": ({}, seed) for seed in range(3)}
    found |= {f"shared_{seed}": ({"p": HIDE, "shared": True}, seed) for seed in range(3)}
    found |= {f"dropout_{seed}": ({"p": HIDE}, seed) for seed in range(2)} | {"block_0": ({"shared": True}, 0)}
    found |= {f"only_{k}": ({"columns": (k,)}, 0) for k in every}
    return found | {f"without_{k}": ({"columns": every[:k] + every[k + 1 :]}, 0) for k in every}


def build(recipe, mean):
    """A model before its training, and the seed to train it from."""
    torch.manual_seed(recipe[1])
    return Segmenter(mean, **recipe[0]), recipe[1]


def train_checkpoint():
    """Train every model for LONG steps; `course.py train 19` runs this."""
    names, data = load_parts("brain")
    made = {name: build(recipe, data["train"][0].mean(0)) for name, recipe in recipes(len(names)).items()}
    trained = {name: train(model, data, seed, LONG) for name, (model, seed) in made.items()}
    return trained, {"data": "brain, 80 subjects, half resolution", "steps": f"{LONG} batches of 8 slices"}


# %%
kits = {name: build(recipe, DATA["train"][0].mean(0)) for name, recipe in recipes(M).items()}
nets = {name: model.to(device).eval() for name, (model, _) in kits.items()}
if NAME == "brain":
    facts = mm.checkpoint("19", **nets)
    print(f"{len(nets)} models, {facts['steps']} each, together {facts['CPU minutes of training']} CPU minutes")
else:
    nets = {name: train(model, DATA, seed, 2 * LONG) for name, (model, seed) in kits.items()}

# %% [markdown]
# Each contrast alone, on the validation subjects:

# %%
KINDS = {"plain": "plain", "modality dropout": "dropout", "block without dropout": "block", "shared-specific": "shared"}
models = {name: [net for key, net in nets.items() if key.startswith(kind)] for name, kind in KINDS.items()}
alone = {name: nets[f"only_{k}"] for k, name in enumerate(CONTRASTS)}
choice = {name: by_subject(predict(model, "valid"), "valid").mean() for name, model in alone.items()}
best = max(choice, key=choice.get)
print("validation Dice of each alone:", {name: round(float(value), 2) for name, value in choice.items()}, "best:", best)

# %% [markdown]
# Now the test subjects, for the first time. Intervals are over subjects (simulated ones, not people); for models trained from several seeds a subject's Dice is the mean over the seeds.


# %%
def full(name):  # Dice of each test subject with everything there, mean over the seeds
    return np.mean([by_subject(predict(model, "test"), "test") for model in models[name]], 0)


single = {name: by_subject(predict(model, "test"), "test") for name, model in alone.items()}
whole = {"plain": full("plain")}
gain = bootstrap_interval(np.mean, whole["plain"] - single[best])
mm.claim("19.1", "all contrasts beat the best single one in Dice", gain, margin=0.05)
for name, value in single.items():
    print(f"all against {name}: {bootstrap_interval(np.mean, whole['plain'] - value):+}")

# %% tags=["further"]
# one mark and one colour a way, in every figure
NAMES = ("plain, black", "plain, mean picture", "plain, guess", "modality dropout", "block without dropout")
MARKS = zip("osP^DvX", (6, 0, 5, 2, 4, 3, 7), strict=True)
LOOK = dict(zip((*NAMES, "shared-specific", "trained without it"), MARKS, strict=True))
TINTS = {"plain": ("blue", 0), "modality dropout": ("green", 2), "shared-specific": ("pink", 3)}  # for outlines
drawn = {name.upper(): bootstrap_interval(np.mean, value) for name, value in single.items()}
drawn["all"] = bootstrap_interval(np.mean, whole["plain"])
figure = plotting.bars(drawn, ylabel="Dice of test subjects", baseline=("predict no tumour", 0.0))
for bar in figure.axes[0].patches[:-1]:
    bar.set_facecolor("darkgray")
figure.axes[0].patches[-1].set_facecolor(plotting.COLORS[0])
figure

# %% [markdown] tags=["alt"]
# *Figure: Dice with intervals over test subjects for each contrast alone and for all together. FLAIR is the best single contrast, then T2 and CT, then T1; T1C alone is
# poorest. All together are best.*

# %% [markdown]
# All scans together beat each single one. Which single one is best is less sure: the few validation subjects and the test subjects need not agree. The claim takes the choice made in validation; the lines below it
# show the gain over every single one. T1C is poor alone: in it the swelling looks like grey matter, and vessels light up like the rim.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 A scan goes missing
#
# The model is trained; today's patient has no FLAIR. The computer wants five pictures. Three cheap answers: a **black** picture (zeros, what
# a file reader might hand over), the **mean picture** of the training slices (all six heights together), or a **guess**: the mean picture plus what a linear regression on the other contrasts' deviations from theirs says, pixel by pixel.

# %% [markdown] tags=["predict"]
# **Predict first.** Dice with everything is the last bar above. Where will it fall without FLAIR, with a black picture in its place? With the mean picture? With a guess? For
# which contrast will it matter least?

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: collect guesses in Dice, on the board, for black and for mean. Ask who expects a *black* T1 to do harm although T1 alone is poor.

# %% [markdown]
# Every filling, for every contrast, on the test subjects (about 15 s):


# %%
def without(name, **how):  # Dice of each test subject with one contrast missing: (contrasts, subjects)
    runs = [[by_subject(predict(m, "test", (c,), **how), "test") for c in CONTRASTS] for m in models[name]]
    return np.mean(runs, 0)


lost = {"plain, black": without("plain", black=True), "plain, mean picture": without("plain")}
lost["plain, guess"] = without("plain", guess=True)

# %% [markdown]
# Dice with one contrast missing (folded code draws):


# %% tags=["further"]
def dots(values, low=-0.02):
    figure, axes = plt.subplots(figsize=(10, 4.6))
    for k, (name, table) in enumerate(values.items()):
        found = [bootstrap_interval(np.mean, row) for row in table]
        spread = np.array([[one.estimate - one.low, one.high - one.estimate] for one in found]).T
        place = np.arange(M) + 0.12 * (k - (len(values) - 1) / 2)
        look = dict(fmt=LOOK[name][0], color=plotting.COLORS[LOOK[name][1]], markersize=7, capsize=3)
        axes.errorbar(place, [one.estimate for one in found], spread, label=name, **look)
    axes.axhline(whole["plain"].mean(), color="#333333", linestyle="--", label="plain, nothing missing")
    axes.set(
        xticks=range(M), xticklabels=[c.upper() for c in CONTRASTS], xlabel="missing", ylabel="Dice of test subjects"
    )
    axes.set_ylim(bottom=low)
    figure.legend(loc="outside upper center", ncols=4, fontsize=12, columnspacing=1.2, handletextpad=0.4)
    return axes


_ = dots(lost)

# %% [markdown] tags=["alt"]
# *Figure: Dice with T1, T1C, T2, FLAIR or CT missing, for the plain model with a black picture, the mean picture and a guess in its place; a dashed line where nothing is
# missing. With black, all fall far, and FLAIR furthest; the mean picture loses much less, and the guess still less for most.*

# %% [markdown]
# A black picture is a *statement*: "no signal anywhere", which no brain ever gave; without FLAIR most of the Dice is gone. The mean picture says "an average head", and most of the
# loss is gone, for one line of code (lesson 10 again). The guess takes one linear regression for each contrast, and for most contrasts recovers a part of the rest. Any remedy has to beat **these two**.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 Learn together, work apart
#
# **Modality dropout** (lesson 10): in training hide each contrast of each slice with probability $p$, never all, the mean picture in its place. The network
# learns to do without any of them.
#
# **Shared-specific features** (HeMIS, Havaei and others 2016; ShaSpec, Wang and others 2023): do not fill at all. Every contrast $m$ gets a small encoder with two outputs.
# The *shared* features are averaged over the contrasts that are present, so what they say must be sayable by any of them; the *specific* ones stand side by side, with
# zeros for what is absent:
#
# $$\bar s = \frac{\sum_m \text{present}_m\, s_m}{\sum_m \text{present}_m}, \qquad \text{U-Net}\big([\bar s;\ u_1;\ \dots;\ u_M]\big)$$

# %% [markdown]
# ### Exercise 19.5 ●●○ 8 min
# Write `shared_mean(features, present)`: `features` a float tensor (B, M, d), `present` a bool tensor (B, M), True = there. Return (B, d): for each item the mean over the
# contrasts that are present; zeros for an item without any. Absent rows may hold anything, NaN included. Example: features `[[[2.], [4.], [nan]]]`, present
# `[[True, True, False]]` give `[[3.]]`.
# <details><summary>Hint: the idea</summary>0 times NaN is NaN, so choose with torch.where; then a sum over axis 1 and a count.</details>
# <details><summary>Hint: pseudocode</summary>kept = where(present[..., None], features, 0); count = present summed over axis 1, dimension kept, at least 1; kept summed over axis 1 / count</details>


# %% tags=["exercise"]
def shared_mean(features, present):
    ### BEGIN SOLUTION
    kept = torch.where(present[..., None], features, 0.0)
    return kept.sum(1) / present.sum(1, keepdim=True).clamp(min=1)
    ### END SOLUTION


# %%
check.ex19_5(shared_mean)

# %% [markdown]
# The package's `SharedSpecific` does this at every pixel. The first features of its output are the shared ones: whichever contrasts are there, there are equally many.

# %%
block = colearning.SharedSpecific(M, shared=6, specific=2)
scans, some = DATA["train"][0][:1].cpu(), torch.zeros(1, M, dtype=torch.bool)
some[0, [0, 2]] = True
first, third = (block(scans, torch.arange(M)[None] == m)[:, :6] for m in (0, 2))
assert torch.allclose(block(scans, some)[:, :6], (first + third) / 2, atol=1e-5)
print(tuple(block(scans, some).shape), "whatever is present")

# %% [markdown]
# Two models follow: modality dropout alone, and shared-specific features with modality dropout. Both were trained like the plain model; $p = 0.2$ was chosen on validation subjects (from 0.2 and 0.35). As a control, the block **without** modality dropout, with mean pictures in the holes: is it
# the training, or just the bigger network? And a **yardstick** for each contrast: a plain model trained without it from the start, for the day it is missing.

# %% [markdown] tags=["predict"]
# **Predict first.** Who keeps most when FLAIR is missing: the plain model with the mean picture, one of these, or the yardstick? And what do they pay for it when nothing is missing?

# %% [markdown]
# All on the test subjects (about 15 s):

# %%
for name in ("modality dropout", "block without dropout", "shared-specific"):
    whole[name], lost[name] = full(name), without(name)
yardstick = np.stack([by_subject(predict(nets[f"without_{k}"], "test"), "test") for k in range(M)])

# %% tags=["further"]
# without the black picture, so that the rest is seen
_ = dots({name: table for name, table in lost.items() if "black" not in name} | {"trained without it": yardstick}, 0.6)

# %% [markdown] tags=["alt"]
# *Figure: Dice with each contrast missing, from 0.6 up, for the mean picture, the guess, modality dropout, the block without dropout, shared-specific features and the models trained without it.
# Without T1 all lie together. For the others shared-specific features are at or near the top, with the models trained without the contrast. The guess is level with them without T1C and T2 and falls back without FLAIR and CT;
# modality dropout lies a little below the top; the mean picture or the block without dropout is lowest.*

# %% [markdown]
# What each **loses**: its own Dice with everything minus its Dice with the contrast missing. A small loss is worth nothing if a model was poor to begin with, so both stand here:

# %%
print(f"{'':22}{'everything':>10}" + "".join(f"{'no ' + c:>10}" for c in CONTRASTS) + "   lost, mean")
for name, table in lost.items():
    base = whole[name.split(",")[0]]
    cells = "".join(f"{row.mean():10.2f}" for row in table)
    print(f"{name:22}{base.mean():10.2f}{cells}{(base - table).mean():13.3f}")
print(f"{'trained without it':32}" + "".join(f"{row.mean():10.2f}" for row in yardstick))

# %% [markdown]
# Shared-specific against each of the others, paired subject by subject: how much *less* it loses, and how much Dice it has *more*.


# %%
def spared(name, rival):  # how much less is lost: (contrasts, subjects)
    loss = {key: whole[key.split(",")[0]] - lost[key] for key in (name, rival)}
    return loss[rival] - loss[name]


def line(title, table):
    found = zip(CONTRASTS, (bootstrap_interval(np.mean, row) for row in table), strict=True)
    print(f"{title}\n    " + "   ".join(f"no {c} {one:+}" for c, one in found))


for rival in NAMES[1:]:
    line(f"{rival}: less lost", spared("shared-specific", rival))
    line(f"{rival}: Dice above it", lost["shared-specific"] - lost[rival])
line("trained without it: Dice above it", lost["shared-specific"] - yardstick)

# %%
over_mean, over_black = (spared("shared-specific", rival) for rival in ("plain, mean picture", "plain, black"))
for name, less in zip(CONTRASTS, over_mean, strict=True):
    less = bootstrap_interval(np.mean, less)
    mm.claim("19.2", f"without {name}, shared-specific loses less than the plain model with the mean picture", less)
for name, less in zip(CONTRASTS, over_black, strict=True):
    less = bootstrap_interval(np.mean, less)
    mm.claim("19.3", f"without {name}, it loses less than the plain model with a black picture", less)
paid = bootstrap_interval(np.mean, whole["shared-specific"] - whole["plain"])
print(f"with everything there, shared-specific against the plain model: {paid:+}")

# %% [markdown]
# Read it contrast by contrast. **For each missing contrast the co-learned model loses less than the plain one with the mean picture**, in Dice too, but for T1: there it only had a little less to lose, a tie. A guess is a better rival: it
# draws level for T1, T1C and T2, not for FLAIR and CT. T1 is nearest to dispensable.
#
# What does the work? Modality dropout does most of it: in what is *lost*, sharing beats it clearly only without FLAIR. Sharing's clearer gain is Dice itself: dropout starts lower and stays lower. The block *without* dropout loses as much
# on average as the plain model: the bigger network alone is no remedy.

# %% [markdown]
# The price is in the last line: about a hundredth when everything is there. **One** model equals the yardstick for three contrasts and stays a little behind for T2 and CT.
# (Plain and shared-specific were trained from three seeds, dropout from two, the others, yardsticks too, once.)

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let the group say what "loses least" hides: a model can lose little because it had little. Then show the absolute Dice, and the first column of the table.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 All 31 ways to be incomplete
#
# Five contrasts can be there or not in 31 ways (without the one where nothing is). One plain model with mean pictures, one with modality dropout, and one with shared-specific features, in all of them (about 30 s):

# %%
SETS = [tuple(c for c, bit in zip(CONTRASTS, bits) if bit) for bits in itertools.product((0, 1), repeat=M) if any(bits)]


def subsets(name):  # {present contrasts: mean Dice of the test subjects}, of the first seed
    gone = {some: [c for c in CONTRASTS if c not in some] for some in SETS}
    return {some: by_subject(predict(models[name][0], "test", gone[some]), "test").mean() for some in SETS}


every = {name: subsets(name) for name in ("plain", "modality dropout", "shared-specific")}

# %% [markdown]
# Rows: which of FLAIR and T2 are there; columns: which of the others.

# %% tags=["further"]
others = [c for c in CONTRASTS if c not in ("flair", "t2")]
columns = [tuple(c for c, bit in zip(others, bits) if bit) for bits in itertools.product((1, 0), repeat=len(others))]
lines = [("flair", "t2"), ("flair",), ("t2",), ()]
order = sorted(columns, key=len, reverse=True)

# %% [markdown]
# (Dark is low.)

# %% tags=["further"]
figure, axes = plt.subplots(3, 1, figsize=(10, 9), sharex=True)
for spot, (name, found) in zip(axes, every.items(), strict=True):
    table = [[found.get(tuple(c for c in CONTRASTS if c in line + col), np.nan) for col in order] for line in lines]
    spot.imshow(table, vmin=0, vmax=0.8, aspect="auto", cmap="crest_r")
    for (i, j), value in np.ndenumerate(np.array(table)):
        shade = "white" if value < 0.45 else "black"
        spot.text(j, i, "" if np.isnan(value) else f"{value:.2f}", ha="center", va="center", color=shade)
    spot.set(title=name + (", mean pictures" if name == "plain" else ""), yticks=range(4))
    spot.set_yticklabels([" + ".join(line).upper() or "neither" for line in lines])
    spot.grid(False)
_ = spot.set_xticks(range(len(order)), ["\n".join(col).upper() or "none" for col in order])

# %% [markdown] tags=["alt"]
# *Figure: three tables of Dice in colours, plain with mean pictures, modality dropout, shared-specific: rows are FLAIR and T2 both there, FLAIR only, T2 only, neither; columns which of T1, T1C and CT are
# there. From the first table to the last it grows lighter nearly everywhere, except where T1C is all there is; in the first one rows without FLAIR or T2 and columns with few contrasts are dark.*

# %% tags=["further"]
few = np.array([len(some) for some in SETS])
for name, found in every.items():
    values = np.array([found[some] for some in SETS])
    print(f"{name:17}" + "".join(f"{n} present: {values[few == n].mean():.2f}   " for n in range(1, M + 1)))
worse = [" + ".join(some) for some in SETS if every["shared-specific"][some] < every["plain"][some]]
print("shared-specific is behind plain with:", ", ".join(worse), "(one seed each)")

# %% [markdown]
# With few contrasts left the plain model falls apart, the one with dropout less, and the co-learned one least: it lives on what each contrast can say alone. Not on T1C: with nothing else it finds no tumour at all, though a model for T1C alone does. Training
# showed it such holes only now and then (with $p = 0.2$, four of five are hidden in less than one slice of a hundred). One run each: read the pattern, not the last digit.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 9 The healthy, and the outline
#
# Dice above was averaged over subjects with a tumour. What do the models say about the **healthy** ones? And how far off are the outlines (per slice, where both the truth and
# the model have a tumour; the slices where just one has are counted)?


# %% tags=["further"]
def outlines(said, truth):
    """Mean HD95 in millimetres over the slices of a subject in which both have a tumour; NaN if there is none."""
    far = [metrics.hausdorff95(a, b, spacing=MM) for a, b in zip(said, truth, strict=True) if a.any() and b.any()]
    return np.mean(far) if far else np.nan


_, y, who = DATA["test"]
healthy = [g for g in range(int(who.max()) + 1) if g not in ILL["test"]]
cases = {"plain": ("plain", {}), "plain, no FLAIR, black": ("plain", {"missing": ("flair",), "black": True})}
cases |= {"plain, no FLAIR, mean": ("plain", {"missing": ("flair",)}), "shared-specific": ("shared-specific", {})}
cases |= {"shared-specific, no FLAIR": ("shared-specific", {"missing": ("flair",)})}
print(f"a pixel is {MM} mm wide; HD95 is a mean over n subjects; seed 0")
print(f"{'':28}{'HD95':>8}{'n':>4}{'only one':>10}   pixels of false tumour in {len(healthy)} healthy subjects")
for name, (which, how) in cases.items():
    said = predict(models[which][0], "test", **how)
    far = by_subject(said, "test", outlines)
    n = (~np.isnan(far)).sum()
    far = f"{far[~np.isnan(far)].mean():.0f} mm" if n else "none"
    some = (said.flatten(1).any(1) != y.flatten(1).any(1)).sum().item()
    print(f"{name:28}{far:>8}{n:4}{some:10}   {[int(said[(who == g).to(device)].sum()) for g in healthy]}")

# %% [markdown]
# False tumour again, in all healthy subjects together:

# %% tags=["further"]
well = torch.isin(who, torch.tensor(healthy))
for name, runs in models.items():
    false = [int(predict(net, "test").cpu()[well].sum()) for net in runs]
    print(f"{name:28}pixels, seed by seed: {false}")

# %% [markdown]
# An outline can be good where it exists, and whole slices be missed: look at both columns. Six healthy subjects are too few for an interval; they are enough to see that the models trained with holes mark more tumours that are not there: a second price.

# %% [markdown]
# Look for yourself: choose a contrast to see, one to take away, and a model. The orange outline is the truth, the other one the model's answer. *Does the model hold on to the tumour when FLAIR goes? When CT goes?*


# %% tags=["further"]
CASES = [int(((who == g) * y.flatten(1).sum(1)).argmax()) for g in (*ILL["test"][:5], healthy[0])]
ANSWERS = {}
for model, gone in itertools.product(("plain", "modality dropout", "shared-specific"), ("nothing", *CONTRASTS)):
    said = predict(models[model][0], "test", () if gone == "nothing" else (gone,))[CASES]
    ANSWERS[model, gone] = said.cpu()


def look(case, show, missing, model):
    figure, axes = plt.subplots(figsize=(4.6, 4.2))
    picture = np.zeros(y.shape[1:]) if show == missing else DATA["test"][0][CASES[case], CONTRASTS.index(show)].cpu()
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
    said, true = ANSWERS[model, missing][case], y[CASES[case]].cpu()
    for mask, color in ((true, plotting.COLORS[1]), (said, plotting.COLORS[TINTS[model][1]])):
        if mask.any():
            axes.contour(mask, [0.5], colors=color, linewidths=2)
    axes.set(xticks=(), yticks=(), title=f"{show.upper()}{' (missing)' if show == missing else ''}")
    axes.set_xlabel(
        f"truth (orange), {model} ({TINTS[model][0]})\nDice of this slice {metrics.dice_score(said, true):.2f}"
    )
    return figure


choices = dict(show=list(CONTRASTS), missing=["nothing", *CONTRASTS])
_ = widgets.explore(look, case=(0, 5), **choices, model=["plain", "modality dropout", "shared-specific"])

# %% [markdown] tags=["alt"]
# *Figure: one slice of a test subject in the chosen contrast with the outlines of the true tumour in orange and of the model's answer in blue, green or pink, and the Dice of that slice.*

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: the last case is healthy. Ask what its Dice is when the model marks nothing, and when it marks one pixel. Why is that no number to average?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# Can you still find the tumour when a scan is missing? Here, yes: a model that trained with holes, and whose contrasts share what they can, loses a few hundredths of Dice whichever scan is missing, less than the plain model does with a
# mean picture in the hole, and costs about one hundredth when nothing is missing and some false marks in the healthy. A black picture is the worst answer; the mean picture and the guess are cheap and decent. A model trained for just the hole that you have is as good or a little better.

# %% [markdown]
# ## What can go wrong
#
# - **0/0 hidden in a mean.** One healthy subject scored 1, 0 or NaN moves a mean of forty by more than many an article's gain. Count healthy subjects apart.
# - **Dice per slice.** Most slices have no tumour: ones and zeros by convention. Say over what you averaged.
# - **A black picture as a rival.** It makes any remedy look heroic. Print the mean picture beside it.
# - **"Loses least" of a poor model.** Print the full Dice beside the loss.
# - **Slices of one person in training and test.** Split by person, always; ours are.
# - **Normalisation over the batch**, when a batch holds few pictures or when some have holes.

# %% [markdown]
# ## What articles say, what is true
#
# - *"On BraTS, with CT ..."* BraTS has T1, T1C, T2 and FLAIR. There is no CT in it, whatever articles say.
# - *"Dice 0.9."* Of which region, over subjects or slices, with which value for 0/0? MONAI's Dice answers NaN wherever the *truth* is empty, unless told otherwise, and leaves it out: false tumours in healthy people
#   then cost nothing. torchmetrics gave NaN for two empty masks; BraTS' own rule is 1.

# %%
for name, value in (("1, as here", 1.0), ("left out (NaN)", np.nan), ("0", 0.0)):
    kept = predict(models["plain"][0], "test")
    marks = [(kept[(who == g).to(device)].cpu(), y[(who == g).to(device)].cpu()) for g in range(int(who.max()) + 1)]
    mean = np.nanmean([metrics.dice_score(a, b, empty=value) for a, b in marks])
    print(f"mean Dice of all test subjects when two empty masks give {name:15} {mean:.3f}")

# %% [markdown]
# The same masks.

# %% [markdown]
# ## Three key points
#
# 1. Pixel accuracy sees background. Dice sees the tumour, the Hausdorff distance its outline, and neither should swallow the healthy: say what 0/0 is.
# 2. Before you admire a remedy for missing scans, fill the hole with a mean picture or a guess, and give its block to a rival without the remedy.
# 3. Train with holes, and let contrasts share what they can: one model then serves every set of scans, for a small price when all are there.

# %% [markdown]
# ## Quiz
#
# **1.** A model marks three pixels in a healthy head. What is its Dice there?
# <details><summary>A: close to 1, since nearly all of its pixels are right</summary>That is pixel accuracy. Dice does not count background.</details>
# <details><summary>B: exactly 0, as if it had marked half the brain</summary>Right. Nothing is shared, so all false tumours score 0, however small; count their pixels apart.</details>
# <details><summary>C: undefined, because the true mask is empty</summary>Only if both masks are empty is it 0/0.</details>
#
# **2.** Why does a U-Net have skip connections?
# <details><summary>A: they hand exact places to the way up, which the bottom has lost</summary>Right. The bottom knows what is there, the skips where its edge runs.</details>
# <details><summary>B: they let each pixel see further around itself than the bottom can</summary>The bottom sees furthest; that is what it is for.</details>
# <details><summary>C: they keep items of a batch apart during normalisation</summary>That is the choice of group over batch normalisation.</details>
#
# **3.** A method "loses only 0.02 Dice without FLAIR, the baseline 0.70". What do you ask first?
# <details><summary>A: how many parameters the method has more than the baseline</summary>A good second question.</details>
# <details><summary>B: on how many graphics cards it was trained, and for how long</summary>Only if the baseline had less.</details>
# <details><summary>C: what stood in FLAIR's place for the baseline, and both full scores</summary>Right. A black picture makes a straw man, and a poor model has little to lose.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# <details><summary>The three parts of the tumour</summary>Core, oedema and rim are three masks (BraTS scores the whole, the core and the rim). The rim lights up in T1C only. `colearning.UNet(5, 4)` has a logit for each label; in a few hundred steps it learns the oedema and hardly the small parts. Train it longer.</details>
# <details><summary>Filling in by a model</summary>A network can draw the missing contrast from the others. It cannot add what the others do not know; what it draws where the tumour is can mislead a reader.</details>
# <details><summary>More co-learning</summary>ShaSpec adds two losses: shared features of different contrasts should look alike, and specific ones should tell which contrast they come from. Lesson 18's distillation works, too: the answer with everything present teaches the answer with holes.</details>

# %% [markdown]
# ## References
#
# - Dice, L. R. (1945). Measures of the amount of ecologic association between species. Ecology 26(3).
# - Ronneberger, O., Fischer, P., Brox, T. (2015). U-Net: convolutional networks for biomedical image segmentation. MICCAI.
# - Menze, B. H. and others (2015). The multimodal brain tumor image segmentation benchmark (BRATS). IEEE TMI 34(10).
# - Havaei, M. and others (2016). HeMIS: hetero-modal image segmentation. MICCAI.
# - Milletari, F., Navab, N., Ahmadi, S.-A. (2016). V-Net: fully convolutional neural networks for volumetric medical image segmentation. 3DV.
# - Wu, Y., He, K. (2018). Group normalization. ECCV.
# - Wang, H. and others (2023). Multi-modal learning with missing modality via shared-specific feature modelling. CVPR.
