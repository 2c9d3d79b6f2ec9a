"""A group that places calls on three days of a fortnight."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import call, licence_fact, ms

DAY = 86_400_000


def traffic() -> list[Event]:
    at = ms("2026-02-06 09:00")
    events: list[Any] = [licence_fact(at - 1, "299", type="group")]
    for n in range(9):
        events += call(at + n // 3 * 4 * DAY + n % 3 * 600_000, 45, to=f"+33612990{n:03}", licence="299", phases=n % 2 == 0)
    return events
