"""Lesson 04's own TF-IDF, HOG, mel filter, cosine transform and MFCC against the package's, on random input."""

import numpy as np
import pytest
import torch
from scipy.fft import dct

from mmcourse import representation
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("04")


@pytest.mark.parametrize("seed", range(5))
def test_tfidf(lesson, seed):
    rng = np.random.default_rng(seed)
    texts = ["", *(" ".join(rng.choice(["aa", "bb", "cc", "dd"], size=rng.integers(1, 9))) for _ in range(11))]
    counts = representation.bag_of_words(texts).toarray()
    np.testing.assert_allclose(lesson["tfidf_rows"](counts), representation.tfidf(texts).toarray(), atol=1e-12)


@pytest.mark.parametrize("size", [(24, 24), (41, 33), (30, 67)])
@pytest.mark.parametrize("settings", [(9, (8, 8), (3, 3)), (9, (8, 8), (2, 2)), (6, (5, 7), (2, 1))])
def test_hog(lesson, size, settings):
    grey = np.random.default_rng(sum(size)).random(size)
    expected = representation.hog(torch.tensor(grey), *settings)
    np.testing.assert_allclose(lesson["hog"](grey, *settings), expected, atol=1e-9)


def test_a_cell_of_hog(lesson):
    grey = np.random.default_rng(0).random((8, 8))
    cell = lesson["cell_histogram"](*lesson["gradients"](grey)) / 64
    block = cell / np.sqrt((cell**2).sum() + 1e-10)
    block = np.minimum(block, 0.2)
    expected = representation.hog(torch.tensor(grey), cells_per_block=(1, 1))
    np.testing.assert_allclose(block / np.sqrt((block**2).sum() + 1e-10), expected, atol=1e-9)


@pytest.mark.parametrize("bands", [1, 10, 40])
def test_triangles_make_the_bank(lesson, bands):
    highest = representation.hertz_to_mel(torch.tensor(4000.0, dtype=torch.float64))
    edges = representation.mel_to_hertz(torch.linspace(0, 1, bands + 2, dtype=torch.float64) * highest).numpy()
    frequencies = np.arange(257) * 8000 / 512
    rows = [lesson["triangle"](frequencies, *edges[band : band + 3]) for band in range(bands)]
    np.testing.assert_allclose(rows, representation.mel_filters(8000, n_fft=512, n_mels=bands), atol=1e-12)


@pytest.mark.parametrize("bands", [5, 13, 40])
def test_cepstrum_is_the_cosine_transform(lesson, bands):
    decibel = np.random.default_rng(bands).normal(size=(bands, 7))
    np.testing.assert_allclose(lesson["cepstrum"](decibel, 5), dct(decibel, axis=0, norm="ortho")[:5], atol=1e-12)


@pytest.mark.parametrize("length", [1, 127, 128, 4001])
def test_mfcc(lesson, length):
    samples = np.random.default_rng(length).normal(size=length) * 0.1
    expected = representation.mfcc(samples, 8000, n_mfcc=13, n_fft=512, hop_length=128, n_mels=40)
    np.testing.assert_allclose(lesson["mfcc"](samples, 8000), expected, atol=1e-6)


def test_balanced_draws(lesson):
    labels = np.repeat([3, 5, 8], [4, 9, 6])
    rows = lesson["balanced"](labels, 4, seed=0)
    assert np.bincount(labels[rows])[[3, 5, 8]].tolist() == [4, 4, 4]
    assert len(set(rows)) == 12


def test_split_then_augment_leaks_nothing(lesson):
    x, y, test = np.arange(6.0)[:, None], np.arange(6), np.array([True, False] * 3)
    train_x, train_y, test_x, test_y = lesson["split_then_augment"](x, y, test, lambda rows: rows + 10)
    assert train_x[:, 0].tolist() == [1, 3, 5, 11, 13, 15]
    assert train_y.tolist() == [1, 3, 5, 1, 3, 5]
    assert test_x[:, 0].tolist() == test_y.tolist() == [0, 2, 4]
