"""Connectionist temporal classification: the loss, and reading text from its output (lesson 12). Blank is label 0."""

import numpy as np
import torch
from torch.nn import functional

from mmcourse.alignment import kernels
from mmcourse.alignment.checks import check_lengths
from mmcourse.inputs import check_tensor, keep

NEVER = -1e30  # the logarithm of "impossible"; minus infinity would make gradients infinity minus infinity


def ctc_loss(log_probs, targets, input_lengths, target_lengths):
    """Minus the log probability of all ways to spell each target: merge repeats, then drop the blanks (label 0).

    The forward recursion with logarithms, for the whole batch, in torch operations, so that autograd gives the
    gradient. Frames and labels beyond the lengths, NaN included, change nothing; NaN within them gives NaN.

    Parameters
    ----------
    log_probs : float tensor (T, B, C)
        Logarithms of probabilities, as from `log_softmax`.
    targets : whole numbers (B, S), each from 1 to C - 1 within its length
    input_lengths, target_lengths : whole numbers (B,)
        From 1 to T, and from 0 to S.

    Returns
    -------
    tensor (B,) in nats, in the dtype of log_probs, at least float32
        Infinity, with a gradient of zeros, where the target does not fit: it needs a frame for each label, and one more
        for each label that equals the one before.

    Raises
    ------
    ValueError
        For a wrong shape or dtype, an empty batch or sequence, lengths that do not fit, or labels out of range.

    References
    ----------
    A. Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with recurrent neural
    networks", ICML 2006, eq. 5 to 8.
    """
    log_probs, frames = _check(log_probs, input_lengths)
    targets, spelled = _check_targets(targets, target_lengths, log_probs)
    extended = functional.pad(targets[..., None], (1, 0)).flatten(1)  # a blank before each label ...
    extended = functional.pad(extended, (0, 1))  # ... and one at the end
    emitted = log_probs.gather(2, extended.expand(len(log_probs), -1, -1)).clamp(min=NEVER)
    may_skip = (extended != 0) & (extended != functional.pad(extended, (2, -2)))
    alpha = torch.where(torch.arange(extended.shape[1], device=targets.device) < 2, emitted[0], NEVER)
    for t, emission in enumerate(emitted[1:], 1):
        by_one = functional.pad(alpha, (1, -1), value=NEVER)
        by_two = torch.where(may_skip, functional.pad(alpha, (2, -2), value=NEVER), NEVER)
        moved = torch.stack([alpha, by_one, by_two]).logsumexp(0) + emission
        alpha = torch.where((t < frames)[:, None], moved, alpha)
    ends = alpha.gather(1, torch.stack([2 * spelled, (2 * spelled - 1).clamp(min=0)], 1))
    total = torch.where(spelled > 0, ends.logsumexp(1), ends[:, 0])
    return torch.where(total < NEVER / 2, torch.inf, -total)


def _check(log_probs, input_lengths):
    """Check the output of a network (T, B, C); put zeros beyond the lengths."""
    check_tensor("log_probs", log_probs, (3,))
    log_probs = log_probs.to(torch.promote_types(log_probs.dtype, torch.float32))
    lengths = check_lengths("input_lengths", input_lengths, log_probs[0], len(log_probs))
    return keep(torch.arange(len(log_probs), device=lengths.device)[:, None] < lengths, log_probs), lengths


def _check_targets(targets, target_lengths, log_probs):
    """Check labels (B, S); put blanks beyond the lengths."""
    targets = torch.as_tensor(targets, device=log_probs.device)
    _, batch, classes = log_probs.shape
    if targets.is_floating_point() or targets.ndim != 2 or len(targets) != batch:
        raise ValueError(f"targets must be whole numbers ({batch}, S); got {targets.dtype} {tuple(targets.shape)}")
    lengths = check_lengths("target_lengths", target_lengths, log_probs[0], targets.shape[1], 0)
    inside = torch.arange(targets.shape[1], device=targets.device) < lengths[:, None]
    labels = targets[inside]
    if ((labels < 1) | (labels >= classes)).any():
        raise ValueError(f"targets must be labels from 1 to {classes - 1}, 0 being the blank; got {labels.tolist()}")
    return keep(inside, targets.long()), lengths


def ctc_greedy_decode(log_probs, input_lengths=None):
    """The most probable label of each frame, repeats merged and blanks dropped.

    Parameters and errors: see `ctc_loss`; without lengths, every frame counts.

    Returns
    -------
    sequences : list of B lists of labels
    scores : tensor (B,)
        Log probability of that one path; the sequence itself has at least this probability.
    """
    log_probs, lengths = _check(log_probs, input_lengths)
    values, labels = log_probs.max(2)  # zeros beyond the lengths
    paths = [column[:n].unique_consecutive().tolist() for column, n in zip(labels.T, lengths, strict=True)]
    return [[label for label in path if label] for path in paths], values.sum(0)


def ctc_beam_decode(log_probs, input_lengths=None, *, beam=16, words=None):
    """The most probable sequence found by prefix beam search, which adds up all paths that spell the same prefix.

    With a beam as large as the number of prefixes the answer is exact.

    Parameters
    ----------
    log_probs, input_lengths : see `ctc_greedy_decode`
    beam : int
        Prefixes kept after each frame.
    words : list of sequences of labels, optional
        The only sequences that may be read; each output is one of them, and empty with score -inf where none survived
        or is possible, and with score NaN where a frame holds NaN.

    Returns
    -------
    sequences : list of B lists of labels
    scores : tensor (B,), float64
        Log probability of each sequence, summed over the paths that stayed in the beam.

    Raises
    ------
    ValueError
        As `ctc_loss`; and for a beam below 1, an empty word list or labels in it that are out of range.

    References
    ----------
    A. Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs",
    arXiv:1408.2873, 2014, algorithm 1 without a language model.
    """
    log_probs, lengths = _check(log_probs, input_lengths)
    if not isinstance(beam, int) or beam < 1:
        raise ValueError(f"beam must be a whole number of at least 1; got {beam!r}")
    classes = log_probs.shape[2]
    words = None if words is None else {tuple(map(int, word)) for word in words}
    if words is not None and (not words or not all(0 < label < classes for word in words for label in word)):
        raise ValueError(f"words must be sequences of labels from 1 to {classes - 1}, at least one; got {words}")
    follow, ends = (np.zeros((1, classes), np.int64), np.ones(1, bool)) if words is None else _trie(words, classes)
    items = log_probs.detach().double().cpu().numpy().swapaxes(0, 1)
    found = [_search(item[:n], beam, follow, ends) for item, n in zip(items, lengths.tolist(), strict=True)]
    return [sequence for sequence, _ in found], torch.tensor([score for _, score in found], dtype=torch.float64)


def _search(frames, beam, follow, ends):
    """The best sequence of frames (T, C), and its log probability."""
    if np.isnan(frames).any():
        return [], np.nan
    labels, score = kernels.ctc_sweep(np.ascontiguousarray(frames), beam, follow, ends)
    return labels.tolist(), score


def _trie(words, classes):
    """A state for each beginning of a word: the state after each label, -1 where none may follow; is it a word?"""
    states = {word[:n]: None for word in words for n in range(len(word) + 1)}
    states = {beginning: i for i, beginning in enumerate(sorted(states))}  # the empty one first
    follow = np.full((len(states), classes), -1)
    for beginning, i in states.items():
        if beginning:
            follow[states[beginning[:-1]], beginning[-1]] = i
    return follow, np.array([beginning in words for beginning in states])
