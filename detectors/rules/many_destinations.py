"""A licence with an unlimited offer calls more than 200 distinct numbers in one billing month: calls beyond may be billed off-plan.

**What it catches.** Distinct called numbers after the PBX's dial plan, answered or not, of outgoing calls that the offer includes,
from the customer's billing day to the next one in its own time zone. A notice at the 160th number, a breach at the 201st. Then
calls to numbers that are not among the month's first 200 are metered whole. The first 200 are those used first, even when a CDR
tells of them late: a number that turns out to belong pushes the 200th out, records are voided and others take their place.
Internal calls, emergency and free numbers never count. A trunk has 200 for each of its channels.

**What it cannot see.** An offer that nobody stated is not covered (``offer_unknown`` in the summary). Two ways of dialling a
number are one number only when the PBX or ingest makes them so. A month that ended below the notice limit is forgotten when the next
begins. At most 200 calls are remembered for the case that their number is pushed out.

**Honest look-alikes.** A surgery that reminds its patients, a courier who calls every door, a school secretary in
September, a salesperson. The contract limits them all; the consequence is a bill for the calls beyond, or another offer.

**How to tune.** ``breach_destinations`` is the contract's limit plus one, ``notice_destinations`` the warning. ``count = "answered"``
counts only numbers that answered. ``metering = "review"`` leaves the bill to a person.

**Vectors** (``tests/detectors/rules/test_many_destinations.py``).

* caught: the 201st distinct number of a month (``test_the_160th_number_is_a_notice_and_the_201st_a_breach``)
* caught: calls to numbers beyond the first 200 are metered whole, calls to the first 200 are not
  (``test_only_calls_to_numbers_beyond_the_first_200_are_metered``)
* caught: a number used earlier than the 200th, told late: its records are voided, those of the one it pushes out are issued
  (``test_a_late_call_that_changes_the_first_200_voids_and_reissues``)
* let go: 200 numbers called again and again (``test_200_numbers_called_ten_times_each_are_no_breach``)
* let go: 150 numbers before the billing day and 150 after it
  (``test_a_month_ends_on_the_billing_day_in_the_zone_of_the_customer``)
* let go: internal, emergency and free numbers (``test_internal_emergency_and_free_numbers_never_count``)
* let go: a metered offer, or one that nobody stated (``test_only_unlimited_offers_are_judged``)

A call every two minutes, each to another number:

>>> from detectors.events import Call, Dest, Tenant
>>> from detectors.outputs import Alert, Metering
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> said += partition.step(Tenant(time=1, tenant="acme", offer="unlimited"))
>>> for n in range(203):
...     at = 1_772_434_800_000 + 120_000 * n
...     to = Dest(e164=f"+33612{n * n:06}", cls="mobile")
...     leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{n}", "direction": "outbound", "dest": to}
...     said += partition.step(Call(phase="cdr", time=at + 90_000, started_at=at, answered_at=at, ended_at=at + 90_000, **leg))
>>> [(a.level, a.measured, a.limit) for a in said if isinstance(a, Alert) and a.rule == "many-destinations"]
[('notice', 160, 160), ('breach', 201, 201)]
>>> [(m.call_id, m.seconds, m.billing_month) for m in said if isinstance(m, Metering)]
[('c200', 90, '2026-03'), ('c201', 90, '2026-03'), ('c202', 90, '2026-03')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import SECOND
from detectors.digest import digest64
from detectors.errors import PolicyError
from detectors.offer.destinations import Kept, Numbers, per_day, rank, use
from detectors.offer.months import month_at, new_bounds
from detectors.offer.terms import MeteredParams, cost_of, in_plan, unlimited, utc
from detectors.outputs import Level, Window
from detectors.outside import channels_of
from detectors.rule import Detector, Direction, Finding

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: Whatever the PBX says of the plan, these never count (contract 9.f as pinned).
NEVER = frozenset({"internal", "emergency", "short_free", "free"})


class ManyDestinationsParams(MeteredParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Distinct numbers of a billing month; the offer includes one fewer than ``breach_destinations``. Trunks: times channels."""

    notice_destinations: int = 160
    breach_destinations: int = 201
    count: Literal["attempts", "answered"] = "attempts"

    def __post_init__(self) -> None:
        if not 0 < self.notice_destinations < self.breach_destinations <= 1_001:
            raise PolicyError("policy: [rules.many-destinations] needs 0 < notice_destinations < breach_destinations <= 1001")


class ManyDestinationsState(msgspec.Struct, array_like=True):
    """``months``: this billing month and, when it reached the notice limit, the last; ``until``: when the open episode ends."""

    months: list[Numbers] = []
    until: int = 0


class ManyDestinationsFacts(msgspec.Struct, frozen=True):
    """What the screen plots: the month's curve of distinct numbers against the limit, and what lies beyond."""

    #: The billing month, by the month it starts in, and its bounds in UTC.
    billing_month: str
    start: str
    end: str
    #: New numbers per day from the month's start.
    new_per_day: tuple[int, ...]
    #: Numbers the offer includes, and distinct numbers so far (at least, when ``at_least``).
    included: int
    distinct: int
    at_least: bool
    #: Answered calls to numbers beyond, and their seconds.
    calls_beyond: int
    seconds_beyond: int


class ManyDestinations(Detector[ManyDestinationsParams, ManyDestinationsState]):
    """See the module."""

    rule = "many-destinations"
    clause = "9.f"
    title = "More than 200 destinations in a billing month on an unlimited offer"
    unit = "destinations/month"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "review", "desk_phone": "review", "trunk": "review", "fax": "review",
    }  # fmt: skip
    Params = ManyDestinationsParams
    State = ManyDestinationsState
    Facts = ManyDestinationsFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {
        "call_started": ("outbound",), "call_answered": ("outbound",), "call_ended": ("outbound",),
    }  # fmt: skip

    def call_started(self, ctx: Context, s: ManyDestinationsState, p: ManyDestinationsParams, call: CallState) -> None:
        """Count the number, answered or not."""
        if p.count == "attempts" and in_plan(call) and unlimited(ctx) and call.dest.cls not in NEVER:
            self._use(ctx, s, p, call, min(call.started, ctx.now))

    def call_answered(self, ctx: Context, s: ManyDestinationsState, p: ManyDestinationsParams, call: CallState) -> None:
        """Count the number where only answered ones count; and in the month of its answer, when the month turned as it rang."""
        months, at = s.months, call.answered
        if at is None or (months and months[-1].start <= call.started and at < months[-1].end and p.count == "attempts"):
            return
        if in_plan(call) and unlimited(ctx) and call.dest.cls not in NEVER:
            self._use(ctx, s, p, call, min(at, ctx.now))

    def call_ended(self, ctx: Context, s: ManyDestinationsState, p: ManyDestinationsParams, call: CallState, sign: int) -> None:
        """Meter an answered call to a number beyond; remember one that may have to be metered later."""
        answered, ended, months = call.answered, call.ended, s.months
        # A month that is over is kept only when it reached the notice limit.
        if answered is None or ended is None or not months or (len(months) == 1 and not months[0].fringe):
            return
        if not in_plan(call) or not unlimited(ctx) or call.dest.cls in NEVER:
            return
        month = next((m for m in s.months if m.start <= answered < m.end), None)
        if month is None or not month.fringe or not call.told:
            return
        number = digest64(call.dest.e164)
        if sign < 0:
            month.kept = [k for k in month.kept if (k.pbx, k.call_id, k.started) != (call.pbx, call.call_id, call.started)]
            ctx.release(self.rule, call)
        if not month.includes(number):
            month.calls += sign
            month.talk += sign * (ended - answered)
            month.cost += sign * (cost_of(call, ended - answered) + call.dest.setup)
            if sign > 0:
                ctx.claim(self.rule, call, answered, ended, number)
        elif sign > 0 and month.at_fringe(number):
            month.keep(Kept(number, call.pbx, call.call_id, call.started, answered, ended))

    def timer(self, ctx: Context, s: ManyDestinationsState, p: ManyDestinationsParams, at: int) -> None:
        """The month has turned: the episode is over."""
        ctx.close(self.rule, "the billing month has ended")

    def facts_changed(self, ctx: Context, s: ManyDestinationsState, p: ManyDestinationsParams) -> None:
        """Another billing day, other channels, or an exemption that reaches back over what was metered."""
        ctx.meter_again()
        new_bounds(ctx, s.months)
        notice, included = self._limits(ctx, p)
        for month in s.months:
            if len(month.uses) >= notice or month.fringe:
                rank(month, notice, included)
        if self.rule in ctx.licence.alerts and s.months and s.months[-1].end < s.until:
            s.until = s.months[-1].end
            ctx.wake(self.rule, s.until)

    # -- counting ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _limits(ctx: Context, p: ManyDestinationsParams) -> tuple[int, int]:
        channels = channels_of(ctx)
        return p.notice_destinations * channels, (p.breach_destinations - 1) * channels

    def _use(self, ctx: Context, s: ManyDestinationsState, p: ManyDestinationsParams, call: CallState, at: int) -> None:
        e164, months = call.dest.e164, s.months
        month: Numbers | None
        if not months or not (month := months[-1]).start <= at < month.end:
            month = month_at(ctx, months, at, Numbers, _keeps)
        if month is None or not e164:
            return
        number = digest64(e164)
        before = month.uses.get(number)
        if before is not None and before <= at - month.start:
            return
        notice, included = self._limits(ctx, p)
        change = use(month, number, at, notice, included)
        if change is None:
            return
        if change.left:
            self._pushed_out(ctx, month, change.left)
        if change.entered:
            self._entered(ctx, month, change.entered)
        distinct = len(month.uses)
        if distinct >= notice:
            self._judge(ctx, s, month, distinct, notice, included)

    def _pushed_out(self, ctx: Context, month: Numbers, number: int) -> None:
        """Calls to a number that is no longer among the included ones are metered after all."""
        for call in month.kept:
            if call.number == number:
                ctx.claim(self.rule, call, call.answered, call.ended, number)
                month.calls += 1
                month.talk += call.ended - call.answered
        month.kept = [call for call in month.kept if call.number != number]

    def _entered(self, ctx: Context, month: Numbers, number: int) -> None:
        """Calls to a number that turns out to be an included one are metered no more."""
        for call in ctx.claimed(self.rule, number):
            if month.start <= call.answered < month.end:
                ctx.release(self.rule, call)
                month.calls -= 1
                month.talk -= call.to - call.from_
                month.keep(Kept(number, call.pbx, call.call_id, call.started, call.answered, call.to))

    def _judge(self, ctx: Context, s: ManyDestinationsState, month: Numbers, distinct: int, notice: int, included: int) -> None:
        level: Level = "breach" if distinct > included else "notice"
        if month.end <= ctx.now and self.rule in ctx.licence.alerts:
            return  # told late, while the alert of the next month is open: it is metered, and that alert is not about it
        if not ctx.wants(self.rule, level, distinct):
            return
        s.until = max(month.end, ctx.now)
        ctx.wake(self.rule, s.until)
        marks = ctx.marks_since(month.start)
        limit = included + 1 if level == "breach" else notice
        days = per_day(month)
        busiest = max(days)
        against = ["numbers that did not answer count too"] if distinct < 2 * included else []
        if busiest * 2 > distinct:
            against.append(f"{busiest} of the numbers were first called within one day: a single occasion looks like this")
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=distinct,
                limit=limit,
                unit=self.unit,
                window=Window(month.start, ctx.now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=f"{distinct} distinct numbers called in the billing month {month.label}; the offer includes {included} "
                f"(limit {limit}).",
                facts=ManyDestinationsFacts(
                    billing_month=month.label,
                    start=utc(month.start),
                    end=utc(month.end),
                    new_per_day=days,
                    included=included,
                    distinct=distinct,
                    at_least=month.full,
                    calls_beyond=month.calls,
                    seconds_beyond=month.talk // SECOND,
                ),
                against=tuple(against),
                evidence=ctx.evidence(marks),
                evidence_more=max(0, distinct - len(marks)),
                cost=month.cost,
            )
        )


def _keeps(month: Numbers) -> bool:
    """Below the notice limit, a few late calls cannot bring a month that is over to the limit of another fifth."""
    return bool(month.fringe)


RULE = ManyDestinations()
