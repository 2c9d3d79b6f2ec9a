"""Articles 5.d, 12.c and 12.d, rings that want to be called back, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")


def test_60_numbers_rung_for_four_seconds_are_a_breach_that_a_person_judges(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(60):
        clause.call("101", NINE + 30_000 * n, f"+336{n * 7919:08}", talk_s=None, ring_s=4)
    out = clause.judge()
    said = out.alerts("wangiri")
    assert [(one["level"], one["measured"], one["mode"]) for one in said] == [("notice", 30, "review"), ("breach", 60, "review")]
    assert out.suspensions() == []


def test_missed_calls_from_somalia_on_five_licences_and_a_call_back_warn_the_customer(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(5):
        clause.call(f"{101 + n}", NINE + 300_000 * n, f"+25261234{n:04}", talk_s=None, ring_s=3, direction="inbound")
    clause.call("103", NINE + 3_600_000, "+252612340002", talk_s=120)
    [notice] = clause.judge().alerts("wangiri")
    assert (notice["level"], notice["licence"], notice["measured"], notice["unit"]) == ("notice", None, 5, "licences")


def test_a_person_who_hangs_up_on_a_wrong_number_now_and_then_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(60):
        short = n % 6 == 0
        clause.call("101", NINE + 55_000 * n, f"+336{n * 7919:08}", talk_s=None if short else 30, ring_s=4 if short else 12)
    assert clause.judge().alerts("wangiri") == []


def test_one_call_from_abroad_that_rings_the_whole_group_is_not_bait(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(8):
        clause.call(f"{101 + n}", NINE, "+252612340001", talk_s=None, ring_s=3, direction="inbound", linked_id="group-1")
    clause.call("103", NINE + 600_000, "+252612340001", talk_s=120)
    assert clause.judge().alerts("wangiri") == []


def test_five_missed_calls_that_nobody_calls_back_are_nothing(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(5):
        clause.call(f"{101 + n}", NINE + 300_000 * n, f"+25261234{n:04}", talk_s=None, ring_s=3, direction="inbound")
    assert clause.judge().alerts("wangiri") == []
