"""Premium, shared-cost and satellite calls of two billing months."""

from __future__ import annotations

from detectors.events import Event
from support.core import call, licence_fact, ms

HOUR = 3_600_000


def traffic() -> list[Event]:
    start = ms("2026-03-10 10:00")
    events: list[Event] = [licence_fact("2026-01-06", f"28{n}", offer="unlimited") for n in range(3)]
    for n in range(60):
        at = start + n * 11 * HOUR
        talk = None if n % 10 == 0 else 240
        events += call(at, talk, to="+33899700100", to_cls="premium", rate=80_000, licence="280", phases=n % 2 == 0)
        events += call(at, 400, to="+33820200200", to_cls="shared_cost", rate=15_000, licence="281", phases=n % 3 == 0)
        events += call(at, 60, to="+881612345678", to_cls="satellite", rate=500_000, licence="282", phases=n % 3 == 0)
    return events
