"""Word error rate, BLEU and CIDEr against their published definitions, written out."""

import itertools
import math
import warnings
from collections import Counter

import numpy as np
import pytest

from mmcourse.metrics import bleu, cider, document_frequencies, word_error_rate

WORDS = "a red blue cat dog tree left right of above".split()


def texts(seed, count, least=1, most=12):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(least, most))) for _ in range(count)]


def references(seed, count):
    rng = np.random.default_rng(seed)
    return [texts([seed, k], rng.integers(1, 5), 4) for k in range(count)]


def grams(text, n):
    words = text.split()
    return Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))


def papineni(hypotheses, references):
    """BLEU by its definition: clipped counts over all texts, geometric mean, brevity penalty; zeros halved in turn."""
    logs, zeros = [], 0
    for n in range(1, 5):
        right = total = 0
        for text, right_ones in zip(hypotheses, references, strict=True):
            most = Counter()
            for one in right_ones:
                most |= grams(one, n)
            right += (grams(text, n) & most).total()
            total += grams(text, n).total()
        if right == 0:
            zeros += 1
        logs.append(math.log(right / total if right else 1 / (2**zeros * total)))
    length = sum(len(text.split()) for text in hypotheses)
    nearest = 0
    for text, right_ones in zip(hypotheses, references, strict=True):
        sizes = [len(one.split()) for one in right_ones]
        nearest += min(sizes, key=lambda size: (abs(size - len(text.split())), size))
    return 100 * min(1.0, math.exp(1 - nearest / length)) * math.exp(sum(logs) / 4)


def vedantam(hypotheses, references, judged):
    """CIDEr-D by its definition; `judged` are the pictures that weigh the n-grams."""

    def vector(text, n):
        counts = grams(text, n)
        known = {gram: sum(any(gram in grams(one, n) for one in some) for some in judged) for gram in counts}
        return {gram: count * math.log(len(judged) / max(1, known[gram])) for gram, count in counts.items()}

    def length(v):
        return math.sqrt(sum(value**2 for value in v.values()))

    scores = []
    for text, right_ones in zip(hypotheses, references, strict=True):
        for n, one in itertools.product(range(1, 5), right_ones):
            g, s = vector(text, n), vector(one, n)
            dot = sum(min(g[gram], s.get(gram, 0)) * s.get(gram, 0) for gram in g)
            bigrams = grams(text, 2).total() - grams(one, 2).total()  # what the official code takes for the lengths
            penalty = math.exp(-(bigrams**2) / (2 * 6**2))
            cosine = dot / (length(g) * length(s)) if length(g) and length(s) else 0
            scores.append(10 * penalty * cosine / 4 / len(right_ones))
    return sum(scores) / len(hypotheses)


@pytest.mark.parametrize("seed", range(3))
def test_bleu_is_that_of_its_definition(seed):
    hypotheses, right = texts(seed, 40, 4), references(seed, 40)
    assert bleu(hypotheses, right) == pytest.approx(papineni(hypotheses, right), rel=1e-9)


def test_bleu_of_perfect_short_empty_and_hopeless_texts():
    right = references(0, 20)
    assert bleu([some[-1] for some in right], right) == pytest.approx(100)
    short = [some[0].rsplit(" ", 1)[0] for some in right]
    assert bleu(short, [some[:1] for some in right]) < bleu([some[0] for some in right], right)
    assert bleu([""] * 20, right) == 0
    assert bleu(["a red cat on a mat ."] * 150, [["a red cat on a mat ."]] * 150) == pytest.approx(100)


def test_bleu_splits_punctuation_and_keeps_case():
    assert bleu(["a cat , and a dog"], [["a cat, and a dog"]]) == pytest.approx(100)
    assert bleu(["a cat and a dog"], [["A CAT AND A DOG"]]) < 10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("trained", [3, 25, 60])
def test_cider_is_that_of_its_definition(seed, trained):
    hypotheses, right, training = texts(seed, 25, 1), references(seed, 25), references(seed + 9, trained)
    table = document_frequencies(training)
    before = dict(table)
    assert cider(hypotheses, right, table) == pytest.approx(vedantam(hypotheses, right, training), rel=1e-9)
    assert dict(table) == before
    assert cider(hypotheses, right) == pytest.approx(vedantam(hypotheses, right, right), rel=1e-9)


def test_cider_equals_the_official_class():
    from pycocoevalcap.cider.cider import Cider

    hypotheses, right = texts(4, 30), references(5, 30)
    official, _ = Cider().compute_score(dict(enumerate(right)), {k: [text] for k, text in enumerate(hypotheses)})
    assert cider(hypotheses, right) == pytest.approx(official, rel=1e-12)


def test_cider_of_one_perfect_caption_is_zero_unless_a_table_is_given():
    caption = "a red cat left of a tree"
    with pytest.warns(UserWarning, match="CIDEr of 1 pictures"):
        assert cider([caption], [[caption]]) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cider([caption], [[caption]], document_frequencies(references(0, 20))) == pytest.approx(10)
        assert cider([caption] * 10, [[caption]] * 10) == 0


def test_cider_reads_words_in_lower_case_without_punctuation():
    table = document_frequencies(references(0, 20))
    same = cider(["A red cat, above it a dog."], [["a red cat above it a dog"]], table)
    assert same == pytest.approx(10)


def test_document_frequencies_count_pictures_not_captions():
    table = document_frequencies([["a red cat", "a red dog"], ["a blue dog"]])
    assert (table[()], table["a",], table["a", "red"], table["dog",], table["cat",]) == (2, 2, 1, 2, 1)
    assert ("red", "blue") not in table


@pytest.mark.parametrize("metric", [bleu, cider])
@pytest.mark.parametrize(
    ("hypotheses", "right", "message"),
    [
        (["a"], ["a"], "list of lists"),
        ([1], [["a"]], "list of str"),
        (["a"], [[2]], "list of str"),
        ([], [], "each needs one"),
        (["a"], [["a"], ["b"]], "1 hypotheses and 2 lists"),
        (["a", "b"], [["a"], []], "not empty"),
    ],
)
def test_bleu_and_cider_refuse(metric, hypotheses, right, message):
    with pytest.raises(ValueError, match=message):
        metric(hypotheses, right)


def test_cider_refuses_a_table_that_does_not_know_its_size():
    with pytest.raises(ValueError, match="made by document_frequencies"):
        cider(["a"], [["a"]], {})


def test_nothing_is_printed(capfd):
    right = references(0, 120)
    bleu([some[0] + " ." for some in right], [[one + " ." for one in some] for some in right])
    cider([some[0] for some in right], right)
    assert capfd.readouterr() == ("", "")


def edits(reference, hypothesis):
    """Levenshtein distance of two lists, by the textbook table."""
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, 1):
        before, row = row, [i]
        for j, other in enumerate(hypothesis, 1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (word != other)))
    return row[-1]


def test_word_error_rate_pools_edits_over_all_words():
    rng = np.random.default_rng(0)
    texts = [[" ".join(rng.choice(["one", "two", "three"], rng.integers(1, 7))) for _ in range(40)] for _ in range(2)]
    mistakes = sum(edits(a.split(), b.split()) for a, b in zip(*texts, strict=True))
    expected = 100 * mistakes / sum(len(a.split()) for a in texts[0])
    assert word_error_rate(*texts) == pytest.approx(expected)
    assert word_error_rate(texts[0], texts[0]) == 0
    assert word_error_rate("one", "one one one") == 200
    assert word_error_rate(["one two", ""], ["one two", "three"]) == 50
    assert word_error_rate("one", "") == 100


@pytest.mark.parametrize(
    ("reference", "hypothesis", "message"),
    [("", "one", "no word"), ([], [], "no word"), (["one"], ["one", "two"], "partner"), ([[1, 2]], [[1, 2]], "texts")],
)
def test_word_error_rate_refuses(reference, hypothesis, message):
    with pytest.raises(ValueError, match=message):
        word_error_rate(reference, hypothesis)
