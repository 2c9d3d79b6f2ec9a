"""The person behind a request, and what their roles let them do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from console.db.tables import User

#: A lead settles what reviewers disagree on, so a lead can review; nothing else is implied.
IMPLIED = {"lead": ("reviewer",)}


@dataclass(frozen=True)
class Person:
    """Who is signed in, as pages need to know it. ``roles`` holds what others imply, too."""

    user_id: int
    login: str
    name: str
    roles: frozenset[str]
    language: str
    theme: str
    zone: str
    session_id: str
    #: Keys as this person set them (``console.web.keys``).
    keys: dict[str, Any] = field(default_factory=dict)

    def may(self, *roles: str) -> bool:
        """Whether they have one of the roles."""
        return not self.roles.isdisjoint(roles)


def person_of(user: User, session_id: str) -> Person:
    """The person of a user's row, in one of their sessions."""
    granted = {row.role for row in user.roles}
    implied = {more for role in granted for more in IMPLIED.get(role, ())}
    return Person(
        user_id=user.user_id,
        login=user.login,
        name=user.name,
        roles=frozenset(granted | implied),
        language=user.language,
        theme=user.theme,
        zone=user.zone,
        session_id=session_id,
        keys=dict(user.keys or {}),
    )
