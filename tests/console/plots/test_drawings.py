"""What the single drawings show, and how."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.plots.axes import Limit, ticks, time_ticks
from console.plots.bars import Bar, bars
from console.plots.calendar import Run, calendar, strip
from console.plots.clock import DAY, HOUR, Clock
from console.plots.columns import Column, columns
from console.plots.heat import heat
from console.plots.histogram import histogram
from console.plots.lanes import Lane, Shared, lanes
from console.plots.plot import Drawn, Frame
from console.plots.signs import Shown, signs
from console.plots.sparkline import sparkline
from console.plots.svg import Drawing, shorten, width_of
from console.plots.words import Words

SVG = "{http://www.w3.org/2000/svg}"
T = 1_772_438_400_000


def frame(span: int = 2, lang: str = "en", zone: str = "Europe/Paris") -> Frame:
    return Frame("x", "Title", "About", span, Words(lang), Clock(zone))


def shapes(drawn: Drawn | str, tag: str, cls: str) -> list[ElementTree.Element]:
    svg = drawn if isinstance(drawn, str) else drawn.svg
    return [element for element in ElementTree.fromstring(svg).iter(f"{SVG}{tag}") if cls in element.get("class", "").split()]


def tip(element: ElementTree.Element) -> str:
    return element[0].text or ""


def year(*runs: Run, crossing: date | None = None) -> Drawn:
    return calendar(frame(), runs, date(2026, 3, 31), crossing)


def test_the_calendar_has_a_square_for_each_of_365_days() -> None:
    drawn = year(Run(date(2026, 3, 1), date(2026, 3, 10), "CH", "calls"))
    days = [tip(square).split(":")[0] for square in ElementTree.fromstring(drawn.svg).iter(f"{SVG}rect") if len(square)]
    assert days == sorted(days)
    assert (len(days), days[0], days[-1]) == (365, "2025-04-01", "2026-03-31")


def test_days_known_from_registrations_alone_are_striped() -> None:
    drawn = year(Run(date(2026, 3, 1), date(2026, 3, 10), "CH", "calls"), Run(date(2026, 3, 11), date(2026, 3, 13), "CH", "registrations"))
    striped = [tip(square) for square in shapes(drawn, "rect", "plot-hatch") if len(square)]
    assert striped == [f"2026-03-{day}: CH, registrations only" for day in (11, 12, 13)]


def test_each_country_has_its_colour_and_the_sixth_shares_one() -> None:
    runs = [Run(date(2026, 1, 1 + 3 * n), date(2026, 1, 1 + 3 * n), f"C{n}", "calls") for n in range(7)]
    used = {tip(s)[-10:].split(": ")[-1].split(",")[0]: s.get("class") for s in shapes(year(*runs), "rect", "plot-6") if len(s)}
    assert len(shapes(year(*runs), "rect", "plot-5")) == 2  # the day and its place in the legend
    assert set(used.values()) == {"plot-6"}
    assert sum(1 for s in shapes(year(*runs), "rect", "plot-6") if len(s)) == 2


def test_the_line_of_the_crossing_separates_the_days_before_it_from_those_after() -> None:
    drawn = year(Run(date(2026, 2, 1), date(2026, 3, 31), "CH", "calls"), crossing=date(2026, 3, 4))
    (line,) = shapes(drawn, "path", "plot-limit")
    places = [tuple(map(float, point.split())) for point in re.split("[ML]", line.get("d", ""))[1:]]
    squares = {
        tip(s).split(":")[0]: (float(s.get("x", 0)), float(s.get("y", 0)))
        for s in ElementTree.fromstring(drawn.svg).iter(f"{SVG}rect")
        if len(s)
    }
    right, left, step = places[0][0], places[-1][0], places[1][1]

    def before(day: str) -> bool:
        x, y = squares[day]
        return x < (right if y < step else left) - 1

    assert [day for day in squares if before(day)] == [day for day in squares if day < "2026-03-04"]
    assert drawn.table.rows[-1] == ("2026-03-04", "2026-03-04", "", "", "limit crossed")


def test_the_strip_names_a_stay_once_however_many_kinds_of_proof_it_has() -> None:
    runs = [
        Run(date(2026, 1, 1), date(2026, 1, 20), "CH", "calls"),
        Run(date(2026, 1, 21), date(2026, 2, 20), "CH", "registrations"),
        Run(date(2026, 2, 21), date(2026, 3, 1), "CH", "calls"),
    ]
    text = ElementTree.fromstring(strip(frame(), runs, date(2026, 3, 31), None).svg).itertext()
    assert [one for one in text if "60 d" in one] == ["CH · 60 d"]


def test_the_time_that_two_calls_share_is_red() -> None:
    one, two = Lane("a", "n", "FR", T, T + 1000_000), Lane("b", "m", "FR", T + 400_000, T + 700_000)
    drawn = lanes(frame(), [Shared(one, two, 300)])
    first, red = shapes(drawn, "rect", "plot-1")[0], shapes(drawn, "rect", "plot-bad")[0]
    assert float(red.get("width", 0)) == pytest.approx(float(first.get("width", 0)) * 0.3, abs=0.02)
    assert [row[-1] for row in drawn.table.rows] == ["5 min", "5 min"]


def test_a_call_that_is_still_up_is_said_to_be() -> None:
    drawn = lanes(frame(), [Shared(Lane("a", "n", "FR", T, None), Lane("b", "m", "FR", T + 400_000, None), 300)])
    assert {row[5] for row in drawn.table.rows} == {"still up"}


def test_overlaps_that_have_no_room_are_counted_and_stay_in_the_table() -> None:
    found = [Shared(Lane("a", "n", "FR", T + i * DAY, T + i * DAY + 9000), Lane("b", "m", "FR", T + i * DAY, None), 9) for i in range(5)]
    drawn = lanes(frame(), found, most_shown=3)
    assert "and 2 more, in the table" in drawn.svg
    assert len(drawn.table.rows) == 10


def test_bars_that_have_no_room_are_counted_and_stay_in_the_table() -> None:
    drawn = bars(frame(1), ["a", "b"], [Bar(f"n{i}", 40 - i, str(40 - i), (str(40 - i),)) for i in range(40)])
    assert len(shapes(drawn, "rect", "plot-1")) < 10
    assert "and 32 more, in the table" in drawn.svg
    assert len(drawn.table.rows) == 40


def test_the_limit_of_each_sign_stands_at_one_place_and_the_dot_says_the_level_without_colour() -> None:
    found = [
        Shown(f"s{i}", f"sign {i}", m, 0, limit, f"{m} / {limit}", "calls", level)
        for i, (m, limit, level) in enumerate([(5, 10, 0), (900, 300, 2)])
    ]
    drawn = signs(frame(1), found, [("5", "", "10"), ("900", "", "300")])
    assert len({line.get("x1") for line in shapes(drawn, "line", "plot-limit")}) == 1
    assert [row[-1] for row in drawn.table.rows] == ["below", "breach"]
    assert len(shapes(drawn, "circle", "plot-level-2")) == 2  # in the legend and on the sign


def test_a_sign_of_which_there_was_too_little_to_judge_says_so() -> None:
    drawn = signs(frame(1), [Shown("s", "s", 0, 0, 10, "0 / 10", "", 0, judged=False)], [("0", "", "10")])
    assert "not judged" in drawn.svg
    assert drawn.table.rows[0][-1] == "not judged"


def test_columns_are_stacked_and_the_second_series_is_striped() -> None:
    drawn = columns(frame(1), "Day", ["dialled", "diverted"], [Column("Mon", "Mon", (3, 1))], [Limit(8, "limit 8")])
    one, two = shapes(drawn, "rect", "plot-1")[-1], shapes(drawn, "rect", "plot-2")[-1]
    assert float(one.get("height", 0)) == pytest.approx(3 * float(two.get("height", 0)), abs=0.05)
    assert shapes(drawn, "rect", "plot-hatch")
    assert drawn.table.rows == (("Mon", "3", "1"),)


def test_a_column_beyond_the_cap_is_cut_and_striped_and_the_table_has_it_whole() -> None:
    drawn = columns(frame(1), "Call", ["gap"], [Column("1", "", (10,)), Column("2", "", (9000,))], cap=60, ticked=time_ticks(60))
    assert len(shapes(drawn, "rect", "plot-hatch")) == 1
    assert drawn.table.rows[1] == ("2", "9,000")


def test_the_heat_map_is_darkest_where_there_is_most_and_frames_the_marked_hour() -> None:
    drawn = heat(frame(1), [0] * 9 + [7, 1] + [0] * 157, "calls", mark=33, mark_name="these calls")
    assert [tip(s) for s in shapes(drawn, "rect", "plot-heat-5") if len(s)] == ["Mon 9 h: 7 calls"]
    assert [tip(s) for s in shapes(drawn, "rect", "plot-heat-1") if len(s)] == ["Mon 10 h: 1 calls"]
    assert drawn.table.rows[-1][0] == "these calls: Tue 9 h"


def test_a_machines_rhythm_fills_one_class_of_the_histogram() -> None:
    drawn = histogram(frame(1), [20_000] * 40 + [25_000] * 9 + [4_000_000], "gap")
    assert [row for row in drawn.table.rows if row[1] != "0"] == [("20 s – 30 s", "49"), ("1 h – …", "1")]


def test_a_sparkline_is_an_image_with_its_numbers_as_description() -> None:
    svg = sparkline("s1", [1, 5, 9], "Days abroad", limit=8)
    root = ElementTree.fromstring(svg)
    assert (root[0].text, root[1].text) == ("Days abroad", "1, 5, 9")
    assert shapes(svg, "circle", "plot-bad")
    assert ElementTree.fromstring(sparkline("s2", [], "none"))


@given(st.integers(0, 10**12), st.integers(2, 8))
def test_ticks_are_even_whole_and_reach_the_highest_value(most: int, count: int) -> None:
    found = ticks(most, count)
    assert found[0] == 0
    assert found[-1] >= most
    assert len({b - a for a, b in pairwise(found)}) == 1
    assert len(found) <= count + 1 or most <= count


@given(st.integers(31_536_000_000, 4_000_000_000_000), st.integers(120_000, 1000 * DAY), st.sampled_from(["Europe/Paris", "Asia/Kolkata"]))
def test_ticks_of_time_are_whole_minutes_on_the_readers_clock(start: int, long: int, zone: str) -> None:
    clock = Clock(zone)
    found = clock.ticks(start, start + long, 8)
    assert len(found) <= 8
    for at, midnight in found:
        local = clock.local(at)
        assert start <= at <= start + long
        assert (local.second, midnight) == (0, (local.hour, local.minute) == (0, 0))


def test_ticks_of_days_stay_at_midnight_when_the_clock_changes() -> None:
    clock = Clock("Europe/Paris")
    start = clock.of(date(2026, 3, 27))
    found = clock.ticks(start, start + 6 * DAY, 9)
    assert len(found) >= 6
    assert {clock.local(at).hour for at, midnight in found if midnight} == {0}
    assert all(b - a in (DAY, DAY - HOUR) for (a, _), (b, _) in pairwise(found) if b - a >= 20 * HOUR)


def test_a_name_that_is_too_long_is_cut_and_is_whole_in_its_tip() -> None:
    drawing = Drawing("x", 100, 20)
    drawing.text(0, 10, "a very long name of a device", room=60)
    (text,) = ElementTree.fromstring(drawing.finish("t", "d")).iter(f"{SVG}text")
    assert text[0].text == "a very long name of a device"
    assert width_of(text[0].tail or "") <= 60


@given(st.text(), st.floats(0, 500))
def test_a_cut_text_fits_or_is_but_an_ellipsis(text: str, room: float) -> None:
    cut = shorten(text, room)
    assert width_of(cut) <= room or cut == "…"
