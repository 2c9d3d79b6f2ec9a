"""What the two rules about days abroad share: when they look, what they say, and when they may act without a person.

An open day can only raise a notice; a breach needs a closed day, since nobody is cut off on the day they fly home. What was said is
judged again at each close, when late evidence changes a closed day, and when an exemption arrives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import msgspec

from detectors.abroad.calendar import coverage_notes, decisive, networks_since
from detectors.abroad.facts import AbroadFacts, against, facts_of, places
from detectors.abroad.stays import Line, Measure, line_of
from detectors.location.days_of_licence import AGREED, CALLS, OLD, OPEN_DAYS, WEAK
from detectors.location.evidence import status
from detectors.outputs import Level, Window
from detectors.rule import Detector, Finding, Params

if TYPE_CHECKING:
    from detectors.alert_state import OpenAlert
    from detectors.context import Context

#: References an alert lists.
MOST_EVIDENCE = 50


class AbroadParams(Params, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds both rules have, in days, and what the evidence must show before anything acts by itself.

    ``min_abroad_percent`` of the days judged were abroad, ``min_call_days`` of them with calls, over ``min_networks`` networks
    (or confirmed by a second database).
    """

    mode: Literal["shadow", "review", "auto"] = "auto"
    min_abroad_percent: int = 50
    min_call_days: int = 5
    min_networks: int = 2


class AbroadState(msgspec.Struct, array_like=True):
    """What a rule remembers of its open alert.

    ``closed``: the last closed day; ``crossed``: the day on which what the alert says came true (-1: nothing said); ``automatic``:
    whether it was said to be good enough to act; ``proposed``: whether the lift was proposed.
    """

    closed: int = -1
    crossed: int = -1
    automatic: bool = False
    proposed: bool = False


P = TypeVar("P", bound=AbroadParams)


class AbroadDetector(Detector[P, AbroadState], ABC):
    """Hooks of both rules; what is measured, and when it is over, is each rule's own."""

    clause = "5.d"
    unit = "days"
    applies: ClassVar[dict[str, Literal["auto", "review"]]] = {"softphone": "auto", "desk_phone": "review"}
    State = AbroadState
    Facts = AbroadFacts
    needs: ClassVar[tuple[str, ...]] = ("location",)

    @abstractmethod
    def limits(self, p: P) -> tuple[int, int]:
        """Notice and breach limit in days."""

    @abstractmethod
    def hopeless(self, ctx: Context, p: P, day: int) -> bool:
        """A cheap test that no limit can be reached, so that nothing need be counted."""

    @abstractmethod
    def measure(self, p: P, line: Line) -> Measure | None:
        """The measure as of the last day of ``line``; None when there is nothing."""

    @abstractmethod
    def crossing(self, p: P, line: Line, limit: int) -> int:
        """The day on which the measure of ``measure`` reached a limit."""

    @abstractmethod
    def over(self, p: P, line: Line, crossed: int, limit: int) -> tuple[str, str]:
        """Whether what came true on ``crossed`` is ``""`` still so, ``withdrawn`` (it never was) or ``closed``; and why."""

    @abstractmethod
    def say(self, p: P, m: Measure, line: Line, places: str) -> str:
        """The summary of an alert."""

    def day_closed(self, ctx: Context, s: AbroadState, p: P, day: int) -> None:
        """Breaches, ends and second looks."""
        if day > s.closed:
            s.closed = day
        if ctx.licence.days.latest_abroad < 0:
            return
        alert = ctx.licence.alerts.get(self.rule)
        if alert is None:
            s.crossed, s.automatic, s.proposed = -1, False, False
            if self.hopeless(ctx, p, day):
                return
        self._judge(ctx, s, p, alert, line_of(ctx, self.rule, day))

    def location_changed(self, ctx: Context, s: AbroadState, p: P, day: int) -> None:
        """Notices on the open day; what late evidence takes back on a closed one."""
        if ctx.licence.days.latest_abroad < 0:
            return
        alert = ctx.licence.alerts.get(self.rule)
        if day <= s.closed:
            if alert is not None and alert.statement.level == "breach":
                self._ended(ctx, s, p, alert, line_of(ctx, self.rule, s.closed))
            return
        if (alert is not None and alert.statement.level == "breach") or self.hopeless(ctx, p, day) or status(ctx, day) != "abroad":
            return
        line = line_of(ctx, self.rule, day)
        m = self.measure(p, line)
        notice = self.limits(p)[0]
        if m is None or m.last != day or m.days < notice or not ctx.wants(self.rule, "notice", m.days):
            return
        if alert is None or s.crossed < 0:
            s.crossed = self.crossing(p, line, notice)
        self._report(ctx, s, p, line, m, "notice", alert.statement.crossed_at if alert is not None else ctx.now, ())

    def facts_changed(self, ctx: Context, s: AbroadState, p: P) -> None:
        """An exemption reaches back: what it covers no longer counts, what a revoked one covered counts again."""
        alert = ctx.licence.alerts.get(self.rule)
        if s.closed < 0 or ctx.licence.days.latest_abroad < 0:
            return
        open_notice = alert is not None and alert.statement.level != "breach"
        through = max(s.closed, ctx.licence.days.newest) if open_notice else s.closed
        line = line_of(ctx, self.rule, through)
        if alert is None:
            self._judge(ctx, s, p, None, line)
        else:
            self._ended(ctx, s, p, alert, line, reached_back=True)

    def _ended(self, ctx: Context, s: AbroadState, p: P, alert: OpenAlert, line: Line, reached_back: bool = False) -> bool:
        """Take back or close the open alert when it is time; says whether it did."""
        if s.crossed > line.through:
            # A notice of the open day: that day's own close will tell.
            return False
        notice, breach = self.limits(p)
        said_breach = alert.statement.level == "breach"
        state, why = self.over(p, line, s.crossed, breach if said_breach else notice)
        if not state:
            return False
        if state == "closed" or not (said_breach or reached_back):
            ctx.close(self.rule, why)
        else:
            ctx.withdraw(self.rule, why)
        s.crossed, s.automatic, s.proposed = -1, False, False
        return True

    def _judge(self, ctx: Context, s: AbroadState, p: P, alert: OpenAlert | None, line: Line) -> None:
        if alert is not None and self._ended(ctx, s, p, alert, line):
            return
        m = self.measure(p, line)
        notice, breach = self.limits(p)
        if m is None or m.days < notice:
            return
        notes: tuple[str, ...] = ()
        level: Level = "notice"
        if m.days >= breach:
            level = "breach"
            if any(line.of(day) & OLD for day in m.counted):
                # A database half a year old has moved prefixes since: it may warn, it may not accuse.
                fresh = self.measure(p, line.without(OLD))
                if fresh is None or fresh.days < breach:
                    level = "notice"
                    notes = ("a limit is reached only with a location database more than 180 days old: notice only",)
        if level == "notice":
            if not ctx.wants(self.rule, level, m.days):
                return
            if alert is None or s.crossed < 0:
                s.crossed = self.crossing(p, line, notice)
            crossed_at = alert.statement.crossed_at if alert is not None else ctx.clock.bounds(s.crossed)[1]
            self._report(ctx, s, p, line, m, level, crossed_at, notes)
            return
        wanted = ctx.wants(self.rule, level, m.days)
        second_look = alert is not None and not alert.applied and not s.automatic and not alert.verdict
        if not wanted and not second_look:
            return
        reasons = self.not_automatic(ctx, p, line, m)
        if not wanted and reasons:
            return
        if alert is None or alert.statement.level != "breach" or s.crossed < 0:
            s.crossed = self.crossing(p, line, breach)
        self._report(ctx, s, p, line, m, level, ctx.clock.bounds(s.crossed)[1], notes, reasons)

    def not_automatic(self, ctx: Context, p: P, line: Line, m: Measure) -> tuple[str, ...]:
        """Why the evidence may not act without a person; empty when it may."""
        reasons: list[str] = []
        abroad = len(m.counted)
        if abroad * 100 < p.min_abroad_percent * m.basis:
            reasons.append(f"only {abroad} of {m.basis} days were abroad, less than {p.min_abroad_percent} %")
        calls = sum(1 for day in m.counted if line.of(day) & CALLS)
        if calls < p.min_call_days:
            reasons.append(f"{calls} days abroad have calls, fewer than {p.min_call_days}")
        agreed = sum(1 for day in m.counted if line.of(day) & AGREED)
        networks = networks_since(ctx, m.first, line.through)
        if networks < p.min_networks and agreed * 2 < abroad:
            reasons.append(f"the evidence comes from {networks} network{'s' * (networks != 1)} and no second database confirms it")
        if any(line.of(day) & WEAK for day in m.counted):
            strong = self.measure(p, line.without(WEAK))
            if strong is None or strong.days < self.limits(p)[1]:
                reasons.append("without phones known by user agent and contact alone the limit is not reached")
        return tuple(reasons)

    def _report(
        self,
        ctx: Context,
        s: AbroadState,
        p: P,
        line: Line,
        m: Measure,
        level: Level,
        crossed_at: int,
        notes: tuple[str, ...],
        reasons: tuple[str, ...] = (),
    ) -> None:
        notice, breach = self.limits(p)
        facts = facts_of(ctx, line, m, self.measure(p, line.without(WEAK, CALLS)), s.crossed, (notice, breach))
        s.automatic = level == "breach" and not reasons
        last = ctx.clock.bounds(m.last)[1]
        evidence = tuple(e for e in (decisive(ctx, day) for day in m.counted[-MOST_EVIDENCE:]) if e is not None)
        ctx.report(
            Finding(
                rule=self.rule,
                level=level,
                measured=m.days,
                limit=breach if level == "breach" else notice,
                unit=self.unit,
                window=Window(ctx.clock.bounds(m.first)[0], min(last, ctx.now)),
                crossed_at=crossed_at,
                issued_at=ctx.now,
                summary=self.say(p, m, line, places(ctx, m.counted)),
                facts=facts,
                against=against(facts, m),
                evidence=evidence,
                evidence_more=len(m.counted) - len(evidence),
                automatic=not reasons,
                not_automatic=reasons,
                coverage_notes=(*coverage_notes(ctx, line.bits[max(0, m.first - line.first) :]), *notes),
            )
        )


def first_abroad_day(ctx: Context) -> int:
    """The earliest day abroad that is remembered: no stay and no total is longer than the days since."""
    days = ctx.licence.days
    if days.countries:
        return next(iter(days.countries))
    return min((day for device in days.devices.values() for day in device.seen), default=days.latest_abroad)


def most_abroad_days(ctx: Context) -> int:
    """At most this many days abroad are remembered: the final ones, and each of the open ones."""
    days = ctx.licence.days
    return len(days.countries) + (OPEN_DAYS + 1 if any(device.seen for device in days.devices.values()) else 0)


def last_abroad_day(ctx: Context) -> int:
    """The latest final day abroad, -1 when there is none or when open days may be later."""
    days = ctx.licence.days
    if not days.countries or any(device.seen for device in days.devices.values()):
        return -1
    return next(reversed(days.countries))
