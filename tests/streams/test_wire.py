from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.events import Call, Event, Licence, Registration, rank
from streams.contracts.verdict import refusal
from streams.errors import ContractRefused
from streams.wire import Wire, digest_event, repair, stamp_digests, to_line
from support.strategies import EDGE_TIMES, JSON, ODD, any_good_object, decoded_events, mutated_objects, stamped_events

WIRE = Wire()
RECORDED = Wire(recorded=True)
REGISTRATION = {"kind": "registration", "id": "r1", "time": "2026-11-24T10:15:00Z", "action": "register", "aor": "alice@pbx.example"}
CALL = {
    "kind": "call", "id": "c1", "time": "2026-11-24T10:15:00Z", "phase": "attempt", "call_id": "1", "direction": "outbound",
    "aor": "alice@pbx.example",
}  # fmt: skip


def fast_accepts(line: bytes) -> bool:
    """The hot path alone, without its second look at refused lines."""
    try:
        event = WIRE._decode(line)
        WIRE._finish[event.__class__](event)
    except (msgspec.MsgspecError, RecursionError, ContractRefused):
        return False
    return True


def registration(**fields: Any) -> Registration:
    event = WIRE.decode_object({**REGISTRATION, **fields})
    assert type(event) is Registration
    return event


def refused(line: bytes | dict[str, Any]) -> ContractRefused:
    with pytest.raises(ContractRefused) as caught:
        WIRE.decode(line if isinstance(line, bytes) else json.dumps(line).encode())
    return caught.value


# --- both readers accept the same ----------------------------------------------------------------------------------------------


@given(any_good_object())
def test_every_object_that_the_schemas_describe_is_accepted_by_both_readers(record: dict[str, Any]) -> None:
    assert refusal(record) is None
    assert fast_accepts(msgspec.json.encode(record))


@given(mutated_objects())
@example({**REGISTRATION, "v": True})
@example({**REGISTRATION, "v": 2})
@example({**REGISTRATION, "expires_s": 5.0})
@example({**REGISTRATION, "expires_s": 2**63})
@example({**REGISTRATION, "count": None})
@example({**REGISTRATION, "aor": "sip:;x", "tenant": "acme"})
@example({**CALL, "call_id": None})
@example({**CALL, "emergency": 1})
@example({"kind": "reference", "id": "r", "time": "2026-11-24T10:15:00Z", "name": "x", "body": [{"a": [2**63]}]})
@example({"kind": "model", "id": "m", "time": "2026-11-24T10:15:00Z", "threshold": 10**30})
@example({"kind": "model", "id": "m", "time": "2026-11-24T10:15:00Z", "threshold": True})
@example({"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "time_zone": "Mars/Olympus"})
@example({"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "time_zone": "../../etc/passwd"})
@example({"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "time_zone": ""})
@example({"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "time_zone": "Europe"})
def test_both_readers_accept_the_same_of_what_was_damaged(record: dict[str, Any]) -> None:
    assert fast_accepts(msgspec.json.encode(record)) == (refusal(record) is None)


@given(st.sampled_from(EDGE_TIMES) | st.text(alphabet="0123456789-:.TtZz+ ", max_size=30), st.sampled_from(["time", "until"]))
def test_both_readers_accept_the_same_times(text: str, field: str) -> None:
    record = {**REGISTRATION, field: text}
    assert fast_accepts(msgspec.json.encode(record)) == (refusal(record) is None)


@given(JSON | st.dictionaries(st.sampled_from(["kind", "id", "time", "v", "action"]), ODD))
def test_both_readers_accept_the_same_of_any_json(record: Any) -> None:
    assert fast_accepts(msgspec.json.encode(record)) == (refusal(record) is None)


@given(st.text(max_size=12) | st.sampled_from(["Europe/Paris", "UTC", "europe/paris ", "Etc", "posix", "a\0b", "/etc/localtime", "\ud800"]))
def test_both_readers_know_the_same_time_zones(zone: str) -> None:
    record = {"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "time_zone": zone}
    assert fast_accepts(json.dumps(record).encode()) == (refusal(record) is None)


# --- whatever comes, an event or a reason --------------------------------------------------------------------------------------


def verdict(line: bytes) -> Event | ContractRefused:
    try:
        return WIRE.decode(line)
    except ContractRefused as reason:
        return reason


def is_event_or_one_line(outcome: Event | ContractRefused) -> bool:
    return isinstance(outcome, Event) or (str(outcome).isprintable() and bool(outcome.error))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_refused(line: bytes) -> None:
    assert is_event_or_one_line(verdict(line))


@given(any_good_object(), st.data())
def test_a_line_damaged_in_transit_is_an_event_or_refused(record: dict[str, Any], data: st.DataObject) -> None:
    line = bytearray(msgspec.json.encode(record))
    for _ in range(data.draw(st.integers(1, 4))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    assert is_event_or_one_line(verdict(bytes(line)))


@given(mutated_objects())
@example({"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "short_codes": {"\n": 5}})
def test_a_refusal_is_one_line_that_names_a_field(record: dict[str, Any]) -> None:
    outcome = verdict(msgspec.json.encode(record))
    assert is_event_or_one_line(outcome)
    assert isinstance(outcome, Event) or ": " in str(outcome)


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        (b"", "not_json", "not JSON"),
        (b"[]", "not_an_object", "JSON object"),
        (b"{}", "unknown_kind", "kind: missing"),
        (b'{"kind":"alert"}', "unknown_kind", "output of vigie"),
        (b'{"kind":"bridge"}', "unknown_kind", "bridges"),
        (b'{"kind":"log"}', "unknown_kind", "first line"),
        (b'{"kind":"ca\\nll"}', "unknown_kind", "ca\\nll"),
        (b"[" * 5000, "not_json", "nested too deeply"),
        (b'{"kind":"tick","id":"' + b"x" * 65_536 + b'"}', "too_large", "65536"),
        (json.dumps({**REGISTRATION, "v": 2}).encode(), "unknown_version", "version 1"),
        (json.dumps({**REGISTRATION, "id": 5}).encode(), "bad_field", "registration: id: "),
        (json.dumps({**REGISTRATION, "id": "x" * 129}).encode(), "bad_field", "registration: id: "),
        (json.dumps({**REGISTRATION, "time": "2026-11-24T10:15:00"}).encode(), "bad_field", "registration: time: a time needs an offset"),
        (json.dumps({**REGISTRATION, "time": "1999-11-24T10:15:00Z"}).encode(), "bad_field", "registration: time: a time before 2000"),
        (json.dumps({**REGISTRATION, "source_port": 65_536}).encode(), "bad_field", "registration: source_port: "),
        (json.dumps({**REGISTRATION, "aor": None}).encode(), "bad_field", "registration: aor: needed"),
        (json.dumps({**CALL, "phase": "ringing"}).encode(), "bad_field", "call: phase: "),
        (json.dumps({"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z"}).encode(), "bad_field", "tenant: tenant: "),
    ],
)
def test_each_refusal_says_what_is_wrong(line: bytes, error: str, said: str) -> None:
    reason = refused(line)
    assert reason.error == error
    assert said in str(reason)


def test_what_is_not_json_for_an_adapter_is_refused_too() -> None:
    for value in (object(), {5: object()}, float("nan"), 2**70):
        with pytest.raises(ContractRefused):
            WIRE.decode_object({**REGISTRATION, "id": value})


# --- and back ------------------------------------------------------------------------------------------------------------------


@given(decoded_events())
def test_an_event_written_and_read_again_is_the_same_event(event: Event) -> None:
    assert RECORDED.decode(to_line(event)) == event
    if not getattr(event, "flags", ()):
        assert WIRE.decode(to_line(event)) == event


@given(stamped_events())
def test_a_recorded_line_gives_back_every_stamp(event: Event) -> None:
    stamp_digests(event)
    assert RECORDED.decode(to_line(event)) == event


@given(stamped_events())
def test_a_producer_cannot_set_a_stamp(event: Event) -> None:
    stamp_digests(event)
    read = WIRE.decode(to_line(event))
    assert (read.src, read.line, read.key, read.digest, read.late_ms) == ("", 0, 0, 0, 0)
    assert getattr(read, "loc", None) is None
    assert getattr(read, "dest", None) is None


def test_a_producers_own_field_with_the_name_of_a_stamp_is_ignored() -> None:
    assert registration(line="L1", src=["x"], loc="Paris", flags=5, digest={}) == registration()


@given(decoded_events())
def test_a_decoded_event_is_of_the_cores_own_class_and_has_a_rank(event: Event) -> None:
    assert type(event).__module__ == "detectors.events"
    assert rank(event) >= 0


# --- one form for everything ---------------------------------------------------------------------------------------------------


def test_an_aor_is_canonical_and_facts_speak_of_the_same() -> None:
    assert registration(aor="sip:Alice@PBX.example:5060;transport=udp").aor == "alice@pbx.example"
    fact = WIRE.decode_object(
        {"kind": "licence", "id": "f", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "licence": "1", "aors": ["sip:A@P:5060", "a@p"]}
    )
    assert type(fact) is Licence
    assert fact.aors == ("a@p",)


def test_tenant_and_licence_may_be_absent_or_null_when_the_aor_is_given() -> None:
    assert registration(tenant=None, licence=None, pbx=None) == registration()
    assert registration(aor=None, tenant="acme", licence="101").aor == ""


def test_an_exemption_of_a_whole_tenant_has_a_null_licence() -> None:
    record = {
        "kind": "exemption", "id": "e", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "licence": None, "exemption_id": "e",
        "rules": ["abroad-stay"], "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z",
    }  # fmt: skip
    assert WIRE.decode_object(record).licence == ""
    assert "to: must be later" in str(refused({**record, "to": record["from"]}))


def test_a_customer_whose_time_zone_nobody_knows_is_refused_with_the_reason() -> None:
    record = {"kind": "tenant", "id": "t", "time": "2026-11-24T10:15:00Z", "tenant": "acme", "time_zone": "Mars/Olympus"}
    reason = refused(record)
    assert str(reason) == "tenant: time_zone: no time zone such as Europe/Paris or Indian/Reunion"
    assert reason.error == "bad_field"
    WIRE.decode_object({**record, "time_zone": "Indian/Reunion"})


@given(st.text() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_what_the_phone_controls_is_never_a_reason_to_refuse(text: Any) -> None:
    fields = ("user_agent", "contact", "caller", "access_network", "device", "call_id", "answered_user_agent")
    event = WIRE.decode_object({**CALL, **dict.fromkeys(fields, text)})
    assert type(event) is Call
    for field in fields:
        value = getattr(event, field)
        assert isinstance(value, str)
        assert len(value) <= 256
        assert value == text or {f"{field}_cut", f"{field}_cleaned"} & set(event.flags)


def test_a_long_user_agent_is_cut_with_a_digest_and_flagged() -> None:
    event = registration(user_agent="A" * 1000)
    assert event.user_agent is not None
    assert event.user_agent.startswith("A" * 239 + "~")
    assert event.flags == ("user_agent_cut",)


def test_two_long_call_ids_that_differ_at_their_end_stay_different() -> None:
    first, second = (WIRE.decode_object({**CALL, "call_id": "x" * 500 + end}) for end in "ab")
    assert isinstance(first, Call)
    assert isinstance(second, Call)
    assert first.call_id != second.call_id


def test_two_call_ids_that_differ_in_bytes_no_text_can_hold_stay_different() -> None:
    line = json.dumps(CALL).encode()
    latin, lone = (WIRE.decode(line.replace(b'"call_id": "1"', b'"call_id": "' + end + b'"')) for end in (b"\xff", b"\\udcfe"))
    assert isinstance(latin, Call)
    assert isinstance(lone, Call)
    assert (latin.call_id, lone.call_id) == ("\ufffdff", "\ufffddcfe")
    assert latin.flags == lone.flags == ("bytes_replaced",)


def test_a_tab_or_a_byte_order_mark_in_a_line_does_not_hide_it() -> None:
    line = json.dumps({**REGISTRATION, "user_agent": "a|b"}, separators=(",", ":")).encode()
    event = WIRE.decode(b"\xef\xbb\xbf" + line.replace(b"|", b"\t"))
    assert isinstance(event, Registration)
    assert event.user_agent == "a b"


@given(st.binary(max_size=60))
def test_a_repaired_line_is_text_and_repairing_it_again_changes_nothing(line: bytes) -> None:
    repaired = repair(line)
    repaired.decode()
    assert repair(repaired) == repaired or repaired.startswith(b"\xef\xbb\xbf")


def test_of_a_name_that_is_there_twice_the_last_one_counts() -> None:
    line = json.dumps(REGISTRATION).encode()[:-1]
    assert WIRE.decode(line + b',"id":"r2"}').id == "r2"
    assert WIRE.decode(line.replace(b'"r1"', b"5") + b',"id":"r2"}').id == "r2"
    assert "id: " in str(refused(line + b',"id":5}'))


# --- digests -------------------------------------------------------------------------------------------------------------------


@given(stamped_events(), st.integers(1, 10**9))
def test_time_and_stamps_are_not_content(event: Event, other: int) -> None:
    copy = RECORDED.decode(to_line(event))
    copy.time, copy.src, copy.line, copy.late_ms, copy.key = copy.time + other, "elsewhere", other, other, other
    if isinstance(copy, Registration):
        copy.source_port = 0 if copy.source_port is None else None
    for name in ("loc", "answered_loc", "dest"):
        if hasattr(copy, name):
            setattr(copy, name, None)
    before = to_line(copy)
    assert digest_event(copy) == digest_event(event)
    assert to_line(copy) == before


def test_another_content_has_another_digest_and_another_tenant_another_key() -> None:
    first, second = registration(tenant="a"), registration(tenant="b", status=200)
    stamp_digests(first)
    stamp_digests(second)
    assert first.digest != second.digest
    assert first.key != second.key


def test_the_called_aor_is_canonical_like_the_callers_or_no_incoming_call_would_find_its_licence() -> None:
    line = b'{"v":1,"kind":"call","id":"1","time":"2026-10-05T06:42:51Z","phase":"attempt","call_id":"c","direction":"inbound",'
    event = Wire().decode(line + b'"aor":"sip:Trunk@PBX.example","callee_aor":"sip:Bob@PBX.example:5060;transport=udp"}')
    assert isinstance(event, Call)
    assert (event.aor, event.callee_aor) == ("trunk@pbx.example", "bob@pbx.example")
