"""What every compared host does with a record: the same core, and a clock that starts with the first record.

Imported inside the peers' environment too, so it needs no more than the core does.
"""

from __future__ import annotations

import argparse
import gc
import json
from collections.abc import Sequence
from time import monotonic, process_time

import msgspec

from detectors.events import AnyEvent, Event
from detectors.registry import installed
from detectors.snapshot import restore, take
from detectors.state import encode
from detectors.step import Partition
from streams.collector import THRESHOLDS
from streams.frames import decode_frame

#: How often progress is told, as a share of all events.
_STEPS = 20

_decode_event = msgspec.msgpack.Decoder(AnyEvent).decode


class Given(argparse.Namespace):
    """The command line of a compared host."""

    bootstrap: str
    topic: str
    #: Events and records of the topic, all partitions.
    events: int
    records: int
    #: Consumer group, and the name of this worker in it.
    group: str
    #: A directory for what the host keeps on disk.
    state: str
    #: ``frames`` or ``records``: what a record of the topic holds.
    of: str


def given() -> Given:
    """Parse the command line."""
    parser = argparse.ArgumentParser()
    for name, kind in (("bootstrap", str), ("topic", str), ("events", int), ("records", int), ("group", str), ("state", str)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--of", choices=("frames", "records"), required=True)
    return parser.parse_args(namespace=Given())


class Meter:
    """Tells the parent, in lines of JSON, when the first record came, how far it is, and when all is judged and saved.

    Starting costs a peer one to two seconds of imports and joining; so the clocks are read at the first record.
    """

    def __init__(self, events: int) -> None:
        self.judged = 0
        self._events = events
        self._begun = False
        self._tell = 0

    def begin(self) -> None:
        """A record is about to be judged."""
        if not self._begun:
            self._begun = True
            self._say("first")

    def add(self, events: int) -> bool:
        """So many more are judged; whether that was the last one."""
        self.judged += events
        if self.judged >= self._tell:
            self._tell = self.judged + self._events // _STEPS
            self._say("at")
        return self.judged >= self._events

    def end(self) -> None:
        """Everything is judged, and the host has saved what it saves.

        Raises:
            SystemExit: the host stopped before the last record.
        """
        if self.judged < self._events:
            raise SystemExit(f"only {self.judged:,} of {self._events:,} events were judged")
        self._say("done")

    def _say(self, what: str) -> None:
        print(json.dumps({"what": what, "at": monotonic(), "cpu": process_time(), "events": self.judged}), flush=True)


class Judge:
    """The core as an operator's state: one ``Partition`` per partition of the topic, kept decoded in memory.

    Kinder to the peers than what they advise (get, decode, step, encode, set): nothing is decoded again, and what a restart would
    have to rebuild from their stores is not rebuilt.
    """

    def __init__(self, meter: Meter) -> None:
        gc.set_threshold(*THRESHOLDS)
        self._meter = meter
        self._partitions: dict[int, Partition] = {}

    def judge(self, number: int, value: bytes, of: str) -> bool:
        """Judge a record of a partition; whether it was the last one of all."""
        self._meter.begin()
        events: Sequence[Event] = decode_frame(value) if of == "frames" else [_decode_event(value)]  # type: ignore[list-item]
        step = self._of(number).step
        for event in events:
            step(event)
        return self._meter.add(len(events))

    def changed(self, number: int) -> list[tuple[str, bytes]]:
        """Key and encoded state of every licence that changed since this was asked last; the first time, of every one."""
        partition = self._of(number)
        # A partition notes what it touches only once somebody asks (``detectors.changes``).
        touched = sorted(partition.licences if partition.unsaved is None else partition.touched & partition.licences.keys())
        partition.touched, partition.unsaved = set(), []
        return [("/".join(key), encode(partition.licences[key])) for key in touched]

    def licence(self, number: int, key: str) -> bytes:
        """The encoded state of a licence; empty when there is none."""
        tenant, _, name = key.partition("/")
        found = self._of(number).licences.get((tenant, name))
        return b"" if found is None else encode(found)

    def snapshot(self, number: int) -> bytes:
        """A partition as a whole."""
        return take(self._of(number))

    def restore(self, number: int, snapshot: bytes) -> None:
        """Put a partition back."""
        self._partitions[number] = restore(snapshot, installed())

    def _of(self, number: int) -> Partition:
        found = self._partitions.get(number)
        if found is None:
            found = self._partitions[number] = Partition(number, installed())
        return found
