"""Co-training: classifiers of several views label examples for each other (lesson 18)."""

import numpy as np


class CoTraining:
    """Classifiers of several views that share one growing set of labels; with a single view it is self-training.

    In each round every classifier is fitted to the labels so far, looks at the rows without one, and labels, for each
    class, the `per_class` rows it is surest of (among those it would call that class). Where two classifiers want the
    same row, the surer one decides. Labels once given stay.

    Parameters
    ----------
    classifiers : dict of str to scikit-learn classifier
        One a view; cloned, never fitted themselves.
    rounds : int >= 0
        0: no row is labelled.
    per_class : int >= 1

    Attributes
    ----------
    classifiers_ : dict of str to fitted classifier
    classes_ : array (K,)
    labels_ : array (N,)
        The labels after the last round, -1 where there is still none.

    References
    ----------
    A. Blum, T. Mitchell, "Combining labeled and unlabeled data with co-training", COLT 1998, table 1. There the pool is
    a random part of the unlabelled rows, and a row may be labelled by both.
    """

    def __init__(self, classifiers, *, rounds=8, per_class=5):
        if not isinstance(classifiers, dict) or not classifiers:
            raise ValueError(f"classifiers must be a filled dict of view names to classifiers; got {classifiers!r}")
        if not isinstance(rounds, int) or rounds < 0 or not isinstance(per_class, int) or per_class < 1:
            raise ValueError(f"rounds must be >= 0 and per_class >= 1, whole numbers; got {rounds!r} and {per_class!r}")
        self.classifiers, self.rounds, self.per_class = classifiers, rounds, per_class

    def fit(self, views, target, present=None):
        """Label and learn.

        Parameters
        ----------
        views : dict of str to array (N, d_m)
        target : int array (N,)
            Labels >= 0, and -1 where there is none.
        present : dict of str to bool array (N,), optional
            Rows where a view is absent are neither learned nor labelled by its classifier; they may hold anything.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            On wrong keys, shapes or labels, or when a view does not see a labelled row of every class.
        """
        views, target = self._check(views), np.array(target)
        present = {name: np.ones(len(target), bool) for name in views} if present is None else present
        self._check_rows(views, target, present)
        self.classes_ = np.unique(target[target >= 0])
        for left in range(self.rounds, -1, -1):
            self._learn(views, target, present)
            wishes = self._wishes(views, target, present) if left else {}
            if not wishes:
                break
            for row, (_, label) in wishes.items():
                target[row] = label
        self.labels_ = target
        return self

    def predict_proba(self, views):
        """Probabilities of the classes, one array (N, K) a view; multiply them to combine views."""
        return {name: self.classifiers_[name].predict_proba(x) for name, x in self._check(views).items()}

    def _learn(self, views, target, present):
        from sklearn.base import clone

        self.classifiers_ = {}
        for name, x in views.items():
            rows = (target >= 0) & present[name]
            if len(np.unique(target[rows])) < max(2, len(self.classes_)):
                raise ValueError(f"view {name!r} must see a labelled row of every class, and of two classes at least")
            self.classifiers_[name] = clone(self.classifiers[name]).fit(x[rows], target[rows])

    def _wishes(self, views, target, present):
        """What the classifiers want to label: {row: (probability, label)}."""
        found = {}
        for name, x in sorted(views.items()):
            free = np.flatnonzero((target < 0) & present[name])
            if not len(free):
                continue
            sure = self.classifiers_[name].predict_proba(x[free])
            for column, label in enumerate(self.classes_):
                for place in np.argsort(-sure[:, column], kind="stable")[: self.per_class]:
                    wish = sure[place, column], label
                    if sure[place].argmax() == column and wish[0] > found.get(free[place], (0.0,))[0]:
                        found[free[place]] = wish
        return found

    def _check(self, views):
        if not isinstance(views, dict) or set(views) != set(self.classifiers):
            raise ValueError(f"views must be a dict with the keys {sorted(self.classifiers)}")
        views = {name: np.asarray(x) for name, x in views.items()}
        if any(x.ndim != 2 or not x.size for x in views.values()) or len({len(x) for x in views.values()}) > 1:
            raise ValueError(
                f"views must be filled arrays (N, d), equally long; got { {n: x.shape for n, x in views.items()} }"
            )
        return views

    @staticmethod
    def _check_rows(views, target, present):
        rows = len(next(iter(views.values())))
        if target.shape != (rows,) or target.dtype.kind not in "iu" or (target < -1).any():
            raise ValueError(f"target must be {rows} whole numbers, labels >= 0 or -1 for none")
        if set(present) != set(views) or any(
            np.shape(x) != (rows,) or np.asarray(x).dtype != bool for x in present.values()
        ):
            raise ValueError(f"present must be a dict with the keys {sorted(views)} of bool arrays ({rows},)")
