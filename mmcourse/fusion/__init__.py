"""Fusion of modalities: of feature vectors, of sequences, and of decisions (lessons 07 to 10).

Every name is loaded on first use, and with it torch.
"""

from mmcourse._lazy import lazy

# One name a line, in alphabetical order, so that two people can add to it.
_HOMES = {
    "AttentionFusion": "additive",
    "BilinearFusion": "multiplicative",
    "BottleneckTransformer": "sequences",
    "ConcatFusion": "additive",
    "CrossModalTransformer": "sequences",
    "DeepSetFusion": "additive",
    "FiLMFusion": "multiplicative",
    "GatedFusion": "additive",
    "GraphFusion": "additive",
    "LowRankFusion": "multiplicative",
    "MaxFusion": "additive",
    "ModalityDropout": "balance",
    "ProductFusion": "multiplicative",
    "ProductOfExperts": "multiplicative",
    "TensorFusion": "multiplicative",
    "WeightedFusion": "additive",
    "average_decisions": "decisions",
    "balance_factors": "balance",
    "max_decisions": "decisions",
    "product_decisions": "decisions",
    "scale_gradient": "balance",
    "vote_decisions": "decisions",
    "weighted_decisions": "decisions",
}
__all__ = list(_HOMES)
__getattr__, __dir__ = lazy(__name__, _HOMES)
