"""The adapters of FreeSWITCH, Asterisk's AMI, OpenSIPS and of mapped records, on payloads constructed from published field lists.

None of these PBXes is packaged where the tests run: the fixtures are named ``constructed_*`` and are no recordings.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from detectors.errors import ContractError, PolicyError
from detectors.events import Call, Event, Registration
from pbx.adapter import FORMATS, Adapter, build
from pbx.framing import LONGEST, splitter
from streams.wire import Wire, to_line

FIXTURES = Path(__file__).parent / "fixtures"
WIRE = Wire()
OURS = {"alice@pbx.example", "bob@pbx.example", "101@pbx.example", "102@pbx.example"}
COLUMNS = [
    "historyid", "callid", "duration", "time-start", "time-answered", "time-end", "reason-terminated", "from-no", "to-no", "from-dn",
    "to-dn", "dial-no", "reason-changed", "final-number", "final-dn", "bill-code", "bill-rate", "bill-cost", "chain", "from-type",
    "to-type",
]  # fmt: skip
TABLES: dict[str, dict[str, Any]] = {
    "freeswitch": {"format": "freeswitch"},
    "freeswitch-cdr": {"format": "freeswitch-cdr"},
    "asterisk-ami": {"format": "asterisk-ami", "zone": "Europe/Paris", "domain": "pbx.example"},
    "opensips": {"format": "opensips", "domain": "pbx.example"},
    "3cx": {
        "format": "mapped",
        "shape": "csv",
        "zone": "UTC",
        "domain": "pbx.example",
        "strip": ["Ext."],
        "columns": COLUMNS,
        "fields": {
            "call_id": "callid",
            "leg_id": "historyid",
            "started": "time-start",
            "answered": "time-answered",
            "ended": "time-end",
            "caller": "from-no",
            "callee": "to-no",
            "dialled": "dial-no",
        },
    },
    "yeastar": {
        "format": "mapped",
        "shape": "json",
        "zone": "Europe/Paris",
        "domain": "pbx.example",
        "inside": "msg",
        "only": {"type": "30012"},
        "fields": {
            "call_id": "call_id",
            "started": "time_start",
            "duration": "call_duration",
            "talk": "talk_duration",
            "caller": "call_from",
            "callee": "call_to",
            "status": "status",
        },
    },
}


def adapter(name: str, **more: Any) -> Adapter:
    made = build({**TABLES[name], **more}, "pbx-1", OURS.__contains__)
    assert made is not None
    return made


def lines(name: str) -> list[bytes]:
    return (FIXTURES / name).read_bytes().splitlines()


def blocks() -> list[bytes]:
    return splitter("blocks").feed((FIXTURES / "constructed_asterisk_ami.txt").read_bytes())


RECORDS: dict[str, list[bytes]] = {
    "freeswitch": lines("constructed_freeswitch_events.jsonl"),
    "freeswitch-cdr": lines("constructed_freeswitch_cdr.jsonl"),
    "asterisk-ami": blocks(),
    "opensips": [b'{"vigie_arrived_ms":1795466412420,' + line[1:] for line in lines("constructed_opensips.jsonl")],
    "3cx": lines("constructed_3cx.csv"),
    "yeastar": lines("constructed_yeastar.jsonl"),
}


def all_of(name: str, **more: Any) -> list[Event]:
    made = adapter(name, **more)
    return [event for record in RECORDS[name] for event in made.events(record)]


def registrations(name: str) -> list[Registration]:
    return [event for event in all_of(name) if isinstance(event, Registration)]


def calls(name: str, **more: Any) -> list[Call]:
    return [event for event in all_of(name, **more) if isinstance(event, Call)]


# --- what every adapter keeps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECORDS)
def test_a_resent_record_has_the_same_id_and_each_fact_its_own(name: str) -> None:
    ids = [event.id for event in all_of(name)]
    assert ids == [event.id for event in all_of(name)]
    assert len(set(ids)) == len(ids)
    assert all(0 < len(one) <= 128 for one in ids)
    assert not set(ids) & {event.id for event in all_of(name, pbx="pbx-2")} or name == "freeswitch"


@pytest.mark.parametrize("name", RECORDS)
def test_what_an_adapter_makes_is_accepted_by_the_contracts(name: str) -> None:
    events = all_of(name)
    assert events
    for event in events:
        again = WIRE.decode(to_line(event))
        assert (again.id, again.time, again.pbx) == (event.id, event.time, "pbx-1")


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2))


@pytest.mark.parametrize("name", RECORDS)
@given(data=st.binary())
def test_any_bytes_give_events_or_one_reason(name: str, data: bytes) -> None:
    made = adapter(name)
    for record in (data, b"{" + data, RECORDS[name][0][:40] + data):
        with suppress(ContractError):
            made.events(record)


def _changed(record: bytes, path: tuple[str, ...], value: Any) -> bytes:
    whole = json.loads(record)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(whole).encode()


#: Where a phone, or whoever imitates one, writes: (adapter, number of the record, path of the field).
PHONE = [
    ("freeswitch", 0, ("user-agent",)),
    ("freeswitch", 0, ("contact",)),
    ("freeswitch", 0, ("call-id",)),
    ("freeswitch", 4, ("to-user",)),
    ("freeswitch", 4, ("to-host",)),
    ("freeswitch", 5, ("Caller-Destination-Number",)),
    ("freeswitch", 8, ("variable_sip_user_agent",)),
    ("freeswitch", 8, ("Caller-Caller-ID-Number",)),
    ("freeswitch-cdr", 0, ("variables", "sip_user_agent")),
    ("freeswitch-cdr", 0, ("variables", "sip_contact_uri")),
    ("opensips", 0, ("params", "user_agent")),
    ("opensips", 0, ("params", "uri")),
    ("opensips", 0, ("params", "callid")),
    ("opensips", 0, ("params", "received")),
    ("opensips", 5, ("params", "ruri")),
    ("opensips", 5, ("params", "from")),
]


@pytest.mark.parametrize(("name", "index", "path"), PHONE)
@given(said=st.text())
def test_nothing_a_phone_writes_makes_a_record_unreadable(name: str, index: int, path: tuple[str, ...], said: str) -> None:
    for text in (said, said + "\ud800", '","aor":"ceo@pbx.example', "<>", "a" * 5000):
        value = quote(text, safe="", errors="replace") if name == "freeswitch-cdr" else text
        events = adapter(name).events(_changed(RECORDS[name][index], path, value))
        for event in events:
            assert WIRE.decode(to_line(event)).id == event.id


@given(said=st.text())
def test_nothing_a_phone_writes_makes_a_block_of_ami_unreadable(said: str) -> None:
    assume(len(said.splitlines()) == 1)
    for block, key, was in (
        (RECORDS["asterisk-ami"][2], "AccountID", "alice"),
        (RECORDS["asterisk-ami"][2], "SessionID", "9c@203.0.113.9"),
        (RECORDS["asterisk-ami"][3], "URI", "sip:alice@192.0.2.7:5060"),
        (RECORDS["asterisk-ami"][4], "Exten", "0145678901"),
    ):
        changed = block.replace(f"{key}: {was}".encode(), f"{key}: {said}".encode())
        for event in adapter("asterisk-ami").events(changed):
            assert WIRE.decode(to_line(event)).id == event.id


def test_every_format_is_built_by_its_name_and_an_unknown_key_stops_it() -> None:
    assert set(FORMATS) == {"kamailio", "asterisk-csv", "mapped", *(set(TABLES) - {"3cx", "yeastar"})}
    for name in TABLES:
        with pytest.raises(PolicyError, match=r"\[sources\.pbx-1\] colour: unknown here"):
            adapter(name, colour="red")


# --- FreeSWITCH ----------------------------------------------------------------------------------------------------------------


def test_freeswitch_registrations_carry_the_received_address_and_the_aor_wherever_it_stands() -> None:
    found = registrations("freeswitch")
    assert [one.action for one in found] == ["register", "refresh", "unregister", "expire", "failed"]
    assert {one.aor for one in found} == {"alice@pbx.example"}
    first, *_, expired, failed = found
    assert (first.source_ip, first.source_port, first.transport, first.expires_s) == ("192.0.2.7", 5060, "udp", 600)
    assert (first.device, first.contact) == ("urn:uuid:1f0c", "sip:alice@192.0.2.7:5060;transport=udp;fs_nat=yes")
    assert (expired.time, expired.contact) == (1782893300123, "sip:alice@192.0.2.8:5062")
    assert (failed.source_ip, failed.user_agent, failed.status) == ("203.0.113.9", "friendly-scanner", 403)


def test_a_freeswitch_call_is_told_by_its_callers_leg_and_one_that_comes_in_by_the_phones() -> None:
    found = calls("freeswitch")
    assert [(one.phase, one.direction) for one in found] == [
        *(("attempt", "outbound"), ("answer", "outbound"), ("end", "outbound")),
        *(("attempt", "inbound"), ("answer", "inbound"), ("end", "inbound")),
    ]
    end = found[2]
    assert (end.aor, end.callee, end.status, end.cause, end.ended_by) == ("alice@pbx.example", "0145678901", 200, 16, "caller")
    assert (end.started_at, end.answered_at, end.ended_at) == (1782893400000, 1782893408000, 1782893480000)
    assert (end.source_ip, end.user_agent) == ("192.0.2.7", "Linphone-Desktop/5.2.6")
    came = found[5]
    assert (came.callee_aor, came.aor, came.ended_by) == ("alice@pbx.example", "+33612345678@anonymous.invalid", "callee")
    assert (came.answered_ip, came.source_ip) == ("192.0.2.8", None)
    assert came.linked_id != came.call_id


def test_a_freeswitch_call_between_two_of_ours_is_internal() -> None:
    event = json.loads(RECORDS["freeswitch"][5]) | {"Caller-Destination-Number": "bob"}
    [call] = adapter("freeswitch").events(json.dumps(event).encode())
    assert isinstance(call, Call)
    assert (call.direction, call.callee_aor) == ("internal", "bob@pbx.example")


def test_a_json_cdr_is_the_same_call_however_it_was_encoded() -> None:
    first, cancelled = calls("freeswitch-cdr")
    assert (first.phase, first.aor, first.callee, first.ended_by) == ("cdr", "alice@pbx.example", "0145678901", "caller")
    assert first.user_agent == "Linphone-Desktop/5.2.6"
    assert (cancelled.status, cancelled.answered_at, cancelled.ended_by) == (487, None, "caller")
    body = RECORDS["freeswitch-cdr"][0]
    for form in (b"cdr=" + base64.b64encode(body), b"cdr=" + quote(body, safe="").encode(), b"cdr=" + body):
        assert adapter("freeswitch-cdr").events(form) == [first]
    # The leg of the event socket has the same key: who uses both counts each call once.
    assert first.linked_id == calls("freeswitch")[0].linked_id
    assert first.leg_id == calls("freeswitch")[0].leg_id


def test_what_our_restriction_refused_and_an_emergency_call_are_marked_by_the_dial_plan() -> None:
    cdr = json.loads(RECORDS["freeswitch-cdr"][0])
    cdr["variables"] |= {"vigie_decision": "su-1", "vigie_emergency": "true"}
    [call] = adapter("freeswitch-cdr").events(json.dumps(cdr).encode())
    assert isinstance(call, Call)
    assert (call.refused_by, call.emergency) == ("su-1", True)


# --- Asterisk ------------------------------------------------------------------------------------------------------------------


def test_ami_security_events_carry_the_received_address() -> None:
    accepted, failed, contact, removed = registrations("asterisk-ami")
    assert (accepted.action, accepted.time, accepted.source_ip, accepted.transport) == ("refresh", 1782892790500, "192.0.2.7", "udp")
    assert (failed.action, failed.source_ip, failed.source_port, failed.status) == ("failed", "203.0.113.9", 5091, 401)
    assert (contact.action, contact.contact, contact.source_ip) == ("register", "sip:alice@192.0.2.7:5060", None)
    assert (removed.action, removed.aor) == ("unregister", "alice@pbx.example")


def test_ami_tells_a_call_while_it_goes_on_and_its_cdr_what_it_was() -> None:
    attempt, answer, end, cdr = calls("asterisk-ami")
    assert [one.phase for one in (attempt, answer, end, cdr)] == ["attempt", "answer", "end", "cdr"]
    assert {one.linked_id or one.call_id for one in (attempt, answer, end, cdr)} == {"1782892800.42"}
    assert (attempt.callee, attempt.started_at) == ("0145678901", 1782892800010)
    assert (end.cause, end.ended_at, end.callee) == (16, 1782892880000, None)
    assert (cdr.started_at, cdr.answered_at, cdr.ended_at) == (1782892800000, 1782892808000, 1782892880000)


def test_a_cdr_of_ami_and_its_row_in_master_csv_are_one_fact() -> None:
    row = (FIXTURES / "asterisk-master.csv").read_bytes().splitlines()[0]
    [of_row] = adapter("asterisk-ami", format="asterisk-csv").events(row)
    assert calls("asterisk-ami")[-1].id == of_row.id


def test_an_event_of_ami_without_a_time_takes_that_of_its_arrival_or_is_refused() -> None:
    made: Any = adapter("asterisk-ami")
    block = b"\r\n".join(line for line in RECORDS["asterisk-ami"][3].split(b"\r\n") if not line.startswith(b"Timestamp"))
    with pytest.raises(ContractError, match="timestampevents"):
        made.events(block)
    [event] = made.events(made.arrived(block, 1782892799999))
    assert event.time == 1782892799999
    assert made.arrived(RECORDS["asterisk-ami"][3], 5) == RECORDS["asterisk-ami"][3]


def test_live_events_of_a_carriers_channel_are_left_to_the_cdr() -> None:
    block = RECORDS["asterisk-ami"][4].replace(b"PJSIP/alice-0000002a", b"PJSIP/carrier-0000002a")
    assert list(adapter("asterisk-ami").events(block)) == []


# --- OpenSIPS ------------------------------------------------------------------------------------------------------------------


def test_opensips_contacts_carry_the_received_address_and_their_lifetime() -> None:
    found = registrations("opensips")
    assert [one.action for one in found] == ["register", "refresh", "refresh", "unregister"]
    assert [one.source_ip for one in found] == ["192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.7"]
    assert (found[0].time, found[0].expires_s, found[0].source_port, found[0].transport) == (1795466412420, 3588, 57028, "udp")
    assert found[3].expires_s is None


def test_an_opensips_contact_that_is_deleted_after_its_expiry_has_expired() -> None:
    record = json.loads(RECORDS["opensips"][3])
    record["params"]["expires"] = 1795466400
    [event] = adapter("opensips").events(json.dumps(record).encode())
    assert isinstance(event, Registration)
    assert event.action == "expire"


def test_an_opensips_event_without_a_time_is_refused_and_the_collector_adds_one() -> None:
    made: Any = adapter("opensips")
    bare = lines("constructed_opensips.jsonl")[0]
    with pytest.raises(ContractError, match="vigie collect"):
        made.events(bare)
    assert made.events(made.arrived(bare, 1795466412420)) == made.events(RECORDS["opensips"][0])


def test_opensips_cdrs_are_whole_calls_and_missed_ones_have_no_length() -> None:
    answered, missed = calls("opensips")
    assert (answered.started_at, answered.answered_at, answered.ended_at) == (1795466400000, 1795466408000, 1795466480310)
    assert (answered.direction, answered.callee, answered.source_ip) == ("outbound", "0145678901", "192.0.2.7")
    assert (missed.direction, missed.callee_aor, missed.status, missed.answered_at) == ("internal", "bob@pbx.example", 486, None)


# --- mapped --------------------------------------------------------------------------------------------------------------------


def test_rows_of_3cx_become_calls_by_the_columns_the_administrator_chose() -> None:
    out, between, came = calls("3cx")
    assert (out.direction, out.aor, out.callee) == ("outbound", "101@pbx.example", "0145678901")
    assert (out.started_at, out.answered_at, out.ended_at) == (1782892800000, 1782892808000, 1782892880000)
    assert (between.direction, between.callee_aor, between.answered_at) == ("internal", "102@pbx.example", None)
    assert (came.direction, came.aor, came.callee_aor) == ("inbound", "0612345678@anonymous.invalid", "102@pbx.example")


def test_the_text_inside_a_webhook_of_yeastar_becomes_a_call_and_other_events_none() -> None:
    out, came = calls("yeastar")
    assert (out.aor, out.callee, out.status) == ("101@pbx.example", "0145678901", 200)
    assert (out.started_at, out.answered_at, out.ended_at) == (1782892800000, 1782892808000, 1782892880000)
    assert (came.direction, came.callee_aor, came.answered_at, came.status) == ("inbound", "102@pbx.example", None, 480)


def test_older_yeastars_are_another_table_of_the_same_map() -> None:
    fields = {"call_id": "callid", "started": "timestart", "duration": "callduraction", "talk": "talkduraction", "status": "status"}
    table = {"inside": "", "only": {"event": "NewCdr"}, "fields": {**fields, "caller": "callfrom", "callee": "callto"}}
    [call] = adapter("yeastar", **table).events(lines("constructed_yeastar_older.jsonl")[0])
    assert isinstance(call, Call)
    assert (call.aor, call.answered_at, call.ended_at) == ("101@pbx.example", 1782892808000, 1782892880000)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fields": {"started": "time-start", "caller": "from-who"}}, "'from-who' is none of the columns"),
        ({"fields": {"caller": "from-no"}}, "'started' is missing"),
        ({"fields": {"started": "time-start"}}, "whose calls are these"),
        ({"fields": {"colour": "x"}}, "'colour' is unknown"),
        ({"shape": "json"}, "columns"),
        ({"columns": ["a", "a"]}, "list of different texts"),
    ],
)
def test_a_map_that_makes_no_sense_stops_the_run(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        adapter("3cx", **change)


# --- framing -------------------------------------------------------------------------------------------------------------------

STREAMS: list[tuple[Any, bytes, Callable[[bytes], bool]]] = [
    ("lines", b"one\r\ntwo\n\nthree\n", bool),
    ("netstrings", b'7:{"a":1},10:{"b":"\n"}},EVT {"c":1}\n12:34 no\n7:{"d":2},', bool),
    ("blocks", b"Event: A\r\nB: c\r\n\r\n\r\nEvent: D\n\nEvent: E\r\n\r\n", bool),
]


@pytest.mark.parametrize(("framing", "data", "kept"), STREAMS)
@given(cuts=st.lists(st.integers(0, 80)))
def test_records_are_the_same_however_the_bytes_arrive(framing: Any, data: bytes, kept: Callable[[bytes], bool], cuts: list[int]) -> None:
    whole = [one for one in splitter(framing).feed(data) if kept(one)]
    cutter, found, begin = splitter(framing), [], 0
    for cut in [*sorted(cuts), len(data)]:
        piece = data[begin:cut]
        found += cutter.feed(piece)
        begin = max(begin, min(cut, len(data)))
        assert 0 <= cutter.pending <= begin
    assert [one for one in found if kept(one)] == whole
    assert cutter.pending == 0
    assert len(whole) >= 3


def test_a_record_that_never_ends_is_given_once_and_its_rest_dropped() -> None:
    cutter = splitter("lines")
    found = [one for _ in range(40) for one in cutter.feed(b"x" * 100_000)]
    assert [len(one) for one in found] == [LONGEST + 1]
    assert cutter.feed(b"end\nnext\n") == [b"next"]
