"""Location days (detectors.md, "Location"): what an event says, and what a day comes to."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.context import Context
from detectors.days import number
from detectors.events import Event, Site
from detectors.location.days_of_licence import Days, recent
from detectors.location.evidence import device_of, status
from detectors.step import Partition
from support.core import Bench, call, licence_fact, loc, ms, reg, tenant_fact

DAY = "2026-06-10"


def context(bench: Bench, licence: str = "101", tenant: str = "acme") -> Context:
    partition = bench.partition
    partition.turn(partition.ctx, partition.licences[(tenant, licence)])
    return partition.ctx


def day_of(events: list[Any], day: str = DAY, licence: str = "101", **more: Any) -> str:
    return status(context(Bench(**more).feed(*events), licence), number(day))


# -- identity ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "contact", "name"),
    [
        ("Linphone Desktop/5.2.6 (host)", "<sip:101@192.0.2.1:5060;transport=tls>;expires=60", "linphone desktop|101"),
        ("Grandstream GXP2160 1.0.11", "sips:Bob@192.0.2.1", "grandstream gxp|Bob"),
        ("3CXPhone 15", "sip:101@192.0.2.1", "|101"),
        ("Zoiper", "sip:192.0.2.1:5060", "zoiper|"),
        (None, None, ""),
        ("42", "nonsense", ""),
    ],
)
def test_without_an_id_a_device_is_its_agents_family_and_its_contacts_user(agent: str | None, contact: str | None, name: str) -> None:
    assert device_of(None, agent, contact) == (name, True)


def test_a_device_id_is_the_identity_and_not_weak() -> None:
    assert device_of("urn:uuid:1", "any", "sip:x@y") == ("urn:uuid:1", False)


# -- what one day comes to ------------------------------------------------------------------------------------------------


def test_one_registration_at_home_makes_a_day_at_home() -> None:
    assert day_of([reg(f"{DAY} 08:00")]) == "home"


def test_one_registration_abroad_is_silent_and_two_an_hour_apart_are_a_day_abroad() -> None:
    assert day_of([reg(f"{DAY} 08:00", "CH")]) == "silent"
    assert day_of([reg(f"{DAY} 08:00", "CH"), reg(f"{DAY} 08:59:59", "CH")]) == "silent"
    assert day_of([reg(f"{DAY} 08:00", "CH"), reg(f"{DAY} 09:00", "CH")]) == "abroad"
    assert day_of([reg(f"{DAY} 08:00", "CH", network="a"), reg(f"{DAY} 09:00", "IT", network="b")]) == "abroad"


def test_folded_refreshes_count_as_two_registrations_at_time_and_until() -> None:
    folded = msgspec.structs.replace(reg(f"{DAY} 08:00", "CH"), count=6, until=ms(f"{DAY} 09:00"))
    assert day_of([folded]) == "abroad"


@pytest.mark.parametrize("action", ["failed", "refused", "unregister", "expire"])
def test_only_registrations_that_succeeded_are_evidence(action: str) -> None:
    assert day_of([reg(f"{DAY} 08:00", action=action)]) == "silent"


def test_a_call_placed_abroad_makes_a_day_abroad_even_unanswered() -> None:
    assert day_of([*call(f"{DAY} 08:00", None, country="CH")]) == "abroad"


def test_an_incoming_call_is_located_by_its_answering_phone_once_answered() -> None:
    assert day_of([*call(f"{DAY} 08:00", 60, country="CH", direction="inbound")]) == "abroad"
    assert day_of([*call(f"{DAY} 08:00", None, country="CH", direction="inbound")]) == "silent"


def test_the_callee_of_an_internal_call_is_located_by_its_own_address_alone() -> None:
    facts = [tenant_fact(), licence_fact(), licence_fact(licence="102")]
    inside = call(f"{DAY} 08:00", 60, country="CH", direction="internal", callee_licence="102", answered_loc=loc("FR"), answered_device="b")
    bench = Bench(facts=facts).feed(inside)
    assert status(context(bench, "101"), number(DAY)) == "abroad"
    assert status(context(bench, "102"), number(DAY)) == "home"


def test_a_call_belongs_to_the_day_it_started() -> None:
    events = call("2026-06-10 23:59", 7_200, country="CH")
    assert (day_of(events, "2026-06-10"), day_of(events, "2026-06-11")) == ("abroad", "silent")


def test_home_evidence_of_the_same_device_makes_the_day_home_whatever_it_did_abroad() -> None:
    assert day_of([*call(f"{DAY} 08:00", country="CH"), reg(f"{DAY} 20:00")]) == "home"
    assert day_of([reg(f"{DAY} 07:00"), *call(f"{DAY} 08:00", country="CH")]) == "home"


def test_a_desk_app_left_at_home_does_not_erase_the_mobiles_calls_abroad() -> None:
    assert day_of([reg(f"{DAY} 07:00", device="desk"), *call(f"{DAY} 08:00", country="CH", device="mobile")]) == "abroad"


def test_a_call_through_a_vpn_outweighs_registrations_abroad() -> None:
    abroad = [reg(f"{DAY} 08:00", "CH"), reg(f"{DAY} 10:00", "CH")]
    assert day_of([*abroad, *call(f"{DAY} 12:00", country="NL", cls="vpn")]) == "silent"
    assert day_of([*abroad, *call(f"{DAY} 12:00", no_place=True)]) == "abroad"


@pytest.mark.parametrize("cls", ["vpn", "hosting", "relay", "private", "unknown"])
def test_addresses_that_say_nothing_are_neither_home_nor_abroad(cls: str) -> None:
    for country in ("FR", "CH"):
        assert day_of([*call(f"{DAY} 08:00", country=country, cls=cls)]) == "silent"


def test_monaco_says_nothing() -> None:
    assert day_of([*call(f"{DAY} 08:00", country="MC")]) == "silent"


def test_home_countries_replace_the_default_home_zone_and_a_licences_replace_its_tenants() -> None:
    swiss = [tenant_fact(home_countries=("CH",)), licence_fact()]
    assert day_of([*call(f"{DAY} 08:00", country="CH")], facts=swiss) == "home"
    assert day_of([*call(f"{DAY} 08:00", country="FR")], facts=swiss) == "abroad"
    belgian = [tenant_fact(home_countries=("CH",)), licence_fact(home_countries=("BE",))]
    assert day_of([*call(f"{DAY} 08:00", country="CH")], facts=belgian) == "abroad"


@pytest.mark.parametrize(
    ("ip", "expected"), [("198.51.100.7", "home"), ("::ffff:198.51.100.7", "home"), ("203.0.113.7", "abroad"), ("x", "abroad")]
)
def test_an_address_inside_a_site_of_the_customer_is_home(ip: str, expected: str) -> None:
    facts = [tenant_fact(sites=(Site("geneva", ("198.51.100.0/24", "no network")),)), licence_fact()]
    events = [reg(f"{DAY} 08:00", "CH", ip=ip), reg(f"{DAY} 10:00", "CH", ip=ip)]
    assert day_of(events, facts=facts) == expected


# -- mobile networks ------------------------------------------------------------------------------------------------------


def test_a_mobile_address_of_home_is_home() -> None:
    assert day_of([reg(f"{DAY} 08:00", "FR", cls="mobile")]) == "home"


@pytest.mark.parametrize("before", [DAY, "2026-06-09"])
def test_a_mobile_address_of_home_says_nothing_when_the_device_was_abroad_that_day_or_the_day_before(before: str) -> None:
    events = [*call(f"{before} 07:00", country="CH"), reg(f"{DAY} 18:00", "FR", cls="mobile")]
    assert day_of(events) == ("abroad" if before == DAY else "silent")


def test_two_days_after_the_evidence_abroad_the_mobile_address_is_home_again() -> None:
    assert day_of([*call("2026-06-08 07:00", country="CH"), reg(f"{DAY} 18:00", "FR", cls="mobile")]) == "home"


def test_the_look_back_survives_the_day_becoming_final() -> None:
    bench = Bench().feed(call("2026-06-09 07:00", country="CH"), reg(f"{DAY} 18:00", "FR", cls="mobile"))
    for day in range(11, 31):
        bench.feed(reg(f"2026-06-{day} 12:00"))
    ctx = context(bench)
    assert [status(ctx, number(f"2026-06-{d:02}")) for d in (8, 9, 10, 11)] == ["silent", "abroad", "silent", "home"]


# -- the tenant's egress --------------------------------------------------------------------------------------------------


def office(users: int, staff: int, day: str = DAY) -> Bench:
    names = [str(n) for n in range(101, 101 + staff)]
    bench = Bench(facts=[tenant_fact(), *[licence_fact(licence=name) for name in names]])
    return bench.feed(*[call(f"{day} 08:00", country="NL", network="203.0.113.0/24", licence=name) for name in names[:users]])


@pytest.mark.parametrize(
    ("users", "staff", "expected"), [(2, 3, "abroad"), (3, 3, "silent"), (3, 15, "silent"), (3, 16, "abroad"), (4, 20, "silent")]
)
def test_a_foreign_network_of_three_licences_and_a_fifth_of_the_staff_is_the_customers_egress(
    users: int, staff: int, expected: str
) -> None:
    assert status(context(office(users, staff)), number(DAY)) == expected


def test_the_egress_is_judged_on_the_day_and_the_six_before_it() -> None:
    bench = office(2, 3)
    bench.feed(call("2026-06-16 08:00", country="NL", network="203.0.113.0/24", licence="103"))
    assert status(context(bench, "103"), number("2026-06-16")) == "silent"
    bench = office(2, 3)
    bench.feed(call("2026-06-17 08:00", country="NL", network="203.0.113.0/24", licence="103"))
    assert status(context(bench, "103"), number("2026-06-17")) == "abroad"


def test_an_egress_stays_one_for_a_licence_that_was_silent_since() -> None:
    bench = office(3, 3)
    for day in range(11, 31):
        bench.feed(call(f"2026-06-{day} 08:00", country="NL", network="203.0.113.0/24", licence="102"))
    bench.feed(reg("2026-07-05 08:00", licence="101")).until("2026-07-07 00:00")
    assert status(context(bench, "101"), number(DAY)) == "silent"


# -- order and repeats ----------------------------------------------------------------------------------------------------

KINDS = st.tuples(
    st.integers(0, 7), st.integers(0, 23), st.sampled_from(["FR", "CH", "IT", "MC"]), st.sampled_from(["access", "mobile", "vpn"]),
    st.sampled_from(["a", "b", None]), st.sampled_from(["reg", "call", "in"]), st.sampled_from(["n1", "n2"]),
)  # fmt: skip


def build(kind: tuple[Any, ...]) -> list[Event]:
    day, hour, country, cls, device, what, network = kind
    at = f"2026-06-{10 + day} {hour:02}:30"
    if what == "reg":
        return [reg(at, country, cls=cls, device=device, network=network)]
    return list(call(at, 30, country=country, cls=cls, device=device, network=network, direction="inbound" if what == "in" else "outbound"))


def fed_raw(events: list[Event]) -> tuple[Days, list[str]]:
    """Applied in the order given, as a log whose clock already stands at the last day."""
    bench = Bench({"abroad-stay": {"mode": "shadow"}, "abroad-total": {"mode": "shadow"}})
    bench.feed(reg("2026-06-17 00:00", "MC", device="clock"))
    partition: Partition = bench.partition
    for event in events:
        partition.step(event)
    ctx = context(bench)
    days = ctx.licence.days
    return days, [recent(ctx, number(f"2026-06-{d}")).status for d in range(10, 18)]


@settings(max_examples=60, deadline=None)
@given(kinds=st.lists(KINDS, min_size=1, max_size=25), seed=st.integers(0, 999))
def test_shuffled_and_repeated_evidence_within_eight_days_gives_the_same_days(kinds: list[tuple[Any, ...]], seed: int) -> None:
    events = [event for kind in kinds for event in build(kind)]
    mixed = events * 2
    random.Random(seed).shuffle(mixed)
    straight, again = fed_raw(events), fed_raw(mixed)
    assert again == straight


def test_evidence_older_than_the_open_day_and_seven_before_is_too_old() -> None:
    bench = Bench().feed(reg("2026-06-18 08:00"))
    for day, expected in (("2026-06-11", 0), ("2026-06-10", 1)):
        bench.partition.step(reg(f"{day} 08:00"))
        assert context(bench).licence.days.too_old == expected


# -- size -----------------------------------------------------------------------------------------------------------------


def test_a_year_of_a_quiet_licence_stays_below_600_bytes_and_is_still_told() -> None:
    bench = Bench()
    start = ms("2025-06-01 09:00")
    for n in range(380):
        bench.feed(reg(start + n * 86_400_000, device="urn:uuid:6f1c6b62-9b44-4a3e-9d39-5a1a64f7d0aa"))
    ctx = context(bench)
    assert len(msgspec.msgpack.encode(ctx.licence.days)) < 600
    assert status(ctx, number("2025-06-20")) == "home"
    assert status(ctx, number("2025-05-20")) == "silent"
    assert status(ctx, number("2030-01-01")) == "silent"


def test_a_phone_that_makes_up_ids_and_networks_cannot_grow_the_state() -> None:
    bench = Bench()
    for n in range(500):
        bench.feed(reg(ms(f"{DAY} 00:00") + n * 60_000, "CH", device=f"made-up-{n}", network=f"10.{n % 200}.{n // 200}.0/24"))
    for n in range(500):
        bench.feed(reg(ms(f"{DAY} 12:00") + n * 60_000, "CH", device="made-up-1", network=f"10.{n % 200}.{n // 200}.0/24"))
    days = context(bench).licence.days
    assert len(days.devices) <= 33
    assert max(len(seen) for device in days.devices.values() for seen in device.seen.values()) <= 17
    assert len(bench.partition.tenants["acme"].egress.networks) <= 257


def test_the_latest_fifty_days_abroad_keep_their_decisive_event() -> None:
    bench = Bench({"abroad-stay": {"mode": "shadow"}, "abroad-total": {"mode": "shadow"}})
    start = ms("2026-01-01 12:00")
    for n in range(80):
        bench.feed(call(start + n * 86_400_000, country="CH"))
    days = context(bench).licence.days
    assert len(days.refs) == 50
    assert len(days.countries) == 80 - 9, "the last days are still open to late evidence"
