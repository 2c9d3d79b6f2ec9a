"""Article 5.d, telephone harassment, through ``vigie run``."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
VICTIM = "+33612345678"


def bothered(clause: Clause, count: int, every: int, *, start: int = NINE, licence: str = "101", **fields: Any) -> Clause:
    """Calls by hand that ring for nothing."""
    drawn = random.Random(count)
    for n in range(count):
        clause.call(licence, start + n * every + drawn.randrange(every // 2), VICTIM, **({"talk_s": None, "ring_s": 20} | fields))
    return clause


def test_sixteen_calls_of_a_day_that_ring_for_nothing_are_a_breach_that_waits_for_a_person(tmp_path: Path) -> None:
    out = bothered(Clause(tmp_path), 16, 40 * MINUTE, presented="anonymous").judge()
    breach = out.alerts("harassment", "breach")[0]
    assert (breach["clause"], breach["mode"], breach["measured"], breach["limit"]) == ("5.d", "review", 15, 15)
    assert breach["facts"]["number"] == "+3361234••••"
    assert VICTIM not in str(breach)
    assert out.suspensions() == []


def test_seven_a_day_for_three_days_are_a_breach_as_cdrs_too(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for day in range(3):
        bothered(clause, 7, HOUR, start=NINE + day * DAY, cdr=True)
    (breach,) = clause.judge().alerts("harassment")
    assert (breach["level"], breach["measured"], breach["limit"], breach["unit"]) == ("breach", 21, 20, "attempts/7d")


def test_a_call_back_withdraws(tmp_path: Path) -> None:
    clause = bothered(Clause(tmp_path), 16, 40 * MINUTE).call("101", NINE + 2 * DAY, "0612345678", talk_s=None, direction="inbound")
    assert clause.judge().alerts("harassment")[-1]["state"] == "withdrawn"


def test_a_patient_who_redials_a_busy_doctor_is_let_go(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(30):
        clause.call("101", NINE + 40_000 * n, VICTIM, talk_s=None, ring_s=5, status=486, cause=17, ended_by="callee")
    assert clause.judge(until=NINE + DAY).alerts("harassment") == []


def test_a_night_of_robot_calls_every_minute_is_autodials_and_not_harassment(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(240):
        clause.call("101", ms("2026-03-02 23:00") + n * MINUTE, VICTIM, talk_s=None, ring_s=20)
    out = clause.judge(until="2026-03-04 12:00")
    assert out.alerts("harassment") == []
    assert out.alerts("autodial", "breach")


def test_a_public_line_and_one_that_has_talked_to_the_caller_are_let_go(tmp_path: Path) -> None:
    clause = Clause(tmp_path).line("reference", NINE - DAY, name="public_lines", body={"numbers": [VICTIM]})
    assert bothered(clause, 30, 20 * MINUTE).judge().alerts("harassment") == []
    spoke = Clause(tmp_path).call("101", NINE - 2 * DAY, VICTIM, talk_s=90)
    assert bothered(spoke, 30, 20 * MINUTE).judge().alerts("harassment") == []
