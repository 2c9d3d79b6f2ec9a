"""What a model is worth on customers that it has never seen, in a time that it has never seen, beside the rules without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from models.training.metrics import (
    Floats,
    Interval,
    Statistic,
    average_precision,
    average_precision_of,
    bootstrap_all,
    brier_of,
    ece_of,
    review_of,
)
from models.training.pipelines import probabilities
from models.training.recipe import Cost, Recipe
from models.training.rows import Rows
from models.training.split import Slice

#: A slice with fewer breaches, or others, has no average precision worth a line.
LEAST_OF_A_KIND = 5
#: What rules alone say of an alert: all that there is before anybody looked.
LEVELS = {"breach": 1.0, "notice": 0.5}
#: Rows on which the importance of a feature is measured, and how often each is shuffled.
IMPORTANCE_ROWS, SHUFFLES = 20_000, 5


class SliceResult(NamedTuple):
    """A part of the test slice."""

    name: str
    rows: int
    breaches: int
    average_precision: Interval
    precision: Interval


class Evaluation(NamedTuple):
    """Everything that the card says of the test slice."""

    metrics: dict[str, Interval]
    slices: list[SliceResult]
    #: Feature, mean loss of average precision when it is shuffled, and its standard deviation; the largest first.
    importance: list[tuple[str, float, float]]
    #: Audited days, of them at or above the threshold, of these breaches.
    audited: tuple[int, int, int]
    capacity: float


def evaluate(
    estimator: Any,
    test: Rows,
    part: Slice,
    threshold: float,
    recipe: Recipe,
    told: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure a calibrated model on the queue of the test slice.

    The capacity is cut to the slice's part of the alerts of its days: its customers share the team with all others. Money is
    counted up again to all customers.

    Args:
        estimator: gives probabilities.
        test: rows of the slice.
        part: the slice.
        threshold: from which on an alert is for review.
        recipe: costs, seed, rounds, slices.
        told: called with rounds done and in all.
    """
    queue = test.take(np.flatnonzero(~test.audited))
    scores = probabilities(estimator, queue.matrix)
    rules = np.array([LEVELS.get(str(level), 0.0) for level in queue.level])
    capacity = recipe.cost.capacity * part.share
    statistics = {
        **ranking(queue, scores, capacity, part, recipe.cost, threshold),
        "calibration_error": ece_of(queue.label, scores),
        "brier": brier_of(queue.label, scores),
        **{f"rules_{name}": one for name, one in ranking(queue, rules, capacity, part, recipe.cost, -np.inf).items()},
    }
    model_euros, rules_euros = statistics["euros_per_day"], statistics["rules_euros_per_day"]
    statistics["gain_euros_per_day"] = lambda weights: model_euros(weights) - rules_euros(weights)
    metrics = bootstrap_all(statistics, queue.customer, recipe.bootstrap_rounds, recipe.seed, told)
    asked = probabilities(estimator, test.matrix[test.audited]) >= threshold
    return Evaluation(
        metrics,
        _slices(queue, scores, capacity, recipe),
        importance(estimator, queue, recipe),
        (int(np.sum(test.audited)), int(np.sum(asked)), int(np.sum(test.label[test.audited][asked] == 1))),
        capacity,
    )


def ranking(queue: Rows, scores: Floats, capacity: float, part: Slice, cost: Cost, least: float) -> dict[str, Statistic]:
    """Statistics of an order of the queue: average precision, and what a team sees and saves that works it from its head.

    Euros a day: each caught breach saves what a missed one costs, each alert reviewed for nothing costs what the recipe says; against
    reviewing nothing, for all customers.
    """
    seen = review_of(queue.label, scores, queue.day, capacity)
    above = review_of(queue.label, scores, queue.day, capacity, least)

    def euros(weights: Floats) -> float:
        caught = above.caught(weights)
        cents = caught * cost.missed_cents - (above.taken(weights) - caught) * cost.false_alarm_cents
        return cents / 100 / (part.days * part.share)

    return {
        "average_precision": average_precision_of(queue.label, scores),
        "precision_at_capacity": seen.precision,
        "recall_at_capacity": seen.recall,
        "euros_per_day": euros,
    }


def _slices(queue: Rows, scores: Floats, capacity: float, recipe: Recipe) -> list[SliceResult]:
    found = []
    for kind in recipe.slices:
        for value in np.unique(queue.slices[kind]):
            index = np.flatnonzero(queue.slices[kind] == value)
            some = queue.take(index)
            breaches = int(np.sum(some.label == 1))
            known = {}
            if min(breaches, len(some) - breaches) >= LEAST_OF_A_KIND:
                statistics = {
                    "average_precision": average_precision_of(some.label, scores[index]),
                    # The part of the team's day that such alerts are.
                    "precision": review_of(some.label, scores[index], some.day, capacity * len(some) / len(queue)).precision,
                }
                known = bootstrap_all(statistics, some.customer, recipe.bootstrap_rounds, recipe.seed)
            none = Interval(float("nan"), float("nan"), float("nan"))
            words = f"{kind}:{value}"
            found.append(SliceResult(words, len(some), breaches, known.get("average_precision", none), known.get("precision", none)))
    return found


def importance(estimator: Any, queue: Rows, recipe: Recipe) -> list[tuple[str, float, float]]:
    """How much average precision a feature carries: what is lost when its values are dealt to other rows."""
    source = np.random.Generator(np.random.PCG64(recipe.seed))
    if len(queue) > IMPORTANCE_ROWS:
        queue = queue.take(np.sort(source.choice(len(queue), IMPORTANCE_ROWS, replace=False)))
    straight = average_precision(queue.label, estimator.predict_proba(queue.matrix)[:, 1])
    matrix = queue.matrix.copy()
    found = []
    for column, name in enumerate(recipe.names):
        kept = matrix[:, column].copy()
        lost = []
        for _ in range(SHUFFLES):
            matrix[:, column] = source.permutation(kept)
            lost.append(straight - average_precision(queue.label, estimator.predict_proba(matrix)[:, 1]))
        matrix[:, column] = kept
        found.append((name, float(np.mean(lost)), float(np.std(lost))))
    return sorted(found, key=lambda one: (-one[1], one[0]))
