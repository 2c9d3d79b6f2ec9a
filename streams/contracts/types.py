"""Field types of the contracts, with the checks that both readers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from streams.times import check_day, check_zone, parse_time

VERSION = 1
#: Frames and state carry integers of 64 bits.
INT_MAX = 2**63 - 1
ID_MAX = 128
#: Nesting of free-form values (policy bodies, reference data); a real policy has three levels.
DEPTH_MAX = 64


def _checked(check: Callable[[str], object]) -> AfterValidator:
    def validate(text: str) -> str:
        check(text)
        return text

    return AfterValidator(validate)


def check_tree(value: object) -> object:
    """A free-form JSON value whose integers fit 64 bits and whose nesting has an end, unchanged.

    Raises:
        ValueError: an integer beyond -2**63 … 2**63 - 1, or more than 64 levels.
    """
    level: list[object] = [value]
    for _ in range(DEPTH_MAX):
        deeper: list[object] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
            elif isinstance(item, int) and not -INT_MAX - 1 <= item <= INT_MAX:
                raise ValueError("an integer has at most 64 bits")
        if not deeper:
            return value
        level = deeper
    raise ValueError(f"nested more than {DEPTH_MAX} levels deep")


def _scalar(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError("a text, not an object or an array")


def _scalar_given(value: object) -> object:
    if value is None:
        raise ValueError("missing")
    return _scalar(value)


_LENIENT = (
    "Controlled by the phone: never a reason to refuse. Longer than 256 characters it is cut, control characters are replaced, "
    "a digest is appended and the event is flagged; an unquoted number or boolean is taken as text."
)

Id = Annotated[str, Field(min_length=1, max_length=ID_MAX)]
Name = Annotated[str, Field(min_length=1)]
Time = Annotated[
    str,
    _checked(parse_time),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "RFC 3339 with an offset, year 2000 or later."}),
]
Day = Annotated[str, _checked(check_day), WithJsonSchema({"type": "string", "format": "date"})]
Zone = Annotated[
    str,
    _checked(check_zone),
    WithJsonSchema({"type": "string", "description": "Name of a time zone in the IANA database.", "examples": ["Europe/Paris"]}),
]
Count = Annotated[int, Field(ge=0, le=INT_MAX)]
Positive = Annotated[int, Field(ge=1, le=INT_MAX)]
Port = Annotated[int, Field(ge=0, le=65_535)]
MonthDay = Annotated[int, Field(ge=1, le=31)]
Version = Annotated[int, Field(ge=VERSION, le=VERSION)]
PhoneText = Annotated[Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "null"], "description": _LENIENT})]
PhoneId = Annotated[Any, AfterValidator(_scalar_given), WithJsonSchema({"type": "string", "description": _LENIENT})]
Tree = Annotated[dict[str, Any], AfterValidator(check_tree)]
AnyTree = Annotated[Any, AfterValidator(check_tree)]

Action = Literal["register", "refresh", "unregister", "expire", "failed", "refused"]
Phase = Literal["attempt", "answer", "end", "cdr"]
Direction = Literal["outbound", "inbound", "internal"]
Restriction = Literal["international", "paid", "outgoing", "prefixes", "credentials"]
Offer = Literal["unlimited", "metered"]

#: Times that vigie writes: UTC, milliseconds, ``Z``.
WrittenTime = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"), _checked(parse_time)]
WrittenDay = Day


class Input(BaseModel):
    """Base of what vigie reads: unknown fields are ignored, nothing is coerced."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, protected_namespaces=(), populate_by_name=False)


class Written(BaseModel):
    """Base of what vigie and its bridges write: no field more, no field else."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, protected_namespaces=(), populate_by_name=False)
