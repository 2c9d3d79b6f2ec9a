"""Vectors of abroad-stay (detectors.md), through the evaluator."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from detectors.abroad.calendar import blind_days
from detectors.errors import PolicyError
from detectors.outputs import Alert
from detectors.policy import Policy
from detectors.registry import installed
from support.abroad import days, stays
from support.core import Bench, call, exemption, licence_fact, loc, ms, reg, review, tenant_fact

RULE = "abroad-stay"


def last(bench: Bench, level: str | None = None) -> Alert:
    return bench.alerts(RULE, level)[-1]


def test_a_stay_of_60_days_raises_a_notice_on_the_event_of_day_46_and_no_breach() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-03-01"), call("2026-03-02 09:00")).until("2026-03-10 00:00")
    first = bench.alerts(RULE)[0]
    assert (first.level, first.measured, first.limit, first.unit) == ("notice", 46, 46, "days")
    event = stays("2026-02-15", "2026-02-15")[0]
    assert first.crossed_at == first.issued_at == event.time
    assert not bench.alerts(RULE, "breach")
    assert last(bench).state == "closed"
    assert last(bench).issued_at == ms("2026-03-04 01:00")
    assert "at home on 2026-03-02" in last(bench).against[-1]


def test_a_stay_of_61_days_breaches_when_day_61_closes_and_suspends() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-03-02")).until("2026-03-02 23:59")
    assert not bench.alerts(RULE, "breach")
    bench.until("2026-03-03 01:59")
    assert not bench.alerts(RULE, "breach"), "a source of CDRs alone closes its days after 25 hours"
    bench.until("2026-03-05 00:00")
    [breach] = bench.alerts(RULE, "breach")
    assert (breach.measured, breach.limit, breach.mode, breach.clause) == (61, 61, "auto", "5.d")
    assert breach.crossed_at == ms("2026-03-03 00:00")
    assert breach.issued_at == ms("2026-03-04 01:00")
    assert breach.alert_id == bench.alerts(RULE)[0].alert_id
    assert breach.facts["first"] == "2026-01-01"
    assert breach.facts["crossing"] == "2026-03-02"
    assert [tuple(run) for run in breach.facts["calendar"]] == [("2026-01-01", "2026-03-02", "CH", "calls")]
    assert len(breach.evidence) == 50
    assert breach.evidence_more == 11
    assert bench.suspensions()[-1].restrictions == ("outgoing",)


def test_registrations_close_the_day_an_hour_after_its_end() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-03-02"), reg("2026-03-02 13:00", "CH")).until("2026-03-03 01:00")
    assert [a.issued_at for a in bench.alerts(RULE, "breach")] == [ms("2026-03-03 01:00")]


def test_home_evidence_of_the_same_device_later_on_day_61_prevents_the_breach() -> None:
    bench = Bench().feed(
        stays("2026-01-01", "2026-03-01"), call("2026-03-02 08:00", country="CH"), reg("2026-03-02 20:00", "FR"),
    ).until("2026-03-10 00:00")  # fmt: skip
    assert not bench.alerts(RULE, "breach")
    assert last(bench).state == "closed"


def test_home_evidence_on_the_day_of_the_notice_closes_it_with_that_day() -> None:
    bench = Bench().feed(
        stays("2026-01-01", "2026-02-14"), call("2026-02-15 08:00", country="CH"), reg("2026-02-15 20:00", "FR"),
    ).until("2026-02-17 00:00")  # fmt: skip
    assert [a.state for a in bench.alerts(RULE)] == ["open", "closed"]


def test_one_day_in_geneva_every_eighth_day_is_a_stay_by_its_span_and_only_reviewed() -> None:
    visits = list(days("2026-01-01", "2026-03-15"))[::8]
    bench = Bench().feed(*[stays(day, day, network=f"198.51.{n % 2}.0/24") for n, day in enumerate(visits)]).until("2026-03-16 00:00")
    breach = bench.alerts(RULE, "breach")[0]
    assert breach.measured == 65
    assert {a.mode for a in bench.alerts(RULE, "breach")} == {"review"}
    assert any("only 9 of 65 days" in text for text in breach.against)
    assert not bench.suspensions()


def test_a_day_at_home_ends_the_stay() -> None:
    bench = Bench().feed(
        stays("2026-01-01", "2026-01-30"), stays("2026-01-31", "2026-01-31", "FR"), stays("2026-02-01", "2026-03-02"),
    ).until("2026-03-05 00:00")  # fmt: skip
    assert not bench.alerts(RULE)


def test_seven_silent_days_leave_one_stay_that_breaches_on_2_march() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-01-30"), stays("2026-02-07", "2026-03-10")).until("2026-03-12 02:00")
    assert bench.alerts(RULE, "breach")[0].crossed_at == ms("2026-03-03 00:00")


def test_eight_silent_days_begin_a_new_stay_that_breaches_on_9_april_with_the_total() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-01-30"), stays("2026-02-08", "2026-04-12")).until("2026-04-15 00:00")
    breach = bench.alerts(RULE, "breach")[0]
    assert (breach.facts["first"], breach.crossed_at) == ("2026-02-08", ms("2026-04-10 00:00"))
    total = bench.alerts("abroad-total", "breach")[0]
    assert (total.measured, total.crossed_at) == (91, breach.crossed_at)


def test_overseas_france_is_home() -> None:
    bench = Bench()
    for country in ("GP", "RE", "MF"):
        bench.feed(stays("2026-01-01", "2026-04-10", country, licence=country)).until("2026-04-20 00:00")
    assert not bench.alerts()


@pytest.mark.parametrize("cls", ["vpn", "hosting", "relay"])
def test_a_hundred_days_behind_a_vpn_or_hosting_address_raise_nothing(cls: str) -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-04-10", cls=cls)).until("2026-04-20 00:00")
    assert not bench.alerts()
    partition = bench.partition
    partition.turn(partition.ctx, partition.licences[("acme", "101")])
    assert blind_days(partition.ctx) == 100


def test_days_behind_a_vpn_are_said_in_the_coverage_of_a_stay() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-02-20"), stays("2026-01-01", "2026-01-10", hour="18:00", cls="vpn"))
    assert any("VPN" in note for note in last(bench).coverage.notes)


def test_a_shared_network_of_the_customer_is_left_out_and_said() -> None:
    names = ("101", "102", "103")
    bench = Bench(facts=[tenant_fact(), *[licence_fact(licence=name) for name in names]])
    shared = [stays("2026-01-01", "2026-03-10", licence=name, network="203.0.113.0/24") for name in names]
    bench.feed(*shared).until("2026-03-20 00:00")
    assert not bench.alerts()
    bench = Bench(facts=[tenant_fact(), *[licence_fact(licence=name) for name in names]])
    few = [stays("2026-01-05", "2026-01-20", licence=name, network="203.0.113.0/24") for name in names[1:]]
    bench.feed(stays("2026-01-01", "2026-02-28"), *few, stays("2026-01-05", "2026-01-20", hour="20:00", network="203.0.113.0/24"))
    assert any("customer's own egress" in note for note in last(bench).coverage.notes)


@pytest.mark.parametrize("times", [1, 2])
def test_shuffled_and_doubled_lines_give_the_same_alerts_and_ids(times: int) -> None:
    """Order within a day and repeats under other ids change nothing that is said."""
    events = stays("2026-01-01", "2026-03-04", phases=True)
    straight = Bench().feed(events).until("2026-03-10 00:00")
    again = Bench().feed(list(reversed(events)) * times).until("2026-03-10 00:00")
    assert [(a.alert_id, a.level, a.measured, a.crossed_at) for a in again.alerts()] == [
        (a.alert_id, a.level, a.measured, a.crossed_at) for a in straight.alerts()
    ]


def test_registrations_at_both_sides_of_midnight_fall_on_their_own_days_over_clock_changes_and_leap_days() -> None:
    for before, after in (("2026-03-28", "2026-03-29"), ("2026-03-29", "2026-03-30"), ("2028-02-28", "2028-02-29")):
        bench = Bench().feed(
            reg(f"{before} 10:00", "CH"), reg(f"{before} 23:59:59", "CH"), reg(f"{after} 00:00:00", "CH"), reg(f"{after} 01:30", "CH"),
        )  # fmt: skip
        state = bench.partition.licences[("acme", "101")]
        flags = state.days.devices["phone"].flags
        assert len(flags) == 2
        assert max(flags) - min(flags) == 1


def test_the_day_of_23_hours_closes_24_hours_after_it_began() -> None:
    bench = Bench().feed(stays("2026-01-28", "2026-03-29"), reg("2026-03-29 12:30", "CH")).until("2026-04-02 00:00")
    breach = bench.alerts(RULE, "breach")[0]
    assert breach.facts["last"] == "2026-03-29"
    assert breach.issued_at - ms("2026-03-29 00:00") == 24 * 3_600_000


def breached(**more: Any) -> Bench:
    return Bench(**more).feed(reg("2026-01-01 00:30", "CH"), stays("2026-01-01", "2026-03-02")).until("2026-03-03 02:00")


def test_the_first_closed_day_at_home_lifts_the_suspension() -> None:
    bench = breached().feed(stays("2026-03-03", "2026-03-09"), reg("2026-03-10 09:00", "FR")).until("2026-03-11 00:59")
    assert bench.suspensions()[-1].state == "active"
    bench.until("2026-03-11 01:00")
    assert bench.suspensions()[-1].state == "lifted"
    assert last(bench).state == "closed"


def test_restricted_days_do_not_lengthen_the_stay_nor_let_silence_pass() -> None:
    bench = breached().until("2026-04-20 00:00")
    assert last(bench).state == "open"
    assert last(bench).measured == 61
    assert bench.suspensions()[-1].state == "active"
    bench.feed(reg("2026-04-21 10:00", "FR")).until("2026-04-22 02:00")
    assert bench.suspensions()[-1].state == "lifted"


def test_late_home_evidence_withdraws_the_breach_and_lifts() -> None:
    bench = breached()
    late = reg("2026-02-27 10:00", "FR")
    bench.said.extend(bench.partition.step(late))
    assert last(bench).state == "withdrawn"
    assert bench.suspensions()[-1].state == "lifted"


def test_evidence_more_than_a_week_late_changes_nothing_and_is_counted() -> None:
    bench = breached()
    bench.said.extend(bench.partition.step(reg("2026-02-20 10:00", "FR")))
    assert last(bench).state == "open"
    assert bench.partition.licences[("acme", "101")].days.too_old == 1


def test_an_exemption_reaches_back_and_withdraws() -> None:
    bench = breached().feed(exemption("2026-03-05 10:00", (RULE,), "2026-01-10 00:00", "2026-01-12 00:00"))
    assert last(bench).state == "withdrawn"
    assert "59 days" in last(bench).against[-1]


def test_exempt_days_are_subtracted_and_a_day_at_home_among_them_ends_the_stay() -> None:
    permission = exemption("2025-12-01", (RULE,), "2026-01-10 00:00", "2026-01-20 00:00")
    bench = Bench().feed(permission, stays("2026-01-01", "2026-03-12")).until("2026-03-20 00:00")
    breach = bench.alerts(RULE, "breach")[0]
    assert (breach.facts["exempt_days"], breach.facts["last"]) == (10, "2026-03-12")
    home = stays("2026-01-15", "2026-01-15", "FR")
    bench = Bench().feed(permission, stays("2026-01-01", "2026-01-14"), home, stays("2026-01-16", "2026-03-12")).until("2026-03-20 00:00")
    assert not bench.alerts(RULE, "breach")


def test_an_exemption_of_another_licence_or_rule_changes_nothing() -> None:
    others = [
        exemption("2025-12-01", (RULE,), "2026-01-01", "2026-02-01", licence="102", exemption_id="a"),
        exemption("2025-12-01", ("autodial",), "2026-01-01", "2026-02-01", exemption_id="b"),
        exemption("2025-12-01", (RULE,), "2026-01-01", "2026-02-01", exemption_id="c", revoked=True),
    ]
    bench = Bench().feed(others, stays("2026-01-01", "2026-03-02")).until("2026-03-05 00:00")
    assert bench.alerts(RULE, "breach")


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        (
            [reg(f"{d} {h}", "CH", network=f"198.51.{h[:2]}.0/24") for d in days("2026-01-01", "2026-03-02") for h in ("08:00", "12:00")],
            "calls",
        ),
        (stays("2026-01-01", "2026-03-02", network="198.51.1.0/24"), "1 network"),
        (stays("2026-01-01", "2026-03-02", device=None), "user agent and contact"),
    ],
    ids=["registrations alone", "one network", "weak identity"],
)
def test_thin_evidence_is_reviewed_and_never_acts(events: list[Any], reason: str) -> None:
    bench = Bench().feed(events).until("2026-03-05 00:00")
    breach = bench.alerts(RULE, "breach")[0]
    assert breach.mode == "review"
    assert any(text.startswith("not automatic") and reason in text for text in breach.against)
    assert not bench.suspensions()


def test_two_databases_that_agree_stand_for_a_second_network() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-03-02", network="198.51.1.0/24", agree=True)).until("2026-03-05 00:00")
    assert bench.alerts(RULE, "breach")[0].mode == "auto"


def test_a_breach_in_review_becomes_automatic_when_the_conditions_first_hold() -> None:
    first = stays("2026-01-01", "2026-03-02", network="198.51.1.0/24")
    bench = Bench().feed(first).until("2026-03-04 02:00")
    assert [a.mode for a in bench.alerts(RULE, "breach")] == ["review"]
    bench.feed(stays("2026-03-03", "2026-03-03", network="203.0.113.0/24")).until("2026-03-06 00:00")
    assert bench.alerts(RULE, "breach")[-1].mode == "auto"
    assert len(bench.suspensions()) == 1


def test_a_person_who_saw_no_breach_is_not_overruled() -> None:
    bench = Bench().feed(stays("2026-01-01", "2026-03-02", network="198.51.1.0/24")).until("2026-03-04 02:00")
    bench.feed(review("2026-03-04 09:00", bench.alerts(RULE, "breach")[0], "no_breach"))
    bench.feed(stays("2026-03-05", "2026-03-20")).until("2026-03-25 00:00")
    assert not bench.suspensions()


def test_an_old_database_warns_and_never_accuses() -> None:
    place = msgspec.structs.replace(loc("CH", network="198.51.100.0/24"), built="2025-06-01")
    bench = Bench().feed(stays("2026-01-01", "2026-03-10", place=place)).until("2026-03-15 00:00")
    assert bench.alerts(RULE, "notice")
    assert not bench.alerts(RULE, "breach")
    assert any("more than 45 days" in note for note in last(bench).coverage.notes)


def test_a_desk_phone_is_reviewed_and_a_trunk_is_not_judged() -> None:
    facts = [tenant_fact(), licence_fact(licence="201", type="desk_phone"), licence_fact(licence="202", type="trunk")]
    bench = Bench(facts=facts)
    bench.feed(stays("2026-01-01", "2026-03-02", licence="201"), stays("2026-01-01", "2026-03-02", licence="202")).until("2026-03-05 00:00")
    assert {(a.licence, a.mode) for a in bench.alerts(RULE, "breach")} == {("201", "review")}


def test_a_home_country_of_the_customer_is_no_abroad() -> None:
    bench = Bench(facts=[tenant_fact(home_countries=("FR", "CH")), licence_fact()])
    assert not bench.feed(stays("2026-01-01", "2026-04-02")).until("2026-04-10 00:00").alerts()


def test_a_state_cut_anywhere_goes_on_as_if_never_cut() -> None:
    events = stays("2026-01-01", "2026-03-06", phases=True)
    straight = Bench().feed(events).until("2026-03-10 00:00")
    cut = Bench(restart_every=7).feed(events).until("2026-03-10 00:00")
    assert cut.said == straight.said


def test_the_reading_by_window_counts_days_abroad_whatever_lies_between() -> None:
    policy = {RULE: {"reading": "window", "window_days": 90}}
    weeks = [stays(day, day, "FR" if n % 5 == 0 else "CH") for n, day in enumerate(days("2026-01-01", "2026-03-25"))]
    bench = Bench(policy).feed(*weeks).until("2026-03-26 12:00")
    breach = bench.alerts(RULE, "breach")[0]
    assert breach.measured == 61
    assert breach.crossed_at == ms("2026-03-19 00:00")
    assert not Bench().feed(*weeks).until("2026-03-26 12:00").alerts(RULE)


@pytest.mark.parametrize("keys", [{"notice_days": 70}, {"silent_days": -1}, {"window_days": 30}])
def test_limits_that_do_not_fit_each_other_are_refused(keys: dict[str, int]) -> None:
    with pytest.raises(PolicyError, match="abroad-stay"):
        Policy({"rules": {RULE: keys}}, installed())


def test_the_facts_of_a_year_that_changes_every_day_stay_below_16_kib() -> None:
    countries = ["CH", "IT", "DE"]
    events = [stays(day, day, countries[n % 3]) for n, day in enumerate(days("2026-01-01", "2027-01-10"))]
    bench = Bench({RULE: {"mode": "review"}}).feed(*events)
    assert len(msgspec.json.encode(last(bench).facts)) < 16_384
