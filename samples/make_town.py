#!/usr/bin/env python3
"""Makes a small town to train models on: many small customers, most of them honest, and the truth about the others.

    python samples/make_town.py --out DIR [--customers 40] [--days 90] [--seed 1]

Writes ``events/`` (``facts.jsonl``, ``registrations.jsonl.gz`` and ``calls.jsonl.gz``: wire contracts, version 1), ``town.mmdb``
(where its address blocks are) and ``truth.jsonl``: who abused what, from when to when. The same arguments give the same bytes. The
days end on 31 October 2026; a shorter town keeps the last ones.

A town has far more abuse than any real provider, so that a few weeks hold enough of it to learn from. Its people differ
in temper: a reminder service of a doctor is a machine and honest, some canvassers by hand give up as often as a dialler does, and
some diallers are slow. Whoever goes by one figure is wrong about some of them. Numbers are those kept for fiction (by ARCEP, and
abroad by Ofcom); address blocks are real ones used as fiction. Nothing here knows a threshold.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

from make_city import (
    City,
    Line,
    Place,
    chance_of,
    json_line,
    last_days,
    office_day,
    utc,
    working,
    write_database,
    write_events,
)

CUSTOMERS, DAYS = 40, 90
#: Licences of a customer, about six.
SIZES = (3, 4, 5, 6, 6, 7, 8, 9)
#: Numbers that Ofcom keeps for fiction, as dialled from France.
ABROAD = "00447700900"
#: Address blocks of thieves.
ELSEWHERE = ("105.128", "80.58", "2.80", "109.130")
#: How many of a hundred customers have one: what people do all day, and what some do for a while.
HONEST = {"canvasser": 40, "reminders": 45, "driver": 30, "support": 20, "night": 25}
ABUSE = {"dialler": 80, "call-centre": 15, "shared-account": 20, "stolen-credentials": 20}


class Round(NamedTuple):
    """A list that is called through. ``uneven`` is the variation of the gaps: a machine's is small, a hand's about one.

    ``answered``, ``known`` and ``gives_up`` are shares: of calls, of numbers called before, of unanswered calls that the caller ended.
    """

    begin_h: float
    hours: float
    every_s: float
    uneven: float
    answered: float
    talk_s: float
    known: float
    gives_up: float
    #: Calls that may be up side by side.
    wide: int = 1


@dataclass
class Town(City):
    """A city of which the truth is known."""

    truth: list[dict[str, str]] = field(default_factory=list)
    fold_ms: int = 4 * 3_600_000
    taken: set[str] = field(default_factory=set)
    #: Where the dealing of each life begins: so many of a hundred customers have it, in a small town too.
    dealt: dict[str, int] = field(default_factory=dict)

    def own_number(self) -> str:
        """One that no other licence has."""
        number = super().own_number()
        while number in self.taken:
            number = super().own_number()
        self.taken.add(number)
        return number

    def abused(self, line: Line, first: date, last: date, kind: str) -> None:
        """Write down what is true of a licence from one day to another, both included."""
        begin, end = (utc(self.midnight(day)) for day in (first, last + timedelta(days=1)))
        self.truth.append({"tenant": line.tenant, "licence": line.name, "from": begin, "to": end, "kind": kind})

    def called_through(self, line: Line, day: date, temper: Round, place: Place) -> None:
        """One round of calls from a list, in the temper of whoever calls."""
        rng = self.rng
        at = self.midnight(day) + int((temper.begin_h + rng.uniform(0, 0.5)) * 3_600_000)
        until, up = at + int(temper.hours * 3_600_000), [0] * temper.wide
        while at < until:
            ring, status, ended_by, talk = rng.uniform(14, 26), 480, "network", None
            if rng.random() < temper.answered:
                ring, status, ended_by = rng.uniform(3, 14), 200, rng.choice(("callee", "caller"))
                talk = rng.lognormvariate(0, 0.9) * temper.talk_s
            elif rng.random() < temper.gives_up:
                status, ended_by = 487, "caller"
            elif rng.random() < 0.3:
                ring, status, ended_by = 1.5, 486, "callee"
            callee = self.callee(line, temper.known)
            up[0] = self.call(line, at, callee, talk, place, ring_s=ring, status=status, ended_by=ended_by)
            up.sort()
            gap = temper.every_s * rng.lognormvariate(0, temper.uneven)
            at = max(at + int(gap * 1000), up[0] + 1_500)

    def spells(self, every: float, least: int, most: int) -> Iterator[tuple[int, int]]:
        """Places of first and last days of something that comes and goes: ``every`` so many days, for ``least`` to ``most`` days."""
        first = int(self.rng.expovariate(1 / every))
        while first < len(self.days):
            last = min(first + self.rng.randint(least, most) - 1, len(self.days) - 1)
            yield first, last
            first = last + 2 + int(self.rng.expovariate(1 / every))


# -- honest people -----------------------------------------------------------------------------------------------------------------


def office(town: Town, line: Line, place: Place) -> None:
    """Some calls a day, most of them with people one knows."""
    calls = town.rng.uniform(2, 7)
    for day in filter(working, town.days):
        if town.rng.random() < 0.9:
            office_day(town, line, day, place, calls)


def canvasser(town: Town, line: Line, place: Place) -> None:
    """Calls prospects by hand on some days of the week, with patience or without."""
    rng = town.rng
    temper = Round(
        rng.uniform(8.8, 9.5), rng.uniform(3, 6), rng.uniform(60, 130), rng.uniform(0.4, 1.0), rng.uniform(0.35, 0.65),
        rng.uniform(40, 110), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.9),
    )  # fmt: skip
    weekdays = rng.sample(range(5), rng.choice((1, 2, 2)))
    for day in filter(working, town.days):
        office_day(town, line, day, place, rng.uniform(4, 9))
        if day.weekday() in weekdays and rng.random() < 0.85:
            town.called_through(line, day, temper._replace(hours=temper.hours * rng.uniform(0.7, 1.15)), place)


def reminders(town: Town, line: Line, place: Place) -> None:
    """A practice's machine that reminds patients of tomorrow's appointment; they know it, and some call back."""
    rng = town.rng
    temper = Round(
        rng.uniform(9, 16), rng.uniform(0.8, 1.7), 10 * 4 ** rng.random(), rng.uniform(0.05, 0.45), rng.uniform(0.5, 0.85),
        rng.uniform(7, 30), rng.uniform(0.6, 0.95), rng.uniform(0.2, 0.9), rng.choice((1, 2, 2)),
    )  # fmt: skip
    weekdays = rng.choice(((1, 3), (0, 3), (1, 4), (0, 2), (2,)))
    for day in filter(working, town.days):
        office_day(town, line, day, place, rng.uniform(2, 6), inbound=0.7)
        if day.weekday() in weekdays and rng.random() < 0.9:
            town.called_through(line, day, temper._replace(hours=temper.hours * rng.uniform(0.6, 1.3)), place)


def driver(town: Town, line: Line, place: Place) -> None:
    """Short calls from the road to doors called once."""
    calls, block = town.rng.uniform(8, 24), town.rng.randrange(160, 176)
    for day in town.days:
        if day.weekday() < 6 and town.rng.random() < 0.8:
            road = Place(f"37.{block}.{town.rng.randrange(256)}.{town.rng.randrange(2, 250)}")
            town.online(line, line.phones[0], day, 6.5, 16.0, road)
            count = chance_of(town, calls)
            town.busy_day(line, day, count, road, begin_h=7.2, end_h=15.5, minutes=0.5, inbound=0.12, regular=0.05, answered=0.8)


def support(town: Town, line: Line, place: Place) -> None:
    """People call; some are called back."""
    calls = town.rng.uniform(12, 24)
    for day in filter(working, town.days):
        if town.rng.random() < 0.92:
            office_day(town, line, day, place, calls, inbound=0.75, minutes=3, regular=0.5)


def night(town: Town, line: Line, place: Place) -> None:
    """A guard or a nurse: from nine in the evening, every other night."""
    calls, other = town.rng.uniform(2, 8), town.rng.randrange(2)
    for n, day in enumerate(town.days):
        if n % 2 == other:
            town.online(line, line.phones[0], day, 20.8, 23.6, place)
            town.busy_day(line, day, chance_of(town, calls), place, begin_h=21.0, end_h=23.2, regular=0.9)


# -- the others --------------------------------------------------------------------------------------------------------------------


def dialler(town: Town, line: Line, place: Place) -> None:
    """An office line on which, every week or so, a dialler runs for an afternoon or two; each time as fast as its owner dares."""
    rng = town.rng
    busy: set[date] = set()
    daring = rng.uniform(0.8, 1.2)
    for first, last in town.spells(3.2, 1, 2):
        days = [day for day in town.days[first : last + 1] if day.weekday() < 6]
        temper = Round(
            rng.uniform(9, 15), rng.uniform(0.6, 1.6), 10 * 5 ** rng.random() / daring, rng.uniform(0.05, 0.55), rng.uniform(0.12, 0.5),
            rng.uniform(3, 22), rng.uniform(0.0, 0.35), rng.uniform(0.3, 1.0), rng.choice((1, 2, 2, 3)),
        )  # fmt: skip
        for day in days:
            town.online(line, line.phones[0], day, 8.4, 18.2, place)
            town.called_through(line, day, temper, place)
            busy.add(day)
        if days:
            town.abused(line, days[0], days[-1], "dialler")
    for day in filter(working, town.days):
        if rng.random() < 0.8:
            town.busy_day(line, day, chance_of(town, 4), place)
            if day not in busy:
                town.online(line, line.phones[0], day, 8.3, 18.1, place)


def call_centre(town: Town, line: Line, place: Place) -> None:
    """An office line on which somebody sells by telephone, list in hand, for some weeks."""
    rng = town.rng
    sold: set[date] = set()
    for first, last in town.spells(25, 12, 30):
        calls = rng.uniform(60, 110)
        days = [day for day in town.days[first : last + 1] if working(day)]
        for day in days:
            office_day(town, line, day, place, calls, minutes=1.7, inbound=0.06, regular=0.04, answered=0.6)
        sold.update(days)
        if days:
            town.abused(line, days[0], days[-1], "call-centre")
    for day in filter(working, town.days):
        if day not in sold:
            office_day(town, line, day, place, 6)


def shared_account(town: Town, line: Line, place: Place) -> None:
    """A second person with the same password, in another town, for a while."""
    rng = town.rng
    second = town.phone("desktop", line.name)
    there = Place(f"2.7.{rng.randrange(256)}.{rng.randrange(2, 250)}")
    calls = rng.uniform(4, 14)
    for day in filter(working, town.days):
        office_day(town, line, day, place, calls)
    for first, last in town.spells(20, 4, 15):
        days = [day for day in town.days[first : last + 1] if working(day)]
        for day in days:
            town.online(line, second, day, 8.8, 17.5, there)
            town.busy_day(line, day, chance_of(town, calls) + 1, there, phone=second)
        if days:
            town.abused(line, days[0], days[-1], "shared-account")


def stolen_credentials(town: Town, line: Line, place: Place) -> None:
    """Somebody abroad guesses the password, and calls numbers there at night until they tire."""
    rng = town.rng
    office(town, line, place)
    for first, last in town.spells(22, 1, 2):
        thief = town.phone("desktop", line.name)
        den = Place(f"{rng.choice(ELSEWHERE)}.{rng.randrange(256)}.{rng.randrange(2, 250)}")
        hour = rng.uniform(1, 4)
        for _ in range(rng.randrange(1, 6)):
            town.mistyped(line, town.days[first], hour, den)
        for day in town.days[first : last + 1]:
            town.online(line, thief, day, hour + 0.2, hour + 2.5, den)
            at = town.midnight(day) + int((hour + 0.5) * 3_600_000)
            for _ in range(rng.randrange(4, 30)):
                number = f"{ABROAD}{rng.randrange(1000):03}"
                at = town.call(line, at, number, rng.uniform(20, 400), den, phone=thief, callee_e164=f"+{number[2:]}") + rng.randrange(
                    90_000
                )
        town.abused(line, town.days[first], town.days[last], "stolen-credentials")


LIVES: dict[str, Callable[[Town, Line, Place], None]] = {
    "canvasser": canvasser, "reminders": reminders, "driver": driver, "support": support, "night": night, "office": office,
    "dialler": dialler, "call-centre": call_centre, "shared-account": shared_account, "stolen-credentials": stolen_credentials,
}  # fmt: skip
#: People who are called or call often know many.
ACQUAINTED = {"canvasser": 120, "reminders": 260, "support": 120, "night": 12}


def customer(town: Town, n: int) -> None:
    """A customer of about six licences, each with one life."""
    rng = town.rng
    tenant, network = f"customer-{n:03}", f"2.{1 + n // 200 % 6}.{n % 200}"
    size = rng.choice(SIZES)
    lives = [kind for kind, percent in {**ABUSE, **HONEST}.items() if (town.dealt[kind] + n * percent) % 100 < percent][:size]
    lives += ["office"] * (size - len(lives))
    town.customer(tenant, f"Customer {n}", size, f"{network}.0/24", offer="unlimited")
    # One PBX in eight tells each step of a call, the others tell of it when it has ended.
    pbx = "pbx-paris" if n % 8 == 0 else "pbx-lyon"
    for place, kind in enumerate(lives):
        phone = "mobile" if kind == "driver" else "desktop"
        line = town.line(tenant, str(101 + place), pbx, [phone], contacts=ACQUAINTED.get(kind, 30))
        LIVES[kind](town, line, Place(f"{network}.{20 + place}"))


def build(seed: int, customers: int, days: int) -> Town:
    """The town of a seed."""
    town = Town(Random(seed), last_days(days))
    town.dealt = {kind: town.rng.randrange(100) for kind in LIVES}
    for n in range(1, customers + 1):
        customer(town, n)
    return town


def write(town: Town, out: Path) -> None:
    """The town's files."""
    write_events(town, out / "events")
    write_database(out / "town.mmdb")
    truth = sorted(town.truth, key=lambda one: (one["from"], one["tenant"], one["licence"]))
    (out / "truth.jsonl").write_text("".join(json_line(one) + "\n" for one in truth), encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write a town: JSON lines of many small customers, and the truth about them.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--customers", type=int, default=CUSTOMERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(build(given.seed, given.customers, given.days), given.out)


if __name__ == "__main__":
    main()
