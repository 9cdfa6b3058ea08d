# %% [markdown]
# # Bring your own two modalities
#
# **Is fusion worth it on your data?** · 60 minutes · needs lessons 7 and 10
#
# ![Your folder or table is divided, each modality is described by numbers, judged alone and fused, tested with one modality missing, and reported](flow: folder or table -> divide; divide -> picture alone -> take one away; divide -> text alone -> take one away; divide -> fused -> take one away; take one away -> report)
#
# Point this notebook at a folder of captioned pictures or at a table, run it from top to bottom, and read the report at its
# end. Until you do, it runs on emoji and their names. The rules are those of the course: choose on validation data, open
# the test part once, and put the cheapest rival beside every figure.

# %% tags=["setup"]
import mmcourse as mm
from mmcourse import fusion, plotting, representation
from mmcourse.data.splits import grouped_splits

mm.setup(seed=0)

# %% [markdown]
# ## 1 Load
#
# Set `PLACE` and run. Three ways:
#
# - `None`: the example, emoji.
# - **A folder** with one folder a class, and beside each picture a text (UTF-8) of the same name: `cats/tom.jpg` and
#   `cats/tom.txt`.
# - **A table** (CSV): name the column to predict in `TARGET`, and in `COLUMNS` what belongs to each modality: one name in
#   quotes for a column of text or of picture files (as seen from the table's folder), a list of names for columns of numbers.
#
# `GROUP` names a column of things that belong together (one patient, one speaker, one product). Rows of one group never
# stand on both sides of a split. If your rows have relatives, this is the most important setting of all.

# %%
PLACE = None  # "/path/to/folder" or "C:/path/to/table.csv"
TARGET = "label"  # for a table
COLUMNS = {"text": "review", "numbers": ["age", "height"]}
GROUP = None

# %% [markdown]
# Read the functions once: your data may need a line of yours. A file that cannot be read is named.

# %%
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

KINDS = (".png", ".jpg", ".jpeg", ".webp")


def read_picture(file):
    with Image.open(file) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (64, 64))).transpose(2, 0, 1)


def read_text(file):
    return file.read_text(encoding="utf-8-sig").strip()


# %% [markdown]
# `from_folder` and `from_table` return the modalities, the class of each item, and its group.


# %%
def read_each(files, read):
    """Read every file, or raise a ValueError that says how many cannot be read, and names one."""
    found, bad = [], []
    for file in files:
        try:
            found.append(read(file))
        except (OSError, ValueError) as error:
            bad.append(f"{file}: {getattr(error, 'strerror', None) or error}")
    if bad:
        raise ValueError(f"{len(bad)} of {len(files)} files cannot be read, such as {bad[0]}")
    return found


def from_folder(place):
    """Pictures in one folder a class, each with its text beside it."""
    files = sorted(f for f in Path(place).glob("*/*") if f.suffix.lower() in KINDS and not f.name.startswith("."))
    if not files:
        raise ValueError(f"{place} is no folder, or holds no pictures in class folders, such as {place}/cats/tom.jpg")
    inputs = {"image": np.stack(read_each(files, read_picture))}
    inputs["text"] = read_each([file.with_suffix(".txt") for file in files], read_text)
    return inputs, [file.parent.name for file in files], None


# %% [markdown]
# A table may hold a missing column, empty cells, or words where numbers should be. Better to hear it now than to train on it.


# %%
def read_table(place):
    """A CSV file, divided by commas or, with decimal commas, by semicolons."""
    try:
        header = Path(place).read_text(encoding="utf-8-sig").partition("\n")[0]
        semicolons = {"sep": ";", "decimal": ","} if header.count(";") > header.count(",") else {}
        return pd.read_csv(place, **semicolons)
    except (OSError, ValueError) as error:
        raise ValueError(f"{place} cannot be read as a table (CSV, UTF-8): {error}") from None


def columns_of(table, chosen, folder):
    """One modality: numbers, texts, or the pictures whose files a column names."""
    if not isinstance(chosen, str):
        if words := [c for c in chosen if not pd.api.types.is_numeric_dtype(table[c])]:
            raise ValueError(f"columns {words} hold words; give one column of text as a str, not a list")
        return table[chosen].to_numpy(float)
    if pd.api.types.is_numeric_dtype(table[chosen]):
        raise ValueError(f"column {chosen!r} holds numbers; give it as a list: [{chosen!r}]")
    values = table[chosen].astype(str).tolist()
    pictures = all(value.lower().endswith(KINDS) for value in values)
    return np.stack(read_each([folder / value for value in values], read_picture)) if pictures else values


# %% [markdown]
# What to predict must not be among the modalities: everything would look solved.


# %%
def from_table(place, target, columns, group=None):
    """A CSV file; `columns` maps each modality to one column of texts or pictures (str) or to columns of numbers (list)."""
    table = read_table(place)
    used = [*filter(None, [group]), *(n for c in columns.values() for n in ([c] if isinstance(c, str) else c))]
    if lost := [name for name in [target, *used] if name not in table]:
        raise ValueError(f"there is no column {lost}; the table has {list(table)}")
    if target in used:
        raise ValueError(f"{target!r} is what to predict; it cannot be a modality or the group, too")
    if holes := {name: int(n) for name, n in table[[target, *used]].isna().sum().items() if n}:
        raise ValueError(f"empty cells: {holes}; fill them or drop their rows")
    inputs = {modality: columns_of(table, chosen, Path(place).parent) for modality, chosen in columns.items()}
    return inputs, table[target].tolist(), table[group].to_numpy() if group else None


# %% [markdown]
# What no loader can know: are there enough items of each class to learn from, and to test on?


# %%
def check_items(inputs, target, least=10):
    """Raise a ValueError that says what is wrong with the items, if anything is."""
    if len(inputs) < 2:
        raise ValueError(f"fusion needs at least two modalities; there is {list(inputs)}")
    for name, values in inputs.items():
        blank = [row for row, value in enumerate(values) if isinstance(value, str) and not value.strip()]
        if blank:
            raise ValueError(f"{name!r} is blank in {len(blank)} items, first in item {blank[0]}")
        if not isinstance(values[0], str) and not np.isfinite(values).all():
            raise ValueError(f"{name!r} holds infinity or NaN")
    counts = pd.Series(target).value_counts()
    if len(counts) > 50:
        raise ValueError(f"{len(counts)} classes; is the target a number? Cut it into classes (pandas.qcut)")
    if len(counts) < 2:
        raise ValueError(f"all items are of one class, {counts.index[0]!r}; there is nothing to tell apart")
    if few := counts[counts < least].to_dict():
        raise ValueError(f"classes with fewer than {least} items: {few}; join them with others or leave them out")


# %% [markdown]
# The example is made in the same form: one emoji a family, so that the six skin tones of a hand do not count as six finds.


# %%
def example():
    """Emoji pictures and English names; the class is the group (smileys, animals, food ...)."""
    splits = mm.load("emoji")
    parts = [(*split.arrays(), split.groups) for split in (splits.train, splits.valid, splits.test)]
    picture, text = (np.concatenate([inputs[k] for inputs, _, _ in parts]) for k in ("image", "text"))
    group, family = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    first = np.unique(family, return_index=True)[1][:: mm.per_profile(smoke=4, quick=1, full=1)]
    inputs = {"image": (picture[first] * 255).astype(np.uint8), "text": text[first].tolist()}
    return inputs, [splits.classes[k] for k in group[first]], family[first]


if PLACE is None:
    inputs, target, groups = example()
elif (place := Path(PLACE).expanduser()).is_dir():
    inputs, target, groups = from_folder(place)
else:
    inputs, target, groups = from_table(place, TARGET, COLUMNS, GROUP)
check_items(inputs, target)
print(f"{len(target)} items, {len(set(target))} classes, modalities: {', '.join(inputs)}")

# %% [markdown]
# ## 2 Look
#
# Divide first, look afterwards, and at the training part only.

# %%
classes, codes = np.unique(np.array(target).astype(str), return_inverse=True)
groups = np.arange(len(codes)) if groups is None else pd.factorize(groups)[0]
splits = grouped_splits(inputs, codes, groups, classes=classes)
PARTS = {"train": splits.train, "valid": splits.valid, "test": splits.test}
answer = {part: split.target for part, split in PARTS.items()}
assert not set(splits.train.groups) & set(splits.test.groups)
counts = pd.DataFrame({part: np.bincount(y, minlength=len(classes)) for part, y in answer.items()}, index=classes)
if gone := list(counts.index[(counts == 0).any(axis=1)]):
    raise ValueError(f"{gone} cannot be in all three parts: too few groups hold them")
counts

# %% [markdown]
# Do the numbers look as you expected? Is a class so rare in the test part that two mistakes would halve its score?

# %% tags=["further"]
import matplotlib.pyplot as plt


def words_of(value):
    return value[:40] if isinstance(value, str) else np.array2string(np.asarray(value)[:6], precision=2)


shown, _ = splits.train.arrays()
rows = np.random.default_rng(0).permutation(len(splits.train))[:4]
pictures = [name for name, values in shown.items() if getattr(values, "ndim", 1) == 4]
figure, grid = plt.subplots(1, 4, figsize=(11, 2.6))
for axes, row in zip(grid, rows):
    axes.axis("off")
    if pictures:
        axes.imshow(shown[pictures[0]][row].transpose(1, 2, 0))
    told = [words_of(values[row]) for name, values in shown.items() if name not in pictures]
    axes.set_title("\n".join([classes[answer["train"][row]], *told]), fontsize=11)

# %% [markdown] tags=["alt"]
# *Figure: four training items side by side: the picture, if there is one, below its class and what the other modalities say.*

# %% [markdown]
# ## 3 Each modality alone
#
# Every modality becomes rows of numbers: texts by a sentence transformer and pictures by a network trained on photos
# (lesson 4); numbers stay what they are. All are scaled by the mean and spread of the *training* part, and cut off at four
# spreads: a number that hardly moves in training could be a million spreads away in a test item (about 15 s).


# %%
import torch


def describe(values):
    """One row of numbers an item, for texts, pictures or numbers."""
    if isinstance(values[0], str):
        return representation.sentence_vectors(list(values)).numpy()
    if values.ndim == 4:
        return representation.cnn_features(torch.tensor(values), size=64).numpy()
    return values.astype(np.float32)


raw = {part: {name: describe(x) for name, x in split.arrays()[0].items()} for part, split in PARTS.items()}


def scaled(x, known):
    """In spreads of the training part, at most four; a column that is the same in all of it becomes 0."""
    spread = known.std(0)
    spread = np.where(spread > 1e-6, spread, np.inf)
    return np.clip((x - known.mean(0)) / spread, -4, 4).astype(np.float32)


X = {part: {name: scaled(x, raw["train"][name]) for name, x in raw[part].items()} for part in PARTS}

# %% [markdown] tags=["predict"]
# **Predict first.** Write down, for *your* data: how often is the most frequent class right, how often each modality alone, and
# how often both together?


# %%
from sklearn.linear_model import LogisticRegression


def joined(part, names):
    """The rows of some modalities side by side, each modality with the same weight, however wide it is."""
    return np.hstack([X[part][name] / X[part][name].shape[1] ** 0.5 for name in names])


def best_model(names):
    """The logistic regression whose C is best on validation data."""
    models = [LogisticRegression(C=C, max_iter=500) for C in (0.1, 1, 10, 100)]
    for model in models:
        model.fit(joined("train", names), answer["train"])
    return max(models, key=lambda model: model.score(joined("valid", names), answer["valid"]))


def score(probabilities, part="valid"):
    """Per cent right."""
    return 100 * np.mean(probabilities.argmax(1) == answer[part])


# %% [markdown]
# The cheapest rival of all always says the most frequent class.

# %%
NAMES = list(inputs)
models = {name: best_model([name]) for name in NAMES}
said = {part: {name: models[name].predict_proba(joined(part, [name])) for name in NAMES} for part in ("valid", "test")}
largest = np.bincount(answer["train"]).argmax()
majority = {part: 100 * np.mean(answer[part] == largest) for part in ("valid", "test")}
print(f"validation accuracy in %: always '{classes[largest]}' {majority['valid']:.1f}")
print("\n".join(f"{name} alone {score(said['valid'][name]):.1f}" for name in NAMES))

# %% [markdown]
# Is a modality no better than the most frequent class? Perhaps you described it badly: look at it again before you fuse it.
# (It may still help beside another one, where the two only say something together.)
#
# ## 4 Fuse
#
# Four ways of lesson 7, cheapest first: one model on all numbers side by side (early); the average and the product of the
# decisions (late); a network with an encoder a modality, a fusion block and modality dropout (intermediate, lesson 10).

# %%
early = best_model(NAMES)
for part in ("valid", "test"):
    opinions = torch.tensor(np.stack([said[part][name] for name in NAMES]))
    said[part]["early"] = early.predict_proba(joined(part, NAMES))
    said[part]["late, average"] = fusion.average_decisions(opinions).numpy()
    said[part]["late, product"] = fusion.product_decisions(opinions).numpy()


# %% [markdown]
# The network, once without and once with modality dropout (about 10 s):


# %%
class Fused(torch.nn.Module):
    """An encoder a modality, modality dropout, a fusion block, the output."""

    def __init__(self, p, hidden=64):
        super().__init__()
        widths = {name: X["train"][name].shape[1] for name in NAMES}
        layers = {name: torch.nn.Sequential(torch.nn.Linear(d, hidden), torch.nn.ReLU()) for name, d in widths.items()}
        self.encoders, self.drop = torch.nn.ModuleDict(layers), fusion.ModalityDropout(p)
        self.fuse = fusion.ConcatFusion(dict.fromkeys(NAMES, hidden), hidden)
        self.output = torch.nn.Linear(hidden, len(classes))

    def forward(self, inputs, present=None):
        features = {name: encoder(inputs[name]) for name, encoder in self.encoders.items()}
        return self.output(self.fuse(*self.drop(features, present)).relu())


# %%
def items(part):
    return [({n: torch.tensor(X[part][n][k]) for n in NAMES}, torch.tensor(y)) for k, y in enumerate(answer[part])]


def loss(model, batch):
    return torch.nn.functional.cross_entropy(model(batch[0]), batch[2])


def train(p):
    torch.manual_seed(0)
    model = Fused(p)
    epochs = mm.per_profile(smoke=3, quick=30, full=60)
    mm.fit(model, items("train"), items("valid"), loss=loss, epochs=epochs, weight_decay=0.1, verbose=False)
    return model


@torch.no_grad()
def ask(model, part, without=()):
    """What the network says: probabilities (N, K); `without` are modalities taken away."""
    model = model.cpu()
    rows = {name: torch.tensor(x) for name, x in X[part].items()}
    present = {name: torch.full((len(answer[part]),), name not in without) for name in NAMES}
    return model(rows, present).softmax(-1).double().numpy()


networks = {"network": train(0.0), "network, modality dropout": train(0.3)}

# %% [markdown]
# Now everything in one picture, on validation data. The dashed line is the cheapest rival of all.

# %%
for part in ("valid", "test"):
    said[part] |= {name: ask(network, part) for name, network in networks.items()}
hits = {name: 100.0 * (p.argmax(1) == answer["valid"]) for name, p in said["valid"].items()}
found = {name: mm.metrics.bootstrap_interval(np.mean, right) for name, right in hits.items()}
plotting.bars(found, ylabel="validation accuracy in %", baseline=("most frequent class", majority["valid"]))

# %% [markdown] tags=["alt"]
# *Figure: validation accuracy with 95 % intervals: each modality alone, then the ways of fusing, and a dashed line at the most
# frequent class. On the emoji the text alone is far above the picture alone, and all ways of fusing lie close to the text.*

# %% [markdown]
# Choose by validation, then open the test part once. The difference is paired, item by item, so its interval is narrower than
# those in the figure suggest.

# %%
alone = max(NAMES, key=lambda name: score(said["valid"][name]))
fused = max((name for name in said["valid"] if name not in NAMES), key=lambda name: score(said["valid"][name]))
right = {name: 100.0 * (said["test"][name].argmax(1) == answer["test"]) for name in (alone, fused)}
gain = mm.metrics.bootstrap_interval(lambda a, b: np.mean(a - b), right[fused], right[alone])
verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not told apart"
print(f"{fused} minus {alone} alone, test part: {gain:+} points: {verdict}")

# %% [markdown]
# *Not told apart* is a result, too: then use the one modality, and save yourself the other. It is what comes out for the emoji:
# a sentence transformer reads their names so well that the pictures add less than this test part can show. (Lesson 7 only
# counted the words of the names, and there the pictures were worth a lot. A better description can make fusion needless.)
#
# ## 5 Take one away
#
# Sooner or later a camera is covered or a field left blank. How does the network do without each modality? The logistic
# regression trained on what is there, without the missing modality, is the yardstick.

# %%
columns = {kind: kind for kind in networks} | {"a model of what is there": "early"}
table = {"all there": {column: score(said["test"][kind], "test") for column, kind in columns.items()}}
for name in NAMES:
    rest = [other for other in NAMES if other != name]
    row = {kind: score(ask(network, "test", [name]), "test") for kind, network in networks.items()}
    row["a model of what is there"] = score(best_model(rest).predict_proba(joined("test", rest)), "test")
    table[f"without {name}"] = row
missing = pd.DataFrame(table).T
missing.round(1)

# %% [markdown]
# Compare a row's last number with the others. If the network with modality dropout does not come close to it, keep the model that
# was trained without the modality, as a fallback.
#
# ## 6 Report
#
# What you would tell somebody who was not here. Copy it, and add where the data come from and whom they leave out.

# %%
worst = missing.drop("all there")["network, modality dropout"]
print(f"Data: {len(codes)} items ({len(answer['test'])} in the test part), {len(classes)} classes, {', '.join(NAMES)}.")
print(f"Split by {'group' if len(set(groups)) < len(groups) or GROUP else 'item'}; settings chosen on validation data.")
print(f"Most frequent class {majority['test']:.1f} %; best modality alone: {alone}, {right[alone].mean():.1f} %.")
print(f"Fused, {fused}: {right[fused].mean():.1f} %, {gain:+} points (95 %, over test items): {verdict}.")
print(f"Network with modality dropout, one modality missing: {worst.min():.1f} to {worst.max():.1f} %.")

# %% [markdown]
# ## What can go wrong
#
# - **Relatives on both sides.** Photographs of one scene, texts of one author: set `GROUP`, and watch the score fall to the
#   truth.
# - **A modality that holds the answer.** A caption that names the class, a file name in the text: a score near 100 % is a reason
#   to look, not to celebrate.
# - **Accuracy with a rare class.** Look at the classes one by one (lesson 5).
# - **One split.** The interval covers other test items, not other training sets. With few items, repeat with other seeds.
# - **Borrowed descriptions.** The sentence model knows English best; the picture model knows photographs.
