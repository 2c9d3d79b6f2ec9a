from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.coverage import coverage_of
from detectors.days import DAY, HOUR, MINUTE
from detectors.events import Call, Event, Loc
from detectors.outputs import Alert
from detectors.rules.licence_sharing import RULE, covered
from detectors.state import encode
from support.core import Bench, call, exemption, licence_fact, loc, ms, reg, tenant_fact, when

RULE_ID = "licence-sharing"
PARIS, LYON, MOBILE = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"


def said(bench: Bench) -> list[tuple[str, str]]:
    return [(alert.level, alert.state) for alert in bench.alerts(RULE_ID)]


def overlap(day: str, *, phases: bool = False, licence: str = "101", at: str = "10:00", **of_both: Any) -> list[Event]:
    """Paris talks for ten minutes; Lyon begins five minutes later, on another device."""
    start = ms(f"{day} {at}")
    return [
        *call(start, 600, device="paris", network=PARIS, phases=phases, licence=licence, **of_both),
        *call(start + 5 * MINUTE, 600, device="lyon", network=LYON, phases=phases, licence=licence, **of_both),
    ]


def nameless(steps: list[Call]) -> list[Call]:
    """The same as a source tells it that knows no phones."""
    return [msgspec.structs.replace(step, device=None, user_agent=None, contact=None) for step in steps]


def crowd(day: str, devices: int, at: str = "09:00", licence: str = "101") -> list[Event]:
    return [reg(f"{day} {at}", device=f"device-{n}", licence=licence) for n in range(devices)]


# -- the vectors of the specification ----------------------------------------------------------------------------------


@pytest.mark.parametrize("phases", [False, True])
def test_two_people_in_two_cities_on_one_account_for_a_week_are_a_breach_by_day_3_of_overlaps(phases: bool) -> None:
    bench = Bench()
    days = [f"2026-03-{day:02}" for day in range(2, 9)]
    for number, day in enumerate(days, 1):
        bench.feed(reg(f"{day} 08:00", device="paris", network=PARIS), reg(f"{day} 08:01", device="lyon", network=LYON))
        bench.feed(overlap(day, phases=phases))
        assert len(bench.alerts(RULE_ID, "notice")) > 0
        assert len(bench.alerts(RULE_ID, "breach")) == max(0, number - 2)
    first, breach = bench.alerts(RULE_ID, "notice")[0], bench.alerts(RULE_ID, "breach")[0]
    assert when(first.crossed_at).startswith("2026-03-02T10:10:05")
    assert when(breach.crossed_at).startswith("2026-03-04T10:10:05")
    assert (breach.measured, breach.limit, breach.unit, breach.alert_id) == (3, 3, "days", first.alert_id)
    assert breach.coverage.location == breach.coverage.devices == "full"


@pytest.mark.parametrize("phases", [False, True])
def test_one_person_with_phone_and_pc_with_a_call_on_hold_and_a_second_on_the_same_device_is_nothing(phases: bool) -> None:
    bench = Bench()
    for day in ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05"):
        bench.feed(reg(f"{day} 08:00", device="pc", network=PARIS), reg(f"{day} 08:00", device="phone", network=MOBILE))
        bench.feed(
            call(f"{day} 10:00", 1200, device="pc", network=PARIS, phases=phases),
            call(f"{day} 10:05", 300, device="pc", network=PARIS, phases=phases),
            call(f"{day} 11:00", 300, device="phone", network=MOBILE, phases=phases),
        )
    assert bench.until("2026-03-10").alerts(RULE_ID) == []


def test_a_traveller_from_paris_to_new_york_in_8_hours_is_nothing() -> None:
    bench = Bench()
    bench.feed(call("2026-03-02 08:00", 60), call("2026-03-02 16:00", 60, country="US"))
    assert bench.until("2026-03-10").alerts(RULE_ID) == []


def test_a_source_of_cdrs_only_is_not_covered_and_says_so() -> None:
    bench = Bench()
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        start = ms(f"{day} 10:00")
        bench.feed(*(nameless(call(start + n * MINUTE, 600, no_place=True)) for n in range(5)))
    assert bench.alerts(RULE_ID) == []
    licence = bench.partition.licences[("acme", "101")]
    context = bench.partition.ctx
    bench.partition.turn(context, licence)
    assert covered(context) == "none"
    notes = coverage_of(licence, RULE.needs).notes
    assert any("location is not covered" in note for note in notes)
    assert any("devices are not covered" in note for note in notes)


# -- what is no overlap ------------------------------------------------------------------------------------------------


def test_a_change_from_wifi_to_mobile_of_one_device_in_the_middle_of_a_call_is_no_overlap() -> None:
    bench = Bench()
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        bench.feed(
            call(f"{day} 10:00", 900, device="phone", network=PARIS),
            reg(f"{day} 10:04", device="phone", network=MOBILE, cls="mobile", action="register"),
            call(f"{day} 10:05", 300, device="phone", network=MOBILE, cls="mobile"),
        )
    assert bench.alerts(RULE_ID) == []


def test_a_transfer_or_a_conference_of_one_device_is_no_overlap() -> None:
    bench = Bench()
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        bench.feed(
            call(f"{day} 10:00", 900, linked_id=f"conf-{day}", leg_id="a"),
            call(f"{day} 10:01", 800, linked_id=f"conf-{day}", leg_id="b", to="+33622222222"),
            call(f"{day} 10:02", 700, device="phone", network=MOBILE, to="+33633333333"),
        )
    assert bench.alerts(RULE_ID) == []


def test_a_leg_that_the_pbx_forwards_is_placed_by_nobody() -> None:
    bench = Bench()
    bench.feed(call("2026-03-02 10:00", 900), call("2026-03-02 10:01", 900, device="gateway", network=LYON, diverted_by="101"))
    assert bench.alerts(RULE_ID) == []


def test_calls_from_two_devices_on_one_network_are_no_overlap() -> None:
    bench = Bench()
    bench.feed(call("2026-03-02 10:00", 900, device="pc", network=PARIS), call("2026-03-02 10:01", 900, device="phone", network=PARIS))
    assert bench.alerts(RULE_ID) == []


def test_an_incoming_call_is_no_overlap() -> None:
    bench = Bench()
    bench.feed(
        call("2026-03-02 10:00", 900, device="pc", network=PARIS),
        call("2026-03-02 10:01", 900, device="phone", network=LYON, direction="inbound"),
    )
    assert bench.alerts(RULE_ID) == []


def test_a_call_that_nobody_answers_is_no_overlap() -> None:
    bench = Bench()
    bench.feed(
        call("2026-03-02 10:00", 900, device="pc", network=PARIS),
        call("2026-03-02 10:01", None, ring_s=60, device="phone", network=LYON),
    )
    assert bench.alerts(RULE_ID) == []


@pytest.mark.parametrize("phases", [False, True])
@pytest.mark.parametrize(("shared_ms", "expected"), [(9_999, 0), (10_000, 1)])
def test_calls_that_share_less_than_10_seconds_are_no_overlap(phases: bool, shared_ms: int, expected: int) -> None:
    start = ms("2026-03-02 10:00")
    bench = Bench()
    bench.feed(
        call(start, 100, ring_s=0, device="pc", network=PARIS, phases=phases),
        call(start + 100_000 - shared_ms, 100, ring_s=0, device="phone", network=LYON, phases=phases),
    )
    assert len(bench.alerts(RULE_ID)) == expected


def test_an_unknown_device_or_network_is_no_evidence_and_the_alert_says_so() -> None:
    bench = Bench()
    bench.feed(call("2026-03-02 09:00", 900), call("2026-03-02 09:01", 900, device="other", no_place=True))
    bench.feed(nameless(call("2026-03-02 09:02", 900, network=LYON)))
    assert bench.alerts(RULE_ID) == []
    [alert] = bench.feed(overlap("2026-03-02")).alerts(RULE_ID)
    assert any("no device or no network" in note for note in alert.coverage.notes)


def test_a_call_whose_end_never_came_stops_counting_after_two_hours() -> None:
    bench = Bench()
    bench.feed(call("2026-03-02 08:00", 36_000, device="pc", network=PARIS, phases=True)[:2])
    bench.feed(call("2026-03-02 10:30", 600, device="phone", network=LYON, phases=True))
    assert bench.alerts(RULE_ID) == []


# -- overlaps ----------------------------------------------------------------------------------------------------------


def test_the_overlap_belongs_to_the_day_on_which_it_began() -> None:
    [alert] = Bench().feed(overlap("2026-03-02", at="23:50")).alerts(RULE_ID)
    assert [one["day"] for one in alert.facts["overlaps"]] == ["2026-03-02"]
    [alert] = Bench().feed(overlap("2026-03-02", at="23:58")).alerts(RULE_ID)
    assert [one["day"] for one in alert.facts["overlaps"]] == ["2026-03-03"]


def test_two_overlaps_on_one_day_count_once() -> None:
    bench = Bench().feed(overlap("2026-03-02"), overlap("2026-03-02", at="14:00"), overlap("2026-03-02", at="16:00"))
    assert said(bench) == [("notice", "open")]


def test_3_days_of_14_are_a_breach_and_the_15th_day_is_too_late() -> None:
    bench = Bench().feed(overlap("2026-03-02"), overlap("2026-03-09"), overlap("2026-03-15"))
    assert bench.alerts(RULE_ID)[-1].level == "breach"
    bench = Bench().feed(overlap("2026-03-02"), overlap("2026-03-09"), overlap("2026-03-16"))
    assert {alert.level for alert in bench.alerts(RULE_ID)} == {"notice"}


def test_the_episode_ends_when_14_days_have_passed() -> None:
    bench = Bench().feed(reg("2026-03-02 08:00", device="paris", network=PARIS), overlap("2026-03-02")).until("2026-03-17 00:59")
    assert said(bench) == [("notice", "open")]
    assert said(bench.until("2026-03-17 01:00")) == [("notice", "open"), ("notice", "closed")]


def test_an_overlap_and_a_crowd_in_the_same_14_days_are_a_breach() -> None:
    bench = Bench().feed(crowd("2026-03-02", 4))
    assert bench.alerts(RULE_ID) == []
    [alert] = bench.feed(overlap("2026-03-15")).alerts(RULE_ID)
    assert (alert.level, alert.measured, alert.limit) == ("breach", 1, 1)
    assert list(alert.facts["crowd"]) == [{"day": "2026-03-02", "registered": 4, "in_30_days": 4}]
    assert "4 devices registered at once (limit 3)" in alert.summary
    [alert] = Bench().feed(crowd("2026-03-02", 4), overlap("2026-03-16")).alerts(RULE_ID)
    assert alert.level == "notice"


def test_a_crowd_after_an_overlap_is_a_breach_on_its_registration() -> None:
    bench = Bench().feed(overlap("2026-03-02"), crowd("2026-03-03", 4, at="12:00"))
    assert said(bench) == [("notice", "open"), ("breach", "open")]
    assert when(bench.alerts(RULE_ID)[-1].crossed_at).startswith("2026-03-03T12:00")


def test_the_alert_shows_swim_lanes_evidence_and_what_speaks_for_the_customer() -> None:
    [alert] = Bench().feed(overlap("2026-03-02")).alerts(RULE_ID)
    [one] = alert.facts["overlaps"]
    assert one["seconds"] == 300
    assert [lane["device"] for lane in one["lanes"]] == ["paris", "lyon"]
    assert [lane["network"] for lane in one["lanes"]] == [PARIS, LYON]
    assert one["lanes"][0]["start"] == "2026-03-02T09:00:05.000Z"
    assert one["lanes"][1]["end"] == "2026-03-02T09:15:05.000Z"
    assert [e.network for e in alert.evidence] == [PARIS, LYON]
    assert all("••••" in e.number for e in alert.evidence)
    assert any("one person may hold a conference" in line for line in alert.against)
    assert alert.crossed_at == ms("2026-03-02 10:10:05")
    assert alert.window.from_ == ms("2026-03-02 10:05:05")


def test_networks_of_both_families_and_a_vpn_speak_for_the_customer() -> None:
    start = ms("2026-03-02 10:00")
    bench = Bench().feed(
        call(start, 600, device="a", network=PARIS, cls="mobile"),
        call(start + MINUTE, 600, device="b", network="2001:db8:1::/48", cls="vpn"),
    )
    against = " ".join(bench.alerts(RULE_ID)[0].against)
    assert "IPv6" in against
    assert "mobile" in against
    assert "VPN" in against


def test_devices_without_an_id_count_and_are_named_as_weak() -> None:
    start = ms("2026-03-02 10:00")
    bench = Bench().feed(
        call(start, 600, device=None, agent="Linphone-Desktop/5", network=PARIS),
        call(start + MINUTE, 600, device=None, agent="Zoiper/2", network=LYON),
    )
    [alert] = bench.alerts(RULE_ID)
    assert any("no id" in note for note in alert.coverage.notes)


def test_a_policy_of_auto_still_suspends_nobody() -> None:
    bench = Bench({RULE_ID: {"mode": "auto"}})
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        bench.feed(overlap(day))
    assert bench.alerts(RULE_ID)[-1].level == "breach"
    assert {alert.mode for alert in bench.alerts(RULE_ID)} == {"review"}
    assert bench.suspensions() == []


def test_a_desk_phone_may_be_shared() -> None:
    bench = Bench(facts=[tenant_fact(), licence_fact(type="desk_phone")])
    assert bench.feed(overlap("2026-03-02")).alerts(RULE_ID) == []


def test_an_exemption_raises_nothing() -> None:
    bench = Bench().feed(exemption("2026-03-01", (RULE_ID,), "2026-03-01", "2026-03-10", "101"))
    assert bench.feed(overlap("2026-03-02")).alerts(RULE_ID) == []


def test_a_further_leg_takes_the_call_back_and_tells_it_again() -> None:
    start = ms("2026-03-02 10:00")
    bench = Bench().feed(
        call(start, 100, ring_s=0, device="a", network=PARIS, linked_id="x", leg_id="1"),
        call(start + 200_000, 100, ring_s=0, device="b", network=LYON),
    )
    assert bench.alerts(RULE_ID) == []
    # The same call had a second leg that went on for six minutes: the two did speak at once.
    bench.feed(call(start, 360, ring_s=0, device="a", network=PARIS, linked_id="x", leg_id="2"))
    [alert] = bench.alerts(RULE_ID)
    assert alert.facts["overlaps"][0]["seconds"] == 100
    state = bench.partition.licences[("acme", "101")].rules[RULE_ID]
    assert len(state.talks) == 2
    bench.feed(call(start, 390, ring_s=0, device="a", network=PARIS, linked_id="x", leg_id="3"))
    assert len(bench.alerts(RULE_ID)) == 1
    assert len(state.overlaps) == 1


def test_what_another_pair_proves_stays_when_a_call_is_taken_back() -> None:
    start = ms("2026-03-02 10:00")
    bench = Bench().feed(
        call(start, 100, ring_s=0, device="a", network=PARIS, linked_id="x", leg_id="1"),
        call(start + 50_000, 300, ring_s=0, device="b", network=LYON),
        call(start + 200_000, 300, ring_s=0, device="c", network=MOBILE),
    )
    state = bench.partition.licences[("acme", "101")].rules[RULE_ID]
    [before] = state.overlaps.values()
    RULE._take_back(bench.partition.ctx, state, RULE.Params(), before.one.key)
    [after] = state.overlaps.values()
    assert (after.one.device, after.two.device) == ("b", "c")


# -- distant use -------------------------------------------------------------------------------------------------------


def test_two_countries_faster_than_an_aircraft_are_a_notice() -> None:
    bench = Bench().feed(call("2026-03-02 08:00", 60, device="a"), call("2026-03-02 09:00", 60, device="b", country="TH"))
    [alert] = bench.alerts(RULE_ID)
    assert (alert.level, alert.measured, alert.limit) == ("notice", 1, 1)
    [way] = alert.facts["distances"]
    assert (way["start_country"], way["end_country"], way["km"], way["minutes"]) == ("FR", "TH", 8602, 60)
    assert way["kmh"] == 8602
    assert not way["same_device"]
    assert [e.country for e in alert.evidence] == ["FR", "TH"]
    assert alert.crossed_at == ms("2026-03-02 09:00")


@pytest.mark.parametrize(("minutes", "expected"), [(365, 1), (366, 0)])
def test_the_time_needed_is_that_of_900_km_an_hour(minutes: int, expected: int) -> None:
    start = ms("2026-03-02 08:00")
    bench = Bench().feed(call(start, 60), call(start + minutes * MINUTE, 60, country="US"))
    assert len(bench.alerts(RULE_ID)) == expected


@pytest.mark.parametrize("country", ["BE", "CH", "GB", "ES", "LU", "MC"])
def test_under_300_km_nothing_is_judged(country: str) -> None:
    bench = Bench().feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:01", 60, country=country))
    assert bench.alerts(RULE_ID) == []


@pytest.mark.parametrize("cls", ["mobile", "hosting", "vpn", "relay", "private", "unknown"])
def test_only_use_by_access_class_is_a_place(cls: str) -> None:
    bench = Bench().feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:10", 60, country="TH", cls=cls))
    assert bench.alerts(RULE_ID) == []


def test_a_pc_left_registered_at_home_while_its_owner_travels_with_the_phone_is_nothing() -> None:
    bench = Bench()
    start = ms("2026-03-02 08:00")
    for hour in range(72):
        bench.feed(reg(start + hour * HOUR, device="pc", network=PARIS, expires_s=7200))
        if hour > 12:
            bench.feed(call(start + hour * HOUR + 20 * MINUTE, 60, device="phone", country="US"))
    assert bench.until("2026-03-10").alerts(RULE_ID) == []


def test_an_answered_call_is_use_where_the_answering_phone_was() -> None:
    bench = Bench().feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:10", 60, country="TH", direction="inbound"))
    assert said(bench) == [("notice", "open")]
    bench = Bench().feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:10", None, country="TH", direction="inbound"))
    assert bench.alerts(RULE_ID) == []


def test_distant_use_and_an_overlap_are_a_breach() -> None:
    bench = Bench().feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:10", 60, country="TH"), overlap("2026-03-12"))
    assert bench.alerts(RULE_ID)[-1].level == "breach"


def test_an_old_database_proves_too_little_for_a_breach() -> None:
    old = Loc(country="TH", cls="access", built="2025-01-01", network=MOBILE)
    bench = Bench().feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:10", 60, place=old), overlap("2026-03-12"))
    assert {alert.level for alert in bench.alerts(RULE_ID)} == {"notice"}
    assert any("180 days old" in line for line in bench.alerts(RULE_ID)[-1].against)


def test_distant_use_by_one_device_is_said_to_be_one() -> None:
    [alert] = Bench().feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:10", 60, country="TH")).alerts(RULE_ID)
    assert any("one and the same device" in line for line in alert.against)


def test_the_proxy_of_a_head_office_abroad_is_no_distant_use() -> None:
    bench = Bench(facts=[tenant_fact(), *(licence_fact(licence=f"{101 + n}") for n in range(4))])
    for n in range(4):
        bench.feed(call(f"2026-03-01 0{n + 5}:00", 60, licence=f"{101 + n}", country="US", network=LYON))
    bench.feed(call("2026-03-02 08:00", 60), call("2026-03-02 08:10", 60, country="US", network=LYON))
    assert bench.alerts(RULE_ID) == []


# -- crowds ------------------------------------------------------------------------------------------------------------


def devices(bench: Bench) -> Any:
    return bench.partition.licences[("acme", "101")].rules[RULE_ID]


def test_three_devices_at_once_are_no_crowd_and_four_are() -> None:
    assert devices(Bench().feed(crowd("2026-03-02", 3))).crowds == {}
    assert list(devices(Bench().feed(crowd("2026-03-02", 4))).crowds.values()) == [[4, 4]]


def test_devices_one_after_the_other_are_no_crowd() -> None:
    bench = Bench()
    for n, hour in enumerate(range(8, 14)):
        bench.feed(reg(f"2026-03-02 {hour:02}:00", device=f"device-{n}", expires_s=3599))
    assert devices(bench).crowds == {}


@pytest.mark.parametrize("action", ["expire", "unregister"])
def test_a_device_is_registered_until_an_expire_or_an_unregister(action: str) -> None:
    bench = Bench().feed(crowd("2026-03-02", 3), reg("2026-03-02 09:10", device="device-0", action=action))
    assert devices(bench.feed(reg("2026-03-02 09:20", device="device-9"))).crowds == {}


@pytest.mark.parametrize("action", ["failed", "refused"])
def test_a_failed_registration_is_no_device(action: str) -> None:
    bench = Bench().feed(*(reg("2026-03-02 09:00", device=f"device-{n}", action=action, expires_s=3600) for n in range(9)))
    assert devices(bench).devices == {}


def test_a_crowd_that_only_refreshes_is_seen_on_each_of_its_days() -> None:
    bench = Bench()
    start = ms("2026-03-02 09:00")
    for half_hour in range(48 * 20):
        bench.feed(*(reg(start + half_hour * HOUR // 2, device=f"device-{n}") for n in range(4)))
    [alert] = bench.feed(overlap("2026-03-22")).alerts(RULE_ID)
    assert alert.level == "breach"


def test_9_devices_in_30_days_are_a_crowd() -> None:
    bench = Bench()
    for n in range(9):
        bench.feed(reg(f"2026-03-{2 + 3 * n:02} 09:00", device=f"device-{n}"))
    assert list(devices(bench).crowds.values()) == [[1, 9]]
    bench = Bench()
    for n in range(9):
        bench.feed(reg(ms("2026-03-02 09:00") + n * 4 * DAY, device=f"device-{n}"))
    assert devices(bench).crowds == {}


def test_an_app_installed_anew_gives_a_new_device_id_and_is_nothing() -> None:
    bench = Bench()
    for hour in range(8, 20):
        bench.feed(reg(f"2026-03-02 {hour:02}:00", device="before" if hour < 12 else "after", network=PARIS))
        bench.feed(call(f"2026-03-02 {hour:02}:10", 600, device="before" if hour < 12 else "after", network=PARIS))
    assert bench.until("2026-03-10").alerts(RULE_ID) == []
    assert devices(bench).crowds == {}


def test_an_update_of_the_app_is_the_same_device() -> None:
    bench = Bench()
    for version in range(12):
        bench.feed(reg(f"2026-03-02 {8 + version:02}:00", agent=f"Linphone-Desktop/5.{version}"))
        bench.feed(reg(f"2026-03-02 {8 + version:02}:30", device=None, agent=f"Zoiper/2.{version}"))
    assert len(devices(bench).devices) == 2


def test_memory_is_bounded_whatever_the_phones_say() -> None:
    bench = Bench()
    start = ms("2026-03-02 09:00")
    for n in range(200):
        bench.feed(reg(start + n * MINUTE, device=f"device-{n}", country=("FR", "BE", "DE", "IT", "ES", "LU", "CH", "AT")[n % 8]))
        bench.feed(call(start + n * MINUTE, 3000, device=f"device-{n}", country=("FR", "BE", "DE", "IT", "ES", "LU", "CH", "AT")[n % 8]))
    for day in range(60):
        bench.feed(*(reg(start + day * DAY + n, device=f"device-{n}") for n in range(5)))
    state = devices(bench)
    assert len(state.devices) == 24
    assert len(state.crowds) == 14
    assert len(state.talks) <= 32
    assert len(state.uses) <= 6


def test_the_state_of_a_quiet_licence_stays_small() -> None:
    bench = Bench()
    for day in range(2, 30):
        bench.feed(reg(f"2026-03-{day:02} 08:00"), call(f"2026-03-{day:02} 09:00", 60))
    assert len(msgspec.msgpack.encode(devices(bench))) < 600
    assert len(encode(bench.partition.licences[("acme", "101")])) > 0


def test_a_policy_that_the_memory_cannot_judge_is_refused() -> None:
    bench = Bench({RULE_ID: {"devices_in_30_days": 13}})
    assert [letter.error for letter in bench.dead_letters()] == ["policy"]


# -- the customer ------------------------------------------------------------------------------------------------------


def customer(billed: int | None = 2, licences: int = 3, **fields: Any) -> Bench:
    facts = [licence_fact(licence=f"{101 + n}", **fields) for n in range(licences)]
    return Bench(facts=[tenant_fact(softphones_billed=billed), *facts])


def used(day: str, licences: int) -> list[Event]:
    return [reg(f"{day} 09:00", licence=f"{101 + n}", device=f"phone-{n}") for n in range(licences)]


def test_more_licences_used_on_a_closed_day_than_billed_are_a_notice_when_the_day_closes() -> None:
    bench = customer().feed(used("2026-03-02", 3)).until("2026-03-03 00:59")
    assert bench.alerts(RULE_ID) == []
    [alert] = bench.until("2026-03-03 01:00").alerts(RULE_ID)
    assert (alert.level, alert.licence, alert.measured, alert.limit, alert.unit) == ("notice", None, 3, 2, "licences")
    assert when(alert.crossed_at).startswith("2026-03-03T00:00")
    assert list(alert.facts["days"]) == [{"day": "2026-03-02", "used": 3, "billed": 2}]
    assert alert.mode == "review"


def test_as_many_licences_used_as_billed_are_nothing() -> None:
    bench = customer()
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        bench.feed(used(day, 2))
    assert bench.until("2026-03-10").alerts(RULE_ID) == []


def test_a_second_such_day_within_30_is_a_breach() -> None:
    bench = customer().feed(used("2026-03-02", 3), used("2026-03-31", 3)).until("2026-04-01 02:00")
    assert [alert.level for alert in bench.alerts(RULE_ID) if alert.state == "open"] == ["notice", "breach"]
    bench = customer().feed(used("2026-03-02", 3), used("2026-04-01", 3)).until("2026-04-02 02:00")
    assert {alert.level for alert in bench.alerts(RULE_ID)} == {"notice"}


def test_a_day_is_judged_once_whatever_the_number_of_licences() -> None:
    bench = customer(billed=2, licences=6).feed(used("2026-03-02", 6)).until("2026-03-05")
    assert said(bench) == [("notice", "open")]
    assert bench.alerts(RULE_ID)[0].measured == 6


def test_a_call_is_use_too() -> None:
    bench = customer().feed(*(call("2026-03-02 09:00", 60, licence=f"{101 + n}") for n in range(3))).until("2026-03-05")
    assert [alert.licence for alert in bench.alerts(RULE_ID)] == [None]


def test_a_correction_of_the_order_withdraws() -> None:
    bench = customer().feed(used("2026-03-02", 3), used("2026-03-03", 3)).until("2026-03-05")
    assert said(bench) == [("notice", "open"), ("breach", "open")]
    bench.feed(tenant_fact("2026-03-06", softphones_billed=3, effective_from=ms("2026-03-01")))
    assert said(bench)[-1] == ("breach", "withdrawn")
    assert len(bench.alerts(RULE_ID)) == 3


def test_an_order_that_does_not_reach_back_withdraws_nothing() -> None:
    bench = customer().feed(used("2026-03-02", 3), used("2026-03-03", 3)).until("2026-03-05")
    bench.feed(tenant_fact("2026-03-06", softphones_billed=3))
    assert said(bench) == [("notice", "open"), ("breach", "open")]


def test_an_order_reaches_back_35_days_only() -> None:
    bench = customer().feed(used("2026-03-02", 3), used("2026-03-03", 3)).until("2026-03-05")
    bench.feed(tenant_fact("2026-04-04 12:00", softphones_billed=3, effective_from=ms("2026-01-01")))
    assert said(bench)[-1] == ("breach", "withdrawn")
    bench = customer().feed(used("2026-03-02", 3), used("2026-03-03", 3)).until("2026-03-05")
    bench.feed(tenant_fact("2026-04-09", softphones_billed=3, effective_from=ms("2026-01-01")))
    assert ("breach", "withdrawn") not in said(bench)


def test_a_smaller_order_that_reaches_back_is_judged_when_it_comes() -> None:
    bench = customer(billed=3).feed(used("2026-03-02", 3)).until("2026-03-05")
    assert bench.alerts(RULE_ID) == []
    bench.feed(tenant_fact("2026-03-06", softphones_billed=2, effective_from=ms("2026-03-01")))
    assert said(bench) == [("notice", "open")]


def test_an_order_raised_during_the_day_counts_for_the_whole_day() -> None:
    bench = customer().feed(tenant_fact("2026-03-02 18:00", softphones_billed=3), used("2026-03-02", 3)).until("2026-03-05")
    assert bench.alerts(RULE_ID) == []


def test_without_an_order_the_customer_is_not_covered() -> None:
    bench = customer(billed=None).feed(used("2026-03-02", 3), used("2026-03-03", 3)).until("2026-03-05")
    assert bench.alerts(RULE_ID) == []
    bench = Bench(facts=[]).feed(used("2026-03-02", 3), used("2026-03-03", 3)).until("2026-03-05")
    assert bench.alerts(RULE_ID) == []


@pytest.mark.parametrize("fields", [{"type": "desk_phone"}, {"type": "fax"}, {"active": False}])
def test_only_active_softphones_count(fields: dict[str, Any]) -> None:
    bench = customer(**fields).feed(used("2026-03-02", 3)).until("2026-03-05")
    assert bench.alerts(RULE_ID) == []


def test_a_licence_without_a_fact_counts_as_a_softphone_and_the_alert_says_so() -> None:
    bench = Bench(facts=[tenant_fact(softphones_billed=2)]).feed(used("2026-03-02", 3)).until("2026-03-05")
    [alert] = bench.alerts(RULE_ID)
    assert any("3 of the licences used have no account fact" in line for line in alert.against)


def test_the_customers_alert_closes_30_days_later() -> None:
    bench = customer().feed(used("2026-03-02", 3))
    for day in range(3, 32):
        bench.feed(used(f"2026-03-{day:02}", 2))
    assert said(bench.until("2026-04-01 00:59")) == [("notice", "open")]
    bench.feed(used("2026-04-01", 2))
    assert said(bench.until("2026-04-02 01:00")) == [("notice", "open"), ("notice", "closed")]


# -- invariants --------------------------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.integers(1, 900), st.integers(0, 7), st.sampled_from(["register", "refresh", "refresh", "expire"]), st.integers(60, 40_000)
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_days_with_a_crowd_are_those_of_a_plain_count(given_steps: list[tuple[int, int, str, int]]) -> None:
    bench = Bench({RULE_ID: {"window_days": 35}}).feed(reg("2026-03-01 08:00", device="device-0", expires_s=60))
    at = ms("2026-03-02 08:00")
    until: dict[int, int] = {}
    expected = set()
    for minutes, device, action, expires_s in given_steps:
        at += minutes * MINUTE
        bench.feed(reg(at, device=f"device-{device}", action=action, expires_s=expires_s))
        until[device] = at if action == "expire" else at + expires_s * 1000
        if action != "expire" and sum(end > at for end in until.values()) > 3:
            expected.add(bench.partition.ctx.clock.day_of(at))
    assert set(devices(bench).crowds) == expected


NETWORKS = (PARIS, LYON, MOBILE, "")
talks = st.lists(
    st.tuples(st.integers(0, 5 * 24 * 60), st.integers(1, 240), st.sampled_from(["a", "b", "c"]), st.sampled_from(NETWORKS)),
    min_size=2, max_size=12,
)  # fmt: skip


def play(given_talks: list[tuple[int, int, str, str]], phases: bool, restart_every: int = 0) -> Bench:
    bench = Bench(restart_every=restart_every)
    start = ms("2026-03-02 08:00")
    bench.feed(*(
        call(start + minute * MINUTE, minutes * 60 - n, ring_s=n, device=device, place=loc(network=network), phases=phases, call_id=f"c{n}")
        for n, (minute, minutes, device, network) in enumerate(given_talks)
    ))  # fmt: skip
    return bench


def core_of(alert: Alert) -> tuple[Any, ...]:
    return alert.alert_id, alert.level, alert.measured, alert.limit, alert.crossed_at


@settings(max_examples=60, deadline=None)
@given(talks)
def test_phases_and_cdrs_give_the_same_overlaps(given_talks: list[tuple[int, int, str, str]]) -> None:
    # Only calls of up to two hours: longer ones stop counting as up, and are met when they end.
    short = [(minute, min(minutes, 110), device, network) for minute, minutes, device, network in given_talks]
    with_phases, with_cdrs = play(short, True), play(short, False)
    found = [{day: (pair.start, pair.stop) for day, pair in devices(bench).overlaps.items()} for bench in (with_phases, with_cdrs)]
    assert found[0] == found[1]
    assert sorted({a.level for a in with_phases.alerts(RULE_ID)}) == sorted({a.level for a in with_cdrs.alerts(RULE_ID)})


@settings(max_examples=60, deadline=None)
@given(talks)
def test_days_with_overlap_are_those_of_a_plain_comparison_of_all_pairs(given_talks: list[tuple[int, int, str, str]]) -> None:
    bench = play(given_talks, False)
    start = ms("2026-03-02 08:00")
    spans = [
        (start + minute * MINUTE + n * 1000, start + minute * MINUTE + minutes * MINUTE, device, loc(network=network).network)
        for n, (minute, minutes, device, network) in enumerate(given_talks)
    ]
    expected = set()
    for i, one in enumerate(spans):
        for two in spans[:i]:
            begin = max(one[0], two[0])
            if one[2] != two[2] and one[3] != two[3] and min(one[1], two[1]) - begin >= 10_000:
                expected.add(bench.partition.ctx.clock.day_of(begin))
    assert set(devices(bench).overlaps) == expected


@settings(max_examples=20, deadline=None)
@given(talks, st.integers(1, 3))
def test_a_restart_after_any_event_changes_nothing(given_talks: list[tuple[int, int, str, str]], every: int) -> None:
    restarted, straight = play(given_talks, True, every), play(given_talks, True)
    assert [core_of(a) for a in restarted.alerts(RULE_ID)] == [core_of(a) for a in straight.alerts(RULE_ID)]


def test_the_facts_of_the_worst_licence_stay_under_16_kib() -> None:
    bench = Bench({RULE_ID: {"overlap_days": 14, "devices_per_licence": 0}})
    for n in range(14):
        day = f"2026-03-{2 + n:02}"
        start = ms(f"{day} 10:00")
        name = f"urn:uuid:{n:064}"
        bench.feed(crowd(day, 12), call(f"{day} 09:00", 60, country="TH", network="2001:db8:ffff::/48"))
        bench.feed(
            call(start, 600, device=name, network="2001:db8:1111::/48"),
            call(start + MINUTE, 600, device=f"{name}b", network="2001:db8:2222::/48"),
        )
    last = bench.alerts(RULE_ID)[-1]
    assert (last.level, last.measured) == ("breach", 14)
    assert len(last.facts["overlaps"]) == len(last.facts["distances"]) == len(last.facts["crowd"]) == 14
    assert len(msgspec.json.encode(last.facts)) < 16_384
    assert len(last.evidence) == 50
    assert last.evidence_more == 6
