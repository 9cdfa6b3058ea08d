"""Translation from one modality to another (lessons 14 to 17).

Every name is loaded on first use, and with it torch.
"""

from mmcourse._lazy import lazy

# One name a line, in alphabetical order, so that two people can add to it.
_HOMES = {
    "Diffusion": "diffusion",
    "DiscreteVAE": "dalle",
    "ImageTransformer": "dalle",
    "CaptionModel": "captions",
    "RegionEncoder": "captions",
    "VQAModel": "questions",
    "WaveNet": "wavenet",
    "beam_search": "search",
    "greedy_search": "search",
    "mu_law_decode": "wavenet",
    "mu_law_encode": "wavenet",
    "receptive_field": "wavenet",
}
__all__ = list(_HOMES)
__getattr__, __dir__ = lazy(__name__, _HOMES)
