"""Exported logs: applied in file order with the stamps, late marks, ticks and coordinates they recorded.

A log begins with a header line ``{"kind":"log",…}``. Nothing is resolved, stamped or sorted again, and no policy is put in
front: the log holds the ones that were in force. That is what makes this run equal to the live one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from detectors.errors import ContractError
from detectors.events import Call, Message, Registration, Tick
from streams.journal import InputCount, Journal, OrderState, ReadState
from streams.ordering import DEAD, Census, Letters, Logs
from streams.outputs import dead_letter
from streams.partition import partition_of
from streams.progress import Progress
from streams.reading import DEAD as DEAD_READ
from streams.sources import Input, Reader, log_header
from streams.wire import Wire


def replay(work: Path, journal: Journal, inputs: Sequence[Input], partitions: int, progress: Progress) -> None:
    """Write the partition logs from exported ones; takes the place of the first two stages.

    Args:
        work: directory of the run.
        journal: gets the logs and the counts.
        inputs: the exported logs, one or one per partition.
        partitions: how many logs to write.
        progress: told of bytes and events.
    """
    (work / DEAD_READ).touch()
    progress.stage("reading", sum(one.size for one in inputs), "bytes")
    with Logs(work, partitions) as logs, Letters(work / DEAD) as letters:
        journal.order = _replay(logs, letters, journal.read, inputs, progress)
    journal.stage = "detect"
    journal.save(work)


def _replay(logs: Logs, letters: Letters, read: ReadState, inputs: Sequence[Input], progress: Progress) -> OrderState:
    state, census = OrderState(), Census()
    decode = Wire(recorded=True).decode
    done = 0
    for one in inputs:
        count = InputCount(one.path, one.source, one.size)
        read.inputs.append(count)
        own = (log_header(one.path) or {}).get("partition")
        reader = Reader(one.path)
        header = True
        number = 0
        for block in reader.blocks():
            for line in block:
                number += 1
                if not line or line.isspace():
                    continue
                if header:
                    header = False
                    continue
                count.read += 1
                try:
                    event = decode(line)
                except ContractError as error:
                    letters.add(dead_letter(one.path, number, getattr(error, "error", "bad_record"), str(error), line))
                    continue
                read.events += 1
                state.last = max(state.last, event.time)
                if isinstance(event, Registration | Call | Message):
                    census.see(event)
                    place = None if isinstance(event, Message) else event.loc
                    if place is not None and place.country:
                        state.built = max(state.built, place.built)
                if isinstance(event, Tick) or (own and not event.tenant):
                    state.uncounted += 1
                if own is not None:
                    logs.put(own % logs.partitions, event)
                elif event.tenant:
                    logs.put(partition_of(event.tenant, logs.partitions), event)
                else:
                    logs.broadcast(event)
            progress.advance(done + reader.position, read.events)
        done += one.size
    logs.finish(state)
    letters.finish(state)
    state.seen = census.result()
    return state
