"""Articles 9.e and 9.f, the line as a gateway and resale of an unlimited offer, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause
from support.core import ms

NINE = ms("2026-03-02 09:00")
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


def test_callers_that_are_put_through_at_once_under_their_own_number_are_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(12):
        at, caller = NINE + n * 20 * MINUTE, f"+3361000{n:04}"
        clause.call("101", at, caller, talk_s=123, direction="inbound")
        clause.call("101", at + 3 * SECOND, f"+22177{n:07}", talk_s=120, presented=caller)
    out = clause.judge()
    said = out.alerts("gateway")
    assert [(one["level"], one["measured"]) for one in said] == [("notice", 1), ("breach", 2)]
    assert (said[-1]["clause"], said[-1]["mode"]) == ("9.e, 9.f", "review")
    assert said[-1]["money_at_risk_cents"] > 0
    assert out.suspensions() == []


def test_diversions_of_all_hours_to_hundreds_of_numbers_are_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(57 * 4):
        clause.call("101", NINE + n * 25 * MINUTE, f"+3362{n * 7919 % 10_000_000:07}", talk_s=60, diverted_by="101", cdr=n % 2 == 0)
    assert [one["level"] for one in clause.judge().alerts("gateway")] == ["breach"]


def test_follow_me_of_all_calls_to_a_few_targets_is_let_go(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(150):
        at, caller = NINE + n * 45 * MINUTE, f"+3361000{n:04}"
        clause.call("101", at, caller, talk_s=62, direction="inbound", linked_id=f"l{n}")
        clause.call("101", at + SECOND, f"+3362000000{n % 5}", talk_s=60, diverted_by="101", linked_id=f"l{n}", presented=caller)
    assert clause.judge().alerts("gateway") == []


def test_a_customer_that_presents_its_own_switchboard_number_is_let_go(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("reception", type="group", numbers=["+33140001000", "+33140001001"])
    for n in range(60):
        clause.call("101", NINE + n * 10 * MINUTE, f"+3362{n:07}", talk_s=300, presented=f"+3314000100{n % 2}")
        clause.call("102", NINE + n * 10 * MINUTE, f"+3363{n:07}", talk_s=300, presented="0140001000")
    assert clause.judge().alerts("gateway") == []


def test_a_salesperson_without_calls_in_is_let_go(tmp_path: Path) -> None:
    clause = Clause(tmp_path)
    for n in range(420):
        clause.call("101", NINE + n // 70 * DAY + n % 70 * 7 * MINUTE, f"+3362{n * 104_729 % 10_000_000:07}", talk_s=45 + n % 90)
    assert clause.judge().alerts("gateway") == []
