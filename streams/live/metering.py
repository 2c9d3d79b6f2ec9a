"""Metering after a verdict, live: alert, verdict, calls and earlier records come from the topics, new records go to them, once.

Who meters a partition fences whoever did before, as detection does: of two commands at once one writes and the other ends with an
error. The log is read as far as detection has judged it, so what detection meters of those calls is known already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError, ProducerFencedError

from detectors.days import HOUR
from detectors.errors import StateError
from detectors.events import Event, Exemption, Licence, Tenant
from streams.errors import ContractRefused
from streams.live.checkpoints import NEXT, TRANSACTION_MS
from streams.live.export import BrokerLost
from streams.live.records import Topics, opened
from streams.partition import partition_of
from streams.retroactive import Active, Covered, Metered, Statement, covered_by, meter
from streams.topics import group
from streams.wire import Wire
from streams.writing import encode_output

#: The log is read from so long before the window: a record is in it seconds after its instant, or 120 s before it at most.
MARGIN = HOUR
_ANSWER_S = 30


class _Kind(msgspec.Struct):
    kind: str


_kind = msgspec.json.Decoder(_Kind).decode
_statement = msgspec.json.Decoder(Statement).decode
_active = msgspec.json.Decoder(Active).decode


def meter_alert(bootstrap: str, prefix: str, partitions: int, alert_id: str) -> tuple[Covered, Metered]:
    """Meter what a confirmed alert covers, and publish the records in one transaction.

    Args:
        bootstrap: a broker's host and port.
        prefix: in front of every topic's name.
        partitions: how many the log has.
        alert_id: the alert, or its beginning.

    Raises:
        NotConfirmed: there is no such alert, or no verdict that it is a breach in the log that was judged.
        UsageError: the contract gives no right to meter it.
        StateError: detection has judged nothing of the partition, or its log is damaged.
        BrokerLost: Kafka went away, or another command took over; nothing was published then.
    """
    with opened(bootstrap, prefix) as topics:
        own = [one for one in _statements(topics, range(partitions)) if one.alert_id.startswith(alert_id)]
        if len({one.tenant for one in own}) == 1:
            # With those that it superseded: a customer's alert names its licences by them.
            tenant, number = own[0].tenant, partition_of(own[0].tenant, partitions)
            own = [one for one in _statements(topics, [number]) if one.tenant == tenant]
        covered = covered_by(alert_id, own)
        number = partition_of(covered.tenant, partitions)
        producer = KafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            client_id="vigie-meter",
            transactional_id=f"{group(prefix, 'meter')}-{number}",
            transaction_timeout_ms=TRANSACTION_MS,
        )
        try:
            producer.init_transactions()
            # In this order: what detection said up to that frame was committed with it, and is among the records read after.
            judged = _judged(topics, number)
            earlier = [one for one in map(_active, topics.values("metering", [number])) if one.tenant == covered.tenant]
            done = meter(covered, _events(topics, covered, range(partitions), number, judged), earlier)
            if done.records:
                _publish(producer, f"{prefix}metering", number, done)
        except ProducerFencedError as error:
            raise BrokerLost("another vigie meter of this partition began meanwhile; nothing was published: run it again") from error
        finally:
            producer.close()
    return covered, done


def _statements(topics: Topics, numbers: Iterable[int]) -> Iterator[Statement]:
    return (_statement(value) for value in topics.values("alerts", numbers) if _kind(value).kind == "alert")


def _judged(topics: Topics, number: int) -> int:
    """Offset of the frame that detection judges next."""
    found = None
    for key, value in topics.pairs("checkpoints", [number]):
        if key == NEXT and value is not None:
            found = int(value)
    if found is None:
        raise StateError(f"detection has judged nothing of partition {number} yet: start vigie detect, then run it again")
    return found


def _events(topics: Topics, covered: Covered, numbers: Iterable[int], number: int, judged: int) -> Iterator[Event]:
    """The customer's facts, of which most are older than the log, then its log around the window."""
    facts, decode = [], Wire().decode
    for topic in ("accounts", "exemptions"):
        for value in topics.values(topic, numbers):
            try:
                event = decode(value)
            except ContractRefused:
                # Ingest made it a dead letter: it was never in force.
                continue
            if isinstance(event, Tenant | Licence | Exemption) and event.tenant == covered.tenant:
                facts.append(event)
    yield from sorted(facts, key=lambda fact: fact.time)
    yield from topics.events([number], covered.from_ - MARGIN, {number: judged})


def _publish(producer: KafkaProducer, topic: str, number: int, done: Metered) -> None:
    producer.begin_transaction()
    try:
        sent = [producer.send(topic, encode_output(one), key=one.tenant.encode(), partition=number) for one in done.records]
        for one in sent:
            one.get(timeout=_ANSWER_S)
    except KafkaError:
        producer.abort_transaction()
        raise
    producer.commit_transaction()
