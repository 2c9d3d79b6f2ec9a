"""What a scorer says of itself; see ``streams.live.metrics.serve``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector


class ScorerMetrics:
    """Alarms: ``model_up`` at 0 (the reason is in ``model_info`` and in the log), and ``lag_rows`` that grows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.rows = Counter("vigie_scorer_rows", "Rows of features read.", registry=self.registry)
        self.refused = Counter("vigie_scorer_rows_refused", "Records that are no rows.", registry=self.registry)
        self.lag = Gauge("vigie_scorer_lag_rows", "Rows that wait to be scored.", registry=self.registry)
        self.up = Gauge("vigie_scorer_model_up", "1 when the champion can be asked.", ["model"], registry=self.registry)
        self.info = Gauge(
            "vigie_scorer_model_info", "Models in force, and why one cannot be asked.", ["model", "role", "version", "reason"],
            registry=self.registry,
        )  # fmt: skip
        self.scored = self._counter("scored_rows", "Rows that a model scored.")
        self.seconds = self._counter("score_seconds", "Seconds that scoring took, without reasons.")

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"vigie_scorer_{name}", text, ["model", "role"], registry=self.registry)

    def look(self, states: list[tuple[str, str, str, bool, str]]) -> None:
        """Show the models in force: name, role, version, whether it can be asked, and why not."""
        self.up.clear()
        self.info.clear()
        for name, role, version, up, reason in states:
            if role == "champion":
                self.up.labels(name).set(up)
            self.info.labels(name, role, version, reason).set(1)
