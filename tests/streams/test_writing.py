from __future__ import annotations

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from pydantic import ValidationError

from detectors import outputs
from detectors.outputs import Alert, Cause, Coverage, DeadLetter, Evidence, Output, Suspension, Window
from streams.contracts import OUTPUTS
from streams.writing import encode_output
from support.strategies import any_output

SUSPENSION = Suspension(
    epoch=1, sequence=3, decision_id="de-1", state="active", tenant="acme", licence="101", aors=("alice@pbx.example",),
    restrictions=("outgoing",),
    causes=(
        Cause(
            alert_id="al-1", rule="abroad-stay", clause="5.d", restrictions=("outgoing",), mode="auto", decided_by="policy",
            measured=61, limit=60, review_by=1_772_409_600_000,
        ),
    ),
    home_prefixes=("+33",), customer_code="VG-1", issued_at=1_772_406_000_001, policy_version="p1",
)  # fmt: skip


@given(any_output())
def test_every_output_validates_against_its_model(output: Output) -> None:
    line = encode_output(output)
    assert b"\n" not in line
    OUTPUTS[json.loads(line)["kind"]].model_validate_json(line)


@given(any_output())
def test_keys_are_in_the_order_of_the_schema(output: Output) -> None:
    record = json.loads(encode_output(output))
    fields = OUTPUTS[record["kind"]].model_fields
    assert list(record) == [field.alias or name for name, field in fields.items()]


def test_a_suspension_is_written_byte_for_byte_like_this() -> None:
    assert encode_output(SUSPENSION).decode() == (
        '{"kind":"suspension","v":1,"epoch":1,"sequence":3,"decision_id":"de-1","state":"active","tenant":"acme","licence":"101",'
        '"aors":["alice@pbx.example"],"aors_removed":[],"restrictions":["outgoing"],"prefixes":[],"emergency_allowed":true,'
        '"causes":[{"alert_id":"al-1","rule":"abroad-stay","clause":"5.d","restrictions":["outgoing"],"mode":"auto",'
        '"decided_by":"policy","measured":61,"limit":60,"review_by":"2026-03-02T00:00:00.000Z","until":null,"prefixes":[]}],'
        '"home_prefixes":["+33"],"allowed_numbers":[],"customer_code":"VG-1","issued_at":"2026-03-01T23:00:00.001Z",'
        '"policy_version":"p1"}'
    )


def test_an_alert_is_written_byte_for_byte_like_this() -> None:
    alert = Alert(
        alert_id="al-1", state="open", update=1, rule="autodial", clause="9.e", level="notice", tenant="acme", licence=None,
        mode="review", measured=75, limit=75, unit="attempts", window=Window(from_=1_772_319_600_000, to=1_772_406_000_000),
        crossed_at=1_772_406_000_000, issued_at=1_772_406_000_000, summary="75 attempts", facts={"from": 5, "to": None},
        evidence=(Evidence(time=1_772_406_000_000, kind="call", country="FR", number="+3361234****", src="a.jsonl", line=7),),
        coverage=Coverage(location="none", notes=("CDR only",)),
    )  # fmt: skip
    assert encode_output(alert).decode() == (
        '{"kind":"alert","v":1,"alert_id":"al-1","state":"open","update":1,"rule":"autodial","clause":"9.e","level":"notice",'
        '"propensity":null,"tenant":"acme","licence":null,"mode":"review","origin":"live","measured":75,"limit":75,'
        '"unit":"attempts","window":{"from":"2026-02-28T23:00:00.000Z","to":"2026-03-01T23:00:00.000Z"},'
        '"crossed_at":"2026-03-01T23:00:00.000Z","issued_at":"2026-03-01T23:00:00.000Z","summary":"75 attempts",'
        '"facts":{"from":5,"to":null},"evidence":[{"time":"2026-03-01T23:00:00.000Z","kind":"call","country":"FR","network":"",'
        '"number":"+3361234****","src":"a.jsonl","line":7,"hash":""}],"evidence_more":0,"against":[],'
        '"coverage":{"location":"none","devices":"full","calls":"full","notes":["CDR only"]},"supersedes":[],'
        '"money_at_risk_cents":0,"money_if_wrong_cents":0,"score":null,"policy_version":"","model_version":null}'
    )


def test_a_dead_letter_keeps_its_reason_and_coordinates() -> None:
    letter = DeadLetter(src="a.jsonl", line=7, error="not_json", message="not JSON", raw="{")
    assert encode_output(letter) == (
        b'{"kind":"dead_letter","v":1,"src":"a.jsonl","line":7,"error":"not_json","message":"not JSON","raw":"{"}'
    )


def test_a_suspension_that_stops_emergency_calls_cannot_be_represented() -> None:
    record = json.loads(encode_output(SUSPENSION))
    for value in (False, None, 0, "true"):
        with pytest.raises(ValidationError):
            OUTPUTS["suspension"].model_validate({**record, "emergency_allowed": value})


def test_an_output_has_no_field_more_than_its_model() -> None:
    record = json.loads(encode_output(SUSPENSION))
    with pytest.raises(ValidationError):
        OUTPUTS["suspension"].model_validate({**record, "extra": 1})


def test_every_output_of_the_core_has_a_model_with_the_same_fields() -> None:
    for struct in get_args(outputs.Output):
        kind = struct.__struct_config__.tag
        names = {field.encode_name for field in msgspec.structs.fields(struct)} | {"kind"}
        assert names == {field.alias or name for name, field in OUTPUTS[kind].model_fields.items()}
