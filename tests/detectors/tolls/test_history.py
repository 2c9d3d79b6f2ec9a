"""What a customer is used to: ranges, hours of the week, money; over restarts, changes of the clock, and with full lists."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.context import Context
from detectors.days import DAY, HOUR, day_clock, number
from detectors.policy import Policy
from detectors.rules.toll_fraud import RULE
from detectors.state import LicenceState, TenantState, decode, encode
from detectors.tolls import history as h
from support.core import ms, tenant_fact

TODAY = number("2026-03-03")


def turn(now: str = "2026-03-03 10:00", **fact: Any) -> Context:
    """A licence's turn of a customer with five weeks of calls."""
    ctx = Context()
    ctx.now, ctx.event, ctx.clock = ms(now), None, day_clock("Europe/Paris")
    ctx.tenant, ctx.licence = TenantState("acme", tenant_fact(**fact)), LicenceState("acme", "101")
    ctx.merged = Policy({}, {RULE.rule: RULE}).merged("acme", "")
    h.history(ctx).since = TODAY - 35
    return ctx


def test_only_numbers_outside_the_home_zone_or_of_a_surcharged_class_can_be_new() -> None:
    ctx = turn()
    new = [("+49301234567", "intl_fixed_mobile"), ("+33899123456", "premium"), ("3646", "short_paid"), ("+881612345678", "satellite")]
    old = [("+33612345678", "mobile"), ("+590690123456", "mobile"), ("+80012345678", "free"), ("201", "internal"), ("49", "invalid")]
    assert all(h.novel(ctx, *number_) for number_ in new)
    assert not any(h.novel(ctx, *number_) for number_ in old)


@pytest.mark.parametrize(
    ("first", "last", "new"), [(-3, -3, False), (-2, -1, True), (-90, -90, False), (-200, -91, True), (-200, 0, False)]
)
def test_a_range_is_known_three_days_after_its_first_call_and_for_90_days(first: int, last: int, new: bool) -> None:
    ctx = turn()
    h.history(ctx).ranges["+49301"] = [TODAY + first, TODAY + last]
    assert h.novel(ctx, "+49301234567", "intl_fixed_mobile") is new


def test_a_pause_of_over_90_days_makes_the_first_call_after_it_a_first_call() -> None:
    ctx = turn()
    h.learn(ctx, "+49301234567", TODAY - 200)
    h.learn(ctx, "+49301234567", TODAY - 100)
    assert h.history(ctx).ranges["+49301"] == [TODAY - 100, TODAY - 100]
    h.learn(ctx, "+49301234567", TODAY - 10)
    assert h.history(ctx).ranges["+49301"] == [TODAY - 100, TODAY - 10]


def test_what_a_burst_taught_is_taken_back_and_what_was_known_before_stays() -> None:
    ctx = turn()
    h.learn(ctx, "+49301234567", TODAY)
    h.learn(ctx, "+44201234567", TODAY - 30)
    h.unlearn(ctx, ["+49301", "+44201", "+7495"])
    assert set(h.history(ctx).ranges) == {"+44201"}
    assert set(h.history(ctx).codes) == {"44"}


def test_the_range_called_longest_ago_is_forgotten_first() -> None:
    ctx = turn()
    for n in range(h.MOST_RANGES + 5):
        h.learn(ctx, f"+49{n:04}567890", TODAY - 20 + n % 2)
    assert len(h.history(ctx).ranges) <= h.MOST_RANGES
    h.learn(ctx, "+1212555", TODAY)
    assert "+1212" in h.history(ctx).ranges


def test_an_hour_is_quiet_when_none_of_the_four_weeks_before_had_a_call_in_it() -> None:
    ctx, state = turn(), h.history(turn())
    ctx.tenant.rules[h.RULE_ID] = state
    at = ms("2026-02-03 03:10")
    assert h.quiet(ctx, at, 4)
    h.note_hour(ctx, state, at)
    assert h.quiet(ctx, at + 20 * 60_000, 4)  # its own hour says nothing for itself
    for weeks, quiet in ((1, False), (4, False), (5, True)):
        assert h.quiet(ctx, at + weeks * 7 * DAY, 4) is quiet
    assert h.usual_hours(ctx, at + 7 * DAY, 4)[24 + 3] == 1


def test_old_weeks_make_place_and_never_come_back() -> None:
    ctx = turn()
    state, at = h.history(ctx), ms("2026-03-03 03:10")
    h.note_hour(ctx, state, at)
    h.note_hour(ctx, state, at + 8 * 7 * DAY + HOUR)
    assert h.quiet(ctx, at + 9 * 7 * DAY, 4)
    assert not h.quiet(ctx, at + 9 * 7 * DAY + HOUR, 4)
    h.note_hour(ctx, state, at)  # too old to be noted
    assert h.quiet(ctx, at + 9 * 7 * DAY, 4)


def test_hours_are_those_of_the_customers_zone_over_a_change_of_the_clock() -> None:
    ctx = turn()
    assert h.hour_of_week(ctx, ms("2026-03-28 09:00")) == h.hour_of_week(ctx, ms("2026-04-04 09:00"))
    reunion = turn(time_zone="Indian/Reunion")
    assert h.hour_of_week(reunion, ms("2026-03-02 01:30")) == 4
    assert h.hour_of_week(turn(time_zone="Mars/Olympus"), ms("2026-03-02 01:30")) == 1


def test_the_day_that_runs_is_no_part_of_the_best_hour_and_day() -> None:
    ctx = turn()
    state = h.history(ctx)
    noon = ms("2026-02-20 12:00")
    for at, cost in ((noon, 700), (noon + HOUR, 300), (noon + HOUR, 500), (noon + DAY, 900), (noon - DAY, 50)):
        h.spend(ctx, state, at, cost)
    h.spend(ctx, state, ctx.now, 99_000)
    assert h.best(ctx, ctx.now, 28) == (900, 1_500)
    assert h.best(ctx, ctx.now + DAY, 28) == (99_000, 99_000)
    assert h.best(ctx, noon + 29 * DAY, 28) == (99_000, 99_000)
    assert h.best(ctx, ms("2026-05-01 12:00"), 28) == (0, 0)


def test_it_survives_being_written_and_read() -> None:
    ctx = turn()
    state = h.history(ctx)
    h.note_hour(ctx, state, ctx.now)
    h.learn(ctx, "+49301234567", TODAY - 10)
    h.spend(ctx, state, ctx.now, 5)
    ctx.tenant = decode("t", encode(ctx.tenant))
    assert h.history(ctx) == state
    assert h.known(ctx, "+49301999999")
    h.note_hour(ctx, h.history(ctx), ctx.now + HOUR)
