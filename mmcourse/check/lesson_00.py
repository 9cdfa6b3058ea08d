"""Checks of lesson 00, Start here."""

import numpy as np

from mmcourse.check.engine import Mistake, close, exercise, require


@exercise("0.1")
def ex0_1(modality_shapes):
    """The shape of each modality of a sample."""
    shapes = modality_shapes({"image": np.zeros((3, 4, 5)), "audio": np.zeros(7)})
    require(isinstance(shapes, dict), "return a dict, so that each shape keeps the name of its modality")
    require(
        shapes.keys() == {"image", "audio"}, f"the names should be image and audio, not {', '.join(map(str, shapes))}"
    )
    image = shapes["image"]
    require(image != 3, "len gives the first axis only; ask the array for its whole shape")
    require(image != 60, "that is how many numbers there are; ask for the shape, (3, 4, 5)")
    require(image == (3, 4, 5) and shapes["audio"] == (7,), f"the image's shape should be (3, 4, 5), you gave {image}")


@exercise("0.2")
def ex0_2(masked_mean):
    """The mean over time of what the mask keeps."""
    import torch

    values = torch.tensor([[[2.0, 4.0], [6.0, 8.0], [0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0]] * 4, [[9.0, 9.0]] * 4])
    mask = torch.tensor([[True, True, False, False], [True] * 4, [False] * 4])
    try:
        got = masked_mean(values.clone(), mask)
    except RuntimeError as error:
        if "must match" not in str(error):
            raise
        raise Mistake(
            "values are (B, T, d), the mask is (B, T): mask[..., None] fits all d numbers of a step"
        ) from None
    right = torch.tensor([[4.0, 6.0], [1.0, 1.0], [0.0, 0.0]])
    require(tuple(got.shape) == (3, 2), f"the result should have shape (B, d) = (3, 2), yours has {tuple(got.shape)}")
    require(not close(got[0], [2.0, 3.0]), "you divided by the whole length; divide by how many positions are kept")
    inverted = torch.where(mask[..., None], 0.0, values)[2].mean(0)
    require(not close(got[2], inverted), "you kept where the mask is False; True means keep")
    require(
        bool(torch.isfinite(got[2]).all()), "a row with nothing real must give zeros, not NaN: divide by at least 1"
    )
    require(close(got, right), f"for values 2 and 6 kept, padding after, the mean is 4; you gave {float(got[0, 0]):g}")
    noisy = torch.where(mask[..., None], values, torch.full_like(values, float("nan")))
    clean = masked_mean(noisy, mask)
    require(
        bool(torch.isfinite(clean).all()),
        "0 times NaN is NaN: choose with torch.where instead of multiplying by the mask",
    )


@exercise("0.3")
def ex0_3(majority_accuracy):
    """The score of always saying the commonest training answer."""
    train, test = ["a", "a", "b"], ["a", "b", "b", "b"]
    got = majority_accuracy(np.array(train), np.array(test))
    require(
        not close(got, 0.75), "you took the commonest answer of the test part; a baseline may only learn from training"
    )
    require(not close(got, 0.5), "guessing at random gives 1 in 2 here; the majority baseline always says one answer")
    require(not close(got, 2 / 3), "that is how common the answer is in training; score it on the test part")
    require(not close(got, 1.0), "that counts how many were right; divide by how many there are")
    require(close(got, 0.25), f"for training a a b and test a b b b it is 0.25; you gave {got:g}")
    numbers = majority_accuracy(np.array([3, 3, 1, 2]), np.array([3, 1, 3, 3]))
    require(close(numbers, 0.75), "it should work for numbers as well as for words")


@exercise("0.4")
def ex0_4(nearest):
    """Row numbers of the most similar items by cosine."""
    rng = np.random.default_rng(4)
    items = rng.normal(size=(6, 3)) * np.array([0.1, 1, 5, 0.2, 9, 2])[:, None]
    queries = rng.normal(size=(5, 3)) * 3
    cosine = (queries @ items.T) / np.linalg.norm(items, axis=1)
    got = np.asarray(nearest(queries.copy(), items.copy()))
    require(got.shape == (5,), f"one row number for each query: shape (5,), yours has {got.shape}")
    require(
        not np.array_equal(got, (queries @ items.T).argmax(1)),
        "long items win: divide each item by its own length, np.linalg.norm(items, axis=1)",
    )
    distance = np.linalg.norm(queries[:, None] - items[None], axis=-1)
    require(
        not np.array_equal(got, distance.argmin(1)), "that is the nearest by distance; cosine compares directions only"
    )
    require(not np.array_equal(got, cosine.argmin(1)), "that is the least similar item; take the largest cosine")
    require(
        np.array_equal(got, cosine.argmax(1)),
        f"the most similar rows are {cosine.argmax(1).tolist()}, you gave {got.tolist()}",
    )
