"""What a bridge says of itself beside its heartbeat; see ``streams.live.metrics.serve``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from pbx.bridge.enforcer import Enforcer


class BridgeMetrics:
    """Alarms: ``held`` above 0 (somebody must look), ``paused``, ``away``, and ``wanted`` unlike ``table_size`` for minutes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.records = self._counter("records", "Records of vigie.suspensions read.")
        self.refused = self._counter("records_refused", "Records that the contracts do not allow.")
        self.receipts = Counter("vigie_bridge_receipts", "Receipts, by status.", ["status"], registry=self.registry)
        self.unsent = self._gauge("receipts_unsent", "Receipts that Kafka has not taken yet.")
        self._gauges = {
            "table_size": self._gauge("table_size", "Entries in the PBX, as far as is known."),
            "wanted": self._gauge("wanted", "Entries that must stand."),
            "held": self._gauge("held", "Licences whose decision waits for a person."),
            "pending": self._gauge("pending", "Licences whose decision is not done yet."),
            "paused": self._gauge("paused", "1 while an operator's command stops the bridge."),
            "away": self._gauge("away", "1 while the PBX does not answer."),
        }
        self._totals = {
            "resyncs": self._gauge("resyncs", "Times that the whole table was made to stand (start, PBX restart, resume)."),
            "repairs": self._gauge("repairs", "Times that the whole table was compared."),
            "differences": self._gauge("differences", "Entries that had to be put or lifted then."),
            "failures": self._gauge("failures", "Orders that the PBX did not carry out."),
            "calls_ended": self._gauge("calls_ended", "Calls ended."),
            "contacts_removed": self._gauge("contacts_removed", "Registrations removed."),
        }  # fmt: skip

    def look(self, enforcer: Enforcer) -> None:
        """Take over what the enforcer knows."""
        for name, value in {
            "table_size": len(enforcer.believed),
            "wanted": len(enforcer.ledger.table),
            "held": len(enforcer.ledger.held),
            "pending": enforcer.pending,
            "paused": enforcer.kill.paused,
            "away": bool(enforcer.away),
        }.items():
            self._gauges[name].set(value)
        for name, gauge in self._totals.items():
            gauge.set(enforcer.counts[name])

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"vigie_bridge_{name}", text, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"vigie_bridge_{name}", text, registry=self.registry)
