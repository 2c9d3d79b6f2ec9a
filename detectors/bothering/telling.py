"""What an alert of ``harassment`` shows and says: the attempts on one number, and what speaks for the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.bothering.attempts import WEEK, Pair, Reached, regular, since
from detectors.context import mask
from detectors.days import DAY, HOUR, MINUTE
from detectors.outputs import Window
from detectors.rule import Finding
from detectors.significant import significant

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.rules.harassment import HarassmentParams

RULE_ID = "harassment"
#: Attempts the screen plots, and licences of a customer that it names.
SHOWN, NAMED = 60, 20
SPANS = {"attempts/24h": "24 hours", "attempts/7d": "7 days", "attempts/60min": "60 minutes", "attempts/15min": "15 minutes"}


class Attempt(msgspec.Struct, frozen=True):
    """One bothering attempt: its start in ms, and whether it was night where the number is."""

    at: int
    night: bool


class HarassmentFacts(msgspec.Struct, kw_only=True):
    """What the screen plots: the attempts on the number over time, against the four limits."""

    number: str
    """The number, its last four digits hidden."""
    attempts: list[Attempt]
    """The latest bothering attempts, oldest first."""
    in_15_minutes: int
    """Their sum over the 15 minutes up to the last one; attempts at night count double in all four sums."""
    in_60_minutes: int
    """The same over 60 minutes."""
    in_24_hours: int
    """The same over 24 hours."""
    in_7_days: int
    """The same over 7 days."""
    days: int
    """Days of the last 21 with a bothering attempt."""
    calls: int
    """All calls to the number since it was first bothered."""
    answered: int
    """Those somebody answered, however briefly."""
    withheld: int
    """Bothering attempts that showed no number."""
    others: int = 0
    """Other numbers over a limit in the last 7 days."""
    licences: list[str] = []
    """Whose attempts they are, in a customer's alert."""


def finding(
    ctx: Context, p: HarassmentParams, pair: Pair, found: Reached, crossed: int, others: int, licences: tuple[str, ...] = ()
) -> Finding:
    """The finding for one number; with ``licences`` it is the customer's."""
    at = pair.hits[-1] >> 1
    sums = {span: since(pair.hits, at - span)[0] for span in (15 * MINUTE, HOUR, DAY, WEEK)}
    key = significant(pair.number)
    marks = [mark for mark in ctx.marks_since(ctx.now - DAY) if significant(mark.number) == key]
    return Finding(
        rule=RULE_ID,
        level=found.level,
        measured=found.measured,
        limit=found.limit,
        unit=found.unit,
        window=Window(at - found.span, at),
        crossed_at=crossed,
        issued_at=ctx.now,
        summary=_summary(found, pair, others, licences),
        facts=HarassmentFacts(
            number=mask(pair.number),
            attempts=[Attempt(one >> 1, bool(one & 1)) for one in pair.hits[-SHOWN:]],
            in_15_minutes=sums[15 * MINUTE],
            in_60_minutes=sums[HOUR],
            in_24_hours=sums[DAY],
            in_7_days=sums[WEEK],
            days=pair.bothered.bit_count(),
            calls=pair.calls,
            answered=pair.answered,
            withheld=pair.withheld,
            others=others,
            licences=list(licences[:NAMED]),
        ),
        against=_against(p, pair, found),
        evidence=ctx.evidence(marks),
        evidence_more=max(0, found.measured - found.nights - len(marks)),
        tenant_wide=bool(licences),
        involved=licences[:NAMED],
    )


def _summary(found: Reached, pair: Pair, others: int, licences: tuple[str, ...]) -> str:
    who = f" of {len(licences)} licences" if licences else ""
    said = f"{found.measured} attempts{who} to bother one number in {SPANS[found.unit]} (limit {found.limit})"
    if found.nights:
        said += f", {found.nights} of them at night, which count double"
    if pair.withheld:
        said += f"; {pair.withheld} showed no number"
    if others:
        said += f"; {others} more numbers over a limit"
    return f"{said}."


def _against(p: HarassmentParams, pair: Pair, found: Reached) -> tuple[str, ...]:
    said = []
    if pair.answered:
        said.append(f"{pair.answered} of {pair.calls} calls to the number were answered")
    else:
        said.append("nobody answered: the caller may not know that the number is wrong or its owner away")
    if pair.taken:
        said.append(f"on {pair.taken.bit_count()} of the last 21 days a call lasted longer than {p.cut_s} s: the two know each other")
    if found.nights and found.measured - found.nights < found.limit:
        said.append(f"counted once each, {found.measured - found.nights} attempts are below the limit of {found.limit}")
    if found.level == "notice" and regular(pair, p):
        said.append("the calls are regular and answered, as of monitoring and dispatch")
    return tuple(said)
