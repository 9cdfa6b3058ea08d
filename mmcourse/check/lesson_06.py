"""Checks of lesson 06: reconstruction loss, CCA, recall, messages, contrastive divergence."""

import numpy as np

from mmcourse.check.engine import Mistake, close, exercise, require


def _say(answer, mistakes, otherwise):
    """Name the mistake whose value the answer has; a value of another shape cannot be it."""
    for message, value in mistakes.items():
        require(np.shape(answer) != np.shape(value) or not close(answer, value), message)
    raise Mistake(otherwise)


def _loss_mistakes(rebuilt, features, present):
    """Values of the loss that a slip would give, each with its name."""
    import torch

    gap = {name: rebuilt[name] - features[name] for name in features}
    all_squared = {name: x**2 for name, x in gap.items()}
    squared = {name: x[present[name]] for name, x in all_squared.items()}
    over_all_rows = [x.sum() / gap[name].numel() for name, x in squared.items()]
    everything = torch.cat([x.flatten() for x in squared.values()])
    return {
        "rows that are not present count too; leave them out": sum(x.mean() for x in all_squared.values()) / 2,
        "you added up the senses; take their mean": sum(x.mean() for x in squared.values()),
        "you divided by all rows; divide by those that are present": sum(over_all_rows) / 2,
        "the wide sense has more say: average within each sense first": everything.mean(),
        "average over the numbers of a row too, not only over rows": sum(x.sum(1).mean() for x in squared.values()) / 2,
        "you added up the squares; take their mean": sum(x.sum() for x in squared.values()) / 2,
        "these are absolute errors; square them": sum(x.sqrt().mean() for x in squared.values()) / 2,
    }


@exercise("6.1")
def ex6_1(reconstruction_loss):
    """Mean over senses of the mean squared error over what is present."""
    import torch

    rng = torch.Generator().manual_seed(62)
    rebuilt, features = ({n: torch.randn(6, d, generator=rng) for n, d in (("image", 2), ("audio", 5))} for _ in "ab")
    present = {"image": torch.tensor([1, 1, 0, 0, 1, 0]).bool(), "audio": torch.tensor([1, 1, 1, 1, 0, 1]).bool()}

    def ask(features, present):
        copies = [{name: x.clone() for name, x in part.items()} for part in (rebuilt, features, present)]
        answer = reconstruction_loss(*copies)
        require(torch.is_tensor(answer), "return a torch tensor, so that the loss has a gradient")
        return answer

    image, audio = (((rebuilt[n] - features[n])[present[n]] ** 2).mean() for n in ("image", "audio"))
    expected, answer = (image + audio) / 2, ask(features, present)
    if not close(answer, expected, 1e-5):
        otherwise = f"expected {expected:.4f} for two random senses, got {float(answer):.4f}"
        _say(answer, _loss_mistakes(rebuilt, features, present), otherwise)
    hurt = {n: torch.where(present[n][:, None], x, torch.nan) for n, x in features.items()}
    nan = "an absent row holds NaN, and your loss is NaN: NaN times 0 is NaN, so pick the present rows first"
    require(close(ask(hurt, present), expected, 1e-5), nan)
    alone = ask(features, {"image": torch.zeros(6).bool(), "audio": present["audio"]})
    require(
        bool(torch.isfinite(alone)), "when nobody has a sense your loss is NaN (the mean of nothing); count it as 0"
    )
    half = "a sense that nobody has counts as 0 and is still one of the senses you divide by"
    require(close(alone, audio / 2, 1e-5), half)


def _whiten(x):
    variances, axes = np.linalg.eigh(np.cov(x.T))
    return axes / np.sqrt(variances)


def _three(answer, shapes):
    """Check that three arrays of the right shapes came back."""
    three = "return three things: correlations, directions of x, directions of y"
    require(isinstance(answer, tuple | list) and len(answer) == 3, three)
    for part, shape, name in zip(answer, shapes, ("correlations", "x directions", "y directions"), strict=True):
        require(np.shape(part) == shape, f"the {name} have shape {np.shape(part)}, they should have shape {shape}")
    return [np.asarray(part, dtype=float) for part in answer]


@exercise("6.2")
def ex6_2(cca):
    """Whiten, decompose the cross-covariance, undo the whitening."""
    rng = np.random.default_rng(63)
    cause = rng.normal(size=(80, 2))
    x = cause @ rng.normal(size=(2, 4)) + rng.normal(size=(80, 4)) + 3
    y = cause @ rng.normal(size=(2, 3)) + rng.normal(size=(80, 3)) - 2
    x_centred, y_centred = x - x.mean(axis=0), y - y.mean(axis=0)
    a, b = _whiten(x), _whiten(y)
    u, rho, vt = np.linalg.svd((x_centred @ a).T @ (y_centred @ b) / 79)
    answer = cca(x.copy(), y.copy(), 2)
    correlations, left, right = _three(answer, [(2,), (4, 2), (3, 2)])
    if not close(correlations, rho[:2]):
        mistakes = {
            "divide the cross-covariance by N - 1; a correlation is at most 1": rho[:2] * 79,
            "divide by N - 1, not by N, as np.cov does for the whitening": rho[:2] * 79 / 80,
            "these are covariances: whiten both views first": np.linalg.svd(x_centred.T @ y_centred / 79)[1][:2],
            "centre both views first: subtract the mean of each column": np.linalg.svd((x @ a).T @ (y @ b) / 79)[1][:2],
            "these are squared correlations": rho[:2] ** 2,
            "these are the smallest correlations; keep the first ones": rho[1:],
        }
        _say(correlations, mistakes, f"expected correlations {rho[:2].round(4)}, got {correlations.round(4)}")
    bare = "the directions belong to the whitened views; multiply them by the whitening matrix"
    for directions, whitener, basis, name in ((left, a, u, "x"), (right, b, vt.T, "y")):
        if close(abs(directions), abs(basis[:, :2])):
            raise Mistake(bare)
        turned = "NumPy's third result is V transposed: its rows are the directions of " + name
        require(name == "x" or not close(abs(directions), abs(whitener @ vt[:, :2])), turned)
        expected = abs(whitener @ basis[:, :2])
        scale = np.linalg.norm(directions, axis=0) / np.linalg.norm(expected, axis=0)
        long = f"the directions of {name} have the wrong length; scale so that {name} @ directions has variance 1"
        require(
            close(abs(directions), expected) or not close(abs(directions), scale * expected), long + " (over N - 1)"
        )
        if not close(abs(directions), expected):
            raise Mistake(f"the correlations are right, the directions of {name} are not")
    agree = [np.corrcoef(x @ left[:, i], y @ right[:, i])[0, 1] for i in range(2)]
    require(close(agree, rho[:2]), "the signs of a pair do not belong together: x and y come from one SVD")


@exercise("6.3")
def ex6_3(recall_at_k):
    """Share of queries whose match is among the k most similar items."""
    similarity = np.random.default_rng(64).normal(size=(9, 9)) + np.eye(9)
    rank = (similarity >= np.diag(similarity)[:, None]).sum(axis=1)
    from_columns = (similarity >= np.diag(similarity)).sum(axis=0)
    lowest = (similarity <= np.diag(similarity)[:, None]).sum(axis=1)
    expected, answers = [], []
    for k in (1, 2, 3, 5):
        expected.append((rank <= k).mean())
        answers.append(recall_at_k(similarity.copy(), k))
    if close(answers, expected):
        return
    ks = (1, 2, 3, 5)
    mistakes = {
        "each row is a query: compare within rows; you compared within columns": [
            (from_columns <= k).mean() for k in ks
        ],
        "this is recall at k + 1: fewer than k items may be more similar than the match": [
            (rank <= k + 1).mean() for k in ks
        ],
        "this is recall at k - 1: the match itself may be one of the k": [(rank <= k - 1).mean() for k in ks],
        "higher is more similar; you took the least similar items": [(lowest <= k).mean() for k in ks],
        "return the share of queries, not their number": [(rank <= k).sum() for k in ks],
        "do not divide by k: a query finds its match or not": [(rank <= k).mean() / k for k in ks],
    }
    _say(answers, mistakes, f"expected {np.round(expected, 3)} for k = 1, 2, 3, 5, got {np.round(answers, 3)}")


@exercise("6.4")
def ex6_4(mean_message):
    """Mean of the sources' features at each target."""
    import torch

    features = torch.randn(5, 3, generator=torch.Generator().manual_seed(65))
    edges = torch.tensor([[0, 1, 2, 3, 3, 0], [1, 2, 1, 1, 0, 2]])  # node 4 has no link, 3 gets no message

    def spread(sources, targets, own=0.0):
        links = own * torch.eye(5)
        for s, t in zip(sources.tolist(), targets.tolist(), strict=True):
            links[t, s] += 1
        return links

    def mean(links):
        return links @ features / links.sum(1, keepdim=True).clamp(min=1)

    links, back = spread(*edges), spread(*edges.flip(0))
    answer = mean_message(features.clone(), edges.clone())
    if close(answer, mean(links), 1e-5):
        return
    alone = "a node that nobody links to has 0 / 0; give it zeros"
    require(bool(torch.isfinite(torch.as_tensor(answer)).all()), alone)
    last = torch.zeros_like(features)
    last[edges[1]] = features[edges[0]]
    counts = links.sum(1, keepdim=True).clamp(min=1)
    mistakes = {
        "this is the sum; divide by how many messages arrived": links @ features,
        "the direction is turned: row 0 sends, row 1 receives": mean(back),
        "the node's own features are in it; only its sources send": mean(spread(*edges, own=1.0)),
        "divide by the messages that arrive at a node, not by those it sends": links
        @ features
        / links.sum(0)[:, None].clamp(min=1),
        "of several messages to one node only the last was kept: `a[i] += b` adds once; use index_add": last / counts,
        "of several messages to one node only the last was kept: use index_add": last,
        "a node without messages should get zeros, not its own features": torch.where(
            links.sum(1, keepdim=True) > 0, mean(links), features
        ),
        "this is the mean over all nodes; divide by the messages that arrived": links @ features / 5,
    }
    _say(answer, mistakes, "the shape is right, the numbers are not; compare with the worked example")


def _sigmoid(a):
    return 1 / (1 + np.exp(-a))


@exercise("6.5")
def ex6_5(weight_update):
    """One step of contrastive divergence: what the data put together, minus what the dream did."""
    rng = np.random.default_rng(61)
    visible, dream = rng.uniform(size=(2, 6, 4))
    weight, bias = rng.normal(size=(4, 3)), rng.normal(size=3)

    def together(v, on=_sigmoid, bias=bias):
        return v.T @ on(v @ weight + bias) / len(v)

    expected = together(visible) - together(dream)
    answer = weight_update(visible.copy(), dream.copy(), weight.copy(), bias.copy())
    if np.shape(answer) == expected.T.shape and close(answer, expected.T):
        raise Mistake("your update is (H, V), turned over; pixels come first: visible transposed times probabilities")
    if close(answer, expected):
        return
    one_state = (visible - dream).T @ _sigmoid(visible @ weight + bias) / len(visible)
    linear, flips = ([together(v, on) for v in (visible, dream)] for on in (lambda a: a, lambda a: a > 0))
    mistakes = {
        "the sign is turned: this makes the dream cheaper and the data dearer": -expected,
        "you summed over the batch; divide by its size B": expected * len(visible),
        "the dream is missing: subtract from the data's term the same term of the dream": together(visible),
        "the hidden units of the dream must be computed from the dream, not from the data": one_state,
        "put the hidden units' input through the sigmoid, to get probabilities": linear[0] - linear[1],
        "the hidden bias is missing in p(h | v)": together(visible, bias=0) - together(dream, bias=0),
        "you rounded the hidden units to 0 and 1; use their probabilities": flips[0] - flips[1],
    }
    _say(answer, mistakes, "the shape is right, the numbers are not; compare with the worked example")
