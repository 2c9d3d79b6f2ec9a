"""Account facts and exemptions at their place in the log: what they change, and what they make judge again.

A fact applies from its place or its ``effective_from``, whichever is later. Two reach back: ``softphones_billed`` (35 days)
and the days of an exemption (365); the rules judge those again in ``facts_changed``.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import msgspec

from detectors import decisions
from detectors.days import DAY
from detectors.errors import PolicyError
from detectors.events import Exemption, Licence, Tenant
from detectors.outputs import DeadLetter
from detectors.plan import drop
from detectors.significant import significant
from detectors.state import FACT_TIMER, LicenceState, TenantState

if TYPE_CHECKING:
    from detectors.step import Partition

#: Facts and exemptions are kept as long as anything may reach back to them.
KEEP_FACTS = 400 * DAY
#: Versions of a tenant's facts remembered: a customer changes its order a few times a year.
MOST_VERSIONS = 50


def on_tenant(core: Partition, event: Tenant) -> None:
    """A customer's account facts."""
    tenant = core.tenant_state(event.tenant)
    if _starts(event) > event.time:
        tenant.coming = sorted([*tenant.coming, event], key=_order)
        _wake(core, tenant)
    else:
        _apply_tenant(core, tenant, event)


def on_licence(core: Partition, event: Licence) -> None:
    """Account facts of one licence."""
    licence = core.licence_state(event.tenant, event.licence)
    # Facts come long before the licence's first turn: without this a worker killed in between forgot 40 of 6,600 of them.
    core.note(event.tenant, event.licence)
    if _starts(event) > event.time:
        licence.coming = sorted([*licence.coming, event], key=_order)
        core.wake(licence, FACT_TIMER, _starts(licence.coming[0]))
    else:
        _apply_licence(core, licence, event)


def on_exemption(core: Partition, event: Exemption) -> None:
    """A dated permission, or its revocation (same ``exemption_id``)."""
    tenant = core.tenant_state(event.tenant)
    tenant.exemptions = {k: e for k, e in tenant.exemptions.items() if e.to > core.ctx.now - KEEP_FACTS}
    tenant.exemptions[event.exemption_id] = event
    _changed(core, tenant, event.licence)


def tenant_facts_due(core: Partition, tenant: TenantState) -> None:
    """Facts of a customer whose ``effective_from`` has come."""
    while tenant.coming and _starts(tenant.coming[0]) <= core.ctx.now:
        _apply_tenant(core, tenant, tenant.coming.pop(0))
    if tenant.coming:
        _wake(core, tenant)


def licence_facts_due(core: Partition, licence: LicenceState) -> None:
    """Facts of a licence whose ``effective_from`` has come."""
    while licence.coming and _starts(licence.coming[0]) <= core.ctx.now:
        _apply_licence(core, licence, licence.coming.pop(0))
    if licence.coming:
        core.wake(licence, FACT_TIMER, _starts(licence.coming[0]))


def _apply_tenant(core: Partition, tenant: TenantState, fact: Tenant) -> None:
    old = tenant.fact
    tenant.fact = fact
    try:
        core.merged(tenant, None)
    except PolicyError as error:
        # The rest of the fact is good: the customer keeps being judged, by the provider's policy.
        tenant.fact = msgspec.structs.replace(fact, policy=old.policy if old is not None else {})
        core.say(DeadLetter(src=fact.src, line=fact.line, error="policy", message=str(error)))
    # The one in force until now is kept however old it is: the days before this change are judged by it.
    kept = [f for f in tenant.history[:-1] if _starts(f) > core.ctx.now - KEEP_FACTS] + tenant.history[-1:]
    tenant.history = [*kept, tenant.fact][-MOST_VERSIONS:]
    _changed(core, tenant)


def _apply_licence(core: Partition, licence: LicenceState, fact: Licence) -> None:
    old = licence.fact
    # Where it was read from serves nobody later, and would be a third of a quiet licence's fact.
    licence.fact = msgspec.structs.replace(fact, id="", pbx="", src="", line=0, key=0, digest=0)
    tenant = core.tenant_state(licence.tenant)
    tenant.licences[licence.licence] = fact.type if fact.active else f"-{fact.type}"
    if old is not None:
        forget_numbers(tenant, old)
    for number in fact.numbers:
        tenant.numbers[significant(number)] = licence.licence
    drop(licence)
    if licence.standing.causes and fact.aors != licence.standing.aors:
        core.turn(core.ctx, licence)
        removed = tuple(sorted(set(licence.standing.aors) - set(fact.aors)))
        decisions.publish(core, core.ctx, list(licence.standing.causes), removed=removed, again=True)
    if old is not None:
        _judge_again(core, licence)


def forget_numbers(tenant: TenantState, fact: Licence) -> None:
    """The numbers of a licence are no longer the tenant's: its fact changes, or it is erased."""
    for number in fact.numbers:
        key = significant(number)
        if tenant.numbers.get(key) == fact.licence:
            del tenant.numbers[key]


def _changed(core: Partition, tenant: TenantState, only: str = "") -> None:
    for name in sorted(tenant.licences):
        licence = core.licences.get((tenant.tenant, name))
        if licence is not None and (not only or name == only):
            drop(licence)
            _judge_again(core, licence)


def _judge_again(core: Partition, licence: LicenceState) -> None:
    plan = core.turn(core.ctx, licence)
    for hook, i, params in plan.outline.facts:
        hook(core.ctx, plan.states[i], params)
    core.settle()


def _starts(fact: Tenant | Licence) -> int:
    return max(fact.time, fact.effective_from or 0)


def _order(fact: Tenant | Licence) -> tuple[int, int, str]:
    return _starts(fact), fact.time, fact.id


def _wake(core: Partition, tenant: TenantState) -> None:
    at = _starts(tenant.coming[0])
    tenant.timers[FACT_TIMER] = at
    heapq.heappush(core.heap, (at, tenant.tenant, "", FACT_TIMER))
