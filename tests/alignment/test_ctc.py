"""CTC against a sum over every path, and against torch; decoding against the best of all sequences."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from mmcourse.alignment import ctc_beam_decode, ctc_greedy_decode, ctc_loss

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def spell(path):
    """Merge repeats, then drop blanks."""
    return tuple(label for label, _ in itertools.groupby(path) if label)


def sequences_of(log_probs):
    """The probability of every sequence that (T, C) can spell, path by path."""
    probabilities, found = log_probs.exp().tolist(), {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        chance = np.prod([frame[label] for frame, label in zip(probabilities, path, strict=True)])
        found[spell(path)] = found.get(spell(path), 0.0) + chance
    return found


def draw(*shape, sharpness=1.0):
    return (sharpness * torch.randn(*shape, dtype=torch.double)).log_softmax(-1)


def test_loss_equals_a_sum_over_all_paths():
    log_probs = draw(5, 1, 3)
    for length in range(1, 6):
        chances = sequences_of(log_probs[:length, 0])
        for target in itertools.chain.from_iterable(itertools.product((1, 2), repeat=n) for n in range(1, 5)):
            loss = ctc_loss(log_probs, [target], [length], [len(target)]).item()
            assert np.exp(-loss) == pytest.approx(chances.get(target, 0.0), abs=1e-12)
            padded = torch.tensor([[*target, -1, 7]])  # beyond the length anything may stand
            assert ctc_loss(log_probs, padded, [length], [len(target)]).item() == loss
        nothing = ctc_loss(log_probs, [[1]], [length], [0]).item()
        assert np.exp(-nothing) == pytest.approx(chances[()], abs=1e-12)


def test_loss_and_gradient_equal_torch():
    torch.manual_seed(0)
    logits = torch.randn(60, 8, 6, dtype=torch.double, requires_grad=True)
    targets, frames, labels = torch.randint(1, 3, (8, 20)), torch.randint(30, 61, (8,)), torch.randint(0, 21, (8,))
    losses = [
        ctc_loss(logits.log_softmax(2), targets, frames, labels),
        functional.ctc_loss(logits.log_softmax(2), targets, frames, labels, reduction="none"),
    ]
    torch.testing.assert_close(*losses, rtol=1e-12, atol=1e-12)
    fits = losses[0].isfinite()
    assert fits.any()
    ours, theirs = (torch.autograd.grad(loss[fits].sum(), logits)[0] for loss in losses)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    small = torch.randn(6, 2, 4, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: ctc_loss(x, [[1, 1], [2, 3]], [6, 4], [2, 1]), small)


def test_long_sequences_equal_torch():
    logits = (3 * torch.randn(1500, 2, 30, dtype=torch.double)).requires_grad_()
    targets, frames, labels = torch.randint(1, 30, (2, 200)), torch.tensor([1500, 700]), torch.tensor([200, 150])
    targets[0, 50:100] = 4  # a label repeated fifty times
    losses = [
        ctc_loss(logits.log_softmax(2), targets, frames, labels),
        functional.ctc_loss(logits.log_softmax(2), targets, frames, labels, reduction="none"),
    ]
    assert losses[0].isfinite().all()
    torch.testing.assert_close(*losses, rtol=1e-12, atol=0)
    ours, theirs = (torch.autograd.grad(loss.sum(), logits)[0] for loss in losses)
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-11)


def test_a_repeated_label_needs_a_blank():
    log_probs = draw(4, 1, 3).requires_grad_()
    assert ctc_loss(log_probs[:3], [[1, 1, 2]], [3], [3]).item() == torch.inf
    assert ctc_loss(log_probs, [[1, 1, 2]], [4], [3]).item() < torch.inf
    loss = ctc_loss(log_probs, [[1, 1, 2]], [3], [3])
    loss.sum().backward()
    assert loss.item() == torch.inf
    assert not log_probs.grad.any()


@pytest.mark.parametrize("device", DEVICES)
def test_padding_items_dtypes_and_devices(device):
    torch.manual_seed(1)
    log_probs, targets = draw(9, 3, 5).float(), torch.tensor([[1, 2, 2], [3, 0, 0], [4, 4, 0]])
    frames, labels = [9, 4, 6], [3, 1, 2]
    expected = [
        ctc_loss(log_probs[: frames[i], i : i + 1], targets[i : i + 1], frames[i : i + 1], labels[i : i + 1])
        for i in range(3)
    ]
    spoilt = log_probs.clone().to(device)
    for i in range(3):
        spoilt[frames[i] :, i] = torch.nan
    spoilt.requires_grad_()
    with torch.autocast(device, torch.bfloat16):
        found = ctc_loss(spoilt, targets.to(device), frames, labels)
    found.sum().backward()
    torch.testing.assert_close(found.cpu(), torch.cat(expected))
    assert spoilt.grad.isfinite().all()
    half = ctc_loss(log_probs.bfloat16(), targets, frames, labels)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, torch.cat(expected), rtol=2e-2, atol=2e-2)
    spoilt.data[0, 0] = torch.nan
    assert ctc_loss(spoilt, targets, frames, labels).isnan().tolist() == [True, False, False]
    certain = torch.full((3, 1, 3), -torch.inf)
    certain[[0, 1, 2], 0, [1, 0, 1]] = 0.0
    assert ctc_loss(certain, [[1, 1]], [3], [2]).item() == 0
    assert ctc_loss(certain, [[2, 1]], [3], [2]).item() == torch.inf


def test_greedy():
    labels = torch.tensor([[1, 1, 0, 1, 2, 2], [0, 3, 3, 0, 0, 1]]).T
    log_probs = draw(6, 2, 4) - 9 + 9.5 * functional.one_hot(labels, 4)
    assert (log_probs.argmax(2) == labels).all()
    sequences, scores = ctc_greedy_decode(log_probs)
    assert sequences == [[1, 1, 2], [3, 1]]
    torch.testing.assert_close(scores, log_probs.amax(2).sum(0))
    sequences, scores = ctc_greedy_decode(log_probs, [3, 1])
    assert sequences == [[1], []]
    torch.testing.assert_close(scores[1], log_probs[0, 1].max())


def test_full_beam_finds_the_best_of_all_sequences():
    log_probs, better = draw(5, 12, 4), 0
    sequences, scores = ctc_beam_decode(log_probs, beam=10**6)
    greedy, _ = ctc_greedy_decode(log_probs)
    words = [(1,), (2, 2), (3, 1, 2), (3, 1)]
    read, read_scores = ctc_beam_decode(log_probs, beam=10**6, words=words)
    for i in range(12):
        chances = sequences_of(log_probs[:, i])
        best = max(chances, key=chances.get)
        assert tuple(sequences[i]) == best
        assert scores[i].exp().item() == pytest.approx(chances[best])
        word = max(words, key=chances.get)
        assert tuple(read[i]) == word
        assert read_scores[i].exp().item() == pytest.approx(chances[word])
        better += chances[best] > chances[tuple(greedy[i])]
    assert better or len({tuple(s) for s in sequences} | {tuple(s) for s in greedy}) < 13


def test_beam_sums_paths_where_greedy_takes_one():
    log_probs = torch.tensor([[0.6, 0.4], [0.6, 0.4]]).log()[:, None]
    assert ctc_greedy_decode(log_probs)[0] == [[]]  # two blanks: 0.36
    sequences, scores = ctc_beam_decode(log_probs, beam=3)
    assert sequences == [[1]]  # 0.24 + 0.24 + 0.16
    assert scores.exp().item() == pytest.approx(0.64)


OPTIONS = {}, {"words": [(1, 2), (3, 3), (1, 1, 3), (2,)]}


def by_loss(log_probs, lengths, sequences):
    """What the loss gives as log-probabilities of the sequences that were read."""
    longest = max(map(len, sequences))
    padded = [sequence + [1] * (longest - len(sequence)) for sequence in sequences]
    return -ctc_loss(log_probs, padded, lengths, [len(s) for s in sequences])


@pytest.mark.parametrize("options", OPTIONS)
def test_a_beam_that_holds_every_prefix_scores_as_the_loss(options):
    log_probs, lengths = draw(6, 4, 4, sharpness=4.0), [6, 4, 1, 5]
    sequences, scores = ctc_beam_decode(log_probs, lengths, beam=2000, **options)
    torch.testing.assert_close(scores, by_loss(log_probs, lengths, sequences), rtol=0, atol=1e-9)
    narrow = ctc_beam_decode(log_probs, lengths, beam=1, **options)[1]
    assert (scores >= narrow - 1e-9).all()
    assert all(isinstance(label, int) for sequence in sequences for label in sequence)


@pytest.mark.parametrize("options", [{}, {"words": [(1, 2), (3, 3, 4), (5,) * 9, (2,)]}])
def test_what_fell_out_of_the_beam_is_missing_in_its_scores(options):
    log_probs, lengths = draw(40, 4, 6, sharpness=4.0), [40, 25, 1, 33]
    for beam in (64, 512):
        sequences, scores = ctc_beam_decode(log_probs, lengths, beam=beam, **options)
        exact = by_loss(log_probs, lengths, sequences)
        assert (scores <= exact + 1e-9).all()
    torch.testing.assert_close(scores, exact, rtol=0, atol=0.7)  # 512 prefixes lose little
    wide, narrow = (ctc_beam_decode(log_probs, lengths, beam=beam)[1] for beam in (64, 1))
    assert (wide >= narrow - 1e-9).all()


def test_a_word_longer_than_the_frames_is_not_read():
    sequences, scores = ctc_beam_decode(draw(1, 1, 3), words=[(1, 1)])
    assert sequences == [[]]
    assert scores.item() == -torch.inf


def test_bad_input():
    log_probs, targets = draw(5, 2, 4), torch.tensor([[1, 2], [3, 3]])
    for given, message in (
        ((log_probs[0], targets, [5, 5], [2, 2]), "log_probs must have 3 axes"),
        ((log_probs[:0], targets, [0, 0], [2, 2]), "log_probs must not be empty"),
        ((log_probs.long(), targets, [5, 5], [2, 2]), "log_probs must be a floating"),
        ((log_probs, targets[0], [5, 5], [2, 2]), r"targets must be whole numbers \(2, S\)"),
        ((log_probs, targets.float(), [5, 5], [2, 2]), "targets must be whole"),
        ((log_probs, targets + 1, [5, 5], [2, 2]), "targets must be labels from 1 to 3"),
        ((log_probs, targets - 1, [5, 5], [2, 2]), "targets must be labels from 1 to 3, 0 being the blank"),
        ((log_probs, targets, [6, 5], [2, 2]), "input_lengths must be from 1 to 5"),
        ((log_probs, targets, [0, 5], [2, 2]), "input_lengths must be from 1 to 5"),
        ((log_probs, targets, [5], [2, 2]), "input_lengths must be 2 whole"),
        ((log_probs, targets, [5, 5], [3, 2]), "target_lengths must be from 0 to 2"),
        ((log_probs, targets, [5, 5], [2.0, 2.0]), "target_lengths must be 2 whole"),
    ):
        with pytest.raises(ValueError, match=message):
            ctc_loss(*given)
    for decode in (ctc_greedy_decode, ctc_beam_decode):
        with pytest.raises(ValueError, match="input_lengths must be from 1 to 5"):
            decode(log_probs, [6, 6])
        with pytest.raises(ValueError, match="log_probs must be a tensor"):
            decode(log_probs.numpy())
    for options, message in (
        ({"beam": 0}, "beam must be"),
        ({"words": []}, "words must be"),
        ({"words": [[1, 4]]}, "words must be"),
        ({"words": [[0]]}, "words must be"),
    ):
        with pytest.raises(ValueError, match=message):
            ctc_beam_decode(log_probs, **options)
