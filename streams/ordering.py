"""Second stage of a run: sorted runs to the partition logs. Each event is resolved, stamped and put into its partition's log.

Every log begins with the policy and the public holidays; what speaks to all partitions is written to each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from detectors.events import Call, Event, Message, PolicyEvent, Registration, Tick
from streams.frames import EVENTS, FRAME_EVENTS, FrameFile, encode_event, join_frame
from streams.holidays import french_holidays
from streams.journal import Journal, OrderState, Seen
from streams.outputs import LINES, Line, dead_letter
from streams.partition import partition_of
from streams.progress import Progress
from streams.runs import merge, total_order
from streams.stamp import Stamper
from streams.wire import to_line

DEAD = "dead-order"
#: 365.2425 days: only to tell which years a log speaks of, and one more on each side is computed anyway.
_YEAR_MS = 31_556_952_000
#: Events between two words to the progress bar.
_TELL = 8_192
ADDRESS, DEVICE, AGENT = 1, 2, 4
TRAFFIC = frozenset({Registration, Call, Message})


def log_path(work: Path, number: int) -> Path:
    """The log of a partition."""
    return work / f"log-{number}.frames"


class Logs:
    """The partition logs while they are written."""

    def __init__(self, work: Path, partitions: int) -> None:
        self.partitions = partitions
        self._files = [FrameFile(log_path(work, number)) for number in range(partitions)]
        self._buffers: list[list[bytes]] = [[] for _ in range(partitions)]
        self.events = [0] * partitions

    def put(self, number: int, event: Event) -> None:
        """Append an event to a partition."""
        # Encoded at once: two thousand waiting objects push each other out of the cache (ordering took a quarter longer).
        buffer = self._buffers[number]
        buffer.append(encode_event(event))
        if len(buffer) >= FRAME_EVENTS:
            self._write(number)

    def broadcast(self, event: Event) -> None:
        """Append an event to every partition."""
        for number in range(self.partitions):
            self.put(number, event)

    def finish(self, state: OrderState) -> None:
        """Make the logs durable and note their sizes."""
        for number, file in enumerate(self._files):
            self._write(number)
            file.sync()
        state.logs = [file.size for file in self._files]
        state.events = self.events

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for file in self._files:
            file.close()

    def _write(self, number: int) -> None:
        buffer = self._buffers[number]
        if buffer:
            self._files[number].append(join_frame(buffer))
            self.events[number] += len(buffer)
            self._buffers[number] = []


class Census:
    """What each PBX sent: the ground on which a summary says what was covered."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = defaultdict(int)

    def see(self, event: Registration | Call | Message) -> None:
        """Count an event."""
        if isinstance(event, Message):
            self._counts[event.pbx, "message", 0] += 1
            return
        told = ADDRESS if event.source_ip else 0
        if event.device:
            told += DEVICE
        if event.user_agent:
            told += AGENT
        self._counts[event.pbx, event.phase if isinstance(event, Call) else "registration", told] += 1

    def result(self) -> list[Seen]:
        """The counts, sorted."""
        return [Seen(pbx, kind, told, count) for (pbx, kind, told), count in sorted(self._counts.items())]


class Letters:
    """Dead letters of a stage that is done anew when it is interrupted."""

    def __init__(self, path: Path) -> None:
        self._file = FrameFile(path)
        self._batch: list[bytes] = []
        self.count = 0

    def add(self, line: Line) -> None:
        """Keep a letter."""
        self.count += 1
        self._batch.append(LINES.encode(line))
        if len(self._batch) >= FRAME_EVENTS:
            self._flush()

    def finish(self, state: OrderState) -> None:
        """Make them durable and note how many there are."""
        self._flush()
        self._file.sync()
        state.dead, state.dead_bytes = self.count, self._file.size

    def __enter__(self) -> Letters:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def _flush(self) -> None:
        if self._batch:
            self._file.append(join_frame(self._batch))
            self._batch = []


def order(work: Path, journal: Journal, stamper: Stamper, policy: dict[str, Any], partitions: int, progress: Progress) -> None:
    """Write the partition logs from the runs.

    Args:
        work: directory of the run.
        journal: where the runs are; gets the logs.
        stamper: resolves and stamps.
        policy: the policy in force before the first event.
        partitions: how many logs.
        progress: told of events.
    """
    with Logs(work, partitions) as logs, Letters(work / DEAD) as letters:
        journal.order = _order(logs, letters, journal, stamper, policy, work, progress)
    journal.stage = "detect"
    journal.save(work)


def _order(
    logs: Logs, letters: Letters, journal: Journal, stamper: Stamper, policy: dict[str, Any], work: Path, progress: Progress
) -> OrderState:
    state, census, runs = OrderState(), Census(), journal.read.runs
    for seed in _seeds(policy, runs):
        logs.broadcast(seed)
        state.seeds += 1
    progress.stage("ordering", journal.read.events, "events")
    names = [one.path for one in journal.read.inputs]
    stamp, see, put = stamper.stamp, census.see, logs.put
    done = told = 0
    for block in merge(runs, EVENTS, total_order, work, "events"):
        for event in block:
            refusal = stamp(event)
            if refusal is not None:
                letters.add(dead_letter(names[int(event.src)], event.line, refusal.error, refusal.message, to_line(_without_place(event))))
                continue
            kind = type(event)
            if kind in TRAFFIC:
                see(event)  # type: ignore[arg-type]
                put(partition_of(event.tenant, logs.partitions), event)
            elif event.tenant and kind is not Tick:
                put(partition_of(event.tenant, logs.partitions), event)
            else:
                state.uncounted += kind is Tick
                logs.broadcast(event)
        if block:
            state.last = max(state.last, block[-1].time)
        done += len(block)
        if done - told >= _TELL:
            told = done
            progress.advance(done, done)
    logs.finish(state)
    letters.finish(state)
    state.seen = census.result()
    state.unresolved = stamper.accounts.unknown
    return state


def _seeds(policy: dict[str, Any], runs: Sequence[Any]) -> Iterator[Event]:
    yield PolicyEvent(id="policy", time=0, name=str(policy.get("name", "")), body=policy)
    if runs:
        first = min(run.first[0] for run in runs) // _YEAR_MS + 1970
        last = max(run.last[0] for run in runs) // _YEAR_MS + 1970
        yield french_holidays(first - 1, last + 1)


def _without_place(event: Event) -> Event:
    """The event as its sender could have written it: its coordinates stand beside it in the dead letter."""
    return msgspec.structs.replace(event, src="", line=0)


__all__ = ["ADDRESS", "AGENT", "DEAD", "DEVICE", "Census", "Letters", "Logs", "log_path", "order"]
