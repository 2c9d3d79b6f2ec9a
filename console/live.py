"""The live side of a console: what the topics say comes in exactly once, and what people decide goes out.

How far each partition was read is a row that is written in the transaction of the records themselves, and only from the number that
was read from: a crash, a second console or a database put back from yesterday's copy neither lose a record nor take one twice.

Of several consoles on one PostgreSQL one does this at a time: the one that holds a lock of the database, which ends with its
connection. Pages are served by all of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from console import leaving, receipts
from console.db.engine import Database
from console.db.tables import Position
from console.errors import ConsoleError
from console.fetched import Fetched, take
from console.review import lapse
from console.settings import Settings
from streams.partition import partition_of

log = logging.getLogger(__name__)
#: In this order: a suspension names its alerts, a receipt its suspension.
TOPICS = ("accounts", "exemptions", "alerts", "metering", "suspensions", "applied")
#: Records in one transaction; an alert weighs 8 KiB.
BLOCK = 200
POLL_MS = 200
SEND_S = 0.1
WATCH_S = 1.0
#: After a broker or a database that did not answer.
AGAIN_S = 2.0
ACKNOWLEDGED_S = 30
#: Any number of ours, as those of the migrations and of the audit log.
LOCK = 7_615_245


class OtherLog(ConsoleError):
    """The topics end before the place that this database has read to: they are another cluster's, or were made anew."""


class Live:
    """Takes in and sends out until it is stopped.

    Args:
        settings: database, broker, clock.
        prefix: in front of every topic's name.
    """

    def __init__(self, settings: Settings, prefix: str) -> None:
        assert settings.kafka is not None
        self._settings, self._prefix = settings, prefix
        self._brokers = settings.kafka.split(",")
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(work, name), name=f"console-{name}", daemon=True)
            for name, work in (("taking", self._take_in), ("sending", self._send_out))
        ]
        self._lead = _Lead(settings.database)
        self._caught_up = threading.Event()
        self._reached: dict[str, int] = {}
        #: Records that were not what the contracts say.
        self.refused = 0

    def start(self) -> None:
        """Begin, in threads of its own."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is on its way is waited for."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(ACKNOWLEDGED_S + 5)
        self._lead.close()

    def _keep(self, work: Any, name: str) -> None:
        """Do it again after whatever went wrong: brokers and databases come back, and a person reads the log meanwhile."""
        told = ""
        while not self._stopping.is_set():
            try:
                work()
            except (KafkaError, SQLAlchemyError, OSError, ConsoleError) as error:
                if told != (told := f"{type(error).__name__}: {error}"):
                    log.warning("%s: %s; trying again", name, told)
            except Exception:
                # A thread that ended would leave a console that looks alive and hears nothing.
                log.exception("%s failed; trying again", name)
            self._stopping.wait(AGAIN_S)

    # -- in -------------------------------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        if not self._lead.hold():
            return
        consumer = KafkaConsumer(
            bootstrap_servers=self._brokers,
            client_id="vigie-console",
            isolation_level="read_committed",
            enable_auto_commit=False,
            # Never by itself: a place that is gone is a loss to be said, or another cluster.
            auto_offset_reset="none",
            fetch_max_wait_ms=100,
            max_poll_records=1_000,
            reconnect_backoff_max_ms=1_000,
        )
        try:
            places = self._assign(consumer)
            watched = 0.0
            while not self._stopping.is_set() and self._lead.hold():
                found = consumer.poll(timeout_ms=POLL_MS)
                self._take(consumer, found)
                if not found and not self._caught_up.is_set():
                    self._see_whether_caught_up(consumer, places)
                if self._caught_up.is_set() and (now := self._settings.now()) - watched >= WATCH_S * 1000:
                    watched = now
                    with self._settings.database.writing() as session:
                        receipts.alarm(session, now)
                    lapse.run(self._settings.database, now)
        finally:
            self._caught_up.clear()
            consumer.close()

    def _assign(self, consumer: KafkaConsumer) -> list[TopicPartition]:
        places = []
        for topic in (f"{self._prefix}{name}" for name in TOPICS):
            numbers = consumer.partitions_for_topic(topic)
            if not numbers:
                raise ConsoleError(f"{topic}: there is no such topic; vigie topics create makes it")
            places += [TopicPartition(topic, number) for number in sorted(numbers)]
        consumer.assign(places)
        begins, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
        with self._settings.database.reading() as session:
            known = {row.source: row.next for row in session.scalars(select(Position))}
        for place in places:
            next_ = known.get(_source(place), 0)
            if next_ > ends[place]:
                raise OtherLog(
                    f"{_source(place)} ends at {ends[place]}, and this database has read to {next_}: it belongs to another cluster; "
                    "give each cluster a database of its own"
                )
            if 0 < next_ < begins[place]:
                log.warning("%s: %d to %d are gone: away for longer than they are kept", _source(place), next_, begins[place] - 1)
            self._reached[_source(place)] = next_
            consumer.seek(place, max(next_, begins[place]))
        return places

    def _see_whether_caught_up(self, consumer: KafkaConsumer, places: list[TopicPartition]) -> None:
        ends = consumer.end_offsets(places)
        if all(consumer.position(place) >= ends[place] for place in places):
            self._caught_up.set()

    def _take(self, consumer: KafkaConsumer, found: dict[TopicPartition, list[Fetched]]) -> None:
        order = {f"{self._prefix}{name}": number for number, name in enumerate(TOPICS)}
        for place in sorted(found, key=lambda one: (order[one.topic], one.partition)):
            records = found[place]
            for at in range(0, len(records), BLOCK):
                block = records[at : at + BLOCK]
                # The last one's end may lie past marks of transactions; the next block's begin is as good.
                end = records[at + BLOCK].offset if at + BLOCK < len(records) else consumer.position(place)
                self._commit(place, block, end)

    def _commit(self, place: TopicPartition, block: Sequence[Fetched], end: int) -> None:
        source, now = _source(place), self._settings.now()
        with self._settings.database.writing() as session:
            self._move(session, source, end, now)
            self.refused += take(session, place.topic.removeprefix(self._prefix), block, now)
        self._reached[source] = end

    def _move(self, session: Session, source: str, end: int, now: int) -> None:
        """Set a place on, from where it was read; raises when somebody else did meanwhile."""
        before = self._reached[source]
        moved = session.execute(
            update(Position).where(Position.source == source, Position.next == before).values(next=end, taken_at=now)
        ).rowcount  # type: ignore[attr-defined]
        if moved == 0:
            if before or session.get(Position, source) is not None:
                raise ConsoleError(f"{source}: another console took records of it; reading again from there")
            session.add(Position(source=source, next=end, taken_at=now))
            session.flush()

    # -- out ------------------------------------------------------------------------------------------------------------------

    def _send_out(self) -> None:
        producer = None
        try:
            while not self._stopping.is_set() and self._lead.hold():
                with self._settings.database.reading() as session:
                    due = leaving.is_due(session, self._settings.now())
                if due:
                    producer = producer or KafkaProducer(
                        bootstrap_servers=self._brokers,
                        client_id="vigie-console",
                        acks="all",
                        enable_idempotence=True,
                        max_in_flight_requests_per_connection=1,
                        request_timeout_ms=ACKNOWLEDGED_S * 500,
                        delivery_timeout_ms=ACKNOWLEDGED_S * 1000,
                        max_block_ms=ACKNOWLEDGED_S * 1000,
                        reconnect_backoff_max_ms=1_000,
                    )
                    self._send(producer)
                self._stopping.wait(SEND_S)
        finally:
            if producer is not None:
                # A producer that gave a batch up sends nothing more; the next round has another.
                producer.close(timeout=5)

    def _send(self, producer: KafkaProducer) -> None:
        database = self._settings.database
        with database.writing() as session:
            messages = leaving.claim(session, self._settings.now())
        if not messages:
            return
        gone: list[leaving.Message] = []
        try:
            on_their_way = []
            for one in messages:
                topic = f"{self._prefix}{one.topic}"
                number = partition_of(one.tenant, len(producer.partitions_for(topic))) if one.tenant else 0
                on_their_way.append((one, producer.send(topic, one.value, key=one.key.encode(), partition=number)))
            for one, future in on_their_way:
                future.get(timeout=ACKNOWLEDGED_S + 5)
                gone.append(one)
        except KafkaError as error:
            with database.writing() as session:
                leaving.failed(session, messages[len(gone) :], f"{type(error).__name__}: {error}")
            raise
        finally:
            if gone:
                with database.writing() as session:
                    leaving.sent(session, gone, self._settings.now())


def _source(place: TopicPartition) -> str:
    return f"kafka:{place.topic}/{place.partition}"


class _Lead:
    """Whether this console is the one that reads and sends; on SQLite, where there is one console, always."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def hold(self) -> bool:
        """Take the lock, or see that we still have it."""
        if self._database.kind != "postgresql":
            return True
        with self._lock:
            try:
                if self._connection is None:
                    # For itself alone, and never inside a transaction: it lasts as long as we do.
                    connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                    if not connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
                        connection.close()
                        return False
                    self._connection = connection
                    return True
                self._connection.execute(text("SELECT 1"))
                return True
            except SQLAlchemyError:
                self._drop()
                return False

    def _drop(self) -> None:
        if self._connection is not None:
            # Not back into the pool: the lock would go on with it.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Let another console take over."""
        with self._lock:
            self._drop()
