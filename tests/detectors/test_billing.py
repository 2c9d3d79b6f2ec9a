"""Billing months: any billing day, any month, any zone, over changes of the clock. The other clock, sliding windows, stands beside."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.billing import BillingClock, billing_clock
from detectors.days import DAY, HOUR
from detectors.windows import count_since, push
from support.core import ms

ZONES = ("Europe/Paris", "Indian/Reunion", "America/Guadeloupe", "Pacific/Noumea", "Africa/Cairo", "America/Havana", "Asia/Kathmandu")


def local(zone: str, when: str) -> int:
    return round(datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_a_month_runs_from_the_billing_day_at_midnight_to_the_next_one() -> None:
    month = BillingClock("Europe/Paris", 15).month_of(ms("2026-05-20 12:00"))
    assert month == (ms("2026-05-15 00:00"), ms("2026-06-15 00:00"), "2026-05")


@pytest.mark.parametrize(("at", "label"), [("2026-05-14 23:59:59.999", "2026-04"), ("2026-05-15 00:00", "2026-05")])
def test_midnight_belongs_to_the_new_month(at: str, label: str) -> None:
    assert BillingClock("Europe/Paris", 15).month_of(ms(at)).label == label


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-01-31", "2026-02-28"), ("2026-02-28", "2026-03-31"), ("2026-03-31", "2026-04-30"), ("2028-01-31", "2028-02-29")],
)
def test_a_billing_day_of_31_is_the_last_day_of_a_shorter_month(start: str, end: str) -> None:
    month = BillingClock("Europe/Paris", 31).month_of(ms(f"{start} 00:00"))
    assert (month.start, month.end, month.label) == (ms(f"{start} 00:00"), ms(f"{end} 00:00"), start[:7])


@pytest.mark.parametrize(("day", "days"), [("2026-02-10", 28), ("2028-02-10", 29), ("2026-06-10", 30), ("2026-07-10", 31)])
def test_months_have_28_to_31_days(day: str, days: int) -> None:
    month = BillingClock("Europe/Paris", 1).month_of(ms(f"{day} 12:00"))
    assert month.end - month.start == days * DAY


@pytest.mark.parametrize(("day", "hours"), [("2026-03-10", -1), ("2026-10-10", 1), ("2026-05-10", 0)])
def test_a_month_in_which_the_clocks_change_is_an_hour_shorter_or_longer(day: str, hours: int) -> None:
    month = BillingClock("Europe/Paris", 1).month_of(ms(f"{day} 12:00"))
    assert (month.end - month.start) % DAY == hours * HOUR % DAY


def test_a_billing_day_on_which_the_clocks_change_begins_at_its_midnight() -> None:
    month = BillingClock("Europe/Paris", 29).month_of(ms("2026-03-29 03:00"))
    assert month.start == ms("2026-03-29 00:00")


def test_the_month_turns_at_midnight_of_the_customer() -> None:
    at = ms("2026-04-01T00:30+04:00")
    assert BillingClock("Indian/Reunion", 1).month_of(at).label == "2026-04"
    assert BillingClock("Europe/Paris", 1).month_of(at).label == "2026-03"


def test_a_midnight_that_the_clocks_skip_is_the_first_instant_of_that_day() -> None:
    # In Cairo the clocks went from 24 April 2026 00:00 to 01:00.
    month = BillingClock("Africa/Cairo", 24).month_of(local("Africa/Cairo", "2026-04-24 12:00"))
    assert month.start == local("Africa/Cairo", "2026-04-23 23:00") + HOUR


def test_a_billing_day_that_no_month_has_is_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and 31"):
        BillingClock("Europe/Paris", 32)


def test_an_unknown_zone_is_the_contract_s_own() -> None:
    assert billing_clock("Europe/Atlantis", 3).month_of(ms("2026-05-20 12:00")).start == ms("2026-05-03 00:00")


@given(st.sampled_from(ZONES), st.integers(1, 31), st.integers(ms("2024-01-01"), ms("2032-01-01")))
def test_every_instant_lies_in_exactly_one_month_and_months_follow_each_other(zone: str, day: int, at: int) -> None:
    clock = BillingClock(zone, day)
    month = clock.month_of(at)
    assert month.start <= at < month.end
    assert clock.month_of(month.start) == clock.month_of(month.end - 1) == month
    following = clock.month_of(month.end)
    assert following.start == month.end
    assert clock.before(following) == month
    assert following.label > month.label
    start = datetime.fromtimestamp(month.start / 1000, ZoneInfo(zone)).date()
    next_day = start + timedelta(days=1)
    assert start.day == day or (start.day < day and next_day.month != start.month)
    assert month.label == f"{start:%Y-%m}"
    assert date(start.year, start.month, 1) <= start


@given(st.lists(st.integers(ms("2026-01-01"), ms("2026-12-31")), min_size=1, max_size=20))
def test_the_month_does_not_depend_on_what_was_asked_before(instants: list[int]) -> None:
    clock = BillingClock("Europe/Paris", 31)
    assert [clock.month_of(at) for at in instants] == [BillingClock("Europe/Paris", 31).month_of(at) for at in instants]


def test_two_clocks_a_sliding_window_goes_on_where_a_billing_month_starts_again() -> None:
    hits: list[int] = []
    instants = [ms("2026-03-31 23:00") + n * 10 * 60_000 for n in range(12)]
    for at in instants:
        push(hits, at, keep=20)
    month = BillingClock("Europe/Paris", 1).month_of(instants[-1])
    assert count_since(hits, instants[-1] - 2 * HOUR) == 12
    assert sum(1 for at in instants if month.start <= at) == 6
