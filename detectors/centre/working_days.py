"""Working days: Monday to Friday less public holidays (reference data ``holidays-fr``: a list of ISO days)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from detectors.days import iso, weekday

#: No stretch of this many days holds fewer than 20 working ones; a search for them ends here whatever the reference says.
_FAR = 366


def holidays_of(references: dict[str, Any]) -> Collection[str]:
    """Public holidays known at this place in the log; none when no reference came."""
    found = references.get("holidays-fr")
    return found if isinstance(found, list | tuple) else ()


def is_working(day: int, holidays: Collection[str]) -> bool:
    """Whether people are at work on a day.

    >>> from detectors.days import number
    >>> is_working(number("2026-07-14"), ["2026-07-14"]), is_working(number("2026-07-14"), [])
    (False, True)
    """
    return weekday(day) < 5 and iso(day) not in holidays


def first_of_last(count: int, day: int, holidays: Collection[str]) -> int:
    """The first of the last ``count`` working days up to and including ``day``.

    >>> from detectors.days import iso, number
    >>> iso(first_of_last(20, number("2026-03-27"), []))
    '2026-03-02'
    """
    at = day
    for at in range(day, day - _FAR, -1):
        if is_working(at, holidays):
            count -= 1
            if count == 0:
                break
    return at
