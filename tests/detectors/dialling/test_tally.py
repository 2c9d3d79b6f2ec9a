"""Counts of calls by hour and day against counting by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.days import DAY, HOUR
from detectors.dialling.tally import ANSWERED, ATTEMPTS, COST, Tally

TIMES = st.lists(st.integers(0, 70 * 24), max_size=60).map(lambda hours: [1_000 * HOUR + h * HOUR for h in hours])


@given(TIMES)
def test_the_last_day_and_the_last_month_hold_what_began_in_them_whatever_the_order(times: list[int]) -> None:
    tally = Tally()
    for at in times:
        tally.add(at, (ATTEMPTS,), 1)
    newest = max(times, default=0) // HOUR
    assert tally.last_day[ATTEMPTS] == sum(at // HOUR > newest - 24 for at in times)
    assert sum(tally.per_hour()) == tally.last_day[ATTEMPTS]
    assert all(day > newest // 24 - 31 for day in tally.days)


@given(TIMES)
def test_what_is_added_and_taken_back_leaves_nothing(times: list[int]) -> None:
    tally = Tally()
    for at in sorted(times):
        tally.add(at, (ATTEMPTS, ANSWERED), 1, 70)
        tally.add(at, (ATTEMPTS, ANSWERED), -1, -70)
    assert tally.last_month() == [0] * 5
    assert tally.last_day[COST] == 0


def test_an_hour_that_left_the_last_day_still_counts_in_the_month_and_then_no_more() -> None:
    tally = Tally()
    tally.add(0, (ATTEMPTS,), 1)
    tally.settle(25)
    assert (tally.last_day[ATTEMPTS], tally.last_month()[ATTEMPTS]) == (0, 1)
    tally.add(40 * DAY, (ATTEMPTS,), 1)
    tally.add(42 * DAY, (ATTEMPTS,), 1)
    assert tally.last_month()[ATTEMPTS] == 2
