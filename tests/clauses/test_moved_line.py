"""Article 10.b, lines must not be moved to another site, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")
DAY = 86_400_000
RULE = "moved-line"
SITE = [{"id": "lyon", "networks": ["2.0.0.0/24"]}]
AT_SITE, ELSEWHERE = "2.0.0.10", "2.1.0.10"


def house(tmp_path: Path, lines: int = 4, kind: str = "desk_phone") -> Clause:
    clause = Clause(tmp_path).tenant(sites=SITE)
    for n in range(lines):
        clause.licence(f"20{n}", type=kind, site="lyon")
    return clause


def test_a_desk_phone_elsewhere_for_three_closed_days_is_a_breach(tmp_path: Path) -> None:
    clause = house(tmp_path)
    for day in range(3):
        for n in range(4):
            clause.registration(f"20{n}", NINE + day * DAY, ip=AT_SITE if n else ELSEWHERE, agent="Yealink SIP-T46S")
    out = clause.judge(until="2026-03-05 06:00")
    (said,) = out.alerts(RULE)
    assert (said["level"], said["licence"], said["measured"], said["clause"]) == ("breach", "200", 3, "10.b")
    assert said["crossed_at"] == "2026-03-04T23:00:00.000Z"
    assert out.suspensions() == []


def test_half_of_a_site_together_is_one_notice_that_its_networks_are_out_of_date(tmp_path: Path) -> None:
    clause = house(tmp_path)
    for day in range(3):
        for n in range(4):
            clause.registration(f"20{n}", NINE + day * DAY, ip=AT_SITE if n > 1 else ELSEWHERE)
    (said,) = clause.judge(until="2026-03-05 06:00").alerts(RULE)
    assert (said["level"], said["licence"], said["measured"]) == ("notice", None, 2)
    assert "out of date" in said["summary"]


def test_a_phone_that_also_registers_at_its_site_is_not_caught(tmp_path: Path) -> None:
    clause = house(tmp_path)
    for day in range(6):
        clause.registration("200", NINE + day * DAY, ip=ELSEWHERE)
        clause.registration("200", NINE + day * DAY + 3_600_000, ip=AT_SITE)
    assert clause.judge(until="2026-03-10 06:00").alerts(RULE) == []


def test_softphones_are_not_caught(tmp_path: Path) -> None:
    clause = house(tmp_path, kind="softphone")
    for day in range(6):
        clause.registration("200", NINE + day * DAY, ip=ELSEWHERE)
    assert clause.judge(until="2026-03-10 06:00").alerts(RULE) == []


def test_a_customer_without_networks_is_not_covered_and_the_summary_says_so(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("200", type="desk_phone")
    for day in range(6):
        clause.registration("200", NINE + day * DAY, ip=ELSEWHERE)
    out = clause.judge(until="2026-03-10 06:00")
    assert out.alerts(RULE) == []
    assert out.summary["counts"]["site_networks_unknown"] == 1
