"""What an ingest process writes: frames, dead letters, re-keyed copies. A record is done when the broker has what became of it."""

from __future__ import annotations

from aiokafka import TopicPartition

from detectors.events import Event
from streams.live.framing import Frame
from streams.live.ingest_metrics import Metrics
from streams.live.intake import LINE, SRC, Elsewhere, Record, Refused
from streams.live.offsets import Offsets
from streams.live.outbox import Outbox


class Dispatch:
    """Sends, and marks records as done.

    Args:
        prefix: of the topics.
        outbox: the way to the broker.
        offsets: which records are done.
        metrics: where to count.
    """

    def __init__(self, prefix: str, outbox: Outbox, offsets: Offsets[TopicPartition], metrics: Metrics) -> None:
        self._events, self._rekeyed, self._letters = f"{prefix}events", f"{prefix}rekeyed", f"{prefix}dead-letters"
        self._outbox, self._offsets, self._metrics = outbox, offsets, metrics

    async def frame(self, frame: Frame) -> None:
        """Append a frame to the log."""

        def landed() -> None:
            self._metrics.frames.inc()
            self._metrics.events.inc(frame.events)
            done = self._offsets.done
            for src, line in frame.receipts:
                done(src, line)

        await self._outbox.send(landed, self._events, frame.value, frame.partition, headers=frame.headers)

    async def rekey(self, place: TopicPartition, record: Record, event: Event, to: Elsewhere) -> None:
        """Send a record to the partition of its tenant, with the coordinates that it has here."""

        def landed() -> None:
            self._metrics.rekeyed.inc()
            self._offsets.drop(place, record.offset)

        headers = [(SRC, event.src.encode()), (LINE, b"%d" % event.line)]
        key, value = to.tenant.encode("utf-8", "surrogatepass"), record.value or b""
        await self._outbox.send(landed, self._rekeyed, value, to.partition, key=key, headers=headers)

    async def bury(self, refused: Refused, place: TopicPartition, offset: int) -> None:
        """Make a dead letter of a record."""

        def landed() -> None:
            self._metrics.dead.labels(refused.error).inc()
            self._offsets.drop(place, offset)

        await self._outbox.send(landed, self._letters, refused.letter, place.partition)
