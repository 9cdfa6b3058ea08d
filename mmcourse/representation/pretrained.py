"""Networks that were trained on millions of pictures, as encoders (lessons 04 and 05)."""

import copy

import torch
from torch import nn

from mmcourse.inputs import check_mask, check_pictures, keep


class PretrainedEncoder(nn.Module):
    """A picture classifier of torchvision without its last layer, frozen or to be fine-tuned.

    The model is copied. Frozen, it gets no gradient and stays in evaluation mode, so its BatchNorm statistics stay.
    Fine-tuned, BatchNorm in training mode mixes the items of a batch, absent ones too (as pictures of zeros).

    Parameters
    ----------
    model : a classifier that ends in `torch.nn.Linear`, with its weights, as from
        `torchvision.models.resnet18(weights=...)`
    frozen : keep its weights as they are

    Inputs
    ------
    x : (B, channels, H, W), scaled and normalised as its weights' `transforms()` say
    mask : (B,)

    Returns (B, out_dim) and None, zeros where the mask is False; `out_dim` is the width its last layer took.
    ValueError on a wrong shape, dtype or mask, or a model without such a layer.
    """

    def __init__(self, model, *, frozen=True):
        super().__init__()
        self.model, self.frozen = copy.deepcopy(model), frozen
        linear = [name for name, part in self.model.named_modules() if isinstance(part, nn.Linear)]
        convolutions = [part for part in self.model.modules() if isinstance(part, nn.Conv2d)]
        if not linear or not convolutions:
            raise ValueError("model must be a picture classifier: convolutions first, a torch.nn.Linear last")
        self.out_dim = self.model.get_submodule(linear[-1]).in_features
        self.in_channels = convolutions[0].in_channels
        parent, _, last = linear[-1].rpartition(".")
        setattr(self.model.get_submodule(parent), last, nn.Identity())
        self.model.requires_grad_(not frozen)
        self.train(self.training)

    def train(self, mode=True):
        """Set training mode, from which a frozen model is spared."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def forward(self, x, mask=None):
        check_pictures(x, self.in_channels)
        check_mask("mask", mask, x.shape[:1])
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = self.model(keep(mask, x))
        return keep(mask, features), None
