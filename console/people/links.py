"""One-time links: how the first administrator comes in, how a colleague is invited, how a lost password is got over.

A link is good for ten minutes and once. Whoever can start the console on its machine can print one; no password exists before
somebody sets it.
"""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from console import audit
from console.db.tables import ROLES, SigninLink, User, UserRole
from console.people import accounts
from console.people.accounts import AccountError
from console.people.secrets import new_token, token_hash

LIFE = 10 * 60_000


def console_link(session: Session, now: int, *, always: bool) -> str:
    """Token of a link for who starts the console, empty for none: it makes the first administrator.

    With ``always`` it signs in the administrator who has been longest, once there is one: who shows the results of a run on
    their own machine need not set a password.
    """
    if not always and _anybody(session):
        return ""
    user = session.scalar(
        select(User)
        .join(UserRole)
        .where(User.active, UserRole.role == "administrator", User.oidc_subject.is_(None))
        .order_by(User.user_id)
        .limit(1)
    )
    return new_link(session, user, who="vigie", now=now) if user or not _anybody(session) else ""


def new_link(session: Session, user: User | None, *, who: str, now: int, purpose: str = "reset", request: str = "") -> str:
    """Token of a new link; without a person it makes the first administrator. Earlier links of that person end.

    Raises:
        AccountError: a link for the first administrator, but there are people already.
    """
    if user is None and _anybody(session):
        raise AccountError("signin.not_first")
    mine = SigninLink.user_id == user.user_id if user is not None else SigninLink.user_id.is_(None)
    session.execute(update(SigninLink).where(mine, SigninLink.used_at.is_(None), SigninLink.expires_at > now).values(expires_at=now))
    token = new_token()
    purpose = purpose if user is not None else "first"
    row = SigninLink(token_hash=token_hash(token), purpose=purpose, created_at=now, created_by=who, expires_at=now + LIFE)
    row.user_id = user.user_id if user is not None else None
    session.add(row)
    subject = f"user/{user.login}" if user is not None else "user/(first administrator)"
    audit.append(session, at=now, who=who, what="link.create", subject=subject, new={"purpose": purpose}, request=request)
    return token


def open_link(session: Session, token: str, now: int) -> SigninLink | None:
    """The link of a token if it is still good; looking does not use it (mail programs look)."""
    row = session.get(SigninLink, token_hash(token))
    if row is None or row.used_at is not None or now >= row.expires_at:
        return None
    return row


def use(session: Session, token: str, *, now: int, login: str = "", name: str = "", language: str = "fr", request: str = "") -> User:
    """Use a link up, and return who it signs in; the first one makes the administrator of that login and name.

    Raises:
        AccountError: it was used, is too old, or the account cannot be made.
    """
    # One statement decides who used it: of two browsers with the same link one gets no row.
    mine = SigninLink.token_hash == token_hash(token)
    taken = session.execute(update(SigninLink).where(mine, SigninLink.used_at.is_(None), SigninLink.expires_at > now).values(used_at=now))
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        raise AccountError("signin.link_over")
    row = session.get_one(SigninLink, token_hash(token))
    if row.user_id is not None:
        user = session.get_one(User, row.user_id)
        if not user.active:
            raise AccountError("signin.link_over")
        return user
    if _anybody(session):
        raise AccountError("signin.not_first")
    # One person at first, who may do all of it: rights are rows, to be taken away as others come.
    return accounts.create(session, login=login, name=name, roles=ROLES, who="vigie", now=now, language=language, request=request)


def _anybody(session: Session) -> bool:
    return bool(session.scalar(select(func.count()).select_from(User)))
