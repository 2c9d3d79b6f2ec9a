"""The log of a partition as a file that ``vigie run`` judges again: each event with the stamps, late marks and ticks it carried.

What comes of the file is what the live worker said of those frames, to the byte: that is how a decision is explained a month
later, and how the failure tests know that a killed worker lost nothing.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from detectors.errors import StateError, VigieError
from streams.durable import sync_directory
from streams.errors import UsageError
from streams.frames import decode_frame
from streams.progress import Progress
from streams.wire import to_line

#: Frames have 100 to 200 KiB: some tens of them in one answer of the broker.
FETCH_BYTES = 8 * 2**20
#: Level 1 packs a log of calls to a sixth; level 9 to a seventh, in five times the time.
GZIP_LEVEL = 1


class BrokerLost(VigieError):
    """A broker that answered at first could not be used to the end. The message names it and the reason."""

    exit_status = 3


@contextmanager
def broker_errors(bootstrap: str) -> Iterator[None]:
    """What runs inside ends with one line when Kafka does.

    Raises:
        BrokerLost: in the place of any error of the client.
    """
    try:
        yield
    except KafkaError as error:
        raise BrokerLost(f"Kafka at {bootstrap}: {error}; what was begun is not finished: see the broker, then run it again") from error


class Exported(msgspec.Struct, frozen=True):
    """One partition in a file.

    Args:
        partition: its number.
        path: the file.
        first: offset of the first frame.
        behind: offset behind the last one.
        events: lines below the header.
    """

    partition: int
    path: Path
    first: int
    behind: int
    events: int


async def export_log(
    bootstrap: str,
    topic: str,
    partitions: int,
    files: Mapping[int, Path],
    progress: Progress,
    *,
    since: int | None = None,
    before: int | None = None,
    version: str = "",
) -> list[Exported]:
    """Write partitions of the log to files; a file appears when it is whole.

    Args:
        bootstrap: a broker's host and port.
        topic: the log of events.
        partitions: how many it has.
        files: partition to file; ``.gz`` at its end compresses.
        progress: told of frames and events.
        since: offset of the first frame, by default the first that is kept.
        before: offset of the first frame no more written, by default the end of the log at this moment.
        version: of vigie, for the header.

    Raises:
        UsageError: no such partition, or frames asked for are not in the log any more, or not yet.
        StateError: a record of the log is no frame.
        BrokerLost: Kafka went away.
    """
    for number in files:
        if number >= partitions:
            raise UsageError(f"{topic} has no partition {number}; it has {partitions}")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none", max_partition_fetch_bytes=FETCH_BYTES
    )
    with broker_errors(bootstrap):
        async with consumer:
            return await _export_all(consumer, topic, files, since, before, version, progress)


async def _export_all(
    consumer: AIOKafkaConsumer,
    topic: str,
    files: Mapping[int, Path],
    since: int | None,
    before: int | None,
    version: str,
    progress: Progress,
) -> list[Exported]:
    partitions = [TopicPartition(topic, number) for number in sorted(files)]
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    ranges = {one: _range(one, since, before, begins[one], ends[one]) for one in partitions}
    progress.stage("exporting", sum(end - first for first, end in ranges.values()), "events")
    done: list[Exported] = []
    for one, (first, end) in ranges.items():
        # Placed at once, before anything is awaited: no default position can come between.
        consumer.assign([one])
        consumer.seek(one, first)
        done.append(await _export(consumer, one, first, end, files[one.partition], version, done, progress))
    return done


def _range(one: TopicPartition, since: int | None, before: int | None, begin: int, end: int) -> tuple[int, int]:
    first, last = begin if since is None else since, end if before is None else before
    if first < begin:
        raise UsageError(f"{one.topic}/{one.partition}: frame {first} is kept no more; the log begins at {begin}")
    if last > end:
        raise UsageError(f"{one.topic}/{one.partition}: frame {last - 1} is not written yet; the log ends before {end}")
    if first > last:
        raise UsageError(f"{one.topic}/{one.partition}: --from {first} is behind --to {last}")
    return first, last


async def _export(
    consumer: AIOKafkaConsumer,
    one: TopicPartition,
    first: int,
    end: int,
    path: Path,
    version: str,
    before: list[Exported],
    progress: Progress,
) -> Exported:
    frames, events = sum(done.behind - done.first for done in before), sum(done.events for done in before)
    written = 0
    with _replaced(path) as out:
        header = {"kind": "log", "v": 1, "partition": one.partition, "offset": first, "version": version}
        out.write(json.dumps(header, separators=(",", ":")).encode() + b"\n")
        async for record in _records(consumer, one, end):
            try:
                found = decode_frame(record.value or b"")
            except StateError as error:
                raise StateError(f"{one.topic}/{one.partition}: record {record.offset} is no frame: {error.__cause__}") from error
            for event in found:
                out.write(to_line(event) + b"\n")
            written += len(found)
            progress.advance(frames + record.offset + 1 - first, events + written)
    return Exported(one.partition, path, first, end, written)


async def _records(consumer: AIOKafkaConsumer, one: TopicPartition, end: int) -> AsyncIterator[ConsumerRecord]:
    # The position, not the last record seen: whatever else takes an offset must not make this wait for ever.
    while await consumer.position(one) < end:
        for record in (await consumer.getmany(one, timeout_ms=1000)).get(one, ()):
            if record.offset >= end:
                return
            yield record


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when the block ends without an error."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            if path.name.endswith(".gz"):
                # No name and no time in it: the same frames are the same bytes.
                with gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as packed:
                    yield cast(BinaryIO, packed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    os.replace(temporary, path)
    sync_directory(path.parent)
