"""Ingest: input topics to the ordered log, one writer per partition of it.

Per turn: read a batch, account facts first; decode, resolve and stamp; give each partition's orderer its events; put what the
watermark has passed into frames. Offsets are committed behind records whose frame, dead letter or re-keyed copy the broker has
acknowledged, without a gap: a process that is killed says some events twice, with the same coordinates, and loses none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from http.server import ThreadingHTTPServer
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError

from detectors.events import Erase, Event
from streams.collector import fewer_collections
from streams.live.framing import Frame, Framer
from streams.live.ingest_metrics import Metrics
from streams.live.intake import LINE, SRC, TRAFFIC, Elsewhere, Intake, Record, Refused
from streams.live.metrics import serve
from streams.live.offsets import Offsets
from streams.live.orderer import IDLE_MS, LATENESS_MS, Orderer, Source
from streams.live.outbox import IngestFailed, Outbox
from streams.live.sources import log_ends, mine, roles, seed
from streams.partition import partition_of
from streams.stamp import Stamper

#: Records of one turn: a turn of 4,000 takes about 0.1 s, in which acknowledgements wait.
BATCH = 4_000
#: An input that the broker said nothing about for so long is not silent: the broker is, ms.
UNHEARD_MS = 2_000
#: Events that wait in one partition before inputs that are ahead of the others are left unread, about 50 MB.
MOST_WAITING = 50_000
COMMIT_S = 1.0

_log = logging.getLogger(__name__)


class Settings(msgspec.Struct, kw_only=True):
    """What an ingest process is asked to do.

    ``bootstrap`` of the broker; ``prefix`` of topics, and ``partitions`` of the log; ``instance`` of ``instances`` writes every
    ``instances``-th partition; ``policy`` is written to an empty control topic; ``lateness_ms`` and ``idle_ms`` as in ``Orderer``;
    ``metrics_port`` (0: none) on ``metrics_host``.
    """

    bootstrap: str
    prefix: str
    partitions: int
    policy: dict[str, Any]
    instance: int = 0
    instances: int = 1
    lateness_ms: int = LATENESS_MS
    idle_ms: int = IDLE_MS
    metrics_port: int = 0
    metrics_host: str = "127.0.0.1"

    @property
    def group(self) -> str:
        """Consumer group that keeps the offsets."""
        return f"{self.prefix.rstrip('.-_')}-ingest"


def wall_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


class Ingest:
    """One ingest process.

    Args:
        settings: what is asked for.
        stamper: resolves and stamps; made for this process, for it learns the accounts.
    """

    def __init__(self, settings: Settings, stamper: Stamper) -> None:
        self.metrics = Metrics()
        #: Set it to end in order.
        self.stopping = asyncio.Event()
        #: Set when records are being read.
        self.ready = asyncio.Event()
        self._settings = settings
        self._stamper = stamper
        self._intake = Intake(stamper, settings.partitions)
        self._mine = mine(settings.partitions, settings.instance, settings.instances)
        self._offsets: Offsets[TopicPartition] = Offsets()
        self._control = TopicPartition(f"{settings.prefix}control", 0)
        self._events = f"{settings.prefix}events"
        self._orderers: dict[int, Orderer] = {}
        self._framers: dict[int, Framer] = {}
        self._roles: dict[str, str] = {}
        self._inputs: list[TopicPartition] = []
        self._accounts: list[TopicPartition] = []
        self._entered: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._late: Counter[int] = Counter()
        self._next_commit = 0.0
        self._away = False

    async def run(self) -> None:
        """Read and write until ``stopping`` is set; then what is begun is finished and committed.

        Raises:
            IngestFailed: the broker refused a record, or was away for too long.
        """
        settings = self._settings
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            group_id=settings.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Re-keyed records and what other producers write in transactions.
            isolation_level="read_committed",
            max_partition_fetch_bytes=2**20,
            fetch_max_wait_ms=100,
        )
        self._outbox = Outbox(settings.bootstrap)
        server = self._serve()
        try:
            await self._outbox.start()
            await self._consumer.start()
            with fewer_collections():
                await self._begin()
                while not self.stopping.is_set():
                    await self._turn()
                await self._finish()
        except KafkaError as error:
            raise IngestFailed(f"Kafka at {settings.bootstrap}: {error}; nothing is lost, start ingest again") from error
        finally:
            await self._consumer.stop()
            await self._outbox.stop()
            if server is not None:
                server.shutdown()
                server.server_close()

    def _serve(self) -> ThreadingHTTPServer | None:
        host, port = self._settings.metrics_host, self._settings.metrics_port
        if not port:
            return None
        try:
            # A process that cannot go on ends; while it runs it is healthy.
            return serve(host, port, self.metrics.registry, str, lambda: "" if self.ready.is_set() else "reading facts and commands")
        except OSError as error:
            raise IngestFailed(f"{host}:{port}: cannot serve metrics ({error.strerror}); choose another --metrics-port") from error

    # -- beginning ---------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        settings, consumer = self._settings, self._consumer
        if not await seed(self._consumer, self._outbox, self._control, settings.policy, settings.instance):
            raise IngestFailed("no policy in the control topic; start the ingest with --instance 0/N, which writes the first one")
        ends = await log_ends(settings.bootstrap, self._events, self._mine)
        for number, end in ends.items():
            self._orderers[number] = Orderer(number, settings.lateness_ms, settings.idle_ms, end.watermark, end.time)
            self._framers[number] = Framer(number, f"{self._control.topic}/0", end.watermark, end.commands)
        self._roles = roles(settings.prefix, await consumer.topics())
        for topic, role in self._roles.items():
            numbers = range(settings.partitions) if role == "accounts" else self._mine
            (self._accounts if role == "accounts" else self._inputs).extend(TopicPartition(topic, number) for number in numbers)
        places = [*self._accounts, *self._inputs, self._control]
        consumer.assign(places)
        begins, self._ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            committed = await consumer.committed(place) if self._commits(place) else None
            if committed is not None and committed < begins[place]:
                _log.warning("%s: records %d to %d were deleted before they were read", _src(place), committed, begins[place])
            begin = self._entered[place] = max(begins[place], committed or 0)
            self._offsets.open(place, _src(place), begin)
            if place == self._control:
                # How far each partition has the commands stands in its frames; the committed offset is that of dead letters.
                commands = min(end.commands for end in ends.values())
                begin = self._offsets.position[place] = max(begins[place], min(commands, begin) if self._commits(place) else commands)
            elif place in self._accounts:
                # Facts are learnt from the first one on; those behind the committed offset are also put into the log.
                begin = self._offsets.position[place] = begins[place]
            consumer.seek(place, begin)
        # Both are in the log before the first event of a log that begins: a policy acts from its place on.
        await self._follow([self._control])
        await self._follow(self._accounts)
        await self._write()
        self.ready.set()

    def _commits(self, place: TopicPartition) -> bool:
        """Whether this process is the one that answers for an input partition; all read commands, the first buries bad ones."""
        return self._settings.instance == 0 if place == self._control else place.partition in self._orderers

    # -- a turn ------------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        eager = any(framer.open for framer in self._framers.values())
        batch = await self._consumer.getmany(*self._wanted(), timeout_ms=10 if eager else 50, max_records=BATCH)
        await self._take_first(batch)
        await self._take(batch)
        await self._write()
        self._outbox.check()
        if time.monotonic() >= self._next_commit:
            await self._commit()

    def _wanted(self) -> list[TopicPartition]:
        """Input partitions to read; when too much waits in a partition, not those that are ahead."""
        ahead = {
            (topic, number) for orderer in self._orderers.values() if orderer.waiting > MOST_WAITING for topic, number in orderer.ahead()
        }
        wanted = [place for place in self._inputs if place not in ahead] if ahead else self._inputs
        return [*wanted, *self._accounts, self._control]

    async def _take(self, batch: dict[TopicPartition, list[Record]]) -> None:
        read, taken = self._intake.read, []
        lost = False
        for place in sorted(batch):
            role, src = self._roles[place.topic], _src(place)
            for record in batch[place]:
                event = read(role, src, record)
                self._offsets.read(place, record.offset)
                taken.append((place, record, event))
                lost = lost or (isinstance(event, Event) and self._intake.unknown(event))
        if lost:
            # The fact may stand in its topic already, sent before the event that needs it.
            await self._follow(self._accounts)
        skews: dict[str, int] = {}
        for place, record, event in taken:
            await self._put(place, record, event, skews)
        self.metrics.tell_skew(skews)

    async def _put(self, place: TopicPartition, record: Record, event: Event | Refused | None, skews: dict[str, int]) -> None:
        number, offset = place.partition, record.offset
        if event is None:
            self._offsets.drop(place, offset)
            return
        if isinstance(event, Event):
            verdict = self._intake.place(event, number, record.value or b"")
            if verdict is None:
                if type(event) in TRAFFIC:
                    skews[event.pbx] = record.timestamp - event.time
                    source = Source(event.pbx, place.topic, number)
                else:
                    source = None
                if event.src != _src(place):
                    self._offsets.returned(place, offset, event.src, event.line)
                self._orderers[number].take(event, source, record.timestamp)
                return
            if isinstance(verdict, Elsewhere):
                await self._rekey(place, record, event, verdict)
                return
            event = verdict
        await self._bury(event, place, offset)

    async def _follow(self, places: Sequence[TopicPartition]) -> None:
        """Read facts, or commands, as far as they stand in their topic by now."""
        ends, position = await self._consumer.end_offsets(places), self._offsets.position
        while any(position[place] < ends[place] for place in places):
            batch = await self._consumer.getmany(*places, timeout_ms=200, max_records=BATCH)
            await self._take_first(batch)
            if not batch:
                # What compaction removed, or the mark of a transaction, may be the last of a partition: no record comes.
                for place in places:
                    position[place] = max(position[place], await self._consumer.position(place))

    async def _take_first(self, batch: dict[TopicPartition, list[Record]]) -> None:
        """Take facts and commands out of a batch: they change how the rest of it is stamped."""
        for place in sorted(set(batch) & {*self._accounts, self._control}):
            records = batch.pop(place)
            await (self._take_commands(records) if place == self._control else self._take_facts(place, records))

    async def _take_facts(self, place: TopicPartition, records: Sequence[Record]) -> None:
        """Facts of all partitions are learnt, for a mis-keyed event may be of any tenant; those of ours enter the log."""
        ours = place.partition in self._orderers
        for record in records:
            event = self._intake.read("accounts", _src(place), record)
            if isinstance(event, Event):
                self._stamper.stamp(event)
            elif event is None:
                self._forget(record.key or b"")
            if ours and record.offset >= self._entered[place]:
                self._offsets.read(place, record.offset)
                await self._put(place, record, event, {})
            else:
                self._offsets.position[place] = record.offset + 1

    def _forget(self, key: bytes) -> None:
        """A fact was removed: its key is ``kind/tenant[/licence]``."""
        kind, _, rest = key.decode("utf-8", "replace").partition("/")
        tenant, _, licence = rest.partition("/")
        if tenant and (kind == "tenant" or (kind == "licence" and licence)):
            self._stamper.stamp(Erase(time=0, tenant=tenant, licence=licence))

    async def _take_commands(self, records: Sequence[Record]) -> None:
        src = _src(self._control)
        for record in records:
            event = self._intake.read("control", src, record)
            if isinstance(event, Event):
                event = self._intake.command(event, record.value or b"") or event
            if self._commits(self._control) and record.offset >= self._entered[self._control]:
                self._offsets.read(self._control, record.offset)
                if isinstance(event, Refused):
                    await self._bury(event, self._control, record.offset)
                else:
                    self._offsets.drop(self._control, record.offset)
            self._offsets.position[self._control] = record.offset + 1
            for number, framer in self._framers.items():
                if not isinstance(event, Event) or (event.tenant and partition_of(event.tenant, self._settings.partitions) != number):
                    framer.skip(record.offset)
                elif framer.command(record.offset):
                    # Each partition has its own watermark, so its own copy.
                    self._orderers[number].take(msgspec.structs.replace(event), None, record.timestamp)

    # -- writing -----------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        now, behind = wall_ms(), await self._behind()
        for number, orderer in self._orderers.items():
            framer = self._framers[number]
            unread = [(place.topic, number) for place in behind if place.partition == number]
            for frame in framer.add(orderer.advance(now, unread), orderer.watermark, now):
                await self._send(frame)
            due = framer.due(now)
            if due is not None:
                await self._send(due)

    async def _behind(self) -> list[TopicPartition]:
        """Input partitions whose end was not read yet, as far as we know: all of them while the broker is away."""
        found = []
        now, unheard = wall_ms(), 0
        for place in self._inputs:
            # Not the high watermark: what stands behind a transaction that hangs cannot be read, and must not stop the clock.
            stable = self._consumer.last_stable_offset(place)
            end = self._ends[place] if stable is None else stable
            if now - (self._consumer.last_poll_timestamp(place) or 0) > UNHEARD_MS:
                found.append(place)
                unheard += 1
                continue
            # The last offsets of a partition may be marks of a transaction, which are no records: asked for when it seems behind.
            if self._offsets.position[place] < end and await self._consumer.position(place) < end:
                found.append(place)
        if (unheard == len(self._inputs)) != self._away:
            self._away = not self._away
            _log.warning("Kafka does not answer; time stands still until it does" if self._away else "Kafka answers again")
        return found

    async def _send(self, frame: Frame) -> None:
        def landed() -> None:
            self.metrics.frames.inc()
            self.metrics.events.inc(frame.events)
            done = self._offsets.done
            for src, line in frame.receipts:
                done(src, line)

        await self._outbox.send(landed, self._events, frame.value, frame.partition, headers=frame.headers)

    async def _rekey(self, place: TopicPartition, record: Record, event: Event, to: Elsewhere) -> None:
        def landed() -> None:
            self.metrics.rekeyed.inc()
            self._offsets.drop(place, record.offset)

        headers = [(SRC, event.src.encode()), (LINE, b"%d" % event.line)]
        topic, value = f"{self._settings.prefix}rekeyed", record.value or b""
        await self._outbox.send(landed, topic, value, to.partition, key=to.tenant.encode("utf-8", "surrogatepass"), headers=headers)

    async def _bury(self, refused: Refused, place: TopicPartition, offset: int) -> None:
        def landed() -> None:
            self.metrics.dead.labels(refused.error).inc()
            self._offsets.drop(place, offset)

        await self._outbox.send(landed, f"{self._settings.prefix}dead-letters", refused.letter, place.partition)

    async def _commit(self) -> None:
        self._next_commit = time.monotonic() + COMMIT_S
        offsets = self._offsets.committable()
        if offsets:
            try:
                await self._consumer.commit({place: OffsetAndMetadata(offset, "") for place, offset in offsets.items()})
            except KafkaError as error:
                # They are committed with the next ones; a crash before that repeats more, and loses nothing.
                _log.warning("offsets were not committed: %s", error)
            else:
                self._offsets.committed(offsets)
        self._tell()

    def _tell(self) -> None:
        metrics, lag = self.metrics, 0
        for place in [*self._inputs, *self._accounts]:
            high = self._consumer.highwater(place)
            lag += max(0, (self._ends[place] if high is None else high) - self._offsets.position[place])
        metrics.lag.set(lag)
        for number, orderer in self._orderers.items():
            label = str(number)
            metrics.waiting.labels(label).set(orderer.waiting)
            metrics.watermark.labels(label).set(max(0, orderer.watermark) / 1000)
            metrics.late.labels(label).inc(orderer.late - self._late[number])
            self._late[number] = orderer.late

    async def _finish(self) -> None:
        """What passed the watermark is written and committed; what waits for it is read again by the next process."""
        for framer in self._framers.values():
            rest = framer.rest()
            if rest is not None:
                await self._send(rest)
        await self._outbox.flush()
        await self._commit()


def _src(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}"


__all__ = ["Ingest", "IngestFailed", "Settings", "wall_ms"]
