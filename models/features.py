"""The baseline features: what one licence did on one day, as numbers (``docs/features.md``).

The extractor has the shape of a rule, so the evaluator feeds it the same facts at the same places of the log, live and from
files, and there is no second implementation that could drift from the first. It reports no finding: at the close of a day it
emits one ``Features`` row, which nothing that comes later can change; and when a week has closed, one of the week
(``models.weeks``), told from those of days by its schema. A licence that is silent on Sunday has it on time: a timer closes weeks.

>>> from detectors.events import Call, Dest
>>> from detectors.step import Partition
>>> partition, at = Partition(1, only_features()), 1_772_434_800_000
>>> leg = {"pbx": "pbx-1", "tenant": "acme", "licence": "101", "call_id": "c1", "direction": "outbound"}
>>> to = Dest(e164="+33612345678", cls="mobile")
>>> call = Call(phase="cdr", time=at + 65_000, started_at=at, answered_at=at + 5_000, ended_at=at + 65_000, dest=to, **leg)
>>> row, = partition.step(call) + partition.finish(at + 3 * 86_400_000)
>>> row.day, dict(zip(NAMES, row.values))["talk_seconds"]
('2026-03-02', 60.0)
"""

from __future__ import annotations

from bisect import insort
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from detectors.coverage import CDRS, PHASES, REGISTRATIONS
from detectors.days import DAY, HOUR, MINUTE, iso, weekday
from detectors.dialling.spans import gaps_of, variation
from detectors.digest import digest64
from detectors.events import HIGH_RISK, INTERNAL, SURCHARGED
from detectors.location import evidence
from detectors.outputs import Features, Level
from detectors.registry import Detectors, installed
from detectors.rule import Detector, Params
from detectors.step import CLOSE_AFTER, CLOSE_AFTER_CDRS
from models import weeks
from models.schema import HISTORY, LENGTHS, LONG, MONTH, MOST_CALLS, MOST_DESTINATIONS, MOST_DEVICES, NAMES, SCHEMA_HASH, SHORT, WEEK

if TYPE_CHECKING:
    from detectors.calls import CallState
    from detectors.context import Context
    from detectors.events import Registration

RULE = "features"
#: Classes of numbers in another country.
INTERNATIONAL = frozenset({"intl_fixed_mobile", "intl_premium", "satellite"})
#: Final answers after which nobody's phone rang, or was busy; the rest of 4xx to 6xx without these failed (RFC 3261 §21).
BUSY = frozenset({486, 600})
RANG = frozenset({408, 480, 487, 603})
#: Calls of the last two days may still be told (CDRs, 25 hours); what began earlier is late.
OPEN_DAYS = 2


class Day(msgspec.Struct, array_like=True):
    """Counts of one open day.

    Sets are lists of digests without repeats, in order of arrival. ``called`` maps the digest of a number to its calls;
    ``starts`` (sorted) and ``spans`` (sorted, from and to) are milliseconds since the day began; ``lengths`` is the histogram of
    talk; ``talk`` milliseconds and ``cost`` thousandths of a cent; ``number``, ``run`` and ``sequence`` the last number dialled,
    how many in sequence led to it, and the most that ever did.
    """

    registrations: int = 0
    failed_registrations: int = 0
    devices: list[int] = []
    networks: list[int] = []
    countries: list[str] = []
    agents: list[int] = []
    attempts: int = 0
    answered: int = 0
    cancelled: int = 0
    busy: int = 0
    failed: int = 0
    talk: int = 0
    lengths: list[int] = []
    short: int = 0
    long: int = 0
    called: dict[int, int] = {}
    number: int = 0
    run: int = 0
    sequence: int = 0
    hours: dict[int, int] = {}
    starts: list[int] = []
    spans: list[tuple[int, int]] = []
    classes: dict[str, int] = {}
    diverted: int = 0
    cost: int = 0
    inbound: int = 0
    inbound_answered: int = 0
    internal: int = 0
    late: int = 0


class FeaturesState(msgspec.Struct, array_like=True):
    """What is remembered of a licence.

    ``days`` are the open ones (two, three while a day that waits for CDRs closes), ``closed`` the last closed one, ``first`` the
    first one with a row; ``history`` holds the ``HISTORY`` values of the last 28 days that had a row. ``weeks`` are the open ones
    by their last day (one, two while Sunday waits for CDRs), ``week_closed`` and ``week_first`` as for days, ``week_history`` the
    ``weeks.HISTORY`` values of the last four that had a row.
    """

    days: dict[int, Day] = {}
    closed: int = -1
    first: int = -1
    history: dict[int, tuple[int, int, int]] = {}
    weeks: dict[int, weeks.Week] = {}
    week_closed: int = -1
    week_first: int = -1
    week_history: dict[int, tuple[int, int, int]] = {}


class FeaturesParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """No key of its own: what a feature counts is fixed by the schema, or two rows of one name would differ."""


class FeatureExtractor(Detector[FeaturesParams, FeaturesState]):
    """See the module."""

    rule = RULE
    clause = ""
    title = "Features of closed licence-days"
    unit = "rows"
    #: It says nothing of its own, so policies and their versions know nothing of it.
    levels: ClassVar[tuple[Level, ...]] = ()
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {
        "softphone": "review",
        "desk_phone": "review",
        "fax": "review",
        "trunk": "review",
        "group": "review",
    }
    Params = FeaturesParams
    State = FeaturesState

    def registration(self, ctx: Context, s: FeaturesState, p: FeaturesParams, event: Registration) -> None:
        """Count the registration, and the phone, place and agent of an accepted one."""
        action = event.action
        if action in ("unregister", "expire"):
            return
        day = _open_day(ctx, s, event.time)
        if day is None:
            return
        if action in ("failed", "refused"):
            day.failed_registrations += event.count
            return
        day.registrations += event.count
        loc = event.loc
        device = evidence.device_of(event.device, event.user_agent, event.contact)[0]
        _seen(day, device, "" if loc is None else loc.network, "" if loc is None else loc.country)
        if event.user_agent:
            _add(day.agents, digest64(evidence.device_of(None, event.user_agent, None)[0]))

    def sight(self, ctx: Context, s: FeaturesState, p: FeaturesParams, device: str) -> Day | None:
        """The day whose registrations a repeat adds to; its close makes phones be looked at again."""
        return s.days.get(ctx.today)

    @staticmethod
    def registered_again(record: Day, event: Registration) -> None:
        """Phone, place and agent are counted already."""
        record.registrations += event.count

    def call_started(self, ctx: Context, s: FeaturesState, p: FeaturesParams, call: CallState) -> None:
        """Count the attempt with its hour, its number and its place in the day."""
        day = _open_day(ctx, s, call.started)
        if day is None:
            return
        _seen(day, call.device, call.network, call.country)
        if _inside(call):
            day.internal += 1
            return
        if call.direction == "inbound":
            day.inbound += 1
            return
        day.attempts += 1
        start, end = ctx.clock.bounds(_day_of(ctx, call.started))
        # A day of 24 hours needs no look at the time zone.
        hour = (call.started - start) // HOUR if end - start == DAY else ctx.clock.hour_of(call.started)
        day.hours[hour] = day.hours.get(hour, 0) + 1
        insort(day.starts, call.started - start)
        if len(day.starts) > MOST_CALLS:
            del day.starts[0]
        day.classes[call.dest.cls] = day.classes.get(call.dest.cls, 0) + 1
        _dialled(day, call.dest.e164)

    def call_answered(self, ctx: Context, s: FeaturesState, p: FeaturesParams, call: CallState) -> None:
        """Count the answer; an incoming call shows its phone only now."""
        day = _open_day(ctx, s, call.started, told=True)
        if day is None:
            return
        if call.direction == "inbound":
            _seen(day, call.device, call.network, call.country)
        if not _inside(call):
            if call.direction == "inbound":
                day.inbound_answered += 1
            else:
                day.answered += 1

    def call_ended(self, ctx: Context, s: FeaturesState, p: FeaturesParams, call: CallState, sign: int) -> None:
        """Count what became of an outgoing call."""
        day = _open_day(ctx, s, call.started, told=True)
        if day is not None and call.ended is not None:
            _outcome(ctx, day, call, call.ended, sign)

    def day_closed(self, ctx: Context, s: FeaturesState, p: FeaturesParams, day: int) -> None:
        """Emit the rows of the day, and of an earlier one that a CDR alone told of, and forget them."""
        due = sorted(d for d in s.days if d <= day)
        if due:
            ctx.licence.plan.look_again()
        for one in due:
            counts = s.days.pop(one)
            for call in ctx.licence.calls.up.values():
                if _day_of(ctx, call.started) == one:
                    _outcome(ctx, counts, call, min(ctx.now, call.counts_until()), 1)
            row = _row(ctx, s, counts, one)
            _emit(ctx, one, SCHEMA_HASH, NAMES, row)
            _into_week(ctx, s, one, counts, row)
            s.first = one if s.first < 0 else s.first
            if counts.attempts:
                s.history[one] = (counts.attempts, counts.talk // 1000, len(counts.called))
        s.closed = max(s.closed, day)
        for old in [d for d in s.history if d <= day - MONTH]:
            del s.history[old]
        if s.weeks:
            _close_weeks(ctx, s)

    def timer(self, ctx: Context, s: FeaturesState, p: FeaturesParams, at: int) -> None:
        """Emit the row of a week that has closed."""
        _close_weeks(ctx, s)


def only_features() -> Detectors:
    """The extractor, beside the installed rules in a form that judges nothing: policies and account facts may speak of them."""
    return {rule: _silenced(detector) for rule, detector in installed().items()} | {RULE: FEATURES}


def _silenced(detector: Detector[Any, Any]) -> Detector[Any, Any]:
    quiet = copy(detector)
    vars(quiet)["applies"] = {}
    return quiet


# -- counting --------------------------------------------------------------------------------------------------------


def _day_of(ctx: Context, at: int) -> int:
    """The day something belongs to; a start that a wrong clock puts into the future belongs to today."""
    return ctx.clock.day_of(min(at, ctx.now))


def _open_day(ctx: Context, s: FeaturesState, at: int, told: bool = False) -> Day | None:
    """The counts of the day of ``at``; none when it has closed, which is counted as late unless it was ``told`` already."""
    number = _day_of(ctx, at)
    day = s.days.get(number)
    if day is not None:
        return day
    today = ctx.clock.day_of(ctx.now)
    if number > s.closed and number >= today - OPEN_DAYS:
        s.days[number] = day = Day()
        return day
    if not told and today > s.closed:
        s.days.setdefault(today, Day()).late += 1
    return None


def _inside(call: CallState) -> bool:
    return call.direction == "internal" or call.dest.cls == INTERNAL


def _add(known: list[int], digest: int) -> None:
    if digest not in known and len(known) < MOST_DEVICES:
        known.append(digest)


def _seen(day: Day, device: str, network: str, country: str) -> None:
    if device:
        _add(day.devices, digest64(device))
    if network:
        _add(day.networks, digest64(network))
    if country and country not in day.countries and len(day.countries) < MOST_DEVICES:
        day.countries.append(country)


def _dialled(day: Day, e164: str) -> None:
    digits = e164[1:] if e164[:1] == "+" else e164
    number = int(digits) if digits.isdecimal() else 0
    day.run = day.run + 1 if number and number == day.number + 1 else 1
    day.number = number
    day.sequence = max(day.sequence, day.run)
    if e164:
        key = digest64(e164)
        if key in day.called or len(day.called) < MOST_DESTINATIONS:
            day.called[key] = day.called.get(key, 0) + 1


def _outcome(ctx: Context, day: Day, call: CallState, ended: int, sign: int) -> None:
    """Count an outgoing call as it stands at ``ended``, or take that back (``sign`` -1)."""
    if call.direction == "inbound" or _inside(call):
        return
    start = ctx.clock.bounds(_day_of(ctx, call.started))[0]
    span = call.started - start, ended - start
    if sign > 0:
        insort(day.spans, span)
        if len(day.spans) > MOST_CALLS:
            del day.spans[0]
    elif span in day.spans:
        day.spans.remove(span)
    day.diverted += sign * (call.diverted_by is not None)
    if call.answered is None:
        if call.ended is not None:
            _unanswered(day, call, sign)
        return
    talk = max(0, ended - call.answered)
    day.talk += sign * talk
    day.lengths = day.lengths or [0] * len(LENGTHS)
    day.lengths[min(max((talk // 1000).bit_length() - 3, 0), len(LENGTHS) - 1)] += sign
    day.short += sign * (talk <= SHORT)
    day.long += sign * (talk >= LONG)
    day.cost += sign * (call.dest.setup + call.dest.rate * talk // MINUTE)


def _unanswered(day: Day, call: CallState, sign: int) -> None:
    status = call.status or 0
    if status in BUSY or call.cause == 17:
        day.busy += sign
    elif call.ended_by == "caller" or status == 487:
        day.cancelled += sign
    elif status >= 400 and status not in RANG:
        day.failed += sign


# -- the row ---------------------------------------------------------------------------------------------------------


def _row(ctx: Context, s: FeaturesState, d: Day, day: int) -> dict[str, float]:
    place = evidence.status(ctx, day)
    classes = d.classes
    gaps = gaps_of(d.starts)
    talked = sum(d.lengths)
    row: dict[str, float] = {
        "registrations": d.registrations,
        "failed_registrations": d.failed_registrations,
        "devices": len(d.devices),
        "networks": len(d.networks),
        "countries": len(d.countries),
        "agent_families": len(d.agents),
        "abroad": place == "abroad",
        "silent": place == "silent",
        "weekend": weekday(day) >= 5,
        "attempts": d.attempts,
        "answered": d.answered,
        "unanswered": d.attempts - d.answered,
        "cancelled": d.cancelled,
        "busy": d.busy,
        "failed": d.failed,
        "talk_seconds": d.talk // 1000,
        "talk_mean": d.talk / talked / 1000 if talked else 0,
        "short_answered": d.short,
        "long_answered": d.long,
        "destinations": len(d.called),
        "called_once": sum(calls == 1 for calls in d.called.values()) / len(d.called) if d.called else 0,
        "top_destination": max(d.called.values(), default=0),
        "sequence": d.sequence,
        "gap_mean": sum(gaps) / len(gaps) / 1000 if gaps else 0,
        "gap_variation": variation(gaps) / 1000 if len(gaps) >= 2 else 1,
        "busiest_hour": max(d.hours.values(), default=0),
        "active_hours": len(d.hours),
        "night_calls": sum(calls for hour, calls in d.hours.items() if hour >= 22 or hour < 7),
        "concurrent": _at_once(d.spans),
        "mobile": classes.get("mobile", 0),
        "fixed": classes.get("fixed", 0),
        "international": sum(calls for cls, calls in classes.items() if cls in INTERNATIONAL),
        "surcharged": sum(calls for cls, calls in classes.items() if cls in SURCHARGED),
        "high_risk": sum(calls for cls, calls in classes.items() if cls in HIGH_RISK),
        "diverted": d.diverted,
        "cost_cents": d.cost / 1000,
        "inbound": d.inbound,
        "inbound_answered": d.inbound_answered,
        "outbound_inbound": d.attempts / max(1, d.inbound),
        "internal": d.internal,
        "late": d.late,
    }
    first = NAMES.index("talk_0_7")
    row.update(zip(NAMES[first : first + len(LENGTHS)], d.lengths or [0] * len(LENGTHS), strict=True))
    for column, (name, _) in enumerate(HISTORY):
        for days in (WEEK, MONTH):
            row[f"{name}_mean_{days}d"] = _mean(s, column, day, days)
    return row


def _mean(s: FeaturesState, column: int, day: int, days: int) -> float:
    known = min(days, day - s.first) if s.first >= 0 else 0
    return sum(values[column] for past, values in s.history.items() if past >= day - days) / known if known > 0 else 0


def _at_once(spans: list[tuple[int, int]]) -> int:
    """Most spans that hold one instant; one that ends when the next begins does not overlap it."""
    most = up = 0
    changes = [(start, 1) for start, end in spans if end > start] + [(end, -1) for start, end in spans if end > start]
    for _, change in sorted(changes):
        up += change
        most = max(most, up)
    return max(most, min(1, len(spans)))


def _emit(ctx: Context, day: int, schema: str, names: tuple[str, ...], row: dict[str, float]) -> None:
    values = tuple(round(float(row[name]), 6) for name in names)
    licence = ctx.licence
    ctx.emit(Features(tenant=licence.tenant, licence=licence.licence, day=iso(day), closed_at=ctx.now, schema_hash=schema, values=values))


# -- weeks -----------------------------------------------------------------------------------------------------------


def _into_week(ctx: Context, s: FeaturesState, day: int, counts: Day, row: dict[str, float]) -> None:
    """Add a closed day to its week; one whose week has closed is late, and said so in the week that is."""
    last = weeks.last_day(day)
    if last > s.week_closed:
        weeks.add(s.weeks.setdefault(last, weeks.Week()), day, counts, row)
    else:
        s.weeks.setdefault(weeks.last_day(_day_of(ctx, ctx.now)), weeks.Week()).late_days += 1


def _close_weeks(ctx: Context, s: FeaturesState) -> None:
    """Emit the rows of weeks that have closed, and set the timer for the next one.

    A week closes when its Sunday would, whether or not anything happened on it; and not before all of its days that were told of:
    a Sunday that a CDR of Monday told of has its row when Monday closes.
    """
    after = CLOSE_AFTER_CDRS if ctx.licence.seen & (CDRS | PHASES | REGISTRATIONS) == CDRS else CLOSE_AFTER
    for last in sorted(s.weeks):
        due = ctx.clock.bounds(last)[1] + after
        if ctx.now < due:
            ctx.wake(RULE, due)
            return
        if any(day <= last for day in s.days):
            break  # the close of that day comes here again
        row = weeks.row(s.weeks.pop(last), last, s.week_history, s.week_first)
        _emit(ctx, last, weeks.WEEK_SCHEMA_HASH, weeks.WEEK_NAMES, row)
        s.week_closed = last
        s.week_first = last if s.week_first < 0 else s.week_first
        s.week_history[last] = int(row["attempts"]), int(row["talk_seconds"]), int(row["destinations"])
        for old in [end for end in s.week_history if end <= last - 7 * weeks.WEEKS]:
            del s.week_history[old]
    ctx.sleep(RULE)


FEATURES = FeatureExtractor()
