"""A short text that is replaced in place and durably, on a disk that may be full."""

from __future__ import annotations

import os
from pathlib import Path

from streams.durable import sync_directory

#: One sector: a disk writes it whole or not at all.
SIZE = 512


class Place:
    """Where a reader goes on.

    The file always has the same size, so that writing it needs no room: a full disk must not keep a queue from being emptied.

    Args:
        path: the file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._text = os.pread(self._fd, SIZE, 0).decode("utf-8", "replace").strip()
        if os.fstat(self._fd).st_size != SIZE:
            self.save(self._text)
            sync_directory(path.parent)

    def load(self) -> str:
        """The text that stands there, ``""`` at first."""
        return self._text

    def save(self, text: str) -> None:
        """Replace it; it is on the disk when this returns."""
        data = text.encode()
        if len(data) >= SIZE:
            raise ValueError(f"{len(data)} bytes do not fit into a place of {SIZE}")
        os.pwrite(self._fd, data.ljust(SIZE - 1) + b"\n", 0)
        os.fsync(self._fd)
        self._text = text

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
