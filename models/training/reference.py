"""What the model saw and said when it was trained, for ``vigie models drift``: deciles of each feature and of the score."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.training.metrics import Floats

FORMAT = 1
BINS = 10


def reference(
    names: tuple[str, ...], matrix: Floats, scores: Floats, cutoffs: tuple[float, float], label_rate: float | None, population: str
) -> dict[str, Any]:
    """The content of ``reference.json``.

    Args:
        names: of the columns.
        matrix: rows of the time that was trained on.
        scores: of these rows.
        cutoffs: review threshold and urgent.
        label_rate: breaches among the judged alerts of that time; ``None`` without labels.
        population: what the rows are: ``features`` (all licence-days) or ``labels`` (judged alerts).

    Returns:
        ``format``, ``population``, ``rows``, ``features`` and ``score`` (each with ``edges`` and ``shares``: a value falls into
        the bin of the first edge that it does not exceed, or into the last), ``label_rate`` and ``decision_mix``.
    """
    threshold, urgent = cutoffs
    mix = {
        "below": float(np.mean(scores < threshold)),
        "review": float(np.mean((scores >= threshold) & (scores < urgent))),
        "urgent": float(np.mean((scores >= threshold) & (scores >= urgent))),
    }
    return {
        "format": FORMAT,
        "population": population,
        "rows": len(matrix),
        "features": {name: deciles(matrix[:, column]) for column, name in enumerate(names)},
        "score": deciles(scores),
        "label_rate": label_rate,
        "decision_mix": {name: round(share, 9) for name, share in mix.items()},
    }


def deciles(values: Floats) -> dict[str, list[float]]:
    """Inner edges at the deciles, equal ones once, and the share of values in each bin: up to and including its edge.

    >>> deciles(np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 5, 9]))
    {'edges': [0.0, 5.0], 'shares': [0.8, 0.1, 0.1]}
    """
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    edges = edges[edges < values.max()]
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return {"edges": [float(edge) for edge in edges], "shares": [round(float(count) / len(values), 9) for count in counts]}
