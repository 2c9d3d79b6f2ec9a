"""Billing months: from a customer's billing day at 00:00 in its own time zone to the next one (contract 9.f, as pinned).

The other clock of the product: sliding windows run over event time in the policy's day zone; a billing month turns at one
instant, and what is counted in it starts again. A billing day that a month does not have is that month's last day.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from detectors.days import EPOCH, day_clock

#: Months of a clock that are remembered: a licence asks for this one and the last.
MOST_MONTHS = 64
#: The contract's own zone, for a customer whose account is unknown or names a zone that does not exist.
ZONE = "Europe/Paris"


class Month(NamedTuple):
    """A billing month: ``start`` is in it, ``end`` is not (milliseconds); ``label`` names it.

    The label is ``YYYY-MM`` of the day it starts on. Each calendar month has exactly one billing day, so no two months of a customer
    share a label; with a billing day of 31, the month from 31 January to 27 February is ``2026-01``.
    """

    start: int
    end: int
    label: str


class BillingClock:
    """Billing months of one zone and billing day. Remembers the month last asked: events come in order of time.

    Args:
        zone: the customer's time zone.
        day: its billing day, 1 to 31.

    >>> clock = BillingClock("Europe/Paris", 31)
    >>> march = clock.month_of(1_772_434_800_000)
    >>> march.label, (march.end - march.start) // 3_600_000 / 24, clock.month_of(march.end).label
    ('2026-02', 30.958333333333332, '2026-03')
    """

    __slots__ = ("_last", "_months", "day", "zone")

    def __init__(self, zone: str, day: int) -> None:
        if not 1 <= day <= 31:
            raise ValueError(f"billing_day must lie between 1 and 31, not {day}")
        self.zone, self.day = zone, day
        self._months: dict[tuple[int, int], Month] = {}
        self._last = Month(0, -1, "")

    def month_of(self, at: int) -> Month:
        """The billing month that holds the instant ``at`` (milliseconds)."""
        last = self._last
        if last.start <= at < last.end:
            return last
        today = EPOCH + timedelta(days=day_clock(self.zone).day_of(at))
        year, month = today.year, today.month
        if today < _due(year, month, self.day):
            year, month = _before(year, month)
        self._last = self._month(year, month)
        return self._last

    def before(self, month: Month) -> Month:
        """The billing month that ends where ``month`` starts."""
        year, number = _before(*map(int, month.label.split("-")))
        return self._month(year, number)

    def _month(self, year: int, month: int) -> Month:
        found = self._months.get((year, month))
        if found is None:
            if len(self._months) >= MOST_MONTHS:
                self._months.clear()
            then = (year + month // 12, month % 12 + 1)
            start, end = (self._midnight(_due(y, m, self.day)) for y, m in ((year, month), then))
            found = self._months[year, month] = Month(start, end, f"{year:04}-{month:02}")
        return found

    def _midnight(self, day: date) -> int:
        return day_clock(self.zone).bounds((day - EPOCH).days)[0]


def _due(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


def _before(year: int, month: int) -> tuple[int, int]:
    return (year, month - 1) if month > 1 else (year - 1, 12)


@lru_cache(maxsize=1_024)
def billing_clock(zone: str, day: int) -> BillingClock:
    """The shared clock of a zone and billing day; a zone that does not exist is the contract's own.

    >>> billing_clock("Mars/Olympus", 1).zone
    'Europe/Paris'
    """
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = ZONE
    return BillingClock(zone, day)
