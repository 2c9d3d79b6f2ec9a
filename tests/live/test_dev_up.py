"""`vigie dev up` starts everything, and leaves nothing behind."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

# The services of vigie are data. These say what they were given, and when they are told to stop; "first" ends when told nothing.
SERVICES = """
import sys
from pathlib import Path
from rich.console import Console
from vigie.dev.up import Service, ctrl_c_stops, run

SAYS = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()));"
SAYS += "print('given', *sys.argv[1:]); sys.exit(7) if not sys.argv[1] else time.sleep(600)"
SERVES = "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", "{data}"
out = Console()
with ctrl_c_stops(out):
    run([
        Service("first", (sys.executable, "-c", SAYS, "{word}")),
        Service("second", (sys.executable, *SERVES), "http://127.0.0.1:{port}/"),
        Service("third", (sys.executable, "-c", SAYS, "{data}")),
    ], {"word": sys.argv[2]}, Path(sys.argv[1]), out)
"""


def told(command: list[str], how: signal.Signals) -> tuple[str, str, int]:
    """What a program prints until it is ready, what it prints once it is told to stop, and its exit status."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        before = ""
        while "ready" not in before:
            line = process.stdout.readline()
            assert line, before
            before += line
        process.send_signal(how)
        after = process.stdout.read()
    return before, after, process.returncode


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_services_are_given_what_they_need_and_stop_in_the_opposite_order(tmp_path: Path) -> None:
    before, after, status = told([sys.executable, "-uc", SERVICES, str(tmp_path), "hello"], signal.SIGTERM)
    assert status == 0, after
    assert "first      given hello" in before.splitlines()
    assert f"third      given {tmp_path / 'third'}" in before.splitlines()
    assert re.search(r'^second +127\.0\.0\.1 .*"GET / HTTP', before, re.MULTILINE), before
    lines = after.splitlines()
    assert [line for line in lines if "bye" in line] == ["third      bye", "first      bye"]
    assert lines[-1] == "stopped"


def test_a_service_that_ends_by_itself_stops_everything(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-uc", SERVICES, tmp_path, ""], capture_output=True, text=True, check=False)
    assert "Ended: first ended with status 7; everything was stopped" in done.stderr
    assert "third      bye" in done.stdout.splitlines()


def test_the_command_starts_kafka_with_the_topics_and_redis_and_keeps_nothing() -> None:
    before, after, status = told([str(Path(sys.executable).with_name("vigie")), "dev", "up"], signal.SIGINT)
    assert status == 0, after
    ports = [int(port) for port in re.findall(r"^(?:kafka|redis) .*127\.0\.0\.1:(\d+)", before, re.MULTILINE)]
    assert len(ports) == 2
    assert all(refused(port) for port in ports)
    data = re.search(r"^data +(\S+)$", before, re.MULTILINE)
    assert data
    assert not Path(data[1]).exists()
