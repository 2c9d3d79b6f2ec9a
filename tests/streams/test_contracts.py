from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streams.aor import canonical_aor
from streams.contracts import INPUTS, OUTPUTS
from streams.phone_text import phone_text
from streams.times import format_time, parse_time
from streams.wire_types import EVENT_CLASSES, STAMPS
from support.strategies import EDGE_TIMES, INSTANTS

RECEIPT = {
    "kind": "receipt", "v": 1, "decision_id": "de-1", "epoch": 1, "sequence": 1, "pbx": "kam1", "status": "applied",
    "applied_at": "2026-11-24T10:15:00.000Z", "calls_ended": 0, "contacts_removed": 1, "detail": "",
}  # fmt: skip


def test_every_event_of_the_core_has_a_model_with_the_same_fields() -> None:
    for event in EVENT_CLASSES:
        kind = event.__struct_config__.tag
        assert isinstance(kind, str)
        names = {field.encode_name for field in msgspec.structs.fields(event) if field.name not in STAMPS} | {"kind"}
        assert names == {field.alias or name for name, field in INPUTS[kind].model_fields.items()}, kind


def test_no_kind_is_both_an_input_and_an_output() -> None:
    assert not INPUTS.keys() & OUTPUTS.keys()


def test_a_receipt_and_a_heartbeat_of_a_bridge_are_strict_outputs() -> None:
    OUTPUTS["receipt"].model_validate(RECEIPT)
    for wrong in ({"status": "done"}, {"applied_at": "2026-11-24T10:15:00+01:00"}, {"sequence": 0}, {"extra": 1}):
        with pytest.raises(ValidationError):
            OUTPUTS["receipt"].model_validate({**RECEIPT, **wrong})


def test_a_bridge_command_names_its_pbx_and_one_of_three_actions() -> None:
    record = {"kind": "bridge", "id": "b", "time": "2026-11-24T10:15:00Z", "pbx": "kam1", "action": "pause"}
    INPUTS["bridge"].model_validate(record)
    for wrong in ({"action": "stop"}, {"pbx": None}):
        with pytest.raises(ValidationError):
            INPUTS["bridge"].model_validate({**record, **wrong})


# --- times ---------------------------------------------------------------------------------------------------------------------


@given(INSTANTS)
def test_a_time_that_was_written_is_read_as_the_same_millisecond(ms: int) -> None:
    assert parse_time(format_time(ms)) == ms


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-01T00:00:00.1239999Z", "2026-01-01T00:00:00.123Z"),
        ("2026-01-01T01:00:00.5+01:00", "2026-01-01T00:00:00.500Z"),
        ("2026-01-01 00:00:00z", "2026-01-01T00:00:00.000Z"),
        ("2026-06-30T23:59:60.7Z", "2026-06-30T23:59:59.999Z"),
        ("2026-07-01T01:59:60+02:00", "2026-06-30T23:59:59.999Z"),
        ("2028-02-29T00:00:00-00:00", "2028-02-29T00:00:00.000Z"),
        ("1999-12-31T23:30:00-01:00", "2000-01-01T00:30:00.000Z"),
    ],
)
def test_a_time_is_truncated_to_milliseconds_in_utc(text: str, same: str) -> None:
    assert format_time(parse_time(text)) == same
    assert format_time(parse_time(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00",
        "2026-06-30T12:59:60Z",
        "2026-02-29T00:00:00Z",
        "2000-01-01T00:30:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-01-01T00:00:00Z ",
        "2026-01-01T00:00:00+0100",
        "٢٠٢٦-01-01T00:00:00Z",
    ],
)
def test_what_is_no_time_between_2000_and_9999_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|range|day|second"):
        parse_time(text)


@given(st.sampled_from(EDGE_TIMES) | st.text(max_size=30), INSTANTS)
def test_what_was_read_before_does_not_change_what_is_read_now(text: str, ms: int) -> None:
    def read() -> int | str:
        try:
            return parse_time(text)
        except ValueError as error:
            return str(error)

    before = read()
    parse_time(format_time(ms))
    assert read() == before


# --- addresses and phones' texts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("sip:Alice@PBX.example:5060;transport=udp", "alice@pbx.example"),
        ("sips:alice:secret@pbx.example?subject=x", "alice@pbx.example"),
        ('"Alice, A." <sip:alice@pbx.example>;expires=60', "alice@pbx.example"),
        ("tel:+33612345678;phone-context=x", "+33612345678"),
        ("sip:trunk.example:5080", "trunk.example"),
        ("alice@[2001:DB8::1]:5060", "alice@[2001:db8::1]"),
        ("alice@pbx.example.", "alice@pbx.example"),
        ("sip:", ""),
    ],
)
def test_an_aor_has_one_form(text: str, canonical: str) -> None:
    assert canonical_aor(text) == canonical


@given(st.text(max_size=40) | st.text(alphabet='sip:tel<>@;?. "[]aA', max_size=30))
def test_a_canonical_aor_stays_as_it_is(text: str) -> None:
    assert canonical_aor(canonical_aor(text)) == canonical_aor(text)


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=300))
def test_a_harmless_text_is_short_and_stays_as_it_is(text: str) -> None:
    harmless, done = phone_text(text)
    assert len(harmless) <= 256
    harmless.encode()
    assert (harmless == text) == (done == "")
    assert phone_text(harmless) == (harmless, "")


def test_a_text_that_turns_a_line_round_on_the_screen_is_cleaned() -> None:
    harmless, done = phone_text("Phone\u202e1.0")
    assert done == "cleaned"
    assert harmless.startswith("Phone\ufffd1.0~")
