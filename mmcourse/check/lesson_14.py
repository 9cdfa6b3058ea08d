"""Checks of lesson 14: the loss of a caption, greedy decoding, additive attention, length in a beam, clipped precision."""

import inspect
from collections import Counter

import torch
from torch.nn import functional

from mmcourse.check.engine import Mistake, close, exercise, require
from mmcourse.check.tensors import randn


def _tensor(answer, shape, what):
    require(isinstance(answer, torch.Tensor), f"{what} should be a torch tensor, not {type(answer).__name__}")
    require(tuple(answer.shape) == shape, f"{what} should have shape {shape}, it has {tuple(answer.shape)}")


@exercise("14.1")
def ex14_1(caption_loss):
    """Cross-entropy with the next token, padding left out."""
    tokens = torch.tensor([[1, 4, 3, 5, 2, 0, 0], [1, 3, 2, 0, 0, 0, 0], [1, 5, 4, 3, 6, 3, 2]])
    logits = 2 * randn(3, 7, 7, seed=1)
    given = logits.clone().requires_grad_()
    answer = caption_loss(given, tokens.clone())
    _tensor(answer, (), "the loss")
    for message, value in _loss_mistakes(logits, tokens).items():
        require(not close(answer.detach(), value), message)
    require(
        close(answer.detach(), _loss(logits, tokens)), "not the mean of -log p(next token) over all tokens that count"
    )
    require(answer.requires_grad, "no gradient flows back; stay within torch, without .item() or detach")
    answer.backward()
    expected = logits.clone().requires_grad_()
    _loss(expected, tokens).backward()
    require(close(given.grad, expected.grad), "the value is right, but the gradient is not")


def _loss(logits, tokens, **options):
    options = {"ignore_index": 0} | options
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), **options)


def _loss_mistakes(logits, tokens):
    each = _loss(logits, tokens, reduction="none").view(len(tokens), -1)
    sizes = (tokens[:, 1:] > 0).sum(1)
    sentences = each.sum(1).mean()
    same = functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=0)
    last = tokens.masked_fill(tokens == 2, 0)
    scores = logits[:, :-1].softmax(-1).log_softmax(-1).flatten(0, 1)
    return {
        "the scores at place t tell the token at t + 1; you compared them with the token they had just read": same,
        "shift the other way: the scores at place t tell the token *after* t": functional.cross_entropy(
            logits[:, 1:].flatten(0, 1), tokens[:, :-1].flatten(), ignore_index=0
        ),
        "padding counts in your mean; leave out the places where the next token is 0": _loss(
            logits, tokens, ignore_index=-100
        ),
        "you divided by all places; divide by those that count": each.mean(),
        "return the mean over the places that count, not the sum": each.sum(),
        "you summed over each sentence and took the mean over sentences; divide by the number of tokens": sentences,
        "each caption counts alike in your mean; each *token* should": (each.sum(1) / sizes).mean(),
        "the end of the sentence (2) must be learned too; only 0 is left out": _loss(logits, last),
        "cross_entropy takes raw scores: you took a softmax first": functional.nll_loss(
            scores, tokens[:, 1:].flatten(), ignore_index=0
        ),
        "the sign is turned: a loss falls as the right tokens get likelier": -_loss(logits, tokens),
    }


class _Counting:
    """Scores that depend on the token and on how often step was called; tells whether the state went along."""

    def __init__(self, rows):
        self.rows, self.read = rows, []

    def step(self, token, state):
        if not isinstance(token, int) or isinstance(token, bool):
            raise Mistake(f"`step` wants a token as a Python int, you gave it {type(token).__name__}")
        self.read.append(token)
        return torch.tensor(self.rows[min(state, len(self.rows) - 1)]), state + 1


@exercise("14.2")
def ex14_2(greedy_decode):
    """Take the best token until the end."""
    high = {token: [9.0 if k == token else float(-k) for k in range(7)] for token in range(7)}
    cases = [([4, 4, 6, 2], 9, [4, 4, 6]), ([3, 5, 3, 5, 3, 5, 2], 4, [3, 5, 3, 5]), ([2], 5, []), ([5, 2], 1, [5])]
    for script, longest, expected in cases:
        model = _Counting([high[token] for token in script])
        answer = greedy_decode(model.step, 0, 1, 2, longest)
        require(not inspect.isgenerator(answer), "return a list")
        require(isinstance(answer, list), f"return a list of tokens, not {type(answer).__name__}")
        answer = [int(token) for token in answer]
        require(model.read, "you never called `step`")
        require(model.read[0] == 1, "the first token that `step` reads is `start`")
        require(answer != [1, *expected], "leave `start` out of what you return")
        require(answer != [*expected, 2], "leave `end` out of what you return")
        if len(script) > 2 and len(answer) == longest and len(set(answer)) == 1 and longest > len(expected):
            raise Mistake("hand the new state to the next step; the old one begins again")
        worst = [min(range(7), key=high[token].__getitem__) for token in script]
        require(not answer or answer[0] != worst[0], "you took the token with the *lowest* score")
        require(len(answer) <= longest, f"stop after max_len tokens; for max_len {longest} you returned {len(answer)}")
        require(len(set(model.read[1:])) > 0 or len(script) < 3, "each step must read the token chosen just before")
        stuck = len(model.read) > 2 and set(model.read) == {1}
        require(not stuck, "each step must read the token chosen just before, not `start` again")
        missing = len(expected) - len(answer) == 1 and answer == expected[:-1]
        require(not missing, "one token is missing at the end: max_len counts the tokens that you return")
        require(answer == expected, f"the best tokens are {expected}, yours {answer}")


@exercise("14.3")
def ex14_3(attend):
    """Weights from a tanh and a softmax over regions, and the weighted sum."""
    hidden, keys, regions, v = (randn(*s, seed=k) for k, s in enumerate([(4, 3), (4, 4, 3), (4, 4, 5), (3,)], 2))
    answer = attend(hidden.clone(), keys.clone(), regions.clone(), v.clone())
    require(isinstance(answer, tuple) and len(answer) == 2, "return two things: the weights and the picture vector")
    weights, picture = answer
    turned = tuple(getattr(answer[0], "shape", ())) == (4, 5) and tuple(getattr(answer[1], "shape", ())) == (4, 4)
    require(not turned, "weights first: return the weights, then the picture vectors")
    _tensor(weights, (4, 4), "the weights for 4 pictures of 4 regions")
    mixed = hidden[:, None] + keys
    scores = mixed.tanh() @ v
    mistakes = {
        "these are scores; a softmax turns them into weights": scores,
        "the softmax goes over the regions of each picture, not over the batch": scores.softmax(0),
        "one softmax over everything: each picture's weights must sum to 1": scores.flatten().softmax(0).view(4, 4),
        "the tanh is missing": (mixed @ v).softmax(1),
        "you left `hidden` out: the weights must depend on what was said so far": (keys.tanh() @ v).softmax(1),
        "additive: the tanh of a sum; you multiplied `hidden` and `keys`": (
            (hidden[:, None] * keys).tanh() @ v
        ).softmax(1),
        "you left `v` out; it weighs the numbers of the tanh": mixed.tanh().sum(-1).softmax(1),
        "`hidden` of picture b meets the regions of picture b; you added it along the regions": (
            (hidden[None] + keys).tanh() @ v
        ).softmax(1),
        "sigmoids do not sum to 1; take a softmax": scores.sigmoid(),
    }
    for message, value in mistakes.items():
        require(not close(weights, value), message)
    require(close(weights, scores.softmax(1)), "the weights are not softmax over p of v . tanh(hidden + key_p)")
    _tensor(picture, (4, 5), "the picture vector")
    right = (scores.softmax(1)[..., None] * regions).sum(1)
    require(not close(picture, regions.mean(1)), "that is the plain mean; weigh the regions")
    require(not close(picture, right / 4), "you took the mean of the weighted regions; sum them")
    best = regions[torch.arange(4), scores.argmax(1)]
    require(not close(picture, best), "you took the region with the largest weight; sum all, weighted")
    require(close(picture, right), "the picture vector is not the weighted sum of the regions")


@exercise("14.4")
def ex14_4(best_caption):
    """Sum of logs over length to the power alpha."""
    steps = [
        [-0.29, -0.35],
        [-1.19],
        [-0.13, -0.23, -0.11, -0.27, -0.67],
        [-0.86, -0.52, -0.55, -0.86, -0.46, -0.18, -1.03, -0.78],
        [-0.55, -0.7, -1.05],
    ]
    alphas = (0.0, 0.5, 0.7, 1.0, 1.6)
    answers = []
    for alpha in alphas:
        answer = best_caption([list(row) for row in steps], alpha)
        number = isinstance(answer, int | float) or getattr(answer, "ndim", 1) == 0
        require(number, "return one whole number, the place of the best")
        require(0 <= int(answer) < 5 and int(answer) == answer, "return the place of the best, not its score")
        answers.append(int(answer))

    def of(score, pick=max):
        return [pick(range(5), key=lambda k: score(steps[k], alpha)) for alpha in alphas]

    right = of(lambda row, alpha: sum(row) / len(row) ** alpha)
    mistakes = {
        "you took the lowest score": of(lambda row, alpha: sum(row) / len(row) ** alpha, min),
        "alpha is not used: with 0 the sum counts, with 1 the mean": of(lambda row, alpha: sum(row)),
        "that is the mean whatever alpha; divide by the length to the power alpha": of(
            lambda row, alpha: sum(row) / len(row)
        ),
        "you multiplied by the length to the power alpha; divide": of(lambda row, alpha: sum(row) * len(row) ** alpha),
        "you multiplied the length by alpha; raise it to the power": of(
            lambda row, alpha: sum(row) / (len(row) * alpha or 1)
        ),
        "you took one place too many: the start is not counted in the length": of(
            lambda row, alpha: sum(row) / (len(row) + 1) ** alpha
        ),
        "only the last step counted; add up all of them": of(lambda row, alpha: row[-1] / len(row) ** alpha),
        "the longest won, whatever its score": of(lambda row, alpha: len(row)),
    }
    for message, value in mistakes.items():
        require(value == right or answers != value, message)
    for alpha, answer, expected in zip(alphas, answers, right, strict=True):
        require(answer == expected, f"for alpha {alpha} caption {expected} has the best score, not {answer}")


@exercise("14.5")
def ex14_5(clipped_precision):
    """n-grams found in a reference, each as often as one reference has it."""
    cases = [
        ("the the the cat the", ["the cat on the mat", "there is a cat"], 1),
        ("a red cat left of a red cat", ["a red cat left of a blue cat", "a blue cat right of a red cat"], 2),
        ("a cat a cat", ["a cat", "a dog and a cat"], 2),
        ("a small red cat on a tree", ["there is a small red cat", "a tree above a cat"], 3),
        ("a a a", ["a b", "b a", "a c"], 1),
        ("a blue cat", ["a red cat", "a blue cat and a dog"], 2),
        ("cat", ["a cat"], 2),
    ]
    answers = []
    for text, references, n in cases:
        words, given = text.split(), [one.split() for one in references]
        answer = clipped_precision(words, given, n)
        require(isinstance(answer, int | float), f"return a number, not {type(answer).__name__}")
        kept = words == text.split() and given == [one.split() for one in references]
        require(kept, "you changed your arguments; make new lists")
        answers.append(float(answer))
    right = [_precision(*case) for case in cases]
    for message, options in _PRECISION_MISTAKES.items():
        values = [_precision(*case, **options) for case in cases]
        require(values == right or not close(answers, values), message)
    for (text, _, n), answer, expected in zip(cases, answers, right, strict=True):
        require(close(answer, expected), f"{text!r} with n = {n}: {expected:.3f} is right, yours is {answer:.3f}")


_PRECISION_MISTAKES = {
    "no clipping: a word said four times counts four times, though no reference says it so often": {"clip": "none"},
    "you added up the references; a gram counts as often as it stands in the one that has it most": {"clip": "sum"},
    "only the first reference was used": {"first": True},
    "each different gram counted once; count each as often as it is said": {"clip": "set"},
    "you divided by the grams of the reference (that is recall); divide by those of the hypothesis": {"recall": True},
    "you counted single words; a gram is `n` words in a row": {"ones": True},
    "you divided by the number of words; divide by the number of grams": {"by_words": True},
    "you counted how many are right; return their share": {"count": True},
    "the last gram is missing: there are len - n + 1": {"short": 1},
}


def _precision(text, references, n, *, clip="max", first=False, recall=False, ones=False, by_words=False, **other):
    size = 1 if ones else n

    def grams(words):
        return Counter(tuple(words[k : k + size]) for k in range(len(words) - size + 1 - other.get("short", 0)))

    said, known = grams(text.split()), [grams(one.split()) for one in (references[:1] if first else references)]
    most = sum(known, Counter()) if clip == "sum" else Counter()
    for one in known:
        most |= one
    if clip == "none":
        right = sum(count for gram, count in said.items() if gram in most)
    else:
        right = len(said & most) if clip == "set" else (said & most).total()
    total = max(map(Counter.total, known)) if recall else len(text.split()) if by_words else said.total()
    total = len(said) if clip == "set" else total
    return float(right) if other.get("count") else right / total if total else 0.0
