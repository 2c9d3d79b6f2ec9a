"""Two versions are measured on the same rows, which neither of them learned from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from models.registry import comparing, loading, store
from models.registry.compare_page import html, verdict
from models.registry.errors import MoveRefused
from models.registry.loading import Loaded
from models.registry.manifest import Manifest
from models.registry.reports import Metric, Report
from models.registry.signing import Publishers
from models.training.evaluation import evaluate
from models.training.rows import choose
from models.training.split import split
from models.training.train import Training
from support.registry import ANA, publisher
from support.training import AS_OF, recipe, small_labels, small_world

ZEROS = "0" * 64


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Loaded, Loaded]:
    """A version trained with each of two seeds, which draw other customers for the test slice."""
    registry = tmp_path_factory.mktemp("two")
    found = []
    for seed in (8, 9):
        made = Training(recipe(seed=seed), ZEROS, "small.toml", AS_OF).run(small_labels(), small_world())
        manifest = store.save(registry, "autodial", made.estimator, made.trained, made.files, ANA)
        found.append(loading.load(registry, "autodial", manifest.version, Publishers((publisher("ana", ANA),))))
    return found[0], found[1]


def compare(
    champion: Loaded | None, candidate: Loaded, labels: Any = None, features: Any = None, seed: int = 8, sha: str = ZEROS
) -> Report:
    return comparing.compare(champion, candidate, "", recipe(seed=seed), sha, labels, features)


def with_manifest(model: Loaded, **fields: Any) -> Loaded:
    manifest: Manifest = msgspec.structs.replace(model.manifest, **fields)
    return Loaded(manifest, model.estimator, model.publisher)


def newer() -> Any:
    """The same verdicts, all given after the training."""
    labels = small_labels()
    columns = {**labels.columns, "decided_at": labels.columns["decided_at"] + np.timedelta64(300, "D")}
    return replace(labels, columns=columns, fingerprint="f" * 64)


def test_on_the_labels_of_its_training_a_candidate_is_measured_as_its_card_says(two: tuple[Loaded, Loaded]) -> None:
    report = compare(None, two[0], small_labels(), small_world())
    rows = choose(small_labels(), recipe(), two[0].manifest.schema_hash).rows
    part = split(rows, recipe().split, recipe().seed).test
    said = evaluate(two[0].estimator, rows.take(part.rows), part, two[0].manifest.threshold, recipe()).metrics
    for name in ("average_precision", "precision_at_capacity", "recall_at_capacity", "euros_per_day", "brier"):
        assert report.metrics[name].candidate == pytest.approx(tuple(said[name]), abs=1e-6), name
    assert report.metrics["average_precision"].champion == pytest.approx(tuple(said["rules_average_precision"]), abs=1e-6)
    assert report.metrics["euros_per_day"].difference == pytest.approx(tuple(said["gain_euros_per_day"]), abs=1e-6)
    assert "test slice" in report.basis


def test_rules_alone_want_every_alert_reviewed_and_have_no_calibration_or_mix(two: tuple[Loaded, Loaded]) -> None:
    report = compare(None, two[0], small_labels(), small_world())
    assert report.appear == []
    assert report.metrics["brier"].champion == (None, None, None)
    assert (report.champion.mix, report.champion.scored, report.alike) == (None, 0, None)
    assert sum(report.candidate.mix.values()) == pytest.approx(1) if report.candidate.mix else False


def test_the_alerts_that_change_sides_are_those_between_the_thresholds(two: tuple[Loaded, Loaded]) -> None:
    low, high = with_manifest(two[0], threshold=0.2, version="autodial-000000000000"), with_manifest(two[0], threshold=0.6)
    falls, rises = compare(low, high, small_labels(), small_world()), compare(high, low, small_labels(), small_world())
    assert (falls.appear, rises.disappear) == ([], [])
    assert falls.disappear == rises.appear
    assert falls.disappear
    labels = small_labels()
    scores = dict(zip(labels.columns["alert_id"], high.score(high.pick(labels.matrix)), strict=True))
    assert all(0.2 <= scores[one] < 0.6 for one in falls.disappear)


def test_newer_verdicts_are_used_whole_and_older_ones_not_at_all(two: tuple[Loaded, Loaded]) -> None:
    report = compare(*two, newer())
    assert "after both were trained" in report.basis
    rows = choose(newer(), recipe(), two[0].manifest.schema_hash).rows
    assert report.rows == int(np.sum(~rows.audited))
    old = replace(small_labels(), fingerprint="e" * 64)
    with pytest.raises(MoveRefused, match="0 breaches and 0 others that it did not learn from"):
        compare(*two, old)


def test_the_labels_of_its_training_need_the_recipe_of_its_training(two: tuple[Loaded, Loaded]) -> None:
    with pytest.raises(MoveRefused, match="give that one by --recipe"):
        compare(None, two[0], small_labels(), small_world(), sha="1" * 64)


def test_a_version_is_not_compared_with_itself_nor_with_another_model(two: tuple[Loaded, Loaded]) -> None:
    with pytest.raises(MoveRefused, match="with itself"):
        compare(two[0], two[0], newer())
    with pytest.raises(MoveRefused, match="not of one model"):
        compare(with_manifest(two[1], name="takeover"), two[0], newer())


def test_the_same_comparison_gives_the_same_bytes(two: tuple[Loaded, Loaded]) -> None:
    first, second = (compare(*two, small_labels(), small_world(), seed=9) for _ in range(2))
    assert msgspec.json.encode(first) == msgspec.json.encode(second)


def test_slices_hold_all_rows_and_their_guards(two: tuple[Loaded, Loaded]) -> None:
    report = compare(None, two[0], small_labels(), small_world())
    lines = {line.name: line for line in report.slices}
    assert lines["all"].guard == 0.5
    assert lines["all"].metric == report.metrics["average_precision"]
    for kind in ("rule", "level", "customer", "weekday"):
        assert sum(line.rows for name, line in lines.items() if name.startswith(f"{kind}:")) == report.rows


def test_rows_without_a_score_are_counted_and_end_the_queue(two: tuple[Loaded, Loaded]) -> None:
    world = small_world()
    matrix = world.matrix.copy()
    matrix[[3, 77], :] = np.nan
    report = compare(two[0], two[1], newer(), replace(world, matrix=matrix))
    assert (report.champion.errors, report.candidate.errors) == (2, 2)
    assert report.candidate.scored == len(matrix) + report.rows


@pytest.mark.parametrize(
    ("name", "difference", "word"),
    [
        ("average_precision", (0.1, 0.01, 0.2), "better"),
        ("average_precision", (0.1, -0.01, 0.2), ""),
        ("average_precision", (-0.1, -0.2, -0.05), "worse"),
        ("brier", (-0.1, -0.2, -0.05), "better"),
        ("brier", (0.1, 0.05, 0.2), "worse"),
        ("brier", (None, None, None), ""),
    ],
)
def test_a_difference_is_called_one_only_when_its_interval_leaves_out_0(name: str, difference: Any, word: str) -> None:
    assert verdict(name, Metric((None,) * 3, (None,) * 3, difference)) == word


def test_the_page_says_it_all_and_loads_nothing(two: tuple[Loaded, Loaded]) -> None:
    page = html(compare(*two, newer(), small_world()))
    assert all(words in page for words in ("average precision", "level:breach", "Alerts that change sides", two[0].manifest.version))
    assert not any(words in page for words in ("<script", "http://", "https://", "@import", "url("))
