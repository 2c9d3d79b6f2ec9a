"""Calls to destinations the customer never calls, in a burst, at night or for much money: somebody else is using the line.

**What it catches.** A stolen account, a hacked phone system or an open diversion that pumps calls to paid destinations. A *range* is
a calling code and the next three digits, and only a range outside the home zone or of a surcharged class can be new: not called by
any licence of the customer in 90 days, or first called less than three days ago. A *burst* is three attempts of one licence in 60
minutes, summed over all new ranges, or two of its calls up at once. A burst is a notice; it is a breach, which closes international
and paid numbers at once, when one of these comes with it: a high-risk class (satellite, international premium, the operator's risk
list); an hour of the week at which the customer placed no call in four weeks; more than 15 € in 60 minutes or 50 € in 24 hours, and
more than three times the customer's dearest hour or day of four weeks; three new ranges. Money counts while calls last: the breach
comes at the millisecond at which the calls that are up have cost too much. A diverted call is a call of the licence that diverts it.

**What it cannot see.** Fraud to ranges the customer calls anyway: only money of new ranges is counted. One call that lasts for hours
alone, since it is no burst (``long-call`` sees it). Attempts spread over many licences, two each: counts are per licence. A patient
thief who calls once and comes back after three days finds the range known; ``account-takeover`` may see the break-in. In the first
28 days of a customer only high-risk numbers can be new. Numbers of the North American plan share one code: its ranges are area codes.

**Honest look-alikes.** The first German customer, redialled all morning, is a notice and nothing more. A trade fair brings new area
codes of one country within an hour: that is a breach by the letter, and ``against`` says that the country is known. A small customer
is silent in most hours of the week, so the quiet hour says less of it; the screen shows its usual hours beside the burst. A crew
with a satellite phone on board: exempt the licence. A new subsidiary abroad is known after three days of answered calls.

**How to tune.** Raise ``hour_cents`` and ``day_cents`` for customers whose calls are dear, not ``attempts``: minutes matter here.
``ranges`` up for exporters. ``learn_days`` is the time a test call must not whitelist the attack that follows it; published attacks
followed within a day, a week-end fits into three. Calls of a licence in breach teach nothing, nor does a burst before it was one.

**Vectors** (``tests/detectors/rules/test_toll_fraud.py``).

* caught: a new high-risk range at night, decided before the fourth attempt
  (``test_a_new_high_risk_range_at_three_in_the_morning_is_decided_before_the_fourth_attempt``)
* caught: one call to each of 12 new ranges at night (``test_one_call_to_each_of_12_new_ranges_at_night_is_caught``)
* caught: money of calls that are still up, to the millisecond
  (``test_money_of_calls_still_up_is_a_breach_at_the_instant_it_crosses_the_limit``)
* caught: diversions to a paid range (``test_diverted_calls_count_for_the_licence_that_diverts``)
* let go: a customer who calls Senegal every day (``test_a_customer_who_calls_senegal_daily_is_not_caught``)
* let go: the first German customer redialled is a notice (``test_an_office_that_redials_its_first_german_customer_is_a_notice_only``)
* let go: a holiday office's first call to Canada (``test_a_holiday_offices_first_call_to_canada_is_nothing``)
* let go: three calls to new French departments (``test_three_calls_to_new_french_departments_are_nothing``)

Three calls to a satellite network by a customer who never called one:

>>> from detectors.events import Call, Dest, Licence
>>> from detectors.step import Partition
>>> core, at = Partition(1, {RULE.rule: RULE}), 1_772_416_800_000
>>> said = core.step(Licence(tenant="acme", licence="101", aors=("101@acme.example",)))
>>> for n in range(3):
...     leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{n}", "direction": "outbound"}
...     to = Dest(e164=f"+88161234567{n}", cls="satellite", rate=500_000)
...     said = core.step(Call(phase="attempt", time=at + 120_000 * n, dest=to, **leg))
...     _ = core.step(Call(phase="end", time=at + 120_000 * n + 9_000, status=487, **leg))
>>> alert, order = said
>>> alert.level, alert.measured, alert.limit, alert.unit, order.restrictions
('breach', 3, 3, 'attempts/60min', ('paid', 'international'))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from detectors.alert_state import standing_alert
from detectors.days import DAY, HOUR, MINUTE
from detectors.events import HIGH_RISK, INTERNAL
from detectors.money import MILLICENTS
from detectors.outputs import Level, Window
from detectors.ranges import range_of
from detectors.rule import Detector, Direction, Finding
from detectors.tolls.burst import Densest, Hit, TollFraudState, add, cost, densest, everything, next_crossing, prune, spans, spent
from detectors.tolls.facts import Burst, TollFraudFacts, against, facts, summary
from detectors.tolls.history import TollTenant, best, country_known, history, learn, note_hour, novel, outside, quiet, spend, unlearn
from detectors.tolls.params import TollFraudParams

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: Classes of most calls: with a number of the home zone they can be new to nobody.
PLAIN = frozenset({"fixed", "mobile", INTERNAL})
BREACH: Level = "breach"


class TollFraud(Detector[TollFraudParams, TollFraudState]):
    """See the module."""

    rule = "toll-fraud"
    clause = "5.d, 12.c, 12.d"
    title = "Calls to destinations new to the customer, as fraud places them"
    unit = "attempts/60min"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "auto", "desk_phone": "auto", "trunk": "auto", "fax": "auto", "group": "review",
    }  # fmt: skip
    Params = TollFraudParams
    State = TollFraudState
    TenantState = TollTenant
    Facts = TollFraudFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {
        "call_started": ("outbound", "internal"), "call_answered": ("outbound", "internal"), "call_ended": ("outbound", "internal"),
    }  # fmt: skip

    def call_started(self, ctx: Context, s: TollFraudState, p: TollFraudParams, call: CallState) -> None:
        """Note the hour; a call to a new destination is remembered and judged at once."""
        if call.direction == "inbound":
            return
        tenant, dest = history(ctx), call.dest
        if dest.cls in PLAIN and (dest.e164[:1] != "+" or dest.e164.startswith(ctx.merged.general.home_prefixes)):
            if not tenant.noted_from <= call.started < tenant.noted_until:
                note_hour(ctx, tenant, call.started)
            return
        if novel(ctx, dest.e164, dest.cls):
            if tenant.since < 0:
                tenant.since = ctx.clock.day_of(call.started)
            self._hit(ctx, s, p, call)
        elif not tenant.noted_from <= call.started < tenant.noted_until:
            note_hour(ctx, tenant, call.started)

    def call_answered(self, ctx: Context, s: TollFraudState, p: TollFraudParams, call: CallState) -> None:
        """From its answer on a call costs money."""
        if s.up and (hit := s.up.get(call.key)) is not None and call.answered is not None:
            hit.answered = call.answered
            if s.burst and not call.whole:
                self._judge(ctx, s, p, ctx.now - p.attempts_minutes * MINUTE + 1)

    def call_ended(self, ctx: Context, s: TollFraudState, p: TollFraudParams, call: CallState, sign: int) -> None:
        """Add the cost to what the customer is used to; learn where an answered call went."""
        if call.direction == "inbound":
            return
        ended, answered, dest = call.ended, call.answered, call.dest
        if ended is None:
            return
        if dest.cls in PLAIN and (dest.e164[:1] != "+" or dest.e164.startswith(ctx.merged.general.home_prefixes)):
            if answered is not None and dest.rate:
                tenant, hour, price = history(ctx), ended // HOUR, dest.setup + dest.rate * (ended - answered) // MINUTE
                if sign > 0 and hour in tenant.spent:
                    tenant.spent[hour] += price
                else:
                    spend(ctx, tenant, ended, sign * price)
            return
        if not call.told:
            # Its key was used again: nobody knows when it ended.
            ended = min(ended, max(call.started, call.counts_until()))
        if sign < 0:
            hit = self._take_back(s, call)
        elif s.up and (hit := s.up.pop(call.key, None)) is not None:
            hit.answered, hit.ended = answered or 0, ended
            add(s, hit)
            self._judge(ctx, s, p, hit.start if call.whole else ctx.now - p.attempts_minutes * MINUTE + 1)
        else:
            hit = None
        if answered is not None:
            if hit is None:
                spend(ctx, history(ctx), ended, sign * (dest.setup + dest.rate * max(0, ended - answered) // MINUTE))
            if outside(ctx, dest.e164, dest.cls) and not self._stopped(ctx):
                learn(ctx, dest.e164, ctx.clock.day_of(call.started))

    def timer(self, ctx: Context, s: TollFraudState, p: TollFraudParams, at: int) -> None:
        """The calls that are up have cost more than a limit."""
        self._judge(ctx, s, p, at - p.attempts_minutes * MINUTE + 1)

    def holds(self, ctx: Context, s: TollFraudState, p: TollFraudParams, day: int) -> bool:
        """Whether there was a burst on the day that closes: an hour's window has always gone by one in the morning."""
        return s.burst >= ctx.clock.bounds(day)[0]

    # -- counting ----------------------------------------------------------------------------------------------------

    def _hit(self, ctx: Context, s: TollFraudState, p: TollFraudParams, call: CallState) -> None:
        dest = call.dest
        s.up[call.key] = Hit(
            start=call.started,
            range=range_of(dest.e164),
            cls=dest.cls,
            rate=dest.rate,
            setup=dest.setup,
            risky=dest.cls in HIGH_RISK,
            quiet=quiet(ctx, call.started, p.baseline_days // 7),
            country=not country_known(ctx, dest.e164),
            diverted=call.diverted_by is not None,
        )
        if not call.whole:
            self._judge(ctx, s, p, call.started)

    @staticmethod
    def _take_back(s: TollFraudState, call: CallState) -> Hit | None:
        """A further leg changed a call already told: its hit is up again until the end is told anew."""
        for place in range(len(s.hits) - 1, -1, -1):
            hit = s.hits[place]
            if hit.start == call.started and hit.range == range_of(call.dest.e164):
                s.up[call.key] = s.hits.pop(place)
                return hit
        return None

    def _stopped(self, ctx: Context) -> bool:
        """Whether the licence is in breach, and nobody has said it is not."""
        alert = standing_alert(ctx.licence.alerts, self.rule, ctx.now)
        return alert is not None and alert.own.level == BREACH and alert.verdict != "no_breach"

    # -- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, ctx: Context, s: TollFraudState, p: TollFraudParams, first: int) -> None:
        """Judge now; ``first`` is the earliest begin of a call that may be news for the window of the burst."""
        now, window = ctx.now, p.attempts_minutes * MINUTE
        prune(ctx, s, now)
        calls = everything(ctx, s, now)
        dense = densest(calls, first, window)
        if dense.attempts >= p.attempts or dense.at_once >= p.at_once:
            s.burst = now
        elif s.burst <= now - DAY:
            ctx.sleep(self.rule)
            return
        burst = self._measure(ctx, s, p, dense)
        level: Level = BREACH if burst.signs else "notice"
        if level == "notice":
            due = next_crossing(ctx, s, p, now, (burst.hour_limit, burst.day_limit))
            if due is not None:
                ctx.wake(self.rule, due)
            else:
                ctx.sleep(self.rule)
            if s.burst != now:
                return
        else:
            ctx.sleep(self.rule)
            alert = standing_alert(ctx.licence.alerts, self.rule, now)
            if alert is None or alert.verdict != "no_breach":
                unlearn(ctx, sorted({hit.range for hit, _ in calls}))
        measured, limit, unit, span = self._decisive(p, burst, window)
        if not ctx.wants(self.rule, level, measured):
            return
        ranges = {hit.range for hit, _ in calls}
        marks = [mark for mark in ctx.marks_since(now - DAY) if range_of(mark.number) in ranges]
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=measured,
                limit=limit,
                unit=unit,
                window=Window(now - span, now),
                crossed_at=now,
                issued_at=now,
                summary=summary(p, calls, burst),
                facts=facts(ctx, p, calls, burst),
                against=against(calls, burst),
                evidence=ctx.evidence(marks),
                evidence_more=max(0, len(calls) - len(marks)),
                cost=sum(cost(hit, min(until, now)) for hit, until in calls) + sum(s.older.values()),
            )
        )

    @staticmethod
    def _measure(ctx: Context, s: TollFraudState, p: TollFraudParams, dense: Densest) -> Burst:
        """What makes the burst a breach: classes, hours and ranges of its own window, money also of the day it belongs to."""
        now = ctx.now
        own = dense.calls if s.burst == now else []
        priced = spans(ctx, s)
        hour_spent, day_spent = spent(priced, now, HOUR), spent(priced, now, DAY) + sum(s.older.values()) * MINUTE
        best_hour, best_day = best(ctx, now, p.baseline_days)
        hour_limit = max(p.hour_cents * MILLICENTS, p.baseline_times * best_hour)
        day_limit = max(p.day_cents * MILLICENTS, p.baseline_times * best_day)
        ranges = len({hit.range for hit in own})
        signs = {
            "high-risk": any(hit.risky for hit in own),
            "quiet hour": any(hit.quiet for hit in own),
            "money in 60 minutes": hour_spent > hour_limit * MINUTE,
            "money in 24 hours": day_spent > day_limit * MINUTE,
            "ranges": ranges >= p.ranges,
        }
        since = history(ctx).since
        return Burst(
            attempts=dense.attempts,
            at_once=dense.at_once,
            ranges=ranges,
            hour_spent=hour_spent // MINUTE,
            hour_limit=hour_limit,
            day_spent=day_spent // MINUTE,
            day_limit=day_limit,
            signs=[sign for sign, holds in signs.items() if holds],
            history_days=ctx.clock.day_of(now) - since if since >= 0 else 0,
        )

    @staticmethod
    def _decisive(p: TollFraudParams, burst: Burst, window: int) -> tuple[int, int, str, int]:
        """Measure, limit, unit and window of the finding: money when nothing else makes it a breach, else the burst itself."""
        if burst.signs and burst.signs[0] == "money in 60 minutes":
            return burst.hour_spent // MILLICENTS, burst.hour_limit // MILLICENTS, "cents/60min", HOUR
        if burst.signs and burst.signs[0] == "money in 24 hours":
            return burst.day_spent // MILLICENTS, burst.day_limit // MILLICENTS, "cents/24h", DAY
        if burst.attempts >= p.attempts:
            return burst.attempts, p.attempts, f"attempts/{p.attempts_minutes}min", window
        return burst.at_once, p.at_once, "calls at once", window


RULE = TollFraud()
