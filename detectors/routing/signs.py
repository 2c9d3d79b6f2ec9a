"""The six signs of ``gateway``, measured at one instant, and how they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.days import DAY, iso
from detectors.outside import channels_of
from detectors.routing.legs import CAME, DIVERTED, HOURS, OUT, USUAL, WEEK_DAYS, GatewayState
from detectors.significant import DIGITS, significant

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.rules.gateway import GatewayParams

#: Numbers that the facts show of each kind.
SHOWN = 20
BRIDGED, PRESENTED, AT_ONCE = "calls bridged at once", "strangers' numbers presented", "strangers' numbers presented side by side"
ROUND, ONE_WAY, DIVERSIONS = "days round the clock", "destinations of one-way traffic", "targets of diverted traffic"


class GatewaySign(msgspec.Struct, frozen=True, kw_only=True):
    """One sign: ``measured`` against ``limit`` in ``unit``. ``carries``: it has hardly an honest owner, and alone makes a notice."""

    name: str
    measured: int
    limit: int
    unit: str
    holds: bool
    carries: bool


class Flow(msgspec.Struct, frozen=True):
    """A day's traffic with the outside: calls out, calls in, diverted legs, and hours with a call out."""

    day: str
    outgoing: int
    incoming: int
    diverted: int
    hours: int


class GatewayFacts(msgspec.Struct, kw_only=True):
    """What the screen plots: the signs against their limits, the traffic of 7 days, and the numbers behind them."""

    signs: list[GatewaySign]
    """All six, whether they hold or not; those that are off for a trunk are left out."""
    days: list[Flow]
    """Days of the last 7 with traffic, oldest first."""
    bridged: list[str]
    """Numbers called by bridged calls of the last 24 hours, last four digits hidden, at most 20."""
    presented: list[str]
    """Strangers' numbers presented in the last 24 hours, last four digits hidden, at most 20."""
    diverted_to: list[str]
    """The targets diverted to most beyond the five usual ones, last four digits hidden, at most 20."""


def usual_targets(ctx: Context, s: GatewayState) -> set[int]:
    """Declared forward targets and the commonest diversion targets: legs to them count for no sign."""
    fact = ctx.licence.fact
    return s.usual() | {significant(number) for number in (fact.forward_targets if fact is not None else ())}


def signs_of(ctx: Context, s: GatewayState, p: GatewayParams, now: int) -> list[GatewaySign]:
    """Every sign that is judged for the licence."""
    channels, usual = channels_of(ctx), usual_targets(ctx, s)
    trunk = ctx.licence.fact is not None and ctx.licence.fact.type == "trunk"
    bridged = sum(1 for key, at in s.bridged.items() if at > now - DAY and key not in usual)
    strangers = sum(1 for at in s.strangers.values() if at > now - DAY)
    at_once = s.most_at_once if s.at_once > now - DAY else 0
    out, came = s.week(OUT), s.week(CAME)
    called = sum(1 for day in s.seen.values() if day > s.day - WEEK_DAYS)
    carried = [legs for key, (legs, day) in s.targets.items() if key not in usual and day > s.day - WEEK_DAYS]
    # A target's legs are counted for as long as it is used: together they are at most those of the week.
    share = min(sum(carried), s.week(DIVERTED)) * 100

    def sign(name: str, measured: int, limit: int, unit: str, *, holds: bool = True, carries: bool = False) -> GatewaySign:
        return GatewaySign(name=name, measured=measured, limit=limit, unit=unit, holds=holds and measured >= limit, carries=carries)

    found = [
        sign(BRIDGED, bridged, p.bridged * channels, "numbers in 24 hours", carries=True),
        sign(PRESENTED, strangers, p.presented * channels, "numbers in 24 hours", carries=True),
        sign(AT_ONCE, at_once, p.at_once * channels, "numbers", carries=True),
        sign(ONE_WAY, called, p.destinations * channels, "numbers in 7 days", holds=came * 100 < p.incoming_percent * (came + out)),
        sign(DIVERSIONS, len(carried), p.targets * channels, "numbers in 7 days", holds=share > p.diverted_percent * out),
    ]
    if not trunk:
        found.insert(3, sign(ROUND, s.round_days(p.hours), p.round_days, f"days of 7 with calls in {p.hours} hours"))
    return found


def summary(held: list[GatewaySign]) -> str:
    """One sentence with the numbers that decided."""
    said = ", ".join(f"{one.name}: {one.measured} {one.unit} (limit {one.limit})" for one in held)
    return f"{len(held)} sign{'s' if len(held) > 1 else ''} of a gateway: {said}."


def facts(ctx: Context, s: GatewayState, signs: list[GatewaySign], now: int) -> GatewayFacts:
    """The series of one licence."""
    usual = usual_targets(ctx, s)
    targets = sorted((-legs, key) for key, (legs, _) in s.targets.items() if key not in usual)
    return GatewayFacts(
        signs=signs,
        days=[
            Flow(iso(day), row[OUT], row[CAME], row[DIVERTED], row[HOURS].bit_count() if day == s.day else row[HOURS])
            for day, row in sorted(s.days.items())
        ],
        bridged=_latest({key: at for key, at in s.bridged.items() if at > now - DAY and key not in usual}),
        presented=_latest({key: at for key, at in s.strangers.items() if at > now - DAY}),
        diverted_to=[_masked(key) for _, key in targets[:SHOWN]],
    )


def _latest(numbers: dict[int, int]) -> list[str]:
    return [_masked(key) for key in sorted(numbers, key=lambda key: (-numbers[key], key))[:SHOWN]]


def _masked(key: int) -> str:
    return f"{key:0{DIGITS}}"[:-4] + "••••"


def against(ctx: Context, s: GatewayState, held: list[GatewaySign]) -> tuple[str, ...]:
    """What speaks for the customer."""
    said = []
    names = {one.name for one in held}
    if BRIDGED in names:
        said.append("a secretary who puts callers through at once, or an app that forwards, bridges calls too")
    if PRESENTED in names or AT_ONCE in names:
        said.append(f"numbers of the customer that its account does not list look strange: {len(ctx.tenant.numbers)} are listed")
    if ROUND in names:
        said.append("a night watch or an alarm transmitter calls at all hours")
    if ONE_WAY in names:
        said.append("people who only call out are rather a call centre than a gateway")
    if DIVERSIONS in names:
        said.append("a desk that passes callers on to field staff diverts to many numbers")
    ordinary = s.week(DIVERTED) - sum(legs for key, (legs, _) in s.targets.items() if key not in s.usual())
    if ordinary > 0:
        said.append(f"{ordinary} diverted legs of the week went to the {USUAL} usual targets and count for nothing")
    return tuple(said)
