"""Host processes while they are measured: started on a core of their own, watched through what they print."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vigie.dev.process import Child

ROOT = Path(__file__).parents[2]
#: Between two looks at what a process printed, seconds.
LOOK_S = 0.01
_TICK = os.sysconf("SC_CLK_TCK")


class HostFailed(Exception):
    """A host ended or stood still; the text is the end of what it printed."""


class Mark(msgspec.Struct, frozen=True):
    """A line of ``judge.Meter``: what, when (monotonic seconds), CPU seconds so far, events judged."""

    what: str
    at: float
    cpu: float
    events: int


class Figures(msgspec.Struct, frozen=True):
    """What was measured of a host: events a second, CPU of the process in µs an event, seconds from kill -9 to the first record."""

    rate: float
    cpu: float
    recovery: float | None = None


class Host:
    """A process that judges.

    Args:
        command: program and arguments.
        log: what it prints goes there.
        core: where it runs; None: anywhere.
    """

    def __init__(self, command: Sequence[str], log: Path, core: int | None) -> None:
        self._log = log
        with log.open("wb") as out:
            self.child = Child(command, out, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"})
        if core is not None:
            # Before its first thread: threads inherit it.
            os.sched_setaffinity(self.child.pid, {core})

    def text(self) -> str:
        """What it printed so far."""
        return self._log.read_text("utf-8", "replace")

    def marks(self) -> list[Mark]:
        """What its meter told so far; a line that is being written is not there yet."""
        lines = self.text().split("\n")[:-1]
        return [msgspec.convert(json.loads(line), Mark) for line in lines if line.startswith('{"what"')]

    def wait(self, found: Callable[[], Any], limit_s: float, look_s: float = LOOK_S) -> Any:
        """Wait until something is true; gives it.

        Raises:
            HostFailed: the process ended, or time is up.
        """
        until = time.monotonic() + limit_s
        while not (value := found()):
            if self.child.status() is not None:
                value = found()
                if value:
                    return value
                raise HostFailed(f"ended with status {self.child.status()}: {self._end()}")
            if time.monotonic() > until:
                raise HostFailed(f"not there after {limit_s:.0f} s: {self._end()}")
            time.sleep(look_s)
        return value

    def mark(self, what: str, limit_s: float) -> Mark:
        """Wait for a mark of the meter."""
        return self.wait(lambda: next((mark for mark in self.marks() if mark.what == what), None), limit_s)  # type: ignore[no-any-return]

    def cpu(self) -> float:
        """Its CPU time so far in seconds, all threads, to 10 ms."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def kill(self) -> float:
        """``kill -9``; gives when."""
        at = time.monotonic()
        self.child.kill()
        return at

    def stop(self) -> None:
        """End it in order."""
        self.child.stop(20)

    def _end(self) -> str:
        lines = [line.strip() for line in self.text().splitlines() if line.strip() and not line.startswith("{")]
        return " | ".join(lines[-3:]) or "it printed nothing"


def metric(port: int, name: str) -> dict[str, float]:
    """A metric of ``vigie`` by partition (``""`` when it has none); nothing while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    found = re.findall(rf'^{name}(?:{{partition="(\d+)"}})? (\S+)$', text, re.MULTILINE)
    return {partition: float(value) for partition, value in found}
