"""`vigie collect` on a real broker, and PBXes that speak their protocols to it."""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from detectors.events import Licence, Tenant
from streams.topics import Layout
from streams.wire import to_line
from support.kafka import Record, produce, read
from vigie.dev.broker import Broker
from vigie.dev.process import Child
from vigie.topics import create

CLI = [sys.executable, "-c", "from vigie.cli import main; main()"]
PARTITIONS = 4
POLICY = """
[sources.office]
format = "asterisk-csv"
zone = "Europe/Paris"
domain = "pbx.example"

[sources.ast]
format = "asterisk-ami"
zone = "Europe/Paris"
domain = "pbx.example"
"""


class Collecting:
    """Topics of one test, two customers' accounts, and collectors; what runs is killed at the end of the ``with`` block."""

    def __init__(self, broker: Broker, prefix: str, directory: Path) -> None:
        self.broker, self.prefix, self.directory = broker, prefix, directory
        self.children: list[Child] = []
        self.log = directory / "collect.log"
        (directory / "policy.toml").write_text(POLICY, "utf-8")
        create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
        facts = [
            (b"tenant/acme", Tenant(id="t1", time=1_700_000_000_000, tenant="acme")),
            (b"licence/acme/101", Licence(id="l1", time=1_700_000_000_000, tenant="acme", licence="101", aors=("alice@pbx.example",))),
            (b"licence/globe/7", Licence(id="l2", time=1_700_000_000_000, tenant="globe", licence="7", aors=("bob@pbx.example",))),
        ]
        produce(broker.bootstrap, f"{prefix}accounts", [(key, to_line(fact)) for key, fact in facts])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in self.children:
            child.kill()

    def start(self, source: str, pbx: str, *more: str, credentials: tuple[str, str] = ("", "")) -> tuple[Child, str]:
        """Start a collector and wait until it is ready; gives it and what it reads."""
        command = [*CLI, "collect", "--kafka", self.broker.bootstrap, "--prefix", self.prefix, "--source", source, "--pbx", pbx]
        command += ["--policy", str(self.directory / "policy.toml"), "--state", str(self.directory / f"state-{pbx}"), *more]
        seen = self.text().count("ready: ")
        environment = {"PYTHONUNBUFFERED": "1", "VIGIE_PBX_USER": credentials[0], "VIGIE_PBX_SECRET": credentials[1]}
        with self.log.open("ab") as out:
            child = Child(command, out, environment)
        self.children.append(child)
        until(lambda: self.text().count("ready: ") > seen or child.status() is not None, 60)
        assert child.status() is None, self.text()
        return child, re.findall(r"ready: (.+) to ", self.text())[-1]

    def text(self) -> str:
        """What the collectors wrote."""
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def records(self, role: str = "calls") -> list[Record]:
        """What stands in an input topic."""
        return read(self.broker.bootstrap, f"{self.prefix}{role}")

    def wait_for(self, count: int, role: str = "calls", distinct: Callable[[Record], object] = lambda one: one.value) -> list[Record]:
        """Records of a topic once there are so many different ones."""
        found: list[Record] = []

        def enough() -> bool:
            found[:] = self.records(role)
            return len({distinct(one) for one in found}) >= count

        until(enough, 90)
        return found


def until(what: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


class FakePbx:
    """A TCP server that plays a PBX: ``script`` talks to each connection.

    The fakes are faithful to the published protocols; Asterisk and FreeSWITCH are not packaged where the tests run.
    """

    def __init__(self, script: Callable[[socket.socket], None]) -> None:
        self._script = script
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.errors: list[BaseException] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._threads.append(threading.Thread(target=self._accept, daemon=True))
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop()
        for one in self._threads:
            one.join(5)
        assert not self.errors, self.errors

    def drop(self) -> None:
        """End all connections."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            self._threads.append(threading.Thread(target=self._talk, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._script(connection)
            except (ConnectionError, TimeoutError):
                pass
            except BaseException as error:
                self.errors.append(error)


def heard(connection: socket.socket, end: bytes) -> bytes:
    """What the other side says up to an end."""
    said = b""
    while not said.endswith(end):
        data = connection.recv(4096)
        if not data:
            raise ConnectionError("the other side went away")
        said += data
    return said


@contextmanager
def appended(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A PBX's own way of writing: append and flush."""
    with path.open("ab") as file:

        def write(data: bytes) -> None:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

        yield write
