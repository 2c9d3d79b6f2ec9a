"""What the broker and the Redis of development have in common: a directory, a port, and a life that ends with ours."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from vigie.dev.process import LOOPBACK, Child, DevelopmentError, free_port

#: Between two looks whether a server answers, seconds.
LOOK_S = 0.05
#: End of a log that an error message shows, characters.
TAIL = 2000


class Server(ABC):
    """One server on the loopback address; what it writes stays in a directory, and it can be started there again.

    As a context manager it runs inside the ``with`` block. However Python ends, the server ends too.

    Args:
        directory: for its data and its log; made if it is not there.
        port: the port to listen on if it is free; otherwise, and without it, any free port. It stays the same through
            ``stop``, ``kill`` and ``start``.
    """

    name: str
    #: Seconds until a start counts as failed, and until a stop becomes a kill.
    start_s: float
    stop_s: float

    def __init__(self, directory: Path, port: int | None = None) -> None:
        self.directory = directory.resolve()
        self.port = free_port(port)
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """The file that it writes its messages to."""
        return self.directory / f"{self.name.lower()}.log"

    @property
    def pid(self) -> int:
        """Process id.

        Raises:
            DevelopmentError: it does not run.
        """
        if self._child is None:
            raise DevelopmentError(f"{self.name} does not run; start it")
        return self._child.pid

    def start(self) -> None:
        """Start it, on the data that is there if there is any, and wait until a client gets an answer.

        Raises:
            DevelopmentError: it could not be started; the message holds the end of its log.
        """
        if self._child is not None:
            return
        # Looked at again: what answers below must be our server, not one that took the port meanwhile.
        if free_port(self.port) != self.port:
            raise DevelopmentError(f"{self.name} cannot have its port: another program listens on {self.address}; stop that one")
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = self._launch(log)
        deadline = time.monotonic() + self.start_s
        while not self._answers():
            status = child.status()
            if status is not None:
                raise self._failed(f"ended with status {status}")
            if time.monotonic() > deadline:
                child.kill()
                raise self._failed(f"did not answer within {self.start_s:g} s")
            time.sleep(LOOK_S)
        self._child = child

    def stop(self) -> None:
        """Stop it in order. Nothing happens when it does not run."""
        if self._child is not None:
            self._child.stop(self.stop_s)
            self._child = None

    def kill(self) -> None:
        """Stop it as a crash does: ``kill -9``. Nothing happens when it does not run."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def status(self) -> int | None:
        """Exit status of a server that ended by itself, negative for a signal; None while it runs, and before and after."""
        return None if self._child is None else self._child.status()

    @abstractmethod
    def _launch(self, log: IO[bytes]) -> Child:
        """Start the program; its messages go to ``log``."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a client gets an answer."""

    def _failed(self, how: str) -> DevelopmentError:
        said = self.log.read_text("utf-8", "replace")[-TAIL:].strip() or "nothing"
        return DevelopmentError(f"{self.name} {how}; {self.log} ends with:\n{said}")
