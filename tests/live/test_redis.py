"""The Redis of development and tests, and that no server outlives the Python that started it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
import redis

from vigie.dev.process import PORTS, Child, DevelopmentError, free_port
from vigie.dev.redis import Redis
from vigie.dev.server import Server

STARTED = "import os, sys, pathlib; from vigie.dev.redis import Redis; r = Redis(pathlib.Path(sys.argv[1])); r.start(); print(r.pid)\n"


def runs(pid: int) -> bool:
    """Whether a process is alive; one that waits for its parent to notice its end is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_value_is_read_back_and_a_new_start_is_empty(tmp_path: Path) -> None:
    with Redis(tmp_path) as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("vigie:suspended:a@b", "x")
            assert client.get("vigie:suspended:a@b") == b"x"
        url = server.url
        server.kill()
        server.start()
        assert server.url == url
        with redis.Redis.from_url(url) as client:
            assert client.get("vigie:suspended:a@b") is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise RuntimeError", "del r", "os.kill(os.getpid(), 9)"])
def test_a_server_ends_with_the_python_that_started_it(tmp_path: Path, end: str) -> None:
    done = subprocess.run([sys.executable, "-uc", STARTED + end, tmp_path], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    while runs(pid):  # the suite's own time limit ends this if it never does
        time.sleep(0.01)


def test_a_port_that_someone_took_meanwhile_is_an_error(tmp_path: Path) -> None:
    server = Redis(tmp_path)
    with Redis(tmp_path / "other", server.port), pytest.raises(DevelopmentError, match=f"another program listens on {server.address}"):
        server.start()
    with server:
        assert server.status() is None


class Failing(Server):
    """A server that says something and ends, or says something and never answers."""

    name, start_s, stop_s = "Failing", 0.5, 5.0
    source = "print('bad luck', flush=True); raise SystemExit(3)"

    def _launch(self, log: IO[bytes]) -> Child:
        return Child([sys.executable, "-c", self.source], log)

    def _answers(self) -> bool:
        return False


def test_a_start_that_fails_shows_what_the_server_said(tmp_path: Path) -> None:
    server = Failing(tmp_path)
    server.start_s = 60.0
    with pytest.raises(DevelopmentError, match=r"(?s)Failing ended with status 3; .*failing\.log ends with:\nbad luck"):
        server.start()


def test_a_server_that_never_answers_is_given_up_and_killed(tmp_path: Path) -> None:
    server = Failing(tmp_path)
    server.source = f"import os, time; open({os.fspath(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    with pytest.raises(DevelopmentError, match=r"(?s)Failing did not answer within 0.5 s; .*ends with:\nnothing"):
        server.start()
    assert not runs(int((tmp_path / "pid").read_text("ascii")))


def test_a_missing_redis_is_said_with_the_package_that_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DevelopmentError, match="the package redis-server"):
        Redis(tmp_path)
    with pytest.raises(DevelopmentError, match="nonesuch is not installed"):
        Child(["nonesuch"], subprocess.DEVNULL)


def test_a_preferred_port_is_taken_when_it_is_free_and_another_when_not(redis_server: Server) -> None:
    free = free_port()
    assert free in PORTS
    assert free_port(free) == free
    assert free_port(redis_server.port) != redis_server.port


def test_a_program_that_ignores_being_asked_is_killed(tmp_path: Path) -> None:
    said = tmp_path / "said"
    source = f"import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({os.fspath(said)!r}, 'w'); time.sleep(600)"
    child = Child([sys.executable, "-c", source], subprocess.DEVNULL)
    while not said.exists():
        time.sleep(0.01)
    child.stop(grace_s=0.2)
    assert child.status() == -9
