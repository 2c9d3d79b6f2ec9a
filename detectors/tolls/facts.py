"""What a ``toll-fraud`` alert shows and says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from detectors.days import DAY, HOUR, SECOND
from detectors.money import MILLICENTS
from detectors.ranges import code_of
from detectors.tolls.burst import Hit, cost
from detectors.tolls.history import hour_of_week, usual_hours

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.tolls.params import TollFraudParams

#: Destinations shown; the rest is summed up in ``more``. Forty bars fill a screen, and 128 would be 20 KB.
MOST_SHOWN = 40
NAMES = {
    "satellite": "satellite", "intl_premium": "international premium", "operator_risk": "on the operator's risk list",
    "premium": "premium", "short_paid": "paid short code", "shared_cost": "shared cost",
}  # fmt: skip


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of the last 24 hours to one new range; ``code`` is its calling code, ``new`` whether the country is new too."""

    range: str
    code: str
    cls: str
    new: Literal["range", "country"]
    attempts: int
    answered: int
    seconds: int
    cents: int


class TollFraudFacts(msgspec.Struct, kw_only=True):
    """What the screen plots: destinations as bars, the attempts on the hours the customer is used to, and money on its limits."""

    destinations: list[Destination]
    """New ranges of the last 24 hours, dearest first, then by attempts and range."""
    more: int
    """New ranges that are not shown."""
    attempts_per_hour: list[int]
    """Attempts to new ranges in each of the last 24 hours, oldest first; the last one ends now."""
    usual_hours: list[int]
    """For each hour of the week, Monday 00:00 first in the customer's time zone, in how many of the last weeks it placed a call."""
    hour_of_week: int
    """The hour of the week in which the latest of these calls began (0 to 167)."""
    signs: list[str]
    """What made the burst a breach: any of ``high-risk``, ``quiet hour``, ``money in 60 minutes``, ``money in 24 hours``, ``ranges``."""
    attempts: int
    """Attempts to new ranges in the sliding window of the burst."""
    at_once: int
    """Most of them up at the same time."""
    hour_cents: int
    """What they cost in the last 60 minutes, calls still up included."""
    hour_limit_cents: int
    """Its limit: the higher of the policy's amount and a multiple of the customer's dearest hour."""
    day_cents: int
    """What they cost in the last 24 hours, calls still up included."""
    day_limit_cents: int
    """Its limit, from the customer's dearest day."""
    history_days: int
    """Days of calls the customer's habits were learned from."""


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured at an instant: money in thousandths of a cent; ``ranges``: new ranges called in the window."""

    attempts: int
    at_once: int
    ranges: int
    hour_spent: int
    hour_limit: int
    day_spent: int
    day_limit: int
    signs: list[str]
    history_days: int


def facts(ctx: Context, p: TollFraudParams, calls: list[tuple[Hit, int]], burst: Burst) -> TollFraudFacts:
    """Facts of an alert; ``calls`` as ``burst.everything`` gives them."""
    now, hours = ctx.now, [0] * 24
    bars: dict[str, list[int]] = {}
    first: dict[str, Hit] = {}
    for hit, until in calls:
        until = min(until, now)
        bar = bars.setdefault(hit.range, [0, 0, 0, 0])
        first.setdefault(hit.range, hit)
        bar[0] += 1
        if hit.answered:
            bar[1] += 1
            bar[2] += max(0, until - hit.answered)
            bar[3] += cost(hit, until)
        if now - DAY < hit.start <= now:
            hours[23 - (now - hit.start) // HOUR] += 1
    shown = sorted(bars, key=lambda name: (-bars[name][3], -bars[name][0], name))
    latest = max(hit.start for hit, _ in calls)
    return TollFraudFacts(
        destinations=[
            Destination(
                range=name,
                code=code_of(name),
                cls=first[name].cls,
                new="country" if first[name].country else "range",
                attempts=bars[name][0],
                answered=bars[name][1],
                seconds=bars[name][2] // SECOND,
                cents=bars[name][3] // MILLICENTS,
            )
            for name in shown[:MOST_SHOWN]
        ],
        more=max(0, len(shown) - MOST_SHOWN),
        attempts_per_hour=hours,
        usual_hours=usual_hours(ctx, now, p.baseline_days // 7),
        hour_of_week=hour_of_week(ctx, latest),
        signs=burst.signs,
        attempts=burst.attempts,
        at_once=burst.at_once,
        hour_cents=burst.hour_spent // MILLICENTS,
        hour_limit_cents=burst.hour_limit // MILLICENTS,
        day_cents=burst.day_spent // MILLICENTS,
        day_limit_cents=burst.day_limit // MILLICENTS,
        history_days=burst.history_days,
    )


def summary(p: TollFraudParams, calls: list[tuple[Hit, int]], burst: Burst) -> str:
    """One sentence with the numbers."""
    names = sorted({hit.range for hit, _ in calls})
    what = f"{len(calls)} calls in 24 hours to {len(names)} range{'s' if len(names) > 1 else ''} new to the customer ({_some(names)})"
    what += f", {burst.attempts} of them in {p.attempts_minutes} minutes"
    if burst.at_once >= p.at_once:
        what += f", up to {burst.at_once} at once"
    why = [text for sign, text in _because(calls, burst).items() if sign in burst.signs]
    return f"{what}; {'; '.join(why)}." if why else f"{what}."


def _because(calls: list[tuple[Hit, int]], burst: Burst) -> dict[str, str]:
    risky = sorted({NAMES.get(hit.cls, hit.cls) for hit, _ in calls if hit.risky})
    return {
        "high-risk": f"high-risk numbers ({', '.join(risky)})",
        "quiet hour": "in an hour of the week at which the customer had placed no call for weeks",
        "money in 60 minutes": f"{euros(burst.hour_spent)} in 60 minutes (limit {euros(burst.hour_limit)})",
        "money in 24 hours": f"{euros(burst.day_spent)} in 24 hours (limit {euros(burst.day_limit)})",
        "ranges": f"{burst.ranges} new ranges in the same window",
    }


def against(calls: list[tuple[Hit, int]], burst: Burst) -> tuple[str, ...]:
    """What speaks for the customer."""
    found = []
    answered = sum(hit.answered > 0 for hit, _ in calls)
    if not answered:
        found.append(f"nobody answered any of the {len(calls)} calls")
    if not any(hit.country for hit, _ in calls):
        found.append("the customer has called these countries before, only not these ranges")
    if len({hit.range for hit, _ in calls}) == 1 and len(calls) > 1 and not calls[0][0].risky:
        found.append("all calls went to one range, as when one contact is tried again")
    if not burst.signs:
        found.append("at an hour the customer calls at, for ordinary money, to no high-risk number")
    if any(hit.diverted for hit, _ in calls):
        found.append("some of the calls were diverted to these numbers, not dialled")
    return tuple(found)


def euros(millicents: int) -> str:
    """Money for a sentence.

    >>> euros(1_534_000)
    '15.34 €'
    """
    cents = millicents // MILLICENTS
    return f"{cents // 100}.{cents % 100:02} €"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
