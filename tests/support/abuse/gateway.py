"""Traffic for ``gateway``: a relay under its callers' numbers, strangers side by side, a platform of diversions, a follow-me."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import call, licence_fact, ms

DAY, HOUR, MINUTE, SECOND = 86_400_000, 3_600_000, 60_000, 1_000
START = ms("2026-02-02 00:00")
LICENCES = ("221", "222", "223", "224")


def traffic() -> list[Event]:
    """All of it, with the facts it needs."""
    events: list[Any] = [licence_fact(START - DAY, name, numbers=(f"+3319000{name}0",)) for name in LICENCES]
    for n in range(40):
        at, caller, phases = START + 9 * HOUR + n * 20 * MINUTE, f"+3361200{n:04}", n % 3 > 0
        events += call(at, 103, licence="221", direction="inbound", caller=caller, phases=phases)
        events += call(at + 3 * SECOND, 100, licence="221", to=f"+22177{n:07}", presented=caller, phases=phases)
    for n in range(12):
        at = START + 30 * HOUR + n // 4 * HOUR + n % 4 * MINUTE
        events += call(at, 600, licence="222", to=f"+3362{n:07}", presented=f"0170000{n % 4:03}", phases=n < 6)
    for day in range(6):
        for n in range(60):
            at = START + day * DAY + n * 23 * MINUTE
            events += call(at, 40, licence="223", to=f"+3363{day}{n * 7919 % 1_000_000:06}", diverted_by="223", phases=n % 2 == 0)
            events += call(at + 5 * MINUTE, 30, licence="224", to=f"+3364000000{n % 3}", diverted_by="224", presented="+33999000999")
    return events
