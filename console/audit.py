"""The audit log: who did what, in a chain of digests that shows any change.

Each row's digest covers its content and the digest of the row before, so a row that was altered, removed or slipped in breaks the
chain from there on. Triggers refuse UPDATE and DELETE (the first migration); the chain shows what somebody did who could remove the
triggers. What it cannot show is the removal of the *last* rows: ``verify`` returns the head, to be kept elsewhere and compared.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from console.db.tables import Audit
from console.errors import AuditError

#: What the first row follows.
GENESIS = "0" * 64
#: Any number of ours; on PostgreSQL appenders wait for each other on it until the transaction ends.
LOCK = 7_615_244
#: Rows fetched at once while verifying.
BLOCK = 1_000


@dataclass(frozen=True)
class Verified:
    """What a whole log says: how many rows, and the digest of the last one."""

    rows: int
    head: str


def append(
    session: Session,
    *,
    at: int,
    who: str,
    what: str,
    subject: str,
    old: Any = None,
    new: Any = None,
    why: str = "",
    request: str = "",
) -> Audit:
    """Add a row, in the transaction of what it tells of: both are kept or neither.

    Args:
        session: a writing one.
        at: milliseconds UTC.
        who: a login, or ``vigie`` for the console itself.
        what: a verb of ours, ``session.begin``, ``alert.decide``.
        subject: what it was done to, ``alert/al-…``, ``user/mina``.
        old: state before, anything JSON can hold.
        new: state after.
        why: the reason a person gave.
        request: the request's id, as in the log of the server.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    last = session.execute(select(Audit.number, Audit.digest).order_by(Audit.number.desc()).limit(1)).first()
    number, previous = (last.number + 1, last.digest) if last else (1, GENESIS)
    row = Audit(
        number=number,
        at=at,
        who=who,
        what=what,
        subject=subject,
        old=_canonical(old),
        new=_canonical(new),
        why=why,
        request=request,
        previous=previous,
    )
    row.digest = digest(row)
    session.add(row)
    # At once: the next row of this transaction follows this one.
    session.flush()
    return row


def digest(row: Audit) -> str:
    """SHA-256 over the row's content and the digest before it; an encoding in which no two rows look alike."""
    content = [row.number, row.at, row.who, row.what, row.subject, row.old, row.new, row.why, row.request, row.previous]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def verify(session: Session) -> Verified:
    """Check the whole chain.

    Raises:
        AuditError: a row was changed, removed or added; the message names the first one.
    """
    number, previous = 0, GENESIS
    if session.scalar(select(Audit.number).where(Audit.number < 1).limit(1)) is not None:
        raise AuditError("the audit log has rows before its first one")
    while rows := session.scalars(select(Audit).where(Audit.number > number).order_by(Audit.number).limit(BLOCK)).all():
        for row in rows:
            if row.number != number + 1:
                raise AuditError(f"audit row {number + 1} is missing: after {number} comes {row.number}")
            if row.previous != previous:
                raise AuditError(f"audit row {row.number} does not follow row {number}: one of them was replaced")
            if row.digest != digest(row):
                raise AuditError(f"audit row {row.number} ({row.what} by {row.who}) was changed after it was written")
            number, previous = row.number, row.digest
        session.expunge_all()
    return Verified(number, previous)


def _canonical(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
