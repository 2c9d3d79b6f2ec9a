"""How far a distribution moved, and what of it is chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from models.drift.drift import mix_moved
from models.drift.measures import ACT, WATCH, counts_of, distance, status
from models.training.reference import deciles


def of(before: np.ndarray, now: np.ndarray):  # type: ignore[type-arg,no-untyped-def]
    reference = deciles(before)
    return distance(np.array(reference["shares"]), len(before), counts_of(np.array(reference["edges"]), now))


def test_the_same_values_have_moved_nowhere() -> None:
    values = np.random.default_rng(0).normal(size=5000)
    found = of(values, values)
    assert (found.psi, found.ks, found.status) == (pytest.approx(0, abs=1e-4), pytest.approx(0, abs=1e-9), "ok")


def test_a_shift_of_a_standard_deviation_is_to_be_acted_on_and_a_small_one_is_watched() -> None:
    source = np.random.default_rng(0)
    before = source.normal(size=5000)
    assert of(before, source.normal(1, size=5000)).status == "act"
    assert of(before, source.normal(0.4, size=5000)).status == "watch"
    assert of(before, source.normal(0.05, size=5000)).status == "ok"


def test_the_distance_at_the_deciles_is_nearly_that_of_all_values() -> None:
    source = np.random.default_rng(1)
    before, now = source.normal(size=4000), source.normal(0.5, 1.2, size=4000)
    found = of(before, now)
    exact = ks_2samp(before, now).statistic
    assert exact - 0.05 < found.ks <= exact + 1e-6


def test_few_rows_of_the_same_kind_are_no_drift_though_the_index_is_high() -> None:
    """Forty rows against forty have an index above 0.25 by chance alone more often than not."""
    called, high = 0, 0
    for seed in range(200):
        source = np.random.default_rng(seed)
        found = of(source.normal(size=40), source.normal(size=40))
        high += found.psi >= ACT
        called += found.status != "ok"
    assert high > 100
    assert called <= 4


def test_values_that_training_never_saw_are_in_the_last_bin() -> None:
    assert counts_of(np.array([1.0, 2.0]), np.array([0.0, 1.0, 1.5, 2.0, 99.0])).tolist() == [2, 2, 1]


def test_a_value_that_never_varied_and_now_does() -> None:
    found = of(np.zeros(1000), np.ones(1000))
    assert (found.before, found.now, found.status) == ((1.0,), (1.0,), "ok")
    moved = of(np.r_[np.zeros(990), np.ones(10)], np.ones(1000))
    assert moved.status == "act"


def test_no_rows_say_nothing() -> None:
    assert distance(np.array([0.5, 0.5]), 100, np.array([0, 0])).status == "ok"


@pytest.mark.parametrize(
    ("psi", "chance", "ks", "word"),
    [
        (WATCH, 0.0, 0.05, "watch"),
        (WATCH, 0.0, 0.04, "ok"),
        (WATCH - 0.01, 0.0, 0.5, "ok"),
        (ACT, 0.0, 0.10, "act"),
        (ACT, 0.0, 0.09, "watch"),
        (ACT, 0.30, 0.50, "ok"),
    ],
)
def test_the_index_the_distance_and_chance_decide_together(psi: float, chance: float, ks: float, word: str) -> None:
    assert status(psi, chance, ks) == word


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=10), st.lists(st.integers(0, 50), min_size=2, max_size=10))
def test_an_index_is_finite_and_not_negative_whatever_the_counts(before: list[int], now: list[int]) -> None:
    size = min(len(before), len(now))
    was, counts = np.array(before[:size]), np.array(now[:size])
    shares = was / was.sum() if was.sum() else np.full(size, 1 / size)
    found = distance(shares, int(was.sum()), counts)
    assert np.isfinite(found.psi)
    assert found.psi >= 0
    assert 0 <= found.ks <= 1


MIX = {"below": 0.98, "review": 0.015, "urgent": 0.005}


@pytest.mark.parametrize(
    ("now", "rows", "moved"),
    [
        (MIX, 10_000, []),
        ({"below": 0.975, "review": 0.020, "urgent": 0.005}, 10_000, []),
        ({"below": 0.96, "review": 0.035, "urgent": 0.005}, 10_000, ["review 1.50 % → 3.50 %"]),
        ({"below": 0.96, "review": 0.035, "urgent": 0.005}, 100, []),
        ({"below": 1.0, "review": 0.0, "urgent": 0.0}, 10_000, ["review 1.50 % → 0.00 %", "urgent 0.50 % → 0.00 %"]),
    ],
)
def test_the_mix_moved_when_a_part_grew_or_shrank_by_half_and_chance_does_not_explain_it(
    now: dict[str, float], rows: int, moved: list[str]
) -> None:
    assert mix_moved(MIX, 10_000, now, rows)[1] == moved
