"""What keeps one modality from doing all the work: dropout of modalities and balanced gradients (lesson 10)."""

import math

import torch
from torch import nn

from mmcourse.inputs import check_features, keep


class ModalityDropout(nn.Module):
    """In training, hides each modality of each item with probability `p`, but never all that the item has.

    ``block(*drop(features, present))``; in evaluation it changes nothing.

    Parameters
    ----------
    p : float in [0, 1)

    Inputs
    ------
    features : dict of str to float tensor (B, d_m)
    present : dict of str to bool tensor (B,), optional

    Returns
    -------
    (features, present)
        The same features, zeros where hidden or absent, and what is still present.

    References
    ----------
    N. Neverova et al., "ModDrop: adaptive multi-modal gesture recognition", IEEE TPAMI 2016, section 4.3.
    """

    def __init__(self, p=0.3):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must be in [0, 1); got {p}")
        self.p = p

    def forward(self, features, present=None):
        if not isinstance(features, dict) or not features:
            raise ValueError(
                f"features must be a filled dict of modality names to tensors; got {type(features).__name__}"
            )
        names = sorted(features)
        present = check_features(features, present, dict.fromkeys(names))  # of any width
        here = torch.stack([present[name] for name in names])
        if self.training and self.p:
            luck = torch.rand(here.shape, device=here.device)
            luckiest = torch.where(here, luck, -1.0).argmax(0)  # hidden last: one that is present always stays
            stays = (luck >= self.p) | (torch.arange(len(names), device=here.device)[:, None] == luckiest)
            here = here & stays
        present = dict(zip(names, here, strict=True))
        return {name: keep(present[name], features[name]) for name in names}, present


def balance_factors(scores, alpha=1.0):
    """Return a factor in [0, 1] for the gradient of each modality's encoder: the smaller, the further it leads.

    ``1 - tanh(alpha * rho)`` if ``rho > 1``, else 1, where rho is a modality's score over the other's. The source has
    two modalities; for several, which is ours, rho is the score over the *mean* score of the others. The source also
    adds noise to the gradients afterwards (its "GE"), which is not done here. Note the jump: as soon as one leads, by
    however little, its factor is at most ``1 - tanh(alpha)``.

    Parameters
    ----------
    scores : dict of str to float
        How well each modality does alone, such as its mean probability of the right class; at least two, positive.
    alpha : float
        0 switches balancing off.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ValueError
        For fewer than two modalities, or a score that is not positive and finite.

    References
    ----------
    X. Peng et al., "Balanced multimodal learning via on-the-fly gradient modulation", CVPR 2022, eq. 9 and 10
    (there the scores are sums, over a batch, of each modality's softmax probability of the right class).
    """
    values = {name: float(score) for name, score in scores.items()}
    if len(values) < 2 or not all(0 < v < float("inf") for v in values.values()):
        raise ValueError(f"scores must hold at least two positive numbers; got {values}")
    total, factors = sum(values.values()), {}
    for name, value in values.items():
        rho = value * (len(values) - 1) / (total - value)
        factors[name] = 1 - math.tanh(alpha * rho) if rho > 1 else 1.0
    return factors


def scale_gradient(x, factor):
    """Return `x` unchanged; the gradient that flows back through it is multiplied by `factor`."""
    return x.detach() + factor * (x - x.detach())
