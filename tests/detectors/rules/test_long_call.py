"""long-call: longer than two hours on an unlimited offer, said while the call is up, metered from a real end (contract 9.f)."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.events import Call
from detectors.outputs import Alert, Metering
from support.core import Bench, call, exemption, licence_fact, ms, reg, tenant_fact

T0 = ms("2026-03-02 10:00")
S, HOUR = 1_000, 3_600_000
RULE = "long-call"
ANSWER = T0 + 5 * S


def trusting(bench: Bench | None = None, at: int = T0 - 2 * HOUR, **more: Any) -> Bench:
    """A PBX that told the end of a call in the last 24 hours."""
    return (bench or Bench()).feed(call(at, 60, phases=True, to="+33100000001", to_cls="fixed", **more))


def long(talk_s: float, at: int | str = T0, **more: Any) -> list[Call]:
    return call(at, talk_s, **{"phases": True, **more})


def metered(bench: Bench) -> list[tuple[str, int, int]]:
    return [(m.state, (m.from_ - ANSWER) // S, m.seconds) for m in bench.said if isinstance(m, Metering)]


def said(bench: Bench) -> list[tuple[str, str, int]]:
    return [(a.state, a.level, a.measured) for a in bench.alerts(RULE)]


def test_a_call_still_up_after_two_hours_and_one_second_is_a_breach_at_that_very_second() -> None:
    bench = trusting().feed(long(9_000)[:2]).until(T0 + 3 * HOUR)
    notice, breach = bench.alerts(RULE)
    assert (notice.level, notice.issued_at, notice.crossed_at) == ("notice", ANSWER + 6_600 * S, ANSWER + 6_600 * S)
    assert (breach.level, breach.issued_at, breach.crossed_at) == ("breach", ANSWER + 7_201 * S, ANSWER + 7_201 * S)
    assert (breach.measured, breach.limit, breach.unit, breach.mode) == (7_201, 7_201, "s", "review")
    assert "7201 s" in breach.summary
    assert metered(bench) == []


def test_the_exact_seconds_beyond_two_hours_are_metered_when_the_end_is_told() -> None:
    bench = trusting().feed(long(9_000))
    (record,) = [m for m in bench.said if isinstance(m, Metering)]
    assert (record.from_, record.to, record.seconds) == (ANSWER + 7_200 * S, ANSWER + 9_000 * S, 1_800)
    assert record.alert_id == bench.alerts(RULE)[0].alert_id
    assert record.billing_month == "2026-03"


def test_a_cdr_of_a_long_call_is_judged_when_it_comes() -> None:
    bench = Bench().feed(call(T0, 3 * 3_600))
    (alert,) = bench.alerts(RULE)
    assert (alert.level, alert.measured, alert.crossed_at) == ("breach", 10_800, ANSWER + 7_201 * S)
    assert alert.issued_at == ANSWER + 10_800 * S
    assert metered(bench) == [("active", 7_200, 3_600)]


@pytest.mark.parametrize("phases", [True, False])
def test_a_call_of_two_hours_exactly_is_no_breach(phases: bool) -> None:
    bench = trusting().feed(long(7_200, phases=phases))
    assert [a.level for a in bench.alerts(RULE)] == ["notice"]
    assert metered(bench) == []


@pytest.mark.parametrize("phases", [True, False])
def test_one_second_more_is_a_breach_and_one_second_is_metered(phases: bool) -> None:
    bench = trusting().feed(long(7_201, phases=phases))
    assert bench.alerts(RULE)[-1].level == "breach"
    assert metered(bench) == [("active", 7_200, 1)]


@pytest.mark.parametrize("at", ["2026-03-29 01:30", "2026-10-25 01:30"])
def test_two_hours_are_two_hours_when_the_clocks_change(at: str) -> None:
    start = ms(at)
    assert said(trusting(at=start - HOUR).feed(long(7_200, start)))[-1][1] == "notice"
    bench = trusting(at=start - HOUR).feed(long(7_260, start))
    assert bench.alerts(RULE)[-1].crossed_at == start + 5 * S + 7_201 * S
    assert [m.seconds for m in bench.said if isinstance(m, Metering)] == [60]


@pytest.mark.parametrize(
    ("account", "own"), [({"offer": "metered"}, {}), ({"offer": None}, {}), ({"offer": "unlimited"}, {"offer": "metered"})]
)
def test_only_unlimited_offers_are_judged(account: dict[str, Any], own: dict[str, Any]) -> None:
    bench = trusting(Bench(facts=[tenant_fact(**account), licence_fact(**own)])).feed(long(9_000))
    assert said(bench) == []
    assert metered(bench) == []


def test_the_offer_of_the_licence_rules_over_that_of_its_customer() -> None:
    bench = trusting(Bench(facts=[tenant_fact(offer="metered"), licence_fact(offer="unlimited")])).feed(long(9_000))
    assert [level for _, level, _ in said(bench)] == ["notice", "breach"]


def test_an_offer_that_nobody_stated_is_counted_once_per_licence() -> None:
    bench = Bench(facts=[tenant_fact(offer=None), licence_fact()])
    bench.feed(long(60), long(60, T0 + HOUR), long(60, licence="102"))
    assert bench.partition.counts["offer_unknown"] == 2


@pytest.mark.parametrize(
    ("cls", "in_plan", "judged"),
    [
        ("fixed", None, True), ("mobile", None, True), ("intl_fixed_mobile", None, True), ("premium", None, False),
        ("satellite", None, False), ("mobile", False, False), ("premium", True, True), ("internal", None, False),
    ],
)  # fmt: skip
def test_only_calls_that_the_offer_includes_are_judged(cls: str, in_plan: bool | None, judged: bool) -> None:
    bench = trusting().feed(long(9_000, to_cls=cls, in_plan=in_plan))
    assert bool(bench.alerts(RULE)) is judged


def test_incoming_calls_are_not_the_licence_s_to_pay() -> None:
    assert said(trusting().feed(long(9_000, direction="inbound"))) == []


def test_a_pbx_that_told_no_end_raises_a_notice_until_the_end_comes() -> None:
    bench = Bench().feed(long(9_000)[:2]).until(ANSWER + 8_000 * S)
    assert [level for _, level, _ in said(bench)] == ["notice"]
    assert any("may be lost" in reason for reason in bench.alerts(RULE)[0].against)
    bench.feed(long(9_000)[2])
    assert [level for _, level, _ in said(bench)] == ["notice", "breach"]
    assert bench.alerts(RULE)[1].crossed_at == ANSWER + 7_201 * S


@pytest.mark.parametrize(("ends", "level"), [(98, "notice"), (99, "breach")])
def test_ends_of_99_percent_of_the_answered_calls_of_24_hours_are_asked_for(ends: int, level: str) -> None:
    bench = Bench()
    bench.feed(*(call(T0 - 20 * HOUR + n * 60 * S, 10, phases=True, licence="102") for n in range(ends)))
    bench.feed(call(T0 - 10 * HOUR, 10, phases=True, licence="103", call_id="lost")[:2])
    bench.feed(long(9_000)[:2]).until(T0 + 3 * HOUR)
    assert bench.alerts(RULE, licence="101")[-1].level == level


def test_ends_told_by_another_pbx_or_more_than_24_hours_ago_prove_nothing() -> None:
    bench = trusting(pbx="pbx-2")
    trusting(bench, at=T0 - 30 * HOUR).feed(long(9_000)[:2]).until(T0 + 3 * HOUR)
    assert bench.alerts(RULE)[-1].level == "notice"


def test_a_call_whose_phone_has_left_is_a_notice_at_most() -> None:
    bench = trusting().feed(long(9_000)[:2], reg(T0 + HOUR, action="expire")).until(T0 + 3 * HOUR)
    assert [level for _, level, _ in said(bench)] == ["notice"]


def test_a_call_that_never_ends_is_lost_after_a_day_which_withdraws_it() -> None:
    bench = trusting().feed(long(9_000)[:2]).until(ANSWER + 24 * HOUR)
    assert [(state, level) for state, level, _ in said(bench)] == [("open", "notice"), ("open", "breach"), ("withdrawn", "breach")]
    assert bench.alerts(RULE)[-1].issued_at == ANSWER + 24 * HOUR
    licence = bench.partition.licences["acme", "101"]
    assert (licence.calls.up, licence.calls.lost) == ({}, 1)
    assert metered(bench) == []


def test_how_long_an_end_is_waited_for_is_policy() -> None:
    bench = trusting(Bench({RULE: {"max_call_hours": 48}})).feed(long(9_000)[:2]).until(ANSWER + 47 * HOUR)
    assert [a.state for a in bench.alerts(RULE)] == ["open", "open"]
    assert bench.until(ANSWER + 48 * HOUR).alerts(RULE)[-1].state == "withdrawn"


def test_a_lost_call_does_not_withdraw_what_another_call_carries() -> None:
    bench = trusting().feed(long(9_000)[:2], long(8_000, T0 + 20 * HOUR, call_id="other")).until(ANSWER + 24 * HOUR)
    assert {a.state for a in bench.alerts(RULE)} == {"open"}


def test_an_end_that_was_inferred_meters_nothing() -> None:
    bench = trusting().feed(long(9_000, call_id="a")[:2])
    bench.feed(call(T0 + 4 * HOUR, 60, phases=True, call_id="a", to="+33611111111"))
    assert metered(bench) == []
    assert bench.alerts(RULE)[-1].state == "withdrawn"


def test_a_real_end_that_comes_after_a_day_is_metered_all_the_same() -> None:
    bench = trusting().feed(long(30 * 3_600))
    assert [(a.state, a.level) for a in bench.alerts(RULE)][-2:] == [("withdrawn", "breach"), ("open", "breach")]
    assert metered(bench) == [("active", 7_200, 30 * 3_600 - 7_200)]


def test_one_alert_per_licence_and_episode() -> None:
    bench = trusting().feed(long(8_000), long(8_000, T0 + 4 * HOUR)).until("2026-03-05 12:00")
    assert len({a.alert_id for a in bench.alerts(RULE)}) == 1
    assert bench.alerts(RULE)[-1].state == "closed"
    bench.feed(long(8_000, "2026-03-06 10:00"))
    assert len({a.alert_id for a in bench.alerts(RULE)}) == 2


def test_a_further_leg_that_ended_later_voids_and_reissues() -> None:
    first = call(T0, 8_000, call_id="a", linked_id="L", leg_id="1")
    second = call(T0 + HOUR, 8_000, call_id="b", linked_id="L", leg_id="2")
    bench = Bench().feed(first, second)
    assert metered(bench) == [("active", 7_200, 800), ("void", 7_200, 800), ("active", 7_200, 4_400)]


def test_a_call_over_the_end_of_the_billing_month_belongs_to_the_month_of_its_answer() -> None:
    bench = trusting(at=ms("2026-03-31 20:00")).feed(long(9_000, "2026-03-31 23:00"))
    assert [m.billing_month for m in bench.said if isinstance(m, Metering)] == ["2026-03"]


def test_an_exemption_hides_the_alert_and_the_metering() -> None:
    bench = trusting().feed(exemption(T0 - HOUR, (RULE,), "2026-03-01", "2026-04-01")).feed(long(9_000))
    assert (said(bench), metered(bench)) == ([], [])


def test_three_calls_at_once_are_found_by_one_timer() -> None:
    bench = trusting()
    trusting(bench, at=T0 - 3 * HOUR)
    calls = [long(7_000 + 100 * n, T0 + n * 60 * S, call_id=f"c{n}", to=f"+3361111111{n}") for n in range(3)]
    bench.feed(*calls)
    facts = bench.alerts(RULE)[0].facts
    assert facts["included_s"] == 7_200
    assert len(bench.partition.licences["acme", "101"].rules[RULE].calls) == 3


def test_a_licence_without_long_calls_remembers_nothing() -> None:
    bench = trusting()
    assert bench.partition.licences["acme", "101"].rules[RULE].calls == []


def test_the_bars_and_the_other_side_are_shown() -> None:
    alert: Alert = trusting().feed(long(9_000)[:2]).until(T0 + 3 * HOUR).alerts(RULE)[-1]
    (bar,) = alert.facts["calls"]
    assert (bar["number"], bar["ended"], bar["seconds"], bar["beyond_s"]) == ("+3361234••••", "", 7_201, 1)
    assert any("still up" in reason for reason in alert.against)
    assert len(alert.evidence) == 1
