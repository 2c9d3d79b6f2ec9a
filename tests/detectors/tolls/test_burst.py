"""Money in a sliding window: what was spent, and the exact instant at which calls that are up will cross a limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.tolls.burst import Hit, crossing, densest, spent

WINDOW = 100

calls = st.lists(
    st.tuples(st.integers(0, 300), st.integers(0, 200), st.integers(0, 5), st.integers(0, 1)).map(
        lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2], drawn[3])
    ),
    max_size=6,
)


@given(calls, st.integers(0, 300), st.integers(0, 600))
def test_the_crossing_is_the_first_instant_at_which_more_than_the_limit_was_spent(
    found: list[tuple[int, int, int, int]], now: int, limit: int
) -> None:
    # What is answered later is not known yet.
    known = [(start, end, rate, 0) for start, end, rate, _ in found if start <= now]
    by_hand = next((at for at in range(now, 800) if spent(known, at, WINDOW) > limit), None)
    assert crossing(known, now, WINDOW, limit) == by_hand


@given(calls, st.integers(0, 300), st.integers(0, 200_000))
def test_setup_prices_leave_the_window_with_their_answer(found: list[tuple[int, int, int, int]], now: int, limit: int) -> None:
    known = [call for call in found if call[0] <= now]
    by_hand = next((at for at in range(now, 800) if spent(known, at, WINDOW) > limit), None)
    assert crossing(known, now, WINDOW, limit) == by_hand


def test_the_fullest_window_is_found_wherever_it_lies() -> None:
    found = [(Hit(start=at, range="+491", cls="intl_fixed_mobile"), at + 30) for at in (0, 90, 95, 99, 300)]
    assert (densest(found, 0, 100).attempts, densest(found, 0, 100).at_once) == (4, 3)
    assert densest(found, 300, 100).attempts == 1
    assert densest(found, 400, 100).attempts == 0
