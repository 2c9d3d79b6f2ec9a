"""The drift of one model: each feature, the score, the share of breaches among verdicts, and what the team gets to see.

Features drift every summer and mean nothing if the queue stays as it was. So features and score only inform; the alarm is the
decision mix: the shares below, at and far above the review threshold.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from scipy.stats import chi2_contingency

from models.drift.measures import CHANCE, Floats, Status, counts_of, distance
from models.registry import store
from models.registry.comparing import Counted, mix_of, parts_of
from models.registry.errors import ModelForeign
from models.registry.loading import Loaded

REFERENCE = "reference.json"
FORMAT = 1
#: A part of the mix that grew or shrank by half changes a working day; below, people do not notice.
GREW, SHRANK = 1.5, 1 / 1.5
#: Fewer rows than the team sees in a day say nothing of shares of some per mille.
LEAST_ROWS = 200
_PARTS = ("below", "review", "urgent")


class Deciles(msgspec.Struct, frozen=True):
    """Inner edges and the share of rows in each bin."""

    edges: list[float]
    shares: list[float]


class Reference(msgspec.Struct, frozen=True):
    """``reference.json`` of a model, as ``models.training.reference`` writes it."""

    format: int
    population: Literal["features", "labels"]
    rows: int
    features: dict[str, Deciles]
    score: Deciles
    label_rate: float | None
    decision_mix: dict[str, float]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feature, or the score, is from training.

    Args:
        name: of the feature, or ``score``.
        status: what to do.
        psi: population stability index.
        chance: what of it chance alone reaches once in a thousand times.
        ks: largest distance of the cumulative shares, at the edges.
        ks_p: how often chance alone gives such a distance.
        edges: of the bins, each value up to and including its edge.
        before: shares of the bins in training.
        now: shares of the bins now.
    """

    name: str
    status: Status
    psi: float
    chance: float
    ks: float
    ks_p: float
    edges: list[float]
    before: tuple[float, ...]
    now: tuple[float, ...]


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A report of drift.

    Args:
        name: of the model.
        version: of the model.
        rows: of now.
        rows_before: of training.
        population: what the rows of training were: ``features`` (all licence-days) or ``labels`` (judged alerts).
        errors: rows without a score.
        period: first and last day of the rows.
        score: of the model.
        features: the farthest first.
        label_rate: breaches among judged alerts, then and now; ``None`` where nobody judged.
        verdicts: of now.
        mix_before: shares in training.
        mix_now: shares now.
        mix_p: how often chance alone gives such a mix.
        moved: parts of the mix that moved, in words; the alarm is that there is one.
    """

    name: str
    version: str
    rows: int
    rows_before: int
    population: str
    errors: int
    period: tuple[str, str]
    score: Moved
    features: list[Moved]
    label_rate: tuple[float | None, float | None]
    verdicts: int
    mix_before: dict[str, float]
    mix_now: dict[str, float]
    mix_p: float
    moved: list[str]

    @property
    def alarm(self) -> bool:
        """Whether the team sees something else than it did."""
        return bool(self.moved)


_read = msgspec.json.Decoder(Reference).decode


def read_reference(registry: Path, model: Loaded) -> Reference:
    """What the model saw in training.

    Raises:
        ModelForeign: it has no such file, or of another format.
    """
    manifest = model.manifest
    path = registry / manifest.name / manifest.version / REFERENCE
    if REFERENCE not in manifest.files:
        raise ModelForeign(f"{path}: not there, so its drift cannot be told; train it again with this vigie")
    data = store.read_bytes(path, store.FILE_MAX)
    try:
        found = _read(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        found = None
    if found is None or store.digest(data) != manifest.files[REFERENCE] or found.format != FORMAT:
        raise ModelForeign(f"{path}: no reference of format {FORMAT}; train the model again with this vigie")
    bins = [*found.features.values(), found.score]
    if set(found.features) != set(manifest.features) or any(len(one.shares) != len(one.edges) + 1 for one in bins):
        raise ModelForeign(f"{path}: not of the features of its manifest; train the model again")
    return found


def drift(model: Loaded, reference: Reference, full: Floats, period: tuple[str, str], verdicts: Floats | None, told: Any = None) -> Drift:
    """Measure rows of now against those of training.

    Args:
        model: scores them.
        reference: of the model.
        full: whole rows of the schema, of the days in question.
        period: these days, for the report.
        verdicts: 1 for each breach and 0 for each other alert judged in that time; ``None`` without labels.
        told: called with rows done and in all.
    """
    manifest = model.manifest
    side = Counted(model)
    scores = side.score(full, told)
    rows = model.pick(full)
    features = [_moved(name, reference.features[name], reference.rows, rows[:, column]) for column, name in enumerate(manifest.features)]
    now = mix_of(parts_of(scores, manifest.threshold, manifest.urgent))
    mix_p, moved = mix_moved(reference.decision_mix, reference.rows, now, len(rows))
    return Drift(
        name=manifest.name,
        version=manifest.version,
        rows=len(rows),
        rows_before=reference.rows,
        population=reference.population,
        errors=side.errors,
        period=period,
        score=_moved("score", reference.score, reference.rows, scores[np.isfinite(scores)]),
        features=sorted(features, key=lambda one: (-one.psi, one.name)),
        label_rate=(reference.label_rate, round(float(np.mean(verdicts)), 6) if verdicts is not None and len(verdicts) else None),
        verdicts=0 if verdicts is None else len(verdicts),
        mix_before=reference.decision_mix,
        mix_now=now,
        mix_p=mix_p,
        moved=moved,
    )


def mix_moved(before: dict[str, float], rows_before: int, now: dict[str, float], rows: int) -> tuple[float, list[str]]:
    """Whether what the team sees is another thing: how likely by chance, and the parts that moved, in words.

    >>> mix_moved({"below": 0.98, "review": 0.015, "urgent": 0.005}, 9000, {"below": 0.95, "review": 0.045, "urgent": 0.005}, 9000)[1]
    ['review 1.50 % → 4.50 %']
    """
    counts = np.array([[before.get(part, 0.0) * rows_before for part in _PARTS], [now.get(part, 0.0) * rows for part in _PARTS]])
    seen = counts[:, counts.sum(axis=0) > 0]
    if rows < LEAST_ROWS or not rows_before or seen.shape[1] == 1:
        return 1.0, []
    p = float(chi2_contingency(seen, correction=False).pvalue)
    if p >= CHANCE:
        return round(p, 6), []
    found = []
    for part in _PARTS:
        was, is_ = before.get(part, 0.0), now.get(part, 0.0)
        # Of a part that nothing is in, one row in ten thousand is no news.
        least = 1 / rows_before if rows_before else 0.0
        if is_ > max(was * GREW, least) or is_ < was * SHRANK:
            found.append(f"{part} {was:.2%} → {is_:.2%}".replace("%", " %"))
    return round(p, 6), found


def _moved(name: str, deciles: Deciles, rows_before: int, values: Floats) -> Moved:
    found = distance(np.array(deciles.shares), rows_before, counts_of(np.array(deciles.edges), values))
    return Moved(
        name=name,
        status=found.status,
        psi=found.psi,
        chance=found.chance,
        ks=found.ks,
        ks_p=found.ks_p,
        edges=deciles.edges,
        before=found.before,
        now=found.now,
    )
