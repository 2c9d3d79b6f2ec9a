"""Vectors of abroad-total (detectors.md), through the evaluator."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import msgpack

from detectors.errors import PolicyError
from detectors.events import Event
from detectors.policy import Policy
from detectors.registry import installed
from support.abroad import stays
from support.core import Bench, exemption, ms, reg

RULE = "abroad-total"


def trips(*starts: str, length: int = 30, **more: Any) -> list[Event]:
    """Trips of ``length`` days, each followed by a day at home."""
    events: list[Event] = []
    for start in starts:
        last = date.fromisoformat(start) + timedelta(days=length - 1)
        events += stays(start, last.isoformat(), **more)
        home = (last + timedelta(days=1)).isoformat()
        events += stays(home, home, "FR")
    return events


THREE = ("2026-01-01", "2026-04-01", "2026-07-01")


def test_the_91st_abroad_day_within_365_breaches_on_that_very_day() -> None:
    bench = Bench().feed(trips(*THREE)).until("2026-09-30 00:00")
    assert not bench.alerts(RULE, "breach")
    notice = bench.alerts(RULE, "notice")[0]
    assert (notice.measured, notice.limit, notice.crossed_at) == (76, 76, notice.issued_at)
    bench.feed(stays("2026-10-01", "2026-10-01")).until("2026-10-04 00:00")
    [breach] = bench.alerts(RULE, "breach")
    assert (breach.measured, breach.limit, breach.unit) == (91, 91, "days")
    assert breach.crossed_at == ms("2026-10-02 00:00")
    assert breach.mode == "auto"
    assert breach.alert_id == notice.alert_id
    assert len(breach.evidence) + breach.evidence_more == 91
    assert not bench.alerts("abroad-stay")


def test_the_91st_abroad_day_365_days_after_the_first_is_no_breach() -> None:
    bench = Bench().feed(trips(*THREE), stays("2027-01-01", "2027-01-01")).until("2027-01-05 00:00")
    assert not bench.alerts(RULE, "breach")
    bench = Bench().feed(trips(*THREE), stays("2026-12-31", "2026-12-31")).until("2027-01-05 00:00")
    assert bench.alerts(RULE, "breach")[0].measured == 91


def test_mostly_at_home_the_breach_is_reviewed() -> None:
    home = stays("2026-02-05", "2026-03-25", "FR") + stays("2026-05-10", "2026-06-25", "FR") + stays("2026-08-05", "2026-09-25", "FR")
    bench = Bench().feed(trips(*THREE), home, stays("2026-10-01", "2026-10-01")).until("2026-10-04 00:00")
    breach = bench.alerts(RULE, "breach")[0]
    assert breach.mode == "review"
    assert any("less than 50 %" in text for text in breach.against)


def test_the_total_at_85_proposes_the_lift_and_below_76_the_episode_ends() -> None:
    events = [*trips(*THREE), *stays("2026-10-01", "2026-10-01"), reg("2026-10-01 13:00", "CH")]
    bench = Bench().feed(events).until("2026-10-03 00:00")
    assert bench.suspensions()[-1].state == "active"
    bench.until("2027-01-07 02:00")
    proposed = bench.alerts(RULE)[-1]
    assert any("lift proposed: 85 days" in text for text in proposed.against)
    assert proposed.state == "open"
    assert bench.suspensions()[-1].state == "active", "the gap avoids flapping; a person lifts"
    bench.until("2027-01-17 00:59")
    assert bench.alerts(RULE)[-1].state == "open"
    bench.until("2027-01-17 01:00")
    assert bench.alerts(RULE)[-1].state == "closed"


def test_a_policy_that_lifts_by_itself_does_so_at_85() -> None:
    events = [*trips(*THREE), *stays("2026-10-01", "2026-10-01"), reg("2026-10-01 13:00", "CH")]
    bench = Bench({RULE: {"lift": "auto"}}).feed(events).until("2027-01-07 02:00")
    assert bench.suspensions()[-1].state == "lifted"


def test_exempt_days_do_not_count_and_an_exemption_that_comes_later_withdraws() -> None:
    events = [*trips(*THREE), *stays("2026-10-01", "2026-10-02")]
    permission = exemption("2025-12-01", (RULE,), "2026-04-01 00:00", "2026-05-01 00:00")
    assert not Bench().feed(permission, events).until("2026-10-10 00:00").alerts(RULE)
    bench = Bench().feed(events).until("2026-10-10 00:00")
    assert bench.alerts(RULE)[-1].level == "breach"
    later = exemption("2026-12-20 10:00", (RULE,), "2026-04-01 00:00", "2026-05-01 00:00")
    bench.feed(later)
    assert bench.alerts(RULE)[-1].state == "withdrawn"
    assert bench.suspensions()[-1].state == "lifted"


def test_a_revoked_exemption_lets_its_days_count_again() -> None:
    permission = exemption("2025-12-01", (RULE,), "2026-04-01 00:00", "2026-05-01 00:00")
    bench = Bench().feed(permission, trips(*THREE), stays("2026-10-01", "2026-10-01")).until("2026-10-10 00:00")
    assert not bench.alerts(RULE)
    bench.feed(exemption("2026-10-11 10:00", (RULE,), "2026-04-01 00:00", "2026-05-01 00:00", revoked=True))
    assert bench.alerts(RULE)[-1].measured == 91


def test_days_on_which_outgoing_was_restricted_do_not_count() -> None:
    both = [*trips(*THREE), reg("2026-10-01 11:00", "CH"), *stays("2026-10-01", "2026-10-20")]
    bench = Bench().feed(both).until("2026-10-30 00:00")
    assert bench.alerts(RULE)[-1].measured == 91
    assert bench.alerts(RULE, "breach")[0].mode == "auto"


def test_the_state_of_a_licence_abroad_all_year_stays_small() -> None:
    bench = Bench({RULE: {"mode": "review"}, "abroad-stay": {"mode": "review"}}).feed(stays("2025-01-01", "2027-02-01", phases=True))
    licence = bench.partition.licences[("acme", "101")]
    assert len(msgpack.encode(licence.days)) < 8_192


@pytest.mark.parametrize("keys", [{"notice_days": 92}, {"window_days": 366}, {"lift_days": 91}])
def test_limits_that_do_not_fit_each_other_are_refused(keys: dict[str, int]) -> None:
    with pytest.raises(PolicyError, match="abroad-total"):
        Policy({"rules": {RULE: keys}}, installed())
