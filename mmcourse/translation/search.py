"""Search for the sequence that a model of the next token finds most probable."""

from numbers import Integral, Real

import torch

from mmcourse.inputs import check_tensor


def greedy_search(step, state, *, bos, eos, max_len):
    """Take the most probable token, again and again.

    Parameters, result and errors: see `beam_search`; scores are sums of log probabilities.
    """
    return beam_search(step, state, bos=bos, eos=eos, beam=1, max_len=max_len)


@torch.no_grad()
def beam_search(step, state, *, bos, eos, beam, max_len, alpha=0.0):
    """Keep the `beam` most probable beginnings of each item at every step; return the best sequence that ended.

    A sequence ends with `eos`, or after `max_len` tokens. Of those that ended while among the best `beam` of their step
    the one with the highest score wins, where score = sum of log probabilities / (number of tokens) ** alpha, `eos`
    counted and `bos` not. The search of an item is over only when no longer sequence can score higher: the exact rule,
    as transformers' ``generate(early_stopping="never")``. With a beam as large as the number of beginnings the answer is
    exact. A beam of 1 is greedy search.

    Parameters
    ----------
    step : callable
        ``step(tokens (N,), state) -> (log_probs (N, V), state)``: what follows the last token of each of N sequences.
        N is always B * beam, V at least 2.
    state : tensor, or dict, list or tuple of states
        What the model remembers of its B items, such as features of a picture or a cache of keys; the first axis of
        each tensor is B. Rows are copied and put in order here, so that each goes with its sequence.
    bos, eos : int
        The token that goes before the first one, and the one that ends a sequence.
    beam, max_len : int, at least 1
    alpha : float
        0 prefers short sequences, 1 gives the mean log probability of a token.

    Returns
    -------
    sequences : int64 tensor (B, L)
        Without `bos`; L is the length of the longest, the others are filled up with `eos`.
    scores : float tensor (B,)

    Raises
    ------
    ValueError
        A bad option or state, or a step that returns something else.

    References
    ----------
    Y. Wu et al., "Google's neural machine translation system", arXiv:1609.08144, 2016, section 7, has another
    denominator; this one is that of transformers.
    """
    _check(bos, eos, beam, max_len, alpha)
    (items, device), *others = {(len(x), x.device) for x in _leaves(state)} or [(0, None)]
    if items == 0 or others:
        raise ValueError("state must hold tensors on one device with one row, at least, for each item")
    state = _rows(state, torch.arange(items, device=device).repeat_interleave(beam))
    texts = torch.empty(items, beam, 0, dtype=torch.long, device=device)
    tokens, sums = texts.new_full((items * beam,), bos), torch.zeros(items, beam, device=device)
    sums[:, 1:] = -torch.inf  # all begin alike: one of them is enough
    best, best_score = texts.new_full((items, max_len), eos), sums.new_full((items,), -torch.inf)
    first = beam * torch.arange(items, device=device)[:, None]
    for length in range(1, max_len + 1):
        log_probs, state = step(tokens, state)
        log_probs = _checked(log_probs, len(tokens))
        vocabulary = log_probs.shape[1]
        total = (sums[..., None] + log_probs.view(items, beam, vocabulary)).flatten(1)
        # Twice as many as are kept, in case that half of them end here.
        values, places = total.topk(min(2 * beam, total.shape[1]))
        parents, words = places // vocabulary, places % vocabulary
        texts = torch.cat([texts.gather(1, parents[..., None].expand(-1, -1, length - 1)), words[..., None]], 2)
        ended = (words == eos) | (length == max_len)
        score, winner = (values / length**alpha).masked_fill(~ended, -torch.inf)[:, :beam].max(1)
        better = score > best_score
        best_score = torch.where(better, score, best_score)
        best[better, :length] = texts[better, winner[better]]
        sums, kept = values.masked_fill(ended, -torch.inf).topk(beam)
        if beam == 1:  # greedy: what ended is not weighed against what did not
            sums = sums.masked_fill(better[:, None], -torch.inf)
        reach = sums[:, 0] / (max_len if alpha > 0 else length + 1) ** alpha
        if (best_score >= reach).all():
            break
        texts, parents = texts.gather(1, kept[..., None].expand(-1, -1, length)), parents.gather(1, kept)
        tokens, state = texts[..., -1].flatten(), _rows(state, (first + parents).flatten())
    longest = (best != eos).int().mul(torch.arange(1, max_len + 1, device=device)).amax().item()
    return best[:, : min(longest + 1, max_len)], best_score


def _checked(log_probs, rows):
    """Return what a step gave, in single precision at least."""
    check_tensor("log_probs, which step returns,", log_probs, (2,))
    if len(log_probs) != rows or log_probs.shape[1] < 2:
        shape = tuple(log_probs.shape)
        raise ValueError(f"log_probs, which step returns, must have {rows} rows of at least two tokens; got {shape}")
    return log_probs.to(torch.promote_types(log_probs.dtype, torch.float32))


def _leaves(state):
    """Yield the tensors of a state."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, (dict, list, tuple)):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _leaves(part)
    else:
        raise ValueError(f"state must hold tensors in dicts, lists or tuples; got {type(state).__name__}")


def _rows(state, rows):
    """Take rows of every tensor of a state."""
    if isinstance(state, torch.Tensor):
        return state[rows]
    if isinstance(state, dict):
        return {key: _rows(part, rows) for key, part in state.items()}
    return type(state)(_rows(part, rows) for part in state)


def _check(bos, eos, beam, max_len, alpha):
    for name, value, least in (("bos", bos, 0), ("eos", eos, 0), ("beam", beam, 1), ("max_len", max_len, 1)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if not isinstance(alpha, Real) or not abs(alpha) < float("inf"):
        raise ValueError(f"alpha must be a finite number, not {alpha!r}")
