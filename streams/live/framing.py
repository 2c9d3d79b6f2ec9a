"""Events of one partition on their way into frames, with what makes a restart go on where the log ends.

A frame's headers say how far it brings its partition: ``w`` the watermark (every event before it that was taken is in this frame or
an earlier one) and ``c`` the first offset of the control topic that is not in the log yet. They are written with the frame, so they
are never ahead of it nor behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from detectors.events import Event
from streams.frames import encode_event, join_frame
from streams.live.orderer import NEVER

#: Events in a frame: from some hundreds on a larger one only costs memory.
MOST_EVENTS = 512
#: Bytes in a frame. One event may have 128 KiB, and the topic lets 2 MiB in.
MOST_BYTES = 900 * 1024
#: How long an event waits for others, ms.
LINGER_MS = 20

WATERMARK, COMMANDS = "w", "c"
Headers = list[tuple[str, bytes]]


class Frame(NamedTuple):
    """A closed frame; ``receipts`` are the coordinates of its events."""

    partition: int
    value: bytes
    headers: Headers
    events: int
    receipts: list[tuple[str, int]]


class Framer:
    """Frames of one partition.

    Args:
        partition: its number.
        control: coordinates (``topic/partition``) of the control topic.
        watermark: where the log ends.
        commands: first offset of the control topic that is not in the log.
    """

    def __init__(self, partition: int, control: str, watermark: int, commands: int) -> None:
        self._partition = partition
        self._control = control
        self._watermark = watermark
        self._next_command = commands
        self._commands: dict[int, None] = {}
        self._encoded: list[bytes] = []
        self._receipts: list[tuple[str, int]] = []
        self._bytes = 0
        self._opened = 0

    def command(self, offset: int) -> bool:
        """Note that a command of the control topic was taken; False when the log has it already."""
        if offset < self._next_command:
            return False
        self._commands[offset] = None
        self._next_command = offset + 1
        return True

    def skip(self, offset: int) -> None:
        """Note that a record of the control topic has nothing for this partition."""
        self._next_command = max(self._next_command, offset + 1)

    def add(self, events: Sequence[Event], watermark: int, now_ms: int) -> list[Frame]:
        """Take the events that an orderer gave with its watermark; gives the frames that are full."""
        full = []
        for event in events:
            data = encode_event(event)
            if self._encoded and (len(self._encoded) >= MOST_EVENTS or self._bytes + len(data) > MOST_BYTES):
                full.append(self._close())
            if not self._encoded:
                self._opened = now_ms
            self._encoded.append(data)
            self._bytes += len(data)
            self._receipts.append((event.src, event.line))
        # Only now: a frame that was closed above may lack events before this watermark.
        self._watermark = watermark
        return full

    def due(self, now_ms: int) -> Frame | None:
        """The open frame when it is full or has waited long enough."""
        if self._encoded and (len(self._encoded) >= MOST_EVENTS or now_ms - self._opened >= LINGER_MS or now_ms < self._opened):
            return self._close()
        return None

    def rest(self) -> Frame | None:
        """The open frame, whatever its age."""
        return self._close() if self._encoded else None

    @property
    def open(self) -> bool:
        """Whether an event waits in an open frame."""
        return bool(self._encoded)

    def _close(self) -> Frame:
        if self._commands:
            for src, line in self._receipts:
                if src == self._control:
                    self._commands.pop(line, None)
        headers: Headers = [(COMMANDS, b"%d" % next(iter(self._commands), self._next_command))]
        if self._watermark != NEVER:
            headers.append((WATERMARK, b"%d" % self._watermark))
        frame = Frame(self._partition, join_frame(self._encoded), headers, len(self._encoded), self._receipts)
        self._encoded, self._receipts, self._bytes = [], [], 0
        return frame
