"""The spoken digits in miniature."""

import io

import numpy as np
import pytest

from mmcourse.data.speech import build_spoken_digits, load_spoken_digits


def archive(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def test_each_recording_keeps_its_frames_and_its_label(tmp_path):
    rng = np.random.default_rng(0)
    lengths, labels = rng.integers(1, 9, 60), np.arange(60) % 10
    frames = np.repeat(np.arange(60), lengths)[:, None] * np.ones(13, np.float32)
    content = archive(X=frames.astype(np.float32), lengths=lengths, y=labels)
    build_spoken_digits([{"digits.npz": content}], tmp_path)
    splits, seen = load_spoken_digits(tmp_path), []
    for split in (splits.train, splits.valid, splits.test):
        inputs, target = split.arrays()
        for sequence, label, row in zip(inputs["audio"], target, split.groups, strict=True):
            assert sequence.shape == (lengths[row], 13)
            assert sequence.dtype == np.float32
            assert (sequence == row).all()
            assert label == labels[row]
            seen.append(row)
    assert sorted(seen) == list(range(60))


def test_pickled_content_is_never_executed(tmp_path):
    content = archive(X=np.array([{"evil": 1}], dtype=object), lengths=[1], y=[0])
    build_spoken_digits([{"digits.npz": content}], tmp_path)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_spoken_digits(tmp_path)
