"""What an alert about days abroad shows: the calendar, the counts, and what speaks for the customer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.abroad.calendar import country, networks_since
from detectors.abroad.stays import EXEMPT, RESTRICTED, Line, Measure
from detectors.days import iso
from detectors.location.days_of_licence import ABROAD_DAY, AGREED, CALLS, HOME_DAY, WEAK

if TYPE_CHECKING:
    from detectors.context import Context

#: Runs of days a screen gets: 300 runs of 42 characters stay below the 16 KiB of an alert's facts.
MOST_RUNS = 300
#: Days of the calendar on the screen.
SHOWN_DAYS = 365


class AbroadFacts(msgspec.Struct):
    """What the screen draws and lists for days abroad.

    Attributes:
        calendar: runs of days of the last 365, oldest first: first day, last day, country, and what they are: ``calls``
            or ``registrations`` (abroad), ``exempt``, ``restricted`` (abroad, not counted) or ``home``.
        first: first counted day abroad of the stay or window.
        last: latest counted day abroad.
        crossing: the day on which the limit was crossed.
        abroad_days: counted days abroad.
        call_days: those with a call placed or answered abroad.
        registration_days: those known from registrations alone.
        weak_days: those known only from phones without an id of their own.
        home_days: days at home in the same span.
        silent_days: days without evidence in the same span.
        exempt_days: days under an exemption, left out.
        restricted_days: days on which outgoing calls were restricted, left out.
        networks: networks the days abroad rest on (8 are remembered).
        agreed_days: days confirmed by two databases.
        notice_limit: days that raise a notice.
        breach_limit: days that breach.
        without_weakest: the measure without days known from registrations alone or from phones without an id.
        without_weakest_breaches: whether that is still a breach.
    """

    calendar: list[tuple[str, str, str, str]]
    first: str
    last: str
    crossing: str
    abroad_days: int
    call_days: int
    registration_days: int
    weak_days: int
    home_days: int
    silent_days: int
    exempt_days: int
    restricted_days: int
    networks: int
    agreed_days: int
    notice_limit: int
    breach_limit: int
    without_weakest: int
    without_weakest_breaches: bool


def facts_of(ctx: Context, line: Line, m: Measure, weakest: Measure | None, crossed: int, limits: tuple[int, int]) -> AbroadFacts:
    """The facts of a measure.

    Args:
        ctx: the licence's turn.
        line: its days as the rule counts them.
        m: what was measured on them.
        weakest: the same without days known from registrations alone or from phones without an id.
        crossed: the day the limit was crossed.
        limits: notice and breach limit in days.
    """
    span = range(max(m.first, line.first), line.through + 1)
    void = line.void[span.start - line.first :]
    calls = sum(1 for day in m.counted if line.of(day) & CALLS)
    return AbroadFacts(
        calendar=_calendar(ctx, line),
        first=iso(m.counted[0]),
        last=iso(m.last),
        crossing=iso(crossed),
        abroad_days=len(m.counted),
        call_days=calls,
        registration_days=len(m.counted) - calls,
        weak_days=sum(1 for day in m.counted if line.of(day) & WEAK),
        home_days=sum(1 for day in span if line.of(day) & HOME_DAY),
        silent_days=sum(1 for day, mark in zip(span, void, strict=True) if not mark and not line.of(day) & (ABROAD_DAY | HOME_DAY)),
        exempt_days=sum(1 for mark in void if mark & EXEMPT),
        restricted_days=sum(1 for mark in void if mark == RESTRICTED),
        networks=networks_since(ctx, m.first, line.through),
        agreed_days=sum(1 for day in m.counted if line.of(day) & AGREED),
        notice_limit=limits[0],
        breach_limit=limits[1],
        without_weakest=weakest.days if weakest is not None else 0,
        without_weakest_breaches=weakest is not None and weakest.days >= limits[1],
    )


def places(ctx: Context, counted: list[int]) -> str:
    """Countries of the latest days abroad, the commonest first."""
    tally: dict[str, int] = {}
    for day in counted:
        name = country(ctx, day)
        if name:
            tally[name] = tally.get(name, 0) + 1
    return ", ".join(sorted(tally, key=lambda name: (-tally[name], name))[:5])


def against(facts: AbroadFacts, m: Measure) -> tuple[str, ...]:
    """What speaks for the customer."""
    said: list[str] = []
    if facts.registration_days:
        said.append(f"{facts.registration_days} of {facts.abroad_days} days abroad are known from registrations alone, without a call")
    if facts.weak_days:
        said.append(f"{facts.weak_days} days rest on phones known by user agent and contact alone")
    if not facts.without_weakest_breaches and m.days >= facts.breach_limit:
        said.append(f"without the weakest evidence it would be {facts.without_weakest} days, no breach")
    if facts.silent_days:
        said.append(f"{facts.silent_days} days in between show nothing")
    if facts.exempt_days:
        said.append(f"{facts.exempt_days} days under an exemption are not counted")
    if facts.networks < 2:
        said.append("all evidence comes from one network")
    return tuple(said)


def _calendar(ctx: Context, line: Line) -> list[tuple[str, str, str, str]]:
    runs: list[tuple[int, int, str, str]] = []
    for day in range(max(line.first, line.through - SHOWN_DAYS + 1), line.through + 1):
        bits = line.of(day)
        if bits & ABROAD_DAY:
            mark = line.void[day - line.first]
            kind = "exempt" if mark & EXEMPT else "restricted" if mark else "calls" if bits & CALLS else "registrations"
            place = country(ctx, day)
        elif bits & HOME_DAY:
            kind, place = "home", ""
        else:
            continue
        if runs and runs[-1][1] == day - 1 and runs[-1][2:] == (place, kind):
            runs[-1] = (runs[-1][0], day, place, kind)
        else:
            runs.append((day, day, place, kind))
    return [(iso(first), iso(last), place, kind) for first, last, place, kind in runs[-MOST_RUNS:]]
