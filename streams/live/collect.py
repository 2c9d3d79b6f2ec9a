"""One collector: a source, a queue on disk, and a sender. It stamps nothing and drops nothing; ingest resolves and decides.

The way of a record: source → ``Intake`` (time of arrival, where the dialect has none) → ``DiskQueue`` (durable; only now is the
source's place moved, or its post answered) → ``Sender`` (adapter, key, broker's acknowledgement) → out of the queue. Records are read in
their dialect on the way out, not on the way in, so that a broker that is away at the start, and with it the accounts, stops nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from detectors.errors import VigieError
from pbx.framing import Framing
from pbx.session import session
from streams.errors import UsageError
from streams.live.collect_accounts import Owners
from streams.live.collect_file import FileSource
from streams.live.collect_http import HttpSource
from streams.live.collect_intake import Intake
from streams.live.collect_kafka import KafkaSource
from streams.live.collect_metrics import Metrics
from streams.live.collect_queue import DiskQueue
from streams.live.collect_reading import Reader
from streams.live.collect_sender import Sender
from streams.live.collect_socket import ClientSource, ServerSource
from streams.live.metrics import serve
from streams.lock import own
from streams.topics import group

#: A batch that is being sent gets so long to be acknowledged when the collector stops, s.
STOP_S = 25.0

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where records come from. ``problem`` says what is wrong with it now, or nothing."""

    problem: str

    def start(self) -> str:
        """Get ready; says what is read, for people."""
        ...

    def run(self) -> None:
        """Take records until the collector stops."""
        ...


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator chose.

    Args:
        bootstrap: the broker.
        prefix: of the topics.
        pbx: name of the PBX.
        source: ``file:PATH``, ``tcp:HOST:PORT``, ``listen:HOST:PORT``, ``http:HOST:PORT/PATH`` or ``kafka:TOPIC``.
        table: the ``[sources.NAME]`` table, with its format.
        state: directory of the queue and of the place in a file.
        queue_bytes: most bytes that wait on disk.
        user: of AMI or of basic authentication.
        secret: of the same, of the event socket, or of a signature.
        metrics_host: address of ``/metrics``, ``/health`` and ``/ready``.
        metrics_port: their port, 0 for none.
    """

    bootstrap: str
    prefix: str
    pbx: str
    source: str
    table: Mapping[str, Any]
    state: Path
    queue_bytes: int
    user: str = ""
    secret: str = ""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0


class Collector:
    """Runs until ``stopping`` is set.

    Raises:
        UsageError: the source cannot be, or another collector uses the same state.
        PolicyError: the table is not usable.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.stopping = threading.Event()
        self.metrics = Metrics()
        self._owners = Owners(settings.bootstrap, f"{settings.prefix}accounts")
        self._reader = Reader(settings.table, settings.pbx, self._owners)

    def run(self, ready: Callable[[str], None]) -> None:
        """Collect.

        Args:
            ready: told what is read, once it is.

        Raises:
            VigieError: the disk, or what is on it, cannot be used any more.
        """
        settings = self._settings
        try:
            settings.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{settings.state}: cannot be made a directory ({error.strerror}); choose another --state") from error
        with _alone(settings.state):
            queue = DiskQueue(settings.state / "queue", settings.queue_bytes)
            try:
                self._collect(queue, ready)
            finally:
                queue.close()

    def _collect(self, queue: DiskQueue, ready: Callable[[str], None]) -> None:
        settings = self._settings
        intake = Intake(queue, self._reader, self.metrics, self.stopping)
        source = self._source(intake)
        where = source.start()
        sender = Sender(settings.bootstrap, settings.prefix, settings.pbx, queue, self._reader, self._owners, self.metrics, self.stopping)
        self.metrics.waiting.set_function(lambda: queue.waiting_bytes)
        server = None
        if settings.metrics_port:
            try:
                server = serve(
                    settings.metrics_host,
                    settings.metrics_port,
                    self.metrics.registry,
                    lambda: str(sender.failure or ""),
                    lambda: source.problem or ("" if sender.connected else "the broker is away; records wait on disk"),
                )
            except OSError as error:
                raise UsageError(f"--metrics-port {settings.metrics_port}: {error.strerror}") from error
        sender.start()
        try:
            ready(where)
            source.run()
        finally:
            self.stopping.set()
            sender.join(STOP_S)
            if server is not None:
                server.shutdown()
                server.server_close()
        failure = intake.failure or sender.failure
        if isinstance(failure, VigieError):
            raise failure
        if sender.failure is not None:
            raise VigieError(f"the sender stopped: {sender.failure}") from sender.failure

    def _source(self, intake: Intake) -> Source:
        settings = self._settings
        kind, _, rest = settings.source.partition(":")
        framing: Framing = getattr(self._reader.adapter, "framing", "lines")
        format_ = str(settings.table.get("format", ""))
        if kind == "file" and rest:
            return FileSource(Path(rest), framing, settings.state, intake, self.stopping)
        if kind == "kafka" and rest:
            return KafkaSource(settings.bootstrap, rest, group(settings.prefix, f"collect.{settings.pbx}"), intake, self.stopping)
        if kind == "tcp":
            host, port = _address(settings.source, rest)
            new = lambda: session(format_, framing, settings.user, settings.secret)  # noqa: E731 - one for each connection
            return ClientSource(host, port, new, intake, self.metrics, self.stopping)
        if kind == "listen":
            host, port = _address(settings.source, rest)
            # Who calls us logs in nowhere: lines, blocks or netstrings.
            new = lambda: session("", framing, "", "")  # noqa: E731 - one for each connection
            return ServerSource(host, port, new, intake, self.metrics, self.stopping)
        if kind == "http":
            place, slash, path = rest.partition("/")
            host, port = _address(settings.source, place)
            return HttpSource(host, port, slash + path, settings.user, settings.secret, intake, self.stopping)
        raise UsageError(
            f"--source {settings.source!r}: write file:PATH, tcp:HOST:PORT, listen:HOST:PORT, http:HOST:PORT/PATH or kafka:TOPIC"
        )


def _address(source: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"--source {source!r}: write HOST:PORT behind the first colon")
    return host.strip("[]"), int(port)


class _alone:
    """The state directory belongs to one collector: two on one queue would lose records."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = own(directory)

    def __enter__(self) -> None:
        try:
            self._lock.__enter__()
        except UsageError:
            raise UsageError(f"{self._directory}: another collector uses it; choose another --state, or stop that one") from None

    def __exit__(self, *details: Any) -> None:
        self._lock.__exit__(*details)
