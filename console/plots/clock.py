"""Instants of an alert on the reader's clock; every one that is written out names its zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
#: Distances between the ticks of a time axis.
_STEPS = (
    MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 182 * DAY, 364 * DAY,
)  # fmt: skip
#: Instants that ``datetime`` can place in every zone: the years 1971 to 9998.
_FIRST, _LAST = 31_536_000_000, 253_300_000_000_000


class Clock:
    """A time zone, by its IANA name."""

    def __init__(self, zone: str = "Europe/Paris") -> None:
        self.name = zone
        self._zone = ZoneInfo(zone)

    def local(self, at: int) -> datetime:
        """An instant in ms, in this zone."""
        return datetime.fromtimestamp(at // SECOND, UTC).astimezone(self._zone)

    def stamp(self, at: int | None) -> str:
        """Date, time and zone; empty when it is not known.

        >>> Clock().stamp(1_772_438_400_000)
        '2026-03-02 09:00:00 CET'
        """
        return "" if at is None else self.local(at).strftime("%Y-%m-%d %H:%M:%S %Z")

    def of(self, day: date, hour: int = 0) -> int:
        """The instant in ms of an hour of a day in this zone."""
        return int(datetime(day.year, day.month, day.day, hour, tzinfo=self._zone).timestamp()) * SECOND

    def ticks(self, start: int, end: int, most: int) -> list[tuple[int, bool]]:
        """At most ``most`` instants for an axis, on whole local minutes, hours or days; with whether each is a midnight."""
        step = next((one for one in _STEPS if (end - start) // one < most), _STEPS[-1])
        shift = int((self.local(start).utcoffset() or timedelta()).total_seconds()) * SECOND
        first = -(-(start + shift) // step) * step - shift
        found = []
        for at in range(first, end + 1, step):
            # The clock may have changed on the way: a tick of a day stays at midnight.
            moved = at + shift - int((self.local(at).utcoffset() or timedelta()).total_seconds()) * SECOND if step >= HOUR else at
            if start <= moved <= end:
                found.append((moved, (self.local(moved).hour, self.local(moved).minute) == (0, 0)))
        return found[:most]


def instant(value: object) -> int | None:
    """An instant in ms from an alert's field: RFC 3339 text or ms; None for anything else.

    >>> instant("2026-03-02T08:00:00.500Z"), instant(1_772_438_400_500), instant("soon"), instant(-1)
    (1772438400500, 1772438400500, None, None)
    """
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            return None
        if parsed.tzinfo is None or not 1971 <= parsed.year <= 9998:
            return None
        value = (parsed - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    return value if isinstance(value, int) and not isinstance(value, bool) and _FIRST <= value <= _LAST else None


def day_of(value: object) -> date | None:
    """A day from YYYY-MM-DD; None for anything else.

    >>> day_of("2026-03-02"), day_of("<b>")
    (datetime.date(2026, 3, 2), None)
    """
    if not isinstance(value, str):
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError:
        return None
    return found if 1971 <= found.year <= 9998 else None


def earlier(day: date, days: int) -> date:
    """So many days before a day that ``day_of`` has read."""
    return day - timedelta(days=days)
