"""Pictures as numbers: resizing, cropping, normalising, HOG by hand, SIFT, and a pretrained network (lesson 04).

Pictures are tensors or arrays of shape (C, H, W) or (B, C, H, W) with C = 1 or 3; float values lie in [0, 1].
"""

from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def resize(images, size):
    """Resize pictures, smoothing first where they shrink.

    Parameters
    ----------
    images : torch.Tensor, shape (..., C, H, W), float
    size : int or (int, int)
        Pixels: height and width, or one number for both.

    Returns
    -------
    torch.Tensor, shape (..., C, height, width)

    Raises
    ------
    ValueError
        Bad pictures, or a size below 1.
    """
    from torchvision.transforms.v2 import functional as transforms

    return transforms.resize(check_images(images), _size(size), antialias=True)


def crop(images, size):
    """Cut out the middle of pictures.

    Parameters
    ----------
    images : torch.Tensor, shape (..., C, H, W), float
    size : int or (int, int)
        Pixels: height and width, or one number for both.

    Returns
    -------
    torch.Tensor, shape (..., C, height, width)

    Raises
    ------
    ValueError
        Bad pictures, a size below 1, or one larger than the pictures.
    """
    from torchvision.transforms.v2 import functional as transforms

    images, (height, width) = check_images(images), _size(size)
    if height > images.shape[-2] or width > images.shape[-1]:
        raise ValueError(f"cannot crop {height} x {width} pixels out of {images.shape[-2]} x {images.shape[-1]}")
    return transforms.center_crop(images, [height, width])


def normalise(images, mean=IMAGENET_MEAN, std=IMAGENET_STD):
    """Subtract each channel's mean, and divide by its standard deviation.

    Parameters
    ----------
    images : torch.Tensor, shape (..., C, H, W), float
    mean, std : sequence of float, length C
        ImageNet's by default, for three channels.

    Returns
    -------
    torch.Tensor, shape (..., C, H, W)

    Raises
    ------
    ValueError
        Bad pictures, mean or std of another length, or a std that is not positive.
    """
    from torchvision.transforms.v2 import functional as transforms

    images, channels = check_images(images), torch.as_tensor(images).shape[-3]
    if not len(mean) == len(std) == channels or not all(value > 0 for value in std):
        raise ValueError(f"mean and std must hold {channels} numbers, std positive ones, not {mean} and {std}")
    return transforms.normalize(images, list(mean), list(std))


def hog(images, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(3, 3)):
    """Return histograms of oriented gradients.

    The gradient of a pixel is the difference of its neighbours, in the channel where it is longest. Each cell adds up
    the lengths by direction (0 to 180 degrees). Each block of cells is scaled to length 1, cut off at 0.2 and scaled
    again; the blocks overlap.

    Parameters
    ----------
    images : torch.Tensor or array, shape (H, W), (C, H, W) or (B, C, H, W), float
    orientations : int
        Directions.
    pixels_per_cell, cells_per_block : (int, int)
        Rows and columns of a cell and of a block. Pixels beyond the last whole cell count in no cell.

    Returns
    -------
    torch.Tensor, shape (F,) or (B, F)
        As ``skimage.feature.hog`` (with ``channel_axis=0`` for colour). Zeros for a picture of one colour. A picture
        of R x C whole cells and blocks of r x c cells give F = (R - r + 1) (C - c + 1) r c orientations.

    Raises
    ------
    ValueError
        Bad pictures, an argument below 1, or pictures smaller than one block.

    References
    ----------
    N. Dalal and B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    """
    images = torch.as_tensor(images)
    images = check_images(images[None] if images.ndim == 2 else images)
    if min(orientations, *pixels_per_cell, *cells_per_block) < 1:
        raise ValueError("orientations, pixels_per_cell and cells_per_block must be at least 1")
    rows, columns = (pixels * cells for pixels, cells in zip(pixels_per_cell, cells_per_block, strict=True))
    if images.shape[-2] < rows or images.shape[-1] < columns:
        raise ValueError(f"pictures must have at least {rows} x {columns} pixels, not {tuple(images.shape[-2:])}")
    length, angle = _gradients(images.reshape(-1, *images.shape[-3:]))
    place = (angle * orientations / 180).long().clamp(max=orientations - 1)
    votes = (torch.where(place == i, length, 0.0) for i in range(orientations))
    cells = torch.stack([functional.avg_pool2d(vote, pixels_per_cell) for vote in votes], dim=1)
    blocks = cells.unfold(2, cells_per_block[0], 1).unfold(3, cells_per_block[1], 1)
    blocks = blocks.permute(0, 2, 3, 4, 5, 1).flatten(3)  # one row a block
    blocks = _unit(_unit(blocks).clamp(max=0.2))
    return blocks.reshape(*images.shape[:-3], -1).to(images.dtype)


def sift(image):
    """Find keypoints and describe what lies around each by 128 numbers.

    Parameters
    ----------
    image : torch.Tensor or array, shape (H, W) or (C, H, W), float
        Colour is turned into grey.

    Returns
    -------
    places : torch.Tensor, shape (K, 2), int64
        Row and column, in pixels.
    descriptors : torch.Tensor, shape (K, 128), float32
        In [0, 255]. K is 0 where there is nothing to see, as in a picture of one colour or one pixel.

    Raises
    ------
    ValueError
        A bad picture, or more than one.

    References
    ----------
    D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 2004; scikit-image's version.
    """
    from skimage.feature import SIFT

    image = torch.as_tensor(image)
    image = check_images(image[None] if image.ndim == 2 else image)
    if image.ndim != 3:
        raise ValueError(f"sift takes one picture of shape (H, W) or (C, H, W), not {tuple(image.shape)}")
    weights = torch.tensor([0.2125, 0.7154, 0.0721] if len(image) == 3 else [1.0]).to(image)
    grey, detector = torch.tensordot(weights, image, dims=1), SIFT()
    if min(grey.shape) < 12 or grey.max() == grey.min():  # the detector's smallest scale
        return torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, 128)
    try:
        with np.errstate(divide="ignore", invalid="ignore"):  # where the picture is flat; no key point comes of it
            detector.detect_and_extract(grey.detach().cpu().numpy())
    except RuntimeError:  # it found none
        return torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, 128)
    return torch.as_tensor(detector.keypoints), torch.as_tensor(detector.descriptors).float()


def cnn_features(images, *, size=224, batch_size=32, device=None):
    """Describe pictures by the last layer but one of a network trained on ImageNet.

    Parameters
    ----------
    images : torch.Tensor, shape (C, H, W) or (B, C, H, W), float
        Resized to `size` and normalised here; a grey picture is repeated in three channels.
    size : int
        Pixels. The network was trained at 224; less is faster and worse.
    batch_size : int
    device : torch.device, optional
        ``mmcourse.device()`` by default.

    Returns
    -------
    torch.Tensor, shape (1280,) or (B, 1280), float32
        On the CPU.

    Raises
    ------
    ValueError
        Bad pictures, or a size below 32, where nothing is left of the picture in the last layers.
    mmcourse.data.DataError
        The weights ``efficientnet`` cannot be had.
    """
    from mmcourse.session import device as default_device

    images = check_images(images)
    if size < 32:
        raise ValueError(f"size must be at least 32, not {size}")
    network, device, chunks = _network(), device or default_device(), []
    network.to(device, memory_format=torch.channels_last)  # twice as fast on a CPU
    for chunk in images.reshape(-1, *images.shape[-3:]).split(batch_size):
        pictures = normalise(resize(chunk.to(device).float(), size).expand(-1, 3, -1, -1))
        with torch.inference_mode():
            chunks.append(network.features(pictures.contiguous(memory_format=torch.channels_last)).cpu())
    return torch.cat(chunks).reshape(*images.shape[:-3], -1)


def check_images(images):
    """Return pictures as a float tensor, or raise a ValueError that says what is wrong with them."""
    images = torch.as_tensor(images)
    if not images.is_floating_point():
        raise ValueError(f"images must be float in [0, 1], not {images.dtype}; divide bytes by 255")
    if images.ndim not in (3, 4) or images.shape[-3] not in (1, 3) or images.numel() == 0:
        expected = "(C, H, W) or (B, C, H, W) with C = 1 or 3 and not empty"
        raise ValueError(f"images must be of shape {expected}, not {tuple(images.shape)}")
    if not images.isfinite().all():
        raise ValueError("images hold NaN or infinity")
    return images


def _size(size):
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ValueError(f"size must be at least 1 pixel, not {size}")
    return [height, width]


def _gradients(images):
    """Return length and direction (degrees, 0 to 180) of the gradient at each pixel, both (B, H, W) in float64."""
    down, right = torch.zeros_like(images), torch.zeros_like(images)
    down[..., 1:-1, :] = images[..., 2:, :] - images[..., :-2, :]
    right[..., 1:-1] = images[..., 2:] - images[..., :-2]
    strongest = torch.hypot(right, down).argmax(dim=1, keepdim=True)
    down, right = (part.gather(1, strongest)[:, 0].double() for part in (down, right))
    return torch.hypot(right, down), torch.rad2deg(torch.atan2(down, right)) % 180


def _unit(blocks):
    return blocks / torch.sqrt(blocks.square().sum(dim=-1, keepdim=True) + 1e-10)


@lru_cache(maxsize=1)
def _network():
    from mmcourse.representation.efficientnet import efficientnet_lite

    return efficientnet_lite()
