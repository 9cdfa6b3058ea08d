"""What ModalityDropout says about bad input."""

import pytest
import torch

from mmcourse.fusion import ModalityDropout


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
