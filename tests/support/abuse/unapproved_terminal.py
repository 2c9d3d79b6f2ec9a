"""A gateway registers on four days on a line of a customer with a list; another licence changes its name each time."""

from __future__ import annotations

from typing import Any

from detectors.events import Event
from support.core import licence_fact, ms, reg, tenant_fact

DAY = 86_400_000


def traffic() -> list[Event]:
    at = ms("2026-02-04 09:00")
    events: list[Any] = [
        tenant_fact(at - 2, softphones_billed=3, approved_user_agents=("Linphone*", "Yealink *")),
        licence_fact(at - 1, "261", type="desk_phone"),
        licence_fact(at - 1, "262"),
    ]
    for day in range(4):
        events += [reg(at + day * DAY, licence="261", agent="GoIP-8"), reg(at + day * DAY + 60_000, licence="261", agent="Yealink SIP-T46")]
        events += [reg(at + day * DAY + 1_000 * n, licence="262", agent=f"pjsua-{day}-{n}") for n in range(5)]
    return events
