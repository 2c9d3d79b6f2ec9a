"""What the core says, as the bytes that are published: keys in schema order, no spaces, times in UTC with milliseconds and ``Z``.

The same bytes go to files and to topics; a run is compared with another by these bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from detectors import outputs
from detectors.outputs import Output
from streams.times import format_time

#: Fields whose integer is an instant; all other integers are counts, seconds or cents.
_TIMES = frozenset({"from_", "to", "closed_at", "crossed_at", "issued_at", "time", "review_by", "until", "since"})
_STRUCTS: tuple[type[msgspec.Struct], ...] = (
    outputs.Window, outputs.Evidence, outputs.Coverage, outputs.Alert, outputs.Cause, outputs.Suspension, outputs.Metering,
    outputs.Breaker, outputs.Features, outputs.DeadLetter,
)  # fmt: skip

_write_json = msgspec.json.Encoder().encode


def encode_output(output: Output) -> bytes:
    """One output as one line of JSON, without its line end.

    >>> encode_output(outputs.Breaker(tenant="acme", state="open", count=6, limit=5, since=1795511707250)).decode()
    '{"kind":"breaker","v":1,"tenant":"acme","state":"open","count":6,"limit":5,"since":"2026-11-24T09:15:07.250Z"}'
    """
    return _write_json({"kind": output.__struct_config__.tag, **_plain(output)})


def _time(value: int | None) -> str | None:
    return None if value is None else format_time(value)


def _same(value: Any) -> Any:
    return value


def _nested(value: Any) -> Any:
    return [_nested(item) for item in value] if isinstance(value, tuple) else _plain(value) if type(value) in _FIELDS else value


def _plain(struct: msgspec.Struct) -> dict[str, Any]:
    return {name: write(getattr(struct, attribute)) for attribute, name, write in _FIELDS[type(struct)]}


def _writer(attribute: str) -> Callable[[Any], Any]:
    if attribute in _TIMES:
        return _time
    return _nested if attribute in _NESTED else _same


#: ``facts`` is plain JSON that the rule made, and is written as it is.
_NESTED = frozenset({"window", "evidence", "coverage", "causes"})
_FIELDS: dict[type[msgspec.Struct], list[tuple[str, str, Callable[[Any], Any]]]] = {
    cls: [(field.name, field.encode_name, _writer(field.name)) for field in msgspec.structs.fields(cls)] for cls in _STRUCTS
}
