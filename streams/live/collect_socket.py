"""Records over TCP: from a PBX that we call, and from PBXes and log daemons that call us."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable

from pbx.session import Session, SessionRefused
from streams.errors import UsageError
from streams.live.collect_intake import Intake
from streams.live.collect_metrics import Metrics
from streams.live.collect_queue import QueueUnusable

_CHUNK = 1 << 16
#: Between two looks whether to stop, s.
LOOK_S = 0.5
#: A connection is asked whether it lives after so long without a byte, s.
ASK_S = 15.0
CONNECT_S = 10.0
PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
#: Connections at once: log daemons of some PBXes, not the internet.
MOST_CONNECTIONS = 64

_log = logging.getLogger(__name__)


class ClientSource:
    """A PBX that we call, and call again when the connection ends: what happens meanwhile is lost where the PBX keeps nothing.

    Args:
        host: of the PBX.
        port: of the PBX.
        new_session: what is said on a connection.
        intake: gets the records.
        metrics: told of connections.
        stopping: ends it.
    """

    def __init__(
        self, host: str, port: int, new_session: Callable[[], Session], intake: Intake, metrics: Metrics, stopping: threading.Event
    ) -> None:
        self._address = (host, port)
        self._new_session, self._intake, self._metrics, self._stopping = new_session, intake, metrics, stopping
        self.problem = "not connected yet"

    def start(self) -> str:
        """Whom we call, for people; a session that cannot be is refused now.

        Raises:
            SessionRefused: credentials are missing.
        """
        self._new_session()
        return f"{self._address[0]}:{self._address[1]}"

    def run(self) -> None:
        """Call until ``stopping`` is set."""
        pause = PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with socket.create_connection(self._address, timeout=CONNECT_S) as connection:
                    self._metrics.reconnects.inc()
                    self._talk(connection)
                said = "the PBX ended the connection"
            except (OSError, SessionRefused) as error:
                said = str(error)
            if self._stopping.is_set():
                return
            if not self.problem:
                _log.warning("%s:%d: %s; called again", *self._address, said)
            elif self.problem != said:
                _log.warning("%s:%d: %s", *self._address, said)
            self.problem = said
            pause = PAUSE_S if time.monotonic() - began > LONGEST_PAUSE_S else min(pause * 2, LONGEST_PAUSE_S)
            self._stopping.wait(pause)

    def _talk(self, connection: socket.socket) -> None:
        _keep_alive(connection)
        talk = self._new_session()
        connection.sendall(talk.open())
        connection.settimeout(LOOK_S)
        if talk.silence_s is None:
            self.problem = ""  # nothing is said before the first record, which may be an hour away
        heard = asked = time.monotonic()
        while not self._stopping.is_set():
            try:
                data = connection.recv(_CHUNK)
            except TimeoutError:
                now = time.monotonic()
                if talk.silence_s is not None and now - heard > talk.silence_s:
                    raise OSError(f"silent for {talk.silence_s:.0f} s") from None
                if now - max(heard, asked) > ASK_S and (ping := talk.idle()):
                    asked = now
                    connection.sendall(ping)
                continue
            if not data:
                if rest := talk.rest():
                    self._intake.take([rest])
                return
            heard = time.monotonic()
            records, answer = talk.feed(data)
            if answer:
                connection.sendall(answer)
            if records:
                self.problem = ""
                # While the queue is full nothing is read: the PBX feels it, and does what it does with a slow reader.
                if not self._intake.take(records):
                    return
            elif not answer and self.problem:
                self.problem = ""


class ServerSource:
    """PBXes and log daemons that call us.

    Args:
        host: address to listen on.
        port: port to listen on, 0 for any.
        new_session: what a connection carries.
        intake: gets the records.
        metrics: told of connections.
        stopping: ends it.
    """

    def __init__(
        self, host: str, port: int, new_session: Callable[[], Session], intake: Intake, metrics: Metrics, stopping: threading.Event
    ) -> None:
        self._address = (host, port)
        self._new_session, self._intake, self._metrics, self._stopping = new_session, intake, metrics, stopping
        self._server: socket.socket | None = None
        self._room = threading.Semaphore(MOST_CONNECTIONS)
        self.problem = "not listening yet"

    def start(self) -> str:
        """Listen; says where.

        Raises:
            UsageError: the port is taken.
        """
        try:
            self._server = socket.create_server(self._address, backlog=MOST_CONNECTIONS)
        except OSError as error:
            raise UsageError(f"{self._address[0]}:{self._address[1]}: cannot listen there ({error.strerror})") from error
        self._server.settimeout(LOOK_S)
        self.problem = ""
        host, port = self._server.getsockname()[:2]
        return f"{host}:{port}"

    def run(self) -> None:
        """Take connections until ``stopping`` is set."""
        assert self._server is not None
        threads: list[threading.Thread] = []
        with self._server:
            while not self._stopping.is_set():
                try:
                    connection, _ = self._server.accept()
                except TimeoutError:
                    continue
                if not self._room.acquire(blocking=False):
                    _log.warning("%d connections are open already; one more was closed", MOST_CONNECTIONS)
                    connection.close()
                    continue
                self._metrics.reconnects.inc()
                threads = [one for one in threads if one.is_alive()]
                threads.append(threading.Thread(target=self._serve, args=(connection,), name="connection", daemon=True))
                threads[-1].start()
        for one in threads:
            one.join(5)

    def _serve(self, connection: socket.socket) -> None:
        talk = self._new_session()
        try:
            with connection:
                _keep_alive(connection)
                connection.settimeout(LOOK_S)
                while not self._stopping.is_set():
                    try:
                        data = connection.recv(_CHUNK)
                    except TimeoutError:
                        continue
                    records = talk.feed(data)[0] if data else [talk.rest()]
                    if not self._intake.take(records) or not data:
                        return
        except OSError as error:
            _log.warning("a connection broke: %s", error)
        except QueueUnusable:
            return  # told by the intake, which stops the collector
        finally:
            self._room.release()


def _keep_alive(connection: socket.socket) -> None:
    """Let the kernel find out that the other machine is gone: a firewall that forgot a connection says nothing."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
