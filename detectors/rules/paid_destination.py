"""A licence reaches services on numbers whose owner is paid by the duration of the call: premium lines, voice servers.

**What it catches.** Answered calls to surcharged numbers. The first ``premium``, ``short_paid`` or ``intl_premium`` call of a billing
month is a notice; 60 minutes or 50 € of such calls in the month are a breach, one alert per licence and month. With an unlimited
offer each answered call to a surcharged number is metered whole, satellite and risky foreign ranges included.

**What it cannot see.** A voice server behind an ordinary number: one number with long calls from many customers is found across
customers, not here. Prices are those of the operator's rate table, or defaults per class. A call is judged when it has ended.

**Honest look-alikes.** A helpline or a directory enquiry dialled once; a taxi or airline with a paid number; a company whose
supplier only answers on one. Hence a notice at the first call and no restriction without a person.

**How to tune.** ``breach_minutes`` and ``breach_cents`` are the two limits of a month. ``shared_cost = true`` counts and meters
shared-cost numbers as well. ``metering = "review"`` leaves the bill to a person.

**Vectors** (``tests/detectors/rules/test_paid_destination.py``).

* caught: the first premium call of a month, when it is answered
  (``test_the_first_premium_call_of_a_month_is_a_notice_when_it_is_answered``)
* caught: 60 minutes in a billing month (``test_60_minutes_in_a_billing_month_are_a_breach``)
* caught: 50 € in a billing month (``test_50_euros_in_a_billing_month_are_a_breach``)
* let go: premium numbers that nobody answers (``test_calls_that_nobody_answers_cost_and_count_nothing``)
* let go: shared-cost numbers, unless the policy says so (``test_shared_cost_counts_only_if_the_policy_says_so``)
* let go: 40 minutes before the billing day and 40 after it
  (``test_minutes_of_two_billing_months_are_not_added_up``)

Four calls of a quarter of an hour each to a premium line:

>>> from detectors.events import Call, Dest, Tenant
>>> from detectors.outputs import Alert, Metering
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> said += partition.step(Tenant(time=1, tenant="acme", offer="unlimited"))
>>> for n in range(4):
...     at = 1_772_434_800_000 + 3_600_000 * n
...     to = Dest(e164="+33899123456", cls="premium", rate=80_000)
...     leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{n}", "direction": "outbound", "dest": to}
...     said += partition.step(Call(phase="cdr", time=at + 900_000, started_at=at, answered_at=at, ended_at=at + 900_000, **leg))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "paid-destination"]
[('notice', 1, 1, 'calls/month'), ('notice', 2, 1, 'calls/month'), ('breach', 60, 60, 'min/month')]
>>> sum(m.seconds for m in said if isinstance(m, Metering))
3600
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import MINUTE, SECOND, iso
from detectors.errors import PolicyError
from detectors.events import SURCHARGED
from detectors.offer.months import Counted, month_at, new_bounds
from detectors.offer.terms import MeteredParams, cost_of, unlimited, utc
from detectors.outputs import Level, Window
from detectors.rule import Detector, Direction, Finding
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: Numbers whose owner is paid by duration. Satellite and risky ranges are metered, and ``toll-fraud`` judges them.
PAID = frozenset({"premium", "short_paid", "intl_premium"})
SHARED_COST = "shared_cost"
#: A month's calls remembered as evidence, the latest.
MOST_MARKS = 30
#: Thousandths of a cent in a cent.
MILLICENTS = 1_000


class PaidDestinationParams(MeteredParams, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of a billing month; whichever is reached first."""

    restrictions: tuple[str, ...] = ("paid",)
    breach_minutes: int = 60
    breach_cents: int = 5_000
    shared_cost: bool = False

    def __post_init__(self) -> None:
        if self.breach_minutes <= 0 or self.breach_cents <= 0:
            raise PolicyError("policy: [rules.paid-destination] breach_minutes and breach_cents must be positive")


class PaidMonth(Counted, array_like=True):
    """Answered calls to paid numbers in a month.

    ``sums`` holds calls, milliseconds and thousandths of a cent by class, ``days`` the same by day; ``unit`` is the one in which
    the month's breach was said; ``marks`` are the latest calls.
    """

    sums: dict[str, list[int]] = msgspec.field(default_factory=dict)
    days: dict[int, list[int]] = msgspec.field(default_factory=dict)
    unit: str = ""
    marks: list[Mark] = msgspec.field(default_factory=list)


class PaidDestinationState(msgspec.Struct, array_like=True):
    """``months``: this billing month and the last, empty for who calls no such number; ``until``: when the open episode ends."""

    months: list[PaidMonth] = []
    until: int = 0


class PaidSum(msgspec.Struct, frozen=True):
    """One bar: a class or a day with its answered calls, seconds and cents."""

    name: str
    calls: int
    seconds: int
    cents: int


class PaidDestinationFacts(msgspec.Struct, frozen=True):
    """What the screen plots: the month's calls to paid numbers by class and by day, against both limits."""

    #: The billing month, by the month it starts in, and its bounds in UTC.
    billing_month: str
    start: str
    end: str
    #: Sums by class of number.
    by_class: tuple[PaidSum, ...]
    #: Days of the policy's zone on which such a call began.
    by_day: tuple[PaidSum, ...]
    #: Limits of the month.
    breach_minutes: int
    breach_cents: int


class PaidDestination(Detector[PaidDestinationParams, PaidDestinationState]):
    """See the module."""

    rule = "paid-destination"
    clause = "9.e"
    title = "Calls to numbers whose owner is paid by duration"
    unit = "min/month"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "review", "desk_phone": "review", "trunk": "review", "fax": "review",
    }  # fmt: skip
    Params = PaidDestinationParams
    State = PaidDestinationState
    Facts = PaidDestinationFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_answered": ("outbound",), "call_ended": ("outbound",)}

    def call_answered(self, ctx: Context, s: PaidDestinationState, p: PaidDestinationParams, call: CallState) -> None:
        """The first such call of a month is a notice while it is up."""
        if call.dest.cls not in SURCHARGED or call.direction != "outbound" or call.answered is None:
            return
        if self._counts(p, call.dest.cls):
            month = month_at(ctx, s.months, min(call.answered, ctx.now), PaidMonth, _keeps)
            if month is not None:
                month.marks.append(Mark(call.started, "call", call.dest.e164, call.country, call.network, call.src, call.line))
                if len(month.marks) > MOST_MARKS:
                    del month.marks[0]
                _add(month, call.dest.cls, ctx.clock.day_of(call.answered), (1, 0, 0))
                if not call.whole:
                    self._judge(ctx, s, p, month)

    def call_ended(self, ctx: Context, s: PaidDestinationState, p: PaidDestinationParams, call: CallState, sign: int) -> None:
        """Sum up and meter the call."""
        cls, answered, ended = call.dest.cls, call.answered, call.ended
        if cls not in SURCHARGED or call.direction != "outbound" or answered is None or ended is None or not call.told:
            return
        if (cls != SHARED_COST or p.shared_cost) and unlimited(ctx):
            if sign > 0:
                ctx.claim(self.rule, call, answered, ended)
            else:
                ctx.release(self.rule, call)
        if self._counts(p, cls):
            month = month_at(ctx, s.months, min(answered, ctx.now), PaidMonth, _keeps)
            if month is not None:
                talk = ended - answered
                spent = (0, sign * talk, sign * (cost_of(call, talk) + call.dest.setup))
                _add(month, cls, ctx.clock.day_of(answered), spent)
                if sign > 0:
                    self._judge(ctx, s, p, month)

    def timer(self, ctx: Context, s: PaidDestinationState, p: PaidDestinationParams, at: int) -> None:
        """The month has turned: the episode is over."""
        ctx.close(self.rule, "the billing month has ended")

    def facts_changed(self, ctx: Context, s: PaidDestinationState, p: PaidDestinationParams) -> None:
        """Another billing day, or an exemption that reaches back over what was metered."""
        ctx.meter_again()
        new_bounds(ctx, s.months)
        if self.rule in ctx.licence.alerts and s.months and s.months[-1].end < s.until:
            s.until = s.months[-1].end
            ctx.wake(self.rule, s.until)

    # -- judging -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _counts(p: PaidDestinationParams, cls: str) -> bool:
        return cls in PAID or (cls == SHARED_COST and p.shared_cost)

    def _judge(self, ctx: Context, s: PaidDestinationState, p: PaidDestinationParams, month: PaidMonth) -> None:
        calls, talk, cost = (sum(row[i] for row in month.sums.values()) for i in range(3))
        minutes, cents = talk // MINUTE, cost // MILLICENTS
        over = [("min/month", minutes, p.breach_minutes), ("cents/month", cents, p.breach_cents)]
        crossed = [one for one in over if one[1] >= one[2]]
        level: Level = "breach" if crossed else "notice"
        # The unit of the first crossing stays the month's: minutes and cents cannot be compared when the alert grows.
        unit, measured, limit = next((one for one in crossed if one[0] == month.unit), crossed[0]) if crossed else ("calls/month", calls, 1)
        if not any(cls in PAID for cls in month.sums) and not crossed:
            return  # shared-cost numbers alone, which policy lets count: no notice before the limit
        if month.end <= ctx.now and self.rule in ctx.licence.alerts:
            return  # told late, while the alert of the next month is open: it is metered, and that alert is not about it
        if not ctx.wants(self.rule, level, measured):
            return
        if crossed:
            month.unit = unit
        s.until = max(month.end, ctx.now)
        ctx.wake(self.rule, s.until)
        by_class = _rows({cls: month.sums[cls] for cls in sorted(month.sums)})
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=measured,
                limit=limit,
                unit=unit,
                window=Window(month.start, ctx.now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=f"{calls} answered calls to paid numbers in the billing month {month.label}: {minutes} min and {cents} cents "
                f"(limits {p.breach_minutes} min, {p.breach_cents} cents).",
                facts=PaidDestinationFacts(
                    billing_month=month.label,
                    start=utc(month.start),
                    end=utc(month.end),
                    by_class=by_class,
                    by_day=_rows({iso(day): month.days[day] for day in sorted(month.days)}),
                    breach_minutes=p.breach_minutes,
                    breach_cents=p.breach_cents,
                ),
                against=_against(month, calls, talk),
                evidence=ctx.evidence(month.marks),
                evidence_more=max(0, calls - len(month.marks)),
                cost=cost,
            )
        )


def _keeps(month: PaidMonth) -> bool:
    return bool(month.sums)


def _add(month: PaidMonth, cls: str, day: int, amounts: tuple[int, int, int]) -> None:
    for row in (month.sums.setdefault(cls, [0, 0, 0]), month.days.setdefault(day, [0, 0, 0])):
        for i, amount in enumerate(amounts):
            row[i] += amount


def _rows(sums: dict[str, list[int]]) -> tuple[PaidSum, ...]:
    return tuple(PaidSum(name, calls, talk // SECOND, cost // MILLICENTS) for name, (calls, talk, cost) in sums.items())


def _against(month: PaidMonth, calls: int, talk: int) -> tuple[str, ...]:
    said = []
    if calls == 1:
        said.append("a single call: a helpline or directory enquiry looks like this")
    elif len(month.days) == 1:
        said.append("all calls lie on one day")
    if calls > 1 and talk < calls * MINUTE:
        said.append("the calls last under a minute on average")
    return tuple(said)


RULE = PaidDestination()
