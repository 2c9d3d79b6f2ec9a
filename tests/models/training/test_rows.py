"""Which labels a recipe learns from: every other one is counted with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.verdicts import AUDIT_RATE
from models.schema import NAMES, SCHEMA_HASH
from models.training.errors import TrainingRefused
from models.training.rows import choose
from support.training import novel_recipe, recipe, small_labels


def test_rows_kept_and_left_out_are_all_rows() -> None:
    labels = small_labels()
    columns = dict(labels.columns)
    columns["rule"] = np.where(np.arange(len(labels.matrix)) % 7 == 0, "gateway", columns["rule"])
    columns["weak"] = np.arange(len(labels.matrix)) % 11 == 0
    columns["row_age_days"] = np.where(np.arange(len(labels.matrix)) % 5 == 0, 30, 0)
    found = choose(replace(labels, columns=columns), recipe(), SCHEMA_HASH)
    assert found.read == len(labels.matrix) == len(found.rows) + sum(found.left_out.values())
    assert all(found.left_out[reason] for reason in ("of another rule", "inconclusive", "weak", "row older than 7 days"))
    assert set(found.rows.label.tolist()) == {0.0, 1.0}


def test_a_day_drawn_by_lot_counts_as_one_over_its_propensity_and_at_most_the_cap() -> None:
    for cap, weight in ((1000.0, 1 / AUDIT_RATE), (20.0, 20.0)):
        rows = choose(small_labels(), recipe(labels={"weight_cap": cap}), SCHEMA_HASH).rows
        assert rows.audited.any()
        assert set(rows.weight[rows.audited].tolist()) == {weight}
        assert set(rows.weight[~rows.audited].tolist()) == {1.0}


def test_a_breach_found_by_lot_is_of_no_rule_and_kept_for_anomaly_only() -> None:
    ranked = choose(small_labels(), recipe(), SCHEMA_HASH)
    assert ranked.left_out["breach found by lot, of no rule"] > 0
    assert not (ranked.rows.audited & (ranked.rows.label == 1)).any()
    novel = choose(small_labels(), novel_recipe(), SCHEMA_HASH)
    assert (novel.rows.audited & (novel.rows.label == 1)).sum() == ranked.left_out["breach found by lot, of no rule"]


def test_without_audit_in_the_recipe_days_drawn_by_lot_are_left_out() -> None:
    found = choose(small_labels(), recipe(labels={"sampling": ["alert"]}), SCHEMA_HASH)
    assert not found.rows.audited.any()
    assert found.left_out["sampling not asked for (alert)"] == (small_labels().columns["sampling"] == "audit").sum()


def test_columns_are_those_of_the_recipe() -> None:
    asked = recipe()
    found = choose(small_labels(), asked, SCHEMA_HASH)
    assert found.rows.matrix.shape[1] == len(asked.names)
    column = small_labels().matrix[:, NAMES.index("cancelled")]
    assert set(found.rows.matrix[:, asked.names.index("cancelled")]) <= set(column)


def test_labels_with_other_features_are_refused() -> None:
    with pytest.raises(TrainingRefused, match="the labels have features fs-old, this vigie computes fs-"):
        choose(replace(small_labels(), schema_hash="fs-old"), recipe(), SCHEMA_HASH)


def test_customers_are_told_apart_by_the_licences_seen_of_them() -> None:
    rows = choose(small_labels(), recipe(), SCHEMA_HASH).rows
    assert set(rows.slices["customer"].tolist()) <= {"1", "2-9", "10+"}
    assert set(rows.slices["weekday"].tolist()) == {"working", "weekend"}
