"""`vigie campaigns --kafka` on a real broker: alerts in, each campaign to the control topic once, and again when it grew."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from detectors.events import Event, Loc, Reference, Registration, Tick
from streams.frames import encode_frame
from streams.partition import partition_of
from streams.times import format_time
from streams.topics import Layout
from streams.wire import Wire
from support.kafka import produce, read
from vigie.cli import app
from vigie.dev.broker import Broker
from vigie.topics import create

PARTITIONS = 2
ATTACKER = "198.51.100.0/24"
MINUTE = 60_000
NOW = time.time_ns() // 1_000_000


@pytest.fixture
def topics(broker: Broker, prefix: str) -> str:
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    return prefix


def say(broker: Broker, prefix: str, tenant: str, at: int, **more: Any) -> None:
    proof = {"time": format_time(at), "kind": "registration", "network": ATTACKER, "number": ""}
    alert = {
        "kind": "alert", "alert_id": f"al-{tenant}", "update": 1, "state": "open", "rule": "account-takeover", "level": "breach",
        "tenant": tenant, "licence": "101", "crossed_at": format_time(at), "issued_at": format_time(at), "evidence": [proof], **more,
    }  # fmt: skip
    number = partition_of(tenant, PARTITIONS)
    produce(broker.bootstrap, f"{prefix}alerts", [(tenant.encode(), json.dumps(alert).encode())], partition=number)


def log(broker: Broker, prefix: str, events: list[Event]) -> None:
    produce(broker.bootstrap, f"{prefix}events", [(None, encode_frame(events))], partition=1)


def reg(licence: str, ip_network: str) -> Registration:
    return Registration(time=NOW, action="register", tenant="quiet", licence=licence, loc=Loc(network=ip_network))


def vigie(broker: Broker, prefix: str, *more: str) -> Result:
    command = ["campaigns", "--kafka", broker.bootstrap, "--prefix", prefix, *more]
    return CliRunner().invoke(app, command, env={"COLUMNS": "160"}, catch_exceptions=False)


def published(broker: Broker, prefix: str) -> list[Reference]:
    found = [Wire().decode(one.value or b"") for one in read(broker.bootstrap, f"{prefix}control")]
    assert all(type(one) is Reference for one in found)
    return found  # type: ignore[return-value]


def test_an_attack_on_three_customers_is_published_once_and_again_when_it_has_grown(broker: Broker, topics: str) -> None:
    log(broker, topics, [Tick(time=NOW)])
    for n in range(3):
        say(broker, topics, f"customer-{n}", NOW - (40 - n) * MINUTE)
    done = vigie(broker, topics)
    assert done.exit_code == 0, done.output
    (first,) = published(broker, topics)
    assert (first.name, first.time) == (f"campaign/{first.body['campaign_id']}", NOW - 38 * MINUTE)
    assert first.body["alert_ids"] == ["al-customer-0", "al-customer-1", "al-customer-2"]
    (record,) = read(broker.bootstrap, f"{topics}control")
    assert record.key == first.name.encode()
    again = vigie(broker, topics)
    assert "0 of 1 campaigns published" in again.output
    assert published(broker, topics) == [first]
    # The first alert is withdrawn and a fourth customer is hit: still the same campaign.
    say(broker, topics, "customer-0", NOW - 40 * MINUTE, update=2, state="withdrawn")
    say(broker, topics, "customer-3", NOW)
    assert vigie(broker, topics).exit_code == 0
    _, second = published(broker, topics)
    assert second.name == first.name
    assert second.body["alert_ids"] == ["al-customer-1", "al-customer-2", "al-customer-3"]
    assert second.id != first.id
    assert "0 of 1 campaigns published" in vigie(broker, topics).output


def test_a_network_that_the_log_shows_to_be_everybodys_joins_nothing(broker: Broker, topics: str) -> None:
    log(broker, topics, [reg(str(n), "198.51.100.0/24") for n in range(20)])
    for n in range(3):
        say(broker, topics, f"customer-{n}", NOW - MINUTE)
    done = vigie(broker, topics)
    assert done.exit_code == 0, done.output
    assert "No campaign" in done.output
    assert published(broker, topics) == []


def test_alerts_from_before_the_time_asked_for_are_not_looked_at_again(broker: Broker, topics: str) -> None:
    for n in range(3):
        say(broker, topics, f"customer-{n}", NOW - MINUTE)
    assert "No campaign" in vigie(broker, topics, "--since", "2099-01-01").output
    assert published(broker, topics) == []


def test_files_and_topics_are_not_mixed_and_topics_must_be_as_the_contracts_want_them(broker: Broker, prefix: str) -> None:
    assert vigie(broker, prefix).exit_code == 3
    assert vigie(broker, prefix, "--out", "x.jsonl").exit_code == 2
    assert vigie(broker, prefix, "--since", "yesterday").exit_code == 2
