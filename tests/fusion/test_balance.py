"""What ModalityDropout says about bad input, and the published formula of gradient balancing."""

import numpy as np
import pytest
import torch

from mmcourse.fusion import ModalityDropout, balance_factors


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(4, 3), "features must be a filled dict of modality names to tensors; got Tensor"),
        ([torch.zeros(4, 3)], "features must be a filled dict of modality names to tensors; got list"),
        ({}, "features must be a filled dict of modality names to tensors"),
        ({"image": 1.0}, r"features\['image'\] must be a tensor; got float"),
        ({"image": torch.tensor(1.0)}, r"features\['image'\] must have 2 axes; got shape \(\)"),
        ({"image": torch.zeros(4, 3), "text": torch.zeros(5, 2)}, "one row for each item in all modalities"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_what_is_no_dict_of_features(features, message, training):
    with pytest.raises(ValueError, match=message):
        ModalityDropout(0.5).train(training)(features)


def test_modalities_of_different_width_still_pass():
    features = {"image": torch.ones(4, 3), "text": torch.ones(4, 2)}
    dropped, present = ModalityDropout(0.9)(features)
    assert all(present["image"] | present["text"])
    assert {name: x.shape for name, x in dropped.items()} == {"image": (4, 3), "text": (4, 2)}


@pytest.mark.parametrize("alpha", [0.1, 0.8, 3.0])
def test_two_modalities_follow_the_published_formula(alpha):
    """k = 1 - tanh(alpha * rho) where rho = s_u / s_v > 1, else 1 (Peng et al. 2022, eq. 9 and 10)."""
    for first, second in np.random.default_rng(0).uniform(0.05, 1, (30, 2)):
        factors = balance_factors({"u": first, "v": second}, alpha)
        for name, rho in (("u", first / second), ("v", second / first)):
            assert factors[name] == pytest.approx(1 - np.tanh(alpha * rho) if rho > 1 else 1)


def test_several_modalities_are_compared_with_the_mean_of_the_others():
    factors = balance_factors({"a": 0.9, "b": 0.5, "c": 0.4}, alpha=0.8)
    assert factors == pytest.approx({"a": 1 - np.tanh(0.8 * 0.9 / 0.45), "b": 1, "c": 1})
    assert balance_factors({"a": 0.9, "b": 0.2, "c": 0.8})["c"] == pytest.approx(1 - np.tanh(0.8 / 0.55))
    assert balance_factors({"a": 0.5, "b": 0.5}) == {"a": 1, "b": 1}
