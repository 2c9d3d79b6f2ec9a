"""Follows a file that a PBX writes: through renames, truncations and restarts, from the byte up to which records are durable."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
import time
from pathlib import Path
from typing import BinaryIO

from pbx.framing import Framing, splitter
from streams.errors import UsageError
from streams.live.collect_intake import Intake
from streams.live.collect_place import Place

_CHUNK = 1 << 18
#: Between two looks at a file that does not grow, s.
LOOK_S = 0.25
#: A renamed file is written to until its writer is told to open the new one: it is left when it was quiet for so long, s.
QUIET_S = 2.0
#: Beginning of the file by which it is known again: inodes are used anew, and a truncated file may have grown past our place.
HEAD_BYTES = 256
#: What logrotate puts behind the name of a file that it rotated; inside one that it packed nobody can go on.
_ROTATED = re.compile(r"^[.-]?\d[\d.-]*$")

_log = logging.getLogger(__name__)


class FileSource:
    """One file by its name, whatever file that is.

    Args:
        path: the file; it need not be there yet.
        framing: of its records.
        state: directory of the place.
        intake: gets the records.
        stopping: ends it.

    Raises:
        UsageError: the path is a directory.
    """

    def __init__(self, path: Path, framing: Framing, state: Path, intake: Intake, stopping: threading.Event) -> None:
        if path.is_dir():
            raise UsageError(f"{path}: a directory; name one file")
        self._path, self._framing, self._intake, self._stopping = path, framing, intake, stopping
        self._place = Place(state / "place")
        self.problem = ""

    def start(self) -> str:
        """What is read, for people."""
        return str(self._path)

    def run(self) -> None:
        """Read until ``stopping`` is set."""
        try:
            for file, offset in self._left_behind():
                with file:
                    self._read(file, offset, follow=False)
            while not self._stopping.is_set():
                try:
                    file = self._path.open("rb")
                except OSError as error:
                    self.problem = f"{self._path}: {error.strerror}"
                    self._stopping.wait(LOOK_S)
                    continue
                self.problem = ""
                with file:
                    self._read(file, self._resumed(file), follow=True)
        finally:
            self._place.close()

    def _read(self, file: BinaryIO, offset: int, follow: bool) -> None:
        """Take the records of one file from a byte on, until another one stands at the path."""
        cutter = splitter(self._framing)
        file.seek(offset)
        at, quiet_since = offset, None
        while not self._stopping.is_set():
            if follow and not self._same(file, at):
                _log.warning("%s was truncated; read again from its beginning", self._path)
                cutter, at = splitter(self._framing), 0
                file.seek(0)
                self._save(file, 0)
            data = file.read(_CHUNK)
            if data:
                quiet_since = None
                at += len(data)
                records = cutter.feed(data)
                if records and not self._intake.take(records):
                    return
                self._save(file, at - cutter.pending)
                continue
            if not follow or self._replaced(file):
                now = time.monotonic()
                quiet_since = quiet_since or now
                if not follow or now - quiet_since >= QUIET_S:
                    if (rest := cutter.rest()) and not self._intake.take([rest]):
                        return
                    self._save(file, at)
                    return
            self._stopping.wait(LOOK_S)

    def _replaced(self, file: BinaryIO) -> bool:
        """Whether another file stands at the path; between a rename and the new file none does, and we wait."""
        try:
            there = os.stat(self._path)
        except OSError:
            return False
        own = os.fstat(file.fileno())
        return (there.st_ino, there.st_dev) != (own.st_ino, own.st_dev)

    def _same(self, file: BinaryIO, at: int) -> bool:
        """Whether the file still is the one that we read: no shorter, and with the same beginning."""
        if os.fstat(file.fileno()).st_size < at:
            return False
        length = min(at, HEAD_BYTES)
        return self._head is None or self._head[0] > length or _head(file, self._head[0]) == self._head[1]

    _head: tuple[int, str] | None = None

    def _save(self, file: BinaryIO, offset: int) -> None:
        own = os.fstat(file.fileno())
        length = min(offset, HEAD_BYTES)
        if self._head is None or self._head[0] != length or not length:
            self._head = (length, _head(file, length))
        self._place.save(json.dumps({"inode": own.st_ino, "device": own.st_dev, "offset": offset, "head": self._head}))

    def _saved(self) -> tuple[tuple[int, int], int, tuple[int, str]] | None:
        text = self._place.load()
        if not text:
            return None
        try:
            found = json.loads(text)
            length, digest = found["head"]
            return (found["inode"], found["device"]), found["offset"], (int(length), str(digest))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{self._path}: its place is damaged ({error}); remove the file 'place' to read from the beginning") from error

    def _resumed(self, file: BinaryIO) -> int:
        """Where to go on in the file that stands at the path: 0 unless it is the one of our place."""
        saved = self._saved()
        if saved is None or not _is(file, saved):
            self._head = None
            return 0
        self._head = saved[2]
        return saved[1]

    def _left_behind(self) -> list[tuple[BinaryIO, int]]:
        """Files that were rotated away while we did not run: the rest of the one of our place, and those after it."""
        saved = self._saved()
        if saved is None:
            return []
        try:
            with self._path.open("rb") as file:
                if _is(file, saved):
                    return []
        except OSError:
            pass
        others = []
        for one in self._path.parent.glob(f"{self._path.name}?*"):
            if one.is_file() and _ROTATED.match(one.name[len(self._path.name) :]):
                others.append((one.stat().st_mtime_ns, one))
        others.sort()
        for index, (_, one) in enumerate(others):
            with one.open("rb") as file:
                found = _is(file, saved)
            if found:
                later = [(path.open("rb"), 0) for _, path in others[index + 1 :]]
                self._head = saved[2]
                return [(one.open("rb"), saved[1]), *later]
        _log.warning("%s: the file that was read to byte %d is gone; what was behind it cannot be read", self._path, saved[1])
        return []


def _head(file: BinaryIO, length: int) -> str:
    return hashlib.blake2b(os.pread(file.fileno(), length, 0), digest_size=8).hexdigest()


def _is(file: BinaryIO, saved: tuple[tuple[int, int], int, tuple[int, str]]) -> bool:
    own = os.fstat(file.fileno())
    identity, offset, (length, digest) = saved
    return (own.st_ino, own.st_dev) == identity and own.st_size >= offset and _head(file, length) == digest
