"""Text, images and sound as numbers (lessons 04 to 06).

Every name is loaded on first use, and with it torch, librosa or transformers.
"""

from importlib import import_module

# One name a line, by module, so that two people can add to it.
_HOMES = {
    "CCA": "cca",
    "KernelCCA": "cca",
    "bag_of_words": "text",
    "clean": "text",
    "deep_cca_loss": "cca",
    "mean_pool": "text_vectors",
    "nearest_words": "text_vectors",
    "remove_stop_words": "text",
    "sentence_vectors": "text_vectors",
    "stem": "text",
    "tfidf": "text",
    "tokenise": "text",
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
