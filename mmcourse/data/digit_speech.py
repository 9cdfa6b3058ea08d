"""Recipe for the spoken strings of digits: one corpus to listen to and to speak from, divided by voice."""

import json

import numpy as np

RATE = 8000  # samples a second
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
STRESS, ONSET = (
    ("ˈ", "ˌ"),
    {"three": 2, "eight": 0},
)  # phonemes before the stressed one, of which a digit has one; else 1
VOICES = {  # an accent and a variant, which sets pitch, formants and timbre; no variant is in two parts
    "train": (
        *("en+m1", "en-us+m2", "en-gb-x-rp+m5", "en-gb-scotland+m7", "en-us+f1", "en+f2", "en-gb-x-rp+f4"),
        *("en-gb-scotland+f5", "en-us+adam", "en+Andy", "en-us+belinda", "en-gb-x-gbclan+Lee", "en+robert"),
        *("en-us+paul", "en-gb-x-rp+quincy", "en-us+steph"),
    ),
    "valid": ("en+Mike", "en-us+Annie", "en+john", "en-gb-x-rp+shelby"),
    "test": (
        *("en-us+f3", "en+Michael", "en-gb-scotland+edward", "en-us+Andrea"),
        *("en+Denis", "en-us+ed", "en-gb-x-rp+travis", "en+david"),
    ),
    "one": ("en-us",),
}
STRINGS = {"train": 75, "valid": 30, "test": 30, "one": 400}  # of each voice
LENGTH, SPEEDS, PITCHES = (1, 4), (120, 190), (35, 65)  # digits; words a minute; 50 is the voice's own pitch
PEAK, NOISE = 0.8, 1e-3
ONE_PARTS = (300, 40, 60)  # strings of the single voice to train, validate and test


def build_digit_speech(files, folder):
    """Say strings of digits in every voice; keep the sound as 16-bit numbers, and what was said when."""
    from tqdm import tqdm

    rng, rows, sounds = np.random.default_rng(0), [], []
    plan = [(part, voice) for part, voices in VOICES.items() for voice in voices for _ in range(STRINGS[part])]
    for part, voice in tqdm(plan, desc="speaking", leave=False):
        text = " ".join(rng.choice(DIGITS, rng.integers(LENGTH[0], LENGTH[1] + 1)))
        how = {"rate": int(rng.integers(*SPEEDS)), "pitch": int(rng.integers(*PITCHES))}
        sound, times = say_digits(text, voice, **how)
        silence = rng.integers(800, 2401, 2)  # samples before and after
        sound = np.pad(sound, silence) + NOISE * rng.standard_normal(len(sound) + silence.sum())
        sounds.append(np.round(32767 * sound).astype(np.int16))
        times = [round(silence[0] / RATE + second, 4) for second in times]
        rows.append({"part": part, "voice": voice, "text": text, **how, "times": times})
    np.savez(folder / "audio.npz", samples=np.concatenate(sounds), lengths=[len(one) for one in sounds])
    (folder / "strings.json").write_text(json.dumps(rows), encoding="utf-8")


def say_digits(text, voice, rate, pitch):
    """Return sound (N,), 8,000 samples a second and with a peak of 0.8, and seconds at which each digit begins, and the end."""
    from scipy.signal import resample_poly

    from mmcourse.data.voice import speak_phonemes

    sound, heard, phonemes = speak_phonemes(text, voice, rate, pitch)
    stressed = [k for k, (name, _) in enumerate(phonemes) if name.startswith(STRESS)]
    starts = [phonemes[k - ONSET.get(digit, 1)][1] for digit, k in zip(text.split(), stressed, strict=True)]
    end = next(sample for name, sample in phonemes[stressed[-1] :] if not name)
    sound = resample_poly(sound.astype(float), RATE // 50, heard // 50)
    return PEAK * sound / np.abs(sound).max(), [sample / heard for sample in [*starts, end]]


def digit_speech_table(folder):
    """Return one row a recording: part, voice, text, rate (words a minute), pitch (50 is the voice's own) and times.

    times: the seconds at which each digit begins, as the synthesiser tells them, and the end of the last.
    """
    import pandas as pd

    return pd.DataFrame(json.loads((folder / "strings.json").read_text(encoding="utf-8")))


def load_digit_speech(folder, *, voice="many"):
    """Return recordings of digit strings as sound; the target is the text, such as "three one four".

    Parameters
    ----------
    voice : {"many", "one"}
        "many": 16 voices to train, 4 to validate and 8 to test, none in two parts. "one": one more voice, which is
        in none of these; its strings are divided into 300, 40 and 60.

    Returns
    -------
    DataSplits
        Items ``{"audio": (N,) in [-1, 1], 8,000 samples a second, "times": (digits + 1,) seconds}`` and the text.
        times: when each digit begins, and the end of the last. Groups: the name of the voice.
    """
    from mmcourse.data.splits import DataSplits, Split

    if voice not in ("many", "one"):
        raise ValueError(f"voice must be 'many' or 'one', not {voice!r}")
    table = digit_speech_table(folder)
    with np.load(folder / "audio.npz", allow_pickle=False) as stored:
        sounds = np.split(stored["samples"], np.cumsum(stored["lengths"])[:-1])
    if voice == "one":
        rows = np.split(np.flatnonzero(table["part"] == "one"), np.cumsum(ONE_PARTS)[:-1])
    else:
        rows = [np.flatnonzero(table["part"] == part) for part in ("train", "valid", "test")]
    parts = []
    for chosen in rows:
        inputs = {
            "audio": [sounds[k].astype(np.float32) / 32767 for k in chosen],
            "times": [np.array(table["times"][k], np.float32) for k in chosen],
        }
        parts.append(Split(inputs, table["text"][chosen].to_numpy(str), table["voice"][chosen].to_numpy(str)))
    return DataSplits(*parts)


DIGIT_SPEECH_RECIPE = (DIGITS, STRESS, ONSET, VOICES, STRINGS, LENGTH, SPEEDS, PITCHES, PEAK, NOISE, say_digits)
