"""Scores of rows: rounded, in batches, with reasons for those that a person looks at, and with ids that a repeat has too."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.outputs import Features
from models.registry.loading import Loaded, load
from models.registry.signing import read_publishers
from models.schema import SCHEMA_HASH
from models.scoring import asking
from models.scoring.asking import Asked, score_rows
from support.asked import Registry, values
from support.core import ms

CLOSED = ms("2026-03-03 01:00")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    registry = Registry(tmp_path_factory.mktemp("asking"))
    made = registry.train()
    return load(registry.path, "anomaly", made.version, read_publishers(registry.path))


def row(licence: str = "101", day: str = "2026-03-02", **given: float) -> Features:
    return Features(tenant="acme", licence=licence, day=day, closed_at=CLOSED, schema_hash=SCHEMA_HASH, values=values(**given))


def test_a_score_says_of_what_it_is_and_when_that_was_known(model: Loaded) -> None:
    (one,) = score_rows([row(attempts=4)], Asked(model, "champion", 0.9)).scores
    assert (one.tenant, one.licence, one.day, one.time) == ("acme", "101", "2026-03-02", CLOSED)
    assert (one.model, one.model_version, one.role) == ("anomaly", model.manifest.version, "champion")
    assert one.features_hash == SCHEMA_HASH
    assert one.score == round(one.score, 4)
    assert one.reasons == ()


def test_only_rows_from_the_threshold_on_have_reasons_and_they_are_in_words(model: Loaded) -> None:
    said = score_rows([row(attempts=215, destinations=3), row(attempts=5)], Asked(model, "champion", 0.9)).scores
    assert said[0].score > 0.9 > said[1].score
    assert said[0].reasons == ("215 calls out, against 4 on a usual day",)
    assert said[1].reasons == ()


def test_at_most_three_reasons_the_weightiest_first(model: Loaded) -> None:
    made = row(attempts=30, destinations=9, night_calls=2)
    (one,) = score_rows([made], Asked(model, "champion", 0.0)).scores
    matrix = model.pick(np.array([made.values]))
    falls = []
    for i, median in enumerate(model.manifest.medians):
        usual = matrix.copy()
        usual[0, i] = median
        falls.append(float(np.round(one.score - model.score(usual)[0], 4)))
    assert len(one.reasons) == sum(fall > 0 for fall in falls) <= 3
    assert one.reasons[0].startswith("30 calls out")


def test_the_same_row_scored_again_has_the_same_bytes_and_another_role_another_id(model: Loaded) -> None:
    rows = [row(attempts=n) for n in range(30)]
    asked = Asked(model, "champion", 0.9)
    assert score_rows(rows, asked).scores == score_rows(rows, asked).scores
    assert len({one.id for one in score_rows([row(day=f"2026-03-{n:02}") for n in range(1, 29)], asked).scores}) == 28
    champion, challenger = (score_rows(rows[:1], Asked(model, role, 0.9)).scores[0] for role in ("champion", "challenger"))  # type: ignore[arg-type]
    assert champion.id != challenger.id


def test_a_score_is_the_same_whatever_rows_stand_beside_its_own(model: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row(str(n), attempts=n % 60) for n in range(300)]
    asked = Asked(model, "champion", 0.5)
    whole = score_rows(rows, asked)
    assert whole.seconds > 0
    monkeypatch.setattr(asking, "BATCH", 7)
    assert score_rows(rows, asked).scores == whole.scores
