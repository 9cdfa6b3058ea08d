"""Multi-task learning: one shared encoder, one head a task, losses weighed by hand or by learning (lesson 18)."""

import torch
from torch import nn

from mmcourse.inputs import check_keys, keep


class MultiTask(nn.Module):
    """A shared encoder with one head a task.

    Parameters
    ----------
    encoder : nn.Module
        Input to features, (B, d).
    heads : dict of str to nn.Module
        One a task: features to outputs.
    weights : dict of str to float, or "learned"
        Of the losses. Learned: each task has a log-variance s, its loss L counts exp(-s) L + s / 2, and a noisy task
        quietens itself.

    References
    ----------
    R. Caruana, "Multitask learning", Machine Learning 28, 1997.
    A. Kendall, Y. Gal, R. Cipolla, "Multi-task learning using uncertainty to weigh losses", CVPR 2018, equation 10 (with
    one constant for classification and regression).
    """

    def __init__(self, encoder, heads, weights="learned"):
        super().__init__()
        if not isinstance(heads, dict) or not heads:
            raise ValueError(f"heads must be a filled dict of task names to modules; got {heads!r}")
        self.encoder, self.heads = encoder, nn.ModuleDict({name: heads[name] for name in sorted(heads)})
        self.weights = weights
        if weights == "learned":
            self.log_variances = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in self.heads})
            return
        check_keys("weights", weights, heads)
        if not all(0 <= value < float("inf") for value in weights.values()):
            raise ValueError(f"weights must be numbers of at least 0; got {weights}")

    def forward(self, x):
        """Return the outputs of all heads, a dict."""
        features = self.encoder(x)
        return {name: head(features) for name, head in self.heads.items()}

    def loss(self, losses, present=None):
        """Weigh the tasks' losses.

        Parameters
        ----------
        losses : dict of str to float tensor (B,)
            One number an item and task.
        present : dict of str to bool tensor (B,), optional
            True where the item has a target of the task; elsewhere the loss may be anything, NaN included. A task
            without any target counts nothing.

        Returns
        -------
        scalar tensor
        """
        check_keys("losses", losses, self.heads)
        if present is not None:
            check_keys("present", present, self.heads)
        total = 0.0
        for name in self.heads:
            values = losses[name]
            here = torch.ones_like(values, dtype=torch.bool) if present is None else present[name]
            if values.ndim != 1 or here.dtype != torch.bool or here.shape != values.shape or not len(values):
                raise ValueError(f"losses and present of {name!r} must be (B,) with B >= 1, the latter bool")
            mean = keep(here, values).sum() / here.sum().clamp(min=1)
            if self.weights == "learned":
                s = self.log_variances[name]
                mean = torch.where(here.any(), (-s).exp() * mean + s / 2, 0.0)
            else:
                mean = self.weights[name] * mean
            total = total + mean
        return total
