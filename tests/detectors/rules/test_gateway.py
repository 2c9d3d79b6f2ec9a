"""gateway: each sign at its limit, two of them together, and the honest lines that look similar."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.errors import PolicyError
from detectors.outputs import Alert
from detectors.routing.legs import side_by_side
from detectors.rules.gateway import GatewayParams
from support.core import Bench, call, licence_fact, ms, tenant_fact

NINE = ms("2026-03-02 09:00")
OWN = "+33140000101"
#: Limits that leave bridging alone to be judged.
NOT_PRESENTED = {"gateway": {"presented": 1_000, "at_once": 1_000}}


def bench(policy: dict[str, Any] | None = None, **fields: Any) -> Bench:
    return Bench(policy, facts=[tenant_fact(), licence_fact(**({"numbers": (OWN,)} | fields))])


def said(bench: Bench, level: str | None = None) -> list[Alert]:
    return bench.alerts("gateway", level)


def holding(bench: Bench) -> set[str]:
    return {sign["name"] for sign in said(bench)[-1].facts["signs"] if sign["holds"]}


def relayed(
    n: int, at: int, *, after_s: float = 3, talk_s: float = 120, apart_s: float = 0, shown: str = "", to: str = "", **fields: Any
) -> list[Any]:
    """A caller comes in and goes out again ``after_s`` later; the two ends lie ``apart_s`` apart."""
    caller = f"+3361000{n:04}"
    common = {"phases": True, "ring_s": 2} | fields
    came = call(at, talk_s + after_s, direction="inbound", to=OWN, caller=caller, **common)
    out = call(at + round(after_s * SECOND), talk_s + apart_s, to=to or f"+22177{n:07}", presented=shown or None, **common)
    return came + out


# -- each sign --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phases", [True, False])
def test_calls_bridged_to_ten_numbers_in_24_hours_are_a_notice(phases: bool) -> None:
    assert said(bench(NOT_PRESENTED).feed(*(relayed(n, NINE + n * HOUR, phases=phases) for n in range(9)))) == []
    found = bench(NOT_PRESENTED).feed(*(relayed(n, NINE + n * HOUR, phases=phases) for n in range(10)))
    (notice,) = said(found)
    assert (notice.level, notice.measured, notice.limit, notice.clause) == ("notice", 1, 1, "9.e, 9.f")
    assert holding(found) == {"calls bridged at once"}
    assert notice.facts["bridged"][0] == "77000••••"


@pytest.mark.parametrize("odd", [{"after_s": 8}, {"apart_s": 30}, {"to": "+221770000001"}])
def test_calls_that_begin_later_or_do_not_end_together_or_go_to_one_number_are_not_bridged(odd: dict[str, Any]) -> None:
    assert said(bench(NOT_PRESENTED).feed(*(relayed(n, NINE + n * 30 * MINUTE, **odd) for n in range(20)))) == []


def test_a_relay_that_answers_first_and_dials_within_5_seconds_of_it_is_bridged() -> None:
    found = bench(NOT_PRESENTED).feed(*(relayed(n, NINE + n * HOUR, after_s=16, ring_s=13) for n in range(12)))
    assert [alert.level for alert in said(found)] == ["notice"]


def test_five_presented_numbers_of_strangers_in_24_hours_are_a_notice() -> None:
    def presenting(count: int) -> Bench:
        return bench().feed(*(call(NINE + n * HOUR, 60, to=f"+3362{n:07}", presented=f"+3370000{n:04}") for n in range(count)))

    assert said(presenting(4)) == []
    found = presenting(5)
    assert holding(found) == {"strangers' numbers presented"}
    assert said(found)[0].facts["presented"][0] == "70000••••"


@pytest.mark.parametrize("phases", [True, False])
def test_three_numbers_of_strangers_side_by_side_are_a_notice(phases: bool) -> None:
    legs = [call(NINE + n * MINUTE, 600, to=f"+3362{n:07}", presented=f"+3370000{n:04}", phases=phases) for n in range(3)]
    assert said(bench().feed(*legs[:2])) == []
    found = bench().feed(*legs)
    if not phases:
        found.feed(call(NINE + HOUR, 5, presented="+33700000000"))
    assert holding(found) == {"strangers' numbers presented side by side"}


def test_numbers_of_any_licence_of_the_customer_and_extensions_are_no_strangers() -> None:
    facts = [tenant_fact(), licence_fact(numbers=(OWN,)), licence_fact(licence="900", type="group", numbers=("+33140000900",))]
    shown = [OWN, "0140000101", "+33140000900", "101", "anonymous", None]
    calls = [call(NINE + n * MINUTE, 600, to=f"+3362{n:07}", presented=shown[n % 6], phases=True) for n in range(30)]
    assert said(Bench(facts=facts).feed(*calls)) == []
    moved = [*facts, licence_fact(NINE - DAY, licence="900", type="group", numbers=())]
    strange = [call(NINE + n * MINUTE, 60, to=f"+3362{n:07}", presented=f"+3314000090{n}") for n in range(5)]
    assert said(Bench(facts=moved).feed(*strange))


def test_without_any_number_of_the_customer_presented_numbers_are_not_covered_and_it_says_so() -> None:
    found = Bench().feed(*(relayed(n, NINE + n * HOUR, shown=f"+3370000{n:04}") for n in range(12)))
    assert holding(found) == {"calls bridged at once"}
    assert any("not covered" in note for note in said(found)[0].coverage.notes)


def test_one_sign_of_volume_alone_says_nothing() -> None:
    # Two sales people: 90 numbers a day and nobody calls in; and a night watch that calls the same number every hour.
    sales = [call(NINE + day * DAY + n * 5 * MINUTE, 60, to=f"+336{day}{n:07}", presented=OWN) for day in range(7) for n in range(90)]
    assert said(bench().feed(*sales)) == []
    watch = [call(NINE + n * HOUR, 30, to="+33612345678", presented=OWN) for n in range(24 * 7)]
    assert said(bench().feed(*watch)) == []


# -- two of them ------------------------------------------------------------------------------------------------------


def test_bridged_calls_that_present_strangers_are_a_breach() -> None:
    found = bench().feed(*(relayed(n, NINE + n * HOUR, shown=f"+3361000{n:04}") for n in range(12)))
    assert [(alert.level, alert.measured, alert.limit) for alert in said(found)] == [("notice", 1, 1), ("breach", 2, 2)]
    assert holding(found) == {"calls bridged at once", "strangers' numbers presented"}
    assert said(found)[-1].money_at_risk_cents > 0


def test_two_signs_of_volume_are_a_breach() -> None:
    legs = [
        call(NINE + day * DAY + n * 25 * MINUTE, 60, to=f"+3362{day}{n:06}", diverted_by="101", presented=OWN, phases=n % 2 == 0)
        for day in range(4)
        for n in range(57)
    ]
    found = bench().feed(*legs)
    assert [alert.level for alert in said(found)] == ["breach"]
    assert holding(found) == {"days round the clock", "targets of diverted traffic"}


def test_one_way_traffic_round_the_clock_is_a_breach_and_with_calls_in_it_is_none() -> None:
    out = [call(NINE + day * DAY + n * 10 * MINUTE, 60, to=f"+336{day}{n:07}", presented=OWN) for day in range(6) for n in range(140)]
    assert [alert.level for alert in said(bench().feed(*out))] == ["breach"]
    came = [call(NINE + day * DAY + n * 3 * HOUR, 60, direction="inbound", caller="+33611111111") for day in range(6) for n in range(8)]
    assert said(bench().feed(*out, *came)) == []


def test_the_alert_closes_when_no_sign_that_carries_is_left() -> None:
    found = bench().feed(*(relayed(n, NINE + n * HOUR, shown=f"+3361000{n:04}") for n in range(12)))
    assert said(found.feed(call(NINE + 2 * DAY)).until(NINE + 4 * DAY))[-1].state == "closed"


# -- honest look-alikes -----------------------------------------------------------------------------------------------


def test_follow_me_to_the_five_commonest_targets_counts_for_no_sign() -> None:
    legs: list[Any] = []
    for n in range(200):
        caller, to = f"+3361000{n:04}", f"+3362000000{n % 5}"
        linked = {"linked_id": f"l{n}", "caller": caller, "phases": True}
        legs += call(NINE + n * HOUR, 63, direction="inbound", to=OWN, **linked)
        legs += call(NINE + n * HOUR + 2 * SECOND, 61, to=to, diverted_by="101", presented=f"+3375000{n:04}", **linked)
    assert said(bench().feed(*legs)) == []


def test_declared_forward_targets_count_for_no_sign() -> None:
    targets = tuple(f"+2217700000{n:02}" for n in range(20))
    found = bench(forward_targets=targets).feed(
        *(relayed(n, NINE + n * 20 * MINUTE, to=targets[n], shown=f"+3361000{n:04}") for n in range(20))
    )
    assert said(found) == []


@pytest.mark.parametrize("told", ["leg", "call"])
def test_a_diverted_call_that_shows_its_caller_presents_no_stranger(told: str) -> None:
    legs: list[Any] = []
    for n in range(40):
        caller = f"061000{n:04}"
        linked = {"linked_id": f"l{n}", "phases": True}
        legs += call(NINE + n * 20 * MINUTE, 90, direction="inbound", to=OWN, caller=caller, **linked)
        legs += call(
            NINE + n * 20 * MINUTE + 20 * SECOND, 60, to=f"+3362{n:07}", diverted_by="101", presented=f"+3361000{n:04}",
            caller=caller if told == "leg" else OWN, **linked,
        )  # fmt: skip
    assert said(bench().feed(*legs)) == []


def test_hours_of_a_trunk_do_not_count_and_its_counts_are_times_its_channels() -> None:
    legs = [
        call(NINE + day * DAY + n * 25 * MINUTE, 60, to=f"+3362{day}{n:06}", diverted_by="101", presented=OWN)
        for day in range(4)
        for n in range(57)
    ]
    assert said(bench(type="trunk", channels=4).feed(*legs)) == []
    strange = [call(NINE + n * HOUR, 60, to=f"+3362{n:07}", presented=f"+3370000{n:04}") for n in range(10)]
    assert said(bench(type="trunk", channels=4).feed(*strange)) == []
    assert said(bench(type="trunk", channels=2).feed(*strange))


# -- parts ------------------------------------------------------------------------------------------------------------


def test_a_quiet_licence_keeps_little() -> None:
    quiet = bench().feed(*(call(NINE + n * HOUR * 3, 60, to=f"+3362{n:07}", presented=OWN) for n in range(56)))
    assert len(msgspec.msgpack.encode(quiet.partition.licences[("acme", "101")].rules["gateway"])) < 160


def test_numbers_side_by_side_are_counted_at_the_instant_of_most() -> None:
    assert side_by_side([[0, 10, 1], [2, 4, 2], [3, 9, 3], [9, 12, 4]]) == (3, 3)
    assert side_by_side([]) == (0, 0)


def test_limits_that_make_no_sense_are_refused() -> None:
    for wrong in ({"breach_signs": 1}, {"hours": 25}, {"round_days": 8}, {"bridged": 0}):
        with pytest.raises(PolicyError, match="gateway"):
            GatewayParams(**wrong)  # type: ignore[arg-type]
