"""Cross-modal projection: one modality's features, said in the space of another's (lesson 18)."""

import math

import torch
from torch import nn

from mmcourse.inputs import check_mask, check_tensor


class CrossModalProjector(nn.Module):
    """Ridge regression from the features of one modality to those of another, fitted to pairs in closed form.

    ``W = (X'X + strength I)^-1 X'Y`` on centred X and Y; the intercept is not shrunk. What was trained on the target
    modality can then be asked about the source. The fitted numbers are buffers, so they travel in `state_dict`.

    Parameters
    ----------
    in_dim, out_dim : int
        Widths of the source and of the target modality.
    strength : float above 0
        Of the ridge, against sums (not means) over the pairs, as in scikit-learn's `Ridge`.

    References
    ----------
    A. E. Hoerl, R. W. Kennard, "Ridge regression", Technometrics 1970.
    R. Socher, M. Ganjoo, C. D. Manning, A. Y. Ng, "Zero-shot learning through cross-modal transfer", NIPS 2013.
    """

    def __init__(self, in_dim, out_dim, strength=1.0):
        super().__init__()
        for name, width in (("in_dim", in_dim), ("out_dim", out_dim)):
            if not isinstance(width, int) or isinstance(width, bool) or width < 1:
                raise ValueError(f"{name} must be a whole number of at least 1; got {width!r}")
        if not 0 < strength < math.inf:
            raise ValueError(f"strength must be a number above 0; got {strength!r}")
        self.strength = strength
        self.register_buffer("weight", torch.zeros(in_dim, out_dim))
        self.register_buffer("center", torch.zeros(in_dim))
        self.register_buffer("bias", torch.zeros(out_dim))

    @torch.no_grad()
    def fit(self, source, target, present=None):
        """Fit to pairs and return self.

        Parameters
        ----------
        source : float tensor (N, in_dim)
        target : float tensor (N, out_dim)
        present : bool tensor (N,), optional
            True where both halves of the pair are there; the other rows may hold anything, NaN included.

        Raises
        ------
        ValueError
            On wrong shapes or dtypes, or when no pair is present.
        """
        check_tensor("source", source, (2,), len(self.weight))
        check_tensor("target", target, (2,), len(self.bias))
        if len(source) != len(target):
            raise ValueError(f"source and target must have one row for each pair; got {len(source)} and {len(target)}")
        check_mask("present", present, (len(source),))
        x, y = (z.double() if present is None else z[present].double() for z in (source, target))
        if not len(x):
            raise ValueError("present must keep at least one pair")
        center, bias = x.mean(0), y.mean(0)
        x, y = x - center, y - bias
        ridge = self.strength * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
        fitted = {"weight": torch.linalg.solve(x.T @ x + ridge, x.T @ y), "center": center, "bias": bias}
        for name, value in fitted.items():
            getattr(self, name).copy_(value)
        return self

    def forward(self, source):
        """Project (B, in_dim) to (B, out_dim); gradients reach `source`."""
        check_tensor("source", source, (2,), len(self.weight))
        return (source - self.center.to(source.dtype)) @ self.weight.to(source.dtype) + self.bias.to(source.dtype)
