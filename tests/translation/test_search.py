"""Beam search against exhaustive search and transformers' generate."""

import itertools

import numpy as np
import pytest
import torch

from mmcourse.translation import beam_search, greedy_search

BOS, EOS = 0, 1


class Table:
    """A model whose next token depends on the item and on all tokens so far, drawn at random."""

    def __init__(self, items, vocabulary, seed):
        self.items, self.vocabulary, self.seed = items, vocabulary, seed

    def log_probs(self, item, text):
        rng = np.random.default_rng([self.seed, item, *text])
        return torch.log_softmax(torch.tensor(2 * rng.standard_normal(self.vocabulary)), 0)

    def state(self):
        return {"item": torch.arange(self.items), "text": [torch.zeros(self.items, 0, dtype=torch.long)]}

    def step(self, tokens, state):
        text = torch.cat([state["text"][0], tokens[:, None]], 1)
        rows = zip(state["item"].tolist(), text.tolist(), strict=True)
        return torch.stack([self.log_probs(item, row) for item, row in rows]), {**state, "text": [text]}

    def every_sequence(self, item, max_len):
        """Yield each sequence with its log probability."""
        words = [word for word in range(self.vocabulary) if word != EOS]
        for length in range(1, max_len + 1):
            for start in itertools.product(words, repeat=length - 1):
                for last in range(self.vocabulary) if length == max_len else [EOS]:
                    text = [*start, last]
                    steps = (self.log_probs(item, [BOS, *text[:k]])[word] for k, word in enumerate(text))
                    yield text, float(sum(steps))


def filled(text, length):
    return text + [EOS] * (length - len(text))


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.7, 1.0, 2.0])
def test_a_large_beam_finds_the_best_of_all_sequences(alpha):
    model = Table(3, 3, seed=int(10 * alpha) + 7)
    found, scores = beam_search(model.step, model.state(), bos=BOS, eos=EOS, beam=30, max_len=4, alpha=alpha)
    for item in range(3):
        rated = [(value / len(text) ** alpha, text) for text, value in model.every_sequence(item, 4)]
        best, text = max(rated)
        assert scores[item].item() == pytest.approx(best, rel=1e-9)
        assert found[item].tolist() == filled(text, found.shape[1])


def test_greedy_takes_the_best_token_each_time():
    for seed in range(5):
        model = Table(4, 5, seed)
        found, scores = greedy_search(model.step, model.state(), bos=BOS, eos=EOS, max_len=6)
        for item in range(4):
            text, value = [], 0.0
            while len(text) < 6 and EOS not in text:
                row = model.log_probs(item, [BOS, *text])
                value += row.max().item()
                text.append(row.argmax().item())
            assert found[item].tolist() == filled(text, found.shape[1])
            assert scores[item].item() == pytest.approx(value, rel=1e-9)
        assert found.shape[1] == max((row != EOS).sum().item() + (row == EOS).any().item() for row in found)


@pytest.mark.parametrize(("beam", "expected"), [(1, [EOS]), (2, [2] * 8)])
def test_a_longer_sequence_that_can_still_win_is_waited_for_unless_the_search_is_greedy(beam, expected):
    first, later = torch.tensor([0.0, 0.74, 0.26]).log(), torch.tensor([0.0, 0.0, 1.0]).log()

    def step(tokens, state):
        return torch.where((tokens == BOS)[:, None], first, later), state

    found, scores = beam_search(step, torch.zeros(1), bos=BOS, eos=EOS, beam=beam, max_len=8, alpha=1.0)
    assert found.tolist() == [expected]
    assert scores.item() == pytest.approx(first[expected[0]].item() / len(expected))


@pytest.mark.parametrize("beam", [2, 3, 5])
@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.6, 1.0, 2.0])
def test_equal_to_generate(beam, alpha):
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(10 * beam + int(alpha))
    sizes = dict(vocab_size=13, n_positions=16, n_embd=16, n_layer=2, n_head=2, initializer_range=0.5)
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=BOS, eos_token_id=EOS)).eval()
    prompts = torch.randint(2, 13, (12, 3))  # the prompt does not count in the length

    def step(tokens, state):
        text = torch.cat([state, tokens[:, None]], 1)
        return model(text).logits[:, -1].log_softmax(-1), text

    rules = dict(num_beams=beam, length_penalty=alpha, early_stopping="never", do_sample=False)
    both = torch.cat([prompts, torch.full((12, 1), BOS)], 1)
    theirs = model.generate(
        both,
        attention_mask=torch.ones_like(both),
        max_new_tokens=8,
        pad_token_id=EOS,
        output_scores=True,
        return_dict_in_generate=True,
        **rules,
    )
    found, scores = beam_search(step, prompts, bos=BOS, eos=EOS, beam=beam, max_len=8, alpha=alpha)
    torch.testing.assert_close(found, theirs.sequences[:, 4:])
    torch.testing.assert_close(scores, theirs.sequences_scores)
    assert alpha > 0 or (found == EOS).any()  # some ended early


def test_a_cache_is_put_in_the_order_of_the_beams():
    torch.manual_seed(0)
    embed, cell, head = torch.nn.Embedding(7, 8), torch.nn.GRUCell(8, 8), torch.nn.Linear(8, 7)
    head.weight.data *= 4

    def cached(tokens, state):
        hidden = cell(embed(tokens), state[0])
        return head(hidden).log_softmax(-1), (hidden,)

    def from_the_start(tokens, state):
        text, hidden = torch.cat([state["text"], tokens[:, None]], 1), state["hidden"]
        for column in text.T:
            hidden = cell(embed(column), hidden)
        return head(hidden).log_softmax(-1), {**state, "text": text}

    hidden, empty = torch.randn(6, 8), torch.zeros(6, 0, dtype=torch.long)
    options = dict(bos=BOS, eos=EOS, beam=3, max_len=9, alpha=0.7)
    one = beam_search(cached, (hidden,), **options)
    other = beam_search(from_the_start, {"text": empty, "hidden": hidden}, **options)
    torch.testing.assert_close(one, other)
    alone = [beam_search(cached, (row[None],), **options)[1] for row in hidden]
    torch.testing.assert_close(torch.cat(alone), one[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beam": 0}, "beam must be a whole number of at least 1, not 0"),
        ({"max_len": 2.5}, "max_len must be a whole number"),
        ({"alpha": float("nan")}, "alpha must be a finite number"),
        ({"eos": -1}, "eos must be"),
        ({"state": {}}, "at least, for each item"),
        ({"state": torch.zeros(0, 2)}, "at least, for each item"),
        ({"state": [torch.zeros(2, 1), torch.zeros(3, 1)]}, "one row, at least, for each item"),
        ({"state": 3}, "state must hold tensors in dicts, lists or tuples; got int"),
        ({"step": lambda tokens, state: (torch.zeros(2, 3, 4), state)}, "log_probs.*must have 2 axes"),
        ({"step": lambda tokens, state: (torch.zeros(1, 4), state)}, "log_probs.*4 rows"),
        ({"step": lambda tokens, state: (torch.zeros(len(tokens), 1), state)}, "log_probs.*two tokens"),
    ],
)
def test_bad_input_is_named(change, message):
    call = dict(step=lambda tokens, state: (torch.zeros(len(tokens), 4), state), state=torch.zeros(2, 1))
    call |= dict(bos=BOS, eos=EOS, beam=2, max_len=3) | change
    with pytest.raises(ValueError, match=message):
        beam_search(call.pop("step"), call.pop("state"), **call)
