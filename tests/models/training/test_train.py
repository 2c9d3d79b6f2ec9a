"""A whole training: the same bytes twice, calibrated on rows it never saw, judged on customers it never saw, loadable."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.registry import loading, skops_file, store
from models.registry.manifest import Manifest
from models.registry.signing import Publisher, Publishers, public_key
from models.schema import NAMES
from models.training.errors import TrainingRefused
from models.training.pipelines import ISOTONIC_FROM, calibrate, methods, probabilities
from models.training.rows import Rows, choose
from models.training.split import split
from models.training.train import Made, Training, calibrated, weighted_median
from support.training import AS_OF, recipe, small_labels, small_world

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PLOTS = {"plots/calibration.svg", "plots/precision_recall.svg", "plots/cost_curve.svg", "plots/importance.svg"}


def trained() -> Made:
    return Training(recipe(), "0" * 64, "small.toml", AS_OF).run(small_labels(), small_world())


@pytest.fixture(scope="module")
def made() -> Made:
    return trained()


@pytest.fixture(scope="module")
def alone() -> Made:
    """Without features, and with verdicts that all came at the end."""
    labels = small_labels()
    late = np.full(len(labels.matrix), "2025-12-01", "datetime64[ms]")
    return Training(recipe(), "0" * 64, "small.toml", AS_OF).run(replace(labels, columns={**labels.columns, "decided_at": late}), None)


@pytest.fixture(scope="module")
def saved(made: Made, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    registry = tmp_path_factory.mktemp("registry")
    return registry, store.save(registry, "autodial", made.estimator, made.trained, made.files, KEY)


def test_two_trainings_give_the_same_version_with_the_same_bytes(made: Made) -> None:
    again = trained()
    assert again.trained == made.trained
    assert again.files == made.files
    assert skops_file.dump(again.estimator) == skops_file.dump(made.estimator)


def test_the_registry_takes_it_and_a_loader_gives_the_scores_of_the_training(made: Made, saved: tuple[Path, Manifest]) -> None:
    registry, manifest = saved
    publishers = Publishers((Publisher("analyst", public_key(KEY)),))
    loaded = loading.load(registry, "autodial", manifest.version, publishers)
    rows = loaded.pick(small_world().matrix[:500])
    assert (loaded.score(rows) == probabilities(made.estimator, rows)).all()
    assert set(manifest.files) == PLOTS | {"card.md", "metrics.json", "reference.json"}
    assert manifest.guards == {"all": 0.5}
    assert manifest.features == recipe().names


def test_the_better_on_the_calibration_slice_is_taken_and_the_reference_stays_on_the_card(made: Made) -> None:
    assert [one.name for one in made.fitted] in (["hgb", "logistic"], ["logistic", "hgb"])
    assert made.fitted[0].average_precision >= made.fitted[1].average_precision
    card = made.files["card.md"].decode()
    assert all(f"{one.average_precision:.3f}" in card for one in made.fitted)
    assert "logistic regression" in card


def test_rules_and_model_are_better_than_rules_alone_on_customers_never_seen(made: Made) -> None:
    assert made.evaluation is not None
    found = made.evaluation.metrics
    assert found["average_precision"].value > found["rules_average_precision"].value + 0.1
    assert all(one.low <= one.value + 0.15 and one.high >= one.value - 0.15 for one in found.values() if abs(one.value) <= 1)
    gain = found["euros_per_day"].value - found["rules_euros_per_day"].value
    assert found["gain_euros_per_day"].value == pytest.approx(gain)


def test_more_attempts_never_lower_the_score_of_boosted_trees(made: Made) -> None:
    trees = next(one.estimator for one in made.fitted if one.name == "hgb")
    rows = np.repeat(small_world().matrix[:20][:, [NAMES.index(name) for name in recipe().names]], 5, axis=0)
    rows[:, recipe().names.index("attempts")] = np.tile([0, 50, 100, 200, 400], 20)
    scores = trees.decision_function(rows).reshape(20, 5)
    assert all(before <= after for line in scores for before, after in pairwise(line))
    assert (scores[:, 0] < scores[:, -1]).any()


def test_few_breaches_are_calibrated_by_a_sigmoid_and_of_many_steps_are_tried_too(made: Made) -> None:
    few, many = repeated(200), repeated(4 * ISOTONIC_FROM + 4000)
    assert (many.label == 1).sum() >= ISOTONIC_FROM > (few.label == 1).sum()
    assert [methods(rows, "auto") for rows in (few, many)] == [("sigmoid",), ("isotonic", "sigmoid")]
    assert methods(few, "isotonic") == ("isotonic",)
    for method in ("sigmoid", "isotonic"):
        skops_file.dump(calibrate(made.fitted[0].estimator, many, method))


def test_steps_that_the_capacity_cuts_through_are_not_taken(made: Made) -> None:
    rows = repeated(4 * ISOTONIC_FROM + 4000)
    asked = recipe(cost={"minutes_per_day": 90})
    _, method, cut = calibrated(made.fitted[0].estimator, rows, rows, 100, asked)
    costs = {}
    for one in ("isotonic", "sigmoid"):
        alone = recipe(cost={"minutes_per_day": 90}, calibration=one)
        costs[one] = calibrated(made.fitted[0].estimator, rows, rows, 100, alone)[2].cents
    assert cut.cents == min(costs.values()) == costs[method]


def repeated(count: int) -> Rows:
    """So many alerts, drawn from two hundred."""
    source = np.random.Generator(np.random.PCG64(1))
    rows = choose(small_labels(), recipe(), small_labels().schema_hash).rows
    some = rows.take(np.flatnonzero(~rows.audited)[:200])
    return some if count == 200 else some.take(source.integers(0, 200, count))


def test_the_reference_of_drift_is_of_all_licence_days_when_there_are_features(made: Made, alone: Made) -> None:
    found = json.loads(made.files["reference.json"])
    assert found["population"] == "features"
    assert set(found["features"]) == set(recipe().names)
    for one in (*found["features"].values(), found["score"]):
        assert sum(one["shares"]) == pytest.approx(1)
        assert len(one["shares"]) == len(one["edges"]) + 1
    assert sum(found["decision_mix"].values()) == pytest.approx(1)
    assert json.loads(alone.files["reference.json"])["population"] == "labels"


def test_what_is_usual_is_the_median_of_all_licence_days_before_the_calibration(made: Made) -> None:
    labels = choose(small_labels(), recipe(), small_labels().schema_hash).rows
    last = split(labels, recipe().split, recipe().seed).train.last
    world = small_world()
    before = world.matrix[world.day.astype(int) <= last]
    assert dict(zip(made.trained.features, made.trained.medians, strict=True))["attempts"] == np.median(before[:, NAMES.index("attempts")])
    heavy = weighted_median(np.array([[1.0], [50.0], [60.0]]), np.array([100.0, 1.0, 1.0]))
    assert heavy.tolist() == [1.0]


def test_the_card_and_the_metrics_tell_the_split_the_counts_and_the_intervals(made: Made) -> None:
    card, metrics = made.files["card.md"].decode(), json.loads(made.files["metrics.json"])
    rows, parts = metrics["rows"], metrics["slices"]
    assert rows["read"] == len(small_labels().matrix)
    assert rows["read"] == sum(rows["left_out"].values()) + sum(rows["dropped"].values()) + sum(part["rows"] for part in parts.values())
    assert [name for name in PLOTS if f"]({name})" not in card] == []
    value, low, high = metrics["metrics"]["average_precision"]
    assert f"{value:.3f} ({low:.3f} to {high:.3f})" in card
    assert {"rule:autodial", "weekday:working", "level:breach"} <= set(metrics["by_slice"])
    assert "nan" not in card.lower().replace("tenan", "")


def test_plots_are_pictures_without_a_date_or_a_script(made: Made) -> None:
    for name in PLOTS:
        picture = made.files[name]
        root = ElementTree.fromstring(picture)
        assert root.tag.endswith("svg")
        assert b"<dc:date>" not in picture
        assert b"script" not in picture


def test_verdicts_given_after_the_test_slice_began_are_told_on_the_card(made: Made, alone: Made) -> None:
    words = "were given after the test slice had begun"
    assert (words in alone.files["card.md"].decode(), words in made.files["card.md"].decode()) == (True, False)


def test_a_model_with_labels_needs_them_and_enough_of_them() -> None:
    with pytest.raises(TrainingRefused, match="give --labels"):
        Training(recipe(), "0" * 64, "small.toml", AS_OF).run(None, small_world())
    asked = Training(recipe(split={"least_positives": 5000}), "0" * 64, "small.toml", AS_OF)
    with pytest.raises(TrainingRefused, match="it needs 5000 of each"):
        asked.run(small_labels(), None)
    assert asked.chosen is not None
    assert asked.parts is not None


def test_features_of_another_schema_or_another_time_are_refused() -> None:
    world = small_world()
    with pytest.raises(TrainingRefused, match="schema fs-old"):
        Training(recipe(), "0" * 64, "small.toml", AS_OF).run(small_labels(), replace(world, schema_hash="fs-old"))
    later = replace(world, day=world.day + np.timedelta64(400, "D"))
    with pytest.raises(TrainingRefused, match="no row up to"):
        Training(recipe(), "0" * 64, "small.toml", AS_OF).run(small_labels(), later)


def test_rows_are_what_take_gives() -> None:
    rows: Rows = choose(small_labels(), recipe(), small_labels().schema_hash).rows
    some = rows.take(np.array([3, 1]))
    assert len(some) == 2
    assert some.label.tolist() == [rows.label[3], rows.label[1]]
    assert some.slices["level"].tolist() == [rows.slices["level"][3], rows.slices["level"][1]]
