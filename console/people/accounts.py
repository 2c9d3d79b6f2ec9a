"""Accounts of persons: making one, rights, and the local password with a second factor (break-glass beside single sign-on).

A local password alone opens nothing: it is accepted only with a code of the authenticator app that was enrolled with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from console import audit
from console.db.tables import ROLES, User, UserRole
from console.errors import ConsoleError

#: RFC 9106's second recommendation (64 MiB, 3 passes), argon2-cffi's default: some 50 ms on a core of ours.
HASHER = PasswordHasher()
#: NIST SP 800-63B: length, and no rules of composition.
SHORTEST, LONGEST = 12, 200
#: A code is good for its 30 s and the ones before and after: phones' clocks are off by some seconds.
STEP_S, WINDOW = 30, 1
ISSUER = "vigie"
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,199}")
#: Compared with when there is no such person, so that the time taken does not say so.
_NOBODY = HASHER.hash("nobody has this password")


class AccountError(ConsoleError):
    """What was asked of an account is not possible; ``key`` is the text that says why."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def create(
    session: Session,
    *,
    login: str,
    name: str,
    roles: Iterable[str],
    who: str,
    now: int,
    language: str = "fr",
    email: str | None = None,
    oidc: tuple[str, str] | None = None,
    request: str = "",
) -> User:
    """Make a person's account; they come in by a link or by single sign-on until they set a password.

    Args:
        session: a writing one.
        login: letters, digits and ``._@+-``; kept in lower case.
        name: as colleagues read it.
        roles: of ``ROLES``.
        who: login of who makes it.
        now: milliseconds UTC.
        language: ``fr`` or ``en``.
        email: for messages, if known.
        oidc: issuer and subject, for single sign-on.
        request: the request's id.

    Raises:
        AccountError: the login is malformed or taken, or the name is empty.
    """
    login, name = login.strip().lower(), " ".join(name.split())
    if not _LOGIN.fullmatch(login):
        raise AccountError("people.login_malformed")
    if not name:
        raise AccountError("people.name_missing")
    if session.scalar(select(User.user_id).where(User.login == login)) is not None:
        raise AccountError("people.login_taken")
    user = User(login=login, name=name[:200], email=email, language=language, created_at=now, active=True, keys={})
    if oidc:
        user.oidc_issuer, user.oidc_subject = oidc
    user.roles = [UserRole(role=role, granted_at=now, granted_by=who) for role in _known(roles)]
    session.add(user)
    session.flush()
    new = {"name": user.name, "roles": _known(roles)}
    audit.append(session, at=now, who=who, what="user.create", subject=f"user/{login}", new=new, request=request)
    return user


def set_roles(session: Session, user: User, roles: Iterable[str], *, who: str, now: int, why: str = "", request: str = "") -> None:
    """Give a person these rights and no others.

    Raises:
        AccountError: nobody would be left who can manage people.
    """
    old, new = sorted(row.role for row in user.roles), _known(roles)
    if old == new:
        return
    if "administrator" in old and "administrator" not in new and administrators(session) < 2:
        raise AccountError("people.last_administrator")
    # Rows that stay are kept: they say since when, and by whom.
    kept = [row for row in user.roles if row.role in new]
    user.roles = kept + [UserRole(role=role, granted_at=now, granted_by=who) for role in new if role not in old]
    session.flush()
    audit.append(session, at=now, who=who, what="user.roles", subject=f"user/{user.login}", old=old, new=new, why=why, request=request)


def set_active(session: Session, user: User, active: bool, *, who: str, now: int, why: str = "", request: str = "") -> None:
    """Let a person in again, or no longer.

    Raises:
        AccountError: it is the last administrator.
    """
    if user.active == active:
        return
    if not active and any(row.role == "administrator" for row in user.roles) and administrators(session) < 2:
        raise AccountError("people.last_administrator")
    old, user.active = user.active, active
    subject = f"user/{user.login}"
    audit.append(session, at=now, who=who, what="user.active", subject=subject, old=old, new=active, why=why, request=request)


def administrators(session: Session) -> int:
    """How many people can manage people."""
    query = select(func.count()).select_from(User).join(UserRole).where(User.active, UserRole.role == "administrator")
    return int(session.scalar(query) or 0)


def new_totp() -> str:
    """A secret for an authenticator app (RFC 6238), in base 32."""
    return pyotp.random_base32()


def totp_uri(secret: str, login: str) -> str:
    """What an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def set_password(session: Session, user: User, password: str, secret: str, code: str, *, now: int, request: str = "") -> None:
    """Give an account its local password and second factor; the code proves that the app has the secret.

    Raises:
        AccountError: the password is too short or too long, is the login, or the code is wrong.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError("account.password_length")
    if password.lower() in (user.login, user.name.lower()):
        raise AccountError("account.password_is_name")
    step = _step_of(secret, code, now)
    if step is None:
        raise AccountError("account.code_wrong")
    first = user.password_hash is None
    user.password_hash, user.totp_secret, user.totp_step = HASHER.hash(password), secret, step
    what = "user.password" if first else "user.password-change"
    audit.append(session, at=now, who=user.login, what=what, subject=f"user/{user.login}", request=request)


def by_password(session: Session, login: str, password: str, code: str, now: int) -> User | None:
    """The person whom login, password and code prove; None for any that is wrong, after the same work."""
    user = session.scalar(select(User).where(User.login == login.strip().lower(), User.active))
    kept = user.password_hash if user is not None and user.password_hash else _NOBODY
    try:
        HASHER.verify(kept, password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return None
    if user is None or user.totp_secret is None:
        return None
    step = _step_of(user.totp_secret, code, now)
    # In one statement: of two sign-ins with the same code, seen over a shoulder, one is let in.
    unused = update(User).where(User.user_id == user.user_id, User.totp_step < (step or 0)).values(totp_step=step)
    if step is None or session.execute(unused).rowcount != 1:  # type: ignore[attr-defined]
        return None
    if HASHER.check_needs_rehash(kept):
        user.password_hash = HASHER.hash(password)
    return user


def _step_of(secret: str, code: str, now: int) -> int | None:
    digits = "".join(code.split())
    totp, here = pyotp.TOTP(secret, interval=STEP_S), now // 1000 // STEP_S
    for step in range(here - WINDOW, here + WINDOW + 1):
        if pyotp.utils.strings_equal(totp.at(step * STEP_S), digits):
            return step
    return None


def _known(roles: Iterable[str]) -> list[str]:
    asked = set(roles)
    return sorted(role for role in ROLES if role in asked)
