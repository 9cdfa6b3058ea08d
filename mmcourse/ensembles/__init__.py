"""Bagging, random forests and stacking as scikit-learn estimators (lessons 01 and 02).

They draw their random numbers in scikit-learn's order, so the same ``random_state`` gives scikit-learn's predictions.
Two things differ: stacking takes any splitter, and out-of-bag estimates never invent a value for a row without one.
Sample weights are left out: weighted rows and repeated rows would not draw the same bootstrap samples.
"""

from mmcourse.ensembles.bagging import (
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from mmcourse.ensembles.stacking import StackingClassifier, StackingRegressor

__all__ = [
    "BaggingClassifier",
    "BaggingRegressor",
    "RandomForestClassifier",
    "RandomForestRegressor",
    "StackingClassifier",
    "StackingRegressor",
]
