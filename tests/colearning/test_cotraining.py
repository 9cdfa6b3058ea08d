"""Co-training against a walk-through by hand and against scikit-learn's self-training."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from mmcourse.colearning import CoTraining


class Sure(ClassifierMixin, BaseEstimator):
    """Says what its only column says: the probability of class 1."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x):
        return np.column_stack([1 - x[:, 0], x[:, 0]])


def test_walk_through():
    views = {
        "a": np.array([[0.5], [0.5], [0.9], [0.6], [0.2], [0.45], [0.8]]),
        "b": np.array([[0.5], [0.5], [0.05], [0.7], [0.4], [0.9], [0.55]]),
    }
    target = np.array([0, 1, -1, -1, -1, -1, -1])
    # round 1: a wants row 2 as 1 (0.9) and row 4 as 0 (0.8); b wants row 5 as 1 (0.9) and row 2 as 0 (0.95), and wins
    model = CoTraining({"a": Sure(), "b": Sure()}, rounds=1, per_class=1).fit(views, target)
    assert model.labels_.tolist() == [0, 1, 0, -1, 0, 1, -1]
    # round 2: a wants row 6 as 1 (0.8), nothing as 0; b wants row 3 as 1 (0.7), nothing as 0
    model = CoTraining({"a": Sure(), "b": Sure()}, rounds=9, per_class=1).fit(views, target)
    assert model.labels_.tolist() == [0, 1, 0, 1, 0, 1, 1]
    assert target.tolist() == [0, 1, -1, -1, -1, -1, -1]


def test_absent_views_neither_teach_nor_break():
    views = {"a": np.array([[0.5], [0.5], [np.nan], [0.6]]), "b": np.array([[0.5], [0.5], [0.3], [np.nan]])}
    present = {name: ~np.isnan(x[:, 0]) for name, x in views.items()}
    model = CoTraining({"a": Sure(), "b": Sure()}, rounds=3, per_class=2).fit(views, np.array([0, 1, -1, -1]), present)
    assert model.labels_.tolist() == [0, 1, 0, 1]


def blobs(seed=0, rows=200):
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=rows)
    views = {name: 1.3 * np.eye(3)[truth] + rng.normal(size=(rows, 3)) for name in "ab"}
    target = np.where(np.arange(rows) < 18, truth, -1)
    target[:3] = truth[:3] = [0, 1, 2]
    return views, target, truth


def test_one_view_is_self_training():
    """scikit-learn's k_best takes the k surest of all classes together: the same with as many as there are rows."""
    views, target, _ = blobs()
    one = {"a": views["a"]}
    ours = CoTraining({"a": LogisticRegression()}, rounds=1, per_class=200).fit(one, target)
    theirs = SelfTrainingClassifier(LogisticRegression(), criterion="k_best", k_best=182, max_iter=1)
    theirs.fit(views["a"], target)
    np.testing.assert_array_equal(ours.labels_, theirs.transduction_)
    np.testing.assert_allclose(ours.predict_proba(one)["a"], theirs.predict_proba(views["a"]), atol=1e-6)


def test_order_of_views_and_no_rounds():
    views, target, _ = blobs(1)
    both = {name: LogisticRegression() for name in "ab"}
    ours = CoTraining(both).fit(views, target)
    turned = CoTraining(dict(reversed(both.items()))).fit(dict(reversed(views.items())), target)
    np.testing.assert_array_equal(ours.labels_, turned.labels_)
    still = CoTraining(both, rounds=0).fit(views, target)
    np.testing.assert_array_equal(still.labels_, target)
    expected = LogisticRegression().fit(views["a"][:18], target[:18]).predict_proba(views["a"])
    np.testing.assert_allclose(still.predict_proba(views)["a"], expected)
    assert not hasattr(both["a"], "coef_")


def test_two_views_teach_each_other():
    gains = []
    for seed in range(5):
        views, target, truth = blobs(seed)
        both = {name: LogisticRegression() for name in "ab"}
        right = []
        for rounds in (0, 8):
            said = CoTraining(both, rounds=rounds).fit(views, target).predict_proba(views)
            right.append(((said["a"] * said["b"]).argmax(1) == truth).mean())
        gains.append(right[1] - right[0])
    assert np.mean(gains) > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"views": {"a": np.ones((4, 1))}}, "views"),
        ({"views": {"a": np.ones((4, 1)), "b": np.ones((3, 1))}}, "equally long"),
        ({"views": {"a": np.ones(4), "b": np.ones((4, 1))}}, r"\(N, d\)"),
        ({"target": np.array([0, 1, -2, -1])}, "target"),
        ({"target": np.array([0.0, 1.0, -1.0, -1.0])}, "target"),
        ({"target": np.array([0, 0, -1, -1])}, "every class"),
        ({"present": {"a": np.ones(4, bool)}}, "present"),
        ({"present": {"a": np.ones(4, bool), "b": np.array([False, True, True, True])}}, "every class"),
    ],
)
def test_bad_input(change, message):
    given = {"views": {"a": np.ones((4, 1)), "b": np.ones((4, 1))}, "target": np.array([0, 1, -1, -1])} | change
    with pytest.raises(ValueError, match=message):
        CoTraining({"a": Sure(), "b": Sure()}).fit(**given)
    for wrong in ({"rounds": -1}, {"per_class": 0}):
        with pytest.raises(ValueError, match="per_class"):
            CoTraining({"a": Sure()}, **wrong)
    with pytest.raises(ValueError, match="classifiers"):
        CoTraining({})
