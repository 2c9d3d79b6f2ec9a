"""Traffic for ``harassment``: a bad evening, a night, three licences on one number, a call back, a robot, a monitoring line."""

from __future__ import annotations

import random
from typing import Any

from detectors.events import Event, Reference
from support.core import call, licence_fact, ms

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
START = ms("2026-02-02 00:00")
LICENCES = ("211", "212", "213", "214")


def _by_hand(licence: str, to: str, start: int, count: int, every: int, seed: int) -> list[Any]:
    drawn, events = random.Random(seed), []
    for n in range(count):
        at = start + n * every + drawn.randrange(every * 2 // 3)
        outcome: dict[str, Any] = {"talk_s": drawn.choice([None, None, 6]), "ring_s": drawn.randint(8, 30)}
        events += call(at, licence=licence, to=to, phases=n % 2 == 0, presented="anonymous", **outcome)
    return events


def traffic() -> list[Event]:
    """All of it, with the facts it needs."""
    events: list[Any] = [licence_fact(START - DAY, name, numbers=(f"+3318000{name}0",)) for name in LICENCES]
    events.append(Reference(id="public-lines", time=START - DAY, name="public_lines", body={"numbers": ["+33180001234"]}))
    for day in range(3):
        events += _by_hand("211", "+33698000001", START + day * DAY + 18 * HOUR, 12, 10 * MINUTE, day)
    events += _by_hand("212", "+33698000002", START + 5 * DAY - 30 * MINUTE, 10, 20 * MINUTE, 7)
    events += call(START + 6 * DAY, 4, licence="212", direction="inbound", caller="0698000002", phases=True)
    for n, licence in enumerate(LICENCES[:3]):
        events += _by_hand(licence, "+33698000003", START + 10 * DAY + 9 * HOUR + n * MINUTE, 6, HOUR, 20 + n)
    for n in range(200):
        events += call(START + 12 * DAY + n * MINUTE, None, ring_s=20, licence="213", to="+33698000004", phases=True)
    for n in range(24 * 20):
        events += call(START + n * HOUR, 9, ring_s=4, licence="214", to="+33698000005", phases=n % 2 == 0)
    return events
