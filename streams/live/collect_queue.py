"""A bounded queue on disk between a PBX and the broker: what was taken from the PBX survives a broker that is away, and a crash.

Files in one directory, one writer and one reader, both in this process:

* ``<number>.seg``: records, each ``length crc32 bytes``; a new file begins at 4 MiB, a file that was read is deleted;
* ``read``: the segment and byte up to which everything was acknowledged by the broker.

``put`` returns when its records are on the disk (one fsync for all that it was given, and for what other threads gave meanwhile):
a source acknowledges, or moves its position, only then. The reader's place is written with an fsync after each batch; a crash
in between sends the batch again, with the same ids. A queue that is full refuses: its source must wait or be refused itself.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

from detectors.errors import VigieError
from streams.durable import sync_directory
from streams.live.collect_place import Place

SEGMENT_BYTES = 4 << 20
_HEAD = struct.Struct(">II")
#: No record is longer than a source's longest one; a length beyond it is damage.
LONGEST = 2 << 20


class QueueFull(VigieError):
    """The queue has no room; nothing of what was given is in it."""


class QueueUnusable(VigieError):
    """The directory cannot be written or holds something else. The message names it."""

    exit_status = 3


class DiskQueue:
    """Records in the order in which they came.

    Args:
        directory: of its own; made if it is not there.
        most_bytes: of all records that wait.

    Raises:
        QueueUnusable: the directory cannot be used.
    """

    def __init__(self, directory: Path, most_bytes: int) -> None:
        self._directory, self._most = directory, most_bytes
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._place = Place(directory / "read")
            self._read_segment, self._read_at = self._load()
            self._segments = self._open()
            self._file = self._path(self._segments[-1]).open("ab")
            sync_directory(directory)
        except OSError as error:
            raise QueueUnusable(f"{directory}: cannot be used for the queue ({error.strerror}); choose another --state") from error
        self._synced_to = self._file.tell()
        self._after = self._read_at

        self.waiting_bytes = sum(self._path(one).stat().st_size for one in self._segments) - self._read_at

    def put(self, records: Sequence[bytes]) -> None:
        """Add records; they are on the disk when this returns.

        Raises:
            QueueFull: there is no room for all of them; none was added.
            QueueUnusable: the disk refused; the queue stays as it was.
        """
        if not records:
            return
        data = b"".join(_HEAD.pack(len(one), zlib.crc32(one)) + one for one in records)
        with self._lock:
            if self.waiting_bytes and self.waiting_bytes + len(data) > self._most:
                raise QueueFull(f"the queue has {self.waiting_bytes} bytes of at most {self._most}")
            try:
                if self._file.tell() >= SEGMENT_BYTES:
                    self._next_segment()
                before = self._file.tell()
                try:
                    self._file.write(data)
                    self._file.flush()
                except OSError:
                    # Half a record in the middle would hide every one behind it.
                    self._reopen(before)
                    raise
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise QueueFull(f"{self._directory}: the disk is full") from error
                raise QueueUnusable(f"{self._directory}: the queue cannot be written ({error.strerror})") from error
            file, segment, end = self._file, self._segments[-1], before + len(data)
            self.waiting_bytes += len(data)
        # One thread syncs, the others find that their bytes went with its: a hundred posts a second are a few syncs.
        with self._syncing:
            with self._lock:
                done = segment != self._segments[-1] or self._synced_to >= end
                written = self._file.tell()
            if not done:
                try:
                    os.fsync(file.fileno())
                except (OSError, ValueError) as error:
                    # A next segment was begun meanwhile: it synced and closed this one. Else the disk failed, and nobody knows
                    # what is on it.
                    with self._lock:
                        if segment == self._segments[-1]:
                            raise QueueUnusable(f"{self._directory}: the queue could not be made durable ({error})") from error
                with self._lock:
                    if segment == self._segments[-1]:
                        self._synced_to = max(self._synced_to, written)
                    self._arrived.notify_all()

    def peek(self, most: int, timeout_s: float) -> list[bytes]:
        """The oldest records, at most ``most`` and about 1 MiB; waits for the first one, and gives none when it does not come."""
        with self._lock:
            if not self._readable():
                self._arrived.wait(timeout_s)
            if not self._readable():
                return []
            while self._read_segment < self._segments[-1] and self._read_at >= self._path(self._read_segment).stat().st_size:
                self._drop_segment()
            last = self._read_segment == self._segments[-1]
            limit = self._synced_to if last else self._path(self._read_segment).stat().st_size
        found: list[bytes] = []
        self._after = self._read_at
        with self._path(self._read_segment).open("rb") as file:
            file.seek(self._read_at)
            while len(found) < most and self._after < limit and self._after - self._read_at < 1 << 20:
                length, check = _HEAD.unpack(file.read(_HEAD.size))
                record = file.read(length)
                if zlib.crc32(record) != check:
                    raise QueueUnusable(
                        f"{self._path(self._read_segment)}: byte {self._after} is damaged; keep the file and remove it from here"
                    )
                found.append(record)
                self._after += _HEAD.size + length
        return found

    def done(self) -> None:
        """What the last ``peek`` gave is with the broker."""
        with self._lock:
            self.waiting_bytes -= self._after - self._read_at
            self._read_at = self._after
            if self._read_segment < self._segments[-1] and self._read_at >= self._path(self._read_segment).stat().st_size:
                self._drop_segment()
            else:
                self._save()

    def close(self) -> None:
        """Release the file; everything that ``put`` returned for is on the disk already."""
        with self._lock:
            self._file.close()
            self._place.close()

    def _readable(self) -> bool:
        if self._read_segment < self._segments[-1]:
            return True
        return self._read_at < self._synced_to

    def _next_segment(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
        self._segments.append(self._segments[-1] + 1)
        self._file = self._path(self._segments[-1]).open("ab")
        self._synced_to = 0
        sync_directory(self._directory)

    def _reopen(self, size: int) -> None:
        self._file.close()
        os.truncate(self._path(self._segments[-1]), size)
        self._file = self._path(self._segments[-1]).open("ab")

    def _drop_segment(self) -> None:
        gone = self._segments.pop(0)
        self._read_segment, self._read_at = self._segments[0], 0
        self._save()
        self._path(gone).unlink(missing_ok=True)

    def _save(self) -> None:
        self._place.save(f"{self._read_segment} {self._read_at}")

    def _load(self) -> tuple[int, int]:
        try:
            segment, at = (self._place.load() or "0 0").split()
            return int(segment), int(at)
        except ValueError as error:
            raise QueueUnusable(f"{self._directory / 'read'}: is no place in a queue; choose another --state") from error

    def _open(self) -> list[int]:
        """Segments that are there, oldest first; what was read goes, and so does a record that a crash halved."""
        numbers = sorted(int(path.stem) for path in self._directory.glob("*.seg") if path.stem.isdigit())
        for number in [one for one in numbers if one < self._read_segment]:
            self._path(number).unlink()
            numbers.remove(number)
        if not numbers or numbers[0] != self._read_segment:
            # The place was saved before its segment was made, or the segment before a place was: begin with what there is.
            numbers = numbers or [self._read_segment]
            self._read_segment, self._read_at = numbers[0], 0
        last = self._path(numbers[-1])
        if last.exists():
            whole = _whole(last)
            if whole < last.stat().st_size:
                os.truncate(last, whole)
            if numbers[-1] == self._read_segment:
                self._read_at = min(self._read_at, whole)
        return numbers

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:010}.seg"


def _whole(path: Path) -> int:
    """Bytes of whole records at the beginning of a segment."""
    at = 0
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, check = _HEAD.unpack(head)
            if length > LONGEST or zlib.crc32(record := file.read(length)) != check or len(record) < length:
                break
            at += _HEAD.size + length
    return at
