"""The checks and masked sums that blocks share: one `ValueError` that names the argument and what was expected."""

import torch


def check_tensor(name, x, ndims, width=None, *, floating=True):
    """Raise unless `x` is a filled tensor with one of the numbers of axes `ndims` and `width` as its last axis."""
    if not isinstance(x, torch.Tensor):
        raise ValueError(f"{name} must be a tensor; got {type(x).__name__}")
    if floating and not x.is_floating_point():
        raise ValueError(f"{name} must be a floating-point tensor; got {x.dtype}")
    if x.ndim not in ndims:
        raise ValueError(f"{name} must have {' or '.join(map(str, ndims))} axes; got shape {tuple(x.shape)}")
    if width is not None and x.shape[-1] != width:
        raise ValueError(f"{name} must have {width} numbers on its last axis; got shape {tuple(x.shape)}")
    if 0 in x.shape:
        raise ValueError(f"{name} must not be empty; got shape {tuple(x.shape)}")


def check_pictures(x, channels):
    """Raise unless `x` is a filled float tensor (B, channels, H, W)."""
    check_tensor("x", x, (4,))
    if x.shape[1] != channels:
        raise ValueError(f"x must have {channels} channels, (B, {channels}, H, W); got shape {tuple(x.shape)}")


def check_mask(name, mask, shape):
    """Raise unless `mask` is None or a bool tensor of the given shape (True = keep)."""
    if mask is None:
        return
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != torch.Size(shape):
        found = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(f"{name} must be a bool tensor of shape {tuple(shape)}, True = keep; got {found}")


def check_keys(name, given, expected):
    """Raise unless `given` is a dict with exactly the keys `expected`."""
    if not isinstance(given, dict) or set(given) != set(expected):
        found = sorted(map(str, given)) if isinstance(given, dict) else type(given).__name__
        raise ValueError(f"{name} must be a dict with the keys {sorted(map(str, expected))}; got {found}")


def check_rows(name, given):
    """Raise unless the tensors of a dict have equally many rows."""
    rows = {key: len(x) for key, x in given.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"{name} must have one row for each item in all modalities; got {rows} rows")


def check_widths(dims, out_dim):
    """Raise unless `dims` is a filled dict of names to widths and `out_dim` is a width: whole numbers of at least 1."""
    if not isinstance(dims, dict) or not dims:
        raise ValueError(f"dims must be a dict of modality names to widths; got {dims!r}")
    for name, width in {**dims, "out_dim": out_dim}.items():
        if not isinstance(width, int) or isinstance(width, bool) or width < 1:
            raise ValueError(f"the width of {name!r} must be a whole number of at least 1; got {width!r}")


def check_features(features, present, dims):
    """Check a dict of (B, d_m) against `dims`, and a dict of bool (B,) or None; return the latter, filled in."""
    check_keys("features", features, dims)
    for name, width in dims.items():
        check_tensor(f"features[{name!r}]", features[name], (2,), width)
    check_rows("features", features)
    if present is None:
        return {name: torch.ones(len(x), dtype=torch.bool, device=x.device) for name, x in features.items()}
    check_keys("present", present, dims)
    for name in dims:
        check_mask(f"present[{name!r}]", present[name], (len(features[name]),))
    return present


def keep(mask, x):
    """`x` where the mask (its leading axes) is True and 0 elsewhere, whatever stood there, NaN included."""
    if mask is None:
        return x
    return torch.where(
        mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), x, torch.zeros((), dtype=x.dtype, device=x.device)
    )


def masked_mean(x, mask):
    """Mean over axis 1 of the kept steps, (B, T, d) -> (B, d); zeros for a row with none."""
    if mask is None:
        return x.mean(dim=1)
    return keep(mask, x).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)


def masked_softmax(scores, mask, dim=-1):
    """Softmax over one axis of the scores where the mask, which may be broadcast, is True; zeros where nothing is."""
    some = mask.any(dim, keepdim=True)
    return keep(mask.expand_as(scores), torch.where(mask | ~some, scores, -torch.inf).softmax(dim))


def positions(length, width, like):
    """Sines and cosines of the position (Vaswani et al. 2017, section 3.5), (length, width), for any width and length."""
    steps = torch.arange(length, device=like.device, dtype=torch.float32)[:, None]
    rates = 10000 ** (-torch.arange(0, width, 2, device=like.device, dtype=torch.float32) / width)
    return torch.stack([(steps * rates).sin(), (steps * rates).cos()], -1).flatten(1)[:, :width].to(like.dtype)
