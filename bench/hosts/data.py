"""The topics that are judged: the embedded host's partition logs as frames, and the same events one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from streams.frames import decode_frame, encode_event, read_frames
from streams.live.checkpoints import send
from streams.ordering import log_path
from streams.partition import PARTITIONS

#: Records handed to the client at once: what it holds in memory.
_CHUNK = 20_000


class Amount(msgspec.Struct, frozen=True):
    """What a topic holds: events (account facts and broadcasts included), and records."""

    events: int
    records: int


def frames(logs: Path, number: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each frame of a partition. The key is the partition: some peers refuse a record without one."""
    for _, frame in read_frames(log_path(logs, number)):
        yield b"%d" % number, frame


def records(logs: Path, number: int) -> Iterator[tuple[bytes, bytes]]:
    """Key (``tenant/licence``) and value of each event of a partition, in the order of the log."""
    for _, frame in read_frames(log_path(logs, number)):
        for event in decode_frame(frame):
            yield f"{event.tenant}/{event.licence}".encode(), encode_event(event)


def amounts(logs: Path) -> tuple[Amount, Amount]:
    """What the topic of frames and the topic of records will hold."""
    counts = [len(decode_frame(frame)) for number in range(PARTITIONS) for _, frame in read_frames(log_path(logs, number))]
    return Amount(sum(counts), len(counts)), Amount(sum(counts), sum(counts))


def create_topic(bootstrap: str, topic: str) -> None:
    """A topic outside the contracts, with as many partitions as the log."""
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}}, wait_for_metadata=True)


def produce(bootstrap: str, topic: str, partitions: Iterable[tuple[int, Iterable[tuple[bytes, bytes]]]]) -> None:
    """Write records to their partitions, and return when the broker has all."""
    asyncio.run(_produce(bootstrap, topic, partitions))


async def _produce(bootstrap: str, topic: str, partitions: Iterable[tuple[int, Iterable[tuple[bytes, bytes]]]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=512 * 1024, max_request_size=2**21)
    await producer.start()
    try:
        for number, found in partitions:
            rest = iter(found)
            while chunk := list(islice(rest, _CHUNK)):
                await asyncio.gather(*await send(producer, topic, number, chunk))
    finally:
        await producer.stop()


def ends(bootstrap: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
    """The end offset of each partition of some topics."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        places = [TopicPartition(topic, number) for topic in topics for number in sorted(consumer.partitions_for_topic(topic) or ())]
        return {(place.topic, place.partition): end for place, end in consumer.end_offsets(places).items()}
    finally:
        consumer.close()


def landed(bootstrap: str, topic: str) -> list[tuple[float, int]]:
    """When (seconds of the broker's clock) each frame of a topic landed, and how many events it holds; sorted."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    found = []
    try:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        last = consumer.end_offsets(places)
        consumer.seek_to_beginning(*places)
        while any(consumer.position(place) < last[place] for place in places):
            for batch in consumer.poll(timeout_ms=1000).values():
                found += [(record.timestamp / 1000, len(decode_frame(record.value))) for record in batch]
    finally:
        consumer.close()
    return sorted(found)
