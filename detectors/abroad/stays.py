"""Arithmetic of days abroad: stays, and totals in a window.

A stay runs from its first abroad day to its latest, both included; it ends at a home day, or after more than some silent days.
Days under an exemption, and days on which the licence's outgoing calls were restricted, are void: they count for nothing and let no
silence pass, but home evidence on them still ends the stay (contract-clauses.md, "Readings that are pinned").
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from detectors.abroad.calendar import calendar
from detectors.location.days_of_licence import ABROAD_DAY, HOME_DAY

if TYPE_CHECKING:
    from detectors.context import Context

#: Marks of void days.
EXEMPT, RESTRICTED = 1, 2
#: Late evidence may move a crossing by the week it is accepted for.
WEEK_LATE = 8


class Measure(msgspec.Struct, kw_only=True):
    """What a rule measured on a line of days: how much, over which days, which of them count, and of how many (``basis``)."""

    days: int
    first: int
    last: int
    counted: list[int]
    basis: int


class Stay:
    """One stay: its counted abroad days with the length it had reached on each, and the day that ended it (-1: it goes on)."""

    __slots__ = ("days", "ended", "home", "lengths")

    def __init__(self, day: int) -> None:
        self.days = [day]
        self.lengths = [1]
        self.ended = -1
        self.home = False

    @property
    def length(self) -> int:
        """Days from the first to the latest abroad day, both included, less the void ones between."""
        return self.lengths[-1]

    def crossing(self, limit: int) -> int:
        """The day on which the length reached ``limit``, -1 when it did not."""
        return next((day for day, length in zip(self.days, self.lengths, strict=True) if length >= limit), -1)


class Line:
    """Days ``first`` … ``through`` of a licence as one rule counts them: ``bits`` as in ``location.days_of_licence``, ``void`` marks.

    >>> line = Line(100, [ABROAD_DAY, 0, ABROAD_DAY, HOME_DAY, ABROAD_DAY])
    >>> [(stay.length, stay.ended) for stay in line.stays(7)], line.total(104, 365)
    ([(3, 103), (1, -1)], 3)
    """

    __slots__ = ("_sums", "bits", "first", "through", "void")

    def __init__(self, first: int, bits: list[int], void: bytes = b"") -> None:
        self.first = first
        self.bits = bits
        self.void = void or bytes(len(bits))
        self.through = first + len(bits) - 1
        self._sums: list[int] = []

    def counted(self, first: int, last: int) -> list[int]:
        """Abroad days that count, from ``first`` to ``last``."""
        lo, hi = max(first, self.first), min(last, self.through)
        return [day for day in range(lo, hi + 1) if self.bits[day - self.first] & ABROAD_DAY and not self.void[day - self.first]]

    def total(self, day: int, window: int) -> int:
        """Abroad days that count in the ``window`` days that end with ``day``."""
        if not self._sums:
            self._sums = [0, *accumulate(int(bits & ABROAD_DAY and not v) for bits, v in zip(self.bits, self.void, strict=True))]
        hi = min(day, self.through) - self.first + 1
        lo = day - window - self.first + 1
        return self._sums[hi] - self._sums[max(0, lo)] if hi > max(0, lo) else 0

    def of(self, day: int) -> int:
        """Bits of a day."""
        return self.bits[day - self.first] if self.first <= day <= self.through else 0

    def without(self, unwanted: int, wanted: int = 0) -> Line:
        """The same with abroad days left out (silent) that have a bit of ``unwanted`` or lack one of ``wanted``."""
        kept = [bits & ~ABROAD_DAY if bits & unwanted or (wanted and not bits & wanted) else bits for bits in self.bits]
        return Line(self.first, kept, self.void)

    def stays(self, silent_days: int) -> list[Stay]:
        """All stays in order; a stay ends after *more* than ``silent_days`` days without evidence."""
        found: list[Stay] = []
        stay: Stay | None = None
        silent = since = 0
        for day, (bits, void) in enumerate(zip(self.bits, self.void, strict=True), start=self.first):
            if bits & ABROAD_DAY and not void:
                if stay is None:
                    stay = Stay(day)
                    found.append(stay)
                else:
                    stay.lengths.append(stay.lengths[-1] + day - stay.days[-1] - since)
                    stay.days.append(day)
                silent = since = 0
            elif stay is None:
                continue
            elif bits & HOME_DAY:
                stay.ended, stay.home, stay = day, True, None
            elif void:
                since += 1
            else:
                silent += 1
                if silent > silent_days:
                    stay.ended, stay = day, None
        return found


def line_of(ctx: Context, rule: str, through: int) -> Line:
    """The licence's days up to ``through`` as a rule counts them: less exempt days, less days on which ``outgoing`` was active.

    A day is void when the exemption or the restriction was in force at any moment of it: whoever could not call during part of a
    day, or was allowed to be away for part of it, is not held to that day.
    """
    first, bits = calendar(ctx, through)
    void = bytearray(len(bits))
    licence = ctx.licence.licence
    for exemption in ctx.tenant.exemptions.values():
        if rule in exemption.rules and not exemption.revoked and exemption.licence in ("", licence):
            _mark(ctx, void, first, exemption.from_, exemption.to, EXEMPT)
    for start, end in ctx.licence.standing.spans:
        _mark(ctx, void, first, start, end or ctx.now + 1, RESTRICTED)
    return Line(first, bits, bytes(void))


def _mark(ctx: Context, void: bytearray, first: int, start: int, end: int, mark: int) -> None:
    last = ctx.clock.day_of(end - 1) if end > start else ctx.clock.day_of(start) - 1
    for day in range(max(first, ctx.clock.day_of(start)), min(first + len(void) - 1, last) + 1):
        void[day - first] |= mark


def window_measure(line: Line, window: int) -> Measure | None:
    """Days abroad in the ``window`` days that end with the line."""
    first = line.through - window + 1
    counted = line.counted(first, line.through)
    if not counted:
        return None
    located = [day for day in range(max(first, line.first), line.through + 1) if line.of(day) & HOME_DAY]
    return Measure(days=len(counted), first=first, last=counted[-1], counted=counted, basis=len(counted) + len(located))


def window_crossing(line: Line, window: int, limit: int) -> int:
    """The first day of those the total has stayed at ``limit`` or above, as far back as late evidence can reach."""
    day = line.through
    while day > line.through - WEEK_LATE and line.total(day - 1, window) >= limit:
        day -= 1
    while not line.of(day) & ABROAD_DAY and day > line.first:
        day -= 1
    return day


def window_over(line: Line, window: int, crossed: int, limit: int) -> tuple[str, str]:
    """Whether no window from the crossing on holds the limit any more."""
    if any(line.total(day, window) >= limit for day in range(crossed, line.through + 1)):
        return "", ""
    most = max((line.total(day, window) for day in range(crossed, line.through + 1)), default=0)
    return "withdrawn", f"judged again there are {most} days abroad in {window}, below {limit}"
