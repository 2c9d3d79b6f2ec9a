"""paid-destination: answered calls to numbers whose owner is paid by duration, per billing month (contract 9.e)."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.outputs import Metering
from detectors.state import encode
from support.core import Bench, call, exemption, licence_fact, ms, tenant_fact

T0 = ms("2026-03-10 10:00")
HOUR, DAY = 3_600_000, 86_400_000
RULE = "paid-destination"
PREMIUM: dict[str, Any] = {"to": "+33899700100", "to_cls": "premium", "rate": 80_000}


def levels(bench: Bench) -> list[tuple[str, str, int, str]]:
    return [(a.state, a.level, a.measured, a.unit) for a in bench.alerts(RULE)]


def metered(bench: Bench) -> list[tuple[str, int]]:
    return [(m.state, m.seconds) for m in bench.said if isinstance(m, Metering)]


def test_the_first_premium_call_of_a_month_is_a_notice_when_it_is_answered() -> None:
    bench = Bench().feed(call(T0, 60, phases=True, **PREMIUM))
    (alert,) = bench.alerts(RULE)
    assert (alert.level, alert.measured, alert.limit, alert.unit, alert.crossed_at) == ("notice", 1, 1, "calls/month", T0 + 5_000)
    assert (alert.clause, alert.mode) == ("9.e", "review")
    assert metered(bench) == [("active", 60)]


@pytest.mark.parametrize("cls", ["premium", "short_paid", "intl_premium"])
@pytest.mark.parametrize("phases", [True, False])
def test_premium_short_paid_and_foreign_premium_numbers_count(cls: str, phases: bool) -> None:
    assert len(levels(Bench().feed(call(T0, 60, to="3201", to_cls=cls, rate=80_000, phases=phases)))) == 1


@pytest.mark.parametrize("cls", ["satellite", "operator_risk"])
def test_satellite_and_risky_ranges_are_metered_and_judged_by_toll_fraud(cls: str) -> None:
    bench = Bench().feed(call(T0, 2 * 3_600, to="+881612345678", to_cls=cls, rate=100))
    assert levels(bench) == []
    assert metered(bench) == [("active", 7_200)]


@pytest.mark.parametrize("cls", ["fixed", "mobile", "intl_fixed_mobile", "free", "short_free", "internal"])
def test_other_classes_are_no_business_of_it(cls: str) -> None:
    bench = Bench().feed(call(T0, 5_000, to_cls=cls))
    assert (levels(bench), metered(bench)) == ([], [])


def test_60_minutes_in_a_billing_month_are_a_breach() -> None:
    bench = Bench().feed(*(call(T0 + n * HOUR, 1_200, **PREMIUM | {"rate": 100}) for n in range(2)))
    assert levels(bench)[-1][1] == "notice"
    bench.feed(call(T0 + 3 * HOUR, 1_199, **PREMIUM | {"rate": 100}))
    assert levels(bench)[-1][1] == "notice"
    bench.feed(call(T0 + 4 * HOUR, 1, **PREMIUM | {"rate": 100}))
    assert levels(bench)[-1] == ("open", "breach", 60, "min/month")


def test_50_euros_in_a_billing_month_are_a_breach() -> None:
    bench = Bench().feed(call(T0, 1_800, **PREMIUM | {"rate": 160_000}))
    assert levels(bench)[-1][1] == "notice"
    bench.feed(call(T0 + HOUR, 75, **PREMIUM | {"rate": 160_000}))
    assert levels(bench)[-1] == ("open", "breach", 5_000, "cents/month")
    assert bench.alerts(RULE)[-1].money_at_risk_cents >= 5_000


def test_calls_that_nobody_answers_cost_and_count_nothing() -> None:
    bench = Bench().feed(*(call(T0 + n * HOUR, None, **PREMIUM) for n in range(20)))
    assert (levels(bench), metered(bench)) == ([], [])


def test_shared_cost_counts_only_if_the_policy_says_so() -> None:
    shared = call(T0, 2 * 3_600, to="+33820200200", to_cls="shared_cost", rate=15_000)
    bench = Bench().feed(shared)
    assert (levels(bench), metered(bench)) == ([], [])
    bench = Bench({RULE: {"shared_cost": True}}).feed(shared)
    assert levels(bench) == [("open", "breach", 120, "min/month")]
    assert metered(bench) == [("active", 7_200)]


@pytest.mark.parametrize(("day", "turn"), [(1, "2026-04-01"), (15, "2026-03-15"), (31, "2026-03-31")])
def test_minutes_of_two_billing_months_are_not_added_up(day: int, turn: str) -> None:
    bench = Bench(facts=[tenant_fact(billing_day=day), licence_fact()])
    at = ms(f"{turn} 00:00")
    bench.feed(call(at - HOUR, 2_400, **PREMIUM | {"rate": 100}), call(at + HOUR, 2_400, **PREMIUM | {"rate": 100}))
    assert "breach" not in {level for _, level, _, _ in levels(bench)}
    assert [(a.state, a.issued_at) for a in bench.alerts(RULE) if a.state == "closed"] == [("closed", at)]
    bench.feed(call(at + 3 * HOUR, 1_200, **PREMIUM | {"rate": 100}))
    assert levels(bench)[-1][:3] == ("open", "breach", 60)


def test_one_alert_per_licence_and_month() -> None:
    bench = Bench().feed(*(call(T0 + n * DAY, 600, **PREMIUM) for n in range(10))).until("2026-04-02")
    assert len({a.alert_id for a in bench.alerts(RULE)}) == 1
    assert bench.alerts(RULE)[-1].state == "closed"
    bench.feed(call("2026-04-03 10:00", 60, **PREMIUM))
    assert len({a.alert_id for a in bench.alerts(RULE)}) == 2


def test_a_call_over_the_turn_counts_in_the_month_of_its_answer() -> None:
    bench = Bench().feed(call("2026-03-31 23:30", 3_600, **PREMIUM | {"rate": 100}))
    assert bench.alerts(RULE)[0].facts["billing_month"] == "2026-03"
    assert [m.billing_month for m in bench.said if isinstance(m, Metering)] == ["2026-03"]


def test_a_cdr_told_after_the_turn_raises_the_month_s_alert_and_closes_it() -> None:
    bench = Bench().feed(call("2026-03-31 22:00", 4 * 3_600, **PREMIUM)).until("2026-04-03")
    assert [(a.state, a.level) for a in bench.alerts(RULE)] == [("open", "breach"), ("closed", "breach")]


def test_a_metered_offer_is_judged_but_not_metered() -> None:
    bench = Bench(facts=[tenant_fact(offer="metered"), licence_fact()]).feed(call(T0, 60, **PREMIUM))
    assert len(levels(bench)) == 1
    assert metered(bench) == []


def test_an_exemption_hides_the_alert_and_the_metering() -> None:
    bench = Bench().feed(exemption(T0 - HOUR, (RULE,), "2026-03-01", "2026-04-01")).feed(call(T0, 5_000, **PREMIUM))
    assert (levels(bench), metered(bench)) == ([], [])


def test_a_further_leg_takes_the_sum_back_and_tells_it_again() -> None:
    first = call(T0, 1_000, call_id="a", linked_id="L", leg_id="1", **PREMIUM)
    second = call(T0 + 60_000, 1_200, call_id="b", linked_id="L", leg_id="2", **PREMIUM)
    bench = Bench().feed(first, second)
    assert metered(bench) == [("active", 1_000), ("void", 1_000), ("active", 1_260)]
    (month,) = bench.partition.licences["acme", "101"].rules[RULE].months
    assert month.sums == {"premium": [1, 1_260_000, 1_680_000]}


def test_three_rules_that_claim_one_call_never_bill_a_second_twice() -> None:
    policy = {"many-destinations": {"notice_destinations": 1, "breach_destinations": 2}}
    bench = Bench(policy).feed(call(T0 - HOUR, 30, to="+33611111111"))
    bench.feed(call(T0, 9_000, in_plan=True, **PREMIUM))
    records = [m for m in bench.said if isinstance(m, Metering)]
    assert [(m.rules, m.seconds) for m in records] == [
        (("many-destinations", RULE), 7_200), (("long-call", "many-destinations", RULE), 1_800),
    ]  # fmt: skip
    assert records[0].to == records[1].from_


def test_who_calls_no_such_number_costs_no_state() -> None:
    bench = Bench().feed(call(T0, 60))
    licence = bench.partition.licences["acme", "101"]
    assert licence.rules[RULE].months == []
    assert len(encode(licence)) < 2_048


def test_classes_and_days_are_shown() -> None:
    bench = Bench().feed(call(T0, 600, **PREMIUM), call(T0 + DAY, 600, to="3201", to_cls="short_paid", rate=80_000))
    facts = bench.alerts(RULE)[-1].facts
    assert [(row["name"], row["calls"], row["seconds"], row["cents"]) for row in facts["by_class"]] == [
        ("premium", 1, 600, 800), ("short_paid", 1, 600, 800),
    ]  # fmt: skip
    assert [row["name"] for row in facts["by_day"]] == ["2026-03-10", "2026-03-11"]
    assert bench.alerts(RULE)[0].against == ("a single call: a helpline or directory enquiry looks like this",)
