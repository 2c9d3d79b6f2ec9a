"""The asterisk-csv adapter: every layout of Master.csv, the hour that clocks repeat, and rows that say nothing certain."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.errors import ContractError, PolicyError
from detectors.events import Call
from pbx.adapter import build
from pbx.asterisk.csv import MasterCsv
from streams.wire import Wire, to_line

FIXTURE = Path(__file__).parent / "fixtures" / "asterisk-master.csv"
WIRE = Wire()
OURS = {"alice@pbx.example", "bob-desk@pbx.example", "1001@pbx.example", "trunk-acme@pbx.example"}
PARIS = {"zone": "Europe/Paris", "domain": "pbx.example"}

BASE = {
    "accountcode": "", "src": "alice", "dst": "0145678901", "dcontext": "outgoing", "clid": '"Alice ""A"" M." <alice>',
    "channel": "PJSIP/alice-0000002a", "dstchannel": "PJSIP/carrier-0000002b", "lastapp": "Dial", "lastdata": "PJSIP/0145678901@carrier,60",
    "start": "2026-07-01 10:00:00", "answer": "2026-07-01 10:00:08", "end": "2026-07-01 10:01:20", "duration": 80, "billsec": 72,
    "disposition": "ANSWERED", "amaflags": "DOCUMENTATION",
}  # fmt: skip
UNIQUEID, USERFIELD = {"uniqueid": "1782892800.42"}, {"userfield": "note"}
NEW = {"peeraccount": "", "linkedid": "1782892799.41", "sequence": 57}


def row(*parts: dict[str, Any]) -> bytes:
    """A row as cdr_csv writes it: texts quoted, integers bare, an absent answer empty and unquoted."""
    return ",".join(field(value) for part in parts for value in part.values()).encode() + b"\n"


def field(value: str | int | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return "" if value is None else str(value)


def judged(record: bytes, **table: str) -> Call | str:
    """The call of a row, or the reason why there is none."""
    try:
        return read(record, **table)
    except ContractError as error:
        return str(error)


def adapter(**table: Any) -> MasterCsv:
    return MasterCsv({"format": "asterisk-csv", **PARIS, **table}, "office", OURS.__contains__)


def read(record: bytes, **table: Any) -> Call:
    [event] = adapter(**table).events(record)
    assert isinstance(event, Call)
    return event


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.mark.parametrize(
    ("parts", "table", "call_id", "linked_id"),
    [
        ([BASE], {}, "PJSIP/alice-0000002a@2026-07-01 10:00:00", None),
        ([BASE, UNIQUEID], {"column17": "uniqueid"}, "1782892800.42", None),
        ([BASE, USERFIELD], {"column17": "userfield"}, "PJSIP/alice-0000002a@2026-07-01 10:00:00", None),
        ([BASE, UNIQUEID, USERFIELD], {}, "1782892800.42", None),
        ([BASE, NEW], {}, "PJSIP/alice-0000002a@2026-07-01 10:00:00", "1782892799.41"),
        ([BASE, UNIQUEID, NEW], {"column17": "uniqueid"}, "1782892800.42", "1782892799.41"),
        ([BASE, USERFIELD, NEW], {"column17": "userfield"}, "PJSIP/alice-0000002a@2026-07-01 10:00:00", "1782892799.41"),
        ([BASE, UNIQUEID, USERFIELD, NEW], {}, "1782892800.42", "1782892799.41"),
    ],
    ids=["16", "17 uniqueid", "17 userfield", "18", "19", "20 uniqueid", "20 userfield", "21"],
)
def test_every_layout_of_master_csv_gives_the_same_call(
    parts: list[dict[str, Any]], table: dict[str, str], call_id: str, linked_id: str | None
) -> None:
    call = read(row(*parts), **table)
    assert (call.call_id, call.linked_id) == (call_id, linked_id)
    assert (call.phase, call.direction, call.aor, call.callee_aor) == ("cdr", "outbound", "alice@pbx.example", None)
    assert (call.caller, call.callee, call.status, call.cause, call.ended_by) == ("alice", "0145678901", 200, 16, None)
    assert (call.started_at, call.answered_at) == (utc("2026-07-01 08:00:00"), utc("2026-07-01 08:00:08"))
    assert call.ended_at == call.time == utc("2026-07-01 08:01:20")
    assert (call.source_ip, call.user_agent, call.device) == (None, None, None)


@pytest.mark.parametrize("parts", [[BASE, UNIQUEID], [BASE, USERFIELD, NEW]], ids=["17", "20"])
def test_17_and_20_columns_are_refused_until_the_policy_says_what_the_17th_is(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(ContractError, match='set column17 = "uniqueid" or "userfield"'):
        read(row(*parts))


@pytest.mark.parametrize(
    ("disposition", "status", "cause"),
    [("NO ANSWER", 480, 19), ("BUSY", 486, 17), ("CONGESTION", 503, 34), ("FAILED", 503, 41), ("UNKNOWN", None, None)],
)
def test_an_unanswered_call_has_no_answer_time_and_the_status_of_its_disposition(
    disposition: str, status: int | None, cause: int | None
) -> None:
    call = read(row(BASE | {"answer": None, "billsec": 0, "disposition": disposition}))
    assert (call.answered_at, call.status, call.cause) == (None, status, cause)


@pytest.mark.parametrize(
    ("change", "direction", "aor", "callee_aor"),
    [
        ({}, "outbound", "alice@pbx.example", None),
        ({"channel": "SIP/Bob-Desk-0000002a"}, "outbound", "bob-desk@pbx.example", None),
        ({"dst": "1001"}, "internal", "alice@pbx.example", "1001@pbx.example"),
        ({"dstchannel": "PJSIP/bob-desk-0000002b", "dst": "20"}, "internal", "alice@pbx.example", "bob-desk@pbx.example"),
        (
            {"channel": "PJSIP/carrier-0000000a", "dstchannel": "PJSIP/alice-0000002b"},
            "inbound",
            "carrier@pbx.example",
            "alice@pbx.example",
        ),
        (
            {"channel": "DAHDI/1-1", "dstchannel": "PJSIP/alice-0000002b", "src": "+33261910077"},
            "inbound",
            "+33261910077@anonymous.invalid",
            "alice@pbx.example",
        ),
        ({"channel": "Local/5@out-0000002a;1", "accountcode": "trunk-acme"}, "outbound", "trunk-acme@pbx.example", None),
        ({"channel": "IAX2/x-1", "accountcode": "Alice@PBX.example"}, "outbound", "alice@pbx.example", None),
        ({"channel": "PJSIP/alice-0000002a<ZOMBIE>"}, "outbound", "alice@pbx.example", None),
    ],
)
def test_the_endpoint_of_the_channel_else_the_account_says_whose_call_it_is(
    change: dict[str, str], direction: str, aor: str, callee_aor: str | None
) -> None:
    call = read(row(BASE | change))
    assert (call.direction, call.aor, call.callee_aor) == (direction, aor, callee_aor)


def test_a_call_of_nobody_is_refused() -> None:
    with pytest.raises(ContractError, match="whose call is it"):
        read(row(BASE | {"channel": "DAHDI/1-1"}))


def test_stamps_of_usegmtime_are_read_with_zone_utc() -> None:
    assert read(row(BASE), zone="UTC").started_at == utc("2026-07-01 10:00:00")


@pytest.mark.parametrize(
    ("start", "answer", "end", "duration", "billsec", "expected"),
    [
        # 25 October 2026, 03:00 CEST is 02:00 CET again.
        ("02:50:00", "02:50:10", "03:05:00", 900, 890, ("01:50:00", "01:50:10", "02:05:00")),
        ("02:50:00", "02:50:10", "03:05:00", 4500, 4490, ("00:50:00", "00:50:10", "02:05:00")),
        ("01:50:00", "01:50:10", "02:10:00", 1200, 1190, ("23:50:00", "23:50:10", "00:10:00")),
        ("01:50:00", "02:10:00", "02:20:00", 5400, 600, ("23:50:00", "01:10:00", "01:20:00")),
        ("02:50:00", None, "02:10:00", 1200, 0, ("00:50:00", None, "01:10:00")),
        # Wholly inside the hour: either would do, the earlier is taken.
        ("02:10:00", None, "02:20:00", 600, 0, ("00:10:00", None, "00:20:00")),
    ],
)
def test_the_duration_says_which_of_the_two_hours_an_autumn_stamp_means(
    start: str, answer: str | None, end: str, duration: int, billsec: int, expected: tuple[str, str | None, str]
) -> None:
    day = "2026-10-25 "
    stamps = {"start": day + start, "answer": answer and day + answer, "end": day + end, "duration": duration, "billsec": billsec}
    call = read(row(BASE | stamps))
    at = [utc(("2026-10-24 " if text.startswith("23") else day) + text) if text else None for text in expected]
    assert [call.started_at, call.answered_at, call.ended_at] == at


def test_rows_of_one_forked_call_are_legs_of_one_call_with_ids_of_their_own() -> None:
    first, second = (read(row(BASE | {"dstchannel": f"PJSIP/carrier-0000002{leg}"}, UNIQUEID, USERFIELD)) for leg in "bc")
    assert first.call_id == second.call_id
    assert first.leg_id != second.leg_id
    assert first.id != second.id


def test_a_row_read_twice_has_the_same_id_and_another_row_another() -> None:
    once = read(row(BASE))
    assert read(row(BASE).rstrip(b"\n") + b"\r\n").id == once.id
    assert read(row(BASE | {"end": "2026-07-01 10:01:21"})).id != once.id
    assert len(once.id) <= 128


def test_quotes_commas_and_other_alphabets_in_a_caller_id_stay_in_their_field() -> None:
    call = read(row(BASE | {"clid": '"Zoé, ""la"" 2e" <alice>', "src": 'a","b', "lastdata": "x\ny"}))
    assert (call.caller, call.callee) == ('a","b', "0145678901")


def test_a_call_that_our_gate_refused_says_by_which_decision() -> None:
    refused = read(row(BASE, UNIQUEID, {"userfield": "vigie-refused:de-1"}))
    assert (refused.refused_by, read(row(BASE, UNIQUEID, USERFIELD)).refused_by) == ("de-1", None)


def test_the_checked_in_file_is_read_whole() -> None:
    calls = [read(line) for line in FIXTURE.read_bytes().splitlines()]
    assert [call.direction for call in calls] == ["outbound", "internal", "inbound", "outbound", "outbound"]
    assert [call.cause for call in calls] == [16, 19, 16, 17, 34]
    assert len({call.id for call in calls}) == len(calls)


def test_columns_of_a_file_written_by_cdr_custom_are_named_in_the_policy() -> None:
    columns = ["start", "answer", "end", "channel", "dst", "disposition", "uniqueid"]
    record = b'"2026-07-01 10:00:00","","2026-07-01 10:00:20","PJSIP/alice-2a","0145678901","NO ANSWER","17.5"'
    call = read(record, columns=columns)
    assert (call.aor, call.call_id, call.answered_at) == ("alice@pbx.example", "17.5", None)
    assert call.ended_at == utc("2026-07-01 08:00:20")


@given(st.one_of(st.binary(), st.lists(st.text(), min_size=14, max_size=22).map(lambda fields: written(fields))))
def test_any_bytes_give_one_call_or_one_reason(record: bytes) -> None:
    assert judged(record, column17="uniqueid")


@given(st.dictionaries(st.sampled_from(list(BASE)), st.text(), max_size=4))
def test_any_text_in_any_column_gives_a_call_of_the_contracts_or_one_reason(change: dict[str, str]) -> None:
    found = judged(row(BASE | change))
    assert judged(row(BASE | change)) == found
    assert isinstance(found, str) or WIRE.decode(to_line(found)).id == found.id


def written(fields: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerow(fields)
    return out.getvalue().encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b'"a,b', "not a CSV row"),
        (b"a,b,c", "3 columns; a row of this source has 16, 18, 19, 21"),
        (row(BASE | {"disposition": "ANSWER"}), "disposition"),
        (row(BASE | {"start": "01/07/2026 10:00"}), "start: expected YYYY-MM-DD HH:MM:SS"),
        (row(BASE | {"end": "2026-02-30 10:00:00"}), "end: 2026-02-30 10:00:00 is no date"),
        (row(BASE | {"start": "1970-01-01 01:00:00"}), "before the year 2000"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(record: bytes, reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        read(record)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"domain": "pbx.example"}, "zone: missing"),
        ({"zone": "Europe/Paris"}, "domain: missing"),
        (PARIS | {"zone": "Paris"}, "zone: 'Paris' is no time zone"),
        (PARIS | {"zone": "../Paris"}, "is no time zone"),
        (PARIS | {"column17": "linkedid"}, 'column17: expected "uniqueid" or "userfield"'),
        (PARIS | {"colum17": "uniqueid"}, "colum17: unknown here"),
        (PARIS | {"columns": ["start"]}, "columns: 'dst' is missing"),
        (PARIS | {"columns": ["begin"]}, "columns: 'begin' is unknown"),
        (PARIS | {"columns": "start,end"}, "expected a list"),
    ],
)
def test_the_policy_table_is_checked_key_by_key(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(PolicyError, match=r"\[sources\.office\] .*" + reason):
        build({"format": "asterisk-csv", **table}, "office", OURS.__contains__)


def test_a_cdr_source_says_that_it_shows_neither_addresses_nor_devices() -> None:
    assert dict(adapter().coverage) == {"location": "none", "devices": "none", "calls": "full"}
