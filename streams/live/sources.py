"""Which topics an ingest process reads, and where it goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from detectors.events import PolicyEvent
from streams.holidays import FIRST_YEAR, LAST_YEAR, french_holidays
from streams.live.framing import COMMANDS, WATERMARK
from streams.live.orderer import NEVER
from streams.live.outbox import Outbox
from streams.times import OLDEST
from streams.wire import to_line

#: Other instances wait so long for the first one to write the first policy.
SEED_WAIT_S = 60.0

#: Topics of which a PBX may have one of its own.
PER_PBX = ("registrations", "calls")
SINGLE = ("accounts", "reviews", "exemptions", "scores", "rekeyed")


class End(NamedTuple):
    """Where the log of a partition ends: its watermark, the next command, and when the broker got its last frame (ms)."""

    watermark: int = NEVER
    commands: int = 0
    time: int = NEVER


def roles(prefix: str, existing: Iterable[str]) -> dict[str, str]:
    """Input topics that are partitioned as the log is, and their roles; topics of a PBX of its own are found by their names.

    >>> roles("vigie.", ["vigie.calls", "vigie.calls.paris", "vigie.events", "other"])["vigie.calls.paris"]
    'calls'
    """
    found = {prefix + name: name for name in (*SINGLE, *PER_PBX)}
    for topic in existing:
        for name in PER_PBX:
            if topic.startswith(f"{prefix}{name}."):
                found[topic] = name
    return dict(sorted(found.items()))


def mine(partitions: int, instance: int, instances: int) -> list[int]:
    """Partitions of the log that one of several ingest processes writes.

    >>> mine(8, 1, 3)
    [1, 4, 7]
    """
    return list(range(instance, partitions, instances))


async def log_ends(bootstrap: str, topic: str, partitions: list[int]) -> dict[int, End]:
    """What the last frame of each partition says; a partition without one begins anew."""
    places = {TopicPartition(topic, number): number for number in partitions}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(list(places))
        begins, ends = await consumer.beginning_offsets(list(places)), await consumer.end_offsets(list(places))
        found = {number: End() for number in partitions}
        missing = {place for place in places if ends[place] > begins[place]}
        for place in places:
            consumer.seek(place, max(begins[place], ends[place] - 1))
        while missing:
            for place, records in (await consumer.getmany(*missing, timeout_ms=1_000)).items():
                last = records[-1]
                headers = dict(last.headers)
                watermark = int(headers.get(WATERMARK, NEVER))
                found[places[place]] = End(watermark, int(headers.get(COMMANDS, 0)), last.timestamp)
                if last.offset + 1 >= ends[place]:
                    missing.discard(place)
        return found
    finally:
        await consumer.stop()


async def seed(consumer: AIOKafkaConsumer, outbox: Outbox, control: TopicPartition, policy: dict[str, Any], instance: int) -> bool:
    """Write the first policy and the public holidays to an empty control topic; commands that are there stay as they are.

    Args:
        consumer: any.
        outbox: where to write.
        control: the control topic.
        policy: the body of the first policy.
        instance: number of this ingest process; 0 writes, the others wait for it.

    Returns:
        Whether there are commands now; False when nobody wrote them within a minute.
    """
    deadline = time.monotonic() + SEED_WAIT_S
    while (await consumer.end_offsets([control]))[control] == 0:
        if instance == 0:
            # The oldest time there can be: they are in force before the first event, whenever it happened.
            first = PolicyEvent(id="policy-first", time=OLDEST, name=str(policy.get("name", "")), body=policy)
            holidays = msgspec.structs.replace(french_holidays(FIRST_YEAR, LAST_YEAR), time=OLDEST)
            for event in (first, holidays):
                await outbox.send(lambda: None, control.topic, to_line(event), 0, key=event.name.encode())
            await outbox.flush()
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True
