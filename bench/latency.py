"""``python -m bench.latency``: from producing the call that is too many to the suspension that a bridge can read."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from pathlib import Path

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from bench.dialling import CROSSING, POLICY, Sent, Shape, accounts, traffic
from bench.docs import DOC, replace
from bench.events import write_country_db
from bench.hosts.ours import VIGIE
from bench.hosts.running import Host, HostFailed
from bench.run import OUT, ROOT, Result, at_most, machine, write_results
from detectors.events import Call
from streams.frames import decode_frame
from streams.live.orderer import LATENESS_MS
from streams.partition import PARTITIONS, partition_of
from streams.topics import Layout
from vigie.dev.broker import Broker
from vigie.dev.process import free_port
from vigie.topics import create

#: What is promised beyond the lateness that is allowed to events, ms.
BAR_MS = 1_000
PREFIX = "latency."
#: A decision that did not come by then does not come, s.
PATIENCE_S = 30.0
#: Records a second of the past that the client sends at least.
PAST_RATE = 5_000
QUICK = Shape(crossings=30, tenants=40, seconds=15)


class Decision(msgspec.Struct):
    """One crossing call: when it was produced, and when its frame, its suspension and our reading of that came (ms, Unix)."""

    produced: float
    framed: float = 0.0
    written: float = 0.0
    read: float = 0.0


class Reader(threading.Thread):
    """Reads the suspensions of autodial as a bridge does: committed ones only."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        #: Key to when the broker got the suspension and when we had it.
        self.found: dict[str, tuple[float, float]] = {}
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
        self._consumer.assign([TopicPartition(f"{PREFIX}suspensions", number) for number in range(PARTITIONS)])
        self._consumer.seek_to_beginning()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Read until ``stop``."""
        while not self._stopping.is_set():
            for records in self._consumer.poll(timeout_ms=200).values():
                now = time.time() * 1000
                for record in records:
                    self.found.setdefault(record.key.decode(), (record.timestamp, now))
        self._consumer.close()

    def stop(self) -> None:
        """End, and close the connection."""
        self._stopping.set()
        self.join()


class Latency:
    """The measurement.

    Args:
        shape: what is sent.
        out: for logs and the broker's data.
        told: called with what is being done.
    """

    def __init__(self, shape: Shape, out: Path, told: Callable[[str], None]) -> None:
        self.shape, self.told = shape, told
        self._folder = out / "latency"
        self._decisions: dict[str, Decision] = {}
        #: Records sent in the seconds of the background, and what they took.
        self.rate = 0.0

    def run(self) -> list[Decision]:
        """Start everything, send the traffic, and wait for the last suspension.

        Raises:
            HostFailed: a process ended, or a dialler was not suspended; the message says which.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        (self._folder / "policy.toml").write_text(POLICY, "utf-8")
        geo = write_country_db(self._folder)
        with Broker(self._folder / "broker") as broker:
            create(broker.bootstrap, Layout(PREFIX, replication=1))
            ingest = self._start(broker, "ingest", "--policy", str(self._folder / "policy.toml"), "--geo", str(geo))
            detect = self._start(broker, "detect", "--name", "detect-1", "--metrics-port", str(free_port()))
            reader = Reader(broker.bootstrap)
            reader.start()
            try:
                ingest.wait(lambda: "ready:" in ingest.text(), 60)
                detect.wait(lambda: detect.text().count("open in") == PARTITIONS, 60)
                self._produce(broker.bootstrap, reader)
                missing = sorted(self._decisions.keys() - reader.found.keys())
                if missing:
                    raise HostFailed(f"{len(missing)} diallers were not suspended: {', '.join(missing[:3])} …")
            finally:
                reader.stop()
                detect.stop()
                ingest.stop()
            self._note(broker.bootstrap, reader.found)
        shutil.rmtree(self._folder / "broker" / "data", ignore_errors=True)
        return list(self._decisions.values())

    def _start(self, broker: Broker, command: str, *more: str) -> Host:
        whole = [*VIGIE, command, "--bootstrap", broker.bootstrap, "--prefix", PREFIX, *more]
        return Host(whole, self._folder / f"{command}.log", None)

    def _produce(self, bootstrap: str, reader: Reader) -> None:
        # As a PBX sends: each record is due when it happens, whatever the last one took.
        producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=0)
        try:
            self.told("accounts")
            now = round(time.time() * 1000)
            self._send(producer, accounts(self.shape, now - 86_400_000))
            producer.flush()
            past = self.shape.crossings * CROSSING * 2
            begin = round(time.time() * 1000) + 1000 + past * 1000 // PAST_RATE
            self.told(f"the past of {self.shape.crossings} diallers, then {self.shape.rate:,} events/s for {self.shape.seconds} s")
            # The background goes on until the last one is suspended: when all sources fall silent, time stands still for 5 s.
            end = begin / 1000 + self.shape.settle + self.shape.seconds + PATIENCE_S
            live = takewhile(lambda one: not self._complete(reader) and time.time() < end, traffic(self.shape, begin))
            sent = self._send(producer, live, begin)
            self.rate = sent / (time.time() - begin / 1000)
            producer.flush()
        finally:
            producer.close()

    def _send(self, producer: KafkaProducer, records: Iterable[Sent], begin: int = 0) -> int:
        """Send each record when it is due; gives how many were sent from ``begin`` on."""
        counted = 0
        for one in records:
            due = one.at / 1000 - time.time()
            if due > 0.001:
                time.sleep(due)
            if one.crosses:
                self._decisions[one.crosses] = Decision(time.time() * 1000)
            # A fact is never looked up by its key here; its partition is that of its tenant, as of everything else.
            producer.send(PREFIX + one.topic, one.value, key=one.tenant.encode(), partition=partition_of(one.tenant, PARTITIONS))
            counted += one.at >= begin > 0
        return counted

    def _complete(self, reader: Reader) -> bool:
        return len(self._decisions) == self.shape.crossings == len(reader.found)

    def _note(self, bootstrap: str, found: dict[str, tuple[float, float]]) -> None:
        for key, decision in self._decisions.items():
            decision.written, decision.read = found[key]
            if decision.read < decision.produced:
                raise HostFailed(f"{key} was suspended before its call {CROSSING}: something else decided")
        for at, key in _crossing_frames(bootstrap):
            self._decisions[key].framed = at


def _crossing_frames(bootstrap: str) -> Iterator[tuple[float, str]]:
    """When (ms) the broker got the frame of each crossing call, and whose it is."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        places = [TopicPartition(f"{PREFIX}events", number) for number in range(PARTITIONS)]
        consumer.assign(places)
        last = consumer.end_offsets(places)
        consumer.seek_to_beginning(*places)
        while any(consumer.position(place) < last[place] for place in places):
            for records in consumer.poll(timeout_ms=1000).values():
                for record in records:
                    for event in decode_frame(record.value):
                        if isinstance(event, Call) and event.id.endswith(f"-{CROSSING}-attempt"):
                            yield record.timestamp, f"{event.tenant}/{event.licence}"
    finally:
        consumer.close()


#: What is told of a decision, and from what it is computed.
STEPS: tuple[tuple[str, Callable[[Decision], float]], ...] = (
    ("its frame is in the log", lambda one: one.framed),
    ("the suspension is written", lambda one: one.written),
    ("the suspension is read", lambda one: one.read),
)


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that at least so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * percent // 100) - 1]


def results(decisions: list[Decision]) -> list[Result]:
    """Percentiles of each step, and the bar of the last one."""
    found = []
    for name, at in STEPS:
        values = [(at(one) - one.produced) / 1000 for one in decisions]
        found.append(Result(f"from the crossing call until {name}, median", round(percentile(values, 50), 2), "s"))
        name = f"from the crossing call until {name}, 99th percentile"
        if at is STEPS[-1][1]:
            found.append(at_most(name, percentile(values, 99), "s", (LATENESS_MS + BAR_MS) / 1000))
        else:
            found.append(Result(name, round(percentile(values, 99), 2), "s"))
    return found


def title(shape: Shape, rate: float) -> str:
    """What was measured, in a line."""
    what = f"{shape.crossings} crossings in {shape.seconds} s, {rate:,.0f} events/s of {shape.licences:,} licences in the background"
    return f"{what}, lateness {LATENESS_MS / 1000:.0f} s"


def text(decisions: list[Decision], shape: Shape, rate: float) -> str:
    """The section's table as Markdown."""
    rows = [
        f"{title(shape, rate)}. {machine(one_core=False)}.",
        "",
        "| from the crossing call until | p50, s | p99, s | most, s |",
        "|---|---:|---:|---:|",
    ]
    for name, at in STEPS:
        values = [(at(one) - one.produced) / 1000 for one in decisions]
        rows.append(f"| {name} | {percentile(values, 50):.2f} | {percentile(values, 99):.2f} | {max(values):.2f} |")
    last = results(decisions)[-1]
    holds = "holds" if last.holds else "**does not hold**"
    return "\n".join(
        [*rows, "", f"- p99 at most {BAR_MS / 1000:.0f} s beyond the lateness ({last.value:.2f} s of {last.bar:.0f} s): {holds}"]
    )


def show(decisions: list[Decision], title: str) -> Table:
    """The same for the terminal."""
    table = Table(title=title, title_justify="left")
    table.add_column("from the crossing call until")
    for heading in ("p50, s", "p99, s", "most, s"):
        table.add_column(heading, justify="right")
    for name, at in STEPS:
        values = [(at(one) - one.produced) / 1000 for one in decisions]
        table.add_row(name, f"{percentile(values, 50):.2f}", f"{percentile(values, 99):.2f}", f"{max(values):.2f}")
    return table


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.crossings} crossings in {QUICK.seconds} s")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOC.relative_to(ROOT)}")
    given = parser.parse_args()
    # A topic that was just made has no leader for a moment: the client says so, and tries again.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    console = Console(width=None if sys.stdout.isatty() else 120)
    shape = QUICK if given.quick else Shape()
    latency = Latency(shape, OUT, lambda doing: console.print(f"[dim]{doing} …[/]"))
    decisions = latency.run()
    found = results(decisions)
    write_results(found, OUT / "results-latency.json")
    console.print(show(decisions, title(shape, latency.rate)))
    console.print(f"{machine(one_core=False)}. Also in {(OUT / 'results-latency.json').relative_to(ROOT)}.")
    if given.write_docs:
        replace("latency", text(decisions, shape, latency.rate))
        console.print(f"Written to {DOC.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
