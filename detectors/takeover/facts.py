"""What an alert of account takeover shows and says: where failures came from, who got in, what that phone called, what speaks for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from detectors.context import mask
from detectors.days import SECOND
from detectors.events import Registration
from detectors.state import Mark
from detectors.takeover.memory import BREAK_IN, NEWCOMER, REVIEWED, SIEGE, TAKEN, TakeoverParams, TakeoverState

if TYPE_CHECKING:
    from detectors.context import Context

STAGES = {SIEGE: "siege", NEWCOMER: "new phone abroad", BREAK_IN: "break-in", REVIEWED: "break-in", TAKEN: "takeover"}
#: Networks and calls shown: both lists full take 6 KiB of the 16 an alert's facts may have.
SHOWN = 20
HIDING = frozenset({"vpn", "relay"})


class Network(msgspec.Struct, frozen=True):
    """Failures from one network: country, how many, and the last one."""

    network: str
    country: str
    failures: int
    last: str


class Intruder(msgspec.Struct, frozen=True):
    """A phone that got in: when, which, from where (``cls``: kind of network), why it counts, and failures of its network before."""

    at: str
    device: str
    agent: str
    network: str
    country: str
    cls: str
    why: str
    failures: int


class Dialled(msgspec.Struct, frozen=True):
    """A call of that phone to a high-risk number or a range new to the customer, last four digits hidden."""

    at: str
    number: str


class TakeoverFacts(msgspec.Struct, frozen=True):
    """What the screen plots: failures by network on a time line, the phones that got in, and their calls.

    Attributes:
        stage: ``siege``, ``new phone abroad``, ``break-in`` or ``takeover``.
        failures: failed registrations of strangers in this siege.
        sources: addresses they came from (for a customer: networks); 64 are counted.
        networks: the latest networks they came from.
        accounts: of a customer's alert, the licences tried last.
        scanners: names of tools seen.
        intruders: phones that got in.
        calls: their calls to high-risk numbers and to ranges new to the customer.
        known_devices: phones the licence used in the last 30 days, before these.
        known_networks: networks the licence used in the last 30 days.
        cost_cents: what those calls that have ended cost so far.
    """

    stage: str
    failures: int = 0
    sources: int = 0
    networks: tuple[Network, ...] = ()
    accounts: tuple[str, ...] = ()
    scanners: tuple[str, ...] = ()
    intruders: tuple[Intruder, ...] = ()
    calls: tuple[Dialled, ...] = ()
    known_devices: int = 0
    known_networks: int = 0
    cost_cents: int = 0


def facts(s: TakeoverState, stage: int) -> TakeoverFacts:
    """Facts of a licence's alert."""
    siege = s.siege
    doors = siege.doors if siege is not None else {}
    latest = sorted(doors, key=lambda name: (-doors[name].times[-1], name))[:SHOWN]
    calls = sorted((mark for entry in s.entries for mark in entry.marks), key=in_time)
    return TakeoverFacts(
        stage=STAGES[stage],
        failures=siege.total if siege is not None else 0,
        sources=len(siege.sources) if siege is not None else 0,
        networks=tuple(Network(name, doors[name].country, doors[name].count, instant(doors[name].times[-1])) for name in latest),
        scanners=tuple(sorted({entry.agent for entry in s.entries if entry.why == "scanner"})),
        intruders=tuple(Intruder(instant(e.at), e.device[:64], e.agent, e.network, e.country, e.cls, e.why, e.failures) for e in s.entries),
        calls=tuple(Dialled(instant(mark.time), mask(mark.number)) for mark in calls[-SHOWN:]),
        known_devices=len(s.devices),
        known_networks=len(s.networks),
        cost_cents=sum(entry.cost for entry in s.entries) // 1_000,
    )


def evidence(s: TakeoverState) -> list[Mark]:
    """The last failure of each network, the successes, and the calls that followed, oldest first."""
    marks = [door.mark(network) for network, door in s.siege.doors.items()][-SHOWN:] if s.siege is not None else []
    marks += [mark for entry in s.entries for mark in (entry.mark(), *entry.marks)]
    if s.newcomer is not None:
        marks.append(s.newcomer)
    return sorted(marks, key=in_time)


def summary(s: TakeoverState, stage: int, p: TakeoverParams) -> str:
    """One sentence with the numbers of the licence's finding."""
    siege = s.siege
    if stage == SIEGE and siege is not None:
        return (
            f"{siege.total} registrations of this account by strangers failed, from {len(siege.sources)} addresses "
            f"({p.siege_failures} in {p.siege_minutes} minutes are a siege)."
        )
    if stage == NEWCOMER and s.newcomer is not None:
        return f"A phone that this account never used registered from {s.newcomer.country}, where it was not seen for {p.known_days} days."
    entry = max(s.entries, key=lambda one: (one.calls > 0, one.at))
    came = f"from a network it never used, after {entry.failures} failures from there"
    if entry.why == "hosting":
        came = f"from a hosting network; no phone of this account was seen there for {p.known_days} days"
    elif entry.why == "scanner":
        came = f"under the name of a scanner ({entry.agent}), 1 registration that succeeded"
    said = f"A new phone got in {came}"
    if entry.calls:
        said += f"; within {p.follow_hours} hours calls to high-risk numbers or new ranges: {entry.calls} ({entry.high} high-risk)"
    return f"{said}."


def against(ctx: Context, s: TakeoverState, stage: int, p: TakeoverParams) -> tuple[str, ...]:
    """What speaks for the customer."""
    if stage == SIEGE:
        return ("nothing got in: the customer is the target of failed registrations, not their cause",)
    said = []
    if stage == NEWCOMER:
        said.append("somebody who travels with a new phone looks like this")
        if type(ctx.event) is Registration and ctx.event.loc is not None and ctx.event.loc.cls in HIDING:
            said.append("the phone came through a VPN or a relay: where it is, is not known")
        return tuple(said)
    if any(entry.same_phone for entry in s.entries):
        said.append("the phone that got in is the one that failed before: a person who types a new password looks like this")
    if any(entry.why == "hosting" for entry in s.entries):
        said.append("a virtual desktop or a VPN of the customer's own runs in a data centre too")
    if any(entry.why == "scanner" for entry in s.entries):
        said.append("a User-Agent is easily put on, and a provider's own security test uses it too")
    if any(entry.weak for entry in s.entries):
        said.append("the phone has no id: it is told apart by app and contact, and an update that renames the app is a new phone")
    if s.since < 0 or ctx.clock.day_of(ctx.now) - s.since < p.known_days:
        said.append(f"the account is known for fewer than {p.known_days} days: every phone and network looks new")
    if not any(entry.calls for entry in s.entries):
        said.append("no call to a high-risk number or a new range has followed")
    return tuple(said)


def in_time(mark: Mark) -> tuple[int, str, int]:
    """Order of evidence."""
    return mark.time, mark.src, mark.line


def instant(at: int) -> str:
    """An instant as RFC 3339 in UTC.

    >>> instant(1_772_438_400_500)
    '2026-03-02T08:00:00.500Z'
    """
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{at % SECOND:03d}Z"
