"""The offer to take a decision back, on whatever page its author comes to next."""

from __future__ import annotations

from typing import Any

from console.db.tables import Decision
from console.people.person import Person
from console.review.messages import UNDO_MS


def undoable(decided: Decision | None, person: Person, at: int) -> dict[str, Any] | None:
    """What the page says of a decision just taken, while its author can take it back."""
    if decided is None or decided.user_id != person.user_id or decided.part not in ("first", "second", "lead"):
        return None
    left = decided.at + UNDO_MS - at
    return {"decision": decided, "left": left} if left > 0 else None
