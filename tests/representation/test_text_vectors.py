"""Static and sentence vectors: in miniature always, the real weights where they are in the learner's cache."""

import pytest
import torch

from mmcourse import data
from mmcourse.representation import text_vectors
from mmcourse.representation.text_vectors import mean_pool, nearest_words, sentence_vectors, word_vectors

PIECES = ["<unk>", "▁cat", "▁dog", "▁car", "s"]
TABLE = torch.tensor([[9.0, 9.0], [1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.0, 0.5]])


@pytest.fixture(autouse=True)
def fresh():
    """Forget weights loaded by another test."""
    for loader in (text_vectors._word_table, text_vectors._whole_words, text_vectors._sentence_encoder):
        loader.cache_clear()


@pytest.fixture
def five_pieces(tmp_path, monkeypatch):
    """A table of five word pieces in place of the real one."""
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokeniser = Tokenizer(models.WordPiece({p: i for i, p in enumerate(PIECES)}, unk_token="<unk>"))
    tokeniser.model.continuing_subword_prefix = ""
    tokeniser.pre_tokenizer = pre_tokenizers.Metaspace()
    tokeniser.enable_padding()
    tokeniser.save(str(tmp_path / "l2_supercat_tokenizer_config.json"))
    save_file({"embedding": TABLE.half()}, tmp_path / "l2_supercat_256.safetensors")
    monkeypatch.setattr(data, "prepare", lambda name: {"wordllama": tmp_path}[name])


def test_words_are_looked_up_piece_by_piece(five_pieces):
    features, mask = word_vectors(["", "cats dog", "car"])
    assert mask.tolist() == [[False] * 3, [True] * 3, [True, False, False]]
    torch.testing.assert_close(features[1], TABLE.half().float()[[1, 4, 2]])
    torch.testing.assert_close(features[2, 0], TABLE[3])
    assert not features[0].any()
    assert not features[2, 1:].any()
    features, mask = word_vectors([""])
    assert features.shape == (1, 1, 2)
    assert not mask.any()


def test_neighbours(five_pieces):
    assert [word for word, _ in nearest_words("cat", k=2)] == ["dog", "car"]
    assert nearest_words("cat", k=1)[0][1] == pytest.approx(1 / 1.01**0.5, abs=1e-3)


def test_mean_pool_ignores_what_is_masked():
    features = torch.tensor([[[1.0], [3.0], [float("nan")]], [[float("inf")]] * 3])
    mask = torch.tensor([[True, True, False], [False] * 3])
    assert mean_pool(features, mask).tolist() == [[2.0], [0.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: word_vectors([]), "texts is empty"),
        (lambda: word_vectors("cat"), "not one string"),
        (lambda: nearest_words(" "), "expected a word"),
        (lambda: nearest_words("cat", k=0), "k >= 1"),
        (lambda: sentence_vectors(["a film", " "]), r"texts\[1\] is blank"),
        (lambda: sentence_vectors([None]), "must be a string"),
        (lambda: mean_pool(torch.ones(2, 3, 4), torch.ones(2, 3)), "bool mask"),
        (lambda: mean_pool(torch.ones(2, 3), torch.ones(2, 3).bool()), "shape"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def need(name):
    if not data.ready(name):
        pytest.skip(f"{name} is not in the cache; run: python3 course.py data {name}")


def test_real_word_vectors():
    need("wordllama")
    features, mask = word_vectors(["good film", ""])
    assert (features.shape[2], mask.sum().item()) == (256, 2)
    assert "movie" in dict(nearest_words("film"))


def test_real_sentence_vectors():
    need("minilm")
    texts = ["A great film.", "What a wonderful movie!", "The stock market fell today, and it fell sharply. " * 60]
    vectors = sentence_vectors(texts, device="cpu")
    assert vectors.shape == (3, 384)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    assert vectors[0] @ vectors[1] > 0.6 > 0.3 > vectors[0] @ vectors[2]
    alone = torch.cat([sentence_vectors([text], device="cpu") for text in texts])
    torch.testing.assert_close(vectors, alone, atol=1e-5, rtol=0)  # neither padding nor neighbours matter
