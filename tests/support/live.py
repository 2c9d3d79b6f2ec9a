"""A provider under load on the real broker: traffic, the processes that judge it, and the account of every record at the end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from detectors.events import Event
from detectors.outputs import DeadLetter
from detectors.step import Partition
from streams.partition import partition_of
from streams.sources import Reader
from streams.topics import Layout, group
from streams.wire import Wire
from streams.writing import encode_output
from support.detecting import TOPICS, Worker, published
from support.files import database
from support.kafka import read
from support.load import DAY_MS, POLICY, Sent, Shape, facts, midnight, stays, under_load
from vigie.dev.broker import Broker
from vigie.dev.process import Child
from vigie.topics import create

#: Faust shares four among three workers as 2, 2 and 0: a worker that joins shall have something to do.
PARTITIONS = 6
CLI = [sys.executable, "-c", "from vigie.cli import main; main()"]
INPUTS = ("accounts", "calls", "registrations")


class Account(msgspec.Struct):
    """What became of everything. ``sent`` is by fate; the others are what was found."""

    sent: dict[str, int]
    produced: int
    accepted: int
    duplicates: int
    dead: int
    repeated_by_us: int
    late: int
    outputs: dict[str, int]
    highest_sequence: int


class Live:
    """Ingest and workers on topics of their own, under load; what runs is killed at the end of the ``with`` block.

    Args:
        broker: a running one.
        prefix: of topics and groups.
        directory: for logs, policy, database and the exported log.
        shape: what is sent.
        rate: records a second.
    """

    def __init__(self, broker: Broker, prefix: str, directory: Path, shape: Shape, rate: int) -> None:
        self.broker, self.prefix, self.directory = broker, prefix, directory
        self.workers: dict[str, Worker] = {}
        #: Seconds from a kill to the first frame after it, by what was killed.
        self.recovered: dict[str, list[float]] = {"detect": [], "ingest": []}
        self._shape, self._rate = shape, rate
        self._sent: Counter[str] = Counter()
        self._errors: list[BaseException] = []
        self._ingest: Child | None = None
        self._starts = 0
        self._geo = database(directory / "country.mmdb")
        (directory / "policy.toml").write_text(POLICY, "utf-8")
        create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
        self._zero = midnight(time.time_ns() // 1_000_000)
        self._thread = threading.Thread(target=self._produce, daemon=True)

    def __enter__(self) -> Self:
        self.start_ingest()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in [worker.child for worker in self.workers.values()] + ([self._ingest] if self._ingest else []):
            child.kill()

    # -- load --------------------------------------------------------------------------------------------------------

    def _produce(self) -> None:
        producer = KafkaProducer(bootstrap_servers=self.broker.bootstrap, linger_ms=5, acks="all", enable_idempotence=True)
        try:
            self._send(producer, facts(self._shape, self._zero - 4 * DAY_MS))
            producer.flush()
            stays_ = (Sent(topic, tenant, value, "accepted") for _, topic, tenant, value in stays(self._shape, self._zero))
            self._send(producer, stays_)
            producer.flush()
            self._send(producer, under_load(self._shape, self._zero), self._rate)
            producer.flush()
        except BaseException as error:
            self._errors.append(error)
        finally:
            producer.close()

    def _send(self, producer: KafkaProducer, records: Iterator[Sent], rate: int = 0) -> None:
        begun = time.monotonic()
        for i, (topic, tenant, value, fate) in enumerate(records):
            key = tenant if topic != "accounts" else "/".join(filter(None, _fact_key(value)))
            sent = producer.send(self.prefix + topic, value, key=key.encode(), partition=partition_of(tenant, PARTITIONS))
            sent.add_errback(self._errors.append)
            self._sent[fate] += 1
            if rate and i % 50 == 0:
                time.sleep(max(0.0, begun + i / rate - time.monotonic()))

    @property
    def share(self) -> float:
        """How much was sent, from 0 to 1."""
        return min(1.0, self._sent["accepted"] / self._shape.events) if self._thread.is_alive() else 1.0

    def when(self, share: float) -> None:
        """Wait until so much was sent."""
        self.until(lambda: self.share >= share, 600)

    # -- processes ---------------------------------------------------------------------------------------------------

    def start_ingest(self) -> None:
        """Start the one ingest."""
        self._starts += 1
        command = [*CLI, "ingest", "--bootstrap", self.broker.bootstrap, "--prefix", self.prefix, "--geo", str(self._geo)]
        command += ["--policy", str(self.directory / "policy.toml")]
        with (self.directory / f"ingest-{self._starts}.log").open("wb") as out:
            self._ingest = Child(command, out, {"VIGIE_HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"})

    def kill_ingest(self) -> None:
        """``kill -9``, start anew, and wait for the first frame that it writes."""
        assert self._ingest is not None
        self._ingest.kill()
        killed, end = time.monotonic(), self.ends("events")
        self.start_ingest()
        self.until(lambda: self.ends("events") != end, 60)
        self._tell("ingest", killed)

    def start(self, name: str, *options: str) -> Worker:
        """Start a worker; with the name of one that is gone it takes its place."""
        worker = self.workers[name] = Worker(self.broker.bootstrap, self.prefix, name, self.directory, *options)
        return worker

    def kill(self, name: str) -> None:
        """``kill -9`` to a worker, start it anew, and wait for the first frame that it judges."""
        self.workers[name].child.kill()
        killed = time.monotonic()
        worker = self.start(name)
        self.until(lambda: "first frame" in worker.text(), 60)
        self._tell("detect", killed)

    def stop(self, name: str) -> None:
        """End a worker in order."""
        worker = self.workers.pop(name)
        worker.child.stop(30)
        assert worker.child.status() == 0, worker.text()

    def pause(self, name: str, heir: str) -> None:
        """Stop a worker with SIGSTOP until ``heir`` has judged its frames, then let it go on, and wait until it finds itself fenced."""
        # Seldom a checkpoint: it has something to write when it wakes.
        zombie = self.start(name, "--checkpoint-ms", "4000")
        self.judged(name, 10)
        zombie.signal(signal.SIGSTOP)
        self.start(heir)
        self.judged(heir, 10)
        zombie.signal(signal.SIGCONT)
        self.until(lambda: zombie.metric("fenced_total") > 0, 60)

    def judged(self, name: str, frames: int) -> None:
        """Wait until a worker judged so many frames."""
        self.until(lambda: self.workers[name].metric("frames_total") >= frames, 60)

    def _tell(self, what: str, killed: float) -> None:
        self.recovered[what].append(time.monotonic() - killed)
        print(f"{what}: {self.recovered[what][-1]:.1f} s from kill -9 to its first frame")

    def until(self, what: Callable[[], object], most_s: float) -> None:
        """Wait until it is so; fails with what the processes printed."""
        deadline = time.monotonic() + most_s
        while not what():
            ended = [
                child for child in (self._ingest, *(one.child for one in self.workers.values())) if child and child.status() is not None
            ]
            if time.monotonic() > deadline or self._errors or ended:
                logs = "\n".join(f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-3000:]}" for path in self.directory.glob("*.log"))
                raise AssertionError(f"not within {most_s} s; errors of the producer: {self._errors}\n{logs}")
            time.sleep(0.1)

    # -- the end -----------------------------------------------------------------------------------------------------

    def ends(self, topic: str) -> dict[int, int]:
        """Offset behind the last record of each partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.broker.bootstrap, enable_auto_commit=False)
        try:
            found = consumer.end_offsets([TopicPartition(self.prefix + topic, number) for number in range(PARTITIONS)])
        finally:
            consumer.close()
        return {place.partition: offset for place, offset in found.items()}

    def _all_committed(self) -> bool:
        consumer = KafkaConsumer(bootstrap_servers=self.broker.bootstrap, group_id=group(self.prefix, "ingest"), enable_auto_commit=False)
        try:
            places = [TopicPartition(self.prefix + topic, number) for topic in INPUTS for number in range(PARTITIONS)]
            ends = consumer.end_offsets(places)
            return all((consumer.committed(place) or 0) == ends[place] for place in places)
        finally:
            consumer.close()

    def _positions(self) -> dict[int, int]:
        """The next frame of each partition, as the workers say."""
        found: dict[int, int] = {}
        for worker in self.workers.values():
            for number, value in re.findall(r'^vigie_detect_next_offset\{partition="(\d+)"\} (\S+)$', worker.get("/metrics")[1], re.M):
                found[int(number)] = max(found.get(int(number), 0), int(float(value)))
        return found

    def finish(self) -> Account:
        """Wait until everything is judged, stop all in order, and compare what was said with what the core says of the log.

        Raises:
            AssertionError: something was lost, said twice, or said otherwise.
        """
        self.when(1.0)
        self._thread.join()
        self.until(self._all_committed, 180)
        assert self._ingest is not None
        self._ingest.stop(30)
        assert self._ingest.status() == 0
        self._ingest = None
        ends = self.ends("events")
        self.until(lambda: self._positions() == {number: end for number, end in ends.items() if end}, 180)
        for name in list(self.workers):
            self.stop(name)
        saved = {one.partition: int(one.value or b"0") for one in self._read("checkpoints") if one.key == b"\0next"}
        assert saved == ends
        return self._judge(self.export())

    def export(self) -> list[Path]:
        """The log as files."""
        target = self.directory / "log"
        command = [*CLI, "log", "export", "--bootstrap", self.broker.bootstrap, "--prefix", self.prefix, "--all", str(target)]
        subprocess.run(command, check=True, capture_output=True)
        return [target / f"events-{number}.jsonl.gz" for number in range(PARTITIONS)]

    def _read(self, topic: str) -> list[Any]:
        return read(self.broker.bootstrap, self.prefix + topic)

    def _judge(self, files: list[Path]) -> Account:
        said: dict[str, list[bytes]] = {"alerts": [], "suspensions": [], "metering": []}
        refused: set[tuple[str, int]] = set()
        there: Counter[tuple[str, int]] = Counter()
        counts: Counter[str] = Counter()
        ids: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
        late = 0
        for number, path in enumerate(files):
            partition = Partition(number)
            for event in _events(path):
                late += event.late_ms > 0
                if event.src.removeprefix(self.prefix).split("/")[0] in INPUTS:
                    there[event.src, event.line] += 1
                    ids[event.tenant, event.id].add((event.src, event.line))
                for output in partition.step(event):
                    if isinstance(output, DeadLetter):
                        refused.add((output.src, output.line))
                    elif type(output) in TOPICS:
                        said[TOPICS[type(output)]].append(encode_output(output))
            counts.update(partition.counts)
        got = published(self.broker.bootstrap, self.prefix, PARTITIONS)
        for topic, want in said.items():
            found = [value for values in got[topic].values() for value in values]
            assert set(found) == set(want), f"{topic}: {len(set(want) - set(found))} missing, {len(set(found) - set(want))} invented"
            assert len(found) == len(want), f"{topic}: {len(found)} published, {len(want)} said"
        return self._account(said, refused, there, counts, ids, late)

    def _account(
        self,
        said: dict[str, list[bytes]],
        refused: set[tuple[str, int]],
        there: Counter[tuple[str, int]],
        counts: Counter[str],
        ids: dict[tuple[str, str], set[tuple[str, int]]],
        late: int,
    ) -> Account:
        sequences: dict[tuple[str, str], list[int]] = defaultdict(list)
        for value in said["suspensions"]:
            one = json.loads(value)
            sequences[one["tenant"], one["licence"]].append(one["sequence"])
        for who, found in sequences.items():
            assert found == list(range(1, len(found) + 1)), f"{who}: {found}"
        produced = {
            (f"{self.prefix}{topic}/{number}", offset)
            for topic in INPUTS
            for number, end in self.ends(topic).items()
            for offset in range(end)
        }
        letters = {(one["src"], one["line"]) for one in (json.loads(record.value) for record in self._read("dead-letters"))}
        # Each record is in the log or a letter of ingest; what detection refuses is in the log and a letter.
        assert set(there) | letters == produced
        assert letters & set(there) == refused
        repeats = sum(len(places) - 1 for places in ids.values()) - len(refused)
        account = Account(
            sent=dict(self._sent), produced=len(produced), accepted=len(ids), duplicates=repeats, dead=len(letters),
            repeated_by_us=there.total() - len(there), late=late, outputs={topic: len(values) for topic, values in said.items()},
            highest_sequence=max(map(len, sequences.values()), default=0),
        )  # fmt: skip
        print(account)
        assert account.produced == sum(self._sent.values())
        assert (account.accepted, account.duplicates, account.dead) == tuple(self._sent[fate] for fate in ("accepted", "duplicate", "dead"))
        # The core saw the same: none of what a killed ingest said again was taken for new, or for a repeat of the producer's.
        assert (counts["duplicates"], counts["conflicts"]) == (account.duplicates, len(refused))
        return account


def _fact_key(value: bytes) -> tuple[str, ...]:
    fact = json.loads(value)
    return fact["kind"], fact["tenant"], fact.get("licence", "")


def _events(path: Path) -> Iterator[Event]:
    decode, first = Wire(recorded=True).decode, True
    for block in Reader(str(path)).blocks():
        for one in block:
            if not first:
                yield decode(one)
            first = False
