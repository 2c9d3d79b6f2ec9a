"""Rules that report what a call's number tells them to, under the ids of rules that merge: for tests of what comes after."""

from __future__ import annotations

from typing import Any

import msgspec

from detectors.calls import CallState
from detectors.context import Context
from detectors.outputs import Window
from detectors.rule import Detector, Finding, Params

#: Numbers that make each rule speak; one that ends in 9 is a breach, in 7 takes the rule's finding back, in 0 a notice.
NUMBERS = {"account-takeover": "+881", "toll-fraud": "+252", "wangiri": "+225", "paid-destination": "+3389", "autodial": "+3370"}


class StandInParams(Params, frozen=True, kw_only=True):
    """Automatic; ``lasting``: what was told holds for days."""

    mode: Any = "auto"
    lift: Any = "auto"
    restrictions: tuple[str, ...] = ("paid",)
    lasting: bool = False


class StandInState(msgspec.Struct, array_like=True):
    """How many calls told the rule to speak, today."""

    told: int = 0


class StandInFacts(msgspec.Struct):
    """The same."""

    told: int


class StandIn(Detector[StandInParams, StandInState]):
    """Speaks as often as it is told to."""

    clause = "5.d"
    title = "Stand-in"
    unit = "calls"
    applies = {"softphone": "auto"}  # noqa: RUF012 - a constant of the class
    Params = StandInParams
    State = StandInState
    Facts = StandInFacts

    def __init__(self, rule: str) -> None:
        self.rule = rule  # type: ignore[misc]

    def call_started(self, ctx: Context, s: StandInState, p: StandInParams, call: CallState) -> None:
        number = call.dest.e164
        if not number.startswith(NUMBERS[self.rule]):
            return
        if number.endswith("7"):
            ctx.withdraw(self.rule, "it was somebody else")
            return
        s.told += 1
        level: Any = "breach" if number.endswith("9") else "notice"
        if ctx.wants(self.rule, level, s.told):
            marks = ctx.marks_since(ctx.now - 60_000)
            ctx.report(
                Finding(
                    rule=self.rule, level=level, measured=s.told, limit=1, unit=self.unit, window=Window(ctx.now - 60_000, ctx.now),
                    crossed_at=ctx.now, issued_at=ctx.now, summary=f"{s.told} calls.", facts=StandInFacts(s.told),
                    against=("it was a first call",), evidence=ctx.evidence(marks), cost=1_000_000 * s.told,
                )
            )  # fmt: skip

    def day_closed(self, ctx: Context, s: StandInState, p: StandInParams, day: int) -> None:
        s.told = s.told if p.lasting else 0

    def holds(self, ctx: Context, s: StandInState, p: StandInParams, day: int) -> bool:
        return s.told > 0


STAND_INS: dict[str, Detector[Any, Any]] = {rule: StandIn(rule) for rule in sorted(NUMBERS)}
