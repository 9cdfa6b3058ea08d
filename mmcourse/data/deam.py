"""Reader of DEAM, songs rated for valence and arousal, in its official layout from a folder that the learner names."""

import numpy as np

from mmcourse.data.canonical import need_good, own_folder, read_table
from mmcourse.data.errors import DataError
from mmcourse.data.media import Clip

RATINGS = tuple(
    f"annotations/annotations averaged per song/song_level/static_annotations_averaged_songs_{songs}.csv"
    for songs in ("1_2000", "2000_2058")
)
COLUMNS = ("song_id", "valence_mean", "valence_std", "arousal_mean", "arousal_std")
FEWEST = 10  # songs, so that each part gets one


def deam_folder(folder=None):
    """Return the folder with DEAM, as given or from ``MMCOURSE_FOLDER_DEAM``."""
    advice = "Download 'DEAM_audio' and 'DEAM_Annotations' (about 1.3 GB), unpack both into one folder"
    return own_folder("deam", folder, [*RATINGS, "MEMD_audio/"], advice)


def deam_table(_=None, *, folder=None):
    """Return one row a song: the ratings, and column lyrics, empty where ``lyrics.csv`` has none."""
    return _songs(deam_folder(folder))


def load_deam(_=None, *, folder=None, rate=16_000, seconds=45.0):
    """Return songs with the mean rating of their valence and arousal, 1 to 9.

    DEAM has no lyrics. Put a table ``lyrics.csv`` with columns song_id and lyrics into the folder if you have them; the
    text of all other songs is empty. 70, 10 and 20 % of the songs are for training, validation and testing, always the
    same ones. Sound is read when it is asked for.

    Parameters
    ----------
    folder : path, optional
        Holds annotations/, MEMD_audio/ and perhaps lyrics.csv; by default ``MMCOURSE_FOLDER_DEAM``.
    rate : int
        Hertz.
    seconds : float
        From the start of each file.

    Returns
    -------
    DataSplits
        Items ``{"audio": (rate * seconds,), "text": str}`` and (valence, arousal). Groups: the number of the song.

    Raises
    ------
    DataError
        Something is missing or damaged; the message names it.
    ValueError
        A rate or length that is not positive.
    """
    from mmcourse.data.splits import grouped_splits

    if not (rate > 0 and seconds > 0):
        raise ValueError(f"rate and seconds must be positive, not {rate!r} and {seconds!r}")
    folder = deam_folder(folder)
    table = _songs(folder)
    if len(table) < FEWEST:
        raise DataError(f"The two files of ratings describe only {len(table)} songs; download them again.")
    songs, target = table["song_id"].to_numpy(int), table[["valence_mean", "arousal_mean"]].to_numpy(np.float32)
    clips = [Clip(folder / "MEMD_audio" / f"{song}.mp3", rate, seconds) for song in songs]
    inputs = {"audio": clips, "text": table["lyrics"].tolist()}
    return grouped_splits(inputs, target, songs, strata=np.zeros(len(songs)))


def _songs(folder):
    """Read and check all tables."""
    import pandas as pd

    table, paths = pd.DataFrame(columns=COLUMNS), [folder / name for name in RATINGS]
    for path in paths:
        rows = _read(path, COLUMNS)
        for column in COLUMNS[1:]:
            rows[column] = _numbers(path, rows[column], *((1, 9) if column.endswith("mean") else (0, 9)))
        need_good(path, rows["song_id"], ~rows["song_id"].isin(table["song_id"]), "song {!r} is in the other file too")
        table = pd.concat([table, rows[list(COLUMNS)]], ignore_index=True) if len(table) else rows[list(COLUMNS)]
    for song in table["song_id"]:
        if not (folder / "MEMD_audio" / f"{song}.mp3").is_file():
            raise DataError(f"The folder {folder / 'MEMD_audio'} holds no {song}.mp3; unpack the sound again.")
    words, path = {}, folder / "lyrics.csv"
    if path.is_file():
        rows = _read(path, ("song_id", "lyrics"))
        need_good(path, rows["song_id"], rows["song_id"].isin(table["song_id"]), "DEAM has no song {!r}")
        words = dict(zip(rows["song_id"], rows["lyrics"], strict=True))
    return table.assign(lyrics=[words.get(song, "") for song in table["song_id"]])


def _read(path, columns):
    """Return a file as a table of texts after looking at the numbers of its songs."""
    rows = read_table(path, columns, empty=True, skipinitialspace=True, skip_blank_lines=False, index_col=False)
    need_good(path, rows["song_id"], rows["song_id"].str.fullmatch(r"[1-9]\d*"), "the song_id is {!r}, not a number")
    need_good(path, rows["song_id"], ~rows["song_id"].duplicated(), "song {!r} is there twice")
    return rows


def _numbers(path, texts, low, high):
    import pandas as pd

    values = pd.to_numeric(texts, errors="coerce")
    message = f"{texts.name} is {{!r}}, not a number from {low} to {high}"
    need_good(path, texts, values.between(low, high), message)
    return values
