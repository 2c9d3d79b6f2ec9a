"""Article 9.f, more than 200 destinations in a billing month on an unlimited offer, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause
from support.core import ms

RULE = "many-destinations"
MINUTE, DAY = 60_000, 86_400_000


def calls(clause: Clause, first: int, last: int, start: str, **fields: object) -> Clause:
    for n in range(first, last):
        clause.call("101", ms(start) + (n - first) * 7 * MINUTE, f"+3361200{n:04}", talk_s=45, cdr=True, **fields)  # type: ignore[arg-type]
    return clause


def test_the_201st_number_is_a_breach_and_calls_beyond_are_metered_whole(tmp_path: Path) -> None:
    clause = calls(Clause(tmp_path), 0, 203, "2026-03-02 08:00")
    out = calls(clause, 0, 5, "2026-03-10 08:00").judge(until="2026-04-02 00:00")
    said = out.alerts(RULE)
    assert (said[0]["level"], said[0]["measured"], said[0]["limit"]) == ("notice", 160, 160)
    assert next((a["measured"], a["limit"]) for a in said if a["level"] == "breach") == (201, 201)
    assert (said[-1]["state"], said[-1]["issued_at"]) == ("closed", "2026-03-31T22:00:00.000Z")
    assert [(m["state"], m["rules"], m["seconds"]) for m in out.metering()] == [("active", [RULE], 45)] * 3
    assert out.suspensions() == []


def test_a_number_told_late_takes_the_place_of_the_200th(tmp_path: Path) -> None:
    clause = calls(Clause(tmp_path), 0, 201, "2026-03-02 08:00")
    clause.call("101", "2026-03-02 07:00", "+33612000200", talk_s=90_000, cdr=True)
    records = [m for m in clause.judge().metering() if RULE in m["rules"]]
    assert [m["state"] for m in records].count("void") == 1
    void = next(m["metering_id"] for m in records if m["state"] == "void")
    (standing,) = [m for m in records if m["state"] == "active" and m["metering_id"] != void]
    assert standing["call_id"] == "call-199"


def test_two_hundred_numbers_again_and_again_are_no_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for day in (2, 5, 9):
        calls(clause, 0, 200, f"2026-03-{day:02} 00:10")
    out = clause.judge()
    assert out.alerts(RULE, "breach") == []
    assert out.metering() == []


def test_numbers_of_two_billing_months_are_not_added_up(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant(billing_day=15, time_zone="Europe/Paris")
    calls(calls(clause, 0, 150, "2026-03-13 08:00"), 150, 300, "2026-03-15 00:00")
    out = clause.judge()
    assert (out.alerts(RULE), out.metering()) == ([], [])
