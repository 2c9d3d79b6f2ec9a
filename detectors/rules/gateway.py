"""A line carries other people's calls: what comes in goes out again at once, to anybody, under anybody's number.

**What it catches.** SIM boxes turned round, call-through services, resale of an unlimited line. Six signs, of which two together
are a breach: calls that come in and go out again within 5 seconds and end together, to ten different numbers in 24 hours; five
numbers presented in 24 hours that are neither the customer's nor the diverted caller's; three such numbers side by side; calls
in 20 hours of the day on three days of 7; 300 different numbers called in 7 days with under 5 % of calls coming in; diverted
legs above half of all calls out, to 50 different numbers in 7 days. One of the first three alone is a notice: they have hardly an
honest owner. The last three alone say nothing, since sales, night duty and a switchboard each have one. Counts of a trunk are
times its channels, and its hours do not count: a company is awake as long as somebody is.

**What it cannot see.** A relay that answers, asks for the number and dials later than 5 seconds after: only what it presents and its
volume tell. Presented numbers of a customer whose account lists none: not covered, and the alert says so. A gateway that shows no
number, or always the customer's own. Different numbers called are counted once a licence makes a third of the limit in calls: the
first hundred of its first week are not among them.

**Honest look-alikes.** Follow-me: legs to the declared ``forward_targets``, and to the five targets a line diverts to most, count for
no sign. A diverted call that shows its caller is right to do so. Sales teams only call out (see ``call-centre``). A secretary who
puts callers through does it by hand, later. Alarm transmitters call at all hours, to the same few numbers.

**How to tune.** Complete the customer's ``numbers`` first, then its ``forward_targets``: most findings on honest lines are an account
that lacks them. Raise ``targets`` for medical on-call services. All limits are ours: nobody publishes any for lines, only for SIMs.

**Vectors** (``tests/detectors/rules/test_gateway.py``).

* caught: calls bridged to ten numbers, each under its caller's number
  (``test_bridged_calls_that_present_strangers_are_a_breach``)
* caught: diverted traffic to over 50 numbers, round the clock (``test_two_signs_of_volume_are_a_breach``)
* caught: three strangers' numbers side by side (``test_three_numbers_of_strangers_side_by_side_are_a_notice``)
* let go: follow-me to five usual targets (``test_follow_me_to_the_five_commonest_targets_counts_for_no_sign``)
* let go: a diverted call that shows its caller (``test_a_diverted_call_that_shows_its_caller_presents_no_stranger``)
* let go: a salesperson who only calls out (``test_one_sign_of_volume_alone_says_nothing``)

Twelve callers, each put through within three seconds to somebody else and shown by its own number there:

>>> from detectors.events import Call, Dest, Licence
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> _ = partition.step(Licence(time=1, tenant="acme", licence="101", numbers=("+33140000101",)))
>>> for n in range(12):
...     at, end = 1_772_434_800_000 + 600_000 * n, 1_772_434_800_000 + 600_000 * n + 180_000
...     who, caller = {"pbx": "pbx-1", "tenant": "acme", "licence": "101"}, f"+3361000{n:04}"
...     came = {**who, "call_id": f"in{n}", "direction": "inbound", "caller": caller}
...     out = {**who, "call_id": f"out{n}", "direction": "outbound", "presented": caller, "dest": Dest(e164=f"+22177{n:07}", cls="mobile")}
...     for phase, when in (("attempt", 0), ("end", 180_000)):
...         said += partition.step(Call(phase=phase, time=at + when, started_at=at, **came))
...         said += partition.step(Call(phase=phase, time=at + when + 3_000, started_at=at + 3_000, **out))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "gateway"]
[('notice', 1, 1, 'signs'), ('breach', 2, 2, 'signs')]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.errors import PolicyError
from detectors.outputs import Window
from detectors.outside import channels_of, comes_in, goes_out
from detectors.routing.legs import (
    CAME,
    COST,
    DIVERTED,
    HOURS,
    MOST_LEGS,
    OUT,
    WEEK_DAYS,
    GatewayState,
    is_strange,
    opened_by,
    opened_with,
    side_by_side,
)
from detectors.routing.signs import GatewayFacts, against, facts, signs_of, summary, usual_targets
from detectors.rule import Detector, Direction, Finding, Params
from detectors.significant import significant
from detectors.windows import remember

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: What is kept of each kind of number, times its limit: what is forgotten can never hide a crossing.
KEPT = 4
#: Numbers called, and diversion targets, that a large trunk is remembered by (about 250 KB).
MOST_NUMBERS = 20_000
NO_NUMBERS = "no numbers of this customer are known: presented numbers are not covered"


class GatewayParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of the six signs; counts of a trunk are times its channels."""

    bridge_s: int = 5
    bridged: int = 10
    presented: int = 5
    at_once: int = 3
    hours: int = 20
    round_days: int = 3
    destinations: int = 300
    incoming_percent: int = 5
    targets: int = 50
    diverted_percent: int = 50
    breach_signs: int = 2

    def __post_init__(self) -> None:
        for name in ("bridge_s", "bridged", "presented", "at_once", "destinations", "targets"):
            if getattr(self, name) < 1:
                raise PolicyError(f"policy: [rules.gateway] {name} must be positive")
        if not 0 < self.hours <= 24 or not 0 < self.round_days <= WEEK_DAYS:
            raise PolicyError(f"policy: [rules.gateway] hours must lie in a day, and round_days in {WEEK_DAYS} days")
        if not 2 <= self.breach_signs <= 6:
            raise PolicyError("policy: [rules.gateway] breach_signs must be 2 to 6: one sign alone is never a breach")


class Gateway(Detector[GatewayParams, GatewayState]):
    """See the module."""

    rule = "gateway"
    clause = "9.e, 9.f"
    title = "Line used as a gateway"
    unit = "signs"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "review", "desk_phone": "review", "trunk": "review"}
    Params = GatewayParams
    State = GatewayState
    Facts = GatewayFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("outbound", "inbound"), "call_answered": ("inbound",)}

    def call_started(self, ctx: Context, s: GatewayState, p: GatewayParams, call: CallState) -> None:
        """Count the call; see whether it carries on one that came in, and whose number it shows."""
        at, outbound = call.started, call.direction == "outbound"
        if not (goes_out(call) if outbound else comes_in(ctx, call)):
            return
        day = ctx.clock.day_of(at)
        row = s.days.get(day) or s.new_row(day)
        if not outbound:
            row[CAME] += 1
            if call.whole and s.last_out >= at:
                out = opened_by(call, ctx.licence.calls.ended.values(), p.bridge_s * SECOND)
                if out is not None:
                    s.pairs[out.key] = call.key
            s.last_in = max(s.last_in, at, call.answered or 0) if call.whole else at
            return
        row[OUT] += 1
        if at > s.last_out:
            s.last_out = at
        fact = ctx.licence.fact
        if call.diverted_by or (fact is not None and fact.forward_targets):
            if call.diverted_by:
                row[DIVERTED] += 1
                s.divert(significant(call.dest.e164), _kept(ctx, p.targets))
                s.suspect = True
            if significant(call.dest.e164) in usual_targets(ctx, s):
                return
        bit = 1 << (at - ctx.clock.bounds(day)[0]) // HOUR if day == s.day else 0
        if not row[HOURS] & bit and bit:
            row[HOURS] |= bit
            s.suspect = s.suspect or row[HOURS].bit_count() >= p.hours
        if at - s.last_in <= p.bridge_s * SECOND:
            self._bridge(ctx, s, p, call)
        if call.presented and call.presented != s.shown:
            self._presented(ctx, s, p, call)
        if s.counting:
            s.seen[significant(call.dest.e164)] = s.day
            if len(s.seen) > _kept(ctx, p.destinations):
                del s.seen[min(s.seen, key=lambda key: (s.seen[key], key))]
        elif 3 * row[OUT] >= p.destinations and 3 * row[OUT] >= p.destinations * channels_of(ctx):
            s.counting = s.suspect = True
        if s.suspect:
            self._judge(ctx, s, p, max(ctx.now, at))

    def call_answered(self, ctx: Context, s: GatewayState, p: GatewayParams, call: CallState) -> None:
        """A relay may answer before it dials on."""
        if call.direction == "inbound" and not call.whole and call.answered is not None and comes_in(ctx, call):
            s.last_in = call.answered

    def call_ended(self, ctx: Context, s: GatewayState, p: GatewayParams, call: CallState, sign: int) -> None:
        """Two calls that began together and end together were one; a licence under suspicion has its calls' cost summed."""
        if not s.suspect and not s.pairs:
            return
        if s.pairs and sign > 0:
            self._joined(ctx, s, p, call)
        if call.answered is None or call.ended is None or not goes_out(call):
            return
        if call.whole and call.presented and sign > 0:
            self._told_whole(ctx, s, p, call)
        row = s.days.get(ctx.clock.day_of(call.started))
        if row is not None:
            row[COST] += sign * (call.dest.setup + call.dest.rate * (call.ended - call.answered) // MINUTE)

    def day_closed(self, ctx: Context, s: GatewayState, p: GatewayParams, day: int) -> None:
        """Drop what has left its window; most licences have nothing to drop."""
        floor = s.week(OUT) >= p.destinations * channels_of(ctx) // 3
        if s.suspect or floor:
            s.forget(ctx.now, floor)
            s.suspect = bool(s.bridged or s.strangers or s.targets or s.counting or s.round_days(p.hours))

    def facts_changed(self, ctx: Context, s: GatewayState, p: GatewayParams) -> None:
        """Numbers of the licence may have changed: what it presents is looked at anew."""
        s.shown = ""

    def holds(self, ctx: Context, s: GatewayState, p: GatewayParams, day: int) -> bool:
        """Whether a sign that carries still holds, or two of the others."""
        held = [one for one in signs_of(ctx, s, p, ctx.now) if one.holds]
        return len(held) >= p.breach_signs or any(one.carries for one in held)

    # -- counting ------------------------------------------------------------------------------------------------------

    @staticmethod
    def _bridge(ctx: Context, s: GatewayState, p: GatewayParams, call: CallState) -> None:
        """Look for the call that came in just before this one; when it is found, their ends will tell."""
        calls = ctx.licence.calls
        came = opened_with(call, calls.up.values(), p.bridge_s * SECOND)
        if came is None and call.whole:
            came = opened_with(call, calls.ended.values(), p.bridge_s * SECOND)
        if came is not None:
            s.pairs[call.key] = came.key
            if len(s.pairs) > KEPT * p.bridged * channels_of(ctx):
                del s.pairs[next(iter(s.pairs))]

    def _joined(self, ctx: Context, s: GatewayState, p: GatewayParams, call: CallState) -> None:
        calls = ctx.licence.calls
        for out, came in [pair for pair in s.pairs.items() if call.key in pair]:
            other = calls.ended.get(came if call.key == out else out)
            if other is None or other.ended is None:
                if (came if call.key == out else out) not in calls.up:
                    del s.pairs[out]
                continue
            del s.pairs[out]
            if call.ended is not None and abs(call.ended - other.ended) <= p.bridge_s * SECOND:
                outgoing = call if call.key == out else other
                remember(s.bridged, significant(outgoing.dest.e164), outgoing.started, _kept(ctx, p.bridged))
                s.suspect = True
                self._judge(ctx, s, p, ctx.now)

    @staticmethod
    def _presented(ctx: Context, s: GatewayState, p: GatewayParams, call: CallState) -> None:
        if not ctx.tenant.numbers:
            return
        key, at = is_strange(ctx, call), call.started
        if not key:
            if significant(call.presented) in ctx.tenant.numbers:
                s.shown = call.presented
            return
        s.suspect = True
        remember(s.strangers, key, at, _kept(ctx, p.presented))
        if call.whole:
            return
        up = {is_strange(ctx, other) for other in ctx.licence.calls.up_at(at) if goes_out(other) and other.presented} | {key}
        _see_at_once(s, len(up - {0}), at)

    def _told_whole(self, ctx: Context, s: GatewayState, p: GatewayParams, call: CallState) -> None:
        """A CDR: compare it with the legs told before."""
        key = is_strange(ctx, call)
        if key in s.strangers and call.ended is not None:
            s.legs = [leg for leg in s.legs if leg[1] > call.started - DAY]
            s.legs.append([call.started, call.ended, key])
            if len(s.legs) > max(MOST_LEGS, KEPT * p.at_once * channels_of(ctx)):
                del s.legs[0]
            _see_at_once(s, *side_by_side(s.legs))

    # -- judging -------------------------------------------------------------------------------------------------------

    def _judge(self, ctx: Context, s: GatewayState, p: GatewayParams, now: int) -> None:
        channels = channels_of(ctx)
        if not (
            len(s.bridged) >= p.bridged * channels
            or len(s.strangers) >= p.presented * channels
            or s.most_at_once >= p.at_once * channels
            or len(s.seen) >= p.destinations * channels
            or len(s.targets) >= p.targets * channels
        ):
            return
        signs = signs_of(ctx, s, p, now)
        held = [one for one in signs if one.holds]
        breach = len(held) >= p.breach_signs
        if not breach and not any(one.carries for one in held):
            return
        level: Literal["notice", "breach"] = "breach" if breach else "notice"
        if not ctx.wants(self.rule, level, len(held)):
            return
        marks = ctx.marks_since(ctx.now - DAY)
        row = s.days.get(s.day)
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=len(held),
                limit=p.breach_signs if breach else 1,
                unit=self.unit,
                window=Window(now - WEEK_DAYS * DAY, now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=summary(held),
                facts=facts(ctx, s, signs, now),
                against=against(ctx, s, held),
                evidence=ctx.evidence(marks),
                evidence_more=max(0, (row[OUT] if row is not None else 0) - len(marks)),
                cost=s.week(COST),
                coverage_notes=() if ctx.tenant.numbers else (NO_NUMBERS,),
            )
        )


def _see_at_once(s: GatewayState, count: int, at: int) -> None:
    """Note how many strangers' numbers were shown side by side: the most of 24 hours."""
    if count > 1 and (count >= s.most_at_once or s.at_once <= at - DAY):
        s.most_at_once, s.at_once = count, at


def _kept(ctx: Context, limit: int) -> int:
    return min(KEPT * limit * channels_of(ctx), MOST_NUMBERS)


RULE = Gateway()
