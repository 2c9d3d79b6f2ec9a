"""``vigie train``: a model from verdicts, with its card, signed into the registry."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from detectors.errors import VigieError
from vigie.run import exit_status

if TYPE_CHECKING:
    from models.labels import Labels
    from models.parquet import FeatureRows
    from models.registry.manifest import Manifest
    from models.training.train import Made, Training

# What follows is imported where it is used: scikit-learn and matplotlib take two seconds, which other commands need not wait for.

DAY_MS = 86_400_000
_WORDS = {
    "average_precision": ("average precision", "{:.3f}"),
    "precision_at_capacity": ("precision at capacity", "{:.3f}"),
    "recall_at_capacity": ("recall at capacity", "{:.3f}"),
    "calibration_error": ("calibration error", "{:.3f}"),
    "brier": ("Brier score", "{:.4f}"),
    "euros_per_day": ("€ saved a day", "{:.2f}"),
    "gain_euros_per_day": ("€ a day more than rules alone", "{:.2f}"),
    "rows_per_day": ("licence-days raised a day", "{:.2f}"),
    "precision_by_lot": ("precision, days drawn by lot", "{:.3f}"),
}


def train(
    recipe: Annotated[Path, typer.Option("--recipe", help="What to learn and how: a file of recipes/.", show_default=False)],
    registry: Annotated[Path, typer.Option("--registry", help="Directory of the models.", show_default=False)],
    key: Annotated[Path, typer.Option("--key", help="Your private key, from vigie models keygen.", show_default=False)],
    labels: Annotated[Path | None, typer.Option("--labels", help="Verdicts, from vigie labels export.", show_default=False)] = None,
    features: Annotated[
        Path | None, typer.Option("--features", help="Rows of all licences, from vigie features; anomaly needs them.", show_default=False)
    ] = None,
) -> None:
    """Train a model and put it, signed, into the registry; nothing uses it before it is promoted (docs/training.md)."""
    errors, console = Console(stderr=True), Console()
    training: Training | None = None
    try:
        from models import labels as label_files
        from models import parquet
        from models.registry.signing import read_key
        from models.registry.store import save
        from models.training import recipe as recipes
        from models.training.train import Training

        wanted, digest = recipes.read(recipe)
        private = read_key(key)
        with Steps(errors) as steps:
            steps.told("reading", 0, 0)
            judged = label_files.read(labels) if labels else None
            rows = parquet.read(features) if features else None
            training = Training(wanted, digest, str(recipe), _as_of(judged, rows), steps.told)
            made = training.run(judged, rows)
            steps.told("signing", 0, 0)
            manifest = save(registry, wanted.name, made.estimator, made.trained, made.files, private)
    except VigieError as error:
        if training is not None:
            _show_rows(console, training)
        errors.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(exit_status(error)) from None
    _show_rows(console, training)
    _show_metrics(console, made)
    _show_end(console, registry, manifest, made)


def _as_of(labels: Labels | None, features: FeatureRows | None) -> str:
    """When the labels were exported; without labels, the end of the last day of features."""
    from streams.times import format_time

    if labels is not None:
        return labels.as_of
    last = int(features.day.astype(int).max()) if features is not None and len(features.day) else 0
    return format_time((last + 1) * DAY_MS)


def _show_rows(console: Console, training: Training) -> None:
    chosen, parts = training.chosen, training.parts
    if chosen is not None:
        out = " + ".join(f"{count:,} {reason}" for reason, count in chosen.left_out.items() if count)
        console.print(
            f"{chosen.read:,} labels = {len(chosen.rows):,} for {training.recipe.name}{f' + {out}' if out else ''}", soft_wrap=True
        )
    if chosen is None or parts is None:
        return
    table = Table(title="Slices", title_justify="left")
    for column in ("slice", "days", "rows", "breaches", "customers"):
        table.add_column(column, justify="left" if column in ("slice", "days") else "right")
    for part in parts.slices:
        mine = chosen.rows.take(part.rows)
        breaches, customers = int((mine.label[~mine.audited] == 1).sum()), len(set(mine.customer.tolist()))
        table.add_row(part.name, part.words, f"{len(mine):,}", f"{breaches:,}", f"{customers:,}")
    console.print(table)
    kept = " + ".join(f"{len(part.rows):,}" for part in parts.slices)
    dropped = " + ".join(f"{count:,} {reason}" for reason, count in parts.dropped.items() if count)
    console.print(f"{len(chosen.rows):,} rows = {kept}{f' + {dropped}' if dropped else ''}", soft_wrap=True)


def _show_metrics(console: Console, made: Made) -> None:
    found = made.evaluation.metrics if made.evaluation else made.novelty.metrics if made.novelty else {}
    table = Table(title="On customers never seen" if made.evaluation else "On the days after", title_justify="left")
    ranks = made.evaluation is not None
    for column in ("metric", "rules + model" if ranks else "model", "95 % interval", *(["rules alone"] if ranks else [])):
        table.add_column(column, justify="left" if column == "metric" else "right")
    for name, (words, form) in _WORDS.items():
        if name not in found:
            continue
        one, rules = found[name], found.get(f"rules_{name}")
        span = "" if math.isnan(one.low) else f"{form.format(one.low)} to {form.format(one.high)}"
        alone = form.format(rules.value) if rules and not math.isnan(rules.value) else ""
        table.add_row(words, "–" if math.isnan(one.value) else form.format(one.value), span, *([alone] if ranks else []))
    console.print(table)


def _show_end(console: Console, registry: Path, manifest: Manifest, made: Made) -> None:
    if made.fitted:
        tried = ", ".join(f"{one.name} {one.average_precision:.3f}" for one in made.fitted)
        console.print(
            f"Taken: {made.fitted[0].name} (average precision on the calibration slice: {tried})", soft_wrap=True, highlight=False
        )
    text = f"Review from {manifest.threshold:.4f}, urgent from {manifest.urgent:.4f}, {manifest.capacity_per_day:g} a day"
    console.print(text, highlight=False)
    place = registry / manifest.name / manifest.version
    console.print(f"{manifest.version} in {place}; its card: {place / 'card.md'}", soft_wrap=True, markup=False, highlight=False)
    console.print("Nothing uses it yet: see vigie models shadow and promote.", highlight=False)


class Steps:
    """The progress of a training; nothing when ``console`` is no terminal."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task: TaskID | None = None
        self._doing = ""

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._finish()
        self._progress.stop()

    def told(self, doing: str, done: int, total: int) -> None:
        """What is being done, how much of it, how much in all; 0 in all where nobody knows: the bar then only moves."""
        if doing != self._doing:
            self._finish()
            self._task, self._doing = self._progress.add_task(doing, total=total or None), doing
        if self._task is not None and total:
            self._progress.update(self._task, completed=done, total=total)

    def _finish(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=1, total=1)
