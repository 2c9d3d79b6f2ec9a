"""A call of an unlimited offer lasts longer than two hours: the part beyond may be billed off-plan.

**What it catches.** Outgoing calls that the offer includes, of licences with an unlimited offer, measured from answer to end.
A notice at 1 hour 50, a breach one second after two hours, while the call is still up; once its end is told, the seconds beyond two
hours are metered. Calls to numbers outside the offer are not its business: they are billed anyway.

**What it cannot see.** An offer that nobody stated is not covered, and the summary counts such licences (``offer_unknown``). A
source that sends only CDRs tells a call when it has ended: nothing is said while it is up. A PBX that loses the ends of its
calls cannot prove that a call is up: unless it told the end of 99 % of the customer's answered calls in the last 24 hours, an open
call raises a notice at most. A call whose end never comes is closed as lost after a day, which withdraws what was said of it,
and nothing is metered.

**Honest look-alikes.** A conference bridge joined for a whole workshop, a call put on hold and forgotten, a door or lift
station that does not hang up, a parent listening to a baby's room. The contract limits them all the same, but the consequence is a
bill for the part beyond and no restriction: look at whether it happens again.

**How to tune.** ``breach_s`` is the contract's limit plus one second and ``notice_s`` the warning; ``ends_percent`` is how well a PBX
must tell ends to be believed; ``metering = "review"`` leaves the bill to a person.

**Vectors** (``tests/detectors/rules/test_long_call.py``).

* caught: a call still up one second after two hours, when its PBX tells its ends
  (``test_a_call_still_up_after_two_hours_and_one_second_is_a_breach_at_that_very_second``)
* caught: a CDR of a call of three hours (``test_a_cdr_of_a_long_call_is_judged_when_it_comes``)
* caught: two hours across the change to summer time are two hours
  (``test_two_hours_are_two_hours_when_the_clocks_change``)
* let go: a call that ends after two hours exactly (``test_a_call_of_two_hours_exactly_is_no_breach``)
* let go: a metered offer, or one that nobody stated (``test_only_unlimited_offers_are_judged``)
* let go: a premium number, or a call that the PBX says is not in the plan (``test_only_calls_that_the_offer_includes_are_judged``)
* let go: a call whose end never came: withdrawn after a day, nothing metered
  (``test_a_call_that_never_ends_is_lost_after_a_day_which_withdraws_it``)

A call that its PBX reports as it goes on; before it, another whose end was told:

>>> from detectors.events import Call, Dest, Tenant
>>> from detectors.outputs import Alert, Metering
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> said += partition.step(Tenant(time=1, tenant="acme", offer="unlimited"))
>>> for n, (start, talk) in enumerate([(0, 60), (3_600, 9_000)]):
...     at = 1_772_434_800_000 + 1_000 * start
...     leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{n}", "direction": "outbound"}
...     leg["dest"] = Dest(e164="+33612345678", cls="mobile")
...     said += partition.step(Call(phase="attempt", time=at, **leg))
...     said += partition.step(Call(phase="answer", time=at, answered_at=at, **leg))
...     said += partition.step(Call(phase="end", time=at + 1_000 * talk, ended_at=at + 1_000 * talk, **leg))
>>> [(a.level, a.measured, a.limit, (a.issued_at - at) // 1000) for a in said if isinstance(a, Alert) and a.rule == "long-call"]
[('notice', 6600, 6600, 6600), ('breach', 7201, 7201, 7201)]
>>> [(m.rules, (m.from_ - at) // 1000, m.seconds, m.billing_month) for m in said if isinstance(m, Metering)]
[(('long-call',), 7200, 1800, '2026-03')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from detectors.calls import LOST_HOURS, lose
from detectors.days import DAY, HOUR, SECOND
from detectors.errors import PolicyError
from detectors.offer.long_calls import (
    MOST_CALLS,
    Long,
    LongCallFacts,
    LongCallState,
    LongCallTenant,
    facts,
    found,
    miss,
    tells_ends,
    told_end,
)
from detectors.offer.terms import MeteredParams, cost_of, in_plan, unlimited
from detectors.outputs import Level, Window
from detectors.rule import Detector, Direction, Finding
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

LEVELS: tuple[Level, ...] = ("notice", "notice", "breach")


class LongCallParams(MeteredParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds from answer: of the notice and of the breach; the offer includes one second less than ``breach_s``."""

    notice_s: int = 6_600
    breach_s: int = 7_201
    ends_percent: int = 99
    max_call_hours: int = LOST_HOURS

    def __post_init__(self) -> None:
        if not 0 < self.notice_s < self.breach_s < self.max_call_hours * 3_600:
            raise PolicyError("policy: [rules.long-call] needs 0 < notice_s < breach_s < max_call_hours (in seconds)")
        if not 0 <= self.ends_percent <= 100:
            raise PolicyError("policy: [rules.long-call] ends_percent must lie between 0 and 100")

    @property
    def included(self) -> int:
        """Milliseconds of a call that the offer includes."""
        return (self.breach_s - 1) * SECOND


class LongCall(Detector[LongCallParams, LongCallState]):
    """See the module."""

    rule = "long-call"
    clause = "9.f"
    title = "Call longer than two hours on an unlimited offer"
    unit = "s"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "review", "desk_phone": "review", "trunk": "review", "fax": "review",
    }  # fmt: skip
    Params = LongCallParams
    State = LongCallState
    TenantState = LongCallTenant
    Facts = LongCallFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_answered": ("outbound",), "call_ended": ("outbound",)}

    def call_answered(self, ctx: Context, s: LongCallState, p: LongCallParams, call: CallState) -> None:
        """See that the call is looked at when it reaches the notice limit; the first of several is enough, it finds the others."""
        if call.whole or call.answered is None or not in_plan(call) or not unlimited(ctx):
            return
        due, at = call.answered + p.notice_s * SECOND, ctx.licence.timers.get(self.rule)
        if at is None or due < at:
            ctx.wake(self.rule, due)

    def call_ended(self, ctx: Context, s: LongCallState, p: LongCallParams, call: CallState, sign: int) -> None:
        """Judge a call that is told when it is over, and claim the seconds beyond the limit: only a real end meters."""
        start, end = call.answered, call.ended
        if start is None or end is None or not in_plan(call) or not unlimited(ctx):
            return
        told = call.told
        if not call.whole and told:
            told_end(ctx, call.pbx, end, sign)
        if end - start < p.notice_s * SECOND:
            return
        found(ctx, call.pbx, call.key)
        known = next((one for one in s.calls if one.key == call.key and one.mark.time == call.started), None)
        if sign < 0 or not told:
            ctx.release(self.rule, call)
            if known is not None:
                s.calls.remove(known)
                if not told:
                    self._lost(ctx, s, p)
            return
        one = known or self._note(s, call, start, end)
        one.ended, one.level = end, 2 if end - start >= p.breach_s * SECOND else 1
        if end - start > p.included:
            one.cost = cost_of(call, end - start - p.included)
            ctx.claim(self.rule, call, start + p.included, end)
        self._tell(ctx, s, p, one, end, True)

    def timer(self, ctx: Context, s: LongCallState, p: LongCallParams, at: int) -> None:
        """Look at the calls that are up: notice, breach, and those whose end will not come."""
        up, due = ctx.licence.calls.up, 0
        if not unlimited(ctx):
            return
        for call in list(up.values()):
            answered = call.answered
            if answered is None or not in_plan(call):
                continue
            lasts = at - answered
            if lasts >= p.max_call_hours * HOUR:
                lose(ctx.licence.calls, call.key)
                continue
            if lasts >= p.notice_s * SECOND:
                self._up(ctx, s, p, call, answered, at)
            limits = (p.notice_s * SECOND, p.breach_s * SECOND, p.max_call_hours * HOUR)
            next_due = answered + next(limit for limit in limits if limit > lasts)
            due = min(due or next_due, next_due)
        if due:
            ctx.wake(self.rule, due)
        if any(not one.ended and one.key not in up for one in s.calls):
            s.calls = [one for one in s.calls if one.ended or one.key in up]
            self._lost(ctx, s, p)

    def facts_changed(self, ctx: Context, s: LongCallState, p: LongCallParams) -> None:
        """An exemption reaches back over what was metered; a new offer lets calls that are up be looked at."""
        ctx.meter_again()
        if ctx.licence.calls.up:
            for call in ctx.licence.calls.up.values():
                self.call_answered(ctx, s, p, call)

    def holds(self, ctx: Context, s: LongCallState, p: LongCallParams, day: int) -> bool:
        """Whether a long call was up on that day or since."""
        since, up = ctx.clock.bounds(day)[0], ctx.licence.calls.up
        s.calls = [one for one in s.calls if (one.ended >= since if one.ended else one.key in up)]
        return bool(s.calls)

    # -- judging -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _note(s: LongCallState, call: CallState, answered: int, now: int) -> Long:
        mark = Mark(call.started, "call", call.dest.e164, call.country, call.network, call.src, call.line)
        # One that ended two days ago belongs to an episode that is over, or was hidden by an exemption.
        s.calls = [one for one in s.calls if not one.ended or one.ended > now - 2 * DAY][-MOST_CALLS + 1 :]
        s.calls.append(Long(call.key, mark, answered))
        return s.calls[-1]

    def _up(self, ctx: Context, s: LongCallState, p: LongCallParams, call: CallState, answered: int, at: int) -> None:
        """A call is up, or its end was lost, over the notice limit at ``at``."""
        one = next((one for one in s.calls if one.key == call.key and not one.ended), None) or self._note(s, call, answered, at)
        if at - answered >= p.breach_s * SECOND and one.level == 1:
            told = tells_ends(ctx, call, at, p.ends_percent)
            miss(ctx, call, at)
            # A phone that left without an end being told does not talk on.
            one.level = 2 if told and call.cut is None else 1
            one.cost = cost_of(call, at - answered - p.included)
            self._tell(ctx, s, p, one, at, told)
        else:
            self._tell(ctx, s, p, one, at, tells_ends(ctx, call, at, p.ends_percent))

    def _lost(self, ctx: Context, s: LongCallState, p: LongCallParams) -> None:
        """A call turned out to have no end: what only it carried is withdrawn, what another call carries is said again."""
        alert = ctx.licence.alerts.get(self.rule)
        best = max(s.calls, key=lambda one: (one.level, (one.ended or ctx.now) - one.answered), default=None)
        if alert is None or (best is not None and LEVELS[best.level] == alert.statement.level):
            return
        ctx.withdraw(self.rule, f"no end came within {p.max_call_hours} hours: the call is closed as lost")
        if best is not None:
            self._report(ctx, s, p, best, best.ended or ctx.now, True)

    def _tell(self, ctx: Context, s: LongCallState, p: LongCallParams, one: Long, at: int, told: bool) -> None:
        if ctx.wants(self.rule, LEVELS[one.level], (at - one.answered) // SECOND):
            self._report(ctx, s, p, one, at, told)

    def _report(self, ctx: Context, s: LongCallState, p: LongCallParams, one: Long, at: int, told: bool) -> None:
        lasts, breach = (at - one.answered) // SECOND, one.level == 2
        limit = p.breach_s if breach else p.notice_s
        against = []
        if not one.ended:
            against.append("the call is still up: a call put on hold and forgotten looks the same")
            if not told:
                against.append(
                    f"its PBX told the end of fewer than {p.ends_percent} % of the calls of the last 24 hours: this end may be lost"
                )
        if len(s.calls) == 1:
            against.append("the only long call of these days")
        state = "has lasted" if not one.ended else "lasted"
        ctx.report(
            Finding(
                rule=self.rule,
                level=LEVELS[one.level],
                measured=lasts,
                limit=limit,
                unit=self.unit,
                window=Window(one.answered, at),
                crossed_at=one.answered + limit * SECOND,
                issued_at=ctx.now,
                summary=f"A call {state} {lasts} s; the offer includes {p.breach_s - 1} s per call (limit {limit} s).",
                facts=facts(s.calls, at, p.breach_s - 1, told),
                against=tuple(against),
                evidence=ctx.evidence([call.mark for call in s.calls]),
                cost=sum(call.cost for call in s.calls),
            )
        )


RULE = LongCall()
