# %% [markdown]
# # 0 Start here
#
# **What is a modality, and how does this course work?** · 60 minutes · needs no other lesson
#
# ![One owl reaches a model as a picture, as names in several languages and as a spoken word; the model answers what it is](flow: an owl -> picture -> model; an owl -> names -> model; an owl -> spoken name -> model; model -> "an animal")
#
# One small owl, three ways to meet it. By the end of this lesson you will have looked at it, read it in fourteen
# languages, heard it, and measured whether two senses know more than one.
#
# New to notebooks? Click the grey cell below and press <kbd>Shift</kbd>+<kbd>Enter</kbd>: it runs, and the next is
# selected. Go on from top to bottom; `[*]` means *still working*. The first cell matters only in Colab; the second may
# take half a minute.

# %% tags=["setup"]
import numpy as np
import torch
import mmcourse as mm
from mmcourse import check, metrics, plotting, widgets

mm.setup(seed=0)

# %% [markdown]
# The two lines above tell you what the course found: its version, where it computes, how large its experiments are (the
# *profile*), and which data is ready. No GPU is needed anywhere.
#
# Later cells use what earlier ones made. `NameError: name … is not defined` nearly always means that a cell above was not
# run since the notebook was opened or restarted: choose *Run > Run All Above Selected Cell*. A folded cell (•••) runs like
# any other. <kbd>Ctrl</kbd>+<kbd>S</kbd> saves your answers; JupyterLab does so by itself only now and then.
#
# You need some Python and NumPy. PyTorch's *tensors* are arrays that can also live on a GPU; here they behave like
# NumPy's.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## How this course works
# - **Predict first**: write your guess on paper before you run the cell. Being wrong there makes the surprise stick.
# - **Exercises** are open functions, rated ●○○ to ●●● and timed: put your code in place of
#   `raise NotImplementedError`, run the cell, then its check. The check says *not attempted yet*, *not yet* with the
#   likely mistake, or *correct*. Two hints and a solved notebook are one click away. Nothing later depends on your answer.
# - **Profiles** set the size of experiments: `quick` fits a laptop, `full` (set the environment variable
#   `MMCOURSE_PROFILE=full` before starting) runs larger ones.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## One thing, several senses
# A **modality** is a way in which something reaches us: as a picture, as words, as sound. Each has its own shape and
# knows something that the others do not. Emoji are a friendly place to see this, because every one of them comes with a
# drawing, with names in many languages, and with a name that can be spoken.
#
# The first time, the next cell fetches and draws 3,944 pictures (about 20 s). After that they are kept.

# %%
emoji = mm.data.table("emoji")
splits = mm.load("emoji")
pictures = {}
for split in (splits.train, splits.valid, splits.test):
    inputs, _ = split.arrays()
    pictures.update(zip(inputs["text"], inputs["image"]))
plotting.images([pictures["owl"]], ["an owl"])

# %% [markdown] tags=["alt"]
# *Figure: a small drawing of a grey owl with a brown face standing on its feet, made of visible square dots.*

# %% [markdown]
# To a computer that drawing is a block of numbers. And the owl has a name in each of these languages:

# %%
languages = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese",
             "tr": "Turkish", "id": "Indonesian", "ru": "Russian", "ar": "Arabic", "fa": "Persian", "ko": "Korean",
             "ja": "Japanese", "zh": "Chinese"}  # fmt: skip
owl = emoji[emoji["en"] == "owl"].iloc[0]
print(
    "picture:", pictures["owl"].shape, "numbers between", pictures["owl"].min().round(2), "and", pictures["owl"].max()
)
print("names:  ", ", ".join(f"{owl[code]} ({name})" for code, name in languages.items()))

# %% [markdown]
# The picture has three layers (red, green, blue) of 48 rows and 48 columns. The names are rows of characters. Now listen:
# a small speech synthesiser says the German name. To the computer, that too is a row of numbers.

# %%
from mmcourse.data.voice import speak
from IPython.display import Audio, display

wave, rate = speak(owl["de"], voice="de")
display(Audio(wave, rate=rate))
print(f"{len(wave)} numbers, {rate} a second: {len(wave) / rate:.2f} s of sound")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Six shapes of data
# Nearly everything in this course has one of six shapes:
#
# | shape | what it is | an example |
# |---|---|---|
# | image | a grid: layers x rows x columns | a drawing |
# | text | a row of symbols | a name |
# | audio | a row of numbers, thousands a second | a spoken name |
# | video | a row of images | the moon, night after night |
# | time series | a row of measurements | a price, day after day |
# | graph | things and the links between them | animals that share a keyword |

# %%
moon = ["new moon", "waxing crescent moon", "first quarter moon", "waxing gibbous moon", "full moon",
        "waning gibbous moon", "last quarter moon", "waning crescent moon"]  # fmt: skip
video = np.stack([pictures[name] for name in moon])
print("video:", video.shape, "= frames x layers x rows x columns")
plotting.images(list(video), [str(i) for i in range(1, 9)])

# %% [markdown] tags=["alt"]
# *Figure: eight frames in a row; the lit part of the moon grows from nothing to a full disc and shrinks again.*

# %% [markdown]
# A video is a stack of images with an order: shuffle the frames and the moon no longer waxes. Next, one window for each
# of three other shapes: the sound of the owl's name, a stock's price, and a graph of six animals.

# %%
import matplotlib.pyplot as plt

animals = ["owl", "duck", "penguin", "whale", "octopus", "shark"]
tags = {row.en: set(row.keywords) - {"animal", "nature"} for row in emoji.itertuples() if row.en in animals}
prices = mm.data.table("stocks").iloc[:, 0]
places = {name: (np.cos(k), np.sin(k)) for name, k in zip(animals, np.linspace(0, 2 * np.pi, 7))}

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4))
left.plot(np.arange(len(wave)) / rate, wave, lw=0.6)
left.set(title="audio", xlabel="seconds", ylabel="amplitude")
middle.plot(prices.index.year + prices.index.day_of_year / 366, prices)
middle.set(
    title="time series",
    xlabel="year",
    ylabel=f"{prices.name}, dollars",
    yscale="log",
    xticks=[1990, 2000, 2010, 2020],
)
for a in animals:
    for b in animals:
        if a < b and tags[a] & tags[b]:
            right.plot(*zip(places[a], places[b]), color="0.6", zorder=1)
for name, (x, y) in places.items():
    right.text(x, y, name, ha="center", va="center", bbox={"boxstyle": "round", "fc": "white", "ec": "0.5"})
right.set(title="graph", xlim=(-1.5, 1.5), ylim=(-1.4, 1.4))
_ = right.axis("off")

# %% [markdown] tags=["alt"]
# *Figure: three panels. Left, the waveform of the spoken name, two bursts of rapid swings with a quieter stretch between. Middle, a stock price over
# three decades on a logarithmic axis, adjusted for splits. Right, six animal names; lines join the three birds
# with each other and the three sea animals with each other.*

# %% [markdown]
# ### Exercise 0.1 ●○○ 3 min
# In this course a sample is a `dict` from the name of a modality to its array. Write `modality_shapes`, which says what
# shape each has. For `{"image": pictures["owl"], "audio": wave}` a right answer begins with `{'image': (3, 48, 48)`.
#
# Press <kbd>Shift</kbd>+<kbd>Enter</kbd> on your answer, then on the check below it. Try a wrong answer too: the check
# names likely mistakes.
# <details><summary>Hint: the idea</summary>Every NumPy array and torch tensor knows its own <code>.shape</code>.</details>
# <details><summary>Hint: pseudocode</summary>for each name and array of the dict: keep the name, put tuple(array.shape) beside it.</details>


# %% tags=["exercise"]
def modality_shapes(sample):
    ### BEGIN SOLUTION
    return {name: tuple(array.shape) for name, array in sample.items()}
    ### END SOLUTION


# %%
check.ex0_1(modality_shapes)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Different lengths, one batch
# Models take many samples at once, in a *batch*. Pictures of one size stack neatly. Spoken names do not: some are long,
# some short. So the short ones are filled up with zeros, and a **mask** remembers what is real. Everywhere in this
# course, **True means keep**.

# %%
spoken = [speak(owl[code], voice=code)[0][::8] for code in ("en", "de", "fr", "tr")]
batch, masks, _ = mm.data.collate([({"audio": torch.as_tensor(sound)}, 0) for sound in spoken])
print("batch:", tuple(batch["audio"].shape), " kept:", masks["audio"].sum(1).tolist())
figure, axes = plt.subplots(figsize=(8, 2.2))
axes.barh(["English", "German", "French", "Turkish"], masks["audio"].shape[1], color="0.85", label="padding")
axes.barh(["English", "German", "French", "Turkish"], masks["audio"].sum(1), label="real: True")
axes.set(xlabel="position in the row (time)")
axes.invert_yaxis()
_ = figure.legend(loc="outside right upper")

# %% [markdown] tags=["alt"]
# *Figure: four horizontal bars of different length, one a language; the dark part is real sound, the
# light rest is padding.*

# %% [markdown]
# ### Exercise 0.2 ●○○ 8 min
# Padding is the most common quiet error of the field: nothing crashes, the numbers are just wrong. Write `masked_mean`,
# the average over time of what is real, for `values` of shape (B, T, d): B samples, T moments, d numbers each. A row with
# nothing real gives zeros. The padding may hold anything, even NaN.
#
# With `values` all 2.0 and half of them padded with 0.0, a right answer gives 2.0 and a careless one 1.0.
# <details><summary>Hint: the idea</summary>Where the mask is False put 0, add up, and divide by how many are True, not by the length.</details>
# <details><summary>Hint: pseudocode</summary>kept = torch.where(mask[..., None], values, 0); sum over axis 1; divide by mask.sum(1)[:, None], but at least by 1.</details>


# %% tags=["exercise"]
def masked_mean(values, mask):  # (B, T, d), bool (B, T) -> (B, d)
    ### BEGIN SOLUTION
    kept = torch.where(mask[..., None], values, torch.zeros_like(values))
    return kept.sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
    ### END SOLUTION


# %%
check.ex0_2(masked_mean)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What does each sense know?
# Emoji come in groups: animals, food, objects and so on. Suppose you know the groups of 400 emoji and meet a new one.
# A simple way to guess: find the most similar emoji you know, and say its group. *Similar* can mean that the pictures
# look alike, or that the names share letters.
#
# To be fair, each figure appears once (not in six skin tones), and flags are left out because their names give them away.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer

first = emoji.drop_duplicates("family")
first = first[first["group"] != "Flags"]
group = first["group"].to_numpy()
print(len(first), "emoji:", first["group"].value_counts().to_dict())

# %% [markdown]
# Pictures become rows of numbers by shrinking them to 12 x 12 dots; names by counting their letters and pairs and
# triples of letters, of which the rare ones weigh more (lesson 4 explains both). No group is looked at. Rows are scaled
# to length 1. Multiply two rows number by number and add up: that is their *cosine similarity*, 1 for the same direction,
# 0 for nothing in common.


# %%
def picture_rows(names):
    # 1 - picture: the white background then counts as nothing
    dots = np.stack([1 - pictures[name].reshape(3, 12, 4, 12, 4).mean((2, 4)).ravel() for name in names])
    return dots / np.linalg.norm(dots, axis=1, keepdims=True)


def name_rows(names):
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True).fit_transform(names).toarray()


look, read = picture_rows(first["en"]), name_rows(first["en"])
assert np.allclose(np.linalg.norm(read, axis=1), 1) and np.allclose(np.linalg.norm(look, axis=1), 1)

# %% [markdown] tags=["predict"]
# **Predict first.** There are eight groups, and the largest holds about a fifth of the emoji. Write down three guesses:
# how many new emoji in 100 will be put into the right group by their **picture**, by their **English name**, and by
# **both** together?


# %%
def guess(similarity, known, new):
    """Say the group of the most similar known emoji, for each new one."""
    return group[known][similarity[np.ix_(new, known)].argmax(1)]


similarity = {"picture": look @ look.T, "name": read @ read.T}
similarity["both"] = similarity["picture"] + similarity["name"]
right = {"always the largest group": [], "picture": [], "name": [], "both": []}
for seed in range(mm.per_profile(smoke=5, quick=20, full=100)):
    order = np.random.default_rng(seed).permutation(len(first))
    known, new = order[:400], order[400:]
    largest = max(set(group[known]), key=list(group[known]).count)
    right["always the largest group"].append(np.mean(group[new] == largest))
    for sense, table in similarity.items():
        right[sense].append(np.mean(guess(table, known, new) == group[new]))

# %% [markdown]
# Every seed draws another 400 emoji to know, so we get a spread and not just one lucky number.

# %%
shares = {name: 100 * np.array(values) for name, values in right.items()}
plotting.bars({name: shares[name] for name in ("picture", "name", "both")}, ylabel="right group (%)",
              baseline=("always the largest group", shares["always the largest group"].mean()))  # fmt: skip

# %% [markdown] tags=["alt"]
# *Figure: bars with small 95 % intervals. The picture alone is right least often, the name more often, both together most
# often; all three are far above the dashed line of always naming the largest group.*

# %%
gain = shares["both"] - np.maximum(shares["picture"], shares["name"])
mm.claim("00.1", "picture and name together beat the better of the two", gain, margin=3.0, unit="points")

# %% [markdown]
# How close were you? Neither sense was trained, nothing was tuned, and adding two similarities already knows more than
# either. Why? Look at which emoji each sense gets right, in the last draw:

# %%
by_picture, by_name = (guess(similarity[sense], known, new) == group[new] for sense in ("picture", "name"))
for words, share in {
    "both senses right": by_picture & by_name,
    "only the picture right": by_picture & ~by_name,
    "only the name right": ~by_picture & by_name,
    "neither right": ~by_picture & ~by_name,
}.items():
    print(f"{words:24s}{np.mean(share):4.0%}")

# %% [markdown]
# The two are often wrong about *different* emoji, so one can help the other out. That is the promise of multimodal learning,
# and lesson 3 asks when it is kept.
#
# A line that begins with **claim** appears wherever this course says that something is so: the estimate, its 95 % interval,
# and what was needed. (Where the claim is that two things are about equal, the difference must stay close to 0; the line says how close.)
# Here the interval covers repeated draws from *these* emoji; it says nothing about emoji that do not exist yet.

# %% [markdown]
# ### Exercise 0.3 ●○○ 5 min
# A score means nothing without a **baseline**: what would someone score who never looks? Write `majority_accuracy`: learn
# the commonest answer from the training part and score it on the test part. With training answers `a a b` and test
# answers `a b b b` a right answer gives 0.25.
# <details><summary>Hint: the idea</summary>The guess may only use what was known before the test: the training answers.</details>
# <details><summary>Hint: pseudocode</summary>values, counts = np.unique(train, return_counts=True); guess = values[counts.argmax()]; mean of (test == guess).</details>


# %% tags=["exercise"]
def majority_accuracy(train_targets, test_targets):
    ### BEGIN SOLUTION
    values, counts = np.unique(train_targets, return_counts=True)
    return float(np.mean(np.asarray(test_targets) == values[counts.argmax()]))
    ### END SOLUTION


# %%
check.ex0_3(majority_accuracy)

# %% [markdown]
# ### Exercise 0.4 ●●○ 10 min
# Write `nearest`: for each query, the row number of the most similar item by **cosine** similarity. Scale matters here: a
# loud item must not win because it is loud. With queries `[[1, 0]]` and items `[[0.5, 0], [9, 9]]` a right answer gives
# `[0]`, a plain product gives `[1]`.
# <details><summary>Hint: the idea</summary>Divide every row by its length first; then the largest product is the smallest angle.</details>
# <details><summary>Hint: pseudocode</summary>unit(x) = x / norm of each row; scores = unit(queries) @ unit(items).T; argmax over items.</details>


# %% tags=["exercise"]
def nearest(queries, items):  # (n, d), (m, d) -> (n,)
    ### BEGIN SOLUTION
    def unit(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    return (unit(np.asarray(queries, float)) @ unit(np.asarray(items, float)).T).argmax(1)
    ### END SOLUTION


# %%
check.ex0_4(nearest)

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Turn it in your hands
# Choose an emoji and a language; hear its name, and see which emoji is most similar by picture, by name in that language,
# and by both. Start with the owl. In English its nearest name is not a bird at all: **why that one?** Then find a language
# in which the owl's nearest name is another bird.

# %% tags=["further"]
import base64
import io
from functools import cache

en = first["en"].tolist()


@cache
def name_similarity(language):
    rows = name_rows(first[language])
    return rows @ rows.T


def as_image(picture):
    """Write a picture into a web page."""
    file = io.BytesIO()
    plt.imsave(file, picture.transpose(1, 2, 0))
    return f"<img alt='' src='data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}'>"


# %% [markdown]
# `meet` says what the widget shows for one emoji in one language.


# %% tags=["further"]
def meet(animal, language):
    row = en.index(animal)
    by_name, by_picture = name_similarity(language)[row], similarity["picture"][row]
    scores = {"picture": by_picture, "name": by_name, "both": by_picture + by_name}
    best = {sense: first.iloc[np.argsort(-s)[1]] for sense, s in scores.items()}
    html = f"<p style='font-size:2em;margin:0'>{as_image(pictures[animal])} {first.iloc[row][language]}</p>"
    if language != "ja":
        html += Audio(speak(first.iloc[row][language], voice=language)[0][::2], rate=rate // 2)._repr_html_()
    cells = {sense: f"{as_image(pictures[b.en])} {b[language]} ({b.en})" for sense, b in best.items()}
    rows = "".join(f"<tr><td>{sense}</td><td>{cell}</td></tr>" for sense, cell in cells.items())
    return f"{html}<table><tr><th>by</th><th>most similar</th></tr>{rows}</table>"


# %% [markdown]
# Choose from the two lists (by keyboard: Tab reaches a list, Space opens it). Japanese stays silent: this
# synthesiser cannot read its characters. (The two folded cells above only write the little web page.)
# <details><summary>Answers</summary>b-OWL-ing: the letters decide, and nothing else. The nearest name is <i>bird</i> in Turkish and Indonesian and <i>eagle</i> in Chinese.</details>

# %%
choices = ["owl", "duck", "whale", "octopus", "pizza", "rocket", "guitar", "red heart", "snowflake", "sun"]
_ = widgets.explore(
    meet, animal=[name for name in choices if name in en], language={name: code for code, name in languages.items()}
)

# %% [markdown]
# A surprise may be waiting: how much do names know in *other* languages? The same experiment, with names alone
# (fourteen times twenty: about 10 s).

# %%
by_language, draws = {}, range(mm.per_profile(smoke=5, quick=20, full=100))
for code, name in languages.items():
    orders = [np.random.default_rng(seed).permutation(len(first)) for seed in draws]
    by_language[name] = [
        100 * np.mean(guess(name_similarity(code), o[:400], o[400:]) == group[o[400:]]) for o in orders
    ]
plotting.bars(by_language, ylabel="right group (%)", title="Guessing an emoji's group by its name alone",
              baseline=("always the largest group", shares["always the largest group"].mean()))  # fmt: skip

# %% [markdown] tags=["alt"]
# *Figure: fourteen bars of nearly equal height, one a language; all are far above the dashed baseline.*

# %%
means = {name: np.mean(values) for name, values in by_language.items()}
print(f"highest: {max(means, key=means.get)} {max(means.values()):.0f} %, ",
      f"lowest: {min(means, key=means.get)} {min(means.values()):.0f} %, ",
      f"baseline: {shares['always the largest group'].mean():.0f} %")  # fmt: skip

# %% [markdown]
# Nobody told the method a word of any language, yet it works in all fourteen, in six writing systems, nearly equally well.
# It never understood a name. It matched letters, and related things share pieces of words everywhere. (Do not read a ranking
# of languages out of this figure: it tells as much about the translators and about how many letters a script has.)
#
# One question is left. If a *picture* beside the name helps, would a **second language** have helped as much? Guess.

# %%
orders = [np.random.default_rng(seed).permutation(len(first)) for seed in draws]
second = {"name alone": name_similarity("en")}
second |= {f"name + {languages[code]}": second["name alone"] + name_similarity(code) for code in ("de", "id", "zh")}
second["name + picture"] = similarity["both"]
plotting.bars({name: [100 * np.mean(guess(table, o[:400], o[400:]) == group[o[400:]]) for o in orders]
               for name, table in second.items()}, ylabel="right group (%)")  # fmt: skip

# %% [markdown] tags=["alt"]
# *Figure: five bars. The English name alone is lowest. Adding the German, Indonesian or Chinese name lifts it about as much
# as adding the picture does.*

# %% [markdown]
# It does, about as much. So a gain from a second *source* does not yet show that it was another *sense*. What does a sense
# add that more of the same cannot? Lesson 3 measures just that.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## Five challenges
# Baltrušaitis, Ahuja and Morency sorted the whole field into five challenges. This course follows them:
#
# | challenge | the question | with the owl | part |
# |---|---|---|---|
# | representation | how to turn raw data into useful numbers? | 12 x 12 dots, letter counts | 2 |
# | fusion | how to combine senses into one answer? | adding two similarities | 3 |
# | alignment | which piece of one belongs to which of another? | which sound goes with which letter | 4 |
# | translation | how to get from one sense to another? | from name to picture | 5 |
# | co-learning | how can one sense teach another? | names as free labels for pictures | 6 |
#
# Part 1 comes first: before combining senses, combine models.

# %% [markdown]
# Liang, Zadeh and Morency drew the map again in 2022, with six: representation, alignment, **reasoning** (combining
# knowledge in several steps), **generation** (their wider word for translation), **transference** (their word for
# co-learning) and **quantification** (measuring what models and modalities do). Fusion became part of representation.
# The words differ from article to article; the questions do not.

# %% [markdown]
# ## Looking inside
# The package is written to be read. `mm.show_source` opens any block of it:

# %%
mm.show_source(metrics.interval)

# %% [markdown]
# And when something does not work, ask the doctor. It looks at Python, packages, GPU, disk and data, and says what to do
# about each `!!`.

# %%
from mmcourse.doctor import doctor

healthy = doctor()

# %% [markdown]
# ## What can go wrong
# - **Cells out of order.** A name is unknown because its cell was not run, or a value is old. *Kernel > Restart Kernel and
#   Run All Cells* puts it right; answers and progress are kept. After a SyntaxError in your cell, its check
#   still sees your earlier function.
# - **A score without a baseline.** 40 % sounds poor until you know that guessing gives 10 %, and 90 % sounds good until you
#   know that 95 % of the answers are the same.
# - **Twins in both halves.** With six skin tones of one figure in the data, a new emoji is often a twin of a known one and
#   guessing looks brilliant. Related items belong on one side of a split.

# %% [markdown]
# ## Three key points
# 1. A modality is a way in which something reaches us; each has its shape: image, text, audio, video, time series, graph.
# 2. Two senses that err in different places can know more together than the better of the two.
# 3. Believe a number when it comes with a baseline, an interval, and a split that no twin straddles.

# %% [markdown]
# ## Quiz
# **1.** A batch of spoken names is padded with zeros. What does `True` in its mask mean?
# <details><summary>A: this position is padding, ignore it</summary>Some libraries mean just that, which is a fine source of errors. In this course True means keep.</details>
# <details><summary>B: this position is real, keep it</summary>Right. Everywhere in the course, and for missing modalities too.</details>
# <details><summary>C: the sound is loud here</summary>The mask knows nothing of loudness; a silent but recorded moment is True.</details>
#
# **2.** Why did picture and name together beat the name alone?
# <details><summary>A: two methods are always better than one</summary>Not always: a second method that errs on the same emoji adds nothing. Lesson 2 shows it.</details>
# <details><summary>B: the picture was the better sense</summary>It was the weaker one, as the bars show.</details>
# <details><summary>C: they are wrong about different emoji</summary>Right. Where one is unsure, the other often is not.</details>
#
# **3.** A model scores 90 %. What do you ask first?
# <details><summary>A: how many layers it has, and who trained it</summary>Interesting later. First you need to know whether 90 % is much.</details>
# <details><summary>B: what the majority baseline scores, and on which split</summary>Right. Without these two, 90 % says nothing.</details>
# <details><summary>C: whether it also reaches 90 % on its training data</summary>It usually scores more there. That says nothing about new data.</details>

# %% [markdown]
# So: a modality is a way in which something reaches us, and this course teaches you to let several of them work together, and to
# measure whether they do. Your progress so far stands below. Go on with
# [lesson 1](01_bagging_and_forests.ipynb).

# %% [markdown]
# ## References
# - T. Baltrušaitis, C. Ahuja, L.-P. Morency (2019). Multimodal machine learning: a survey and taxonomy. *IEEE Transactions on Pattern Analysis and Machine Intelligence* 41(2). (Online 2018.)
# - P. P. Liang, A. Zadeh, L.-P. Morency (2022). Foundations and trends in multimodal machine learning: principles, challenges, and open questions. *arXiv:2209.03430*; *ACM Computing Surveys* 56(10), 2024.
# - Pictures: OpenMoji, the open-source emoji and icon project, CC BY-SA 4.0. Names: Unicode's Common Locale Data Repository. Voice: eSpeak NG. Prices and their terms: `data/stocks.md`.
