"""Bagging and random forests: average many models, each fitted on its own random sample of the rows."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.random import sample_without_replacement
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

_MAX_SEED = np.iinfo(np.int32).max


def _amount(value, total, name):
    """Turn an int, a fraction or None (all) into a number of rows or features, at least 1."""
    if value is None:
        return total
    whole = isinstance(value, Integral)
    if not 0 < value <= (total if whole else 1):
        raise ValueError(f"{name} must be a whole number in 1..{total}, a fraction in (0, 1] or None; got {value!r}")
    return value if whole else max(1, int(value * total))


def _seed(model, seed):
    """Give every random part of `model` its own number drawn from `seed`."""
    rng = check_random_state(seed)
    names = [n for n in sorted(model.get_params()) if n == "random_state" or n.endswith("__random_state")]
    return model.set_params(**{name: rng.randint(_MAX_SEED) for name in names})


def _fit_on_rows(model, X, y, rows):
    """Fit `model` on drawn rows: as counts where it takes weights (it then knows every class), else as copies."""
    if has_fit_parameter(model, "sample_weight"):
        return model.fit(X, y, sample_weight=np.bincount(rows, minlength=len(y)))
    return model.fit(X[rows], y[rows])


def _probabilities(model, X, n_classes):
    """Class probabilities (N, K), zero for a class the model never met; votes where a model has none."""
    if not hasattr(model, "predict_proba"):
        return np.eye(n_classes)[model.predict(X)]
    probabilities = np.zeros((X.shape[0], n_classes))
    probabilities[:, model.classes_] = model.predict_proba(X)
    return probabilities


class _BaseBagging(MetaEstimatorMixin, BaseEstimator):
    def __init__(
        self,
        estimator=None,
        n_estimators=10,
        *,
        max_samples=None,
        max_features=1.0,
        bootstrap=True,
        oob_score=False,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.max_features = max_features
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _base(self):
        return self._tree() if self.estimator is None else self.estimator

    def _draw_rows(self, rng, n):
        size = _amount(self.max_samples, n, "max_samples")
        return rng.randint(0, n, size) if self.bootstrap else sample_without_replacement(n, size, random_state=rng)

    def _fit_member(self, X, y, seed):
        rng, p = np.random.RandomState(seed), X.shape[1]
        size = _amount(self.max_features, p, "max_features")
        features = sample_without_replacement(p, size, random_state=rng)
        rows = self._draw_rows(rng, X.shape[0])
        return _fit_on_rows(_seed(clone(self._base()), seed), X[:, features], y, rows), rows, features

    def fit(self, X, y):
        """Fit every member on its own sample of the rows.

        Parameters
        ----------
        X : array or sparse matrix (n_samples, n_features)
        y : array (n_samples,), numbers for a regressor, labels of any kind for a classifier

        Returns
        -------
        self

        Raises
        ------
        ValueError
            On bad data or settings, and if `oob_score` is asked for and no row is ever out of bag.
        """
        if not isinstance(self.n_estimators, Integral) or self.n_estimators < 1:
            raise ValueError(f"n_estimators must be a whole number >= 1; got {self.n_estimators!r}")
        if self.oob_score and not self.bootstrap:
            raise ValueError("oob_score=True needs bootstrap=True: without it no row is out of bag")
        X, y = self._validate(X, y, y_numeric=not is_classifier(self))
        y = self._encode(y)
        seeds = check_random_state(self.random_state).randint(_MAX_SEED, size=self.n_estimators)
        members = self._parallel(delayed(self._fit_member)(X, y, seed) for seed in seeds)
        self.estimators_, self.estimators_samples_, self.estimators_features_ = map(list, zip(*members, strict=True))
        if self.oob_score:
            self._set_oob(X, y)
        return self

    def _validate(self, X, *y, **options):
        finite = "allow-nan" if get_tags(self).input_tags.allow_nan else True
        return validate_data(self, X, *y, accept_sparse=["csr", "csc"], ensure_all_finite=finite, **options)

    def _parallel(self, jobs):
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(jobs)

    def _member_scores(self, model, features, X):
        X = X[:, features]
        return _probabilities(model, X, self.n_classes_) if is_classifier(self) else model.predict(X)

    def _average(self, X):
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        members = zip(self.estimators_, self.estimators_features_, strict=True)
        scores = self._parallel(delayed(self._member_scores)(model, features, X) for model, features in members)
        return sum(scores) / len(scores)

    def _oob_average(self, X):
        """Average, for each row, the members that never saw it; NaN for a row that every member saw."""
        n = X.shape[0]
        total, count = np.zeros((n, self.n_classes_) if is_classifier(self) else n), np.zeros(n)
        members = zip(self.estimators_, self.estimators_samples_, self.estimators_features_, strict=True)
        for model, rows, features in members:
            out = np.setdiff1d(np.arange(n), rows)
            if len(out) > 0:
                total[out] += self._member_scores(model, features, X[out])
                count[out] += 1
        if not count.any():
            raise ValueError(
                f"no row is ever out of bag (n_samples={n}): use more estimators, or a smaller max_samples"
            )
        count[count == 0] = np.nan
        return (total.T / count).T

    @property
    def feature_importances_(self):
        """Mean drop of impurity each feature brings, (n_features,), sums to 1; zeros if no member ever split."""
        check_is_fitted(self)
        total = np.zeros(self.n_features_in_)
        for model, features in zip(self.estimators_, self.estimators_features_, strict=True):
            total[features] += model.feature_importances_
        return total / (total.sum() or 1.0)

    def __sklearn_tags__(self):
        tags, base = super().__sklearn_tags__(), get_tags(self._base())
        tags.input_tags.sparse, tags.input_tags.allow_nan = base.input_tags.sparse, base.input_tags.allow_nan
        return tags


class BaggingRegressor(RegressorMixin, _BaseBagging):
    """Average of one model fitted on many bootstrap samples (Breiman 1996, Bagging predictors).

    Parameters
    ----------
    estimator : the model to copy; default a decision tree
    n_estimators : number of copies
    max_samples : rows drawn for each member: int, fraction, or None for as many as there are
    max_features : features drawn for each member: int or fraction
    bootstrap : draw rows with replacement, or without
    oob_score : also predict each row by the members that never saw it
    n_jobs : number of threads
    random_state : int, RandomState or None

    Attributes
    ----------
    estimators_, estimators_samples_, estimators_features_ : one entry a member: model, its rows, its features
    feature_importances_ : (n_features,), where the members have importances
    oob_prediction_ : (n_samples,), NaN for a row that every member saw
    oob_score_ : R² over the rows that have an out-of-bag prediction
    """

    _tree, _auto = DecisionTreeRegressor, 1.0

    def predict(self, X):
        """Predict a value for each row: (n_samples, n_features) -> (n_samples,)."""
        return self._average(X)

    def _encode(self, y):
        return y

    def _set_oob(self, X, y):
        self.oob_prediction_ = self._oob_average(X)
        known = ~np.isnan(self.oob_prediction_)
        self.oob_score_ = r2_score(y[known], self.oob_prediction_[known])


class BaggingClassifier(ClassifierMixin, _BaseBagging):
    """Bagging of classifiers: averages probabilities, or votes where a member has none (Breiman 1996).

    As `BaggingRegressor`, with `classes_`, with `oob_decision_function_` (n_samples, n_classes) in place of
    `oob_prediction_`, and with accuracy as `oob_score_`.
    """

    _tree, _auto = DecisionTreeClassifier, "sqrt"

    def predict_proba(self, X):
        """Average the members' class probabilities: (n_samples, n_features) -> (n_samples, n_classes)."""
        return self._average(X)

    def predict(self, X):
        """Predict the label with the largest average: (n_samples, n_features) -> (n_samples,)."""
        best = self._average(X).argmax(axis=1)
        return self.classes_[best]

    def _encode(self, y):
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.n_classes_ = len(self.classes_)
        return codes

    def _set_oob(self, X, y):
        self.oob_decision_function_ = self._oob_average(X)
        known = ~np.isnan(self.oob_decision_function_[:, 0])
        self.oob_score_ = accuracy_score(y[known], self.oob_decision_function_[known].argmax(axis=1))


class _BaseForest(_BaseBagging):
    def __init__(
        self,
        n_estimators=100,
        *,
        max_features="auto",
        max_depth=None,
        min_samples_leaf=1,
        max_samples=None,
        bootstrap=True,
        oob_score=False,
        n_jobs=None,
        random_state=None,
    ):
        options = {"bootstrap": bootstrap, "oob_score": oob_score, "n_jobs": n_jobs, "random_state": random_state}
        super().__init__(n_estimators=n_estimators, max_samples=max_samples, max_features=max_features, **options)
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf

    def _base(self):
        size = self.max_features
        if isinstance(size, str) and size == "auto":
            size = self._auto
        return self._tree(max_features=size, max_depth=self.max_depth, min_samples_leaf=self.min_samples_leaf)

    def _fit_member(self, X, y, seed):
        n, tree = X.shape[0], self._base().set_params(random_state=seed)
        rows = self._draw_rows(np.random.RandomState(seed), n) if self.bootstrap else np.arange(n)
        return _fit_on_rows(tree, X, y, rows), rows, slice(None)


class RandomForestRegressor(_BaseForest, BaggingRegressor):
    """Bagged trees that try a random part of the features at each split (Breiman 2001, Random forests).

    As `BaggingRegressor`, without `estimator`, and with

    max_features : features tried at each split: int, fraction, "sqrt", "log2", or "auto", which is all of them for
        regression (that makes it plain bagging; Breiman advises a third) and their square root for classification
    max_depth, min_samples_leaf : limits of each tree
    """


class RandomForestClassifier(_BaseForest, BaggingClassifier):
    """Bagged classification trees with random features at each split; see `RandomForestRegressor`."""
