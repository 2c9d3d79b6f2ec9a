"""Files of events into the input topics, as their producers would have sent them, ending now.

Each line is sent as it is, with its times moved by one amount. A fact is acknowledged by the broker before what comes after it is
sent: ingest must know whose an AoR is before it registers.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from asyncio import Future
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

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
    Tick,
    rank,
)
from streams.errors import UsageError
from streams.facts import UNRESOLVED, Accounts
from streams.frames import Codec
from streams.live.export import broker_errors
from streams.partition import partition_of
from streams.progress import Progress
from streams.runs import Key, Sorter
from streams.sources import Input, Reader, log_header
from streams.times import format_time, parse_time
from streams.wire import Wire, repair
from streams.wire_types import EVENT_CLASSES, TIMES

#: What is judged; everything else changes how it is judged.
TRAFFIC = (Registration, Call, Message)
#: Records on their way at once: more only cost memory.
IN_FLIGHT = 4_096
#: Records between two words to the progress bar.
_TELL = 1_024
#: Fields of each kind that are instants; a field of that name in another kind is the producer's own.
_TIME_NAMES = {
    str(cls.__struct_config__.tag): tuple(field.encode_name for field in msgspec.structs.fields(cls) if field.name in TIMES)
    for cls in EVENT_CLASSES
}


class _Waiting(msgspec.Struct, array_like=True):
    """A line until its turn. ``tenant`` may be empty: then ``aor`` says whose it is, once the facts before it are known."""

    time: int
    rank: int
    pbx: str
    id: str
    src: int
    number: int
    topic: str
    key: str
    tenant: str
    aor: str
    traffic: bool
    line: bytes


_WAITING: Codec[_Waiting] = Codec.of(_Waiting)


class Replayed(msgspec.Struct, kw_only=True):
    """What was sent.

    Args:
        topics: records per topic, by its name without the prefix.
        refused: lines that are no event of the contracts; they were left out.
        first_refusal: the first of them, with the reason.
        ticks: ticks left out; ingest makes its own.
        shift_ms: what was added to every time.
    """

    topics: dict[str, int] = {}
    refused: int = 0
    first_refusal: str = ""
    ticks: int = 0
    shift_ms: int = 0


async def replay(bootstrap: str, prefix: str, partitions: int, inputs: Sequence[Input], progress: Progress, speed: float = 0) -> Replayed:
    """Send the events of files to the input topics, in the order of the log.

    Args:
        bootstrap: a broker's host and port.
        prefix: in front of every topic's name.
        partitions: how many the log has.
        inputs: files of contract lines.
        progress: told of bytes and events.
        speed: gaps between events are divided by this; 0: no gaps. The last event's time is the moment at which it is sent.

    Raises:
        UsageError: an input is an exported log.
        InputUnreadable: an input cannot be read; nothing was sent then.
        BrokerLost: Kafka went away; some was sent.
    """
    for one in inputs:
        if log_header(one.path) is not None:
            raise UsageError(f"{one.path}: is an exported log, stamped and ordered already; `vigie run` judges it again")
    with tempfile.TemporaryDirectory(prefix="vigie-replay-") as scratch:
        done = Replayed()
        sorter, first, last = _read(inputs, Path(scratch), done, progress)
        if not sorter.runs:
            return done
        # Slower than it was, an event would be sent before its own time: then the last one is as far ahead as the play is long.
        lasts = (last - first) / max(1.0, speed) if speed else 0.0
        done.shift_ms = round(time.time() * 1000 + lasts) - last
        with broker_errors(bootstrap):
            await _send(_Sender(bootstrap, prefix, partitions), sorter, first, speed, done, progress)
        return done


def _read(inputs: Sequence[Input], scratch: Path, done: Replayed, progress: Progress) -> tuple[Sorter[_Waiting], int, int]:
    """Everything sorted on disk; when traffic begins, and when all ends."""
    sorter = Sorter(scratch, "replay", _WAITING, _order)
    decode = Wire().decode
    first = last = 0
    read = events = 0
    progress.stage("reading", sum(one.size for one in inputs), "bytes")
    for src, one in enumerate(inputs):
        reader, number = Reader(one.path), 0
        for block in reader.blocks():
            for line in block:
                number += 1
                if not line or line.isspace():
                    continue
                try:
                    event = decode(line)
                except ContractError as error:
                    done.refused += 1
                    done.first_refusal = done.first_refusal or f"{one.path}:{number}: {error}"
                    continue
                if isinstance(event, Tick):
                    done.ticks += 1
                    continue
                events += 1
                last = max(last, event.time)
                if isinstance(event, TRAFFIC):
                    first = min(first or event.time, event.time)
                if sorter.add(_waiting(event, src, number, line)):
                    sorter.spill()
            progress.advance(read + reader.position, events)
        read += one.size
    sorter.spill()
    return sorter, first or last, last


def _waiting(event: Event, src: int, number: int, line: bytes) -> _Waiting:
    topic, key = route(event)
    aor = ""
    if isinstance(event, Registration | Call | Message):
        aor = event.callee_aor or "" if isinstance(event, Call) and event.direction == "inbound" else event.aor
    traffic = isinstance(event, TRAFFIC)
    return _Waiting(event.time, rank(event), event.pbx, event.id, src, number, topic, key, event.tenant, aor, traffic, line)


def _order(one: _Waiting) -> Key:
    return one.time, one.rank, one.pbx, one.id, one.src, one.number


def route(event: Event) -> tuple[str, str]:
    """Topic of an event, without the prefix, and its key; the key of traffic whose tenant is not said is empty.

    >>> route(Licence(tenant="acme", licence="101"))
    ('accounts', 'licence/acme/101')
    """
    match event:
        case Registration():
            return "registrations", event.tenant
        case Call() | Message():
            return "calls", event.tenant
        case Tenant():
            return "accounts", f"tenant/{event.tenant}"
        case Licence():
            return "accounts", f"licence/{event.tenant}/{event.licence}"
        case Exemption():
            return "exemptions", f"{event.tenant}/{event.exemption_id}"
        case Review():
            return "reviews", event.tenant
        case Score():
            return "scores", event.tenant
        case PolicyEvent() | ModelEvent() | Reference():
            return "control", event.name
        case Erase():
            return "control", "/".join(filter(None, ("erase", event.tenant, event.licence)))
        case _:
            raise UsageError(f"a {type(event).__name__} is no input of ingest")


class _Sender:
    """Records on their way to the broker."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int) -> None:
        self.prefix = prefix
        self.partitions = partitions
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5, max_batch_size=262_144)
        self.pending: list[Future[Any]] = []

    async def send(self, topic: str, key: str, tenant: str, line: bytes) -> None:
        # The log has one partition of control for all tenants.
        partition = 0 if topic == "control" else partition_of(tenant, self.partitions)
        self.pending.append(await self.producer.send(self.prefix + topic, line, key=key.encode(), partition=partition))
        if len(self.pending) >= IN_FLIGHT:
            await self.acknowledged()

    async def acknowledged(self) -> None:
        """Wait until the broker has everything."""
        sent, self.pending = self.pending, []
        await asyncio.gather(*sent)


async def _send(sender: _Sender, sorter: Sorter[_Waiting], first: int, speed: float, done: Replayed, progress: Progress) -> None:
    accounts, learn = Accounts(), Wire().decode
    total = 0
    facts = False
    await sender.producer.start()
    try:
        progress.stage("sending", 0, "events")
        begun = 0.0
        for block in sorter.blocks():
            for one in block:
                if one.time >= accounts.due:
                    accounts.advance(one.time)
                if one.topic in ("accounts", "control"):
                    accounts.learn(learn(one.line))
                if one.traffic and facts:
                    await sender.acknowledged()
                facts = not one.traffic
                if speed and one.time >= first:
                    # Counted from the first event of traffic, whenever the broker had the facts before it.
                    begun = begun or time.monotonic()
                    wait = begun + (one.time - first) / 1000 / speed - time.monotonic()
                    if wait > 0:
                        await asyncio.sleep(wait)
                tenant = one.tenant
                if one.traffic and not tenant:
                    owner = accounts.owner(one.aor)
                    tenant = owner.tenant if owner is not None else UNRESOLVED
                await sender.send(one.topic, one.key or tenant, tenant, moved(one.line, done.shift_ms))
                done.topics[one.topic] = done.topics.get(one.topic, 0) + 1
                total += 1
                if total % _TELL == 0:
                    progress.advance(total, total)
        await sender.acknowledged()
        progress.advance(total, total)
    finally:
        await sender.producer.stop()


def moved(line: bytes, shift_ms: int) -> bytes:
    """A contract line with all its times later by ``shift_ms``; nothing else of it changes.

    >>> moved(b'{"kind":"score","time":"2026-01-31T23:30:00Z","day":"2026-01-31","more":[1]}', 3_600_000).decode()
    '{"kind":"score","time":"2026-02-01T00:30:00.000Z","day":"2026-02-01","more":[1]}'
    """
    try:
        record = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        record = msgspec.json.decode(repair(line))
    before = parse_time(record["time"])
    for name in _TIME_NAMES[record["kind"]]:
        if isinstance(record.get(name), str):
            record[name] = format_time(parse_time(record[name]) + shift_ms)
    if record["kind"] == "score" and "day" in record:
        # A day is no instant: it moves by as many days as the instant at which it was scored.
        record["day"] = (date.fromisoformat(record["day"]) + (_day(before + shift_ms) - _day(before))).isoformat()
    return msgspec.json.encode(record)


def _day(at: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).date()
