"""A small mail server for tests: takes what comes, or refuses it, and remembers."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from vigie.dev.process import LOOPBACK


class Mailbox(socketserver.ThreadingTCPServer):
    """Listens on a free port; ``refusing`` makes it answer 451 to every recipient."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Talk)
        self.letters: list[tuple[list[str], EmailMessage]] = []
        self.refusing = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Talk(socketserver.StreamRequestHandler):
    """RFC 5321, as far as smtplib goes."""

    def handle(self) -> None:
        box = cast(Mailbox, self.server)
        recipients: list[str] = []
        self._say("220 test")
        while line := self.rfile.readline():
            word = line.strip().upper()[:4]
            if word == b"RCPT":
                if box.refusing:
                    self._say("451 later")
                    continue
                recipients.append(line.decode().split("<")[1].split(">")[0])
            if word == b"DATA":
                self._say("354 go on")
                body = b""
                while (more := self.rfile.readline()) != b".\r\n":
                    body += more.removeprefix(b".") if more.startswith(b"..") else more
                box.letters.append((recipients, message_from_bytes(body, policy=cast(Any, policy.default))))
                recipients = []
            self._say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A server that runs."""
    with Mailbox() as box:
        thread = threading.Thread(target=box.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield box
        finally:
            box.shutdown()
            thread.join()
