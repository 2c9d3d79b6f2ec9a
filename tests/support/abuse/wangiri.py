"""Rings that want to be called back, placed by a licence and aimed at a customer: traffic of ``wangiri``."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import call, licence_fact, ms, tenant_fact

MINUTE, DAY = 60_000, 86_400_000
START = ms("2026-02-16 09:00")


def ringer(licence: str = "241", at: int = START, calls: int = 130, every_s: int = 25, ring_s: float = 4, **fields: Any) -> list[Event]:
    """One number after another, hung up after a ring."""
    events: list[Any] = []
    for n in range(calls):
        to = f"+336{n * 7919:08}"
        how = {"phases": n % 2 == 0, "ended_by": "caller"} | fields
        events += call(at + n * every_s * 1000, None, ring_s=ring_s, licence=licence, to=to, **how)
    return events


def bait(licences: range = range(242, 248), at: int = START + DAY, origin: str = "+25261234", **fields: Any) -> list[Event]:
    """A short missed call on each licence, from one range."""
    events: list[Any] = []
    for n, licence in enumerate(licences):
        events += call(
            at + n * 10 * MINUTE, None, ring_s=3, licence=str(licence), direction="inbound", caller=f"{origin}{n:04}", to="",
            **({"phases": True, "ended_by": "caller"} | fields),
        )  # fmt: skip
    return events


def call_back(licence: str = "242", at: int = START + DAY + 90 * MINUTE, to: str = "+252612340001") -> list[Event]:
    """Somebody calls back."""
    return list(call(at, 200, licence=licence, to=to, to_cls="intl_fixed_mobile", rate=30_000, phases=True))


def traffic() -> list[Event]:
    """A ringer from the notice to twice the breach, and a customer that was baited."""
    facts: list[Event] = [tenant_fact(START - DAY, softphones_billed=20)]
    facts += [licence_fact(START - DAY, f"{n}") for n in range(241, 248)]
    return [*facts, *ringer(), *bait(), *call_back()]
