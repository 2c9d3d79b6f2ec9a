"""Times on the wire: RFC 3339 with an offset, read into integer milliseconds and printed in UTC with ``Z``.

One grammar for both readers of the contracts (the fast one and the one that explains), so that they cannot disagree. A
datetime type would not do: those at hand round the seventh digit, while the contract truncates to milliseconds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: 2000-01-01T00:00:00Z: an older time is a PBX whose clock has not been set since boot.
OLDEST = 946_684_800_000
#: 9999-12-31T23:59:59.999Z: RFC 3339 has four digits for a year.
NEWEST = 253_402_300_799_999

_GRAMMAR = re.compile(
    r"(?P<head>([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):)"
    r"(?P<tail>([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2})))?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# A log repeats its minutes ("2026-11-24T10:15:") and the ends of its times ("07.250Z"): two look-ups replace a parse.
_HEADS: dict[str, int] = {}
_TAILS: dict[str, int] = {}
_CACHED = 65_536
_DAY = 86_400_000
_PRINTED_DAYS: dict[int, str] = {}


def parse_time(text: str) -> int:
    """Milliseconds since 1970 (UTC) of an RFC 3339 time.

    ``T`` may be in lower case or a space, ``Z`` in lower case (RFC 3339 §5.6); digits after the third are dropped. A leap
    second is read as the last millisecond before it, so it stays in its minute, hour and day.

    Raises:
        ValueError: not such a time, without an offset, or outside the years 2000 to 9999.

    >>> parse_time("2026-11-24T10:15:07.2509+01:00")
    1795511707250
    >>> parse_time("2026-11-24T10:15:07")
    Traceback (most recent call last):
    ValueError: a time needs an offset or Z at its end
    """
    try:
        return _HEADS[text[:17]] + _TAILS[text[17:]]
    except KeyError:
        return _parse(text)


def _parse(text: str) -> int:
    found = _GRAMMAR.match(text)
    if found is None or (found["tail"] is not None and found.end() != len(text)):
        raise ValueError("not an RFC 3339 time such as 2026-11-24T10:15:07.250Z")
    if found["tail"] is None:
        if re.fullmatch(r"[0-9]{2}(\.[0-9]+)?", text[17:]):
            raise ValueError("a time needs an offset or Z at its end")
        raise ValueError("not an RFC 3339 time such as 2026-11-24T10:15:07.250Z")
    year, month, day, hour, minute = (int(found[n]) for n in range(2, 7))
    second, fraction = int(found[8]), found[9] or ""
    sign, east_hours, east_minutes = found[10], int(found[11] or 0), int(found[12] or 0)
    if year < 1999:
        raise ValueError("a time before 2000 is a clock that was never set")
    if hour > 23 or minute > 59 or second > 60 or east_hours > 23 or east_minutes > 59:
        raise ValueError("hour, minute, second or offset out of range")
    try:
        head = (datetime(year, month, day, hour, minute, tzinfo=UTC) - _EPOCH) // _MILLISECOND
    except ValueError:
        raise ValueError("no such day") from None
    offset = (east_hours * 60 + east_minutes) * (-60_000 if sign == "-" else 60_000)
    if second == 60:
        if (head - offset) % _DAY != _DAY - 60_000:
            raise ValueError("a leap second can only be at 23:59:60 UTC")
        tail = 59_999 - offset
    else:
        tail = second * 1000 + int(fraction[:3].ljust(3, "0")) - offset
        # Only whole years inside the range: whatever the tail adds, a cached head never needs the range check below.
        if 2001 <= year <= 9998 and len(fraction) <= 3:
            _remember(_HEADS, found["head"], head)
            _remember(_TAILS, found["tail"], tail)
    if head + tail < OLDEST:
        raise ValueError("a time before 2000 is a clock that was never set")
    if head + tail > NEWEST:
        raise ValueError("a time after 9999 cannot be written")
    return head + tail


def _remember(cache: dict[str, int], key: str, value: int) -> None:
    if len(cache) >= _CACHED:
        cache.clear()
    cache[key] = value


def format_time(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds and ``Z`` (contracts: JSON we write).

    >>> format_time(1795511707250)
    '2026-11-24T09:15:07.250Z'
    """
    day, rest = divmod(ms, _DAY)
    date = _PRINTED_DAYS.get(day)
    if date is None:
        if len(_PRINTED_DAYS) >= _CACHED:
            _PRINTED_DAYS.clear()
        date = _PRINTED_DAYS[day] = (_EPOCH + timedelta(days=day)).date().isoformat()
    second, ms = divmod(rest, 1000)
    return f"{date}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{ms:03}Z"


def check_day(text: str) -> str:
    """A calendar day written ``YYYY-MM-DD``, unchanged.

    Raises:
        ValueError: not such a day.
    """
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is None:
        raise ValueError("not a day such as 2026-11-24")
    try:
        datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("no such day") from None
    return text


def check_zone(text: str) -> str:
    """The name of a time zone (IANA), unchanged.

    Billing months turn at midnight there: with a name that nothing knows they would silently turn in Paris.

    Raises:
        ValueError: no such zone.

    >>> check_zone("Indian/Reunion")
    'Indian/Reunion'
    >>> check_zone("CET+1")
    Traceback (most recent call last):
    ValueError: no time zone such as Europe/Paris or Indian/Reunion
    """
    if not _zone_exists(text):
        raise ValueError("no time zone such as Europe/Paris or Indian/Reunion")
    return text


@lru_cache(maxsize=1_024)
def _zone_exists(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
