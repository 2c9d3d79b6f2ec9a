"""The benchmark of models on a small twin: what it makes and measures; never how fast, nor how good."""

from __future__ import annotations

import numpy as np

from bench.models import MEMORY_MB, MICROSECONDS, MINUTES, results
from bench.verdicts import KINDS, judged, world
from models.schema import NAMES

METRICS = (
    "average_precision", "precision_at_capacity", "recall_at_capacity", "euros_per_day", "calibration_error", "gain_euros_per_day",
    "rules_average_precision", "rules_precision_at_capacity", "rules_recall_at_capacity", "rules_euros_per_day",
)  # fmt: skip


def test_customers_and_verdicts_are_the_same_for_the_same_seed_and_never_missing() -> None:
    first, again, other = world(30, 40, 3, 1), world(30, 40, 3, 1), world(30, 40, 3, 2)
    assert (first.matrix == again.matrix).all()
    assert first.matrix.shape != other.matrix.shape or (first.matrix != other.matrix).any()
    assert np.isfinite(first.matrix).all()
    assert set(first.kind.tolist()) <= set(range(len(KINDS)))
    labels, same = judged(first, 1), judged(again, 1)
    assert labels.fingerprint == same.fingerprint
    assert all((labels.columns[name].astype(str) == same.columns[name].astype(str)).all() for name in labels.columns)
    assert (np.diff(labels.columns["decided_at"].astype(int)) >= 0).all()


def test_means_of_days_before_are_of_days_before() -> None:
    rows = world(5, 40, 3, 1)
    attempts = rows.matrix[:, NAMES.index("attempts")].reshape(-1, 40)
    means = rows.matrix[:, NAMES.index("attempts_mean_7d")].reshape(-1, 40)
    assert (means[:, 0] == 0).all()
    assert np.allclose(means[:, 3], attempts[:, :3].mean(axis=1), atol=1e-6)
    assert np.allclose(means[:, 20], attempts[:, 13:20].mean(axis=1), atol=1e-6)


def test_every_promise_has_its_figure_and_every_metric_its_interval() -> None:
    found = {"metrics": {name: [0.5, 0.4, 0.6] for name in METRICS}, "taken": "hgb", "capacity": 3.0}
    learned = {"wall_s": 60.0, "cpu_s": 50.0, "peak_mb": 5000.0, "rows": 1_000_000, "used": 900_000, "fitted": 500_000}
    figures = results(learned, {"boosted trees": 12.0, "forest": 60.0}, found)
    bars = [(one.bar, one.holds) for one in figures if one.bar is not None]
    assert bars == [(MINUTES, True), (MEMORY_MB, False), (MICROSECONDS, True), (MICROSECONDS, False)]
    assert len([one for one in figures if "(95 %: 0.4 to 0.6)" in one.name]) == len(METRICS)
