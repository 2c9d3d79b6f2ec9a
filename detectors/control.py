"""What people and operators say, at its place in the log: reviews, policies, reference data, models, scores, erasure."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from detectors import account, alerts, audit, champions, decisions
from detectors.digest import digest64
from detectors.errors import PolicyError
from detectors.events import Erase, ModelEvent, PolicyEvent, Reference, Review, Score
from detectors.outputs import Breaker, DeadLetter
from detectors.plan import drop
from detectors.policy import Policy
from detectors.state import LicenceState, TenantState

if TYPE_CHECKING:
    from detectors.step import Partition

#: References that a console groups by and no rule reads: kept, a year of attacks would ride in every checkpoint of a partition.
CAMPAIGNS = "campaign/"


def on_review(core: Partition, event: Review) -> None:
    """A verdict: on an open alert, or on the restriction that an ended one left behind."""
    tenant = core.tenant_state(event.tenant)
    names = [event.licence] if event.licence else sorted(tenant.licences)
    licences = [core.licences[key] for name in names if (key := (event.tenant, name)) in core.licences]
    holders: list[LicenceState | TenantState] = [*licences, tenant]
    for holder in holders:
        for alert in holder.alerts.values():
            if alert.statement.alert_id == event.alert_id:
                core.turn(core.ctx, holder if isinstance(holder, LicenceState) else _somebody(core, tenant))
                decisions.review(core, core.ctx, event, alert)
                return
    for licence in licences:
        if any(cause.alert_id == event.alert_id for cause in licence.standing.causes):
            core.turn(core.ctx, licence)
            decisions.review_of_ended(core, core.ctx, event)
            return
    for licence in licences if event.licence else ():
        core.turn(core.ctx, licence)
        if audit.sampled(core.ctx, event.alert_id):
            # A label and nothing else: no alert is open, and nothing is decided by a day drawn by lot.
            core.count("audit_verdicts")
            return
    core.count("reviews_without_alert")


def on_policy(core: Partition, event: PolicyEvent) -> None:
    """A policy replaces the one in force, for every tenant; open breakers close, since an operator has looked."""
    try:
        policy = Policy(event.body, core.detectors)
    except PolicyError as error:
        core.say(DeadLetter(src=event.src, line=event.line, error="policy", message=str(error)))
        return
    core.policy, core.state.policy = policy, event.body
    for licence in core.licences.values():
        drop(licence)
    for name, tenant in sorted(core.tenants.items()):
        core.note(name)
        if tenant.breaker_since is not None:
            limit = policy.merged(name, "").general.breaker_limit
            core.say(Breaker(tenant=name, state="closed", count=len(tenant.automatic), limit=limit, since=core.ctx.now))
            tenant.breaker_since, tenant.automatic = None, []


def on_reference(core: Partition, event: Reference) -> None:
    """Reference data by name, from its place or its ``effective_from``; what no rule reads leaves nothing behind."""
    if event.name.startswith(CAMPAIGNS):
        return
    if event.effective_from is not None and event.effective_from > event.time:
        core.state.coming = sorted([*core.state.coming, event], key=lambda r: (r.effective_from or 0, r.time, r.id))
        heapq.heappush(core.heap, (event.effective_from, "", "", ""))
    else:
        core.state.references[event.name] = event.body


def references_due(core: Partition, at: int) -> None:
    """Reference data whose ``effective_from`` has come."""
    while core.state.coming and (core.state.coming[0].effective_from or 0) <= at:
        due = core.state.coming.pop(0)
        core.state.references[due.name] = due.body


def on_model(core: Partition, event: ModelEvent) -> None:
    """A model becomes champion or challenger, or is retired; alerts name the champion of their time."""
    champions.on_move(core.state.models, event)


def on_score(core: Partition, event: Score) -> None:
    """The champion's opinion of a licence-day: it fills ``alert.score``, and rules that read scores are told of it."""
    licence = core.licences.get((event.tenant, event.licence))
    left_out = "scores_without_licence" if licence is None else champions.accept(core.state.models, licence.scores, event)
    if licence is None or left_out:
        core.count(left_out)
        return
    plan = core.turn(core.ctx, licence)
    for hook, i, params in plan.outline.scored:
        hook(core.ctx, plan.states[i], params, event)
    core.settle()
    alerts.scored(core, core.ctx, event)
    core.follow(licence)


def on_erase(core: Partition, event: Erase) -> None:
    """Forget a licence or a tenant; a restriction in force is lifted first, so that no PBX is left with an orphan."""
    tenant = core.tenants.get(event.tenant)
    if tenant is None:
        return
    for name in [event.licence] if event.licence else sorted(tenant.licences):
        core.note(event.tenant, name)
        licence = core.licences.pop((event.tenant, name), None)
        if licence is not None:
            core.turn(core.ctx, licence)
            decisions.publish(core, core.ctx, [])
            drop(licence)
            if licence.standing.sequence:
                core.state.erased[digest64(core.ctx.scope)] = licence.standing.epoch
        tenant.licences.pop(name, None)
        if licence is not None and licence.fact is not None:
            account.forget_numbers(tenant, licence.fact)
    if not event.licence:
        del core.tenants[event.tenant]


def _somebody(core: Partition, tenant: TenantState) -> LicenceState:
    """A licence whose turn it can be while an alert of its tenant is reviewed."""
    return core.licence_state(tenant.tenant, min(tenant.licences))
