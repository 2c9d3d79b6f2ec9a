"""The kamailio adapter: captured payloads verbatim, lines recorded from a real Kamailio, and anything a phone may write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.errors import ContractError, PolicyError
from detectors.events import Call, Event, Registration
from pbx.adapter import build
from pbx.kamailio.adapter import Kamailio
from streams.wire import Wire, to_line

FIXTURES = Path(__file__).parent / "fixtures"
WIRE = Wire()
OURS = {"alice@pbx.test", "bob@pbx.test", "carol@pbx.test", "olivier@pbx.example", "nadia@pbx.example"}


def adapter(**table: str) -> Kamailio:
    return Kamailio({"format": "kamailio", **table}, "edge-1", OURS.__contains__)


def lines(name: str) -> list[bytes]:
    return (FIXTURES / name).read_bytes().splitlines()


def read(record: bytes | dict[str, Any], **table: str) -> Event:
    [event] = adapter(**table).events(record if isinstance(record, bytes) else json.dumps(record).encode())
    return event


def judged(record: bytes) -> Event | str:
    """The event of a line, or the reason why there is none."""
    try:
        return read(record)
    except ContractError as error:
        return str(error)


def captured(event: str, name: str = "kamailio-captured.jsonl") -> Event:
    return next(read(line) for line in lines(name) if json.loads(line)["event"] == event)


INVITE = json.loads(next(line for line in lines("kamailio-captured.jsonl") if b'"invite"' in line))
REGISTER = json.loads(lines("kamailio-captured.jsonl")[0])


def test_a_captured_register_becomes_a_registration_with_all_that_the_pbx_saw() -> None:
    assert captured("register") == Registration(
        id=captured("register").id,
        time=1795466411439,
        pbx="edge-1",
        action="register",
        aor="carol@pbx.test",
        contact="sip:carol@127.0.0.1:5077",
        user_agent="Linphone-Desktop/5.2.6",
        source_ip="127.0.0.1",
        source_port=5061,
        transport="udp",
        expires_s=1,
        access_network="3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=2080112345ABCDE1",
    )


@pytest.mark.parametrize(
    ("event", "action"),
    [("contact_expired", "expire"), ("register_auth_failed", "failed"), ("register_refused", "refused"), ("register", "register")],
)
def test_each_captured_registration_event_has_its_action(event: str, action: str) -> None:
    found = captured(event)
    assert isinstance(found, Registration)
    assert found.action == action


def test_what_our_own_restriction_refused_names_the_decision() -> None:
    refused = captured("register_refused")
    assert isinstance(refused, Registration)
    assert refused.refused_by == "dec-2026-000123"
    call = captured("invite_refused", "kamailio-recorded.jsonl")
    assert isinstance(call, Call)
    assert (call.phase, call.refused_by, call.status) == ("attempt", "su-recorded-sample", 403)


@pytest.mark.parametrize(("event", "action"), [("register_refresh", "refresh"), ("unregister", "unregister")])
def test_recorded_refreshes_and_unregistrations_carry_the_instance_of_the_phone(event: str, action: str) -> None:
    found = captured(event, "kamailio-recorded.jsonl")
    assert isinstance(found, Registration)
    assert found.action == action
    assert found.device is not None
    assert found.device.startswith("urn:uuid:")
    assert found.expires_s == (0 if action == "unregister" else 600)


def test_an_expired_contact_names_the_same_device_as_its_registration() -> None:
    expired = captured("contact_expired", "kamailio-recorded.jsonl")
    assert isinstance(expired, Registration)
    assert expired.device == "urn:uuid:b68acc3a-9e29-542d-8dd1-5470619e4ae7"


def test_a_register_with_expires_0_is_an_unregistration_whatever_save_called_it() -> None:
    found = captured("register", "kamailio-recorded.jsonl")
    assert isinstance(found, Registration)
    assert (found.action, found.expires_s) == ("unregister", 0)


def test_the_three_captured_steps_of_a_call_share_one_leg() -> None:
    attempt, answer, end = captured("invite"), captured("answer"), captured("end")
    assert isinstance(attempt, Call)
    assert isinstance(answer, Call)
    assert isinstance(end, Call)
    assert [call.phase for call in (attempt, answer, end)] == ["attempt", "answer", "end"]
    assert {(call.pbx, call.call_id, call.leg_id) for call in (attempt, answer, end)} == {("edge-1", "1-12581@127.0.0.1", "")}
    assert (attempt.started_at, answer.started_at) == (1795466211644, 1795466211643)
    assert answer.answered_at == end.answered_at == 1795466211645
    assert answer.status == 200
    assert (end.ended_at, end.ended_by, end.cause) == (1795466211951, "caller", 16)


def test_a_captured_failed_call_ends_with_its_code() -> None:
    failed = captured("failed")
    assert isinstance(failed, Call)
    assert (failed.phase, failed.answered_at, failed.ended_at) == ("end", None, failed.time)
    assert (failed.status, failed.cause, failed.ended_by) == (486, 17, "callee")


def test_a_busy_callee_declined_and_a_cancelled_call_was_given_up_by_its_caller() -> None:
    ends = [event for line in lines("kamailio-recorded.jsonl") if isinstance(event := read(line), Call) and event.phase == "end"]
    assert {(call.status, call.cause, call.ended_by) for call in ends} == {(487, None, "caller"), (486, 17, "callee")}


def test_the_answering_phone_of_an_internal_call_is_known() -> None:
    answer = captured("answer", "kamailio-recorded.jsonl")
    assert isinstance(answer, Call)
    assert (answer.direction, answer.aor, answer.callee_aor) == ("internal", "olivier@pbx.example", "nadia@pbx.example")
    assert answer.answered_device == "urn:uuid:d872313e-0dc5-57d5-af44-9fba2e53a53e"
    assert (answer.answered_ip, answer.answered_user_agent) == ("127.0.2.11", "Zoiper rv2.10.19.5")
    assert answer.device == "urn:uuid:62392a5e-7f0e-5e46-9f6c-6982c8a15ddd"
    assert answer.leg_id == "19326c1"


@pytest.mark.parametrize("emergency", [1, "1"])
def test_an_emergency_call_is_marked_in_each_of_its_events(emergency: int | str) -> None:
    call = read(INVITE | {"ruri": "sip:112@pbx.test", "emergency": emergency})
    assert isinstance(call, Call)
    assert (call.emergency, call.callee, call.direction) == (True, "112", "outbound")


@pytest.mark.parametrize(
    ("aor", "ruri", "direction", "callee_aor", "callee"),
    [
        ("alice@pbx.test", "sip:bob@pbx.test", "internal", "bob@pbx.test", "bob"),
        ("alice@pbx.test", "sip:BOB@PBX.test:5080;transport=tcp", "internal", "bob@pbx.test", "BOB"),
        ("alice@pbx.test", "sip:+33145678901@pbx.test;user=phone", "outbound", None, "+33145678901"),
        ("alice@pbx.test", "sip:bob@elsewhere.test", "outbound", None, "bob"),
        ("+33612345678@carrier.test", "sip:bob@pbx.test", "inbound", "bob@pbx.test", "bob"),
        ("+33612345678@carrier.test", "sip:bob@192.0.2.80", "inbound", "bob@pbx.test", "bob"),
        ("+33612345678@carrier.test", "sip:0145678901@pbx.test", "outbound", None, "0145678901"),
    ],
)
def test_direction_follows_from_whose_the_caller_and_the_callee_are(
    aor: str, ruri: str, direction: str, callee_aor: str | None, callee: str
) -> None:
    call = read(INVITE | {"aor": aor, "to": "sip:x@nowhere.test", "ruri": ruri}, domain="pbx.test")
    assert isinstance(call, Call)
    assert (call.direction, call.aor, call.callee_aor, call.callee) == (direction, aor, callee_aor, callee)


def test_the_callee_is_taken_from_to_when_the_request_uri_is_not_logged() -> None:
    call = read({key: value for key, value in INVITE.items() if key != "ruri"})
    assert isinstance(call, Call)
    assert (call.callee, call.direction) == ("bob", "internal")


def test_a_colleague_in_to_does_not_make_a_call_to_a_number_internal() -> None:
    call = read(INVITE | {"ruri": "sip:+33899123456@pbx.test", "to": "sip:bob@pbx.test"})
    assert isinstance(call, Call)
    assert (call.direction, call.callee_aor, call.callee) == ("outbound", None, "+33899123456")


def test_expires_comes_from_the_contact_before_the_header() -> None:
    both = read(REGISTER | {"contact": "<sip:c@192.0.2.1>;expires=60", "expires": "300"})
    header = read(REGISTER | {"contact": '"C; x" <sip:c@192.0.2.1;ob>', "expires": "300"})
    neither = read(REGISTER | {"contact": "<sip:c@192.0.2.1>;expires=soon"})
    assert [event.expires_s for event in (both, header, neither) if isinstance(event, Registration)] == [60, 300, None]


def test_all_contacts_removed_at_once_is_one_unregistration_of_the_star() -> None:
    event = read(REGISTER | {"event": "unregister", "contact": "*", "expires": "0"})
    assert isinstance(event, Registration)
    assert (event.action, event.contact, event.device, event.expires_s) == ("unregister", "*", None, 0)


def test_an_aor_without_a_host_takes_the_domain_of_the_table_or_is_refused() -> None:
    assert read(REGISTER | {"aor": "Carol"}, domain="PBX.test").aor == "carol@pbx.test"  # type: ignore[attr-defined]
    with pytest.raises(ContractError, match="set domain"):
        read(REGISTER | {"aor": "carol"})


@pytest.mark.parametrize("line", lines("kamailio-captured.jsonl") + lines("kamailio-recorded.jsonl"))
def test_the_prefix_of_a_log_daemon_changes_nothing(line: bytes) -> None:
    plain = read(line)
    assert read(b"EVT " + line + b"\r\n") == plain
    assert read(b"Nov 24 08:19:25 edge-1 /usr/sbin/kamailio[19175]: ALERT: <script>: EVT " + line) == plain
    assert read(b" 3(19175) ALERT: {1 1 INVITE 1-1@h} <script>: EVT " + line) == plain


@pytest.mark.parametrize("line", lines("kamailio-captured.jsonl") + lines("kamailio-recorded.jsonl"))
def test_a_resent_line_has_the_same_id_and_each_fact_its_own(line: bytes) -> None:
    first = read(line)
    assert read(line).id == first.id
    assert 0 < len(first.id) <= 128
    others = {read(other).id for other in lines("kamailio-captured.jsonl") + lines("kamailio-recorded.jsonl") if other != line}
    assert first.id not in others


def test_the_same_fact_of_two_proxies_is_two_facts() -> None:
    assert read(INVITE, pbx="edge-1").id != read(INVITE, pbx="edge-2").id


def test_a_phone_that_uses_its_call_id_and_cseq_again_makes_a_new_fact() -> None:
    assert read(REGISTER).id != read(REGISTER | {"ts": "1795469999.000001"}).id


@given(st.text())
@example('evil","aor":"ceo@pbx.test","x":"\\')
@example('"}\nEVT {"event":"register"}')
def test_a_user_agent_stays_one_string_whatever_it_holds(agent: str) -> None:
    event = read(json.dumps(REGISTER | {"user_agent": agent}, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert isinstance(event, Registration)
    assert event.aor == "carol@pbx.test"
    assert event.user_agent == (agent or None) or agent == "<null>"


@given(st.text(), st.text(), st.text(), st.text())
def test_nothing_a_phone_writes_makes_a_record_unreadable(contact: str, agent: str, said: str, number: str) -> None:
    for record in (
        REGISTER | {"contact": contact, "user_agent": agent, "pani": said, "expires": number, "from": said},
        INVITE | {"contact": contact, "user_agent": agent, "pani": said, "reason": said, "to": number, "from": said, "ruri": number},
    ):
        [event] = adapter().events(json.dumps(record).encode())
        assert WIRE.decode(to_line(event)).id == event.id


def test_bytes_that_are_no_utf8_are_replaced_and_judged() -> None:
    event = read(json.dumps(REGISTER | {"user_agent": "@"}).encode().replace(b'@"', b'Mus\xe9e"'))
    assert isinstance(event, Registration)
    assert event.aor == "carol@pbx.test"


WITHOUT_EVENT = [b"", b"{", b"[]", b"null", b"{}", b"EVT ", b" 0(1) INFO: <core> [main.c:1]: main()\n", b"[" * 5000, b'{"a":' * 5000]


@given(st.one_of(st.binary(), st.binary().map(lambda junk: b"EVT {" + junk), st.sampled_from(WITHOUT_EVENT)))
def test_any_bytes_give_an_event_or_one_reason(record: bytes) -> None:
    assert judged(record)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
FIELDS = sorted({*REGISTER, *INVITE, "code", "answer_ts", "leg", "ended_by"})


@given(st.sampled_from([REGISTER, INVITE]), st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))
def test_any_value_in_any_field_gives_an_event_of_the_contracts_or_one_reason(record: dict[str, Any], other: dict[str, Any]) -> None:
    found = judged(json.dumps(record | other).encode())
    assert isinstance(found, str) or WIRE.decode(to_line(found)).id == found.id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event": "register_query"}, "none that Kamailio's script"),
        ({"ts": "soon"}, "seconds.microseconds"),
        ({"ts": "12.5"}, "before the year 2000"),
        ({"ts": None}, "unexpected shape"),
        ({"call_id": ""}, "call_id is missing"),
        ({"aor": None}, "no user@host"),
        ({"event": "end", "ended_by": "ghost"}, "caller, callee, network, proxy"),
        ({"event": "failed", "code": "forty"}, "expected a number"),
    ],
)
def test_a_line_that_cannot_be_understood_says_why(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        read(INVITE | change)


def test_a_line_cut_by_the_log_points_at_the_limits() -> None:
    with pytest.raises(ContractError, match="buf_size"):
        read(json.dumps(INVITE).encode()[:200])


def test_the_policy_table_is_checked_key_by_key() -> None:
    with pytest.raises(PolicyError, match=r"\[sources\.edge\] zone: unknown here"):
        build({"format": "kamailio", "zone": "UTC"}, "edge", OURS.__contains__)
    with pytest.raises(PolicyError, match=r"\[sources\.edge\] pbx: expected a text, got 7"):
        build({"format": "kamailio", "pbx": 7}, "edge", OURS.__contains__)
    with pytest.raises(PolicyError, match=r'"kamailio", .*"asterisk-csv", "mapped" or "jsonl"'):
        build({"format": "kamalio"}, "edge", OURS.__contains__)
    assert build({"format": "jsonl", "pbx": "pbx-1"}, "edge", OURS.__contains__) is None


def test_the_table_names_the_pbx_and_the_tenant_of_each_event() -> None:
    made = build({"format": "kamailio", "pbx": "pbx-1", "tenant": "acme"}, "edge", OURS.__contains__)
    assert made is not None
    [event] = made.events(json.dumps(INVITE).encode())
    assert (event.pbx, event.tenant, made.coverage["location"]) == ("pbx-1", "acme", "full")
