"""Rows of weeks: what they add up, when they close, and that they are the same however the log was fed."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import snapshot
from detectors.days import iso, number
from detectors.digest import digest64
from detectors.events import Event, PolicyEvent, rank
from detectors.outputs import Features
from detectors.registry import installed
from detectors.step import Partition
from models.features import FEATURES, FeaturesState
from models.schema import NAMES, SCHEMA_HASH
from models.weeks import CELLS, WEEK_NAMES, WEEK_SCHEMA_HASH, Week, counted, last_day
from support.core import Bench, call, licence_fact, ms, reg, tenant_fact

#: A Monday, and its Sunday.
MONDAY, SUNDAY = "2026-03-02", "2026-03-08"
EXTRACTOR = {"features": FEATURES}
HOUR, DAY = 3_600_000, 86_400_000


def said(*events: Any, until: str | int = "2026-05-01", **bench: Any) -> list[Features]:
    found = Bench(detectors=EXTRACTOR, **bench).feed(*events).until(until).said
    return [one for one in found if isinstance(one, Features)]


def weeks(*events: Any, **more: Any) -> list[Features]:
    return [one for one in said(*events, **more) if one.schema_hash == WEEK_SCHEMA_HASH]


def only(*events: Any, **more: Any) -> dict[str, float]:
    (row,) = weeks(*events, **more)
    return dict(zip(WEEK_NAMES, row.values, strict=True))


def some(row: dict[str, float], *names: str) -> list[float]:
    return [row[name] for name in names]


# -- what it counts --------------------------------------------------------------------------------------------------


def test_a_week_is_named_by_its_sunday_and_has_the_hash_and_the_length_of_its_own_schema() -> None:
    (row,) = weeks(reg(f"{MONDAY} 08:00"))
    assert (row.tenant, row.licence, row.day, len(row.values)) == ("acme", "101", SUNDAY, len(WEEK_NAMES))
    assert WEEK_SCHEMA_HASH != SCHEMA_HASH


@given(st.integers(0, 40_000))
def test_the_last_day_of_a_week_is_the_sunday_of_its_iso_week(day: int) -> None:
    end = last_day(day)
    assert date.fromisoformat(iso(end)).isoweekday() == 7
    assert date.fromisoformat(iso(end)).isocalendar()[:2] == date.fromisoformat(iso(day)).isocalendar()[:2]


def test_a_week_adds_up_its_days_and_keeps_the_busiest() -> None:
    calls = [
        call(f"2026-03-0{day} 09:{n:02}", 50, rate=1_000, to=f"+3361200000{n}")
        for day, most in ((2, 3), (5, 5), (7, 1))
        for n in range(most)
    ]
    row = only(*calls, call("2026-03-05 12:00", None, status=486), reg("2026-03-08 09:00"))
    assert some(row, "days", "call_days", "working_days", "weekend_calls") == [4, 3, 2, 1]
    assert some(row, "attempts", "answered", "unanswered", "busy", "talk_seconds", "talk_mean", "talk_32_63") == [10, 9, 1, 1, 450, 50, 9]
    assert some(row, "attempts_day_most", "busiest_hour_day_most", "cost_cents", "registrations") == [6, 5, 7.497, 1]


def test_numbers_and_phones_seen_on_several_days_are_counted_once() -> None:
    calls = [call(f"2026-03-0{day} 09:{n:02}", 50, to=f"+3361200000{n}", device="phone") for day in (2, 3, 4) for n in range(5)]
    row = only(*calls, reg("2026-03-04 11:00", "CH", device="pc", network="198.51.100.0/24"))
    assert some(row, "destinations", "calls_per_destination", "devices", "countries") == [5, 3, 2, 2]


def test_days_abroad_and_days_without_a_place_are_counted_by_the_rules_of_location() -> None:
    abroad = [reg(f"2026-03-0{day} {hour}:00", "CH") for day in (3, 4) for hour in ("08", "20")]
    assert some(only(reg("2026-03-02 08:00"), *abroad), "days", "abroad_days", "silent_days") == [3, 2, 0]


def test_trailing_means_are_those_of_the_four_weeks_before_silent_ones_included() -> None:
    calls = [
        call(f"{day} 09:{n:02}", 60, to=f"+3361200000{n}")
        for day, most in ((MONDAY, 6), ("2026-03-17", 3), ("2026-04-07", 1))
        for n in range(most)
    ]
    found = [dict(zip(WEEK_NAMES, row.values, strict=True)) for row in weeks(*calls)]
    assert [some(row, "attempts", "attempts_mean_4w", "destinations_mean_4w") for row in found] == [[6, 0, 0], [3, 3, 3], [1, 0.75, 0.75]]
    assert found[2]["talk_seconds_mean_4w"] == 45


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 10**9), max_size=900))
def test_numbers_are_counted_to_a_few_percent_in_128_bytes(numbers: set[int]) -> None:
    cells = 0
    for one in sorted(numbers):
        cells |= 1 << digest64(f"+336{one:09}") % CELLS
    data = cells.to_bytes((cells.bit_length() + 7) // 8, "big")
    assert len(data) <= CELLS // 8
    assert abs(counted(data) - len(numbers)) <= max(3, 0.12 * len(numbers))


# -- when it closes ----------------------------------------------------------------------------------------------------


def test_a_licence_that_is_silent_on_sunday_has_its_row_when_sunday_closes() -> None:
    events = [reg(f"{MONDAY} 08:00")]
    assert weeks(*events, until="2026-03-09 00:59:59.999") == []
    assert [row.day for row in weeks(*events, until="2026-03-09 01:00")] == [SUNDAY]


def test_a_licence_at_work_on_sunday_has_both_rows_at_that_instant() -> None:
    events = [reg(f"{MONDAY} 08:00"), reg(f"{SUNDAY} 23:00"), reg("2026-03-09 00:30")]
    assert [row.day for row in said(*events, until="2026-03-09 00:59:59.999")] == [MONDAY]
    assert [(row.day, len(row.values)) for row in said(*events, until="2026-03-09 01:00")[1:]] == [
        (SUNDAY, len(NAMES)),
        (SUNDAY, len(WEEK_NAMES)),
    ]


def test_the_week_of_a_source_that_sends_only_cdrs_closes_25_hours_after_its_end() -> None:
    events = [call(f"{MONDAY} 08:00")]
    assert weeks(*events, until="2026-03-10 00:59:59.999") == []
    assert [row.day for row in weeks(*events, until="2026-03-10 01:00")] == [SUNDAY]


def test_the_week_with_167_hours_closes_by_the_clock_on_the_wall() -> None:
    events = [reg("2026-03-27 08:00")]
    assert weeks(*events, until="2026-03-30 00:59:59.999") == []
    assert [row.day for row in weeks(*events, until="2026-03-30 01:00")] == ["2026-03-29"]


def test_a_week_has_the_days_of_the_policys_zone() -> None:
    island = PolicyEvent(id="zone", time=1, body={"general": {"day_zone": "Indian/Reunion", "audit_per_thousand": 0}})
    assert [row.day for row in weeks(island, reg(f"{SUNDAY} 22:30"))] == ["2026-03-15"]
    assert [row.day for row in weeks(reg(f"{SUNDAY} 22:30"))] == [SUNDAY]


def test_a_week_without_any_row_of_a_day_has_none() -> None:
    assert [row.day for row in weeks(reg(f"{MONDAY} 08:00"), reg("2026-03-18 08:00"))] == [SUNDAY, "2026-03-22"]


def test_a_sunday_that_a_cdr_of_monday_told_of_is_in_its_week_which_waits_for_it() -> None:
    events = [reg(f"{MONDAY} 08:00"), call(f"{SUNDAY} 23:50", 1800, no_place=True), reg("2026-03-09 09:00")]
    assert weeks(*events, until="2026-03-09 23:59") == []
    first, second = weeks(*events)
    assert [dict(zip(WEEK_NAMES, row.values, strict=True))["attempts"] for row in (first, second)] == [1, 0]


def test_a_day_whose_row_comes_after_its_week_is_in_no_week_and_said_so() -> None:
    # The Sunday closes on Monday at 1:00 and the call of 23:00, which nobody had told of, comes at 2:00.
    events = [reg(f"{MONDAY} 08:00"), call(f"{SUNDAY} 23:00", 3 * 3600), reg("2026-03-10 08:00")]
    assert [row.day for row in said(*events) if row.schema_hash == SCHEMA_HASH] == [MONDAY, SUNDAY, "2026-03-10"]
    first, second = (dict(zip(WEEK_NAMES, row.values, strict=True)) for row in weeks(*events))
    assert some(first, "days", "attempts") == [1, 0]
    assert some(second, "days", "attempts", "late_days") == [1, 0, 1]


# -- the same row however the log is fed -------------------------------------------------------------------------------


@st.composite
def traffic(draw: st.DrawFn) -> list[Event]:
    """Three weeks of one or two licences, with silences, night calls and CDRs that come late."""
    events: list[Event] = []
    for licence in ("101", "102"):
        for minute in draw(st.lists(st.integers(0, 21 * 1440), max_size=14)):
            at = ms(MONDAY) + minute * 60_000 + draw(st.integers(0, 59_999))
            if draw(st.booleans()):
                events.append(reg(at, draw(st.sampled_from(["FR", "CH"])), licence=licence, device=draw(st.sampled_from(["phone", "pc"]))))
            else:
                talk = draw(st.none() | st.integers(0, 30_000))
                events += call(at, talk, licence=licence, phases=draw(st.booleans()), to=f"+3361200000{draw(st.integers(0, 4))}")
    return sorted(events, key=lambda e: (e.time, rank(e), e.pbx, e.id))


@settings(max_examples=40, deadline=None)
@given(traffic(), st.integers(1, 4))
def test_a_row_survives_any_number_of_snapshots(events: list[Event], every: int) -> None:
    assert weeks(events, restart_every=every) == weeks(events)


@settings(max_examples=40, deadline=None)
@given(traffic(), st.integers(0, 22), st.integers(0, 23))
def test_the_rows_that_a_truncated_log_has_closed_are_those_of_the_whole_log(events: list[Event], days: int, hours: int) -> None:
    cut = ms(MONDAY) + days * DAY + hours * HOUR
    before = said([event for event in events if event.time < cut], until=cut - 1)
    assert said(events)[: len(before)] == before


@settings(max_examples=40, deadline=None)
@given(traffic())
def test_a_week_is_the_sum_of_the_rows_of_its_days_and_each_day_is_in_one_week_or_late(events: list[Event]) -> None:
    rows = said(events)
    days = [row for row in rows if row.schema_hash == SCHEMA_HASH]
    late = 0.0
    for week in (row for row in rows if row.schema_hash == WEEK_SCHEMA_HASH):
        told = rows[: rows.index(week)]
        held = [d for d in told if d in days and d.licence == week.licence and iso(last_day(number(d.day))) == week.day]
        got = dict(zip(WEEK_NAMES, week.values, strict=True))
        late += got["late_days"]
        for name in ("attempts", "talk_seconds", "registrations", "late"):
            assert got[name] == sum(d.values[NAMES.index(name)] for d in held)
        assert got["days"] == len(held)
    assert sum(row.values[0] for row in rows if row.schema_hash == WEEK_SCHEMA_HASH) + late == len(days)


@settings(max_examples=20, deadline=None)
@given(traffic())
def test_rows_are_the_same_beside_the_rules_of_a_live_run(events: list[Event]) -> None:
    live = Partition(0, installed() | EXTRACTOR)
    found = [output for event in [tenant_fact(), licence_fact(), *events] for output in live.step(event)]
    found += live.finish(ms("2026-05-01"))
    assert [row for row in found if isinstance(row, Features)] == said(events)


# -- what is remembered --------------------------------------------------------------------------------------------------


def test_a_state_that_was_kept_before_there_were_weeks_goes_on_with_them() -> None:
    old = msgspec.msgpack.encode([{}, 20_514, 20_510, {20_514: [3, 60, 2]}])
    assert msgspec.msgpack.decode(old, type=FeaturesState) == FeaturesState({}, 20_514, 20_510, {20_514: (3, 60, 2)})
    bench = Bench(detectors=EXTRACTOR).feed(reg(f"{MONDAY} 08:00")).until("2026-03-03 02:00")
    held = bench.partition.licences[("acme", "101")]
    kept = held.rules["features"]
    held.rules["features"] = [kept.days, kept.closed, kept.first, kept.history]
    held.timers.pop("features")
    bench.partition = snapshot.restore(snapshot.take(bench.partition), bench.detectors)
    bench.feed(reg("2026-03-05 08:00")).until("2026-03-10")
    (row,) = [one for one in bench.said if isinstance(one, Features) and one.schema_hash == WEEK_SCHEMA_HASH]
    assert (row.day, row.values[0]) == (SUNDAY, 1)


@pytest.mark.parametrize(("phones", "most"), [(1, 512), (4_000, 2_560)])
def test_an_open_week_takes_half_a_kilobyte_and_two_and_a_half_under_siege(phones: int, most: int) -> None:
    bench = Bench(detectors=EXTRACTOR)
    for day in range(6):
        at = ms(f"2026-03-0{2 + day} 08:00")
        for n in range(min(phones, 700) if phones > 1 else 12):
            phone = f"phone-{day * 700 + n}" if phones > 1 else "phone"
            bench.feed(call(at + n * 10_000, 4, to=f"+336{day:02}{n:06}", device=phone, network=f"10.{day}.{n % 250}.0/24"))
    bench.until("2026-03-08 23:00")
    ((last, week),) = bench.partition.licences[("acme", "101")].rules["features"].weeks.items()
    assert (iso(last), isinstance(week, Week)) == (SUNDAY, True)
    assert len(msgspec.msgpack.encode(week)) < most


def test_nothing_is_remembered_of_a_week_that_has_closed_but_its_means_and_no_timer_is_left() -> None:
    bench = Bench(detectors=EXTRACTOR)
    for week in range(8):
        bench.feed(call(ms(f"{MONDAY} 08:00") + week * 7 * DAY))
    held = bench.until("2026-06-01").partition.licences[("acme", "101")]
    assert (held.rules["features"].weeks, held.timers, len(held.rules["features"].week_history)) == ({}, {}, 4)
