"""DEAM in miniature, field by field as its publisher writes it, and every bad file."""

import numpy as np
import pytest
from toys import change, parts

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.deam import RATINGS, load_deam
from mmcourse.data.media import Clip

HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std\n"
SONGS = (range(2, 32), range(2001, 2006))
RATE = 8000


def row(song):
    """Ratings that tell the song: 1 + a hundredth of its last two digits, and 9 minus that."""
    value = song % 100 / 100
    return f"{song},{1 + value:g},0.94,{9 - value:g},0.63\n"


def write(folder):
    import soundfile

    for path, songs in zip(RATINGS, SONGS, strict=True):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(HEADER + "".join(map(row, songs)), encoding="utf-8")
    (folder / "MEMD_audio").mkdir()
    for song in (*SONGS[0], *SONGS[1]):
        time = np.arange(2 * RATE) / RATE
        tone = 0.5 * np.sin(2 * np.pi * (200 + song) * time)
        soundfile.write(folder / "MEMD_audio" / f"{song}.mp3", np.stack([tone, tone], 1), RATE, format="MP3")
    (folder / "lyrics.csv").write_text('song_id, lyrics \n2,"Oh, my\nlove"\n2001,Où es-tu\n', encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "deam")


def test_songs_with_their_ratings_and_lyrics(folder):
    splits = load_deam(folder=folder, rate=RATE, seconds=1.5)
    assert [len(split) for split in parts(splits)] == [25, 3, 7]
    songs = np.concatenate([split.groups for split in parts(splits)])
    assert sorted(songs) == [*SONGS[0], *SONGS[1]]
    words = {2: "Oh, my\nlove", 2001: "Où es-tu"}
    for split in parts(splits):
        for number, song in enumerate(split.groups):
            inputs, target = split[number]
            np.testing.assert_allclose(target, [1 + song % 100 / 100, 9 - song % 100 / 100], atol=1e-5)
            assert inputs["text"] == words.get(song, "")
    again = load_deam(folder=folder)
    assert [split.groups.tolist() for split in parts(again)] == [split.groups.tolist() for split in parts(splits)]


def test_sound_is_read_in_mono_and_filled_with_silence(folder):
    splits = load_deam(folder=folder, rate=RATE, seconds=3)
    inputs, _ = splits.test[0]
    sound = inputs["audio"].numpy()
    assert sound.shape == (3 * RATE,)
    assert str(inputs["audio"].dtype) == "torch.float32"
    middle = sound[RATE // 2 : RATE // 2 + RATE]
    hertz = np.abs(np.fft.rfft(middle)).argmax()
    assert abs(hertz - (200 + splits.test.groups[0])) <= 1
    assert np.abs(sound[int(2.5 * RATE) :]).max() == 0
    batch, _, target = data.collate([splits.test[0], splits.test[1]])
    assert batch["audio"].shape == (2, 3 * RATE)
    assert target.shape == (2, 2)


def test_lyrics_are_optional_and_more_columns_do_not_matter(folder):
    (folder / "lyrics.csv").unlink()
    path = folder / RATINGS[1]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ", valence_max_mean", *(line + ",7" for line in lines[1:])]) + "\n")
    table = data.table("deam", folder=folder)
    assert set(table["lyrics"]) == {""}
    assert table["song_id"].tolist() == [str(song) for songs in SONGS for song in songs]
    assert table["arousal_std"].eq(0.63).all()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (RATINGS[0], " arousal_mean", " arousal", r"songs_1_2000.csv has no column 'arousal_mean'; its first line"),
        (RATINGS[0], "\n3,1.03", "\n3,9.5", r"1_2000.csv, line 3: valence_mean is '9.5', not a number from 1 to 9"),
        (RATINGS[1], "\n2001,1.01", "\n2001,0.9", r"2000_2058.csv, line 2: valence_mean is '0.9', not a number"),
        (RATINGS[1], ",8.99,", ",nan,", r"line 2: arousal_mean is 'nan', not a number from 1 to 9"),
        (RATINGS[0], ",0.94,", ",,", r"line 2: valence_std is '', not a number from 0 to 9"),
        (RATINGS[0], "\n3,", "\n2,", r"1_2000.csv, line 3: song '2' is there twice"),
        (RATINGS[0], "\n3,", "\nthree,", r"1_2000.csv, line 3: the song_id is 'three', not a number"),
        (RATINGS[0], "\n3,", "\n\n3,", r"1_2000.csv, line 3: the song_id is '', not a number"),
        (RATINGS[1], "\n2002,", "\n5,", r"2000_2058.csv, line 3: song '5' is in the other file too"),
        (RATINGS[1], "\n2002,", "\n2058,", r"MEMD_audio holds no 2058.mp3; unpack the sound again"),
        ("lyrics.csv", "2001,", "2057,", r"lyrics.csv, line 3: DEAM has no song '2057'"),
        ("lyrics.csv", "2001,", "2,", r"lyrics.csv, line 3: song '2' is there twice"),
        ("lyrics.csv", "lyrics", "words", r"lyrics.csv has no column 'lyrics'; its first line names: song_id, words"),
    ],
)
def test_bad_tables(folder, name, old, new, message):
    change(folder, name, old, new)
    with pytest.raises(DataError, match=message):
        load_deam(folder=folder)


@pytest.mark.parametrize("name", [*RATINGS, "lyrics.csv"])
def test_empty_and_foreign_files(folder, name):
    (folder / name).write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        load_deam(folder=folder)
    (folder / name).write_bytes("song_id,lyrics\n2,é\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"csv is not a UTF-8 text file"):
        load_deam(folder=folder)


def test_too_few_songs(folder):
    for name in RATINGS:
        (folder / name).write_text(HEADER)
    (folder / "lyrics.csv").unlink()
    with pytest.raises(DataError, match="describe only 0 songs"):
        load_deam(folder=folder)


def test_bad_sound_is_found_when_it_is_asked_for(folder):
    splits = load_deam(folder=folder)
    for content in (b"", b"no sound at all" * 50):
        path = folder / "MEMD_audio" / f"{splits.test.groups[0]}.mp3"
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"{path.name} is missing or damaged \("):
            _ = splits.test[0]
    with pytest.raises(DataError, match="is missing or damaged"):
        Clip(folder / "nothing.mp3", RATE, 1.0).decode()


def test_folder_and_options(folder, monkeypatch):
    with pytest.raises(DataError, match="MEMD_audio/ in MMCOURSE_FOLDER_DEAM or as load"):
        data.load("deam")
    assert not data.ready("deam")
    monkeypatch.setenv("MMCOURSE_FOLDER_DEAM", str(folder))
    assert data.ready("deam")
    assert len(data.load("deam").test) == 7
    for options in ({"rate": 0}, {"seconds": -1}, {"seconds": float("nan")}):
        with pytest.raises(ValueError, match="rate and seconds must be positive"):
            load_deam(folder=folder, **options)
    (folder / RATINGS[1]).unlink()
    with pytest.raises(DataError, match=r"holds no annotations/.*2000_2058.csv. Download"):
        load_deam(folder=folder)
