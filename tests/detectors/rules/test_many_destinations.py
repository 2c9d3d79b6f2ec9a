"""many-destinations: distinct numbers of a billing month in the order of their first use (contract 9.f)."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.events import Call
from detectors.offer.destinations import Numbers, use
from detectors.outputs import Metering
from detectors.registry import installed
from support.core import Bench, call, exemption, licence_fact, ms, tenant_fact

T0 = ms("2026-03-02 08:00")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
RULE = "many-destinations"


def number(n: int) -> str:
    return f"+3361{n * 7919 % 10_000_000:07}"


def calls(first: int, last: int, start: int = T0, every: int = 5 * MINUTE, **more: Any) -> list[Call]:
    """One call to each of the numbers ``first`` … ``last - 1``."""
    found: list[Call] = []
    for n in range(first, last):
        found += call(start + (n - first) * every, **{"talk_s": 30, "to": number(n), "call_id": f"n{n}", **more})
    return found


def metered(bench: Bench) -> list[tuple[str, str]]:
    return [(m.state, m.call_id) for m in bench.said if isinstance(m, Metering) and RULE in m.rules]


def active(bench: Bench) -> list[str]:
    found: dict[str, str] = {}
    for m in bench.said:
        if isinstance(m, Metering) and RULE in m.rules:
            if m.state == "void":
                del found[m.metering_id]
            else:
                found[m.metering_id] = m.call_id
    return sorted(found.values())


def levels(bench: Bench) -> list[tuple[str, str, int]]:
    return [(a.state, a.level, a.measured) for a in bench.alerts(RULE)]


@pytest.mark.parametrize("phases", [True, False])
def test_the_160th_number_is_a_notice_and_the_201st_a_breach(phases: bool) -> None:
    bench = Bench().feed(calls(0, 200, every=MINUTE, phases=phases))
    assert levels(bench) == [("open", "notice", 160)]
    bench.feed(calls(200, 201, T0 + 200 * MINUTE, phases=phases))
    assert levels(bench)[-1] == ("open", "breach", 201)
    breach = bench.alerts(RULE)[-1]
    assert (breach.limit, breach.unit, breach.mode, breach.clause) == (201, "destinations/month", "review", "9.f")
    assert breach.window.from_ == ms("2026-03-01 00:00")


def test_only_calls_to_numbers_beyond_the_first_200_are_metered() -> None:
    bench = Bench().feed(calls(0, 203))
    bench.feed(calls(0, 10, T0 + DAY), call(T0 + 2 * DAY, 30, to=number(201), call_id="again"))
    assert active(bench) == ["again", "n200", "n201", "n202"]
    record = next(m for m in bench.said if isinstance(m, Metering))
    assert (record.seconds, record.rules, record.billing_month) == (30, (RULE,), "2026-03")
    assert record.alert_id == bench.alerts(RULE)[0].alert_id


def test_an_unanswered_number_counts_and_costs_nothing() -> None:
    bench = Bench().feed(calls(0, 202, talk_s=None))
    assert levels(bench)[-1][:2] == ("open", "breach")
    assert metered(bench) == []


def test_only_answered_numbers_count_in_the_other_reading_of_the_policy() -> None:
    policy = {RULE: {"count": "answered"}}
    assert levels(Bench(policy).feed(calls(0, 202, talk_s=None))) == []
    assert levels(Bench(policy).feed(calls(0, 201)))[-1] == ("open", "breach", 201)


def test_200_numbers_called_ten_times_each_are_no_breach() -> None:
    bench = Bench()
    for day in range(10):
        bench.feed(calls(0, 200, T0 + day * DAY, MINUTE))
    assert {level for _, level, _ in levels(bench)} == {"notice"}
    assert metered(bench) == []


@pytest.mark.parametrize("cls", ["internal", "emergency", "short_free", "free"])
def test_internal_emergency_and_free_numbers_never_count(cls: str) -> None:
    assert levels(Bench().feed(calls(0, 210, to_cls=cls, in_plan=True))) == []


@pytest.mark.parametrize(("cls", "in_plan"), [("premium", None), ("mobile", False)])
def test_calls_outside_the_plan_do_not_count(cls: str, in_plan: bool | None) -> None:
    assert levels(Bench().feed(calls(0, 210, to_cls=cls, in_plan=in_plan))) == []


@pytest.mark.parametrize("offer", ["metered", None])
def test_only_unlimited_offers_are_judged(offer: str | None) -> None:
    bench = Bench(facts=[tenant_fact(offer=offer), licence_fact()]).feed(calls(0, 210))
    assert (levels(bench), metered(bench)) == ([], [])


def test_a_trunk_has_200_for_each_channel() -> None:
    trunk = licence_fact(type="trunk", channels=2)
    assert levels(Bench(facts=[tenant_fact(), trunk]).feed(calls(0, 319))) == []
    bench = Bench(facts=[tenant_fact(), trunk]).feed(calls(0, 401))
    assert (bench.alerts(RULE)[0].measured, bench.alerts(RULE)[-1].measured) == (320, 401)
    assert active(bench) == ["n400"]


def test_a_month_ends_on_the_billing_day_in_the_zone_of_the_customer() -> None:
    turn = ms("2026-03-15T00:00+04:00")
    facts = [tenant_fact(billing_day=15, time_zone="Indian/Reunion"), licence_fact()]
    before, after = calls(0, 150, turn - 150 * MINUTE, MINUTE), calls(150, 300, turn, MINUTE)
    assert levels(Bench(facts=facts).feed(before, after)) == []
    # An hour later the same calls of the evening lie in the new month.
    later = calls(0, 150, turn, MINUTE)
    assert levels(Bench(facts=facts).feed(later, calls(150, 300, turn + 150 * MINUTE, MINUTE)))[-1][1] == "breach"


@pytest.mark.parametrize(("start", "end"), [("2026-02-28", "2026-03-31"), ("2026-10-01", "2026-11-01"), ("2028-02-29", "2028-03-31")])
def test_months_of_every_length_turn_at_their_midnight(start: str, end: str) -> None:
    day = 31 if start[8:] != "01" else 1
    first, turn = ms(f"{start} 00:00"), ms(f"{end} 00:00")
    bench = Bench(facts=[tenant_fact(billing_day=day), licence_fact()])
    bench.feed(call(first - 1_000, None, to=number(999)), calls(0, 199, first, MINUTE), call(turn - 1_000, None, to=number(199)))
    bench.feed(call(turn, 30, to=number(200)))  # told after that of the last second, which was told in the new month too
    assert (max(measured for _, _, measured in levels(bench)), levels(bench)[-1][1]) == (200, "notice")


def test_the_episode_ends_when_the_month_turns() -> None:
    bench = Bench().feed(calls(0, 205)).until("2026-04-02")
    closed = bench.alerts(RULE)[-1]
    assert (closed.state, closed.issued_at) == ("closed", ms("2026-04-01 00:00"))
    bench.feed(calls(0, 205, ms("2026-04-03 08:00")))
    assert len({a.alert_id for a in bench.alerts(RULE)}) == 2


def test_a_number_told_late_pushes_the_200th_out() -> None:
    bench = Bench().feed(calls(0, 200, T0 + HOUR))
    assert metered(bench) == []
    bench.feed(call(T0 + HOUR - MINUTE, 24 * 3_600, to=number(500), call_id="slow"))  # its CDR comes a day later
    assert metered(bench) == [("active", "n199")]
    assert levels(bench)[-1] == ("open", "breach", 201)


def test_a_late_call_that_changes_the_first_200_voids_and_reissues() -> None:
    bench = Bench().feed(calls(0, 201, T0 + HOUR))
    assert metered(bench) == [("active", "n200")]
    bench.feed(call(T0, 24 * 3_600, to=number(200), call_id="slow"))
    # Number 200 was used first of all: its call is free after all, and that to number 199 is not.
    assert metered(bench)[1:] == [("active", "n199"), ("void", "n200")]
    assert active(bench) == ["n199"]


def test_a_late_call_of_the_last_month_voids_and_reissues_there() -> None:
    start = ms("2026-03-31 05:00")
    bench = Bench().feed(calls(0, 201, start))
    bench.feed(calls(300, 310, ms("2026-04-01 08:00")))
    bench.feed(call(start - MINUTE, 36 * 3_600, to=number(200), call_id="slow"))
    assert active(bench) == ["n199"]
    assert {m.billing_month for m in bench.said if isinstance(m, Metering)} == {"2026-03"}


def test_a_call_that_rings_over_the_turn_belongs_to_the_month_of_its_answer() -> None:
    turn = ms("2026-04-01 00:00")
    bench = Bench().feed(calls(0, 200, turn - 201 * MINUTE, MINUTE))
    bench.feed(call(turn - 2_000, 30, ring_s=5, to=number(200), call_id="over", phases=True))
    assert active(bench) == []  # the first of April
    bench.feed(call(turn - 10_000, 60, ring_s=5, to=number(201), call_id="before"))
    assert [m.billing_month for m in bench.said if isinstance(m, Metering)] == ["2026-03"]


def test_an_exemption_that_is_stated_later_voids_the_month() -> None:
    bench = Bench().feed(calls(0, 203)).feed(exemption(T0 + DAY, (RULE,), "2026-03-01", "2026-04-01"))
    assert active(bench) == []
    assert [state for state, _ in metered(bench)].count("void") == 3


def test_another_billing_day_ends_the_month_that_runs() -> None:
    bench = Bench().feed(calls(0, 150))
    bench.feed(tenant_fact(T0 + 2 * DAY, billing_day=10)).feed(calls(150, 300, ms("2026-03-11 08:00")))
    assert levels(bench) == []
    assert [m.label for m in bench.partition.licences["acme", "101"].rules[RULE].months] == ["2026-03"]


def test_more_numbers_than_are_kept_are_said_to_be_at_least() -> None:
    bench = Bench().feed(calls(0, 450, every=2 * MINUTE))
    assert bench.alerts(RULE)[-1].level == "breach"
    month = bench.partition.licences["acme", "101"].rules[RULE].months[-1]
    assert (len(month.uses), month.full, len(active(bench))) == (401, True, 250)


def test_a_quiet_licence_costs_bytes_per_number() -> None:
    alone = {RULE: installed()[RULE]}
    sizes = []
    for numbers in (1, 61):
        bench = Bench(detectors=alone).feed(calls(0, numbers))
        sizes.append(len(msgspec.msgpack.encode(bench.partition.licences["acme", "101"].rules[RULE])))
    assert sizes[0] < 60
    assert sizes[1] - sizes[0] <= 60 * 15


def test_a_month_below_the_notice_limit_is_forgotten_when_the_next_begins() -> None:
    bench = Bench().feed(calls(0, 100), calls(0, 3, ms("2026-04-02 08:00")))
    assert [m.label for m in bench.partition.licences["acme", "101"].rules[RULE].months] == ["2026-04"]


def test_the_curve_and_the_other_side_are_shown() -> None:
    bench = Bench().feed(calls(0, 201, every=MINUTE))
    alert = bench.alerts(RULE)[-1]
    assert alert.facts["new_per_day"] == [0, 201]
    assert (alert.facts["billing_month"], alert.facts["included"], alert.facts["distinct"]) == ("2026-03", 200, 201)
    assert any("within one day" in reason for reason in alert.against)
    assert alert.evidence_more == 151


uses = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 400)), max_size=60)


@settings(max_examples=200)
@given(uses)
def test_in_any_order_of_arrival_the_included_numbers_are_those_used_first(events: list[tuple[int, int]]) -> None:
    month = Numbers(0, 1_000, "2026-03")
    included: set[int] = set()
    notice, limit = 6, 8
    first: dict[int, int] = {}
    for n, at in events:
        change = use(month, n, at, notice, limit)
        first[n] = min(at, first.get(n, at))
        order = [n for _, n in sorted((at, n) for n, at in first.items())]
        before, included = included, set(order[:limit])
        assert {n for n in first if month.includes(n)} == included
        if len(order) > notice - 1:
            assert {n for n in included if month.at_fringe(n)} == set(order[notice - 1 : limit])
        if change is not None and change.left:
            assert before - included == {change.left}
        else:
            assert not before - included
        if change is not None and change.entered:
            assert change.entered in included


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 200)), min_size=8, max_size=20), st.randoms(use_true_random=False))
def test_in_any_order_of_arrival_the_calls_beyond_are_metered_and_no_others(found: list[tuple[int, int]], rng: random.Random) -> None:
    bench = Bench(
        {RULE: {"notice_destinations": 1, "breach_destinations": 6}}, [tenant_fact(), licence_fact()], detectors={RULE: installed()[RULE]}
    )
    events = [call(T0 + at * MINUTE, talk, to=number(n), call_id=f"c{at}")[0] for at, (n, talk) in enumerate(found)]
    rng.shuffle(events)
    for event in events:
        event.time = T0 + DAY  # told in any order, all of them late
        bench.said += bench.partition.step(event)
    first: dict[int, int] = {}
    for at, (n, _) in enumerate(found):
        first.setdefault(n, at)
    beyond = list(first)[5:]
    assert active(bench) == sorted(f"c{at}" for at, (n, _) in enumerate(found) if n in beyond)
