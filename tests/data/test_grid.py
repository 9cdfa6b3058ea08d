"""The GRID corpus in miniature, file by file as its publisher describes it, and every bad file."""

import pickle
import shutil

import av
import numpy as np
import pytest
import soundfile
from toys import change, parts

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.grid import load_grid
from mmcourse.data.media import Video

# The publisher's own alignment of s1/bbaf2n, and another of the same form.
ALIGN = {
    "bbaf2n": "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35500 at\n35500 41000 f\n41000 47250 two\n"
    "47250 53000 now\n53000 74500 sil\n",
    "pwwz9s": "0 12000 sil\n12000 18000 place\n18000 22000 white\n22000 25000 with\n25000 27000 sp\n27000 31000 z\n"
    "31000 37000 nine\n37000 45500 soon\n45500 74500 sil\n",
}
SPEAKERS = (1, 2, 3, 20, 34)
HEIGHT, WIDTH, FRAMES, RATE = 144, 176, 75, 25_000


def video(path, shade, frames=FRAMES):
    """An MPEG-1 video: grey of one shade, green below the middle; frame t is t brighter in blue."""
    with av.open(str(path), "w", format="mpeg") as file:
        stream = file.add_stream("mpeg1video", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 4_000_000
        for time in range(frames):
            picture = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
            picture[HEIGHT // 2 :] = (20, 200, 20)
            picture[..., 2] += time
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                file.mux(packet)
        file.mux(stream.encode())


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Five speakers who say two sentences each; the shade and the tone tell the speaker."""
    folder = tmp_path_factory.mktemp("grid")
    for speaker in SPEAKERS:
        for kind in ("video", "audio", "align"):
            (folder / kind / f"s{speaker}").mkdir(parents=True)
        for name, text in ALIGN.items():
            time = np.arange(int(2.5 * RATE)) / RATE
            tone = 0.5 * np.sin(2 * np.pi * (300 + 10 * speaker) * time)
            soundfile.write(folder / "audio" / f"s{speaker}" / f"{name}.wav", tone, RATE, subtype="PCM_16")
            (folder / "align" / f"s{speaker}" / f"{name}.align").write_text(text)
        video(folder / "video" / f"s{speaker}" / "bbaf2n.mpg", 60 + 2 * speaker)
        shutil.copy(folder / "video" / f"s{speaker}" / "bbaf2n.mpg", folder / "video" / f"s{speaker}" / "pwwz9s.mpg")
    return folder


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "grid")


def test_sentences_with_the_times_of_their_words(original):
    splits = load_grid(folder=original)
    assert [len(split) for split in parts(splits)] == [6, 2, 2]
    assert sorted(set().union(*(set(split.groups) for split in parts(splits)))) == list(SPEAKERS)
    assert sum(len(set(split.groups)) for split in parts(splits)) == len(SPEAKERS)
    inputs, sentence = splits.test[0]
    assert sentence == "bin blue at f two now"
    assert str(inputs["times"].dtype) == "torch.float32"
    starts = np.array([23750, 29500, 34000, 35500, 41000, 47250, 53000]) / 25_000
    np.testing.assert_allclose(inputs["times"], np.stack([starts[:-1], starts[1:]], axis=1), atol=1e-6)
    inputs, sentence = splits.test[1]
    assert sentence == "place white with z nine soon"
    np.testing.assert_allclose(inputs["times"][2:4], [[0.88, 1.0], [1.08, 1.24]], atol=1e-6)  # a pause between
    again = load_grid(folder=original)
    assert [split.groups.tolist() for split in parts(again)] == [split.groups.tolist() for split in parts(splits)]


def test_videos_and_sounds(original):
    splits = load_grid(folder=original, size=(36, 44), rate=8000)
    for split in parts(splits):
        inputs, _ = split[0]
        picture, sound, speaker = inputs["video"], inputs["audio"].numpy(), split.groups[0]
        assert picture.shape == (FRAMES, 3, 36, 44)
        assert str(picture.dtype) == "torch.float32"
        shade = picture[:, 0, :16].mean(dim=(1, 2)) * 255
        np.testing.assert_allclose(shade, 60 + 2 * speaker, atol=4)
        np.testing.assert_allclose(picture[:, 1, 20:].mean(dim=(1, 2)) * 255, 200, atol=4)
        blue = picture[:, 2].mean(dim=(1, 2)) * 255
        np.testing.assert_allclose(blue - blue[0], np.arange(FRAMES), atol=3)
        assert sound.shape == (24_000,)
        assert not sound[20_100:].any()  # the file ends half a second before the video
        assert np.abs(np.fft.rfft(sound[:16_000])).argmax() / 2 == pytest.approx(300 + 10 * speaker, abs=1)
    batch, masks, target = data.collate([splits.test[0], splits.test[1]])
    assert batch["video"].shape == (2, FRAMES, 3, 36, 44)
    assert not masks
    assert target == ["bin blue at f two now", "place white with z nine soon"]
    assert pickle.loads(pickle.dumps(splits.valid))[0][1] == splits.valid[0][1]


def test_the_mouth_is_the_lower_middle(original):
    inputs, _ = load_grid(folder=original, size=(10, 20), mouth=True).train[0]
    assert inputs["video"].shape == (FRAMES, 3, 10, 20)
    np.testing.assert_allclose(inputs["video"][:, 1].mean(dim=(1, 2)) * 255, 200, atol=4)


def test_a_box_is_cut_out_of_the_right_place(tmp_path):
    video(tmp_path / "one.mpg", 100, frames=2)
    upper, lower = (
        Video(tmp_path / "one.mpg", (8, 8), (top, 0.2, top + 0.04, 0.8)).decode()[0] for top in (0.44, 0.52)
    )
    assert abs(upper[1].mean() - 100) < 4
    assert abs(lower[1].mean() - 200) < 4


def test_the_folders_of_the_archives_may_stay(folder):
    whole = load_grid(folder=folder)
    deep = folder / "video" / "s9" / "s20.mpg_6000.part1" / "s20" / "video" / "mpg_6000"
    deep.parent.mkdir(parents=True)
    (folder / "video" / "s20").rename(deep)
    (folder / "align" / "s3").rename(folder / "align" / "apart")
    (folder / "align" / "s3").mkdir()
    (folder / "align" / "apart").rename(folder / "align" / "s3" / "align")
    again = load_grid(folder=folder)
    for one, other in zip(parts(whole), parts(again), strict=True):
        assert one.groups.tolist() == other.groups.tolist()
        assert one.target.tolist() == other.target.tolist()


def test_limit_and_the_variable(original, monkeypatch):
    assert not data.ready("grid")
    monkeypatch.setenv("MMCOURSE_FOLDER_GRID", str(original))
    assert data.ready("grid")
    splits = data.load("grid", limit=1)
    assert [len(split) for split in parts(splits)] == [3, 1, 1]
    assert set(splits.train.target) == {"bin blue at f two now"}


def crowd(folder, speaker=34, size=20):
    """Give a speaker more sentences; return their folders by kind."""
    homes = {kind: folder / kind / f"s{speaker}" for kind in ("video", "audio", "align")}
    for home in homes.values():
        source = next(home.glob("bbaf2n.*"))
        for number in range(size - 2):
            shutil.copy(source, home / f"bbaf{number}z{source.suffix}")
    return homes


def test_single_sentences_without_a_file_are_left_out(folder):
    homes = crowd(folder)
    (homes["align"] / "bbaf3z.align").unlink()
    (homes["audio"] / "bbaf4z.wav").write_bytes(b"")
    splits = load_grid(folder=folder)
    assert sum((split.groups == 34).sum() for split in parts(splits)) == 18
    (homes["align"] / "bbaf5z.align").unlink()
    with pytest.raises(DataError, match=r"Only 17 of 20 videos of speaker s34 have sound and words of the same"):
        load_grid(folder=folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("23750 29500 bin", "23750 29500", r"bbaf2n.align, line 2: '23750 29500' is not the next start, its end"),
        ("23750 29500 bin", "23750 29500 bin blue", r"line 2: '23750 29500 bin blue' is not"),
        ("29500 34000", "29500 34,000", r"line 3: '29500 34,000 blue' is not"),
        ("29500 34000", "29500.5 34000", r"line 3: "),
        ("29500 34000", "-29500 34000", r"line 3: "),
        ("29500 34000", "34000 29500", r"line 3: '34000 29500 blue' is not the next start, its end"),
        ("29500 34000", "29000 34000", r"line 3: '29000 34000 blue' is not the next start"),
        ("0 23750 sil\n", "0 23750 sil\n\n", r"line 2: '' is not"),
    ],
)
def test_bad_alignments(folder, old, new, message):
    change(folder, "align/s3/bbaf2n.align", old, new)
    with pytest.raises(DataError, match=message):
        load_grid(folder=folder)


def test_alignments_that_hold_nothing(folder):
    path = folder / "align" / "s3" / "bbaf2n.align"
    path.write_text("0 74500 sil\n")
    with pytest.raises(DataError, match=r"bbaf2n.align holds no words"):
        load_grid(folder=folder)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"bbaf2n.align is not a UTF-8 text file"):
        load_grid(folder=folder)


def test_damaged_videos_and_sounds_are_found_when_they_are_asked_for(folder):
    splits = load_grid(folder=folder)
    home = f"s{splits.test.groups[0]}"
    path = folder / "video" / home / "bbaf2n.mpg"
    whole = path.read_bytes()
    for content in (whole[:10], whole[: len(whole) // 4], b"no video at all" * 50, b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"The video .*bbaf2n.mpg is missing or damaged \("):
            _ = splits.test[0]
    path.unlink()
    with pytest.raises(DataError, match=r"The video .*bbaf2n.mpg is missing"):
        _ = splits.test[0]
    soundfile.write(folder / "sound.wav", np.zeros(1000), 8000)
    (folder / "sound.wav").rename(path)
    with pytest.raises(DataError, match=r"bbaf2n.mpg is missing or damaged"):
        _ = splits.test[0]
    path.write_bytes(whole)
    (folder / "audio" / home / "bbaf2n.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"The sound .*bbaf2n.wav is missing or damaged \("):
        _ = splits.test[0]


def test_a_video_that_ends_before_the_last_word(folder):
    splits = load_grid(folder=folder)
    path = folder / "video" / f"s{splits.test.groups[0]}" / "bbaf2n.mpg"
    video(path, 60, frames=53)
    assert splits.test[0][0]["video"].shape[0] == 53
    video(path, 60, frames=52)
    with pytest.raises(DataError, match=r"damaged \(it has 52 frames of at least 53\)"):
        _ = splits.test[0]


def test_the_same_sentence_twice(folder):
    (folder / "video" / "s1" / "again").mkdir()
    shutil.copy(folder / "video" / "s1" / "bbaf2n.mpg", folder / "video" / "s1" / "again")
    with pytest.raises(DataError, match=r"bbaf2n.mpg are the same sentence; keep one of them"):
        load_grid(folder=folder)


def test_missing_folders_and_speakers(folder, tmp_path):
    with pytest.raises(DataError, match=r"GRID, unpack .* video/, audio/ and align/ in MMCOURSE_FOLDER_GRID"):
        data.load("grid")
    for speaker in SPEAKERS[2:]:
        shutil.rmtree(folder / "video" / f"s{speaker}")
    with pytest.raises(DataError, match=r"video holds videos of 2 speakers; GRID needs 3 at least"):
        load_grid(folder=folder)
    shutil.rmtree(folder / "video")
    (folder / "video").mkdir()
    with pytest.raises(DataError, match="videos of 0 speakers"):
        load_grid(folder=folder)
    shutil.rmtree(folder / "align")
    with pytest.raises(DataError, match=r"holds no align/\. Download"):
        load_grid(folder=folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 64}, "size must be a height and a width, not 64"),
        ({"size": (64, 0)}, "size must be a whole number of at least 1, not 0"),
        ({"rate": 0}, "rate must be a whole number of at least 1, not 0"),
        ({"limit": 0}, "limit must be a whole number of at least 1, not 0"),
    ],
)
def test_bad_options(original, options, message):
    with pytest.raises(ValueError, match=message):
        load_grid(folder=original, **options)
