"""Honest lines that call few numbers often: each is let go by all rules together, and what would change that is shown."""

from __future__ import annotations

import pytest

from support.core import ms
from support.honest import alerts_of, doctors_line, hourly_monitor, monitored_lines, said, young_people

each_seed = pytest.mark.parametrize("seed", [1, 2, 3])


@each_seed
def test_a_doctors_line_that_is_redialled_is_let_go(seed: int) -> None:
    assert said(doctors_line(seed)) == []


def test_a_line_that_rings_out_thirty_times_in_twenty_minutes_is_pursued() -> None:
    assert {line.partition(" ")[0] for line in said(doctors_line(1, rings=True))} == {"harassment"}


@each_seed
def test_alarm_and_lift_monitoring_lines_are_let_go(seed: int) -> None:
    assert said(monitored_lines(seed)) == []


def test_a_transmitter_polled_every_hour_is_noticed_in_its_first_two_weeks_at_most() -> None:
    alerts = alerts_of(hourly_monitor(1))
    assert {(one.rule, one.level) for one in alerts} <= {("harassment", "notice")}
    assert [one.summary for one in alerts if one.state == "open" and one.issued_at > ms("2026-03-17 00:00")] == []


@pytest.mark.parametrize("seed", range(1, 9))
def test_young_people_whose_calls_are_mostly_a_few_seconds_long_are_let_go(seed: int) -> None:
    alerts = alerts_of(young_people(seed))
    # Once in 60 casts of the dice a friend neither calls nor talks for a week; the notice goes with the next call back.
    assert {(one.rule, one.level) for one in alerts} <= {("harassment", "notice")}
    assert [one.state for one in alerts] in ([], ["open", "withdrawn"])
