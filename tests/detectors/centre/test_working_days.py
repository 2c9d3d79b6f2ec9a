"""Working days."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detectors.centre.working_days import first_of_last, holidays_of, is_working
from detectors.days import iso, number


@given(st.integers(number("2024-01-01"), number("2030-01-01")), st.integers(1, 25))
def test_so_many_working_days_lie_between_the_first_of_them_and_the_day(day: int, count: int) -> None:
    holidays = ["2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25"]
    first = first_of_last(count, day, holidays)
    assert is_working(first, holidays)
    assert sum(is_working(d, holidays) for d in range(first, day + 1)) == count


def test_the_days_of_may_2026_are_counted_around_its_four_holidays() -> None:
    holidays = ["2026-05-01", "2026-05-08", "2026-05-14", "2026-05-25"]
    assert iso(first_of_last(20, number("2026-05-29"), holidays)) == "2026-04-28"


def test_without_reference_data_no_day_is_a_holiday() -> None:
    assert list(holidays_of({})) == []
    assert list(holidays_of({"holidays-fr": None})) == []
