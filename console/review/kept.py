"""A record of a topic at its coordinates, while it is kept.

Read by a consumer of its own that belongs to no group and commits nothing: looking at one call moves nobody's place.
"""

from __future__ import annotations

import re
import time
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from console.review.errors import ReviewError

#: A person waits for it.
WITHIN_S = 5.0
#: The least time for the last question: what is left of the five seconds may be none.
LEAST_MS = 100
_PLACE = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,9})")


class Expired(ReviewError):
    """The record is no longer kept: inputs are, for seven days (``streams.topics``)."""

    key = "number_expired"


class Silent(ReviewError):
    """The broker did not answer in time; it may, later."""

    key = "broker_silent"


def record(brokers: str, src: str, line: int, within_s: float = WITHIN_S) -> bytes | None:
    """What stands at an offset.

    Args:
        brokers: bootstrap servers, with commas.
        src: ``topic/partition``, as ingest writes where an event came from.
        line: the offset.
        within_s: after so many seconds it is given up.

    Returns:
        The record's bytes; None when ``src`` is no place of a topic, or nothing was ever there.

    Raises:
        Expired: it was there, and was deleted since.
        Silent: nobody answered in time.
    """
    named = _PLACE.fullmatch(src)
    if named is None or line < 0:
        return None
    deadline = time.monotonic() + within_s
    try:
        return _read(brokers, TopicPartition(named[1], int(named[2])), line, deadline)
    except (KafkaError, OSError) as error:
        raise Silent(f"{src} {line}: {type(error).__name__}") from None


def _read(brokers: str, place: TopicPartition, line: int, deadline: float) -> bytes | None:
    consumer = KafkaConsumer(
        bootstrap_servers=brokers.split(","),
        client_id="vigie-console-reveal",
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        bootstrap_timeout_ms=_left(deadline),
        request_timeout_ms=_left(deadline),
        max_poll_records=1,
        fetch_max_wait_ms=50,
    )
    with closing(_Closing(consumer)):
        if place.partition not in (consumer.partitions_for_topic(place.topic) or ()):
            return None
        consumer.assign([place])
        if line >= consumer.end_offsets([place], timeout_ms=_left(deadline))[place]:
            return None
        if line < consumer.beginning_offsets([place], timeout_ms=_left(deadline))[place]:
            raise Expired(f"{place.topic}/{place.partition} {line}")
        consumer.seek(place, line)
        while time.monotonic() < deadline:
            for one in consumer.poll(timeout_ms=_left(deadline)).get(place, []):
                # The next one that is there: ours was deleted while we asked, or is a mark of a transaction.
                return one.value if one.offset == line else None
    raise Silent(f"{place.topic}/{place.partition} {line}")


def _left(deadline: float) -> int:
    return max(LEAST_MS, round((deadline - time.monotonic()) * 1000))


class _Closing:
    """Closes a consumer without waiting for a broker that is away."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=LEAST_MS)
