"""A partition as it was, and its log from there on, judged again under other policies: what a live "what if" stands on.

Everything is read as committed, by a client of no group and without a producer: nothing here can fence the worker that owns the
partition, nor move its place.

What the topic of checkpoints keeps decides where to begin. It is compacted: of what was cleaned only the newest value of each key is
left, and with it no snapshot but one that may lack a key which changed a moment later. Behind what was cleaned every transaction is
whole, so every one of them ends with a snapshot: minutes on a busy partition, up to a day (``max.compaction.lag.ms``) on a quiet one.
For a range that begins before that, the state is built anew from the first frame of the log that is kept; facts, exemptions and
reference data older than that come from their own topics, which are kept as long as the log for this very reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from detectors import changes
from detectors.errors import ContractError, StateError
from detectors.events import Call, Event, Exemption, Licence, Message, ModelEvent, PolicyEvent, Reference, Registration, Tenant, Tick, rank
from detectors.outputs import Output
from detectors.state import PartitionState, decode
from detectors.step import Partition
from streams.errors import UsageError
from streams.frames import decode_frame
from streams.live.bootstrap import HISTORY
from streams.live.checkpoints import NEXT
from streams.live.records import Topics
from streams.partition import partition_of
from streams.wire import Wire

#: What happens to licences or tells the time; facts bear dates of long ago.
_DATED = (Registration, Call, Message, Tick)
#: What changes judgement and stands in topics of its own. Policies are not among it: those that are compared take their place.
_SEEDS = (Tenant, Licence, Exemption, Reference, ModelEvent)
#: Frames at the beginning of a log among which its first instant is looked for: a new system's log begins with all its customers.
_LOOKED_THROUGH = 50


class Kept(msgspec.Struct, frozen=True):
    """What the topics keep of a partition.

    Args:
        partition: its number.
        begin: offset of the first frame.
        end: offset behind the last one.
        first: instant (ms) at which the log begins; None: nothing happened in it.
        snapshot: instant (ms) of the oldest whole snapshot that the log goes on from; None: there is none.
        deep: whether snapshots know more than the log that is kept: frames before it are gone, or history was put in front of it.
        policy: what detection last judged by (empty: the rules' defaults); None: it has written no checkpoint.
    """

    partition: int
    begin: int
    end: int
    first: int | None
    snapshot: int | None
    deep: bool
    policy: dict[str, Any] | None = None


class Snapshot(msgspec.Struct, frozen=True):
    """A partition at the end of a transaction: the latest value of each key, the next frame, and the instant of its clock (ms)."""

    records: dict[bytes, bytes]
    next: int
    at: int


class Whole:
    """Told every record of a partition of checkpoints in order, it knows at which of them a snapshot is whole.

    A transaction ends with ``NEXT`` and takes one offset more for its mark. In what was cleaned at most one ``NEXT`` is left: so behind
    the second one in a row, nothing missing between, everything is as it was written. The first offset of all counts as one: before it
    there was nothing.

    >>> seen = Whole()
    >>> [seen.see(offset, key) for offset, key in ((7, b"p"), (8, NEXT), (10, b"p"), (11, NEXT), (13, NEXT), (20, NEXT))]
    [False, False, False, True, True, False]
    """

    def __init__(self) -> None:
        self._expected, self._marked, self._ends = 0, False, 1

    def see(self, offset: int, key: bytes | None) -> bool:
        """Take a record; True when a whole snapshot ends with it."""
        if offset != self._expected and not (self._marked and offset == self._expected + 1):
            self._ends = 0
        self._expected, self._marked = offset + 1, key == NEXT
        self._ends += self._marked
        return self._marked and self._ends >= 2


def kept(topics: Topics) -> list[Kept]:
    """What the topics keep, of every partition; reads all keys of the checkpoints once (5 MiB per partition, and what is not cleaned).

    Raises:
        UsageError: there are no such topics.
        StateError: a record of the log is no frame.
    """
    found = []
    for number in range(partitions(topics)):
        begin, end = topics.bounds("events", number)
        oldest, newest = None, None
        for newest in _snapshots(topics, number, frozenset((HISTORY, b"p"))):
            if oldest is None and newest.next >= begin:
                oldest = newest.at
        records = newest.records if newest is not None else {}
        state: PartitionState | None = decode("p", records[b"p"]) if b"p" in records else None
        deep, policy = begin > 0 or HISTORY in records, None if state is None else state.policy
        found.append(Kept(number, begin, end, _first(topics, number, begin, end), oldest, deep, policy))
    return found


def partitions(topics: Topics) -> int:
    """How many partitions the log has.

    Raises:
        UsageError: there is none.
    """
    count = topics.partitions("events")
    if not count:
        raise UsageError(f"there is no log {topics.prefix}events on this broker; check --kafka and --prefix, or vigie topics create")
    return count


def begins_whole(one: Kept, since: int) -> bool:
    """Whether there is a whole snapshot at or before an instant."""
    return one.snapshot is not None and one.snapshot <= since


def known_from(found: Iterable[Kept], since: int) -> int | None:
    """The instant (ms) from which everything is known in a range that begins at ``since``; None: as far back as detection itself knows.

    >>> cold = Kept(partition=0, begin=9, end=10, first=1_000, snapshot=8_000, deep=True)
    >>> known_from([cold], 9_000), known_from([cold], 5_000)
    (None, 1000)
    """
    shallow = [one.first for one in found if one.first is not None and not (one.deep and begins_whole(one, since))]
    return max(shallow, default=None)


def _first(topics: Topics, number: int, begin: int, end: int) -> int | None:
    for record in topics.records("events", number, begin, min(end, begin + _LOOKED_THROUGH)):
        for event in _events(record.value):
            if isinstance(event, _DATED):
                return event.time
    return None


def _events(value: bytes | None) -> list[Event]:
    try:
        return decode_frame(value or b"")
    except StateError as error:
        raise StateError(f"the log of events has a record that is no frame: {error.__cause__}") from error


def _snapshots(topics: Topics, number: int, keys: frozenset[bytes] | None = None, until: int | None = None) -> Iterator[Snapshot]:
    """Whole snapshots up to an instant, oldest first; all have the same dictionary, which holds the newest that was given.

    Args:
        topics: committed records.
        number: the partition.
        keys: the only ones wanted; by default all.
        until: the instant (ms); by default all of time.
    """
    whole, at = Whole(), 0
    records: dict[bytes, bytes] = {}
    # Since the last whole snapshot: it must stay as it is until the next one is.
    changed: dict[bytes, bytes | None] = {}
    for record in topics.records("checkpoints", number):
        key, value = record.key or b"", record.value
        if keys is None or key in keys:
            changed[key] = value
        if key == b"p" and value is not None:
            at = changes.clock_of(value)
        if not whole.see(record.offset, key):
            continue
        if until is not None and at > until:
            return
        for name, latest in changed.items():
            if latest is None:
                records.pop(name, None)
            else:
                records[name] = latest
        changed = {}
        yield Snapshot(records, int(value or b"0"), at)


def snapshot_before(topics: Topics, number: int, since: int, begin: int) -> Snapshot | None:
    """The newest whole snapshot of a partition at or before an instant from which the log can be read on.

    Args:
        topics: committed records.
        number: the partition.
        since: the instant (ms).
        begin: offset of the first frame that is kept.
    """
    newest = deque(_snapshots(topics, number, until=since), maxlen=1)
    return newest[0] if newest and newest[0].next >= begin else None


class Began(msgspec.Struct, frozen=True):
    """How a partition was judged.

    Args:
        snapshot: the instant (ms) of the snapshot it began with; None: it began with the log's first frame.
        events: how many.
        last: the instant (ms) of the newest of them; 0: none.
    """

    snapshot: int | None
    events: int
    last: int


def judge(
    topics: Topics,
    one: Kept,
    since: int,
    policies: Sequence[dict[str, Any]],
    told: Sequence[Callable[[Output], object]],
    tell: Callable[[int], object],
) -> Began:
    """Judge a partition's log again, under each policy from the beginning, over the same frames.

    Nothing of it is written anywhere. Timers fire as they did live, by the ticks in the log; policies of the log are left out.

    Args:
        topics: committed records.
        one: the partition, and where its log begins and ends.
        since: where the range begins (ms); what is before only makes the state.
        policies: parsed policies that the rules accept.
        told: for each of them, what is told its outputs.
        tell: told of the frames read so far, of ``one.end - one.begin``.

    Raises:
        StateError: a state or a frame cannot be read, or is kept no longer.
    """
    found = snapshot_before(topics, one.partition, since, one.begin)
    partitions = [_opened(one.partition, found, policy) for policy in policies]
    if found is None and one.begin > 0 and one.first is not None:
        for event in _seeds(topics, one.partition, one.first):
            for partition in partitions:
                partition.step(event)
    start = one.begin if found is None else found.next
    # The records of the snapshot are state now; a partition's worth of memory is worth having back.
    at = None if found is None else found.at
    del found
    events = last = 0
    for expected, record in enumerate(topics.records("events", one.partition, start, one.end), start):
        if record.offset != expected:
            # Nothing but its retention takes frames away; the client then goes on where the log now begins, and says nothing.
            raise StateError(f"frame {expected} of partition {one.partition} was kept no longer when it was to be judged; ask again")
        for partition, listener in zip(partitions, told, strict=True):
            # Decoded for each: what a state keeps of an event is never another's.
            batch = _events(record.value)
            for event in batch:
                if not isinstance(event, PolicyEvent):
                    for output in partition.step(event):
                        listener(output)
        events += len(batch)
        last = max(last, batch[-1].time if batch else 0)
        tell(record.offset + 1 - one.begin)
    return Began(at, events, last)


def _opened(number: int, found: Snapshot | None, policy: dict[str, Any]) -> Partition:
    partition = changes.rebuild(number, found.records.items() if found is not None else ())
    partition.step(PolicyEvent(id="what-if", time=partition.state.now, body=policy))
    return partition


def _seeds(topics: Topics, number: int, first: int) -> list[Event]:
    """What was in force when the log begins: facts and exemptions of the partition's customers, reference data and models."""
    count, read = partitions(topics), Wire().decode
    ours = chain(topics.pairs("accounts", [number]), topics.pairs("exemptions", [number]), topics.pairs("control", [0]))
    found = []
    for _, value in ours:
        if value is None:
            continue
        try:
            event = read(value)
        except ContractError:
            continue  # a dead letter of ingest, or a word to the bridges
        if isinstance(event, _SEEDS) and event.time < first and (not event.tenant or partition_of(event.tenant, count) == number):
            found.append(event)
    return sorted(found, key=lambda event: (event.time, rank(event), event.tenant, event.id))
