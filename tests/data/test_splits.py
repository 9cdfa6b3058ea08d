"""Splits, batches, and the promise that related items stay together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset

from mmcourse.data.splits import DataSplits, Split, collate, grouped_splits, split_by_group


@pytest.fixture
def mixed():
    pictures = np.arange(3 * 1 * 2 * 2, dtype=np.uint8).reshape(3, 1, 2, 2)
    sounds = [np.full((length, 2), length, dtype=np.float32) for length in (2, 1, 3)]
    return Split({"image": pictures, "text": ["a", "bb", "ccc"], "audio": sounds}, np.array([0, 1, 0]), [7, 7, 8])


def test_items(mixed):
    assert isinstance(mixed, Dataset)
    item, target = mixed[2]
    assert item["text"] == "ccc"
    assert item["image"].dtype == torch.float32
    assert torch.equal(item["image"], torch.arange(8, 12).reshape(1, 2, 2) / 255)
    assert torch.equal(item["audio"], torch.full((3, 2), 3.0))
    assert target.dtype == torch.int64
    assert mixed.groups.tolist() == [7, 7, 8]
    assert len(list(mixed)) == len(mixed) == 3
    assert mixed[-1][0]["text"] == "ccc"


def test_arrays_hold_the_same_as_the_items(mixed):
    inputs, target = mixed.arrays()
    assert inputs["text"].dtype == inputs["audio"].dtype == object
    for row, (item, label) in enumerate(mixed):
        assert np.array_equal(inputs["image"][row], item["image"].numpy())
        assert np.array_equal(inputs["audio"][row], item["audio"].numpy())
        assert inputs["text"][row] == item["text"]
        assert target[row] == label


def test_sequences_of_equal_length_stay_ragged():
    split = Split({"audio": [np.ones((4, 2), np.float32)] * 3}, np.zeros(3))
    assert split.arrays()[0]["audio"].shape == (3,)


class Late:
    """Something that is decoded when it is asked for."""

    def __init__(self, *shape):
        self.shape = shape

    def decode(self):
        return np.full(self.shape, 51, np.uint8)


def test_things_decoded_late_may_differ_in_length():
    videos = Split({"video": [Late(2, 3), Late(4, 3)]}, ["EIN HUT", "ZWEI"]).arrays()[0]["video"]
    assert [video.shape for video in videos] == [(2, 3), (4, 3)]
    np.testing.assert_allclose(videos[1], 0.2)
    assert Split({"video": [Late(2, 3), Late(2, 3)]}, [0, 1]).arrays()[0]["video"].shape == (2, 2, 3)


def test_targets_of_text_stay_text():
    split = Split({"audio": [np.zeros((n, 1)) for n in (1, 2)]}, ["EIN HUT", "ZWEI"])
    assert type(split[0][1]) is str
    assert collate([split[0], split[1]])[2] == ["EIN HUT", "ZWEI"]
    assert split.arrays()[1].tolist() == ["EIN HUT", "ZWEI"]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="same length"):
        Split({"text": ["a"]}, np.zeros(2))


def test_collate_pads_with_zeros_and_true_means_keep(mixed):
    batch, masks, target = collate([mixed[row] for row in range(3)])
    assert batch["text"] == ["a", "bb", "ccc"]
    assert batch["image"].shape == (3, 1, 2, 2)
    assert masks.keys() == {"audio"}
    assert masks["audio"].dtype == torch.bool
    assert masks["audio"].tolist() == [[True, True, False], [True, False, False], [True, True, True]]
    for row, length in enumerate((2, 1, 3)):
        assert torch.equal(batch["audio"][row, :length], torch.full((length, 2), float(length)))
        assert not batch["audio"][row, length:].any()
    assert target.tolist() == [0, 1, 0]


def test_collate_keeps_float32_targets():
    split = Split({"returns": np.zeros((2, 3), np.float32)}, np.array([0.5, 1.5], np.float32))
    assert collate([split[0], split[1]])[2].dtype == torch.float32


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "at least one item"),
        ([({"a": torch.zeros(2)}, 0), ({"b": torch.zeros(2)}, 0)], "same modalities"),
        ([({"a": torch.zeros(2, 3)}, 0), ({"a": torch.zeros(2, 4)}, 0)], "first axis only, but 'a'"),
        ([({"a": torch.tensor(1.0)}, 0), ({"a": torch.zeros(1)}, 0)], "first axis only, but 'a'"),
    ],
)
def test_collate_refuses(items, message):
    with pytest.raises(ValueError, match=message):
        collate(items)


def test_a_loader_with_several_processes(mixed):
    loader = DataLoader(mixed, batch_size=2, collate_fn=collate, num_workers=1)
    assert [len(target) for _, _, target in loader] == [2, 1]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=120),
    st.integers(0, 5),
)
def test_no_group_straddles_and_nothing_is_lost(rows, seed):
    groups, strata = (np.array(column) for column in zip(*rows, strict=True))
    parts = split_by_group(groups, strata, seed=seed)
    assert sorted(np.concatenate(parts)) == list(range(len(rows)))
    for left in range(3):
        for right in range(left):
            assert not set(groups[parts[left]]) & set(groups[parts[right]])


def test_every_stratum_is_divided_alike():
    strata = np.repeat([0, 1, 2], [1000, 200, 100])
    parts = split_by_group(np.arange(1300), strata)
    for part, share in zip(parts, (0.7, 0.1, 0.2), strict=True):
        assert np.bincount(strata[part]).tolist() == [1000 * share, 200 * share, 100 * share]


def test_the_same_seed_gives_the_same_split_and_another_another():
    groups = np.arange(100)
    first, again, other = (split_by_group(groups, groups * 0, seed=seed)[2] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_grouped_splits_takes_rows_of_every_modality():
    splits = grouped_splits(
        {"text": [str(row) for row in range(50)], "image": np.arange(50)}, np.arange(50) % 2, np.arange(50)
    )
    assert isinstance(splits, DataSplits)
    for split in (splits.train, splits.valid, splits.test):
        inputs, target = split.arrays()
        assert [int(text) for text in inputs["text"]] == inputs["image"].tolist() == split.groups.tolist()
        assert (inputs["image"] % 2 == target).all()
