"""Calendar days of a time zone as integers (days since 1970-01-01), correct over changes of the clock.

A day is a wall-clock day: 29 March 2026 has 23 hours in Paris and is one day all the same.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = date(1970, 1, 1)
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def iso(day: int) -> str:
    """A day as ``YYYY-MM-DD``.

    >>> iso(20453)
    '2025-12-31'
    """
    return (EPOCH + timedelta(days=day)).isoformat()


def number(text: str) -> int:
    """The day written ``YYYY-MM-DD``.

    >>> number("1970-01-02")
    1
    """
    return (date.fromisoformat(text) - EPOCH).days


def weekday(day: int) -> int:
    """0 for Monday … 6 for Sunday.

    >>> weekday(number("2026-11-24"))
    1
    """
    return (day + 3) % 7


def days_to_billing(day: int, billing_day: int) -> int:
    """Days from ``day`` to the next billing day after it; one that a month does not have is that month's last day.

    >>> days_to_billing(number("2026-01-30"), 31), days_to_billing(number("2026-01-31"), 31)
    (1, 28)
    """
    today = EPOCH + timedelta(days=day)
    for month in (today.month - 1, today.month):
        year, month = today.year + month // 12, month % 12 + 1
        due = date(year, month, min(billing_day, monthrange(year, month)[1]))
        if due > today:
            return (due - today).days
    raise ValueError(f"billing_day must lie between 1 and 31, not {billing_day}")


class DayClock:
    """Days of one zone. Remembers the bounds of the day last asked, since events come in order of time.

    >>> clock = DayClock("Europe/Paris")
    >>> start, end = clock.bounds(number("2026-03-29"))
    >>> (end - start) // HOUR
    23
    """

    __slots__ = ("_bounds", "_day", "_end", "_start", "zone")

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._bounds: dict[int, tuple[int, int]] = {}
        self._day, self._start, self._end = -1, 0, -1

    def day_of(self, at: int) -> int:
        """The day that holds the instant ``at`` (milliseconds)."""
        if self._start <= at < self._end:
            return self._day
        local = datetime.fromtimestamp(at / 1000, UTC).astimezone(_zone(self.zone))
        self._day = (local.date() - EPOCH).days
        self._start, self._end = self.bounds(self._day)
        return self._day

    def bounds(self, day: int) -> tuple[int, int]:
        """First instant of the day and of the next one, in milliseconds."""
        found = self._bounds.get(day)
        if found is None:
            if len(self._bounds) > 1_000:
                self._bounds.clear()
            found = self._bounds[day] = (self._midnight(day), self._midnight(day + 1))
        return found

    def hour_of(self, at: int) -> int:
        """Wall-clock hour 0–23 of an instant."""
        # On a day of 24 hours no clock was changed, and the zone need not be asked: 0.2 µs in the place of 3.
        if self._start <= at < self._end and self._end - self._start == DAY:
            return (at - self._start) // HOUR
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(_zone(self.zone)).hour

    def _midnight(self, day: int) -> int:
        then = EPOCH + timedelta(days=day)
        return round(datetime(then.year, then.month, then.day, tzinfo=_zone(self.zone)).timestamp() * 1000)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=64)
def day_clock(zone: str) -> DayClock:
    """The shared clock of a zone."""
    return DayClock(zone)
