"""From alerts to restrictions: automatic ones, a person's, their lifts, and what may never happen.

Ladder: note < watch < warn < restrict (``paid``, ``international``, ``prefixes``) < ``outgoing`` < ``credentials``.
A restriction is the union of its causes; an automatic cause is lifted by evidence or by a person, a person's only by a person.
Nothing here can touch an emergency call: a suspension has no way to say so (``Suspension.emergency_allowed``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from detectors import alerts
from detectors.alert_state import HOST, SIGNS, OpenAlert
from detectors.context import Context
from detectors.days import DAY, HOUR
from detectors.digest import identifier
from detectors.events import Review
from detectors.outputs import Breaker, Cause, Suspension
from detectors.state import REVIEW_TIMER

if TYPE_CHECKING:
    from detectors.state import LicenceState
    from detectors.step import Partition

LADDER = ("paid", "international", "prefixes", "outgoing", "credentials")
#: Restricted days count for no stay, so the spans of ``outgoing`` are kept a little longer than the 365 days judged.
KEEP_SPANS = 400 * DAY
AUTOMATIC = "policy"


def exempt(ctx: Context, rule: str, tenant_wide: bool) -> bool:
    """Whether an exemption in force hides findings of a rule at this instant."""
    licence = "" if tenant_wide else ctx.licence.licence
    return any(
        rule in e.rules and not e.revoked and e.from_ <= ctx.now < e.to and (not e.licence or e.licence == licence)
        for e in ctx.tenant.exemptions.values()
    )


def breaker_allows(core: Partition, ctx: Context) -> bool:
    """Whether one more automatic suspension of this tenant may go out in this event-time hour; opens the breaker when not.

    Over five (or a third of the tenant's licences if that is more) in an hour is more likely our mistake than theirs.
    """
    tenant = ctx.tenant
    if tenant.breaker_since is not None:
        return False
    tenant.automatic = [at for at in tenant.automatic if at > ctx.now - HOUR]
    active = sum(1 for kind in tenant.licences.values() if not kind.startswith("-"))
    limit = max(ctx.general.breaker_limit, active // 3)
    if len(tenant.automatic) < limit:
        return True
    tenant.breaker_since = ctx.now
    core.say(Breaker(tenant=tenant.tenant, state="open", count=len(tenant.automatic) + 1, limit=limit, since=ctx.now))
    return False


def acted(ctx: Context, rule: str, alert: OpenAlert | None) -> bool:
    """Whether the licence is restricted automatically by the alert, or by one that becomes part of it, already.

    More of the same attack is no further suspension of the tenant.
    """
    mine = alert.statement.alert_id if alert is not None else ""
    automatic = [c for c in ctx.licence.standing.causes if c.decided_by == AUTOMATIC]
    return any(c.alert_id == mine or (rule == HOST and c.rule in SIGNS) for c in automatic)


def apply_automatic(core: Partition, ctx: Context, alert: OpenAlert, restrictions: tuple[str, ...], taken: tuple[str, ...] = ()) -> None:
    """Add restrictions of an automatic breach to the alert's automatic cause, and publish the licence's new record.

    ``taken`` are alerts that became part of this one: the causes of persons move over as they are, the automatic ones become
    one with its own. A cause that grew is to be reviewed anew.
    """
    mine = alert.statement.alert_id
    automatic = [c for c in ctx.licence.standing.causes if c.decided_by == AUTOMATIC and c.alert_id in (mine, *taken)]
    kept = [
        msgspec.structs.replace(c, alert_id=mine) if c.alert_id in taken else c for c in ctx.licence.standing.causes if c not in automatic
    ]
    deadlines = [c.review_by for c in automatic if c.review_by is not None]
    review_by = min(deadlines) if deadlines else None
    if restrictions:
        review_by = ctx.now + ctx.general.review_by_hours * HOUR
        if not automatic:
            ctx.tenant.automatic.append(ctx.now)
    united = tuple(r for r in LADDER if r in restrictions or any(r in c.restrictions for c in automatic))
    if united:
        kept.append(_cause(alert, united, "auto", AUTOMATIC, review_by))
    publish(core, ctx, kept)
    _wake_for_causes(core, ctx)


def narrow(core: Partition, ctx: Context, alert: OpenAlert) -> None:
    """A sign of the alert was taken back: its automatic cause keeps what the rest of it asks for."""
    mine = alert.statement.alert_id
    parts = [alert, *(sign for _, sign in sorted(alert.signs.items()))]
    asked = {r for part in parts if part.applied for r in core.params(ctx, part.statement.rule).restrictions}
    kept: list[Cause] = []
    for cause in ctx.licence.standing.causes:
        if cause.alert_id != mine or cause.decided_by != AUTOMATIC:
            kept.append(cause)
        elif left := tuple(r for r in cause.restrictions if r in asked):
            kept.append(msgspec.structs.replace(cause, restrictions=left))
    publish(core, ctx, kept)


def lift_automatic(core: Partition, ctx: Context, alert_id: str, freed: Sequence[OpenAlert] = ()) -> None:
    """Remove the automatic cause of an alert, if there is one; causes of persons stay.

    ``freed`` are alerts that were part of it and stand by themselves now: each keeps what it had asked for.
    """
    kept = [c for c in ctx.licence.standing.causes if c.alert_id != alert_id or c.decided_by != AUTOMATIC]
    if len(kept) == len(ctx.licence.standing.causes):
        return
    review_by = ctx.now + ctx.general.review_by_hours * HOUR
    for alert in freed:
        if alert.applied and not alert.bound:
            restrictions = core.params(ctx, alert.statement.rule).restrictions
            kept.append(_cause(alert, restrictions, "auto", AUTOMATIC, review_by))
    publish(core, ctx, kept)
    if freed:
        _wake_for_causes(core, ctx)


def overdue(core: Partition, ctx: Context) -> None:
    """Deadlines of causes have come: ``until`` ends a person's, ``review_by`` without a verdict does what the policy says."""
    kept: list[Cause] = []
    for cause in ctx.licence.standing.causes:
        if cause.until is not None and cause.until <= ctx.now:
            continue
        if cause.review_by is not None and cause.review_by == ctx.now:
            done = _relax(core, ctx, cause)
            if done is not None:
                kept.append(done)
            continue
        kept.append(cause)
    if kept != ctx.licence.standing.causes:
        publish(core, ctx, kept)
    _wake_for_causes(core, ctx)


def _relax(core: Partition, ctx: Context, cause: Cause) -> Cause | None:
    on_overdue = core.params(ctx, cause.rule).on_overdue
    if on_overdue == "keep":
        return cause
    if on_overdue == "relax" and "outgoing" in cause.restrictions:
        later = ctx.now + ctx.general.review_by_hours * HOUR
        return msgspec.structs.replace(cause, restrictions=("paid", "international"), review_by=later)
    return None


def review(core: Partition, ctx: Context, event: Review, alert: OpenAlert) -> None:
    """A person's verdict on an open alert, and the action they chose.

    The verdict is always kept. The action is refused (and the alert goes back to the queue, saying why) when what the person
    saw is no longer what stands, or when it needs a second person and names none.
    """
    alert.verdict = event.verdict
    alert.doubling = 2 * alert.statement.measured
    core.count(f"verdict_{event.verdict}")
    licence = ctx.licence
    causes = [c for c in licence.standing.causes if c.alert_id == alert.statement.alert_id]
    if event.verdict == "no_breach" or event.action == "lift":
        for part in (alert, *alert.signs.values()):
            part.bound = True
    for sign in alert.signs.values():
        sign.doubling = 2 * sign.statement.measured
    refusal = _refusal(event, alert, licence, causes)
    if refusal:
        core.count("actions_refused")
        alert.verdict = ""
        alerts.restate(core, ctx, alert, mode="review", against=(*alert.statement.against, f"action refused: {refusal}"))
    elif event.action == "lift":
        publish(core, ctx, [c for c in licence.standing.causes if c.alert_id != alert.statement.alert_id])
    elif event.action in ("restrict", "suspend"):
        wanted = event.restrictions or (("paid", "international") if event.action == "restrict" else ("outgoing",))
        cause = _cause(alert, wanted, "review", event.reviewer, None, until=event.until, prefixes=event.prefixes)
        _replace_cause(core, ctx, cause)
    elif event.verdict == "no_breach":
        lift_automatic(core, ctx, alert.statement.alert_id)
    elif causes:
        # Judged in time: the automatic cause stands, and no longer lapses by itself.
        publish(core, ctx, [msgspec.structs.replace(c, review_by=None) if c in causes else c for c in licence.standing.causes])
    alert.watched = event.action == "watch"
    _wake_for_causes(core, ctx)


def review_of_ended(core: Partition, ctx: Context, event: Review) -> None:
    """A person judges the restriction of an alert that ended meanwhile: it can be lifted, and nothing else."""
    core.count(f"verdict_{event.verdict}")
    if event.action == "lift" or event.verdict == "no_breach":
        publish(core, ctx, [c for c in ctx.licence.standing.causes if c.alert_id != event.alert_id])
    elif event.action not in ("none", "watch", "warn"):
        core.count("actions_refused")


def _refusal(event: Review, alert: OpenAlert, licence: LicenceState, causes: list[Cause]) -> str:
    if event.action in ("none", "watch", "warn"):
        return ""
    if event.seen_update < alert.statement.update or event.seen_sequence < licence.standing.sequence:
        return (
            f"the screen showed update {event.seen_update} and sequence {event.seen_sequence}, "
            f"now {alert.statement.update} and {licence.standing.sequence}: look again"
        )
    if event.action == "lift":
        return ""
    if alert.statement.licence is None:
        return "a customer's alert names licences; restrict them one by one"
    if event.until is not None and event.until <= event.time:
        return "'until' lies in the past"
    automatic = any(c.decided_by == AUTOMATIC for c in causes)
    wanted = set(event.restrictions)
    if event.second_review_id is None and ("credentials" in wanted or not automatic):
        return "this step needs a second person (second_review_id)"
    if "prefixes" in wanted and not event.prefixes:
        return "the restriction 'prefixes' lists no prefix"
    return ""


def publish(core: Partition, ctx: Context, causes: list[Cause], *, removed: tuple[str, ...] = (), again: bool = False) -> None:
    """Say the licence's full current record with the next sequence number, when it changed (or ``again``: its AoRs did)."""
    licence, standing = ctx.licence, ctx.licence.standing
    if causes == standing.causes and not again:
        return
    was = any("outgoing" in c.restrictions for c in standing.causes)
    standing.causes = sorted(causes, key=lambda c: (c.rule, c.alert_id, c.decided_by))
    restrictions = tuple(r for r in LADDER if any(r in c.restrictions for c in standing.causes))
    prefixes = tuple(sorted({p for c in standing.causes for p in c.prefixes}))
    if ("outgoing" in restrictions) != was:
        standing.spans = [s for s in standing.spans if s[1] == 0 or s[1] > ctx.now - KEEP_SPANS]
        if was:
            standing.spans[-1] = (standing.spans[-1][0], ctx.now)
        else:
            standing.spans.append((ctx.now, 0))
    standing.sequence += 1
    standing.aors = licence.fact.aors if licence.fact is not None else ((licence.aor,) if licence.aor else ())
    decision = identifier("de", ctx.scope, standing.epoch, standing.sequence, ctx.now, *(c.alert_id for c in standing.causes))
    core.say(
        Suspension(
            epoch=standing.epoch,
            sequence=standing.sequence,
            decision_id=decision,
            state="active" if standing.causes else "lifted",
            tenant=licence.tenant,
            licence=licence.licence,
            aors=standing.aors,
            aors_removed=removed,
            restrictions=restrictions,
            prefixes=prefixes,
            causes=tuple(standing.causes),
            home_prefixes=ctx.general.home_prefixes,
            allowed_numbers=ctx.general.allowed_numbers,
            customer_code=f"V{decision[3:9].upper()}",
            issued_at=ctx.now,
            policy_version=ctx.merged.version,
        )
    )


def _cause(
    alert: OpenAlert,
    restrictions: tuple[str, ...],
    mode: str,
    by: str,
    review_by: int | None,
    *,
    until: int | None = None,
    prefixes: tuple[str, ...] = (),
) -> Cause:
    said = alert.statement
    return Cause(
        alert_id=said.alert_id,
        rule=said.rule,
        clause=said.clause,
        restrictions=tuple(r for r in LADDER if r in restrictions),
        mode="auto" if mode == "auto" else "review",
        decided_by=by,
        measured=said.measured,
        limit=said.limit,
        review_by=review_by,
        until=until,
        prefixes=prefixes,
    )


def _replace_cause(core: Partition, ctx: Context, cause: Cause) -> None:
    """A person's cause takes the place of any earlier one of the alert."""
    kept = [c for c in ctx.licence.standing.causes if c.alert_id != cause.alert_id]
    publish(core, ctx, [*kept, cause])


def _wake_for_causes(core: Partition, ctx: Context) -> None:
    """See that the next deadline of the licence's causes is met."""
    deadlines = [at for c in ctx.licence.standing.causes for at in (c.review_by, c.until) if at is not None and at > ctx.now]
    if deadlines:
        core.wake(ctx.licence, REVIEW_TIMER, min(deadlines))
