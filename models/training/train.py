"""From labels and a recipe to everything that goes into the registry: estimator, facts, card, metrics, pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np

from models.registry.loading import schema_of
from models.registry.manifest import Trained
from models.training import card, evaluation, plots
from models.training.cost import Cutoffs, cutoffs
from models.training.errors import TrainingRefused
from models.training.evaluation import Evaluation
from models.training.metrics import Floats, Interval
from models.training.novelty import Days, Novelty, learn
from models.training.pipelines import LOGISTIC, Fitted, best, calibrate, fit, methods, one_thread, probabilities
from models.training.recipe import Recipe, names_of
from models.training.reference import reference
from models.training.rows import Chosen, Labelled, Rows, choose, date, days
from models.training.split import Parts, demand, split

#: What is done, how much of it, how much in all; 0 in all where nobody knows.
Told = Callable[[str, int, int], None]


class Featured(Protocol):
    """A file of features (``models.parquet``)."""

    @property
    def tenant(self) -> Any:
        """Of each row."""

    @property
    def day(self) -> Any:
        """Of each row."""

    @property
    def matrix(self) -> Floats:
        """All columns of the schema."""

    @property
    def schema_hash(self) -> str:
        """Of the columns."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""


class Made(NamedTuple):
    """What ``models.registry.store.save`` takes, and what there is to tell about it."""

    estimator: Any
    trained: Trained
    files: dict[str, bytes]
    #: What was tried, the taken one first; nothing for ``anomaly``.
    fitted: list[Fitted]
    cutoffs: Cutoffs | None
    evaluation: Evaluation | None
    novelty: Novelty | None


def _quiet(doing: str, done: int, total: int) -> None:
    pass


class Training:
    """One training.

    Args:
        recipe: what to do.
        recipe_sha256: digest of its file.
        recipe_path: for messages.
        as_of: RFC 3339, the instant up to which labels were known.
        told: called with what is being done.
    """

    def __init__(self, recipe: Recipe, recipe_sha256: str, recipe_path: str, as_of: str, told: Told = _quiet) -> None:
        self.recipe, self.recipe_sha256, self.recipe_path, self.as_of, self.told = recipe, recipe_sha256, recipe_path, as_of, told
        self.schema_hash, _ = schema_of(recipe.rows)
        #: What became of the labels, as far as the training came; there to be told when it was refused.
        self.chosen: Chosen | None = None
        self.parts: Parts | None = None

    def run(self, labels: Labelled | None, features: Featured | None) -> Made:
        """Train.

        Args:
            labels: needed by every model but ``anomaly``.
            features: needed by ``anomaly``; of others the usual day and the reference of drift come from there, if given.

        Raises:
            TrainingRefused: they cannot give such a model.
        """
        with one_thread():
            return self._forest(labels, features) if self.recipe.candidates.forest else self._ranked(labels, features)

    def _ranked(self, labels: Labelled | None, features: Featured | None) -> Made:
        recipe = self.recipe
        if labels is None:
            raise TrainingRefused(f"{recipe.name} learns from verdicts: give --labels, as vigie labels export writes them")
        self.told("choosing the rows", 0, 0)
        chosen = self.chosen = choose(labels, recipe, self.schema_hash)
        rows = chosen.rows
        parts = self.parts = split(rows, recipe.split, recipe.seed)
        demand(rows, parts, recipe.split.least_positives, self.recipe_path)
        before = self._before(features, parts.train.last)
        train, calibration, queue, test = (rows.take(part.rows) for part in parts.slices)
        self.told("fitting the candidates", 0, 0)
        fitted = fit(recipe, train, calibration)
        winner = best(fitted)
        self.told("calibrating", 0, 0)
        span = parts.threshold.days * parts.threshold.share
        estimator, method, cut = calibrated(winner.estimator, _queue(calibration), _queue(queue), span, recipe)
        self.told("testing", 0, recipe.bootstrap_rounds)
        found = evaluation.evaluate(
            estimator, test, parts.test, cut.threshold, recipe, lambda done, total: self.told("testing", done, total)
        )
        self.told("writing the card", 0, 0)
        usual = np.median(before, axis=0) if before is not None else weighted_median(train.matrix, train.weight)
        about, population = (before, "features") if before is not None else (train.matrix, "labels")
        label_rate = float(np.mean(_queue(train).label))
        drift = reference(recipe.names, about, self._scores(estimator, about), (cut.threshold, cut.urgent), label_rate, population)
        tested = _queue(test)
        scores = probabilities(estimator, tested.matrix)
        compared = [(f"{recipe.name} ({winner.name})", scores)]
        compared += [
            ("logistic reference", one.estimator.decision_function(tested.matrix)) for one in fitted if one.name == LOGISTIC != winner.name
        ]
        compared.append(("rules alone", np.array([evaluation.LEVELS.get(str(level), 0.0) for level in tested.level])))
        files = {
            "plots/calibration.svg": plots.calibration(tested.label, scores),
            "plots/precision_recall.svg": plots.precision_recall(tested.label, compared, cut.threshold),
            "plots/cost_curve.svg": plots.cost_curve(cut),
            "plots/importance.svg": plots.importance(found.importance),
        }
        trained = self._trained(labels, features, usual, cut.threshold, cut.urgent, found.metrics, None)
        facts = card.Ranked(recipe, trained, chosen, parts, fitted, winner, method, cut, found, _late(rows, parts), population)
        files |= {"card.md": card.ranked(facts), "metrics.json": card.ranked_metrics(facts), "reference.json": _json(drift)}
        in_order = [winner, *(one for one in fitted if one is not winner)]
        return Made(estimator, trained, files, in_order, cut, found, None)

    def _forest(self, labels: Labelled | None, features: Featured | None) -> Made:
        recipe = self.recipe
        if features is None:
            raise TrainingRefused(f"{recipe.name} looks at every licence-day: give --features, as vigie features writes them")
        rows = Days(self._matrix(features), days(features.day), np.asarray(features.tenant, dtype=np.str_))
        if not len(rows.day):
            raise TrainingRefused("the file of features has no row; write features of a longer time")
        chosen = self.chosen = choose(labels, recipe, self.schema_hash) if labels is not None else None
        found = learn(recipe, rows, chosen.rows if chosen else None, self.told)
        self.told("writing the card", 0, 0)
        first = rows.matrix[rows.day <= found.slices[0][2]]
        again = rows.matrix[(rows.day >= found.slices[2][1]) & (rows.day <= found.slices[2][2])]
        drift = reference(recipe.names, again, found.scores, (found.threshold, found.urgent), None, "features")
        trained = self._trained(labels, features, np.median(first, axis=0), found.threshold, found.urgent, found.metrics, found.knots)
        files = {
            "plots/queue.svg": plots.queue(found.scores, found.days, found.threshold, recipe.cost.capacity),
            "card.md": card.novel(recipe, trained, found, chosen),
            "metrics.json": card.novel_metrics(recipe, trained, found, chosen),
            "reference.json": _json(drift),
        }
        return Made(found.estimator, trained, files, [], None, None, found)

    def _matrix(self, features: Featured) -> Floats:
        if features.schema_hash != self.schema_hash:
            text = (
                f"the file of features is of schema {features.schema_hash}, the recipe's rows ({self.recipe.rows}) are {self.schema_hash}"
            )
            raise TrainingRefused(f"{text}; write it again with vigie features")
        known = names_of(self.recipe.rows)
        return np.ascontiguousarray(features.matrix[:, [known.index(name) for name in self.recipe.names]], np.float64)

    def _before(self, features: Featured | None, last: int) -> Floats | None:
        """Every licence-day up to the end of the train slice: what is usual, and what drift is measured from."""
        if features is None:
            return None
        matrix = self._matrix(features)[days(features.day) <= last]
        if not len(matrix):
            raise TrainingRefused(
                f"the file of features has no row up to {date(last)}, the end of training; write features of the same time"
            )
        return matrix

    def _scores(self, estimator: Any, matrix: Floats) -> Floats:
        step = 50_000
        found = []
        for begin in range(0, len(matrix), step):
            found.append(probabilities(estimator, matrix[begin : begin + step]))
            self.told("writing the card", min(begin + step, len(matrix)), len(matrix))
        return np.concatenate(found)

    def _trained(
        self,
        labels: Labelled | None,
        features: Featured | None,
        medians: Floats,
        threshold: float,
        urgent: float,
        metrics: dict[str, Interval],
        knots: tuple[tuple[float, float], ...] | None,
    ) -> Trained:
        known = {name: one for name, one in metrics.items() if np.all(np.isfinite(one))}
        prints = [f"{kind} {one.fingerprint}" for kind, one in (("labels", labels), ("features", features)) if one is not None]
        return Trained(
            recipe_sha256=self.recipe_sha256,
            rows=self.recipe.rows,
            schema_hash=self.schema_hash,
            features=self.recipe.names,
            medians=tuple(float(value) for value in medians),
            data_fingerprint=hashlib.sha256("\n".join(prints).encode()).hexdigest(),
            threshold=threshold,
            urgent=urgent,
            capacity_per_day=float(self.recipe.cost.capacity),
            score_knots=knots,
            trained_as_of=self.as_of,
            seed=self.recipe.seed,
            metrics={name: (round(one.value, 6), round(one.low, 6), round(one.high, 6)) for name, one in sorted(known.items())},
            guards=dict(sorted(self.recipe.guards.items())),
        )


def calibrated(estimator: Any, calibration: Rows, queue: Rows, span: float, recipe: Recipe) -> tuple[Any, str, Cutoffs]:
    """An estimator with a calibration and a threshold that fit each other.

    Isotonic regression says the truer probability, but gives many alerts the same one: when the capacity cuts through such a step, all
    of it stays unseen, and the team's hours with it. So where both are tried the cheaper threshold decides, and the truer of equals.

    Args:
        estimator: fitted.
        calibration: alerts to calibrate on.
        queue: alerts to choose the threshold on.
        span: days of these, times the part of all alerts that they are.
        recipe: method and costs.

    Raises:
        TrainingRefused: no threshold is worth a review.
    """
    found: list[tuple[Any, str, Cutoffs]] = []
    refused: list[TrainingRefused] = []
    for method in methods(calibration, recipe.calibration):
        tried = calibrate(estimator, calibration, method)
        try:
            found.append((tried, method, cutoffs(queue.label, probabilities(tried, queue.matrix), span, recipe.cost)))
        except TrainingRefused as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return min(found, key=lambda one: one[2].cents)


def weighted_median(matrix: Floats, weights: Floats) -> Floats:
    """The median of each column where a row stands for as many as its weight.

    >>> weighted_median(np.array([[1.0], [2.0], [30.0]]), np.array([1.0, 5.0, 1.0]))
    array([2.])
    """
    found = []
    for column in range(matrix.shape[1]):
        order = np.argsort(matrix[:, column], kind="stable")
        reached = np.cumsum(weights[order])
        found.append(matrix[order[np.searchsorted(reached, reached[-1] / 2)], column])
    return np.array(found)


def _queue(rows: Rows) -> Rows:
    return rows.take(np.flatnonzero(~rows.audited))


def _late(rows: Rows, parts: Parts) -> int:
    """Verdicts of earlier slices that were given after the test slice had begun: who trained then had not got them."""
    begin = parts.test.first * 86_400_000
    return sum(int(np.sum(rows.decided[part.rows] >= begin)) for part in parts.slices[:-1])


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
