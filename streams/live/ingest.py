"""Ingest: input topics to the ordered log, one writer per partition of it.

Per turn: read a batch (``inputs``), decode, resolve and stamp it, account facts first, and give each partition's orderer its
events (``taking``); put what the watermark has passed into frames and send them (``dispatch``). Offsets are committed behind
records whose frame, dead letter or re-keyed copy the broker has acknowledged, without a gap: a process that is killed says some
events twice, with the same coordinates, and loses none.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from http.server import ThreadingHTTPServer
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from streams.collector import LIVE_THRESHOLDS, fewer_collections
from streams.live.dispatch import Dispatch
from streams.live.framing import Framer
from streams.live.ingest_metrics import Metrics
from streams.live.inputs import Inputs, src_of, wall_ms
from streams.live.metrics import serve
from streams.live.orderer import IDLE_MS, LATENESS_MS, Orderer
from streams.live.outbox import IngestFailed, Outbox
from streams.live.sources import log_ends, mine, seed
from streams.live.taking import Taking
from streams.stamp import Stamper
from streams.topics import group

#: Events that wait in one partition before inputs that are ahead of the others are left unread, about 50 MB.
MOST_WAITING = 50_000
COMMIT_S = 1.0
#: How long a turn waits for records: until an open frame is due, or the watermark may have moved with the clock, ms.
EAGER_MS, CALM_MS = 10, 50


class Settings(msgspec.Struct, kw_only=True):
    """What an ingest process is asked to do.

    ``bootstrap`` of the broker; ``prefix`` of topics, and ``partitions`` of the log; ``instance`` of ``instances`` writes every
    ``instances``-th partition; ``policy`` is written to an empty control topic; ``lateness_ms`` and ``idle_ms`` as in ``Orderer``;
    ``metrics_port`` (0: none) on ``metrics_host``.
    """

    bootstrap: str
    prefix: str
    partitions: int
    policy: dict[str, Any]
    instance: int = 0
    instances: int = 1
    lateness_ms: int = LATENESS_MS
    idle_ms: int = IDLE_MS
    metrics_port: int = 0
    metrics_host: str = "127.0.0.1"


class Ingest:
    """One ingest process.

    Args:
        settings: what is asked for.
        stamper: resolves and stamps; made for this process, for it learns the accounts.
    """

    def __init__(self, settings: Settings, stamper: Stamper) -> None:
        self.metrics = Metrics()
        #: Set it to end in order.
        self.stopping = asyncio.Event()
        #: Set when records are being read.
        self.ready = asyncio.Event()
        self._settings = settings
        self._stamper = stamper
        self._mine = mine(settings.partitions, settings.instance, settings.instances)
        self._orderers: dict[int, Orderer] = {}
        self._framers: dict[int, Framer] = {}
        self._late: Counter[int] = Counter()
        self._next_commit = 0.0

    async def run(self) -> None:
        """Read and write until ``stopping`` is set; then what is begun is finished and committed.

        Raises:
            IngestFailed: the broker refused a record, or was away for too long.
        """
        settings = self._settings
        # Here, for clients want a running loop.
        self._inputs = Inputs(settings.bootstrap, group(settings.prefix, "ingest"), settings.prefix, self._mine, settings.instance == 0)
        self._outbox = Outbox(settings.bootstrap)
        self._dispatch = Dispatch(settings.prefix, self._outbox, self._inputs.offsets, self.metrics)
        self._taking = Taking(self._inputs, self._stamper, self._dispatch, self._orderers, self._framers, settings.partitions, self.metrics)
        server = self._serve()
        try:
            await self._outbox.start()
            await self._inputs.consumer.start()
            with fewer_collections(LIVE_THRESHOLDS):
                await self._begin()
                while not self.stopping.is_set():
                    await self._turn()
                await self._finish()
        except KafkaError as error:
            raise IngestFailed(f"Kafka at {settings.bootstrap}: {error}; nothing is lost, start ingest again") from error
        finally:
            await self._inputs.consumer.stop()
            await self._outbox.stop()
            if server is not None:
                server.shutdown()
                server.server_close()

    def _serve(self) -> ThreadingHTTPServer | None:
        host, port = self._settings.metrics_host, self._settings.metrics_port
        if not port:
            return None
        try:
            # A process that cannot go on ends; while it runs it is healthy.
            return serve(host, port, self.metrics.registry, str, lambda: "" if self.ready.is_set() else "reading facts and commands")
        except OSError as error:
            raise IngestFailed(f"{host}:{port}: cannot serve metrics ({error.strerror}); choose another --metrics-port") from error

    async def _begin(self) -> None:
        """Go on where the log ends: its frames say how far each partition is."""
        settings, inputs = self._settings, self._inputs
        if not await seed(inputs.consumer, self._outbox, inputs.control, settings.policy, settings.instance):
            raise IngestFailed("no policy in the control topic; start the ingest with --instance 0/N, which writes the first one")
        ends = await log_ends(settings.bootstrap, f"{settings.prefix}events", self._mine)
        for number, end in ends.items():
            self._orderers[number] = Orderer(number, settings.lateness_ms, settings.idle_ms, end.watermark, end.time)
            self._framers[number] = Framer(number, src_of(inputs.control), end.watermark, end.commands)
        await inputs.open(settings.partitions, ends)
        # Both are in the log before the first event of a log that begins: a policy acts from its place on.
        await self._taking.follow([inputs.control])
        await self._taking.follow(inputs.accounts)
        await self._write()
        self.ready.set()

    async def _turn(self) -> None:
        eager = any(framer.open for framer in self._framers.values())
        await self._taking.take(await self._inputs.read(self._ahead(), EAGER_MS if eager else CALM_MS))
        await self._write()
        self._outbox.check()
        if time.monotonic() >= self._next_commit:
            await self._commit()

    def _ahead(self) -> set[tuple[str, int]]:
        """Inputs that are ahead of the others in a partition where too much waits: they need not be read now."""
        return {place for orderer in self._orderers.values() if orderer.waiting > MOST_WAITING for place in orderer.ahead()}

    async def _write(self) -> None:
        now = wall_ms()
        behind = await self._inputs.behind(now)
        for number, orderer in self._orderers.items():
            framer = self._framers[number]
            unread = [(place.topic, number) for place in behind if place.partition == number]
            for frame in framer.add(orderer.advance(now, unread), orderer.watermark, now):
                await self._dispatch.frame(frame)
            due = framer.due(now)
            if due is not None:
                await self._dispatch.frame(due)

    async def _commit(self) -> None:
        self._next_commit = time.monotonic() + COMMIT_S
        await self._inputs.commit()
        metrics = self.metrics
        metrics.lag.set(self._inputs.lag())
        for number, orderer in self._orderers.items():
            label = str(number)
            metrics.waiting.labels(label).set(orderer.waiting)
            metrics.watermark.labels(label).set(max(0, orderer.watermark) / 1000)
            metrics.late.labels(label).inc(orderer.late - self._late[number])
            self._late[number] = orderer.late

    async def _finish(self) -> None:
        """What passed the watermark is written and committed; what waits for it is read again by the next process."""
        for framer in self._framers.values():
            rest = framer.rest()
            if rest is not None:
                await self._dispatch.frame(rest)
        await self._outbox.flush()
        await self._commit()


__all__ = ["Ingest", "IngestFailed", "Settings"]
