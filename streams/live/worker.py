"""The Faust worker of detect: Faust reads the log and shares its partitions among the workers; the rest is ``owner``'s.

One agent, one topic, raw bytes, no tables: Faust's cost is per record, and what it would keep of state it loses at ``kill -9``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from time import monotonic
from typing import Any

# Pinned before Faust is imported, whatever the environment says: the compiled path is the one that exactly-once was proven on,
# and it differs from the pure one in when it acknowledges.
os.environ.pop("NO_CYTHON", None)

import faust
import faust.streams
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP

from detectors.registry import Detectors
from streams.collector import LIVE_THRESHOLDS, fewer_collections
from streams.errors import UsageError
from streams.live.metrics import Metrics, serve
from streams.live.owner import Log, Owner, Settings

logger = logging.getLogger(__name__)

#: Each fetch costs a hop between two threads, about 0.1 s when the loop is busy: large ones. Eight partitions hold 64 MiB.
FETCH_BYTES = 8 * 1024 * 1024
POLL_FRAMES = 2_000
#: Frames that wait in the stream. What is thrown away at a rebalance, and up to 150 MB.
BUFFER_FRAMES = 1_024
#: After kill -9 the group waits for the session to end before a partition moves to another worker.
SESSION_S, HEARTBEAT_S = 6, 2
#: Seconds without progress, although there is work, after which a restart is the remedy.
STUCK_S = 60.0


class LightMonitor(faust.Monitor):
    """Faust's monitor without its work per record, of which only the livelock detection needs anything."""

    # Otherwise it is the logger of this module, and tells its starts and stops among our lines.
    logger = logging.getLogger("faust")

    def on_message_in(self, tp: TP, offset: int, message: Any) -> None:
        """Nothing."""

    def on_stream_event_in(self, tp: TP, offset: int, stream: Any, event: Any) -> None:
        """Note that the partition moves."""
        self.stream_inbound_time[tp] = monotonic()

    def on_stream_event_out(self, tp: TP, offset: int, stream: Any, event: Any, state: Any = None) -> None:
        """Nothing."""

    def on_message_out(self, tp: TP, offset: int, message: Any) -> None:
        """Nothing."""

    def track_tp_end_offset(self, tp: TP, offset: int) -> None:
        """Nothing: owners ask for the end of the log themselves."""


class Unread(defaultdict[TP, int | None]):
    """What Faust believes to have read of each partition: nothing, whatever it is told."""

    def __init__(self) -> None:
        super().__init__(lambda: None)

    def __getitem__(self, tp: TP) -> int | None:
        """Nothing."""
        return None


class EveryFrame(Consumer):
    """Faust's consumer, which hands over every frame that it is given.

    Faust drops a record below the last offset that it read. After a seek backwards it goes on with the batch that it had, notes
    those offsets, and then drops what the seek brought: repairs took 6 s, or never ended. Owners know better which frame is next.
    """

    logger = logging.getLogger("faust")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = Unread()

    async def _seek(self, partition: TP, offset: int) -> None:
        # Faust seeks from the worker's thread while its own one fetches: records vanish under the fetch, and a KeyError ends the
        # worker. With a backlog in the log 4 of 11 starts crashed so.
        await self.seek_wait({partition: offset})


class EveryFrameTransport(Transport):
    """Faust's Kafka with that consumer."""

    Consumer = EveryFrame


class Frames(Log):
    """The log behind a Faust app."""

    def __init__(self, app: faust.App, bootstrap: str, topic: str) -> None:
        self._app, self._bootstrap, self._topic = app, bootstrap, topic
        self._asking = asyncio.Lock()
        self._reader: AIOKafkaConsumer | None = None

    async def bounds(self, number: int) -> tuple[int, int]:
        """See ``Log``."""
        # A reader of its own: requests through Faust's consumer wait behind the fetches of its thread.
        async with self._asking:
            if self._reader is None:
                reader = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False, request_timeout_ms=10_000)
                await reader.start()
                self._reader = reader
        tp = TopicPartition(self._topic, number)
        first = await self._reader.beginning_offsets([tp])
        end = await self._reader.end_offsets([tp])
        return first[tp], end[tp]

    async def seek(self, number: int, offset: int) -> None:
        """See ``Log``."""
        await self._app.consumer.seek(TP(self._topic, number), offset)

    async def close(self) -> None:
        """Close the connection."""
        if self._reader is not None:
            await self._reader.stop()
            self._reader = None


class Detecting:
    """The app, and the partitions that it owns.

    Args:
        settings: of the worker.
        metrics: where to count.
        datadir: a directory that Faust wants; nothing is kept there.
        detectors: rules by id; the installed ones by default.
    """

    def __init__(self, settings: Settings, metrics: Metrics, datadir: str, detectors: Detectors | None = None) -> None:
        self.owners: dict[int, Owner] = {}
        self._settings, self._metrics, self._detectors = settings, metrics, detectors
        self._topic = f"{settings.prefix}events"
        self._assigned_at: float | None = None
        self.app = _app(settings, datadir)
        self._log = Frames(self.app, settings.bootstrap, self._topic)
        self.app.on_partitions_revoked.connect(self._revoked)
        self.app.on_partitions_assigned.connect(self._assigned)
        self.app.on_before_shutdown.connect(self._shutdown)
        frames = self.app.topic(self._topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        self.app.agent(frames, name="detect")(self._judge)

    async def _judge(self, stream: Any) -> None:
        sleep, owners = asyncio.sleep, self.owners
        async for event in stream.noack().events():
            message = event.message
            owner = owners.get(message.partition)
            if owner is not None:
                owner.frame(message.offset, event.value, event.ack)
            # A full frame is 5 ms of work; without this a buffer of them would keep checkpoints and heartbeats waiting.
            await sleep(0)

    # Signals hand over topic partitions. All are revoked before each assignment, so an owner lives for one generation of the group.

    async def _revoked(self, app: Any, /, *given: Any, **_: Any) -> None:
        await self._give_up(tp.partition for tp in given[0] if tp.topic == self._topic)

    async def _assigned(self, app: Any, /, *given: Any, **_: Any) -> None:
        await self._give_up(list(self.owners))
        for number in sorted(tp.partition for tp in given[0] if tp.topic == self._topic):
            self.owners[number] = Owner(number, self._settings, self._log, self._metrics, self._detectors)
        self._assigned_at = monotonic()
        self._metrics.owned.set(len(self.owners))
        logger.info("partitions of this worker: %s", ", ".join(map(str, self.owners)) or "none")

    async def _shutdown(self, app: Any, /, *given: Any, **_: Any) -> None:
        await self._give_up(list(self.owners))
        await self._log.close()

    async def _give_up(self, numbers: Iterable[int]) -> None:
        leaving = [owner for owner in (self.owners.pop(number, None) for number in numbers) if owner is not None]
        await asyncio.gather(*(owner.close() for owner in leaving))
        self._metrics.owned.set(len(self.owners))

    def health(self) -> str:
        """What is so wrong that a restart is the remedy: there is work, and nothing moves."""
        now = monotonic()
        stuck = [
            owner.number for owner in list(self.owners.values())
            if owner.status != "stopped" and (owner.lag or owner.next > owner.saved or owner.status == "opening")
            and now - owner.moved_at > STUCK_S
        ]  # fmt: skip
        return f"nothing moves in partitions {', '.join(map(str, sorted(stuck)))}" if stuck else ""

    def ready(self) -> str:
        """What is missing before frames are judged."""
        if self._assigned_at is None:
            return "no partitions assigned yet"
        waiting = [owner for owner in list(self.owners.values()) if owner.status != "open"]
        return "; ".join(f"partition {owner.number} is {owner.status} {owner.reason}".rstrip() for owner in waiting)


def _app(settings: Settings, datadir: str) -> faust.App:
    app = faust.App(
        settings.app,
        # Without a prefix every setting reads a variable like TIMEZONE or APP_VERSION; a stray one would rename the group.
        env_prefix="VIGIE_FAUST_",
        broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
        store="memory://",
        datadir=datadir,
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.name,
        consumer_max_fetch_size=FETCH_BYTES,
        broker_max_poll_records=POLL_FRAMES,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_request_timeout=30,
        broker_commit_interval=1.0,
        stream_buffer_maxsize=BUFFER_FRAMES,
        # Waiting until the streams are empty waits for acks, which come with a checkpoint, which the wait delays.
        stream_wait_empty=False,
        cython_optimizations=False,
        monitor=LightMonitor(),
    )
    app.transport = EveryFrameTransport(app.conf.broker_consumer, app)
    return app


def run(settings: Settings, metrics_host: str, metrics_port: int, detectors: Detectors | None = None) -> None:
    """Run a worker until SIGINT or SIGTERM; it ends with a last checkpoint.

    Args:
        settings: of the worker.
        metrics_host: address of ``/metrics``, ``/health`` and ``/ready``.
        metrics_port: their port.
        detectors: rules by id; the installed ones by default.

    Raises:
        UsageError: the port is taken.
    """
    _log_to_stderr()
    logger.info("Faust %s, compiled stream loop: %s", faust.__version__, "yes" if "faust._cython.streams" in sys.modules else "no")
    metrics = Metrics()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_unless_told)
    with tempfile.TemporaryDirectory(prefix="vigie-detect-") as datadir, fewer_collections(LIVE_THRESHOLDS):
        detecting = Detecting(settings, metrics, datadir, detectors)
        try:
            server = serve(metrics_host, metrics_port, metrics.registry, detecting.health, detecting.ready)
        except OSError as error:
            why = f"nothing can listen on {metrics_host}:{metrics_port} ({error.strerror})"
            raise UsageError(f"{why}; give another --metrics-port") from error
        worker = faust.Worker(detecting.app, loglevel="warn", quiet=True, redirect_stdouts=False, loop=loop)
        worker.spinner = None
        try:
            worker.execute_from_commandline()
        finally:
            server.shutdown()


def _unless_told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A failed producer leaves futures that nobody will ask; its owner said what there is to say.
    if not isinstance(context.get("exception"), KafkaError):
        loop.default_exception_handler(context)


class UnlessNew(logging.Filter):
    """Drops the client's error that a cluster has no coordinator of groups yet: the first group waits for its topic, and gets one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is another one."""
        return not (isinstance(record.args, tuple) and any(isinstance(one, GroupCoordinatorNotAvailableError) for one in record.args))


def _log_to_stderr() -> None:
    """Our lines, whatever Faust does with the root logger."""
    logging.getLogger("aiokafka.consumer.group_coordinator").addFilter(UnlessNew())
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("streams.live")
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    ours.propagate = False
