"""``python -m bench.recovery``: how long after ``kill -9`` a worker, or another in its place, judges again, with a week of state."""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.docs import DOC, replace
from bench.events import Shape, write_country_db, write_events
from bench.hosts import data
from bench.hosts.ours import VIGIE
from bench.hosts.running import Host, metric
from bench.job import title
from bench.run import OUT, ROOT, Result, at_most, machine, measure, write_results
from streams.frames import decode_frame, encode_frame
from streams.live.checkpoints import read_saved
from streams.partition import PARTITIONS
from streams.topics import Layout
from vigie.dev.broker import Broker
from vigie.dev.process import free_port
from vigie.topics import create

#: What is promised: seconds from kill -9 to the first frame.
BAR_S = 15.0
PREFIX = "recovery."
#: The worker is killed when so much of the log is judged and as much again as ``WHILE`` is on its way to it; another one takes the
#: place of the last. As much again is written once it is dead, so that there is a first frame.
KILLS, WHILE = (0.5, 0.6, 0.7, 0.8, 0.9), 0.05
#: Events in a frame. Ingest fills a frame with 512 when it catches up; live, 20 ms bring some tens.
FRAME_EVENTS = 64
LOOK_S = 0.1
PATIENCE_S = 120.0
QUICK = Shape.of(20_000)


class Recovered(msgspec.Struct, frozen=True):
    """Seconds from a kill until the first frame of any partition, and until that of the last one."""

    first: float
    all: float


class Measured(msgspec.Struct, frozen=True):
    """Each restart, the takeover, and how much state there was at the end."""

    restarts: list[Recovered]
    takeover: Recovered
    licences: int
    bytes: int


class Recovery:
    """The measurement.

    Args:
        shape: how much traffic, and so how many licences.
        out: for generated files, logs and the broker's data.
        told: called with what is being done.
    """

    def __init__(self, shape: Shape, out: Path, told: Callable[[str], None]) -> None:
        self.shape, self.out, self.told = shape, out, told
        self._folder = out / "recovery"
        self._frames: list[list[bytes]] = []
        self._written = [0] * PARTITIONS

    def run(self) -> Measured:
        """Write the log, judge it, and kill on the way.

        Raises:
            HostFailed: a worker ended by itself, or did not come back.
        """
        self.told("making the events, and their logs")
        events, countries = write_events(self.shape, self.out), write_country_db(self.out)
        logs = self.out / f"{self.shape.name}.logs"
        measure("logs", events, countries, logs, PARTITIONS)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        with Broker(self._folder / "broker") as broker:
            create(broker.bootstrap, Layout(PREFIX, replication=1))
            self._frames = [list(_small(data.frames(logs, number))) for number in range(PARTITIONS)]
            measured = self._measure(broker.bootstrap)
        shutil.rmtree(self._folder / "broker" / "data", ignore_errors=True)
        return measured

    def _measure(self, bootstrap: str) -> Measured:
        self.told(f"a worker that is killed {len(KILLS)} times, over {sum(map(len, self._frames)):,} frames")
        worker, times = self._start(bootstrap, "detect-1", 0), []
        for number, share in enumerate(KILLS, 1):
            self._write(bootstrap, share)
            self._judged(worker)
            self._write(bootstrap, share + WHILE)
            killed = worker[0].kill()
            self._write(bootstrap, share + 2 * WHILE)
            worker = self._start(bootstrap, "detect-2" if number == len(KILLS) else "detect-1", number)
            times.append(self._back(worker[0], killed))
        self._judged(worker)
        worker[0].stop()
        licences, size = asyncio.run(_state(bootstrap))
        return Measured(times[:-1], times[-1], licences, size)

    def _write(self, bootstrap: str, share: float) -> None:
        """Append to the log until it holds this share of all frames."""
        ends = [round(share * len(frames)) for frames in self._frames]
        new = [frames[begin:end] for frames, begin, end in zip(self._frames, self._written, ends, strict=True)]
        data.produce(bootstrap, f"{PREFIX}events", ((number, ((b"%d" % number, one) for one in some)) for number, some in enumerate(new)))
        self._written = ends

    def _start(self, bootstrap: str, name: str, number: int) -> tuple[Host, int]:
        port = free_port()
        command = [*VIGIE, "detect", "--bootstrap", bootstrap, "--prefix", PREFIX, "--name", name, "--metrics-port", str(port)]
        return Host(command, self._folder / f"{name}-{number}.log", None), port

    def _judged(self, worker: tuple[Host, int]) -> None:
        """Wait until all that was written is judged and committed."""
        (host, port), ends = worker, {str(number): float(end) for number, end in enumerate(self._written)}
        host.wait(lambda: metric(port, "vigie_detect_next_offset") == ends, PATIENCE_S, LOOK_S)

    def _back(self, host: Host, killed: float) -> Recovered:
        def judging() -> set[str]:
            return set(re.findall(r"partition (\d+): first frame", host.text()))

        host.wait(judging, PATIENCE_S)
        first = time.monotonic() - killed
        host.wait(lambda: len(judging()) == PARTITIONS, PATIENCE_S)
        return Recovered(first, time.monotonic() - killed)


def _small(frames: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for _, frame in frames:
        events = decode_frame(frame)
        yield from (encode_frame(events[at : at + FRAME_EVENTS]) for at in range(0, len(events), FRAME_EVENTS))


async def _state(bootstrap: str) -> tuple[int, int]:
    """Licences in the checkpoints, and bytes of all values."""
    licences = size = 0
    for number in range(PARTITIONS):
        records = (await read_saved(bootstrap, f"{PREFIX}checkpoints", number)).records
        licences += sum(key.startswith(b"l/") for key in records)
        size += sum(map(len, records.values()))
    return licences, size


def rows(measured: Measured) -> list[tuple[str, list[Recovered]]]:
    """What is told, and of which kills."""
    return [("the same worker, started again", measured.restarts), ("another worker in its place", [measured.takeover])]


def results(measured: Measured) -> list[Result]:
    """The slowest of each, with its bar."""
    found = []
    for name, times in rows(measured):
        found.append(at_most(f"{name}: from kill -9 to the first frame", max(one.first for one in times), "s", BAR_S))
        found.append(Result(f"{name}: to the first frame of the last partition", round(max(one.all for one in times), 2), "s"))
    return found


def state(measured: Measured) -> str:
    """How much there was to read, in a line."""
    return f"checkpoints of {measured.licences:,} licences, {measured.bytes / 2**20:.0f} MiB"


def text(measured: Measured, shape: Shape) -> str:
    """The section's table as Markdown."""
    lines = [f"{title(shape)}; {state(measured)}. {machine(one_core=False)}.", ""]
    lines += ["| after `kill -9` | s to the first frame | s to that of the last of 8 partitions |", "|---|---|---|"]
    for name, times in rows(measured):
        lines.append(f"| {name} | {_list(one.first for one in times)} | {_list(one.all for one in times)} |")
    missed = [one for one in results(measured) if one.holds is False]
    lines += ["", f"- first frame within {BAR_S:.0f} s of `kill -9`: {'**does not hold**' if missed else 'holds'}"]
    return "\n".join(lines)


def show(measured: Measured, title: str) -> Table:
    """The same for the terminal."""
    table = Table(title=title, title_justify="left")
    for heading in ("after kill -9", "s to the first frame", "s to that of the last of 8 partitions"):
        table.add_column(heading)
    for name, times in rows(measured):
        table.add_row(name, _list(one.first for one in times), _list(one.all for one in times))
    return table


def _list(seconds: Iterable[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in sorted(seconds))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.events:,} events, {QUICK.licences:,} licences")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOC.relative_to(ROOT)}")
    given = parser.parse_args()
    # A topic that was just made has no leader for a moment: the client says so, and tries again.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console(width=None if sys.stdout.isatty() else 120)
    shape = QUICK if given.quick else Shape()
    measured = Recovery(shape, OUT, lambda doing: console.print(f"[dim]{doing} …[/]")).run()
    write_results(results(measured), OUT / "results-recovery.json")
    console.print(show(measured, f"{title(shape)}; {state(measured)}"))
    console.print(f"{machine(one_core=False)}. Also in {(OUT / 'results-recovery.json').relative_to(ROOT)}.")
    if given.write_docs:
        replace("recovery", text(measured, shape))
        console.print(f"Written to {DOC.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
