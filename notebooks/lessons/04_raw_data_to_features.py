# %% [markdown]
# # 4 From raw data to features
#
# **How much of the learning can you do before the learning starts?** · 90 minutes · needs lesson 3
#
# ![Text becomes tokens and weighted counts, a picture becomes gradients and histograms, a sound becomes frames and mel bands; each ends as one row of numbers, as does what a pretrained network makes of text or pictures, and a small model reads the row](flow: text -> tokens -> TF-IDF -> a row of numbers; picture -> gradients -> HOG -> a row of numbers; sound -> mel bands -> MFCC -> a row of numbers; text or picture -> pretrained network -> learned features -> a row of numbers; a row of numbers -> small model)
#
# In lessons 1 to 3 somebody had already turned reviews into counts and voices into 13 numbers a moment. Now you do it
# yourself, for text, pictures and sound; for pictures you also measure what it is worth in labels. (The next cell loads
# the libraries, which takes about 15 s.)

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import check, plotting, representation, widgets

mm.setup(seed=0)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What a computer gets to see
#
# Here is a panda as a word, as a picture and as a sound (spoken by a synthesiser, as all speech in this lesson). What
# arrives is a row of numbers each time. (Code that only loads or draws is folded in this lesson; you need not read it.)

# %% tags=["further"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import Audio, display
from scipy.signal import resample_poly
from torchvision.transforms import v2

from mmcourse.data.voice import speak
from mmcourse.metrics import bootstrap_interval, interval

table, emoji = mm.data.table("emoji"), mm.load("emoji")


def one_per_family(split):
    """Pictures (N, 3, 48, 48), group numbers (N,) and names (N,), without skin tones and other variants."""
    inputs, group = split.arrays()
    rows = np.sort(np.unique(split.groups, return_index=True)[1])
    return torch.tensor(inputs["image"][rows]), group[rows], np.array(inputs["text"])[rows]


def say(text, rate=8000):
    """Speak a text at `rate` samples a second."""
    samples, original = speak(text)
    return resample_poly(samples, rate // 50, original // 50).astype(np.float32)


# %% tags=["further"]
def move(image):
    """Move a picture 6 pixels down; white comes in from above."""
    return v2.functional.affine(image, 0, [0, 6], 1, [0], fill=1.0)


pictures, groups, names = one_per_family(emoji.train)
panda, voice = pictures[list(names).index("panda")], say("panda")
print("word:   ", list(b"panda"), " the bytes of its letters")
print("picture:", (255 * panda[:, 24, 20:26]).int().flatten().tolist(), f" and {panda.numel() - 18} more")
print("sound:  ", " ".join(f"{value:.2f}" for value in voice[1500:1508]), f" and {len(voice) - 8} more")
display(Audio(voice, rate=8000))
plotting.images([panda, move(panda)], ["panda", "moved by 6 pixels"])

# %% [markdown] tags=["alt"]
# *Figure: the face of a panda, and the same face a little further down.*

# %% [markdown] tags=["predict"]
# **Predict first.** We move the panda six pixels down and compare it, pixel by pixel, with where it was. We do the same
# with 200 other emoji that stay where they are. How many of them look *more* like the panda than the panda itself does:
# none, a few, or more than half?


# %%
def closer(image, features):
    """Count which of 200 other emoji lie closer to a picture than its moved copy does."""
    rows = features(torch.cat([image[None], move(image)[None], others]))
    distance = torch.linalg.norm(rows - rows[0], dim=1)  # Euclidean, of each row from the first
    return int((distance[2:] < distance[1]).sum())


def pixels(images):
    """Every picture as one long row."""
    return images.flatten(1)


others = pictures[np.random.default_rng(0).choice(np.flatnonzero(names != "panda"), 200, replace=False)]
print(f"closer than the moved panda, pixel by pixel: {closer(panda, pixels)} of 200 others")
typical = np.median([closer(image, pixels) for image in pictures[::10]])
print(f"the same for every tenth emoji, in the middle: {typical:.0f} of 200")

# %% [markdown]
# To you nothing has happened. To a model that compares numbers one by one, the panda has become something else; other
# emoji suffer less, but few come out clean. Meaning is not in the numbers; it is in how they belong together. A
# **feature** is a number computed from raw data that keeps what matters and drops what does not. It can be somebody's
# knowledge written down (which words are rare, what an edge is, how ears hear), or borrowed from a network that has
# learned it elsewhere. This lesson writes features down for text, pictures and sound, and borrows them for the first two.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: take the guesses about the panda by show of hands. Those who say "none" compare meanings, not
# numbers; let them find out themselves which black pixels now meet white ones.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 Text
#
# Text is cleaned, cut into **tokens** (here: words of two letters or more), and often shortened further: **stemming**
# cuts endings off, and **stop words** such as *the* and *is* are left out.

# %%
messy = "It's the <b>BEST</b> film I&#39;ve seen: not boring, beautifully filmed! http://example.org"
cleaned = representation.clean(messy)
tokens = representation.tokenise(cleaned)
print("clean:      ", cleaned)
print("tokens:     ", tokens)
print("stems:      ", representation.stem(tokens))
print("no stop words:", representation.stem(representation.remove_stop_words(tokens)))

# %% [markdown]
# Each step decides what may be forgotten. *Film* and *filmed* have become one, which is what we wanted. But *not*
# stands on the list of stop words: the last line calls the film boring. For film reviews you would keep it.
#
# Count how often each word of the vocabulary occurs in each text, and you have the **bag of words**: one row a text,
# one column a word, the order forgotten.

# %%
import pandas as pd

reviews = ["the film is a great film", "the film is a mess", "the cast is great"]
counts = representation.bag_of_words(reviews).toarray()
pd.DataFrame(counts, index=reviews, columns=representation.vocabulary(reviews))

# %% [markdown] slideshow={"slide_type": "slide"}
# *The* and *is* are everywhere and tell nothing; *mess* occurs once and tells a lot. **TF-IDF** (term frequency,
# inverse document frequency; Spärck Jones 1972) weighs word $w$ in text $d$ by how rare it is among the $n$ texts:
#
# $$\text{weight}(w, d) = \text{count}(w, d) \cdot \left(\ln \frac{1 + n}{1 + \text{df}(w)} + 1\right)$$
#
# where $\text{df}(w)$ is the number of texts that hold $w$ at least once. Each row is then divided by its Euclidean
# length (the square root of the sum of its squares), so that long texts do not win by length.

# %%
two = ["cat sat", "cat cat"]
print("counts:\n", representation.bag_of_words(two).toarray())
print("TF-IDF:\n", representation.tfidf(two).toarray().round(3))

# %% [markdown]
# ### Exercise 4.1 ●●○ 10 min
# Write `tfidf_rows`: from counts `(N, V)`, an integer array of N texts and V words, to TF-IDF weights `(N, V)`, floats.
# For the counts printed above a right answer gives the weights printed below them. Every word occurs somewhere. A text
# without any word (a row of zeros) stays a row of zeros.
# <details><summary>Hint: the idea</summary>One number for each word (each column) tells how rare it is; df counts texts, not occurrences. The length belongs to each row.</details>
# <details><summary>Hint: pseudocode</summary>n = number of rows. df = for each column, in how many rows the count is above 0. idf = log((1 + n) / (1 + df)) + 1. weights = counts times idf. length of each row = square root of the sum of squares, kept as a column; where it is 0, take 1. Divide.</details>


# %% tags=["exercise"]
def tfidf_rows(counts):  # (N, V) -> (N, V)
    ### BEGIN SOLUTION
    df = (counts > 0).sum(axis=0)
    weights = counts * (np.log((1 + len(counts)) / (1 + df)) + 1)
    length = np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return weights / np.where(length > 0, length, 1)
    ### END SOLUTION


# %%
check.ex4_1(tfidf_rows)

# %% [markdown]
# The package's `tfidf` does the same with sparse matrices, which store only what is not zero. Five hundred real film
# reviews, beside scikit-learn:

# %%
from sklearn.feature_extraction.text import TfidfVectorizer

snippets = mm.load("movie_reviews").train.arrays()[0]["text"][:500].tolist()
ours, theirs = representation.tfidf(snippets), TfidfVectorizer().fit_transform(snippets)
assert np.allclose(ours.toarray(), theirs.toarray())
print(f"{ours.shape[0]} reviews, {ours.shape[1]} words; {1 - ours.nnz / np.prod(ours.shape):.1%} of the table is zero")

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Where counts fail
#
# How alike are two texts? The usual measure is the **cosine** of the angle between their rows: 1 for the same
# direction, 0 for nothing in common. Counts cannot know that *film* and *movie* mean the same. A table of **static word
# vectors** can: each word has one row of numbers, learned so that words used in the same company lie close.

# %%
for word in ("film", "cheap", "easy"):
    print(f"{word:7}", [f"{near} {cosine:.2f}" for near, cosine in representation.nearest_words(word, k=5)])

# %% [markdown]
# Look for opposites in the last two rows: same company is not same meaning. (*mov* and *filme* are there because this
# table comes from a language model, which knows pieces of words, and words of many languages.) The vectors of a text
# are averaged, to give it one row.
#
# A **transformer** reads the text as a sequence of pieces, and lets every piece look at all others (lesson 5 builds
# it). Words it does not know are cut into pieces it does.

# %%
from transformers import AutoTokenizer

tokeniser = AutoTokenizer.from_pretrained(mm.data.prepare("minilm"), local_files_only=True)
for text in ("a wonderful movie", "unwatchable claptrap", "spectrogram"):
    print(f"{text:22}", tokeniser.tokenize(text))

# %% [markdown] tags=["predict"]
# **Predict first.** Five sentences: 1 *a great film*, 2 *what a wonderful movie*, 3 *a great mess*, 4 *the dog bit the
# man*, 5 *the man bit the dog*. For which pair does each of the three (TF-IDF, averaged word vectors, transformer) say
# the most foolish thing?

# %% tags=["further"]
import seaborn as sns

sentences = ["a great film", "what a wonderful movie", "a great mess", "the dog bit the man", "the man bit the dog"]
averages = representation.mean_pool(*representation.word_vectors(sentences))
spaces = {
    "TF-IDF": torch.tensor(representation.tfidf(sentences).toarray()),
    "averaged word vectors": torch.nn.functional.normalize(averages, dim=1),
    "transformer": representation.sentence_vectors(sentences),
}
figure, grid = plt.subplots(1, 3, figsize=(9.2, 2.4), sharey=True)
for axes, (name, rows) in zip(grid, spaces.items(), strict=True):
    cosines = (rows @ rows.T).numpy().round(2) + 0.0
    sns.heatmap(
        cosines, vmin=0, vmax=1, annot=True, fmt=".2f", cmap="crest", cbar=False, annot_kws={"size": 9}, ax=axes
    )
    axes.set_title(name, fontsize=12)
    axes.set_xticklabels(range(1, 6))
_ = grid[0].set_yticklabels([f"{text}  {number}" for number, text in enumerate(sentences, 1)], rotation=0)

# %% [markdown] tags=["alt"]
# *Figure: three tables of cosines between the five sentences, numbered 1 to 5. In the first, the two praising sentences
# have nothing in common, while the two about man and dog are identical. In the second, the praises are alike, and man
# and dog still identical. In the third, the two praises are much closer to each other than either is to the mess; man
# and dog come close to 1, but are no longer the same.*

# %% [markdown]
# TF-IDF finds *film* and *movie* unrelated, and cannot tell who bit whom. Word vectors cure the first and not the
# second: an average forgets the order, as counts do. The transformer can tell the two bites apart, barely: it was
# trained to find texts about the same thing. Every feature answers the question that it was made for.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: ask for a task in which the third table is the wrong one. (Who is the victim? Is the review ironic?)
# A feature is good or bad for a question only.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 Pictures
#
# Networks want pictures of one size and of the brightness they were trained on: **resize**, **crop**, and **normalise**
# (subtract the average colour of the training pictures, divide by their spread). torchvision's transforms chain such
# steps. Here are the first two; the network further down gets the third as well.

# %%
from skimage import data as photographs

photo = torch.tensor(photographs.chelsea()).permute(2, 0, 1)  # a cat in bytes; permute puts the colours first
small = v2.Compose([v2.Resize(128), v2.CenterCrop(112), v2.ToDtype(torch.float32, scale=True)])(photo)
print(f"{photo.dtype} {tuple(photo.shape)} -> {small.dtype} {tuple(small.shape)}")

# %% [markdown]
# ### Edges: the histogram of oriented gradients
#
# The colour of a thing changes with the light; its outline does not. The **gradient** of a pixel is the difference of
# its neighbours, to the right and downwards: its length says how strong an edge is, its angle where the edge faces. HOG
# (Dalal and Triggs 2005) cuts the picture into **cells** of 8 by 8 pixels. In each cell, every pixel votes for its
# angle with its length. Light on dark or dark on light is all the same, so angles run from 0 to 180 degrees only.


# %%
def gradients(grey):
    """Length and angle (degrees, from 0 up to but not including 180) of the gradient at each pixel, both (H, W)."""
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[1:-1] = grey[2:] - grey[:-2]
    right[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    return np.hypot(right, down), np.rad2deg(np.arctan2(down, right)) % 180


grey = v2.functional.rgb_to_grayscale(small)[0].numpy().astype(float)
length, angle = gradients(grey)
print("lengths:", length[30, 40:45].round(3), " angles:", angle[30, 40:45].round(0))

# %% [markdown]
# ### Exercise 4.2 ●○○ 5 min
# Write `cell_histogram`: nine numbers, the votes of one cell. Number 0 collects angles from 0 up to, but not including,
# 20 degrees, number 1 from 20 up to 40, and so on. `length` and `angle` are float arrays `(8, 8)`; the result has shape
# `(9,)`. If all 64 gradients have length 0.5 and angle 55, a right answer is 32 at number 2 and zero elsewhere.
# <details><summary>Hint: the idea</summary>The number of an angle is how many whole times 20 fits into it. The vote is the length, not 1.</details>
# <details><summary>Hint: pseudocode</summary>number = angle divided by 20, rounded down, as an integer. For k from 0 to 8: add up the lengths of the pixels whose number is k.</details>


# %% tags=["exercise"]
def cell_histogram(length, angle):  # (8, 8), (8, 8) -> (9,)
    ### BEGIN SOLUTION
    number = (angle // 20).astype(int)
    return np.array([length[number == k].sum() for k in range(9)])
    ### END SOLUTION


# %%
check.ex4_2(cell_histogram)

# %% [markdown]
# One step is left: neighbouring cells form overlapping **blocks** (3 by 3 cells), and each block is scaled to length 1,
# cut off at 0.2 and scaled again, so that a shadow across the picture changes little. The two folded cells hold all of
# it, and compare with scikit-image, which also draws it. The package's `hog` takes batches of colour pictures.


# %% tags=["further"]
def hog(grey, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(3, 3)):
    """Histograms of oriented gradients of one grey picture: (H, W) -> (F,)."""
    length, angle = gradients(np.asarray(grey, dtype=float))
    (high, wide), (rows, columns) = pixels_per_cell, cells_per_block
    down, across = length.shape[0] // high, length.shape[1] // wide
    cells = np.zeros((down, across, orientations))
    for r, c in np.ndindex(down, across):
        cell = slice(r * high, (r + 1) * high), slice(c * wide, (c + 1) * wide)
        cells[r, c] = np.histogram(angle[cell], orientations, (0, 180), weights=length[cell])[0] / (high * wide)
    blocks = []
    for r, c in np.ndindex(down - rows + 1, across - columns + 1):
        block = cells[r : r + rows, c : c + columns].ravel()
        for limit in (0.2, np.inf):
            block = np.minimum(block / np.sqrt((block**2).sum() + 1e-10), limit)
        blocks.append(block)
    return np.concatenate(blocks)


# %% tags=["further"]
from skimage.feature import hog as skimage_hog

theirs, drawn = skimage_hog(grey, visualize=True)
assert np.allclose(hog(grey), theirs, atol=1e-6)
assert np.allclose(representation.hog(torch.tensor(grey)), theirs, atol=1e-6)
print(f"{grey.size} pixels -> {len(theirs)} numbers, equal to scikit-image")
shown = [small, length / length.max(), np.sqrt(drawn / drawn.max())]
plotting.images(shown, ["resized, cropped", "gradient length", "HOG"])

# %% [markdown] tags=["alt"]
# *Figure: three pictures of a cat: the square middle of the photograph, the lengths of its gradients as bright outlines
# on black, and HOG as a grid of little stars whose strokes run along the edges of eyes and nose.*

# %% [markdown]
# Nearly as many numbers as pixels: HOG does not make the row short. A cell has only nine numbers for its 64 pixels, but
# it stands in up to nine blocks, each time scaled differently. What is new is not *how much* is compared but *what*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Key points, and a borrowed network
#
# HOG keeps the grid. **SIFT** (Lowe 2004) looks for *key points*, corners and blobs that would be found again after the
# picture was moved, turned or resized, and describes the surroundings of each by 128 numbers. We cut the cat out twice,
# the second time from elsewhere and turned by 20 degrees, and match descriptors.

# %% tags=["further"]
from skimage.feature import match_descriptors

scene = representation.resize(photo.float() / 255, (200, 300))
turned = v2.functional.rotate(scene, 20, v2.InterpolationMode.BILINEAR)
views = [scene[:, 20:180, 60:220], turned[:, 25:185, 80:240]]
(places, described), (places2, described2) = (representation.sift(view) for view in views)
pairs = match_descriptors(described.numpy(), described2.numpy(), max_ratio=0.6)
figure, axes = plt.subplots(figsize=(3.7, 1.8))
axes.imshow(torch.cat([views[0], torch.ones(3, 160, 20), views[1]], dim=2).mean(dim=0), cmap="gray")
for found, left in ((places, 0), (places2, 180)):
    axes.plot(found[:, 1] + left, found[:, 0], "o", markersize=3, fillstyle="none", color="white", markeredgewidth=0.8)
for i, j in pairs[::3]:
    axes.plot([places[i, 1], places2[j, 1] + 180], [places[i, 0], places2[j, 0]], color=plotting.COLORS[4], linewidth=1)
axes.set_axis_off()
print(f"{len(places)} and {len(places2)} key points, {len(pairs)} pairs match (every third one is drawn)")

# %% [markdown] tags=["alt"]
# *Figure: two views of the cat side by side, the right one turned. Small circles mark key points, most of them on eyes,
# nose, whiskers and fur. Lines join those that match; nearly all lead to the same spot of the cat.*

# %% [markdown]
# Or ask somebody who has already looked at a million photographs: a convolutional network (**CNN**, lesson 5) trained
# on ImageNet. Its last layer names one of 1,000 classes. The layer before it, 1,280 numbers, is a description that
# serves other tasks too.

# %%
from torchvision.models import EfficientNet_B0_Weights

from mmcourse.representation.efficientnet import efficientnet_lite

classes = EfficientNet_B0_Weights.IMAGENET1K_V1.meta["categories"]  # the names only; nothing is downloaded
ready = representation.normalise(representation.resize(scene, 224))  # the third step: normalise
with torch.inference_mode():  # we only use the network: no gradients needed
    chances = efficientnet_lite()(ready[None]).softmax(1)[0]  # softmax turns scores into shares that add up to 1
print([f"{classes[i]} {chances[i]:.2f}" for i in chances.topk(3).indices.tolist()])
shallow = {"pixels": pixels, "HOG": representation.hog}
shallow["CNN"] = lambda images: representation.cnn_features(images, size=64)
for name, features in shallow.items():
    print(f"{name:7}{closer(panda, features):4d} of 200 emoji are closer to the panda than its moved copy")

# %% [markdown]
# The network knows a photographed cat when it sees one. And the moved panda is again close to itself. HOG forgives a
# part of the move: a cell forgets where in it an edge lies, and an outline that leaves its cell has the same direction
# in the next. The network forgives more. It cannot have learned that from one panda: it brought the knowledge along.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Sound
#
# A sound is air pressure, here 8,000 times a second. First the housekeeping: cut off the silence at both ends
# (**trim**), and bring all clips to the same **loudness**. The *power* of a clip is the mean of its squared samples.
# Ears hear ratios of powers, so loudness is counted in **decibels** (dB): ten times the logarithm, to base 10, of the
# power. Power 1 is then 0 dB, a tenth is -10 dB, a hundredth -20 dB.

# %%
word = torch.tensor(np.pad(say("strawberry"), 2400))  # 0.3 s of silence on both sides
sound = representation.normalise_loudness(
    representation.trim(word, top_db=45, frame_length=256, hop_length=64), level=-20
)
for name, samples in (("as recorded", word), ("trimmed, -20 dB", sound)):
    level = 10 * samples.square().mean().log10()
    print(f"{name:16}{len(samples) / 8000:.2f} s, {level:.1f} dB")
display(Audio(sound.numpy(), rate=8000))

# %% [markdown]
# Which frequencies sound when? Take a short piece, a **frame**, here of 512 samples, and fade it in and out (a *window*),
# since a hard cut would click. The **Fourier transform** says how much of each frequency is in it. A test with two pure
# tones, 500 and 1,500 Hz (hertz, vibrations a second), the second half as high:

# %%
moment, window = np.arange(512) / 8000, 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
tone = np.sin(2 * np.pi * 500 * moment) + 0.5 * np.sin(2 * np.pi * 1500 * moment)
power = np.abs(np.fft.rfft(tone * window)) ** 2
frequencies = np.fft.rfftfreq(512, 1 / 8000)  # the 257 frequencies of a frame: 0, 15.625, ... 4000 Hz
figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 1.9))
left.plot(1000 * moment[:80], tone[:80])
left.set(xlabel="milliseconds", ylabel="two tones")
right.plot(frequencies, power / power.max())
_ = right.set(xlabel="hertz", ylabel="power", xlim=(0, 2500))

# %% [markdown] tags=["alt"]
# *Figure: left, ten milliseconds of a wave with a ripple on it; right, its power spectrum: one narrow peak at 500 Hz, one
# of a quarter of its height at 1,500 Hz, nothing between.*

# %% [markdown]
# Why *power*, the square? Because powers add up: those of all frequencies together give the power of the frame. Half the
# height is a quarter of the power, 6 dB less. The **short-time Fourier transform** (STFT) does this for overlapping
# frames, one every 128 samples. Drawn over time, it is the **spectrogram**.
#
# Ears tell low frequencies apart finely and high ones coarsely: 200 and 300 Hz sound far apart, 3,500 and 3,600 nearly
# alike. The **mel** scale imitates this: even steps up to 1,000 Hz, even ratios above. A bank of triangular filters,
# evenly spaced in mel, sums the power in bands. Each has area 1, so that a wide band is not louder only for its width.

# %%
bank = representation.mel_filters(8000, n_fft=512, n_mels=10).numpy()
print("ten triangles:", bank.shape, " area of each (sum times 15.625 Hz):", (bank.sum(axis=1) * 15.625).round(2))

# %% [markdown]
# ### Exercise 4.3 ●●○ 10 min
# Write `triangle`: one filter of that bank. It rises in a straight line from 0 at `left` to its peak at `centre`, falls
# to 0 at `right`, is 0 elsewhere, and has **area 1**. `frequencies` is a float array `(F,)`, the three others are
# numbers, all in hertz; the result has shape `(F,)`. `triangle(np.array([0, 50, 100, 250, 400]), 0, 100, 400)` is `[0,
# 0.0025, 0.005, 0.0025, 0]`.
# <details><summary>Hint: the idea</summary>Two straight lines, one rising and one falling; the triangle is the smaller of both, and never below 0. How high is a triangle of this width and of area 1?</details>
# <details><summary>Hint: pseudocode</summary>rising = how far beyond left, as a share of the way from left to centre. falling = how far before right, as a share of the way from centre to right. Take the smaller of the two, at least 0, times the height 2 / (right - left).</details>


# %% tags=["exercise"]
def triangle(frequencies, left, centre, right):  # (F,), three numbers -> (F,)
    ### BEGIN SOLUTION
    rising = (frequencies - left) / (centre - left)
    falling = (right - frequencies) / (right - centre)
    return np.maximum(np.minimum(rising, falling), 0) * 2 / (right - left)
    ### END SOLUTION


# %%
check.ex4_3(triangle)

# %% [markdown] slideshow={"slide_type": "slide"}
# The last step asks for the *shape* of each moment's spectrum. Take the mel bands in decibels, $d_0 \dots d_{M-1}$, and
# write them as a sum of cosine waves: slow waves hold the broad shape (which vowel), fast ones the fine ripple (the
# voice's pitch). The **mel-frequency cepstral coefficients** (MFCCs, Davis and Mermelstein 1980) are how much there is
# of the first few:
#
# $$c_k = s_k \sum_{m=0}^{M-1} d_m \cos\left(\frac{\pi k}{M}\left(m + \tfrac12\right)\right), \qquad
# s_0 = \sqrt{1/M}, \quad s_k = \sqrt{2/M} \;\text{ for } k \ge 1$$

# %%
decibel = representation.to_decibel(representation.mel_spectrogram(sound, 8000, n_fft=512, hop_length=128, n_mels=40))
coefficients = representation.mfcc(sound, 8000, n_mfcc=13, n_fft=512, hop_length=128, n_mels=40)
print(f"mel bands {tuple(decibel.shape)} -> MFCCs {tuple(coefficients.shape)}")
print("moment 20 begins:", coefficients[:4, 20].numpy().round(2))

# %% [markdown]
# ### Exercise 4.4 ●●○ 10 min
# Write `cepstrum`: the formula above. `decibel` is a float array `(M, T)`, one column a moment; the result has shape
# `(count, T)`. `cepstrum(decibel.numpy(), 4)[:, 20]` gives the four numbers printed above (up to rounding).
# <details><summary>Hint: the idea</summary>For each k, the cosine is one row of M numbers, the same for all moments. Put the rows on top of each other, and the sum over m is a matrix product.</details>
# <details><summary>Hint: pseudocode</summary>k = column of 0 ... count - 1. m = row of 0 ... M - 1. waves = cos(pi * k / M * (m + 1/2)), shape (count, M). Scale the first row by the root of 1/M and the others by the root of 2/M. Multiply by decibel.</details>


# %% tags=["exercise"]
def cepstrum(decibel, count):  # (M, T), number -> (count, T)
    ### BEGIN SOLUTION
    bands = len(decibel)
    waves = np.cos(np.pi * np.arange(count)[:, None] / bands * (np.arange(bands) + 0.5))
    scale = np.where(np.arange(count) == 0, np.sqrt(1 / bands), np.sqrt(2 / bands))
    return scale[:, None] * waves @ decibel
    ### END SOLUTION


# %%
check.ex4_4(cepstrum)

# %% [markdown]
# The folded cell goes from samples to MFCCs in eight lines and compares with librosa, the library that most people use.
# (SciPy's `dct` is the cosine transform you just wrote.) Below it, the same word at each station. Dark is loud; in the
# last picture red is above a coefficient's average, blue below.

# %% tags=["further"]
import librosa
from scipy.fft import dct


def mfcc(samples, sample_rate, n_mfcc=13, n_fft=512, hop_length=128, n_mels=40):
    """MFCCs of one clip: (N,) -> (n_mfcc, 1 + N // hop_length)."""
    padded = np.pad(samples, n_fft // 2)
    frames = np.array([padded[start : start + n_fft] for start in range(0, len(samples) + 1, hop_length)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    mel = power @ representation.mel_filters(sample_rate, n_fft=n_fft, n_mels=n_mels).numpy().T
    loudness = 10 * np.log10(np.maximum(mel, 1e-10))  # decibels; silence is -100
    loudness = np.maximum(loudness, loudness.max() - 80)  # nobody hears what is 80 dB below the loudest
    return dct(loudness, norm="ortho")[:, :n_mfcc].T


cut = {"n_mfcc": 13, "n_fft": 512, "hop_length": 128, "n_mels": 40}
theirs = librosa.feature.mfcc(y=sound.double().numpy(), sr=8000, **cut)
assert np.allclose(mfcc(sound.double().numpy(), 8000), theirs, atol=1e-4)
assert np.allclose(representation.mfcc(sound.double(), 8000, **cut), theirs, atol=1e-4)

# %% tags=["further"]
end, look = len(sound) / 8000, {"aspect": "auto", "origin": "lower", "interpolation": "nearest"}
spectrum = representation.to_decibel(representation.stft(sound, n_fft=512, hop_length=128).abs().square())
hertz = representation.mel_to_hertz(representation.hertz_to_mel(torch.tensor(4000.0)) * torch.linspace(0, 1, 5))
figure, grid = plt.subplots(2, 2, figsize=(8.6, 4.4))
(wave_axes, stft_axes), (mel_axes, mfcc_axes) = grid
wave_axes.plot(np.arange(len(sound)) / 8000, sound, linewidth=0.6)
wave_axes.set(title="1 waveform", ylabel="amplitude", xlim=(0, end))
wave_axes.annotate("s", (0.03, 0.02), (0.03, 0.5), ha="center", arrowprops={"arrowstyle": "->", "color": "black"})
drawn = stft_axes.imshow(spectrum, extent=(0, end, 0, 4), vmin=-50, **look)
stft_axes.set(title="2 spectrogram (STFT)", ylabel="frequency (kHz)")
mel_axes.imshow(decibel, extent=(0, end, 0, 40), **look)
mel_axes.set(title="3 forty mel bands", ylabel="band (up to Hz)", xlabel="seconds", yticks=range(0, 41, 10))
mel_axes.set_yticklabels([f"{band} ({top:.0f})" for band, top in zip(range(0, 41, 10), hertz, strict=True)])
scaled = (coefficients - coefficients.mean(1, keepdim=True)) / coefficients.std(1, keepdim=True)
mfcc_axes.imshow(scaled, extent=(0, end, 0, 13), vmin=-3, vmax=3, **(look | {"cmap": "vlag"}))
mfcc_axes.set(title="4 thirteen MFCCs, each scaled", ylabel="coefficient", xlabel="seconds")
stft_axes.text(0.03, 3.2, "s", ha="center", color="white", weight="bold")
figure.colorbar(drawn, ax=stft_axes, label="dB")
for axes in (stft_axes, mel_axes, mfcc_axes):
    axes.grid(False)

# %% [markdown] tags=["alt"]
# *Figure: the spoken word in four pictures over the same time: the waveform with its syllables as bursts and an arrow at
# the faint s; the spectrogram with a colour key, in which the s is a column that is empty at low frequencies and evenly
# filled above, and vowels show dark stripes at low ones; the forty mel bands, which spread the low frequencies out, their
# limits in hertz beside them; and thirteen MFCCs as a small table of red and blue.*

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: play the word and follow it with a finger in picture 2. Ask what of the voice is still in picture 4,
# and what is gone.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### How many bands does a word need?
#
# Now go backwards: keep the mel bands only, throw the rest away, and rebuild a sound that has these bands (the timing
# of the waves inside each frame is lost too; the Griffin-Lim algorithm guesses it). You start at 2 bands. Turn them up:
# **from how many bands on do you understand the word?** The four words are hidden (*reveal* shows them); look only when you
# are sure. On a page without a kernel you hear word 1 at 2 bands.

# %% tags=["further"]
import base64
import io

HIDDEN = [names[row] for row in (613, 404, 525, 1103)]


def squeeze(samples, bands):
    """Keep `bands` mel bands of a sound: their decibels, the spectrogram rebuilt from them, and its relative error."""
    mel = representation.mel_spectrogram(torch.tensor(samples), 8000, n_fft=512, hop_length=128, n_mels=bands)
    size = librosa.feature.inverse.mel_to_stft(mel.numpy(), sr=8000, n_fft=512)
    original = representation.stft(torch.tensor(samples), n_fft=512, hop_length=128).abs().numpy()
    return representation.to_decibel(mel), size, np.linalg.norm(size - original) / np.linalg.norm(original)


def hear(bands, word, reveal):
    """Show and play one hidden word after a passage through a few mel bands."""
    mel, size, error = squeeze(say(HIDDEN[word - 1]), bands)
    rebuilt = librosa.griffinlim(size, n_iter=32, hop_length=128, n_fft=512, random_state=0)
    figure, axes = plt.subplots(figsize=(6.4, 2.4))
    axes.imshow(mel, aspect="auto", origin="lower", interpolation="nearest", extent=(0, len(rebuilt) / 8000, 0, bands))
    axes.set(xlabel="seconds", ylabel="mel band", title=f"{bands} bands" + (f": {HIDDEN[word - 1]}" if reveal else ""))
    axes.grid(False)
    figure.savefig(store := io.BytesIO(), format="png", dpi=80)
    image = f'<img alt="mel spectrogram" src="data:image/png;base64,{base64.b64encode(store.getvalue()).decode()}">'
    return f"{image}<p>error of the rebuilt spectrogram: {error:.2f}</p>{Audio(rebuilt, rate=8000)._repr_html_()}"


# %%
from ipywidgets import SelectionSlider

BANDS = (2, 4, 8, 16, 32, 64)
listening = widgets.explore(hear, bands=SelectionSlider(options=BANDS), word=[1, 2, 3, 4], reveal=False)

# %% [markdown] tags=["alt"]
# *Figure: the mel spectrogram of a spoken word in two wide bands, blocks of light and dark over time, with a player for
# the sound rebuilt from them and the error of its spectrogram.*

# %%
some = HIDDEN[: mm.per_profile(smoke=1, quick=4, full=4)]
for bands in BANDS:
    errors = [squeeze(say(text), bands)[2] for text in some]
    print(f"{bands:2d} bands: relative error of the spectrogram {np.mean(errors):.2f}, mean of {len(some)} words")

# %% [markdown]
# Where was it for you? The error gives no hint: it falls all the way, and is probably still high where you understood
# (an error of 1 is what silence would have). *Which word it is* takes far fewer numbers a moment than *how it sounds*.
# That is why 13 MFCCs a moment were enough for the ear of lesson 3. *Going further* has five more things that a sound
# can tell, from pitch to tempo.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 What is a feature worth?
#
# Now let pixels, HOG and CNN features compete where it matters: with few labels. The task: which of nine groups (faces,
# people, animals, food, travel, activities, objects, symbols, flags) does an emoji belong to? One picture a family,
# equally many from each group for training, every picture moved at random by up to 8 pixels each way, since cameras do
# not centre what they see. (`balanced` in the folded cell draws equally many rows of each group.)

# %% tags=["further"]
# how many labelled pictures of each group, how many draws
SIZES, SEEDS = mm.per_profile(smoke=(2, 3, 5), quick=(2, 5, 10, 20, 50), full=(2, 5, 10, 20, 50)), range(5)


def balanced(labels, count, seed):
    """Draw `count` rows of each label."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.choice(np.flatnonzero(labels == one), count, replace=False) for one in np.unique(labels)]
    )


pool = balanced(groups, mm.per_profile(smoke=12, quick=60, full=60), seed=0)  # the smallest group has 60
still = {"train": (pictures[pool], groups[pool])}
step = mm.per_profile(smoke=6, quick=1, full=1)
still |= {part: [one[::step] for one in one_per_family(getattr(emoji, part))[:2]] for part in ("valid", "test")}
truth = {part: label for part, (_, label) in still.items()}
still = {part: images for part, (images, _) in still.items()}
moved = {part: representation.random_crop(still[part], padding=8, seed=place) for place, part in enumerate(still)}

# %% [markdown]
# Three descriptions of the same pictures. The CNN is **frozen**: used as it came, nothing in it is trained. This takes
# about 10 s.

# %%
DESCRIBE = {
    "pixels": lambda images: representation.resize(images, 24).flatten(1),
    "HOG": lambda images: representation.hog(images, cells_per_block=(2, 2)),
    "CNN": lambda images: representation.cnn_features(images, size=mm.per_profile(smoke=32, quick=64, full=224)),
}
rows_of = {name: {p: describe(moved[p]).numpy() for p in moved} for name, describe in DESCRIBE.items()}
print({name: rows["train"].shape for name, rows in rows_of.items()})

# %% [markdown]
# One small model reads all three: a support vector machine, which compares pictures by $e^{-\gamma\,\text{distance}^2}$
# (rows scaled to length 1 first). Its $\gamma$ is chosen on the validation pictures. The score is **balanced
# accuracy**: the share right in each group, averaged over groups, so always naming one group scores one ninth.

# %% [markdown] tags=["predict"]
# **Predict first.** Sketch the three learning curves, from 2 to 50 labels a group. Where does each begin? Which rises
# fastest? Do any cross?

# %% tags=["further"]
from functools import partial

from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC


def score(rows, gamma, count, seed, part, copies=()):
    """Train on `count` pictures a group and their copies; return the balanced accuracy on a part."""
    drawn, labels = balanced(truth["train"], count, seed), truth["train"]
    svm = SVC(C=10, kernel=partial(rbf_kernel, gamma=gamma))  # SVC(C=10, gamma=gamma), but faster on rows this long
    x, y = [one[drawn] for one in (rows["train"], *copies)], np.tile(labels[drawn], 1 + len(copies))
    return balanced_accuracy_score(
        truth[part], make_pipeline(Normalizer(), svm).fit(np.concatenate(x), y).predict(rows[part])
    )


# %%
GAMMA, GAMMAS = {}, mm.per_profile(smoke=(1,), quick=(0.1, 0.3, 1, 3, 10, 30), full=(0.1, 0.3, 1, 3, 10, 30))
for name, rows in rows_of.items():
    tried = {gamma: np.mean([score(rows, gamma, 10, seed, "valid") for seed in SEEDS]) for gamma in GAMMAS}
    GAMMA[name] = max(tried, key=tried.get)
print("gamma:", GAMMA)
curves = {n: np.array([[score(rows_of[n], GAMMA[n], k, s, "test") for k in SIZES] for s in SEEDS]) for n in DESCRIBE}
look = {"xlabel": "labelled pictures a group", "ylabel": "balanced accuracy", "logx": True}
plotting.lines(SIZES, curves, **look, baseline=("one group", 1 / 9))

# %% [markdown] tags=["alt"]
# *Figure: balanced test accuracy against the number of labels, with 95 % bands over five draws and a dashed line at one
# ninth. All three curves rise. The CNN lies far above the two others. HOG lies above pixels with few labels; further
# right the two come close to each other.*

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: draw the sketches on the board before the cell runs. The usual one has pixels catching up with the
# CNN within 50 labels. Ask how far the axis would have to go.

# %%
lead = curves["CNN"] - curves["HOG"]  # (seeds, sizes)
mm.claim("04.1", "HOG beats pixels with 2 to 10 labels a group", (curves["HOG"] - curves["pixels"])[:, :3].mean(axis=1))
mm.claim("04.2", "frozen CNN features beat HOG at every size (the smallest lead of each draw)", lead.min(axis=1))

# %% [markdown]
# How many labels is that? For each curve, the number of labels a group at which it reaches what the CNN has with five:

# %% tags=["further"]
target, labels_needed = curves["CNN"].mean(axis=0)[1], {}
for name in ("pixels", "HOG"):
    mean = curves[name].mean(axis=0)
    enough = f"about {np.interp(target, mean, SIZES):.0f}" if mean[-1] >= target else f"more than {SIZES[-1]}"
    labels_needed[name] = enough
    print(f"{name}: {enough} labels a group")

# %% [markdown]
# Part of the learning was done before yours started: by people who knew that outlines matter, or by a million
# photographs. HOG's lead over pixels is small, and not the same at every size; it throws an emoji's colours away. (Lesson
# 5 adds one more curve, the network that is not frozen.)
#
# Where do the leads come from? A test: the same emoji where their designers put them. What does moving cost each
# description?

# %% tags=["further"]
both = {}
for name, describe in DESCRIBE.items():
    unmoved = {part: describe(still[part]).numpy() for part in ("train", "valid")}
    pairs = [[[score(r, GAMMA[name], k, s, "valid") for r in (unmoved, rows_of[name])] for k in SIZES] for s in SEEDS]
    both[name] = np.array(pairs).mean(axis=1).T  # (not moved or moved, seeds): the mean over all sizes
    before, after = both[name]
    print(f"{name:7}not moved {before.mean():.2f}, moved {after.mean():.2f}, cost {interval(before - after)}")
for better, worse in (("HOG", "pixels"), ("CNN", "HOG")):
    before, after = both[better] - both[worse]
    print(f"lead of {better} over {worse}: not moved {interval(before)}, moved {interval(after)}")
print("validation pictures throughout, mean over", SIZES, "labels a group")

# %% [markdown]
# This is the best evidence of the section. Moving takes much from pixels and HOG, and little or nothing from the CNN
# (does its interval hold 0?). Where nothing moves, the CNN hardly leads HOG, if at all: most of its lead is that it has
# learned elsewhere that a moved thing is the same thing. HOG pays about as much as pixels: our moves reach a whole
# cell. Its small lead has other reasons. **A feature pays where raw numbers vary for reasons that do not matter**, and
# only for the variation it ignores.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Changed copies
#
# **Augmentation** tells the model what does not matter, without a formula: a mirrored apple is an apple. It adds changed
# copies of training pictures, and is said to help most with few labels. Two tests: our emoji (mirrored or not, shifted,
# recoloured), and handwritten digits of 8 by 8 pixels, which we move by up to one pixel and copy with further moves.

# %% tags=["further"]
COPIES = mm.per_profile(smoke=1, quick=3, full=9)


def change(images, seed):
    """Mirror, shift and recolour each picture by chance."""
    images = representation.random_crop(representation.flip(images, seed=seed), padding=8, seed=seed)
    return representation.jitter_colour(images, seed=seed)


changed = [change(moved["train"], seed) for seed in range(1, COPIES + 1)]
copied = {name: [describe(images).numpy() for images in changed] for name, describe in DESCRIBE.items()}

# %% tags=["further"]
digits = mm.load("digits")
scans, digit = digits.train.arrays()
scans = representation.random_crop(torch.tensor(scans["image"]), padding=1, seed=0)
new_scans, new_digit = digits.test.arrays()
new_scans = representation.random_crop(torch.tensor(new_scans["image"]), padding=1, seed=1).flatten(1).numpy()


def digit_score(count, seed, copies):
    """Train on `count` moved scans a digit, each in so many copies; return the test accuracy."""
    rows = balanced(digit, count, seed)
    images = [scans[rows], *(representation.random_crop(scans[rows], padding=1, seed=k) for k in range(1, copies))]
    model = make_pipeline(Normalizer(), SVC(C=10, kernel=partial(rbf_kernel, gamma=3)))
    model.fit(torch.cat(images).flatten(1).numpy(), np.tile(digit[rows], copies))
    return model.score(new_scans, new_digit)


# %% [markdown]
# The gain is the score with copies minus the score without, for the same labels. The support vector machines
# take about 15 s.

# %%
gains = {}
for name, rows in rows_of.items():
    more = [[score(rows, GAMMA[name], n, seed, "test", copied[name]) for n in SIZES] for seed in SEEDS]
    gains[f"emoji, {name}"] = np.array(more) - curves[name]
gains["digits, pixels"] = np.array(
    [[digit_score(n, seed, 5) - digit_score(n, seed, 1) for n in SIZES] for seed in SEEDS]
)
plotting.lines(SIZES, gains, xlabel="labels a group", ylabel="gain by copies", logx=True, baseline=("no gain", 0))

# %% [markdown] tags=["alt"]
# *Figure: the gain in accuracy by changed copies against the number of labels, four curves with 95 % bands. On digits
# the gain is by far the largest, with few labels, and shrinks with many. On emoji the gains are small; those of pixels
# and HOG do not shrink with more labels, and that of the CNN stays near zero throughout.*

# %%
few, many = gains["digits, pixels"][:, :3].mean(axis=1), gains["digits, pixels"][:, -1]
mm.claim("04.3", "on digits, copies help more with 2 to 10 labels than with 50", few - many)
few, many = gains["emoji, HOG"][:, :3].mean(axis=1), gains["emoji, HOG"][:, -1]
print(f"on emoji with HOG the same difference is {interval(few - many):+}")

# %% [markdown]
# That copies help most with few labels holds for digits. On emoji it does not show. One explanation would be: every 7 is
# one shape, somewhere, while two foods do not tell what food looks like, and no copy supplies the missing *content*. But
# the tests differ in kind as well: the digits' copies repeat exactly what we did to the test scans; the emoji's copies
# also mirror and recolour, which nobody did to the test pictures. Two data sets are two examples, not a law. The CNN
# gains next to nothing, perhaps because it had met moved and mirrored things before.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The copy that leaks
#
# When do you make the copies: before or after setting the test pictures aside? Here is a data set with nothing to
# learn: the labels are thrown by a coin. Every picture gets its changed copies, and the model says what its nearest
# neighbour among the CNN features was labelled.

# %% tags=["further"]
from sklearn.neighbors import KNeighborsClassifier

first, after = [], []
for seed in SEEDS:
    rng = np.random.default_rng(seed)
    coin, model = rng.integers(2, size=len(pool)), KNeighborsClassifier(1)
    x, y = np.concatenate([rows_of["CNN"]["train"], *copied["CNN"]]), np.tile(coin, COPIES + 1)
    test = rng.random(len(x)) < 0.3  # copies first, then the split
    first.append(model.fit(x[~test], y[~test]).score(x[test], y[test]))
    test = rng.random(len(pool)) < 0.3  # the split first, then the copies
    rows = np.tile(~test, COPIES + 1)
    after.append(model.fit(x[rows], y[rows]).score(x[: len(pool)][test], coin[test]))
print(f"copies first, then the split: accuracy {interval(first)}")
print(f"the split first, then copies: accuracy {interval(after)}")

# %% [markdown]
# One half is the truth: nobody can foresee a coin. With a copy of a test picture among the training pictures, the nearest
# neighbour only has to read off its label.

# %% [markdown]
# ### Exercise 4.5 ●○○ 5 min
# Write `split_then_augment`. `x` is `(N, d)`, `y` is `(N,)`, `test` is a bool array `(N,)`, True for what is set aside.
# `augment(x)` returns a changed copy of any `(n, d)`; it may mix the rows it is given, so it must not get a test row.
# Return four arrays: `train_x`, the training rows followed by *one* changed copy of all of them, `train_y` to match,
# `test_x` and `test_y`, as they were. With `x = [[1], [2], [3]]`, `y = [0, 1, 1]`, `test = [False, True, False]` and an
# `augment` that adds 10, the result is `[[1], [3], [11], [13]]`, `[0, 1, 0, 1]`, `[[2]]`, `[1]`.
# <details><summary>Hint: the idea</summary>Take the test rows away before anything else happens. Copies keep the label of their original.</details>
# <details><summary>Hint: pseudocode</summary>keep = not test. train_x = x[keep] on top of augment(x[keep]). train_y = y[keep] twice, one after the other. Return these, x[test] and y[test].</details>


# %% tags=["exercise"]
def split_then_augment(x, y, test, augment):  # -> train_x, train_y, test_x, test_y
    ### BEGIN SOLUTION
    keep = ~test
    train_x = np.concatenate([x[keep], augment(x[keep])])
    return train_x, np.concatenate([y[keep], y[keep]]), x[test], y[test]
    ### END SOLUTION


# %%
check.ex4_5(split_then_augment)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 Two modalities, one row
#
# With everything in rows, nothing keeps you from putting a picture and its words into *one* row. TF-IDF even works for
# both: cluster the SIFT descriptors of many pictures into 100 groups of similar ones, call each group a **visual
# word**, and a picture becomes a text of visual words (Sivic and Zisserman 2003).

# %%
from sklearn.cluster import KMeans

shown = np.arange(0, len(pool), 2)  # every second picture of the pool, where it was before we moved it
originals, group, name = pictures[pool][shown], groups[pool][shown], names[pool][shown]
described = [representation.sift(image)[1].numpy() for image in originals]
visual = KMeans(mm.per_profile(smoke=10, quick=100, full=100), n_init=1, random_state=0).fit(np.concatenate(described))
spelled = [" ".join(f"v{number}" for number in visual.predict(one)) if len(one) else "" for one in described]
keywords = dict(zip(table["en"], table["keywords"], strict=True))
texts = [" ".join([one, *keywords[one]]) for one in name]
by_picture, by_words = (representation.tfidf(documents).toarray() for documents in (spelled, texts))
print(f"{name[0]!r}: visual words {spelled[0][:30]} ...; words {texts[0][:40]} ...")

# %% [markdown] tags=["predict"]
# **Predict first.** For each emoji we look up its nearest neighbour by cosine: by picture, by words, and by both rows
# side by side. How often is the neighbour from the same group? Which of the three wins?


# %%
def neighbours(rows):
    """Return the row number of each row's nearest neighbour by cosine."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(length > 0, length, 1)
    return (unit @ unit.T - 2 * np.eye(len(rows))).argmax(axis=1)


nearest = {
    "by picture": neighbours(by_picture),
    "by words": neighbours(by_words),
}
for weight in (0.25, 0.5, 1, 2, 4, 8):
    nearest[f"both, words x {weight}"] = neighbours(np.hstack([by_picture, weight * by_words]))
same = {way: bootstrap_interval(np.mean, (group[rows] == group).astype(float)) for way, rows in nearest.items()}
plotting.bars(same, ylabel="neighbour in the same group", baseline=("chance", 1 / 9))

# %% [markdown] tags=["alt"]
# *Figure: share of neighbours from the same group with 95 % intervals. By picture is low but above chance, by words is
# high. Side by side with equal weights lies between the two, well below words alone. With more weight on the words it
# rises to what words alone reach, and stays there.*

# %% tags=["further"]
agree = np.flatnonzero(nearest["by picture"] == nearest["by words"])
differ = np.flatnonzero((group[nearest["by words"]] == group) & (group[nearest["by picture"]] != group))
chosen = [*agree[[0, -1]], *differ[[3, -1]]]
gallery, captions = [], []
for row in chosen:
    for way, number in (
        ("", row),
        ("by picture: ", nearest["by picture"][row]),
        ("by words: ", nearest["by words"][row]),
    ):
        gallery.append(originals[number])
        captions.append(way + name[number])
print(f"picture and words name the same neighbour for {len(agree)} of {len(name)} emoji")
figure, grid = plt.subplots(2, 6, figsize=(10, 4.4))
for axes, image, caption in zip(grid.flat, gallery, captions, strict=True):
    axes.imshow(image.permute(1, 2, 0))
    axes.set_title(caption.replace(": ", ":\n"), fontsize=10, loc="center")
    axes.set_axis_off()

# %% [markdown] tags=["alt"]
# *Figure: four emoji, each beside its neighbour by picture and its neighbour by words. In the upper row picture and
# words name the same neighbour. The lower row was chosen among those where words find the right group and the picture a
# wrong one; what the picture shares with its neighbour there is not always easy to see.*

# %% [markdown]
# That is the surprise of this first multimodal row: **two modalities were worse than one**. With equal weights, the weak
# one drowns out the strong one. And weighing does not save it: at none of these weights do both together clearly beat
# the words alone. At best you get back to where you were without the picture. When a second modality pays, and when to trust which,
# is what lessons 7 to 10 are about.

# %% [markdown] slideshow={"slide_type": "notes"}
# For the instructor: nearly everybody bets on "both". Ask what the picture would have to know that the name does not.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# How much of the learning can you do before the learning starts? In numbers, for our emoji:

# %% tags=["further"]
first, last = (curves["CNN"].mean(axis=0)[place] for place in (0, -1))
print(f"guessing {1 / 9:.2f}; CNN features with {SIZES[0]} labels a group {first:.2f}, with {SIZES[-1]} {last:.2f}")
print(f"so {SIZES[0]} labels already go {(first - 1 / 9) / (last - 1 / 9):.0%} of the way from guessing to there")
for name in ("pixels", "HOG"):
    print(f"{name}: {labels_needed[name]} labels a group for what the CNN reaches with {SIZES[1]}")

# %% [markdown]
# **So: a good part, but not most of it.** A borrowed description saved most of the *labels* here (compare the last two
# lines), yet the larger part of the way still had to be learned, and the curve had not ended. What you can write down
# needs no labels; what you cannot, you can borrow; what you know does not matter, you can show with copies. Each helps
# for the variation it ignores. The price: a feature forgets, and what it forgot no model brings back.

# %% [markdown]
# ## What can go wrong
#
# - **Broken input.** Files are cut short, microphones switched off, tables wrong. A feature should say so at once, or
#   give a value that is documented. What the package does:

# %% tags=["further"]
nothing = torch.zeros(4000)
print("empty text: ", representation.tokenise(""), representation.tfidf(["", "film"]).toarray()[0])
print("silent clip:", representation.mfcc(nothing, 8000)[:3, 0].round(), " (-100 dB in every band)")
broken = {
    "empty text": lambda: representation.sentence_vectors([""]),
    "silent clip": lambda: representation.trim(nothing),
    "1-pixel image": lambda: representation.hog(torch.ones(3, 1, 1)),
    "NaN samples": lambda: representation.mfcc(torch.tensor([0.1, float("nan")]), 8000),
    "sampling rate of 0": lambda: representation.mfcc(nothing, 0),
}
for case, call in broken.items():
    try:
        call()
    except ValueError as error:
        print(f"{case}: {error}")

# %% [markdown]
# - **Learned on everything.** The vocabulary, document frequencies, visual words, a scaler's mean: all are *learned*.
#   Learn them on training rows only: `representation.tfidf(new, train)`.
# - **Imbalance.** In all variants of all emoji, one group has most of the pictures:

# %%
shares = table["group"].value_counts(normalize=True)
print(f"always say {shares.index[0]!r}: accuracy {shares.iloc[0]:.2f}, balanced accuracy {1 / len(shares):.2f}")

# %% [markdown]
# - **Relatives in training and test.** The same hand in five skin tones, one speaker, one day's news: split by *group*,
#   so that relatives stay together. All splits of this course do.
# - **Wrong and missing values, wrong labels.** Fill with values learned on training rows, say that you filled, have two
#   people label the same items and measure how far they agree (*Going further*).
# - **A small pool.** Our draws of 50 labels come from 60 a group, so they overlap. The bands there say how results vary
#   over these pictures, not over new ones.
# - **The wrong augmentation.** A mirrored *b* is a *d*. A copy must keep its label.

# %% [markdown]
# ## What articles say, what is true
#
# - *"Augmentation helps most with few labels."* On digits it did; on emoji there was no sign of it.
# - *"Hand-made features are dead."* On our pictures the borrowed ones won. But mel bands are still what many speech
#   networks are fed with, and TF-IDF with a linear model is a cheap baseline that belongs beside every text model.
# - *"We used MFCCs."* Which? librosa's mel scale (Slaney's) is not HTK's; windows differ, and so does what is done to silence. Numbers
#   from two tools are seldom the same numbers.

# %% [markdown]
# ## Three key points
#
# 1. Raw numbers change with what does not matter. A feature keeps what matters: counts weighted by rarity, votes of
#    gradients, bands as an ear hears them.
# 2. With few labels much depends on the description. Borrowed features beat written-down ones here, mostly because they do not
#    mind moving; written-down ones beat raw pixels where labels were fewest.
# 3. Augmentation shows the model what you know. It supplies no new content, and must come after the split.

# %% [markdown]
# ## Quiz
#
# **1.** A word occurs in every text of the collection. What is its TF-IDF weight, before the rows are scaled?
# <details><summary>A: zero, because it tells nothing</summary>With the formula ln(n/df) it would be. Ours, scikit-learn's, adds 1.</details>
# <details><summary>B: its count</summary>Right. The logarithm of 1 is 0, plus 1. Rare words weigh more, but common ones do not vanish.</details>
# <details><summary>C: one, however often it occurs</summary>That is the factor for its rarity. It is multiplied by the count.</details>
#
# **2.** Your HOG features of a photograph and of its negative (black for white) are nearly the same. Why?
# <details><summary>A: because angles run from 0 to 180 degrees</summary>Right. The negative turns every gradient round by 180 degrees, which is the same angle here.</details>
# <details><summary>B: because blocks are scaled to length 1</summary>That cancels contrast, a stronger or weaker edge. A sign does not vanish by scaling.</details>
# <details><summary>C: because each cell has only nine numbers</summary>Nine directions over 360 degrees would tell the two apart.</details>
#
# **3.** With copies made before the split, your test accuracy rises by ten points. What do you conclude?
# <details><summary>A: the copies have taught the model what does not matter</summary>Perhaps they have, but this number cannot show it: coin labels rise as well.</details>
# <details><summary>B: the copies should be stronger, then it would rise further</summary>You would be tuning on a leak.</details>
# <details><summary>C: nothing yet: split first, then make copies</summary>Right. Test pictures have copies in the training set, so remembering is enough.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.

# %% [markdown]
# <details><summary>What else a sound can tell</summary>Five more descriptors, through librosa: <b>pitch</b> (the frequency you would sing), <b>spectral entropy</b> (0 for a pure tone, 1 for noise), <b>spectral contrast</b> (how far peaks stand out of the spectrum), <b>chroma</b> (which of the twelve notes), <b>tempo</b> (beats a minute). Four sounds, made by formula: a sung <i>ah</i> at 150 Hz, white noise, a bell tuned to 440 Hz, and 75 noise bursts a minute. The player further down has them all. Predict the table before you look.</details>

# %% tags=["further"]
RATE, NOTES = 16000, "C C# D D# E F F# G G# A A# B".split()
time = np.arange(mm.per_profile(smoke=1, quick=3, full=3) * RATE) / RATE
random = np.random.default_rng(0)
bell = sum(np.sin(2 * np.pi * 440 * part * time) * np.exp(-part * 1.5 * time) / part for part in (1, 2.76, 5.4))
beat = np.exp(-40 * (time % (60 / 75))) * random.normal(size=len(time))
loud = {part: sum(np.exp(-(((150 * part - f) / 200) ** 2)) for f in (700, 1100, 2500)) for part in range(1, 25)}
vowel = sum(loud[part] * np.sin(2 * np.pi * 150 * part * time) for part in loud)  # a voice at 150 Hz that says "ah"
sounds = {"a vowel": vowel, "a hiss": 0.1 * random.normal(size=len(time)), "a bell": bell, "a beat": beat}
sounds = {name: representation.normalise_loudness(torch.tensor(wave).float()) for name, wave in sounds.items()}

# %% tags=["further"]
rows = {}
for name, wave in sounds.items():
    sung = representation.pitch(wave, RATE)
    strongest = representation.chroma(wave, RATE).mean(dim=1).argmax()
    rows[name] = {
        "pitch (Hz)": f"{sung[sung > 0].median():.0f}" if (sung > 0).float().mean() > 0.5 else "none",
        "entropy": f"{representation.spectral_entropy(wave).median():.2f}",
        "contrast (dB)": f"{representation.spectral_contrast(wave, RATE).mean():.0f}",
        "strongest note": NOTES[strongest],
        "tempo (beats a minute)": f"{representation.tempo(wave, RATE):.0f}",
    }
pd.DataFrame(rows).T

# %% [markdown]
# Every descriptor answers, whether or not the question makes sense: a hiss has a "strongest note", bursts of noise may
# have a "pitch", and the three sounds without any beat get a "tempo" near 120, to which librosa leans when it hears none.
# Which cells would you believe?
#
# <details><summary>One answer</summary>The pitch of vowel and bell, the missing pitch of the hiss, the notes of bell and vowel, the tempo of the beat. Entropy and contrast always mean something: they tell tone from noise.</details>

# %% [markdown]
# <details><summary>Changed copies of words and sounds</summary>Synonyms, a little disorder; pitch, noise, speed. Listen, and ask of each: would I still give it the same label? A synonym by word vectors can be an opposite, and a voice two tones higher may have become somebody else, which matters if the label is the speaker. The player also has the four sounds from above.</details>

# %% tags=["further"]
review = "a good film with a great cast and a weak ending"
print(representation.replace_words(review, rate=0.5, seed=1))
print(representation.reorder(review, distance=2, seed=1))
heard = {
    "four semitones higher": representation.change_pitch(sound, 8000, 4),
    "noise at 10 dB": representation.add_noise(sound, ratio=10),
    "half as fast again": representation.change_speed(sound, 1.5),
}
heard |= {name: wave[: 2 * RATE : 2] for name, wave in sounds.items()}  # the four sounds from above, two seconds each
_ = widgets.explore(lambda sound: Audio(heard[sound].numpy(), rate=8000), sound=list(heard))

# %% [markdown]
# <details><summary>Missing and wrong values, wrong labels</summary>A missing value is filled by a value learned on training rows (mean, median), and a column that says "was missing" is added: that it is missing may itself tell something. Wrong labels cost little at random, and much when they follow a rule. The next cell swaps a share of the training labels at random.</details>
#
# <details><summary>How a data set is built and annotated</summary>Say whom it describes and how it was drawn, write a guide for annotators, let two or more label the same part, and measure agreement beyond chance: Cohen's kappa = (agreement - expected) / (1 - expected), where "expected" is what two annotators with these habits would reach by chance. The next cell simulates two who are right nine times out of ten, once with balanced classes and once where nine items in ten are of one class.</details>

# %% tags=["further"]
from sklearn.metrics import cohen_kappa_score

for share in (0.0, 0.2, 0.4):
    found = []
    for seed in SEEDS:
        drawn, rng = balanced(truth["train"], SIZES[2], seed), np.random.default_rng(seed)
        wrong = rng.random(len(drawn)) < share
        y = np.where(wrong, rng.integers(9, size=len(drawn)), truth["train"][drawn])
        svm = make_pipeline(Normalizer(), SVC(C=10, kernel=partial(rbf_kernel, gamma=GAMMA["CNN"])))
        svm.fit(rows_of["CNN"]["train"][drawn], y)
        found.append(balanced_accuracy_score(truth["valid"], svm.predict(rows_of["CNN"]["valid"])))
    print(f"{share:.0%} of the labels drawn at random: balanced accuracy {interval(found)}")
rng = np.random.default_rng(0)
for common in (0.5, 0.9):
    truth = rng.random(5000) < common
    one, other = (np.where(rng.random(5000) < 0.9, truth, ~truth) for _ in range(2))
    print(
        f"{common:.0%} in one class: agreement {np.mean(one == other):.2f}, kappa {cohen_kappa_score(one, other):.2f}"
    )

# %% [markdown]
# The agreement is the same, the kappa is not: where one class is common, agreeing is cheap.
#
# <details><summary>How a data set is shared</summary>With a datasheet (Gebru and others 2021): why it was made, by whom, of what, how it was collected and cleaned, what it must not be used for; with a licence for the data and not only for the code; with fixed splits by group; with a version and a checksum. `python3 course.py data` prints where the sets of this course come from, and the folder `data/` holds a card for each.</details>
#
# <details><summary>Unequal classes</summary>Weigh each training row by the inverse frequency of its class (`class_weight="balanced"` in scikit-learn), or draw equally often from each class as we did. Both move the decision, neither adds information about the rare class. Report balanced accuracy or one number a class.</details>

# %% [markdown]
# ## References
#
# - Spärck Jones, K. (1972). A statistical interpretation of term specificity and its application in retrieval. Journal of Documentation 28.
# - Davis, S., Mermelstein, P. (1980). Comparison of parametric representations for monosyllabic word recognition in continuously spoken sentences. IEEE TASSP 28.
# - Porter, M. F. (1980). An algorithm for suffix stripping. Program 14.
# - Sivic, J., Zisserman, A. (2003). Video Google: a text retrieval approach to object matching in videos. ICCV.
# - Lowe, D. G. (2004). Distinctive image features from scale-invariant keypoints. IJCV 60.
# - Dalal, N., Triggs, B. (2005). Histograms of oriented gradients for human detection. CVPR.
# - McFee, B. and others (2015). librosa: audio and music signal analysis in Python. SciPy conference.
# - Mauch, M., Dixon, S. (2014). pYIN: a fundamental frequency estimator using probabilistic threshold distributions. ICASSP.
# - Reimers, N., Gurevych, I. (2019). Sentence-BERT: sentence embeddings using Siamese BERT-networks. EMNLP.
# - Tan, M., Le, Q. (2019). EfficientNet: rethinking model scaling for convolutional neural networks. ICML.
# - Gebru, T. and others (2021). Datasheets for datasets. Communications of the ACM 64.
# - Emoji artwork: OpenMoji, CC BY-SA 4.0.
