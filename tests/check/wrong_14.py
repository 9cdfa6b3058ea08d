"""Wrong answers to lesson 14 that a learner plausibly gives, each with a part of the message it must get."""

from collections import Counter

import torch
from torch.nn import functional


def cross(logits, tokens, **options):
    return functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), **{"ignore_index": 0} | options)


def not_shifted(logits, tokens):
    return cross(logits, tokens)


def shifted_back(logits, tokens):
    return cross(logits[:, 1:], tokens[:, :-1])


def padding_counts(logits, tokens):
    return cross(logits[:, :-1], tokens[:, 1:], ignore_index=-1)


def divided_by_all(logits, tokens):
    return cross(logits[:, :-1], tokens[:, 1:], reduction="sum") / tokens[:, 1:].numel()


def summed(logits, tokens):
    return cross(logits[:, :-1], tokens[:, 1:], reduction="sum")


def sums_of_captions(logits, tokens):
    return summed(logits, tokens) / len(tokens)


def mean_of_captions(logits, tokens):
    losses = [cross(a[None, :-1], b[None, 1:]) for a, b in zip(logits, tokens, strict=True)]
    return torch.stack(losses).mean()


def end_left_out(logits, tokens):
    return cross(logits[:, :-1], torch.where(tokens[:, 1:] == 2, 0, tokens[:, 1:]))


def softmax_twice(logits, tokens):
    return cross(logits[:, :-1].softmax(-1), tokens[:, 1:])


def negative(logits, tokens):
    return -cross(logits[:, :-1], tokens[:, 1:])


def a_number(logits, tokens):
    return cross(logits[:, :-1], tokens[:, 1:]).item()


def cut_off(logits, tokens):
    return cross(logits[:, :-1], tokens[:, 1:]).detach()


def with_start(step, state, start, end, max_len):
    tokens, token = [start], start
    while len(tokens) <= max_len:
        scores, state = step(token, state)
        token = int(scores.argmax())
        if token == end:
            break
        tokens.append(token)
    return tokens


def greedy(step, state, start, end, max_len, *, keep_end=False, update=True, follow=True, best=torch.argmax):
    tokens, token = [], start
    while len(tokens) < max_len:
        scores, new = step(token if follow else start, state)
        state = new if update else state
        token = int(best(scores))
        if token == end:
            return tokens + [end] * keep_end
        tokens.append(token)
    return tokens


def keeps_end(step, state, start, end, max_len):
    return greedy(step, state, start, end, max_len, keep_end=True)


def old_state(step, state, start, end, max_len):
    return greedy(step, state, start, end, max_len, update=False)


def start_again(step, state, start, end, max_len):
    return greedy(step, state, start, end, max_len, follow=False)


def lowest(step, state, start, end, max_len):
    return greedy(step, state, start, end, max_len, best=torch.argmin)


def one_too_few(step, state, start, end, max_len):
    return greedy(step, state, start, end, max_len - 1)


def one_too_many(step, state, start, end, max_len):
    return greedy(step, state, start, end, max_len + 1)


def a_tensor_of_tokens(step, state, start, end, max_len):
    return torch.tensor(greedy(step, state, start, end, max_len))


def tokens_as_tensors(step, state, start, end, max_len):
    token = torch.tensor(start)
    scores, state = step(token, state)
    return [scores.argmax()]


def weigh(weights, regions):
    return weights, (weights[..., None] * regions).sum(1)


def raw_scores(hidden, keys, regions, v):
    return weigh((hidden[:, None] + keys).tanh() @ v, regions)


def over_the_batch(hidden, keys, regions, v):
    return weigh(((hidden[:, None] + keys).tanh() @ v).softmax(0), regions)


def no_tanh(hidden, keys, regions, v):
    return weigh(((hidden[:, None] + keys) @ v).softmax(1), regions)


def no_hidden(hidden, keys, regions, v):
    return weigh((keys.tanh() @ v).softmax(1), regions)


def multiplied(hidden, keys, regions, v):
    return weigh(((hidden[:, None] * keys).tanh() @ v).softmax(1), regions)


def no_v(hidden, keys, regions, v):
    return weigh((hidden[:, None] + keys).tanh().sum(2).softmax(1), regions)


def wrong_axis(hidden, keys, regions, v):
    return weigh(((hidden + keys).tanh() @ v).softmax(1), regions)


def sigmoids(hidden, keys, regions, v):
    return weigh(((hidden[:, None] + keys).tanh() @ v).sigmoid(), regions)


def right_weights(hidden, keys, v):
    return ((hidden[:, None] + keys).tanh() @ v).softmax(1)


def plain_mean(hidden, keys, regions, v):
    return right_weights(hidden, keys, v), regions.mean(1)


def mean_of_weighted(hidden, keys, regions, v):
    weights = right_weights(hidden, keys, v)
    return weights, (weights[..., None] * regions).mean(1)


def hard_choice(hidden, keys, regions, v):
    weights = right_weights(hidden, keys, v)
    return weights, regions[range(len(regions)), weights.argmax(1)]


def picture_only(hidden, keys, regions, v):
    return weigh(right_weights(hidden, keys, v), regions)[1]


def swapped(hidden, keys, regions, v):
    return weigh(right_weights(hidden, keys, v), regions)[::-1]


def best(log_probs, score, pick=max):
    return pick(range(len(log_probs)), key=lambda k: score(log_probs[k]))


def least(log_probs, alpha):
    return best(log_probs, lambda row: sum(row) / len(row) ** alpha, min)


def no_alpha(log_probs, alpha):
    return best(log_probs, sum)


def always_mean(log_probs, alpha):
    return best(log_probs, lambda row: sum(row) / len(row))


def times_length(log_probs, alpha):
    return best(log_probs, lambda row: sum(row) * len(row) ** alpha)


def times_alpha(log_probs, alpha):
    return best(log_probs, lambda row: sum(row) / (len(row) * alpha) if alpha else sum(row))


def prompt_counted(log_probs, alpha):
    return best(log_probs, lambda row: sum(row) / (1 + len(row)) ** alpha)


def last_only(log_probs, alpha):
    return best(log_probs, lambda row: row[-1] / len(row) ** alpha)


def a_score(log_probs, alpha):
    return max(sum(row) / len(row) ** alpha for row in log_probs)


def grams(words, n):
    return Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))


def share(right, total):
    return right / total if total else 0.0


def most(references, n):
    counts = Counter()
    for one in references:
        counts |= grams(one, n)
    return counts


def unclipped(words, references, n):
    said, known = grams(words, n), most(references, n)
    return share(sum(count for gram, count in said.items() if gram in known), said.total())


def added_references(words, references, n):
    said = grams(words, n)
    return share((said & sum((grams(one, n) for one in references), Counter())).total(), said.total())


def first_reference(words, references, n):
    said = grams(words, n)
    return share((said & grams(references[0], n)).total(), said.total())


def different_ones(words, references, n):
    said = grams(words, n)
    return share(len(said & most(references, n)), len(said))


def recall(words, references, n):
    said = grams(words, n)
    return share((said & most(references, n)).total(), max(grams(one, n).total() for one in references))


def single_words(words, references, n):
    return share((grams(words, 1) & most(references, 1)).total(), len(words))


def over_words(words, references, n):
    return share((grams(words, n) & most(references, n)).total(), len(words))


def how_many(words, references, n):
    return (grams(words, n) & most(references, n)).total()


def last_missing(words, references, n):
    return clipped(words[:-1], [one[:-1] for one in references], n)


def clipped(words, references, n):
    said = grams(words, n)
    return share((said & most(references, n)).total(), said.total())


WRONG = {
    "14.1": [
        (not_shifted, "the token they had just read"),
        (shifted_back, "shift the other way"),
        (padding_counts, "padding counts"),
        (divided_by_all, "divided by all places"),
        (summed, "not the sum"),
        (sums_of_captions, "summed over each sentence"),
        (mean_of_captions, "each caption counts alike"),
        (end_left_out, "the end of the sentence"),
        (softmax_twice, "took a softmax first"),
        (negative, "the sign is turned"),
        (a_number, "should be a torch tensor"),
        (cut_off, "no gradient flows back"),
    ],
    "14.2": [
        (with_start, "leave `start` out"),
        (keeps_end, "leave `end` out"),
        (old_state, "hand the new state"),
        (start_again, "not `start` again"),
        (lowest, "*lowest*"),
        (one_too_few, "one token is missing"),
        (one_too_many, "stop after max_len"),
        (a_tensor_of_tokens, "return a list of tokens"),
        (tokens_as_tensors, "a Python int"),
    ],
    "14.3": [
        (raw_scores, "these are scores"),
        (over_the_batch, "not over the batch"),
        (no_tanh, "the tanh is missing"),
        (no_hidden, "you left `hidden` out"),
        (multiplied, "you multiplied"),
        (no_v, "you left `v` out"),
        (wrong_axis, "along the regions"),
        (sigmoids, "sigmoids do not sum"),
        (plain_mean, "the plain mean"),
        (mean_of_weighted, "mean of the weighted regions"),
        (hard_choice, "the largest weight"),
        (picture_only, "return two things"),
        (swapped, "weights first"),
    ],
    "14.4": [
        (least, "lowest score"),
        (no_alpha, "alpha is not used"),
        (always_mean, "the mean whatever alpha"),
        (times_length, "divide"),
        (times_alpha, "raise it to the power"),
        (prompt_counted, "one place too many"),
        (last_only, "only the last step"),
        (a_score, "not its score"),
    ],
    "14.5": [
        (unclipped, "no clipping"),
        (added_references, "added up the references"),
        (first_reference, "only the first reference"),
        (different_ones, "each different gram counted once"),
        (recall, "(that is recall)"),
        (single_words, "counted single words"),
        (over_words, "divided by the number of words"),
        (how_many, "how many are right"),
    ],
}
