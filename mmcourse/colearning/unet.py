"""Segmentation that survives a missing scan: a U-Net, and the features its contrasts share (lesson 19)."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from mmcourse.inputs import check_mask, check_pictures, keep, masked_mean

GROUPS = 4  # of channels that a normalisation takes together


def _double(inputs, outputs):
    """Two 3x3 convolutions; normalised within each item, so that no item sees another (and a batch of one will do)."""
    layers = []
    for width in (inputs, outputs):
        layers += [nn.Conv2d(width, outputs, 3, padding=1, bias=False), nn.GroupNorm(GROUPS, outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """A small 2-D U-Net: down to see more, up to see where, and skip connections between the two.

    Level k has ``width * 2**k`` channels at a resolution halved k times. Unlike the article it pads (the output is as
    large as the input), normalises by groups and goes up by repeating pixels.

    Parameters
    ----------
    in_channels, classes : int
    width : int
        Channels of the top level, a multiple of 4.
    depth : int
        How often the resolution is halved.

    Inputs
    ------
    x : float tensor (B, in_channels, H, W)
        Of any size: zeros are appended up to a multiple of ``2**depth``, and cut off the output again.

    Returns
    -------
    float tensor (B, classes, H, W)
        Logits.

    Raises
    ------
    ValueError
        A wrong width, depth or number of classes or channels, or an input of another rank or type.

    References
    ----------
    O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
    """

    def __init__(self, in_channels, classes, width=8, depth=3):
        super().__init__()
        if min(in_channels, classes, depth, width) < 1 or width % GROUPS:
            found = f"in_channels={in_channels}, classes={classes}, width={width}, depth={depth}"
            raise ValueError(f"expected numbers of at least 1, and a width that is a multiple of {GROUPS}; got {found}")
        widths = [width * 2**level for level in range(depth + 1)]
        self.in_channels, self.depth = in_channels, depth
        self.down = nn.ModuleList([_double(i, o) for i, o in zip([in_channels, *widths], widths, strict=False)])
        self.up = nn.ModuleList([_double(low + high, high) for high, low in pairwise(widths)])
        self.output = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        """Return the logits of every pixel."""
        check_pictures(x, self.in_channels)
        height, width = x.shape[-2:]
        x = functional.pad(x, (0, -width % 2**self.depth, 0, -height % 2**self.depth))
        skips = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for skip, block in zip(skips[-2::-1], reversed(self.up), strict=True):
            x = block(torch.cat([functional.interpolate(x, scale_factor=2.0), skip], dim=1))
        return self.output(x)[..., :height, :width]


class SharedSpecific(nn.Module):
    """One small encoder a contrast, whose features are split into shared ones and specific ones.

    The shared features are averaged over the contrasts that are present, as in HeMIS; so whatever they say can be
    said by any contrast, and in the same words. The specific ones stand side by side, with zeros where a contrast is
    absent, as in ShaSpec (which has deeper encoders and two further losses).

    Parameters
    ----------
    contrasts : int
    shared : int
        Shared features.
    specific : int
        Specific features of each contrast; may be 0.

    Inputs
    ------
    x : float tensor (B, contrasts, H, W)
        An absent contrast may hold anything, NaN included.
    present : bool tensor (B, contrasts), optional
        By default everything is there.

    Returns
    -------
    float tensor (B, shared + contrasts * specific, H, W)
        Zeros for an item of which nothing is present. `out_channels` tells how many.

    Raises
    ------
    ValueError
        A wrong number of features, or an input or mask of another shape or type.

    References
    ----------
    M. Havaei et al., "HeMIS: hetero-modal image segmentation", MICCAI 2016.
    H. Wang et al., "Multi-modal learning with missing modality via shared-specific feature modelling", CVPR 2023.
    """

    def __init__(self, contrasts, shared=6, specific=2):
        super().__init__()
        if min(contrasts, shared) < 1 or specific < 0:
            raise ValueError(
                f"expected contrasts, shared >= 1 and specific >= 0; got {contrasts}, {shared}, {specific}"
            )
        self.contrasts, self.shared = contrasts, shared
        self.out_channels = shared + contrasts * specific
        each, layers = contrasts * (shared + specific), []
        for width in (contrasts, each):  # groups keep the contrasts apart
            conv = nn.Conv2d(width, each, 3, padding=1, groups=contrasts, bias=False)
            layers += [conv, nn.GroupNorm(contrasts, each), nn.ReLU()]
        self.encode = nn.Sequential(*layers)

    def forward(self, x, present=None):
        """Return the shared features, then the specific ones of each contrast."""
        check_pictures(x, self.contrasts)
        check_mask("present", present, x.shape[:2])
        features = self.encode(keep(present, x)).unflatten(1, (self.contrasts, -1))  # (B, M, shared + specific, H, W)
        common = features[:, :, : self.shared].flatten(2)
        return torch.cat(
            [
                masked_mean(common, present).unflatten(1, (self.shared, *x.shape[-2:])),
                keep(present, features[:, :, self.shared :]).flatten(1, 2),
            ],
            dim=1,
        )
