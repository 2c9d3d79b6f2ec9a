"""A small recipe and a small set of verdicts that it learns from in a second."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.verdicts import FIRST, Judged, World, judged, world
from models.labels import file as label_files
from models.parquet import schema_of
from models.schema import NAMES
from models.training.recipe import Recipe, checked

#: The latest instant of the verdicts, and some.
AS_OF = "2025-12-01T00:00:00.000Z"

RANKED: dict[str, Any] = {
    "name": "autodial",
    "rules": ["autodial"],
    "seed": 8,
    "features": ["attempts", "answered", "cancelled", "talk_mean", "sequence", "gap_variation", "concurrent", "outbound_inbound"],
    "bootstrap_rounds": 20,
    "labels": {"sampling": ["alert", "audit"]},
    "split": {"embargo_days": 7, "test_customers": 0.5, "least_positives": 5},
    "monotonic": {"attempts": "up", "gap_variation": "down"},
    "candidates": {"logistic": {}, "hgb": {"max_iter": 10, "max_leaf_nodes": 7}},
    "cost": {"false_alarm_cents": 1500, "missed_cents": 20000, "reviewer_minutes_per_alert": 3, "minutes_per_day": 30},
    "guards": {"all": 0.5},
}
NOVEL: dict[str, Any] = {
    **{key: RANKED[key] for key in ("seed", "features", "bootstrap_rounds", "cost", "labels")},
    "name": "anomaly",
    "rules": [],
    "slices": (),
    "split": {"embargo_days": 7, "calibration_share": 0.2, "threshold_share": 0.2, "test_share": 0.2},
    "candidates": {"forest": {"trees": 10, "max_samples": 64}},
}


def recipe(**changed: Any) -> Recipe:
    """The small recipe of autodial; of split, labels, candidates and cost only the keys given are changed."""
    return _merged(RANKED, changed)


def novel_recipe(**changed: Any) -> Recipe:
    """The small recipe of anomaly."""
    return _merged(NOVEL, changed)


def _merged(base: dict[str, Any], changed: dict[str, Any]) -> Recipe:
    merged = ("split", "labels", "candidates", "cost")
    tables = {key: {**base[key], **value} if key in merged else value for key, value in changed.items()}
    return checked({**base, **tables}, Path("small.toml"))


@cache
def small_world() -> World:
    """Sixty customers over 140 days."""
    return world(60, 140, 4, 5)


@cache
def small_labels() -> Judged:
    """What people said of it."""
    return judged(small_world(), 5)


def toml(table: dict[str, Any]) -> str:
    """A recipe as its file."""
    plain = [f"{key} = {_toml(value)}" for key, value in table.items() if not isinstance(value, dict)]
    tables = [(key, value) for key, value in table.items() if isinstance(value, dict)]
    for key, inner in tables:
        plain += [f"[{key}]", *(f"{name} = {_toml(value)}" for name, value in inner.items())]
    return "\n".join(plain) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def write_labels(path: Path, labels: Judged) -> None:
    """Labels as ``vigie labels export`` writes them."""
    c = labels.columns
    rows = [
        label_files.Label(
            **{name: str(c[name][n]) for name in ("alert_id", "rule", "clause", "level", "tenant", "licence", "verdict", "reviewer")},
            **{name: str(c[name][n]) for name in ("sampling", "policy_version", "origin")},
            day=int(c["day"][n].astype(int)),
            row_age_days=int(c["row_age_days"][n]),
            decided_at=int(c["decided_at"][n].astype(int)),
            label=None if np.isnan(c["label"][n]) else int(c["label"][n]),
            blind=None,
            second_verdict=None,
            second_reviewer=None,
            propensity=float(c["propensity"][n]),
            weak=bool(c["weak"][n]),
        )
        for n in range(len(labels.matrix))
    ]
    label_files.write(path, rows, labels.matrix, (FIRST + 182) * 86_400_000, "training")


def write_features(path: Path, rows: World) -> None:
    """Features as ``vigie features`` writes them."""
    closed_at = pa.array((rows.day.astype("datetime64[D]") + 1).astype("datetime64[ms]")).cast(pa.timestamp("ms", "UTC"))
    values = (pa.array(rows.matrix[:, n]) for n in range(len(NAMES)))
    columns = [pa.array(rows.tenant), pa.array(rows.licence), pa.array(rows.day), closed_at, *values]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema_of("day")), path)
