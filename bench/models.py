"""Models: how long a million rows take to learn, how long a batch takes to score, and what they are worth beside the rules alone.

The last is measured on our own seeded customers (``bench.verdicts``) with the recipe that ships. It compares, with intervals, what
the same people find in the same hours; what it says of real customers is nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import msgspec
import numpy as np
from rich.console import Console

from bench.docs import DOC, replace, show, text
from bench.measure import _peak_mb
from bench.run import OUT, ROOT, Result, at_most, machine, write_results
from bench.verdicts import judged, world
from models.registry.loading import Loaded
from models.registry.manifest import Manifest
from models.registry.signing import Publisher
from models.schema import SCHEMA_HASH
from models.training import recipe as recipes
from models.training.pipelines import best, calibrate, fit, one_thread
from models.training.recipe import Recipe
from models.training.rows import Rows, choose
from models.training.split import split
from models.training.train import Training, calibrated

RECIPE = ROOT / "recipes" / "autodial.toml"
MINUTES, MEMORY_MB, MICROSECONDS = 10.0, 4096.0, 50.0
BATCH = 256
SEED = 8
#: Scored batches of which the median counts.
BATCHES = 200
_SHOWN = {
    "average_precision": ("average precision", 3, ""),
    "precision_at_capacity": ("precision at capacity", 3, ""),
    "recall_at_capacity": ("recall at capacity", 3, ""),
    "euros_per_day": ("saved a day", 2, "€"),
}


def learning(rows: int) -> dict[str, Any]:
    """Fit, calibration and threshold on so many judged licence-days, in this process.

    Customers are set aside sparingly, so that nearly all rows are learned from.
    """
    asked, _ = recipes.read(RECIPE)
    asked = _sparing(asked)
    days = 365
    # A customer has 3.6 licences.
    all_rows = world(max(20, rows * 10 // (days * 36)), days, 6, SEED)
    labels = judged(all_rows, SEED, every=True)
    del all_rows
    # From here on: making the customers takes more memory than learning from them.
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    wall, cpu = perf_counter(), process_time()
    with one_thread():
        chosen = choose(labels, asked, SCHEMA_HASH).rows
        parts = split(chosen, asked.split, asked.seed)
        train, calibration, threshold = (chosen.take(part.rows) for part in parts.slices[:3])
        fitted = fit(asked, train, calibration)
        alerts = _queue(threshold)
        span = parts.threshold.days * parts.threshold.share
        calibrated(best(fitted).estimator, _queue(calibration), alerts, span, _enough(asked, len(alerts), parts.threshold.days))
    return {
        "wall_s": perf_counter() - wall, "cpu_s": process_time() - cpu, "peak_mb": _peak_mb(),
        "rows": len(labels.matrix), "used": sum(len(part.rows) for part in parts.slices[:3]), "fitted": len(train),
    }  # fmt: skip


def scoring(customers: int, days: int) -> dict[str, Any]:
    """Microseconds of CPU a row of each shape of model, in batches of 256 whole rows of the schema, on one core."""
    asked, _ = recipes.read(RECIPE)
    rows = world(customers, days, 6, SEED)
    labels = judged(rows, SEED)
    found: dict[str, Any] = {}
    novel, novel_digest = recipes.read(ROOT / "recipes" / "anomaly.toml")
    for name, one in (("boosted trees", _only(asked, labels)), ("forest", Training(novel, novel_digest, "", _NEVER).run(None, rows))):
        manifest = _manifest(one.trained)
        loaded = Loaded(manifest, one.estimator, Publisher("bench", ""))
        source = np.random.Generator(np.random.PCG64(SEED))
        taken = []
        for _ in range(BATCHES):
            batch = rows.matrix[source.integers(0, len(rows.matrix), BATCH)]
            begin = process_time()
            loaded.score(loaded.pick(batch))
            taken.append((process_time() - begin) / BATCH * 1e6)
        found[name] = float(np.median(taken))
    return found


def worth(customers: int, days: int) -> dict[str, Any]:
    """The metrics of the recipe that ships, with their intervals, on customers never seen."""
    asked, digest = recipes.read(RECIPE)
    rows = world(customers, days, 6, SEED)
    made = Training(asked, digest, str(RECIPE), _NEVER).run(judged(rows, SEED), rows)
    assert made.evaluation is not None
    return {
        "metrics": {name: list(one) for name, one in made.evaluation.metrics.items()},
        "taken": made.fitted[0].name,
        "capacity": made.evaluation.capacity,
    }


def results(learned: dict[str, Any], scored: dict[str, Any], found: dict[str, Any]) -> list[Result]:
    """The figures and their bars."""
    rows = f"{learned['rows']:,} rows ({learned['used']:,} learned from, {learned['fitted']:,} to fit)"
    figures = [
        at_most(f"fit, calibration and threshold, {rows}", learned["wall_s"] / 60, "min", MINUTES),
        Result("the same, CPU", round(learned["cpu_s"] / 60, 2), "min"),
        at_most("the same, peak memory, its rows included", learned["peak_mb"], "MB", MEMORY_MB),
    ]
    figures += [
        at_most(f"score a row, {name}, batch of {BATCH}, one core", value, "µs CPU", MICROSECONDS) for name, value in scored.items()
    ]
    metrics = found["metrics"]
    for name, (words, digits, unit) in _SHOWN.items():
        for key, whose in ((name, "rules + model"), (f"rules_{name}", "rules alone")):
            figures.append(_figure(words, whose, metrics[key], digits, unit))
    figures.append(_figure("saved a day more than by rules alone", "rules + model", metrics["gain_euros_per_day"], 2, "€"))
    figures.append(_figure("expected calibration error", "rules + model", metrics["calibration_error"], 3, ""))
    return figures


def _figure(words: str, whose: str, interval: list[float], digits: int, unit: str) -> Result:
    value, low, high = (round(one, digits) for one in interval)
    return Result(f"{words}, {whose} (95 %: {low:,} to {high:,})", value, unit)


def measure(what: str, *numbers: int) -> dict[str, Any]:
    """One measurement in a process of its own, on one core."""
    command = [sys.executable, "-m", "bench.models", "--measure", what, *map(str, numbers)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


_NEVER = "2026-07-01T00:00:00.000Z"


def _sparing(asked: Recipe) -> Recipe:
    return msgspec.structs.replace(asked, split=msgspec.structs.replace(asked.split, test_customers=0.05, test_share=0.05))


def _enough(asked: Recipe, alerts: int, days: int) -> Recipe:
    """A team that could judge a tenth of what is there: here every row is an alert."""
    minutes = max(1, round(alerts / days / 10 * asked.cost.reviewer_minutes_per_alert))
    return msgspec.structs.replace(asked, cost=msgspec.structs.replace(asked.cost, minutes_per_day=minutes))


def _only(asked: Recipe, labels: Any) -> Any:
    """The boosted trees, whichever candidate is better: they are the slower."""
    few = msgspec.structs.replace(asked, bootstrap_rounds=20)
    made = Training(few, "", "", _NEVER).run(labels, None)
    trees = next(one for one in made.fitted if one.name == "hgb")
    chosen = choose(labels, few, SCHEMA_HASH).rows
    parts = split(chosen, few.split, few.seed)
    return made._replace(estimator=calibrate(trees.estimator, _queue(chosen.take(parts.calibration.rows)), "isotonic"))


def _queue(rows: Rows) -> Rows:
    return rows.take(np.flatnonzero(~rows.audited))


def _manifest(trained: Any) -> Manifest:
    fields = {name: getattr(trained, name) for name in trained.__struct_fields__}
    return Manifest(**fields, name="bench", model_sha256="", model_bytes=1, libraries={}, types=())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.models", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rows: a look, not a figure to quote")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {DOC.relative_to(ROOT)}")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        what, *numbers = given.measure
        known: dict[str, Callable[..., dict[str, Any]]] = {"learning": learning, "scoring": scoring, "worth": worth}
        print(json.dumps(known[what](*map(int, numbers))))
        return
    console = Console()
    console.print("learning")
    learned = measure("learning", 60_000 if given.quick else 1_200_000)
    console.print("scoring")
    scored = measure("scoring", 200, 150)
    console.print("what it is worth")
    found = measure("worth", 200 if given.quick else 1_200, 260)
    figures = results(learned, scored, found)
    write_results(figures, OUT / "results-models.json")
    console.print(show(figures, "Models"))
    if given.write_docs:
        replace("models", text(figures, f"Seed {SEED}, {Path(RECIPE).name}. {machine()}"))


if __name__ == "__main__":
    main()
