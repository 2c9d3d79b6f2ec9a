"""Whom the limits of unlimited offers concern, and which calls such an offer includes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from detectors.coverage import NO_OFFER
from detectors.days import MINUTE, SECOND
from detectors.rule import Params

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: What an unlimited offer includes when the PBX does not say so (``in_plan`` absent; detectors.md, long-call).
IN_PLAN = frozenset({"fixed", "mobile", "intl_fixed_mobile"})


class MeteredParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Policy keys of the rules that meter. ``metering``: ``auto`` writes records as calls end, ``review`` leaves it to a person."""

    restrictions: tuple[str, ...] = ()
    metering: Literal["auto", "review"] = "auto"


def in_plan(call: CallState) -> bool:
    """Whether a call that the licence placed is one its offer includes, as the PBX says or else by the number's class."""
    if call.direction != "outbound":
        return False
    return call.dest.cls in IN_PLAN if call.in_plan is None else call.in_plan


def unlimited(ctx: Context) -> bool:
    """Whether the licence has an unlimited offer: its own, else its customer's.

    An offer that nobody stated is not covered: nothing is judged or metered, and the licence is counted once (``offer_unknown``).
    """
    licence = ctx.licence
    offer: str | None = licence.plan.offer
    if offer is None and not licence.seen & NO_OFFER:
        licence.seen |= NO_OFFER
        counts = ctx.partition.counts
        counts["offer_unknown"] = counts.get("offer_unknown", 0) + 1
    return offer == "unlimited"


def cost_of(call: CallState, talk: int) -> int:
    """What ``talk`` milliseconds of a call cost by its rate, in thousandths of a cent, without its setup."""
    return call.dest.rate * talk // MINUTE


def utc(at: int) -> str:
    """An instant (ms) for the screen, to the second.

    >>> utc(1_772_434_800_000)
    '2026-03-02T07:00:00Z'
    """
    return f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"
