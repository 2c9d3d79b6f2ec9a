"""`vigie topics` on a real broker."""

from __future__ import annotations

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from typer.testing import CliRunner, Result

from streams.topics import Layout
from support.kafka import produce, read
from vigie.cli import app
from vigie.dev.broker import Broker
from vigie.dev.process import free_port
from vigie.topics import TopicsDiffer, check, create, require_topics

LAYOUT = ("--replication", "1", "--partitions", "2")


def topics(command: str, broker: Broker, prefix: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["topics", command, "--bootstrap", broker.bootstrap, "--prefix", prefix, *options])


def settings(broker: Broker, topic: str) -> dict[str, str]:
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    return {name: one["value"] for name, one in answer["topic"][topic].items()}


def alter(broker: Broker, topic: str, name: str, value: str) -> None:
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        answer = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs={name: value})])
    assert answer == {"topic": {topic: "OK"}}
    # The controller has it; the broker that is asked hears of it a moment later.
    while settings(broker, topic)[name] != value:
        pass


def test_what_create_makes_check_approves_and_creating_again_changes_nothing(broker: Broker, prefix: str) -> None:
    before = topics("check", broker, prefix, *LAYOUT)
    assert before.exit_code == 1
    assert f"{prefix}events" in before.stdout
    first = topics("create", broker, prefix, *LAYOUT, "--pbx", "paris")
    assert first.exit_code == 0, first.output
    assert f"created {prefix}calls.paris" in first.stdout.splitlines()
    second = topics("create", broker, prefix, *LAYOUT, "--pbx", "paris")
    assert second.exit_code == 0
    assert "created" not in second.stdout
    assert topics("check", broker, prefix, *LAYOUT).exit_code == 0
    assert require_topics(broker.bootstrap, prefix) == 2


def test_check_names_the_topic_the_setting_what_is_there_and_what_must_be(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, Layout(prefix, 2, 1))
    alter(broker, f"{prefix}events", "retention.ms", "604800000")
    done = topics("check", broker, prefix, *LAYOUT)
    assert done.exit_code == 1
    row = next(line for line in done.stdout.splitlines() if f"{prefix}events" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [f"{prefix}events", "retention.ms", "604800000", "3024000000"]
    # Creating is no way to mend a topic that is there: it says so, and leaves it alone.
    assert topics("create", broker, prefix, *LAYOUT).exit_code == 1
    assert settings(broker, f"{prefix}events")["retention.ms"] == "604800000"
    with pytest.raises(TopicsDiffer, match=rf"{prefix}events: retention\.ms is 604800000, must be 3024000000"):
        require_topics(broker.bootstrap, prefix)


def test_a_command_refuses_to_run_without_its_topics_and_says_how_to_make_them(broker: Broker, prefix: str) -> None:
    with pytest.raises(TopicsDiffer, match=rf"accounts: topic is missing.* vigie topics create .*--prefix {prefix}"):
        require_topics(broker.bootstrap, prefix)


def test_the_state_and_the_decisions_are_compacted_and_the_log_is_not(broker: Broker, prefix: str) -> None:
    layout = Layout(prefix, 1, 1)
    create(broker.bootstrap, layout)
    policies = {name: settings(broker, prefix + name)["cleanup.policy"] for name in ("checkpoints", "suspensions", "accounts", "events")}
    assert policies == {"checkpoints": "compact", "suspensions": "compact", "accounts": "compact", "events": "delete"}
    assert check(broker.bootstrap, layout) == []


def test_a_record_of_last_year_carries_the_time_at_which_it_was_published(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, Layout(prefix, 1, 1))
    last_year = 1_700_000_000_000
    produce(broker.bootstrap, f"{prefix}calls", [(b"t", b"{}")], timestamp_ms=last_year)
    (record,) = read(broker.bootstrap, f"{prefix}calls")
    assert record.time > last_year


def test_too_few_brokers_for_the_copies_are_said_with_the_option(broker: Broker, prefix: str) -> None:
    done = topics("create", broker, prefix)
    assert done.exit_code == 3
    assert "a cluster of fewer brokers takes --replication 1" in done.stderr


def test_no_broker_is_one_line_with_its_address() -> None:
    address = f"127.0.0.1:{free_port()}"
    done = CliRunner().invoke(app, ["topics", "check", "--bootstrap", address])
    assert done.exit_code == 3
    assert done.stderr.startswith(f"error: no answer from Kafka at {address} (Connection refused)")
    assert len(done.stderr.splitlines()) == 1
