"""What a customer is used to: the ranges its licences call, the hours they call at, the money their calls cost.

Fraud must not make itself usual. So a range is known only when its first answered call is ``learn_days`` old (test calls precede
an attack by half an hour to a day), calls of a licence in breach teach nothing and what its burst taught is taken back, a call to
a new range teaches no hour, and the day that runs is no part of the best hour or day it is compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.days import HOUR, MINUTE, DayClock, day_clock, weekday
from detectors.events import HIGH_RISK, SURCHARGED
from detectors.plan import rule_state
from detectors.ranges import code_of, range_of
from detectors.tolls.params import DEFAULTS, MOST_WEEKS, TollFraudParams

if TYPE_CHECKING:
    from detectors.context import Context

RULE_ID = "toll-fraud"
#: Ranges remembered of one customer, some 18 bytes each; a call centre for all of Germany was seen to use 300 (simulated).
MOST_RANGES = 1_024
HOURS_OF_WEEK = 7 * 24
#: A call is looked up in the week once a quarter of an hour: zones differ by quarters, so no hour is missed.
QUARTER = 15 * MINUTE
#: The ring of weeks: the current one and those before it, one bit each.
WEEKS = MOST_WEEKS + 1
#: Classes that are at home or abroad by their number; the surcharged ones can be new anywhere, all others never.
BY_PLACE = frozenset({"fixed", "mobile", "intl_fixed_mobile"})


class TollTenant(msgspec.Struct, array_like=True):
    """State of a customer.

    ``since``: day of its first call; ``ranges`` and ``codes``: first and last day of answered calls to each; ``hours``: for each
    hour of the week the weeks with a call (bit ``week % 8``), none older than seven before ``week``; ``noted_from``, ``noted_until``:
    the quarter of an hour last noted; ``spent``: cost of the calls that ended on ``day`` by hour of the epoch, in thousandths of
    a cent; ``days``: best hour and sum of each day before it.
    """

    since: int = -1
    ranges: dict[str, list[int]] = {}
    codes: dict[str, list[int]] = {}
    hours: bytearray = msgspec.field(default_factory=lambda: bytearray(HOURS_OF_WEEK))
    week: int = -1
    noted_from: int = 0
    noted_until: int = 0
    day: int = -1
    spent: dict[int, int] = {}
    days: dict[int, list[int]] = {}


def history(ctx: Context) -> TollTenant:
    """The customer's state, new when there is none."""
    found = ctx.tenant.rules.get(RULE_ID)
    if type(found) is TollTenant:
        return found
    state: TollTenant = rule_state(ctx.tenant.rules, RULE_ID, TollTenant)
    return state


def params(ctx: Context) -> TollFraudParams:
    """The limits in force, for rules other than ``toll-fraud`` itself."""
    found = ctx.merged.rules.get(RULE_ID, DEFAULTS)
    return found if isinstance(found, TollFraudParams) else DEFAULTS


# -- destinations ----------------------------------------------------------------------------------------------------


def outside(ctx: Context, e164: str, cls: str) -> bool:
    """Whether a number is one that may be new to a customer: outside its home zone, or of a surcharged class.

    At home are the policy's ``home_prefixes`` and the customer's own ``calling_code``. Free, internal and invalid numbers never are
    new.
    """
    if cls in BY_PLACE:
        return not at_home(ctx, e164)
    return cls in SURCHARGED


def at_home(ctx: Context, e164: str) -> bool:
    """Whether a number is one of the home zone or of the customer's own country; what has no ``+`` is."""
    if e164[:1] != "+" or e164.startswith(ctx.merged.general.home_prefixes):
        return True
    fact = ctx.tenant.fact
    return fact is not None and code_of(e164) == str(fact.calling_code)


def novel(ctx: Context, e164: str, cls: str) -> bool:
    """Whether a called number is of a range, or country, new to the customer, before this call is recorded.

    New is what was not called for ``memory_days`` or first called less than ``learn_days`` ago. During the customer's first
    ``history_days`` only high-risk classes can be new. A known range is always one of a known country.

    Args:
        ctx: the turn of the licence that calls.
        e164: the number as stamped (``+`` and digits, or a short code).
        cls: its class as stamped.
    """
    if not outside(ctx, e164, cls):
        return False
    if cls not in HIGH_RISK and not has_history(ctx):
        return False
    return not known(ctx, e164)


def has_history(ctx: Context) -> bool:
    """Whether enough days of the customer's calls were seen to say what is new."""
    since = history(ctx).since
    return since >= 0 and ctx.clock.day_of(ctx.now) - since >= params(ctx).history_days


def known(ctx: Context, e164: str) -> bool:
    """Whether a number's range is known, whatever its class and however short the history."""
    return _stands(ctx, history(ctx).ranges.get(range_of(e164)))


def country_known(ctx: Context, e164: str) -> bool:
    """Whether a number's calling code is known."""
    return _stands(ctx, history(ctx).codes.get(code_of(e164)))


def _stands(ctx: Context, span: list[int] | None) -> bool:
    if span is None:
        return False
    p, today = params(ctx), ctx.clock.day_of(ctx.now)
    return span[0] <= today - p.learn_days and span[1] >= today - p.memory_days


def learn(ctx: Context, e164: str, day: int) -> None:
    """Record an answered call to a number on a day."""
    state, memory = history(ctx), params(ctx).memory_days
    _use(state.ranges, range_of(e164), day, memory)
    _use(state.codes, code_of(e164), day, memory)


def _use(seen: dict[str, list[int]], name: str, day: int, memory: int) -> None:
    span = seen.get(name)
    if span is None or day - span[1] > memory:
        seen[name] = [day, day]
        if len(seen) > MOST_RANGES:
            del seen[min(seen, key=lambda one: (seen[one][1], one))]
    elif day > span[1]:
        span[1] = day


def unlearn(ctx: Context, numbers: list[str]) -> None:
    """Take back ranges (given as such) that became known from a burst alone: what is not settled yet is forgotten."""
    state, after = history(ctx), ctx.clock.day_of(ctx.now) - params(ctx).learn_days
    for name in numbers:
        for seen, key in ((state.ranges, name), (state.codes, code_of(name))):
            span = seen.get(key)
            if span is not None and span[0] > after:
                del seen[key]


# -- hours -----------------------------------------------------------------------------------------------------------


def note_hour(ctx: Context, state: TollTenant, at: int) -> None:
    """Remember that the customer placed a call in this hour of the week."""
    clock = _clock(ctx)
    day = clock.day_of(at)
    state.noted_from = at - at % QUARTER
    state.noted_until = state.noted_from + QUARTER
    if state.since < 0 or day < state.since:
        state.since = day
    week = _week(day)
    if week > state.week:
        _advance(state, week)
    if week > state.week - WEEKS:
        state.hours[weekday(day) * 24 + clock.hour_of(at)] |= 1 << week % WEEKS


def quiet(ctx: Context, at: int, weeks: int) -> bool:
    """Whether the customer placed no call in this hour of the week during so many weeks before this one."""
    return not _weeks_with_calls(history(ctx), hour_of_week(ctx, at), _week(_clock(ctx).day_of(at)), weeks)


def usual_hours(ctx: Context, at: int, weeks: int) -> list[int]:
    """For each hour of the week, Monday 00:00 first, in how many of the weeks before this one the customer placed a call."""
    state, week = history(ctx), _week(_clock(ctx).day_of(at))
    return [_weeks_with_calls(state, hour, week, weeks) for hour in range(HOURS_OF_WEEK)]


def hour_of_week(ctx: Context, at: int) -> int:
    """Hour of the week in the customer's time zone, 0 for Monday 00:00 to 01:00."""
    clock = _clock(ctx)
    return weekday(clock.day_of(at)) * 24 + clock.hour_of(at)


def _weeks_with_calls(state: TollTenant, hour: int, week: int, weeks: int) -> int:
    bits = state.hours[hour]
    return sum(bits >> past % WEEKS & 1 for past in range(week - weeks, week) if state.week - WEEKS < past <= state.week)


def _advance(state: TollTenant, week: int) -> None:
    """Clear the bits of the weeks whose places are used again."""
    keep = 0
    for past in range(week - WEEKS + 1, state.week + 1):
        keep |= 1 << past % WEEKS
    state.hours = bytearray(bits & keep for bits in state.hours)
    state.week = week


def _week(day: int) -> int:
    return (day + 3) // 7


def _clock(ctx: Context) -> DayClock:
    fact = ctx.tenant.fact
    return ctx.clock if fact is None or fact.time_zone == ctx.clock.zone else day_clock(ctx.billing.zone)


# -- money -----------------------------------------------------------------------------------------------------------


def spend(ctx: Context, state: TollTenant, at: int, cost: int) -> None:
    """Add the cost of a call that ended at ``at`` (thousandths of a cent) to its hour and day."""
    hour = at // HOUR
    if hour in state.spent:
        state.spent[hour] += cost
        return
    day = ctx.clock.day_of(at)
    if day > state.day:
        if state.spent:
            state.days[state.day] = [max(state.spent.values()), sum(state.spent.values())]
        state.day, state.spent = day, {}
        for old in [old for old in state.days if old < day - 7 * MOST_WEEKS]:
            del state.days[old]
    if day == state.day:
        state.spent[hour] = cost
    elif day in state.days:
        # Told a day late: its hour is no longer known by itself.
        state.days[day][1] += cost


def best(ctx: Context, at: int, days: int) -> tuple[int, int]:
    """The customer's dearest hour and dearest day of the ``days`` before the one of ``at``, in thousandths of a cent."""
    state, today = history(ctx), ctx.clock.day_of(at)
    rows = [row for day, row in state.days.items() if today - days <= day < today]
    if today - days <= state.day < today and state.spent:
        rows.append([max(state.spent.values()), sum(state.spent.values())])
    return max((row[0] for row in rows), default=0), max((row[1] for row in rows), default=0)
