"""Fusion by adding, choosing and weighing; concat, weighted and deep sets are strictly sums (lesson 08)."""

import torch
from torch import nn

from mmcourse.fusion.base import FusionBlock, Projections
from mmcourse.inputs import keep, masked_softmax


class ConcatFusion(FusionBlock):
    """One linear layer over all features side by side, zeros for what is absent; with everything absent, its bias.

    Parameters, inputs and errors: see `FusionBlock`.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.output = nn.Linear(sum(self.dims.values()), out_dim)

    def fuse(self, features, here):
        return self.output(torch.cat(features, -1))


class MaxFusion(FusionBlock):
    """The largest of the projected features, number by number; with everything absent, zeros.

    Parameters, inputs and errors: see `FusionBlock`.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, out_dim)

    def fuse(self, features, here):
        return keep(here.any(0), torch.where(here, self.project(features), -torch.inf).amax(0))


class WeightedFusion(FusionBlock):
    """A weighted mean of the projected features, one learned weight a modality (softmax over those present).

    With everything absent, zeros. Parameters, inputs and errors: see `FusionBlock`.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, out_dim)
        self.scores = nn.Parameter(torch.zeros(len(self.dims)))

    def fuse(self, features, here):
        weights = masked_softmax(self.scores[:, None, None].expand(here.shape), here, 0)
        return (weights * self.project(features)).sum(0)


class GatedFusion(FusionBlock):
    """Gated multimodal unit: each number of each modality passes a gate that looks at all of them.

    ``sum_m sigmoid(V_m [x_1; ...; x_M]) * tanh(W_m x_m)`` over what is present; with everything absent, zeros.
    Parameters, inputs and errors: see `FusionBlock`.

    References
    ----------
    J. Arevalo et al., "Gated multimodal units for information fusion", ICLR workshop 2017, section 3.1.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, out_dim)
        self.gates = nn.Linear(sum(self.dims.values()), len(self.dims) * out_dim)

    def fuse(self, features, here):
        gates = self.gates(torch.cat(features, -1)).sigmoid().unflatten(-1, (len(self.dims), -1)).transpose(0, 1)
        return keep(here, gates * self.project(features).tanh()).sum(0)


class AttentionFusion(FusionBlock):
    """A weighted mean of the projected features; the weights are computed from each item's own features.

    Additive attention (Bahdanau et al., ICLR 2015, eq. 6) over the modalities that are present; with everything
    absent, zeros. Parameters, inputs and errors: see `FusionBlock`.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, out_dim)
        self.hidden = nn.Linear(out_dim, out_dim)
        self.score = nn.Linear(out_dim, 1, bias=False)

    def fuse(self, features, here):
        projected = self.project(features)
        weights = masked_softmax(self.score(self.hidden(projected).tanh()), here, 0)
        return (weights * projected).sum(0)


class DeepSetFusion(FusionBlock):
    """A function of the sum of functions: ``rho(sum_m phi_m(x_m))`` over what is present.

    Each phi is a linear layer and a ReLU, rho is a linear layer; with everything absent, its bias.
    Parameters, inputs and errors: see `FusionBlock`.

    References
    ----------
    M. Zaheer et al., "Deep sets", NeurIPS 2017, theorem 2.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, out_dim)
        self.output = nn.Linear(out_dim, out_dim)

    def fuse(self, features, here):
        return self.output(keep(here, self.project(features).relu()).sum(0))


class GraphFusion(FusionBlock):
    """Modalities as the nodes of a graph in which each sends the others one message.

    A node is ``relu(W_m x_m)``; it becomes ``relu(U h_m + sum_n a_mn V h_n)`` over the other present nodes n, where a
    is a softmax of learned edge strengths; the output is a linear layer of the mean node. With everything absent, its
    bias. Parameters, inputs and errors: see `FusionBlock`.

    References
    ----------
    J. Gilmer et al., "Neural message passing for quantum chemistry", ICML 2017, eq. 1 and 2.
    """

    def __init__(self, dims, out_dim):
        super().__init__(dims, out_dim)
        self.project = Projections(self.dims, out_dim)
        self.stay, self.send = nn.Linear(out_dim, out_dim), nn.Linear(out_dim, out_dim, bias=False)
        self.edges = nn.Parameter(torch.zeros(len(self.dims), len(self.dims)))
        self.output = nn.Linear(out_dim, out_dim)

    def fuse(self, features, here):
        nodes = keep(here, self.project(features).relu())
        # (sender, receiver, B, 1): a node hears every present node but itself
        hears = here[:, None] & ~torch.eye(len(here), dtype=torch.bool, device=here.device)[..., None, None]
        strength = masked_softmax(self.edges.T[..., None, None].expand(hears.shape), hears, 0)[..., 0]
        messages = torch.einsum("nmb,nbd->mbd", strength.to(nodes.dtype), self.send(nodes))
        nodes = keep(here, (self.stay(nodes) + messages).relu())
        return self.output(nodes.sum(0) / here.sum(0).clamp(min=1))
