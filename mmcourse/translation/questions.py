"""Answers to questions about a picture, with a memory of what was said before (lesson 16)."""

import math

import torch
from torch import nn

from mmcourse.fusion import ConcatFusion
from mmcourse.inputs import check_mask, check_tensor, keep, masked_mean, masked_softmax
from mmcourse.representation import LSTMEncoder, TextEncoder

JOINS, GATES, READERS = ("question", "concat", "attention", "film"), ("softmax", "sigmoid"), ("bag", "lstm")
SHUT = 3.0  # a sigmoid gate's score starts that far below 0: together 64 gates let about three regions in


class RegionAttention(nn.Module):
    """Look at the regions of a picture that a question asks for.

    A region's score is a scaled dot product, ``s_p = (U q + u) . x_p / sqrt(dim)``. Softmax over the regions turns
    scores into weights that sum to 1; ``sigmoid(s_p - 3)`` into gates, each for itself, so that two things weigh twice
    as much as one.

    Parameters
    ----------
    dim, width : int
        Width of a region, and of the question and the result.
    gate : "softmax" or "sigmoid"

    Inputs
    ------
    regions : (B, P, dim)
        Zeros where the mask is False.
    question : (B, width)
    mask : bool (B, P), True = keep

    Returns ``V sum_p w_p x_p``, (B, width), and the weights w, (B, P); zeros with nothing to keep.
    """

    def __init__(self, dim, width, gate="softmax"):
        super().__init__()
        self.gate = gate
        self.query, self.value = nn.Linear(width, dim), nn.Linear(dim, width, bias=False)
        nn.init.normal_(self.query.weight, std=2 / math.sqrt(width))  # smaller, and the first weights are nearly equal

    def forward(self, regions, question, mask):
        scores = torch.einsum("bd,bpd->bp", self.query(question), regions) / math.sqrt(regions.shape[2])
        if self.gate == "softmax":
            weights = masked_softmax(scores, mask)
        else:
            weights = keep(mask, (scores - SHUT).sigmoid())
        return self.value(torch.einsum("bp,bpd->bd", weights.to(regions.dtype), regions)), weights


class Bag(nn.Module):
    """An encoder for `TextEncoder` that adds up the words' vectors, ``relu(W sum_t x_t + b)``: order is lost."""

    def __init__(self, width):
        super().__init__()
        self.in_dim = self.out_dim = width
        self.layer = nn.Linear(width, width)

    def forward(self, x, mask):
        return self.layer(keep(mask, x).sum(1)).relu(), None


class VQAModel(nn.Module):
    """Answer a question about a picture: one of a fixed list of answers.

    `join` says how the question meets the picture:

    - "question": not at all, the answer is guessed from the words;
    - "concat": the mean of the regions stands beside the question;
    - "attention": a sum of regions weighted by the question stands beside it (`RegionAttention`); each further hop asks
      with ``relu(W [q; found])``, a layer over the question and what the hop before found (after stacked attention);
    - "film": the question scales and shifts every region, ``relu((1 + gamma(q)) W x_p + beta(q))``, whose mean stands
      beside it.

    With `memory`, what was found by attention in the encoded earlier turns of a dialogue is added to the question; a
    learned vector is, where nothing was said.

    Parameters
    ----------
    vocabulary : int
        Number of word numbers.
    feature_dim : int
        Width of a region's features; codes of its position belong in there.
    answers : int
        Number of answers.
    join : "question", "concat", "attention" or "film"
    reader : "bag" or "lstm"
        How a question is read: the sum of its words, or a bidirectional LSTM.
    width : int
        Width of words, question and hidden layers; even for an LSTM.
    hops : int
    gate : "softmax" or "sigmoid"
        For attention.
    memory : bool

    Inputs
    ------
    features : float tensor (B, P, feature_dim)
    questions : integer tensor (B, T)
    mask : bool tensor (B, T), True = keep
    regions : bool tensor (B, P), optional
    history : integer tensor (B, R, T'), optional
        The earlier turns, question and answer of one turn in one row.
    history_mask : bool tensor (B, R, T')
        A turn whose mask is all False was never said.

    Returns logits (B, answers). What a mask leaves out changes nothing, NaN included. A picture without regions, a
    question without words and a dialogue without turns are all allowed. ValueError for a wrong option, shape, dtype or
    mask.

    References
    ----------
    Z. Yang et al., "Stacked attention networks for image question answering", CVPR 2016, eq. 15 to 20.
    E. Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018, eq. 1 and 2.
    A. Das et al., "Visual dialog", CVPR 2017, section 4.2: the memory over turns.
    """

    def __init__(
        self,
        vocabulary,
        feature_dim,
        answers,
        *,
        join="attention",
        reader="bag",
        width=64,
        hops=1,
        gate="softmax",
        memory=False,
    ):
        super().__init__()
        _check_options(
            join, gate, reader, {"vocabulary": vocabulary, "feature_dim": feature_dim, "answers": answers, "hops": hops}
        )
        self.join, self.feature_dim, self.memory = join, feature_dim, memory
        steps = Bag(width) if reader == "bag" else LSTMEncoder(width, width, bidirectional=True)
        self.encoder = TextEncoder(vocabulary, steps)
        if memory:
            self.key, self.recall = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
            self.nothing = nn.Parameter(torch.randn(width) / math.sqrt(width))
        if join == "attention":
            self.look = nn.ModuleList(RegionAttention(feature_dim, width, gate) for _ in range(hops))
            self.again = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(hops - 1))
        elif join == "film":
            self.project, self.modulate = nn.Linear(feature_dim, width), nn.Linear(width, 2 * width)
        seen = {"question": {}, "concat": {"picture": feature_dim}}.get(join, {"picture": width})
        self.fuse = ConcatFusion({"question": width} | seen, width)
        self.output = nn.Linear(width, answers)

    def forward(self, features, questions, mask, regions=None, history=None, history_mask=None):
        """Return the logits."""
        return self.explain(features, questions, mask, regions, history, history_mask)[0]

    def explain(self, features, questions, mask, regions=None, history=None, history_mask=None):
        """Return the logits and a dict of what weighed how much: "regions" (B, hops, P) and "turns" (B, R)."""
        self._check(features, questions, mask, regions, history, history_mask)
        features, weights = features if regions is None else keep(regions, features), {}
        question, _ = self.encoder(questions, mask)
        if self.memory:
            remembered, weights["turns"] = self.remember(question, history, history_mask)
            question = question + remembered
        joined = {"question": question}
        if self.join == "concat":
            joined["picture"] = _mean(features, regions)
        elif self.join == "attention":
            kept = features.new_ones(features.shape[:2], dtype=torch.bool) if regions is None else regions
            joined["picture"], weights["regions"] = self.attend(features, question, kept)
        elif self.join == "film":
            gamma, beta = self.modulate(question)[:, None].chunk(2, -1)
            joined["picture"] = _mean(torch.addcmul(beta, 1 + gamma, self.project(features)).relu(), regions)
        return self.output(self.fuse(joined).relu()), weights

    def attend(self, features, question, regions):
        """Look once or several times: the sum of what was found, (B, width), and the weights (B, hops, P)."""
        found, weight = self.look[0](features, question, regions)
        total, weights = found, [weight]
        for look, again in zip(self.look[1:], self.again, strict=True):
            found, weight = look(features, again(torch.cat([question, found], 1)).relu(), regions)
            total = total + found
            weights.append(weight)
        return total, torch.stack(weights, 1)

    def remember(self, question, history, mask):
        """Attend to the earlier turns: what they add to the question, (B, width), and the weights (B, R)."""
        if history is None:
            return self.nothing.expand_as(question), question.new_zeros(len(question), 0)
        turns = self.encoder(history.flatten(0, 1), mask.flatten(0, 1))[0].unflatten(0, history.shape[:2])
        said = mask.any(2)
        scores = torch.einsum("bd,brd->br", question, self.key(turns)) / math.sqrt(question.shape[1])
        weights = masked_softmax(scores, said)
        found = self.recall((weights[..., None] * turns).sum(1))
        return torch.where(said.any(1, keepdim=True), found, self.nothing.to(found.dtype)), weights

    def _check(self, features, questions, mask, regions, history, history_mask):
        """Raise for a bad input."""
        check_tensor("features", features, (3,), self.feature_dim)
        dtype = self.output.weight.dtype
        if features.dtype != dtype and not torch.is_autocast_enabled(features.device.type):
            raise ValueError(f"features must have the dtype of the model, {dtype}; got {features.dtype}")
        _check_words("questions", questions, mask, 2, len(features))
        check_mask("regions", regions, features.shape[:2])
        if (history is None) != (history_mask is None) or (history is not None and not self.memory):
            raise ValueError("history and history_mask go together, and need a model with memory=True")
        if history is not None:
            _check_words("history", history, history_mask, 3, len(features))


def _mean(x, regions):
    """The mean over the regions, all of them (the quick way) or those a mask keeps."""
    return x.sum(1) / max(x.shape[1], 1) if regions is None else masked_mean(x, regions)


def _check_words(name, words, mask, ndim, rows):
    check_tensor(name, words, (ndim,), floating=False)
    if words.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"{name} must hold word numbers, int64 or int32; got {words.dtype}")
    if len(words) != rows:
        raise ValueError(f"{name} must have one row for each of the {rows} pictures; got {len(words)}")
    if mask is None:
        raise ValueError(f"{name} needs a mask, True = keep")
    check_mask(f"the mask of {name}", mask, words.shape)


def _check_options(join, gate, reader, sizes):
    for name, value, known in (("join", join, JOINS), ("gate", gate, GATES), ("reader", reader, READERS)):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
    for name, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{name} must be a whole number of at least 1; got {size!r}")
