"""A real Redis server on the loopback address, without persistence: what it holds is a copy of a topic."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO

from vigie.dev.process import LOOPBACK, Child, DevelopmentError
from vigie.dev.server import Server


class Redis(Server):
    """One Redis server; it starts empty. The directory holds ``redis.log``.

    Raises:
        DevelopmentError: redis-server is not installed.
    """

    name = "Redis"
    # A start takes 0.02 s.
    start_s = 20.0
    stop_s = 10.0

    def __init__(self, directory: Path, port: int | None = None) -> None:
        if not shutil.which("redis-server"):
            raise DevelopmentError("redis-server is not installed; run scripts/system-packages, which installs the package redis-server")
        super().__init__(directory, port)

    @property
    def url(self) -> str:
        """What clients take as the server's address."""
        return f"redis://{self.address}/0"

    def _launch(self, log: IO[bytes]) -> Child:
        command = ["redis-server", "--bind", LOOPBACK, "--port", str(self.port), "--save", "", "--appendonly", "no"]
        # The working directory is where it would write a dump that somebody asks for by hand.
        return Child([*command, "--dir", str(self.directory)], log)

    def _answers(self) -> bool:
        import redis  # here, for 70 ms: every vigie command imports this module, and few start a server

        with redis.Redis(host=LOOPBACK, port=self.port, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False
