"""Sliding windows are exact from the last N + 1 hits, whatever the order in which hits come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.windows import count_since, push, remember

times = st.lists(st.integers(0, 10_000), max_size=60)


@given(times, st.integers(1, 20), st.integers(0, 10_000))
def test_whether_a_count_is_over_n_is_exact_with_n_plus_one_hits(hits: list[int], limit: int, after: int) -> None:
    kept: list[int] = []
    for at in hits:
        push(kept, at, limit + 1)
    assert (count_since(kept, after) > limit) == (sum(1 for at in hits if at > after) > limit)


@given(times)
def test_hits_that_come_late_take_their_place(hits: list[int]) -> None:
    kept: list[int] = []
    for at in hits:
        push(kept, at, 100)
    assert kept == sorted(hits)


@given(st.lists(st.integers(0, 30), max_size=80), st.integers(1, 10))
def test_a_bounded_set_forgets_the_one_seen_longest_ago(keys: list[int], capacity: int) -> None:
    seen: dict[int, int] = {}
    for when, key in enumerate(keys):
        remember(seen, key, when, capacity)
    latest = {key: when for when, key in enumerate(keys)}
    assert seen == {key: when for key, when in latest.items() if when in sorted(latest.values())[-capacity:]}
