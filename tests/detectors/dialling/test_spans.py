"""The arithmetic of dialling against counting by hand."""

from __future__ import annotations

from statistics import fmean, pstdev

from hypothesis import given
from hypothesis import strategies as st

from detectors.dialling.spans import (
    MOST_SPANS,
    common,
    covered,
    cut,
    gaps_of,
    inside,
    join,
    longest,
    occupy,
    over,
    prune,
    slide,
    vacate,
    variation,
)

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda s: (s[0], s[0] + s[1])), max_size=12)
END = 100


def depth(calls: list[tuple[int, int]], at: int) -> int:
    return sum(start <= at < end for start, end in calls)


@given(SPANS)
def test_joined_spans_are_sorted_apart_and_cover_what_was_added(calls: list[tuple[int, int]]) -> None:
    spans: list[int] = []
    for start, end in calls:
        join(spans, start, end)
    assert spans == sorted(set(spans))
    assert all(inside(spans, at) == (depth(calls, at) > 0) for at in range(END))
    assert all(covered(spans, after) == sum(depth(calls, at) > 0 for at in range(after, END)) for after in range(0, END, 7))


@given(SPANS, st.integers(0, 80), st.integers(1, 20))
def test_common_and_cut_split_spans_into_what_lies_within_and_what_does_not(calls: list[tuple[int, int]], start: int, length: int) -> None:
    spans: list[int] = []
    for a, b in calls:
        join(spans, a, b)
    within, without = common(spans, start, start + length), list(spans)
    cut(without, start, start + length)
    for at in range(END):
        assert inside(within, at) == (inside(spans, at) and start <= at < start + length)
        assert inside(without, at) == (inside(spans, at) and not start <= at < start + length)


@given(SPANS, st.permutations(range(12)))
def test_layers_tell_how_many_calls_are_up_whatever_the_order_they_are_told_in(calls: list[tuple[int, int]], order: list[int]) -> None:
    layers: list[list[int]] = []
    for place in order:
        if place < len(calls):
            occupy(layers, *calls[place], 12)
    assert [sum(inside(layer, at) for layer in layers) for at in range(END)] == [depth(calls, at) for at in range(END)]


@given(SPANS)
def test_taking_a_call_back_leaves_what_was_there_without_it(calls: list[tuple[int, int]]) -> None:
    layers: list[list[int]] = []
    for span in calls:
        occupy(layers, *span, 12)
    for taken, span in enumerate(calls, 1):
        vacate(layers, *span)
        assert [sum(inside(layer, at) for layer in layers) for at in range(END)] == [depth(calls[taken:], at) for at in range(END)]


@given(st.lists(st.integers(0, 80), min_size=1, max_size=40), st.integers(1, 5), st.integers(5, 30))
def test_a_limit_on_hits_in_a_window_is_known_for_every_instant_of_the_window_before(hits: list[int], limit: int, window: int) -> None:
    known: list[int] = []
    truth: list[int] = []
    for hit in hits:
        known = sorted([*known, hit])
        over(known, limit, window, truth, known[-1], known.index(hit))
        now = known[-1]
        for at in (now, now - window):
            assert inside(truth, at) == (sum(at - window < h <= at for h in known) > limit)


@given(st.lists(st.integers(0, 100_000), min_size=2, max_size=60))
def test_variation_is_the_standard_deviation_over_the_mean(gaps: list[int]) -> None:
    expected = 1000 * pstdev(gaps) / fmean(gaps) if sum(gaps) else 0
    assert abs(variation(gaps) - expected) <= 1 + 1e-6 * expected


def test_gaps_of_one_start_are_none() -> None:
    assert gaps_of([5]) == []


@given(st.lists(st.integers(1, 50), min_size=8, max_size=300).map(lambda g: g[: len(g) // 4 * 4]))
def test_sliding_old_spans_together_keeps_their_time_and_moves_no_late_one(steps: list[int]) -> None:
    layer, at = [], 0
    for step in steps:
        at += step
        layer.append(at)
    slid = list(layer)
    slide(slid)
    assert covered(slid, 0) == covered(layer, 0)
    assert slid == sorted(set(slid))
    assert slid[-len(layer) // 2 :] == layer[-len(layer) // 2 :]
    assert len(slid) < len(layer)


def test_a_layer_stays_bounded_however_many_calls_it_is_told() -> None:
    layers: list[list[int]] = [[0, 1]]
    for n in range(10_000):
        occupy(layers, 10 * n, 10 * n + 5, 3)
    assert len(layers[0]) <= 2 * MOST_SPANS + 2
    assert covered(layers[0], 0) == 5 * 10_000


def test_pruning_drops_what_ended_and_keeps_what_has_not() -> None:
    layers = [[0, 10, 20, 30], [5, 6]]
    prune(layers, 10)
    assert layers == [[20, 30], []]
    assert longest(layers[0], 25) == 10
    assert longest(layers[0], 30) == 0
