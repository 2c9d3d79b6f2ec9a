"""What leaves the console, as rows of the outbox: reviews and exemptions as the contracts write them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.db.tables import Alert, Decision, Exemption, Outbox, Setting, Suspension
from streams.times import format_time, parse_time

#: A decision leaves after this long; until then its author may take it back.
UNDO_MS = 10_000


def log_time(session: Session, now: int, files: bool, at_least: int = 0) -> int:
    """The time of an event of ours in the log that detect reads (ms).

    Live it is now. In the results of a run over files time stands where the inputs end: judged by the clock on the wall, a
    decision would come weeks after the last call, when the episode that the person saw has long ended.
    """
    if not files:
        return now
    summary = session.get(Setting, "summary")
    period = summary.value.get("period", {}) if summary is not None else {}
    ends = [parse_time(period[name]) for name in ("last_event", "until") if period.get(name)]
    sequence = session.scalar(select(func.count()).select_from(Outbox)) or 0
    # One more each time: a later decision on the same alert comes later in the log, too.
    return max([*ends, at_least]) + 1 + sequence if ends else now


def review(
    session: Session,
    alert: Alert,
    decision: Decision,
    reviewer: str,
    *,
    now: int,
    not_before: int,
    files: bool,
    second: Decision | None = None,
    sequence: int | None = None,
) -> Outbox:
    """Put a decision's review into the outbox. ``sequence`` is what the screen showed, unless another one of ours goes before it."""
    record = session.get(Suspension, (alert.tenant, alert.licence)) if alert.licence else None
    said = max(alert.issued_at, record.issued_at if record is not None else 0)
    body: dict[str, Any] = {
        "v": 1,
        "kind": "review",
        "id": decision.decision_id,
        "time": format_time(log_time(session, now, files, said)),
        "tenant": alert.tenant,
        "licence": alert.licence,
        "review_id": decision.decision_id,
        "alert_id": alert.alert_id,
        "verdict": decision.verdict,
        "action": decision.action,
        "restrictions": decision.restrictions,
        "prefixes": decision.prefixes,
        "until": format_time(decision.until) if decision.until is not None and decision.action in ("restrict", "suspend") else None,
        "seen_update": decision.seen_update,
        "seen_sequence": decision.seen_sequence if sequence is None else sequence,
        "reviewer": reviewer,
        "second_review_id": second.decision_id if second is not None else None,
        "reason": decision.reason,
        "note": decision.note,
    }
    row = Outbox(
        kind="review",
        message_id=decision.decision_id,
        key=alert.tenant,
        body=body,
        decision_id=decision.decision_id,
        needs_second=bool(decision.needs_second),
        second_id=second.decision_id if second is not None else None,
        created_at=now,
        not_before=not_before,
    )
    session.add(row)
    session.flush()
    return row


def exemption(session: Session, row: Exemption, *, now: int, not_before: int, files: bool) -> Outbox:
    """Put an exemption, or its revocation, into the outbox."""
    revoked = row.revoked_at is not None
    ident = f"{row.exemption_id}-revoked" if revoked else row.exemption_id
    body: dict[str, Any] = {
        "v": 1,
        "kind": "exemption",
        "id": ident,
        "time": format_time(log_time(session, now, files)),
        "tenant": row.tenant,
        "licence": row.licence,
        "exemption_id": row.exemption_id,
        "rules": row.rules,
        "from": format_time(row.from_at),
        "to": format_time(row.to_at),
        "author": row.author,
        "second": row.second,
        "reason": row.reason,
        "revoked": revoked,
    }
    out = Outbox(kind="exemption", message_id=ident, key=row.tenant, body=body, created_at=now, not_before=not_before)
    session.add(out)
    session.flush()
    return out
