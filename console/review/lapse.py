"""What ends by its time: a watch, an exemption. The alert is a person's again, who reads what ended.

A restriction's end is detection's to say (``console.taking``), and a lease that ran out is free without anybody's doing.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from console.db.engine import Database
from console.db.tables import Alert, Exemption
from console.taking import SETTLED, give_back


def run(database: Database, now: int) -> int:
    """Give back what is due; returns how many alerts. Looks first, since writers wait for each other."""
    with database.reading() as session:
        if not session.scalar(select(or_(exists().where(*_watched(now)), exists().where(*_exempt(now))))):
            return 0
    with database.writing() as session:
        return lapse(session, now)


def lapse(session: Session, now: int) -> int:
    """Give back alerts whose watch ended, and those whose exemption ended while detection still sees what it saw; returns how many."""
    watched = select(Alert).where(*_watched(now))
    exempt = select(Alert).where(exists().where(*_exempt(now)))
    found = {row.alert_id: row for query in (watched, exempt) for row in session.scalars(query.with_for_update())}
    for row in found.values():
        give_back(row, now)
    return len(found)


def _watched(now: int) -> tuple[ColumnElement[bool], ...]:
    return Alert.status == "watch", Alert.watch_until <= now


def _exempt(now: int) -> tuple[ColumnElement[bool], ...]:
    """Exemptions that ended, whose alert nobody has judged since."""
    over = Exemption.alert_id == Alert.alert_id, Exemption.to_at <= now, Exemption.revoked_at.is_(None)
    return *over, Alert.status.in_(SETTLED), Alert.decided_at < Exemption.to_at
