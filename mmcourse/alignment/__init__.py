"""Alignment of sequences, labels and whole collections (lessons 11 to 13).

Every name is loaded on first use, and with it torch or numba.
"""

from mmcourse._lazy import lazy

# One name a line, in alphabetical order, so that two people can add to it.
_HOMES = {
    "Alignment": "warping",
    "GaussianHMM": "hmm",
    "clamp_logit_scale": "contrastive",
    "ctc_beam_decode": "ctc",
    "ctc_greedy_decode": "ctc",
    "ctc_loss": "ctc",
    "dtw": "warping",
    "dtw_costs": "warping",
    "info_nce": "contrastive",
    "siglip_loss": "contrastive",
    "sinkhorn": "transport",
    "soft_dtw": "warping",
    "soft_dtw_divergence": "warping",
}
__all__ = list(_HOMES)
__getattr__, __dir__ = lazy(__name__, _HOMES)
