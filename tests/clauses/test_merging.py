"""One attack is one alert, through ``vigie run``: a break-in and the fraud that follows it, in either order (articles 5.d, 12.c, 12.d)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.abroad import days
from support.clause import Clause

HOME, THIEF = "2.0.0.10", "2.1.9.9"
PHONE: dict[str, Any] = {"ip": THIEF, "device": "urn:uuid:thief", "agent": "Zoiper/5.6"}


def used(tmp_path: Path) -> Clause:
    """An account that is used at home for a month."""
    clause = Clause(tmp_path)
    for day in days("2026-02-01", "2026-03-01"):
        clause.registration("101", f"{day} 08:00", ip=HOME)
        clause.call("101", f"{day} 10:00", ip=HOME)
    return clause


def break_in(clause: Clause, hour: str) -> None:
    for minute in range(3):
        clause.registration("101", f"{hour}:0{minute}", "failed", **PHONE)
    clause.registration("101", f"{hour}:05", **PHONE)


def fraud(clause: Clause, hour: str, **phone: Any) -> None:
    for n in range(6):
        clause.call("101", f"{hour}:{10 + 2 * n}", f"+88161234567{n}", talk_s=60, **phone)


def test_fraud_that_follows_a_break_in_is_a_sign_of_it(tmp_path: Path) -> None:
    clause = used(tmp_path)
    break_in(clause, "2026-03-02 03")
    fraud(clause, "2026-03-02 03", **PHONE)
    out = clause.judge()
    assert out.alerts("toll-fraud") == []
    said = out.alerts("account-takeover", "breach")[-1]
    assert [one["rule"] for one in said["facts"]["attached"]][-1:] == ["toll-fraud"]
    assert "toll-fraud" in said["summary"]
    (order,) = {tuple(one["restrictions"]) for one in out.suspensions("101")}
    assert order == ("paid", "international")
    assert {cause["alert_id"] for one in out.suspensions("101") for cause in one["causes"]} == {said["alert_id"]}


def test_a_break_in_that_follows_fraud_takes_its_alert_over_without_letting_the_line_go(tmp_path: Path) -> None:
    clause = used(tmp_path)
    fraud(clause, "2026-03-02 03", ip=HOME)
    break_in(clause, "2026-03-02 04")
    out = clause.judge()
    first = out.alerts("toll-fraud")[0]
    assert out.alerts("toll-fraud")[-1]["state"] == "closed"
    said = out.alerts("account-takeover")[-1]
    assert first["alert_id"] in said["supersedes"]
    assert {one["state"] for one in out.suspensions("101")} == {"active"}
    (cause,) = out.suspensions("101")[-1]["causes"]
    assert (cause["alert_id"], cause["restrictions"]) == (said["alert_id"], ["paid", "international"])


def test_fraud_on_an_account_that_nobody_broke_into_is_an_alert_of_its_own(tmp_path: Path) -> None:
    clause = used(tmp_path)
    fraud(clause, "2026-03-02 03", ip=HOME)
    out = clause.judge()
    assert {one["state"] for one in out.alerts("toll-fraud")} == {"open"}
    assert out.alerts("account-takeover") == []


def test_what_other_rules_find_on_a_stolen_account_stays_with_them(tmp_path: Path) -> None:
    clause = used(tmp_path)
    break_in(clause, "2026-03-02 08")
    for n in range(230):
        clause.call("101", 1_772_442_000_000 + 20_000 * n, f"+33700{7_919 * n:07}"[:12], None, ring_s=15, **PHONE)
    out = clause.judge()
    assert out.alerts("autodial")
    assert out.alerts("autodial")[-1]["state"] == "open"
    assert "attached" not in out.alerts("account-takeover")[-1]["facts"]
