"""The blocks that lesson 09 builds equal the package's, or a library's."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

from mmcourse import fusion
from tools.lesson import definitions


@pytest.fixture(scope="module")
def lesson():
    return definitions("09")


def opinions(*shape):
    return torch.randn(*shape, dtype=torch.float64).softmax(-1)


@pytest.mark.parametrize("models", [1, 2, 3, 8])
def test_vote(lesson, models):
    said = opinions(models, 20, 4)
    said[0, :5] = 0.25
    torch.testing.assert_close(lesson["vote_decisions"](said), fusion.vote_decisions(said))


def test_calibration_error_is_the_weighted_area_of_the_reliability_diagram(lesson):
    said, target = opinions(500, 3), torch.randint(3, (500,))
    said[:9] = torch.tensor([1.0, 0.0, 0.0])
    for bins in (1, 4, 10, 15):
        sure, right, n = lesson["reliability"](said, target, bins)
        assert n.sum() == 500
        expected = float(n @ np.abs(sure - right) / 500)
        assert lesson["expected_calibration_error"](said, target, bins) == pytest.approx(expected)


def test_temperature_of_a_calibrated_model_comes_back(lesson):
    honest = 0.97 * opinions(20_000, 3) + 0.01  # to the fourth power still above the floor of 1e-12
    target = torch.multinomial(honest, 1)[:, 0]
    for temperature in (0.5, 1.0, 4.0):
        said = (honest.log() * temperature).softmax(-1)
        assert lesson["fit_temperature"](said, target) == pytest.approx(temperature, rel=0.1)
        torch.testing.assert_close(lesson["heated"](said, temperature), honest, atol=1e-6, rtol=1e-4)


def test_out_of_fold_is_cross_val_predict(lesson, rng):
    X, y, groups = rng.normal(size=(60, 4)), rng.permutation(60) % 2, np.arange(60) // 3
    folds = GroupKFold(5, shuffle=True, random_state=0)
    expected = cross_val_predict(GaussianNB(), X, y, groups=groups, cv=folds, method="predict_proba")
    np.testing.assert_allclose(lesson["out_of_fold"](GaussianNB(), X, y, groups, folds), expected)


def test_keys_are_found_by_correlation_whatever_the_transposition(lesson, rng):
    harmony = rng.random((40, 13))
    fits = lesson["key_fits"](harmony[:, :12])
    for mode in range(2):
        for tonic in range(12):
            profile = np.roll(lesson["PROFILES"][mode], tonic)
            expected = [np.corrcoef(tones, profile)[0, 1] for tones in harmony[:, :12]]
            np.testing.assert_allclose(fits[:, mode, tonic], expected, atol=1e-12)
    shifted = np.hstack([np.roll(harmony[:, :12], 5, axis=1), harmony[:, 12:]])
    np.testing.assert_allclose(lesson["turned_harmony"](harmony), lesson["turned_harmony"](shifted))
    assert lesson["turned_harmony"](harmony).shape == (40, 15)
