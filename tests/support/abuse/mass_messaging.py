"""Texts to a hundred people who do not answer, five hundred texts in a day, and a recording played to 120 numbers."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import call, licence_fact, message, ms


def traffic() -> list[Event]:
    at = ms("2026-02-02 09:00")
    events: list[Any] = [licence_fact(at - 1, "281"), licence_fact(at - 1, "282"), licence_fact(at - 1, "283")]
    events += [message(at + 30_000 * n, f"+3361281{n:04}", licence="281") for n in range(100)]
    events += [message(at + 150_000 * n, f"+3361282{n % 120:04}", licence="282") for n in range(520)]
    for n in range(120):
        events += call(at + 60_000 * n, 30 if n % 4 else 12, to=f"+3361283{n:04}", licence="283", phases=n % 2 == 0)
    return events
