"""EfficientNet-Lite0, a small picture classifier, with weights trained on ImageNet (lessons 04 and 05)."""

import torch
from torch import nn
from torch.nn import functional

# Repeats, kernel, stride, expansion, channels in and out of each stage: table 1 of the paper, without its attention.
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class SameConv2d(nn.Conv2d):
    """A convolution without bias whose output has ceil(H / stride) rows, padded as TensorFlow pads."""

    def __init__(self, inputs, outputs, kernel, stride=1, groups=1):
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x):
        """Map (B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        sides = zip(x.shape[-2:], self.kernel_size, self.stride, strict=True)
        rows, columns = (max((-(-side // s) - 1) * s + k - side, 0) for side, k, s in sides)
        x = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return super().forward(x)


class InvertedResidual(nn.Module):
    """Widen, look around in each channel on its own, narrow again; add the input where the shapes agree."""

    def __init__(self, inputs, outputs, kernel, stride, expansion):
        super().__init__()
        width = inputs * expansion
        if expansion > 1:
            self._expand_conv, self._bn0 = SameConv2d(inputs, width, 1), _norm(width)
        self._depthwise_conv, self._bn1 = SameConv2d(width, width, kernel, stride, groups=width), _norm(width)
        self._project_conv, self._bn2 = SameConv2d(width, outputs, 1), _norm(outputs)
        self.expansion, self.residual = expansion, stride == 1 and inputs == outputs

    def forward(self, x):
        """Map (B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        y = functional.relu6(self._bn0(self._expand_conv(x))) if self.expansion > 1 else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0; the names of its parameters are those of the published weights.

    Parameters
    ----------
    classes : int

    References
    ----------
    M. Tan and Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019; its Lite
    version drops squeeze-and-excitation and takes ReLU6.
    """

    def __init__(self, classes=1000):
        super().__init__()
        self._conv_stem, self._bn0 = SameConv2d(3, 32, 3, 2), _norm(32)
        blocks = []
        for repeats, kernel, stride, expansion, inputs, outputs in STAGES:
            blocks.append(InvertedResidual(inputs, outputs, kernel, stride, expansion))
            blocks += [InvertedResidual(outputs, outputs, kernel, 1, expansion) for _ in range(repeats - 1)]
        self._blocks = nn.Sequential(*blocks)
        self._conv_head, self._bn1 = SameConv2d(320, 1280, 1), _norm(1280)
        self._fc = nn.Linear(1280, classes)

    @property
    def blocks(self):
        """The 16 blocks between `stem` and `pool`, an nn.Sequential, to be cut where a lesson likes."""
        return self._blocks

    def stem(self, x):
        """Map normalised pictures (B, 3, H, W) to what the first block takes, (B, 32, H / 2, W / 2)."""
        return functional.relu6(self._bn0(self._conv_stem(x)))

    def pool(self, x):
        """Map what the last block gives, (B, 320, h, w), to features (B, 1280)."""
        return functional.relu6(self._bn1(self._conv_head(x))).mean(dim=(2, 3))

    def features(self, x):
        """Map normalised pictures (B, 3, H, W) to features (B, 1280)."""
        return self.pool(self.blocks(self.stem(x)))

    def forward(self, x):
        """Map normalised pictures (B, 3, H, W) to logits (B, classes)."""
        return self._fc(self.features(x))


def efficientnet_lite():
    """Return EfficientNet-Lite0 with its ImageNet weights, in evaluation mode.

    Its 1,000 classes are in the order of torchvision's ``models._meta._IMAGENET_CATEGORIES``.

    Returns
    -------
    EfficientNetLite

    Raises
    ------
    mmcourse.data.DataError
        The weights ``efficientnet`` cannot be had.
    """
    from mmcourse import data

    (path,) = data.prepare("efficientnet").glob("*.pth")
    network = EfficientNetLite()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


def _norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
