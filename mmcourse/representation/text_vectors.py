"""Text as vectors: static word vectors and a transformer's sentence vectors, both pretrained (lesson 04)."""

import re
from functools import lru_cache

from mmcourse.representation.text import check_texts

_PIECE_LIMIT = 256  # what the sentence encoder was trained to read


def word_vectors(texts):
    """Look up the static vector of every word piece.

    Parameters
    ----------
    texts : list of str, length B

    Returns
    -------
    features : torch.Tensor, shape (B, T, 256), float32
        Zero where there is no piece.
    mask : torch.Tensor, shape (B, T), bool
        True means keep; all False for an empty text. T is the length of the longest text, at least 1.

    Raises
    ------
    ValueError
        No texts, or something that is not a string.
    mmcourse.data.DataError
        The weights ``wordllama`` cannot be had.

    References
    ----------
    WordLlama 0.4: the input embeddings of large language models, reduced to 256 dimensions.
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    texts = check_texts(texts)
    tokeniser, table = _word_table()
    pieces = [
        torch.tensor(item.ids, dtype=torch.long) for item in tokeniser.encode_batch(texts, add_special_tokens=False)
    ]
    ids = pad_sequence([*pieces, torch.zeros(1, dtype=torch.long)], batch_first=True, padding_value=-1)[:-1]
    mask = ids >= 0
    return torch.where(mask[..., None], table[ids.clamp(min=0)], 0.0), mask


def mean_pool(features, mask):
    """Average a sequence over the places that the mask keeps.

    Parameters
    ----------
    features : torch.Tensor, shape (B, T, d)
    mask : torch.Tensor, shape (B, T), bool
        True means keep.

    Returns
    -------
    torch.Tensor, shape (B, d)
        Zero for a row whose mask is all False. Masked places may hold anything, NaN included.

    Raises
    ------
    ValueError
        Shapes that do not fit, or a mask that is not bool.
    """
    import torch

    if features.ndim != 3 or mask.shape != features.shape[:2] or mask.dtype != torch.bool:
        expected = "features of shape (B, T, d) and a bool mask of shape (B, T)"
        raise ValueError(f"expected {expected}, not {tuple(features.shape)} and {tuple(mask.shape)} {mask.dtype}")
    total = torch.where(mask[..., None], features, 0.0).sum(dim=1)
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def nearest_words(word, k=5):
    """Find the words whose static vectors point in nearly the same direction.

    Parameters
    ----------
    word : str
    k : int

    Returns
    -------
    list of (str, float)
        Words and their cosine with `word`, the nearest first; `word` itself is left out.

    Raises
    ------
    ValueError
        `word` holds no letters or digits, or k < 1.
    """
    import torch

    if not check_texts([word])[0].strip() or k < 1:
        raise ValueError(f"expected a word and k >= 1, not {word!r} and k={k}")
    words, rows = _whole_words()
    table = torch.nn.functional.normalize(_word_table()[1][rows], dim=1)
    cosines = table @ torch.nn.functional.normalize(mean_pool(*word_vectors([word])), dim=1)[0]
    order = cosines.argsort(descending=True, stable=True)[: k + 1].tolist()
    return [(words[i], float(cosines[i])) for i in order if words[i] != word.lower()][:k]


def sentence_vectors(texts, *, batch_size=64, device=None):
    """Encode each text as one vector with a pretrained transformer.

    Its outputs are averaged over the pieces of the text and scaled to length 1, as the model was trained.

    Parameters
    ----------
    texts : list of str, length N
        At most 256 word pieces of each are read.
    batch_size : int
    device : torch.device, optional
        ``mmcourse.device()`` by default.

    Returns
    -------
    torch.Tensor, shape (N, 384), float32
        On the CPU.

    Raises
    ------
    ValueError
        No texts, a blank text, or something that is not a string.
    mmcourse.data.DataError
        The weights ``minilm`` cannot be had.

    References
    ----------
    N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019; W. Wang et al., "MiniLM", NeurIPS 2020.
    """
    import torch

    from mmcourse.session import device as default_device

    texts = check_texts(texts)
    if blank := [place for place, text in enumerate(texts) if not text.strip()]:
        raise ValueError(f"texts[{blank[0]}] is blank: a sentence encoder would make a vector of nothing")
    tokeniser, model = _sentence_encoder()
    device, chunks = device or default_device(), []
    model.to(device)
    for start in range(0, len(texts), batch_size):
        chunk = texts[start : start + batch_size]
        batch = tokeniser(chunk, padding=True, truncation=True, max_length=_PIECE_LIMIT, return_tensors="pt").to(device)
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
        pooled = mean_pool(states.float(), batch["attention_mask"].bool())
        chunks.append(torch.nn.functional.normalize(pooled, dim=1).cpu())
    return torch.cat(chunks)


@lru_cache(maxsize=1)
def _word_table():
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    from mmcourse import data

    folder = data.prepare("wordllama")
    (table,) = load_file(folder / "l2_supercat_256.safetensors").values()
    tokeniser = Tokenizer.from_file(str(folder / "l2_supercat_tokenizer_config.json"))
    tokeniser.no_padding()
    tokeniser.no_truncation()
    return tokeniser, table.float()


@lru_cache(maxsize=1)
def _whole_words():
    """Return the pieces that are whole lower-case words, and their rows in the table."""
    pieces = _word_table()[0].get_vocab()
    rows = {piece[1:]: row for piece, row in pieces.items() if re.fullmatch("\u2581[a-z]{2,}", piece)}
    words = sorted(rows)
    return words, [rows[word] for word in words]


@lru_cache(maxsize=1)
def _sentence_encoder():
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    from mmcourse import data

    folder, bars = data.prepare("minilm"), logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    tokeniser = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
    if bars:
        logging.enable_progress_bar()
    return tokeniser, model
