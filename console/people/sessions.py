"""Sessions: kept in the database, so that one can be ended from there at any moment, also in the middle of a review."""

from __future__ import annotations

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from console import audit
from console.db.tables import SignedIn, User
from console.people.person import Person, person_of
from console.people.secrets import new_token, token_hash

HOUR = 3_600_000
#: A working day and its breaks; after that, or after an idle hour, a person signs in again.
LIFE = 12 * HOUR
IDLE = 1 * HOUR
#: ``seen_at`` is written this often, not at every request: pages that only read stay free of the write lock.
SEEN_EVERY = 60_000


def begin(session: Session, user: User, how: str, *, now: int, address: str, agent: str, request: str = "") -> str:
    """Start a session and return its token, for the cookie; the database keeps a digest."""
    token = new_token()
    row = SignedIn(
        token_hash=token_hash(token),
        session_id=new_token()[:16],
        user_id=user.user_id,
        how=how,
        created_at=now,
        seen_at=now,
        expires_at=now + LIFE,
        address=address[:64],
        agent=agent[:300],
    )
    session.add(row)
    what = {"how": how, "address": row.address}
    audit.append(session, at=now, who=user.login, what="session.begin", subject=f"session/{row.session_id}", new=what, request=request)
    return token


def current(session: Session, token: str, now: int) -> tuple[Person, bool] | None:
    """Who a token belongs to, and whether ``seen_at`` is due to be written; None when the session is over."""
    row = session.get(SignedIn, token_hash(token))
    if row is None or row.revoked_at is not None or not row.user.active or now >= min(row.expires_at, row.seen_at + IDLE):
        return None
    return person_of(row.user, row.session_id), now - row.seen_at >= SEEN_EVERY


def seen(session: Session, session_id: str, now: int) -> None:
    """Note that a session is in use."""
    session.execute(update(SignedIn).where(SignedIn.session_id == session_id, SignedIn.seen_at < now).values(seen_at=now))


def end(session: Session, session_id: str, *, who: str, now: int, request: str = "", why: str = "") -> bool:
    """End a session; False when there is none or it has ended."""
    row = session.scalar(select(SignedIn).where(SignedIn.session_id == session_id, SignedIn.revoked_at.is_(None)))
    if row is None:
        return False
    row.revoked_at, row.revoked_by = now, who
    subject = f"session/{session_id}"
    audit.append(session, at=now, who=who, what="session.end", subject=subject, old={"of": row.user.login}, why=why, request=request)
    return True


def end_all(session: Session, user: User, *, who: str, now: int, but: str = "", request: str = "", why: str = "") -> int:
    """End every session of a person, but one if named. Returns how many."""
    names = [row.session_id for row in open_sessions(session, now, user.user_id) if row.session_id != but]
    return sum(end(session, name, who=who, now=now, request=request, why=why) for name in names)


def open_sessions(session: Session, now: int, user_id: int | None = None) -> list[SignedIn]:
    """Sessions that are good, newest use first; of one person or of all."""
    query = select(SignedIn).where(SignedIn.revoked_at.is_(None), SignedIn.expires_at > now, SignedIn.seen_at > now - IDLE)
    if user_id is not None:
        query = query.where(SignedIn.user_id == user_id)
    return list(session.scalars(query.order_by(SignedIn.seen_at.desc())).all())


def forget(session: Session, now: int) -> None:
    """Remove sessions that ended a month ago; the audit log goes on saying that they were."""
    old = now - 30 * 24 * HOUR
    for row in session.scalars(select(SignedIn).where(or_(SignedIn.expires_at < old, SignedIn.revoked_at < old))):
        session.delete(row)
