"""Inputs of a run: which files, in which dialect, and their records one by one."""

from __future__ import annotations

import gzip
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from detectors.events import Event
from pbx.adapter import NATIVE, Adapter, IsOurs, build
from pbx.framing import Framing, splitter
from streams.errors import InputUnreadable, UsageError
from streams.wire import Wire, to_line
from streams.wire_types import RECORDED_MAX

STDIN = "-"
SUFFIXES = (".jsonl", ".jsonl.gz", ".csv", ".csv.gz", ".log", ".log.gz")
_CHUNK = 1 << 16
#: What is kept of a line that never ends: enough for the reader to see that it is too long.
_LONGEST_KEPT = RECORDED_MAX + 1


class Input(msgspec.Struct, frozen=True):
    """One input. ``path`` is the file, or ``-``; ``source`` the name of its ``[sources.NAME]`` table, ``""`` for contract lines."""

    path: str
    source: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk, 0 for a stream."""
        return 0 if self.path == STDIN else os.stat(self.path).st_size


def resolve(paths: Iterable[str], bindings: Mapping[str, str], sources: Mapping[str, Any]) -> list[Input]:
    """The inputs of a run, directories replaced by the files in them.

    Args:
        paths: files, directories and ``-``.
        bindings: path as given (a directory binds all its files) to source name.
        sources: the ``[sources]`` tables of the policy.

    Raises:
        UsageError: a binding names no input or no source, a file has no dialect, or an input is given twice.
        InputUnreadable: a path does not exist or may not be read.
    """
    unused = dict(bindings)
    for name in bindings.values():
        if name not in sources:
            known = ", ".join(sorted(sources)) or "none"
            raise UsageError(f"--source: the policy has no table [sources.{name}]; it has {known}")
    found: list[Input] = []
    for given in paths:
        source = unused.pop(given, "")
        for path in _files(given):
            if not source and path.endswith((".csv", ".csv.gz")):
                raise UsageError(f"{path}: a CSV file needs a dialect; add --source {given}=NAME and a table [sources.NAME] to the policy")
            found.append(Input(path, source))
    if unused:
        raise UsageError(f"--source: {next(iter(unused))!r} is none of the inputs; write it exactly as the input is written")
    names = [one.path for one in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name}: given twice; every record would be counted as its own duplicate")
    return found


def _files(given: str) -> list[str]:
    if given == STDIN:
        return [given]
    path = Path(given)
    if path.is_dir():
        inside = sorted(str(file) for file in path.iterdir() if file.name.endswith(SUFFIXES) and file.is_file())
        if not inside:
            raise InputUnreadable(f"{given}: a directory without any {', '.join(SUFFIXES)} file")
        return inside
    if not path.is_file() and not path.is_fifo():
        raise InputUnreadable(f"{given}: no such file; check the path")
    if not os.access(path, os.R_OK):
        raise InputUnreadable(f"{given}: may not be read; check its permissions")
    return [given]


class Dialect:
    """How the records of one input become events."""

    def __init__(self, source: str, sources: Mapping[str, Any], is_ours: IsOurs) -> None:
        self.adapter: Adapter | None = None
        table = sources[source] if source else {}
        if source:
            self.adapter = build(table, source, is_ours)
        self._defaults = (table.get("pbx", source), table.get("tenant", "")) if source and self.adapter is None else None
        self._wire = Wire()

    @property
    def framing(self) -> Framing:
        """What a record of this dialect is in a file."""
        framing: Framing = getattr(self.adapter, "framing", "lines")
        return framing

    @property
    def decode(self) -> Callable[[bytes], Event] | None:
        """The function that reads one record into one event, or ``None`` when an adapter may give several."""
        if self.adapter is not None:
            return None
        return self._wire.decode if self._defaults is None else self._with_defaults

    def adapted(self, record: bytes) -> list[Event]:
        """What an adapter makes of one record, read once more by the contracts: what a phone wrote is cut and flagged there.

        Raises:
            ContractError: the adapter cannot parse the record, or what it made breaks the contracts.
        """
        assert self.adapter is not None
        return [self._wire.decode(to_line(event)) for event in self.adapter.events(record)]

    def _with_defaults(self, line: bytes) -> Event:
        event = self._wire.decode(line)
        assert self._defaults is not None
        event.pbx = event.pbx or self._defaults[0]
        event.tenant = event.tenant or self._defaults[1]
        return event


def is_native(source: str, sources: Mapping[str, Any]) -> bool:
    """Whether a source speaks the contracts already."""
    return not source or sources[source].get("format", NATIVE) == NATIVE


class Reader:
    """Lines of one input, in blocks; ``position`` is how far the file was read (compressed bytes), for a progress bar.

    Args:
        path: the file, or ``-``.
        framing: what a record is, when it is no line.
    """

    def __init__(self, path: str, framing: Framing = "lines") -> None:
        self.path = path
        self._framing = framing
        self._raw: BinaryIO | None = None

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._raw.tell() if self._raw is not None and self.path != STDIN else 0

    def blocks(self) -> Iterator[list[bytes]]:
        """Lists of lines without their ends, in order; a line that never ends is cut, its rest dropped.

        Raises:
            InputUnreadable: the file cannot be opened, decompressed or read to its end.
        """
        try:
            with self._open() as file:
                yield from _lines(file) if self._framing == "lines" else _records(file, self._framing)
        except (OSError, EOFError, zlib.error) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise InputUnreadable(f"{self.path}: cannot be read to its end ({reason}); nothing was written") from error

    def _open(self) -> BinaryIO | gzip.GzipFile:
        if self.path == STDIN:
            # A copy of the descriptor: closing the input must not close the process's own standard input.
            self._raw = open(os.dup(sys.stdin.fileno()), "rb")  # noqa: SIM115 - closed by blocks()
            return self._raw
        self._raw = open(self.path, "rb")  # noqa: SIM115 - closed by blocks()
        if self.path.endswith(".gz"):
            return _Gzip(self._raw)
        return self._raw


class _Gzip(gzip.GzipFile):
    """A compressed file that closes what it was opened on."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__(fileobj=raw, mode="rb")
        self._owned = raw

    def close(self) -> None:
        super().close()
        self._owned.close()


def _lines(file: BinaryIO | gzip.GzipFile) -> Iterator[list[bytes]]:
    rest = b""
    cut = False
    read = getattr(file, "read1", file.read)
    while chunk := read(_CHUNK):
        if cut:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            chunk, cut = chunk[end:], False
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if len(rest) > _LONGEST_KEPT:
            rest, cut = rest[:_LONGEST_KEPT], True
        if lines:
            yield lines
    if rest:
        yield [rest]


def _records(file: BinaryIO | gzip.GzipFile, framing: Framing) -> Iterator[list[bytes]]:
    cutter = splitter(framing)
    read = getattr(file, "read1", file.read)
    while chunk := read(_CHUNK):
        if found := cutter.feed(chunk):
            yield found
    if rest := cutter.rest():
        yield [rest]


def log_header(path: str) -> dict[str, Any] | None:
    """The header of an exported log, ``None`` for any other input. A stream is never taken for one: it cannot be looked into."""
    if path == STDIN or not Path(path).is_file():
        return None
    for block in Reader(path).blocks():
        first = next((line for line in block if line.strip()), None)
        if first is None:
            continue
        if b'"log"' not in first:
            return None
        try:
            header = json.loads(first)
        except ValueError:
            return None
        return header if isinstance(header, dict) and header.get("kind") == "log" else None
    return None


__all__ = ["STDIN", "Dialect", "Input", "Reader", "is_native", "log_header", "resolve"]
