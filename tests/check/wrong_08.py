"""Wrong answers to lesson 08 that a learner plausibly gives, each with a part of the message it must get."""

import torch
from torch import nn


def _corners(block, one, two):
    return (
        block(one),
        block({"a": one["a"], "b": two["b"]}),
        block({"a": two["a"], "b": one["b"]}),
        block(two),
    )


def all_added(block, one, two):
    return sum(_corners(block, one, two))


def sign_turned(block, one, two):
    p, r, s, q = _corners(block, one, two)
    return r + s - p - q


def one_sign_wrong(block, one, two):
    p, r, s, q = _corners(block, one, two)
    return p - r + s - q


def only_the_unswapped(block, one, two):
    return block(one) - block(two)


def averaged_corners(block, one, two):
    p, r, s, q = _corners(block, one, two)
    return (p - r - s + q) / 4


def one_pair_twice(block, one, two):
    p, r, _, q = _corners(block, one, two)
    return p - r - r + q


def made_positive(block, one, two):
    p, r, s, q = _corners(block, one, two)
    return (p - r - s + q).abs()


def one_number(block, one, two):
    p, r, s, q = _corners(block, one, two)
    return (p - r - s + q).sum()


def swapped_in_place(block, one, two):
    start = block(one) + block(two)
    one["a"], two["a"] = two["a"], one["a"]
    return start - block(one) - block(two)


class _LowRank(nn.Module):
    def __init__(self, dims, out_dim, *, rank=4):
        super().__init__()
        sizes = {name: (dims[name] + 1, rank * out_dim) for name in sorted(dims)}
        self.factors = nn.ParameterDict({name: torch.randn(*shape) for name, shape in sizes.items()})
        self.weights, self.bias = nn.Parameter(torch.ones(rank)), nn.Parameter(torch.zeros(out_dim))

    def each(self, features, first=False, one=1.0):
        """(senses, B, rank, out_dim)"""
        parts = []
        for name, factor in self.factors.items():
            x, ones = features[name], one * torch.ones_like(features[name][:, :1])
            parts.append(torch.cat([ones, x] if first else [x, ones], -1) @ factor)
        return torch.stack(parts).unflatten(-1, (len(self.weights), -1))

    def finish(self, per_rank):
        return torch.einsum("brd,r->bd", per_rank, self.weights) + self.bias


class RankFirst(_LowRank):
    def forward(self, features):
        return self.each(features).sum(2).prod(0) + self.bias


class WeightedRankFirst(_LowRank):
    def forward(self, features):
        return torch.einsum("mbrd,r->mbd", self.each(features), self.weights).prod(0) + self.bias


class SensesAdded(_LowRank):
    def forward(self, features):
        return self.finish(self.each(features).sum(0))


class NoWeights(_LowRank):
    def forward(self, features):
        return self.each(features).prod(0).sum(1) + self.bias


class MeanOverRank(_LowRank):
    def forward(self, features):
        return self.finish(self.each(features).prod(0) / len(self.weights))


class NoBias(_LowRank):
    def forward(self, features):
        return self.finish(self.each(features).prod(0)) - self.bias


class OneInFront(_LowRank):
    def forward(self, features):
        return self.finish(self.each(features, first=True).prod(0))


class NoOne(_LowRank):
    def forward(self, features):
        return self.finish(self.each(features, one=0.0).prod(0))


class ColumnsCutWrongly(_LowRank):
    def forward(self, features):
        return self.finish(self.each(features).prod(0).flatten(1).unflatten(-1, (-1, len(self.weights))).movedim(-1, 1))


class RankKept(_LowRank):
    def forward(self, features):
        return self.each(features).prod(0) * self.weights[:, None] + self.bias


class Detached(_LowRank):
    def forward(self, features):
        return self.finish(self.each(features).prod(0).detach())


def _count(block, expected):
    found = sum(p.numel() for p in block.parameters())
    assert found == expected, f"{found} parameters"


def _gradients(block, features):
    block.zero_grad()
    block(features).square().mean().backward()
    for name, p in block.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().sum() > 0, name


def _alone(block, features):
    alone = block({name: x[:1] for name, x in features.items()})
    assert torch.allclose(alone, block(features)[:1], atol=1e-5)


def nothing_tested(block, features, expected):
    block(features)


def no_count(block, features, expected):
    _gradients(block, features)
    _alone(block, features)


def counts_the_state_dict(block, features, expected):
    assert sum(value.numel() for value in block.state_dict().values()) == expected
    _gradients(block, features)
    _alone(block, features)


def counts_tensors(block, features, expected):
    assert len(list(block.parameters())) == expected
    _gradients(block, features)


def at_least(block, features, expected):
    assert sum(p.numel() for p in block.parameters()) >= expected
    _gradients(block, features)
    _alone(block, features)


def only_counts(block, features, expected):
    _count(block, expected)


def skips_missing_gradients(block, features, expected):
    _count(block, expected)
    block(features).square().mean().backward()
    for p in block.parameters():
        if p.grad is not None:
            assert p.grad.abs().sum() > 0
    _alone(block, features)


def uses_missing_gradients(block, features, expected):
    _count(block, expected)
    block(features).square().mean().backward()
    for p in block.parameters():
        assert p.grad.abs().sum() > 0
    _alone(block, features)


def silent(block, features, expected):
    _count(block, expected)
    block(features).square().mean().backward()
    for p in block.parameters():
        assert p.grad is not None
        assert (p.grad != 0).all()


def only_missing_gradients(block, features, expected):
    _count(block, expected)
    block(features).square().mean().backward()
    for p in block.parameters():
        assert p.grad is not None
    _alone(block, features)


def every_number_must_move(block, features, expected):
    _count(block, expected)
    block(features).square().mean().backward()
    for p in block.parameters():
        assert p.grad is not None
        assert (p.grad != 0).all(), "a zero"
    _alone(block, features)


def items_not_tested(block, features, expected):
    _count(block, expected)
    _gradients(block, features)


def returns_a_verdict(block, features, expected):
    return sum(p.numel() for p in block.parameters()) == expected


def _scores(query, keys):
    return query @ keys.transpose(1, 2) / query.shape[-1] ** 0.5


def empty_rows_are_nan(query, keys, values, mask):
    return _scores(query, keys).masked_fill(~mask[:, None], -torch.inf).softmax(-1) @ values


def nan_repaired_afterwards(query, keys, values, mask):
    weights = _scores(query, keys).masked_fill(~mask[:, None], -torch.inf).softmax(-1)
    return torch.where(mask.any(-1)[:, None, None], weights @ values, torch.zeros_like(query))


def very_negative(query, keys, values, mask):
    return _scores(query, keys).masked_fill(~mask[:, None], -1e9).softmax(-1) @ values


def _with(scores, mask, values, axis=-1):
    some = mask.any(-1)
    allowed = mask | ~some[:, None]
    attended = scores.masked_fill(~allowed[:, None], -torch.inf).softmax(axis) @ values
    return torch.where(some[:, None, None], attended, torch.zeros_like(attended))


def mask_turned_round(query, keys, values, mask):
    return _with(_scores(query, keys), ~mask, values)


def mask_left_out(query, keys, values, mask):
    return _scores(query, keys).softmax(-1) @ values


def not_divided(query, keys, values, mask):
    return _with(query @ keys.transpose(1, 2), mask, values)


def divided_by_the_width(query, keys, values, mask):
    return _with(query @ keys.transpose(1, 2) / query.shape[-1], mask, values)


def divided_by_the_steps(query, keys, values, mask):
    return _with(query @ keys.transpose(1, 2) / keys.shape[1] ** 0.5, mask, values)


def scores_set_to_zero(query, keys, values, mask):
    return (_scores(query, keys) * mask[:, None]).softmax(-1) @ values


def masked_after_the_softmax(query, keys, values, mask):
    return (_scores(query, keys).softmax(-1) * mask[:, None]) @ values


def over_the_queries(query, keys, values, mask):
    scores = _scores(query, keys).masked_fill(~mask[:, None], -1e9)
    return scores.softmax(1) * mask[:, None] @ values


def cut_off(query, keys, values, mask):
    return _with(_scores(query, keys), mask, values).detach()


WRONG = {
    "8.1": [
        (all_added, "added all four corners"),
        (sign_turned, "the sign is wrong"),
        (one_sign_wrong, "both swapped pairs are subtracted"),
        (only_the_unswapped, "left out the swapped pairs"),
        (averaged_corners, "you averaged the corners"),
        (one_pair_twice, "one swapped pair twice"),
        (made_positive, "without abs"),
        (one_number, "should have shape (7, 5)"),
        (swapped_in_place, "make new dicts"),
    ],
    "8.2": [
        (RankFirst, "summed over the rank before multiplying"),
        (WeightedRankFirst, "weighted and summed the rank of each sense"),
        (SensesAdded, "you added the senses"),
        (NoWeights, "forgot the weights of the rank"),
        (MeanOverRank, "mean over the rank"),
        (NoBias, "forgot the bias"),
        (OneInFront, "the 1 is appended at the end"),
        (NoOne, "the 1 is missing"),
        (ColumnsCutWrongly, "the columns are cut wrongly"),
        (RankKept, "should have shape (6, 5)"),
        (Detached, "no gradient reaches"),
    ],
    "8.3": [
        (nothing_tested, "it passes every block"),
        (no_count, "stand in a plain list"),
        (counts_the_state_dict, "a factor in a buffer"),
        (counts_tensors, "count the numbers in them"),
        (uses_missing_gradients, ".grad None: test for that"),
        (silent, "carries no message"),
        (at_least, "more parameters than the formula"),
        (only_counts, "no gradient, or a zero one"),
        (skips_missing_gradients, "a detached factor"),
        (only_missing_gradients, "zero everywhere"),
        (every_number_must_move, "with nn.ParameterList: a zero"),
        (items_not_tested, "subtracts the mean over the batch"),
        (returns_a_verdict, "raise AssertionError for a bad block"),
    ],
    "8.4": [
        (empty_rows_are_nan, "0/0"),
        (nan_repaired_afterwards, "its gradient is NaN"),
        (very_negative, "must give zeros"),
        (mask_turned_round, "the mask is turned round"),
        (mask_left_out, "left out the mask"),
        (not_divided, "divide the scores"),
        (divided_by_the_width, "not by w"),
        (divided_by_the_steps, "the number of steps"),
        (scores_set_to_zero, "is not minus infinity"),
        (masked_after_the_softmax, "masked after the softmax"),
        (over_the_queries, "wrong axis"),
        (cut_off, "no gradient flows back"),
    ],
}
