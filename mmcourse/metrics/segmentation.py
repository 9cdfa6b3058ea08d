"""How well two masks agree: Dice for their area, the Hausdorff distance for their outlines. SciPy loads on first use."""

import numpy as np


def dice_score(prediction, target, *, empty=1.0):
    r"""Compute the Dice score of two masks, twice what they share over what both hold (Dice, 1945).

    .. math:: 2 |A \cap B| / (|A| + |B|)

    Parameters
    ----------
    prediction, target : array_like or tensor of bool, or of 0 and 1, same shape
        One mask each: of a slice or a whole volume, all axes count together. For a label map compare first:
        ``dice_score(labels == 2, truth == 2)``.
    empty : float
        The value where both masks are empty, 0/0. By default 1: to find nothing where there is nothing is right.
        Libraries differ (MONAI and torchmetrics can answer NaN), so say which you use, and count healthy people apart.

    Returns
    -------
    float
        From 0 (nothing in common, also when just one of them is empty) to 1 (the same mask).

    Raises
    ------
    ValueError
        When the shapes differ, there is no pixel, or the values are other than 0 and 1.

    Examples
    --------
    >>> dice_score([0, 1, 1], [1, 1, 0])
    0.5
    >>> dice_score([0, 0], [0, 0]), dice_score([0, 1], [0, 0])
    (1.0, 0.0)
    """
    prediction, target = _masks(prediction, target)
    total = prediction.sum() + target.sum()
    return 2 * float((prediction & target).sum()) / float(total) if total else float(empty)


def hausdorff95(prediction, target, *, spacing=1.0):
    """Compute the 95 % Hausdorff distance between the outlines of two masks.

    A pixel belongs to the outline when it is in the mask and one of its direct neighbours (4 in a slice, 6 in a volume) is
    not; what lies beyond the border of the picture is not. For every outline pixel of one mask, take the distance to
    the nearest outline pixel of the other; then the 95th percentile (interpolated), which forgives a few stray pixels.
    The result is the larger one of the two directions, as in MONAI; some codes pool both directions first, which is
    smaller.

    Parameters
    ----------
    prediction, target : array_like or tensor of bool, or of 0 and 1, same shape
        One mask each, of one to three axes.
    spacing : float or sequence of float
        Size of a pixel along each axis, in millimetres, say; a single number serves all axes.

    Returns
    -------
    float
        In the unit of `spacing`: 0 for equal masks and where both are empty, infinity where just one is empty.

    Raises
    ------
    ValueError
        As in `dice_score`, or when `spacing` is not positive or has not one number an axis.

    Examples
    --------
    >>> hausdorff95([1, 0, 0, 0], [0, 0, 0, 1], spacing=0.5)
    1.5
    >>> hausdorff95([0, 0], [0, 0]), hausdorff95([0, 1], [0, 0])
    (0.0, inf)
    """
    prediction, target = _masks(prediction, target)
    spacing = np.broadcast_to(np.asarray(spacing, float), prediction.ndim) if np.ndim(spacing) == 0 else spacing
    if len(spacing) != prediction.ndim or not all(0 < size < np.inf for size in spacing):
        raise ValueError(f"spacing must be a positive number, or {prediction.ndim} of them, one an axis; got {spacing}")
    if not prediction.any() or not target.any():
        return 0.0 if prediction.any() == target.any() else float("inf")
    return max(_directed(a, b, spacing) for a, b in ((prediction, target), (target, prediction)))


def _directed(a, b, spacing):
    """Return the 95th percentile of the distances from the outline of `a` to that of `b`."""
    from scipy.ndimage import distance_transform_edt

    return float(np.percentile(distance_transform_edt(~_outline(b), sampling=spacing)[_outline(a)], 95))


def _outline(mask):
    from scipy.ndimage import binary_erosion

    return mask & ~binary_erosion(mask)


def _masks(prediction, target):
    from mmcourse.metrics import as_numpy

    masks = []
    for name, mask in (("prediction", prediction), ("target", target)):
        mask = as_numpy(mask)
        if not mask.size or mask.ndim == 0:
            raise ValueError(f"{name} must be a mask with at least one axis and one pixel; got shape {mask.shape}")
        if mask.dtype != bool and not (mask.dtype.kind in "iuf" and ((mask == 0) | (mask == 1)).all()):
            raise ValueError(f"{name} must hold bools, or 0 and 1 only; compare label maps first: labels == 2")
        masks.append(mask.astype(bool))
    if masks[0].shape != masks[1].shape:
        raise ValueError(f"prediction and target must have one shape; got {masks[0].shape} and {masks[1].shape}")
    return masks
