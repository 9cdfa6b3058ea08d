"""On torchvision's own architectures with random weights: no test fetches any."""

import pytest
import torch
from torch import nn
from torchvision import models

from mmcourse.representation.pretrained import PretrainedEncoder


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(0)
    return models.resnet18(weights=None)


def pictures():
    return torch.randn(3, 3, 32, 32)


def test_features_are_what_the_last_layer_took(resnet):
    encoder, x = PretrainedEncoder(resnet).eval(), pictures()
    features, mask = encoder(x)
    assert mask is None
    assert features.shape == (3, encoder.out_dim) == (3, 512)
    torch.testing.assert_close(resnet.fc(features), resnet.eval()(x))
    assert isinstance(resnet.fc, nn.Linear), "the model given must stay as it was"


@pytest.mark.parametrize(("name", "width"), [("mobilenet_v3_small", 1024), ("shufflenet_v2_x0_5", 1024)])
def test_other_families(name, width):
    encoder = PretrainedEncoder(getattr(models, name)(weights=None)).eval()
    assert encoder(pictures())[0].shape == (3, width)
    assert encoder.out_dim == width


def test_frozen_stays_as_it_is_while_the_rest_trains(resnet):
    model = nn.ModuleList([PretrainedEncoder(resnet), nn.Linear(512, 2)]).train()
    before = {name: value.clone() for name, value in model[0].state_dict().items()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model[1](model[0](pictures())[0]).sum().backward()
    optimiser.step()
    assert all((value == before[name]).all() for name, value in model[0].state_dict().items())
    assert not model[0].model.training
    assert model[1].weight.grad.abs().sum() > 0


def test_fine_tuned_gets_a_gradient_everywhere(resnet):
    encoder = PretrainedEncoder(resnet, frozen=False).train()
    assert encoder.model.training
    encoder(pictures())[0].square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in encoder.parameters())


@pytest.mark.parametrize("frozen", [True, False])
def test_absent_pictures_may_hold_anything(resnet, frozen):
    encoder, x, present = PretrainedEncoder(resnet, frozen=frozen).eval(), pictures(), torch.tensor([True, False, True])
    whole = encoder(x)[0]
    x[1] = torch.nan
    features = encoder(x, present)[0]
    torch.testing.assert_close(features[present], whole[present])
    assert (features[1] == 0).all()
    if not frozen:
        features.sum().backward()
        assert all(p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize(
    ("model", "x", "message"),
    [
        (nn.Linear(3, 2), None, "model must be a picture classifier"),
        (models.squeezenet1_1(weights=None), None, "model must be a picture classifier"),
        (None, torch.randn(2, 1, 32, 32), "x must have 3 channels"),
        (None, torch.randn(0, 3, 32, 32), "x must not be empty"),
        (None, torch.randn(3, 32, 32), "x must have 4 axes"),
    ],
)
def test_bad_input_is_named(resnet, model, x, message):
    with pytest.raises(ValueError, match=message):
        PretrainedEncoder(model or resnet)(x)
