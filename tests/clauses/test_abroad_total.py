"""Article 5.d, use abroad for more than 90 days in total over 365 days, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.abroad import days
from support.clause import Clause

SWISS = ("5.1.0.10", "5.2.0.10")


def trips(clause: Clause, *trips: tuple[str, str]) -> Clause:
    """A call each day at noon of each trip, over two Swiss networks in turn, and one at home the day after."""
    for first, last in trips:
        *away, home = days(first, last)
        for n, day in enumerate(away):
            clause.call("101", f"{day} 12:00", ip=SWISS[n % 2])
        clause.call("101", f"{home} 12:00")
    return clause


def test_the_91st_day_of_three_trips_within_100_days_stops_outgoing_calls(tmp_path: Path) -> None:
    # 30, 30 and 31 days abroad; each trip ends with its day at home.
    out = trips(Clause(tmp_path), ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-03-03"), ("2026-03-04", "2026-04-04")).judge()
    breach = next(a for a in out.alerts("abroad-total") if a["level"] == "breach")
    assert (breach["clause"], breach["mode"], breach["measured"], breach["limit"], breach["unit"]) == ("5.d", "auto", 91, 91, "days")
    assert breach["crossed_at"] == "2026-04-03T22:00:00.000Z"  # the end of 3 April in Paris
    assert out.alerts("abroad-stay") == []
    assert [one["state"] for one in out.suspensions()] == ["active"]


def test_90_days_of_three_trips_are_a_notice_only(tmp_path: Path) -> None:
    out = trips(Clause(tmp_path), ("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-03-03"), ("2026-03-04", "2026-04-03")).judge()
    assert {a["level"] for a in out.alerts()} == {"notice"}
    assert out.suspensions() == []


def test_a_day_more_than_365_days_old_no_longer_counts(tmp_path: Path) -> None:
    clause = trips(Clause(tmp_path), ("2025-01-01", "2025-01-31"), ("2025-09-01", "2025-10-01"), ("2025-12-02", "2026-01-02"))
    out = clause.judge(until="2026-01-05 12:00")
    assert {a["level"] for a in out.alerts("abroad-total")} == {"notice"}
    # 1 January 2026 is the 91st day abroad, but 1 January 2025 has left the 365 days that end with it.
    assert max(a["measured"] for a in out.alerts("abroad-total")) <= 90
