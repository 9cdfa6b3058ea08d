"""MovieLens' CSV files in miniature, field by field as GroupLens describes them, posters and sounds, and every bad file."""

import pickle

import numpy as np
import pytest
import soundfile
from PIL import Image
from toys import change

from mmcourse import data
from mmcourse.data import DataError
from mmcourse.data.movielens_posters import load_movielens_posters, movielens_posters_table

RATE = 22_050
FILES = {
    "movies.csv": 'movieId,title,genres\n1,Toy Story (1995),Adventure|Animation|Children\n11,"American President, The '
    '(1995)",Comedy|Drama\n40,Misérables (Les),(no genres listed)\n',
    "ratings.csv": "userId,movieId,rating,timestamp\n"
    "7,1,4.0,964982703\n7,11,0.5,964981247\n9,40,3.5,964982224\n9,1,5,964983815\n",
    "tags.csv": "userId,movieId,tag,timestamp\n"
    '7,1,pixar,1139045764\n9,1,"funny, very",1139045765\n9,40,"""revolution""",1139045766\n',
    "links.csv": "movieId,imdbId,tmdbId\n1,0114709,862\n11,0112346,9087\n40,0113828,\n",
}


@pytest.fixture
def folder(tmp_path):
    """Films 1 and 40 have a poster, film 40 has a sound of two seconds, film 11 has nothing."""
    folder = tmp_path / "ml"
    (folder / "posters").mkdir(parents=True)
    (folder / "soundtracks").mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    Image.new("RGB", (240, 320), (200, 100, 50)).save(folder / "posters" / "1.jpg", quality=95)
    Image.new("L", (500, 320), 90).save(folder / "posters" / "40.jpg", quality=95)
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    soundfile.write(folder / "soundtracks" / "40.wav", np.stack([tone, tone], axis=1), RATE)
    return folder


def items(folder, **options):
    """Return ``{row of ratings.csv: (item, target)}`` over the three parts."""
    splits = load_movielens_posters(folder=folder, **options)
    parts = [split for split in (splits.train, splits.valid, splits.test) if len(split)]
    return {int(row): split[i] for split in parts for i, row in enumerate(split.groups)}


def test_the_fields(folder):
    films, ratings = (movielens_posters_table(of=of, folder=folder) for of in ("films", "ratings"))
    assert films["title"].tolist() == ["Toy Story", "American President, The", "Misérables (Les)"]
    assert films["year"].fillna(0).tolist() == [1995, 1995, 0]
    assert films["genres"].tolist() == [["Adventure", "Animation", "Children"], ["Comedy", "Drama"], []]
    assert films["tags"].tolist() == ["pixar funny, very", "", '"revolution"']
    assert [path and path.name for path in films["poster"]] == ["1.jpg", None, "40.jpg"]
    assert [path and path.name for path in films["soundtrack"]] == [None, None, "40.wav"]
    assert ratings.to_dict("list") == {
        "user": [0, 0, 1, 1],
        "film": [0, 1, 2, 0],
        "rating": [4, 0.5, 3.5, 5],
        "timestamp": [964982703, 964981247, 964982224, 964983815],
    }
    with pytest.raises(ValueError, match="no table of 'tags'; choose one of: ratings, films"):
        movielens_posters_table(of="tags", folder=folder)


def test_items_and_what_is_missing(folder):
    found = items(folder)
    toy, target = found[0]
    assert target == 4
    assert (toy["title"], toy["tags"], float(toy["year"])) == ("Toy Story", "pixar funny, very", 1995)
    assert toy["genres"].tolist() == [1, 1, 1, 0, 0]  # Adventure, Animation, Children, Comedy, Drama
    assert toy["poster"].shape == (3, 32, 24)
    np.testing.assert_allclose(toy["poster"].mean(axis=(1, 2)) * 255, (200, 100, 50), atol=2)
    assert [bool(found[row][0]["has_poster"]) for row in range(4)] == [True, False, True, True]
    assert [bool(found[row][0]["has_soundtrack"]) for row in range(4)] == [False, False, True, False]
    for key in ("poster", "soundtrack"):
        assert not found[1][0][key].any()
    np.testing.assert_allclose(found[2][0]["poster"] * 255, 90, atol=2)
    assert found[2][0]["year"].isnan()
    sound = found[2][0]["soundtrack"].numpy()
    assert sound.shape == (80_000,)
    assert not sound[32_100:].any()
    loudest = np.abs(np.fft.rfft(sound[:32_000])).argmax() * 16_000 / 32_000
    assert loudest == pytest.approx(440, abs=1)
    batch, _, _ = data.collate([found[0], found[1]])
    assert batch["has_poster"].tolist() == [True, False]
    assert pickle.loads(pickle.dumps(load_movielens_posters(folder=folder).train))[0][0]["title"]


def test_without_soundtracks_and_with_some_modalities(folder):
    (folder / "soundtracks" / "40.wav").unlink()
    (folder / "soundtracks").rmdir()
    assert "soundtrack" not in items(folder)[0][0]
    assert list(items(folder, modalities=("film", "has_poster"))[0][0]) == ["film", "has_poster"]


def test_new_films_are_in_one_part_only(folder):
    lines = [f"{user},{film},{1 + (user + film) % 5},0" for user in range(30) for film in (1, 11, 40)]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(lines) + "\n")
    splits = load_movielens_posters(folder=folder, cold=0.33, modalities=("film",))
    films = [set(split.arrays()[0]["film"]) for split in (splits.train, splits.valid, splits.test)]
    assert len((films[1] | films[2]) - films[0]) >= 1


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "ratings.csv",
            "rating,",
            "stars,",
            r"ratings.csv has no column 'rating'; its first line names: userId, movieId",
        ),
        ("movies.csv", "title", "name", r"movies.csv has no column 'title'"),
        ("tags.csv", ",tag,", ",word,", r"tags.csv has no column 'tag'"),
        ("ratings.csv", "0.5", "5.5", r"ratings.csv, line 3: the rating is '5.5', not one of 0.5, 1, ... 5"),
        ("ratings.csv", "0.5", "0", r"line 3: the rating is '0', not one of"),
        ("ratings.csv", "3.5", "3.7", r"line 4: the rating is '3.7', not one of"),
        ("ratings.csv", "4.0", "good", r"line 2: the rating is 'good', not one of"),
        ("ratings.csv", "4.0", "", r"line 2: the rating is '', not one of"),
        ("ratings.csv", "9,40", "9,41", r"ratings.csv, line 4: film '41' is not in movies.csv"),
        ("tags.csv", "7,1,", "7,2,", r"tags.csv, line 2: film '2' is not in movies.csv"),
        ("ratings.csv", ",964981247", "", r"ratings.csv, line 3: the timestamp is '', not a number"),
        ("ratings.csv", ",964981247", ",1,2", r"ratings.csv cannot be read \(.*line 3.*\)"),
        ("movies.csv", "40,Mis", "11,Mis", r"movies.csv, line 4: movieId '11' is there twice"),
        ("movies.csv", "11,", "eleven,", r"movies.csv, line 3: the movieId is 'eleven', not a number"),
    ],
)
def test_bad_lines(folder, name, old, new, message):
    change(folder, name, old, new)
    with pytest.raises(DataError, match=message):
        load_movielens_posters(folder=folder)


@pytest.mark.parametrize("name", ["ratings.csv", "movies.csv", "tags.csv"])
def test_bad_files(folder, name):
    path = folder / name
    path.write_bytes("userId,título\n".encode("latin-1"))
    with pytest.raises(DataError, match=rf"{name} is not a UTF-8 text file"):
        load_movielens_posters(folder=folder)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=rf"{name} cannot be read \(No columns to parse"):
        load_movielens_posters(folder=folder)
    path.write_text(FILES[name].splitlines()[0] + "\n")
    if name != "tags.csv":  # nobody has to write tags
        with pytest.raises(DataError, match=rf"{name} holds no rows"):
            load_movielens_posters(folder=folder)
    path.unlink()
    with pytest.raises(DataError, match=rf"holds no {name}. Download a MovieLens set"):
        load_movielens_posters(folder=folder)


def test_a_film_of_which_a_file_is_damaged(folder):
    poster, sound = folder / "posters" / "1.jpg", folder / "soundtracks" / "40.wav"
    poster.write_bytes(poster.read_bytes()[:200])
    sound.write_bytes(b"RIFF")
    splits = load_movielens_posters(folder=folder)
    with pytest.raises(DataError, match=r"1.jpg is missing or damaged \(.*\); unpack or save it again"):
        _ = [splits.train[i] for i in range(len(splits.train))]
    poster.unlink()
    assert not movielens_posters_table(of="films", folder=folder)["poster"].iloc[0]
    with pytest.raises(DataError, match=r"40.wav is missing or damaged"):
        _ = items(folder)


def test_the_folder_from_the_variable(folder, monkeypatch):
    assert not data.ready("movielens_posters")
    monkeypatch.setenv("MMCOURSE_FOLDER_MOVIELENS_POSTERS", str(folder))
    assert data.ready("movielens_posters")
    assert len(data.load("movielens_posters").train)
    (folder / "posters").rename(folder / "pictures")
    with pytest.raises(DataError, match=r"holds no posters/. Download"):
        data.load("movielens_posters")
    monkeypatch.delenv("MMCOURSE_FOLDER_MOVIELENS_POSTERS")
    with pytest.raises(
        DataError, match=r"ratings\.csv, movies\.csv, tags\.csv and posters/ in MMCOURSE_FOLDER_MOVIELENS"
    ):
        data.load("movielens_posters")


def test_columns_in_another_order_and_genres_outside_the_list(folder):
    (folder / "movies.csv").write_text("genres,movieId,title\nIMAX|Drama,1,A (2001) \n,11,B\n(no genres listed),40,C\n")
    films = movielens_posters_table(of="films", folder=folder)
    assert films["genres"].tolist() == [["IMAX", "Drama"], [], []]
    assert films["year"].iloc[0] == 2001
