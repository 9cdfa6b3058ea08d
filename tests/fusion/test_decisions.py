"""Decisions against NumPy, loops and scikit-learn's voting; modality dropout and balancing by counting."""

import numpy as np
import pytest
import torch

from mmcourse.fusion import (
    ModalityDropout,
    average_decisions,
    balance_factors,
    max_decisions,
    product_decisions,
    scale_gradient,
    vote_decisions,
    weighted_decisions,
)

M, B, K = 4, 50, 3
RULES = {
    "average": average_decisions,
    "weighted": lambda p, present=None: weighted_decisions(p, torch.tensor([1.0, 2.0, 3.0, 4.0])[: len(p)], present),
    "max": max_decisions,
    "vote": vote_decisions,
    "product": product_decisions,
}
BY_HAND = {
    "average": lambda p, w: p.mean(0),
    "weighted": lambda p, w: w @ p / w.sum(),
    "max": lambda p, w: p.max(0) / p.max(0).sum(),
    "vote": lambda p, w: np.bincount(p.argmax(1), minlength=K) / len(p),
    "product": lambda p, w: p.prod(0) / p.prod(0).sum(),
}


def draw():
    return torch.randn(M, B, K, dtype=torch.float64).mul(2).softmax(-1)


@pytest.mark.parametrize("rule", RULES)
def test_rules_item_by_item(rule):
    p, present = draw(), torch.rand(M, B) < 0.7
    present[:, 0] = False
    got = RULES[rule](torch.where(present[..., None], p, torch.nan), present)
    torch.testing.assert_close(got.sum(-1), torch.ones(B, dtype=got.dtype))
    for i in range(B):
        here = present[:, i].numpy()
        expected = BY_HAND[rule](p[here, i].numpy(), np.arange(1.0, 5.0)[here]) if here.any() else np.full(K, 1 / K)
        np.testing.assert_allclose(got[i].numpy(), expected, atol=1e-9)
    torch.testing.assert_close(RULES[rule](p), RULES[rule](p, torch.ones(M, B, dtype=torch.bool)))


def test_average_and_vote_choose_as_scikit_learn_does():
    from sklearn.datasets import make_classification
    from sklearn.ensemble import VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.tree import DecisionTreeClassifier

    x, y = make_classification(200, n_informative=5, n_classes=3, random_state=0)
    models = [("a", LogisticRegression()), ("b", GaussianNB()), ("c", DecisionTreeClassifier(max_depth=2))]
    for how, rule in (("soft", average_decisions), ("hard", vote_decisions)):
        voting = VotingClassifier(models, voting=how).fit(x, y)
        p = torch.tensor(np.stack([model.predict_proba(x) for model in voting.estimators_]))
        assert (rule(p).argmax(-1).numpy() == voting.predict(x)).all()


def test_ties_share():
    two = torch.tensor([[[0.6, 0.4, 0.0]], [[0.1, 0.9, 0.0]]])
    torch.testing.assert_close(vote_decisions(two), torch.tensor([[0.5, 0.5, 0.0]]))
    torn = torch.tensor([[[0.5, 0.5, 0.0]]])
    torch.testing.assert_close(vote_decisions(torn), torn[0])
    sure = torch.tensor([[[0.0, 0.8, 0.2]]])
    torch.testing.assert_close(vote_decisions(torch.cat([torn, sure])), torch.tensor([[0.25, 0.75, 0.0]]))


def test_product_with_certain_models():
    torn = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    torch.testing.assert_close(product_decisions(torn), torch.tensor([[0.5, 0.5]]))
    p = draw()
    weights = torch.tensor([0.5, 2.0, 0.0, 1.0], dtype=p.dtype)
    expected = (p ** weights[:, None, None]).prod(0)
    torch.testing.assert_close(product_decisions(p, weights=weights), expected / expected.sum(-1, keepdim=True))
    many = draw()[:1].expand(5000, B, K)  # a plain product would underflow
    assert product_decisions(many).isfinite().all()


def test_weights_of_zero_decide_nothing():
    p = draw()
    weights = torch.zeros(M)
    torch.testing.assert_close(weighted_decisions(p, weights), torch.full_like(p[0], 1 / K))


@pytest.mark.parametrize("rule", RULES)
def test_bad_decisions(rule):
    p = draw()
    for wrong, message in (
        (p[0], "axes"),
        (p.numpy(), "tensor"),
        (p[:, :0], "empty"),
        (p.log(), "softmax"),
        (torch.where(p > 0.5, torch.nan, p), "softmax"),
        (2 * p, "softmax"),
    ):
        with pytest.raises(ValueError, match=message):
            RULES[rule](wrong)
    with pytest.raises(ValueError, match="present"):
        RULES[rule](p, torch.ones(B, M, dtype=torch.bool))
    for weights in ([1.0], [1, 1, 1, -1], [1, 1, 1, float("nan")]):
        with pytest.raises(ValueError, match="weights"):
            weighted_decisions(p, weights)
        with pytest.raises(ValueError, match="weights"):
            product_decisions(p, weights=weights)


def test_modality_dropout_hides_at_its_rate_and_never_everything():
    torch.manual_seed(0)
    n, drop = 20_000, ModalityDropout(0.4)
    features = {"a": torch.randn(n, 2), "b": torch.randn(n, 3)}
    present = {"a": torch.rand(n) < 0.8, "b": torch.rand(n) < 0.8}
    kept, still = drop(features, present)
    both = present["a"] & present["b"]
    for name in features:
        assert not (still[name] & ~present[name]).any()
        torch.testing.assert_close(kept[name], torch.where(still[name][:, None], features[name], 0))
        # hidden with 0.4, but of two hidden ones (0.16) one comes back, either one half of the time
        assert abs((~still[name])[both].float().mean() - (0.4 - 0.08)) < 0.015
        alone = present[name] & ~both
        assert still[name][alone].all()
    assert torch.equal(still["a"] | still["b"], present["a"] | present["b"])


def test_modality_dropout_rests_in_evaluation():
    drop = ModalityDropout(0.9).eval()
    features = {"a": torch.tensor([[1.0], [torch.nan]])}
    kept, still = drop(features, {"a": torch.tensor([True, False])})
    assert kept["a"].tolist() == [[1.0], [0.0]]
    assert still["a"].tolist() == [True, False]
    for p in (-0.1, 1.0):
        with pytest.raises(ValueError, match="p must"):
            ModalityDropout(p)


def test_balance_slows_the_leader_only():
    factors = balance_factors({"a": 0.8, "b": 0.4, "c": 0.4})
    assert factors["b"] == factors["c"] == 1
    assert factors["a"] == pytest.approx(1 - np.tanh(2.0))
    assert balance_factors({"a": 0.5, "b": 0.5}) == {"a": 1, "b": 1}
    assert balance_factors({"a": 0.9, "b": 0.1}, alpha=0)["a"] == 1
    for scores in ({"a": 1.0}, {"a": 0.0, "b": 1.0}, {"a": float("nan"), "b": 1.0}):
        with pytest.raises(ValueError, match="scores"):
            balance_factors(scores)


def test_scale_gradient():
    x = torch.randn(3, requires_grad=True)
    y = scale_gradient(x, 0.25)
    assert torch.equal(y, x)
    y.sum().backward()
    assert x.grad.tolist() == [0.25] * 3
