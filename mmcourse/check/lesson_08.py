"""Checks of lesson 08: four corners, low-rank fusion, the test that finds frozen factors, masked attention."""

import numpy as np
import torch
from torch import nn

from mmcourse import fusion
from mmcourse.check.engine import Mistake, close, exercise, require
from mmcourse.check.tensors import need_tensor, randn


@exercise("8.1")
def ex8_1(four_corners):
    """Swap partners, add and subtract."""
    one, two = ({"a": randn(7, 6, seed=s), "b": randn(7, 6, seed=s + 1)} for s in (81, 83))
    matrix = randn(6, 6, 5, seed=85)

    def block(x):
        return torch.einsum("bi,bj,ijo->bo", x["a"], x["b"], matrix) + x["a"][:, :5] - 2 * x["b"][:, :5] ** 2 + 3

    given = [{name: x.clone() for name, x in item.items()} for item in (one, two)]
    answer = four_corners(block, *given)
    same = all(x.equal(y[name]) for item, y in zip(given, (one, two), strict=True) for name, x in item.items())
    require(same and all(set(item) == {"a", "b"} for item in given), "you changed `one` or `two`; make new dicts")
    need_tensor(answer, (7, 5), "the answer for 7 items and 5 outputs")
    p, q = block(one), block(two)
    r, s = block({"a": one["a"], "b": two["b"]}), block({"a": two["a"], "b": one["b"]})
    mistakes = {
        "you added all four corners; the swapped pairs are subtracted": p + q + r + s,
        "the sign is wrong: the unswapped pairs are added, the swapped ones subtracted": r + s - p - q,
        "both swapped pairs are subtracted, and both unswapped ones added": (p - r + s - q, p + r - s - q),
        "you left out the swapped pairs": (p - q, p + q),
        "you averaged the corners; add and subtract them": (p + q - r - s) / 4,
        "you used one swapped pair twice; there are two, (a, b') and (a', b)": (p + q - 2 * r, p + q - 2 * s),
        "return the values with their signs, without abs": (p + q - r - s).abs(),
    }
    for message, values in mistakes.items():
        values = values if isinstance(values, tuple) else (values,)
        require(not any(close(answer, value) for value in values), message)
    require(close(answer, p + q - r - s), "not block(a, b) - block(a, b') - block(a', b) + block(a', b')")


def _reference(block, package):
    """Return the package's block with the learner's weights, once their names and shapes agree."""
    ours, theirs = block.state_dict(), package.state_dict()
    lost = "; layers in a plain list or dict are lost, use nn.ModuleDict" if len(ours) < len(theirs) else ""
    require(set(ours) == set(theirs), f"state_dict should hold {sorted(theirs)}, it holds {sorted(ours)}{lost}")
    for key, value in theirs.items():
        shapes = tuple(value.shape), tuple(ours[key].shape)
        require(shapes[0] == shapes[1], f"{key} should have shape {shapes[0]}, it has {shapes[1]}")
    fresh = {key: randn(*value.shape, seed=800 + k) / 2 for k, (key, value) in enumerate(theirs.items())}
    for module in (block, package):  # fresh numbers: weights that start equal or zero would hide mistakes
        module.double().load_state_dict(fresh)
    return package


@exercise("8.2")
def ex8_2(LowRankFusion):
    """Append 1, one matrix product a sense, multiply, sum over the rank."""
    dims, out, rank = {"word": 3, "image": 4, "sound": 2}, 5, 3
    block = LowRankFusion(dims, out, rank=rank)
    x = {name: randn(6, d, seed=91 + k) for k, (name, d) in enumerate(dims.items())}
    reference = _reference(block, fusion.LowRankFusion(dims, out, rank=rank))
    answer = block.double()({name: t.clone() for name, t in x.items()})
    need_tensor(answer, (6, out), "forward, for 6 items and out_dim 5,")
    for message, value in _low_rank_mistakes(reference, x).items():
        require(not close(answer.detach(), value), message)
    require(close(answer.detach(), reference(x).detach()), "not the sum over the rank of the product over the senses")
    turned = block({name: x[name] for name in sorted(x, reverse=True)})
    require(close(turned.detach(), answer.detach()), "the order of the keys in `features` changes the answer")
    answer.square().sum().backward()
    frozen = [name for name, p in block.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    require(not frozen, f"no gradient reaches {frozen}; stay within torch, without detach or .data")


def _low_rank_mistakes(block, x):
    with torch.no_grad():
        w, c, one = block.weights, block.bias, torch.ones(6, 1, dtype=torch.float64)
        parts = {}
        for kind in ("last", "first", "none"):
            ends = {"last": lambda t: [t, one], "first": lambda t: [one, t], "none": lambda t: [t, 0 * one]}[kind]
            flat = [torch.cat(ends(x[name]), -1) @ factor for name, factor in block.factors.items()]
            parts[kind] = torch.stack(flat)
        m = parts["last"].unflatten(-1, (block.rank, -1))  # (senses, B, rank, out)
        cut = parts["last"].prod(0).unflatten(-1, (-1, block.rank))  # out before rank
        per_rank = m.prod(0)

        def total(values):
            return torch.einsum("brd,r->bd", values, w)

        return {
            "you summed over the rank before multiplying; multiply the senses first": m.sum(2).prod(0) + c,
            "you weighted and summed the rank of each sense before multiplying": torch.einsum("mbrd,r->mbd", m, w).prod(
                0
            )
            + c,
            "you added the senses; multiply them": total(m.sum(0)) + c,
            "you forgot the weights of the rank": per_rank.sum(1) + c,
            "you took the mean over the rank; sum": total(per_rank) / block.rank + c,
            "you forgot the bias": total(per_rank),
            "the 1 is appended at the end; the last row of a factor belongs to it": total(
                parts["first"].prod(0).unflatten(-1, (block.rank, -1))
            )
            + c,
            "the 1 is missing, so single senses have no say": total(
                parts["none"].prod(0).unflatten(-1, (block.rank, -1))
            )
            + c,
            "the columns are cut wrongly: the first out_dim columns are rank 1": torch.einsum("bdr,r->bd", cut, w) + c,
        }


class _Small(nn.Module):
    """A low-rank block of a = 3 and b = 2 numbers to 4, rank 2, spoiled as `kind` says; 62 parameters if whole."""

    def __init__(self, kind="whole"):
        super().__init__()
        generator = torch.Generator().manual_seed(88)
        factors = [torch.randn(d + 1, 8, generator=generator) for d in (3, 2)]
        self.kind, self.weights, self.bias = kind, nn.Parameter(torch.ones(2)), nn.Parameter(torch.zeros(4))
        if kind == "buffer":
            self.first = nn.Parameter(factors[0])
            self.register_buffer("second", factors[1])
            self.factors = (self.first, self.second)
        else:
            self.factors = [nn.Parameter(x) for x in factors]
            if kind != "list":
                self.factors = nn.ParameterList(self.factors)

    def forward(self, features):
        one = {name: torch.cat([x, torch.ones_like(x[:, :1])], -1) for name, x in features.items()}
        first, second = self.factors
        second = {"detached": second.detach(), "dead": 0 * second}.get(self.kind, second)
        a, b = one["a"] @ first, one["b"] @ second
        product = {
            "mixes": a * (b - b.mean(0)),
            "each with each": (a[:, None] * b).mean(0),
        }.get(self.kind, a * b)
        out = torch.einsum("brd,r->bd", product.unflatten(-1, (2, -1)), self.weights)
        return out if self.kind == "unused" else out + self.bias


_BAD = {
    "list": "it passes a block whose factors stand in a plain list, so they never train: count the parameters",
    "buffer": "it passes a block with a factor in a buffer: saved, but never trained; count block.parameters()",
    "detached": "it passes a block with a detached factor, which gets no gradient at all (None)",
    "unused": "it passes a block that never uses its bias, which gets no gradient at all (None)",
    "dead": "it passes a block in which the gradient of a factor is zero everywhere",
    "mixes": "it passes a block that subtracts the mean over the batch: run the first item alone and compare",
    "each with each": "it passes a block that multiplies each item with each other: run the first item alone and compare",
}


@exercise("8.3")
def ex8_3(audit):
    """Pass good blocks, fail bad ones."""
    features = {"a": randn(6, 3, seed=95).float(), "b": randn(6, 2, seed=96).float()}
    features["a"][:, 0] = 0  # so that some numbers of a good block get no gradient
    dims = {"a": 3, "b": 2}
    good = {"a low-rank block with nn.ParameterList": (_Small(), 62)}
    good |= {"fusion.ConcatFusion": (fusion.ConcatFusion(dims, 4), 24)}
    good |= {"fusion.LowRankFusion": (fusion.LowRankFusion(dims, 4, rank=2), 62)}
    good |= {"fusion.GatedFusion": (fusion.GatedFusion(dims, 4), 76)}
    for name, (block, expected) in good.items():
        complaint = _complaint(audit, block, features, expected)
        why = complaint or "your assert carries no message; give each one, to see which fails"
        if complaint is not None and _complaint(audit, block, features, len(list(block.parameters()))) is None:
            why = "it counts parameter tensors; count the numbers in them, with numel"
        require(complaint is None, f"it rejects a good block, {name}: {why}")
    passed = [kind for kind in _BAD if _complaint(audit, _Small(kind), features, 62) is None]
    require(len(passed) < len(_BAD), "it passes every block, good or bad; an `assert` that fails raises AssertionError")
    require(not {"detached", "dead"} <= set(passed), "it passes blocks whose parameters get no gradient, or a zero one")
    require(not passed, _BAD[passed[0]] if passed else "")
    more = "it passes a block with more parameters than the formula gives; the number must be equal"
    require(_complaint(audit, _Small(), features, 61) is not None, more)


def _complaint(audit, block, features, expected):
    """Return the text of the AssertionError, or None."""
    try:
        answer = audit(block, {name: x.clone() for name, x in features.items()}, expected)
    except AssertionError as error:
        return str(error)
    except AttributeError as error:
        if "NoneType" not in str(error):
            raise
        raise Mistake("a parameter that gets no gradient has .grad None: test for that before you use it") from None
    require(answer is None, "raise AssertionError for a bad block and return nothing for a good one")
    return None


@exercise("8.4")
def ex8_4(masked_attention):
    """Softmax over the kept steps; zeros where there are none."""
    q, k, v = randn(5, 3, 4, seed=97), randn(5, 6, 4, seed=98), randn(5, 6, 2 * 2, seed=99)
    mask = torch.tensor(
        [[1, 1, 1, 1, 1, 1], [1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 0, 0], [0, 1, 1, 0, 1, 1], [0] * 6]
    ).bool()
    leaves = [x.clone().requires_grad_() for x in (q, k, v)]
    given = mask.clone()
    answer = masked_attention(*leaves, given)
    need_tensor(answer, (5, 3, 4), "the answer, for 5 items, 3 queries and width 4,")
    require(given.equal(mask), "you changed the mask in place; make a new one")
    plain = answer.detach()
    require(not plain[4].isnan().any(), "the item that keeps no step gives NaN; a softmax over nothing is 0/0")
    for message, value in _attention_mistakes(q, k, v, mask).items():
        require(not close(plain[:4], value[:4]), message)
    scores = (q @ k.transpose(1, 2) / 2).masked_fill(~mask[:, None], -torch.inf)
    require(close(plain[:4], (scores.softmax(-1) @ v)[:4]), "not the softmax over the kept steps, times the values")
    everywhere = "an item that keeps no step must give zeros; yours averages over steps that are not there"
    require(close(plain[4], np.zeros((3, 4))), everywhere)
    require(answer.requires_grad, "no gradient flows back; stay within torch")
    answer.square().sum().backward()
    finite = all(x.grad is None or x.grad.isfinite().all() for x in leaves)
    require(bool(finite), "the answer is finite, but its gradient is NaN: avoid the NaN, do not repair it afterwards")


def _attention_mistakes(q, k, v, mask):
    scores = q @ k.transpose(1, 2)
    kept = mask[:, None]

    def attend(values, where=kept, axis=-1):
        return values.masked_fill(~where, -torch.inf).softmax(axis).nan_to_num() @ v

    return {
        "the mask is turned round: True means keep": attend(scores / 2, ~kept),
        "you left out the mask": attend(scores / 2, kept | ~kept),
        "divide the scores by the square root of w": attend(scores),
        "divide by the square root of w, not by w": attend(scores / 4),
        "you divided by the square root of the number of steps; take that of w": attend(scores / 6**0.5),
        "a score of 0 is not minus infinity: steps left out still get weight": (scores / 2 * kept).softmax(-1) @ v,
        "you masked after the softmax, so the weights no longer sum to 1": ((scores / 2).softmax(-1) * kept) @ v,
        "the softmax goes over the wrong axis: over the keys, the last one": attend(scores / 2, kept, 1),
    }
