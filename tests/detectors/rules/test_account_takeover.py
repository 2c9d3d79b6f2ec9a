from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.errors import PolicyError
from detectors.events import Event, Registration
from detectors.outputs import Alert
from detectors.state import encode
from detectors.takeover.memory import MOST_DEVICES, MOST_DOORS, MOST_NETWORKS, UNRESOLVED, TakeoverParams
from support.core import HOME, Bench, call, exemption, licence_fact, loc, ms, reg, review, tenant_fact

RULE_ID = "account-takeover"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
THERE = "203.0.113.0/24"
#: A month of use lies behind the account when things happen.
USED_FROM, TODAY = ms("2026-02-01 09:00"), ms("2026-03-02 09:00")


def used(licence: str = "101", device: str | None = "phone", network: str = HOME, country: str = "FR", **more: Any) -> list[Event]:
    """An account that registers at home every day for a month."""
    return [reg(USED_FROM + n * DAY, country, licence=licence, device=device, network=network, **more) for n in range(29)]


def failed(at: int = TODAY, count: int = 1, licence: str = "101", **more: Any) -> Registration:
    """A failure of a stranger."""
    given: dict[str, Any] = {"device": "thief", "network": THERE, "ip": "203.0.113.9"} | more
    return msgspec.structs.replace(reg(at, licence=licence, action="failed", **given), count=count)


def succeeded(at: int = TODAY + 2 * MINUTE, licence: str = "101", **more: Any) -> Registration:
    """The stranger got in."""
    given: dict[str, Any] = {"device": "thief", "network": THERE, "ip": "203.0.113.9"} | more
    return reg(at, licence=licence, action="register", **given)


def broken_in(licence: str = "101", **more: Any) -> list[Event]:
    return [*(failed(TODAY + n * 10_000, licence=licence, **more) for n in range(3)), succeeded(licence=licence, **more)]


def satellite(at: int = TODAY + 10 * MINUTE, talk_s: float | None = 60, **more: Any) -> list[Any]:
    given: dict[str, Any] = {"device": "thief", "network": THERE, "rate": 500_000} | more
    return call(at, talk_s, to="+881612345678", to_cls="satellite", phases=True, **given)


def judged(*events: Any, **policy: Any) -> Bench:
    return Bench({RULE_ID: policy} if policy else None).feed(used(), flat(events))


def flat(events: Any) -> list[Event]:
    return [one for event in events for one in (flat(event) if isinstance(event, list | tuple) else [event])]


def said(bench: Bench) -> list[tuple[str, str | None, int]]:
    return [(a.level, a.licence, a.measured) for a in bench.alerts(RULE_ID)]


def ids(bench: Bench) -> set[str]:
    return {a.alert_id for a in bench.alerts(RULE_ID)}


# -- sieges ------------------------------------------------------------------------------------------------------------


def besieged(failures: int, step: int = 20_000, sources: int = 3, **more: Any) -> list[Event]:
    return [
        failed(TODAY + n * step, device=None, agent="x", ip=f"203.0.{n % sources}.9", network=f"203.0.{n % sources}.0/24", **more)
        for n in range(failures)
    ]


def test_20_failures_in_10_minutes_from_3_sources_are_a_siege() -> None:
    assert said(judged(besieged(19))) == []
    [alert] = judged(besieged(20)).alerts(RULE_ID)
    assert (alert.level, alert.licence, alert.measured, alert.limit, alert.unit) == ("notice", "101", 20, 20, "failures")
    assert alert.facts["stage"] == "siege"
    assert alert.facts["sources"] == 3
    assert alert.crossed_at == TODAY + 19 * 20_000
    assert any("target" in one for one in alert.against)


def test_20_failures_in_more_than_10_minutes_are_no_siege() -> None:
    assert said(judged(besieged(40, step=32_000))) == []


def test_folded_failures_count_as_many_as_they_stand_for() -> None:
    assert said(judged(failed(ip="203.0.113.1", count=12), failed(TODAY + MINUTE, ip="203.0.113.2", count=8))) == [("notice", "101", 20)]


def test_one_source_with_more_than_3_origins_is_a_siege_and_with_3_it_is_not() -> None:
    def tries(ports: int) -> list[Event]:
        return [msgspec.structs.replace(failed(TODAY + n * 10_000), source_port=5060 + n % ports) for n in range(30)]

    assert said(judged(tries(3))) == []
    assert said(judged(tries(4))) == [("notice", "101", 20)]


def test_a_siege_of_thousands_of_registrations_in_minutes_is_one_alert_with_a_count_restated_when_it_doubles() -> None:
    bench = judged(besieged(5_000, step=100))
    assert [a.measured for a in bench.alerts(RULE_ID)] == [20 * 2**n for n in range(8)]
    assert len(ids(bench)) == 1


def test_a_siege_closes_at_the_first_day_that_did_not_reach_its_limit() -> None:
    bench = judged(besieged(30)).until("2026-03-05 12:00")
    last = bench.alerts(RULE_ID)[-1]
    assert (last.state, last.issued_at) == ("closed", ms("2026-03-04 01:00"))


def test_a_known_phone_retrying_an_old_password_500_times_is_nothing() -> None:
    retries = [failed(TODAY + n * 5_000, device="phone", network=HOME, ip="192.0.2.10") for n in range(500)]
    elsewhere = [failed(TODAY + n * 5_000, device="phone", network=THERE, ip=f"203.0.113.{n % 9}") for n in range(500)]
    assert said(judged(retries)) == []
    assert said(judged(elsewhere)) == []


def test_a_known_phone_without_an_id_retrying_on_two_networks_is_no_siege() -> None:
    own: dict[str, Any] = {"device": None, "agent": "Zoiper/5"}
    tries = [failed(TODAY + n * 5_000, **own, ip=f"203.0.{n % 2}.9", network=f"203.0.{n % 2}.0/24") for n in range(300)]
    assert said(Bench().feed(used(**own), tries)) == []


# -- a customer's accounts tried one by one ------------------------------------------------------------------------------


def sprayed(accounts: int, rounds: int = 1, network: str = THERE, tenant: str = "acme") -> list[Event]:
    return [
        failed(TODAY + (n * accounts + i) * 1_000, licence=f"{101 + i}", network=network, tenant=tenant, device=None, agent="x")
        for n in range(rounds)
        for i in range(accounts)
    ]


def test_one_password_tried_on_6_accounts_from_a_strangers_network_is_one_notice_of_the_customer() -> None:
    assert said(judged(sprayed(4))) == []
    [alert] = judged(sprayed(6)).alerts(RULE_ID)
    assert (alert.level, alert.licence, alert.measured, alert.limit, alert.mode) == ("notice", None, 5, 5, "review")
    assert alert.facts["accounts"] == ["105", "104", "103", "102", "101"]
    assert alert.facts["networks"][0]["network"] == THERE


def test_a_scan_of_thousands_of_registrations_over_many_accounts_is_one_alert_with_a_count() -> None:
    bench = judged(sprayed(40, rounds=100))
    assert [a.measured for a in bench.alerts(RULE_ID)] == [5 * 2**n for n in range(10)]
    assert len(ids(bench)) == 1


def test_sieges_of_single_accounts_from_one_network_become_the_customers_alert() -> None:
    one_by_one = [
        msgspec.structs.replace(failed(TODAY + (i * 30 + n) * 1_000, licence=f"{101 + i}", device=None), source_port=n)
        for i in range(6)
        for n in range(30)
    ]
    bench = judged(one_by_one)
    whole = [a for a in bench.alerts(RULE_ID) if a.licence is None]
    single = {a.alert_id for a in bench.alerts(RULE_ID) if a.licence is not None}
    assert set(whole[-1].supersedes) == single
    assert len(single) == 4
    assert not any(core.alerts for core in bench.partition.licences.values())


def test_an_office_whose_passwords_were_all_changed_is_no_siege() -> None:
    office = [used(f"{101 + n}", f"phone-{n}") for n in range(9)]
    fails = [failed(TODAY + n * 1_000, licence=f"{101 + n % 9}", device=f"phone-{n % 9}", network=HOME) for n in range(900)]
    assert said(Bench().feed(flat(office), fails)) == []


def test_new_phones_failing_in_the_office_of_the_customer_are_no_siege_of_it() -> None:
    assert said(judged(sprayed(9, network=HOME))) == []


def test_a_siege_goes_on_being_one_alert_after_one_of_its_attempts_succeeded() -> None:
    spray = sprayed(6, rounds=40)
    bench = judged(spray, succeeded(TODAY + 30_500, licence="103", device="in"))
    whole = [a for a in bench.alerts(RULE_ID) if a.licence is None]
    assert whole[-1].measured == 160
    assert {a.licence for a in bench.alerts(RULE_ID)} == {None, "103"}


def test_the_customers_siege_closes_after_24_hours_without_a_failure_and_the_next_is_another() -> None:
    bench = judged(sprayed(6)).until(TODAY + DAY + HOUR)
    last = bench.alerts(RULE_ID)[-1]
    assert (last.state, last.issued_at) == ("closed", TODAY + 5_000 + DAY)
    bench.feed(*(msgspec.structs.replace(e, time=e.time + 3 * DAY, id=f"again{e.id}") for e in sprayed(6)))
    assert bench.alerts(RULE_ID)[-1].state == "open"
    assert len(ids(bench)) == 2


def test_names_that_no_account_has_are_seen_as_one_siege_of_the_provider() -> None:
    bench = Bench().feed(sprayed(300, rounds=4, tenant=UNRESOLVED))
    alerts = bench.alerts(RULE_ID)
    assert {(a.tenant, a.licence) for a in alerts} == {(UNRESOLVED, None)}
    assert len(ids(bench)) == 1
    assert "or more accounts" in alerts[-1].summary
    assert all(len(encode(state)) < 2048 for state in bench.partition.licences.values())


# -- break-ins -----------------------------------------------------------------------------------------------------------


def test_a_success_by_a_phone_and_network_new_to_the_account_after_3_failures_from_there_is_a_break_in_notice() -> None:
    assert said(judged(broken_in()[1:])) == []
    [alert] = judged(broken_in()).alerts(RULE_ID)
    assert (alert.level, alert.licence, alert.measured, alert.limit) == ("notice", "101", 3, 3)
    assert alert.facts["intruders"][0]["device"] == "thief"
    assert "a person who types a new password" in " ".join(alert.against)
    assert {e.kind for e in alert.evidence} == {"registration"}


def test_failures_longer_ago_than_an_hour_or_of_other_accounts_make_no_break_in() -> None:
    assert said(judged(*broken_in()[:3], succeeded(TODAY + HOUR + 20_000))) == []
    assert said(judged(*(failed(licence=f"{102 + n}") for n in range(3)), succeeded())) == []


def test_a_break_in_in_a_siege_is_said_although_its_measure_is_smaller() -> None:
    bench = judged(besieged(30, step=2_000), broken_in())
    assert [(a.level, a.measured) for a in bench.alerts(RULE_ID)] == [("notice", 20), ("notice", 3)]
    assert len(ids(bench)) == 1


def test_a_break_in_and_a_satellite_call_close_international_and_paid_numbers_at_once() -> None:
    bench = judged(broken_in(), satellite())
    breach = bench.alerts(RULE_ID, "breach")[0]
    assert (breach.mode, breach.measured, breach.limit, breach.issued_at) == ("auto", 1, 1, TODAY + 10 * MINUTE)
    assert breach.facts["calls"][0]["number"] == "+88161234••••"
    [order] = bench.suspensions("101")
    assert (order.restrictions, order.issued_at) == (("paid", "international"), TODAY + 10 * MINUTE)
    assert order.emergency_allowed is True
    assert len(ids(bench)) == 1


@pytest.mark.parametrize("kind", ["softphone", "desk_phone", "trunk", "fax"])
def test_it_acts_on_every_licence_that_can_call(kind: str) -> None:
    bench = Bench(facts=[tenant_fact(), licence_fact(type=kind)]).feed(used(), broken_in(), satellite())
    assert len(bench.suspensions("101")) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"at": TODAY + DAY + 3 * MINUTE},
        {"device": "phone", "network": HOME},
        {"at": TODAY + MINUTE},
    ],
    ids=["a day later", "from the owner's phone", "before it got in"],
)
def test_a_satellite_call_at_another_time_or_from_another_phone_completes_no_breach(other: dict[str, Any]) -> None:
    bench = Bench(detectors=None).feed(used(), broken_in(), satellite(**other))
    assert bench.alerts(RULE_ID, "breach") == []


def used_to_calling() -> list[Any]:
    return [call(USED_FROM + n * DAY, 60, to="+33145670000", to_cls="fixed") for n in range(29)]


def abroad_calls(numbers: int, step: int = 10 * MINUTE) -> list[Any]:
    return [
        call(TODAY + 5 * MINUTE + n * step, None, device="thief", network=THERE, to=f"+25261{n}000000", to_cls="mobile", phases=True)
        for n in range(numbers)
    ]


def test_3_attempts_in_60_minutes_to_ranges_new_to_the_customer_complete_it() -> None:
    bench = judged(used_to_calling(), broken_in(), abroad_calls(2))
    assert bench.alerts(RULE_ID, "breach") == []
    bench = judged(used_to_calling(), broken_in(), abroad_calls(3))
    breach = bench.alerts(RULE_ID, "breach")[0]
    assert (breach.measured, breach.limit, breach.mode, breach.issued_at) == (3, 3, "auto", TODAY + 25 * MINUTE)
    assert judged(used_to_calling(), broken_in(), abroad_calls(6, step=31 * MINUTE)).alerts(RULE_ID, "breach") == []


def test_a_phone_that_gives_its_id_only_when_it_registers_is_told_in_its_calls_by_app_contact_and_network() -> None:
    bench = judged(broken_in(agent="Grandstream Wave"), satellite(device=None, agent="Grandstream Wave"))
    assert bench.alerts(RULE_ID, "breach")[0].mode == "auto"
    bench = judged(broken_in(agent="Grandstream Wave"), satellite(device=None, agent="Grandstream Wave", network="198.18.0.0/24"))
    assert bench.alerts(RULE_ID, "breach")[0].mode == "review"
    assert bench.suspensions() == []


def test_the_owner_who_has_the_same_app_and_calls_from_home_is_not_taken_for_the_intruder() -> None:
    assert judged(broken_in(), satellite(device=None, network=HOME)).alerts(RULE_ID, "breach") == []


def test_weak_identity_never_acts_automatically() -> None:
    strange: dict[str, Any] = {"device": None, "agent": "OtherPhone/1"}
    bench = judged(broken_in(**strange), satellite(**strange))
    breach = bench.alerts(RULE_ID, "breach")[0]
    assert breach.mode == "review"
    assert any(one.startswith("not automatic: the phone has no id") for one in breach.against)
    assert bench.suspensions() == []


def test_a_new_phone_from_a_hosting_network_is_a_break_in_notice() -> None:
    [alert] = judged(succeeded(cls="hosting")).alerts(RULE_ID)
    assert (alert.level, alert.facts["stage"], alert.facts["intruders"][0]["why"]) == ("notice", "break-in", "hosting")
    assert len(judged(succeeded(cls="hosting"), satellite()).suspensions()) == 1


def test_a_virtual_desktop_in_a_hosting_network_that_the_account_uses_is_nothing() -> None:
    desktop = used(network=THERE, cls="hosting")
    assert said(Bench().feed(desktop, succeeded(cls="hosting", device="session-2"))) == []


def test_a_second_phone_from_the_network_of_a_break_in_is_an_intruder_too() -> None:
    bench = judged(broken_in(), *(failed(TODAY + 3 * MINUTE + n) for n in range(3)))
    bench.feed(succeeded(TODAY + 5 * MINUTE, device="thief-2", cls="hosting"), satellite(device="thief-2"))
    assert len(bench.suspensions()) == 1


def test_break_ins_after_failures_count_from_the_first_day_of_an_account_and_new_phones_only_after_learning() -> None:
    assert said(Bench().feed(broken_in())) == [("notice", "101", 3)]
    assert said(Bench().feed(reg(TODAY - DAY, network=HOME), succeeded(cls="hosting"))) == []
    assert said(Bench().feed(reg(TODAY - DAY, network=HOME), succeeded(country="CH"))) == []


# -- newcomers and scanners ----------------------------------------------------------------------------------------------


def test_a_new_phone_from_a_new_country_is_a_notice() -> None:
    [alert] = judged(succeeded(country="CH")).alerts(RULE_ID)
    assert (alert.level, alert.facts["stage"], alert.mode) == ("notice", "new phone abroad", "auto")
    assert judged(succeeded(country="CH")).suspensions() == []


def test_a_new_phone_of_a_user_on_the_home_network_is_nothing() -> None:
    assert said(judged(*(failed(TODAY + n, network=HOME) for n in range(5)), succeeded(network=HOME))) == []


def test_a_new_phone_in_a_new_place_at_home_is_nothing() -> None:
    assert said(judged(succeeded())) == []


def test_an_employee_abroad_with_a_known_phone_is_nothing() -> None:
    trip = [*(failed(TODAY + n, device="phone", country="CH") for n in range(5)), succeeded(device="phone", country="CH")]
    assert said(judged(trip, satellite(device="phone"))) == []


def test_an_update_that_changes_the_user_agent_under_the_same_id_is_nothing() -> None:
    tries = [failed(TODAY + n, device="phone", agent="NewApp/1.0") for n in range(3)]
    assert said(judged(tries, succeeded(device="phone", agent="NewApp/1.0", country="CH", cls="hosting"))) == []


def test_a_phone_not_seen_for_more_than_30_days_is_new_again() -> None:
    assert said(judged(*(msgspec.structs.replace(e, time=e.time + 31 * DAY) for e in broken_in(device="phone")))) == [("notice", "101", 3)]


def test_a_scanner_alone_is_a_notice_of_the_customer() -> None:
    [alert] = judged(failed(agent="friendly-scanner")).alerts(RULE_ID)
    assert (alert.level, alert.licence, alert.measured, alert.limit) == ("notice", None, 1, 1)
    assert alert.facts["scanners"] == ["friendly-scanner"]


def test_a_scanner_that_succeeds_is_a_breach_for_review_and_never_automatic() -> None:
    bench = judged(succeeded(agent="SIPVicious 0.3"), satellite(), used())
    alerts = bench.alerts(RULE_ID)
    assert [(a.level, a.licence, a.mode) for a in alerts] == [("breach", "101", "review")]
    assert bench.suspensions() == [] or all(c.rule != RULE_ID for s in bench.suspensions() for c in s.causes)


def test_a_phone_that_is_called_like_a_scanner_is_said_at_its_first_success_alone() -> None:
    bench = Bench().feed(used(agent="sipcli/1.8"))
    assert [a.issued_at for a in bench.alerts(RULE_ID) if a.state == "open"] == [USED_FROM]


# -- episodes, people, memory ----------------------------------------------------------------------------------------------


def test_what_a_person_judged_no_breach_does_not_come_back_automatically() -> None:
    bench = judged(broken_in())
    bench.feed(review(TODAY + 5 * MINUTE, bench.alerts(RULE_ID)[-1], "no_breach"), satellite())
    assert bench.suspensions() == []


def test_the_restriction_stays_when_the_alert_closes_after_a_week() -> None:
    bench = judged(broken_in(), satellite()).until("2026-03-12 12:00")
    last = bench.alerts(RULE_ID)[-1]
    assert (last.state, last.issued_at) == ("closed", ms("2026-03-10 01:00"))
    assert [s.state for s in bench.suspensions()] == ["active"]


def test_an_exemption_hides_it_and_is_counted() -> None:
    bench = Bench().feed(exemption("2026-01-01", (RULE_ID,), "2026-01-01", "2026-12-31"), used(), broken_in(), satellite())
    assert said(bench) == []
    assert bench.partition.licences["acme", "101"].hidden[RULE_ID] >= 2


def test_what_was_remembered_of_an_attack_is_forgotten_when_it_is_over() -> None:
    bench = judged(besieged(300, step=1_000), broken_in()).until("2026-03-12")
    bench.feed(reg("2026-03-12 09:00", network=HOME), reg("2026-03-13 09:00", network=HOME)).until("2026-03-15")
    state = bench.partition.licences["acme", "101"].rules[RULE_ID]
    assert (state.siege, state.entries, state.newcomer) == (None, [], None)


def test_a_quiet_licence_takes_about_100_bytes_and_an_attacked_one_is_bounded() -> None:
    bench = Bench().feed(used(device="urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"))
    state = bench.partition.licences["acme", "101"].rules[RULE_ID]
    assert len(msgspec.msgpack.encode(state)) < 120
    for n in range(400):
        at = TODAY + n * MINUTE
        network = f"198.18.{n % 250}.0/24"
        bench.feed(failed(at, count=3, network=network, ip=f"198.18.{n % 250}.7"), succeeded(at + 1, device=f"d{n}", network=network))
        bench.feed(satellite(at + 2, device=f"d{n}", network=network))
    assert (len(state.devices), len(state.networks), len(state.siege.doors)) == (MOST_DEVICES, MOST_NETWORKS, MOST_DOORS)
    assert len(msgspec.msgpack.encode(state)) < 16 * 1024


def test_limits_that_memory_cannot_judge_are_refused() -> None:
    refused: list[dict[str, Any]] = [
        {"siege_failures": 500},
        {"siege_sources": 1},
        {"spray_accounts": 500},
        {"novel_calls": 0},
        {"learning_days": 40},
    ]
    for limits in refused:
        with pytest.raises(PolicyError):
            TakeoverParams(**limits)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.sampled_from(["failed", "register", "refresh"])), max_size=60))
@settings(max_examples=30, deadline=None)
def test_known_phones_at_home_never_raise_anything(steps: list[tuple[int, int, str]]) -> None:
    events = [
        reg(TODAY + n * MINUTE * (1 + minutes), device=f"phone-{phone}", network=HOME, action=action)
        for n, (minutes, phone, action) in enumerate(steps)
    ]
    bench = Bench().feed(flat(used(device=f"phone-{n}") for n in range(4)), events)
    assert said(bench) == []


def test_the_place_of_an_event_without_a_location_is_its_address() -> None:
    nowhere = loc("", "unknown", "")
    tries = [msgspec.structs.replace(failed(TODAY + n * 1_000, ip=f"203.0.113.{n % 2}"), loc=None) for n in range(25)]
    bench = judged(tries, msgspec.structs.replace(succeeded(), loc=nowhere))
    assert [a.level for a in bench.alerts(RULE_ID)] == ["notice"]
    assert isinstance(bench.alerts(RULE_ID)[0], Alert)
