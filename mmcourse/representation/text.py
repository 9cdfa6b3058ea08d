"""Text as counts: cleaning, tokens, stems, bags of words, TF-IDF (lesson 04).

An empty text is allowed where a value makes sense (no tokens, a row of zeros, a mask of all False) and refused where
none does; each function says which.
"""

import re
import unicodedata
from functools import lru_cache
from html import unescape

import numpy as np

_TOKEN = re.compile(r"\b\w\w+\b")
_MARKUP = re.compile(r"<[^<>]*>|https?://\S+|www\.\S+")


def clean(text):
    """Return a text in lower case without HTML, web addresses and surplus blanks, in Unicode's form NFKC.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        ``""`` if nothing is left.

    Raises
    ------
    ValueError
        `text` is not a string.

    Examples
    --------
    >>> clean("A <b>GREAT</b>&nbsp;film: www.example.org")
    'a great film:'
    """
    (text,) = check_texts([text])
    return " ".join(_MARKUP.sub(" ", unicodedata.normalize("NFKC", unescape(text))).lower().split())


def tokenise(text):
    """Cut a text into lower-case words of two letters or digits and more, as scikit-learn does.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        Empty for an empty text.

    Raises
    ------
    ValueError
        `text` is not a string.

    Examples
    --------
    >>> tokenise("It's a film, isn't it?")
    ['it', 'film', 'isn', 'it']
    """
    (text,) = check_texts([text])
    return _TOKEN.findall(text.lower())


def stem(tokens):
    """Cut English words down to their stems: "films" and "filming" become "film".

    Parameters
    ----------
    tokens : list of str

    Returns
    -------
    list of str

    References
    ----------
    M. F. Porter, "An algorithm for suffix stripping", Program 14, 1980; NLTK's version of it.

    Examples
    --------
    >>> stem(["films", "filming", "wonderful"])
    ['film', 'film', 'wonder']
    """
    stemmer = _stemmer()
    return [stemmer.stem(token) for token in check_texts(tokens, empty=True)]


def remove_stop_words(tokens):
    """Leave out the most common English words, by scikit-learn's list of 318.

    The list holds "not" and "never", which a reader of film reviews would rather keep.

    Parameters
    ----------
    tokens : list of str

    Returns
    -------
    list of str

    Examples
    --------
    >>> remove_stop_words(["this", "is", "not", "good"])
    ['good']
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return [token for token in check_texts(tokens, empty=True) if token not in ENGLISH_STOP_WORDS]


def vocabulary(texts):
    """Return the words of some texts in alphabetical order: the columns of `bag_of_words` and `tfidf`.

    Parameters
    ----------
    texts : list of str

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        No texts, something that is not a string, or not one word in all of them.
    """
    words = sorted({token for text in check_texts(texts) for token in tokenise(text)})
    if not words:
        raise ValueError("texts hold no word of two letters or more, so there is no vocabulary")
    return words


def bag_of_words(texts, words=None):
    """Count how often each word occurs in each text.

    Parameters
    ----------
    texts : list of str, length N
    words : list of str, length V, optional
        The columns; the vocabulary of `texts` by default. Words outside of it are not counted.

    Returns
    -------
    scipy.sparse.csr_matrix, shape (N, V), int64
        As ``CountVectorizer().fit_transform(texts)``. An empty text gives a row of zeros.

    Raises
    ------
    ValueError
        As `vocabulary`.
    """
    from scipy.sparse import csr_matrix

    texts = check_texts(texts)
    words = vocabulary(texts) if words is None else check_texts(words, name="words")
    column = {word: place for place, word in enumerate(words)}
    cells = [(row, column[t]) for row, text in enumerate(texts) for t in tokenise(text) if t in column]
    rows, columns = np.array(cells, dtype=np.int64).reshape(-1, 2).T
    counts = csr_matrix((np.ones(len(cells), np.int64), (rows, columns)), shape=(len(texts), len(words)))
    counts.sort_indices()
    return counts


def tfidf(texts, reference=None):
    """Weigh the words of each text by how rare they are among the texts.

    The weight of word w in text d is tf(w, d) * (ln((1 + n) / (1 + df(w))) + 1), with tf its count in d and df the
    number of the n reference texts that hold it; each row is then divided by its Euclidean length.

    Parameters
    ----------
    texts : list of str, length N
    reference : list of str, optional
        The texts that vocabulary and df are learned from: the training texts, when `texts` are others. By default
        `texts` themselves.

    Returns
    -------
    scipy.sparse.csr_matrix, shape (N, V), float64
        As scikit-learn's ``TfidfVectorizer().fit(reference).transform(texts)``; columns as ``vocabulary(reference)``.
        A text without a known word gives a row of zeros.

    Raises
    ------
    ValueError
        As `vocabulary`.

    References
    ----------
    K. Sparck Jones, "A statistical interpretation of term specificity", Journal of Documentation 28, 1972.
    """
    from scipy.sparse import diags

    reference = texts if reference is None else reference
    words = vocabulary(reference)
    known = bag_of_words(reference, words)
    document_frequency = np.bincount(known.indices, minlength=len(words))
    weights = np.log((1 + known.shape[0]) / (1 + document_frequency)) + 1
    weighted = bag_of_words(texts, words) @ diags(weights)
    lengths = np.sqrt(weighted.multiply(weighted).sum(axis=1)).A1
    return (diags(1 / np.where(lengths > 0, lengths, 1)) @ weighted).tocsr()


def check_texts(texts, *, name="texts", empty=False):
    """Return a list of strings, or raise a ValueError that says what is wrong with it."""
    if isinstance(texts, str):
        raise ValueError(f"{name} must be a list of strings, not one string")
    texts = list(texts)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"{name}[{place}] must be a string, not {type(text).__name__} ({text!r})")
    if not texts and not empty:
        raise ValueError(f"{name} is empty: expected at least one")
    return texts


@lru_cache(maxsize=1)
def _stemmer():
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()
