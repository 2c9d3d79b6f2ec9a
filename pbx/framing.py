"""Where one record of a PBX ends and the next begins, in a file or on a socket, however the bytes arrive.

A splitter is fed pieces and gives whole records; ``pending`` is how many bytes of an unfinished one it holds, so that a reader
knows up to which byte everything was taken. A record that never ends is cut at ``LONGEST``: its beginning is given, so that it is
seen and counted, and its rest dropped.
"""

from __future__ import annotations

import re
from typing import Literal, Protocol

#: More than any CDR; ingest takes objects of 64 KiB, and what an adapter makes of a record is a few hundred bytes.
LONGEST = 1 << 20

Framing = Literal["lines", "netstrings", "blocks"]

_NETSTRING = re.compile(rb"(\d{1,7}):(?=\{)")
#: What may still become the head of a netstring with JSON in it.
_MAYBE = re.compile(rb"\d{1,7}:?")
_BLANK = re.compile(rb"\r?\n\r?\n")


class Splitter(Protocol):
    """Cuts a stream into records."""

    @property
    def pending(self) -> int:
        """Bytes of a record whose end has not come."""
        ...

    def feed(self, data: bytes) -> list[bytes]:
        """Whole records that ``data`` completed, without what separates them; empty lines are records too, for they are counted."""
        ...

    def rest(self) -> bytes:
        """What is left when the stream is over, and forget it."""
        ...


def splitter(framing: Framing) -> Splitter:
    """A new splitter.

    Args:
        framing: ``lines``; ``netstrings`` (``<length>:{…},`` as evapi sends them, and lines in between); ``blocks``
            (``Key: value`` lines up to an empty one, as AMI writes them).
    """
    if framing == "blocks":
        return _Separated(_BLANK, 4)
    if framing == "netstrings":
        return _Netstrings()
    return _Separated(re.compile(rb"\n"), 1)


class _Separated:
    r"""Records between separators.

    >>> lines = splitter("lines")
    >>> lines.feed(b"one\r\ntw"), lines.pending, lines.feed(b"o\n\n")
    ([b'one'], 2, [b'two', b''])
    """

    def __init__(self, separator: re.Pattern[bytes], widest: int) -> None:
        self._separator, self._widest = separator, widest
        self._held = bytearray()
        self._dropping = False

    @property
    def pending(self) -> int:
        return len(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        # A separator may begin in what was held; nothing before that is looked at again.
        look = max(0, len(self._held) - self._widest)
        self._held += data
        found, begin = [], 0
        while (match := self._separator.search(self._held, look)) is not None:
            record = bytes(self._held[begin : match.start()]).strip(b"\r\n")
            if (record or self._widest == 1) and not self._dropping:
                found.append(record[: LONGEST + 1])
            self._dropping = False
            begin = look = match.end()
        del self._held[:begin]
        if len(self._held) > LONGEST:
            if not self._dropping:
                found.append(bytes(self._held[: LONGEST + 1]))
            self._dropping = True
            # Its end may hold the first half of a separator.
            del self._held[: -self._widest]
        return found

    def rest(self) -> bytes:
        left = b"" if self._dropping else bytes(self._held).strip(b"\r\n")
        self._held.clear()
        self._dropping = False
        return left


class _Netstrings:
    r"""JSON objects as netstrings, back to back; anything else is read as lines, for one log may hold both.

    >>> mixed = splitter("netstrings")
    >>> mixed.feed(b'7:{"a":1},9:{"b'), mixed.feed(b'": 2}\n,EVT {}\n1795466411: no\n')
    ([b'{"a":1}'], [b'{"b": 2}', b'EVT {}', b'1795466411: no'])
    """

    def __init__(self) -> None:
        self._held = b""
        self._lines = splitter("lines")

    @property
    def pending(self) -> int:
        return len(self._held) + self._lines.pending

    def feed(self, data: bytes) -> list[bytes]:
        held, found, at = self._held + data, [], 0
        while at < len(held):
            if self._lines.pending == 0:
                head = _NETSTRING.match(held, at)
                if head is not None and int(head[1]) <= LONGEST:
                    end = head.end() + int(head[1])
                    if end >= len(held):
                        break
                    record = held[head.end() : end].strip(b"\r\n")
                    if record:
                        found.append(record)
                    at = end + (held[end : end + 1] == b",")
                    continue
                if head is None and _MAYBE.fullmatch(held, at) and not held.endswith(b"\n"):
                    break
            stop = held.find(b"\n", at) + 1 or len(held)
            found += self._lines.feed(held[at:stop])
            at = stop
        self._held = held[at:]
        return found

    def rest(self) -> bytes:
        left = self._held + self._lines.rest()
        self._held = b""
        return left.strip(b"\r\n")
