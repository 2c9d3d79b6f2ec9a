"""Phones known by sight: nearly half of all events are one that registers again, from home, on the day it did so before.

Nothing changes then but when it was last registered, and what such an event costs is the way to it: licence, plan, states and
their dictionaries are 35 cache lines of 20 KB that no cache holds (10 µs, of which 4 are waiting). A phone known by sight is found
by its id alone, and with it the records that such a registration changes.

It is no state: it may be forgotten at any time, and is after a restart. The next registration is then looked at in full and comes
to the same, which a property test compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detectors.days import HOUR
from detectors.location import evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from detectors.context import Context
    from detectors.events import Registration
    from detectors.plan import Plan

#: Phones of a licence known at once: a person has a telephone, a tablet and a PC.
MOST_PHONES = 4
#: Phones known in a partition, 0.4 KB each; a phone that makes up an id each time would fill the memory.
MOST_KNOWN = 100_000
#: A rule's record of a phone, and what does to it what ``registration`` would.
Kept = tuple[Any, "Callable[[Any, Registration], None]"]


class Phone:
    """A phone that registered from home on a day, under a name that is no desk phone's.

    Until that day's ``end`` (0 once it must be looked at again) another registration like it changes only the records ``kept``.
    """

    __slots__ = ("address", "agent", "begin", "end", "kept", "licence", "tenant", "zone")

    def __init__(self, event: Registration, day: tuple[int, int], zone: tuple[str, ...], kept: tuple[Kept, ...]) -> None:
        self.tenant, self.licence, self.address, self.agent = event.tenant, event.licence, event.source_ip, event.user_agent
        self.begin, self.end = day
        self.zone, self.kept = zone, kept

    def says_again(self, event: Registration) -> bool:
        """Take a registration that is like the one before; False leaves it, untouched, to be looked at in full."""
        at, loc = event.time, event.loc
        if (
            not self.begin <= at < self.end
            or event.licence != self.licence
            or event.tenant != self.tenant
            or event.source_ip != self.address
            or event.user_agent != self.agent
            or (event.action != "refresh" and event.action != "register")
            or loc is None
            or loc.cls != "access"
            or loc.country not in self.zone
            or (event.until is not None and event.until >= self.end)
            or event.late_ms > HOUR
        ):
            return False
        for record, again in self.kept:
            again(record, event)
        return True


def remember(phones: dict[str | None, Phone], ctx: Context, plan: Plan, event: Registration) -> None:
    """Know the phone of a registration that has just been looked at in full, when there is nothing to see in the next one.

    Args:
        phones: those known, by id.
        ctx: the licence's turn.
        plan: of the licence.
        event: the registration, no desk phone's.
    """
    if not event.device or event.source_ip is None or ctx.licence.fact is None or event.late_ms > HOUR or not evidence.at_home(ctx, event):
        return
    kept = []
    for detector, i in plan.outline.sights or ():
        record = detector.sight(ctx, plan.states[i], ctx.merged.rules[detector.rule], event.device)
        if record is None:
            return
        kept.append((record, detector.registered_again))
    if len(plan.phones) >= MOST_PHONES:
        plan.look_again()
    if len(phones) >= MOST_KNOWN:
        phones.clear()
    phone = phones[event.device] = Phone(event, ctx.clock.bounds(ctx.today), plan.home_zone, tuple(kept))
    plan.phones.append(phone)
