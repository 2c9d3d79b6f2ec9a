"""Times as PBXes write them: seconds since 1970 with a fraction, or a local stamp without a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from detectors.errors import ContractError
from pbx.adapter import Table

#: 2000 to 9999: outside, the stamp is a broken clock, and no calendar can hold it.
EARLIEST_MS, LATEST_MS = 946_684_800_000, 253_402_300_799_999

_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$", re.ASCII)


def epoch_ms(stamp: object, key: str) -> int:
    """Milliseconds of seconds since 1970 with or without a fraction, cut and never rounded: the contracts truncate.

    >>> epoch_ms("1795466411.439840", "ts")
    1795466411439

    Raises:
        ContractError: it is no such number, or outside the years 2000 to 9999.
    """
    seconds, _, fraction = str(stamp).strip().partition(".")
    digits = seconds + fraction
    if not (digits.isascii() and digits.isdigit() and seconds and len(seconds) < 14):
        raise ContractError(f"{key}: expected seconds since 1970, got {str(stamp)[:64]!r}")
    return checked(int(seconds) * 1000 + int(fraction[:3].ljust(3, "0")), key)


def micro_ms(stamp: object, key: str) -> int | None:
    """Milliseconds of microseconds since 1970; ``None`` for nothing and for 0, which says "did not happen".

    >>> micro_ms("1795466411439840", "Event-Date-Timestamp"), micro_ms("0", "Caller-Channel-Answered-Time")
    (1795466411439, None)

    Raises:
        ContractError: it is no such number, or outside the years 2000 to 9999.
    """
    text = str(stamp if stamp is not None else "").strip()
    if text in ("", "0"):
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ContractError(f"{key}: expected microseconds since 1970, got {text[:64]!r}")
    return checked(int(text) // 1000, key)


def checked(ms: int, key: str) -> int:
    """The instant, if a calendar can hold it.

    Raises:
        ContractError: it is before the year 2000 or beyond 9999.
    """
    if not EARLIEST_MS <= ms <= LATEST_MS:
        raise ContractError(f"{key}: {ms / 1000:.0f} is before the year 2000 or beyond 9999")
    return ms


def instants(stamp: str, zone: ZoneInfo, key: str) -> list[int]:
    """What ``YYYY-MM-DD HH:MM:SS`` may mean, in milliseconds, earlier first: two instants in the hour that clocks repeat.

    >>> instants("2026-10-25 02:30:00", ZoneInfo("Europe/Paris"), "start")
    [1792888200000, 1792891800000]

    Raises:
        ContractError: it is no such stamp, or no date, or before the year 2000.
    """
    if not _STAMP.match(stamp):
        raise ContractError(f"{key}: expected YYYY-MM-DD HH:MM:SS, got {stamp[:64]!r}; is the column order right?")
    try:
        local = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
        if local.year < 2000:
            raise ContractError(f"{key}: {stamp} is before the year 2000")
        both = {int(local.replace(fold=fold).astimezone(UTC).timestamp()) * 1000 for fold in (0, 1)}
    except (ValueError, OverflowError) as error:
        raise ContractError(f"{key}: {stamp} is no date: {error}") from None
    # In spring the two differ as well: there the stamp names no instant, and the earlier reading is kept.
    return sorted(both)


def time_zone(table: Table, hint: str) -> ZoneInfo:
    """The ``zone`` of a source table.

    Args:
        table: the table.
        hint: when "UTC" is right, for the message.

    Raises:
        PolicyError: it is missing, or no zone.
    """
    name = table.text("zone")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise table.error("zone", f'{name!r} is no time zone; write one such as "Europe/Paris", or "UTC" {hint}') from None
