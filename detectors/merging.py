"""One attack is one alert: what an open ``account-takeover`` alert of a licence takes as its signs (detectors.md, merging).

Stolen credentials are used within hours, so a break-in, toll fraud, wangiri and calls to paid numbers on one licence within a day
are one thing to judge. The takeover alert says what was attached in ``facts`` (``attached``), ``evidence`` and ``against``; its own
measure stays. Alerts those rules had raised before close, ``supersedes`` names them, and what was restricted is united. Other
rules never merge, and neither does one in shadow: it is on trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from detectors.alert_state import HOST, MERGE_WITHIN, SIGNS, OpenAlert
from detectors.context import LEVELS
from detectors.outputs import MODES, Alert, Coverage, Evidence

if TYPE_CHECKING:
    from detectors.context import Context
    from detectors.plan import Plan
    from detectors.step import Partition

#: Evidence an alert shows (contracts: ``evidence``), and the most bytes of its facts.
MOST_EVIDENCE = 50
MOST_FACTS = 16 * 1024


def absorb(core: Partition, ctx: Context, host: OpenAlert) -> tuple[str, ...]:
    """Take the open alerts of a licence that were said within a day of the takeover just stated; returns their ids.

    The takeover's statement is composed anew and is not said here.
    """
    alerts, taken = ctx.licence.alerts, []
    if host.own.mode != "shadow":
        for rule in SIGNS:
            sign = alerts.get(rule)
            if sign is None or sign.own.mode == "shadow" or abs(sign.statement.issued_at - host.own.crossed_at) > MERGE_WITHIN:
                continue
            sign.statement = msgspec.structs.replace(sign.statement, update=sign.statement.update + 1)
            taken.append(_take(core, ctx, host, sign))
    if host.signs:
        _stated(host, host.alone or host.statement, taken)
    return tuple(taken)


def attach(core: Partition, ctx: Context, host: OpenAlert, sign: OpenAlert) -> tuple[str, ...]:
    """Make a finding a sign of the takeover, and say the takeover's alert again; returns the id of the alert it had before.

    ``sign`` is what the finding's own alert would be, with the new statement in it.
    """
    rule = sign.statement.rule
    if rule not in host.signs:
        # Evidence of another kind than what was judged: back into the queue.
        host.verdict = ""
    taken: tuple[str, ...] = ()
    if rule in ctx.licence.alerts:
        taken = (_take(core, ctx, host, sign),)
    else:
        # Said within the takeover's alert alone: its own statements are not counted on.
        sign.statement = msgspec.structs.replace(sign.statement, update=sign.statement.update - 1)
    host.signs[rule] = sign
    _stated(host, host.own, taken, ctx)
    core.say(host.statement)
    return taken


def detach(core: Partition, ctx: Context, host: OpenAlert, rule: str, why: str) -> None:
    """Late evidence took a sign back: the takeover's alert goes on without it."""
    del host.signs[rule]
    _stated(host, msgspec.structs.replace(host.own, against=(*host.own.against, f"{rule} was withdrawn: {why}")), (), ctx)
    core.say(host.statement)


def release(core: Partition, ctx: Context, host: OpenAlert, state: str) -> list[OpenAlert]:
    """The takeover's alert ended: what still stands of its signs is an alert of its own again; returns those.

    When late evidence withdrew the takeover, all of them; when it closed, those whose measure holds.
    """
    freed = []
    for rule, sign in sorted(host.signs.items()):
        if state == "closed" and not _holds(ctx, rule):
            continue
        said = sign.statement
        why = f"the {HOST} alert {host.statement.alert_id} it was part of was {state}"
        sign.statement = msgspec.structs.replace(said, update=said.update + 1, issued_at=ctx.now, against=(*said.against, why))
        ctx.licence.alerts[rule] = sign
        core.say(sign.statement)
        freed.append(sign)
    return freed


def _holds(ctx: Context, rule: str) -> bool:
    plan: Plan = ctx.licence.plan
    found = plan.outline.holds.get(rule)
    return found is not None and found[0](ctx, plan.states[found[1]], found[2], ctx.licence.closed)


def _take(core: Partition, ctx: Context, host: OpenAlert, sign: OpenAlert) -> str:
    """Close a sign's own alert, whose statement was counted already; returns its id."""
    said = sign.statement
    del ctx.licence.alerts[said.rule]
    host.signs[said.rule] = sign
    why = f"now part of the {HOST} alert {host.statement.alert_id}"
    core.say(msgspec.structs.replace(said, state="closed", issued_at=ctx.now, against=(*said.against, why)))
    return said.alert_id


def _stated(host: OpenAlert, alone: Alert, taken: tuple[str, ...] | list[str], again: Context | None = None) -> None:
    """Put the statement together; ``again`` counts it as a further one."""
    said = host.statement
    host.alone = alone if host.signs else None
    host.statement = msgspec.structs.replace(
        composed(alone, [sign.statement for _, sign in sorted(host.signs.items())]),
        supersedes=tuple(sorted({*said.supersedes, *taken})),
        update=said.update + (again is not None),
        issued_at=said.issued_at if again is None else again.now,
    )


def composed(alone: Alert, signs: list[Alert]) -> Alert:
    """A takeover's statement with those of its signs; measure, limit, window and crossing stay its own.

    Level and mode are the highest of any; the money is that of the costliest, since they share calls.
    """
    if not signs:
        return alone
    every = [alone, *signs]
    evidence, more = _evidence(every)
    named = ", ".join(f"{s.rule} ({s.level}, {s.measured} {s.unit}, limit {s.limit})" for s in signs)
    return msgspec.structs.replace(
        alone,
        level=max((one.level for one in every), key=LEVELS.__getitem__),
        mode=max((one.mode for one in every), key=MODES.__getitem__),
        summary=f"{alone.summary.removesuffix('.')}; with it {named}.",
        facts={**alone.facts, "attached": _facts(alone, signs)},
        evidence=evidence,
        evidence_more=more,
        against=(*alone.against, *(f"{sign.rule}: {text}" for sign in signs for text in sign.against)),
        coverage=_coverage(alone.coverage, signs),
        money_at_risk_cents=max(one.money_at_risk_cents for one in every),
        money_if_wrong_cents=max(one.money_if_wrong_cents for one in every),
    )


def _facts(alone: Alert, signs: list[Alert]) -> list[dict[str, Any]]:
    """What was attached, each with the series of its own rule as long as the whole fits."""
    attached: list[dict[str, Any]] = [
        {
            "rule": sign.rule, "clause": sign.clause, "level": sign.level, "measured": sign.measured, "limit": sign.limit,
            "unit": sign.unit, "crossed_at": sign.crossed_at, "summary": sign.summary,
        }
        for sign in signs
    ]  # fmt: skip
    for one, sign in zip(attached, signs, strict=True):
        one["facts"] = sign.facts
        if len(msgspec.json.encode({**alone.facts, "attached": attached})) > MOST_FACTS:
            del one["facts"]
    return attached


def _evidence(statements: list[Alert]) -> tuple[tuple[Evidence, ...], int]:
    """The latest decisive events of all, each once, and how many more there are at least."""
    every = {(e.time, e.src, e.line, e.kind, e.hash): e for said in statements for e in said.evidence}
    latest = [every[key] for key in sorted(every)]
    return tuple(latest[-MOST_EVIDENCE:]), max(0, len(latest) - MOST_EVIDENCE) + max(said.evidence_more for said in statements)


def _coverage(own: Coverage, signs: list[Alert]) -> Coverage:
    notes = dict.fromkeys(note for said in (own, *(sign.coverage for sign in signs)) for note in said.notes)
    return Coverage(own.location, own.devices, own.calls, tuple(notes))
