"""``vigie bridge``: follows what is decided, and has one PBX do it.

One loop serves the PBX; Kafka is read to its end on the side (``bridge_topics.Reading``), so a PBX that restarts gets its table back
whether or not a broker answers. Until then a snapshot stands in, from which nothing is ever lifted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from kafka.errors import KafkaError

from detectors.errors import VigieError
from pbx.bridge.decision import Decision
from pbx.bridge.enforcer import Enforcer, Kill, Status
from pbx.bridge.ledger import CAP, Memory, merged
from pbx.bridge.table import table_hash
from pbx.bridge.target import Target
from streams.live import bridge_snapshot
from streams.live.bridge_metrics import BridgeMetrics
from streams.live.bridge_snapshot import Keeper, Snapshot
from streams.live.bridge_topics import Publisher, Reading, Tombstone, Whole, read_record
from streams.live.bridge_wire import Command, heartbeat_bytes, receipt_bytes

#: Between two heartbeats, seconds.
HEARTBEAT_S = 5.0
#: Kafka is given so long before the snapshot stands in, seconds: reading 10,000 records takes under one.
PATIENCE_S = 3.0
#: Between two tries to reach Kafka, seconds.
RETRY_S = 1.0
#: Least time between two snapshots, seconds: one of 10,000 decisions has 4 MB.
SNAPSHOT_S = 1.0
#: How long the PBX is served before Kafka is looked at again, seconds: so long a new decision may wait while a table is repaired.
SLICE_S = 0.01
_WAIT_MS = 100
#: A loop that has not come round for so long hangs.
STUCK_S = 60.0

_log = logging.getLogger(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Of one bridge; ``pbx`` is its PBX's name in receipts, ``snapshot`` its file."""

    bootstrap: str
    prefix: str
    pbx: str
    snapshot: Path
    cap: int = CAP
    allow: tuple[str, ...] = ()
    dry_run: bool = False
    heartbeat_s: float = HEARTBEAT_S


class Bridge:
    """One PBX's bridge.

    Args:
        settings: see there.
        target: the PBX.
        check: whether a broker is there; raises when its topics are not ours.

    Raises:
        UsageError: the snapshot is another bridge's or cannot be read.
    """

    def __init__(self, settings: Settings, target: Target, check: Callable[[], bool]) -> None:
        self.metrics = BridgeMetrics()
        self.stopping = threading.Event()
        self.enforcer = Enforcer(target, settings.cap, settings.allow, settings.dry_run)
        self._settings, self._target, self._check = settings, target, check
        self._publisher = Publisher(settings.prefix)
        self._snapshot = bridge_snapshot.read(settings.snapshot, settings.pbx, settings.prefix)
        self._reading: Reading | None = None
        self._whole: Whole | None = None
        self._began = self._turned = time.monotonic()
        self._read_at = self._beat_at = self._kept_at = 0.0
        self._recalled = self._loaded = False
        self._receipts_to = dict(self._snapshot.receipts) if self._snapshot else {}
        self._keeper = Keeper(settings.snapshot)
        #: What the last snapshot was written of.
        self._kept: tuple[object, ...] = ()

    # -- what it says of itself -----------------------------------------------------------------------------------------------

    def health(self) -> str:
        """What is so wrong that a restart is the remedy."""
        stood = time.monotonic() - self._turned
        return f"the loop has stood still for {stood:.0f} s" if stood > STUCK_S else ""

    def ready(self) -> str:
        """What is missing before everything that is decided stands."""
        if self._whole is None:
            return "Kafka was not read to its end yet" + (": the snapshot stands" if self._recalled and self.enforcer.standing else "")
        if self.enforcer.kill.paused or self.enforcer.standing:
            return ""
        return self.enforcer.away or "the PBX's table is not whole yet"

    # -- the loop -------------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until ``stopping`` is set.

        Raises:
            VigieError: the topics are not ours, or the snapshot cannot be written.
        """
        try:
            while not self.stopping.is_set():
                self._turned = time.monotonic()
                self._follow()
                self._serve()
                self._publish()
                if self._turned >= self._kept_at:
                    self._keep()
        finally:
            self._end()

    def _follow(self) -> None:
        """Take what Kafka has; waits a little for it."""
        if self._whole is None:
            self._begin()
            return
        wait = min(_WAIT_MS, self.enforcer.due(_wall_ms()))
        try:
            batch = self._whole.consumer.poll(timeout_ms=wait)
        except (KafkaError, OSError) as error:
            self._lost(error)
            return
        for place in sorted(batch):
            for record in batch[place]:
                self._take(read_record(record, self._settings.pbx, self._refused))

    def _lost(self, error: Exception) -> None:
        """The consumer failed: what stands stands, and everything is read anew when a broker answers."""
        _log.warning("Kafka failed: %r; reading anew", error)
        assert self._whole is not None
        _close(self._whole)
        self._whole = None

    def _take(self, found: Decision | Tombstone | Command | None) -> None:
        now = _wall_ms()
        match found:
            case Decision():
                self.metrics.records.inc()
                self.enforcer.offer(found, now)
            case Tombstone():
                self.enforcer.forget(found.key, now)
            case Command():
                _log.warning("%s by %s: %s", found.action, found.author or "nobody", found.reason or "no reason given")
                self.enforcer.command(found.action, found.author, found.reason, now)
                self._beat_at = 0.0

    def _begin(self) -> None:
        """See whether everything was read; and stand where the snapshot left off when that takes too long."""
        reading = self._reading
        if reading is None:
            if self._turned >= self._read_at:
                one = self._settings
                reading = self._reading = Reading(one.bootstrap, one.prefix, one.pbx, self._receipts_to, self._check, self._refused)
                reading.start()
        else:
            reading.join(_WAIT_MS / 1000)
        if reading is None:
            self.stopping.wait(_WAIT_MS / 1000)
        elif not reading.is_alive():
            self._reading, self._read_at = None, self._turned + RETRY_S
            if reading.error is not None:
                if not self._loaded:
                    raise reading.error
                # Somebody altered the topics meanwhile: what stands must not fall for it.
                _log.error("%s", reading.error)
            if reading.whole is not None:
                self._load(reading.whole)
                return
        away = reading is not None and not reading.is_alive()
        if not (self._recalled or self._loaded) and self._snapshot is not None and (away or self._turned - self._began > PATIENCE_S):
            _log.warning("Kafka does not answer: the snapshot stands in, %d decisions", len(self._snapshot.memory.standing))
            self._recalled = True
            self.enforcer.recall(self._snapshot.memory, self._snapshot.kill, self._snapshot.generation)

    def _load(self, whole: Whole) -> None:
        now = _wall_ms()
        try:
            self._publisher.open(self._settings.bootstrap, whole.partitions)
        except (KafkaError, OSError) as error:
            _log.warning("Kafka failed: %r; reading anew", error)
            _close(whole)
            return
        told = whole.receipts
        known = {record.decision_id for record in whole.records}
        automatic = [record.decision_id for record in whole.records if record.automatic]
        applied = {decision: at for decision, at in told.applied.items() if decision in known}
        held = {decision: why for decision, why in told.held.items() if decision in known}
        memory = merged(self._memory(), applied, held, automatic, now)
        self.enforcer.kill = Kill()
        for command in whole.commands:
            self.enforcer.command(command.action, command.author, command.reason, now)
        last: dict[str, Status] = {decision: status for decision, status in told.last.items() if decision in known}  # type: ignore[misc]
        self.metrics.records.inc(len(whole.records))
        self.enforcer.load(whole.records, memory, last, now)
        self._receipts_to = told.read_to
        self._whole, self._loaded = whole, True
        ledger = self.enforcer.ledger
        _log.info("read to the end: %d records, %d entries wanted, %d held", len(whole.records), len(ledger.table), len(ledger.held))

    def _memory(self) -> Memory:
        """Of what this process did, or else of the snapshot."""
        if self.enforcer.ledger.standing:
            return self.enforcer.ledger.memory()
        return self._snapshot.memory if self._snapshot else Memory()

    def _serve(self) -> None:
        if self._whole is None and not self._recalled and not self._loaded:
            return
        until = time.monotonic() + SLICE_S
        while self.enforcer.step(_wall_ms()) and time.monotonic() < until:
            pass

    # -- what it says ---------------------------------------------------------------------------------------------------------

    def _publish(self) -> None:
        said = self.enforcer.said
        while said:
            one = said.popleft()
            self.metrics.receipts.labels(one.status).inc()
            if one.status != "applied":
                _log.warning("%s %s: %s", one.status, one.decision.key, one.detail)
            self._publisher.add(one.decision.key, receipt_bytes(one, self._settings.pbx), one.decision.decision_id)
        if self._whole is not None and self._turned >= self._beat_at and not self._publisher.unsent:
            self._beat_at = self._turned + self._settings.heartbeat_s
            try:
                self._publisher.add(self._settings.pbx, self._heartbeat())
            except (KafkaError, OSError) as error:
                self._lost(error)
        self._publisher.work()
        if self._turned >= self._kept_at:
            self.metrics.unsent.set(self._publisher.unsent)
            self.metrics.look(self.enforcer)

    def _heartbeat(self) -> bytes:
        assert self._whole is not None
        enforcer, consumer = self.enforcer, self._whole.consumer
        strip = len(self._settings.prefix)
        offsets = {f"{place.topic[strip:]}/{place.partition}": consumer.position(place) for place in sorted(consumer.assignment())}
        kill = enforcer.kill
        return heartbeat_bytes(
            self._settings.pbx,
            len(enforcer.believed),
            table_hash(enforcer.believed),
            offsets,
            int(time.monotonic() - self._began),
            kill.by if kill.paused else None,
            kill.reason if kill.paused else enforcer.away or None,
        )

    def _keep(self) -> None:
        """Write the snapshot when something changed."""
        self._kept_at = self._turned + SNAPSHOT_S
        enforcer, one = self.enforcer, self._settings
        state = (enforcer.changes, enforcer.generation, self._publisher.unsent)
        if self._whole is None or state == self._kept or self._keeper.busy:
            return
        self._kept = state
        memory = enforcer.ledger.memory()
        # A receipt that Kafka does not have was not given: after a crash it is given again.
        memory.applied -= self._publisher.owed()
        kill = msgspec.structs.replace(enforcer.kill)
        self._keeper.keep(
            Snapshot(pbx=one.pbx, prefix=one.prefix, generation=enforcer.generation, memory=memory, kill=kill, receipts=self._receipts_to)
        )

    def _refused(self, why: str) -> None:
        self.metrics.refused.inc()
        _log.error("%s", why)

    def _end(self) -> None:
        self._turned = time.monotonic()
        try:
            self._publish()
            self._publisher.close(5)
            self._keeper.wait()
            self._keep()
            self._keeper.wait()
        finally:
            if self._whole is not None:
                _close(self._whole)
            self._target.close()


def serve_until_stopped(bridge: Bridge, host: str, port: int) -> None:
    """Run a bridge with its metrics on a port (0: none).

    Raises:
        VigieError: see ``Bridge.run``; or the port is taken.
    """
    from streams.live.metrics import serve

    try:
        server = serve(host, port, bridge.metrics.registry, bridge.health, bridge.ready) if port else None
    except OSError as error:
        raise VigieError(f"{host}:{port} cannot be listened on ({error.strerror}); choose another --metrics-port") from error
    try:
        bridge.run()
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()


def _close(whole: Whole) -> None:
    try:
        whole.consumer.close()
    except (KafkaError, OSError) as error:
        _log.warning("the consumer was not closed in order: %r", error)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
