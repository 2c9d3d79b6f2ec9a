"""The structs that lines are decoded into: those of ``detectors.events``, with the types of the wire.

Each is made from its event class by redefining fields in a subclass (a time is text, an id has 1 to 128 characters, what a phone
controls may be any scalar). msgspec keeps order and layout of the fields, so a decoded object becomes an event by changing its
values and its class in place; building a second struct would double the cost of a line.

Stamps (location, digests, coordinates: what ingest adds) must not be taken from producers, and their names (``line``, ``src``)
must stay free for producers' own fields, which are ignored. So on the wire a stamp has a name that no line can carry, because
it is longer than the longest line. A recorded log keeps the true names.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from detectors import events
from streams.contracts.types import ID_MAX, INT_MAX, VERSION

#: An object over 64 KiB is refused before it is parsed (contracts: bad input).
LINE_MAX = 65_536
#: A recorded line is an accepted line and its stamps.
RECORDED_MAX = 2 * LINE_MAX

STAMPS = ("src", "line", "key", "digest", "late_ms", "flags", "loc", "answered_loc", "dest")
TIMES = ("time", "until", "started_at", "answered_at", "ended_at", "effective_from", "from_", "to")
#: Null and absent are the same: the core's value for both is the empty text.
NULLABLE = ("pbx", "tenant", "licence", "aor", "leg_id")
#: Text the phone chooses alone.
PHONE = (
    "device", "contact", "user_agent", "access_network", "call_id", "caller", "presented",
    "answered_device", "answered_contact", "answered_user_agent",
)  # fmt: skip
#: Text the phone has a part in: made harmless too, but its type is the producer's doing.
DIALLED = ("aor", "leg_id", "linked_id", "callee", "callee_e164", "callee_aor")

EVENT_CLASSES: tuple[type[events.Event], ...] = get_args(events.AnyEvent)

_HIDDEN = {name: name + " " * RECORDED_MAX for name in STAMPS}
_COUNT = Annotated[int, msgspec.Meta(ge=0, le=INT_MAX)]
_POSITIVE = Annotated[int, msgspec.Meta(ge=1, le=INT_MAX)]
_ID = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_MAX)]
_NAME = Annotated[str, msgspec.Meta(min_length=1)]
_SCALAR = str | int | float | bool
_RANGED: dict[str, Any] = {
    "v": Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)],
    "billing_day": Annotated[int, msgspec.Meta(ge=1, le=31)],
    "source_port": Annotated[int, msgspec.Meta(ge=0, le=65_535)] | None,
    "channels": _POSITIVE,
    "calling_code": _POSITIVE,
    "count": _POSITIVE,
    "second_review_id": _ID | None,
}
_IDS = ("id", "exemption_id", "review_id", "alert_id")
_REQUIRED: dict[type[events.Event], tuple[str, ...]] = {
    events.Tenant: ("tenant",),
    events.Licence: ("tenant", "licence"),
    events.Exemption: ("tenant",),
    events.Review: ("tenant",),
    events.Score: ("tenant", "licence"),
    events.Erase: ("tenant",),
}


def wire_types(recorded: bool) -> dict[type[msgspec.Struct], type[events.Event]]:
    """Wire struct to event class, for every kind of event.

    Args:
        recorded: whether stamps are read (lines of an exported log) or can only be absent (lines of producers).
    """
    return {_wire_type(event, recorded): event for event in EVENT_CLASSES}


def _wire_type(event: type[events.Event], recorded: bool) -> type[msgspec.Struct]:
    hints = get_type_hints(event, include_extras=True)
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(event):
        kind, required = _wire_field(event, field.name, hints[field.name])
        name = _HIDDEN[field.name] if field.name in STAMPS and not recorded else field.encode_name
        if kind == hints[field.name] and name == field.encode_name and not required:
            continue
        default: dict[str, Any] = {}
        if not required and field.default_factory is not msgspec.NODEFAULT:
            default = {"default_factory": field.default_factory}
        elif not required and field.default is not msgspec.NODEFAULT:
            default = {"default": field.default}
        fields.append((field.name, kind, msgspec.field(name=name, **default)))
    tag = event.__struct_config__.tag
    return msgspec.defstruct(f"Wire{event.__name__}", fields, bases=(event,), tag_field="kind", tag=tag, kw_only=True, omit_defaults=True)


def _wire_field(event: type[events.Event], name: str, hint: Any) -> tuple[Any, bool]:
    """Type on the wire, and whether the contract requires what the struct could default."""
    if name in STAMPS:
        return hint, False
    if name in TIMES:
        return (str if hint is int else str | None), name == "time"
    if name in _IDS:
        if event is events.Tick:
            return Annotated[str, msgspec.Meta(max_length=ID_MAX)], False
        return _ID, name == "id"
    if name in _REQUIRED.get(event, ()):
        return _NAME, True
    if name in _RANGED:
        return _RANGED[name], False
    if name in NULLABLE:
        return str | None, False
    if name in PHONE:
        return (_SCALAR if hint is str else _SCALAR | None), False
    if event is events.Score and name == "day":
        return str, True
    return _bounded(hint), False


def _bounded(hint: Any) -> Any:
    """The same type with every integer in it a count of at most 63 bits."""
    if hint is int:
        return _COUNT
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(_bounded(part) if part is not NoneType else None for part in get_args(hint))]  # noqa: UP007
    if get_origin(hint) is tuple and get_args(hint)[0] is int:
        return tuple[_COUNT, ...]
    return hint
