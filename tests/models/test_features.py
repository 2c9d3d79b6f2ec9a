"""What each feature counts, told by hand-made days; and that a row is the same however the log was fed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.events import Event, PolicyEvent, rank
from detectors.outputs import Features
from detectors.registry import installed
from detectors.state import LicenceState, encode
from detectors.step import Partition
from models.feature_page import page
from models.features import FEATURES, only_features
from models.schema import FEATURES as COLUMNS
from models.schema import LENGTHS, MOST_DESTINATIONS, NAMES, SCHEMA_HASH
from models.weeks import WEEK_FEATURES, WEEK_NAMES
from streams.contracts import OUTPUTS
from streams.writing import encode_output
from support.core import Bench, call, licence_fact, loc, ms, reg, tenant_fact

ROOT = Path(__file__).parents[2]
DAY = "2026-03-02"
EXTRACTOR = {"features": FEATURES}


def rows(*events: Any, until: str = "2026-04-01", **bench: Any) -> list[Features]:
    said = Bench(detectors=EXTRACTOR, **bench).feed(*events).until(until).said
    return [one for one in said if isinstance(one, Features) and one.schema_hash == SCHEMA_HASH]


def values(*events: Any, day: str = DAY, licence: str = "101", **bench: Any) -> dict[str, float]:
    """The row of one day, by name."""
    found = [row for row in rows(*events, **bench) if row.day == day and row.licence == licence]
    assert len(found) == 1
    return dict(zip(NAMES, found[0].values, strict=True))


def some(row: dict[str, float], *names: str) -> list[float]:
    return [row[name] for name in names]


# -- the schema ------------------------------------------------------------------------------------------------------


def test_the_page_of_the_features_says_what_the_code_says() -> None:
    assert (ROOT / "docs" / "features.md").read_text("utf-8") == page(), "run: python -m models.feature_page"


def test_every_feature_has_a_name_of_its_own_a_unit_and_a_meaning() -> None:
    assert (len(set(NAMES)), len(set(WEEK_NAMES))) == (len(NAMES), len(WEEK_NAMES))
    assert [f for f in (*COLUMNS, *WEEK_FEATURES) if not (f.name.isidentifier() and f.unit and f.meaning)] == []


def test_models_of_days_that_were_trained_before_there_were_weeks_can_still_be_asked() -> None:
    assert SCHEMA_HASH == "fs-a023bc64bf5df3c668d1"


def test_a_row_has_the_order_the_length_and_the_hash_of_the_schema_and_keeps_the_contract() -> None:
    (row,) = rows(reg(f"{DAY} 08:00"))
    assert (row.tenant, row.licence, row.day, row.schema_hash, len(row.values)) == ("acme", "101", DAY, SCHEMA_HASH, len(NAMES))
    assert OUTPUTS["features"].model_validate_json(encode_output(row)).model_dump()["values"] == list(row.values)


# -- registrations and places ------------------------------------------------------------------------------------------


def test_registrations_count_what_a_folded_record_stands_for_and_failures_apart() -> None:
    folded = reg(f"{DAY} 09:00", device="pc", agent="Zoiper rv2.10", network="192.0.2.0/24")
    folded.count, folded.until = 12, ms(f"{DAY} 09:59")
    row = values(
        reg(f"{DAY} 08:00", network="198.51.100.0/24"),
        folded,
        reg(f"{DAY} 10:00", action="failed", device="thief", country="MD"),
        reg(f"{DAY} 11:00", action="refused", device="thief", country="MD"),
        reg(f"{DAY} 12:00", action="unregister"),
        reg(f"{DAY} 12:00", action="expire"),
    )
    assert some(row, "registrations", "failed_registrations", "devices", "networks", "countries", "agent_families") == [13, 2, 2, 2, 1, 2]


def test_two_versions_of_one_app_are_one_family() -> None:
    row = values(reg(f"{DAY} 08:00", agent="Linphone/5.1"), reg(f"{DAY} 09:00", agent="Linphone/5.2"))
    assert row["agent_families"] == 1


def test_the_place_of_the_day_is_that_of_the_rules() -> None:
    assert some(values(reg(f"{DAY} 08:00")), "abroad", "silent") == [0, 0]
    assert some(values(reg(f"{DAY} 08:00", "CH"), reg(f"{DAY} 10:00", "CH")), "abroad", "silent") == [1, 0]
    assert some(values(reg(f"{DAY} 08:00", "CH"), call(f"{DAY} 20:00", place=loc("FR"))), "abroad", "silent", "countries") == [0, 0, 2]
    assert some(values(reg(f"{DAY} 08:00", place=loc("", "unknown"))), "abroad", "silent") == [0, 1]


def test_saturday_and_sunday_are_the_weekend() -> None:
    week = [reg(f"2026-03-{day:02} 08:00") for day in range(2, 9)]
    assert [row.values[NAMES.index("weekend")] for row in rows(*week)] == [0, 0, 0, 0, 0, 1, 1]


# -- calls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phases", [False, True])
def test_an_attempt_is_answered_or_cancelled_busy_failed_or_just_not_answered(phases: bool) -> None:
    row = values(
        call(f"{DAY} 08:00", 60, phases=phases),
        call(f"{DAY} 08:10", None, status=487, phases=phases),
        call(f"{DAY} 08:20", None, status=480, ended_by="caller", phases=phases),
        call(f"{DAY} 08:30", None, status=486, phases=phases),
        call(f"{DAY} 08:40", None, status=503, phases=phases),
        call(f"{DAY} 08:50", None, status=408, phases=phases),
        reg(f"{DAY} 09:00"),
    )
    assert some(row, "attempts", "answered", "unanswered", "cancelled", "busy", "failed") == [6, 1, 5, 2, 1, 1]


def test_talk_has_a_total_a_mean_and_a_histogram_of_powers_of_two() -> None:
    talks = [0.5, 6, 7.999, 8, 15, 16, 100, 1023, 1024, 1800]
    row = values(*[call(f"{DAY} {8 + n:02}:00", talk) for n, talk in enumerate(talks)])
    assert [row[name] for name in NAMES if name.startswith("talk_") and name[5].isdigit()] == [3, 2, 1, 0, 1, 0, 0, 1, 2]
    assert some(row, "talk_seconds", "talk_mean", "short_answered", "long_answered") == [4000, 400.0499, 2, 1]


@given(st.integers(0, 10**8))
def test_each_length_falls_into_the_column_whose_bounds_hold_it(talk: int) -> None:
    column = min(max((talk // 1000).bit_length() - 3, 0), len(LENGTHS) - 1)
    assert LENGTHS[column] <= talk // 1000 < (*LENGTHS, 10**9)[column + 1]


def test_destinations_are_distinct_numbers_answered_or_not() -> None:
    numbers = ["+33612000001", "+33612000001", "+33612000001", "+33612000009", "+33145000000"]
    row = values(*[call(f"{DAY} 08:{n:02}", None if n % 2 else 30, to=to) for n, to in enumerate(numbers)])
    assert some(row, "destinations", "called_once", "top_destination") == [3, 0.666667, 3]


def test_a_sequence_is_a_run_of_numbers_each_the_previous_plus_one() -> None:
    numbers = [10, 11, 12, 12, 13, 20, 21, 22, 23, 25]
    row = values(*[call(f"{DAY} 08:{n:02}", 30, to=f"+336120000{number}") for n, number in enumerate(numbers)])
    assert row["sequence"] == 4


def test_gaps_are_those_between_starts_whatever_the_order_in_which_cdrs_tell_them() -> None:
    even = values(*[call(f"{DAY} 08:{n:02}", 300 - 60 * n) for n in range(5)])
    assert some(even, "gap_mean", "gap_variation") == [60, 0]
    odd = values(call(f"{DAY} 08:00"), call(f"{DAY} 08:01"), call(f"{DAY} 08:04"))
    assert some(odd, "gap_mean", "gap_variation") == [120, 0.5]
    assert some(values(call(f"{DAY} 08:00"), call(f"{DAY} 08:01")), "gap_mean", "gap_variation") == [60, 1]
    assert some(values(call(f"{DAY} 08:00")), "gap_mean", "gap_variation") == [0, 1]


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    row = values(*[call(f"{DAY} {at}", 5) for at in ("00:10", "06:59", "07:00", "07:30", "21:59", "22:00")])
    assert some(row, "busiest_hour", "active_hours", "night_calls") == [2, 5, 3]


def test_the_day_with_23_hours_has_its_hours_right() -> None:
    row = values(call("2026-03-29 06:59", 5), call("2026-03-29 07:00", 5), day="2026-03-29", until="2026-04-02")
    assert some(row, "night_calls", "active_hours") == [1, 2]


@pytest.mark.parametrize("phases", [False, True])
def test_calls_at_once_are_counted_from_start_to_end(phases: bool) -> None:
    side_by_side = [call(f"{DAY} 08:00:{n:02}", 60, phases=phases) for n in range(3)]
    after = call(f"{DAY} 08:01:07", 60, phases=phases)
    assert values(*side_by_side, after, reg(f"{DAY} 09:00"))["concurrent"] == 3
    back_to_back = [call(f"{DAY} 08:0{n}:00", 55, phases=phases) for n in range(3)]
    assert values(*back_to_back, reg(f"{DAY} 09:00"))["concurrent"] == 1


def test_destination_classes_and_their_cost() -> None:
    row = values(
        call(f"{DAY} 08:00", 60, to_cls="mobile", rate=5_000),
        call(f"{DAY} 08:10", 30, to_cls="fixed", rate=1_000),
        call(f"{DAY} 08:20", 60, to_cls="intl_fixed_mobile", rate=30_000),
        call(f"{DAY} 08:30", 1, to_cls="satellite", rate=500_000),
        call(f"{DAY} 08:40", None, to_cls="premium", rate=80_000),
    )
    assert some(row, "mobile", "fixed", "international", "surcharged", "high_risk") == [1, 1, 2, 2, 1]
    assert row["cost_cents"] == 5 + 0.5 + 30 + 8.333


def test_incoming_internal_and_diverted_calls_are_counted_apart() -> None:
    row = values(
        call(f"{DAY} 08:00", 60, direction="inbound"),
        call(f"{DAY} 08:10", None, direction="inbound"),
        call(f"{DAY} 08:20", 60, direction="internal", to="102", to_cls="internal", callee_licence="102"),
        call(f"{DAY} 08:30", 60, diverted_by="101@acme.example"),
        call(f"{DAY} 08:40", 60),
        call(f"{DAY} 08:50", 60),
        facts=[tenant_fact(), licence_fact(), licence_fact(licence="102")],
    )
    assert some(row, "attempts", "inbound", "inbound_answered", "internal", "diverted") == [3, 2, 1, 1, 1]
    assert row["outbound_inbound"] == 1.5


def test_the_called_licence_of_an_internal_call_has_a_row_too() -> None:
    inside = call(f"{DAY} 08:20", 60, direction="internal", to="102", to_cls="internal", callee_licence="102")
    assert some(values(inside, licence="102"), "internal", "inbound", "attempts") == [1, 0, 0]


@pytest.mark.parametrize("kind", ["softphone", "desk_phone", "fax", "trunk", "group"])
def test_licences_of_every_type_have_rows(kind: str) -> None:
    assert values(call(f"{DAY} 08:00"), facts=[tenant_fact(), licence_fact(type=kind)])["attempts"] == 1


def test_emergency_calls_and_refused_events_are_in_no_feature() -> None:
    refused = reg(f"{DAY} 08:30")
    refused.refused_by = "d-1"
    row = values(reg(f"{DAY} 08:00"), call(f"{DAY} 09:00", to="112", to_cls="emergency"), call(f"{DAY} 10:00", refused_by="d-1"), refused)
    assert some(row, "registrations", "attempts", "destinations", "active_hours") == [1, 0, 0, 0]


def test_a_further_leg_told_by_a_second_cdr_replaces_what_was_counted() -> None:
    first = call(f"{DAY} 08:00", None, status=487, leg_id="1", call_id="a")
    second = call(f"{DAY} 08:00", 20, leg_id="2", call_id="a")
    row = values(first, second)
    assert some(row, "attempts", "answered", "unanswered", "cancelled", "talk_seconds", "concurrent") == [1, 1, 0, 0, 20, 1]


# -- which day, and when -----------------------------------------------------------------------------------------------


def test_the_next_day_may_begin_before_this_one_closes() -> None:
    night = [reg("2026-03-02 23:50"), reg("2026-03-03 00:10"), reg("2026-03-03 00:20"), reg("2026-03-03 08:00")]
    found = rows(*night)
    assert [(row.day, row.values[0]) for row in found] == [("2026-03-02", 1), ("2026-03-03", 3)]


def test_a_call_belongs_to_the_day_of_its_start() -> None:
    events = [reg("2026-03-02 12:00"), call("2026-03-02 23:59:50", 600, phases=True), reg("2026-03-03 12:00")]
    assert some(values(*events), "attempts", "answered", "talk_seconds") == [1, 1, 600]
    assert values(*events, day="2026-03-03")["attempts"] == 0


def test_a_call_still_up_at_the_close_counts_with_its_talk_until_then_and_no_further() -> None:
    events = [reg("2026-03-02 12:00"), call("2026-03-02 23:59:55", 7200, phases=True), reg("2026-03-03 12:00")]
    assert some(values(*events), "attempts", "answered", "talk_seconds", "long_answered", "concurrent") == [1, 1, 3600, 1, 1]
    assert some(values(*events, day="2026-03-03"), "attempts", "talk_seconds", "late") == [0, 0, 0]


def test_a_cdr_that_comes_after_the_close_of_its_day_is_late_and_changes_no_row() -> None:
    night = call("2026-03-02 23:00", 3 * 3600)
    found = rows(reg("2026-03-02 12:00"), night, reg("2026-03-03 12:00"))
    assert [row.day for row in found] == ["2026-03-02", "2026-03-03"]
    late = NAMES.index("late")
    assert [(row.values[NAMES.index("attempts")], row.values[late]) for row in found] == [(0, 0), (0, 1)]


def test_a_source_of_cdrs_alone_closes_25_hours_later_and_loses_no_night_call() -> None:
    found = rows(call("2026-03-02 23:00", 3 * 3600), call("2026-03-03 12:00"), call("2026-03-04 00:30"))
    assert [(row.day, row.values[NAMES.index("attempts")]) for row in found] == [("2026-03-02", 1), ("2026-03-03", 1), ("2026-03-04", 1)]


def test_a_day_that_only_a_later_cdr_tells_of_has_its_row() -> None:
    assert [row.day for row in rows(call("2026-03-02 23:50", 1200))] == ["2026-03-02"]


def test_a_silent_day_has_no_row() -> None:
    assert [row.day for row in rows(reg("2026-03-02 12:00"), reg("2026-03-05 12:00"))] == ["2026-03-02", "2026-03-05"]


def test_a_day_that_has_not_closed_has_no_row() -> None:
    assert rows(reg("2026-03-02 12:00"), until="2026-03-03 00:59:59.999") == []
    assert len(rows(reg("2026-03-02 12:00"), until="2026-03-03 01:00")) == 1


def test_trailing_means_look_back_only_count_silent_days_and_start_with_the_licence() -> None:
    calls = [call(f"2026-03-{day:02} 08:{n:02}", 50, to=f"+3361200000{n}") for day in (1, 2, 4) for n in range(day)]
    found = {row.day: dict(zip(NAMES, row.values, strict=True)) for row in rows(*calls, reg("2026-03-10 08:00"))}
    assert some(found["2026-03-01"], "attempts", "attempts_mean_7d", "attempts_mean_28d") == [1, 0, 0]
    assert some(found["2026-03-02"], "attempts_mean_7d", "talk_seconds_mean_7d", "destinations_mean_7d") == [1, 50, 1]
    assert some(found["2026-03-04"], "attempts_mean_7d", "talk_seconds_mean_28d") == [1, 50]
    assert some(found["2026-03-10"], "attempts_mean_7d", "attempts_mean_28d") == [0.571429, 0.777778]


# -- the same row however the log is fed -------------------------------------------------------------------------------


@st.composite
def traffic(draw: st.DrawFn) -> list[Event]:
    """Some days of one or two licences, with silences, night calls and calls over midnight."""
    events: list[Event] = []
    for licence in ("101", "102"):
        for minute in draw(st.lists(st.integers(0, 5 * 1440), max_size=14)):
            at = ms(DAY) + minute * 60_000 + draw(st.integers(0, 59_999))
            if draw(st.booleans()):
                country, device = draw(st.sampled_from(["FR", "CH"])), draw(st.sampled_from(["phone", "pc", None]))
                events.append(reg(at, country, licence=licence, device=device, action=draw(st.sampled_from(["refresh", "failed"]))))
            else:
                talk = draw(st.none() | st.integers(0, 9_000))
                direction = draw(st.sampled_from(["outbound", "inbound"]))
                number = f"+3361200000{draw(st.integers(0, 4))}"
                events += call(at, talk, licence=licence, phases=draw(st.booleans()), direction=direction, to=number)
    return sorted(events, key=lambda e: (e.time, rank(e), e.pbx, e.id))


@settings(max_examples=40, deadline=None)
@given(traffic(), st.integers(1, 4))
def test_a_row_survives_any_number_of_snapshots(events: list[Event], every: int) -> None:
    assert rows(events, restart_every=every) == rows(events)


@settings(max_examples=40, deadline=None)
@given(traffic(), st.integers(0, 5))
def test_what_comes_after_the_close_of_a_day_changes_no_row(events: list[Event], days: int) -> None:
    cut = ms(DAY) + days * 86_400_000 + 3_600_000
    before = rows([event for event in events if event.time < cut], until=cut)
    assert rows(events)[: len(before)] == before
    closed = [row for row in rows(events) if row.day < f"2026-03-{1 + days:02}"]
    assert all(row in before for row in closed)


@settings(max_examples=20, deadline=None)
@given(traffic())
def test_rows_are_the_same_beside_the_rules_of_a_live_run(events: list[Event]) -> None:
    live = Partition(0, installed() | EXTRACTOR)
    said = [output for event in [tenant_fact(), licence_fact(), *events] for output in live.step(event)]
    said += live.finish(ms("2026-04-01"))
    assert [row for row in said if isinstance(row, Features) and row.schema_hash == SCHEMA_HASH] == rows(events)


def test_the_extractor_alone_takes_a_policy_that_speaks_of_rules_and_judges_by_none() -> None:
    partition = Partition(0, only_features())
    body = tomllib.loads('[rules.autodial]\nmode = "auto"\nday_attempts_warn = 1\n')
    partition.step(PolicyEvent(id="p", body=body))
    events = [event for n in range(90) for event in call(ms(DAY) + n * 20_000, 2, to=f"+336120000{n:02}")]
    said = [output for event in events for output in partition.step(event)] + partition.finish(ms("2026-04-01"))
    assert {type(output) for output in said} == {Features}


def test_a_phone_known_by_sight_counts_as_one_that_is_looked_at_in_full() -> None:
    # Repeats of a registration go a short way (detectors.sight); the rows must not tell which way they went.
    fact = licence_fact(licence="101")
    events = [fact] + [reg(ms(f"{DAY} 06:00") + n * 1_200_000, device="phone" if n % 4 else "pc") for n in range(150)]
    known, blind = Partition(1, installed() | EXTRACTOR), Partition(1, installed() | EXTRACTOR)
    for event in events:
        blind._phones.clear()
        assert known.step(event) == blind.step(event)
    assert known._phones
    assert known.finish(ms("2026-03-20")) == blind.finish(ms("2026-03-20"))


# -- bounds ------------------------------------------------------------------------------------------------------------


def _state(bench: Bench, licence: str = "101") -> tuple[LicenceState, int]:
    state = bench.partition.licences[("acme", licence)]
    return state, len(msgspec.msgpack.encode(state.rules["features"]))


def test_a_quiet_licence_costs_less_than_a_kilobyte_and_a_half() -> None:
    bench = Bench(detectors=EXTRACTOR)
    for day in range(60):
        at = ms("2026-01-01 08:00") + day * 86_400_000
        bench.feed(*[reg(at + hour * 3_600_000) for hour in range(14)])
        bench.feed(*[call(at + n * 3_500_000, 90, to=f"+33612{n:06}", phases=True) for n in range(12)])
    state, size = _state(bench)
    assert size < 1536
    assert len(state.rules["features"].history) == 28
    assert encode(state)


def test_a_dialler_with_many_phones_stays_inside_the_bounds() -> None:
    bench = Bench(detectors=EXTRACTOR)
    at = ms(f"{DAY} 08:00")
    for n in range(2_000):
        bench.feed(call(at + n * 10_000, 4, to=f"+336{n:08}", device=f"phone-{n}", network=f"10.0.{n % 250}.0/24"))
    _, size = _state(bench)
    assert size < 24 * 1024
    bench.until("2026-04-01")
    (row,) = [one for one in bench.said if isinstance(one, Features) and one.schema_hash == SCHEMA_HASH]
    got = dict(zip(NAMES, row.values, strict=True))
    assert some(got, "attempts", "answered", "destinations", "devices", "sequence") == [2000, 2000, MOST_DESTINATIONS, 32, 2000]
