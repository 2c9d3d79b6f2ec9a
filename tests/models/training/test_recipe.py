"""Recipes: those that ship can be read, and whatever is wrong with another is said in one line with file and key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from models.schema import NAMES
from models.training.errors import RecipeError
from models.training.recipe import look_back, read
from support.training import NOVEL, RANKED, novel_recipe, recipe, toml

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("*.toml"))
MODELS = {"anomaly", "autodial", "call-centre", "licence-sharing", "takeover"}


def test_there_is_a_recipe_for_each_model() -> None:
    assert {path.stem for path in RECIPES} == MODELS


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_that_ships_can_be_read_and_keeps_slices_apart_by_what_its_features_look_back(path: Path) -> None:
    found, digest = read(path)
    assert found.name == path.stem
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert found.split.embargo_days >= look_back(found)
    assert all(
        re.search(r"# \S", line) for line in path.read_text("utf-8").splitlines() if re.match(r"(\w+_cents|\w+_minutes\w*) = ", line)
    )


def test_features_stand_in_the_order_of_the_schema_whatever_the_order_of_the_recipe() -> None:
    assert recipe(features=["talk_mean", "attempts"], monotonic={"attempts": "up"}).names == ("attempts", "talk_mean")
    assert recipe(features="all", split={"embargo_days": 28}).names == NAMES


def test_a_forest_over_weeks_keeps_slices_apart_by_four_weeks_and_the_week_itself() -> None:
    assert look_back(novel_recipe(rows="week", features="all", split={"embargo_days": 34})) == 34
    with pytest.raises(RecipeError, match=r"split\.embargo_days: must be 34 or more"):
        novel_recipe(rows="week", features="all", split={"embargo_days": 28})


def test_directions_are_by_name() -> None:
    found = recipe()
    assert dict(zip(found.names, found.directions, strict=True)) == {**dict.fromkeys(found.names, 0), "attempts": 1, "gap_variation": -1}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sead": 1}, "sead: no such key"),
    ({"seed": "eight"}, "seed: expected `int`, got `str`"),
    ({"cost": {"missed_cents": 0}}, "cost.missed_cents: expected `int` >= 1"),
    ({"cost": {"penalty": 0}}, "cost.penalty: no such key"),
    ({"split": {"embargo_days": 7.5}}, "split.embargo_days: expected `int`, got `float`"),
    ({"split": {"test_share": 1.5}}, "split.test_share: expected `float` < 1.0"),
    ({"split": {"least_positives": 2}}, "split.least_positives: expected `int` >= 5"),
    ({"split": {"test_share": 0.7}}, "split: calibration_share, threshold_share and test_share together"),
    ({"candidates": {"hgb": {"trees": 3}}}, "candidates.hgb.trees: no such key"),
    ({"candidates": {"logistic": None}}, "candidates.logistic: is missing"),
    ({"candidates": {"forest": {}}}, "candidates.forest: stands alone"),
    ({"features": ["attempts", "mood"]}, "features: there is no feature 'mood'; see docs/features.md"),
    ({"features": ["attempts", "attempts"]}, "features: 'attempts' stands there twice"),
    ({"features": []}, "features: is empty"),
    ({"features": ["attempts", "attempts_mean_28d"], "monotonic": {}}, "split.embargo_days: must be 28 or more"),
    ({"monotonic": {"mood": "up"}}, "monotonic.mood: is not among the features"),
    ({"monotonic": {"attempts": "sideways"}}, "monotonic[...]: invalid enum value 'sideways'"),
    ({"name": "Auto Dial"}, "name: small letters"),
    ({"rules": []}, "rules: is empty"),
    ({"rows": "week"}, 'rows: must be "day"'),
    ({"rows": "month"}, "rows: invalid enum value 'month'"),
    ({"labels": {"sampling": ["audit"]}}, 'labels.sampling: must hold "alert"'),
    ({"cost": {"minutes_per_day": 2}}, "cost.minutes_per_day: is less than one review takes"),
    ({"guards": {"country:FR": 0.5}}, "guards.country:FR: is no slice"),
    ({"guards": {"level": 0.5}}, "guards.level: is no slice"),
    ({"guards": {"all": 1.5}}, "guards[...]: expected `float` <= 1.0"),
    ({"calibration": "platt"}, "calibration: invalid enum value 'platt'"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG, ids=[said.partition(":")[0] + str(n) for n, (_, said) in enumerate(WRONG)])
def test_a_wrong_key_or_value_is_one_line_that_names_it(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(**changed)
    assert str(caught.value).startswith(f"small.toml: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["name", "rules", "seed", "split", "candidates", "cost", "labels"])
def test_a_missing_key_is_named(key: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(toml({name: value for name, value in RANKED.items() if name != key}), "utf-8")
    with pytest.raises(RecipeError, match=rf"recipe.toml: {key}: is missing"):
        read(path)


def test_a_forest_takes_no_rules_and_no_directions() -> None:
    with pytest.raises(RecipeError, match="rules: must be empty"):
        novel_recipe(rules=["autodial"])
    with pytest.raises(RecipeError, match="monotonic: means nothing"):
        novel_recipe(monotonic={"attempts": "up"})


@pytest.mark.parametrize(("content", "said"), [(b"name = ", "is no TOML"), (b"\xff", "is no TOML"), (None, "cannot be read")])
def test_a_file_that_is_none_is_said(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError, match=said):
        read(path)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(toml(RANKED), "utf-8")
    assert read(path)[0] == recipe()
    path.write_text(toml(NOVEL), "utf-8")
    assert read(path)[0] == novel_recipe()
