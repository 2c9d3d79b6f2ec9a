"""Articles 5.d and 9.e, call-centre use that was not declared, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.clause import Clause
from support.core import ms

#: Monday to Friday.
WEEK = ("2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06")
UNTIL = "2026-03-10 12:00"


def week(clause: Clause, calls: int, talk_s: int, licence: str = "101", **fields: Any) -> Clause:
    """Calls to new numbers, spread over each working day with gaps that no machine makes."""
    for day, date in enumerate(WEEK):
        start = ms(f"{date} 09:00")
        for n in range(calls):
            at = start + n * 320_000 + n * n * 37 % 90 * 1000
            clause.call(licence, at, f"+336{int(licence) % 10}{day}{n * 7919 % 1_000_000:06}", talk_s=talk_s, ring_s=9, **fields)
    return clause


def test_a_week_of_80_sales_calls_a_day_is_a_breach_for_a_person_to_judge(tmp_path: Path) -> None:
    out = week(Clause(tmp_path), calls=80, talk_s=150).judge(until=UNTIL)
    said = [(a["level"], a["measured"]) for a in out.alerts("call-centre")]
    assert said == [("notice", 3), ("notice", 4), ("breach", 5)]
    breach = out.alerts("call-centre", "breach")[0]
    assert (breach["clause"], breach["mode"], breach["licence"]) == ("5.d, 9.e", "review", "101")
    assert out.suspensions() == []


def test_the_same_week_of_a_declared_call_centre_is_nothing(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant(call_centre_declared=True)
    assert week(clause, calls=80, talk_s=150).judge(until=UNTIL).alerts("call-centre") == []


def test_a_courier_who_rings_70_doors_a_day_briefly_is_nothing(tmp_path: Path) -> None:
    assert week(Clause(tmp_path), calls=70, talk_s=9).judge(until=UNTIL).alerts("call-centre") == []
