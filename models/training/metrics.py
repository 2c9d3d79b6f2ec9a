"""How good a ranking is, with intervals that know that alerts of one customer are alike.

Each metric is made in two steps: ``…_of(labels, scores, …)`` sorts once and returns a statistic, a function of one weight per row;
``bootstrap`` calls it with the number of times that each row's customer was drawn. Rows are alerts or licence-days; labels are 1
for a breach and 0 for none. Where a metric has no meaning (no breach among the rows), it is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.training.errors import TrainingRefused

Floats = NDArray[np.float64]
#: A value of weighted rows.
Statistic = Callable[[Floats], float]
#: Bins of the calibration error, of equally many rows: with bins of equal width nearly all rows of a rare event share the first one.
BINS = 10
#: Customers from which an interval can be drawn at all.
LEAST_GROUPS = 2


class Interval(NamedTuple):
    """A value with the 2.5th and 97.5th percentile of its bootstrap."""

    value: float
    low: float
    high: float


def average_precision_of(labels: Floats, scores: Floats) -> Statistic:
    """Area under precision and recall by steps; rows of equal score count together."""
    order = np.argsort(-scores, kind="stable")
    right = labels[order]
    ends = _ends(scores[order])

    def statistic(weights: Floats) -> float:
        weight = weights[order]
        true = np.cumsum(weight * right)[ends]
        taken = np.cumsum(weight)[ends]
        if not len(true) or true[-1] <= 0:
            return float("nan")
        precision = np.divide(true, taken, out=np.zeros_like(true), where=taken > 0)
        return float(np.sum(np.diff(true, prepend=0.0) * precision) / true[-1])

    return statistic


def average_precision(labels: Floats, scores: Floats, weights: Floats | None = None) -> float:
    """Average precision of a ranking.

    >>> average_precision(np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1]))
    0.8333333333333333
    """
    return average_precision_of(labels, scores)(_ones(labels) if weights is None else weights)


class Review(NamedTuple):
    """What a team sees that takes the best ``capacity`` rows of each day: statistics of the same rows."""

    precision: Statistic
    recall: Statistic
    #: Rows taken, and breaches among them, in all days together.
    taken: Statistic
    caught: Statistic


def review_of(labels: Floats, scores: Floats, days: NDArray[Any], capacity: float, least: float = -np.inf) -> Review:
    """The queue of each day, worked from its head.

    Rows of equal score stand in no order, so where the capacity cuts through them each is taken for the same part: the mean of all
    orders, and no lot decides a metric.

    Args:
        labels: 1 or 0.
        scores: the order; only rows of ``least`` or more are in the queue.
        days: the day of each row, anything that sorts.
        capacity: rows a day that the team can judge.
        least: the review threshold.
    """
    _, day = np.unique(days, return_inverse=True)
    order = np.lexsort((-scores, day))
    right, score, day = labels[order], scores[order], day[order]
    listed = score >= least
    starts = np.flatnonzero(np.r_[True, (np.diff(day) != 0) | (np.diff(score) != 0)]) if len(day) else np.zeros(0, np.int64)
    first = np.flatnonzero(np.r_[True, np.diff(day[starts]) != 0]) if len(starts) else starts

    def sums(weights: Floats) -> tuple[float, float, float]:
        weight = weights[order]
        total = float(np.sum(weight * right))
        if not len(starts):
            return 0.0, 0.0, total
        queued = np.add.reduceat(np.where(listed, weight, 0.0), starts)
        breaches = np.add.reduceat(np.where(listed, weight * right, 0.0), starts)
        before = np.cumsum(queued) - queued
        before -= np.repeat(before[first], np.diff(np.r_[first, len(starts)]))
        part = np.clip(capacity - before, 0.0, queued) / np.where(queued > 0, queued, 1.0)
        return float(np.sum(queued * part)), float(np.sum(breaches * part)), total

    def precision(weights: Floats) -> float:
        taken, caught, _ = sums(weights)
        return caught / taken if taken > 0 else float("nan")

    def recall(weights: Floats) -> float:
        _, caught, total = sums(weights)
        return caught / total if total > 0 else float("nan")

    return Review(precision, recall, lambda weights: sums(weights)[0], lambda weights: sums(weights)[1])


def precision_at(labels: Floats, scores: Floats, days: NDArray[Any], capacity: float, weights: Floats | None = None) -> float:
    """Share of breaches among the best ``capacity`` rows of each day.

    >>> precision_at(np.array([1.0, 0, 1]), np.array([0.9, 0.8, 0.1]), np.array([1, 1, 2]), capacity=1)
    1.0
    """
    return review_of(labels, scores, days, capacity).precision(_ones(labels) if weights is None else weights)


def ece_of(labels: Floats, probabilities: Floats, bins: int = BINS) -> Statistic:
    """Expected calibration error: mean distance of the said probability from the share that happened, over bins of equally many rows."""
    order = np.argsort(probabilities, kind="stable")
    right, said = labels[order], probabilities[order]
    starts = bins_of(said, bins)

    def statistic(weights: Floats) -> float:
        weight = weights[order]
        total = float(np.sum(weight))
        if total <= 0:
            return float("nan")
        gaps = np.add.reduceat(weight * (said - right), starts)
        return float(np.sum(np.abs(gaps)) / total)

    return statistic


def ece(labels: Floats, probabilities: Floats, weights: Floats | None = None) -> float:
    """Expected calibration error.

    >>> round(ece(np.array([0.0, 0, 0, 1]), np.array([0.25, 0.25, 0.25, 0.25])), 6)
    0.0
    """
    return ece_of(labels, probabilities)(_ones(labels) if weights is None else weights)


def bins_of(ascending: Floats, bins: int = BINS) -> NDArray[np.intp]:
    """Where bins of about equally many rows begin in sorted values; equal values share a bin."""
    if not len(ascending):
        return np.zeros(0, np.intp)
    return np.unique(np.searchsorted(ascending, ascending[np.arange(bins) * len(ascending) // bins], side="left"))


def brier_of(labels: Floats, probabilities: Floats) -> Statistic:
    """Mean squared distance of the said probability from what happened."""
    squares = (probabilities - labels) ** 2

    def statistic(weights: Floats) -> float:
        total = float(np.sum(weights))
        return float(np.sum(weights * squares) / total) if total > 0 else float("nan")

    return statistic


def bootstrap(statistic: Statistic, groups: Sequence[Any] | NDArray[Any], rounds: int, seed: int) -> Interval:
    """The value of a statistic, with a 95 % interval from drawing whole customers with replacement.

    Args:
        statistic: of one weight per row.
        groups: the customer of each row.
        rounds: how often; 0 gives no interval (NaN).
        seed: of the draws; equal seeds draw equal customers, so that two statistics can be compared draw by draw.
    """
    return bootstrap_all({"": statistic}, groups, rounds, seed)[""]


def bootstrap_all(
    statistics: dict[str, Statistic],
    groups: Sequence[Any] | NDArray[Any],
    rounds: int,
    seed: int,
    told: Callable[[int, int], None] | None = None,
) -> dict[str, Interval]:
    """The same for several statistics of the same rows, on the same draws.

    Args:
        statistics: by name.
        groups: the customer of each row.
        rounds: how often.
        seed: of the draws.
        told: called with rounds done and rounds in all.

    Raises:
        TrainingRefused: there are no rows.
    """
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if not len(group):
        raise TrainingRefused("there are no rows to measure anything on; export labels of a longer time")
    ones = np.ones(len(group))
    values = {name: statistic(ones) for name, statistic in statistics.items()}
    drawn: dict[str, list[float]] = {name: [] for name in statistics}
    if len(names) >= LEAST_GROUPS:
        source = np.random.Generator(np.random.PCG64(seed))
        for done in range(rounds):
            times = np.bincount(source.integers(0, len(names), len(names)), minlength=len(names)).astype(np.float64)
            weights = times[group]
            for name, statistic in statistics.items():
                drawn[name].append(statistic(weights))
            if told:
                told(done + 1, rounds)
    return {name: _interval(value, drawn[name]) for name, value in values.items()}


def _interval(value: float, drawn: list[float]) -> Interval:
    known = [one for one in drawn if not np.isnan(one)]
    if not known:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def _ends(descending: Floats) -> NDArray[np.intp]:
    """The last row of each run of equal values."""
    return np.flatnonzero(np.r_[np.diff(descending) != 0, True]) if len(descending) else np.zeros(0, np.intp)


def _ones(labels: Floats) -> Floats:
    return np.ones(len(labels))
