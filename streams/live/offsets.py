"""Which records of each input partition are done: only a prefix without a gap may be committed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class Offsets(Generic[P]):
    """Offsets of input partitions, from reading a record to the broker's word that what became of it is stored.

    >>> offsets = Offsets()
    >>> offsets.open("calls-0", "calls/0", 10)
    >>> for offset in (10, 11, 12):
    ...     offsets.read("calls-0", offset)
    >>> offsets.done("calls/0", 11)
    >>> offsets.committable()
    {}
    >>> offsets.done("calls/0", 10)
    >>> offsets.committable()
    {'calls-0': 12}
    """

    def __init__(self) -> None:
        self._open: dict[P, dict[int, None]] = {}
        self._by_src: dict[str, dict[int, None]] = {}
        self._committed: dict[P, int] = {}
        self._returned: dict[tuple[str, int], list[tuple[dict[int, None], int]]] = {}
        #: The offset behind the last record that was read.
        self.position: dict[P, int] = {}

    def open(self, place: P, src: str, offset: int) -> None:
        """Begin an input partition at an offset; ``src`` is what its events carry as coordinates."""
        self._open[place] = self._by_src[src] = {}
        self.position[place] = self._committed[place] = offset

    def read(self, place: P, offset: int) -> None:
        """A record was read."""
        self._open[place][offset] = None
        self.position[place] = offset + 1

    def returned(self, place: P, offset: int, src: str, line: int) -> None:
        """The record just read carries an event with coordinates of another place: it is done when those are."""
        self._returned.setdefault((src, line), []).append((self._open[place], offset))

    def drop(self, place: P, offset: int) -> None:
        """Nothing more will become of a record."""
        self._open[place].pop(offset, None)

    def done(self, src: str, line: int) -> None:
        """What became of the record at these coordinates is stored."""
        there = self._by_src.get(src)
        if there is not None:
            there.pop(line, None)
        if self._returned:
            for others, offset in self._returned.pop((src, line), ()):
                others.pop(offset, None)

    def committable(self) -> dict[P, int]:
        """Offsets that may be committed and were not yet told to be."""
        found = {}
        for place, records in self._open.items():
            offset = next(iter(records), self.position[place])
            if offset > self._committed[place]:
                found[place] = offset
        return found

    def committed(self, offsets: dict[P, int]) -> None:
        """The broker has stored these."""
        self._committed.update(offsets)
