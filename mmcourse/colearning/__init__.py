"""Co-learning: what one modality knows, taught to another (lessons 18 and 19).

Every name is loaded on first use, and with it torch.
"""

from mmcourse._lazy import lazy

# One name a line, in alphabetical order, so that two people can add to it.
_HOMES = {
    "CoTraining": "cotraining",
    "CrossModalProjector": "projection",
    "MultiTask": "multitask",
    "SharedSpecific": "unet",
    "UNet": "unet",
    "distillation_loss": "distillation",
}
__all__ = list(_HOMES)
__getattr__, __dir__ = lazy(__name__, _HOMES)
