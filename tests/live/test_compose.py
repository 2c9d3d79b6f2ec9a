"""`docker-compose.yml` is started from where it can be: every command, health check and setting of Kafka in it runs here, natively."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from sqlalchemy import create_engine, text

from streams.topics import Layout
from vigie.dev.broker import Broker
from vigie.dev.postgres import Postgres
from vigie.dev.process import Child, free_port
from vigie.dev.redis import Redis
from vigie.dev.up import SERVICES
from vigie.options import DEFAULT_POLICY
from vigie.topics import check

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)["services"]
OURS = {name: service for name, service in COMPOSE.items() if service["image"] == "vigie"}
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
POLICY = "/etc/vigie/policy.toml"
NOTIFY = "/etc/vigie/notify/notify.toml"
#: Started by those who ask for it: `vigie dev up` has nobody to tell.
ASKED_FOR = {name for name, service in COMPOSE.items() if "profiles" in service}
DATABASE = "postgresql+psycopg://vigie@postgres/vigie"
TOLD = """\
origin = "https://vigie.example"
[channels.pager]
kind = "webhook"
url = "http://127.0.0.1:9/hook"
[[routes]]
on = ["restriction", "breaker", "receipt"]
to = ["pager"]
"""
#: Environment of the image of Kafka that is no setting of the broker.
NO_SETTINGS = {"CLUSTER_ID", "KAFKA_HEAP_OPTS"}
#: A machine with both cores taken by others starts four Pythons in 20 s.
PATIENCE_S = 60


class ComposeBroker(Broker):
    """The broker of ``docker-compose.yml``: its settings, with addresses of this machine."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.machine_port = free_port()

    def _settings(self) -> dict[str, object]:
        environment = COMPOSE["kafka"]["environment"]
        places = {
            "MACHINE://127.0.0.1:9092": f"MACHINE://127.0.0.1:{self.machine_port}",
            "0.0.0.0:9094": f"127.0.0.1:{self.machine_port}",
            "0.0.0.0:9093": f"127.0.0.1:{self._controller_port}",
            "0.0.0.0:9092": self.bootstrap,
            "kafka:9093": f"127.0.0.1:{self._controller_port}",
            "kafka:9092": self.bootstrap,
            "/var/lib/kafka/data": str(self.directory / "data"),
        }
        named = {name: str(value) for name, value in environment.items() if name not in NO_SETTINGS}
        return {name.removeprefix("KAFKA_").replace("_", ".").lower(): replaced(value, places) for name, value in named.items()}


@pytest.fixture(scope="module")
def compose_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeBroker]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vigie.dev.broker.CLUSTER", COMPOSE["kafka"]["environment"]["CLUSTER_ID"])
        with ComposeBroker(tmp_path_factory.mktemp("compose-kafka")) as running:
            yield running


def replaced(text: str, places: dict[str, str]) -> str:
    for container, here in places.items():
        text = text.replace(container, here)
    return text


def published(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Address, port of the machine and port of the container of everything that a service publishes."""
    return [tuple(port.split(":")) for port in service.get("ports", [])]


def healthy(service: dict[str, Any], places: dict[str, str]) -> bool:
    """Whether the health check that the file says is content."""
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    here = [replaced(part, places) for part in command]
    return subprocess.run(here, env={**os.environ, "PATH": PATH}, capture_output=True, check=False).returncode == 0


def test_it_runs_the_commands_of_dev_up() -> None:
    here = {"kafka": "kafka:9092", "redis": "redis://redis:6379/0", "policy": POLICY, "host": "0.0.0.0", "data": "/var/lib/vigie"}
    here["database"] = DATABASE
    commands = {one.name: [part.format(**here, port=one.port) for part in one.command] for one in SERVICES}
    assert {name: service["command"] for name, service in OURS.items() if name not in ASKED_FOR} == commands
    assert [name for name in COMPOSE if name not in ASKED_FOR] == ["kafka", "redis", "postgres", *commands]


def test_its_kafka_is_the_one_that_the_tests_run() -> None:
    version = re.search(r"<kafka.version>(.*)</kafka.version>", (ROOT / "pom.xml").read_text("utf-8"))
    assert version
    assert COMPOSE["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_nothing_is_published_but_on_the_loopback_address() -> None:
    found = {name: published(service) for name, service in COMPOSE.items()}
    assert {address for ports in found.values() for address, _, _ in ports} == {"127.0.0.1"}
    machine = [port for ports in found.values() for _, port, _ in ports]
    assert sorted(machine) == sorted(set(machine))
    # What a container is told to listen on is what is published.
    for name, service in OURS.items():
        listens = [service["command"][-1]] if service["command"][-2] in ("--metrics-port", "--port") else []
        assert [container for _, _, container in found[name]] == listens


def test_a_program_of_the_machine_finds_kafka_where_kafka_says_it_is() -> None:
    environment = COMPOSE["kafka"]["environment"]
    listeners = dict(one.split("://") for one in environment["KAFKA_LISTENERS"].split(","))
    said = dict(one.split("://") for one in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    [(address, machine, container)] = published(COMPOSE["kafka"])
    assert said["MACHINE"] == f"{address}:{machine}"
    assert listeners["MACHINE"] == f"0.0.0.0:{container}"


def test_no_setting_that_an_operator_must_choose_has_a_default() -> None:
    settings = re.findall(r"\$\{(\w+)([^}]*)\}", TEXT)
    assert settings
    assert [name for name, rest in settings if not rest.startswith(":?")] == []


def test_who_is_told_is_written_by_those_who_ask_for_it() -> None:
    notify = COMPOSE["notify"]
    assert (ASKED_FOR, notify["profiles"]) == ({"notify"}, ["notify"])
    [mount] = notify["volumes"]
    assert str(Path(NOTIFY).parent) == mount["target"]
    assert (mount["type"], mount["source"], mount["read_only"], mount["bind"]) == ("bind", "./notify", True, {"create_host_path": False})
    assert notify["command"][notify["command"].index("--config") + 1] == NOTIFY


def test_every_process_that_stays_is_watched_restarted_and_bounded() -> None:
    once = {one.name for one in SERVICES if one.once}
    for name, service in COMPOSE.items():
        assert service["logging"]["driver"] == "local", name
        if name in once:
            assert service["restart"] == "on-failure:3", name
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name
            assert service["deploy"]["resources"]["limits"]["memory"], name
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] == ("service_completed_successfully" if needed in once else "service_healthy")


def test_the_image_holds_every_package_that_ships() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    copied = re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert set(copied) == packages
    sent = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    assert set(sent) == packages | {"pyproject.toml", "requirements.lock"}


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL with the role and the database of ``docker-compose.yml``; not where pytest keeps others out."""
    name = COMPOSE["postgres"]["environment"]["POSTGRES_USER"]
    with TemporaryDirectory(prefix="vigie-postgres-") as directory:
        # The server runs as a user of its own, who must get to it.
        Path(directory).chmod(0o755)
        with Postgres(Path(directory)) as running:
            engine = create_engine(running.url(), isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            engine.dispose()
            yield running


def test_each_process_starts_becomes_healthy_and_stops_in_time(
    compose_broker: ComposeBroker, postgres: Postgres, redis_server: Redis, tmp_path: Path
) -> None:
    places = {"kafka:9092": compose_broker.bootstrap, "127.0.0.1:9092": f"127.0.0.1:{compose_broker.machine_port}", "0.0.0.0": "127.0.0.1"}
    places |= {"127.0.0.1/9092": f"127.0.0.1/{compose_broker.port}", POLICY: str(DEFAULT_POLICY)}
    (tmp_path / "notify.toml").write_text(TOLD, "utf-8")
    places |= {NOTIFY: str(tmp_path / "notify.toml")}
    places |= {"/var/lib/vigie": str(tmp_path), DATABASE: postgres.url("vigie"), "redis://redis:6379/0": redis_server.url}
    places |= {container: str(free_port()) for service in OURS.values() for _, _, container in published(service)}
    assert healthy(COMPOSE["kafka"], places)
    processes: dict[str, Child] = {}
    logs = {name: tmp_path / f"{name}.log" for name in OURS}
    with ExitStack() as running:
        for name, service in OURS.items():
            command = [replaced(part, places) for part in service["command"]]
            with logs[name].open("wb") as log:
                processes[name] = Child(command, log, {"PATH": PATH, "VIGIE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"})
            running.callback(processes[name].kill)
            if service["restart"].startswith("on-failure"):
                wait(lambda name=name: processes[name].status() is not None, logs[name])
                assert processes[name].status() == 0, logs[name].read_text("utf-8")
        stay = [name for name in OURS if processes[name].status() is None]
        for name in stay:
            wait(lambda name=name: healthy(OURS[name], places) or processes[name].status() is not None, logs[name])
            assert processes[name].status() is None, logs[name].read_text("utf-8")
        # From a program of this machine, through the door that is published.
        assert check(f"127.0.0.1:{compose_broker.machine_port}", Layout(replication=1)) == []
        for name in reversed(stay):
            grace = OURS[name]["stop_grace_period"]
            processes[name].stop(float(grace.removesuffix("s")))
            assert processes[name].status() == 0, logs[name].read_text("utf-8")


def wait(what: Any, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, log.read_text("utf-8")
        time.sleep(0.1)
