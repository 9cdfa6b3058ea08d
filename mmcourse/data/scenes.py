"""Recipe for scenes of tinted emoji on white, with captions, questions and dialogues that follow from what was drawn."""

import json
from collections import Counter
from dataclasses import dataclass

import numpy as np

from mmcourse.data.scene_words import (
    ANSWERS,
    COLOURS,
    KINDS,
    QUESTION_TYPES,
    SIDE,
    WORDS_RECIPE,
    captions,
    dialogue,
    questions,
)

__all__ = ["ANSWERS", "COLOURS", "KINDS", "QUESTION_TYPES", "build_scenes", "load_scenes", "scenes_table"]

CODES = (  # of the drawings of KINDS
    "2B50 1F986 1F511 1F3E0 1F438 1F34C 2601 1F514 1F69C 1F344 1F422 1F451 1F680 1F350 2602 1F407 1F369 2600 2709 "
    "1F3F0 1F40C 1F355 1F916 1F686 1FAD6 1F955 1F47B 2708 1F418 26FA 2693 1F980 1F4F7 1F349 1F427 1F968 1F388 1F354 "
    "1F40D 1FA91 1F950 1F34D"
)
TINTS = ((190, 10, 30), (255, 228, 0), (30, 180, 100), (65, 135, 255), (255, 140, 205), (120, 120, 120))  # of COLOURS
SIZES = {"small": 18, "large": 26}  # pixels
PARTS = {"train": 7000, "valid": 700, "seen": 800, "unseen": 800}
TASKS, TESTS, LEVELS = ("captions", "questions"), ("seen", "unseen"), ("easy", "hard")
TIE = 4  # pixels by which the offsets between two objects, across and down, differ at least
HELD_OUT = {  # two colours of each kind that it has in the part "unseen" only; 14 kinds a colour
    kind: (COLOURS[row % 6], COLOURS[(row + 1 + row // 6 % 5) % 6]) for row, kind in enumerate(KINDS)
}
KNOWN = {kind: tuple(colour for colour in COLOURS if colour not in HELD_OUT[kind]) for kind in KINDS}


def build_scenes(files, folder):
    """Draw the scenes, and write down what is in them and what can be asked."""
    from tqdm import tqdm

    rng, asked, seen, rows = np.random.default_rng(0), Counter(), set(), []
    art = sprites({path.rpartition("/")[2].removesuffix(".svg"): svg for path, svg in files[0].items()})
    names = [part for part, count in PARTS.items() for _ in range(count)]
    pictures = np.empty((len(names), 3, SIDE, SIDE), np.uint8)
    for number, part in enumerate(tqdm(names, desc="composing scenes", leave=False)):
        pairs, level = HELD_OUT if part == "unseen" else KNOWN, LEVELS[number % 2]
        while (things := compose(rng, level, pairs, art)) is None or str(things) in seen:
            pass
        seen.add(str(things))
        texts = captions(things, level)
        row = {"part": part, "level": level, "objects": things, "caption": texts[0], "references": texts}
        row["questions"] = questions(things, pairs, rng, asked)
        rows.append(row | {"dialogue": dialogue(things, rng)})
        pictures[number] = paint(things, art)
    np.savez_compressed(folder / "pictures.npz", pictures=pictures)
    (folder / "scenes.json").write_text(json.dumps(rows), encoding="utf-8")


def sprites(drawings):
    """Return ``{(kind, size): (brightness, opacity)}``, uint8 (s, s) each; the drawing fills the square."""
    import io

    import resvg_py
    from PIL import Image, ImageOps

    art = {}
    for kind, code in zip(KINDS, CODES.split(), strict=True):
        drawn = resvg_py.svg_to_bytes(svg_string=drawings[code].decode(), width=144, height=144, skip_system_fonts=True)
        picture = Image.open(io.BytesIO(drawn)).convert("RGBA")
        picture = picture.crop(picture.getchannel("A").getbbox())
        for size, side in SIZES.items():
            fitted = ImageOps.pad(picture, (side, side), color=(0, 0, 0, 0))
            bright = np.asarray(fitted.convert("RGB").convert("L")).astype(int)
            opacity = np.asarray(fitted.getchannel("A"))
            most = np.sort(bright[opacity >= 128])[(opacity >= 128).sum() * 3 // 5]  # dark artwork would hide its tint
            art[kind, size] = np.minimum(bright * 225 // most, 255).astype(np.uint8), opacity
    return art


def compose(rng, level, pairs, art):
    """Return objects of a new scene, the first at the bottom; None where no place was found for them."""
    hard = level == "hard"
    count = (2, 3, 3, 4)[rng.integers(4)] if hard else (1, 2, 2, 3, 3, 4)[rng.integers(6)]
    sizes = [tuple(SIZES)[rng.integers(2)] for _ in range(count)]
    half = np.array([SIZES[size] // 2 for size in sizes])
    spots = rng.integers(half, SIDE + 1 - half, size=(256, 2, count))
    one, other = np.triu_indices(count, 1)
    off = np.abs(spots[..., one] - spots[..., other])
    near = (half[one] + half[other]) * (2 if hard else 4) // 5  # by the larger of two offsets
    good = (np.abs(off[:, 0] - off[:, 1]) >= TIE) & (off.max(1) >= near) & (off[:, 0] > 1)
    looks = draw_looks(rng, count, hard, pairs)
    for x, y in spots[good.all(1)].tolist():
        things = [{"kind": k, "colour": c, "size": s} for (k, c), s in zip(looks, sizes, strict=True)]
        things = [{**thing, "x": x, "y": y} for thing, x, y in zip(things, x, y, strict=True)]
        shares = visible(things, art)
        if (0.5 <= min(shares) <= 0.9) if hard else min(shares) >= 0.93:
            return [{**thing, "visible": share} for thing, share in zip(things, shares, strict=True)]
    return None


def draw_looks(rng, count, hard, pairs):
    """Draw kinds by a law like Zipf's, and colours; in some scenes most objects share one of them."""
    weights = np.cumsum([10_000 // (row + (20 if hard else 2)) for row in range(1, 1 + len(KINDS))])
    theme, looks = rng.integers(8), []
    while len(looks) < count:
        kind = KINDS[np.searchsorted(weights, rng.integers(weights[-1]), side="right")]
        if looks and theme == 0 and rng.integers(4):
            kind = looks[0][0]
        colour = pairs[kind][rng.integers(len(pairs[kind]))]
        if looks and theme in (1, 2) and rng.integers(4):
            colour = looks[0][1]
        if colour in pairs[kind]:
            looks.append((kind, colour))
    return looks


def _box(thing):
    side = SIZES[thing["size"]]
    top, left = thing["y"] - side // 2, thing["x"] - side // 2
    return slice(top, top + side), slice(left, left + side)


def visible(things, art):
    """Return the share of each object's pixels that no later one covers, rounded to two digits."""
    owner = np.full((SIDE, SIDE), -1)
    solid = [art[thing["kind"], thing["size"]][1] >= 128 for thing in things]
    for number, thing in enumerate(things):
        owner[_box(thing)][solid[number]] = number
    return [round(int((owner == number).sum()) / int(mask.sum()), 2) for number, mask in enumerate(solid)]


def paint(things, art):
    """Paint objects on white in their order: uint8 (3, 64, 64)."""
    canvas = np.full((3, SIDE, SIDE), 255, np.uint8)
    for thing in things:
        bright, opacity = (part.astype(int) for part in art[thing["kind"], thing["size"]])
        colour = bright * np.array(TINTS[COLOURS.index(thing["colour"])])[:, None, None] // 255
        under = canvas[:, *_box(thing)]
        under[:] = (colour * opacity + under * (255 - opacity) + 127) // 255
    return canvas


SCENES_RECIPE = (
    *(CODES, TINTS, SIZES, PARTS, LEVELS, TIE, HELD_OUT, *WORDS_RECIPE),
    *(sprites, compose, draw_looks, _box, visible, paint),
)


def scenes_table(folder):
    """Return one row a scene: part, level, objects, caption, references, questions and dialogue.

    Parts are train, valid, seen and unseen; levels are easy and hard. An object has kind, colour, size, x and y (its
    centre in pixels from the top left), and visible, the share of it that nothing covers; later objects lie on top. A
    question has type, question and answer. The turns of a dialogue have question and answer; turns after the first
    speak of what the first one counted.
    """
    import pandas as pd

    return pd.DataFrame(json.loads((folder / "scenes.json").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Shown:
    """A picture that several items share; no item holds a copy."""

    pictures: np.ndarray
    row: int

    def decode(self):
        """Return the picture, uint8 (3, 64, 64)."""
        return self.pictures[self.row]


def load_scenes(folder, *, task="captions", test="seen", level="both"):
    """Return pictures of scenes with captions, or with questions.

    Captions: one item a scene with its canonical caption; the target is the number of the scene, which is its row in
    the table. Questions: one item a question; the target is the place of its answer in ``scenes.ANSWERS``, the classes.
    ``groups`` is the number of the scene in both.

    Parameters
    ----------
    task : {"captions", "questions"}
    test : {"seen", "unseen"}
        "unseen": every object of the test part has a kind and a colour that never go together in the other parts.
    level : {"easy", "hard", "both"}
        Of all three parts. Hard: objects cover each other, rare kinds are less rare, captions name sizes.

    Returns
    -------
    DataSplits
        Items ``{"image": (3, 64, 64), "text": str}``.
    """
    from mmcourse.data.splits import DataSplits, Split

    options = {"task": (task, TASKS), "test": (test, TESTS), "level": (level, (*LEVELS, "both"))}
    for name, (value, known) in options.items():
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, not {value!r}")
    table, parts = scenes_table(folder), []
    with np.load(folder / "pictures.npz", allow_pickle=False) as stored:
        pictures = stored["pictures"]
    for part in ("train", "valid", test):
        rows = np.flatnonzero((table["part"] == part) & (table["level"].isin([level]) | (level == "both")))
        if task == "captions":
            parts.append(Split({"image": pictures[rows], "text": table["caption"][rows].tolist()}, rows, rows))
            continue
        asked = [
            (row, one["question"], ANSWERS.index(one["answer"])) for row in rows for one in table["questions"][row]
        ]
        rows, texts, target = zip(*asked, strict=True)
        parts.append(Split({"image": [Shown(pictures, row) for row in rows], "text": texts}, target, rows))
    return DataSplits(*parts, classes=ANSWERS if task == "questions" else ())
