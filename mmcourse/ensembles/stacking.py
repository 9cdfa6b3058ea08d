"""Stacking: a final model learns whom to trust from predictions made for rows the base models had not seen."""

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone, is_classifier
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, get_tags, indexable
from sklearn.utils.metaestimators import _BaseComposition, available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, column_or_1d

_METHODS = ("predict_proba", "decision_function", "predict")


def _final_has(method):
    def check(stack):
        return hasattr(getattr(stack, "final_estimator_", stack._final()), method)

    return check


class _BaseStacking(MetaEstimatorMixin, _BaseComposition):
    def __init__(self, estimators, final_estimator=None, *, cv=None, passthrough=False, n_jobs=None):
        self.estimators = estimators
        self.final_estimator = final_estimator
        self.cv = cv
        self.passthrough = passthrough
        self.n_jobs = n_jobs

    def get_params(self, deep=True):
        """Get the settings, those of the named base models included (``forest__max_depth``)."""
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Change settings, those of the named base models included; returns self."""
        return self._set_params("estimators", **params)

    def fit(self, X, y, groups=None):
        """Fit the base models, then the final model on their out-of-fold predictions.

        Parameters
        ----------
        X : anything the base models take: array, sparse matrix, table or list of texts, n_samples long
        y : array (n_samples,), numbers for a regressor, labels of any kind for a classifier
        groups : array (n_samples,), handed to the splitter

        Returns
        -------
        self

        Raises
        ------
        ValueError
            On bad data or settings, and if a fold tests on a row it trains on.
        """
        names, models = self._named_models()
        X, y = indexable(X, y)
        y = self._encode(column_or_1d(y, warn=True))
        splits = self._splits(X, y, groups)
        parallel = Parallel(n_jobs=self.n_jobs, prefer="threads")
        self.estimators_ = parallel(delayed(clone(model).fit)(X, y) for model in models)
        self.named_estimators_ = dict(zip(names, self.estimators_, strict=True))
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimators_[0], name):  # a pipeline on text may not know how many features it saw
                setattr(self, name, getattr(self.estimators_[0], name))
        columns = np.hstack(parallel(delayed(self._out_of_fold)(name, X, y, splits) for name in names))
        self.out_of_fold_rows_ = np.unique(np.concatenate([test for _, test in splits]))
        self.out_of_fold_ = columns[self.out_of_fold_rows_]
        inputs = self._inputs(self.out_of_fold_, _safe_indexing(X, self.out_of_fold_rows_))
        self.final_estimator_ = clone(self._final()).fit(inputs, y[self.out_of_fold_rows_])
        return self

    def _named_models(self):
        if not isinstance(self.estimators, list | tuple) or not self.estimators:
            raise ValueError("estimators must be a list of (name, estimator) pairs, at least one")
        names, models = zip(*self.estimators, strict=True)
        self._validate_names(names)
        return names, models

    def _splits(self, X, y, groups):
        splits = list(check_cv(self.cv, y, classifier=is_classifier(self)).split(X, y, groups))
        if any(np.intersect1d(train, test).size for train, test in splits):
            raise ValueError("cv puts a row in both the training and the test part of a fold; that leaks its answer")
        return splits

    def _out_of_fold(self, name, X, y, splits):
        """Predict each row by copies that never saw it, averaged over folds; NaN for a row that no fold tests."""
        model, count, total = dict(self.estimators)[name], np.zeros((len(y), 1)), 0
        for train, test in splits:
            fitted = clone(model).fit(_safe_indexing(X, train), y[train])
            part = self._columns(name, fitted, _safe_indexing(X, test))
            total = total + np.zeros((len(y), part.shape[1]))
            total[test] += part
            count[test] += 1
        count[count == 0] = np.nan
        return total / count

    def _inputs(self, columns, X):
        if not self.passthrough:
            return columns
        return sparse.hstack([columns, X], format="csr") if sparse.issparse(X) else np.hstack([columns, np.asarray(X)])

    def _transform(self, X):
        check_is_fitted(self)
        columns = [self._columns(name, model, X) for name, model in self.named_estimators_.items()]
        return self._inputs(np.hstack(columns), X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = all(get_tags(model).input_tags.sparse for _, model in self.estimators)
        return tags


class StackingRegressor(RegressorMixin, _BaseStacking):
    """Stacked regression (Wolpert 1992, Stacked generalization; Breiman 1996, Stacked regressions).

    Parameters
    ----------
    estimators : list of (name, estimator)
    final_estimator : model trained on their out-of-fold predictions; default RidgeCV (here), LogisticRegression
    cv : number of folds, any splitter, or a list of (train, test). A row that no fold tests (the first ones under
        `TimeSeriesSplit`) does not train the final model; a row tested more than once counts with its average
    passthrough : show the final model X too
    n_jobs : number of threads

    Attributes
    ----------
    estimators_, named_estimators_ : the base models fitted on all rows: a list, a dict by name
    final_estimator_ : the fitted final model
    out_of_fold_rows_, out_of_fold_ : the rows (n,) that trained the final model, and what it saw there (n, columns)
    """

    def predict(self, X):
        """Predict a value for each row, (n_samples,)."""
        inputs = self._transform(X)
        return self.final_estimator_.predict(inputs)

    def _final(self):
        return RidgeCV() if self.final_estimator is None else self.final_estimator

    def _encode(self, y):
        return np.asarray(y, dtype=float)

    def _columns(self, name, model, X):
        return model.predict(X).reshape(-1, 1)


class StackingClassifier(ClassifierMixin, _BaseStacking):
    """Stacking of classifiers; see `StackingRegressor` for what they share.

    stack_method : what the final model sees: "predict_proba", "decision_function", "predict" (a vote for one class),
        or "auto": the first of these that a base model has. Two classes give one column, K classes K columns.
    """

    def __init__(
        self, estimators, final_estimator=None, *, cv=None, stack_method="auto", passthrough=False, n_jobs=None
    ):
        super().__init__(estimators, final_estimator, cv=cv, passthrough=passthrough, n_jobs=n_jobs)
        self.stack_method = stack_method

    def predict(self, X):
        """Predict a label for each row, (n_samples,)."""
        inputs = self._transform(X)
        return self.classes_[self.final_estimator_.predict(inputs)]

    @available_if(_final_has("predict_proba"))
    def predict_proba(self, X):
        """Class probabilities of the final model, (n_samples, n_classes)."""
        inputs = self._transform(X)
        known = self.final_estimator_.predict_proba(inputs)
        probabilities = np.zeros((len(known), len(self.classes_)))
        probabilities[:, self.final_estimator_.classes_] = known
        return probabilities

    @available_if(_final_has("decision_function"))
    def decision_function(self, X):
        """Decision values of the final model, (n_samples,) for two classes, else (n_samples, n_classes)."""
        inputs = self._transform(X)
        return self.final_estimator_.decision_function(inputs)

    def _final(self):
        return LogisticRegression() if self.final_estimator is None else self.final_estimator

    def _encode(self, y):
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        return codes

    def _columns(self, name, model, X):
        wanted = _METHODS if self.stack_method == "auto" else (self.stack_method,)
        method = next((m for m in wanted if m in _METHODS and hasattr(model, m)), None)
        if method is None:
            raise ValueError(f"base model {name!r} has no method {self.stack_method!r}; stack_method takes {_METHODS}")
        values, n_classes = getattr(model, method)(X), len(self.classes_)
        if method == "predict" and is_classifier(model):
            values = np.eye(n_classes)[values]
        elif method == "predict_proba" and values.shape[1] < n_classes:
            seen, values = values, np.zeros((len(values), n_classes))
            values[:, model.classes_] = seen
        elif method == "decision_function" and len(model.classes_) < n_classes:
            raise ValueError(f"base model {name!r} met only {len(model.classes_)} of {n_classes} classes in a fold")
        columns = values.reshape(len(values), -1)
        return columns[:, 1:] if columns.shape[1] == n_classes == 2 else columns
