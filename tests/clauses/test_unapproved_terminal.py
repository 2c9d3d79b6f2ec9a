"""Articles 4.a and 4.d, only approved terminals, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")
DAY = 86_400_000
RULE = "unapproved-terminal"


def test_a_gateway_on_three_days_is_a_notice_and_then_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant(approved_user_agents=["Linphone*", "Yealink *"])
    for day in range(3):
        clause.registration("101", NINE + day * DAY, agent="Linphone/5.2")
        clause.registration("101", NINE + day * DAY + 60_000, agent="GoIP-8", device="")
    out = clause.judge()
    said = out.alerts(RULE)
    assert [(a["level"], a["measured"], a["clause"]) for a in said][::2] == [("notice", 1, "4.a, 4.d"), ("breach", 3, "4.a, 4.d")]
    assert out.suspensions() == []


def test_a_terminal_that_the_provider_approves_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant(approved_user_agents=["Linphone*"])
    for day in range(5):
        clause.registration("101", NINE + day * DAY, agent="Acrobits-Groundwire/6.1")
    assert clause.judge(policy={"rules": {RULE: {"approved_user_agents": ["Acrobits*"]}}}).alerts(RULE) == []


def test_a_customer_without_a_list_is_not_covered_and_the_summary_says_so(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for day in range(5):
        clause.registration("101", NINE + day * DAY, agent="GoIP-8")
    out = clause.judge()
    assert out.alerts(RULE) == []
    assert out.summary["counts"]["approved_terminals_unknown"] == 1


def test_a_terminal_that_was_refused_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path).tenant(approved_user_agents=["Linphone*"])
    for day in range(5):
        clause.registration("101", NINE + day * DAY, agent="GoIP-8", action="failed")
    assert clause.judge().alerts(RULE) == []
