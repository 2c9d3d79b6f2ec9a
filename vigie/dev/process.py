"""Child processes that end with us, and ports for them."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from typing import IO

from detectors.errors import VigieError

LOOPBACK = "127.0.0.1"
#: Ports below those that the system gives to outgoing connections (Linux from 32768, macOS from 49152). A client that keeps
#: calling a stopped server on such a port is one day given that port as its own, is connected to itself, and the server
#: cannot have its port back.
PORTS = range(15_000, 30_000)


class DevelopmentError(VigieError):
    """A server of the development set could not be started. The message says what to install or where to read on."""

    exit_status = 3


class Child:
    """A running program that does not outlive us, out of reach of the terminal's Ctrl-C: who started it stops it, in order.

    It is killed when this object is forgotten, when Python ends, and on Linux also when we are killed: the kernel watches the
    *thread* that called, so call from one that lives as long as the child shall (the main one).

    Args:
        command: program and arguments.
        output: where stdout and stderr go, as ``subprocess.Popen`` takes it.
        environment: what to add to ours.

    Raises:
        DevelopmentError: the program is not there.
    """

    def __init__(
        self, command: Sequence[str | os.PathLike[str]], output: IO[bytes] | int, environment: Mapping[str, str] | None = None
    ) -> None:
        watch = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        whole = {**os.environ, **(environment or {})}
        if not shutil.which(command[0], path=whole.get("PATH")):
            raise DevelopmentError(f"{os.fspath(command[0])} is not installed")
        self._process = subprocess.Popen(
            [*watch, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=whole,
            start_new_session=True,
        )
        self._finalizer = weakref.finalize(self, _kill, self._process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def output(self) -> IO[bytes]:
        """What it prints, if it was started with ``output=subprocess.PIPE``."""
        assert self._process.stdout is not None
        return self._process.stdout

    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def stop(self, grace_s: float) -> None:
        """Ask it to end (SIGTERM) and wait; kill it after ``grace_s`` seconds. Nothing happens when it has ended."""
        if self.status() is None:
            self._process.terminate()
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._finalizer.detach()

    def kill(self) -> None:
        """End it as ``kill -9`` does, and wait until it is gone."""
        _kill(self._process)
        self._finalizer.detach()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def free_port(preferred: int | None = None) -> int:
    """A TCP port on the loopback address that nobody listens on: the preferred one if it is free.

    Raises:
        DevelopmentError: none was found in 200 tries.
    """
    tries = random.sample(PORTS, 200)
    for port in [preferred, *tries] if preferred else tries:
        with socket.socket() as probe:
            # As servers do: without it a port whose last connection ended a moment ago counts as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise DevelopmentError(f"no free port between {PORTS.start} and {PORTS.stop} on {LOOPBACK}; stop what listens there")
