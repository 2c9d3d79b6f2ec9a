"""What ingest tells Prometheus, on a registry of its own: one process, several tests, no names of others in between."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

#: PBXes with a series of their own; a producer that invents names must not fill a metrics database.
MOST_PBXES = 200


class Metrics:
    """Counters and gauges of one ingest process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"vigie_ingest_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"vigie_ingest_{name}", text, labels, registry=self.registry)

        self.events = counter("events", "Events put into frames, ticks included; an event for all partitions counts in each.")
        self.frames = counter("frames", "Frames acknowledged by the broker.")
        self.dead = counter("dead_letters", "Records refused, by class of error.", "error")
        self.rekeyed = counter("rekeyed", "Records sent to the partition of their tenant.")
        self.late = counter("late_events", "Events behind the watermark of their partition.", "partition")
        self.lag = gauge("lag_records", "Records of the inputs that were not read yet.")
        self.waiting = gauge("waiting_events", "Events that wait for the watermark.", "partition")
        self.watermark = gauge("watermark_seconds", "Watermark of a partition, in Unix time.", "partition")
        self.skew = gauge("skew_seconds", "Arrival less time of the latest event of a PBX; its clock, or its way to us.", "pbx")
        self._pbxes: set[str] = set()

    def tell_skew(self, skews: dict[str, int]) -> None:
        """Latest skew of each PBX, ms."""
        for pbx, skew in skews.items():
            if pbx not in self._pbxes:
                if len(self._pbxes) >= MOST_PBXES:
                    continue
                self._pbxes.add(pbx)
            self.skew.labels(pbx).set(skew / 1000)
