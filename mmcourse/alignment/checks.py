"""The checks that more than one module of this room makes."""

import numpy as np
import torch

from mmcourse.inputs import check_tensor


def check_frames(name, x):
    """`x` (array or tensor) as a float64 array (T, d) of finite numbers, T and d at least 1."""
    x = x.detach().cpu() if isinstance(x, torch.Tensor) else x
    try:
        frames = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers (T, d); got {type(x).__name__}") from None
    if frames.ndim != 2 or 0 in frames.shape:
        raise ValueError(f"{name} must be (T, d) with at least one frame of one number; got shape {frames.shape}")
    if not np.isfinite(frames).all():
        raise ValueError(f"{name} must hold finite numbers only; it has NaN or infinity")
    return frames


def check_lengths(name, lengths, like, longest, least=1):
    """Whole numbers (B,) from `least` to `longest` as a tensor beside `like` (B, ...); None means `longest`."""
    if lengths is None:
        return torch.full((len(like),), longest, device=like.device)
    lengths = torch.as_tensor(lengths, device=like.device)
    if lengths.is_floating_point() or lengths.dtype == torch.bool or lengths.shape != like.shape[:1]:
        raise ValueError(f"{name} must be {len(like)} whole numbers; got {lengths.dtype} {tuple(lengths.shape)}")
    if lengths.min() < least or lengths.max() > longest:
        raise ValueError(f"{name} must be from {least} to {longest}; got {lengths.tolist()}")
    return lengths.long()


def check_pair(names, a, b, ndim):
    """Float tensors of `ndim` axes with as many items and one width, in one dtype of at least single precision."""
    check_tensor(names[0], a, (ndim,))
    check_tensor(names[1], b, (ndim,), a.shape[-1])
    if len(a) != len(b):
        raise ValueError(f"{' and '.join(names)} must have one row for each item; got {len(a)} and {len(b)} rows")
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    return a.to(dtype), b.to(dtype)
