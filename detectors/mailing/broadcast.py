"""Calls of the last 24 hours by line and length: a recorded voice speaks to everybody for as long as the recording lasts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import msgspec

from detectors.days import DAY, HOUR
from detectors.mailing.sent import MOST_KEPT

#: A call is kept as its length over its line (the last nine digits of the number, as ``significant`` has them): half the room of two.
LINE_BITS = 30
LINE = (1 << LINE_BITS) - 1


class Spoken(msgspec.Struct, array_like=True):
    """Ended outgoing calls of the last 24 hours in order of their start.

    ``calls``: length in milliseconds plus one (0: nobody answered) over the line; ``costs``: thousandths of a cent; ``lengths``:
    the answered ones sorted, kept only while there are enough calls to be judged.
    """

    starts: list[int] = []
    calls: list[int] = []
    costs: list[int] = []
    lengths: list[int] = []

    def add(self, start: int, line: int, talk: int | None, cost: int, enough: int) -> bool:
        """Note a call; returns whether there are ``enough`` calls to be judged.

        >>> spoken = Spoken(); [spoken.add(at, 612345678, 30_000, 0, 2) for at in (1, 2)], spoken.lengths
        ([False, True], [30000, 30000])
        """
        starts, call = self.starts, line if talk is None else (talk + 1) << LINE_BITS | line
        if not starts or start >= starts[-1]:
            starts.append(start)
            self.calls.append(call)
            self.costs.append(cost)
        elif start <= starts[-1] - DAY:
            return False
        else:
            place = bisect_right(starts, start)
            starts.insert(place, start)
            self.calls.insert(place, call)
            self.costs.insert(place, cost)
        if self.lengths and talk is not None:
            insort(self.lengths, talk)
        count = len(starts)
        if starts[0] <= starts[-1] - DAY or count > MOST_KEPT:
            count = self._forget()
        if count < enough:
            if self.lengths:
                self.lengths = []
            return False
        # While nobody answers there is nothing to sort: a dialler would pay for it at each of its calls.
        if not self.lengths and (talk is not None or count == enough):
            self.lengths = sorted((call >> LINE_BITS) - 1 for call in self.calls if call > LINE)
        return True

    def take_back(self, start: int, line: int, talk: int | None) -> None:
        """Forget a call that was noted before a further leg of it was known."""
        call = line if talk is None else (talk + 1) << LINE_BITS | line
        for place in range(bisect_left(self.starts, start), bisect_right(self.starts, start)):
            if self.calls[place] == call:
                self._drop(place)
                return

    def _forget(self) -> int:
        """Drop calls that are older than 24 hours, or more than are kept; returns how many are left."""
        starts = self.starts
        while starts[0] <= starts[-1] - DAY or len(starts) > MOST_KEPT:
            self._drop(0)
        return len(starts)

    def _drop(self, place: int) -> None:
        call = self.calls.pop(place)
        del self.starts[place], self.costs[place]
        if self.lengths and call > LINE:
            del self.lengths[bisect_left(self.lengths, (call >> LINE_BITS) - 1)]

    def median(self) -> int:
        """The middle length in milliseconds (of two middle ones their mean); there must be one."""
        lengths = self.lengths
        return (lengths[(len(lengths) - 1) // 2] + lengths[len(lengths) // 2]) // 2

    def near(self, median: int, within: int) -> int:
        """How many lengths lie within so many milliseconds of the median."""
        return bisect_right(self.lengths, median + within) - bisect_left(self.lengths, median - within)

    def lines(self) -> int:
        """How many lines were called."""
        return len({call & LINE for call in self.calls})

    def by_hour(self, now: int) -> tuple[int, ...]:
        """Calls begun in each of the 24 hours before ``now``, oldest first."""
        counts = [0] * 24
        for at in self.starts:
            ago = (now - at) // HOUR
            if 0 <= ago < 24:
                counts[23 - ago] += 1
        return tuple(counts)
