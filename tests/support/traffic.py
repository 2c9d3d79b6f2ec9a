"""Traffic in which every built-in rule has something to say: what the generic suite feeds, cuts and resumes."""

from __future__ import annotations

import random
from typing import Any

from detectors.events import Event
from support.core import call, exemption, licence_fact, ms, reg, tenant_fact

DAY = 86_400_000
START = ms("2026-01-05 00:00")


def abroad(licence: str = "101", days: int = 100, start: int = START) -> list[Event]:
    """Every day abroad, from two networks, with calls."""
    events: list[Any] = []
    for day in range(days):
        at = start + day * DAY + 9 * 3_600_000
        network = f"10.9.{day % 2}.0/24"
        events += [reg(at, "CH", licence=licence, network=network), reg(at + 2 * 3_600_000, "CH", licence=licence, network=network)]
        events += call(at + 3_600_000, 90, country="CH", licence=licence, network=network, phases=day % 2 == 0)
    return events


def dialler(licence: str = "102", calls: int = 260, start: int = START + 9 * 3_600_000) -> list[Event]:
    """One call every twenty seconds to distinct numbers, of which 15 % are answered."""
    events: list[Any] = []
    for i in range(calls):
        talk = 8 if i % 7 == 0 else None
        events += call(
            start + i * 20_000, talk, ring_s=5 if talk else 15, to=f"+3361{i * 7919 % 10_000_000:07d}", licence=licence, phases=i % 3 > 0
        )
    return events


def shared(licence: str = "103", days: int = 5, start: int = START) -> list[Event]:
    """Two people in two cities on one account, talking at the same time."""
    events: list[Any] = []
    for day in range(days):
        at = start + day * DAY + 10 * 3_600_000
        for device, network in (("lyon", "10.1.1.0/24"), ("lille", "10.1.2.0/24")):
            events.append(reg(at, licence=licence, device=device, network=network))
            events += call(
                at + 600_000, 300, licence=licence, device=device, network=network, to=f"+3361234{day}{len(device)}00", phases=True
            )
    return events


def centre(licences: tuple[str, ...] = ("104", "105", "106"), days: int = 12, start: int = START) -> list[Event]:
    """Ninety short sales calls a day, on working days, by each of three licences."""
    events: list[Any] = []
    for licence in licences:
        for day in range(days):
            if (day % 7) < 5:
                for i in range(90):
                    at = start + day * DAY + 9 * 3_600_000 + i * 280_000 + (i * i * 37) % 90_000
                    events += call(at, 150, licence=licence, to=f"+331{int(licence) % 10}{day:02d}{i:05d}")
    return events


def noise(seed: int, licences: tuple[str, ...] = ("101", "102", "107", "108"), events: int = 200) -> list[Event]:
    """Ordinary registrations and calls at random moments of ten days."""
    rng = random.Random(seed)
    found: list[Any] = []
    for _ in range(events):
        at, licence = START + rng.randrange(10 * DAY), rng.choice(licences)
        country = rng.choice(["FR", "FR", "FR", "ES", "GP"])
        device = rng.choice(["phone", "pc", None])
        if rng.random() < 0.5:
            action = rng.choice(["register", "refresh", "refresh", "unregister", "expire", "failed"])
            found.append(
                reg(at, country, licence=licence, device=device, action=action, cls=rng.choice(["access", "access", "mobile", "vpn"]))
            )
        else:
            talk = rng.choice([None, 3, 20, 400])
            number = f"+336{rng.randrange(40):08d}"
            direction = rng.choice(["outbound", "outbound", "inbound"])
            found += call(
                at, talk, licence=licence, device=device, country=country, to=number, direction=direction,
                phases=rng.random() < 0.5,
            )  # fmt: skip
    return found


def everything(seed: int = 1) -> list[Event]:
    """All of it, with facts and an exemption, in the total order."""
    facts: list[Event] = [
        tenant_fact(START - DAY, softphones_billed=3),
        exemption(START - DAY, ("call-centre",), "2026-01-01", "2026-01-07", "104"),
    ]
    facts += [licence_fact(START - DAY, f"{n}") for n in range(101, 108)]
    return [*facts, *abroad(), *dialler(), *shared(), *centre(), *noise(seed)]
