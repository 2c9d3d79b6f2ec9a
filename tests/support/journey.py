"""A provider whose fraud team is at work: Kafka, PostgreSQL, Redis, every process of vigie between them, and hands on keyboards."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Page

from streams.partition import partition_of
from streams.times import format_time
from streams.topics import Layout
from support.bridging import DOMAIN, wall_ms
from support.kafka import produce, read
from vigie.dev.broker import Broker
from vigie.dev.postgres import Postgres
from vigie.dev.process import Child
from vigie.dev.redis import Redis
from vigie.topics import create

CLI = [sys.executable, "-c", "from vigie.cli import main; main()"]
PARTITIONS = 1
TENANT = "acme"
#: A satellite network that the customer never called: three attempts within an hour are a breach, which a person judges here.
SATELLITE = "+88162345678{}"
POLICY = """\
name = "journey"
[general]
salt = "journey"
[rules.toll-fraud]
mode = "review"
"""


class Provider:
    """Everything that runs; it ends with the ``with`` block.

    Args:
        broker: a running one.
        postgres: a running one, with an empty database.
        redis: a running one.
        prefix: of topics.
        directory: for everything that is written.
        licences: softphones of the customer.
    """

    def __init__(self, broker: Broker, postgres: Postgres, redis: Redis, prefix: str, directory: Path, licences: tuple[str, ...]) -> None:
        self.broker, self.prefix, self.directory = broker, prefix, directory
        self._database, self._redis, self._licences = postgres.url(), redis.url, licences
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        create(self.broker.bootstrap, Layout(self.prefix, PARTITIONS, 1))
        policy = self.directory / "policy.toml"
        policy.write_text(POLICY, "utf-8")
        self._facts()
        topics = ("--bootstrap", self.broker.bootstrap, "--prefix", self.prefix)
        live = ("--database", self._database, "--kafka", self.broker.bootstrap, "--prefix", self.prefix)
        self._start("console", *live, "--port", "0", "--policy", str(policy))
        self._start("ingest", *topics, "--policy", str(policy))
        self._start("detect", *topics, "--name", "detect-1")
        state = str(self.directory / "bridge.json")
        redis = ("--pbx", "redis", "--target", self._redis, "--name", "pbx-1", "--snapshot", state)
        self._start("bridge", *topics, *redis, "--metrics-port", "0")
        self.until(lambda: "/sign-in/link/" in self._text("console"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for child in reversed(self._children.values()):
            child.kill()

    def _start(self, command: str, *options: str) -> None:
        with (self.directory / f"{command}.log").open("wb") as out:
            self._children[command] = Child([*CLI, command, *options], out, {"PYTHONUNBUFFERED": "1", "VIGIE_HOME": str(self.directory)})

    def _text(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text("utf-8", "replace")

    @property
    def link(self) -> str:
        """What the console printed: the link that signs the first person in."""
        found = re.search(r"http://\S+/sign-in/link/\S+", self._text("console"))
        assert found
        return found[0]

    def _facts(self) -> None:
        since = format_time(wall_ms() - 40 * 86_400_000)
        named = {"name": "Acme Conseil", "offer": "unlimited", "time_zone": "Europe/Paris", "calling_code": 33}
        self._send("accounts", {"kind": "tenant", "id": "t", "time": since, **named}, f"tenant/{TENANT}")
        for one in self._licences:
            licence = {"id": f"l-{one}", "licence": one, "type": "softphone", "aors": [f"{one}@{DOMAIN}"], "active": True}
            self._send("accounts", {"kind": "licence", "time": since, **licence}, f"licence/{TENANT}/{one}")

    def _send(self, topic: str, one: dict[str, Any], key: str = TENANT) -> None:
        value = json.dumps({"v": 1, "tenant": TENANT, **one}).encode()
        place = partition_of(TENANT, PARTITIONS)
        produce(self.broker.bootstrap, self.prefix + topic, [(key.encode(), value)], partition=place)

    def abuse(self, licence: str, attempts: int = 3) -> None:
        """Calls in vain to the satellite network, a moment ago."""
        for n in range(attempts):
            at = wall_ms() - 2_500 + n * 1_000
            at_end = format_time(at + 500)
            common = {"pbx": "pbx-1", "aor": f"{licence}@{DOMAIN}", "call_id": f"{licence}-{n}", "direction": "outbound"}
            common |= {"callee": SATELLITE.format(n), "started_at": format_time(at)}
            ended = {"ended_at": at_end, "status": 486, "ended_by": "callee"}
            self._send("calls", {"kind": "call", "id": f"{licence}-{n}-a", "time": format_time(at), "phase": "attempt", **common})
            self._send("calls", {"kind": "call", "id": f"{licence}-{n}-e", "time": at_end, "phase": "end", **common, **ended})

    def said(self, topic: str, licence: str) -> list[dict[str, Any]]:
        """What a topic says of a licence, in order."""
        found = [json.loads(one.value or b"{}") for one in read(self.broker.bootstrap, self.prefix + topic)]
        return [one for one in found if one.get("licence") == licence]

    def until(self, what: Callable[[], object], most_s: float = 40) -> float:
        """Seconds until it is so; fails with what the processes printed."""
        began = time.monotonic()
        while not what():
            ended = [name for name, child in self._children.items() if child.status() is not None]
            if time.monotonic() - began > most_s or ended:
                logs = "\n".join(f"--- {name}\n{self._text(name)[-2500:]}" for name in self._children)
                raise AssertionError(f"not within {most_s} s; ended: {ended}\n{logs}")
            time.sleep(0.1)
        return time.monotonic() - began


class Hands:
    """Somebody at a keyboard, who has no mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def to(self, selector: str) -> None:
        """Tab until what is wanted has the focus."""
        for _ in range(150):
            if self.page.evaluate("wanted => document.activeElement?.matches(wanted) ?? false", selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {selector} of {self.page.url}\n{self.page.locator('main').inner_text()[:1500]}")

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.page.keyboard.type(text)

    @contextmanager
    def going(self, to: str = "**") -> Iterator[None]:
        """What is pressed inside leads to another page."""
        with self.page.expect_navigation(url=to, wait_until="load"):
            yield

    @property
    def alert(self) -> str:
        """The alert whose page this is."""
        found = re.search(r"/alerts/([^/?]+)", self.page.url)
        return found[1] if found else ""
