"""A real PostgreSQL on the loopback address: one private cluster, without durability, that ends with us."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import IO

from vigie.dev.process import LOOPBACK, Child, DevelopmentError
from vigie.dev.server import Server

#: Debian keeps each major version apart, and none of them in the path.
INSTALLED = Path("/usr/lib/postgresql")
#: PostgreSQL refuses to run as root; Debian's package makes this user.
ORDINARY = "postgres"


class Postgres(Server):
    """One PostgreSQL server. The directory holds its cluster and its log; it becomes the ordinary user's when we are root.

    That user must be able to walk to it. Directories of pytest are no place for it: pytest closes them to others again whenever
    another run of it starts, and a server that runs there loses its files.

    Raises:
        DevelopmentError: PostgreSQL is not installed.
    """

    name = "PostgreSQL"
    # Making a cluster takes 2 s, a start 0.2 s; with both cores taken by others, 10.
    start_s = 60.0
    stop_s = 20.0

    def __init__(self, directory: Path, port: int | None = None) -> None:
        versions = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
        found = shutil.which("initdb") or (str(versions[-1]) if versions else None)
        if found is None:
            raise DevelopmentError("PostgreSQL is not installed; run scripts/system-packages, which installs the package postgresql")
        self._programs = Path(found).resolve().parent
        super().__init__(directory, port)

    def url(self, database: str = "postgres") -> str:
        """What SQLAlchemy takes as the address of a database."""
        return f"postgresql+psycopg://vigie@{LOOPBACK}:{self.port}/{database}"

    def _launch(self, log: IO[bytes]) -> Child:
        cluster = self.directory / "cluster"
        if not (cluster / "PG_VERSION").exists():
            cluster.mkdir(exist_ok=True)
            self._give(self.directory, cluster)
            # Who can reach the loopback address of a development machine may come in, as to its Kafka and its Redis.
            how = ["-U", "vigie", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
            made = self._as_ordinary("initdb", "-D", str(cluster), *how)
            if subprocess.run(made, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False, cwd="/").returncode != 0:
                raise self._failed("could not make its cluster")
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            # A crash of the machine may lose all of it: it is made anew for the next run.
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Child(self._as_ordinary("postgres", "-D", str(cluster), *options), log)

    def _as_ordinary(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._programs / program), *arguments]
        return ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", *command] if os.geteuid() == 0 else command

    def _give(self, *directories: Path) -> None:
        if os.geteuid() == 0:
            for directory in directories:
                shutil.chown(directory, ORDINARY, ORDINARY)

    def _answers(self) -> bool:
        import psycopg  # here, for 60 ms: every vigie command imports this package, and few start a server

        try:
            psycopg.connect(host=LOOPBACK, port=self.port, user="vigie", dbname="postgres", connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True
