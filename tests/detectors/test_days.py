"""Days are wall-clock days of a zone, over changes of the clock and leap years."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.days import HOUR, DayClock, iso, number, weekday
from support.core import ms

PARIS = DayClock("Europe/Paris")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-28", 24), ("2028-02-29", 24)])
def test_a_day_has_the_hours_its_clock_gave_it(day: str, hours: int) -> None:
    start, end = PARIS.bounds(number(day))
    assert end - start == hours * HOUR


@pytest.mark.parametrize("night", ["2026-03-28 23:59:59", "2026-03-29 23:59:59", "2028-02-28 23:59:59"])
def test_the_last_second_and_the_next_midnight_are_two_days(night: str) -> None:
    last = ms(night)
    assert PARIS.day_of(last + 1_000) == PARIS.day_of(last) + 1


@given(st.integers(0, 4_000_000_000_000))
def test_every_instant_lies_within_the_bounds_of_its_day(at: int) -> None:
    clock = DayClock("Europe/Paris")
    start, end = clock.bounds(clock.day_of(at))
    assert start <= at < end


@given(st.integers(0, 60_000))
def test_a_day_is_read_as_it_is_written(day: int) -> None:
    assert number(iso(day)) == day
    assert 0 <= weekday(day) <= 6
