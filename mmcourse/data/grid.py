"""Reader of the GRID corpus, talkers who say sentences of six words, from a folder that the learner names."""

import re

import numpy as np

from mmcourse.data.canonical import need_limit, need_sides, need_whole, opened, own_folder
from mmcourse.data.errors import DataError
from mmcourse.data.media import Clip, Video

FILES = {"video": ".mpg", "audio": ".wav", "align": ".align"}  # by the folder they lie in
UNITS, FRAME_RATE, SECONDS = 25_000, 25, 3.0  # units of an alignment, and frames, in a second; length of a recording
MOUTH = (0.6, 0.15, 0.9, 0.7)  # top, left, bottom and right, as shares of the picture
FEWEST, WHOLE = 3, 0.9  # speakers, one for each part; share of a speaker's videos that have sound and words


def grid_folder(folder=None):
    """Return the folder with GRID, as given or from ``MMCOURSE_FOLDER_GRID``."""
    advice = "Download video, audio and word alignments of GRID, unpack them into video/s1/, audio/s1/, align/s1/, ..."
    return own_folder("grid", folder, [f"{kind}/" for kind in FILES], advice)


def load_grid(_=None, *, folder=None, size=(72, 90), mouth=False, rate=16_000, limit=None):
    """Return talking faces with their sound and the times of the words; the target is the sentence.

    No speaker is in two parts: a fifth of the speakers are for testing, a tenth for validation, at least one each. Video
    and sound are read when they are asked for. Silence is no word. Sentences of which a file is missing or empty are
    left out, a tenth of a speaker's at most.

    Parameters
    ----------
    folder : path, optional
        Holds video/, audio/ and align/, in each of which the files lie in a folder named as their speaker (s1 to s34),
        at any depth; by default ``MMCOURSE_FOLDER_GRID``.
    size : (int, int)
        Height and width of the video.
    mouth : bool
        Cut out the lower middle of the picture. It is the same for all: nobody looks where the mouth is.
    rate : int
        Hertz of the sound.
    limit : int, optional
        Use only the first so many sentences of each speaker, by name.

    Returns
    -------
    DataSplits
        Items ``{"video": (T, 3, height, width) in [0, 1] at 25 frames a second, "audio": (3 * rate,), "times":
        (n_words, 2), start and end in seconds}`` and the sentence. Groups: the number of the speaker.

    Raises
    ------
    DataError
        Something is missing or damaged; the message names it.
    ValueError
        A bad option.
    """
    from mmcourse.data.splits import DataSplits, Split

    need_sides("size", size)
    need_whole("rate", rate, 1)
    need_limit(limit)
    folder, box = grid_folder(folder), MOUTH if mouth else (0, 0, 1, 1)
    found = video, audio, align = [_found(folder / kind, ending) for kind, ending in FILES.items()]
    speakers = np.random.default_rng(0).permutation(sorted({speaker for speaker, _ in video}))
    if len(speakers) < FEWEST:
        raise DataError(f"{folder / 'video'} holds videos of {len(speakers)} speakers; GRID needs {FEWEST} at least.")
    parts, borders = [], np.cumsum([max(1, len(speakers) // 5), max(1, len(speakers) // 10)])
    for chosen in np.split(speakers, borders)[::-1]:
        keys = [key for speaker in sorted(chosen) for key in _whole(speaker, *found)[:limit]]
        sentences, times = zip(*(_words(align[key]) for key in keys), strict=True)
        least = [round(rows[-1, 1].item() * FRAME_RATE) for rows in times]  # frames, until the last word
        inputs = {
            "video": [Video(video[key], tuple(size), box, frames) for key, frames in zip(keys, least, strict=True)],
            "audio": [Clip(audio[key], rate, SECONDS) for key in keys],
            "times": times,
        }
        parts.append(Split(inputs, sentences, [speaker for speaker, _ in keys]))
    return DataSplits(*parts)


def _found(folder, ending):
    """Return ``{(speaker, name): path}`` of the files in the folders of the speakers; empty files do not count."""
    found = {}
    for path in sorted(folder.rglob(f"*{ending}")):
        speakers = re.findall(r"\bs([1-9]\d?)/", path.relative_to(folder).as_posix())
        if speakers and path.stat().st_size:
            key = int(speakers[-1]), path.stem
            if key in found:
                raise DataError(f"{path} and {found[key]} are the same sentence; keep one of them.")
            found[key] = path
    return found


def _whole(speaker, video, audio, align):
    """Return the keys of a speaker's sentences that have all three files."""
    videos = sorted(key for key in video if key[0] == speaker)
    whole = [key for key in videos if key in audio and key in align]
    if len(whole) < WHOLE * len(videos):
        few = f"{len(whole)} of {len(videos)} videos of speaker s{speaker} have sound and words"
        raise DataError(f"Only {few} of the same name; download both again.")
    return whole


def _words(path):
    """Return the sentence of an alignment, and the times of its words in seconds."""
    rows = [(0, 0, "sil")]
    for number, line in enumerate(opened(path).read().rstrip().splitlines(), start=1):
        match = re.fullmatch(r"(\d+)\s+(\d+)\s+(\S+)\s*", line)
        if not match or not rows[-1][1] <= int(match[1]) <= int(match[2]):
            raise DataError(f"{path}, line {number}: {line!r} is not the next start, its end and a word.")
        rows.append((int(match[1]), int(match[2]), match[3]))
    spoken = [row for row in rows if row[2] not in ("sil", "sp")]
    if not spoken:
        raise DataError(f"{path} holds no words; unpack it again.")
    return " ".join(row[2] for row in spoken), np.array([row[:2] for row in spoken], dtype=np.float32) / UNITS
