"""The input partitions of an ingest process: which there are, how far each was read, and what of it may be committed."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError

from streams.live.intake import Record
from streams.live.offsets import Offsets
from streams.live.sources import End, roles

#: Records of one batch: a batch of 4,000 takes about 0.1 s, in which acknowledgements wait.
BATCH = 4_000
#: An input that the broker said nothing about for so long is not silent: the broker is, ms.
UNHEARD_MS = 2_000

Batch = dict[TopicPartition, list[Record]]

_log = logging.getLogger(__name__)


def src_of(place: TopicPartition) -> str:
    """Coordinates of an input partition, as its events carry them."""
    return f"{place.topic}/{place.partition}"


class Inputs:
    """What one ingest process reads.

    Args:
        bootstrap: the broker.
        group: the consumer group that keeps the offsets.
        prefix: of the topics.
        mine: partitions of the log that this process writes.
        first: whether it is the first of its processes, which buries bad commands for all.
    """

    def __init__(self, bootstrap: str, group: str, prefix: str, mine: Sequence[int], first: bool) -> None:
        self.consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # Re-keyed records and what other producers write in transactions.
            isolation_level="read_committed",
            max_partition_fetch_bytes=2**20,
            fetch_max_wait_ms=100,
        )
        self.offsets: Offsets[TopicPartition] = Offsets()
        self.control = TopicPartition(f"{prefix}control", 0)
        #: Of the accounts of all customers, for a mis-keyed event may be of any of them.
        self.accounts: list[TopicPartition] = []
        #: Of everything else.
        self.events: list[TopicPartition] = []
        #: What each topic carries.
        self.roles: dict[str, str] = {}
        #: Where this process took over each partition: what is before it was answered for by another one.
        self.entered: dict[TopicPartition, int] = {}
        self._prefix, self._mine, self._first = prefix, mine, first
        self._ends: dict[TopicPartition, int] = {}
        self._away = False

    async def open(self, partitions: int, ends: Mapping[int, End]) -> None:
        """Go on where the offsets and the log say.

        Args:
            partitions: of the log, and of every topic that is joined.
            ends: where each partition of the log that this process writes ends.
        """
        consumer = self.consumer
        self.roles = roles(self._prefix, await consumer.topics())
        for topic, role in self.roles.items():
            numbers = range(partitions) if role == "accounts" else self._mine
            (self.accounts if role == "accounts" else self.events).extend(TopicPartition(topic, number) for number in numbers)
        places = [*self.accounts, *self.events, self.control]
        consumer.assign(places)
        begins, self._ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            committed = await consumer.committed(place) if self.commits(place) else None
            if committed is not None and committed < begins[place]:
                _log.warning("%s: records %d to %d were deleted before they were read", src_of(place), committed, begins[place])
            begin = self.entered[place] = max(begins[place], committed or 0)
            self.offsets.open(place, src_of(place), begin)
            if place == self.control:
                # How far each partition has the commands stands in its frames; the committed offset is that of dead letters.
                commands = min(end.commands for end in ends.values())
                begin = self.offsets.position[place] = max(begins[place], min(commands, begin) if self.commits(place) else commands)
            elif place in self.accounts:
                # Facts are learnt from the first one on; those behind the committed offset are also put into the log.
                begin = self.offsets.position[place] = begins[place]
            consumer.seek(place, begin)

    def commits(self, place: TopicPartition) -> bool:
        """Whether this process is the one that answers for an input partition."""
        return self._first if place == self.control else place.partition in self._mine

    async def read(self, leave: Iterable[tuple[str, int]], timeout_ms: int) -> Batch:
        """A batch of all inputs but those to ``leave`` (topic, number), or nothing after so many ms."""
        left = set(leave)
        wanted = [place for place in self.events if place not in left] if left else self.events
        batch: Batch = await self.consumer.getmany(*wanted, *self.accounts, self.control, timeout_ms=timeout_ms, max_records=BATCH)
        return batch

    async def rest(self, places: Sequence[TopicPartition]) -> AsyncIterator[Batch]:
        """Batches of these partitions as far as they are written by now; the caller moves their positions."""
        ends, position = await self.consumer.end_offsets(places), self.offsets.position
        while any(position[place] < ends[place] for place in places):
            batch = await self.consumer.getmany(*places, timeout_ms=200, max_records=BATCH)
            yield batch
            if not batch:
                # What compaction removed, or the mark of a transaction, may be the last of a partition: no record comes.
                for place in places:
                    position[place] = max(position[place], await self.consumer.position(place))

    async def behind(self, now_ms: int) -> list[TopicPartition]:
        """Partitions of events whose end was not read yet, as far as we know: all of them while the broker is away."""
        found, unheard = [], 0
        for place in self.events:
            # Not the high watermark: what stands behind a transaction that hangs cannot be read, and must not stop the clock.
            stable = self.consumer.last_stable_offset(place)
            end = self._ends[place] if stable is None else stable
            if now_ms - (self.consumer.last_poll_timestamp(place) or 0) > UNHEARD_MS:
                found.append(place)
                unheard += 1
                continue
            # The last offsets of a partition may be marks of a transaction, which are no records: asked for when it seems behind.
            if self.offsets.position[place] < end and await self.consumer.position(place) < end:
                found.append(place)
        if (unheard == len(self.events)) != self._away:
            self._away = not self._away
            _log.warning("Kafka does not answer; time stands still until it does" if self._away else "Kafka answers again")
        return found

    async def commit(self) -> None:
        """Commit what may be; when the broker does not take it, it is committed with the next ones."""
        offsets = self.offsets.committable()
        if not offsets:
            return
        try:
            await self.consumer.commit({place: OffsetAndMetadata(offset, "") for place, offset in offsets.items()})
        except KafkaError as error:
            # A crash before the next ones repeats more, and loses nothing.
            _log.warning("offsets were not committed: %r", error)
        else:
            self.offsets.committed(offsets)

    def lag(self) -> int:
        """Records that were not read yet."""
        total = 0
        for place in (*self.events, *self.accounts):
            high = self.consumer.highwater(place)
            total += max(0, (self._ends[place] if high is None else high) - self.offsets.position[place])
        return total


def wall_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
