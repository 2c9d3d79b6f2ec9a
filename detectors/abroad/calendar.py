"""The calendar of a licence as rules and screens read it: a line of days, and what each day abroad rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.digest import digest64
from detectors.location.days_of_licence import ABROAD_DAY, AGED, EGRESS, HIDDEN, days_with_evidence, recent
from detectors.outputs import Evidence

if TYPE_CHECKING:
    from detectors.context import Context

#: Place of the bitmap of days abroad.
ABROAD = ABROAD_DAY.bit_length() - 1


def calendar(ctx: Context, through: int) -> tuple[int, list[int]]:
    """The first day abroad that is remembered, and the bits of each day from it to ``through``."""
    days = ctx.licence.days
    numbers = [int.from_bytes(raw, "little") for raw in days.bits]
    kept = [day for day in days_with_evidence(days) if days.final < day <= through]
    first = days.final + 1 - numbers[ABROAD].bit_length() if numbers and numbers[ABROAD] else min(kept, default=through)
    line = [0] * (through - first + 1)
    known = days.final - first + 1
    for k, n in enumerate(numbers):
        if n and known > 0:
            bit = 1 << k
            for i, digit in enumerate(format(n & (1 << known) - 1, f"0{known}b")):
                if digit == "1" and i < len(line):
                    line[i] |= bit
    for day in kept:
        line[day - first] |= recent(ctx, day).bits
    return first, line


def decisive(ctx: Context, day: int) -> Evidence | None:
    """The decisive event of a day abroad, as far as it is kept."""
    days = ctx.licence.days
    ref = days.refs.get(day) if day <= days.final else recent(ctx, day).ref
    if ref is None:
        return None
    kind = "call" if ref.call else "registration"
    return Evidence(time=ref.time, kind=kind, country=ref.country, network=ref.network, src=ref.src, line=ref.line)


def country(ctx: Context, day: int) -> str:
    """The country of a day abroad, else ``""``."""
    days = ctx.licence.days
    if day <= days.final:
        return days.countries.get(day, "")
    ref = recent(ctx, day).ref
    return ref.country if ref is not None else ""


def networks_since(ctx: Context, first: int, through: int) -> int:
    """How many networks the days abroad from ``first`` to ``through`` rest on (at most 8 of the past are remembered)."""
    days = ctx.licence.days
    found = {key for key, last in days.networks.items() if last >= first}
    for day in days_with_evidence(days):
        if max(first, days.final + 1) <= day <= through:
            found |= {digest64(network) for network in recent(ctx, day).networks}
    return len(found)


def blind_days(ctx: Context) -> int:
    """Days of the last two years on which addresses said nothing about the place: VPN, hosting, relay, private or unknown.

    A licence behind a VPN raises nothing; this is what keeps its silence from being called clean.
    """
    days = ctx.licence.days
    final = int.from_bytes(days.bits[HIDDEN.bit_length() - 1], "little").bit_count() if days.bits else 0
    return final + sum(1 for day in days_with_evidence(days) if recent(ctx, day).bits & HIDDEN)


def coverage_notes(ctx: Context, line: list[int]) -> tuple[str, ...]:
    """What the calendar could not see, in words, for the days whose bits are given."""
    notes: list[str] = []
    for bit, text in (
        (HIDDEN, "addresses of a VPN, hosting, relay, private or unknown network were seen, which say nothing about the place"),
        (EGRESS, "a foreign network shared by this customer's staff was left out as the customer's own egress"),
        (AGED, "the location database was more than 45 days older than the evidence"),
    ):
        count = sum(1 for bits in line if bits & bit)
        if count:
            notes.append(f"on {count} of {len(line)} days {text}")
    if ctx.licence.days.too_old:
        notes.append(f"{ctx.licence.days.too_old} events came more than a week late and were left out")
    return tuple(notes)
