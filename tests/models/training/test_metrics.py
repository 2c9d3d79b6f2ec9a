"""Metrics against a library's and against counting by hand; intervals draw customers, not rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss

from models.training.errors import TrainingRefused
from models.training.metrics import (
    average_precision,
    average_precision_of,
    bootstrap,
    brier_of,
    ece,
    precision_at,
    review_of,
)

ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.integers(0, 3)), min_size=1, max_size=40
)


@settings(max_examples=40)
@given(ROWS)
def test_average_precision_and_brier_are_those_of_scikit_learn(rows: list[tuple[float, float, int]]) -> None:
    labels, scores, times = (np.array(column, float) for column in zip(*rows, strict=True))
    assert np.isclose(brier_of(labels, scores)(np.ones(len(labels))), brier_score_loss(labels, scores))
    if labels.any():
        assert np.isclose(average_precision(labels, scores), average_precision_score(labels, scores))
    else:
        assert np.isnan(average_precision(labels, scores))
    if (labels * times).any():
        assert np.isclose(average_precision(labels, scores, times), average_precision_score(labels, scores, sample_weight=times))


@settings(max_examples=40)
@given(ROWS, st.integers(1, 6))
def test_precision_at_capacity_is_that_of_the_head_of_each_day(rows: list[tuple[float, float, int]], capacity: int) -> None:
    labels, scores, days = (np.array(column, float) for column in zip(*rows, strict=True))
    taken = caught = 0.0
    for day in sorted(set(days)):
        free = float(capacity)
        for score in sorted(set(scores[days == day]), reverse=True):
            some = labels[(days == day) & (scores == score)]
            part = min(free, len(some))
            taken, caught, free = taken + part, caught + part * some.mean(), free - part
    assert np.isclose(precision_at(labels, scores, days, capacity), caught / taken)
    if labels.any():
        assert np.isclose(review_of(labels, scores, days, capacity).recall(np.ones(len(labels))), caught / labels.sum())


@settings(max_examples=40)
@given(ROWS, st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_metric(rows: list[tuple[float, float, int]], capacity: int, mixer: object) -> None:
    mixed = list(rows)
    mixer.shuffle(mixed)  # type: ignore[attr-defined]
    values = []
    for each in (rows, mixed):
        labels, scores, days = (np.array(column, float) for column in zip(*each, strict=True))
        review = review_of(labels, scores, days, capacity, 0.4)
        ones = np.ones(len(labels))
        values.append([average_precision(labels, scores), review.precision(ones), review.taken(ones), ece(labels, scores)])
    assert np.allclose(values[0], values[1], equal_nan=True)


def test_only_rows_at_or_above_the_threshold_are_in_the_queue() -> None:
    labels, scores, days = np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.3, 0.2]), np.zeros(4)
    review = review_of(labels, scores, days, 10, least=0.8)
    ones = np.ones(4)
    assert (review.taken(ones), review.caught(ones), review.precision(ones), review.recall(ones)) == (2, 1, 0.5, 0.5)


def test_calibration_error_is_the_mean_distance_of_what_is_said_from_what_is() -> None:
    labels = np.array([0.0, 1.0] * 50)
    assert ece(labels, np.full(100, 0.5)) == 0
    assert np.isclose(ece(labels, np.full(100, 0.9)), 0.4)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_an_interval_is_the_same_for_the_same_seed_and_holds_its_value_s_neighbourhood(seed: int) -> None:
    source = np.random.Generator(np.random.PCG64(seed))
    groups, labels = source.integers(0, 20, 100), source.integers(0, 2, 100).astype(float)
    statistic = brier_of(labels, np.full(100, 0.3))
    first = bootstrap(statistic, groups, 50, seed)
    assert first == bootstrap(statistic, groups, 50, seed)
    assert first.low <= first.high
    assert abs(first.value - (first.low + first.high) / 2) < 0.1


def test_rows_of_one_customer_are_one_draw_so_that_repeating_them_narrows_nothing() -> None:
    labels = np.tile([1.0, 0.0, 0.0, 1.0, 0.0], 4)
    scores = np.tile([0.8, 0.7, 0.2, 0.6, 0.1], 4)
    groups = np.arange(20) % 5
    once = bootstrap(average_precision_of(labels[:5], scores[:5]), groups[:5], 200, 1)
    assert bootstrap(average_precision_of(labels, scores), groups, 200, 1) == pytest.approx(once)
    alike = bootstrap(average_precision_of(labels, scores), np.arange(20), 200, 1)
    assert alike.high - alike.low < once.high - once.low


def test_of_one_customer_there_is_a_value_and_no_interval() -> None:
    found = bootstrap(average_precision_of(np.array([1.0, 0.0]), np.array([0.9, 0.1])), ["a", "a"], 50, 1)
    assert found.value == 1
    assert np.isnan([found.low, found.high]).all()


def test_of_no_rows_nothing_is_said() -> None:
    with pytest.raises(TrainingRefused, match="no rows"):
        bootstrap(brier_of(np.zeros(0), np.zeros(0)), [], 10, 1)
