"""A model is promoted, a strange fortnight of a licence is scored, then a calm one; another model takes over in March."""

from __future__ import annotations

from detectors.days import iso, number
from detectors.events import Event
from support.core import call, licence_fact, model, ms, score


def traffic() -> list[Event]:
    start = number("2026-02-02")
    events: list[Event] = [
        licence_fact("2026-01-06", "296"),
        model("2026-01-07", "anomaly-1", threshold=0.9),
        model("2026-01-07 00:01", "anomaly-2", role="challenger"),
        model("2026-03-10", "anomaly-2", threshold=0.8),
    ]
    values = [0.1, 0.93, 0.2, 0.91, 0.95, 0.955, 0.4, 0.3, 0.2, 0.1, *[0.85] * 40]
    for n, value in enumerate(values):
        day = iso(start + n)
        events += call(f"{day} 09:00", 60, licence="296")
        at = ms(f"{iso(start + n + 1)} 01:00")
        reasons = ("215 calls, against 4 on a usual day",) if value > 0.9 else ()
        version = "anomaly-1" if at < ms("2026-03-10") else "anomaly-2"
        events.append(score(at, value, day, version, licence="296", reasons=reasons))
    return events
