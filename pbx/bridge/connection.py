"""A TCP connection to a PBX's text interface: made when it is needed, made again after it broke."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO, TypeVar

from pbx.bridge.target import TargetError

#: A PBX that has not answered by then hangs, seconds.
ANSWER_S = 5.0
#: Orders sent before their answers are read. Many more would fill the buffers of both sides, each waiting for the other.
WINDOW = 50

Answer = TypeVar("Answer")


class Connection(ABC):
    """One connection.

    Args:
        what: the product, for messages.
        host: name or address.
        port: of the interface.
    """

    def __init__(self, what: str, host: str, port: int) -> None:
        self._what, self._place = what, (host, port)
        self._socket: socket.socket | None = None
        self._lines: IO[bytes] | None = None

    def close(self) -> None:
        """Let go of it."""
        if self._lines is not None:
            self._lines.close()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._lines = None

    @abstractmethod
    def _greet(self) -> None:
        """Log in on a new connection.

        Raises:
            ValueError: it is another program, or it refuses us.
        """

    def _talk(self, order: str, work: Callable[[], Answer]) -> Answer:
        """Do something on the connection.

        A PBX that restarted while the connection lay idle fails it once, so that once is tried again: orders may be repeated.

        Args:
            order: for messages.
            work: sends and reads.

        Raises:
            TargetError: there is no connection, it broke, or nothing came in time.
        """
        for last in (self._socket is None, True):
            try:
                if self._socket is None:
                    self._socket = socket.create_connection(self._place, timeout=ANSWER_S)
                    # Orders go out in several writes; held back until the last was acknowledged, each would take 40 ms.
                    self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._lines = self._socket.makefile("rb")
                    self._greet()
                return work()
            except (OSError, ValueError) as error:
                self.close()
                if last or not isinstance(error, ConnectionError):
                    where = "{}:{}".format(*self._place)
                    said = error or type(error).__name__
                    raise TargetError(f"{self._what} at {where} did not answer {order} ({said}); does it run?") from error
        raise AssertionError

    def _send(self, raw: bytes) -> None:
        assert self._socket is not None
        self._socket.sendall(raw)

    def _line(self) -> str:
        """The next line, without its end."""
        assert self._lines is not None
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("it hung up")
        return line.rstrip(b"\r\n").decode("utf-8", "replace")

    def _bytes(self, count: int) -> bytes:
        """So many bytes."""
        assert self._lines is not None
        raw = self._lines.read(count)
        if len(raw) != count:
            raise ConnectionError("it hung up")
        return raw
