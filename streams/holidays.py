"""Public holidays as reference data: detectors read no calendar, so that next year's edition cannot change last year's verdict."""

from __future__ import annotations

from hashlib import sha256

import holidays
import msgspec

from detectors.events import Reference

NAME = "holidays-fr"
#: Years a log can speak of; one broken clock must not make us compute eight thousand.
FIRST_YEAR, LAST_YEAR = 2000, 2100


def french_holidays(first: int, last: int) -> Reference:
    """The ``holidays-fr`` event: public holidays of metropolitan France from the year ``first`` to ``last``, both included.

    ``body`` is a sorted list of days ``YYYY-MM-DD``; the event stands at the beginning of the log (time 0).

    >>> french_holidays(2026, 2026).body[:3]
    ['2026-01-01', '2026-04-06', '2026-05-01']
    """
    years = range(max(first, FIRST_YEAR), min(last, LAST_YEAR) + 1)
    days = sorted(day.isoformat() for day in holidays.country_holidays("FR", years=years))
    digest = sha256(msgspec.json.encode(days)).hexdigest()
    return Reference(id=f"{NAME}-{digest[:16]}", time=0, name=NAME, sha256=digest, body=days)
