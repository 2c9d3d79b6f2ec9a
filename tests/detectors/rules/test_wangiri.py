"""wangiri: who rings to be called back, and whose users are baited."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.errors import PolicyError
from detectors.events import Event
from detectors.rules.toll_fraud import RULE as TOLLS
from detectors.rules.wangiri import RULE, WangiriParams
from support.abuse.wangiri import START, bait, call_back, ringer
from support.core import Bench, call, licence_fact, tenant_fact

LICENCES = ("101", *(str(n) for n in range(241, 249)))


def bench(**types: str) -> Bench:
    kinds = {name: types.get(f"l{name}", "softphone") for name in LICENCES}
    facts: list[Event] = [tenant_fact(softphones_billed=20)]
    facts += [licence_fact(licence=name, type=kind, channels=4 if kind == "trunk" else 1) for name, kind in kinds.items()]
    return Bench({}, facts, detectors={TOLLS.rule: TOLLS, RULE.rule: RULE})


def levels(found: Bench) -> list[str]:
    return [a.level for a in found.alerts("wangiri") if a.state == "open"]


# -- the caller ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phases", [True, False])
def test_60_short_rings_to_distinct_numbers_in_an_hour_are_a_breach(phases: bool) -> None:
    found = bench().feed(*ringer("241", calls=60, phases=phases))
    notice, breach = found.alerts("wangiri")
    assert (notice.level, notice.measured, notice.limit) == ("notice", 30, 30)
    assert (breach.level, breach.measured, breach.limit, breach.mode) == ("breach", 60, 60, "review")
    assert breach.crossed_at == START + 59 * 25 * SECOND + 4 * SECOND
    assert found.suspensions() == []
    assert sum(breach.facts["rings_per_minute"]) == breach.facts["rings"] == 60


def test_59_are_a_notice_and_29_nothing() -> None:
    assert levels(bench().feed(*ringer("241", calls=59))) == ["notice"]
    assert levels(bench().feed(*ringer("241", calls=29))) == []


def test_60_short_rings_in_more_than_an_hour_are_no_breach() -> None:
    assert levels(bench().feed(*ringer("241", calls=70, every_s=62))) == ["notice"]


def test_60_short_rings_to_one_number_are_nothing() -> None:
    found = bench()
    for n in range(60):
        found.feed(*call(START + n * 30 * SECOND, None, ring_s=4, licence="241", ended_by="caller", phases=True))
    assert found.alerts() == []


def test_short_rings_that_are_under_80_percent_of_attempts_are_nothing() -> None:
    events: list[Any] = ringer("241", calls=60)
    for n in range(16):
        events += call(START - 10 * MINUTE + n * 100 * SECOND, 30, licence="241", to=f"+3314000{n:04}", phases=True)
    assert bench().feed(*events).alerts() == []


def test_calls_before_the_first_short_ring_of_the_hour_weigh_as_well() -> None:
    events: list[Any] = []
    for n in range(10):
        events += call(START - 20 * MINUTE + n * MINUTE, 30, licence="241", to=f"+3314000{n:04}", phases=True)
    events += ringer("241", calls=30)
    assert bench().feed(*events).alerts() == []


def test_rings_of_nine_seconds_and_calls_the_network_ended_are_no_bait() -> None:
    assert bench().feed(*ringer("241", calls=80, ring_s=9)).alerts() == []
    assert bench().feed(*ringer("241", calls=80, status=486, ended_by="callee")).alerts() == []


def test_a_trunk_is_judged_by_its_channels() -> None:
    assert bench(l241="trunk").feed(*ringer("241", calls=110, every_s=20)).alerts() == []
    found = bench(l241="trunk").feed(*ringer("241", calls=240, every_s=12))
    assert [(a.level, a.limit) for a in found.alerts()] == [("notice", 120), ("breach", 240)]


def test_the_episode_ends_at_the_close_of_a_day_without_rings() -> None:
    found = bench().feed(*ringer("241", calls=60)).until(START + 17 * HOUR)
    assert found.alerts()[-1].state == "open"
    assert found.until(START + 41 * HOUR).alerts()[-1].state == "closed"


def test_an_ordinary_licence_keeps_nothing() -> None:
    found = bench().feed(*call(START, 60, licence="241", phases=True))
    assert found.partition.licences[("acme", "241")].rules["wangiri"].rings == []
    assert found.partition.licences[("acme", "241")].rules["wangiri"].others == []


# -- the victim ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["+25261234", "0025261234"])
def test_missed_calls_from_one_range_on_five_licences_and_a_call_back_are_the_customers_notice(origin: str) -> None:
    found = bench().feed(*bait(range(242, 247), origin=origin), *call_back())
    [notice] = found.alerts("wangiri")
    assert (notice.level, notice.licence, notice.measured, notice.limit, notice.unit) == ("notice", None, 5, 5, "licences")
    assert notice.crossed_at == START + DAY + 90 * MINUTE
    assert notice.facts["origins"] == [{"range": "+252612", "licences": 5, "calls": 5, "called_back": 1}]
    assert found.suspensions() == []


def test_missed_calls_without_a_call_back_or_one_to_another_range_are_nothing() -> None:
    assert bench().feed(*bait()).alerts() == []
    assert bench().feed(*bait(), *call_back(to="+252712340001")).alerts() == []


def test_missed_calls_on_four_licences_are_nothing() -> None:
    assert bench().feed(*bait(range(242, 246)), *call_back()).alerts() == []


def test_one_call_that_rang_a_whole_group_is_one_missed_call() -> None:
    assert bench().feed(*bait(linked_id="one"), *call_back()).alerts() == []


def test_missed_calls_that_rang_long_or_were_answered_are_no_bait() -> None:
    events: list[Any] = []
    for n in range(6):
        more = {"licence": f"{242 + n}", "direction": "inbound", "caller": f"+25261234{n:04}", "to": "", "phases": True}
        events += call(START + DAY + n * MINUTE, None, ring_s=20, **more)
        events += call(START + DAY + n * MINUTE + 30 * SECOND, 20, ring_s=3, **more)
    assert bench().feed(*events, *call_back()).alerts() == []


def test_missed_calls_from_home_or_without_a_number_are_ignored() -> None:
    for origin in ("+3361234", "061234", "anonymous", ""):
        assert bench().feed(*bait(origin=origin), *call_back(to="+33612340001")).alerts() == []


def test_a_partner_range_that_the_customer_calls_anyway_is_nothing() -> None:
    found = bench().feed(*call_back(at=START - 10 * DAY))
    assert found.feed(*bait(), *call_back()).alerts() == []


def test_missed_calls_are_remembered_for_a_day() -> None:
    assert bench().feed(*bait(), *call_back(at=START + 2 * DAY + 30 * MINUTE)).alerts() == []


def test_the_customers_alert_closes_when_the_range_has_been_silent_for_a_day() -> None:
    found = bench().feed(*bait(range(242, 247)), *call_back()).until(START + 3 * DAY)
    assert [a.state for a in found.alerts()] == ["open", "closed"]
    assert found.alerts()[-1].issued_at == START + 2 * DAY


@pytest.mark.parametrize("wrong", [{"notice_numbers": 61}, {"breach_numbers": 5_000}, {"percent": 0}, {"victims": 20}, {"ring_s": 0}])
def test_a_limit_above_capacity_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=r"rules\.wangiri"):
        WangiriParams(**wrong)
