"""From findings to alerts: one open alert per rule and scope, restated only when there is something new to say.

An alert is never restated more than once per step of evidence: a higher level, a higher mode, a doubled measure, or growth on
a later day. Its id is the digest of rule, scope and first crossing, so a replay gives the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from detectors import champions, decisions, merging, money
from detectors.alert_state import HOST, OpenAlert, takeover_of
from detectors.context import LEVELS, Context
from detectors.coverage import coverage_of
from detectors.days import DAY, MINUTE, number
from detectors.digest import identifier
from detectors.outputs import MODES, Alert, Mode
from detectors.rule import Finding, Params

if TYPE_CHECKING:
    from detectors.events import Score
    from detectors.step import Partition

PROPOSED = "lift proposed"


def settle(core: Partition, ctx: Context) -> None:
    """Turn what the rules said of one event into statements and decisions."""
    if ctx.withdrawals:
        said, ctx.withdrawals = ctx.withdrawals, []
        for rule, state, why, tenant_wide in said:
            alert = (ctx.tenant.alerts if tenant_wide else ctx.licence.alerts).get(rule)
            if alert is not None:
                end(core, ctx, alert, state, why)
            elif state == "withdrawn" and not tenant_wide:
                _withdraw_sign(core, ctx, rule, why)
    if ctx.findings:
        found, ctx.findings = ctx.findings, []
        for finding in found:
            _raise(core, ctx, finding)


def end(core: Partition, ctx: Context, alert: OpenAlert, state: str, why: str) -> None:
    """Withdraw or close an alert, or propose the lift of its restriction, and lift what may be lifted without a person."""
    said = alert.statement
    lifts = state == "withdrawn" or all(core.params(ctx, rule).lift == "auto" for rule in (said.rule, *alert.signs))
    freed: list[OpenAlert] = []
    if state != "lift":
        scope = ctx.tenant.alerts if said.licence is None else ctx.licence.alerts
        scope.pop(said.rule, None)
        restate(core, ctx, alert, state=state, against=(*said.against, why))
        freed = merging.release(core, ctx, alert, state)
    elif not lifts and alert.applied and PROPOSED not in " ".join(said.against):
        restate(core, ctx, alert, against=(*said.against, f"{PROPOSED}: {why}"))
    if lifts:
        decisions.lift_automatic(core, ctx, said.alert_id, freed)


def restate(core: Partition, ctx: Context, alert: OpenAlert, **changes: Any) -> None:
    """Say an alert again with something changed; its ``update`` grows by one."""
    alert.statement = msgspec.structs.replace(alert.statement, update=alert.statement.update + 1, issued_at=ctx.now, **changes)
    alert.said_day = ctx.clock.day_of(ctx.now)
    core.say(alert.statement)


def scored(core: Partition, ctx: Context, event: Score) -> None:
    """Say the licence's alerts that crossed on the scored day again, once, with its score, while nobody has judged them.

    They were raised before the day closed, with a score of the days before it: 56 of 235 alerts of a first day had none, and the queue
    put the others where yesterday belonged.
    """
    day = number(event.day)
    for rule, alert in sorted(ctx.licence.alerts.items()):
        said = alert.statement
        if champions.MODEL_OF.get(rule) != event.model or said.rule != rule or alert.verdict:
            continue
        # Day rules cross at the end of their day.
        if ctx.clock.day_of(said.crossed_at - 1) != day:
            continue
        score, version = champions.of_rule(core.state, ctx.licence, rule)
        if (score, version) != (said.score, said.model_version):
            day_said = alert.said_day
            restate(core, ctx, alert, score=score, model_version=version)
            # It is no step of the evidence: growth on this day may still be said.
            alert.said_day = day_said


def _withdraw_sign(core: Partition, ctx: Context, rule: str, why: str) -> None:
    """A finding that became part of a takeover's alert is taken back."""
    host = ctx.licence.alerts.get(HOST)
    if host is not None and rule in host.signs:
        merging.detach(core, ctx, host, rule, why)
        decisions.narrow(core, ctx, host)


def _raise(core: Partition, ctx: Context, finding: Finding) -> None:
    scope = ctx.tenant.alerts if finding.tenant_wide else ctx.licence.alerts
    alert = scope.get(finding.rule)
    params = core.params(ctx, finding.rule)
    if decisions.exempt(ctx, finding.rule, finding.tenant_wide):
        hidden = ctx.tenant.hidden if finding.tenant_wide else ctx.licence.hidden
        hidden[finding.rule] = hidden.get(finding.rule, 0) + 1
        core.count("exempted")
        return
    host = None if finding.tenant_wide or params.mode == "shadow" else takeover_of(scope, finding.rule, ctx.now)
    if host is not None and alert is None:
        alert = host.signs.get(finding.rule)
    mode, reasons = _mode(core, ctx, finding, params, alert)
    if alert is not None and not _news(ctx, alert, finding, mode):
        return
    acts = mode == "auto" and finding.level == "breach" and not (alert is not None and alert.applied)
    if acts and not decisions.acted(ctx, finding.rule, host or alert) and not decisions.breaker_allows(core, ctx):
        acts, mode, reasons = False, "review", (*reasons, "this customer's circuit breaker is open until an operator has looked")
        if alert is not None and not _news(ctx, alert, finding, mode):
            return
    statement = _statement(core, ctx, finding, params, mode, reasons, alert)
    if alert is None:
        alert = OpenAlert(statement)
    else:
        alert.statement, alert.alone = statement, None
    alert.said_day = ctx.clock.day_of(ctx.now)
    taken: tuple[str, ...] = ()
    if host is not None:
        taken = merging.attach(core, ctx, host, alert)
    else:
        scope[finding.rule] = alert
        if finding.replaces:
            _supersede(core, ctx, finding, alert)
        if finding.rule == HOST and not finding.tenant_wide:
            taken = merging.absorb(core, ctx, alert)
        core.say(alert.statement)
    if alert.doubling and finding.measured >= alert.doubling:
        # Twice what the person judged is something new to judge (decisions: growth).
        alert.verdict, alert.doubling = "", 0
        if host is not None:
            host.verdict = ""
    if acts:
        alert.applied = True
    if acts or taken:
        decisions.apply_automatic(core, ctx, host or alert, params.restrictions if acts else (), taken)


def _news(ctx: Context, alert: OpenAlert, finding: Finding, mode: Mode) -> bool:
    said = alert.own
    if LEVELS[finding.level] != LEVELS[said.level]:
        return LEVELS[finding.level] > LEVELS[said.level]
    if MODES[mode] > MODES[said.mode] or finding.new_sign:
        return True
    if finding.measured <= said.measured:
        return False
    return finding.measured >= 2 * said.measured or ctx.clock.day_of(ctx.now) > alert.said_day


def _mode(core: Partition, ctx: Context, finding: Finding, params: Params, alert: OpenAlert | None) -> tuple[Mode, tuple[str, ...]]:
    """The mode in force for a finding, and why it is not automatic when the policy would have it so."""
    if params.mode != "auto":
        return params.mode, ()
    reasons: list[str] = []
    kind = core.licence_type(ctx.licence)
    if finding.tenant_wide:
        reasons.append("an alert of a whole customer never suspends by itself")
    elif core.detectors[finding.rule].applies.get(kind) != "auto":
        reasons.append(f"this rule is always reviewed for a {kind.replace('_', ' ')}")
    if finding.level == "breach":
        reasons.extend(finding.not_automatic if not finding.automatic else ())
        if core.origin == "bootstrap" or _crossed_in_history(alert):
            reasons.append("found in history: automatic needs a crossing after go-live")
        if ctx.licence.fact is None:
            reasons.append("no account fact is known for this licence")
        if ctx.event is not None and ctx.event.late_ms > ctx.general.late_minutes * MINUTE:
            reasons.append(f"completed by an event that came {ctx.event.late_ms // MINUTE} minutes late")
        if alert is not None and alert.bound:
            reasons.append("a person has judged this episode")
        if "outgoing" in params.restrictions and _desk_phone(ctx):
            reasons.append("a desk phone was registered on this licence in the last 30 days: the app alone cannot be stopped")
    return ("review", tuple(reasons)) if reasons else ("auto", ())


def _crossed_in_history(alert: OpenAlert | None) -> bool:
    """Whether the breach of an open alert was found by a bootstrap: its growth after go-live is no crossing."""
    return alert is not None and (alert.own.origin, alert.own.level) == ("bootstrap", "breach")


def _desk_phone(ctx: Context) -> bool:
    licence = ctx.licence
    # A terminal first seen within a day of the finding never disables it: an abuser could register one on purpose.
    return licence.desk_first > 0 and licence.desk_first < ctx.now - DAY and licence.desk_last > ctx.now - ctx.general.desk_phone_days * DAY


def _statement(
    core: Partition, ctx: Context, finding: Finding, params: Params, mode: Mode, reasons: tuple[str, ...], alert: OpenAlert | None
) -> Alert:
    detector = core.detectors[finding.rule]
    scope = ctx.tenant.tenant if finding.tenant_wide else ctx.scope
    covered = coverage_of(ctx.licence, detector.needs, finding.coverage_notes)
    # A score is of one licence: an alert of a whole customer has none.
    score, version = (None, None) if finding.tenant_wide else champions.of_rule(core.state, ctx.licence, finding.rule)
    stopped = 1 if "outgoing" in params.restrictions and not finding.tenant_wide else 0
    return Alert(
        alert_id=alert.statement.alert_id if alert is not None else identifier("al", finding.rule, scope, finding.crossed_at),
        state="open",
        update=alert.statement.update + 1 if alert is not None else 1,
        rule=finding.rule,
        clause=detector.clause,
        level=finding.level,
        tenant=ctx.tenant.tenant,
        licence=None if finding.tenant_wide else ctx.licence.licence,
        mode=mode,
        origin="bootstrap" if _crossed_in_history(alert) else core.origin,
        measured=finding.measured,
        limit=finding.limit,
        unit=finding.unit,
        window=finding.window,
        crossed_at=finding.crossed_at,
        issued_at=finding.issued_at,
        summary=finding.summary,
        # Through JSON, so that a statement read back from state is equal to the one that was said (lists, not tuples).
        facts=msgspec.json.decode(msgspec.json.encode(finding.facts)),
        evidence=finding.evidence,
        evidence_more=finding.evidence_more,
        against=(*finding.against, *(f"not automatic: {reason}" for reason in reasons)),
        coverage=covered,
        supersedes=alert.statement.supersedes if alert is not None else (),
        money_at_risk_cents=money.at_risk(finding, ctx.tenant.fact, ctx.clock.day_of(ctx.now)),
        money_if_wrong_cents=money.if_wrong(ctx.tenant.fact, stopped),
        score=score,
        policy_version=ctx.merged.version,
        model_version=version,
    )


def _supersede(core: Partition, ctx: Context, finding: Finding, alert: OpenAlert) -> None:
    """The alert of the tenant takes the place of those of its licences, which become its evidence."""
    taken: list[str] = list(alert.statement.supersedes)
    here = ctx.licence
    for name in finding.involved:
        licence = core.licences.get((ctx.tenant.tenant, name))
        old = licence.alerts.get(finding.rule) if licence is not None else None
        if licence is None or old is None:
            continue
        core.turn(ctx, licence)
        taken.append(old.statement.alert_id)
        end(core, ctx, old, "closed", f"now part of the customer's alert {alert.statement.alert_id}")
    core.turn(ctx, here)
    alert.statement = msgspec.structs.replace(alert.statement, supersedes=tuple(sorted(set(taken))))
