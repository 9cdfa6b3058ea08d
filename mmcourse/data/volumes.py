"""NIfTI volumes on disk, of which a few axial slices are kept, read when the first of them is asked for."""

import gzip
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import ceil
from pathlib import Path

import numpy as np
import torch

from mmcourse.data.brain import HEIGHTS, SIDES, VOXEL
from mmcourse.data.errors import DataError
from mmcourse.data.splits import Split

OFFSETS = tuple(height - (HEIGHTS[0] + HEIGHTS[-1]) / 2 for height in HEIGHTS)  # millimetres from the middle
KEPT = 2048  # files whose slices stay in memory


@dataclass(frozen=True)
class Slice:
    """One axial slice of a NIfTI file on disk.

    Attributes
    ----------
    path : pathlib.Path
    row : int
        Which of the slices, from below.
    labels : dict of int to int, optional
        What the numbers of a segmentation become; None for a contrast.
    """

    path: Path
    row: int
    labels: dict | None = None

    def decode(self):
        """Return it as uint8: a contrast (1, 80, 64), or labels (80, 64); a DataError if the file is damaged."""
        if self.labels is None:
            return _contrast(self.path)[self.row][None]
        return _segmentation(self.path, tuple(self.labels.items()))[self.row]


class LazySplit(Split):
    """A part whose targets are read when they are asked for, too."""

    def __init__(self, inputs, labels, groups):
        super().__init__(inputs, np.zeros(len(labels)), groups)
        del self.target  # so that the property below takes its place
        self._labels = labels

    @cached_property
    def target(self):
        """All labels at once, shape (n, 80, 64), int64."""
        return np.stack([label.decode() for label in self._labels]).astype(np.int64)

    def __len__(self):
        return len(self._labels)

    def __getitem__(self, index):
        item = {key: torch.from_numpy(values[index].decode()).float() / 255 for key, values in self._inputs.items()}
        return item, torch.from_numpy(self._labels[index].decode()).long()


def read_volume(path, whole=True):
    """Return the shape of a volume, or (slices, H, W) of it and the sides of its pixels in millimetres (H, W)."""
    import nibabel

    faults = (OSError, EOFError, ValueError, zlib.error, nibabel.filebasedimages.ImageFileError)
    try:
        image = nibabel.load(path)  # only its header, so far
        if len(image.shape) != 3 or nibabel.aff2axcodes(image.affine)[2] not in ("S", "I"):
            raise ValueError("it is no volume of axial slices")
        if not whole:
            return image.shape
        if path.suffix == ".gz":  # read to its end and its checksum, so that any damage is found
            image = nibabel.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes()))
        volume = np.asarray(image.dataobj)
        image = nibabel.as_closest_canonical(nibabel.Nifti1Image(volume, image.affine, dtype=volume.dtype))
        width, height, depth = image.header.get_zooms()
        rows = np.round((image.shape[2] - 1) / 2 + np.array(OFFSETS) / depth).astype(int)
        if rows[0] < 0:
            raise ValueError(f"it is only {image.shape[2] * depth:.0f} mm high")
        slices = np.asarray(image.dataobj)[..., rows].T[:, ::-1, ::-1]
        if not np.isfinite(slices).all():
            raise ValueError("not all of its values are finite")
    except faults as error:
        raise DataError(f"The scan {path} is damaged ({error}); unpack or download it again.") from error
    return slices, (height, width)


def _shrunk(picture, sides, how):
    """Cut 240 by 192 mm out of the middle of a slice and resize it to (80, 64), float32."""
    from PIL import Image

    need = [pixels * VOXEL / side for pixels, side in zip(SIDES, sides, strict=True)]
    lacks = [max(0, ceil((wide - size) / 2)) for wide, size in zip(need, picture.shape, strict=True)]
    picture = np.pad(picture.astype(np.float32), [(lack, lack) for lack in lacks])
    (top, left), (high, wide) = ((size - cut) / 2 for size, cut in zip(picture.shape, need, strict=True)), need
    box = (left, top, left + wide, top + high)
    return np.asarray(Image.fromarray(picture).resize(SIDES[::-1], how, box=box))


@lru_cache(KEPT)
def _contrast(path):
    """Return the slices of one contrast, (slices, 80, 64) uint8."""
    from PIL import Image

    slices, sides = read_volume(path)
    small = np.stack([_shrunk(each, sides, Image.Resampling.BOX) for each in slices])
    white = np.percentile(small[small > 0], 99.5) if (small > 0).any() else 1
    return np.round(255 * np.clip(small / white, 0, 1)).astype(np.uint8)


@lru_cache(KEPT)
def _segmentation(path, labels):
    """Return the labels of the slices, (slices, 80, 64) uint8: of each pixel the one with the largest share."""
    from PIL import Image

    slices, sides = read_volume(path)
    if unknown := set(np.unique(slices).tolist()) - set(dict(labels)):
        known = ", ".join(str(old) for old, _ in labels)
        raise DataError(f"The segmentation {path} has the label {min(unknown)}; this release has {known}.")
    shares = [[_shrunk(each == old, sides, Image.Resampling.BOX) for each in slices] for old, _ in sorted(labels)]
    return np.argmax(shares, axis=0).astype(np.uint8)
