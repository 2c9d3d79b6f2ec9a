"""What is remembered of the calls a licence carries: its days, whom it bridged, what numbers it showed, where it diverted to."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING

import msgspec

from detectors.days import DAY
from detectors.outside import INSIDE
from detectors.significant import significant

if TYPE_CHECKING:
    from collections.abc import Collection

    from detectors.calls import CallState
    from detectors.context import Context

WEEK_DAYS = 7
#: Columns of a day: calls out and in, diverted legs, hours with a call out (bits while it is open, then how many), millicents.
OUT, CAME, DIVERTED, HOURS, COST = range(5)
#: A line's five commonest diversion targets are ordinary follow-me: the mobile, the home, the colleague who stands in.
USUAL = 5
#: Shorter numbers are extensions: no outside telephone would show them.
LEAST_NUMBER = 1_000_000
#: Legs that showed a stranger's number, kept to see which ran side by side when only CDRs tell.
MOST_LEGS = 64


class GatewayState(msgspec.Struct, array_like=True):
    """A licence's traffic with the outside. Numbers are known by their last nine digits.

    ``days``: rows of the last 7 days; ``day`` is the latest. ``last_in``, ``last_out``: when a call
    last came in (or was answered) and went out. ``shown``: the number presented last that is the customer's. ``pairs``: calls out
    that began with one that came in, both still up. ``bridged``, ``strangers``: numbers called by such pairs, and numbers shown that
    are nobody's here, with their latest instant. ``legs``: [start, end, number shown] of strangers. ``at_once``, ``most_at_once``: when
    and how many were last shown side by side. ``seen``: numbers called, with their day, kept while ``counting``. ``targets``: of
    diverted legs, [legs, last day]. ``suspect``: whether any sign may hold.
    """

    days: dict[int, list[int]] = {}
    day: int = -1
    last_in: int = 0
    last_out: int = 0
    shown: str = ""
    pairs: dict[str, str] = {}
    bridged: dict[int, int] = {}
    strangers: dict[int, int] = {}
    legs: list[list[int]] = []
    at_once: int = 0
    most_at_once: int = 0
    counting: bool = False
    seen: dict[int, int] = {}
    targets: dict[int, list[int]] = {}
    suspect: bool = False

    def new_row(self, day: int) -> list[int]:
        """The row of a day without one; a later day than the open one becomes it."""
        row = self.days[day] = [0, 0, 0, 0, 0]
        if day > self.day:
            past = self.days.get(self.day)
            if past is not None:
                past[HOURS] = past[HOURS].bit_count()
            self.day = day
            for old in [old for old in self.days if old <= day - WEEK_DAYS]:
                del self.days[old]
        return row

    def week(self, column: int) -> int:
        """Sum of a column over the last 7 days."""
        return sum(row[column] for day, row in self.days.items() if day > self.day - WEEK_DAYS)

    def round_days(self, hours: int) -> int:
        """Days of the last 7 with calls out in so many hours."""
        counts = ((row[HOURS].bit_count() if day == self.day else row[HOURS]) for day, row in self.days.items())
        return sum(1 for count in counts if count >= hours)

    def usual(self) -> set[int]:
        """The commonest diversion targets; of equals the one with the smaller number."""
        if len(self.targets) <= USUAL:
            return set(self.targets)
        return {key for _, key in nsmallest(USUAL, ((-legs, key) for key, (legs, _) in self.targets.items()))}

    def divert(self, key: int, capacity: int) -> None:
        """Count a diverted leg's target; over ``capacity`` an eighth is forgotten: those diverted to least, longest ago."""
        target = self.targets.get(key)
        if target is not None:
            target[0] += 1
            target[1] = self.day
            return
        if len(self.targets) >= capacity:
            rare = sorted((legs, day, key) for key, (legs, day) in self.targets.items())[: capacity // 8 + 1]
            for _, _, old in rare:
                del self.targets[old]
        self.targets[key] = [1, self.day]

    def forget(self, now: int, counting: bool) -> None:
        """Drop what has left its window."""
        self.bridged = {key: at for key, at in self.bridged.items() if at > now - DAY}
        self.strangers = {key: at for key, at in self.strangers.items() if at > now - DAY}
        self.legs = [leg for leg in self.legs if leg[1] > now - DAY]
        if self.at_once <= now - DAY:
            self.most_at_once = 0
        self.targets = {key: target for key, target in self.targets.items() if target[1] > self.day - WEEK_DAYS}
        self.counting = counting
        self.seen = {key: day for key, day in self.seen.items() if day > self.day - WEEK_DAYS} if counting else {}


def opened_with(call: CallState, others: Collection[CallState], within: int) -> CallState | None:
    """The outside call that came in, or was answered, at most ``within`` ms before a call went out."""
    for other in others:
        if other.direction == "inbound" and other.dest.cls not in INSIDE and _follows(call, other, within):
            return other
    return None


def opened_by(call: CallState, others: Collection[CallState], within: int) -> CallState | None:
    """The same seen from the call that came in, for sources that tell it after the one that went out."""
    for other in others:
        if other.direction == "outbound" and other.dest.cls not in INSIDE and _follows(other, call, within):
            return other
    return None


def _follows(out: CallState, came: CallState, within: int) -> bool:
    if came.ended is not None and came.ended < out.started:
        return False
    return 0 <= out.started - came.started <= within or (came.answered is not None and 0 <= out.started - came.answered <= within)


def is_strange(ctx: Context, call: CallState) -> int:
    """The number a call shows when it is neither the customer's nor that of the caller who was diverted; else 0."""
    key = significant(call.presented)
    if key < LEAST_NUMBER or key in ctx.tenant.numbers:
        return 0
    if call.diverted_by:
        calls, came = ctx.licence.calls, call.key.replace("\0", "\0<", 1)
        inbound = calls.up.get(came) or calls.ended.get(came)
        if key == significant(call.caller) or (inbound is not None and key == significant(inbound.caller)):
            return 0
    return key


def side_by_side(legs: list[list[int]]) -> tuple[int, int]:
    """The most different numbers shown at one instant by ``legs`` ([start, end, number]), and that instant.

    >>> side_by_side([[0, 10, 1], [5, 20, 2], [8, 9, 2], [30, 40, 3]])
    (2, 5)
    """
    most, when = 0, 0
    for at, _, _ in legs:
        up = len({number for start, end, number in legs if start <= at < end})
        if up > most:
            most, when = up, at
    return most, when
