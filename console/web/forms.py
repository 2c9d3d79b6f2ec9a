"""The signed token in our forms: bound to the session it was made for, so a form made for one person serves no other."""

from __future__ import annotations

from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer


class Signer:
    """Signs what goes to the browser and comes back.

    Args:
        key: ``console.people.secrets.signing_key``.
    """

    def __init__(self, key: str) -> None:
        self._forms = URLSafeSerializer(key, salt="form")
        self._states = URLSafeTimedSerializer(key, salt="state")

    def form_token(self, session_id: str) -> str:
        """The token for forms of a session (or, before signing in, of a visit)."""
        return str(self._forms.dumps(session_id))

    def is_form_token(self, token: str, session_id: str) -> bool:
        """Whether a token is that session's."""
        try:
            return bool(self._forms.loads(token) == session_id)
        except BadSignature:
            return False

    def state(self, value: dict[str, Any]) -> str:
        """Something to keep in a cookie while a browser is away at the provider of single sign-on."""
        return str(self._states.dumps(value))

    def read_state(self, signed: str, seconds: int) -> dict[str, Any] | None:
        """What was kept, if it is ours and not older than ``seconds``."""
        try:
            value = self._states.loads(signed, max_age=seconds)
        except BadSignature:
            return None
        return value if isinstance(value, dict) else None
