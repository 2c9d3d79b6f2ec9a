"""The distinct numbers of a billing month in the order of their first use, and which of them are the first that the offer includes.

A number is 64 bits of digest and the milliseconds from the month's start to its first use, about 15 bytes. The order is that of the
uses, not of their arrival: a CDR tells of a call when it has ended, after calls that began later. From the notice limit on, calls
to numbers that a late one could still push out of the included ones are remembered too, so that they can be metered then.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from detectors.days import DAY
from detectors.offer.months import Counted

#: Calls that may have to be metered later: those to the last fifth of the included numbers. The oldest are forgotten first.
MOST_KEPT = 200


class Kept(msgspec.Struct, array_like=True):
    """An answered call to an included number that a late first use of another number may still push out."""

    number: int
    pbx: str
    call_id: str
    started: int
    answered: int
    ended: int


class Numbers(Counted, array_like=True):
    """Numbers of a month.

    ``uses`` maps a number's digest to its first use; ``fringe`` and ``last`` are first use and digest of the number at the notice
    limit and of the last included one, empty while there are fewer; ``kept`` see ``Kept``; ``calls``, ``talk``, ``cost``: calls
    beyond, their milliseconds, and what they cost in thousandths of a cent; ``full``: more numbers were used than are kept.
    """

    uses: dict[int, int] = msgspec.field(default_factory=dict)
    fringe: tuple[int, ...] = ()
    last: tuple[int, ...] = ()
    kept: list[Kept] = msgspec.field(default_factory=list)
    calls: int = 0
    talk: int = 0
    cost: int = 0
    full: bool = False

    def includes(self, number: int) -> bool:
        """Whether a number is among the included ones: all are while there are fewer, and one that was not counted is."""
        if not self.last:
            return True
        use = self.uses.get(number)
        return not self.full if use is None else (use, number) <= self.last

    def at_fringe(self, number: int) -> bool:
        """Once there is a fringe: whether an included number is at or beyond the notice limit: a late number may push it out."""
        return number in self.uses and (self.uses[number], number) >= self.fringe

    def keep(self, call: Kept) -> None:
        """Remember a call to a number at the fringe."""
        self.kept.append(call)
        if len(self.kept) > MOST_KEPT:
            del self.kept[0]


class Change(NamedTuple):
    """What a first use changed: a number that was beyond and is included now, and the one it pushed out (0: none)."""

    entered: int
    left: int


NOTHING = Change(0, 0)


def use(month: Numbers, number: int, at: int, notice: int, included: int) -> Change | None:
    """Note that a number was called at an instant; None when that is neither a new number nor an earlier first use.

    Args:
        month: the month of the instant.
        number: digest of the number.
        at: milliseconds.
        notice: how many numbers make a notice.
        included: how many the offer includes; twice as many and one are kept, so that no doubling is missed.
    """
    offset, uses = at - month.start, month.uses
    before = uses.get(number)
    if before is not None and before <= offset:
        return None
    last = month.last
    if before is None and len(uses) > 2 * included and last and (offset, number) > last:
        month.full = True
        return None
    inside = before is not None and (not last or (before, number) <= last)
    uses[number] = offset
    if len(uses) < notice or (last and (offset, number) > last):
        return NOTHING
    rank(month, notice, included)
    if not last or inside:
        return NOTHING
    # It came before the last included number, which is pushed out: those between keep their place among the included.
    return Change(number if before is not None else 0, last[1])


def rank(month: Numbers, notice: int, included: int) -> None:
    """Find the number at the notice limit and the last included one again; forget the latest beyond what is kept."""
    order = sorted((offset, number) for number, offset in month.uses.items())
    for _, number in order[2 * included + 1 :]:
        month.full = True
        del month.uses[number]
    month.fringe = order[notice - 1] if len(order) >= notice else ()
    month.last = order[included - 1] if len(order) >= included else ()


def per_day(month: Numbers) -> tuple[int, ...]:
    """New numbers per day of the month (24 hours from its start), up to the last day with one."""
    days: dict[int, int] = {}
    for offset in month.uses.values():
        days[offset // DAY] = days.get(offset // DAY, 0) + 1
    return tuple(days.get(day, 0) for day in range(max(days, default=-1) + 1))
