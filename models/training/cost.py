"""Where to put the threshold: what reviewing from each score on would cost a day, with no more alerts than the team can judge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.training.errors import TrainingRefused
from models.training.metrics import Floats
from models.training.recipe import Cost

#: Rows behind a precision that makes a score urgent.
URGENT_ROWS = 10
#: No score reaches it, but a certain one does: nothing is urgent below certainty.
NEVER = 1.0


class Curve(NamedTuple):
    """For each threshold, falling: alerts a day, and what they cost with the missed breaches, in cents a day."""

    thresholds: Floats
    reviewed: Floats
    cents: Floats
    #: Reviewing nothing: every breach is missed.
    nothing: float


class Cutoffs(NamedTuple):
    """From which score on an alert is for review, and from which it comes first."""

    threshold: float
    urgent: float
    curve: Curve
    capacity: int
    #: What the threshold costs a day.
    cents: float


def curve_of(labels: Floats, scores: Floats, days: float, cost: Cost) -> Curve:
    """The cost of each threshold.

    Args:
        labels: 1 or 0.
        scores: of the same rows.
        days: calendar days of the rows, times the part of all alerts that they are.
        cost: of mistakes.
    """
    order = np.argsort(-scores, kind="stable")
    score, right = scores[order], labels[order]
    ends = np.flatnonzero(np.r_[np.diff(score) != 0, True])
    taken = (ends + 1).astype(np.float64)
    caught = np.cumsum(right)[ends]
    missed = (float(np.sum(labels)) - caught) * cost.missed_cents
    return Curve(
        score[ends],
        taken / days,
        (missed + (taken - caught) * cost.false_alarm_cents) / days,
        float(np.sum(labels)) * cost.missed_cents / days,
    )


def cutoffs(labels: Floats, scores: Floats, days: float, cost: Cost) -> Cutoffs:
    """The cheapest threshold within the capacity; of equally cheap ones the highest, which asks less of people.

    Raises:
        TrainingRefused: reviewing nothing is cheapest, or the first score alone has more alerts than the team can judge.
    """
    curve = curve_of(labels, scores, days, cost)
    allowed = curve.reviewed <= cost.capacity
    if not np.any(allowed):
        text = f"{curve.reviewed[0]:.1f} alerts a day share the highest score, and {cost.capacity} can be reviewed"
        raise TrainingRefused(f"{text}: the model does not rank; give it more labels, or cost.minutes_per_day more minutes")
    best = int(np.argmin(np.where(allowed, curve.cents, np.inf)))
    if curve.cents[best] >= curve.nothing:
        text = "reviewing nothing is cheapest at these costs: no score is right often enough"
        raise TrainingRefused(f"{text}; see cost.false_alarm_cents and cost.missed_cents, or give it more labels")
    threshold = float(curve.thresholds[best])
    return Cutoffs(threshold, max(threshold, _urgent(labels, scores, cost.urgent_percent)), curve, cost.capacity, float(curve.cents[best]))


def _urgent(labels: Floats, scores: Floats, percent: int) -> float:
    """The lowest score from which on at least so many percent of the rows are breaches."""
    order = np.argsort(-scores, kind="stable")
    score = scores[order]
    ends = np.flatnonzero(np.r_[np.diff(score) != 0, True])
    taken = ends + 1
    precise = (np.cumsum(labels[order])[ends] * 100 >= percent * taken) & (taken >= URGENT_ROWS)
    found = np.flatnonzero(precise)
    return float(score[ends[found[-1]]]) if len(found) else NEVER
