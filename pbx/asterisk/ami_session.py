"""A connection to Asterisk's manager interface: login with an event mask, pings, and the blocks that state facts."""

from __future__ import annotations

import re

from pbx.asterisk.ami import KNOWN
from pbx.framing import splitter
from pbx.session import SessionRefused, one_line

_LOGIN = "vigie-login"
#: ContactStatus and PeerStatus are "system"; what is not asked for is not sent.
_CLASSES = "call,cdr,security,system"
_EVENT = re.compile(rb"(?mi)^Event: *([A-Za-z]+)")
_RESPONSE = re.compile(rb"(?mi)^Response: *([A-Za-z]+)")


class AmiSession:
    """One connection.

    Args:
        user: of manager.conf; needs ``read = call,cdr,security,system`` and no ``write``.
        secret: of the same.

    Raises:
        SessionRefused: one of them is missing.
    """

    silence_s: float | None = 45.0

    def __init__(self, user: str, secret: str) -> None:
        self._user, self._secret = one_line("the user", user), one_line("the secret", secret)
        self._splitter = splitter("blocks")

    def open(self) -> bytes:
        """The login; Asterisk takes it before it has said its name."""
        lines = ("Action: Login", f"ActionID: {_LOGIN}", f"Username: {self._user}", f"Secret: {self._secret}", f"Events: {_CLASSES}")
        return "\r\n".join((*lines, "", "")).encode()

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Blocks of events that the adapter knows; AMI sends many others.

        Raises:
            SessionRefused: the login failed.
        """
        kept = []
        for block in self._splitter.feed(data):
            event = _EVENT.search(block)
            if event is not None:
                if event[1].decode() in KNOWN:
                    kept.append(block)
            elif f"ActionID: {_LOGIN}".encode() in block:
                response = _RESPONSE.search(block)
                if response is None or response[1].lower() != b"success":
                    raise SessionRefused(f"AMI refused the login of {self._user}; check manager.conf, its permit lines too")
        return kept, b""

    def idle(self) -> bytes:
        """A ping."""
        return b"Action: Ping\r\n\r\n"

    def rest(self) -> bytes:
        """Nothing: half a block states no fact, and AMI does not send it again."""
        self._splitter.rest()
        return b""
