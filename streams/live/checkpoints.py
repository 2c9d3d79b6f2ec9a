"""The topic of checkpoints: what a partition was when its last transaction committed, and the frame to apply next.

Keys and values are those of ``detectors.changes``, and one of the host's own, ``NEXT``. They are written in whole batches: per
record aiokafka's ``send`` costs 40 µs of Python, and a busy second has thousands of changed states.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from detectors.errors import StateError

#: Key of the next frame offset, in decimal digits. No key of ``detectors.changes`` begins with a zero byte.
NEXT = b"\0next"
#: Kafka's default for a record, and design.md's limit for a state.
LARGEST = 1024 * 1024 - 1024
#: Large batches: one is on its way per topic and partition at a time, and each costs the broker's answer.
BATCH_BYTES = 512 * 1024
#: What a dead owner left open holds back every reader of committed records until then; ours take milliseconds.
TRANSACTION_MS = 10_000


class Saved(NamedTuple):
    """A partition's checkpoint: the latest value of each key, and the next frame offset (None: there never was one)."""

    records: dict[bytes, bytes]
    next: int | None


def transactional_id(app: str, number: int) -> str:
    """Name under which a partition's owner writes. Whoever starts a producer of this name fences the former one.

    >>> transactional_id("vigie.detect", 3)
    'vigie.detect-3'
    """
    return f"{app}-{number}"


def new_producer(bootstrap: str, app: str, number: int) -> AIOKafkaProducer:
    """The producer of a partition's owner. Starting it fences the former owner and ends what that one left open."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        transactional_id=transactional_id(app, number),
        transaction_timeout_ms=TRANSACTION_MS,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=10_000,
    )


async def send(
    producer: AIOKafkaProducer, topic: str, number: int, records: Iterable[tuple[bytes | None, bytes | None]]
) -> list[asyncio.Future[object]]:
    """Hand records to a producer, in order, as few batches.

    Returns:
        One future per batch; it is done when the broker has the batch.

    Raises:
        StateError: a record is larger than Kafka takes.
    """
    sent = []
    batch = producer.create_batch()
    for key, value in records:
        if value is not None and len(value) > LARGEST:
            raise StateError(
                f"a record for {topic} with the key {key!r} has {len(value):,} bytes, {LARGEST:,} are the most; "
                "lower the policy's capacities, or erase that licence"
            )
        if batch.append(timestamp=None, key=key, value=value) is None:
            sent.append(await producer.send_batch(batch, topic, partition=number))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    if batch.record_count():
        sent.append(await producer.send_batch(batch, topic, partition=number))
    return sent


async def read_saved(bootstrap: str, topic: str, number: int) -> Saved:
    """Read a partition's checkpoint to its end; only after its former owner was fenced is that end the last one."""
    tp = TopicPartition(topic, number)
    # `auto_offset_reset`, not `seek_to_beginning`: that one races with the default reset to the end.
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )  # fmt: skip
    records: dict[bytes, bytes] = {}
    await reader.start()
    try:
        reader.assign([tp])
        end = (await reader.end_offsets([tp]))[tp]
        # The position, not the last record: commit markers take offsets too.
        while await reader.position(tp) < end:
            for record in (await reader.getmany(tp, timeout_ms=200, max_records=10_000)).get(tp, []):
                if record.value is None:
                    records.pop(record.key, None)
                else:
                    records[record.key] = record.value
    finally:
        await reader.stop()
    next_ = records.pop(NEXT, None)
    return Saved(records, None if next_ is None else int(next_))
