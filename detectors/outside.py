"""Which calls leave the house, and how a trunk's limits grow: shared by the rules that count calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.events import EMERGENCY, INTERNAL, Call

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: Calls inside the customer's own system, and emergency calls, are never counted (detectors: emergency calls feed no rule).
INSIDE = frozenset({INTERNAL, EMERGENCY})


def goes_out(call: CallState) -> bool:
    """Whether a call of the licence goes to an outside number."""
    return call.direction == "outbound" and call.dest.cls not in INSIDE


def comes_in(ctx: Context, call: CallState) -> bool:
    """Whether a call comes from outside: a colleague's call is inbound for its callee too, and is told by its event."""
    return call.direction == "inbound" and not (type(ctx.event) is Call and ctx.event.direction == "internal")


def channels_of(ctx: Context) -> int:
    """By how much the counts of a licence are multiplied: the channels of a trunk, else 1."""
    fact = ctx.licence.fact
    return max(1, fact.channels) if fact is not None and fact.type == "trunk" else 1
