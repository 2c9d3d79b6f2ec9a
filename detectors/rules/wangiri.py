"""One ring and gone: calls that only want to be called back, placed by a customer, or aimed at one.

**What it catches.** *Caller*: a licence that rings numbers for eight seconds or less and hangs up before anybody can answer: 60
different numbers in an hour, and such rings 80 % or more of its outgoing attempts in that hour; half as many numbers are a notice.
A trunk is judged by the same counts times its channels. *Victim*: one foreign range (calling code and three digits) that the
customer does not call leaves short missed calls on five of its licences, in five different calls, within 24 hours, and somebody
calls that range back: a notice for the whole customer, so that its users can be warned before more of them do.

**What it cannot see.** A caller who lets it ring longer than eight seconds, or spreads the calls over licences. Who was behind a
withheld number, or one shown without ``+`` or ``00``. The victim's side needs incoming calls with their true end: a source that does
not report unanswered ones shows nothing. A range that changes with each call is many ranges with one call each.

**Honest look-alikes.** A person who misdials hangs up after one ring, now and then, never sixty times. A dialler that gives up early is
``autodial`` as well; both alerts are right. A partner abroad who tries five colleagues in turn and is called back is known to the
customer by its range. One call that rings a whole group leaves a missed call on each phone, and is one call.

**How to tune.** ``ring_s`` and the two counts are ours; the US Telemarketing Sales Rule asks callers to let it ring 15 seconds or
four rings. Raise ``victims`` for customers with many numbers in one published block. Keep the mode at ``review``.

**Vectors** (``tests/detectors/rules/test_wangiri.py``).

* caught: 60 different numbers rung for five seconds in an hour (``test_60_short_rings_to_distinct_numbers_in_an_hour_are_a_breach``)
* caught: short missed calls on five licences, and a call back
  (``test_missed_calls_from_one_range_on_five_licences_and_a_call_back_are_the_customers_notice``)
* let go: one number rung 60 times (``test_60_short_rings_to_one_number_are_nothing``)
* let go: short rings among ordinary calls (``test_short_rings_that_are_under_80_percent_of_attempts_are_nothing``)
* let go: a call that rang a whole group, called back (``test_one_call_that_rang_a_whole_group_is_one_missed_call``)
* let go: a partner abroad who is called anyway (``test_a_partner_range_that_the_customer_calls_anyway_is_nothing``)

A number every twenty seconds, rung for four:

>>> from detectors.events import Call, Dest
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> core, said = Partition(1, {RULE.rule: RULE}), []
>>> for n in range(60):
...     at = 1_772_434_800_000 + 20_000 * n
...     to = Dest(e164=f"+3361200{37 * n:04}", cls="mobile")
...     leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{n}", "direction": "outbound", "dest": to}
...     said += core.step(Call(phase="attempt", time=at, **leg))
...     said += core.step(Call(phase="end", time=at + 4_000, started_at=at, status=487, ended_by="caller", **leg))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert)]
[('notice', 30, 30, 'numbers/60min'), ('breach', 60, 60, 'numbers/60min')]
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import HOUR, MINUTE, SECOND
from detectors.digest import digest64
from detectors.errors import PolicyError
from detectors.outputs import Level, Window
from detectors.outside import channels_of, comes_in, goes_out
from detectors.rule import Detector, Direction, Finding, Params
from detectors.tolls import callbacks
from detectors.tolls.callbacks import MOST_VICTIMS, Origin, WangiriTenant
from detectors.tolls.history import outside
from detectors.windows import count_since, push

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: Rings kept: twice the highest limit, so that growth is seen; a trunk's counts stop growing with its channels here.
MOST_RINGS = 2_048


class WangiriParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A short ring, how many different numbers of them in an hour and which share of attempts; the victims' side."""

    ring_s: int = 8
    notice_numbers: int = 30
    breach_numbers: int = 60
    percent: int = 80
    victims: int = 5
    victim_hours: int = 24

    def __post_init__(self) -> None:
        if not 0 < self.notice_numbers <= self.breach_numbers <= MOST_RINGS // 2:
            raise PolicyError(f"policy: [rules.wangiri] notice_numbers must be positive, at most breach_numbers, that {MOST_RINGS // 2}")
        if not 0 < self.percent <= 100:
            raise PolicyError("policy: [rules.wangiri] percent must be 1 to 100")
        if not 2 <= self.victims <= MOST_VICTIMS // 2:
            raise PolicyError(f"policy: [rules.wangiri] victims must be 2 to {MOST_VICTIMS // 2}")
        if self.ring_s <= 0 or self.victim_hours <= 0:
            raise PolicyError("policy: [rules.wangiri] ring_s and victim_hours must be positive")


class WangiriState(msgspec.Struct, array_like=True):
    """State of a licence; empty unless it has let a number ring briefly in the last hour.

    ``rings``: (when, digest of the number) of short rings; ``others``: when its other outgoing calls began; ``held``: when the notice
    limit was last reached.
    """

    rings: list[tuple[int, int]] = []
    others: list[int] = []
    held: int = 0


class WangiriFacts(msgspec.Struct, kw_only=True):
    """What the screen plots: of a caller its rings by minute, of a victim the ranges that rang and were called back."""

    side: Literal["caller", "victim"]
    """Which of the two this is."""
    rings_per_minute: list[int]
    """Caller: short rings in each of the last 60 minutes, oldest first."""
    numbers: int
    """Caller: different numbers among them."""
    rings: int
    """Caller: short rings of the last hour."""
    attempts: int
    """Caller: outgoing attempts of the last hour."""
    origins: list[Origin]
    """Victim: ranges with short missed calls on enough licences, by licences, then by range."""


class Wangiri(Detector[WangiriParams, WangiriState]):
    """See the module."""

    rule = "wangiri"
    clause = "5.d, 12.c, 12.d"
    title = "Rings that want to be called back"
    unit = "numbers/60min"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "auto", "desk_phone": "review", "trunk": "review"}
    Params = WangiriParams
    State = WangiriState
    TenantState = WangiriTenant
    Facts = WangiriFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("outbound",), "call_ended": ("outbound", "inbound")}

    def call_started(self, ctx: Context, s: WangiriState, p: WangiriParams, call: CallState) -> None:
        """A call to a foreign range may be a call back."""
        dest = call.dest
        if call.direction != "outbound" or dest.cls == "mobile" or dest.cls == "fixed" or not outside(ctx, dest.e164, dest.cls):
            return
        origin = callbacks.called_back(ctx, dest.e164, p.victims, p.victim_hours * HOUR)
        if origin is not None:
            self._warn(ctx, p, origin)

    def call_ended(self, ctx: Context, s: WangiriState, p: WangiriParams, call: CallState, sign: int) -> None:
        """A short ring is counted among the licence's own, or left by a stranger on it; any other call weighs against it."""
        ended = call.ended
        short = call.answered is None and ended is not None and ended - call.started <= p.ring_s * SECOND
        if call.direction == "inbound":
            if short and call.caller[:1] in ("+", "0") and comes_in(ctx, call):
                callbacks.missed(ctx, call, sign, p.victim_hours * HOUR)
            return
        if short and (call.ended_by == "caller" or call.status == 487):
            if goes_out(call):
                self._ring(ctx, s, p, call, sign)
        elif s.rings and goes_out(call):
            if s.rings[-1][0] <= call.started - HOUR:
                s.rings, s.others = [], []
            elif sign > 0:
                push(s.others, call.started, self._most(ctx, p))
            elif call.started in s.others:
                s.others.remove(call.started)

    def timer(self, ctx: Context, s: WangiriState, p: WangiriParams, at: int) -> None:
        """The customer's alert ends once no range has rung enough licences within the window."""
        until = callbacks.stands_until(ctx, p.victims, p.victim_hours * HOUR)
        if until is None:
            ctx.close(self.rule, f"no range has left missed calls on {p.victims} licences for {p.victim_hours} hours", tenant_wide=True)
        else:
            ctx.wake(self.rule, until)

    def holds(self, ctx: Context, s: WangiriState, p: WangiriParams, day: int) -> bool:
        """Whether the notice limit was reached on the day that closes: its hour has gone by one in the morning."""
        return s.held >= ctx.clock.bounds(day)[0]

    # -- the caller --------------------------------------------------------------------------------------------------

    @staticmethod
    def _most(ctx: Context, p: WangiriParams) -> int:
        return min(2 * p.breach_numbers * channels_of(ctx), MOST_RINGS)

    def _ring(self, ctx: Context, s: WangiriState, p: WangiriParams, call: CallState, sign: int) -> None:
        at, number = call.started, digest64(call.dest.e164)
        if sign < 0:
            if (at, number) in s.rings:
                s.rings.remove((at, number))
            return
        if not s.rings or s.rings[-1][0] <= at - HOUR:
            # The first ring for an hour: what was called before it is in the marks, other calls are counted from here on.
            s.rings = []
            s.others = [m.time for m in ctx.marks_since(at - HOUR) if m.number[:1] == "+" and m.time < at]
        insort(s.rings, (at, number))
        now = s.rings[-1][0]
        while s.rings[0][0] <= now - HOUR or len(s.rings) > self._most(ctx, p):
            del s.rings[0]
        channels = channels_of(ctx)
        if len(s.rings) >= min(p.notice_numbers * channels, MOST_RINGS // 2):
            self._judge(ctx, s, p, now, channels)

    def _judge(self, ctx: Context, s: WangiriState, p: WangiriParams, now: int, channels: int) -> None:
        rings, numbers = len(s.rings), len({number for _, number in s.rings})
        attempts = rings + count_since(s.others, now - HOUR)
        limits = [min(limit * channels, MOST_RINGS // 2) for limit in (p.notice_numbers, p.breach_numbers)]
        if numbers < limits[0] or rings * 100 < p.percent * attempts:
            return
        s.held = ctx.now
        level: Level = "breach" if numbers >= limits[1] else "notice"
        if not ctx.wants(self.rule, level, numbers):
            return
        minutes = [0] * 60
        for at, _ in s.rings:
            minutes[59 - (now - at) // MINUTE] += 1
        marks = ctx.marks_since(now - HOUR)
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=numbers,
                limit=limits[level == "breach"],
                unit=self.unit,
                window=Window(now - HOUR, now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=f"{numbers} different numbers were rung for {p.ring_s} seconds or less within 60 minutes, and nobody was let "
                f"answer (limit {limits[level == 'breach']}); that is {rings * 100 // attempts} % of {attempts} attempts.",
                facts=WangiriFacts(side="caller", rings_per_minute=minutes, numbers=numbers, rings=rings, attempts=attempts, origins=[]),
                against=(f"{attempts - rings} of {attempts} calls in that hour were no such rings",) if attempts > rings else (),
                evidence=ctx.evidence(marks),
                evidence_more=max(0, attempts - len(marks)),
            )
        )

    # -- the victim --------------------------------------------------------------------------------------------------

    def _warn(self, ctx: Context, p: WangiriParams, origin: Origin) -> None:
        until = callbacks.stands_until(ctx, p.victims, p.victim_hours * HOUR)
        if until is not None:
            ctx.wake(self.rule, until)
        if not ctx.tenant_wants(self.rule, "notice", origin.licences):
            return
        origins = callbacks.origins(ctx, p.victims, p.victim_hours * HOUR)
        ctx.report(
            Finding(
                rule=self.rule,
                level="notice",
                measured=origin.licences,
                limit=p.victims,
                unit="licences",
                window=Window(ctx.now - p.victim_hours * HOUR, ctx.now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=f"Numbers of the range {origin.range} rang {origin.licences} licences for {p.ring_s} seconds or less within "
                f"{p.victim_hours} hours, and were called back (limit {p.victims} licences): the customer's users should be warned.",
                facts=WangiriFacts(side="victim", rings_per_minute=[], numbers=0, rings=0, attempts=0, origins=origins),
                against=("the customer is the victim here: nothing of its own is restricted",),
                evidence=ctx.evidence(ctx.licence.marks[-1:]),
                tenant_wide=True,
                involved=(ctx.licence.licence,),
            )
        )


RULE = Wangiri()
