"""From the queue on disk to the broker, at least once and in order: a record leaves the queue when the broker has all it became."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.live.collect_accounts import Owners
from streams.live.collect_metrics import Metrics
from streams.live.collect_queue import DiskQueue
from streams.live.collect_reading import Message, Reader
from streams.partition import partition_of

#: Records of one batch: the place in the queue is made durable once for each.
BATCH = 1_000
#: A broker that has not acknowledged within this time is away, s; what was sent is sent again.
ACKNOWLEDGED_S = 15
#: Between two tries to reach it, s.
PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0

_log = logging.getLogger(__name__)


class Sender(threading.Thread):
    """Sends until ``stopping`` is set, then what is being sent.

    Args:
        bootstrap: the broker.
        prefix: of the topics.
        pbx: whose own topics (``<prefix>calls.<pbx>``) are taken when they exist.
        queue: what to send.
        reader: makes messages of records.
        owners: the accounts that ``reader`` uses.
        metrics: told of what was sent.
        stopping: ends it.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        pbx: str,
        queue: DiskQueue,
        reader: Reader,
        owners: Owners,
        metrics: Metrics,
        stopping: threading.Event,
    ) -> None:
        super().__init__(name="sender", daemon=True)
        self._brokers, self._prefix, self._pbx = bootstrap, prefix, pbx
        self._queue, self._reader, self._owners, self._metrics, self._stopping = queue, reader, owners, metrics, stopping
        self._producer: KafkaProducer | None = None
        self._topics: dict[str, tuple[str, int]] = {}
        #: What made it end although nobody asked it to.
        self.failure: Exception | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker took the last batch."""
        return self._producer is not None

    def run(self) -> None:
        """Send."""
        try:
            self._run()
        except Exception as error:
            self.failure = error
            _log.critical("the sender stopped: %s", error)
            self._stopping.set()
        finally:
            self._disconnect()

    def _run(self) -> None:
        pause = PAUSE_S
        while not self._stopping.is_set():
            try:
                if self._producer is None:
                    self._connect()
                records = self._queue.peek(BATCH, 0.5)
                self._owners.follow()
                if records:
                    raw = self._reader.raw
                    messages = [message for record in records for message in self._reader.messages(record)]
                    self._send(messages)
                    self._queue.done()
                    self._metrics.sent(messages, self._reader.raw - raw)
                pause = PAUSE_S
            except (KafkaError, TimeoutError, OSError) as error:
                if pause == PAUSE_S:
                    _log.warning("the broker is away, records wait on disk: %s", error)
                self._metrics.retries.inc()
                self._disconnect()
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _connect(self) -> None:
        self._owners.open()
        producer = KafkaProducer(
            bootstrap_servers=self._brokers,
            acks="all",
            linger_ms=5,
            delivery_timeout_ms=ACKNOWLEDGED_S * 1000,
            request_timeout_ms=ACKNOWLEDGED_S * 500,
            max_block_ms=5_000,
            bootstrap_timeout_ms=5_000,
        )
        try:
            for role in ("registrations", "calls"):
                own, shared = f"{self._prefix}{role}.{self._pbx}", f"{self._prefix}{role}"
                topic = own if own in self._owners.topics() else shared
                self._topics[role] = topic, len(producer.partitions_for(topic))
        except BaseException:
            producer.close(timeout=0)
            raise
        self._producer = producer

    def _send(self, messages: Sequence[Message]) -> None:
        assert self._producer is not None
        sent = []
        for role, key, value in messages:
            topic, partitions = self._topics[role]
            sent.append(self._producer.send(topic, value, key=key.encode(), partition=partition_of(key, partitions)))
        self._producer.flush(ACKNOWLEDGED_S + 5)
        for one in sent:
            one.get(timeout=ACKNOWLEDGED_S + 5)

    def _disconnect(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            producer.close(timeout=0)
        self._owners.close()
