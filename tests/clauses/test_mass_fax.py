"""Article 9.e, a line connected to a fax machine that sends mailings, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")
RULE = "mass-fax"


def test_a_fax_licence_that_calls_thirty_destinations_in_an_hour_is_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("900", type="fax")
    for n in range(30):
        clause.call("900", NINE + 110_000 * n, f"01421{n:05}", talk_s=40, device="")
    out = clause.judge()
    assert [(a["level"], a["measured"], a["clause"]) for a in out.alerts(RULE)] == [("notice", 15, "9.e"), ("breach", 30, "9.e")]
    assert out.suspensions() == []


def test_two_hundred_pages_to_twenty_destinations_in_a_day_are_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(20):
        clause.message("101", NINE + 1_800_000 * n, f"01421{n:05}", media="fax", pages=10)
    assert [(a["measured"], a["unit"]) for a in clause.judge().alerts(RULE, "breach")] == [(200, "pages/24h")]


def test_an_offer_faxed_to_twelve_customers_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("900", type="fax")
    for n in range(12):
        clause.call("900", NINE + 110_000 * n, f"01421{n:05}", talk_s=90, device="", media="fax")
    assert clause.judge().alerts(RULE) == []


def test_a_long_file_faxed_to_one_court_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(20):
        clause.message("101", NINE + 600_000 * n, "0142100001", media="fax", pages=40)
    assert clause.judge().alerts(RULE) == []
