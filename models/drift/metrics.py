"""Drift for Prometheus, as a file that node_exporter's textfile collector reads."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from models.drift.drift import Drift


def textfile(drift: Drift) -> bytes:
    """The metrics of a report, without a time: the file's own is that of the report."""
    registry = CollectorRegistry()
    model = {"model": drift.name, "version": drift.version}

    def gauge(name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"vigie_model_{name}", words, [*model, *labels], registry=registry)

    psi = gauge("drift_psi", "Population stability index against training.", "feature")
    ks = gauge("drift_ks", "Largest distance of the cumulative shares against training.", "feature")
    for one in [drift.score, *sorted(drift.features, key=lambda one: one.name)]:
        psi.labels(**model, feature=one.name).set(one.psi)
        ks.labels(**model, feature=one.name).set(one.ks)
    mix = gauge("decision_share", "Share of licence-days in each part of the decision mix.", "part", "of")
    for of, shares in (("training", drift.mix_before), ("now", drift.mix_now)):
        for part in sorted(shares):
            mix.labels(**model, part=part, of=of).set(shares[part])
    rate = gauge("label_rate", "Share of breaches among judged alerts.", "of")
    for of, value in zip(("training", "now"), drift.label_rate, strict=True):
        if value is not None:
            rate.labels(**model, of=of).set(value)
    gauge("drift_rows", "Licence-days that were measured.").labels(**model).set(drift.rows)
    gauge("drift_errors", "Of them without a score.").labels(**model).set(drift.errors)
    gauge("decision_mix_moved", "1 when the decision mix moved: what the team sees is another thing.").labels(**model).set(drift.alarm)
    return generate_latest(registry)
