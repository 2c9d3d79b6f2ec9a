"""Many numbers in a billing month: one licence over the limit by CDRs that come in any order, one at it, one over the month's end."""

from __future__ import annotations

from detectors.events import Event
from support.core import call, licence_fact, ms

HOUR, MINUTE = 3_600_000, 60_000


def traffic() -> list[Event]:
    start = ms("2026-03-03 08:00")
    events: list[Event] = [licence_fact("2026-01-06", f"27{n}", offer="unlimited") for n in range(3)]
    for n in range(260):
        # Twelve an hour; every ninth lasts most of an hour, so its CDR comes after those of calls that began later.
        talk = 3_000 if n % 9 == 0 else 20 if n % 3 else None
        events += call(start + n * 5 * MINUTE, talk, to=f"+336{n * 7919 % 1000:03}22{n:03}", licence="270")
        events += call(start + n * 7 * MINUTE, 45, to=f"+3314422{n % 200:04}", to_cls="fixed", licence="271", phases=True)
        at = ms("2026-03-28 08:00") + (n // 40) * 24 * HOUR + (n % 40) * 10 * MINUTE
        events += call(at, 30, to=f"+3361111{n:04}", licence="272", phases=n % 2 == 0)
    return events
