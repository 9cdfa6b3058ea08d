# %% [markdown]
# # 15 Text to image
#
# **How does a machine paint a sentence?** · 90 minutes · needs lessons 5, 6 and 13
#
# ![Words become vectors; on one road a transformer writes the codes of a picture one by one, on the other noise is turned into a picture step by step; a judge that never helped looks for the prompt of each picture](flow: words -> transformer -> codes -> picture; words -> prior -> picture vector -> denoiser; words -> denoiser; noise -> denoiser -> picture; picture -> judge)
#
# Two roads lead from words to pictures: write the picture as a text (DALL-E 1), or sculpt it out of noise (DALL-E 2). You walk
# both, and hand the results to a judge that helped with neither.
# (The next cell takes about 5 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, representation, translation, widgets

mm.setup(seed=0)

# %% tags=["further"]
import functools
import math
import re
import textwrap
import zlib

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mmcourse import alignment, plotting
from mmcourse.metrics import bootstrap_interval

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 The task
#
# The data are emoji at 32 x 32 pixels, with numbers from -1 (black) to 1 (white); a **prompt** is an English name. There are three
# tasks, as in lesson 13: paint a name *seen* in training; a new **combination** (of each known family one skin tone is held out; the
# tone is known from others, the pair is new); a new **concept**, of whose whole family nothing was seen.


# %% tags=["further"]
def parts_of():
    """Part -> pictures (N, 3, 32, 32) in [-1, 1] and a list of names; `valid` holds new concepts."""
    combinations, concepts = (mm.load("emoji_retrieval", test=test) for test in ("combinations", "concepts"))
    splits = {"train": concepts.train, "valid": concepts.valid}
    splits |= {"combinations": combinations.test, "concepts": concepts.test}
    parts = {}
    for part, split in splits.items():
        inputs, _ = split.arrays()
        x = functional.interpolate(torch.as_tensor(inputs["image"]), (32, 32), mode="bilinear", antialias=True)
        parts[part] = {"x": 2 * x - 1, "names": list(inputs["text"])}
    return parts


def words_of(name):
    return re.findall(r"\w+", name.lower()) or [name]


def vocabulary(parts):
    return sorted({word for each in parts.values() for name in each["names"] for word in words_of(name)})


parts = parts_of()
words, THIN = vocabulary(parts), mm.per_profile(smoke=12, quick=1, full=1)
parts = {part: {key: each[key][::THIN] for key in each} for part, each in parts.items()}
for part, each in parts.items():
    print(f"{part}: {len(each['names'])} pictures, such as {each['names'][7]!r}")

# %% [markdown]
# Emoji artwork by [OpenMoji](https://openmoji.org), licence CC BY-SA 4.0.
#
# **How a prompt is read.** Three vectors side by side: the sentence vector of MiniLM (lesson 4: what the name *means*), the mean of
# its words' WordLlama vectors (what its *words* mean), and the mean of one random vector for each word (*which* words they are, so that
# "medium-dark" and "medium-light", near neighbours in meaning, stay apart). Nothing here is trained. Reading all names takes about 20 s.


# %%
def own_vector(word):
    """A random vector that depends on nothing but the letters: (128,)."""
    return torch.randn(128, generator=torch.Generator().manual_seed(zlib.crc32(word.encode())))


def read(names):
    """Names -> (N, 768)."""
    words = [words_of(name) for name in names]
    which = torch.stack([torch.stack([own_vector(word) for word in each]).mean(0) for each in words])
    meant = representation.mean_pool(*representation.word_vectors(names))
    parts = representation.sentence_vectors(names), meant, which
    return torch.cat([functional.normalize(part) * part.shape[1] ** 0.5 for part in parts], 1)


for each in parts.values():
    each["read"] = read(each["names"])

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 The judge comes first
#
# How good is a painted *violin*? We need a measuring instrument before we paint. It is a CLIP (lesson 13): a picture tower and a text
# tower, one space. A picture **passes** when its own prompt is the most similar of 100 names. For each picture we count how many of
# *all* names, seen and unseen, beat its own, and compute the probability that none of them is among 99 drawn at random: a mean over every
# gallery there could be. Chance is 1 in 100.


# %%
def passes(pictures, names, own):
    """Probability (N,) that name own[i] beats 99 others drawn at random; pictures (N, d), names (M, d) of length 1."""
    similarity = pictures @ names.T
    better = (similarity >= similarity.gather(1, own[:, None])).sum(1) - 1
    others = len(names) - 1
    probability = torch.ones(len(own), dtype=torch.float64)
    for k in range(min(99, others)):
        probability *= ((others - better - k) / (others - k)).clamp(min=0)
    return probability.numpy()


# %% [markdown]
# The judge differs from everything else here: its own seed, its own convolutions, its own word vectors. It was trained on *all* pictures,
# test pictures too. Is that cheating? The *painter* may never see them; the judge must know what a right answer looks like, like
# an examiner. (It was trained with moved and noisy pictures, before the lesson: `course.py train 15` runs the folded code.)


# %% tags=["further"]
def shaken(x):
    """Pictures moved by up to two pixels, with a little noise."""
    down, right = torch.randint(5, (2,)).tolist()
    x = functional.pad(x, (2, 2, 2, 2), value=1.0)[:, :, down : down + 32, right : right + 32]
    return x + 0.1 * torch.rand(len(x), 1, 1, 1, device=x.device) * torch.randn_like(x)


class Eyes(nn.Sequential):
    """Strided convolutions: pictures (B, 3, 32, 32) -> (B, 128)."""

    def __init__(self, widths=(24, 48, 72, 96)):
        layers = []
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=1 if inputs == 3 else 2, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.GELU()]
        super().__init__(*layers, nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(4 * widths[-1], 128))


# %% [markdown]
# (The judge, and the training loop of both CLIPs.)


# %% tags=["further"]
class Judge(nn.Module):
    """A CLIP of its own make: strided convolutions and a bag of learned word vectors."""

    def __init__(self, words):
        super().__init__()
        self.picture, self.words = Eyes(), nn.EmbeddingBag(words, 64, mode="mean", padding_idx=0)
        self.text = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Dropout(0.1), nn.Linear(128, 128))
        self.short, self.scale = nn.Linear(64, 128), nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def see(self, x):
        x = shaken(x) if self.training else x
        return functional.normalize(self.picture(x.contiguous(memory_format=torch.channels_last)), dim=1)

    def hear(self, ids):
        mean = self.words(ids)
        return functional.normalize(self.short(mean) + self.text(mean), dim=1)


# %% tags=["further"]
def look_up(names, words):
    """Names -> (N, 16) numbers of words, 0 for none."""
    row = {word: number for number, word in enumerate(words, 1)}
    return torch.tensor([([row[word] for word in words_of(name)] + [0] * 16)[:16] for name in names])


def batches(count, batch, steps, seed):
    """Row numbers of `steps` batches; each pass over the data in a fresh order."""
    rng, order = np.random.default_rng(seed), np.zeros(0, int)
    for _ in range(steps):
        order = order if len(order) >= batch else rng.permutation(count)
        rows, order = order[:batch], order[batch:]
        yield rows


# %% [markdown]
# (The loop that trains a CLIP.)


# %% tags=["further"]
def train_pairs(clip, x, text, *, steps, batch, seed):
    """Train a CLIP in place on pictures and texts by InfoNCE."""
    device = mm.device()
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(clip.to(device).train().parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    for rows in batches(len(x), batch, steps, seed):
        loss = alignment.info_nce(clip.see(x[rows].to(device)), clip.hear(text[rows].to(device)), clip.scale)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        alignment.clamp_logit_scale(clip.scale)
    return clip.eval()


# %% tags=["further"]
judge = Judge(len(words) + 1).eval()
mm.checkpoint("15", judge=judge)
begins = dict(zip(parts, np.cumsum([0, *(len(each["names"]) for each in parts.values())]), strict=False))
with torch.no_grad():  # all names, one part after the other
    heard = judge.hear(look_up([name for each in parts.values() for name in each["names"]], words))


@torch.no_grad()
def seen_by(tower, x):
    return torch.cat([tower.see(some) for some in x.split(256)])


@torch.no_grad()
def marks(x, rows, part):
    """What the judge gives pictures x painted for the prompts `rows` of a part."""
    return passes(seen_by(judge, x), heard, torch.as_tensor(begins[part] + np.asarray(rows)))


# %% [markdown]
# Before judging anybody, judge the judge on the *validation* part: real pictures, pictures of *another* prompt, and the rival that any
# painter of unseen names must beat: **copying**. Take the training name most like the prompt and hand in its picture.


# %% tags=["further"]
def copied(part, rows):
    """Row of the training picture whose name is most like each prompt (never the prompt's own)."""
    likeness = functional.normalize(parts[part]["read"][rows]) @ functional.normalize(parts["train"]["read"]).T
    if part == "train":
        likeness[torch.arange(len(rows)), torch.as_tensor(rows)] = -1
    return likeness.argmax(1)


rng = np.random.default_rng(0)
rows = np.arange(len(parts["valid"]["names"]))
real = parts["valid"]["x"]
judged = {
    "real pictures": real,
    "the same, mirrored": real.flip(3),
    "the same, without colour": real.mean(1, keepdim=True).expand(-1, 3, -1, -1),
    "pictures of another": real[rng.permutation(rows)],
    "copies of the nearest name": parts["train"]["x"][copied("valid", rows)],
}
for label, x in judged.items():
    print(f"{label:26} {marks(x, rows, 'valid').mean():.2f}")

# %% [markdown]
# The judge knows the real ones (it was trained on them) and gives nothing for a picture of something else, but it is strict: mirror a picture, and some marks
# are gone; take the colour, and most are. A right picture *drawn otherwise* is punished. And the copier gets a part of the marks without painting at all:
# *speedboat* is near to *motor boat*. Keep its number in mind.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let people say what a fair judge of paintings would be, and who should not be one. A painter marking its own work usually comes up early.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 The first road: a picture is a sentence
#
# **DALL-E 1** (Ramesh and others 2021) turns a picture into a *text*: a discrete autoencoder, the **dVAE**, writes it as 8 x 8
# codes out of a book of $K$. Then a transformer learns to continue *words* with *codes*, as a language model would.
#
# The encoder gives each place a distribution $q$ over the codes. Choosing one is a jump, and no gradient passes a jump. The
# **Gumbel softmax** (Jang and others 2017) draws *nearly*: with $g_k = -\log(-\log u_k)$, $u_k$ uniform in (0, 1),
#
# $$y = \mathrm{softmax}\left(\frac{\mathrm{logits} + g}{\tau}\right)$$
#
# The largest entry is code $k$ with probability exactly $q_k$. The smaller the temperature $\tau$, the nearer to one-hot.

# %% [markdown]
# ### Exercise 15.1 ●●○ 8 min
# Write `hard_gumbel(logits, uniform, temperature)`: `logits` float tensor (N, K); `uniform` float tensor (N, K), numbers in (0, 1);
# `temperature` a float > 0. Return a tensor (N, K) whose *values* are one-hot at the largest entry of $y$ and whose *gradient* is that of $y$:
# the straight-through trick, $\text{hard} + (y - \text{detached } y)$. Example: `logits = [[0, 0]]`, `uniform = [[0.5, 0.9]]`, any temperature:
# the noise is 0.37 and 2.25, so `[[0, 1]]`.
# <details><summary>Hint: the idea</summary>y minus its own detached copy is zero in value, but it carries the gradient of y. Add it to the one-hot vector.</details>
# <details><summary>Hint: pseudocode</summary>g = -log(-log(uniform)); y = softmax((logits + g) / temperature) along axis 1; hard = one_hot(argmax of y, K) as floats; return hard + (y - y.detach()).</details>


# %% tags=["exercise"]
def hard_gumbel(logits, uniform, temperature):
    ### BEGIN SOLUTION
    y = ((logits - (-uniform.log()).log()) / temperature).softmax(1)
    hard = functional.one_hot(y.argmax(1), y.shape[1]).to(y.dtype)
    return hard + (y - y.detach())
    ### END SOLUTION


# %%
check.ex15_1(hard_gumbel)

# %% [markdown]
# What keeps the encoder from using a few codes only? A second term, the **KL** divergence of each place's $q$ from the even distribution. It
# keeps the encoder *unsure*, so that it goes on trying codes, and more of the book gets used. It must be summed over the $K$ *codes* (and
# then over the places); public code has summed over the wrong axis, or left it out. By hand:


# %%
def kl_of_one_place(q):  # K probabilities
    return sum(p * math.log(p * len(q)) for p in q.tolist())


dvae = translation.DiscreteVAE(codes=64, width=40)
some = parts["train"]["x"][:2]
_, kl = dvae(some)
by_hand = [sum(kl_of_one_place(q) for q in places.softmax(-1)) for places in dvae.logits(some)]
assert torch.allclose(kl, torch.tensor(by_hand), atol=1e-3)

# %% [markdown] tags=["predict"]
# **Predict first.** We train two dVAEs with 64 codes, one with half the KL added to the summed squared error of the pixels, one with no KL at all. How many
# of the 64 codes will each use? (This takes about 15 s.)


# %%
def train_dvae(weight, steps, batch=16, seed=0):
    """A dVAE of 64 codes; the temperature falls from 1 to 1/8."""
    torch.manual_seed(seed)
    dvae, x = translation.DiscreteVAE(codes=64, width=40).to(mm.device()), parts["train"]["x"]
    optimizer = torch.optim.AdamW(dvae.parameters(), lr=8e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        pictures = x[torch.randint(len(x), (batch,))].to(mm.device())
        read_back, kl = dvae(pictures, temperature=max(1 - 1.25 * step / steps, 1 / 8))
        loss = (read_back - pictures).square().sum((1, 2, 3)).mean() + weight * kl.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return dvae.eval().cpu()


DVAE_STEPS = mm.per_profile(smoke=3, quick=400, full=10000)
dvaes = {"no KL": train_dvae(0.0, DVAE_STEPS), "with KL": train_dvae(0.5, DVAE_STEPS)}


# %% tags=["further"]
@torch.no_grad()
def use_of_codes(dvae):
    """How often each code is written on the training pictures, most used first."""
    codes = torch.cat([dvae.encode(x) for x in parts["train"]["x"].split(500)])
    return codes, torch.bincount(codes.flatten(), minlength=64).sort(descending=True).values / codes.numel()


def read_back_by(dvaes, rows):
    """Pictures of some training rows, and what each dVAE makes of them."""
    x = parts["train"]["x"][rows]
    with torch.no_grad():
        return [x, *(dvae.decode(dvae.encode(x)) for dvae in dvaes.values())]


def show(grid, lines):
    """Draw pictures in [-1, 1] into a grid of axes."""
    for spots, pictures in zip(grid, lines, strict=True):
        for spot, picture in zip(spots, pictures, strict=True):
            shades = ((picture.permute(1, 2, 0) + 1).clamp(0, 2) * 5).round() / 10  # few a colour: small files
            spot.imshow(shades, interpolation="nearest")
            spot.set(xticks=[], yticks=[])
            spot.spines[:].set_visible(False)


# %% [markdown]
# (The figure.)

# %% tags=["further"]
figure = plt.figure(figsize=(11, 3.4))
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.1))
axes = left.subplots()
for k, (name, dvae) in enumerate(dvaes.items()):
    share = use_of_codes(dvae)[1]
    used = share[share > 0]
    axes.plot(np.arange(1, len(used) + 1), used, color=plotting.COLORS[2 + 2 * k], lw=2.5, label=name)
    print(
        f"{name}: {(share > 1e-3).sum()} of 64 codes fill more than one place in 1,000; the first fills {share[0]:.0%}"
    )
axes.axhline(1 / 64, color="#333333", ls="--", lw=1.2, label="even")
axes.set(xlabel="code, most used first", ylabel="share of all places", yscale="log", xlim=(0, 65))
axes.legend(loc="upper right")
grid = right.subplots(3, 5)
show(grid, read_back_by(dvaes, [row // THIN for row in (3, 700, 1200, 1900, 2300)]))
for spots, name in zip(grid, ("original", *dvaes), strict=True):
    spots[0].set_ylabel(name, fontsize=11)

# %% [markdown] tags=["alt"]
# *Figure: left, the share of places that each code fills, most used first, on a logarithmic axis, for two dVAEs and an even line; a line ends
# where the unused codes begin, early without KL. Right, five emoji and what each dVAE reads back from its 64 places: soft shapes, with bright colours faded or lost.*

# %% [markdown]
# Both read back soft shapes and lose bright colours. But without KL a handful of codes do all the work and the rest of the book stays empty; with it several times as many live. That is worth
# seeing before any transformer is trained on the codes.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### A transformer that continues words with codes
#
# Each picture is now 64 numbers. `ImageTransformer` reads the word vectors of the name, then predicts each code from the words
# and the codes before it. Drawing keeps the **keys and values** of all earlier places, so that each new code costs one column,
# not a whole pass. (This takes about 20 s; DALL-E 1 had 12 thousand million weights and 250 million pictures.)


# %% tags=["further"]
def train_writer(codes, words, mask, steps, batch=16, seed=0):
    torch.manual_seed(seed)
    writer = translation.ImageTransformer(64, 64, 256, width=96, depth=3, heads=3).to(mm.device())
    optimizer = torch.optim.AdamW(writer.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.2)
    for _ in range(steps):
        rows = torch.randint(len(codes), (batch,))
        told, kept, target = (part[rows].to(mm.device()) for part in (words, mask, codes))
        loss = functional.cross_entropy(writer(told, kept, target).transpose(1, 2), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return writer.eval().cpu()


# %%
dvae = dvaes["with KL"]
told, kept = representation.word_vectors(parts["train"]["names"])
codes, shares = use_of_codes(dvae)
writer = train_writer(codes, told / 0.3, kept, mm.per_profile(smoke=2, quick=180, full=16000))


def write(names, seed=0):
    """Names -> pictures (N, 3, 32, 32), by the transformer and the dVAE."""
    told, kept = representation.word_vectors(names)
    codes = writer.generate(told / 0.3, kept, temperature=0.7, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return dvae.decode(codes).clamp(-1, 1)


# %% [markdown]
# Do the words matter? Compare the transformer's loss on 200 training pictures with their own names and with names of others, and with what guessing by the codes'
# shares would cost. It is measured in *nats*, the unit of surprise $-\log p$ (natural logarithm): the fewer, the better the guess.

# %%
some, shares = torch.arange(min(200, len(codes))), shares[shares > 0]
for label, rows_ in (("own names", some), ("names of others", some.roll(7))):
    with torch.no_grad():
        loss = functional.cross_entropy(writer(told[rows_] / 0.3, kept[rows_], codes[some]).mT, codes[some])
    print(f"{label}: {loss:.2f} nats a code")
print(f"guessing by shares: {-(shares * shares.log()).sum():.2f}")

# %% [markdown]
# Six *training* names, written and read back:

# %%
SHOWN = ["grinning face", "Italy", "firefighter dark skin tone", "kiwi fruit", "lobster", "cherries"]
plotting.images([(x + 1) / 2 for x in write(SHOWN)], SHOWN)

# %% [markdown] tags=["alt"]
# *Figure: what the transformer writes for six training names: blurred shapes on white, hardly to be told apart, in colours that have little to do with the name.*

# %% [markdown]
# It has learned what codes look like beside each other (far fewer nats than guessing), and next to nothing of what the *words* have to do with it. The road is sound, but long: DALL-E 1 took 250 million pairs. With
# `MMCOURSE_PROFILE=full` it goes on.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask what is lost when codes are written row by row: the top of the picture is decided before the bottom is thought of.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 The second road: out of noise
#
# Put a picture $x_0$ and noise $\epsilon$ (normal, same shape) on a straight line and walk from one to the other:
#
# $$x_t = (1 - t)\, x_0 + t\, \epsilon, \qquad \frac{dx_t}{dt} = \epsilon - x_0$$
#
# At $t = 0$ lies the picture, at $t = 1$ noise. **Flow matching** (Lipman and others 2023) trains a network $v(x_t, t)$ to guess the
# **velocity** $\epsilon - x_0$ by least squares. It cannot know which line it is on, so it learns the *mean* velocity through $x_t$. Following
# that mean backwards from fresh noise leads to fresh pictures. It is a form of *diffusion*: the guess gives the picture expected, $x_t - t v$.
# Stable Diffusion 3 uses such lines (Esser and others 2024).

# %% [markdown]
# ### Exercise 15.2 ●○○ 5 min
# Write `mix(x, noise, t)`: `x` and `noise` float tensors (B, C, H, W), `t` float tensor (B,) of times in [0, 1], one for each picture. Return the pair
# `(x_t, velocity)`, each (B, C, H, W). Example: `x` all 1, `noise` all 3, `t = [0.5]`: x_t all 2, velocity all 2.
# <details><summary>Hint: the idea</summary>A vector of B times does not multiply a tensor (B, C, H, W) along the right axis; give it three axes of length 1 first.</details>
# <details><summary>Hint: pseudocode</summary>t = t viewed as (B, 1, 1, 1); return (1 - t) times x + t times noise, and noise - x.</details>


# %% tags=["exercise"]
def mix(x, noise, t):
    ### BEGIN SOLUTION
    t = t.view(-1, 1, 1, 1)
    return (1 - t) * x + t * noise, noise - x
    ### END SOLUTION


# %%
check.ex15_2(mix)

# %% [markdown]
# `translation.Diffusion` does this and what follows below. Is its algebra right? Take data whose answer is known: numbers, normal with mean 2 and deviation
# 0.5. Then $x_t$ is normal too, and the mean velocity has a closed form; with *that* in the network's place the sampler must return that normal. (`heun` corrects each step by a second look at its end.)


# %%
class Known(nn.Module):
    mean, deviation = 2.0, 0.5

    def forward(self, x, t, condition):
        t = t[:, None]
        variance = ((1 - t) * self.deviation) ** 2 + t**2
        share = (t - (1 - t) * self.deviation**2) / variance  # cov(noise - x_0, x_t) / var(x_t)
        return -self.mean + share * (x - (1 - t) * self.mean)


drawn = translation.Diffusion(Known(), {}).sample((20000, 1), {}, steps=50, heun=True)
print(f"mean {drawn.mean():.3f}, deviation {drawn.std():.3f}")
assert abs(drawn.mean() - 2) < 0.02 and abs(drawn.std() - 0.5) < 0.02

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The painter
#
# The network is a **U-Net**: convolutions at 16, 8 and 4 pixels a side (each 2 x 2 pixels become 12 channels first), and on the way
# back up each level also sees what the way down saw. Time and prompt enter every block by **FiLM** (lesson 8): they scale and shift its channels.


# %%
class Block(nn.Module):
    """Two convolutions; the condition scales and shifts the second one's input."""

    def __init__(self, inputs, outputs, width):
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.norm, self.film = nn.GroupNorm(8, outputs, affine=False), nn.Linear(width, 2 * outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.second.weight)

    def forward(self, x, c):
        scale, shift = self.film(c)[:, :, None, None].chunk(2, 1)
        hidden = self.norm(self.first(x)) * (1 + scale) + shift
        return self.skip(x) + self.second(functional.silu(hidden))


# %% [markdown]
# (Attention, where every place looks at every other, and how the levels are put together, are folded.)


# %% tags=["further"]
class Attention(nn.Module):
    """Every place looks at every other."""

    def __init__(self, width):
        super().__init__()
        self.norm, self.heads = nn.GroupNorm(8, width), width // 32
        self.three, self.out = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x, c):
        three = self.three(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, 32)).mT
        seen = functional.scaled_dot_product_attention(*three.unbind(1))
        return x + self.out(seen.mT.reshape(x.shape))


def level(inputs, outputs, width, attend):
    return nn.ModuleList([Block(inputs, outputs, width)] + [Attention(outputs)] * attend)


def waves(t, high):
    """Times (B,) as sines and cosines (B, 64) of many lengths."""
    angle = t[:, None] * torch.logspace(0.3, high, 32, device=t.device)
    return torch.cat([angle.sin(), angle.cos()], 1)


# %% tags=["further"]
class Levels(nn.Module):
    """The parts of the U-Net."""

    def __init__(self, dims, widths=(64, 96, 96), width=128):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width))
        given = {name: nn.Sequential(nn.Dropout(0.1), nn.Linear(size, width)) for name, size in dims.items()}
        self.given, self.mixed = nn.ModuleDict(given), nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.enter = nn.Conv2d(12, widths[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for here, before in zip(widths, (widths[0], *widths), strict=False):
            self.down.append(level(before, here, width, here != widths[0]))
        for here, deeper in zip(widths[::-1], (widths[-1], *widths[::-1]), strict=False):
            self.up.append(level(deeper + here, here, width, here != widths[0]))
        self.middle = level(widths[-1], widths[-1], width, True)
        self.leave = nn.Sequential(nn.GroupNorm(8, widths[0]), nn.SiLU(), nn.Conv2d(widths[0], 12, 3, padding=1))
        nn.init.zeros_(self.leave[2].weight)
        self.to(memory_format=torch.channels_last)


# %% [markdown]
# (And the way through.)


# %% tags=["further"]
class UNet(Levels):
    """Velocity of pictures (B, 3, 32, 32) at times (B,), given conditions."""

    def forward(self, x, t, condition):
        c = self.time(waves(t, 2.3))
        c = self.mixed(c + sum(self.given[name](condition[name]) for name in self.given))
        x = self.enter(functional.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        kept = []
        for depth, blocks in enumerate(self.down):
            x = functional.avg_pool2d(x, 2) if depth else x
            for block in blocks:
                x = block(x, c)
            kept.append(x)
        for block in self.middle:
            x = block(x, c)
        for depth, blocks in enumerate(self.up):
            x = functional.interpolate(x, scale_factor=2.0) if depth else x
            x = torch.cat([x, kept.pop()], 1)
            for block in blocks:
                x = block(x, c)
        return functional.pixel_shuffle(self.leave(x), 2)


# %% [markdown]
# Its conditions are two: the prompt as read above, and (section 6) a CLIP vector of the picture. In training each is *hidden* at random, so
# that the painter also learns to do without. The loop serves the long training too. It keeps a running **average** of the weights (EMA), which paints better than the last ones.

# %%
DIMS = {"text": 768, "image": 128}


def train_diffusion(model, x, condition, *, steps, plan=None, batch=64, rate=1e-3, seed=0):
    """Train on data x (N, ...) and a dict of conditions (N, d); return the running average of the weights."""
    device = mm.device()
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.to(device).train().parameters(), lr=rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, functools.partial(wave, steps=plan or steps))
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(min(0.998, steps / (steps + 5))))
    for rows in batches(len(x), batch, steps, seed):
        loss = model.loss(x[rows].to(device), {name: given[rows].to(device) for name, given in condition.items()})
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
    return average.module.eval()


def wave(step, steps):
    """Learning rate: up in 100 steps, level, down to 0 in the last third."""
    return min(1, (step + 1) / min(100, steps), 3 * (steps - step) / steps)


# %% [markdown]
# In front of you it trains for a handful of steps (about 10 s):


# %%
def new_painter():
    return translation.Diffusion(UNet(DIMS), DIMS, drop={"text": 0.2, "image": 0.5})


torch.manual_seed(0)
beginner = new_painter()
print(f"{sum(p.numel() for p in beginner.parameters()):,} weights")
seconds = {"x": parts["train"]["x"], "condition": {"text": parts["train"]["read"]}}
beginner = train_diffusion(beginner, **seconds, steps=mm.per_profile(smoke=1, quick=14, full=2000)).cpu()

# %% [markdown]
# To draw, start at $t = 1$ with noise and take steps of **Euler**: a bit along the velocity, ask again.
#
# ### Exercise 15.3 ●●○ 7 min
# Write `euler(velocity, noise, steps)`: `velocity(x, t)` is a function of x (B, ...) and a *float* t that returns a tensor like x; `noise`
# float tensor (B, ...); `steps` an int, at least 1. Walk from t = 1 to t = 0 in `steps` equal steps, asking for the velocity at the *start* of each, and
# return x at t = 0. Leave `noise` as it is. Example: with `velocity = lambda x, t: t + 0 * x`, `noise` 1 and 2 steps (asked at 1 and 0.5): 1 - 0.5 - 0.25 = 0.25.
# <details><summary>Hint: the idea</summary>Time runs backwards, so a step of length 1/steps subtracts velocity/steps. The velocity is never asked at t = 0.</details>
# <details><summary>Hint: pseudocode</summary>x = noise; for k = 0 ... steps - 1: t = 1 - k/steps; x = x - velocity(x, t) / steps; return x.</details>


# %% tags=["exercise"]
def euler(velocity, noise, steps):
    ### BEGIN SOLUTION
    x = noise
    for k in range(steps):
        x = x - velocity(x, 1 - k / steps) / steps
    return x
    ### END SOLUTION


# %%
check.ex15_3(euler)

# %% [markdown]
# (The package's sampler, with the noise drawn from a seed.)


# %%
def paint(painter, condition, *, steps=20, guidance=3.0, seed=0, path=False):
    """Pictures for a dict of conditions (N, d); the same seed draws the same noise."""
    shape, chance = (len(condition["text"]), 3, 32, 32), torch.Generator().manual_seed(seed)
    return painter.sample(shape, condition, steps=steps, guidance=guidance, generator=chance, path=path)


names = ["grinning face", "red heart", "Italy", "woman biking medium-dark skin tone"]
first = paint(beginner, {"text": read(names)}, guidance=1.0)
plotting.images([((x + 1) * 7.5).clamp(0, 15).round() / 15 for x in first[:2]], names[:2])

# %% [markdown] tags=["alt"]
# *Figure: two pictures by the painter after its few steps: coloured noise, at most a little darker in the middle.*

# %% [markdown]
# After seconds: noise with, at best, a darker middle. The very same functions ran longer before the lesson (`train_checkpoint` below is what `course.py train 15` runs). We
# load what they made:

# %%
painter = new_painter().eval()
facts = mm.checkpoint("15", painter=painter)
for fact, value in facts.items():
    print(f"{fact}: {value}")

# %% [markdown] tags=["predict"]
# **Predict first.** Twenty steps from noise to picture. After how many can you tell what it will be? What is settled first: colour, outline, or face?

# %% tags=["further"]
last, path = paint(painter, {"text": read(names)}, path=True)
figure, grid = plt.subplots(len(names), 5, figsize=(7, 1.2 * len(names)))
show(grid, [path[[step * len(path) // 20 for step in (0, 2, 5, 10, 19)], k] for k in range(len(names))])
for spot, step in zip(grid[0], (1, 3, 6, 11, 20), strict=True):
    spot.set_title(f"step {step}", fontsize=12)
for line, name in zip(grid, names, strict=True):
    line[0].text(-0.1, 0.5, textwrap.fill(name, 16), transform=line[0].transAxes, ha="right", va="center", fontsize=11)

# %% [markdown] tags=["alt"]
# *Figure: for four prompts the picture expected at steps 1 to 20. At step 1 most can be told already, rough and noisy; the later steps clean and sharpen them.*

# %% [markdown]
# Each picture shows $x_t - t v$, what the painter *expects* at that moment. Did you think it would start as a blur, the mean of many pictures? It does where many pictures fit. But
# these prompts fit *one* picture, or a few that look alike, and guidance sharpens the guess: the first look at pure noise already shows most of it. Is it learned by heart? Section 8 asks. The later steps clean up.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: draw two far points and a cloud on the board, and straight lines from the cloud to both. Where lines cross, what is the mean velocity?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Guidance: more than the condition asks
#
# The painter was trained with the prompt hidden at times, so it has two opinions: $v_\varnothing$ without, $v_c$ with the prompt. **Classifier-free guidance** (Ho and
# Salimans 2022) walks along their difference, past the second one:
#
# $$v = v_\varnothing + g\,(v_c - v_\varnothing)$$

# %% [markdown]
# ### Exercise 15.4 ●○○ 5 min
# Write `guided(network, x, t, text, empty, g)`: `network(x, t, text)` returns velocities (B, C, H, W) for `x` (B, C, H, W), `t` (B,) and `text` (B, d).
# `empty` (d,) stands for *no prompt*; `g` is a float. Return the guided velocity (B, C, H, W). Example: where the network says 1 without and 3 with
# the prompt, g = 0 gives 1, g = 1 gives 3, g = 2 gives 5.
# <details><summary>Hint: the idea</summary>Two calls: one with the text, one with the empty vector repeated for each picture. Then the formula.</details>
# <details><summary>Hint: pseudocode</summary>with_ = network(x, t, text); without = network(x, t, empty repeated B times); return without + g (with_ - without).</details>


# %% tags=["exercise"]
def guided(network, x, t, text, empty, g):
    ### BEGIN SOLUTION
    without = network(x, t, empty.expand(len(x), -1))
    return without + g * (network(x, t, text) - without)
    ### END SOLUTION


# %%
check.ex15_4(guided)

# %% [markdown] tags=["predict"]
# **Predict first.** One prompt, the same noise, guidance 0, 1, 2, 3, 4, 6. What will 0 show? What goes wrong at 6?

# %% tags=["further"]
LEVELS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)
PROMPTS = ["red heart", "firefighter dark skin tone", "crab"]
drawn = {g: paint(painter, {"text": read(PROMPTS)}, guidance=g, seed=2) for g in LEVELS}
figure, grid = plt.subplots(len(PROMPTS), len(LEVELS), figsize=(8.5, 4.4))
show(grid, [[drawn[g][k] for g in LEVELS] for k in range(len(PROMPTS))])
for spot, g in zip(grid[0], LEVELS, strict=True):
    spot.set_title(f"guidance {g:g}", fontsize=12)
for line, name in zip(grid, PROMPTS, strict=True):
    line[0].text(-0.1, 0.5, textwrap.fill(name, 14), transform=line[0].transAxes, ha="right", va="center", fontsize=12)

# %% [markdown] tags=["alt"]
# *Figure: three prompts painted from the same noise with six strengths of guidance. At 0 the prompt plays no part. From 1 on the red heart and the firefighter are there, cleaner with more; the crab stays a bluish blob throughout.*

# %% [markdown]
# At 0 the three lines ignore their prompts, and each noise becomes something else. From 1 on the prompt rules; more guidance cleans and hardens, for twice the work. It cannot help where the prompt says
# nothing to the painter: *crab* was never seen and stays a blob. (*Red heart* was not either, but other hearts were, and other red things.) How much variety does guidance cost?

# %%
for name in PROMPTS:
    text, known = read([name]).expand(6, -1), "seen" if name in parts["train"]["names"] else "never seen"
    spread = [paint(painter, {"text": text}, guidance=g, seed=1, steps=10).std(0).mean() for g in (1.0, 3.0)]
    print(f"{name} ({known}): spread over six noises {spread[0]:.2f} at guidance 1, {spread[1]:.2f} at 3")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 DALL-E 2: first imagine, then paint
#
# **DALL-E 2** (Ramesh and others 2022) puts a step between. A **prior** reads the prompt and imagines the *CLIP vector* of a picture; the painter gets
# both, words and vector. The prior is the same `Diffusion`, on vectors of 128 numbers in place of pictures. The CLIP is the painter's *own*, trained on the training part only; the judge is another. (Both folded: towers as in lesson 13.)


# %% tags=["further"]
class CLIP(nn.Module):
    """Pictures (B, 3, 32, 32) in [-1, 1] and read prompts (B, 768) into one space of 128."""

    def __init__(self, channels=(16, 32, 64)):
        super().__init__()
        layers = []
        for inputs, outputs in zip((3, *channels), channels, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
        self.picture = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * channels[-1], 128))
        self.text = nn.Sequential(nn.Dropout(0.1), nn.Linear(768, 128))
        self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def see(self, x):
        if self.training:
            down, right = torch.randint(5, (2,)).tolist()
            x = functional.pad(x, (2, 2, 2, 2), value=1.0)[:, :, down : down + 32, right : right + 32]
        return functional.normalize(self.picture(x.contiguous(memory_format=torch.channels_last)), dim=1)

    def hear(self, text):
        return functional.normalize(self.text(text), dim=1)


# %% [markdown]
# (The prior's network.)


# %% tags=["further"]
class Imagine(nn.Module):
    """Velocity of picture vectors (B, 128), given what CLIP hears in the prompt (B, 128)."""

    def __init__(self, width=256):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(128 + 128 + 64, width), nn.SiLU(), nn.Dropout(0.1)),
            *(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 128)),
        )

    def forward(self, x, t, condition):
        return self.layers(torch.cat([x, condition["heard"], waves(t, 1.6)], 1))


# %%
def new_prior():
    return translation.Diffusion(Imagine(), {"heard": 128}, drop=0.1)


@torch.no_grad()
def imagine(clip, prior, text, seed=0):
    """Read prompts (N, 768) -> CLIP vectors (N, 128) of pictures that are not there yet."""
    heard = 128**0.5 * clip.hear(text)
    return prior.sample(heard.shape, {"heard": heard}, steps=20, generator=torch.Generator().manual_seed(seed))


clip, prior = CLIP().eval(), new_prior().eval()
_ = mm.checkpoint("15", clip=clip, prior=prior)

# %% [markdown]
# Everything that was trained before the lesson, in one function:


# %% tags=["further"]
def train_checkpoint():
    """Train judge, CLIP, painter and prior; return them and their facts."""
    parts = parts_of()
    x, text, words = parts["train"]["x"], read(parts["train"]["names"]), vocabulary(parts)
    every = [name for part in parts.values() for name in part["names"]]
    everything = torch.cat([part["x"] for part in parts.values()])
    torch.manual_seed(7)
    judge = Judge(len(words) + 1).to(memory_format=torch.channels_last)
    train_pairs(judge, everything, look_up(every, words), steps=900, batch=192, seed=7)
    torch.manual_seed(1)
    clip = train_pairs(CLIP().to(memory_format=torch.channels_last), x, text, steps=1200, batch=128, seed=0).cpu()
    pictures, heard = 128**0.5 * seen_by(clip, x), 128**0.5 * clip.hear(text).detach()
    torch.manual_seed(0)
    painter = train_diffusion(new_painter(), x, {"text": text, "image": pictures}, steps=STEPS, plan=PLAN)
    prior = train_diffusion(new_prior(), pictures, {"heard": heard}, steps=3000, batch=256)
    facts = {"steps of the painter": f"{STEPS:,} of 64 pictures", "pictures": f"{len(x):,}, the training part"}
    return {"judge": judge.cpu(), "clip": clip, "painter": painter.cpu(), "prior": prior.cpu()}, facts


STEPS, PLAN = 3400, 4000  # it stops while the learning rate is still falling

# %% [markdown]
# Guidance, and words alone or with the imagined vector: both are settings, so we choose on the validation part (new concepts). This takes about 20 s.

# %%
steps = mm.per_profile(smoke=2, quick=12, full=30)


def condition_of(text, seed=0, with_prior=True):
    return {"text": text} | ({"image": imagine(clip, prior, text, seed)} if with_prior else {})


text = parts["valid"]["read"][: mm.per_profile(smoke=4, quick=90, full=None)]
for with_prior in (False, True):
    for guidance in (1.0, 3.0):
        x = paint(painter, condition_of(text, with_prior=with_prior), steps=steps, guidance=guidance)
        passed = bootstrap_interval(np.mean, marks(x, range(len(x)), "valid"))
        print(f"{'words and vector' if with_prior else 'words alone':16}  guidance {guidance:g}: {passed}")

# %% [markdown]
# The four lie within each other's intervals. We take the highest, guidance 3 with words and vector, and do not call it proved.

# %% [markdown] tags=["predict"]
# **Predict first.** Of 100 paintings of seen names, how many find their prompt among 100? Of new combinations? Of new concepts? And how many would copies of the nearest training name?

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 The examination
#
# Only now are the two tests opened. Prompts of each kind are drawn at random. This takes about 45 s.

# %%
COUNT = mm.per_profile(smoke=6, quick=120, full=400)
TITLES = {"train": "seen names", "combinations": "new combinations", "concepts": "new concepts"}
rows = {part: np.random.default_rng(15).permutation(len(parts[part]["names"]))[:COUNT] for part in TITLES}
results, painted = {}, {}
for part, some in rows.items():
    condition = condition_of(parts[part]["read"][some])
    painted[part] = paint(painter, condition, steps=steps)
    tries = {
        "pictures of another": parts[part]["x"][np.roll(some, 1)],
        "copy of the nearest name": parts["train"]["x"][copied(part, some)],
        "painter, no guidance": paint(painter, condition, steps=steps, guidance=1.0),
        "painter": painted[part],
        "real pictures": parts[part]["x"][some],
    }
    results[part] = {name: marks(x, some, part) for name, x in tries.items()}

# %% tags=["further"]
# with intervals over the prompts
bounds = {part: {name: bootstrap_interval(np.mean, hits) for name, hits in results[part].items()} for part in rows}
figure, grid = plt.subplots(1, 3, figsize=(12.5, 3.4), sharey=True)
for axes, (part, each) in zip(grid, bounds.items(), strict=True):
    for k, (name, bound) in enumerate(each.items()):
        error = [[bound.estimate - bound.low], [bound.high - bound.estimate]]
        color = plotting.COLORS[0] if name.startswith("painter") else "darkgray"
        axes.barh(k, bound.estimate, xerr=error, color=color, error_kw={"ecolor": "#222222", "capsize": 4})
        axes.text(bound.high + 0.02, k, f"{bound.estimate:.2f}", va="center", fontsize=12)
    axes.set(xlabel="finds its prompt among 100", xlim=(0, 1.25), xticks=(0, 0.5, 1), title=TITLES[part])
    axes.set_yticks(range(len(each)), list(each))
    axes.grid(False, axis="y")

# %% [markdown] tags=["alt"]
# *Figure: share of pictures that find their own prompt among 100, for seen names, new combinations and new concepts. Real pictures are highest and pictures of another prompt lowest, near zero.
# Between them, in blue, the painter without and with guidance, and the copy of the nearest name. The painter is best on new combinations and poorest on new concepts, where the copy stands above it.*

# %%
found = {part: each["painter"] for part, each in bounds.items()}
mm.claim("15.1", "seen names: paintings find their prompt among 100", found["train"], margin=0.60)
mm.claim("15.2", "new combinations: the same", found["combinations"], margin=0.35)
mm.claim("15.3", "new concepts: the same, ten times chance", found["concepts"], margin=0.10)
gains = {part: hits["painter"] - hits["painter, no guidance"] for part, hits in results.items()}
mm.claim("15.4", "guidance helps, from the same noise", bootstrap_interval(np.mean, np.concatenate([*gains.values()])))
for part, hits in results.items():
    gain = bootstrap_interval(np.mean, hits["painter"] - hits["copy of the nearest name"])
    print(f"{TITLES[part]}: painter minus copy {gain:+}")

# %% [markdown]
# **New combinations pass most often**, and more often than copies of their nearest relative: the painter puts together a figure and a tone that it never saw together. They pass even more often
# than seen names. One likely reason: all of them have relatives, while many a seen name (*black nib*) is the only one of its kind.
#
# **New concepts** pass many times as often as chance, but the copy passes more often: one clean picture of something similar is worth more to the judge than a mixture of what half-known
# words say. (For *seen* names the copier may not use the prompt's own picture; if it might, it would stand where the real ones stand.)

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask what a painter would have to do to be called creative, and what could be measured of it.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 Did it learn by heart?
#
# For a *seen* name, what the painter hands in might be the training picture itself. Compare each painting with all training pictures.
#
# ### Exercise 15.5 ●●○ 8 min
# Write `nearest(pictures, known)`: `pictures` float tensor (N, C, H, W), `known` float tensor (M, C, H, W). Return the pair `(rows, distance)`:
# int tensor (N,), for each picture the row of `known` with the smallest root mean squared difference over all C·H·W numbers, and that difference, float tensor (N,).
# Example: one picture of zeros, `known` all 3 and all -1: row 1, distance 1.0.
# <details><summary>Hint: the idea</summary>Flatten the pictures. torch.cdist gives the roots of summed squares; the mean divides by the number of numbers before the root.</details>
# <details><summary>Hint: pseudocode</summary>d = cdist of both flattened, divided by the square root of C H W; take the minimum along axis 1: its index and its value.</details>


# %% tags=["exercise"]
def nearest(pictures, known):
    ### BEGIN SOLUTION
    distance = torch.cdist(pictures.flatten(1), known.flatten(1)) / pictures[0].numel() ** 0.5
    smallest = distance.min(1)
    return smallest.indices, smallest.values
    ### END SOLUTION


# %%
check.ex15_5(nearest)

# %% [markdown]
# Distances mean little alone, so print beside them how far a *training* picture is from its nearest fellow, and a *real* test picture from the training part.


# %%
def neighbour(x, leave=None):
    """Row of the nearest training picture and the root mean squared difference; `leave` (N,): rows left out."""
    squares = torch.cdist(x.flatten(1), parts["train"]["x"].flatten(1)) ** 2 / (3 * 32 * 32)
    if leave is not None:
        squares[torch.arange(len(x)), torch.as_tensor(leave)] = torch.inf
    values, rows = squares.min(1)
    return rows, values.sqrt()


same, near = neighbour(painted["train"])
print(f"seen: nearest is the prompt's own picture in {(same.numpy() == rows['train']).mean():.0%}")
ours, theirs = near.median(), neighbour(parts["train"]["x"][rows["train"]], rows["train"])[1].median()
print(f"median distance to it {ours:.2f}; from a training picture to the next one {theirs:.2f}")
for part in ("combinations", "concepts"):
    x = parts[part]["x"][rows[part]]
    blend = (parts["train"]["x"][: len(x)] + parts["train"]["x"][len(x) : 2 * len(x)]) / 2
    far, real, mixed = (neighbour(each)[1].median() for each in (painted[part], x, blend))
    print(f"{TITLES[part]}: median distance {far:.2f}; from a real picture {real:.2f}; from a blend of two {mixed:.2f}")

# %% [markdown]
# A large part of the paintings of seen names have that name's own picture as their nearest, among thousands; siblings of one family differ by little, so many others land on a sibling. New
# combinations lie a little farther from the nearest training picture than the real ones do: they are not copies of it, yet near to their family. Small distances prove little (even a blend of two pictures is near to something),
# so ask the painter directly: how well does it guess the velocity with the right prompt, another's, and none?


# %%
@torch.no_grad()
def velocity_error(part, prompt, count=100):
    """Mean squared error of the velocity on pictures of a part: with the "right" prompt, "another's", or "none"."""
    rows_ = np.random.default_rng(1).permutation(len(parts[part]["names"]))[:count]
    x, text = parts[part]["x"][rows_], parts[part]["read"][rows_ if prompt == "right" else np.roll(rows_, 1)]
    chance = torch.Generator().manual_seed(0)
    t, noise = torch.rand(len(x), generator=chance), torch.randn(x.shape, generator=chance)
    guess = painter.velocity(painter.mix(x, noise, t), t, {} if prompt == "none" else {"text": text})
    return (guess - (noise - x)).square().mean().item()


for part in ("train", "valid"):
    errors = {prompt: velocity_error(part, prompt) for prompt in ("right", "another's", "none")}
    print(f"{part}: " + ", ".join(f"{prompt} prompt {error:.3f}" for prompt, error in errors.items()))

# %% [markdown]
# On *training* pictures the right prompt helps much and another's hurts much: it knows which picture belongs to which name. On pictures of new concepts the right prompt helps hardly at all, and even without any prompt the
# guess is worse than on training pictures: the words say little there, and the pictures are new too. A few thousand pictures are few.

# %% [markdown]
# Now look at them.


# %% tags=["further"]
def gallery(part, count=6, seed=3):
    """Painting, nearest training picture and truth for some prompts."""
    keep = np.random.default_rng(seed).permutation(len(rows[part]))[:count]
    by_pixels = neighbour(painted[part][keep])[0]
    lines = painted[part][keep], parts["train"]["x"][by_pixels], parts[part]["x"][rows[part][keep]]
    figure, grid = plt.subplots(3, count, figsize=(1.3 * count, 4.7))
    show(grid, lines)
    for line, label in zip(grid, ("painted", "nearest in\ntraining", "truth"), strict=True):
        line[0].set_ylabel(label, fontsize=12)
    for spot, k in zip(grid[0], keep, strict=True):
        mark = results[part]["painter"][k]
        name = parts[part]["names"][rows[part][k]]
        spot.set_title("\n".join([*textwrap.wrap(name, 14)[:4], f"({mark:.2f})"]), fontsize=9)
    return figure


# %% [markdown]
# First seen names.

# %%
_ = gallery("train")

# %% [markdown] tags=["alt"]
# *Figure: six seen prompts, drawn at random, with the painting, the nearest training picture and the truth below each other; mark of the judge in brackets. Most paintings are close to the truth, some are mixtures.*

# %% [markdown]
# New combinations:

# %%
_ = gallery("combinations")

# %% [markdown] tags=["alt"]
# *Figure: six prompts of new combinations in the same three lines, drawn at random; mark of the judge in brackets.*

# %% [markdown]
# And new concepts.

# %%
_ = gallery("concepts")

# %% [markdown] tags=["alt"]
# *Figure: six prompts of new concepts in the same three lines, drawn at random. Few are like the truth; several look like some training picture of a similar name or colour.*

# %% [markdown]
# Your turn. Type a prompt of your own; four paintings from four noises, seconds each. At which guidance does the painter stop obeying and start exaggerating? Try *grinning face*, *sad cat*, *blue apple*, *dragon firefighter*.


# %% tags=["further"]
import ipywidgets


def easel(prompt, guidance, seed):
    if not prompt.strip():
        raise ValueError("type a prompt")
    text = read([prompt]).expand(4, -1)
    x = paint(painter, condition_of(text, seed), guidance=guidance, seed=seed)
    known = "a training name" if prompt.strip() in parts["train"]["names"] else "not a training name"
    titles = [known, *(f"noise {k}" for k in (2, 3, 4))]
    return plotting.images([((picture + 1) / 2).clamp(0, 1) for picture in x], titles)


_ = widgets.explore(
    easel,
    prompt=ipywidgets.Text(value="blue apple", description="prompt", continuous_update=False),
    guidance=(0.0, 6.0, 0.5),
    seed=(0, 20, 1),
)

# %% [markdown] tags=["alt"]
# *Figure: four paintings of "blue apple", which is not a training name, from four noises.*

# %% [markdown]
# The title says whether your prompt is a training name. Try a job with a tone, which it puts together well (section 7), and an animal with a job, which it never met in any pair.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: let the room name prompts, and before each one vote whether it will work. The votes soon follow a rule: shared words, shared templates.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# How does a machine paint a sentence? It turns the words into vectors in which like things lie near each other, starts from something without meaning (an empty list of codes, or noise), and goes in many small steps, each
# a guess, steered by the words, at what is missing. What it knows in parts it can put together anew, figure with tone; of a word it never met it paints little more than the nearest thing it knows.

# %% [markdown]
# ## What can go wrong
#
# - **The KL over the wrong axis**, or none at all: few codes live. Plot their use.
# - **Times (B,) times pictures (B, C, H, W)**: with unlucky shapes torch multiplies along the wrong axis without a word.
# - **Nothing hidden in training**: then there is no $v_\varnothing$, and guidance has nothing to walk away from.
# - **A judge who helped.** Candidates chosen by the judge, or a painter trained to please it, pass without being good.
# - **Last weights instead of their average**: paintings then change from one training step to the next.

# %% [markdown]
# ## What articles say, what is true
#
# - *"DALL-E 1 maximises the ELBO."* Not quite: its dVAE was trained with a KL weight of 6.6, and the transformer with weights 1/8 for text and 7/8 for codes.
# - *"DALL-E 2 needs its prior."* Its authors compare with painting from the text, or from the *text's* CLIP vector, which works too; the prior won their comparison. In ours (section 6) the
#   difference lies within the intervals.
# - *"FID tells how good the pictures are."* The Fréchet distance of features is biased upwards on few pictures, by an amount that depends on the model (Chong and Forsyth 2020). It also never asks whether a picture fits its prompt.

# %% [markdown]
# ## Three key points
#
# 1. Pictures can be written (codes, one after the other) or sculpted (noise, step by step); words condition either.
# 2. Guidance exaggerates the difference that the prompt makes: clearer, less varied, twice the work.
# 3. Judge with an instrument the painter never saw, beside copies of the nearest training name, and say which names were seen.

# %% [markdown]
# ## Quiz
#
# **1.** Guidance 3 raises the marks of your painter. What did it cost?
# <details><summary>A: nothing, since the weights stay the same</summary>The weights do, but each step now asks the network twice.</details>
# <details><summary>B: variety, and twice the work for each step</summary>Right. It draws from a sharper, narrower distribution than the data.</details>
# <details><summary>C: memory, as the network has to be twice as large</summary>One network gives both answers, with the prompt and without it.</details>
#
# **2.** A painter passes for 60 % of unseen names, copies of the nearest training name for 55 %. What do you say?
# <details><summary>A: a little better than copying, if the interval allows it</summary>Right. The copy is the rival; chance is not.</details>
# <details><summary>B: it understands 60 % of the names it has never seen before</summary>Most of that comes from names that are nearly training names.</details>
# <details><summary>C: it has learned the training pictures by heart, so it fails</summary>Not shown: compare pixels with the nearest training picture for that.</details>
#
# **3.** Why does the painter not learn to jump from noise to picture in one step?
# <details><summary>A: since the velocity at the start is a mean over many pictures</summary>Right. Where many fit, one long step ends at their mean, a blur; only on the way does the choice fall.</details>
# <details><summary>B: since one step has too few weights to draw the fine details</summary>The weights are the same in every step.</details>
# <details><summary>C: since Euler's steps get unstable once they are longer than 0.1</summary>Longer steps are less exact, but no such limit holds; short of one fitting picture, the first look is a blur.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# ### A GAN, for contrast
#
# A **generative adversarial network** (Goodfellow and others 2014) paints in *one* pass. A critic learns to tell real pairs of picture and prompt from painted ones; the painter learns to fool it. No likelihood, no steps: fast to draw, hard to train, since
# both chase each other, and apt to forget rare things. The loop of it (a few seconds):


# %% tags=["further"]
def flat(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 256), nn.LeakyReLU(0.2), nn.Linear(256, outputs))


torch.manual_seed(0)
forger, critic = nn.Sequential(flat(64 + 768, 3 * 256), nn.Tanh()), flat(3 * 256 + 768, 1)
small = functional.avg_pool2d(parts["train"]["x"], 2).flatten(1)
optimizers = [torch.optim.AdamW(net.parameters(), lr=3e-4, betas=(0.5, 0.99)) for net in (critic, forger)]

# %% [markdown]
# (The chase.)

# %% tags=["further"]
for _ in range(mm.per_profile(smoke=2, quick=150, full=5000)):
    rows_ = torch.randint(len(small), (64,))
    text = parts["train"]["read"][rows_]
    forged = forger(torch.cat([torch.randn(64, 64), text], 1))
    judged = [critic(torch.cat([x, text], 1)) for x in (small[rows_], forged.detach())]
    losses = [functional.softplus(-judged[0]).mean() + functional.softplus(judged[1]).mean()]
    optimizers[0].zero_grad()
    losses[0].backward()
    optimizers[0].step()
    losses.append(functional.softplus(-critic(torch.cat([forged, text], 1))).mean())
    optimizers[1].zero_grad()
    losses[1].backward()
    optimizers[1].step()
with torch.no_grad():
    forged = forger(torch.cat([torch.randn(len(SHOWN), 64), read(SHOWN)], 1)).view(-1, 3, 16, 16)
print(f"critic {losses[0].item():.2f} (fooled: {2 * math.log(2):.2f}), forger {losses[1].item():.2f}")
plotting.images([(x + 1) / 2 for x in forged[:4]], SHOWN[:4])

# %% [markdown] tags=["alt"]
# *Figure: the forger's pictures at 16 x 16 pixels: coloured specks, hardly a shape.*

# %% [markdown]
# ## References
#
# - Chong, M. J., Forsyth, D. (2020). Effectively unbiased FID and Inception Score and where to find them. CVPR.
# - Esser, P. and others (2024). Scaling rectified flow transformers for high-resolution image synthesis. ICML.
# - Goodfellow, I. and others (2014). Generative adversarial nets. NeurIPS.
# - Ho, J., Salimans, T. (2022). Classifier-free diffusion guidance. arXiv:2207.12598.
# - Jang, E., Gu, S., Poole, B. (2017). Categorical reparameterization with Gumbel-softmax. ICLR.
# - Lipman, Y. and others (2023). Flow matching for generative modeling. ICLR.
# - Ramesh, A. and others (2021). Zero-shot text-to-image generation. ICML.
# - Ramesh, A. and others (2022). Hierarchical text-conditional image generation with CLIP latents. arXiv:2204.06125.
