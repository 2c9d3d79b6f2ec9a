"""``vigie dev up``: a broker, a Redis, the topics and every process of vigie on this machine, with one command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NamedTuple, NoReturn
from urllib.error import URLError
from urllib.request import urlopen

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from detectors.errors import VigieError
from vigie.dev.broker import Broker
from vigie.dev.process import LOOPBACK, Child, DevelopmentError, free_port
from vigie.dev.redis import Redis
from vigie.dev.server import Server
from vigie.options import DEFAULT_POLICY, Geo, PolicyFile

dev_app = typer.Typer(help="The whole system on one machine, for development.", no_args_is_help=True)

#: Where people expect them; another free port is taken, and said, when one is in use.
KAFKA_PORT = 9092
REDIS_PORT = 6379
#: A worker that stops writes its last checkpoint first.
GRACE_S = 15.0
READY_S = 60.0
LOOK_S = 0.1
COLOURS = ("cyan", "magenta", "green", "yellow", "blue")


class Service(NamedTuple):
    """One process of vigie.

    Args:
        name: in front of each line that it prints.
        command: program and arguments; ``{kafka}``, ``{redis}``, ``{database}`` and ``{policy}`` (where they are), ``{host}`` (the
            address to listen on), ``{port}`` (a port of its own) and ``{data}`` (a directory of its own) are filled in.
        ready: address that answers 200 when it is ready, filled in likewise; empty: it is ready when it runs.
        port: the one that people expect it on, and its container has; 0: any.
        once: it does its work and ends, and what stands below needs that work.
    """

    name: str
    command: tuple[str, ...]
    ready: str = ""
    port: int = 0
    once: bool = False


def _watched(name: str, command: str, port: int) -> Service:
    """A process with /metrics, /health and /ready."""
    return Service(name, (*command.split(), "--metrics-host", "{host}", "--metrics-port", "{port}"), "http://{host}:{port}/ready", port)


#: The system. ``docker-compose.yml`` runs the very same commands; a test compares them and starts them from there. They start in
#: this order and stop in the opposite one.
SERVICES = (
    Service("topics", ("vigie", "topics", "create", "--bootstrap", "{kafka}", "--replication", "1"), once=True),
    _watched("ingest", "vigie ingest --bootstrap {kafka} --policy {policy} --instance 0/1", 9464),
    _watched("detect-1", "vigie detect --bootstrap {kafka} --name detect-1 --features", 9465),
    _watched("detect-2", "vigie detect --bootstrap {kafka} --name detect-2 --features", 9466),
    # Until models are promoted in that registry it has nothing to ask.
    _watched("scorer", "vigie scorer --registry {data}/models --bootstrap {kafka}", 9468),
    # No PBX stands here, but the Redis that PBXes may ask does.
    _watched("bridge", "vigie bridge --pbx redis --target {redis} --bootstrap {kafka} --snapshot {data}/bridge.json", 9467),
    Service(
        "console",
        (
            *("vigie", "console", "--database", "{database}", "--kafka", "{kafka}", "--redis", "{redis}"),
            *("--origin", "http://127.0.0.1:{port}", "--host", "{host}", "--port", "{port}"),
        ),
        "http://{host}:{port}/health",
        8470,
    ),
)


class Ended(DevelopmentError):
    """A process ended by itself; everything else was stopped."""

    exit_status = 1


@dev_app.command("up")
def up_command(
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep data and logs here; without it they are gone at the end.", show_default=False)
    ] = None,
    policy: PolicyFile = DEFAULT_POLICY,
    geo: Geo = None,
) -> None:
    """Start Kafka, Redis, the topics and all processes of vigie; stop them on Ctrl-C."""
    given = {"policy": str(policy)} | ({"geo": str(geo)} if geo else {})
    more = ("--geo", "{geo}") if geo else ()
    services = [one._replace(command=(*one.command, *more)) if one.name == "ingest" else one for one in SERVICES]
    try:
        with ExitStack() as stack:
            directory = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vigie-")))
            up(directory, services, given, Console())
    except VigieError as error:
        Console(stderr=True).print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(getattr(error, "exit_status", 3)) from None


def up(directory: Path, services: Sequence[Service], given: dict[str, str], out: Console) -> None:
    """Run everything until SIGINT or SIGTERM, then stop it in the opposite order, each by its process id.

    Args:
        directory: for data and logs.
        services: what to start once the servers answer.
        given: what to fill into their commands, besides the servers' addresses.
        out: where addresses and the services' lines go.

    Raises:
        DevelopmentError: something could not be started.
        Ended: something ended by itself.
    """
    with ctrl_c_stops(out), Broker(directory / "kafka", KAFKA_PORT) as broker, Redis(directory / "redis", REDIS_PORT) as redis:
        # One console on one machine needs no server of a database.
        database = f"sqlite:///{(directory / 'console.sqlite').resolve()}"
        run(services, {"kafka": broker.bootstrap, "redis": redis.url, "database": database, **given}, directory, out, [broker, redis])


def run(services: Sequence[Service], given: dict[str, str], directory: Path, out: Console, servers: Sequence[Server] = ()) -> NoReturn:
    """Run services until something ends or ``KeyboardInterrupt`` comes; then they stop, the last one first.

    Args:
        services: what to start, in order.
        given: what to fill into their commands, besides an address, a port and a directory of their own.
        directory: for their directories.
        out: where their lines go, and, once all are ready, a table of what is where.
        servers: what must go on running besides.

    Raises:
        DevelopmentError: one could not be started, or did not become ready.
        Ended: a service or a server ended by itself.
    """
    with ExitStack() as running:
        started = []
        for number, service in enumerate(services):
            own = directory / service.name
            own.mkdir(parents=True, exist_ok=True)
            filled = {**given, "data": str(own), "host": LOOPBACK, "port": str(free_port(service.port or None))}
            child, copier = _start(service, filled, Text(f"{service.name:<10} ", COLOURS[number % len(COLOURS)]), out)
            running.callback(_stop, child, copier)
            if service.once:
                _wait_for_end(service, child)
                # What it said stands above what the next ones say.
                copier.join(timeout=1)
            else:
                started.append((service, child, service.ready.format_map(filled)))
        for service, child, ready in started:
            _wait(service, child, ready)
        places = {**given, **{service.name: ready for service, _, ready in started if ready}, "data": str(directory)}
        _say(out, "", *(f"{name:<10} {place}" for name, place in places.items()), "ready; Ctrl-C stops everything")
        watched = [*((one.name, one.status) for one in servers), *((one.name, child.status) for one, child, _ in started)]
        while True:
            for name, status in watched:
                if status() is not None:
                    raise Ended(f"{name} ended with status {status()}; everything was stopped")
            time.sleep(LOOK_S)


def _start(service: Service, given: dict[str, str], prefix: Text, out: Console) -> tuple[Child, threading.Thread]:
    # The `vigie` of our own environment comes first, whether or not that environment is activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [part.format_map(given) for part in service.command]
    child = Child(command, subprocess.PIPE, {"PATH": path, "PYTHONUNBUFFERED": "1"})
    copier = threading.Thread(target=_copy, args=(child, prefix, out), daemon=True)
    copier.start()
    return child, copier


def _stop(child: Child, copier: threading.Thread) -> None:
    child.stop(GRACE_S)
    # Its last words, before the next one is told to stop. A program that it left behind may hold the pipe open.
    copier.join(timeout=1)


def _copy(child: Child, prefix: Text, out: Console) -> None:
    with child.output as lines:
        for line in lines:
            out.print(prefix + Text(line.decode("utf-8", "replace").rstrip()), soft_wrap=True)


def _wait(service: Service, child: Child, ready: str) -> None:
    deadline = time.monotonic() + READY_S
    while ready and not _is_up(ready):
        if child.status() is not None:
            raise Ended(f"{service.name} ended with status {child.status()} before it was ready")
        if time.monotonic() > deadline:
            raise DevelopmentError(f"{service.name} was not ready within {READY_S:.0f} s ({ready} did not answer 200)")
        time.sleep(LOOK_S)


def _wait_for_end(service: Service, child: Child) -> None:
    deadline = time.monotonic() + READY_S
    while (status := child.status()) is None:
        if time.monotonic() > deadline:
            raise DevelopmentError(f"{service.name} did not end within {READY_S:.0f} s")
        time.sleep(LOOK_S)
    if status != 0:
        raise Ended(f"{service.name} ended with status {status}; everything was stopped")


def _is_up(address: str) -> bool:
    try:
        with urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _say(out: Console, *lines: str) -> None:
    for line in lines:
        out.print(line, soft_wrap=True, markup=False, highlight=False)


@contextmanager
def ctrl_c_stops(out: Console) -> Iterator[None]:
    """What runs inside ends at Ctrl-C, and at SIGTERM, a service manager's way to say the same; both are a good end."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        _say(out, "stopped")
    finally:
        signal.signal(signal.SIGTERM, former)
