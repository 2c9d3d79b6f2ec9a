"""A connection to FreeSWITCH's event socket: authentication, subscription, and events as JSON."""

from __future__ import annotations

import re

from pbx.framing import LONGEST
from pbx.session import SessionRefused, one_line

#: CUSTOM comes last: everything behind it is a subclass. HEARTBEAT comes every 20 s and shows that the connection lives.
_SUBSCRIBE = (
    b"event json HEARTBEAT CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE "
    b"CUSTOM sofia::register sofia::unregister sofia::expire sofia::register_failure\n\n"
)
#: FreeSWITCH writes the name first, with or without spaces; cJSON breaks lines when it prints prettily.
_HEARTBEAT = re.compile(rb'\s*\{\s*"Event-Name"\s*:\s*"HEARTBEAT"')


class EslSession:
    """One connection.

    Args:
        secret: the password of event_socket.conf.xml.

    Raises:
        SessionRefused: it is missing.
    """

    silence_s: float | None = 65.0

    def __init__(self, secret: str) -> None:
        self._secret = one_line("the password of the event socket", secret)
        self._held = b""
        self._waiting_for = "greeting"

    def open(self) -> bytes:
        """Nothing: FreeSWITCH asks first."""
        return b""

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Events, and the answers to FreeSWITCH's questions.

        Raises:
            SessionRefused: wrong password, an address that the ACL does not allow, or no FreeSWITCH at all.
        """
        self._held += data
        found: list[bytes] = []
        answer = b""
        while (end := self._held.find(b"\n\n")) >= 0:
            headers = _headers(self._held[:end])
            length = headers.get("content-length", "0")
            if not (length.isascii() and length.isdigit()) or int(length) > LONGEST:
                raise SessionRefused(f"Content-Length {length[:32]!r}: this is no event socket")
            if len(self._held) < end + 2 + int(length):
                break
            body, self._held = self._held[end + 2 : end + 2 + int(length)], self._held[end + 2 + int(length) :]
            answer += self._said(headers, body, found)
        if len(self._held) > 2 * LONGEST:
            raise SessionRefused("a megabyte without an end of headers: this is no event socket")
        return found, answer

    def idle(self) -> bytes:
        """Nothing: the heartbeat does it."""
        return b""

    def rest(self) -> bytes:
        """Nothing: half an event states no fact."""
        self._held = b""
        return b""

    def _said(self, headers: dict[str, str], body: bytes, found: list[bytes]) -> bytes:
        kind = headers.get("content-type", "")
        if kind == "auth/request":
            self._waiting_for = "auth"
            return f"auth {self._secret}\n\n".encode()
        if kind == "command/reply":
            reply = headers.get("reply-text", "")
            if not reply.startswith("+OK"):
                raise SessionRefused(f"the event socket answered {reply[:64]!r}; check the password, and that it may send events")
            if self._waiting_for == "auth":
                self._waiting_for = "events"
                return _SUBSCRIBE
        elif kind == "text/rude-rejection":
            raise SessionRefused("FreeSWITCH does not allow this address (apply-inbound-acl of event_socket.conf.xml)")
        elif kind == "text/event-json" and not _HEARTBEAT.match(body):
            found.append(b" ".join(body.splitlines()))
        return b""


def _headers(text: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
