"""Recipe for the talking mouth: synthesised sentences, and lips drawn from their phonemes."""

import itertools
import json
from numbers import Real

import numpy as np

from mmcourse.data.canonical import need_whole

# The grammar of the GRID corpus; its letters leave out W, the only one with more than one syllable.
GRAMMAR = (
    "bin lay place set",
    "blue green red white",
    "at by in with",
    "a b c d e f g h i j k l m n o p q r s t u v x y z",
    "zero one two three four five six seven eight nine",
    "again now please soon",
)
VOICES = ("en", "en-us", "en+f3", "en-us+m3")
SPEEDS = (130, 200)  # words a minute
SENTENCES, SILENCE = 250, 0.4  # seconds of silence before and after each
RATE, HOP, FPS = 22_050, 441, 25  # samples a second, samples an MFCC frame (50 a second), pictures a second
SHAPE = ("opening", "width", "rounding", "teeth")
REST = (0.0, 0.5, 0.1, 0.0)
VISEMES = {  # letters of the phonetic alphabet that look alike, and the shape (0 to 1) that the mouth strives for
    "pbm": (0.0, 0.45, 0.1, 0.0),
    "fv": (0.1, 0.5, 0.0, 0.8),
    "θð": (0.2, 0.5, 0.0, 0.7),
    "tdnlszɾ": (0.2, 0.6, 0.1, 0.6),
    "kɡhxŋʔ": (0.3, 0.5, 0.1, 0.2),
    "ʃʒɹr": (0.25, 0.3, 0.7, 0.4),
    "iɪj": (0.25, 0.95, 0.0, 0.4),
    "eɛ": (0.5, 0.8, 0.0, 0.3),
    "aæɐ": (0.9, 0.7, 0.1, 0.2),
    "ʌəɜɚ": (0.5, 0.5, 0.2, 0.1),
    "ɒɔɑ": (0.75, 0.35, 0.6, 0.0),
    "oʊuw": (0.3, 0.15, 1.0, 0.0),
}
STYLE = (0.85, 1.15)  # how much a sentence is articulated
SMOOTH, JITTER = 0.035, 0.04  # seconds over which shapes blend; spread of the noise on them
SHIFTS = ("none", "lag", "warp")


def build_talking_mouth(files, folder):
    """Draw sentences of the grammar, say them, and keep their MFCCs and the times of their phonemes."""
    from librosa.feature import mfcc
    from tqdm import tqdm

    from mmcourse.data.voice import speak_phonemes

    rng, rows, frames = np.random.default_rng(0), [], []
    kinds = [words.split() for words in GRAMMAR]
    numbers = rng.permutation(np.prod([len(words) for words in kinds]))[:SENTENCES]
    for chosen in tqdm(np.stack(np.unravel_index(numbers, [len(w) for w in kinds]), 1), desc="speaking", leave=False):
        row = {"text": " ".join(words[k] for words, k in zip(kinds, chosen, strict=True))}
        row |= {"voice": str(rng.choice(VOICES)), "rate": int(rng.integers(*SPEEDS))}
        sound, _, phonemes = speak_phonemes(**row)
        row["phonemes"] = [(name.strip("ˈˌ"), round(SILENCE + sample / RATE, 4)) for name, sample in phonemes]
        sound = np.pad(sound, int(SILENCE * RATE)) + 1e-3 * rng.standard_normal(len(sound) + 2 * int(SILENCE * RATE))
        features = mfcc(y=sound, sr=RATE, n_mfcc=13, n_fft=1024, hop_length=HOP, n_mels=40)
        rows.append(row)
        frames.append(features.T.astype(np.float32))
    np.savez(folder / "audio.npz", frames=np.concatenate(frames), lengths=[len(one) for one in frames])
    (folder / "sentences.json").write_text(json.dumps(rows), encoding="utf-8")


def talking_mouth_table(folder):
    """Return one row a sentence: text, voice, rate, and phonemes, a list of (name, second at which it begins).

    A pause has the name "". The sound starts with 0.4 seconds of silence, which ``voice.speak`` does not make.
    """
    import pandas as pd

    return pd.DataFrame(json.loads((folder / "sentences.json").read_text(encoding="utf-8")))


def mouth_shapes(phonemes, seconds):
    """Return the shape of the mouth over time, before any noise: (100 a second, 4), see ``SHAPE``.

    The letters of a phoneme share its time; a Gaussian blends neighbours, as lips get ready for what comes next.
    """
    from scipy.ndimage import gaussian_filter1d

    strive = np.tile(np.array(REST), (round(100 * seconds), 1))
    looks = {letter: shape for letters, shape in VISEMES.items() for letter in letters}
    for (name, start), (_, end) in itertools.pairwise(phonemes):
        seen = [looks[letter] for letter in name if letter in looks]
        edges = np.round(100 * np.linspace(start, end, len(seen) + 1)).astype(int)
        for shape, first, last in zip(seen, edges, edges[1:], strict=False):
            strive[first:last] = shape
    return gaussian_filter1d(strive, 100 * SMOOTH, axis=0, mode="nearest")


def draw_mouth(shapes, rng):
    """Draw mouths of given shapes (T, 4) as grey pictures (T, 1, 24, 32), float32 in [0, 1], with noise."""
    opening, width, rounding, teeth = np.asarray(shapes, np.float32).T[..., None, None]
    down, across = np.mgrid[-11.5:12, -15.5:16].astype(np.float32)
    half = 7 + 6 * width - 3 * rounding

    def ellipse(wide, high):  # 1 inside, 0 outside, with a soft edge
        return 1 / (1 + np.exp(np.clip(6 * (np.hypot(across / wide, down / high) - 1) * high / 3, -30, 30)))

    lips, hole = ellipse(half, 2.5 + 6 * opening + rounding), ellipse(half - 2, 0.4 + 6 * opening)
    hole *= np.clip(4 * opening, 0, 1)
    inside = 0.05 + 0.85 * teeth * (down < -opening)
    pictures = (0.8 - 0.35 * lips) * (1 - hole) + inside * hole
    pictures += 0.03 * rng.standard_normal(pictures.shape, dtype=np.float32)
    return np.clip(pictures, 0, 1).astype(np.float32)[:, None]


def shifted_times(count, shift, frames, rng):
    """Return which moment of the sound, in pictures of 25 a second, each of `count` pictures shows: (count,) floats.

    "lag": one offset for all, from half to all of `frames` either way. "warp": a smooth offset that comes and goes and
    is `frames` at most, never so steep that time would stand still.
    """
    from scipy.interpolate import CubicSpline

    steps = np.arange(count)
    if shift == "none" or frames == 0:
        return steps.astype(float)
    if shift == "lag":
        return steps + rng.choice([-1, 1]) * rng.uniform(frames / 2, frames)
    knots = np.linspace(0, count - 1, max(4, round(count / 12)))
    offset = CubicSpline(knots, rng.standard_normal(len(knots)))(steps)
    return steps + offset * min(frames / np.abs(offset).max(), 0.85 / np.abs(np.diff(offset)).max())


def load_talking_mouth(folder, *, shift="none", frames=6, seed=0):
    """Return sentences as sound and lips that are in step or not, with the truth about it.

    Parameters
    ----------
    shift : {"none", "lag", "warp"}
        How the pictures of the validation and test parts are out of step with the sound; see :func:`shifted_times`. The
        training part is always in step.
    frames : float
        The largest offset, 0 to 10 pictures of 1/25 second.
    seed : int
        Not negative. Divides the sentences into parts of 70, 10 and 20 %, and draws all noise and offsets.

    Returns
    -------
    DataSplits
        Items ``{"audio": (T_a, 13), "image": (T_v, 1, 24, 32), "shape": (T_v, 4), "when": (T_v,), "spoken": (T_v,)}``:
        MFCCs, 50 a second; pictures, 25 a second; the shape of the mouth in each (see ``SHAPE``); the moment of the
        sound that it shows, counted in pictures; whether somebody speaks at that moment. Target: row of the table.
    """
    from mmcourse.data.splits import DataSplits, Split, split_by_group

    if shift not in SHIFTS:
        raise ValueError(f"shift must be one of {', '.join(SHIFTS)}, not {shift!r}")
    if not isinstance(frames, Real) or isinstance(frames, bool) or not 0 <= frames <= 10:
        raise ValueError(f"frames must be a number from 0 to 10, not {frames!r}")
    need_whole("seed", seed, 0)
    table = talking_mouth_table(folder)
    with np.load(folder / "audio.npz", allow_pickle=False) as stored:
        sounds = np.split(stored["frames"], np.cumsum(stored["lengths"])[:-1])
    parts, rows = [], np.arange(len(table))
    for shifted, part in zip(("none", shift, shift), split_by_group(rows, table["voice"], seed=seed), strict=True):
        items = [_film(sounds[k], table["phonemes"][k], shifted, frames, [seed, k]) for k in part]
        parts.append(Split({key: [item[key] for item in items] for key in items[0]}, part, part))
    return DataSplits(*parts)


def _film(sound, phonemes, shift, frames, seed):
    """Draw the pictures for one sentence."""
    rng, count = np.random.default_rng(seed), len(sound) * HOP * FPS // RATE
    clean = mouth_shapes(phonemes, count / FPS)
    wobble = rng.standard_normal((count + 4, 4)).cumsum(0)
    wobble = JITTER / 2 * (wobble[4:] - wobble[:-4])  # slow: each value shares three of its four steps with the next
    when = shifted_times(count, shift, frames, np.random.default_rng([*seed, 1]))
    at = [np.interp(100 / FPS * when, np.arange(len(clean)), column) for column in clean.T]
    lively = np.array(REST) + rng.uniform(*STYLE) * (np.stack(at, 1) - REST)
    shape = np.clip(lively + wobble, 0, 1).astype(np.float32)
    spoken = [second for name, second in phonemes if name]
    begun = (when >= FPS * spoken[0]) & (when < FPS * phonemes[-1][1])
    image = draw_mouth(shape, rng)
    return {"audio": sound, "image": image, "shape": shape, "when": when.astype(np.float32), "spoken": begun}


MOUTH_RECIPE = (GRAMMAR, VOICES, SPEEDS, SENTENCES, SILENCE, RATE, HOP)
