"""From calls to scores and alerts on a real broker, through a promotion and a rollback; and the replay of that log says the same."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from models.registry.manifest import Manifest
from streams.partition import PARTITIONS, partition_of
from streams.times import format_time
from streams.topics import Layout
from support.asked import Registry
from support.core import PARIS, ms
from support.detecting import Worker
from support.files import line
from support.kafka import produce, read
from support.live import CLI
from vigie.dev.broker import Broker
from vigie.dev.process import Child, free_port
from vigie.topics import create

TENANT = "acme"
HOME = partition_of(TENANT)
TODAY = datetime.now(UTC).astimezone(PARIS).date()


def day(ago: int) -> str:
    return (TODAY - timedelta(days=ago)).isoformat()


class Scoring:
    """Ingest, one worker and one scorer on topics of their own."""

    def __init__(self, broker: Broker, prefix: str, directory: Path, registry: Registry) -> None:
        self.broker, self.prefix, self.directory, self.registry = broker, prefix, directory, registry
        self.children: list[tuple[str, Child]] = []
        self.sent = 0
        create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
        self.run("ingest", "ingest", "--instance", "0/1")
        self.worker = Worker(broker.bootstrap, prefix, "detect", directory, "--features")
        self.children.append(("detect", self.worker.child))
        self.start_scorer()

    def run(self, name: str, *command: str) -> Child:
        full = [*CLI, *command, "--bootstrap", self.broker.bootstrap, "--prefix", self.prefix]
        with (self.directory / f"{name}.log").open("ab") as out:
            child = Child(full, out, {"VIGIE_HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"})
        self.children.append((name, child))
        return child

    def start_scorer(self) -> None:
        self.port = free_port()
        self.scorer = self.run("scorer", "scorer", "--registry", str(self.registry.path), "--metrics-port", str(self.port))

    def until(self, what: Callable[[], object], most_s: float = 60) -> float:
        begun = time.monotonic()
        while not what():
            if time.monotonic() > begun + most_s:
                logs = "\n".join(f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-3000:]}" for path in self.directory.glob("*.log"))
                raise AssertionError(f"not within {most_s} s\n{logs}")
            time.sleep(0.1)
        return time.monotonic() - begun

    def metrics(self) -> str:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except (URLError, OSError):
            return ""

    def asks(self, made: Manifest) -> bool:
        return bool(
            re.search(rf'vigie_scorer_model_info\{{model="anomaly",reason="",role="champion",version="{made.version}"\}} 1', self.metrics())
        )

    def move(self, made: Manifest, at: str, action: str = "promote") -> float:
        """Publish a move of an instant of the traffic's clock; seconds until the running scorer asks that version."""
        event = self.registry.move(made, action, at)
        produce(self.broker.bootstrap, f"{self.prefix}control", [(b"anomaly", event)], partition=0)
        return self.until(lambda: self.asks(made))

    def call(self, licence: str, at: int, n: int) -> list[bytes]:
        self.sent += 1
        common: dict[str, Any] = {
            "pbx": "pbx-1", "tenant": TENANT, "licence": licence, "aor": f"{licence}@acme.example", "call_id": f"c{self.sent}",
            "direction": "outbound", "callee": f"06{n % 3:08}", "started_at": format_time(at), "device": f"urn:uuid:{licence}",
        }  # fmt: skip
        end = {"answered_at": format_time(at + 5_000), "ended_at": format_time(at + 45_000), "status": 200, "ended_by": "callee"}
        return [
            line("call", at, id=f"a{self.sent}", phase="attempt", **common),
            line("call", at + 45_000, id=f"e{self.sent}", phase="end", **common, **end),
        ]

    def days(self, *some: tuple[int, dict[str, int]]) -> None:
        """Calls of days (by how long ago, and per licence how many), then one of the next morning, which closes the last of them."""
        lines = []
        for ago, calls in some:
            for licence, count in calls.items():
                for n in range(count):
                    lines += self.call(licence, ms(f"{day(ago)} 09:00") + 170_000 * n, n)
        lines += self.call("109", ms(f"{day(some[-1][0] - 1)} 03:00"), 1)
        lines.sort(key=lambda one: (json.loads(one)["time"], json.loads(one)["id"]))
        self.send("calls", lines)

    def send(self, topic: str, lines: list[bytes]) -> None:
        produce(self.broker.bootstrap, self.prefix + topic, [(TENANT.encode(), one) for one in lines], partition=HOME)

    def kill(self) -> None:
        for _, child in self.children:
            child.kill()

    def read(self, topic: str) -> list[Any]:
        return [json.loads(one.value or b"{}") for one in read(self.broker.bootstrap, self.prefix + topic)]

    def alerts(self) -> list[tuple[str, str, str, str]]:
        """Unusual days that were said: licence, day, state and version."""
        said = [one for one in self.read("alerts") if one["kind"] == "alert" and one["rule"] == "anomaly"]
        return [(one["licence"], one["facts"]["day"], one["state"], one["facts"]["version"]) for one in said]


@pytest.fixture
def system(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[Scoring]:
    with ExitStack() as stack:
        running = Scoring(broker, prefix, tmp_path, Registry(tmp_path / "registry"))
        stack.callback(running.kill)
        yield running


def test_scores_follow_promotion_and_rollback_and_the_replay_of_the_log_says_what_was_said_live(system: Scoring) -> None:
    first, second = system.registry.train(20), system.registry.train(100)
    at = ms(f"{day(30)} 09:00")
    facts = [line("tenant", at, id="t", tenant=TENANT, name="Acme", offer="unlimited", softphones_billed=4, monthly_fee_cents=8_000)]
    facts += [
        line("licence", at, id=n, tenant=TENANT, licence=n, type="softphone", aors=[f"{n}@acme.example"])
        for n in ("101", "102", "103", "109")
    ]
    for one in facts:
        system.send("accounts", [one])
    system.until(lambda: "vigie_scorer_rows_total" in system.metrics())
    taken = [system.move(first, f"{day(11)} 12:00")]
    system.days((10, {"101": 4, "102": 4}), (9, {"101": 4, "102": 60}))
    system.until(lambda: ("102", day(9), "open", first.version) in system.alerts())
    taken.append(system.move(second, f"{day(8)} 03:00"))
    system.days((8, {"101": 4, "102": 60}), (7, {"102": 60, "103": 180}))
    system.until(lambda: ("103", day(7), "open", second.version) in system.alerts())
    # Of the second model's view 60 calls are nothing: the first one's alert has ended.
    taken.append(system.move(first, f"{day(6)} 03:00", "rollback"))
    system.scorer.stop(20)
    assert system.scorer.status() == 0, (system.directory / "scorer.log").read_text("utf-8")
    system.start_scorer()
    system.days((6, {"102": 60}), (5, {"101": 4}))
    system.until(lambda: ("102", day(6), "open", first.version) in system.alerts())
    system.until(lambda: any(one["day"] == day(5) for one in system.read("scores")))
    print(f"seconds until a move was in force: {', '.join(f'{one:.1f}' for one in taken)}")

    rows, scores = system.read("features"), system.read("scores")
    days = [
        (row["licence"], row["day"])
        for row in rows
        if len(row["values"]) == 56 and row["day"] < day(4) and row["schema_hash"] == scores[0]["features_hash"]
    ]
    assert {(one["licence"], one["day"]) for one in scores} == set(days)
    # Beside the new champion the former one is asked for a while; the log takes one of them.
    for ago, made in ((10, first), (9, first), (8, second), (7, second), (6, first), (5, first)):
        assert {one["licence"] for one in scores if (one["day"], one["model_version"]) == (day(ago), made.version)} == {
            licence for licence, closed in days if closed == day(ago)
        }
    assert len({one["id"] for one in scores}) == len(scores)
    closed = {row["licence"] + row["day"]: row["closed_at"] for row in rows if row["schema_hash"] == scores[0]["features_hash"]}
    assert all(one["time"] == closed[one["licence"] + one["day"]] for one in scores)
    (high,) = [one for one in scores if (one["licence"], one["day"], one["model_version"]) == ("103", day(7), second.version)]
    assert high["reasons"][0] == "180 calls out, against 4 on a usual day"

    replayed(system)


def replayed(system: Scoring) -> None:
    """Stop in order, export the log, judge it: the same alerts, byte for byte, of every rule."""
    ingest = next(child for name, child in system.children if name == "ingest")
    ingest.stop(30)
    assert ingest.status() == 0
    end = sum(1 for _ in read(system.broker.bootstrap, f"{system.prefix}events"))
    system.until(lambda: system.worker.metric("frames_total") >= end)
    system.worker.child.stop(30)
    assert system.worker.child.status() == 0, system.worker.text()
    logs, out = system.directory / "logs", system.directory / "out"
    where = ["--bootstrap", system.broker.bootstrap, "--prefix", system.prefix]
    subprocess.run([*CLI, "log", "export", *where, "--all", str(logs)], check=True, capture_output=True)
    subprocess.run([*CLI, "run", *map(str, sorted(logs.iterdir())), "--out", str(out)], check=True, capture_output=True)
    live = [one.value for one in read(system.broker.bootstrap, f"{system.prefix}alerts")]
    again = (out / "alerts.jsonl").read_bytes().splitlines()
    assert sorted(live) == sorted(again)  # type: ignore[type-var]
    assert {json.loads(one)["rule"] for one in again} >= {"anomaly"}
