"""Lines of JSON to events, fast; and back.

One decoder call gives a struct or a refusal; then values are brought to their one form in place: times to milliseconds, AoRs to
canonical, phones' texts to harmless ones. Only a refused line is looked at twice: repaired where a phone could have broken it,
and else read by the pydantic models, which name the field. Both readers accept the same objects (a property test).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec
from xxhash import xxh3_64_intdigest

from detectors import events
from detectors.digest import digest64
from detectors.events import Event
from streams.aor import canonical_aor
from streams.contracts.types import check_tree
from streams.contracts.verdict import refusal
from streams.errors import ContractRefused
from streams.phone_text import LONGEST, phone_text
from streams.times import check_day, check_zone, format_time, parse_time
from streams.wire_types import DIALLED, EVENT_CLASSES, LINE_MAX, NULLABLE, PHONE, RECORDED_MAX, TIMES, wire_types

_ESCAPE = re.compile(rb"\\(?:u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_CONTROLS = dict.fromkeys(range(0x20), " ")
_UNPARSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_AORS: dict[str, str] = {}
_AORS_CACHED = 65_536

_read_any = msgspec.json.Decoder().decode
_write_json = msgspec.json.Encoder().encode
_write_msgpack = msgspec.msgpack.Encoder().encode


class Wire:
    """Reader of one input.

    Args:
        recorded: the input is an exported log, whose lines carry the stamps of ingest; a producer's are ignored.

    >>> line = b'{"kind":"tick","time":"2026-11-24T10:15:00Z"}'
    >>> Wire().decode(line).time
    1795515300000
    """

    def __init__(self, recorded: bool = False) -> None:
        types = wire_types(recorded)
        self._longest = RECORDED_MAX if recorded else LINE_MAX
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(_union(types)).decode
        self._finish: dict[type, Callable[[Any], Event]] = {wire: _finisher(event) for wire, event in types.items()}

    def decode(self, line: bytes) -> Event:
        """The event of a line.

        Raises:
            ContractRefused: the line is no event of the contracts; the message names the field and the reason.
        """
        if len(line) > self._longest:
            raise ContractRefused(f"an object has at most {self._longest} bytes, this one {len(line)}", "too_large")
        try:
            event = self._decode(line)
        except _UNPARSED as error:
            return self._second_look(line, error)
        return self._finish[event.__class__](event)

    def decode_object(self, record: Mapping[str, Any]) -> Event:
        """The event of an object that an adapter made; same rules, same refusals.

        Raises:
            ContractRefused: as for ``decode``, or a value that JSON does not have.
        """
        try:
            line = _write_json(record)
        except UnicodeEncodeError:
            line = json.dumps(record).encode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ContractRefused(f"not JSON: {error}", "not_json") from None
        return self.decode(line)

    def _second_look(self, line: bytes, error: Exception) -> Event:
        repaired = repair(line)
        if repaired != line:
            try:
                event = self._decode(repaired)
            except _UNPARSED:
                line = repaired
            else:
                return _flagged(self._finish[event.__class__](event), "bytes_replaced")
        try:
            record = _read_any(line)
        except RecursionError:
            raise ContractRefused("nested too deeply", "not_json") from None
        except _UNPARSED as reason:
            raise ContractRefused(f"not JSON: {reason}", "not_json") from None
        refused = refusal(record)
        if refused is not None:
            raise refused
        # A name that is there twice: RFC 8259 §4 leaves it open, here the last one counts, whatever the first one was.
        try:
            event = self._decode(_write_json(record))
        except _UNPARSED:
            raise ContractRefused(str(error)) from None
        return self._finish[event.__class__](event)


def _union(types: Mapping[type[msgspec.Struct], object]) -> Any:
    union: Any = None
    for wire in types:
        union = wire if union is None else union | wire
    return union


def repair(line: bytes) -> bytes:
    r"""The line with what no phone may break a line by made readable, or the line itself.

    Bytes that are not UTF-8 (a Latin-1 User-Agent logged as it came) and lone surrogates become U+FFFD and their hexadecimal
    digits, so that different texts stay different; bare control characters become spaces; a byte order mark goes.

    >>> repair(b'{"user_agent":"Mus\xe9e"}').decode()
    '{"user_agent":"Mus�e9e"}'
    """
    text = line.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    text = _NOT_UTF8.sub(lambda found: f"\ufffd{ord(found[0]) - 0xDC00:02x}", text).translate(_CONTROLS)
    return _ESCAPE.sub(_without_lone_surrogate, text.encode())


def _without_lone_surrogate(found: re.Match[bytes]) -> bytes:
    return b"\\ufffd" + found[1].lower() if found[1] else found[0]


# --- bringing a decoded struct to its one form ---------------------------------------------------------------------------------


def _finisher(event_class: type[Event]) -> Callable[[Any], Event]:
    names = event_class.__struct_fields__
    kind = event_class.__struct_config__.tag
    times = tuple(name for name in TIMES if name in names)
    texts = tuple(name for name in (*PHONE, *DIALLED) if name in names)
    nullable = tuple(name for name in NULLABLE if name in names)
    # One call fetches all: half the time of asking for each field by its name.
    times_of, texts_of, nullable_of = _getter(times), _getter(texts), _getter(nullable)
    usage, calls = "aor" in names, "callee_aor" in names
    special = _SPECIAL.get(event_class)

    def finish(event: Any) -> Event:
        for name, value in zip(times, times_of(event)):  # noqa: B905 - as below
            if value is not None:
                try:
                    setattr(event, name, parse_time(value))
                except ValueError as error:
                    raise ContractRefused(f"{kind}: {name.rstrip('_')}: {error}") from None
        if None in nullable_of(event):
            for name in nullable:
                if getattr(event, name) is None:
                    setattr(event, name, "")
        if usage:
            aor = event.aor
            event.aor = canonical = _AORS.get(aor) or _remember_aor(aor)
            if not canonical and not (event.tenant and event.licence):
                raise ContractRefused(f"{kind}: aor: needed, because tenant and licence are not both given")
            if calls and event.callee_aor:
                event.callee_aor = _AORS.get(event.callee_aor) or _remember_aor(event.callee_aor)
            for value in texts_of(event):
                if value is not None and not (value.__class__ is str and len(value) <= LONGEST and value.isprintable()):
                    for name in texts:
                        _make_harmless(event, name)
                    break
        elif special is not None:
            special(event)
        event.__class__ = event_class
        return event  # type: ignore[no-any-return]

    return finish


def _getter(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda event: tuple(getattr(event, name) for name in names)


def _remember_aor(aor: str) -> str:
    canonical = canonical_aor(aor)
    if len(aor) <= LONGEST:
        if len(_AORS) >= _AORS_CACHED:
            _AORS.clear()
        _AORS[aor] = canonical
    return canonical


def _make_harmless(event: Any, name: str) -> None:
    value = getattr(event, name)
    if value is None:
        return
    text, done = phone_text(value)
    setattr(event, name, text)
    if done:
        _flagged(event, f"{name}_{done}")


def _flagged(event: Any, flag: str) -> Event:
    if hasattr(event, "flags") and flag not in event.flags:
        event.flags = tuple(sorted((*event.flags, flag)))
    return event  # type: ignore[no-any-return]


def _tenant(event: events.Tenant) -> None:
    try:
        check_zone(event.time_zone)
    except ValueError as error:
        raise ContractRefused(f"tenant: time_zone: {error}") from None
    _tree("tenant: policy", event.policy)


def _licence(event: events.Licence) -> None:
    event.aors = tuple(dict.fromkeys(canonical_aor(aor) for aor in event.aors))


def _exemption(event: events.Exemption) -> None:
    if event.to <= event.from_:
        raise ContractRefused("exemption: to: must be later than from")


def _policy(event: events.PolicyEvent) -> None:
    _tree("policy: body", event.body)


def _reference(event: events.Reference) -> None:
    _tree("reference: body", event.body)


def _score(event: events.Score) -> None:
    try:
        check_day(event.day)
    except ValueError as error:
        raise ContractRefused(f"score: day: {error}") from None
    if not 0 <= event.score <= 1:
        raise ContractRefused("score: score: must lie between 0 and 1")


def _tree(field: str, value: object) -> None:
    try:
        check_tree(value)
    except ValueError as error:
        raise ContractRefused(f"{field}: {error}") from None


_SPECIAL: dict[type[Event], Callable[[Any], None]] = {
    events.Tenant: _tenant,
    events.Licence: _licence,
    events.Exemption: _exemption,
    events.PolicyEvent: _policy,
    events.Reference: _reference,
    events.Score: _score,
}

# --- and back ------------------------------------------------------------------------------------------------------------------

_TIME_NAMES: dict[str, tuple[str, ...]] = {
    str(cls.__struct_config__.tag): tuple(f.encode_name for f in msgspec.structs.fields(cls) if f.name in TIMES) for cls in EVENT_CLASSES
}


def to_line(event: Event) -> bytes:
    """The event as one line of JSON without its line end; stamps, where set, are written too (``Wire(recorded=True)`` reads them)."""
    record: dict[str, Any] = {"v": event.v, **msgspec.to_builtins(event)}
    for name in _TIME_NAMES[record["kind"]]:
        if name in record and record[name] is not None:
            record[name] = format_time(record[name])
    return _write_json(record)


def digest_event(event: Event) -> int:
    """64-bit digest of what an event says: everything but ``time``, ``source_port`` and the stamps.

    Two records of one id with different digests contradict each other; with the same digest one repeats the other.
    """
    kind = type(event)
    port = None
    if kind is events.Registration:
        stamped = event.loc is not None  # type: ignore[attr-defined]
        port = event.source_port  # type: ignore[attr-defined]
    elif kind is events.Call:
        stamped = event.dest is not None or event.loc is not None or event.answered_loc is not None  # type: ignore[attr-defined]
    else:
        stamped = getattr(event, "dest", None) is not None
    if stamped or event.key or event.digest or event.late_ms:
        blank = {name: None for name in ("loc", "answered_loc", "dest") if hasattr(event, name)}
        event = msgspec.structs.replace(event, key=0, digest=0, late_ms=0, **blank)
    # Ingest asks before it stamps: only these are to be blanked, in place, for a copy would double the cost (1.5 µs).
    time, src, line = event.time, event.src, event.line
    event.time, event.src, event.line = 0, "", 0
    if port is not None:
        event.source_port = None  # type: ignore[attr-defined]
    digest = xxh3_64_intdigest(_write_msgpack(event))
    event.time, event.src, event.line = time, src, line
    if port is not None:
        event.source_port = port  # type: ignore[attr-defined]
    return digest


def stamp_digests(event: Event) -> None:
    """Set ``key`` (tenant and id) and ``digest``; the resolver calls it once tenant and licence are known."""
    # In this order: a key already set would make the event a stamped one, which is copied first.
    event.digest = digest_event(event)
    event.key = digest64(f"{event.tenant}\0{event.id}")
