"""Recipes for the data sets that hold pictures: emoji and handwritten digits."""

import json
import re
from pathlib import PurePosixPath

import numpy as np

PIXELS = 48
LANGUAGES = ("en", "ar", "de", "es", "fa", "fr", "id", "it", "ja", "ko", "pt", "ru", "tr", "zh")

# Code points that turn one emoji into a variant of itself.
SKIN_TONES = tuple(f"{code:X}" for code in range(0x1F3FB, 0x1F400))
ENDINGS = ("2640", "2642", "27A1", *(f"{code:X}" for code in range(0x1F9B0, 0x1F9B4)))  # gender, facing right, hair
STYLE, JOINER = "FE0F", "200D"

# Emoji that differ in gender, hair or age of the very same figure: each code point, or joined row of them, and the one
# that stands for its family.
SAME_FIGURE = {
    "1F9D1": ("1F468", "1F469", "1F471", "1F9D4"),  # person: man, woman, blond hair, beard
    "1F9D2": ("1F466", "1F467"),  # child: boy, girl
    "1F9D3": ("1F474", "1F475"),  # older person: man, woman
    "1F385": ("1F936", "1F9D1-1F384"),  # Santa: Mrs, Mx
    "1F934": ("1F478", "1FAC5"),  # prince: princess, person with crown
    "1FAC4": ("1F930", "1FAC3"),  # pregnant person: woman, man
    "1F483": ("1F57A",),  # dancing: woman, man
    "1F931": ("1F9D1-1F37C",),  # feeding a baby
    "1F491": ("1F9D1-2764-1F9D1",),  # couple with heart
    "1F48F": ("1F9D1-2764-1F48B-1F9D1",),  # kiss
    "1F46B": ("1F46C", "1F46D", "1F9D1-1F91D-1F9D1"),  # holding hands
    "1F46F": ("1F9D1-1F430-1F9D1",),  # bunny ears
    "1F93C": ("1F9D1-1FAEF-1F9D1",),  # wrestling
    "1F91D": ("1FAF1-1FAF2",),  # handshake
    "1F1F3-1F1F4": ("1F1E7-1F1FB",),  # one flag: Norway and Bouvet Island
    "1F1FA-1F1F8": ("1F1FA-1F1F2",),  # United States and its outlying islands
    "1F1EE-1F1F4": ("1F1E9-1F1EC",),  # British Indian Ocean Territory and Diego Garcia
    "1F46A": tuple("-".join(["1F9D1"] * adults + ["1F9D2"] * young) for adults in (1, 2) for young in (1, 2)),
}
_STANDS_FOR = {variant: figure for figure, variants in SAME_FIGURE.items() for variant in variants}


def family_name(hexcode):
    """Return what all variants of one emoji share: skin tone, gender, hair and direction are taken away.

    Parameters
    ----------
    hexcode : str
        Code points as OpenMoji writes them.

    Examples
    --------
    >>> family_name("1F469-1F3FF-200D-1F52C")  # woman scientist, dark skin tone
    '1F9D1-1F52C'
    >>> family_name("1F468-200D-1F9B0")  # man with red hair
    '1F9D1'
    """
    parts = [part for part in hexcode.split("-") if part not in SKIN_TONES and part not in (STYLE, JOINER)]
    while len(parts) > 1 and parts[-1] in ENDINGS:
        parts.pop()
    joined = "-".join(_STANDS_FOR.get(part, part) for part in parts)
    return _STANDS_FOR.get(joined, joined)


def build_emoji(files, folder):
    """Draw every named emoji of OpenMoji, and gather names, keywords, groups and families."""
    pictures, names, keywords, test_file = files
    groups = parse_emoji_test(next(iter(test_file.values())).decode())
    drawings = {PurePosixPath(path).stem: svg for path, svg in pictures.items()}
    chosen = [hexcode for hexcode in groups if hexcode in drawings]
    images = draw({hexcode: drawings[hexcode].decode() for hexcode in chosen})
    columns = {
        "emoji": [_characters(hexcode) for hexcode in chosen],
        "hexcode": chosen,
        "group": [groups[hexcode][0] for hexcode in chosen],
        "subgroup": [groups[hexcode][1] for hexcode in chosen],
        "keywords": _keywords(chosen, json.loads(next(iter(keywords.values())))),
        "family": families([family_name(hexcode) for hexcode in chosen], images),
        **_names(chosen, {PurePosixPath(path).stem: json.loads(text) for path, text in names.items()}),
    }
    np.savez_compressed(folder / "pictures.npz", pictures=images)
    (folder / "emoji.json").write_text(json.dumps(columns, ensure_ascii=False), encoding="utf-8")


def parse_emoji_test(text):
    """Return ``{hexcode: (group, subgroup)}`` of the emoji in Unicode's emoji-test.txt, in its order.

    Only what may stand for itself is kept: no skin-tone swatches or loose hair. Where an emoji has a fully qualified
    and a shorter spelling, both are listed, since picture files use either.
    """
    found, group, subgroup = {}, "", ""
    for line in text.splitlines():
        if line.startswith("# group:"):
            group = line.partition(":")[2].strip()
        elif line.startswith("# subgroup:"):
            subgroup = line.partition(":")[2].strip()
        elif (match := re.match(r"([0-9A-F ]+); *(fully|unqualified)", line)) and group != "Component":
            found["-".join(match[1].split())] = (group, subgroup)
    return found


def draw(drawings):
    """Rasterise SVG texts on white.

    Parameters
    ----------
    drawings : dict of str to str

    Returns
    -------
    array, shape (n, 3, 48, 48), uint8
    """
    import io
    import sys

    import resvg_py
    from PIL import Image
    from tqdm import tqdm

    options = dict(width=PIXELS, height=PIXELS, background="white", skip_system_fonts=True)
    images = np.empty((len(drawings), 3, PIXELS, PIXELS), dtype=np.uint8)
    for row, svg in enumerate(
        tqdm(drawings.values(), desc="drawing emoji", leave=False, file=sys.stdout, mininterval=0.5)
    ):
        picture = Image.open(io.BytesIO(resvg_py.svg_to_bytes(svg_string=svg, **options)))
        images[row] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    return images


def families(names, images):
    """Return one family number an emoji: equal names share one, and so do equal pictures (some flags are the same)."""
    import pandas as pd
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    by_name = pd.factorize(np.asarray(names))[0]
    by_picture = pd.factorize(np.asarray([image.tobytes() for image in images], dtype=object))[0]
    n_names = by_name.max() + 1
    edges = coo_array((np.ones(len(names)), (by_name, by_picture + n_names)), shape=(n_names + len(names),) * 2)
    return pd.factorize(connected_components(edges, directed=False)[1][by_name])[0].tolist()


def _characters(hexcode):
    return "".join(chr(int(part, 16)) for part in hexcode.split("-"))


def _keywords(hexcodes, table):
    """Look up keywords; a variant without its own has those of its family."""
    own, shared = {}, {}
    for emoji, (_, *words) in table.items():
        hexcode = "-".join(f"{ord(sign):X}" for sign in emoji)
        own[hexcode.replace(f"-{STYLE}", "")] = words
        shared.setdefault(family_name(hexcode), words)
    return [own.get(code.replace(f"-{STYLE}", ""), shared.get(family_name(code), [])) for code in hexcodes]


def _names(hexcodes, tables):
    tables = {"emoji_en" if key == "emoji" else key: table for key, table in tables.items()}
    columns = {}
    for language in LANGUAGES:
        names = {
            emoji: entry["en"] if language == "en" else entry for emoji, entry in tables[f"emoji_{language}"].items()
        }
        columns[language] = [names[_characters(hexcode)].strip(":").replace("_", " ") for hexcode in hexcodes]
    return columns


EMOJI_RECIPE = (
    *(PIXELS, LANGUAGES, SKIN_TONES, ENDINGS, SAME_FIGURE),
    *(family_name, parse_emoji_test, draw, families, _keywords, _names),
)


def emoji_table(folder):
    """Return one row an emoji: emoji, hexcode, group, subgroup, keywords, family, and its name in each language."""
    import pandas as pd

    return pd.DataFrame(json.loads((folder / "emoji.json").read_text(encoding="utf-8")))


def load_emoji(folder):
    """Return pictures and English names of the emoji, and the group each belongs to; a family stays together."""
    from mmcourse.data.splits import grouped_splits

    table = emoji_table(folder)
    with np.load(folder / "pictures.npz", allow_pickle=False) as archive:
        pictures = archive["pictures"]
    codes, classes = table["group"].factorize()
    return grouped_splits({"image": pictures, "text": table["en"].tolist()}, codes, table["family"], classes=classes)


def load_digits(_=None):
    """Return 8 x 8 pictures of handwritten digits."""
    from sklearn import datasets

    from mmcourse.data.splits import grouped_splits

    digits = datasets.load_digits()
    images = (digits.images[:, None] / 16).astype(np.float32)
    return grouped_splits({"image": images}, digits.target, np.arange(len(images)), classes=map(str, range(10)))
