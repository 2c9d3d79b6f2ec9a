"""Records that a PBX produces to a Kafka topic of its own (OpenSIPS' event_kafka): read, and keyed anew by tenant."""

from __future__ import annotations

import logging
import threading

from kafka import KafkaConsumer
from kafka.errors import KafkaError

from streams.live.collect_intake import Intake

PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0

_log = logging.getLogger(__name__)


class KafkaSource:
    """One topic.

    Args:
        bootstrap: the broker.
        topic: to read.
        group: keeps the offsets: committed when the records are on our disk.
        intake: gets the records, with the broker's time as that of their arrival: read again, they are the same.
        stopping: ends it.
    """

    def __init__(self, bootstrap: str, topic: str, group: str, intake: Intake, stopping: threading.Event) -> None:
        self._bootstrap, self._topic, self._group, self._intake, self._stopping = bootstrap, topic, group, intake, stopping
        self.problem = "not connected yet"

    def start(self) -> str:
        """What is read, for people."""
        return f"topic {self._topic}"

    def run(self) -> None:
        """Read until ``stopping`` is set."""
        pause = PAUSE_S
        while not self._stopping.is_set():
            try:
                self._read()
            except (KafkaError, OSError) as error:
                if not self.problem:
                    _log.warning("%s: the broker is away: %s", self._topic, error)
                self.problem = str(error) or type(error).__name__
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    def _read(self) -> None:
        consumer = KafkaConsumer(
            self._topic,
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            bootstrap_timeout_ms=5_000,
        )
        try:
            self.problem = ""
            while not self._stopping.is_set():
                found = consumer.poll(timeout_ms=500, max_records=1_000)
                for records in found.values():
                    for record in records:
                        if record.value and not self._intake.take([record.value], record.timestamp):
                            return
                if found:
                    consumer.commit()
        finally:
            consumer.close()
