"""Bothering attempts of one caller on one number, and what else is known of the two: rhythm, days, answers."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Literal

import msgspec

from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.nights import is_night

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context
    from detectors.rules.harassment import HarassmentParams

WEEK = 7 * DAY
#: Final codes of a call that rang in vain: given up by the caller (487), by a timer (408), declined (603); none told (0).
RANG = frozenset({0, 408, 487, 603})
#: Q.850 causes of a telephone that rang: normal clearing, alerted without an answer, rejected; none told (0).
ALERTED = frozenset({0, 16, 19, 21})
#: Reference data ``{"numbers": [E.164, …]}``: lines that anybody may call as often as needed.
PUBLIC_LINES = "public_lines"
#: Days a pair's calendar looks back.
CALENDAR = 21
#: A gap outside a third to thrice the mean of those before it begins another streak.
STREAK = 3


class Pair(msgspec.Struct, array_like=True):
    """One caller and one number.

    ``hits``: twice the start of each bothering attempt, plus one at night, oldest first. ``day``: the latest day with a call;
    ``called``, ``bothered``, ``taken``: bit n is set when n days before it there was a call, a bothering attempt, an answered call
    that was none. ``calls`` and ``answered`` ones since the pair is known; ``withheld``: bothering attempts that hid their number.
    ``last``: start of the latest call; ``gaps``, ``total``, ``squares``: how many gaps the present streak of calls has, their sum
    and the sum of their squares, in ms. ``heard``: when the latest bothering attempt was told. ``due``: when the streak is over.
    """

    number: str
    hits: list[int] = []
    day: int = 0
    called: int = 0
    bothered: int = 0
    taken: int = 0
    calls: int = 0
    answered: int = 0
    withheld: int = 0
    last: int = 0
    gaps: int = 0
    total: int = 0
    squares: int = 0
    heard: int = 0
    due: int = 0

    def mark(self, day: int, *, bothers: bool, taken: bool) -> None:
        """Note a call on ``day`` in the calendar."""
        if day > self.day:
            shift, keep = min(day - self.day, CALENDAR), (1 << CALENDAR) - 1
            self.called, self.bothered, self.taken = (bits << shift & keep for bits in (self.called, self.bothered, self.taken))
            self.day = day
        bit = 1 << (self.day - day) & (1 << CALENDAR) - 1
        self.called |= bit
        if bothers:
            self.bothered |= bit
        if taken:
            self.taken |= bit

    def add_call(self, day: int, call: CallState, sign: int, *, bothers: bool) -> None:
        """Count a call to the number, of whatever outcome, or take it back."""
        answered = call.answered is not None
        self.calls += sign
        self.answered += sign * answered
        if bothers and hides(call.presented):
            self.withheld += sign
        if sign > 0:
            self.mark(day, bothers=bothers, taken=answered and not bothers)

    def beat(self, at: int, machine: int) -> None:
        """Take a call's start into the streak. If one of ``machine`` calls is over, its hits are ``autodial``'s."""
        gap, self.last = at - self.last, max(at, self.last)
        if gap <= 0:
            return
        if not self.gaps or self.total <= STREAK * gap * self.gaps <= STREAK * STREAK * self.total:
            self.gaps, self.total, self.squares = self.gaps + 1, self.total + gap, self.squares + gap * gap
            return
        if self.gaps + 1 >= machine:
            self.hits.clear()
        brief = gap * self.gaps < self.total
        self.gaps, self.total, self.squares = (1, gap, gap * gap) if brief else (0, 0, 0)

    def even(self, thousandths: int, least: int) -> bool:
        """Whether the gaps of the streak, ``least`` or more, vary less than a coefficient of variation."""
        spread = self.gaps * self.squares - self.total * self.total
        return self.gaps >= least and spread * 1_000_000 < thousandths * thousandths * self.total * self.total


class Reached(msgspec.Struct, frozen=True):
    """A limit that a sum of bothering attempts has reached; ``nights`` is how many of them count double."""

    level: Literal["notice", "breach"]
    measured: int
    limit: int
    unit: str
    span: int
    nights: int


def bothers(call: CallState, p: HarassmentParams) -> bool:
    """Whether an ended call rang and was not answered, or was answered and ended at once.

    Busy (486, cause 17), unreachable (480) and failures of the network rang nobody. No source tells the ringing itself: a call that
    was given up within ``ring_s`` seconds had not yet been put through.
    """
    ended = call.ended or 0
    if call.answered is not None:
        return ended - call.answered <= p.cut_s * SECOND
    if (call.status or 0) not in RANG or (call.cause or 0) not in ALERTED:
        return False
    return ended - call.started >= p.ring_s * SECOND and (call.status is not None or call.ended_by != "network")


def hides(presented: str) -> bool:
    """Whether a call shows no number: what is presented is a word such as ``anonymous``. Nothing told is not withheld."""
    return bool(presented) and not any(c.isdecimal() for c in presented)


def hit(ctx: Context, call: CallState, p: HarassmentParams) -> int:
    """A bothering attempt as it is kept: its start, doubled, plus one at night."""
    fact = ctx.tenant.fact
    night = is_night(call.dest.e164, call.started, fact.time_zone if fact is not None else ctx.clock.zone, p.night_from, p.night_to)
    return 2 * call.started + night


def add_hit(hits: list[int], one: int, keep: int) -> None:
    """Add a bothering attempt in its place; the oldest beyond ``keep`` is forgotten."""
    insort(hits, one)
    if len(hits) > keep:
        del hits[0]


def since(hits: list[int], after: int) -> tuple[int, int]:
    """The sum of the attempts later than ``after``, those at night doubled, and how many were at night.

    >>> since([2 * 10, 2 * 20 + 1, 2 * 30], 10)
    (3, 1)
    """
    found = hits[bisect_left(hits, 2 * after + 2) :]
    nights = sum(one & 1 for one in found)
    return len(found) + nights, nights


def days_of(hits: list[int], ctx: Context, at: int, pair: Pair) -> int:
    """Different days with bothering attempts in the week up to ``at``."""
    first = ctx.clock.day_of(at - WEEK)
    days = {ctx.clock.day_of(one >> 1) for one in hits if one >> 1 > at - WEEK}
    # Days that lie wholly in the week count by the calendar too: their attempts may have been forgotten.
    days.update(day for n in range(CALENDAR) if pair.bothered >> n & 1 and first < (day := pair.day - n) <= ctx.clock.day_of(at))
    return len(days)


def reached(ctx: Context, pair: Pair, at: int, p: HarassmentParams, channels: int) -> Reached | None:
    """The gravest limit reached by the attempts up to ``at``; None below all of them."""
    hits = pair.hits if not pair.hits or pair.hits[-1] >> 1 <= at else [one for one in pair.hits if one >> 1 <= at]
    if 2 * len(hits) < p.quarter_attempts * channels:
        return None
    day, nights = since(hits, at - DAY)
    if day >= p.day_attempts * channels:
        return Reached("breach", day, p.day_attempts * channels, "attempts/24h", DAY, nights)
    week, nights = since(hits, at - WEEK)
    if week > p.week_attempts * channels and days_of(hits, ctx, at, pair) >= p.week_days:
        return Reached("breach", week, p.week_attempts * channels, "attempts/7d", WEEK, nights)
    for limit, span, unit in ((p.hour_attempts, HOUR, "attempts/60min"), (p.quarter_attempts, 15 * MINUTE, "attempts/15min")):
        count, nights = since(hits, at - span)
        if count >= limit * channels:
            return Reached("notice", count, limit * channels, unit, span, nights)
    return None


def is_public(ctx: Context, number: str) -> bool:
    """Whether a number is on the list of public lines in force: asked only once a limit is reached, since the list may be long."""
    listed = ctx.partition.references.get(PUBLIC_LINES)
    numbers = listed.get("numbers") if isinstance(listed, dict) else None
    return isinstance(numbers, list | tuple) and number in numbers


def dialled_by_machine(pair: Pair, p: HarassmentParams) -> bool:
    """Whether the streak may be a machine's: faster than ``machine_gap_s`` and too even for a hand."""
    return pair.total <= p.machine_gap_s * SECOND * pair.gaps and pair.even(p.variation_thousandths, 2)


def regular(pair: Pair, p: HarassmentParams) -> int:
    """How regular the calls are: 2 for 14 days and more, 1 for a younger pair, 0 when they are not, or are mostly not answered."""
    if 100 * pair.answered < p.answered_percent * pair.calls:
        return 0
    if pair.called >> p.regular_days and (pair.called >> 1 & (1 << p.regular_days) - 1).bit_count() >= p.regular_called_days:
        return 2
    return 1 if pair.taken.bit_count() >= p.week_days or pair.even(p.variation_thousandths, p.quarter_attempts - 1) else 0
