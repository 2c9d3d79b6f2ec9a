"""The threshold: cheapest within what the team can judge, or a clear no."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.training.cost import NEVER, cutoffs
from models.training.errors import TrainingRefused
from models.training.recipe import Cost

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.integers(0, 20).map(lambda n: n / 20)), min_size=1, max_size=60)


def cost(false_alarm: int = 100, missed: int = 1000, capacity: int = 5, urgent: int = 90) -> Cost:
    return Cost(
        false_alarm_cents=false_alarm, missed_cents=missed, reviewer_minutes_per_alert=1, minutes_per_day=capacity, urgent_percent=urgent
    )


@settings(max_examples=40)
@given(ROWS, st.integers(1, 10), st.integers(1, 4))
def test_no_other_threshold_within_the_capacity_is_cheaper(rows: list[tuple[float, float]], capacity: int, days: int) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    asked = cost(capacity=capacity)
    try:
        found = cutoffs(labels, scores, days, asked)
    except TrainingRefused:
        assume(False)
    priced = {}
    for threshold in set(scores.tolist()):
        above = scores >= threshold
        if above.sum() / days <= capacity:
            priced[threshold] = labels[~above].sum() * asked.missed_cents + (1 - labels[above]).sum() * asked.false_alarm_cents
    assert found.threshold in priced
    assert priced[found.threshold] == min(priced.values()) < labels.sum() * asked.missed_cents
    assert found.threshold == max(one for one, cents in priced.items() if cents == priced[found.threshold])
    assert found.threshold <= found.urgent <= NEVER


def test_a_team_with_less_time_gets_a_higher_threshold() -> None:
    scores = np.linspace(0, 0.99, 100)
    labels = (scores > 0.5).astype(float)
    generous, tight = (cutoffs(labels, scores, 1, cost(capacity=capacity)) for capacity in (100, 10))
    assert generous.threshold == pytest.approx(0.51)
    assert (tight.threshold, tight.curve.reviewed[tight.curve.thresholds == tight.threshold]) == (pytest.approx(0.90), 10)


def test_urgent_is_where_so_many_of_a_hundred_are_right() -> None:
    scores = np.repeat([0.9, 0.6, 0.3], 20)
    labels = np.concatenate([np.ones(20), np.tile([1.0, 0.0], 10), np.zeros(20)])
    assert cutoffs(labels, scores, 1, cost(capacity=60)).urgent == 0.9
    assert cutoffs(labels, scores, 1, cost(capacity=60, urgent=75)).urgent == 0.6
    few = cutoffs(np.array([1.0, 1, 1, 0, 0, 0]), np.array([0.9, 0.8, 0.8, 0.2, 0.1, 0.1]), 1, cost(capacity=60))
    assert few.urgent == NEVER, "six rows make no precision"


def test_when_reviewing_nothing_is_cheapest_there_is_no_model() -> None:
    labels, scores = np.array([1.0, *[0.0] * 99]), np.zeros(100)
    with pytest.raises(TrainingRefused, match="reviewing nothing is cheapest"):
        cutoffs(labels, scores, 1, cost(false_alarm=1000, capacity=100))


def test_a_model_that_gives_all_the_same_score_does_not_rank() -> None:
    with pytest.raises(TrainingRefused, match=r"100.0 alerts a day share the highest score, and 5 can be reviewed"):
        cutoffs(np.ones(100), np.full(100, 0.7), 1, cost())
