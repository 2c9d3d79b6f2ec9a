"""A rule for tests of the evaluator: it records its hooks and reports what its policy tells it to."""

from __future__ import annotations

from typing import Any

import msgspec

from detectors.calls import CallState
from detectors.context import Context
from detectors.events import Registration
from detectors.outputs import Window
from detectors.rule import Detector, Finding, Params


class ProbeParams(Params, frozen=True, kw_only=True):
    """``notice`` and ``breach``: answered calls of a licence."""

    mode: Any = "auto"
    lift: Any = "auto"
    notice: int = 2
    breach: int = 3


class ProbeState(msgspec.Struct, array_like=True):
    """What the hooks were told, in order, and how many calls were answered today."""

    told: list[str] = []
    answered: int = 0


class ProbeFacts(msgspec.Struct):
    """Answered calls."""

    answered: int


class Probe(Detector[ProbeParams, ProbeState]):
    """Counts answered outgoing calls until the day closes."""

    rule = "probe"
    clause = "5.d"
    title = "Probe"
    unit = "calls"
    applies = {"softphone": "auto", "desk_phone": "review"}  # noqa: RUF012 - a constant of the class
    Params = ProbeParams
    State = ProbeState
    Facts = ProbeFacts

    def registration(self, ctx: Context, s: ProbeState, p: ProbeParams, event: Registration) -> None:
        s.told.append(f"registration {event.action}")

    def call_started(self, ctx: Context, s: ProbeState, p: ProbeParams, call: CallState) -> None:
        s.told.append(f"started {call.call_id}")

    def call_answered(self, ctx: Context, s: ProbeState, p: ProbeParams, call: CallState) -> None:
        s.told.append(f"answered {call.call_id}")
        s.answered += 1
        level: Any = "breach" if s.answered >= p.breach else "notice" if s.answered >= p.notice else ""
        if level and ctx.wants(self.rule, level, s.answered):
            limit = p.breach if level == "breach" else p.notice
            ctx.report(
                Finding(
                    rule=self.rule,
                    level=level,
                    measured=s.answered,
                    limit=limit,
                    unit=self.unit,
                    window=Window(ctx.now, ctx.now),  # type: ignore[arg-type]
                    crossed_at=ctx.now,
                    issued_at=ctx.now,
                    summary=f"{s.answered} calls",
                    facts=ProbeFacts(s.answered),
                )
            )

    def call_ended(self, ctx: Context, s: ProbeState, p: ProbeParams, call: CallState, sign: int) -> None:
        s.told.append(f"ended {call.call_id} talk={call.talk // 1000} sign={sign}")

    def day_closed(self, ctx: Context, s: ProbeState, p: ProbeParams, day: int) -> None:
        s.told.append("day closed")
        s.answered = 0

    def holds(self, ctx: Context, s: ProbeState, p: ProbeParams, day: int) -> bool:
        return s.answered >= p.notice


PROBE = Probe()
