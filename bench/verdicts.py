"""Judged alerts and licence-days of our own, from a seed: offices, sales desks, reminder services and diallers, and people who judge.

Numbers are drawn per customer and then per day, so that the alerts of a customer are alike, as they are in life; a model that only
knows customers by heart fails on those that it has not seen. Honest look-alikes (a surgery that reminds its patients, a busy sales
desk) are most of what the rules show, and reviewers err now and then. It proves plumbing and arithmetic; how good a model is on
real customers it cannot say.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.schema import LENGTHS, NAMES, SCHEMA_HASH

Floats = NDArray[np.float64]
#: Kinds of customers, how many of a hundred, and of what: attempts on a busy day, share answered, mean talk, evenness of the
#: rhythm (1 as at random), share of numbers called once, share of days on which such a licence calls like that.
KINDS = ("office", "sales", "reminder", "dialler", "careful dialler")
SHARES = (62, 18, 10, 6, 4)
_ATTEMPTS = np.array([14.0, 85.0, 95.0, 260.0, 110.0])
_ANSWERED = np.array([0.75, 0.45, 0.55, 0.30, 0.38])
_TALK = np.array([140.0, 95.0, 35.0, 22.0, 48.0])
_VARIATION = np.array([1.0, 0.85, 0.5, 0.3, 0.6])
_ONCE = np.array([0.6, 0.8, 0.9, 0.95, 0.9])
_BUSY = np.array([1.0, 0.8, 0.7, 0.6, 0.5])
#: First day: Monday, 2 June 2025.
FIRST = 20_241
#: A verdict is wrong so often, inconclusive so often.
WRONG, INCONCLUSIVE = 0.04, 0.03
AUDIT_RATE = 0.01
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Judged:
    """In the shape of ``models.labels.Labels``."""

    columns: dict[str, NDArray[Any]]
    matrix: Floats
    schema_hash: str
    fingerprint: str


@dataclass(frozen=True)
class World:
    """Licence-days: what ``vigie features`` would write of them, and what nobody knows: the kind of each row's customer."""

    tenant: NDArray[Any]
    licence: NDArray[Any]
    day: NDArray[Any]
    matrix: Floats
    kind: NDArray[np.int64]
    abuse: NDArray[np.bool_]
    schema_hash: str
    fingerprint: str


def world(customers: int, days: int, licences: int, seed: int) -> World:
    """Rows of every licence on every day.

    Args:
        customers: how many.
        days: from ``FIRST`` on.
        licences: of a customer, at most.
        seed: of everything drawn.
    """
    source = np.random.Generator(np.random.PCG64(seed))
    kind = source.choice(len(KINDS), customers, p=np.array(SHARES) / 100)
    size = 1 + np.minimum(source.geometric(0.35, customers), licences)
    # A customer's own way: what its days have in common and no other's.
    style = np.exp(source.normal(0, 0.35, (customers, 5)))
    owner = np.repeat(np.arange(customers), size)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(size) - size, size)
    licence_style = np.exp(source.normal(0, 0.2, len(owner)))
    row = np.repeat(np.arange(len(owner)), days)
    day = np.tile(np.arange(FIRST, FIRST + days), len(owner))
    of = owner[row]
    what = kind[of]
    busy = source.random(len(row)) < _BUSY[what]
    # Diallers do it on one or two of their licences.
    dials = (what >= 3) & (number[row] < 2) & busy
    shown = np.where((what >= 3) & ~dials, 0, what)
    weekend = (day + 3) % 7 >= 5
    quiet = np.where(busy, 1.0, 0.3) * np.where(weekend, 0.25, 1.0)
    attempts = source.poisson(_ATTEMPTS[shown] * style[of, 0] * licence_style[row] * quiet).astype(np.float64)
    matrix = _columns(source, attempts, shown, style[of], weekend)
    _means(matrix, days)
    tenant, licence = np.array([f"customer-{n:05d}" for n in range(customers)]), np.array([str(100 + n) for n in range(max(size))])
    digest = hashlib.sha256(f"{customers} {days} {licences} {seed}".encode()).hexdigest()
    return World(tenant[of], licence[number[row]], day.astype("datetime64[D]"), matrix, what, dials, SCHEMA_HASH, digest)


def judged(rows: World, seed: int, every: bool = False) -> Judged:
    """What people said of the days on which the autodial rule would speak, and of those drawn by lot.

    Args:
        rows: licence-days.
        seed: of lots and mistakes.
        every: label every row as an alert: for measuring speed.
    """
    source = np.random.Generator(np.random.PCG64(seed))
    attempts, variation = _of(rows.matrix, "attempts"), _of(rows.matrix, "gap_variation")
    short = _of(rows.matrix, "short_answered") / np.maximum(_of(rows.matrix, "answered"), 1)
    signs = (attempts >= 75).astype(int) + (variation <= 0.45) + (short >= 0.15) + (attempts >= 200)
    spoken = np.ones(len(attempts), bool) if every else (signs >= 2) & (attempts >= 30)
    drawn = ~spoken & (attempts >= 5) & (source.random(len(attempts)) < AUDIT_RATE)
    index = np.flatnonzero(spoken | drawn)
    some = len(index)
    wrong = source.random(some) < WRONG
    label = (rows.abuse[index] ^ wrong).astype(np.float64)
    label[source.random(some) < INCONCLUSIVE] = np.nan
    day = rows.day[index].astype(np.int64)
    decided = day * _DAY_MS + _DAY_MS + source.integers(3_600_000, 3 * _DAY_MS, some)
    audit = drawn[index]
    alert = np.array([f"al-{n:020x}" for n in index])
    order = np.lexsort((alert, decided))
    names, which = np.unique(rows.tenant[index], return_inverse=True)
    pseudonym = np.array([hashlib.sha256(f"{seed}{name}".encode()).hexdigest()[:32] for name in names])
    verdict = np.where(np.isnan(label), "inconclusive", np.where(label == 1, "breach", "no_breach"))
    columns: dict[str, NDArray[Any]] = {
        "alert_id": alert,
        "rule": np.where(audit, "audit", "autodial"),
        "clause": np.where(audit, "5.d", "9.e"),
        "level": np.where(audit, "audit", np.where((signs[index] >= 3) ^ (source.random(some) < 0.1), "breach", "notice")),
        "tenant": pseudonym[which],
        "licence": np.char.add(pseudonym[which], rows.licence[index]),
        "day": rows.day[index],
        "row_age_days": np.zeros(some, np.int32),
        "decided_at": decided.astype("datetime64[ms]"),
        "verdict": verdict,
        "label": label,
        "reviewer": np.where(source.random(some) < 0.5, "a" * 32, "b" * 32),
        "sampling": np.where(audit, "audit", "alert"),
        "propensity": np.where(audit, AUDIT_RATE, 1.0),
        "weak": np.zeros(some, bool),
        "policy_version": np.full(some, "default-1"),
        "origin": np.full(some, "live"),
    }
    columns = {name: values[order] for name, values in columns.items()}
    digest = hashlib.sha256(f"{rows.fingerprint} {seed} {every}".encode()).hexdigest()
    return Judged(columns, rows.matrix[index][order], SCHEMA_HASH, digest)


def _of(matrix: Floats, name: str) -> Floats:
    return matrix[:, NAMES.index(name)]


def _columns(source: np.random.Generator, attempts: Floats, shown: NDArray[np.int64], style: Floats, weekend: NDArray[np.bool_]) -> Floats:
    """All columns but the means of the days before."""
    rows = len(attempts)
    # One array for all, filled by name: a million rows have 450 MB.
    matrix = np.zeros((rows, len(NAMES)))

    def put(name: str, values: Any) -> Floats:
        matrix[:, NAMES.index(name)] = values
        return _of(matrix, name)

    answered = put("answered", source.binomial(attempts.astype(int), np.clip(_ANSWERED[shown] * style[:, 1], 0.05, 0.95)))
    unanswered = put("unanswered", attempts - answered)
    put("attempts", attempts)
    cancelled = put("cancelled", source.binomial(unanswered.astype(int), np.where(shown >= 3, 0.55, 0.3)))
    busy = put("busy", source.binomial((unanswered - cancelled).astype(int), 0.3))
    put("failed", source.binomial((unanswered - cancelled - busy).astype(int), 0.15))
    mean = np.clip(_TALK[shown] * style[:, 2], 5, 1_200)
    left = answered.copy()
    lengths = [name for name in NAMES if name.startswith("talk_") and name[5].isdigit()]
    for name, least in zip(lengths, LENGTHS, strict=True):
        most = LENGTHS[LENGTHS.index(least) + 1] if least != LENGTHS[-1] else np.inf
        part = np.clip(1 - np.exp(-(most - least) / mean), 0, 1)
        taken = source.binomial(left.astype(int), part) if np.isfinite(most) else left
        put(name, taken)
        left = left - taken
    talk = put("talk_seconds", np.round(answered * mean * np.exp(source.normal(0, 0.15, rows))))
    put("talk_mean", np.round(talk / np.maximum(answered, 1), 6))
    put("short_answered", source.binomial(answered.astype(int), np.clip(1 - np.exp(-6 / mean), 0, 1)))
    put("long_answered", source.binomial(answered.astype(int), np.exp(-1_800 / mean)))
    once = np.clip(_ONCE[shown] * style[:, 3] ** 0.3, 0, 1)
    destinations = put("destinations", np.minimum(np.round(attempts * (0.5 + once / 2)), 512))
    put("called_once", np.where(attempts > 0, np.round(once, 6), 0))
    put("top_destination", np.where(attempts > 0, 1 + source.poisson(attempts * (1 - once) / 10), 0))
    put("sequence", np.where(shown >= 3, source.poisson(1.5, rows), source.poisson(0.1, rows)))
    put("gap_mean", np.where(attempts > 1, np.round(28_800 / np.maximum(attempts, 1)), 0))
    put(
        "gap_variation",
        np.where(attempts > 2, np.round(np.clip(_VARIATION[shown] * style[:, 4] ** 0.5 + source.normal(0, 0.1, rows), 0.05, 3), 3), 1),
    )
    hours = put("active_hours", np.minimum(np.ceil(attempts / 4), 9))
    put("busiest_hour", np.ceil(attempts / np.maximum(hours, 1) * (1 + source.random(rows))))
    put("night_calls", source.poisson(0.05, rows))
    put("concurrent", np.where(attempts > 0, 1 + source.poisson(np.where(shown >= 3, 0.8, 0.15)), 0))
    mobile = put("mobile", source.binomial(attempts.astype(int), 0.5))
    put("fixed", attempts - mobile)
    inbound = put("inbound", source.poisson(np.array([12.0, 15.0, 10.0, 3.0, 6.0])[shown] * np.where(weekend, 0.2, 1.0)))
    put("inbound_answered", source.binomial(inbound.astype(int), 0.8))
    put("outbound_inbound", np.round(attempts / np.maximum(inbound, 1), 6))
    put("internal", source.poisson(np.where(shown >= 3, 1.0, 5.0)))
    put("registrations", source.poisson(24.0, rows))
    for name, usual in (("devices", 0.6), ("networks", 0.8), ("agent_families", 0.3)):
        put(name, 1 + source.poisson(usual, rows))
    put("countries", 1)
    put("weekend", weekend)
    put("cost_cents", np.round(talk / 60 * 0.8, 3))
    del destinations
    return matrix


def _means(matrix: Floats, days: int) -> None:
    """Means of the days before, as the extractor has them; rows of a licence stand together."""
    for name in ("attempts", "talk_seconds", "destinations"):
        values = _of(matrix, name).reshape(-1, days)
        sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
        at = np.arange(days)
        for back in (7, 28):
            first = np.maximum(at - back, 0)
            means = (sums[:, at] - sums[:, first]) / np.maximum(at - first, 1)
            matrix[:, NAMES.index(f"{name}_mean_{back}d")] = np.round(means, 6).ravel()
