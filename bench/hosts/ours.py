"""``vigie detect`` and ``vigie ingest`` as they are installed, measured from outside."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import run as run_command

from kafka.admin import KafkaAdminClient

from bench.hosts import data
from bench.hosts.running import Figures, Host, HostFailed, metric
from streams.topics import Layout, group
from vigie.dev.process import free_port
from vigie.topics import create

VIGIE = [sys.executable, "-c", "from vigie.cli import main; main()"]
#: Share of the events after which ingest's speed is read: the last ones wait on purpose, for sources that have fallen silent.
MOST = 0.95
FIRST = "first frame"
#: Between two looks at the worker's metrics. One costs it 3 ms.
LOOK_S = 0.25


class Vigie:
    """The live commands on the topics of a prefix.

    Args:
        bootstrap: the broker.
        prefix: of the topics; made here.
        folder: for logs.
        core: where the measured process runs.
        events: registrations and calls, by which costs are divided.
    """

    def __init__(self, bootstrap: str, prefix: str, folder: Path, core: int | None, events: int) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        self._folder, self._core, self._events = folder, core, events
        create(bootstrap, Layout(prefix, replication=1))

    def detect(self) -> Figures:
        """Judge the frames, from a fresh group, until every partition's committed checkpoint names the end of its log."""
        worker, port = self._worker("measured")
        try:
            worker.wait(lambda: FIRST in worker.text(), 60)
            cpu, at = worker.cpu(), time.monotonic()
            ends = {str(number): end for (_, number), end in data.ends(self.bootstrap, [self._log]).items() if end}
            worker.wait(lambda: metric(port, "vigie_detect_next_offset").items() >= ends.items(), 180, LOOK_S)
            cpu, at = worker.cpu() - cpu, time.monotonic() - at
        finally:
            worker.stop()
        return Figures(self._events / at, cpu / self._events * 1e6)

    def recover(self) -> float:
        """Seconds from ``kill -9`` in the middle of the log to the first frame judged; on topics that nobody has judged before."""
        frames = sum(data.ends(self.bootstrap, [self._log]).values())
        worker, port = self._worker("killed")
        worker.wait(lambda: sum(metric(port, "vigie_detect_frames_total").values()) > frames / 2, 120, LOOK_S)
        killed = worker.kill()
        again, _ = self._worker("killed")
        try:
            again.wait(lambda: FIRST in again.text(), 90)
            return time.monotonic() - killed
        finally:
            again.kill()

    def ingest(self, file: Path, countries: Path) -> Figures:
        """Send a file to the input topics, then let ingest make frames of it until all its offsets are committed."""
        self._send(file)
        host = self._start("ingest", ["--geo", str(countries)], "ingest")
        try:
            host.wait(lambda: "ready:" in host.text(), 90)
            cpu, at = host.cpu(), time.time()
            host.wait(self._taken(), 180, LOOK_S)
            cpu = host.cpu() - cpu
        finally:
            host.stop()
        done, whole = 0, data.landed(self.bootstrap, self._log)
        total = sum(count for _, count in whole)
        for when, count in whole:
            done += count
            if done >= MOST * total:
                return Figures(MOST * self._events / max(when - at, 0.001), cpu / self._events * 1e6)
        raise HostFailed("ingest wrote no frames")

    @property
    def _log(self) -> str:
        return f"{self.prefix}events"

    def _worker(self, name: str) -> tuple[Host, int]:
        port = free_port()
        more = ["--app", f"{self.prefix}{name}", "--name", name, "--metrics-port", str(port)]
        return self._start("detect", more, f"detect-{name}"), port

    def _start(self, command: str, more: list[str], log: str) -> Host:
        whole = [*VIGIE, command, "--bootstrap", self.bootstrap, "--prefix", self.prefix, *more]
        return Host(whole, self._folder / f"{self.prefix}{log}.log", self._core)

    def _send(self, file: Path) -> None:
        command = [*VIGIE, "replay", str(file), "--bootstrap", self.bootstrap, "--prefix", self.prefix]
        done = run_command(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise HostFailed(f"vigie replay: {done.stderr.strip()[-300:]}")

    def _taken(self) -> Callable[[], bool]:
        """Whether the group of ingest has committed everything of the inputs."""
        topics = [f"{self.prefix}{name}" for name in ("registrations", "calls", "accounts")]
        ends = {place: end for place, end in data.ends(self.bootstrap, topics).items() if end}
        ingest = group(self.prefix, "ingest")

        def taken() -> bool:
            with KafkaAdminClient(bootstrap_servers=self.bootstrap) as admin:
                offsets = admin.list_group_offsets(ingest)[ingest]
            found = {(place.topic, place.partition): one.offset for place, one in offsets.items()}
            return found.items() >= ends.items()

        return taken
