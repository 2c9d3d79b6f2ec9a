"""A bridge's side of Kafka: all of ``vigie.suspensions`` from its beginning, an operator's commands, receipts out and back."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from detectors.errors import VigieError
from pbx.bridge.decision import Decision
from streams.errors import ContractRefused
from streams.live import bridge_wire as wire
from streams.live.bridge_wire import Command
from streams.partition import partition_of

#: Receipts that wait for Kafka; beyond, the oldest go. An hour of the most that a PBX was seen to take.
WAITING = 1_000_000
#: A batch that the broker has not taken by then is sent again.
DELIVERY_MS = 20_000
_BATCH = 10_000

_log = logging.getLogger(__name__)


class Record(Protocol):
    """What a consumer gives."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


class Tombstone(msgspec.Struct, frozen=True):
    """The licence of a key is to be forgotten."""

    key: str


class Receipts(msgspec.Struct):
    """What receipts of this PBX say, by decision: first ``applied`` (ms), last status, and why it was held."""

    applied: dict[str, int] = {}
    last: dict[str, str] = {}
    held: dict[str, str] = {}
    read_to: dict[str, int] = {}


class Whole(msgspec.Struct):
    """Everything up to the ends that the topics had; ``consumer`` stands behind it and goes on."""

    consumer: KafkaConsumer
    records: list[Decision]
    commands: list[Command]
    receipts: Receipts
    partitions: int


class Reading(threading.Thread):
    """Reads everything to its end, on the side: the PBX is served while Kafka is slow, hangs or is away.

    Args:
        bootstrap: the broker.
        prefix: of the topics.
        pbx: whose receipts count.
        begin: offsets of ``vigie.applied`` from a snapshot.
        check: whether a broker is there; raises when its topics are not ours.
        refused: called with each record that the contracts do not allow.
    """

    def __init__(
        self, bootstrap: str, prefix: str, pbx: str, begin: Mapping[str, int], check: Callable[[], bool], refused: Callable[[str], None]
    ) -> None:
        super().__init__(name="bridge-reading", daemon=True)
        self._broker, self._prefix, self._pbx, self._begin = bootstrap, prefix, pbx, dict(begin)
        self._check, self._refused = check, refused
        #: What was found, once the thread ended; without it and without ``error`` no broker was there.
        self.whole: Whole | None = None
        self.error: VigieError | None = None

    def run(self) -> None:
        """See the class."""
        try:
            if self._check():
                self.whole = self._read()
        except VigieError as error:
            self.error = error
        except (KafkaError, OSError) as error:
            _log.warning("the topics could not be read: %r", error)

    def _read(self) -> Whole:
        consumer = open_consumer(self._broker)
        suspensions, control, applied = (f"{self._prefix}{name}" for name in ("suspensions", "control", "applied"))
        places = [
            TopicPartition(topic, number) for topic in (suspensions, control) for number in sorted(consumer.partitions_for_topic(topic))
        ]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        records: dict[str, list[Decision]] = {}
        commands: list[Command] = []
        for one in _to_the_end(consumer, places):
            match self.read(one):
                case Decision() as found:
                    records.setdefault(found.key, []).append(found)
                case Tombstone(key):
                    records.pop(key, None)
                case Command() as found:
                    commands.append(found)
        receipts = self._receipts(applied)
        partitions = sum(place.topic == suspensions for place in places)
        return Whole(consumer, [one for chain in records.values() for one in chain], commands, receipts, partitions)

    def read(self, record: Record) -> Decision | Tombstone | Command | None:
        """One record of the topics that are followed; ``None`` for what cannot be read or is somebody else's."""
        return read_record(record, self._pbx, self._refused)

    def _receipts(self, topic: str) -> Receipts:
        found = Receipts()
        consumer = open_consumer(self._broker)
        try:
            places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
            consumer.assign(places)
            begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
            for place in places:
                known = self._begin.get(f"{place.topic}/{place.partition}", 0)
                consumer.seek(place, min(max(known, begins[place]), ends[place]))
            for one in _to_the_end(consumer, places):
                said = wire.receipt(one.value or b"", self._pbx)
                if said is None:
                    continue
                decision, status, at, detail = said
                found.last[decision] = status
                if status == "applied":
                    found.applied.setdefault(decision, at)
                if status == "held":
                    found.held[decision] = detail
                elif status in ("applied", "refused"):
                    found.held.pop(decision, None)
            found.read_to = {f"{place.topic}/{place.partition}": consumer.position(place) for place in places}
        finally:
            consumer.close()
        return found


def open_consumer(bootstrap: str) -> KafkaConsumer:
    """A consumer of no group: each bridge needs all of it, and nobody's offsets are kept."""
    return KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        client_id="vigie-bridge",
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # Once in 150 suspensions the broker answered a waiting fetch only at its end: at the default of 500 ms those were the longest.
        fetch_max_wait_ms=100,
        max_poll_records=_BATCH,
        max_partition_fetch_bytes=8 * 2**20,
        # A broker that was away shall be found again at once: a decision may wait there.
        reconnect_backoff_max_ms=1_000,
    )


def read_record(record: Record, pbx: str, refused: Callable[[str], None]) -> Decision | Tombstone | Command | None:
    """One record of ``vigie.suspensions`` or ``vigie.control``; ``None`` for what cannot be read or is somebody else's."""
    topic, value = record.topic, record.value
    try:
        if topic.endswith("control"):
            command = wire.command(value or b"")
            return command if command is not None and command.pbx == pbx else None
        if value is None:
            return Tombstone((record.key or b"").decode("utf-8", "replace"))
        return wire.decision(value, record.timestamp)
    except ContractRefused as error:
        refused(f"{topic}/{record.partition} {record.offset}: {error}")
        return None


def _to_the_end(consumer: KafkaConsumer, places: list[TopicPartition]) -> Iterator[Record]:
    """Records up to the ends of now. A position, not a count: marks of transactions and compaction leave holes in the offsets."""
    ends = consumer.end_offsets(places)
    while any(consumer.position(place) < ends[place] for place in places):
        for records in consumer.poll(timeout_ms=500).values():
            yield from records


class Publisher:
    """Receipts to ``vigie.applied``, in order, each until the broker has it: a crash or an outage may repeat one, never lose it."""

    def __init__(self, prefix: str) -> None:
        self._topic = f"{prefix}applied"
        self._waiting: deque[tuple[str, str, bytes]] = deque()
        self._sent: deque[tuple[tuple[str, str, bytes], Any]] = deque()
        self._producer: KafkaProducer | None = None
        self._partitions = 0

    def open(self, bootstrap: str, partitions: int) -> None:
        """Connect; may be asked again.

        Raises:
            KafkaError: the broker does not answer.
        """
        if self._producer is None:
            # Not idempotent: such a producer stops for ever after a batch that it gave up, and a receipt may come twice.
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                client_id="vigie-bridge",
                acks="all",
                enable_idempotence=False,
                max_in_flight_requests_per_connection=1,
                request_timeout_ms=DELIVERY_MS // 2,
                delivery_timeout_ms=DELIVERY_MS,
                reconnect_backoff_max_ms=1_000,
            )
            # Asked for now: the first send would wait for it for as long as it takes.
            self._producer.partitions_for(self._topic)
        self._partitions = partitions

    def add(self, key: str, value: bytes, decision: str = "") -> None:
        """Publish under a key ``tenant/licence``, or a PBX's name."""
        self._waiting.append((key, decision, value))
        if len(self._waiting) > WAITING:
            self._waiting.popleft()

    def work(self) -> None:
        """See what arrived, and send what waits; never waits itself."""
        while self._sent and self._sent[0][1].is_done:
            if self._sent[0][1].succeeded():
                self._sent.popleft()
                continue
            if not all(future.is_done for _, future in self._sent):
                return
            # From the first that failed on, again: "failed" must not come after "applied".
            self._waiting.extendleft(item for item, _ in reversed(self._sent))
            self._sent.clear()
        if self._producer is None or (self._sent and self._sent[0][1].is_done):
            return
        while self._waiting:
            item = self._waiting.popleft()
            number = partition_of(item[0].partition("/")[0], self._partitions)
            try:
                self._sent.append((item, self._producer.send(self._topic, item[2], key=item[0].encode(), partition=number)))
            except KafkaError:
                self._waiting.appendleft(item)
                return

    @property
    def unsent(self) -> int:
        """How many the broker does not have yet."""
        return len(self._waiting) + len(self._sent)

    def owed(self) -> set[str]:
        """Decisions with such a receipt."""
        return {item[1] for item in self._waiting} | {item[1] for item, _ in self._sent}

    def close(self, timeout_s: float) -> None:
        """Wait a little for what is on its way."""
        if self._producer is not None:
            try:
                self._producer.flush(timeout=timeout_s)
            except KafkaError as error:
                _log.warning("%d receipts were not taken by Kafka: %r", self.unsent, error)
            self.work()
            self._producer.close(timeout=timeout_s)
