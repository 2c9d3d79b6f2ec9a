"""`vigie dev up` starts everything, and leaves nothing behind."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.files import START, Provider, write
from support.kafka import read

VIGIE = str(Path(sys.executable).with_name("vigie"))

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
# The second one ends at once when what the first one makes is not there.
ONCE = """
import sys
from pathlib import Path
from rich.console import Console
from vigie.dev.up import Service, ctrl_c_stops, run

FIRST = "import sys, time; time.sleep(0.5); open(sys.argv[1], 'w').close(); print('made'); sys.exit(int(sys.argv[2]))"
SECOND = "import sys, http.server as h; print('given', open(sys.argv[1]).name);"
SECOND += "h.HTTPServer(('127.0.0.1', int(sys.argv[2])), h.SimpleHTTPRequestHandler).serve_forever()"
out = Console(width=500)
with ctrl_c_stops(out):
    run([
        Service("first", (sys.executable, "-c", FIRST, "{file}", sys.argv[2]), once=True),
        Service("second", (sys.executable, "-c", SECOND, "{file}", "{port}"), "http://{host}:{port}/"),
    ], {"file": sys.argv[1] + "/made"}, Path(sys.argv[1]), out)
"""


@contextmanager
def running(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program that is ready, and what it printed until then; it is killed if it is left running."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "Ctrl-C stops everything" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            yield process, said
        finally:
            process.kill()


def told(process: subprocess.Popen[str], how: signal.Signals) -> tuple[str, int]:
    """What a program prints once it is told to stop, and its exit status."""
    assert process.stdout is not None
    process.send_signal(how)
    return process.stdout.read(), process.wait()


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_services_are_given_what_they_need_and_stop_in_the_opposite_order(tmp_path: Path) -> None:
    with running([sys.executable, "-uc", SERVICES, str(tmp_path), "hello"]) as (process, before):
        after, status = told(process, signal.SIGTERM)
    assert status == 0, after
    assert "first      given hello" in before.splitlines()
    assert f"third      given {tmp_path / 'third'}" in before.splitlines()
    assert re.search(r'^second +127\.0\.0\.1 .*"GET / HTTP', before, re.MULTILINE), before
    assert re.search(r"^second +http://127\.0\.0\.1:\d+/$", before, re.MULTILINE), before
    lines = after.splitlines()
    assert [line for line in lines if "bye" in line] == ["third      bye", "first      bye"]
    assert lines[-1] == "stopped"


def test_what_is_done_once_is_done_before_the_next_one_starts(tmp_path: Path) -> None:
    with running([sys.executable, "-uc", ONCE, str(tmp_path), "0"]) as (process, before):
        after, status = told(process, signal.SIGINT)
    assert status == 0, after
    lines = before.splitlines()
    assert lines.index("first      made") < lines.index(f"second     given {tmp_path / 'made'}")


def test_nothing_more_starts_when_what_is_done_once_fails(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-uc", ONCE, tmp_path, "4"], capture_output=True, text=True, check=False)
    assert "Ended: first ended with status 4; everything was stopped" in done.stderr
    assert "given" not in done.stdout


def test_a_service_that_ends_by_itself_stops_everything(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-uc", SERVICES, tmp_path, ""], capture_output=True, text=True, check=False)
    assert "Ended: first ended with status 7; everything was stopped" in done.stderr
    assert "third      bye" in done.stdout.splitlines()


def dialler(path: Path) -> Path:
    """One licence that calls another number every 20 s, 260 times."""
    world = Provider()
    world.customer("acme", 1)
    for n in range(260):
        world.call("acme", 0, START + n * 20_000, "192.0.2.10", f"07{n * 7919:08d}", 15, None)
    return write(path, world.lines)


def test_the_command_starts_everything_decides_on_what_is_replayed_and_keeps_nothing(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('name = "machines are stopped"\n[rules.autodial]\nmode = "auto"\n', "utf-8")
    with running([VIGIE, "dev", "up", "--policy", str(policy)]) as (process, before):
        kafka = re.search(r"^kafka +(\S+)$", before, re.MULTILINE)
        assert kafka, before
        subprocess.run([VIGIE, "replay", dialler(tmp_path / "dialler.jsonl"), "--bootstrap", kafka[1]], check=True)
        deadline = time.monotonic() + 60
        while not (found := read(kafka[1], "vigie.suspensions")):
            assert time.monotonic() < deadline, told(process, signal.SIGINT)[0]
        after, status = told(process, signal.SIGINT)
    assert status == 0, after
    decision = json.loads(found[0].value or b"")
    assert (decision["state"], decision["tenant"], decision["licence"]) == ("active", "acme", "100")
    assert [cause["rule"] for cause in decision["causes"]] == ["autodial"]
    assert decision["emergency_allowed"] is True
    places = re.findall(r"^(\S+) .*127\.0\.0\.1:(\d+)\S*$", before[before.index("\nkafka ") :], re.MULTILINE)
    assert [name for name, _ in places] == ["kafka", "redis", "ingest", "detect-1", "detect-2", "scorer", "bridge", "console"]
    assert all(refused(int(port)) for _, port in places)
    data = re.search(r"^data +(\S+)$", before, re.MULTILINE)
    assert data
    assert not Path(data[1]).exists()
