"""Third stage of a run: each partition's log through ``detectors.step``, with snapshots from which a killed run goes on.

Partitions share nothing, so they may be judged by several processes; what they said is sorted afterwards, and the bytes are the
same for any number of them.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import msgspec

from detectors.errors import VigieError
from detectors.events import Event
from detectors.outputs import Alert, DeadLetter, Output
from detectors.registry import Detectors
from detectors.snapshot import restore, take
from detectors.step import Partition
from streams.collector import no_collections
from streams.durable import replace_file
from streams.frames import FRAME_EVENTS, FrameFile, decode_frame, join_frame, read_frames
from streams.journal import OrderState
from streams.lock import share
from streams.ordering import TRAFFIC, log_path
from streams.outputs import LINES, Line, dead_letter, line_of
from streams.progress import Progress
from streams.wire import to_line

#: Events of a partition between two snapshots: about two seconds of work are lost to a crash, a few percent to writing them.
SNAPSHOT_EVENTS = 200_000

Tell = Callable[[int], None]
#: What becomes of an output; None: it is not kept.
Keep = Callable[[Output], Line | None]


class Snapshot(msgspec.Struct, array_like=True):
    """A partition at a frame boundary.

    ``offset`` in its log, ``said`` bytes of its output file, ``events`` done, ``taken_back`` accepted events that became dead
    letters, ``repeat`` the id of the last event and how often it was repeated, ``finished`` after the last timer, ``hidden``
    findings that an exemption hid, per rule, ``state`` the partition's bytes.
    """

    offset: int = 0
    said: int = 0
    events: int = 0
    taken_back: int = 0
    dead: int = 0
    repeat: tuple[str, int] = ("", 0)
    finished: bool = False
    counts: dict[str, int] = {}
    hidden: dict[str, int] = {}
    state: bytes = b""


_decode_snapshot = msgspec.msgpack.Decoder(Snapshot).decode


def said_path(work: Path, number: int) -> Path:
    """What a partition said, in frames of lines."""
    return work / f"said-{number}.frames"


def snapshot_of(work: Path, number: int) -> Snapshot:
    """The newest snapshot of a partition; an empty one when there is none."""
    try:
        return _decode_snapshot((work / f"snapshot-{number}").read_bytes())
    except FileNotFoundError:
        return Snapshot()


class Task(msgspec.Struct, frozen=True):
    """What is the same for all partitions of a run.

    ``work`` is its directory; timers due up to ``until`` fire at the end of the log; ``every`` events a snapshot is taken;
    ``names`` are the inputs that the coordinates of the log number, ``None`` when it carries the ones a live run recorded.
    """

    work: Path
    until: int
    every: int
    names: tuple[str, ...] | None


class Judge:
    """Judges the log of one partition.

    Args:
        task: the run.
        number: the partition.
        detectors: rules by id; the installed ones by default.
        keep: the line of an output.
    """

    def __init__(self, task: Task, number: int, detectors: Detectors | None = None, keep: Keep = line_of) -> None:
        self._work = task.work
        self._number = number
        self._until = task.until
        self._every = task.every
        self._names = task.names
        self._at = snapshot_of(task.work, number)
        self._keep = keep
        self._partition = restore(self._at.state, detectors) if self._at.state else Partition(number, detectors)
        self._batch: list[bytes] = []

    def run(self, end: int, tell: Tell) -> None:
        """Judge the log up to the byte ``end``; ``tell`` is given the events done."""
        at = self._at
        if at.finished:
            tell(at.events)
            return
        judge = self._frame if self._names is not None else self._recorded_frame
        with FrameFile(said_path(self._work, self._number), at.said) as self._said:
            saved = at.events
            for offset, frame in read_frames(log_path(self._work, self._number), at.offset, end):
                events = decode_frame(frame)
                judge(events)
                at.offset = offset
                at.events += len(events)
                tell(at.events)
                if at.events - saved >= self._every:
                    saved = at.events
                    self._save()
            self._say(self._partition.finish(self._until), None, "", 0)
            at.finished = True
            self._save()
        self._partition.let_go()

    def _recorded_frame(self, events: list[Event]) -> None:
        step = self._partition.step
        for event in events:
            said = step(event)
            if said:
                self._say(said, event, event.src, event.line)

    def _frame(self, events: list[Event]) -> None:
        # A line number is not a property of a fact: the same records in another order would give other alerts. So traffic is
        # judged under its id (repeats are told apart by a number, or they would pass for our own), and file and line are kept
        # for dead letters alone.
        step = self._partition.step
        last, repeats = self._at.repeat
        for event in events:
            src, line = event.src, event.line
            if type(event) in TRAFFIC:
                if event.id == last:
                    repeats += 1
                    event.line = -repeats
                else:
                    last, repeats = event.id, 0
                    event.line = event.time
                event.src = last
            said = step(event)
            if said:
                self._say(said, event, src, line)
        self._at.repeat = (last, repeats)

    def _say(self, said: Sequence[Output], event: Event | None, src: str, line: int) -> None:
        for output in said:
            kept = self._letter(output, event, src, line) if isinstance(output, DeadLetter) else self._line(output)
            if kept is not None:
                self._batch.append(LINES.encode(kept))
        if len(self._batch) >= FRAME_EVENTS:
            self._flush()

    def _line(self, output: Output) -> Line | None:
        if isinstance(output, Alert) and self._names is not None:
            output = msgspec.structs.replace(output, evidence=tuple(msgspec.structs.replace(one, line=0) for one in output.evidence))
        return self._keep(output)

    def _letter(self, letter: DeadLetter, event: Event | None, src: str, line: int) -> Line:
        at = self._at
        at.dead += 1
        if letter.error != "same_id":
            # Counted as accepted before it was found wanting (a fact that comes into force later).
            at.taken_back += 1
        if event is None or (letter.src, letter.line) != (event.src, event.line):
            return dead_letter(self._name(letter.src), letter.line, letter.error, letter.message, b"")
        message = letter.message
        if letter.error == "same_id" and self._names is not None:
            message = f"id {event.id!r} was already used for other content; the first one stands"
        plain = msgspec.structs.replace(event, src="", line=0, key=0, digest=0)
        return dead_letter(self._name(src), line, letter.error, message, to_line(plain))

    def _name(self, src: str) -> str:
        return src if self._names is None else self._names[int(src)]

    def _flush(self) -> None:
        if self._batch:
            self._said.append(join_frame(self._batch))
            self._batch = []

    def _save(self) -> None:
        """What was said first, then the snapshot that counts it: a crash between the two says it again, from the same state."""
        at = self._at
        self._flush()
        self._said.sync()
        at.said = self._said.size
        at.counts = dict(sorted(self._partition.counts.items()))
        if at.finished:
            at.hidden = self._hidden()
            at.state = b""
        else:
            at.state = take(self._partition)
        replace_file(self._work / f"snapshot-{self._number}", msgspec.msgpack.encode(at))

    def _hidden(self) -> dict[str, int]:
        total: dict[str, int] = {}
        found = [licence.hidden for licence in self._partition.licences.values()]
        found += [tenant.hidden for tenant in self._partition.tenants.values()]
        for hidden in found:
            for rule, count in hidden.items():
                total[rule] = total.get(rule, 0) + count
        return dict(sorted(total.items()))


def detect(
    task: Task, out: Path, order: OrderState, jobs: int, progress: Progress, detectors: Detectors | None = None, keep: Keep = line_of
) -> None:
    """Judge all partitions.

    Args:
        task: the run.
        out: its output directory, locked by this process.
        order: sizes of the logs.
        jobs: processes.
        progress: told of events.
        detectors: rules by id instead of the installed ones; they stay in this process.
        keep: the line of an output.

    Raises:
        VigieError: a process failed; the message is its own.
    """
    progress.stage("judging", sum(order.events), "events")
    partitions = len(order.logs)
    if jobs == 1 or detectors is not None:
        done = [0] * partitions
        for number in range(partitions):

            def tell(events: int, number: int = number) -> None:
                done[number] = events
                progress.advance(sum(done), sum(done))

            with no_collections():
                Judge(task, number, detectors, keep).run(order.logs[number], tell)
        return
    # The largest logs first, each to the process with the least to do.
    shares: list[list[int]] = [[] for _ in range(min(jobs, partitions))]
    for number in sorted(range(partitions), key=lambda n: (-order.logs[n], n)):
        min(shares, key=lambda mine: sum(order.logs[n] for n in mine)).append(number)
    _spread(shares, task, out, order.logs, progress)


def _spread(shares: Iterable[list[int]], task: Task, out: Path, ends: list[int], progress: Progress) -> None:
    # spawn, not fork: a child must not inherit the parent's progress thread or open files.
    context = multiprocessing.get_context("spawn")
    done = context.RawArray("q", len(ends))
    processes: list[tuple[Any, Connection]] = []
    try:
        for numbers in shares:
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(numbers, task, out, ends, os.getpid(), done, there), daemon=True)
            process.start()
            there.close()
            processes.append((process, here))
        waiting = [here for _, here in processes]
        while waiting:
            ready = wait(waiting, timeout=0.2)
            for here in [one for one in waiting if one in ready]:
                waiting.remove(here)
                try:
                    failure = here.recv()
                except EOFError:
                    failure = "a process of this run was ended from outside; run again with --resume"
                if failure:
                    raise VigieError(failure)
            progress.advance(sum(done), sum(done))
    finally:
        for process, _ in processes:
            process.terminate() if waiting else None
            process.join()


def _work(numbers: list[int], task: Task, out: Path, ends: list[int], parent: int, done: Any, tell: Connection) -> None:
    """What a process does; an error goes back as text, since not every exception can be sent."""
    with share(out), no_collections():
        try:
            for number in numbers:

                def told(events: int, number: int = number) -> None:
                    done[number] = events
                    if os.getppid() != parent:
                        # The run was killed: whoever resumes it waits for our lock.
                        os._exit(1)

                Judge(task, number).run(ends[number], told)
        except VigieError as error:
            tell.send(str(error))
        else:
            tell.send("")
