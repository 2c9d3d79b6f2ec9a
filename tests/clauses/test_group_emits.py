"""Article 7.b, a call group is virtual and cannot place calls, through ``vigie run``."""

from __future__ import annotations

from pathlib import Path

from support.clause import Clause

RULE = "group-emits"


def test_an_answered_call_by_a_groups_identity_is_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("600", type="group")
    clause.call("600", "2026-03-02 09:00", device="")
    out = clause.judge()
    (said,) = out.alerts(RULE)
    assert (said["level"], said["licence"], said["measured"], said["clause"]) == ("breach", "600", 1, "7.b")
    assert said["crossed_at"] == "2026-03-02T08:00:05.000Z"
    assert out.suspensions() == []


def test_an_identity_that_only_the_account_fact_gives_to_the_group_is_a_breach(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("600", type="group", aors=["sip:sales@pbx.example"])
    clause.tenant().line(
        "call", "2026-03-02 09:01", phase="cdr", call_id="c1", direction="outbound", aor="sales@pbx.example", callee="0612345678",
        started_at="2026-03-02T08:00:00Z", answered_at="2026-03-02T08:00:05Z", ended_at="2026-03-02T08:01:00Z", pbx="pbx-1",
    )  # fmt: skip
    assert [a["licence"] for a in clause.judge().alerts(RULE)] == ["600"]


def test_a_group_that_overflows_to_a_mobile_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("600", type="group")
    clause.call("600", "2026-03-02 09:00", device="", diverted_by="600")
    assert clause.judge().alerts(RULE) == []


def test_a_member_who_calls_from_the_account_of_its_own_is_not_caught(tmp_path: Path) -> None:
    clause = Clause(tmp_path).licence("600", type="group", numbers=["+33140000600"])
    clause.call("101", "2026-03-02 09:00", presented="+33140000600")
    assert clause.judge().alerts(RULE) == []
