"""Text, images and sound as numbers (lessons 04 to 06).

Every name is loaded on first use, and with it torch, librosa or transformers.
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
    "bag_of_words": "text",
    "chroma": "sound",
    "clean": "text",
    "deep_cca_loss": "cca",
    "hertz_to_mel": "audio",
    "mean_pool": "text_vectors",
    "mel_filters": "audio",
    "mel_spectrogram": "audio",
    "mel_to_hertz": "audio",
    "mfcc": "audio",
    "nearest_neighbour_edges": "graph",
    "nearest_words": "text_vectors",
    "normalise_loudness": "sound",
    "pitch": "sound",
    "remove_stop_words": "text",
    "scaled_dot_product_attention": "encoders",
    "sentence_vectors": "text_vectors",
    "spectral_contrast": "sound",
    "spectral_entropy": "audio",
    "stem": "text",
    "stft": "audio",
    "tempo": "sound",
    "tfidf": "text",
    "to_decibel": "audio",
    "tokenise": "text",
    "trim": "sound",
    "vocabulary": "text",
    "word_vectors": "text_vectors",
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
