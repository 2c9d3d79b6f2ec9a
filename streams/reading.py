"""First stage of a run: inputs to sorted runs of events. A record is read once, refused or kept, and never stops the run.

Contract inputs come first and dialects after them, because an adapter must know which AoRs are ours (an INVITE between two of our
phones is internal) and the licence facts that tell it are contract lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detectors.errors import ContractError
from detectors.events import Call, Event, Licence, Message, Registration, Score, Tick
from streams.frames import EVENTS, FrameFile, join_frame
from streams.journal import InputCount, Journal
from streams.outputs import LINES, Line, dead_letter
from streams.progress import Progress
from streams.runs import Sorter, total_order
from streams.sources import Dialect, Input, Reader, is_native

#: ``--from`` and ``--to`` select these; everything else is a fact, and facts always apply.
SELECTED = (Registration, Call, Message, Score, Tick)
DEAD = "dead-read"


class Reading:
    """Reads all inputs into runs, with a durable point after each run.

    Args:
        work: directory of the run.
        journal: its state, updated and saved.
        inputs: what to read.
        sources: ``[sources]`` tables of the policy.
        since: first instant selected, ``None`` for no bound.
        before: first instant no more selected.
        progress: told of bytes and events.
        buffer_records: most events in memory.
    """

    def __init__(
        self,
        work: Path,
        journal: Journal,
        inputs: Sequence[Input],
        sources: Mapping[str, Any],
        since: int | None,
        before: int | None,
        progress: Progress,
        buffer_records: int,
    ) -> None:
        self._work = work
        self._journal = journal
        self._sources = sources
        self._inputs = [i for i in inputs if is_native(i.source, sources)] + [i for i in inputs if not is_native(i.source, sources)]
        self._since = since
        self._before = before
        self._progress = progress
        self._ours = set(journal.read.ours)
        self._letters: list[bytes] = []
        self._dead = FrameFile(work / DEAD, journal.read.dead_bytes)
        self._sorter = Sorter(work, "events", EVENTS, total_order, journal.read.runs, buffer_records)

    def run(self) -> None:
        """Read what is not read yet."""
        state = self._journal.read
        done = 0
        with self._dead:
            self._progress.stage("reading", sum(one.size for one in self._inputs), "bytes")
            for index, one in enumerate(self._inputs):
                if index == len(state.inputs):
                    state.inputs.append(InputCount(one.path, one.source, one.size))
                if index >= state.at:
                    state.at = index
                    self._read(one, str(index), state.inputs[index], done)
                    state.at, state.line = index + 1, 0
                done += one.size
            self._durable()

    def _read(self, one: Input, src: str, count: InputCount, before: int) -> None:
        # Events carry the number of their input: a path of sixty characters was a fifth of what goes through the disk.
        state = self._journal.read
        dialect = Dialect(one.source, self._sources, self._ours.__contains__)
        decode, adapted = dialect.decode, dialect.adapted
        selects = self._since is not None or self._before is not None
        add, path, skip = self._sorter.add, one.path, state.line
        reader = Reader(path, dialect.framing)
        number, read, events = 0, count.read, state.events
        for block in reader.blocks():
            if number + len(block) <= skip:
                number += len(block)
                continue
            for line in block:
                number += 1
                if number <= skip or not line or line.isspace():
                    continue
                read += 1
                try:
                    if decode is not None:
                        event = decode(line)
                    else:
                        found = adapted(line)
                        if len(found) != 1:
                            more = self._several(found, src, number, count)
                            read, events = read - 1 + max(more, not found), events + more
                            continue
                        event = found[0]
                except ContractError as error:
                    self._refuse(path, number, error, line)
                    continue
                if selects and not self._selected(event):
                    read -= 1
                    count.outside += 1
                    continue
                event.src, event.line = src, number
                if type(event) is Licence:
                    self._ours.update(event.aors)
                events += 1
                if add(event):
                    state.line, count.read, state.events = number, read, events
                    self._durable()
            count.read, state.events = read, events
            self._progress.advance(before + reader.position, state.events)

    def _several(self, events: list[Event], src: str, number: int, count: InputCount) -> int:
        """A record that states no fact, or more than one: each fact in the period counts as one that was read. Gives how many."""
        kept = [event for event in events if self._selected(event)]
        count.outside += len(events) - len(kept)
        if not events:
            self._journal.read.empty += 1
        for event in kept:
            event.src, event.line = src, number
            self._sorter.add(event)
        return len(kept)

    def _selected(self, event: Event) -> bool:
        if not isinstance(event, SELECTED):
            return True
        return (self._since is None or event.time >= self._since) and (self._before is None or event.time < self._before)

    def _refuse(self, path: str, number: int, error: ContractError, line: bytes) -> None:
        self._journal.read.dead += 1
        letter: Line = dead_letter(path, number, getattr(error, "error", "bad_record"), str(error), line)
        self._letters.append(LINES.encode(letter))
        if len(self._letters) >= 256:
            self._flush()

    def _flush(self) -> None:
        if self._letters:
            self._dead.append(join_frame(self._letters))
            self._letters = []

    def _durable(self) -> None:
        """A run, the letters before it and the place in the input, in that order: what the journal names is on disk."""
        state = self._journal.read
        self._sorter.spill()
        self._flush()
        self._dead.sync()
        state.runs = self._sorter.runs
        state.dead_bytes = self._dead.size
        state.ours = sorted(self._ours)
        self._journal.save(self._work)
