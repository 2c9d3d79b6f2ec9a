"""The order of a live partition: watermark, lateness, silence, ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.events import Call, Event, Licence, Registration, Tick
from streams.frames import encode_frame
from streams.live.orderer import MOST_TICKS, NEVER, TICK_MS, Orderer, Source
from streams.runs import total_order

T = 1_795_515_300_000
A, B = Source("a", "vigie.calls", 3), Source("b", "vigie.registrations", 3)
SOURCES = (A, B, Source("a", "vigie.registrations", 3), None)


def reg(time: int, ident: str = "r", pbx: str = "a") -> Registration:
    return Registration(id=ident, time=time, pbx=pbx, action="register", tenant="t", licence="1")


def times(events: Sequence[Event]) -> list[int]:
    return [event.time - T for event in events if type(event) is not Tick]


#: Arrivals: (step of the wall clock, delay of the event, source); a negative delay is a clock that is ahead.
ARRIVALS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 20, 300, 2_500, 7_000, 70_000]),
        st.sampled_from([0, 1, 5, 90, 500, 1_999, 2_001, 30_000, 400_000, -1, -800, -100_000]),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=60,
)


def feed(orderer: Orderer, arrivals: list[tuple[int, int, int, bool]]) -> tuple[list[Event], set[str]]:
    """Every event that left, at last also those that waited, and the ids of those that were behind the watermark."""
    out: list[Event] = []
    late = set()
    wall = T
    for number, (step, delay, which, advance) in enumerate(arrivals):
        wall += step
        source = SOURCES[which]
        event: Event
        if source is None:
            event = Licence(id=f"e{number:03}", time=wall - delay, tenant="t", licence="1")
        else:
            event = reg(wall - delay, f"e{number:03}", source.pbx)
        if event.time < orderer.watermark:
            late.add(event.id)
        if orderer.watermark == NEVER and source is None:
            late.add(event.id)  # passes at once, before there is an order
        orderer.take(event, source, wall)
        if advance:
            out += orderer.advance(wall)
    out += orderer.advance(wall)
    # Silent sources are followed at the speed of the wall: a fact waits as long as the one that is furthest behind is behind.
    return out + orderer.advance(wall + 10_000) + orderer.advance(wall + 500_000), late


@given(ARRIVALS)
def test_what_is_not_late_leaves_in_the_total_order_and_what_is_late_says_by_how_much(arrivals: list[Any]) -> None:
    out, late = feed(Orderer(3), arrivals)
    kept = [total_order(event) for event in out if event.id not in late]
    assert kept == sorted(kept)
    for event in out:
        if type(event) is Registration:
            assert (event.late_ms > 0) == (event.id in late)


@given(ARRIVALS)
def test_nothing_is_lost_and_nothing_doubled(arrivals: list[Any]) -> None:
    orderer = Orderer(3)
    out, _ = feed(orderer, arrivals)
    if orderer.watermark != NEVER:
        assert sorted(event.id for event in out if event.id) == [f"e{number:03}" for number in range(len(arrivals))]
        assert orderer.waiting == 0


@given(ARRIVALS)
def test_the_same_arrivals_give_the_same_log(arrivals: list[Any]) -> None:
    assert encode_frame(feed(Orderer(3), arrivals)[0]) == encode_frame(feed(Orderer(3), arrivals)[0])


@given(ARRIVALS)
def test_ticks_are_all_instants_of_the_grid_in_their_place_and_none_beyond_the_watermark(arrivals: list[Any]) -> None:
    orderer = Orderer(3)
    out, _ = feed(orderer, arrivals)
    ticks = [event.time for event in out if type(event) is Tick]
    assert ticks == list(range(ticks[0], ticks[-1] + 1, TICK_MS)) if ticks else True
    assert all(time % TICK_MS == 0 and time < orderer.watermark for time in ticks)
    if ticks:
        assert orderer.watermark - ticks[-1] <= TICK_MS


@given(ARRIVALS, st.integers(1, 40))
def test_how_often_the_watermark_is_moved_changes_neither_what_leaves_nor_its_order_within_the_lateness(
    arrivals: list[Any], every: int
) -> None:
    # Delays within the lateness, from sources that are never silent: nothing is late, however the arrivals are cut into turns.
    calm = [(min(step, 300), abs(delay) % 2_000, which % 2, at % every == 0) for at, (step, delay, which, _) in enumerate(arrivals)]
    start = [(0, 1_999, 0, False), (0, 1_999, 1, False)]
    out, late = feed(Orderer(3), start + calm)
    assert not late
    assert [total_order(event) for event in out] == sorted(total_order(event) for event in out)


def test_a_slow_source_delays_the_others() -> None:
    orderer = Orderer(3)
    orderer.take(reg(T), A, T)
    orderer.take(reg(T - 60_000), B, T)
    assert times(orderer.advance(T)) == []
    orderer.take(reg(T + 10_000), A, T + 3_000)
    orderer.take(reg(T - 50_000), B, T + 3_000)
    assert times(orderer.advance(T + 3_000)) == [-60_000]


def test_a_silent_source_leaves_the_minimum_until_it_speaks_again() -> None:
    orderer = Orderer(3)
    orderer.take(reg(T), A, T)
    orderer.take(reg(T), B, T)
    orderer.advance(T)
    for second in range(1, 5):
        orderer.take(reg(T + second * 1_000), A, T + second * 1_000)
        assert orderer.advance(T + second * 1_000) == []
    orderer.take(reg(T + 5_000), A, T + 5_000)
    assert times(orderer.advance(T + 5_000)) == [0, 0, 1_000, 2_000]
    orderer.take(reg(T + 4_000), B, T + 5_100)
    orderer.take(reg(T + 9_000), A, T + 9_000)
    orderer.advance(T + 9_000)
    assert orderer.watermark == T + 3_000  # B holds it, and A's 3,000 came first: nothing was late


def test_a_source_is_not_silent_while_we_have_not_read_what_it_sent() -> None:
    orderer = Orderer(3)
    orderer.take(reg(T), A, T)
    orderer.advance(T)
    before = orderer.watermark
    orderer.advance(T + 60_000, behind=[("vigie.calls", 3)])
    assert orderer.watermark == before
    # An input nobody has spoken on yet holds it too: what it has may be the earliest of all.
    orderer.advance(T + 60_000, behind=[("vigie.registrations", 3)])
    assert orderer.watermark == before


def test_when_all_are_silent_time_goes_on_with_the_wall_clock_and_ticks_with_it() -> None:
    orderer = Orderer(3)
    orderer.take(reg(T + 1), A, T)
    orderer.advance(T)
    assert times(orderer.advance(T + 5_000)) == [1]
    assert orderer.watermark == T - 2_000 + 5_000
    out = orderer.advance(T + 200_000)
    assert [event.time for event in out] == [T + 60_000, T + 120_000, T + 180_000]


def test_a_clock_that_is_ahead_moves_nobody_elses_watermark() -> None:
    orderer = Orderer(3)
    orderer.take(reg(T + 100_000), A, T)
    orderer.take(reg(T), B, T)
    orderer.advance(T)
    # B falls silent for a while, and is on time when it speaks again.
    orderer.take(reg(T + 110_000), A, T + 10_000)
    orderer.advance(T + 10_000)
    late = reg(T + 9_900, pbx="b")
    orderer.take(late, B, T + 10_000)
    assert late.late_ms == 0


def test_a_cdr_is_as_late_as_its_end() -> None:
    orderer = Orderer(3)
    orderer.take(reg(T), A, T)
    orderer.advance(T)
    cdr = Call(id="c", time=T + 1, phase="cdr", call_id="c", direction="outbound", ended_at=T - 902_000)
    orderer.take(cdr, A, T)
    assert cdr.late_ms == 900_000
    assert orderer.late == 0


def test_facts_have_their_place_but_are_waited_for_by_nobody_and_pass_before_the_first_event() -> None:
    orderer = Orderer(3)
    fact = Licence(id="f", time=T + 3_000, tenant="t", licence="1")
    orderer.take(fact, None, T)
    assert orderer.advance(T) == [fact]
    orderer.take(reg(T), A, T)
    orderer.advance(T)
    later = Licence(id="g", time=T + 3_000, tenant="t", licence="1")
    orderer.take(later, None, T)
    orderer.take(reg(T + 9_000), A, T + 9_000)
    assert times(orderer.advance(T + 9_000)) == [0, 3_000]


def test_an_orderer_that_goes_on_repeats_no_tick_and_knows_what_is_late() -> None:
    orderer = Orderer(3, watermark=T + 1, heard_ms=T)
    event = reg(T)
    orderer.take(event, A, T)
    assert event.late_ms == 1
    orderer.take(reg(T + 70_000), A, T + 70_000)
    assert [event.time - T for event in orderer.advance(T + 70_000)] == [0, 60_000]


def test_after_a_stop_in_silence_the_watermark_makes_up_for_the_time_that_passed() -> None:
    orderer = Orderer(3, watermark=T, heard_ms=T + 2_000)
    orderer.advance(T + 3_602_000)
    assert orderer.watermark == T + 3_600_000


def test_a_clock_that_was_never_set_makes_no_millions_of_ticks() -> None:
    orderer = Orderer(3)
    orderer.take(reg(978_307_200_000), A, T)
    orderer.advance(T)
    orderer.take(reg(T + 9_000), B, T + 9_000)
    assert len(orderer.advance(T + 9_000)) == MOST_TICKS + 1


def test_inputs_that_are_ahead_of_what_the_watermark_waits_for_need_not_be_read() -> None:
    orderer = Orderer(3)
    assert orderer.ahead() == set()
    orderer.take(reg(T), A, T)
    orderer.take(reg(T - 60_000), B, T)
    orderer.advance(T)
    assert orderer.ahead() == {("vigie.calls", 3)}
    orderer.take(reg(T), B, T)
    orderer.advance(T)
    assert orderer.ahead() == set()


@pytest.mark.parametrize("late", [1, 5_000])
def test_an_event_at_the_watermark_is_in_order_and_one_before_it_is_late(late: int) -> None:
    orderer = Orderer(3)
    orderer.take(reg(T + 2_000), A, T + 2_000)
    orderer.advance(T + 2_000)
    event, before = reg(T), reg(T - late)
    orderer.take(event, A, T + 2_000)
    orderer.take(before, A, T + 2_000)
    assert (event.late_ms, before.late_ms, orderer.late) == (0, late, 1)
    assert orderer.advance(T + 2_000) == [before]
