"""HOG against scikit-image, the pretrained network on photographs, and bad input."""

import numpy as np
import pytest
import skimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcourse import data
from mmcourse.representation.efficientnet import EfficientNetLite, SameConv2d, efficientnet_lite
from mmcourse.representation.image import cnn_features, crop, hog, normalise, resize, sift


def photo(name):
    return torch.tensor(getattr(skimage.data, name)()).permute(2, 0, 1).float() / 255


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(24, 60), st.integers(24, 60)),
    st.sampled_from([(9, (8, 8), (3, 3)), (8, (5, 5), (2, 2)), (4, (7, 4), (1, 3)), (1, (1, 1), (2, 1))]),
    st.sampled_from([None, 3]),  # brightness in steps, so that many gradients are exact multiples
)
def test_hog_equals_scikit_image(seed, size, settings, steps):
    rng = np.random.default_rng(seed)
    colour = rng.random((2, 3, *size)) if steps is None else rng.integers(0, steps, (2, 3, *size)) / steps
    expected = [skimage.feature.hog(image, *settings, channel_axis=0) for image in colour]
    np.testing.assert_allclose(hog(colour, *settings), expected, atol=1e-6)
    expected = skimage.feature.hog(colour[0, 0], *settings)
    np.testing.assert_allclose(hog(colour[0, 0], *settings), expected, atol=1e-6)
    np.testing.assert_allclose(hog(colour[0, :1], *settings), expected, atol=1e-6)


def test_hog_in_float32():
    image = np.random.default_rng(0).random((2, 1, 33, 41)).astype(np.float32)
    ours = hog(torch.tensor(image))
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours, [skimage.feature.hog(one) for one in image[:, 0]], atol=1e-5)


def test_hog_of_one_colour_is_zero():
    assert not hog(torch.full((3, 24, 24), 0.5)).any()


def test_resize_crop_normalise():
    image = torch.arange(20.0).reshape(1, 4, 5) / 20
    torch.testing.assert_close(crop(image, (2, 3)), image[:, 1:3, 1:4])
    assert resize(image[None], (7, 3)).shape == (1, 1, 7, 3)
    torch.testing.assert_close(resize(torch.full((1, 1, 1), 0.3), 8), torch.full((1, 8, 8), 0.3))  # one pixel
    torch.testing.assert_close(normalise(image, [0.5], [2.0]), (image - 0.5) / 2)
    checker = (torch.arange(64)[:, None] + torch.arange(64)).remainder(2)[None].float()
    torch.testing.assert_close(resize(checker, 8), torch.full((1, 8, 8), 0.5), atol=0.05, rtol=0)  # smoothed first


def test_sift_finds_the_same_after_a_shift():
    image = photo("chelsea")[:, 50:250, 100:300]
    places, descriptors = sift(image)
    assert descriptors.shape == (len(places), 128)
    grey = skimage.color.rgb2gray(image.permute(1, 2, 0).numpy())
    theirs = skimage.feature.SIFT()
    theirs.detect_and_extract(grey)
    assert abs(len(theirs.keypoints) - len(places)) <= 3  # grey values differ in the last bit
    moved, others = sift(photo("chelsea")[:, 40:240, 80:280])
    pairs = skimage.feature.match_descriptors(descriptors.numpy(), others.numpy(), max_ratio=0.6)
    shift = np.median(moved.numpy()[pairs[:, 1]] - places.numpy()[pairs[:, 0]], axis=0)
    assert shift.tolist() == [10, 20]


@pytest.mark.filterwarnings("error")
def test_sift_of_a_picture_with_flat_parts_is_silent():
    image = torch.ones(1, 48, 48)
    image[:, 12:30, 15:36] = torch.rand(18, 21, generator=torch.Generator().manual_seed(0))
    places, descriptors = sift(image)
    assert len(places) > 0
    assert descriptors.isfinite().all()


@pytest.mark.parametrize("image", [torch.ones(1, 1), torch.ones(3, 40, 40) / 2, torch.rand(1, 5, 60)])
def test_sift_of_nothing_is_empty(image):
    places, descriptors = sift(image)
    assert (places.shape, descriptors.shape) == ((0, 2), (0, 128))


def test_the_network_has_the_shape_of_the_paper():
    network = EfficientNetLite().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008  # as published
    with torch.inference_mode():
        assert network(torch.rand(2, 3, 33, 65)).shape == (2, 1000)


@pytest.mark.parametrize(("side", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (9, 5, 2), (6, 5, 1)])
def test_padding_as_tensorflow_pads(side, kernel, stride):
    layer = SameConv2d(1, 1, kernel, stride).requires_grad_(False)
    picture = torch.rand(1, 1, side, side)
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    padded = np.pad(picture[0, 0].numpy(), (total // 2, total - total // 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel))[::stride, ::stride]
    expected = (windows * layer.weight[0, 0].numpy()).sum(axis=(2, 3))
    np.testing.assert_allclose(layer(picture)[0, 0], expected, atol=1e-5)


def test_the_pretrained_network_knows_a_cat_and_a_coffee():
    if not data.ready("efficientnet"):
        pytest.skip("efficientnet is not in the cache; run: python3 course.py data efficientnet")
    from torchvision.models._meta import _IMAGENET_CATEGORIES as names

    pictures = torch.stack([resize(crop(photo(name), 300), 224) for name in ("chelsea", "coffee")])
    with torch.inference_mode():
        best = efficientnet_lite()(normalise(pictures)).argmax(dim=1)
    assert names[best[0]] in ("Egyptian cat", "tabby", "tiger cat")
    assert names[best[1]] in ("espresso", "cup", "coffee mug")
    features = cnn_features(pictures, device="cpu")
    assert features.shape == (2, 1280)
    torch.testing.assert_close(cnn_features(pictures[1], device="cpu"), features[1], atol=1e-4, rtol=0)
    assert cnn_features(torch.ones(1, 1, 1), size=32, device="cpu").isfinite().all()  # one grey pixel


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hog(torch.ones(1, 1)), "at least 24 x 24 pixels"),
        (lambda: hog(torch.ones(3, 24, 23)), "at least 24 x 24 pixels"),
        (lambda: hog(torch.ones(4, 24, 24)), "C = 1 or 3"),
        (lambda: hog(torch.ones(24, 24), 0), "at least 1"),
        (lambda: hog(torch.ones(24, 24, dtype=torch.uint8)), "divide bytes by 255"),
        (lambda: hog(torch.full((24, 24), float("nan"))), "NaN"),
        (lambda: sift(torch.ones(2, 3, 24, 24)), "one picture"),
        (lambda: sift(torch.zeros(0, 0)), "not empty"),
        (lambda: crop(torch.ones(1, 1, 1), 2), "cannot crop 2 x 2 pixels out of 1 x 1"),
        (lambda: resize(torch.ones(1, 8, 8), 0), "size must be at least 1"),
        (lambda: normalise(torch.ones(1, 8, 8)), "must hold 1 numbers"),
        (lambda: normalise(torch.ones(1, 8, 8), [0.0], [0.0]), "std positive"),
        (lambda: cnn_features(torch.ones(3, 8, 8), size=31), "at least 32"),
        (lambda: cnn_features(torch.ones(0, 3, 8, 8)), "not empty"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
