"""Recipe for searching emoji by words: three tests of rising distance from what was seen in training."""

import operator

import numpy as np

from mmcourse.data.images import SKIN_TONES, emoji_table

TESTS = ("variants", "combinations", "concepts")
VARIANTS = 0.15  # of the pictures of a family that may be held out


def load_emoji_retrieval(folder, *, test="variants", seed=0):
    """Return pictures with their names and keywords; the target is the number of the picture, the group its family.

    Emoji with exactly the same picture have the same target, lie in the same part, and are all right answers. Names
    are unique; keywords are separated by commas, and may be none. Training and validation part depend on the seed
    only. The validation part holds new concepts too. Of a family held out as new, its first emoji is used alone.

    Parameters
    ----------
    test : str
        "variants": other skin tones, genders and hair of families seen in training. "combinations": of each known
        family that has skin tones one tone, in all genders; the tone is seen on other families, the family in other
        tones. "concepts": families of which nothing is seen.
    seed : int
        Says what is held out; not negative.

    Returns
    -------
    DataSplits
        Items ``{"image": (3, 48, 48), "text": str, "keywords": str}``.

    Raises
    ------
    ValueError
        Another test, or a negative seed.
    """
    from mmcourse.data.splits import DataSplits, Split

    if test not in TESTS:
        raise ValueError(f"test must be one of {', '.join(TESTS)}, not {test!r}")
    table = emoji_table(folder)
    with np.load(folder / "pictures.npz", allow_pickle=False) as archive:
        pictures = archive["pictures"]
    number, words = same_picture(pictures), [", ".join(words).replace("_", " ") for words in table["keywords"]]
    parts = []
    for rows in divide(table, number, operator.index(seed), test):
        inputs = {"image": pictures[rows], "text": table["en"].to_numpy()[rows].tolist()}
        inputs["keywords"] = [words[row] for row in rows]
        parts.append(Split(inputs, number[rows], table["family"].to_numpy()[rows]))
    return DataSplits(*parts)


def same_picture(pictures):
    """Number the pictures of an array (n, ...), in order of appearance; equal ones share a number."""
    import pandas as pd

    return pd.factorize(np.asarray([picture.tobytes() for picture in pictures], dtype=object))[0]


def divide(table, picture, seed, test):
    """Return the rows of the training, validation and test part; see `load_emoji_retrieval`.

    Parameters
    ----------
    table : pandas.DataFrame
        As `emoji_table` gives it.
    picture : int array, shape (n,)
        Equal for equal pictures, which are of one family.
    seed, test
        As for `load_emoji_retrieval`.
    """
    from mmcourse.data.splits import split_by_group

    rng, family = np.random.default_rng(seed), table["family"].to_numpy()
    first = np.unique(family, return_index=True)[1]
    strata = table["group"].to_numpy()[first]
    known, valid, concepts = (first[rows] for rows in split_by_group(family[first], strata, (0.72, 0.08, 0.2), seed))
    tones = [[part for part in code.split("-") if part in SKIN_TONES] for code in table["hexcode"]]
    tone = np.asarray([SKIN_TONES.index(found[0]) if len(found) == 1 else -1 for found in tones])
    held_tone = rng.integers(len(SKIN_TONES), size=family.max() + 1)
    is_known = np.isin(family, family[known])
    combined = is_known & (tone == held_tone[family])
    variant = is_known & (rng.random(picture.max() + 1) < VARIANTS)[picture] & ~np.isin(picture, picture[first])
    train = is_known & ~combined & ~variant
    chosen = {
        "variants": variant & ~combined,
        "combinations": combined,
        "concepts": np.isin(np.arange(len(family)), concepts),
    }
    held = chosen[test] & ~np.isin(picture, picture[train])
    if test != "variants":
        held &= ~np.isin(picture, picture[chosen["variants"]])
    return np.flatnonzero(train), np.sort(valid), np.flatnonzero(held)
