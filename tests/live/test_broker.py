"""The broker of development and tests keeps its promises: what else runs on it relies on them."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaTimeoutError

from support.kafka import create_topic, produce, read
from vigie.dev.broker import Broker
from vigie.dev.process import DevelopmentError
from vigie.dev.redis import Redis

LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


def listening(pid: int) -> set[str]:
    """Local addresses, in the kernel's notation, on which a process listens."""
    links = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


def test_what_is_produced_is_read_back_in_order(broker: Broker, prefix: str) -> None:
    topic = f"{prefix}words"
    create_topic(broker.bootstrap, topic, partitions=2)
    produce(broker.bootstrap, topic, [(None, b"%d" % number) for number in range(100)], partition=1)
    records = read(broker.bootstrap, topic)
    assert [(one.partition, one.offset, one.value) for one in records] == [(1, number, b"%d" % number) for number in range(100)]


def test_a_broker_that_was_killed_comes_back_at_its_address_with_its_data(broker: Broker, prefix: str) -> None:
    topic, address, first = f"{prefix}kept", broker.bootstrap, broker.pid
    create_topic(address, topic)
    produce(address, topic, [(b"k", b"%d" % number) for number in range(50)])
    broker.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port), timeout=5)
    broker.start()
    assert broker.bootstrap == address
    assert broker.pid != first
    assert [one.value for one in read(address, topic)] == [b"%d" % number for number in range(50)]
    produce(address, topic, [(b"k", b"after")])
    assert len(read(address, topic)) == 51


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="only Linux lists sockets in /proc")
def test_nothing_listens_beyond_the_loopback_address(broker: Broker, redis_server: Redis) -> None:
    for server in (broker, redis_server):
        addresses = listening(server.pid)
        assert addresses
        assert addresses <= LOOPBACK


def test_a_topic_that_nobody_created_is_an_error_and_does_not_appear(broker: Broker, prefix: str) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, max_block_ms=300)
    with pytest.raises(KafkaTimeoutError):
        producer.send(f"{prefix}misspelt", b"x").get(timeout=10)
    producer.close()
    with KafkaAdminClient(bootstrap_servers=broker.bootstrap) as admin:
        assert f"{prefix}misspelt" not in admin.list_topics()


def test_missing_jars_are_said_with_what_brings_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigie.dev.broker.JARS", tmp_path / "nowhere")
    with pytest.raises(DevelopmentError, match="run scripts/kafka-jars"):
        Broker(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DevelopmentError, match=re.escape("java is not installed; run scripts/kafka-jars")):
        Broker(tmp_path)


def test_a_broker_that_does_not_run_has_no_process_id(tmp_path: Path) -> None:
    with pytest.raises(DevelopmentError, match="Kafka does not run"):
        _ = Broker(tmp_path).pid
