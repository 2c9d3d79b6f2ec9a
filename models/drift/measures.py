"""How far one distribution is from another: population stability index and Kolmogorov–Smirnov distance over the deciles of training.

The thresholds 0.10 and 0.25 of the index are the custom of credit scoring (Siddiqi, *Credit Risk Scorecards*, 2006); they know
nothing of the number of rows. Yurdakul and Naranjo (2020) show that without any drift the index is spread as
``(1/N + 1/M) · χ²(bins - 1)``, so a value that chance alone reaches is never called drift here.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, kstwobign

Floats = NDArray[np.float64]
Status = Literal["ok", "watch", "act"]

WATCH, ACT = 0.10, 0.25
#: The largest distance of the cumulative shares: under these the index moved by a shift inside thin bins that no one would see.
KS_WATCH, KS_ACT = 0.05, 0.10
#: One in a thousand files without drift may look like one with.
CHANCE = 0.001
#: Added to each bin, in rows: an empty bin would make the index infinite.
SMOOTHED = 0.5


class Distance(NamedTuple):
    """How far a distribution moved."""

    psi: float
    #: What chance alone reaches once in a thousand times.
    chance: float
    ks: float
    ks_p: float
    status: Status
    #: Shares per bin, then and now.
    before: tuple[float, ...]
    now: tuple[float, ...]


def distance(before: Floats, rows_before: int, counts: NDArray[np.int64]) -> Distance:
    """The distance of counts from shares.

    Args:
        before: shares of the bins then; their sum is 1.
        rows_before: rows they were taken from.
        counts: rows in the same bins now.

    >>> distance(np.array([0.5, 0.5]), 1000, np.array([500, 500])).status
    'ok'
    >>> moved = distance(np.array([0.5, 0.5]), 1000, np.array([900, 100]))
    >>> round(moved.psi, 2), round(moved.ks, 2), moved.status
    (0.88, 0.4, 'act')
    """
    rows, bins = int(counts.sum()), len(before)
    if not rows or not rows_before or bins < 1:
        shares = tuple(float(one) for one in before)
        return Distance(0.0, 0.0, 0.0, 1.0, "ok", shares, tuple(0.0 for _ in shares))
    now = counts / rows
    then = (before * rows_before + SMOOTHED) / (rows_before + SMOOTHED * bins)
    smooth = (counts + SMOOTHED) / (rows + SMOOTHED * bins)
    psi = float(np.sum((smooth - then) * np.log(smooth / then)))
    spread = 1 / rows + 1 / rows_before
    chance = float(chi2.isf(CHANCE, bins - 1)) * spread if bins > 1 else 0.0
    ks = float(np.max(np.abs(np.cumsum(now) - np.cumsum(before))))
    ks_p = float(kstwobign.sf(ks / np.sqrt(spread)))
    return Distance(round(psi, 6), round(chance, 6), round(ks, 6), round(ks_p, 6), status(psi, chance, ks), _shares(before), _shares(now))


def status(psi: float, chance: float, ks: float) -> Status:
    """``watch`` from 0.10, ``act`` from 0.25, both only when chance does not explain it and the distance is one that matters."""
    if psi <= chance:
        return "ok"
    if psi >= ACT and ks >= KS_ACT:
        return "act"
    return "watch" if psi >= WATCH and ks >= KS_WATCH else "ok"


def counts_of(edges: Floats, values: Floats) -> NDArray[np.int64]:
    """Rows per bin: a value falls into the bin of the first edge that it does not exceed, or into the last."""
    counts: NDArray[np.int64] = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return counts


def _shares(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(round(float(one), 6) for one in values)
