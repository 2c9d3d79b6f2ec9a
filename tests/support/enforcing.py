"""Everything at once: a real Kamailio, what follows its log, ingest, detection, and the bridges that enforce what is decided."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer

from streams.partition import partition_of
from streams.times import format_time
from streams.topics import Layout
from support.bridging import DOMAIN, BridgeProcess, wall_ms
from support.detecting import Worker
from support.gating import Gate
from support.kafka import read
from vigie.dev.broker import Broker
from vigie.dev.process import Child, free_port
from vigie.topics import create

CLI = [sys.executable, "-c", "from vigie.cli import main; main()"]
PARTITIONS = 2
TENANT = "acme"
POLICY = """\
name = "enforcement"
[general]
salt = "enforcement"
allowed_numbers = ["+33100000000"]
[rules.toll-fraud]
mode = "auto"
"""


class System:
    """All processes of vigie for one customer; what runs is ended with the ``with`` block.

    Args:
        broker: a running one.
        prefix: of topics.
        directory: for everything that is written.
        users: softphones of the customer, each a licence and an account.
        gate: another than one of its own.
        collects: whether what Kamailio says reaches Kafka.
        options: of ``vigie bridge``.
    """

    def __init__(
        self,
        broker: Broker,
        prefix: str,
        directory: Path,
        users: tuple[str, ...],
        *,
        gate: Gate | None = None,
        collects: bool = True,
        options: tuple[str, ...] = (),
    ) -> None:
        self.broker, self.prefix, self.directory = broker, prefix, directory
        self.gate = gate or Gate(directory / "kamailio")
        self._users, self._collects, self._options = users, collects, options
        self._children: list[tuple[str, Child]] = []

    def __enter__(self) -> Self:
        create(self.broker.bootstrap, Layout(self.prefix, PARTITIONS, 1))
        self.policy = self.directory / "policy.toml"
        self.policy.write_text(POLICY, "utf-8")
        self.producer = KafkaProducer(bootstrap_servers=self.broker.bootstrap, acks="all", linger_ms=1)
        self._facts()
        self.gate.start()
        self.gate.account(*self._users)
        self._start("ingest", "--policy", str(self.policy))
        if self._collects:
            self._collect()
        self.worker = Worker(self.broker.bootstrap, self.prefix, "detect-1", self.directory)
        self._children.append(("detect", self.worker.child))
        self.bridge = BridgeProcess(self.broker.bootstrap, self.prefix, self.gate, self.directory, *self._options)
        self._children.append(("bridge", self.bridge.child))
        self.until(self.bridge.ready, 60)
        return self

    def _collect(self) -> None:
        source = f"file:{self.gate.directory / 'kamailio.log'}"
        state = str(self.directory / "collected")
        self._start("collect", "--from", "kamailio", "--source", source, "--pbx", "edge", "--state", state, "--policy", str(self.policy))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for _, child in self._children:
            child.kill()
        self.producer.close(timeout=5)
        self.gate.__exit__(kind, error, trace)
        self.gate.close()

    def _start(self, command: str, *options: str) -> None:
        arguments = [*CLI, command, "--bootstrap", self.broker.bootstrap, "--prefix", self.prefix]
        with (self.directory / f"{command}.log").open("wb") as out:
            child = Child([*arguments, "--metrics-port", str(free_port()), *options], out, {"PYTHONUNBUFFERED": "1"})
        self._children.append((command, child))

    def _facts(self) -> None:
        since = format_time(wall_ms() - 40 * 86_400_000)
        tenant = {"id": "t", "name": "Acme", "offer": "unlimited", "time_zone": "Europe/Paris", "calling_code": 33, "outside_prefix": "0"}
        self.send("accounts", {"kind": "tenant", "time": since, **tenant}, f"tenant/{TENANT}")
        for user in self._users:
            licence = {"id": f"l-{user}", "licence": user, "type": "softphone", "aors": [f"{user}@{DOMAIN}"], "active": True}
            self.send("accounts", {"kind": "licence", "time": since, **licence}, f"licence/{TENANT}/{user}")

    def send(self, topic: str, one: dict[str, Any], key: str = TENANT) -> None:
        """Produce a contract object of the customer's."""
        value = json.dumps({"v": 1, "tenant": TENANT, **one}).encode()
        sent = self.producer.send(self.prefix + topic, value, key=key.encode(), partition=partition_of(TENANT, PARTITIONS))
        sent.get(timeout=30)

    def said(self, topic: str) -> list[dict[str, Any]]:
        """The committed records of a topic; what Kamailio writes besides events is produced as it stands, and is none."""
        return [json.loads(one.value) for one in read(self.broker.bootstrap, self.prefix + topic) if (one.value or b"").startswith(b"{")]

    def review(self, alert: dict[str, Any], verdict: str, action: str) -> None:
        """A person judges an alert as it stands."""
        standing = [one for one in self.said("suspensions") if one["licence"] == alert["licence"]]
        self.send(
            "reviews",
            {
                "kind": "review", "id": f"r-{time.time_ns()}", "time": format_time(wall_ms()), "licence": alert["licence"],
                "review_id": f"r-{time.time_ns()}", "alert_id": alert["alert_id"], "verdict": verdict, "action": action,
                "seen_update": alert["update"], "seen_sequence": standing[-1]["sequence"] if standing else 0, "reviewer": "lea",
                "reason": "the customer confirmed these calls",
            },
        )  # fmt: skip

    def until(self, what: Callable[[], object], most_s: float = 40) -> float:
        """Seconds until it is so; fails with what the processes printed."""
        began = time.monotonic()
        while not what():
            if time.monotonic() - began > most_s or any(child.status() is not None for _, child in self._children):
                logs = "\n".join(f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-2500:]}" for path in self.directory.glob("*.log"))
                dead = [one.get("reason") or one for one in self.said("dead-letters")][:3]
                raise AssertionError(f"not within {most_s} s; dead letters {dead}\n{logs}")
            time.sleep(0.05)
        return time.monotonic() - began
