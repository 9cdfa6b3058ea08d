"""Recipe for music with words: real scores played by a small synthesiser, and review snippets in place of lyrics."""

import io
import json
import re
from dataclasses import dataclass
from numbers import Integral

import numpy as np

RATE, SECONDS = 16_000, 8
MODES = ("minor", "major")
PARTS, FRACTIONS = ("train", "valid", "test"), (0.6, 0.15, 0.25)
VOICES = {"chorale": 4, "tune": 1}
EXCERPTS = {"chorale": 2, "tune": 1}  # of one piece
TEMPO = {"chorale": (66, 96), "tune": (96, 132)}  # quarter notes a minute, drawn at random
TUNES = 200  # looked at of each mode
OPENING, WORDS = 8, 3  # intervals and words at the start of a melody that mark its relatives
RELATED = ("title", "opening", "first_words")
STYLE = {"brightness": (0.6, 2.2), "even": (0.1, 1), "decay": (0.15, 1.2), "attack": (0.005, 0.06), "hiss": (-60, -35)}

RECIPE = (RATE, SECONDS, VOICES, EXCERPTS, TEMPO, TUNES, OPENING, WORDS, RELATED, STYLE)


@dataclass(frozen=True)
class Excerpt:
    """Eight seconds of a score; the sound is made when it is asked for.

    Attributes
    ----------
    notes : array, shape (n, 3)
        Start and length in seconds, and pitch in semitones (69 is 440 Hz).
    style : array, shape (5,)
        How it is played: the keys of ``STYLE`` in their order.
    """

    notes: np.ndarray
    style: np.ndarray

    def decode(self):
        """Return the sound, shape (128,000), float32 at 16,000 Hz, with a root mean square of 0.1."""
        return play(self.notes, self.style)


def play(notes, style):
    """Play notes on an instrument of at most twelve harmonics; see :class:`Excerpt`."""
    brightness, even, decay, attack, hiss = style
    number, size = np.arange(1, 13), 2048
    harmonics = np.sin(2 * np.pi * number[:, None] * np.arange(size) / size)
    strength = number**-brightness * np.where(number % 2, 1, even)
    sound, tables = np.zeros(RATE * SECONDS), {}
    for start, length, pitch in notes:
        hertz, first = 440 * 2 ** ((pitch - 69) / 12), int(start * RATE)
        if pitch not in tables:
            tables[pitch] = (strength * (number * hertz < RATE / 2)) @ harmonics
        time = np.arange(min(int(length * RATE), len(sound) - first)) / RATE
        shape = np.minimum(time / attack, 1) * np.exp(-time / decay) * np.minimum((length - time) / 0.02, 1)
        sound[first : first + len(time)] += tables[pitch][(time * (hertz * size)).astype(int) % size] * shape
    noise = np.random.default_rng(len(notes)).standard_normal(len(sound))
    sound = sound / np.sqrt(np.mean(sound**2)) + 10 ** (hiss / 20) * noise
    return (0.1 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def timbre(sound):
    """Mean over time of 20 MFCCs and of spectral contrast in 7 bands, then the deviations; shape (54,)."""
    from librosa import feature

    frames = dict(y=sound, sr=RATE, n_fft=2048, hop_length=1024)
    rows = np.concatenate([feature.mfcc(n_mfcc=20, **frames), feature.spectral_contrast(**frames)])
    return np.concatenate([rows.mean(1), rows.std(1)]).astype(np.float32)


def harmony(sound):
    """Mean strength of the twelve tones from C to B, and the tempo in beats a minute; shape (13,)."""
    from librosa import feature

    tones = feature.chroma_stft(y=sound, sr=RATE, n_fft=4096, hop_length=1024).mean(1)
    return np.append(tones, feature.tempo(y=sound, sr=RATE)).astype(np.float32)


def build_music(files, folder):
    """Parse scores, choose excerpts, and play them once for their features; keep notes, style and features."""
    from tqdm import tqdm

    snippets()  # so that they are in the cache too
    rng, rows, excerpts, features = np.random.default_rng(0), [], [], []
    for piece in tqdm(_balanced(_pieces(files[0], rng), rng), desc="playing", leave=False):
        notes = piece.pop("notes")
        for _ in range(EXCERPTS[piece["source"]]):
            excerpts.append(_excerpt(notes, TEMPO[piece["source"]], rng))
            sound = excerpts[-1].decode()
            features.append((timbre(sound), harmony(sound)))
            rows.append(piece)
    arrays = dict(zip(("timbre", "harmony"), map(np.stack, zip(*features, strict=True)), strict=True))
    arrays |= {"style": [excerpt.style for excerpt in excerpts], "lengths": [len(one.notes) for one in excerpts]}
    np.savez(folder / "music.npz", notes=np.concatenate([excerpt.notes for excerpt in excerpts]), **arrays)
    (folder / "pieces.json").write_text(json.dumps(rows), encoding="utf-8")


def _pieces(files, rng):
    """Return the usable scores as dicts, with a number for the group of related pieces."""
    from music21 import converter, exceptions21
    from scipy.sparse import csgraph
    from tqdm import tqdm

    scores = [(name, "chorale", content) for name, content in sorted(files.items()) if name.endswith(".mxl")]
    pieces = []
    for name, source, content in tqdm(scores + _tunes(files, rng), desc="scores", leave=False):
        try:
            data, kind = (_unzipped(content), "musicxml") if source == "chorale" else (content, "abc")
            pieces.append(_piece(converter.parseData(data, format=kind), name, source))
        except exceptions21.Music21Exception:  # a score that music21 cannot read
            continue
    pieces = [piece for piece in pieces if piece]
    same = [[any(a[key] and a[key] == b[key] for key in RELATED) for b in pieces] for a in pieces]
    for piece, group in zip(pieces, csgraph.connected_components(np.array(same))[1], strict=True):
        piece["group"] = int(group)
    return pieces


def _unzipped(content):
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("xml") and not name.startswith("META-INF")]
        return archive.read(name).decode("utf-8")


def _tunes(files, rng):
    """Return as many tunes that say they are in minor as in major: (title, "tune", notation)."""
    found = {mode: [] for mode in MODES}
    for _, content in sorted((name, content) for name, content in files.items() if name.endswith(".abc")):
        for tune in re.split(r"(?m)^(?=X:)", content.decode("utf-8", "replace"))[1:]:
            key, title = re.search(r"(?mi)^K: *[A-G][b#]? *(m|min|minor)?\s*$", tune), re.search(r"(?m)^T: *(.*)", tune)
            if key and title:
                found["minor" if key[1] else "major"].append((title[1].strip().title(), "tune", tune))
    return [tunes[row] for tunes in found.values() for row in rng.permutation(len(tunes))[:TUNES]]


def _piece(score, name, source):
    """Return one score as a dict; None if it is too short, or if stated and analysed key differ in mode."""
    from music21.text import assembleLyrics

    parts, stated = list(score.parts), next(iter(score.recurse().getElementsByClass("KeySignature")), None)
    if len(parts) != VOICES[source] or getattr(stated, "mode", None) not in MODES:
        return None
    if score.analyze("key").mode != stated.mode:
        return None
    for part in parts:
        part.stripTies(inPlace=True)
    sung = [[note for note in part.flatten().notes if note.quarterLength] for part in parts]
    notes = [(note.offset, note.quarterLength, p.midi) for part in sung for note in part for p in note.pitches]
    notes = np.array(sorted(notes), dtype=float)
    steps = np.diff([note.pitches[-1].midi for note in sung[0]])
    opening = [int(step) for step in steps if step][:OPENING]
    longest = SECONDS * TEMPO[source][1] / 60  # in quarter notes
    if len(opening) < OPENING or (notes[:, 0] + notes[:, 1]).max() < longest:
        return None
    title, composer = (name.rpartition("/")[2][:-4], "J. S. Bach") if source == "chorale" else (name, "traditional")
    about = dict(title=title, composer=composer, source=source, key=stated.tonic.name.replace("-", "b"))
    about |= dict(mode=stated.mode, lyrics=assembleLyrics(parts[0]), opening=opening, notes=notes)
    return about | dict(first_words=re.findall(r"\w+", about["lyrics"].casefold())[:WORDS])


def _balanced(pieces, rng):
    """Return as many pieces in minor as in major from each source."""
    kept = []
    for source in VOICES:
        both = [[piece for piece in pieces if (piece["source"], piece["mode"]) == (source, mode)] for mode in MODES]
        fewest = min(map(len, both))
        kept += [same[row] for same in both for row in sorted(rng.permutation(len(same))[:fewest])]
    return kept


def _excerpt(notes, tempo, rng):
    """Cut eight seconds at a random note; tempo, transposition and style are random too."""
    notes = notes * [*[60 / rng.uniform(*tempo)] * 2, 1]
    latest = (notes[:, 0] + notes[:, 1]).max() - SECONDS
    start = rng.choice(np.unique(notes[notes[:, 0] <= latest + 1e-6, 0]))
    heard = notes[(notes[:, 0] >= start) & (notes[:, 0] < start + SECONDS - 0.05)]
    style = [rng.uniform(*bounds) for bounds in STYLE.values()]
    return Excerpt((heard - [start, 0, rng.integers(-5, 7)]).astype(np.float32), np.array(style))


def music_table(folder):
    """Return one row an excerpt: title, composer, source, key, mode, lyrics (the true ones, mostly none) and group."""
    import pandas as pd

    table = pd.DataFrame(json.loads((folder / "pieces.json").read_text(encoding="utf-8")))
    return table.drop(columns=["opening", "first_words"])


def snippets():
    """Return the reviews of ``movie_reviews``, fetched if need be."""
    from mmcourse.data.cache import prepared
    from mmcourse.data.registry import REGISTRY
    from mmcourse.data.tables import load_movie_reviews

    return load_movie_reviews(prepared(REGISTRY["movie_reviews"]))


def load_music(folder, *, seed=0, lines=2, sound=True):
    """Return excerpts of music in minor (0) or major (1), each with snippets of reviews that are negative or positive.

    The seed divides the pieces into parts of 60, 15 and 25 %, relatives together, and draws the snippets; no snippet is
    used twice, and the parts of ``movie_reviews`` are kept apart.

    Parameters
    ----------
    seed : int
        Not negative.
    lines : int
        Snippets an item, 1 to 4.
    sound : bool
        False leaves the sound itself out, which takes a while to play for all.

    Returns
    -------
    DataSplits
        Items ``{"audio": (128000,), "timbre": (54,), "harmony": (13,), "text": str}``; see :func:`timbre` and
        :func:`harmony`. Groups: pieces with the same title or the same start.
    """
    from mmcourse.data.pairs import matches
    from mmcourse.data.splits import DataSplits, Split, split_by_group

    if not isinstance(lines, Integral) or not 1 <= lines <= 4:
        raise ValueError(f"lines must be a whole number from 1 to 4, not {lines!r}")
    rng, table, reviews = np.random.default_rng(seed), music_table(folder), snippets()
    target, group = (table["mode"] == "major").to_numpy(int), table["group"].to_numpy()
    with np.load(folder / "music.npz") as stored:
        arrays = dict(stored)
    notes = np.split(arrays["notes"], np.cumsum(arrays["lengths"])[:-1])
    parts = []
    for part, rows in zip(PARTS, split_by_group(group, table["source"] + table["mode"], FRACTIONS, seed), strict=True):
        (said,), feeling = getattr(reviews, part).arrays()[0].values(), getattr(reviews, part).target
        chosen = matches(np.repeat(target[rows], lines), feeling, rng).reshape(-1, lines)
        inputs = {key: arrays[key][rows] for key in ("timbre", "harmony")}
        inputs["text"] = ["\n".join(said[verse]) for verse in chosen]
        if sound:
            inputs["audio"] = [Excerpt(notes[row], arrays["style"][row]) for row in rows]
        parts.append(Split(inputs, target[rows], group[rows]))
    return DataSplits(*parts, classes=MODES)


MUSIC_RECIPE = (*RECIPE, play, timbre, harmony, _pieces, _unzipped, _tunes, _piece, _balanced, _excerpt)
