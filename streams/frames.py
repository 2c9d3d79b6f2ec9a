"""Frames: some hundreds of events of one partition in one piece of msgpack, decoded in one call.

A broker charges per record and Python per call, so the log carries frames (``docs/decisions/0001-frames-not-single-records.md``).
In a file each frame has its length in front, four bytes little-endian.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

from detectors.errors import StateError
from detectors.events import AnyEvent, Event

#: Events in a frame. Measured: from 200 on, decoding costs the same per event; a larger one only costs memory in a merge.
FRAME_EVENTS = 256

T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()
_decode_events = msgspec.msgpack.Decoder(list[AnyEvent]).decode

#: One event as it stands inside a frame.
encode_event: Callable[[Event], bytes] = _encoder.encode


def encode_frame(events: Sequence[Event]) -> bytes:
    """A frame of these events."""
    return _encoder.encode(events)


def decode_frame(data: bytes | memoryview) -> list[Event]:
    """The events of a frame.

    Raises:
        StateError: the bytes are no frame.
    """
    try:
        return _decode_events(data)  # type: ignore[return-value]
    except msgspec.MsgspecError as error:
        raise StateError(f"a frame of the log cannot be read ({error}); start the run anew without --resume") from error


def join_frame(encoded: Sequence[bytes]) -> bytes:
    """A frame of records that are encoded already: what a sort wrote is not encoded twice.

    >>> from detectors.events import Tick
    >>> ticks = [Tick(time=1), Tick(time=2)]
    >>> join_frame([encode_event(tick) for tick in ticks]) == encode_frame(ticks)
    True
    """
    count = len(encoded)
    if count < 16:
        head = bytes((0x90 | count,))
    elif count < 65_536:
        head = b"\xdc" + count.to_bytes(2, "big")
    else:
        head = b"\xdd" + count.to_bytes(4, "big")
    return head + b"".join(encoded)


class FrameFile:
    """A file of frames, opened for appending.

    Args:
        path: the file; made when absent.
        keep: bytes to keep of what is there (0: begin anew); what follows was written after the last durable point.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self.path = path
        self._file = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115 - closed by close()
        self._file.truncate(keep)
        self._file.seek(keep)
        self.size = keep

    def append(self, frame: bytes) -> None:
        """Write one frame."""
        self._file.write(len(frame).to_bytes(4, "little"))
        self._file.write(frame)
        self.size += 4 + len(frame)

    def sync(self) -> None:
        """Return when the disk has everything."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; not a durable point."""
        self._file.close()

    def __enter__(self) -> FrameFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_frames(path: Path, offset: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The frames of a file: the offset behind each, and its bytes.

    Args:
        path: the file.
        offset: where to begin; an offset that this function gave.
        end: where to stop, by default at the end of the file.

    Raises:
        StateError: the file ends inside a frame.
    """
    with path.open("rb") as file:
        file.seek(offset)
        while end is None or offset < end:
            head = file.read(4)
            if not head:
                return
            size = int.from_bytes(head, "little")
            frame = file.read(size)
            if len(head) < 4 or len(frame) < size:
                raise StateError(f"{path}: ends inside a frame; start the run anew without --resume")
            offset += 4 + size
            yield offset, frame


class Codec(Generic[T]):
    """How records of one type become frames and come back."""

    def __init__(self, encode: Callable[[T], bytes], decode: Callable[[bytes], list[T]]) -> None:
        self.encode = encode
        self.decode = decode

    @classmethod
    def of(cls, kind: type[T]) -> Codec[T]:
        """The codec of a struct."""
        return cls(_encoder.encode, msgspec.msgpack.Decoder(list[kind]).decode)  # type: ignore[valid-type]

    def frames(self, records: Iterable[T], size: int = FRAME_EVENTS) -> Iterator[bytes]:
        """Records as frames of ``size``."""
        batch: list[bytes] = []
        for record in records:
            batch.append(self.encode(record))
            if len(batch) == size:
                yield join_frame(batch)
                batch = []
        if batch:
            yield join_frame(batch)


EVENTS: Codec[Event] = Codec(encode_event, decode_frame)
