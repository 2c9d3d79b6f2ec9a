"""A licence works as a call centre that was not declared when the order was placed.

**What it catches.** Agents who call out all day, agents who answer all day, and queues spread over several licences. A day
counts when two of six outgoing signs hold at its close (many destinations, many calls, long hours of talk, many minutes, far
more calls out than in, most numbers called once) and that day itself added to them; or when 50 calls were answered with three
hours of talk; or when three licences answered 50 calls each of one group's queue. Five such working days of the last 20 are a
breach, three a notice. When three licences and a fifth of a customer's active ones show it, the customer's own alert replaces
theirs.

**What it cannot see.** Whether an agent sells or advises: the contract asks for a declaration, not for a purpose. Work spread
thinly over many licences below each limit. Calls between colleagues count for nothing.

**Honest look-alikes.** Drivers and couriers ring many doors once, briefly: one of the two signs must be calls a day, talk per
hour or minutes a month. A reception desk answers 50 calls with three hours of talk: that is what the incoming sign says, and a
reviewer must know the house. A fund-raising week fills no five working days.

**How to tune.** A customer that declares its call centre is exempt: correct the order rather than the limits. Raise
``day_calls`` and ``month_minutes`` for sales offers. ``breach_days`` and ``notice_days`` of ``working_days`` set the patience.
Sources: the contract's destinations, published fair-use minutes and talk per hour of dialling teams, one operator's ratio of
calls out and in; the days are ours.

**Vectors** (``tests/detectors/rules/test_call_centre.py``).

* caught: 80 calls a day to new numbers, three days a notice, five a breach
  (``test_three_showing_days_are_a_notice_and_five_a_breach``)
* caught: 50 answered calls a day with three hours of talk (``test_fifty_answered_calls_with_three_hours_of_talk_show``)
* caught: a queue of one group over three licences (``test_a_queue_spread_over_three_licences_shows_and_over_two_does_not``)
* caught: three licences and a fifth of the active ones are the customer's alert
  (``test_three_licences_and_a_fifth_of_the_active_ones_make_it_the_customers_alert``)
* let go: a courier who rings many doors once, briefly (``test_a_courier_who_rings_many_doors_once_and_briefly_is_not_caught``)
* let go: a declared call centre (``test_a_declared_call_centre_is_exempt``)
* let go: week-ends and public holidays (``test_weekends_and_public_holidays_are_no_working_days``)
* let go: many calls to known numbers that call back
  (``test_many_calls_to_known_numbers_that_call_back_are_one_sign_and_say_nothing``)

Eighty calls to new numbers on each of five working days:

>>> from detectors.events import Call, Dest
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> for day in range(5):
...     for n in range(80):
...         at, to = 1_772_434_800_000 + 86_400_000 * day + 300_000 * n, Dest(e164=f"+33612{day}{n:04}", cls="mobile")
...         times = {"started_at": at, "answered_at": at + 9_000, "ended_at": at + 200_000}
...         who = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{day}-{n}", "direction": "outbound"}
...         said += partition.step(Call(phase="cdr", time=at + 200_000, dest=to, **who, **times))
>>> said += partition.finish(1_772_434_800_000 + 86_400_000 * 6)
>>> [(a.level, a.measured, a.limit) for a in said if isinstance(a, Alert) and a.rule == "call-centre"]
[('notice', 3, 3), ('notice', 4, 3), ('breach', 5, 5)]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.centre.customer import CallCentreTenant, answers_queue, judge, keep, see_judged, shared, spoken_for
from detectors.centre.signs import CallCentreFacts, CentreSign, against, facts, inbound_signs, outbound_signs, summary
from detectors.centre.talk import OpenDay, Talk, add_talk
from detectors.centre.working_days import first_of_last, holidays_of, is_working
from detectors.days import DAY, HOUR, SECOND
from detectors.digest import digest64
from detectors.errors import PolicyError
from detectors.outputs import Level, Window
from detectors.outside import channels_of, comes_in, goes_out
from detectors.rule import Detector, Direction, Finding, Params
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: A trunk's destinations are remembered up to this number (about 250 KB); beyond it that sign is not judged.
MOST_DESTINATIONS = 20_000


class CallCentreParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the outgoing signs, of the incoming ones, of a customer; counts of a trunk are times its channels."""

    destinations: int = 160
    day_calls: int = 75
    hour_minutes: int = 30
    hours: int = 4
    month_minutes: int = 3_000
    ratio: int = 4
    ratio_calls: int = 300
    once_percent: int = 80
    once_destinations: int = 50
    adds_calls: int = 50
    adds_talk_hours: int = 3
    inbound_calls: int = 50
    inbound_talk_hours: int = 3
    queue_licences: int = 3
    working_days: int = 20
    notice_days: int = 3
    breach_days: int = 5
    tenant_licences: int = 3
    tenant_percent: int = 20
    destinations_kept: int = 320

    def __post_init__(self) -> None:
        if self.destinations >= self.destinations_kept:
            raise PolicyError("policy: [rules.call-centre] destinations must stay below destinations_kept (twice it is advised)")
        if not 0 < self.notice_days <= self.breach_days <= self.working_days:
            raise PolicyError("policy: [rules.call-centre] notice_days, breach_days and working_days must not decrease in this order")


class CallCentreState(msgspec.Struct, array_like=True):
    """``outbound`` and ``inbound``: days that showed it, oldest first; ``proofs``: the call that made each of them count."""

    talk: Talk = msgspec.field(default_factory=Talk)
    outbound: list[int] = []
    inbound: list[int] = []
    proofs: dict[int, Mark] = {}


DECLARED = "the customer has declared its call centre"


class CallCentre(Detector[CallCentreParams, CallCentreState]):
    """See the module."""

    rule = "call-centre"
    clause = "5.d, 9.e"
    title = "Call centre that was not declared"
    unit = "working days"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "review", "desk_phone": "review", "trunk": "review"}
    Params = CallCentreParams
    State = CallCentreState
    TenantState = CallCentreTenant
    Facts = CallCentreFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("outbound", "inbound"), "call_ended": ("outbound", "inbound")}

    def call_started(self, ctx: Context, s: CallCentreState, p: CallCentreParams, call: CallState) -> None:
        """Count the call in its day and hour, and its destination."""
        outbound = call.direction == "outbound"
        if not (goes_out(call) if outbound else comes_in(ctx, call)):
            return
        talk, at = s.talk, call.started
        day = ctx.clock.day_of(at)
        today = talk.open.get(day)
        if today is None:
            if day <= ctx.licence.closed:
                row = talk.rows.get(day)
                if row is not None:
                    row[0 if outbound else 1] += 1
                return
            today = talk.day(day, ctx.clock.bounds(day)[0])
        today.calls[(at - today.start) // HOUR] += 1
        if not outbound:
            today.came += 1
            return
        today.out += 1
        channels = channels_of(ctx)
        if today.out == p.adds_calls * channels:
            today.proofs[0] = _mark(call, call.dest.e164)
        if talk.call(digest64(call.dest.e164), day, min(p.destinations_kept * channels, MOST_DESTINATIONS)):
            today.distinct += 1

    def call_ended(self, ctx: Context, s: CallCentreState, p: CallCentreParams, call: CallState, sign: int) -> None:
        """Count the talk: outgoing talk by clock hours, incoming talk by the day it began."""
        start, end = call.answered, call.ended
        if start is None or end is None:
            return
        outbound = call.direction == "outbound"
        if not (goes_out(call) if outbound else comes_in(ctx, call)):
            return
        end = min(end, start + DAY)
        while True:
            day = ctx.clock.day_of(start)
            until = end if not outbound else min(end, ctx.clock.bounds(day)[1])
            today = s.talk.open.get(day)
            if today is None and day > ctx.licence.closed:
                today = s.talk.day(day, ctx.clock.bounds(day)[0])
            if today is None:
                row = s.talk.rows.get(day)
                if row is not None and outbound:
                    row[2] += sign * ((until - start) // SECOND)
            elif outbound:
                add_talk(today, start, until, sign)
            else:
                self._taken(ctx, p, today, day, call, until - start, sign)
            if until >= end:
                return
            start = until

    def _taken(self, ctx: Context, p: CallCentreParams, today: OpenDay, day: int, call: CallState, talk: int, sign: int) -> None:
        """An incoming call that this licence answered."""
        today.taken += sign
        today.taken_talk += sign * talk
        limit = p.inbound_calls * channels_of(ctx)
        if today.taken == limit:
            today.proofs[1] = _mark(call, call.caller)
        if call.diverted_by is not None and ctx.tenant.licences.get(call.diverted_by) == "group":
            today.queued += sign
            if today.queued == limit:
                answers_queue(ctx, day)

    def day_closed(self, ctx: Context, s: CallCentreState, p: CallCentreParams, day: int) -> None:
        """Close the days up to ``day``; most licences show nothing and are left at once."""
        opened = s.talk.open
        shown: Shown | None = None
        for past in sorted(d for d in opened if d <= day) if opened else ():
            shown = self._shows(ctx, s, p, past, s.talk.close(past)) or shown
        if s.outbound or s.inbound or self.rule in ctx.tenant.alerts:
            count, outbound = self._standing(ctx, s, p, day)
            see_judged(ctx, p, ctx.clock.bounds(day)[1])
            if shown is not None and count >= p.notice_days:
                self._tell(ctx, s, p, shown, count, outbound)

    def _shows(self, ctx: Context, s: CallCentreState, p: CallCentreParams, day: int, closed: OpenDay) -> Shown | None:
        """Judge a day at its close; note it when it shows the use."""
        channels = channels_of(ctx)
        adds = closed.out >= p.adds_calls * channels or closed.talk >= p.adds_talk_hours * HOUR * channels
        answers = closed.taken >= p.inbound_calls * channels
        if not adds and not answers:
            return None
        s.talk.heat[day] = closed.calls
        if _declared(ctx) or not is_working(day, holidays_of(ctx.partition.references)):
            return None
        signs = outbound_signs(s.talk, p, closed, day, channels) + inbound_signs(p, closed, len(shared(ctx).queue.get(day, ())), channels)
        out = [sign for sign in signs if sign.holds and sign.way == "out"]
        outbound = adds and len(out) >= 2 and any(sign.carries for sign in out)
        inbound = any(sign.holds and sign.way == "in" for sign in signs)
        if outbound:
            s.outbound.append(day)
        if inbound:
            s.inbound.append(day)
        if not outbound and not inbound:
            return None
        proof = closed.proofs[0 if outbound else 1]
        if proof is None and outbound:
            # A day that counts by its hours of talk alone: its latest outgoing calls are still remembered.
            start, end = ctx.clock.bounds(day)
            proof = next((mark for mark in ctx.licence.marks if start <= mark.time < end), None)
        if proof is not None:
            s.proofs[day] = proof
        return day, signs

    def _standing(self, ctx: Context, s: CallCentreState, p: CallCentreParams, day: int) -> tuple[int, bool]:
        """Showing days among the last working days, and whether they are outgoing ones; keep the customer's list of breaches."""
        since = first_of_last(p.working_days, day, holidays_of(ctx.partition.references))
        s.outbound = [d for d in s.outbound if d >= since]
        s.inbound = [d for d in s.inbound if d >= since]
        s.proofs = {d: mark for d, mark in s.proofs.items() if d >= since}
        outbound = len(s.outbound) >= len(s.inbound)
        days = s.outbound if outbound else s.inbound
        keep(ctx, days, p, s.proofs[max(s.proofs)] if s.proofs else None)
        return len(days), outbound

    def _tell(self, ctx: Context, s: CallCentreState, p: CallCentreParams, shown: Shown, count: int, outbound: bool) -> None:
        day, signs = shown
        crossed = ctx.clock.bounds(day)[1]
        level: Level = "breach" if count >= p.breach_days else "notice"
        if level == "breach" and spoken_for(ctx):
            return
        if not ctx.wants(self.rule, level, count):
            return
        proofs = [s.proofs[d] for d in sorted(s.proofs)]
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=count,
                limit=p.breach_days if level == "breach" else p.notice_days,
                unit=self.unit,
                window=Window(ctx.clock.bounds(first_of_last(p.working_days, day, holidays_of(ctx.partition.references)))[0], crossed),
                crossed_at=crossed,
                issued_at=ctx.now,
                summary=summary(p, signs, day, count, outbound, level),
                facts=facts(s.talk, signs, s.outbound, s.inbound, day, outbound),
                against=against(s.talk, signs, p, day, count, outbound),
                evidence=ctx.evidence(proofs),
            )
        )

    def timer(self, ctx: Context, s: CallCentreState, p: CallCentreParams, at: int) -> None:
        """Judge the customer, when all its licences have closed their day."""
        if not _declared(ctx):
            judge(ctx, p, at, self.applies)

    def facts_changed(self, ctx: Context, s: CallCentreState, p: CallCentreParams) -> None:
        """A call centre that is declared is exempt from then on: its episode ends."""
        if not _declared(ctx):
            return
        ctx.close(self.rule, DECLARED, tenant_wide=True)
        if s.outbound or s.inbound:
            s.outbound, s.inbound, s.proofs = [], [], {}
            keep(ctx, [], p, None)
            ctx.close(self.rule, DECLARED)

    def holds(self, ctx: Context, s: CallCentreState, p: CallCentreParams, day: int) -> bool:
        """Whether the last working days still show enough for a notice."""
        return self._standing(ctx, s, p, day)[0] >= p.notice_days


Shown = tuple[int, list[CentreSign]]


def _declared(ctx: Context) -> bool:
    return ctx.tenant.fact is not None and ctx.tenant.fact.call_centre_declared


def _mark(call: CallState, number: str) -> Mark:
    return Mark(call.started, "call", number, call.country, call.network, call.src, call.line)


RULE = CallCentre()
