"""What was sent to which line when, over the last 24 hours: the memory of ``mass-messaging`` and ``mass-fax``."""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from detectors.days import DAY, HOUR

#: Hits remembered at most: twice the highest limit (500 messages in 24 hours), so what is forgotten can never hide a crossing.
MOST_KEPT = 1_000


class Sent(msgspec.Struct, array_like=True):
    """Hits of the last 24 hours in order of time: when, to which line, how many pages."""

    times: list[int] = []
    lines: list[int] = []
    pages: list[int] = []

    def add(self, at: int, line: int, pages: int) -> int | None:
        """Note a hit; returns the newest time known, or None when the hit is older than 24 hours before it.

        >>> sent = Sent(); [sent.add(at, 1, 1) for at in (10, DAY + 10, 5)], sent.times
        ([10, 86400010, None], [86400010])
        """
        times = self.times
        if times and at < times[-1]:
            if at <= times[-1] - DAY:
                return None
            place = bisect_right(times, at)
            times.insert(place, at)
            self.lines.insert(place, line)
            self.pages.insert(place, pages)
        else:
            times.append(at)
            self.lines.append(line)
            self.pages.append(pages)
        now = times[-1]
        old = max(bisect_right(times, now - DAY), len(times) - MOST_KEPT)
        if old > 0:
            del times[:old], self.lines[:old], self.pages[:old]
        return now

    def since(self, after: int) -> int:
        """How many hits are later than an instant."""
        return len(self.times) - bisect_right(self.times, after)

    def reached(self, after: int, until: int | None = None) -> set[int]:
        """The lines of the hits in (after, until]; to be counted or asked, never to be walked through."""
        end = len(self.times) if until is None else bisect_right(self.times, until)
        return set(self.lines[bisect_right(self.times, after) : end])

    def by_hour(self, now: int) -> tuple[int, ...]:
        """Hits in each of the 24 hours before ``now``, oldest first."""
        counts = [0] * 24
        for at in self.times:
            ago = (now - at) // HOUR
            if 0 <= ago < 24:
                counts[23 - ago] += 1
        return tuple(counts)
