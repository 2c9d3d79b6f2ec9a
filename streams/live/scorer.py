"""``vigie scorer``: rows of closed days in, scores out, by the models that the control topic says are in force.

At least once: offsets are committed behind rows whose scores the broker has acknowledged, so a scorer that is killed says some
scores twice, with the same ids, and detection drops what it knows. Which model scored a row depends on when the row was read;
nothing else does: scores enter the log, and whoever replays the log reads them there.

What a model is, this module does not know: it asks a ``Panel``, which others provide.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from detectors.errors import VigieError
from detectors.events import ModelEvent, Score
from detectors.outputs import Features
from streams.errors import ContractRefused
from streams.feature_rows import read_features
from streams.live.scorer_metrics import ScorerMetrics
from streams.partition import partition_of
from streams.topics import group
from streams.wire import Wire, to_line

#: Rows of one turn: four questions to each model. What a crash scores again.
MOST_ROWS = 1_024
#: How long a turn waits for rows; a move is seen between two turns.
_WAIT_MS = 100
#: Between two looks at the registry, seconds.
LOOK_S = 1.0
#: Between two tries after an error of Kafka's, seconds.
RETRY_S = 1.0
#: A loop that has not come round for so long hangs.
STUCK_S = 120.0

_log = logging.getLogger(__name__)


class State(Protocol):
    """One model in force."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def role(self) -> str: ...  # noqa: D102
    @property
    def up(self) -> bool: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


class Panel(Protocol):
    """The models in force, and what they say (``models.scoring.panel``)."""

    def move(self, event: ModelEvent) -> None:
        """A version gets or loses a role."""

    def look(self) -> None:
        """Load what came into force, and try again what has changed."""

    def score(self, rows: Sequence[Features]) -> tuple[list[Score], Sequence[Any]]:
        """Scores of rows, and of each model its name, role, number of rows and seconds."""

    def states(self) -> Sequence[State]:
        """The models in force."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one scorer: brokers, and the prefix of topics and of its consumer group."""

    bootstrap: str
    prefix: str


class Scorer:
    """One scorer; several share the partitions.

    Args:
        settings: see there.
        panel: the models.
    """

    def __init__(self, settings: Settings, panel: Panel) -> None:
        self.metrics = ScorerMetrics()
        self.stopping = threading.Event()
        self._settings, self._panel = settings, panel
        self._decode = Wire().decode
        self._turned = time.monotonic()
        self._looked = 0.0
        self._shown: object = None
        self._ready = False

    # -- what it says of itself --------------------------------------------------------------------------------------

    def health(self) -> str:
        """What is so wrong that a restart is the remedy."""
        stood = time.monotonic() - self._turned
        return f"the loop has stood still for {stood:.0f} s" if stood > STUCK_S else ""

    def ready(self) -> str:
        """What is missing before rows are scored."""
        return "" if self._ready else "the control topic was not read to its end yet"

    # -- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until ``stopping`` is set. An error of Kafka's is said, and everything begins anew from what was committed."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                await self._serve()
            except (KafkaError, OSError) as error:
                _log.warning("Kafka failed: %r; beginning anew from the committed offsets", error)
                self._ready = False
                self._turned = time.monotonic()
                await asyncio.sleep(RETRY_S)

    async def _serve(self) -> None:
        address, prefix = self._settings.bootstrap, self._settings.prefix
        options: dict[str, Any] = {
            "bootstrap_servers": address, "client_id": "vigie-scorer", "enable_auto_commit": False, "auto_offset_reset": "earliest",
            "isolation_level": "read_committed", "fetch_max_wait_ms": _WAIT_MS,
        }  # fmt: skip
        async with AsyncExitStack() as stack:
            control = AIOKafkaConsumer(**options)
            await control.start()
            stack.push_async_callback(control.stop)
            place = TopicPartition(f"{prefix}control", 0)
            control.assign([place])
            end = (await control.end_offsets([place]))[place]
            while await control.position(place) < end and not self.stopping.is_set():
                self._moves(await control.getmany(timeout_ms=_WAIT_MS))
            await self._look()
            producer = AIOKafkaProducer(bootstrap_servers=address, client_id="vigie-scorer", acks="all", linger_ms=5)
            await producer.start()
            stack.push_async_callback(producer.stop)
            partitions = len(await producer.partitions_for(f"{prefix}scores"))
            rows = AIOKafkaConsumer(f"{prefix}features", **options, group_id=group(prefix, "scorer"))
            await rows.start()
            stack.push_async_callback(rows.stop)
            self._ready = True
            while not self.stopping.is_set():
                self._turned = time.monotonic()
                if self._moves(await control.getmany(timeout_ms=0)) or self._turned >= self._looked + LOOK_S:
                    await self._look()
                    await self._see_lag(rows)
                batch = await rows.getmany(timeout_ms=_WAIT_MS, max_records=MOST_ROWS)
                if batch:
                    await self._score(batch, producer, f"{prefix}scores", partitions)
                    await rows.commit({where: some[-1].offset + 1 for where, some in batch.items()})

    def _moves(self, batch: dict[Any, list[Any]]) -> bool:
        """Take moves of models among the commands; whether there was one."""
        found = False
        for records in batch.values():
            for record in records:
                if record.value is None or b'"model"' not in record.value:
                    continue
                try:
                    event = self._decode(record.value)
                except VigieError:
                    continue  # ingest made it a dead letter: it was never in force
                if isinstance(event, ModelEvent):
                    _log.info("%s: %s becomes %s", event.name, event.version or "whatever has a role", event.role)
                    self._panel.move(event)
                    found = True
        return found

    async def _look(self) -> None:
        # In a thread: a model takes a second to load, and heartbeats go on meanwhile.
        await asyncio.to_thread(self._panel.look)
        self._looked = time.monotonic()
        self._show()

    def _show(self) -> None:
        states = [(one.name, one.role, one.version, one.up, one.reason) for one in self._panel.states()]
        if states != self._shown:
            self.metrics.look(states)
            self._shown = states

    async def _score(self, batch: dict[Any, list[Any]], producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        """Score a batch, and wait until the broker has the scores."""
        found: list[Features] = []
        for where in sorted(batch):
            for record in batch[where]:
                try:
                    found.append(read_features(record.value or b""))
                except ContractRefused as error:
                    self.metrics.refused.inc()
                    _log.error("%s/%d %d: %s", record.topic, record.partition, record.offset, error)
        scores, counted = await asyncio.to_thread(self._panel.score, found)
        self.metrics.rows.inc(len(found))
        for name, role, rows, seconds in counted:
            self.metrics.scored.labels(name, role).inc(rows)
            self.metrics.seconds.labels(name, role).inc(seconds)
        self._show()
        sent = [
            await producer.send(topic, to_line(one), key=one.tenant.encode(), partition=partition_of(one.tenant, partitions))
            for one in scores
        ]
        await asyncio.gather(*sent)

    async def _see_lag(self, rows: AIOKafkaConsumer) -> None:
        total = 0
        for place in rows.assignment():
            end = rows.highwater(place)
            if end is not None:
                total += max(0, end - await rows.position(place))
        self.metrics.lag.set(total)


def serve_until_stopped(scorer: Scorer, host: str, port: int) -> None:
    """Run a scorer with its metrics on a port (0: none).

    Raises:
        VigieError: the port is taken.
    """
    from streams.live.metrics import serve

    try:
        server = serve(host, port, scorer.metrics.registry, scorer.health, scorer.ready) if port else None
    except OSError as error:
        raise VigieError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --metrics-port") from error
    try:
        scorer.run()
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()
