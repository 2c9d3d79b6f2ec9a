"""toll-fraud: vectors of the specification, what a burst is, what makes it a breach, and who is let go."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.errors import PolicyError
from detectors.events import Event
from detectors.outputs import Alert
from detectors.rules.toll_fraud import RULE, TollFraudParams
from support.abuse.toll_fraud import BURST, german, long_calls, office, pumped
from support.core import Bench, call, licence_fact, ms, reg, review, tenant_fact

NIGHT = ms("2026-03-03 03:00")
LICENCES = ("101", "231", "232", "233", "234")


def bench(*, days: int = 60, **more: Any) -> Bench:
    """A customer with weeks of office calls, Senegal at noon among them."""
    facts: list[Event] = [tenant_fact(softphones_billed=20, **more), *(licence_fact(licence=name) for name in LICENCES)]
    # The office has called until the eve of the burst.
    start = ms("2026-03-03 00:00") - days * DAY
    return Bench({"rules": {"toll-fraud": {}}}, facts, detectors={RULE.rule: RULE}).feed(*office("231", days, start=start))


def abroad(
    at: int, *numbers: str, every: int = 5 * MINUTE, talk_s: float | None = 30, cls: str = "intl_fixed_mobile", **fields: Any
) -> list[Any]:
    """One call to each number, one after another."""
    events: list[Any] = []
    for n, to in enumerate(numbers):
        events += call(at + n * every, talk_s, to=to, to_cls=cls, **({"rate": 30_000, "phases": True} | fields))
    return events


def said(found: Bench) -> list[tuple[str, str]]:
    return [(a.level, a.mode) for a in found.alerts("toll-fraud") if a.state == "open"]


def last(found: Bench) -> Alert:
    return found.alerts("toll-fraud")[-1]


# -- vectors of the specification ------------------------------------------------------------------------------------


def test_a_new_high_risk_range_at_three_in_the_morning_is_decided_before_the_fourth_attempt() -> None:
    found = bench().feed(*abroad(NIGHT, *["+881612345678"] * 4, every=150 * SECOND, cls="satellite"))
    breach = found.alerts("toll-fraud", "breach")[0]
    assert (breach.crossed_at, breach.mode, breach.measured, breach.unit) == (NIGHT + 300 * SECOND, "auto", 3, "attempts/60min")
    assert breach.crossed_at < NIGHT + 450 * SECOND
    [order] = found.suspensions("101")
    assert set(order.restrictions) == {"international", "paid"}
    assert breach.facts["signs"] == ["high-risk", "quiet hour"]


def test_a_customer_who_calls_senegal_daily_is_not_caught() -> None:
    found = bench().feed(*abroad(NIGHT, *["+221771234567"] * 12, talk_s=600, rate=30_000))
    assert found.alerts() == []


def test_one_call_to_each_of_12_new_ranges_at_night_is_caught() -> None:
    found = bench().feed(*abroad(NIGHT, *[f"+44{n}71234567" for n in range(20, 32)]))
    assert said(found)[0] == ("breach", "auto")
    first = found.alerts("toll-fraud")[0]
    assert first.crossed_at == NIGHT + 10 * MINUTE
    assert first.facts["signs"] == ["quiet hour", "ranges"]


def test_an_office_that_redials_its_first_german_customer_is_a_notice_only() -> None:
    found = bench().feed(*german("232", BURST, 5))
    assert said(found) == [("notice", "auto")]
    notice = last(found)
    assert (notice.measured, notice.limit, notice.crossed_at) == (3, 3, BURST + 20 * MINUTE)
    assert found.suspensions() == []
    assert any("one range" in text for text in notice.against)
    assert any("nobody answered" in text for text in notice.against)


def test_three_calls_to_new_french_departments_are_nothing() -> None:
    found = bench().feed(
        *(call(NIGHT + n * MINUTE, 60, to=f"+33{n}98765432", to_cls="fixed", rate=1_000, phases=True) for n in range(1, 6)),
        *(call(NIGHT + n * MINUTE, 60, to=f"+59069012345{n}", to_cls="mobile", phases=True, licence="232") for n in range(6)),
    )
    assert found.alerts() == []


# -- honest customers ------------------------------------------------------------------------------------------------


def test_a_holiday_offices_first_call_to_canada_is_nothing() -> None:
    assert bench().feed(*abroad(NIGHT, "+15145550123", talk_s=600)).alerts() == []


def test_two_attempts_in_an_hour_are_no_burst_and_a_third_after_it_neither() -> None:
    found = bench().feed(*abroad(NIGHT, "+49301234567", "+49301234568", "+49301234569", every=30 * MINUTE))
    assert found.alerts() == []


def test_two_licences_with_two_attempts_each_are_no_burst_since_counts_are_per_licence() -> None:
    found = bench().feed(
        *abroad(NIGHT, "+49301234567", "+49301234568"), *abroad(NIGHT + MINUTE, "+49301234567", "+49301234568", licence="232")
    )
    assert found.alerts() == []


def test_a_customer_without_28_days_of_calls_has_only_high_risk_novelties() -> None:
    found = bench(days=27).feed(*abroad(NIGHT, "+49301234567", "+49301234568", "+34911234567", "+44201234567"))
    assert found.alerts() == []
    found.feed(*abroad(NIGHT + HOUR, *["+881612345678"] * 3, cls="satellite"))
    assert said(found) == [("breach", "auto")]


def test_a_swiss_customers_own_country_is_no_novelty() -> None:
    found = bench(calling_code=41).feed(*abroad(NIGHT, "+41221234567", "+41311234567", "+41441234567", cls="fixed"))
    assert found.alerts() == []


def test_the_subsidiary_called_for_three_days_is_known_from_then_on() -> None:
    days = [ms("2026-03-03 10:00") + n * DAY for n in range(4)]
    found = bench()
    for day in days[:3]:
        found.feed(*abroad(day, "+4969123456"))
    found.feed(*abroad(days[3], *["+4969123456"] * 5, every=MINUTE))
    assert found.alerts() == []


# -- what makes a burst a breach -------------------------------------------------------------------------------------


def test_a_burst_in_an_hour_of_the_week_at_which_the_customer_never_calls_is_a_breach() -> None:
    found = bench().feed(*abroad(NIGHT, "+49301234567", "+49301234568", "+49301234569"))
    assert said(found) == [("breach", "auto")]
    assert last(found).facts["signs"] == ["quiet hour"]
    assert last(found).facts["hour_of_week"] == 24 + 3


def test_two_calls_at_once_to_a_new_country_are_a_burst() -> None:
    found = bench().feed(*abroad(BURST, "+49301234567", "+49301234567", every=MINUTE, talk_s=300))
    assert [(a.level, a.measured, a.limit, a.unit) for a in found.alerts()] == [("notice", 2, 2, "calls at once")]


def test_money_of_calls_still_up_is_a_breach_at_the_instant_it_crosses_the_limit() -> None:
    found = bench().feed(*long_calls("234", BURST))
    notice, breach = found.alerts("toll-fraud")[:2]
    assert (notice.level, notice.unit) == ("notice", "calls at once")
    # Two calls of 0.30 € a minute, answered after 5 and after 65 s: 15 € are reached at 1,535 s, both still up.
    assert (breach.level, breach.crossed_at, breach.issued_at) == ("breach", BURST + 1_535 * SECOND + 1, BURST + 1_535 * SECOND + 1)
    assert (breach.measured, breach.limit, breach.unit) == (1_500, 1_500, "cents/60min")
    assert found.suspensions("234")[0].issued_at == breach.issued_at


def test_lost_ends_stop_costing_money_when_their_phone_leaves() -> None:
    events = [e for e in long_calls("234", BURST) if e.phase != "end"]  # type: ignore[attr-defined]
    gone = reg(BURST + 20 * MINUTE, licence="234", action="unregister")
    found = bench().feed(*events, gone).until("2026-03-04 12:00")
    assert [a.level for a in found.alerts("toll-fraud") if a.state == "open"] == ["notice"]


def test_the_dearest_hour_of_the_customer_raises_the_limit() -> None:
    found = bench()
    # Eleven calls of an hour to Senegal on one afternoon: 198 € in its dearest hours.
    found.feed(*abroad(ms("2026-03-05 14:00"), *["+221771234567"] * 11, every=MINUTE, talk_s=3_600, licence="231"))
    found.feed(*long_calls("234", BURST + 6 * DAY))
    assert {a.level for a in found.alerts("toll-fraud")} == {"notice"}


def test_50_euros_in_a_day_are_a_breach_although_no_hour_was_dear() -> None:
    # Three attempts of 12 € each, at most one an hour but for the first three, and never at night.
    events = abroad(BURST, *["+49301234567"] * 3, every=10 * MINUTE, talk_s=None)
    for n in range(1, 7):
        events += abroad(BURST + n * 70 * MINUTE, "+49301234567", talk_s=28 * 60)
    found = bench().feed(*events)
    breach = last(found)
    assert (breach.level, breach.limit, breach.unit) == ("breach", 5_000, "cents/24h")
    assert breach.issued_at - BURST < 24 * HOUR


def test_a_premium_number_at_home_can_be_new_as_well() -> None:
    found = bench().feed(*abroad(NIGHT, *["+33899123456"] * 3, cls="premium", rate=80_000))
    assert said(found) == [("breach", "auto")]


def test_diverted_calls_count_for_the_licence_that_diverts() -> None:
    found = bench().feed(*abroad(NIGHT, *["+8823451234"] * 3, cls="satellite", diverted_by="232", licence="232"))
    assert [(a.licence, a.level) for a in found.alerts("toll-fraud")] == [("232", "breach")]
    assert any("diverted" in text for text in last(found).against)


@pytest.mark.parametrize("phases", [True, False])
def test_cdrs_tell_the_same_as_phases(phases: bool) -> None:
    found = bench().feed(*abroad(NIGHT, *["+881612345678"] * 3, cls="satellite", phases=phases))
    assert said(found) == [("breach", "auto")]


def test_cdrs_of_long_calls_that_ran_side_by_side_are_a_burst_when_they_come() -> None:
    found = bench().feed(*abroad(NIGHT, "+49301234567", "+49301234568", talk_s=3 * 3_600, phases=False))
    assert said(found)[-1] == ("breach", "auto")


# -- how it learns ---------------------------------------------------------------------------------------------------


def test_a_test_call_does_not_whitelist_the_attack_that_follows_within_a_day() -> None:
    found = bench().feed(*abroad(NIGHT - 20 * HOUR, "+25261234567"))
    found.feed(*abroad(NIGHT, *["+25261234567"] * 3))
    assert said(found) == [("breach", "auto")]


def test_an_attack_that_nobody_stopped_is_an_attack_again_the_next_week() -> None:
    found = bench().feed(*pumped("233", NIGHT, 8)).until("2026-03-05 12:00")
    again = found.feed(*pumped("234", NIGHT + 7 * DAY, 8))
    assert again.alerts("toll-fraud", licence="234")[0].level == "breach"
    assert "quiet hour" in again.alerts("toll-fraud", "breach", "234")[0].facts["signs"]


def test_after_a_verdict_of_no_breach_the_range_is_learned() -> None:
    found = bench().feed(*pumped("233", NIGHT, 3))
    found.feed(review(NIGHT + 30 * MINUTE, last(found), "no_breach", "lift", sequence=found.suspensions()[-1].sequence))
    found.feed(*pumped("233", NIGHT + HOUR, 2))
    found.feed(*pumped("234", NIGHT + 4 * DAY, 4))
    assert found.alerts("toll-fraud", licence="234") == []


def test_a_range_not_called_for_90_days_is_new_again() -> None:
    found = bench()
    for day in range(1, 95):
        found.feed(*call(ms("2026-03-03 08:00") + day * DAY, 60, licence="231"))
    found.feed(*abroad(ms("2026-03-03 03:00") + 95 * DAY, *["+221771234567"] * 3))
    assert said(found) == [("breach", "auto")]


# -- alerts ----------------------------------------------------------------------------------------------------------


def test_one_alert_per_licence_however_many_calls() -> None:
    found = bench().feed(*pumped("233", NIGHT, 100))
    assert len({a.alert_id for a in found.alerts("toll-fraud")}) == 1
    assert len(found.alerts("toll-fraud")) < 8


def test_an_episode_ends_at_the_close_of_a_day_without_a_burst() -> None:
    found = bench().feed(*german("232", BURST, 4)).until("2026-03-04 12:00")
    assert [a.state for a in found.alerts("toll-fraud")] == ["open"]
    assert last(found.until("2026-03-05 02:00")).state == "closed"


def test_the_screen_gets_destinations_by_money_and_the_usual_hours() -> None:
    found = bench().feed(*abroad(NIGHT, "+49301234567", "+44201234567", "+44201234568", talk_s=60))
    facts, bars = last(found).facts, [("+44201", "44", 2, 30), ("+49301", "49", 1, 30)]
    assert [(d["range"], d["code"], d["attempts"], d["cents"]) for d in facts["destinations"]] == bars
    assert facts["usual_hours"][24 + 9] == 4
    assert facts["usual_hours"][24 + 3] == 0
    assert sum(facts["attempts_per_hour"]) == 3


def test_a_quiet_licence_keeps_almost_nothing() -> None:
    found = bench()
    assert len(msgspec.msgpack.encode(found.partition.licences[("acme", "231")].rules)) < 40
    assert len(msgspec.msgpack.encode(found.partition.tenants["acme"].rules)) < 1_100


def test_a_group_and_unknown_licences_wait_for_a_person() -> None:
    facts: list[Event] = [tenant_fact(), licence_fact(licence="300", type="group")]
    found = Bench({}, facts, detectors={RULE.rule: RULE})
    for name in ("300", "301"):
        found.feed(*abroad(NIGHT, *["+881612345678"] * 3, cls="satellite", licence=name))
    assert {(a.licence, a.mode) for a in found.alerts("toll-fraud")} == {("300", "review"), ("301", "review")}


@pytest.mark.parametrize(
    "wrong", [{"baseline_days": 30}, {"baseline_days": 56}, {"learn_days": 0}, {"at_once": 1}, {"ranges": 100}, {"attempts_minutes": 2_000}]
)
def test_a_limit_above_capacity_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=r"rules\.toll-fraud"):
        TollFraudParams(**wrong)
