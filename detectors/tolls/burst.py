"""Calls of one licence to destinations new to its customer: how many, how many at once, and what they cost, also while they last.

Money is counted in thousandths of a cent times 60,000 (rate per minute times milliseconds): it stays an integer, and the instant
at which the calls that are up will cross a limit can be computed instead of looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.days import DAY, HOUR, MINUTE
from detectors.tolls.params import MOST_HITS

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.tolls.params import TollFraudParams


class Hit(msgspec.Struct, array_like=True):
    """A call to a new destination.

    ``answered`` and ``ended`` are 0 when they did not happen (yet); ``rate`` and ``setup`` in thousandths of a cent; ``risky``: of a
    high-risk class; ``quiet``: in an hour of the week the customer does not call at; ``country``: the country is new as well.
    """

    start: int
    range: str
    cls: str
    rate: int = 0
    setup: int = 0
    answered: int = 0
    ended: int = 0
    risky: bool = False
    quiet: bool = False
    country: bool = False
    diverted: bool = False


class TollFraudState(msgspec.Struct, array_like=True):
    """State of a licence; empty while nothing new is called.

    ``up``: calls that are up, by key; ``hits``: ended ones of the last day; ``older``: cost of those dropped from a full list, by hour
    of the epoch, in thousandths of a cent; ``burst``: when so many attempts or calls at once were last seen.
    """

    up: dict[str, Hit] = {}
    hits: list[Hit] = []
    older: dict[int, int] = {}
    burst: int = 0


Span = tuple[int, int, int, int]


def prune(ctx: Context, s: TollFraudState, now: int) -> None:
    """Forget what ended a day ago, and calls whose end never came once the tracker has given them up."""
    if s.up:
        for key in [key for key in s.up if key not in ctx.licence.calls.up]:
            del s.up[key]
    if s.hits and s.hits[0].ended <= now - DAY:
        s.hits = [hit for hit in s.hits if hit.ended > now - DAY]
    if s.older:
        s.older = {hour: cost for hour, cost in s.older.items() if hour * HOUR > now - DAY}


def add(s: TollFraudState, hit: Hit) -> None:
    """Keep an ended call, in the order of ends; from a full list the oldest goes, and its cost is kept by the hour."""
    place = len(s.hits)
    while place and s.hits[place - 1].ended > hit.ended:
        place -= 1
    s.hits.insert(place, hit)
    if len(s.hits) > MOST_HITS:
        old = s.hits.pop(0)
        hour = old.ended // HOUR
        s.older[hour] = s.older.get(hour, 0) + cost(old, old.ended)


def everything(ctx: Context, s: TollFraudState, now: int) -> list[tuple[Hit, int]]:
    """All calls remembered, each with the instant from which it is no longer up; a lost end is not waited for."""
    found = [(hit, hit.ended) for hit in s.hits]
    for key, hit in s.up.items():
        call = ctx.licence.calls.up.get(key)
        if call is not None:
            found.append((hit, max(hit.start, min(now + 1, call.counts_until()))))
    return found


def cost(hit: Hit, until: int) -> int:
    """Cost of a call so far, in thousandths of a cent."""
    return hit.setup + hit.rate * max(0, until - hit.answered) // MINUTE if hit.answered else 0


class Densest(msgspec.Struct, frozen=True):
    """A window at its fullest: ``attempts`` that began in it, most calls ``at_once``, and the ``calls`` that were up in it."""

    attempts: int
    at_once: int
    calls: list[Hit]


def densest(calls: list[tuple[Hit, int]], first: int, window: int) -> Densest:
    """The fullest window (x - window, x] over all calls that begin at an x in [first, first + window).

    A window is at its fullest when a call begins. ``first`` is the begin of the call that is news: a CDR tells of it when others that
    began later are known already.
    """
    found, best_key, side_by_side = Densest(0, 0, []), (0, 0), 0
    for at in [hit.start for hit, _ in calls if first <= hit.start < first + window]:
        attempts = sum(at - window < hit.start <= at for hit, _ in calls)
        side_by_side = max(side_by_side, sum(hit.start <= at < until for hit, until in calls))
        if (attempts, at) > best_key:
            best_key = (attempts, at)
            found = Densest(attempts, 0, [hit for hit, until in calls if hit.start <= at and until > at - window])
    return Densest(found.attempts, side_by_side, found.calls)


# -- money -----------------------------------------------------------------------------------------------------------


def spans(ctx: Context, s: TollFraudState) -> list[Span]:
    """Answered calls as (answer, the latest instant it can count until, rate, setup)."""
    found: list[Span] = [(hit.answered, hit.ended, hit.rate, hit.setup) for hit in s.hits if hit.answered]
    for key, hit in s.up.items():
        call = ctx.licence.calls.up.get(key)
        if hit.answered and call is not None:
            found.append((hit.answered, max(hit.answered, call.counts_until()), hit.rate, hit.setup))
    return found


def spent(calls: list[Span], now: int, window: int) -> int:
    """Cost in (now - window, now], in thousandths of a cent times 60,000.

    >>> spent([(0, 120_000, 30_000, 500)], 60_000, 3_600_000) // 60_000
    30500
    """
    total, old = 0, now - window
    for start, end, rate, setup in calls:
        total += rate * max(0, min(end, now) - max(start, old))
        if old < start <= now:
            total += setup * MINUTE
    return total


def crossing(calls: list[Span], now: int, window: int, limit: int) -> int | None:
    """The first instant at or after ``now`` at which the cost in the trailing window is above ``limit``, if no call ends before.

    Args:
        calls: those that count; ends in the future are where they would stop counting.
        now: where to begin.
        window: length of the window, in milliseconds.
        limit: thousandths of a cent times 60,000.

    A call of 3 € a minute costs more than 15 € a millisecond after five minutes:

    >>> crossing([(0, 7_200_000, 300_000, 0)], 60_000, 3_600_000, 1_500_000 * 60_000)
    300001
    """
    value = spent(calls, now, window)
    if value > limit:
        return now
    # Between two of these instants the sum grows or falls evenly.
    turns: dict[int, list[int]] = {}
    slope = 0
    for start, end, rate, setup in calls:
        if start <= now < end:
            slope += rate
        if start <= now - window < end:
            slope -= rate
        for at, turn, drop in ((end, -rate, 0), (start + window, -rate, setup * MINUTE), (end + window, rate, 0)):
            if at > now:
                turned = turns.setdefault(at, [0, 0])
                turned[0] += turn
                turned[1] += drop
    for at in sorted(turns):
        if slope > 0 and value + slope * (at - now) > limit:
            return now + (limit - value) // slope + 1
        value += slope * (at - now) - turns[at][1]
        slope += turns[at][0]
        now = at
    return None


def next_crossing(ctx: Context, s: TollFraudState, p: TollFraudParams, now: int, limits: tuple[int, int]) -> int | None:
    """When the calls that are up will cost more than a limit (thousandths of a cent) in 60 minutes or in 24 hours."""
    if not any(hit.answered and hit.rate for hit in s.up.values()):
        return None
    calls, kept = spans(ctx, s), sum(s.older.values())
    found = [
        crossing(calls, now, HOUR, limits[0] * MINUTE),
        crossing(calls, now, DAY, (limits[1] - kept) * MINUTE),
    ]
    return min((at for at in found if at is not None), default=None)
