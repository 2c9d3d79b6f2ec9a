"""`vigie meter --kafka` on a real broker: what a confirmed alert covers goes to the topic of metering, and never twice."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from detectors.events import Event, Licence, Review, Tenant, Tick, rank
from streams.contracts.outputs import Metering
from streams.frames import encode_frame
from streams.live.checkpoints import NEXT
from streams.partition import partition_of
from streams.times import format_time
from streams.topics import Layout
from streams.wire import to_line
from support.core import call, ms
from support.kafka import produce, read
from vigie.cli import app
from vigie.dev.broker import Broker
from vigie.topics import create

PARTITIONS = 2
HOME = partition_of("acme", PARTITIONS)
T0 = ms("2026-03-02 09:00")
HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture
def topics(broker: Broker, prefix: str) -> str:
    """Two answered calls, one of which a rule metered in part, an alert, a verdict, and facts that are older than the log."""
    create(broker.bootstrap, Layout(prefix, PARTITIONS, 1))
    facts: list[Event] = [
        Tenant(id="t", time=T0 - 300 * DAY, tenant="acme", offer="unlimited", billing_day=3),
        Licence(id="l", time=T0 - 300 * DAY, tenant="acme", licence="101", aors=("101@acme.example",)),
        Tenant(id="o", time=T0 - 300 * DAY, tenant="other"),
    ]
    for fact in facts:
        number = partition_of(fact.tenant, PARTITIONS)
        produce(broker.bootstrap, f"{prefix}accounts", [(fact.tenant.encode(), to_line(fact))], partition=number)
    produce(broker.bootstrap, f"{prefix}accounts", [(b"tenant/acme", b"no fact at all")], partition=0)
    traffic = [Tick(time=T0 - HOUR), *call(T0, 60, call_id="one"), *call(T0 + 60_000, 30, call_id="two")]
    review = Review(time=T0 + DAY, tenant="acme", licence="101", review_id="r", alert_id="al-1", verdict="breach")
    ordered = sorted(traffic, key=lambda one: (one.time, rank(one)))
    produce(broker.bootstrap, f"{prefix}events", [(None, encode_frame(one)) for one in (ordered, [review])], partition=HOME)
    window = {"from": format_time(T0 - 1_000), "to": format_time(T0 + HOUR)}
    alert = {"kind": "alert", "alert_id": "al-1", "rule": "autodial", "tenant": "acme", "licence": "101", "window": window}
    elsewhere = {**alert, "alert_id": "al-2", "tenant": "other"}
    for one in (alert, {"kind": "breaker", "tenant": "acme"}):
        produce(broker.bootstrap, f"{prefix}alerts", [(b"acme", json.dumps(one).encode())], partition=HOME)
    produce(broker.bootstrap, f"{prefix}alerts", [(b"other", json.dumps(elsewhere).encode())], partition=1 - HOME)
    earlier = {
        "kind": "metering", "metering_id": "me-1", "state": "active", "tenant": "acme", "licence": "101", "pbx": "pbx-1", "call_id": "one",
        "from": format_time(T0 + 5_000), "to": format_time(T0 + 25_000),
    }  # fmt: skip
    produce(broker.bootstrap, f"{prefix}metering", [(b"acme", json.dumps(earlier).encode())], partition=HOME)
    return prefix


def judged(broker: Broker, prefix: str, frames: int) -> None:
    produce(broker.bootstrap, f"{prefix}checkpoints", [(NEXT, str(frames).encode())], partition=HOME)


def vigie(broker: Broker, prefix: str, alert: str = "al-1", *more: str) -> Result:
    command = ["meter", "--alert", alert, "--kafka", broker.bootstrap, "--prefix", prefix, *more]
    return CliRunner().invoke(app, command, env={"COLUMNS": "160"}, catch_exceptions=False)


def test_what_a_confirmed_alert_covers_is_published_less_what_was_said_and_never_again(broker: Broker, topics: str) -> None:
    judged(broker, topics, 2)
    done = vigie(broker, topics)
    assert done.exit_code == 0, done.output
    _, *new = read(broker.bootstrap, f"{topics}metering")
    records = [Metering.model_validate_json(one.value or b"") for one in new]
    assert {(one.partition, one.key) for one in new} == {(HOME, b"acme")}
    assert [(one.call_id, one.from_, one.seconds) for one in records] == [
        ("one", format_time(T0 + 25_000), 40),
        ("two", format_time(T0 + 65_000), 30),
    ]
    assert {(one.alert_id, one.rules[0], one.billing_month) for one in records} == {("al-1", "autodial", "2026-02")}
    assert "20 seconds are metered already" in done.output
    again = vigie(broker, topics)
    assert again.exit_code == 0
    assert "0 records published" in again.output
    assert len(read(broker.bootstrap, f"{topics}metering")) == 3


def test_a_verdict_that_detection_has_not_come_to_yet_is_none(broker: Broker, topics: str) -> None:
    none = vigie(broker, topics)
    assert none.exit_code == 3
    assert "start vigie detect" in none.output
    judged(broker, topics, 1)
    early = vigie(broker, topics)
    assert early.exit_code == 1
    assert "verdict 'breach'" in early.output
    assert len(read(broker.bootstrap, f"{topics}metering")) == 1


def test_an_alert_must_be_named_alone_and_without_files(broker: Broker, topics: str) -> None:
    assert vigie(broker, topics, "al-").exit_code == 1
    assert vigie(broker, topics, "no-such").exit_code == 1
    assert vigie(broker, topics, "").exit_code == 2
    assert vigie(broker, topics, "al-1", "--out", "x").exit_code == 2
