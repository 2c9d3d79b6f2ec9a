from datetime import date
from pathlib import Path
from typing import Any

import pytest

from detectors.events import Call, Event, Licence, Message, PolicyEvent, Registration, Tenant
from streams.facts import UNRESOLVED
from streams.location import Locator
from streams.numbering import NumberPlan
from streams.stamp import Stamper
from streams.wire import stamp_digests
from support.geo import build_mmdb

ALICE, BOB, OTHER = "alice@acme.example", "bob@acme.example", "carol@other.example"


@pytest.fixture
def stamper() -> Stamper:
    made = Stamper(Locator([]), NumberPlan())
    facts: list[Event] = [
        Tenant(id="t", time=1, tenant="acme", outside_prefix="0", extension_lengths=(3,)),
        Licence(id="l1", time=1, tenant="acme", licence="101", aors=(ALICE,)),
        Licence(id="l2", time=1, tenant="acme", licence="102", aors=(BOB,)),
        Licence(id="l3", time=1, tenant="other", licence="1", aors=(OTHER,)),
    ]
    for fact in facts:
        assert made.stamp(fact) is None
    return made


def registration(**fields: Any) -> Registration:
    given: dict[str, Any] = {"id": "r", "time": 10, "action": "register", **fields}
    return Registration(**given)


def call(**fields: Any) -> Call:
    given: dict[str, Any] = {"id": "c", "time": 10, "phase": "attempt", "call_id": "c", "direction": "outbound", **fields}
    return Call(**given)


def test_an_aor_is_resolved_to_its_tenant_and_licence(stamper: Stamper) -> None:
    for event in (registration(aor=ALICE), call(aor=ALICE), Message(id="m", time=10, aor=ALICE), call(aor=ALICE, tenant="acme")):
        assert stamper.stamp(event) is None
        assert (event.tenant, event.licence) == ("acme", "101")
        assert event.key
        assert event.digest


@pytest.mark.parametrize("event", [registration(aor=ALICE, tenant="other", licence="1"), call(aor=ALICE, tenant="other")])
def test_an_event_whose_tenant_contradicts_its_aors_fact_is_refused(stamper: Stamper, event: Event) -> None:
    refusal = stamper.stamp(event)
    assert refusal is not None
    assert refusal.error == "tenant_contradicts"
    assert "'other'" in refusal.message
    assert "'acme'" in refusal.message


def test_a_registration_of_an_unknown_aor_goes_to_the_reserved_tenant(stamper: Stamper) -> None:
    first, second, third = registration(aor="x@acme.example"), registration(aor="x@acme.example", tenant="acme"), registration(aor="y@z")
    for event in (first, second, third):
        assert stamper.stamp(event) is None
        assert event.tenant == UNRESOLVED
    assert first.licence == second.licence != third.licence


@pytest.mark.parametrize(
    "event", [call(aor="x@acme.example"), call(aor="x@acme.example", tenant="acme"), Message(id="m", time=10, aor="x@y")]
)
def test_a_call_or_message_of_an_unknown_aor_is_refused_with_the_reason(stamper: Stamper, event: Event) -> None:
    refusal = stamper.stamp(event)
    assert refusal is not None
    assert refusal.error == "unknown_aor"


def test_an_event_that_names_its_licence_is_accepted_without_a_fact(stamper: Stamper) -> None:
    for event in (registration(aor="x@y", tenant="new", licence="7"), call(tenant="new", licence="7")):
        assert stamper.stamp(event) is None
        assert (event.tenant, event.licence) == ("new", "7")


def test_the_licence_of_an_inbound_call_is_the_called_one(stamper: Stamper) -> None:
    event = call(direction="inbound", aor="trunk@carrier.example", callee_aor=BOB, caller="+33612345678")
    assert stamper.stamp(event) is None
    assert (event.tenant, event.licence, event.dest) == ("acme", "102", None)


def test_who_diverted_a_call_is_told_by_the_licence_whatever_the_pbx_names(stamper: Stamper) -> None:
    by_aor, by_licence, stranger = (call(aor=ALICE, diverted_by=who) for who in (BOB, "102", "x@carrier.example"))
    assert all(stamper.stamp(event) is None for event in (by_aor, by_licence, stranger))
    assert (by_aor.diverted_by, by_licence.diverted_by, stranger.diverted_by) == ("102", "102", "x@carrier.example")


def test_an_internal_call_carries_both_licences_unless_the_other_end_is_another_customers(stamper: Stamper) -> None:
    inside, across = call(direction="internal", aor=ALICE, callee_aor=BOB), call(direction="internal", aor=ALICE, callee_aor=OTHER)
    assert stamper.stamp(inside) is None
    assert stamper.stamp(across) is None
    assert (inside.licence, inside.callee_licence) == ("101", "102")
    assert (across.licence, across.callee_licence) == ("101", None)
    assert inside.dest is not None
    assert inside.dest.cls == "internal"


@pytest.mark.parametrize(
    ("callee", "expected"),
    [
        ("0 06 12 34 56 78", "mobile"),
        ("102", "internal"),
        ("0 3646", "short_paid"),
        ("000 882 37 12345678", "satellite"),
        ("0112", "emergency"),
    ],
)
def test_a_number_is_classified_as_its_tenant_dials(stamper: Stamper, callee: str, expected: str) -> None:
    event = call(aor=ALICE, callee=callee)
    assert stamper.stamp(event) is None
    assert event.dest is not None
    assert event.dest.cls == expected


def test_a_dialling_fact_of_the_future_applies_from_its_date(stamper: Stamper) -> None:
    stamper.stamp(Tenant(id="t2", time=5, tenant="other", extension_lengths=(4,), effective_from=100))
    before, after = call(aor=OTHER, callee="4567"), call(aor=OTHER, callee="4567", time=100)
    for event in (before, after):
        assert stamper.stamp(event) is None
    assert before.dest is not None
    assert before.dest.cls != "internal"
    assert after.dest is not None
    assert after.dest.cls == "internal"


@pytest.mark.parametrize("direction", ["outbound", "internal"])
def test_an_emergency_number_marks_the_call_whatever_the_pbx_said(stamper: Stamper, direction: str) -> None:
    event = call(aor=ALICE, callee="15", direction=direction)
    assert stamper.stamp(event) is None
    assert event.emergency


def test_what_the_pbx_took_to_its_emergency_branch_stays_an_emergency_call(stamper: Stamper) -> None:
    event = call(aor=ALICE, callee="0612345678", emergency=True)
    assert stamper.stamp(event) is None
    assert event.emergency


def test_addresses_of_both_phones_are_located(tmp_path: Path) -> None:
    records = {"2.0.0.0/16": {"country": {"iso_code": "FR"}}, "5.1.0.0/16": {"country": {"iso_code": "CH"}}}
    with Locator.open(build_mmdb(tmp_path / "geo.mmdb", records, built=date(2026, 1, 1))) as locator:
        event = call(tenant="acme", licence="101", source_ip="5.1.0.9", answered_ip="2.0.0.9")
        assert Stamper(locator, NumberPlan()).stamp(event) is None
    assert event.loc is not None
    assert (event.loc.country, event.loc.network, event.loc.built) == ("CH", "5.1.0.0/24", "2026-01-01")
    assert event.answered_loc is not None
    assert event.answered_loc.country == "FR"


def test_the_digest_tells_content_and_not_when_or_from_which_port(stamper: Stamper) -> None:
    one, resent, other = (
        registration(aor=ALICE, source_port=1),
        registration(aor=ALICE, source_port=2, time=99),
        registration(aor=ALICE, count=2),
    )
    for event in (one, resent, other):
        stamper.stamp(event)
    assert one.key == resent.key == other.key
    assert one.digest == resent.digest != other.digest


def test_a_policy_that_no_rule_understands_is_refused_at_the_door(stamper: Stamper) -> None:
    refusal = stamper.stamp(PolicyEvent(id="p", time=10, body={"rules": {"no-such-rule": {}}}))
    assert refusal is not None
    assert refusal.error == "policy"
    assert stamper.stamp(PolicyEvent(id="p", time=10, body={})) is None


@pytest.mark.parametrize(
    "event",
    [
        registration(aor=ALICE, source_port=5060, source_ip="2.0.0.1", flags=("cut",), until=99, src="a.jsonl", line=7),
        call(aor=ALICE, callee="0612345678", source_ip="2.0.0.1", src="a.jsonl", line=7, ended_at=99),
        Message(id="m", time=10, aor=ALICE, callee="0612345678", src="a.jsonl", line=7),
    ],
)
def test_the_digests_are_those_of_the_general_way(stamper: Stamper, event: Event) -> None:
    assert stamper.stamp(event) is None
    stamped = (event.key, event.digest, event.time, event.src, event.line)
    stamp_digests(event)
    assert (event.key, event.digest, event.time, event.src, event.line) == stamped
