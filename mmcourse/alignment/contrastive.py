"""Contrastive losses, which pull the two halves of a pair together (lesson 13)."""

import math

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from mmcourse.alignment.checks import check_pair


def info_nce(a, b, logit_scale, *, chunk=None):
    """The loss of CLIP: each row of a must pick its own row of b out of the batch, and each row of b its row of a.

    ``(mean_i -log softmax_j(s a_i.b_j)[i] + mean_j -log softmax_i(s a_i.b_j)[j]) / 2``, rows normalised here, with
    ``s = exp(logit_scale)``. One matrix product serves both directions. Under autocast too it is computed in float32.

    Parameters
    ----------
    a, b : float tensors (B, d), B >= 2
        Row i of a belongs to row i of b.
    logit_scale : float or scalar tensor
        The logarithm of the scale, such as a parameter started at ``log(1 / 0.07)``; see `clamp_logit_scale`.
    chunk : int, optional
        Rows of the (B, B) matrix held at a time; the others are computed again in the backward pass. The same value and
        gradient in less memory and some more time.

    Returns
    -------
    scalar tensor; NaN in gives NaN

    Raises
    ------
    ValueError
        For a wrong shape or dtype, widths or numbers of rows that differ, a chunk below 1, or a batch of one, for which
        the loss is 0 whatever the vectors are.

    References
    ----------
    A. van den Oord, Y. Li and O. Vinyals, "Representation learning with contrastive predictive coding",
    arXiv:1807.03748, 2018, eq. 4; A. Radford et al., "Learning transferable visual models from natural language
    supervision", ICML 2021, figure 3.
    """
    a, b, scale = _prepare(a, b, logit_scale)
    if len(a) < 2:
        raise ValueError("a and b must hold at least two pairs: with one there is nothing to tell apart")

    def sums(rows, everything, scale):
        logits = scale * rows @ everything.T
        return logits.logsumexp(1), logits.logsumexp(0)

    with torch.autocast(a.device.type, enabled=False):
        by_row, by_column = zip(*_by_chunks(sums, a, b, scale, chunk), strict=True)
        matches = scale * (a * b).sum(1)
        return ((torch.cat(by_row) + torch.stack(by_column).logsumexp(0)) / 2 - matches).mean()


def siglip_loss(a, b, logit_scale, logit_bias, *, chunk=None):
    """The loss of SigLIP: for every pair of rows on its own, do they belong together?

    ``-1/B sum_ij log sigmoid(z_ij (s a_i.b_j + logit_bias))``, z = 1 for i = j and -1 otherwise, rows normalised here,
    ``s = exp(logit_scale)``. A batch of one has its one positive pair.

    Parameters
    ----------
    logit_bias : float or scalar tensor
        -10 at the start of training, since nearly all pairs do not belong together.
    a, b, logit_scale, chunk : see `info_nce`; B >= 1

    Result and errors: see `info_nce`.

    References
    ----------
    X. Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023, eq. 1 and algorithm 1.
    """
    a, b, scale = _prepare(a, b, logit_scale)

    def penalty(rows, everything, scale):
        return functional.softplus(scale * rows @ everything.T + logit_bias).sum()

    with torch.autocast(a.device.type, enabled=False):
        matches = scale * (a * b).sum(1) + logit_bias  # softplus(x) - x is the penalty of a pair that matches
        return (torch.stack(_by_chunks(penalty, a, b, scale, chunk)).sum() - matches.sum()) / len(a)


def _prepare(a, b, logit_scale):
    a, b = (functional.normalize(x, dim=1) for x in check_pair("ab", a, b, 2))
    return a, b, torch.as_tensor(logit_scale, dtype=a.dtype, device=a.device).exp()


def _by_chunks(function, a, b, scale, chunk):
    """Call function(rows of a, b, scale) on each chunk of a, and again in the backward pass if there are several."""
    if chunk is None or chunk >= len(a):
        return [function(a, b, scale)]
    if not isinstance(chunk, int) or chunk < 1:
        raise ValueError(f"chunk must be None or a whole number of at least 1; got {chunk!r}")
    return [checkpoint(function, rows, b, scale, use_reentrant=False) for rows in a.split(chunk)]


@torch.no_grad()
def clamp_logit_scale(parameter):
    """Keep the scale at 100 or below, in place, as CLIP does after each step of training; returns the parameter.

    Parameters
    ----------
    parameter : tensor
        The logarithm of the scale.

    References
    ----------
    A. Radford et al., ICML 2021, section 2.5.
    """
    if not isinstance(parameter, torch.Tensor):
        raise ValueError(f"parameter must be a tensor, to be changed in place; got {type(parameter).__name__}")
    return parameter.clamp_(max=math.log(100))
