"""Encoders, and models of several modalities in one space (lessons 05 and 06).

Every name is loaded on first use, and with it torch.
"""

from importlib import import_module

# One name a line, in alphabetical order, so that two people can add to it.
_HOMES = {
    "AttentionEncoder": "encoders",
    "Autoencoder": "autoencoders",
    "CCA": "cca",
    "CNNEncoder": "encoders",
    "DeepBeliefNetwork": "boltzmann",
    "GraphEncoder": "graph",
    "KernelCCA": "cca",
    "LSTMEncoder": "encoders",
    "MLPEncoder": "encoders",
    "MultimodalAutoencoder": "autoencoders",
    "PretrainedEncoder": "pretrained",
    "RBM": "boltzmann",
    "TextEncoder": "encoders",
    "deep_cca_loss": "cca",
    "nearest_neighbour_edges": "graph",
    "scaled_dot_product_attention": "encoders",
}
__all__ = list(_HOMES)


def __getattr__(name):
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _HOMES.values():
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"mmcourse.representation has no {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__():
    return sorted([*globals(), *__all__])
