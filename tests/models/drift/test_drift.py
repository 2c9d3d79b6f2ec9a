"""A report of drift: of a real model, on the days it was trained on and on others."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.drift.drift import Drift, drift, read_reference
from models.drift.metrics import textfile
from models.drift.page import html
from models.registry import loading, store
from models.registry.errors import ModelForeign
from models.registry.loading import Loaded
from models.registry.signing import Publishers
from models.schema import NAMES
from models.training.train import Training
from support.registry import ANA, publisher
from support.training import AS_OF, recipe, small_labels, small_world

PERIOD = ("2026-01-01", "2026-01-31")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Loaded]:
    registry = tmp_path_factory.mktemp("drift")
    made = Training(recipe(), "0" * 64, "small.toml", AS_OF).run(small_labels(), small_world())
    manifest = store.save(registry, "autodial", made.estimator, made.trained, made.files, ANA)
    return registry, loading.load(registry, "autodial", manifest.version, Publishers((publisher("ana", ANA),)))


def measured(world: tuple[Path, Loaded], matrix: np.ndarray, verdicts: np.ndarray | None = None) -> Drift:  # type: ignore[type-arg]
    return drift(world[1], read_reference(*world), matrix, PERIOD, verdicts)


@pytest.fixture(scope="module")
def moved(world: tuple[Path, Loaded]) -> Drift:
    matrix = small_world().matrix.copy()
    matrix[:, NAMES.index("attempts")] *= 4
    matrix[:, NAMES.index("talk_mean")] /= 3
    return measured(world, matrix, np.array([1.0, 0, 0, 1, 0]))


def test_the_days_of_training_have_not_drifted(world: tuple[Path, Loaded]) -> None:
    found = measured(world, small_world().matrix)
    assert not found.alarm
    assert {one.status for one in [found.score, *found.features]} == {"ok"}
    assert found.rows == len(small_world().matrix)
    assert found.label_rate[0] is not None
    assert found.label_rate[1] is None


def test_features_that_drift_are_first_and_the_alarm_is_the_mix(moved: Drift) -> None:
    assert {one.name for one in moved.features[:2]} == {"attempts", "talk_mean"}
    assert [one.psi for one in moved.features] == sorted((one.psi for one in moved.features), reverse=True)
    assert moved.features[0].status == "act"
    assert moved.alarm
    assert moved.label_rate[1] == 0.4


def test_a_feature_that_no_score_hears_of_drifts_without_an_alarm(world: tuple[Path, Loaded]) -> None:
    matrix = small_world().matrix.copy()
    column = NAMES.index("outbound_inbound")
    matrix[:, column] = np.quantile(matrix[:, column], 0.999)
    found = measured(world, matrix)
    assert next(one for one in found.features if one.name == "outbound_inbound").status == "act"
    assert found.alarm == bool(found.moved)


def test_rows_without_a_score_are_counted(world: tuple[Path, Loaded]) -> None:
    matrix = small_world().matrix[:1000].copy()
    matrix[5] = np.nan
    assert measured(world, matrix).errors == 1


def test_a_model_without_a_reference_says_so(world: tuple[Path, Loaded]) -> None:
    registry, model = world
    bare = Loaded(msgspec.structs.replace(model.manifest, files={}), model.estimator, model.publisher)
    with pytest.raises(ModelForeign, match="its drift cannot be told"):
        read_reference(registry, bare)


def test_the_metrics_are_what_prometheus_reads(moved: Drift) -> None:
    lines = textfile(moved).decode().splitlines()
    model = f'model="autodial",version="{moved.version}"'
    assert f"vigie_model_decision_mix_moved{{{model}}} 1.0" in lines
    assert f'vigie_model_drift_psi{{feature="attempts",{model}}} ' in "\n".join(lines)
    assert f'vigie_model_label_rate{{model="autodial",of="now",version="{moved.version}"}} 0.4' in lines


def test_the_page_says_it_all_and_loads_nothing(moved: Drift) -> None:
    page = html(moved)
    assert all(one.name in page for one in moved.features)
    assert "The decision mix moved: " in page
    assert not any(words in page for words in ("<script", "http://", "https://", "@import", "url("))


def test_the_same_rows_give_the_same_report(world: tuple[Path, Loaded], moved: Drift) -> None:
    matrix = small_world().matrix.copy()
    matrix[:, NAMES.index("attempts")] *= 4
    matrix[:, NAMES.index("talk_mean")] /= 3
    again = measured(world, matrix, np.array([1.0, 0, 0, 1, 0]))
    assert msgspec.json.encode(again) == msgspec.json.encode(moved)
    assert (html(again), textfile(again)) == (html(moved), textfile(moved))
