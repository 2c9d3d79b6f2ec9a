"""Exemptions: what rules leave alone for a while, for a reason, and never for ever."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db.tables import Exemption, Outbox
from console.people.person import Person
from console.review import messages
from console.review.errors import Incomplete
from console.review.messages import UNDO_MS

#: An exemption ends within a year; who needs longer declares it in the account.
LONGEST_DAYS = 365
DAY = 86_400_000
TEXT_MAX = 4_000


def grant(
    session: Session,
    person: Person,
    *,
    tenant: str,
    licence: str | None,
    rules: Sequence[str],
    from_at: int,
    to_at: int,
    reason: str,
    alert_id: str | None,
    now: int,
    files: bool,
) -> Exemption:
    """Exempt a licence (none: the whole customer) from rules, from a time to a time (ms). It leaves in ten seconds.

    Raises:
        Incomplete: no reason, or an end that is past, before the beginning, or more than a year away.
    """
    if not reason.strip():
        raise Incomplete("no_reason")
    if not now < to_at <= now + LONGEST_DAYS * DAY or from_at >= to_at:
        raise Incomplete("end_out_of_range")
    row = Exemption(
        exemption_id=f"ex-{secrets.token_hex(10)}",
        tenant=tenant,
        licence=licence,
        rules=list(rules),
        from_at=from_at,
        to_at=to_at,
        author=person.login,
        author_id=person.user_id,
        reason=reason.strip()[:TEXT_MAX],
        alert_id=alert_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    messages.exemption(session, row, now=now, not_before=now + UNDO_MS, files=files)
    return row


def told(row: Exemption) -> dict[str, object]:
    """What the audit log says of one."""
    return {"exemption_id": row.exemption_id, "rules": row.rules, "licence": row.licence, "from": row.from_at, "to": row.to_at}


def revoke(session: Session, person: Person, exemption_id: str, *, now: int, files: bool) -> Exemption | None:
    """End an exemption; one that nobody has begun to send never leaves. ``None``: there is none, or it has been revoked."""
    row = session.get(Exemption, exemption_id, with_for_update=True)
    if row is None or row.revoked_at is not None:
        return None
    row.revoked_at, row.revoked_by = now, person.login
    free = Outbox.message_id == exemption_id, Outbox.sent_at.is_(None), Outbox.cancelled_at.is_(None), Outbox.attempts == 0
    unsent = session.scalar(select(Outbox).where(*free).with_for_update())
    if unsent is not None:
        unsent.cancelled_at = now
    else:
        messages.exemption(session, row, now=now, not_before=now, files=files)
    return row
