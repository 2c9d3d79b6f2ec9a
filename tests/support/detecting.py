"""A log of frames that a test writes, workers that judge it, and what they must have said."""

from __future__ import annotations

import os
import re
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError

import msgspec
from kafka import KafkaProducer

from detectors.digest import digest64
from detectors.events import Event, PolicyEvent, Tick, rank
from detectors.outputs import Alert, Breaker, Metering, Suspension
from detectors.step import Partition
from streams.frames import decode_frame, encode_frame
from streams.partition import partition_of
from streams.writing import encode_output
from support.kafka import read
from support.traffic import START, everything
from vigie.dev.process import Child, free_port

POLICY = {"rules": {rule: {"mode": "auto"} for rule in ("abroad-stay", "abroad-total", "autodial", "licence-sharing")}}
TOPICS = {Alert: "alerts", Breaker: "alerts", Suspension: "suspensions", Metering: "metering"}


def logs(tenants: int, partitions: int, frame_events: int = 40) -> dict[int, list[bytes]]:
    """Frames per partition: the traffic of every rule for each of some customers, in the total order, stamped as ingest would."""
    events: dict[int, list[Event]] = defaultdict(list)
    for number in range(partitions):
        events[number].append(PolicyEvent(id="policy", time=START - 86_400_000 * 2, body=POLICY))
    for n in range(tenants):
        tenant = f"tenant-{n}"
        number = partition_of(tenant, partitions)
        events[number] += [msgspec.structs.replace(one, tenant=tenant) for one in everything(n)]
    frames = {}
    for number, found in events.items():
        found.sort(key=lambda e: (e.time, rank(e), e.pbx, e.tenant, e.id))
        for line, event in enumerate(found):
            event.src, event.line = f"calls/{number}", line
            event.key = digest64(f"{event.tenant}/{event.id}")
            event.digest = digest64(event.id)
        found.append(Tick(time=found[-1].time + 40 * 86_400_000))
        frames[number] = [encode_frame(found[at : at + frame_events]) for at in range(0, len(found), frame_events)]
    return frames


def expected(frames: dict[int, list[bytes]]) -> dict[str, dict[int, list[bytes]]]:
    """What the core says of the log, by topic and partition, in order."""
    said: dict[str, dict[int, list[bytes]]] = {topic: {number: [] for number in frames} for topic in ("alerts", "suspensions", "metering")}
    for number, log in frames.items():
        partition = Partition(number)
        for frame in log:
            for event in decode_frame(frame):
                for output in partition.step(event):
                    if type(output) in TOPICS:
                        said[TOPICS[type(output)]][number].append(encode_output(output))
    return said


def published(bootstrap: str, prefix: str, numbers: int) -> dict[str, dict[int, list[bytes]]]:
    """What is readable on the output topics, by topic and partition, in order."""
    said: dict[str, dict[int, list[bytes]]] = {}
    for topic in ("alerts", "suspensions", "metering"):
        said[topic] = {number: [] for number in range(numbers)}
        for record in read(bootstrap, prefix + topic):
            assert record.value is not None
            said[topic][record.partition].append(record.value)
    return said


def write(bootstrap: str, topic: str, frames: dict[int, list[bytes]], between_s: float = 0.0) -> None:
    """Append frames to the log, all partitions in step, waiting between two rounds."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=2)
    try:
        for at in range(max(len(log) for log in frames.values())):
            for number, log in frames.items():
                if at < len(log):
                    producer.send(topic, log[at], partition=number)
            if between_s:
                time.sleep(between_s)
        producer.flush()
    finally:
        producer.close()


class Worker:
    """A ``vigie detect`` process; ``log`` is what it prints."""

    def __init__(self, bootstrap: str, prefix: str, name: str, directory: Path, *options: str) -> None:
        self.port = free_port()
        self.log = directory / f"{name}-{self.port}.log"
        command = [sys.executable, "-c", "from vigie.cli import main; main()", "detect", "--bootstrap", bootstrap, "--prefix", prefix]
        command += ["--name", name, "--metrics-port", str(self.port), *options]
        with self.log.open("wb") as out:
            self.child = Child(command, out, {"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": str(self.port)})

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.child.pid, number)

    def text(self) -> str:
        """What it printed so far."""
        return self.log.read_text("utf-8", "replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page of its metrics server; 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (URLError, OSError):
            return 0, ""

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        found = re.findall(rf"^vigie_detect_{name}(?:\{{[^}}]*\}})? (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return sum(map(float, found))


def wait_until(what: Callable[[], object], most_s: float, *workers: Worker) -> float:
    """Seconds until it is so; fails with what the workers printed when it is not within ``most_s``."""
    started = time.monotonic()
    while not what():
        if time.monotonic() - started > most_s:
            raise AssertionError(f"not within {most_s} s\n" + "\n".join(f"--- {one.log.name}\n{one.text()[-6000:]}" for one in workers))
        time.sleep(0.05)
    return time.monotonic() - started
