"""Leases: an alert is open in one person's hands, for ten minutes at a time; every write presents the lease's token."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from console.db.tables import Alert, Lease
from console.people.secrets import new_token
from console.review.errors import LeaseLost

#: Enough for a hard case; whoever went to lunch holds up nobody.
LEASE_MS = 600_000


def lock(session: Session, alert_id: str) -> Alert | None:
    """The alert, locked until the transaction ends (on SQLite the whole database is, by ``writing``)."""
    return session.scalar(select(Alert).where(Alert.alert_id == alert_id).with_for_update().execution_options(populate_existing=True))


def take(session: Session, alert_id: str, user_id: int, now: int) -> Lease | None:
    """Take or renew a lease; ``None`` when somebody else holds it."""
    if lock(session, alert_id) is None:
        return None
    lease = session.get(Lease, alert_id, populate_existing=True)
    if lease is None:
        lease = Lease(alert_id=alert_id)
        session.add(lease)
    elif lease.user_id != user_id and lease.expires_at > now:
        return None
    if lease.user_id != user_id or lease.expires_at <= now:
        # A new token: a form of an earlier lease writes nothing any more.
        lease.user_id, lease.token, lease.taken_at = user_id, new_token(), now
    lease.expires_at = now + LEASE_MS
    session.flush()
    return lease


def held(session: Session, alert_id: str, user_id: int, token: str, now: int) -> Alert:
    """The alert, locked, for a write by who holds it.

    Raises:
        LeaseLost: they do not, or with another token.
    """
    alert, lease = lock(session, alert_id), session.get(Lease, alert_id, populate_existing=True)
    if alert is None or lease is None or lease.user_id != user_id or lease.token != token or lease.expires_at <= now:
        raise LeaseLost("the lease is over or somebody else's")
    return alert


def release(session: Session, alert_id: str, user_id: int) -> None:
    """Give an alert back."""
    session.execute(delete(Lease).where(Lease.alert_id == alert_id, Lease.user_id == user_id))
