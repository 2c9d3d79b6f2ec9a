"""call-centre: each sign at its limit, days that count, the customer's alert."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest

from detectors.errors import PolicyError
from detectors.events import Reference
from detectors.rules.call_centre import RULE, CallCentreParams
from support.core import Bench, call, dest, licence_fact, ms, tenant_fact

MONDAY = date(2026, 3, 2)
_numbers = count()


def new_number() -> str:
    return f"+3361{next(_numbers):07}"


def known_number(n: int) -> str:
    return f"+3362{n % 40:07}"


def day_of(offset: int) -> date:
    """The ``offset``-th working day from Monday 2 March 2026 on."""
    return MONDAY + timedelta(days=offset // 5 * 7 + offset % 5)


def at(day: date, minutes: float) -> int:
    return ms(f"{day.isoformat()} 09:00") + round(minutes * 60_000)


def agent_day(day: date, calls: int = 80, talk_s: float = 60, every_min: float = 5, fresh: bool = True, **fields: Any) -> list[Any]:
    """Calls of one day to new numbers (or to 40 known ones)."""
    return [
        e
        for n in range(calls)
        for e in call(at(day, n * every_min), talk_s, to=new_number() if fresh else known_number(n), **fields)
    ]  # fmt: skip


def answering_day(day: date, calls: int = 60, talk_s: float = 200, every_min: float = 7, **fields: Any) -> list[Any]:
    given = {"caller": "+33145000001"} | fields
    return [e for n in range(calls) for e in call(at(day, n * every_min), talk_s, direction="inbound", to="+33100000101", **given)]


def statements(bench: Bench, licence: str | None = "101") -> list[tuple[str, int]]:
    return [(a.level, a.measured) for a in bench.alerts("call-centre", licence=licence) if a.state == "open"]


def run(
    *days: list[Any], until: str = "2026-04-30", facts: list[Any] | None = None, policy: dict[str, Any] | None = None, before: Any = ()
) -> Bench:
    # Alone: alerts of other rules keep a silent licence's days closing, and the customer's alert would be seen to end.
    bench = Bench(policy, facts=facts, detectors={RULE.rule: RULE})
    bench.feed(*before)
    return bench.feed(*(e for day in days for e in day)).until(until)


# -- outgoing --------------------------------------------------------------------------------------------------------


def test_three_showing_days_are_a_notice_and_five_a_breach() -> None:
    bench = run(*(agent_day(day_of(n)) for n in range(5)))
    assert statements(bench) == [("notice", 3), ("notice", 4), ("breach", 5)]
    breach = bench.alerts("call-centre", "breach")[0]
    assert breach.mode == "review"
    assert breach.crossed_at == ms("2026-03-07 00:00")
    assert breach.issued_at == ms("2026-03-07 01:00") + 24 * 3_600_000  # a source of CDRs alone closes a day 25 hours after it
    assert len(breach.evidence) == 5


def test_a_day_is_judged_one_hour_after_its_end_when_calls_come_live() -> None:
    bench = run(*(agent_day(day_of(n), phases=True) for n in range(5)))
    assert bench.alerts("call-centre", "breach")[0].issued_at == ms("2026-03-07 01:00")


def test_two_showing_days_say_nothing() -> None:
    assert statements(run(*(agent_day(day_of(n)) for n in range(2)))) == []


def test_75_calls_a_day_are_not_over_75() -> None:
    policy = {"call-centre": {"destinations": 10_000, "destinations_kept": 20_000}}
    assert statements(run(*(agent_day(day_of(n), calls=75) for n in range(5)), policy=policy)) == []
    assert statements(run(*(agent_day(day_of(n), calls=76) for n in range(3)), policy=policy)) == [("notice", 3)]


def test_many_calls_to_known_numbers_that_call_back_are_one_sign_and_say_nothing() -> None:
    days = [agent_day(day_of(n), fresh=False) + answering_day(day_of(n), calls=30) for n in range(10)]
    assert statements(run(*days)) == []


def test_a_courier_who_rings_many_doors_once_and_briefly_is_not_caught() -> None:
    assert statements(run(*(agent_day(day_of(n), calls=70, talk_s=8) for n in range(20)))) == []


def test_four_hours_with_thirty_minutes_of_talk_carry_a_day_with_fewer_calls() -> None:
    # 16 calls of 20 minutes back to back: five hours of talk, and 60 numbers rung once on the way.
    def talker(day: date, talk_s: int) -> list[Any]:
        spoken = [e for n in range(16) for e in call(at(day, 20 * n), talk_s, ring_s=2, to=new_number())]
        return spoken + [e for n in range(40) for e in call(at(day, 400 + n), None, to=new_number())]

    bench = run(*(talker(day_of(n), 1_190) for n in range(3)))
    assert statements(bench) == [("notice", 3)]
    signs = {s["name"]: s for s in bench.alerts("call-centre")[0].facts["signs"]}
    assert signs["hours with 30 minutes of talk"]["measured"] == 5
    assert not signs["calls a day"]["holds"]
    assert statements(run(*(talker(day_of(n), 590) for n in range(3)))) == []


def test_talk_is_split_over_the_clock_hours_it_spans() -> None:
    policy = {"call-centre": {"once_destinations": 4}}
    bench = run(*(agent_day(day_of(n), calls=4, talk_s=3_590, every_min=70, phases=True) for n in range(3)), policy=policy)
    signs = {s["name"]: s for s in bench.alerts("call-centre")[0].facts["signs"]}
    # Calls at 09:00, 10:10, 11:20 and 12:30, not quite an hour each: the last leaves 29 minutes to the hour from 13:00 on.
    assert signs["hours with 30 minutes of talk"]["measured"] == 4


def test_three_thousand_minutes_a_month_carry() -> None:
    policy = {"call-centre": {"hours": 24, "day_calls": 1_000}}
    # Twelve days of 250 minutes reach 3,000; the thirteenth is over.
    bench = run(*(agent_day(day_of(n), calls=50, talk_s=300, every_min=6) for n in range(16)), policy=policy)
    assert bench.alerts("call-centre")[0].facts["day"] == day_of(14).isoformat()


def test_more_calls_out_than_in_count_from_300_calls_on() -> None:
    policy = {"call-centre": {"once_percent": 100, "destinations": 10_000, "destinations_kept": 20_000}}
    bench = run(*(agent_day(day_of(n), fresh=False) for n in range(6)), policy=policy)
    # 80 calls a day: over 300 on the fourth day, so the sixth is the third showing day.
    assert statements(bench) == [("notice", 3)]
    quiet = run(*(agent_day(day_of(n), fresh=False) + answering_day(day_of(n), calls=20, talk_s=20) for n in range(6)), policy=policy)
    assert statements(quiet) == []


def test_a_day_must_itself_add_to_a_sign() -> None:
    heavy = [agent_day(day_of(n)) for n in range(4)]
    light = [agent_day(day_of(n), calls=10) for n in range(4, 20)]
    assert statements(run(*heavy, *light)) == [("notice", 3), ("notice", 4)]


def test_weekends_and_public_holidays_are_no_working_days() -> None:
    saturdays = [agent_day(MONDAY + timedelta(days=7 * n + 5 + k)) for n in range(4) for k in (0, 1)]
    assert statements(run(*saturdays)) == []
    easter = Reference(id="h", time=0, tenant="", name="holidays-fr", body=["2026-04-06", "2026-05-01"])
    days = [agent_day(date(2026, 4, 2)), agent_day(date(2026, 4, 3)), agent_day(date(2026, 4, 6))]
    assert statements(run(*days)) == [("notice", 3)]
    assert statements(run(*days, before=[easter])) == []


def test_days_older_than_twenty_working_days_no_longer_count_and_the_episode_ends() -> None:
    bench = run(*(agent_day(day_of(n)) for n in range(3)), until="2026-03-28 02:30")
    assert bench.alerts("call-centre")[-1].state == "open"
    bench = run(*(agent_day(day_of(n)) for n in range(3)), until="2026-04-02 02:30")
    assert bench.alerts("call-centre")[-1].state == "closed"
    assert statements(run(agent_day(day_of(0)), agent_day(day_of(1)), agent_day(day_of(21)))) == []


def test_a_declared_call_centre_is_exempt() -> None:
    facts = [tenant_fact(call_centre_declared=True), licence_fact()]
    assert statements(run(*(agent_day(day_of(n)) for n in range(10)), facts=facts)) == []


def test_a_call_centre_that_is_declared_later_is_exempt_from_then_on() -> None:
    bench = run(*(agent_day(day_of(n)) for n in range(5)), until="2026-03-09 09:00")
    bench.feed(tenant_fact("2026-03-09 10:00", call_centre_declared=True)).until("2026-04-30")
    assert bench.alerts("call-centre")[-1].state == "closed"


def test_calls_inside_the_house_count_for_nothing() -> None:
    days = [msgspec.structs.replace(e, direction="internal", dest=dest("102", "internal")) for n in range(6) for e in agent_day(day_of(n))]
    assert statements(run(days)) == []
    colleagues = [msgspec.structs.replace(e, callee_licence="102") for e in days]
    facts = [tenant_fact(), licence_fact(), licence_fact(licence="102")]
    assert statements(run(colleagues, facts=facts), licence=None) == []


def test_a_trunk_is_judged_by_the_limits_times_its_channels() -> None:
    trunk = [tenant_fact(), licence_fact(type="trunk", channels=4)]
    assert statements(run(*(agent_day(day_of(n)) for n in range(10)), facts=trunk)) == []
    busy = [agent_day(day_of(n), calls=320, every_min=1.5, talk_s=120) for n in range(5)]
    assert statements(run(*busy, facts=trunk))[-1] == ("breach", 5)


# -- incoming --------------------------------------------------------------------------------------------------------


def test_fifty_answered_calls_with_three_hours_of_talk_show() -> None:
    bench = run(*(answering_day(day_of(n), calls=50, talk_s=216) for n in range(5)))
    assert statements(bench)[-1] == ("breach", 5)
    assert bench.alerts("call-centre")[-1].facts["kind"] == "inbound"
    assert statements(run(*(answering_day(day_of(n), calls=49, talk_s=400) for n in range(5)))) == []
    assert statements(run(*(answering_day(day_of(n), calls=50, talk_s=215) for n in range(5)))) == []


def queue(licences: tuple[str, ...], days: int) -> Bench:
    facts = [tenant_fact(), licence_fact(licence="700", type="group"), *(licence_fact(licence=name) for name in ("101", "102", "103"))]
    taken: dict[str, Any] = {"calls": 50, "talk_s": 20, "diverted_by": "700", "phases": True}
    calls = [answering_day(day_of(n), licence=name, **taken) for n in range(days) for name in licences]
    return run(*calls, facts=facts)


def test_a_queue_spread_over_three_licences_shows_and_over_two_does_not() -> None:
    assert statements(queue(("101", "102"), 5), licence=None) == []
    assert statements(queue(("101", "102", "103"), 3), licence=None) == [("notice", 3)] * 3


# -- the customer ----------------------------------------------------------------------------------------------------


def house(licences: int, showing: int, days: int = 5) -> Bench:
    names = [f"{100 + n}" for n in range(licences)]
    facts = [tenant_fact(), *(licence_fact(licence=name) for name in names)]
    return run(*(agent_day(day_of(n), licence=name, phases=True) for n in range(days) for name in names[:showing]), facts=facts)


def test_three_licences_and_a_fifth_of_the_active_ones_make_it_the_customers_alert() -> None:
    bench = house(15, 3)
    (whole,) = [a for a in bench.alerts("call-centre") if a.licence is None]
    assert (whole.level, whole.measured, whole.limit, whole.unit) == ("breach", 3, 3, "licences")
    assert whole.facts["licences"] == {"100": 5, "101": 5, "102": 5}
    assert len(whole.supersedes) == 3
    assert all(bench.alerts("call-centre", licence=name)[-1].state == "closed" for name in ("100", "101", "102"))
    assert not bench.suspensions()


def test_fewer_than_a_fifth_keep_their_own_alerts() -> None:
    assert [a for a in house(16, 3).alerts("call-centre") if a.licence is None] == []
    assert [a for a in house(4, 2).alerts("call-centre") if a.licence is None] == []


def test_the_customers_alert_speaks_for_its_licences_from_then_on() -> None:
    bench = house(6, 4, days=9)
    own = [a for a in bench.alerts("call-centre", licence="100") if a.state == "open"]
    assert [a.measured for a in own] == [3, 4, 5]
    assert len([a for a in bench.alerts("call-centre") if a.licence is None]) == 1


def test_the_customers_alert_closes_when_its_licences_stop_or_the_centre_is_declared() -> None:
    def states(bench: Bench) -> list[str]:
        return [a.state for a in bench.alerts("call-centre") if a.licence is None]

    stopped = house(4, 3)
    for offset in range(7, 40):
        stopped.feed(*(call(at(day_of(offset), 600), 30, licence=str(101 + n), to=known_number(n), phases=True) for n in range(4)))
    assert states(stopped)[0] == "open"
    assert states(stopped)[-1] == "closed"
    declared = house(4, 3).feed(tenant_fact(at(day_of(9), 600), call_centre_declared=True))
    assert states(declared) == ["open", "closed"]


def test_a_licence_that_fell_silent_weeks_ago_is_no_longer_counted_with_the_others() -> None:
    names = ("100", "101", "102")
    facts = [tenant_fact(), *(licence_fact(licence=name) for name in names)]
    early = [agent_day(day_of(n), licence="100", phases=True) for n in range(5)]
    late = [agent_day(day_of(n), licence=name, phases=True) for n in range(30, 35) for name in names[1:]]
    policy = {"call-centre": {"tenant_licences": 2}}
    assert [a.measured for a in run(*early, *late, facts=facts, policy=policy).alerts("call-centre") if a.licence is None] == [2]


# -- state and alert -------------------------------------------------------------------------------------------------


def test_a_restart_between_any_two_events_changes_nothing() -> None:
    days = [agent_day(day_of(n)) for n in range(6)]
    events = [e for day in days for e in day]
    whole, broken = Bench().feed(*events).until("2026-04-30"), Bench(restart_every=50).feed(*events).until("2026-04-30")
    assert [msgspec.to_builtins(a) for a in broken.alerts()] == [msgspec.to_builtins(a) for a in whole.alerts()]


def test_the_facts_hold_the_heat_map_and_the_callees_and_fit_the_screen() -> None:
    alert = run(*(agent_day(day_of(n)) for n in range(5))).alerts("call-centre", "breach")[0]
    assert len(alert.facts["heat"]) == 168
    assert sum(alert.facts["heat"]) == 400
    assert alert.facts["callees_per_day"][-5:] == [80] * 5
    assert len(msgspec.json.encode(alert.facts)) < 16_384


def test_a_quiet_licence_needs_less_than_700_bytes() -> None:
    drawn = random.Random(4)
    days = [e for n in range(65) for k in range(7) for e in call(at(day_of(n), 60 * k), 90, to=f"+33145{drawn.randrange(20):06}")]
    bench = Bench().feed(*days).until("2026-05-30 12:00")
    assert len(msgspec.msgpack.encode(bench.partition.licences[("acme", "101")].rules["call-centre"])) < 700


def test_the_state_of_a_dialler_stays_bounded() -> None:
    days = [e for n in range(40) for e in agent_day(day_of(n), calls=600, every_min=0.8, talk_s=20)]
    bench = Bench().feed(*days)
    assert len(msgspec.msgpack.encode(bench.partition.licences[("acme", "101")].rules["call-centre"])) < 10_000


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(PolicyError, match="destinations_kept"):
        CallCentreParams(destinations=400)
    with pytest.raises(PolicyError, match="breach_days"):
        CallCentreParams(notice_days=6)
