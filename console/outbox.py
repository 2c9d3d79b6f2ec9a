"""The outbox: what is due to leave the console, in order, and what became of it. Senders: files here, Kafka in ``console.live``."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db.tables import Alert, Decision, Outbox

#: Messages taken at once.
BATCH = 100


def due(session: Session, now: int, kinds: Sequence[str] = ("review", "exemption")) -> Sequence[Outbox]:
    """Messages whose time has come, oldest first, locked until the transaction ends.

    In the order of writing within a customer: one that still waits (an undo may come) holds back what was written after it.
    """
    rows = session.scalars(
        select(Outbox)
        .where(Outbox.kind.in_(kinds), Outbox.sent_at.is_(None), Outbox.cancelled_at.is_(None))
        .order_by(Outbox.outbox_id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    waiting: set[str] = set()
    found: list[Outbox] = []
    for row in rows:
        # Service given back waits for nobody.
        at_once = row.body.get("action") == "lift"
        if row.not_before <= now and (at_once or row.key not in waiting):
            found.append(row)
        else:
            waiting.add(row.key)
    return found


def sent(session: Session, rows: Sequence[Outbox], now: int) -> None:
    """Mark messages as gone; alerts whose decision went are ``published``."""
    for row in rows:
        row.sent_at = now
        row.attempts += 1
        row.error = ""
        if row.decision_id is None:
            continue
        alert = session.get(Alert, session.get_one(Decision, row.decision_id).alert_id)
        if alert is not None and alert.status == "decided":
            alert.status = "published"
