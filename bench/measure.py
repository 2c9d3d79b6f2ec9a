"""One measurement in a process of its own, on one core: ``python -m bench.measure NAME ARGUMENT…`` prints a JSON object.

A process of its own, because caches, the allocator and the collector remember what was measured before; one core, because the
bars are of one core, and a process that moves between two is measured colder than it runs.
"""

from __future__ import annotations

import cProfile
import gc
import json
import os
import pstats
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any, Literal, Union

import msgspec
from pydantic import Field, TypeAdapter

from detectors.events import Call, Event, Message, Registration
from detectors.registry import Detectors, installed
from detectors.state import encode
from detectors.step import Partition
from streams.contracts.inputs import INPUTS
from streams.embedded import Settings, run
from streams.frames import decode_frame, read_frames
from streams.ordering import log_path
from streams.progress import Silent
from streams.sources import Input
from streams.wire import Wire

#: The policy that ships, with every rule on.
POLICY = Path(__file__).parents[1] / "policies" / "default.toml"
#: A quiet licence has fewer events than this in the week of the benchmark, and no open alert (whose statement is kept).
QUIET = 5 * 7


def floor(events: Path) -> dict[str, Any]:
    """Read and validate the file against the contracts, and nothing else."""
    decode = Wire().decode
    count, begin = 0, process_time()
    with events.open("rb") as file:
        for line in file:
            decode(line)
            count += 1
    return {"cpu_s": process_time() - begin, "lines": count}


def pydantic_alone(events: Path) -> dict[str, Any]:
    """The same by the models alone: what the floor would be without the struct decoder."""
    union: Any = Annotated[Union[tuple(INPUTS.values())], Field(discriminator="kind")]  # noqa: UP007
    adapter: TypeAdapter[Any] = TypeAdapter(union)
    validate = adapter.validate_json
    count, begin = 0, process_time()
    with events.open("rb") as file:
        for line in file:
            validate(line)
            count += 1
    return {"cpu_s": process_time() - begin, "lines": count}


class _Stages(Silent):
    """Notes the CPU time at which each stage of the host begins."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, float]] = []

    def stage(self, name: str, total: int, unit: Literal["bytes", "events"]) -> None:
        self.begun.append((name, process_time()))


class _Ordered(Exception):
    """The logs are written: what follows is not wanted."""


class _UntilOrdered(Silent):
    """Stops the host before it judges, and keeps the logs it wrote."""

    def __init__(self, work: Path, into: Path, partitions: int) -> None:
        self._work, self._into, self._partitions = work, into, partitions

    def stage(self, name: str, total: int, unit: Literal["bytes", "events"]) -> None:
        if log_path(self._work, 0).exists() and name == "judging":
            for number in range(self._partitions):
                log_path(self._work, number).replace(log_path(self._into, number))
            raise _Ordered


def settings(events: Path, countries: Path, out: Path) -> Settings:
    """What ``vigie run EVENTS --geo COUNTRIES --out OUT`` asks of the host."""
    policy = tomllib.loads(POLICY.read_text("utf-8"))
    return Settings(inputs=[Input(str(events))], out=out, policy=policy, base=POLICY.parent, country_db=countries)


def logs(events: Path, countries: Path, into: Path, partitions: int) -> dict[str, Any]:
    """Write the partition logs of the events as the host does, for ``core``."""
    into.mkdir(parents=True, exist_ok=True)
    out = into / "run"
    try:
        asked = msgspec.structs.replace(settings(events, countries, out), partitions=partitions)
        run(asked, _UntilOrdered(out / ".work", into, partitions))
    except _Ordered:
        shutil.rmtree(out)
    return {}


def end(events: Path, countries: Path, out: Path) -> dict[str, Any]:
    """The main job: JSON lines in, judged alerts out, one process."""
    stages = _Stages()
    shutil.rmtree(out, ignore_errors=True)
    wall, begin = perf_counter(), process_time()
    summary = run(settings(events, countries, out), stages)
    end_, wall = process_time(), perf_counter() - wall
    marks = [*stages.begun, ("", end_)]
    split = {name: later - at for (name, at), (_, later) in pairwise(marks)}
    return {
        "cpu_s": end_ - begin, "wall_s": wall, "peak_mb": _peak_mb(), "stages_s": split,
        "read": summary["read"], "accepted": summary["accepted"], "dead_letters": summary["dead_letters"],
    }  # fmt: skip


def core(folder: Path, partitions: int, rules: str) -> dict[str, Any]:
    """``step`` alone: frames are decoded before the clock starts. ``rules``: ``all``, ``none``, one rule, or ``-rule`` for all others."""
    gc.disable()  # as the host does while it judges (streams.collector)
    detectors = chosen(rules)
    cpu, count, said, sizes = 0.0, 0, 0, []
    for number in range(partitions):
        partition = Partition(number, detectors)
        step = partition.step
        of_licence: dict[tuple[str, str], int] = {}
        for events in _frames(folder, number):
            begin = process_time()
            for event in events:
                if step(event):
                    said += 1
            cpu += process_time() - begin
            count += len(events)
            for event in events:
                key = event.tenant, event.licence
                of_licence[key] = of_licence.get(key, 0) + 1
        sizes += [len(encode(state)) for key, state in partition.licences.items() if of_licence[key] < QUIET and not state.alerts]
        partition.let_go()
    sizes.sort()
    at = len(sizes) - 1
    return {
        "cpu_s": cpu, "events": count, "said": said, "quiet": len(sizes),
        "quiet_median": sizes[at // 2], "quiet_p99": sizes[at * 99 // 100], "quiet_max": sizes[at],
    }  # fmt: skip


def chosen(rules: str) -> Detectors:
    """Rules by a word: ``all``, ``none``, one, or all but one."""
    every = installed()
    if rules in ("all", "none"):
        return every if rules == "all" else {}
    if rules.startswith("-"):
        return {name: rule for name, rule in every.items() if name != rules[1:]}
    return {rules: every[rules]}


def _frames(folder: Path, number: int, batch: int = 8) -> Iterator[list[Event]]:
    """Decoded frames, some at a time: a clock read for every frame would be measured too.

    They carry the coordinates that the host gives to traffic, or a path of this machine would be measured as state.
    """
    events: list[Event] = []
    for n, (_, frame) in enumerate(read_frames(log_path(folder, number)), 1):
        for event in decode_frame(frame):
            if isinstance(event, Registration | Call | Message):
                event.src, event.line = event.id, event.time
            events.append(event)
        if n % batch == 0:
            yield events
            events = []
    yield events


def profile(what: str, *paths: Path) -> None:
    """Print the of the functions that take the most time; the profiler itself costs small functions more than large ones."""
    profiler = cProfile.Profile()
    if what == "core":
        gc.disable()
        for number in range(16):
            step = Partition(number, installed()).step
            for events in _frames(paths[0], number):
                profiler.enable()
                for event in events:
                    step(event)
                profiler.disable()
    else:
        shutil.rmtree(paths[2], ignore_errors=True)
        profiler.runcall(run, settings(*paths))
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(30)


def _peak_mb() -> float:
    """Peak resident memory. Not ``ru_maxrss``: on Linux it survives exec, so a small child shows its parent's size."""
    status = Path("/proc/self/status").read_text("ascii")
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def measured(name: str, arguments: list[str]) -> dict[str, Any]:
    """The measurement of that name."""
    paths = [Path(argument) for argument in arguments]
    if name == "core":
        return core(paths[0], int(arguments[1]), arguments[2])
    if name == "logs":
        return logs(paths[0], paths[1], paths[2], int(arguments[3]))
    by_paths: dict[str, Callable[..., dict[str, Any]]] = {"floor": floor, "pydantic": pydantic_alone, "end": end}
    return by_paths[name](*paths)


def main(name: str, arguments: list[str]) -> None:
    """Pin the process, measure, print."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if name == "profile":
        profile(arguments[0], *map(Path, arguments[1:]))
    else:
        print(json.dumps(measured(name, arguments)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
