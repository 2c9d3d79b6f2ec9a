"""A move told to a real broker: one command in the control topic, the same bytes as in a file, and the same when it is told again."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from models.registry import moving
from models.registry.signing import add_publisher, make_key, public_key
from streams.times import format_time
from streams.topics import Layout
from streams.wire import Wire
from support.kafka import read
from support.registry import ANA, NOW, House
from vigie.cli import app
from vigie.dev.broker import Broker
from vigie.topics import create


def vigie(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)], env={"COLUMNS": "200"}, catch_exceptions=False)


def test_a_promotion_and_a_way_back_are_commands_to_all_partitions(broker: Broker, prefix: str, tmp_path: Path) -> None:
    create(broker.bootstrap, Layout(prefix, 2, 1))
    house = House(tmp_path)
    key = make_key(tmp_path / "dan.pem")
    add_publisher(house.registry, "dan", public_key(key))
    versions = [house.save(), house.save(2)]
    where = ["--registry", house.registry, "--key", tmp_path / "dan.pem", "--now", format_time(NOW)]
    told = [*where, "--bootstrap", broker.bootstrap, "--prefix", prefix]
    champion = ""
    for manifest in versions:
        house.shadow(manifest, champion)
        moving.request(house.registry, "autodial", manifest.version, ANA, house.publishers, NOW)
        done = vigie("approve", "autodial", manifest.version, *told, "--events", tmp_path / "events.jsonl")
        assert done.exit_code == 0, done.output
        champion = manifest.version
    assert vigie("rollback", "autodial", *told, "--events", tmp_path / "events.jsonl").exit_code == 0
    records = read(broker.bootstrap, f"{prefix}control")
    assert [record.key for record in records] == [b"autodial"] * 3
    assert [record.value for record in records] == (tmp_path / "events.jsonl").read_bytes().splitlines()
    events = [Wire().decode(record.value or b"") for record in records]
    assert [event.version for event in events] == [versions[0].version, versions[1].version, versions[0].version]  # type: ignore[attr-defined]
    assert vigie("publish", "autodial", "--registry", house.registry, "--bootstrap", broker.bootstrap, "--prefix", prefix).exit_code == 0
    assert json.loads(read(broker.bootstrap, f"{prefix}control")[-1].value or b"") == json.loads(records[-1].value or b"")
