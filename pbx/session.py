"""What is said on a connection to a PBX before and between its records. Bytes in, bytes out: the socket is the host's.

``open`` is sent first; ``feed`` takes what came and gives whole records and what must be answered; ``idle`` is sent when nothing came
for a while, so that a dead connection shows.
"""

from __future__ import annotations

from typing import Protocol

from detectors.errors import VigieError
from pbx.framing import Framing, splitter


class SessionRefused(VigieError):
    """The PBX refused the credentials, or is none of the kind that was expected. The message says what to check."""

    exit_status = 3


class Session(Protocol):
    """One connection. ``silence_s``: after so long without a byte it is dead, ``None`` for a PBX that may be silent."""

    silence_s: float | None

    def open(self) -> bytes:
        """What is sent first."""
        ...

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Records that ``data`` completed, and what must be answered.

        Raises:
            SessionRefused: the PBX does not want us.
        """
        ...

    def idle(self) -> bytes:
        """What makes a living PBX answer."""
        ...

    def rest(self) -> bytes:
        """What is left when the connection is over."""
        ...


class Plain:
    """A connection on which records come and nothing is said."""

    silence_s: float | None = None

    def __init__(self, framing: Framing) -> None:
        self._splitter = splitter(framing)

    def open(self) -> bytes:
        """Nothing."""
        return b""

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Records."""
        return self._splitter.feed(data), b""

    def idle(self) -> bytes:
        """Nothing."""
        return b""

    def rest(self) -> bytes:
        """A record without its end."""
        return self._splitter.rest()


def session(format_: str, framing: Framing, user: str, secret: str) -> Session:
    """The session of a format.

    Args:
        format_: as in ``[sources.NAME]``.
        framing: of formats that have no dialogue of their own.
        user: for AMI.
        secret: for AMI and the event socket.

    Raises:
        SessionRefused: credentials are missing, or no line can hold them.
    """
    if format_ == "asterisk-ami":
        from pbx.asterisk.ami_session import AmiSession

        return AmiSession(user, secret)
    if format_ == "freeswitch":
        from pbx.freeswitch.esl_session import EslSession

        return EslSession(secret)
    return Plain(framing)


def one_line(what: str, value: str) -> str:
    """A value that a protocol of lines can hold.

    Raises:
        SessionRefused: it is empty, or has a line end in it.
    """
    if not value or "\r" in value or "\n" in value:
        raise SessionRefused(f"{what} is missing or has more than one line; set VIGIE_PBX_USER and VIGIE_PBX_SECRET")
    return value
