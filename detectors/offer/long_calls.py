"""What ``long-call`` remembers: calls over the notice limit of an episode, and how well each PBX tells the ends of its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.context import mask
from detectors.days import DAY, HOUR, SECOND
from detectors.offer.terms import utc
from detectors.plan import rule_state
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

RULE_ID = "long-call"
#: Long calls of one episode that are remembered, and shown: nobody makes as many in a day; a trunk's oldest are forgotten.
MOST_CALLS = 50


class Long(msgspec.Struct, array_like=True):
    """A call that passed the notice limit. ``ended`` 0: still up; ``level`` 1 notice, 2 breach; ``cost`` of what is off-plan."""

    key: str
    mark: Mark
    answered: int
    ended: int = 0
    level: int = 1
    cost: int = 0


class LongCallState(msgspec.Struct, array_like=True):
    """Calls of the episode that passed the notice limit, oldest first; empty for everybody else."""

    calls: list[Long] = []


class LongCallTenant(msgspec.Struct, array_like=True):
    """Of each PBX: ``ends``, the calls whose end it told, by hour; ``missing``, answers of calls that passed the limit without one.

    Kept for a customer and not for a PBX as a whole: a PBX serves many partitions, and what is said must not depend on how customers
    are spread over them; a licence alone has too few calls in a day for a share of 99 %.
    """

    ends: dict[str, dict[int, int]] = {}
    missing: dict[str, dict[str, int]] = {}


def shared(ctx: Context) -> LongCallTenant:
    """The customer's state, new when there is none."""
    found = ctx.tenant.rules.get(RULE_ID)
    if type(found) is LongCallTenant:
        return found
    state: LongCallTenant = rule_state(ctx.tenant.rules, RULE_ID, LongCallTenant)
    return state


def told_end(ctx: Context, pbx: str, ended: int, sign: int) -> None:
    """Count an end that a PBX told (``sign`` -1 takes it back)."""
    state, hour = ctx.tenant.rules.get(RULE_ID), ended // HOUR
    if type(state) is not LongCallTenant:
        state = shared(ctx)
    hours = state.ends.get(pbx)
    if hours is None:
        hours = state.ends[pbx] = {}
    if hour in hours:
        hours[hour] += sign
        return
    hours[hour] = max(0, sign)
    for old in [h for h in hours if h < hour - 24]:
        del hours[old]


def miss(ctx: Context, call: CallState, at: int) -> None:
    """Note at ``at`` that a call passed the limit and its PBX has told no end."""
    missing = shared(ctx).missing.setdefault(call.pbx, {})
    for old in [key for key, answered in missing.items() if answered <= at - DAY]:
        del missing[old]
    if call.answered is not None:
        missing[_name(ctx, call.key)] = call.answered


def found(ctx: Context, pbx: str, key: str) -> None:
    """The end came after all."""
    missing = shared(ctx).missing.get(pbx)
    if missing is not None and missing.pop(_name(ctx, key), None) is not None and not missing:
        del shared(ctx).missing[pbx]


def tells_ends(ctx: Context, call: CallState, at: int, percent: int) -> bool:
    """Whether a call's PBX told an end for that share of the customer's answered calls of the last 24 hours, this call aside.

    Calls below the limit may be up and count on neither side; a PBX that told no end at all is not trusted.
    """
    state = shared(ctx)
    ended = sum(n for hour, n in state.ends.get(call.pbx, {}).items() if hour > (at - DAY) // HOUR)
    own = _name(ctx, call.key)
    open_ = sum(1 for key, answered in state.missing.get(call.pbx, {}).items() if answered > at - DAY and key != own)
    return ended > 0 and ended * 100 >= percent * (ended + open_)


def _name(ctx: Context, key: str) -> str:
    return f"{ctx.licence.licence}\0{key}"


class LongShown(msgspec.Struct, frozen=True):
    """One bar: number (last four digits hidden), answer and end in UTC (end empty while it is up), seconds, those off-plan."""

    number: str
    answered: str
    ended: str
    seconds: int
    beyond_s: int


class LongCallFacts(msgspec.Struct, frozen=True):
    """What the screen plots: each long call of the episode as a bar against the limit."""

    #: Calls over the notice limit, oldest first, at most 50.
    calls: tuple[LongShown, ...]
    #: Seconds a call may last within the offer.
    included_s: int
    #: Whether the PBX tells the ends of its calls, so that a call without one is up.
    ends_are_told: bool


def facts(calls: list[Long], now: int, included_s: int, told: bool) -> LongCallFacts:
    """The bars of the calls remembered at ``now`` (ms)."""
    shown = []
    for call in calls:
        seconds = ((call.ended or now) - call.answered) // SECOND
        ended = utc(call.ended) if call.ended else ""
        shown.append(LongShown(mask(call.mark.number), utc(call.answered), ended, seconds, max(0, seconds - included_s)))
    return LongCallFacts(tuple(shown), included_s, told)
