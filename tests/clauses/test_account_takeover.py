"""Articles 5.d, 12.c and 12.d, stolen credentials, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.abroad import days
from support.clause import Clause

HOME, THIEF = "2.0.0.10", "2.1.9.9"


def used(tmp_path: Path, *licences: str) -> Clause:
    """Accounts that are used at home for a month."""
    clause = Clause(tmp_path)
    for day in days("2026-02-01", "2026-03-01"):
        for licence in licences or ("101",):
            clause.registration(licence, f"{day} 08:00", ip=HOME)
            clause.call(licence, f"{day} 10:00", ip=HOME)
    return clause


def test_a_break_in_followed_by_a_satellite_call_closes_international_and_paid_numbers_and_nothing_else(tmp_path: Path) -> None:
    clause = used(tmp_path)
    for minute in range(3):
        clause.registration("101", f"2026-03-02 03:0{minute}", "failed", ip=THIEF, device="urn:uuid:thief", agent="Zoiper/5.6")
    clause.registration("101", "2026-03-02 03:05", ip=THIEF, device="urn:uuid:thief", agent="Zoiper/5.6")
    clause.call("101", "2026-03-02 03:10", "+881612345678", talk_s=600, ip=THIEF, device="urn:uuid:thief", agent="Zoiper/5.6")
    out = clause.judge()
    notice, breach = out.alerts("account-takeover")[:2]
    assert (notice["level"], notice["measured"], notice["limit"]) == ("notice", 3, 3)
    assert (breach["level"], breach["mode"], breach["licence"], breach["clause"]) == ("breach", "auto", "101", "5.d, 12.c, 12.d")
    assert breach["issued_at"] == "2026-03-02T02:10:00.000Z"
    [order] = out.suspensions("101")
    assert (order["state"], order["restrictions"], order["emergency_allowed"]) == ("active", ["paid", "international"], True)


def test_a_password_tried_on_six_accounts_is_one_notice_of_the_customer(tmp_path: Path) -> None:
    licences = [f"{101 + n}" for n in range(6)]
    clause = used(tmp_path, *licences)
    for n in range(60):
        clause.registration(licences[n % 6], f"2026-03-02 03:{n:02}", "failed", ip=THIEF, device="", agent="friendly")
    alerts = clause.judge().alerts("account-takeover")
    assert {(a["level"], a["licence"], a["alert_id"]) for a in alerts} == {("notice", None, alerts[0]["alert_id"])}
    assert [a["measured"] for a in alerts] == [5, 10, 20, 40]


def test_a_phone_with_an_old_password_that_retries_500_times_is_nothing(tmp_path: Path) -> None:
    clause = used(tmp_path)
    for n in range(500):
        clause.registration("101", f"2026-03-02 {8 + n // 60:02}:{n % 60:02}", "failed", ip=HOME)
    assert clause.judge().alerts("account-takeover") == []


def test_a_user_who_sets_up_a_new_phone_at_home_and_mistypes_the_password_is_nothing(tmp_path: Path) -> None:
    clause = used(tmp_path)
    for minute in range(5):
        clause.registration("101", f"2026-03-02 18:0{minute}", "failed", ip=HOME, device="urn:uuid:new")
    clause.registration("101", "2026-03-02 18:06", ip=HOME, device="urn:uuid:new")
    assert clause.judge().alerts("account-takeover") == []


def test_an_employee_abroad_with_their_own_phone_is_nothing(tmp_path: Path) -> None:
    clause = used(tmp_path).registration("101", "2026-03-02 18:00", ip="5.1.0.10").call("101", "2026-03-02 18:10", ip="5.1.0.10")
    assert clause.judge().alerts("account-takeover") == []
