"""Records into a real broker and back, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient


class Record(NamedTuple):
    """What a consumer sees of a record; ``time`` in ms is the broker's on our topics."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time: int


def create_topic(bootstrap: str, topic: str, partitions: int = 1, **settings: str) -> None:
    """A topic outside the contracts; settings with underscores for dots."""
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        configs = {name.replace("_", "."): value for name, value in settings.items()}
        admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}}, wait_for_metadata=True)


def produce(bootstrap: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]], **options: Any) -> None:
    """Send (key, value) pairs and wait until the broker has all; options are those of ``KafkaProducer.send``."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    try:
        sent = [producer.send(topic, value, key=key, **options) for key, value in records]
        for one in sent:
            one.get(timeout=30)
    finally:
        producer.close()


def read(bootstrap: str, topic: str) -> list[Record]:
    """All committed records of a topic, by partition and offset."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, isolation_level="read_committed")
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        found: list[Record] = []
        # A position, not a count: markers of transactions and compacted records leave holes in the offsets.
        while any(consumer.position(one) < ends[one] for one in partitions):
            for records in consumer.poll(timeout_ms=1000).values():
                found += [Record(one.partition, one.offset, one.key, one.value, one.timestamp) for one in records]
    finally:
        consumer.close()
    return sorted(found)
