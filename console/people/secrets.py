"""Random tokens, and what is kept of them: whoever reads the database can use none."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from sqlalchemy.orm import Session

from console.db.engine import Database
from console.db.tables import Setting

#: Bytes of a token: 256 bits, as OWASP asks at least 64 of a session's.
BYTES = 32


def new_token() -> str:
    """A token nobody can guess, safe in URLs and cookies."""
    return secrets.token_urlsafe(BYTES)


def token_hash(token: str) -> str:
    """What the database keeps. Tokens are random, so a plain digest is enough: there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def signing_key(database: Database, now: int) -> str:
    """The key that signs forms and sign-in states, made at the first start and shared by all consoles of a database."""
    with database.reading() as session:
        if (row := session.get(Setting, "signing-key")) is not None:
            return _key(row.value)
    with database.writing() as session:
        return _key(_made(session, now).value)


def _made(session: Session, now: int) -> Setting:
    # Looked for again: two consoles may start at once; the second one waits here on SQLite, and is refused by the key elsewhere.
    row = session.get(Setting, "signing-key")
    if row is None:
        row = Setting(key="signing-key", value={"key": new_token()}, changed_at=now, changed_by="vigie")
        session.add(row)
    return row


def _key(value: Mapping[str, object]) -> str:
    return str(value["key"])
