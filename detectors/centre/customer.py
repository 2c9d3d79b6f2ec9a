"""What the licences of one customer tell each other for ``call-centre``: a queue they share, and which of them are in breach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.centre.signs import tenant_facts
from detectors.centre.working_days import first_of_last, holidays_of
from detectors.days import SECOND
from detectors.outputs import Window
from detectors.plan import rule_state
from detectors.rule import Finding
from detectors.state import Mark

if TYPE_CHECKING:
    from collections.abc import Collection

    from detectors.context import Context
    from detectors.rules.call_centre import CallCentreParams

RULE_ID = "call-centre"
#: The licences of a customer close their day at one instant; the customer is judged a second later, once, over all of them.
AFTER_CLOSE = SECOND
#: Days a shared queue is remembered: sources that send only CDRs close 25 hours after a day's end.
QUEUE_DAYS = 3


class CallCentreTenant(msgspec.Struct, array_like=True):
    """State of a customer.

    ``queue``: licences that answered enough calls of a group's queue, by day; ``breaching``: of each licence in breach how many
    days show it, and the oldest of those that the breach rests on; ``proofs``: the latest decisive call of each; ``due``: when
    they are judged together, for the day that ended at ``crossed``; ``told``: whom the customer's alert names.
    """

    queue: dict[int, list[str]] = {}
    breaching: dict[str, tuple[int, int]] = {}
    proofs: dict[str, Mark] = {}
    due: int = 0
    crossed: int = 0
    told: list[str] = []


def shared(ctx: Context) -> CallCentreTenant:
    """The customer's state, new when there is none."""
    state: CallCentreTenant = rule_state(ctx.tenant.rules, RULE_ID, CallCentreTenant)
    return state


def answers_queue(ctx: Context, day: int) -> None:
    """Note that the licence has answered enough calls of a group's queue on a day."""
    queue = shared(ctx).queue
    answering = queue.setdefault(day, [])
    if ctx.licence.licence not in answering:
        answering.append(ctx.licence.licence)
    for old in [d for d in queue if d < day - QUEUE_DAYS]:
        del queue[old]


def keep(ctx: Context, days: list[int], p: CallCentreParams, proof: Mark | None) -> None:
    """Note the licence's showing ``days`` (oldest first) when they are a breach, else that it is in breach no more."""
    state, name = shared(ctx), ctx.licence.licence
    if len(days) >= p.breach_days:
        state.breaching[name] = (len(days), days[-p.breach_days])
        if proof is not None:
            state.proofs[name] = proof
    elif name in state.breaching:
        _drop(state, [name])


def _drop(state: CallCentreTenant, names: list[str]) -> None:
    for name in names:
        del state.breaching[name]
        state.proofs.pop(name, None)
    # A licence that comes back after a pause begins an episode of its own.
    state.told = [told for told in state.told if told not in names]


def see_judged(ctx: Context, p: CallCentreParams, crossed: int) -> None:
    """See that the customer is judged once its licences have closed the day, when it may be in breach or has been."""
    state = shared(ctx)
    due = ctx.now + AFTER_CLOSE
    if state.due != due and (len(state.breaching) >= p.tenant_licences or RULE_ID in ctx.tenant.alerts):
        state.due, state.crossed = due, crossed
        ctx.wake(RULE_ID, due)


def spoken_for(ctx: Context) -> bool:
    """Whether the customer's open alert already names the licence."""
    return RULE_ID in ctx.tenant.alerts and ctx.licence.licence in shared(ctx).told


def judge(ctx: Context, p: CallCentreParams, at: int, types: Collection[str]) -> None:
    """Judge the customer: enough licences in breach, and enough of the active ones that could show it (``types``)."""
    state = shared(ctx)
    since = first_of_last(p.working_days, ctx.clock.day_of(state.crossed - 1), holidays_of(ctx.partition.references))
    # A licence that fell silent closes no day and cannot say that its breach is over.
    _drop(state, [name for name, (_, oldest) in state.breaching.items() if oldest < since])
    names = sorted(state.breaching)
    active = sum(1 for kind in ctx.tenant.licences.values() if kind == "" or kind in types)
    limit = max(p.tenant_licences, -(-active * p.tenant_percent // 100))
    if len(names) < limit:
        ctx.close(RULE_ID, f"{len(names)} licences show it, fewer than {limit}", tenant_wide=True)
        return
    if not ctx.tenant_wants(RULE_ID, "breach", len(names)):
        return
    state.told = names
    proofs = sorted(state.proofs.values(), key=lambda mark: (mark.time, mark.src, mark.line))
    quiet = active - len(names)
    ctx.report(
        Finding(
            rule=RULE_ID,
            level="breach",
            measured=len(names),
            limit=limit,
            unit="licences",
            window=Window(ctx.clock.bounds(since)[0], state.crossed),
            crossed_at=state.crossed,
            issued_at=at,
            summary=f"{len(names)} of {active} active licences show call-centre use on {p.breach_days} or more of the last "
            f"{p.working_days} working days (limit {limit} licences).",
            facts=tenant_facts({name: count for name, (count, _) in state.breaching.items()}),
            against=(f"{quiet} of {active} active licences show no breach",) if quiet > 0 else (),
            evidence=ctx.evidence(proofs),
            evidence_more=max(0, len(proofs) - 50),
            tenant_wide=True,
            involved=tuple(names),
            replaces=True,
        )
    )
