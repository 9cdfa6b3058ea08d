# %% [markdown]
# # 4 From raw data to features
#
# **How much of the learning can you do before the learning starts?** · 90 minutes · needs lesson 3
#
# ![Text becomes tokens and weighted counts, a picture becomes gradients and histograms, a sound becomes frames and mel bands; each ends as one row of numbers, as does what a pretrained network makes of it, and a small model reads the row](flow: text -> tokens -> TF-IDF -> a row of numbers; picture -> gradients -> HOG -> a row of numbers; sound -> mel bands -> MFCC -> a row of numbers; any of them -> pretrained network -> learned features -> a row of numbers; a row of numbers -> small model)
#
# In lessons 1 to 3 somebody had already turned reviews into counts and voices into 13 numbers a moment. Now you do it
# yourself, for text, pictures and sound, and measure what it is worth in labels. (The next cell loads the libraries,
# which takes about 15 s.)

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
pictures, groups, names = one_per_family(emoji.train)
panda, voice = pictures[list(names).index("panda")], say("panda")
print("word:   ", list(b"panda"), " the bytes of its letters")
print("picture:", (255 * panda[:, 24, 20:26]).int().flatten().tolist(), f" and {panda.numel() - 18} more")
print("sound:  ", " ".join(f"{value:.2f}" for value in voice[1500:1508]), f" and {len(voice) - 8} more")
display(Audio(voice, rate=8000))
moved = v2.functional.affine(panda, 0, [0, 6], 1, [0], fill=1.0)  # white comes in from above
plotting.images([panda, moved], ["panda", "moved by 6 pixels"])

# %% [markdown] tags=["alt"]
# *Figure: the face of a panda, and the same face a little further down.*

# %% [markdown] tags=["predict"]
# **Predict first.** We move the panda six pixels down and compare it, pixel by pixel, with where it was. We do the same
# with 200 other emoji that stay where they are. How many of them look *more* like the panda than the panda itself does:
# none, a few, or more than half?


# %%
def move(image):
    """Move a picture 6 pixels down; white comes in from above."""
    return v2.functional.affine(image, 0, [0, 6], 1, [0], fill=1.0)


def closer(image, features):
    """Count which of 200 other emoji lie closer to a picture than its moved copy does."""
    rows = features(torch.cat([image[None], move(image)[None], others]))
    distance = torch.linalg.norm(rows - rows[0], dim=1)
    return int((distance[2:] < distance[1]).sum())


others = pictures[np.random.default_rng(0).choice(np.flatnonzero(names != "panda"), 200, replace=False)]
typical = np.median([closer(image, lambda images: images.flatten(1)) for image in pictures[::10]])
print(f"closer than the moved panda, pixel by pixel: {closer(panda, lambda images: images.flatten(1))} of 200 others")
print(f"the same for every tenth emoji, in the middle: {typical:.0f} of 200")

# %% [markdown]
# To you nothing has happened. To a model that compares numbers one by one, the panda has become something else; other
# emoji suffer less, but few come out clean. Meaning is not in the numbers; it is in how they belong together. A
# **feature** is a number computed from raw data that keeps what matters and drops what does not. It can be somebody's
# knowledge written down (counts, gradients, ears), or borrowed from a network that saw a million pictures. This lesson
# does both, three times.

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
# Look for opposites in the last two rows: same company is not same meaning. And an average of word vectors, like a bag
# of words, forgets the order. A **transformer** reads the text as a sequence of pieces, and lets every piece look at
# all others (lesson 5 builds it). Words it does not know are cut into pieces it does.

# %%
from transformers import AutoTokenizer

tokeniser = AutoTokenizer.from_pretrained(mm.data.prepare("minilm"), local_files_only=True)
for text in ("a wonderful movie", "unwatchable claptrap", "spectrogram"):
    print(f"{text:22}", tokeniser.tokenize(text))

# %% [markdown] tags=["predict"]
# **Predict first.** Five sentences: *a great film*, *what a wonderful movie*, *a great mess*, *the dog bit the man*,
# *the man bit the dog*. For which pair does each of the three (TF-IDF, averaged word vectors, transformer) say the most
# foolish thing?

# %% tags=["further"]
import seaborn as sns

sentences = ["a great film", "what a wonderful movie", "a great mess", "the dog bit the man", "the man bit the dog"]
averages = representation.mean_pool(*representation.word_vectors(sentences))
spaces = {
    "TF-IDF": torch.tensor(representation.tfidf(sentences).toarray()),
    "word vectors, averaged": torch.nn.functional.normalize(averages, dim=1),
    "transformer": representation.sentence_vectors(sentences),
}
figure, grid = plt.subplots(1, 3, figsize=(10.5, 3.2), sharey=True)
for axes, (name, rows) in zip(grid, spaces.items(), strict=True):
    cosines = (rows @ rows.T).numpy().round(2) + 0.0
    sns.heatmap(cosines, vmin=0, vmax=1, annot=True, fmt=".2f", cmap="crest", cbar=False, square=True, ax=axes)
    axes.set(title=name, xticks=[])
_ = grid[0].set_yticklabels(sentences, rotation=0)

# %% [markdown] tags=["alt"]
# *Figure: three tables of cosines between the five sentences. In the first, the two praising sentences have nothing in
# common, while the two about man and dog are identical. In the second, the praises are alike, and man and dog
# still identical. In the third, the two praises are much closer to each other than either is to the mess; man and dog
# come close to 1, but are no longer the same.*

# %% [markdown]
# TF-IDF finds *film* and *movie* unrelated, and cannot tell who bit whom. Word vectors cure the first and not the
# second. The transformer can tell the two bites apart, barely: it was trained to find texts about the same thing. Every
# feature answers the question that it was made for.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 Pictures
#
# Networks want pictures of one size and of the brightness they were trained on: **resize**, **crop**, and **normalise**
# (subtract the average colour of the training pictures, divide by their spread). With torchvision's transforms this is
# a pipeline.

# %%
from skimage import data as photographs

photo = torch.tensor(photographs.chelsea()).permute(2, 0, 1)  # bytes, (3, 300, 451)
shape = v2.Compose([v2.Resize(128), v2.CenterCrop(112), v2.ToDtype(torch.float32, scale=True)])
normalise = v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])  # of ImageNet's pictures
small = shape(photo)
ready = normalise(small)
print(
    f"{photo.dtype} {tuple(photo.shape)} -> {ready.dtype} {tuple(ready.shape)}, {ready.min():.1f} to {ready.max():.1f}"
)

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
# ### Exercise 4.2 ●●○ 10 min
# Write `cell_histogram`: nine numbers, the votes of one cell. Number 0 collects angles from 0 up to, but not including,
# 20 degrees, number 1 from 20 up to 40, and so on. `length` and `angle` are float arrays `(8, 8)`; the result has shape
# `(9,)`. If all 64 gradients have length 0.5 and angle 45, a right answer is 32 at number 2 and zero elsewhere.
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
# Two steps are left: neighbouring cells form overlapping **blocks**, and each block is scaled to length 1, cut off at
# 0.2 and scaled again, so that a shadow across the picture changes little. Here is all of it, beside scikit-image.


# %%
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


# %% [markdown]
# scikit-image also draws it. The package's `hog` takes batches of colour pictures.

# %% tags=["further"]
from skimage.feature import hog as skimage_hog

theirs, drawn = skimage_hog(grey, visualize=True)
assert np.allclose(hog(grey), theirs, atol=1e-6)
assert np.allclose(representation.hog(torch.tensor(grey)), theirs, atol=1e-6)
shown = [photo, small, length / length.max(), np.sqrt(drawn / drawn.max())]
print(f"{grey.size} pixels -> {len(theirs)} numbers, equal to scikit-image")
plotting.images(shown, ["photograph", "resized, cropped", "gradient length", "HOG"])

# %% [markdown] tags=["alt"]
# *Figure: four pictures of a cat: the photograph, its square middle, the lengths of its gradients as bright outlines on
# black, and HOG as a grid of little stars whose strokes run along the edges of eyes and nose.*

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
figure, axes = plt.subplots(figsize=(5.6, 2.7))
axes.imshow(torch.cat([views[0], torch.ones(3, 160, 20), views[1]], dim=2).mean(dim=0), cmap="gray")
for found, left in ((places, 0), (places2, 180)):
    axes.plot(found[:, 1] + left, found[:, 0], "o", markersize=4, fillstyle="none", color="white", markeredgewidth=0.8)
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
with torch.inference_mode():
    chances = efficientnet_lite()(representation.normalise(representation.resize(scene, 224))[None]).softmax(1)[0]
print([f"{classes[i]} {chances[i]:.2f}" for i in chances.topk(3).indices.tolist()])
shallow = {"pixels": lambda x: x.flatten(1), "HOG": representation.hog}
shallow["CNN"] = lambda images: representation.cnn_features(images, size=64)
for name, features in shallow.items():
    print(f"{name:7}{closer(panda, features):4d} of 200 emoji are closer to the panda than its moved copy")

# %% [markdown]
# The network knows a photographed cat when it sees one. And the moved panda is again close to itself. HOG forgives a
# shift as long as an edge stays in its cell; the network forgives more, which you could not learn from the panda's
# pixels alone: this knowledge came from elsewhere.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 Sound
#
# A sound is air pressure, here 8,000 times a second. First the housekeeping: cut off the silence at both ends
# (**trim**), and bring all clips to the same **loudness**, measured in decibels (dB): ten times the logarithm, to base
# 10, of a ratio of powers.

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
# Which frequencies sound when? The **short-time Fourier transform** (STFT) cuts the sound into overlapping frames, here
# 512 samples every 128, fades each in and out (a *window*), and measures how much of every frequency is in it. The
# result, drawn over time, is the **spectrogram**.
#
# Ears tell low frequencies apart finely and high ones coarsely: 200 and 300 Hz (hertz, vibrations a second) sound far
# apart, 3,500 and 3,600 nearly alike. The **mel** scale imitates this: even steps up to 1,000 Hz, even ratios above. A
# bank of triangular filters, evenly spaced in mel, sums the power in bands.

# %%
frequencies = np.arange(257) * 8000 / 512  # the 257 frequencies of a frame of 512 samples, in hertz
print("frequencies:", frequencies[[0, 1, 2, 256]])
bank = representation.mel_filters(8000, n_fft=512, n_mels=10).numpy()
print("ten triangles:", bank.shape, " area of each:", (bank.sum(axis=1) * 8000 / 512).round(2))

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
# From samples to MFCCs in one screen, beside librosa, the library that most people use. SciPy's `dct` is the cosine
# transform you just wrote.

# %%
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

# %% [markdown]
# The same word at each station:

# %% tags=["further"]
spectrum = representation.to_decibel(representation.stft(sound, n_fft=512, hop_length=128).abs().square())
bank = representation.mel_filters(8000, n_fft=512, n_mels=40)
end = len(sound) / 8000
figure, grid = plt.subplots(2, 2, figsize=(9, 4.9))
(wave_axes, stft_axes), (mel_axes, mfcc_axes) = grid
wave_axes.plot(np.arange(len(sound)) / 8000, sound, linewidth=0.6)
wave_axes.set(title="1 waveform", ylabel="amplitude", xlim=(0, end))
look = {"aspect": "auto", "origin": "lower", "interpolation": "nearest"}
stft_axes.imshow(spectrum, extent=(0, end, 0, 4), **look)
stft_axes.set(title="2 spectrogram (STFT)", ylabel="frequency (kHz)")
mel_axes.imshow(decibel, extent=(0, end, 0, 40), **look)
mel_axes.set(title="3 forty mel bands", ylabel="band", xlabel="seconds")
scaled = (coefficients - coefficients.mean(1, keepdim=True)) / coefficients.std(1, keepdim=True)
mfcc_axes.imshow(scaled, extent=(0, end, 0, 13), vmin=-3, vmax=3, **(look | {"cmap": "vlag"}))
mfcc_axes.set(title="4 thirteen MFCCs, each scaled", ylabel="coefficient", xlabel="seconds")
for axes in (stft_axes, mel_axes, mfcc_axes):
    axes.grid(False)

# %% [markdown] tags=["alt"]
# *Figure: the spoken word in four pictures over the same time: the waveform with its syllables as bursts; the
# spectrogram, in which the hiss of the s fills high frequencies and vowels show dark stripes at low ones; the forty mel
# bands, a coarser version that spreads the low frequencies out; and thirteen MFCCs as a small table of red and blue.*

# %% [markdown] slideshow={"slide_type": "slide"}
# ### How many bands does a word need?
#
# Now go backwards: keep the mel bands only, throw the rest away, and rebuild a sound that has these bands (the timing
# of the waves inside each frame is lost too; the Griffin-Lim algorithm guesses it). Start at 2 bands and turn them up:
# **from how many bands on do you understand the word?** The four words are hidden; look only when you are sure. (On a
# page without a kernel you hear word 1 at 8 bands.)

# %% tags=["further"]
import base64
import io

HIDDEN = [names[row] for row in (613, 404, 525, 1103)]


def rebuild(samples, bands):
    """Keep `bands` mel bands of a sound: their decibels, the sound rebuilt from them, and its relative error."""
    mel = representation.mel_spectrogram(torch.tensor(samples), 8000, n_fft=512, hop_length=128, n_mels=bands)
    size = librosa.feature.inverse.mel_to_stft(mel.numpy(), sr=8000, n_fft=512)
    original = representation.stft(torch.tensor(samples), n_fft=512, hop_length=128).abs().numpy()
    rebuilt = librosa.griffinlim(size, n_iter=32, hop_length=128, n_fft=512, random_state=0)
    return representation.to_decibel(mel), rebuilt, np.linalg.norm(size - original) / np.linalg.norm(original)


def hear(bands, word, reveal):
    """Show and play one hidden word after a passage through a few mel bands."""
    mel, rebuilt, error = rebuild(say(HIDDEN[word - 1]), bands)
    figure, axes = plt.subplots(figsize=(6.4, 2.4))
    axes.imshow(mel, aspect="auto", origin="lower", interpolation="nearest", extent=(0, len(rebuilt) / 8000, 0, bands))
    axes.set(xlabel="seconds", ylabel="mel band", title=f"{bands} bands" + (f": {HIDDEN[word - 1]}" if reveal else ""))
    axes.grid(False)
    figure.savefig(store := io.BytesIO(), format="png", dpi=80)
    image = f'<img alt="mel spectrogram" src="data:image/png;base64,{base64.b64encode(store.getvalue()).decode()}">'
    return f"{image}<p>error of the rebuilt spectrogram: {error:.2f}</p>{Audio(rebuilt, rate=8000)._repr_html_()}"


# %% [markdown]
# The control *reveal* writes the word above the picture.

# %%
from ipywidgets import SelectionSlider

bands = SelectionSlider(options=(2, 4, 8, 16, 32, 64), value=8)
listening = widgets.explore(hear, bands=bands, word=[1, 2, 3, 4], reveal=False)

# %% [markdown] tags=["alt"]
# *Figure: the mel spectrogram of a spoken word in eight wide bands, blocks of light and dark over time, with a player
# for the sound rebuilt from them and the error of its spectrogram.*

# %%
BANDS = (2, 4, 8, 16, 32, 64)
errors = [[rebuild(say(text), bands)[2] for bands in BANDS] for text in HIDDEN]
plotting.lines(BANDS, {"four words": errors}, xlabel="mel bands", ylabel="relative error", logx=True)

# %% [markdown] tags=["alt"]
# *Figure: the error of the rebuilt spectrogram against the number of mel bands, falling from two bands to
# sixty-four, with a 95 % band over the four words.*

# %% [markdown]
# Where was it for you? The error gives no hint: it falls all the way, and is probably still high where you understood
# (an error of 1 is what silence would have). What a word *is* survives in a handful of numbers a moment. What goes
# first is who speaks, and how high. This is what lets 13 MFCCs a moment do for the ear of lesson 3.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### What else a sound can tell
#
# Five more descriptors, through librosa: **pitch** (the frequency you would sing), **spectral entropy** (0 for a pure
# tone, 1 for noise), **spectral contrast** (how far peaks stand out of the spectrum), **chroma** (which of the twelve
# notes), **tempo** (beats a minute). Four sounds, made by formula: a sung *ah* at 150 Hz, white noise, a bell tuned to
# 440 Hz, and two noise bursts a second. (*Going further* has a player for them.)

# %% tags=["further"]
RATE, NOTES = 16000, "C C# D D# E F F# G G# A A# B".split()
time = np.arange(3 * RATE) / RATE
random = np.random.default_rng(0)
bell = sum(np.sin(2 * np.pi * 440 * part * time) * np.exp(-part * 1.5 * time) / part for part in (1, 2.76, 5.4))
beat = np.exp(-40 * (time % 0.5)) * random.normal(size=len(time))
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
# Read the table with a warning: every descriptor answers, whether or not the question makes sense. A hiss has a
# "strongest note", and a vowel a "tempo" (where it is unsure, librosa leans towards 120). Which cells would you
# believe?
#
# <details><summary>One answer</summary>The pitch of vowel and bell, the missing pitch of hiss and beat, the notes of bell and vowel, the beat's tempo (two a second are 120 a minute, nearly). Entropy and contrast always mean something: they tell tone from noise.</details>

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 What is a feature worth?
#
# Now let pixels, HOG and CNN features compete where it matters: with few labels. The task: which of nine groups (faces,
# people, animals, food, travel, activities, objects, symbols, flags) does an emoji belong to? One picture a family,
# equally many from each group for training, every picture moved by up to 8 pixels, since cameras do not centre what
# they see.

# %%
SIZES, SEEDS = mm.per_profile(smoke=(2, 5, 10), quick=(2, 5, 10, 20, 50), full=(2, 5, 10, 20, 50)), range(5)


def balanced(labels, count, seed):
    """Draw `count` rows of each label."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.choice(np.flatnonzero(labels == one), count, replace=False) for one in np.unique(labels)]
    )


pool = balanced(groups, mm.per_profile(smoke=20, quick=60, full=60), seed=0)  # the smallest group has 60
drawn = {"train": (pictures[pool], groups[pool])}
drawn |= {part: one_per_family(getattr(emoji, part))[:2] for part in ("valid", "test")}
parts = {
    part: (representation.random_crop(images, padding=8, seed=place), label)
    for place, (part, (images, label)) in enumerate(drawn.items())
}

# %% [markdown]
# Three descriptions of the same pictures. The CNN is **frozen**: used as it came, nothing in it is trained. In
# addition, three changed copies of every training picture (**augmentation**): mirrored or not, shifted, other colours.
# This takes about 15 s.

# %%
COPIES = mm.per_profile(smoke=1, quick=3, full=9)
DESCRIBE = {
    "pixels": lambda images: representation.resize(images, 24).flatten(1),
    "HOG": lambda images: representation.hog(images, cells_per_block=(2, 2)),
    "CNN": lambda images: representation.cnn_features(images, size=mm.per_profile(smoke=32, quick=64, full=224)),
}


def change(images, seed):
    """Mirror, shift and recolour each picture by chance."""
    images = representation.random_crop(representation.flip(images, seed=seed), padding=8, seed=seed)
    return representation.jitter_colour(images, seed=seed)


copies = [parts["train"][0], *(change(parts["train"][0], seed) for seed in range(1, COPIES + 1))]
trained_on = {name: [describe(images).numpy() for images in copies] for name, describe in DESCRIBE.items()}
unseen = {name: {p: describe(parts[p][0]).numpy() for p in ("valid", "test")} for name, describe in DESCRIBE.items()}

# %% [markdown]
# One small model reads all three: a support vector machine, which compares pictures by $e^{-\gamma\,\text{distance}^2}$
# (rows scaled to length 1 first). Its $\gamma$ is chosen on the validation pictures. The score is **balanced
# accuracy**: the share right in each group, averaged over groups, so always naming one group scores one ninth.

# %%
from functools import partial

from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC


def score(name, gamma, count, seed, part, copies=1):
    """Train on `count` pictures a group, each in so many copies; return the balanced accuracy on a part."""
    rows, labels = balanced(parts["train"][1], count, seed), parts["train"][1]
    model = make_pipeline(Normalizer(), SVC(C=10, kernel=partial(rbf_kernel, gamma=gamma)))
    model.fit(np.concatenate([copy[rows] for copy in trained_on[name][:copies]]), np.tile(labels[rows], copies))
    return balanced_accuracy_score(parts[part][1], model.predict(unseen[name][part]))


tried = {n: {g: np.mean([score(n, g, 10, s, "valid") for s in SEEDS]) for g in (0.3, 1, 3, 10)} for n in DESCRIBE}
GAMMA = {name: max(means, key=means.get) for name, means in tried.items()}
pd.DataFrame(tried).rename_axis("gamma").round(3)

# %% [markdown] tags=["predict"]
# **Predict first.** Sketch the three learning curves, from 2 to 50 labels a group. Where does each begin? Which rises
# fastest? Do any cross?

# %%
curves = {name: [[score(name, GAMMA[name], n, seed, "test") for n in SIZES] for seed in SEEDS] for name in DESCRIBE}
curves = {name: np.array(runs) for name, runs in curves.items()}
plotting.lines(
    SIZES,
    curves,
    xlabel="labelled pictures a group",
    ylabel="balanced accuracy",
    logx=True,
    baseline=("one group", 1 / 9),
)

# %% [markdown] tags=["alt"]
# *Figure: balanced test accuracy against the number of labels, with 95 % bands over five draws and a dashed line at one
# ninth. All three curves rise. The CNN lies far above the two others. HOG lies above pixels with few labels; further
# right the two come close to each other.*

# %%
mm.claim("04.1", "HOG beats pixels with 2 to 10 labels a group", (curves["HOG"] - curves["pixels"])[:, :3].mean(axis=1))
mm.claim("04.2", "frozen CNN features beat HOG at every size", (curves["CNN"] - curves["HOG"]).mean(axis=1))

# %% [markdown]
# How many labels is that? For each curve, the number of labels a group at which it reaches what the CNN has with five:

# %%
target = curves["CNN"].mean(axis=0)[1]
for name in ("pixels", "HOG"):
    mean = curves[name].mean(axis=0)
    enough = f"about {np.interp(target, mean, SIZES):.0f}" if mean[-1] >= target else f"more than {SIZES[-1]}"
    print(f"{name}: {enough} labels a group")

# %% [markdown]
# So a good part of the learning can be done before yours starts: by Dalal and Triggs, who knew that outlines matter
# more than brightness, or by a million photographs. Lesson 5 puts one more curve beside these, the network that is not
# frozen.
#
# Two things the figure also says. HOG's lead over pixels is small, and not the same at every size: it was drawn for
# outlines on photographs, and an emoji's colour, which it throws away, tells something too. And moving matters: on
# emoji that are *not* moved everybody scores higher, since their designers have centred them for you (*Going further*).
# A feature pays where raw numbers vary for reasons that do not matter.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### Changed copies
#
# Augmentation tells the model what does not matter, without a formula: a mirrored apple is an apple. It is said to help
# most with few labels. Two tests: our emoji, and handwritten digits, moved by up to one of their 8 pixels.

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
# The gain is the score with copies minus the score without, for the same labels. The support vector machines take about
# 15 s.

# %%
gains = {}
for name in DESCRIBE:
    more = [[score(name, GAMMA[name], n, seed, "test", COPIES + 1) for n in SIZES] for seed in SEEDS]
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
# That copies help most with few labels holds for digits. On emoji it does not show: the gain is no larger with few labels than with many. Why? Every
# 7 is one shape, somewhere: two of them and a few shifts are nearly all there is to know, and 50 real ones show the
# shifts anyway. But two foods do not tell what food looks like. There, few labels lack *content*, which no copy
# supplies, and copies only pay once there are enough different pictures to copy. The CNN gains next to nothing: shifts
# and mirrors were part of what it had seen before. Augmentation replaces the labels that would have shown the model
# what you already know.

# %% [markdown] slideshow={"slide_type": "slide"}
# ### The copy that leaks
#
# When do you make the copies: before or after setting the test pictures aside? Here is a data set with nothing to
# learn: the labels are thrown by a coin. Every picture gets its changed copies, and the model says what its nearest
# neighbour among the CNN features was labelled.

# %%
from sklearn.neighbors import KNeighborsClassifier

first, after = [], []
for seed in SEEDS:
    rng = np.random.default_rng(seed)
    coin, model = rng.integers(2, size=len(pool)), KNeighborsClassifier(1)
    x, y = np.concatenate(trained_on["CNN"]), np.tile(coin, COPIES + 1)
    test = rng.random(len(x)) < 0.3  # copies first, then the split
    first.append(model.fit(x[~test], y[~test]).score(x[test], y[test]))
    test = rng.random(len(pool)) < 0.3  # the split first, then the copies
    rows = np.tile(~test, COPIES + 1)
    after.append(model.fit(x[rows], y[rows]).score(x[: len(pool)][test], coin[test]))
print(f"copies first, then the split: accuracy {interval(first)}")
print(f"the split first, then copies: accuracy {interval(after)}")

# %% [markdown]
# Half is the truth. A copy in the training set of a picture in the test set is the answer sheet.
#
# ### Exercise 4.5 ●●○ 10 min
# Write `split_then_augment`. `x` is `(N, d)`, `y` is `(N,)`, `test` is a bool array `(N,)`, True for what is set aside.
# `augment(x)` returns a changed copy of any `(n, d)`. Return four arrays: `train_x`, the training rows followed by
# *one* changed copy of all of them, `train_y` to match, `test_x` and `test_y`, as they were. With `x = [[1], [2],
# [3]]`, `y = [0, 1, 1]`, `test = [False, True, False]` and an `augment` that adds 10, the result is `[[1], [3], [11],
# [13]]`, `[0, 1, 0, 1]`, `[[2]]`, `[1]`.
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
visual = KMeans(mm.per_profile(smoke=20, quick=100, full=100), n_init=1, random_state=0).fit(np.concatenate(described))
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
    "side by side": neighbours(np.hstack([by_picture, by_words])),
    "side by side, words doubled": neighbours(np.hstack([by_picture, 2 * by_words])),
}
same = {way: bootstrap_interval(np.mean, (group[rows] == group).astype(float)) for way, rows in nearest.items()}
plotting.bars(same, ylabel="neighbour in the same group", baseline=("chance", 1 / 9))

# %% [markdown] tags=["alt"]
# *Figure: share of neighbours from the same group with 95 % intervals. By picture is low but above chance, by words is
# high; side by side with equal weights lies between, below words alone; with the words doubled it comes close to words
# alone.*

# %% tags=["further"]
agree = np.flatnonzero(nearest["by picture"] == nearest["by words"])
differ = np.flatnonzero((group[nearest["by words"]] == group) & (group[nearest["by picture"]] != group))
rows = [*agree[[0, -1]], *differ[[3, -1]]]
gallery, captions = [], []
for row in rows:
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
# words name the same neighbour; in the lower row they differ: the neighbour by picture shares corners and curves, the
# one by words shares the meaning.*

# %% [markdown]
# That is the surprise of this first multimodal row: **two modalities were worse than one**. Side by side, with equal
# weights, the weak one drowns out the strong one. Features alone do not make a fusion; how to weigh, and when to trust
# whom, is what lessons 7 to 10 are about.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## The answer
#
# How much of the learning can you do before the learning starts? Often most of it. What you can write down (outlines,
# rare words, ears) needs no labels; what you cannot, you can borrow; and what you know does not matter, you can show
# with copies. The price: a feature forgets, and what it forgot no model brings back.

# %% [markdown]
# ## What can go wrong
#
# - **Broken input.** Files are cut short, microphones switched off, tables wrong. A feature should say so at once, or
#   give a value that is documented. What the package does:

# %%
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
# - *"Augmentation helps most with few labels."* True where it supplies what is missing. You saw both.
# - *"Hand-made features are dead."* MFCCs, TF-IDF and mel bands are what many networks still get to eat, and baselines
#   that are hard to beat with few labels.
# - *"We used MFCCs."* Which? librosa's mel scale (Slaney's) is not HTK's; windows, floors and lifters differ. Numbers
#   from two tools are seldom the same numbers.

# %% [markdown]
# ## Three key points
#
# 1. Raw numbers change with what does not matter. A feature keeps what matters: counts weighted by rarity, votes of
#    gradients, bands as an ear hears them.
# 2. With few labels the description decides. Borrowed features beat written-down ones here, and these beat raw pixels,
#    once the pictures move.
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
# <details><summary>C: nothing, before the split comes first</summary>Right. Test pictures have copies in the training set, so remembering is enough.</details>

# %% [markdown]
# ## Going further
#
# Nothing below is needed for the answer.
#
# <details><summary>Emoji that stay where they are</summary>The next cell repeats the first learning curve on pictures that were not moved, with labels from 2 to 50, for pixels and HOG. Compare with the first figure: how much does moving cost each of them?</details>

# %% tags=["further"]
still = {}
for way in ("pixels", "HOG"):
    x, fresh = DESCRIBE[way](pictures[pool]).numpy(), DESCRIBE[way](drawn["valid"][0]).numpy()
    runs = []
    for seed in SEEDS:
        draws = [balanced(groups[pool], n, seed) for n in SIZES]
        svm = [SVC(C=10, kernel=partial(rbf_kernel, gamma=GAMMA[way])) for _ in SIZES]
        fits = [make_pipeline(Normalizer(), m).fit(x[r], groups[pool][r]) for m, r in zip(svm, draws, strict=True)]
        runs.append([balanced_accuracy_score(drawn["valid"][1], fit.predict(fresh)) for fit in fits])
    still[way] = np.array(runs)
print(f"labels a group: {SIZES[0]} to {SIZES[-1]}, not moved, validation pictures")
for way, runs in still.items():
    print(f"{way:7}", "  ".join(str(interval(column)) for column in runs.T))

# %% [markdown]
# <details><summary>Changed copies of words and sounds</summary>Synonyms, a little disorder; pitch, noise, speed. Listen, and ask of each: would I still give it the same label? A synonym by word vectors can be an opposite, and a voice two tones higher may have become somebody else, which matters if the label is the speaker. The player below also has the four sounds of section 3.</details>

# %% tags=["further"]
review = "a good film with a great cast and a weak ending"
print(representation.replace_words(review, rate=0.5, seed=1))
print(representation.reorder(review, distance=2, seed=1))
heard = {
    "four semitones higher": representation.change_pitch(sound, 8000, 4),
    "noise at 10 dB": representation.add_noise(sound, ratio=10),
    "half as fast again": representation.change_speed(sound, 1.5),
}
heard |= {name: wave[: 2 * RATE : 2] for name, wave in sounds.items()}  # the four sounds of section 3, two seconds each
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
        rows, rng = balanced(parts["train"][1], SIZES[2], seed), np.random.default_rng(seed)
        wrong, y = rng.random(len(rows)) < share, parts["train"][1][rows]
        y = np.where(wrong, rng.integers(9, size=len(rows)), y)
        svm = make_pipeline(Normalizer(), SVC(C=10, kernel=partial(rbf_kernel, gamma=GAMMA["CNN"])))
        svm.fit(trained_on["CNN"][0][rows], y)
        found.append(balanced_accuracy_score(parts["valid"][1], svm.predict(unseen["CNN"]["valid"])))
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
