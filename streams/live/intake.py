"""What a record of an input topic is: an event for one partition, a record for another, or a dead letter. No broker here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from detectors.errors import ContractError
from detectors.events import (
    Call,
    Erase,
    Event,
    Exemption,
    Licence,
    Message,
    ModelEvent,
    PolicyEvent,
    Reference,
    Registration,
    Review,
    Score,
    Tenant,
)
from detectors.outputs import DeadLetter
from streams.outputs import RAW_MAX
from streams.partition import partition_of
from streams.stamp import Stamper
from streams.wire import Wire, stamp_digests
from streams.writing import encode_output

#: A time that is further ahead of its arrival is a clock that is wrong, and would hold its events back as long, ms.
AHEAD_MS = 120_000

TRAFFIC: frozenset[type[Event]] = frozenset({Registration, Call, Message})
_FACTS: frozenset[type[Event]] = frozenset({Tenant, Licence})
#: Which kinds a topic may carry. A PBX writes to its topics and must not be able to change the policy.
KINDS: dict[str, frozenset[type[Event]]] = {
    "registrations": TRAFFIC,
    "calls": TRAFFIC,
    "accounts": _FACTS,
    "reviews": frozenset({Review}),
    "exemptions": frozenset({Exemption}),
    "scores": frozenset({Score}),
    "rekeyed": TRAFFIC | _FACTS | {Review, Exemption, Score},
    "control": frozenset({PolicyEvent, ModelEvent, Reference, Erase}),
}
#: Topics where a record without a value removes the one before it.
COMPACTED = frozenset({"accounts", "exemptions"})
#: Headers of a re-keyed record: where it first stood. A repeat after a crash must have the same coordinates.
SRC, LINE = "src", "line"


class Record(Protocol):
    """What is read of a consumer's record; ``timestamp`` in ms is when the broker got it."""

    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102


class Refused(NamedTuple):
    """A dead letter: the class of the error, and the letter's bytes."""

    error: str
    letter: bytes


class Elsewhere(NamedTuple):
    """A record that its producer sent to a wrong partition, and the right one."""

    tenant: str
    partition: int


def coordinates(role: str, src: str, record: Record) -> tuple[str, int]:
    """Where a record stands, for a re-keyed one where it first stood."""
    if role == "rekeyed":
        headers = dict(record.headers)
        if SRC in headers and LINE in headers:
            return headers[SRC].decode("utf-8", "replace"), int(headers[LINE])
    return src, record.offset


def refuse(src: str, line: int, error: str, message: str, raw: bytes) -> Refused:
    """The dead letter of a record; of its bytes the first 4 KiB are kept, unreadable ones replaced."""
    text = raw[:RAW_MAX].decode("utf-8", "replace")
    return Refused(error, encode_output(DeadLetter(src=src, line=line, error=error, message=message, raw=text)))


class Intake:
    """Reads records, and resolves whose they are.

    Args:
        stamper: resolves and stamps; it knows the accounts of all partitions.
        partitions: of the log, and of every topic that is joined.
    """

    def __init__(self, stamper: Stamper, partitions: int) -> None:
        self._decode: Callable[[bytes], Event] = Wire().decode
        self._stamp = stamper.stamp
        self._owner = stamper.accounts.owner
        self._partitions = partitions

    def read(self, role: str, src: str, record: Record) -> Event | Refused | None:
        """The event of a record with its coordinates, not stamped yet; None when the record says nothing to detection.

        Args:
            role: the topic's name in ``KINDS``.
            src: ``topic/partition``.
            record: the record.
        """
        raw = record.value
        if role == "rekeyed":
            src, line = coordinates(role, src, record)
        else:
            line = record.offset
        if raw is None:
            return None if role in COMPACTED else refuse(src, line, "not_json", "a record without a value", b"")
        try:
            event = self._decode(raw)
        except ContractError as error:
            if role == "control" and b'"bridge"' in raw and "read by the bridges" in str(error):
                return None
            return refuse(src, line, getattr(error, "error", "bad_record"), str(error), raw)
        kind = type(event)
        if kind not in KINDS[role]:
            return refuse(src, line, "wrong_topic", f"a {kind.__struct_config__.tag} is not read from {src}", raw)
        if event.time > record.timestamp + AHEAD_MS:
            ahead = (event.time - record.timestamp) // 1000
            return refuse(src, line, "ahead", f"its time is {ahead} s after its arrival; set the clock of PBX {event.pbx!r}", raw)
        event.src, event.line = src, line
        return event

    def unknown(self, event: Event) -> bool:
        """Whether this event's AoR is needed and no fact learnt so far knows it: a fact may be on its way."""
        if type(event) not in TRAFFIC or (event.tenant and event.licence):
            return False
        aor = event.callee_aor if type(event) is Call and event.direction == "inbound" else event.aor  # type: ignore[attr-defined]
        return bool(aor) and self._owner(str(aor)) is None

    def place(self, event: Event, partition: int, raw: bytes) -> Refused | Elsewhere | None:
        """Stamp an event; None when it belongs to the log's partition of the same number.

        Account facts are not learnt here: ``Stamper.stamp`` learns them once, when they are read from their topic.

        Args:
            event: an event that ``read`` gave.
            partition: of the topic where it was read.
            raw: its bytes, for the dead letter.
        """
        if type(event) in TRAFFIC:
            refusal = self._stamp(event)
            if refusal is not None:
                return refuse(event.src, event.line, refusal.error, refusal.message, raw)
        elif not event.key:
            stamp_digests(event)
        home = partition_of(event.tenant, self._partitions)
        return None if home == partition else Elsewhere(event.tenant, home)

    def command(self, event: Event, raw: bytes) -> Refused | None:
        """Stamp a command, which is for every partition; an erasure is also forgotten here."""
        refusal = self._stamp(event)
        return None if refusal is None else refuse(event.src, event.line, refusal.error, refusal.message, raw)
