"""A fax licence that calls forty destinations in an hour, and a licence that sends 240 pages to thirty in a day."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import call, licence_fact, message, ms


def traffic() -> list[Event]:
    at = ms("2026-02-03 09:00")
    events: list[Any] = [licence_fact(at - 1, "291", type="fax"), licence_fact(at - 1, "292")]
    for n in range(40):
        events += call(at + 60_000 * n, 40, to=f"+3314291{n:04}", to_cls="fixed", licence="291", device=None, phases=n % 2 == 0)
    events += [message(at + 600_000 * n, f"+3314292{n % 30:04}", licence="292", media="fax", pages=4) for n in range(60)]
    return events
