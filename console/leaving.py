"""The outbox on its way to topics, and the moment after which no undo can stop a message.

A message is *claimed* in a transaction of its own before it is sent (``attempts`` grows). An undo takes only what nobody claimed, so a
message is either sent or cancelled, whichever of the two transactions came first. A crash between claim and mark sends it again: its
id is the same, and who reads the topic takes it once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console import outbox
from console.db.tables import Outbox

#: Topic of each kind, without the prefix.
TOPIC = {"review": "reviews", "exemption": "exemptions", "bridge": "control", "policy": "control"}


@dataclass(frozen=True)
class Message:
    """A row, ready for its topic; ``tenant`` says which partition, and is empty on the topic that has one."""

    outbox_id: int
    topic: str
    key: str
    tenant: str
    value: bytes


def is_due(session: Session, now: int) -> bool:
    """Whether anything may wait to be sent: asked ten times a second, so without the lock that writers share."""
    waits = select(Outbox.outbox_id).where(Outbox.sent_at.is_(None), Outbox.cancelled_at.is_(None), Outbox.not_before <= now)
    return session.scalar(waits.limit(1)) is not None


def claim(session: Session, now: int) -> list[Message]:
    """Take what is due, in order; no undo stops it now. What was claimed and not sent is due still."""
    messages = []
    for row in outbox.due(session, now, tuple(TOPIC)):
        row.attempts += 1
        value = json.dumps(row.body, ensure_ascii=False, separators=(",", ":")).encode()
        tenant = "" if TOPIC[row.kind] == "control" else str(row.body["tenant"])
        # The topic of exemptions keeps the last record of each key: under the customer's name alone one would remove the others.
        key = f"{tenant}/{row.body['exemption_id']}" if row.kind == "exemption" else row.key
        messages.append(Message(row.outbox_id, TOPIC[row.kind], key, tenant, value))
    return messages


def sent(session: Session, messages: Sequence[Message], now: int) -> None:
    """Mark messages that the broker has."""
    outbox.sent(session, session.scalars(select(Outbox).where(Outbox.outbox_id.in_([one.outbox_id for one in messages]))).all(), now)


def failed(session: Session, messages: Sequence[Message], error: str) -> None:
    """Keep why messages did not leave; they are tried again."""
    session.execute(update(Outbox).where(Outbox.outbox_id.in_([one.outbox_id for one in messages])).values(error=error[:500]))
