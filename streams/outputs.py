"""Outputs on their way to files: kept with their sort key while a run goes on, sorted and renamed into place at its end.

The order of an output file depends on what was said and not on which process said it first, so a run with two processes writes
the same bytes as a run with one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from detectors.outputs import Alert, Breaker, DeadLetter, Metering, Output, Suspension
from streams.durable import sync_directory
from streams.frames import Codec, read_frames
from streams.runs import Key, Sorter
from streams.writing import encode_output

ALERTS, SUSPENSIONS, METERING = "alerts.jsonl", "suspensions.jsonl", "metering.jsonl"
DEAD_LETTERS, SUMMARY = "dead-letters.jsonl", "summary.json"
#: In the order in which they are renamed: the summary is last, so its presence says that all are there.
FILES = (ALERTS, SUSPENSIONS, METERING, DEAD_LETTERS, SUMMARY)
#: A dead letter shows this much of what was refused.
RAW_MAX = 4096


class Line(msgspec.Struct, array_like=True):
    """One line of an output file, and what it is sorted by.

    ``at`` is when it was said (for a dead letter its line number), ``scope`` tenant and licence (the input), ``rule`` (the class
    of the error), ``number`` update or sequence.
    """

    file: str
    at: int
    tenant: str
    licence: str
    rule: str
    number: int
    ident: str
    data: bytes


LINES: Codec[Line] = Codec.of(Line)


def line_of(output: Output) -> Line | None:
    """The line of an output; ``None`` for what no file of a run holds (features have a command of their own)."""
    if isinstance(output, Alert):
        file, at, rule, number, ident = ALERTS, output.issued_at, output.rule, output.update, output.alert_id
        return Line(file, at, output.tenant, output.licence or "", rule, number, ident, encode_output(output))
    if isinstance(output, Suspension):
        number = (output.epoch << 32) + output.sequence
        return Line(SUSPENSIONS, output.issued_at, output.tenant, output.licence, "", number, output.decision_id, encode_output(output))
    if isinstance(output, Metering):
        return Line(METERING, output.from_, output.tenant, output.licence, output.state, 0, output.metering_id, encode_output(output))
    if isinstance(output, Breaker):
        return Line(ALERTS, output.since, output.tenant, "", "breaker", output.count, output.state, encode_output(output))
    if isinstance(output, DeadLetter):
        return Line(DEAD_LETTERS, output.line, output.src, "", output.error, 0, "", encode_output(output))
    return None


def dead_letter(src: str, line: int, error: str, message: str, raw: bytes) -> Line:
    """The line of a refused record; of its bytes the first 4 KiB are kept, unreadable ones replaced."""
    letter = DeadLetter(src=src, line=line, error=error, message=message, raw=raw[:RAW_MAX].decode("utf-8", "replace"))
    kept = line_of(letter)
    assert kept is not None
    return kept


def _order(line: Line) -> Key:
    return line.at, line.tenant, line.licence, line.rule, line.number, line.ident, line.data


def _dead_order(line: Line) -> Key:
    return line.tenant, line.at, line.rule, line.data


def sort_lines(parts: Iterable[tuple[Path, int]], work: Path, target: Path, tell: Callable[[Line], None]) -> None:
    """Sort what was said into the four output files in ``target``.

    Args:
        parts: files of frames of lines, each with the bytes of it that count.
        work: where runs may be written.
        target: the directory of the files, made anew.
        tell: told of every line, in the order of its file.
    """
    target.mkdir(exist_ok=True)
    sorters = {file: Sorter(work, f"out-{file}", LINES, _dead_order if file == DEAD_LETTERS else _order) for file in FILES[:-1]}
    for path, size in parts:
        for _, frame in read_frames(path, 0, size):
            for line in LINES.decode(frame):
                if sorters[line.file].add(line):
                    sorters[line.file].spill()
    for file, sorter in sorters.items():
        sorter.spill()
        with (target / file).open("wb") as out:
            for line in _each(sorter):
                out.write(line.data)
                out.write(b"\n")
                tell(line)
            out.flush()
            os.fsync(out.fileno())


def _each(sorter: Sorter[Line]) -> Iterator[Line]:
    for block in sorter.blocks():
        yield from block


def publish(ready: Path, out: Path) -> None:
    """Rename the finished files into place. The old summary goes first: beside new alerts it would vouch for what it never saw."""
    if (ready / ALERTS).exists():
        (out / SUMMARY).unlink(missing_ok=True)
    for file in FILES:
        if (ready / file).exists():
            os.replace(ready / file, out / file)
    sync_directory(out)
