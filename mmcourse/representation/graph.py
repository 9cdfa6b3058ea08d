"""Message passing over a small graph of captions and images (lesson 06)."""

import torch
from torch import nn
from torch.nn import functional

from mmcourse.inputs import check_keys, check_tensor


def nearest_neighbour_edges(x, k):
    """Link each item to the k others most like it by cosine similarity.

    Parameters
    ----------
    x : float tensor (n, d)
    k : neighbours of each item, 1 .. n - 1

    Returns
    -------
    int64 tensor (2, n k) : first row the neighbours (sources), second row the items (targets)

    Raises
    ------
    ValueError
        On a wrong shape or k.
    """
    check_tensor("x", x, (2,))
    if not 1 <= k < len(x):
        raise ValueError(f"k must be from 1 to {len(x) - 1}, the number of other items; got {k}")
    unit = functional.normalize(x, dim=1)
    similarity = (unit @ unit.T).fill_diagonal_(-torch.inf)
    sources = similarity.topk(k, dim=1).indices.flatten()
    return torch.stack([sources, torch.arange(len(x), device=x.device).repeat_interleave(k)])


class GraphEncoder(nn.Module):
    """GraphSAGE with mean messages (Hamilton et al. 2017), one weight matrix for each kind of link.

    In each round a node becomes W_own h plus, over the kinds of links that reach it, W_kind times the mean of its
    neighbours, with ReLU between rounds (relations as in Schlichtkrull et al. 2018). A node without links keeps its
    own term only.

    Parameters
    ----------
    dims : width of each kind of node, such as {"image": 64, "text": 32}
    links : pairs (source kind, target kind), such as [("image", "text"), ("text", "image")]
    out_dim : width of all nodes after each round
    rounds : how far news travels
    """

    def __init__(self, dims, links, out_dim, rounds=2):
        super().__init__()
        self.dims, self.links, self.out_dim = dict(dims), sorted(set(links)), out_dim
        unknown = {kind for link in self.links for kind in link} - set(self.dims)
        if unknown or rounds < 1:
            raise ValueError(f"links must join kinds in dims, rounds be at least 1; got {sorted(unknown)}, {rounds}")
        self.own, self.messages = nn.ModuleList(), nn.ModuleList()
        for number in range(rounds):
            widths = self.dims if number == 0 else dict.fromkeys(self.dims, out_dim)
            own = {kind: nn.Linear(widths[kind], out_dim) for kind in sorted(self.dims)}
            links = {"->".join(link): nn.Linear(widths[link[0]], out_dim, bias=False) for link in self.links}
            self.own.append(nn.ModuleDict(own))
            self.messages.append(nn.ModuleDict(links))

    def forward(self, features, edges):
        """Run all rounds.

        Parameters
        ----------
        features : dict of float tensors (n_kind, d_kind)
        edges : dict from each link (source kind, target kind) to an int64 tensor (2, E) of node numbers: sources in
            the first row, targets in the second; E may be 0

        Returns
        -------
        dict of tensors (n_kind, out_dim)

        Raises
        ------
        ValueError
            On a missing or unknown kind or link, a wrong shape or dtype, or a node number out of range.
        """
        self._check(features, edges)
        for number, (own, messages) in enumerate(zip(self.own, self.messages, strict=True)):
            if number > 0:
                features = {kind: h.relu() for kind, h in features.items()}
            updated = {kind: own[kind](features[kind]) for kind in self.dims}
            for link in self.links:
                news = messages["->".join(link)](features[link[0]])
                updated[link[1]] = updated[link[1]] + _gather(news, edges[link], len(features[link[1]]))
            features = updated
        return features

    def _check(self, features, edges):
        check_keys("features", features, self.dims)
        check_keys("edges", edges, self.links)
        for kind, width in self.dims.items():
            check_tensor(f"features[{kind!r}]", features[kind], (2,), width)
        for link, pairs in edges.items():
            _check_edges(f"edges[{link!r}]", pairs, link, [len(features[kind]) for kind in link])


def mean_message(features, edges):
    """Take at each target the mean of what its sources send.

    Parameters
    ----------
    features : float tensor (n, d), one row a node; under autocast the sum is kept in float32
    edges : int64 tensor (2, E), sources in the first row, targets in the second; E may be 0

    Returns
    -------
    tensor (n, d) : zeros at a node without a source

    Raises
    ------
    ValueError
        On a wrong shape or dtype, or a node number out of range.
    """
    check_tensor("features", features, (2,))
    _check_edges("edges", edges, ("source", "target"), (len(features), len(features)))
    return _gather(features, edges, len(features))


def _check_edges(name, edges, kinds, counts):
    if not isinstance(edges, torch.Tensor) or edges.dtype != torch.int64 or edges.ndim != 2 or len(edges) != 2:
        raise ValueError(f"{name} must be an int64 tensor (2, E)")
    for kind, count, nodes in zip(kinds, counts, edges, strict=True):
        if nodes.numel() > 0 and not 0 <= int(nodes.min()) <= int(nodes.max()) < count:
            raise ValueError(f"{name} must number {kind} nodes 0 to {count - 1}")


def _gather(news, edges, n_targets):
    """Mean of the sources' news at each target: (n_sources, d), (2, E) -> (n_targets, d); zeros without a source."""
    sources, targets = edges
    total = news.new_zeros(n_targets, news.shape[1], dtype=torch.promote_types(news.dtype, torch.float32))
    total = total.index_add(0, targets, news[sources].to(total.dtype))
    return total / torch.bincount(targets, minlength=n_targets).clamp(min=1)[:, None]
