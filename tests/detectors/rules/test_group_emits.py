"""Vectors of group-emits and the honest groups that look similar."""

from __future__ import annotations

from typing import Any

import msgspec

from detectors.events import Call
from support.core import Bench, call, licence_fact, ms, tenant_fact

RULE = "group-emits"
NINE = ms("2026-03-02 09:00")
DAY = 86_400_000
GROUP = [tenant_fact(), licence_fact(licence="600", type="group"), licence_fact()]


def by_group(at: int, talk_s: float | None = 60, **more: Any) -> list[Call]:
    return call(at, talk_s, licence="600", device=None, **more)


def judge(*events: Any) -> Bench:
    return Bench(facts=GROUP).feed(*events)


def test_one_answered_call_by_a_group_is_a_breach() -> None:
    (said,) = judge(by_group(NINE, phases=True)).alerts(RULE)
    assert (said.level, said.measured, said.limit, said.clause, said.mode) == ("breach", 1, 1, "7.b", "review")
    assert said.crossed_at == NINE + 5_000  # the answer


def test_calls_of_a_fortnight_are_one_alert_that_grows() -> None:
    bench = judge(*[by_group(NINE + n * DAY, phases=True) for n in range(10)]).until("2026-04-10 12:00")
    said = bench.alerts(RULE)
    assert [a.measured for a in said if a.state == "open"] == list(range(1, 11))
    assert len({a.alert_id for a in said}) == 1
    assert said[-1].state == "closed"
    assert said[-1].issued_at == ms("2026-03-26 01:00")  # the close of the fourteenth day after the last call


def test_a_diverted_call_of_a_group_is_not_caught() -> None:
    assert judge(by_group(NINE, diverted_by="600"), by_group(NINE + DAY, diverted_by="600", phases=True)).alerts() == []


def test_a_diversion_told_at_the_end_withdraws_the_alert() -> None:
    steps = by_group(NINE, phases=True)
    steps[-1] = msgspec.structs.replace(steps[-1], diverted_by="600")
    said = judge(steps).alerts(RULE)
    assert [a.state for a in said] == ["open", "withdrawn"]


def test_an_earlier_call_of_its_own_keeps_the_alert_open() -> None:
    steps = by_group(NINE + 3_600_000, phases=True)
    steps[-1] = msgspec.structs.replace(steps[-1], diverted_by="600")
    assert {a.state for a in judge(by_group(NINE), steps).alerts(RULE)} == {"open"}


def test_a_call_that_nobody_answers_is_not_caught() -> None:
    assert judge(by_group(NINE, None), by_group(NINE + DAY, None, phases=True)).alerts() == []


def test_ringing_the_members_is_not_caught() -> None:
    assert judge(by_group(NINE, direction="internal", to="101", to_cls="internal", callee_licence="101")).alerts() == []


def test_calls_to_the_group_are_not_caught() -> None:
    assert judge(by_group(NINE, direction="inbound", caller="+33612345678")).alerts() == []


def test_other_licences_may_call() -> None:
    assert judge(*[call(NINE + n, licence="101") for n in range(5)]).alerts(RULE) == []


def test_an_emergency_call_of_a_group_is_never_counted() -> None:
    assert judge(by_group(NINE, to="112", to_cls="emergency")).alerts() == []


def test_cut_and_resumed_in_the_middle_it_says_the_same() -> None:
    events = [by_group(NINE + n * 3_600_000, phases=True) for n in range(10)]
    assert Bench(facts=GROUP, restart_every=3).feed(*events).said == judge(*events).said
