"""``vigie train`` from files to a signed model, and what it says when there is none."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.registry import store
from models.registry.loading import load
from models.registry.signing import add_publisher, make_key, public_key, read_publishers
from support.training import NOVEL, RANKED, small_labels, small_world, toml, write_features, write_labels
from vigie.cli import app


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with labels, features, two recipes and a key."""
    directory = tmp_path_factory.mktemp("training")
    write_labels(directory / "labels.parquet", small_labels())
    rows = small_world()
    some = slice(0, 140 * 60)
    write_features(
        directory / "features.parquet",
        replace(rows, tenant=rows.tenant[some], licence=rows.licence[some], day=rows.day[some], matrix=rows.matrix[some]),
    )
    (directory / "autodial.toml").write_text(toml(RANKED), "utf-8")
    (directory / "anomaly.toml").write_text(toml(NOVEL), "utf-8")
    key = make_key(directory / "analyst.pem")
    add_publisher(directory / "registry", "analyst", public_key(key))
    return directory


def train(world: Path, recipe: str, *options: str, registry: str = "registry") -> Result:
    given = ["train", "--recipe", str(world / recipe), "--registry", str(world / registry), "--key", str(world / "analyst.pem"), *options]
    return CliRunner().invoke(app, given, env={"COLUMNS": "140"})


def test_from_labels_to_a_signed_model_that_loads(world: Path) -> None:
    done = train(world, "autodial.toml", "--labels", str(world / "labels.parquet"), "--features", str(world / "features.parquet"))
    assert done.exit_code == 0, done.output
    registry = world / "registry"
    (version,) = store.versions(registry, "autodial")
    loaded = load(registry, "autodial", version, read_publishers(registry))
    assert loaded.manifest.recipe_sha256 == hashlib.sha256((world / "autodial.toml").read_bytes()).hexdigest()
    assert loaded.manifest.trained_as_of == "2025-12-01T00:00:00.000Z"
    count = len(small_labels().matrix)
    words = [f"{count:,} labels = ", "inconclusive", "Slices", "calibration", "in an embargo", "average precision", "rules alone", version]
    assert [word for word in (*words, "Taken: ", "Nothing uses it yet") if word not in done.output] == []


def test_anomaly_needs_no_labels(world: Path) -> None:
    done = train(world, "anomaly.toml", "--features", str(world / "features.parquet"))
    assert done.exit_code == 0, done.output
    (version,) = store.versions(world / "registry", "anomaly")
    assert load(world / "registry", "anomaly", version, read_publishers(world / "registry")).manifest.score_knots
    assert "licence-days raised a day" in done.output


def test_a_refusal_is_one_line_after_the_counts_and_writes_nothing(world: Path) -> None:
    strict = {**RANKED, "split": {**RANKED["split"], "least_positives": 4000}}
    (world / "strict.toml").write_text(toml(strict), "utf-8")
    done = train(world, "strict.toml", "--labels", str(world / "labels.parquet"), registry="empty")
    assert done.exit_code == 2
    assert "Slices" in done.output
    assert "it needs 4000 of each" in done.output
    assert not (world / "empty").exists()


@pytest.mark.parametrize(
    ("change", "options", "status", "said"),
    [
        ({"sead": 8}, ["--labels", "labels.parquet"], 2, "sead: no such key"),
        ({}, [], 2, "give --labels"),
        ({}, ["--labels", "autodial.toml"], 3, "cannot be read as a file of labels"),
        ({}, ["--labels", "features.parquet"], 3, "export it anew"),
    ],
)
def test_what_is_wrong_is_said_in_red_without_a_trace(
    world: Path, change: dict[str, int], options: list[str], status: int, said: str
) -> None:
    (world / "wrong.toml").write_text(toml({**change, **RANKED}), "utf-8")
    done = train(world, "wrong.toml", *(str(world / one) if "." in one else one for one in options), registry="none")
    assert (done.exit_code, said in done.output, "Traceback" in done.output) == (status, True, False)
    assert not (world / "none").exists()


def test_a_key_that_is_none_is_refused_before_anything_is_read(world: Path) -> None:
    given = ["train", "--recipe", str(world / "autodial.toml"), "--registry", str(world / "r"), "--key", str(world / "no.pem")]
    done = CliRunner().invoke(app, given)
    assert (done.exit_code, "vigie models keygen" in done.output) == (2, True)
