"""The signs of ``call-centre`` at the close of a day, and how they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from detectors.centre.talk import DISTINCT, MONTH, OpenDay, Talk
from detectors.days import HOUR, MINUTE, iso

if TYPE_CHECKING:
    from detectors.rules.call_centre import CallCentreParams

#: A mean outgoing call below this is a driver at a door rather than an agent: said in the customer's favour.
BRIEF_S = 30
#: Licences named in a customer's alert: its facts must fit the screen.
MOST_NAMED = 200


class CentreSign(msgspec.Struct, frozen=True, kw_only=True):
    """One sign at a day's close: ``measured`` against ``limit`` in ``unit``.

    ``carries``: of the outgoing ones that hold at least one must be of these; couriers and drivers show only the others.
    """

    name: str
    way: Literal["out", "in"]
    measured: int
    limit: int
    unit: str
    holds: bool
    carries: bool = True


class CallCentreFacts(msgspec.Struct, kw_only=True):
    """What the screen plots. In a customer's alert only ``licences`` is filled."""

    kind: Literal["outbound", "inbound", "customer"]
    """Which use the finding counts."""
    day: str = ""
    """The day whose close completed it."""
    signs: list[CentreSign] = []
    """Six outgoing and two incoming signs on that day, whether they hold or not."""
    outbound_days: list[str] = []
    """Working days that showed outgoing use, among the last 20."""
    inbound_days: list[str] = []
    """Working days that showed incoming use, among the last 20."""
    heat: list[int] = []
    """Calls by weekday and hour, 168 numbers from Monday 0 h: the busy days of the last 28 (quiet days keep no hours)."""
    callees_per_day: list[int] = []
    """Different numbers called on each of the last 30 days, oldest first."""
    outgoing: int = 0
    """Outgoing external calls of the last 90 days."""
    incoming: int = 0
    """Incoming external calls of the last 90 days."""
    licences: dict[str, int] = {}
    """Showing days of each licence in breach."""


def outbound_signs(talk: Talk, p: CallCentreParams, closed: OpenDay, day: int, channels: int) -> list[CentreSign]:
    """The six outgoing signs at the close of ``day``. Ratios are judged from their floors on."""
    month, quarter, once = talk.destinations(day)
    minutes = talk.talk_minutes(day)
    out, came = talk.both_ways(day)
    hours = sum(1 for talked in closed.talked if talked >= p.hour_minutes * MINUTE * channels)

    def sign(name: str, measured: int, limit: int, unit: str, holds: bool, carries: bool) -> CentreSign:
        return CentreSign(name=name, way="out", measured=measured, limit=limit, unit=unit, holds=holds, carries=carries)

    most, calls, spoken = p.destinations * channels, p.day_calls * channels, p.month_minutes * channels
    return [
        sign("distinct destinations", month, most, "numbers in 30 days", month > most, False),
        sign("calls a day", closed.out, calls, "calls", closed.out > calls, True),
        sign(f"hours with {p.hour_minutes} minutes of talk", hours, p.hours, "hours of the day", hours >= p.hours, True),
        sign("minutes a month", minutes, spoken, "minutes in 30 days", minutes > spoken, True),
        sign(
            "outgoing for each incoming call", out // max(1, came), p.ratio, "calls in 90 days",
            out + came >= p.ratio_calls and out > p.ratio * came, False,
        ),
        sign(
            "destinations called once", once * 100 // max(1, quarter), p.once_percent, "% in 90 days",
            quarter >= p.once_destinations and once * 100 > p.once_percent * quarter, False,
        ),
    ]  # fmt: skip


def inbound_signs(p: CallCentreParams, closed: OpenDay, queue: int, channels: int) -> list[CentreSign]:
    """The two incoming signs: many answered calls with hours of talk, or a group's queue spread over several licences."""
    enough = closed.taken >= p.inbound_calls * channels
    talked = closed.taken_talk >= p.inbound_talk_hours * HOUR * channels
    queued = closed.queued >= p.inbound_calls * channels and queue >= p.queue_licences
    return [
        CentreSign(
            name="answered calls a day with hours of talk", way="in", measured=closed.taken, limit=p.inbound_calls * channels,
            unit="calls", holds=enough and talked,
        ),
        CentreSign(
            name="licences answering a group's queue", way="in", measured=queue, limit=p.queue_licences, unit="licences", holds=queued
        ),
    ]  # fmt: skip


def summary(p: CallCentreParams, signs: list[CentreSign], day: int, count: int, outbound: bool, level: str) -> str:
    """One sentence with the numbers that decided."""
    way = "out" if outbound else "in"
    limit = p.breach_days if level == "breach" else p.notice_days
    held = [f"{s.name} {s.measured} (limit {s.limit})" for s in signs if s.way == way and s.holds]
    use = "outgoing" if outbound else "incoming"
    return (
        f"{count} of the last {p.working_days} working days show {use} call-centre use (limit {limit})"
        + (f"; on {iso(day)}: {', '.join(held)}" if held else "")
        + "."
    )


def facts(talk: Talk, signs: list[CentreSign], outbound: list[int], inbound: list[int], day: int, out: bool) -> CallCentreFacts:
    """The series of one licence."""
    outgoing, incoming = talk.both_ways(day)
    return CallCentreFacts(
        kind="outbound" if out else "inbound",
        day=iso(day),
        signs=signs,
        outbound_days=[iso(d) for d in outbound],
        inbound_days=[iso(d) for d in inbound],
        heat=talk.heat_map(day),
        callees_per_day=[talk.rows[d][DISTINCT] if d in talk.rows else 0 for d in range(day - MONTH + 1, day + 1)],
        outgoing=outgoing,
        incoming=incoming,
    )


def tenant_facts(breaching: dict[str, int]) -> CallCentreFacts:
    """The licences of a customer in breach, those with most showing days first when there are too many to name."""
    named = sorted(breaching, key=lambda name: (-breaching[name], name))[:MOST_NAMED]
    return CallCentreFacts(kind="customer", licences={name: breaching[name] for name in sorted(named)})


def against(talk: Talk, signs: list[CentreSign], p: CallCentreParams, day: int, count: int, outbound: bool) -> tuple[str, ...]:
    """What speaks for the customer."""
    said = []
    if count < p.working_days:
        said.append(f"{p.working_days - count} of the last {p.working_days} working days do not show it")
    if not outbound:
        said.append("a reception desk answers many calls for its house and is no call centre")
        return tuple(said)
    outgoing, incoming = talk.both_ways(day)
    if incoming and outgoing <= p.ratio * incoming:
        said.append(f"{incoming} calls came in for {outgoing} that went out in 90 days: people call back")
    once = next(s for s in signs if s.name == "destinations called once")
    if not once.holds:
        said.append(f"{100 - once.measured} % of the numbers were called more than once: they are known to the caller")
    calls, seconds = sum(row[0] for row in talk.rows.values()), sum(row[2] for row in talk.rows.values())
    if calls and seconds < BRIEF_S * calls:
        said.append(f"an outgoing call talks {seconds // calls} s on average, as of drivers and couriers at a door")
    return tuple(said)
