"""What a call did, told to the rules of its licence: the tracker's hooks, and the marks that alerts show as evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.calls import CallState, Hooks
from detectors.state import Mark

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.plan import Plan

#: Decisive calls remembered per licence for the evidence of an alert.
MOST_MARKS = 50


def _started(ctx: Context, call: CallState) -> None:
    licence = ctx.licence
    day = ctx.clock.day_of(call.started)
    if day > licence.closed:
        licence.called[day] = licence.called.get(day, 0) + 1
    if call.direction != "inbound":
        licence.marks.append(Mark(call.started, "call", call.dest.e164, call.country, call.network, call.src, call.line))
        if len(licence.marks) > MOST_MARKS:
            del licence.marks[0]
    plan: Plan = licence.plan
    for hook, i, params in plan.outline.started[call.direction]:
        hook(ctx, plan.states[i], params, call)


def _answered(ctx: Context, call: CallState) -> None:
    plan: Plan = ctx.licence.plan
    for hook, i, params in plan.outline.answered[call.direction]:
        hook(ctx, plan.states[i], params, call)


def _ended(ctx: Context, call: CallState, sign: int) -> None:
    plan: Plan = ctx.licence.plan
    for hook, i, params in plan.outline.ended[call.direction]:
        hook(ctx, plan.states[i], params, call, sign)


TO_RULES = Hooks(_started, _answered, _ended)
