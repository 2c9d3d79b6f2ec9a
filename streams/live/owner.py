"""One partition that this worker owns: opened, guarded, checkpointed, and given up. This is where "exactly once" is.

Faust delivers frames at least once, and around a restart not even that: of 1,000,000 events stock Faust lost 4,000 to 11,000 over
four ``kill -9``. So nothing here believes the order of delivery, nor the committed offsets. What is believed is the transaction:
outputs, changed state and the next offset are committed together, by a producer whose name fences any former owner
(``docs/decisions/0004-exactly-once.md``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, time
from typing import Literal, Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from detectors import changes
from detectors.errors import StateError, VigieError
from detectors.events import Event
from detectors.outputs import Alert, Breaker, DeadLetter, Features, Metering, Output, Suspension
from detectors.registry import Detectors
from streams.frames import decode_frame
from streams.live.checkpoints import NEXT, new_producer, read_saved, send
from streams.live.metrics import Metrics
from streams.outputs import dead_letter
from streams.wire import to_line
from streams.writing import encode_output

logger = logging.getLogger(__name__)

#: A checkpoint is taken after this many events even within its interval: what one transaction holds stays a few MiB.
CHECKPOINT_EVENTS = 100_000
#: Encoding what changed may take a tenth of the time: while catching up, every state changes every second.
PACE = 10
#: Seconds between two looks at the end of the log.
WATCH_S = 2.0
#: Seconds without a frame, although the log has more, after which it is read again from the next one.
QUIET_S = 5.0
#: Seconds before a partition is opened again: after an error, and after another owner was found. By then a worker that was
#: paused past its session knows from the group that the partition is no longer its own (measured: up to 8 s).
RETRY_S, FENCED_S = 1.0, 10.0
#: Seconds that opening may take: 2,500 licences take 0.1 s; a former owner's open transaction may hold it up for 10 s.
OPEN_S = 60.0
#: Seconds that giving a partition up may take; a session of 6 s must not end meanwhile.
REVOKE_S = 3.0

Status = Literal["opening", "open", "stopped", "closed"]


class Settings(msgspec.Struct, frozen=True):
    """What is the same for all partitions of a worker.

    Args:
        bootstrap: brokers.
        name: of this worker, the same after a restart (static membership).
        prefix: of the topics.
        app: consumer group, and the first part of the transactional names.
        checkpoint_s: seconds between two checkpoints.
        accept_gap: go on where the log begins when the next frame is no longer in it.
    """

    bootstrap: str
    name: str
    prefix: str
    app: str
    checkpoint_s: float = 1.0
    accept_gap: bool = False


class Log(Protocol):
    """The log of events, as far as an owner needs it besides the frames it is given."""

    async def bounds(self, number: int) -> tuple[int, int]:
        """Offset of the partition's first frame, and the one behind its last."""

    async def seek(self, number: int, offset: int) -> None:
        """Deliver the partition's frames from this offset on."""


class PartitionStopped(VigieError):
    """A partition cannot go on without an operator; the message says why and what to do. The others go on."""


class Owner:
    """The owner of a partition, from its assignment to its revocation; a later assignment has another one.

    Args:
        number: the partition.
        settings: of the worker.
        log: the log of events.
        metrics: where to count.
        detectors: rules by id; the installed ones by default.
    """

    def __init__(self, number: int, settings: Settings, log: Log, metrics: Metrics, detectors: Detectors | None = None) -> None:
        self.number = number
        self.status: Status = "opening"
        #: Why it is stopped.
        self.reason = ""
        #: The next frame to judge, and the one that the last committed checkpoint names.
        self.next = self.saved = 0
        #: Frames of the log that wait, as last seen, and when (monotonic) something moved.
        self.lag = 0
        self.moved_at = monotonic()
        self._settings, self._log, self._metrics, self._detectors = settings, log, metrics, detectors
        self._label = str(number)
        self._producer: AIOKafkaProducer | None = None
        self._wake = asyncio.Event()
        self._closing = False
        self._clear()
        self._task = asyncio.create_task(self._live(), name=f"partition {number}")

    def _clear(self) -> None:
        self._partition = changes.rebuild(self.number, [], self._detectors)
        self._outputs: dict[str, list[tuple[bytes | None, bytes]]] = {}
        self._pending: list[Callable[[], object]] = []
        self._events = 0
        self._urgent = self._first = False
        self._missing: int | None = None
        self._sought = -1
        self._failure: PartitionStopped | None = None
        self._saved_at = self._watched_at = monotonic()
        self._interval = self._settings.checkpoint_s

    # -- frames ----------------------------------------------------------------------------------------------------

    def frame(self, offset: int, value: bytes, ack: Callable[[], object]) -> None:
        """Judge a frame if it is the next one; ``ack`` is called when its checkpoint is committed.

        One that comes while the partition is opened is dropped: opening ends with a seek to the next one.
        """
        if self.status != "open" or self._closing or self._failure:
            return
        if offset == self.next:
            self._judge(offset, value)
            self._pending.append(ack)
            if len(self._pending) == 1 or self._urgent or self._failure or self._events >= CHECKPOINT_EVENTS:
                self._wake.set()
        elif offset < self.next:
            self._metrics.skipped.labels(self._label).inc()
            if offset < self.saved:
                ack()
        else:
            self._metrics.dropped.labels(self._label).inc()
            if self._sought != self.next:
                self._missing = offset
                self._wake.set()

    def _judge(self, offset: int, value: bytes) -> None:
        try:
            events = decode_frame(value)
            step = self._partition.step
            for event in events:
                said = step(event)
                if said:
                    for output in said:
                        self._say(output, event)
        except Exception as error:
            # The state is half a frame ahead: it must never be saved. Skipping the frame would lose up to 512 events silently.
            logger.exception("partition %d: frame %d", self.number, offset)
            self._failure = PartitionStopped(
                f"frame {offset} of partition {self.number} cannot be judged ({error!r}); nothing of it was published: "
                "install the vigie that wrote it, or a corrected one, and start again"
            )
            return
        self.next = offset + 1
        self.moved_at = monotonic()
        self._events += len(events)
        self._metrics.frames.labels(self._label).inc()
        self._metrics.events.labels(self._label).inc(len(events))
        if self._first:
            self._first = False
            logger.info("partition %d: first frame %d judged", self.number, offset)

    def _say(self, output: Output, event: Event) -> None:
        name, key = "", b""
        if isinstance(output, DeadLetter):
            # What a timer refused has other coordinates than the event that let it fire: that event is not the culprit.
            own = (output.src, output.line) == (event.src, event.line)
            raw = to_line(msgspec.structs.replace(event, src="", line=0, key=0, digest=0)) if own else b""
            letter = dead_letter(output.src, output.line, output.error, output.message, raw)
            self._outputs.setdefault("dead-letters", []).append((None, letter.data))
            return
        if isinstance(output, Suspension):
            name, key = "suspensions", f"{output.tenant}/{output.licence}".encode()
            self._urgent = True
        elif isinstance(output, Alert | Breaker):
            name, key = "alerts", output.tenant.encode()
        elif isinstance(output, Metering):
            name, key = "metering", output.tenant.encode()
        elif isinstance(output, Features):
            name, key = "features", output.tenant.encode()
        self._outputs.setdefault(name, []).append((key, encode_output(output)))

    # -- life ------------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Give the partition up: a last checkpoint if the deadline allows, else what came since the former one is dropped."""
        self._closing = True
        if self.status == "open":
            self._wake.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._task), REVOKE_S)
        self.status = "closed"
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._metrics.forget(self.number)

    async def _live(self) -> None:
        try:
            while True:
                wait_s = RETRY_S
                try:
                    async with asyncio.timeout(OPEN_S):
                        await self._open()
                    await self._serve()
                except ProducerFenced:
                    self._metrics.fenced.labels(self._label).inc()
                    logger.warning("partition %d: another worker owns it; what came since frame %d is dropped", self.number, self.saved)
                    wait_s = FENCED_S
                except (KafkaError, IllegalOperation, OSError, TimeoutError) as error:
                    self._metrics.failures.labels(self._label).inc()
                    logger.warning("partition %d: %r; opening it again from its checkpoint", self.number, error)
                if self._closing:
                    return
                self.status = "opening"
                await self._release()
                await asyncio.sleep(wait_s)
        except Exception as error:
            if not isinstance(error, VigieError):
                logger.exception("partition %d", self.number)
            self.status, self.reason = "stopped", str(error) or repr(error)
            self._metrics.stopped.labels(self._label).set(1)
            logger.error("partition %d is stopped: %s", self.number, self.reason)
        finally:
            await self._release()

    async def _open(self) -> None:
        started = monotonic()
        self._clear()
        settings = self._settings
        # First the producer, which fences the former owner; only then is the end of the checkpoints the last one.
        self._producer = new_producer(settings.bootstrap, settings.app, self.number)
        await self._producer.start()
        records, next_ = await read_saved(settings.bootstrap, f"{settings.prefix}checkpoints", self.number)
        first, end = await self._log.bounds(self.number)
        if next_ is None and records:
            raise StateError(f"the checkpoints of partition {self.number} name no next frame; restore the topic, or bootstrap anew")
        self.next = self._place(next_ or 0, first, end)
        self._partition = changes.rebuild(self.number, records.items(), self._detectors)
        self.saved = self.next
        self._first = True
        self.status = "open"
        self.moved_at = self._saved_at = monotonic()
        self._metrics.stopped.labels(self._label).set(0)
        self._metrics.committed_at.labels(self._label).set(time())
        # Now, not with the next checkpoint: a partition in which nothing happens has none.
        self._metrics.next.labels(self._label).set(self.next)
        self._see(end)
        self._metrics.open_seconds.observe(monotonic() - started)
        logger.info("partition %d: open in %.2f s, %d keys, next frame %d", self.number, monotonic() - started, len(records), self.next)
        self._sought = self.next
        await self._log.seek(self.number, self.next)

    def _place(self, next_: int, first: int, end: int) -> int:
        """Where to go on in a log whose frames are [first, end)."""
        if next_ > end:
            raise PartitionStopped(
                f"the log of partition {self.number} ends at {end}, but frame {next_} is to be judged next: it lost frames, or was "
                "made anew; restore it, or use topics with another prefix"
            )
        if next_ >= first:
            return next_
        if not self._settings.accept_gap:
            raise PartitionStopped(
                f"frame {next_} of partition {self.number} is to be judged next, but the log begins at {first}: what is between is "
                "lost; restore the topic, or start with --accept-gap to go on without it"
            )
        logger.warning("partition %d: frames %d to %d are lost, accepted by --accept-gap", self.number, next_, first - 1)
        return first

    async def _serve(self) -> None:
        """Checkpoint when it is due, look after the log, until it is given up."""
        while True:
            now = monotonic()
            until = self._watched_at + WATCH_S
            if self._pending:
                until = min(until, self._due())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, until - now))
            self._wake.clear()
            if self._failure:
                raise self._failure
            closing = self._closing
            if self._pending and (closing or monotonic() >= self._due()):
                await self._checkpoint()
            if closing:
                return
            if self._missing is not None or monotonic() >= self._watched_at + WATCH_S:
                await self._watch()

    def _due(self) -> float:
        if self._urgent or self._events >= CHECKPOINT_EVENTS:
            return 0.0
        return self._saved_at + self._interval

    async def _checkpoint(self) -> None:
        assert self._producer is not None
        started = monotonic()
        # Swapped before the first await: frames are judged while the transaction is on its way, for the next one.
        found = changes.collect(self._partition)
        self._interval = max(self._settings.checkpoint_s, PACE * (monotonic() - started))
        next_, outputs, pending = self.next, self._outputs, self._pending
        self._outputs, self._pending, self._events, self._urgent = {}, [], 0, False
        prefix, producer = self._settings.prefix, self._producer
        # On any error the producer and the state are dropped, never tried again: whether a commit that got no answer was made
        # is known only to the one who opens the partition next.
        await producer.begin_transaction()
        sent = []
        for name, records in sorted(outputs.items()):
            sent += await send(producer, prefix + name, self.number, records)
        sent += await send(producer, f"{prefix}checkpoints", self.number, [*found, (NEXT, b"%d" % next_)])
        await asyncio.gather(*sent)
        await producer.commit_transaction()
        self.saved, self._saved_at = next_, monotonic()
        for ack in pending:
            ack()
        metrics = self._metrics
        metrics.checkpoints.labels(self._label).inc()
        metrics.checkpoint_seconds.observe(self._saved_at - started)
        metrics.committed_at.labels(self._label).set(time())
        metrics.next.labels(self._label).set(next_)
        for name, records in outputs.items():
            metrics.outputs.labels(name).inc(len(records))

    async def _watch(self) -> None:
        """See how far the log is, and read it again from the next frame if frames were missing or none comes."""
        missing, self._missing = self._missing, None
        if missing is not None:
            # Before the first await, or those that come meanwhile would ask again.
            self._sought = self.next
        first, end = await self._log.bounds(self.number)
        self._watched_at = monotonic()
        self._see(end)
        silent = self.lag > 0 and monotonic() - self.moved_at > QUIET_S
        if (missing is None or missing <= self.next) and not silent:
            return
        place = self._place(self.next, first, end)
        self._metrics.gaps.labels(self._label).inc()
        logger.warning(
            "partition %d: frame %d did not come (%s); reading again from it",
            self.number, self.next, f"{missing} came" if missing is not None else f"{self.lag} wait",
        )  # fmt: skip
        self.next = self._sought = place
        self.moved_at = monotonic()
        await self._log.seek(self.number, place)

    def _see(self, end: int) -> None:
        self.lag = max(0, end - self.next)
        self._metrics.lag.labels(self._label).set(self.lag)

    async def _release(self) -> None:
        """Close the producer, and forget the state."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 2.0)
        self._clear()
