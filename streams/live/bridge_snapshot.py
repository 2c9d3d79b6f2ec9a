"""What a bridge knows, in a file of its own: it starts without Kafka, and what it applied once it never holds or counts again."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from pbx.bridge.enforcer import Kill
from pbx.bridge.ledger import Memory
from streams.durable import replace_file
from streams.errors import UsageError

VERSION = 1


class Snapshot(msgspec.Struct, kw_only=True):
    """One bridge at an instant.

    ``pbx`` and ``prefix``: whose it is. ``generation``: of the PBX. ``receipts``: by partition, how far ``vigie.applied`` was
    read; everything before is in ``memory``.
    """

    v: int = VERSION
    pbx: str
    prefix: str
    generation: str = ""
    memory: Memory = msgspec.field(default_factory=Memory)
    kill: Kill = msgspec.field(default_factory=Kill)
    receipts: dict[str, int] = {}


_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(Snapshot).decode


def read(path: Path, pbx: str, prefix: str) -> Snapshot | None:
    """The snapshot of a bridge; ``None`` when there is none yet.

    Raises:
        UsageError: it cannot be read, or is another bridge's. Never guessed at: it says what was applied.
    """
    try:
        found = _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name another file with --snapshot") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path} is no snapshot of a bridge ({error}); move it away, and the topics are read anew") from None
    if found.v != VERSION:
        raise UsageError(f"{path} is of version {found.v}, written by another vigie; move it away, and the topics are read anew")
    if (found.pbx, found.prefix) != (pbx, prefix):
        raise UsageError(f"{path} is of {found.pbx} on {found.prefix}, not of {pbx} on {prefix}; give each bridge a file of its own")
    return found


def write(path: Path, snapshot: Snapshot) -> None:
    """Replace the file, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, _encode(snapshot))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; a bridge needs a place for its snapshot (--snapshot)") from None


class Keeper:
    """Writes snapshots on the side: a disk takes up to a tenth of a second to have one, and a decision shall not wait for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: threading.Thread | None = None
        self._error: UsageError | None = None

    @property
    def busy(self) -> bool:
        """Whether the last one is still being written."""
        return self._thread is not None and self._thread.is_alive()

    def keep(self, snapshot: Snapshot) -> None:
        """Write it, after the one before.

        Raises:
            UsageError: the one before could not be written.
        """
        self.wait()
        self._thread = threading.Thread(target=self._write, args=(snapshot,), name="bridge-snapshot", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until it is written.

        Raises:
            UsageError: it could not be.
        """
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _write(self, snapshot: Snapshot) -> None:
        try:
            write(self._path, snapshot)
        except UsageError as error:
            self._error = error
