"""Audit samples: days on which no rule saw anything, drawn by lot and judged by a person all the same.

Verdicts on alerts tell how often a rule is wrong when it speaks; only these tell how often all of them are wrong when they are
silent. A sample is one statement and no open alert: nothing is kept of it, no total counts it and nothing is decided by it.
The lot is a fixed digest of (policy salt, licence, day), so a replay draws the same days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.coverage import coverage_of
from detectors.days import iso
from detectors.digest import digest64, identifier
from detectors.outputs import Alert, Window

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.step import Partition

RULE_ID = "audit"
CLAUSE = "5.d"
#: The rate in whole numbers.
MILLION = 1_000_000
#: Days whose number of eligible licence-days is remembered: a Sunday says nothing of the Monday after it.
KEEP_DAYS = 8
#: Closed days among whose samples that of a verdict is looked for: a console gives a person a fortnight.
JUDGED_DAYS = 92


class AuditFacts(msgspec.Struct, kw_only=True):
    """What the screen shows. ``day`` as YYYY-MM-DD, ``calls`` of the licence on it, placed or received, ``drawn_of_million``."""

    day: str
    calls: int
    drawn_of_million: int


def close_day(core: Partition, ctx: Context, day: int, quiet: bool) -> None:
    """Count a closed day of the licence whose turn it is, and say a sample when the lot falls on it.

    Args:
        core: the partition.
        ctx: the licence's turn, at the close.
        day: the closed day.
        quiet: no alert of the licence was open.
    """
    called = ctx.licence.called
    calls = called.get(day, 0)
    for old in [d for d in called if d <= day]:
        del called[old]
    general = ctx.general
    # History is no news: its samples would all wait in the queue on the first morning.
    if not quiet or not general.audit_per_thousand or calls < general.audit_calls or core.origin == "bootstrap":
        return
    audited = core.state.audited
    if day not in audited:
        for old in [d for d in audited if d <= day - KEEP_DAYS]:
            del audited[old]
    eligible, drawn = audited.get(day, (0, 0))
    rate = rate_of(general.audit_per_thousand, general.audit_most, max((n for d, (n, _) in audited.items() if d < day), default=0))
    wins = digest64(f"{general.salt}\0{ctx.scope}\0{iso(day)}") * MILLION < rate << 64 and drawn < general.audit_most
    audited[day] = eligible + 1, drawn + wins
    if wins:
        core.say(_sample(core, ctx, day, calls, rate))


def rate_of(per_thousand: int, most: int, eligible: int) -> int:
    """Licence-days drawn of a million.

    A partition that closes ``eligible`` such days, at one instant and in the order of their names, would reach ``most`` a day
    among the first names and never draw the others. So the rate is lowered to what three quarters of ``most`` allow: every
    name has the same chance, which is the ``propensity`` said, and the cap itself cuts one day in twelve.

    >>> rate_of(10, 20, 1_000), rate_of(10, 20, 25_000)
    (10000, 600)
    """
    rate = per_thousand * 1_000
    fair = most * 3 * MILLION // (4 * eligible) if eligible else rate
    return rate if rate * eligible <= most * MILLION else fair


def sampled(ctx: Context, alert_id: str) -> bool:
    """Whether an alert is a sample of the licence whose turn it is: nothing is kept of samples, but the id names the day."""
    today = ctx.clock.day_of(ctx.now)
    return any(_id(ctx, ctx.clock.bounds(day)[1]) == alert_id for day in range(today, today - JUDGED_DAYS, -1))


def _id(ctx: Context, end: int) -> str:
    return identifier("al", RULE_ID, ctx.scope, end)


def _sample(core: Partition, ctx: Context, day: int, calls: int, rate: int) -> Alert:
    start, end = ctx.clock.bounds(day)
    return Alert(
        alert_id=_id(ctx, end),
        state="open",
        update=1,
        rule=RULE_ID,
        clause=CLAUSE,
        level="audit",
        propensity=rate / MILLION,
        tenant=ctx.tenant.tenant,
        licence=ctx.licence.licence,
        mode="review",
        origin=core.origin,
        measured=calls,
        limit=ctx.general.audit_calls,
        unit="calls/day",
        window=Window(start, end),
        crossed_at=end,
        issued_at=ctx.now,
        summary=f"Drawn by lot: {calls} calls on {iso(day)}, every measure below its limit.",
        facts=msgspec.to_builtins(AuditFacts(day=iso(day), calls=calls, drawn_of_million=rate)),
        against=("no rule saw anything: the day was drawn by lot, so that what the rules miss can be known",),
        coverage=coverage_of(ctx.licence, ("location", "devices")),
        policy_version=ctx.merged.version,
    )
