"""Counts and TF-IDF against scikit-learn, and bad input."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from mmcourse import representation
from mmcourse.representation.text import (
    bag_of_words,
    clean,
    remove_stop_words,
    stem,
    tfidf,
    tokenise,
    vocabulary,
)

ALPHABET = list("abcdeé9'-. ß\n_")


def random_texts(seed, count=40):
    """Return texts of random characters, odd lengths and repeats among them."""
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(ALPHABET, size=rng.integers(0, 60))) for _ in range(count)]
    return [*texts, *texts[:3], "Ab ab AB"]


@pytest.mark.parametrize("seed", range(5))
def test_counts_and_tfidf_equal_scikit_learn(seed):
    texts, unseen = random_texts(seed), [*random_texts(seed + 100), ""]
    counter, weigher = CountVectorizer().fit(texts), TfidfVectorizer().fit(texts)
    assert vocabulary(texts) == list(counter.get_feature_names_out())
    assert (bag_of_words(texts) != counter.transform(texts)).nnz == 0
    np.testing.assert_allclose(tfidf(texts).toarray(), weigher.transform(texts).toarray(), atol=1e-12)
    np.testing.assert_allclose(tfidf(unseen, texts).toarray(), weigher.transform(unseen).toarray(), atol=1e-12)


def test_tfidf_of_two_texts_by_hand():
    matrix = tfidf(["cat sat", "cat cat"]).toarray()  # columns cat, sat
    rare = np.log(3 / 2) + 1
    np.testing.assert_allclose(matrix, [[1 / np.hypot(1, rare), rare / np.hypot(1, rare)], [1, 0]])


def test_nothing_is_learned_from_texts_that_are_only_transformed():
    alone = tfidf(["cat sat"], ["cat sat", "dog"]).toarray()
    among = tfidf(["cat sat", "cat cat", "whale"], ["cat sat", "dog"]).toarray()
    np.testing.assert_array_equal(alone[0], among[0])


def test_empty_texts_give_rows_of_zeros():
    assert tokenise("") == tokenise(" a ! ") == []
    assert clean("<br/>") == clean("") == ""
    assert stem([]) == remove_stop_words([]) == []
    assert not bag_of_words(["", "film"]).toarray()[0].any()
    assert not tfidf(["", "film"]).toarray()[0].any()


def test_clean():
    assert clean("ＦＵＬＬ &amp; ﬁne\t<a href='x'>link</a> https://a.b/c?d  <3") == "full & fine link <3"
    assert clean(clean("Some &lt; TEXT")) == clean("Some &lt; TEXT")


def test_stems_and_stop_words():
    assert stem(["caresses", "ponies", "relational"]) == ["caress", "poni", "relat"]  # examples of the paper
    assert remove_stop_words(tokenise("This is the worst film of all")) == ["worst", "film"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tfidf([]), "texts is empty"),
        (lambda: tfidf("one text"), "list of strings, not one string"),
        (lambda: tfidf(["", "a !"]), "no word of two letters"),
        (lambda: tfidf(["film"], ["?"]), "no word of two letters"),
        (lambda: bag_of_words(["film", None]), r"texts\[1\] must be a string, not NoneType"),
        (lambda: bag_of_words(["film"], []), "words is empty"),
        (lambda: clean(float("nan")), "must be a string, not float"),
        (lambda: tokenise(b"film"), "must be a string, not bytes"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_names_are_loaded_on_first_use():
    assert representation.tfidf is tfidf
    with pytest.raises(AttributeError, match=r"has no 'tf_idf'; it has .*tfidf"):
        _ = representation.tf_idf
