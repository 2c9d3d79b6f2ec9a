"""Long calls, told as they go and by CDRs: open ones, lost ones, one over a change of the clock."""

from __future__ import annotations

from detectors.events import Event
from support.core import call, licence_fact, ms

HOUR = 3_600_000


def traffic() -> list[Event]:
    start = ms("2026-03-02 09:00")
    events: list[Event] = [licence_fact("2026-01-06", f"26{n}", offer="unlimited" if n < 3 else "metered") for n in range(4)]
    for day in range(30):
        at = start + day * 24 * HOUR
        # Short calls whose ends are told, so that the PBX is believed; every fifth day one lasts three hours.
        for n in range(3):
            events += call(at + n * HOUR, 120, to=f"+3361000{day:02}{n}1", licence="260", phases=True)
        if day % 5 == 0:
            events += call(at + 4 * HOUR, 3 * 3600, to="+33144556677", to_cls="fixed", licence="260", phases=True)
        if day % 7 == 0:
            events += call(at, 6_900 + 100 * day, to="+33144556678", to_cls="fixed", licence="261")
        if day == 12:
            events += call(at, 9_000, licence="262", phases=True)[:2]
        events += call(at, 9_000, licence="263", phases=day % 2 == 0)
    events += call(ms("2026-03-29 01:00"), 3 * 3600, licence="262", phases=True)
    return events
