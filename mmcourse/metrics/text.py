"""How near a text comes to the right ones: thin wrappers over libraries, which are loaded on first use."""

import itertools
import re
import warnings
from collections import Counter, defaultdict

import numpy as np


def word_error_rate(reference, hypothesis):
    """Compute how many words must be replaced, left out or put in, for every 100 words of the reference (jiwer).

    Parameters
    ----------
    reference, hypothesis : str or list of str
        A text each, or as many texts in one as in the other: then all mistakes are counted, over all reference words.
        Words are what stands between spaces; "A" and "a" differ. For an error rate of characters, put spaces between.

    Returns
    -------
    float
        From 0; above 100 when there are more mistakes than words. An empty text among several references adds no words,
        and each word of its hypothesis is a mistake.

    Raises
    ------
    ValueError
        When the two do not have as many texts, are not texts, or the references hold no word at all.

    Examples
    --------
    >>> word_error_rate("one two three four", "one three four five")
    50.0
    >>> word_error_rate(["one", "two two two"], ["one", "two"])
    50.0
    """
    import jiwer

    texts = [[text] if isinstance(text, str) else list(text) for text in (reference, hypothesis)]
    if not all(isinstance(text, str) for both in texts for text in both):
        raise ValueError("reference and hypothesis must be texts or lists of texts; join numbers to a text first")
    if len(texts[0]) != len(texts[1]):
        raise ValueError(f"{len(texts[0])} references and {len(texts[1])} hypotheses: each needs its partner")
    if not any(text.split() for text in texts[0]):
        raise ValueError("the references hold no word, so no error rate is defined")
    return 100 * jiwer.wer(*texts)


def bleu(hypotheses, references):
    """Compute corpus BLEU, 0 to 100 (Papineni et al., ACL 2002), as sacrebleu does by default.

    n-grams of one to four words are counted over all hypotheses together; the shorter they are than the nearest
    reference, the lower the score. Punctuation is split off (tokeniser 13a), "A" and "a" differ, counts of 0 are smoothed.

    Parameters
    ----------
    hypotheses : list of str
    references : list of lists of str
        One right text or more for each hypothesis.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Something else than texts, none at all, or not as many lists as hypotheses.
    """
    import sacrebleu

    columns = itertools.zip_longest(*_texts(hypotheses, references))
    return sacrebleu.corpus_bleu(list(hypotheses), [list(column) for column in columns], force=True).score


def cider(hypotheses, references, document_frequency=None):
    """Compute CIDEr-D, 0 to 10 (Vedantam et al., CVPR 2015), through pycocoevalcap.

    Cosines of n-grams of one to four words, those that are rare among pictures weighing more. Words are runs of letters,
    digits, hyphens and apostrophes in lower case; the original's tokeniser is larger.

    Parameters
    ----------
    hypotheses, references : see `bleu`
    document_frequency : dict, optional
        From `document_frequencies`, of training captions say. By default that of `references`: then the score depends on
        which pictures are judged together, one picture alone always gets 0, and fewer than ten get a warning.

    Returns, raises as `bleu`.

    Examples
    --------
    >>> table = document_frequencies([["a red cat"], ["a blue tree"], ["a red tree"]])
    >>> round(cider(["a red cat"], [["a red cat"]], table), 3)  # no four words
    7.5
    """
    from pycocoevalcap.cider.cider_scorer import CiderScorer, cook_refs, cook_test

    given = [[_words(text) for text in texts] for texts in _texts(hypotheses, references)]
    if document_frequency is None and len(given) < 10:
        warnings.warn(f"CIDEr of {len(given)} pictures weighs words by so few; pass document_frequency", stacklevel=2)
    table = document_frequencies(references) if document_frequency is None else document_frequency
    if not table.get(()):
        raise ValueError("document_frequency must be a table made by document_frequencies")
    scores, size = [], table[()]
    for start in range(0, len(given), size):  # the library takes the size of the table from the number of references
        scorer, part = CiderScorer(), slice(start, start + size)
        scorer.document_frequency = defaultdict(float, table)
        scorer.ctest = [cook_test(_words(text)) for text in hypotheses[part]]
        scorer.crefs = [cook_refs(texts) for texts in given[part]]
        scorer.crefs += [[]] * (size - len(scorer.crefs))
        scores += scorer.compute_cider()
    return float(np.mean(scores))


def document_frequencies(references):
    """Count in how many pictures' captions each n-gram occurs, for `cider`: tuple of words -> int, () -> pictures."""
    from pycocoevalcap.cider.cider_scorer import precook

    found = (set().union(*(precook(_words(text)) for text in texts)) for texts in references)
    return Counter(itertools.chain.from_iterable({*grams, ()} for grams in found))


def _words(text):
    return " ".join(re.findall(r"[\w'-]+", text.lower()))


def _texts(hypotheses, references):
    """Return the references, checked."""
    texts = [list(hypotheses), *map(list, references)]
    if not all(isinstance(text, str) for some in texts for text in some) or any(isinstance(x, str) for x in references):
        raise ValueError("hypotheses must be a list of str, references a list of lists of str")
    if len(texts) - 1 != len(texts[0]) or not all(texts):
        raise ValueError(
            f"{len(texts[0])} hypotheses and {len(texts) - 1} lists of references: each needs one, not empty"
        )
    return texts[1:]
