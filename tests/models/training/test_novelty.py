"""The forest: strange days score high, the team's capacity cuts, and days drawn by lot say what it is worth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.registry import loading, store
from models.registry.signing import Publisher, Publishers, public_key
from models.schema import NAMES
from models.training.errors import TrainingRefused
from models.training.novelty import by_capacity, knots_of
from models.training.train import Made, Training
from support.training import AS_OF, novel_recipe, small_labels, small_world

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def trained() -> Made:
    return Training(novel_recipe(), "0" * 64, "small.toml", AS_OF).run(small_labels(), small_world())


@pytest.fixture(scope="module")
def made() -> Made:
    return trained()


def test_two_trainings_give_the_same_bytes(made: Made, tmp_path: Path) -> None:
    again = trained()
    first = store.save(tmp_path / "a", "anomaly", made.estimator, made.trained, made.files, KEY)
    assert store.save(tmp_path / "b", "anomaly", again.estimator, again.trained, again.files, KEY) == first


def test_a_strange_day_scores_higher_than_a_usual_one_and_the_loader_says_the_same(made: Made, tmp_path: Path) -> None:
    manifest = store.save(tmp_path, "anomaly", made.estimator, made.trained, made.files, KEY)
    loaded = loading.load(tmp_path, "anomaly", manifest.version, Publishers((Publisher("analyst", public_key(KEY)),)))
    usual = np.array([made.trained.medians])
    strange = usual.copy()
    for name, value in {"attempts": 900, "answered": 9, "cancelled": 700, "talk_mean": 2, "sequence": 80, "concurrent": 9}.items():
        strange[0, made.trained.features.index(name)] = value
    low, high = loaded.score(np.concatenate([usual, strange]))
    assert low < 0.6 < made.trained.threshold <= high


def test_no_more_days_are_raised_than_the_team_can_judge(made: Made) -> None:
    assert made.novelty is not None
    capacity = novel_recipe().cost.capacity
    scores, days = made.novelty.scores, made.novelty.days
    assert (scores >= made.novelty.threshold).sum() <= capacity * days
    lower = np.unique(scores[scores < made.novelty.threshold]).max()
    assert (scores >= lower).sum() > capacity * days


def test_knots_rise_and_end_at_one() -> None:
    raw = np.repeat([0.1, 0.2, 0.2, 0.7], 100)
    knots = knots_of(raw)
    assert knots == tuple(sorted(knots))
    assert len({value for value, _ in knots}) == len(knots)
    assert knots[-1] == (0.7, 1.0)


def test_the_card_tells_what_days_drawn_by_lot_say_or_that_nothing_is_known(made: Made) -> None:
    card = made.files["card.md"].decode()
    assert "drawn by lot" in card
    assert json.loads(made.files["metrics.json"])["by_lot"]["days"] > 0
    alone = Training(novel_recipe(), "0" * 64, "small.toml", AS_OF).run(None, small_world())
    assert "Its precision is unknown" in alone.files["card.md"].decode()
    assert alone.trained.threshold == made.trained.threshold, "labels teach it nothing"


def test_it_needs_features_and_a_score_that_tells_days_apart() -> None:
    with pytest.raises(TrainingRefused, match="give --features"):
        Training(novel_recipe(), "0" * 64, "small.toml", AS_OF).run(small_labels(), None)
    world = small_world()
    same = replace(world, matrix=np.ones((len(world.matrix), len(NAMES))))
    with pytest.raises(TrainingRefused, match="share the highest score"):
        Training(novel_recipe(), "0" * 64, "small.toml", AS_OF).run(None, same)
    with pytest.raises(TrainingRefused, match="share the highest score"):
        by_capacity(np.ones(100), 2, 10)
