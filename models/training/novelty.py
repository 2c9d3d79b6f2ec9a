"""The ``anomaly`` model: an isolation forest over every licence-day, and how many of them a team would see.

It knows no breach. Its score says which part of earlier days was less strange; people who are merely rare rank high. So the
threshold comes from the team's capacity, and the only truth about it are the days that were judged anyway, those drawn by lot above
all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from models.registry.loading import probabilities, raw_values
from models.training.cost import NEVER
from models.training.errors import TrainingRefused
from models.training.metrics import Floats, Interval, Statistic, bootstrap_all
from models.training.pipelines import forest
from models.training.recipe import Recipe
from models.training.rows import Rows
from models.training.split import SLICES, spans

#: Parts of the calibration slice between which a score is interpolated; finer where the queue is cut.
PARTS = (0.0, *(n / 20 for n in range(1, 20)), 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999)
#: Rows beyond a part without which it is a guess.
LEAST_BEYOND = 5
#: Rows scored at once: a bar that moves, and no second matrix of the whole.
BATCH = 50_000

Told = Callable[[str, int, int], None]


class Days(NamedTuple):
    """Rows of features: the columns of a recipe, the day of each and its customer."""

    matrix: Floats
    day: np.ndarray
    customer: np.ndarray


class Novelty(NamedTuple):
    """A forest and what it was measured to be."""

    estimator: Any
    knots: tuple[tuple[float, float], ...]
    threshold: float
    urgent: float
    #: First and last day of each slice, and its rows.
    slices: list[tuple[str, int, int, int]]
    #: Scores and days of the threshold slice, for the picture.
    scores: Floats
    days: int
    metrics: dict[str, Interval]
    #: Judged days of the test slice: drawn by lot, of them at or above the threshold, of these breaches; then the same of alerts.
    judged: tuple[int, int, int, int, int, int]


def learn(recipe: Recipe, rows: Days, labels: Rows | None, told: Told) -> Novelty:
    """Grow the forest on the first slice, lay its raw values on the second, cut by capacity on the third, count on the last.

    Args:
        recipe: of ``anomaly``.
        rows: every licence-day.
        labels: judged days with the same columns, if there are any.
        told: called with what is done, how much of it and how much in all.

    Raises:
        TrainingRefused: the time is too short, a slice is empty, or no threshold is high enough for the team.
    """
    assert recipe.candidates.forest is not None
    bounds = spans(int(rows.day.min()), int(rows.day.max()), recipe.split)
    index = [np.flatnonzero((rows.day >= first) & (rows.day <= last)) for first, last in bounds]
    for name, some in zip(SLICES, index, strict=True):
        if not len(some):
            raise TrainingRefused(f"the {name} slice has no row of features; write features of a time without gaps")
    told("growing the forest", 0, 0)
    estimator = forest(recipe.candidates.forest, recipe.seed).fit(rows.matrix[index[0]])
    knots = knots_of(_raw(estimator, rows.matrix[index[1]], told, "calibrating"))
    scores = _scores(estimator, knots, rows.matrix[index[2]], told, "choosing the threshold")
    days = bounds[2][1] - bounds[2][0] + 1
    threshold = by_capacity(scores, days, recipe.cost.capacity)
    tested = _scores(estimator, knots, rows.matrix[index[3]], told, "testing")
    length = bounds[3][1] - bounds[3][0] + 1
    above = (tested >= threshold).astype(np.float64)
    statistics: dict[str, Statistic] = {"rows_per_day": lambda weights: float(np.sum(weights * above)) / length}
    metrics = bootstrap_all(statistics, rows.customer[index[3]], recipe.bootstrap_rounds, recipe.seed)
    judged = (0, 0, 0, 0, 0, 0)
    if labels is not None:
        late = labels.take(np.flatnonzero(labels.day >= bounds[3][0]))
        if len(late):
            hit = _scores(estimator, knots, late.matrix, told, "testing") >= threshold
            judged = (*_hits(late, hit, late.audited), *_hits(late, hit, ~late.audited))
            if judged[1]:
                drawn = late.take(np.flatnonzero(hit & late.audited))
                metrics |= bootstrap_all({"precision_by_lot": _precision(drawn)}, drawn.customer, recipe.bootstrap_rounds, recipe.seed)
    slices = [(name, *bound, len(some)) for name, bound, some in zip(SLICES, bounds, index, strict=True)]
    return Novelty(estimator, knots, threshold, NEVER, slices, scores, days, metrics, judged)


def knots_of(raw: Floats) -> tuple[tuple[float, float], ...]:
    """Raw values at fixed parts of the rows: a score of 0.99 is stranger than 99 % of them. Strictly rising.

    >>> knots_of(np.arange(101.0))[::10]
    ((0.0, 0.0), (50.0, 0.5), (100.0, 1.0))
    """
    parts = [part for part in PARTS if (1 - part) * len(raw) >= LEAST_BEYOND] or [0.0]
    values = np.quantile(raw, [*parts, 1.0], method="inverted_cdf")
    found = dict(zip(values.tolist(), [*parts, 1.0], strict=True))
    return tuple(sorted(found.items()))


def by_capacity(scores: Floats, days: int, capacity: int) -> float:
    """The lowest score from which on no more rows a day come than the team can judge.

    Raises:
        TrainingRefused: even the highest score has more.
    """
    values, counts = np.unique(scores, return_counts=True)
    beyond = np.cumsum(counts[::-1])[::-1]
    allowed = np.flatnonzero(beyond <= capacity * days)
    if not len(allowed):
        text = f"{beyond[-1] / days:.1f} licence-days a day share the highest score, and {capacity} can be reviewed"
        raise TrainingRefused(f"{text}; give candidates.forest more trees, or cost.minutes_per_day more minutes")
    return float(values[allowed[0]])


def _precision(rows: Rows) -> Statistic:
    def statistic(weights: Floats) -> float:
        total = float(np.sum(weights * rows.weight))
        return float(np.sum(weights * rows.weight * rows.label)) / total if total > 0 else float("nan")

    return statistic


def _hits(rows: Rows, hit: np.ndarray, which: np.ndarray) -> tuple[int, int, int]:
    return int(np.sum(which)), int(np.sum(hit & which)), int(np.sum(hit & which & (rows.label == 1)))


def _batches(matrix: Floats, told: Told, doing: str, asked: Callable[[Floats], Floats]) -> Floats:
    found = []
    for begin in range(0, len(matrix), BATCH):
        found.append(asked(matrix[begin : begin + BATCH]))
        told(doing, min(begin + BATCH, len(matrix)), len(matrix))
    return np.concatenate(found)


def _raw(estimator: Any, matrix: Floats, told: Told, doing: str) -> Floats:
    return _batches(matrix, told, doing, lambda some: raw_values(estimator, some))


def _scores(estimator: Any, knots: tuple[tuple[float, float], ...], matrix: Floats, told: Told, doing: str) -> Floats:
    return np.round(_batches(matrix, told, doing, lambda some: probabilities(estimator, knots, some)), 4)
