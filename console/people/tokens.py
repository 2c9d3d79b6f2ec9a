"""Tokens of programs: what they may read and do, on behalf of whom, until when. The database keeps a digest; the token is shown once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from console import audit
from console.db.tables import ApiToken, User
from console.people import secrets
from console.people.accounts import AccountError

#: One for each thing that the API gives out.
SCOPES = ("alerts", "decisions", "reviews", "exemptions", "receipts")
#: What a program may do, as the person who made its token and with that person's roles.
WRITES = ("reviews:write", "exemptions:write")
#: So that searches for lost secrets find it, in a repository or a chat.
MARK = "vigie_"
DAY = 86_400_000
LONGEST_DAYS = 365
SEEN_EVERY = 60_000


@dataclass(frozen=True)
class Program:
    """Who is behind a request that carries a token."""

    token_id: int
    name: str
    scopes: frozenset[str]
    user_id: int


def create(session: Session, user_id: int, name: str, scopes: Iterable[str], days: int, *, who: str, now: int, request: str = "") -> str:
    """Make a token, and return it: nobody can read it again.

    Raises:
        AccountError: it has no name, no scope, or a life that is too long.
    """
    name, asked = " ".join(name.split())[:200], set(scopes)
    kept = [scope for scope in (*SCOPES, *WRITES) if scope in asked]
    if not name:
        raise AccountError("people.name_missing")
    if not kept:
        raise AccountError("tokens.scope_missing")
    if not 1 <= days <= LONGEST_DAYS:
        raise AccountError("tokens.too_long")
    token = MARK + secrets.new_token()
    row = ApiToken(
        token_hash=secrets.token_hash(token), name=name, scopes=kept, user_id=user_id, created_at=now, expires_at=now + days * DAY
    )
    session.add(row)
    session.flush()
    new = {"name": name, "scopes": kept, "days": days}
    audit.append(session, at=now, who=who, what="token.create", subject=f"token/{row.token_id}", new=new, request=request)
    return token


def find(session: Session, token: str, now: int) -> tuple[Program, bool] | None:
    """The program of a token, and whether its use is due to be noted; None when it is none, over, revoked, or its person is gone."""
    query = select(ApiToken).join(User).where(ApiToken.token_hash == secrets.token_hash(token), User.active)
    row = session.scalar(query.where(ApiToken.revoked_at.is_(None), ApiToken.expires_at > now))
    if row is None:
        return None
    return Program(row.token_id, row.name, frozenset(row.scopes), row.user_id), row.used_at is None or now - row.used_at >= SEEN_EVERY


def used(session: Session, token_id: int, now: int) -> None:
    """Note that a token is in use."""
    session.execute(update(ApiToken).where(ApiToken.token_id == token_id).values(used_at=now))


def revoke(session: Session, token_id: int, *, who: str, now: int, request: str = "") -> bool:
    """End a token; False when there is none that is good."""
    row = session.scalar(select(ApiToken).where(ApiToken.token_id == token_id, ApiToken.revoked_at.is_(None)))
    if row is None:
        return False
    row.revoked_at = now
    audit.append(session, at=now, who=who, what="token.revoke", subject=f"token/{token_id}", old={"name": row.name}, request=request)
    return True
