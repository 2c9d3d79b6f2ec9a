"""Who a provider of single sign-on says somebody is, made a person of ours.

The provider decides who gets in and with which groups; rights follow its groups at every sign-in. Rights of an account that has no
mapped group are left alone when no mapping is configured, so that a small team can give them by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.db.tables import User
from console.people import accounts
from console.people.accounts import AccountError
from console.settings import Oidc


def arrive(session: Session, oidc: Oidc, claims: Mapping[str, Any], *, now: int, language: str, request: str = "") -> User:
    """The account of somebody the provider has proved, made at their first arrival.

    Args:
        session: a writing one.
        oidc: the provider.
        claims: of an ID token whose signature, issuer, audience and nonce were checked.
        now: milliseconds UTC.
        language: for a new account.
        request: the request's id.

    Raises:
        AccountError: the account is closed, or its login belongs to somebody else.
    """
    issuer, subject = str(claims["iss"]), str(claims["sub"])
    user = session.scalar(select(User).where(User.oidc_issuer == issuer, User.oidc_subject == subject))
    roles = _roles(oidc, claims)
    if user is None:
        # Never joined to a local account of the same name: an address is no proof of being that person.
        login = str(claims.get("preferred_username") or claims.get("email") or subject).lower()
        user = accounts.create(
            session,
            login=login,
            name=str(claims.get("name") or login),
            roles=roles,
            who="vigie",
            now=now,
            language=language,
            email=str(claims["email"])[:320] if claims.get("email") else None,
            oidc=(issuer, subject),
            request=request,
        )
    elif not user.active:
        raise AccountError("signin.closed")
    elif oidc.roles:
        accounts.set_roles(session, user, roles, who="vigie", now=now, why=f"groups at {oidc.name}", request=request)
    return user


def _roles(oidc: Oidc, claims: Mapping[str, Any]) -> set[str]:
    groups = claims.get(oidc.roles_claim) or []
    named = [groups] if isinstance(groups, str) else [group for group in groups if isinstance(group, str)]
    return {oidc.roles[group] for group in named if group in oidc.roles}
