"""Fingerspelling in miniature: pose files written in the test, with a left and a right hand."""

import io

import numpy as np
import pytest
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions
from toys import parts

from mmcourse.data.fingerspelling import ALPHABET, at, build_fingerspelling, load_fingerspelling, read_letter, spell

SIZES = {"POSE_LANDMARKS": 33, "FACE_LANDMARKS": 478, "LEFT_HAND_LANDMARKS": 21, "RIGHT_HAND_LANDMARKS": 21}
HOME = "spoken_to_signed/assets/fingerspelling_lexicon"


def pose_file(hand="right", frames=12, fps=25, seed=0, low=0):
    """A pose file in the published layout: shoulders 200 apart, one hand of random shape, `low` frames below."""
    rng = np.random.default_rng(seed)
    points, seen = np.zeros((frames, 1, 553, 3), np.float32), np.ones((frames, 1, 553), np.float32)
    points[:, 0, :511] = rng.uniform(100, 400, (511, 3))
    points[:, 0, 11], points[:, 0, 12] = (350, 250, 0), (150, 250, 0)
    shape = rng.uniform(-50, 50, (21, 3)) + np.array([100, 150, 0])
    start, other = (532, 511) if hand == "right" else (511, 532)
    points[:, 0, start : start + 21] = shape if hand == "right" else shape * [-1, 1, 1] + [500, 0, 0]
    points[frames - low :, 0, start : start + 21, 1] += 100
    seen[:, :, other : other + 21] = 0
    if hand == "left":
        points[:, 0, :511, 0] = 500 - points[:, 0, :511, 0]
        points[:, 0, [11, 12]] = points[:, 0, [12, 11]]
        points[:, 0, [13, 14]] = points[:, 0, [14, 13]]
        points[:, 0, [15, 16]] = points[:, 0, [16, 15]]
    components = [PoseHeaderComponent(k, [str(i) for i in range(n)], [], [], "XYZC") for k, n in SIZES.items()]
    header = PoseHeader(version=0.2, dimensions=PoseHeaderDimensions(500, 500, 0), components=components)
    stream = io.BytesIO()
    Pose(header, NumPyPoseBody(fps=fps, data=points, confidence=seen)).write(stream)
    return stream.getvalue()


def test_a_mirrored_left_hand_is_the_right_hand():
    right, left = (read_letter(pose_file(hand)) for hand in ("right", "left"))
    for key, width in (("hand", 42), ("body", 14), ("face", 40)):
        assert right[key].shape == (12, width)
        np.testing.assert_allclose(left[key], right[key], atol=1e-4)


def test_joints_are_relative_to_wrist_and_size_and_shoulders():
    letter = read_letter(pose_file())
    hand = letter["hand"][0].reshape(21, 2)
    assert np.linalg.norm(hand[9]) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(hand[0], 0, atol=1e-5)  # a hand that does not move
    body = letter["body"][0].reshape(7, 2)
    np.testing.assert_allclose(body[1:3], [[0.5, 0], [-0.5, 0]], atol=1e-4)


def test_only_frames_with_the_hand_raised_at_25_a_second():
    assert len(read_letter(pose_file(low=4))["hand"]) == 8
    assert len(read_letter(pose_file(frames=30, fps=50))["hand"]) == 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Thirteen languages of four letters, and what must be left out."""
    rows, members, seed = ["path,spoken_language,signed_language,start,end,words,glosses,priority"], {}, 0
    for language in (*(f"l{k:02}" for k in range(13)), "fsl", "cse"):
        for letter in ("A", "B", "Y", "Z", "Ch", "Ä"):
            path, seed = f"{language}/{letter.encode().hex()}.pose", seed + 1
            rows.append(f"{path},xx,{language},0,400,{letter},{letter},0")
            members[f"{HOME}/{path}"] = pose_file(seed=seed, frames=8 + seed % 5)
    folder = tmp_path_factory.mktemp("hands")
    members[f"{HOME}/index.csv"] = "\n".join(rows).encode()
    build_fingerspelling([members], folder)
    return folder


def test_letters_are_divided_by_language(folder):
    splits = load_fingerspelling(folder)
    assert [len(part) for part in parts(splits)] == [36, 4, 12]
    groups = [set(part.groups) for part in parts(splits)]
    assert set.union(*groups) == {f"l{k:02}" for k in range(13)}
    assert not groups[0] & (groups[1] | groups[2])
    assert not groups[1] & groups[2]
    assert [splits.classes[k] for k in sorted(set(splits.test.target))] == ["A", "B", "Y", "Z"]
    item, _ = splits.train[0]
    assert {key: value.shape[1] for key, value in item.items()} == {"hand": 42, "body": 14, "face": 40}


def test_words_come_from_known_or_from_new_languages(folder):
    letters = load_fingerspelling(folder)
    for unseen in (False, True):
        words = load_fingerspelling(folder, words=40, length=(2, 4), unseen=unseen)
        assert [len(part) for part in parts(words)] == [40, 8, 8]
        for name in ("train", "valid", "test"):
            part, source = getattr(words, name), getattr(letters, name if unseen else "train")
            assert set(part.groups) <= set(source.groups)
            lengths = (part.target > 0).sum(1)
            assert lengths.min() >= 2
            assert lengths.max() <= 4
            assert {words.classes[k] for k in part.target.ravel()} <= {"", "A", "B", "Y", "Z"}
    again = load_fingerspelling(folder, words=40, length=(2, 4), unseen=True)
    assert all(a["hand"].equal(b["hand"]) for (a, _), (b, _) in zip(words.test, again.test, strict=True))
    other = load_fingerspelling(folder, words=40, length=(2, 4), unseen=True, seed=1)
    assert not np.array_equal(other.test.target, words.test.target)
    assert words.classes[1:] == tuple(ALPHABET)


def test_warping_keeps_the_letter_recognisable():
    rng = np.random.default_rng(0)
    hands = [np.repeat(rng.standard_normal((1, 42)), 20, 0) for _ in range(2)]
    for seed in range(20):
        word = spell(hands, np.random.default_rng(seed))
        assert word.dtype == np.float32
        assert 28 + 2 <= len(word) <= 56 + 6
        for place, hand in ((3, hands[0]), (-4, hands[1])):
            assert np.corrcoef(word[place], hand[0])[0, 1] > 0.75


def test_reading_between_frames():
    assert at(np.array([[0.0], [2.0]]), np.array([0, 0.5, 1, 7]))[:, 0].tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("options", [{"words": -1}, {"words": 5, "length": (0, 2)}, {"words": 5, "length": (3, 2)}])
def test_bad_options(folder, options):
    with pytest.raises(ValueError, match="must"):
        load_fingerspelling(folder, **options)
