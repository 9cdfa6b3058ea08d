"""Recipe for fingerspelling: tracked joints of hands that show the letters of thirteen sign languages."""

import csv
import io
import operator
from pathlib import PurePosixPath

import numpy as np

from mmcourse.data.strings import BLANK, check_length, join, padded

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEFT_OUT = ("fsl", "cse", "csq", "tsm")  # a copy of ase; and three that mostly use both hands
RATE = 25  # frames a second
BODY = (0, 11, 12, 13, 14, 15, 16)  # nose, shoulders, elbows, wrists: each left one is followed by its right one
FACE = tuple(33 + k for k in (61, 291, 0, 17, 13, 14, 78, 308, 152, 1, 33, 263, 159, 145, 386, 374, 70, 105, 107, 336))
HANDS = {"left": 511, "right": 532}  # first of 21 joints
RAISED = 0.3  # shoulder widths below its highest place in which the hand still shows the letter
STREAMS = ("hand", "body", "face")


def build_fingerspelling(files, folder):
    """Keep the letters A to Z of the languages that use one hand, as joints relative to hand, shoulders and eyes."""
    from tqdm import tqdm

    (members,) = files
    (index,) = (content for name, content in members.items() if name.endswith("index.csv"))
    by_path = {"/".join(PurePosixPath(name).parts[-2:]): content for name, content in members.items()}
    rows = [row for row in csv.DictReader(io.StringIO(index.decode("utf-8"))) if row["words"] in [*ALPHABET]]
    rows = [row for row in rows if row["signed_language"] not in LEFT_OUT]
    letters = [read_letter(by_path[row["path"]]) for row in tqdm(rows, desc="fingerspelling", leave=False)]
    streams = {key: np.concatenate([one[key] for one in letters]) for key in STREAMS}
    facts = {
        "lengths": np.array([len(one["hand"]) for one in letters]),
        "labels": np.array([ALPHABET.index(row["words"]) for row in rows]),
        "languages": np.array([row["signed_language"] for row in rows]),
    }
    np.savez_compressed(folder / "fingerspelling.npz", **streams, **facts)


def read_letter(content):
    """Return ``{"hand": (T, 42), "body": (T, 14), "face": (T, 40)}`` of one pose file, while the hand is raised.

    The hand that is raised higher counts; a left one is mirrored. Hand joints are relative to the wrist, in units of the
    distance from there to the middle finger's root; the wrist's own two numbers are its way from its mean place. Body and face are relative to the middle of the shoulders and to the nose.
    """
    from pose_format import Pose

    body = Pose.read(content).body
    points, seen = np.asarray(body.data.filled(0))[:, 0], body.confidence[:, 0] > 0
    heights = {side: np.where(seen[:, k], points[:, k, 1], np.inf) for side, k in HANDS.items()}  # 0 is the top
    side = min(heights, key=lambda name: heights[name].min())
    upper, face, hand = points[:, BODY, :2], points[:, FACE, :2], points[:, HANDS[side] : HANDS[side] + 21, :2]
    if side == "left":
        upper, face, hand = (stream * [-1, 1] for stream in (upper, face, hand))
        upper = upper[:, [0, 2, 1, 4, 3, 6, 5]]
    width = np.linalg.norm(upper[:, 1] - upper[:, 2], axis=-1).mean()
    raised = np.flatnonzero(heights[side] < heights[side].min() + RAISED * width)
    frames = np.arange(raised[0], raised[-1] + 1)
    frames = frames[seen[frames, HANDS[side]]]
    upper, face, hand = (stream[frames].astype(np.float64) for stream in (upper, face, hand))
    way = hand[:, :1] - hand[:, :1].mean(0)
    size = np.median(np.linalg.norm(hand[:, 9] - hand[:, 0], axis=-1))
    hand = np.concatenate([way, hand[:, 1:] - hand[:, :1]], 1) / size
    upper = (upper - upper[:, 1:3].mean(1, keepdims=True)) / width
    face = (face - face[:, 9:10]) / np.median(np.linalg.norm(face[:, 10] - face[:, 11], axis=-1))
    times = np.arange(0, len(frames), body.fps / RATE)
    return {
        key: at(stream.reshape(len(frames), -1), times)
        for key, stream in zip(STREAMS, (hand, upper, face), strict=True)
    }


def at(frames, times):
    """Return a sequence (T, d) read at other times, counted in frames; linear in between."""
    below = np.clip(np.floor(times).astype(int), 0, len(frames) - 1)
    above, share = np.minimum(below + 1, len(frames) - 1), np.clip(times - below, 0, 1)[:, None]
    return ((1 - share) * frames[below] + share * frames[above]).astype(np.float32)


RECIPE = (read_letter, at, ALPHABET, LEFT_OUT, RATE, BODY, FACE, HANDS, RAISED)


def load_fingerspelling(folder, *, words=0, length=(2, 5), unseen=False, seed=0):
    """Return letters, or words joined from them, as tracked joints at 25 frames a second.

    Letters: items ``{"hand": (T, 42), "body": (T, 14), "face": (T, 40)}`` and 0 to 25; nine languages train, one
    validates, three test; ``groups`` holds the language.

    Words: random letters of one language each, warped anew in time (0.7 to 1.4 times as long, with swaying speed) and
    shape (turned, stretched), with 2 to 6 frames of transition; items ``{"hand": (T, 42)}`` and a row of labels filled
    up with 0: label 1 is A, label 26 is Z. Training words use the nine languages; validation and test words, a fifth as
    many each, use other warped copies of the very same recordings or, with `unseen`, the languages not trained on.

    Parameters
    ----------
    words : int
        Training words; 0 for letters.
    length : (int, int)
        Least and greatest number of letters of a word.
    unseen : bool
        Words of validation and test come from languages that training never shows.
    seed : int
        Of the words; the languages of each part are always the same.

    Returns
    -------
    DataSplits

    Raises
    ------
    ValueError
        A negative number of words, or lengths that are not 1 <= least <= greatest <= 20.
    """
    from mmcourse.data.splits import DataSplits, Split, grouped_splits

    with np.load(folder / "fingerspelling.npz", allow_pickle=False) as archive:
        ends = np.cumsum(archive["lengths"])[:-1]
        streams = {key: np.split(archive[key], ends) for key in STREAMS}
        labels, languages = archive["labels"], archive["languages"]
    letters = grouped_splits(streams, labels, languages, np.zeros(len(labels), int), classes=ALPHABET)
    least, greatest = check_length(length)
    if operator.index(words) < 0:
        raise ValueError(f"words must not be negative, it is {words}")
    if not words:
        return letters
    rngs, parts = map(np.random.default_rng, np.random.SeedSequence(operator.index(seed)).spawn(3)), []
    for part, rng in zip(("train", "valid", "test"), rngs, strict=True):
        source = getattr(letters, part if unseen else "train")
        spelled = [_word(source, rng.integers(least, greatest + 1), rng) for _ in range(_share(words, part))]
        hands, targets, groups = zip(*spelled, strict=True)
        parts.append(Split({"hand": list(hands)}, padded(targets, greatest), groups))
    return DataSplits(*parts, classes=BLANK + tuple(ALPHABET))


def _share(words, part):
    return words if part == "train" else max(1, words // 5)


def _word(letters, size, rng):
    """Spell random letters of one language: the joints, the labels and the language."""
    language = rng.choice(np.unique(letters.groups))
    rows = rng.choice(np.flatnonzero(letters.groups == language), size)
    return spell([letters[row][0]["hand"].numpy() for row in rows], rng), letters.target[rows] + 1, language


def spell(hands, rng):
    """Join letters (T, 42) to one sequence, each warped in time and all warped alike in shape."""
    turn, hands = np.linalg.qr(np.eye(2) + 0.15 * rng.standard_normal((2, 2)))[0], [_timed(hand, rng) for hand in hands]
    turn = turn * np.sign(np.diag(turn)) * (1 + 0.1 * rng.standard_normal(2))
    hands = [(hand.reshape(-1, 21, 2) @ turn).reshape(-1, 42) for hand in hands]
    joined = join(hands, rng.integers(2, 7, len(hands)))
    return joined + rng.normal(0, 0.02, joined.shape).astype(np.float32)


def _timed(hand, rng):
    """Read a sequence 0.7 to 1.4 times as slowly, at a speed that sways by half."""
    size = max(2, round(len(hand) * rng.uniform(0.7, 1.4)))
    speed = 1 + 0.5 * np.sin(np.linspace(0, 2 * np.pi, size - 1) * rng.uniform(0.5, 2) + rng.uniform(0, 2 * np.pi))
    times = np.concatenate([[0], np.cumsum(speed)])
    return at(hand, times / times[-1] * (len(hand) - 1))
