"""Topics read to the end that they have now, for commands that ask one question and go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from detectors.errors import StateError
from detectors.events import Event
from streams.frames import decode_frame
from streams.live.export import BrokerLost

#: Frames have 100 to 200 KiB: some tens of them in one answer of the broker.
_FETCH_BYTES = 8 * 2**20
_BATCH = 10_000


@contextmanager
def opened(bootstrap: str, prefix: str) -> Iterator[Topics]:
    """The topics of a broker, while the block runs.

    Raises:
        BrokerLost: in the place of any error of the client.
    """
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            client_id="vigie-command",
            # What an open or aborted transaction holds was never said.
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=_BATCH,
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        try:
            yield Topics(consumer, prefix)
        finally:
            consumer.close()
    except KafkaError as error:
        raise BrokerLost(f"Kafka at {bootstrap}: {error!r}; nothing was said: see the broker, then run it again") from error


class Topics:
    """Committed records of topics.

    Args:
        consumer: a client of no group that reads committed records only.
        prefix: in front of every topic's name.
    """

    def __init__(self, consumer: KafkaConsumer, prefix: str) -> None:
        self._consumer, self.prefix = consumer, prefix

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0: there is none of that name."""
        return len(self._consumer.partitions_for_topic(f"{self.prefix}{topic}") or ())

    def bounds(self, topic: str, number: int) -> tuple[int, int]:
        """Offset of the first record that is kept, and the one behind the last."""
        place = TopicPartition(f"{self.prefix}{topic}", number)
        return self._consumer.beginning_offsets([place])[place], self._consumer.end_offsets([place])[place]

    def records(self, topic: str, number: int, first: int | None = None, end: int | None = None) -> Iterator[Any]:
        """Records of a partition as the client gives them, removed keys among them.

        Args:
            topic: its name without the prefix.
            number: the partition.
            first: offset to begin with; by default the first that is kept.
            end: offset to stop before; by default the end of now.
        """
        place = TopicPartition(f"{self.prefix}{topic}", number)
        self._consumer.assign([place])
        now = self._consumer.end_offsets([place])[place]
        end = now if end is None else min(end, now)
        if first is None:
            self._consumer.seek_to_beginning(place)
        else:
            self._consumer.seek(place, first)
        # The position, not the last record: marks of transactions take offsets too, and compaction leaves holes.
        while self._consumer.position(place) < end:
            for record in self._consumer.poll(timeout_ms=500).get(place, ()):
                if record.offset >= end:
                    return
                yield record

    def values(
        self, topic: str, numbers: Iterable[int], since: int | None = None, ends: Mapping[int, int] | None = None
    ) -> Iterator[bytes]:
        """Values of a topic, partition after partition; removed keys are passed over.

        Args:
            topic: its name without the prefix.
            numbers: partitions to read.
            since: only records that the broker took at or after this instant (ms).
            ends: offsets to stop before, by partition; by default the ends of now.
        """
        for _, value in self.pairs(topic, numbers, since, ends):
            if value is not None:
                yield value

    def pairs(
        self, topic: str, numbers: Iterable[int], since: int | None = None, ends: Mapping[int, int] | None = None
    ) -> Iterator[tuple[bytes | None, bytes | None]]:
        """Keys and values; as ``values``."""
        for number in numbers:
            place = TopicPartition(f"{self.prefix}{topic}", number)
            self._consumer.assign([place])
            end = self._consumer.end_offsets([place])[place]
            if ends is not None:
                end = min(end, ends.get(number, end))
            if since is None:
                self._consumer.seek_to_beginning(place)
            else:
                found = self._consumer.offsets_for_times({place: since})[place]
                self._consumer.seek(place, end if found is None else found.offset)
            # The position, not the last record: marks of transactions take offsets too, and compaction leaves holes.
            while self._consumer.position(place) < end:
                for record in self._consumer.poll(timeout_ms=500).get(place, ()):
                    if record.offset < end:
                        yield record.key, record.value

    def events(self, numbers: Iterable[int], since: int | None = None, ends: Mapping[int, int] | None = None) -> Iterator[Event]:
        """Events of the log, as detection is given them.

        Raises:
            StateError: a record of the log is no frame.
        """
        for value in self.values("events", numbers, since, ends):
            try:
                found = decode_frame(value)
            except StateError as error:
                raise StateError(f"{self.prefix}events has a record that is no frame: {error.__cause__}") from error
            yield from found
