"""All hosts, one after the other, over the same events on one broker."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench.events import Shape, write_country_db, write_events
from bench.hosts import data
from bench.hosts.ours import Vigie
from bench.hosts.peers import Missing, environment, require
from bench.hosts.running import Figures, Host, HostFailed, Mark
from bench.run import Result, measure
from streams.partition import PARTITIONS
from vigie.dev.broker import Broker

#: What is promised: events a second of a worker of ours over frames, and seconds from kill -9 to its first frame.
RATE_BAR, RECOVERY_BAR = 30_000, 15.0
#: A host that has judged so long is killed although half of the events are not done: what was saved by then is what counts.
KILL_AFTER_S = 3.0
#: Faust, one record per event, takes 60 s for 200,000 events; seconds per event that a host may take.
PATIENCE_S, PATIENCE_PER_EVENT_S = 60.0, 0.0006
OURS, INGESTED, QUIX = "Faust over frames (ours)", "Faust over frames (ours), ingest included", "Quix Streams"
INGEST, DETECT = "of it vigie ingest", "of it vigie detect"


class Row(msgspec.Struct, frozen=True):
    """A line of a table: a host, and its figures or the reason why there are none."""

    host: str
    figures: Figures | None = None
    reason: str = ""


class Tables(msgspec.Struct, frozen=True):
    """Hosts over the same frames, and over single records."""

    frames: list[Row]
    records: list[Row]


class Peer(msgspec.Struct, frozen=True):
    """A compared host: its module here, and the package it needs of the peers' environment (empty: none)."""

    name: str
    module: str
    package: str = ""


EMBEDDED = Peer("embedded", "bench.hosts.embedded")
PEERS = (Peer("Faust", "bench.hosts.faust_records"), Peer(QUIX, "bench.hosts.quix", "quixstreams"))
BYTEWAX = Peer("Bytewax", "bench.hosts.bytewax_flow", "bytewax")
OVER_FRAMES = (PEERS[1], BYTEWAX)
OVER_RECORDS = (*PEERS, BYTEWAX)


class Hosts:
    """The measurements of one shape.

    Args:
        shape: how much traffic.
        out: where generated files, logs and the peers' environment are.
        told: called with what is being done.
    """

    def __init__(self, shape: Shape, out: Path, told: Callable[[str], None]) -> None:
        self.shape, self.out, self.told = shape, out, told
        self._folder = out / "hosts"
        cores = sorted(os.sched_getaffinity(0))
        #: The measured process has a core of its own; broker and benchmark have the others.
        self._core = cores[-1] if len(cores) > 1 else None
        self._others = set(cores[:-1])
        self._python: Path | None = None
        self._missing = ""

    def run(self) -> Tables:
        """Everything, in the order of the tables."""
        self.told("making the events, and their logs as the embedded host writes them")
        events, countries = write_events(self.shape, self.out), write_country_db(self.out)
        logs = self.out / f"{self.shape.name}.logs"
        measure("logs", events, countries, logs, PARTITIONS)
        self.told("the peers' environment")
        try:
            self._python = environment(self.out / "peers")
        except Missing as reason:
            self._missing = str(reason)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        if self._core is not None:
            os.sched_setaffinity(0, self._others)
        with Broker(self._folder / "broker") as broker:
            try:
                return self._tables(broker.bootstrap, events, countries, logs)
            finally:
                if self._core is not None:
                    os.sched_setaffinity(0, {*self._others, self._core})
                shutil.rmtree(self._folder / "broker" / "data", ignore_errors=True)

    def _tables(self, bootstrap: str, events: Path, countries: Path, logs: Path) -> Tables:
        of_frames, of_records = data.amounts(logs)
        judged, killed, ingested = (self._vigie(bootstrap, f"hosts.{name}.") for name in ("judged", "killed", "ingested"))
        for topic in ("hosts.frames", "hosts.records"):
            data.create_topic(bootstrap, topic)
        self.told("writing frames and records to the broker")
        for topic in ("hosts.frames", "hosts.judged.events", "hosts.killed.events"):
            data.produce(bootstrap, topic, ((number, data.frames(logs, number)) for number in range(PARTITIONS)))
        data.produce(bootstrap, "hosts.records", ((number, data.records(logs, number)) for number in range(PARTITIONS)))
        frames = [
            self._row(EMBEDDED.name, lambda: self._peer(EMBEDDED, bootstrap, str(logs), of_frames, "frames")),
            self._row(OURS, lambda: msgspec.structs.replace(judged.detect(), recovery=killed.recover())),
        ]
        for peer in OVER_FRAMES:
            frames.append(self._row(peer.name, lambda peer=peer: self._peer(peer, bootstrap, "hosts.frames", of_frames, "frames")))  # type: ignore[misc]
        records = self._ingested(ingested, events, countries, frames[1])
        for peer in OVER_RECORDS:
            records.append(self._row(peer.name, lambda peer=peer: self._peer(peer, bootstrap, "hosts.records", of_records, "records")))  # type: ignore[misc]
        return Tables(frames, records)

    def _vigie(self, bootstrap: str, prefix: str) -> Vigie:
        return Vigie(bootstrap, prefix, self._folder, self._core, self.shape.events)

    def _row(self, name: str, measured: Callable[[], Figures]) -> Row:
        self.told(name)
        try:
            return Row(name, measured())
        except (Missing, HostFailed) as reason:
            return Row(name, None, str(reason))

    def _ingested(self, vigie: Vigie, events: Path, countries: Path, over_frames: Row) -> list[Row]:
        """Both processes over the input topics, one after the other: with a core each, the slower one is the speed of both."""
        ingest = self._row(INGEST, lambda: vigie.ingest(events, countries))
        detect = self._row(DETECT, vigie.detect) if ingest.figures else Row(DETECT, None, "ingest could not run")
        if ingest.figures is None or detect.figures is None:
            return [Row(INGESTED, None, ingest.reason or detect.reason), ingest, detect]
        recovery = over_frames.figures.recovery if over_frames.figures else None
        whole = Figures(min(ingest.figures.rate, detect.figures.rate), ingest.figures.cpu + detect.figures.cpu, recovery)
        return [Row(INGESTED, whole), ingest, detect]

    def _peer(self, peer: Peer, bootstrap: str, topic: str, amount: data.Amount, of: str) -> Figures:
        python = Path(sys.executable)
        if peer.package:
            if self._python is None:
                raise Missing(self._missing)
            python = self._python
            require(python, peer.package)
        limit = PATIENCE_S + PATIENCE_PER_EVENT_S * amount.events
        name = f"{peer.module.rpartition('.')[2]}-{of}"

        def start(run: str, log: str) -> Host:
            state = self._folder / f"{name}-{run}"
            state.mkdir(exist_ok=True)
            command = [str(python), "-m", peer.module, "--bootstrap", bootstrap, "--topic", topic, "--of", of]
            command += ["--events", str(amount.events), "--records", str(amount.records)]
            # A name for each run: groups, changelogs and stores begin empty.
            command += ["--group", f"{name}-{run}", "--state", str(state)]
            return Host(command, self._folder / f"{name}-{log}.log", self._core)

        whole = start("measured", "measured")
        try:
            first, done = whole.mark("first", 60), whole.mark("done", limit)
        finally:
            whole.stop()
        events = self.shape.events
        figures = Figures(events / (done.at - first.at), (done.cpu - first.cpu) / events * 1e6)
        return msgspec.structs.replace(figures, recovery=_recovery(start, amount.events, limit))


def _recovery(start: Callable[[str, str], Host], events: int, limit: float) -> float:
    """Seconds from ``kill -9`` in the middle of the events to the first record that the host judges again."""
    host = start("killed", "killed")

    def half() -> bool:
        marks: list[Mark] = host.marks()
        return bool(marks) and (marks[-1].events >= events / 2 or marks[-1].at - marks[0].at >= KILL_AFTER_S)

    try:
        host.wait(half, limit)
    finally:
        killed = host.kill()
    again = start("killed", "again")
    try:
        return float(again.mark("first", limit).at - killed)
    finally:
        again.kill()


def results(tables: Tables) -> list[Result]:
    """The tables in the shape of ``bench/out/results.json``; a host that could not run has no line."""
    found = []
    quix = next((row.figures.cpu for row in tables.records if row.host == QUIX and row.figures), None)
    for over, rows in (("frames", tables.frames), ("single records", tables.records)):
        for row in rows:
            if row.figures is None:
                continue
            one, ours = row.figures, row.host in (OURS, INGESTED)
            rate_bar = RATE_BAR if row.host == OURS else None
            found.append(_result(f"{row.host}, over {over}", round(one.rate), "events/s", rate_bar, one.rate >= RATE_BAR))
            cpu_bar = round(quix, 1) if row.host == INGESTED and quix is not None else None
            holds = quix is not None and one.cpu <= quix
            found.append(_result(f"{row.host}, over {over}, CPU", round(one.cpu, 1), "µs/event", cpu_bar, holds))
            if one.recovery is not None:
                name = f"{row.host}, over {over}, from kill -9 to the first record"
                bar = RECOVERY_BAR if ours else None
                found.append(_result(name, round(one.recovery, 1), "s", bar, one.recovery <= RECOVERY_BAR))
    return found


def _result(name: str, value: float, unit: str, bar: float | None, holds: bool) -> Result:
    return Result(name, value, unit, bar, None if bar is None else holds)
