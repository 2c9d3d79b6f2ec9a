"""Rows in, scores out: micro-batches for one model at a time, and reasons for the rows that a person is to look at."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.digest import identifier
from detectors.events import Score
from detectors.outputs import Features
from models.registry.manifest import Manifest
from models.scoring.words import reason

Floats = NDArray[np.float64]
Role = Literal["champion", "challenger"]

#: Rows of one question. A model's answer has a fixed cost of some hundred µs: at 256 rows that is one or two for each.
BATCH = 256
#: Reasons of one score.
REASONS = 3


class Model(Protocol):
    """What is asked (``models.registry.loading.Loaded``)."""

    @property
    def manifest(self) -> Manifest:
        """What it is."""

    def pick(self, rows: Floats) -> Floats:
        """Its own columns of whole rows of the schema."""

    def score(self, matrix: Floats) -> Floats:
        """Scores from 0 to 1 with four decimals, one for each row of its own features."""


class Asked(NamedTuple):
    """A model in a role, and the score from which a person looks at its rows."""

    model: Model
    role: Role
    threshold: float


class Answer(NamedTuple):
    """Scores of the rows in their order, and the seconds that they took, without those of the reasons."""

    scores: list[Score]
    seconds: float


def score_rows(rows: Sequence[Features], asked: Asked) -> Answer:
    """What a model says of rows of its own schema.

    Args:
        rows: any number of them.
        asked: the model.

    Raises:
        ScoringFailed: the model gave something that is no score.
    """
    found: list[Score] = []
    seconds = 0.0
    for at in range(0, len(rows), BATCH):
        some = rows[at : at + BATCH]
        begun = perf_counter()
        matrix = asked.model.pick(np.array([row.values for row in some], dtype=np.float64))
        scores = asked.model.score(matrix)
        seconds += perf_counter() - begun
        high = np.flatnonzero(scores >= asked.threshold)
        why = dict(zip(high.tolist(), reasons(asked.model, matrix[high], scores[high]), strict=True))
        found += [event_of(row, float(score), why.get(i, ()), asked) for i, (row, score) in enumerate(zip(some, scores, strict=True))]
    return Answer(found, seconds)


def event_of(row: Features, score: float, why: tuple[str, ...], asked: Asked) -> Score:
    """The score of a row as an event. Its id follows from what it is of: scored again, it is a repeat, which detection drops."""
    manifest = asked.model.manifest
    return Score(
        id=identifier("sc", row.tenant, row.licence, row.day, manifest.name, manifest.version, asked.role),
        time=row.closed_at,
        tenant=row.tenant,
        licence=row.licence,
        day=row.day,
        model=manifest.name,
        model_version=manifest.version,
        role=asked.role,
        features_hash=row.schema_hash,
        score=score,
        reasons=why,
    )


def reasons(model: Model, matrix: Floats, scores: Floats) -> list[tuple[str, ...]]:
    """For each row the figures without which its score would be lowest: at most three, the weightiest first.

    A figure's weight is the fall of the score when it alone is set to its median over the rows that the model learned from. That is
    what a person would ask ("and with four calls?"), and it needs nothing of the model but its scores.

    Args:
        model: the model.
        matrix: rows of its own features.
        scores: of these rows.
    """
    manifest = model.manifest
    medians: Any = np.asarray(manifest.medians, dtype=np.float64)
    width = len(medians)
    found = []
    for row, score in zip(matrix, scores, strict=True):
        usual = np.tile(row, (width, 1))
        np.fill_diagonal(usual, medians)
        falls = np.round(score - model.score(usual), 4)
        order = sorted((i for i in range(width) if falls[i] > 0), key=lambda i: (-falls[i], i))[:REASONS]
        found.append(tuple(reason(manifest.features[i], float(row[i]), float(medians[i]), manifest.rows) for i in order))
    return found
