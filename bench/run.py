"""All measurements of a shape, and whether the bars hold."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.events import Shape, write_country_db, write_events
from detectors.registry import installed
from streams.partition import FILE_PARTITIONS

OUT = Path(__file__).parent / "out"
ROOT = Path(__file__).parents[1]
#: What the main job promises with all rules on: see docs/benchmarks.md.
END_RATE, CORE_RATE = 30_000, 70_000
PEAK_MB, QUIET_BYTES = 400, 2048
#: Partitions on which the cost of single rules is measured: a quarter of the events is enough for a tenth of a microsecond.
RULE_PARTITIONS = 16


class Result(msgspec.Struct, frozen=True):
    """One figure. ``bar`` and ``holds`` are null where nothing is promised."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    holds: bool | None = None


def at_most(name: str, value: float, unit: str, bar: float) -> Result:
    """A figure that must not exceed its bar."""
    return Result(name, round(value, 2), unit, bar, value <= bar)


def at_least(name: str, value: float, unit: str, bar: float) -> Result:
    """A figure that must reach its bar."""
    return Result(name, round(value), unit, bar, value >= bar)


class Bench:
    """The measurements of one shape.

    Args:
        shape: how much traffic.
        out: where generated files and results go.
        repeats: how often floor, core and the whole job are measured, in turn; the least counts, since other work on the machine
            only ever adds.
        told: called with what is being done.
    """

    def __init__(self, shape: Shape, out: Path, repeats: int, told: Callable[[str], None]) -> None:
        self.shape, self.out, self.repeats, self.told = shape, out, repeats, told

    def prepare(self) -> tuple[Path, Path, Path]:
        """The events, the country database and the partition logs, made where they are not there."""
        self.told("making the events")
        events, countries = write_events(self.shape, self.out), write_country_db(self.out)
        logs = self.out / f"{self.shape.name}.logs"
        self.told("writing the logs for the core")
        # Always anew: frames and stamps belong to the code that is measured.
        measure("logs", events, countries, logs, FILE_PARTITIONS)
        return events, countries, logs

    def run(self) -> list[Result]:
        """Everything, in the order of the table."""
        events, countries, logs = self.prepare()
        floors, cores, ends = [], [], []
        for n in range(self.repeats):
            self.told(f"floor, core and the whole job, {n + 1} of {self.repeats}")
            floors.append(measure("floor", events))
            cores.append(measure("core", logs, FILE_PARTITIONS, "all"))
            ends.append(measure("end", events, countries, self.out / "run"))
        self.told("the contracts by pydantic alone")
        pydantic = self._micro("contracts by pydantic alone, read and validate", measure("pydantic", events))
        return [*self._bars(floors, cores, ends), *self._stages(ends), pydantic, *self._rules(logs)]

    def _micro(self, name: str, measured: dict[str, Any]) -> Result:
        return Result(name, round(measured["cpu_s"] / self.shape.events * 1e6, 2), "µs CPU/event")

    def _bars(self, floors: list[dict[str, Any]], cores: list[dict[str, Any]], ends: list[dict[str, Any]]) -> list[Result]:
        floor, core, end = _cpu(floors), _cpu(cores), _cpu(ends)
        count, last = self.shape.events, cores[-1]
        quiet = f"state of a quiet licence ({last['quiet']:,} of {self.shape.licences:,}), encoded"
        return [
            self._micro("floor: read and validate", {"cpu_s": floor}),
            self._micro("core alone", {"cpu_s": core}),
            self._micro("end to end", {"cpu_s": end}),
            Result("core alone, CPU over floor", round(core / floor, 2), "×"),
            Result("end to end, CPU over floor", round(end / floor, 2), "×"),
            at_least("core alone, per second of CPU", count / core, "events/s", CORE_RATE),
            at_least("end to end, per second of CPU", count / end, "events/s", END_RATE),
            Result("end to end, per second of wall clock", round(count / min(one["wall_s"] for one in ends)), "events/s"),
            at_most("end to end, peak memory", max(one["peak_mb"] for one in ends), "MB", PEAK_MB),
            Result(f"{quiet}: median", last["quiet_median"], "bytes"),
            Result(f"{quiet}: 99th percentile", last["quiet_p99"], "bytes"),
            at_most(f"{quiet}: largest", last["quiet_max"], "bytes", QUIET_BYTES),
        ]

    def _stages(self, ends: list[dict[str, Any]]) -> list[Result]:
        names = list(ends[0]["stages_s"])
        return [self._micro(f"end to end, {name}", {"cpu_s": min(one["stages_s"][name] for one in ends)}) for name in names]

    def _rules(self, logs: Path) -> list[Result]:
        self.told("the cost of each rule")
        found = []
        measured = {rules: measure("core", logs, RULE_PARTITIONS, rules) for rules in ("none", *installed())}
        without = measured["none"]["cpu_s"] / measured["none"]["events"] * 1e6
        found.append(Result("core without any rule", round(without, 2), "µs CPU/event"))
        for rule in installed():
            alone = measured[rule]["cpu_s"] / measured[rule]["events"] * 1e6
            found.append(Result(f"{rule} adds", round(alone - without, 2), "µs CPU/event"))
        return found


def _cpu(measured: list[dict[str, Any]]) -> float:
    return float(min(one["cpu_s"] for one in measured))


def measure(name: str, *arguments: object) -> dict[str, Any]:
    """One measurement in a child process.

    Raises:
        subprocess.CalledProcessError: it failed; its error is on the terminal.
    """
    command = [sys.executable, "-m", "bench.measure", name, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def machine(*, one_core: bool = True) -> str:
    """What was measured on, in a line; ``one_core``: what was measured had one of them."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores{' (one used)' if one_core else ''}, Python {platform.python_version()}"


def write_results(results: list[Result], path: Path) -> None:
    """``results.json`` and those of the parts: a list of ``{name, value, unit, bar, holds}``."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
