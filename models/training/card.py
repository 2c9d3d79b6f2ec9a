"""``card.md`` and ``metrics.json``: what the model is, what it was made of, how good it is and what it must not be used for."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec

from models.registry.manifest import Trained, libraries
from models.training.cost import NEVER, Cutoffs
from models.training.evaluation import Evaluation, SliceResult
from models.training.metrics import Interval
from models.training.novelty import Novelty
from models.training.pipelines import HGB, ISOTONIC_FROM, LOGISTIC, Fitted
from models.training.recipe import Recipe
from models.training.rows import Chosen, Rows, date
from models.training.split import Parts

#: Metrics of the card: key, words, and how a value is written.
_METRICS = (
    ("average_precision", "average precision", "{:.3f}"),
    ("precision_at_capacity", "precision at capacity", "{:.3f}"),
    ("recall_at_capacity", "recall at capacity", "{:.3f}"),
    ("calibration_error", "expected calibration error", "{:.3f}"),
    ("brier", "Brier score", "{:.4f}"),
    ("euros_per_day", "€ saved a day, against reviewing nothing", "{:.2f}"),
)
_NAMES = {LOGISTIC: "logistic regression (scaled)", HGB: "histogram gradient boosting"}
_PLOTS = {
    "calibration": "What it says, and how often that is so, on the test slice",
    "precision_recall": "Precision and recall on the test slice: the model, the reference, the rules alone",
    "cost_curve": "Cost of each threshold on the threshold slice, and the alerts a day that it means",
    "importance": "Average precision that is lost when the values of a feature are shuffled",
}


class Ranked(NamedTuple):
    """What the card of a model with labels tells."""

    recipe: Recipe
    trained: Trained
    chosen: Chosen
    parts: Parts
    fitted: list[Fitted]
    winner: Fitted
    method: str
    cutoffs: Cutoffs
    evaluation: Evaluation
    #: Verdicts of earlier slices that were given after the test slice had begun.
    late: int
    #: Where medians and drift's reference come from: ``features`` or ``labels``.
    population: str


def ranked(facts: Ranked) -> bytes:
    """The card of a model that ranks alerts."""
    recipe, parts, found, cut, cost = facts.recipe, facts.parts, facts.evaluation, facts.cutoffs, facts.recipe.cost
    rules = ", ".join(f"`{rule}`" for rule in recipe.rules)
    lines = [
        f"# {recipe.name}",
        "",
        f"Orders the alerts of {rules} for review. A score is the probability that a person, who looks at the evidence, calls the alert a",
        "breach. It raises nothing and suspends nobody.",
        "",
        f"Labels known at {facts.trained.trained_as_of}, seed {recipe.seed}.",
        "",
        "## Rows",
        "",
        _table(
            ("", "rows"),
            [("in the file of labels", facts.chosen.read), *_minus(facts.chosen.left_out), ("learned from", len(facts.chosen.rows))],
        ),
        "",
        _table(
            ("slice", "days", "rows", "alerts", "breaches", "audited days", "customers"),
            [(part.name, part.words, *_counts(facts.chosen.rows.take(part.rows))) for part in parts.slices],
        ),
        "",
        _table(("dropped by the split", "rows"), list(parts.dropped.items())),
        "",
        f"The slices follow each other with {recipe.split.embargo_days} days between them, which is what the features look back, and the",
        f"{len(parts.held)} customers of the test slice are in no earlier one. A day drawn by lot counts in training as one over its",
        f"propensity, at most {recipe.labels.weight_cap:g}; calibration, threshold and metrics are of alerts alone.",
        *_lateness(facts.late),
        "",
        "## Model",
        "",
        _table(
            ("candidate", "average precision, calibration slice", "taken"),
            [(_NAMES[one.name], f"{one.average_precision:.3f}", "yes" if one is facts.winner else "") for one in facts.fitted],
        ),
        "",
        f"Calibrated by {'a sigmoid' if facts.method == 'sigmoid' else 'isotonic regression'} on the calibration slice.",
        *_tried(recipe),
        *_monotonic(recipe, facts.winner.name),
        "",
        "## Threshold",
        "",
        f"Review from **{cut.threshold:.4f}**, {_urgent(cut, recipe)}.",
        f"A false alarm costs {cost.false_alarm_cents / 100:,.2f} €, a missed breach {cost.missed_cents / 100:,.2f} €. The team has",
        f"{cost.minutes_per_day} minutes a day for these alerts, {cost.reviewer_minutes_per_alert:g} for each: {cut.capacity} a day.",
        "",
        "## On the test slice",
        "",
        f"Customers never seen, {parts.test.words}. With 95 % intervals from {recipe.bootstrap_rounds} draws of whole customers.",
        f"The capacity is the slice's part of the team's, {found.capacity:.2f} alerts a day; money is counted up to all customers.",
        "",
        _table(("metric", "rules + model", "rules alone"), [(words, *_pair(found.metrics, key, form)) for key, words, form in _METRICS]),
        "",
        f"Rules + model save {_interval(found.metrics['gain_euros_per_day'], '{:.2f}')} € a day more than rules alone,",
        "which order a breach before a notice and know nothing else of an alert.",
        *_lot(found),
        "",
        _slices(found.slices),
        "",
        *(line for name, words in _PLOTS.items() for line in (f"![{words}](plots/{name}.svg)", "")),
        _table(
            ("feature", "average precision lost", "± "), [(f"`{n}`", f"{lost:.4f}", f"{std:.4f}") for n, lost, std in found.importance[:12]]
        ),
        "",
        *_guards(recipe),
        "## What it is not for",
        "",
        "- It knows alerts, not customers: on a licence-day without an alert its score orders nothing.",
        "- It learned from what was shown to people. What no rule raises and no lot drew, it has never seen.",
        "- A suspended licence gives no further evidence; verdicts on it are of the days before.",
        "- A high score is no evidence and stands in no notice to a customer. Evidence are the alert's facts.",
        *_facts(facts.trained, _population(facts.population)),
    ]
    return ("\n".join(lines) + "\n").encode()


def ranked_metrics(facts: Ranked) -> bytes:
    """``metrics.json`` of the same."""
    found, cut, parts = facts.evaluation, facts.cutoffs, facts.parts
    return _json(
        {
            "format": 1,
            "name": facts.recipe.name,
            "rows": {"read": facts.chosen.read, "left_out": facts.chosen.left_out, "dropped": parts.dropped},
            "slices": {
                part.name: {"first": date(part.first), "last": date(part.last), "rows": len(part.rows), "share": part.share}
                for part in parts.slices
            },
            "candidates": {one.name: one.average_precision for one in facts.fitted},
            "taken": facts.winner.name,
            "calibration": facts.method,
            "threshold": cut.threshold,
            "urgent": cut.urgent,
            "capacity_per_day": cut.capacity,
            "metrics": {name: list(one) for name, one in sorted(found.metrics.items())},
            "by_slice": {
                one.name: {
                    "rows": one.rows, "breaches": one.breaches,
                    "average_precision": list(one.average_precision), "precision_at_capacity": list(one.precision),
                }
                for one in found.slices
            },
            "audited": dict(zip(("days", "at_or_above_threshold", "breaches_of_these"), found.audited, strict=True)),
            "importance": {name: [lost, std] for name, lost, std in found.importance},
            "verdicts_later_than_the_test": facts.late,
        }
    )  # fmt: skip


def novel(recipe: Recipe, trained: Trained, found: Novelty, chosen: Chosen | None) -> bytes:
    """The card of a model without labels."""
    rate = found.metrics["rows_per_day"]
    lot, hit, right, alerts, alert_hit, alert_right = found.judged
    lines = [
        f"# {recipe.name}",
        "",
        "Raises a licence-day for review that is strange among the licence-days of the time before: an isolation forest, which knows no",
        "breach. A score of 0.99 means stranger than 99 % of the calibration slice; it is no probability, and people who are merely rare",
        "score high. It suspends nobody.",
        "",
        f"Rows known at {trained.trained_as_of}, seed {recipe.seed}.",
        "",
        "## Rows",
        "",
        _table(("slice", "days", "licence-days"), [(name, f"{date(a)} to {date(b)}", n) for name, a, b, n in found.slices]),
        "",
        *(
            [_table(("", "labels"), [("in the file of labels", chosen.read), *_minus(chosen.left_out), ("kept", len(chosen.rows))]), ""]
            if chosen
            else []
        ),
        "## Threshold",
        "",
        f"Review from **{found.threshold:.4f}**: the lowest score from which on the threshold slice has no more licence-days a day than",
        f"the {recipe.cost.capacity} that the team can judge. On the test slice it would be {_interval(rate, '{:.2f}')} a day",
        "(95 % interval, draws of whole customers).",
        "",
        "![Licence-days a day from each score on, in the threshold slice](plots/queue.svg)",
        "",
        "## What is known of the truth",
        "",
    ]
    if lot or alerts:
        lines += [
            _table(
                ("judged days of the test slice", "all", "at or above the threshold", "of these breaches"),
                [("drawn by lot", lot, hit, right), ("with an alert of a rule", alerts, alert_hit, alert_right)],
            ),
            "",
        ]
        if "precision_by_lot" in found.metrics:
            lines += [f"Precision by the days drawn by lot: {_interval(found.metrics['precision_by_lot'], '{:.3f}')}.", ""]
        else:
            lines += ["No day drawn by lot was at or above the threshold, so its precision is unknown.", ""]
    else:
        lines += ["Nothing: no judged day lies in the test slice. Its precision is unknown until days drawn by lot were judged.", ""]
    lines += [
        "## What it is not for",
        "",
        "- It is a hint that a day is new, off until somebody promotes it, and never a reason by itself.",
        "- What everybody does it finds ordinary, breach or not.",
        *_facts(trained, "over all licence-days of the train slice"),
    ]
    return ("\n".join(lines) + "\n").encode()


def novel_metrics(recipe: Recipe, trained: Trained, found: Novelty, chosen: Chosen | None) -> bytes:
    """``metrics.json`` of the same."""
    keys = ("days", "at_or_above_threshold", "breaches_of_these")
    return _json(
        {
            "format": 1,
            "name": recipe.name,
            "rows": {"read": chosen.read, "left_out": chosen.left_out} if chosen else None,
            "slices": {name: {"first": date(a), "last": date(b), "rows": n} for name, a, b, n in found.slices},
            "threshold": found.threshold,
            "urgent": found.urgent,
            "capacity_per_day": recipe.cost.capacity,
            "metrics": {name: list(one) for name, one in sorted(found.metrics.items())},
            "by_lot": dict(zip(keys, found.judged[:3], strict=True)),
            "alerts": dict(zip(keys, found.judged[3:], strict=True)),
            "medians": dict(zip(trained.features, trained.medians, strict=True)),
        }
    )


def _table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join("---" if n == 0 else "---:" for n in range(len(heads))) + "|"]
    lines += ["| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _minus(left_out: dict[str, int]) -> list[tuple[str, str]]:
    return [(f"left out: {reason}", f"−{count:,}") for reason, count in left_out.items() if count]


def _counts(rows: Rows) -> tuple[int, int, int, int, int]:
    audited = int(rows.audited.sum())
    breaches = int((rows.label[~rows.audited] == 1).sum())
    return len(rows), len(rows) - audited, breaches, audited, len(set(rows.customer.tolist()))


def _interval(one: Interval, form: str) -> str:
    if math.isnan(one.value):
        return "–"
    if math.isnan(one.low):
        return form.format(one.value)
    return f"{form.format(one.value)} ({form.format(one.low)} to {form.format(one.high)})"


def _pair(metrics: dict[str, Interval], key: str, form: str) -> tuple[str, str]:
    rules = metrics.get(f"rules_{key}")
    return _interval(metrics[key], form), _interval(rules, form) if rules else "–"


def _slices(slices: list[SliceResult]) -> str:
    rows = [
        (one.name, one.rows, one.breaches, _interval(one.average_precision, "{:.3f}"), _interval(one.precision, "{:.3f}")) for one in slices
    ]
    return _table(("part of the test slice", "alerts", "breaches", "average precision", "precision at its part of the capacity"), rows)


def _urgent(cut: Cutoffs, recipe: Recipe) -> str:
    percent = recipe.cost.urgent_percent
    if cut.urgent >= NEVER:
        return f"nothing is urgent below certainty (no score is right {percent} times of 100)"
    if cut.urgent == cut.threshold:
        return f"and all of it is urgent: {percent} of 100 were breaches"
    return f"urgent from **{cut.urgent:.4f}**, where {percent} of 100 were breaches"


def _tried(recipe: Recipe) -> list[str]:
    if recipe.calibration != "auto":
        return []
    return [f"From {ISOTONIC_FROM:,} breaches on, isotonic regression is tried too, and the one whose threshold costs less is taken."]


def _monotonic(recipe: Recipe, winner: str) -> list[str]:
    if not recipe.monotonic or winner != HGB:
        return []
    words = {"up": "more can only raise the score", "down": "more can only lower it"}
    return ["", *(f"- `{name}`: {words[way]}." for name, way in sorted(recipe.monotonic.items()))]


def _lateness(late: int) -> list[str]:
    if not late:
        return []
    return [
        "",
        f"{late:,} verdicts of the earlier slices were given after the test slice had begun: who trained then had not got them yet.",
    ]


def _lot(found: Evaluation) -> list[str]:
    days, above, right = found.audited
    if not days:
        return ["", "No day of the test slice was drawn by lot: what it would say of days without an alert is unknown."]
    return [
        "",
        f"Of {days:,} days of the test slice drawn by lot, it puts {above:,} at or above the threshold; {right:,} of these were breaches.",
    ]


def _guards(recipe: Recipe) -> list[str]:
    if not recipe.guards:
        return []
    rows = [(name, f"{floor:g}") for name, floor in sorted(recipe.guards.items())]
    return ["## Guards", "", "Not promoted below these:", "", _table(("slice", "average precision"), rows), ""]


def _population(population: str) -> str:
    if population == "features":
        return "over all licence-days up to the end of the train slice"
    return "over the rows of the train slice, days drawn by lot by their weight"


def _facts(trained: Trained, medians: str) -> list[str]:
    names = ", ".join(f"{name} {version}" for name, version in libraries().items())
    return [
        "",
        "## To make it again",
        "",
        f"- recipe: SHA-256 `{trained.recipe_sha256}`",
        f"- data: fingerprint `{trained.data_fingerprint}`",
        f"- features: schema `{trained.schema_hash}`, {len(trained.features)} of a licence-{trained.rows}",
        f"- medians, which reasons start from: {medians}",
        f"- seed {trained.seed}, one thread, {names}",
    ]


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
