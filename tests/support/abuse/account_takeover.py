"""A siege of one account, a password tried on many, and a break-in that calls satellites: traffic of ``account-takeover``."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import call, licence_fact, ms, reg

MINUTE = 60_000
DAY = 86_400_000
START = ms("2026-02-02 08:00")
STRANGER = "10.77.1.0/24"


def siege(licence: str = "291", at: int = START, failures: int = 90) -> list[Event]:
    """One failure a few seconds after another, from three addresses."""
    tried: dict[str, Any] = {"licence": licence, "action": "failed", "device": None}
    return [
        reg(at + n * 5_000, **tried, agent=f"tool{n % 4}", ip=f"10.77.{n % 3}.9", network=f"10.77.{n % 3}.0/24") for n in range(failures)
    ]


def spray(licences: range = range(291, 299), at: int = START + DAY, rounds: int = 8) -> list[Event]:
    """One password after another on each account, from one network that nobody uses."""
    found: list[Event] = []
    for n in range(rounds * len(licences)):
        licence = str(licences[n % len(licences)])
        found.append(
            reg(at + n * 20_000, licence=licence, action="failed", device=None, agent="PBX 1.0", ip="10.78.0.4", network="10.78.0.0/24")
        )
    return found


def break_in(licence: str = "292", at: int = START + 3 * DAY, calls: int = 9) -> list[Event]:
    """Failures, a success by a phone never seen, and calls to satellites."""
    found: list[Any] = [
        reg(at + n * 20_000, licence=licence, action="failed", device="thief", ip="10.79.0.4", network="10.79.0.0/24") for n in range(5)
    ]
    found.append(reg(at + 3 * MINUTE, licence=licence, action="register", device="thief", ip="10.79.0.4", network="10.79.0.0/24"))
    for n in range(calls):
        start = at + (10 + 7 * n) * MINUTE
        found += call(
            start, 300, licence=licence, device="thief", network="10.79.0.0/24", to=f"+88161234{n:04d}", to_cls="satellite",
            rate=500_000, phases=n % 2 == 0,
        )  # fmt: skip
    return found


def traffic() -> list[Event]:
    """All of it, over accounts that are used at home every day, and one new phone abroad."""
    licences = range(291, 299)
    found: list[Event] = [licence_fact("2026-01-04", str(n)) for n in licences]
    for day in range(40):
        found += [
            reg(START - 25 * DAY + day * DAY + n * MINUTE, licence=str(n), device=f"own-{n}", network="10.70.0.0/24") for n in licences
        ]
    found.append(reg(START + 2 * DAY, "CH", licence="297", device="new", network="10.80.0.0/24", action="register"))
    return [*found, *siege(), *spray(), *break_in()]
