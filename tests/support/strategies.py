"""Hypothesis strategies for what travels on the wire: every input kind, good and bad, events, and every output."""

from __future__ import annotations

from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from detectors import outputs
from detectors.events import Dest, Event, Loc
from streams.contracts import INPUTS
from streams.contracts.verdict import EVENT_KINDS
from streams.times import format_time
from streams.wire import Wire

WIRE = Wire()
INSTANTS = st.integers(min_value=946_684_800_000, max_value=4_102_444_800_000)
TIMES = st.builds(
    lambda ms, zone: format_time(ms)[:-1] + zone if ms > 1_000_000_000_000 else format_time(ms),
    INSTANTS,
    st.sampled_from(["Z", "Z", "z", "+01:00", "-09:30", "456Z"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
EDGE_TIMES = [
    "2026-01-01 00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01T24:00:00Z", "2026-06-30T23:59:60Z", "2026-06-30T23:58:60Z",
    "2026-07-01T01:59:60+02:00", "2026-01-01T00:00:00", "2026-01-01T00:00:00.", "2026-01-01T00:00:00.1Z", "1999-12-31T23:59:59.999Z",
    "2026-01-01T00:00:00.123456789123Z", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00-00:00",
    "2026-01-01T00:00Z", "2026-1-1T00:00:00Z", "2026-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "9999-12-31T23:59:59-01:00",
    "2000-01-01T00:30:00+01:00", "1999-12-31T23:30:00-01:00", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00,5Z", "20260101T000000Z", "2026-W01-1T00:00:00Z", "٢٠٢٦-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n",
    "0001-01-01T00:00:00+23:59",
]  # fmt: skip
ODD = st.one_of(
    st.sampled_from(EDGE_TIMES),
    st.sampled_from([None, True, False, 0, 1, -1, 5.0, 1.5, -0.0, 2**31, 2**63 - 1, 2**63, 2**64, 10**30, 1e300, "", " ", "5", "true"]),
    st.sampled_from(
        ["x" * 128, "x" * 129, "é" * 128, "x" * 300, [], {}, [None], [5], [[]], {"a": 5}, [{"id": "s"}], [{"id": 5}], ["a", 5]]
    ),
    JSON,
)


def _of_schema(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _of_schema(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema and "properties" not in schema:
        return st.one_of([_of_schema(option, definitions) for option in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", 0), min(schema.get("maximum", 2**63 - 1), 2**63 - 1))
        case "number":
            if "minimum" in schema:
                return st.floats(schema["minimum"], schema["maximum"])
            return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5)
        case "array":
            return st.lists(_of_schema(schema["items"], definitions), max_size=3)
        case "object" if "properties" in schema:
            return _object(schema, definitions)
        case "object":
            values = schema.get("additionalProperties")
            return st.dictionaries(st.text(max_size=6), _of_schema(values, definitions) if isinstance(values, dict) else JSON, max_size=3)
        case "string" if schema.get("format") == "date-time":
            return TIMES
        case "string" if schema.get("format") == "date":
            return st.dates().map(str)
        case "string" if "time zone" in schema.get("description", ""):
            return st.sampled_from(["Europe/Paris", "Indian/Reunion", "America/St_Johns", "UTC"])
        case "string" | ["string", "null"]:
            return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 12), 12))
        case _:
            return JSON


def _object(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    required = set(schema.get("required", ()))
    fields = {name: _of_schema(field, definitions) for name, field in schema["properties"].items()}
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )


def _completed(record: dict[str, Any]) -> dict[str, Any]:
    """Supply what a schema cannot say: whose the line is, and an exemption that ends after its start."""
    if record["kind"] in ("registration", "call", "message"):
        record["aor"] = f"sip:a{record.get('aor') or ''}@pbx.example"
    if record["kind"] == "exemption":
        record["from"], record["to"] = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00+01:00"
    return record


def good_objects(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of one input kind that the contracts accept."""
    schema = INPUTS[kind].model_json_schema(by_alias=True)
    return _object(schema, schema.get("$defs", {})).map(_completed)


def any_good_object() -> st.SearchStrategy[dict[str, Any]]:
    """Objects that are events, of any kind."""
    return st.sampled_from(EVENT_KINDS).flatmap(good_objects)


@st.composite
def mutated_objects(draw: st.DrawFn) -> dict[str, Any]:
    """Objects of any input kind with one to three fields removed, replaced by something odd, or added; few are still good."""
    record = dict(draw(st.sampled_from([*INPUTS]).flatmap(good_objects)))
    names = sorted(INPUTS[record["kind"]].model_fields)
    names = ["from" if name == "from_" else name for name in names]
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([*names, "unknown", "loc", "src", "line", "flags"]))
        if draw(st.integers(0, 4)) == 0:
            record.pop(name, None)
        else:
            record[name] = draw(ODD)
    return record


def decoded_events() -> st.SearchStrategy[Event]:
    """Events as ingest gets them from the wire, without stamps."""
    return any_good_object().map(WIRE.decode_object)


LOCS = st.builds(
    Loc,
    country=st.sampled_from(["", "FR", "CH", "RE"]),
    cls=st.sampled_from(["access", "mobile", "hosting", "unknown"]),
    built=st.sampled_from(["", "2026-06-01"]),
    agree=st.booleans(),
    network=st.sampled_from(["", "192.0.2.0/24"]),
)
DESTS = st.builds(Dest, e164=st.just("+33612345678"), cls=st.sampled_from(["mobile", "fixed"]), rate=st.integers(0, 10**6))


@st.composite
def stamped_events(draw: st.DrawFn) -> Event:
    """Events with everything that ingest adds."""
    event = draw(decoded_events())
    event.src, event.line, event.late_ms = draw(st.text(max_size=8)), draw(st.integers(0, 10**9)), draw(st.integers(0, 10**7))
    for name, stamp in (("loc", LOCS), ("answered_loc", LOCS), ("dest", DESTS)):
        if name in event.__struct_fields__:
            setattr(event, name, draw(st.none() | stamp))
    return event


_INSTANT_FIELDS = {"from_", "to", "closed_at", "crossed_at", "issued_at", "time", "review_by", "until", "since"}


def _of_type(hint: Any, name: str) -> st.SearchStrategy[Any]:
    if name in _INSTANT_FIELDS and hint is int:
        return INSTANTS
    if hint is int:
        return st.integers(1, 2**53)
    if hint is str:
        return st.dates().map(str) if name == "day" else st.text(max_size=12)
    if hint is float:
        return st.floats(0, 1) if name == "score" else st.floats(allow_nan=False, allow_infinity=False)
    if hint is type(None):
        return st.none()
    if get_origin(hint) is Literal:
        return st.sampled_from(get_args(hint))
    if get_origin(hint) is tuple:
        items = RESTRICTIONS if name in ("restrictions",) else _of_type(get_args(hint)[0], name)
        return st.lists(items, max_size=3).map(tuple)
    if get_origin(hint) is dict:
        return st.dictionaries(st.text(max_size=6), JSON, max_size=3)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _of_struct(hint)
    if get_origin(hint) is Union or type(hint).__name__ == "UnionType":
        return st.one_of([_of_type(option, name) for option in get_args(hint)])
    raise AssertionError(f"no strategy for {hint}")


RESTRICTIONS = st.sampled_from(["international", "paid", "outgoing", "prefixes", "credentials"])


def _of_struct(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    hints = {name: hint for name, hint in get_type_hints(cls).items() if name in cls.__struct_fields__ and name != "v"}
    return st.fixed_dictionaries({name: _of_type(hint, name) for name, hint in hints.items()}).map(lambda fields: cls(**fields))


def any_output() -> st.SearchStrategy[outputs.Output]:
    """Outputs of the core, of any kind."""
    return st.one_of([_of_struct(cls) for cls in get_args(outputs.Output)])
