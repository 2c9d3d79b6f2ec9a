"""A machine dials: calls follow each other as no hand makes them, for longer than a person works the phone.

**What it catches.** Power and predictive diallers, robocalls, scripts that test numbers. Two kinds of sign are asked for at
once, since each alone has an honest owner. A *machine* sign: many answered calls of six seconds or less, many calls the caller
cancels before an answer, gaps between calls that hardly vary, numbers dialled in sequence. A *rate* sign: two busy hours on
end, two calls up at once for ten minutes, 75 calls in 24 hours, a call up for most of eight hours. One of each at its first
limit is a notice, one of each at its strong limit a breach. Trunks are judged by the same limits times their channels.

**What it cannot see.** What is said in a call: a recorded voice that talks for a minute to whoever answers looks like a
person here (see ``mass-messaging`` for equal lengths). A dialler that spreads its calls over many licences, each below 75 a
day, stays below every limit. Calls that the PBX never reports are not there; a call whose end is lost counts as up for at
most two hours.

**Honest look-alikes.** A salesperson has the rate but not the rhythm: pick-ups by voicemail last 20 to 40 seconds, and people
pause. Somebody who redials a busy doctor has the rhythm but not the rate. A reminder service for patients is a machine all the
same: exempt it by name. Alarm transmitters belong on a line of their own.

**How to tune.** ``*_warn`` and ``*_strong`` are the two limits of each sign. Raise ``day_attempts_*`` for offers with outbound
sales, not ``variation_*``: the rhythm is what tells a machine. Ratios are judged on the last 24 hours from ``floor_attempts``
calls on, else on 30 days from ``floor_answered`` answered calls on, else not at all. Sources of the limits: published
thresholds of carriers for short and cancelled calls, 75 to 100 calls a day as the ceiling of manual dialling, the rest ours.

**Vectors** (``tests/detectors/rules/test_autodial.py``).

* caught: one call every 20 s, 15 % answered: a notice within 30 minutes, a breach by the 200th attempt
  (``test_a_call_every_20_s_is_noticed_within_30_minutes_and_a_breach_by_its_200th_attempt``)
* caught: a night of robot calls to one number every minute (``test_a_night_of_robot_calls_to_one_number_every_minute_is_a_breach``)
* caught: numbers in sequence (``test_numbers_in_sequence_are_a_machine_sign``)
* let go: a busy salesperson, 80 calls a day, 40 % voicemail (``test_a_busy_salesperson_with_80_calls_a_day_and_voicemail_is_not_caught``)
* let go: a person who redials a busy doctor 30 times in 20 minutes
  (``test_a_person_who_redials_a_busy_doctor_30_times_in_20_minutes_is_not_caught``)
* let go: short answered calls without a rate (``test_short_answered_calls_are_never_enough_alone``)

A call every 20 seconds, nobody answering, is noticed at the 75th, said again when doubled, and a breach at the 200th:

>>> from detectors.events import Call, Dest
>>> from detectors.outputs import Alert
>>> from detectors.step import Partition
>>> partition, said = Partition(1), []
>>> for n in range(200):
...     at = 1_772_434_800_000 + 20_000 * n
...     to = Dest(e164=f"+3361200{37 * n:04}", cls="mobile")
...     leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": f"c{n}", "direction": "outbound", "dest": to}
...     said += partition.step(Call(phase="attempt", time=at, **leg))
...     said += partition.step(Call(phase="end", time=at + 15_000, started_at=at, status=487, **leg))
>>> [(a.level, a.measured, a.limit, a.unit) for a in said if isinstance(a, Alert) and a.rule == "autodial"]
[('notice', 75, 75, 'attempts/24h'), ('notice', 150, 75, 'attempts/24h'), ('breach', 200, 200, 'attempts/24h')]
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from detectors.days import DAY, HOUR, MINUTE, SECOND
from detectors.dialling.signs import (
    LEVELS,
    AutodialFacts,
    against,
    decisive,
    facts,
    machine_level,
    machine_signs,
    measure,
    rate_levels,
    rate_signs,
    summary,
    with_open_calls,
)
from detectors.dialling.spans import MOST_SPANS, occupy, over, prune, slide, time_with, vacate
from detectors.dialling.tally import ANSWERED, ATTEMPTS, CANCELLED, COST, SHORT, TALKED, Tally
from detectors.errors import PolicyError
from detectors.outputs import Window
from detectors.outside import channels_of, goes_out
from detectors.rule import Detector, Direction, Finding, Params

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context

#: Starts kept so that the screen can plot the gaps of the last 50 calls.
PLOTTED = 51
#: What a call is counted as when it starts, and when it has ended.
STARTED, GIVEN_UP, SPOKEN, BRIEFLY, AT_LENGTH = (ATTEMPTS,), (CANCELLED,), (ANSWERED,), (ANSWERED, SHORT), (ANSWERED, TALKED)
#: A call that talked this long is a conversation: what speaks for the customer.
CONVERSATION = 60 * SECOND


class AutodialParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two limits for each sign: warn makes a notice, strong a breach. Trunks: rates times the channels."""

    restrictions: tuple[str, ...] = ("outgoing",)
    on_overdue: Literal["keep", "relax", "lift"] = "relax"
    short_s: int = 6
    short_percent_warn: int = 15
    short_percent_strong: int = 30
    cancel_percent_warn: int = 20
    cancel_percent_strong: int = 40
    variation_thousandths_warn: int = 400
    variation_thousandths_strong: int = 250
    variation_calls: int = 30
    run_warn: int = 5
    run_strong: int = 10
    hour_attempts_warn: int = 30
    hour_attempts_strong: int = 60
    at_once_warn: int = 2
    at_once_strong: int = 3
    at_once_minutes: int = 10
    day_attempts_warn: int = 75
    day_attempts_strong: int = 200
    busy_percent_warn: int = 70
    busy_percent_strong: int = 90
    busy_hours: int = 8
    floor_attempts: int = 50
    floor_answered: int = 100

    def __post_init__(self) -> None:
        for name in ("short_percent", "cancel_percent", "run", "hour_attempts", "at_once", "day_attempts", "busy_percent"):
            if not 0 < getattr(self, f"{name}_warn") <= getattr(self, f"{name}_strong"):
                raise PolicyError(f"policy: [rules.autodial] {name}_warn must be positive and at most {name}_strong")
        if not 0 < self.variation_thousandths_strong <= self.variation_thousandths_warn:
            raise PolicyError("policy: [rules.autodial] variation_thousandths_strong must be positive and at most …_warn")
        if not 3 <= self.variation_calls <= self.day_attempts_strong:
            raise PolicyError("policy: [rules.autodial] variation_calls must be 3 to day_attempts_strong: so many starts are kept")


class AutodialState(msgspec.Struct, array_like=True):
    """What is remembered of a licence's outgoing external calls.

    ``starts``: when the last calls began, within 24 hours; ``hour_warn``, ``hour_strong``: spans during which the trailing hour
    held more than the limit; ``layers``: spans with so many calls up; ``busy``: the time the layer judged covers;
    ``number``, ``run``: the last number dialled and how many in sequence led to it; ``runs``: when a run last reached each limit;
    ``held``: when a rate other than calls in 24 hours last held.
    """

    starts: list[int] = []
    hour_warn: list[int] = []
    hour_strong: list[int] = []
    tally: Tally = msgspec.field(default_factory=Tally)
    layers: list[list[int]] = []
    busy: int = 0
    number: int = 0
    run: int = 0
    run_best: int = 0
    runs: list[int] = []
    held: int = 0


class Autodial(Detector[AutodialParams, AutodialState]):
    """See the module."""

    rule = "autodial"
    clause = "5.d, 9.e, 9.f"
    title = "Calls placed by a machine"
    unit = "attempts/24h"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "auto", "desk_phone": "review", "trunk": "review"}
    Params = AutodialParams
    State = AutodialState
    Facts = AutodialFacts
    needs = ("calls",)
    hears: ClassVar[dict[str, tuple[Direction, ...]]] = {"call_started": ("outbound",), "call_ended": ("outbound",)}

    def call_started(self, ctx: Context, s: AutodialState, p: AutodialParams, call: CallState) -> None:
        """Count the attempt; rhythm, rates and sequences are judged at a call's start."""
        if not goes_out(call):
            return
        at, starts = call.started, s.starts
        s.tally.add(at, STARTED, 1)
        self._sequence(s, p, call.dest.e164, at)
        channels = channels_of(ctx)
        place = len(starts)
        if not place or at >= starts[-1]:
            starts.append(at)
        else:
            # A CDR comes when its call has ended, after calls that began later.
            place = bisect_right(starts, at)
            starts.insert(place, at)
        now = starts[-1]
        while starts[0] <= now - DAY:
            del starts[0]
            place -= 1
        limit = p.hour_attempts_warn * channels
        if len(starts) > limit:
            if len(starts) > max(p.day_attempts_strong * channels, p.hour_attempts_strong * channels + 1, PLOTTED):
                del starts[0]
                place -= 1
            if place >= 0:
                over(starts, limit, HOUR, s.hour_warn, now, place)
                over(starts, p.hour_attempts_strong * channels, HOUR, s.hour_strong, now, place)
        self._judge(ctx, s, p, now, channels, 0 if call.whole else 1)

    def call_ended(self, ctx: Context, s: AutodialState, p: AutodialParams, call: CallState, sign: int) -> None:
        """Count what became of the call; ratios, busy time and calls side by side are judged at a call's end."""
        ended = call.ended
        if ended is None or not goes_out(call):
            return
        at, channels = call.started, channels_of(ctx)
        if call.answered is not None:
            talk, dest = ended - call.answered, call.dest
            cost = dest.setup + dest.rate * talk // MINUTE if dest.rate or dest.setup else 0
            if talk <= p.short_s * SECOND:
                s.tally.add(at, BRIEFLY, sign, sign * cost)
            else:
                s.tally.add(at, AT_LENGTH if talk >= CONVERSATION else SPOKEN, sign, sign * cost)
        elif call.ended_by == "caller" or call.status == 487:
            s.tally.add(at, GIVEN_UP, sign)
        if sign < 0:
            vacate(s.layers, at, ended)
            s.busy = time_with(s.layers, channels)
            return
        self._occupied(s, p, at, ended, channels)
        self._judge(ctx, s, p, max(ended, s.starts[-1]) if s.starts else ended, channels, 0)

    def holds(self, ctx: Context, s: AutodialState, p: AutodialParams, day: int) -> bool:
        """Whether a rate still stands: calls in 24 hours as counted now, the shorter ones if they held at any time of that day.

        An hour's rate has always gone by the close at one in the morning; judged there alone, each evening would end the episode.
        """
        after = bisect_right(s.starts, ctx.now - DAY)
        return len(s.starts) - after >= p.day_attempts_warn * channels_of(ctx) or s.held >= ctx.clock.bounds(day)[0]

    # -- counting ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _sequence(s: AutodialState, p: AutodialParams, e164: str, at: int) -> None:
        digits = e164[1:] if e164[:1] == "+" else e164
        number = int(digits) if digits.isdecimal() else 0
        s.run = s.run + 1 if number and number == s.number + 1 else 1
        s.number = number
        if s.run >= p.run_warn:
            if not s.runs or s.run >= s.run_best or s.runs[0] <= at - DAY:
                s.run_best = s.run
            s.runs = [at, at if s.run >= p.run_strong else s.runs[1] if s.runs else 0]

    @staticmethod
    def _occupied(s: AutodialState, p: AutodialParams, start: int, end: int, channels: int) -> None:
        """Add the time of an ended call to the layers."""
        layers = s.layers
        if not layers:
            layers.append([])
        first = layers[0]
        if not first or start > first[-1]:
            first += (start, end)
            if channels == 1:
                s.busy += end - start
        else:
            occupy(layers, start, end, p.at_once_strong * channels)
            s.busy = time_with(layers, channels)
        before = end - p.busy_hours * HOUR
        # Ten minutes are let go at once: pruning at every call would move the whole layer each time.
        if first[0] < before - 10 * MINUTE or len(first) > 2 * MOST_SPANS:
            prune(layers, before)
            if len(first) > 2 * MOST_SPANS:
                slide(first)
            s.busy = time_with(layers, channels)

    # -- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, ctx: Context, s: AutodialState, p: AutodialParams, now: int, channels: int, own: int) -> None:
        """Judge at ``now``; ``own`` is 1 when the call judged is itself among those up."""
        starts, layers, limit = s.starts, s.layers, p.day_attempts_warn * channels
        if len(ctx.licence.calls.up) > own:
            layers = with_open_calls(ctx, layers, now, p.at_once_strong * channels)
        elif (
            not s.hour_warn
            and len(layers) < p.at_once_warn * channels
            and (len(starts) < limit or starts[-limit] <= now - DAY)
            and s.busy * 100 < p.busy_percent_warn * p.busy_hours * HOUR
        ):
            return
        rates = rate_levels(s, p, layers, now, channels)
        if rates is None:
            return
        if rates[1] or rates[2] or rates[3]:
            s.held = ctx.now
        level = max(rates)
        # Said once, a dialler goes on calling: the machine signs are looked at only when the rates have news.
        if not ctx.wants(self.rule, LEVELS[level], measure(decisive(rates, level), s, p, layers, now, channels, rates)):
            return
        level = min(level, machine_level(s, p, now, level))
        if not level:
            return
        chosen = decisive(rates, level)
        if not ctx.wants(self.rule, LEVELS[level], measure(chosen, s, p, layers, now, channels, rates)):
            return
        machine = machine_signs(s, p, now)
        rated = rate_signs(s, p, layers, now, channels, rates)
        rate = rated[chosen]
        marks = ctx.marks_since(ctx.now - DAY)
        ctx.report(
            Finding(
                rule=self.rule,
                level=LEVELS[level],
                measured=rate.measured,
                limit=rate.strong if level == 2 else rate.warn,
                unit=rate.unit,
                window=Window(now - rate.window, now),
                crossed_at=ctx.now,
                issued_at=ctx.now,
                summary=summary(rate, machine, level),
                facts=facts(s, [*machine, *rated], marks),
                against=against(ctx, s, machine),
                evidence=ctx.evidence(marks),
                evidence_more=max(0, s.tally.last_day[ATTEMPTS] - len(marks)),
                cost=s.tally.last_day[COST],
            )
        )


RULE = Autodial()
