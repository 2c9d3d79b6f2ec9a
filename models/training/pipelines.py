"""The estimators: a logistic reference, boosted trees, and the better of the two with a calibrated probability.

One thread and one seed: two trainings on the same rows give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from models.training.metrics import Floats, average_precision
from models.training.recipe import Forest, Hgb, Logistic, Recipe
from models.training.rows import Rows

LOGISTIC, HGB, FOREST = "logistic", "hgb", "forest"
#: With fewer breaches than this a step function follows single rows (Niculescu-Mizil and Caruana 2005); a sigmoid has two numbers.
ISOTONIC_FROM = 1_000


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of several threads are added in the order in which they finish, which moves the last digit of a split."""
    with threadpool_limits(limits=1):
        yield


class Fitted(NamedTuple):
    """A candidate and what it was worth on the calibration slice."""

    name: str
    estimator: Any
    average_precision: float


def logistic(params: Logistic, seed: int) -> Pipeline:
    """The reference: scaled features, a weighted sum."""
    model = LogisticRegression(C=params.c, max_iter=params.max_iter, random_state=seed)
    return Pipeline([("scale", StandardScaler()), ("logistic", model)])


def boosted(params: Hgb, directions: list[int], seed: int) -> HistGradientBoostingClassifier:
    """Histogram gradient boosting. ``directions``: 1, 0 or -1 for each feature: which way alone it may move the score."""
    return HistGradientBoostingClassifier(
        learning_rate=params.learning_rate,
        max_iter=params.max_iter,
        max_leaf_nodes=params.max_leaf_nodes,
        min_samples_leaf=params.min_samples_leaf,
        l2_regularization=params.l2_regularization,
        monotonic_cst=np.asarray(directions, np.int64) if any(directions) else None,
        # It would hold rows out at random, and those of one customer are alike.
        early_stopping=False,
        random_state=seed,
    )


def forest(params: Forest, seed: int) -> IsolationForest:
    """Isolation forest."""
    return IsolationForest(n_estimators=params.trees, max_samples=params.max_samples, random_state=seed)


def fit(recipe: Recipe, train: Rows, calibration: Rows) -> list[Fitted]:
    """Every candidate of a recipe, fitted on the train slice and measured on the queue of the calibration slice.

    Args:
        recipe: says which.
        train: weighted rows.
        calibration: the rows that decide which is better.
    """
    found = []
    queue = ~calibration.audited
    judged = calibration.label[queue]
    if recipe.candidates.logistic:
        model = logistic(recipe.candidates.logistic, recipe.seed)
        # The weighted variance of a column that never changes can come out as -1e-17; its root is taken before that is seen.
        with np.errstate(invalid="ignore"):
            model.fit(train.matrix, train.label, scale__sample_weight=train.weight, logistic__sample_weight=train.weight)
        found.append(Fitted(LOGISTIC, model, average_precision(judged, model.decision_function(calibration.matrix[queue]))))
    if recipe.candidates.hgb:
        trees = boosted(recipe.candidates.hgb, recipe.directions, recipe.seed)
        trees.fit(train.matrix, train.label, sample_weight=train.weight)
        found.append(Fitted(HGB, trees, average_precision(judged, trees.decision_function(calibration.matrix[queue]))))
    return found


def best(fitted: list[Fitted]) -> Fitted:
    """The best by average precision; of equal ones the first, which is the simpler."""
    return max(fitted, key=lambda one: one.average_precision)


def methods(queue: Rows, wanted: str) -> tuple[str, ...]:
    """The calibrations to try: what the recipe says, or by the number of breaches among the rows to calibrate on."""
    if wanted != "auto":
        return (wanted,)
    return ("isotonic", "sigmoid") if np.sum(queue.label == 1) >= ISOTONIC_FROM else ("sigmoid",)


def calibrate(estimator: Any, queue: Rows, method: str) -> CalibratedClassifierCV:
    """A fitted estimator with a map from its score to a probability, from rows that it never saw.

    Args:
        estimator: fitted; it is not touched.
        queue: alerts of the calibration slice. Audited days are left out: the probability is that of an alert, and one day drawn
            of a hundred would count as much as a hundred alerts.
        method: ``sigmoid`` or ``isotonic``.
    """
    calibrated = CalibratedClassifierCV(FrozenEstimator(estimator), method=method)
    calibrated.fit(queue.matrix, queue.label)
    return calibrated


def probabilities(estimator: Any, matrix: Floats) -> Floats:
    """The score of each row as the stream has it: four decimals."""
    return np.round(estimator.predict_proba(matrix)[:, 1], 4) if len(matrix) else np.zeros(0)
