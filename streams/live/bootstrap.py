"""History into the checkpoints, so that the first live day knows the year before it.

The embedded host judges the files, at its own speed; what it knows in the end becomes each partition's checkpoint, as if the live
worker had judged that history and stopped at the end of the log as it is now. History suspends nobody: its findings are at most
``review``, and none is produced to a topic.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from detectors import changes
from detectors.errors import VigieError
from detectors.events import Event
from detectors.state import REVIEW_TIMER, LicenceState, decode, encode
from detectors.step import Partition
from streams import embedded
from streams.collector import fewer_collections
from streams.detecting import Judge, Task
from streams.durable import replace_file
from streams.embedded import Judged, Settings
from streams.errors import UsageError
from streams.journal import NAME as JOURNAL
from streams.journal import Journal
from streams.live.checkpoints import BATCH_BYTES, NEXT, Saved, read_saved, send, transactional_id
from streams.live.export import broker_errors
from streams.lock import own
from streams.progress import Progress
from streams.sources import log_header
from streams.times import format_time

#: Key of the instant at which a partition's history ends, in milliseconds, as decimal digits.
HISTORY = b"\0history"
#: A partition's whole state in one transaction: at most 100 MB, over a line of 20 Mbit/s.
_TRANSACTION_MS = 60_000
#: Snapshots are for runs that are resumed; this one begins anew.
_NEVER = 1 << 62

_Records = dict[bytes, bytes]


class Target(msgspec.Struct, frozen=True):
    """Where the state goes.

    Args:
        bootstrap: a broker's host and port.
        prefix: in front of every topic's name.
        partitions: how many the log has.
        app: name of the detect workers; with the partition it is their transactional id.
        replace: whether checkpoints that are there may be replaced.
    """

    bootstrap: str
    prefix: str
    partitions: int
    app: str
    replace: bool = False


class Seeded(msgspec.Struct, frozen=True):
    """The checkpoint of one partition.

    Args:
        partition: its number.
        licences: how many the history knows.
        bytes: of all values.
        next: offset of the first frame that detect will apply; those before it are never judged.
        skipped: frames of the log before it.
        carried: licences whose restrictions, decided live, were kept from the former checkpoint.
    """

    partition: int
    licences: int
    bytes: int
    next: int
    skipped: int
    carried: int


class CheckpointExists(VigieError):
    """A partition has a checkpoint already: detect ran, or a bootstrap did. The message says how to replace it."""

    exit_status = 2


def bootstrap(settings: Settings, target: Target, until: int, progress: Progress, out: Path | None = None) -> list[Seeded]:
    """Judge history and seed the checkpoints of all partitions with what it leaves.

    Args:
        settings: inputs, policy and databases; what it says of directory, period and processes does not matter.
        target: the log and its workers.
        until: where history ends, ms; what happens from then on must come live. Timers fire up to here.
        progress: a listener.
        out: directory for the findings of the history, in the files of a run; by default they are not kept.

    Raises:
        UsageError: history that ends in the future or comes as an exported log.
        CheckpointExists: there is a checkpoint, and it may not be replaced.
        VigieError: as for a run.
    """
    if until > time.time() * 1000:
        raise UsageError(f"--until {format_time(until)} lies ahead: days that nobody has seen yet would be closed as quiet ones")
    for one in settings.inputs:
        if log_header(one.path) is not None:
            raise UsageError(f"{one.path}: is an exported log; a bootstrap takes what producers and provisioning sent")
    # Before hours of work, and again before each is written.
    with broker_errors(target.bootstrap):
        asyncio.run(_require_none(target))
    with tempfile.TemporaryDirectory(prefix="vigie-bootstrap-") as scratch:
        period = msgspec.structs.replace(
            settings, out=out or Path(scratch), since=None, before=until, until=until, resume=False, partitions=target.partitions
        )
        return _bootstrap(period, target, until, progress, publish=out is not None)


def _bootstrap(settings: Settings, target: Target, until: int, progress: Progress, publish: bool) -> list[Seeded]:
    settings.out.mkdir(parents=True, exist_ok=True)
    with own(settings.out), fewer_collections():
        work = settings.out / embedded.WORK
        journal = embedded.begin(settings, work)
        located = embedded.read_and_order(settings, work, journal, False, progress)
        task = Task(work, until, _NEVER, tuple(one.path for one in journal.read.inputs))
        progress.stage("judging", sum(journal.order.events), "events")
        for number in range(settings.partitions):
            done = sum(journal.order.events[:number])
            history = _History(task, number, journal)
            history.run(journal.order.logs[number], lambda events, done=done: progress.advance(done + events, done + events))  # type: ignore[misc]
            replace_file(_seed_path(work, number), msgspec.msgpack.encode(changes.collect(history.partition)))
        snapshots = embedded.snapshots_of(work, journal)
        if publish:
            embedded.publish_results(settings, Judged(work=work, journal=journal, snapshots=snapshots, located=located))
        progress.stage("seeding", settings.partitions, "events")
        with broker_errors(target.bootstrap):
            seeded = asyncio.run(_seed(target, work, until, progress))
        (work / JOURNAL).unlink()
        shutil.rmtree(work)
        return seeded


class _History(Judge):
    """Judges a partition's log up to where history ends."""

    def __init__(self, task: Task, number: int, journal: Journal) -> None:
        super().__init__(task, number)
        self.partition = self._partition = Partition(number, origin="bootstrap")
        self._journal = journal

    def _frame(self, events: list[Event]) -> None:
        # Facts are read whatever their date. One of next month would close the days until then, and provisioning's topic has it.
        later = [event for event in events if event.time >= self._until]
        for event in later:
            if event.tenant or not self._number:
                count = self._journal.read.inputs[int(event.src)]
                count.read, count.outside = count.read - 1, count.outside + 1
        super()._frame([event for event in events if event.time < self._until] if later else events)


def _seed_path(work: Path, number: int) -> Path:
    return work / f"seed-{number}"


async def _require_none(target: Target) -> None:
    if not target.replace:
        for number in range(target.partitions):
            _refuse(target, number, await read_saved(target.bootstrap, f"{target.prefix}checkpoints", number))


def _refuse(target: Target, number: int, there: Saved) -> None:
    if (there.records or there.next is not None) and not target.replace:
        raise CheckpointExists(
            f"partition {number} has a checkpoint of {len(there.records)} keys, its next frame is {there.next}; stop detect and add "
            "--replace to put the history in its place, or choose another --prefix"
        )


async def _seed(target: Target, work: Path, until: int, progress: Progress) -> list[Seeded]:
    seeded = []
    for number in range(target.partitions):
        found: list[tuple[bytes, bytes]] = msgspec.msgpack.decode(_seed_path(work, number).read_bytes(), type=list[tuple[bytes, bytes]])
        seeded.append(await _write(target, number, dict(found), until))
        progress.advance(number + 1, number + 1)
    return seeded


async def _write(target: Target, number: int, state: _Records, until: int) -> Seeded:
    """One partition in one transaction: a worker that opens it finds all of the history, or nothing of it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=target.bootstrap,
        transactional_id=transactional_id(target.app, number),
        transaction_timeout_ms=_TRANSACTION_MS,
        max_batch_size=BATCH_BYTES,
    )
    topic = f"{target.prefix}checkpoints"
    # Fences a worker that still runs: what it goes on to write is refused, so that the mistake is seen.
    await producer.start()
    try:
        there = await read_saved(target.bootstrap, topic, number)
        _refuse(target, number, there)
        carried = carry(there.records, state)
        begin, end = await _bounds(target, number)
        gone = [(key, None) for key in there.records if key not in state]
        own_keys = [(HISTORY, b"%d" % until), (NEXT, b"%d" % end)]
        async with producer.transaction():
            await asyncio.gather(*await send(producer, topic, number, [*gone, *state.items(), *own_keys]))
    finally:
        await producer.stop()
    licences = sum(key.startswith(b"l/") for key in state)
    return Seeded(number, licences, sum(map(len, state.values())), end, end - begin, carried)


def carry(there: Mapping[bytes, bytes], state: _Records) -> int:
    """Keep what was decided live: restrictions in force, with their epoch and sequence.

    History decides nothing, so without this a restriction in force would be forgotten and never lifted, and the next decision of
    the licence would begin at a sequence that the bridges take for an old one.

    Args:
        there: the former checkpoint.
        state: the new one; licences are changed in place.

    Returns:
        How many licences were changed or added.
    """
    carried = 0
    for key, value in sorted(there.items()):
        if not key.startswith(b"l/"):
            continue
        old: LicenceState = decode("l", value)
        if not old.standing.sequence:
            continue
        carried += 1
        if key not in state:
            state[key] = value
            tenant = f"t/{old.tenant}".encode()
            if tenant in there:
                state.setdefault(tenant, there[tenant])
            continue
        new: LicenceState = decode("l", state[key])
        new.standing = old.standing
        if REVIEW_TIMER in old.timers:
            new.timers[REVIEW_TIMER] = old.timers[REVIEW_TIMER]
        state[key] = encode(new)
    return carried


async def _bounds(target: Target, number: int) -> tuple[int, int]:
    one = TopicPartition(f"{target.prefix}events", number)
    async with AIOKafkaConsumer(bootstrap_servers=target.bootstrap, enable_auto_commit=False) as reader:
        return (await reader.beginning_offsets([one]))[one], (await reader.end_offsets([one]))[one]
