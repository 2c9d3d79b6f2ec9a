"""Article 5.d, use abroad over a sliding period of more than 60 days, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.abroad import days
from support.clause import Clause

SWISS = ("5.1.0.10", "5.2.0.10")


def away(clause: Clause, first: str, last: str) -> Clause:
    """A call each day at noon, over two Swiss networks in turn."""
    for n, day in enumerate(days(first, last)):
        clause.call("101", f"{day} 12:00", ip=SWISS[n % 2])
    return clause


def test_100_days_abroad_are_noticed_on_day_46_and_stop_outgoing_calls_when_day_61_closes(tmp_path: Path) -> None:
    out = away(Clause(tmp_path), "2026-01-01", "2026-04-10").judge()
    stay = out.alerts("abroad-stay")
    assert [(a["level"], a["measured"]) for a in stay[:1]] == [("notice", 46)]
    breach = next(a for a in stay if a["level"] == "breach")
    assert (breach["clause"], breach["mode"], breach["measured"], breach["limit"]) == ("5.d", "auto", 61, 61)
    assert breach["issued_at"] == "2026-03-03T00:00:00.000Z"  # an hour after the end of 2 March in Paris
    held = out.suspensions()[0]
    assert (held["state"], held["restrictions"], held["emergency_allowed"]) == ("active", ["outgoing"], True)


def test_two_stays_of_50_days_with_a_day_at_home_between_are_no_breach_of_this_clause(tmp_path: Path) -> None:
    clause = away(away(Clause(tmp_path), "2026-01-01", "2026-02-19"), "2026-02-21", "2026-04-11")
    out = clause.call("101", "2026-02-20 12:00").judge()
    assert {a["level"] for a in out.alerts("abroad-stay")} == {"notice"}


def test_100_days_in_france_with_a_fortnight_in_geneva_are_nothing(tmp_path: Path) -> None:
    clause = away(Clause(tmp_path), "2026-02-01", "2026-02-14")
    for day in (*days("2026-01-01", "2026-01-31"), *days("2026-02-15", "2026-04-10")):
        clause.call("101", f"{day} 12:00")
    out = clause.judge(until="2026-04-12 12:00")
    assert out.alerts() == []
    assert out.suspensions() == []


def test_a_stay_under_a_dated_exemption_is_nothing(tmp_path: Path) -> None:
    clause = away(Clause(tmp_path), "2026-01-01", "2026-04-10")
    period = {"from": "2026-01-01T00:00:00+01:00", "to": "2026-07-01T00:00:00+02:00"}
    granted = {"exemption_id": "secondment", "rules": ["abroad-stay", "abroad-total"], "author": "lea", "reason": "secondment to Geneva"}
    out = clause.line("exemption", "2025-12-20 09:00", tenant="acme", licence="101", **granted, **period).judge()
    assert out.alerts() == []
    assert out.suspensions() == []
