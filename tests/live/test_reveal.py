"""A number of an alert's evidence in clear, read from the topic where its event stands, while it stands there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from sqlalchemy import select

from console import taking
from console.db.engine import open_database
from console.db.migrate import migrate
from console.db.tables import Reveal
from console.review import kept
from console.review.kept import Expired, Silent
from streams.topics import Layout
from support.console import BEGIN, Browser, Clock, Served, serve, statement, visible
from support.kafka import produce, read
from vigie.dev.broker import Broker
from vigie.dev.process import LOOPBACK, free_port
from vigie.topics import create


class Desk:
    """A live console with one alert, the event of each of its evidence on the topic, and somebody who asks for numbers."""

    def __init__(self, served: Served, broker: Broker, topic: str) -> None:
        self.served, self.broker, self.topic = served, broker, topic
        self.mina: Browser = served.person("mina", "reviewer", "auditor")

    def say(self, *calls: dict[str, Any]) -> None:
        produce(self.broker.bootstrap, self.topic, [(b"acme", json.dumps({"kind": "call", **one}).encode()) for one in calls], partition=1)

    def show(self, *evidence: tuple[str, str, int]) -> None:
        """An alert with evidence: number as shown, topic and partition, offset."""
        items = [
            {"time": "2026-11-24T08:00:00Z", "kind": "call", "country": "", "network": "", "number": number, "src": src, "line": line}
            for number, src, line in evidence
        ]
        with self.served.database.writing() as session:
            taking.alerts(session, [statement(evidence=items)], BEGIN)

    def ask(self, line: int, src: str = "", why: str = "the customer asks") -> httpx2.Response:
        given = {"src": src or f"{self.topic}/1", "line": line, "why": why}
        return self.mina.post("/alerts/al-1/reveal", given, on="/alerts/al-1")

    def logged(self) -> list[tuple[int, str]]:
        with self.served.database.reading() as session:
            return [(row.line, row.reason) for row in session.scalars(select(Reveal).order_by(Reveal.reveal_id))]

    def drop(self, before: int) -> None:
        """What retention does to old records."""
        with KafkaAdminClient(bootstrap_servers=self.broker.bootstrap) as admin:
            admin.delete_records({TopicPartition(self.topic, 1): before})


@pytest.fixture
def desk(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[Desk]:
    create(broker.bootstrap, Layout(prefix, 2, 1))
    database = open_database(tmp_path / "console.sqlite")
    migrate(database)
    with serve(database, Clock(), kafka=broker.bootstrap) as served:
        yield Desk(served, broker, f"{prefix}calls")
    database.close()


def test_a_number_is_read_where_its_event_stands_and_logged_without_itself(desk: Desk) -> None:
    desk.say({"callee": "0011223344"}, {"callee": "0612345678", "caller": "0145678901"}, {"callee": "0655555555"})
    desk.show(("+3361234••••", f"{desk.topic}/1", 1))
    page = desk.ask(1)
    assert page.status_code == 200
    assert re.findall(r"<strong[^>]*>(\+\d+)</strong>", page.text) == ["+33612345678"]
    assert "+33612345678" not in desk.mina.get("/alerts/al-1").text
    assert desk.logged() == [(1, "the customer asks")]
    log = desk.mina.get("/audit?what=number.reveal").text
    assert "the customer asks" in log
    assert "12345678" not in log
    assert desk.ask(1, why=" ").status_code == 422
    # Only what the alert names: the console is no window onto the topics.
    assert desk.ask(2).status_code == 404
    assert desk.logged() == [(1, "the customer asks")]
    assert len(read(desk.broker.bootstrap, desk.topic)) == 3


def test_what_is_no_longer_kept_is_said_and_nothing_is_logged(desk: Desk) -> None:
    desk.say({"callee": "0612345678"}, {"callee": "0687654321"})
    desk.show(("+3361234••••", f"{desk.topic}/1", 0), ("+3368765••••", f"{desk.topic}/1", 1))
    desk.drop(1)
    page = desk.ask(0)
    assert page.status_code == 404
    assert "no longer kept" in visible(page.text)
    assert "+33687654321" in desk.ask(1).text
    assert desk.logged() == [(1, "the customer asks")]


@pytest.mark.parametrize(("src", "line"), [("{topic}/1", 9), ("{topic}/7", 0), ("no-such-topic/0", 0), ("event-4711", 0), ("{topic}/1", 0)])
def test_a_place_with_no_record_or_with_somebody_else_s_shows_nothing(desk: Desk, src: str, line: int) -> None:
    desk.say({"callee": "0799999999", "caller": "0145678901"})
    where = src.format(topic=desk.topic)
    desk.show(("+3361234••••", where, line))
    page = desk.ask(line, where)
    assert page.status_code == 404
    assert "No such record" in visible(page.text)
    assert desk.logged() == []


def test_a_broker_that_is_away_is_waited_for_no_longer_than_said() -> None:
    begun = time.monotonic()
    with pytest.raises(Silent):
        kept.record(f"{LOOPBACK}:{free_port()}", "vigie.calls/0", 3, within_s=0.5)
    assert time.monotonic() - begun < kept.WITHIN_S


def test_an_expired_record_is_told_from_one_that_never_was(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, Layout(prefix, 1, 1))
    topic = f"{prefix}calls"
    produce(broker.bootstrap, topic, [(b"acme", b"0"), (b"acme", b"1")], partition=0)
    assert [kept.record(broker.bootstrap, f"{topic}/0", line) for line in (0, 1, 2)] == [b"0", b"1", None]
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        admin.delete_records({TopicPartition(topic, 0): 2})
    with pytest.raises(Expired):
        kept.record(broker.bootstrap, f"{topic}/0", 1)
