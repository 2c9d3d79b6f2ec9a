"""Article 5.d, more users than billed licences, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.abroad import days
from support.clause import Clause

LYON, LILLE = "2.0.1.10", "2.1.1.10"


def test_two_people_in_two_cities_on_one_account_are_a_breach_on_the_third_day(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for day in days("2026-03-02", "2026-03-06"):
        clause.call("101", f"{day} 10:00", "+33612345678", talk_s=600, ip=LYON, device="urn:uuid:lyon")
        clause.call("101", f"{day} 10:05", "+33687654321", talk_s=600, ip=LILLE, device="urn:uuid:lille")
    out = clause.judge()
    breach = next(a for a in out.alerts("licence-sharing") if a["level"] == "breach")
    assert (breach["clause"], breach["mode"], breach["licence"], breach["measured"]) == ("5.d", "review", "101", 3)
    assert breach["issued_at"].startswith("2026-03-04")
    assert out.suspensions() == []


def test_a_customer_who_uses_more_softphones_than_ordered_on_two_days_is_in_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant(softphones_billed=2)
    for day in ("2026-03-02", "2026-03-03"):
        for n in range(3):
            clause.call(f"{101 + n}", f"{day} 1{n}:00")
    out = clause.judge(until="2026-03-05 12:00")
    assert [(a["level"], a["licence"], a["measured"]) for a in out.alerts("licence-sharing")] == [("notice", None, 3), ("breach", None, 3)]


def test_a_call_on_hold_while_a_second_starts_on_the_same_telephone_is_nothing(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for day in days("2026-03-02", "2026-03-06"):
        clause.registration("101", f"{day} 08:00", ip=LYON, device="urn:uuid:pc", agent="Zoiper/5.6")
        clause.call("101", f"{day} 10:00", talk_s=600, ip=LYON)
        clause.call("101", f"{day} 10:05", "+33687654321", talk_s=60, ip=LILLE)
    assert clause.judge(until="2026-03-08 12:00").alerts() == []


def test_as_many_softphones_as_ordered_are_nothing(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant(softphones_billed=3)
    for day in ("2026-03-02", "2026-03-03"):
        for n in range(3):
            clause.call(f"{101 + n}", f"{day} 1{n}:00")
    assert clause.judge(until="2026-03-05 12:00").alerts() == []
