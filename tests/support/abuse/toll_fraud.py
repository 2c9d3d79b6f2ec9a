"""A customer with weeks of ordinary calls, then bursts to destinations it never called: traffic of ``toll-fraud``."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import call, licence_fact, ms, tenant_fact

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = ms("2026-01-05 00:00")
BURST = ms("2026-03-03 10:00")


def office(licence: str = "231", days: int = 60, tenant: str = "acme", start: int = START, hours: range = range(8, 19)) -> list[Event]:
    """A call in every working hour of every day, and one to Senegal at noon."""
    events: list[Any] = []
    for day in range(days):
        for hour in hours:
            events += call(start + day * DAY + hour * HOUR + 7 * MINUTE, 120, licence=licence, tenant=tenant, to=f"+3314000{hour:04}")
        events += call(
            start + day * DAY + 12 * HOUR, 240, licence=licence, tenant=tenant, to="+221771234567", to_cls="intl_fixed_mobile", rate=30_000
        )
    return events


def german(licence: str = "232", at: int = BURST, calls: int = 4, talk_s: float | None = None, **fields: Any) -> list[Event]:
    """One new German customer, tried every ten minutes."""
    events: list[Any] = []
    for n in range(calls):
        events += call(
            at + n * 10 * MINUTE, talk_s, ring_s=20, licence=licence, to="+49301234567", to_cls="intl_fixed_mobile", rate=30_000,
            **({"phases": True} | fields),
        )  # fmt: skip
    return events


def pumped(licence: str = "233", at: int = BURST - 7 * HOUR, calls: int = 8, **fields: Any) -> list[Event]:
    """Satellite numbers every three minutes, at three in the morning, five minutes each."""
    events: list[Any] = []
    for n in range(calls):
        to, how = f"+88161234{n:04}", {"phases": True} | fields
        events += call(at + n * 3 * MINUTE, 300, licence=licence, to=to, to_cls="satellite", rate=500_000, **how)
    return events


def long_calls(licence: str = "234", at: int = BURST + 2 * DAY, **fields: Any) -> list[Event]:
    """Two calls to a new country that last for hours, side by side."""
    events: list[Any] = []
    for n in range(2):
        events += call(
            at + n * MINUTE, 7_000, licence=licence, to=f"+4420712345{n:02}", to_cls="intl_fixed_mobile", rate=30_000,
            **({"phases": True} | fields),
        )  # fmt: skip
    return events


def traffic() -> list[Event]:
    """A notice, a breach of the class, one of the money of calls that are up, and one of CDRs; each on a licence of its own."""
    facts: list[Event] = [tenant_fact(START - DAY, softphones_billed=20)]
    facts += [licence_fact(START - DAY, f"{n}") for n in range(231, 236)]
    return [*facts, *office(), *german(), *pumped(), *long_calls(), *pumped("235", BURST + 3 * DAY, 30, phases=False)]
