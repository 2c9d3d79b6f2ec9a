"""A comparison as a page, and the words and numbers it shares with the terminal."""

from __future__ import annotations

from models.pages import page
from models.registry.reports import Metric, Report

RULES_ALONE = "rules alone"
WORDS = {
    "average_precision": "average precision",
    "precision_at_capacity": "precision at capacity",
    "recall_at_capacity": "recall at capacity",
    "euros_per_day": "€ saved a day",
    "calibration_error": "calibration error",
    "brier": "Brier score",
}
_LESS_IS_BETTER = {"calibration_error", "brier"}


def shown(name: str, value: float | None, signed: bool = False) -> str:
    """A value of a metric: euros with two decimals, the rest with three."""
    if value is None:
        return "–"
    decimals = 2 if name == "euros_per_day" else 3
    words = f"{value:+,.{decimals}f}" if signed else f"{value:,.{decimals}f}"
    return words.replace("-", "−")


def verdict(name: str, metric: Metric) -> str:
    """``better`` or ``worse`` where the interval of the difference leaves out 0, else empty."""
    _, low, high = metric.difference
    if low is None or high is None or low <= 0 <= high:
        return ""
    return "better" if (low > 0) != (name in _LESS_IS_BETTER) else "worse"


def ordered(report: Report) -> list[tuple[str, Metric]]:
    """The metrics, what matters most first."""
    known = list(WORDS)
    return sorted(report.metrics.items(), key=lambda one: (known.index(one[0]) if one[0] in known else len(known), one[0]))


def html(report: Report) -> str:
    """The page of a comparison."""
    return page(
        "registry/compare.html",
        report=report,
        champion=report.champion.version or RULES_ALONE,
        candidate=report.candidate.version,
        metrics=ordered(report),
        words=WORDS,
        shown=shown,
        verdict=verdict,
    )
