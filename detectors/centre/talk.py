"""A licence's calls by day, as ``call-centre`` counts them: the open day in full, 30 days in short, 90 days in weeks.

A quiet licence keeps a few hundred bytes: a row of four numbers per day with calls, and each destination with its last day.
"""

from __future__ import annotations

import msgspec

from detectors.days import HOUR
from detectors.state import Mark

MONTH, QUARTER, HEAT_DAYS = 30, 90, 28
OUT, CAME, TALK_S, DISTINCT = range(4)


class OpenDay(msgspec.Struct, array_like=True):
    """A day that has not closed, begun at ``start``.

    ``out`` outgoing and ``came`` incoming external calls, ``taken`` those answered, ``queued`` those of a group's queue; ``talk``
    and ``taken_talk`` ms of outgoing and incoming talk; ``distinct`` destinations; per hour since midnight ``calls`` and outgoing
    ``talked`` ms; ``proofs``: the outgoing and the incoming call that made the day count.
    """

    start: int
    out: int = 0
    came: int = 0
    taken: int = 0
    queued: int = 0
    talk: int = 0
    taken_talk: int = 0
    distinct: int = 0
    calls: list[int] = []
    talked: list[int] = []
    proofs: list[Mark | None] = []


class Talk(msgspec.Struct, array_like=True):
    """The calls of one licence.

    ``open`` days; ``rows`` of the last 30 (outgoing, incoming, seconds of outgoing talk, destinations); ``weeks`` of those before,
    to 90 days (outgoing, incoming); ``heat``: calls per hour of the days that counted, 28 days; ``callees``: digest of a number to
    twice its last day, plus one when it was called before, in the order of those days.
    """

    open: dict[int, OpenDay] = {}
    rows: dict[int, list[int]] = {}
    weeks: dict[int, list[int]] = {}
    heat: dict[int, list[int]] = {}
    callees: dict[int, int] = {}

    def day(self, day: int, start: int) -> OpenDay:
        """Begin a day; a day has at most 25 hours (change of the clock in autumn)."""
        opened = self.open[day] = OpenDay(start, calls=[0] * 25, talked=[0] * 25, proofs=[None, None])
        return opened

    def call(self, key: int, day: int, capacity: int) -> bool:
        """Note a call to a number; over ``capacity`` the number called longest ago is forgotten.

        Returns:
            Whether it is the first call to it that day.
        """
        callees = self.callees
        before = callees.pop(key, -1)
        last = before >> 1
        if before < 0 or last <= day - QUARTER:
            callees[key] = day << 1
        else:
            callees[key] = max(day, last) << 1 | 1
        if len(callees) > capacity:
            del callees[next(iter(callees))]
        return before < 0 or last < day

    def close(self, day: int) -> OpenDay:
        """Move an open day to the rows, and forget what is out of every window."""
        closed = self.open.pop(day)
        self.rows[day] = [closed.out, closed.came, closed.talk // 1000, closed.distinct]
        # Days are closed in their order, so the oldest row, week and map stand first.
        while (old := next(iter(self.rows))) <= day - MONTH:
            row = self.rows.pop(old)
            week = self.weeks.setdefault((old + 3) // 7, [0, 0])
            week[OUT] += row[OUT]
            week[CAME] += row[CAME]
        while self.weeks and 7 * (past := next(iter(self.weeks))) - 3 <= day - QUARTER:
            del self.weeks[past]
        while self.heat and (past := next(iter(self.heat))) <= day - HEAT_DAYS:
            del self.heat[past]
        callees = self.callees
        while callees:
            key = next(iter(callees))
            if callees[key] >> 1 > day - QUARTER:
                break
            del callees[key]
        return closed

    def talk_minutes(self, day: int) -> int:
        """Minutes of outgoing talk in the 30 days up to ``day``."""
        return sum(row[TALK_S] for d, row in self.rows.items() if day - MONTH < d <= day) // 60

    def both_ways(self, day: int) -> tuple[int, int]:
        """Outgoing and incoming calls of the 90 days up to ``day`` (whole weeks beyond 30 days)."""
        rows = [row for d, row in self.rows.items() if d <= day] + list(self.weeks.values())
        return sum(row[OUT] for row in rows), sum(row[CAME] for row in rows)

    def destinations(self, day: int) -> tuple[int, int, int]:
        """Numbers called in the 30 days up to ``day``, in 90 days, and those of the 90 days that were called once.

        Numbers called after ``day`` (it closes an hour or more later) are left out, to the customer's advantage.
        """
        month = quarter = once = 0
        for value in self.callees.values():
            last = value >> 1
            if day - QUARTER < last <= day:
                quarter += 1
                once += not value & 1
                month += last > day - MONTH
        return month, quarter, once

    def heat_map(self, day: int) -> list[int]:
        """Calls by weekday and hour (Monday 0 h first, 168 numbers) of the days that counted among the last 28."""
        cells = [0] * 168
        for d, calls in self.heat.items():
            if d <= day:
                for hour, count in enumerate(calls):
                    cells[(d + 3) % 7 * 24 + min(hour, 23)] += count
        return cells


def add_talk(day: OpenDay, start: int, end: int, sign: int) -> None:
    """Add outgoing talk within a day to its clock hours; ``sign`` is -1 to take it back."""
    day.talk += sign * (end - start)
    hour = (start - day.start) // HOUR
    while start < end:
        until = min(end, day.start + (hour + 1) * HOUR)
        day.talked[hour] += sign * (until - start)
        start, hour = until, hour + 1
