"""Fusion by multiplying: here the modalities interact (lesson 08)."""

import math
from itertools import combinations

import torch
from torch import nn

from mmcourse.fusion.base import FusionBlock, Projections
from mmcourse.inputs import keep


class ProductFusion(FusionBlock):
    """The product of the projected features, number by number; with everything absent, zeros.

    Parameters, inputs and errors: see `FusionBlock`.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, out_dim)

    def fuse(self, features, here):
        return keep(here.any(0), torch.where(here, self.project(features), 1).prod(0))


class FiLMFusion(FusionBlock):
    """Feature-wise linear modulation: one modality is scaled and shifted by the others.

    ``(1 + sum_n gamma_n(x_n)) * h(x_main) + sum_n beta_n(x_n)`` with linear gamma, beta and h. An absent condition
    leaves the main modality as it is; an absent main one is replaced by a learned vector, which is also the output
    when everything is absent.

    Parameters
    ----------
    dims, out_dim : see `FusionBlock`
    main : str, optional
        The modality that is modulated; the first in alphabetical order by default.

    Inputs and errors: see `FusionBlock`; ValueError also for a `main` that is not in `dims`, or without any other.

    References
    ----------
    E. Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018, eq. 1 and 2.
    """

    def __init__(self, dims, out_dim, *, main=None):
        super().__init__(dims, out_dim)
        self.main = next(iter(self.dims)) if main is None else main
        if self.main not in self.dims or len(self.dims) < 2:
            raise ValueError(f"main must be one of at least two modalities {sorted(self.dims)}; got {self.main!r}")
        conditions = {name: d for name, d in self.dims.items() if name != self.main}
        self.project = nn.Linear(self.dims[self.main], out_dim)
        self.modulate = Projections(conditions, 2 * out_dim)
        self.instead = nn.Parameter(torch.randn(out_dim))

    def fuse(self, features, here):
        index = list(self.dims).index(self.main)
        others = torch.arange(len(here), device=here.device) != index
        main = torch.where(here[index], self.project(features[index]), self.instead)
        modulation = keep(here[others], self.modulate([x for i, x in enumerate(features) if i != index])).sum(0)
        gamma, beta = modulation.chunk(2, -1)
        return (1 + gamma) * main + beta


class BilinearFusion(FusionBlock):
    """A linear layer of all features and a bilinear form of each pair, ``x_m' W_mn x_n``; the bias if all is absent.

    Parameters, inputs and errors: see `FusionBlock`.

    References
    ----------
    S. Jayakumar et al., "Multiplicative interactions and where to find them", ICLR 2020, eq. 1.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.linear = nn.Linear(sum(self.dims.values()), out_dim)
        pairs = combinations(self.dims.values(), 2)
        self.pairs = nn.ModuleList(nn.Bilinear(a, b, out_dim, bias=False) for a, b in pairs)
        for pair in self.pairs:  # torch's bound suits a sum over one of the two widths
            bound = 1 / math.sqrt(pair.in1_features * pair.in2_features)
            nn.init.uniform_(pair.weight, -bound, bound)

    def fuse(self, features, here):
        total = self.linear(torch.cat(features, -1))
        for pair, (a, b) in zip(self.pairs, combinations(features, 2), strict=True):
            weight = pair.weight.permute(1, 0, 2).flatten(1)  # (d_a, out d_b): one matrix product, then a short one
            total = total + contract(a, weight, b)
        return total


def contract(a, weight, b):
    """Sum ``a_i weight_ijk b_k`` over i and k: (B, I), (I, J K), (B, K) -> (B, J)."""
    return torch.bmm((a @ weight).unflatten(-1, (-1, b.shape[-1])), b[..., None])[..., 0]


class TensorFusion(FusionBlock):
    """A linear layer of the outer product of all ``[x_m; 1]``, contracted so that the full product never exists.

    The product of all modalities but the widest is formed, (B, prod (d_m + 1)), multiplied by the weight, and the
    widest comes last. An absent modality leaves its 1, so that only the interactions with it vanish; with everything
    absent, a learned vector. `weight` is (prod (d_m + 1) of all but the widest, out_dim, widest d_m + 1), in alphabetical order.
    Parameters, inputs and errors: see `FusionBlock`.

    References
    ----------
    A. Zadeh et al., "Tensor fusion network for multimodal sentiment analysis", EMNLP 2017, eq. 1 and 2.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.widest = max(self.dims, key=self.dims.get)
        rest = math.prod(d + 1 for name, d in self.dims.items() if name != self.widest)
        last = self.dims[self.widest] + 1
        bound = 1 / math.sqrt(rest * last)
        self.weight = nn.Parameter(torch.empty(rest, out_dim, last).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(out_dim))

    def fuse(self, features, here):
        features = {name: with_one(x) for name, x in zip(self.dims, features, strict=True)}
        last = features.pop(self.widest)
        outer = last.new_ones(len(last), 1)
        for x in features.values():
            outer = (outer[:, :, None] * x[:, None]).flatten(1)
        return contract(outer, self.weight.flatten(1), last) + self.bias


class LowRankFusion(FusionBlock):
    """Tensor fusion whose weight is a sum of `rank` products, one factor a modality.

    ``sum_r w_r prod_m (F_mr [x_m; 1]) + bias``: one matrix product a modality. An absent modality leaves its 1; with
    everything absent, a learned vector. The factors are parameters, in `state_dict` and trained: two public versions
    keep them in a plain list, where no optimiser finds them.

    Parameters
    ----------
    dims, out_dim : see `FusionBlock`
    rank : int

    Inputs and errors: see `FusionBlock`; ValueError also for a rank below 1.

    References
    ----------
    Z. Liu et al., "Efficient low-rank multimodal fusion with modality-specific factors", ACL 2018, eq. 6.
    """

    def __init__(self, dims, out_dim, *, rank=4):
        super().__init__(dims, out_dim)
        if rank < 1:
            raise ValueError(f"rank must be at least 1; got {rank}")
        self.rank = rank
        self.factors = nn.ParameterDict({name: torch.empty(d + 1, rank * out_dim) for name, d in self.dims.items()})
        for factor in self.factors.values():  # each factor's output has about unit variance, and so has their product
            nn.init.normal_(factor, std=1 / math.sqrt(len(factor)))
        self.weights, self.bias = nn.Parameter(torch.empty(rank)), nn.Parameter(torch.zeros(out_dim))
        nn.init.constant_(self.weights, 1 / math.sqrt(rank))

    def fuse(self, features, here):
        factors = [with_one(x) @ factor for x, factor in zip(features, self.factors.values(), strict=True)]
        product = math.prod(factors[1:], start=factors[0]).unflatten(-1, (self.rank, -1))
        return torch.einsum("brd,r->bd", product, self.weights.to(product.dtype)) + self.bias


def with_one(x):
    """Append a column of ones."""
    return torch.cat([x, torch.ones_like(x[:, :1])], -1)


class ProductOfExperts(FusionBlock):
    """Each modality gives a Gaussian opinion; the output is the mean of their product with a standard normal prior.

    ``mean = sum_m mu_m / s_m^2 / (1 + sum_m 1 / s_m^2)`` over what is present; with everything absent, the prior's
    mean, zeros. Parameters, inputs and errors: see `FusionBlock`.

    References
    ----------
    M. Wu and N. Goodman, "Multimodal generative models for scalable weakly-supervised learning", NeurIPS 2018, eq. 4.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, 2 * out_dim)

    def fuse(self, features, here):
        means, log_precisions = self.project(features).chunk(2, -1)
        precisions = keep(here, log_precisions.clamp(max=30).exp())  # e^30 is as good as certain
        return (precisions * keep(here, means)).sum(0) / (1 + precisions.sum(0))
