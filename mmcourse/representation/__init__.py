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
    "EfficientNetLite": "efficientnet",
    "GraphEncoder": "graph",
    "KernelCCA": "cca",
    "LSTMEncoder": "encoders",
    "MLPEncoder": "encoders",
    "MultimodalAutoencoder": "autoencoders",
    "PretrainedEncoder": "pretrained",
    "RBM": "boltzmann",
    "TextEncoder": "encoders",
    "add_noise": "augment",
    "bag_of_words": "text",
    "change_pitch": "augment",
    "change_speed": "augment",
    "chroma": "sound",
    "clean": "text",
    "cnn_features": "image",
    "crop": "image",
    "deep_cca_loss": "cca",
    "efficientnet_lite": "efficientnet",
    "flip": "augment",
    "hertz_to_mel": "audio",
    "hog": "image",
    "jitter_colour": "augment",
    "mean_message": "graph",
    "mean_pool": "text_vectors",
    "mel_filters": "audio",
    "mel_spectrogram": "audio",
    "mel_to_hertz": "audio",
    "mfcc": "audio",
    "nearest_neighbour_edges": "graph",
    "nearest_words": "text_vectors",
    "normalise": "image",
    "normalise_loudness": "sound",
    "pitch": "sound",
    "random_crop": "augment",
    "remove_stop_words": "text",
    "reorder": "augment",
    "replace_words": "augment",
    "resize": "image",
    "scaled_dot_product_attention": "encoders",
    "sentence_vectors": "text_vectors",
    "sift": "image",
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
