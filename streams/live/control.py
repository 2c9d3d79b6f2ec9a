"""Commands to all partitions: published to the control topic by whoever gives them."""

from __future__ import annotations

from collections.abc import Iterable

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.live.export import BrokerLost

_ANSWER_S = 30


def publish(bootstrap: str, prefix: str, client: str, commands: Iterable[tuple[str, bytes]]) -> None:
    """Publish commands in their order; returns when the broker has them all.

    Args:
        bootstrap: brokers, separated by commas.
        prefix: in front of every topic's name.
        client: what the broker's logs call us.
        commands: name (the record's key) and event of each.

    Raises:
        BrokerLost: Kafka went away; some may be published.
    """
    try:
        producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), client_id=client, acks="all", enable_idempotence=True)
        try:
            # One partition for all customers, as for every command.
            sent = [producer.send(f"{prefix}control", event, key=name.encode(), partition=0) for name, event in commands]
            for one in sent:
                one.get(timeout=_ANSWER_S)
        finally:
            producer.close()
    except KafkaError as error:
        raise BrokerLost(f"Kafka at {bootstrap}: {error!r}; some may not be published: see the broker, then do it again") from error
