"""The split: time first, then an embargo, and customers that only the test slice sees; no row is lost uncounted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.training.errors import TrainingRefused
from models.training.recipe import Split
from models.training.rows import Rows
from models.training.split import TEST, demand, spans, split

DAYS = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 12), st.booleans()), min_size=20, max_size=60)
SPLITS = st.builds(
    Split,
    embargo_days=st.integers(1, 14),
    calibration_share=st.sampled_from([0.1, 0.2]),
    threshold_share=st.sampled_from([0.1, 0.2]),
    test_share=st.sampled_from([0.1, 0.3]),
    test_customers=st.sampled_from([0.2, 0.5, 0.9]),
)


def rows_of(drawn: list[tuple[int, int, bool]]) -> Rows:
    day, customer, breach = (np.array(column) for column in zip(*drawn, strict=True))
    count = len(day)
    names = np.array([f"c{n}" for n in customer])
    return Rows(
        np.zeros((count, 1)), breach.astype(float), np.ones(count), 20_000 + day.astype(np.int64), names,
        np.zeros(count, bool), np.full(count, "notice"), {}, np.zeros(count, np.int64),
    )  # fmt: skip


@settings(max_examples=20)
@given(DAYS, SPLITS, st.integers(0, 99))
def test_no_customer_of_the_test_slice_is_in_an_earlier_one(drawn: list[tuple[int, int, bool]], wanted: Split, seed: int) -> None:
    rows = rows_of([(0, 0, True), (120, 1, True), *drawn])
    parts = split(rows, wanted, seed)
    earlier = {name for part in parts.slices[:TEST] for name in rows.customer[part.rows]}
    assert earlier & set(rows.customer[parts.test.rows]) == set()
    assert set(rows.customer[parts.test.rows]) == parts.held


@settings(max_examples=20)
@given(DAYS, SPLITS, st.integers(0, 99))
def test_slices_follow_each_other_with_the_embargo_between_them(drawn: list[tuple[int, int, bool]], wanted: Split, seed: int) -> None:
    rows = rows_of([(0, 0, True), (120, 1, True), *drawn])
    parts = split(rows, wanted, seed)
    for part in parts.slices:
        assert ((rows.day[part.rows] >= part.first) & (rows.day[part.rows] <= part.last)).all()
    for before, after in zip(parts.slices, parts.slices[1:], strict=False):
        assert after.first - before.last - 1 == wanted.embargo_days


@settings(max_examples=20)
@given(DAYS, SPLITS, st.integers(0, 99))
def test_every_row_is_in_one_slice_or_counted_as_dropped(drawn: list[tuple[int, int, bool]], wanted: Split, seed: int) -> None:
    rows = rows_of([(0, 0, True), (120, 1, True), *drawn])
    parts = split(rows, wanted, seed)
    kept = np.concatenate([part.rows for part in parts.slices])
    assert len(np.unique(kept)) == len(kept) == len(rows) - sum(parts.dropped.values())


@settings(max_examples=20)
@given(DAYS, SPLITS, st.integers(0, 99), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(drawn: list[tuple[int, int, bool]], wanted: Split, seed: int, mixer: object) -> None:
    drawn = [(0, 0, True), (120, 1, True), *drawn]
    mixed = list(drawn)
    mixer.shuffle(mixed)  # type: ignore[attr-defined]
    first, second = split(rows_of(drawn), wanted, seed), split(rows_of(mixed), wanted, seed)
    assert (first.held, first.dropped) == (second.held, second.dropped)
    for one, other in zip(first.slices, second.slices, strict=True):
        assert sorted(drawn[n] for n in one.rows) == sorted(mixed[n] for n in other.rows)


def test_shares_are_of_the_days_outside_of_the_embargoes() -> None:
    assert spans(0, 129, Split(embargo_days=10, calibration_share=0.1, threshold_share=0.2, test_share=0.3)) == [
        (0, 39), (50, 59), (70, 89), (100, 129),
    ]  # fmt: skip


def test_a_time_too_short_for_the_embargoes_is_refused_with_the_days_needed() -> None:
    with pytest.raises(TrainingRefused, match=r"span 60 days \(.*\), and 3 embargoes of 28 days .* at least 88 days"):
        spans(20_000, 20_059, Split(embargo_days=28))


def test_a_slice_with_too_few_breaches_is_refused_with_how_many_are_needed() -> None:
    rows = rows_of([(day, customer, customer % 2 == 0 and day < 60) for day in range(121) for customer in range(10)])
    parts = split(rows, Split(embargo_days=7), 1)
    with pytest.raises(TrainingRefused, match=r"the threshold slice .* has \d+ breaches .* it needs 20 of each; .* in some.toml"):
        demand(rows, parts, 20, "some.toml")
    with pytest.raises(TrainingRefused, match="no label is left"):
        split(rows.take(np.zeros(0, int)), Split(embargo_days=7), 1)
