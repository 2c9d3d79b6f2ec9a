"""The topics of the wire contracts, as data: how each is laid out, and why.

Every number that can lose data, keep it too long or slow a recovery is here, reviewed in one place. ``vigie topics create`` makes
what is missing; nothing alters a topic that is there: a shorter retention deletes at once what nobody can bring back, and another
number of partitions moves customers away from their state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from streams.partition import PARTITIONS

PREFIX = "vigie."
#: Three copies, of which two must have a record before it counts: one broker may be down and nothing stops, nothing is lost.
REPLICATION = 3

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_KIB = 1024
_MIB = 1024 * _KIB

#: How long the log of events is kept. It must outlive the longest stop of a detect worker (its next offset must still be there
#: when it comes back, or the partition stays stopped until an operator accepts the loss) plus what a replay of the last billing
#: month needs: 31 days and a long weekend. Not more, for it is traffic data of people; the year of days that rules look back on
#: lives in the checkpoints, the evidence in the alerts.
EVENTS_DAYS = 35
#: What a person may be asked about for a year (a bill, a suspension, a verdict, the 365 days of `abroad-total`), and the log's
#: own time on top, so that a question about the oldest day still finds its records.
LONG_DAYS = 365 + EVENTS_DAYS
#: Inputs are copied into the log within seconds. They outlive an ingest that is down over a bridged bank holiday.
INPUT_DAYS = 7

Key = Literal["tenant", "tenant/licence", "kind/tenant[/licence]", "tenant/exemption_id", "name", "state key", "none"]


class Topic(msgspec.Struct, frozen=True):
    """One topic.

    Args:
        name: without the prefix.
        key: what a record's key means. Whatever it is, the partition is that of the tenant.
        settings: what Kafka calls topic configs, those that differ from topic to topic.
        single: it has one partition, whatever the others have.
        per_pbx: a PBX may have one of its own instead, ``<name>.<pbx>``, with the same settings.
    """

    name: str
    key: Key
    settings: dict[str, str]
    single: bool = False
    per_pbx: bool = False


def group(prefix: str, process: str) -> str:
    """Consumer group of the processes of one kind, and for detect the first part of their transactional names.

    It is the prefix as it stands: two prefixes on one cluster never share a group, or one would fence the other's writers.

    >>> group("vigie.", "detect")
    'vigie.detect'
    """
    return f"{prefix}{process}"


class Existing(msgspec.Struct, frozen=True):
    """What a broker says of a topic.

    Args:
        partitions: how many it has.
        replication: copies of each partition; the least of them all.
        settings: every config in force, defaults included.
    """

    partitions: int
    replication: int
    settings: dict[str, str]


class Difference(msgspec.Struct, frozen=True, order=True):
    """One thing that is not as it must be; ``setting`` is ``topic`` when the topic itself is missing."""

    topic: str
    setting: str
    found: str
    wanted: str


class Layout(msgspec.Struct, frozen=True):
    """What an operator chooses.

    Args:
        prefix: in front of every name.
        partitions: of every topic that ingest and detect join; None: as many as the log of events has.
        replication: copies of each partition; None: as many as each topic has.
        pbxes: PBXes with input topics of their own.
    """

    prefix: str = PREFIX
    partitions: int | None = PARTITIONS
    replication: int | None = REPLICATION
    pbxes: tuple[str, ...] = ()


def _deleted(days: float, *, roll_ms: int = _DAY, message_bytes: int = _MIB) -> dict[str, str]:
    """A topic whose records are kept for some days.

    Only a segment that is full or ``roll_ms`` old is ever deleted: with Kafka's 7 days a quiet topic would keep personal data a
    week longer than it says.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(round(days * _DAY)),
        # Time decides alone: a limit in bytes would shorten the log when traffic grows, which is when it is needed.
        "retention.bytes": "-1",
        "segment.ms": str(roll_ms),
        "max.message.bytes": str(message_bytes),
    }


def _compacted(
    *, lag_ms: int, tombstones_ms: int, max_lag_ms: int, dirty: str, segment_bytes: int, roll_ms: int, message_bytes: int = _MIB
) -> dict[str, str]:
    """A topic of which the last record of each key is kept for ever.

    Args:
        lag_ms: how long every record stays, superseded or not.
        tombstones_ms: how long a reader has to see that a key was removed.
        max_lag_ms: after this a superseded or removed record is gone from the disk: the bound of an erasure.
        dirty: share of a partition that may be superseded records before it is cleaned.
        segment_bytes: the segment being written is never cleaned.
        roll_ms: age after which a segment is closed although it is not full.
        message_bytes: the largest batch.
    """
    return {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(lag_ms),
        "delete.retention.ms": str(tombstones_ms),
        "max.compaction.lag.ms": str(max_lag_ms),
        "min.cleanable.dirty.ratio": dirty,
        "segment.bytes": str(segment_bytes),
        "segment.ms": str(roll_ms),
        "max.message.bytes": str(message_bytes),
    }


#: On every topic.
COMMON = {
    # Event time is in the value alone. With the producer's time a replay of last quarter would be deleted as it arrives, and
    # nobody could say when a decision was published (the bridge holds those published too late).
    "message.timestamp.type": "LogAppendTime",
    # A copy that lags may not lead: it lacks records that were acknowledged, its offsets would be given twice, and detect
    # counts by offsets.
    "unclean.leader.election.enable": "false",
    # As the producer compressed it: recompressing frames costs the broker a core for nothing.
    "compression.type": "producer",
}

# Registrations and calls are small, and an object over 64 KiB is a dead letter: the topic must let it in to be one. A batch
# of many may be larger. That is Kafka's own 1 MiB, said so that a broker's other default does not change it.
_INPUT = _deleted(INPUT_DAYS)

TOPICS = (
    Topic("registrations", "tenant", _INPUT, per_pbx=True),
    Topic("calls", "tenant", _INPUT, per_pbx=True),
    # Read from the beginning by every ingest that starts, so kept for ever; cleaned often, for a few MiB are read faster.
    # A fact may be dated ahead: the one it supersedes stays in force until then, and must not be cleaned away before. A
    # change is announced for the next bill at most, and a replay of the log starts with the facts of its first day.
    Topic(
        "accounts",
        "kind/tenant[/licence]",
        _compacted(
            lag_ms=EVENTS_DAYS * _DAY,
            tombstones_ms=EVENTS_DAYS * _DAY,  # an ingest that was down for less sees the removal
            max_lag_ms=(EVENTS_DAYS + 1) * _DAY,
            dirty="0.1",
            segment_bytes=64 * _MIB,
            roll_ms=_DAY,
        ),
    ),
    # A verdict binds its episode, and an episode may last as long as the window of `abroad-total`.
    Topic("reviews", "tenant", _deleted(LONG_DAYS)),
    # Mandatory end dates make them few. Days are judged anew up to 365 days back when an exemption arrives, so a superseded
    # one stays as long as the log it was applied in.
    Topic(
        "exemptions",
        "tenant/exemption_id",
        _compacted(
            lag_ms=EVENTS_DAYS * _DAY,
            tombstones_ms=EVENTS_DAYS * _DAY,
            max_lag_ms=(EVENTS_DAYS + 1) * _DAY,
            dirty="0.1",
            segment_bytes=64 * _MIB,
            roll_ms=_DAY,
        ),
    ),
    # Computed from the log, so kept as long: `vigie features` makes them again from it.
    Topic("features", "tenant", _deleted(EVENTS_DAYS)),
    # An input like the others: ingest puts them into frames.
    Topic("scores", "tenant", _INPUT),
    # One partition: two policies must have an order, and ingest copies each to every partition of the log. Long, for an
    # alert names the policy version that made it, and somebody will ask what it said.
    Topic("control", "name", _deleted(LONG_DAYS), single=True),
    # Between two stages of ingest; a record waits here for milliseconds. A day is a stop over night. Rolled every hour, or
    # a day would be two.
    Topic("rekeyed", "tenant", _deleted(1, roll_ms=_HOUR)),
    # Frames: some hundreds of events, 100 to 200 KiB; one recorded event may have 128 KiB, so a frame that is closed at 1 MiB
    # can pass it by that. Twice is room, and a fetch of 8 MiB still holds several.
    Topic("events", "none", _deleted(EVENTS_DAYS, message_bytes=2 * _MIB)),
    # Read to its end whenever a partition moves: seconds of recovery are bytes in it. 2,500 licences of a partition are 5 MiB
    # of state, written anew all the time, so: small segments, closed after ten minutes, cleaned when a fifth is superseded.
    # Nobody reads its past: no lag. Its removals matter only to a reader between its first and its last record: an hour. A
    # value never reaches 1 MiB, its batch has a head and a key.
    Topic(
        "checkpoints",
        "state key",
        _compacted(
            lag_ms=0,
            tombstones_ms=_HOUR,
            max_lag_ms=_DAY,  # an erased licence's state is gone from the disk by then
            dirty="0.2",
            # What is not cleaned yet is read by whoever opens the partition: with 32 MiB, first frames came 2 s later.
            segment_bytes=8 * _MIB,
            roll_ms=10 * _MINUTE,
            message_bytes=2 * _MIB,
        ),
    ),
    # An alert has at most 16 KiB of facts and 50 pieces of evidence, no clear number.
    Topic("alerts", "tenant", _deleted(LONG_DAYS)),
    Topic("metering", "tenant", _deleted(LONG_DAYS)),
    # The current record of each licence, for a bridge that starts. A week of superseded ones, so that a person who asks why a
    # phone was cut off on Monday and back on Tuesday sees both. A tombstone follows long after the lift, except on erasure: a
    # bridge that was down for less than a month sees it.
    Topic(
        "suspensions",
        "tenant/licence",
        _compacted(
            lag_ms=7 * _DAY,
            tombstones_ms=30 * _DAY,
            max_lag_ms=30 * _DAY,
            dirty="0.1",
            segment_bytes=64 * _MIB,
            roll_ms=_DAY,
        ),
    ),
    # Receipts prove that a decision was applied; the console keeps them with the case. Heartbeats are worth a day.
    Topic("applied", "tenant/licence", _deleted(EVENTS_DAYS)),
    # The raw record, for whoever repairs the producer: 30 days, as the contract says. Raw bytes are cut to 4 KiB.
    Topic("dead-letters", "none", _deleted(30)),
)


class Wanted(msgspec.Struct, frozen=True):
    """One topic as it must be on a broker, its full name included."""

    name: str
    partitions: int
    replication: int
    settings: dict[str, str]


def wanted(layout: Layout, existing: Mapping[str, Existing] | None = None) -> list[Wanted]:
    """Every topic of the contracts, sorted by name; topics of a PBX of its own that exist are among them.

    Args:
        layout: what the operator chose.
        existing: what is there; gives the numbers that the layout leaves open.

    >>> [topic.name for topic in wanted(Layout(prefix="test."))][:3]
    ['test.accounts', 'test.alerts', 'test.applied']
    >>> [topic.name for topic in wanted(Layout(pbxes=("paris",))) if "calls" in topic.name]
    ['vigie.calls', 'vigie.calls.paris']
    """
    there = existing or {}
    log = there.get(f"{layout.prefix}events")
    joined = layout.partitions or (log.partitions if log else PARTITIONS)
    found = []
    for topic in TOPICS:
        for name in sorted(_names(topic, layout, there)):
            one = there.get(name)
            copies = layout.replication or (one.replication if one else REPLICATION)
            # One copy may be missing; with a single copy that one must be there.
            settings = {**COMMON, **topic.settings, "min.insync.replicas": str(max(1, copies - 1))}
            found.append(Wanted(name, 1 if topic.single else joined, copies, dict(sorted(settings.items()))))
    return sorted(found, key=lambda one: one.name)


def _names(topic: Topic, layout: Layout, existing: Iterable[str]) -> set[str]:
    name = layout.prefix + topic.name
    if not topic.per_pbx:
        return {name}
    return {name, *(f"{name}.{pbx}" for pbx in layout.pbxes), *(one for one in existing if one.startswith(f"{name}."))}


def plan(existing: Mapping[str, Existing], layout: Layout) -> list[Difference]:
    """What differs between a broker and the contracts, sorted by topic and setting; empty when nothing does.

    Args:
        existing: topics of the broker by name; others than ours do not matter.
        layout: what the operator chose.

    >>> plan({}, Layout())[0]
    Difference(topic='vigie.accounts', setting='topic', found='missing', wanted='8 partitions')
    """
    differences = []
    for topic in wanted(layout, existing):
        there = existing.get(topic.name)
        if there is None:
            partitions = f"{topic.partitions} partition{'s' if topic.partitions != 1 else ''}"
            differences.append(Difference(topic.name, "topic", "missing", partitions))
            continue
        pairs = [
            ("partitions", str(there.partitions), str(topic.partitions)),
            ("replication", str(there.replication), str(topic.replication)),
        ]
        pairs += [(name, there.settings.get(name, "not set"), value) for name, value in topic.settings.items()]
        differences += [Difference(topic.name, name, found, must) for name, found, must in pairs if found != must]
    return sorted(differences)
