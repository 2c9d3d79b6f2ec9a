"""Two versions on the same rows with the same evaluator: what a change of champion would change.

Rows that a candidate learned from would flatter it. So labels newer than its training are used, or, on the very file that it was
trained from, the test slice, whose customers it never saw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.registry.errors import MoveRefused, ScoringFailed
from models.registry.loading import Floats, Loaded
from models.registry.reports import Measured, Metric, Report, Side, SliceLine
from models.training.evaluation import LEAST_OF_A_KIND, LEVELS, ranking
from models.training.metrics import Interval, Statistic, average_precision_of, bootstrap_all, brier_of, ece_of
from models.training.recipe import Recipe
from models.training.rows import Labelled, Rows, choose, date
from models.training.split import Slice, split
from models.training.train import Featured
from streams.times import parse_time

#: Rows that are scored together, as the scorer does it.
BATCH = 4096
Told = Callable[[str, int, int], None]


class Found(NamedTuple):
    """The rows of a comparison."""

    rows: Rows
    #: Where each stands in the file.
    at: NDArray[np.int64]
    part: Slice
    basis: str


class Counted:
    """A model whose failures are counted instead of raised: a row without a score is a result.

    Args:
        model: the one that is asked; ``None`` for rules alone, which are never asked.
    """

    def __init__(self, model: Loaded | None) -> None:
        self.model, self.scored, self.errors = model, 0, 0

    def score(self, full: Floats, told: Callable[[int, int], None] | None = None) -> Floats:
        """Scores of whole rows of the schema; NaN where there is none."""
        assert self.model is not None
        found = np.full(len(full), np.nan)
        for start in range(0, len(full), BATCH):
            rows = self.model.pick(full[start : start + BATCH])
            found[start : start + BATCH] = self._batch(rows)
            if told:
                told(min(start + BATCH, len(full)), len(full))
        self.scored += len(full)
        self.errors += int(np.sum(np.isnan(found)))
        return found

    def _batch(self, rows: Floats) -> Floats:
        """The scores of a batch; one that fails is halved until the rows that fail stand alone."""
        assert self.model is not None
        try:
            return self.model.score(rows)
        except ScoringFailed:
            if len(rows) == 1:
                return np.array([np.nan])
            half = len(rows) // 2
            return np.concatenate([self._batch(rows[:half]), self._batch(rows[half:])])


def compare(
    champion: Loaded | None,
    candidate: Loaded,
    manifest_sha256: str,
    recipe: Recipe,
    recipe_sha256: str,
    labels: Labelled | None,
    features: Featured | None,
    told: Told | None = None,
) -> Report:
    """Measure a candidate against a champion, or against rules alone.

    Args:
        champion: ``None`` for rules alone, which take breaches before notices.
        candidate: the one in question.
        manifest_sha256: of the candidate's manifest, for the report.
        recipe: today's costs, capacity and slices.
        recipe_sha256: digest of its file.
        labels: judged alerts.
        features: licence-days as they come.
        told: called with what is being done, how far it is and how far it goes.

    Raises:
        MoveRefused: the two are not of one model, or the labels have too few rows that the candidate did not learn from.
        TrainingRefused: the labels' features are others.
    """
    name = candidate.manifest.name
    if champion is not None and (champion.manifest.name, champion.manifest.rows) != (name, candidate.manifest.rows):
        raise MoveRefused(f"{champion.manifest.version} and {candidate.manifest.version} are not of one model; compare two of one name")
    if recipe.name != name:
        raise MoveRefused(f"{candidate.manifest.version}: the recipe is that of {recipe.name}; give --recipe recipes/{name}.toml")
    if champion is not None and champion.manifest.version == candidate.manifest.version:
        raise MoveRefused(f"{candidate.manifest.version}: is compared with itself; name another version")
    sides = Counted(champion), Counted(candidate)
    measured: dict[str, Any] = {}
    if labels is not None:
        prints = frozenset({fingerprint(labels, None), fingerprint(labels, features)})
        measured = _on_labels(sides, recipe, recipe_sha256, labels, prints, told)
    mixes: list[dict[str, float] | None] = [None, None]
    alike = None
    if features is not None:
        parts = []
        if features.schema_hash != candidate.manifest.schema_hash:
            raise MoveRefused(f"{candidate.manifest.version}: the file of features has other columns; write it again with vigie features")
        for number, side in enumerate(sides):
            if side.model is not None:
                scores = side.score(features.matrix, (lambda done, of: told("scoring", done, of)) if told else None)
                parts.append(_parts(scores, side.model))
                mixes[number] = mix_of(parts[-1])
        alike = round(float(np.mean(parts[0] == parts[1])), 6) if len(parts) == len(sides) and len(features.matrix) else None
    return Report(
        name=name,
        manifest_sha256=manifest_sha256,
        champion=_side(sides[0], mixes[0]),
        candidate=_side(sides[1], mixes[1]),
        alike=alike,
        features_sha256=features.fingerprint if features is not None else "",
        **measured,
    )


def fingerprint(labels: Labelled | None, features: Featured | None) -> str:
    """The data fingerprint of a model that is trained from these files, as ``models.training.train`` writes it."""
    prints = [f"{kind} {one.fingerprint}" for kind, one in (("labels", labels), ("features", features)) if one is not None]
    return hashlib.sha256("\n".join(prints).encode()).hexdigest()


def mix_of(parts: NDArray[np.int64]) -> dict[str, float]:
    """Shares of rows below the review threshold (0), for review (1) and urgent (2)."""
    count = max(len(parts), 1)
    return {name: round(int(np.sum(parts == value)) / count, 9) for value, name in enumerate(("below", "review", "urgent"))}


def parts_of(scores: Floats, threshold: float, urgent: float) -> NDArray[np.int64]:
    """0 below the review threshold or without a score, 1 for review, 2 urgent."""
    asked = np.nan_to_num(scores, nan=-1.0)
    return np.where(asked >= max(threshold, urgent), 2, np.where(asked >= threshold, 1, 0)).astype(np.int64)


def _parts(scores: Floats, model: Loaded) -> NDArray[np.int64]:
    return parts_of(scores, model.manifest.threshold, model.manifest.urgent)


def _side(side: Counted, mix: dict[str, float] | None) -> Side:
    version = side.model.manifest.version if side.model is not None else ""
    return Side(version=version, scored=side.scored, errors=side.errors, mix=mix)


def _on_labels(
    sides: tuple[Counted, Counted], recipe: Recipe, recipe_sha256: str, labels: Labelled, prints: frozenset[str], told: Told | None
) -> dict[str, Any]:
    found = rows_for(sides[0].model, sides[1].model, recipe, recipe_sha256, labels, prints)
    rows = found.rows
    capacity = recipe.cost.capacity * found.part.share
    full = labels.matrix[found.at]
    scores, least = [], []
    for side in sides:
        if side.model is None:
            scores.append(np.array([LEVELS.get(str(level), 0.0) for level in rows.level]))
            least.append(-np.inf)
        else:
            # A row without a score is at the end of the queue.
            scores.append(np.nan_to_num(side.score(full), nan=0.0))
            least.append(side.model.manifest.threshold)
    statistics = {
        f"{which}.{name}": one
        for which, side, score, floor in zip(("champion", "candidate"), sides, scores, least, strict=True)
        for name, one in _statistics(rows, score, capacity, found.part, recipe, floor, _calibrated(side)).items()
    }
    metrics = _metrics(statistics, rows, recipe, (lambda done, of: told("drawing", done, of)) if told else None)
    wanted = [score >= floor for score, floor in zip(scores, least, strict=True)]
    ids = np.asarray(labels.columns["alert_id"], dtype=np.str_)[found.at]
    guards = sides[1].model.manifest.guards if sides[1].model is not None else {}
    return {
        "labels_sha256": labels.fingerprint,
        "basis": found.basis,
        "rows": len(rows),
        "breaches": int(np.sum(rows.label == 1)),
        "period": (date(int(rows.day.min())), date(int(rows.day.max()))),
        "capacity": round(capacity, 4),
        "metrics": metrics,
        "slices": _slices(rows, scores, recipe, guards, metrics),
        "appear": sorted(str(one) for one in ids[wanted[1] & ~wanted[0]]),
        "disappear": sorted(str(one) for one in ids[wanted[0] & ~wanted[1]]),
    }


def rows_for(
    champion: Loaded | None, candidate: Loaded | None, recipe: Recipe, recipe_sha256: str, labels: Labelled, prints: frozenset[str]
) -> Found:
    """The judged alerts that a comparison may use.

    Args:
        champion: one side.
        candidate: the other.
        recipe: today's.
        recipe_sha256: digest of its file.
        labels: judged alerts.
        prints: the data fingerprints that a training on these files has.

    Raises:
        MoveRefused: they are too few, or the recipe is not the one whose test slice they would be.
    """
    assert candidate is not None
    manifest = candidate.manifest
    rows, index = _chosen(labels, recipe, manifest.schema_hash)
    alerts = ~rows.audited
    if recipe.rules and manifest.data_fingerprint in prints:
        if manifest.recipe_sha256 != recipe_sha256:
            text = "these labels trained it, and its test slice is known only by the recipe of that time"
            raise MoveRefused(f"{manifest.version}: {text}; give that one by --recipe, or newer labels")
        part = split(rows, recipe.split, recipe.seed).test
        kept = part.rows[alerts[part.rows]]
        basis = "test slice of the candidate's training: customers and days it never saw"
    else:
        learned = [one.manifest.trained_as_of for one in (champion, candidate) if one is not None and recipe.rules]
        since = max(learned, key=parse_time, default="")
        newer = rows.decided > parse_time(since) if since else np.ones(len(rows), bool)
        kept = np.flatnonzero(alerts & newer)
        days = rows.day[kept] if len(kept) else np.zeros(1, np.int64)
        part = Slice("newer", kept, int(days.min()), int(days.max()), len(kept))
        basis = f"verdicts given after both were trained ({since})" if since else "all verdicts: neither learned from them"
    breaches = int(np.sum(rows.label[kept] == 1))
    if min(breaches, len(kept) - breaches) < LEAST_OF_A_KIND:
        text = f"{breaches} breaches and {len(kept) - breaches} others that it did not learn from"
        more = f"{LEAST_OF_A_KIND} of each are needed: judge and export more, or give all files it was trained from"
        raise MoveRefused(f"{manifest.version}: the labels have {text}; {more}")
    return Found(rows.take(kept), index[kept], part, basis)


class _Numbered(NamedTuple):
    """Labels whose features are the number of the row: what is chosen says which it was."""

    columns: Mapping[str, NDArray[Any]]
    matrix: Floats
    schema_hash: str
    fingerprint: str


def _chosen(labels: Labelled, recipe: Recipe, schema_hash: str) -> tuple[Rows, NDArray[np.int64]]:
    count, width = labels.matrix.shape
    numbers = np.broadcast_to(np.arange(count, dtype=np.float64)[:, None], (count, width))
    rows = choose(_Numbered(labels.columns, numbers, labels.schema_hash, labels.fingerprint), recipe, schema_hash).rows
    return rows, rows.matrix[:, 0].astype(np.int64)


def _statistics(
    rows: Rows, scores: Floats, capacity: float, part: Slice, recipe: Recipe, least: float, calibrated: bool
) -> dict[str, Statistic]:
    found = ranking(rows, scores, capacity, part, recipe.cost, least)
    if calibrated:
        found |= {"calibration_error": ece_of(rows.label, scores), "brier": brier_of(rows.label, scores)}
    return found


def _calibrated(side: Counted) -> bool:
    """Whether its scores are probabilities: a forest's are parts of earlier days, and a rule's are an order."""
    return side.model is not None and side.model.manifest.score_knots is None


def _metrics(
    statistics: dict[str, Statistic], rows: Rows, recipe: Recipe, told: Callable[[int, int], None] | None = None
) -> dict[str, Metric]:
    names = [name.removeprefix("candidate.") for name in statistics if name.startswith("candidate.")]
    asked = dict(statistics)
    for name in names:
        before, after = statistics.get(f"champion.{name}"), statistics[f"candidate.{name}"]
        if before is not None:
            asked[f"difference.{name}"] = lambda weights, before=before, after=after: after(weights) - before(weights)  # type: ignore[misc]
    found = bootstrap_all(asked, rows.customer, recipe.bootstrap_rounds, recipe.seed, told)
    none = Interval(float("nan"), float("nan"), float("nan"))
    return {
        name: Metric(*(_measured(found.get(f"{which}.{name}", none)) for which in ("champion", "candidate", "difference")))
        for name in names
    }


def _slices(rows: Rows, scores: list[Floats], recipe: Recipe, guards: dict[str, float], metrics: dict[str, Metric]) -> list[SliceLine]:
    whole = metrics["average_precision"]
    found = [SliceLine("all", len(rows), int(np.sum(rows.label == 1)), whole, guards.get("all"))]
    none: Measured = (None, None, None)
    for kind in recipe.slices:
        for value in np.unique(rows.slices[kind]):
            index = np.flatnonzero(rows.slices[kind] == value)
            some = rows.take(index)
            breaches = int(np.sum(some.label == 1))
            metric = Metric(none, none, none)
            if min(breaches, len(some) - breaches) >= LEAST_OF_A_KIND:
                statistics = {
                    f"{which}.average_precision": average_precision_of(some.label, score[index])
                    for which, score in zip(("champion", "candidate"), scores, strict=True)
                }
                metric = _metrics(statistics, some, recipe)["average_precision"]
            name = f"{kind}:{value}"
            found.append(SliceLine(name, len(some), breaches, metric, guards.get(name)))
    return found


def _measured(interval: Interval) -> Measured:
    value, low, high = (None if np.isnan(one) else round(float(one), 6) for one in interval)
    return value, low, high
