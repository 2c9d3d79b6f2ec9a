"""The telephone systems as a whole: who is heard, whether each one's table is what was decided, and the kill switch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db.tables import Heartbeat, Outbox, Position, Receipt, Suspension
from console.people.secrets import new_token
from console.receipts import FRESH_MS
from streams.enforced import Expected, expected_table
from streams.times import format_time

COMMANDS = ("pause", "resume", "flush")
_PLACE = re.compile(r"suspensions/\d+$")


@dataclass(frozen=True)
class System:
    """One telephone system, as its bridge says.

    Attributes:
        table: ``same``, ``differs``, ``behind`` (it or we have not read to where the other has), ``holding`` (what it differs by is
            held back for a person) or ``silent``.
        asked: a command of ours that it has not obeyed yet.
    """

    pbx: str
    heard_at: int
    fresh: bool
    paused: bool
    paused_by: str
    reason: str
    size: int
    hash: str
    uptime_s: int
    table: str
    held: int
    asked: str


def systems(session: Session, now: int) -> tuple[Expected, list[System]]:
    """The table that all should have, and every system that was ever heard."""
    standing = session.scalars(select(Suspension).order_by(Suspension.tenant, Suspension.licence))
    expected = expected_table(one.body for one in standing)
    read = {row.source.removeprefix("kafka:"): row.next for row in session.scalars(select(Position)) if _PLACE.search(row.source)}
    found = [_system(session, beat, expected, read, now) for beat in session.scalars(select(Heartbeat).order_by(Heartbeat.pbx))]
    return expected, found


def _system(session: Session, beat: Heartbeat, expected: Expected, read: dict[str, int], now: int) -> System:
    body, fresh = beat.body, now - beat.received_at <= FRESH_MS
    held = _held(session, beat.pbx)
    theirs = {place: offset for place, offset in body["offsets"].items() if _PLACE.search(place)}
    if not fresh:
        table = "silent"
    elif body["table_hash"] == expected.hash:
        table = "same"
    elif any(theirs.get(place) != offset for place, offset in read.items() if place in theirs):
        table = "behind"
    else:
        table = "holding" if held or body["paused"] else "differs"
    return System(
        pbx=beat.pbx,
        heard_at=beat.received_at,
        fresh=fresh,
        paused=beat.paused,
        paused_by=body.get("paused_by") or "",
        reason=body.get("reason") or "",
        size=body["table_size"],
        hash=body["table_hash"],
        uptime_s=body["uptime_s"],
        table=table,
        held=held,
        asked=_asked(session, beat),
    )


def _held(session: Session, pbx: str) -> int:
    """Records that stand and of which the system's last word is that they wait for a person."""
    query = select(Receipt.decision_id, Receipt.status).join(Suspension, Suspension.decision_id == Receipt.decision_id)
    said = session.execute(query.where(Receipt.pbx == pbx).order_by(Receipt.applied_at, Receipt.receipt_id))
    last = {row.decision_id: row.status for row in said}
    return sum(status == "held" for status in last.values())


def _asked(session: Session, beat: Heartbeat) -> str:
    rows = select(Outbox).where(Outbox.kind == "bridge", Outbox.key == beat.pbx, Outbox.cancelled_at.is_(None))
    row = session.scalar(rows.order_by(Outbox.outbox_id.desc()).limit(1))
    if row is None:
        return ""
    wants_pause = row.body["action"] != "resume"
    # A heartbeat from after the command shows whether it was obeyed; one from before shows nothing.
    obeyed = beat.paused == wants_pause and (row.sent_at or row.created_at) < beat.received_at
    return "" if obeyed else str(row.body["action"])


def command(session: Session, pbx: str, action: str, *, who: str, why: str, now: int) -> dict[str, Any]:
    """Tell the bridge of a system to pause, to resume, or to empty its table and pause; goes out at once.

    Args:
        session: a writing one.
        pbx: the bridge's name.
        action: of ``COMMANDS``.
        who: login of the operator.
        why: their reason, which the bridge repeats in its heartbeats.
        now: milliseconds UTC.
    """
    message_id = f"co-{new_token()[:22]}"
    body = {
        "kind": "bridge",
        "v": 1,
        "id": message_id,
        "time": format_time(now),
        "pbx": pbx,
        "action": action,
        "author": who,
        "reason": why,
    }
    session.add(Outbox(kind="bridge", message_id=message_id, key=pbx, body=body, created_at=now, not_before=now))
    session.flush()
    return body
