"""A licence's calls by day."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.centre.talk import OUT, Talk, add_talk
from detectors.days import HOUR, MINUTE


def closed(talk: Talk, day: int, out: int = 1, talk_ms: int = 0) -> None:
    opened = talk.day(day, day * 24 * HOUR)
    opened.out, opened.talk = out, talk_ms
    talk.close(day)


@given(st.lists(st.tuples(st.integers(0, 24 * 60), st.integers(0, 24 * 60)).map(sorted), max_size=10))
def test_talk_split_over_hours_adds_up_and_can_be_taken_back(spans: list[list[int]]) -> None:
    talk = Talk()
    day = talk.day(0, 0)
    for start, end in spans:
        add_talk(day, start * MINUTE, end * MINUTE, 1)
    assert sum(day.talked) == day.talk == sum((end - start) * MINUTE for start, end in spans)
    for start, end in spans:
        add_talk(day, start * MINUTE, end * MINUTE, -1)
    assert not any(day.talked)


def test_rows_older_than_thirty_days_become_weeks_and_weeks_beyond_ninety_days_go() -> None:
    talk = Talk()
    for day in range(100, 300):
        closed(talk, day)
    assert len(talk.rows) == 30
    outgoing, _ = talk.both_ways(299)
    assert 84 <= outgoing <= 90
    assert all(week[OUT] <= 7 for week in talk.weeks.values())


def test_minutes_of_a_month_are_those_of_its_thirty_days() -> None:
    talk = Talk()
    for day in (100, 101, 130):
        closed(talk, day, talk_ms=10 * MINUTE)
    assert talk.talk_minutes(130) == 20


def test_destinations_are_told_by_month_by_quarter_and_once() -> None:
    talk = Talk()
    for key, day in ((1, 100), (2, 150), (3, 150), (3, 160), (4, 161)):
        talk.call(key, day, 320)
    assert talk.destinations(160) == (2, 3, 2)
    assert talk.destinations(200) == (0, 3, 2)


def test_a_number_called_again_the_same_day_is_one_callee_of_that_day() -> None:
    talk = Talk()
    assert [talk.call(7, 100, 320), talk.call(7, 100, 320), talk.call(7, 101, 320)] == [True, False, True]


def test_the_number_called_longest_ago_is_forgotten_first() -> None:
    talk = Talk()
    for key, day in ((1, 100), (2, 101), (1, 102), (3, 103)):
        talk.call(key, day, 2)
    assert list(talk.callees) == [1, 3]


def test_the_heat_map_puts_a_thursdays_hour_in_its_place() -> None:
    talk = Talk()
    talk.heat[0] = [0] * 9 + [5] + [0] * 15  # 1 January 1970 was a Thursday
    assert talk.heat_map(0)[3 * 24 + 9] == 5
