"""A desk phone taken home from a site of five, and a site whose lines all have a new address."""

from __future__ import annotations

from typing import Any

from detectors.events import Event, Site
from support.core import licence_fact, ms, reg, tenant_fact

DAY = 86_400_000


def traffic() -> list[Event]:
    at = ms("2026-02-05 09:00")
    sites = (Site("lyon", ("192.0.2.0/24",)), Site("lille", ("198.51.100.0/25",)))
    events: list[Any] = [tenant_fact(at - 2, softphones_billed=3, sites=sites)]
    for n in range(5):
        events.append(licence_fact(at - 1, f"27{n}", type="desk_phone", site="lyon"))
        events += [reg(at + day * DAY, licence=f"27{n}", ip="203.0.113.9" if n == 0 else "192.0.2.10") for day in range(20)]
    for n in range(5, 8):
        events.append(licence_fact(at - 1, f"27{n}", type="fax", site="lille"))
        events += [reg(at + day * DAY, licence=f"27{n}", ip="203.0.113.77" if day > 2 else "198.51.100.1") for day in range(20)]
    return events
