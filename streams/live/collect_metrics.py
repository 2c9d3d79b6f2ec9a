"""What a collector tells Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.live.collect_reading import Message


class Metrics:
    """Counters and gauges of one collector."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"vigie_collect_{name}", text, labels, registry=self.registry)

        self.taken = counter("records_taken", "Records that are durable in the queue.")
        self.produced = counter("produced", "Records that the broker acknowledged, by topic.", "topic")
        self.raw = counter("raw", "Records that could not be read and were sent as they came.")
        self.retries = counter("retries", "Times that the broker was away or refused.")
        self.refused = counter("full", "Times that the queue was full: the source waited, or was refused.")
        self.reconnects = counter("reconnects", "Times that the connection to the PBX was made.")
        self.waiting = Gauge("vigie_collect_queue_bytes", "Bytes that wait on disk.", registry=self.registry)

    def sent(self, messages: Sequence[Message], raw: int) -> None:
        """A batch is with the broker."""
        for role in ("registrations", "calls"):
            self.produced.labels(role).inc(sum(message.role == role for message in messages))
        self.raw.inc(raw)
